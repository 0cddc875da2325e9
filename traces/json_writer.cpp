// JSON text of strings and numbers.
#include "traces/json_writer.h"

#include <fmt/format.h>

namespace deferscope::traces {
namespace {

// Bytes of the valid UTF-8 sequence at s[i], 0 if there is none.
size_t sequence(std::string_view s, size_t i) {
  const auto at = [&](size_t k) { return k < s.size() ? static_cast<uint8_t>(s[k]) : uint8_t{0}; };
  const uint8_t c = at(i);
  const size_t n = c < 0x80 ? 1 : c >= 0xc2 && c < 0xe0 ? 2 : c >= 0xe0 && c < 0xf0 ? 3 : c >= 0xf0 && c < 0xf5 ? 4 : 0;
  for (size_t k = 1; k < n; ++k)
    if ((at(i + k) & 0xc0) != 0x80) return 0;
  const uint8_t second = at(i + 1);
  const bool overlong = (c == 0xe0 && second < 0xa0) || (c == 0xf0 && second < 0x90);
  const bool outside = (c == 0xed && second >= 0xa0) || (c == 0xf4 && second >= 0x90);
  return n > 1 && (overlong || outside) ? 0 : n;
}

}  // namespace

void append_json_string(std::string& out, std::string_view s) {
  out += '"';
  for (size_t i = 0; i < s.size();) {
    const auto c = static_cast<uint8_t>(s[i]);
    if (c == '"' || c == '\\') {
      out += '\\', out += s[i++];
    } else if (c < 0x20) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", c);
      ++i;
    } else if (c < 0x80) {
      const size_t from = i;  // the plain run at once
      const auto plain = [&](size_t k) { return s[k] >= 0x20 && s[k] != '"' && s[k] != '\\'; };
      while (i < s.size() && plain(i)) ++i;
      out += s.substr(from, i - from);
    } else if (const size_t n = sequence(s, i)) {
      out += s.substr(i, n);
      i += n;
    } else {
      out += "\xef\xbf\xbd";
      ++i;
    }
  }
  out += '"';
}

void append_hex(std::string& out, uint64_t v) {
  char b[18];
  char* p = b + sizeof b;
  do {
    *--p = "0123456789abcdef"[v & 15];
    v >>= 4;
  } while (v);
  *--p = 'x', *--p = '0';
  out.append(p, static_cast<size_t>(b + sizeof b - p));
}

void append_decimal(std::string& out, uint64_t v) {
  const fmt::format_int f(v);
  out.append(f.data(), f.size());
}

JsonWriter& JsonWriter::bytes(std::string_view key, const uint8_t* p, size_t n) {
  name(key);
  out_ += '"';
  for (size_t i = 0; i < n; ++i) out_ += "0123456789abcdef"[p[i] >> 4], out_ += "0123456789abcdef"[p[i] & 15];
  out_ += '"';
  return *this;
}

}  // namespace deferscope::traces
