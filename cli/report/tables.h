// Tables of a page's data: each piece of JSON is written once, and others name it by its number.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "traces/json_writer.h"

namespace deferscope::cli {

class Table {
 public:
  // The number of `json`.
  size_t add(std::string json) {
    const auto [at, fresh] = numbers_.try_emplace(std::move(json), pieces_.size());
    if (fresh) {
      pieces_.push_back(&at->first);
      bytes_ += at->first.size() + 1;
    }
    return at->second;
  }
  size_t add_text(std::string_view text) {
    std::string json;
    traces::append_json_string(json, text);
    return add(std::move(json));
  }
  size_t bytes() const { return bytes_; }
  void append(std::string& out) const {
    out += '[';
    for (size_t i = 0; i < pieces_.size(); ++i) (out += i ? ",\n" : "\n") += *pieces_[i];
    out += ']';
  }

 private:
  std::unordered_map<std::string, size_t> numbers_;
  std::vector<const std::string*> pieces_;  // keys of numbers_, which stay where they are
  size_t bytes_ = 0;
};

// Numbers and pieces of JSON in a row: "[1,2,[3]]".
class Row {
 public:
  Row& number(uint64_t n) { return piece(std::to_string(n)); }
  Row& signed_number(int64_t n) { return piece(std::to_string(n)); }
  Row& text(std::string_view s) {
    std::string json;
    traces::append_json_string(json, s);
    return piece(json);
  }
  Row& piece(std::string_view json) {
    if (out_.size() > 1) out_ += ',';
    out_ += json;
    return *this;
  }
  std::string json() const { return out_ + "]"; }

 private:
  std::string out_ = "[";
};

}  // namespace deferscope::cli
