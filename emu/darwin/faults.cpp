// CPU fault → Mach exception → signal. Sources: osfmk/i386/trap.c, osfmk/arm64/sleh.c (the exceptions),
// bsd/uxkern/ux_exception.c and bsd/dev/i386/unix_signal.c (their signals), both sendsig() (the codes). A page that is
// not there is KERN_INVALID_ADDRESS, SIGSEGV; one that is there without the permission, SIGBUS. Go's sigpanic takes
// both. x86-64's #SS, which XNU makes SIGILL, is not told from #GP.
#include "emu/darwin/faults.h"

#include <fmt/format.h>

#include "emu/darwin/call.h"
#include "emu/darwin/frame.h"
#include "isa/lift.h"

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
    {X, Fault::Divide,       false, sig::FPE,  sig::kFpeIntdiv,  kPc,     0,  false},
    {X, Fault::Undefined,    false, sig::ILL,  sig::kIllIllopc,  kPc,     6,  false},
    {X, Fault::Breakpoint,   false, sig::TRAP, sig::kTrapBrkpt,  kPc,     3,  true},   // INT3 in one byte or, Go's own abort, in two
    {A, Fault::Page,         false, sig::SEGV, sig::kSegvMaperr, kAccess, 0x24, false},
    {A, Fault::Page,         true,  sig::BUS,  sig::kBusAdrerr,  kAccess, 0x24, false},
    {A, Fault::Alignment,    false, sig::BUS,  sig::kBusAdrerr,  kAccess, 0x24, false},
    {A, Fault::PcAlignment,  false, sig::BUS,  sig::kBusAdrerr,  kPc,     0x22, false},
    {A, Fault::Undefined,    false, sig::ILL,  sig::kIllIllopc,  kPc,     0,    false},
    {A, Fault::Privileged,   false, sig::ILL,  sig::kIllIllopc,  kPc,     0,    false},
    {A, Fault::Breakpoint,   false, sig::TRAP, sig::kTrapBrkpt,  kPc,     0x3c, false},
};
// clang-format on

// x86-64's instruction at pc: its length; 0 where nothing can be read.
unsigned length_at(const MachineState& m, uint64_t pc) {
  uint8_t bytes[15];
  uint64_t n = 0;
  while (n < sizeof bytes && m.memory.peek(pc + n, bytes + n, 1)) ++n;
  isa::Lifted in;
  isa::lift(isa::Isa::x86_64, {bytes, n}, pc, in);
  return in.length;
}

// x86-64's page fault error code: present, write, user, fetch.
uint64_t error_code(const isa::Outcome& o, bool present) {
  return 4u | (present ? 1 : 0) | (o.access == isa::Access::Write ? 2 : 0) |
         (o.access == isa::Access::Execute ? 16 : 0);
}

// arm64's ESR_EL1: class, 32-bit instruction, and of an abort whether it wrote and why it failed (level 3).
uint64_t syndrome(const FaultRow& row, const isa::Outcome& o) {
  constexpr uint64_t kTranslation = 0x07, kPermission = 0x0f, kAligned = 0x21, kWrote = 0x40, kInstructionAbort = 0x20;
  const bool fetch = o.access == isa::Access::Execute;
  const auto kind = static_cast<uint64_t>(row.exception == 0x24 && fetch ? kInstructionAbort : row.exception);
  uint64_t esr = kind << 26 | uint64_t{1} << 25;
  if (row.exception != 0x24) return esr;
  esr |= o.fault == Fault::Alignment ? kAligned : row.mapped ? kPermission : kTranslation;
  return o.access == isa::Access::Write ? esr | kWrote : esr;
}

// What the signal frame's exception state will say.
void note_fault(ThreadExtra& t, const FaultRow& row, const isa::Outcome& o, uint64_t address) {
  const bool amd64 = row.isa == isa::Isa::x86_64;
  t.trapno = static_cast<uint64_t>(row.exception);
  t.error_code = !amd64 ? syndrome(row, o) : o.fault == Fault::Page ? error_code(o, row.mapped) : 0;
  if (!amd64 || o.fault == Fault::Page) t.fault_address = address;
}

}  // namespace

std::span<const FaultRow> fault_rows() { return kFaultRows; }

const FaultRow* find_fault(isa::Isa isa, Fault fault, bool mapped) {
  for (const FaultRow& row : kFaultRows)
    if (row.isa == isa && row.fault == fault && row.mapped == mapped) return &row;
  return nullptr;
}

void raise_fault(State& s, MachineState& m, const isa::Outcome& outcome) {
  isa::CpuState& cpu = m.cpu();
  isa::Outcome o = outcome;
  // What memory calls non-canonical is x86-64's rule; on arm64 there is no page.
  if (!s.amd64() && o.fault == Fault::NonCanonical) o.fault = Fault::Page;
  const bool mapped = o.fault == Fault::Page && m.memory.is_mapped(o.address, 1);
  const FaultRow* row = find_fault(s.isa, o.fault, mapped);
  if (!row) throw Unsupported(fmt::format("instruction at {:#x} is not implemented", cpu.pc));
  const uint64_t address = row->address == kZero ? 0 : row->address == kPc ? cpu.pc : o.address;
  note_fault(s.extras.at(m.thread().tid), *row, o, address);
  if (row->behind) cpu.pc += length_at(m, cpu.pc);
  force_signal(s, m, m.current, Signal{row->signal, row->code, {0, address}});
}

}  // namespace deferscope::emu::darwin
