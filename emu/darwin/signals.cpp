// Signals: actions, masks, sending. Handlers are not called yet.
#include <algorithm>

#include "emu/darwin/call.h"

namespace deferscope::emu::darwin {
namespace {

using sig::bit;

Signal from_self(const posix::State& s, int signo) {
  return Signal{signo, 0, {static_cast<uint32_t>(s.pid) | uint64_t{kGuestUid} << 32, 0}};
}

Signal from_timer(const Timer& t, int) { return Signal{t.signo}; }

}  // namespace

const SignalRules kSignalRules = {
    .unblockable = bit(sig::KILL) | bit(sig::STOP),
    // Faults of the thread itself come first.
    .synchronous = bit(sig::SEGV) | bit(sig::BUS) | bit(sig::ILL) | bit(sig::TRAP) | bit(sig::FPE) | bit(sig::SYS),
    .ignored_by_default =
        bit(sig::CHLD) | bit(sig::CONT) | bit(sig::URG) | bit(sig::WINCH) | bit(sig::IO) | bit(sig::INFO),
    .stop_by_default = bit(sig::STOP) | bit(sig::TSTP) | bit(sig::TTIN) | bit(sig::TTOU),
    .first_queued = kMaxSignal + 1,  // none queue
    .from_self = from_self,
    .from_timer = from_timer,
    .broken_pipe = sig::PIPE,
};

void deliver(State& s, MachineState& m, HostPort&, size_t index) {
  ThreadInfo& t = s.threads.at(m.threads[index].tid);
  while (!m.exited) {
    const std::optional<Signal> info = take_signal(s, t, ~t.mask);
    if (!info) break;
    const SigAction& action = s.actions[static_cast<size_t>(info->signo)];
    if (action.handler == SigAction::kDefault && !(kSignalRules.ignored_by_default & bit(info->signo)))
      end_process(m, 0, info->signo);
  }
  if (m.exited || !t.interrupted) return;
  // The call is made again: pc still stands at it.
  t.interrupted = false;
  t.resume_by = t.wait.deadline;
  t.wait = Wait{};
}

void return_from_signal(State&, MachineState&) {}

namespace {

struct USigAction {  // struct sigaction as programs have it
  uint64_t handler;
  uint32_t mask, flags;
};

uint64_t mask_of(uint32_t set) { return set & ~kSignalRules.unblockable; }

}  // namespace

Result imp_sigaction(Call& c) {
  const int signo = c.i32();
  if (signo < 1 || signo > sig::kMax) return Error::INVAL;
  SigAction& action = c.s.actions[static_cast<size_t>(signo)];
  const USigAction old{action.handler, static_cast<uint32_t>(action.mask), static_cast<uint32_t>(action.flags)};
  if (c.a[1] != 0) {
    USigAction next;
    if (!c.get(c.a[1], next)) return Error::FAULT;
    if (kSignalRules.unblockable & bit(signo)) return Error::INVAL;
    action = SigAction{next.handler, next.flags, 0, mask_of(next.mask)};
    forget_ignored(c.s, signo);
  }
  return c.a[2] == 0 || c.put(c.a[2], old) ? kOk : Error::FAULT;
}

Result imp_pthread_sigmask(Call& c) {
  constexpr int kBlock = 1, kUnblock = 2, kSet = 3;
  ThreadInfo& t = c.info();
  const auto old = static_cast<uint32_t>(t.mask);
  if (c.a[1] != 0) {
    uint32_t set = 0;
    if (!c.get(c.a[1], set)) return Error::FAULT;
    switch (c.i32()) {
      case kBlock: t.mask |= mask_of(set); break;
      case kUnblock: t.mask &= ~mask_of(set); break;
      case kSet: t.mask = mask_of(set); break;
      default: return Error::INVAL;
    }
  }
  return c.a[2] == 0 || c.put(c.a[2], old) ? kOk : Error::FAULT;
}

Result imp_sigaltstack(Call& c) {
  struct StackT {
    uint64_t sp, size;
    int32_t flags, pad;
  };
  AltStack& a = c.extra().altstack;
  const StackT old{a.sp, a.size, a.flags, 0};
  if (c.a[0] != 0) {
    StackT next;
    if (!c.get(c.a[0], next)) return Error::FAULT;
    a = AltStack{next.sp, next.size, next.flags};
  }
  return c.a[1] == 0 || c.put(c.a[1], old) ? kOk : Error::FAULT;
}

Result imp_raise(Call& c) {
  if (c.u32() > sig::kMax) return Error::INVAL;
  if (c.i32() != 0) send_to_thread(c.s, c.m, c.thread().tid, from_self(c.s, c.i32()));
  return 0;
}

Result imp_kill(Call& c) {
  if (c.u32(1) > sig::kMax) return Error::INVAL;
  if (c.i32() != c.s.pid && c.i32() != 0 && c.i32() != -c.s.pid) return Error::SRCH;
  if (c.i32(1) != 0) send_to_process(c.s, c.m, from_self(c.s, c.i32(1)));
  return 0;
}

Result imp_pthread_kill(Call& c) {
  const int tid = thread_of(c.s, c.a[0]);
  if (c.u32(1) > sig::kMax) return Error::INVAL;
  if (tid == 0) return Error::SRCH;
  if (c.i32(1) != 0) send_to_thread(c.s, c.m, tid, from_self(c.s, c.i32(1)));
  return 0;
}

}  // namespace deferscope::emu::darwin
