// Positions as all texts spell them: 61431 → "61,431".
#pragma once
#include <cstdint>
#include <string>

namespace deferscope::session {

inline std::string grouped(uint64_t n) {
  const std::string digits = std::to_string(n);
  std::string out;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i && (digits.size() - i) % 3 == 0) out += ',';
    out += digits[i];
  }
  return out;
}

}  // namespace deferscope::session
