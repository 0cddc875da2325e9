// x86-64's struct rt_sigframe (arch/x86/kernel/signal_64.c, asm/sigframe.h):
//
//     sp →  pretcode | ucontext { flags link stack mcontext sigmask } | siginfo        8 + 304 + 128 bytes
//     above, 64-aligned: fpstate (FXSAVE image, 512 bytes); above that the red zone
#include <cstring>

#include "emu/linux/frame.h"

namespace deferscope::emu::linux_ {
namespace {

using namespace amd64_frame;
constexpr uint64_t kUcSigcontextSs = 2, kUcStrictRestoreSs = 4;
constexpr uint64_t kSelectorsUser = 0x002b000000000033;  // cs, gs, fs, ss
constexpr uint32_t kMxcsrMask = 0xffff;
// The order of struct sigcontext's first 16 words.
constexpr isa::Reg kOrder[16] = {8,         9,         10,        11,        12,        13,
                                 14,        15,        isa::kRdi, isa::kRsi, isa::kRbp, isa::kRbx,
                                 isa::kRdx, isa::kRax, isa::kRcx, isa::kRsp};
constexpr size_t kRip = 128;

template <class T>
void put(uint8_t* at, size_t offset, T value) {
  std::memcpy(at + offset, &value, sizeof value);
}
template <class T>
T get(const uint8_t* at, size_t offset) {
  T value;
  std::memcpy(&value, at + offset, sizeof value);
  return value;
}

void fill_fpstate(uint8_t* fx, const isa::CpuState& cpu) {
  std::memset(fx, 0, kFxsave);
  put<uint16_t>(fx, 0, 0x37f);  // x87 control word at reset; the stack is empty
  put<uint32_t>(fx, kMxcsr, cpu.mxcsr);
  put<uint32_t>(fx, kMxcsr + 4, kMxcsrMask);
  for (unsigned i = 0; i < 16; ++i) {
    put<uint64_t>(fx, kXmm + 16 * i, cpu.v[i].lo);
    put<uint64_t>(fx, kXmm + 16 * i + 8, cpu.v[i].hi);
  }
}

void fill_mcontext(uint8_t* mc, const isa::CpuState& cpu, const FrameContext& f, uint64_t fpstate) {
  for (size_t i = 0; i < 16; ++i) put<uint64_t>(mc, 8 * i, cpu.r[kOrder[i]]);
  put<uint64_t>(mc, kRip, cpu.pc);
  put<uint64_t>(mc, kEflags, cpu.eflags());
  put<uint64_t>(mc, kSelectors, kSelectorsUser);
  put<uint64_t>(mc, kErr, f.error_code);
  put<uint64_t>(mc, kTrapno, f.trapno);
  put<uint64_t>(mc, kOldmask, f.mask);
  put<uint64_t>(mc, kCr2, f.fault_address);
  put<uint64_t>(mc, kFpstate, fpstate);
}

void restore_fpstate(isa::CpuState& cpu, const uint8_t* fx) {
  cpu.mxcsr = get<uint32_t>(fx, kMxcsr) & kMxcsrMask;
  for (unsigned i = 0; i < 16; ++i)
    cpu.v[i] = isa::Vec{get<uint64_t>(fx, kXmm + 16 * i), get<uint64_t>(fx, kXmm + 16 * i + 8)};
}

void enter_handler(isa::CpuState& cpu, const FrameContext& f, uint64_t frame) {
  cpu.r[isa::kRdi] = static_cast<uint64_t>(f.info.signo);
  cpu.r[isa::kRsi] = frame + kSiginfo;
  cpu.r[isa::kRdx] = frame + kUcontext;
  cpu.r[isa::kRax] = 0;
  cpu.r[isa::kRsp] = frame;
  cpu.pc = f.action.handler;
  cpu.df = false;
  cpu.monitor = {};
}

}  // namespace

bool push_frame_amd64(Memory& memory, isa::CpuState& cpu, const FrameContext& f) {
  if (!(f.action.flags & sig::kSaRestorer)) return false;
  uint64_t sp = cpu.r[isa::kRsp] - kRedZone;
  const bool inside = on_altstack(f.altstack, cpu.r[isa::kRsp]);
  if ((f.action.flags & sig::kSaOnstack) && !inside && !(f.altstack.flags & sig::kSsDisable))
    sp = f.altstack.sp + f.altstack.size;
  const uint64_t fpstate = (sp - kFxsave) & ~uint64_t{63};
  const uint64_t frame = ((fpstate - kSize) & ~uint64_t{15}) - 8;

  uint8_t fx[kFxsave];
  fill_fpstate(fx, cpu);
  uint8_t bytes[kSize] = {};
  put<uint64_t>(bytes, 0, f.action.restorer);
  uint8_t* uc = bytes + kUcontext;
  put<uint64_t>(uc, kUcFlags, kUcSigcontextSs | kUcStrictRestoreSs);
  put<uint64_t>(uc, kUcStack, f.altstack.sp);
  put<uint32_t>(uc, kUcStack + 8, f.altstack.flags);
  put<uint64_t>(uc, kUcStack + 16, f.altstack.size);
  fill_mcontext(uc + kMcontext, cpu, f, fpstate);
  put<uint64_t>(uc, kSigmask, f.mask);
  const auto info = siginfo_bytes(f.info);
  std::memcpy(bytes + kSiginfo, info.data(), info.size());
  if (!memory.check_write(frame, kSize) || !memory.write(fpstate, fx, kFxsave)) return false;
  memory.write(frame, bytes, kSize);
  enter_handler(cpu, f, frame);
  return true;
}

bool pop_frame_amd64(Memory& memory, isa::CpuState& cpu, FrameReturn& out) {
  uint8_t uc[kSiginfo - kUcontext];
  const uint64_t frame = cpu.r[isa::kRsp] - 8;
  if (!memory.read(frame + kUcontext, uc, sizeof uc)) return false;
  const uint8_t* mc = uc + kMcontext;
  const uint64_t fpstate = get<uint64_t>(mc, kFpstate);
  uint8_t fx[kFxsave];
  fill_fpstate(fx, isa::CpuState{});  // none: the state at reset
  if (fpstate != 0 && !memory.read(fpstate, fx, kFxsave)) return false;
  for (size_t i = 0; i < 16; ++i) cpu.r[kOrder[i]] = get<uint64_t>(mc, 8 * i);
  cpu.pc = get<uint64_t>(mc, kRip);
  cpu.set_eflags(get<uint64_t>(mc, kEflags));
  cpu.monitor = {};
  restore_fpstate(cpu, fx);
  out.mask = get<uint64_t>(uc, kSigmask);
  out.altstack = {get<uint64_t>(uc, kUcStack), get<uint32_t>(uc, kUcStack + 8), get<uint64_t>(uc, kUcStack + 16)};
  return true;
}

}  // namespace deferscope::emu::linux_
