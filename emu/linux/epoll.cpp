// Linux' ways to wait for readiness: epoll, poll, select.
#include <algorithm>
#include <cstring>

#include "emu/linux/call.h"
#include "emu/posix/files.h"
#include "emu/posix/readiness.h"

namespace deferscope::emu::linux_ {

namespace {

struct PollRow {
  Ready ready;
  uint32_t bits;
};
constexpr PollRow kPollRows[] = {{ready::kRead, poll_bit::IN | poll_bit::RDNORM},
                                 {ready::kWrite, poll_bit::OUT | poll_bit::WRNORM},
                                 {ready::kError, poll_bit::ERR},
                                 {ready::kHangUp, poll_bit::HUP},
                                 {ready::kPeerClosed, poll_bit::RDHUP}};

// Of what is asked for; errors and hang-ups are always said.
uint32_t reported(Ready now, uint32_t asked) {
  uint32_t bits = 0;
  for (const PollRow& row : kPollRows)
    if (now & row.ready) bits |= row.bits;
  return bits & (asked | poll_bit::ERR | poll_bit::HUP) & 0xffff;
}

Ready wanted(uint32_t asked) {
  Ready out = 0;
  for (const PollRow& row : kPollRows)
    if (asked & row.bits) out |= row.ready;
  return out;
}

// struct epoll_event is packed on x86-64 only.
uint64_t event_size(const State& s) { return s.amd64() ? 12 : 16; }
uint64_t data_offset(const State& s) { return s.amd64() ? 4 : 8; }

WatchSet* epoll_of(State& s, int fd, Result& e) {
  OpenFile* f = file_of(s, fd);
  WatchSet* set = f ? f->as<WatchSet>() : nullptr;
  e = !f ? Error::BADF : !set ? Error::INVAL : kOk;
  return set;
}

Result make_epoll(Call& c, uint32_t flags) {
  if (flags & ~open_flag::CLOEXEC) return Error::INVAL;
  OpenFile f;
  f.kind = WatchSet{};
  f.access = Access::ReadWrite;
  f.path = "anon_inode:[eventpoll]";
  return new_fd(c.s, new_file(c.s, f), flags & open_flag::CLOEXEC);
}

Result collect(Call& c, WatchSet& set, uint64_t address, int64_t limit) {
  int64_t n = 0;
  const uint64_t size = event_size(c.s);
  Readiness look(c.s, &c.host);
  c.host.work(set.items.size());
  for (auto& [key, item] : set.items) {
    if (n >= limit) break;
    const Ready now = fresh(look, c.s, item, item.events & poll_bit::ET);
    if (now == 0) continue;
    const uint64_t at = address + static_cast<uint64_t>(n) * size;
    const uint32_t events = reported(now, item.events);
    if (!c.put(at, events) || !c.put(at + data_offset(c.s), item.data)) return n > 0 ? Result(n) : Error::FAULT;
    mark_reported(c.s, item, item.events & poll_bit::ONESHOT);
    ++n;
  }
  return n;
}

Result epoll_wait_until(Call& c, uint64_t deadline) {
  Result e;
  WatchSet* ep = epoll_of(c.s, c.fd(), e);
  if (!ep) return e;
  const int64_t limit = static_cast<int32_t>(c.a[2]);
  if (limit <= 0) return Error::INVAL;
  const Result n = collect(c, *ep, c.a[1], limit);
  if (n != kOk) return n;
  if (c.timed_out || (!c.retry && deadline <= c.m.now_ns())) return 0;
  if (!c.retry && has_deliverable(c.s, c.thread().tid)) return Error::INTR;
  return c.block(WaitKind::Io, deadline, false);
}

uint64_t deadline_ms(const Call& c, int64_t ms) {
  return ms < 0 ? kNever : deadline_after(c.m, static_cast<uint64_t>(ms) * 1'000'000);
}

}  // namespace

Result sys_epoll_create(Call& c) { return static_cast<int>(c.a[0]) <= 0 ? Error::INVAL : make_epoll(c, 0); }
Result sys_epoll_create1(Call& c) { return make_epoll(c, static_cast<uint32_t>(c.a[0])); }

Result sys_epoll_ctl(Call& c) {
  constexpr uint64_t kAdd = 1, kDelete = 2, kModify = 3;
  Result e;
  const int fd = c.fd(2);
  Watch item;
  if (c.a[1] != kDelete && (!c.get(c.a[3], item.events) || !c.get(c.a[3] + data_offset(c.s), item.data)))
    return Error::FAULT;
  WatchSet* ep = epoll_of(c.s, c.fd(), e);
  const OpenFile* target = file_of(c.s, fd);
  if (!target) return Error::BADF;
  if (!ep) return e;
  if (!can_be_watched(*target)) return Error::PERM;
  if (target->as<WatchSet>() == ep) return Error::INVAL;
  item.wants = wanted(item.events);
  item.file = c.s.fds.at(fd).file;
  const int set = c.s.fds.at(c.fd()).file;
  const auto it = ep->items.find({fd});
  switch (c.a[1]) {
    case kAdd:
      if (it != ep->items.end()) return Error::EXIST;
      if (e = add_watch(c, set, {fd}, item); !e) return e;
      break;
    case kModify:
      if (it == ep->items.end()) return Error::NOENT;
      it->second = item;
      break;
    case kDelete:
      if (it == ep->items.end()) return Error::NOENT;
      drop_watch(c.s, set, {fd});
      break;
    default: return Error::INVAL;
  }
  note_change(c.s, c.s.files.at(set));
  return 0;
}

Result sys_epoll_wait(Call& c) {
  return epoll_wait_until(c, c.retry ? kNever : deadline_ms(c, static_cast<int32_t>(c.a[3])));
}

Result sys_epoll_pwait(Call& c) {
  if (const Result e = enter_mask(c, c.a[4], c.a[5]); !e) return e;
  return sys_epoll_wait(c);
}

Result sys_epoll_pwait2(Call& c) {
  uint64_t deadline = kNever;
  if (!c.retry)
    if (const Result e = relative_deadline(c, c.a[3], deadline); !e) return e;
  if (const Result e = enter_mask(c, c.a[4], c.a[5]); !e) return e;
  return epoll_wait_until(c, deadline);
}

// --- poll ---

namespace {

struct PollFd {
  int32_t fd;
  uint16_t events, revents;
};

Result poll_once(Call& c, uint64_t address, uint64_t n) {
  std::vector<PollFd> fds(n);
  if (!c.memory().read(address, fds.data(), n * sizeof(PollFd))) return Error::FAULT;
  int64_t ready = 0;
  Readiness look(c.s, &c.host);
  c.host.work(n);
  for (PollFd& p : fds) {
    p.revents = 0;
    if (p.fd < 0) continue;
    const OpenFile* f = file_of(c.s, p.fd);
    p.revents = static_cast<uint16_t>(f ? reported(look.of(*f), p.events) : poll_bit::NVAL);
    if (p.revents) ++ready;
  }
  return c.memory().write(address, fds.data(), n * sizeof(PollFd)) ? Result(ready) : Error::FAULT;
}

Result poll_until(Call& c, uint64_t deadline) {
  if (c.a[1] > c.s.open_files.soft) return Error::INVAL;
  const Result ready = poll_once(c, c.a[0], c.a[1]);
  if (ready != kOk) return ready;
  if (c.timed_out || (!c.retry && deadline <= c.m.now_ns())) return 0;
  if (!c.retry && has_deliverable(c.s, c.thread().tid)) return Error::INTR;
  return c.block(WaitKind::Io, deadline, false);
}

}  // namespace

Result sys_poll(Call& c) { return poll_until(c, c.retry ? kNever : deadline_ms(c, static_cast<int32_t>(c.a[2]))); }

Result sys_ppoll(Call& c) {
  uint64_t deadline = kNever;
  if (!c.retry)
    if (const Result e = relative_deadline(c, c.a[2], deadline); !e) return e;
  if (const Result e = enter_mask(c, c.a[3], c.a[4]); !e) return e;
  return poll_until(c, deadline);
}

// --- select ---

namespace {

using FdSet = std::array<uint64_t, 16>;
constexpr Ready kSelectBits[3] = {ready::kRead | ready::kHangUp | ready::kError, ready::kWrite | ready::kError, 0};

Result select_once(Call& c, int n, FdSet out[3]) {
  int64_t ready = 0;
  Readiness look(c.s, &c.host);
  for (int k = 0; k < 3; ++k) {
    FdSet in{};
    if (c.a[1 + k] != 0 && !c.memory().read(c.a[1 + k], in.data(), static_cast<size_t>(n + 63) / 64 * 8))
      return Error::FAULT;
    for (int fd = 0; fd < n; ++fd) {
      if (!(in[fd / 64] >> fd % 64 & 1)) continue;
      const OpenFile* f = file_of(c.s, fd);
      if (!f) return Error::BADF;
      if (!(look.of(*f) & kSelectBits[k])) continue;
      out[k][fd / 64] |= uint64_t{1} << fd % 64;
      ++ready;
    }
  }
  return ready;
}

Result select_until(Call& c, uint64_t deadline) {
  const int n = static_cast<int>(c.a[0]);
  if (n < 0 || n > 1024) return Error::INVAL;
  FdSet out[3] = {};
  const Result ready = select_once(c, n, out);
  if (!ready) return ready;
  if (ready == kOk && !c.timed_out && (c.retry || deadline > c.m.now_ns())) {
    if (!c.retry && has_deliverable(c.s, c.thread().tid)) return Error::INTR;
    return c.block(WaitKind::Io, deadline, false);
  }
  for (int k = 0; k < 3; ++k)
    if (c.a[1 + k] != 0 && !c.memory().write(c.a[1 + k], out[k].data(), static_cast<size_t>(n + 63) / 64 * 8))
      return Error::FAULT;
  return ready;
}

}  // namespace

Result sys_select(Call& c) {
  uint64_t deadline = kNever;
  if (!c.retry && c.a[4] != 0) {
    TimeVal t;
    if (!c.get(c.a[4], t)) return Error::FAULT;
    if (t.sec < 0 || t.usec < 0) return Error::INVAL;
    deadline = deadline_after(c.m, static_cast<uint64_t>(t.sec) * kSecond + static_cast<uint64_t>(t.usec) * 1000);
  }
  return select_until(c, deadline);
}

Result sys_pselect6(Call& c) {
  uint64_t deadline = kNever;
  if (!c.retry) {
    if (const Result e = relative_deadline(c, c.a[4], deadline); !e) return e;
    uint64_t mask[2] = {};
    if (c.a[5] != 0 && !c.memory().read(c.a[5], mask, sizeof mask)) return Error::FAULT;
    if (const Result e = enter_mask(c, mask[0], mask[1]); !e) return e;
  }
  return select_until(c, deadline);
}

}  // namespace deferscope::emu::linux_
