// Readiness: epoll, poll, select. Waits are tried again whenever a pipe, eventfd or epoll set changed.
#include <algorithm>
#include <cstring>

#include "emu/linux/call.h"
#include "emu/linux/sockets.h"

namespace deferscope::emu::linux_ {

namespace {

constexpr size_t kMaxNests = 4;  // links from set to set, one behind the other (EP_MAX_NESTS)

// One look at many files. Sets lie in sets, and many ways may lead to one: each is looked into once.
class Readiness {
 public:
  Readiness(const State& s, HostPort* host) : s_(s), host_(host) {}
  uint32_t of(const OpenFile& f);

 private:
  bool any_in(const OpenFile& set);

  const State& s_;
  HostPort* host_;  // that counts the work, if it could be much
  std::map<const OpenFile*, bool> sets_;
};

// As deep as kMaxNests.
bool Readiness::any_in(const OpenFile& set) {
  const auto known = sets_.find(&set);
  if (known != sets_.end()) return known->second;
  if (host_) host_->work(set.items.size());
  const bool any = std::any_of(set.items.begin(), set.items.end(), [&](const auto& entry) {
    const EpollItem& item = entry.second;
    return !item.disarmed && (of(s_.files.at(item.file)) & (item.events | poll_bit::ERR | poll_bit::HUP));
  });
  return sets_[&set] = any;
}

uint32_t Readiness::of(const OpenFile& f) {
  using namespace poll_bit;
  switch (f.kind) {
    case FileKind::PipeRead: {
      const Pipe& p = s_.pipes.at(f.pipe);
      return (p.bytes.empty() ? 0 : IN | RDNORM) | (p.writers == 0 ? HUP : 0);
    }
    case FileKind::PipeWrite: {
      const Pipe& p = s_.pipes.at(f.pipe);
      return (p.bytes.size() < p.capacity ? OUT | WRNORM : 0) | (p.readers == 0 ? ERR : 0);
    }
    case FileKind::Event: return (f.count > 0 ? IN | RDNORM : 0) | (f.count < UINT64_MAX - 1 ? OUT | WRNORM : 0);
    case FileKind::Epoll: return any_in(f) ? IN | RDNORM : 0;
    case FileKind::Stdout: return OUT | WRNORM;
    case FileKind::Socket: return socket_readiness(s_.sockets.at(f.socket), s_);
    case FileKind::Stdin: return IN | RDNORM;
    default: return IN | OUT | RDNORM | WRNORM;
  }
}

void drop_watcher(State& s, int file, int set) {
  const auto it = s.files.find(file);
  if (it == s.files.end()) return;
  std::vector<int>& w = it->second.watchers;
  const auto at = std::find(w.begin(), w.end(), set);
  if (at != w.end()) w.erase(at);
}

std::map<int, EpollItem>::iterator drop_item(State& s, int set, OpenFile& ep, std::map<int, EpollItem>::iterator it) {
  drop_watcher(s, it->second.file, set);
  s.holdings.give_back(cost::kEpollItem);
  return ep.items.erase(it);
}

}  // namespace

uint32_t readiness(const State& s, const OpenFile& f) { return Readiness(s, nullptr).of(f); }

void forget_in_epolls(State& s, int fd, int file) {
  const std::vector<int> sets = s.files.at(file).watchers;
  for (int set : sets) {
    OpenFile& ep = s.files.at(set);
    const auto it = ep.items.find(fd);
    if (it != ep.items.end() && it->second.file == file) drop_item(s, set, ep, it);
  }
}

void empty_epoll(State& s, int set) {
  OpenFile& ep = s.files.at(set);
  while (!ep.items.empty()) drop_item(s, set, ep, ep.items.begin());
}

void retry_io(State& s, MachineState& m, HostPort& host) {
  constexpr uint64_t kRetry = 16;  // the work of one
  // A retry may change something for another; each pass ends at least one wait or is the last.
  for (bool again = true; again;) {
    again = false;
    s.io_changed = false;
    std::vector<std::pair<uint64_t, size_t>> waiting;
    for (size_t i = 0; i < m.threads.size(); ++i) {
      if (m.threads[i].status != ThreadStatus::Blocked) continue;
      const Wait& w = s.threads.at(m.threads[i].tid).wait;
      if (w.kind == WaitKind::Io) waiting.emplace_back(w.order, i);
    }
    std::sort(waiting.begin(), waiting.end());
    for (const auto& [order, i] : waiting) {
      if (m.threads[i].status != ThreadStatus::Blocked) continue;
      const Wait w = s.threads.at(m.threads[i].tid).wait;
      host.work(kRetry);
      Call c{s, m, host, i, w.row, w.args, true, false};
      const Result result = syscall_row(w.row).handler(c);
      if (result == kBlocked) continue;
      finish_wait(s, m, i, result);
      again = again || s.io_changed;
    }
  }
}

namespace {

bool can_be_polled(const OpenFile& f) {
  switch (f.kind) {
    case FileKind::PipeRead:
    case FileKind::PipeWrite:
    case FileKind::Event:
    case FileKind::Epoll:
    case FileKind::Socket:
    case FileKind::Stdout: return true;
    default: return false;  // EPERM: regular files, directories, and the devices without poll
  }
}

// struct epoll_event is packed on x86-64 only.
uint64_t event_size(const State& s) { return s.amd64() ? 12 : 16; }
uint64_t data_offset(const State& s) { return s.amd64() ? 4 : 8; }

OpenFile* epoll_of(State& s, int fd, Result& e) {
  OpenFile* f = file_of(s, fd);
  e = !f ? Error::BADF : f->kind != FileKind::Epoll ? Error::INVAL : kOk;
  return e ? f : nullptr;
}

Result make_epoll(Call& c, uint32_t flags) {
  if (flags & ~open_flag::CLOEXEC) return Error::INVAL;
  OpenFile f;
  f.kind = FileKind::Epoll;
  f.flags = open_flag::RDWR;
  f.path = "anon_inode:[eventpoll]";
  return new_fd(c.s, new_file(c.s, f), flags & open_flag::CLOEXEC);
}

// Whether a set may get an item of `file`, by the kernel's rules (fs/eventpoll.c). Sets form a graph without circles,
// so each recursion here is as deep as kMaxNests; the marks and the limits keep it short.
class NestingCheck {
 public:
  NestingCheck(Call& c, int set, int file) : s_(c.s), host_(c.host), set_(set), file_(file) {}
  Result run() {
    const OpenFile& f = s_.files.at(file_);
    if (f.kind == FileKind::Epoll) {
      const size_t down = depth_below(file_, 0);
      if (circle_ || down + 1 + height_above(set_) > kMaxNests) return Error::LOOP;
    } else if (!s_.files.at(set_).watchers.empty()) {
      sources_.push_back(file_);
    }
    std::sort(sources_.begin(), sources_.end());
    sources_.erase(std::unique(sources_.begin(), sources_.end()), sources_.end());
    const auto fits = [&](int source) { return few_paths(source); };
    return std::all_of(sources_.begin(), sources_.end(), fits) ? kOk : Error::INVAL;
  }

 private:
  // Links from this set downwards; finds circles and the files that are no sets.
  size_t depth_below(int set, size_t depth) {
    if (const auto it = below_.find(set); it != below_.end()) return it->second;
    size_t most = 0;
    host_.work(s_.files.at(set).items.size());
    for (const auto& [fd, item] : s_.files.at(set).items) {
      if (s_.files.at(item.file).kind != FileKind::Epoll) {
        sources_.push_back(item.file);
        continue;
      }
      circle_ = circle_ || item.file == set_ || depth > kMaxNests;
      if (circle_) return kMaxNests + 1;
      most = std::max(most, depth_below(item.file, depth + 1) + 1);
    }
    return below_[set] = most;
  }
  size_t height_above(int set) {
    if (const auto it = above_.find(set); it != above_.end()) return it->second;
    size_t most = 0;
    for (int up : s_.files.at(set).watchers) most = std::max(most, height_above(up) + 1);
    return above_[set] = most;
  }

  // A file's change wakes along every way upwards: the kernel allows so many of each length.
  bool few_paths(int source) {
    counts_.fill(0);
    const std::vector<int>& w = s_.files.at(source).watchers;
    return std::all_of(w.begin(), w.end(), [&](int up) { return count_up(up, 0); }) &&
           (source != file_ || count_up(set_, 0));
  }
  bool count_up(int set, size_t nests) {
    constexpr std::array<unsigned, kMaxNests + 1> kLimits{1000, 500, 100, 50, 10};
    if (nests > kMaxNests) return false;
    host_.work(1);
    std::vector<int> up = s_.files.at(set).watchers;
    if (set == file_) up.push_back(set_);  // as if the item were there
    if (up.empty()) return nests == 0 || ++counts_[nests] <= kLimits[nests];
    return std::all_of(up.begin(), up.end(), [&](int next) { return count_up(next, nests + 1); });
  }

  const State& s_;
  HostPort& host_;
  int set_, file_;
  bool circle_ = false;
  std::map<int, size_t> below_, above_;
  std::vector<int> sources_;
  std::array<unsigned, kMaxNests + 1> counts_{};
};

// What an item reports now, and that it was reported.
uint32_t take_events(Readiness& look, State& s, EpollItem& item, bool mark) {
  using namespace poll_bit;
  const OpenFile& f = s.files.at(item.file);
  if (item.disarmed) return 0;
  const uint32_t ready = look.of(f) & (item.events | ERR | HUP) & 0xffff;
  if (ready == 0 || ((item.events & ET) && item.seen == f.changes + 1)) return 0;
  if (mark) {
    item.seen = f.changes + 1;
    if (item.events & ONESHOT) item.disarmed = true;
  }
  return ready;
}

Result collect(Call& c, OpenFile& ep, uint64_t address, int64_t limit) {
  int64_t n = 0;
  const uint64_t size = event_size(c.s);
  Readiness look(c.s, &c.host);
  c.host.work(ep.items.size());
  for (auto& [fd, item] : ep.items) {
    if (n >= limit) break;
    const uint32_t events = take_events(look, c.s, item, false);
    if (events == 0) continue;
    const uint64_t at = address + static_cast<uint64_t>(n) * size;
    if (!c.put(at, events) || !c.put(at + data_offset(c.s), item.data)) return n > 0 ? Result(n) : Error::FAULT;
    take_events(look, c.s, item, true);
    ++n;
  }
  return n;
}

Result epoll_wait_until(Call& c, uint64_t deadline) {
  Result e;
  OpenFile* ep = epoll_of(c.s, c.fd(), e);
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
  EpollItem item;
  if (c.a[1] != kDelete && (!c.get(c.a[3], item.events) || !c.get(c.a[3] + data_offset(c.s), item.data)))
    return Error::FAULT;
  OpenFile* ep = epoll_of(c.s, c.fd(), e);
  const OpenFile* target = file_of(c.s, fd);
  if (!target) return Error::BADF;
  if (!ep) return e;
  if (!can_be_polled(*target)) return Error::PERM;
  if (target == ep) return Error::INVAL;
  item.file = c.s.fds.at(fd).file;
  const int set = c.s.fds.at(c.fd()).file;
  const auto it = ep->items.find(fd);
  switch (c.a[1]) {
    case kAdd:
      if (it != ep->items.end()) return Error::EXIST;
      if (e = NestingCheck(c, set, item.file).run(); !e) return e;
      if (!c.s.holdings.take(cost::kEpollItem)) return Error::NOSPC;
      ep->items[fd] = item;
      c.s.files.at(item.file).watchers.push_back(set);
      break;
    case kModify:
      if (it == ep->items.end()) return Error::NOENT;
      it->second = item;
      break;
    case kDelete:
      if (it == ep->items.end()) return Error::NOENT;
      drop_item(c.s, set, *ep, it);
      break;
    default: return Error::INVAL;
  }
  note_change(c.s, *ep);
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
    p.revents = static_cast<uint16_t>(f ? look.of(*f) & (p.events | poll_bit::ERR | poll_bit::HUP) : poll_bit::NVAL);
    if (p.revents) ++ready;
  }
  return c.memory().write(address, fds.data(), n * sizeof(PollFd)) ? Result(ready) : Error::FAULT;
}

Result poll_until(Call& c, uint64_t deadline) {
  if (c.a[1] > c.s.rlimits[rlimit::NoFile].soft) return Error::INVAL;
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
constexpr uint32_t kSelectBits[3] = {poll_bit::IN | poll_bit::HUP | poll_bit::ERR, poll_bit::OUT | poll_bit::ERR,
                                     poll_bit::PRI};

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
