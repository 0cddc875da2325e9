#include "isa/fp_env.h"

#include <cfenv>

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

}  // namespace

void fp_enter(const CpuState& s, Isa isa) {
  const int mode = isa == Isa::x86_64 ? kX86Rounding[s.mxcsr >> 13 & 3] : kArmRounding[s.fpcr >> 22 & 3];
  if (std::fegetround() != mode) std::fesetround(mode);
  std::feclearexcept(FE_ALL_EXCEPT);
}

void fp_fold(CpuState& s, Isa isa) {
  const int raised = std::fetestexcept(FE_ALL_EXCEPT);
  if (raised == 0) return;
  for (const Sticky& row : kSticky)
    if (raised & row.host) (isa == Isa::x86_64 ? s.mxcsr : s.fpsr) |= isa == Isa::x86_64 ? row.x86 : row.arm;
  std::feclearexcept(FE_ALL_EXCEPT);
}

void fp_leave() {
  std::fesetround(FE_TONEAREST);
  std::feclearexcept(FE_ALL_EXCEPT);
}

}  // namespace deferscope::isa
