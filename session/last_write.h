// Who wrote a word last, before here.
#pragma once
#include <optional>

#include "session/reader.h"
#include "session/timeline.h"

namespace deferscope::session {

struct LastWrite {
  enum Kind : uint8_t { nobody, instruction, edit } kind = nobody;
  emu::Position position = 0;      // instruction: before it ran; edit: where it was made
  uint64_t address = 0;            // where the word was then: a stack that moved since took it along
  uint64_t value = 0;              // what is there now
  std::optional<uint64_t> before;  // instruction: what was there; nothing: not mapped
};

// Of [address, address + size), size ≤ 8. Stands where it stood afterwards. Clears hooks and watchpoints. Throws Error
// if it is not mapped.
LastWrite last_write(Timeline& time, const Reader& reader, uint64_t address, unsigned size);

}  // namespace deferscope::session
