// libc++, as far as programs with C++ in them call it before and beside what they are run for: its containers are
// templates, which the programs bring along; what is not in a template is here. Strings, streams and exceptions are
// not.
#include "emu/darwin/call.h"

namespace deferscope::emu::darwin {
namespace {

using Wide = unsigned __int128;

uint64_t power(uint64_t x, uint64_t n, uint64_t modulus) {
  uint64_t out = 1;
  for (x %= modulus; n != 0; n >>= 1) {
    if (n & 1) out = static_cast<uint64_t>(Wide{out} * x % modulus);
    x = static_cast<uint64_t>(Wide{x} * x % modulus);
  }
  return out;
}

// Miller and Rabin; these bases suffice below 2^64.
bool is_prime(uint64_t n) {
  constexpr uint64_t kBases[] = {2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37};
  if (n < 2) return false;
  for (uint64_t p : kBases)
    if (n % p == 0) return n == p;
  const int twos = __builtin_ctzll(n - 1);
  for (uint64_t base : kBases) {
    uint64_t x = power(base, (n - 1) >> twos, n);
    bool passes = x == 1 || x == n - 1;
    for (int i = 1; i < twos && !passes; ++i) {
      x = static_cast<uint64_t>(Wide{x} * x % n);
      passes = x == n - 1;
    }
    if (!passes) return false;
  }
  return true;
}

}  // namespace

// std::__next_prime(n): how many buckets a hash table of at least n has.
Result imp_cxx_next_prime(Call& c) {
  constexpr uint64_t kLargest = 0xffffffffffffffc5;  // of the primes below 2^64
  uint64_t n = c.a[0];
  if (n == 0) return 0;
  if (n > kLargest) throw Unsupported("libc++'s next_prime has no prime as large: the call");
  while (!is_prime(n)) ++n;  // gaps are of at most some hundreds there
  return c.give(n);
}

}  // namespace deferscope::emu::darwin
