// What systems share of making a signal of a CPU fault: a table's row, and what a kernel finds out about the
// instruction.
#pragma once
#include <span>

#include "emu/machine_state.h"
#include "isa/uop.h"

namespace deferscope::emu {

enum class FaultAddress : uint8_t { Zero, Access, Pc };

struct FaultRow {
  isa::Isa isa;
  isa::Fault fault;
  bool mapped;  // of Page: the page exists, only the permission is missing
  int signal, code;
  FaultAddress address;  // si_addr
  int exception;         // x86-64: its number; arm64: ESR's exception class, where the system tells it
  bool behind;           // x86-64: the pc that the handler sees is the next instruction's
};

const FaultRow* find_fault(std::span<const FaultRow> rows, isa::Isa isa, isa::Fault fault, bool mapped);
uint64_t signal_address(const FaultRow& row, const isa::Outcome& o, uint64_t pc);

// x86-64's instruction at pc; none (length 0) where nothing can be read.
isa::Lifted x86_lift_at(const MachineState& m, uint64_t pc);
// The current thread's instruction reaches `address` by way of the stack segment: RSP or RBP is the base, or it pushes,
// pops, calls or returns. A non-canonical address is then #SS, else #GP.
bool through_stack_segment(const MachineState& m, uint64_t address);

}  // namespace deferscope::emu
