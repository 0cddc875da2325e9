// The Darwin value itself: entry and exit of calls to libSystem, waking, digest. The subjects have files of their own.
#include "emu/darwin/darwin.h"

#include <fmt/format.h>

#include <utility>

#include "emu/darwin/boot.h"
#include "emu/darwin/call.h"
#include "emu/darwin/digest.h"
#include "emu/darwin/import_table.h"
#include "emu/posix/boot.h"
#include "emu/posix/file_maps.h"
#include "emu/posix/process.h"

namespace deferscope::emu::darwin {
namespace {

using isa::Reg;

constexpr Reg kArgs[2][6] = {{isa::kRdi, isa::kRsi, isa::kRdx, isa::kRcx, 8, 9}, {0, 1, 2, 3, 4, 5}};
constexpr Reg kBsdArgs[2][6] = {{isa::kRdi, isa::kRsi, isa::kRdx, 10, 8, 9}, {0, 1, 2, 3, 4, 5}};
constexpr Reg kBsdNumber[2] = {isa::kRax, 16};
constexpr unsigned kMadeDirectly = 1u << 31;  // in Operation::call: a system call, not an import
constexpr uint64_t kBsdClass = 2;             // of x86-64's numbers, in bits 24 and up

// A system call that a program makes itself.
struct DirectCall {
  uint64_t number;  // as it stands in the register
  int row;          // of the table of imports; -1: not modelled
};
DirectCall direct_call(const State& s, const isa::CpuState& cpu) {
  const uint64_t number = cpu.r[kBsdNumber[s.amd64() ? 0 : 1]];
  if (!s.amd64()) return {number, find_bsd_call(number)};
  return {number, number >> 24 == kBsdClass ? find_bsd_call(number & 0xffffff) : -1};
}

// The place in the area of host calls that pc stands at.
std::optional<uint64_t> place_of(const State& s, uint64_t pc) {
  const Layout& l = layout_of(s);
  const uint64_t place = (pc - l.calls) / kCallSize;
  if (!s.imports || pc < l.calls || (pc - l.calls) % kCallSize != 0 || place >= kSpecialCalls + s.imports->size())
    return std::nullopt;
  return place;
}

// A call returns to its caller.
void leave(MachineState& m, isa::CpuState& cpu) {
  if (m.isa == isa::Isa::arm64) {
    cpu.pc = cpu.r[isa::kX30];
    return;
  }
  cpu.pc = 0;  // where nothing can be read there is a fault next
  m.memory.peek(cpu.r[isa::kRsp], &cpu.pc, 8);
  cpu.r[isa::kRsp] += 8;
}

Reg result_reg(const MachineState& m) { return m.isa == isa::Isa::x86_64 ? isa::kRax : Reg{0}; }

void tell_errno(posix::State& shared, MachineState& m, size_t index, Result result, uint64_t failed) {
  const auto& s = static_cast<const State&>(shared);
  isa::CpuState& cpu = m.threads[index].cpu;
  if (!result) m.memory.write_value(errno_address(s, m.threads[index].tid), darwin_errno(result.error()));
  cpu.r[result_reg(m)] = result ? static_cast<uint64_t>(result.value()) : failed;
  leave(m, cpu);
}

// An instruction of libSystem touched what it may not.
void fault_in_call(State& s, MachineState& m, isa::Access access) {
  isa::Outcome fault{};
  fault.kind = isa::Outcome::Fault;
  fault.fault = m.memory.fault;
  fault.access = access;
  fault.address = m.memory.fault_address;
  raise_fault(s, m, fault);
}

// "/usr/lib/libSystem.B.dylib" as people say it.
std::string library_name(const std::string& path) {
  const std::string file = path.substr(path.rfind('/') + 1);
  return file.empty() ? "libSystem" : file.substr(0, file.find('.'));
}

class Darwin final : public Os {
 public:
  explicit Darwin(isa::Isa isa) { s_.isa = isa; }
  std::unique_ptr<Os> clone() const override { return std::make_unique<Darwin>(*this); }
  void boot(MachineState& m, HostPort& host, const loader::Image& image, const GuestOptions& options) override {
    boot_process(s_, m, host, image, options);
    m.memory.set_other_bytes(s_.holdings.held);
  }
  void system_call(MachineState& m, HostPort& host) override;
  bool is_host_call(uint64_t pc) const override { return place_of(s_, pc).has_value(); }
  void host_call(MachineState& m, HostPort& host) override;
  void fault(MachineState& m, HostPort&, const isa::Outcome& outcome) override {
    account(s_, m);
    raise_fault(s_, m, outcome);
  }
  void wake_due(MachineState& m, HostPort& host) override { posix::wake_due(s_, m, host); }
  uint64_t next_due_ns(const MachineState& m) const override { return next_ns(s_, m, false); }
  uint64_t next_wake_ns(const MachineState& m) const override { return next_ns(s_, m, true); }
  void deliver_signals(MachineState& m, HostPort& host) override;
  uint64_t copy_bytes() const override { return sizeof *this + s_.holdings.held - shared_bytes(); }
  uint64_t shared_bytes() const override { return posix::shared_bytes(s_); }
  std::string describe_thread(const MachineState& m, const Thread& t) const override;
  CallId requested_call(const isa::CpuState& cpu) const override;
  std::string host_call_name(uint64_t pc) const override;
  std::vector<std::string> environment(const GuestOptions& options) const override {
    return posix::environment(options);
  }
  void digest(uint64_t& h) const override { digest_state(s_, h); }

 private:
  void make(Call& c, const ImportRow& row);
  bool run_special(MachineState& m, HostPort& host, uint64_t place);

  State s_;
};

// The rest of a call, whichever way it was made.
void Darwin::make(Call& c, const ImportRow& row) {
  c.resume_by = std::exchange(c.info().resume_by, kNever);
  if (c.m.memory.any_stored_page()) write_back(c);
  Result result;
  try {
    result = row.handler(c);
  } catch (...) {  // the call is not made: Interrupted, Unsupported
    c.info().resume_by = c.resume_by;
    throw;
  }
  if (result != kBlocked && result != kNoResult) {
    restore_mask(c);
    c.op.answer(c.s, c.m, c.index, result);
  }
  settle_call(c);
}

// Those places that are no imports. True: all is done.
bool Darwin::run_special(MachineState& m, HostPort& host, uint64_t place) {
  isa::CpuState& cpu = m.cpu();
  switch (place) {
    case kHandlerReturned: return_from_signal(s_, m); break;
    case kInitialiserReturned: enter_program(s_, m, cpu); break;
    default: {
      Call c(s_, {s_, m, host, m.current});
      if (place >= kSpecialCalls) return false;
      if (place == kMainReturned) end_program(c, static_cast<int>(cpu.r[result_reg(m)]));
      if (place == kThreadReturned) end_thread(c, cpu.r[result_reg(m)]);
      if (place == kOnceReturned) finish_once(c);
      if (place == kAtExitReturned) end_program(c, s_.exit_status);
      settle_call(c);
    }
  }
  return true;
}

void Darwin::host_call(MachineState& m, HostPort& host) {
  const Budget budget(s_, m);
  account(s_, m);
  isa::CpuState& cpu = m.cpu();
  const uint64_t place = *place_of(s_, cpu.pc);
  if (run_special(m, host, place)) return;
  const ImportSlot& slot = (*s_.imports)[place - kSpecialCalls];
  const uint64_t sp = cpu.r[s_.amd64() ? isa::kRsp : isa::kSp];
  uint64_t back = cpu.r[isa::kX30];
  if (s_.amd64() && !m.memory.read_value(sp, back)) return fault_in_call(s_, m, isa::Access::Read);
  if (slot.row < 0)
    throw Unsupported(fmt::format("{} of {}, called from {:#x}, is not implemented: the call", slot.name,
                                  library_name(slot.library), back));
  const ImportRow& row = import_rows()[static_cast<size_t>(slot.row)];
  Call c(s_, {s_, m, host, m.current, {resume_call, answer_of(row.tells), static_cast<unsigned>(slot.row)}});
  for (int i = 0; i < 6; ++i) c.a[i] = cpu.r[kArgs[s_.amd64() ? 0 : 1][i]];
  if (!s_.amd64())
    for (int i = row.fixed; i < 6; ++i) m.memory.peek(sp + 8 * static_cast<uint64_t>(i - row.fixed), &c.a[i], 8);
  make(c, row);
}

void Darwin::system_call(MachineState& m, HostPort& host) {
  const Budget budget(s_, m);
  account(s_, m);
  isa::CpuState& cpu = m.cpu();
  const DirectCall call = direct_call(s_, cpu);
  if (call.row < 0) throw Unsupported(fmt::format("system call {:#x} is not implemented", call.number));
  if (s_.amd64()) {  // as the SYSCALL instruction leaves them
    cpu.r[isa::kRcx] = cpu.pc;
    cpu.r[11] = cpu.eflags();
  }
  const auto row = static_cast<unsigned>(call.row);
  Call c(s_, {s_, m, host, m.current, {resume_call, answer_bsd, row | kMadeDirectly}});
  for (int i = 0; i < 6; ++i) c.a[i] = cpu.r[kBsdArgs[s_.amd64() ? 0 : 1][i]];
  make(c, import_rows()[row]);
}

void Darwin::deliver_signals(MachineState& m, HostPort& host) {
  const Budget budget(s_, m);
  account(s_, m);
  s_.running = m.thread().tid;
  if (m.thread().status == ThreadStatus::Runnable && !m.exited) deliver_pending(s_, m, m.current);
  if (m.exited) write_back_all(s_, m, host);  // killed
}

std::string Darwin::describe_thread(const MachineState& m, const Thread& t) const {
  (void)m;
  const bool waits = t.status == ThreadStatus::Blocked;
  return posix::describe_thread(s_, t, waits ? operation_name(s_, s_.threads.at(t.tid).wait.op) : "");
}

CallId Darwin::requested_call(const isa::CpuState& cpu) const {
  const DirectCall call = direct_call(s_, cpu);
  return {call.number, call.row < 0 ? "" : import_rows()[static_cast<size_t>(call.row)].name};
}

std::string Darwin::host_call_name(uint64_t pc) const {
  constexpr const char* kSpecial[kSpecialCalls] = {"(main returned)",    "(thread returned)",
                                                   "(handler returned)", "(initialiser returned)",
                                                   "(once returned)",    "(exit handler returned)"};
  const auto place = place_of(s_, pc);
  if (!place) return "";
  return *place < kSpecialCalls ? kSpecial[*place] : (*s_.imports)[*place - kSpecialCalls].name;
}

}  // namespace

const System kSystem = {.signals = kSignalRules, .exe_link = "", .synthetic_file = synthetic_file};

// osfmk/i386/seg.h: USER64_CS, USER_DS.
isa::CpuModel darwin_cpu(isa::CpuModel model) {
  model.cs = 0x2b, model.ss = 0x23;
  return model;
}

std::unique_ptr<Os> make_darwin(isa::Isa isa) { return std::make_unique<Darwin>(isa); }

Result resume_call(Context& context) {
  Call c(static_cast<State&>(context.s), context);
  return import_rows()[c.op.call & ~kMadeDirectly].handler(c);
}

std::string operation_name(const State&, const Operation& op) { return import_rows()[op.call & ~kMadeDirectly].name; }

void answer_errno(posix::State& s, MachineState& m, size_t index, Result result) {
  tell_errno(s, m, index, result, UINT64_MAX);
}

void answer_null(posix::State& s, MachineState& m, size_t index, Result result) { tell_errno(s, m, index, result, 0); }

void answer_number(posix::State&, MachineState& m, size_t index, Result result) {
  isa::CpuState& cpu = m.threads[index].cpu;
  cpu.r[result_reg(m)] = static_cast<uint64_t>(result ? result.value() : darwin_errno(result.error()));
  leave(m, cpu);
}

void answer_bsd(posix::State&, MachineState& m, size_t index, Result result) {
  isa::CpuState& cpu = m.threads[index].cpu;
  cpu.r[result_reg(m)] = static_cast<uint64_t>(result ? result.value() : darwin_errno(result.error()));
  const uint32_t others = cpu.flags() & ~isa::flag::CF;
  cpu.set_flags(others | (result ? 0 : isa::flag::CF));
}

posix::Operation::Answer answer_of(Tells tells) {
  constexpr posix::Operation::Answer kAnswers[] = {answer_errno, answer_null, answer_number};
  return kAnswers[static_cast<size_t>(tells)];
}

uint64_t Call::seventh() {
  uint64_t value = cpu().r[6];
  if (s.amd64()) m.memory.peek(cpu().r[isa::kRsp] + 8, &value, 8);
  return value;
}

Result Call::fault(isa::Access access) {
  fault_in_call(s, m, access);
  return kNoResult;
}

Result Call::give(uint64_t whatever) {
  cpu().r[result_reg(m)] = whatever;
  return back();
}

Result Call::back() {
  leave(m, cpu());
  return kNoResult;
}

}  // namespace deferscope::emu::darwin
