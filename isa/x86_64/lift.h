// x86-64 → canonical micro-ops. Zydis decodes; the rows of isa/x86_64 say what each mnemonic does.
#pragma once
#include <cstddef>
#include <cstdint>

#include "isa/uop.h"

namespace deferscope::isa::x86_64 {

// The instruction whose bytes start at `bytes` (n ≥ 1 available, 15 suffice), standing at address pc. A pure function.
// Too few bytes: fault = Fault::Page. No such instruction: Undefined.
// Not implemented here: Unimplemented with its true length.
void lift(const uint8_t* bytes, size_t n, uint64_t pc, Lifted& out, Level level = Level::v2);

}  // namespace deferscope::isa::x86_64
