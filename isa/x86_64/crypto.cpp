// AES-NI and PCLMULQDQ.
#include <array>
#include <bit>

#include "isa/x86_64/sse.h"

namespace deferscope::isa::x86_64 {
namespace {

// Multiplication in AES' field GF(2^8), x^8 + x^4 + x^3 + x + 1
constexpr uint8_t gf_mul(uint8_t a, uint8_t b) {
  unsigned r = 0, x = a;
  for (; b != 0; b = static_cast<uint8_t>(b >> 1)) {
    if (b & 1) r ^= x;
    x = x << 1 ^ (x & 0x80 ? 0x11b : 0);
  }
  return static_cast<uint8_t>(r);
}

using Bytes = std::array<uint8_t, 256>;
using Words = std::array<uint32_t, 256>;

// The S-box: inverse in the field (x^254), then the affine map.
constexpr Bytes make_sbox() {
  Bytes s{};
  for (unsigned i = 0; i < 256; ++i) {
    const auto x = static_cast<uint8_t>(i);
    uint8_t inverse = 1;
    for (int k = 0; k < 254; ++k) inverse = gf_mul(inverse, x);
    uint8_t r = 0x63;
    for (int k = 0; k < 5; ++k) r ^= std::rotl(inverse, k);
    s[i] = r;
  }
  return s;
}
constexpr Bytes kSbox = make_sbox();

constexpr Bytes make_inverse_sbox() {
  Bytes s{};
  for (unsigned i = 0; i < 256; ++i) s[kSbox[i]] = static_cast<uint8_t>(i);
  return s;
}
constexpr Bytes kInverseSbox = make_inverse_sbox();

// What byte 0 of a column contributes to the mixed column; byte r's contribution is the same rotated by 8r.
constexpr Words make_mix(uint8_t m0, uint8_t m1, uint8_t m2, uint8_t m3, const Bytes* through) {
  Words w{};
  for (unsigned i = 0; i < 256; ++i) {
    const uint8_t x = through ? (*through)[i] : static_cast<uint8_t>(i);
    w[i] = gf_mul(x, m0) | static_cast<uint32_t>(gf_mul(x, m1)) << 8 | static_cast<uint32_t>(gf_mul(x, m2)) << 16 |
           static_cast<uint32_t>(gf_mul(x, m3)) << 24;
  }
  return w;
}
constexpr Words kEncrypt = make_mix(2, 1, 1, 3, &kSbox);
constexpr Words kDecrypt = make_mix(14, 9, 13, 11, &kInverseSbox);
constexpr Words kInverseMix = make_mix(14, 9, 13, 11, nullptr);

// Row r of column j comes from column j + r·direction: ShiftRows (1), its inverse (-1 = 3), or none (0).
template <const Words& table, unsigned direction>
Vec mix(const Vec& s) {
  Vec out;
  for (unsigned j = 0; j < 4; ++j) {
    uint32_t column = 0;
    for (unsigned r = 0; r < 4; ++r) {
      const uint8_t byte = s.lane<uint8_t>((j + r * direction) % 4 * 4 + r);
      column ^= std::rotl(table[byte], static_cast<int>(8 * r));
    }
    out.set(j, column);
  }
  return out;
}

template <const Bytes& box, unsigned direction>
Vec substitute(const Vec& s) {
  Vec out;
  for (unsigned j = 0; j < 4; ++j)
    for (unsigned r = 0; r < 4; ++r) out.set(j * 4 + r, box[s.lane<uint8_t>((j + r * direction) % 4 * 4 + r)]);
  return out;
}

Vec exclusive_or(const Vec& a, const Vec& b) { return Vec{a.lo ^ b.lo, a.hi ^ b.hi}; }

void aesenc(Vec& d, const Vec& a, const Vec& key, uint64_t) { d = exclusive_or(mix<kEncrypt, 1>(a), key); }
void aesdec(Vec& d, const Vec& a, const Vec& key, uint64_t) { d = exclusive_or(mix<kDecrypt, 3>(a), key); }
void aesenclast(Vec& d, const Vec& a, const Vec& key, uint64_t) { d = exclusive_or(substitute<kSbox, 1>(a), key); }
void aesdeclast(Vec& d, const Vec& a, const Vec& key, uint64_t) {
  d = exclusive_or(substitute<kInverseSbox, 3>(a), key);
}
void aesimc(Vec& d, const Vec&, const Vec& b, uint64_t) { d = mix<kInverseMix, 0>(b); }

void aeskeygenassist(Vec& d, const Vec&, const Vec& b, uint64_t imm) {
  const Vec s = substitute<kSbox, 0>(b);
  const uint32_t x1 = s.lane<uint32_t>(1), x3 = s.lane<uint32_t>(3), round = static_cast<uint32_t>(imm);
  d.set(0, x1);
  d.set(1, std::rotr(x1, 8) ^ round);
  d.set(2, x3);
  d.set(3, std::rotr(x3, 8) ^ round);
}

// Carry-less product of the halves that imm's bits 0 and 4 choose
void pclmulqdq(Vec& d, const Vec& a, const Vec& b, uint64_t imm) {
  const uint64_t x = imm & 1 ? a.hi : a.lo, y = imm & 16 ? b.hi : b.lo;
  uint64_t low = 0, high = 0;
  for (unsigned i = 0; i < 64; ++i) {
    const uint64_t chosen = uint64_t{0} - (y >> i & 1);
    low ^= x << i & chosen;
    high ^= (i == 0 ? 0 : x >> (64 - i)) & chosen;
  }
  d = Vec{low, high};
}

const Row kCryptoRows[] = {
    sse(ZYDIS_MNEMONIC_AESENC, vec_binary, {.name = "aesenc", .vec = aesenc}),
    sse(ZYDIS_MNEMONIC_AESENCLAST, vec_binary, {.name = "aesenclast", .vec = aesenclast}),
    sse(ZYDIS_MNEMONIC_AESDEC, vec_binary, {.name = "aesdec", .vec = aesdec}),
    sse(ZYDIS_MNEMONIC_AESDECLAST, vec_binary, {.name = "aesdeclast", .vec = aesdeclast}),
    sse(ZYDIS_MNEMONIC_AESIMC, vec_binary, {.name = "aesimc", .vec = aesimc}),
    sse(ZYDIS_MNEMONIC_AESKEYGENASSIST, vec_binary_imm, {.name = "aeskeygenassist", .vec = aeskeygenassist}),
    sse(ZYDIS_MNEMONIC_PCLMULQDQ, vec_binary_imm, {.name = "pclmulqdq", .vec = pclmulqdq}),
};

}  // namespace

std::span<const Row> crypto_rows() { return kCryptoRows; }

}  // namespace deferscope::isa::x86_64
