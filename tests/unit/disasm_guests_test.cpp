// The disasm verb on whole guests: plain and --gnu listings against the digests of what Go 1.27.4's objdump prints
// (made by tests/oracle/objdump.py); lengths against Zydis; stripped programs against whole
// ones.
#include <Zydis/Zydis.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>
#include <vector>

#include "unit/disasm_run.h"

namespace deferscope::test {
namespace {

namespace fs = std::filesystem;

std::string guests_folder() {
  const char* named = std::getenv("DEFERSCOPE_GUESTS");
  return named ? named : DEFERSCOPE_GUESTS_DEFAULT;
}

std::vector<std::string_view> functions(std::string_view listing) {
  std::vector<std::string_view> found;
  for (std::size_t at = 0; at < listing.size();) {
    const std::size_t end = listing.find("\n\nTEXT ", at);
    found.push_back(listing.substr(at, end == listing.npos ? listing.npos : end + 1 - at));
    if (end == listing.npos) break;
    at = end + 2;
  }
  return found;
}

std::uint32_t crc(std::string_view s) {
  return static_cast<std::uint32_t>(crc32_z(0, reinterpret_cast<const Bytef*>(s.data()), s.size()));
}

struct Whole {
  std::uint32_t crc = 0;
  std::size_t size = 0;
  bool operator==(const Whole&) const = default;
};
Whole digest_of(std::string_view s) { return {crc(s), s.size()}; }

struct Digests {
  Whole plain, gnu;
  std::vector<std::uint16_t> functions;  // the low half of each one's CRC
};

Digests digests_in(const fs::path& path) {
  Digests d;
  std::ifstream in(path);
  for (std::string l; std::getline(in, l);) {
    std::istringstream words(l);
    std::string name;
    Whole listing;
    words >> name >> std::hex >> listing.crc >> std::dec >> listing.size;
    if (name == "plain") d.plain = listing;
    if (name == "gnu") d.gnu = listing;
    if (l.empty() || l[0] == '#' || l.find(' ') != l.npos) continue;
    for (std::size_t i = 0; i + 4 <= l.size(); i += 4)
      d.functions.push_back(static_cast<std::uint16_t>(std::stoul(l.substr(i, 4), nullptr, 16)));
  }
  return d;
}

std::string_view name_of(std::string_view function) { return function.substr(0, function.find('\n')); }

void expect_objdumps_text(const fs::path& guest, const Digests& want) {
  const Output ours = run("--objdump-compat " + guest.string());
  ASSERT_EQ(ours.status, 0) << ours.text.substr(0, 300);
  if (digest_of(ours.text) != want.plain) {
    ADD_FAILURE() << guest << " is listed otherwise than by objdump";
    const auto list = functions(ours.text);
    EXPECT_EQ(list.size(), want.functions.size());
    int named = 0;
    for (std::size_t i = 0; i < std::min(list.size(), want.functions.size()) && named < 5; ++i)
      if ((crc(list[i]) & 0xffff) != want.functions[i]) ADD_FAILURE() << name_of(list[i]) << (++named, "");
  }
  EXPECT_TRUE(digest_of(run("--objdump-compat --gnu " + guest.string()).text) == want.gnu) << guest << " with --gnu";
}

TEST(DisasmGuests, EveryFunctionAsObjdump) {
  std::size_t compared = 0, missing = 0;
  const fs::path digests = "tests/digests/objdump";
  if (fs::is_directory(digests))
    for (const auto& file : fs::directory_iterator(digests)) {
      const fs::path guest = fs::path(guests_folder()) / file.path().stem();
      if (!fs::exists(guest)) {
        ++missing;
        continue;
      }
      expect_objdumps_text(guest, digests_in(file.path()));
      ++compared;
    }
  if (compared == 0)
    GTEST_SKIP() << "no guest with digests in " << guests_folder() << " (" << missing
                 << " digest files; DEFERSCOPE_GUESTS names the folder)";
  EXPECT_EQ(missing, 0u) << "of the guests with digests, in " << guests_folder();
  std::printf("%zu guests compared\n", compared);
}

// ---- what objdump does not have

std::string guest(const std::string& name) { return (fs::path(guests_folder()) / name).string(); }

constexpr const char* kGuests[] = {"casessmall_1.13.15_linux_amd64_nopt_dwarf",
                                   "casessmall_1.20.7_linux_arm64_opt_syms", "cases_1.27.4_linux_amd64_opt_syms"};

struct Listed {
  std::string pc, code, text;
};

struct Function {
  std::string name;
  std::vector<Listed> lines;
};

// The functions of a listing by the address of their first instruction.
std::map<std::string, Function> functions_in(const std::string& listing) {
  std::map<std::string, Function> all;
  std::istringstream in(listing);
  std::string name;
  Function* current = nullptr;
  for (std::string l; std::getline(in, l);) {
    if (l.starts_with("TEXT ")) name = l.substr(5, l.find("(SB) ") - 5), current = nullptr;
    std::vector<std::string> cells;
    std::istringstream parts(l);
    for (std::string c; std::getline(parts, c, '\t');)
      if (!c.empty()) cells.push_back(c);
    if (cells.size() < 4) continue;
    if (!current) *(current = &all[cells[1]]) = {name, {}};
    current->lines.push_back({cells[1], cells[2], cells[3]});
  }
  return all;
}

TEST(DisasmGuests, EveryInstructionHasZydisLength) {
  const std::string path = guest("cases_1.27.4_linux_amd64_opt_syms");
  if (!fs::exists(path)) GTEST_SKIP() << "no " << path;
  ZydisDecoder decoder;
  ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
  std::size_t seen = 0;
  for (const auto& [start, function] : functions_in(run(path).text))
    for (const Listed& l : function.lines) {
      std::uint8_t code[15] = {};
      const std::size_t size = l.code.size() / 2;
      for (std::size_t i = 0; i < size; ++i)
        code[i] = static_cast<std::uint8_t>(std::stoi(l.code.substr(2 * i, 2), nullptr, 16));
      ZydisDecodedInstruction z;
      const bool known = ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(&decoder, nullptr, code, size, &z));
      ASSERT_EQ(known, l.text != "?") << function.name << ' ' << l.pc;
      ASSERT_EQ(known ? z.length : 1u, size) << function.name << ' ' << l.pc;
      ++seen;
    }
  EXPECT_GT(seen, 100'000u);
}

// A copy of the program without its symbol table: the section's header is blanked, as strip would take it away.
std::string without_symbols(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::string bytes(std::istreambuf_iterator<char>(in), {});
  const auto number = [&](std::size_t at, std::size_t size) {
    std::uint64_t v = 0;
    std::memcpy(&v, bytes.data() + at, size);
    return v;
  };
  const std::uint64_t table = number(0x28, 8), size = number(0x3a, 2), count = number(0x3c, 2);  // e_shoff, …
  for (std::uint64_t at = table; at < table + size * count; at += size)
    if (number(at + 4, 4) == 2) std::memset(bytes.data() + at, 0, size);  // SHT_SYMTAB
  const std::string copy = testing::TempDir() + "disasm_stripped";
  std::ofstream(copy, std::ios::binary) << bytes;
  return copy;
}

// The symbol table tells which calling convention a function of assembly has, pclntab does not.
std::string without_abi(std::string text) {
  if (const std::size_t at = text.find(".abi0(SB)"); at != text.npos) text.erase(at, 5);
  return text;
}

// pclntab writes the type arguments of generic functions as [...], and · where the symbol table has a point.
std::string comparable(std::string name) {
  name = without_abi(name.substr(0, name.find('[')) + "(SB)");
  for (std::size_t at; (at = name.find("·")) != name.npos;) name.replace(at, 2, 1, '.');
  return name;
}

void expect_same_lines(const Function& bare, const Function& whole) {
  ASSERT_LE(bare.lines.size(), whole.lines.size()) << bare.name;
  for (std::size_t i = 0; i < bare.lines.size(); ++i) {
    const Listed &a = bare.lines[i], &b = whole.lines[i];
    ASSERT_EQ(a.pc + a.code, b.pc + b.code) << bare.name;
    if (b.text.find("(SB)") == b.text.npos || b.text.starts_with("CALL ")) {
      ASSERT_EQ(a.text, without_abi(b.text)) << bare.name << ' ' << a.pc;
    }
  }
}

// Names of functions come from pclntab then; data has no names, and the padding behind functions is not listed.
TEST(DisasmGuests, StrippedProgramsKeepTheirFunctions) {
  for (const char* name : kGuests) {
    if (!fs::exists(guest(name))) GTEST_SKIP() << "no " << name;
    const auto whole = functions_in(run(guest(name)).text);
    const std::string copy = without_symbols(guest(name));
    const Output o = run(copy);
    fs::remove(copy);
    ASSERT_EQ(o.status, 0) << o.text.substr(0, 300);
    std::size_t compared = 0, unnamed = 0;
    for (const auto& [start, function] : functions_in(o.text)) {
      const auto same = whole.find(start);
      if (same == whole.end()) {
        ++unnamed;
        continue;
      }
      EXPECT_EQ(comparable(function.name), comparable(same->second.name));
      expect_same_lines(function, same->second);
      ++compared;
    }
    EXPECT_GT(compared, 1000u) << name;
    EXPECT_LT(unnamed, compared / 50) << name;
  }
}

}  // namespace
}  // namespace deferscope::test
