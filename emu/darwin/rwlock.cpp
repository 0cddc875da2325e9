// Locks for many readers or one writer. Who holds one stands in the guest's memory; who waits stands in Wait, at the
// lock's address, with a bit that says for what. First come, first served: a reader waits behind a writer that waits
// (so that writers are not starved, as pthread_rwlock_rdlock(3) says), and readers that wait side by side go in
// together.
#include "emu/darwin/call.h"

namespace deferscope::emu::darwin {

using namespace pthread;

namespace {

enum Wants : uint64_t { kRead = 1, kWrite = 2 };

Result get_lock(Call& c, PthreadRwlock& x) {
  if (!c.get(c.a[0], x)) return Error::INVAL;
  if (x.signature == kRwlockStatic) x = PthreadRwlock{.signature = kRwlockSignature};
  return x.signature == kRwlockSignature ? kOk : Result(Error::INVAL);
}

Result put_lock(Call& c, const PthreadRwlock& x) { return c.put(c.a[0], x) ? kOk : Result(Error::INVAL); }

bool can(const PthreadRwlock& x, Wants wants) { return x.writer == 0 && (wants == kRead || x.readers == 0); }

void hold(PthreadRwlock& x, Wants wants, int tid) {
  if (wants == kRead)
    ++x.readers;
  else
    x.writer = tid;
}

Result lock(Call& c, Wants wants, bool wait) {
  PthreadRwlock x;
  if (const Result e = get_lock(c, x); !e) return e;
  const int tid = c.thread().tid;
  if (can(x, wants) && !first_waiting(c.s, c.m, c.a[0])) {
    hold(x, wants, tid);
    return put_lock(c, x);
  }
  if (!wait) return Error::BUSY;
  if (x.writer == tid) return Error::DEADLK;
  if (const Result e = put_lock(c, x); !e) return e;
  c.block(WaitKind::Key, kNever, true);
  c.info().wait.key = c.a[0];
  c.info().wait.bits = wants;
  return kBlocked;
}

}  // namespace

Result imp_pthread_rwlock_init(Call& c) { return put_lock(c, {.signature = kRwlockSignature}); }

Result imp_pthread_rwlock_destroy(Call& c) {
  PthreadRwlock x;
  if (const Result e = get_lock(c, x); !e) return e;
  return can(x, kWrite) ? put_lock(c, {}) : Result(Error::BUSY);
}

Result imp_pthread_rwlock_rdlock(Call& c) { return lock(c, kRead, true); }
Result imp_pthread_rwlock_tryrdlock(Call& c) { return lock(c, kRead, false); }
Result imp_pthread_rwlock_wrlock(Call& c) { return lock(c, kWrite, true); }
Result imp_pthread_rwlock_trywrlock(Call& c) { return lock(c, kWrite, false); }

Result imp_pthread_rwlock_unlock(Call& c) {
  PthreadRwlock x;
  if (const Result e = get_lock(c, x); !e) return e;
  if (x.writer == 0 && x.readers == 0) return Error::PERM;
  if (x.writer != 0 && x.writer != c.thread().tid) return Error::PERM;
  if (x.writer != 0)
    x.writer = 0;
  else
    --x.readers;
  // Who has waited longest, as long as they fit beside each other.
  while (const auto next = first_waiting(c.s, c.m, c.a[0])) {
    const int tid = c.m.threads[*next].tid;
    const auto wants = static_cast<Wants>(c.s.threads.at(tid).wait.bits);
    if (!can(x, wants)) break;
    hold(x, wants, tid);
    finish_wait(c.s, c.m, *next, 0);
  }
  return put_lock(c, x);
}

}  // namespace deferscope::emu::darwin
