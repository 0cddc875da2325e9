// Line number programs, versions 2 to 5 (DWARF 5 §6.2). Read here and not by libdwarf, as the
// lists are: Go's headers give opcode lengths of their own, and damaged ones must not end in its memory.
#pragma once
#include <functional>
#include <string_view>

#include "loader/bytes.h"

namespace deferscope::loader {

// One row: from this address on, up to the next row's, code belongs to the line.
struct LineRow {
  uint64_t address = 0;
  std::string_view file;  // as the table names it, mostly without its directory
  int32_t line = 0;
  bool is_stmt = false;  // a good place for a breakpoint: a statement begins here
  bool prologue_end = false;
  bool end_sequence = false;  // behind the last instruction: belongs to no line
};

using LineVisit = std::function<void(const LineRow&)>;

struct LineSections {
  Bytes line, str, line_str;
};

// Walks the rows of the program at `offset` of .debug_line; gives the bytes it takes. Throws Error where it is damaged.
uint64_t each_line_row(const LineSections& sections, uint64_t offset, const LineVisit& visit);

}  // namespace deferscope::loader
