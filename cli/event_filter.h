// Which events of a stream are meant: the flags that `show` and `trace` share.
#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "runtime_model/events.h"
#include "runtime_model/kept.h"

namespace re2 {
class RE2;
}

namespace deferscope::cli {

class Verb;

struct FilterFlags {
  std::string function;  // a regular expression
  std::vector<std::string> kinds;
  uint64_t goroutine = 0;  // 0: all
  uint64_t from = 0, to = UINT64_MAX;
  bool chooses() const { return goroutine || !function.empty() || !kinds.empty() || from || to != UINT64_MAX; }
  std::string text() const;  // the flags as they are given, words quoted as a shell reads them; "": none
  // What text() made of --function and --goroutine. Throws emu::Error for what it did not make.
  static FilterFlags whose(std::string_view text);
};

void add_filter_flags(Verb& verb, FilterFlags& flags);

class Filter {
 public:
  // Throws emu::Error for what is no regular expression.
  explicit Filter(const FilterFlags& flags);
  ~Filter();
  bool takes(const model::Event& e) const;
  bool takes_function(std::string_view name) const;

 private:
  static constexpr size_t kKinds = static_cast<size_t>(model::EventKind::count);
  bool matches(model::Name n) const;
  bool of_function(const model::Event& e) const;

  std::array<bool, kKinds> kinds_{};
  uint64_t goroutine_, from_, to_;
  std::unique_ptr<re2::RE2> function_;
  mutable model::Kept<int8_t> matched_;  // by name: 1, or -1
};

}  // namespace deferscope::cli
