// Reads from a program's initial memory.
#include "loader/memory.h"

#include <algorithm>

namespace deferscope::loader {

Memory::Memory(std::vector<Segment> segments) : segments_(std::move(segments)) {
  std::sort(segments_.begin(), segments_.end(), [](const Segment& a, const Segment& b) { return a.vaddr < b.vaddr; });
}

const Segment* Memory::segment_at(uint64_t vaddr) const {
  auto after = std::upper_bound(segments_.begin(), segments_.end(), vaddr,
                                [](uint64_t address, const Segment& s) { return address < s.vaddr; });
  if (after == segments_.begin()) return nullptr;
  const Segment& s = *std::prev(after);
  return vaddr - s.vaddr < s.memsz ? &s : nullptr;
}

std::optional<Bytes> Memory::bytes_at(uint64_t vaddr, uint64_t size) const {
  const Segment* s = segment_at(vaddr);
  if (!s) return std::nullopt;
  return slice(s->bytes, vaddr - s->vaddr, size);
}

Bytes Memory::bytes_from(uint64_t vaddr) const {
  const Segment* s = segment_at(vaddr);
  if (!s || vaddr - s->vaddr >= s->bytes.size()) return {};
  return s->bytes.subspan(static_cast<size_t>(vaddr - s->vaddr));
}

bool Memory::read(uint64_t vaddr, std::span<uint8_t> out) const {
  const Segment* s = segment_at(vaddr);
  if (!s || out.size() > s->end() - vaddr) return false;
  uint64_t offset = vaddr - s->vaddr;
  size_t backed = offset < s->bytes.size() ? std::min<size_t>(out.size(), s->bytes.size() - offset) : 0;
  if (backed) std::memcpy(out.data(), s->bytes.data() + offset, backed);
  std::fill(out.begin() + static_cast<ptrdiff_t>(backed), out.end(), uint8_t{0});
  return true;
}

std::optional<std::string_view> Memory::go_string(uint64_t vaddr, uint64_t limit) const {
  auto pointer = read_u64(vaddr), length = read_u64(vaddr + 8);
  if (!pointer || !length || *length > limit) return std::nullopt;
  if (*length == 0) return std::string_view{};
  auto text = bytes_at(*pointer, *length);
  if (!text) return std::nullopt;
  return std::string_view(reinterpret_cast<const char*>(text->data()), text->size());
}

}  // namespace deferscope::loader
