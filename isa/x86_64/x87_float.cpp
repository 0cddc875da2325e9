#include "isa/x86_64/x87_float.h"

#include <algorithm>
#include <bit>

#include "isa/x86_64/x87_real.h"

namespace deferscope::isa::x86_64::x87 {
namespace {

constexpr uint64_t kQuiet = uint64_t{1} << 62;

F80 quiet(F80 a) { return {a.significand | kQuiet, a.exponent}; }

int leading_zeros(u128 x) {
  const auto high = static_cast<uint64_t>(x >> 64);
  return high ? std::countl_zero(high) : 64 + std::countl_zero(static_cast<uint64_t>(x));
}

}  // namespace

Real normalized(bool negative, int exponent, u128 significand) {
  const int n = leading_zeros(significand);
  return {negative, exponent - n, significand << n};
}

Real real(F80 a) { return normalized(a.negative(), std::max(field(a), 1) - kBias, u128{a.significand} << 64); }

namespace {

// x shifted right; what falls out sticks to the lowest bit.
u128 shift_right(u128 x, int n) {
  if (n == 0) return x;
  if (n >= 128) return x != 0;
  return x >> n | ((x << (128 - n)) != 0);
}

// The significand's top `bits`, rounded: up by one in their last place?
bool rounds_up(u128 significand, int bits, Mode mode, bool negative) {
  const u128 rest = significand << bits, half = u128{1} << 127;
  const bool odd = significand >> (128 - bits) & 1;
  switch (mode) {
    case Mode::Nearest: return rest > half || (rest == half && odd);
    case Mode::Down: return negative && rest != 0;
    case Mode::Up: return !negative && rest != 0;
    default: return false;
  }
}

constexpr Format kFloat = {24, -126, 127}, kDouble = {53, -1022, 1023};

Format format_of(const Context& c) {
  const unsigned precision = c.control >> 8 & 3;
  return {precision == 0 ? 24 : precision == 2 ? 53 : 64, 1 - kBias, kBias};
}

struct Rounded {
  enum Kind : uint8_t { Finite, Infinite } kind;
  int exponent;          // of a normal number; format.smallest - 1: it is a denormal one, or zero
  uint64_t significand;  // its top bits
};

// The top `bits` of x, rounded; carries to the next power of two.
struct Cut {
  uint64_t top;  // at the top
  bool carried, exact, up;
};
Cut cut(u128 x, int bits, Mode mode, bool negative) {
  const bool up = rounds_up(x, bits, mode, negative), exact = bits < 128 && (x << bits) == 0;
  const uint64_t step = uint64_t{1} << (64 - bits), kept = static_cast<uint64_t>(x >> 64) & ~(step - 1);
  const uint64_t top = up ? kept + step : kept;
  return {top, up && top == 0, exact, up};
}

Rounded round(Context& c, const Real& r, const Format& f) {
  const Mode mode = mode_of(c);
  if (r.exponent >= f.smallest) {
    const Cut k = cut(r.significand, f.bits, mode, r.negative);
    const int exponent = r.exponent + (k.carried ? 1 : 0);
    if (exponent > f.largest) {
      const bool infinite = mode == Mode::Nearest || mode == (r.negative ? Mode::Down : Mode::Up);
      c.raised |= kOverflow | kPrecision, c.up = infinite;
      const uint64_t ones = ~uint64_t{0} << (64 - f.bits);
      return {infinite ? Rounded::Infinite : Rounded::Finite, f.largest, ones};
    }
    if (!k.exact) c.raised |= kPrecision, c.up = k.up;
    return {Rounded::Finite, exponent, k.carried ? kTop : k.top};
  }
  // Tiny is what stays below the smallest normal number when rounded with an unbounded exponent.
  const bool tiny = r.exponent < f.smallest - 1 || !cut(r.significand, f.bits, mode, r.negative).carried;
  const Cut k = cut(shift_right(r.significand, f.smallest - r.exponent), f.bits, mode, r.negative);
  if (!k.exact) c.raised |= kPrecision | (tiny ? kUnderflow : 0), c.up = k.up;
  const bool normal = k.top & kTop;
  return {Rounded::Finite, normal ? f.smallest : f.smallest - 1, k.top};
}

}  // namespace

// An overflow or underflow that is not masked gives the number with another exponent (SDM vol. 1, 8.5.4 and 8.5.5).
// True: even that one is out of range, and `out` is the result.
static bool moved_into_range(Context& c, Real& r, const Format& f, F80& out) {
  constexpr int kMoved = 24576;
  const bool carries = cut(r.significand, f.bits, mode_of(c), r.negative).carried;
  const int exponent = r.exponent + (carries ? 1 : 0);
  if (exponent > f.largest && !(c.control & kOverflow)) {
    r.exponent -= kMoved, c.raised |= kOverflow;
    if (exponent - kMoved <= f.largest) return false;
    return c.raised |= kPrecision, c.up = true, out = with_sign(r.negative, kInfinity), true;
  }
  if (exponent < f.smallest && !(c.control & kUnderflow)) {
    r.exponent += kMoved, c.raised |= kUnderflow;
    if (exponent + kMoved >= f.smallest) return false;
    return c.raised |= kPrecision, c.up = false, out = with_sign(r.negative, kPositiveZero), true;
  }
  return false;
}

F80 pack(Context& c, const Real& exact, const Format& f) {
  Real r = exact;
  F80 out;
  const bool masked = (c.control & (kOverflow | kUnderflow)) == (kOverflow | kUnderflow);
  if (!masked && moved_into_range(c, r, f, out)) return out;
  const Rounded x = round(c, r, f);
  if (x.kind == Rounded::Infinite) return with_sign(r.negative, kInfinity);
  return with_sign(r.negative, {x.significand, static_cast<uint16_t>(x.exponent + kBias)});
}
namespace {

F80 pack(Context& c, const Real& r) { return x87::pack(c, r, format_of(c)); }

// ---- operands that decide the result by themselves

bool is_nan(F80 a) { return class_of(a) == Class::Nan; }

// Of two NaNs a quiet one, else the one with the larger significand, else the positive one.
F80 nan_of(Context& c, F80 a, F80 b) {
  const bool a_signals = is_signalling(a), b_signals = is_signalling(b);
  if (a_signals || b_signals) c.raised |= kInvalid;
  if (!is_nan(a)) return quiet(b);
  if (!is_nan(b)) return quiet(a);
  if (a_signals != b_signals) return quiet(a_signals ? b : a);
  if (a.significand != b.significand) return quiet(a.significand > b.significand ? a : b);
  return quiet(a.negative() ? b : a);
}

}  // namespace

F80 invalid(Context& c) {
  c.raised |= kInvalid;
  return kDefaultNan;
}

bool special(Context& c, F80 a, F80 b, F80& out) {
  const Class x = class_of(a), y = class_of(b);
  if (x == Class::Unsupported || y == Class::Unsupported) return out = invalid(c), true;
  if (x == Class::Nan || y == Class::Nan) return out = nan_of(c, a, b), true;
  return false;
}

void note_denormal(Context& c, F80 a) {
  if (class_of(a) == Class::Denormal) c.raised |= kDenormal;
}

namespace {

bool special(Context& c, F80 a, F80& out) { return special(c, a, a, out); }

F80 add_magnitudes(Context& c, F80 a, F80 b) {
  Real x = real(a), y = real(b);
  if (x.exponent < y.exponent || (x.exponent == y.exponent && x.significand < y.significand)) std::swap(x, y);
  // Room for the carry, and below for what sticks
  const u128 big = x.significand >> 1, small = shift_right(y.significand, x.exponent - y.exponent + 1);
  if (x.negative == y.negative) return pack(c, normalized(x.negative, x.exponent + 1, big + small));
  if (big == small) return with_sign(mode_of(c) == Mode::Down, kPositiveZero);
  return pack(c, normalized(x.negative, x.exponent + 1, big - small));
}

// Of a zero and something else the other one is the sum, but rounded.
F80 add_with_zero(Context& c, F80 a, F80 b) {
  const bool a_zero = class_of(a) == Class::Zero, b_zero = class_of(b) == Class::Zero;
  if (!a_zero) return pack(c, real(a));
  if (!b_zero) return pack(c, real(b));
  return a.negative() == b.negative() ? a : with_sign(mode_of(c) == Mode::Down, kPositiveZero);
}

F80 add_signed(Context& c, F80 a, F80 b) {
  const Class x = class_of(a), y = class_of(b);
  if (x == Class::Infinity && y == Class::Infinity && a.negative() != b.negative()) return invalid(c);
  note_denormal(c, a), note_denormal(c, b);
  if (x == Class::Infinity) return a;
  if (y == Class::Infinity) return b;
  return x == Class::Zero || y == Class::Zero ? add_with_zero(c, a, b) : add_magnitudes(c, a, b);
}

// floor(sqrt(x)), of 64 bits
uint64_t root_of(u128 x) {
  uint64_t r = 0;
  for (uint64_t bit = kTop; bit != 0; bit >>= 1)
    if (u128{r | bit} * (r | bit) <= x) r |= bit;
  return r;
}

// The integer that a truncates to, clamped to ±2^20: as much as exponents reach.
int to_small_integer(F80 a) {
  const Real r = real(a);
  const int magnitude = r.exponent < 0    ? 0
                        : r.exponent > 19 ? 1 << 20
                                          : static_cast<int>(r.significand >> (127 - r.exponent));
  return r.negative ? -magnitude : magnitude;
}

}  // namespace

Class class_of(F80 a) {
  const int e = field(a);
  if (e == 0) return a.significand == 0 ? Class::Zero : Class::Denormal;
  if (!(a.significand & kTop)) return Class::Unsupported;
  if (e != kMax) return Class::Normal;
  return a.significand == kTop ? Class::Infinity : Class::Nan;
}

bool is_signalling(F80 a) { return class_of(a) == Class::Nan && !(a.significand & kQuiet); }

F80 quieted(Context& c, F80 a) {
  if (!is_signalling(a)) return a;
  c.raised |= kInvalid;
  return quiet(a);
}

F80 add(Context& c, F80 a, F80 b) {
  F80 out;
  return special(c, a, b, out) ? out : add_signed(c, a, b);
}

F80 subtract(Context& c, F80 a, F80 b) {
  F80 out;
  return special(c, a, b, out) ? out : add_signed(c, a, with_sign(!b.negative(), b));
}

F80 multiply(Context& c, F80 a, F80 b) {
  F80 out;
  if (special(c, a, b, out)) return out;
  const Class x = class_of(a), y = class_of(b);
  const bool negative = a.negative() != b.negative(), infinite = x == Class::Infinity || y == Class::Infinity;
  const bool zero = x == Class::Zero || y == Class::Zero;
  if (infinite && zero) return invalid(c);
  note_denormal(c, a), note_denormal(c, b);
  if (infinite) return with_sign(negative, kInfinity);
  if (zero) return with_sign(negative, kPositiveZero);
  const Real p = real(a), q = real(b);
  return pack(
      c, normalized(negative, p.exponent + q.exponent + 1,
                    u128{static_cast<uint64_t>(p.significand >> 64)} * static_cast<uint64_t>(q.significand >> 64)));
}

F80 divide(Context& c, F80 a, F80 b) {
  F80 out;
  if (special(c, a, b, out)) return out;
  const Class x = class_of(a), y = class_of(b);
  const bool negative = a.negative() != b.negative();
  if (x == y && (x == Class::Zero || x == Class::Infinity)) return invalid(c);
  if (y == Class::Zero && x != Class::Infinity) {
    c.raised |= kZeroDivide;
    return with_sign(negative, kInfinity);
  }
  note_denormal(c, a), note_denormal(c, b);
  if (x == Class::Infinity || y == Class::Zero) return with_sign(negative, kInfinity);
  if (x == Class::Zero || y == Class::Infinity) return with_sign(negative, kPositiveZero);
  const Real p = real(a), q = real(b);
  const auto n = static_cast<uint64_t>(p.significand >> 64), d = static_cast<uint64_t>(q.significand >> 64);
  // One bit, then 64, then what is left sticks.
  const uint64_t whole = n >= d, first = whole ? n - d : n;
  const u128 scaled = u128{first} << 64;
  const auto more = static_cast<uint64_t>(scaled / d);
  const u128 rest = (scaled % d) << 62;
  const auto last = static_cast<uint64_t>(rest / d);  // 62 bits
  const u128 quotient = u128{whole} << 126 | u128{more} << 62 | last;
  return pack(c, normalized(negative, p.exponent - q.exponent + 1, quotient | (rest % d != 0)));
}

F80 square_root(Context& c, F80 a) {
  F80 out;
  if (special(c, a, out)) return out;
  if (class_of(a) == Class::Zero) return a;
  if (a.negative()) return invalid(c);
  note_denormal(c, a);
  if (class_of(a) == Class::Infinity) return a;
  const Real r = real(a);
  const bool odd = r.exponent & 1;
  const u128 x = odd ? r.significand : r.significand >> 1;
  const uint64_t root = root_of(x);
  const u128 rest = x - u128{root} * root;
  const u128 exact = u128{root} << 64 | (rest > root ? kTop : 0) | (rest != 0);
  return pack(c, normalized(false, (r.exponent - (odd ? 1 : 0)) / 2, exact));
}

F80 round_to_integer(Context& c, F80 a) {
  F80 out;
  if (special(c, a, out)) return out;
  note_denormal(c, a);
  const Class x = class_of(a);
  if (x == Class::Zero || x == Class::Infinity || field(a) - kBias >= 63) return a;
  const Real r = real(a);
  // As a fixed-point number: 64 bits before the point
  const Cut k = cut(shift_right(r.significand, 63 - std::max(r.exponent, -65)), 64, mode_of(c), r.negative);
  if (!k.exact) c.raised |= kPrecision, c.up = k.up;
  if (k.top == 0) return with_sign(r.negative, kPositiveZero);
  const int n = std::countl_zero(k.top);
  return with_sign(r.negative, {k.top << n, static_cast<uint16_t>(kBias + 63 - n)});
}

F80 scale(Context& c, F80 a, F80 by) {
  F80 out;
  if (special(c, a, by, out)) return out;
  const Class x = class_of(a), y = class_of(by);
  if (y == Class::Infinity) {
    if (by.negative() ? x == Class::Infinity : x == Class::Zero) return invalid(c);
    note_denormal(c, a);
    return with_sign(a.negative(), by.negative() ? kPositiveZero : kInfinity);
  }
  note_denormal(c, a), note_denormal(c, by);
  if (x == Class::Zero || x == Class::Infinity) return a;
  Real r = real(a);
  if (y != Class::Zero) r.exponent += to_small_integer(by);
  return pack(c, r, kExtended);
}

F80 extract(Context& c, F80 a, F80& exponent) {
  F80 out;
  if (special(c, a, out)) return exponent = out;
  switch (class_of(a)) {
    case Class::Infinity: exponent = kInfinity; return a;
    case Class::Zero:
      c.raised |= kZeroDivide;
      exponent = with_sign(true, kInfinity);
      return a;
    default: break;
  }
  note_denormal(c, a);
  const Real r = real(a);
  exponent = from_integer(r.exponent);
  return with_sign(r.negative, {static_cast<uint64_t>(r.significand >> 64), kBias});
}

Remainder remainder(Context& c, F80 a, F80 b, bool nearest) {
  Remainder out;
  if (special(c, a, b, out.rest)) return out;
  const Class x = class_of(a), y = class_of(b);
  if (x == Class::Infinity || y == Class::Zero) return out.rest = invalid(c), out;
  note_denormal(c, a), note_denormal(c, b);
  out.rest = a;
  if (x == Class::Zero) return out;
  if (y == Class::Infinity) {
    out.rest = pack(c, real(a), kExtended);
    return out;
  }
  const Real p = real(a), q = real(b);
  const int distance = p.exponent - q.exponent;
  const auto d = static_cast<uint64_t>(q.significand >> 64);
  u128 rest = static_cast<uint64_t>(p.significand >> 64);
  if (distance >= 64) {  // as many bits as leave a multiple of 32
    out.partial = true;
    const int steps = (distance & 31) | 32;
    for (int i = 0; i <= steps; ++i) {
      if (i) rest <<= 1;
      if (rest >= d) rest -= d;
    }
    out.rest = rest == 0 ? with_sign(a.negative(), kPositiveZero)
                         : pack(c, normalized(a.negative(), p.exponent - steps, rest << 64), kExtended);
    return out;
  }
  if (distance < -1 || (distance < 0 && !nearest)) {
    out.rest = pack(c, p, kExtended);
    return out;
  }
  uint64_t quotient = 0;
  int exponent = q.exponent;
  if (distance < 0) {  // half of b at most: rest is in units of a half
    exponent = p.exponent;
  } else {
    for (int i = 0; i <= distance; ++i) {
      if (i) rest <<= 1, quotient <<= 1;
      if (rest >= d) rest -= d, quotient |= 1;
    }
  }
  bool negative = a.negative();
  if (nearest) {
    const u128 divisor = distance < 0 ? u128{d} << 1 : u128{d}, twice = rest << 1;
    if (twice > divisor || (twice == divisor && quotient & 1)) rest = divisor - rest, ++quotient, negative = !negative;
  }
  out.quotient = quotient & 7;
  out.rest = rest == 0 ? with_sign(a.negative(), kPositiveZero)
                       : pack(c, normalized(negative, exponent + 1, rest << 63), kExtended);
  return out;
}

Order compare(Context& c, F80 a, F80 b, bool quiet) {
  const Class x = class_of(a), y = class_of(b);
  if (x == Class::Unsupported || y == Class::Unsupported) return c.raised |= kInvalid, Order::Unordered;
  if (x == Class::Nan || y == Class::Nan) {
    if (!quiet || is_signalling(a) || is_signalling(b)) c.raised |= kInvalid;
    return Order::Unordered;
  }
  note_denormal(c, a), note_denormal(c, b);
  if (x == Class::Zero && y == Class::Zero) return Order::Equal;
  if (a.negative() != b.negative()) return a.negative() ? Order::Less : Order::Greater;
  // A pseudo-denormal number is a normal one that is written otherwise.
  const auto key = [](F80 n) { return std::pair(std::max(field(n), 1), n.significand); };
  if (key(a) == key(b)) return Order::Equal;
  return (key(a) < key(b)) != a.negative() ? Order::Less : Order::Greater;
}

// ---- between formats

F80 from_integer(int64_t x) {
  if (x == 0) return kPositiveZero;
  const bool negative = x < 0;
  const uint64_t m = negative ? 0 - static_cast<uint64_t>(x) : static_cast<uint64_t>(x);
  const int n = std::countl_zero(m);
  return with_sign(negative, {m << n, static_cast<uint16_t>(kBias + 63 - n)});
}

namespace {

// A float or double, whose fraction has `bits` bits
F80 widen(Context& c, uint64_t x, int bits, int exponent_bits) {
  const bool negative = x >> (bits + exponent_bits) & 1;
  const int most = (1 << exponent_bits) - 1, exponent = static_cast<int>(x >> bits) & most;
  const uint64_t fraction = (x & ((uint64_t{1} << bits) - 1)) << (63 - bits);
  if (exponent == most) {
    if (fraction == 0) return with_sign(negative, kInfinity);
    return with_sign(negative, {kTop | fraction, kMax});
  }
  if (exponent != 0) return with_sign(negative, {kTop | fraction, static_cast<uint16_t>(exponent - most / 2 + kBias)});
  if (fraction == 0) return with_sign(negative, kPositiveZero);
  c.raised |= kDenormal;
  const int n = std::countl_zero(fraction);
  return with_sign(negative, {fraction << n, static_cast<uint16_t>(1 - most / 2 - n + kBias)});
}

uint64_t narrow(Context& c, F80 a, const Format& f, int exponent_bits) {
  const int bits = f.bits - 1, most = (1 << exponent_bits) - 1;
  const auto assembled = [&](bool negative, int exponent, uint64_t significand) {
    const uint64_t fraction = significand << 1 >> (64 - bits);
    return uint64_t{negative} << (bits + exponent_bits) | static_cast<uint64_t>(exponent) << bits | fraction;
  };
  F80 nan;
  if (special(c, a, nan)) return assembled(nan.negative(), most, nan.significand);
  const Class x = class_of(a);
  if (x == Class::Zero) return assembled(a.negative(), 0, 0);
  if (x == Class::Infinity) return assembled(a.negative(), most, 0);
  const Rounded r = round(c, real(a), f);
  if (r.kind == Rounded::Infinite) return assembled(a.negative(), most, 0);
  return assembled(a.negative(), r.exponent - f.smallest + 1, r.significand);
}

}  // namespace

F80 from_float(Context& c, uint32_t bits) { return widen(c, bits, 23, 8); }
F80 from_double(Context& c, uint64_t bits) { return widen(c, bits, 52, 11); }
uint32_t to_float(Context& c, F80 a) { return static_cast<uint32_t>(narrow(c, a, kFloat, 8)); }
uint64_t to_double(Context& c, F80 a) { return narrow(c, a, kDouble, 11); }

int64_t to_integer(Context& c, F80 a, unsigned bits, bool truncate) {
  const auto indefinite = static_cast<int64_t>(~uint64_t{0} << (bits - 1));
  const Class x = class_of(a);
  if (x == Class::Zero) return 0;
  if (x == Class::Unsupported || x == Class::Nan || x == Class::Infinity) return c.raised |= kInvalid, indefinite;
  Context rounding{static_cast<uint16_t>(truncate ? c.control | 0xc00 : c.control)};
  const F80 whole = field(a) - kBias >= 63 ? a : round_to_integer(rounding, a);
  const int exponent = field(whole) - kBias;
  const uint64_t magnitude = whole.significand == 0 ? 0 : exponent > 63 ? 0 : whole.significand >> (63 - exponent);
  const uint64_t limit = uint64_t{1} << (bits - 1);
  if (whole.significand != 0 && (exponent > 63 || magnitude > limit || (magnitude == limit && !a.negative())))
    return c.raised |= kInvalid, indefinite;
  c.raised |= rounding.raised & kPrecision, c.up = rounding.up;
  return static_cast<int64_t>(a.negative() ? 0 - magnitude : magnitude);
}

// Digits above 9 count as they are.
F80 from_decimal(Decimal x) {
  uint64_t sum = 0;
  for (int i = 17; i >= 0; --i) sum = sum * 10 + (i < 16 ? x.low >> (4 * i) & 15 : x.high >> (4 * (i - 16)) & 15u);
  return with_sign(x.high >> 15, from_integer(static_cast<int64_t>(sum)));
}

Decimal to_decimal(Context& c, F80 a) {
  constexpr uint64_t kLimit = 1'000'000'000'000'000'000;
  Context rounding{c.control};
  const auto whole = static_cast<uint64_t>(to_integer(rounding, a, 64, false));
  uint64_t rest = a.negative() ? 0 - whole : whole;
  if (rounding.raised & kInvalid || rest >= kLimit) return c.raised |= kInvalid, Decimal{uint64_t{3} << 62, 0xffff};
  c.raised |= rounding.raised, c.up = rounding.up;
  Decimal out{0, static_cast<uint16_t>(a.negative() ? 0x8000 : 0)};
  for (int i = 0; i < 16; ++i, rest /= 10) out.low |= rest % 10 << (4 * i);
  out.high = static_cast<uint16_t>(out.high | rest / 10 << 4 | rest % 10);
  return out;
}

}  // namespace deferscope::isa::x86_64::x87
