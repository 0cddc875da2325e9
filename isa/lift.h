// One instruction of either set → canonical micro-ops.
#pragma once
#include <cstdint>
#include <span>

#include "isa/uop.h"

namespace deferscope::isa {

// Bytes of the longest instruction: as many at `pc` suffice for lift().
constexpr unsigned longest(Isa isa) { return isa == Isa::arm64 ? 4 : 15; }

// The instruction whose bytes begin with `bytes` (as many as can be read, longest() suffice), standing at pc. A pure
// function. out.fault: PcAlignment (arm64, before anything is read), Page where bytes are missing, Undefined where
// there is no such instruction, or none at that level, Unimplemented (with its true length) where it is not known here.
void lift(Isa isa, std::span<const uint8_t> bytes, uint64_t pc, Lifted& out, Level level = Level::v2);

}  // namespace deferscope::isa
