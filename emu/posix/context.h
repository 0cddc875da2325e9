// What the operations of emu/posix/ work on: the values, the way out to the host, and who calls. A system's own call
// (emu/linux/call.h) is one, with its arguments.
#pragma once
#include <optional>
#include <string>

#include "emu/posix/state.h"

namespace deferscope::emu::posix {

struct Context {
  State& s;
  MachineState& m;
  HostPort& host;
  // Of the calling thread in m.threads; not always m.current: waits are gone on with on behalf of their threads.
  size_t index;
  Operation op{};               // what it does, to be gone on with if it waits
  bool retry = false;           // gone on with, for a thread in Wait
  bool timed_out = false;       // with retry: its deadline has come
  uint64_t resume_by = kNever;  // made again after an interruption: its wait ends then, whatever the arguments say

  Thread& thread() { return m.threads[index]; }
  ThreadInfo& info() { return s.threads.at(thread().tid); }
  Memory& memory() { return m.memory; }

  // Makes the thread wait, or go on waiting. `deadline` in ns of m.now_ns(), kNever for none; ignored on retries.
  Result block(WaitKind kind, uint64_t deadline, bool restart);
  // FAULT where the guest's memory does not let us.
  template <class T>
  bool get(uint64_t address, T& out) {
    return m.memory.read_value(address, out);
  }
  template <class T>
  bool put(uint64_t address, const T& in) {
    return m.memory.write_value(address, in);
  }
};

// --- waits.cpp ---

// Ends a wait: the thread becomes Runnable and its call has `result`.
void finish_wait(State& s, MachineState& m, size_t index, Result result);
size_t thread_index(const MachineState& m, int tid);  // m.threads.size(): no such living thread
void account(State& s, const MachineState& m);        // CPU time up to now to the thread that ran
void end_process(MachineState& m, int status, int kill_signal);
// Goes on with what the thread waits in.
Result go_on(State& s, MachineState& m, HostPort& host, size_t index, bool timed_out);
// Ends the waits whose time has come, in the order of their deadlines.
void wake_sleepers(State& s, MachineState& m, HostPort& host);
uint64_t next_deadline(const MachineState& m);  // of the threads that wait
// Tries every Io wait again; called when io_changed.
void retry_io(State& s, MachineState& m, HostPort& host);
// Threads that wait at `key` for one of these bits: wakes so many of them, the longest waiting first.
int64_t wake_key(State& s, MachineState& m, uint64_t key, int64_t count, uint64_t bits);
// The one that has waited there longest (its place in m.threads).
std::optional<size_t> first_waiting(const State& s, const MachineState& m, uint64_t key);
// So many of them go to another key instead, behind those that wait there.
int64_t move_key(State& s, MachineState& m, uint64_t key, uint64_t to, int64_t count);
// An operation that only time ends, and one that nothing ends but a signal or a wake-up.
Result sleep_on(Context& c);
// Replaces the caller's mask while the call runs.
void replace_mask(Context& c, uint64_t mask);
void restore_mask(Context& c);

// --- clock.cpp ---

uint64_t now(State& s, const MachineState& m, Clock clock);  // ns on that clock
TimeSpec timespec_of(uint64_t ns);
TimeSpec wall_time(Context& c);
uint64_t deadline_after(const MachineState& m, uint64_t ns);  // saturates

}  // namespace deferscope::emu::posix
