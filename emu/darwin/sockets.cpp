// Darwin's socket calls: struct sockaddr with its length byte, struct msghdr, flags and options around the guest's own
// network.
#include "emu/posix/sockets.h"

#include <algorithm>
#include <utility>

#include "emu/darwin/call.h"
#include "emu/posix/files.h"

namespace deferscope::emu::darwin {
namespace {

constexpr int kUnix = 1, kInet = 2;                        // families
constexpr int kStream = 1, kDatagram = 2, kSeqPacket = 5;  // types
enum Message : uint32_t { kPeek = 2, kTruncated = 0x10, kDontWait = 0x80, kNoSignal = 0x80000 };

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

// A struct sockaddr argument, whose own length byte says nothing; a path ends at its zero.
Result get_address(Call& c, uint64_t at, uint32_t size, Family family, Address& out) {
  constexpr uint32_t kInetSize = 16, kMost = 255;
  if (size < 2 || size > kMost) return Error::INVAL;
  std::string raw(size, '\0');
  if (!c.memory().read(at, raw.data(), size)) return Error::FAULT;
  const auto byte = [&](size_t i) { return static_cast<uint32_t>(static_cast<uint8_t>(raw[i])); };
  if (static_cast<int>(byte(1)) != number_of(family)) return Error::AFNOSUPPORT;
  if (family == Family::Inet) {
    if (size < kInetSize) return Error::INVAL;
    out = inet_address(byte(4) << 24 | byte(5) << 16 | byte(6) << 8 | byte(7),
                       static_cast<uint16_t>(byte(2) << 8 | byte(3)));
    return 0;
  }
  out = unnamed(Family::Unix);
  out.name = std::string(raw.c_str() + 2, strnlen(raw.data() + 2, size - 2));
  return out.name.empty() ? Error::NOENT : kOk;
}

// As the kernel gives it: unnamed local sockets have 14 zero bytes for a path.
std::string sockaddr(const Address& a) {
  std::string out{'\0', static_cast<char>(number_of(*a.family))};
  if (a.family == Family::Inet) {
    for (unsigned shift : {8, 0}) out += static_cast<char>(a.port >> shift);
    for (unsigned shift : {24, 16, 8, 0}) out += static_cast<char>(a.ip >> shift);
    out += std::string(8, '\0');
  } else {
    out += a.name.empty() ? std::string(14, '\0') : a.name + '\0';
  }
  out[0] = static_cast<char>(out.size());
  return out;
}

// Writes as much as fits and the true length, as accept, getsockname and recvfrom do.
Result put_address(Call& c, const Address& a, uint64_t at, uint64_t size_at) {
  if (at == 0) return 0;
  uint32_t room = 0;
  if (!c.get(size_at, room)) return Error::FAULT;
  const std::string bytes = sockaddr(a);
  if (!c.memory().write(at, bytes.data(), std::min<size_t>(room, bytes.size()))) return Error::FAULT;
  return c.put(size_at, static_cast<uint32_t>(bytes.size())) ? kOk : Error::FAULT;
}

}  // namespace

// --- sockets ---

Result imp_socket(Call& c) {
  constexpr int kTcp = 6, kUdp = 17;
  const int family = c.i32(0), protocol = c.i32(2);
  const auto type = type_of(c.i32(1));
  if (family != kUnix && family != kInet) return Error::AFNOSUPPORT;
  if (!type || (type == SocketType::SeqPacket)) return Error::PROTOTYPE;
  const int own = family == kUnix ? 0 : type == SocketType::Stream ? kTcp : kUdp;
  if (protocol != 0 && protocol != own) return Error::PROTONOSUPPORT;
  return make_socket(c, family == kUnix ? Family::Unix : Family::Inet, *type, false, false);
}

Result imp_socketpair(Call& c) {
  int32_t fds[2];
  const auto type = type_of(c.i32(1));
  if (c.i32() != kUnix) return c.i32() == kInet ? Error::OPNOTSUPP : Error::AFNOSUPPORT;
  if (!type || type == SocketType::SeqPacket) return Error::PROTOTYPE;
  if (const Result e = make_socket_pair(c, *type, false, false, fds); !e) return e;
  if (c.memory().write(c.a[3], fds, sizeof fds)) return 0;
  for (int fd : fds) drop_fd(c.s, fd);
  return Error::FAULT;
}

Result imp_bind(Call& c) {
  Result e;
  Address address;
  const Socket* x = socket_of(c, c.i32(), e);
  if (!x) return e;
  if (e = get_address(c, c.a[1], c.u32(2), x->family, address); !e) return e;
  return bind_socket(c, c.i32(), address);
}

Result imp_listen(Call& c) { return listen_on(c, c.i32(), c.u32(1)); }

Result imp_accept(Call& c) {
  Address peer;
  if (const Result e = next_connection(c, c.i32(), peer); !e) return e;
  if (const Result e = put_address(c, peer, c.a[1], c.a[2]); !e) return e;
  const bool nonblocking = file_of(c.s, c.i32())->nonblocking;  // inherited, as BSD does
  return open_accepted(c, c.i32(), nonblocking, false);
}

Result imp_connect(Call& c) {
  Result e;
  Address to;
  Socket* x = socket_of(c, c.i32(), e);
  if (!x) return e;
  uint8_t family = 0;
  if (c.u32(2) >= 2 && c.get(c.a[1] + 1, family) && family == 0 && !is_stream(*x)) return x->peer = {}, 0;  // AF_UNSPEC
  if (e = get_address(c, c.a[1], c.u32(2), x->family, to); !e) return e;
  return connect_socket(c, c.i32(), to);
}

Result imp_getsockname(Call& c) {
  Address a;
  const Result e = local_address(c, c.i32(), a);
  return e ? put_address(c, a, c.a[1], c.a[2]) : e;
}

Result imp_getpeername(Call& c) {
  Address a;
  const Result e = peer_address(c, c.i32(), a);
  return e ? put_address(c, a, c.a[1], c.a[2]) : e;
}

Result imp_shutdown(Call& c) { return shut_down(c, c.i32(), c.u32(1)); }

// --- messages ---

namespace {

enum : uint64_t { kSocketLevel = 0xffff };
enum Option : uint32_t {
  kAccepting = 0x2,
  kReuse = 0x4,
  kReusePort = 0x200,
  kSendSize = 0x1001,
  kReceiveSize = 0x1002,
  kError = 0x1007,
  kType = 0x1008,
  kReadable = 0x1020,
  kNoSigPipe = 0x1022,
};

uint64_t option_key(uint32_t level, uint32_t name) { return uint64_t{level} << 32 | name; }

Result send(Call& c, const std::string& bytes, uint32_t flags, const Address* to) {
  Result e;
  const Socket* x = socket_of(c, c.i32(), e);
  const auto quiet = x ? x->options.find(option_key(kSocketLevel, kNoSigPipe)) : decltype(x->options.end()){};
  const bool silent = (flags & kNoSignal) || (x && quiet != x->options.end() && quiet->second != 0);
  e = send_bytes(c, c.i32(), bytes, transfer(flags), to);
  return e == Error::PIPE && !silent ? broken_pipe(c) : e;
}

Result get_message(Call& c, MsgHdr& m, std::vector<Part>& parts, uint64_t& total) {
  if (!c.get(c.a[1], m)) return Error::FAULT;
  if (m.iov_count < 0) return Error::MSGSIZE;
  return get_buffers(c, m.iov, static_cast<uint64_t>(m.iov_count), parts, total);
}

}  // namespace

// sendto(fd, bytes, n, flags, address, size)
Result imp_sendto(Call& c) {
  Result e;
  const Socket* x = socket_of(c, c.i32(), e);
  if (!x) return e;
  Address to;
  std::string bytes;
  if (e = get_bytes(c, c.a[1], c.a[2], bytes); !e) return e;
  if (c.a[4] != 0)
    if (e = get_address(c, c.a[4], c.u32(5), x->family, to); !e) return e;
  return send(c, bytes, c.u32(3), c.a[4] != 0 ? &to : nullptr);
}

// recvfrom(fd, buffer, n, flags, address, &size)
Result imp_recvfrom(Call& c) {
  std::string bytes;
  Address from;
  uint64_t whole = 0;
  const Result n =
      receive(c, c.i32(), std::min<uint64_t>(c.a[2], kSocketBuffer), transfer(c.u32(3)), bytes, from, whole);
  if (!n) return n;
  if (!c.memory().write(c.a[1], bytes.data(), bytes.size())) return Error::FAULT;
  if (c.a[4] != 0 && from.empty() && !c.put(c.a[5], uint32_t{0})) return Error::FAULT;
  if (!from.empty())
    if (const Result e = put_address(c, from, c.a[4], c.a[5]); !e) return e;
  return n;
}

Result imp_sendmsg(Call& c) {
  MsgHdr m{};
  std::vector<Part> parts;
  uint64_t total = 0;
  Result e;
  const Socket* x = socket_of(c, c.i32(), e);
  if (!x) return e;
  if (e = get_message(c, m, parts, total); !e) return e;
  if (m.control_size > 0) return Error::OPNOTSUPP;  // passes no descriptors
  std::string bytes;
  Address to;
  if (e = gather(c, parts, bytes); !e) return e;
  if (m.name != 0 && m.name_size != 0)
    if (e = get_address(c, m.name, m.name_size, x->family, to); !e) return e;
  return send(c, bytes, c.u32(2), to.empty() ? nullptr : &to);
}

Result imp_recvmsg(Call& c) {
  MsgHdr m{};
  std::vector<Part> parts;
  uint64_t total = 0, whole = 0;
  if (const Result e = get_message(c, m, parts, total); !e) return e;
  std::string bytes;
  Address from;
  const Result n =
      receive(c, c.i32(), std::min<uint64_t>(total, kSocketBuffer), transfer(c.u32(2)), bytes, from, whole);
  if (!n) return n;
  if (const Result e = scatter(c, parts, bytes); !e) return e;
  constexpr uint64_t kNameSize = offsetof(MsgHdr, name_size);
  m.control_size = 0;
  m.flags = whole > bytes.size() ? static_cast<uint32_t>(kTruncated) : 0;
  if (m.name != 0 && from.empty()) m.name_size = 0;
  if (!c.put(c.a[1], m)) return Error::FAULT;
  if (!from.empty())
    if (const Result e = put_address(c, from, m.name, c.a[1] + kNameSize); !e) return e;
  return n;
}

Result imp_sendfile(Call&) { return Error::OPNOTSUPP; }  // callers copy then

// --- options ---

// Kept and given back; only SO_REUSEADDR and SO_NOSIGPIPE change what this network does.
Result imp_setsockopt(Call& c) {
  constexpr uint32_t kMostLevel = 0xffff, kMostName = 0x2000;
  Result e;
  uint32_t value = 0;
  Socket* x = socket_of(c, c.i32(), e);
  if (!x) return e;
  if (c.u32(4) < 4) return Error::INVAL;
  if (!c.get(c.a[3], value)) return Error::FAULT;
  if (c.u32(1) > kMostLevel || c.u32(2) >= kMostName) return Error::NOPROTOOPT;
  if (e = set_option(c, *x, option_key(c.u32(1), c.u32(2)), value); !e) return e;
  const bool reuse = c.u32(1) == kSocketLevel && (c.u32(2) == kReuse || c.u32(2) == kReusePort);
  x->reuses_address = x->reuses_address || reuse;
  return 0;
}

namespace {

// What the socket itself answers; none: what was set, or 0.
std::optional<uint32_t> own_option(Socket& x, uint32_t name, bool was_set) {
  constexpr uint32_t kTypes[] = {0, kStream, kDatagram, kSeqPacket};
  switch (name) {
    case kType: return kTypes[static_cast<size_t>(x.type)];
    case kError: return static_cast<uint32_t>(darwin_errno(std::exchange(x.error, Error::None)));
    case kAccepting: return x.listening;
    case kReadable: return static_cast<uint32_t>(x.bytes.size());
    case kSendSize:
    case kReceiveSize:
      if (!was_set) return static_cast<uint32_t>(kSocketBuffer);
      break;
    default: break;
  }
  return std::nullopt;
}

}  // namespace

Result imp_getsockopt(Call& c) {
  Result e;
  uint32_t size = 0;
  Socket* x = socket_of(c, c.i32(), e);
  if (!x) return e;
  if (!c.get(c.a[4], size)) return Error::FAULT;
  const auto it = x->options.find(option_key(c.u32(1), c.u32(2)));
  const bool was_set = it != x->options.end();
  uint32_t value = was_set ? it->second : 0;
  if (c.u32(1) == kSocketLevel) value = own_option(*x, c.u32(2), was_set).value_or(value);
  size = std::min<uint32_t>(size, 4);
  return c.memory().write(c.a[3], &value, size) && c.put(c.a[4], size) ? kOk : Error::FAULT;
}

}  // namespace deferscope::emu::darwin
