// The machine: a guest that runs, steps, stops and travels in time.
//
//     emu::Machine m(loader::Image::load("./hello"), options);
//     m.run_to(emu::kNever);          // to the end
//     m.seek(m.state().position / 2); // back to the middle; needs set_recording(true) before running
#pragma once
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "emu/engine/engine.h"
#include "emu/machine_state.h"
#include "emu/recording.h"
#include "loader/image.h"

namespace deferscope::emu {

struct Stop {
  enum Kind : uint8_t {
    Reached,      // the position asked for
    Exited,       // the guest ended: state().exit_status
    Hook,         // pc of the current thread is hooked; the instruction there has not run
    Watchpoint,   // the instruction just run touched a watched address
    Deadlock,     // all threads wait, no timer runs, no input is left
    Limit,        // max_instructions
    Thread,       // another thread executes next; only with set_thread_stops
    Interrupted,  // interrupt() was called: the position at hand, reached or (all sleep, time passes) not yet left
  } kind = Reached;
  uint64_t address = 0;  // Watchpoint: what was touched
  bool write = false;
  uint64_t begin = 0, end = 0;  // Watchpoint: all that the instruction's watched accesses reached
};

// Sees all of a run that its instructions do not say themselves, so that they can be executed again without the guest's
// system (traces/instruction_writer.h). Called in the middle of a run, with registers and memory exact: it may read
// all, and change nothing.
class Witness : public MemoryWitness {
 public:
  // Instructions of the current thread follow.
  virtual void resumes(const MachineState& state) = 0;
  // They are over: the last of them is before state.position. What follows until resumes() is the system's doing; a
  // host call is executed, and counted, within it. `faulted`: the last one did nothing but raise a fault.
  virtual void pauses(const MachineState& state, bool faulted) = 0;
};

// A system as those need it that only ask it for names: it has booted nothing.
std::unique_ptr<Os> make_os(loader::Os os, isa::Isa isa);
// What the system makes of the CPU's model.
isa::CpuModel system_cpu(loader::Os os, const isa::CpuModel& model);

struct Watch {
  uint64_t address = 0;
  uint64_t size = 8;
  bool read = false, write = true;
};

class Machine : private HookListener {
 public:
  // Boots the image: position 0 is before the first instruction. Throws emu::Error if it cannot be run. `max_block`
  // bounds the instructions of a block (1…64) and changes speed only; 0 executes everything with the reference
  // evaluator instead of the engine.
  Machine(const loader::Image& image, const GuestOptions& options, unsigned max_block = 64);
  ~Machine() override;
  Machine(const Machine&) = delete;

  const MachineState& state() const { return state_; }
  // For observers that change the guest on purpose (`set`): what lay ahead is dropped (drop_future).
  MachineState& mutable_state() { return state_; }
  const loader::Image& image() const { return image_; }
  const GuestOptions& options() const { return options_; }
  Recording& recording() { return recording_; }
  Engine& engine() { return engine_; }

  // Runs forward until `target` or an earlier stop. At the exit position it returns Exited at once. Throws Unsupported
  // (with address, bytes, symbol and position) for what deferscope does not implement; the state is then as it was
  // before that instruction.
  Stop run_to(Position target);
  // One instruction of whatever thread executes next. Cost: well under a microsecond.
  Stop step() { return run_to(state_.position + 1); }

  // Ends the run at work, else the next one, within some microseconds: it returns Interrupted at an exact position, and
  // going on from there changes nothing of what the guest does. A call that waits for the host (stdin, a full pipe)
  // ends once a signal has woken it, as if not yet made. Safe in a signal handler. take_interrupt: one that came too
  // late is taken back; true if there was one.
  void interrupt() { recording_.interrupt(); }
  bool take_interrupt() { return recording_.take_interrupt(); }
  bool interrupted() const { return recording_.interrupted(); }

  // Hooks and watchpoints are user settings, not part of the value. Hooks at the current position do not stop a run
  // that starts there because of an earlier stop at them.
  void set_hooks(std::unordered_set<uint64_t> addresses);
  void set_watches(std::vector<Watch> watches);
  // Sees the runs from here on, which end where instructions do; nullptr: nobody. A user setting, too. It costs some
  // nanoseconds where the TLBs miss and where the guest's system is at work. Not beside a recording.
  // `longest`: instructions between two of its calls of resumes() at most.
  void set_witness(Witness* w, Position longest = kNever);
  // From here on all that the engine executes is compared with the reference evaluator (self_check.h), which is its
  // witness; some million instructions a second. A difference throws Error.
  void check_itself();
  bool checks_itself() const { return self_check_ != nullptr; }
  // Of the last instruction that this processor does not have and another model does: where it is and --cpu's name for
  // that model. For a closing line; empty: there was none.
  const std::string& beyond_cpu() const { return beyond_cpu_; }
  // Whether runs stop where another thread's turn begins.
  void set_thread_stops(bool on) { thread_stops_ = on; }

  // --- time travel ---
  // Keep snapshots while running, from here on. `budget` bounds, within a quarter of it, the memory that going back
  // takes: what snapshots hold of pages and of files in /tmp beside the guest's own (those that it has now), their
  // copies of its tables, what a tracker keeps for them as far as it says, and the journal of its input. Beyond it the
  // older snapshots go, every second one, as often as it needs; what always remains is the first. If it is the journal
  // that fills the budget, the first goes too, and the recording begins later.
  void set_recording(bool on, uint64_t budget_bytes = uint64_t{256} << 20);
  // Goes to position p ≤ horizon() exactly (beyond it: runs forward, recording). Hooks and watchpoints stay silent.
  // False: the guest ends before p (then the machine stands at the exit). Throws Interrupted. Cost: restoring a
  // snapshot and running from it, at most the spacing.
  bool seek(Position p);
  Position horizon() const { return horizon_; }
  void drop_future();  // forget everything behind the current position
  uint64_t snapshots() const { return marks_.size(); }
  // Positions of the snapshots, for those that search backwards piece by piece.
  std::vector<Position> snapshot_positions() const;
  const MachineState* snapshot_at(Position p) const;

  // Trackers of upper layers that snapshots copy and seeks restore.
  class Companion {
   public:
    virtual ~Companion() = default;
    virtual std::shared_ptr<const void> save() const = 0;
    virtual void restore(const std::shared_ptr<const void>& saved) = 0;
    // What a saved one takes of memory by itself, about.
    virtual uint64_t bytes(const std::shared_ptr<const void>& saved) const { return (void)saved, 0; }
    // Called for each of the companion's own hooks that is reached, also behind the horizon, also in a seek. It may
    // read the machine, which is in the middle of a run: it must not change anything, hooks included. What it throws
    // ends the run; the machine then stands there.
    virtual void reached(uint64_t pc) = 0;
    // Bytes went to the guest's standard output (`stream` 1) or error (2), in the system call at hand, which is not yet
    // over. As for reached: behind the horizon and in seeks too, and nothing may be changed.
    virtual void wrote(int stream, const uint8_t* bytes, size_t n) { (void)stream, (void)bytes, (void)n; }
    // The system call at hand asks for what a guest never gets. As for wrote.
    virtual void refused(Refused what, const std::string& name) { (void)what, (void)name; }
    // The system call at hand maps code that the guest did not start with. As for wrote.
    virtual void loaded(const LoadedLibrary& library) { (void)library; }
  };
  // `addresses` call companion->reached before the instruction there runs, without stopping: some tens of nanoseconds
  // beside what it does.
  void set_companion(Companion* companion, std::unordered_set<uint64_t> addresses);

 private:
  struct Mark {
    MachineState state;
    std::shared_ptr<const void> companion;
    Position companion_seen = kNever;
    uint64_t bytes = 0;  // its own, beside what it shares
  };
  Stop advance(Position target, bool stops);
  void tell_companion();
  bool settle();
  void schedule();
  bool jump_clock();
  void take_mark();
  uint64_t going_back_bytes() const;
  void hold_budget();
  void run_back_to(Position p);
  void insert_mark();
  void restore(const Mark& mark);
  using Marks = std::map<Position, std::unique_ptr<Mark>>;
  Marks::iterator drop_mark(Marks::iterator it);
  void thin_out();
  void apply_hooks();
  [[noreturn]] void unsupported(const std::string& what);
  RunExit step_watched(Stop& stop, bool& touched);
  RunExit run_reference(Position limit);
  bool finish(const RunExit& exit);
  std::string place(uint64_t pc) const;
  void note_undefined();
  Stop give_up();
  void leave_call(Position before);
  bool stops_at_hook(Position p) override;
  Position next_limit(Position target) const;
  uint64_t next_due() const;
  bool mark_is_due() const;

  loader::Image image_;
  GuestOptions options_;
  MachineState state_;
  Recording recording_;
  isa::CpuModel cpu_;  // as the guest's system set it
  std::string beyond_cpu_;
  Engine engine_;

  std::unordered_set<uint64_t> user_hooks_, companion_hooks_;
  Position passed_at_ = kNever;  // the hook at this position was reported already
  bool silent_ = false;          // of the run at hand: user hooks do not stop it
  bool interrupted_at_hook_ = false;
  bool reference_ = false, thread_stops_ = false;
  bool in_call_ = false;  // left in the middle of a system call
  std::vector<Watch> watches_;
  Witness* witness_ = nullptr;
  Position witness_longest_ = kNever;
  std::unique_ptr<Witness> self_check_;
  Companion* companion_ = nullptr;
  Position companion_seen_ = kNever;

  bool recording_on_ = false;
  uint64_t budget_ = 0;
  Position spacing_ = 8'000'000;
  uint64_t heard_ = 0;  // by the companion since the last mark, as far as recorded
  Position horizon_ = 0;
  bool ended_ = false;  // the horizon is the guest's end
  Marks marks_;
  uint64_t marks_bytes_ = 0;           // of all of them
  std::unordered_set<Position> near_;  // marks that a seek left behind: the first to go
};

}  // namespace deferscope::emu
