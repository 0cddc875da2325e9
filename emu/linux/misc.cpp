// Who the process is, its limits, the machine it sees, random bytes.
#include <algorithm>
#include <cstring>

#include "emu/linux/call.h"

namespace deferscope::emu::linux_ {

Result sys_getpid(Call& c) { return c.s.pid; }
Result sys_getppid(Call&) { return 1; }
Result sys_getuid(Call&) { return kGuestUid; }

Result sys_getgroups(Call& c) {
  const int size = static_cast<int>(c.a[0]);
  if (size < 0) return Error::INVAL;
  if (size == 0) return 1;
  return c.put(c.a[1], kGuestUid) ? Result(1) : Error::FAULT;
}

Result sys_getresuid(Call& c) {
  return c.put(c.a[0], kGuestUid) && c.put(c.a[1], kGuestUid) && c.put(c.a[2], kGuestUid) ? kOk : Error::FAULT;
}

Result sys_uname(Call& c) {
  char fields[6][65] = {"Linux", "deferscope", "6.1.0", "#1 SMP", "", "(none)"};
  std::strcpy(fields[4], c.s.amd64() ? "x86_64" : "aarch64");
  return c.memory().write(c.a[0], fields, sizeof fields) ? kOk : Error::FAULT;
}

namespace {

Result set_limit(Call& c, uint64_t resource, uint64_t address) {
  RLimit next;
  if (!c.get(address, next)) return Error::FAULT;
  RLimit& limit = c.s.limit_of(resource);
  if (next.soft > next.hard) return Error::INVAL;
  if (next.hard > limit.hard) return Error::PERM;
  limit = next;
  return 0;
}

}  // namespace

Result sys_getrlimit(Call& c) {
  if (c.a[0] >= c.s.other_limits.size()) return Error::INVAL;
  return c.put(c.a[1], c.s.limit_of(c.a[0])) ? kOk : Error::FAULT;
}

Result sys_setrlimit(Call& c) {
  return c.a[0] >= c.s.other_limits.size() ? Error::INVAL : set_limit(c, c.a[0], c.a[1]);
}

Result sys_prlimit64(Call& c) {
  const int pid = static_cast<int>(c.a[0]);
  if (pid != 0 && pid != c.s.pid) return Error::SRCH;
  if (c.a[1] >= c.s.other_limits.size()) return Error::INVAL;
  const RLimit old = c.s.limit_of(c.a[1]);
  if (c.a[2] != 0)
    if (const Result e = set_limit(c, c.a[1], c.a[2]); !e) return e;
  return c.a[3] == 0 || c.put(c.a[3], old) ? kOk : Error::FAULT;
}

Result sys_sysinfo(Call& c) {
  struct {
    int64_t uptime;
    uint64_t loads[3], total, free, shared, buffer, total_swap, free_swap;
    uint16_t procs, pad;
    uint32_t pad2;
    uint64_t total_high, free_high;
    uint32_t unit, pad3;
  } info{};
  const uint64_t limit = c.s.options->max_memory, used = std::min(limit, c.memory().resident_bytes());
  info.uptime = static_cast<int64_t>(c.m.now_ns() / kSecond);
  info.total = limit;
  info.free = limit - used;
  info.procs = 1;
  info.unit = 1;
  return c.put(c.a[0], info) ? kOk : Error::FAULT;
}

Result sys_getrandom(Call& c) {
  if (c.a[2] & ~uint64_t{7}) return Error::INVAL;
  const uint64_t n = std::min<uint64_t>(c.a[1], 33554431);
  if (!c.memory().check_write(c.a[0], n)) return Error::FAULT;
  std::array<uint8_t, kPage> bytes;  // a multiple of what the generator gives at once
  for (uint64_t done = 0; done < n; done += bytes.size()) {
    const uint64_t k = std::min<uint64_t>(n - done, bytes.size());
    c.host.work(1);
    c.s.random.fill(bytes.data(), k);
    c.memory().write(c.a[0] + done, bytes.data(), k);
  }
  return static_cast<int64_t>(n);
}

// Threads run one at a time: every barrier holds already.
Result sys_membarrier(Call& c) {
  constexpr uint64_t kQuery = 0, kAll = 0x1ff;
  if (c.a[0] == kQuery) return kAll;
  return c.a[0] <= 0x100 && (c.a[0] & (c.a[0] - 1)) == 0 ? kOk : Error::INVAL;
}

// The guest has no capabilities.
Result sys_capget(Call& c) {
  struct {
    uint32_t version;
    int32_t pid;
  } header{};
  constexpr uint32_t kVersion3 = 0x20080522;
  if (!c.get(c.a[0], header)) return Error::FAULT;
  if (header.version != kVersion3) return c.put(c.a[0], kVersion3) ? Error::INVAL : Error::FAULT;
  const uint32_t none[6] = {};
  return c.a[1] == 0 || c.put(c.a[1], none) ? kOk : Error::FAULT;
}

Result sys_getpriority(Call&) { return 20; }  // nice 0, as the kernel encodes it
Result sys_sched_getscheduler(Call&) { return 0; }
Result sys_sched_getparam(Call& c) { return c.put(c.a[1], int32_t{0}) ? kOk : Error::FAULT; }

}  // namespace deferscope::emu::linux_
