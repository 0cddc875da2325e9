// JSON text of strings and numbers.
#include "traces/json_writer.h"

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

void append_json_string(TextBuffer& out, std::string_view s) {
  out.put('"');
  for (size_t i = 0; i < s.size();) {
    const auto c = static_cast<uint8_t>(s[i]);
    if (c == '"' || c == '\\') {
      out.put('\\').put(s[i++]);
    } else if (c < 0x20) {
      out.put("\\u00").byte(c);
      ++i;
    } else if (c < 0x80) {
      const size_t from = i;  // the plain run at once
      const auto plain = [&](size_t k) { return s[k] >= 0x20 && s[k] != '"' && s[k] != '\\'; };
      while (i < s.size() && plain(i)) ++i;
      out.put(s.substr(from, i - from));
    } else if (const size_t n = sequence(s, i)) {
      out.put(s.substr(i, n));
      i += n;
    } else {
      out.put("\xef\xbf\xbd");
      ++i;
    }
  }
  out.put('"');
}

void append_json_string(std::string& out, std::string_view s) {
  TextBuffer b(out);
  append_json_string(b, s);
}

JsonWriter& JsonWriter::bytes(std::string_view key, const uint8_t* p, size_t n) {
  name(key);
  out_.put('"');
  for (size_t i = 0; i < n; ++i) out_.byte(p[i]);
  out_.put('"');
  return *this;
}

}  // namespace deferscope::traces
