// AVX and AVX2: shifts, and what SSE has not: lanes shifted, permuted and blended each its own way.
#include "isa/x86_64/vex.h"

namespace deferscope::isa::x86_64 {
namespace {

// op0 = op1 shifted by an immediate (param: index in shift_helpers()), or by one count for all lanes
void shift(Builder& b) {
  const Halves d = halves_of(b, 0), a = halves_of(b, 1);
  const bool by_imm = b.is_imm(2);
  const Helper* const f = by_imm ? &shift_helpers()[static_cast<size_t>(b.row.param)] : b.helper;
  VReg count = a.low;
  if (!by_imm && b.is_mem(2)) {
    const Mem m = b.mem(2);
    count = b.vtemp();
    Uop& u = b.emit(Op::LoadV, 16);
    u.dst = count, u.mem = m;
  } else if (!by_imm) {
    count = vector_of(b, 2);
    if (count == d.low && is_256(b)) {
      const VReg t = b.vtemp();
      copy(b, t, count);
      count = t;
    }
  }
  apply(b, f, d.low, a.low, count, byte_imm(b));
  if (is_256(b))
    apply(b, f, d.high, a.high, by_imm ? a.high : count, byte_imm(b));
  else
    clear_upper(b, 0);
}

// VPSLLDQ, VPSRLDQ
void shift_bytes(Builder& b) {
  const Halves d = halves_of(b, 0), a = halves_of(b, 1);
  apply(b, b.helper, d.low, a.low, a.low, byte_imm(b));
  is_256(b) ? apply(b, b.helper, d.high, a.high, a.high, byte_imm(b)) : clear_upper(b, 0);
}

// VBLENDVPS, …: op0 = op1, where op3 says so op2
void blend(Builder& b) {
  const Halves d = halves_of(b, 0), a = halves_of(b, 1), c = read_halves(b, 2), mask = halves_of(b, 3);
  const auto half = [&](VReg to, VReg x, VReg y, VReg by) {
    const VReg t = b.vtemp();
    copy(b, t, x);
    Uop& u = b.emit(Op::VecOp, 16);
    u.dst = t, u.a = by, u.b = y, u.helper = b.helper;
    copy(b, to, t);
  };
  half(d.low, a.low, c.low, mask.low);
  is_256(b) ? half(d.high, a.high, c.high, mask.high) : clear_upper(b, 0);
}

// VPERMQ, VPERMPD: helper(low, high) by two bits of the immediate a lane
void permute_quads(Builder& b) {
  const Halves d = halves_of(b, 0), s = read_halves(b, 1);
  const VReg low = b.vtemp();
  apply(b, b.helper, low, s.low, s.high, byte_imm(b));
  apply(b, b.helper, d.high, s.low, s.high, byte_imm(b) >> 4);
  copy(b, d.low, low);
}

// VPERMD, VPERMPS: lanes of op2 by the indices in op1
void permute_dwords(Builder& b) {
  const Halves d = halves_of(b, 0), index = halves_of(b, 1), s = read_halves(b, 2);
  const VReg low = b.vtemp(), high = b.vtemp();
  const auto half = [&](VReg to, VReg by) {
    copy(b, to, by);
    Uop& u = b.emit(Op::VecOp, 16);
    u.dst = to, u.a = s.low, u.b = s.high, u.helper = b.helper;
  };
  half(low, index.low);
  half(high, index.high);
  copy(b, d.low, low);
  copy(b, d.high, high);
}

// VPERMILPS, VPERMILPD: by the immediate or by op2. param = index of the helper for the immediate, 0 PS, 1 PD
void permute_half(Builder& b);

// ---- the functions

template <class T, auto f>
void each_shift(Vec& d, const Vec& a, const Vec& b, uint64_t) {
  constexpr uint64_t bits = sizeof(T) * 8;
  for (unsigned i = 0; i < kLanes<T>; ++i) {
    const uint64_t n = static_cast<std::make_unsigned_t<T>>(b.lane<T>(i));
    d.set(i, static_cast<T>(f(a.lane<T>(i), n, bits)));
  }
}
constexpr auto left = [](auto x, uint64_t n, uint64_t bits) { return n >= bits ? 0 : static_cast<uint64_t>(x) << n; };
constexpr auto right = [](auto x, uint64_t n, uint64_t bits) { return n >= bits ? 0 : static_cast<uint64_t>(x) >> n; };
constexpr auto sign_filling = [](auto x, uint64_t n, uint64_t bits) {
  return int64_t{x} >> (n >= bits ? bits - 1 : n);
};

void choose_quads(Vec& d, const Vec& low, const Vec& high, uint64_t imm) {
  const uint64_t from[4] = {low.lo, low.hi, high.lo, high.hi};
  d = Vec{from[imm & 3], from[imm >> 2 & 3]};
}

// d holds the indices
void choose_dwords(Vec& d, const Vec& low, const Vec& high, uint64_t) {
  for (unsigned i = 0; i < 4; ++i) {
    const uint32_t from = d.lane<uint32_t>(i) & 7;
    d.set(i, (from & 4 ? high : low).lane<uint32_t>(from & 3));
  }
}

void permilps(Vec& d, const Vec& a, const Vec& b, uint64_t) {
  Vec r;
  for (unsigned i = 0; i < 4; ++i) r.set(i, a.lane<uint32_t>(b.lane<uint32_t>(i) & 3));
  d = r;
}
void permilpd(Vec& d, const Vec& a, const Vec& b, uint64_t) { d = Vec{b.lo & 2 ? a.hi : a.lo, b.hi & 2 ? a.hi : a.lo}; }
void permilpd_imm(Vec& d, const Vec& a, const Vec&, uint64_t imm) {
  d = Vec{imm & 1 ? a.hi : a.lo, imm & 2 ? a.hi : a.lo};
}

constexpr Helper kPermilpdImm = {.name = "vpermilpd_imm", .vec = permilpd_imm};

void permute_half(Builder& b) {
  if (!b.is_imm(2)) return each_half(b);
  static const Helper* const dwords = find_helper("pshufd");
  const Halves d = halves_of(b, 0), s = read_halves(b, 1);
  const bool quads = b.row.param != 0;
  const Helper* const f = quads ? &kPermilpdImm : dwords;
  apply(b, f, d.low, s.low, s.low, byte_imm(b));
  is_256(b) ? apply(b, f, d.high, s.high, s.high, quads ? byte_imm(b) >> 2 : byte_imm(b)) : clear_upper(b, 0);
}

constexpr Row own(ZydisMnemonic m, void (*lift)(Builder&), Helper h, int64_t param = 0) {
  return Row{m, lift, Op::Nop, FlagRule::None, param, Cond::Always, h};
}

// clang-format off
const Row kVexLaneRows[] = {
    vex(ZYDIS_MNEMONIC_VPSLLW, shift, "psllw", 0), vex(ZYDIS_MNEMONIC_VPSLLD, shift, "pslld", 1), vex(ZYDIS_MNEMONIC_VPSLLQ, shift, "psllq", 2),
    vex(ZYDIS_MNEMONIC_VPSRLW, shift, "psrlw", 3), vex(ZYDIS_MNEMONIC_VPSRLD, shift, "psrld", 4), vex(ZYDIS_MNEMONIC_VPSRLQ, shift, "psrlq", 5),
    vex(ZYDIS_MNEMONIC_VPSRAW, shift, "psraw", 6), vex(ZYDIS_MNEMONIC_VPSRAD, shift, "psrad", 7),
    vex(ZYDIS_MNEMONIC_VPSLLDQ, shift_bytes, "pslldq"), vex(ZYDIS_MNEMONIC_VPSRLDQ, shift_bytes, "psrldq"),
    own(ZYDIS_MNEMONIC_VPSLLVD, each_half, {.name = "vpsllvd", .vec = each_shift<uint32_t, left>}),
    own(ZYDIS_MNEMONIC_VPSLLVQ, each_half, {.name = "vpsllvq", .vec = each_shift<uint64_t, left>}),
    own(ZYDIS_MNEMONIC_VPSRLVD, each_half, {.name = "vpsrlvd", .vec = each_shift<uint32_t, right>}),
    own(ZYDIS_MNEMONIC_VPSRLVQ, each_half, {.name = "vpsrlvq", .vec = each_shift<uint64_t, right>}),
    own(ZYDIS_MNEMONIC_VPSRAVD, each_half, {.name = "vpsravd", .vec = each_shift<int32_t, sign_filling>}),
    vex(ZYDIS_MNEMONIC_VPBLENDVB, blend, "pblendvb"), vex(ZYDIS_MNEMONIC_VBLENDVPS, blend, "blendvps"), vex(ZYDIS_MNEMONIC_VBLENDVPD, blend, "blendvpd"),
    own(ZYDIS_MNEMONIC_VPERMQ, permute_quads, {.name = "vpermq", .vec = choose_quads}),
    vex(ZYDIS_MNEMONIC_VPERMPD, permute_quads, "vpermq"),
    own(ZYDIS_MNEMONIC_VPERMD, permute_dwords, {.name = "vpermd", .vec = choose_dwords, .reads_dst = true}),
    vex(ZYDIS_MNEMONIC_VPERMPS, permute_dwords, "vpermd"),
    own(ZYDIS_MNEMONIC_VPERMILPS, permute_half, {.name = "vpermilps", .vec = permilps}),
    own(ZYDIS_MNEMONIC_VPERMILPD, permute_half, {.name = "vpermilpd", .vec = permilpd}, 1),
};
// clang-format on

}  // namespace

std::span<const Row> vex_lane_rows() { return kVexLaneRows; }

}  // namespace deferscope::isa::x86_64
