// arm64 → canonical micro-ops, from the bit-string table isa/arm64/table.h.
#pragma once
#include <cstddef>
#include <cstdint>

#include "isa/uop.h"

namespace deferscope::isa::arm64 {

// The instruction `word` standing at address pc. A pure function. No such instruction, or none at that level:
// Undefined. Not implemented here: Unimplemented.
void lift(uint32_t word, uint64_t pc, Lifted& out, Level level = Level::v8_2);

}  // namespace deferscope::isa::arm64
