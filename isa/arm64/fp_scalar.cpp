// Scalar floating point (C4.1, "Data Processing -- Scalar Floating-Point"). Field tt: 0 single, 1 double; half (3) is
// known to FCVT only: FEAT_FP16 is not in our CPU models.
#include "isa/arm64/fp.h"
#include "isa/arm64/lifts.h"

namespace deferscope::isa::arm64 {
namespace {

using fp::Rounding;

// A helper for single and for double.
struct Both {
  Helper s, d;
  const Helper* of(B2 type) const { return type == 0 ? &s : type == 1 ? &d : nullptr; }
};

template <class F>
void put(Vec& v, F x) {
  v = Vec{};
  v.set<F>(0, x);
}

template <class Fn, class F>
void unary_fp(CpuState& s, Vec& d, const Vec& a, const Vec&, uint64_t) {
  put(d, Fn{}(s, a.lane<F>(0)));
}
template <class Fn, class F>
void binary_fp(CpuState& s, Vec& d, const Vec& a, const Vec& b, uint64_t) {
  put(d, Fn{}(s, a.lane<F>(0), b.lane<F>(0)));
}
template <class Fn, class F>
void ternary_fp(CpuState& s, Vec& d, const Vec& a, const Vec& b, uint64_t) {
  put(d, Fn{}(s, d.lane<F>(0), a.lane<F>(0), b.lane<F>(0)));
}
template <class Fn>
constexpr Both unary(const char* s, const char* d, Fn) {
  return {{.name = s, .fp = unary_fp<Fn, float>}, {.name = d, .fp = unary_fp<Fn, double>}};
}
template <class Fn>
constexpr Both binary(const char* s, const char* d, Fn) {
  return {{.name = s, .fp = binary_fp<Fn, float>}, {.name = d, .fp = binary_fp<Fn, double>}};
}
template <class Fn>
constexpr Both ternary(const char* s, const char* d, Fn) {
  return {{.name = s, .fp = ternary_fp<Fn, float>, .reads_dst = true},
          {.name = d, .fp = ternary_fp<Fn, double>, .reads_dst = true}};
}

constexpr Both kFmov = unary("fmov.s", "fmov.d", [](CpuState&, auto a) { return a; });
constexpr Both kFabs = unary("fabs.s", "fabs.d", [](CpuState&, auto a) { return fp::absolute(a); });
constexpr Both kFneg = unary("fneg.s", "fneg.d", [](CpuState&, auto a) { return fp::negate(a); });
constexpr Both kFsqrt = unary("fsqrt.s", "fsqrt.d", [](CpuState& s, auto a) { return fp::sqrt(s, a); });
template <Rounding R>
constexpr auto kRound = [](CpuState& s, auto a) { return fp::round_int(s, a, R, false); };
constexpr Both kFrintn = unary("frintn.s", "frintn.d", kRound<Rounding::Nearest>);
constexpr Both kFrintp = unary("frintp.s", "frintp.d", kRound<Rounding::Up>);
constexpr Both kFrintm = unary("frintm.s", "frintm.d", kRound<Rounding::Down>);
constexpr Both kFrintz = unary("frintz.s", "frintz.d", kRound<Rounding::Zero>);
constexpr Both kFrinta = unary("frinta.s", "frinta.d", kRound<Rounding::Away>);
constexpr Both kFrintx =
    unary("frintx.s", "frintx.d", [](CpuState& s, auto a) { return fp::round_int(s, a, fp::rounding(s), true); });
constexpr Both kFrinti =
    unary("frinti.s", "frinti.d", [](CpuState& s, auto a) { return fp::round_int(s, a, fp::rounding(s), false); });

constexpr Both kFadd = binary("fadd.s", "fadd.d", [](CpuState& s, auto a, auto b) { return fp::add(s, a, b); });
constexpr Both kFsub = binary("fsub.s", "fsub.d", [](CpuState& s, auto a, auto b) { return fp::sub(s, a, b); });
constexpr Both kFmul = binary("fmul.s", "fmul.d", [](CpuState& s, auto a, auto b) { return fp::mul(s, a, b); });
constexpr Both kFdiv = binary("fdiv.s", "fdiv.d", [](CpuState& s, auto a, auto b) { return fp::div(s, a, b); });
constexpr Both kFnmul =
    binary("fnmul.s", "fnmul.d", [](CpuState& s, auto a, auto b) { return fp::negate(fp::mul(s, a, b)); });
constexpr Both kFmax =
    binary("fmax.s", "fmax.d", [](CpuState& s, auto a, auto b) { return fp::extreme(s, a, b, true); });
constexpr Both kFmin =
    binary("fmin.s", "fmin.d", [](CpuState& s, auto a, auto b) { return fp::extreme(s, a, b, false); });
constexpr Both kFmaxnm =
    binary("fmaxnm.s", "fmaxnm.d", [](CpuState& s, auto a, auto b) { return fp::extreme_number(s, a, b, true); });
constexpr Both kFminnm =
    binary("fminnm.s", "fminnm.d", [](CpuState& s, auto a, auto b) { return fp::extreme_number(s, a, b, false); });

constexpr Both kFmadd =
    ternary("fmadd.s", "fmadd.d", [](CpuState& s, auto c, auto a, auto b) { return fp::mul_add(s, c, a, b); });
constexpr Both kFmsub = ternary(
    "fmsub.s", "fmsub.d", [](CpuState& s, auto c, auto a, auto b) { return fp::mul_add(s, c, fp::negate(a), b); });
constexpr Both kFnmadd = ternary("fnmadd.s", "fnmadd.d", [](CpuState& s, auto c, auto a, auto b) {
  return fp::mul_add(s, fp::negate(c), fp::negate(a), b);
});
constexpr Both kFnmsub = ternary(
    "fnmsub.s", "fnmsub.d", [](CpuState& s, auto c, auto a, auto b) { return fp::mul_add(s, fp::negate(c), a, b); });

void move(Vec& d, const Vec& a, const Vec&, uint64_t) { d = a; }
constexpr Helper kMove{.name = "mov.v", .vec = move};

void one(Emit& e, const Both& h, B2 type, B5 n, B5 d) {
  if (!h.of(type)) return e.undefined();
  e.vec_op(*h.of(type), vec(d), vec(n), vec(n), 0);
}
void two_sources(Emit& e, const Both& h, B2 type, B5 m, B5 n, B5 d) {
  if (!h.of(type)) return e.undefined();
  e.vec_op(*h.of(type), vec(d), vec(n), vec(m), 0);
}
// The addend comes in the destination: move it there first, through a temporary if d is also a factor.
void three(Emit& e, const Both& h, B2 type, B5 m, B5 a, B5 n, B5 d) {
  if (!h.of(type)) return e.undefined();
  const bool factor = d == n || d == m;
  const VReg to = a != d && factor ? kVT0 : vec(d);
  if (a != to) e.vec_op(kMove, to, vec(a), vec(a), 0);
  e.vec_op(*h.of(type), to, vec(n), vec(m), 0);
  if (to != d) e.vec_op(kMove, vec(d), to, to, 0);
}

// imm: 1 = compare with zero, 2 = signal quiet NaNs.
template <class F>
uint32_t compare(CpuState& s, const Vec& a, const Vec& b, uint64_t imm) {
  return fp::compare(s, a.lane<F>(0), imm & 1 ? F{0} : b.lane<F>(0), (imm & 2) != 0);
}
constexpr Both kFcmp{{.name = "fcmp.s", .compare = compare<float>}, {.name = "fcmp.d", .compare = compare<double>}};

void fcmp(Emit& e, bool signal, B2 type, B5 m, B5 n, Bit zero) {
  if (type > 1) return e.undefined();
  Uop& u = e.rrr(Op::FpCompare, 16, kSink, vec(n), vec(m));
  u.helper = kFcmp.of(type), u.imm = zero | (signal ? 2 : 0);
}

// FCCMP compares only if the condition holds (a signalling NaN may not be noted otherwise). Its vectors and mode stand
// in imm: n | m << 8 | signal << 16 | type << 17.
bool condition_holds(Cond c, uint32_t f) {
  const bool n = f & flag::N, z = f & flag::Z, cf = f & flag::C, v = f & flag::V;
  switch (c) {
    case Cond::E: return z;
    case Cond::NE: return !z;
    case Cond::B: return cf;
    case Cond::AE: return !cf;
    case Cond::S: return n;
    case Cond::NS: return !n;
    case Cond::O: return v;
    case Cond::NO: return !v;
    case Cond::ArmHi: return cf && !z;
    case Cond::ArmLs: return !cf || z;
    case Cond::GE: return n == v;
    case Cond::L: return n != v;
    case Cond::G: return !z && n == v;
    case Cond::LE: return z || n != v;
    default: return true;
  }
}
Fault compare_if(CpuState& s, const Uop& u) {
  if (!condition_holds(u.cond, s.flags())) {
    s.set_flags(u.imm2);
    return Fault::None;
  }
  const Vec &a = s.v[u.imm & 63], &b = s.v[u.imm >> 8 & 63];
  const uint64_t mode = u.imm >> 16 & 1 ? 2 : 0;
  s.set_flags(u.imm >> 17 & 1 ? compare<double>(s, a, b, mode) : compare<float>(s, a, b, mode));
  return Fault::None;
}
constexpr Helper kFccmp{.name = "fccmp", .any = compare_if, .reads_flags = true, .writes_flags = true};

void fccmp(Emit& e, bool signal, B2 type, B5 m, B4 cond, B5 n, B4 nzcv) {
  if (type > 1) return e.undefined();
  Uop& u = e.call(kFccmp, 8, kSink, kZero, kZero, n | m << 8 | (signal ? 1u << 16 : 0) | type << 17);
  u.cond = condition(cond), u.imm2 = flag_bits(nzcv);
}

// Lane 0 to and from the integer registers.
template <class T>
uint64_t get0(const Vec& a, uint64_t) {
  return a.lane<T>(0);
}
template <class T>
void put0(Vec& d, uint64_t x, uint64_t) {
  put(d, static_cast<T>(x));
}
constexpr Helper kGetS{.name = "get.s", .get = get0<uint32_t>}, kGetD{.name = "get.d", .get = get0<uint64_t>};
constexpr Helper kPutS{.name = "put.s", .put = put0<uint32_t>}, kPutD{.name = "put.d", .put = put0<uint64_t>};
constexpr Helper kGetTop{.name = "get.d[1]", .get = [](const Vec& a, uint64_t) { return a.hi; }};
constexpr Helper kPutTop{.name = "put.d[1]", .put = [](Vec& d, uint64_t x, uint64_t) { d.hi = x; }, .reads_dst = true};

// To an integer register: computed in a temporary, because rounding and flags need the state. imm: bits | signed << 7 |
// fbits << 8 | mode << 16.
template <class F>
void to_fixed(CpuState& s, Vec& d, const Vec& a, const Vec&, uint64_t i) {
  d = Vec{fp::to_fixed(s, a.lane<F>(0), static_cast<Rounding>(i >> 16 & 7), i & 0x7f, i >> 7 & 1, i >> 8 & 0xff), 0};
}
template <class F>
void from_fixed(Vec& d, uint64_t x, uint64_t i) {
  put(d, fp::from_fixed<F>(x, i & 0x7f, i >> 7 & 1, static_cast<unsigned>(i >> 8 & 0xff)));
}
constexpr Both kToFixed{{.name = "fcvt.int.s", .fp = to_fixed<float>}, {.name = "fcvt.int.d", .fp = to_fixed<double>}};
constexpr Both kFromFixed{{.name = "icvt.s", .put = from_fixed<float>}, {.name = "icvt.d", .put = from_fixed<double>}};

uint64_t conversion(Bit z, bool is_signed, unsigned fbits, Rounding mode) {
  return (z ? 64u : 32u) | (is_signed ? 128u : 0u) | fbits << 8 | static_cast<unsigned>(mode) << 16;
}
void to_int(Emit& e, Rounding mode, bool is_signed, Bit z, B2 type, unsigned fbits, B5 n, B5 d) {
  if (type > 1) return e.undefined();
  e.vec_op(*kToFixed.of(type), kVT0, vec(n), vec(n), conversion(z, is_signed, fbits, mode));
  e.vec_get(kGetD, 8, dest(d), kVT0, 0);
}
void from_int(Emit& e, bool is_signed, Bit z, B2 type, unsigned fbits, B5 n, B5 d) {
  if (type > 1) return e.undefined();
  e.vec_put(*kFromFixed.of(type), vec(d), src(n), conversion(z, is_signed, fbits, Rounding::Nearest));
}
// scale is 64 - fbits; a 32-bit integer has at most 32 fraction bits.
bool fixed_ok(Bit z, B6 scale) { return z || scale >= 32; }

// FCVT: from × to, by type code 0 S, 1 D, 3 H.
template <class From, class To, class Fn>
void convert_fp(CpuState& s, Vec& d, const Vec& a, const Vec&, uint64_t) {
  put<To>(d, Fn{}(s, a.lane<From>(0)));
}
template <class From, class To, class Fn>
constexpr Helper convert(const char* name, Fn) {
  return {.name = name, .fp = convert_fp<From, To, Fn>};
}
constexpr Helper kSd = convert<float, double>("fcvt.sd", [](CpuState& s, float a) { return fp::widen(s, a); });
constexpr Helper kDs = convert<double, float>("fcvt.ds", [](CpuState& s, double a) { return fp::narrow(s, a); });
constexpr Helper kSh =
    convert<float, uint16_t>("fcvt.sh", [](CpuState& s, float a) { return fp::single_to_half(s, a); });
constexpr Helper kDh = convert<double, uint16_t>("fcvt.dh", [](CpuState& s, double a) { return fp::to_half(s, a); });
constexpr Helper kHs =
    convert<uint16_t, float>("fcvt.hs", [](CpuState& s, uint16_t a) { return fp::from_half_to_single(s, a); });
constexpr Helper kHd =
    convert<uint16_t, double>("fcvt.hd", [](CpuState& s, uint16_t a) { return fp::from_half_to_double(s, a); });
constexpr const Helper* kFcvt[4][4] = {{nullptr, &kSd, nullptr, &kSh},
                                       {&kDs, nullptr, nullptr, &kDh},
                                       {nullptr, nullptr, nullptr, nullptr},
                                       {&kHs, &kHd, nullptr, nullptr}};

}  // namespace

void FMOV_reg(Emit& e, B2 t, B5 n, B5 d) { one(e, kFmov, t, n, d); }
void FABS_s(Emit& e, B2 t, B5 n, B5 d) { one(e, kFabs, t, n, d); }
void FNEG_s(Emit& e, B2 t, B5 n, B5 d) { one(e, kFneg, t, n, d); }
void FSQRT_s(Emit& e, B2 t, B5 n, B5 d) { one(e, kFsqrt, t, n, d); }
void FRINTN_s(Emit& e, B2 t, B5 n, B5 d) { one(e, kFrintn, t, n, d); }
void FRINTP_s(Emit& e, B2 t, B5 n, B5 d) { one(e, kFrintp, t, n, d); }
void FRINTM_s(Emit& e, B2 t, B5 n, B5 d) { one(e, kFrintm, t, n, d); }
void FRINTZ_s(Emit& e, B2 t, B5 n, B5 d) { one(e, kFrintz, t, n, d); }
void FRINTA_s(Emit& e, B2 t, B5 n, B5 d) { one(e, kFrinta, t, n, d); }
void FRINTX_s(Emit& e, B2 t, B5 n, B5 d) { one(e, kFrintx, t, n, d); }
void FRINTI_s(Emit& e, B2 t, B5 n, B5 d) { one(e, kFrinti, t, n, d); }
void FCVT(Emit& e, B2 from, B2 to, B5 n, B5 d) {
  if (!kFcvt[from][to]) return e.undefined();
  e.vec_op(*kFcvt[from][to], vec(d), vec(n), vec(n), 0);
}
void FMOV_imm(Emit& e, B2 t, Bits<8> i, B5 d) {
  if (t > 1) return e.undefined();
  const uint64_t x = t ? fp::to_bits(fp::expand_imm<double>(i)) : fp::to_bits(fp::expand_imm<float>(i));
  e.mov_imm(8, kT0, static_cast<int64_t>(x));
  e.vec_put(kPutD, vec(d), kT0, 0);
}

void FCMP(Emit& e, B2 t, B5 m, B5 n, Bit zero) { fcmp(e, false, t, m, n, zero); }
void FCMPE(Emit& e, B2 t, B5 m, B5 n, Bit zero) { fcmp(e, true, t, m, n, zero); }
void FCCMP(Emit& e, B2 t, B5 m, B4 c, B5 n, B4 f) { fccmp(e, false, t, m, c, n, f); }
void FCCMPE(Emit& e, B2 t, B5 m, B4 c, B5 n, B4 f) { fccmp(e, true, t, m, c, n, f); }
void FCSEL(Emit& e, B2 t, B5 m, B4 cond, B5 n, B5 d) {
  if (t > 1) return e.undefined();
  const Helper& get = t ? kGetD : kGetS;
  e.vec_get(get, 8, kT0, vec(n), 0);
  e.vec_get(get, 8, kT0 + 1, vec(m), 0);
  e.rrr(Op::Select, 8, kT0, kT0, kT0 + 1).cond = condition(cond);
  e.vec_put(kPutD, vec(d), kT0, 0);
}

void FMUL_s(Emit& e, B2 t, B5 m, B5 n, B5 d) { two_sources(e, kFmul, t, m, n, d); }
void FDIV_s(Emit& e, B2 t, B5 m, B5 n, B5 d) { two_sources(e, kFdiv, t, m, n, d); }
void FADD_s(Emit& e, B2 t, B5 m, B5 n, B5 d) { two_sources(e, kFadd, t, m, n, d); }
void FSUB_s(Emit& e, B2 t, B5 m, B5 n, B5 d) { two_sources(e, kFsub, t, m, n, d); }
void FMAX_s(Emit& e, B2 t, B5 m, B5 n, B5 d) { two_sources(e, kFmax, t, m, n, d); }
void FMIN_s(Emit& e, B2 t, B5 m, B5 n, B5 d) { two_sources(e, kFmin, t, m, n, d); }
void FMAXNM_s(Emit& e, B2 t, B5 m, B5 n, B5 d) { two_sources(e, kFmaxnm, t, m, n, d); }
void FMINNM_s(Emit& e, B2 t, B5 m, B5 n, B5 d) { two_sources(e, kFminnm, t, m, n, d); }
void FNMUL_s(Emit& e, B2 t, B5 m, B5 n, B5 d) { two_sources(e, kFnmul, t, m, n, d); }
void FMADD(Emit& e, B2 t, B5 m, B5 a, B5 n, B5 d) { three(e, kFmadd, t, m, a, n, d); }
void FMSUB(Emit& e, B2 t, B5 m, B5 a, B5 n, B5 d) { three(e, kFmsub, t, m, a, n, d); }
void FNMADD(Emit& e, B2 t, B5 m, B5 a, B5 n, B5 d) { three(e, kFnmadd, t, m, a, n, d); }
void FNMSUB(Emit& e, B2 t, B5 m, B5 a, B5 n, B5 d) { three(e, kFnmsub, t, m, a, n, d); }

void FCVTNS_gp(Emit& e, Bit z, B2 t, B5 n, B5 d) { to_int(e, Rounding::Nearest, true, z, t, 0, n, d); }
void FCVTNU_gp(Emit& e, Bit z, B2 t, B5 n, B5 d) { to_int(e, Rounding::Nearest, false, z, t, 0, n, d); }
void FCVTPS_gp(Emit& e, Bit z, B2 t, B5 n, B5 d) { to_int(e, Rounding::Up, true, z, t, 0, n, d); }
void FCVTPU_gp(Emit& e, Bit z, B2 t, B5 n, B5 d) { to_int(e, Rounding::Up, false, z, t, 0, n, d); }
void FCVTMS_gp(Emit& e, Bit z, B2 t, B5 n, B5 d) { to_int(e, Rounding::Down, true, z, t, 0, n, d); }
void FCVTMU_gp(Emit& e, Bit z, B2 t, B5 n, B5 d) { to_int(e, Rounding::Down, false, z, t, 0, n, d); }
void FCVTZS_gp(Emit& e, Bit z, B2 t, B5 n, B5 d) { to_int(e, Rounding::Zero, true, z, t, 0, n, d); }
void FCVTZU_gp(Emit& e, Bit z, B2 t, B5 n, B5 d) { to_int(e, Rounding::Zero, false, z, t, 0, n, d); }
void FCVTAS_gp(Emit& e, Bit z, B2 t, B5 n, B5 d) { to_int(e, Rounding::Away, true, z, t, 0, n, d); }
void FCVTAU_gp(Emit& e, Bit z, B2 t, B5 n, B5 d) { to_int(e, Rounding::Away, false, z, t, 0, n, d); }
void SCVTF_gp(Emit& e, Bit z, B2 t, B5 n, B5 d) { from_int(e, true, z, t, 0, n, d); }
void UCVTF_gp(Emit& e, Bit z, B2 t, B5 n, B5 d) { from_int(e, false, z, t, 0, n, d); }
void FMOV_w_s(Emit& e, B5 n, B5 d) { e.vec_get(kGetS, 4, dest(d), vec(n), 0); }
void FMOV_s_w(Emit& e, B5 n, B5 d) { e.vec_put(kPutS, vec(d), src(n), 0); }
void FMOV_x_d(Emit& e, B5 n, B5 d) { e.vec_get(kGetD, 8, dest(d), vec(n), 0); }
void FMOV_d_x(Emit& e, B5 n, B5 d) { e.vec_put(kPutD, vec(d), src(n), 0); }
void FMOV_x_top(Emit& e, B5 n, B5 d) { e.vec_get(kGetTop, 8, dest(d), vec(n), 0); }
void FMOV_top_x(Emit& e, B5 n, B5 d) { e.vec_put(kPutTop, vec(d), src(n), 0); }
void SCVTF_fixed(Emit& e, Bit z, B2 t, B6 scale, B5 n, B5 d) {
  if (!fixed_ok(z, scale)) return e.undefined();
  from_int(e, true, z, t, 64 - scale, n, d);
}
void UCVTF_fixed(Emit& e, Bit z, B2 t, B6 scale, B5 n, B5 d) {
  if (!fixed_ok(z, scale)) return e.undefined();
  from_int(e, false, z, t, 64 - scale, n, d);
}
void FCVTZS_fixed(Emit& e, Bit z, B2 t, B6 scale, B5 n, B5 d) {
  if (!fixed_ok(z, scale)) return e.undefined();
  to_int(e, Rounding::Zero, true, z, t, 64 - scale, n, d);
}
void FCVTZU_fixed(Emit& e, Bit z, B2 t, B6 scale, B5 n, B5 d) {
  if (!fixed_ok(z, scale)) return e.undefined();
  to_int(e, Rounding::Zero, false, z, t, 64 - scale, n, d);
}

}  // namespace deferscope::isa::arm64
