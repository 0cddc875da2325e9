// What is done once: pthread_once calls a function of the program's, C++ guards its static variables. Who comes while
// another thread is at it waits at the control word's address.
#include "emu/darwin/call.h"

namespace deferscope::emu::darwin {

using namespace pthread;

namespace {

Result wait_at(Call& c, uint64_t key) {
  c.block(WaitKind::Key, kNever, true);
  c.info().wait.key = key;
  c.info().wait.bits = 1;
  return kBlocked;
}

// Those that wait make their calls again.
void let_in(Call& c, uint64_t key) {
  while (const auto next = first_waiting(c.s, c.m, key)) {
    Thread& t = c.m.threads[*next];
    c.s.threads.at(t.tid).wait = Wait{};
    t.status = ThreadStatus::Runnable;
    t.wake_at = kNever;
  }
}

// What the call goes on with when the function has returned; it lies above the function's frame.
struct Kept {
  uint64_t control, sp, back;  // back: x30
  uint64_t pad = 0;
};

}  // namespace

Result imp_pthread_once(Call& c) {
  PthreadOnce once{};
  if (!c.get(c.a[0], once)) return Error::INVAL;
  if (once.signature == kOnceDone) return 0;
  if (once.signature != kOnceStatic) return Error::INVAL;
  if (once.runner != 0) return wait_at(c, c.a[0]);
  isa::CpuState& cpu = c.cpu();
  uint64_t& sp = cpu.r[c.s.amd64() ? isa::kRsp : isa::kSp];
  const Kept kept{c.a[0], sp, cpu.r[isa::kX30]};
  const uint64_t at = (sp - sizeof kept) & ~uint64_t{15};
  if (!c.put(at, kept)) return c.fault(isa::Access::Write);
  once.runner = static_cast<uint64_t>(c.thread().tid);
  if (!c.put(c.a[0], once)) return Error::INVAL;
  sp = at;
  start_at(c.s, c.m, cpu, c.a[1], 0, kOnceReturned);
  return kNoResult;
}

Result finish_once(Call& c) {
  isa::CpuState& cpu = c.cpu();
  uint64_t& sp = cpu.r[c.s.amd64() ? isa::kRsp : isa::kSp];
  Kept kept{};
  if (!c.get(sp, kept)) return c.fault(isa::Access::Read);
  c.put(kept.control, PthreadOnce{kOnceDone, 0});
  let_in(c, kept.control);
  sp = kept.sp;
  if (!c.s.amd64()) cpu.r[isa::kX30] = kept.back;
  return c.give(0);
}

// --- guards of static variables: the first byte says that it is done, the second that somebody is at it ---

Result imp_cxa_guard_acquire(Call& c) {
  uint8_t guard[2];
  if (!c.get(c.a[0], guard)) return c.fault(isa::Access::Read);
  if (guard[0] != 0) return 0;
  if (guard[1] != 0) return wait_at(c, c.a[0]);
  return c.put(c.a[0] + 1, uint8_t{1}) ? Result(1) : c.fault(isa::Access::Write);
}

namespace {

Result end_guard(Call& c, uint8_t done) {
  const uint8_t guard[2] = {done, 0};
  if (!c.put(c.a[0], guard)) return c.fault(isa::Access::Write);
  let_in(c, c.a[0]);
  return 0;
}

}  // namespace

Result imp_cxa_guard_release(Call& c) { return end_guard(c, 1); }
Result imp_cxa_guard_abort(Call& c) { return end_guard(c, 0); }

}  // namespace deferscope::emu::darwin
