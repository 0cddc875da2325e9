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

  // Bytes of the n-th frame that are to be claimed. One frame may have several ranges.
  void add_range(size_t frame, uint64_t lo, uint64_t hi) {
    ranges_.push_back({frame, lo, hi, {}, std::vector<bool>(hi - lo)});
  }

  // False: they lie in no range, or part of them is taken.
  bool claim(Slot s);
  // A value of that type, by its words.
  void claim_value(uint64_t at, const Shape& shape, Role role, const std::string& name);
  // What is left of [lo, hi), by words; `name` by the distance from lo.
  void claim_rest(uint64_t lo, uint64_t hi, Role role, const std::function<std::string(uint64_t)>& name);
  bool holds(uint64_t address) const { return range_of(address, 1) != nullptr; }
  // The first address from there on that is to be claimed; UINT64_MAX: none.
  uint64_t next_held(uint64_t address) const;
  bool taken(uint64_t address) const;

  // By address, of the n-th frame.
  std::vector<Slot> take(size_t frame);

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

  struct Range {
    size_t frame;
    uint64_t lo, hi;
    std::vector<Slot> slots;
    std::vector<bool> taken;
  };
  Range* range_of(uint64_t address, uint64_t size) {
    return const_cast<Range*>(std::as_const(*this).range_of(address, size));
  }
  const Range* range_of(uint64_t address, uint64_t size) const {
    for (const Range& r : ranges_)
      if (address >= r.lo && size <= r.hi - r.lo && address - r.lo <= r.hi - r.lo - size) return &r;
    return nullptr;
  }

  const Guest& g_;
  const StackPlaces& places_;
  std::vector<Range> ranges_;
};

}  // namespace deferscope::model
