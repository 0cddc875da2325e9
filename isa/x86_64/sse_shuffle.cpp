// SSE shuffles, packs, unpacks, blends and widening moves.
#include <algorithm>
#include <limits>

#include "isa/x86_64/sse.h"

namespace deferscope::isa::x86_64 {
namespace {

// PSHUFD, PSHUFLW, PSHUFHW: four lanes of T from `first` on, chosen two bits each
template <class T, unsigned first>
void shuffle4(Vec& d, const Vec&, const Vec& b, uint64_t imm) {
  Vec r = b;
  for (unsigned i = 0; i < 4; ++i) r.set(first + i, b.lane<T>(first + (imm >> (2 * i) & 3)));
  d = r;
}

void pshufb(Vec& d, const Vec& a, const Vec& b, uint64_t) {
  Vec r;
  for (unsigned i = 0; i < 16; ++i) {
    const uint8_t from = b.lane<uint8_t>(i);
    r.set(i, static_cast<uint8_t>(from & 0x80 ? 0 : a.lane<uint8_t>(from & 15)));
  }
  d = r;
}

void shufps(Vec& d, const Vec& a, const Vec& b, uint64_t imm) {
  Vec r;
  for (unsigned i = 0; i < 4; ++i) r.set(i, (i < 2 ? a : b).lane<uint32_t>(imm >> (2 * i) & 3));
  d = r;
}

void shufpd(Vec& d, const Vec& a, const Vec& b, uint64_t imm) {
  const uint64_t x = imm & 1 ? a.hi : a.lo, y = imm & 2 ? b.hi : b.lo;
  d = Vec{x, y};
}

// Interleaves the low or high halves
template <class T, bool high>
void unpack(Vec& d, const Vec& a, const Vec& b, uint64_t) {
  Vec r;
  constexpr unsigned half = kLanes<T> / 2, first = high ? half : 0;
  for (unsigned i = 0; i < half; ++i) {
    r.set(2 * i, a.lane<T>(first + i));
    r.set(2 * i + 1, b.lane<T>(first + i));
  }
  d = r;
}

// Lanes of a, then of b, saturated to half the width
template <class From, class To>
void pack(Vec& d, const Vec& a, const Vec& b, uint64_t) {
  Vec r;
  constexpr int64_t low = std::numeric_limits<To>::min(), high = std::numeric_limits<To>::max();
  for (unsigned i = 0; i < kLanes<To>; ++i) {
    const int64_t x = (i < kLanes<From> ? a : b).template lane<From>(i % kLanes<From>);
    r.set(i, static_cast<To>(std::clamp(x, low, high)));
  }
  d = r;
}

// PMOVSX…, PMOVZX…
template <class From, class To>
void widen(Vec& d, const Vec&, const Vec& b, uint64_t) {
  Vec r;
  for (unsigned i = 0; i < kLanes<To>; ++i) r.set(i, static_cast<To>(b.lane<From>(i)));
  d = r;
}

void palignr(Vec& d, const Vec& a, const Vec& b, uint64_t imm) {
  Vec r;
  for (unsigned i = 0; i < 16; ++i) {
    const uint64_t from = i + imm;
    const uint8_t x = from < 16   ? b.lane<uint8_t>(static_cast<unsigned>(from))
                      : from < 32 ? a.lane<uint8_t>(static_cast<unsigned>(from - 16))
                                  : uint8_t{0};
    r.set(i, x);
  }
  d = r;
}

template <class T>
void blend_imm(Vec& d, const Vec&, const Vec& b, uint64_t imm) {
  for (unsigned i = 0; i < kLanes<T>; ++i)
    if (imm >> i & 1) d.set(i, b.lane<T>(i));
}

// imm: lanes zeroed (0…3), destination (4, 5), source (6, 7; memory has only one lane: 0)
void insertps(Vec& d, const Vec&, const Vec& b, uint64_t imm) {
  d.set(imm >> 4 & 3, b.lane<uint32_t>(imm >> 6 & 3));
  for (unsigned i = 0; i < 4; ++i)
    if (imm >> i & 1) d.set(i, uint32_t{0});
}

void lift_insertps(Builder& b) {
  const bool memory = b.is_mem(1);
  const VReg s = b.source_v(1, 4);
  Uop& u = b.emit(Op::VecOp, 16);
  u.dst = u.a = b.xmm(0), u.b = s, u.imm = b.imm(2) & (memory ? 0x3f : 0xff), u.helper = b.helper;
}

// PBLENDVB, …: the mask is XMM0. The helper blends into d what b has where the mask a says so.
template <class T>
void blend_mask(Vec& d, const Vec& mask, const Vec& b, uint64_t) {
  const Vec m = mask;
  for (unsigned i = 0; i < kLanes<T>; ++i)
    if (m.lane<T>(i) < 0) d.set(i, b.lane<T>(i));
}

void lift_blend_mask(Builder& b) {
  const VReg s = b.source_v(1);
  Uop& u = b.emit(Op::VecOp, 16);
  u.dst = b.xmm(0), u.a = 0, u.b = s, u.helper = b.helper;
}

using i8 = int8_t;
using i16 = int16_t;
using i32 = int32_t;
using i64 = int64_t;
using u8 = uint8_t;
using u16 = uint16_t;
using u32 = uint32_t;
using u64 = uint64_t;

// clang-format off
const Row kSseShuffleRows[] = {
    sse(ZYDIS_MNEMONIC_PSHUFD, vec_binary_imm, {.name = "pshufd", .vec = shuffle4<u32, 0>}),
    sse(ZYDIS_MNEMONIC_PSHUFLW, vec_binary_imm, {.name = "pshuflw", .vec = shuffle4<u16, 0>}),
    sse(ZYDIS_MNEMONIC_PSHUFHW, vec_binary_imm, {.name = "pshufhw", .vec = shuffle4<u16, 4>}),
    sse(ZYDIS_MNEMONIC_PSHUFB, vec_binary, {.name = "pshufb", .vec = pshufb}),
    sse(ZYDIS_MNEMONIC_SHUFPS, vec_binary_imm, {.name = "shufps", .vec = shufps}),
    sse(ZYDIS_MNEMONIC_SHUFPD, vec_binary_imm, {.name = "shufpd", .vec = shufpd}),
    sse(ZYDIS_MNEMONIC_PALIGNR, vec_binary_imm, {.name = "palignr", .vec = palignr}),
    sse(ZYDIS_MNEMONIC_PUNPCKLBW, vec_binary, {.name = "punpcklbw", .vec = unpack<u8, false>}),
    sse(ZYDIS_MNEMONIC_PUNPCKLWD, vec_binary, {.name = "punpcklwd", .vec = unpack<u16, false>}),
    sse(ZYDIS_MNEMONIC_PUNPCKLDQ, vec_binary, {.name = "punpckldq", .vec = unpack<u32, false>}),
    sse(ZYDIS_MNEMONIC_PUNPCKLQDQ, vec_binary, {.name = "punpcklqdq", .vec = unpack<u64, false>}),
    sse(ZYDIS_MNEMONIC_PUNPCKHBW, vec_binary, {.name = "punpckhbw", .vec = unpack<u8, true>}),
    sse(ZYDIS_MNEMONIC_PUNPCKHWD, vec_binary, {.name = "punpckhwd", .vec = unpack<u16, true>}),
    sse(ZYDIS_MNEMONIC_PUNPCKHDQ, vec_binary, {.name = "punpckhdq", .vec = unpack<u32, true>}),
    sse(ZYDIS_MNEMONIC_PUNPCKHQDQ, vec_binary, {.name = "punpckhqdq", .vec = unpack<u64, true>}),
    sse(ZYDIS_MNEMONIC_UNPCKLPS, vec_binary, {.name = "punpckldq", .vec = unpack<u32, false>}),
    sse(ZYDIS_MNEMONIC_UNPCKLPD, vec_binary, {.name = "punpcklqdq", .vec = unpack<u64, false>}),
    sse(ZYDIS_MNEMONIC_UNPCKHPS, vec_binary, {.name = "punpckhdq", .vec = unpack<u32, true>}),
    sse(ZYDIS_MNEMONIC_UNPCKHPD, vec_binary, {.name = "punpckhqdq", .vec = unpack<u64, true>}),
    sse(ZYDIS_MNEMONIC_PACKSSWB, vec_binary, {.name = "packsswb", .vec = pack<i16, i8>}),
    sse(ZYDIS_MNEMONIC_PACKSSDW, vec_binary, {.name = "packssdw", .vec = pack<i32, i16>}),
    sse(ZYDIS_MNEMONIC_PACKUSWB, vec_binary, {.name = "packuswb", .vec = pack<i16, u8>}),
    sse(ZYDIS_MNEMONIC_PACKUSDW, vec_binary, {.name = "packusdw", .vec = pack<i32, u16>}),
    sse(ZYDIS_MNEMONIC_PMOVSXBW, vec_binary, {.name = "pmovsxbw", .vec = widen<i8, i16>}, 8),
    sse(ZYDIS_MNEMONIC_PMOVSXBD, vec_binary, {.name = "pmovsxbd", .vec = widen<i8, i32>}, 4),
    sse(ZYDIS_MNEMONIC_PMOVSXBQ, vec_binary, {.name = "pmovsxbq", .vec = widen<i8, i64>}, 2),
    sse(ZYDIS_MNEMONIC_PMOVSXWD, vec_binary, {.name = "pmovsxwd", .vec = widen<i16, i32>}, 8),
    sse(ZYDIS_MNEMONIC_PMOVSXWQ, vec_binary, {.name = "pmovsxwq", .vec = widen<i16, i64>}, 4),
    sse(ZYDIS_MNEMONIC_PMOVSXDQ, vec_binary, {.name = "pmovsxdq", .vec = widen<i32, i64>}, 8),
    sse(ZYDIS_MNEMONIC_PMOVZXBW, vec_binary, {.name = "pmovzxbw", .vec = widen<u8, u16>}, 8),
    sse(ZYDIS_MNEMONIC_PMOVZXBD, vec_binary, {.name = "pmovzxbd", .vec = widen<u8, u32>}, 4),
    sse(ZYDIS_MNEMONIC_PMOVZXBQ, vec_binary, {.name = "pmovzxbq", .vec = widen<u8, u64>}, 2),
    sse(ZYDIS_MNEMONIC_PMOVZXWD, vec_binary, {.name = "pmovzxwd", .vec = widen<u16, u32>}, 8),
    sse(ZYDIS_MNEMONIC_PMOVZXWQ, vec_binary, {.name = "pmovzxwq", .vec = widen<u16, u64>}, 4),
    sse(ZYDIS_MNEMONIC_PMOVZXDQ, vec_binary, {.name = "pmovzxdq", .vec = widen<u32, u64>}, 8),
    sse(ZYDIS_MNEMONIC_PBLENDW, vec_binary_imm, {.name = "pblendw", .vec = blend_imm<u16>, .reads_dst = true}),
    sse(ZYDIS_MNEMONIC_BLENDPS, vec_binary_imm, {.name = "blendps", .vec = blend_imm<u32>, .reads_dst = true}),
    sse(ZYDIS_MNEMONIC_BLENDPD, vec_binary_imm, {.name = "blendpd", .vec = blend_imm<u64>, .reads_dst = true}),
    sse(ZYDIS_MNEMONIC_PBLENDVB, lift_blend_mask, {.name = "pblendvb", .vec = blend_mask<i8>, .reads_dst = true}),
    sse(ZYDIS_MNEMONIC_BLENDVPS, lift_blend_mask, {.name = "blendvps", .vec = blend_mask<i32>, .reads_dst = true}),
    sse(ZYDIS_MNEMONIC_BLENDVPD, lift_blend_mask, {.name = "blendvpd", .vec = blend_mask<i64>, .reads_dst = true}),
    sse(ZYDIS_MNEMONIC_INSERTPS, lift_insertps, {.name = "insertps", .vec = insertps, .reads_dst = true}),
};
// clang-format on

}  // namespace

std::span<const Row> sse_shuffle_rows() { return kSseShuffleRows; }

}  // namespace deferscope::isa::x86_64
