// What a deferred function does to the variables of the function that owns it, where DWARF names them and they lie in
// the frame (or are reached from it): values before and after the call.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "runtime_model/events.h"
#include "runtime_model/guest.h"

namespace deferscope::model {

// Values at the start of a deferred call. Copied with the tracker.
struct EffectProbe {
  const void* variables = nullptr;           // the cached list they belong to
  std::vector<std::vector<uint8_t>> before;  // by variable; empty: not readable
};

class Effects {
 public:
  explicit Effects(const Program& program) : p_(program) {}

  // Reads the owner's variables; the frame stands at owner.pc. Cheap after the first time for the same pc.
  EffectProbe before(const Guest& guest, const FrameId& owner);
  // Compares; `sp` is the frame's SP now (the stack may have moved).
  void after(const Guest& guest, const EffectProbe& probe, uint64_t sp, std::vector<Effect>& changed,
             std::vector<std::string>& unchanged_results) const;

 private:
  struct Slot {
    std::string name, type;
    bool result = false, indirect = false;  // indirect: the frame holds its address
    int64_t offset = 0;                     // from the frame's SP
    uint64_t size = 0;
  };
  using Slots = std::vector<Slot>;
  Slots find(const FrameId& owner) const;
  static std::vector<uint8_t> read(const Guest& guest, const Slot& s, uint64_t sp);

  const Program& p_;
  Kept<Slots> by_pc_;
};

}  // namespace deferscope::model
