// DWARF location lists and range lists, versions 4 and 5 (DWARF 5 §2.6.2, §2.17.3, §7.28, §7.29; DWARF 4 §2.6.2,
// §2.17.3). Internal to the room. Read here and not by libdwarf, whose release in Debian 12 has gaps in version 5.
#pragma once
#include <functional>
#include <optional>
#include <string>

#include "loader/bytes.h"

namespace deferscope::loader {

// What a list needs to know of its compilation unit. Addresses as in the file (no bias).
struct ListUnit {
  int version = 4;
  uint64_t base = 0;  // DW_AT_low_pc
  uint64_t addr_base = 0, loclists_base = 0, rnglists_base = 0;
  Bytes debug_addr;

  // Entry `index` of .debug_addr. Throws Error.
  uint64_t address(uint64_t index) const;
};

// Called with [low, high) and the entry's location expression (empty for ranges); returns false to stop. A default
// location comes with [0, UINT64_MAX).
using ListVisit = std::function<bool(uint64_t low, uint64_t high, Bytes expression)>;

// Walks the location list at `offset` of `section` (.debug_loc or .debug_loclists). Throws Error where it is cut off.
void each_location(Bytes section, uint64_t offset, const ListUnit& unit, const ListVisit& visit);
// The same for .debug_ranges or .debug_rnglists.
void each_range(Bytes section, uint64_t offset, const ListUnit& unit, const ListVisit& visit);
// The section offset of list `index` (DW_FORM_loclistx, DW_FORM_rnglistx); `base` is the unit's for this section.
uint64_t indexed_list(Bytes section, uint64_t base, uint64_t index);

}  // namespace deferscope::loader
