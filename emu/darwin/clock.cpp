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

namespace {

// The day of a count from 1970-01-01 on: years of 365.2425 days that begin in March.
void put_date(Tm& tm, int64_t days) {
  constexpr int64_t kTo1970 = 719468, kEra = 146097,
                    kMarch = 59;  // from 0000-03-01; days of 400 years; of January and February
  days += kTo1970;
  const int64_t era = (days >= 0 ? days : days - kEra + 1) / kEra, day = days - era * kEra;
  const int64_t year = (day - day / 1460 + day / 36524 - day / (kEra - 1)) / 365;
  const int64_t of_year = day - (365 * year + year / 4 - year / 100), month = (5 * of_year + 2) / 153;
  tm.mday = static_cast<int32_t>(of_year - (153 * month + 2) / 5 + 1);
  tm.mon = static_cast<int32_t>((month + 2) % 12);
  const int64_t calendar = year + era * 400 + (month >= 10);
  const bool leap = calendar % 4 == 0 && (calendar % 100 != 0 || calendar % 400 == 0);
  tm.year = static_cast<int32_t>(calendar - 1900);
  tm.yday = static_cast<int32_t>(month >= 10 ? of_year - 306 : of_year + kMarch + leap);
  tm.wday = static_cast<int32_t>((days % 7 + 10) % 7);  // 0000-03-01 was a Wednesday
}

// There is one zone, UTC: where the program was given another, its local time is not modelled.
Result know_zone(Call& c) {
  std::string zone;
  if (const Result e = variable(c, "TZ", zone); e != kOk) return e;
  if (!zone.empty() && zone != "UTC" && zone != "UTC0" && zone != "GMT")
    throw Unsupported("C's local time in the zone " + zone + " (TZ) is not implemented: the call");
  return kOk;
}

Result put_time(Call& c, uint64_t at) {
  constexpr int64_t kDay = 86400, kMost = int64_t{1} << 52;  // beyond, the year is no int
  int64_t t = 0;
  if (!c.get(c.a[0], t)) return c.fault(isa::Access::Read);
  if (t < -kMost || t > kMost) return Error::OVERFLOW;
  const int64_t days = (t >= 0 ? t : t - kDay + 1) / kDay, of_day = t - days * kDay;
  Tm tm{};
  put_date(tm, days);
  tm.hour = static_cast<int32_t>(of_day / 3600);
  tm.min = static_cast<int32_t>(of_day / 60 % 60);
  tm.sec = static_cast<int32_t>(of_day % 60);
  const Result name = constant_text(c, "UTC");
  if (!name) return name;
  tm.zone = static_cast<uint64_t>(name.value());
  return c.put(at, tm) ? Result(static_cast<int64_t>(at)) : c.fault(isa::Access::Write);
}

}  // namespace

// localtime(&t), gmtime(&t): in libSystem's own memory; …_r(&t, &tm) in the caller's.
Result imp_gmtime(Call& c) { return put_time(c, c.s.program_words + offsetof(ProgramWords, tm)); }
Result imp_gmtime_r(Call& c) { return put_time(c, c.a[1]); }
Result imp_localtime(Call& c) {
  const Result zone = know_zone(c);
  return zone == kOk ? imp_gmtime(c) : zone;
}
Result imp_localtime_r(Call& c) {
  const Result zone = know_zone(c);
  return zone == kOk ? imp_gmtime_r(c) : zone;
}

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
