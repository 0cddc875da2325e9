// What SSE's floating point does beyond the host's arithmetic: the NaN rule, DAZ and FTZ, rounding to integers. The
// host's rounding mode is the guest's and its sticky flags collect the guest's (isa/fp_env.h).
//
// Exceptions that MXCSR does not mask are found by the evaluator (isa/evaluate.cpp). Not modelled: the sticky DE bit,
// and an underflow that is not masked and exact. UE under FTZ for results that round up to the smallest normal number
// is not set.
#pragma once
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "isa/x86_64/sse.h"

namespace deferscope::isa::x86_64 {

inline constexpr uint32_t kDaz = 1u << 6, kFtz = 1u << 15;

template <class T>
struct Ieee;
template <>
struct Ieee<float> {
  using Bits = uint32_t;
  static constexpr int kFraction = 23;
};
template <>
struct Ieee<double> {
  using Bits = uint64_t;
  static constexpr int kFraction = 52;
};
template <class T>
using BitsOf = typename Ieee<T>::Bits;

template <class T>
inline constexpr BitsOf<T> kSign = BitsOf<T>{1} << (sizeof(T) * 8 - 1);
template <class T>
inline constexpr BitsOf<T> kQuiet = BitsOf<T>{1} << (Ieee<T>::kFraction - 1);
template <class T>
inline constexpr BitsOf<T> kInfinity = std::bit_cast<BitsOf<T>>(std::numeric_limits<T>::infinity());

template <class T>
BitsOf<T> bits(T x) {
  return std::bit_cast<BitsOf<T>>(x);
}
template <class T>
T value(BitsOf<T> x) {
  return std::bit_cast<T>(x);
}
template <class T>
bool is_nan(T x) {
  return (bits(x) & ~kSign<T>) > kInfinity<T>;
}
template <class T>
bool is_signalling(T x) {
  return is_nan(x) && !(bits(x) & kQuiet<T>);
}
template <class T>
bool is_denormal(T x) {
  const BitsOf<T> magnitude = bits(x) & ~kSign<T>;
  return magnitude != 0 && magnitude < BitsOf<T>{1} << Ieee<T>::kFraction;
}
template <class T>
T quiet(T nan) {
  return value<T>(bits(nan) | kQuiet<T>);
}
template <class T>
T default_nan() {
  return value<T>(kSign<T> | kInfinity<T> | kQuiet<T>);
}
template <class T>
T nan_of(T a, T b) {
  return is_nan(a) ? quiet(a) : is_nan(b) ? quiet(b) : default_nan<T>();
}
template <class T>
T signed_zero(T x) {
  return value<T>(bits(x) & kSign<T>);
}

// Sticky flags by arithmetic that raises exactly them
inline void raise_invalid() {
  volatile double infinity = std::numeric_limits<double>::infinity();
  [[maybe_unused]] volatile double r = infinity - infinity;
}
inline void raise_inexact() {
  volatile double tiny = 1e-30, one = 1;
  [[maybe_unused]] volatile double r = one + tiny;
}
inline void raise_underflow() {  // and inexact
  volatile double tiny = 1e-300;
  [[maybe_unused]] volatile double r = tiny * tiny;
}

// An operand as the instruction sees it, a result as it delivers it.
template <class T>
T operand(uint32_t mxcsr, T x) {
  return (mxcsr & kDaz) && is_denormal(x) ? signed_zero(x) : x;
}
template <class T>
T delivered(uint32_t mxcsr, T x) {
  if (!(mxcsr & kFtz) || !is_denormal(x)) return x;
  raise_underflow();
  return signed_zero(x);
}

// a OP b with the host's arithmetic and x86's NaN rule
template <auto f, class T>
T arithmetic(uint32_t mxcsr, T a, T b) {
  if (mxcsr & (kDaz | kFtz)) a = operand(mxcsr, a), b = operand(mxcsr, b);
  T r = f(a, b);
  if (is_nan(r)) r = nan_of(a, b);
  return mxcsr & kFtz ? delivered(mxcsr, r) : r;
}

// Rounding modes as MXCSR and ROUNDPD number them
enum class Rounding : uint8_t { Nearest, Down, Up, Zero };
inline Rounding rounding_of(uint32_t mxcsr) { return static_cast<Rounding>(mxcsr >> 13 & 3); }

// x rounded to an integer, sign of zero kept; no flag is raised. NaNs and infinities come back as they are.
template <class T>
T round_integral(T x, Rounding mode) {
  constexpr int fraction = Ieee<T>::kFraction;
  constexpr int bias = std::numeric_limits<T>::max_exponent - 1;
  const int exponent = static_cast<int>((bits(x) & ~kSign<T>) >> fraction) - bias;
  if (exponent >= fraction) return x;
  const T t = exponent < 0 ? signed_zero(x) : value<T>(bits(x) & ~((BitsOf<T>{1} << (fraction - exponent)) - 1));
  if (t == x) return t;
  const bool negative = (bits(x) & kSign<T>) != 0;
  const T away = t + (negative ? T{-1} : T{1});  // exact
  switch (mode) {
    case Rounding::Zero: return t;
    case Rounding::Down: return negative ? away : t;
    case Rounding::Up: return negative ? t : away;
    default: break;
  }
  if (exponent < -1) return t;
  const T rest = negative ? t - x : x - t;  // exact
  const bool odd = static_cast<int64_t>(t) & 1;
  return rest > T{0.5} || (rest == T{0.5} && odd) ? away : t;
}

// x as an integer; NaNs and what does not fit give the most negative one ("integer indefinite") and raise invalid.
template <class I, class T>
I to_integer(T x, Rounding mode) {
  constexpr T limit = static_cast<T>(uint64_t{1} << (sizeof(I) * 8 - 1));
  if (is_nan(x)) {
    raise_invalid();
    return std::numeric_limits<I>::min();
  }
  const T r = round_integral(x, mode);
  if (!(r >= -limit && r < limit)) {
    raise_invalid();
    return std::numeric_limits<I>::min();
  }
  if (r != x) raise_inexact();
  return static_cast<I>(r);
}

}  // namespace deferscope::isa::x86_64
