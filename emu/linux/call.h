// What a system call's function gets: the value it works on and its six arguments. What it gives is neutral; Linux'
// number for an error is put in by answer().
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "emu/linux/state.h"
#include "emu/posix/context.h"

namespace deferscope::emu::linux_ {

struct Call : posix::Context {
  Call(State& state, const posix::Context& c) : Context(c), s(state) {}
  Call(const Call&) = delete;

  State& s;  // the same value, with what is Linux' own
  std::array<uint64_t, 6>& a = op.args;

  isa::CpuState& cpu() { return thread().cpu; }
  ThreadExtra& extra() { return s.extras.at(thread().tid); }
  int fd(int i = 0) const { return static_cast<int>(a[i]); }
  // A path argument: FAULT or NAMETOOLONG.
  Result get_path(uint64_t address, std::string& out);
  // The same, complete: relative to a directory's descriptor.
  Result get_path(int dirfd, uint64_t address, HostPath& out);
};

// What a call that waits leaves behind (posix::Operation): its row is made again, its result goes to the registers.
Result resume_call(posix::Context& c);
void answer_thread(posix::State& s, MachineState& m, size_t index, Result result);
void answer(isa::Isa isa, isa::CpuState& cpu, Result result);

using Handler = Result (*)(Call&);

struct SyscallRow {
  const char* name;
  int amd64, arm64;  // numbers; -1: this instruction set has none
  Handler handler;
};
const SyscallRow& syscall_row(unsigned row);

// The calls, by subject (one file each).
// clang-format off
#define DEFERSCOPE_LINUX_CALLS(X) \
  /* mm.cpp */ X(mmap) X(munmap) X(mprotect) X(madvise) X(mremap) X(brk) X(mincore) X(mlock) X(msync) \
  /* threads.cpp */ X(clone) X(set_tid_address) X(exit) X(exit_group) X(gettid) X(sched_yield) X(sched_getaffinity) X(set_robust_list) \
    X(get_robust_list) X(arch_prctl) X(prctl) X(getcpu) \
  /* futex.cpp */ X(futex) \
  /* clock.cpp */ X(nanosleep) X(clock_nanosleep) X(clock_gettime) X(clock_getres) X(gettimeofday) X(time) X(times) X(getrusage) \
    X(setitimer) X(getitimer) X(alarm) X(timer_create) X(timer_settime) X(timer_gettime) X(timer_delete) X(timer_getoverrun) \
  /* signals.cpp */ X(rt_sigaction) X(rt_sigprocmask) X(sigaltstack) X(rt_sigreturn) X(rt_sigpending) X(rt_sigtimedwait) X(rt_sigsuspend) \
    X(pause) X(kill) X(tkill) X(tgkill) X(rt_sigqueueinfo) X(rt_tgsigqueueinfo) \
  /* files.cpp */ X(open) X(creat) X(openat) X(close) X(read) X(write) X(readv) X(writev) X(pread64) X(pwrite64) X(preadv) X(pwritev) X(lseek) \
    X(dup) X(dup2) X(dup3) X(fcntl) X(ioctl) X(ftruncate) X(fsync) X(fchmod) X(getdents64) X(fchdir) X(close_range) X(fallocate) \
  /* paths.cpp */ X(stat) X(lstat) X(fstat) X(newfstatat) X(statx) X(access) X(faccessat) X(readlink) X(readlinkat) X(getcwd) X(chdir) \
    X(mkdir) X(mkdirat) X(rmdir) X(unlink) X(unlinkat) X(rename) X(renameat) X(truncate) X(chmod) X(fchmodat) X(utimensat) X(symlinkat) \
    X(symlink) X(linkat) X(link) X(umask) X(statfs) X(fstatfs) X(chown) X(lchown) X(fchown) X(fchownat) \
  /* files.cpp */ X(pipe) X(pipe2) X(eventfd) X(eventfd2) \
  /* sockets.cpp */ X(socket) X(socketpair) X(bind) X(listen) X(accept) X(accept4) X(connect) X(getsockname) X(getpeername) X(sendto) \
    X(recvfrom) X(sendmsg) X(recvmsg) X(setsockopt) X(getsockopt) X(shutdown) \
  /* epoll.cpp */ X(epoll_create) X(epoll_create1) X(epoll_ctl) X(epoll_wait) X(epoll_pwait) X(epoll_pwait2) X(poll) X(ppoll) X(select) X(pselect6) \
  /* misc.cpp */ X(getpid) X(getppid) X(getuid) X(getgroups) X(getresuid) X(uname) X(getrlimit) X(setrlimit) X(prlimit64) X(sysinfo) X(getrandom) \
    X(membarrier) X(getpriority) X(capget) X(sched_getscheduler) X(sched_getparam)
// clang-format on
#define DEFERSCOPE_LINUX_DECLARE(name) Result sys_##name(Call& c);
DEFERSCOPE_LINUX_CALLS(DEFERSCOPE_LINUX_DECLARE)
#undef DEFERSCOPE_LINUX_DECLARE

// --- shared between the subjects ---

// futex.cpp
int64_t futex_wake(State& s, MachineState& m, uint64_t address, int64_t count, uint32_t bitset);

// signals.cpp
void deliver(State& s, MachineState& m, HostPort& host, size_t index);
// Replaces the mask while the call runs (ppoll, epoll_pwait, rt_sigsuspend).
Result enter_mask(Call& c, uint64_t address, uint64_t size);

// clock.cpp
bool known_clock(int clock);
posix::Clock clock_of(int clock, int tid);  // `tid`: whose CPU time is meant where none is named
// Reads a relative time-out at `address` (0: none) into a deadline: FAULT, INVAL.
Result relative_deadline(Call& c, uint64_t address, uint64_t& deadline);

// files.cpp
posix::OpenHow open_how(uint32_t flags, int column);
uint32_t open_flags(const OpenFile& f);  // access mode, APPEND, NONBLOCK, PATH

// proc.cpp: files that exist without a host.
std::optional<std::string> synthetic_file(const posix::State& s, const MachineState& m, int tid,
                                          const std::string& path);

}  // namespace deferscope::emu::linux_
