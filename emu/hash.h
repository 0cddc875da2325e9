// A fast 64-bit hash for digests: not cryptographic, equal on every host.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace deferscope::emu {

inline uint64_t mix(uint64_t h, uint64_t x) {
  const unsigned __int128 p = static_cast<unsigned __int128>(h ^ x ^ 0x9e3779b97f4a7c15u) * 0xd6e8feb86659fd93u;
  return static_cast<uint64_t>(p) ^ static_cast<uint64_t>(p >> 64);
}

inline uint64_t hash_bytes(uint64_t h, const void* data, size_t n) {
  const auto* p = static_cast<const uint8_t*>(data);
  for (; n >= 8; p += 8, n -= 8) {
    uint64_t x;
    std::memcpy(&x, p, 8);
    h = mix(h, x);
  }
  uint64_t tail = n;
  for (; n > 0; ++p, --n) tail = tail << 8 | *p;
  return mix(h, tail);
}

}  // namespace deferscope::emu
