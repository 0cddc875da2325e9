// Signal frames: what the kernel puts on the guest's stack, and takes back in rt_sigreturn.
#pragma once
#include <array>

#include "emu/linux/state.h"

namespace deferscope::emu::linux_ {

inline constexpr size_t kSigInfoSize = 128;
std::array<uint8_t, kSigInfoSize> siginfo_bytes(const Signal& info);

// Where the frame starts growing: the alternate stack if the action asks for it, else below the red zone. `on_stack`:
// sp lies in it.
bool on_altstack(const AltStack& a, uint64_t sp);

// What a frame saves besides the registers.
struct FrameContext {
  Signal info;
  SigAction action;
  AltStack altstack;
  uint64_t mask = 0;  // uc_sigmask
  uint64_t trapno = 0, error_code = 0, fault_address = 0;
  uint64_t trampoline = 0;  // arm64
  bool avx = false;         // amd64: the processor has it, and frames keep it
};
// What rt_sigreturn puts back besides the registers.
struct FrameReturn {
  uint64_t mask = 0;
  AltStack altstack;
};

// Builds the frame and sets `cpu` to the handler. False: the stack cannot be written, nothing changed in cpu.
bool push_frame_amd64(Memory& memory, isa::CpuState& cpu, const FrameContext& f);
bool push_frame_arm64(Memory& memory, isa::CpuState& cpu, const FrameContext& f);
// The frame that `cpu`'s stack pointer stands on (amd64: behind pretcode). False: it cannot be read or is malformed.
bool pop_frame_amd64(Memory& memory, isa::CpuState& cpu, bool avx, FrameReturn& out);
bool pop_frame_arm64(Memory& memory, isa::CpuState& cpu, FrameReturn& out);

// Offsets and sizes of the frames, checked in tests against the system's headers.
namespace amd64_frame {
inline constexpr size_t kUcontext = 8, kSiginfo = 312, kSize = 440;                   // struct rt_sigframe
inline constexpr size_t kUcFlags = 0, kUcStack = 16, kMcontext = 40, kSigmask = 296;  // struct ucontext
inline constexpr size_t kGregs = 0, kEflags = 136, kSelectors = 144, kErr = 152, kTrapno = 160, kOldmask = 168,
                        kCr2 = 176, kFpstate = 184;
inline constexpr size_t kFxsave = 512, kMxcsr = 24, kXmm = 160;
inline constexpr uint64_t kRedZone = 128;
}  // namespace amd64_frame
namespace arm64_frame {
inline constexpr size_t kSiginfo = 0, kUcontext = 128, kSize = 4688;
inline constexpr size_t kUcStack = 16, kSigmask = 40, kMcontext = 176;
inline constexpr size_t kFaultAddress = 0, kRegs = 8, kSp = 256, kPc = 264, kPstate = 272,
                        kReserved = 288;  // struct sigcontext
inline constexpr uint32_t kFpsimdMagic = 0x46508001, kFpsimdSize = 528;
inline constexpr size_t kFpsr = 8, kFpcr = 12, kVregs = 16;
}  // namespace arm64_frame

}  // namespace deferscope::emu::linux_
