// The door to the host's files, with openat2 and without: what it finds beneath its roots is what the kernel finds, and
// nobody who swaps files, directories and links while it works leads it out of them.
#include "emu/host_files.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <thread>

#include "emu/machine.h"

namespace deferscope::emu {
namespace {

namespace fs = std::filesystem;
using Lookup = HostPaths::Lookup;

class HostFilesTest : public testing::TestWithParam<Lookup> {
 protected:
  void SetUp() override {
    char name[] = "/tmp/deferscope-door-XXXXXX";
    top_ = fs::canonical(::mkdtemp(name)).string();
    root_ = top_ + "/root";
    fs::create_directories(root_ + "/d/e");
    put(root_ + "/f", "inside");
    put(top_ + "/secret", "secret");
    ::chmod((top_ + "/secret").c_str(), 0600);
    options_.allow_write = {root_};
  }
  void TearDown() override { fs::remove_all(top_); }
  static void put(const std::string& path, const std::string& text) { std::ofstream(path) << text; }
  static std::string text(const std::string& path) {
    std::ifstream in(path);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  // What the outside must still be.
  void expect_untouched() const {
    struct stat st {};
    EXPECT_EQ(text(top_ + "/secret"), "secret");
    ASSERT_EQ(::stat((top_ + "/secret").c_str(), &st), 0);
    EXPECT_EQ(st.st_mode & 07777, 0600u);
  }
  HostFiles door() const { return HostFiles(options_, GetParam()); }
  static std::string read(HostFiles& d, FileHandle h) {
    std::vector<uint8_t> bytes;
    const int64_t n = d.read(h, 0, 100, bytes);
    return n < 0 ? std::to_string(n) : std::string(bytes.begin(), bytes.end());
  }
  static int64_t open(HostFiles& d, FileHandle h, const HostPath& path, HostFiles::Open how = {.read = true}) {
    HostFiles::Status st;
    std::string real;
    return d.open(h, path, how, st, real);
  }

  std::string top_, root_, ignored_;
  GuestOptions options_;
};
INSTANTIATE_TEST_SUITE_P(BothWays, HostFilesTest, testing::Values(Lookup::Best, Lookup::ByName),
                         [](const auto& i) { return i.param == Lookup::Best ? "best" : "by_name"; });

constexpr HostFiles::Open kWrite{.read = true, .write = true};

TEST_P(HostFilesTest, ARootsEntryStays) {
  options_.allow_write.push_back(root_ + "/d/e");
  options_.allow_write.push_back(top_ + "/other");
  fs::create_directory(top_ + "/other");
  HostFiles d = door();
  std::string a, b;
  for (const std::string& held : {root_, root_ + "/d/e", root_ + "/d", top_ + "/other"}) {
    EXPECT_EQ(d.remove(held, true, a), -EBUSY) << held;
    EXPECT_EQ(d.rename(held, root_ + "/new", false, a, b), -EBUSY) << held;
    EXPECT_EQ(d.symlink("/", held), -EEXIST) << held;
    EXPECT_EQ(d.mkdir(held, 0755), -EEXIST) << held;
    ASSERT_EQ(d.mkdir(root_ + "/empty", 0755), 0);
    EXPECT_EQ(d.rename(root_ + "/empty", held, false, a, b), -EBUSY) << held;
    EXPECT_EQ(d.remove(root_ + "/empty", true, a), 0);
  }
  EXPECT_EQ(d.rename(root_ + "/f", root_ + "/d/e", false, a, b), -EISDIR);
  EXPECT_TRUE(fs::is_directory(root_ + "/d/e"));
}

// Somebody without our rules moved a root that lies in another, and put a link there.
TEST_P(HostFilesTest, ARootInAnotherIsTheOneFromTheStart) {
  put(root_ + "/d/e/x", "ours");
  options_.allow_write = {root_};
  options_.allow_read = {root_ + "/d"};
  HostFiles d = door();
  fs::rename(root_ + "/d", root_ + "/moved");
  fs::create_directory_symlink(top_, root_ + "/d");
  ASSERT_EQ(open(d, 1, root_ + "/d/e/x"), 0);
  EXPECT_EQ(read(d, 1), "ours");
  EXPECT_EQ(open(d, 2, root_ + "/d/secret"), -ENOENT);
  EXPECT_EQ(d.symlink("/", root_ + "/d"), -EEXIST);
}

TEST_P(HostFilesTest, WhatIsOpenIsWhatWasOpened) {
  HostFiles d = door();
  ASSERT_EQ(open(d, 1, root_ + "/f", kWrite), 0);
  ASSERT_EQ(open(d, 2, root_ + "/d"), 0);
  fs::remove(root_ + "/f");
  fs::create_symlink(top_ + "/secret", root_ + "/f");
  fs::rename(root_ + "/d", root_ + "/away");
  fs::create_directory_symlink(top_, root_ + "/d");
  uint64_t end = 0;
  HostFiles::Status st;
  EXPECT_EQ(d.write(1, 6, false, " yes", end), 4);
  EXPECT_EQ(end, 10u);
  EXPECT_EQ(d.write(1, 0, true, "!", end), 1);
  EXPECT_EQ(end, 11u);
  EXPECT_EQ(read(d, 1), "inside yes!");
  EXPECT_EQ(d.chmod(1, 0777), 0);
  EXPECT_EQ(d.truncate(1, 2), 0);
  EXPECT_EQ(d.stat(1, st), 0);
  EXPECT_EQ(st.size, 2u);
  HostPath in_directory(root_ + "/d/new");
  in_directory.base = 2;
  in_directory.base_length = root_.size() + 2;
  EXPECT_EQ(d.mkdir(in_directory, 0755), 0);
  EXPECT_TRUE(fs::is_directory(root_ + "/away/new"));
  in_directory.text = root_ + "/d/../../secret";
  EXPECT_EQ(open(d, 3, in_directory), -ENOENT);
  in_directory.text = root_ + "/d/secret";
  EXPECT_EQ(open(d, 3, in_directory), -ENOENT);
  expect_untouched();
}

TEST_P(HostFilesTest, ExecutableAndStdinAreThoseOfTheStart) {
  options_.exe_path = root_ + "/f";
  put(root_ + "/in", "input");
  options_.stdin_path = root_ + "/in";
  HostFiles d = door();
  for (const char* name : {"/f", "/in"}) {
    fs::remove(root_ + name);
    fs::create_symlink(top_ + "/secret", root_ + name);
  }
  HostFiles::Status st;
  std::vector<uint8_t> bytes;
  ASSERT_EQ(d.open_executable(1, st, ignored_), 0);
  EXPECT_EQ(read(d, 1), "inside");
  EXPECT_EQ(d.read_stdin(0, 100, bytes), 5);
  EXPECT_EQ(std::string(bytes.begin(), bytes.end()), "input");
  EXPECT_EQ(open(d, 2, root_ + "/f"), -ENOENT);
}

TEST_P(HostFilesTest, NothingIsSetUserId) {
  const mode_t old = ::umask(0);
  HostFiles d = door();
  const auto mode = [&](const char* name) {
    struct stat st {};
    EXPECT_EQ(::stat((root_ + name).c_str(), &st), 0) << name;
    return st.st_mode & 07777;
  };
  EXPECT_EQ(open(d, 1, root_ + "/new", {.read = true, .write = true, .create = true, .perm = 06755}), 0);
  EXPECT_EQ(mode("/new"), 0755u);
  EXPECT_EQ(d.mkdir(root_ + "/folder", 07777), 0);
  EXPECT_EQ(mode("/folder"), 01777u);
  EXPECT_EQ(d.chmod(HostPath(root_ + "/new"), 04711), 0);
  EXPECT_EQ(mode("/new"), 0711u);
  EXPECT_EQ(d.chmod(1, 02711), 0);
  EXPECT_EQ(mode("/new"), 0711u);
  // What was set-user-ID before is not, once the guest has changed it.
  uint64_t end = 0;
  ASSERT_EQ(::chmod((root_ + "/f").c_str(), 06755), 0);
  EXPECT_EQ(open(d, 2, root_ + "/f", kWrite), 0);
  EXPECT_EQ(d.write(2, 0, false, "x", end), 1);
  EXPECT_EQ(mode("/f"), 0755u);
  ASSERT_EQ(::chmod((root_ + "/f").c_str(), 06755), 0);
  EXPECT_EQ(d.truncate(HostPath(root_ + "/f"), 1), 0);
  EXPECT_EQ(mode("/f"), 0755u);
  ::umask(old);
}

TEST_P(HostFilesTest, OnlyFilesAndDirectoriesAreOpened) {
  ASSERT_EQ(::mkfifo((root_ + "/fifo").c_str(), 0666), 0);
  HostFiles d = door();
  for (const auto& how : {HostFiles::Open{.read = true}, HostFiles::Open{.write = true}, kWrite,
                          HostFiles::Open{.read = true, .look = true}})
    EXPECT_EQ(open(d, 1, root_ + "/fifo", how), -EACCES);
  EXPECT_EQ(d.truncate(HostPath(root_ + "/fifo"), 0), -EACCES);
  EXPECT_EQ(d.chmod(HostPath(root_ + "/fifo"), 0777), -EACCES);
  EXPECT_EQ(d.link(root_ + "/fifo", false, root_ + "/second"), -EACCES);
  EXPECT_EQ(d.open_handles(), 0u);
}

TEST_P(HostFilesTest, TheSystemsTreesAreNotTheHosts) {
  options_.allow_read = {"/"};
  options_.allow_write.clear();
  HostFiles d = door();
  HostFiles::Status st;
  for (const char* path : {"/proc/self/status", "/proc/1", "/proc", "/sys/kernel", "/dev/null", "/dev/mem",
                           "/proc/self/root/etc", "/etc/../proc/self/environ"})
    EXPECT_EQ(d.stat(HostPath(path), true, st, ignored_), -ENOENT) << path;
  EXPECT_EQ(open(d, 1, top_ + "/secret"), 0);
  fs::create_symlink("/proc/self/environ", root_ + "/l");
  EXPECT_EQ(open(d, 2, root_ + "/l"), -ENOENT);
}

// A rewound guest needs a file that it had closed: it gets that file, or EIO.
TEST_P(HostFilesTest, WhatWasClosedIsOpenedAgainIfItIsTheSame) {
  HostFiles d = door();
  d.remember_closed();
  int told = 0;
  d.set_trouble([&](const std::string&) { ++told; });
  HostFiles::Status st;
  std::string a, b;
  ASSERT_EQ(open(d, 1, root_ + "/f", kWrite), 0);
  ASSERT_EQ(d.rename(root_ + "/f", root_ + "/g", false, a, b), 0);
  d.close(1);
  EXPECT_EQ(d.open_handles(), 0u);
  EXPECT_EQ(d.stat(1, st), 0);
  EXPECT_EQ(read(d, 1), "inside");
  d.close(1);
  fs::rename(root_ + "/g", root_ + "/elsewhere");
  put(root_ + "/g", "another");
  EXPECT_EQ(d.stat(1, st), -EIO);
  fs::remove(root_ + "/g");
  fs::create_symlink(root_ + "/elsewhere", root_ + "/g");
  EXPECT_EQ(d.stat(1, st), -EIO);
  EXPECT_EQ(told, 2);
  d.forget(1);
  fs::remove(root_ + "/g");
  fs::rename(root_ + "/elsewhere", root_ + "/g");
  EXPECT_EQ(d.stat(1, st), -EIO);  // it was never opened
}

// Random paths through a tree of links, against the kernel's realpath.
TEST_P(HostFilesTest, FindsWhatTheKernelFinds) {
  std::mt19937 random(7);
  const auto pick = [&](const auto& list) { return list[random() % std::size(list)]; };
  std::string deep = root_;
  for (int i = 0; i < 150; ++i) fs::create_directory(deep += "/n");
  for (const char* name : {"/a", "/a/b", "/a/b/c"}) fs::create_directory(root_ + name);
  put(root_ + "/a/b/file", "x");
  const std::pair<const char*, std::string> links[] = {{"/up", ".."},
                                                       {"/a/up", ".."},
                                                       {"/a/b/top", root_ + "/a"},
                                                       {"/a/l", "b/c"},
                                                       {"/a/b/c/far", "../../../d"},
                                                       {"/loop", "loop"},
                                                       {"/a/b/lf", "file"},
                                                       {"/a/b/slash", "file/"},
                                                       {"/d/dangling", "no"},
                                                       {"/d/out", "../../secret"},
                                                       {"/n/deep", deep.substr(root_.size() + 3)},
                                                       {"/d/in", "../../root/a"}};
  for (const auto& [name, target] : links) fs::create_symlink(target, root_ + name);
  const char* const names[] = {"a",  "b", "c", "d",    "e",   "up", "top",   "l",        "far",  "file", "lf", "in",
                               "..", ".", "n", "deep", "out", "f",  "slash", "dangling", "root", "..",   "a",  "b"};
  const HostPaths paths(options_, GetParam());
  int found = 0;
  for (int i = 0; i < 10'000; ++i) {
    std::string path = root_;
    for (size_t n = 1 + random() % 8; n > 0; --n) path.append(1, '/').append(pick(names));
    if (random() % 8 == 0) path += '/';
    char real[PATH_MAX];
    const bool exists = ::realpath(path.c_str(), real) != nullptr;
    const int error = errno;
    const Found f = paths.find(path, true);
    if (exists && path_below(real, root_)) {
      ASSERT_EQ(f.error, 0) << path;
      ASSERT_TRUE(f.exists) << path;
      ASSERT_EQ(f.path, real) << path;
      struct stat st {};
      ASSERT_EQ(::stat(real, &st), 0);
      ASSERT_EQ(f.st.st_ino, st.st_ino) << path;
      ++found;
    } else if (!exists) {
      ASSERT_TRUE(f.error || !f.exists || f.above) << path;
      if (f.error && f.error != ENOENT) {
        ASSERT_EQ(f.error, error) << path;
      }
    } else {
      ASSERT_TRUE(f.error == ENOENT || f.above) << path << " is " << real;
    }
  }
  EXPECT_GT(found, 300);
}

// 150 directories down and up again: more than a walk holds open.
TEST_P(HostFilesTest, LongWaysUp) {
  std::string down, up;
  for (int i = 0; i < 150; ++i) {
    down += "/n";
    up += "/..";
    fs::create_directory(root_ + down);
  }
  HostFiles d = door();
  EXPECT_EQ(open(d, 1, root_ + down + up + "/f"), 0);
  EXPECT_EQ(open(d, 2, root_ + down + up + down + up + "/f"), 0);
  EXPECT_EQ(open(d, 3, root_ + down + up + "/../secret"), -ENOENT);
}

// --- swaps ---

// Runs `swap` until `work` is done.
template <class Swap, class Work>
void against(Swap swap, Work work) {
  std::atomic<bool> stop = false;
  std::thread other([&] {
    while (!stop) swap();
  });
  work();
  stop = true;
  other.join();
}

constexpr int kRounds = 3000;

TEST_P(HostFilesTest, AFileSwappedForALink) {
  const std::string name = root_ + "/f", spare = root_ + "/spare", link = root_ + "/link";
  fs::create_symlink(top_ + "/secret", link);
  HostFiles d = door();
  const auto swap = [&] {
    ::rename(name.c_str(), spare.c_str());
    ::rename(link.c_str(), name.c_str());
    ::rename(name.c_str(), link.c_str());
    ::rename(spare.c_str(), name.c_str());
  };
  int worked = 0;
  against(swap, [&] {
    for (int i = 0; i < kRounds; ++i) {
      HostFiles::Status st;
      if (d.chmod(HostPath(name), 0644) == 0) ++worked;
      if (d.truncate(HostPath(name), 6) == 0) ++worked;
      if (d.stat(HostPath(name), true, st, ignored_) == 0) {
        EXPECT_EQ(st.mode & 0777, 0644u);
      }
      if (open(d, 1, name, kWrite) == 0) {
        EXPECT_EQ(read(d, 1), "inside");
        uint64_t end = 0;
        d.write(1, 0, false, "inside", end);
        ++worked;
      }
      if (open(d, 2, name, {.read = true, .write = true, .truncate = false, .follow = false}) == 0) ++worked;
      std::string a;
      d.link(HostPath(name), false, root_ + "/hard");
      d.remove(HostPath(root_ + "/hard"), false, a);
    }
  });
  expect_untouched();
  EXPECT_GT(worked, 0);
}

TEST_P(HostFilesTest, ADirectorySwappedForALink) {
  const std::string name = root_ + "/d", spare = root_ + "/spare", link = root_ + "/link";
  fs::create_directory(top_ + "/out");
  put(root_ + "/d/secret", "inside");
  put(top_ + "/out/secret", "secret");
  fs::create_directory_symlink(top_ + "/out", link);
  HostFiles d = door();
  const auto swap = [&] {
    ::rename(name.c_str(), spare.c_str());
    ::rename(link.c_str(), name.c_str());
    ::rename(name.c_str(), link.c_str());
    ::rename(spare.c_str(), name.c_str());
  };
  int worked = 0;
  against(swap, [&] {
    for (int i = 0; i < kRounds; ++i) {
      std::string a, b;
      if (open(d, 1, name + "/secret") == 0) {
        EXPECT_EQ(read(d, 1), "inside");
        ++worked;
      }
      if (d.mkdir(name + "/new", 0755) == 0) ++worked;
      d.rename(name + "/new", name + "/newer", false, a, b);
      d.remove(name + "/newer", true, a);
      d.symlink("x", name + "/sl");
      d.remove(name + "/sl", false, a);
      if (open(d, 2, name + "/made", {.write = true, .create = true, .perm = 0644}) == 0) ++worked;
      d.remove(name + "/made", false, a);
      d.remove(name + "/..", true, a);
    }
  });
  std::vector<std::string> names;
  for (const auto& e : fs::directory_iterator(top_ + "/out")) names.push_back(e.path().filename());
  EXPECT_EQ(names, std::vector<std::string>{"secret"});
  EXPECT_EQ(text(top_ + "/out/secret"), "secret");
  EXPECT_GT(worked, 0);
}

// --- time travel ---

#if defined(DEFERSCOPE_ESCAPE)

// A guest that renames and unlinks what it has open. Going back and forth asks the host nothing; a guest that goes on
// from the middle meets the host's files as they are now, and what it needs and had closed is the same file or EIO.
TEST_P(HostFilesTest, GoingBackDoesNotTouchTheHost) {
  if (GetParam() == Lookup::ByName) ::setenv("DEFERSCOPE_NO_OPENAT2", "1", 1);
  for (const char* folder : {"/w", "/w/sub", "/w/swap", "/w/swap/d"}) fs::create_directories(top_ + folder);
  for (const char* file : {"/w/f", "/w/swap/d/secret"}) put(top_ + file, "inside");
  options_.allow_write = {top_ + "/w"};
  options_.cwd = top_ + "/w";
  options_.exe_path = DEFERSCOPE_ESCAPE;
  options_.argv = {"escape",
                   top_,
                   "fd.renamed-file",
                   "fd.unlinked-file",
                   "fd.renamed-directory",
                   "fd.removed-directory",
                   "link.out-and-in",
                   "mode.fchmod",
                   "swap.directory-held",
                   "root.removed-cwd",
                   "fd.renamed-file"};
  Machine m(loader::Image::load(DEFERSCOPE_ESCAPE), options_);
  ::unsetenv("DEFERSCOPE_NO_OPENAT2");
  std::string out;
  m.recording().set_sink(
      [&](int, const uint8_t* bytes, size_t n) { out.append(reinterpret_cast<const char*>(bytes), n); });
  m.set_recording(true);
  ASSERT_EQ(m.run_to(kNever).kind, Stop::Exited);
  EXPECT_EQ(std::count(out.begin(), out.end(), '\n'), 10) << out;
  EXPECT_EQ(m.recording().files().open_handles(), 1u);  // the working directory
  const Position end = m.state().position;
  const uint64_t digest = m.state().digest();
  const auto changed = [&] {
    struct stat st {};
    ::stat((top_ + "/w").c_str(), &st);
    return std::make_pair(st.st_ctim.tv_sec, st.st_ctim.tv_nsec);
  };
  const auto before = changed();
  for (Position p = end; p > end / 40; p -= end / 40) {
    m.seek(p);
    m.step();
  }
  m.seek(end);
  EXPECT_EQ(m.state().digest(), digest);
  EXPECT_EQ(changed(), before);
  for (Position p = end / 40; p < end; p += end / 5) {
    m.seek(p);
    m.drop_future();
    EXPECT_EQ(m.run_to(kNever).kind, Stop::Exited);
  }
  expect_untouched();
}

#endif

TEST(HostFilesStart, WhatAFlagNamesWronglyIsNamed) {
  GuestOptions o;
  o.allow_read = {"/nowhere at all"};
  try {
    HostFiles d(o);
    FAIL();
  } catch (const Error& e) {
    EXPECT_STREQ(e.what(), "--allow-read /nowhere at all: No such file or directory");
  }
}

}  // namespace
}  // namespace deferscope::emu
