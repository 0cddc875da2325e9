// A name that a run repeats (of a function, a variable): its text is kept once for the whole process and never dropped,
// so that an event that has it needs nobody else, and copying and comparing names costs a word.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace deferscope::model {

class Name {
 public:
  constexpr Name() = default;            // none
  explicit Name(std::string_view text);  // Cost: a lock and a hash: who makes the same name often keeps it.
  explicit operator bool() const { return text_; }
  std::string_view text() const { return text_ ? std::string_view(*text_) : std::string_view(); }
  // The same for equal names, within one process.
  uintptr_t id() const { return reinterpret_cast<uintptr_t>(text_); }
  static Name from_id(uintptr_t id) {
    Name n;
    n.text_ = reinterpret_cast<const std::string*>(id);
    return n;
  }
  friend bool operator==(Name a, Name b) { return a.text_ == b.text_; }
  friend bool operator==(Name a, std::string_view b) { return a.text() == b; }

 private:
  const std::string* text_ = nullptr;
};

}  // namespace deferscope::model
