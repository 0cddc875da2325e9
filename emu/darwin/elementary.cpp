#include "emu/darwin/elementary.h"

#include <array>
#include <cmath>
#include <cstdint>
#include <limits>

namespace deferscope::emu::darwin::elementary {
namespace {

// --- numbers of twice the bits ---

// hi + lo, where lo is at most half of hi's last bit.
struct Two {
  double hi = 0, lo = 0;
};

Two quick_sum(double a, double b) {  // |a| >= |b|
  const double s = a + b;
  return {s, b - (s - a)};
}
Two sum(double a, double b) {
  const double s = a + b, t = s - a;
  return {s, (a - (s - t)) + (b - t)};
}
Two product(double a, double b) {
  const double p = a * b;
  return {p, std::fma(a, b, -p)};
}
Two operator-(Two a) { return {-a.hi, -a.lo}; }
Two operator+(Two a, Two b) {
  Two s = sum(a.hi, b.hi);
  const Two t = sum(a.lo, b.lo);
  s = quick_sum(s.hi, s.lo + t.hi);
  return quick_sum(s.hi, s.lo + t.lo);
}
Two operator-(Two a, Two b) { return a + -b; }
Two operator*(Two a, Two b) {
  const Two p = product(a.hi, b.hi);
  return quick_sum(p.hi, p.lo + (a.hi * b.lo + a.lo * b.hi));
}
Two operator/(Two a, Two b) {
  const double q = a.hi / b.hi;
  const Two rest = a - b * Two{q};
  const double r = rest.hi / b.hi;
  return quick_sum(q, r) + Two{(rest - b * Two{r}).hi / b.hi};
}
Two root(Two a) {
  if (a.hi == 0) return {};
  const double q = std::sqrt(a.hi);
  return quick_sum(q, (a - product(q, q)).hi / (2 * q));
}
Two scaled(Two a, int k) { return {std::ldexp(a.hi, k), std::ldexp(a.lo, k)}; }

constexpr Two kHalfPi{0x1.921fb54442d18p+0, 0x1.1a62633145c07p-54};
constexpr Two kPi{0x1.921fb54442d18p+1, 0x1.1a62633145c07p-53};
constexpr double kLn2[3] = {0x1.62e42fefa39efp-1, 0x1.abc9e3b39803fp-56, 0x1.7b57a079a1934p-111};
constexpr Two kLn10{0x1.26bb1bbb55516p+1, -0x1.f48ad494ea3e9p-53};
// Below it f(x) is x to the last bit, for the functions that go through 0 like x.
constexpr double kTiny = 0x1p-300;
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

Two ln2_times(double k) { return product(k, kLn2[0]) + product(k, kLn2[1]) + Two{k * kLn2[2]}; }

// a·2^k as a double, rounded once where it has fewer bits than a double's 53, too.
double rounded(Two a, int k) {
  constexpr int kLeast = -1074;  // the exponent of the smallest double
  if (a.hi == 0 || std::ilogb(a.hi) + k > -1022) return std::ldexp(a.hi, k);
  const double whole = std::ldexp(a.hi, k - kLeast);
  double n = std::nearbyint(whole);
  if (whole - n == 0.5 && a.lo > 0) n += 1;
  if (whole - n == -0.5 && a.lo < 0) n -= 1;
  return std::ldexp(n, kLeast);
}

double with_sign_of(double magnitude, double sign) { return std::copysign(magnitude, sign); }

// --- exponentials and logarithms ---

// e^x − 1 for |x| < 0.4: the series at x/512, then nine doublings.
Two small_expm1(Two x) {
  constexpr int kTerms = 10, kDoublings = 9;
  x = scaled(x, -kDoublings);
  Two s{1};
  for (int n = kTerms; n > 1; --n) s = Two{1} + x * s / Two{static_cast<double>(n)};
  s = x * s;
  for (int i = 0; i < kDoublings; ++i) s = s + s + s * s;
  return s;
}

// e^x = the result · 2^k, the result near 1.
Two exp_of(Two x, int& k) {
  const double n = std::nearbyint(x.hi / kLn2[0]);
  k = static_cast<int>(n);
  return Two{1} + small_expm1(x - ln2_times(n));
}

bool exp_ends(double x, double& result) {
  if (std::isnan(x)) return result = x, true;
  if (x > 710) return result = HUGE_VAL, true;
  if (x < -746) return result = 0, true;
  return false;
}

// log(1 + f) for 1 + f between √½ and √2: twice the area tangent of f / (2 + f).
Two area_tangent(Two t) {
  constexpr int kTerms = 22;
  const Two square = t * t;
  Two s{};
  for (int n = kTerms; n >= 0; --n) s = Two{1} / Two{2.0 * n + 1} + square * s;
  return t * s;
}
Two log_near_1(Two f) { return scaled(area_tangent(f / (f + Two{2})), 1); }

// a = m · 2^e, m between √½ and √2; of subnormals too.
Two near_1(Two a, int& e) {
  constexpr double kRootHalf = 0.70710678118654752;
  std::frexp(a.hi, &e);
  if (std::ldexp(a.hi, -e) < kRootHalf) --e;
  return scaled(a, -e);
}
Two log_of(Two a) {
  int e = 0;
  const Two m = near_1(a, e), rest = log_near_1(m - Two{1});
  return e == 0 ? rest : ln2_times(e) + rest;
}
Two log_of_1_and(Two f) { return std::fabs(f.hi) < 0.25 ? log_near_1(f) : log_of(Two{1} + f); }

// Where logarithms end: not positive, not finite.
bool log_ends(double x, double& result) {
  if (x > 0 && std::isfinite(x)) return false;
  result = std::isnan(x) || x > 0 ? x : x == 0 ? -HUGE_VAL : kNan;
  return true;
}

}  // namespace

double exp(double x) {
  double end = 0;
  if (exp_ends(x, end)) return end;
  int k = 0;
  const Two m = exp_of({x}, k);
  return rounded(m, k);
}

double exp2(double x) {
  if (std::isnan(x) || x >= 1024) return std::isnan(x) ? x : HUGE_VAL;
  if (x < -1076) return 0;
  const double n = std::nearbyint(x);
  int k = 0;
  const Two m = exp_of(ln2_times(x - n), k);
  return rounded(m, k + static_cast<int>(n));
}

double exp10(double x) {
  if (std::isnan(x) || x > 309) return std::isnan(x) ? x : HUGE_VAL;
  if (x < -324) return 0;
  int k = 0;
  const Two m = exp_of(kLn10 * Two{x}, k);
  return rounded(m, k);
}

namespace {

// e^x − 1 for |x| of at most 60.
Two expm1_of(double x) {
  if (std::fabs(x) < 0.35) return small_expm1({x});
  int k = 0;
  const Two m = exp_of({x}, k);
  return scaled(m, k) - Two{1};
}

}  // namespace

double expm1(double x) {
  if (std::isnan(x) || std::fabs(x) < kTiny) return x;
  if (x > 60) return exp(x);
  return x < -60 ? -1 : expm1_of(x).hi;
}

double log(double x) {
  double end = 0;
  return log_ends(x, end) ? end : log_of({x}).hi;
}

double log2(double x) {
  double end = 0;
  if (log_ends(x, end)) return end;
  int e = 0;
  const Two m = near_1({x}, e), rest = log_near_1(m - Two{1}) / Two{kLn2[0], kLn2[1]};
  return e == 0 ? rest.hi : (Two{static_cast<double>(e)} + rest).hi;
}

double log10(double x) {
  double end = 0;
  return log_ends(x, end) ? end : (log_of({x}) / kLn10).hi;
}

double log1p(double x) {
  double end = 0;
  if (std::fabs(x) < kTiny) return x;
  return log_ends(x + 1, end) ? end : log_of_1_and({x}).hi;
}

// --- powers ---

namespace {

// m^n exactly as long as it has no more than 106 bits; m near 1.
Two whole_power(Two m, unsigned n) {
  Two out{1};
  for (; n != 0; n >>= 1) {
    if (n & 1) out = out * m;
    if (n > 1) m = m * m;
  }
  return out;
}

double power_of_positive(double x, double y) {
  constexpr double kMostWhole = 64;
  // Roots that are exact: what is left can be half way between two doubles only if y is whole.
  for (double r = std::sqrt(x); y != std::floor(y) && std::fma(r, r, -x) == 0; r = std::sqrt(x)) x = r, y *= 2;
  if (x == 1) return 1;
  if (y == std::floor(y) && std::fabs(y) <= kMostWhole) {
    int e = 0;
    const auto n = static_cast<unsigned>(std::fabs(y));
    Two power = whole_power(near_1({x}, e), n);
    if (y < 0) power = Two{1} / power;
    return rounded(power, e * static_cast<int>(y));
  }
  const Two exponent = log_of({x}) * Two{y};
  double end = 0;
  if (exp_ends(exponent.hi, end)) return end;
  int k = 0;
  const Two m = exp_of(exponent, k);
  return rounded(m, k);
}

}  // namespace

double pow(double x, double y) {
  if (x == 0 || !std::isfinite(x) || !std::isfinite(y)) return std::pow(x, y);  // Annex F of C says them
  if (x == 1 || y == 0) return 1;
  if (x > 0) return power_of_positive(x, y);
  if (y != std::floor(y)) return kNan;
  const bool odd = std::fmod(y, 2) != 0;
  return with_sign_of(power_of_positive(-x, y), odd ? -1 : 1);
}

double cbrt(double x) {
  if (x == 0 || !std::isfinite(x)) return x;
  int k = 0;
  const Two m = exp_of(log_of({std::fabs(x)}) / Two{3}, k);
  return with_sign_of(rounded(m, k), x);
}

double hypot(double x, double y) {
  constexpr int kBeyond = 60;  // so much smaller does not show
  if (!std::isfinite(x) || !std::isfinite(y)) return std::isinf(x) || std::isinf(y) ? HUGE_VAL : x + y;
  const double a = std::fmax(std::fabs(x), std::fabs(y)), b = std::fmin(std::fabs(x), std::fabs(y));
  if (b == 0 || std::ilogb(a) - std::ilogb(b) > kBeyond) return a;
  const int e = std::ilogb(a);
  const double c = std::ldexp(a, -e), d = std::ldexp(b, -e);
  return rounded(root(product(c, c) + product(d, d)), e);
}

// --- angles ---

namespace {

constexpr int kWords = 20;
// 2/π, its bits behind the point.
constexpr std::array<uint64_t, kWords> kTwoByPi = {
    0xa2f9836e4e441529, 0xfc2757d1f534ddc0, 0xdb6295993c439041, 0xfe5163abdebbc561, 0xb7246e3a424dd2e0,
    0x06492eea09d1921c, 0xfe1deb1cb129a73e, 0xe88235f52ebb4484, 0xe99c7026b45f7e41, 0x3991d639835339f4,
    0x9c845f8bbdf9283b, 0x1ff897ffde05980f, 0xef2f118b5a0a6d1f, 0x6d367ecf27cb09b7, 0x4f463f669e5fea2d,
    0x7527bac7ebe5f17b, 0x3d0739f78a5292ea, 0x6bfb5fb11f8d5d08, 0x56033046fc7b6bab, 0xf0cfbc209af4361d};

// 32 bits of it, from so many behind the point on.
uint64_t bits_of_two_by_pi(int from) {
  const auto word = static_cast<size_t>(from / 64);
  const int in = from % 64;
  uint64_t out = kTwoByPi[word] << in;
  if (in != 0 && word + 1 < kWords) out |= kTwoByPi[word + 1] >> (64 - in);
  return out >> 32;
}

using Pieces = std::array<uint64_t, 10>;  // 32 bits each, the least first

// sum += a · b · 2^(32·at)
void add_product(Pieces& sum, size_t at, uint64_t a, uint64_t b) {
  for (uint64_t rest = a * b; rest != 0; rest >>= 32, ++at) {
    rest += sum[at];
    sum[at] = rest & 0xffffffff;
  }
}

// What is behind the point, which has so many bits; of the distance to 1 if `less`. Sums of exact pieces, the least
// first.
Two behind_the_point(const Pieces& x, int bits, bool less) {
  Two out = less ? Two{std::ldexp(1, -bits)} : Two{};  // 1 − rest = ~rest + the last bit
  for (int i = 0; 32 * i < bits; ++i) {
    const uint64_t mask = bits - 32 * i < 32 ? (uint64_t{1} << (bits - 32 * i)) - 1 : 0xffffffff;
    const uint64_t piece = (less ? ~x[static_cast<size_t>(i)] : x[static_cast<size_t>(i)]) & mask;
    out = out + Two{std::ldexp(static_cast<double>(piece), 32 * i - bits)};
  }
  return out;
}

// x = quadrant · π/2 + the result, which is at most π/4 either way. 53 bits of x times 256 of 2/π, of which those are
// left out that make whole turns (Payne and Hanek).
Two within_a_quadrant(double x, unsigned& quadrant) {
  constexpr double kQuarterPi = 0.78539816339744828;
  constexpr int kTaken = 8;  // pieces of 2/π
  quadrant = 0;
  if (std::fabs(x) <= kQuarterPi) return {x};
  int e = 0;
  const auto whole = static_cast<uint64_t>(std::ldexp(std::frexp(std::fabs(x), &e), 53));
  e -= 53;
  const int skipped = e > 2 ? e - 2 : 0, point = 32 * kTaken - (e - skipped);
  Pieces turns{};
  for (int i = 0; i < kTaken; ++i) {
    const uint64_t piece = bits_of_two_by_pi(skipped + 32 * (kTaken - 1 - i));
    add_product(turns, static_cast<size_t>(i), piece, whole & 0xffffffff);
    add_product(turns, static_cast<size_t>(i) + 1, piece, whole >> 32);
  }
  const auto bit = [&](int i) -> unsigned {
    return i < 320 ? static_cast<unsigned>(turns[static_cast<size_t>(i / 32)] >> i % 32 & 1) : 0;
  };
  const bool more = bit(point - 1) != 0;  // than a half: from the next quadrant back
  quadrant = (bit(point) | bit(point + 1) << 1) + more;
  const Two rest = behind_the_point(turns, point, more) * kHalfPi;
  if (x < 0) quadrant = -quadrant;
  return more == (x < 0) ? rest : -rest;
}

// Of at most π/4.
Two small_sin(Two r) {
  constexpr int kTerms = 15;
  const Two square = r * r;
  Two s{1};
  for (int n = kTerms; n > 0; --n) s = Two{1} - square * s / Two{2.0 * n * (2 * n + 1)};
  return r * s;
}
Two small_cos(Two r) {
  constexpr int kTerms = 15;
  const Two square = r * r;
  Two s{1};
  for (int n = kTerms; n > 0; --n) s = Two{1} - square * s / Two{2.0 * n * (2 * n - 1)};
  return s;
}

Two sin_of(Two r, unsigned quadrant) {
  const Two s = quadrant & 1 ? small_cos(r) : small_sin(r);
  return quadrant & 2 ? -s : s;
}

// Of a ratio that is not negative.
Two atan_of(Two x) {
  constexpr int kHalvings = 3, kTerms = 17;
  const bool inverse = x.hi > 1;
  if (inverse) x = Two{1} / x;
  for (int i = 0; i < kHalvings; ++i) x = x / (Two{1} + root(Two{1} + x * x));
  const Two square = x * x;
  Two s{};
  for (int n = kTerms; n >= 0; --n) s = Two{1} / Two{2.0 * n + 1} - square * s;
  s = scaled(x * s, kHalvings);
  return inverse ? kHalfPi - s : s;
}

// The angle of a point, both coordinates positive and finite.
Two angle_of(double y, double x) {
  constexpr int kBeyond = 120;  // so much less does not show
  int ey = 0, ex = 0;
  const double my = std::frexp(y, &ey), mx = std::frexp(x, &ex);
  if (ey - ex > kBeyond) return kHalfPi;
  if (ey - ex < -kBeyond) return {};
  return atan_of(scaled(Two{my} / Two{mx}, ey - ex));
}

}  // namespace

double sin(double x) {
  if (!std::isfinite(x)) return std::isnan(x) ? x : kNan;
  if (std::fabs(x) < kTiny) return x;
  unsigned quadrant = 0;
  const Two r = within_a_quadrant(x, quadrant);
  return sin_of(r, quadrant).hi;
}

double cos(double x) {
  if (!std::isfinite(x)) return std::isnan(x) ? x : kNan;
  if (std::fabs(x) < kTiny) return 1;
  unsigned quadrant = 0;
  const Two r = within_a_quadrant(x, quadrant);
  return sin_of(r, quadrant + 1).hi;
}

double tan(double x) {
  if (!std::isfinite(x)) return std::isnan(x) ? x : kNan;
  if (std::fabs(x) < kTiny) return x;
  unsigned quadrant = 0;
  const Two r = within_a_quadrant(x, quadrant);
  return (sin_of(r, quadrant) / sin_of(r, quadrant + 1)).hi;
}

double atan(double x) {
  if (std::isnan(x) || std::fabs(x) < kTiny) return x;
  if (std::fabs(x) > 0x1p120) return with_sign_of(kHalfPi.hi, x);
  return with_sign_of(atan_of({std::fabs(x)}).hi, x);
}

double atan2(double y, double x) {
  if (std::isnan(x) || std::isnan(y)) return x + y;
  if (std::isinf(x) || std::isinf(y)) {  // on the circle of the infinite: a multiple of π/4
    const double across = std::isinf(x) ? std::copysign(1, x) : 0, up = std::isinf(y) ? 1 : 0;
    if (up == 0) return with_sign_of(across > 0 ? 0 : kPi.hi, y);
    const Two quarter = scaled(kPi, -2);
    return with_sign_of((across == 0 ? kHalfPi : across > 0 ? quarter : kPi - quarter).hi, y);
  }
  if (y == 0) return with_sign_of(std::signbit(x) ? kPi.hi : 0, y);
  if (x == 0) return with_sign_of(kHalfPi.hi, y);
  const Two angle = angle_of(std::fabs(y), std::fabs(x));
  if (x < 0) return with_sign_of((kPi - angle).hi, y);
  // What is as small as the ratio itself is rounded as that is, where doubles have fewer bits too.
  return angle.hi < kTiny ? with_sign_of(std::fabs(y) / std::fabs(x), y) : with_sign_of(angle.hi, y);
}

double asin(double x) {
  if (std::isnan(x) || std::fabs(x) < kTiny) return x;
  if (std::fabs(x) >= 1) return std::fabs(x) == 1 ? with_sign_of(kHalfPi.hi, x) : kNan;
  const double a = std::fabs(x);
  return with_sign_of(atan_of(Two{a} / root(sum(1, -a) * sum(1, a))).hi, x);
}

double acos(double x) {
  if (std::isnan(x)) return x;
  if (std::fabs(x) > 1) return kNan;
  if (x == -1) return kPi.hi;
  return scaled(atan_of(root(sum(1, -x) / sum(1, x))), 1).hi;
}

// --- hyperbolic functions ---

double sinh(double x) {
  if (!std::isfinite(x) || std::fabs(x) < kTiny) return x;
  const double a = std::fabs(x);
  if (a > 711) return with_sign_of(HUGE_VAL, x);
  if (a > 40) {
    int k = 0;
    const Two m = exp_of({a}, k);
    return with_sign_of(rounded(m, k - 1), x);
  }
  const Two e = expm1_of(a);
  return with_sign_of(scaled(e + e / (e + Two{1}), -1).hi, x);
}

double cosh(double x) {
  const double a = std::fabs(x);
  if (std::isnan(x) || a > 711) return std::isnan(x) ? x : HUGE_VAL;
  int k = 0;
  const Two m = exp_of({a}, k);
  if (a > 40) return rounded(m, k - 1);
  const Two e = scaled(m, k);
  return scaled(e + Two{1} / e, -1).hi;
}

double tanh(double x) {
  if (std::isnan(x) || std::fabs(x) < kTiny) return x;
  if (std::fabs(x) > 22) return with_sign_of(1, x);
  const Two e = expm1_of(2 * std::fabs(x));
  return with_sign_of((e / (e + Two{2})).hi, x);
}

double asinh(double x) {
  if (!std::isfinite(x) || std::fabs(x) < kTiny) return x;
  const double a = std::fabs(x);
  if (a > 0x1p60) return with_sign_of((log_of({a}) + ln2_times(1)).hi, x);
  const Two square = product(a, a);
  return with_sign_of(log_of_1_and(Two{a} + square / (Two{1} + root(Two{1} + square))).hi, x);
}

double acosh(double x) {
  if (std::isnan(x) || x < 1) return std::isnan(x) ? x : kNan;
  if (std::isinf(x)) return x;
  if (x > 0x1p60) return (log_of({x}) + ln2_times(1)).hi;
  const Two less = sum(x, -1);
  return log_of_1_and(less + root(less * sum(x, 1))).hi;
}

double atanh(double x) {
  const double a = std::fabs(x);
  if (std::isnan(x) || a < kTiny) return x;
  if (a >= 1) return a == 1 ? with_sign_of(HUGE_VAL, x) : kNan;
  if (a < 0.125) return with_sign_of(area_tangent({a}).hi, x);
  return with_sign_of(scaled(log_of(sum(1, a) / sum(1, -a)), -1).hi, x);
}

double fmax(double x, double y) {
  if (std::isnan(x) || std::isnan(y)) return std::isnan(x) ? y : x;
  return x > y || (x == y && !std::signbit(x)) ? x : y;
}
double fmin(double x, double y) {
  if (std::isnan(x) || std::isnan(y)) return std::isnan(x) ? y : x;
  return x < y || (x == y && std::signbit(x)) ? x : y;
}

}  // namespace deferscope::emu::darwin::elementary
