// The initial memory of a program: what its file says lies at each address before the first instruction.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "loader/bytes.h"

namespace deferscope::loader {

// One loadable segment, at its final (relocated) address.
struct Segment {
  uint64_t vaddr = 0;    // first byte; not necessarily page-aligned
  uint64_t memsz = 0;    // bytes in memory, >= filesz; the rest is zero
  uint64_t fileoff = 0;  // where its initial bytes lie in the file (before relocation)
  uint64_t filesz = 0;   // == bytes.size()
  bool read = false, write = false, exec = false;
  bool sealed = false;  // Mach-O: loses `write` once the imports are filled in (SG_READ_ONLY)
  std::string name;     // ELF: "LOAD0"…; Mach-O: "__TEXT"…
  Bytes bytes;          // initial contents, relocated; owned by the Image

  uint64_t end() const { return vaddr + memsz; }
};

// Segments sorted by address, not overlapping, and reads from them. Addresses are guest addresses.
class Memory {
 public:
  Memory() = default;
  explicit Memory(std::vector<Segment> segments);

  const std::vector<Segment>& segments() const { return segments_; }
  // The segment that holds `vaddr`, or nullptr. O(log segments).
  const Segment* segment_at(uint64_t vaddr) const;
  // The bytes [vaddr, vaddr+size) if they lie in one segment's file-backed part.
  std::optional<Bytes> bytes_at(uint64_t vaddr, uint64_t size) const;
  // All file-backed bytes from vaddr to the end of its segment's file-backed part (maybe empty).
  Bytes bytes_from(uint64_t vaddr) const;
  // Copies [vaddr, vaddr+out.size()) with zeros for the part without file bytes (.bss); false if it is not all in one
  // segment.
  bool read(uint64_t vaddr, std::span<uint8_t> out) const;
  template <class T>
  std::optional<T> get(uint64_t vaddr) const {
    T value;
    if (!read(vaddr, {reinterpret_cast<uint8_t*>(&value), sizeof value})) return std::nullopt;
    return value;
  }
  std::optional<uint64_t> read_u64(uint64_t vaddr) const { return get<uint64_t>(vaddr); }
  std::optional<uint32_t> read_u32(uint64_t vaddr) const { return get<uint32_t>(vaddr); }
  std::optional<uint8_t> read_u8(uint64_t vaddr) const { return get<uint8_t>(vaddr); }
  // The text of a Go string header {pointer, length} at vaddr; nothing if it is not readable or longer than `limit`.
  std::optional<std::string_view> go_string(uint64_t vaddr, uint64_t limit) const;

 private:
  std::vector<Segment> segments_;
};

}  // namespace deferscope::loader
