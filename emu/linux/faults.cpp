// CPU fault → signal. Source of the rows: arch/x86/kernel/traps.c and arch/x86/mm/fault.c, arch/arm64/kernel/traps.c
// and arch/arm64/mm/fault.c; the x86-64 rows are checked against the host by tests/unit/linux_fault_test.cpp.
#include "emu/linux/faults.h"

#include <fmt/format.h>

#include "emu/linux/call.h"

namespace deferscope::emu::linux_ {
namespace {

using isa::Fault;
constexpr auto X = isa::Isa::x86_64;
constexpr auto A = isa::Isa::arm64;
constexpr auto kZero = FaultAddress::Zero;
constexpr auto kAccess = FaultAddress::Access;
constexpr auto kPc = FaultAddress::Pc;

// clang-format off
const FaultRow kFaultRows[] = {
    // isa fault           mapped signal      si_code           si_addr  trap behind
    {X, Fault::Page,         false, sig::SEGV, sig::kSegvMaperr, kAccess, 14, false},
    {X, Fault::Page,         true,  sig::SEGV, sig::kSegvAccerr, kAccess, 14, false},
    {X, Fault::NonCanonical, false, sig::SEGV, sig::kSiKernel,   kZero,   13, false},  // #GP
    {X, Fault::Alignment,    false, sig::SEGV, sig::kSiKernel,   kZero,   13, false},  // #GP
    {X, Fault::Privileged,   false, sig::SEGV, sig::kSiKernel,   kZero,   13, false},  // #GP
    {X, Fault::Divide,       false, sig::FPE,  sig::kFpeIntdiv,  kPc,     0,  false},
    {X, Fault::SimdException, false, sig::FPE, 0,                kPc,     19, false},  // #XM; si_code: of_exceptions()
    {X, Fault::X87Exception, false, sig::FPE,  0,                kPc,     16, false},  // #MF
    {X, Fault::Undefined,    false, sig::ILL,  sig::kIllIllopn,  kPc,     6,  false},
    {X, Fault::Breakpoint,   false, sig::TRAP, sig::kSiKernel,   kZero,   3,  true},  // INT3 in one byte or, Go's own abort, in two
    {A, Fault::Page,         false, sig::SEGV, sig::kSegvMaperr, kAccess, 0,  false},
    {A, Fault::Page,         true,  sig::SEGV, sig::kSegvAccerr, kAccess, 0,  false},
    {A, Fault::Alignment,    false, sig::BUS,  sig::kBusAdraln,  kAccess, 0,  false},
    {A, Fault::PcAlignment,  false, sig::BUS,  sig::kBusAdraln,  kPc,     0,  false},
    {A, Fault::Undefined,    false, sig::ILL,  sig::kIllIllopc,  kPc,     0,  false},
    {A, Fault::Privileged,   false, sig::ILL,  sig::kIllIllopc,  kPc,     0,  false},
    {A, Fault::Breakpoint,   false, sig::TRAP, sig::kTrapBrkpt,  kPc,     0,  false},
};
// #SS: NonCanonical through RSP or RBP.
constexpr FaultRow kStackRow = {X, Fault::NonCanonical, false, sig::BUS, sig::kSiKernel, kZero, 12, false};
// Behind the end of a mapped file.
constexpr FaultRow kBehindFileRows[] = {{X, Fault::Page, true, sig::BUS, sig::kBusAdrerr, kAccess, 14, false},
                                        {A, Fault::Page, true, sig::BUS, sig::kBusAdrerr, kAccess, 0,  false}};
// clang-format on

// si_code of SIGFPE, as fpu__exception_code() of arch/x86/kernel/fpu/core.c chooses among exceptions that are raised
// and not masked.
int of_exceptions(uint32_t exceptions) {
  constexpr struct {
    uint32_t bits;
    int code;
  } kCodes[] = {{0x01, sig::kFpeFltinv},
                {0x04, sig::kFpeFltdiv},
                {0x08, sig::kFpeFltovf},
                {0x12, sig::kFpeFltund},
                {0x20, sig::kFpeFltres}};
  for (const auto& row : kCodes)
    if (exceptions & row.bits) return row.code;
  return 0;
}

// x86-64's page fault error code: present, write, user, fetch.
uint64_t error_code(const MachineState& m, const isa::Outcome& o) {
  constexpr uint64_t kPresent = 1, kWriting = 2, kUser = 4, kFetch = 16;
  uint64_t code = kUser;
  if (o.address >> 47 != 0) code |= kPresent;  // the kernel's half tells nothing
  const auto& maps = m.memory.mappings();
  auto it = maps.upper_bound(o.address);
  if (it != maps.begin() && o.address < (--it)->second.end && (it->second.prot & kRead) &&
      !m.memory.is_behind_file(o.address))
    code |= kPresent;
  if (o.access == isa::Access::Write) code |= kWriting;
  if (o.access == isa::Access::Execute) code |= kFetch;
  return code;
}

// The mapping's permissions allow it; what then fails is the file's matter.
bool may_access(const MachineState& m, const isa::Outcome& o) {
  const uint8_t prot = std::prev(m.memory.mappings().upper_bound(o.address))->second.prot;
  return prot & (o.access == isa::Access::Write ? kWrite : o.access == isa::Access::Execute ? kExec : kRead);
}

// What the signal frame's mcontext will say.
void note_fault(ThreadExtra& t, const MachineState& m, const FaultRow& row, const isa::Outcome& o) {
  if (row.isa == isa::Isa::arm64) {
    t.fault_address = o.fault == Fault::Page || o.fault == Fault::Alignment ? o.address : m.threads[m.current].cpu.pc;
    return;
  }
  t.trapno = static_cast<uint64_t>(row.exception);
  t.error_code = o.fault == Fault::Page ? error_code(m, o) : 0;
  if (o.fault == Fault::Page) t.fault_address = o.address;
}

}  // namespace

std::span<const FaultRow> fault_rows() { return kFaultRows; }

void raise_fault(State& s, MachineState& m, const isa::Outcome& outcome) {
  isa::CpuState& cpu = m.cpu();
  isa::Outcome o = outcome;
  // What memory calls non-canonical is x86-64's rule; arm64 has 48 bits, and beyond them no page.
  if (!s.amd64() && o.fault == Fault::NonCanonical) o.fault = Fault::Page;
  const bool mapped = o.fault == Fault::Page && m.memory.is_mapped(o.address, 1);
  const bool stack = s.amd64() && o.fault == Fault::NonCanonical && through_stack_segment(m, o.address);
  const bool permitted = mapped && m.memory.is_behind_file(o.address) && may_access(m, o);
  const FaultRow* row = permitted ? &kBehindFileRows[!s.amd64()]
                        : stack   ? &kStackRow
                                  : find_fault(kFaultRows, s.isa, o.fault, mapped);
  if (!row) throw Unsupported(fmt::format("instruction at {:#x} is not implemented", cpu.pc));
  note_fault(s.extras.at(m.thread().tid), m, *row, o);
  const uint64_t address = signal_address(*row, o, cpu.pc);
  if (row->behind) cpu.pc += x86_lift_at(m, cpu.pc).length;
  const int code = o.fault == Fault::SimdException  ? of_exceptions(cpu.mxcsr & ~(cpu.mxcsr >> 7))
                   : o.fault == Fault::X87Exception ? of_exceptions(cpu.x87.status & ~uint32_t{cpu.x87.control})
                                                    : row->code;
  force_signal(s, m, m.current, Signal{row->signal, code, {address, 0}});
}

}  // namespace deferscope::emu::linux_
