// Signal frames: what the kernel and libSystem's _sigtramp put on the guest's stack before a handler runs, and take
// back when it returns. The handler is entered as _sigtramp calls it, handler(signal, siginfo, ucontext), and returns
// to a host call that does what _sigtramp's sigreturn does. Sources: bsd/dev/i386/unix_signal.c and
// bsd/dev/arm/unix_signal.c (sendsig, sigreturn), bsd/sys/signal.h, bsd/sys/_types/_ucontext.h,
// osfmk/mach/{i386,arm}/_structs.h.
#pragma once
#include <array>
#include <cstring>

#include "emu/darwin/state.h"

namespace deferscope::emu::darwin {

// bsd/sys/signal.h
namespace sig {
inline constexpr uint32_t kOnstack = 1, kRestart = 2, kResethand = 4, kNodefer = 0x10, kSiginfo = 0x40;  // SA_…
inline constexpr int kBlock = 1, kUnblock = 2, kSetmask = 3;                                             // SIG_…
inline constexpr int32_t kSsOnstack = 1, kSsDisable = 4;                                                 // SS_…
inline constexpr uint64_t kMinStack = 8192;  // OLDMINSIGSTKSZ of bsd/kern/kern_sig.c
inline constexpr int kIllIllopc = 1, kIllIlltrp = 2, kTrapBrkpt = 1, kFpeIntdiv = 7, kFpeFltdiv = 1, kFpeFltovf = 2,
                     kFpeFltund = 3, kFpeFltres = 4, kFpeFltinv = 5, kBusAdraln = 1, kBusAdrerr = 2, kSegvMaperr = 1,
                     kSegvAccerr = 2;
}  // namespace sig

// Offsets and sizes, which darwin_frame_test holds against Go's runtime/defs_darwin_*.go.
namespace siginfo {
inline constexpr size_t kSigno = 0, kCode = 8, kPid = 12, kUid = 16, kAddr = 24, kSize = 104;
}  // namespace siginfo
namespace ucontext {
inline constexpr size_t kOnstack = 0, kMask = 4, kStackSp = 8, kStackSize = 16, kStackFlags = 24, kLink = 32,
                        kMcsize = 40, kMcontext = 48, kSize = 56;
}  // namespace ucontext
namespace amd64_mcontext {
inline constexpr size_t kTrapno = 0, kErr = 4, kFaultvaddr = 8, kRegs = 16, kRip = 144, kRflags = 152, kCs = 160,
                        kFloat = 184, kFcw = kFloat + 8, kMxcsr = kFloat + 32, kMxcsrMask = kFloat + 36,
                        kXmm = kFloat + 168, kSize = 712;
// With AVX (x86_avx_state64) the upper halves of YMM stand behind it.
inline constexpr size_t kYmm = kFloat + 588, kAvxSize = 1032;
}  // namespace amd64_mcontext
namespace arm64_mcontext {
// XNU's vectors are 16-aligned, so that it has 8 bytes behind fpcr that Go's struct has not.
inline constexpr size_t kFar = 0, kEsr = 8, kX = 16, kSp = 264, kPc = 272, kCpsr = 280, kV = 288, kFpsr = 800,
                        kFpcr = 804, kSize = 816;
}  // namespace arm64_mcontext

// The siginfo of a signal that finds the thread at `pc`.
std::array<uint8_t, siginfo::kSize> siginfo_bytes(const Signal& info, uint64_t pc);

// What a frame saves besides the registers.
struct FrameContext {
  Signal info;
  uint64_t handler = 0, returns_to = 0;
  uint64_t stack = 0;  // where it grows from: the stack pointer, or the end of the alternate stack
  uint64_t stack_size = 0;
  bool onstack = false;                                    // uc_onstack: the thread was on the alternate stack already
  uint32_t mask = 0;                                       // uc_sigmask
  uint64_t trapno = 0, error_code = 0, fault_address = 0;  // of the last fault; arm64: error_code is ESR
};
// What a handler's return puts back besides the registers.
struct FrameReturn {
  bool onstack = false;
  uint32_t mask = 0;
};

// What the processor has decides what a frame keeps.
enum class FrameKind : uint8_t { amd64, amd64_avx, arm64 };

// Builds the frame and sets `cpu` to the handler. False: the stack cannot be written, nothing changed in cpu.
bool push_frame(Memory& memory, isa::CpuState& cpu, const FrameContext& f, FrameKind kind);
// The frame that the stack pointer stands on when a handler has returned. False: it cannot be read.
bool pop_frame(Memory& memory, isa::CpuState& cpu, FrameReturn& out, FrameKind kind);

// An mcontext's bytes from and to the registers.
using Amd64Mcontext = std::array<uint8_t, amd64_mcontext::kSize>;
using Amd64AvxMcontext = std::array<uint8_t, amd64_mcontext::kAvxSize>;
using Arm64Mcontext = std::array<uint8_t, arm64_mcontext::kSize>;
void fill_mcontext(Amd64Mcontext& mc, const isa::CpuState& cpu, const FrameContext& f);
void fill_mcontext(Amd64AvxMcontext& mc, const isa::CpuState& cpu, const FrameContext& f);
void fill_mcontext(Arm64Mcontext& mc, const isa::CpuState& cpu, const FrameContext& f);
void restore_mcontext(isa::CpuState& cpu, const Amd64Mcontext& mc);
void restore_mcontext(isa::CpuState& cpu, const Amd64AvxMcontext& mc);
void restore_mcontext(isa::CpuState& cpu, const Arm64Mcontext& mc);

template <class T>
void put_at(uint8_t* bytes, size_t offset, T value) {
  std::memcpy(bytes + offset, &value, sizeof value);
}
template <class T>
T get_at(const uint8_t* bytes, size_t offset) {
  T value;
  std::memcpy(&value, bytes + offset, sizeof value);
  return value;
}

}  // namespace deferscope::emu::darwin
