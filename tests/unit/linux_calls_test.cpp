// System calls, driven directly, on both instruction sets.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>

#include "emu/linux/abi.h"
#include "emu/linux/syscall_table.h"
#include "linux_harness.h"

namespace deferscope::emu::linux_ {
namespace {

constexpr uint64_t kBuf = Process::kBuffer;
constexpr auto kHere = static_cast<uint64_t>(at::FDCWD);

TEST(SyscallTable, NumbersAreUnique) {
  for (int column : {0, 1}) {
    std::map<int, const char*> seen;
    for (const SyscallRow& row : syscall_rows()) {
      const int nr = column == 0 ? row.amd64 : row.arm64;
      if (nr < 0) continue;
      EXPECT_TRUE(seen.emplace(nr, row.name).second) << row.name << " and " << seen[nr];
      EXPECT_STREQ(syscall_row(static_cast<unsigned>(find_syscall(column, static_cast<uint64_t>(nr)))).name, row.name);
    }
  }
}

class Calls : public testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(BothIsas, Calls, testing::Values(true, false),
                         [](const auto& i) { return i.param ? "amd64" : "arm64"; });

TEST_P(Calls, UnknownCallsAreNamed) {
  Process p(GetParam());
  p.m.cpu().r[p.amd64() ? isa::kRax : 8] = 4000;
  EXPECT_THROW(p.m.os->system_call(p.m, p.host), Unsupported);
}

TEST_P(Calls, StackHoldsArgumentsEnvironmentAndAuxv) {
  GuestOptions options;
  options.argv = {"a", "bc"};
  options.env = {"K=v"};
  Process p(GetParam(), options);
  uint64_t sp = p.m.cpu().r[p.amd64() ? isa::kRsp : isa::kSp];
  EXPECT_EQ(sp % 16, 0u);
  EXPECT_EQ(p.get<uint64_t>(sp), 2u);
  std::string text;
  ASSERT_TRUE(p.m.memory.read_string(p.get<uint64_t>(sp + 16), text));
  EXPECT_EQ(text, "bc");
  EXPECT_EQ(p.get<uint64_t>(sp + 24), 0u);
  uint64_t env = sp + 32, last = 0;
  for (; p.get<uint64_t>(env) != 0; env += 8) last = p.get<uint64_t>(env);
  ASSERT_TRUE(p.m.memory.read_string(last, text));
  EXPECT_EQ(text, "K=v");
  std::map<uint64_t, uint64_t> aux;
  for (uint64_t at = env + 8; p.get<uint64_t>(at) != 0; at += 16) aux[p.get<uint64_t>(at)] = p.get<uint64_t>(at + 8);
  EXPECT_EQ(aux[6], kPage);
  EXPECT_EQ(aux[9], 0x400800u);
  // AT_HWCAP: CPUID leaf 1's EDX; FP, ASIMD, AES, PMULL, SHA1, SHA2, CRC32, ATOMICS, CPUID.
  EXPECT_EQ(aux[16], p.amd64() ? isa::default_cpu_model(isa::Isa::x86_64).cpuid(1, 0).edx : 0x9fbu);
  EXPECT_TRUE(p.m.memory.check_read(aux[25], 16));
  EXPECT_EQ(aux.count(33), 0u);  // no vDSO
}

TEST_P(Calls, MmapHonoursFreeHints) {
  Process p(GetParam());
  const uint64_t hint = 0xc000000000;
  EXPECT_EQ(p.call("mmap", {hint, 0x1000, 3, 0x22, ~0ull, 0}), static_cast<int64_t>(hint));
  const int64_t other = p.call("mmap", {hint, 0x1000, 3, 0x22, ~0ull, 0});
  EXPECT_NE(other, static_cast<int64_t>(hint));
  EXPECT_GT(other, 0);
  EXPECT_EQ(p.call("mmap", {0, 0, 3, 0x22, ~0ull, 0}), -err::INVAL);
  EXPECT_EQ(p.call("munmap", {hint, 0x1000}), 0);
  EXPECT_EQ(p.call("mprotect", {hint, 0x1000, 1}), -err::NOMEM);
}

TEST_P(Calls, DontNeedGivesZerosBack) {
  Process p(GetParam());
  p.m.memory.write_value(kBuf, uint64_t{7});
  EXPECT_EQ(p.call("madvise", {kBuf, 4096, 4}), 0);
  EXPECT_EQ(p.get<uint64_t>(kBuf), 0u);
}

TEST_P(Calls, FutexWakesTheLongestWaiting) {
  Process p(GetParam());
  const size_t a = p.add_thread(), b = p.add_thread();
  for (size_t t : {b, a}) {
    p.m.current = t;
    p.call("futex", {kBuf, 128, 0, 0});
    EXPECT_TRUE(p.blocked(t));
  }
  p.m.current = 0;
  EXPECT_EQ(p.call("futex", {kBuf, 129, 1}), 1);
  EXPECT_FALSE(p.blocked(b));
  EXPECT_TRUE(p.blocked(a));
  EXPECT_EQ(p.result(b), 0);
  EXPECT_EQ(p.call("futex", {kBuf, 128, 1, 0}), -err::AGAIN);  // value differs
}

TEST_P(Calls, FutexTimesOut) {
  Process p(GetParam());
  p.m.memory.write_value(kBuf + 64, TimeSpec{0, 5000});
  const uint64_t start = p.m.now_ns();
  p.call("futex", {kBuf, 128, 0, kBuf + 64});
  ASSERT_TRUE(p.blocked(0));
  const uint64_t due = p.m.os->next_due_ns(p.m);
  EXPECT_GE(due, start + 5000);
  p.sleep_until(due);
  EXPECT_FALSE(p.blocked(0));
  EXPECT_EQ(p.result(0), -err::TIMEDOUT);
}

TEST_P(Calls, ForksFail) {
  Process p(GetParam());
  EXPECT_EQ(p.call("clone", {17, 0, 0, 0, 0}), -err::PERM);
  EXPECT_LT(p.call("execve", {0, 0, 0}), 0);
}

TEST_P(Calls, PipeBlocksAndWakes) {
  Process p(GetParam());
  ASSERT_EQ(p.call("pipe2", {kBuf, 0}), 0);
  const uint64_t r = p.get<uint32_t>(kBuf), w = p.get<uint32_t>(kBuf + 4);
  const size_t t = p.add_thread();
  p.m.current = t;
  p.call("read", {r, kBuf + 100, 10});
  ASSERT_TRUE(p.blocked(t));
  p.m.current = 0;
  EXPECT_EQ(p.call("write", {w, p.put_string(200, "hello"), 5}), 5);
  EXPECT_FALSE(p.blocked(t));
  EXPECT_EQ(p.result(t), 5);
  EXPECT_EQ(p.get<uint8_t>(kBuf + 100), 'h');
  EXPECT_EQ(p.call("close", {w}), 0);
  EXPECT_EQ(p.call("read", {r, kBuf, 10}), 0);
}

TEST_P(Calls, EpollReportsAnEventfdOnceEdgeTriggered) {
  Process p(GetParam());
  const auto ep = static_cast<uint64_t>(p.call("epoll_create1", {0})),
             ev = static_cast<uint64_t>(p.call("eventfd2", {0, 0x800}));
  const uint64_t data_at = kBuf + (p.amd64() ? 4 : 8);
  p.m.memory.write_value(kBuf, uint32_t{poll_bit::IN | poll_bit::ET});
  p.m.memory.write_value(data_at, uint64_t{42});
  ASSERT_EQ(p.call("epoll_ctl", {ep, 1, ev, kBuf}), 0);
  EXPECT_EQ(p.call("epoll_pwait", {ep, kBuf, 8, 0, 0, 0}), 0);
  p.m.memory.write_value(kBuf + 256, uint64_t{1});
  ASSERT_EQ(p.call("write", {ev, kBuf + 256, 8}), 8);
  EXPECT_EQ(p.call("epoll_pwait", {ep, kBuf, 8, 0, 0, 0}), 1);
  EXPECT_EQ(p.get<uint64_t>(data_at), 42u);
  EXPECT_EQ(p.call("epoll_pwait", {ep, kBuf, 8, 0, 0, 0}), 0);
}

// A blocked read is interrupted: EINTR, or again under SA_RESTART.
TEST_P(Calls, SignalsInterruptWaits) {
  for (const bool restart : {false, true}) {
    Process p(GetParam());
    ASSERT_EQ(p.call("pipe2", {kBuf, 0}), 0);
    const uint64_t r = p.get<uint32_t>(kBuf);
    const uint64_t flags = sig::kSaSiginfo | sig::kSaRestorer | (restart ? sig::kSaRestart : 0);
    for (const auto& [i, word] :
         {std::pair{0, uint64_t{0x400800}}, {1, flags}, {2, uint64_t{0x400900}}, {3, uint64_t{0}}})
      p.m.memory.write_value(kBuf + 8 * static_cast<uint64_t>(i), word);
    ASSERT_EQ(p.call("rt_sigaction", {10, kBuf, 0, 8}), 0);
    const size_t t = p.add_thread();
    p.m.current = t;
    const uint64_t before = p.m.threads[t].cpu.pc;
    p.call("read", {r, kBuf + 100, 10});
    ASSERT_TRUE(p.blocked(t));
    p.m.current = 0;
    ASSERT_EQ(p.call("tgkill", {1000, static_cast<uint64_t>(p.m.threads[t].tid), 10}), 0);
    EXPECT_FALSE(p.blocked(t));
    p.deliver(t);
    EXPECT_EQ(p.m.threads[t].cpu.pc, 0x400800u);
    if (p.amd64()) p.m.cpu().r[isa::kRsp] += 8;  // the handler returns to the restorer
    p.call("rt_sigreturn");
    EXPECT_EQ(p.m.threads[t].cpu.pc, restart ? before : before + (p.amd64() ? 2 : 4));
    if (!restart) {
      EXPECT_EQ(p.result(t), -err::INTR);
    }
  }
}

// A signal wakes a thread and another one takes it: the wait goes on and ends when it would have (restart_syscall(2)).
// A profile's 100 signals in a second kept a guest's first thread from ever seeing the end of a longer one.
TEST_P(Calls, WaitsEndInTimeThoughSignalsForOthersWakeThem) {
  Process p(GetParam());
  const uint64_t action[4] = {0x400800, sig::kSaSiginfo | sig::kSaRestorer | sig::kSaRestart, 0x400900, 0};
  const int64_t second[2] = {1, 0};
  p.m.memory.write(kBuf, action, sizeof action);
  p.m.memory.write(kBuf + 100, second, sizeof second);
  ASSERT_EQ(p.call("rt_sigaction", {10, kBuf, 0, 8}), 0);
  const size_t t = p.add_thread();
  struct {
    const char* name;
    uint64_t a[5];
    int64_t result;
  } const waits[] = {{"futex", {kBuf + 200, 0, 0, kBuf + 100, 0}, -err::TIMEDOUT},
                     {"nanosleep", {kBuf + 100, kBuf + 300}, 0},
                     {"ppoll", {0, 0, kBuf + 100, 0, 8}, 0}};
  for (const auto& [name, a, result] : waits) {
    SCOPED_TRACE(name);
    p.m.current = 0;
    const uint64_t before = p.m.cpu().pc, start = p.m.now_ns();
    p.call(name, {a[0], a[1], a[2], a[3], a[4]});
    for (int i = 1; i < 5; ++i) {
      ASSERT_TRUE(p.blocked(0));
      EXPECT_NEAR(static_cast<double>(p.m.threads[0].wake_at), static_cast<double>(start) + 1e9, 100);
      p.sleep_until(start + static_cast<uint64_t>(i) * 200'000'000);
      p.m.current = t;
      ASSERT_EQ(p.call("kill", {1000, 10}), 0);
      ASSERT_FALSE(p.blocked(0));
      p.deliver(t);
      if (p.amd64()) p.m.cpu().r[isa::kRsp] += 8;  // the handler returns to the restorer
      p.call("rt_sigreturn");
      p.deliver(0);
      ASSERT_EQ(p.m.cpu().pc, before);
      p.call(name, {a[0], a[1], a[2], a[3], a[4]});
    }
    p.sleep_until(start + 1'000'000'100);
    EXPECT_FALSE(p.blocked(0));
    EXPECT_EQ(p.result(0), result);
  }
}

TEST_P(Calls, UnhandledSignalKillsAndIgnoredVanishes) {
  Process p(GetParam());
  ASSERT_EQ(p.call("kill", {1000, sig::CHLD}), 0);
  p.deliver(0);
  EXPECT_FALSE(p.m.exited);
  ASSERT_EQ(p.call("kill", {1000, sig::TERM}), 0);
  p.deliver(0);
  EXPECT_TRUE(p.m.exited);
  EXPECT_EQ(p.m.exit_status, 128 + sig::TERM);
}

TEST_P(Calls, TimersFireOnTheVirtualClock) {
  Process p(GetParam());
  const uint64_t value[4] = {0, 0, 0, 1000};  // after 1 ms
  p.m.memory.write(kBuf, value, sizeof value);
  ASSERT_EQ(p.call("setitimer", {0, kBuf, 0}), 0);
  const uint64_t due = p.m.os->next_due_ns(p.m);
  EXPECT_NEAR(static_cast<double>(due), static_cast<double>(p.m.now_ns()) + 1e6, 1.0);
  p.sleep_until(due);
  p.deliver(0);
  EXPECT_EQ(p.m.kill_signal, sig::ALRM);
}

TEST_P(Calls, LastThreadEndsTheProcess) {
  Process p(GetParam());
  const size_t t = p.add_thread();
  p.call("exit", {1});
  EXPECT_FALSE(p.m.exited);
  p.m.current = t;
  p.call("exit", {3});
  EXPECT_TRUE(p.m.exited);
  EXPECT_EQ(p.m.exit_status, 3);
}

// --- files ---

class Files : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    namespace fs = std::filesystem;
    root_ = fs::path(testing::TempDir()) / ("linux_calls_" + std::to_string(::getpid()));
    fs::remove_all(root_);
    fs::create_directories(root_ / "in/sub");
    fs::create_directories(root_ / "out");
    std::ofstream(root_ / "secret") << "secret";
    std::ofstream(root_ / "in/b.txt") << "bytes of b";
    std::ofstream(root_ / "in/a.txt") << "a";
    fs::create_symlink("../secret", root_ / "in/escape");
    fs::create_symlink((root_ / "secret").string(), root_ / "in/absolute");
    fs::create_symlink("..", root_ / "in/sub/up");
    fs::create_symlink("loop", root_ / "in/loop");
    options_.allow_read = {(root_ / "in").string()};
    options_.allow_write = {(root_ / "out").string()};
    options_.cwd = (root_ / "in").string();
  }
  void TearDown() override { std::filesystem::remove_all(root_); }
  int64_t open(Process& p, const std::string& path, uint64_t flags = 0) {
    return p.call("openat", {kHere, p.put_string(0x8000, path), flags, 0644});
  }
  std::filesystem::path root_;
  GuestOptions options_;
};
INSTANTIATE_TEST_SUITE_P(BothIsas, Files, testing::Values(true, false),
                         [](const auto& i) { return i.param ? "amd64" : "arm64"; });

TEST_P(Files, ReadsBelowTheRoot) {
  Process p(GetParam(), options_);
  const int64_t fd = open(p, "b.txt");
  ASSERT_GE(fd, 3);
  EXPECT_EQ(p.call("pread64", {static_cast<uint64_t>(fd), kBuf, 100, 6}), 4);
  EXPECT_EQ(p.call("read", {static_cast<uint64_t>(fd), kBuf, 100}), 10);
  std::string text(10, 0);
  p.m.memory.read(kBuf, text.data(), 10);
  EXPECT_EQ(text, "bytes of b");
  EXPECT_EQ(p.call("lseek", {static_cast<uint64_t>(fd), 0, 2}), 10);
  EXPECT_GE(open(p, "sub/up/a.txt"), 0);  // a link that stays inside
}

TEST_P(Files, NothingEscapes) {
  Process p(GetParam(), options_);
  const std::string top = root_.string();
  for (const std::string& path :
       {std::string("../secret"), std::string("escape"), std::string("absolute"), std::string("sub/up/../secret"),
        top + "/secret", top + "/in/../secret", std::string("/etc/shadow"), std::string("/proc/1/maps"),
        std::string("/dev/mem"), std::string("sub/up/up/../../secret"), top + "/in/sub/../../secret"})
    EXPECT_EQ(open(p, path), -err::NOENT) << path;
  EXPECT_EQ(open(p, "loop"), -err::LOOP);
  EXPECT_EQ(open(p, "new", open_flag::CREAT | open_flag::WRONLY), -err::ACCES);
  EXPECT_EQ(open(p, "b.txt", open_flag::RDWR), -err::ACCES);
  EXPECT_EQ(p.call("unlinkat", {kHere, p.put_string(0x8000, "b.txt"), 0}), -err::ACCES);
  EXPECT_TRUE(std::filesystem::exists(root_ / "in/b.txt"));
}

TEST_P(Files, TheGuestIsInPasswdAndTheHostIsNot) {
  Process p(GetParam());
  const auto fd = static_cast<uint64_t>(open(p, "/etc/passwd"));
  std::string text(200, '\0');
  const int64_t n = p.call("read", {fd, kBuf, text.size()});
  ASSERT_GT(n, 0);
  p.m.memory.read(kBuf, text.data(), static_cast<uint64_t>(n));
  text.resize(static_cast<size_t>(n));
  EXPECT_EQ(text, "root:x:0:0::/root:/bin/sh\nguest:x:1000:1000::/:/bin/sh\n");
  // st_size lies at 48 on both instruction sets.
  const auto size = [&](const char* path) {
    EXPECT_EQ(p.call("newfstatat", {kHere, p.put_string(0x8000, path), kBuf, 0}), 0) << path;
    return p.get<uint64_t>(kBuf + 48);
  };
  EXPECT_EQ(size("/etc/passwd"), text.size());
  EXPECT_EQ(size("/proc/version"), 0u);  // as on Linux
}

TEST_P(Files, LinksMadeByTheGuestLeadNowhere) {
  Process p(GetParam(), options_);
  const std::string link = (root_ / "out/l").string();
  ASSERT_EQ(p.call("symlinkat", {p.put_string(0x7000, (root_ / "secret").string()), kHere, p.put_string(0x8000, link)}),
            0);
  EXPECT_EQ(open(p, link), -err::NOENT);
  EXPECT_EQ(open(p, link, open_flag::WRONLY | open_flag::CREAT), -err::ACCES);
}

TEST_P(Files, WritesBelowTheWritableRootOnce) {
  Process p(GetParam(), options_);
  const std::string path = (root_ / "out/new").string();
  const MachineState before = p.m;
  size_t asked = 0;
  for (int run = 0; run < 2; ++run) {
    const auto fd = static_cast<uint64_t>(open(p, path, open_flag::CREAT | open_flag::WRONLY | open_flag::APPEND));
    ASSERT_EQ(fd, 3u);
    EXPECT_EQ(p.call("write", {fd, p.put_string(0x100, "once"), 4}), 4);
    if (run > 0) continue;
    p.m = before;  // behind the horizon: from the journal
    asked = p.host.asked;
  }
  std::ifstream in(path);
  std::string text;
  in >> text;
  EXPECT_EQ(text, "once");
  EXPECT_EQ(p.host.asked, asked);
}

TEST_P(Files, ListsAreSorted) {
  Process p(GetParam(), options_);
  const auto fd = static_cast<uint64_t>(open(p, "."));
  const int64_t n = p.call("getdents64", {fd, kBuf, 4096});
  ASSERT_GT(n, 0);
  std::vector<std::string> names;
  for (uint64_t at = kBuf; at < kBuf + static_cast<uint64_t>(n); at += p.get<uint16_t>(at + 16)) {
    std::string name;
    p.m.memory.read_string(at + 19, name);
    names.push_back(name);
  }
  EXPECT_EQ(names, (std::vector<std::string>{".", "..", "a.txt", "absolute", "b.txt", "escape", "loop", "sub"}));
  EXPECT_EQ(p.call("getdents64", {fd, kBuf, 4096}), 0);
}

TEST_P(Files, StatusIsNormalised) {
  Process p(GetParam(), options_);
  ASSERT_EQ(p.call("newfstatat", {kHere, p.put_string(0x8000, "b.txt"), kBuf, 0}), 0);
  const uint64_t size_at = 48, mtime_at = 88, uid_at = p.amd64() ? 28 : 24;
  EXPECT_EQ(p.get<uint64_t>(kBuf + size_at), 10u);
  EXPECT_EQ(p.get<uint64_t>(kBuf + mtime_at), GuestOptions{}.clock_start);
  EXPECT_EQ(p.get<uint32_t>(kBuf + uid_at), 1000u);
}

TEST_P(Calls, CopiesAreIndependentAndDigestsTell) {
  Process p(GetParam());
  const MachineState copy = p.m;
  EXPECT_EQ(copy.digest(), p.m.digest());
  const std::initializer_list<uint64_t> args = {kBuf, 16, 0};
  p.call("getrandom", args);
  const uint64_t first = p.get<uint64_t>(kBuf);
  const uint64_t after = p.m.digest();
  EXPECT_NE(copy.digest(), after);
  p.m = copy;
  p.call("getrandom", args);
  EXPECT_EQ(p.get<uint64_t>(kBuf), first);
  EXPECT_EQ(p.m.digest(), after);
}

TEST_P(Calls, DeviceNamesOfTheStandardStreams) {
  Process p(GetParam());
  const auto here = static_cast<uint64_t>(at::FDCWD);
  for (const auto& [name, stream] : {std::pair{"/dev/stdout", 1}, std::pair{"/dev/stderr", 2}}) {
    const int64_t fd = p.call("openat", {here, p.put_string(0, name), open_flag::WRONLY, 0});
    ASSERT_GT(fd, 2);
    EXPECT_EQ(p.call("write", {static_cast<uint64_t>(fd), p.put_string(64, name), 5}), 5);
    EXPECT_EQ(p.host.streams[stream], "/dev/") << name;
  }
  const int64_t in = p.call("openat", {here, p.put_string(0, "/dev/stdin"), open_flag::RDONLY, 0});
  ASSERT_GT(in, 2);
  EXPECT_EQ(p.call("read", {static_cast<uint64_t>(in), kBuf, 5}), 0);  // empty
}

}  // namespace
}  // namespace deferscope::emu::linux_
