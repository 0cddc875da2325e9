// What Unix systems share of a process' state: plain values, copied with the machine, all of it in the digest. Numbers
// that systems choose for themselves (signals, limits, flags) are not known here.
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
#include "emu/machine_state.h"
#include "emu/posix/contents.h"
#include "emu/posix/error.h"
#include "emu/posix/open_file.h"
#include "emu/posix/signals.h"
#include "emu/posix/wait.h"

namespace deferscope::emu::posix {

inline constexpr uint32_t kGuestUid = 1000;  // the guest's user and group, and the owner of every file it sees
inline constexpr int64_t kSecond = 1'000'000'000;

// --- threads ---

struct ThreadInfo {
  uint64_t mask = 0;
  std::optional<uint64_t> saved_mask;  // what a call that replaced it meanwhile puts back on return
  std::deque<Signal> pending;
  Wait wait;
  bool interrupted = false;  // woken by a signal; `wait` still says from what
  // The next instruction makes an interrupted call again, whose wait ended then (the kernel's restart block).
  uint64_t resume_by = kNever;
  uint64_t cpu_ns = 0;
  std::string name;
};

// --- files ---

// Bits of a file's mode: the same in every Unix since the seventh edition.
namespace mode {
inline constexpr uint32_t FMT = 0170000, FIFO = 0010000, CHR = 0020000, DIR = 0040000, REG = 0100000, LNK = 0120000,
                          SOCK = 0140000;
}  // namespace mode

struct TimeSpec {
  int64_t sec = 0, nsec = 0;
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

struct Scratch {
  bool mounted = false;  // else the host has /tmp
  std::map<int, ScratchNode> nodes;
  int next = 1;
  uint64_t used = 0;   // bytes of all pieces of files
  uint64_t names = 0;  // in all directories
};

// The bytes of a file that stand behind its private mappings, as they were when it was mapped.
struct MappedFile {
  std::string path;
  int node = 0;  // in the guest's own /tmp
  uint64_t offset = 0, asked = 0;
  std::shared_ptr<const std::vector<uint8_t>> bytes;
  MappingName name;
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

// --- sockets (sockets.h) ---

enum class Family : uint8_t { Unix = 1, Inet };
enum class SocketType : uint8_t { Stream = 1, Datagram, SeqPacket };

struct Address {
  std::optional<Family> family;  // none: no address at all
  uint32_t ip = 0;
  uint16_t port = 0;
  std::string name;  // Unix: a path, or behind a zero an abstract name; empty: unnamed
  bool empty() const { return !family; }
  bool operator==(const Address&) const = default;
};

// A socket of the guest's own network, held by an open file or by a listener's queue.
struct Socket {
  Family family = Family::Unix;
  SocketType type = SocketType::Stream;
  Address local, peer;  // empty: not bound, not connected
  int node = 0;         // Unix: the file it is bound to
  bool listening = false;
  std::deque<int> queue;  // of a listener: connections to accept
  uint32_t backlog = 0;   // how many may wait there
  int other = 0;          // the connected socket, while it lives; of UDP none
  std::string bytes;      // stream: received, not read
  struct Packet {
    Address from;
    std::string bytes;
  };
  std::deque<Packet> packets;  // datagrams
  uint64_t queued = 0;         // their bytes
  bool ended = false;          // the peer writes no more
  bool read_shut = false, write_shut = false;
  bool reset = false;                    // TCP: wrote to a peer that is gone
  Error error = Error::None;             // what the next call gets
  bool reuses_address = false;           // only a listener holds the port it wants
  std::map<uint64_t, uint32_t> options;  // as the system names them
};

// --- clocks ---

struct Clock {
  enum Kind : uint8_t { Wall, Monotonic, Process, Thread } kind = Wall;  // the last two: CPU time
  int tid = 0;                                                           // of Thread
  bool counts_cpu() const { return kind == Process || kind == Thread; }
};

struct Timer {
  Clock clock;
  int tid = 0;    // that gets the signal; 0: the process
  int signo = 0;  // the system's number
  bool notify = true;
  uint64_t value = 0;     // the guest's, with the signal
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
                          kWatch = 128, kTimer = 256, kSignal = 64, kNode = 512, kName = 128, kTimes = 128,
                          kThread = 8192;
}  // namespace cost

struct State;

// What the shared operations ask of the system that the guest believes in.
struct System {
  const SignalRules& signals;
  const char* exe_link;  // a path that is a link to the executable; "": none
  // The text of a file that exists without a host.
  std::optional<std::string> (*synthetic_file)(const State& s, const MachineState& m, int tid, const std::string& path);
};

struct RLimit {
  uint64_t soft = UINT64_MAX, hard = UINT64_MAX;
};

struct State {
  std::shared_ptr<const GuestOptions> options;
  std::shared_ptr<const std::vector<GrantedRoot>> roots;  // what --allow-read and --allow-write named at the start
  const System* system = nullptr;

  int pid = 1000, next_tid = 1000;
  std::map<int, ThreadInfo> threads;  // by tid
  uint64_t wait_order = 0;
  int running = 0;            // tid that has executed since accounted_to
  uint64_t accounted_to = 0;  // position

  std::array<SigAction, kMaxSignal + 1> actions{};
  std::deque<Signal> pending;  // process-wide

  int fds_full_to = 0;  // none of those below is free: where a search may begin. Follows from `fds`.
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
  bool io_changed = false;         // inside one system call only
  std::vector<FileHandle> closed;  // inside one system call only: that no open file has any more
  std::string cwd = "/";
  int cwd_file = 0;  // of the host: the directory, held open; 0 in / and in the guest's own /tmp
  uint32_t umask = 022;
  // Times that the guest itself gave files, by path without links; all others are normalised.
  std::map<std::string, FileTimes> times;
  std::vector<MappedFile> mapped_files;  // shared by all mappings of the same bytes
  uint64_t unmaps = 0;                   // since mapped_files was last looked through

  std::string exe;  // absolute path
  Random random;
  std::array<Timer, 3> itimers{};  // wall clock, CPU time of the process, once more
  std::map<int, Timer> timers;
  int next_timer = 0;
  RLimit open_files{1024, 4096}, pending_signals{4096, 4096};
  Holdings holdings;
};

void digest(const State& s, uint64_t& h);

}  // namespace deferscope::emu::posix
