// Half precision, and rounding to odd: what the host has no arithmetic for.
#include "isa/arm64/fp.h"

namespace deferscope::isa::arm64::fp {
namespace {

// A NaN's bits as a half. With alternative halves (AHP) there are none: zero, and invalid.
uint16_t nan_to_half(CpuState& s, double a) {
  const uint64_t sign = to_bits(a) >> 63 << 15;
  if (s.fpcr & fpcr::AHP) {
    s.fpsr |= fpsr::IOC;
    return static_cast<uint16_t>(sign);
  }
  const uint64_t u = to_bits(process_nan(s, a));
  return static_cast<uint16_t>(u >> 63 << 15 | 0x7c00 | (u >> 42 & 0x3ff));
}

bool round_up(CpuState& s, bool negative, uint64_t rest, uint64_t half, bool odd) {
  switch (rounding(s)) {
    case Rounding::Nearest: return rest > half || (rest == half && odd);
    case Rounding::Up: return rest != 0 && !negative;
    case Rounding::Down: return rest != 0 && negative;
    default: return false;
  }
}

uint16_t overflow(CpuState& s, bool negative) {
  const uint16_t sign = negative ? 0x8000 : 0;
  if (s.fpcr & fpcr::AHP) {  // no infinity: the greatest number, and invalid
    s.fpsr |= fpsr::IOC;
    return sign | 0x7fff;
  }
  s.fpsr |= fpsr::OFC | fpsr::IXC;
  const Rounding r = rounding(s);
  const bool to_infinity =
      r == Rounding::Nearest || (r == Rounding::Up && !negative) || (r == Rounding::Down && negative);
  return sign | (to_infinity ? 0x7c00 : 0x7bff);
}

}  // namespace

uint16_t to_half(CpuState& s, double a) {
  a = flush_input(s, a);
  if (is_nan(a)) return nan_to_half(s, a);
  const bool negative = is_negative(a);
  const uint16_t sign = negative ? 0x8000 : 0;
  if (is_inf(a)) {
    if (!(s.fpcr & fpcr::AHP)) return sign | 0x7c00;
    s.fpsr |= fpsr::IOC;
    return sign | 0x7fff;
  }
  if (is_zero(a)) return sign;
  const uint64_t u = to_bits(a);
  const int field = static_cast<int>(u >> 52 & 0x7ff);
  const uint64_t mantissa = (u & ((uint64_t{1} << 52) - 1)) | (field ? uint64_t{1} << 52 : 0);
  int e = (field ? field : 1) - 1023 + 15;  // half's biased exponent of the leading bit
  unsigned drop = 42;                       // mantissa bits below half's last
  const bool tiny = e < 1;
  if (tiny) drop = 1 - e > 20 ? 62 : drop + static_cast<unsigned>(1 - e), e = 0;
  const uint64_t rest = mantissa & ((uint64_t{1} << drop) - 1), half = uint64_t{1} << (drop - 1);
  uint64_t m = mantissa >> drop;
  m += round_up(s, negative, rest, half, m & 1);
  // A carry runs into the exponent as it should; the leading bit of a normal number counts one exponent.
  const uint64_t h = (tiny ? 0 : static_cast<uint64_t>(e - 1) << 10) + m;
  if (h >= (s.fpcr & fpcr::AHP ? 0x8000u : 0x7c00u)) return overflow(s, negative);
  if (rest) s.fpsr |= fpsr::IXC | (tiny ? fpsr::UFC : 0);
  return static_cast<uint16_t>(sign | h);
}

uint16_t single_to_half(CpuState& s, float a) {
  a = flush_input(s, a);
  if (!is_nan(a)) return to_half(s, static_cast<double>(a));
  const uint64_t u = to_bits(a);  // widened by hand: the host would quiet it
  return nan_to_half(s, of_bits<double>((u >> 31) << 63 | uint64_t{0x7ff} << 52 | (u & 0x7fffff) << 29));
}

double from_half_to_double(CpuState& s, uint16_t h) {
  const uint64_t sign = uint64_t{h} >> 15 << 63, fraction = h & 0x3ff;
  const unsigned field = h >> 10 & 31;
  if (field == 31 && !(s.fpcr & fpcr::AHP)) {
    const double x = of_bits<double>(sign | uint64_t{0x7ff} << 52 | fraction << 42);
    return fraction ? process_nan(s, x) : x;
  }
  if (field == 0) return signed_as(static_cast<double>(fraction) * 0x1p-24, sign != 0);
  return of_bits<double>(sign | static_cast<uint64_t>(field + 1008) << 52 | fraction << 42);
}

float from_half_to_single(CpuState& s, uint16_t h) {
  const double x = from_half_to_double(s, h);
  if (!is_nan(x)) return static_cast<float>(x);  // exact
  const uint64_t u = to_bits(x);
  return of_bits<float>(static_cast<uint32_t>(u >> 63 << 31 | 0x7f800000 | (u >> 29 & 0x7fffff)));
}

float narrow_to_odd(CpuState& s, double a) {
  a = flush_input(s, a);
  if (is_nan(a)) return narrow(s, a);
  take_host_flags(s);
  const int mode = std::fegetround();
  std::fesetround(FE_TOWARDZERO);
  const float r = opaque(static_cast<float>(opaque(a)));
  std::fesetround(mode);
  const bool inexact = std::fetestexcept(FE_INEXACT);
  if (!inexact) return r;
  if ((s.fpcr & fpcr::FZ) && magnitude(r) < (1u << 23)) {
    std::feclearexcept(FE_ALL_EXCEPT);
    s.fpsr |= fpsr::UFC;
    return of_bits<float>(to_bits(r) & Format<float>::sign);
  }
  return of_bits<float>(to_bits(r) | 1);
}

}  // namespace deferscope::isa::arm64::fp
