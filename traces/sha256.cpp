#include "traces/sha256.h"

#include <fmt/format.h>

#include <array>
#include <bit>
#include <cmath>
#include <fstream>
#include <iterator>
#include <vector>

namespace deferscope::traces {
namespace {

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

void block(std::array<uint32_t, 8>& h, const uint8_t* p, const Constants& c) {
  uint32_t w[64];
  for (int i = 0; i < 16; ++i)
    w[i] = uint32_t{p[4 * i]} << 24 | uint32_t{p[4 * i + 1]} << 16 | uint32_t{p[4 * i + 2]} << 8 | p[4 * i + 3];
  for (int i = 16; i < 64; ++i) {
    const uint32_t a = w[i - 15], b = w[i - 2];
    w[i] = w[i - 16] + w[i - 7] + (std::rotr(a, 7) ^ std::rotr(a, 18) ^ a >> 3) +
           (std::rotr(b, 17) ^ std::rotr(b, 19) ^ b >> 10);
  }
  std::array<uint32_t, 8> v = h;
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

}  // namespace

std::string sha256_hex(std::span<const uint8_t> bytes) {
  static const Constants constants;
  std::array<uint32_t, 8> h = constants.h;
  size_t at = 0;
  for (; bytes.size() - at >= 64; at += 64) block(h, bytes.data() + at, constants);
  std::vector<uint8_t> tail(bytes.begin() + static_cast<std::ptrdiff_t>(at), bytes.end());
  tail.push_back(0x80);
  while (tail.size() % 64 != 56) tail.push_back(0);
  const uint64_t bits = uint64_t{bytes.size()} * 8;
  for (int i = 7; i >= 0; --i) tail.push_back(static_cast<uint8_t>(bits >> (8 * i)));
  for (size_t i = 0; i < tail.size(); i += 64) block(h, tail.data() + i, constants);
  std::string out;
  for (uint32_t x : h) out += fmt::format("{:08x}", x);
  return out;
}

std::string sha256_of_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return {};
  const std::vector<char> bytes{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  return sha256_hex({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
}

}  // namespace deferscope::traces
