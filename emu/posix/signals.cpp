#include "emu/posix/signals.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "emu/posix/context.h"

namespace deferscope::emu::posix {
namespace {

SigAction& action_of(State& s, int signo) { return s.actions[static_cast<size_t>(signo)]; }

// Ordinary signals are pending once, real-time ones queue; those that nobody could refuse as long as there is room.
void enqueue(const State& s, std::deque<Signal>& queue, const Signal& signal) {
  const bool full = !signal.refusable && queued_signals(s) >= s.pending_signals.soft;
  if (signal.signo < s.system->signals.first_queued || full)
    for (const Signal& q : queue)
      if (q.signo == signal.signo) return;
  queue.push_back(signal);
}

int lowest(uint64_t set) { return set ? __builtin_ctzll(set) + 1 : 0; }

std::optional<Signal> take_from(std::deque<Signal>& queue, uint64_t allowed, uint64_t synchronous) {
  const uint64_t set = pending_set(queue) & allowed;
  const int signo = lowest(set & synchronous ? set & synchronous : set);
  if (signo == 0) return std::nullopt;
  const auto it = std::find_if(queue.begin(), queue.end(), [&](const Signal& q) { return q.signo == signo; });
  const Signal signal = *it;
  queue.erase(it);
  return signal;
}

bool wants(const State& s, int tid, int signo) {
  const ThreadInfo& t = s.threads.at(tid);
  return !(t.mask & signal_bit(signo)) || (t.wait.kind == WaitKind::Signal && (t.wait.signals & signal_bit(signo)));
}

// A blocked signal stays pending even if its action is to ignore it; anything else ignored vanishes.
bool discarded(const State& s, uint64_t mask, int signo) { return !(mask & signal_bit(signo)) && ignored(s, signo); }

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

uint64_t pending_set(const std::deque<Signal>& queue) {
  uint64_t set = 0;
  for (const Signal& q : queue) set |= signal_bit(q.signo);
  return set;
}

std::optional<Signal> take_signal(State& s, ThreadInfo& t, uint64_t allowed) {
  if (auto signal = take_from(t.pending, allowed, s.system->signals.synchronous)) return signal;
  return take_from(s.pending, allowed, s.system->signals.synchronous);
}

bool has_deliverable(const State& s, int tid) {
  const ThreadInfo& t = s.threads.at(tid);
  return ((pending_set(t.pending) | pending_set(s.pending)) & ~t.mask) != 0;
}

bool ignored(const State& s, int signo) {
  const uint64_t handler = s.actions[static_cast<size_t>(signo)].handler;
  return handler == SigAction::kIgnore ||
         (handler == SigAction::kDefault && (s.system->signals.ignored_by_default & signal_bit(signo)));
}

void forget_ignored(State& s, int signo) {
  if (!ignored(s, signo)) return;
  const auto same = [&](const Signal& q) { return q.signo == signo; };
  std::erase_if(s.pending, same);
  for (auto& [tid, t] : s.threads) std::erase_if(t.pending, same);
}

void interrupt(State& s, MachineState& m, size_t index) {
  Thread& t = m.threads[index];
  if (t.status != ThreadStatus::Blocked) return;
  s.threads.at(t.tid).interrupted = true;
  t.status = ThreadStatus::Runnable;
  t.wake_at = kNever;
}

uint64_t queued_signals(const State& s) {
  uint64_t n = s.pending.size() + s.timers.size();
  for (const auto& [tid, t] : s.threads) n += t.pending.size();
  return n;
}

// Only those that queue can be too many: of the others there is one of a kind.
bool may_queue(const State& s, const Signal& signal) {
  return signal.signo < s.system->signals.first_queued || !signal.refusable ||
         queued_signals(s) < s.pending_signals.soft;
}

bool thread_takes(const State& s, int tid, int signo) {
  const ThreadInfo& t = s.threads.at(tid);
  return !discarded(s, t.mask, signo) || t.wait.kind == WaitKind::Signal;
}

bool process_takes(const State& s, const MachineState& m, int signo) {
  return taken(s, m, taker_of(s, m, signo), signo);
}

void send_to_thread(State& s, MachineState& m, int tid, const Signal& signal) {
  if (s.system->signals.sent) s.system->signals.sent(s, signal.signo);
  if (!thread_takes(s, tid, signal.signo)) return;
  enqueue(s, s.threads.at(tid).pending, signal);
  const size_t index = thread_index(m, tid);
  if (index < m.threads.size() && wants(s, tid, signal.signo)) interrupt(s, m, index);
}

void send_to_process(State& s, MachineState& m, const Signal& signal) {
  if (s.system->signals.sent) s.system->signals.sent(s, signal.signo);
  const size_t taker = taker_of(s, m, signal.signo);
  if (!taken(s, m, taker, signal.signo)) return;
  enqueue(s, s.pending, signal);
  if (taker < m.threads.size()) interrupt(s, m, taker);
}

void force_signal(State& s, MachineState& m, size_t index, const Signal& signal) {
  ThreadInfo& t = s.threads.at(m.threads[index].tid);
  SigAction& action = action_of(s, signal.signo);
  if ((t.mask & signal_bit(signal.signo)) || action.handler == SigAction::kIgnore) {
    action.handler = SigAction::kDefault;
    t.mask &= ~signal_bit(signal.signo);
  }
  enqueue(s, t.pending, signal);
}

namespace {

void default_action(const State& s, MachineState& m, int signo) {
  const SignalRules& rules = s.system->signals;
  if (rules.ignored_by_default & signal_bit(signo)) return;
  if (rules.stop_by_default & signal_bit(signo))
    throw Unsupported(fmt::format("signal {} would stop the process; stopping is not implemented", signo));
  end_process(m, 0, signo);
}

}  // namespace

void deliver_pending(State& s, MachineState& m, size_t index) {
  const SignalRules& rules = s.system->signals;
  ThreadInfo& t = s.threads.at(m.threads[index].tid);
  while (!m.exited) {
    const std::optional<Signal> signal = take_signal(s, t, ~t.mask);
    if (!signal) break;
    SigAction& action = action_of(s, signal->signo);
    if (action.handler == SigAction::kIgnore) continue;
    if (action.handler == SigAction::kDefault) {
      default_action(s, m, signal->signo);
      continue;
    }
    if (t.interrupted) rules.leave_call(s, m, index, &action);
    const SigAction taken = action;
    if (action.flags & rules.once_flag) action.handler = SigAction::kDefault;
    rules.enter(s, m, index, *signal, taken);
  }
  if (m.exited || !t.interrupted) return;
  if (t.saved_mask) t.mask = *std::exchange(t.saved_mask, std::nullopt);
  rules.leave_call(s, m, index, nullptr);
}

}  // namespace deferscope::emu::posix
