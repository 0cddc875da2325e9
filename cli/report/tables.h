// Tables of a page's data: each piece of JSON is written once, and others name it by its number.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
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

// Numbers of a table, in runs: a negative number stands for so many that follow the one before it by one each. What is
// new to a table gets such numbers, so lists that differ in little are short.
class Runs {
 public:
  void add(uint64_t n) {
    if (!runs_.empty() && n == runs_.back().first + runs_.back().second + 1)
      ++runs_.back().second;
    else
      runs_.push_back({n, 0});
  }
  std::string json() const {
    std::string out = "[";
    for (const auto& [first, more] : runs_) {
      out += (out.size() > 1 ? "," : "") + std::to_string(first);
      if (more) out += ",-" + std::to_string(more);
    }
    return out + "]";
  }

 private:
  std::vector<std::pair<uint64_t, uint64_t>> runs_;  // the first, and how many follow
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
