// Clocks, sleeps and timers. One instruction is one nanosecond; CPU time is instructions executed.
#include <algorithm>

#include "emu/linux/call.h"

namespace deferscope::emu::linux_ {
namespace {

TimeSpec timespec_of(uint64_t ns) { return {static_cast<int64_t>(ns / kSecond), static_cast<int64_t>(ns % kSecond)}; }
TimeVal timeval_of(uint64_t ns) {
  return {static_cast<int64_t>(ns / kSecond), static_cast<int64_t>(ns % kSecond / 1000)};
}

bool valid(const TimeSpec& t) { return t.sec >= 0 && t.nsec >= 0 && t.nsec < kSecond; }

// Saturates: 2^63 s is for ever.
uint64_t ns_of(const TimeSpec& t) {
  const unsigned __int128 ns = static_cast<unsigned __int128>(t.sec) * kSecond + static_cast<uint64_t>(t.nsec);
  return ns > kNever ? kNever : static_cast<uint64_t>(ns);
}

// The kernel's ids of CPU clocks of other threads and processes: ~id << 3 | kind, kind bit 2 = thread.
bool is_cpu_clock_id(int clock) { return clock < 0; }
int tid_of_cpu_clock(int clock) { return ~(clock >> 3); }
bool is_thread_clock(int clock) { return clock == clock_id::THREAD_CPU || (is_cpu_clock_id(clock) && (clock & 4)); }
bool is_cpu_clock(int clock) {
  return clock == clock_id::PROCESS_CPU || clock == clock_id::THREAD_CPU || is_cpu_clock_id(clock);
}

uint64_t thread_cpu(const State& s, int tid) {
  const auto it = s.threads.find(tid);
  return it == s.threads.end() ? 0 : it->second.cpu_ns;
}

}  // namespace

bool known_clock(int clock) {
  return (clock >= 0 && clock <= clock_id::BOOTTIME) || clock == 8 || clock == 9 || clock == clock_id::TAI ||
         is_cpu_clock_id(clock);
}

uint64_t clock_now(State& s, const MachineState& m, int clock, int tid) {
  account(s, m);
  if (is_cpu_clock_id(clock)) {
    const int id = tid_of_cpu_clock(clock);
    return is_thread_clock(clock) ? thread_cpu(s, id == 0 ? tid : id) : m.position;
  }
  switch (clock) {
    case clock_id::REALTIME:
    case clock_id::REALTIME_COARSE:
    case clock_id::TAI:
    case 8: return s.options->clock_start * kSecond + (m.now_ns() - kSecond);
    case clock_id::PROCESS_CPU: return m.position;
    case clock_id::THREAD_CPU: return thread_cpu(s, tid);
    default: return m.now_ns();
  }
}

namespace {

// Where clocks end: what lies behind it, 146 years, never comes. No clock can pass 2^63 ns, as the kernel's.
constexpr uint64_t kEndOfTime = uint64_t{1} << 62;

uint64_t later(uint64_t now, uint64_t ns) { return now >= kEndOfTime || ns > kEndOfTime - now ? kNever : now + ns; }

}  // namespace

uint64_t deadline_after(const MachineState& m, uint64_t ns) { return later(m.now_ns(), ns); }

Result relative_deadline(Call& c, uint64_t address, uint64_t& deadline) {
  deadline = kNever;
  if (address == 0) return 0;
  TimeSpec t;
  if (!c.get(address, t)) return Error::FAULT;
  if (!valid(t)) return Error::INVAL;
  deadline = deadline_after(c.m, ns_of(t));
  return 0;
}

Result sys_nanosleep(Call& c) {
  if (c.retry) return c.timed_out ? 0 : kBlocked;
  if (c.a[0] == 0) return Error::FAULT;
  uint64_t deadline = kNever;
  if (const Result e = relative_deadline(c, c.a[0], deadline); !e) return e;
  if (deadline <= c.m.now_ns()) return 0;
  c.block(WaitKind::Sleep, deadline, false);
  c.info().wait.remainder_at = c.a[1];
  return kBlocked;
}

Result sys_clock_nanosleep(Call& c) {
  constexpr uint64_t kAbsolute = 1;
  if (c.retry) return c.timed_out ? 0 : kBlocked;
  const int clock = static_cast<int>(c.a[0]);
  if (!known_clock(clock) || clock == clock_id::THREAD_CPU) return Error::INVAL;
  TimeSpec t;
  if (!c.get(c.a[2], t)) return Error::FAULT;
  if (!valid(t)) return Error::INVAL;
  uint64_t ns = ns_of(t);
  if (c.a[1] & kAbsolute) {
    const uint64_t now = clock_now(c.s, c.m, clock, c.thread().tid);
    ns = ns > now ? ns - now : 0;
  }
  if (ns == 0) return 0;
  c.block(WaitKind::Sleep, deadline_after(c.m, ns), false);
  if (!(c.a[1] & kAbsolute)) c.info().wait.remainder_at = c.a[3];
  return kBlocked;
}

Result sys_clock_gettime(Call& c) {
  const int clock = static_cast<int>(c.a[0]);
  if (!known_clock(clock)) return Error::INVAL;
  return c.put(c.a[1], timespec_of(clock_now(c.s, c.m, clock, c.thread().tid))) ? kOk : Error::FAULT;
}

Result sys_clock_getres(Call& c) {
  if (!known_clock(static_cast<int>(c.a[0]))) return Error::INVAL;
  return c.a[1] == 0 || c.put(c.a[1], TimeSpec{0, 1}) ? kOk : Error::FAULT;
}

Result sys_gettimeofday(Call& c) {
  const uint64_t now = clock_now(c.s, c.m, clock_id::REALTIME, 0);
  if (c.a[0] != 0 && !c.put(c.a[0], timeval_of(now))) return Error::FAULT;
  if (c.a[1] != 0 && !c.put(c.a[1], uint64_t{0})) return Error::FAULT;
  return 0;
}

Result sys_time(Call& c) {
  const auto now = static_cast<int64_t>(clock_now(c.s, c.m, clock_id::REALTIME, 0) / kSecond);
  if (c.a[0] != 0 && !c.put(c.a[0], now)) return Error::FAULT;
  return now;
}

Result sys_times(Call& c) {
  constexpr uint64_t kTick = 10'000'000;  // 100 a second
  const uint64_t fields[4] = {c.m.position / kTick, 0, 0, 0};
  if (c.a[0] != 0 && !c.memory().write(c.a[0], fields, sizeof fields)) return Error::FAULT;
  return static_cast<int64_t>(c.m.now_ns() / kTick);
}

Result sys_getrusage(Call& c) {
  const int who = static_cast<int>(c.a[0]);
  if (who < -1 || who > 1) return Error::INVAL;
  uint64_t fields[18] = {};
  account(c.s, c.m);
  const uint64_t used = who == -1 ? 0 : who == 1 ? c.info().cpu_ns : c.m.position;
  fields[0] = used / kSecond;
  fields[1] = used % kSecond / 1000;
  if (who != -1) fields[4] = c.memory().resident_bytes() / 1024;  // ru_maxrss, KiB
  return c.memory().write(c.a[1], fields, sizeof fields) ? kOk : Error::FAULT;
}

// --- timers ---

namespace {

struct ItimerVal {
  TimeVal interval, value;
};
struct ItimerSpec {
  TimeSpec interval, value;
};

uint64_t timer_clock_now(State& s, const MachineState& m, const Timer& t) {
  return clock_now(s, m, t.clock, t.cpu_tid);
}

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

uint64_t remaining(State& s, const MachineState& m, const Timer& t) {
  if (t.expiry == 0) return 0;
  const uint64_t now = timer_clock_now(s, m, t);
  if (t.expiry > now) return t.expiry - now;
  if (t.notify) return 1;
  const uint64_t next = next_expiry(t, now);  // nobody is told when it passes: only here it is looked at
  return next == 0 ? 0 : next - now;
}

void arm(State& s, const MachineState& m, Timer& t, uint64_t first, uint64_t interval) {
  t.expiry = first == 0 ? 0 : timer_after(timer_clock_now(s, m, t), first);
  t.interval = interval;
  t.overrun = 0;
}

constexpr int kItimerClock[3] = {clock_id::MONOTONIC, clock_id::PROCESS_CPU, clock_id::PROCESS_CPU};
constexpr int kItimerSignal[3] = {sig::ALRM, sig::VTALRM, sig::PROF};

SigInfo timer_signal(const Timer& t, int id, uint64_t overrun) {
  SigInfo info{t.signo, sig::kSiKernel, 0, 0};
  if (id >= 0) {
    info.code = sig::kSiTimer;
    info.word16 = static_cast<uint32_t>(id) | overrun << 32;
    info.word24 = t.value;
  }
  return info;
}

// Its signal that is still pending; nullptr: none.
SigInfo* waiting_signal(State& s, const Timer& t, int id) {
  const auto in = [&](std::deque<SigInfo>& queue) -> SigInfo* {
    const auto it = std::find_if(queue.begin(), queue.end(), [&](const SigInfo& q) {
      if (q.signo != t.signo) return false;
      return t.signo < sig::kRealTime ||
             (q.code == sig::kSiTimer && static_cast<uint32_t>(q.word16) == static_cast<uint32_t>(id));
    });
    return it == queue.end() ? nullptr : &*it;
  };
  if (t.tid == 0) return in(s.pending);
  const auto it = s.threads.find(t.tid);
  return it == s.threads.end() ? nullptr : in(it->second.pending);
}

void expire(State& s, MachineState& m, Timer& t, int id) {
  const uint64_t now = timer_clock_now(s, m, t);
  const uint64_t periods = std::min<uint64_t>(periods_until(t, now), INT32_MAX);  // DELAYTIMER_MAX
  t.expiry = next_expiry(t, now);
  if (SigInfo* waiting = waiting_signal(s, t, id)) {  // never queued twice: what comes meanwhile is its overrun
    t.overrun = std::min<uint64_t>(t.overrun + periods + 1, INT32_MAX);
    if (waiting->code == sig::kSiTimer) waiting->word16 = static_cast<uint32_t>(waiting->word16) | t.overrun << 32;
    return;
  }
  t.overrun = periods;
  const SigInfo info = timer_signal(t, id, periods);
  if (t.tid == 0)
    send_to_process(s, m, info);
  else if (s.threads.count(t.tid))
    send_to_thread(s, m, t.tid, info);
}

// Whether its signal would change anything while everybody sleeps: not if it is pending already or would be ignored.
bool would_wake(const State& s, const MachineState& m, const Timer& t, int id) {
  if (!t.notify || waiting_signal(const_cast<State&>(s), t, id)) return false;
  return t.tid == 0 ? process_takes(s, m, t.signo) : s.threads.count(t.tid) && thread_takes(s, t.tid, t.signo);
}

bool due(State& s, const MachineState& m, const Timer& t) {
  return t.notify && t.expiry != 0 && t.expiry != kNever && timer_clock_now(s, m, t) >= t.expiry;
}

// When the timer can fire at the earliest, on the machine's clock. CPU time passes only while somebody runs.
uint64_t earliest(const State& s, const MachineState& m, const Timer& t) {
  if (!t.notify || t.expiry == 0 || t.expiry == kNever) return kNever;
  State& state = const_cast<State&>(s);  // accounting only: idempotent at a position
  const uint64_t now = timer_clock_now(state, m, t);
  if (is_cpu_clock(t.clock)) {
    const bool thread = is_thread_clock(t.clock);
    const bool runs = std::any_of(m.threads.begin(), m.threads.end(), [&](const Thread& x) {
      return x.status == ThreadStatus::Runnable && (!thread || x.tid == t.cpu_tid);
    });
    if (!runs) return kNever;
  }
  return t.expiry > now ? deadline_after(m, t.expiry - now) : m.now_ns();
}

}  // namespace

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

Result sys_getitimer(Call& c) {
  if (c.a[0] > 2) return Error::INVAL;
  const Timer& t = c.s.itimers[c.a[0]];
  return c.put(c.a[1], ItimerVal{timeval_of(t.interval), timeval_of(remaining(c.s, c.m, t))}) ? kOk : Error::FAULT;
}

Result sys_setitimer(Call& c) {
  if (c.a[0] > 2) return Error::INVAL;
  ItimerVal next{};
  if (c.a[1] != 0 && !c.get(c.a[1], next)) return Error::FAULT;
  for (const TimeVal& v : {next.interval, next.value})
    if (v.sec < 0 || v.usec < 0 || v.usec >= 1'000'000) return Error::INVAL;
  Timer& t = c.s.itimers[c.a[0]];
  const ItimerVal old{timeval_of(t.interval), timeval_of(remaining(c.s, c.m, t))};
  t.clock = kItimerClock[c.a[0]];
  t.signo = kItimerSignal[c.a[0]];
  arm(c.s, c.m, t, ns_of({next.value.sec, next.value.usec * 1000}),
      ns_of({next.interval.sec, next.interval.usec * 1000}));
  return c.a[2] == 0 || c.put(c.a[2], old) ? kOk : Error::FAULT;
}

Result sys_alarm(Call& c) {
  Timer& t = c.s.itimers[0];
  const uint64_t left = (remaining(c.s, c.m, t) + kSecond - 1) / kSecond;
  t.clock = kItimerClock[0];
  t.signo = kItimerSignal[0];
  arm(c.s, c.m, t, (c.a[0] & 0xffffffff) * kSecond, 0);
  return static_cast<int64_t>(left);
}

Result sys_timer_create(Call& c) {
  constexpr int32_t kSignal = 0, kNone = 1, kThreadId = 4;
  struct SigEvent {
    uint64_t value;
    int32_t signo, notify, tid, pad[11];
  } event{0, sig::ALRM, kSignal, 0, {}};
  const int clock = static_cast<int>(c.a[0]);
  if (!known_clock(clock)) return Error::INVAL;
  if (c.a[1] != 0 && !c.get(c.a[1], event)) return Error::FAULT;
  if (event.notify != kSignal && event.notify != kNone && event.notify != kThreadId &&
      event.notify != (kThreadId | kNone))
    return Error::INVAL;
  if (event.notify != kNone && (event.signo < 1 || event.signo > sig::kMax)) return Error::INVAL;
  if ((event.notify & kThreadId) && !c.s.threads.count(event.tid)) return Error::INVAL;
  Timer t;
  t.clock = clock;
  t.cpu_tid = clock == clock_id::THREAD_CPU || !is_cpu_clock_id(clock) || tid_of_cpu_clock(clock) == 0
                  ? c.thread().tid
                  : tid_of_cpu_clock(clock);
  t.signo = event.signo;
  t.notify = !(event.notify & kNone);
  t.tid = event.notify & kThreadId ? event.tid : 0;
  if (queued_signals(c.s) >= c.s.rlimits[rlimit::SigPending].soft || !c.s.holdings.take(cost::kTimer))
    return Error::AGAIN;
  const int id = c.s.next_timer;
  t.value = c.a[1] != 0 ? event.value : static_cast<uint64_t>(id);
  if (!c.put(c.a[2], id)) return c.s.holdings.give_back(cost::kTimer), Error::FAULT;
  ++c.s.next_timer;
  c.s.timers[id] = t;
  return 0;
}

Result sys_timer_settime(Call& c) {
  constexpr uint64_t kAbsolute = 1;
  const auto it = c.s.timers.find(static_cast<int>(c.a[0]));
  ItimerSpec next{};
  if (it == c.s.timers.end()) return Error::INVAL;
  if (!c.get(c.a[2], next)) return Error::FAULT;
  if (!valid(next.interval) || !valid(next.value)) return Error::INVAL;
  Timer& t = it->second;
  const ItimerSpec old{timespec_of(t.interval), timespec_of(remaining(c.s, c.m, t))};
  uint64_t first = ns_of(next.value);
  if (first != 0 && (c.a[1] & kAbsolute)) {
    const uint64_t now = timer_clock_now(c.s, c.m, t);
    first = first > now ? first - now : 1;
  }
  arm(c.s, c.m, t, first, ns_of(next.interval));
  return c.a[3] == 0 || c.put(c.a[3], old) ? kOk : Error::FAULT;
}

Result sys_timer_gettime(Call& c) {
  const auto it = c.s.timers.find(static_cast<int>(c.a[0]));
  if (it == c.s.timers.end()) return Error::INVAL;
  const ItimerSpec now{timespec_of(it->second.interval), timespec_of(remaining(c.s, c.m, it->second))};
  return c.put(c.a[1], now) ? kOk : Error::FAULT;
}

Result sys_timer_getoverrun(Call& c) {
  const auto it = c.s.timers.find(static_cast<int>(c.a[0]));
  return it == c.s.timers.end() ? Error::INVAL : Result(static_cast<int64_t>(it->second.overrun));
}

Result sys_timer_delete(Call& c) {
  if (c.s.timers.erase(static_cast<int>(c.a[0])) == 0) return Error::INVAL;
  c.s.holdings.give_back(cost::kTimer);
  return 0;
}

}  // namespace deferscope::emu::linux_
