// Writing JSON by hand: keys in the order in which they are written, always; 64-bit values as hex strings. For streams
// of a million events, where a tree of values would cost more than the run.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "traces/text_buffer.h"

namespace deferscope::traces {

// Appends s as a JSON string: what is not UTF-8 becomes U+FFFD, what loader::is_control names \u202e.
void append_json_string(TextBuffer& out, std::string_view s);
void append_json_string(std::string& out, std::string_view s);

// A word of ours, in which nothing needs escaping, as it is written: quoted, a comma behind it.
class JsonWord {
 public:
  static constexpr size_t kSize = 32;
  explicit JsonWord(std::string_view word);  // of at most kSize - 3 bytes
  const char* data() const { return text_; }
  size_t size() const { return size_; }

 private:
  char text_[kSize] = {};
  uint8_t size_;
};

// Each value is followed by a comma, which what closes its object or list takes away again: so nobody needs to know
// whether it is the first. Where the key is a constant, it is one piece with the quotes. The text is in `out` when the
// writer is gone.
class JsonWriter {
 public:
  explicit JsonWriter(std::string& out) : out_(out) {}
  ~JsonWriter() { out_.drop(','); }

  JsonWriter& open() { return out_.put('{'), *this; }
  JsonWriter& open(std::string_view key) { return name(key), out_.put('{'), *this; }
  JsonWriter& close() { return out_.drop(','), out_.put("},"), *this; }
  JsonWriter& list(std::string_view key) { return name(key), out_.put('['), *this; }
  JsonWriter& end_list() { return out_.drop(','), out_.put("],"), *this; }
  void end_line() { out_.drop(','), out_.put('\n'); }

  JsonWriter& text(std::string_view key, std::string_view v) { return name(key), item(v); }
  JsonWriter& text_or_null(std::string_view key, std::string_view v) { return v.empty() ? null(key) : text(key, v); }
  // Text of ours, in which nothing needs escaping.
  JsonWriter& word(std::string_view key, std::string_view v) {
    return name(key), out_.put('"').put(v).put("\","), *this;
  }
  [[gnu::always_inline]] JsonWriter& word(std::string_view key, const JsonWord& v) {
    char* p = begin(key, JsonWord::kSize);
    std::memcpy(p, v.data(), JsonWord::kSize);
    return end(p + v.size());
  }
  [[gnu::always_inline]] JsonWriter& number(std::string_view key, uint64_t v) {
    char* p = begin(key, TextBuffer::kDecimalRoom + 1);
    p += TextBuffer::write_decimal(v, p);
    *p = ',';
    return end(p + 1);
  }
  [[gnu::always_inline]] JsonWriter& hex(std::string_view key, uint64_t v) {
    char* p = begin(key, 21);
    *p = '"';
    p += 1 + TextBuffer::write_hex(v, p + 1);
    std::memcpy(p, "\",", 2);
    return end(p + 2);
  }
  [[gnu::always_inline]] JsonWriter& hex_or_null(std::string_view key, uint64_t v) {
    return v ? hex(key, v) : null(key);
  }
  [[gnu::always_inline]] JsonWriter& boolean(std::string_view key, bool v) {
    char* p = begin(key, 6);
    std::memcpy(p, v ? "true, " : "false,", 6);
    return end(p + (v ? 5 : 6));
  }
  [[gnu::always_inline]] JsonWriter& null(std::string_view key) {
    char* p = begin(key, 5);
    std::memcpy(p, "null,", 5);
    return end(p + 5);
  }
  JsonWriter& bytes(std::string_view key, const uint8_t* p, size_t n);  // "00ff…"
  // Text that is JSON already: a value, and key-value pairs.
  [[gnu::always_inline]] JsonWriter& raw(std::string_view key, std::string_view json) {
    if (json.size() > kShort) return name(key), out_.put(json).put(','), *this;
    char* p = begin(key, json.size() + 1);
    std::memcpy(p, json.data(), json.size());
    p[json.size()] = ',';
    return end(p + json.size() + 1);
  }
  // All of it is in `out` then; until then some bytes wait.
  void flush() { out_.flush(); }
  size_t waiting() const { return out_.used(); }
  JsonWriter& fragment(std::string_view json) { return out_.put(json).put(','), *this; }
  // Elements of a list.
  JsonWriter& item(std::string_view v) { return append_json_string(out_, v), out_.put(','), *this; }

 private:
  static constexpr size_t kShort = 512;  // what goes with its key
  // Behind "key": and room for `more`. Pointers in registers: each step through the buffer's would wait for the last.
  [[gnu::always_inline]] char* begin(std::string_view key, size_t more) {
    char* p = out_.at(key.size() + 3 + more);
    *p++ = '"';
    std::memcpy(p, key.data(), key.size());
    std::memcpy(p + key.size(), "\":", 2);
    return p + key.size() + 2;
  }
  [[gnu::always_inline]] JsonWriter& end(char* p) { return out_.wrote(p), *this; }
  [[gnu::always_inline]] void name(std::string_view key) { end(begin(key, 0)); }
  TextBuffer out_;
};

}  // namespace deferscope::traces
