// Private to the roles: who claims which bytes of a stack. The first claim holds.
#pragma once
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "runtime_model/roles.h"
#include "runtime_model/typed.h"

namespace deferscope::model {

class Claims {
 public:
  Claims(const Guest& guest, const StackPlaces& places) : g_(guest), places_(places) {}

  // Bytes that are to be claimed: those of one frame.
  void add_frame(uint64_t lo, uint64_t hi) { frames_.push_back({lo, hi, {}, std::vector<bool>(hi - lo)}); }

  // False: they lie in no frame, or part of them is taken.
  bool claim(Slot s);
  // A value of that type, by its words.
  void claim_value(uint64_t at, const Shape& shape, Role role, const std::string& name);
  // What is left of [lo, hi), by words; `name` by the distance from lo.
  void claim_rest(uint64_t lo, uint64_t hi, Role role, const std::function<std::string(uint64_t)>& name);
  bool holds(uint64_t address) const { return frame_of(address, 1) != nullptr; }
  bool taken(uint64_t address) const;

  // By address, of the n-th frame.
  std::vector<Slot> take(size_t n);

  // The words of a value, filled in: what claim_value claims.
  std::vector<Slot> words_of(uint64_t at, const Shape& shape, Role role, const std::string& name) const {
    return words_of(at, shape, role, name, false);
  }
  // Those that are not taken.
  std::vector<Slot> free_words_of(uint64_t at, const Shape& shape, Role role, const std::string& name) const {
    return words_of(at, shape, role, name, true);
  }
  // Of a value that lies elsewhere, at addresses from 0 on.
  std::vector<Slot> words_in(std::span<const uint8_t> bytes, const Shape& shape, const std::string& name) const;
  // Reads its bytes, and makes text of them where there is none.
  void fill(Slot& s) const;

 private:
  std::vector<Slot> words_of(uint64_t at, const Shape& shape, Role role, const std::string& name, bool free) const;
  bool is_free(uint64_t at, uint64_t size) const;

  struct OfFrame {
    uint64_t lo, hi;
    std::vector<Slot> slots;
    std::vector<bool> taken;
  };
  OfFrame* frame_of(uint64_t address, uint64_t size) {
    return const_cast<OfFrame*>(std::as_const(*this).frame_of(address, size));
  }
  const OfFrame* frame_of(uint64_t address, uint64_t size) const {
    for (const OfFrame& f : frames_)
      if (address >= f.lo && size <= f.hi - f.lo && address - f.lo <= f.hi - f.lo - size) return &f;
    return nullptr;
  }

  const Guest& g_;
  const StackPlaces& places_;
  std::vector<OfFrame> frames_;
};

}  // namespace deferscope::model
