// Numbers to text, appended to a string without allocation or locale. Shared by the printers of both instruction sets.
#pragma once
#include <charconv>
#include <cstdint>
#include <string>

namespace deferscope::isa::text {

inline void dec(std::string& out, std::int64_t v) {
  char buf[24];
  out.append(buf, std::to_chars(buf, buf + sizeof buf, v).ptr);
}

inline void hex(std::string& out, std::uint64_t v) {  // 0x1f
  char buf[20] = {'0', 'x'};
  out.append(buf, std::to_chars(buf + 2, buf + sizeof buf, v, 16).ptr);
}

inline void signed_hex(std::string& out, std::int64_t v) {  // -0x8
  if (v < 0) out += '-';
  hex(out, v < 0 ? 0 - static_cast<std::uint64_t>(v) : static_cast<std::uint64_t>(v));
}

}  // namespace deferscope::isa::text
