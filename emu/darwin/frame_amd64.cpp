// x86-64's struct mcontext64: exception state, thread state, float state (osfmk/mach/i386/_structs.h).
#include "emu/darwin/frame.h"

namespace deferscope::emu::darwin {
namespace {

using namespace amd64_mcontext;
// The order of struct x86_thread_state64's first 16 words.
constexpr isa::Reg kOrder[16] = {isa::kRax, isa::kRbx, isa::kRcx, isa::kRdx, isa::kRdi, isa::kRsi, isa::kRbp, isa::kRsp,
                                 8,         9,         10,        11,        12,        13,        14,        15};
constexpr uint64_t kUserCs = 0x2b;  // USER64_CS
constexpr uint32_t kMxcsrBits = 0xffff;

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
  put_at<uint16_t>(at, kFcw, 0x37f);  // x87 control word at reset; the stack is empty
  put_at<uint32_t>(at, kMxcsr, cpu.mxcsr);
  put_at<uint32_t>(at, kMxcsrMask, kMxcsrBits);
  for (size_t i = 0; i < 16; ++i) {
    put_at<uint64_t>(at, kXmm + 16 * i, cpu.v[i].lo);
    put_at<uint64_t>(at, kXmm + 16 * i + 8, cpu.v[i].hi);
  }
}

void restore_mcontext(isa::CpuState& cpu, const Amd64Mcontext& mc) {
  const uint8_t* at = mc.data();
  for (size_t i = 0; i < 16; ++i) cpu.r[kOrder[i]] = get_at<uint64_t>(at, kRegs + 8 * i);
  cpu.pc = get_at<uint64_t>(at, kRip);
  cpu.set_eflags(get_at<uint64_t>(at, kRflags));
  cpu.mxcsr = get_at<uint32_t>(at, kMxcsr) & kMxcsrBits;
  for (size_t i = 0; i < 16; ++i)
    cpu.v[i] = isa::Vec{get_at<uint64_t>(at, kXmm + 16 * i), get_at<uint64_t>(at, kXmm + 16 * i + 8)};
  cpu.monitor = {};
}

}  // namespace deferscope::emu::darwin
