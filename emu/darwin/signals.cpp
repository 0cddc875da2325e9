// Signals: actions, masks, sending, delivery, return. Frames are in frame.cpp. Sources: bsd/kern/kern_sig.c, sendsig().
#include <fmt/format.h>

#include <utility>

#include "emu/darwin/boot.h"
#include "emu/darwin/call.h"
#include "emu/darwin/frame.h"

namespace deferscope::emu::darwin {
namespace {

using sig::bit;

FrameKind frame_kind(const MachineState& m) {
  if (m.isa == isa::Isa::arm64) return FrameKind::arm64;
  return m.level == isa::Level::v3 ? FrameKind::amd64_avx : FrameKind::amd64;
}

// si_code of a signal that somebody sent: 0, whatever headers say of SI_USER, but what the sendsig() of each
// instruction set says of these.
struct SentCode {
  int signo, amd64, arm64;
};
constexpr SentCode kSentCodes[] = {{sig::ILL, 0, sig::kIllIlltrp},
                                   {sig::TRAP, sig::kTrapBrkpt, 0},
                                   {sig::BUS, sig::kBusAdrerr, sig::kBusAdraln},
                                   {sig::SEGV, 0, sig::kSegvAccerr}};

int code_of_sent(const State& s, int signo) {
  for (const SentCode& row : kSentCodes)
    if (row.signo == signo) return s.amd64() ? row.amd64 : row.arm64;
  return 0;
}

Signal from_self(const posix::State& s, int signo) {
  return Signal{signo,
                code_of_sent(static_cast<const State&>(s), signo),
                {static_cast<uint32_t>(s.pid) | uint64_t{kGuestUid} << 32, 0}};
}

Signal from_timer(const Timer& t, int) { return Signal{t.signo}; }

// The interrupted call: EINTR, or made again, for which pc still stands at an import. Functions that give their error's
// number never tell of a signal.
void leave_interrupted_call(posix::State& shared, MachineState& m, size_t index, const SigAction* handler) {
  auto& s = static_cast<State&>(shared);
  Thread& thread = m.threads[index];
  ThreadInfo& t = s.threads.at(thread.tid);
  const Wait wait = std::exchange(t.wait, Wait{});
  t.interrupted = false;
  const bool asked = wait.restart && handler && (handler->flags & sig::kRestart);
  if (!handler || asked || wait.op.answer == answer_number) {
    if (wait.op.answer == answer_bsd) thread.cpu.pc -= s.amd64() ? 2 : 4;
    t.resume_by = wait.deadline;
    return;
  }
  if (wait.remainder_at != 0)
    m.memory.write_value(wait.remainder_at, timespec_of(wait.deadline > m.now_ns() ? wait.deadline - m.now_ns() : 0));
  wait.op.answer(s, m, index, Error::INTR);
}

// A frame that cannot be written or read: SIGILL, which is not caught.
void lose_stack(MachineState& m) { end_process(m, 0, sig::ILL); }

void enter(posix::State& shared, MachineState& m, size_t index, const Signal& info, const SigAction& action) {
  auto& s = static_cast<State&>(shared);
  Thread& thread = m.threads[index];
  ThreadInfo& t = s.threads.at(thread.tid);
  ThreadExtra& extra = s.extras.at(thread.tid);
  AltStack& alt = extra.altstack;
  FrameContext f;
  f.info = info;
  f.handler = action.handler;
  f.returns_to = special_address(s, kHandlerReturned);
  f.onstack = alt.flags & sig::kSsOnstack;
  f.stack = thread.cpu.r[s.amd64() ? isa::kRsp : isa::kSp];
  f.mask = static_cast<uint32_t>(t.saved_mask.value_or(t.mask));
  f.trapno = extra.trapno;
  f.error_code = extra.error_code;
  f.fault_address = extra.fault_address;
  if ((action.flags & sig::kOnstack) && !f.onstack && !(alt.flags & sig::kSsDisable)) {
    f.stack = alt.sp + alt.size;
    f.stack_size = alt.size;
    alt.flags |= sig::kSsOnstack;
  }
  t.saved_mask.reset();
  t.resume_by = kNever;
  if (!push_frame(m.memory, thread.cpu, f, frame_kind(m))) return lose_stack(m);
  t.mask |= action.mask | (action.flags & sig::kNodefer ? 0 : bit(info.signo));
  t.mask &= ~kSignalRules.unblockable;
}

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
    .once_flag = sig::kResethand,
    .leave_call = leave_interrupted_call,
    .enter = enter,
    .sent = note_sent,
};

void return_from_signal(State& s, MachineState& m) {
  FrameReturn f;
  if (!pop_frame(m.memory, m.cpu(), f, frame_kind(m))) return lose_stack(m);
  s.threads.at(m.thread().tid).mask = f.mask & ~kSignalRules.unblockable;
  int32_t& flags = s.extras.at(m.thread().tid).altstack.flags;
  flags = f.onstack ? flags | sig::kSsOnstack : flags & ~sig::kSsOnstack;
}

namespace {

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
  ThreadInfo& t = c.info();
  const auto old = static_cast<uint32_t>(t.mask);
  if (c.a[1] != 0) {
    uint32_t set = 0;
    if (!c.get(c.a[1], set)) return Error::FAULT;
    switch (c.i32()) {
      case sig::kBlock: t.mask |= mask_of(set); break;
      case sig::kUnblock: t.mask &= ~mask_of(set); break;
      case sig::kSetmask: t.mask = mask_of(set); break;
      default: return Error::INVAL;
    }
  }
  return c.a[2] == 0 || c.put(c.a[2], old) ? kOk : Error::FAULT;
}

Result imp_sigaltstack(Call& c) {
  AltStack& a = c.extra().altstack;
  const StackT old{a.sp, a.size, a.flags, 0};
  const bool onstack = a.flags & sig::kSsOnstack;
  if (c.a[0] != 0) {
    StackT next;
    if (!c.get(c.a[0], next)) return Error::FAULT;
    if (next.flags & ~sig::kSsDisable) return Error::INVAL;
    if (onstack) return next.flags & sig::kSsDisable ? Error::INVAL : Error::PERM;
    if (!(next.flags & sig::kSsDisable) && next.size < sig::kMinStack) return Error::NOMEM;
    if (c.a[1] != 0 && !c.put(c.a[1], old)) return Error::FAULT;
    a = next.flags & sig::kSsDisable ? AltStack{a.sp, a.size, sig::kSsDisable} : AltStack{next.sp, next.size, 0};
    return 0;
  }
  return c.a[1] == 0 || c.put(c.a[1], old) ? kOk : Error::FAULT;
}

Result imp_sigpending(Call& c) {
  const uint64_t set = (pending_set(c.info().pending) | pending_set(c.s.pending)) & c.info().mask;
  return c.put(c.a[0], static_cast<uint32_t>(set)) ? kOk : Error::FAULT;
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

Result imp_pause(Call& c) { return wait_for_signal(c); }

Result imp_sigsuspend(Call& c) {
  uint32_t set = 0;
  if (!c.get(c.a[0], set)) return Error::FAULT;
  replace_mask(c, mask_of(set));
  return wait_for_signal(c);
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
