// Darwin's ways to wait for readiness: kqueue, and the older select and poll.
#include <algorithm>
#include <utility>

#include "emu/darwin/call.h"
#include "emu/posix/files.h"
#include "emu/posix/readiness.h"

namespace deferscope::emu::darwin {
namespace {

// In Watch::events and UserWatch::events: what of the flags stays with an item.
constexpr uint16_t kKept = ev::CLEAR | ev::ONESHOT | ev::DISPATCH;

WatchSet* set_of(State& s, int fd, Result& e) {
  OpenFile* f = file_of(s, fd);
  WatchSet* set = f ? f->as<WatchSet>() : nullptr;
  e = set ? kOk : Error::BADF;
  return set;
}

// --- changes ---

struct Change {
  Call& c;
  int set;  // the queue's open file
  WatchSet& queue;
  const KEvent& x;

  bool has(uint16_t flag) const { return (x.flags & flag) != 0; }
};

// The filters of descriptors.
Result change_file(const Change& k) {
  const int fd = static_cast<int>(k.x.ident);
  const WatchKey key{fd, k.x.filter};
  const OpenFile* target = file_of(k.c.s, fd);
  if (!target) return Error::BADF;
  if (target->as<WatchSet>() == &k.queue) return Error::INVAL;
  const auto it = k.queue.items.find(key);
  const bool known = it != k.queue.items.end();
  if (k.has(ev::DELETE)) {
    if (!known) return Error::NOENT;
    drop_watch(k.c.s, k.set, key);
    return 0;
  }
  if (!known && !k.has(ev::ADD)) return Error::NOENT;
  Watch item = known ? it->second : Watch{};
  if (k.has(ev::ADD)) {
    item.wants = k.x.filter == evfilt::READ ? ready::kRead | ready::kPeerClosed : ready::kWrite;
    item.events = k.x.flags & kKept;
    item.data = k.x.udata;
    item.file = k.c.s.fds.at(fd).file;
  }
  item.seen = 0;
  item.disarmed = k.has(ev::DISABLE) || (item.disarmed && !k.has(ev::ENABLE) && !k.has(ev::ADD));
  if (known) return it->second = item, 0;
  return add_watch(k.c, k.set, key, item);
}

// How fflags of a user event combine (NOTE_FFCTRLMASK).
uint32_t combined(uint32_t old, uint32_t given) {
  const uint32_t bits = given & note::FFLAGSMASK;
  switch (given & note::FFCTRLMASK) {
    case note::FFAND: return old & bits;
    case note::FFOR: return old | bits;
    case note::FFCOPY: return bits;
    default: return old;
  }
}

uint64_t timer_ns(const KEvent& x) {
  const uint64_t unit = x.fflags & note::NSECONDS   ? 1
                        : x.fflags & note::USECONDS ? 1000
                        : x.fflags & note::SECONDS  ? uint64_t{kSecond}
                                                    : 1'000'000;
  const uint64_t n = x.data < 0 ? 0 : static_cast<uint64_t>(x.data);
  return n > kNever / unit ? kNever : std::max<uint64_t>(n * unit, 1);
}

// What there is beside descriptors: the guest's own events, timers, signals that are sent.
Result change_other(const Change& k) {
  const std::pair<int, uint64_t> key{k.x.filter, k.x.ident};
  const auto it = k.queue.others.find(key);
  const bool known = it != k.queue.others.end();
  if (k.has(ev::DELETE)) {
    if (!known) return Error::NOENT;
    drop_other(k.c.s, k.set, key);
    return 0;
  }
  if (!known && !k.has(ev::ADD)) return Error::NOENT;
  UserWatch item = known ? it->second : UserWatch{};
  if (k.has(ev::ADD)) {
    item.events = k.x.flags & kKept;
    item.data = k.x.udata;
  }
  item.disarmed = k.has(ev::DISABLE) || (item.disarmed && !k.has(ev::ENABLE) && !k.has(ev::ADD));
  if (k.x.filter == evfilt::USER) {
    item.flags = combined(item.flags, k.x.fflags);
    item.fired = item.fired || (k.x.fflags & note::TRIGGER);
  }
  if (k.x.filter == evfilt::SIGNAL) {
    if (k.x.ident < 1 || k.x.ident > sig::kMax) return Error::INVAL;
    item.events |= ev::CLEAR;  // filt_sigattach() of bsd/kern/kern_sig.c
    k.c.s.watches_signals = true;
  }
  if (k.x.filter == evfilt::TIMER && k.has(ev::ADD)) {
    item.interval = timer_ns(k.x);
    item.expiry = deadline_after(k.c.m, item.interval);
  }
  return add_other(k.c, k.set, key, item);
}

// Files change by the guest's own doing only, and nobody here would tell of it: who wants to know learns that it won't.
Result no_change_of_files(const Change&) { return Error::NOTSUP; }

struct FilterRow {
  int filter;
  Result (*change)(const Change&);
};
constexpr FilterRow kFilters[] = {{evfilt::READ, change_file},         {evfilt::WRITE, change_file},
                                  {evfilt::USER, change_other},        {evfilt::TIMER, change_other},
                                  {evfilt::VNODE, no_change_of_files}, {evfilt::SIGNAL, change_other}};

Result change(const Change& k) {
  const auto row = std::find_if(std::begin(kFilters), std::end(kFilters),
                                [&](const FilterRow& r) { return r.filter == k.x.filter; });
  return row == std::end(kFilters) ? Error::INVAL : row->change(k);
}

// --- events ---

// Where a call's events go, one behind the other.
class EventList {
 public:
  EventList(Call& c) : c_(c), at_(c.a[3]), room_(c.i32(4)) {}
  bool full() const { return n_ >= room_; }
  int64_t count() const { return n_; }
  bool add(const KEvent& x) {
    const bool ok = c_.put(at_ + static_cast<uint64_t>(n_) * sizeof x, x);
    n_ += ok;
    return ok;
  }

 private:
  Call& c_;
  uint64_t at_;
  int64_t room_, n_ = 0;
};

// How much there is to read, or room to write.
int64_t amount(const State& s, const OpenFile& f, int filter) {
  const bool reads = filter == evfilt::READ;
  if (const auto* end = f.as<PipeEnd>()) {
    const Pipe& p = s.pipes.at(end->pipe);
    return static_cast<int64_t>(reads ? p.bytes.size() : p.capacity - std::min(p.capacity, p.bytes.size()));
  }
  if (!f.is<SocketFile>()) return 1;
  const Socket& x = s.sockets.at(f.socket());
  if (!reads) return 1 << 16;
  if (x.listening) return static_cast<int64_t>(x.queue.size());
  return static_cast<int64_t>(x.type == SocketType::Datagram ? x.queued : x.bytes.size());
}

// A stream that is not connected yet is not ready for anything.
bool idle(const State& s, const OpenFile& f) {
  if (!f.is<SocketFile>()) return false;
  const Socket& x = s.sockets.at(f.socket());
  return x.type != SocketType::Datagram && !x.listening && x.peer.empty() && x.error == Error::None;
}

KEvent file_event(const State& s, WatchKey key, const Watch& item, Ready now) {
  const OpenFile& f = s.files.at(item.file);
  KEvent x{static_cast<uint64_t>(key.fd),      static_cast<int16_t>(key.filter),
           static_cast<uint16_t>(item.events), 0,
           amount(s, f, key.filter),           item.data};
  const Ready ends = ready::kHangUp | ready::kError | (key.filter == evfilt::READ ? ready::kPeerClosed : 0);
  if (!(now & ends)) return x;
  x.flags |= ev::END;
  if (f.is<SocketFile>() && s.sockets.at(f.socket()).error != Error::None)
    x.fflags = static_cast<uint32_t>(darwin_errno(s.sockets.at(f.socket()).error));
  return x;
}

Result collect_files(Call& c, int set, EventList& list) {
  WatchSet& queue = *c.s.files.at(set).as<WatchSet>();
  Readiness look(c.s, &c.host);
  c.host.work(queue.items.size());
  std::vector<WatchKey> once;
  for (auto& [key, item] : queue.items) {
    if (list.full()) break;
    if (idle(c.s, c.s.files.at(item.file))) continue;
    const Ready now = fresh(look, c.s, item, item.events & ev::CLEAR);
    if (now == 0) continue;
    if (!list.add(file_event(c.s, key, item, now))) return Error::FAULT;
    mark_reported(c.s, item, item.events & ev::DISPATCH);
    if (item.events & ev::ONESHOT) once.push_back(key);
  }
  for (WatchKey key : once) drop_watch(c.s, set, key);
  return 0;
}

// A timer's expiries up to now; 0: none.
int64_t expire(UserWatch& item, uint64_t now) {
  if (now < item.expiry) return 0;
  const uint64_t n = 1 + (now - item.expiry) / item.interval;
  item.expiry += n * item.interval;
  return static_cast<int64_t>(n);
}

Result collect_others(Call& c, int set, EventList& list) {
  WatchSet& queue = *c.s.files.at(set).as<WatchSet>();
  c.host.work(queue.others.size());
  std::vector<std::pair<int, uint64_t>> once;
  for (auto& [key, item] : queue.others) {
    if (list.full()) break;
    if (item.disarmed) continue;
    const int64_t count = key.first == evfilt::TIMER ? expire(item, c.m.now_ns()) : std::exchange(item.count, 0);
    if (!item.fired && count == 0) continue;
    const KEvent x{key.second, static_cast<int16_t>(key.first), static_cast<uint16_t>(item.events), item.flags, count,
                   item.data};
    if (!list.add(x)) return Error::FAULT;
    if (item.events & ev::CLEAR) item.fired = false, item.flags = 0;
    if (item.events & ev::DISPATCH) item.disarmed = true;
    if (item.events & ev::ONESHOT) once.push_back(key);
  }
  for (const auto& key : once) drop_other(c.s, set, key);
  return 0;
}

// When the first timer of the queue expires.
uint64_t next_expiry(const WatchSet& queue) {
  uint64_t next = kNever;
  for (const auto& [key, item] : queue.others)
    if (!item.disarmed) next = std::min(next, item.expiry);
  return next;
}

// --- the call ---

// Makes all changes; those that fail, and those that want a receipt, become events as long as there is room.
Result make_changes(Call& c, int set, EventList& list) {
  bool any = false;
  for (int i = 0; i < c.i32(2); ++i) {
    KEvent x;
    c.host.work(1);
    if (!c.get(c.a[1] + static_cast<uint64_t>(i) * sizeof x, x)) return Error::FAULT;
    const Result e = change({c, set, *c.s.files.at(set).as<WatchSet>(), x});
    any = true;
    if (e && !(x.flags & ev::RECEIPT)) continue;
    if (list.full()) return e;
    x.flags |= ev::ERROR;
    x.data = darwin_errno(e.error());
    if (!list.add(x)) return Error::FAULT;
  }
  if (any) note_change(c.s, c.s.files.at(set));
  return 0;
}

// Until one of them comes; `deadline` is the guest's, and kept in Wait::key, since timers of the queue come before it.
Result wait_for_events(Call& c, const WatchSet& queue, uint64_t deadline) {
  const uint64_t until = std::min(deadline, next_expiry(queue));
  if (!c.retry) {
    c.block(WaitKind::Io, until, false);
    c.info().wait.key = c.info().wait.deadline == until ? deadline : c.info().wait.deadline;
    return kBlocked;
  }
  c.info().wait.deadline = c.thread().wake_at = until;
  return kBlocked;
}

}  // namespace

void note_sent(posix::State& shared, int signo) {
  auto& s = static_cast<State&>(shared);
  if (!s.watches_signals) return;
  for (auto& [id, f] : s.files) {
    WatchSet* set = f.as<WatchSet>();
    const auto it =
        set ? set->others.find({evfilt::SIGNAL, static_cast<uint64_t>(signo)}) : decltype(set->others.end()){};
    if (!set || it == set->others.end()) continue;
    ++it->second.count;
    it->second.fired = true;
    note_change(s, f);
  }
}

Result imp_kqueue(Call& c) {
  OpenFile f;
  f.kind = WatchSet{};
  f.access = Access::ReadWrite;
  f.path = "kqueue";
  return new_fd(c.s, new_file(c.s, f), false);
}

// kevent(kq, changes, count, events, room, timeout)
Result imp_kevent(Call& c) {
  Result e;
  if (!set_of(c.s, c.i32(), e)) return e;
  const int set = c.s.fds.at(c.i32()).file;
  EventList list(c);
  uint64_t deadline = c.retry ? c.info().wait.key : kNever;
  if (!c.retry) {
    if (e = relative_deadline(c, c.a[5], deadline); !e) return e;
    if (e = make_changes(c, set, list); !e) return e;
    if (c.i32(4) <= 0 || list.count() > 0) return list.count();
  }
  if (e = collect_others(c, set, list); !e) return e;
  if (e = collect_files(c, set, list); !e) return e;
  if (list.count() > 0 || deadline <= c.m.now_ns()) return list.count();
  if (!c.retry && has_deliverable(c.s, c.thread().tid)) return Error::INTR;
  return wait_for_events(c, *c.s.files.at(set).as<WatchSet>(), deadline);
}

// --- select and poll ---

namespace {

// fd_set is as many words as the highest descriptor needs.
struct SelectSet {
  std::vector<uint32_t> bits;
  bool has(int fd) const { return bits[static_cast<size_t>(fd) / 32] >> fd % 32 & 1; }
  void add(int fd) { bits[static_cast<size_t>(fd) / 32] |= 1u << fd % 32; }
};

constexpr Ready kSelectBits[3] = {ready::kRead | ready::kHangUp | ready::kError, ready::kWrite | ready::kError, 0};

Result select_once(Call& c, SelectSet (&out)[3]) {
  int64_t ready = 0;
  Readiness look(c.s, &c.host);
  const auto words = static_cast<size_t>(c.i32() + 31) / 32;
  for (int k = 0; k < 3; ++k) {
    SelectSet in;
    in.bits.resize(words);
    out[k].bits.resize(words);
    if (c.a[1 + k] != 0 && !c.memory().read(c.a[1 + k], in.bits.data(), words * 4)) return Error::FAULT;
    for (int fd = 0; fd < c.i32(); ++fd) {
      if (!in.has(fd)) continue;
      const OpenFile* f = file_of(c.s, fd);
      if (!f) return Error::BADF;
      if (!(look.of(*f) & kSelectBits[k])) continue;
      out[k].add(fd);
      ++ready;
    }
  }
  return ready;
}

struct PollFd {
  int32_t fd;
  uint16_t events, revents;
};
struct PollRow {
  Ready ready;
  uint16_t bits;
};
constexpr uint16_t kPollError = 8, kPollHangUp = 0x10, kPollInvalid = 0x20;
constexpr PollRow kPollRows[] = {
    {ready::kRead, 0x1 | 0x40}, {ready::kWrite, 0x4}, {ready::kError, kPollError}, {ready::kHangUp, kPollHangUp}};

uint16_t reported(Ready now, uint16_t asked) {
  uint32_t bits = 0;
  for (const PollRow& row : kPollRows)
    if (now & row.ready) bits |= row.bits;
  return static_cast<uint16_t>(bits & (asked | uint32_t{kPollError} | kPollHangUp));
}

Result poll_once(Call& c) {
  std::vector<PollFd> fds(c.u32(1));
  if (!c.memory().read(c.a[0], fds.data(), fds.size() * sizeof(PollFd))) return Error::FAULT;
  int64_t ready = 0;
  Readiness look(c.s, &c.host);
  c.host.work(fds.size());
  for (PollFd& p : fds) {
    const OpenFile* f = p.fd < 0 ? nullptr : file_of(c.s, p.fd);
    p.revents = p.fd < 0 ? uint16_t{0} : f ? reported(look.of(*f), p.events) : kPollInvalid;
    ready += p.revents != 0;
  }
  return c.memory().write(c.a[0], fds.data(), fds.size() * sizeof(PollFd)) ? Result(ready) : Error::FAULT;
}

// Nothing is ready: wait, unless the deadline has come.
Result wait_on(Call& c, uint64_t deadline, bool& ends) {
  ends = c.timed_out || (!c.retry && deadline <= c.m.now_ns());
  if (ends) return 0;
  if (!c.retry && has_deliverable(c.s, c.thread().tid)) return Error::INTR;
  return c.block(WaitKind::Io, deadline, false);
}

}  // namespace

// select(n, read, write, error, timeval)
Result imp_select(Call& c) {
  constexpr int kMost = 1024;
  if (c.i32() < 0 || c.i32() > kMost) return Error::INVAL;
  uint64_t deadline = kNever;
  TimeVal t;
  if (!c.retry && c.a[4] != 0) {
    if (!c.get(c.a[4], t)) return Error::FAULT;
    if (t.sec < 0 || t.usec < 0 || t.usec >= 1'000'000) return Error::INVAL;
    deadline = deadline_after(c.m, ns_of({t.sec, int64_t{t.usec} * 1000}));
  }
  SelectSet out[3];
  const Result ready = select_once(c, out);
  if (!ready) return ready;
  bool ends = true;
  if (ready == kOk)
    if (const Result e = wait_on(c, deadline, ends); !ends) return e;
  for (int k = 0; k < 3; ++k)
    if (c.a[1 + k] != 0 && !c.memory().write(c.a[1 + k], out[k].bits.data(), out[k].bits.size() * 4))
      return Error::FAULT;
  return ready;
}

// poll(fds, count, milliseconds)
Result imp_poll(Call& c) {
  if (c.u32(1) > c.s.open_files.soft) return Error::INVAL;
  const Result ready = poll_once(c);
  if (ready != kOk) return ready;
  const uint64_t deadline =
      c.retry || c.i32(2) < 0 ? kNever : deadline_after(c.m, static_cast<uint64_t>(c.i32(2)) * 1'000'000);
  bool ends = true;
  return wait_on(c, deadline, ends);
}

}  // namespace deferscope::emu::darwin
