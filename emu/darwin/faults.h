// Which signal a CPU fault becomes: one table for both instruction sets.
#pragma once
#include <span>

#include "emu/darwin/state.h"

namespace deferscope::emu::darwin {

enum class FaultAddress : uint8_t { Zero, Access, Pc };

struct FaultRow {
  isa::Isa isa;
  isa::Fault fault;
  bool mapped;  // of Page: the page exists, only the permission is missing
  int signal, code;
  FaultAddress address;  // si_addr
  int exception;         // x86-64: its number; arm64: ESR's exception class
  bool behind;           // x86-64: the pc that the handler sees is the next instruction's
};

std::span<const FaultRow> fault_rows();
const FaultRow* find_fault(isa::Isa isa, isa::Fault fault, bool mapped);

}  // namespace deferscope::emu::darwin
