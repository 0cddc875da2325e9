// Which signal a CPU fault becomes: one table for both instruction sets.
#pragma once
#include <span>

#include "emu/faults.h"
#include "emu/linux/state.h"

namespace deferscope::emu::linux_ {

std::span<const FaultRow> fault_rows();
// The current thread's instruction at pc raised `outcome`.
void raise_fault(State& s, MachineState& m, const isa::Outcome& outcome);

}  // namespace deferscope::emu::linux_
