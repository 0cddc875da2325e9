// One row a system call: name, its number on amd64 and on arm64 (-1: none), and what it does. A call that is not here
// ends the run.
#include "emu/linux/syscall_table.h"

#include <array>
#include <unordered_map>

namespace deferscope::emu::linux_ {
namespace {

// Calls that answer the same whatever they are asked.
template <Error error>
Result fails(Call&) {
  return error;
}
template <int Value>
Result gives(Call&) {
  return Value;
}

constexpr auto kNoSys = fails<Error::NOSYS>;  // as an older kernel; callers fall back
constexpr auto kDenied = fails<Error::PERM>;  // outside the sandbox
constexpr auto kOk = gives<0>;

// clang-format off
const SyscallRow kSyscallRows[] = {
    // memory
    {"mmap", 9, 222, sys_mmap},
    {"munmap", 11, 215, sys_munmap},
    {"mprotect", 10, 226, sys_mprotect},
    {"madvise", 28, 233, sys_madvise},
    {"mremap", 25, 216, sys_mremap},
    {"brk", 12, 214, sys_brk},
    {"mincore", 27, 232, sys_mincore},
    {"mlock", 149, 228, sys_mlock},
    {"munlock", 150, 229, sys_mlock},
    {"mlock2", 325, 284, sys_mlock},
    {"mlockall", 151, 230, kOk},
    {"munlockall", 152, 231, kOk},
    {"msync", 26, 227, sys_msync},
    {"get_mempolicy", 239, 236, kNoSys},
    {"set_mempolicy", 238, 237, kNoSys},
    {"mbind", 237, 235, kNoSys},
    {"pkey_alloc", 330, 289, kNoSys},
    {"memfd_create", 319, 279, kNoSys},
    {"userfaultfd", 323, 282, kNoSys},
    {"shmget", 29, 194, kNoSys},
    {"shmat", 30, 196, kNoSys},
    {"shmctl", 31, 195, kNoSys},
    {"shmdt", 67, 197, kNoSys},
    // threads and processes
    {"clone", 56, 220, sys_clone},
    {"clone3", 435, 435, kNoSys},
    {"fork", 57, -1, kDenied},
    {"vfork", 58, -1, kDenied},
    {"execve", 59, 221, fails<Error::ACCES>},
    {"execveat", 322, 281, fails<Error::ACCES>},
    {"wait4", 61, 260, fails<Error::CHILD>},
    {"waitid", 247, 95, fails<Error::CHILD>},
    {"pidfd_open", 434, 434, kNoSys},
    {"pidfd_send_signal", 424, 424, kNoSys},
    {"pidfd_getfd", 438, 438, kNoSys},
    {"set_tid_address", 218, 96, sys_set_tid_address},
    {"exit", 60, 93, sys_exit},
    {"exit_group", 231, 94, sys_exit_group},
    {"gettid", 186, 178, sys_gettid},
    {"sched_yield", 24, 124, sys_sched_yield},
    {"sched_getaffinity", 204, 123, sys_sched_getaffinity},
    {"sched_setaffinity", 203, 122, kOk},
    {"sched_getscheduler", 145, 120, sys_sched_getscheduler},
    {"sched_setscheduler", 144, 119, kOk},
    {"sched_getparam", 143, 121, sys_sched_getparam},
    {"sched_setparam", 142, 118, kOk},
    {"sched_get_priority_max", 146, 125, kOk},
    {"sched_get_priority_min", 147, 126, kOk},
    {"set_robust_list", 273, 99, sys_set_robust_list},
    {"get_robust_list", 274, 100, sys_get_robust_list},
    {"rseq", 334, 293, kNoSys},
    {"arch_prctl", 158, -1, sys_arch_prctl},
    {"prctl", 157, 167, sys_prctl},
    {"getcpu", 309, 168, sys_getcpu},
    {"membarrier", 324, 283, sys_membarrier},
    {"futex", 202, 98, sys_futex},
    {"futex_waitv", 449, 449, kNoSys},
    {"ptrace", 101, 117, kDenied},
    {"unshare", 272, 97, kDenied},
    {"setns", 308, 268, kDenied},
    {"seccomp", 317, 277, kNoSys},
    // clocks
    {"nanosleep", 35, 101, sys_nanosleep},
    {"clock_nanosleep", 230, 115, sys_clock_nanosleep},
    {"clock_gettime", 228, 113, sys_clock_gettime},
    {"clock_getres", 229, 114, sys_clock_getres},
    {"clock_settime", 227, 112, kDenied},
    {"clock_adjtime", 305, 266, kDenied},
    {"settimeofday", 164, 170, kDenied},
    {"gettimeofday", 96, 169, sys_gettimeofday},
    {"time", 201, -1, sys_time},
    {"times", 100, 153, sys_times},
    {"getrusage", 98, 165, sys_getrusage},
    {"setitimer", 38, 103, sys_setitimer},
    {"getitimer", 36, 102, sys_getitimer},
    {"alarm", 37, -1, sys_alarm},
    {"timer_create", 222, 107, sys_timer_create},
    {"timer_settime", 223, 110, sys_timer_settime},
    {"timer_gettime", 224, 108, sys_timer_gettime},
    {"timer_getoverrun", 225, 109, sys_timer_getoverrun},
    {"timer_delete", 226, 111, sys_timer_delete},
    {"timerfd_create", 283, 85, kNoSys},
    // signals
    {"rt_sigaction", 13, 134, sys_rt_sigaction},
    {"rt_sigprocmask", 14, 135, sys_rt_sigprocmask},
    {"rt_sigreturn", 15, 139, sys_rt_sigreturn},
    {"rt_sigpending", 127, 136, sys_rt_sigpending},
    {"rt_sigtimedwait", 128, 137, sys_rt_sigtimedwait},
    {"rt_sigsuspend", 130, 133, sys_rt_sigsuspend},
    {"rt_sigqueueinfo", 129, 138, sys_rt_sigqueueinfo},
    {"rt_tgsigqueueinfo", 297, 240, sys_rt_tgsigqueueinfo},
    {"sigaltstack", 131, 132, sys_sigaltstack},
    {"pause", 34, -1, sys_pause},
    {"kill", 62, 129, sys_kill},
    {"tkill", 200, 130, sys_tkill},
    {"tgkill", 234, 131, sys_tgkill},
    {"signalfd4", 289, 74, kNoSys},
    // descriptors
    {"open", 2, -1, sys_open},
    {"creat", 85, -1, sys_creat},
    {"openat", 257, 56, sys_openat},
    {"openat2", 437, 437, kNoSys},
    {"close", 3, 57, sys_close},
    {"close_range", 436, 436, sys_close_range},
    {"read", 0, 63, sys_read},
    {"write", 1, 64, sys_write},
    {"readv", 19, 65, sys_readv},
    {"writev", 20, 66, sys_writev},
    {"pread64", 17, 67, sys_pread64},
    {"pwrite64", 18, 68, sys_pwrite64},
    {"preadv", 295, 69, sys_preadv},
    {"pwritev", 296, 70, sys_pwritev},
    {"preadv2", 327, 286, kNoSys},
    {"pwritev2", 328, 287, kNoSys},
    {"lseek", 8, 62, sys_lseek},
    {"dup", 32, 23, sys_dup},
    {"dup2", 33, -1, sys_dup2},
    {"dup3", 292, 24, sys_dup3},
    {"fcntl", 72, 25, sys_fcntl},
    {"flock", 73, 32, kOk},
    {"ioctl", 16, 29, sys_ioctl},
    {"ftruncate", 77, 46, sys_ftruncate},
    {"fallocate", 285, 47, sys_fallocate},
    {"fadvise64", 221, 223, kOk},
    {"readahead", 187, 213, kOk},
    {"fsync", 74, 82, sys_fsync},
    {"fdatasync", 75, 83, sys_fsync},
    {"sync", 162, 81, kOk},
    {"sync_file_range", 277, 84, kOk},
    {"fchmod", 91, 52, sys_fchmod},
    {"fchown", 93, 55, sys_fchown},
    {"getdents64", 217, 61, sys_getdents64},
    {"fchdir", 81, 50, sys_fchdir},
    {"sendfile", 40, 71, fails<Error::INVAL>},
    {"splice", 275, 76, fails<Error::INVAL>},
    {"tee", 276, 77, fails<Error::INVAL>},
    {"copy_file_range", 326, 285, kNoSys},
    {"pipe", 22, -1, sys_pipe},
    {"pipe2", 293, 59, sys_pipe2},
    {"eventfd", 284, -1, sys_eventfd},
    {"eventfd2", 290, 19, sys_eventfd2},
    {"epoll_create", 213, -1, sys_epoll_create},
    {"epoll_create1", 291, 20, sys_epoll_create1},
    {"epoll_ctl", 233, 21, sys_epoll_ctl},
    {"epoll_wait", 232, -1, sys_epoll_wait},
    {"epoll_pwait", 281, 22, sys_epoll_pwait},
    {"epoll_pwait2", 441, 441, sys_epoll_pwait2},
    {"poll", 7, -1, sys_poll},
    {"ppoll", 271, 73, sys_ppoll},
    {"select", 23, -1, sys_select},
    {"pselect6", 270, 72, sys_pselect6},
    {"inotify_init", 253, -1, fails<Error::MFILE>},
    {"inotify_init1", 294, 26, fails<Error::MFILE>},
    {"fanotify_init", 300, 262, kDenied},
    {"perf_event_open", 298, 241, kDenied},
    {"bpf", 321, 280, kDenied},
    {"io_setup", 206, 0, kNoSys},
    {"io_uring_setup", 425, 425, kNoSys},
    // paths
    {"stat", 4, -1, sys_stat},
    {"lstat", 6, -1, sys_lstat},
    {"fstat", 5, 80, sys_fstat},
    {"newfstatat", 262, 79, sys_newfstatat},
    {"statx", 332, 291, sys_statx},
    {"statfs", 137, 43, sys_statfs},
    {"fstatfs", 138, 44, sys_fstatfs},
    {"access", 21, -1, sys_access},
    {"faccessat", 269, 48, sys_faccessat},
    {"faccessat2", 439, 439, sys_faccessat},
    {"readlink", 89, -1, sys_readlink},
    {"readlinkat", 267, 78, sys_readlinkat},
    {"getcwd", 79, 17, sys_getcwd},
    {"chdir", 80, 49, sys_chdir},
    {"mkdir", 83, -1, sys_mkdir},
    {"mkdirat", 258, 34, sys_mkdirat},
    {"rmdir", 84, -1, sys_rmdir},
    {"unlink", 87, -1, sys_unlink},
    {"unlinkat", 263, 35, sys_unlinkat},
    {"rename", 82, -1, sys_rename},
    {"renameat", 264, 38, sys_renameat},
    {"renameat2", 316, 276, sys_renameat},
    {"link", 86, -1, sys_link},
    {"linkat", 265, 37, sys_linkat},
    {"symlink", 88, -1, sys_symlink},
    {"symlinkat", 266, 36, sys_symlinkat},
    {"truncate", 76, 45, sys_truncate},
    {"chmod", 90, -1, sys_chmod},
    {"fchmodat", 268, 53, sys_fchmodat},
    {"fchmodat2", 452, 452, sys_fchmodat},
    {"chown", 92, -1, sys_chown},
    {"lchown", 94, -1, sys_lchown},
    {"fchownat", 260, 54, sys_fchownat},
    {"utimensat", 280, 88, sys_utimensat},
    {"umask", 95, 166, sys_umask},
    {"mknod", 133, -1, kDenied},
    {"mknodat", 259, 33, kDenied},
    {"getxattr", 191, 8, fails<Error::OPNOTSUPP>},
    {"lgetxattr", 192, 9, fails<Error::OPNOTSUPP>},
    {"fgetxattr", 193, 10, fails<Error::OPNOTSUPP>},
    {"setxattr", 188, 5, fails<Error::OPNOTSUPP>},
    {"listxattr", 194, 11, fails<Error::OPNOTSUPP>},
    {"chroot", 161, 51, kDenied},
    {"mount", 165, 40, kDenied},
    {"umount2", 166, 39, kDenied},
    // identity, limits, the rest
    {"getpid", 39, 172, sys_getpid},
    {"getppid", 110, 173, sys_getppid},
    {"getpgrp", 111, -1, sys_getpid},
    {"getpgid", 121, 155, sys_getpid},
    {"getsid", 124, 156, sys_getpid},
    {"setsid", 112, 157, kDenied},
    {"setpgid", 109, 154, kDenied},
    {"getuid", 102, 174, sys_getuid},
    {"geteuid", 107, 175, sys_getuid},
    {"getgid", 104, 176, sys_getuid},
    {"getegid", 108, 177, sys_getuid},
    {"getgroups", 115, 158, sys_getgroups},
    {"getresuid", 118, 148, sys_getresuid},
    {"getresgid", 120, 150, sys_getresuid},
    {"setuid", 105, 146, kDenied},
    {"setgid", 106, 144, kDenied},
    {"setreuid", 113, 145, kDenied},
    {"setregid", 114, 143, kDenied},
    {"setresuid", 117, 147, kDenied},
    {"setresgid", 119, 149, kDenied},
    {"setgroups", 116, 159, kDenied},
    {"capget", 125, 90, sys_capget},
    {"capset", 126, 91, kDenied},
    {"uname", 63, 160, sys_uname},
    {"sethostname", 170, 161, kDenied},
    {"reboot", 169, 142, kDenied},
    {"syslog", 103, 116, kDenied},
    {"personality", 135, 92, kOk},
    {"getrlimit", 97, 163, sys_getrlimit},
    {"setrlimit", 160, 164, sys_setrlimit},
    {"prlimit64", 302, 261, sys_prlimit64},
    {"getpriority", 140, 141, sys_getpriority},
    {"setpriority", 141, 140, kOk},
    {"sysinfo", 99, 179, sys_sysinfo},
    {"getrandom", 318, 278, sys_getrandom},
    {"socket", 41, 198, sys_socket},
    {"socketpair", 53, 199, sys_socketpair},
    {"bind", 49, 200, sys_bind},
    {"listen", 50, 201, sys_listen},
    {"accept", 43, 202, sys_accept},
    {"accept4", 288, 242, sys_accept4},
    {"connect", 42, 203, sys_connect},
    {"getsockname", 51, 204, sys_getsockname},
    {"getpeername", 52, 205, sys_getpeername},
    {"sendto", 44, 206, sys_sendto},
    {"recvfrom", 45, 207, sys_recvfrom},
    {"sendmsg", 46, 211, sys_sendmsg},
    {"recvmsg", 47, 212, sys_recvmsg},
    {"setsockopt", 54, 208, sys_setsockopt},
    {"getsockopt", 55, 209, sys_getsockopt},
    {"shutdown", 48, 210, sys_shutdown},
    {"keyctl", 250, 219, kNoSys},
    {"add_key", 248, 217, kNoSys},
    {"restart_syscall", 219, 128, fails<Error::INTR>},
};
// clang-format on

constexpr unsigned kNumbers = 512;
using Index = std::array<int16_t, kNumbers>;

Index make_index(int column) {
  Index index;
  index.fill(-1);
  int16_t i = 0;
  for (const SyscallRow& row : kSyscallRows) {
    const int nr = column == 0 ? row.amd64 : row.arm64;
    if (nr >= 0) index[static_cast<size_t>(nr)] = i;
    ++i;
  }
  return index;
}

}  // namespace

const SyscallRow& syscall_row(unsigned row) { return kSyscallRows[row]; }

std::span<const SyscallRow> syscall_rows() { return kSyscallRows; }

int find_syscall(int column, uint64_t number) {
  static const Index index[2] = {make_index(0), make_index(1)};
  return number < kNumbers ? index[column][number] : -1;
}

}  // namespace deferscope::emu::linux_
