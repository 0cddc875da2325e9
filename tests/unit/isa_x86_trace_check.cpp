// x86_trace_check [-n STEPS] PROGRAM [ARGUMENT…]: runs a program natively under ptrace, one instruction at a time, and
// executes each of its main thread's instructions by lift + evaluate too, from the same registers and memory. Prints
// instructions after which the two differ. CPUID, RDTSC(P), XGETBV and system calls are not compared. Other threads run
// free: a load that races with them may differ. Give Go programs GODEBUG=cpu.all=off, so that they keep to level v1.
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>

#include "isa/evaluate.h"
#include "isa/fp_env.h"
#include "isa/x86_64/lift.h"

namespace {

using namespace deferscope::isa;

// The default CPU as this host's Linux sets one up.
const CpuModel& host_model() {
  static const CpuModel model = [] {
    CpuModel m = default_cpu_model(Isa::x86_64);
    m.cs = 0x33, m.ss = 0x2b;
    return m;
  }();
  return model;
}

// The tracee's memory; writes stay here.
class TraceeBus : public Bus {
 public:
  pid_t pid;
  std::map<uint64_t, uint8_t> written;
  explicit TraceeBus(pid_t p) : pid(p) {}
  bool read(uint64_t a, void* out, unsigned n) override {
    if (!fetch(a, out, n)) {
      fault = Fault::Page, fault_address = a;
      return false;
    }
    for (unsigned i = 0; i < n; ++i)
      if (const auto w = written.find(a + i); w != written.end()) static_cast<uint8_t*>(out)[i] = w->second;
    return true;
  }
  bool write(uint64_t a, const void* in, unsigned n) override {
    for (unsigned i = 0; i < n; ++i) written[a + i] = static_cast<const uint8_t*>(in)[i];
    return true;
  }
  bool check_write(uint64_t, unsigned) override { return true; }
  bool fetch(uint64_t a, void* out, unsigned n) const {
    iovec local{out, n}, remote{reinterpret_cast<void*>(a), n};
    return process_vm_readv(pid, &local, 1, &remote, 1, 0) == static_cast<ssize_t>(n);
  }
};

CpuState state_of(pid_t pid) {
  user_regs_struct r;
  user_fpregs_struct f;
  ptrace(PTRACE_GETREGS, pid, nullptr, &r);
  ptrace(PTRACE_GETFPREGS, pid, nullptr, &f);
  CpuState s;
  const uint64_t general[16] = {r.rax, r.rcx, r.rdx, r.rbx, r.rsp, r.rbp, r.rsi, r.rdi,
                                r.r8,  r.r9,  r.r10, r.r11, r.r12, r.r13, r.r14, r.r15};
  for (size_t i = 0; i < 16; ++i) s.r[i] = general[i];
  for (size_t i = 0; i < 16; ++i) std::memcpy(static_cast<void*>(&s.v[i]), &f.xmm_space[4 * i], 16);
  s.r[kFsBase] = r.fs_base, s.r[kGsBase] = r.gs_base;
  s.pc = r.rip;
  s.set_eflags(r.eflags);
  s.mxcsr = f.mxcsr;
  return s;
}

bool compared(const Lifted& l) {
  if (l.fault != Fault::None) return false;
  for (int i = 0; i < l.count; ++i) {
    const Op op = l.uops[i].op;
    if (op == Op::Cpuid || op == Op::Rdtsc || op == Op::Rdtscp || op == Op::Xgetbv || op == Op::Syscall) return false;
  }
  return true;
}

// Flags that the manuals leave undefined differ between processors; only a table per instruction knows them
// (isa_x86_host). Here they are found by op.
uint32_t undefined_flags(const Lifted& l) {
  uint32_t f = 0;
  for (int i = 0; i < l.count; ++i) {
    const Uop& u = l.uops[i];
    if (u.flags == FlagRule::Logic) f |= flag::AF;
    if (u.flags == FlagRule::Shift) f |= flag::AF | flag::OF;
    if (u.flags == FlagRule::Mul) f |= flag::SF | flag::ZF | flag::AF | flag::PF;
    if (u.flags == FlagRule::Bit) f |= flag::CF | flag::OF | flag::SF | flag::AF | flag::PF;
    if (u.flags == FlagRule::Bit && u.op >= Op::Bt && u.op <= Op::Btc) f &= ~uint32_t{flag::CF};
    if (u.op == Op::DivWideU || u.op == Op::DivWideS) f |= flag::kArith;
    if (u.op == Op::Helper) f |= flag::kArith;
  }
  return f;
}

std::string difference(const CpuState& native, const CpuState& ours, uint32_t undefined, const TraceeBus& bus) {
  char text[160];
  if (native.pc != ours.pc) return std::snprintf(text, sizeof text, "pc %lx, ours %lx", native.pc, ours.pc), text;
  for (size_t i = 0; i < 16; ++i) {
    if (native.r[i] != ours.r[i])
      return std::snprintf(text, sizeof text, "r%zu %lx, ours %lx", i, native.r[i], ours.r[i]), text;
    if (native.v[i] != ours.v[i])
      return std::snprintf(text, sizeof text, "xmm%zu %lx_%lx, ours %lx_%lx", i, native.v[i].hi, native.v[i].lo,
                           ours.v[i].hi, ours.v[i].lo),
             text;
  }
  if ((native.eflags() ^ ours.eflags()) & ~uint64_t{undefined})
    return std::snprintf(text, sizeof text, "flags %lx, ours %lx", native.eflags(), ours.eflags()), text;
  if ((native.mxcsr ^ ours.mxcsr) & ~2u)
    return std::snprintf(text, sizeof text, "mxcsr %x, ours %x", native.mxcsr, ours.mxcsr), text;
  for (const auto& [a, byte] : bus.written) {
    uint8_t there = 0;
    if (!bus.fetch(a, &there, 1) || there != byte)
      return std::snprintf(text, sizeof text, "byte at %lx: %02x, ours %02x", a, there, byte), text;
  }
  return {};
}

struct Totals {
  uint64_t steps = 0, compared = 0, different = 0, unimplemented = 0;
};

// One instruction; false when the tracee is gone.
bool step(pid_t pid, Totals& totals) {
  const CpuState before = state_of(pid);
  uint8_t code[16] = {};
  TraceeBus bus(pid);
  unsigned n = 15;
  while (n > 0 && !bus.fetch(before.pc, code, n)) --n;
  Lifted l;
  deferscope::isa::x86_64::lift(code, n, before.pc, l);
  CpuState ours = before;
  Outcome o;
  const bool compare = compared(l);
  totals.unimplemented += l.fault == Fault::Unimplemented;
  if (compare) {
    fp_enter(ours, Isa::x86_64);
    o = evaluate(l, ours, bus, host_model(), 0);
    fp_fold(ours, Isa::x86_64);
    fp_leave();
  }
  int status = 0, deliver = 0;
  bool signalled = false;  // then the step went into a handler
  do {
    if (ptrace(PTRACE_SINGLESTEP, pid, nullptr, deliver) != 0 || waitpid(pid, &status, 0) != pid) return false;
    if (WIFEXITED(status) || WIFSIGNALED(status)) return false;
    deliver = WSTOPSIG(status) == SIGTRAP ? 0 : WSTOPSIG(status);
    signalled = signalled || deliver != 0;
  } while (deliver != 0);
  ++totals.steps;
  if (signalled || !compare || o.kind != Outcome::Next) return true;
  ++totals.compared;
  const std::string what = difference(state_of(pid), ours, undefined_flags(l), bus);
  if (what.empty()) return true;
  ++totals.different;
  std::printf("%lx:", before.pc);
  for (unsigned i = 0; i < l.length; ++i) std::printf(" %02x", code[i]);
  std::printf(": %s\n", what.c_str());
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  uint64_t limit = ~uint64_t{0};
  int first = 1;
  if (argc > 3 && std::string(argv[1]) == "-n") limit = std::strtoull(argv[2], nullptr, 0), first = 3;
  if (first >= argc) return std::fprintf(stderr, "usage: x86_trace_check [-n STEPS] PROGRAM [ARGUMENT...]\n"), 2;
  const pid_t pid = fork();
  if (pid == 0) {
    ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
    execvp(argv[first], argv + first);
    _exit(127);
  }
  int status = 0;
  waitpid(pid, &status, 0);
  Totals t;
  while (t.steps < limit && t.different < 50 && step(pid, t)) continue;
  kill(pid, SIGKILL);
  std::printf("%lu instructions, %lu compared, %lu different, %lu not implemented\n", t.steps, t.compared, t.different,
              t.unimplemented);
  return t.different != 0;
}
