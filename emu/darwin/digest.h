#pragma once
#include "emu/darwin/state.h"

namespace deferscope::emu::darwin {

void digest_state(const State& s, uint64_t& h);

}  // namespace deferscope::emu::darwin
