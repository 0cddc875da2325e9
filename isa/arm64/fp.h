// Floating point by Arm's rules on the host's arithmetic (Arm ARM, shared/functions/float). The host computes under the
// guest's rounding mode (isa/fp_env.h) and collects the sticky flags; here stands what differs between hosts: which NaN
// comes out, flush-to-zero, tininess (Arm: before rounding), conversions.
#pragma once
#include <bit>
#include <cfenv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>

#include "isa/state.h"

namespace deferscope::isa::arm64::fp {

namespace fpcr {
inline constexpr uint32_t AHP = 1u << 26, DN = 1u << 25, FZ = 1u << 24;
}
namespace fpsr {
inline constexpr uint32_t IOC = 1, DZC = 2, OFC = 4, UFC = 8, IXC = 16, IDC = 128, QC = 1u << 27;
}

enum class Rounding : uint8_t { Nearest, Up, Down, Zero, Away };  // the first four as FPCR.RMode
inline Rounding rounding(const CpuState& s) { return static_cast<Rounding>(s.fpcr >> 22 & 3); }

template <class F>
struct Format;
template <>
struct Format<float> {
  using U = uint32_t;
  static constexpr unsigned fraction = 23;
  static constexpr U sign = 1u << 31, quiet = 1u << 22, infinity = 0x7f800000, default_nan = 0x7fc00000;
};
template <>
struct Format<double> {
  using U = uint64_t;
  static constexpr unsigned fraction = 52;
  static constexpr U sign = U{1} << 63, quiet = U{1} << 51, infinity = U{0x7ff} << 52, default_nan = U{0x7ff8} << 48;
};

template <class F>
typename Format<F>::U to_bits(F x) {
  return std::bit_cast<typename Format<F>::U>(x);
}
template <class F>
F of_bits(typename Format<F>::U x) {
  return std::bit_cast<F>(x);
}
template <class F>
typename Format<F>::U magnitude(F x) {
  return to_bits(x) & ~Format<F>::sign;
}
template <class F>
bool is_nan(F x) {
  return magnitude(x) > Format<F>::infinity;
}
template <class F>
bool is_snan(F x) {
  return is_nan(x) && !(to_bits(x) & Format<F>::quiet);
}
template <class F>
bool is_inf(F x) {
  return magnitude(x) == Format<F>::infinity;
}
template <class F>
bool is_zero(F x) {
  return magnitude(x) == 0;
}
template <class F>
bool is_negative(F x) {
  return (to_bits(x) & Format<F>::sign) != 0;
}
template <class F>
bool is_subnormal(F x) {
  const auto m = magnitude(x);
  return m != 0 && m < (typename Format<F>::U{1} << Format<F>::fraction);
}
template <class F>
F negate(F x) {
  return of_bits<F>(to_bits(x) ^ Format<F>::sign);
}
template <class F>
F absolute(F x) {
  return of_bits<F>(magnitude(x));
}
template <class F>
F signed_as(F x, bool negative) {
  return of_bits<F>(magnitude(x) | (negative ? Format<F>::sign : 0));
}
template <class F>
F default_nan() {
  return of_bits<F>(Format<F>::default_nan);
}
template <class F>
F infinity(bool negative) {
  return of_bits<F>(Format<F>::infinity | (negative ? Format<F>::sign : 0));
}

// FPProcessNaN: the quiet NaN that one NaN operand gives.
template <class F>
F process_nan(CpuState& s, F x) {
  if (is_snan(x)) s.fpsr |= fpsr::IOC;
  return s.fpcr & fpcr::DN ? default_nan<F>() : of_bits<F>(to_bits(x) | Format<F>::quiet);
}
// FPProcessNaNs, FPProcessNaNs3: the first signalling operand, else the first quiet one; none: the default NaN (an
// invalid operation, which the caller or the host has noted).
template <class F>
F process_nans(CpuState& s, F a, F b) {
  if (is_snan(a)) return process_nan(s, a);
  if (is_snan(b)) return process_nan(s, b);
  if (is_nan(a)) return process_nan(s, a);
  if (is_nan(b)) return process_nan(s, b);
  return default_nan<F>();
}
template <class F>
F process_nans3(CpuState& s, F a, F b, F c) {
  if (is_snan(a)) return process_nan(s, a);
  if (is_snan(b)) return process_nan(s, b);
  if (is_snan(c)) return process_nan(s, c);
  if (is_nan(a)) return process_nan(s, a);
  return process_nans(s, b, c);
}

// FPUnpack under FPCR.FZ: a subnormal operand is a zero.
template <class F>
F flush_input(CpuState& s, F x) {
  if (!(s.fpcr & fpcr::FZ) || !is_subnormal(x)) return x;
  s.fpsr |= fpsr::IDC;
  return of_bits<F>(to_bits(x) & Format<F>::sign);
}

// The compiler takes arithmetic for a pure function of its operands: this keeps an operation where it stands, between
// changes of the rounding mode and of the sticky flags.
template <class F>
F opaque(F x) {
  asm volatile("" : "+m"(x) : : "memory");
  return x;
}

// The result r of `compute` is zero, subnormal or the least normal number. Arm calls it tiny if it is so before
// rounding: then underflow (with FZ also when exact), and FZ makes it zero.
template <class F, class Compute>
F tiny_result(CpuState& s, F r, Compute compute) {
  constexpr auto kLeastNormal = typename Format<F>::U{1} << Format<F>::fraction;
  const bool flush = s.fpcr & fpcr::FZ;
  if (magnitude(r) == 0 && !flush) return r;
  if (magnitude(r) < kLeastNormal && !flush) return r;  // the host says underflow if inexact, as Arm
  const int mode = std::fegetround();
  const int raised = std::fetestexcept(FE_ALL_EXCEPT);
  std::feclearexcept(FE_ALL_EXCEPT);
  std::fesetround(FE_TOWARDZERO);
  const F toward_zero = compute();
  const bool inexact = std::fetestexcept(FE_INEXACT);
  std::fesetround(mode);
  std::feclearexcept(FE_ALL_EXCEPT);
  std::feraiseexcept(raised & ~(flush ? FE_UNDERFLOW | FE_INEXACT : 0));
  const bool tiny = magnitude(toward_zero) < kLeastNormal && (magnitude(toward_zero) != 0 || inexact);
  if (!flush) {
    if (tiny) s.fpsr |= fpsr::UFC;
    return r;
  }
  if (!tiny) {
    std::feraiseexcept(raised & (FE_UNDERFLOW | FE_INEXACT));
    return r;
  }
  s.fpsr |= fpsr::UFC;
  return of_bits<F>(to_bits(r) & Format<F>::sign);
}

template <class F, class Compute>
F finish(CpuState& s, F r, Compute compute) {
  constexpr auto kLeastNormal = typename Format<F>::U{1} << Format<F>::fraction;
  if (magnitude(r) <= kLeastNormal) [[unlikely]]
    return tiny_result(s, r, compute);
  return r;
}

// What the host has collected so far, moved to FPSR: the host's flags afterwards are the next operation's alone.
inline void take_host_flags(CpuState& s) {
  const int raised = std::fetestexcept(FE_ALL_EXCEPT);
  s.fpsr |= (raised & FE_INVALID ? fpsr::IOC : 0) | (raised & FE_DIVBYZERO ? fpsr::DZC : 0) |
            (raised & FE_OVERFLOW ? fpsr::OFC : 0) | (raised & FE_UNDERFLOW ? fpsr::UFC : 0) |
            (raised & FE_INEXACT ? fpsr::IXC : 0);
  std::feclearexcept(FE_ALL_EXCEPT);
}

template <class F, class Op>
F arithmetic(CpuState& s, F a, F b, Op op) {
  if (s.fpcr & fpcr::FZ) [[unlikely]] {
    take_host_flags(s);
    a = opaque(flush_input(s, a)), b = opaque(flush_input(s, b));
  }
  const F r = op(a, b);
  if (is_nan(r)) [[unlikely]]
    return process_nans(s, a, b);
  return finish(s, r, [&] { return opaque(op(opaque(a), opaque(b))); });
}

template <class F>
F add(CpuState& s, F a, F b) {
  return arithmetic(s, a, b, [](F x, F y) { return x + y; });
}
template <class F>
F sub(CpuState& s, F a, F b) {
  return arithmetic(s, a, b, [](F x, F y) { return x - y; });
}
template <class F>
F mul(CpuState& s, F a, F b) {
  return arithmetic(s, a, b, [](F x, F y) { return x * y; });
}
template <class F>
F div(CpuState& s, F a, F b) {
  return arithmetic(s, a, b, [](F x, F y) { return x / y; });
}
// FMULX: as FMUL, but 0 * infinity is 2.
template <class F>
F mulx(CpuState& s, F a, F b) {
  const F x = flush_input(s, a), y = flush_input(s, b);
  if ((is_inf(x) && is_zero(y)) || (is_zero(x) && is_inf(y))) return signed_as(F{2}, is_negative(x) != is_negative(y));
  return mul(s, a, b);
}
template <class F>
F sqrt(CpuState& s, F a) {
  a = flush_input(s, a);
  if (is_nan(a)) return process_nan(s, a);
  if (is_negative(a) && !is_zero(a)) {
    s.fpsr |= fpsr::IOC;
    return default_nan<F>();
  }
  return std::sqrt(a);
}
// FPMulAdd: c + a*b, rounded once.
template <class F>
F mul_add(CpuState& s, F c, F a, F b) {
  if (s.fpcr & fpcr::FZ) [[unlikely]] {
    take_host_flags(s);
    a = flush_input(s, a), b = flush_input(s, b), c = opaque(flush_input(s, c));
  }
  const bool no_product = (is_inf(a) && is_zero(b)) || (is_zero(a) && is_inf(b));
  if (is_nan(a) || is_nan(b) || is_nan(c) || no_product) [[unlikely]] {
    if (no_product && !is_snan(c)) {  // a quiet NaN as addend does not help
      s.fpsr |= fpsr::IOC;
      return default_nan<F>();
    }
    return process_nans3(s, c, a, b);
  }
  const F r = std::fma(a, b, c);
  if (is_nan(r)) [[unlikely]]
    return default_nan<F>();
  return finish(s, r, [&] { return opaque(std::fma(opaque(a), b, c)); });
}

// FMAX, FMIN: a NaN wins, +0 is above -0. FMAXNM, FMINNM: a number wins over a quiet NaN.
template <class F>
F extreme(CpuState& s, F a, F b, bool max) {
  a = flush_input(s, a), b = flush_input(s, b);
  if (is_nan(a) || is_nan(b)) return process_nans(s, a, b);
  if (is_zero(a) && is_zero(b))
    return signed_as(a, max ? is_negative(a) && is_negative(b) : is_negative(a) || is_negative(b));
  return (a > b) == max ? a : b;
}
template <class F>
F extreme_number(CpuState& s, F a, F b, bool max) {
  const bool qa = is_nan(a) && !is_snan(a), qb = is_nan(b) && !is_snan(b);
  if (qa && !is_nan(b)) return extreme(s, b, b, max);
  if (qb && !is_nan(a)) return extreme(s, a, a, max);
  return extreme(s, a, b, max);
}

// FPCompare: N Z C V as bits of isa::flag. `signal`: quiet NaNs are invalid too (FCMPE).
template <class F>
uint32_t compare(CpuState& s, F a, F b, bool signal) {
  a = flush_input(s, a), b = flush_input(s, b);
  if (is_nan(a) || is_nan(b)) {
    if (signal || is_snan(a) || is_snan(b)) s.fpsr |= fpsr::IOC;
    return flag::C | flag::V;
  }
  return a == b ? flag::Z | flag::C : a < b ? flag::N : flag::C;
}

// A finite double to an integral one. All in integers: no host rounding, no flags.
inline double round_to_integral(double x, Rounding mode) {
  const uint64_t u = to_bits(x), sign = u & Format<double>::sign;
  const int e = static_cast<int>(u >> 52 & 0x7ff) - 1023;
  if (e >= 52 || is_zero(x)) return x;
  const uint64_t one = e < 0 ? uint64_t{1} << 52 : uint64_t{1} << (52 - e);  // the unit's place in the mantissa
  const uint64_t mantissa = (u & ((uint64_t{1} << 52) - 1)) | (uint64_t{1} << 52);
  if (e < 0) {  // |x| < 1
    const bool above_half = e == -1 && (mantissa & (one - 1)) != 0, half = e == -1 && !above_half;
    const bool up = mode == Rounding::Nearest ? above_half
                    : mode == Rounding::Away  ? above_half || half
                    : mode == Rounding::Up    ? sign == 0
                    : mode == Rounding::Down  ? sign != 0
                                              : false;
    return of_bits<double>(sign | (up ? to_bits(1.0) : 0));
  }
  const uint64_t rest = u & (one - 1), half = one >> 1;
  const uint64_t whole = u & ~(one - 1);
  const bool odd = e == 0 || (whole & one) != 0;
  const bool up = mode == Rounding::Nearest ? rest > half || (rest == half && odd)
                  : mode == Rounding::Away  ? rest >= half
                  : mode == Rounding::Up    ? rest != 0 && sign == 0
                  : mode == Rounding::Down  ? rest != 0 && sign != 0
                                            : false;
  return of_bits<double>(whole + (up ? one : 0));  // a carry into the exponent is the next power of two
}

// FPRoundInt. `exact` notes an inexact result (FRINTX).
template <class F>
F round_int(CpuState& s, F a, Rounding mode, bool exact) {
  a = flush_input(s, a);
  if (is_nan(a)) return process_nan(s, a);
  if (is_inf(a) || is_zero(a)) return a;
  const F r = static_cast<F>(round_to_integral(static_cast<double>(a), mode));
  if (exact && r != a) s.fpsr |= fpsr::IXC;
  return r;
}

// FPToFixed: a * 2^fbits as an integer of `bits` bits, saturated.
template <class F>
uint64_t to_fixed(CpuState& s, F in, Rounding mode, unsigned bits, bool is_signed, unsigned fbits) {
  const F a = flush_input(s, in);
  const uint64_t mask = bits == 64 ? ~uint64_t{0} : (uint64_t{1} << bits) - 1;
  if (is_nan(a)) {
    s.fpsr |= fpsr::IOC;
    return 0;
  }
  if (is_zero(a)) return 0;
  const uint64_t u = to_bits(static_cast<double>(a));
  const bool negative = u >> 63;
  const uint64_t max = is_signed ? (mask >> 1) + (negative ? 1 : 0) : negative ? 0 : mask;
  const auto saturated = [&] {
    s.fpsr |= fpsr::IOC;
    return (negative ? uint64_t{0} - max : max) & mask;
  };
  const int field = static_cast<int>(u >> 52 & 0x7ff);
  const uint64_t fraction = u & ((uint64_t{1} << 52) - 1);
  const uint64_t mantissa = field == 0 ? fraction : fraction | uint64_t{1} << 52;
  const int e = (field == 0 ? 1 : field) - 1075 + static_cast<int>(fbits);  // |a| = mantissa * 2^e
  if (e > 11) return saturated();
  uint64_t whole;
  bool inexact = false;
  if (e >= 0) {
    whole = mantissa << e;
  } else {
    const unsigned shift = e < -63 ? 63u : static_cast<unsigned>(-e);
    whole = mantissa >> shift;
    const uint64_t rest = mantissa & ((uint64_t{1} << shift) - 1), half = uint64_t{1} << (shift - 1);
    inexact = rest != 0;
    const bool up = mode == Rounding::Nearest ? rest > half || (rest == half && (whole & 1))
                    : mode == Rounding::Away  ? rest >= half
                    : mode == Rounding::Up    ? inexact && !negative
                    : mode == Rounding::Down  ? inexact && negative
                                              : false;
    whole += up;
  }
  if (whole > max) return saturated();
  if (inexact) s.fpsr |= fpsr::IXC;
  return (negative ? uint64_t{0} - whole : whole) & mask;
}

// FixedToFP: the low `bits` bits of x, times 2^-fbits. The scaling is exact.
template <class F>
F from_fixed(uint64_t x, unsigned bits, bool is_signed, unsigned fbits) {
  const unsigned cut = 64 - bits;
  const F r = is_signed ? static_cast<F>(static_cast<int64_t>(x << cut) >> cut) : static_cast<F>(x << cut >> cut);
  return fbits == 0 ? r : r * static_cast<F>(of_bits<double>(static_cast<uint64_t>(1023 - fbits) << 52));
}

// FPConvert between single and double.
inline double widen(CpuState& s, float a) {
  a = flush_input(s, a);
  if (!is_nan(a)) return a;
  const uint64_t u = to_bits(process_nan(s, a));
  return of_bits<double>((u >> 31) << 63 | uint64_t{0x7ff} << 52 | (u & 0x7fffff) << 29);
}
inline float narrow(CpuState& s, double a) {
  if (s.fpcr & fpcr::FZ) [[unlikely]] {
    take_host_flags(s);
    a = opaque(flush_input(s, a));
  }
  if (is_nan(a)) {
    const uint64_t u = to_bits(process_nan(s, a));
    return of_bits<float>(static_cast<uint32_t>(u >> 63 << 31 | 0x7f800000 | (u >> 29 & 0x7fffff)));
  }
  return finish(s, static_cast<float>(a), [&] { return opaque(static_cast<float>(opaque(a))); });
}
// FPConvert to and from half precision (fp_half.cpp). FZ does not touch halves.
uint16_t to_half(CpuState& s, double a);
double from_half_to_double(CpuState& s, uint16_t h);
float from_half_to_single(CpuState& s, uint16_t h);
uint16_t single_to_half(CpuState& s, float a);
// FCVTXN: round to odd.
float narrow_to_odd(CpuState& s, double a);

// FPRecipEstimate, FPRSqrtEstimate, FPRecpX, FPRecipStepFused, FPRSqrtStepFused (fp_estimate.cpp).
float recip_estimate(CpuState& s, float a);
double recip_estimate(CpuState& s, double a);
float rsqrt_estimate(CpuState& s, float a);
double rsqrt_estimate(CpuState& s, double a);
float recip_exponent(CpuState& s, float a);
double recip_exponent(CpuState& s, double a);
float recip_step(CpuState& s, float a, float b);
double recip_step(CpuState& s, double a, double b);
float rsqrt_step(CpuState& s, float a, float b);
double rsqrt_step(CpuState& s, double a, double b);
uint32_t unsigned_recip_estimate(uint32_t a);
uint32_t unsigned_rsqrt_estimate(uint32_t a);

// VFPExpandImm.
template <class F>
F expand_imm(uint32_t imm8);
template <>
inline double expand_imm<double>(uint32_t i) {
  return of_bits<double>(uint64_t{i >> 7} << 63 | (i & 64 ? uint64_t{0x3fc} : uint64_t{0x400}) << 52 |
                         uint64_t{i & 0x3f} << 48);
}
template <>
inline float expand_imm<float>(uint32_t i) {
  return of_bits<float>((i >> 7) << 31 | (i & 64 ? 0x7cu << 23 : 0x80u << 23) | (i & 0x3f) << 19);
}

}  // namespace deferscope::isa::arm64::fp
