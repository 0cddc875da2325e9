// Bounds-checked little-endian reads from untrusted bytes. Everything that the loader reads from a file goes through
// here.
#pragma once
#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>

namespace deferscope::loader {

static_assert(std::endian::native == std::endian::little,
              "guests and file formats are little-endian; so must the host be");

using Bytes = std::span<const uint8_t>;

// The `size` bytes at `offset`, or nothing if they do not all exist. No overflow for any argument.
inline std::optional<Bytes> slice(Bytes bytes, uint64_t offset, uint64_t size) {
  if (offset > bytes.size() || size > bytes.size() - offset) return std::nullopt;
  return bytes.subspan(static_cast<size_t>(offset), static_cast<size_t>(size));
}

// The T (an integer or a packed struct of integers) at `offset`.
template <class T>
std::optional<T> get(Bytes bytes, uint64_t offset) {
  auto part = slice(bytes, offset, sizeof(T));
  if (!part) return std::nullopt;
  T value;
  std::memcpy(&value, part->data(), sizeof(T));
  return value;
}

// Longest name that is read. Names of generic functions have some thousand bytes at most; tables that let many names
// share one endless text would take minutes to look through.
inline constexpr size_t kMaxName = 16 << 10;

// The NUL-terminated string at `offset`; nothing if it starts or ends outside `bytes`, or is longer than kMaxName.
inline std::optional<std::string_view> c_string(Bytes bytes, uint64_t offset) {
  if (offset >= bytes.size()) return std::nullopt;
  const uint8_t* start = bytes.data() + offset;
  const void* end = std::memchr(start, 0, std::min(bytes.size() - static_cast<size_t>(offset), kMaxName + 1));
  if (!end) return std::nullopt;
  return std::string_view(reinterpret_cast<const char*>(start),
                          static_cast<size_t>(static_cast<const uint8_t*>(end) - start));
}

// The varint (LEB128, unsigned) at *offset, which moves behind it; nothing if it is cut off or longer than 64 bits.
inline std::optional<uint64_t> uvarint(Bytes bytes, uint64_t* offset) {
  uint64_t value = 0;
  for (unsigned shift = 0; shift < 64 && *offset < bytes.size(); shift += 7) {
    uint8_t byte = bytes[static_cast<size_t>((*offset)++)];
    value |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if (!(byte & 0x80)) return value;
  }
  return std::nullopt;
}

// The same of a signed one (LEB128, sign in the last byte's bit 6).
inline std::optional<int64_t> svarint(Bytes bytes, uint64_t* offset) {
  const uint64_t start = *offset;
  auto value = uvarint(bytes, offset);
  if (!value) return std::nullopt;
  const uint64_t bits = 7 * (*offset - start);
  if (bits < 64 && (bytes[static_cast<size_t>(*offset - 1)] & 0x40)) *value |= ~uint64_t{0} << bits;
  return static_cast<int64_t>(*value);
}

}  // namespace deferscope::loader
