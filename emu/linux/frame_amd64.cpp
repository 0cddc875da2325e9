// x86-64's struct rt_sigframe (arch/x86/kernel/signal_64.c, asm/sigframe.h):
//
//     sp →  pretcode | ucontext { flags link stack mcontext sigmask } | siginfo        8 + 304 + 128 bytes
//     above, 64-aligned: fpstate (FXSAVE image, 512 bytes; with AVX 836); above that the red zone
#include <algorithm>
#include <array>
#include <cstring>

#include "emu/linux/frame.h"
#include "isa/x86_64/fpu_area.h"

namespace deferscope::emu::linux_ {
namespace {

using namespace amd64_frame;
constexpr uint64_t kUcFpXstate = 1, kUcSigcontextSs = 2, kUcStrictRestoreSs = 4;
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

// The FXSAVE image, and with AVX the whole XSAVE area between two magic numbers that say so (asm/sigcontext.h).
constexpr uint32_t kMagic1 = 0x46505853, kMagic2 = 0x46505845, kMagic2Bytes = 4;
constexpr size_t kSwReserved = 464;  // magic1, size with magic2, features, size
using Fpstate = std::array<uint8_t, isa::x86_64::kXsaveBytes + kMagic2Bytes>;

size_t fpstate_size(bool avx) { return avx ? sizeof(Fpstate) : kFxsave; }

Fpstate fill_fpstate(const isa::CpuState& cpu, bool avx) {
  namespace fpu = isa::x86_64;
  Fpstate out{};
  uint8_t* const fx = out.data();
  fpu::put_x87(fx, cpu.x87);
  fpu::put_mxcsr(fx, cpu);
  fpu::put_xmm(fx, cpu);
  if (!avx) return out;
  put<uint32_t>(fx, kSwReserved, kMagic1);
  put<uint32_t>(fx, kSwReserved + 4, static_cast<uint32_t>(sizeof out));
  put<uint64_t>(fx, kSwReserved + 8, fpu::kX87Part | fpu::kSsePart | fpu::kAvxPart);
  put<uint32_t>(fx, kSwReserved + 16, fpu::kXsaveBytes);
  put<uint64_t>(fx, fpu::kXsaveHeader, fpu::parts_in_use(cpu) | fpu::kX87Part | fpu::kSsePart);
  fpu::put_ymm(fx, cpu);
  put<uint32_t>(fx, fpu::kXsaveBytes, kMagic2);
  return out;
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

// The parts that a handler left out of the area are as at reset.
void restore_fpstate(isa::CpuState& cpu, const uint8_t* fx) {
  namespace fpu = isa::x86_64;
  const bool whole = get<uint32_t>(fx, kSwReserved) == kMagic1 && get<uint32_t>(fx, fpu::kXsaveBytes) == kMagic2;
  const uint64_t parts = whole ? get<uint64_t>(fx, fpu::kXsaveHeader) : fpu::kX87Part | fpu::kSsePart;
  cpu.mxcsr = fpu::get_mxcsr(fx) & kMxcsrMask;
  cpu.x87 = parts & fpu::kX87Part ? fpu::get_x87(fx) : isa::X87{};
  std::fill_n(cpu.v.begin(), 2 * isa::kUpper, isa::Vec{});
  if (parts & fpu::kSsePart) fpu::get_xmm(fx, cpu);
  if (parts & fpu::kAvxPart) fpu::get_ymm(fx, cpu);
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
  cpu.x87 = {};  // fpu__clear_user_states(): all as at reset
  cpu.mxcsr = isa::CpuState{}.mxcsr;
  std::fill_n(cpu.v.begin(), 2 * isa::kUpper, isa::Vec{});
}

}  // namespace

bool push_frame_amd64(Memory& memory, isa::CpuState& cpu, const FrameContext& f) {
  if (!(f.action.flags & sig::kSaRestorer)) return false;
  uint64_t sp = cpu.r[isa::kRsp] - kRedZone;
  const bool inside = on_altstack(f.altstack, cpu.r[isa::kRsp]);
  if ((f.action.flags & sig::kSaOnstack) && !inside && !(f.altstack.flags & sig::kSsDisable))
    sp = f.altstack.sp + f.altstack.size;
  const size_t fp_size = fpstate_size(f.avx);
  const uint64_t fpstate = (sp - fp_size) & ~uint64_t{63};
  const uint64_t frame = ((fpstate - kSize) & ~uint64_t{15}) - 8;

  const Fpstate fx = fill_fpstate(cpu, f.avx);
  uint8_t bytes[kSize] = {};
  put<uint64_t>(bytes, 0, f.action.restorer);
  uint8_t* uc = bytes + kUcontext;
  put<uint64_t>(uc, kUcFlags, (f.avx ? kUcFpXstate : 0) | kUcSigcontextSs | kUcStrictRestoreSs);
  put<uint64_t>(uc, kUcStack, f.altstack.sp);
  put<uint32_t>(uc, kUcStack + 8, f.altstack.flags);
  put<uint64_t>(uc, kUcStack + 16, f.altstack.size);
  fill_mcontext(uc + kMcontext, cpu, f, fpstate);
  put<uint64_t>(uc, kSigmask, f.mask);
  const auto info = siginfo_bytes(f.info);
  std::memcpy(bytes + kSiginfo, info.data(), info.size());
  if (!memory.check_write(frame, kSize) || !memory.write(fpstate, fx.data(), fp_size)) return false;
  memory.write(frame, bytes, kSize);
  enter_handler(cpu, f, frame);
  return true;
}

bool pop_frame_amd64(Memory& memory, isa::CpuState& cpu, bool avx, FrameReturn& out) {
  uint8_t uc[kSiginfo - kUcontext];
  const uint64_t frame = cpu.r[isa::kRsp] - 8;
  if (!memory.read(frame + kUcontext, uc, sizeof uc)) return false;
  const uint8_t* mc = uc + kMcontext;
  const uint64_t fpstate = get<uint64_t>(mc, kFpstate);
  Fpstate fx = fill_fpstate(isa::CpuState{}, false);  // none: the state at reset
  if (fpstate != 0 && !memory.read(fpstate, fx.data(), fpstate_size(avx))) return false;
  for (size_t i = 0; i < 16; ++i) cpu.r[kOrder[i]] = get<uint64_t>(mc, 8 * i);
  cpu.pc = get<uint64_t>(mc, kRip);
  cpu.set_eflags(get<uint64_t>(mc, kEflags));
  cpu.monitor = {};
  restore_fpstate(cpu, fx.data());
  out.mask = get<uint64_t>(uc, kSigmask);
  out.altstack = {get<uint64_t>(uc, kUcStack), get<uint32_t>(uc, kUcStack + 8), get<uint64_t>(uc, kUcStack + 16)};
  return true;
}

}  // namespace deferscope::emu::linux_
