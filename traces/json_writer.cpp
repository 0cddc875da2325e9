// JSON text of strings and numbers.
#include "traces/json_writer.h"

#include <stdexcept>

#include "loader/printable.h"
#include "traces/plain_run.h"

namespace deferscope::traces {
namespace {

// \u202e; behind U+FFFF two of them.
void put_escape(TextBuffer& out, uint32_t code) {
  const auto unit = [&](uint32_t u) {
    out.put("\\u").byte(static_cast<uint8_t>(u >> 8)).byte(static_cast<uint8_t>(u));
  };
  if (code > 0xffff) {
    unit(0xd800 + ((code - 0x10000) >> 10));
    code = 0xdc00 + ((code - 0x10000) & 0x3ff);
  }
  unit(code);
}

}  // namespace

void append_json_string(TextBuffer& out, std::string_view s) {
  out.put('"');
  for (size_t i = 0; i < s.size();) {
    const auto c = static_cast<uint8_t>(s[i]);
    if (c == '"' || c == '\\') {
      out.put('\\').put(s[i++]);
    } else if (c >= 0x20 && c < 0x7f) {
      const size_t n = plain_run(s.substr(i));
      out.put(s.substr(i, n));
      i += n;
    } else {
      const loader::Character u = loader::character_at(s, i);
      if (!u.valid)
        out.put("\xef\xbf\xbd");
      else if (loader::is_control(u.code))
        put_escape(out, u.code);
      else
        out.put(s.substr(i, u.size));
      i += u.size;
    }
  }
  out.put('"');
}

void append_json_string(std::string& out, std::string_view s) {
  TextBuffer b(out);
  append_json_string(b, s);
}

JsonWord::JsonWord(std::string_view word) : size_(static_cast<uint8_t>(word.size() + 3)) {
  if (size_ > kSize) throw std::logic_error("a word of JSON that is too long");
  text_[0] = '"';
  std::memcpy(text_ + 1, word.data(), word.size());
  std::memcpy(text_ + 1 + word.size(), "\",", 2);
}

JsonWriter& JsonWriter::bytes(std::string_view key, const uint8_t* p, size_t n) {
  name(key);
  out_.put('"');
  for (size_t i = 0; i < n; ++i) out_.byte(p[i]);
  out_.put("\",");
  return *this;
}

}  // namespace deferscope::traces
