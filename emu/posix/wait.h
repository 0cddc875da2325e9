// A call that waits is an operation that can be gone on with: a value, whatever system and table it came from.
#pragma once
#include <array>
#include <cstdint>

#include "emu/machine_state.h"
#include "emu/posix/error.h"

namespace deferscope::emu::posix {

struct Context;
struct State;

// What a thread asked the system to do. `resume` goes on with it when what it waits for may have come (Context::woken
// says why): it gives the call's result or waits on. `answer` puts the result where the guest looks for it.
struct Operation {
  using Resume = Result (*)(Context& c);
  using Answer = void (*)(State& s, MachineState& m, size_t index, Result result);  // of the thread with this index
  Resume resume = nullptr;
  Answer answer = nullptr;
  unsigned call = 0;  // the system's own number for it; it stands for both functions in the digest
  std::array<uint64_t, 6> args{};
};

enum class WaitKind : uint8_t {
  None,
  Key,    // until somebody wakes `key` (a futex, a condition)
  Sleep,  // until `deadline`
  Io,     // until it can go on; tried again whenever a pipe, counter, socket or set changed
  Signal  // until a signal comes
};

// Why a thread is Blocked, and what it goes on with.
struct Wait {
  WaitKind kind = WaitKind::None;
  Operation op;
  bool restart = false;        // made again after a handler that asks for it (the kernel's ERESTARTSYS); else INTR
  uint64_t key = 0, bits = 0;  // Key: wakes of one of these bits
  uint64_t order = 0;          // first come, first woken
  uint64_t signals = 0;        // Signal: those it takes without a handler
  uint64_t deadline = kNever;
  uint64_t remainder_at = 0;  // Sleep: where the rest goes if a signal ends it
};

}  // namespace deferscope::emu::posix
