// What several lift files share. The lift functions themselves are declared by their rows (table.inc).
#pragma once
#include "isa/arm64/table.h"

namespace deferscope::isa::arm64 {

// Every lift function that INSN names is declared by its row.
#define INSN(name, bits, cls, fn) Signature<bits> fn;
#define INST(name, bits, cls, ...)
#include "isa/arm64/table.inc"
#undef INSN
#undef INST

// Bytes of an operation whose sf field is z.
inline unsigned width_of(Bit z) { return z ? 8 : 4; }

// What a helper reads of a source register.
inline uint64_t reg(const CpuState& s, Reg r) { return r == kZero ? 0 : s.r[r]; }

// The bitmask immediate of AND, ORR, EOR; false if the encoding is reserved.
bool bit_mask(uint32_t z, uint32_t N, uint32_t imms, uint32_t immr, uint64_t& mask);

}  // namespace deferscope::isa::arm64
