// Operands of arm64 instructions in the GNU form that `go tool objdump -gnu` prints. A row of plan9_table.inc names
// them in the Arm ARM's order; each name is one function here.
#pragma once
#include "isa/arm64/plan9_operands.h"

namespace deferscope::isa::arm64 {

// The functions may append capitals: the printer makes them small, but where Operand::keep_case says otherwise.
// Throws std::logic_error for a name that does not exist: a slip in the table.
Operand gnu_operand_named(std::string_view name);

}  // namespace deferscope::isa::arm64
