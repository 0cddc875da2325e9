#include "emu/posix/timers.h"

#include <algorithm>

namespace deferscope::emu::posix {
namespace {

uint64_t timer_after(uint64_t now, uint64_t ns) { return ns > kNever - now ? kNever : now + ns; }

// Whole intervals that have passed since the expiry; computed, however many they are.
uint64_t periods_until(const Timer& t, uint64_t now) {
  return t.interval == 0 || t.expiry == kNever || now < t.expiry ? 0 : (now - t.expiry) / t.interval;
}

// The first expiry after `now`, which is past the last one; 0: it was the only one.
uint64_t next_expiry(const Timer& t, uint64_t now) {
  if (t.interval == 0) return 0;
  const uint64_t periods = periods_until(t, now);
  return timer_after(t.expiry + periods * t.interval, t.interval);
}

// Its signal that is still pending; nullptr: none.
Signal* waiting_signal(State& s, const Timer& t, int id) {
  const auto in = [&](std::deque<Signal>& queue) -> Signal* {
    const auto it = std::find_if(queue.begin(), queue.end(), [&](const Signal& q) {
      return q.signo == t.signo && (t.signo < s.system->signals.first_queued || (q.timer >= 0 && q.timer == id));
    });
    return it == queue.end() ? nullptr : &*it;
  };
  if (t.tid == 0) return in(s.pending);
  const auto it = s.threads.find(t.tid);
  return it == s.threads.end() ? nullptr : in(it->second.pending);
}

void expire(State& s, MachineState& m, Timer& t, int id) {
  const uint64_t time = now(s, m, t.clock);
  const uint64_t periods = std::min<uint64_t>(periods_until(t, time), INT32_MAX);  // DELAYTIMER_MAX
  t.expiry = next_expiry(t, time);
  if (Signal* waiting = waiting_signal(s, t, id)) {  // never queued twice: what comes meanwhile is its overrun
    t.overrun = std::min<uint64_t>(t.overrun + periods + 1, INT32_MAX);
    if (waiting->timer >= 0) waiting->overrun = t.overrun;
    return;
  }
  t.overrun = periods;
  const Signal signal = s.system->signals.from_timer(t, id);
  if (t.tid == 0)
    send_to_process(s, m, signal);
  else if (s.threads.count(t.tid))
    send_to_thread(s, m, t.tid, signal);
}

// Whether its signal would change anything while everybody sleeps: not if it is pending already or would be ignored.
bool would_wake(const State& s, const MachineState& m, const Timer& t, int id) {
  if (!t.notify || waiting_signal(const_cast<State&>(s), t, id)) return false;
  return t.tid == 0 ? process_takes(s, m, t.signo) : s.threads.count(t.tid) && thread_takes(s, t.tid, t.signo);
}

bool due(State& s, const MachineState& m, const Timer& t) {
  return t.notify && t.expiry != 0 && t.expiry != kNever && now(s, m, t.clock) >= t.expiry;
}

// When the timer can fire at the earliest, on the machine's clock. CPU time passes only while somebody runs.
uint64_t earliest(const State& s, const MachineState& m, const Timer& t) {
  if (!t.notify || t.expiry == 0 || t.expiry == kNever) return kNever;
  State& state = const_cast<State&>(s);  // accounting only: idempotent at a position
  const uint64_t time = now(state, m, t.clock);
  if (t.clock.counts_cpu()) {
    const bool thread = t.clock.kind == Clock::Thread;
    const bool runs = std::any_of(m.threads.begin(), m.threads.end(), [&](const Thread& x) {
      return x.status == ThreadStatus::Runnable && (!thread || x.tid == t.clock.tid);
    });
    if (!runs) return kNever;
  }
  return t.expiry > time ? deadline_after(m, t.expiry - time) : m.now_ns();
}

}  // namespace

uint64_t remaining(State& s, const MachineState& m, const Timer& t) {
  if (t.expiry == 0) return 0;
  const uint64_t time = now(s, m, t.clock);
  if (t.expiry > time) return t.expiry - time;
  if (t.notify) return 1;
  const uint64_t next = next_expiry(t, time);  // nobody is told when it passes: only here it is looked at
  return next == 0 ? 0 : next - time;
}

void arm(State& s, const MachineState& m, Timer& t, uint64_t first, uint64_t interval) {
  t.expiry = first == 0 ? 0 : timer_after(now(s, m, t.clock), first);
  t.interval = interval;
  t.overrun = 0;
}

void fire_timers(State& s, MachineState& m) {
  for (Timer& t : s.itimers)
    if (due(s, m, t)) expire(s, m, t, -1);
  for (auto& [id, t] : s.timers)
    if (due(s, m, t)) expire(s, m, t, id);
}

uint64_t next_timer_ns(const State& s, const MachineState& m, bool only_wakers) {
  uint64_t next = kNever;
  const auto look = [&](const Timer& t, int id) {
    if (t.expiry == 0 || (only_wakers && !would_wake(s, m, t, id))) return;
    next = std::min(next, earliest(s, m, t));
  };
  for (const Timer& t : s.itimers) look(t, -1);
  for (const auto& [id, t] : s.timers) look(t, id);
  return next;
}

}  // namespace deferscope::emu::posix
