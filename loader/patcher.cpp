// See patcher.h.
#include "loader/patcher.h"

#include <algorithm>

namespace deferscope::loader {

Segment* segment_at(Parts* parts, uint64_t vaddr) {
  auto& all = parts->segments;
  auto after =
      std::upper_bound(all.begin(), all.end(), vaddr, [](uint64_t a, const Segment& s) { return a < s.vaddr; });
  if (after == all.begin()) return nullptr;
  Segment& s = *std::prev(after);
  return vaddr - s.vaddr < s.bytes.size() ? &s : nullptr;
}

bool Patcher::write(uint64_t vaddr, uint64_t value) {
  if (!last_ || vaddr - last_->vaddr >= last_->bytes.size()) last_ = own(segment_at(parts_, vaddr));
  if (!last_) return false;
  uint64_t offset = vaddr - last_->vaddr;
  if (last_->bytes.size() - offset < 8) return false;
  std::memcpy(const_cast<uint8_t*>(last_->bytes.data()) + offset, &value, 8);  // our own copy, see own()
  return true;
}

Segment* Patcher::own(Segment* s) {
  if (!s || !owned_.insert(s).second) return s;
  parts_->relocated.emplace_back(s->bytes.begin(), s->bytes.end());
  s->bytes = parts_->relocated.back();
  return s;
}

}  // namespace deferscope::loader
