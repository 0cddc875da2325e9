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

// The text is in `out` when the writer is gone.
class JsonWriter {
 public:
  explicit JsonWriter(std::string& out) : out_(out) {}

  JsonWriter& open() { return before(), out_.put('{'), fresh_ = true, *this; }
  JsonWriter& open(std::string_view key) { return name(key), out_.put('{'), fresh_ = true, *this; }
  JsonWriter& close() { return out_.put('}'), fresh_ = false, *this; }
  JsonWriter& list(std::string_view key) { return name(key), out_.put('['), fresh_ = true, *this; }
  JsonWriter& end_list() { return out_.put(']'), fresh_ = false, *this; }
  void end_line() { out_.put('\n'); }

  JsonWriter& text(std::string_view key, std::string_view v) { return name(key), append_json_string(out_, v), *this; }
  JsonWriter& text_or_null(std::string_view key, std::string_view v) { return v.empty() ? null(key) : text(key, v); }
  // Text of ours, in which nothing needs escaping.
  JsonWriter& word(std::string_view key, std::string_view v) { return name(key), out_.put('"').put(v).put('"'), *this; }
  JsonWriter& number(std::string_view key, uint64_t v) { return name(key), out_.decimal(v), *this; }
  JsonWriter& hex(std::string_view key, uint64_t v) { return name(key), out_.put('"').hex(v).put('"'), *this; }
  JsonWriter& hex_or_null(std::string_view key, uint64_t v) { return v ? hex(key, v) : null(key); }
  JsonWriter& boolean(std::string_view key, bool v) { return name(key), out_.put(v ? "true" : "false"), *this; }
  JsonWriter& null(std::string_view key) { return name(key), out_.put("null"), *this; }
  JsonWriter& bytes(std::string_view key, const uint8_t* p, size_t n);  // "00ff…"
  // Text that is JSON already: a value, and key-value pairs.
  JsonWriter& raw(std::string_view key, std::string_view json) { return name(key), out_.put(json), *this; }
  JsonWriter& fragment(std::string_view json) { return before(), out_.put(json), *this; }
  // Elements of a list.
  JsonWriter& item(std::string_view v) { return before(), append_json_string(out_, v), *this; }

 private:
  [[gnu::always_inline]] void before() {
    if (!fresh_) out_.put(',');
    fresh_ = false;
  }
  [[gnu::always_inline]] void name(std::string_view key) {
    before();
    out_.put('"').put(key).put("\":");
  }
  TextBuffer out_;
  bool fresh_ = true;
};

}  // namespace deferscope::traces
