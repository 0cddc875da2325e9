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
