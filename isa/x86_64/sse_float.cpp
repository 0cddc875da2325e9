// SSE floating-point arithmetic, comparisons and rounding.
#include "isa/x86_64/sse_fp.h"
#include "isa/x86_64/system.h"

namespace deferscope::isa::x86_64 {
namespace {

constexpr auto add = [](auto a, auto b) { return a + b; };
constexpr auto sub = [](auto a, auto b) { return a - b; };
constexpr auto mul = [](auto a, auto b) { return a * b; };
constexpr auto divide = [](auto a, auto b) { return a / b; };

// The first lane, and all lanes
template <class T, auto f>
void scalar(CpuState& s, Vec& d, const Vec& a, const Vec& b, uint64_t) {
  d.set(0, arithmetic<f>(s.mxcsr, a.lane<T>(0), b.lane<T>(0)));
}
template <class T, auto f>
void packed(CpuState& s, Vec& d, const Vec& a, const Vec& b, uint64_t) {
  for (unsigned i = 0; i < kLanes<T>; ++i) d.set(i, arithmetic<f>(s.mxcsr, a.lane<T>(i), b.lane<T>(i)));
}

// MIN, MAX: b if either is a NaN (any NaN raises invalid, as < does) or both are zeros
constexpr auto smaller = [](auto a, auto b) { return a < b ? a : b; };
constexpr auto larger = [](auto a, auto b) { return a > b ? a : b; };
template <class T, auto f>
void scalar_choice(CpuState& s, Vec& d, const Vec& a, const Vec& b, uint64_t) {
  d.set(0, f(operand(s.mxcsr, a.lane<T>(0)), operand(s.mxcsr, b.lane<T>(0))));
}
template <class T, auto f>
void packed_choice(CpuState& s, Vec& d, const Vec& a, const Vec& b, uint64_t) {
  for (unsigned i = 0; i < kLanes<T>; ++i) d.set(i, f(operand(s.mxcsr, a.lane<T>(i)), operand(s.mxcsr, b.lane<T>(i))));
}

template <class T>
T square_root(uint32_t mxcsr, T x) {
  x = operand(mxcsr, x);
  const T r = std::sqrt(x);
  return is_nan(r) ? nan_of(x, x) : r;
}
template <class T>
void scalar_sqrt(CpuState& s, Vec& d, const Vec&, const Vec& b, uint64_t) {
  d.set(0, square_root(s.mxcsr, b.lane<T>(0)));
}
template <class T>
void packed_sqrt(CpuState& s, Vec& d, const Vec&, const Vec& b, uint64_t) {
  for (unsigned i = 0; i < kLanes<T>; ++i) d.set(i, square_root(s.mxcsr, b.lane<T>(i)));
}

// ---- CMPPS, VCMPPS, …: 32 relations, in the order of the immediate, of which SSE has the first 8. 16…31 are 0…15
// again with the other rule for quiet NaNs: whether they raise invalid.
struct Relation {
  bool less, equal, greater, unordered;
};
constexpr Relation kRelations[16] = {
    {false, true, false, false},   // EQ
    {true, false, false, false},   // LT
    {true, true, false, false},    // LE
    {false, false, false, true},   // UNORD
    {true, false, true, true},     // NEQ
    {false, true, true, true},     // NLT
    {false, false, true, true},    // NLE
    {true, true, true, false},     // ORD
    {false, true, false, true},    // EQ_UQ
    {true, false, false, true},    // NGE
    {true, true, false, true},     // NGT
    {false, false, false, false},  // FALSE
    {true, false, true, false},    // NEQ_OQ
    {false, true, true, false},    // GE
    {false, false, true, false},   // GT
    {true, true, true, true},      // TRUE
};
constexpr uint16_t kSignalling = 0x6666;  // of relations 0…15; of 16…31 the others

template <class T>
BitsOf<T> predicate(uint32_t mxcsr, T a, T b, uint64_t imm) {
  a = operand(mxcsr, a), b = operand(mxcsr, b);
  const Relation& r = kRelations[imm & 15];
  const bool signals = (kSignalling >> (imm & 15) & 1) != (imm >> 4 & 1);
  bool holds;
  if (is_nan(a) || is_nan(b)) {
    if (signals || is_signalling(a) || is_signalling(b)) raise_invalid();
    holds = r.unordered;
  } else {
    holds = a < b ? r.less : a == b ? r.equal : r.greater;
  }
  return holds ? static_cast<BitsOf<T>>(-1) : 0;
}
template <class T>
void scalar_cmp(CpuState& s, Vec& d, const Vec& a, const Vec& b, uint64_t imm) {
  d.set(0, predicate(s.mxcsr, a.lane<T>(0), b.lane<T>(0), imm));
}
template <class T>
void packed_cmp(CpuState& s, Vec& d, const Vec& a, const Vec& b, uint64_t imm) {
  for (unsigned i = 0; i < kLanes<T>; ++i) d.set(i, predicate(s.mxcsr, a.lane<T>(i), b.lane<T>(i), imm));
}

// COMISD (ordered: any NaN raises invalid) and UCOMISD
template <class T, bool ordered>
uint32_t comi(CpuState& s, const Vec& va, const Vec& vb, uint64_t) {
  const T a = operand(s.mxcsr, va.lane<T>(0)), b = operand(s.mxcsr, vb.lane<T>(0));
  if (is_nan(a) || is_nan(b)) {
    if (ordered || is_signalling(a) || is_signalling(b)) raise_invalid();
    return flag::ZF | flag::PF | flag::CF;
  }
  return a < b ? flag::CF : a == b ? flag::ZF : 0;
}

// ---- ROUNDSS, …: imm 0…1 mode, 2 mode from MXCSR, 3 no inexact
template <class T>
T rounded(uint32_t mxcsr, T x, uint64_t imm) {
  x = operand(mxcsr, x);
  if (is_nan(x)) {
    if (is_signalling(x)) raise_invalid();
    return quiet(x);
  }
  const T r = round_integral(x, imm & 4 ? rounding_of(mxcsr) : static_cast<Rounding>(imm & 3));
  if (r != x && !(imm & 8)) raise_inexact();
  return r;
}
template <class T>
void scalar_round(CpuState& s, Vec& d, const Vec&, const Vec& b, uint64_t imm) {
  d.set(0, rounded(s.mxcsr, b.lane<T>(0), imm));
}
template <class T>
void packed_round(CpuState& s, Vec& d, const Vec&, const Vec& b, uint64_t imm) {
  for (unsigned i = 0; i < kLanes<T>; ++i) d.set(i, rounded(s.mxcsr, b.lane<T>(i), imm));
}

// ---- horizontal
template <class T>
void addsub(CpuState& s, Vec& d, const Vec& a, const Vec& b, uint64_t) {
  for (unsigned i = 0; i < kLanes<T>; ++i) {
    const T x = a.lane<T>(i), y = b.lane<T>(i);
    d.set(i, i & 1 ? arithmetic<add>(s.mxcsr, x, y) : arithmetic<sub>(s.mxcsr, x, y));
  }
}
template <class T, auto f>
void horizontal(CpuState& s, Vec& d, const Vec& a, const Vec& b, uint64_t) {
  Vec r;
  constexpr unsigned half = kLanes<T> / 2;
  for (unsigned i = 0; i < half; ++i) {
    r.set(i, arithmetic<f>(s.mxcsr, a.lane<T>(2 * i), a.lane<T>(2 * i + 1)));
    r.set(half + i, arithmetic<f>(s.mxcsr, b.lane<T>(2 * i), b.lane<T>(2 * i + 1)));
  }
  d = r;
}

// DPPS, DPPD: products of the lanes in imm's high half, summed pairwise, into the lanes of its low half. Every lane
// makes its own sum, so that of several NaNs each may keep another one: DPPD's begins with its own product, DPPS's with
// its neighbour's. That is what Intel's processors do; the manual leaves it open.
template <class T>
void dot(CpuState& s, Vec& d, const Vec& a, const Vec& b, uint64_t imm) {
  constexpr unsigned n = kLanes<T>;
  T p[n];
  for (unsigned i = 0; i < n; ++i)
    p[i] = imm >> (4 + i) & 1 ? arithmetic<mul>(s.mxcsr, a.lane<T>(i), b.lane<T>(i)) : T{0};
  for (unsigned i = 0; i < n; ++i) {
    const auto pair = [&](unsigned first) { return arithmetic<add>(s.mxcsr, p[first], p[first ^ 1]); };
    T sum;
    if constexpr (n == 2)
      sum = pair(i);
    else
      sum = arithmetic<add>(s.mxcsr, pair(i ^ 1), pair(i ^ 3));
    d.set(i, imm >> i & 1 ? sum : T{0});
  }
}

// ---- RCPSS, RSQRTSS: approximations that every processor makes its own way (relative error ≤ 1.5·2^-12). Ours: the
// exact value rounded to 13 significant bits, by integers, so it is the same everywhere. Denormals count as zeros; no
// flag is raised.
constexpr uint32_t kFractionMask = (1u << 23) - 1;

float reciprocal(float x) {
  const uint32_t magnitude = bits(x) & ~kSign<float>, sign = bits(x) & kSign<float>;
  if (is_nan(x)) return quiet(x);
  if (magnitude < 1u << 23) return value<float>(sign | kInfinity<float>);
  const int exponent = static_cast<int>(magnitude >> 23);
  const uint64_t m = (magnitude & kFractionMask) | 1u << 23;
  const uint64_t q = ((uint64_t{1} << 36) + m / 2) / m;  // 2^13/1.f, in [2^12, 2^13]
  const bool power = q == 1u << 13;                      // 1.f rounds to 1
  const int result = 253 - exponent + (power ? 1 : 0);
  if (magnitude == kInfinity<float> || result <= 0) return value<float>(sign);
  return value<float>(sign | static_cast<uint32_t>(result) << 23 | (power ? 0 : static_cast<uint32_t>(q - 4096) << 11));
}

float reciprocal_root(float x) {
  const uint32_t magnitude = bits(x) & ~kSign<float>, sign = bits(x) & kSign<float>;
  if (is_nan(x)) return quiet(x);
  if (magnitude < 1u << 23) return value<float>(sign | kInfinity<float>);
  if (sign) return default_nan<float>();
  if (magnitude == kInfinity<float>) return 0;
  const int exponent = static_cast<int>(magnitude >> 23) - 127;
  const bool odd = exponent & 1;
  const uint64_t m = ((magnitude & kFractionMask) | uint64_t{1} << 23) << (odd ? 1 : 0);  // [1, 4)·2^23
  uint64_t q = 0;                                                                         // floor(2^14/sqrt(m/2^23))
  for (uint64_t step = 1u << 14; step != 0; step >>= 1)
    if ((q + step) * (q + step) * m <= uint64_t{1} << 51) q += step;
  const int result = 127 - (exponent - (odd ? 1 : 0)) / 2;
  q = (q + 1) >> 1;  // 13 bits: [2^12, 2^13]
  if (q >= 1u << 13) return value<float>(static_cast<uint32_t>(result) << 23);
  return value<float>(static_cast<uint32_t>(result - 1) << 23 | static_cast<uint32_t>(q - 4096) << 11);
}

template <auto f>
void scalar_estimate(Vec& d, const Vec&, const Vec& b, uint64_t) {
  d.set(0, f(b.lane<float>(0)));
}
template <auto f>
void packed_estimate(Vec& d, const Vec&, const Vec& b, uint64_t) {
  for (unsigned i = 0; i < 4; ++i) d.set(i, f(b.lane<float>(i)));
}

// SSE looks at three bits of the immediate.
void compare(Builder& b) {
  fp_binary_imm(b);
  b.out.uops[b.out.count - 1].imm &= 7;
}
void cmpsd(Builder& b) {
  if (!lift_shared_string(b)) compare(b);
}

// clang-format off
const Row kSseFloatRows[] = {
    sse(ZYDIS_MNEMONIC_ADDSS, fp_binary, {.name = "addss", .fp = scalar<float, add>, .reads_dst = true}, 4),
    sse(ZYDIS_MNEMONIC_ADDSD, fp_binary, {.name = "addsd", .fp = scalar<double, add>, .reads_dst = true}, 8),
    sse(ZYDIS_MNEMONIC_ADDPS, fp_binary, {.name = "addps", .fp = packed<float, add>}),
    sse(ZYDIS_MNEMONIC_ADDPD, fp_binary, {.name = "addpd", .fp = packed<double, add>}),
    sse(ZYDIS_MNEMONIC_SUBSS, fp_binary, {.name = "subss", .fp = scalar<float, sub>, .reads_dst = true}, 4),
    sse(ZYDIS_MNEMONIC_SUBSD, fp_binary, {.name = "subsd", .fp = scalar<double, sub>, .reads_dst = true}, 8),
    sse(ZYDIS_MNEMONIC_SUBPS, fp_binary, {.name = "subps", .fp = packed<float, sub>}),
    sse(ZYDIS_MNEMONIC_SUBPD, fp_binary, {.name = "subpd", .fp = packed<double, sub>}),
    sse(ZYDIS_MNEMONIC_MULSS, fp_binary, {.name = "mulss", .fp = scalar<float, mul>, .reads_dst = true}, 4),
    sse(ZYDIS_MNEMONIC_MULSD, fp_binary, {.name = "mulsd", .fp = scalar<double, mul>, .reads_dst = true}, 8),
    sse(ZYDIS_MNEMONIC_MULPS, fp_binary, {.name = "mulps", .fp = packed<float, mul>}),
    sse(ZYDIS_MNEMONIC_MULPD, fp_binary, {.name = "mulpd", .fp = packed<double, mul>}),
    sse(ZYDIS_MNEMONIC_DIVSS, fp_binary, {.name = "divss", .fp = scalar<float, divide>, .reads_dst = true}, 4),
    sse(ZYDIS_MNEMONIC_DIVSD, fp_binary, {.name = "divsd", .fp = scalar<double, divide>, .reads_dst = true}, 8),
    sse(ZYDIS_MNEMONIC_DIVPS, fp_binary, {.name = "divps", .fp = packed<float, divide>}),
    sse(ZYDIS_MNEMONIC_DIVPD, fp_binary, {.name = "divpd", .fp = packed<double, divide>}),
    sse(ZYDIS_MNEMONIC_MINSS, fp_binary, {.name = "minss", .fp = scalar_choice<float, smaller>, .reads_dst = true}, 4),
    sse(ZYDIS_MNEMONIC_MINSD, fp_binary, {.name = "minsd", .fp = scalar_choice<double, smaller>, .reads_dst = true}, 8),
    sse(ZYDIS_MNEMONIC_MINPS, fp_binary, {.name = "minps", .fp = packed_choice<float, smaller>}),
    sse(ZYDIS_MNEMONIC_MINPD, fp_binary, {.name = "minpd", .fp = packed_choice<double, smaller>}),
    sse(ZYDIS_MNEMONIC_MAXSS, fp_binary, {.name = "maxss", .fp = scalar_choice<float, larger>, .reads_dst = true}, 4),
    sse(ZYDIS_MNEMONIC_MAXSD, fp_binary, {.name = "maxsd", .fp = scalar_choice<double, larger>, .reads_dst = true}, 8),
    sse(ZYDIS_MNEMONIC_MAXPS, fp_binary, {.name = "maxps", .fp = packed_choice<float, larger>}),
    sse(ZYDIS_MNEMONIC_MAXPD, fp_binary, {.name = "maxpd", .fp = packed_choice<double, larger>}),
    sse(ZYDIS_MNEMONIC_SQRTSS, fp_binary, {.name = "sqrtss", .fp = scalar_sqrt<float>, .reads_dst = true}, 4),
    sse(ZYDIS_MNEMONIC_SQRTSD, fp_binary, {.name = "sqrtsd", .fp = scalar_sqrt<double>, .reads_dst = true}, 8),
    sse(ZYDIS_MNEMONIC_SQRTPS, fp_binary, {.name = "sqrtps", .fp = packed_sqrt<float>}),
    sse(ZYDIS_MNEMONIC_SQRTPD, fp_binary, {.name = "sqrtpd", .fp = packed_sqrt<double>}),
    sse(ZYDIS_MNEMONIC_CMPSS, compare, {.name = "cmpss", .fp = scalar_cmp<float>, .reads_dst = true}, 4),
    sse(ZYDIS_MNEMONIC_CMPSD, cmpsd, {.name = "cmpsd", .fp = scalar_cmp<double>, .reads_dst = true}, 8),
    sse(ZYDIS_MNEMONIC_CMPPS, compare, {.name = "cmpps", .fp = packed_cmp<float>}),
    sse(ZYDIS_MNEMONIC_CMPPD, compare, {.name = "cmppd", .fp = packed_cmp<double>}),
    sse(ZYDIS_MNEMONIC_COMISS, fp_compare, {.name = "comiss", .compare = comi<float, true>}, 4),
    sse(ZYDIS_MNEMONIC_COMISD, fp_compare, {.name = "comisd", .compare = comi<double, true>}, 8),
    sse(ZYDIS_MNEMONIC_UCOMISS, fp_compare, {.name = "ucomiss", .compare = comi<float, false>}, 4),
    sse(ZYDIS_MNEMONIC_UCOMISD, fp_compare, {.name = "ucomisd", .compare = comi<double, false>}, 8),
    sse(ZYDIS_MNEMONIC_ROUNDSS, fp_binary_imm, {.name = "roundss", .fp = scalar_round<float>, .reads_dst = true}, 4),
    sse(ZYDIS_MNEMONIC_ROUNDSD, fp_binary_imm, {.name = "roundsd", .fp = scalar_round<double>, .reads_dst = true}, 8),
    sse(ZYDIS_MNEMONIC_ROUNDPS, fp_binary_imm, {.name = "roundps", .fp = packed_round<float>}),
    sse(ZYDIS_MNEMONIC_ROUNDPD, fp_binary_imm, {.name = "roundpd", .fp = packed_round<double>}),
    sse(ZYDIS_MNEMONIC_ADDSUBPS, fp_binary, {.name = "addsubps", .fp = addsub<float>}),
    sse(ZYDIS_MNEMONIC_ADDSUBPD, fp_binary, {.name = "addsubpd", .fp = addsub<double>}),
    sse(ZYDIS_MNEMONIC_HADDPS, fp_binary, {.name = "haddps", .fp = horizontal<float, add>}),
    sse(ZYDIS_MNEMONIC_HADDPD, fp_binary, {.name = "haddpd", .fp = horizontal<double, add>}),
    sse(ZYDIS_MNEMONIC_HSUBPS, fp_binary, {.name = "hsubps", .fp = horizontal<float, sub>}),
    sse(ZYDIS_MNEMONIC_HSUBPD, fp_binary, {.name = "hsubpd", .fp = horizontal<double, sub>}),
    sse(ZYDIS_MNEMONIC_DPPS, fp_binary_imm, {.name = "dpps", .fp = dot<float>}),
    sse(ZYDIS_MNEMONIC_DPPD, fp_binary_imm, {.name = "dppd", .fp = dot<double>}),
    sse(ZYDIS_MNEMONIC_RCPSS, vec_binary, {.name = "rcpss", .vec = scalar_estimate<reciprocal>, .reads_dst = true}, 4),
    sse(ZYDIS_MNEMONIC_RCPPS, vec_binary, {.name = "rcpps", .vec = packed_estimate<reciprocal>}),
    sse(ZYDIS_MNEMONIC_RSQRTSS, vec_binary, {.name = "rsqrtss", .vec = scalar_estimate<reciprocal_root>, .reads_dst = true}, 4),
    sse(ZYDIS_MNEMONIC_RSQRTPS, vec_binary, {.name = "rsqrtps", .vec = packed_estimate<reciprocal_root>}),
};
// clang-format on

}  // namespace

std::span<const Row> sse_float_rows() { return kSseFloatRows; }

}  // namespace deferscope::isa::x86_64
