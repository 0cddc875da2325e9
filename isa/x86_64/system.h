// MOVSD and CMPSD name a string instruction and an SSE one.
#pragma once
#include "isa/x86_64/rows.h"

namespace deferscope::isa::x86_64 {

// Lifts the string instruction MOVSD or CMPSD and returns true; false (nothing lifted) if it is the SSE instruction.
bool lift_shared_string(Builder& b);

}  // namespace deferscope::isa::x86_64
