// The arm64 text against capstone 4.0.2, an independent decoder: every row of the text's table is filled with random
// fields, and the GNU form must say the same as capstone, mnemonic and operands, after both are brought to one
// spelling. What differs for a reason is listed by rule.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <cstring>
#include <map>
#include <random>
#include <regex>

#include "isa/arm64/lift.h"
#include "isa/arm64/table.h"
#include "tests/unit/isa_capstone.h"
#include "tests/unit/isa_text_lines.h"

namespace deferscope::isa {
namespace {

constexpr std::string_view kPatterns[] = {
#define ROW(mnemonic, encoding, operands, condition, gnu) encoding,
#define BEYOND(mnemonic, encoding, operands, condition, gnu) encoding,
#define ASSEMBLER(mnemonic, encoding, operands) encoding,
#include "isa/arm64/plan9_table.inc"
#undef ROW
#undef BEYOND
#undef ASSEMBLER
};

std::uint32_t filled(std::string_view bits, std::mt19937& rng) {
  std::uint32_t word = static_cast<std::uint32_t>(rng());
  for (std::size_t i = 0; i < 32; ++i) {
    const std::uint32_t bit = 1u << (31 - i);
    if (bits[i] == '0') word &= ~bit;
    if (bits[i] == '1') word |= bit;
  }
  return word;
}

std::uint32_t word_of(const std::vector<std::uint8_t>& b) {
  return b[0] | b[1] << 8 | b[2] << 16 | static_cast<std::uint32_t>(b[3]) << 24;
}

std::vector<std::uint8_t> bytes_of(std::uint32_t w) {
  return {static_cast<std::uint8_t>(w), static_cast<std::uint8_t>(w >> 8), static_cast<std::uint8_t>(w >> 16),
          static_cast<std::uint8_t>(w >> 24)};
}

// ---- both texts in one spelling

std::string replaced(std::string text, const std::regex& what, const char* with) {
  return std::regex_replace(text, what, with);
}

// {v2.2d-v5.2d} as {v2.2d, v3.2d, v4.2d, v5.2d}
std::string list_in_full(const std::string& text) {
  static const std::regex kRange(R"(\{v(\d+)\.(\w+)-v\d+\.\w+\})");
  std::smatch m;
  if (!std::regex_search(text, m, kRange)) return text;
  const std::string last = m[0].str().substr(m[0].str().find("-v") + 2);
  std::string list(1, '{');
  for (int r = std::stoi(m[1]);; r = (r + 1) % 32) {
    list += fmt::format("v{}.{}", r, m[2].str());
    if (r == std::stoi(last)) break;
    list += ", ";
  }
  return fmt::format("{}{}}}{}", m.prefix().str(), list, m.suffix().str());
}

// Every number in decimal, modulo 2^64; ".+0x8" as an address; no blanks but the one behind the mnemonic.
std::string normal(std::string text) {
  static const std::regex kNumber(R"((\.\+)?(-?)\b(0x[0-9a-f]+|\d+(\.\d+(e[-+]\d+)?)?)\b)");
  std::string out;
  auto rest = text.cbegin();
  for (std::sregex_iterator i(text.begin(), text.end(), kNumber), end; i != end; ++i) {
    out.append(rest, text.cbegin() + i->position());
    rest = text.cbegin() + i->position() + i->length();
    const bool minus = (*i)[2].length() != 0;
    if ((*i)[4].matched) {
      const double v = std::stod((*i)[3]);
      out += std::to_string(minus ? -v : v);
    } else {
      const std::uint64_t v = std::stoull((*i)[3], nullptr, 0);
      out += std::to_string((minus ? 0 - v : v) + ((*i)[1].matched ? kPc : 0));
    }
  }
  out.append(rest, text.cend());
  const std::size_t blank = std::min(out.find(' '), out.size());
  std::string operands = out.substr(blank);
  std::erase_if(operands, [](char c) { return c == ' ' || c == '#'; });
  return operands.empty() ? out.substr(0, blank) : out.substr(0, blank) + " " + operands;
}

// Names of one thing: capstone has the Arm ARM's conditions hs and lo, calls condition 15 nv, and writes 0.0.
std::string as_capstone_spells(std::uint32_t word, std::string text) {
  static const std::regex kCs(R"(\bcs\b)"), kCc(R"(\bcc\b)"), kAl(R"(\bal\b)"), kZero(R"((f\w+ .*), #0$)");
  text = list_in_full(replaced(replaced(text, kCs, "hs"), kCc, "lo"));
  const bool code15 = (word >> 24 == 0x54 ? word : word >> 12) % 16 == 15;
  if (code15) text = replaced(text, kAl, "nv");
  return normal(replaced(text, kZero, "$1, #0.0"));
}

// ---- what may differ

// Of two spellings of one instruction we take objdump's (binutils' of its time) where capstone prefers another.
bool other_spelling(std::uint32_t word, const std::string& ours, const std::string& theirs) {
  const auto mnemonic = [](const std::string& s) { return s.substr(0, s.find(' ')); };
  const std::string a = mnemonic(ours), b = mnemonic(theirs);
  const auto operands = [](const std::string& s) { return s.substr(std::min(s.find(' '), s.size())); };
  if (a == "mov" && b == "orr")
    return std::regex_replace(operands(theirs), std::regex(",[xw]zr,"), ",") == operands(ours);
  if (a == "mov" && b == "ins") return operands(ours) == operands(theirs);
  if ((a == "uxtl" || a == "uxtl2" || a == "sxtl" || a == "sxtl2"))
    return b == fmt::format("{}shll{}", a[0], a.substr(4)) && operands(theirs) == fmt::format("{},0", operands(ours));
  if (a == "mov" && (b == "movz" || b == "movn")) {
    std::smatch m;
    if (!std::regex_match(theirs, m, std::regex(R"(mov[zn] (([wx]).*),(\d+)(,lsl(\d+))?)"))) return false;
    std::uint64_t v = std::stoull(m[3]) << (m[5].matched ? std::stoi(m[5]) : 0);
    if (b == "movn") v = ~v;
    if (m[2] == "w") v &= 0xffffffff;
    return ours == fmt::format("mov {},{}", m[1].str(), v);
  }
  if (a == "bfm" && b == "bfi") {  // bfc: Rn is the zero register
    std::smatch m;
    if (!std::regex_match(theirs, m, std::regex(R"(bfi (([wx]).*),(\d+),(\d+))"))) return false;
    const int bits = m[2] == "w" ? 32 : 64, lsb = std::stoi(m[3]), width = std::stoi(m[4]);
    return ours == fmt::format("bfm {},{},{}", m[1].str(), (bits - lsb) % bits, width - 1);
  }
  // Under conditions 14 and 15 the Arm ARM has no cinc, cset, …; capstone does.
  const bool always = (word >> 13 & 7) == 7;
  if (always && (a == "csinc" || a == "csinv" || a == "csneg")) return b[0] == 'c' && theirs.ends_with(",nv");
  return false;
}

// Where capstone 4.0.2 says less or errs.
bool capstone_errs(const std::string& ours, const std::string& theirs) {
  if (ours == "sb") return theirs.starts_with("msr ");                                          // v8.5
  if (ours.starts_with("dc ") || ours.starts_with("tlbi ")) return theirs.starts_with("sys ");  // later ones
  if (ours.starts_with("sys "))
    return theirs.starts_with("at ") || theirs.starts_with("ic ") || theirs.starts_with("tlbi ") ||
           theirs == replaced(ours, std::regex("C"), "c");
  if (ours.starts_with("sysl ")) return theirs == replaced(ours, std::regex("C"), "c");
  // It names system registers that belong to the kernel; of those without a name it prints op0 as 3 always.
  static const std::regex kRegister(R"(\bs[0-3]_\d_c\d+_c\d+_\d)");
  std::smatch m;
  if (!std::regex_search(ours, m, kRegister)) return false;
  const std::string before = m.prefix(), after = m.suffix();
  return theirs.starts_with(before) && theirs.ends_with(after) && theirs.size() > before.size() + after.size();
}

// Instructions younger than capstone 4.0.2, by how they begin.
bool younger_than_capstone(std::string_view ours) {
  static constexpr std::string_view kYounger[] = {
      "cas",     "swp",      "ldadd",   "ldclr",   "ldeor", "ldset", "ldsmax", "ldsmin", "ldumax",  // v8.1 LSE
      "ldumin",                                                                                     //
      "sha512",  "bcax",     "eor3",    "rax1",    "xar",                                           // v8.2 SHA512, SHA3
      "stllr",   "ldlar",                                                                           // v8.1 LORegions
      "ldapr",   "fjcvtzs",                                                                         // v8.3
      "msr tco", "msr ssbs", "msr dit", "msr uao",                                                  // v8.2 to v8.5
  };
  return std::any_of(std::begin(kYounger), std::end(kYounger), [&](auto s) { return ours.starts_with(s); });
}

// Words that capstone rejects though they are what we say: constrained unpredictable ones (a pair into one register, a
// base written back that is loaded or stored too), and element indices below the element's size, which the manual
// ignores.
bool capstone_rejects(std::string_view ours, std::uint32_t word) {
  const std::uint32_t t = word & 31, n = word >> 5 & 31, t2 = word >> 10 & 31;
  const bool pair = ours.starts_with("ldp") || ours.starts_with("ldnp") || ours.starts_with("ldxp") ||
                    ours.starts_with("ldaxp") || ours.starts_with("stp");
  if (pair && (t == t2 || n == t || n == t2)) return true;
  if ((ours.starts_with("ldr") || ours.starts_with("str") || ours.starts_with("ldtr")) && n == t) return true;
  return ours.starts_with("dup ") || ours.starts_with("mov v");
}

TEST(Arm64Text, SaysWhatCapstoneSays) {
  constexpr int kEach = 40;  // words a row
  Capstone capstone;
  std::mt19937 rng(3);
  std::size_t same = 0;
  std::map<std::string, int> shown;
  for (const std::string_view bits : kPatterns)
    for (int k = 0; k < kEach; ++k) {
      const std::uint32_t word = filled(bits, rng);
      const Text text = gnu(Isa::arm64, bytes_of(word), {});
      const std::string theirs = capstone.text(word, kPc);
      if (!text.size.known) {
        if (!theirs.empty() && ++shown[fmt::format("?{}", theirs.substr(0, theirs.find(' ')))] == 1)
          ADD_FAILURE() << fmt::format("{:08x} ? | {}", word, theirs);
        continue;
      }
      const std::string ours = as_capstone_spells(word, text.text), other = normal(theirs);
      if (ours == other) {
        ++same;
        continue;
      }
      const bool allowed = theirs.empty() ? younger_than_capstone(ours) || capstone_rejects(ours, word)
                                          : other_spelling(word, ours, other) || capstone_errs(ours, other);
      if (!allowed && ++shown[ours.substr(0, ours.find(' '))] == 1)
        ADD_FAILURE() << fmt::format("{:08x} {} | {}", word, ours, other);
    }
  EXPECT_GT(same, std::size(kPatterns) * kEach * 3 / 5);
}

// System instructions have a general form (SYS, MSR, MRS, HINT) that takes any word of their space.
TEST(Arm64Text, MissesNothingThatCapstoneKnows) {
  Capstone capstone;
  std::mt19937 rng(4);
  std::map<std::string, std::uint32_t> missing;
  for (int k = 0; k < 500'000; ++k) {
    const std::uint32_t word = static_cast<std::uint32_t>(rng());
    if (gnu(Isa::arm64, bytes_of(word), {}).size.known) continue;
    if ((word & 0xffd00000) == 0xd5000000) continue;  // op0 is 0: unallocated but for MSR; capstone shows MSR and MRS
    if (const std::string theirs = capstone.text(word, kPc); !theirs.empty())
      missing[theirs.substr(0, theirs.find(' '))] = word;
  }
  for (const auto& [name, word] : missing) ADD_FAILURE() << fmt::format("{:08x} is {}", word, name);
}

// The emulator's table and the text's are two; what the one executes the other must name.
TEST(Arm64Text, NamesEveryInstructionOfTheEmulator) {
  std::mt19937 rng(5);
  for (const arm64::Row& row : arm64::rows())
    for (int k = 0; k < 100; ++k) {
      const std::uint32_t word = (static_cast<std::uint32_t>(rng()) & ~row.mask) | row.value;
      Lifted l;
      arm64::lift(word, kPc, l);
      if (arm64::find(word) != &row || l.fault != Fault::None) continue;
      const Text go_text = go(Isa::arm64, bytes_of(word), {}), gnu_text = gnu(Isa::arm64, bytes_of(word), {});
      if (go_text.size.known && gnu_text.size.known) continue;
      ADD_FAILURE() << fmt::format("{}: {:08x} has no text", row.name, word);
      break;
    }
}

// ---- Go's syntax: the same registers must be named
//
// Mnemonics differ by syntax; what a word *is* shows in its registers too. Numbers of all registers named, sorted; 31,
// SP and ZR are one.

std::vector<int> registers_in(std::string_view text) {
  std::vector<int> found;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = static_cast<char>(std::tolower(text[i]));
    const bool starts = i == 0 || (text[i - 1] != '.' && !std::isalnum(static_cast<unsigned char>(text[i - 1])));
    if (!starts || i + 1 >= text.size()) continue;
    if (c != '\0' && std::strchr("rxwvfdsqbh", c) && std::isdigit(static_cast<unsigned char>(text[i + 1]))) {
      found.push_back(std::atoi(std::string(text.substr(i + 1, 2)).c_str()));
    }
  }
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  return found;
}

// Words of the table that capstone 4 does not know or shows as another alias without one of the registers.
bool left_out(std::string_view ours, std::string_view theirs) {
  static constexpr std::string_view kOurs[] = {
      "DC",  "JMP (R31)", "CALL (R31)", "TLBI",  "SYS",   "MSR",  "MRS",   "HINT",    "PRFM",  "PRFUM",
      "RET", "DCPS",      "SHA512",     "VEOR3", "VRAX1", "VXAR", "VBCAX", "FJCVTZS", "LDAPR", "CASP",
      "VLD", "VST",       "LD2",        "LD3",   "LD4",   "ST2",  "ST3",   "ST4",     "VTB"};
  for (const std::string_view s : kOurs)
    if (ours.starts_with(s)) return true;
  return theirs.starts_with("sys") || theirs.starts_with("bfc");
}

TEST(Arm64Text, GoSyntaxNamesTheRegistersThatCapstoneNames) {
  Capstone capstone;
  std::size_t compared = 0;
  for (const Line& l : lines_of("tests/unit/data/text_arm64.tsv")) {
    const std::vector<std::uint8_t> code = from_hex(l.hex);
    const Text ours = go(Isa::arm64, code, {});
    const std::string theirs = capstone.text(word_of(code), kPc);
    if (!ours.size.known || theirs.empty() || left_out(ours.text, theirs)) continue;
    ++compared;
    const std::string operands = ours.text.substr(std::min(ours.text.find(' '), ours.text.size()));
    EXPECT_EQ(registers_in(operands), registers_in(theirs.substr(theirs.find(' ')))) << ours.text << " | " << theirs;
  }
  EXPECT_GT(compared, 2500u);
}

}  // namespace
}  // namespace deferscope::isa
