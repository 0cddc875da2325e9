// Signals as queues and masks: what is pending where, who takes one, what vanishes. Numbers, flags and frames are the
// system's; sets have bit number - 1.
#pragma once
#include <array>
#include <cstdint>
#include <deque>
#include <optional>

#include "emu/machine_state.h"

namespace deferscope::emu::posix {

struct State;
struct ThreadInfo;
struct Timer;

inline constexpr int kMaxSignal = 64;
constexpr uint64_t signal_bit(int number) { return uint64_t{1} << (number - 1); }

// One that was sent. `code` and `words` are what the system's frame says of it beyond its number.
struct Signal {
  int32_t signo = 0, code = 0;
  std::array<uint64_t, 2> words{};
  bool refusable = false;  // its sender is told when too many wait already; others are sent as long as there is room
  int timer = -1;          // whose expiry it is
  uint64_t overrun = 0;    // of that
};

struct SigAction {
  static constexpr uint64_t kDefault = 0, kIgnore = 1;
  uint64_t handler = kDefault, flags = 0, restorer = 0, mask = 0;  // flags and restorer: the system's
};

// What a system says of its signals.
struct SignalRules {
  uint64_t unblockable, synchronous, ignored_by_default, stop_by_default;
  int first_queued;  // from this number on each one counts; lower ones are pending once
  Signal (*from_self)(const State& s, int signo);
  Signal (*from_timer)(const Timer& t, int id);  // id -1: an interval timer
  int broken_pipe;
  uint64_t once_flag;  // of SigAction::flags: the default again when the handler has been called
  // The call that a signal interrupted fails, or is made again: because the handler's flags ask for it, or as there is
  // no handler (null).
  void (*leave_call)(State& s, MachineState& m, size_t index, const SigAction* handler);
  void (*enter)(State& s, MachineState& m, size_t index, const Signal& signal, const SigAction& action);
  void (*sent)(State& s, int signo) = nullptr;  // told of each that is sent, whether it is kept or vanishes
};

uint64_t pending_set(const std::deque<Signal>& queue);
// Takes the next pending one of these: the thread's own first, synchronous ones before all others.
std::optional<Signal> take_signal(State& s, ThreadInfo& t, uint64_t allowed);
bool has_deliverable(const State& s, int tid);
bool ignored(const State& s, int signo);
void forget_ignored(State& s, int signo);  // its action changed: what is pending vanishes if it is ignored now

void send_to_process(State& s, MachineState& m, const Signal& signal);
void send_to_thread(State& s, MachineState& m, int tid, const Signal& signal);
// Synchronous: cannot be blocked or ignored.
void force_signal(State& s, MachineState& m, size_t index, const Signal& signal);
// What is pending and not blocked happens to the thread: handlers are entered, one in front of the other, or the
// process ends. Throws Unsupported if it would stop.
void deliver_pending(State& s, MachineState& m, size_t index);
// Whether the signal would be kept; else it vanishes, ignored.
bool thread_takes(const State& s, int tid, int signo);
bool process_takes(const State& s, const MachineState& m, int signo);
bool may_queue(const State& s, const Signal& signal);  // within the limit of pending signals
uint64_t queued_signals(const State& s);               // timers included, which own one each
// The thread leaves its wait; who delivers decides between INTR and starting again.
void interrupt(State& s, MachineState& m, size_t index);

}  // namespace deferscope::emu::posix
