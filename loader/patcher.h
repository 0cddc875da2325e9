// Writes words into segments whose bytes still lie in the file: each segment is copied before its first change.
// Internal to the room.
#pragma once
#include <set>

#include "loader/parts.h"

namespace deferscope::loader {

// The segment in whose file-backed bytes `vaddr` lies, or nullptr. The parts' segments must be in order.
Segment* segment_at(Parts* parts, uint64_t vaddr);

class Patcher {
 public:
  // `parts` must outlive it, and keeps the copies.
  explicit Patcher(Parts* parts) : parts_(parts) {}

  // The 8-byte word at `vaddr`. False, nothing written, if it is not all in one segment's file-backed bytes.
  bool write(uint64_t vaddr, uint64_t value);

 private:
  Segment* own(Segment* s);

  Parts* parts_;
  Segment* last_ = nullptr;
  std::set<Segment*> owned_;
};

}  // namespace deferscope::loader
