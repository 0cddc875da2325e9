// Signals: actions, masks, sending, delivery, return. Frames are in frame_amd64.cpp and frame_arm64.cpp.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "emu/linux/call.h"
#include "emu/linux/frame.h"

namespace deferscope::emu::linux_ {
namespace {

using sig::bit;

// siginfo's bytes 16…23 of a signal that the process sent itself: si_pid and si_uid.
Signal from_self(const posix::State& s, int signo, int code) {
  return Signal{signo, code, {static_cast<uint32_t>(s.pid) | uint64_t{kGuestUid} << 32, 0}, code < 0};
}

Signal from_user(const posix::State& s, int signo) { return from_self(s, signo, sig::kSiUser); }

Signal from_timer(const Timer& t, int id) {
  if (id < 0) return Signal{t.signo, sig::kSiKernel};
  return Signal{t.signo, sig::kSiTimer, {0, t.value}, true, id, t.overrun};
}

}  // namespace

std::array<uint8_t, kSigInfoSize> siginfo_bytes(const Signal& info) {
  std::array<uint8_t, kSigInfoSize> out{};
  const int32_t head[3] = {info.signo, 0, info.code};
  std::array<uint64_t, 2> words = info.words;
  if (info.timer >= 0) words[0] = static_cast<uint32_t>(info.timer) | info.overrun << 32;
  std::memcpy(out.data(), head, sizeof head);
  std::memcpy(out.data() + 16, words.data(), sizeof words);
  return out;
}

bool on_altstack(const AltStack& a, uint64_t sp) { return a.size != 0 && sp > a.sp && sp - a.sp <= a.size; }

namespace {

// sas_ss_flags: what sigaltstack and frames report.
AltStack reported_altstack(const AltStack& a, uint64_t sp) {
  AltStack out = a;
  if (a.size == 0)
    out.flags = sig::kSsDisable;
  else if (on_altstack(a, sp))
    out.flags = (a.flags & sig::kSsAutodisarm) | sig::kSsOnstack;
  else
    out.flags = a.flags & sig::kSsAutodisarm;
  return out;
}

isa::Reg sp_reg(const State& s) { return s.amd64() ? isa::kRsp : isa::kSp; }

// The interrupted system call: EINTR, or its instruction again.
void leave_interrupted_call(posix::State& shared, MachineState& m, size_t index, const SigAction* handler) {
  auto& s = static_cast<State&>(shared);
  Thread& thread = m.threads[index];
  ThreadInfo& t = s.threads.at(thread.tid);
  const bool again = !handler || (t.wait.restart && (handler->flags & sig::kSaRestart));
  isa::CpuState& cpu = thread.cpu;
  if (again) {
    const SyscallRow& row = syscall_row(t.wait.op.call);
    cpu.pc -= s.amd64() ? 2 : 4;
    t.resume_by = t.wait.deadline;
    answer(s.isa, cpu, s.amd64() ? row.amd64 : static_cast<int64_t>(t.wait.op.args[0]));
  } else {
    answer(s.isa, cpu, Error::INTR);
    if (t.wait.remainder_at != 0) {
      const uint64_t rest = t.wait.deadline > m.now_ns() ? t.wait.deadline - m.now_ns() : 0;
      m.memory.write_value(t.wait.remainder_at, timespec_of(rest));
    }
  }
  t.interrupted = false;
  t.wait = Wait{};
}

void push_frame(posix::State& shared, MachineState& m, size_t index, const Signal& info, const SigAction& action) {
  auto& s = static_cast<State&>(shared);
  Thread& thread = m.threads[index];
  ThreadInfo& t = s.threads.at(thread.tid);
  ThreadExtra& extra = s.extras.at(thread.tid);
  FrameContext f;
  f.info = info;
  f.action = action;
  f.altstack = reported_altstack(extra.altstack, thread.cpu.r[sp_reg(s)]);
  f.mask = t.saved_mask.value_or(t.mask);
  f.trapno = extra.trapno;
  f.error_code = extra.error_code;
  f.fault_address = extra.fault_address;
  f.trampoline = s.trampoline;
  f.avx = m.level == isa::Level::v3;
  t.saved_mask.reset();
  t.resume_by = kNever;
  const bool ok = s.amd64() ? push_frame_amd64(m.memory, thread.cpu, f) : push_frame_arm64(m.memory, thread.cpu, f);
  if (!ok) {
    // No room for the frame: SIGSEGV; if that was it already, the end.
    if (info.signo == sig::SEGV) s.actions[sig::SEGV] = SigAction{};
    force_signal(s, m, index, Signal{sig::SEGV, sig::kSiKernel});
    return;
  }
  if (extra.altstack.flags & sig::kSsAutodisarm) extra.altstack = AltStack{};
  t.mask |= action.mask | (action.flags & sig::kSaNodefer ? 0 : bit(info.signo));
  t.mask &= ~kSignalRules.unblockable;
}

// rt_sigtimedwait's signal has come: it is taken without a handler.
bool finish_sigtimedwait(State& s, MachineState& m, HostPort& host, size_t index) {
  ThreadInfo& t = s.threads.at(m.threads[index].tid);
  if (!t.interrupted || t.wait.kind != WaitKind::Signal || t.wait.signals == 0) return false;
  if (!((pending_set(t.pending) | pending_set(s.pending)) & t.wait.signals)) return false;
  const Result result = go_on(s, m, host, index, false);
  t.interrupted = false;
  finish_wait(s, m, index, result);
  return true;
}

}  // namespace

const SignalRules kSignalRules = {
    .unblockable = bit(sig::KILL) | bit(sig::STOP),
    // Faults of the thread itself come first.
    .synchronous = bit(sig::SEGV) | bit(sig::BUS) | bit(sig::ILL) | bit(sig::TRAP) | bit(sig::FPE) | bit(sig::SYS),
    .ignored_by_default = bit(sig::CHLD) | bit(sig::CONT) | bit(sig::URG) | bit(sig::WINCH),
    .stop_by_default = bit(sig::STOP) | bit(sig::TSTP) | bit(sig::TTIN) | bit(sig::TTOU),
    .first_queued = sig::kRealTime,
    .from_self = from_user,
    .from_timer = from_timer,
    .broken_pipe = sig::PIPE,
    .once_flag = sig::kSaResethand,
    .leave_call = leave_interrupted_call,
    .enter = push_frame,
};

void deliver(State& s, MachineState& m, HostPort& host, size_t index) {
  finish_sigtimedwait(s, m, host, index);
  deliver_pending(s, m, index);
}

Result sys_rt_sigaction(Call& c) {
  const auto signo = static_cast<int64_t>(static_cast<int>(c.a[0]));
  if (c.a[3] != 8 || signo < 1 || signo > sig::kMax) return Error::INVAL;
  SigAction next;
  if (c.a[1] != 0) {
    if (!c.get(c.a[1], next)) return Error::FAULT;
    if (kSignalRules.unblockable & bit(static_cast<int>(signo))) return Error::INVAL;
  }
  SigAction& action = c.s.actions[static_cast<size_t>(signo)];
  const SigAction old = action;
  if (c.a[1] != 0) {
    next.mask &= ~kSignalRules.unblockable;
    action = next;
    forget_ignored(c.s, static_cast<int>(signo));
  }
  return c.a[2] == 0 || c.put(c.a[2], old) ? kOk : Error::FAULT;
}

Result sys_rt_sigprocmask(Call& c) {
  constexpr uint64_t kBlock = 0, kUnblock = 1, kSet = 2;
  if (c.a[3] != 8) return Error::INVAL;
  ThreadInfo& t = c.info();
  const uint64_t old = t.mask;
  if (c.a[1] != 0) {
    uint64_t set = 0;
    if (!c.get(c.a[1], set)) return Error::FAULT;
    set &= ~kSignalRules.unblockable;
    switch (c.a[0]) {
      case kBlock: t.mask |= set; break;
      case kUnblock: t.mask &= ~set; break;
      case kSet: t.mask = set; break;
      default: return Error::INVAL;
    }
  }
  return c.a[2] == 0 || c.put(c.a[2], old) ? kOk : Error::FAULT;
}

namespace {

struct StackT {
  uint64_t sp;
  uint32_t flags, pad;
  uint64_t size;
};

Result set_altstack(Call& c, const StackT& in) {
  ThreadExtra& t = c.extra();
  const uint64_t minimum = c.s.amd64() ? 2048 : 5120;  // MINSIGSTKSZ
  if (on_altstack(t.altstack, c.cpu().r[sp_reg(c.s)])) return Error::PERM;
  const uint32_t kind = in.flags & ~sig::kSsAutodisarm;
  if (kind != sig::kSsDisable && kind != sig::kSsOnstack && kind != 0) return Error::INVAL;
  if (kind == sig::kSsDisable) {
    t.altstack = AltStack{0, in.flags, 0};
    return 0;
  }
  if (in.size < minimum) return Error::NOMEM;
  t.altstack = AltStack{in.sp, in.flags & sig::kSsAutodisarm, in.size};
  return 0;
}

}  // namespace

Result sys_sigaltstack(Call& c) {
  StackT in{};
  if (c.a[0] != 0 && !c.get(c.a[0], in)) return Error::FAULT;
  const AltStack old = reported_altstack(c.extra().altstack, c.cpu().r[sp_reg(c.s)]);
  if (c.a[0] != 0)
    if (const Result e = set_altstack(c, in); !e) return e;
  return c.a[1] == 0 || c.put(c.a[1], StackT{old.sp, old.flags, 0, old.size}) ? kOk : Error::FAULT;
}

Result sys_rt_sigreturn(Call& c) {
  FrameReturn f;
  const bool avx = c.m.level == isa::Level::v3;
  const bool ok = c.s.amd64() ? pop_frame_amd64(c.memory(), c.cpu(), avx, f) : pop_frame_arm64(c.memory(), c.cpu(), f);
  if (!ok) {
    force_signal(c.s, c.m, c.index, Signal{sig::SEGV, sig::kSiKernel});
    return kNoResult;
  }
  c.info().mask = f.mask & ~kSignalRules.unblockable;
  if (!on_altstack(c.extra().altstack, c.cpu().r[sp_reg(c.s)])) {
    const StackT stack{f.altstack.sp, f.altstack.flags, 0, f.altstack.size};
    set_altstack(c, stack);  // errors do not matter here
  }
  return kNoResult;
}

Result sys_rt_sigpending(Call& c) {
  if (c.a[1] > 8) return Error::INVAL;
  const uint64_t set = (pending_set(c.info().pending) | pending_set(c.s.pending)) & c.info().mask;
  return c.memory().write(c.a[0], &set, c.a[1]) ? kOk : Error::FAULT;
}

Result sys_rt_sigtimedwait(Call& c) {
  uint64_t set = 0;
  if (c.a[3] != 8) return Error::INVAL;
  if (!c.get(c.a[0], set)) return Error::FAULT;
  set &= ~kSignalRules.unblockable;
  if (auto info = take_signal(c.s, c.info(), set)) {
    const auto bytes = siginfo_bytes(*info);
    if (c.a[1] != 0 && !c.memory().write(c.a[1], bytes.data(), bytes.size())) return Error::FAULT;
    return info->signo;
  }
  if (c.retry) return c.timed_out ? Error::AGAIN : kBlocked;
  uint64_t deadline = kNever;
  if (const Result e = relative_deadline(c, c.a[2], deadline); !e) return e;
  if (deadline <= c.m.now_ns()) return Error::AGAIN;
  c.block(WaitKind::Signal, deadline, false);
  c.info().wait.signals = set;
  return kBlocked;
}

Result enter_mask(Call& c, uint64_t address, uint64_t size) {
  if (address == 0 || c.retry) return 0;
  uint64_t set = 0;
  if (size != 8) return Error::INVAL;
  if (!c.get(address, set)) return Error::FAULT;
  replace_mask(c, set);
  return 0;
}

namespace {

// Waits for any signal that has a handler. A signal that is pending already interrupts at once.
Result wait_for_signal(Call& c) {
  c.op.resume = sleep_on;
  c.block(WaitKind::Signal, kNever, false);
  if (has_deliverable(c.s, c.thread().tid)) interrupt(c.s, c.m, c.index);
  return kBlocked;
}

}  // namespace

Result sys_rt_sigsuspend(Call& c) {
  if (const Result e = enter_mask(c, c.a[0], c.a[1]); !e) return e;
  return wait_for_signal(c);
}

Result sys_pause(Call& c) { return wait_for_signal(c); }

namespace {

bool valid_signal(int signo) { return signo >= 0 && signo <= sig::kMax; }

Result send_checked(Call& c, int tid, int signo, const Signal& info) {
  if (!valid_signal(signo) || tid <= 0) return Error::INVAL;
  if (!c.s.threads.count(tid)) return Error::SRCH;
  if (!may_queue(c.s, info)) return Error::AGAIN;
  if (signo != 0) send_to_thread(c.s, c.m, tid, info);
  return 0;
}

}  // namespace

Result sys_kill(Call& c) {
  const int pid = static_cast<int>(c.a[0]), signo = static_cast<int>(c.a[1]);
  if (!valid_signal(signo)) return Error::INVAL;
  if (pid != c.s.pid && pid != 0 && pid != -c.s.pid) return Error::SRCH;
  if (signo != 0) send_to_process(c.s, c.m, from_self(c.s, signo, sig::kSiUser));
  return 0;
}

Result sys_tkill(Call& c) {
  const int signo = static_cast<int>(c.a[1]);
  return send_checked(c, static_cast<int>(c.a[0]), signo, from_self(c.s, signo, sig::kSiTkill));
}

Result sys_tgkill(Call& c) {
  const int signo = static_cast<int>(c.a[2]);
  if (static_cast<int>(c.a[0]) <= 0) return Error::INVAL;
  if (static_cast<int>(c.a[0]) != c.s.pid) return Error::SRCH;
  return send_checked(c, static_cast<int>(c.a[1]), signo, from_self(c.s, signo, sig::kSiTkill));
}

namespace {

Result read_siginfo(Call& c, uint64_t address, int signo, Signal& out) {
  uint8_t bytes[32];
  if (!c.memory().read(address, bytes, sizeof bytes)) return Error::FAULT;
  out.signo = signo;
  std::memcpy(&out.code, bytes + 8, 4);
  std::memcpy(out.words.data(), bytes + 16, 16);
  out.refusable = out.code < 0;
  if (out.code != sig::kSiTimer) return 0;
  out.timer = static_cast<int32_t>(out.words[0]);  // as if a timer of that number had sent it
  out.overrun = out.words[0] >> 32;
  return 0;
}

}  // namespace

Result sys_rt_sigqueueinfo(Call& c) {
  const int signo = static_cast<int>(c.a[1]);
  Signal info;
  if (const Result e = read_siginfo(c, c.a[2], signo, info); !e) return e;
  if (!valid_signal(signo)) return Error::INVAL;
  if (static_cast<int>(c.a[0]) != c.s.pid) return Error::SRCH;
  if (!may_queue(c.s, info)) return Error::AGAIN;
  if (signo != 0) send_to_process(c.s, c.m, info);
  return 0;
}

Result sys_rt_tgsigqueueinfo(Call& c) {
  const int signo = static_cast<int>(c.a[2]);
  Signal info;
  if (const Result e = read_siginfo(c, c.a[3], signo, info); !e) return e;
  if (static_cast<int>(c.a[0]) != c.s.pid) return Error::SRCH;
  return send_checked(c, static_cast<int>(c.a[1]), signo, info);
}

}  // namespace deferscope::emu::linux_
