// Exclusives, acquire and release, and the LSE atomics. Threads take turns between instructions, so acquire and release
// order nothing more here, and a read-modify-write is atomic by itself.
#include "isa/arm64/lifts.h"

namespace deferscope::isa::arm64 {
namespace {

constexpr Reg kOld = kT0, kNew = kT0 + 1;
Mem at(B5 n) { return Mem{sp(n), kZero, kZero, 0, 0}; }
// Maximum or minimum of the low imm bytes, signed or not.
template <bool Signed, bool Max>
Fault extreme(CpuState& s, const Uop& u) {
  const unsigned shift = 64 - 8 * static_cast<unsigned>(u.imm);
  const uint64_t a = reg(s, u.a) << shift, b = reg(s, u.b) << shift;
  const bool a_less = Signed ? static_cast<int64_t>(a) < static_cast<int64_t>(b) : a < b;
  s.r[u.dst] = (a_less == Max ? b : a) >> shift;
  return Fault::None;
}
const Helper kSmax{.name = "smax", .any = extreme<true, true>}, kSmin{.name = "smin", .any = extreme<true, false>};
const Helper kUmax{.name = "umax", .any = extreme<false, true>}, kUmin{.name = "umin", .any = extreme<false, false>};

// dst = a is b in the low imm bytes ? c : a
Fault swap_if_equal(CpuState& s, const Uop& u) {
  const unsigned shift = 64 - 8 * static_cast<unsigned>(u.imm);
  const uint64_t a = reg(s, u.a);
  s.r[u.dst] = (a ^ reg(s, u.b)) << shift == 0 ? reg(s, u.c) : a;
  return Fault::None;
}
// dst = a is 0 ? b : c
Fault choose_if_zero(CpuState& s, const Uop& u) {
  s.r[u.dst] = reg(s, u.a) == 0 ? reg(s, u.b) : reg(s, u.c);
  return Fault::None;
}
const Helper kSwapIfEqual{.name = "swap_if_equal", .any = swap_if_equal};
const Helper kChooseIfZero{.name = "choose_if_zero", .any = choose_if_zero};

// Without LSE2 (ARMv8.4) acquires, releases and atomics demand an address aligned to their size, imm.
Fault check_alignment(CpuState& s, const Uop& u) {
  return reg(s, u.a) % static_cast<uint64_t>(u.imm) == 0 ? Fault::None : Fault::Alignment;
}
const Helper kAligned{.name = "aligned", .any = check_alignment};
void aligned(Emit& e, B5 n, unsigned bytes) {
  if (bytes > 1) e.call(kAligned, 8, kSink, sp(n), kZero, bytes);
}

void fetch(Emit& e, B2 size, B5 n) {
  aligned(e, n, 1u << size);
  e.load(Op::LoadRmw, 1u << size, kOld, at(n));
}
void finish(Emit& e, B2 size, B5 n, B5 t) {
  e.store(1u << size, kNew, at(n));
  if (t != 31) e.mov(8, dest(t), kOld);
}
void read_op_write(Emit& e, Op op, B2 size, B5 w, B5 n, B5 t) {
  fetch(e, size, n);
  e.rrr(op, 8, kNew, kOld, src(w));
  finish(e, size, n, t);
}
void read_extreme_write(Emit& e, const Helper& h, B2 size, B5 w, B5 n, B5 t) {
  fetch(e, size, n);
  e.call(h, 8, kNew, kOld, src(w), 1u << size);
  finish(e, size, n, t);
}

}  // namespace

void LDXR(Emit& e, B2 size, B5 n, B5 t) { e.load(Op::LoadEx, 1u << size, dest(t), at(n)); }
void LDXP(Emit& e, Bit z, B5 t2, B5 n, B5 t) { e.load(Op::LoadExPair, z ? 8 : 4, dest(t), at(n)).dst2 = dest(t2); }
void STXR(Emit& e, B2 size, B5 w, B5 n, B5 t) { e.load(Op::StoreEx, 1u << size, dest(w), at(n)).a = src(t); }
void STXP(Emit& e, Bit z, B5 w, B5 t2, B5 n, B5 t) {
  Uop& u = e.load(Op::StoreExPair, z ? 8 : 4, dest(w), at(n));
  u.a = src(t), u.b = src(t2);
}
void LDAR(Emit& e, B2 size, B5 n, B5 t) {
  aligned(e, n, 1u << size);
  e.load(Op::Load, 1u << size, dest(t), at(n));
}
void STLR(Emit& e, B2 size, B5 n, B5 t) {
  aligned(e, n, 1u << size);
  e.store(1u << size, src(t), at(n));
}

void CAS(Emit& e, B2 size, Bit, B5 w, Bit, B5 n, B5 t) {
  fetch(e, size, n);
  e.call(kSwapIfEqual, 8, kNew, kOld, src(w), 1u << size).c = src(t);
  finish(e, size, n, w);
}
void CASP(Emit& e, Bit z, Bit, B5 w, Bit, B5 n, B5 t) {
  if ((w & 1) || (t & 1)) return e.undefined();
  const unsigned width = z ? 8 : 4;
  constexpr Reg kOld2 = kT0 + 1, kDiff = kT0 + 2, kDiff2 = kT0 + 3;
  const Reg w2 = src(w + 1), t2 = src(t + 1);
  aligned(e, n, 2 * width);
  e.load(Op::LoadPair, width, kOld, at(n)).dst2 = kOld2;
  e.store_check(2 * width, at(n));
  e.rrr(Op::Xor, width, kDiff, kOld, src(w));
  e.rrr(Op::Xor, width, kDiff2, kOld2, w2);
  e.rrr(Op::Or, 8, kDiff, kDiff, kDiff2);
  e.call(kChooseIfZero, 8, kT0 + 4, kDiff, src(t), 0).c = kOld;
  e.call(kChooseIfZero, 8, kT0 + 5, kDiff, t2, 0).c = kOld2;
  Uop& u = e.rrr(Op::StorePair, width, kSink, kT0 + 4, kT0 + 5);
  u.mem = at(n);
  e.mov(8, dest(w), kOld);
  e.mov(8, w2 == kZero ? kSink : w2, kOld2);
}

void LDADD(Emit& e, B2 s, Bit, Bit, B5 w, B5 n, B5 t) { read_op_write(e, Op::Add, s, w, n, t); }
void LDCLR(Emit& e, B2 s, Bit, Bit, B5 w, B5 n, B5 t) { read_op_write(e, Op::Bic, s, w, n, t); }
void LDEOR(Emit& e, B2 s, Bit, Bit, B5 w, B5 n, B5 t) { read_op_write(e, Op::Xor, s, w, n, t); }
void LDSET(Emit& e, B2 s, Bit, Bit, B5 w, B5 n, B5 t) { read_op_write(e, Op::Or, s, w, n, t); }
void LDSMAX(Emit& e, B2 s, Bit, Bit, B5 w, B5 n, B5 t) { read_extreme_write(e, kSmax, s, w, n, t); }
void LDSMIN(Emit& e, B2 s, Bit, Bit, B5 w, B5 n, B5 t) { read_extreme_write(e, kSmin, s, w, n, t); }
void LDUMAX(Emit& e, B2 s, Bit, Bit, B5 w, B5 n, B5 t) { read_extreme_write(e, kUmax, s, w, n, t); }
void LDUMIN(Emit& e, B2 s, Bit, Bit, B5 w, B5 n, B5 t) { read_extreme_write(e, kUmin, s, w, n, t); }
void SWP(Emit& e, B2 size, Bit, Bit, B5 w, B5 n, B5 t) {
  fetch(e, size, n);
  e.store(1u << size, src(w), at(n));
  if (t != 31) e.mov(8, dest(t), kOld);
}

}  // namespace deferscope::isa::arm64
