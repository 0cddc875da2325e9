// Timers: what is armed, when it expires, the signal that follows.
#pragma once
#include "emu/posix/context.h"

namespace deferscope::emu::posix {

uint64_t remaining(State& s, const MachineState& m, const Timer& t);                     // ns; 0: disarmed
void arm(State& s, const MachineState& m, Timer& t, uint64_t first, uint64_t interval);  // first 0: disarms
void fire_timers(State& s, MachineState& m);
// `only_wakers`: leaves out timers whose signal would change nothing as long as everybody sleeps.
uint64_t next_timer_ns(const State& s, const MachineState& m, bool only_wakers);

}  // namespace deferscope::emu::posix
