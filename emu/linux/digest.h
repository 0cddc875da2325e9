// Every field of State, mixed into a digest.
#pragma once
#include "emu/linux/state.h"

namespace deferscope::emu::linux_ {

void digest_state(const State& s, uint64_t& h);

}  // namespace deferscope::emu::linux_
