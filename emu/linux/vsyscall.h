// The legacy vsyscall page of x86-64: Go up to 1.15 calls it for the time when there is no vDSO.
#pragma once
#include "emu/linux/state.h"

namespace deferscope::emu::linux_ {

inline constexpr uint64_t kVsyscallPage = 0xffffffffff600000;
inline bool is_vsyscall(uint64_t pc) {
  return pc == kVsyscallPage || pc == kVsyscallPage + 0x400 || pc == kVsyscallPage + 0x800;
}
void run_vsyscall(State& s, MachineState& m);  // the function at the current pc; returns to its caller

}  // namespace deferscope::emu::linux_
