// x86-64's struct mcontext64: exception state, thread state, float state (osfmk/mach/i386/_structs.h).
#include <algorithm>

#include "emu/darwin/frame.h"
#include "isa/x86_64/fpu_area.h"

namespace deferscope::emu::darwin {
namespace {

using namespace amd64_mcontext;
namespace fpu = isa::x86_64;
// The order of struct x86_thread_state64's first 16 words.
constexpr isa::Reg kOrder[16] = {isa::kRax, isa::kRbx, isa::kRcx, isa::kRdx, isa::kRdi, isa::kRsi, isa::kRbp, isa::kRsp,
                                 8,         9,         10,        11,        12,        13,        14,        15};
constexpr uint64_t kUserCs = 0x2b;  // USER64_CS

}  // namespace

void fill_mcontext(Amd64Mcontext& mc, const isa::CpuState& cpu, const FrameContext& f) {
  uint8_t* at = mc.data();
  put_at<uint16_t>(at, kTrapno, static_cast<uint16_t>(f.trapno));
  put_at<uint32_t>(at, kErr, static_cast<uint32_t>(f.error_code));
  put_at<uint64_t>(at, kFaultvaddr, f.fault_address);
  for (size_t i = 0; i < 16; ++i) put_at<uint64_t>(at, kRegs + 8 * i, cpu.r[kOrder[i]]);
  put_at<uint64_t>(at, kRip, cpu.pc);
  put_at<uint64_t>(at, kRflags, cpu.eflags());
  put_at<uint64_t>(at, kCs, kUserCs);
  // Behind two reserved words the float state is FXSAVE's image.
  fpu::put_x87(at + kFcw, cpu.x87);
  fpu::put_mxcsr(at + kFcw, cpu);
  fpu::put_xmm(at + kFcw, cpu);
}

void fill_mcontext(Amd64AvxMcontext& mc, const isa::CpuState& cpu, const FrameContext& f) {
  Amd64Mcontext base{};
  fill_mcontext(base, cpu, f);
  std::copy(base.begin(), base.end(), mc.begin());
  std::memcpy(mc.data() + kYmm, &cpu.v[isa::kUpper], 256);
}

void restore_mcontext(isa::CpuState& cpu, const Amd64Mcontext& mc) {
  const uint8_t* at = mc.data();
  for (size_t i = 0; i < 16; ++i) cpu.r[kOrder[i]] = get_at<uint64_t>(at, kRegs + 8 * i);
  cpu.pc = get_at<uint64_t>(at, kRip);
  cpu.set_eflags(get_at<uint64_t>(at, kRflags));
  cpu.x87 = fpu::get_x87(at + kFcw);
  cpu.mxcsr = fpu::get_mxcsr(at + kFcw) & fpu::kMxcsrBits;
  fpu::get_xmm(at + kFcw, cpu);
  cpu.monitor = {};
}

void restore_mcontext(isa::CpuState& cpu, const Amd64AvxMcontext& mc) {
  Amd64Mcontext base;
  std::copy_n(mc.begin(), base.size(), base.begin());
  restore_mcontext(cpu, base);
  for (size_t i = 0; i < 16; ++i)
    cpu.v[isa::kUpper + i] = {get_at<uint64_t>(mc.data(), kYmm + 16 * i),
                              get_at<uint64_t>(mc.data(), kYmm + 16 * i + 8)};
}

}  // namespace deferscope::emu::darwin
