// Location and range lists.
#include "loader/dwarf_lists.h"

#include <fmt/format.h>

#include "loader/error.h"

namespace deferscope::loader {
namespace {

// How an entry of a version 5 list gives its range. Both kinds of list have the same forms under different numbers.
enum class Entry { end, base_index, index_index, index_length, offsets, fallback, base, low_high, low_length, unknown };

constexpr Entry kLocation[] = {Entry::end,          Entry::base_index, Entry::index_index,
                               Entry::index_length, Entry::offsets,    Entry::fallback,
                               Entry::base,         Entry::low_high,   Entry::low_length};
constexpr Entry kRange[] = {Entry::end,     Entry::base_index, Entry::index_index, Entry::index_length,
                            Entry::offsets, Entry::base,       Entry::low_high,    Entry::low_length};

// Reads forward and throws at the end.
class Cursor {
 public:
  Cursor(Bytes section, uint64_t offset) : section_(section), at_(offset), start_(offset) {}

  uint64_t u64() { return fixed<uint64_t>(); }
  uint16_t u16() { return fixed<uint16_t>(); }
  uint8_t u8() { return fixed<uint8_t>(); }
  uint64_t varint() {
    auto value = uvarint(section_, &at_);
    if (!value) fail();
    return *value;
  }
  Bytes block(uint64_t size) {
    auto part = slice(section_, at_, size);
    if (!part) fail();
    at_ += size;
    return *part;
  }
  [[noreturn]] void fail() const { throw Error(fmt::format("corrupt DWARF: the list at {:#x} is cut off", start_)); }

 private:
  template <class T>
  T fixed() {
    auto value = get<T>(section_, at_);
    if (!value) fail();
    at_ += sizeof(T);
    return *value;
  }

  Bytes section_;
  uint64_t at_, start_;
};

// Version 4: pairs of addresses; (-1, x) sets the base, (0, 0) ends.
void each_pair(Cursor c, const ListUnit& unit, bool locations, const ListVisit& visit) {
  for (uint64_t base = unit.base;;) {
    uint64_t low = c.u64(), high = c.u64();
    if (low == 0 && high == 0) return;
    if (low == UINT64_MAX) {
      base = high;
      continue;
    }
    Bytes expression = locations ? c.block(c.u16()) : Bytes{};
    if (!visit(base + low, base + high, expression)) return;
  }
}

void each_entry(Cursor c, const ListUnit& unit, bool locations, const ListVisit& visit) {
  for (uint64_t base = unit.base;;) {
    uint8_t number = c.u8();
    size_t known = locations ? std::size(kLocation) : std::size(kRange);
    Entry kind = number >= known ? Entry::unknown : locations ? kLocation[number] : kRange[number];
    uint64_t low = 0, high = UINT64_MAX;
    switch (kind) {
      case Entry::end: return;
      case Entry::base_index: base = unit.address(c.varint()); continue;
      case Entry::base: base = c.u64(); continue;
      case Entry::index_index: low = unit.address(c.varint()), high = unit.address(c.varint()); break;
      case Entry::index_length: low = unit.address(c.varint()), high = low + c.varint(); break;
      case Entry::offsets: low = base + c.varint(), high = base + c.varint(); break;
      case Entry::fallback: break;
      case Entry::low_high: low = c.u64(), high = c.u64(); break;
      case Entry::low_length: low = c.u64(), high = low + c.varint(); break;
      case Entry::unknown: throw Error(fmt::format("corrupt DWARF: list entry kind {}", number));
    }
    Bytes expression = locations ? c.block(c.varint()) : Bytes{};
    if (!visit(low, high, expression)) return;
  }
}

}  // namespace

uint64_t ListUnit::address(uint64_t index) const {
  auto address = index > debug_addr.size() ? std::nullopt : get<uint64_t>(debug_addr, addr_base + index * 8);
  if (!address) throw Error(fmt::format("corrupt DWARF: no entry {} in .debug_addr", index));
  return *address;
}

void each_location(Bytes section, uint64_t offset, const ListUnit& unit, const ListVisit& visit) {
  (unit.version >= 5 ? each_entry : each_pair)(Cursor(section, offset), unit, true, visit);
}

void each_range(Bytes section, uint64_t offset, const ListUnit& unit, const ListVisit& visit) {
  (unit.version >= 5 ? each_entry : each_pair)(Cursor(section, offset), unit, false, visit);
}

uint64_t indexed_list(Bytes section, uint64_t base, uint64_t index) {
  auto offset = index > section.size() ? std::nullopt : get<uint32_t>(section, base + index * 4);
  if (!offset) throw Error(fmt::format("corrupt DWARF: no list number {}", index));
  return base + *offset;
}

}  // namespace deferscope::loader
