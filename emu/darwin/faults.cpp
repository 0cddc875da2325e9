// CPU fault → Mach exception → signal, as XNU does it (read in xnu-11417; 4903, of 2018, says the same of all rows).
// Exceptions: user_trap() of osfmk/i386/trap.c, osfmk/arm64/sleh.c. Their signals: bsd/uxkern/ux_exception.c (of
// EXC_BAD_ACCESS, KERN_INVALID_ADDRESS is SIGSEGV and all else SIGBUS) and, before it, machine_exception() of
// bsd/dev/{i386,arm}/unix_signal.c (x86-64's #GP is SIGSEGV, EXC_BAD_INSTRUCTION SIGILL). si_code and si_addr:
// sendsig() there; arm64's says one code a signal, whatever happened. A page that is not there is KERN_INVALID_ADDRESS,
// one that is there without the permission KERN_PROTECTION_FAILURE.
#include "emu/darwin/faults.h"

#include <fmt/format.h>

#include "emu/darwin/call.h"
#include "emu/darwin/frame.h"

namespace deferscope::emu::darwin {
namespace {

using isa::Fault;
constexpr auto X = isa::Isa::x86_64;
constexpr auto A = isa::Isa::arm64;
constexpr auto kZero = FaultAddress::Zero;
constexpr auto kAccess = FaultAddress::Access;
constexpr auto kPc = FaultAddress::Pc;

// clang-format off
const FaultRow kFaultRows[] = {
    // isa fault           mapped signal      si_code           si_addr  exception behind
    {X, Fault::Page,         false, sig::SEGV, sig::kSegvMaperr, kAccess, 14, false},
    {X, Fault::Page,         true,  sig::BUS,  sig::kBusAdrerr,  kAccess, 14, false},
    {X, Fault::NonCanonical, false, sig::SEGV, 0,                kZero,   13, false},  // #GP, EXC_I386_GPFLT
    {X, Fault::Alignment,    false, sig::SEGV, 0,                kZero,   13, false},  // #GP
    {X, Fault::Privileged,   false, sig::SEGV, 0,                kZero,   13, false},  // #GP
    {X, Fault::Divide,       false, sig::FPE,  sig::kFpeIntdiv,  kPc,     0,  false},  // EXC_I386_DIV
    {X, Fault::SimdException, false, sig::FPE, 0,                kPc,     19, false},  // EXC_I386_SSEEXTERR; si_code: of_exceptions()
    {X, Fault::X87Exception, false, sig::FPE,  0,                kPc,     16, false},  // EXC_I386_EXTERR
    {X, Fault::Undefined,    false, sig::ILL,  sig::kIllIllopc,  kPc,     6,  false},  // EXC_I386_INVOP
    {X, Fault::Breakpoint,   false, sig::TRAP, sig::kTrapBrkpt,  kPc,     3,  true},   // INT3 in one byte or, Go's own abort, in two
    {A, Fault::Page,         false, sig::SEGV, sig::kSegvAccerr, kAccess, 0x24, false},
    {A, Fault::Page,         true,  sig::BUS,  sig::kBusAdraln,  kAccess, 0x24, false},
    {A, Fault::Alignment,    false, sig::BUS,  sig::kBusAdraln,  kAccess, 0x24, false},  // EXC_ARM_DA_ALIGN
    {A, Fault::PcAlignment,  false, sig::BUS,  sig::kBusAdraln,  kPc,     0x22, false},  // handle_pc_align(): EXC_ARM_DA_ALIGN
    {A, Fault::Undefined,    false, sig::ILL,  sig::kIllIlltrp,  kPc,     0,    false},  // EXC_ARM_UNDEFINED
    {A, Fault::Privileged,   false, sig::ILL,  sig::kIllIlltrp,  kPc,     0,    false},  // EXC_ARM_UNDEFINED
    {A, Fault::Breakpoint,   false, sig::TRAP, 0,                kPc,     0x3c, false},  // handle_breakpoint(): pc stays at the BRK
};
// #SS is EXC_BAD_INSTRUCTION with EXC_I386_STKFLT: SIGILL, and of its codes sendsig() knows only EXC_I386_INVOP.
constexpr FaultRow kStackSegmentRow = {X, Fault::NonCanonical, false, sig::ILL, 0, kPc, 12, false};
// Below the first thread's stack: handle_ux_exception() makes SIGSEGV of its KERN_PROTECTION_FAILURE.
constexpr FaultRow kOverflowRows[] = {{X, Fault::Page, true, sig::SEGV, sig::kSegvAccerr, kAccess, 14,   false},
                                      {A, Fault::Page, true, sig::SEGV, sig::kSegvAccerr, kAccess, 0x24, false}};
// clang-format on

// MAXSSIZ (bsd/{i386,arm}/vmparam.h): exec sets so much aside for the first thread's stack and takes the permissions of
// what its limit does not allow (create_unix_stack() of bsd/kern/kern_exec.c).
constexpr uint64_t kMaxStack = 64 << 20;

// si_code of SIGFPE: sendsig() takes the first of MXCSR's or the status word's flags in this order, masked or not.
int of_exceptions(uint32_t flags) {
  constexpr struct {
    uint32_t bit;
    int code;
  } kCodes[] = {{0x04, sig::kFpeFltdiv},
                {0x08, sig::kFpeFltovf},
                {0x10, sig::kFpeFltund},
                {0x20, sig::kFpeFltres},
                {0x01, sig::kFpeFltinv}};
  for (const auto& row : kCodes)
    if (flags & row.bit) return row.code;
  return 0;
}

bool in_first_stack(const State& s, uint64_t address) {
  const uint64_t top = layout_of(s).stack_top;
  return address < top && top - address <= kMaxStack;
}

const FaultRow* row_of(const State& s, const MachineState& m, const isa::Outcome& o, bool mapped) {
  if (o.fault == Fault::Page && in_first_stack(s, o.address)) return &kOverflowRows[!s.amd64()];
  if (s.amd64() && o.fault == Fault::NonCanonical && through_stack_segment(m, o.address)) return &kStackSegmentRow;
  return find_fault(kFaultRows, s.isa, o.fault, mapped);
}

// An overflow ends those who cannot take it on another stack (handle_ux_exception()).
void want_other_stack(SigAction& action, ThreadInfo& t) {
  const bool ready =
      (action.flags & sig::kOnstack) && action.handler != SigAction::kIgnore && !(t.mask & sig::bit(sig::SEGV));
  if (ready) return;
  action = SigAction{};
  t.mask &= ~sig::bit(sig::SEGV);
}

// x86-64's page fault error code: present, write, user, fetch.
uint64_t error_code(const isa::Outcome& o, bool present) {
  return 4u | (present ? 1 : 0) | (o.access == isa::Access::Write ? 2 : 0) |
         (o.access == isa::Access::Execute ? 16 : 0);
}

// arm64's ESR_EL1: class, 32-bit instruction, and of an abort whether it wrote and why it failed (level 3).
uint64_t syndrome(const FaultRow& row, const isa::Outcome& o, bool mapped) {
  constexpr uint64_t kTranslation = 0x07, kPermission = 0x0f, kAligned = 0x21, kWrote = 0x40, kInstructionAbort = 0x20;
  const bool fetch = o.access == isa::Access::Execute;
  const auto kind = static_cast<uint64_t>(row.exception == 0x24 && fetch ? kInstructionAbort : row.exception);
  uint64_t esr = kind << 26 | uint64_t{1} << 25;
  if (row.exception != 0x24) return esr;
  esr |= o.fault == Fault::Alignment ? kAligned : mapped ? kPermission : kTranslation;
  return o.access == isa::Access::Write ? esr | kWrote : esr;
}

// What the signal frame's exception state will say.
void note_fault(ThreadExtra& t, const FaultRow& row, const isa::Outcome& o, bool mapped, uint64_t address) {
  const bool amd64 = row.isa == isa::Isa::x86_64;
  t.trapno = static_cast<uint64_t>(row.exception);
  t.error_code = !amd64 ? syndrome(row, o, mapped) : o.fault == Fault::Page ? error_code(o, mapped) : 0;
  if (!amd64 || o.fault == Fault::Page) t.fault_address = address;
}

}  // namespace

std::span<const FaultRow> fault_rows() { return kFaultRows; }

void raise_fault(State& s, MachineState& m, const isa::Outcome& outcome) {
  isa::CpuState& cpu = m.cpu();
  isa::Outcome o = outcome;
  // What memory calls non-canonical is x86-64's rule; on arm64 there is no page.
  if (!s.amd64() && o.fault == Fault::NonCanonical) o.fault = Fault::Page;
  const bool mapped = o.fault == Fault::Page && m.memory.is_mapped(o.address, 1);
  const FaultRow* row = row_of(s, m, o, mapped);
  if (!row) throw Unsupported(fmt::format("instruction at {:#x} is not implemented", cpu.pc));
  const uint64_t address = signal_address(*row, o, cpu.pc);
  note_fault(s.extras.at(m.thread().tid), *row, o, mapped, address);
  if (row->behind) cpu.pc += x86_lift_at(m, cpu.pc).length;
  if (row == &kOverflowRows[!s.amd64()]) want_other_stack(s.actions[sig::SEGV], s.threads.at(m.thread().tid));
  const int code = o.fault == Fault::SimdException  ? of_exceptions(cpu.mxcsr)
                   : o.fault == Fault::X87Exception ? of_exceptions(cpu.x87.status)
                                                    : row->code;
  force_signal(s, m, m.current, Signal{row->signal, code, {0, address}});
}

}  // namespace deferscope::emu::darwin
