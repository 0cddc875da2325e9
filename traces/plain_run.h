// Text of JSON that stands as it is.
#pragma once
#include <cstdint>
#include <cstring>
#include <string_view>

namespace deferscope::traces {

// How many of the first bytes are printable ASCII without quotes and backslashes; eight are looked at together.
inline size_t plain_run(std::string_view s) {
  constexpr uint64_t kOnes = ~uint64_t{0} / 255, kHighs = kOnes << 7;
  const auto zero = [](uint64_t w) { return (w - kOnes) & ~w & kHighs; };  // a bit above the first byte that is 0
  size_t i = 0;
  for (; s.size() - i >= 8; i += 8) {
    uint64_t w;
    std::memcpy(&w, s.data() + i, 8);
    if (w & kHighs || (w - kOnes * 0x20) & kHighs || zero(w ^ kOnes * '"') || zero(w ^ kOnes * '\\') ||
        zero(w ^ kOnes * 0x7f))
      break;
  }
  while (i < s.size() && s[i] >= 0x20 && s[i] < 0x7f && s[i] != '"' && s[i] != '\\') ++i;
  return i;
}

}  // namespace deferscope::traces
