// The x87's transcendental functions, by GNU MPFR: the exact function of the operands, rounded once to 64 bits as the
// control word's rounding says; its precision changes nothing (Intel SDM vol. 1, 8.1.5.2). Processors promise an error
// below one unit in the last place (8.3.10), and differ in that place. What is not a special operand they call inexact,
// exact results too.
//
// An angle is reduced by a π of 66 bits, as Intel's processors (8.3.8 "Approximation of Pi") and AMD's do: measured on
// AMD's family 26, where FSIN, FCOS and FPTAN are within 0.6 units of the function of an angle so reduced, up to 2^63.
#include <bit>
#include <cfenv>
#include <cstdint>

#define MPFR_USE_INTMAX_T
#define MPFR_USE_NO_MACRO
#include <mpfr.h>

#include "isa/x86_64/x87_float.h"
#include "isa/x86_64/x87_real.h"

namespace deferscope::isa::x86_64::x87 {
namespace {

// The host's rounding and sticky flags are the guest's while its code runs: not those that MPFR wants, or may change.
class HostArithmetic {
 public:
  HostArithmetic() { std::feholdexcept(&guest_), std::fesetround(FE_TONEAREST); }
  HostArithmetic(const HostArithmetic&) = delete;
  HostArithmetic& operator=(const HostArithmetic&) = delete;
  ~HostArithmetic() { std::fesetenv(&guest_); }

 private:
  std::fenv_t guest_;
};

// A number of MPFR's with its precision in bits
class Big {
 public:
  explicit Big(mpfr_prec_t bits) { mpfr_init2(x_, bits); }
  Big(const Big&) = delete;
  Big& operator=(const Big&) = delete;
  ~Big() { mpfr_clear(x_); }
  operator mpfr_ptr() { return x_; }

 private:
  mpfr_t x_;
};

constexpr mpfr_prec_t kSignificand = 64, kKept = 127;  // kept of a result; the 128th bit stands for the rest

// `to` has 64 bits at least, so this is exact.
void put(Big& to, F80 a) {
  switch (class_of(a)) {
    case Class::Infinity: mpfr_set_inf(to, a.negative() ? -1 : 1); return;
    case Class::Zero: mpfr_set_zero(to, a.negative() ? -1 : 1); return;
    default: break;
  }
  const Real r = real(a);
  mpfr_set_uj_2exp(to, static_cast<uint64_t>(r.significand >> 64), r.exponent - 63, MPFR_RNDN);
  if (r.negative) mpfr_neg(to, to, MPFR_RNDN);
}
struct Operand : Big {
  explicit Operand(F80 a) : Big(kSignificand) { put(*this, a); }
};

// x has kKept bits; `more`: and bits below them that were cut off.
F80 rounded(Context& c, Big& x, bool more) {
  const bool negative = mpfr_signbit(x) != 0;
  if (mpfr_zero_p(x)) return with_sign(negative, kPositiveZero);
  const auto exponent = static_cast<int>(mpfr_get_exp(x));
  mpfr_abs(x, x, MPFR_RNDN);
  mpfr_set_exp(x, 64);  // 64 bits before the point
  Big below(kKept);
  mpfr_frac(below, x, MPFR_RNDN);
  mpfr_mul_2ui(below, below, 64, MPFR_RNDN);
  const u128 significand = u128{mpfr_get_uj(x, MPFR_RNDZ)} << 64 | mpfr_get_uj(below, MPFR_RNDZ) | (more ? 1u : 0u);
  return pack(c, {negative, exponent - 1, significand}, kExtended);
}

// What MPFR has as one function, correctly rounded by itself
template <class F>
F80 at_once(Context& c, F f) {
  Big x(kKept);
  const int direction = f(x);
  return rounded(c, x, direction != 0);
}

// An irrational number: f(out) approximates it to all bits of `out` but the last four. As many bits as it takes.
template <class F>
F80 approached(Context& c, F f) {
  for (mpfr_prec_t bits = 192;; bits *= 2) {
    Big x(bits);
    f(x, bits);
    if (!mpfr_can_round(x, bits - 4, MPFR_RNDN, MPFR_RNDZ, kKept)) continue;
    mpfr_prec_round(x, kKept, MPFR_RNDZ);
    return rounded(c, x, true);
  }
}

bool is_one(F80 a) { return a.significand == kTop && field(a) == kBias; }

// log2(a + 1) where that is a whole number: a is ±(2^n - 1) scaled so that it is; else 0.
int whole_log2_of_next(F80 a) {
  const Real r = real(a);
  const auto top = static_cast<uint64_t>(r.significand >> 64), zeros = ~top;
  if ((zeros & (zeros + 1)) != 0) return 0;
  const int ones = std::popcount(top);
  return r.exponent == (r.negative ? -1 : ones - 1) ? (r.negative ? -ones : ones) : 0;
}

// y · n, called inexact
F80 times(Context& c, Big& y, int n) {
  const F80 x = at_once(c, [&](Big& to) { return mpfr_mul_si(to, y, n, MPFR_RNDZ); });
  c.raised |= kPrecision | (class_of(x) == Class::Denormal ? kUnderflow : 0);
  return x;
}

// ---- angles

// 0xc90fdaa22168c234c · 2^-67 is π / 2.
constexpr uint64_t kPiHigh = 0xc90fdaa22168c234;
constexpr unsigned kPiLow = 0xc;

// x = rest + quarters · π/2, |rest| ≤ π/4, quarters modulo 4. All steps are exact.
struct Angle {
  Big rest{256};
  unsigned quarters = 0;
  explicit Angle(F80 a) {
    put(rest, a);
    Big half_pi(68), quarters_of_x(128), whole(128), product(256);
    mpfr_set_uj(half_pi, kPiHigh, MPFR_RNDN);
    mpfr_mul_ui(half_pi, half_pi, 16, MPFR_RNDN);
    mpfr_add_ui(half_pi, half_pi, kPiLow, MPFR_RNDN);
    mpfr_div_2ui(half_pi, half_pi, 67, MPFR_RNDN);
    mpfr_div(quarters_of_x, rest, half_pi, MPFR_RNDN);
    mpfr_rint(whole, quarters_of_x, MPFR_RNDN);
    mpfr_mul(product, whole, half_pi, MPFR_RNDN);
    mpfr_sub(rest, rest, product, MPFR_RNDN);
    const uintmax_t magnitude = (mpfr_abs(product, whole, MPFR_RNDN), mpfr_get_uj(product, MPFR_RNDN));
    quarters = static_cast<unsigned>(mpfr_signbit(whole) ? 0 - magnitude : magnitude) & 3;
  }
};

// One of MPFR's functions of the rest, by the quarters, and whether it is negated
struct Piece {
  int (*f)(mpfr_ptr, mpfr_srcptr, mpfr_rnd_t);
  bool negated;
};
constexpr Piece kSines[4] = {{mpfr_sin, false}, {mpfr_cos, false}, {mpfr_sin, true}, {mpfr_cos, true}};
constexpr Piece kTangents[4] = {{mpfr_tan, false}, {mpfr_cot, true}, {mpfr_tan, false}, {mpfr_cot, true}};

F80 of_angle(Context& c, F80 a, const Piece (&pieces)[4], unsigned further) {
  const HostArithmetic host;
  Angle angle(a);
  const Piece& p = pieces[(angle.quarters + further) % 4];
  return at_once(c, [&](Big& out) {
    const int direction = p.f(out, angle.rest, MPFR_RNDZ);
    if (p.negated) mpfr_neg(out, out, MPFR_RNDN);
    return direction;
  });
}

// Operands that need no function; false: this one does.
bool simple_angle(Context& c, F80 a, F80 of_zero, F80& out) {
  if (special(c, a, a, out)) return true;
  const Class k = class_of(a);
  if (k == Class::Infinity) return out = invalid(c), true;
  note_denormal(c, a);
  return k == Class::Zero && (out = of_zero, true);
}

}  // namespace

bool angle_in_range(F80 a) { return class_of(a) != Class::Normal || field(a) < kBias + 63; }

F80 sine(Context& c, F80 a) {
  F80 out;
  return simple_angle(c, a, a, out) ? out : of_angle(c, a, kSines, 0);
}
F80 cosine(Context& c, F80 a) {
  F80 out;
  return simple_angle(c, a, kOne, out) ? out : of_angle(c, a, kSines, 1);
}
F80 tangent(Context& c, F80 a) {
  F80 out;
  return simple_angle(c, a, a, out) ? out : of_angle(c, a, kTangents, 0);
}

F80 arctangent(Context& c, F80 y, F80 x) {
  F80 out;
  if (special(c, y, x, out)) return out;
  const HostArithmetic host;
  note_denormal(c, y), note_denormal(c, x);
  Operand a(y), b(x);
  return at_once(c, [&](Big& to) { return mpfr_atan2(to, a, b, MPFR_RNDZ); });
}

F80 power_minus_one(Context& c, F80 a) {
  F80 out;
  if (special(c, a, a, out)) return out;
  const Class k = class_of(a);
  if (k == Class::Infinity) return a.negative() ? with_sign(true, kOne) : a;
  note_denormal(c, a);
  if (k == Class::Zero) return a;
  // Beyond ±1 the manuals leave it open; AMD's processors leave the operand, as if it were inexact.
  if (field(a) >= kBias) return c.raised |= kPrecision, is_one(a) && a.negative() ? F80{kTop, 0xbffe} : a;
  const HostArithmetic host;
  Operand x(a);
  return approached(c, [&](Big& to, mpfr_prec_t bits) {  // exp(x ln 2) - 1
    Big ln2(bits);
    mpfr_const_log2(ln2, MPFR_RNDN);
    mpfr_mul(to, x, ln2, MPFR_RNDN);
    mpfr_expm1(to, to, MPFR_RNDN);
  });
}

F80 times_log2(Context& c, F80 y, F80 a) {
  F80 out;
  if (special(c, y, a, out)) return out;
  const Class k = class_of(a), l = class_of(y);
  const bool extreme = l == Class::Zero || l == Class::Infinity;
  if (k == Class::Zero) {
    if (l == Class::Zero) return invalid(c);
    if (l != Class::Infinity) c.raised |= kZeroDivide;
    return with_sign(!y.negative(), kInfinity);
  }
  if (a.negative()) return invalid(c);
  if ((is_one(a) && l == Class::Infinity) || (k == Class::Infinity && l == Class::Zero)) return invalid(c);
  note_denormal(c, a), note_denormal(c, y);
  if (k == Class::Infinity) return with_sign(y.negative(), kInfinity);
  if (is_one(a)) return with_sign(y.negative(), kPositiveZero);
  if (extreme) return with_sign(y.negative() != (field(a) < kBias), y);
  const HostArithmetic host;
  Operand x(a), by(y);
  const Real r = real(a);
  if (r.significand == u128{kTop} << 64)  // a power of two
    return times(c, by, r.exponent);
  return approached(c, [&](Big& to, mpfr_prec_t) {
    mpfr_log2(to, x, MPFR_RNDN);
    mpfr_mul(to, to, by, MPFR_RNDN);
  });
}

F80 times_log2_of_next(Context& c, F80 y, F80 a) {
  F80 out;
  if (special(c, y, a, out)) return out;
  const Class k = class_of(a), l = class_of(y);
  if (k == Class::Infinity && a.negative()) return invalid(c);
  if (k == Class::Zero ? l == Class::Infinity : k == Class::Infinity && l == Class::Zero) return invalid(c);
  note_denormal(c, a), note_denormal(c, y);
  const bool negative = a.negative() != y.negative();
  if (k == Class::Zero || l == Class::Zero) return with_sign(negative, kPositiveZero);
  if (k == Class::Infinity || l == Class::Infinity) return with_sign(negative, kInfinity);
  const HostArithmetic host;
  // Far from 0 the manuals leave it open; AMD's processors do this, and leave the operand from -1 down.
  if (a.negative() && field(a) >= kBias) return c.raised |= kPrecision, a;
  Operand x(a), by(y);
  if (const int whole = whole_log2_of_next(a); whole != 0) return times(c, by, whole);
  return approached(c, [&](Big& to, mpfr_prec_t bits) {  // log1p(x) / ln 2
    Big ln2(bits);
    mpfr_const_log2(ln2, MPFR_RNDN);
    mpfr_log1p(to, x, MPFR_RNDN);
    mpfr_div(to, to, ln2, MPFR_RNDN);
    mpfr_mul(to, to, by, MPFR_RNDN);
  });
}

}  // namespace deferscope::isa::x86_64::x87
