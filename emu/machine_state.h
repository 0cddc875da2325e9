// The machine as a value: everything that decides what the guest does next, copyable, without host handles
// (docs/HACKING.md, the rules).
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "emu/error.h"
#include "emu/libraries.h"
#include "emu/memory.h"
#include "emu/posix/error.h"
#include "emu/refusals.h"
#include "isa/cpu_model.h"
#include "isa/state.h"
#include "loader/image.h"

namespace deferscope::emu {

// Instructions executed by all threads together before this point. One position is one state.
using Position = uint64_t;
inline constexpr uint64_t kNever = UINT64_MAX;

// Flags of `run` that shape the guest's world. Part of every recording; never changes during one.
struct GuestOptions {
  std::vector<std::string> argv;  // argv[0] included
  std::vector<std::string> env;   // K=V, after the fixed small set
  std::string exe_path;           // host path of the executable (readable as /proc/self/exe)
  std::string exe_name;  // what AT_EXECFN says and, absolute, the link /proc/self/exe; "": exe_path, made absolute
  std::string cwd;       // host path shown to the guest; empty: default rule
  std::vector<std::string> allow_read, allow_write;  // host directories
  // Host directory beneath which the guest finds libraries and what loaders read (host_sysroot.h); empty: none. "/":
  // the host's own, in the folders for them.
  std::string sysroot;
  std::optional<std::string> stdin_path;  // none: empty stdin. "-": the host's stdin
  unsigned cpus = 2;
  uint64_t seed = 0;
  uint64_t clock_start = 1'700'000'000;     // wall clock at position 0, seconds since 1970
  const isa::CpuModel* cpu = nullptr;       // default model if null
  uint64_t max_memory = uint64_t{4} << 30;  // resident bytes
  unsigned max_threads = 1000;
  uint64_t max_instructions = kNever;
  uint64_t max_output = uint64_t{1} << 30;       // bytes to stdout and stderr together
  uint64_t max_file_output = uint64_t{1} << 30;  // bytes to files of the host
};

enum class ThreadStatus : uint8_t { Runnable, Blocked, Exited };

struct Thread {
  int tid = 0;
  ThreadStatus status = ThreadStatus::Runnable;
  uint64_t wake_at = kNever;  // Blocked: virtual monotonic time in ns at which it wakes by itself
  isa::CpuState cpu;
};

class HostFiles;
class Os;

struct MachineState {
  isa::Isa isa = isa::Isa::x86_64;
  isa::Level level = isa::Level::v2;
  Memory memory;
  std::vector<Thread> threads;
  size_t current = 0;  // index of the thread that executes next
  Position position = 0;
  Position slice_end = 0;  // the current thread gives way here
  // The last position at which something else than the instruction before it chose what executes: another thread's
  // turn, a signal, a call that moved pc. From there on one thread has run straight on. It decides nothing, so it is
  // not in the digest.
  Position resumed_at = 0;
  uint64_t clock_skew = 0;  // ns that the clock jumped while everybody slept
  uint64_t journal_cursor = 0;
  uint64_t outputs = 0;  // outputs made so far (see HostPort::output)
  std::unique_ptr<Os> os;

  bool exited = false;
  int exit_status = 0;  // as a shell shows it: 128 + signal if killed
  int kill_signal = 0;

  MachineState() = default;
  MachineState(const MachineState&);
  MachineState& operator=(const MachineState&);
  MachineState(MachineState&&) noexcept;
  MachineState& operator=(MachineState&&) noexcept;
  ~MachineState();

  Thread& thread() { return threads[current]; }
  const Thread& thread() const { return threads[current]; }
  isa::CpuState& cpu() { return threads[current].cpu; }
  const isa::CpuState& cpu() const { return threads[current].cpu; }
  // Virtual monotonic clock: starts at 1 s, one instruction is 1 ns, whatever the host's clock says.
  uint64_t now_ns() const { return 1'000'000'000 + position + clock_skew; }
  uint64_t digest() const;
};

// What crosses from host to guest. One entry a request, in order.
struct JournalEntry {
  std::string what;  // for errors and reading: "read stdin", "open /x"
  posix::Result result;
  std::vector<uint8_t> bytes;
  uint64_t source = 0,
           source_offset = 0;  // the bytes are those of this open file (its handle) from there on; 0: of none
};

// The only way out to the host: input is journaled, effects happen once.
class HostPort {
 public:
  virtual ~HostPort() = default;
  // Input: behind the horizon the recorded entry; at the horizon `real()` is asked and its answer recorded.
  // Advances m.journal_cursor.
  virtual const JournalEntry& input(MachineState& m, const char* what, const std::function<JournalEntry()>& real) = 0;
  // Output (bytes to fd 1 or 2) or any other effect on the host: `effect` runs once, at the horizon.
  // Advances m.outputs.
  virtual void output(MachineState& m, const std::function<void()>& effect) = 0;
  virtual void write_stream(MachineState& m, int fd, const uint8_t* bytes,
                            size_t n) = 0;  // stdout (1), stderr (2); counts max_output
  // The host's files (host_files.h), asked inside `real` and `effect` only.
  virtual HostFiles& files() = 0;
  // n more steps of work (an entry looked at, a page copied: some tens of nanoseconds) in the call at hand. Calls that
  // can take long count theirs, so that the run's limits end it inside one too: throws CallEnded.
  virtual void work(uint64_t n) { (void)n; }
  // Writes up to n bytes to a file of the host, at the horizon: `write` is told how many of them --max-file-output
  // still allows and says how many it wrote, or < 0. Throws if none is left.
  virtual int64_t write_file(MachineState& m, uint64_t n, const std::function<int64_t(uint64_t)>& write) {
    (void)m;
    return write(n);
  }
  // The call at hand asks for what a guest never gets.
  virtual void refused(MachineState& m, Refused what, const std::string& name) { (void)m, (void)what, (void)name; }
  // The call at hand maps code that the guest did not start with.
  virtual void loaded(const LoadedLibrary& library) { (void)library; }
  // Whether the run shall end (Machine::interrupt): a wait for the host that a signal ended then throws Interrupted.
  virtual bool interrupted() const { return false; }
};

// What a recording refers to is not there any more as it was: it cannot be gone through again from before.
class InputLost : public Error {
 public:
  using Error::Error;
};

// A system call as its system names it.
struct CallId {
  uint64_t number = 0;  // as it stands in the system's register for it
  std::string name;     // "": there is none with this number
};

// The operating system that the guest believes it runs on: a value, copied with the machine. The engine is never
// re-entered from here.
class Os {
 public:
  virtual ~Os() = default;
  virtual std::unique_ptr<Os> clone() const = 0;
  // Maps the image, makes the first thread with its stack (argv, env, auxv). Throws emu::Error.
  virtual void boot(MachineState& m, HostPort& host, const loader::Image& image, const GuestOptions& options) = 0;
  // The current thread executed its system call instruction (pc stands behind it, position already counts it).
  // Throws emu::Unsupported.
  virtual void system_call(MachineState& m, HostPort& host) = 0;
  // The current thread's instruction at pc raised a fault (position already counts it): a signal follows, or the guest
  // ends.
  virtual void fault(MachineState& m, HostPort& host, const isa::Outcome& outcome) = 0;
  // Everything due at this position and clock: timers, wake-ups by time. Called after every stop, before scheduling.
  virtual void wake_due(MachineState& m, HostPort& host) = 0;
  // The next virtual time (ns, monotonic) at which wake_due has something to do; kNever if nothing is scheduled.
  virtual uint64_t next_due_ns(const MachineState& m) const = 0;
  // The same while all threads are blocked: only what wakes one of them or is kept for it counts. What passes unseen (a
  // timer whose signal is ignored) does not make the clock stop at each of its expiries.
  virtual uint64_t next_wake_ns(const MachineState& m) const { return next_due_ns(m); }
  // The current thread (just chosen, or back from a system call) is about to execute: deliver its pending signals (may
  // build a frame, or end the guest).
  virtual void deliver_signals(MachineState& m, HostPort& host) = 0;
  // What a copy costs by itself, and what copies share of it, in bytes of the host's memory.
  virtual uint64_t copy_bytes() const { return 0; }
  virtual uint64_t shared_bytes() const { return 0; }
  // What a thread does or waits for, in a few words: for the deadlock message, and for those who list threads. Nothing
  // of the machine changes.
  virtual std::string describe_thread(
      const MachineState& m, const Thread& t) const = 0;  // "thread 3 waits in futex(0xc000…)" for the deadlock message
  virtual void digest(uint64_t& h) const = 0;             // mixes all its state into h
  // The system call that an instruction for it would make with these registers.
  virtual CallId requested_call(const isa::CpuState& cpu) const = 0;
  // All that a guest with these options finds in its environment.
  virtual std::vector<std::string> environment(const GuestOptions& options) const = 0;
  // What a dynamically linked guest started with; its interpreter first.
  virtual const std::vector<Library>& libraries() const {
    static const std::vector<Library> none;
    return none;
  }
  // What it has loaded since, in that order; also what is gone again.
  virtual const std::vector<std::shared_ptr<const LoadedLibrary>>& loaded() const {
    static const std::vector<std::shared_ptr<const LoadedLibrary>> none;
    return none;
  }
  // A function bound to a guest address that is not memory (amd64's vsyscall page; Darwin's imports): true if `pc` is
  // one. It counts one instruction. Throws emu::Unsupported as system_call does; pc then still stands at it.
  virtual bool is_host_call(uint64_t pc) const {
    (void)pc;
    return false;
  }
  virtual void host_call(MachineState& m, HostPort& host) { (void)m, (void)host; }
  // What the function at `pc` is called ("_write"); "": there is none, or it has no name.
  virtual std::string host_call_name(uint64_t pc) const {
    (void)pc;
    return {};
  }
};

// A limit of the run was reached inside a system call or a wake-up: the run ends before its instruction.
class CallEnded : public Error {
 public:
  using Error::Error;
};

// Thrown by a call that waited for the host when the run was interrupted: the call is not yet made.
class Interrupted : public Error {
 public:
  explicit Interrupted(size_t bytes = 0) : Error("interrupted"), written(bytes) {}
  size_t written;  // bytes that a write to the host had written
};

// Something that deferscope does not implement: ends the run with one line and status 125.
class Unsupported : public Error {
 public:
  using Error::Error;
};

}  // namespace deferscope::emu
