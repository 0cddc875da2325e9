// AES, SHA-1, SHA-2 and SHA-3's steps (FIPS 197, FIPS 180-4, FIPS 202), as the manual cuts them into instructions.
// PMULL is in simd_integer.cpp.
#include <array>
#include <bit>

#include "isa/arm64/lifts.h"

namespace deferscope::isa::arm64 {
namespace {

// --- AES ---

constexpr uint8_t times2(uint8_t x) { return static_cast<uint8_t>(x << 1 ^ (x & 0x80 ? 0x1b : 0)); }
constexpr uint8_t gf_mul(uint8_t a, uint8_t b) {
  uint8_t r = 0;
  for (; b; b >>= 1, a = times2(a))
    if (b & 1) r ^= a;
  return r;
}
// The S-box from its definition: the inverse in GF(2^8), then an affine map.
constexpr std::array<uint8_t, 256> make_sbox() {
  std::array<uint8_t, 256> box{};
  for (unsigned x = 0; x < 256; ++x) {
    uint8_t inverse = static_cast<uint8_t>(x);  // x^254
    for (int i = 0; i < 6; ++i) inverse = gf_mul(gf_mul(inverse, inverse), static_cast<uint8_t>(x));
    inverse = gf_mul(inverse, inverse);
    box[x] = static_cast<uint8_t>(inverse ^ std::rotl(inverse, 1) ^ std::rotl(inverse, 2) ^ std::rotl(inverse, 3) ^
                                  std::rotl(inverse, 4) ^ 0x63);
  }
  return box;
}
constexpr std::array<uint8_t, 256> invert(const std::array<uint8_t, 256>& box) {
  std::array<uint8_t, 256> inverse{};
  for (unsigned x = 0; x < 256; ++x) inverse[box[x]] = static_cast<uint8_t>(x);
  return inverse;
}
constexpr auto kSbox = make_sbox(), kInverseSbox = invert(kSbox);
static_assert(kSbox[0] == 0x63 && kSbox[0x53] == 0xed);

// AddRoundKey, then ShiftRows and SubBytes; byte i stands in row i % 4, column i / 4.
void aese(Vec& d, const Vec& a, const Vec&, uint64_t) {
  Vec r;
  const Vec x{d.lo ^ a.lo, d.hi ^ a.hi};
  for (unsigned i = 0; i < 16; ++i) r.set<uint8_t>(i, kSbox[x.lane<uint8_t>((i + 4 * (i % 4)) % 16)]);
  d = r;
}
void aesd(Vec& d, const Vec& a, const Vec&, uint64_t) {
  Vec r;
  const Vec x{d.lo ^ a.lo, d.hi ^ a.hi};
  for (unsigned i = 0; i < 16; ++i) r.set<uint8_t>(i, kInverseSbox[x.lane<uint8_t>((i + 12 * (i % 4)) % 16)]);
  d = r;
}
constexpr std::array<std::array<uint8_t, 256>, 16> kTimes = [] {
  std::array<std::array<uint8_t, 256>, 16> t{};
  for (uint8_t k : {1, 2, 3, 9, 11, 13, 14})
    for (unsigned x = 0; x < 256; ++x) t[k][x] = gf_mul(static_cast<uint8_t>(x), k);
  return t;
}();
void mix_columns(Vec& d, const Vec& a, const uint8_t (&k)[4]) {
  Vec r;
  for (unsigned c = 0; c < 16; c += 4)
    for (unsigned i = 0; i < 4; ++i) {
      uint8_t x = 0;
      for (unsigned j = 0; j < 4; ++j) x ^= kTimes[k[j]][a.lane<uint8_t>(c + (i + j) % 4)];
      r.set<uint8_t>(c + i, x);
    }
  d = r;
}
void aesmc(Vec& d, const Vec& a, const Vec&, uint64_t) { mix_columns(d, a, {2, 3, 1, 1}); }
void aesimc(Vec& d, const Vec& a, const Vec&, uint64_t) { mix_columns(d, a, {14, 11, 13, 9}); }

// --- SHA-1 ---

using Word32 = uint32_t;
Word32 choose(Word32 x, Word32 y, Word32 z) { return ((y ^ z) & x) ^ z; }
Word32 parity(Word32 x, Word32 y, Word32 z) { return x ^ y ^ z; }
Word32 majority(Word32 x, Word32 y, Word32 z) { return (x & y) | ((x | y) & z); }

// Four rounds: d holds a…d of the hash, a holds e in lane 0, b the scheduled words.
template <Word32 (*F)(Word32, Word32, Word32)>
void sha1_rounds(Vec& d, const Vec& a, const Vec& b, uint64_t) {
  Vec x = d;
  Word32 y = a.lane<Word32>(0);
  for (unsigned i = 0; i < 4; ++i) {
    const Word32 t = F(x.lane<Word32>(1), x.lane<Word32>(2), x.lane<Word32>(3));
    const Word32 next = y + std::rotl(x.lane<Word32>(0), 5) + t + b.lane<Word32>(i);
    y = x.lane<Word32>(3);
    x.set<Word32>(3, x.lane<Word32>(2));
    x.set<Word32>(2, std::rotl(x.lane<Word32>(1), 30));
    x.set<Word32>(1, x.lane<Word32>(0));
    x.set<Word32>(0, next);
  }
  d = x;
}
void sha1su0(Vec& d, const Vec& a, const Vec& b, uint64_t) {
  const Vec r{d.hi ^ d.lo ^ b.lo, a.lo ^ d.hi ^ b.hi};
  d = r;
}
void sha1su1(Vec& d, const Vec& a, const Vec&, uint64_t) {
  Vec t;
  for (unsigned i = 0; i < 4; ++i) t.set<Word32>(i, d.lane<Word32>(i) ^ (i < 3 ? a.lane<Word32>(i + 1) : 0));
  Vec r;
  for (unsigned i = 0; i < 4; ++i) r.set<Word32>(i, std::rotl(t.lane<Word32>(i), 1));
  r.set<Word32>(3, r.lane<Word32>(3) ^ std::rotl(t.lane<Word32>(0), 2));
  d = r;
}
void sha1h(Vec& d, const Vec& a, const Vec&, uint64_t) { d = Vec{std::rotl(a.lane<Word32>(0), 30), 0}; }

// --- SHA-256 ---

// Four rounds over x = a…d and y = e…h with the words w.
void sha256_rounds(Vec& x, Vec& y, const Vec& w) {
  for (unsigned i = 0; i < 4; ++i) {
    const Word32 a = x.lane<Word32>(0), e = y.lane<Word32>(0);
    const Word32 s1 = std::rotr(e, 6) ^ std::rotr(e, 11) ^ std::rotr(e, 25);
    const Word32 s0 = std::rotr(a, 2) ^ std::rotr(a, 13) ^ std::rotr(a, 22);
    const Word32 t = y.lane<Word32>(3) + s1 + choose(e, y.lane<Word32>(1), y.lane<Word32>(2)) + w.lane<Word32>(i);
    const Word32 d = x.lane<Word32>(3) + t;
    const Word32 top = t + s0 + majority(a, x.lane<Word32>(1), x.lane<Word32>(2));
    for (unsigned k = 3; k > 0; --k) {
      x.set<Word32>(k, x.lane<Word32>(k - 1));
      y.set<Word32>(k, y.lane<Word32>(k - 1));
    }
    x.set<Word32>(0, top), y.set<Word32>(0, d);
  }
}
void sha256h(Vec& d, const Vec& a, const Vec& b, uint64_t) {
  Vec x = d, y = a;
  sha256_rounds(x, y, b);
  d = x;
}
void sha256h2(Vec& d, const Vec& a, const Vec& b, uint64_t) {
  Vec x = a, y = d;
  sha256_rounds(x, y, b);
  d = y;
}
void sha256su0(Vec& d, const Vec& a, const Vec&, uint64_t) {
  Vec r;
  for (unsigned i = 0; i < 4; ++i) {
    const Word32 t = i < 3 ? d.lane<Word32>(i + 1) : a.lane<Word32>(0);
    r.set<Word32>(i, d.lane<Word32>(i) + (std::rotr(t, 7) ^ std::rotr(t, 18) ^ t >> 3));
  }
  d = r;
}
void sha256su1(Vec& d, const Vec& a, const Vec& b, uint64_t) {
  Vec r;
  for (unsigned i = 0; i < 4; ++i) {
    const Word32 t = i < 2 ? b.lane<Word32>(i + 2) : r.lane<Word32>(i - 2);
    const Word32 u = i < 3 ? a.lane<Word32>(i + 1) : b.lane<Word32>(0);
    r.set<Word32>(i, d.lane<Word32>(i) + u + (std::rotr(t, 17) ^ std::rotr(t, 19) ^ t >> 10));
  }
  d = r;
}

// --- SHA-512 ---

using Word64 = uint64_t;
Word64 sum0(Word64 x) { return std::rotr(x, 28) ^ std::rotr(x, 34) ^ std::rotr(x, 39); }
Word64 sum1(Word64 x) { return std::rotr(x, 14) ^ std::rotr(x, 18) ^ std::rotr(x, 41); }
Word64 small0(Word64 x) { return std::rotr(x, 1) ^ std::rotr(x, 8) ^ x >> 7; }
Word64 small1(Word64 x) { return std::rotr(x, 19) ^ std::rotr(x, 61) ^ x >> 6; }

// Two rounds' lower half, then their upper half
void sha512h(Vec& d, const Vec& a, const Vec& b, uint64_t) {
  const Word64 high = ((b.hi & a.lo) ^ (~b.hi & a.hi)) + sum1(b.hi) + d.hi, t = high + b.lo;
  d = Vec{((t & b.hi) ^ (~t & a.lo)) + sum1(t) + d.lo, high};
}
void sha512h2(Vec& d, const Vec& a, const Vec& b, uint64_t) {
  const Word64 high = ((a.lo & b.hi) ^ (a.lo & b.lo) ^ (b.hi & b.lo)) + sum0(b.lo) + d.hi;
  d = Vec{((high & b.lo) ^ (high & b.hi) ^ (b.hi & b.lo)) + sum0(high) + d.lo, high};
}
void sha512su0(Vec& d, const Vec& a, const Vec&, uint64_t) { d = Vec{d.lo + small0(d.hi), d.hi + small0(a.lo)}; }
void sha512su1(Vec& d, const Vec& a, const Vec& b, uint64_t) {
  d = Vec{d.lo + small1(a.lo) + b.lo, d.hi + small1(a.hi) + b.hi};
}

// --- SHA-3 ---

void exclusive_or(Vec& d, const Vec& a, const Vec& b, uint64_t) { d = Vec{a.lo ^ b.lo, a.hi ^ b.hi}; }
void and_not(Vec& d, const Vec& a, const Vec& b, uint64_t) { d = Vec{a.lo & ~b.lo, a.hi & ~b.hi}; }
void rax1(Vec& d, const Vec& a, const Vec& b, uint64_t) {
  d = Vec{a.lo ^ std::rotl(b.lo, 1), a.hi ^ std::rotl(b.hi, 1)};
}
void xar(Vec& d, const Vec& a, const Vec& b, uint64_t by) {
  const int n = static_cast<int>(by);
  d = Vec{std::rotr(a.lo ^ b.lo, n), std::rotr(a.hi ^ b.hi, n)};
}

constexpr Helper kSha512h{.name = "sha512h", .vec = sha512h, .reads_dst = true};
constexpr Helper kSha512h2{.name = "sha512h2", .vec = sha512h2, .reads_dst = true};
constexpr Helper kSha512su0{.name = "sha512su0", .vec = sha512su0, .reads_dst = true};
constexpr Helper kSha512su1{.name = "sha512su1", .vec = sha512su1, .reads_dst = true};
constexpr Helper kExclusiveOr{.name = "sha3.eor", .vec = exclusive_or}, kAndNot{.name = "sha3.bic", .vec = and_not};
constexpr Helper kRax1{.name = "rax1", .vec = rax1}, kXar{.name = "xar", .vec = xar};
constexpr Helper kAese{.name = "aese", .vec = aese, .reads_dst = true};
constexpr Helper kAesd{.name = "aesd", .vec = aesd, .reads_dst = true};
constexpr Helper kAesmc{.name = "aesmc", .vec = aesmc}, kAesimc{.name = "aesimc", .vec = aesimc};
constexpr Helper kSha1c{.name = "sha1c", .vec = sha1_rounds<choose>, .reads_dst = true};
constexpr Helper kSha1p{.name = "sha1p", .vec = sha1_rounds<parity>, .reads_dst = true};
constexpr Helper kSha1m{.name = "sha1m", .vec = sha1_rounds<majority>, .reads_dst = true};
constexpr Helper kSha1su0{.name = "sha1su0", .vec = sha1su0, .reads_dst = true};
constexpr Helper kSha1su1{.name = "sha1su1", .vec = sha1su1, .reads_dst = true};
constexpr Helper kSha1h{.name = "sha1h", .vec = sha1h};
constexpr Helper kSha256h{.name = "sha256h", .vec = sha256h, .reads_dst = true};
constexpr Helper kSha256h2{.name = "sha256h2", .vec = sha256h2, .reads_dst = true};
constexpr Helper kSha256su0{.name = "sha256su0", .vec = sha256su0, .reads_dst = true};
constexpr Helper kSha256su1{.name = "sha256su1", .vec = sha256su1, .reads_dst = true};

}  // namespace

void AESE(Emit& e, B5 n, B5 d) { e.vec_op(kAese, vec(d), vec(n), vec(n), 0); }
void AESD(Emit& e, B5 n, B5 d) { e.vec_op(kAesd, vec(d), vec(n), vec(n), 0); }
void AESMC(Emit& e, B5 n, B5 d) { e.vec_op(kAesmc, vec(d), vec(n), vec(n), 0); }
void AESIMC(Emit& e, B5 n, B5 d) { e.vec_op(kAesimc, vec(d), vec(n), vec(n), 0); }
void SHA1C(Emit& e, B5 m, B5 n, B5 d) { e.vec_op(kSha1c, vec(d), vec(n), vec(m), 0); }
void SHA1P(Emit& e, B5 m, B5 n, B5 d) { e.vec_op(kSha1p, vec(d), vec(n), vec(m), 0); }
void SHA1M(Emit& e, B5 m, B5 n, B5 d) { e.vec_op(kSha1m, vec(d), vec(n), vec(m), 0); }
void SHA1SU0(Emit& e, B5 m, B5 n, B5 d) { e.vec_op(kSha1su0, vec(d), vec(n), vec(m), 0); }
void SHA256H(Emit& e, B5 m, B5 n, B5 d) { e.vec_op(kSha256h, vec(d), vec(n), vec(m), 0); }
void SHA256H2(Emit& e, B5 m, B5 n, B5 d) { e.vec_op(kSha256h2, vec(d), vec(n), vec(m), 0); }
void SHA256SU1(Emit& e, B5 m, B5 n, B5 d) { e.vec_op(kSha256su1, vec(d), vec(n), vec(m), 0); }
void SHA1H(Emit& e, B5 n, B5 d) { e.vec_op(kSha1h, vec(d), vec(n), vec(n), 0); }
void SHA1SU1(Emit& e, B5 n, B5 d) { e.vec_op(kSha1su1, vec(d), vec(n), vec(n), 0); }
void SHA512H(Emit& e, B5 m, B5 n, B5 d) { e.vec_op(kSha512h, vec(d), vec(n), vec(m), 0); }
void SHA512H2(Emit& e, B5 m, B5 n, B5 d) { e.vec_op(kSha512h2, vec(d), vec(n), vec(m), 0); }
void SHA512SU0(Emit& e, B5 n, B5 d) { e.vec_op(kSha512su0, vec(d), vec(n), vec(n), 0); }
void SHA512SU1(Emit& e, B5 m, B5 n, B5 d) { e.vec_op(kSha512su1, vec(d), vec(n), vec(m), 0); }
void EOR3(Emit& e, B5 m, B5 a, B5 n, B5 d) {
  e.vec_op(kExclusiveOr, kVT0, vec(n), vec(m), 0);
  e.vec_op(kExclusiveOr, vec(d), kVT0, vec(a), 0);
}
void BCAX(Emit& e, B5 m, B5 a, B5 n, B5 d) {
  e.vec_op(kAndNot, kVT0, vec(m), vec(a), 0);
  e.vec_op(kExclusiveOr, vec(d), vec(n), kVT0, 0);
}
void RAX1(Emit& e, B5 m, B5 n, B5 d) { e.vec_op(kRax1, vec(d), vec(n), vec(m), 0); }
void XAR(Emit& e, B5 m, Bits<6> i, B5 n, B5 d) { e.vec_op(kXar, vec(d), vec(n), vec(m), i); }
void SHA256SU0(Emit& e, B5 n, B5 d) { e.vec_op(kSha256su0, vec(d), vec(n), vec(n), 0); }

}  // namespace deferscope::isa::arm64
