// The host's floating-point environment on behalf of a guest thread. VecFp and FpCompare helpers compute with the
// host's arithmetic under the guest's rounding mode; the host's sticky exception flags collect the guest's.
#pragma once
#include "isa/state.h"

namespace deferscope::isa {

// Before running a thread: set rounding mode from MXCSR/FPCR, clear the host's sticky flags. Cost: some nanoseconds;
// once a slice, not an instruction.
void fp_enter(const CpuState& s, Isa isa);
// After running it, and before MXCSR/FPSR are read or written: OR what the host collected into the guest's sticky bits,
// clear the host's.
void fp_fold(CpuState& s, Isa isa);
// No exception of SSE becomes a signal: the state of nearly all programs.
inline bool masks_all(const CpuState& s) { return (s.mxcsr & 0x1f80) == 0x1f80; }
// Back to the host's rounding mode. Its sticky flags are left as they are: fp_enter clears them.
void fp_leave();

}  // namespace deferscope::isa
