#include "cli/confine.h"

#include <asm/termbits.h>
#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "emu/error.h"

// asm/ioctls.h without sys/ioctl.h, whose termios would meet asm/termbits.h's.
#include <asm/ioctls.h>

namespace deferscope::cli {
namespace {

// LeakSanitizer looks at all threads from a process of its own when the program ends, and reads /proc.
#ifdef __SANITIZE_ADDRESS__
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

// --- Landlock (Documentation/userspace-api/landlock.rst); the system's header may know less than its kernel ---

namespace right {
constexpr uint64_t kExecute = 1 << 0, kWriteFile = 1 << 1, kReadFile = 1 << 2, kReadDir = 1 << 3, kRemoveDir = 1 << 4,
                   kRemoveFile = 1 << 5, kMakeDir = 1 << 7, kMakeReg = 1 << 8, kMakeSym = 1 << 12, kRefer = 1 << 13,
                   kTruncate = 1 << 14, kIoctlDev = 1 << 15;
constexpr uint64_t kRead = kReadFile | kReadDir;
constexpr uint64_t kSave = kRead | kWriteFile | kTruncate | kMakeReg;
constexpr uint64_t kWrite = kSave | kRemoveDir | kRemoveFile | kMakeDir | kMakeSym | kRefer;
constexpr uint64_t kOfFiles = kExecute | kWriteFile | kReadFile | kTruncate | kIoctlDev;  // what a file's rule may say
}  // namespace right

struct Ruleset {
  uint64_t files, network, scopes;
};

// What each version of the interface added.
constexpr struct {
  int abi;
  Ruleset adds;
} kAbis[] = {
    {1, {(1 << 13) - 1, 0, 0}},     // from executing to making symbolic links
    {2, {right::kRefer, 0, 0}},     //
    {3, {right::kTruncate, 0, 0}},  //
    {4, {0, 1 << 0 | 1 << 1, 0}},   // TCP: bind, connect
    {5, {right::kIoctlDev, 0, 0}},  //
    {6, {0, 0, 1 << 0 | 1 << 1}},   // abstract Unix sockets, signals: to nobody outside
};

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  operator int() const { return fd_; }

 private:
  int fd_;
};

void allow(int ruleset, const std::string& path, uint64_t rights) {
  const Descriptor fd(open(path.c_str(), O_PATH | O_CLOEXEC));
  struct stat st {};
  if (fd < 0 || fstat(fd, &st) != 0) throw emu::Error(fmt::format("{}: {}", path, std::strerror(errno)));
  if (!S_ISDIR(st.st_mode)) rights &= right::kOfFiles;
  landlock_path_beneath_attr rule{};
  rule.allowed_access = rights;
  rule.parent_fd = fd;
  if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0)
    throw emu::Error(fmt::format("{}: Landlock: {}", path, std::strerror(errno)));
}

// Its version; 0 if it is not in force.
int restrict_files(const Grants& grants) {
  const long abi = syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  // Version 1 refuses every rename into another directory, and guests must see the same on each host.
  if (abi < 1 || (abi == 1 && !grants.write.empty())) return 0;
  Ruleset handled{};
  for (const auto& row : kAbis) {
    if (row.abi > abi) break;
    handled.files |= row.adds.files;
    handled.network |= row.adds.network;
    handled.scopes |= row.adds.scopes;
  }
  const Descriptor ruleset(static_cast<int>(syscall(SYS_landlock_create_ruleset, &handled, sizeof handled, 0)));
  if (ruleset < 0) return 0;
  for (const std::string& path : grants.read) allow(ruleset, path, right::kRead & handled.files);
  for (const std::string& path : grants.save) allow(ruleset, path, right::kSave & handled.files);
  for (const std::string& path : grants.write) allow(ruleset, path, right::kWrite & handled.files);
  if (kSanitized) {
    allow(ruleset, "/proc", right::kRead);
    allow(ruleset, "/proc/self/exe", right::kRead);  // error reports name functions
  }
  return syscall(SYS_landlock_restrict_self, static_cast<int>(ruleset), 0) == 0 ? static_cast<int>(abi) : 0;
}

// --- seccomp ---

// What deferscope, the C and the C++ library call once the guest runs. Whatever is not here fails with ENOSYS, as on a
// kernel that does not have it: libraries then take the older way (clone3 → clone), and what has none becomes an error
// with its line. To kill the process instead would gain nothing, since the call is not made in either case, and would
// make a crash of a new library's first try. No call here reaches the network, starts a program, looks into another
// process, changes an owner, mounts, or makes memory executable.
constexpr int kCalls[] = {
    // moving bytes
    SYS_read,
    SYS_write,
    SYS_readv,
    SYS_writev,
    SYS_pread64,
    SYS_pwrite64,
    SYS_lseek,
    // files; where is Landlock's matter
    SYS_openat,
    SYS_openat2,
    SYS_close,
    SYS_close_range,
    SYS_fstat,
    SYS_newfstatat,
    SYS_statx,
    SYS_faccessat,
    SYS_faccessat2,
    SYS_readlinkat,
    SYS_getdents64,
    SYS_getcwd,
    SYS_fstatfs,
    SYS_mkdirat,
    SYS_unlinkat,
    SYS_renameat2,
    SYS_linkat,
    SYS_symlinkat,
    SYS_fchmod,
    SYS_fchmodat,
    SYS_ftruncate,
    SYS_fallocate,
    SYS_fsync,
    SYS_fdatasync,
    SYS_umask,
    SYS_dup,
    SYS_dup3,
    SYS_pipe2,
    SYS_fcntl,
    // memory
    SYS_brk,
    SYS_munmap,
    SYS_mremap,
    SYS_madvise,
    // threads, waiting, signals to ourselves
    SYS_futex,
    SYS_set_robust_list,
    SYS_rseq,
    SYS_sched_yield,
    SYS_sched_getaffinity,
    SYS_gettid,
    SYS_getpid,
    SYS_ppoll,
    SYS_pselect6,
    SYS_rt_sigaction,
    SYS_rt_sigprocmask,
    SYS_rt_sigreturn,
    SYS_sigaltstack,
    SYS_restart_syscall,
    SYS_setitimer,
    SYS_nanosleep,
    SYS_clock_nanosleep,
    SYS_exit,
    SYS_exit_group,
    // what the machine says
    SYS_clock_gettime,
    SYS_clock_getres,
    SYS_gettimeofday,
    SYS_getrandom,
    SYS_getrusage,
    SYS_uname,
    SYS_sysinfo,
    SYS_getuid,
    SYS_geteuid,
    SYS_getgid,
    SYS_getegid,
#ifdef SYS_open  // not on machines younger than the …at calls
    SYS_open,
    SYS_stat,
    SYS_lstat,
    SYS_access,
    SYS_readlink,
    SYS_mkdir,
    SYS_rmdir,
    SYS_unlink,
    SYS_rename,
    SYS_poll,
    SYS_select,
    SYS_dup2,
    SYS_pipe,
    SYS_time,
#endif
#ifdef SYS_renameat
    SYS_renameat,
#endif
#ifdef SYS_fchmodat2
    SYS_fchmodat2,
#endif
#ifdef __SANITIZE_ADDRESS__
    SYS_clone,
    SYS_ptrace,
    SYS_wait4,
    SYS_prctl,
    SYS_getppid,
    SYS_kill,
    SYS_tkill,
    SYS_mincore,
#ifdef SYS_getdents
    SYS_getdents,
#endif
    SYS_prlimit64,
#endif
};

// What a terminal is asked and told; TIOCSTI, which types into it, is not among them.
constexpr unsigned kIoctls[] = {TCGETS, TCSETS, TCSETSW, TCSETSF, TIOCGWINSZ, FIONREAD};

#if defined(__x86_64__)
constexpr uint32_t kArch = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr uint32_t kArch = AUDIT_ARCH_AARCH64;
#elif defined(__riscv) && __riscv_xlen == 64
constexpr uint32_t kArch = AUDIT_ARCH_RISCV64;
#else
constexpr uint32_t kArch = 0;  // no filter: Walls::missing says it
#endif

class Filter {
 public:
  Filter() {
    load(offsetof(seccomp_data, arch));
    code_.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kArch, 1, 0));
    refuse();
    load(offsetof(seccomp_data, nr));
    for (int nr : kCalls) allow(static_cast<uint32_t>(nr));
    // No memory becomes executable: the engine's second view of its code was made before.
    for (int nr : {SYS_mmap, SYS_mprotect}) allow_if(nr, 2, PROT_EXEC, 0);
    // Threads, not processes, and none in a namespace of its own.
    constexpr uint32_t kOfThread = CLONE_VM | CLONE_SIGHAND | CLONE_THREAD,
                       kNamespaces = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |
                                     CLONE_NEWPID | CLONE_NEWNET;
    allow_if(SYS_clone, 0, kOfThread | kNamespaces, kOfThread);
    for (int nr : {SYS_tgkill, SYS_kill}) allow_if(nr, 0, UINT32_MAX, static_cast<uint32_t>(getpid()));
    for (unsigned request : kIoctls) allow_if(SYS_ioctl, 1, UINT32_MAX, request);
    allow_if(SYS_prlimit64, 2, UINT32_MAX, 0, true);  // asking, not setting: new_limit is null
    refuse();
  }
  sock_fprog program() { return {static_cast<unsigned short>(code_.size()), code_.data()}; }

 private:
  void load(size_t offset) { code_.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<uint32_t>(offset))); }
  void unless_equal_skip(uint32_t k, uint8_t skip) { code_.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, k, 0, skip)); }
  void allow() { code_.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)); }
  void refuse() { code_.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS)); }
  void allow(uint32_t nr) {
    unless_equal_skip(nr, 1);
    allow();
  }
  // The call `nr` if its argument's low word, and its high word if `whole`, is `value` under the mask.
  void allow_if(int nr, int argument, uint32_t mask, uint32_t value, bool whole = false) {
    const size_t low = offsetof(seccomp_data, args) + 8 * static_cast<size_t>(argument);  // little-endian
    unless_equal_skip(static_cast<uint32_t>(nr), static_cast<uint8_t>(whole ? 7 : 5));
    load(low);
    code_.push_back(BPF_STMT(BPF_ALU | BPF_AND | BPF_K, mask));
    unless_equal_skip(value, static_cast<uint8_t>(whole ? 3 : 1));
    if (whole) {
      load(low + 4);
      unless_equal_skip(0, 1);
    }
    allow();
    load(offsetof(seccomp_data, nr));
  }
  std::vector<sock_filter> code_;
};

// Without SPEC_ALLOW kernels before 5.16 switch off speculation past stores, which slows the engine; there is no secret
// in this process that a guest could be after.
bool restrict_calls() {
  if (kArch == 0) return false;
  Filter filter;
  sock_fprog program = filter.program();
  for (unsigned flags : {SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_SPEC_ALLOW, SECCOMP_FILTER_FLAG_TSYNC})
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program) == 0) return true;
  return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

// --- the rest ---

std::vector<int> inherited;

// A root in a container keeps what makes other users' files accessible, as the flags say; nothing else.
void drop_capabilities() {
  constexpr uint32_t kKept = 1u << CAP_DAC_OVERRIDE | 1u << CAP_DAC_READ_SEARCH | 1u << CAP_FOWNER;
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {};
  if (syscall(SYS_capget, &header, data) != 0) return;
  if ((data[0].permitted & ~kKept) == 0 && data[1].permitted == 0) return;
  data[0] = {data[0].effective & kKept, data[0].permitted & kKept, 0};
  data[1] = {};
  syscall(SYS_capset, &header, data);
}

}  // namespace

void note_inherited_descriptors() {
  DIR* const folder = opendir("/proc/self/fd");
  if (!folder) return;
  while (const dirent* entry = readdir(folder)) {
    const int fd = std::atoi(entry->d_name);
    if (fd > 2 && fd != dirfd(folder)) inherited.push_back(fd);
  }
  closedir(folder);
}

std::string Walls::text() const {
  return fmt::format("Landlock {}, seccomp {}", landlock ? fmt::format("version {}", landlock) : "off",
                     seccomp ? "on" : "off");
}

Walls confine(const Grants& grants) {
  Walls walls;
  for (int fd : inherited) close(fd);
  inherited.clear();
  const rlimit none{};
  setrlimit(RLIMIT_CORE, &none);
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0) {
    walls.landlock = restrict_files(grants);
    if (!kSanitized) drop_capabilities();  // LeakSanitizer's process could not stop its parent
    walls.seccomp = restrict_calls();
  }
  if (!walls.landlock || !walls.seccomp)
    walls.missing = fmt::format("{} is not to be had here: {} the guest to what the flags grant",
                                walls.seccomp    ? "Landlock"
                                : walls.landlock ? "seccomp"
                                                 : "neither Landlock nor seccomp",
                                walls.seccomp    ? "deferscope's own checks and seccomp hold"
                                : walls.landlock ? "deferscope's own checks and Landlock hold"
                                                 : "deferscope's own checks alone hold");
  return walls;
}

}  // namespace deferscope::cli
