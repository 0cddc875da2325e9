#include "traces/typeset.h"

#include <algorithm>

namespace deferscope::traces {

size_t columns_of(std::string_view s) {
  return static_cast<size_t>(std::count_if(s.begin(), s.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

std::string cut(const std::string& s, size_t width) {
  if (columns_of(s) <= width) return s;
  std::string out;
  size_t n = 0;
  for (size_t i = 0; i < s.size() && n + 1 < width; ++n) {
    size_t end = i + 1;
    while (end < s.size() && (s[end] & 0xc0) == 0x80) ++end;
    out.append(s, i, end - i);
    i = end;
  }
  return out + "…";
}

std::string markup(std::string_view s) {
  std::string out;
  for (const char c : s) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      default: out += c;
    }
  }
  return out;
}

}  // namespace deferscope::traces
