// The text of instructions: against Go 1.27.4's own decoder (data files made by tests/oracle/go_text.py), against Zydis
// and capstone, and where we go beyond Go.
#include <Zydis/Zydis.h>
#include <capstone/capstone.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <random>
#include <sstream>

#include "isa/text/text.h"

namespace deferscope::isa {
namespace {

constexpr std::uint64_t kPc = 0x401000;

std::vector<std::uint8_t> from_hex(std::string_view hex) {
  std::vector<std::uint8_t> bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    bytes.push_back(static_cast<std::uint8_t>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
  return bytes;
}

struct Text {
  TextSize size;
  std::string text;
};

Text go(Arch arch, std::span<const std::uint8_t> code, const TextOptions& options, const Symbols& symbols = Symbols()) {
  Text t;
  t.size = append_go(arch, code, kPc, symbols, options, t.text);
  return t;
}

constexpr TextOptions kCompat{.objdump_compat = true};

bool zydis_knows(std::span<const std::uint8_t> code, std::uint32_t* length = nullptr) {
  ZydisDecoder decoder;
  ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
  ZydisDecodedInstruction z;
  if (!ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(&decoder, nullptr, code.data(), code.size(), &z))) return false;
  if (length) *length = z.length;
  return true;
}

struct Line {
  std::string hex, text;
  std::uint32_t size = 0;
};

std::vector<Line> lines_of(const std::string& path) {
  std::ifstream in(path);
  EXPECT_TRUE(in) << path;
  std::vector<Line> lines;
  for (std::string l; std::getline(in, l);) {
    if (l.starts_with('#')) continue;
    const std::size_t a = l.find('\t'), b = l.find('\t', a + 1);
    lines.push_back(
        {l.substr(0, a), l.substr(b + 1), static_cast<std::uint32_t>(std::stoul(l.substr(a + 1, b - a - 1)))});
  }
  return lines;
}

// Encodings that processors have since given to other instructions, and moves of control and debug registers: these
// have no memory form, so the processor takes no displacement where objdump does.
bool reassigned(std::string_view text) {
  return text.find(" DR") != text.npos || text.find(" CR") != text.npos || text.starts_with("XSAVEOPT") ||
         text.starts_with("CLFLUSH") || text.starts_with("RDRAND") || text.starts_with("REP; XSAVE");
}

// Differences by rule: code that is no instruction of any processor (Zydis refuses it) may be shown as `?`, unless
// objdump's decoder reads it leniently in a way we copy; half-precision broadcasts, which Go cannot write, lack
// objdump's missing suffix.
bool permitted(const Line& l, const Text& ours) {
  return (ours.text == "?" && !zydis_knows(from_hex(l.hex))) || l.text.find("PH ") != std::string::npos ||
         reassigned(l.text);
}

void expect_go_text(Arch arch, const std::string& path) {
  std::size_t differ = 0, permitted_count = 0, total = 0;
  for (const Line& l : lines_of(path)) {
    ++total;
    const Text ours = go(arch, from_hex(l.hex), kCompat);
    if (ours.text == l.text && ours.size.size == l.size) continue;
    if (arch == Arch::x86_64 && permitted(l, ours)) {
      ++permitted_count;
      continue;
    }
    if (++differ <= 20)
      ADD_FAILURE() << l.hex << ": Go says " << l.size << " " << l.text << ", we say " << ours.size.size << " "
                    << ours.text;
  }
  EXPECT_EQ(differ, 0u);
  EXPECT_GT(total, 1000u);
  EXPECT_LT(permitted_count, total / 2);
}

TEST(GoText, Arm64AsObjdump) { expect_go_text(Arch::arm64, "tests/unit/data/text_arm64.tsv"); }
TEST(GoText, Amd64AsObjdump) { expect_go_text(Arch::x86_64, "tests/unit/data/text_amd64.tsv"); }

// ---- names of addresses

struct OneSymbol : Symbols {
  SymbolAt at(std::uint64_t a) const override {
    return a >= 0x402000 && a < 0x402100 ? SymbolAt{"main.f", 0x402000} : SymbolAt{};
  }
};

struct Case {
  Arch arch;
  const char* hex;
  const char* text;
  TextOptions options;
};

TEST(GoText, SymbolsAndBeyond) {
  constexpr auto x86 = Arch::x86_64, arm = Arch::arm64;
  constexpr TextOptions compat{.objdump_compat = true}, plain{}, names{.asm_names = true};
  const Case cases[] = {
      {x86, "e8fb0f0000", "CALL main.f(SB)", compat},
      {x86, "e8fc0f0000", "CALL 0x402001", compat},                  // not the start of a symbol
      {x86, "488d0500100000", "LEAQ main.f+7(SB), AX", compat},      // relative to the instruction pointer
      {x86, "c5fe6f0500100000", "VMOVDQU 0x1000, Y0", compat},       // objdump forgets the base
      {x86, "c5fe6f0500100000", "VMOVDQU main.f+8(SB), Y0", plain},  //
      {x86, "c7042405204000", "MOVL $main.f+5(SB), 0(SP)", compat},  // a constant taken for an address
      {x86, "c7042405204000", "MOVL $0x402005, 0(SP)", plain},       //
      {x86, "c5f877e9", "VZEROUPPER", compat},                       //
      {x86, "f30f1efa", "?", compat},                                //
      {x86, "f30f1efa", "ENDBR64", plain},                           //
      {x86, "c4e2f8f2c1", "?", compat},                              //
      {x86, "c4e2f8f2c1", "ANDNQ CX, AX, AX", plain},                //
      {x86, "c4e37bf0c108", "RORXL $0x8, CX, AX", plain},            //
      {x86, "66480f38f6c1", "ADCXQ CX, AX", plain},                  //
      {x86, "7602", "JBE 0x401004", plain},                          //
      {x86, "7602", "JLS 0x401004", names},                          //
      {x86, "0f94c0", "SETEQ AL", names},                            //
      {x86, "0fb6c1", "MOVBLZX CL, AX", names},                      //
      {x86, "480f44c1", "CMOVQEQ CX, AX", names},                    //
      {x86, "f2480f2ac1", "CVTSQ2SD CX, X0", names},                 //
      {x86, "486bc003", "IMUL3Q $0x3, AX, AX", names},               //
      {x86, "f20f10c1", "MOVSD_XMM X1, X0", plain},                  //
      {x86, "f20f10c1", "MOVSD X1, X0", names},                      //
      {arm, "00040094", "CALL main.f(SB)", compat},                  //
      {arm, "01040094", "CALL 1025(PC)", compat},                    //
      {arm, "00800058", "MOVD $main.f(SB), R0", compat},             // a literal
      {arm, "2300e2f8", "?", compat},                                //
      {arm, "2300e2f8", "LDADDALD R2, (R1), R3", plain},             //
      {arm, "65fcfbc8", "CASALD R27, (R3), R5", plain},              //
      {arm, "83fcfb88", "CASALW R27, (R4), R3", plain},              //
      {arm, "827c2048", "CASPD (R0, R1), (R4), (R2, R3)", plain},    //
      {arm, "4180e1b8", "SWPALW R1, (R2), R1", plain},               //
      {arm, "00e0e00e", "VPMULL V0.D1, V0.D1, V0.Q1", compat},       //
      {arm, "428062ce", "SHA512H V2.D2, V2, V2", plain},             //
      {arm, "42000054", "BCS 2(PC)", plain},                         //
      {arm, "42000054", "BHS 2(PC)", names},                         //
      {arm, "00000000", "?", plain},                                 // padding is no instruction
  };
  for (const Case& c : cases) {
    const Text t = go(c.arch, from_hex(c.hex), c.options, OneSymbol());
    EXPECT_EQ(t.text, c.text) << c.hex;
  }
  EXPECT_EQ(go(x86, from_hex("c5f877e9"), compat).size.size, 4u);  // objdump swallows a byte here
  EXPECT_EQ(go(x86, from_hex("c5f877e9"), plain).size.size, 3u);
}

// ---- lengths and bad input

TEST(GoText, EveryInstructionHasZydisLength) {
  std::mt19937 rng(5);
  for (int i = 0; i < 200000; ++i) {
    std::uint8_t code[15];
    std::generate(std::begin(code), std::end(code), [&] { return static_cast<std::uint8_t>(rng()); });
    std::uint32_t length = 1;
    const bool known = zydis_knows(code, &length);
    const Text t = go(Arch::x86_64, code, {});
    ASSERT_EQ(t.size.known, known);
    ASSERT_EQ(t.size.size, length);
  }
}

TEST(GoText, ShortInputIsNoInstruction) {
  for (const Arch arch : {Arch::x86_64, Arch::arm64})
    for (const bool compat : {false, true}) {
      std::mt19937 rng(9);
      for (int i = 0; i < 50000; ++i) {
        std::vector<std::uint8_t> code(1 + rng() % 15);  // exactly as long as it is: a sanitizer sees a read behind it
        for (std::uint8_t& b : code)
          b = static_cast<std::uint8_t>(i % 3 ? rng() : "\xc5\xc4\x62\xf0\x66\x0f\x48\x77"[rng() % 8]);
        const Text t = go(arch, code, {.objdump_compat = compat});
        ASSERT_TRUE(arch == Arch::arm64 || t.size.size <= code.size());
        ASSERT_TRUE(arch == Arch::x86_64 || code.size() >= 4 || !t.size.known);
      }
    }
}

// ---- arm64 against capstone: the same registers must be named
//
// Mnemonics differ by syntax; what a word *is* shows in its registers. Numbers of all registers named, sorted; 31, SP
// and ZR are one.

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
      "DC",  "JMP (R31)", "CALL (R31)", "TLBI",  "SYSL",  "MSR",  "MRS",   "HINT",    "PRFM",  "PRFUM",
      "RET", "DCPS",      "SHA512",     "VEOR3", "VRAX1", "VXAR", "VBCAX", "FJCVTZS", "LDAPR", "CASP",
      "VLD", "VST",       "LD2",        "LD3",   "LD4",   "ST2",  "ST3",   "ST4",     "VTB"};
  for (const std::string_view s : kOurs)
    if (ours.starts_with(s)) return true;
  return theirs.starts_with("sys") || theirs.starts_with("bfc");
}

TEST(GoText, Arm64NamesTheRegistersThatCapstoneNames) {
  csh handle;
  ASSERT_EQ(cs_open(CS_ARCH_ARM64, CS_MODE_ARM, &handle), CS_ERR_OK);
  std::size_t compared = 0, unknown = 0, differ = 0;
  for (const Line& l : lines_of("tests/unit/data/text_arm64.tsv")) {
    const std::vector<std::uint8_t> code = from_hex(l.hex);
    const Text ours = go(Arch::arm64, code, {});
    if (!ours.size.known) continue;
    cs_insn* insn = nullptr;
    if (cs_disasm(handle, code.data(), 4, kPc, 1, &insn) != 1) {
      ++unknown;
      continue;
    }
    const std::string theirs = std::string(insn->mnemonic) + " " + insn->op_str;
    cs_free(insn, 1);
    if (left_out(ours.text, theirs)) continue;
    ++compared;
    const std::string operands = ours.text.find(' ') == std::string::npos ? "" : ours.text.substr(ours.text.find(' '));
    if (registers_in(operands) != registers_in(theirs.substr(theirs.find(' '))) && ++differ <= 20)
      ADD_FAILURE() << l.hex << ": " << ours.text << " | " << theirs;
  }
  cs_close(&handle);
  EXPECT_EQ(differ, 0u);
  EXPECT_GT(compared, 2500u);
  RecordProperty("unknown_to_capstone", static_cast<int>(unknown));
}

// ---- x/arch's golden cases, where the module is at hand (DEFERSCOPE_XARCH: folder of golang.org/x/arch v0.32.0)

std::string without_extra_spaces(std::string_view s) {
  std::string out;
  for (const char c : s)
    if (c != ' ' || (!out.empty() && out.back() != ' ')) out += c;
  while (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

TEST(GoText, GoldenCasesOfXArch) {
  const char* folder = std::getenv("DEFERSCOPE_XARCH");
  if (!folder)
    GTEST_SKIP() << "DEFERSCOPE_XARCH does not name golang.org/x/arch (go mod download golang.org/x/arch@v0.32.0)";
  std::size_t cases = 0;
  std::ifstream arm(std::string(folder) + "/arm64/arm64asm/testdata/plan9cases.txt");
  for (std::string l; std::getline(arm, l);) {
    const std::size_t bar = l.find('|');
    if (bar != 8) continue;
    ++cases;
    EXPECT_EQ(go(Arch::arm64, from_hex(l.substr(0, 8)), kCompat).text,
              without_extra_spaces(std::string_view(l).substr(9).substr(1)))
        << l;
  }
  std::ifstream x86(std::string(folder) + "/x86/x86asm/testdata/decode.txt");
  for (std::string l; std::getline(x86, l);) {
    const std::size_t mode = l.find("\t64\tplan9\t");
    if (mode == std::string::npos) continue;
    ++cases;
    std::string hex = l.substr(0, mode);
    std::erase(hex, '|');
    const std::string text = l.substr(mode + 10);
    Line line{hex, text.starts_with("error") ? "?" : text, 0};
    const Text ours = go(Arch::x86_64, from_hex(hex), kCompat);
    if (const std::size_t at = line.text.find(" .+");
        at != std::string::npos) {  // pc 0: a distance instead of a target
      char target[32];
      std::snprintf(target, sizeof target, " %#llx", kPc + ours.size.size + std::stoull(line.text.substr(at + 3)));
      line.text.replace(at, std::string::npos, target);
    }
    // v0.32.0 is newer than what Go 1.27.4 carries: BMI and ADX it knows as we do.
    const bool as_newer = go(Arch::x86_64, from_hex(hex), {}).text == line.text;
    EXPECT_TRUE(ours.text == line.text || as_newer || permitted(line, ours))
        << hex << ": " << line.text << " | " << ours.text;
  }
  EXPECT_GT(cases, 5000u);
}

TEST(GnuText, BothInstructionSets) {
  const Case cases[] = {{Arch::x86_64, "48890424", "mov %rax, (%rsp)", {}},
                        {Arch::arm64, "e0030091", "mov x0, sp", {}}};
  for (const Case& c : cases) {
    std::string text;
    EXPECT_TRUE(append_gnu(c.arch, from_hex(c.hex), kPc, text).known);
    EXPECT_EQ(text, c.text);
  }
}

}  // namespace
}  // namespace deferscope::isa
