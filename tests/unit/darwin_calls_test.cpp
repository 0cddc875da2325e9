// Calls to libSystem, driven directly, on both instruction sets.
#include <gtest/gtest.h>

#include <cstring>

#include "darwin_harness.h"
#include "emu/darwin/abi.h"
#include "emu/darwin/frame.h"
#include "emu/darwin/import_table.h"

namespace deferscope::emu::darwin {
namespace {

constexpr uint64_t kBuf = Process::kBuffer;

TEST(ImportTable, NamesAreUniqueOnEachIsa) {
  for (const char* isa : {"amd64", "arm64"}) {
    std::map<std::string, int> seen;
    std::map<int, std::string> numbers;
    for (const ImportRow& row : import_rows()) {
      if (row.isa[0] != '\0' && std::string(row.isa) != isa) continue;
      EXPECT_EQ(seen[row.name]++, 0) << row.name;
      if (row.bsd < 0) continue;
      EXPECT_TRUE(numbers.emplace(row.bsd, row.name).second) << row.name << " and " << numbers[row.bsd];
    }
  }
}

class Imports : public testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(BothIsas, Imports, testing::Values(true, false),
                         [](const auto& i) { return i.param ? "amd64" : "arm64"; });

TEST_P(Imports, WhatIsNotModelledFailsByNameWhenItIsCalled) {
  Process p(GetParam());
  try {
    p.call("unheard_of");
    FAIL() << "it was called";
  } catch (const Unsupported& e) {
    EXPECT_NE(std::string(e.what()).find("_unheard_of of libSystem, called from 0x100000810"), std::string::npos)
        << e.what();
  }
  EXPECT_EQ(p.m.cpu().pc, p.imports["_unheard_of"]);
  EXPECT_EQ(p.imports["_perhaps"], 0u) << "weak";
}

TEST_P(Imports, PlacesAreNoMemoryAndHaveNames) {
  Process p(GetParam());
  EXPECT_TRUE(p.m.os->is_host_call(p.imports["_write"]));
  EXPECT_FALSE(p.m.os->is_host_call(p.imports["_write"] + 4));
  EXPECT_FALSE(p.m.memory.is_mapped(p.imports["_write"], 1));
  EXPECT_EQ(p.m.os->host_call_name(p.imports["_write"]), "_write");
  EXPECT_EQ(p.m.os->host_call_name(p.imports["_write"] + 4), "");
  EXPECT_EQ(p.call("mmap", {p.imports["_write"] & ~uint64_t{0xffff}, 1 << 16, 3, 0x1012, ~0ull, 0}), -1) << "MAP_FIXED";
  EXPECT_EQ(p.error(0), err::NOMEM);
}

TEST_P(Imports, MainGetsItsArguments) {
  GuestOptions options;
  options.argv = {"a", "bc"};
  options.env = {"K=v"};
  Process p(GetParam(), options);
  const auto& r = p.m.cpu().r;
  const uint64_t argv = r[p.amd64() ? isa::kRsi : 1], envp = r[p.amd64() ? isa::kRdx : 2],
                 apple = r[p.amd64() ? isa::kRcx : 3];
  EXPECT_EQ(r[p.amd64() ? isa::kRdi : 0], 2u);
  std::string text;
  ASSERT_TRUE(p.m.memory.read_string(p.get<uint64_t>(argv + 8), text));
  EXPECT_EQ(text, "bc");
  EXPECT_EQ(p.get<uint64_t>(argv + 16), 0u);
  EXPECT_EQ(envp, argv + 24);
  uint64_t at = envp;
  for (; p.get<uint64_t>(at) != 0; at += 8) ASSERT_TRUE(p.m.memory.read_string(p.get<uint64_t>(at), text));
  EXPECT_EQ(text, "K=v");
  EXPECT_EQ(apple, at + 8);
  ASSERT_TRUE(p.m.memory.read_string(p.get<uint64_t>(apple), text));
  EXPECT_EQ(text, "executable_path=/nowhere/tiny");
}

TEST_P(Imports, MainsReturnEndsTheProcess) {
  Process p(GetParam());
  isa::CpuState& cpu = p.m.cpu();
  cpu.pc = p.amd64() ? p.get<uint64_t>(cpu.r[isa::kRsp]) : cpu.r[isa::kX30];
  ASSERT_TRUE(p.m.os->is_host_call(cpu.pc));
  cpu.r[p.amd64() ? isa::kRax : 0] = 3;
  p.m.os->host_call(p.m, p.host);
  EXPECT_TRUE(p.m.exited);
  EXPECT_EQ(p.m.exit_status, 3);
}

TEST_P(Imports, CallsReturnToTheirCaller) {
  Process p(GetParam());
  const uint64_t sp = p.m.cpu().r[p.amd64() ? isa::kRsp : isa::kSp];
  EXPECT_EQ(p.call("getpid"), 1000);
  EXPECT_EQ(p.m.cpu().pc, Process::kReturn);
  EXPECT_EQ(p.m.cpu().r[p.amd64() ? isa::kRsp : isa::kSp], sp);
}

TEST_P(Imports, ErrorsAreToldAsTheFunctionTellsThem) {
  Process p(GetParam());
  EXPECT_EQ(p.call("close", {77}), -1);
  EXPECT_EQ(p.error(0), err::BADF);
  EXPECT_EQ(static_cast<uint64_t>(p.call("__error")), p.get<uint64_t>(p.m.cpu().r[isa::kGsBase] + 8));
  EXPECT_EQ(p.call(p.amd64() ? "fdopendir$INODE64" : "fdopendir", {77}), 0);
  EXPECT_EQ(p.call("pthread_mutex_lock", {kBuf}), err::INVAL) << "no mutex";
  EXPECT_EQ(p.call("close", {uint64_t{0xdead} << 32 | 1}), 0) << "the upper half of an int means nothing";
}

TEST_P(Imports, VariadicArgumentsLieOnArm64sStack) {
  Process p(GetParam());
  const uint64_t path = p.put_string(0, "/tmp/f");
  const uint64_t flags = open_flag::CREAT | 2;
  const int64_t fd = p.amd64() ? p.call("open", {path, flags, 0600}) : p.call("open", {path, flags, 0}, {0600});
  ASSERT_EQ(fd, 3);
  EXPECT_EQ(p.call(p.amd64() ? "fstat64" : "fstat", {3, kBuf + 0x100}), 0);
  const auto st = p.get<Stat64>(kBuf + 0x100);
  EXPECT_EQ(st.mode, 0100600);
  EXPECT_EQ(st.uid, 1000u);
  EXPECT_EQ(st.mtime.sec, 1'700'000'000);
  // fcntl(fd, F_SETFL, O_NONBLOCK)
  EXPECT_EQ(
      p.amd64() ? p.call("fcntl", {3, 4, open_flag::NONBLOCK}) : p.call("fcntl", {3, 4, 0}, {open_flag::NONBLOCK}), 0);
  EXPECT_EQ(p.call("fcntl", {3, 3, 0}, {0}), open_flag::NONBLOCK | 2);
}

TEST_P(Imports, MemoryComesInPagesOfTheSystem) {
  Process p(GetParam());
  const uint64_t page = p.amd64() ? 4096 : 16384;
  EXPECT_EQ(p.call("getpagesize"), static_cast<int64_t>(page));
  const int64_t at = p.call("mmap", {0xc000000000, 100, 3, 0x1002, ~0ull, 0});
  EXPECT_EQ(at, 0xc000000000);
  EXPECT_TRUE(p.m.memory.is_mapped(0xc000000000, page));
  EXPECT_FALSE(p.m.memory.is_mapped(0xc000000000 + page, 1));
  EXPECT_EQ(p.call("mmap", {0xc000000000, 100, 3, 0x1002, ~0ull, 0}), at + static_cast<int64_t>(page))
      << "upwards from the hint";
  p.put(0xc000000000, uint64_t{7});
  EXPECT_EQ(p.call("madvise", {0xc000000000, page, 4}), 0) << "DONTNEED keeps";
  EXPECT_EQ(p.get<uint64_t>(0xc000000000), 7u);
  EXPECT_EQ(p.call("madvise", {0xc000000000, page, 7}), 0) << "FREE_REUSABLE does not";
  EXPECT_EQ(p.get<uint64_t>(0xc000000000), 0u);
  EXPECT_EQ(p.call("munmap", {0xc000000000 + 1, 10}), -1);
  EXPECT_EQ(p.call("munmap", {0xc000000000, 10}), 0);
  EXPECT_FALSE(p.m.memory.is_mapped(0xc000000000, 1));
}

TEST_P(Imports, SlotsAreMemory) {
  Process p(GetParam());
  constexpr uint64_t kMagic = 0xc476c475c47957;  // runtime.tlsinit looks for it in the first 512
  ASSERT_EQ(p.call("pthread_key_create", {kBuf, 0}), 0);
  const auto key = p.get<uint64_t>(kBuf);
  EXPECT_LT(key, 512u);
  EXPECT_EQ(p.call("pthread_setspecific", {key, kMagic}), 0);
  EXPECT_EQ(p.get<uint64_t>(p.m.cpu().r[isa::kGsBase] + 8 * key), kMagic);
  EXPECT_EQ(p.call("pthread_setspecific", {key, UINT64_MAX}), 0);
  EXPECT_EQ(p.call("pthread_getspecific", {key}), -1) << "any 64 bits, not an error";
  EXPECT_EQ(static_cast<uint64_t>(p.call("pthread_self")), p.get<uint64_t>(p.m.cpu().r[isa::kGsBase]));
}

TEST_P(Imports, ThreadsHaveStackSlotsAndErrnoOfTheirOwn) {
  Process p(GetParam());
  const size_t t = p.add_thread();
  const isa::CpuState& cpu = p.m.threads[t].cpu;
  EXPECT_EQ(cpu.pc, Process::kReturn);
  EXPECT_EQ(cpu.r[p.amd64() ? isa::kRdi : 0], 7u);
  EXPECT_EQ(cpu.r[p.amd64() ? isa::kRsp : isa::kSp] % 16, p.amd64() ? 8u : 0u);
  EXPECT_NE(cpu.r[isa::kGsBase], p.m.threads[0].cpu.r[isa::kGsBase]);
  p.m.current = t;
  EXPECT_EQ(p.call("close", {77}), -1);
  EXPECT_EQ(p.error(t), err::BADF);
  EXPECT_EQ(p.error(0), 0);
}

TEST_P(Imports, ThreadsEndAndAreJoined) {
  Process p(GetParam());
  const size_t t = p.add_thread();
  const auto pthread = p.get<uint64_t>(kBuf + 0xff000);
  p.call("pthread_join", {pthread, kBuf});
  ASSERT_TRUE(p.blocked(0));
  p.m.current = t;
  uint64_t end = p.m.threads[t].cpu.r[isa::kX30];                                 // arm64's; later calls have their own
  ASSERT_EQ(p.call("pthread_key_create", {kBuf + 8, Process::kReturn + 16}), 0);  // with a destructor
  p.call("pthread_setspecific", {p.get<uint64_t>(kBuf + 8), 5});
  isa::CpuState& cpu = p.m.threads[t].cpu;
  const auto ends = [&](uint64_t value) {
    cpu.pc = p.amd64() ? p.get<uint64_t>(cpu.r[isa::kRsp]) : end;
    if (p.amd64()) cpu.r[isa::kRsp] += 8;
    cpu.r[p.amd64() ? isa::kRax : 0] = value;
    p.m.os->host_call(p.m, p.host);
  };
  ends(99);
  EXPECT_EQ(cpu.pc, Process::kReturn + 16) << "the destructor first";
  EXPECT_EQ(cpu.r[p.amd64() ? isa::kRdi : 0], 5u);
  ends(1);
  EXPECT_EQ(p.m.threads[t].status, ThreadStatus::Exited);
  EXPECT_FALSE(p.blocked(0));
  EXPECT_EQ(p.result(0), 0);
  EXPECT_EQ(p.get<uint64_t>(kBuf), 99u);
  EXPECT_FALSE(p.m.memory.is_mapped(pthread, 1)) << "its stack and block are gone";
}

TEST_P(Imports, MutexesGoToTheLongestWaiting) {
  Process p(GetParam());
  const size_t a = p.add_thread(), b = p.add_thread();
  ASSERT_EQ(p.call("pthread_mutex_init", {kBuf, 0}), 0);
  EXPECT_EQ(p.call("pthread_mutex_lock", {kBuf}), 0);
  for (size_t t : {b, a}) {
    p.m.current = t;
    EXPECT_EQ(p.call("pthread_mutex_trylock", {kBuf}), err::BUSY);
    p.call("pthread_mutex_lock", {kBuf});
    EXPECT_TRUE(p.blocked(t));
  }
  p.m.current = 0;
  EXPECT_EQ(p.call("pthread_mutex_unlock", {kBuf}), 0);
  EXPECT_FALSE(p.blocked(b));
  EXPECT_EQ(p.result(b), 0);
  EXPECT_EQ(p.m.threads[b].cpu.pc, Process::kReturn);
  EXPECT_TRUE(p.blocked(a));
  EXPECT_EQ(p.call("pthread_mutex_trylock", {kBuf}), err::BUSY) << "it was handed on";
}

TEST_P(Imports, ConditionsGiveTheMutexUpAndBack) {
  Process p(GetParam());
  const size_t t = p.add_thread();
  const uint64_t mutex = kBuf, cond = kBuf + 64;
  p.call("pthread_mutex_init", {mutex, 0});
  p.call("pthread_cond_init", {cond, 0});
  EXPECT_EQ(p.call("pthread_cond_wait", {cond, mutex}), err::PERM) << "it is not ours";
  p.m.current = t;
  p.call("pthread_mutex_lock", {mutex});
  p.call("pthread_cond_wait", {cond, mutex});
  ASSERT_TRUE(p.blocked(t));
  p.m.current = 0;
  EXPECT_EQ(p.call("pthread_mutex_lock", {mutex}), 0);
  EXPECT_EQ(p.call("pthread_cond_signal", {cond}), 0);
  EXPECT_TRUE(p.blocked(t)) << "until the mutex is free";
  EXPECT_EQ(p.call("pthread_mutex_unlock", {mutex}), 0);
  EXPECT_FALSE(p.blocked(t));
  EXPECT_EQ(p.result(t), 0);
  EXPECT_EQ(p.call("pthread_mutex_trylock", {mutex}), err::BUSY);
}

TEST_P(Imports, ConditionsTimeOutWithTheMutex) {
  Process p(GetParam());
  const uint64_t mutex = kBuf, cond = kBuf + 64, time = kBuf + 128;
  p.call("pthread_mutex_init", {mutex, 0});
  p.call("pthread_cond_init", {cond, 0});
  p.put(time, TimeSpec{0, 5000});
  p.call("pthread_mutex_lock", {mutex});
  const uint64_t start = p.m.now_ns();
  p.call("pthread_cond_timedwait_relative_np", {cond, mutex, time});
  ASSERT_TRUE(p.blocked(0));
  EXPECT_GE(p.m.os->next_due_ns(p.m), start + 5000);
  const size_t t = 0;
  p.sleep_until(p.m.os->next_due_ns(p.m));
  EXPECT_FALSE(p.blocked(t));
  EXPECT_EQ(p.result(t), err::TIMEDOUT);
  EXPECT_EQ(p.call("pthread_mutex_trylock", {mutex}), err::BUSY) << "it has the mutex again";
}

TEST_P(Imports, KqueueTellsOfPipes) {
  Process p(GetParam());
  ASSERT_EQ(p.call("kqueue"), 3);
  ASSERT_EQ(p.call("pipe", {kBuf}), 0);
  const auto reads = static_cast<uint64_t>(p.get<int32_t>(kBuf)),
             writes = static_cast<uint64_t>(p.get<int32_t>(kBuf + 4));
  const uint64_t changes = kBuf + 0x100, events = kBuf + 0x200;
  p.put(changes, KEvent{reads, evfilt::READ, ev::ADD | ev::CLEAR, 0, 0, 0x1234});
  p.put(kBuf + 0x300, TimeSpec{});
  EXPECT_EQ(p.call("kevent", {3, changes, 1, 0, 0, 0}), 0);
  EXPECT_EQ(p.call("kevent", {3, 0, 0, events, 4, kBuf + 0x300}), 0) << "nothing yet";
  const size_t t = p.add_thread();
  p.m.current = t;
  p.call("kevent", {3, 0, 0, events, 4, 0});
  ASSERT_TRUE(p.blocked(t));
  p.m.current = 0;
  EXPECT_EQ(p.call("write", {writes, p.put_string(0x400, "abc"), 3}), 3);
  ASSERT_FALSE(p.blocked(t));
  EXPECT_EQ(p.result(t), 1);
  const auto x = p.get<KEvent>(events);
  EXPECT_EQ(x.ident, reads);
  EXPECT_EQ(x.filter, evfilt::READ);
  EXPECT_EQ(x.data, 3);
  EXPECT_EQ(x.udata, 0x1234u);
  EXPECT_EQ(p.call("kevent", {3, 0, 0, events, 4, kBuf + 0x300}), 0) << "EV_CLEAR: told once";
  EXPECT_EQ(p.call("close", {writes}), 0);
  EXPECT_EQ(p.call("kevent", {3, 0, 0, events, 4, kBuf + 0x300}), 1);
  EXPECT_TRUE(p.get<KEvent>(events).flags & ev::END);
}

TEST_P(Imports, KqueueHasEventsOfItsUserAndTimers) {
  Process p(GetParam());
  ASSERT_EQ(p.call("kqueue"), 3);
  const uint64_t change = kBuf + 0x100, events = kBuf + 0x200, now = kBuf + 0x300;
  p.put(now, TimeSpec{});
  p.put(change, KEvent{42, evfilt::USER, 0, note::TRIGGER, 0, 0});
  EXPECT_EQ(p.call("kevent", {3, change, 1, 0, 0, 0}), -1) << "not there yet";
  EXPECT_EQ(p.error(0), err::NOENT);
  EXPECT_EQ(p.call("kevent", {3, change, 1, events, 1, 0}), 1) << "the error as an event";
  EXPECT_EQ(p.get<KEvent>(events).data, err::NOENT);
  p.put(change, KEvent{42, evfilt::USER, ev::ADD | ev::CLEAR, 0, 0, 0});
  EXPECT_EQ(p.call("kevent", {3, change, 1, 0, 0, 0}), 0);
  EXPECT_EQ(p.call("kevent", {3, 0, 0, events, 1, now}), 0);
  p.put(change, KEvent{42, evfilt::USER, 0, note::TRIGGER, 0, 0});
  EXPECT_EQ(p.call("kevent", {3, change, 1, 0, 0, 0}), 0);
  EXPECT_EQ(p.call("kevent", {3, 0, 0, events, 1, now}), 1);
  EXPECT_EQ(p.get<KEvent>(events).ident, 42u);
  EXPECT_EQ(p.call("kevent", {3, 0, 0, events, 1, now}), 0) << "EV_CLEAR";
  p.put(change, KEvent{1, evfilt::TIMER, ev::ADD, 0, 2, 0});  // every 2 ms
  EXPECT_EQ(p.call("kevent", {3, change, 1, 0, 0, 0}), 0);
  const uint64_t start = p.m.now_ns();
  p.call("kevent", {3, 0, 0, events, 1, 0});
  ASSERT_TRUE(p.blocked(0));
  p.sleep_until(start + 5'000'000);
  ASSERT_FALSE(p.blocked(0));
  EXPECT_EQ(p.result(0), 1);
  EXPECT_EQ(p.get<KEvent>(events).data, 2) << "two expiries";
}

TEST_P(Imports, KqueueCountsSignalsThatAreSent) {
  Process p(GetParam());
  ASSERT_EQ(p.call("kqueue"), 3);
  const uint64_t change = kBuf + 0x100, events = kBuf + 0x200, now = kBuf + 0x300;
  p.put(now, TimeSpec{});
  p.put(change, KEvent{sig::WINCH, evfilt::SIGNAL, ev::ADD, 0, 0, 0x77});  // ignored unless it has a handler
  EXPECT_EQ(p.call("kevent", {3, change, 1, 0, 0, 0}), 0);
  EXPECT_EQ(p.call("kevent", {3, 0, 0, events, 1, now}), 0);
  for (int i = 0; i < 2; ++i) EXPECT_EQ(p.call("kill", {1000, sig::WINCH}), 0);
  EXPECT_EQ(p.call("raise", {sig::URG}), 0);
  EXPECT_EQ(p.call("kevent", {3, 0, 0, events, 1, now}), 1);
  const auto x = p.get<KEvent>(events);
  EXPECT_EQ(std::pair(x.ident, x.data), std::pair(uint64_t{sig::WINCH}, int64_t{2}));
  EXPECT_EQ(x.udata, 0x77u);
  EXPECT_EQ(p.call("kevent", {3, 0, 0, events, 1, now}), 0) << "told once";
  p.put(change, KEvent{32, evfilt::SIGNAL, ev::ADD, 0, 0, 0});
  EXPECT_EQ(p.call("kevent", {3, change, 1, 0, 0, 0}), -1);
  EXPECT_EQ(p.error(0), err::INVAL);
  p.put(change, KEvent{0, evfilt::VNODE, ev::ADD, 2, 0, 0});
  EXPECT_EQ(p.call("kevent", {3, change, 1, 0, 0, 0}), -1);
  EXPECT_EQ(p.error(0), err::NOTSUP);
}

TEST_P(Imports, PartsAreReadAndWrittenAtAPosition) {
  Process p(GetParam());
  struct {
    uint64_t address, size;
  } parts[2] = {{p.put_string(0x400, "abc"), 3}, {p.put_string(0x500, "def"), 3}};
  p.put(kBuf, parts);
  ASSERT_EQ(p.call("open", {p.put_string(0x100, "/tmp/f"), open_flag::CREAT | 2, 0600}, {0600}), 3);
  EXPECT_EQ(p.call("pwritev", {3, kBuf, 2, 4}), 6);
  EXPECT_EQ(p.call("lseek", {3, 0, 1}), 0) << "the position stays";
  parts[0].address += 0x200, parts[1].address += 0x200;
  p.put(kBuf, parts);
  EXPECT_EQ(p.call("preadv", {3, kBuf, 2, 3}), 6);
  EXPECT_EQ(p.get<uint64_t>(kBuf + 0x600) & 0xffffff, 0x626100u) << "a zero, ab";
  EXPECT_EQ(p.call("preadv", {3, kBuf, 2, UINT64_MAX}), -1);
  EXPECT_EQ(p.error(0), err::INVAL);
}

TEST_P(Imports, DirectoriesAreReadAsDirents) {
  Process p(GetParam());
  const uint64_t path = p.put_string(0, "/tmp/d");
  ASSERT_EQ(p.call("mkdir", {path, 0755}), 0);
  const uint64_t file = p.put_string(0x40, "/tmp/d/name");
  ASSERT_EQ(p.call("open", {file, open_flag::CREAT, 0600}, {0600}), 3);
  ASSERT_EQ(p.call("open", {path, 0, 0}, {0}), 4);
  const std::string suffix = p.amd64() ? "$INODE64" : "";
  const int64_t dir = p.call(("fdopendir" + suffix).c_str(), {4});
  ASSERT_GT(dir, 0);
  std::vector<std::string> names;
  while (true) {
    ASSERT_EQ(p.call(("readdir_r" + suffix).c_str(), {static_cast<uint64_t>(dir), kBuf + 0x1000, kBuf + 0x800}), 0);
    if (p.get<uint64_t>(kBuf + 0x800) == 0) break;
    std::string name;
    ASSERT_TRUE(p.m.memory.read_string(kBuf + 0x1000 + kDirentName, name));
    EXPECT_EQ(p.get<uint16_t>(kBuf + 0x1000 + 18), name.size());
    EXPECT_NE(p.get<uint64_t>(kBuf + 0x1000), 0u);
    names.push_back(name);
  }
  EXPECT_EQ(names, (std::vector<std::string>{".", "..", "name"}));
  EXPECT_EQ(p.call("closedir", {static_cast<uint64_t>(dir)}), 0);
  EXPECT_EQ(p.call("close", {4}), -1) << "the stream closed it";
}

TEST_P(Imports, SysctlByNumberNameAndTranslation) {
  GuestOptions options;
  options.cpus = 3;
  Process p(GetParam(), options);
  const uint64_t mib = kBuf, value = kBuf + 0x40, size = kBuf + 0x80;
  p.put(mib, std::array<int32_t, 2>{6, 3});  // CTL_HW, HW_NCPU
  p.put(size, uint64_t{4});
  EXPECT_EQ(p.call("sysctl", {mib, 2, value, size, 0, 0}), 0);
  EXPECT_EQ(p.get<int32_t>(value), 3);
  p.put(size, uint64_t{64});
  const uint64_t name = p.put_string(0x100, "kern.osrelease");
  EXPECT_EQ(p.call("sysctlbyname", {name, value, size, 0, 0}), 0);
  std::string text;
  ASSERT_TRUE(p.m.memory.read_string(value, text));
  EXPECT_EQ(text, "23.6.0");
  EXPECT_EQ(p.get<uint64_t>(size), 7u);
  p.put(size, uint64_t{2});
  EXPECT_EQ(p.call("sysctlbyname", {name, value, size, 0, 0}), -1);
  EXPECT_EQ(p.error(0), err::NOMEM);
  EXPECT_EQ(p.call("sysctlbyname", {p.put_string(0x140, "hw.nothing"), value, size, 0, 0}), -1);
  EXPECT_EQ(p.error(0), err::NOENT);
  p.put(mib, std::array<int32_t, 2>{0, 3});  // as syscall.nametomib asks
  p.put(size, uint64_t{48});
  EXPECT_EQ(p.call("sysctl", {mib, 2, value, size, name, 14}), 0);
  EXPECT_EQ(p.get<uint64_t>(size), 8u);
  EXPECT_EQ(p.get<int32_t>(value), 1);
  EXPECT_EQ(p.get<int32_t>(value + 4), 2);
}

TEST_P(Imports, HostsAreNumbersAndThisMachine) {
  Process p(GetParam());
  const uint64_t out = kBuf + 0x100;
  EXPECT_EQ(p.call("getaddrinfo", {p.put_string(0, "localhost"), p.put_string(0x20, "80"), 0, out}), 0);
  const auto first = p.get<AddrInfo>(p.get<uint64_t>(out));
  EXPECT_EQ(first.family, 2);
  EXPECT_EQ(p.get<uint8_t>(first.addr), 16) << "the length byte";
  EXPECT_EQ(p.get<uint8_t>(first.addr + 1), 2);
  EXPECT_EQ(p.get<uint16_t>(first.addr + 2), 80 << 8);
  EXPECT_EQ(p.get<uint32_t>(first.addr + 4), 0x0100007fu);
  EXPECT_NE(first.next, 0u) << "stream and datagram";
  EXPECT_EQ(p.call("freeaddrinfo", {p.get<uint64_t>(out)}), 0);
  EXPECT_EQ(p.call("getaddrinfo", {p.put_string(0, "example.com"), 0, 0, out}), 8);
  std::string text;
  ASSERT_TRUE(p.m.memory.read_string(static_cast<uint64_t>(p.call("gai_strerror", {8})), text));
  EXPECT_EQ(text, "nodename nor servname provided, or not known");
}

TEST_P(Imports, SocketsHaveLengthBytes) {
  Process p(GetParam());
  const uint64_t address = kBuf, size = kBuf + 0x80;
  ASSERT_EQ(p.call("socket", {2, 1, 0}), 3);
  const uint8_t loopback[16] = {16, 2, 0, 0, 127, 0, 0, 1};
  p.put(address, loopback);
  EXPECT_EQ(p.call("bind", {3, address, 16}), 0);
  EXPECT_EQ(p.call("listen", {3, 5}), 0);
  p.put(size, uint32_t{128});
  EXPECT_EQ(p.call("getsockname", {3, address, size}), 0);
  EXPECT_EQ(p.get<uint32_t>(size), 16u);
  EXPECT_EQ(p.get<uint8_t>(address), 16);
  EXPECT_NE(p.get<uint16_t>(address + 2), 0);
  ASSERT_EQ(p.call("socket", {2, 1, 0}), 4);
  EXPECT_EQ(p.call("connect", {4, address, 16}), 0);
  EXPECT_EQ(p.call("accept", {3, address, size}), 5);
  EXPECT_EQ(p.call("sendto", {4, p.put_string(0x200, "hello"), 5, 0, 0, 0}), 5);
  EXPECT_EQ(p.call("recvfrom", {5, kBuf + 0x300, 100, 0, 0, 0}), 5);
  EXPECT_EQ(p.call("socket", {30, 1, 0}), -1) << "IPv6";
  EXPECT_EQ(p.error(0), err::AFNOSUPPORT);
}

// The first thread's stack ends where what is set aside for it has no permission: SIGSEGV on another stack, or the end.
TEST_P(Imports, OverflowsOfTheFirstStackAreSegmentationFaults) {
  for (const bool other_stack : {false, true}) {
    Process p(GetParam());
    const uint64_t handler = Process::kReturn;
    if (other_stack) {
      struct {
        uint64_t sp, size, flags;
      } stack{kBuf + 0x8000, 0x8000, 0};
      p.put(kBuf, stack);
      ASSERT_EQ(p.call("sigaltstack", {kBuf, 0}), 0);
    }
    struct {
      uint64_t handler;
      uint32_t mask, flags;
    } action{handler, 0, sig::kSiginfo | (other_stack ? sig::kOnstack : 0)};
    p.put(kBuf + 0x100, action);
    ASSERT_EQ(p.call("sigaction", {sig::SEGV, kBuf + 0x100, 0}), 0);
    const uint64_t top = p.amd64() ? 0x7ff7c0000000 : 0x170000000;  // Layout::stack_top
    isa::Outcome o{};
    o.kind = isa::Outcome::Fault, o.fault = isa::Fault::Page, o.access = isa::Access::Write;
    o.address = top - (8 << 20) - 8;
    p.m.os->fault(p.m, p.host, o);
    p.m.os->deliver_signals(p.m, p.host);
    EXPECT_EQ(p.m.exited, !other_stack);
    if (!other_stack) {
      EXPECT_EQ(p.m.kill_signal, sig::SEGV);
      continue;
    }
    const isa::CpuState& cpu = p.m.cpu();
    EXPECT_EQ(cpu.pc, handler);
    const uint64_t info = cpu.r[p.amd64() ? isa::kRsi : 1];
    EXPECT_EQ(p.get<int32_t>(info), sig::SEGV);
    EXPECT_EQ(p.get<int32_t>(info + siginfo::kCode), sig::kSegvAccerr);
    EXPECT_EQ(p.get<uint64_t>(info + siginfo::kAddr), o.address);
  }
}

// #SS, EXC_I386_STKFLT: SIGILL; all other non-canonical addresses are #GP.
TEST(Amd64Faults, OfTheStackSegmentAreIllegalInstructions) {
  const struct {
    std::initializer_list<uint8_t> code;
    int signal;
  } rows[] = {{{0x48, 0x8b, 0x45, 0x00}, sig::ILL},  // mov rax, [rbp]
              {{0x48, 0x8b, 0x00}, sig::SEGV}};      // mov rax, [rax]
  for (const auto& row : rows) {
    Process p(true);
    isa::CpuState& cpu = p.m.cpu();
    p.m.memory.map(0x20000000, 4096, kRead | kWrite | kExec);
    p.m.memory.write(0x20000000, std::data(row.code), row.code.size());
    cpu.pc = 0x20000000;
    cpu.r[isa::kRbp] = cpu.r[isa::kRax] = uint64_t{1} << 62;
    isa::Outcome o{};
    o.kind = isa::Outcome::Fault, o.fault = isa::Fault::NonCanonical, o.address = uint64_t{1} << 62;
    p.m.os->fault(p.m, p.host, o);
    p.m.os->deliver_signals(p.m, p.host);
    EXPECT_TRUE(p.m.exited);
    EXPECT_EQ(p.m.kill_signal, row.signal);
  }
}

TEST_P(Imports, SystemCallsMadeDirectlyTellErrorsByTheCarry) {
  Process p(GetParam());
  isa::CpuState& cpu = p.m.cpu();
  const auto make = [&](uint64_t number, uint64_t argument) {
    cpu.r[p.amd64() ? isa::kRax : 16] = p.amd64() ? 2 << 24 | number : number;
    cpu.r[p.amd64() ? isa::kRdi : 0] = argument;
    p.m.os->system_call(p.m, p.host);
  };
  make(20, 0);
  EXPECT_EQ(p.result(0), 1000);
  EXPECT_FALSE(cpu.flags() & isa::flag::CF);
  make(6, 99);
  EXPECT_EQ(p.result(0), err::BADF);
  EXPECT_TRUE(cpu.flags() & isa::flag::CF);
  EXPECT_THROW(make(511, 0), Unsupported);
}

TEST_P(Imports, CopiesAreEqualAndGoTheirOwnWays) {
  Process p(GetParam());
  p.add_thread();
  MachineState copy = p.m;
  EXPECT_EQ(copy.digest(), p.m.digest());
  p.call("pthread_key_create", {kBuf, 0});
  EXPECT_NE(copy.digest(), p.m.digest());
}

TEST_P(Imports, WhatLibSystemHoldsIsCharged) {
  GuestOptions options;
  options.max_memory = 64 << 20;
  options.max_threads = 4;
  Process p(GetParam(), options);
  int64_t e = 0;
  int threads = 0;
  while (e == 0 && threads < 10) e = p.call("pthread_create", {kBuf, 0, Process::kReturn, 0}), ++threads;
  EXPECT_EQ(e, err::AGAIN);
  EXPECT_EQ(threads, 4);
  EXPECT_EQ(p.call("malloc", {uint64_t{1} << 40}), 0);
  EXPECT_EQ(p.error(0), err::NOMEM);
}

// --- what programs with C in them (cgo) import ---

TEST_P(Imports, InitialisersRunBeforeMain) {
  Process p(GetParam(), {}, true);
  const uint64_t sp = p.m.cpu().r[p.amd64() ? isa::kRsp : isa::kSp];
  for (const uint64_t function : {Process::kReturn + 16, Process::kReturn + 32, uint64_t{0x100000800}}) {
    isa::CpuState& cpu = p.m.cpu();
    EXPECT_EQ(cpu.pc, function);
    EXPECT_EQ(cpu.r[p.amd64() ? isa::kRdi : 0], 1u) << "argc";
    EXPECT_EQ(cpu.r[p.amd64() ? isa::kRsp : isa::kSp], sp);
    EXPECT_FALSE(p.m.exited);
    cpu.pc = p.amd64() ? p.get<uint64_t>(cpu.r[isa::kRsp]) : cpu.r[isa::kX30];
    if (p.amd64()) cpu.r[isa::kRsp] += 8;
    ASSERT_TRUE(p.m.os->is_host_call(cpu.pc));
    p.m.os->host_call(p.m, p.host);
  }
  EXPECT_TRUE(p.m.exited) << "main returned";
}

TEST_P(Imports, EachThreadHasItsOwnCopyOfAVariable) {
  Process p(GetParam());
  const uint64_t descriptor[3] = {p.imports["__tlv_bootstrap"], 0, 16};
  p.put(kBuf, descriptor);
  const auto first = static_cast<uint64_t>(p.call("_tlv_bootstrap", {kBuf}));
  EXPECT_EQ(p.get<uint64_t>(first - 16), 0x1122334455667788u);
  EXPECT_EQ(p.get<uint64_t>(first), 0u);
  p.put(first, uint64_t{7});
  EXPECT_EQ(static_cast<uint64_t>(p.call("_tlv_bootstrap", {kBuf})), first);
  p.m.current = p.add_thread();
  const auto second = static_cast<uint64_t>(p.call("_tlv_bootstrap", {kBuf}));
  EXPECT_NE(second, first);
  EXPECT_EQ(p.get<uint64_t>(second), 0u);
  EXPECT_EQ(p.get<uint64_t>(second - 16), 0x1122334455667788u);
}

TEST_P(Imports, BytesAreMovedComparedAndFound) {
  Process p(GetParam());
  const uint64_t text = p.put_string(0, "hello, world");
  EXPECT_EQ(static_cast<uint64_t>(p.call("memmove", {text + 2, text, 13})), text + 2);
  EXPECT_EQ(p.call("strcmp", {text + 2, p.put_string(0x100, "hello, world")}), 0) << "overlapping, forwards";
  EXPECT_EQ(static_cast<uint64_t>(p.call("memcpy", {text, text + 2, 13})), text);
  EXPECT_EQ(p.call("strcmp", {text, kBuf + 0x100}), 0) << "overlapping, backwards";
  EXPECT_LT(static_cast<int32_t>(p.call("memcmp", {text, p.put_string(0x200, "help"), 4})), 0);
  EXPECT_EQ(p.call("strncmp", {text, kBuf + 0x200, 3}), 0);
  EXPECT_EQ(p.call("strcasecmp", {text, p.put_string(0x300, "HELLO, World")}), 0);
  EXPECT_EQ(static_cast<uint64_t>(p.call("memchr", {text, 'o', 12})), text + 4);
  EXPECT_EQ(p.call("memchr", {text, 'z', 12}), 0);
  EXPECT_EQ(p.call("strlen", {text}), 12);
  EXPECT_EQ(p.call("strnlen", {text, 5}), 5);
  EXPECT_EQ(static_cast<uint64_t>(p.call("strchr", {text, 'l'})), text + 2);
  EXPECT_EQ(static_cast<uint64_t>(p.call("strrchr", {text, 'l'})), text + 10);
  EXPECT_EQ(static_cast<uint64_t>(p.call("strchr", {text, 0})), text + 12);
  EXPECT_EQ(static_cast<uint64_t>(p.call("strstr", {text, p.put_string(0x400, "wor")})), text + 7);
  EXPECT_EQ(p.call("strstr", {text, p.put_string(0x400, "worm")}), 0);
  EXPECT_EQ(p.call("strspn", {text, p.put_string(0x400, "ehl")}), 4);
  EXPECT_EQ(p.call("strcspn", {text, p.put_string(0x400, ", ")}), 5);
  EXPECT_EQ(static_cast<uint64_t>(p.call("strpbrk", {text, kBuf + 0x400})), text + 5);
  EXPECT_EQ(static_cast<uint64_t>(p.call("memset", {text + 1, 0x100 | 'x', 3})), text + 1);
  EXPECT_EQ(p.get<uint32_t>(text), 0x78787868u);
  std::string copied;
  ASSERT_TRUE(p.m.memory.read_string(static_cast<uint64_t>(p.call("strdup", {text})), copied));
  EXPECT_EQ(copied, "hxxxo, world");
}

TEST_P(Imports, TextsAreCutAndAppended) {
  Process p(GetParam());
  std::string text;
  const auto at = [&](uint64_t address) { return p.m.memory.read_string(address, text), text; };
  const uint64_t from = p.put_string(0x100, "abcdef");
  EXPECT_EQ(p.call("strlcpy", {kBuf, from, 4}), 6);
  EXPECT_EQ(at(kBuf), "abc");
  EXPECT_EQ(p.call("strlcat", {kBuf, from, 6}), 9);
  EXPECT_EQ(at(kBuf), "abcab");
  p.call("strcat", {kBuf, from});
  EXPECT_EQ(at(kBuf), "abcababcdef");
  p.call("memset", {kBuf, 0xff, 16});
  p.call("strncpy", {kBuf, from, 8});
  EXPECT_EQ(p.get<uint64_t>(kBuf), 0x0000666564636261u);
  EXPECT_EQ(p.get<uint8_t>(kBuf + 8), 0xff);
  p.call("__strcpy_chk", {kBuf, from, 6});
  EXPECT_TRUE(p.m.exited) << "7 bytes into 6";
}

TEST_P(Imports, NumbersAreReadAsCReadsThem) {
  struct Case {
    const char* text;
    int base;
    int64_t value;
    uint64_t end;
  };
  constexpr Case kCases[] = {{"  -12x", 10, -12, 5},
                             {"0x1fg", 0, 31, 4},
                             {"0x", 16, 0, 1},
                             {"077", 0, 63, 3},
                             {"z", 36, 35, 1},
                             {"none", 10, 0, 0},
                             {"+5", 10, 5, 2},
                             {"", 10, 0, 0},
                             {"9223372036854775808", 10, INT64_MAX, 19},
                             {"-9223372036854775809", 10, INT64_MIN, 20}};
  Process p(GetParam());
  for (const Case& c : kCases) {
    const uint64_t text = p.put_string(0x100, c.text);
    EXPECT_EQ(p.call("strtol", {text, kBuf, static_cast<uint64_t>(c.base)}), c.value) << c.text;
    EXPECT_EQ(p.get<uint64_t>(kBuf), text + c.end) << c.text;
  }
  EXPECT_EQ(p.error(0), err::RANGE);
  EXPECT_EQ(static_cast<uint64_t>(p.call("strtoul", {p.put_string(0x100, "18446744073709551615"), 0, 10})), UINT64_MAX);
  EXPECT_EQ(p.call("atoi", {p.put_string(0x100, "-7 and more")}), -7);
}

TEST_P(Imports, PrintsAsCPrints) {
  Process p(GetParam());
  const auto print = [&](const char* format, std::initializer_list<uint64_t> values, uint64_t size = 256) {
    const uint64_t at = p.put_string(0x100, format);
    std::string text;
    int64_t n = 0;
    if (p.amd64()) {  // three of the six registers are taken; what is behind them lies above the return address
      std::vector<uint64_t> v(values);
      v.resize(3);
      n = p.call("snprintf", {kBuf, size, at, v[0], v[1], v[2]});
    } else {
      n = p.call("snprintf", {kBuf, size, at}, values);
    }
    EXPECT_TRUE(p.m.memory.read_string(kBuf, text));
    return text + "|" + std::to_string(n);
  };
  const uint64_t word = p.put_string(0x200, "word");
  EXPECT_EQ(print("%d %5u|%-4x", {uint64_t{0xdead} << 32 | 0xffffffff, 7, 255}), "-1     7|ff  |13");
  EXPECT_EQ(print("%s %.2s %6s", {word, word, word}), "word wo   word|14");
  EXPECT_EQ(print("%ld %lu %zx", {UINT64_MAX, UINT64_MAX, 16}), "-1 18446744073709551615 10|26");
  EXPECT_EQ(print("%*d%%%c", {4, 3, 'x'}), "   3%x|6");
  EXPECT_EQ(print("%p %hhd %s", {0x1234, 0x1ff, 0}), "0x1234 -1 (null)|16");
  EXPECT_EQ(print("%s", {word}, 3), "wo|4") << "cut, and how long it had been";
  const double half = 0.5;
  uint64_t bits = 0;
  std::memcpy(&bits, &half, 8);
  p.m.cpu().v[0].lo = bits;
  EXPECT_EQ(print("%.3f", {bits}), "0.500|5");
  EXPECT_THROW(print("%n", {word}), Unsupported);
}

TEST_P(Imports, PrintsWhatAListOfArgumentsHas) {
  Process p(GetParam());
  const uint64_t format = p.put_string(0x100, "%d %s %d"), word = p.put_string(0x200, "w");
  const uint64_t words[] = {1, word, 3}, list = kBuf + 0x300;
  p.put(kBuf + 0x400, words);
  if (p.amd64()) {  // two in registers' places, one on the stack
    p.put(list, uint32_t{32}), p.put(list + 4, uint32_t{48});
    p.put(list + 8, kBuf + 0x410), p.put(list + 16, kBuf + 0x400 - 32);
  }
  EXPECT_EQ(p.call("vsnprintf", {kBuf, 100, format, p.amd64() ? list : kBuf + 0x400}), 5);
  std::string text;
  ASSERT_TRUE(p.m.memory.read_string(kBuf, text));
  EXPECT_EQ(text, "1 w 3");
}

TEST_P(Imports, StreamsAreTheStandardOnes) {
  Process p(GetParam());
  const uint64_t text = p.put_string(0x100, "abc");
  int16_t fd = 2;  // where libSystem's own FILE has it
  p.put(kBuf + 0x200 + stream::kFdOffset, fd);
  EXPECT_EQ(p.call("fwrite", {text, 1, 3, kBuf + 0x200}), 3);
  EXPECT_EQ(p.call("fputc", {'!', kBuf + 0x200}), '!');
  EXPECT_EQ(p.host.streams[2], "abc!");
  fd = 77;
  p.put(kBuf + 0x200 + stream::kFdOffset, fd);
  EXPECT_EQ(p.call("fwrite", {text, 1, 3, kBuf + 0x200}), 0);
}

TEST_P(Imports, LongjmpComesBackWhereSetjmpWas) {
  Process p(GetParam());
  isa::CpuState& cpu = p.m.cpu();
  const isa::Reg kept = p.amd64() ? isa::Reg{12} : isa::Reg{19}, sp = p.amd64() ? isa::kRsp : isa::kSp;
  const uint64_t before = cpu.r[sp];
  cpu.r[kept] = 42;
  EXPECT_EQ(p.call("setjmp", {kBuf}), 0);
  cpu.r[kept] = 0;
  p.put(kBuf + 0x800, uint32_t{1 << 29});
  p.call("pthread_sigmask", {1, kBuf + 0x800, 0});
  cpu.r[sp] -= 512;
  cpu.r[p.amd64() ? isa::kRdi : 0] = kBuf, cpu.r[p.amd64() ? isa::kRsi : 1] = 0;
  cpu.pc = p.imports["_longjmp"];
  p.m.os->host_call(p.m, p.host);
  EXPECT_EQ(p.result(0), 1) << "0 is told as 1";
  EXPECT_EQ(cpu.pc, Process::kReturn);
  EXPECT_EQ(cpu.r[kept], 42u);
  EXPECT_EQ(cpu.r[sp], before - 128) << "as it was after the call to setjmp";
  p.call("pthread_sigmask", {1, 0, kBuf + 0x800});
  EXPECT_EQ(p.get<uint32_t>(kBuf + 0x800), 0u) << "the mask of then";
}

TEST_P(Imports, TheEnvironmentIsKept) {
  GuestOptions options;
  options.env = {"K=v"};
  Process p(GetParam(), options);
  std::string text;
  const auto value = [&](const char* name) {
    const auto at = static_cast<uint64_t>(p.call("getenv", {p.put_string(0x100, name)}));
    return at && p.m.memory.read_string(at, text) ? text : "none";
  };
  EXPECT_EQ(value("K"), "v");
  EXPECT_EQ(value("L"), "none");
  EXPECT_EQ(p.call("setenv", {p.put_string(0x100, "K"), p.put_string(0x200, "new"), 0}), 0);
  EXPECT_EQ(value("K"), "v") << "not to be overwritten";
  EXPECT_EQ(p.call("setenv", {p.put_string(0x100, "K"), kBuf + 0x200, 1}), 0);
  EXPECT_EQ(value("K"), "new");
  EXPECT_EQ(p.call("unsetenv", {p.put_string(0x100, "K")}), 0);
  EXPECT_EQ(value("K"), "none");
  EXPECT_EQ(p.call("setenv", {p.put_string(0x100, "A=B"), kBuf + 0x200, 1}), -1);
  EXPECT_EQ(p.error(0), err::INVAL);
}

TEST_P(Imports, EnvironFollowsAndIsFollowed) {
  GuestOptions options;
  options.env = {"K=v", "L=w"};
  Process p(GetParam(), options);
  const auto environ_word = static_cast<uint64_t>(p.call("_NSGetEnviron"));
  const auto all = [&] {
    std::vector<std::string> out;
    for (uint64_t at = p.get<uint64_t>(environ_word); p.get<uint64_t>(at) != 0; at += 8)
      EXPECT_TRUE(p.m.memory.read_string(p.get<uint64_t>(at), out.emplace_back()));
    return out;
  };
  using Texts = std::vector<std::string>;
  const Texts started = all();
  ASSERT_GE(started.size(), 2u);
  EXPECT_EQ(p.call("setenv", {p.put_string(0x100, "NEW"), p.put_string(0x200, "1"), 0}), 0);
  EXPECT_EQ(p.call("putenv", {p.put_string(0x300, "PUT=2")}), 0);
  EXPECT_EQ(p.call("putenv", {p.put_string(0x400, "none")}), -1);
  Texts want = started;
  want.insert(want.end(), {"NEW=1", "PUT=2"});
  EXPECT_EQ(all(), want);
  p.put_string(0x300, "PUT=3");
  EXPECT_EQ(all().back(), "PUT=3") << "the text itself is the entry";
  EXPECT_EQ(p.call("unsetenv", {p.put_string(0x100, "NEW")}), 0);
  EXPECT_EQ(p.call("unsetenv", {p.put_string(0x100, "L")}), 0);
  for (const char* gone : {"NEW=1", "L=w"}) std::erase(want, gone);
  want.back() = "PUT=3";
  EXPECT_EQ(all(), want);
  // A program's own array.
  p.put(kBuf + 0x800, uint64_t{p.put_string(0x900, "MINE=x")});
  p.put(kBuf + 0x808, uint64_t{0});
  p.put(environ_word, kBuf + 0x800);
  EXPECT_EQ(static_cast<uint64_t>(p.call("getenv", {p.put_string(0x100, "MINE")})), kBuf + 0x905);
  EXPECT_EQ(p.call("getenv", {p.put_string(0x100, "K")}), 0);
  p.put(environ_word, uint64_t{0});
  EXPECT_EQ(p.call("getenv", {kBuf + 0x100}), 0);
  EXPECT_EQ(p.call("setenv", {kBuf + 0x100, p.put_string(0x200, "9"), 1}), 0);
  EXPECT_EQ(all(), Texts{"K=9"});
}

TEST_P(Imports, AProgramLearnsHowItWasStarted) {
  GuestOptions options;
  options.argv = {"me", "a"};
  Process p(GetParam(), options);
  EXPECT_EQ(p.get<int32_t>(static_cast<uint64_t>(p.call("_NSGetArgc"))), 2);
  std::string text;
  const auto argv = p.get<uint64_t>(static_cast<uint64_t>(p.call("_NSGetArgv")));
  EXPECT_TRUE(p.m.memory.read_string(p.get<uint64_t>(argv + 8), text));
  EXPECT_EQ(text, "a");
  p.put(kBuf, uint32_t{3});
  EXPECT_EQ(static_cast<int32_t>(p.call("_NSGetExecutablePath", {kBuf + 16, kBuf})), -1);
  EXPECT_EQ(p.get<uint32_t>(kBuf), std::string("/nowhere/tiny").size() + 1);
  EXPECT_EQ(p.call("_NSGetExecutablePath", {kBuf + 16, kBuf}), 0);
  EXPECT_TRUE(p.m.memory.read_string(kBuf + 16, text));
  EXPECT_EQ(text, "/nowhere/tiny");
}

TEST_P(Imports, TimesHaveDatesInUtc) {
  Process p(GetParam());
  const auto date = [&](int64_t t) {
    p.put(kBuf, t);
    const auto at = static_cast<uint64_t>(p.call("localtime", {kBuf}));
    const Tm tm = p.get<Tm>(at);
    EXPECT_EQ(p.call("gmtime_r", {kBuf, kBuf + 64}), static_cast<int64_t>(kBuf + 64));
    EXPECT_EQ(p.get<Tm>(kBuf + 64).yday, tm.yday);
    char text[80];
    std::snprintf(text, sizeof text, "%d-%02d-%02d %02d:%02d:%02d %d %d", tm.year + 1900, tm.mon + 1, tm.mday, tm.hour,
                  tm.min, tm.sec, tm.wday, tm.yday);
    return std::string(text);
  };
  // As Python's datetime gives them.
  EXPECT_EQ(date(0), "1970-01-01 00:00:00 4 0");
  EXPECT_EQ(date(1709208000), "2024-02-29 12:00:00 4 59");
  EXPECT_EQ(date(1735689599), "2024-12-31 23:59:59 2 365");
  EXPECT_EQ(date(-1), "1969-12-31 23:59:59 3 364");
  EXPECT_EQ(date(-2208988800), "1900-01-01 00:00:00 1 0");
  EXPECT_EQ(date(951782400), "2000-02-29 00:00:00 2 59");
  EXPECT_EQ(date(4107542400), "2100-03-01 00:00:00 1 59");
  EXPECT_EQ(date(-62135596800), "1-01-01 00:00:00 1 0");
  std::string zone;
  EXPECT_TRUE(p.m.memory.read_string(p.get<Tm>(kBuf + 64).zone, zone));
  EXPECT_EQ(zone, "UTC");
  p.put(kBuf, INT64_MAX);
  EXPECT_EQ(p.call("gmtime", {kBuf}), 0);
  EXPECT_EQ(p.error(0), err::OVERFLOW);
  p.call("setenv", {p.put_string(0x100, "TZ"), p.put_string(0x200, "Europe/Vienna"), 1});
  p.put(kBuf, int64_t{0});
  EXPECT_GT(p.call("gmtime", {kBuf}), 0);
  EXPECT_THROW(p.call("localtime", {kBuf}), Unsupported);
}

TEST_P(Imports, ErrorsHaveDarwinsTexts) {
  Process p(GetParam());
  std::string text;
  const auto said = [&](uint64_t number) {
    EXPECT_TRUE(p.m.memory.read_string(static_cast<uint64_t>(p.call("strerror", {number})), text));
    return text;
  };
  EXPECT_EQ(said(err::AGAIN), "Resource temporarily unavailable");
  EXPECT_EQ(said(err::OPNOTSUPP), "Operation not supported on socket");
  EXPECT_EQ(said(0), "Undefined error: 0");
  EXPECT_EQ(said(4711), "Unknown error: 4711");
  EXPECT_EQ(p.call("strerror_r", {err::PERM, kBuf, 100}), 0);
  EXPECT_TRUE(p.m.memory.read_string(kBuf, text));
  EXPECT_EQ(text, "Operation not permitted");
  EXPECT_EQ(p.call("strerror_r", {err::PERM, kBuf, 5}), err::RANGE);
  EXPECT_TRUE(p.m.memory.read_string(kBuf, text));
  EXPECT_EQ(text, "Oper");
  EXPECT_EQ(p.call("strerror_r", {static_cast<uint64_t>(-1), kBuf, 100}), err::INVAL);
}

TEST_P(Imports, LocksAreForManyReadersOrOneWriter) {
  Process p(GetParam());
  const size_t writer = p.add_thread(), reader = p.add_thread(), second = p.add_thread();
  p.put(kBuf, uint64_t{pthread::kRwlockStatic});
  EXPECT_EQ(p.call("pthread_rwlock_unlock", {kBuf}), err::PERM);
  EXPECT_EQ(p.call("pthread_rwlock_rdlock", {kBuf}), 0);
  EXPECT_EQ(p.call("pthread_rwlock_tryrdlock", {kBuf}), 0) << "more than once";
  EXPECT_EQ(p.call("pthread_rwlock_trywrlock", {kBuf}), err::BUSY);
  p.m.current = writer;
  p.call("pthread_rwlock_wrlock", {kBuf});
  ASSERT_TRUE(p.blocked(writer));
  for (size_t t : {reader, second}) {
    p.m.current = t;
    p.call("pthread_rwlock_rdlock", {kBuf});
    EXPECT_TRUE(p.blocked(t)) << "behind the writer";
  }
  p.m.current = 0;
  EXPECT_EQ(p.call("pthread_rwlock_destroy", {kBuf}), err::BUSY);
  EXPECT_EQ(p.call("pthread_rwlock_unlock", {kBuf}), 0);
  EXPECT_TRUE(p.blocked(writer));
  EXPECT_EQ(p.call("pthread_rwlock_unlock", {kBuf}), 0);
  EXPECT_FALSE(p.blocked(writer));
  EXPECT_EQ(p.result(writer), 0);
  EXPECT_TRUE(p.blocked(reader));
  EXPECT_EQ(p.call("pthread_rwlock_unlock", {kBuf}), err::PERM) << "another thread's";
  p.m.current = writer;
  EXPECT_EQ(p.call("pthread_rwlock_wrlock", {kBuf}), err::DEADLK);
  EXPECT_EQ(p.call("pthread_rwlock_unlock", {kBuf}), 0);
  EXPECT_FALSE(p.blocked(reader));
  EXPECT_FALSE(p.blocked(second)) << "both together";
  for (size_t t : {reader, second}) {
    p.m.current = t;
    EXPECT_EQ(p.call("pthread_rwlock_unlock", {kBuf}), 0);
  }
  EXPECT_EQ(p.call("pthread_rwlock_destroy", {kBuf}), 0);
  EXPECT_EQ(p.call("pthread_rwlock_rdlock", {kBuf}), err::INVAL);
}

// The function that the current thread was sent to returns.
void come_back(Process& p) {
  isa::CpuState& cpu = p.m.cpu();
  uint64_t back = cpu.r[isa::kX30];
  if (p.amd64()) back = p.get<uint64_t>(cpu.r[isa::kRsp]), cpu.r[isa::kRsp] += 8;
  cpu.pc = back;
  ASSERT_TRUE(p.m.os->is_host_call(back));
  ++p.m.position;
  p.m.os->host_call(p.m, p.host);
}

TEST_P(Imports, OnceIsOnce) {
  Process p(GetParam());
  const size_t other = p.add_thread();
  const isa::Reg sp = p.amd64() ? isa::Reg{isa::kRsp} : isa::Reg{isa::kSp};
  p.put(kBuf, PthreadOnce{pthread::kOnceStatic, 0});
  p.call("pthread_once", {kBuf, Process::kReturn + 64});
  EXPECT_EQ(p.m.cpu().pc, Process::kReturn + 64);
  EXPECT_EQ(p.m.cpu().r[sp] % 16, p.amd64() ? 8u : 0u) << "as at any function's entry";
  p.m.current = other;
  p.call("pthread_once", {kBuf, Process::kReturn + 64});
  EXPECT_TRUE(p.blocked(other));
  p.m.current = 0;
  come_back(p);
  EXPECT_EQ(p.m.cpu().pc, Process::kReturn);
  EXPECT_EQ(p.result(0), 0);
  EXPECT_FALSE(p.blocked(other));
  EXPECT_EQ(p.m.threads[other].cpu.pc, p.imports["_pthread_once"]) << "it makes its call again";
  EXPECT_EQ(p.call("pthread_once", {kBuf, Process::kReturn + 64}), 0);
  EXPECT_EQ(p.m.cpu().pc, Process::kReturn);
  p.put(kBuf, uint64_t{1});
  EXPECT_EQ(p.call("pthread_once", {kBuf, 0}), err::INVAL);
}

TEST_P(Imports, GuardsLetOneIn) {
  Process p(GetParam());
  const size_t other = p.add_thread();
  p.put(kBuf, uint64_t{0});
  EXPECT_EQ(p.call("__cxa_guard_acquire", {kBuf}), 1);
  p.m.current = other;
  p.call("__cxa_guard_acquire", {kBuf});
  EXPECT_TRUE(p.blocked(other));
  p.m.current = 0;
  p.call("__cxa_guard_abort", {kBuf});
  EXPECT_FALSE(p.blocked(other));
  EXPECT_EQ(p.call("__cxa_guard_acquire", {kBuf}), 1) << "it was not done";
  p.call("__cxa_guard_release", {kBuf});
  EXPECT_EQ(p.call("__cxa_guard_acquire", {kBuf}), 0);
  EXPECT_EQ(p.get<uint8_t>(kBuf), 1);
}

TEST_P(Imports, WhatIsRegisteredForTheEndIsCalledBackwards) {
  Process p(GetParam());
  EXPECT_EQ(p.call("__cxa_atexit", {Process::kReturn + 16, 7, 0}), 0);
  EXPECT_EQ(p.call("atexit", {Process::kReturn + 32}), 0);
  p.call("exit", {3});
  EXPECT_EQ(p.m.cpu().pc, Process::kReturn + 32);
  come_back(p);
  EXPECT_EQ(p.m.cpu().pc, Process::kReturn + 16);
  EXPECT_EQ(p.m.cpu().r[p.amd64() ? isa::Reg{isa::kRdi} : isa::Reg{0}], 7u);
  EXPECT_FALSE(p.m.exited);
  come_back(p);
  EXPECT_TRUE(p.m.exited);
  EXPECT_EQ(p.m.exit_status, 3);
  Process q(GetParam());
  q.call("atexit", {Process::kReturn + 32});
  q.call("_exit", {4});
  EXPECT_TRUE(q.m.exited);
  EXPECT_EQ(q.m.exit_status, 4);
}

TEST_P(Imports, HashTablesHavePrimesOfBuckets) {
  Process p(GetParam());
  const std::pair<uint64_t, uint64_t> kPrimes[] = {{0, 0},
                                                   {1, 2},
                                                   {2, 2},
                                                   {8, 11},
                                                   {90, 97},
                                                   {1 << 20, 1048583},
                                                   {3215031751, 3215031767},
                                                   {uint64_t{1} << 40, 1099511627791}};
  for (const auto& [least, prime] : kPrimes)
    EXPECT_EQ(static_cast<uint64_t>(p.call("_ZNSt3__112__next_primeEm", {least})), prime);
}

TEST_P(Imports, AZoneOfMallocHasItsFunctions) {
  Process p(GetParam());
  const auto zone = static_cast<uint64_t>(p.call("malloc_default_zone"));
  const auto words = p.get<MallocZone>(zone);
  EXPECT_EQ(words.malloc, p.imports["_malloc_zone_malloc"]);
  EXPECT_EQ(words.size, p.imports["_malloc_zone_size"]);
  const auto at = static_cast<uint64_t>(p.call("malloc_zone_malloc", {zone, 100}));
  EXPECT_GE(p.call("malloc_size", {at}), 100);
  EXPECT_EQ(p.call("malloc_size", {at + 16}), 0);
  p.call("malloc_zone_free", {zone, at});
  EXPECT_EQ(p.call("malloc_zone_size", {zone, at}), 0);
}

TEST_P(Imports, AFaultInsideLibSystemIsTheCallersSignal) {
  Process p(GetParam());
  p.call("strlen", {0x10});
  EXPECT_EQ(p.m.cpu().pc, p.imports["_strlen"]);
  p.m.os->deliver_signals(p.m, p.host);
  EXPECT_TRUE(p.m.exited);
  EXPECT_EQ(p.m.kill_signal, sig::SEGV);
}

}  // namespace
}  // namespace deferscope::emu::darwin
