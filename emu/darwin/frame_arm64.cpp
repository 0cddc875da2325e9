// arm64's struct mcontext64: exception state, thread state, NEON state (osfmk/mach/arm/_structs.h).
#include "emu/darwin/frame.h"

namespace deferscope::emu::darwin {

using namespace arm64_mcontext;

void fill_mcontext(Arm64Mcontext& mc, const isa::CpuState& cpu, const FrameContext& f) {
  uint8_t* at = mc.data();
  put_at<uint64_t>(at, kFar, f.fault_address);
  put_at<uint32_t>(at, kEsr, static_cast<uint32_t>(f.error_code));
  for (size_t i = 0; i < 31; ++i) put_at<uint64_t>(at, kX + 8 * i, cpu.r[i]);  // x0 … x28, fp, lr
  put_at<uint64_t>(at, kSp, cpu.r[isa::kSp]);
  put_at<uint64_t>(at, kPc, cpu.pc);
  put_at<uint32_t>(at, kCpsr, static_cast<uint32_t>(cpu.nzcv()));
  for (size_t i = 0; i < 32; ++i) {
    put_at<uint64_t>(at, kV + 16 * i, cpu.v[i].lo);
    put_at<uint64_t>(at, kV + 16 * i + 8, cpu.v[i].hi);
  }
  put_at<uint32_t>(at, kFpsr, cpu.fpsr);
  put_at<uint32_t>(at, kFpcr, cpu.fpcr);
}

void restore_mcontext(isa::CpuState& cpu, const Arm64Mcontext& mc) {
  const uint8_t* at = mc.data();
  for (size_t i = 0; i < 31; ++i) cpu.r[i] = get_at<uint64_t>(at, kX + 8 * i);
  cpu.r[isa::kSp] = get_at<uint64_t>(at, kSp);
  cpu.pc = get_at<uint64_t>(at, kPc);
  cpu.set_nzcv(get_at<uint32_t>(at, kCpsr));
  for (size_t i = 0; i < 32; ++i)
    cpu.v[i] = isa::Vec{get_at<uint64_t>(at, kV + 16 * i), get_at<uint64_t>(at, kV + 16 * i + 8)};
  cpu.fpsr = get_at<uint32_t>(at, kFpsr);
  cpu.fpcr = get_at<uint32_t>(at, kFpcr);
  cpu.monitor = {};
}

}  // namespace deferscope::emu::darwin
