#include "loader/sha256.h"

#include <fmt/format.h>
#ifdef __x86_64__
#include <cpuid.h>
#include <immintrin.h>
#endif

#include <array>
#include <bit>
#include <cmath>
#include <fstream>
#include <vector>

namespace deferscope::loader {
namespace {

constexpr size_t kBlock = 64;  // bytes

constexpr std::array<uint32_t, 64> kPrimes = [] {
  std::array<uint32_t, 64> p{};
  uint32_t n = 0;
  for (uint32_t c = 2; n < 64; ++c) {
    bool prime = true;
    for (uint32_t d = 2; d * d <= c; ++d) prime = prime && c % d != 0;
    if (prime) p[n++] = c;
  }
  return p;
}();

// The first 32 bits of the fraction of a root, by bisection in 128-bit integers: exact.
uint32_t root_fraction(uint32_t n, int power) {
  unsigned __int128 lo = 0, hi = static_cast<unsigned __int128>(20) << 32;
  while (hi - lo > 1) {  // the largest x with (x / 2^32)^power ≤ n
    const unsigned __int128 x = (lo + hi) / 2;
    bool small;
    if (power == 2) {
      small = x * x <= static_cast<unsigned __int128>(n) << 64;
    } else {  // x^3 ≤ n·2^96: compare x·x / 2^32 · x with n·2^64, rounding up the division
      const unsigned __int128 square = x * x;
      const unsigned __int128 whole = square >> 32, rest = square & 0xffffffff;
      const unsigned __int128 bound = static_cast<unsigned __int128>(n) << 64;
      const unsigned __int128 high = whole * x, low = rest * x;
      small = high + ((low + 0xffffffff) >> 32) <= bound;
    }
    (small ? lo : hi) = x;
  }
  return static_cast<uint32_t>(lo);
}

struct Constants {
  std::array<uint32_t, 8> h;
  std::array<uint32_t, 64> k;
  Constants() {
    for (size_t i = 0; i < 8; ++i) h[i] = root_fraction(kPrimes[i], 2);
    for (size_t i = 0; i < 64; ++i) k[i] = root_fraction(kPrimes[i], 3);
  }
};

using State = std::array<uint32_t, 8>;

void hash_blocks(State& h, const uint8_t* p, size_t n, const Constants& c) {
  for (; n; --n, p += kBlock) {
    uint32_t w[64];
    for (int i = 0; i < 16; ++i)
      w[i] = uint32_t{p[4 * i]} << 24 | uint32_t{p[4 * i + 1]} << 16 | uint32_t{p[4 * i + 2]} << 8 | p[4 * i + 3];
    for (int i = 16; i < 64; ++i) {
      const uint32_t a = w[i - 15], b = w[i - 2];
      w[i] = w[i - 16] + w[i - 7] + (std::rotr(a, 7) ^ std::rotr(a, 18) ^ a >> 3) +
             (std::rotr(b, 17) ^ std::rotr(b, 19) ^ b >> 10);
    }
    State v = h;
    for (size_t i = 0; i < 64; ++i) {
      const uint32_t e = v[4], a = v[0];
      const uint32_t t1 =
          v[7] + (std::rotr(e, 6) ^ std::rotr(e, 11) ^ std::rotr(e, 25)) + ((e & v[5]) ^ (~e & v[6])) + c.k[i] + w[i];
      const uint32_t t2 =
          (std::rotr(a, 2) ^ std::rotr(a, 13) ^ std::rotr(a, 22)) + ((a & v[1]) ^ (a & v[2]) ^ (v[1] & v[2]));
      for (size_t j = 7; j > 0; --j) v[j] = v[j - 1];
      v[4] += t1;
      v[0] = t1 + t2;
    }
    for (size_t i = 0; i < 8; ++i) h[i] += v[i];
  }
}

#ifdef __x86_64__
// The same by the instructions made for it, ten times as fast (Intel SDM vol. 2, SHA256RNDS2: the state is ABEF and
// CDGH, four rounds' words go together).
[[gnu::target("sha,sse4.1")]] void hash_blocks_sha(State& h, const uint8_t* p, size_t n, const Constants& c) {
  const auto four = [](const auto* words) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(words)); };
  const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
  const __m128i badc = _mm_shuffle_epi32(four(&h[0]), 0xb1), hgfe = _mm_shuffle_epi32(four(&h[4]), 0x1b);
  __m128i abef = _mm_alignr_epi8(badc, hgfe, 8), cdgh = _mm_blend_epi16(hgfe, badc, 0xf0);
  for (; n; --n, p += kBlock) {
    const __m128i abef_before = abef, cdgh_before = cdgh;
    __m128i w[16];
    for (size_t i = 0; i < 16; ++i) {
      if (i < 4)
        w[i] = _mm_shuffle_epi8(four(p + 16 * i), big_endian);
      else
        w[i] = _mm_sha256msg2_epu32(
            _mm_add_epi32(_mm_sha256msg1_epu32(w[i - 4], w[i - 3]), _mm_alignr_epi8(w[i - 1], w[i - 2], 4)), w[i - 1]);
      const __m128i wk = _mm_add_epi32(w[i], four(&c.k[4 * i]));
      cdgh = _mm_sha256rnds2_epu32(cdgh, abef, wk);
      abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(wk, 0x0e));
    }
    abef = _mm_add_epi32(abef, abef_before), cdgh = _mm_add_epi32(cdgh, cdgh_before);
  }
  const __m128i feba = _mm_shuffle_epi32(abef, 0x1b), dchg = _mm_shuffle_epi32(cdgh, 0xb1);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(&h[0]), _mm_blend_epi16(feba, dchg, 0xf0));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(&h[4]), _mm_alignr_epi8(dchg, feba, 8));
}

bool has_sha() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_SSE4_1) && __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_SHA);
}
#endif

class Sha256 {
 public:
  explicit Sha256(bool plain = false) {
#ifdef __x86_64__
    static const bool there = has_sha();
    if (there && !plain) hash_ = hash_blocks_sha;
#else
    (void)plain;
#endif
  }
  // Whole blocks but for the last call; what is left over is padded there (section 5.1.1).
  void add(std::span<const uint8_t> bytes) {
    hash_(h_, bytes.data(), bytes.size() / kBlock, constants());
    size_ += bytes.size();
    tail_.assign(bytes.end() - static_cast<std::ptrdiff_t>(bytes.size() % kBlock), bytes.end());
  }
  std::string hex() {
    tail_.push_back(0x80);
    while (tail_.size() % kBlock != kBlock - 8) tail_.push_back(0);
    for (int i = 56; i >= 0; i -= 8) tail_.push_back(static_cast<uint8_t>(8 * size_ >> i));
    hash_(h_, tail_.data(), tail_.size() / kBlock, constants());
    std::string out;
    for (uint32_t x : h_) out += fmt::format("{:08x}", x);
    return out;
  }

 private:
  static const Constants& constants() {
    static const Constants c;
    return c;
  }
  State h_ = constants().h;
  void (*hash_)(State&, const uint8_t*, size_t, const Constants&) = hash_blocks;
  uint64_t size_ = 0;
  std::vector<uint8_t> tail_;
};

}  // namespace

std::string sha256_hex(std::span<const uint8_t> bytes, bool plain) {
  Sha256 sha(plain);
  sha.add(bytes);
  return sha.hex();
}

std::string sha256_of_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return {};
  Sha256 sha;
  std::vector<char> piece(1 << 18);
  while (in.read(piece.data(), static_cast<std::streamsize>(piece.size())), in.gcount())
    sha.add({reinterpret_cast<const uint8_t*>(piece.data()), static_cast<size_t>(in.gcount())});
  return sha.hex();
}

}  // namespace deferscope::loader
