// The table against capstone 4.0.2, an independent decoder: the same words are instructions, and the same ones. Where
// they differ a list says who is right.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "isa/arm64/lift.h"
#include "isa/arm64/table.h"
#include "tests/unit/isa_capstone.h"

namespace deferscope::isa::arm64 {
namespace {

// Capstone's aliases and what they stand for.
const std::multimap<std::string_view, std::string_view> kAliases = {
    {"msr", "sb"},        {"mov", "orr"},       {"mov", "movz"},     {"mov", "movn"},     {"mov", "add"},
    {"mov", "ins"},       {"mov", "dup"},       {"mov", "umov"},     {"cmp", "subs"},     {"cmn", "adds"},
    {"neg", "sub"},       {"negs", "subs"},     {"tst", "ands"},     {"mvn", "orn"},      {"ngc", "sbc"},
    {"ngcs", "sbcs"},     {"lsl", "ubfm"},      {"lsr", "ubfm"},     {"asr", "sbfm"},     {"ubfx", "ubfm"},
    {"ubfiz", "ubfm"},    {"uxtb", "ubfm"},     {"uxth", "ubfm"},    {"sbfx", "sbfm"},    {"sbfiz", "sbfm"},
    {"sxtb", "sbfm"},     {"sxth", "sbfm"},     {"sxtw", "sbfm"},    {"bfi", "bfm"},      {"bfxil", "bfm"},
    {"bfc", "bfm"},       {"ror", "extr"},      {"lsl", "lslv"},     {"lsr", "lsrv"},     {"asr", "asrv"},
    {"ror", "rorv"},      {"mul", "madd"},      {"mneg", "msub"},    {"smull", "smaddl"}, {"umull", "umaddl"},
    {"smnegl", "smsubl"}, {"umnegl", "umsubl"}, {"cset", "csinc"},   {"cinc", "csinc"},   {"csetm", "csinv"},
    {"cinv", "csinv"},    {"cneg", "csneg"},    {"nop", "hint"},     {"yield", "hint"},   {"wfe", "hint"},
    {"wfi", "hint"},      {"sev", "hint"},      {"sevl", "hint"},    {"mvn", "not"},      {"sxtl", "sshll"},
    {"uxtl", "ushll"},    {"sxtl2", "sshll2"},  {"uxtl2", "ushll2"}, {"rev64", "rev"},    {"esb", "hint"},
    {"csdb", "hint"},     {"psb", "hint"},      {"dcps1", "hlt"},    {"msr", "msr"},      {"bti", "hint"},
};

std::string lower(std::string_view s) {
  std::string r(s);
  std::transform(r.begin(), r.end(), r.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return r;
}

// The mnemonics in a row's name: "CAS, CASB, …" and "LDR Wt (literal)" → "ldr".
std::vector<std::string> mnemonics(const Row& row) {
  std::string_view name = row.name;
  if (const size_t p = name.find(" ("); p != name.npos) name = name.substr(0, p);
  std::vector<std::string> out;
  while (!name.empty()) {
    const size_t comma = name.find(", ");
    std::string_view one = name.substr(0, comma);
    name = comma == name.npos ? "" : name.substr(comma + 2);
    out.push_back(lower(one.substr(0, one.find(' '))));
    if (one.starts_with("DC ") || one.starts_with("IC ")) out.back() = lower(one.substr(0, 2));
  }
  return out;
}

bool names(const Row& row, const std::string& mnemonic) {
  const std::vector<std::string> ours = mnemonics(row);
  const auto has = [&](std::string_view m) { return std::find(ours.begin(), ours.end(), m) != ours.end(); };
  const bool upper =
      std::string_view(row.name).find("(by element)") != std::string_view::npos && mnemonic.ends_with('2');
  if (upper && has(std::string_view(mnemonic).substr(0, mnemonic.size() - 1))) return true;
  if (has(mnemonic) || (has("b.cond") && mnemonic.starts_with("b."))) return true;
  const auto [from, to] = kAliases.equal_range(mnemonic);
  return std::any_of(from, to, [&](const auto& alias) { return has(alias.second); });
}

// Rows that capstone 4.0.2 lacks, by how the name begins.
struct Lacking {
  std::string_view row, reason;
};
constexpr Lacking kCapstoneLacks[] = {
    {"CAS", "v8.1"},
    {"SWP", "v8.1"},
    {"LDADD", "v8.1"},
    {"LDCLR", "v8.1"},
    {"LDEOR", "v8.1"},
    {"LDSET", "v8.1"},
    {"LDSMAX", "v8.1"},
    {"LDSMIN", "v8.1"},
    {"LDUMAX", "v8.1"},
    {"LDUMIN", "v8.1"},
    {"LDLAR", "v8.1"},
    {"STLLR", "v8.1"},
    {"SHA512", "v8.2"},
    {"EOR3", "v8.2"},
    {"BCAX", "v8.2"},
    {"RAX1", "v8.2"},
    {"XAR", "v8.2"},
    {"MSR DIT", "v8.4"},
    {"UDF", "no pattern of its own there"},
};
bool capstone_lacks(const Row& row) {
  return std::any_of(std::begin(kCapstoneLacks), std::end(kCapstoneLacks),
                     [&](const Lacking& x) { return std::string_view(row.name).starts_with(x.row); });
}

// Words that capstone rejects and we take.
bool capstone_rejects(const Row& row, uint32_t word) {
  const std::string_view name = row.name;
  const uint32_t t = word & 31, n = word >> 5 & 31, t2 = word >> 10 & 31;
  // Constrained unpredictable: a pair into one register, a base written back that is also loaded or stored (LDTR too,
  // where capstone errs: it writes nothing back).
  const bool pair = name.starts_with("LDP") || name.starts_with("LDNP") || name.starts_with("LDXP") ||
                    name.starts_with("LDAXP") || name.starts_with("STP");
  if (pair && t == t2) return true;
  if ((name.find("-index)") != name.npos || name.starts_with("LDTR")) && (n == t || (pair && n == t2))) return true;
  // The manual ignores the index bits that the element size leaves over; capstone wants zeros.
  return name == "DUP (general)" || name == "INS (element)";
}

uint32_t random_word(const Row& row, std::mt19937& rng) {
  uint32_t w = static_cast<uint32_t>(rng());
  for (unsigned i = 0; i < 32; ++i)
    if (row.bits[i] == '-') w |= 1u << (31 - i);
  return (w & ~row.mask) | row.value;
}

TEST(Arm64Table, EveryRowIsCapstonesInstruction) {
  Capstone capstone;
  std::mt19937 rng(1);
  for (const Row& row : rows()) {
    std::map<std::string, std::pair<uint32_t, int>> wrong;  // what is wrong: an example, how often
    for (int k = 0; k < 1000; ++k) {
      const uint32_t word = random_word(row, rng);
      if (find(word) != &row) continue;  // a more special row's
      Lifted l;
      lift(word, 0x1000, l);
      const bool ours = l.fault == Fault::None || row.cls == Class::System;
      const std::string theirs = capstone.mnemonic(word, 0x1000);
      std::string what;
      if (ours && theirs.empty() && !capstone_lacks(row) && !capstone_rejects(row, word))
        what = "capstone has no such instruction";
      if (!ours && !theirs.empty()) what = "undefined here; capstone: " + theirs;
      if (ours && !theirs.empty() && !names(row, theirs)) what = "capstone: " + theirs;
      if (what.empty()) continue;
      auto& [example, count] = wrong[what];
      example = word, ++count;
    }
    for (const auto& [what, where] : wrong)
      ADD_FAILURE() << fmt::format("{}: {:08x} ({} of 1000) {}", row.name, where.first, where.second, what);
  }
}

// Undefined at EL0 (DCPS, TLBI), or a system instruction or register space (op0 0 and 1) in which EL0 has only what the
// table lists.
bool for_the_kernel(std::string_view m) {
  return m.starts_with("dcps") || m == "tlbi" || m == "sys" || m == "sysl" || m == "mrs" || m == "msr" || m == "at" ||
         m == "dc" || m == "ic";
}

// What capstone knows and the table does not.
TEST(Arm64Table, NoInstructionOfCapstonesIsMissing) {
  Capstone capstone;
  std::mt19937 rng(2);
  std::map<std::string, std::pair<uint32_t, int>> missing;
  for (int k = 0; k < 1'000'000; ++k) {
    const uint32_t word = static_cast<uint32_t>(rng());
    if (find(word)) continue;
    const std::string theirs = capstone.mnemonic(word, 0x1000);
    if (theirs.empty() || for_the_kernel(theirs)) continue;
    auto& [example, count] = missing[theirs];
    example = word, ++count;
  }
  for (const auto& [what, where] : missing)
    ADD_FAILURE() << fmt::format("{}: {:08x} ({} times)", what, where.first, where.second);
}

}  // namespace
}  // namespace deferscope::isa::arm64
