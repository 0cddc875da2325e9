// Every field of State, mixed into a digest. A field added to state.h belongs here too.
#include "emu/linux/digest.h"

#include "emu/hash.h"

namespace deferscope::emu::linux_ {
namespace {

struct Digest {
  uint64_t& h;
  template <class T>
  requires std::is_integral_v<T> || std::is_enum_v<T>
  void operator()(T x) { h = mix(h, static_cast<uint64_t>(x)); }
  void operator()(const std::string& s) { h = hash_bytes(mix(h, s.size()), s.data(), s.size()); }
  template <class... Ts>
  requires(sizeof...(Ts) > 1) void operator()(const Ts&... xs) { ((*this)(xs), ...); }
};

void add(Digest& d, const std::deque<SigInfo>& queue) {
  d(queue.size());
  for (const SigInfo& q : queue) d(q.signo, q.code, q.word16, q.word24);
}

void add(Digest& d, const Wait& w) {
  d(w.kind, w.row, w.restart, w.address, w.bitset, w.order, w.signals, w.deadline, w.remainder_at);
  for (uint64_t a : w.args) d(a);
}

// CPU time as `account` leaves it untouched: a running thread's grows with the position, so its start counts.
void add(Digest& d, const ThreadInfo& t, uint64_t accounted_to) {
  d(t.mask, t.saved_mask.has_value(), t.saved_mask.value_or(0));
  add(d, t.pending);
  d(t.altstack.sp, t.altstack.flags, t.altstack.size, t.clear_tid, t.robust_list, t.robust_size);
  d(t.trapno, t.error_code, t.fault_address, t.interrupted, t.resume_by, t.cpu_ns - accounted_to, t.name, t.keep_caps);
  add(d, t.wait);
}

void add(Digest& d, const OpenFile& f) {
  d(f.kind, f.flags, f.offset, f.path, f.content, f.listed, f.sought, f.unnamed, f.handle, f.object, f.object_as_of,
    f.node, f.socket, f.stream, f.pipe, f.count, f.semaphore, f.changes, f.refs);
  for (const auto& [fd, i] : f.items) d(fd, i.events, i.data, i.file, i.seen, i.disarmed);
}

void add(Digest& d, const ScratchNode& n) {
  n.bytes.digest(d.h);
  d(n.mode, n.target, n.parent, n.links, n.opens);
  d(n.times.access.sec, n.times.access.nsec, n.times.change.sec, n.times.change.nsec, n.entries.size());
  for (const auto& [name, node] : n.entries) d(name, node);
}

void add(Digest& d, const Socket& x) {
  d(x.family, x.type, x.protocol, x.local, x.peer, x.node, x.listening, x.backlog, x.other, x.bytes, x.queued, x.ended,
    x.read_shut);
  d(x.write_shut, x.reset, x.error, x.queue.size());
  for (int id : x.queue) d(id);
  for (const auto& p : x.packets) d(p.from, p.bytes);
  for (const auto& [name, value] : x.options) d(name, value);
}

void add(Digest& d, const Timer& t) {
  d(t.clock, t.tid, t.cpu_tid, t.signo, t.notify, t.value, t.expiry, t.interval, t.overrun);
}

}  // namespace

void digest_state(const State& s, uint64_t& h) {
  Digest d{h};
  d(s.isa, s.pid, s.next_tid, s.wait_order, s.running, s.trampoline);
  for (const auto& [tid, t] : s.threads) {
    d(tid);
    add(d, t, tid == s.running ? s.accounted_to : 0);
  }
  for (const SigAction& a : s.actions) d(a.handler, a.flags, a.restorer, a.mask);
  add(d, s.pending);
  for (const auto& [path, t] : s.times) d(path, t.access.sec, t.access.nsec, t.change.sec, t.change.nsec);
  for (const auto& [fd, x] : s.fds) d(fd, x.file, x.cloexec);
  for (const auto& [id, f] : s.files) {
    d(id);
    add(d, f);
  }
  for (const auto& [id, n] : s.scratch.nodes) {
    d(id);
    add(d, n);
  }
  for (const auto& [id, x] : s.sockets) {
    d(id);
    add(d, x);
  }
  d(s.next_socket, s.next_port, s.mapped_count, s.mapped.size());
  for (int file : s.mapped) d(file);
  for (const auto& [id, p] : s.pipes) d(id, p.bytes, p.capacity, p.readers, p.writers);
  d(s.scratch.mounted, s.scratch.next, s.scratch.used, s.scratch.names, s.next_file, s.next_pipe, s.cwd, s.cwd_file,
    s.umask, s.brk_start, s.brk_end, s.mmap_top, s.stack_low, s.stack_high);
  d(s.exe, s.auxv, s.cmdline, s.environ, s.random.state, s.next_timer);
  for (const Timer& t : s.itimers) add(d, t);
  for (const auto& [id, t] : s.timers) {
    d(id);
    add(d, t);
  }
  for (const RLimit& r : s.rlimits) d(r.soft, r.hard);
  for (const MappedFile& f : s.mapped_files) d(f.path, f.node, f.offset, f.asked, f.bytes->size());
  d(s.unmaps, s.holdings.held);
}

}  // namespace deferscope::emu::linux_
