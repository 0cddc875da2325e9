// Threads: clone, exit, their identity; the end of the process.
#include <algorithm>

#include "emu/linux/call.h"
#include "emu/posix/process.h"

namespace deferscope::emu::linux_ {

namespace {

constexpr uint64_t kVm = 0x100, kFs = 0x200, kFiles = 0x400, kSighand = 0x800, kThread = 0x10000, kSysvSem = 0x40000,
                   kSetTls = 0x80000, kParentSetTid = 0x100000, kChildClearTid = 0x200000, kDetached = 0x400000,
                   kChildSetTid = 0x1000000;
constexpr uint64_t kThreadForm = kVm | kFs | kFiles | kSighand | kThread;
constexpr uint64_t kKnown =
    kThreadForm | kSysvSem | kSetTls | kParentSetTid | kChildClearTid | kDetached | kChildSetTid | 0xff;

struct CloneArgs {
  uint64_t flags, stack, parent_tid, child_tid, tls;
};

// The last two arguments stand in a different order on arm64.
CloneArgs clone_args(const Call& c) {
  if (c.s.amd64()) return {c.a[0], c.a[1], c.a[2], c.a[3], c.a[4]};
  return {c.a[0], c.a[1], c.a[2], c.a[4], c.a[3]};
}

}  // namespace

// One process, as in a sandbox.
Result sys_fork(Call& c) {
  c.host.refused(c.m, Refused::process, "");
  return Error::PERM;
}

namespace {

Result no_exec(Call& c, uint64_t path_at) {
  std::string path;
  if (const Result e = c.get_path(path_at, path); !e) return e;
  c.host.refused(c.m, Refused::process, path);
  return Error::ACCES;
}

}  // namespace

Result sys_execve(Call& c) { return no_exec(c, c.a[0]); }
Result sys_execveat(Call& c) { return no_exec(c, c.a[1]); }

Result sys_clone(Call& c) {
  const CloneArgs args = clone_args(c);
  if ((args.flags & kThreadForm) != kThreadForm) return sys_fork(c);  // in any form
  if (args.flags & ~kKnown) return Error::INVAL;
  const size_t live = live_threads(c.m);
  if (live >= c.s.options->max_threads) return Error::AGAIN;
  const int tid = c.s.next_tid++;
  if ((args.flags & kParentSetTid) && !c.put(args.parent_tid, tid)) return Error::FAULT;
  if ((args.flags & kChildSetTid) && !c.put(args.child_tid, tid)) return Error::FAULT;
  // A thread that ended leaves its place: the highest number of them so far is what they hold.
  if (live == c.m.threads.size() && !c.s.holdings.take(cost::kThread)) return Error::AGAIN;
  ThreadInfo info;
  info.mask = c.info().mask;
  info.name = c.info().name;
  ThreadExtra extra;
  extra.keep_caps = c.extra().keep_caps;
  if (args.flags & kChildClearTid) extra.clear_tid = args.child_tid;
  Thread child;
  child.tid = tid;
  child.cpu = c.cpu();
  child.cpu.monitor = {};
  answer(c.m.isa, child.cpu, 0);
  if (args.stack != 0) child.cpu.r[c.s.amd64() ? isa::kRsp : isa::kSp] = args.stack;
  if (args.flags & kSetTls) child.cpu.r[isa::kFsBase] = args.tls;
  c.s.threads[tid] = std::move(info);
  c.s.extras[tid] = extra;
  place_thread(c.m, child);
  return tid;
}

Result sys_set_tid_address(Call& c) {
  c.extra().clear_tid = c.a[0];
  return c.thread().tid;
}

Result sys_exit(Call& c) {
  const uint64_t clear_tid = c.extra().clear_tid;
  const int tid = c.thread().tid;
  c.thread().status = ThreadStatus::Exited;
  c.s.threads.erase(tid);
  c.s.extras.erase(tid);
  if (clear_tid != 0 && c.put(clear_tid, int32_t{0})) futex_wake(c.s, c.m, clear_tid, 1, UINT32_MAX);
  if (live_threads(c.m) == 0) end_process(c.m, static_cast<int>(c.a[0]), 0);
  return kNoResult;
}

Result sys_exit_group(Call& c) {
  end_process(c.m, static_cast<int>(c.a[0]), 0);
  return kNoResult;
}

Result sys_gettid(Call& c) { return c.thread().tid; }

Result sys_sched_yield(Call& c) {
  c.m.slice_end = c.m.position;
  return 0;
}

Result sys_sched_getaffinity(Call& c) {
  const unsigned cpus = std::clamp(c.s.options->cpus, 1u, 1024u);
  const size_t n = (cpus + 63) / 64 * 8;
  if (c.a[1] < n || c.a[1] % 8 != 0) return Error::INVAL;
  std::vector<uint8_t> mask(n);
  for (unsigned i = 0; i < cpus; ++i) mask[i / 8] = static_cast<uint8_t>(mask[i / 8] | 1u << i % 8);
  return c.memory().write(c.a[2], mask.data(), n) ? Result(static_cast<int64_t>(n)) : Error::FAULT;
}

Result sys_set_robust_list(Call& c) {
  if (c.a[1] != 24) return Error::INVAL;
  c.extra().robust_list = c.a[0];
  c.extra().robust_size = c.a[1];
  return 0;
}

Result sys_get_robust_list(Call& c) {
  if (c.a[0] != 0 && static_cast<int>(c.a[0]) != c.thread().tid) return Error::PERM;
  return c.put(c.a[1], c.extra().robust_list) && c.put(c.a[2], uint64_t{24}) ? kOk : Error::FAULT;
}

Result sys_arch_prctl(Call& c) {
  constexpr uint64_t kSetGs = 0x1001, kSetFs = 0x1002, kGetFs = 0x1003, kGetGs = 0x1004;
  auto& r = c.cpu().r;
  switch (c.a[0]) {
    case kSetFs:
    case kSetGs:
      if (c.a[1] >= c.s.stack_high) return Error::PERM;
      r[c.a[0] == kSetFs ? isa::kFsBase : isa::kGsBase] = c.a[1];
      return 0;
    case kGetFs: return c.put(c.a[1], r[isa::kFsBase]) ? kOk : Error::FAULT;
    case kGetGs: return c.put(c.a[1], r[isa::kGsBase]) ? kOk : Error::FAULT;
    default: return Error::INVAL;
  }
}

Result sys_prctl(Call& c) {
  constexpr uint64_t kSetPdeathsig = 1, kGetDumpable = 3, kSetDumpable = 4, kSetName = 15, kGetName = 16,
                     kGetKeepCaps = 7, kSetKeepCaps = 8, kGetSeccomp = 21, kSetNoNewPrivs = 38, kSetVma = 0x53564d41;
  switch (c.a[0]) {
    case kSetName: {
      std::string name;
      for (char ch = 0; name.size() < 15; name.push_back(ch))
        if (!c.get(c.a[1] + name.size(), ch))
          return Error::FAULT;
        else if (ch == 0)
          break;
      c.info().name = name;
      return 0;
    }
    case kGetName: {
      char name[16] = {};
      c.info().name.copy(name, 15);
      return c.memory().write(c.a[1], name, sizeof name) ? kOk : Error::FAULT;
    }
    case kGetDumpable: return 1;
    case kGetKeepCaps: return c.extra().keep_caps;
    case kSetKeepCaps:
      if (c.a[1] > 1) return Error::INVAL;
      c.extra().keep_caps = c.a[1] != 0;
      return 0;
    case kSetPdeathsig:
    case kSetDumpable:
    case kSetNoNewPrivs:
    case kGetSeccomp: return 0;
    case kSetVma: return 0;  // names of mappings: Go 1.25+ and others label theirs; nothing shows them
    default: return Error::INVAL;
  }
}

Result sys_getcpu(Call& c) {
  const uint32_t cpu = static_cast<uint32_t>(c.index % std::max(1u, c.s.options->cpus));
  if (c.a[0] != 0 && !c.put(c.a[0], cpu)) return Error::FAULT;
  if (c.a[1] != 0 && !c.put(c.a[1], uint32_t{0})) return Error::FAULT;
  return 0;
}

}  // namespace deferscope::emu::linux_
