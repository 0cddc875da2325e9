// See faults.h.
#include "emu/faults.h"

#include "isa/lift.h"

namespace deferscope::emu {

const FaultRow* find_fault(std::span<const FaultRow> rows, isa::Isa isa, isa::Fault fault, bool mapped) {
  for (const FaultRow& row : rows)
    if (row.isa == isa && row.fault == fault && row.mapped == mapped) return &row;
  return nullptr;
}

uint64_t signal_address(const FaultRow& row, const isa::Outcome& o, uint64_t pc) {
  switch (row.address) {
    case FaultAddress::Zero: return 0;
    case FaultAddress::Access: return o.address;
    case FaultAddress::Pc: return pc;
  }
  return 0;
}

isa::Lifted x86_lift_at(const MachineState& m, uint64_t pc) {
  uint8_t bytes[15];
  uint64_t n = 0;
  while (n < sizeof bytes && m.memory.peek(pc + n, bytes + n, 1)) ++n;
  isa::Lifted in;
  isa::lift(isa::Isa::x86_64, {bytes, n}, pc, in, m.level);
  return in;
}

bool through_stack_segment(const MachineState& m, uint64_t address) {
  const isa::CpuState& cpu = m.threads[m.current].cpu;
  const isa::Lifted in = x86_lift_at(m, cpu.pc);
  for (int i = 0; i < in.count; ++i) {
    const isa::Mem& mem = in.uops[i].mem;
    if ((mem.base != isa::kRsp && mem.base != isa::kRbp) || mem.seg != isa::kZero || in.uops[i].op == isa::Op::Lea)
      continue;
    const uint64_t index = mem.index == isa::kZero ? 0 : cpu.r[mem.index] << mem.shift;
    const uint64_t at = cpu.r[mem.base] + index + static_cast<uint64_t>(mem.disp);
    if (address - at < 16) return true;
  }
  return false;
}

}  // namespace deferscope::emu
