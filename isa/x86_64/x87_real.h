// The inside of the x87's arithmetic, for its sources: finite numbers taken apart, their rounding, and the operands
// that decide a result by themselves.
#pragma once
#include "isa/x86_64/x87_float.h"

namespace deferscope::isa::x86_64::x87 {

using u128 = unsigned __int128;

inline constexpr int kBias = 16383, kMax = 0x7fff;
inline constexpr uint64_t kTop = uint64_t{1} << 63;
inline constexpr F80 kInfinity = {kTop, kMax};

inline int field(F80 a) { return a.exponent & kMax; }
inline F80 with_sign(bool negative, F80 a) {
  a.exponent = static_cast<uint16_t>((a.exponent & kMax) | (negative ? 0x8000 : 0));
  return a;
}

// A finite number that is not zero: ±significand · 2^(exponent - 127), the top bit of 128 set. The lowest bit may stand
// for all that is below it.
struct Real {
  bool negative;
  int exponent;
  u128 significand;
};
Real normalized(bool negative, int exponent, u128 significand);
Real real(F80 a);

// Rounding as the control word numbers it
enum class Mode : uint8_t { Nearest, Down, Up, Zero };
inline Mode mode_of(const Context& c) { return static_cast<Mode>(c.control >> 10 & 3); }

// A format to round to
struct Format {
  int bits;      // of the significand, with the integer bit
  int smallest;  // exponent of the smallest normal number,
  int largest;   // and of the largest
};
inline constexpr Format kExtended = {64, 1 - kBias, kBias};

// The nearest number of the format in the context's mode; raises what rounding raises.
F80 pack(Context& c, const Real& r, const Format& f);

// Raises the invalid exception; the masked result.
F80 invalid(Context& c);
// True: one of them is a NaN or no number of the x87, and `out` is the result.
bool special(Context& c, F80 a, F80 b, F80& out);
void note_denormal(Context& c, F80 a);

}  // namespace deferscope::isa::x86_64::x87
