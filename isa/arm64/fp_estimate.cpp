// The estimates and steps of reciprocals and reciprocal square roots: exactly the manual's tables, which it gives as
// little integer algorithms.
#include "isa/arm64/fp.h"

namespace deferscope::isa::arm64::fp {
namespace {

// RecipEstimate: 256 ≤ a < 512 stands for [0.5, 1), the result for [1, 2).
uint32_t recip_entry(uint32_t a) { return ((1u << 19) / (a * 2 + 1) + 1) / 2; }

// RecipSqrtEstimate: 128 ≤ a < 512.
uint32_t rsqrt_entry(uint32_t a) {
  a = a < 256 ? a * 2 + 1 : ((a >> 1 << 1) + 1) * 2;
  uint64_t b = 512;
  while (a * (b + 1) * (b + 1) < (1u << 28)) ++b;
  return static_cast<uint32_t>((b + 1) / 2);
}

// Exponent and fraction of a number; the fraction moved to 52 bits as the manual's algorithms want it.
struct Parts {
  int exponent;
  uint64_t fraction;
};
constexpr uint64_t kFraction = (uint64_t{1} << 52) - 1;
template <class F>
Parts parts(F a) {
  constexpr unsigned f = Format<F>::fraction;
  const uint64_t m = magnitude(a);
  return {static_cast<int>(m >> f), (m << (52 - f)) & kFraction};
}
template <class F>
F assembled(bool negative, int exponent, uint64_t fraction) {
  constexpr unsigned f = Format<F>::fraction;
  using U = typename Format<F>::U;
  return of_bits<F>((negative ? Format<F>::sign : U{0}) | static_cast<U>(static_cast<U>(exponent) << f) |
                    static_cast<U>(fraction >> (52 - f)));
}
// 253 and 2045; 380 and 3068.
template <class F>
constexpr int kRecipExponent = sizeof(F) == 4 ? 253 : 2045;
template <class F>
constexpr int kRsqrtExponent = sizeof(F) == 4 ? 380 : 3068;

template <class F>
F recip_overflow(CpuState& s, bool negative) {
  s.fpsr |= fpsr::OFC | fpsr::IXC;
  const Rounding r = rounding(s);
  const bool to_infinity =
      r == Rounding::Nearest || (r == Rounding::Up && !negative) || (r == Rounding::Down && negative);
  return to_infinity ? infinity<F>(negative) : signed_as(std::numeric_limits<F>::max(), negative);
}

template <class F>
F recip(CpuState& s, F a) {
  a = flush_input(s, a);
  const bool negative = is_negative(a);
  if (is_nan(a)) return process_nan(s, a);
  if (is_inf(a)) return signed_as(F{0}, negative);
  if (is_zero(a)) {
    s.fpsr |= fpsr::DZC;
    return infinity<F>(negative);
  }
  Parts p = parts(a);
  // Below a quarter of the least normal number the reciprocal overflows.
  if (p.exponent == 0 && p.fraction < (uint64_t{1} << 50)) return recip_overflow<F>(s, negative);
  if ((s.fpcr & fpcr::FZ) && p.exponent >= kRecipExponent<F>) {
    s.fpsr |= fpsr::UFC;
    return signed_as(F{0}, negative);
  }
  if (p.exponent == 0) {
    const bool half = p.fraction >> 51 & 1;
    p.exponent = half ? 0 : -1;
    p.fraction = (p.fraction << (half ? 1 : 2)) & kFraction;
  }
  const uint32_t estimate = recip_entry(256 | static_cast<uint32_t>(p.fraction >> 44));
  int exponent = kRecipExponent<F> - p.exponent;
  uint64_t fraction = static_cast<uint64_t>(estimate & 255) << 44;
  if (exponent == 0) fraction = fraction >> 1 | uint64_t{1} << 51;
  if (exponent == -1) fraction = fraction >> 2 | uint64_t{1} << 50, exponent = 0;
  return assembled<F>(negative, exponent, fraction);
}

template <class F>
F rsqrt(CpuState& s, F a) {
  a = flush_input(s, a);
  if (is_nan(a)) return process_nan(s, a);
  if (is_zero(a)) {
    s.fpsr |= fpsr::DZC;
    return infinity<F>(is_negative(a));
  }
  if (is_negative(a)) {
    s.fpsr |= fpsr::IOC;
    return default_nan<F>();
  }
  if (is_inf(a)) return F{0};
  Parts p = parts(a);
  if (p.exponent == 0) {
    for (; !(p.fraction >> 51 & 1); p.fraction = (p.fraction << 1) & kFraction) --p.exponent;
    p.fraction = (p.fraction << 1) & kFraction;
  }
  const uint32_t scaled =
      p.exponent & 1 ? 128 | static_cast<uint32_t>(p.fraction >> 45) : 256 | static_cast<uint32_t>(p.fraction >> 44);
  const int exponent = (kRsqrtExponent<F> - p.exponent) / 2;
  return assembled<F>(false, exponent, static_cast<uint64_t>(rsqrt_entry(scaled) & 255) << 44);
}

template <class F>
F recpx(CpuState& s, F a) {
  a = flush_input(s, a);
  if (is_nan(a)) return process_nan(s, a);
  constexpr auto field = Format<F>::infinity;
  const auto exponent = to_bits(a) & field;
  const auto least = typename Format<F>::U{1} << Format<F>::fraction;
  return of_bits<F>((to_bits(a) & Format<F>::sign) | (exponent == 0 ? field - least : ~exponent & field));
}

// c - a*b, fused, where infinity * 0 counts as 0: c is 2, or 3 with the result halved.
template <class F>
F step(CpuState& s, F a, F b, bool halved) {
  a = negate(flush_input(s, a)), b = flush_input(s, b);
  if (is_nan(a) || is_nan(b)) return process_nans(s, a, b);
  if ((is_inf(a) && is_zero(b)) || (is_zero(a) && is_inf(b))) return halved ? F{1.5} : F{2};
  if (!halved) return std::fma(a, b, F{2});
  // Halve the greater operand, which is exact unless both are small: the sum must not overflow before it is halved.
  if (magnitude(a) < magnitude(b)) std::swap(a, b);
  if (magnitude(a) < to_bits(F{1})) return std::fma(a, b, F{3}) * F{0.5};
  return std::fma(a * F{0.5}, b, F{1.5});
}

}  // namespace

float recip_estimate(CpuState& s, float a) { return recip(s, a); }
double recip_estimate(CpuState& s, double a) { return recip(s, a); }
float rsqrt_estimate(CpuState& s, float a) { return rsqrt(s, a); }
double rsqrt_estimate(CpuState& s, double a) { return rsqrt(s, a); }
float recip_exponent(CpuState& s, float a) { return recpx(s, a); }
double recip_exponent(CpuState& s, double a) { return recpx(s, a); }
float recip_step(CpuState& s, float a, float b) { return step(s, a, b, false); }
double recip_step(CpuState& s, double a, double b) { return step(s, a, b, false); }
float rsqrt_step(CpuState& s, float a, float b) { return step(s, a, b, true); }
double rsqrt_step(CpuState& s, double a, double b) { return step(s, a, b, true); }
uint32_t unsigned_recip_estimate(uint32_t a) { return a >> 31 ? recip_entry(a >> 23) << 23 : ~0u; }
uint32_t unsigned_rsqrt_estimate(uint32_t a) { return a >> 30 ? rsqrt_entry(a >> 23) << 23 : ~0u; }

}  // namespace deferscope::isa::arm64::fp
