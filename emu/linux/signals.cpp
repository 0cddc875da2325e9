// Signals: actions, masks, sending, delivery, return. Frames are in frame_amd64.cpp and frame_arm64.cpp.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "emu/linux/call.h"
#include "emu/linux/frame.h"
#include "emu/linux/host_files.h"

namespace deferscope::emu::linux_ {
namespace {

using sig::bit;

constexpr uint64_t kUnblockable = bit(sig::KILL) | bit(sig::STOP);
// Faults of the thread itself come first.
constexpr uint64_t kSynchronous =
    bit(sig::SEGV) | bit(sig::BUS) | bit(sig::ILL) | bit(sig::TRAP) | bit(sig::FPE) | bit(sig::SYS);
constexpr uint64_t kIgnoredByDefault = bit(sig::CHLD) | bit(sig::CONT) | bit(sig::URG) | bit(sig::WINCH);
constexpr uint64_t kStopByDefault = bit(sig::STOP) | bit(sig::TSTP) | bit(sig::TTIN) | bit(sig::TTOU);

bool ignored(const State& s, int signo) {
  const uint64_t handler = s.actions[static_cast<size_t>(signo)].handler;
  return handler == sig::IGN || (handler == sig::DFL && (kIgnoredByDefault & bit(signo)));
}

// Ordinary signals are pending once, real-time ones queue; those that kill sends as long as there is room.
void enqueue(const State& s, std::deque<SigInfo>& queue, const SigInfo& info) {
  if (info.signo < sig::kRealTime || (info.code >= 0 && queued_signals(s) >= s.rlimits[rlimit::SigPending].soft))
    for (const SigInfo& q : queue)
      if (q.signo == info.signo) return;
  queue.push_back(info);
}

uint64_t pending_set(const std::deque<SigInfo>& queue) {
  uint64_t set = 0;
  for (const SigInfo& q : queue) set |= bit(q.signo);
  return set;
}

int lowest(uint64_t set) { return set ? __builtin_ctzll(set) + 1 : 0; }

std::optional<SigInfo> take_from(std::deque<SigInfo>& queue, uint64_t allowed) {
  const uint64_t set = pending_set(queue) & allowed;
  const int signo = lowest(set & kSynchronous ? set & kSynchronous : set);
  if (signo == 0) return std::nullopt;
  const auto it = std::find_if(queue.begin(), queue.end(), [&](const SigInfo& q) { return q.signo == signo; });
  const SigInfo info = *it;
  queue.erase(it);
  return info;
}

std::optional<SigInfo> take_signal(State& s, ThreadInfo& t, uint64_t allowed) {
  if (auto info = take_from(t.pending, allowed)) return info;
  return take_from(s.pending, allowed);
}

// The thread leaves its wait; deliver() decides between EINTR and starting again.
void interrupt(State& s, MachineState& m, size_t index) {
  Thread& t = m.threads[index];
  if (t.status != ThreadStatus::Blocked) return;
  s.threads.at(t.tid).interrupted = true;
  t.status = ThreadStatus::Runnable;
  t.wake_at = kNever;
}

bool wants(const State& s, int tid, int signo) {
  const ThreadInfo& t = s.threads.at(tid);
  return !(t.mask & bit(signo)) || (t.wait.kind == WaitKind::Signal && (t.wait.signals & bit(signo)));
}

// A blocked signal stays pending even if its action is to ignore it; anything else ignored vanishes.
bool discarded(const State& s, uint64_t mask, int signo) { return !(mask & bit(signo)) && ignored(s, signo); }

}  // namespace

bool has_deliverable(const State& s, int tid) {
  const ThreadInfo& t = s.threads.at(tid);
  return ((pending_set(t.pending) | pending_set(s.pending)) & ~t.mask) != 0;
}

uint64_t queued_signals(const State& s) {
  uint64_t n = s.pending.size() + s.timers.size();
  for (const auto& [tid, t] : s.threads) n += t.pending.size();
  return n;
}

// Only those that queue and are not kill's: of the others there is one of a kind.
bool may_queue(const State& s, const SigInfo& info) {
  return info.signo < sig::kRealTime || info.code >= 0 || queued_signals(s) < s.rlimits[rlimit::SigPending].soft;
}

bool thread_takes(const State& s, int tid, int signo) {
  const ThreadInfo& t = s.threads.at(tid);
  return !discarded(s, t.mask, signo) || t.wait.kind == WaitKind::Signal;
}

void send_to_thread(State& s, MachineState& m, int tid, const SigInfo& info) {
  if (!thread_takes(s, tid, info.signo)) return;
  enqueue(s, s.threads.at(tid).pending, info);
  const size_t index = thread_index(m, tid);
  if (index < m.threads.size() && wants(s, tid, info.signo)) interrupt(s, m, index);
}

namespace {

// The first thread is asked first, then the others in their order; a running taker needs no wake-up. Behind the last:
// all have it blocked.
size_t taker_of(const State& s, const MachineState& m, int signo) {
  size_t taker = m.threads.size();
  for (size_t i = 0; i < m.threads.size(); ++i) {
    if (m.threads[i].status == ThreadStatus::Exited || !wants(s, m.threads[i].tid, signo)) continue;
    if (taker == m.threads.size()) taker = i;
    if (m.threads[i].status == ThreadStatus::Runnable && m.threads[taker].tid != s.pid) taker = i;
  }
  return taker;
}

bool taken(const State& s, const MachineState& m, size_t taker, int signo) {
  return taker == m.threads.size() || !ignored(s, signo) ||
         s.threads.at(m.threads[taker].tid).wait.kind == WaitKind::Signal;
}

}  // namespace

bool process_takes(const State& s, const MachineState& m, int signo) {
  return taken(s, m, taker_of(s, m, signo), signo);
}

void send_to_process(State& s, MachineState& m, const SigInfo& info) {
  const size_t taker = taker_of(s, m, info.signo);
  if (!taken(s, m, taker, info.signo)) return;
  enqueue(s, s.pending, info);
  if (taker < m.threads.size()) interrupt(s, m, taker);
}

void force_signal(State& s, MachineState& m, size_t index, const SigInfo& info) {
  ThreadInfo& t = s.threads.at(m.threads[index].tid);
  SigAction& action = s.actions[static_cast<size_t>(info.signo)];
  if ((t.mask & bit(info.signo)) || action.handler == sig::IGN) {
    action.handler = sig::DFL;
    t.mask &= ~bit(info.signo);
  }
  enqueue(s, t.pending, info);
}

std::array<uint8_t, kSigInfoSize> siginfo_bytes(const SigInfo& info) {
  std::array<uint8_t, kSigInfoSize> out{};
  const int32_t head[3] = {info.signo, 0, info.code};
  std::memcpy(out.data(), head, sizeof head);
  std::memcpy(out.data() + 16, &info.word16, 8);
  std::memcpy(out.data() + 24, &info.word24, 8);
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
void leave_interrupted_call(State& s, MachineState& m, Thread& thread, const SigAction* handler) {
  ThreadInfo& t = s.threads.at(thread.tid);
  const bool again = !handler || (t.wait.restart && (handler->flags & sig::kSaRestart));
  isa::CpuState& cpu = thread.cpu;
  if (again) {
    const SyscallRow& row = syscall_row(t.wait.row);
    cpu.pc -= s.amd64() ? 2 : 4;
    t.resume_by = t.wait.deadline;
    set_result(s, cpu, s.amd64() ? row.amd64 : static_cast<int64_t>(t.wait.args[0]));
  } else {
    set_result(s, cpu, Error::INTR);
    if (t.wait.remainder_at != 0) {
      const uint64_t rest = t.wait.deadline > m.now_ns() ? t.wait.deadline - m.now_ns() : 0;
      m.memory.write_value(t.wait.remainder_at,
                           TimeSpec{static_cast<int64_t>(rest / kSecond), static_cast<int64_t>(rest % kSecond)});
    }
  }
  t.interrupted = false;
  t.wait = Wait{};
}

void push_frame(State& s, MachineState& m, size_t index, const SigInfo& info, const SigAction& action) {
  Thread& thread = m.threads[index];
  ThreadInfo& t = s.threads.at(thread.tid);
  FrameContext f;
  f.info = info;
  f.action = action;
  f.altstack = reported_altstack(t.altstack, thread.cpu.r[sp_reg(s)]);
  f.mask = t.saved_mask.value_or(t.mask);
  f.trapno = t.trapno;
  f.error_code = t.error_code;
  f.fault_address = t.fault_address;
  f.trampoline = s.trampoline;
  t.saved_mask.reset();
  t.resume_by = kNever;
  const bool ok = s.amd64() ? push_frame_amd64(m.memory, thread.cpu, f) : push_frame_arm64(m.memory, thread.cpu, f);
  if (!ok) {
    // No room for the frame: SIGSEGV; if that was it already, the end.
    if (info.signo == sig::SEGV) s.actions[sig::SEGV] = SigAction{};
    force_signal(s, m, index, SigInfo{sig::SEGV, sig::kSiKernel, 0, 0});
    return;
  }
  if (t.altstack.flags & sig::kSsAutodisarm) t.altstack = AltStack{};
  t.mask |= action.mask | (action.flags & sig::kSaNodefer ? 0 : bit(info.signo));
  t.mask &= ~kUnblockable;
}

void default_action(State&, MachineState& m, const SigInfo& info) {
  if (kIgnoredByDefault & bit(info.signo)) return;
  if (kStopByDefault & bit(info.signo))
    throw Unsupported(fmt::format("signal {} would stop the process; stopping is not implemented", info.signo));
  end_process(m, 0, info.signo);
}

// rt_sigtimedwait's signal has come: it is taken without a handler.
bool finish_sigtimedwait(State& s, MachineState& m, HostPort& host, size_t index) {
  ThreadInfo& t = s.threads.at(m.threads[index].tid);
  if (!t.interrupted || t.wait.kind != WaitKind::Signal || t.wait.signals == 0) return false;
  if (!((pending_set(t.pending) | pending_set(s.pending)) & t.wait.signals)) return false;
  const Wait w = t.wait;
  Call c{s, m, host, index, w.row, w.args, true, false};
  const Result result = syscall_row(w.row).handler(c);
  t.interrupted = false;
  finish_wait(s, m, index, result);
  return true;
}

}  // namespace

void deliver(State& s, MachineState& m, HostPort& host, size_t index) {
  Thread& thread = m.threads[index];
  ThreadInfo& t = s.threads.at(thread.tid);
  finish_sigtimedwait(s, m, host, index);
  while (!m.exited) {
    const std::optional<SigInfo> info = take_signal(s, t, ~t.mask);
    if (!info) break;
    SigAction& action = s.actions[static_cast<size_t>(info->signo)];
    if (action.handler == sig::IGN) continue;
    if (action.handler == sig::DFL) {
      default_action(s, m, *info);
      continue;
    }
    if (t.interrupted) leave_interrupted_call(s, m, thread, &action);
    const SigAction taken = action;
    if (action.flags & sig::kSaResethand) action.handler = sig::DFL;
    push_frame(s, m, index, *info, taken);
  }
  if (m.exited || !t.interrupted) return;
  if (t.saved_mask) t.mask = *std::exchange(t.saved_mask, std::nullopt);
  leave_interrupted_call(s, m, thread, nullptr);
}

Result sys_rt_sigaction(Call& c) {
  const auto signo = static_cast<int64_t>(static_cast<int>(c.a[0]));
  if (c.a[3] != 8 || signo < 1 || signo > sig::kMax) return Error::INVAL;
  SigAction next;
  if (c.a[1] != 0) {
    if (!c.get(c.a[1], next)) return Error::FAULT;
    if (kUnblockable & bit(static_cast<int>(signo))) return Error::INVAL;
  }
  SigAction& action = c.s.actions[static_cast<size_t>(signo)];
  const SigAction old = action;
  if (c.a[1] != 0) {
    next.mask &= ~kUnblockable;
    action = next;
    if (ignored(c.s, static_cast<int>(signo))) {  // what is pending vanishes
      const auto same = [&](const SigInfo& q) { return q.signo == signo; };
      std::erase_if(c.s.pending, same);
      for (auto& [tid, t] : c.s.threads) std::erase_if(t.pending, same);
    }
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
    set &= ~kUnblockable;
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
  ThreadInfo& t = c.info();
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
  const AltStack old = reported_altstack(c.info().altstack, c.cpu().r[sp_reg(c.s)]);
  if (c.a[0] != 0)
    if (const Result e = set_altstack(c, in); !e) return e;
  return c.a[1] == 0 || c.put(c.a[1], StackT{old.sp, old.flags, 0, old.size}) ? kOk : Error::FAULT;
}

Result sys_rt_sigreturn(Call& c) {
  FrameReturn f;
  const bool ok = c.s.amd64() ? pop_frame_amd64(c.memory(), c.cpu(), f) : pop_frame_arm64(c.memory(), c.cpu(), f);
  if (!ok) {
    force_signal(c.s, c.m, c.index, SigInfo{sig::SEGV, sig::kSiKernel, 0, 0});
    return kNoResult;
  }
  ThreadInfo& t = c.info();
  t.mask = f.mask & ~kUnblockable;
  if (!on_altstack(t.altstack, c.cpu().r[sp_reg(c.s)])) {
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
  set &= ~kUnblockable;
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
  ThreadInfo& t = c.info();
  t.saved_mask = t.mask;
  t.mask = set & ~kUnblockable;
  return 0;
}

void leave_mask(Call& c) {
  const auto it = c.s.threads.find(c.thread().tid);
  if (it == c.s.threads.end() || !it->second.saved_mask) return;
  it->second.mask = *std::exchange(it->second.saved_mask, std::nullopt);
}

namespace {

// Waits for any signal that has a handler. A signal that is pending already interrupts at once.
Result wait_for_signal(Call& c) {
  if (c.retry) return kBlocked;
  c.block(WaitKind::Signal, kNever, false);
  if (has_deliverable(c.s, c.thread().tid)) interrupt(c.s, c.m, c.index);
  return kBlocked;
}

}  // namespace

Result sys_rt_sigsuspend(Call& c) {
  if (c.retry) return kBlocked;
  if (const Result e = enter_mask(c, c.a[0], c.a[1]); !e) return e;
  return wait_for_signal(c);
}

Result sys_pause(Call& c) { return wait_for_signal(c); }

namespace {

SigInfo from_self(const State& s, int signo, int code) {
  return SigInfo{signo, code, static_cast<uint32_t>(s.pid) | uint64_t{kGuestUid} << 32, 0};
}

bool valid_signal(int signo) { return signo >= 0 && signo <= sig::kMax; }

Result send_checked(Call& c, int tid, int signo, const SigInfo& info) {
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

Result read_siginfo(Call& c, uint64_t address, int signo, SigInfo& out) {
  uint8_t bytes[32];
  if (!c.memory().read(address, bytes, sizeof bytes)) return Error::FAULT;
  out.signo = signo;
  std::memcpy(&out.code, bytes + 8, 4);
  std::memcpy(&out.word16, bytes + 16, 8);
  std::memcpy(&out.word24, bytes + 24, 8);
  return 0;
}

}  // namespace

Result sys_rt_sigqueueinfo(Call& c) {
  const int signo = static_cast<int>(c.a[1]);
  SigInfo info;
  if (const Result e = read_siginfo(c, c.a[2], signo, info); !e) return e;
  if (!valid_signal(signo)) return Error::INVAL;
  if (static_cast<int>(c.a[0]) != c.s.pid) return Error::SRCH;
  if (!may_queue(c.s, info)) return Error::AGAIN;
  if (signo != 0) send_to_process(c.s, c.m, info);
  return 0;
}

Result sys_rt_tgsigqueueinfo(Call& c) {
  const int signo = static_cast<int>(c.a[2]);
  SigInfo info;
  if (const Result e = read_siginfo(c, c.a[3], signo, info); !e) return e;
  if (static_cast<int>(c.a[0]) != c.s.pid) return Error::SRCH;
  return send_checked(c, static_cast<int>(c.a[1]), signo, info);
}

}  // namespace deferscope::emu::linux_
