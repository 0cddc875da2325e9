// Reading one line of JSON front to back, without a tree of values: who reads says what must come next. For streams of
// a million events.
#pragma once
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

namespace deferscope::traces {

// What a trace says that no trace may say: one line, with its place.
class TraceError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Each function takes what it is named after, or throws a TraceError with the column.
class JsonReader {
 public:
  explicit JsonReader(std::string_view text) : begin_(text.data()), p_(begin_), end_(begin_ + text.size()) {}

  // An object: open(), then key() before each value until it says false. Lists likewise. `first` is the caller's, and
  // true before the first.
  void open() { take('{'); }
  bool key(bool& first, std::string_view& key);  // a key has no escapes, else it is none of ours
  void list() { take('['); }
  bool element(bool& first) { return next(first, ']'); }
  void end();  // nothing follows

  bool null();  // takes `null` if it is there
  bool boolean();
  uint64_t number();          // a whole number, as decimal digits
  std::string_view string();  // valid until the next string
  void skip();                // any value

  [[noreturn]] void fail(const std::string& what) const;

 private:
  void space() {
    while (p_ != end_ && (*p_ == ' ' || *p_ == '\t' || *p_ == '\r')) ++p_;
  }
  void take(char c);
  bool word(std::string_view w);
  bool next(bool& first, char close);
  void escape(const char*& p);
  void character(const char*& p) const;
  uint32_t unit(const char*& p) const;

  const char* begin_;
  const char* p_;
  const char* end_;
  std::string unescaped_;
};

}  // namespace deferscope::traces
