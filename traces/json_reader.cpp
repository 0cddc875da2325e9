#include "traces/json_reader.h"

#include <fmt/format.h>

#include <utility>

#include "loader/printable.h"
#include "traces/plain_run.h"

namespace deferscope::traces {

void JsonReader::fail(const std::string& what) const {
  throw TraceError(fmt::format("column {}: {}", p_ - begin_ + 1, what));
}

void JsonReader::take(char c) {
  space();
  if (p_ == end_) fail(fmt::format("the line ends where {} is expected", c));
  if (*p_ != c) fail(fmt::format("{} is expected", c));
  ++p_;
}

bool JsonReader::next(bool& first, char close) {
  space();
  if (p_ != end_ && *p_ == close) return ++p_, false;
  if (!first) take(',');
  first = false;
  return true;
}

bool JsonReader::key(bool& first, std::string_view& key) {
  if (!next(first, '}')) return false;
  key = string();
  take(':');
  return true;
}

void JsonReader::end() {
  space();
  if (p_ != end_) fail("something follows the object");
}

bool JsonReader::word(std::string_view w) {
  space();
  if (std::string_view(p_, static_cast<size_t>(end_ - p_)).substr(0, w.size()) != w) return false;
  p_ += w.size();
  return true;
}

bool JsonReader::null() { return word("null"); }

bool JsonReader::boolean() {
  if (word("true")) return true;
  if (!word("false")) fail("true or false is expected");
  return false;
}

uint64_t JsonReader::number() {
  space();
  const char* from = p_;
  uint64_t v = 0;
  for (; p_ != end_ && *p_ >= '0' && *p_ <= '9'; ++p_) {
    const auto digit = static_cast<uint64_t>(*p_ - '0');
    if (v > (UINT64_MAX - digit) / 10) fail("the number is too large");
    v = 10 * v + digit;
  }
  if (p_ == from || (*from == '0' && p_ != from + 1)) fail("a whole number is expected");
  if (p_ != end_ && (*p_ == '.' || *p_ == 'e' || *p_ == 'E')) fail("a whole number is expected");
  return v;
}

std::string_view JsonReader::string() {
  space();
  if (p_ == end_ || *p_ != '"') fail("a text is expected");
  const char* from = ++p_;
  const char* p = from;
  bool plain = true;
  for (p += plain_run({p, static_cast<size_t>(end_ - p)}); p != end_ && *p != '"'; ++p) {
    const auto c = static_cast<uint8_t>(*p);
    if (c < 0x20) fail("a control character in a text");
    if (c >= 0x80) character(p);
    if (c != '\\') continue;
    if (std::exchange(plain, false)) unescaped_.clear();
    unescaped_.append(from, p);
    escape(p);
    from = p + 1;
  }
  if (p == end_) fail("the text does not end");
  p_ = p + 1;
  if (plain) return {from, static_cast<size_t>(p - from)};
  unescaped_.append(from, p);
  return unescaped_;
}

// At one beyond ASCII; comes to stand on its last byte.
void JsonReader::character(const char*& p) const {
  const loader::Character c = loader::character_at({p, static_cast<size_t>(end_ - p)}, 0);
  if (!c.valid) fail("a text is no UTF-8");
  p += c.size - 1;
}

// Four hexadecimal digits behind p, which comes to stand on the last.
uint32_t JsonReader::unit(const char*& p) const {
  uint32_t v = 0;
  for (int i = 0; i < 4; ++i) {
    ++p;
    const int digit = p == end_                ? -1
                      : *p >= '0' && *p <= '9' ? *p - '0'
                      : *p >= 'a' && *p <= 'f' ? *p - 'a' + 10
                      : *p >= 'A' && *p <= 'F' ? *p - 'A' + 10
                                               : -1;
    if (digit < 0) fail("an escape in a text is cut off");
    v = 16 * v + static_cast<uint32_t>(digit);
  }
  return v;
}

// At a backslash; comes to stand on the escape's last character.
void JsonReader::escape(const char*& p) {
  static constexpr std::string_view kFrom = "\"\\/bfnrt", kTo = "\"\\/\b\f\n\r\t";
  if (++p == end_) fail("the text does not end");
  if (const size_t i = kFrom.find(*p); i != kFrom.npos) {
    unescaped_ += kTo[i];
    return;
  }
  if (*p != 'u') fail("no such escape in a text");
  uint32_t code = unit(p);
  if (code >= 0xd800 && code < 0xdc00) {
    if (end_ - p < 3 || p[1] != '\\' || p[2] != 'u') fail("half a character in a text");
    p += 2;
    const uint32_t low = unit(p);
    if (low < 0xdc00 || low > 0xdfff) fail("half a character in a text");
    code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
  } else if (code >= 0xdc00 && code < 0xe000) {
    fail("half a character in a text");
  }
  const auto put = [&](uint32_t byte) { unescaped_ += static_cast<char>(byte); };
  if (code < 0x80) return put(code);
  if (code < 0x800) {
    put(0xc0 | code >> 6);
  } else {
    if (code < 0x10000) {
      put(0xe0 | code >> 12);
    } else {
      put(0xf0 | code >> 18);
      put(0x80 | (code >> 12 & 0x3f));
    }
    put(0x80 | (code >> 6 & 0x3f));
  }
  put(0x80 | (code & 0x3f));
}

// Nesting is counted, not followed: a line may nest as deep as it is long.
void JsonReader::skip() {
  size_t depth = 0;
  do {
    space();
    if (p_ == end_) fail("the line ends within a value");
    switch (*p_) {
      case '{':
      case '[': ++depth, ++p_; break;
      case '}':
      case ']':
        if (depth == 0) fail("a value is expected");
        --depth, ++p_;
        break;
      case '"': string(); break;
      case ',':
      case ':':
        if (depth == 0) fail("a value is expected");
        ++p_;
        break;
      default:
        if (null() || word("true") || word("false")) break;
        number();
    }
  } while (depth != 0);
}

}  // namespace deferscope::traces
