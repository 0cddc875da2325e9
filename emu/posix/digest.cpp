// Every field of State, mixed into a digest. A field added to state.h belongs here too.
#include "emu/posix/digest.h"

#include "emu/posix/state.h"

namespace deferscope::emu::posix {
namespace {

void add(Digest& d, const std::deque<Signal>& queue) {
  d(queue.size());
  for (const Signal& q : queue) d(q.signo, q.code, q.words[0], q.words[1], q.refusable, q.timer, q.overrun);
}

void add(Digest& d, const Wait& w) {
  d(w.kind, w.op.call, w.restart, w.key, w.bits, w.order, w.signals, w.deadline, w.remainder_at);
  for (uint64_t a : w.op.args) d(a);
}

// CPU time as `account` leaves it untouched: a running thread's grows with the position, so its start counts.
void add(Digest& d, const ThreadInfo& t, uint64_t accounted_to) {
  d(t.mask, t.saved_mask.has_value(), t.saved_mask.value_or(0));
  add(d, t.pending);
  d(t.interrupted, t.resume_by, t.cpu_ns - accounted_to, t.name);
  add(d, t.wait);
}

struct AddKind {
  Digest& d;
  void operator()(const NullDevice&) {}
  void operator()(const ZeroDevice&) {}
  void operator()(const RandomDevice&) {}
  void operator()(const StandardInput&) {}
  void operator()(const StandardOutput& f) { d(f.stream); }
  void operator()(const TextFile& f) { d(f.content); }
  void operator()(const HostFile& f) { d(f.handle, f.unnamed, f.object, f.object_as_of); }
  void operator()(const ScratchFile& f) { d(f.node); }
  void operator()(const Directory& f) { d(f.handle, f.node, f.unnamed, f.listed, f.sought, f.records); }
  void operator()(const PipeEnd& f) { d(f.pipe, f.writes); }
  void operator()(const EventCounter& f) { d(f.count, f.semaphore); }
  void operator()(const WatchSet& f) {
    d(f.items.size());
    for (const auto& [key, i] : f.items) {
      d(key.fd, i.wants, i.events, i.data, i.file, i.seen, i.disarmed);
      if (key.filter) d(key.filter);
    }
    for (const auto& [key, i] : f.others)
      d(key.first, key.second, i.events, i.flags, i.data, i.fired, i.disarmed, i.expiry, i.interval, i.count);
  }
  void operator()(const SocketFile& f) { d(f.socket); }
};

void add(Digest& d, const OpenFile& f) {
  d(f.kind.index(), f.access, f.append, f.nonblocking, f.name_only, f.offset, f.path, f.changes, f.refs);
  std::visit(AddKind{d}, f.kind);
}

void add(Digest& d, const FileTimes& t) { d(t.access.sec, t.access.nsec, t.change.sec, t.change.nsec); }

void add(Digest& d, const ScratchNode& n) {
  n.bytes.digest(d.h);
  d(n.mode, n.target, n.parent, n.links, n.opens);
  add(d, n.times);
  d(n.entries.size());
  for (const auto& [name, node] : n.entries) d(name, node);
}

void add(Digest& d, const Address& a) {
  d(a.family.has_value(), a.family.value_or(Family::Unix), a.ip, a.port, a.name);
}

void add(Digest& d, const Socket& x) {
  add(d, x.local);
  add(d, x.peer);
  d(x.family, x.type, x.node, x.listening, x.backlog, x.other, x.bytes, x.queued, x.ended, x.read_shut);
  d(x.write_shut, x.reset, x.error, x.reuses_address, x.queue.size());
  for (int id : x.queue) d(id);
  for (const auto& p : x.packets) {
    add(d, p.from);
    d(p.bytes);
  }
  for (const auto& [name, value] : x.options) d(name, value);
}

void add(Digest& d, const Timer& t) {
  d(t.clock.kind, t.clock.tid, t.tid, t.signo, t.notify, t.value, t.expiry, t.interval, t.overrun);
}

template <class Map>
void add_all(Digest& d, const Map& map) {
  for (const auto& [id, x] : map) {
    d(id);
    add(d, x);
  }
}

}  // namespace

void digest(const State& s, uint64_t& h) {
  Digest d{h};
  d(s.pid, s.next_tid, s.wait_order, s.running);
  for (const auto& [tid, t] : s.threads) {
    d(tid);
    add(d, t, tid == s.running ? s.accounted_to : 0);
  }
  for (const SigAction& a : s.actions) d(a.handler, a.flags, a.restorer, a.mask);
  add(d, s.pending);
  for (const auto& [fd, x] : s.fds) d(fd, x.file, x.cloexec);
  add_all(d, s.files);
  for (const auto& [id, p] : s.pipes) d(id, p.bytes, p.capacity, p.readers, p.writers);
  d(s.next_file, s.next_pipe, s.mapped_count, s.mapped.size());
  for (int file : s.mapped) d(file);
  d(s.scratch.mounted, s.scratch.next, s.scratch.used, s.scratch.names);
  add_all(d, s.scratch.nodes);
  add_all(d, s.sockets);
  d(s.next_socket, s.next_port, s.cwd, s.cwd_file, s.umask);
  add_all(d, s.times);
  for (const MappedFile& f : s.mapped_files) d(f.path, f.node, f.offset, f.asked, f.bytes->size());
  d(s.unmaps, s.exe, s.random.state);
  for (const Timer& t : s.itimers) add(d, t);
  add_all(d, s.timers);
  d(s.next_timer, s.open_files.soft, s.open_files.hard, s.pending_signals.soft, s.pending_signals.hard,
    s.holdings.held);
}

}  // namespace deferscope::emu::posix
