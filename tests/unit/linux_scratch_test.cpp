// The guest's own /tmp against the host's file system: the same random calls in both, and each result must be the same.
#include <dirent.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <random>

#include "emu/linux/abi.h"
#include "linux_harness.h"

namespace deferscope::emu::linux_ {
namespace {

constexpr uint64_t kPathA = 0x8000, kPathB = 0x9000, kData = 0x10000;
constexpr auto kHere = static_cast<uint64_t>(at::FDCWD);

class ScratchFiles : public testing::TestWithParam<bool> {
 protected:
  static int64_t open(Process& p, const std::string& path, uint64_t flags = 0) {
    return p.call("openat", {kHere, p.put_string(kPathA, path), flags, 0644});
  }
  static int64_t one(Process& p, const char* call, const std::string& path, uint64_t x = 0) {
    return p.call(call, {kHere, p.put_string(kPathA, path), x});
  }
};
INSTANTIATE_TEST_SUITE_P(BothIsas, ScratchFiles, testing::Values(true, false),
                         [](const auto& i) { return i.param ? "amd64" : "arm64"; });

TEST_P(ScratchFiles, IsEmptyWritableAndNotTheHosts) {
  Process p(GetParam());
  const std::string name = "/tmp/deferscope-scratch-test-" + std::to_string(getpid());
  ASSERT_EQ(open(p, name, open_flag::CREAT | open_flag::RDWR), 3);
  EXPECT_EQ(p.call("write", {3, p.put_string(kData, "bytes"), 5}), 5);
  EXPECT_FALSE(std::filesystem::exists(name));
  EXPECT_EQ(p.call("getdents64", {static_cast<uint64_t>(open(p, "/tmp")), Process::kBuffer, 4096}),
            24 + 24 + static_cast<int64_t>((19 + name.size() - 5 + 8) & ~size_t{7}));
  EXPECT_EQ(one(p, "mkdirat", "/elsewhere", 0755), -err::ACCES);
}

TEST_P(ScratchFiles, TheHostHasItBelowAllowWrite) {
  GuestOptions options;
  options.allow_write = {"/tmp"};
  Process p(GetParam(), options);
  const std::string name = "/tmp/deferscope-scratch-test-" + std::to_string(getpid());
  EXPECT_GE(open(p, name, open_flag::CREAT | open_flag::RDWR), 0);
  EXPECT_TRUE(std::filesystem::remove(name));
}

TEST_P(ScratchFiles, SnapshotsKeepTheirBytes) {
  Process p(GetParam());
  ASSERT_EQ(open(p, "/tmp/a", open_flag::CREAT | open_flag::RDWR), 3);
  p.call("write", {3, p.put_string(kData, "one"), 3});
  const MachineState before = p.m;
  const uint64_t digest = p.m.digest();
  p.call("pwrite64", {3, p.put_string(kData, "two"), 3, 0});
  EXPECT_NE(p.m.digest(), digest);
  p.m = before;
  EXPECT_EQ(p.m.digest(), digest);
  EXPECT_EQ(p.call("pread64", {3, Process::kBuffer, 3, 0}), 3);
  EXPECT_EQ(p.get<uint8_t>(Process::kBuffer), 'o');
}

TEST_P(ScratchFiles, AnUnlinkedHostFileStaysReadable) {
  const std::filesystem::path root =
      std::filesystem::temp_directory_path() / ("deferscope-unlinked-" + std::to_string(getpid()));
  std::filesystem::create_directory(root);
  GuestOptions options;
  options.allow_write = {root.string()};
  Process p(GetParam(), options);
  const std::string name = (root / "f").string();
  ASSERT_EQ(open(p, name, open_flag::CREAT | open_flag::RDWR), 3);
  EXPECT_EQ(p.call("write", {3, p.put_string(kData, "bytes"), 5}), 5);
  EXPECT_EQ(one(p, "unlinkat", name), 0);
  EXPECT_FALSE(std::filesystem::exists(name));
  EXPECT_EQ(p.call("pread64", {3, Process::kBuffer, 100, 0}), 5);
  EXPECT_EQ(p.call("pwrite64", {3, p.put_string(kData, "more"), 4, 5}), 4);
  EXPECT_EQ(p.call("pread64", {3, Process::kBuffer, 100, 0}), 9);
  EXPECT_EQ(p.call("close", {3}), 0);
  std::filesystem::remove_all(root);
}

TEST_P(ScratchFiles, PermissionBitsBind) {
  Process p(GetParam());
  ASSERT_EQ(one(p, "mkdirat", "/tmp/d", 0755), 0);
  ASSERT_EQ(open(p, "/tmp/d/f", open_flag::CREAT | open_flag::RDWR), 3);
  EXPECT_EQ(one(p, "fchmodat", "/tmp/d/f", 0200), 0);
  EXPECT_EQ(open(p, "/tmp/d/f"), -err::ACCES);
  EXPECT_EQ(one(p, "fchmodat", "/tmp/d", 0500), 0);
  EXPECT_EQ(one(p, "unlinkat", "/tmp/d/f"), -err::ACCES);
  EXPECT_EQ(one(p, "mkdirat", "/tmp/d/e", 0755), -err::ACCES);
  EXPECT_EQ(one(p, "fchmodat", "/tmp/d", 0600), 0);
  EXPECT_EQ(open(p, "/tmp/d/f"), -err::ACCES);
}

#if defined(__linux__)

// Both sides of one call. Paths are relative to each side's directory; descriptors are numbered by the test.
class Twins {
 public:
  Twins(bool amd64, unsigned seed) : p_(amd64), random_(seed) {
    char name[] = "/tmp/deferscope-twin-XXXXXX";
    top_ = ::mkdtemp(name);
    root_ = top_ + "/side";
    guest_root_ = "/tmp/guest/side";
    for (const char* folder : {"/tmp/guest", "/tmp/guest/side"})
      p_.call("mkdirat", {kHere, p_.put_string(kPathA, folder), 0755});
    ::mkdir(root_.c_str(), 0755);
  }
  ~Twins() {
    for (const Pair& f : open_) ::close(f.host);
    std::filesystem::remove_all(top_);
  }
  void step();

 private:
  struct Pair {
    int host;
    uint64_t guest;
  };
  unsigned below(unsigned n) { return static_cast<unsigned>(random_() % n); }
  std::string name() {
    static const char* const kNames[] = {"a",   "b",   "d",      "d/a",    "d/b", "d/e", "d/e/a",
                                         "l",   "l/a", "d/../a", "a/",     "d/",  "./b", "d/e/../../l",
                                         "a/.", "d/.", "l/.",    "d/e/..", "."};
    return kNames[below(std::size(kNames))];
  }
  uint64_t a(const std::string& n) { return p_.put_string(kPathA, guest_root_ + "/" + n); }
  uint64_t b(const std::string& n) { return p_.put_string(kPathB, guest_root_ + "/" + n); }
  std::string host(const std::string& n) const { return root_ + "/" + n; }
  static int64_t result(int64_t host) { return host < 0 ? -errno : host; }
  void same(const std::string& what, int64_t host, int64_t guest) { ASSERT_EQ(host, guest) << what; }
  void open(const std::string& n);
  void file_call(const Pair& f);
  void status(const std::string& n, bool follow);
  void list(const std::string& n);

  Process p_;
  std::mt19937 random_;
  std::string top_, root_, guest_root_;
  std::vector<Pair> open_;
};

void Twins::open(const std::string& n) {
  struct Flag {
    int host;
    uint64_t guest;
  };
  const int column = p_.amd64() ? 0 : 1;
  const Flag kFlags[] = {{O_CREAT, open_flag::CREAT},
                         {O_EXCL, open_flag::EXCL},
                         {O_TRUNC, open_flag::TRUNC},
                         {O_APPEND, open_flag::APPEND},
                         {O_DIRECTORY, open_flag::DIRECTORY[column]},
                         {O_NOFOLLOW, open_flag::NOFOLLOW[column]}};
  Flag flags{static_cast<int>(below(3)), 0};  // the access mode
  flags.guest = static_cast<uint64_t>(flags.host);
  for (const Flag& f : kFlags)
    if (below(3) == 0) flags.host |= f.host, flags.guest |= f.guest;
  if ((flags.host & O_CREAT) && (flags.host & O_DIRECTORY)) return;  // its result differs by kernel version
  if ((flags.host & O_EXCL) && !(flags.host & O_CREAT)) return;      // undefined
  const int fd = ::open(host(n).c_str(), flags.host, 0644);
  const int error = errno;
  const int64_t guest = p_.call("openat", {kHere, a(n), flags.guest, 0644});
  ASSERT_EQ(fd < 0 ? -error : 0, std::min<int64_t>(guest, 0)) << "open " << n << " flags " << std::oct << flags.host;
  if (fd >= 0) open_.push_back({fd, static_cast<uint64_t>(guest)});
}

void Twins::file_call(const Pair& f) {
  char bytes[200], got[200];
  const unsigned n = below(sizeof bytes), offset = below(500);
  for (char& c : bytes) c = static_cast<char>(below(256));
  switch (below(6)) {
    case 0:
      p_.m.memory.write(Process::kBuffer + kData, bytes, n);
      return same("write", result(::write(f.host, bytes, n)), p_.call("write", {f.guest, Process::kBuffer + kData, n}));
    case 1:
      p_.m.memory.write(Process::kBuffer + kData, bytes, n);
      return same("pwrite", result(::pwrite(f.host, bytes, n, offset)),
                  p_.call("pwrite64", {f.guest, Process::kBuffer + kData, n, offset}));
    case 2: {
      const int64_t k = result(::read(f.host, bytes, n));
      same("read", k, p_.call("read", {f.guest, Process::kBuffer + kData, n}));
      p_.m.memory.read(Process::kBuffer + kData, got, n);
      ASSERT_TRUE(k <= 0 || std::memcmp(bytes, got, static_cast<size_t>(k)) == 0);
      return;
    }
    case 3: {
      const int whence = static_cast<int>(below(3));
      struct stat st {};
      ::fstat(f.host, &st);
      if (S_ISDIR(st.st_mode)) return;
      return same("lseek", result(::lseek(f.host, offset, whence)),
                  p_.call("lseek", {f.guest, offset, static_cast<uint64_t>(whence)}));
    }
    case 4: return same("ftruncate", result(::ftruncate(f.host, offset)), p_.call("ftruncate", {f.guest, offset}));
    default:
      if (below(4) == 0) return;
      same("close", result(::close(f.host)), p_.call("close", {f.guest}));
      std::erase_if(open_, [&](const Pair& x) { return x.host == f.host; });
  }
}

void Twins::status(const std::string& n, bool follow) {
  struct stat st {};
  const int64_t e = result(follow ? ::stat(host(n).c_str(), &st) : ::lstat(host(n).c_str(), &st));
  same("stat " + n, e,
       p_.call("newfstatat", {kHere, a(n), Process::kBuffer + kData, follow ? 0 : at::SYMLINK_NOFOLLOW}));
  if (e < 0) return;
  const uint64_t at = Process::kBuffer + kData;
  const bool amd64 = p_.amd64();
  ASSERT_EQ(st.st_mode, p_.get<uint32_t>(at + (amd64 ? 24 : 16))) << n;
  if (S_ISDIR(st.st_mode)) return;
  ASSERT_EQ(st.st_nlink, amd64 ? p_.get<uint64_t>(at + 16) : p_.get<uint32_t>(at + 20)) << n;
  ASSERT_TRUE(!S_ISREG(st.st_mode) || st.st_size == p_.get<int64_t>(at + 48)) << n;
}

void Twins::list(const std::string& n) {
  std::vector<std::string> want, got;
  DIR* dir = ::opendir(host(n).c_str());
  const int error = errno;
  const int64_t fd = p_.call("openat", {kHere, a(n), open_flag::DIRECTORY[p_.amd64() ? 0 : 1], 0});
  ASSERT_EQ(dir ? 0 : -error, std::min<int64_t>(fd, 0)) << n;
  if (!dir) return;
  while (const dirent* d = ::readdir(dir)) want.emplace_back(d->d_name);
  ::closedir(dir);
  const uint64_t at = Process::kBuffer + kData;
  const int64_t size = p_.call("getdents64", {static_cast<uint64_t>(fd), at, 4096});
  for (int64_t i = 0; i < size; i += p_.get<uint16_t>(at + static_cast<uint64_t>(i) + 16)) {
    std::string text;
    p_.m.memory.read_string(at + static_cast<uint64_t>(i) + 19, text);
    got.push_back(text);
  }
  p_.call("close", {static_cast<uint64_t>(fd)});
  std::sort(want.begin(), want.end());
  std::sort(got.begin(), got.end());
  ASSERT_EQ(want, got);
}

void Twins::step() {
  const std::string n = name(), m = name();
  switch (below(13)) {
    case 0: return same("mkdir " + n, result(::mkdir(host(n).c_str(), 0755)), p_.call("mkdirat", {kHere, a(n), 0755}));
    case 1:
      return same("rmdir " + n, result(::rmdir(host(n).c_str())), p_.call("unlinkat", {kHere, a(n), at::REMOVEDIR}));
    case 2: return same("unlink " + n, result(::unlink(host(n).c_str())), p_.call("unlinkat", {kHere, a(n), 0}));
    case 3:
      return same("rename " + n + " " + m, result(::rename(host(n).c_str(), host(m).c_str())),
                  p_.call("renameat2", {kHere, a(n), kHere, b(m), 0}));
    case 4:
      return same("link " + n + " " + m, result(::link(host(n).c_str(), host(m).c_str())),
                  p_.call("linkat", {kHere, a(n), kHere, b(m), 0}));
    case 5: {
      const std::string target = below(4) ? m : "../" + m;
      return same("symlink " + target + " " + n, result(::symlink(target.c_str(), host(n).c_str())),
                  p_.call("symlinkat", {p_.put_string(kPathB, target), kHere, a(n)}));
    }
    case 6: {
      char text[100];
      return same("readlink " + n, result(::readlink(host(n).c_str(), text, sizeof text)),
                  p_.call("readlinkat", {kHere, a(n), Process::kBuffer + kData, 100}));
    }
    case 7: return status(n, below(2));
    case 8: return list(n);
    case 9:
    case 10: return open(n);
    default:
      if (!open_.empty()) file_call(open_[below(static_cast<unsigned>(open_.size()))]);
  }
}

TEST_P(ScratchFiles, AnswersAsTheHostsFileSystem) {
  ::umask(022);
  for (unsigned seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    Twins twins(GetParam(), seed);
    for (int i = 0; i < 500 && !HasFatalFailure(); ++i) twins.step();
    if (HasFatalFailure()) return;
  }
}

#endif

}  // namespace
}  // namespace deferscope::emu::linux_
