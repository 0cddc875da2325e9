// SSE integer arithmetic, logic, comparisons and shifts.
#include <algorithm>
#include <bit>
#include <limits>
#include <type_traits>

#include "isa/x86_64/sse.h"

namespace deferscope::isa::x86_64 {
namespace {

using u8 = uint8_t;
using u16 = uint16_t;
using u32 = uint32_t;
using u64 = uint64_t;
using i8 = int8_t;
using i16 = int16_t;
using i32 = int32_t;
using i64 = int64_t;

template <class To>
To saturate(i64 x) {
  return static_cast<To>(std::clamp<i64>(x, std::numeric_limits<To>::min(), std::numeric_limits<To>::max()));
}

constexpr auto add = [](auto a, auto b) { return static_cast<u64>(a) + static_cast<u64>(b); };
constexpr auto sub = [](auto a, auto b) { return static_cast<u64>(a) - static_cast<u64>(b); };
constexpr auto adds = [](auto a, auto b) { return saturate<decltype(a)>(i64{a} + i64{b}); };
constexpr auto subs = [](auto a, auto b) { return saturate<decltype(a)>(i64{a} - i64{b}); };
constexpr auto mul_low = [](auto a, auto b) { return static_cast<u64>(a) * static_cast<u64>(b); };
// In 32 bits: g++ 12 -O3 makes an unsigned multiplication of (i64{a} * i64{b}) >> 16.
constexpr auto mul_high = [](auto a, auto b) {
  using Wide = std::conditional_t<std::is_signed_v<decltype(a)>, i32, u32>;
  return (Wide{a} * Wide{b}) >> 16;
};
constexpr auto mul_round = [](i16 a, i16 b) { return (((i32{a} * i32{b}) >> 14) + 1) >> 1; };
constexpr auto average = [](auto a, auto b) { return (u32{a} + u32{b} + 1) >> 1; };
constexpr auto equal = [](auto a, auto b) { return a == b ? -1 : 0; };
constexpr auto greater = [](auto a, auto b) { return a > b ? -1 : 0; };
constexpr auto smaller_of = [](auto a, auto b) { return a < b ? a : b; };
constexpr auto larger_of = [](auto a, auto b) { return a > b ? a : b; };
constexpr auto absolute = [](auto, auto b) { return b < 0 ? u64{0} - static_cast<u64>(b) : static_cast<u64>(b); };
constexpr auto sign = [](auto a, auto b) {
  return b < 0 ? u64{0} - static_cast<u64>(a) : b == 0 ? 0 : static_cast<u64>(a);
};
constexpr auto bit_and = [](u64 a, u64 b) { return a & b; };
constexpr auto bit_andn = [](u64 a, u64 b) { return ~a & b; };
constexpr auto bit_or = [](u64 a, u64 b) { return a | b; };
constexpr auto bit_xor = [](u64 a, u64 b) { return a ^ b; };

// 32×32 → 64 of the even lanes
template <class T>
void mul_even(Vec& d, const Vec& a, const Vec& b, u64) {
  for (unsigned i = 0; i < 2; ++i) {
    const i64 x = a.lane<T>(2 * i), y = b.lane<T>(2 * i);
    d.set(i, static_cast<u64>(x) * static_cast<u64>(y));
  }
}

void madd_words(Vec& d, const Vec& a, const Vec& b, u64) {
  for (unsigned i = 0; i < 4; ++i) {
    const i64 x = i64{a.lane<i16>(2 * i)} * b.lane<i16>(2 * i),
              y = i64{a.lane<i16>(2 * i + 1)} * b.lane<i16>(2 * i + 1);
    d.set(i, static_cast<u32>(x + y));
  }
}

void madd_bytes(Vec& d, const Vec& a, const Vec& b, u64) {
  for (unsigned i = 0; i < 8; ++i) {
    const i64 x = i64{a.lane<u8>(2 * i)} * b.lane<i8>(2 * i), y = i64{a.lane<u8>(2 * i + 1)} * b.lane<i8>(2 * i + 1);
    d.set(i, saturate<i16>(x + y));
  }
}

void sum_of_differences(Vec& d, const Vec& a, const Vec& b, u64) {
  for (unsigned half = 0; half < 2; ++half) {
    u64 sum = 0;
    for (unsigned i = half * 8; i < half * 8 + 8; ++i)
      sum += static_cast<u64>(std::abs(int{a.lane<u8>(i)} - int{b.lane<u8>(i)}));
    d.set(half, sum);
  }
}

void mpsadbw(Vec& d, const Vec& a, const Vec& b, u64 imm) {
  const Vec x = a, y = b;
  const unsigned first = imm & 4 ? 4 : 0, block = (imm & 3) * 4;
  for (unsigned i = 0; i < 8; ++i) {
    unsigned sum = 0;
    for (unsigned j = 0; j < 4; ++j)
      sum += static_cast<unsigned>(std::abs(int{x.lane<u8>(first + i + j)} - int{y.lane<u8>(block + j)}));
    d.set(i, static_cast<u16>(sum));
  }
}

void phminposuw(Vec& d, const Vec&, const Vec& b, u64) {
  unsigned best = 0;
  for (unsigned i = 1; i < 8; ++i)
    if (b.lane<u16>(i) < b.lane<u16>(best)) best = i;
  d = Vec{b.lane<u16>(best) | u64{best} << 16, 0};
}

// Neighbours of a, then of b
template <class T, auto f>
void horizontal(Vec& d, const Vec& a, const Vec& b, u64) {
  Vec r;
  constexpr unsigned half = kLanes<T> / 2;
  for (unsigned i = 0; i < half; ++i) {
    r.set(i, static_cast<T>(f(a.lane<T>(2 * i), a.lane<T>(2 * i + 1))));
    r.set(half + i, static_cast<T>(f(b.lane<T>(2 * i), b.lane<T>(2 * i + 1))));
  }
  d = r;
}

// Shifts by one count for all lanes: the low 64 bits of b, or imm. Too large: 0, or all sign bits.
template <class T, auto f>
void shift_by(Vec& d, const Vec& a, u64 count) {
  constexpr u64 bits = sizeof(T) * 8;
  for (unsigned i = 0; i < kLanes<T>; ++i) d.set(i, static_cast<T>(f(a.lane<T>(i), count, bits)));
}
constexpr auto left = [](auto x, u64 n, u64 bits) { return n >= bits ? 0 : static_cast<u64>(x) << n; };
constexpr auto right = [](auto x, u64 n, u64 bits) { return n >= bits ? 0 : static_cast<u64>(x) >> n; };
constexpr auto sign_filling = [](auto x, u64 n, u64 bits) { return i64{x} >> (n >= bits ? bits - 1 : n); };

template <class T, auto f>
void shift_v(Vec& d, const Vec& a, const Vec& b, u64) {
  shift_by<T, f>(d, a, b.lo);
}
template <class T, auto f>
void shift_i(Vec& d, const Vec& a, const Vec&, u64 imm) {
  shift_by<T, f>(d, a, imm);
}

void bytes_left(Vec& d, const Vec& a, const Vec&, u64 imm) {
  Vec r;
  for (u64 i = imm; i < 16; ++i) r.set(static_cast<unsigned>(i), a.lane<u8>(static_cast<unsigned>(i - imm)));
  d = r;
}
void bytes_right(Vec& d, const Vec& a, const Vec&, u64 imm) {
  Vec r;
  for (u64 i = imm; i < 16; ++i) r.set(static_cast<unsigned>(i - imm), a.lane<u8>(static_cast<unsigned>(i)));
  d = r;
}

constexpr Helper kShiftImm[] = {
    {.name = "psllw_imm", .vec = shift_i<u16, left>},         {.name = "pslld_imm", .vec = shift_i<u32, left>},
    {.name = "psllq_imm", .vec = shift_i<u64, left>},         {.name = "psrlw_imm", .vec = shift_i<u16, right>},
    {.name = "psrld_imm", .vec = shift_i<u32, right>},        {.name = "psrlq_imm", .vec = shift_i<u64, right>},
    {.name = "psraw_imm", .vec = shift_i<i16, sign_filling>}, {.name = "psrad_imm", .vec = shift_i<i32, sign_filling>}};

// param: index in kShiftImm
void packed_shift(Builder& b) {
  if (!b.is_imm(1)) {
    const VReg s = b.source_v(1);
    Uop& u = b.emit(Op::VecOp, 16);
    u.dst = u.a = b.xmm(0), u.b = s, u.helper = b.helper;
    return;
  }
  Uop& u = b.emit(Op::VecOp, 16);
  u.dst = u.a = u.b = b.xmm(0), u.imm = b.imm(1) & 0xff, u.helper = &kShiftImm[b.row.param];
}

void shift_bytes(Builder& b) {
  Uop& u = b.emit(Op::VecOp, 16);
  u.dst = u.a = u.b = b.xmm(0), u.imm = b.imm(1) & 0xff, u.helper = b.helper;
}

// PTEST: ZF = (a & b == 0), CF = (~a & b == 0)
uint32_t ptest(CpuState&, const Vec& a, const Vec& b, u64) {
  const bool zf = ((a.lo & b.lo) | (a.hi & b.hi)) == 0, cf = ((~a.lo & b.lo) | (~a.hi & b.hi)) == 0;
  return (zf ? flag::ZF : 0) | (cf ? flag::CF : 0);
}

// clang-format off
const Row kSseIntegerRows[] = {
    sse(ZYDIS_MNEMONIC_PADDB, vec_binary, {.name = "paddb", .vec = lanes<u8, add>}),
    sse(ZYDIS_MNEMONIC_PADDW, vec_binary, {.name = "paddw", .vec = lanes<u16, add>}),
    sse(ZYDIS_MNEMONIC_PADDD, vec_binary, {.name = "paddd", .vec = lanes<u32, add>}),
    sse(ZYDIS_MNEMONIC_PADDQ, vec_binary, {.name = "paddq", .vec = lanes<u64, add>}),
    sse(ZYDIS_MNEMONIC_PSUBB, vec_binary, {.name = "psubb", .vec = lanes<u8, sub>}),
    sse(ZYDIS_MNEMONIC_PSUBW, vec_binary, {.name = "psubw", .vec = lanes<u16, sub>}),
    sse(ZYDIS_MNEMONIC_PSUBD, vec_binary, {.name = "psubd", .vec = lanes<u32, sub>}),
    sse(ZYDIS_MNEMONIC_PSUBQ, vec_binary, {.name = "psubq", .vec = lanes<u64, sub>}),
    sse(ZYDIS_MNEMONIC_PADDSB, vec_binary, {.name = "paddsb", .vec = lanes<i8, adds>}),
    sse(ZYDIS_MNEMONIC_PADDSW, vec_binary, {.name = "paddsw", .vec = lanes<i16, adds>}),
    sse(ZYDIS_MNEMONIC_PADDUSB, vec_binary, {.name = "paddusb", .vec = lanes<u8, adds>}),
    sse(ZYDIS_MNEMONIC_PADDUSW, vec_binary, {.name = "paddusw", .vec = lanes<u16, adds>}),
    sse(ZYDIS_MNEMONIC_PSUBSB, vec_binary, {.name = "psubsb", .vec = lanes<i8, subs>}),
    sse(ZYDIS_MNEMONIC_PSUBSW, vec_binary, {.name = "psubsw", .vec = lanes<i16, subs>}),
    sse(ZYDIS_MNEMONIC_PSUBUSB, vec_binary, {.name = "psubusb", .vec = lanes<u8, subs>}),
    sse(ZYDIS_MNEMONIC_PSUBUSW, vec_binary, {.name = "psubusw", .vec = lanes<u16, subs>}),
    sse(ZYDIS_MNEMONIC_PMULLW, vec_binary, {.name = "pmullw", .vec = lanes<u16, mul_low>}),
    sse(ZYDIS_MNEMONIC_PMULLD, vec_binary, {.name = "pmulld", .vec = lanes<u32, mul_low>}),
    sse(ZYDIS_MNEMONIC_PMULHW, vec_binary, {.name = "pmulhw", .vec = lanes<i16, mul_high>}),
    sse(ZYDIS_MNEMONIC_PMULHUW, vec_binary, {.name = "pmulhuw", .vec = lanes<u16, mul_high>}),
    sse(ZYDIS_MNEMONIC_PMULHRSW, vec_binary, {.name = "pmulhrsw", .vec = lanes<i16, mul_round>}),
    sse(ZYDIS_MNEMONIC_PMULUDQ, vec_binary, {.name = "pmuludq", .vec = mul_even<u32>}),
    sse(ZYDIS_MNEMONIC_PMULDQ, vec_binary, {.name = "pmuldq", .vec = mul_even<i32>}),
    sse(ZYDIS_MNEMONIC_PMADDWD, vec_binary, {.name = "pmaddwd", .vec = madd_words}),
    sse(ZYDIS_MNEMONIC_PMADDUBSW, vec_binary, {.name = "pmaddubsw", .vec = madd_bytes}),
    sse(ZYDIS_MNEMONIC_PSADBW, vec_binary, {.name = "psadbw", .vec = sum_of_differences}),
    sse(ZYDIS_MNEMONIC_MPSADBW, vec_binary_imm, {.name = "mpsadbw", .vec = mpsadbw}),
    sse(ZYDIS_MNEMONIC_PHMINPOSUW, vec_binary, {.name = "phminposuw", .vec = phminposuw}),
    sse(ZYDIS_MNEMONIC_PAVGB, vec_binary, {.name = "pavgb", .vec = lanes<u8, average>}),
    sse(ZYDIS_MNEMONIC_PAVGW, vec_binary, {.name = "pavgw", .vec = lanes<u16, average>}),
    sse(ZYDIS_MNEMONIC_PABSB, vec_binary, {.name = "pabsb", .vec = lanes<i8, absolute>}),
    sse(ZYDIS_MNEMONIC_PABSW, vec_binary, {.name = "pabsw", .vec = lanes<i16, absolute>}),
    sse(ZYDIS_MNEMONIC_PABSD, vec_binary, {.name = "pabsd", .vec = lanes<i32, absolute>}),
    sse(ZYDIS_MNEMONIC_PSIGNB, vec_binary, {.name = "psignb", .vec = lanes<i8, sign>}),
    sse(ZYDIS_MNEMONIC_PSIGNW, vec_binary, {.name = "psignw", .vec = lanes<i16, sign>}),
    sse(ZYDIS_MNEMONIC_PSIGND, vec_binary, {.name = "psignd", .vec = lanes<i32, sign>}),

    sse(ZYDIS_MNEMONIC_PCMPEQB, vec_binary, {.name = "pcmpeqb", .vec = lanes<i8, equal>}),
    sse(ZYDIS_MNEMONIC_PCMPEQW, vec_binary, {.name = "pcmpeqw", .vec = lanes<i16, equal>}),
    sse(ZYDIS_MNEMONIC_PCMPEQD, vec_binary, {.name = "pcmpeqd", .vec = lanes<i32, equal>}),
    sse(ZYDIS_MNEMONIC_PCMPEQQ, vec_binary, {.name = "pcmpeqq", .vec = lanes<i64, equal>}),
    sse(ZYDIS_MNEMONIC_PCMPGTB, vec_binary, {.name = "pcmpgtb", .vec = lanes<i8, greater>}),
    sse(ZYDIS_MNEMONIC_PCMPGTW, vec_binary, {.name = "pcmpgtw", .vec = lanes<i16, greater>}),
    sse(ZYDIS_MNEMONIC_PCMPGTD, vec_binary, {.name = "pcmpgtd", .vec = lanes<i32, greater>}),
    sse(ZYDIS_MNEMONIC_PCMPGTQ, vec_binary, {.name = "pcmpgtq", .vec = lanes<i64, greater>}),
    sse(ZYDIS_MNEMONIC_PMINUB, vec_binary, {.name = "pminub", .vec = lanes<u8, smaller_of>}),
    sse(ZYDIS_MNEMONIC_PMINUW, vec_binary, {.name = "pminuw", .vec = lanes<u16, smaller_of>}),
    sse(ZYDIS_MNEMONIC_PMINUD, vec_binary, {.name = "pminud", .vec = lanes<u32, smaller_of>}),
    sse(ZYDIS_MNEMONIC_PMINSB, vec_binary, {.name = "pminsb", .vec = lanes<i8, smaller_of>}),
    sse(ZYDIS_MNEMONIC_PMINSW, vec_binary, {.name = "pminsw", .vec = lanes<i16, smaller_of>}),
    sse(ZYDIS_MNEMONIC_PMINSD, vec_binary, {.name = "pminsd", .vec = lanes<i32, smaller_of>}),
    sse(ZYDIS_MNEMONIC_PMAXUB, vec_binary, {.name = "pmaxub", .vec = lanes<u8, larger_of>}),
    sse(ZYDIS_MNEMONIC_PMAXUW, vec_binary, {.name = "pmaxuw", .vec = lanes<u16, larger_of>}),
    sse(ZYDIS_MNEMONIC_PMAXUD, vec_binary, {.name = "pmaxud", .vec = lanes<u32, larger_of>}),
    sse(ZYDIS_MNEMONIC_PMAXSB, vec_binary, {.name = "pmaxsb", .vec = lanes<i8, larger_of>}),
    sse(ZYDIS_MNEMONIC_PMAXSW, vec_binary, {.name = "pmaxsw", .vec = lanes<i16, larger_of>}),
    sse(ZYDIS_MNEMONIC_PMAXSD, vec_binary, {.name = "pmaxsd", .vec = lanes<i32, larger_of>}),

    sse(ZYDIS_MNEMONIC_PAND, vec_binary, {.name = "pand", .vec = lanes<u64, bit_and>}),
    sse(ZYDIS_MNEMONIC_PANDN, vec_binary, {.name = "pandn", .vec = lanes<u64, bit_andn>}),
    sse(ZYDIS_MNEMONIC_POR, vec_binary, {.name = "por", .vec = lanes<u64, bit_or>}),
    sse(ZYDIS_MNEMONIC_PXOR, vec_binary, {.name = "pxor", .vec = lanes<u64, bit_xor>}),
    sse(ZYDIS_MNEMONIC_ANDPS, vec_binary, {.name = "pand", .vec = lanes<u64, bit_and>}),
    sse(ZYDIS_MNEMONIC_ANDPD, vec_binary, {.name = "pand", .vec = lanes<u64, bit_and>}),
    sse(ZYDIS_MNEMONIC_ANDNPS, vec_binary, {.name = "pandn", .vec = lanes<u64, bit_andn>}),
    sse(ZYDIS_MNEMONIC_ANDNPD, vec_binary, {.name = "pandn", .vec = lanes<u64, bit_andn>}),
    sse(ZYDIS_MNEMONIC_ORPS, vec_binary, {.name = "por", .vec = lanes<u64, bit_or>}),
    sse(ZYDIS_MNEMONIC_ORPD, vec_binary, {.name = "por", .vec = lanes<u64, bit_or>}),
    sse(ZYDIS_MNEMONIC_XORPS, vec_binary, {.name = "pxor", .vec = lanes<u64, bit_xor>}),
    sse(ZYDIS_MNEMONIC_XORPD, vec_binary, {.name = "pxor", .vec = lanes<u64, bit_xor>}),
    sse(ZYDIS_MNEMONIC_PTEST, fp_compare, {.name = "ptest", .compare = ptest}),

    sse(ZYDIS_MNEMONIC_PHADDW, vec_binary, {.name = "phaddw", .vec = horizontal<i16, add>}),
    sse(ZYDIS_MNEMONIC_PHADDD, vec_binary, {.name = "phaddd", .vec = horizontal<i32, add>}),
    sse(ZYDIS_MNEMONIC_PHADDSW, vec_binary, {.name = "phaddsw", .vec = horizontal<i16, adds>}),
    sse(ZYDIS_MNEMONIC_PHSUBW, vec_binary, {.name = "phsubw", .vec = horizontal<i16, sub>}),
    sse(ZYDIS_MNEMONIC_PHSUBD, vec_binary, {.name = "phsubd", .vec = horizontal<i32, sub>}),
    sse(ZYDIS_MNEMONIC_PHSUBSW, vec_binary, {.name = "phsubsw", .vec = horizontal<i16, subs>}),

    sse(ZYDIS_MNEMONIC_PSLLW, packed_shift, {.name = "psllw", .vec = shift_v<u16, left>}, 0),
    sse(ZYDIS_MNEMONIC_PSLLD, packed_shift, {.name = "pslld", .vec = shift_v<u32, left>}, 1),
    sse(ZYDIS_MNEMONIC_PSLLQ, packed_shift, {.name = "psllq", .vec = shift_v<u64, left>}, 2),
    sse(ZYDIS_MNEMONIC_PSRLW, packed_shift, {.name = "psrlw", .vec = shift_v<u16, right>}, 3),
    sse(ZYDIS_MNEMONIC_PSRLD, packed_shift, {.name = "psrld", .vec = shift_v<u32, right>}, 4),
    sse(ZYDIS_MNEMONIC_PSRLQ, packed_shift, {.name = "psrlq", .vec = shift_v<u64, right>}, 5),
    sse(ZYDIS_MNEMONIC_PSRAW, packed_shift, {.name = "psraw", .vec = shift_v<i16, sign_filling>}, 6),
    sse(ZYDIS_MNEMONIC_PSRAD, packed_shift, {.name = "psrad", .vec = shift_v<i32, sign_filling>}, 7),
    sse(ZYDIS_MNEMONIC_PSLLDQ, shift_bytes, {.name = "pslldq", .vec = bytes_left}),
    sse(ZYDIS_MNEMONIC_PSRLDQ, shift_bytes, {.name = "psrldq", .vec = bytes_right}),
};
// clang-format on

}  // namespace

std::span<const Helper> shift_helpers() { return kShiftImm; }

std::span<const Row> sse_integer_rows() { return kSseIntegerRows; }

}  // namespace deferscope::isa::x86_64
