// C's mathematics, as programs with C in them import it: arguments and results in vector registers, whatever rounding
// and flags the guest has set. What a float's function gives is the double's, rounded: for what is exact (fmod, floor)
// and for sqrt that is the right one.
#include <cfenv>
#include <cmath>
#include <limits>
#include <tuple>
#include <type_traits>

#include "emu/darwin/call.h"
#include "emu/darwin/elementary.h"

namespace deferscope::emu::darwin {
namespace {

// Computes as C's default environment does, and leaves no trace of it: hosts differ in the flags they raise.
class PlainArithmetic {
 public:
  PlainArithmetic() {
    std::feholdexcept(&kept_);
    std::fesetround(FE_TONEAREST);
  }
  ~PlainArithmetic() { std::fesetenv(&kept_); }
  PlainArithmetic(const PlainArithmetic&) = delete;

 private:
  std::fenv_t kept_;
};

// The arguments as a call passes them: doubles or floats in vector registers, all others in the integer ones.
template <class Real>
class Arguments {
 public:
  explicit Arguments(Call& c) : c_(c) {}
  template <class T>
  T next() {
    if constexpr (std::is_floating_point_v<T>)
      return c_.cpu().v[reals_++].template lane<Real>(0);
    else
      return static_cast<T>(c_.a[words_++]);
  }

 private:
  Call& c_;
  isa::VReg reals_ = 0;
  int words_ = 0;
};

template <class Real>
void set_result(Call& c, isa::VReg reg, double value) {
  isa::Vec out;
  out.set(0, static_cast<Real>(value));
  c.cpu().v[reg] = out;
}

// Hosts differ in what NaN they make, and in which of two they pass on.
template <class... A>
double same_everywhere(double result, const A&... arguments) {
  if (!std::isnan(result)) return result;
  double from = std::numeric_limits<double>::quiet_NaN();
  bool given = false;
  const auto look = [&](double x) {
    if (given || !std::isnan(x)) return;
    given = true;
    from = std::copysign(x, result);
  };
  (look(static_cast<double>(arguments)), ...);
  return from;
}

template <class Real, class... A>
Result evaluate(Call& c, double (*function)(A...)) {
  const PlainArithmetic plain;
  Arguments<Real> in(c);
  const std::tuple<A...> x{in.template next<A>()...};
  set_result<Real>(c, 0, std::apply([&](auto... a) { return same_everywhere(function(a...), a...); }, x));
  return c.back();
}

// --- what the standard leaves no choice in, by the host ---

double square_root(double x) { return std::sqrt(x); }
double absolute(double x) { return std::fabs(x); }
double round_down(double x) { return std::floor(x); }
double round_up(double x) { return std::ceil(x); }
double round_away(double x) { return std::round(x); }
double round_even(double x) { return std::nearbyint(x); }
double cut(double x) { return std::trunc(x); }
double modulo(double x, double y) { return std::fmod(x, y); }
double nearest_rest(double x, double y) { return std::remainder(x, y); }
double copied_sign(double x, double y) { return std::copysign(x, y); }
double positive_difference(double x, double y) { return std::fdim(x, y); }
double fused(double x, double y, double z) { return std::fma(x, y, z); }
double exponent(double x) { return std::logb(x); }
double times_power_of_2(double x, int n) { return std::ldexp(x, n); }

// What does not fit, as the processor's own conversion gives it: CVTTSD2SI, FCVTZS.
template <class Real>
Result to_integer(Call& c, double (*rounded)(double)) {
  constexpr double kEnd = 0x1p63;
  const PlainArithmetic plain;
  const double x = rounded(c.cpu().v[0].lane<Real>(0));
  int64_t out = INT64_MIN;
  if (x >= -kEnd && x < kEnd)
    out = static_cast<int64_t>(x);
  else if (!c.s.amd64())
    out = std::isnan(x) ? 0 : x > 0 ? INT64_MAX : INT64_MIN;
  return c.give(static_cast<uint64_t>(out));
}

// --- what gives more than one result ---

template <class Real>
Result split_fraction(Call& c) {  // frexp(x, &exponent)
  const PlainArithmetic plain;
  const double x = c.cpu().v[0].lane<Real>(0);
  int exponent = 0;
  const double fraction = std::isfinite(x) ? std::frexp(x, &exponent) : x;
  if (!c.put(c.a[0], exponent)) return c.fault(isa::Access::Write);
  set_result<Real>(c, 0, same_everywhere(fraction, x));
  return c.back();
}

template <class Real>
Result split_whole(Call& c) {  // modf(x, &whole)
  const PlainArithmetic plain;
  const double x = c.cpu().v[0].lane<Real>(0), whole = std::trunc(x);
  if (!c.put(c.a[0], static_cast<Real>(same_everywhere(whole, x)))) return c.fault(isa::Access::Write);
  set_result<Real>(c, 0, same_everywhere(std::copysign(std::isinf(x) ? 0 : x - whole, x), x));
  return c.back();
}

}  // namespace

// One line a function: of doubles and, with an f behind its name, of floats.
#define DEFERSCOPE_MATH(name, function)                                \
  Result imp_##name(Call& c) { return evaluate<double>(c, function); } \
  Result imp_##name##f(Call& c) { return evaluate<float>(c, function); }
DEFERSCOPE_MATH(acos, elementary::acos)
DEFERSCOPE_MATH(acosh, elementary::acosh)
DEFERSCOPE_MATH(asin, elementary::asin)
DEFERSCOPE_MATH(asinh, elementary::asinh)
DEFERSCOPE_MATH(atan, elementary::atan)
DEFERSCOPE_MATH(atan2, elementary::atan2)
DEFERSCOPE_MATH(atanh, elementary::atanh)
DEFERSCOPE_MATH(cbrt, elementary::cbrt)
DEFERSCOPE_MATH(ceil, round_up)
DEFERSCOPE_MATH(copysign, copied_sign)
DEFERSCOPE_MATH(cos, elementary::cos)
DEFERSCOPE_MATH(cosh, elementary::cosh)
DEFERSCOPE_MATH(exp, elementary::exp)
DEFERSCOPE_MATH(exp10, elementary::exp10)
DEFERSCOPE_MATH(exp2, elementary::exp2)
DEFERSCOPE_MATH(expm1, elementary::expm1)
DEFERSCOPE_MATH(fabs, absolute)
DEFERSCOPE_MATH(fdim, positive_difference)
DEFERSCOPE_MATH(floor, round_down)
DEFERSCOPE_MATH(fmax, elementary::fmax)
DEFERSCOPE_MATH(fmin, elementary::fmin)
DEFERSCOPE_MATH(fmod, modulo)
DEFERSCOPE_MATH(hypot, elementary::hypot)
DEFERSCOPE_MATH(ldexp, times_power_of_2)
DEFERSCOPE_MATH(log, elementary::log)
DEFERSCOPE_MATH(log10, elementary::log10)
DEFERSCOPE_MATH(log1p, elementary::log1p)
DEFERSCOPE_MATH(log2, elementary::log2)
DEFERSCOPE_MATH(logb, exponent)
DEFERSCOPE_MATH(nearbyint, round_even)
DEFERSCOPE_MATH(pow, elementary::pow)
DEFERSCOPE_MATH(remainder, nearest_rest)
DEFERSCOPE_MATH(round, round_away)
DEFERSCOPE_MATH(sin, elementary::sin)
DEFERSCOPE_MATH(sinh, elementary::sinh)
DEFERSCOPE_MATH(sqrt, square_root)
DEFERSCOPE_MATH(tan, elementary::tan)
DEFERSCOPE_MATH(tanh, elementary::tanh)
DEFERSCOPE_MATH(trunc, cut)
#undef DEFERSCOPE_MATH

// Rounded once: a float's is not the double's, rounded again.
Result imp_fma(Call& c) { return evaluate<double>(c, fused); }
Result imp_fmaf(Call& c) {
  const PlainArithmetic plain;
  const auto x = [&](isa::VReg reg) { return c.cpu().v[reg].lane<float>(0); };
  set_result<float>(c, 0, same_everywhere(std::fma(x(0), x(1), x(2)), x(0), x(1), x(2)));
  return c.back();
}

Result imp_frexp(Call& c) { return split_fraction<double>(c); }
Result imp_frexpf(Call& c) { return split_fraction<float>(c); }
Result imp_modf(Call& c) { return split_whole<double>(c); }
Result imp_modff(Call& c) { return split_whole<float>(c); }

Result imp_llrint(Call& c) { return to_integer<double>(c, round_even); }
Result imp_llrintf(Call& c) { return to_integer<float>(c, round_even); }
Result imp_llround(Call& c) { return to_integer<double>(c, round_away); }
Result imp_llroundf(Call& c) { return to_integer<float>(c, round_away); }

// Both at once, as Apple's compiler asks for them: a pair of doubles comes back in two registers.
Result imp_sincos(Call& c) {
  const PlainArithmetic plain;
  const double x = c.cpu().v[0].lane<double>(0);
  set_result<double>(c, 0, same_everywhere(elementary::sin(x), x));
  set_result<double>(c, 1, same_everywhere(elementary::cos(x), x));
  return c.back();
}

}  // namespace deferscope::emu::darwin
