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
#include "runtime_model/events.h"
#include "runtime_model/guest.h"

namespace deferscope::model {

// Names addresses on a goroutine's stack by their frames: "main.f.SP+8", the name of the variable there being unknown.
class StackPlaces {
 public:
  // `owner`: the frame that most of them lie in, asked first; the others are unwound when needed.
  // [lo, hi): the stack in use.
  StackPlaces(const Guest& guest, uint64_t lo, uint64_t hi, const FrameId& owner)
      : g_(guest), lo_(lo), hi_(hi), owner_(owner) {}
  // With the goroutine's frames at hand.
  StackPlaces(const Guest& guest, uint64_t lo, uint64_t hi, const Unwound& frames)
      : g_(guest), lo_(lo), hi_(hi), given_(&frames) {}
  bool holds(uint64_t address) const { return address >= lo_ && address < hi_; }
  struct FrameOffset {
    const Function* function = nullptr;  // nullptr: in no frame that can be told
    uint64_t offset = 0;                 // from its SP
  };
  FrameOffset find(uint64_t address) const;  // of an address that it holds
  std::string text(uint64_t address) const;  // empty if it does not hold it

 private:
  const Guest& g_;
  uint64_t lo_, hi_;
  FrameId owner_;
  const Unwound* given_ = nullptr;
  mutable std::optional<Unwound> frames_;
  mutable size_t unwound_ = 0;
};

constexpr uint64_t kDecimal = uint64_t{1} << 20;  // words of unknown type are shown in decimal below this

// The value that `bytes` hold, in one line. `stack` nullptr: stack addresses stay numbers.
std::string shown(const Guest& guest, const Shape& shape, std::span<const uint8_t> bytes, const StackPlaces* stack);
// A word of unknown type: a place on the stack, a symbol, else a number.
std::string shown_word(const Guest& guest, uint64_t word, const StackPlaces* stack);

// Finds out of captured words what it takes the guest's memory or its stack to say.
void describe_captured(const Guest& guest, Deferred& d, const StackPlaces& stack);
// The text of a captured word of an event, which need not be told when it is made.
// Empty for a later part of a variable.
std::string captured_text(const Program& program, const Captured& c);

// ≤ 1.17: the bytes behind a record, by the parameters of the deferred function; without DWARF by words.
std::vector<TypedValue> typed_arguments(const Guest& guest, const Function* deferred, std::span<const uint8_t> bytes,
                                        const StackPlaces& stack);

}  // namespace deferscope::model
