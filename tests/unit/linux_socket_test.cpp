// The guest's own network against the host's: the same calls on both, and each result must be the same.
#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <map>
#include <random>

#include "emu/linux/abi.h"
#include "linux_harness.h"

namespace deferscope::emu::linux_ {
namespace {

constexpr uint64_t kAt = Process::kBuffer, kSizeAt = Process::kBuffer + 0x1000, kData = Process::kBuffer + 0x2000;

class Network : public testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(BothIsas, Network, testing::Values(true, false),
                         [](const auto& i) { return i.param ? "amd64" : "arm64"; });

#if defined(__linux__)

// Sockets by number on both sides; all non-blocking.
class Twins {
 public:
  explicit Twins(bool amd64) : p_(amd64) {
    char name[] = "/tmp/deferscope-net-XXXXXX";
    root_ = ::mkdtemp(name);
    ::signal(SIGPIPE, SIG_IGN);
  }
  ~Twins() {
    for (const auto& [i, s] : sockets_) ::close(s.host);
    std::filesystem::remove_all(root_);
  }
  bool has(int i) const { return sockets_.count(i); }

  void socket(int i, int family, int type) {
    const int host = ::socket(family, type | SOCK_NONBLOCK, 0);
    const int64_t guest = p_.call("socket", {u(family), u(type) | 0x800, 0});
    ASSERT_GE(host, 0);
    ASSERT_GE(guest, 0);
    sockets_[i] = {host, u(guest), family, {}, {}};
  }
  void pair(int i, int j, int type) {
    int fds[2];
    ASSERT_EQ(::socketpair(AF_UNIX, type | SOCK_NONBLOCK, 0, fds), 0);
    ASSERT_EQ(p_.call("socketpair", {1, u(type) | 0x800, 0, kAt}), 0);
    sockets_[i] = {fds[0], p_.get<uint32_t>(kAt), AF_UNIX, {}, {}};
    sockets_[j] = {fds[1], p_.get<uint32_t>(kAt + 4), AF_UNIX, {}, {}};
  }
  // An IPv4 socket at any port, an AF_UNIX one at `name`.
  void bind(int i, const std::string& name = "") {
    Both& s = sockets_.at(i);
    const auto host = address(s, name, true);
    const int64_t want = result(::bind(s.host, at(host), size(host)));
    same("bind", want, p_.call("bind", {s.guest, guest(address(s, name, false)), size(address(s, name, false))}));
    if (want < 0) return;
    s.host_address = host, s.guest_address = address(s, name, false);
    if (s.family == AF_UNIX) return;
    socklen_t n = 16;
    ::getsockname(s.host, reinterpret_cast<sockaddr*>(s.host_address.data()), &n);
    p_.m.memory.write_value(kSizeAt, uint32_t{16});
    same("getsockname", 0, p_.call("getsockname", {s.guest, kAt, kSizeAt}));
    p_.m.memory.read(kAt, s.guest_address.data(), 16);
  }
  void listen(int i) { same("listen", result(::listen(of(i).host, 5)), p_.call("listen", {of(i).guest, 5})); }
  void connect(int i, int to) {
    const std::string h = of(to).host_address, g = of(to).guest_address;
    int64_t want = result(::connect(of(i).host, at(h), size(h)));
    int64_t got = p_.call("connect", {of(i).guest, guest(g), size(g)});
    for (int64_t* r : {&want, &got})
      if (*r == -EINPROGRESS) *r = 0;  // over before anybody could look
    same("connect", want, got);
  }
  bool accept(int i, int j) {
    const int host = ::accept4(of(i).host, nullptr, nullptr, SOCK_NONBLOCK);
    const int64_t want = result(host), got = p_.call("accept4", {of(i).guest, 0, 0, 0x800});
    same("accept", std::min<int64_t>(want, 0), std::min<int64_t>(got, 0));
    if (host >= 0) sockets_[j] = {host, u(got), of(i).family, {}, {}};
    return host >= 0;
  }
  void send(int i, const std::string& text) {
    p_.m.memory.write(kData, text.data(), text.size());
    same("write", result(::write(of(i).host, text.data(), text.size())),
         p_.call("write", {of(i).guest, kData, text.size()}));
  }
  void send_to(int i, int to, const std::string& text) {
    const std::string h = of(to).host_address, g = of(to).guest_address;
    p_.m.memory.write(kData, text.data(), text.size());
    same("sendto", result(::sendto(of(i).host, text.data(), text.size(), MSG_NOSIGNAL, at(h), size(h))),
         p_.call("sendto", {of(i).guest, kData, text.size(), 0x4000, guest(g), size(g)}));
  }
  void receive(int i, size_t n, int flags = 0) {
    std::string want(n, '\0'), got(n, '\0');
    sockaddr_storage from{};
    socklen_t from_size = sizeof from;
    const int64_t r =
        result(::recvfrom(of(i).host, want.data(), n, flags, reinterpret_cast<sockaddr*>(&from), &from_size));
    p_.m.memory.write_value(kSizeAt, static_cast<uint32_t>(sizeof from));
    same("recvfrom", r, p_.call("recvfrom", {of(i).guest, kData, n, u(flags), kAt, kSizeAt}));
    if (r <= 0) return;
    // Names differ by port and root; a sender has one on both sides or on none.
    same("sender", from_size != 0, p_.get<uint32_t>(kSizeAt) != 0);
    p_.m.memory.read(kData, got.data(), n);
    EXPECT_EQ(want.substr(0, std::min<size_t>(n, u(r))), got.substr(0, std::min<size_t>(n, u(r))));
  }
  void shutdown(int i, int how) {
    same("shutdown", result(::shutdown(of(i).host, how)), p_.call("shutdown", {of(i).guest, u(how)}));
  }
  void close(int i) {
    same("close", result(::close(of(i).host)), p_.call("close", {of(i).guest}));
    sockets_.erase(i);
  }
  void poll(int i) {
    pollfd f{of(i).host, POLLIN | POLLOUT | POLLRDHUP, 0};
    ::poll(&f, 1, 0);
    p_.m.memory.write_value(kAt, static_cast<uint32_t>(of(i).guest));
    p_.m.memory.write_value(kAt + 4, uint32_t{POLLIN | POLLOUT | POLLRDHUP});
    p_.call("ppoll", {kAt, 1, zero(), 0, 8});
    same("poll", f.revents, p_.get<uint16_t>(kAt + 6));
  }
  void option(int i, int level, int name) {
    uint32_t value = 0;
    socklen_t n = 4;
    same("getsockopt", result(::getsockopt(of(i).host, level, name, &value, &n)),
         (p_.m.memory.write_value(kSizeAt, uint32_t{4}),
          p_.call("getsockopt", {of(i).guest, u(level), u(name), kAt, kSizeAt})));
    same("option " + std::to_string(name), value, p_.get<uint32_t>(kAt));
  }

 private:
  struct Both {
    int host = -1;
    uint64_t guest = 0;
    int family = 0;
    std::string host_address, guest_address;
  };
  static uint64_t u(int64_t x) { return static_cast<uint64_t>(x); }
  static int64_t result(int64_t r) { return r < 0 ? -errno : r; }
  void same(const std::string& what, int64_t host, int64_t guest) { ASSERT_EQ(host, guest) << what; }
  Both& of(int i) { return sockets_.at(i); }
  uint64_t zero() {
    p_.m.memory.write_value(kSizeAt, uint64_t{0});
    p_.m.memory.write_value(kSizeAt + 8, uint64_t{0});
    return kSizeAt;
  }
  std::string address(const Both& s, const std::string& name, bool host) const {
    if (s.family == AF_UNIX) return std::string("\1\0", 2) + (host ? root_ : "/tmp") + "/" + name;
    std::string a(16, '\0');
    a[0] = AF_INET, a[4] = 127, a[7] = 1;
    return a;
  }
  static const sockaddr* at(const std::string& a) { return reinterpret_cast<const sockaddr*>(a.data()); }
  static socklen_t size(const std::string& a) { return static_cast<socklen_t>(a.size()); }
  uint64_t guest(const std::string& a) {
    p_.m.memory.write(kAt, a.data(), a.size());
    return kAt;
  }

  Process p_;
  std::string root_;
  std::map<int, Both> sockets_;
};

// A sandbox may have no loopback.
bool has_loopback() {
  sockaddr_in a{};
  a.sin_family = AF_INET;
  a.sin_port = htons(9);
  a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int fd = ::socket(AF_INET, SOCK_DGRAM, 0);
  const bool ok = fd >= 0 && ::connect(fd, reinterpret_cast<sockaddr*>(&a), sizeof a) == 0;
  if (fd >= 0) ::close(fd);
  return ok;
}

TEST_P(Network, TcpOnLoopback) {
  if (!has_loopback()) GTEST_SKIP() << "the host has no loopback";
  Twins t(GetParam());
  for (int i : {0, 1, 2}) t.socket(i, AF_INET, SOCK_STREAM);
  t.bind(0);
  t.connect(1, 0);  // nobody listens
  t.option(1, SOL_SOCKET, SO_ERROR);
  t.poll(1);
  t.listen(0);
  t.poll(0);
  t.connect(2, 0);
  t.poll(0);
  ASSERT_TRUE(t.accept(0, 3));
  t.accept(0, 4);  // EAGAIN
  for (int option : {SO_TYPE, SO_ERROR, SO_DOMAIN, SO_PROTOCOL, SO_ACCEPTCONN})
    for (int i : {0, 2, 3}) t.option(i, SOL_SOCKET, option);
  t.poll(2), t.poll(3);
  t.send(2, "hello");
  t.poll(3);
  t.receive(3, 3, MSG_PEEK);
  t.receive(3, 3);
  t.receive(3, 100);
  t.receive(3, 100);
  t.send(3, "answer");
  t.shutdown(3, SHUT_WR);
  t.poll(2);
  t.receive(2, 100);
  t.receive(2, 100);
  t.send(2, "still open");
  t.receive(3, 100);
  t.send(3, "shut");
  t.close(2);
  t.poll(3);
  t.receive(3, 100);
}

TEST_P(Network, TcpAfterTheEnd) {
  if (!has_loopback()) GTEST_SKIP() << "the host has no loopback";
  Twins t(GetParam());
  for (int i : {0, 1, 2}) t.socket(i, AF_INET, SOCK_STREAM);
  t.bind(0), t.listen(0);
  t.connect(1, 0), t.connect(2, 0);
  ASSERT_TRUE(t.accept(0, 3) && t.accept(0, 4));
  t.close(3);
  t.poll(1);
  t.send(1, "the first is sent"), t.send(1, "the second is not");
  t.receive(1, 10);
  t.send(4, "never read");
  t.close(2);  // with bytes unread: reset
  t.receive(4, 10);
  t.receive(4, 10);
  t.bind(0);  // bound already
  t.connect(4, 0);
  t.close(0);
}

TEST_P(Network, UdpOnLoopback) {
  if (!has_loopback()) GTEST_SKIP() << "the host has no loopback";
  Twins t(GetParam());
  for (int i : {0, 1, 2}) t.socket(i, AF_INET, SOCK_DGRAM);
  t.bind(0), t.bind(1);
  t.receive(0, 10);
  t.send(0, "to nobody");
  t.send_to(0, 1, "one"), t.send_to(0, 1, ""), t.send_to(0, 1, "three");
  t.poll(1);
  t.receive(1, 2), t.receive(1, 10), t.receive(1, 10), t.receive(1, 10);
  t.connect(2, 0);
  t.send(2, "connected");
  t.receive(0, 100);
  t.option(2, SOL_SOCKET, SO_ERROR);
  t.listen(2);
  t.accept(2, 3);
}

// AF_UNIX acts at once on the host too: random calls.
TEST_P(Network, UnixAsTheHost) {
  for (unsigned seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    Twins t(GetParam());
    const int type = seed % 3 == 0 ? SOCK_DGRAM : SOCK_STREAM;
    const auto below = [&](unsigned n) { return static_cast<int>(random() % n); };
    for (int i = 0; i < 6; ++i) t.socket(i, AF_UNIX, type);
    t.bind(0, "a"), t.bind(1, "b");
    if (type == SOCK_STREAM) t.listen(0);
    t.pair(6, 7, type);
    int next = 8;
    for (int step = 0; step < (type == SOCK_DGRAM ? 60 : 200) && !testing::Test::HasFatalFailure(); ++step) {
      const int i = below(static_cast<unsigned>(next));
      if (!t.has(i)) continue;
      switch (below(9)) {
        case 0: t.connect(i, below(2)); break;
        case 1:
          if (t.accept(i, next)) ++next;
          break;
        case 2:
        case 3: t.send(i, std::string(static_cast<size_t>(1 + below(200)), static_cast<char>('a' + below(26)))); break;
        case 4:
        case 5: t.receive(i, static_cast<size_t>(1 + below(100)), below(4) ? 0 : MSG_PEEK); break;
        case 6:
          if (i >= 6 && type == SOCK_STREAM)
            t.shutdown(i, below(3));  // connected ones; datagrams: errno differs by kernel
          break;
        case 7:
          if (i > 1 && below(3) == 0) t.close(i);
          break;
        default: t.poll(i);
      }
    }
    if (HasFatalFailure()) return;
  }
}

#endif

TEST_P(Network, NothingBeyondTheGuest) {
  Process p(GetParam());
  ASSERT_EQ(p.call("socket", {2, 1, 0}), 3);
  const uint8_t far[16] = {2, 0, 0, 80, 8, 8, 8, 8};
  p.m.memory.write(kAt, far, sizeof far);
  EXPECT_EQ(p.call("connect", {3, kAt, 16}), -err::NETUNREACH);
  EXPECT_EQ(p.call("bind", {3, kAt, 16}), -err::ADDRNOTAVAIL);
  EXPECT_EQ(p.call("socket", {10, 1, 0}), -err::AFNOSUPPORT);
  EXPECT_EQ(p.call("socket", {16, 3, 0}), -err::AFNOSUPPORT);  // netlink
  EXPECT_EQ(p.call("socket", {2, 3, 1}), -err::SOCKTNOSUPPORT);
  EXPECT_EQ(p.call("bind", {1, kAt, 16}), -err::NOTSOCK);
  EXPECT_EQ(p.call("bind", {9, kAt, 16}), -err::BADF);
  EXPECT_EQ(p.host.asked, 0u);
}

TEST_P(Network, SnapshotsKeepWhatIsUnderWay) {
  Process p(GetParam());
  ASSERT_EQ(p.call("socketpair", {1, 1, 0, kAt}), 0);
  const uint64_t a = p.get<uint32_t>(kAt), b = p.get<uint32_t>(kAt + 4);
  EXPECT_EQ(p.call("write", {a, p.put_string(0x2000, "bytes"), 5}), 5);
  const MachineState before = p.m;
  const uint64_t digest = p.m.digest();
  EXPECT_EQ(p.call("read", {b, kData, 9}), 5);
  EXPECT_NE(p.m.digest(), digest);
  p.m = before;
  EXPECT_EQ(p.m.digest(), digest);
  EXPECT_EQ(p.call("read", {b, kData, 9}), 5);
}

TEST_P(Network, ReadersWaitForBytes) {
  Process p(GetParam());
  ASSERT_EQ(p.call("socketpair", {1, 1, 0, kAt}), 0);
  const uint64_t a = p.get<uint32_t>(kAt), b = p.get<uint32_t>(kAt + 4);
  const size_t other = p.add_thread();
  p.call("read", {b, kData, 9});
  EXPECT_TRUE(p.blocked(0));
  p.m.current = other;
  EXPECT_EQ(p.call("write", {a, p.put_string(0x3000, "bytes"), 5}), 5);
  EXPECT_FALSE(p.blocked(0));
  EXPECT_EQ(p.result(0), 5);
}

}  // namespace
}  // namespace deferscope::emu::linux_
