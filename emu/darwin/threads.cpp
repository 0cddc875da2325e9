// pthreads: creation, end, identity, thread-specific data. A thread's block (its pthread_t) is real memory, since
// programs read its slots by themselves, through GS or TPIDRRO_EL0.
#include <algorithm>

#include "emu/darwin/boot.h"
#include "emu/darwin/call.h"
#include "emu/posix/process.h"

namespace deferscope::emu::darwin {

using namespace pthread;

namespace {

constexpr isa::Reg kBase = isa::kGsBase;  // arm64: TPIDRRO_EL0

uint64_t slot_address(uint64_t block, uint64_t slot) { return block + kSlotsOffset + 8 * slot; }

}  // namespace

void set_up_block(State& s, MachineState& m, isa::CpuState& cpu, ThreadExtra& extra, uint64_t block) {
  (void)s;
  extra.block = block;
  const uint64_t error = block + kErrnoOffset;
  m.memory.poke(slot_address(block, kSelfSlot), &block, 8);
  m.memory.poke(slot_address(block, kErrnoSlot), &error, 8);
  cpu.r[kBase] = block + kSlotsOffset;
}

uint64_t errno_address(const State& s, int tid) {
  const auto it = s.extras.find(tid);
  return it == s.extras.end() ? 0 : it->second.block + kErrnoOffset;
}

int thread_of(const State& s, uint64_t pthread) {
  for (const auto& [tid, t] : s.extras)
    if (t.block == pthread) return tid;
  return 0;
}

// --- attributes ---

namespace {

Result get_attr(Call& c, uint64_t at, PthreadAttr& attr) {
  if (!c.get(at, attr)) return Error::FAULT;
  return attr.signature == kAttrSignature ? kOk : Error::INVAL;
}

// Changes one field of the attribute at the first argument.
template <class Change>
Result change_attr(Call& c, Change change) {
  PthreadAttr attr;
  if (const Result e = get_attr(c, c.a[0], attr); !e) return e;
  if (const Result e = change(attr); !e) return e;
  return c.put(c.a[0], attr) ? kOk : Error::FAULT;
}

}  // namespace

Result imp_pthread_attr_init(Call& c) {
  PthreadAttr attr{};
  attr.signature = kAttrSignature;
  attr.stack_size = kDefaultStack;
  attr.guard_size = c.s.page();
  attr.detached = kJoinable;
  return c.put(c.a[0], attr) ? kOk : Error::INVAL;
}

Result imp_pthread_attr_destroy(Call& c) {
  return change_attr(c, [](PthreadAttr& attr) { return attr.signature = 0, kOk; });
}

Result imp_pthread_attr_setstacksize(Call& c) {
  return change_attr(c, [&](PthreadAttr& attr) -> Result {
    if (c.a[1] < kMinStack || c.a[1] % c.s.page() != 0) return Error::INVAL;
    attr.stack_size = c.a[1];
    return 0;
  });
}

Result imp_pthread_attr_getstacksize(Call& c) {
  PthreadAttr attr;
  if (const Result e = get_attr(c, c.a[0], attr); !e) return e;
  return c.put(c.a[1], attr.stack_size) ? kOk : Error::FAULT;
}

Result imp_pthread_attr_setdetachstate(Call& c) {
  return change_attr(c, [&](PthreadAttr& attr) -> Result {
    if (c.i32(1) != kJoinable && c.i32(1) != kDetached) return Error::INVAL;
    attr.detached = c.i32(1);
    return 0;
  });
}

Result imp_pthread_attr_getdetachstate(Call& c) {
  PthreadAttr attr;
  if (const Result e = get_attr(c, c.a[0], attr); !e) return e;
  return c.put(c.a[1], attr.detached) ? kOk : Error::FAULT;
}

// --- create and end ---

namespace {

// Guard page, stack and, above it, the block: one range.
Result map_thread(Call& c, uint64_t stack_size, ThreadExtra& extra) {
  State& s = c.s;
  const uint64_t guard = s.page(), block = s.page_up(kBlockSize), stack = s.page_up(stack_size);
  if (stack < stack_size || stack > layout_of(s).highest) return Error::INVAL;
  extra.mapping_size = guard + stack + block;
  extra.mapping = choose_place(s, c.memory(), 0, extra.mapping_size);
  if (extra.mapping == 0) return Error::AGAIN;
  c.memory().map(extra.mapping, guard, kNoAccess, {}, "[guard]");
  c.memory().map(extra.mapping + guard, stack, kRead | kWrite, {}, "[thread stack]");
  c.memory().map(extra.mapping + guard + stack, block, kRead | kWrite, {}, "[pthread]");
  extra.block = extra.mapping + guard + stack;
  return 0;
}

}  // namespace

void start_at(const State& s, MachineState& m, isa::CpuState& cpu, uint64_t routine, uint64_t argument,
              SpecialCall returns_to) {
  const uint64_t back = special_address(s, returns_to);
  uint64_t& sp = cpu.r[s.amd64() ? isa::kRsp : isa::kSp];
  sp &= ~uint64_t{15};
  cpu.pc = routine;
  cpu.r[s.amd64() ? isa::kRdi : isa::Reg{0}] = argument;
  if (s.amd64())
    m.memory.poke(sp -= 8, &back, 8);
  else
    cpu.r[isa::kX30] = back;
}

Result imp_pthread_create(Call& c) {
  State& s = c.s;
  PthreadAttr attr{};
  attr.stack_size = kDefaultStack;
  attr.detached = kJoinable;
  if (c.a[1] != 0)
    if (const Result e = get_attr(c, c.a[1], attr); !e) return e;
  const size_t live = live_threads(c.m);
  if (live >= s.options->max_threads) return Error::AGAIN;
  if (!c.memory().check_write(c.a[0], 8)) return Error::FAULT;
  // A thread that ended leaves its place: the highest number of them so far is what they hold.
  if (live == c.m.threads.size() && !s.holdings.take(cost::kThread)) return Error::AGAIN;
  ThreadExtra extra;
  if (const Result e = map_thread(c, attr.stack_size, extra); !e) return e;
  extra.detached = attr.detached == kDetached;
  Thread child;
  child.tid = s.next_tid++;
  child.cpu.r[s.amd64() ? isa::kRsp : isa::kSp] = extra.block;
  start_at(s, c.m, child.cpu, c.a[2], c.a[3], kThreadReturned);
  set_up_block(s, c.m, child.cpu, extra, extra.block);
  ThreadInfo info;
  info.mask = c.info().mask;
  c.put(c.a[0], extra.block);
  s.threads[child.tid] = std::move(info);
  s.extras[child.tid] = extra;
  place_thread(c.m, child);
  return 0;
}

namespace {

// A key with a destructor and a value here: the destructor is called, and returns to where the thread ends.
bool run_destructor(Call& c) {
  constexpr int kRounds = 4;  // PTHREAD_DESTRUCTOR_ITERATIONS
  ThreadExtra& extra = c.extra();
  if (extra.rounds >= kRounds * static_cast<int>(kKeys)) return false;
  for (const auto& [key, destructor] : c.s.keys) {
    uint64_t value = 0;
    const uint64_t zero = 0, at = slot_address(extra.block, key);
    if (destructor == 0 || !c.memory().peek(at, &value, 8) || value == 0) continue;
    c.memory().poke(at, &zero, 8);
    ++extra.rounds;
    start_at(c.s, c.m, c.cpu(), destructor, value, kThreadReturned);
    return true;
  }
  return false;
}

void unmap(Call& c, const EndedThread& t) {
  if (t.mapping) unmap_place(c.s, c.memory(), t.mapping, t.mapping_size);
}

// The thread is gone; what it leaves stays until it is joined.
void finish_thread(Call& c, uint64_t value) {
  const int tid = c.thread().tid;
  const ThreadExtra extra = c.extra();
  const EndedThread ended{extra.mapping, extra.mapping_size, value};
  c.thread().status = ThreadStatus::Exited;
  c.s.threads.erase(tid);
  if (extra.variables) heap_free(c.s, extra.variables);
  c.s.extras.erase(tid);
  if (extra.detached)
    unmap(c, ended);
  else
    c.s.ended[extra.block] = ended;
  c.s.io_changed = true;  // who joins it
  if (live_threads(c.m) == 0) end_process(c.m, 0, 0);
}

}  // namespace

// Destructors first: each is called by the guest, and this goes on when it returns. The value waits in the errno slot's
// neighbour, which nobody else uses.
void end_thread(Call& c, uint64_t value) {
  const uint64_t kept = c.extra().block + kErrnoOffset + 8;
  if (c.extra().rounds == 0) c.memory().poke(kept, &value, 8);
  if (run_destructor(c)) return;
  c.memory().peek(kept, &value, 8);
  finish_thread(c, value);
}

Result imp_pthread_exit(Call& c) {
  end_thread(c, c.a[0]);
  return kNoResult;
}

Result imp_pthread_detach(Call& c) {
  if (const auto it = c.s.ended.find(c.a[0]); it != c.s.ended.end()) {
    unmap(c, it->second);
    c.s.ended.erase(it);
    return 0;
  }
  const int tid = thread_of(c.s, c.a[0]);
  if (tid == 0) return Error::SRCH;
  if (c.s.extras.at(tid).detached) return Error::INVAL;
  c.s.extras.at(tid).detached = true;
  return 0;
}

namespace {

Result joined(Context& context) {
  Call c(static_cast<State&>(context.s), context);
  const auto it = c.s.ended.find(c.a[0]);
  if (it == c.s.ended.end()) return Error::SRCH;
  if (c.a[1] != 0 && !c.put(c.a[1], it->second.value)) return Error::FAULT;
  unmap(c, it->second);
  c.s.ended.erase(it);
  return 0;
}

}  // namespace

Result imp_pthread_join(Call& c) {
  if (c.s.ended.contains(c.a[0])) return joined(c);
  const int tid = thread_of(c.s, c.a[0]);
  if (tid == 0) return Error::SRCH;
  if (tid == c.thread().tid) return Error::DEADLK;
  if (c.s.extras.at(tid).detached) return Error::INVAL;
  // Tried again whenever a thread ends (finish_thread).
  c.op.resume = [](Context& context) {
    return static_cast<State&>(context.s).ended.contains(context.op.args[0]) ? joined(context) : kBlocked;
  };
  return c.block(WaitKind::Io, kNever, true);
}

// --- identity, slots ---

Result imp_pthread_self(Call& c) { return static_cast<int64_t>(c.extra().block); }
Result imp_pthread_equal(Call& c) { return c.a[0] == c.a[1]; }

Result imp_pthread_threadid_np(Call& c) {
  const int tid = c.a[0] == 0 ? c.thread().tid : thread_of(c.s, c.a[0]);
  if (tid == 0) return Error::SRCH;
  return c.put(c.a[1], static_cast<uint64_t>(tid)) ? kOk : Error::FAULT;
}

// No names are shown of threads.
Result imp_pthread_setname_np(Call&) { return 0; }

Result imp_pthread_get_stacksize_np(Call& c) {
  const int tid = thread_of(c.s, c.a[0]);
  if (tid == 0) return 0;
  const ThreadExtra& t = c.s.extras.at(tid);
  return static_cast<int64_t>(t.mapping ? t.mapping_size - c.s.page() - c.s.page_up(kBlockSize) : kMainStack);
}

Result imp_pthread_get_stackaddr_np(Call& c) {
  const int tid = thread_of(c.s, c.a[0]);
  if (tid == 0) return 0;
  const ThreadExtra& t = c.s.extras.at(tid);
  return static_cast<int64_t>(t.mapping ? t.block : layout_of(c.s).stack_top);
}

Result imp_pthread_key_create(Call& c) {
  for (uint64_t key = kFirstKey; key < kKeys; ++key) {
    if (c.s.keys.contains(key)) continue;
    if (!c.put(c.a[0], key)) return Error::FAULT;
    c.s.keys[key] = c.a[1];
    return 0;
  }
  return Error::AGAIN;
}

Result imp_pthread_key_delete(Call& c) {
  if (!c.s.keys.erase(c.a[0])) return Error::INVAL;
  const uint64_t zero = 0;
  for (const auto& [tid, t] : c.s.extras) c.memory().poke(slot_address(t.block, c.a[0]), &zero, 8);
  return 0;
}

// Slots below the first key are libSystem's, but programs are known to use some of them with this call too.
Result imp_pthread_setspecific(Call& c) {
  if (c.a[0] >= kKeys) return Error::INVAL;
  c.memory().poke(slot_address(c.extra().block, c.a[0]), &c.a[1], 8);
  return 0;
}

Result imp_pthread_getspecific(Call& c) {
  uint64_t value = 0;
  if (c.a[0] < kKeys) c.memory().peek(slot_address(c.extra().block, c.a[0]), &value, 8);
  return c.give(value);
}

Result imp_error(Call& c) { return static_cast<int64_t>(errno_address(c.s, c.thread().tid)); }

Result imp_sched_yield(Call& c) {
  c.m.slice_end = c.m.position;
  return 0;
}

}  // namespace deferscope::emu::darwin
