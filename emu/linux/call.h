// What a system call's function gets: the value it works on and its six arguments. Functions give a posix::Result; the
// error gets Linux' number in set_result.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "emu/linux/state.h"

namespace deferscope::emu::linux_ {

struct Call {
  State& s;
  MachineState& m;
  HostPort& host;
  // Of the calling thread in m.threads; not always m.current: waits are retried on behalf of their threads.
  size_t index;
  unsigned row;
  std::array<uint64_t, 6> a{};
  bool retry = false;           // called again for a thread in Wait
  bool timed_out = false;       // with retry: its deadline has come
  uint64_t resume_by = kNever;  // made again after an interruption: its wait ends then, whatever the arguments say

  Thread& thread() { return m.threads[index]; }
  isa::CpuState& cpu() { return m.threads[index].cpu; }
  ThreadInfo& info() { return s.threads.at(thread().tid); }
  Memory& memory() { return m.memory; }
  int fd(int i = 0) const { return static_cast<int>(a[i]); }

  // Makes the thread wait, or go on waiting. `deadline` in ns of m.now_ns(), kNever for none; ignored on retries.
  Result block(WaitKind kind, uint64_t deadline, bool restart);
  // Copies to and from the guest: false: FAULT.
  template <class T>
  bool get(uint64_t address, T& out) {
    return m.memory.read_value(address, out);
  }
  template <class T>
  bool put(uint64_t address, const T& in) {
    return m.memory.write_value(address, in);
  }
  // A path argument: FAULT or NAMETOOLONG.
  Result get_path(uint64_t address, std::string& out);
};

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
  /* pipes.cpp */ X(pipe) X(pipe2) X(eventfd) X(eventfd2) \
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

// threads.cpp. Ends a wait: the thread becomes Runnable with `result` in its result register.
void finish_wait(State& s, MachineState& m, size_t index, Result result);
void set_result(const State& s, isa::CpuState& cpu, Result result);
size_t thread_index(const MachineState& m, int tid);  // m.threads.size(): no such living thread
void end_process(MachineState& m, int status, int kill_signal);
void account(State& s, const MachineState& m);  // CPU time up to now to the thread that ran

// futex.cpp
int64_t futex_wake(State& s, MachineState& m, uint64_t address, int64_t count, uint32_t bitset);

// signals.cpp
void send_to_process(State& s, MachineState& m, const SigInfo& info);
void send_to_thread(State& s, MachineState& m, int tid, const SigInfo& info);
// Whether the signal would be kept; else it vanishes, ignored.
bool thread_takes(const State& s, int tid, int signo);
bool process_takes(const State& s, const MachineState& m, int signo);
bool may_queue(const State& s, const SigInfo& info);  // RLIMIT_SIGPENDING
uint64_t queued_signals(const State& s);              // timers included, which own one each
void force_signal(State& s, MachineState& m, size_t index,
                  const SigInfo& info);  // synchronous: cannot be blocked or ignored
bool has_deliverable(const State& s, int tid);
void deliver(State& s, MachineState& m, HostPort& host, size_t index);
// Replaces the mask while the call runs (ppoll, epoll_pwait, rt_sigsuspend).
Result enter_mask(Call& c, uint64_t address, uint64_t size);
void leave_mask(Call& c);

// clock.cpp
uint64_t clock_now(State& s, const MachineState& m, int clock, int tid);  // ns on that clock
bool known_clock(int clock);
// Reads a relative time-out at `address` (0: none) into a deadline: FAULT, INVAL.
Result relative_deadline(Call& c, uint64_t address, uint64_t& deadline);
uint64_t deadline_after(const MachineState& m, uint64_t ns);  // saturates
void fire_timers(State& s, MachineState& m);
// `only_wakers`: leaves out timers whose signal would change nothing as long as everybody sleeps.
uint64_t next_timer_ns(const State& s, const MachineState& m, bool only_wakers);

// files.cpp
OpenFile* file_of(State& s, int fd);
void drop_file(State& s, int file);     // one reference less; the last one closes
Result new_file(State& s, OpenFile f);  // its number, refs 0; or NOMEM, and what it holds is let go
// Or MFILE, and a file without descriptors goes. `file` may be new_file's error.
Result new_fd(State& s, Result file, bool cloexec, int lowest = 0);
bool has_free_fd(const State& s, int lowest = 0);
bool hold_content(State& s, OpenFile& f, uint64_t bytes);  // f.content is about to have so many
void drop_fd(State& s, int fd);
void change_directory(State& s, const std::string& path, int file);  // `file`: the directory's open file; 0: none
void set_up_standard_files(State& s);
Result raise_sigpipe(Call& c);  // gives PIPE
Result open_path(Call& c, int dirfd, const std::string& path, uint32_t flags, uint32_t perm);

// pipes.cpp
// Bytes that wait in a pipe or socket. False: no memory for them.
bool queue_bytes(Holdings& h, std::string& queue, std::string_view bytes);
void unqueue_bytes(Holdings& h, std::string& queue, size_t n);
Result pipe_read(Call& c, OpenFile& f, uint64_t address, uint64_t n);
Result pipe_write(Call& c, OpenFile& f, const std::string& bytes);
Result event_read(Call& c, OpenFile& f, uint64_t address, uint64_t n);
Result event_write(Call& c, OpenFile& f, const std::string& bytes);
void note_change(State& s, OpenFile& f);  // f's readiness may have changed
void note_pipe_change(State& s, int pipe);
void close_pipe_end(State& s, const OpenFile& f);
// epoll.cpp
uint32_t readiness(const State& s, const OpenFile& f);  // POLL… bits
void forget_in_epolls(State& s, int fd, int file);
void empty_epoll(State& s, int set);  // an epoll file goes: its items do
// Tries every Io wait again; called when io_changed.
void retry_io(State& s, MachineState& m, HostPort& host);

// proc.cpp: files that exist without a host.
std::optional<std::string> synthetic_file(const State& s, const MachineState& m, int tid, const std::string& path);

}  // namespace deferscope::emu::linux_
