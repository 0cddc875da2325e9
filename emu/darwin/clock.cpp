// Clocks, sleeps and interval timers as Darwin has them, all from the machine's virtual clock.
#include <algorithm>

#include "emu/darwin/call.h"
#include "emu/posix/timers.h"

namespace deferscope::emu::darwin {

TimeVal timeval_of(uint64_t ns) {
  return {static_cast<int64_t>(ns / kSecond), static_cast<int32_t>(ns % kSecond / 1000), 0};
}

bool valid(const TimeSpec& t) { return t.sec >= 0 && t.nsec >= 0 && t.nsec < kSecond; }

// 2^63 s is for ever.
uint64_t ns_of(const TimeSpec& t) {
  const unsigned __int128 ns = static_cast<unsigned __int128>(t.sec) * kSecond + static_cast<uint64_t>(t.nsec);
  return ns > kNever ? kNever : static_cast<uint64_t>(ns);
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

std::optional<Clock> clock_of(int id, int tid) {
  switch (id) {
    case clock_id::REALTIME: return Clock{Clock::Wall};
    case clock_id::PROCESS_CPU: return Clock{Clock::Process};
    case clock_id::THREAD_CPU: return Clock{Clock::Thread, tid};
    case clock_id::MONOTONIC:
    case clock_id::MONOTONIC_RAW:
    case clock_id::MONOTONIC_RAW_APPROX:
    case clock_id::UPTIME_RAW:
    case clock_id::UPTIME_RAW_APPROX: return Clock{Clock::Monotonic};
    default: return std::nullopt;
  }
}

Result sleep_until(Call& c, uint64_t deadline, uint64_t remainder_at) {
  if (deadline <= c.m.now_ns()) return 0;
  c.op.resume = sleep_on;
  c.block(WaitKind::Sleep, deadline, false);
  c.info().wait.remainder_at = remainder_at;
  return kBlocked;
}

}  // namespace

// Ticks are nanoseconds on both instruction sets: mach_timebase_info says 1/1.
Result imp_mach_absolute_time(Call& c) { return static_cast<int64_t>(c.m.now_ns()); }

Result imp_mach_timebase_info(Call& c) {
  const uint32_t ratio[2] = {1, 1};
  return c.memory().write(c.a[0], ratio, sizeof ratio) ? kOk : Error::FAULT;
}

Result imp_clock_gettime(Call& c) {
  const auto clock = clock_of(c.i32(), c.thread().tid);
  if (!clock) return Error::INVAL;
  return c.put(c.a[1], timespec_of(now(c.s, c.m, *clock))) ? kOk : Error::FAULT;
}

Result imp_clock_gettime_nsec_np(Call& c) {
  const auto clock = clock_of(c.i32(), c.thread().tid);
  return clock ? static_cast<int64_t>(now(c.s, c.m, *clock)) : 0;
}

Result imp_clock_getres(Call& c) {
  if (!clock_of(c.i32(), c.thread().tid)) return Error::INVAL;
  return c.a[1] == 0 || c.put(c.a[1], TimeSpec{0, 1}) ? kOk : Error::FAULT;
}

Result imp_gettimeofday(Call& c) {
  if (c.a[0] != 0 && !c.put(c.a[0], timeval_of(now(c.s, c.m, {Clock::Wall})))) return Error::FAULT;
  return c.a[1] == 0 || c.put(c.a[1], uint64_t{0}) ? kOk : Error::FAULT;
}

Result imp_time(Call& c) {
  const int64_t seconds = wall_time(c).sec;
  if (c.a[0] != 0 && !c.put(c.a[0], seconds)) return Error::FAULT;
  return seconds;
}

// The process' time on the CPU, in CLOCKS_PER_SEC: microseconds.
Result imp_clock(Call& c) { return static_cast<int64_t>(now(c.s, c.m, {Clock::Process}) / 1000); }

Result imp_usleep(Call& c) { return sleep_until(c, deadline_after(c.m, uint64_t{c.u32()} * 1000), 0); }

Result imp_nanosleep(Call& c) {
  uint64_t deadline = kNever;
  if (c.a[0] == 0) return Error::FAULT;
  if (const Result e = relative_deadline(c, c.a[0], deadline); !e) return e;
  return sleep_until(c, deadline, c.a[1]);
}

Result imp_getrusage(Call& c) {
  constexpr int kSelf = 0, kChildren = -1;
  if (c.i32() != kSelf && c.i32() != kChildren) return Error::INVAL;
  RUsage out{};
  if (c.i32() == kSelf) {
    out.user = timeval_of(c.m.position);
    out.maxrss = static_cast<int64_t>(c.memory().resident_bytes());
  }
  return c.put(c.a[1], out) ? kOk : Error::FAULT;
}

// --- interval timers ---

namespace {

constexpr Clock kItimerClock[3] = {{Clock::Monotonic}, {Clock::Process}, {Clock::Process}};
constexpr int kItimerSignal[3] = {sig::ALRM, sig::VTALRM, sig::PROF};

ITimerVal itimer(Call& c, const Timer& t) { return {timeval_of(t.interval), timeval_of(remaining(c.s, c.m, t))}; }

}  // namespace

Result imp_getitimer(Call& c) {
  if (c.u32() > 2) return Error::INVAL;
  return c.put(c.a[1], itimer(c, c.s.itimers[c.u32()])) ? kOk : Error::FAULT;
}

Result imp_setitimer(Call& c) {
  if (c.u32() > 2) return Error::INVAL;
  ITimerVal next{};
  if (c.a[1] != 0 && !c.get(c.a[1], next)) return Error::FAULT;
  for (const TimeVal& v : {next.interval, next.value})
    if (v.sec < 0 || v.usec < 0 || v.usec >= 1'000'000) return Error::INVAL;
  Timer& t = c.s.itimers[c.u32()];
  const ITimerVal old = itimer(c, t);
  t.clock = kItimerClock[c.u32()];
  t.signo = kItimerSignal[c.u32()];
  const auto ns = [](const TimeVal& v) { return ns_of({v.sec, int64_t{v.usec} * 1000}); };
  arm(c.s, c.m, t, ns(next.value), ns(next.interval));
  return c.a[2] == 0 || c.put(c.a[2], old) ? kOk : Error::FAULT;
}

}  // namespace deferscope::emu::darwin
