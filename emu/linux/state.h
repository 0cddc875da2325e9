// The state of the emulated Linux process: plain values, copied with the machine, all of it in the digest.
#pragma once
#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "emu/host_paths.h"
#include "emu/linux/abi.h"
#include "emu/linux/contents.h"
#include "emu/machine_state.h"
#include "emu/posix/error.h"

namespace deferscope::emu::linux_ {

using posix::Error;
using posix::kBlocked;
using posix::kNoResult;
using posix::kOk;
using posix::Result;

inline constexpr uint32_t kGuestUid = 1000;  // the guest's user and group, and the owner of every file it sees

// --- signals ---

struct SigInfo {
  int32_t signo = 0, code = 0;
  uint64_t word16 = 0,
           word24 = 0;  // siginfo's bytes 16…23 and 24…31: si_addr; si_pid and si_uid; timer id, overrun, value
};

struct SigAction {
  uint64_t handler = sig::DFL, flags = 0, restorer = 0, mask = 0;  // the kernel's order in memory
};

struct AltStack {
  uint64_t sp = 0;
  uint32_t flags = sig::kSsDisable;
  uint64_t size = 0;
};

// --- threads ---

enum class WaitKind : uint8_t {
  None,
  Futex,  // until FUTEX_WAKE on `address`
  Sleep,  // until `deadline`
  Io,     // until its system call can go on; tried again whenever a pipe, eventfd or epoll set changed
  Signal  // pause, rt_sigsuspend, rt_sigtimedwait
};

// Why a thread is Blocked. Its system call stands complete in here, so it can be finished or started again.
struct Wait {
  WaitKind kind = WaitKind::None;
  unsigned row = 0;  // of the system call table
  std::array<uint64_t, 6> args{};
  bool restart = false;  // SA_RESTART applies (the kernel's ERESTARTSYS); else EINTR
  uint64_t address = 0;  // Futex
  uint32_t bitset = 0;   // Futex
  uint64_t order = 0;    // first come, first woken
  uint64_t signals = 0;  // Signal: the set rt_sigtimedwait waits for
  uint64_t deadline = kNever;
  uint64_t remainder_at = 0;  // Sleep: where the rest goes if a signal ends it
};

struct ThreadInfo {
  uint64_t mask = 0;
  std::optional<uint64_t> saved_mask;  // what rt_sigsuspend, ppoll, epoll_pwait put back on return
  std::deque<SigInfo> pending;
  AltStack altstack;
  uint64_t clear_tid = 0, robust_list = 0, robust_size = 0;
  uint64_t trapno = 0, error_code = 0, fault_address = 0;  // of the last fault; stays, as in the kernel's thread struct
  Wait wait;
  bool interrupted = false;  // woken by a signal; `wait` still says from what
  // The next instruction makes an interrupted call again, whose wait ended then (the kernel's restart block).
  uint64_t resume_by = kNever;
  uint64_t cpu_ns = 0;
  std::string name;        // PR_SET_NAME
  bool keep_caps = false;  // PR_SET_KEEPCAPS: no meaning here, but it is per thread and read back
};

// --- files ---

enum class FileKind : uint8_t {
  Null,
  Zero,
  Random,
  Stdin,
  Stdout,
  Text,
  Host,
  Scratch,
  Directory,
  PipeRead,
  PipeWrite,
  Event,
  Epoll,
  Socket
};

struct EpollItem {
  uint32_t events = 0;
  uint64_t data = 0;
  int file = 0;
  uint64_t seen = 0;  // EPOLLET: the file's `changes` when last reported
  bool disarmed = false;
};

// An open file description: dup shares it.
struct OpenFile {
  FileKind kind = FileKind::Null;
  uint32_t flags = 0;  // O_…; access mode, APPEND, NONBLOCK
  uint64_t offset = 0;
  std::string path;     // as the guest would see it
  std::string content;  // Text: all of it. Directory: its records, once read
  bool listed = false;
  bool unnamed = false;            // of the host: the guest took its name away
  uint64_t handle = 0;             // Host, and a Directory of it: what the door holds (host_files.h)
  bool sought = false;             // Directory: lseek set `offset`, which need not be a record's
  uint64_t object = 0;             // Host: which mapped file it is, 0: none; as of when so many had been mapped
  uint64_t object_as_of = 0;       // (file_maps.cpp)
  int node = 0;                    // Scratch, and a Directory of it
  int stream = 0;                  // Stdout: 1 or 2
  int pipe = 0;                    // Pipe…
  int socket = 0;                  // Socket
  uint64_t count = 0;              // Event
  bool semaphore = false;          // Event
  uint64_t changes = 0;            // counts what would wake a poller
  std::map<int, EpollItem> items;  // Epoll, by descriptor
  std::vector<int> watchers;       // Epoll files with an item of this one, once an item. Follows from `items`.
  int refs = 0;                    // descriptors
  uint64_t held = 0;               // of Holdings
};

struct FileTimes {
  TimeSpec access, change;
};

// A file, directory or link of the guest's own /tmp (scratch.h).
struct ScratchNode {
  uint32_t mode = 0;                   // type and permissions
  Contents bytes;                      // a file's
  std::string target;                  // a link's
  std::map<std::string, int> entries;  // a directory's names
  int parent = 0;                      // a directory's
  int links = 0, opens = 0;            // names, open files
  FileTimes times;
};

// The bytes of a file that stand behind its private mappings, as they were when it was mapped.
struct MappedFile {
  std::string path;
  int node = 0;  // in the guest's own /tmp
  uint64_t offset = 0, asked = 0;
  std::shared_ptr<const std::vector<uint8_t>> bytes;
  MappingName name;
};

struct Scratch {
  bool mounted = false;  // else the host has /tmp
  std::map<int, ScratchNode> nodes;
  int next = 1;
  uint64_t used = 0;   // bytes of all pieces of files
  uint64_t names = 0;  // in all directories
};

struct Descriptor {
  int file = 0;
  bool cloexec = false;
};

struct Pipe {
  std::string bytes;
  size_t capacity = 65536;
  int readers = 0, writers = 0;  // OpenFiles, not descriptors
};

// A socket of the guest's own network (sockets.h), held by an open file or by a listener's queue.
struct Socket {
  int family = 0, type = 0, protocol = 0;
  std::string local, peer;  // struct sockaddr; empty: not bound, not connected
  int node = 0;             // AF_UNIX: the file it is bound to
  bool listening = false;
  std::deque<int> queue;  // of a listener: connections to accept
  uint32_t backlog = 0;   // how many may wait there
  int other = 0;          // the connected socket, while it lives; of UDP none
  std::string bytes;      // stream: received, not read
  struct Packet {
    std::string from, bytes;
  };
  std::deque<Packet> packets;  // datagrams
  uint64_t queued = 0;         // their bytes
  bool ended = false;          // the peer writes no more
  bool read_shut = false, write_shut = false;
  bool reset = false;         // TCP: wrote to a peer that is gone
  Error error = Error::None;  // SO_ERROR: what the next call gets
  std::map<uint64_t, uint32_t> options;
};

// --- clocks ---

struct Timer {
  int clock = clock_id::REALTIME;
  int tid = 0;      // of the thread whose CPU time counts, or that gets the signal (SIGEV_THREAD_ID); 0: the process
  int cpu_tid = 0;  // THREAD_CPU: whose
  int signo = sig::ALRM;
  bool notify = true;
  uint64_t value = 0;     // sigev_value
  uint64_t expiry = 0;    // on its clock, ns; 0 disarmed
  uint64_t interval = 0;  // ns
  uint64_t overrun = 0;
};

// A small random generator whose state is a value (splitmix64).
struct Random {
  uint64_t state = 0;
  uint64_t next() {
    uint64_t z = state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
  }
  void fill(uint8_t* out, size_t n);
};

// What the process makes the host hold beside its pages, against --memory. Memory counts pages, nodes and mappings;
// `pages` is what it said when the call at hand began.
struct Holdings {
  uint64_t limit = UINT64_MAX, pages = 0, held = 0;
  bool take(uint64_t bytes) {
    if (pages >= limit || bytes > limit - pages || held > limit - pages - bytes) return false;
    held += bytes;
    return true;
  }
  void give_back(uint64_t bytes) { held -= bytes; }
};

// What one of each costs the host, containers and allocator included; bytes of its own length come on top.
namespace cost {
inline constexpr uint64_t kFile = 640, kDescriptor = 64, kPipe = 512, kSocket = 2048, kPacket = 256, kOption = 64,
                          kEpollItem = 128, kTimer = 256, kSignal = 64, kNode = 512, kName = 128, kTimes = 128,
                          kThread = 8192;
}  // namespace cost

struct RLimit {
  uint64_t soft = UINT64_MAX, hard = UINT64_MAX;
};

struct State {
  std::shared_ptr<const GuestOptions> options;
  std::shared_ptr<const std::vector<GrantedRoot>> roots;  // what --allow-read and --allow-write named at the start
  isa::Isa isa = isa::Isa::x86_64;

  int pid = 1000, next_tid = 1000;
  std::map<int, ThreadInfo> threads;  // by tid
  uint64_t wait_order = 0;
  int running = 0;            // tid that has executed since accounted_to
  uint64_t accounted_to = 0;  // position

  std::array<SigAction, sig::kMax + 1> actions{};
  std::deque<SigInfo> pending;  // process-wide
  uint64_t trampoline = 0;      // arm64: rt_sigreturn for handlers without restorer

  std::map<int, Descriptor> fds;
  std::map<int, OpenFile> files;
  std::map<int, Pipe> pipes;
  int next_file = 1, next_pipe = 1;
  std::set<int> mapped;       // open files that mappings show
  uint64_t mapped_count = 0;  // host files that ever were
  Scratch scratch;
  std::map<int, Socket> sockets;
  int next_socket = 1;
  uint16_t next_port = 32768;
  bool io_changed = false;       // inside one system call only
  std::vector<uint64_t> closed;  // inside one system call only: handles that no open file has any more
  std::string cwd = "/";
  int cwd_file = 0;  // of the host: the directory, held open; 0 in / and in the guest's own /tmp
  uint32_t umask = 022;
  // Times that the guest itself gave files, by path without links; all others are normalised.
  std::map<std::string, FileTimes> times;
  std::vector<MappedFile> mapped_files;  // shared by all mappings of the same bytes
  uint64_t unmaps = 0;                   // since mapped_files was last looked through

  uint64_t brk_start = 0, brk_end = 0, mmap_top = 0, stack_low = 0, stack_high = 0;
  std::string exe;                     // absolute path
  std::string auxv, cmdline, environ;  // as /proc/self shows them
  Random random;

  std::array<Timer, 3> itimers{};  // ITIMER_REAL, VIRTUAL, PROF
  std::map<int, Timer> timers;
  int next_timer = 0;
  std::array<RLimit, 16> rlimits{};
  Holdings holdings;

  bool amd64() const { return isa == isa::Isa::x86_64; }
  // /proc/self/exe: a link to the executable.
  static const char* exe_link() { return "/proc/self/exe"; }
  int column() const { return amd64() ? 0 : 1; }
};

}  // namespace deferscope::emu::linux_
