// Clocks, sleeps and timers as Linux has them.
#include <algorithm>

#include "emu/linux/call.h"
#include "emu/posix/timers.h"

namespace deferscope::emu::linux_ {
namespace {

TimeVal timeval_of(uint64_t ns) {
  return {static_cast<int64_t>(ns / kSecond), static_cast<int64_t>(ns % kSecond / 1000)};
}

bool valid(const TimeSpec& t) { return t.sec >= 0 && t.nsec >= 0 && t.nsec < kSecond; }

// Saturates: 2^63 s is for ever.
uint64_t ns_of(const TimeSpec& t) {
  const unsigned __int128 ns = static_cast<unsigned __int128>(t.sec) * kSecond + static_cast<uint64_t>(t.nsec);
  return ns > kNever ? kNever : static_cast<uint64_t>(ns);
}

constexpr int kRealtimeAlarm = 8, kBoottimeAlarm = 9;

}  // namespace

bool known_clock(int clock) {
  return clock <= clock_id::BOOTTIME || clock == kRealtimeAlarm || clock == kBoottimeAlarm || clock == clock_id::TAI;
}

// Negative ids are CPU clocks of other threads and processes: ~id << 3 | kind, kind bit 2 = thread; id 0 is the caller.
Clock clock_of(int clock, int tid) {
  if (clock < 0) {
    const int id = ~(clock >> 3);
    return clock & 4 ? Clock{Clock::Thread, id == 0 ? tid : id} : Clock{Clock::Process};
  }
  switch (clock) {
    case clock_id::REALTIME:
    case clock_id::REALTIME_COARSE:
    case clock_id::TAI:
    case kRealtimeAlarm: return {Clock::Wall};
    case clock_id::PROCESS_CPU: return {Clock::Process};
    case clock_id::THREAD_CPU: return {Clock::Thread, tid};
    default: return {Clock::Monotonic};
  }
}

Result relative_deadline(Call& c, uint64_t address, uint64_t& deadline) {
  deadline = kNever;
  if (address == 0) return 0;
  TimeSpec t;
  if (!c.get(address, t)) return Error::FAULT;
  if (!valid(t)) return Error::INVAL;
  deadline = deadline_after(c.m, ns_of(t));
  return 0;
}

namespace {

Result sleep_until(Call& c, uint64_t deadline, uint64_t remainder_at) {
  c.op.resume = sleep_on;
  c.block(WaitKind::Sleep, deadline, false);
  c.info().wait.remainder_at = remainder_at;
  return kBlocked;
}

uint64_t now_on(Call& c, int clock) { return now(c.s, c.m, clock_of(clock, c.thread().tid)); }

}  // namespace

Result sys_nanosleep(Call& c) {
  if (c.a[0] == 0) return Error::FAULT;
  uint64_t deadline = kNever;
  if (const Result e = relative_deadline(c, c.a[0], deadline); !e) return e;
  return deadline <= c.m.now_ns() ? kOk : sleep_until(c, deadline, c.a[1]);
}

Result sys_clock_nanosleep(Call& c) {
  constexpr uint64_t kAbsolute = 1;
  const int clock = static_cast<int>(c.a[0]);
  if (!known_clock(clock) || clock == clock_id::THREAD_CPU) return Error::INVAL;
  TimeSpec t;
  if (!c.get(c.a[2], t)) return Error::FAULT;
  if (!valid(t)) return Error::INVAL;
  uint64_t ns = ns_of(t);
  if (c.a[1] & kAbsolute) {
    const uint64_t time = now_on(c, clock);
    ns = ns > time ? ns - time : 0;
  }
  if (ns == 0) return 0;
  return sleep_until(c, deadline_after(c.m, ns), c.a[1] & kAbsolute ? 0 : c.a[3]);
}

Result sys_clock_gettime(Call& c) {
  const int clock = static_cast<int>(c.a[0]);
  if (!known_clock(clock)) return Error::INVAL;
  return c.put(c.a[1], timespec_of(now_on(c, clock))) ? kOk : Error::FAULT;
}

Result sys_clock_getres(Call& c) {
  if (!known_clock(static_cast<int>(c.a[0]))) return Error::INVAL;
  return c.a[1] == 0 || c.put(c.a[1], TimeSpec{0, 1}) ? kOk : Error::FAULT;
}

Result sys_gettimeofday(Call& c) {
  const uint64_t time = now(c.s, c.m, {Clock::Wall});
  if (c.a[0] != 0 && !c.put(c.a[0], timeval_of(time))) return Error::FAULT;
  if (c.a[1] != 0 && !c.put(c.a[1], uint64_t{0})) return Error::FAULT;
  return 0;
}

Result sys_time(Call& c) {
  const int64_t seconds = wall_time(c).sec;
  if (c.a[0] != 0 && !c.put(c.a[0], seconds)) return Error::FAULT;
  return seconds;
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

constexpr Clock kItimerClock[3] = {{Clock::Monotonic}, {Clock::Process}, {Clock::Process}};
constexpr int kItimerSignal[3] = {sig::ALRM, sig::VTALRM, sig::PROF};

}  // namespace

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
  t.clock = clock_of(clock, c.thread().tid);
  t.signo = event.signo;
  t.notify = !(event.notify & kNone);
  t.tid = event.notify & kThreadId ? event.tid : 0;
  if (queued_signals(c.s) >= c.s.pending_signals.soft || !c.s.holdings.take(cost::kTimer)) return Error::AGAIN;
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
    const uint64_t time = now(c.s, c.m, t.clock);
    first = first > time ? first - time : 1;
  }
  arm(c.s, c.m, t, first, ns_of(next.interval));
  return c.a[3] == 0 || c.put(c.a[3], old) ? kOk : Error::FAULT;
}

Result sys_timer_gettime(Call& c) {
  const auto it = c.s.timers.find(static_cast<int>(c.a[0]));
  if (it == c.s.timers.end()) return Error::INVAL;
  const ItimerSpec left{timespec_of(it->second.interval), timespec_of(remaining(c.s, c.m, it->second))};
  return c.put(c.a[1], left) ? kOk : Error::FAULT;
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
