// Advanced SIMD: the sets of helpers, and the lifts by instruction format, instantiated for each set.
#pragma once
#include "isa/arm64/table.h"

namespace deferscope::isa::arm64 {

// How much of a vector an operation covers: bits 1…0 of a helper's imm.
inline constexpr uint32_t kHalf = 0, kFull = 1, kScalar = 2;

// One operation's helpers by log2 of the element size; no function: no such form.
struct Set {
  Helper h[4];
  const Helper* of(uint32_t log) const { return h[log].vec || h[log].fp ? &h[log] : nullptr; }
};

// d = h(n, m); Undefined if there is no such helper or it has 64-bit lanes in half a vector.
void emit_lanes(Emit& e, const Set& set, uint32_t log, uint32_t form, uint32_t m, uint32_t n, uint32_t d,
                uint32_t parameter = 0);
void emit_across(Emit& e, const Set& set, uint32_t log, bool q, uint32_t n, uint32_t d);
// Formats whose operands or results are half as wide as the others: 64-bit lanes are allowed in the wide ones only.
void emit_long(Emit& e, const Set& set, uint32_t log, uint32_t form, uint32_t m, uint32_t n, uint32_t d,
               uint32_t parameter = 0);
// The second operand is one element of v[m], repeated.
void emit_by_element(Emit& e, const Set& set, uint32_t log, uint32_t form, bool is_long, uint32_t m, unsigned index,
                     uint32_t n, uint32_t d);

// --- formats ---
template <const Set& S>
void three_same(Emit& e, Bit q, B2 size, B5 m, B5 n, B5 d) {
  emit_lanes(e, S, size, q, m, n, d);
}
template <const Set& S>
void three_scalar(Emit& e, B2 size, B5 m, B5 n, B5 d) {
  emit_lanes(e, S, size, kScalar, m, n, d);
}
template <const Set& S>
void three_scalar_d(Emit& e, B5 m, B5 n, B5 d) {
  emit_lanes(e, S, 3, kScalar, m, n, d);
}
template <const Set& S>  // the logical ones: by bytes
void three_bits(Emit& e, Bit q, B5 m, B5 n, B5 d) {
  emit_lanes(e, S, 0, q, m, n, d);
}
template <const Set& S>
void three_long(Emit& e, Bit q, B2 size, B5 m, B5 n, B5 d) {
  emit_long(e, S, size, q, m, n, d);
}
template <const Set& S>
void three_long_scalar(Emit& e, B2 size, B5 m, B5 n, B5 d) {
  emit_long(e, S, size, kScalar, m, n, d);
}
template <const Set& S>
void two(Emit& e, Bit q, B2 size, B5 n, B5 d) {
  emit_lanes(e, S, size, q, n, n, d);
}
template <const Set& S>
void two_scalar(Emit& e, B2 size, B5 n, B5 d) {
  emit_lanes(e, S, size, kScalar, n, n, d);
}
template <const Set& S>
void two_scalar_d(Emit& e, B5 n, B5 d) {
  emit_lanes(e, S, 3, kScalar, n, n, d);
}
template <const Set& S>
void two_bits(Emit& e, Bit q, B5 n, B5 d) {
  emit_lanes(e, S, 0, q, n, n, d);
}
template <const Set& S>  // narrow or wide result
void two_long(Emit& e, Bit q, B2 size, B5 n, B5 d) {
  emit_long(e, S, size, q, n, n, d);
}
template <const Set& S>
void two_long_scalar(Emit& e, B2 size, B5 n, B5 d) {
  emit_long(e, S, size, kScalar, n, n, d);
}
template <const Set& S>
void across(Emit& e, Bit q, B2 size, B5 n, B5 d) {
  emit_across(e, S, size, q, n, d);
}
template <const Set& S>
void pair_scalar_d(Emit& e, B5 n, B5 d) {
  emit_lanes(e, S, 3, kScalar, n, n, d);
}

// Floating point: z says double.
template <const Set& S>
void three_fp(Emit& e, Bit q, Bit z, B5 m, B5 n, B5 d) {
  emit_lanes(e, S, 2 + z, q, m, n, d);
}
template <const Set& S>
void three_fp_scalar(Emit& e, Bit z, B5 m, B5 n, B5 d) {
  emit_lanes(e, S, 2 + z, kScalar, m, n, d);
}
template <const Set& S>
void two_fp(Emit& e, Bit q, Bit z, B5 n, B5 d) {
  emit_lanes(e, S, 2 + z, q, n, n, d);
}
template <const Set& S>
void two_fp_scalar(Emit& e, Bit z, B5 n, B5 d) {
  emit_lanes(e, S, 2 + z, kScalar, n, n, d);
}
template <const Set& S>
void two_word(Emit& e, Bit q, B5 n, B5 d) {
  emit_lanes(e, S, 2, q, n, n, d);
}
template <const Set& S>
void across_fp(Emit& e, Bit q, B5 n, B5 d) {
  if (!q) return e.undefined();
  emit_lanes(e, S, 2, q, n, n, d);
}

// Shifts by immediates: the rows are split by the element size, whose bits end the immh field.
template <const Set& S, unsigned Log>
void shift_right(Emit& e, Bit q, Bits<Log + 3> i, B5 n, B5 d) {
  emit_lanes(e, S, Log, q, n, n, d, (8u << Log) - i);
}
template <const Set& S, unsigned Log>
void shift_left(Emit& e, Bit q, Bits<Log + 3> i, B5 n, B5 d) {
  emit_lanes(e, S, Log, q, n, n, d, i);
}
template <const Set& S, unsigned Log>
void shift_right_scalar(Emit& e, Bits<Log + 3> i, B5 n, B5 d) {
  emit_lanes(e, S, Log, kScalar, n, n, d, (8u << Log) - i);
}
template <const Set& S, unsigned Log>
void shift_left_scalar(Emit& e, Bits<Log + 3> i, B5 n, B5 d) {
  emit_lanes(e, S, Log, kScalar, n, n, d, i);
}
template <const Set& S, unsigned Log>
void shift_right_narrow(Emit& e, Bit q, Bits<Log + 3> i, B5 n, B5 d) {
  emit_long(e, S, Log, q, n, n, d, (8u << Log) - i);
}
template <const Set& S, unsigned Log>
void shift_right_narrow_scalar(Emit& e, Bits<Log + 3> i, B5 n, B5 d) {
  emit_long(e, S, Log, kScalar, n, n, d, (8u << Log) - i);
}
template <const Set& S, unsigned Log>
void shift_left_long(Emit& e, Bit q, Bits<Log + 3> i, B5 n, B5 d) {
  emit_long(e, S, Log, q, n, n, d, i);
}

// By element: H or S lanes; the index is H:L:M or H:L.
template <const Set& S, bool Long, uint32_t Form>
void by_element_form(Emit& e, uint32_t q, B2 size, Bit L, Bit M, B4 m, Bit H, B5 n, B5 d) {
  if (size != 1 && size != 2) return e.undefined();
  const uint32_t form = Form == kScalar ? kScalar : q;
  if (size == 1) return emit_by_element(e, S, 1, form, Long, m, H << 2 | L << 1 | M, n, d);
  emit_by_element(e, S, 2, form, Long, M << 4 | m, H << 1 | L, n, d);
}
template <const Set& S>
void by_element(Emit& e, Bit q, B2 size, Bit L, Bit M, B4 m, Bit H, B5 n, B5 d) {
  by_element_form<S, false, kFull>(e, q, size, L, M, m, H, n, d);
}
template <const Set& S>
void by_element_long(Emit& e, Bit q, B2 size, Bit L, Bit M, B4 m, Bit H, B5 n, B5 d) {
  by_element_form<S, true, kFull>(e, q, size, L, M, m, H, n, d);
}
template <const Set& S>
void by_element_scalar(Emit& e, B2 size, Bit L, Bit M, B4 m, Bit H, B5 n, B5 d) {
  by_element_form<S, false, kScalar>(e, 0, size, L, M, m, H, n, d);
}
template <const Set& S>
void by_element_long_scalar(Emit& e, B2 size, Bit L, Bit M, B4 m, Bit H, B5 n, B5 d) {
  by_element_form<S, true, kScalar>(e, 0, size, L, M, m, H, n, d);
}
void by_element_fp_form(Emit& e, const Set& set, uint32_t form, bool z, bool L, uint32_t m, bool H, uint32_t n,
                        uint32_t d);
template <const Set& S>
void by_element_fp(Emit& e, Bit q, Bit z, Bit L, B5 m, Bit H, B5 n, B5 d) {
  by_element_fp_form(e, S, q, z, L, m, H, n, d);
}
template <const Set& S>
void by_element_fp_scalar(Emit& e, Bit z, Bit L, B5 m, Bit H, B5 n, B5 d) {
  by_element_fp_form(e, S, kScalar, z, L, m, H, n, d);
}

// --- sets: simd_integer.cpp ---
extern const Set kAdd, kSub, kMul, kMla, kMls, kPmul, kAddp, kAnd, kBic, kOrr, kOrn, kEor, kBsl, kBit, kBif;
extern const Set kShadd, kUhadd, kShsub, kUhsub, kSrhadd, kUrhadd, kSqadd, kUqadd, kSqsub, kUqsub;
extern const Set kCmgt, kCmhi, kCmge, kCmhs, kCmeq, kCmtst, kCmgt0, kCmge0, kCmeq0, kCmle0, kCmlt0;
extern const Set kSmax, kUmax, kSmin, kUmin, kSmaxp, kUmaxp, kSminp, kUminp, kSabd, kUabd, kSaba, kUaba;
extern const Set kSqdmulh, kSqrdmulh, kAbs, kNeg, kSqabs, kSqneg, kSuqadd, kUsqadd;
extern const Set kNot, kRbit, kCnt, kCls, kClz, kRev16, kRev32, kRev64;
extern const Set kSaddlp, kUaddlp, kSadalp, kUadalp, kAddv, kSaddlv, kUaddlv, kSmaxv, kUmaxv, kSminv, kUminv;
extern const Set kSaddl, kUaddl, kSaddw, kUaddw, kSsubl, kUsubl, kSsubw, kUsubw, kAddhn, kRaddhn, kSubhn, kRsubhn;
extern const Set kSabal, kUabal, kSabdl, kUabdl, kSmlal, kUmlal, kSmlsl, kUmlsl, kSmull, kUmull;
extern const Set kSqdmlal, kSqdmlsl, kSqdmull, kPmull, kXtn, kSqxtn, kUqxtn, kSqxtun, kShll;
// --- sets: simd_shifts.cpp ---
extern const Set kSshl, kUshl, kSrshl, kUrshl, kSqshl, kUqshl, kSqrshl, kUqrshl;
extern const Set kSshr, kUshr, kSsra, kUsra, kSrshr, kUrshr, kSrsra, kUrsra, kShl, kSli, kSri;
extern const Set kSqshlImm, kUqshlImm, kSqshlu, kShrn, kRshrn, kSqshrn, kUqshrn, kSqshrun, kSqrshrn, kUqrshrn,
    kSqrshrun;
extern const Set kSshll, kUshll;
// --- sets: simd_fp.cpp ---
extern const Set kFaddV, kFsubV, kFmulV, kFdivV, kFmulxV, kFmlaV, kFmlsV, kFabdV, kFmaxV, kFminV, kFmaxnmV, kFminnmV;
extern const Set kFaddp, kFmaxp, kFminp, kFmaxnmp, kFminnmp, kFmaxv, kFminv, kFmaxnmv, kFminnmv;
extern const Set kFcmeq, kFcmge, kFcmgt, kFacge, kFacgt, kFcmeq0, kFcmge0, kFcmgt0, kFcmle0, kFcmlt0;
extern const Set kFabsV, kFnegV, kFsqrtV, kFrecpe, kFrsqrte, kFrecps, kFrsqrts, kFrecpx, kUrecpe, kUrsqrte;
extern const Set kFrintnV, kFrintpV, kFrintmV, kFrintzV, kFrintaV, kFrintxV, kFrintiV;
extern const Set kFcvtns, kFcvtnu, kFcvtps, kFcvtpu, kFcvtms, kFcvtmu, kFcvtzs, kFcvtzu, kFcvtas, kFcvtau, kScvtf,
    kUcvtf;

// --- single helpers: simd_copy.cpp ---
extern const Helper kMovV;        // d = a
extern const Helper kInsert[4];   // put: lane imm of d = x, by log2 of the size
extern const Helper kExtract[4];  // get: lane imm
extern const Helper kDupLane[4];  // vec: lane imm >> 8 of a everywhere (form)
extern const Helper kDupReg[4];   // put: x everywhere (form)
extern const Helper kUzp1[4], kUzp2[4], kZip1[4], kZip2[4];

}  // namespace deferscope::isa::arm64
