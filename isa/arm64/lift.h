// arm64 → canonical micro-ops, from the bit-string table isa/arm64/table.h.
#pragma once
#include <cstddef>
#include <cstdint>

#include "isa/uop.h"

namespace deferscope::isa::arm64 {

// The instruction `word` standing at address pc. A pure function. No such instruction: Undefined.
// Not implemented here: Unimplemented.
void lift(uint32_t word, uint64_t pc, Lifted& out);

}  // namespace deferscope::isa::arm64
