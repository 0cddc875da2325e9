// Which signal a CPU fault becomes: one table for both instruction sets.
#pragma once
#include <optional>
#include <span>

#include "emu/linux/state.h"

namespace deferscope::emu::linux_ {

enum class FaultAddress : uint8_t { Zero, Access, Pc };

struct FaultRow {
  isa::Isa isa;
  isa::Fault fault;
  bool mapped;  // of Page: the page exists, only the permission is missing
  int signal, code;
  FaultAddress address;  // si_addr
  int trapno;            // x86-64: the exception's number
  bool behind;           // x86-64: the pc that the handler sees is the next instruction's
};

std::span<const FaultRow> fault_rows();
const FaultRow* find_fault(isa::Isa isa, isa::Fault fault, bool mapped);
// The current thread's instruction at pc raised `outcome`.
void raise_fault(State& s, MachineState& m, const isa::Outcome& outcome);

}  // namespace deferscope::emu::linux_
