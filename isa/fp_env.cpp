#include "isa/fp_env.h"

#include <cfenv>
#if defined(__SSE2__)
#include <xmmintrin.h>
#endif

namespace deferscope::isa {
namespace {

// Rounding control: MXCSR bits 14:13 (nearest, down, up, zero), FPCR bits 23:22 (nearest, up, down, zero).
constexpr int kX86Rounding[4] = {FE_TONEAREST, FE_DOWNWARD, FE_UPWARD, FE_TOWARDZERO};
constexpr int kArmRounding[4] = {FE_TONEAREST, FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};

// Sticky bits: host's FE_* → MXCSR, FPSR.
struct Sticky {
  int host;
  uint32_t x86, arm;
};
constexpr Sticky kSticky[] = {
    {FE_INVALID, 1, 1}, {FE_DIVBYZERO, 4, 2}, {FE_OVERFLOW, 8, 4}, {FE_UNDERFLOW, 16, 8}, {FE_INEXACT, 32, 16}};

// glibc's functions serve the x87 and SSE and cost tens of nanoseconds each; a single step would spend half its time
// here. An SSE2 host computes by SSE alone, so its status register is read and cleared directly (FE_* are its bits).
int sticky() {
#if defined(__SSE2__)
  return static_cast<int>(_mm_getcsr() & FE_ALL_EXCEPT);
#else
  return std::fetestexcept(FE_ALL_EXCEPT);
#endif
}

void clear_sticky() {
  if (sticky() == 0) return;
#if defined(__SSE2__)
  _mm_setcsr(_mm_getcsr() & ~0x3fu);
#else
  std::feclearexcept(FE_ALL_EXCEPT);
#endif
}

void set_rounding(int mode) {
#if defined(__SSE2__)
  if ((_mm_getcsr() >> 3 & 0xc00) == static_cast<unsigned>(mode)) return;
#endif
  std::fesetround(mode);
}

}  // namespace

void fp_enter(const CpuState& s, Isa isa) {
  const int mode = isa == Isa::x86_64 ? kX86Rounding[s.mxcsr >> 13 & 3] : kArmRounding[s.fpcr >> 22 & 3];
#if defined(__SSE2__)
  // Mostly all is as it should be, which one look tells: each takes a processor some twenty cycles.
  if ((_mm_getcsr() & 0x603f) == static_cast<unsigned>(mode) << 3) return;
#endif
  set_rounding(mode);
  clear_sticky();
}

void fp_fold(CpuState& s, Isa isa) {
  const int raised = sticky();
  if (raised == 0) return;
  for (const Sticky& row : kSticky)
    if (raised & row.host) (isa == Isa::x86_64 ? s.mxcsr : s.fpsr) |= isa == Isa::x86_64 ? row.x86 : row.arm;
  clear_sticky();
}

void fp_leave() { set_rounding(FE_TONEAREST); }

}  // namespace deferscope::isa
