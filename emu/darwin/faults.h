// Which signal a CPU fault becomes: one table for both instruction sets.
#pragma once
#include <span>

#include "emu/darwin/state.h"
#include "emu/faults.h"

namespace deferscope::emu::darwin {

std::span<const FaultRow> fault_rows();

}  // namespace deferscope::emu::darwin
