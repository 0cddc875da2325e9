// The text of instructions: against Go 1.27.4's own decoder (data files made by tests/oracle/go_text.py), against
// Zydis, and where we go beyond Go. Against capstone: isa_text_capstone_test.cpp; x/arch: isa_text_xarch_test.cpp.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "tests/unit/isa_text_lines.h"
#include "tests/unit/isa_zydis.h"

namespace deferscope::isa {
namespace {

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

void expect_objdumps_text(Isa isa, const std::string& path) {
  std::size_t differ = 0, permitted_count = 0, total = 0;
  for (const Line& l : lines_of(path)) {
    ++total;
    const Text ours = go(isa, from_hex(l.hex), kCompat);
    if (ours.text == l.text && ours.size.size == l.size) {
      EXPECT_EQ(gnu(isa, from_hex(l.hex), kCompat).text, l.gnu) << l.hex;
      continue;
    }
    if (isa == Isa::x86_64 && permitted(l, ours)) {
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

TEST(Text, Arm64AsObjdump) { expect_objdumps_text(Isa::arm64, "tests/unit/data/text_arm64.tsv"); }
TEST(Text, Amd64AsObjdump) { expect_objdumps_text(Isa::x86_64, "tests/unit/data/text_amd64.tsv"); }

// ---- names of addresses

struct OneSymbol : Symbols {
  SymbolAt at(std::uint64_t a) const override {
    return a >= 0x402000 && a < 0x402100 ? SymbolAt{"main.f", 0x402000} : SymbolAt{};
  }
};

struct Case {
  Isa isa;
  const char* hex;
  const char* text;
  TextOptions options;
};

TEST(GoText, SymbolsAndBeyond) {
  constexpr auto x86 = Isa::x86_64, arm = Isa::arm64;
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
      {x86, "84c0", "TESTL AL, AL", plain},                          // a byte is no size to objdump
      {x86, "84c0", "TESTB AL, AL", names},                          //
      {x86, "90", "XCHGL AX, AX", names},                            //
      {arm, "e2037cb2", "ORR $16, ZR, R2", plain},                   //
      {arm, "e2037cb2", "MOVD $16, R2", names},                      //
      {arm, "017c4093", "MOVW R0, R1", names},                       //
      {arm, "1f2003d5", "HINT $0", names},                           //
      {arm, "00000000", "?", plain},                                 // padding is no instruction
  };
  for (const Case& c : cases) {
    const Text t = go(c.isa, from_hex(c.hex), c.options, OneSymbol());
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
    const Text t = go(Isa::x86_64, code, {});
    ASSERT_EQ(t.size.known, known);
    ASSERT_EQ(t.size.size, length);
  }
}

TEST(GoText, ShortInputIsNoInstruction) {
  for (const Isa isa : {Isa::x86_64, Isa::arm64})
    for (const bool compat : {false, true}) {
      std::mt19937 rng(9);
      for (int i = 0; i < 50000; ++i) {
        std::vector<std::uint8_t> code(1 + rng() % 15);  // exactly as long as it is: a sanitizer sees a read behind it
        for (std::uint8_t& b : code)
          b = static_cast<std::uint8_t>(i % 3 ? rng() : "\xc5\xc4\x62\xf0\x66\x0f\x48\x77"[rng() % 8]);
        const Text t = go(isa, code, {.objdump_compat = compat});
        ASSERT_TRUE(isa == Isa::arm64 || t.size.size <= code.size());
        ASSERT_TRUE(isa == Isa::x86_64 || code.size() >= 4 || !t.size.known);
      }
    }
}

// ---- GNU syntax

TEST(GnuText, BothInstructionSets) {
  constexpr auto x86 = Isa::x86_64, arm = Isa::arm64;
  constexpr TextOptions compat{.objdump_compat = true}, plain{};
  const Case cases[] = {
      {x86, "48890424", "mov %rax,(%rsp)", compat},
      {x86, "e8fb0f0000", "callq 0x402000", compat},
      {x86, "ff5028", "callq *0x28(%rax)", compat},
      {x86, "ffe1", "jmp *%rcx", compat},
      {x86, "c7042405204000", "movl $0x402005,(%rsp)", compat},
      {x86, "64488b0c25f8ffffff", "mov %fs:0xfffffff8,%rcx", compat},
      {x86, "f0480fb111", "lock cmpxchg %rdx,(%rcx)", compat},
      {x86, "f348ab", "rep stos %rax,%es:(%rdi)", compat},
      {x86, "0fb600", "movzbl (%rax),%eax", compat},
      {x86, "66660f1f840000000000", "data32 nopw (%rax,%rax)", compat},
      {x86, "6690", "data16 nop", compat},
      {x86, "cc", "int3", compat},
      {x86, "48d1e0", "shl %rax", compat},
      {x86, "f20fc2c102", "cmplesd %xmm1,%xmm0", compat},
      {x86, "48ffe0", "rex.W jmp *%rax", compat},
      {x86, "c5fe6f0500100000", "vmovdqu 0x1000,%ymm0", compat},       // objdump forgets the base
      {x86, "c5fe6f0500100000", "vmovdqu 0x1000(%rip),%ymm0", plain},  //
      {x86, "62f1fd4a6f00", "vmovdqa64 (%rax),%zmm0 {%k2}", compat},
      {x86, "f30f1efa", "?", compat},
      {x86, "f30f1efa", "endbr64", plain},  // Zydis's word
      {arm, "e0030091", "mov x0, sp", compat},
      {arm, "00040094", "bl .+0x1000", compat},
      {arm, "edffff54", "b.le .+0xfffffffffffffffc", compat},
      {arm, "fe0f1ff8", "str x30, [sp,#-16]!", compat},
      {arm, "c0035fd6", "ret", compat},
      {arm, "1f2003d5", "nop ", compat},  // objdump leaves the blank
      {arm, "20008052", "mov w0, #0x1", compat},
      {arm, "0070df4c", "ld1 {v0.16b}, [x0],#16", compat},
      {arm, "2300e2f8", "?", compat},
      {arm, "2300e2f8", "ldaddal x2, x3, [x1]", plain},
      {arm, "827c2048", "casp x0, x1, x2, x3, [x4]", plain},
      {arm, "428062ce", "sha512h q2, q2, v2.2d", plain},
  };
  for (const Case& c : cases) EXPECT_EQ(gnu(c.isa, from_hex(c.hex), c.options).text, c.text) << c.hex;
}

// Both syntaxes agree on what is an instruction and how long it is.
TEST(GnuText, KnowsWhatTheGoTextKnows) {
  std::mt19937 rng(11);
  for (const Isa isa : {Isa::x86_64, Isa::arm64})
    for (int i = 0; i < 100000; ++i) {
      std::uint8_t code[15];
      std::generate(std::begin(code), std::end(code), [&] { return static_cast<std::uint8_t>(rng()); });
      const Text a = go(isa, code, kCompat), b = gnu(isa, code, kCompat);
      ASSERT_EQ(a.size.known, b.size.known) << a.text << " | " << b.text;
      ASSERT_EQ(a.size.size, b.size.size) << a.text << " | " << b.text;
    }
}

}  // namespace
}  // namespace deferscope::isa
