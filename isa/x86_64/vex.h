// What the files of VEX instructions share. An XMM or YMM operand is one or two vectors: register n is v[n], its upper
// half v[n + kUpper]. What is 256 bits wide is done half by half with the helpers of SSE; a form of 128 bits clears the
// upper half of its destination. No operand in memory needs to be aligned but those of moves that say so.
#pragma once
#include "isa/x86_64/helpers.h"
#include "isa/x86_64/sse.h"

namespace deferscope::isa::x86_64 {

struct Halves {
  VReg low, high;  // of 128 bits: high is not used
};

inline bool is_256(const Builder& b) { return b.in.avx.vector_length == 256; }
VReg vector_of(const Builder& b, int i);  // the number of an XMM or YMM register
Halves halves_of(const Builder& b, int i);
// Operand i; memory: all of it (256 bits, or `bytes`) into temporaries.
Halves read_halves(Builder& b, int i, unsigned bytes = 16);
int64_t byte_imm(const Builder& b);  // the last operand; 0 if it is no immediate

void copy(Builder& b, VReg to, VReg from);
void clear(Builder& b, VReg v);
inline void clear_upper(Builder& b, int i) { clear(b, static_cast<VReg>(vector_of(b, i) + kUpper)); }
// d = helper(a, c), of three operands whatever the helper's own form; d may be a or c.
void apply(Builder& b, const Helper* helper, VReg d, VReg a, VReg c, int64_t imm = 0);

// A row that names a helper of another one's.
constexpr Row vex(ZydisMnemonic m, void (*lift)(Builder&), const char* helper, int64_t param = 0) {
  return Row{m, lift, Op::Nop, FlagRule::None, param, Cond::Always, {.name = helper}};
}

// op0 = helper(op1, op2) or helper(op1), of each half, with the last operand's immediate, of which the upper half takes
// what is above the lowest row.param bits.
void each_half(Builder& b);
// The same of 128 bits only; a memory operand has row.param bytes (0: 16).
void low_half(Builder& b);

}  // namespace deferscope::isa::x86_64
