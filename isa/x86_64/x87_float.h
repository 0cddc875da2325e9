// The arithmetic of the x87: 80-bit numbers, in integers, so that it is the same on every host. An operation gives the
// masked result and says in the context what it raised; but for numbers of 80 bits whose overflow or underflow is not
// masked.
#pragma once
#include <cstdint>

namespace deferscope::isa::x86_64 {

// Sign and exponent in the high word; the significand's top bit is the integer bit.
struct F80 {
  uint64_t significand = 0;
  uint16_t exponent = 0;
  bool operator==(const F80&) const = default;
  bool negative() const { return exponent >> 15; }
};

namespace x87 {

// Bits of the status word
inline constexpr uint16_t kInvalid = 1, kDenormal = 2, kZeroDivide = 4, kOverflow = 8, kUnderflow = 16, kPrecision = 32,
                          kStackFault = 64, kC0 = 0x100, kC1 = 0x200, kC2 = 0x400, kC3 = 0x4000;

struct Context {
  uint16_t control = 0x37f;  // rounding and precision
  uint16_t raised = 0;
  bool up = false;  // the result was rounded away from zero: C1
};

inline constexpr F80 kDefaultNan = {uint64_t{3} << 62, 0xffff}, kPositiveZero = {0, 0},
                     kOne = {uint64_t{1} << 63, 0x3fff};

F80 add(Context& c, F80 a, F80 b);
F80 subtract(Context& c, F80 a, F80 b);
F80 multiply(Context& c, F80 a, F80 b);
F80 divide(Context& c, F80 a, F80 b);
F80 square_root(Context& c, F80 a);
F80 round_to_integer(Context& c, F80 a);
F80 scale(Context& c, F80 a, F80 by);
F80 extract(Context& c, F80 a, F80& exponent);  // a's significand; its exponent as a number
// What is left of a / b, the quotient truncated or rounded to nearest; its three lowest bits. Far apart, only a part is
// done, and `partial` says so.
struct Remainder {
  F80 rest;
  unsigned quotient = 0;
  bool partial = false;
};
Remainder remainder(Context& c, F80 a, F80 b, bool nearest);

// Transcendental functions (x87_transcendental.cpp): the nearest number of 64 bits, whatever the precision.
bool angle_in_range(F80 a);  // else FSIN and its kin do nothing but say so: 2^63 and above
F80 sine(Context& c, F80 a);
F80 cosine(Context& c, F80 a);
F80 tangent(Context& c, F80 a);
F80 arctangent(Context& c, F80 y, F80 x);          // of y / x, in the quadrant of the point (x, y)
F80 power_minus_one(Context& c, F80 a);            // 2^a - 1, of -1 to 1
F80 times_log2(Context& c, F80 y, F80 a);          // y · log2 a
F80 times_log2_of_next(Context& c, F80 y, F80 a);  // y · log2 (a + 1)

enum class Order : uint8_t { Greater, Less, Equal, Unordered };
Order compare(Context& c, F80 a, F80 b, bool quiet);  // quiet: a quiet NaN raises nothing

// Exact: a signalling NaN stays one, a denormal number becomes a normal one and is raised.
F80 from_float(Context& c, uint32_t bits);
F80 from_double(Context& c, uint64_t bits);
F80 from_integer(int64_t x);
uint32_t to_float(Context& c, F80 a);
uint64_t to_double(Context& c, F80 a);
int64_t to_integer(Context& c, F80 a, unsigned bits, bool truncate);  // 16, 32, 64
// 18 decimal digits, two a byte, the lowest first; the sign is bit 15 of `high`.
struct Decimal {
  uint64_t low;
  uint16_t high;
};
F80 from_decimal(Decimal x);
Decimal to_decimal(Context& c, F80 a);

// As FXAM numbers them in C3, C2 and C0
enum class Class : uint8_t { Unsupported, Nan, Normal, Infinity, Zero, Empty, Denormal };
Class class_of(F80 a);  // never Empty
bool is_signalling(F80 a);
F80 quieted(Context& c, F80 a);  // what a load makes of it

}  // namespace x87
}  // namespace deferscope::isa::x86_64
