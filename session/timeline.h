// Time: the machine's recording together with the changes of the guest that a user made. All movement goes through
// seek() and run(), so that the changes hold wherever one goes.
#pragma once
#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "emu/machine.h"
#include "session/error.h"

namespace deferscope::session {

// A change of the guest: applied whenever time passes its position.
struct Edit {
  bool is_register = false;
  isa::Reg reg = 0;
  int tid = 0;
  bool is_pc = false;
  uint64_t address = 0;
  unsigned bytes = 8;
  uint64_t value = 0;
};

// Told now and then while something takes long.
struct Progress {
  emu::Position at = 0;
  bool backwards = false;  // a search that has looked at everything from `at` on
};

class Timeline {
 public:
  explicit Timeline(std::unique_ptr<emu::Machine> machine) : machine_(std::move(machine)) {}

  emu::Machine& machine() const { return *machine_; }
  const emu::MachineState& state() const { return machine_->state(); }
  emu::Position position() const { return state().position; }

  // Throws Error if the guest ends before p. Cost: see Machine::seek.
  void seek(emu::Position p);
  // Forwards; ends at hooks and watchpoints too.
  emu::Stop run(emu::Position target);
  // From here on; what lay ahead is dropped.
  void edit(const Edit& e);
  const std::map<emu::Position, std::vector<Edit>>& edits() const { return edits_; }

  emu::Position start() const { return start_; }  // main.main's first instruction
  void set_start() { start_ = position(); }
  // Where the run ends (exit, deadlock, limit), once that was reached.
  std::optional<emu::Position> known_end() const { return known_end_; }

  // Safe from a signal handler: what is at work (else the next) throws Interrupted at its next check.
  void interrupt() {
    interrupted_.store(true, std::memory_order_relaxed);
    machine_->interrupt();
  }
  bool take_interrupt() {  // whether one is waiting
    machine_->take_interrupt();
    return interrupted_.exchange(false);
  }
  void check_interrupt() const {
    if (interrupted_.load(std::memory_order_relaxed)) throw Interrupted();
  }
  void tell(const Progress& p) const {
    if (on_progress) on_progress(p);
  }

  std::function<void(const Progress&)> on_progress;
  std::vector<std::function<void(emu::Position)>> on_dropped;  // an edit there dropped what lay ahead

 private:
  void apply_edits_here();

  std::unique_ptr<emu::Machine> machine_;
  std::map<emu::Position, std::vector<Edit>> edits_;
  emu::Position start_ = 0;
  std::optional<emu::Position> known_end_;
  std::atomic<bool> interrupted_{false};
};

}  // namespace deferscope::session
