// The second wall from inside: a forked child confines itself and tries to get out with raw system calls. The kernel is
// the oracle.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/io_uring.h>
#include <linux/memfd.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <thread>

#include "cli/confine.h"

namespace deferscope::cli {
namespace {

namespace fs = std::filesystem;

// Below a fresh directory: read/, write/, save/ are granted, out/ is not; each has a file `old` and a directory `sub`.
// links lead from the granted directories out of them.
class ConfineTest : public testing::Test {
 protected:
  void SetUp() override {
    make_tree();
    walls_here = in_child([](const Walls& w) { return (w.landlock ? 1 : 0) + (w.seccomp ? 2 : 0); });
  }
  void make_tree() {
    std::string name = testing::TempDir() + "/confine.XXXXXX";
    root = mkdtemp(name.data());
    fs::permissions(root, fs::perms(0755));
    for (const char* d : {"read", "write", "save", "out"}) {
      fs::create_directories(root / d / "sub");
      std::ofstream(root / d / "old") << "old";
      fs::create_symlink(root / "out", root / d / "link");
      for (const fs::path& p : {root / d, root / d / "sub", root / d / "old"}) fs::permissions(p, fs::perms(0777));
    }
  }
  void TearDown() override { fs::remove_all(root); }

  Grants grants() const { return {{root / "read"}, {root / "write"}, {root / "save"}}; }

  // Runs `f` in a confined child; what it returns. As a user without rights if we are root and `plain`.
  int in_child(const std::function<int(const Walls&)>& f, bool plain = false) const {
    const pid_t child = fork();
    if (child == 0) {
      if (plain && (setgid(65534) != 0 || setuid(65534) != 0)) _exit(255);
      _exit(f(confine(grants())));
    }
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
  }
  bool has_landlock() const { return walls_here & 1; }
  bool has_seccomp() const { return walls_here & 2; }

  fs::path root;
  int walls_here = 0;
};

// errno of a call that gave `result`; 0 if it worked.
int error_of(long result) { return result >= 0 ? 0 : errno; }

struct FileCase {
  const char* name;
  std::function<long(const fs::path&)> call;  // on a granted directory
  bool read, write, save;                     // below which grants it works
};

int opened(const fs::path& p, int flags) {
  const int fd = open(p.c_str(), flags | O_CLOEXEC, 0644);
  if (fd >= 0) close(fd);
  return fd;
}

const FileCase kFileCases[] = {
    {"read", [](const fs::path& d) { return opened(d / "old", O_RDONLY); }, true, true, true},
    {"list", [](const fs::path& d) { return opened(d / "sub", O_RDONLY | O_DIRECTORY); }, true, true, true},
    {"write", [](const fs::path& d) { return opened(d / "old", O_WRONLY); }, false, true, true},
    {"truncate", [](const fs::path& d) { return opened(d / "old", O_WRONLY | O_TRUNC); }, false, true, true},
    {"create", [](const fs::path& d) { return opened(d / "new", O_WRONLY | O_CREAT | O_EXCL); }, false, true, true},
    {"mkdir", [](const fs::path& d) { return mkdir((d / "made").c_str(), 0755); }, false, true, false},
    {"symlink", [](const fs::path& d) { return symlinkat("/", AT_FDCWD, (d / "to").c_str()); }, false, true, false},
    {"rename", [](const fs::path& d) { return rename((d / "old").c_str(), (d / "moved").c_str()); }, false, true,
     false},
    {"rename into another directory",
     [](const fs::path& d) { return rename((d / "old").c_str(), (d / "sub" / "moved").c_str()); }, false, true, false},
    {"unlink", [](const fs::path& d) { return unlink((d / "old").c_str()); }, false, true, false},
    {"rmdir", [](const fs::path& d) { return rmdir((d / "sub").c_str()); }, false, true, false},
    {"through a link out", [](const fs::path& d) { return opened(d / "link" / "old", O_RDONLY); }, false, false, false},
    {"through ..", [](const fs::path& d) { return opened(d / ".." / "out" / "old", O_RDONLY); }, false, false, false},
    {"create through ..", [](const fs::path& d) { return opened(d / ".." / "out" / "new", O_WRONLY | O_CREAT); }, false,
     false, false},
    {"rename out", [](const fs::path& d) { return rename((d / "old").c_str(), (d / ".." / "out" / "x").c_str()); },
     false, false, false},
    {"rename in", [](const fs::path& d) { return rename((d / ".." / "out" / "old").c_str(), (d / "x").c_str()); },
     false, false, false},
    {"link in",
     [](const fs::path& d) {
       return linkat(AT_FDCWD, (d / ".." / "out" / "old").c_str(), AT_FDCWD, (d / "x").c_str(), 0);
     },
     false, false, false},
    {"remove the root", [](const fs::path& d) { return rename(d.c_str(), (d / ".." / "x").c_str()); }, false, false,
     false},
    {"password file", [](const fs::path&) { return opened("/etc/passwd", O_RDONLY); }, false, false, false},
    {"list /", [](const fs::path&) { return opened("/", O_RDONLY | O_DIRECTORY); }, false, false, false},
    {"memory of processes", [](const fs::path&) { return opened("/proc/1/mem", O_RDWR); }, false, false, false},
    {"a device", [](const fs::path&) { return opened("/dev/null", O_RDWR); }, false, false, false},
    {"a FIFO", [](const fs::path& d) { return mkfifo((d / "fifo").c_str(), 0644); }, false, false, false},
    {"a device node", [](const fs::path& d) { return mknod((d / "node").c_str(), S_IFCHR | 0644, 0x103); }, false,
     false, false},
};

TEST_F(ConfineTest, FilesAreReachedOnlyBelowTheirGrant) {
  if (!has_landlock() || !has_seccomp()) GTEST_SKIP() << "this kernel has no Landlock";
  for (const bool plain : {false, true}) {
    if (plain && geteuid() != 0) continue;
    for (const FileCase& c : kFileCases) {
#ifdef __SANITIZE_ADDRESS__
      if (std::string_view(c.name) == "memory of processes") continue;  // LeakSanitizer reads /proc
#endif
      for (const auto& [folder, works] :
           {std::pair{"read", c.read}, {"write", c.write}, {"save", c.save}, {"out", false}}) {
        const int error = in_child([&](const Walls&) { return error_of(c.call(root / folder)); }, plain);
        const std::string what = std::string(c.name) + " in " + folder + (plain ? ", plain user" : "");
        if (works)
          EXPECT_EQ(error, 0) << what;
        else
          EXPECT_TRUE(error == EACCES || error == EXDEV || error == ENOSYS || error == EPERM) << what << ": " << error;
        if (error != 0) continue;
        TearDown();
        make_tree();
      }
    }
  }
}

long none(long n, long a = 0, long b = 0, long c = 0, long d = 0) { return syscall(n, a, b, c, d); }

struct CallCase {
  const char* name;
  std::function<long()> call;
  bool sanitizers_need = false;
};

int answer_from_below() { return 0; }

const CallCase kRefused[] = {
    {"execve", [] { return none(SYS_execve, reinterpret_cast<long>("/bin/true")); }},
    {"execveat", [] { return none(SYS_execveat, AT_FDCWD, reinterpret_cast<long>("/bin/true")); }},
    {"a process", [] { return none(SYS_clone, SIGCHLD); }, true},
    {"clone3", [] { return none(435); }},
    {"a thread in a namespace", [] { return none(SYS_clone, CLONE_VM | CLONE_SIGHAND | CLONE_THREAD | CLONE_NEWNET); },
     true},
    {"unshare", [] { return none(SYS_unshare, CLONE_NEWUSER); }},
    {"setns", [] { return none(SYS_setns, 0); }},
    {"socket", [] { return none(SYS_socket, AF_INET, SOCK_STREAM); }},
    {"Unix socket", [] { return none(SYS_socket, AF_UNIX, SOCK_DGRAM); }},
    {"packet socket", [] { return none(SYS_socket, 17, SOCK_RAW); }},
    {"connect", [] { return none(SYS_connect, 0); }},
    {"bind", [] { return none(SYS_bind, 0); }},
    {"ptrace", [] { return none(SYS_ptrace, PTRACE_TRACEME); }, true},
    {"process_vm_readv", [] { return none(SYS_process_vm_readv, getpid()); }},
    {"pidfd_open", [] { return none(434, getppid()); }},
    {"kill the parent", [] { return none(SYS_kill, getppid(), 0); }, true},
    {"kill all", [] { return none(SYS_kill, -1, 0); }, true},
    {"tgkill another", [] { return none(SYS_tgkill, getppid(), getppid(), 0); }},
    {"mount", [] { return none(SYS_mount); }},
    {"umount", [] { return none(SYS_umount2); }},
    {"pivot_root", [] { return none(SYS_pivot_root); }},
    {"chroot", [] { return none(SYS_chroot, reinterpret_cast<long>("/")); }},
    {"open_tree", [] { return none(428); }},
    {"open_by_handle_at", [] { return none(SYS_open_by_handle_at, AT_FDCWD); }},
    {"setuid", [] { return none(SYS_setuid, 0); }},
    {"fchownat", [] { return none(SYS_fchownat, AT_FDCWD, reinterpret_cast<long>("/tmp"), 0, 0); }},
    {"setxattr", [] { return none(SYS_setxattr); }},
    {"mknodat", [] { return none(SYS_mknodat, AT_FDCWD, reinterpret_cast<long>("/tmp/x"), S_IFIFO); }},
    {"executable memory", [] { return none(SYS_mmap, 0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS); }},
    {"memory made executable", [] { return none(SYS_mprotect, 0, 0, PROT_EXEC); }},
    {"memfd_create", [] { return none(SYS_memfd_create, reinterpret_cast<long>("x")); }},
    {"TIOCSTI", [] { return none(SYS_ioctl, 0, TIOCSTI); }},
    {"io_uring", [] { return none(425, 1); }},
    {"bpf", [] { return none(SYS_bpf); }},
    {"perf_event_open", [] { return none(SYS_perf_event_open); }},
    {"userfaultfd", [] { return none(SYS_userfaultfd); }},
    {"add_key", [] { return none(SYS_add_key); }},
    {"keyctl", [] { return none(SYS_keyctl); }},
    {"a higher limit",
     [] {
       const rlimit more{1 << 20, 1 << 20};
       return none(SYS_prlimit64, 0, RLIMIT_CORE, reinterpret_cast<long>(&more));
     },
     true},
    {"prctl", [] { return none(SYS_prctl, PR_SET_DUMPABLE, 1); }, true},
    {"personality", [] { return none(SYS_personality, 0); }},
    {"reboot", [] { return none(SYS_reboot); }},
    {"init_module", [] { return none(SYS_init_module); }},
    {"settimeofday", [] { return none(SYS_settimeofday); }},
};

TEST_F(ConfineTest, CallsThatTheRunDoesNotNeedAreRefused) {
  if (!has_seccomp()) GTEST_SKIP() << "this kernel has no seccomp";
  for (const CallCase& c : kRefused) {
#ifdef __SANITIZE_ADDRESS__
    if (c.sanitizers_need) continue;
#endif
    EXPECT_EQ(in_child([&](const Walls&) { return error_of(c.call()); }), ENOSYS) << c.name;
  }
}

TEST_F(ConfineTest, ThreadsTimersAndSignalsToItselfStillWork) {
  EXPECT_EQ(in_child([](const Walls&) {
              int from_thread = 1;
              std::thread([&] { from_thread = answer_from_below(); }).join();
              static volatile sig_atomic_t got = 0;
              signal(SIGUSR1, [](int) { got = 1; });
              raise(SIGUSR1);
              return from_thread == 0 && got ? 0 : 1;
            }),
            0);
}

TEST_F(ConfineTest, ThreadsStartedLaterAreConfinedToo) {
  if (!has_landlock()) GTEST_SKIP() << "this kernel has no Landlock";
  EXPECT_EQ(in_child([](const Walls&) {
              int error = 0;
              std::thread([&] { error = error_of(opened("/etc/passwd", O_RDONLY)); }).join();
              return error;
            }),
            EACCES);
}

TEST_F(ConfineTest, NothingOfTheParentIsLeft) {
  int ours[2];
  ASSERT_EQ(pipe(ours), 0);
  const int error = in_child([&](const Walls&) { return error_of(write(ours[1], "x", 1)); });
  EXPECT_EQ(error, 0) << "only what was noted is closed";
  const pid_t child = fork();
  if (child == 0) {
    note_inherited_descriptors();
    const int later = dup(ours[1]);
    confine({});
    rlimit core{};
    getrlimit(RLIMIT_CORE, &core);
    const bool right = write(ours[1], "x", 1) < 0 && errno == EBADF && write(later, "x", 1) == 1 && core.rlim_max == 0;
    _exit(right ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  close(ours[0]);
  close(ours[1]);
}

#ifndef __SANITIZE_ADDRESS__
TEST_F(ConfineTest, RootKeepsOnlyWhatReachesFiles) {
  if (geteuid() != 0) GTEST_SKIP() << "not root";
  EXPECT_EQ(in_child([&](const Walls&) {
              const int fd = open((root / "read" / "old").c_str(), O_RDONLY);
              return fd >= 0 && fchown(fd, 1, 1) != 0 && sethostname("x", 1) != 0 ? 0 : 1;
            }),
            0);
}
#endif

TEST_F(ConfineTest, AGrantThatIsNotThereIsSaid) {
  EXPECT_EQ(in_child([](const Walls& w) {
              if (!w.landlock) return 0;
              try {
                confine({{"/no/such/directory"}, {}, {}});
              } catch (const std::exception&) {
                return 0;
              }
              return w.seccomp ? 0 : 1;  // the second time seccomp refuses Landlock itself
            }),
            0);
}

}  // namespace
}  // namespace deferscope::cli
