// Values of the guest as text, by their types: arguments and captured words of deferred calls, variables that they
// change.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime_model/chain.h"
#include "runtime_model/guest.h"

namespace deferscope::model {

// Names addresses on a goroutine's stack by their frames: "main.f.SP+8", the name of the variable there being unknown.
class StackPlaces {
 public:
  // `owner`: the frame that most of them lie in, asked first; the others are unwound when needed. [lo, hi): the stack
  // in use.
  StackPlaces(const Guest& guest, uint64_t lo, uint64_t hi, const Function* owner, uint64_t owner_sp);
  bool holds(uint64_t address) const { return address >= lo_ && address < hi_; }
  // Empty if it is no address of that stack.
  std::string text(uint64_t address) const;
  // From its SP to the end of its arguments and results: bytes. 0 if not known.
  static uint64_t reach(const Program& program, const Function& function, uint64_t pc);

 private:
  const Guest& g_;
  uint64_t lo_, hi_;
  const Function* owner_;
  uint64_t owner_sp_;
  mutable std::optional<Unwound> frames_;
};

// The value that `bytes` hold, in one line. `stack` nullptr: stack addresses stay numbers.
std::string shown(const Guest& guest, const Shape& shape, std::span<const uint8_t> bytes, const StackPlaces* stack);
// A word of unknown type: a place on the stack, a symbol, else a number.
std::string shown_word(const Guest& guest, uint64_t word, const StackPlaces* stack);

// Fills `type` and `shown` of captured words. `&x` and its target's place are both said: "main.f.SP+8".
void describe_captured(const Guest& guest, Deferred& d, const StackPlaces& stack);

// ≤ 1.17: the bytes behind a record, by the parameters of the deferred function; without DWARF by words.
std::vector<TypedValue> typed_arguments(const Guest& guest, const Function* deferred, std::span<const uint8_t> bytes,
                                        const StackPlaces& stack);

}  // namespace deferscope::model
