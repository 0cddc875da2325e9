// Lift functions that the SSE subjects share. Helpers follow one convention: v[dst] and a are operand 0, b is
// operand 1.
#pragma once
#include "isa/x86_64/rows.h"

namespace deferscope::isa::x86_64 {

// op0 = helper(op0, op1); a memory operand 1 is row.param bytes wide (0: 16, aligned).
void vec_binary(Builder& b);      // helper.vec
void vec_binary_imm(Builder& b);  // helper.vec with the last operand's immediate
void fp_binary(Builder& b);       // helper.fp
void fp_binary_imm(Builder& b);
void fp_compare(Builder& b);  // helper.compare of op0, op1

// The low 64 bits of a vector; VecGet's width cuts them.
extern const Helper& kGetLow;

// A row of the SSE tables.
constexpr Row sse(ZydisMnemonic m, void (*lift)(Builder&), Helper h, int64_t param = 0) {
  return Row{m, lift, Op::Nop, FlagRule::None, param, Cond::Always, h};
}

// Lane-wise arithmetic. d, a and b may be the same vector.
template <class T>
inline constexpr unsigned kLanes = 16 / sizeof(T);

template <class T, auto f>
void lanes(Vec& d, const Vec& a, const Vec& b, uint64_t) {
  for (unsigned i = 0; i < kLanes<T>; ++i) d.set<T>(i, static_cast<T>(f(a.lane<T>(i), b.lane<T>(i))));
}

}  // namespace deferscope::isa::x86_64
