// Mapped files against the host's kernel: the same random calls, stores and loads on both sides, and each result and
// byte must be the same. On the guest's side the file lies in its own /tmp or on the host.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <random>

#include "emu/linux/abi.h"
#include "linux_harness.h"

namespace deferscope::emu::linux_ {
namespace {

#if defined(__linux__)

constexpr uint64_t kPath = 0x8000, kBytes = 0x10000;
constexpr auto kHere = static_cast<uint64_t>(at::FDCWD);
constexpr uint64_t kPages = 6;  // of the file at most

// Loads and stores that may end in SIGBUS or SIGSEGV.
sigjmp_buf g_fault;
void on_fault(int signo) { siglongjmp(g_fault, signo); }

struct Catch {
  Catch() {
    struct sigaction act = {};
    act.sa_handler = on_fault;
    act.sa_flags = SA_NODEFER;
    for (size_t i = 0; i < 2; ++i) sigaction(i ? SIGBUS : SIGSEGV, &act, &old_[i]);
  }
  ~Catch() {
    for (size_t i = 0; i < 2; ++i) sigaction(i ? SIGBUS : SIGSEGV, &old_[i], nullptr);
  }
  struct sigaction old_[2];
};

int copy_or_signal(void* to, const void* from, size_t n) {
  const int signo = sigsetjmp(g_fault, 1);
  if (signo) return signo;
  for (size_t i = 0; i < n; ++i) static_cast<volatile uint8_t*>(to)[i] = static_cast<const volatile uint8_t*>(from)[i];
  return 0;
}

struct Case {
  bool amd64, on_host;
};

class Mapped {
 public:
  Mapped(const Case& c, unsigned seed) : top_(make_top()), p_(c.amd64, options(c, top_)), random_(seed) {
    const std::string folder = c.on_host ? top_ : "/tmp";
    for (int i = 0; i < 3; ++i) {  // the third is another file
      const std::string name = i < 2 ? "/f" : "/g";
      const int how = i == 1 ? O_RDONLY : O_RDWR;
      host_[i] = ::open((top_ + "/twin" + name.substr(1)).c_str(), how | O_CREAT, 0644);
      const auto fd = p_.call(
          "openat", {kHere, p_.put_string(kPath, folder + name), static_cast<uint64_t>(how) | open_flag::CREAT, 0644});
      EXPECT_GE(fd, 0);
      guest_[i] = static_cast<uint64_t>(fd);
    }
  }
  ~Mapped() {
    for (const Map& m : maps_) ::munmap(m.host, m.length);
    for (int fd : host_) ::close(fd);
    std::filesystem::remove_all(top_);
  }
  void step();
  void compare();
  Process& process() { return p_; }

 private:
  struct Map {
    uint8_t* host;
    uint64_t guest, length;
  };
  static std::string make_top() {
    char name[] = "/tmp/deferscope-mapped-XXXXXX";
    return ::mkdtemp(name);
  }
  static GuestOptions options(const Case& c, const std::string& top) {
    GuestOptions o;
    if (c.on_host) o.allow_write = {top};
    return o;
  }
  unsigned below(unsigned n) { return static_cast<unsigned>(random_() % n); }
  static int64_t result(int64_t host) { return host < 0 ? -errno : host; }
  void map();
  void load(const Map& m, uint64_t at, uint64_t n);
  void store(const Map& m);
  void write(int file, uint64_t offset);

  std::string top_;
  Process p_;
  std::mt19937 random_;
  int host_[3];
  uint64_t guest_[3];
  std::vector<Map> maps_;
};

void Mapped::map() {
  const int file = static_cast<int>(below(3));
  const int prot = below(3) == 0 ? PROT_READ : PROT_READ | PROT_WRITE;
  const int type = below(2) ? MAP_SHARED : MAP_PRIVATE;
  const uint64_t length = (1 + below(kPages)) * kPage, offset = below(3) * kPage;
  void* host = ::mmap(nullptr, length, prot, type, host_[file], static_cast<off_t>(offset));
  const int64_t error = host == MAP_FAILED ? -errno : 0;
  const int64_t guest =
      p_.call("mmap", {0, length, static_cast<uint64_t>(prot), static_cast<uint64_t>(type), guest_[file], offset});
  ASSERT_EQ(error, std::min<int64_t>(guest, 0)) << "mmap of file " << file << " prot " << prot << " type " << type;
  if (!error) maps_.push_back({static_cast<uint8_t*>(host), static_cast<uint64_t>(guest), length});
}

void Mapped::load(const Map& m, uint64_t at, uint64_t n) {
  std::vector<uint8_t> want(n), got(n);
  const int signo = copy_or_signal(want.data(), m.host + at, n);
  ASSERT_EQ(signo == 0, p_.m.memory.read(m.guest + at, got.data(), n)) << "at " << at << " signal " << signo;
  if (signo) {
    EXPECT_EQ(signo == SIGBUS, p_.m.memory.is_behind_file(p_.m.memory.fault_address));
    return;
  }
  ASSERT_EQ(want, got) << "at " << at;
}

// Within one page, and not behind the file's end in it: what the kernel makes of such bytes when the file grows depends
// on the file system.
void Mapped::store(const Map& m) {
  const uint64_t n = 1 + below(16), at = below(static_cast<unsigned>(m.length / kPage)) * kPage + below(64);
  uint8_t bytes[16];
  for (uint8_t& b : bytes) b = static_cast<uint8_t>(below(256));
  const int signo = copy_or_signal(m.host + at, bytes, n);
  ASSERT_EQ(signo == 0, p_.m.memory.write(m.guest + at, bytes, n)) << "signal " << signo;
}

void Mapped::write(int file, uint64_t offset) {
  char bytes[200];
  const unsigned n = 150 + below(sizeof bytes - 150);
  for (char& b : bytes) b = static_cast<char>(below(256));
  p_.m.memory.write(Process::kBuffer + kBytes, bytes, n);
  ASSERT_EQ(result(::pwrite(host_[file], bytes, n, static_cast<off_t>(offset))),
            p_.call("pwrite64", {guest_[file], Process::kBuffer + kBytes, n, offset}));
}

void Mapped::step() {
  const unsigned what = below(12);
  const int file = static_cast<int>(below(3));
  // Ends in the first hundred bytes of a page are left out, see store.
  if (what < 2) return write(file, below(kPages) * kPage + below(3800));
  if (what == 2) {
    const uint64_t size = below(kPages + 1) * kPage + (below(2) ? 100 : 0);
    ASSERT_EQ(result(::ftruncate(host_[file], static_cast<off_t>(size))), p_.call("ftruncate", {guest_[file], size}));
    return;
  }
  if (what == 3) {
    std::vector<uint8_t> want(3 * kPage), got(3 * kPage);
    const uint64_t at = below(kPages * kPage);
    const int64_t n = result(::pread(host_[file], want.data(), want.size(), static_cast<off_t>(at)));
    ASSERT_EQ(n, p_.call("pread64", {guest_[file], Process::kBuffer + kBytes, want.size(), at}));
    p_.m.memory.read(Process::kBuffer + kBytes, got.data(), static_cast<uint64_t>(n));
    ASSERT_TRUE(std::memcmp(want.data(), got.data(), static_cast<size_t>(n)) == 0) << "read of " << n << " at " << at;
    return;
  }
  if (what == 4) {
    if (maps_.size() < 8) map();
    return;
  }
  if (maps_.empty()) return;
  const size_t i = below(static_cast<unsigned>(maps_.size()));
  Map& m = maps_[i];
  const uint64_t page = below(static_cast<unsigned>(m.length / kPage)) * kPage;
  switch (what) {
    case 5:
    case 6:
    case 7: return store(m);
    case 8: {
      const int prot = below(2) ? PROT_READ : PROT_READ | PROT_WRITE;
      ASSERT_EQ(result(::mprotect(m.host, m.length, prot)),
                p_.call("mprotect", {m.guest, m.length, static_cast<uint64_t>(prot)}));
      return;
    }
    case 9: {
      const int advice = below(2) ? MADV_DONTNEED : MADV_NORMAL;
      ASSERT_EQ(result(::madvise(m.host + page, kPage, advice)),
                p_.call("madvise", {m.guest + page, kPage, static_cast<uint64_t>(advice)}));
      return;
    }
    case 10:
      ASSERT_EQ(result(::msync(m.host, m.length, MS_SYNC)), p_.call("msync", {m.guest, m.length, MS_SYNC}));
      return;
    default:
      if (below(3)) return load(m, page + below(4000), 1 + below(90));
      ASSERT_EQ(result(::munmap(m.host, m.length)), p_.call("munmap", {m.guest, m.length}));
      maps_.erase(maps_.begin() + static_cast<std::ptrdiff_t>(i));
  }
}

// Every byte that can be loaded.
void Mapped::compare() {
  for (const Map& m : maps_)
    for (uint64_t page = 0; page < m.length && !testing::Test::HasFatalFailure(); page += kPage) load(m, page, kPage);
}

class MappedFiles : public testing::TestWithParam<Case> {};
INSTANTIATE_TEST_SUITE_P(Everywhere, MappedFiles,
                         testing::Values(Case{true, false}, Case{false, false}, Case{true, true}, Case{false, true}),
                         [](const auto& i) {
                           return std::string(i.param.amd64 ? "amd64" : "arm64") + (i.param.on_host ? "_host" : "_tmp");
                         });

TEST_P(MappedFiles, AreAsTheHostsKernelHasThem) {
  const Catch faults;
  for (unsigned seed = 1; seed <= 12; ++seed) {
    SCOPED_TRACE(seed);
    Mapped twins(GetParam(), seed);
    for (int i = 0; i < 400 && !HasFatalFailure(); ++i) {
      twins.step();
      if (i % 16 == 0) twins.compare();
    }
    if (HasFatalFailure()) return;
  }
}

// What a snapshot has is what it had, whatever was stored since.
TEST_P(MappedFiles, AreValues) {
  GuestOptions options;
  char name[] = "/tmp/deferscope-mapped-XXXXXX";
  const std::string top = ::mkdtemp(name);
  if (GetParam().on_host) options.allow_write = {top};
  Process p(GetParam().amd64, options);
  const std::string path = (GetParam().on_host ? top : "/tmp") + "/f";
  const auto fd = static_cast<uint64_t>(
      p.call("openat", {kHere, p.put_string(kPath, path), open_flag::CREAT | open_flag::RDWR, 0644}));
  p.call("ftruncate", {fd, kPage});
  const auto at = static_cast<uint64_t>(p.call("mmap", {0, kPage, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0}));
  p.call("close", {fd});
  p.m.memory.write(at, "one", 3);
  const MachineState before = p.m;
  const uint64_t digest = p.m.digest();
  p.m.memory.write(at, "two", 3);
  EXPECT_NE(p.m.digest(), digest);
  p.m = before;
  EXPECT_EQ(p.m.digest(), digest);
  EXPECT_EQ(p.call("munmap", {at, kPage}), 0);
  const auto again = static_cast<uint64_t>(p.call("openat", {kHere, p.put_string(kPath, path), open_flag::RDONLY, 0}));
  EXPECT_EQ(p.call("pread64", {again, Process::kBuffer + kBytes, 3, 0}), 3);
  EXPECT_EQ(p.get<uint8_t>(Process::kBuffer + kBytes), 'o');
  std::filesystem::remove_all(top);
}

#endif

}  // namespace
}  // namespace deferscope::emu::linux_
