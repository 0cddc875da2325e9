// The Linux value itself: system call entry and exit, waking, digest. The subjects have files of their own.
#include "emu/linux/linux.h"

#include <fmt/format.h>

#include <utility>

#include "emu/linux/boot.h"
#include "emu/linux/call.h"
#include "emu/linux/digest.h"
#include "emu/linux/faults.h"
#include "emu/linux/syscall_table.h"
#include "emu/linux/vsyscall.h"
#include "emu/posix/boot.h"
#include "emu/posix/file_maps.h"
#include "emu/posix/process.h"

namespace deferscope::emu::linux_ {
namespace {

using isa::Reg;

constexpr Reg kArgs[2][6] = {{isa::kRdi, isa::kRsi, isa::kRdx, 10, 8, 9}, {0, 1, 2, 3, 4, 5}};
constexpr Reg kNumber[2] = {isa::kRax, 8};

std::string unsupported_call(const State& s, const isa::CpuState& cpu) {
  const int column = s.column();
  const uint64_t nr = cpu.r[kNumber[column]];
  std::string line = fmt::format("system call {} is not implemented; arguments", static_cast<int64_t>(nr));
  for (Reg r : kArgs[column]) line += fmt::format(" {:#x}", cpu.r[r]);
  return line;
}

class Linux final : public Os {
 public:
  explicit Linux(isa::Isa isa) { s_.isa = isa; }
  std::unique_ptr<Os> clone() const override { return std::make_unique<Linux>(*this); }
  void boot(MachineState& m, HostPort& host, const loader::Image& image, const GuestOptions& options) override {
    boot_process(s_, m, host, image, options);
    m.memory.set_other_bytes(s_.holdings.held);
  }
  void system_call(MachineState& m, HostPort& host) override;
  void fault(MachineState& m, HostPort& host, const isa::Outcome& outcome) override;
  void wake_due(MachineState& m, HostPort& host) override { posix::wake_due(s_, m, host); }
  uint64_t next_due_ns(const MachineState& m) const override { return next_ns(s_, m, false); }
  uint64_t next_wake_ns(const MachineState& m) const override { return next_ns(s_, m, true); }
  void deliver_signals(MachineState& m, HostPort& host) override;
  uint64_t copy_bytes() const override { return sizeof *this + s_.holdings.held - shared_bytes(); }
  uint64_t shared_bytes() const override { return posix::shared_bytes(s_); }
  std::string describe_thread(const MachineState& m, const Thread& t) const override;
  CallId requested_call(const isa::CpuState& cpu) const override;
  std::vector<std::string> environment(const GuestOptions& options) const override {
    return posix::environment(options);
  }
  const std::vector<Library>& libraries() const override { return s_.libraries ? *s_.libraries : Os::libraries(); }
  const std::vector<std::shared_ptr<const LoadedLibrary>>& loaded() const override { return s_.loaded; }
  void digest(uint64_t& h) const override { digest_state(s_, h); }
  bool is_host_call(uint64_t pc) const override { return s_.amd64() && is_vsyscall(pc); }
  void host_call(MachineState& m, HostPort&) override { run_vsyscall(s_, m); }

 private:
  State s_;
};

void Linux::system_call(MachineState& m, HostPort& host) {
  const Budget budget(s_, m);
  account(s_, m);
  const int column = s_.column();
  isa::CpuState& cpu = m.cpu();
  const int row = find_syscall(column, cpu.r[kNumber[column]]);
  if (row < 0) throw Unsupported(unsupported_call(s_, cpu));
  Call c(s_, {s_, m, host, m.current, {resume_call, answer_thread, static_cast<unsigned>(row)}});
  for (int i = 0; i < 6; ++i) c.a[i] = cpu.r[kArgs[column][i]];
  c.resume_by = std::exchange(c.info().resume_by, kNever);
  if (column == 0) {  // as the SYSCALL instruction leaves them
    cpu.r[isa::kRcx] = cpu.pc;
    cpu.r[11] = cpu.eflags();
  }
  if (m.memory.any_stored_page()) write_back(c);
  Result result;
  try {
    result = syscall_row(c.op.call).handler(c);
  } catch (...) {  // the call is not made: Interrupted, Unsupported
    c.info().resume_by = c.resume_by;
    throw;
  }
  if (result != kBlocked && result != kNoResult) {
    restore_mask(c);
    answer(s_.isa, c.cpu(), result);
  }
  settle_call(c);
}

void Linux::fault(MachineState& m, HostPort&, const isa::Outcome& outcome) {
  account(s_, m);
  raise_fault(s_, m, outcome);
}

void Linux::deliver_signals(MachineState& m, HostPort& host) {
  const Budget budget(s_, m);
  account(s_, m);
  s_.running = m.thread().tid;
  if (m.thread().status == ThreadStatus::Runnable && !m.exited) deliver(s_, m, host, m.current);
  if (m.exited) write_back_all(s_, m, host);  // killed
}

std::string Linux::describe_thread(const MachineState& m, const Thread& t) const {
  (void)m;
  const bool waits = t.status == ThreadStatus::Blocked;
  return posix::describe_thread(s_, t, waits ? syscall_row(s_.threads.at(t.tid).wait.op.call).name : "");
}

CallId Linux::requested_call(const isa::CpuState& cpu) const {
  const uint64_t number = cpu.r[kNumber[s_.column()]];
  const int row = find_syscall(s_.column(), number);
  return {number, row < 0 ? "" : syscall_row(static_cast<unsigned>(row)).name};
}

}  // namespace

const System kSystem = {.signals = kSignalRules, .exe_link = "/proc/self/exe", .synthetic_file = synthetic_file};

isa::CpuModel linux_cpu(isa::CpuModel model) {
  model.cs = 0x33, model.ss = 0x2b;  // arch/x86/include/asm/segment.h: __USER_CS, __USER_DS
  return model;
}

std::unique_ptr<Os> make_linux(isa::Isa isa) { return std::make_unique<Linux>(isa); }

Result resume_call(Context& context) {
  Call c(static_cast<State&>(context.s), context);
  return syscall_row(c.op.call).handler(c);
}

void answer_thread(posix::State&, MachineState& m, size_t index, Result result) {
  answer(m.isa, m.threads[index].cpu, result);
}

void answer(isa::Isa isa, isa::CpuState& cpu, Result result) {
  const int64_t number = result ? result.value() : -linux_errno(result.error());
  cpu.r[isa == isa::Isa::x86_64 ? isa::kRax : 0] = static_cast<uint64_t>(number);
}

}  // namespace deferscope::emu::linux_
