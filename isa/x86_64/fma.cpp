// FMA3. The mnemonic's digits say which operands are multiplied: 132 op0·op2 + op1, 213 op1·op0 + op2, 231 op1·op2 +
// op0.
#include "isa/x86_64/sse_fp.h"
#include "isa/x86_64/vex.h"

namespace deferscope::isa::x86_64 {
namespace {

// The immediate of the helper, and the parameter of a row
enum Order : uint8_t { k132, k213, k231 };
constexpr uint64_t kOrder = 3, kNegateProduct = 4, kNegateAddend = 8,
                   kAlternate = 16;  // kAlternate: in even lanes only
constexpr uint64_t kOdd = 32;        // … in odd lanes

template <class T>
T negated(T x) {
  return value<T>(bits(x) ^ kSign<T>);
}

// Whether x·y + z, which rounded to ±the smallest normal number, is below it with an unbounded exponent.
template <class T>
bool was_tiny(T x, T y, T z, T r) {
  constexpr int up = 40;
  T& smaller = std::abs(x) < std::abs(y) ? x : y;
  smaller = std::ldexp(smaller, up);
  return std::abs(std::fma(x, y, std::ldexp(z, up))) < std::ldexp(std::abs(r), up);
}

// x·y + z, rounded once. A NaN operand is kept before any sign is changed: x's, y's, z's, in this order.
template <class T>
T fused(uint32_t mxcsr, T x, T y, T z, bool negate_product, bool negate_addend) {
  x = operand(mxcsr, x), y = operand(mxcsr, y), z = operand(mxcsr, z);
  if (is_nan(x) || is_nan(y) || is_nan(z)) {
    if (is_signalling(x) || is_signalling(y) || is_signalling(z)) raise_invalid();
    return quiet(is_nan(x) ? x : is_nan(y) ? y : z);
  }
  if (negate_product) x = negated(x);
  if (negate_addend) z = negated(z);
  const T r = std::fma(x, y, z);
  if (is_nan(r)) return default_nan<T>();
  if (mxcsr & kFtz && std::abs(r) == std::numeric_limits<T>::min() && was_tiny(x, y, z, r)) {
    raise_underflow();
    return signed_zero(r);
  }
  return delivered(mxcsr, r);
}

template <class T>
T lane(CpuState& s, T d, T a, T b, uint64_t imm, unsigned i) {
  const bool subtracts = imm & kAlternate ? i % 2 == 0 : imm & kOdd ? i % 2 == 1 : (imm & kNegateAddend) != 0;
  const bool product = imm & kNegateProduct;
  switch (imm & kOrder) {
    case k132: return fused(s.mxcsr, d, b, a, product, subtracts);
    case k213: return fused(s.mxcsr, a, d, b, product, subtracts);
    default: return fused(s.mxcsr, a, b, d, product, subtracts);
  }
}
template <class T>
void scalar(CpuState& s, Vec& d, const Vec& a, const Vec& b, uint64_t imm) {
  d.set(0, lane(s, d.lane<T>(0), a.lane<T>(0), b.lane<T>(0), imm, 0));
}
template <class T>
void packed(CpuState& s, Vec& d, const Vec& a, const Vec& b, uint64_t imm) {
  for (unsigned i = 0; i < kLanes<T>; ++i) d.set(i, lane(s, d.lane<T>(i), a.lane<T>(i), b.lane<T>(i), imm, i));
}

constexpr Helper kFma[] = {{.name = "fma.ss", .fp = scalar<float>, .reads_dst = true},
                           {.name = "fma.sd", .fp = scalar<double>, .reads_dst = true},
                           {.name = "fma.ps", .fp = packed<float>, .reads_dst = true},
                           {.name = "fma.pd", .fp = packed<double>, .reads_dst = true}};

template <int kind>  // index in kFma
void fma(Builder& b) {
  constexpr unsigned kBytes[] = {4, 8, 16, 16};
  const Halves d = halves_of(b, 0), a = halves_of(b, 1), c = read_halves(b, 2, kBytes[kind]);
  const auto half = [&](VReg to, VReg x, VReg y) {
    Uop& u = b.emit(Op::VecFp, 16);
    u.dst = to, u.a = x, u.b = y, u.imm = b.row.param, u.helper = &kFma[kind];
  };
  half(d.low, a.low, c.low);
  if (is_256(b) && kind >= 2)
    half(d.high, a.high, c.high);
  else
    clear_upper(b, 0);
}

// clang-format off
const Row kFmaRows[] = {
#define KIND(MNEMONIC, kind, param) {ZYDIS_MNEMONIC_##MNEMONIC, fma<kind>, Op::Nop, kKeep, static_cast<int64_t>(param)}
#define PACKED(NAME, order, param) KIND(NAME##order##PS, 2, k##order | (param)), KIND(NAME##order##PD, 3, k##order | (param))
#define ALL(NAME, order, param) \
  KIND(NAME##order##SS, 0, k##order | (param)), KIND(NAME##order##SD, 1, k##order | (param)), PACKED(NAME, order, param)
    ALL(VFMADD, 132, 0), ALL(VFMADD, 213, 0), ALL(VFMADD, 231, 0),
    ALL(VFMSUB, 132, kNegateAddend), ALL(VFMSUB, 213, kNegateAddend), ALL(VFMSUB, 231, kNegateAddend),
    ALL(VFNMADD, 132, kNegateProduct), ALL(VFNMADD, 213, kNegateProduct), ALL(VFNMADD, 231, kNegateProduct),
    ALL(VFNMSUB, 132, kNegateProduct | kNegateAddend), ALL(VFNMSUB, 213, kNegateProduct | kNegateAddend),
    ALL(VFNMSUB, 231, kNegateProduct | kNegateAddend),
    PACKED(VFMADDSUB, 132, kAlternate), PACKED(VFMADDSUB, 213, kAlternate), PACKED(VFMADDSUB, 231, kAlternate),
    PACKED(VFMSUBADD, 132, kOdd), PACKED(VFMSUBADD, 213, kOdd), PACKED(VFMSUBADD, 231, kOdd),
};
// clang-format on

}  // namespace

std::span<const Row> fma_rows() { return kFmaRows; }

}  // namespace deferscope::isa::x86_64
