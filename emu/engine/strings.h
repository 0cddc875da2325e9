// REP MOVS and REP STOS in whole runs of elements, for both backends.
#pragma once
#include <cstdint>

#include "emu/memory.h"
#include "isa/state.h"
#include "isa/uop.h"

namespace deferscope::emu {

// Executes as many of the next `most` iterations of `u` (one of the two, with REP; RCX ≠ 0) as lie within pages that
// the TLB covers, that nobody watches and where no code is; RCX, RSI and RDI as after them. 0: not even two, or they
// overlap so that the order of elements shows: one iteration has to be done as any other micro-op.
uint64_t run_string(const isa::Uop& u, isa::CpuState& cpu, Memory& memory, uint64_t most);

}  // namespace deferscope::emu
