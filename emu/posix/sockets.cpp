// A connected pair of stream sockets are two buffers; datagrams lie in the receiver's queue. Ports and paths are looked
// up in the sockets themselves.
#include "emu/posix/sockets.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "emu/posix/files.h"
#include "emu/posix/paths.h"
#include "emu/posix/pipes.h"
#include "emu/posix/readiness.h"
#include "emu/posix/scratch.h"

namespace deferscope::emu::posix {

Address inet_address(uint32_t ip, uint16_t port) { return {Family::Inet, ip, port, {}}; }
Address unnamed(Family family) { return {family, 0, 0, {}}; }

Socket* socket_of(Context& c, int fd, Result& e, int* id) {
  const OpenFile* f = file_of(c.s, fd);
  e = !f ? Error::BADF : !f->is<SocketFile>() ? Error::NOTSOCK : kOk;
  if (!e) return nullptr;
  if (id) *id = f->socket();
  return &c.s.sockets.at(f->socket());
}

namespace {

constexpr size_t kMaxDatagram = 65507, kMaxSockets = 4096;
constexpr uint32_t kLoopback = 127u << 24;

// What a packet takes of the receiver's buffer beside its bytes (the kernel's smallest truesize): also empty ones fill
// it.
constexpr uint64_t kPacketOverhead = 768;

void note_socket(State& s, int id) {
  for (auto& [file, f] : s.files)
    if (f.socket() == id) note_change(s, f);
}

// 0: no memory for one more.
int new_socket(State& s, Family family, SocketType type) {
  if (!s.holdings.take(cost::kSocket)) return 0;
  const int id = s.next_socket++;
  Socket& x = s.sockets[id];
  x.family = family, x.type = type;
  return id;
}

Result open_socket(Context& c, int id, bool nonblocking, bool close_on_exec) {
  OpenFile f;
  f.kind = SocketFile{id};
  f.access = Access::ReadWrite;
  f.nonblocking = nonblocking;
  f.path = "socket:[" + std::to_string(id) + "]";
  return new_fd(c.s, new_file(c.s, f), close_on_exec);
}

Socket* other_of(State& s, const Socket& x) {
  const auto it = s.sockets.find(x.other);
  return it == s.sockets.end() ? nullptr : &it->second;
}

Result wait_for(Context& c, int fd, bool dont_wait) { return wait_for_io(c, *file_of(c.s, fd), dont_wait); }

Result take_error(Socket& x) { return std::exchange(x.error, Error::None); }

// Whom an address reaches: a listener or a bound datagram socket. 0: nobody.
int find_bound(const State& s, Family family, SocketType type, const Address& address, int node) {
  for (const auto& [id, x] : s.sockets) {
    if (x.family != family || x.type != type || x.local.empty()) continue;
    if (is_stream(x) && !x.listening) continue;
    if (family == Family::Inet) {
      if (x.local.port == address.port && (x.local.ip == 0 || x.local.ip == address.ip)) return id;
    } else if (node ? x.node == node : x.local == address) {
      return id;
    }
  }
  return 0;
}

// --- bind ---

bool port_taken(const State& s, const Socket& mine, const Address& e) {
  const bool reuse = is_stream(mine) && mine.reuses_address;  // only a listener holds its port then
  return std::any_of(s.sockets.begin(), s.sockets.end(), [&](const auto& entry) {
    const Socket& x = entry.second;
    if (&x == &mine || x.family != Family::Inet || x.type != mine.type || x.local.empty()) return false;
    if (reuse && !x.listening) return false;
    const Address& have = x.local;
    return have.port == e.port && (have.ip == 0 || e.ip == 0 || have.ip == e.ip);
  });
}

Result bind_inet(State& s, Socket& x, Address e) {
  constexpr uint16_t kFirst = 32768, kLast = 60999;
  if (e.ip != 0 && (e.ip & 0xff000000) != kLoopback) return Error::ADDRNOTAVAIL;
  if (e.port != 0 && port_taken(s, x, e)) return Error::ADDRINUSE;
  for (int tries = 0; e.port == 0 || port_taken(s, x, e); ++tries) {
    if (tries > kLast - kFirst) return Error::ADDRINUSE;
    e.port = s.next_port;
    s.next_port = s.next_port == kLast ? kFirst : static_cast<uint16_t>(s.next_port + 1);
  }
  x.local = e;
  return 0;
}

bool is_path(const Address& a) { return a.family == Family::Unix && !a.name.empty() && a.name[0] != '\0'; }

Result bind_unix(Context& c, Socket& x, const Address& address) {
  if (address.name.empty()) {  // any free abstract name
    x.local = {Family::Unix, 0, 0, '\0' + std::to_string(c.s.next_socket++)};
    return 0;
  }
  if (!is_path(address)) {
    for (const auto& [id, y] : c.s.sockets)
      if (y.family == Family::Unix && y.local == address) return Error::ADDRINUSE;
    return x.local = address, 0;
  }
  HostPath path;
  if (const Result e = full_path(c, kHere, address.name, path); !e) return e;
  const ResolvedPath p = locate(c, path, Last::Parent);
  if (p.error != Error::None) return p.error;
  if (!p.scratch) return Error::ACCES;
  if (const Result e = scratch_socket(c, p, 0777 & ~c.s.umask, x.node); !e) return e;
  return x.local = address, 0;
}

// The node that a path names; 0 for abstract names and other families.
Result node_at(Context& c, const Address& address, int& node) {
  node = 0;
  if (!is_path(address)) return 0;
  HostPath path;
  if (const Result e = full_path(c, kHere, address.name, path); !e) return e;
  const ResolvedPath p = locate(c, path, Last::Follow);
  if (p.error != Error::None) return p.error;
  if (!p.scratch || p.node == 0) return Error::NOENT;
  if ((c.s.scratch.nodes.at(p.node).mode & mode::FMT) != mode::SOCK) return Error::CONNREFUSED;
  node = p.node;
  return 0;
}

// Where an address leads: what "any" means, and that it lies on this machine.
Result resolve(Context& c, Address& address, int& node) {
  if (address.family == Family::Unix) return node_at(c, address, node);
  node = 0;
  if (address.ip == 0) address.ip = kLoopback | 1;
  return (address.ip & 0xff000000) == kLoopback ? kOk : Error::NETUNREACH;
}

Result bind_if_needed(State& s, Socket& x) {
  return x.family == Family::Inet && x.local.empty()
             ? bind_inet(s, x, inet_address(is_stream(x) ? kLoopback | 1 : 0, 0))
             : kOk;
}

// --- connect ---

void note_refused(Context& c, const Address& to, const char* protocol) {
  c.host.refused(c.m, Refused::connect,
                 fmt::format("{}.{}.{}.{}:{}{}", to.ip >> 24, to.ip >> 16 & 255, to.ip >> 8 & 255, to.ip & 255, to.port,
                             protocol));
}

// A non-blocking TCP socket hears of it later.
Result refused(Context& c, int fd, Socket& x, const Address& to) {
  if (x.family == Family::Inet) note_refused(c, to, "");
  if (x.family != Family::Inet || !file_of(c.s, fd)->nonblocking) return Error::CONNREFUSED;
  x.error = Error::CONNREFUSED;
  x.ended = x.write_shut = true;
  return Error::INPROGRESS;
}

Result connect_stream(Context& c, int fd, int id, const Address& to, int node) {
  State& s = c.s;
  const bool inet = s.sockets.at(id).family == Family::Inet;
  if (inet && !s.sockets.at(id).peer.empty()) return Error::ISCONN;
  if (inet && s.sockets.at(id).listening) return Error::ISCONN;
  const int listener = find_bound(s, s.sockets.at(id).family, s.sockets.at(id).type, to, node);
  if (listener == 0) return refused(c, fd, s.sockets.at(id), to);
  if (!inet && s.sockets.at(listener).queue.size() > s.sockets.at(listener).backlog) return wait_for(c, fd, false);
  if (!s.sockets.at(id).peer.empty()) return Error::ISCONN;
  if (s.sockets.at(id).listening) return Error::INVAL;
  if (s.sockets.size() >= kMaxSockets) return Error::NOMEM;
  if (const Result e = bind_if_needed(s, s.sockets.at(id)); !e) return e;
  const int server = new_socket(s, s.sockets.at(id).family, s.sockets.at(id).type);
  if (server == 0) return Error::NOMEM;
  Socket &mine = s.sockets.at(id), &theirs = s.sockets.at(server);
  mine.peer = theirs.local = to;
  theirs.peer = mine.local.empty() ? unnamed(mine.family) : mine.local;
  mine.other = server, theirs.other = id;
  if (mine.family == Family::Inet) mine.ended = mine.write_shut = false;
  s.sockets.at(listener).queue.push_back(server);
  note_socket(s, listener);
  note_socket(s, id);
  return 0;
}

uint64_t packet_cost(const Socket::Packet& p) {
  const uint64_t address = p.from.empty() ? 0 : p.from.family == Family::Inet ? 16 : 2 + p.from.name.size();
  return cost::kPacket + address + p.bytes.size();
}

void drop_packets(State& s, Socket& x) {
  for (const Socket::Packet& p : x.packets) s.holdings.give_back(packet_cost(p));
  x.packets.clear();
  x.queued = 0;
}

// An AF_UNIX datagram socket leaves its peer: what lies in its queue is lost, and a peer that heard only this one is
// told.
void leave_peer(State& s, int id) {
  Socket& x = s.sockets.at(id);
  if (Socket* old = other_of(s, x); old && old->other == id && !x.packets.empty()) {
    old->error = Error::CONNRESET;
    note_socket(s, x.other);
  }
  drop_packets(s, x);
  x.other = 0;
  x.peer = {};
}

Result connect_datagram(Context& c, int id, const Address& to, int node) {
  Socket& x = c.s.sockets.at(id);
  if (x.family == Family::Inet) {
    x.peer = to;
    return x.local.empty() ? bind_inet(c.s, x, inet_address(kLoopback | 1, 0)) : kOk;
  }
  const int other = find_bound(c.s, Family::Unix, SocketType::Datagram, to, node);
  if (other == 0) return Error::CONNREFUSED;
  const Socket& y = c.s.sockets.at(other);
  if (y.other != 0 && y.other != id) return Error::PERM;  // it hears another one only
  if (x.other != 0 && x.other != other) leave_peer(c.s, id);
  x.peer = to;
  x.other = other;
  return 0;
}

// --- transfer ---

Result send_stream(Context& c, int fd, Socket& x, const std::string& bytes, Transfer how) {
  if (x.family == Family::Unix && x.peer.empty()) return Error::NOTCONN;
  if (x.family == Family::Unix && x.write_shut) return Error::PIPE;
  if (x.error != Error::None) return take_error(x);
  if (x.write_shut || x.peer.empty()) return Error::PIPE;
  Socket* y = other_of(c.s, x);
  if (!y && x.family == Family::Inet && !x.reset) {  // the first one is answered with a reset
    x.reset = true;
    return static_cast<int64_t>(std::min<size_t>(bytes.size(), kSocketBuffer));
  }
  if (!y || (x.family == Family::Unix && y->read_shut)) return Error::PIPE;
  if (bytes.empty()) return 0;
  if (y->bytes.size() >= kSocketBuffer) return wait_for(c, fd, how.dont_wait);
  const size_t n = std::min<size_t>(bytes.size(), kSocketBuffer - y->bytes.size());
  if (!y->read_shut && !queue_bytes(c.s.holdings, y->bytes, std::string_view(bytes).substr(0, n))) return Error::NOBUFS;
  note_socket(c.s, x.other);
  return static_cast<int64_t>(n);
}

// To `to` (with its node), or to the peer.
Result send_packet(Context& c, int fd, Socket& x, const std::string& bytes, Transfer how, const Address* to, int node) {
  const bool inet = x.family == Family::Inet;
  if (inet && x.error != Error::None) return take_error(x);
  if (inet && x.write_shut) return Error::PIPE;
  if (!to && x.peer.empty()) return inet ? Error::DESTADDRREQ : Error::NOTCONN;
  if (bytes.size() > (inet ? kMaxDatagram : kSocketBuffer)) return Error::MSGSIZE;
  if (!inet && x.error != Error::None) return take_error(x);
  if (!inet && x.write_shut) return Error::PIPE;
  if (const Result e = bind_if_needed(c.s, x); !e) return e;
  const int id = !to && !inet ? x.other : find_bound(c.s, x.family, x.type, to ? *to : x.peer, node);
  const auto it = c.s.sockets.find(id);
  if (it == c.s.sockets.end()) {
    if (x.type == SocketType::SeqPacket) return Error::PIPE;
    if (inet) note_refused(c, to ? *to : x.peer, " (UDP)");
    if (!to && inet) x.error = Error::CONNREFUSED;  // the answer to come
    if (!to && !inet) leave_peer(c.s, file_of(c.s, fd)->socket());
    return inet ? Result(static_cast<int64_t>(bytes.size())) : Error::CONNREFUSED;
  }
  Socket& y = it->second;
  const Address& from = x.local;  // of an unnamed AF_UNIX socket: none
  if (inet && !y.peer.empty() && y.peer != from) return static_cast<int64_t>(bytes.size());  // not for it
  if (!inet && y.other != 0 && y.other != file_of(c.s, fd)->socket()) return Error::PERM;    // also if that one is gone
  if (!inet && (y.read_shut || y.ended)) return Error::PIPE;
  if (y.queued > 0 && y.queued + bytes.size() + kPacketOverhead > kSocketBuffer)
    return inet ? Result(static_cast<int64_t>(bytes.size())) : wait_for(c, fd, how.dont_wait);  // UDP: lost
  Socket::Packet packet{from, bytes};
  if (!c.s.holdings.take(packet_cost(packet))) return Error::NOBUFS;
  y.packets.push_back(std::move(packet));
  y.queued += bytes.size() + kPacketOverhead;
  note_socket(c.s, id);
  return static_cast<int64_t>(bytes.size());
}

}  // namespace

Result send_bytes(Context& c, int fd, const std::string& bytes, Transfer how, const Address* to) {
  Result e;
  Socket* x = socket_of(c, fd, e);
  if (!x) return e;
  Address address = to ? *to : x->peer;
  int node = 0;
  if (to && is_stream(*x)) return x->peer.empty() ? Error::NOTCONN : Error::ISCONN;
  if (!is_stream(*x) && !address.empty())
    if (e = resolve(c, address, node); !e) return e;
  return x->type == SocketType::Stream ? send_stream(c, fd, *x, bytes, how)
                                       : send_packet(c, fd, *x, bytes, how, to ? &address : nullptr, node);
}

Result receive(Context& c, int fd, uint64_t n, Transfer how, std::string& out, Address& from, uint64_t& whole) {
  Result e;
  int id = 0;
  Socket* x = socket_of(c, fd, e, &id);
  if (!x) return e;
  if (x->listening) return x->family == Family::Inet ? Error::NOTCONN : Error::INVAL;
  if (x->type == SocketType::Stream) {
    if (x->peer.empty()) return x->family == Family::Inet ? Error::NOTCONN : Error::INVAL;
    from = x->family == Family::Unix && x->peer != unnamed(Family::Unix) ? x->peer : Address{};
    if (x->bytes.empty() && x->error != Error::None) return take_error(*x);
    if (x->bytes.empty()) return x->ended || x->read_shut || n == 0 ? kOk : wait_for(c, fd, how.dont_wait);
    out = x->bytes.substr(0, n);
    whole = out.size();
    if (!how.peek) unqueue_bytes(c.s.holdings, x->bytes, out.size());
  } else {
    if (x->type == SocketType::SeqPacket && x->peer.empty()) return Error::NOTCONN;
    if (x->error != Error::None) return take_error(*x);
    const bool ended = x->ended || x->read_shut;
    if (x->packets.empty())
      return ended && (x->type == SocketType::SeqPacket || !file_of(c.s, fd)->nonblocking)
                 ? kOk
                 : wait_for(c, fd, how.dont_wait);
    Socket::Packet& p = x->packets.front();
    from = p.from;
    whole = p.bytes.size();
    out = p.bytes.substr(0, n);
    if (!how.peek) {
      x->queued -= whole + kPacketOverhead;
      c.s.holdings.give_back(packet_cost(p));
      x->packets.pop_front();
    }
  }
  if (x->other) note_socket(c.s, x->other);
  note_socket(c.s, id);
  return static_cast<int64_t>(out.size());
}

// net/unix/af_unix.c, unix_poll; net/ipv4/tcp.c, tcp_poll; net/core/datagram.c.
Ready socket_readiness(const Socket& x, const State& s) {
  if (x.listening) return x.queue.empty() ? 0 : ready::kRead;
  const bool ended = x.ended || x.read_shut;
  const auto it = s.sockets.find(x.other);
  const bool full = is_stream(x) && it != s.sockets.end() && it->second.bytes.size() >= kSocketBuffer;
  Ready can = (x.error != Error::None ? ready::kError : 0) | (full ? 0 : ready::kWrite);
  if (!x.bytes.empty() || !x.packets.empty() || ended || (x.error != Error::None && x.type == SocketType::Datagram))
    can |= ready::kRead;
  if (ended && (is_stream(x) || x.family == Family::Unix)) can |= ready::kPeerClosed;
  if ((ended && x.write_shut) || (is_stream(x) && x.peer.empty())) can |= ready::kHangUp;
  return can;
}

void close_socket(State& s, int id, int file) {
  for (const auto& [other, f] : s.files)
    if (other != file && f.socket() == id) return;
  const auto it = s.sockets.find(id);
  if (it == s.sockets.end()) return;
  Socket x = std::move(it->second);
  s.sockets.erase(it);
  const bool unread = !x.bytes.empty();
  drop_packets(s, x);
  unqueue_bytes(s.holdings, x.bytes, x.bytes.size());
  s.holdings.give_back(cost::kSocket + x.options.size() * cost::kOption);
  for (int waiting : x.queue) close_socket(s, waiting, 0);
  Socket* y = is_stream(x) ? other_of(s, x) : nullptr;
  if (!y) return;
  y->ended = true;
  y->other = 0;
  if (unread) y->error = Error::CONNRESET;  // what was sent is lost
  if (x.family == Family::Unix || y->error != Error::None) y->write_shut = true;
  note_socket(s, x.other);
}

// --- calls ---

Result make_socket(Context& c, Family family, SocketType type, bool nonblocking, bool close_on_exec) {
  if (c.s.sockets.size() >= kMaxSockets) return Error::NFILE;
  const int id = new_socket(c.s, family, type);
  return id == 0 ? Error::NOBUFS : open_socket(c, id, nonblocking, close_on_exec);
}

Result make_socket_pair(Context& c, SocketType type, bool nonblocking, bool close_on_exec, int32_t fds[2]) {
  if (c.s.sockets.size() + 1 >= kMaxSockets) return Error::NFILE;
  const int one = new_socket(c.s, Family::Unix, type);
  const int two = one ? new_socket(c.s, Family::Unix, type) : 0;
  if (two == 0) {
    if (one) close_socket(c.s, one, 0);
    return Error::NOBUFS;
  }
  Socket &x = c.s.sockets.at(one), &y = c.s.sockets.at(two);
  x.other = two, y.other = one;
  x.peer = y.peer = unnamed(Family::Unix);
  const Result a = open_socket(c, one, nonblocking, close_on_exec);
  const Result b = open_socket(c, two, nonblocking, close_on_exec);
  fds[0] = static_cast<int32_t>(a.value());
  fds[1] = static_cast<int32_t>(b.value());
  if (a && b) return 0;
  if (a) drop_fd(c.s, fds[0]);
  if (b) drop_fd(c.s, fds[1]);
  return !b ? b : a;
}

Result bind_socket(Context& c, int fd, const Address& address) {
  Result e;
  Socket* x = socket_of(c, fd, e);
  if (!x) return e;
  if (!x->local.empty()) return Error::INVAL;
  return x->family == Family::Inet ? bind_inet(c.s, *x, address) : bind_unix(c, *x, address);
}

Result listen_on(Context& c, int fd, uint32_t backlog) {
  Result e;
  Socket* x = socket_of(c, fd, e);
  if (!x) return e;
  if (!is_stream(*x)) return Error::OPNOTSUPP;
  if (!x->peer.empty() || (x->family == Family::Unix && x->local.empty())) return Error::INVAL;
  if (x->local.empty())
    if (e = bind_inet(c.s, *x, unnamed(Family::Inet)); !e) return e;
  x->listening = true;
  x->backlog = backlog;
  return 0;
}

Result next_connection(Context& c, int fd, Address& peer) {
  Result e;
  const Socket* x = socket_of(c, fd, e);
  if (!x) return e;
  if (!is_stream(*x)) return Error::OPNOTSUPP;
  if (!x->listening) return Error::INVAL;
  if (!has_free_fd(c.s)) return Error::MFILE;
  if (x->queue.empty()) return wait_for(c, fd, false);
  peer = c.s.sockets.at(x->queue.front()).peer;
  return 0;
}

Result open_accepted(Context& c, int fd, bool nonblocking, bool close_on_exec) {
  std::deque<int>& queue = c.s.sockets.at(file_of(c.s, fd)->socket()).queue;
  const int id = queue.front();
  queue.pop_front();
  c.s.io_changed = true;  // who waits to connect
  return open_socket(c, id, nonblocking, close_on_exec);
}

Result connect_socket(Context& c, int fd, Address to) {
  Result e;
  int id = 0, node = 0;
  const Socket* x = socket_of(c, fd, e, &id);
  if (!x) return e;
  if (e = resolve(c, to, node); !e) {
    if (x->family == Family::Inet) note_refused(c, to, is_stream(*x) ? "" : " (UDP)");
    return e;
  }
  return is_stream(*x) ? connect_stream(c, fd, id, to, node) : connect_datagram(c, id, to, node);
}

Result local_address(Context& c, int fd, Address& out) {
  Result e;
  const Socket* x = socket_of(c, fd, e);
  if (x) out = x->local.empty() ? unnamed(x->family) : x->local;
  return e;
}

Result peer_address(Context& c, int fd, Address& out) {
  Result e;
  const Socket* x = socket_of(c, fd, e);
  if (!x) return e;
  out = x->peer;
  return out.empty() ? Error::NOTCONN : kOk;
}

Result shut_down(Context& c, int fd, uint64_t how) {
  constexpr uint64_t kRead = 0, kWrite = 1, kBoth = 2;
  Result e;
  int id = 0;
  Socket* x = socket_of(c, fd, e, &id);
  if (!x) return e;
  if (how > kBoth) return Error::INVAL;
  const bool reading = how != kWrite, writing = how != kRead;
  if (x->listening) {  // wakes accept
    x->listening = false;
    note_socket(c.s, id);
    return 0;
  }
  if (x->peer.empty() && x->family == Family::Inet) return Error::NOTCONN;
  Socket* y = is_stream(*x) ? other_of(c.s, *x) : nullptr;
  if (reading) {
    x->read_shut = true;
    if (y && x->family == Family::Unix) y->write_shut = true;
  }
  if (writing) {
    x->write_shut = true;
    if (y) y->ended = true;
  }
  if (y) note_socket(c.s, x->other);
  note_socket(c.s, id);
  return 0;
}

Result read_socket(Context& c, int fd, uint64_t address, uint64_t n) {
  std::string bytes;
  Address from;
  uint64_t whole = 0;
  if (n > 0 && !c.memory().check_write(address, 1)) return Error::FAULT;
  const Result e = receive(c, fd, std::min<uint64_t>(n, kSocketBuffer), {}, bytes, from, whole);
  return !e || e == kOk ? e : copy_out(c, address, bytes);
}

Result get_buffers(Context& c, uint64_t at, uint64_t count, std::vector<Part>& parts, uint64_t& total) {
  constexpr uint64_t kMaxBuffers = 1024;
  if (count > kMaxBuffers) return Error::MSGSIZE;
  parts.resize(count);
  if (!c.memory().read(at, parts.data(), parts.size() * sizeof(Part))) return Error::FAULT;
  total = 0;
  for (const Part& p : parts) total += std::min<uint64_t>(p.size, kMostSent);
  return total > 16 * kMostSent ? Error::MSGSIZE : kOk;
}

Result get_bytes(Context& c, uint64_t at, uint64_t n, std::string& bytes) {
  bytes.resize(std::min(n, kMostSent));
  return c.memory().read(at, bytes.data(), bytes.size()) ? kOk : Error::FAULT;
}

Result gather(Context& c, const std::vector<Part>& parts, std::string& bytes) {
  std::string part;
  for (const Part& p : parts) {
    if (const Result e = get_bytes(c, p.address, p.size, part); !e) return e;
    bytes += part;
  }
  return 0;
}

Result scatter(Context& c, const std::vector<Part>& parts, const std::string& bytes) {
  uint64_t done = 0;
  for (const Part& p : parts) {
    const uint64_t n = std::min<uint64_t>(p.size, bytes.size() - done);
    if (!c.memory().write(p.address, bytes.data() + done, n)) return Error::FAULT;
    done += n;
  }
  return 0;
}

Result set_option(Context& c, Socket& x, uint64_t option, uint32_t value) {
  if (!x.options.count(option) && !c.s.holdings.take(cost::kOption)) return Error::NOBUFS;
  x.options[option] = value;
  return 0;
}

}  // namespace deferscope::emu::posix
