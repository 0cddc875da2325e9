// futex: waits by address; first come, first woken.
#include <algorithm>

#include "emu/linux/call.h"

namespace deferscope::emu::linux_ {
namespace {

constexpr int kWait = 0, kWake = 1, kRequeue = 3, kCmpRequeue = 4, kWakeOp = 5, kWaitBitset = 9, kWakeBitset = 10;
constexpr int kPrivateFlag = 128, kRealtimeFlag = 256;

// WAIT's time-out is relative, WAIT_BITSET's absolute (on the monotonic clock, or the wall clock with the flag).
Result wait_deadline(Call& c, int op, bool realtime, uint64_t& deadline) {
  if (op == kWait) return relative_deadline(c, c.a[3], deadline);
  deadline = kNever;
  if (c.a[3] == 0) return 0;
  TimeSpec ts;
  if (!c.get(c.a[3], ts)) return Error::FAULT;
  if (ts.sec < 0 || ts.nsec < 0 || ts.nsec >= kSecond) return Error::INVAL;
  const unsigned __int128 when = static_cast<unsigned __int128>(ts.sec) * kSecond + static_cast<uint64_t>(ts.nsec);
  const uint64_t time = now(c.s, c.m, {realtime ? Clock::Wall : Clock::Monotonic});
  deadline = when <= time
                 ? c.m.now_ns()
                 : deadline_after(c.m, static_cast<uint64_t>(std::min<unsigned __int128>(when - time, kNever)));
  return 0;
}

// Only time and wakes end it.
Result wait_on(Context& c) { return c.timed_out ? Error::TIMEDOUT : kBlocked; }

Result wait(Call& c, int op, uint32_t bitset) {
  if (bitset == 0) return Error::INVAL;
  uint64_t deadline = kNever;
  if (const Result e = wait_deadline(c, op, c.a[1] & kRealtimeFlag, deadline); !e) return e;
  uint32_t value = 0;
  if (!c.get(c.a[0], value)) return Error::FAULT;
  if (value != static_cast<uint32_t>(c.a[2])) return Error::AGAIN;
  if (deadline <= c.m.now_ns()) return Error::TIMEDOUT;
  // With a time-out the kernel answers EINTR even under SA_RESTART.
  c.op.resume = wait_on;
  const Result result = c.block(WaitKind::Key, deadline, deadline == kNever);
  Wait& w = c.info().wait;
  w.key = c.a[0];
  w.bits = bitset;
  return result;
}

Result requeue(Call& c, bool compare) {
  if (compare) {
    uint32_t value = 0;
    if (!c.get(c.a[0], value)) return Error::FAULT;
    if (value != static_cast<uint32_t>(c.a[5])) return Error::AGAIN;
  }
  const int64_t woken = futex_wake(c.s, c.m, c.a[0], static_cast<int32_t>(c.a[2]), UINT32_MAX);
  const int64_t moved = move_key(c.s, c.m, c.a[0], c.a[4], static_cast<int32_t>(c.a[3]));
  return compare ? woken + moved : woken;
}

bool wake_op_compare(uint32_t old, uint32_t op, int32_t argument) {
  const auto x = static_cast<int32_t>(old);
  switch (op) {
    case 0: return x == argument;
    case 1: return x != argument;
    case 2: return x < argument;
    case 3: return x <= argument;
    case 4: return x > argument;
    default: return x >= argument;
  }
}

Result wake_op(Call& c) {
  const auto code = static_cast<uint32_t>(c.a[5]);
  auto argument = static_cast<uint32_t>(static_cast<int32_t>(code << 8) >> 20);
  const int32_t compare = static_cast<int32_t>(code << 20) >> 20;
  if (code >> 31) argument = 1u << (argument & 31);
  uint32_t old = 0;
  if (!c.get(c.a[4], old)) return Error::FAULT;
  uint32_t next = old;
  switch (code >> 28 & 7) {
    case 0: next = argument; break;
    case 1: next += argument; break;
    case 2: next |= argument; break;
    case 3: next &= ~argument; break;
    case 4: next ^= argument; break;
    default: return Error::NOSYS;
  }
  if ((code >> 24 & 15) > 5) return Error::NOSYS;
  if (!c.put(c.a[4], next)) return Error::FAULT;
  int64_t woken = futex_wake(c.s, c.m, c.a[0], static_cast<int32_t>(c.a[2]), UINT32_MAX);
  if (wake_op_compare(old, code >> 24 & 15, compare))
    woken += futex_wake(c.s, c.m, c.a[4], static_cast<int32_t>(c.a[3]), UINT32_MAX);
  return woken;
}

}  // namespace

int64_t futex_wake(State& s, MachineState& m, uint64_t address, int64_t count, uint32_t bitset) {
  return wake_key(s, m, address, std::max<int64_t>(count, 1), bitset);  // the kernel wakes one even when asked for none
}

Result sys_futex(Call& c) {
  const int op = static_cast<int>(c.a[1]) & ~(kPrivateFlag | kRealtimeFlag);
  if (c.a[0] % 4 != 0) return Error::INVAL;
  switch (op) {
    case kWait: return wait(c, op, UINT32_MAX);
    case kWaitBitset: return wait(c, op, static_cast<uint32_t>(c.a[5]));
    case kWake: return futex_wake(c.s, c.m, c.a[0], static_cast<int32_t>(c.a[2]), UINT32_MAX);
    case kWakeBitset:
      return c.a[5] ? Result(futex_wake(c.s, c.m, c.a[0], static_cast<int32_t>(c.a[2]), static_cast<uint32_t>(c.a[5])))
                    : Error::INVAL;
    case kRequeue: return requeue(c, false);
    case kCmpRequeue: return requeue(c, true);
    case kWakeOp: return wake_op(c);
    default: return Error::NOSYS;
  }
}

}  // namespace deferscope::emu::linux_
