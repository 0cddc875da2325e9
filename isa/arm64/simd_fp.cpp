// Advanced SIMD on floating-point lanes. All helpers that can note an exception have the state, so that only the lanes
// of the form are computed.
#include "isa/arm64/fp.h"
#include "isa/arm64/lanes.h"
#include "isa/arm64/lifts.h"

namespace deferscope::isa::arm64 {
namespace {

using fp::Rounding;

template <class F>
F float_truth(bool b) {
  return fp::of_bits<F>(b ? ~typename fp::Format<F>::U{0} : 0);
}
// Comparisons: FCMEQ is quiet, the others signal.
template <class F>
F equal(CpuState& s, F a, F b) {
  return float_truth<F>(fp::compare(s, a, b, false) & flag::Z);
}
template <class F>
F greater(CpuState& s, F a, F b) {
  return float_truth<F>(fp::compare(s, a, b, true) == flag::C);
}
template <class F>
F greater_equal(CpuState& s, F a, F b) {
  const uint32_t f = fp::compare(s, a, b, true);
  return float_truth<F>(f == flag::C || f == (flag::Z | flag::C));
}

constexpr auto kAddF = [](auto l) { return fp::add(*l.s, l.a, l.b); };
constexpr auto kMaxF = [](auto l) { return fp::extreme(*l.s, l.a, l.b, true); };
constexpr auto kMinF = [](auto l) { return fp::extreme(*l.s, l.a, l.b, false); };
constexpr auto kMaxNumber = [](auto l) { return fp::extreme_number(*l.s, l.a, l.b, true); };
constexpr auto kMinNumber = [](auto l) { return fp::extreme_number(*l.s, l.a, l.b, false); };
template <Rounding R>
constexpr auto kRound = [](auto l) { return fp::round_int(*l.s, l.a, R, false); };
// To integers of the lanes' size; the parameter counts fraction bits.
template <Rounding R, bool Signed>
constexpr auto kToInt = [](auto l) {
  using F = decltype(l.a);
  return fp::of_bits<F>(static_cast<typename fp::Format<F>::U>(fp::to_fixed(*l.s, l.a, R, 8 * sizeof(F), Signed, l.p)));
};
template <bool Signed>
constexpr auto kFromInt = [](auto l) {
  using F = std::conditional_t<sizeof(l.a) == 4, float, double>;
  return fp::to_bits(fp::from_fixed<F>(l.a, 8 * sizeof(F), Signed, l.p));
};

}  // namespace

constexpr Set kFaddV = make<Elementwise, "fadd", Floats, kState>(kAddF);
constexpr Set kFsubV = make<Elementwise, "fsub", Floats, kState>([](auto l) { return fp::sub(*l.s, l.a, l.b); });
constexpr Set kFmulV = make<Elementwise, "fmul", Floats, kState>([](auto l) { return fp::mul(*l.s, l.a, l.b); });
constexpr Set kFdivV = make<Elementwise, "fdiv", Floats, kState>([](auto l) { return fp::div(*l.s, l.a, l.b); });
constexpr Set kFmulxV = make<Elementwise, "fmulx", Floats, kState>([](auto l) { return fp::mulx(*l.s, l.a, l.b); });
constexpr Set kFmlaV =
    make<Elementwise, "fmla", Floats, kState | kReadsDst>([](auto l) { return fp::mul_add(*l.s, l.d, l.a, l.b); });
constexpr Set kFmlsV = make<Elementwise, "fmls", Floats, kState | kReadsDst>(
    [](auto l) { return fp::mul_add(*l.s, l.d, fp::negate(l.a), l.b); });
constexpr Set kFabdV =
    make<Elementwise, "fabd", Floats, kState>([](auto l) { return fp::absolute(fp::sub(*l.s, l.a, l.b)); });
constexpr Set kFmaxV = make<Elementwise, "fmax", Floats, kState>(kMaxF);
constexpr Set kFminV = make<Elementwise, "fmin", Floats, kState>(kMinF);
constexpr Set kFmaxnmV = make<Elementwise, "fmaxnm", Floats, kState>(kMaxNumber);
constexpr Set kFminnmV = make<Elementwise, "fminnm", Floats, kState>(kMinNumber);
constexpr Set kFaddp = make<Pairwise, "faddp", Floats, kState>(kAddF);
constexpr Set kFmaxp = make<Pairwise, "fmaxp", Floats, kState>(kMaxF);
constexpr Set kFminp = make<Pairwise, "fminp", Floats, kState>(kMinF);
constexpr Set kFmaxnmp = make<Pairwise, "fmaxnmp", Floats, kState>(kMaxNumber);
constexpr Set kFminnmp = make<Pairwise, "fminnmp", Floats, kState>(kMinNumber);
constexpr Set kFmaxv = make<Across, "fmaxv", Floats, kState>(kMaxF);
constexpr Set kFminv = make<Across, "fminv", Floats, kState>(kMinF);
constexpr Set kFmaxnmv = make<Across, "fmaxnmv", Floats, kState>(kMaxNumber);
constexpr Set kFminnmv = make<Across, "fminnmv", Floats, kState>(kMinNumber);

constexpr Set kFcmeq = make<Elementwise, "fcmeq", Floats, kState>([](auto l) { return equal(*l.s, l.a, l.b); });
constexpr Set kFcmge = make<Elementwise, "fcmge", Floats, kState>([](auto l) { return greater_equal(*l.s, l.a, l.b); });
constexpr Set kFcmgt = make<Elementwise, "fcmgt", Floats, kState>([](auto l) { return greater(*l.s, l.a, l.b); });
constexpr Set kFacge = make<Elementwise, "facge", Floats, kState>(
    [](auto l) { return greater_equal(*l.s, fp::absolute(l.a), fp::absolute(l.b)); });
constexpr Set kFacgt = make<Elementwise, "facgt", Floats, kState>(
    [](auto l) { return greater(*l.s, fp::absolute(l.a), fp::absolute(l.b)); });
constexpr Set kFcmeq0 =
    make<Elementwise, "fcmeq0", Floats, kState>([](auto l) { return equal(*l.s, l.a, decltype(l.a){0}); });
constexpr Set kFcmge0 =
    make<Elementwise, "fcmge0", Floats, kState>([](auto l) { return greater_equal(*l.s, l.a, decltype(l.a){0}); });
constexpr Set kFcmgt0 =
    make<Elementwise, "fcmgt0", Floats, kState>([](auto l) { return greater(*l.s, l.a, decltype(l.a){0}); });
constexpr Set kFcmle0 =
    make<Elementwise, "fcmle0", Floats, kState>([](auto l) { return greater_equal(*l.s, decltype(l.a){0}, l.a); });
constexpr Set kFcmlt0 =
    make<Elementwise, "fcmlt0", Floats, kState>([](auto l) { return greater(*l.s, decltype(l.a){0}, l.a); });

constexpr Set kFabsV = make<Elementwise, "fabs", Floats>([](auto l) { return fp::absolute(l.a); });
constexpr Set kFnegV = make<Elementwise, "fneg", Floats>([](auto l) { return fp::negate(l.a); });
constexpr Set kFsqrtV = make<Elementwise, "fsqrt", Floats, kState>([](auto l) { return fp::sqrt(*l.s, l.a); });
constexpr Set kFrecpe =
    make<Elementwise, "frecpe", Floats, kState>([](auto l) { return fp::recip_estimate(*l.s, l.a); });
constexpr Set kFrsqrte =
    make<Elementwise, "frsqrte", Floats, kState>([](auto l) { return fp::rsqrt_estimate(*l.s, l.a); });
constexpr Set kFrecps =
    make<Elementwise, "frecps", Floats, kState>([](auto l) { return fp::recip_step(*l.s, l.a, l.b); });
constexpr Set kFrsqrts =
    make<Elementwise, "frsqrts", Floats, kState>([](auto l) { return fp::rsqrt_step(*l.s, l.a, l.b); });
constexpr Set kFrecpx =
    make<Elementwise, "frecpx", Floats, kState>([](auto l) { return fp::recip_exponent(*l.s, l.a); });
using Words = Types<void, void, uint32_t, void>;
constexpr Set kUrecpe = make<Elementwise, "urecpe", Words>([](auto l) { return fp::unsigned_recip_estimate(l.a); });
constexpr Set kUrsqrte = make<Elementwise, "ursqrte", Words>([](auto l) { return fp::unsigned_rsqrt_estimate(l.a); });

constexpr Set kFrintnV = make<Elementwise, "frintn", Floats, kState>(kRound<Rounding::Nearest>);
constexpr Set kFrintpV = make<Elementwise, "frintp", Floats, kState>(kRound<Rounding::Up>);
constexpr Set kFrintmV = make<Elementwise, "frintm", Floats, kState>(kRound<Rounding::Down>);
constexpr Set kFrintzV = make<Elementwise, "frintz", Floats, kState>(kRound<Rounding::Zero>);
constexpr Set kFrintaV = make<Elementwise, "frinta", Floats, kState>(kRound<Rounding::Away>);
constexpr Set kFrintxV = make<Elementwise, "frintx", Floats, kState>(
    [](auto l) { return fp::round_int(*l.s, l.a, fp::rounding(*l.s), true); });
constexpr Set kFrintiV = make<Elementwise, "frinti", Floats, kState>(
    [](auto l) { return fp::round_int(*l.s, l.a, fp::rounding(*l.s), false); });

constexpr Set kFcvtns = make<Elementwise, "fcvtns", Floats, kState>(kToInt<Rounding::Nearest, true>);
constexpr Set kFcvtnu = make<Elementwise, "fcvtnu", Floats, kState>(kToInt<Rounding::Nearest, false>);
constexpr Set kFcvtps = make<Elementwise, "fcvtps", Floats, kState>(kToInt<Rounding::Up, true>);
constexpr Set kFcvtpu = make<Elementwise, "fcvtpu", Floats, kState>(kToInt<Rounding::Up, false>);
constexpr Set kFcvtms = make<Elementwise, "fcvtms", Floats, kState>(kToInt<Rounding::Down, true>);
constexpr Set kFcvtmu = make<Elementwise, "fcvtmu", Floats, kState>(kToInt<Rounding::Down, false>);
constexpr Set kFcvtzs = make<Elementwise, "fcvtzs", Floats, kState>(kToInt<Rounding::Zero, true>);
constexpr Set kFcvtzu = make<Elementwise, "fcvtzu", Floats, kState>(kToInt<Rounding::Zero, false>);
constexpr Set kFcvtas = make<Elementwise, "fcvtas", Floats, kState>(kToInt<Rounding::Away, true>);
constexpr Set kFcvtau = make<Elementwise, "fcvtau", Floats, kState>(kToInt<Rounding::Away, false>);
constexpr Set kScvtf = make<Elementwise, "scvtf", FloatBits, kState>(kFromInt<true>);
constexpr Set kUcvtf = make<Elementwise, "ucvtf", FloatBits, kState>(kFromInt<false>);

namespace {

// FCVTL, FCVTN, FCVTXN: between formats of half the width. The form says which half of the narrow vector.
template <class Narrow, class Wide, Wide (*F)(CpuState&, Narrow)>
void lengthen(CpuState& s, Vec& d, const Vec& a, const Vec&, uint64_t imm) {
  constexpr unsigned n = 8 / sizeof(Narrow);
  Vec r;
  for (unsigned i = 0; i < n; ++i) r.set<Wide>(i, F(s, a.lane<Narrow>((imm & 1) * n + i)));
  d = r;
}
template <class Wide, class Narrow, Narrow (*F)(CpuState&, Wide)>
void narrow(CpuState& s, Vec& d, const Vec& a, const Vec&, uint64_t imm) {
  const unsigned n = imm == kScalar ? 1 : 8 / sizeof(Narrow);
  Vec r;
  for (unsigned i = 0; i < n; ++i) r.set<Narrow>(i, F(s, a.lane<Wide>(i)));
  d = imm == kFull ? Vec{d.lo, r.lo} : Vec{r.lo, 0};
}
constexpr Helper kFcvtl[2] = {{.name = "fcvtl.h", .fp = lengthen<uint16_t, float, fp::from_half_to_single>},
                              {.name = "fcvtl.s", .fp = lengthen<float, double, fp::widen>}};
constexpr Helper kFcvtn[2] = {{.name = "fcvtn.h", .fp = narrow<float, uint16_t, fp::single_to_half>, .reads_dst = true},
                              {.name = "fcvtn.s", .fp = narrow<double, float, fp::narrow>, .reads_dst = true}};
constexpr Helper kFcvtxn{.name = "fcvtxn", .fp = narrow<double, float, fp::narrow_to_odd>, .reads_dst = true};

}  // namespace

void FCVTL(Emit& e, Bit q, Bit z, B5 n, B5 d) { e.vec_op(kFcvtl[z], vec(d), vec(n), vec(n), q); }
void FCVTN_v(Emit& e, Bit q, Bit z, B5 n, B5 d) { e.vec_op(kFcvtn[z], vec(d), vec(n), vec(n), q); }
void FCVTXN(Emit& e, Bit q, B5 n, B5 d) { e.vec_op(kFcvtxn, vec(d), vec(n), vec(n), q); }
void FCVTXN_scalar(Emit& e, B5 n, B5 d) { e.vec_op(kFcvtxn, vec(d), vec(n), vec(n), kScalar); }

}  // namespace deferscope::isa::arm64
