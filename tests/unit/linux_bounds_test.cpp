// What one system call may cost: paths, directory lists, sets of sets, timers, reservations and queues that a hostile
// guest makes as large, as deep and as many as it can. Where it is harmless the host's kernel says what is right.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <random>
#include <set>

#include "emu/linux/abi.h"
#include "linux_harness.h"

namespace deferscope::emu::linux_ {
namespace {

constexpr uint64_t kPathA = 0x8000, kPathB = 0x9800, kData = 0x10000;
constexpr auto kHere = static_cast<uint64_t>(at::FDCWD);
constexpr uint64_t kTiB = uint64_t{1} << 40;

class Bounds : public testing::TestWithParam<bool> {
 protected:
  static int64_t open(Process& p, const std::string& path, uint64_t flags = 0) {
    return p.call("openat", {kHere, p.put_string(kPathA, path), flags, 0644});
  }
  static int64_t link(Process& p, const std::string& target, const std::string& path) {
    return p.call("symlinkat", {p.put_string(kPathA, target), kHere, p.put_string(kPathB, path)});
  }
  static int64_t status(Process& p, const std::string& path) {
    return p.call("newfstatat", {kHere, p.put_string(kPathA, path), Process::kBuffer, 0});
  }
};
INSTANTIATE_TEST_SUITE_P(BothIsas, Bounds, testing::Values(true, false),
                         [](const auto& i) { return i.param ? "amd64" : "arm64"; });

// --- paths ---

TEST_P(Bounds, LinksMayLeaveTmpAndComeBackAsOftenAsTheyLike) {
  for (const std::string step : {"../tmp/", "../nowhere/../tmp/", "/../tmp/./"}) {
    Process p(GetParam());
    ASSERT_EQ(open(p, "/tmp/l0", open_flag::CREAT | open_flag::RDWR), 3);
    constexpr int kLinks = 41;
    for (int i = 1; i <= kLinks; ++i) {
      std::string target;
      while (target.size() + step.size() < 4080) target += step;
      ASSERT_EQ(link(p, target + "l" + std::to_string(i - 1), "/tmp/l" + std::to_string(i)), 0);
    }
    EXPECT_EQ(status(p, "/tmp/l40"), 0) << step;
    EXPECT_EQ(status(p, "/tmp/l41"), -err::LOOP) << step;
  }
}

TEST_P(Bounds, ALinkToItselfIsALoop) {
  Process p(GetParam());
  ASSERT_EQ(link(p, "/tmp/self", "/tmp/self"), 0);
  ASSERT_EQ(link(p, "self2/../self2", "/tmp/self2"), 0);
  EXPECT_EQ(status(p, "/tmp/self"), -err::LOOP);
  EXPECT_EQ(status(p, "/tmp/self2/x"), -err::LOOP);
}

// --- directory lists ---

// Names from the descriptor's offset on; at most 10 lists, so that one without end fails.
std::vector<std::string> names_from(Process& p, uint64_t fd, uint64_t room = 4096) {
  std::vector<std::string> names;
  for (int i = 0; i < 10; ++i) {
    const int64_t n = p.call("getdents64", {fd, Process::kBuffer + kData, room});
    if (n <= 0) return n < 0 ? names.push_back("error"), names : names;
    for (int64_t at = 0; at < n;) {
      std::string name;
      const uint64_t record = Process::kBuffer + kData + static_cast<uint64_t>(at);
      p.m.memory.read_string(record + 19, name);
      names.push_back(name);
      at += p.get<uint16_t>(record + 16);
    }
  }
  return names.push_back("no end"), names;
}

TEST_P(Bounds, AListGoesOnWhereverLseekPutsIt) {
  Process p(GetParam());
  for (const char* name : {"a", "b", "c"}) ASSERT_GE(open(p, std::string("/tmp/") + name, open_flag::CREAT), 0);
  const auto fd = static_cast<uint64_t>(open(p, "/tmp"));
  const std::vector<std::string> all = names_from(p, fd);
  ASSERT_EQ(all, (std::vector<std::string>{".", "..", "a", "b", "c"}));
  for (uint64_t offset = 0; offset < 300; ++offset) {
    ASSERT_EQ(p.call("lseek", {fd, offset, 0}), static_cast<int64_t>(offset));
    const std::vector<std::string> rest = names_from(p, fd);
    ASSERT_LE(rest.size(), all.size()) << offset;
    EXPECT_TRUE(std::equal(rest.rbegin(), rest.rend(), all.rbegin())) << offset;
  }
  for (const uint64_t offset : {uint64_t{1} << 40, uint64_t{INT64_MAX}}) {
    ASSERT_EQ(p.call("lseek", {fd, offset, 0}), static_cast<int64_t>(offset));
    EXPECT_TRUE(names_from(p, fd).empty());
  }
}

// d_off is the cookie of what follows, before the first list too.
TEST_P(Bounds, CookiesLeadBack) {
  Process p(GetParam());
  for (const char* name : {"a", "b", "c"}) ASSERT_GE(open(p, std::string("/tmp/") + name, open_flag::CREAT), 0);
  const auto fd = static_cast<uint64_t>(open(p, "/tmp")), other = static_cast<uint64_t>(open(p, "/tmp"));
  ASSERT_GT(p.call("getdents64", {fd, Process::kBuffer + kData, 4096}), 0);
  uint64_t at = Process::kBuffer + kData;
  for (size_t left : {4u, 3u, 2u, 1u, 0u}) {
    const auto cookie = p.get<uint64_t>(at + 8);
    at += p.get<uint16_t>(at + 16);
    const uint64_t keep = at;
    p.call("lseek", {other, cookie, 0});
    EXPECT_EQ(names_from(p, other).size(), left);
    ASSERT_EQ(p.call("lseek", {fd, 0, 0}), 0);
    ASSERT_GT(p.call("getdents64", {fd, Process::kBuffer + kData, 4096}), 0);
    at = keep;
  }
}

// --- epoll ---

// Sets in sets: what epoll_ctl answers, ours and the host's.
class Sets {
 public:
  Sets(Process& p, size_t sets, size_t events) : p_(p) {
    for (size_t i = 0; i < sets + events; ++i) {
      const bool set = i < sets;
      ours_.push_back(set ? p.call("epoll_create1", {0}) : p.call("eventfd2", {1, 0}));
      host_.push_back(set ? epoll_create1(EPOLL_CLOEXEC) : eventfd(1, EFD_CLOEXEC));
    }
  }
  ~Sets() {
    for (int fd : host_) ::close(fd);
  }
  Sets(const Sets&) = delete;
  int64_t ours(size_t to, size_t from, int op = EPOLL_CTL_ADD) {
    const uint64_t event = Process::kBuffer + kData;
    p_.m.memory.write_value(event, uint32_t{EPOLLIN});
    return p_.call("epoll_ctl", {static_cast<uint64_t>(ours_[to]), static_cast<uint64_t>(op),
                                 static_cast<uint64_t>(ours_[from]), event});
  }
  int64_t host(size_t to, size_t from, int op = EPOLL_CTL_ADD) {
    epoll_event e{EPOLLIN, {}};
    return epoll_ctl(host_[to], op, host_[from], &e) == 0 ? 0 : -errno;
  }
  bool ready(size_t set) {
    return p_.call("epoll_pwait", {static_cast<uint64_t>(ours_[set]), Process::kBuffer + kData, 8, 0, 0, 8}) > 0;
  }
  bool host_ready(size_t set) {
    epoll_event e[8];
    return epoll_wait(host_[set], e, 8, 0) > 0;
  }

 private:
  Process& p_;
  std::vector<int64_t> ours_;
  std::vector<int> host_;
};

// Kernels of before 2025 allow one more link, and look only downwards.
bool host_counts_both_ways() {
  Process p(true);
  Sets sets(p, 6, 0);
  for (size_t i = 0; i < 4; ++i)
    if (sets.host(i, i + 1) != 0) return false;
  return sets.host(4, 5) == -ELOOP;
}

TEST_P(Bounds, SetsNestAsTheHostsDo) {
  if (!host_counts_both_ways()) GTEST_SKIP() << "the host's kernel has the older rule";
  constexpr size_t kSets = 9, kEvents = 3;
  int refused = 0, added = 0;
  for (unsigned seed = 0; seed < 12; ++seed) {
    Process p(GetParam());
    Sets sets(p, kSets, kEvents);
    std::mt19937 random(seed);
    for (int i = 0; i < 120; ++i) {
      const size_t to = random() % kSets, from = random() % (kSets + kEvents);
      const int op = random() % 5 == 0 ? EPOLL_CTL_DEL : EPOLL_CTL_ADD;
      const int64_t ours = sets.ours(to, from, op);
      ASSERT_EQ(ours, sets.host(to, from, op)) << "seed " << seed << ", call " << i << ": " << to << " ← " << from;
      refused += ours == -err::LOOP;
      added += ours == 0;
    }
    for (size_t set = 0; set < kSets; ++set) EXPECT_EQ(sets.ready(set), sets.host_ready(set)) << seed << ", " << set;
  }
  EXPECT_GT(refused, 50);
  EXPECT_GT(added, 200);
}

// The ways by which one file wakes sets above sets: so many of each length.
TEST_P(Bounds, WakePathsAreCountedAsTheHostCountsThem) {
  if (!host_counts_both_ways()) GTEST_SKIP() << "the host's kernel has the older rule";
  Process p(GetParam());
  constexpr size_t kBottom = 40, kTop = 40;
  Sets sets(p, kBottom + kTop, 1);
  const size_t event = kBottom + kTop;
  int refused = 0;
  for (size_t b = 0; b < kBottom; ++b)
    for (size_t t = 0; t < kTop; ++t) {
      if (t == 20) {
        const int64_t ours = sets.ours(b, event);
        ASSERT_EQ(ours, sets.host(b, event)) << b;
      }
      const int64_t ours = sets.ours(kBottom + t, b);
      ASSERT_EQ(ours, sets.host(kBottom + t, b)) << b << ", " << t;
      refused += ours == -err::INVAL;
    }
  EXPECT_GT(refused, 0);
}

TEST_P(Bounds, DiamondsOfSetsEnd) {
  Process p(GetParam());
  constexpr size_t kLayers = 40;
  Sets sets(p, 2 * kLayers, 1);
  int loops = 0;
  for (size_t layer = 1; layer < kLayers; ++layer)
    for (size_t up : {0u, 1u})
      for (size_t down : {0u, 1u}) loops += sets.ours(2 * layer + up, 2 * layer - 2 + down) == -err::LOOP;
  EXPECT_GT(loops, 20);
  EXPECT_FALSE(sets.ready(2 * kLayers - 1));
  EXPECT_EQ(sets.ours(0, 0), -err::INVAL);
}

// An item goes with its descriptor, and the file's list of sets with it.
TEST_P(Bounds, ClosedDescriptorsLeaveTheirSets) {
  Process p(GetParam());
  const uint64_t set = static_cast<uint64_t>(p.call("epoll_create1", {0}));
  for (int round = 0; round < 3; ++round) {
    const auto fd = static_cast<uint64_t>(p.call("eventfd2", {1, 0}));
    p.m.memory.write_value(Process::kBuffer + kData, uint32_t{EPOLLIN});
    ASSERT_EQ(p.call("epoll_ctl", {set, EPOLL_CTL_ADD, fd, Process::kBuffer + kData}), 0);
    EXPECT_EQ(p.call("epoll_pwait", {set, Process::kBuffer + kData, 8, 0, 0, 8}), 1);
    ASSERT_EQ(p.call("close", {fd}), 0);
    EXPECT_EQ(p.call("epoll_pwait", {set, Process::kBuffer + kData, 8, 0, 0, 8}), 0);
  }
  EXPECT_EQ(p.call("close", {set}), 0);
}

// --- timers ---

struct TimerSpec {
  TimeSpec interval, value;
};

uint64_t make_timer(Process& p, int signo, int notify, TimerSpec spec) {
  const uint64_t event = Process::kBuffer + kData, id = event + 128, when = event + 256;
  struct {
    uint64_t value;
    int32_t signo, notify, pad[12];
  } e{7, signo, notify, {}};
  p.m.memory.write_value(event, e);
  p.m.memory.write_value(when, spec);
  EXPECT_EQ(p.call("timer_create", {clock_id::MONOTONIC, event, id}), 0);
  const auto timer = p.get<uint32_t>(id);
  EXPECT_EQ(p.call("timer_settime", {timer, 0, when, 0}), 0);
  return timer;
}

void sleep_for(Process& p, int64_t seconds) {
  p.m.memory.write_value(Process::kBuffer, TimeSpec{seconds, 0});
  p.call("nanosleep", {Process::kBuffer, 0});
}

// While everybody sleeps the clock goes straight to what wakes somebody.
TEST_P(Bounds, TimersThatNobodyHearsDoNotStopTheClock) {
  constexpr int kSignal = 0, kNone = 1;
  Process p(GetParam());
  make_timer(p, 0, kNone, {{0, 1}, {0, 1}});
  make_timer(p, sig::CHLD, kSignal, {{0, 1}, {0, 1}});  // ignored by default
  make_timer(p, sig::WINCH, kSignal, {{0, 1000}, {0, 1}});
  sleep_for(p, 1'000'000);
  ASSERT_TRUE(p.blocked(0));
  const uint64_t wake = p.m.threads[0].wake_at;
  EXPECT_EQ(p.m.os->next_wake_ns(p.m), wake);
  p.sleep_until(wake);
  EXPECT_FALSE(p.blocked(0));
  EXPECT_GT(p.m.os->next_due_ns(p.m), p.m.now_ns());
}

// A signal that is blocked is pending once; what its timer does meanwhile is overrun.
TEST_P(Bounds, ABlockedTimerSignalIsQueuedOnce) {
  for (int signo : {sig::ALRM, 40}) {
    Process p(GetParam());
    p.m.memory.write_value(Process::kBuffer + kData, ~uint64_t{0});
    ASSERT_EQ(p.call("rt_sigprocmask", {0, Process::kBuffer + kData, 0, 8}), 0);
    const uint64_t timer = make_timer(p, signo, 0, {{0, 1000}, {0, 1000}});
    sleep_for(p, 1);
    const uint64_t wake = p.m.threads[0].wake_at;
    EXPECT_LT(p.m.os->next_wake_ns(p.m), wake);
    p.sleep_until(p.m.os->next_wake_ns(p.m));
    EXPECT_EQ(p.m.os->next_wake_ns(p.m), wake) << signo;
    p.sleep_until(wake);
    EXPECT_NEAR(static_cast<double>(p.call("timer_getoverrun", {timer})), 1e6, 10) << signo;
    p.m.memory.write_value(Process::kBuffer + kData, sig::bit(signo));
    EXPECT_EQ(p.call("rt_sigtimedwait", {Process::kBuffer + kData, 0, 0, 8}), signo);
    p.m.memory.write_value(Process::kBuffer, TimeSpec{0, 0});
    EXPECT_EQ(p.call("rt_sigtimedwait", {Process::kBuffer + kData, 0, Process::kBuffer, 8}), -err::AGAIN) << signo;
  }
}

TEST_P(Bounds, TimesBeyondTheEndOfTimeNeverCome) {
  Process p(GetParam());
  p.add_thread();
  const TimerSpec forever{{INT64_MAX, 999'999'999}, {INT64_MAX, 999'999'999}},
      far{{INT64_MAX / 1'000'000'000, 0}, {0, 1}};
  make_timer(p, sig::USR1, 0, forever);
  make_timer(p, sig::CHLD, 0, far);  // expires once, then in 292 years
  p.sleep_until(p.m.now_ns() + 5);
  EXPECT_GT(p.m.os->next_due_ns(p.m), uint64_t{INT64_MAX});
  sleep_for(p, INT64_MAX);
  EXPECT_TRUE(p.blocked(0));
  EXPECT_EQ(p.m.threads[0].wake_at, kNever);
}

// What a timer without a signal has left is computed when it is asked.
TEST_P(Bounds, ASilentTimerIsReadLater) {
  Process p(GetParam());
  const uint64_t timer = make_timer(p, 0, 1, {{1, 0}, {3, 0}});
  p.sleep_until(p.m.now_ns() + 10'500'000'000);
  ASSERT_EQ(p.call("timer_gettime", {timer, Process::kBuffer}), 0);
  const auto left = p.get<TimerSpec>(Process::kBuffer);
  EXPECT_EQ(left.value.sec, 0);
  EXPECT_NEAR(static_cast<double>(left.value.nsec), 5e8, 1000);
}

// --- reservations ---

TEST_P(Bounds, AReservationMovesAtTheCostOfWhatIsInIt) {
  Process p(GetParam());
  constexpr uint64_t kPrivateAnonymous = 0x22, kNoReserve = 0x4000;
  const int64_t at = p.call("mmap", {0, 32 * kTiB, 3, kPrivateAnonymous | kNoReserve, ~uint64_t{0}, 0});
  ASSERT_GT(at, 0);
  const auto base = static_cast<uint64_t>(at);
  const uint64_t places[] = {0, 5 * kTiB + 12345, 32 * kTiB - 8};
  for (uint64_t place : places) ASSERT_TRUE(p.m.memory.write_value(base + place, place + 1));
  const MachineState before = p.m;
  const int64_t moved = p.call("mremap", {base, 32 * kTiB, 40 * kTiB, 1, 0});
  ASSERT_GT(moved, 0);
  for (uint64_t place : places) EXPECT_EQ(p.get<uint64_t>(static_cast<uint64_t>(moved) + place), place + 1);
  EXPECT_EQ(p.get<uint64_t>(static_cast<uint64_t>(moved) + kTiB), 0u);
  EXPECT_TRUE(moved == at || !p.m.memory.is_mapped(base, 1));
  ASSERT_TRUE(p.m.memory.write_value(static_cast<uint64_t>(moved), uint64_t{9}));
  uint64_t old = 0;
  ASSERT_TRUE(before.memory.peek(base, &old, 8));
  EXPECT_EQ(old, 1u);
  for (const char* call : {"mlock", "munmap"}) EXPECT_EQ(p.call(call, {static_cast<uint64_t>(moved), 40 * kTiB}), 0);
  EXPECT_FALSE(p.m.memory.any_mapped(static_cast<uint64_t>(moved), 40 * kTiB));
}

// A file's pages move with what stands behind them.
TEST_P(Bounds, AMovedFileMappingKeepsItsBytes) {
  Process p(GetParam());
  ASSERT_EQ(open(p, "/tmp/f", open_flag::CREAT | open_flag::RDWR), 3);
  const std::string bytes(10'000, 'x');
  p.m.memory.write(Process::kBuffer + kData, bytes.data(), bytes.size());
  ASSERT_EQ(p.call("write", {3, Process::kBuffer + kData, bytes.size()}), 10'000);
  const int64_t at = p.call("mmap", {0, 12'288, 3, 2, 3, 0});
  ASSERT_GT(at, 0);
  ASSERT_TRUE(p.m.memory.write_value(static_cast<uint64_t>(at) + 4096, uint8_t{'y'}));
  const uint64_t to = 0x20000000;
  ASSERT_EQ(p.call("mremap", {static_cast<uint64_t>(at), 12'288, 12'288, 3, to}), static_cast<int64_t>(to));
  EXPECT_EQ(p.get<uint8_t>(to), 'x');
  EXPECT_EQ(p.get<uint8_t>(to + 4096), 'y');
  EXPECT_EQ(p.get<uint8_t>(to + 9'999), 'x');
  EXPECT_EQ(p.get<uint8_t>(to + 10'000), 0);
}

// The host's kernel, on ranges that wrap around and on two mappings.
TEST_P(Bounds, RangesBeyondAllAddresses) {
  Process p(GetParam());
  EXPECT_EQ(p.call("mlock", {Process::kBuffer, ~uint64_t{0} - 4096}), -err::NOMEM);
  EXPECT_EQ(p.call("mremap", {Process::kBuffer, ~uint64_t{0}, 4096, 1, 0}), -err::INVAL);
  EXPECT_EQ(p.call("mincore", {Process::kBuffer, 1 << 20, Process::kBuffer}), 0);
  EXPECT_EQ(p.get<uint8_t>(Process::kBuffer + 255), 1);
}

// --- sockets ---

// A datagram to a socket whose own peer is gone: what the host says.
TEST_P(Bounds, ADatagramForOneWhosePeerIsGone) {
  Process p(GetParam());
  const std::string name = std::string("\0deferscope-bounds-", 19) + std::to_string(getpid());
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, name.data(), name.size());
  const auto size = static_cast<socklen_t>(2 + name.size());
  int pair[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair), 0);
  ASSERT_EQ(bind(pair[1], reinterpret_cast<sockaddr*>(&address), size), 0);
  ::close(pair[0]);
  const int other = socket(AF_UNIX, SOCK_DGRAM, 0);
  const int64_t host =
      sendto(other, "x", 1, MSG_DONTWAIT, reinterpret_cast<sockaddr*>(&address), size) == 1 ? 1 : -errno;
  ::close(other);
  ::close(pair[1]);

  ASSERT_EQ(p.call("socketpair", {AF_UNIX, SOCK_DGRAM, 0, Process::kBuffer}), 0);
  const auto one = p.get<uint32_t>(Process::kBuffer), two = p.get<uint32_t>(Process::kBuffer + 4);
  p.m.memory.write(Process::kBuffer + kData, &address, sizeof address);
  ASSERT_EQ(p.call("bind", {two, Process::kBuffer + kData, size}), 0);
  ASSERT_EQ(p.call("close", {one}), 0);
  const auto third = static_cast<uint64_t>(p.call("socket", {AF_UNIX, SOCK_DGRAM, 0}));
  EXPECT_EQ(p.call("sendto", {third, p.put_string(0, "x"), 1, MSG_DONTWAIT, Process::kBuffer + kData, size}), host);
}

// Empty packets fill a queue too.
TEST_P(Bounds, EmptyDatagramsAreNotFree) {
  Process p(GetParam());
  ASSERT_EQ(p.call("socketpair", {AF_UNIX, SOCK_DGRAM, 0, Process::kBuffer}), 0);
  const auto one = p.get<uint32_t>(Process::kBuffer);
  int sent = 0;
  while (sent < 10'000 && p.call("sendto", {one, Process::kBuffer, 0, MSG_DONTWAIT, 0, 0}) == 0) ++sent;
  EXPECT_LT(sent, 1000);
}

// --- descriptors, files, signals ---

TEST_P(Bounds, DescriptorsEndWhereTheLimitSays) {
  Process p(GetParam());
  // The host's answers for the same limit: dup2 EBADF, F_DUPFD EINVAL, dup EMFILE.
  EXPECT_EQ(p.call("dup3", {1, 1024, 0}), -err::BADF);
  EXPECT_EQ(p.call("dup3", {1, 1'000'000'000, 0}), -err::BADF);
  EXPECT_EQ(p.call("dup3", {1, 1023, 0}), 1023);
  EXPECT_EQ(p.call("fcntl", {1, 0, 1024}), -err::INVAL);
  EXPECT_EQ(p.call("fcntl", {1, 0, 1023}), -err::MFILE);
  int64_t last = 0;
  while (last >= 0) last = p.call("dup", {1});
  EXPECT_EQ(last, -err::MFILE);
  EXPECT_EQ(p.call("pipe2", {Process::kBuffer, 0}), -err::MFILE);
  EXPECT_EQ(open(p, "/proc/self/maps"), -err::MFILE);
}

TEST_P(Bounds, QueuedSignalsAndTimersShareALimit) {
  Process p(GetParam());
  p.m.memory.write_value(Process::kBuffer + kData, ~uint64_t{0});
  ASSERT_EQ(p.call("rt_sigprocmask", {0, Process::kBuffer + kData, 0, 8}), 0);
  const uint64_t pid = static_cast<uint64_t>(p.call("getpid"));
  int sent = 0;
  while (sent < 10'000 && p.call("tgkill", {pid, pid, 40}) == 0) ++sent;
  EXPECT_EQ(p.call("tgkill", {pid, pid, 40}), -err::AGAIN);
  EXPECT_EQ(sent, 4096);
  EXPECT_EQ(p.call("kill", {pid, 41}), 0);  // as Linux: pending, without its information
  EXPECT_EQ(p.call("kill", {pid, sig::USR1}), 0);
  EXPECT_EQ(p.call("timer_create", {clock_id::MONOTONIC, 0, Process::kBuffer}), -err::AGAIN);
}

TEST_P(Bounds, ASparseFileCostsWhatIsWritten) {
  GuestOptions options;
  options.max_memory = 16 << 20;
  Process p(GetParam(), options);
  ASSERT_EQ(open(p, "/tmp/f", open_flag::CREAT | open_flag::RDWR), 3);
  EXPECT_EQ(p.call("ftruncate", {3, kTiB}), 0);
  const uint64_t before = p.m.memory.held_bytes();
  EXPECT_EQ(p.call("pwrite64", {3, p.put_string(kData, "end"), 3, kTiB - 3}), 3);
  EXPECT_LT(p.m.memory.held_bytes() - before, 32u << 10);
  EXPECT_EQ(p.call("pread64", {3, Process::kBuffer, 10, kTiB - 5}), 5);
  EXPECT_EQ(p.get<uint8_t>(Process::kBuffer + 1), 0);
  EXPECT_EQ(p.get<uint8_t>(Process::kBuffer + 2), 'e');
  // Until the budget is full; taking it away makes room again.
  int64_t n = 0;
  uint64_t total = 0;
  while ((n = p.call("pwrite64", {3, Process::kBuffer, 1 << 19, total})) > 0) total += static_cast<uint64_t>(n);
  EXPECT_EQ(n, -err::NOSPC);
  EXPECT_GT(total, 8u << 20);
  EXPECT_LT(total, 16u << 20);
  EXPECT_EQ(p.call("ftruncate", {3, 0}), 0);
  EXPECT_EQ(p.call("pwrite64", {3, Process::kBuffer, 1 << 19, 0}), 1 << 19);
}

// Whatever is opened, filled and closed again leaves nothing behind in the account.
TEST_P(Bounds, TheAccountIsEmptyAgainWhenAllIsClosed) {
  Process p(GetParam());
  ASSERT_EQ(p.call("getpid"), 1000);
  const uint64_t first = p.m.memory.held_bytes() - p.m.memory.own_bytes();
  for (int round = 0; round < 2; ++round) {
    const auto fd = [&](uint64_t at) { return uint64_t{p.get<uint32_t>(Process::kBuffer + at)}; };
    ASSERT_EQ(p.call("pipe2", {Process::kBuffer, 0}), 0);
    ASSERT_EQ(p.call("socketpair", {AF_UNIX, SOCK_STREAM, 0, Process::kBuffer + 8}), 0);
    ASSERT_EQ(p.call("socketpair", {AF_UNIX, SOCK_DGRAM, 0, Process::kBuffer + 16}), 0);
    for (uint64_t at : {4u, 8u, 16u}) ASSERT_EQ(p.call("write", {fd(at), Process::kBuffer, 1000}), 1000);
    ASSERT_EQ(p.call("read", {fd(0), Process::kBuffer + kData, 300}), 300);
    ASSERT_EQ(p.call("read", {fd(12), Process::kBuffer + kData, 300}), 300);
    const auto set = static_cast<uint64_t>(p.call("epoll_create1", {0}));
    p.m.memory.write_value(Process::kBuffer + kData, uint32_t{EPOLLIN});
    ASSERT_EQ(p.call("epoll_ctl", {set, EPOLL_CTL_ADD, fd(0), Process::kBuffer + kData}), 0);
    ASSERT_EQ(p.call("epoll_ctl", {set, EPOLL_CTL_ADD, fd(8), Process::kBuffer + kData}), 0);
    ASSERT_EQ(p.call("setsockopt", {fd(8), 1, 7, Process::kBuffer + kData, 4}), 0);
    ASSERT_GE(open(p, "/proc/self/maps"), 0);
    const auto file = static_cast<uint64_t>(open(p, "/tmp/f", open_flag::CREAT | open_flag::RDWR));
    ASSERT_EQ(p.call("write", {file, Process::kBuffer, 10'000}), 10'000);
    ASSERT_EQ(p.call("linkat", {kHere, p.put_string(kPathA, "/tmp/f"), kHere, p.put_string(kPathB, "/tmp/g"), 0}), 0);
    ASSERT_EQ(
        p.call("renameat2", {kHere, p.put_string(kPathA, "/tmp/g"), kHere, p.put_string(kPathB, "/tmp/longer"), 0}), 0);
    ASSERT_EQ(link(p, "f", "/tmp/s"), 0);
    ASSERT_EQ(p.call("mkdirat", {kHere, p.put_string(kPathA, "/tmp/d"), 0755}), 0);
    const auto directory = static_cast<uint64_t>(open(p, "/tmp"));
    ASSERT_GT(p.call("getdents64", {directory, Process::kBuffer + kData, 4096}), 0);
    const int64_t mapped = p.call("mmap", {0, 8192, 3, 2, file, 0});
    ASSERT_GT(mapped, 0);
    make_timer(p, 0, 1, {{0, 1}, {0, 1}});
    EXPECT_GT(p.m.memory.held_bytes() - p.m.memory.own_bytes(), first + 20'000);
    ASSERT_EQ(p.call("timer_delete", {static_cast<uint64_t>(round)}), 0);
    ASSERT_EQ(p.call("munmap", {static_cast<uint64_t>(mapped), 8192}), 0);
    for (const char* name : {"/tmp/f", "/tmp/longer", "/tmp/s"})
      ASSERT_EQ(p.call("unlinkat", {kHere, p.put_string(kPathA, name), 0}), 0);
    ASSERT_EQ(p.call("unlinkat", {kHere, p.put_string(kPathA, "/tmp/d"), at::REMOVEDIR}), 0);
    for (uint64_t i = 3; i < 20; ++i) p.call("close", {i});
    EXPECT_EQ(p.m.memory.held_bytes() - p.m.memory.own_bytes(), first) << round;
  }
}

// The same file again and again is one copy of it; changed in between it is two.
TEST_P(Bounds, AFileIsHeldOnceHoweverOftenItIsMapped) {
  Process p(GetParam());
  ASSERT_EQ(open(p, "/tmp/f", open_flag::CREAT | open_flag::RDWR), 3);
  ASSERT_EQ(p.call("write", {3, Process::kBuffer, 1 << 19}), 1 << 19);
  const auto map = [&] { return p.call("mmap", {0, 1 << 19, 1, 2, 3, 0}); };
  ASSERT_GT(map(), 0);
  const uint64_t once = p.m.memory.held_bytes();
  for (int i = 0; i < 100; ++i) ASSERT_GT(map(), 0);
  EXPECT_LT(p.m.memory.held_bytes() - once, 100u << 10);
  const auto first = static_cast<uint64_t>(p.call("mmap", {0, 1 << 19, 3, 2, 3, 0}));
  ASSERT_TRUE(p.m.memory.write_value(first, uint8_t{'m'}));
  ASSERT_EQ(p.call("pwrite64", {3, p.put_string(kData, "changed"), 7, 0}), 7);
  const auto second = static_cast<uint64_t>(map());
  EXPECT_EQ(p.get<uint8_t>(first), 'm');
  EXPECT_EQ(p.get<uint8_t>(second), 'c');
  EXPECT_GT(p.m.memory.held_bytes() - once, 1u << 19);
}

}  // namespace
}  // namespace deferscope::emu::linux_
