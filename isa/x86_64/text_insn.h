// One x86-64 instruction as Zydis decoded it, with what both printers (plan9.cpp, gnu.cpp) ask of it, and the places
// where objdump's decoder understands the bytes otherwise.
#pragma once
#include <Zydis/Zydis.h>

#include <array>
#include <span>

#include "isa/text/text.h"

namespace deferscope::isa::x86_64 {

// One decoded instruction with what the printer asks of it again and again.
struct Insn {
  ZydisDecodedInstruction z;
  std::array<ZydisDecodedOperand, ZYDIS_MAX_OPERAND_COUNT> op;
  std::span<const std::uint8_t> code;  // from its first byte
  std::uint64_t pc = 0;
  const Symbols* symbols = nullptr;
  bool compat = false;
  bool asm_names = false;
  bool to_cs = false;  // a move to CS, which Zydis was shown as one to ES

  bool vector() const {
    return z.encoding == ZYDIS_INSTRUCTION_ENCODING_VEX || z.encoding == ZYDIS_INSTRUCTION_ENCODING_EVEX;
  }
  bool evex() const { return z.encoding == ZYDIS_INSTRUCTION_ENCODING_EVEX; }
  std::uint64_t next() const { return pc + z.length; }
  const ZydisDecodedOperand* memory() const {
    for (int i = 0; i < z.operand_count_visible; ++i)
      if (op[i].type == ZYDIS_OPERAND_TYPE_MEMORY) return &op[i];
    return nullptr;
  }
};

// False if the bytes are no instruction (with `in.compat`: to objdump's decoder, which is more lenient).
bool decode(std::span<const std::uint8_t> code, Insn& in);

bool relative_to_ip(const ZydisDecodedOperandMem& m);
bool is_string(const ZydisDecodedInstruction& z);

// String instructions whose source is in DS unless a prefix says otherwise, and XLATB.
// (Their destination is always in ES.)
bool reads_overridable_segment(const ZydisDecodedInstruction& z);

// The string instructions own the bare names MOVSD and CMPSD; the assembler calls those MOVSL and CMPSL.
bool scalar_double(const Insn& in);

bool is_prefix(std::uint8_t b);

// Conditional jumps, for which CS and DS are hints.
bool takes_hint(const ZydisDecodedInstruction& z);

// The last FS or GS prefix; 0 if there is none. (CS, DS, ES, SS mean nothing in 64-bit mode.)
std::uint8_t segment_prefix(const Insn& in);

// The operand size that prefixes ask for; 8-bit instructions count as 32.
int data_bits(const Insn& in);

// The displacement as the decoder of objdump understands it: 32-bit ones of legacy instructions are not sign-extended.
std::int64_t displacement(const Insn& in, const ZydisDecodedOperand& o);

// An immediate that is no branch target, as objdump shows it.
std::int64_t immediate(const Insn& in, const ZydisDecodedOperand& o);

// objdump's slip: the half-width side of these conversions is called Y in the 128-bit form too. The index of that
// operand, -1: none.
int half_called_ymm(const Insn& in);

// objdump's slip: the 64-bit RDRAND has no operand.
bool loses_operand(const Insn& in);

// Whether an embedded rounding mode is named; else only SAE is printed.
bool names_rounding(const Insn& in);

// VZEROUPPER and VZEROALL, which have no ModRM byte though objdump's decoder believes that they have.
bool has_no_modrm(const Insn& in);

// The instruction's size to objdump's decoder; 0 if it runs out of bytes.
std::uint32_t objdump_size(const Insn& in, std::span<const std::uint8_t> code);

}  // namespace deferscope::isa::x86_64
