// Linux' socket calls: struct sockaddr, struct msghdr, flags and options around the guest's own network.
#include "emu/posix/sockets.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "emu/linux/call.h"
#include "emu/posix/files.h"

namespace deferscope::emu::linux_ {
namespace {

constexpr int kUnix = 1, kInet = 2;                        // families
constexpr int kStream = 1, kDatagram = 2, kSeqPacket = 5;  // types
enum Message : uint32_t { kPeek = 2, kTruncated = 0x20, kDontWait = 0x40, kNoSignal = 0x4000 };

Transfer transfer(uint32_t flags) { return {(flags & kDontWait) != 0, (flags & kPeek) != 0}; }

// --- addresses ---

int number_of(Family family) { return family == Family::Inet ? kInet : kUnix; }

std::optional<SocketType> type_of(int number) {
  switch (number) {
    case kStream: return SocketType::Stream;
    case kDatagram: return SocketType::Datagram;
    case kSeqPacket: return SocketType::SeqPacket;
    default: return std::nullopt;
  }
}

// A struct sockaddr argument; a path ends at its zero. INVAL, AFNOSUPPORT, FAULT.
Result get_address(Call& c, uint64_t at, uint64_t size, Family family, Address& out) {
  if (size < 2 || size > 128) return Error::INVAL;
  std::string raw(size, '\0');
  if (!c.memory().read(at, raw.data(), size)) return Error::FAULT;
  const auto byte = [&](size_t i) { return static_cast<uint32_t>(static_cast<uint8_t>(raw[i])); };
  const int given = static_cast<int>(byte(0) | byte(1) << 8);
  if (given != number_of(family)) return given == kUnix || family == Family::Unix ? Error::INVAL : Error::AFNOSUPPORT;
  if (family == Family::Inet) {
    if (size < 16) return Error::INVAL;
    out = inet_address(byte(4) << 24 | byte(5) << 16 | byte(6) << 8 | byte(7),
                       static_cast<uint16_t>(byte(2) << 8 | byte(3)));
    return 0;
  }
  out = unnamed(Family::Unix);
  out.name = size > 2 && raw[2] != '\0' ? std::string(raw.c_str() + 2) : raw.substr(2);
  return 0;
}

std::string sockaddr(const Address& a) {
  std::string out{static_cast<char>(number_of(*a.family)), '\0'};
  if (a.family == Family::Unix) {
    out += a.name;
    return !a.name.empty() && a.name[0] != '\0' ? out + '\0' : out;
  }
  for (unsigned shift : {8, 0}) out += static_cast<char>(a.port >> shift);
  for (unsigned shift : {24, 16, 8, 0}) out += static_cast<char>(a.ip >> shift);
  return out + std::string(8, '\0');
}

// Writes as much as fits and the true length, as accept, getsockname and recvfrom do.
Result put_address(Call& c, const Address& a, uint64_t at, uint64_t size_at) {
  if (at == 0) return 0;
  uint32_t room = 0;
  if (!c.get(size_at, room)) return Error::FAULT;
  if (static_cast<int32_t>(room) < 0) return Error::INVAL;
  const std::string bytes = sockaddr(a);
  if (!c.memory().write(at, bytes.data(), std::min<size_t>(room, bytes.size()))) return Error::FAULT;
  return c.put(size_at, static_cast<uint32_t>(bytes.size())) ? kOk : Error::FAULT;
}

}  // namespace

// --- sockets ---

Result sys_socket(Call& c) {
  constexpr int kTcp = 6, kUdp = 17;
  const int family = c.fd(0), protocol = c.fd(2);
  const auto type = type_of(c.fd(1) & 15);
  if (family != kUnix && family != kInet) return Error::AFNOSUPPORT;
  if (!type || (type == SocketType::SeqPacket && family != kUnix)) return Error::SOCKTNOSUPPORT;
  const int own = family == kUnix ? kUnix : type == SocketType::Stream ? kTcp : kUdp;
  if (protocol != 0 && protocol != own) return Error::PROTONOSUPPORT;
  return make_socket(c, family == kUnix ? Family::Unix : Family::Inet, *type, c.a[1] & open_flag::NONBLOCK,
                     c.a[1] & open_flag::CLOEXEC);
}

Result sys_socketpair(Call& c) {
  int32_t fds[2];
  const auto type = type_of(c.fd(1) & 15);
  if (c.fd(0) != kUnix) return c.fd(0) == kInet ? Error::OPNOTSUPP : Error::AFNOSUPPORT;
  if (!type) return Error::SOCKTNOSUPPORT;
  const Result e = make_socket_pair(c, *type, c.a[1] & open_flag::NONBLOCK, c.a[1] & open_flag::CLOEXEC, fds);
  if (!e) return e;
  if (c.memory().write(c.a[3], fds, sizeof fds)) return 0;
  for (int fd : fds) drop_fd(c.s, fd);
  return Error::FAULT;
}

Result sys_bind(Call& c) {
  Result e;
  Address address;
  const Socket* x = socket_of(c, c.fd(), e);
  if (!x) return e;
  if (e = get_address(c, c.a[1], c.a[2], x->family, address); !e) return e;
  return bind_socket(c, c.fd(), address);
}

Result sys_listen(Call& c) { return listen_on(c, c.fd(), static_cast<uint32_t>(c.a[1])); }

namespace {

Result accept_one(Call& c, uint64_t flags) {
  Address peer;
  if (const Result e = next_connection(c, c.fd(), peer); !e) return e;
  if (const Result e = put_address(c, peer, c.a[1], c.a[2]); !e) return e;
  return open_accepted(c, c.fd(), flags & open_flag::NONBLOCK, flags & open_flag::CLOEXEC);
}

}  // namespace

Result sys_accept(Call& c) { return accept_one(c, 0); }
Result sys_accept4(Call& c) { return accept_one(c, c.a[3]); }

Result sys_connect(Call& c) {
  Result e;
  Address to;
  Socket* x = socket_of(c, c.fd(), e);
  if (!x) return e;
  uint16_t family = 0;
  if (c.a[2] >= 2 && c.get(c.a[1], family) && family == 0 && !is_stream(*x)) return x->peer = {}, 0;  // AF_UNSPEC
  if (e = get_address(c, c.a[1], c.a[2], x->family, to); !e) return e;
  return connect_socket(c, c.fd(), to);
}

Result sys_getsockname(Call& c) {
  Address a;
  const Result e = local_address(c, c.fd(), a);
  return e ? put_address(c, a, c.a[1], c.a[2]) : e;
}

Result sys_getpeername(Call& c) {
  Address a;
  const Result e = peer_address(c, c.fd(), a);
  return e ? put_address(c, a, c.a[1], c.a[2]) : e;
}

Result sys_shutdown(Call& c) { return shut_down(c, c.fd(), c.a[1]); }

// --- messages ---

namespace {

Result send(Call& c, const std::string& bytes, uint64_t flags, const Address* to) {
  const Result e = send_bytes(c, c.fd(), bytes, transfer(static_cast<uint32_t>(flags)), to);
  return e == Error::PIPE && !(flags & kNoSignal) ? broken_pipe(c) : e;
}

struct MessageHeader {
  uint64_t name;
  uint32_t name_size, pad;
  uint64_t iov, iov_count, control, control_size;
  uint32_t flags, pad2;
};

Result get_message(Call& c, MessageHeader& m, std::vector<Part>& parts, uint64_t& total) {
  if (!c.get(c.a[1], m)) return Error::FAULT;
  return get_buffers(c, m.iov, m.iov_count, parts, total);
}

}  // namespace

Result sys_sendto(Call& c) {
  Result e;
  const Socket* x = socket_of(c, c.fd(), e);
  if (!x) return e;
  Address to;
  std::string bytes;
  if (e = get_bytes(c, c.a[1], c.a[2], bytes); !e) return e;
  if (c.a[4] != 0)
    if (e = get_address(c, c.a[4], c.a[5], x->family, to); !e) return e;
  return send(c, bytes, c.a[3], c.a[4] != 0 ? &to : nullptr);
}

Result sys_recvfrom(Call& c) {
  std::string bytes;
  Address from;
  uint64_t whole = 0;
  const auto flags = static_cast<uint32_t>(c.a[3]);
  const Result n = receive(c, c.fd(), std::min<uint64_t>(c.a[2], kSocketBuffer), transfer(flags), bytes, from, whole);
  if (!n) return n;
  if (!c.memory().write(c.a[1], bytes.data(), bytes.size())) return Error::FAULT;
  if (c.a[4] != 0 && from.empty() && !c.put(c.a[5], uint32_t{0})) return Error::FAULT;
  if (!from.empty())
    if (const Result e = put_address(c, from, c.a[4], c.a[5]); !e) return e;
  return flags & kTruncated ? Result(static_cast<int64_t>(whole)) : n;
}

Result sys_sendmsg(Call& c) {
  MessageHeader m{};
  std::vector<Part> parts;
  uint64_t total = 0;
  Result e;
  const Socket* x = socket_of(c, c.fd(), e);
  if (!x) return e;
  if (e = get_message(c, m, parts, total); !e) return e;
  if (m.control_size > 0) return Error::OPNOTSUPP;  // passes no descriptors
  std::string bytes;
  Address to;
  if (e = gather(c, parts, bytes); !e) return e;
  if (m.name != 0 && m.name_size != 0)
    if (e = get_address(c, m.name, m.name_size, x->family, to); !e) return e;
  return send(c, bytes, c.a[2], to.empty() ? nullptr : &to);
}

Result sys_recvmsg(Call& c) {
  MessageHeader m{};
  std::vector<Part> parts;
  uint64_t total = 0, whole = 0;
  if (const Result e = get_message(c, m, parts, total); !e) return e;
  std::string bytes;
  Address from;
  const auto flags = static_cast<uint32_t>(c.a[2]);
  const Result n = receive(c, c.fd(), std::min<uint64_t>(total, kSocketBuffer), transfer(flags), bytes, from, whole);
  if (!n) return n;
  if (const Result e = scatter(c, parts, bytes); !e) return e;
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

// Kept and given back; only SO_REUSEADDR changes what this network does.
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
  if (e = set_option(c, *x, level << 32 | name, value); !e) return e;
  x->reuses_address = x->reuses_address || (level == kSocketLevel && name == kReuse);
  return 0;
}

Result sys_getsockopt(Call& c) {
  Result e;
  constexpr uint32_t kTypes[] = {0, kStream, kDatagram, kSeqPacket};
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
      case kType: value = kTypes[static_cast<size_t>(x->type)]; break;
      case kError: value = static_cast<uint32_t>(linux_errno(std::exchange(x->error, Error::None))); break;
      case kSendSize:
      case kReceiveSize: value = it == x->options.end() ? kSocketBuffer : 2 * value; break;  // the kernel doubles it
      case kAccepting: value = x->listening; break;
      case kDomain: value = static_cast<uint32_t>(number_of(x->family)); break;
      case kProtocol: value = x->family == Family::Unix ? 0 : x->type == SocketType::Stream ? 6 : 17; break;
      default: break;
    }
  size = std::min<uint32_t>(size, 4);
  return c.memory().write(c.a[3], &value, size) && c.put(c.a[4], size) ? kOk : Error::FAULT;
}

}  // namespace deferscope::emu::linux_
