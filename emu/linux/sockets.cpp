// The guest's own network. A connected pair of stream sockets are two buffers; datagrams lie in the receiver's queue.
// Ports and paths are looked up in the sockets themselves.
#include "emu/linux/sockets.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "emu/linux/scratch.h"
#include "emu/linux/stat.h"

namespace deferscope::emu::linux_ {
namespace {

constexpr int kUnix = 1, kInet = 2;                        // families
constexpr int kStream = 1, kDatagram = 2, kSeqPacket = 5;  // types
constexpr uint64_t kBuffer = 212992;                       // bytes a receiver holds (net.core.rmem_default)
constexpr size_t kMaxDatagram = 65507, kMaxSockets = 4096;
constexpr uint32_t kLoopback = 127u << 24;
enum Message : uint32_t { kPeek = 2, kTruncated = 0x20, kDontWait = 0x40, kNoSignal = 0x4000 };

// What a packet takes of the receiver's buffer beside its bytes (the kernel's smallest truesize): also empty ones fill
// it.
constexpr uint64_t kPacketOverhead = 768;

// --- addresses ---

struct Endpoint {
  uint32_t ip = 0;
  uint16_t port = 0;
};

Endpoint endpoint_of(const std::string& a) {
  const auto byte = [&](size_t i) { return static_cast<uint32_t>(static_cast<uint8_t>(a[i])); };
  return {byte(4) << 24 | byte(5) << 16 | byte(6) << 8 | byte(7), static_cast<uint16_t>(byte(2) << 8 | byte(3))};
}

std::string address_of(Endpoint e) {
  std::string a(16, '\0');
  a[0] = kInet;
  a[2] = static_cast<char>(e.port >> 8), a[3] = static_cast<char>(e.port);
  for (unsigned i = 0; i < 4; ++i) a[4 + i] = static_cast<char>(e.ip >> (24 - 8 * i));
  return a;
}

std::string unnamed(int family) { return family == kInet ? address_of({}) : std::string("\1\0", 2); }

// A struct sockaddr argument, normalised: a path without what follows its zero. -EINVAL, -EAFNOSUPPORT, -EFAULT.
Result get_address(Call& c, uint64_t at, uint64_t size, int family, std::string& out) {
  if (size < 2 || size > 128) return Error::INVAL;
  out.resize(size);
  if (!c.memory().read(at, out.data(), size)) return Error::FAULT;
  const int given = static_cast<uint8_t>(out[0]) | static_cast<uint8_t>(out[1]) << 8;
  if (given != family) return given == kUnix || family == kUnix ? Error::INVAL : Error::AFNOSUPPORT;
  if (family == kInet) {
    if (size < 16) return Error::INVAL;
    out = address_of(endpoint_of(out));
  } else if (size > 2 && out[2] != '\0') {
    out.resize(2 + std::strlen(out.c_str() + 2));
  }
  return 0;
}

// Writes as much as fits and the true length, as accept, getsockname and recvfrom do.
Result put_address(Call& c, const std::string& a, uint64_t at, uint64_t size_at) {
  if (at == 0) return 0;
  uint32_t room = 0;
  if (!c.get(size_at, room)) return Error::FAULT;
  if (static_cast<int32_t>(room) < 0) return Error::INVAL;
  std::string bytes = a;
  if (bytes.size() > 2 && bytes[0] == kUnix && bytes[2] != '\0') bytes += '\0';
  if (!c.memory().write(at, bytes.data(), std::min<size_t>(room, bytes.size()))) return Error::FAULT;
  return c.put(size_at, static_cast<uint32_t>(bytes.size())) ? kOk : Error::FAULT;
}

// --- sockets ---

bool is_stream(const Socket& x) { return x.type != kDatagram; }

void note_socket(State& s, int id) {
  for (auto& [file, f] : s.files)
    if (f.socket == id) note_change(s, f);
}

// 0: no memory for one more.
int new_socket(State& s, int family, int type, int protocol) {
  if (!s.holdings.take(cost::kSocket)) return 0;
  const int id = s.next_socket++;
  Socket& x = s.sockets[id];
  x.family = family, x.type = type, x.protocol = protocol;
  return id;
}

Result open_socket(Call& c, int id, uint32_t flags) {
  OpenFile f;
  f.kind = FileKind::Socket;
  f.socket = id;
  f.flags = open_flag::RDWR | (flags & open_flag::NONBLOCK);
  f.path = "socket:[" + std::to_string(id) + "]";
  return new_fd(c.s, new_file(c.s, f), flags & open_flag::CLOEXEC);
}

// The descriptor's socket; else -EBADF or -ENOTSOCK in `e`.
Socket* socket_of(Call& c, int fd, Result& e, int* id = nullptr) {
  const OpenFile* f = file_of(c.s, fd);
  e = !f ? Error::BADF : f->kind != FileKind::Socket ? Error::NOTSOCK : kOk;
  if (!e) return nullptr;
  if (id) *id = f->socket;
  return &c.s.sockets.at(f->socket);
}

Socket* other_of(State& s, const Socket& x) {
  const auto it = s.sockets.find(x.other);
  return it == s.sockets.end() ? nullptr : &it->second;
}

Result wait_for(Call& c, int fd, uint32_t flags) {
  if ((file_of(c.s, fd)->flags & open_flag::NONBLOCK) || (flags & kDontWait)) return Error::AGAIN;
  return c.block(WaitKind::Io, kNever, true);
}

Result take_error(Socket& x) { return std::exchange(x.error, Error::None); }

// Whom an address reaches: a listener or a bound datagram socket. 0: nobody.
int find_bound(const State& s, int family, int type, const std::string& address, int node) {
  for (const auto& [id, x] : s.sockets) {
    if (x.family != family || x.type != type || x.local.empty()) continue;
    if (is_stream(x) && !x.listening) continue;
    if (family == kInet) {
      const Endpoint want = endpoint_of(address), have = endpoint_of(x.local);
      if (have.port == want.port && (have.ip == 0 || have.ip == want.ip)) return id;
    } else if (node ? x.node == node : x.local == address) {
      return id;
    }
  }
  return 0;
}

// --- bind ---

// SO_REUSEADDR: only a listener holds its port then.
bool port_taken(const State& s, const Socket& mine, Endpoint e) {
  const bool reuse = is_stream(mine) && mine.options.count(uint64_t{1} << 32 | 2);
  return std::any_of(s.sockets.begin(), s.sockets.end(), [&](const auto& entry) {
    const Socket& x = entry.second;
    if (&x == &mine || x.family != kInet || x.type != mine.type || x.local.empty()) return false;
    if (reuse && !x.listening) return false;
    const Endpoint have = endpoint_of(x.local);
    return have.port == e.port && (have.ip == 0 || e.ip == 0 || have.ip == e.ip);
  });
}

Result bind_inet(State& s, Socket& x, Endpoint e) {
  constexpr uint16_t kFirst = 32768, kLast = 60999;
  if (e.ip != 0 && (e.ip & 0xff000000) != kLoopback) return Error::ADDRNOTAVAIL;
  if (e.port != 0 && port_taken(s, x, e)) return Error::ADDRINUSE;
  for (int tries = 0; e.port == 0 || port_taken(s, x, e); ++tries) {
    if (tries > kLast - kFirst) return Error::ADDRINUSE;
    e.port = s.next_port;
    s.next_port = s.next_port == kLast ? kFirst : static_cast<uint16_t>(s.next_port + 1);
  }
  x.local = address_of(e);
  return 0;
}

Result bind_unix(Call& c, Socket& x, const std::string& address) {
  if (address.size() <= 2) {  // any free abstract name
    x.local = std::string("\1\0", 3) + std::to_string(c.s.next_socket++);
    return 0;
  }
  if (address[2] == '\0') {
    for (const auto& [id, y] : c.s.sockets)
      if (y.family == kUnix && y.local == address) return Error::ADDRINUSE;
    return x.local = address, 0;
  }
  HostPath path;
  if (const Result e = full_path(c, at::FDCWD, address.substr(2), path); !e) return e;
  const ResolvedPath p = locate(c, path, Last::Parent);
  if (p.error != Error::None) return p.error;
  if (!p.scratch) return Error::ACCES;
  if (const Result e = scratch_socket(c, p, 0777 & ~c.s.umask, x.node); !e) return e;
  return x.local = address, 0;
}

// The node that a path names; 0 for abstract names and other families.
Result node_at(Call& c, const std::string& address, int& node) {
  node = 0;
  if (address[0] != kUnix || address.size() <= 2 || address[2] == '\0') return 0;
  HostPath path;
  if (const Result e = full_path(c, at::FDCWD, address.substr(2), path); !e) return e;
  const ResolvedPath p = locate(c, path, Last::Follow);
  if (p.error != Error::None) return p.error;
  if (!p.scratch || p.node == 0) return Error::NOENT;
  if ((c.s.scratch.nodes.at(p.node).mode & mode::FMT) != mode::SOCK) return Error::CONNREFUSED;
  node = p.node;
  return 0;
}

// Where an address leads: what "any" means, and that it lies on this machine.
Result resolve(Call& c, std::string& address, int& node) {
  if (address[0] == kUnix) return node_at(c, address, node);
  Endpoint e = endpoint_of(address);
  node = 0;
  if (e.ip == 0) e.ip = kLoopback | 1;
  address = address_of(e);
  return (e.ip & 0xff000000) == kLoopback ? kOk : Error::NETUNREACH;
}

Result bind_if_needed(State& s, Socket& x) {
  return x.family == kInet && x.local.empty() ? bind_inet(s, x, {is_stream(x) ? kLoopback | 1 : 0, 0}) : 0;
}

// --- connect ---

// A non-blocking TCP socket hears of it later.
Result refused(Call& c, Socket& x) {
  if (x.family != kInet || !(file_of(c.s, c.fd())->flags & open_flag::NONBLOCK)) return Error::CONNREFUSED;
  x.error = Error::CONNREFUSED;
  x.ended = x.write_shut = true;
  return Error::INPROGRESS;
}

Result connect_stream(Call& c, int id, const std::string& to, int node) {
  State& s = c.s;
  const bool inet = s.sockets.at(id).family == kInet;
  if (inet && !s.sockets.at(id).peer.empty()) return Error::ISCONN;
  if (inet && s.sockets.at(id).listening) return Error::ISCONN;
  const int listener = find_bound(s, s.sockets.at(id).family, s.sockets.at(id).type, to, node);
  if (listener == 0) return refused(c, s.sockets.at(id));
  if (!inet && s.sockets.at(listener).queue.size() > s.sockets.at(listener).backlog) return wait_for(c, c.fd(), 0);
  if (!s.sockets.at(id).peer.empty()) return Error::ISCONN;
  if (s.sockets.at(id).listening) return Error::INVAL;
  if (s.sockets.size() >= kMaxSockets) return Error::NOMEM;
  if (const Result e = bind_if_needed(s, s.sockets.at(id)); !e) return e;
  const int server = new_socket(s, s.sockets.at(id).family, s.sockets.at(id).type, s.sockets.at(id).protocol);
  if (server == 0) return Error::NOMEM;
  Socket &mine = s.sockets.at(id), &theirs = s.sockets.at(server);
  mine.peer = theirs.local = to;
  theirs.peer = mine.local.empty() ? unnamed(mine.family) : mine.local;
  mine.other = server, theirs.other = id;
  if (mine.family == kInet) mine.ended = mine.write_shut = false;
  s.sockets.at(listener).queue.push_back(server);
  note_socket(s, listener);
  note_socket(s, id);
  return 0;
}

uint64_t packet_cost(const Socket::Packet& p) { return cost::kPacket + p.from.size() + p.bytes.size(); }

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
  x.peer.clear();
}

Result connect_datagram(Call& c, int id, const std::string& to, int node) {
  Socket& x = c.s.sockets.at(id);
  if (x.family == kInet) {
    x.peer = to;
    return x.local.empty() ? bind_inet(c.s, x, {kLoopback | 1, 0}) : 0;
  }
  const int other = find_bound(c.s, kUnix, kDatagram, to, node);
  if (other == 0) return Error::CONNREFUSED;
  const Socket& y = c.s.sockets.at(other);
  if (y.other != 0 && y.other != id) return Error::PERM;  // it hears another one only
  if (x.other != 0 && x.other != other) leave_peer(c.s, id);
  x.peer = to;
  x.other = other;
  return 0;
}

// --- transfer ---

Result send_stream(Call& c, int fd, Socket& x, const std::string& bytes, uint32_t flags) {
  if (x.family == kUnix && x.peer.empty()) return Error::NOTCONN;
  if (x.family == kUnix && x.write_shut) return Error::PIPE;
  if (x.error != Error::None) return take_error(x);
  if (x.write_shut || x.peer.empty()) return Error::PIPE;
  Socket* y = other_of(c.s, x);
  if (!y && x.family == kInet && !x.reset) {  // the first one is answered with a reset
    x.reset = true;
    return static_cast<int64_t>(std::min<size_t>(bytes.size(), kBuffer));
  }
  if (!y || (x.family == kUnix && y->read_shut)) return Error::PIPE;
  if (bytes.empty()) return 0;
  if (y->bytes.size() >= kBuffer) return wait_for(c, fd, flags);
  const size_t n = std::min<size_t>(bytes.size(), kBuffer - y->bytes.size());
  if (!y->read_shut && !queue_bytes(c.s.holdings, y->bytes, std::string_view(bytes).substr(0, n))) return Error::NOBUFS;
  note_socket(c.s, x.other);
  return static_cast<int64_t>(n);
}

// To `to` (with its node), or to the peer.
Result send_packet(Call& c, int fd, Socket& x, const std::string& bytes, uint32_t flags, const std::string* to,
                   int node) {
  const bool inet = x.family == kInet;
  if (inet && x.error != Error::None) return take_error(x);
  if (inet && x.write_shut) return Error::PIPE;
  if (!to && x.peer.empty()) return inet ? Error::DESTADDRREQ : Error::NOTCONN;
  if (bytes.size() > (inet ? kMaxDatagram : kBuffer)) return Error::MSGSIZE;
  if (!inet && x.error != Error::None) return take_error(x);
  if (!inet && x.write_shut) return Error::PIPE;
  if (const Result e = bind_if_needed(c.s, x); !e) return e;
  const int id = !to && !inet ? x.other : find_bound(c.s, x.family, x.type, to ? *to : x.peer, node);
  const auto it = c.s.sockets.find(id);
  if (it == c.s.sockets.end()) {
    if (x.type == kSeqPacket) return Error::PIPE;
    if (!to && inet) x.error = Error::CONNREFUSED;  // the answer to come
    if (!to && !inet) leave_peer(c.s, file_of(c.s, fd)->socket);
    return inet ? Result(static_cast<int64_t>(bytes.size())) : Error::CONNREFUSED;
  }
  Socket& y = it->second;
  const std::string& from = x.local;  // of an unnamed AF_UNIX socket: none
  if (inet && !y.peer.empty() && y.peer != from) return static_cast<int64_t>(bytes.size());  // not for it
  if (!inet && y.other != 0 && y.other != file_of(c.s, fd)->socket) return Error::PERM;      // also if that one is gone
  if (!inet && (y.read_shut || y.ended)) return Error::PIPE;
  if (y.queued > 0 && y.queued + bytes.size() + kPacketOverhead > kBuffer)
    return inet ? static_cast<int64_t>(bytes.size()) : wait_for(c, fd, flags);  // UDP: lost
  Socket::Packet packet{from, bytes};
  if (!c.s.holdings.take(packet_cost(packet))) return Error::NOBUFS;
  y.packets.push_back(std::move(packet));
  y.queued += bytes.size() + kPacketOverhead;
  note_socket(c.s, id);
  return static_cast<int64_t>(bytes.size());
}

Result send_bytes(Call& c, int fd, const std::string& bytes, uint32_t flags, const std::string* to) {
  Result e;
  Socket* x = socket_of(c, fd, e);
  if (!x) return e;
  std::string address = to ? *to : x->peer;
  int node = 0;
  if (to && is_stream(*x)) return x->peer.empty() ? Error::NOTCONN : Error::ISCONN;
  if (!is_stream(*x) && !address.empty())
    if (e = resolve(c, address, node); !e) return e;
  return x->type == kStream ? send_stream(c, fd, *x, bytes, flags)
                            : send_packet(c, fd, *x, bytes, flags, to ? &address : nullptr, node);
}

// Into `out`, at most n bytes; `whole` is the packet's length.
Result receive(Call& c, int fd, uint64_t n, uint32_t flags, std::string& out, std::string& from, uint64_t& whole) {
  Result e;
  int id = 0;
  Socket* x = socket_of(c, fd, e, &id);
  if (!x) return e;
  if (x->listening) return x->family == kInet ? Error::NOTCONN : Error::INVAL;
  if (x->type == kStream) {
    if (x->peer.empty()) return x->family == kInet ? Error::NOTCONN : Error::INVAL;
    from = x->family == kUnix && x->peer != unnamed(kUnix) ? x->peer : "";
    if (x->bytes.empty() && x->error != Error::None) return take_error(*x);
    if (x->bytes.empty()) return x->ended || x->read_shut || n == 0 ? 0 : wait_for(c, fd, flags);
    out = x->bytes.substr(0, n);
    whole = out.size();
    if (!(flags & kPeek)) unqueue_bytes(c.s.holdings, x->bytes, out.size());
  } else {
    if (x->type == kSeqPacket && x->peer.empty()) return Error::NOTCONN;
    if (x->error != Error::None) return take_error(*x);
    const bool ended = x->ended || x->read_shut;
    if (x->packets.empty())
      return ended && (x->type == kSeqPacket || !(file_of(c.s, fd)->flags & open_flag::NONBLOCK))
                 ? 0
                 : wait_for(c, fd, flags);
    Socket::Packet& p = x->packets.front();
    from = p.from;
    whole = p.bytes.size();
    out = p.bytes.substr(0, n);
    if (!(flags & kPeek)) {
      x->queued -= whole + kPacketOverhead;
      c.s.holdings.give_back(packet_cost(p));
      x->packets.pop_front();
    }
  }
  if (x->other) note_socket(c.s, x->other);
  note_socket(c.s, id);
  return static_cast<int64_t>(out.size());
}

int fd_of(const Call& c) { return c.fd(); }

// --- messages ---

struct MessageHeader {
  uint64_t name;
  uint32_t name_size, pad;
  uint64_t iov, iov_count, control, control_size;
  uint32_t flags, pad2;
};

Result get_message(Call& c, MessageHeader& m, std::vector<IoVec>& parts, uint64_t& total) {
  constexpr uint64_t kMaxVectors = 1024;
  if (!c.get(c.a[1], m)) return Error::FAULT;
  if (m.iov_count > kMaxVectors) return Error::MSGSIZE;
  parts.resize(m.iov_count);
  if (!c.memory().read(m.iov, parts.data(), parts.size() * sizeof(IoVec))) return Error::FAULT;
  total = 0;
  for (const IoVec& p : parts) total += std::min<uint64_t>(p.len, 1 << 20);
  return total > (16u << 20) ? Error::MSGSIZE : kOk;
}

}  // namespace

// net/unix/af_unix.c, unix_poll; net/ipv4/tcp.c, tcp_poll; net/core/datagram.c.
uint32_t socket_readiness(const Socket& x, const State& s) {
  using namespace poll_bit;
  if (x.listening) return x.queue.empty() ? 0 : IN | RDNORM;
  const bool ended = x.ended || x.read_shut;
  const auto it = s.sockets.find(x.other);
  const bool full = is_stream(x) && it != s.sockets.end() && it->second.bytes.size() >= kBuffer;
  uint32_t ready = (x.error != Error::None ? ERR : 0) | (full ? 0 : OUT | WRNORM);
  if (!x.bytes.empty() || !x.packets.empty() || ended || (x.error != Error::None && x.type == kDatagram))
    ready |= IN | RDNORM;
  if (ended && (is_stream(x) || x.family == kUnix)) ready |= RDHUP;
  if ((ended && x.write_shut) || (is_stream(x) && x.peer.empty())) ready |= HUP;
  return ready;
}

Result socket_read(Call& c, OpenFile&, uint64_t address, uint64_t n) {
  std::string bytes, from;
  uint64_t whole = 0;
  if (n > 0 && !c.memory().check_write(address, std::min<uint64_t>(n, 1))) return Error::FAULT;
  const Result e = receive(c, fd_of(c), std::min<uint64_t>(n, kBuffer), 0, bytes, from, whole);
  if (!e || e == kOk) return e;
  return c.memory().write(address, bytes.data(), bytes.size()) ? e : Error::FAULT;
}

Result socket_write(Call& c, OpenFile&, const std::string& bytes) {
  const Result e = send_bytes(c, fd_of(c), bytes, 0, nullptr);
  return e == Error::PIPE ? raise_sigpipe(c) : e;
}

void close_socket(State& s, int id, int file) {
  for (const auto& [other, f] : s.files)
    if (other != file && f.socket == id) return;
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
  if (x.family == kUnix || y->error != Error::None) y->write_shut = true;
  note_socket(s, x.other);
}

Result sys_socket(Call& c) {
  const int family = c.fd(0), type = c.fd(1) & 15, protocol = c.fd(2);
  constexpr int kTcp = 6, kUdp = 17;
  if (family != kUnix && family != kInet) return Error::AFNOSUPPORT;
  if (type != kStream && type != kDatagram && !(type == kSeqPacket && family == kUnix)) return Error::SOCKTNOSUPPORT;
  const bool fits =
      protocol == 0 || (family == kUnix ? protocol == kUnix : protocol == (type == kStream ? kTcp : kUdp));
  if (!fits) return Error::PROTONOSUPPORT;
  if (c.s.sockets.size() >= kMaxSockets) return Error::NFILE;
  const int id = new_socket(c.s, family, type, protocol);
  return id == 0 ? Error::NOBUFS : open_socket(c, id, static_cast<uint32_t>(c.a[1]));
}

Result sys_socketpair(Call& c) {
  const int type = c.fd(1) & 15;
  if (c.fd(0) != kUnix) return c.fd(0) == kInet ? Error::OPNOTSUPP : Error::AFNOSUPPORT;
  if (type != kStream && type != kDatagram && type != kSeqPacket) return Error::SOCKTNOSUPPORT;
  if (c.s.sockets.size() + 1 >= kMaxSockets) return Error::NFILE;
  const int one = new_socket(c.s, kUnix, type, 0);
  const int two = one ? new_socket(c.s, kUnix, type, 0) : 0;
  if (two == 0) {
    if (one) close_socket(c.s, one, 0);
    return Error::NOBUFS;
  }
  Socket &x = c.s.sockets.at(one), &y = c.s.sockets.at(two);
  x.other = two, y.other = one;
  x.peer = y.peer = unnamed(kUnix);
  const auto flags = static_cast<uint32_t>(c.a[1]);
  const Result a = open_socket(c, one, flags), b = open_socket(c, two, flags);
  const int32_t fds[2] = {static_cast<int32_t>(a.value()), static_cast<int32_t>(b.value())};
  if (a && b && c.memory().write(c.a[3], fds, sizeof fds)) return 0;
  if (a) drop_fd(c.s, fds[0]);
  if (b) drop_fd(c.s, fds[1]);
  return !b ? b : !a ? a : Error::FAULT;
}

Result sys_bind(Call& c) {
  Result e;
  std::string address;
  Socket* x = socket_of(c, c.fd(), e);
  if (!x) return e;
  if (e = get_address(c, c.a[1], c.a[2], x->family, address); !e) return e;
  if (!x->local.empty()) return Error::INVAL;
  return x->family == kInet ? bind_inet(c.s, *x, endpoint_of(address)) : bind_unix(c, *x, address);
}

Result sys_listen(Call& c) {
  Result e;
  Socket* x = socket_of(c, c.fd(), e);
  if (!x) return e;
  if (!is_stream(*x)) return Error::OPNOTSUPP;
  if (!x->peer.empty() || (x->family == kUnix && x->local.empty())) return Error::INVAL;
  if (x->local.empty())
    if (e = bind_inet(c.s, *x, {}); !e) return e;
  x->listening = true;
  x->backlog = static_cast<uint32_t>(c.a[1]);
  return 0;
}

namespace {

Result accept_one(Call& c, uint32_t flags) {
  Result e;
  Socket* x = socket_of(c, c.fd(), e);
  if (!x) return e;
  if (!is_stream(*x)) return Error::OPNOTSUPP;
  if (!x->listening) return Error::INVAL;
  if (!has_free_fd(c.s)) return Error::MFILE;
  if (x->queue.empty()) return wait_for(c, c.fd(), 0);
  const int id = x->queue.front();
  if (e = put_address(c, c.s.sockets.at(id).peer, c.a[1], c.a[2]); !e) return e;
  x->queue.pop_front();
  c.s.io_changed = true;  // who waits to connect
  return open_socket(c, id, flags);
}

}  // namespace

Result sys_accept(Call& c) { return accept_one(c, 0); }
Result sys_accept4(Call& c) { return accept_one(c, static_cast<uint32_t>(c.a[3])); }

Result sys_connect(Call& c) {
  Result e;
  int id = 0, node = 0;
  std::string to;
  Socket* x = socket_of(c, c.fd(), e, &id);
  if (!x) return e;
  uint16_t family = 0;
  if (c.a[2] >= 2 && c.get(c.a[1], family) && family == 0 && !is_stream(*x)) return x->peer.clear(), 0;  // AF_UNSPEC
  if (e = get_address(c, c.a[1], c.a[2], x->family, to); !e) return e;
  if (e = resolve(c, to, node); !e) return e;
  return is_stream(*x) ? connect_stream(c, id, to, node) : connect_datagram(c, id, to, node);
}

Result sys_getsockname(Call& c) {
  Result e;
  const Socket* x = socket_of(c, c.fd(), e);
  return x ? put_address(c, x->local.empty() ? unnamed(x->family) : x->local, c.a[1], c.a[2]) : e;
}

Result sys_getpeername(Call& c) {
  Result e;
  const Socket* x = socket_of(c, c.fd(), e);
  if (!x) return e;
  return x->peer.empty() ? Error::NOTCONN : put_address(c, x->peer, c.a[1], c.a[2]);
}

Result sys_sendto(Call& c) {
  Result e;
  const Socket* x = socket_of(c, c.fd(), e);
  if (!x) return e;
  std::string bytes(std::min<uint64_t>(c.a[2], 1 << 20), '\0'), to;
  if (!c.memory().read(c.a[1], bytes.data(), bytes.size())) return Error::FAULT;
  if (c.a[4] != 0)
    if (e = get_address(c, c.a[4], c.a[5], x->family, to); !e) return e;
  const auto flags = static_cast<uint32_t>(c.a[3]);
  e = send_bytes(c, c.fd(), bytes, flags, c.a[4] != 0 ? &to : nullptr);
  return e == Error::PIPE && !(flags & kNoSignal) ? raise_sigpipe(c) : e;
}

Result sys_recvfrom(Call& c) {
  std::string bytes, from;
  uint64_t whole = 0;
  const auto flags = static_cast<uint32_t>(c.a[3]);
  const Result n = receive(c, c.fd(), std::min<uint64_t>(c.a[2], kBuffer), flags, bytes, from, whole);
  if (!n) return n;
  if (!c.memory().write(c.a[1], bytes.data(), bytes.size())) return Error::FAULT;
  if (c.a[4] != 0 && from.empty() && !c.put(c.a[5], uint32_t{0})) return Error::FAULT;
  if (!from.empty())
    if (const Result e = put_address(c, from, c.a[4], c.a[5]); !e) return e;
  return flags & kTruncated ? Result(static_cast<int64_t>(whole)) : n;
}

Result sys_sendmsg(Call& c) {
  MessageHeader m{};
  std::vector<IoVec> parts;
  uint64_t total = 0;
  Result e;
  const Socket* x = socket_of(c, c.fd(), e);
  if (!x) return e;
  if (e = get_message(c, m, parts, total); !e) return e;
  if (m.control_size > 0) return Error::OPNOTSUPP;  // passes no descriptors
  std::string bytes, to;
  for (const IoVec& p : parts) {
    std::string part(std::min<uint64_t>(p.len, 1 << 20), '\0');
    if (!c.memory().read(p.base, part.data(), part.size())) return Error::FAULT;
    bytes += part;
  }
  if (m.name != 0 && m.name_size != 0)
    if (e = get_address(c, m.name, m.name_size, x->family, to); !e) return e;
  const auto flags = static_cast<uint32_t>(c.a[2]);
  e = send_bytes(c, c.fd(), bytes, flags, to.empty() ? nullptr : &to);
  return e == Error::PIPE && !(flags & kNoSignal) ? raise_sigpipe(c) : e;
}

Result sys_recvmsg(Call& c) {
  MessageHeader m{};
  std::vector<IoVec> parts;
  uint64_t total = 0, whole = 0, done = 0;
  if (const Result e = get_message(c, m, parts, total); !e) return e;
  std::string bytes, from;
  const auto flags = static_cast<uint32_t>(c.a[2]);
  const Result n = receive(c, c.fd(), std::min<uint64_t>(total, kBuffer), flags, bytes, from, whole);
  if (!n) return n;
  for (const IoVec& p : parts) {
    const uint64_t k = std::min<uint64_t>(p.len, bytes.size() - done);
    if (!c.memory().write(p.base, bytes.data() + done, k)) return Error::FAULT;
    done += k;
  }
  constexpr uint64_t kNameSize = 8, kControlSize = 40, kFlags = 48;
  bool ok = c.put(c.a[1] + kControlSize, uint64_t{0}) &&
            c.put(c.a[1] + kFlags, whole > bytes.size() ? static_cast<uint32_t>(kTruncated) : 0u);
  if (ok && m.name != 0 && from.empty()) ok = c.put(c.a[1] + kNameSize, uint32_t{0});
  if (!ok) return Error::FAULT;
  if (!from.empty())
    if (const Result e = put_address(c, from, m.name, c.a[1] + kNameSize); !e) return e;
  return n;
}

// --- options ---

namespace {
enum : uint64_t { kSocketLevel = 1 };
enum Option : uint64_t {
  kReuse = 2,
  kType = 3,
  kError = 4,
  kSendSize = 7,
  kReceiveSize = 8,
  kPeerCred = 17,
  kAccepting = 30,
  kProtocol = 38,
  kDomain = 39
};
}  // namespace

// Kept and given back; none changes what this network does.
Result sys_setsockopt(Call& c) {
  Result e;
  uint32_t value = 0;
  Socket* x = socket_of(c, c.fd(), e);
  if (!x) return e;
  if (c.a[4] >= 4 && !c.get(c.a[3], value)) return Error::FAULT;
  if (c.a[4] < 4) return Error::INVAL;
  constexpr uint64_t kLevels = 256, kNames = 128;
  const uint64_t level = c.a[1] & 0xffffffff, name = c.a[2] & 0xffffffff;
  if (level >= kLevels || name >= kNames) return Error::NOPROTOOPT;
  const uint64_t option = level << 32 | name;
  if (!x->options.count(option) && !c.s.holdings.take(cost::kOption)) return Error::NOBUFS;
  x->options[option] = value;
  return 0;
}

Result sys_getsockopt(Call& c) {
  Result e;
  uint32_t size = 0, value = 0;
  Socket* x = socket_of(c, c.fd(), e);
  if (!x) return e;
  if (!c.get(c.a[4], size)) return Error::FAULT;
  const bool socket_level = c.a[1] == kSocketLevel;
  if (socket_level && c.a[2] == kPeerCred) {
    const uint32_t cred[3] = {x->peer.empty() ? 0 : static_cast<uint32_t>(c.s.pid), kGuestUid, kGuestUid};
    size = std::min<uint32_t>(size, sizeof cred);
    return c.memory().write(c.a[3], cred, size) && c.put(c.a[4], size) ? kOk : Error::FAULT;
  }
  const auto it = x->options.find((c.a[1] & 0xffff) << 32 | (c.a[2] & 0xffffffff));
  if (it != x->options.end()) value = it->second;
  if (socket_level) switch (c.a[2]) {
      case kType: value = static_cast<uint32_t>(x->type); break;
      case kError: value = static_cast<uint32_t>(linux_errno(std::exchange(x->error, Error::None))); break;
      case kSendSize:
      case kReceiveSize: value = it == x->options.end() ? kBuffer : 2 * value; break;  // the kernel doubles it
      case kAccepting: value = x->listening; break;
      case kDomain: value = static_cast<uint32_t>(x->family); break;
      case kProtocol: value = x->family == kUnix ? 0 : x->type == kStream ? 6 : 17; break;
      default: break;
    }
  size = std::min<uint32_t>(size, 4);
  return c.memory().write(c.a[3], &value, size) && c.put(c.a[4], size) ? kOk : Error::FAULT;
}

Result sys_shutdown(Call& c) {
  constexpr uint64_t kRead = 0, kWrite = 1, kBoth = 2;
  Result e;
  int id = 0;
  Socket* x = socket_of(c, c.fd(), e, &id);
  if (!x) return e;
  if (c.a[1] > kBoth) return Error::INVAL;
  if (x->listening) {  // wakes accept
    x->listening = false;
    note_socket(c.s, id);
    return 0;
  }
  if (x->peer.empty() && x->family == kInet) return Error::NOTCONN;
  Socket* y = is_stream(*x) ? other_of(c.s, *x) : nullptr;
  if (c.a[1] != kWrite) {
    x->read_shut = true;
    if (y && x->family == kUnix) y->write_shut = true;
  }
  if (c.a[1] != kRead) {
    x->write_shut = true;
    if (y) y->ended = true;
  }
  if (y) note_socket(c.s, x->other);
  note_socket(c.s, id);
  return 0;
}

}  // namespace deferscope::emu::linux_
