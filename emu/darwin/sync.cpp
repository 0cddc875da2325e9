// Mutexes and conditions. A mutex's owner stands in the guest's memory; who waits stands in Wait, at the mutex' or the
// condition's address. Unlocking hands the mutex to the one that has waited longest.
#include "emu/darwin/call.h"

namespace deferscope::emu::darwin {

using namespace pthread;

namespace {

// What a waiter is told once it has the mutex: in the last word of its operation.
constexpr size_t kPending = 5;

// INVAL: it is none. Static initialisers become what init would have written.
Result get_mutex(Memory& memory, uint64_t at, PthreadMutex& x) {
  if (!memory.read_value(at, x)) return Error::INVAL;
  if (x.signature == kMutexSignature) return 0;
  uint32_t type = kNormal;
  switch (x.signature) {
    case kMutexStatic: break;
    case kMutexStaticRecursive: type = kRecursive; break;
    case kMutexStaticErrorCheck: type = kErrorCheck; break;
    default: return Error::INVAL;
  }
  x = PthreadMutex{};
  x.signature = kMutexSignature;
  x.type = type;
  return 0;
}

bool put_mutex(Memory& memory, uint64_t at, const PthreadMutex& x) { return memory.write_value(at, x); }

void own(PthreadMutex& x, int tid) {
  x.owner = tid;
  x.count = 1;
}

Result told(const Wait& w) { return static_cast<Error>(w.op.args[kPending]); }

// The waiting thread has its mutex: its call ends.
void finish_with_mutex(State& s, MachineState& m, size_t index) {
  const int tid = m.threads[index].tid;
  s.extras.at(tid).in_cond = 0;
  finish_wait(s, m, index, told(s.threads.at(tid).wait));
}

// The owner gives it up.
Result release(State& s, MachineState& m, uint64_t at, PthreadMutex x) {
  const auto next = first_waiting(s, m, at);
  x.owner = 0;
  x.count = 0;
  if (next) own(x, m.threads[*next].tid);
  if (!put_mutex(m.memory, at, x)) return Error::INVAL;
  if (next) finish_with_mutex(s, m, *next);
  return 0;
}

// What a wait at a mutex' address looks like, for a thread that is Blocked already.
void wait_for_mutex(State& s, MachineState& m, size_t index, uint64_t mutex) {
  Wait& w = s.threads.at(m.threads[index].tid).wait;
  w.key = mutex;
  w.deadline = m.threads[index].wake_at = kNever;
  w.order = ++s.wait_order;
}

Result lock(Call& c, uint64_t at, bool wait) {
  PthreadMutex x;
  if (const Result e = get_mutex(c.memory(), at, x); !e) return e;
  const int tid = c.thread().tid;
  if (x.owner == tid && x.type == kRecursive) {
    ++x.count;
    return put_mutex(c.memory(), at, x) ? kOk : Error::INVAL;
  }
  if (x.owner == 0) {
    own(x, tid);
    return put_mutex(c.memory(), at, x) ? kOk : Error::INVAL;
  }
  if (!wait) return Error::BUSY;
  if (x.owner == tid && x.type == kErrorCheck) return Error::DEADLK;
  if (!put_mutex(c.memory(), at, x)) return Error::INVAL;
  c.op.args[kPending] = 0;
  c.block(WaitKind::Key, kNever, true);
  c.info().wait.bits = 1;
  c.info().wait.key = at;
  return kBlocked;
}

}  // namespace

// --- mutexes ---

Result imp_pthread_mutexattr_init(Call& c) {
  const uint64_t attr[2] = {0x4d545841, kNormal};
  return c.memory().write(c.a[0], attr, sizeof attr) ? kOk : Error::INVAL;
}

Result imp_pthread_mutexattr_settype(Call& c) {
  if (c.u32(1) > kRecursive) return Error::INVAL;
  return c.put(c.a[0] + 8, uint64_t{c.u32(1)}) ? kOk : Error::INVAL;
}

Result imp_pthread_mutex_init(Call& c) {
  PthreadMutex x{};
  uint64_t type = kNormal;
  if (c.a[1] != 0 && !c.get(c.a[1] + 8, type)) return Error::INVAL;
  x.signature = kMutexSignature;
  x.type = static_cast<uint32_t>(type);
  return put_mutex(c.memory(), c.a[0], x) ? kOk : Error::INVAL;
}

Result imp_pthread_mutex_destroy(Call& c) {
  PthreadMutex x;
  if (const Result e = get_mutex(c.memory(), c.a[0], x); !e) return e;
  if (x.owner != 0) return Error::BUSY;
  return c.put(c.a[0], PthreadMutex{}) ? kOk : Error::INVAL;
}

Result imp_pthread_mutex_lock(Call& c) { return lock(c, c.a[0], true); }
Result imp_pthread_mutex_trylock(Call& c) { return lock(c, c.a[0], false); }

Result imp_pthread_mutex_unlock(Call& c) {
  PthreadMutex x;
  if (const Result e = get_mutex(c.memory(), c.a[0], x); !e) return e;
  if (x.type != kNormal && x.owner != c.thread().tid) return Error::PERM;
  if (x.count > 1) {
    --x.count;
    return put_mutex(c.memory(), c.a[0], x) ? kOk : Error::INVAL;
  }
  return release(c.s, c.m, c.a[0], x);
}

// --- conditions ---

namespace {

// The thread's wait at a condition is over; first it needs its mutex again. What it is told then is in its operation.
Result take_back(State& s, MachineState& m, size_t index, uint64_t mutex) {
  PthreadMutex x;
  if (const Result e = get_mutex(m.memory, mutex, x); !e) return e;
  if (x.owner != 0) {
    wait_for_mutex(s, m, index, mutex);
    return kBlocked;
  }
  own(x, m.threads[index].tid);
  return put_mutex(m.memory, mutex, x) ? kOk : Error::INVAL;
}

// Its deadline has come.
Result time_out(Context& context) {
  if (!context.timed_out) return kBlocked;
  auto& s = static_cast<State&>(context.s);
  context.info().wait.op.args[kPending] = static_cast<uint64_t>(Error::TIMEDOUT);
  const Result e = take_back(s, context.m, context.index, context.op.args[1]);
  if (e == kBlocked) return e;
  s.extras.at(context.thread().tid).in_cond = 0;
  return e ? Result(Error::TIMEDOUT) : e;
}

Result wait_at(Call& c, uint64_t deadline) {
  if (c.extra().in_cond == c.a[0]) {  // a handler ran meanwhile: wakes without reason are allowed
    const Result e = lock(c, c.a[1], true);
    if (e != kBlocked) c.extra().in_cond = 0;
    return e;
  }
  PthreadMutex x;
  if (const Result e = get_mutex(c.memory(), c.a[1], x); !e) return e;
  if (x.owner != c.thread().tid) return Error::PERM;
  if (deadline <= c.m.now_ns()) return Error::TIMEDOUT;
  c.op.resume = time_out;
  c.op.args[kPending] = 0;
  c.block(WaitKind::Key, deadline, true);
  c.info().wait.key = c.a[0];
  c.info().wait.bits = 1;
  c.extra().in_cond = c.a[0];
  const Result e = release(c.s, c.m, c.a[1], x);
  return e ? kBlocked : e;
}

void signal_one(State& s, MachineState& m, size_t index) {
  const uint64_t mutex = s.threads.at(m.threads[index].tid).wait.op.args[1];
  const Result e = take_back(s, m, index, mutex);
  if (e == kBlocked) return;
  if (!e) s.threads.at(m.threads[index].tid).wait.op.args[kPending] = static_cast<uint64_t>(e.error());
  finish_with_mutex(s, m, index);
}

}  // namespace

Result imp_pthread_cond_init(Call& c) {
  PthreadCond x{};
  x.signature = kCondSignature;
  return c.put(c.a[0], x) ? kOk : Error::INVAL;
}

Result imp_pthread_cond_destroy(Call& c) {
  return first_waiting(c.s, c.m, c.a[0]) ? Error::BUSY : c.put(c.a[0], PthreadCond{}) ? kOk : Error::INVAL;
}

Result imp_pthread_cond_wait(Call& c) { return wait_at(c, kNever); }

Result imp_pthread_cond_timedwait_relative_np(Call& c) {
  uint64_t deadline = kNever;
  if (const Result e = relative_deadline(c, c.a[2], deadline); !e) return e;
  return wait_at(c, deadline);
}

Result imp_pthread_cond_timedwait(Call& c) {
  TimeSpec t;
  if (!c.get(c.a[2], t) || !valid(t)) return Error::INVAL;
  const uint64_t when = ns_of(t), time = now(c.s, c.m, {Clock::Wall});
  return wait_at(c, when <= time ? c.m.now_ns() : deadline_after(c.m, when - time));
}

Result imp_pthread_cond_signal(Call& c) {
  if (const auto first = first_waiting(c.s, c.m, c.a[0])) signal_one(c.s, c.m, *first);
  return 0;
}

Result imp_pthread_cond_broadcast(Call& c) {
  while (const auto first = first_waiting(c.s, c.m, c.a[0])) signal_one(c.s, c.m, *first);
  return 0;
}

}  // namespace deferscope::emu::darwin
