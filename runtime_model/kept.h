// What is found out once for an address, or for an object at an address, and kept: looked up at every event, so without
// a list to walk. Values never move and are never dropped.
#pragma once
#include <cstdint>
#include <deque>
#include <utility>
#include <vector>

namespace deferscope::model {

template <class Value>
class Kept {
 public:
  // nullptr: none.
  Value* find(uint64_t key) const { return slots_[slot_of(key)].value; }
  // The value of `key`, made by its default constructor if there is none: then true.
  std::pair<Value*, bool> at(uint64_t key) {
    Slot* s = &slots_[slot_of(key)];
    if (s->value) return {s->value, false};
    if (2 * values_.size() >= slots_.size()) {
      grow();
      s = &slots_[slot_of(key)];
    }
    *s = {key, &values_.emplace_back()};
    return {s->value, true};
  }
  Value& operator[](uint64_t key) { return *at(key).first; }
  template <class Object>
  std::pair<Value*, bool> of(const Object* o) {
    return at(reinterpret_cast<uintptr_t>(o));
  }
  template <class Each>
  void each(Each call) const {  // call(key, value), in no order
    for (const Slot& s : slots_)
      if (s.value) call(s.key, *s.value);
  }
  size_t size() const { return values_.size(); }

 private:
  struct Slot {
    uint64_t key = 0;
    Value* value = nullptr;
  };
  // Where the key is, or the free slot in which it would be.
  size_t slot_of(uint64_t key) const {
    size_t i = (key * 0x9e3779b97f4a7c15u) >> shift_;
    while (slots_[i].value && slots_[i].key != key) i = (i + 1) & (slots_.size() - 1);
    return i;
  }
  void grow() {
    std::vector<Slot> old(2 * slots_.size());
    old.swap(slots_);
    --shift_;
    for (const Slot& s : old)
      if (s.value) slots_[slot_of(s.key)] = s;
  }

  std::deque<Value> values_;
  std::vector<Slot> slots_{16};
  int shift_ = 60;  // 64 - log2 of the slots
};

}  // namespace deferscope::model
