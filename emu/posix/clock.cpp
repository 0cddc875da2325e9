// Clocks. One instruction is one nanosecond; CPU time is instructions executed.
#include <cstring>

#include "emu/posix/context.h"

namespace deferscope::emu::posix {

uint64_t now(State& s, const MachineState& m, Clock clock) {
  account(s, m);
  switch (clock.kind) {
    case Clock::Wall: return s.options->clock_start * kSecond + (m.now_ns() - kSecond);
    case Clock::Monotonic: return m.now_ns();
    case Clock::Process: return m.position;
    case Clock::Thread: break;
  }
  const auto it = s.threads.find(clock.tid);
  return it == s.threads.end() ? 0 : it->second.cpu_ns;
}

TimeSpec timespec_of(uint64_t ns) { return {static_cast<int64_t>(ns / kSecond), static_cast<int64_t>(ns % kSecond)}; }

TimeSpec wall_time(Context& c) { return timespec_of(now(c.s, c.m, {Clock::Wall})); }

namespace {

// Where clocks end: what lies behind it, 146 years, never comes. No clock can pass 2^63 ns, as the kernel's.
constexpr uint64_t kEndOfTime = uint64_t{1} << 62;

uint64_t later(uint64_t now_ns, uint64_t ns) {
  return now_ns >= kEndOfTime || ns > kEndOfTime - now_ns ? kNever : now_ns + ns;
}

}  // namespace

uint64_t deadline_after(const MachineState& m, uint64_t ns) { return later(m.now_ns(), ns); }

void Random::fill(uint8_t* out, size_t n) {
  while (n > 0) {
    const uint64_t x = next();
    const size_t k = n < 8 ? n : 8;
    std::memcpy(out, &x, k);
    out += k;
    n -= k;
  }
}

}  // namespace deferscope::emu::posix
