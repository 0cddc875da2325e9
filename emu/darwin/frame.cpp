// The frame around the registers, the same for both instruction sets but for the order of its parts (frame.h):
//
//     amd64: sp →  return address | mcontext siginfo ucontext | red zone of 128 bytes
//     arm64: sp →  siginfo ucontext mcontext | red zone
#include "emu/darwin/frame.h"

#include <algorithm>

namespace deferscope::emu::darwin {
namespace {

constexpr uint64_t kRedZone = 128;
constexpr size_t kX29 = 29;

// Offsets in the frame, which begins 16-aligned (amd64: behind the return address).
struct Parts {
  size_t mcontext, mcontext_size, siginfo, ucontext, size;
};
constexpr Parts amd64_parts(size_t mcontext) {
  return {0, mcontext, mcontext, mcontext + siginfo::kSize, mcontext + siginfo::kSize + ucontext::kSize};
}
constexpr Parts kAmd64 = amd64_parts(amd64_mcontext::kSize), kAmd64Avx = amd64_parts(amd64_mcontext::kAvxSize);
constexpr Parts kArm64{siginfo::kSize + ucontext::kSize, arm64_mcontext::kSize, 0, siginfo::kSize,
                       siginfo::kSize + ucontext::kSize + arm64_mcontext::kSize};
constexpr size_t kMaxFrame = std::max(kAmd64Avx.size, kArm64.size);

const Parts& parts_of(FrameKind kind) {
  return kind == FrameKind::amd64 ? kAmd64 : kind == FrameKind::amd64_avx ? kAmd64Avx : kArm64;
}

template <class Mcontext>
void put_mcontext(uint8_t* at, const isa::CpuState& cpu, const FrameContext& f) {
  Mcontext mc{};
  fill_mcontext(mc, cpu, f);
  std::memcpy(at, mc.data(), mc.size());
}

template <class Mcontext>
bool take_mcontext(Memory& memory, isa::CpuState& cpu, uint64_t at) {
  Mcontext mc;
  if (!memory.read(at, mc.data(), mc.size())) return false;
  restore_mcontext(cpu, mc);
  return true;
}

void put_ucontext(uint8_t* uc, const FrameContext& f, uint64_t frame, const Parts& parts) {
  put_at<int32_t>(uc, ucontext::kOnstack, f.onstack);
  put_at<uint32_t>(uc, ucontext::kMask, f.mask);
  put_at<uint64_t>(uc, ucontext::kStackSp, frame);
  put_at<uint64_t>(uc, ucontext::kStackSize, f.stack_size);
  put_at<int32_t>(uc, ucontext::kStackFlags, f.onstack ? sig::kSsOnstack : 0);
  put_at<uint64_t>(uc, ucontext::kMcsize, parts.mcontext_size);
  put_at<uint64_t>(uc, ucontext::kMcontext, frame + parts.mcontext);
}

void enter_handler(isa::CpuState& cpu, const FrameContext& f, uint64_t frame, const Parts& parts, bool amd64) {
  const uint64_t arguments[3] = {static_cast<uint64_t>(f.info.signo), frame + parts.siginfo, frame + parts.ucontext};
  constexpr isa::Reg kArguments[2][3] = {{isa::kRdi, isa::kRsi, isa::kRdx}, {0, 1, 2}};
  for (int i = 0; i < 3; ++i) cpu.r[kArguments[amd64 ? 0 : 1][i]] = arguments[i];
  if (amd64) {
    cpu.r[isa::kRsp] = frame - 8;
    cpu.df = false;
  } else {
    cpu.r[isa::kX30] = f.returns_to;
    cpu.r[isa::kSp] = frame;
  }
  cpu.pc = f.handler;
  cpu.monitor = {};
}

}  // namespace

// sendsig(): what each kind of signal says of itself. SEGV and BUS say the fault's address, whoever sent them.
std::array<uint8_t, siginfo::kSize> siginfo_bytes(const Signal& info, uint64_t pc) {
  constexpr uint64_t kOfFaults =
      sig::bit(sig::ILL) | sig::bit(sig::TRAP) | sig::bit(sig::FPE) | sig::bit(sig::BUS) | sig::bit(sig::SEGV);
  std::array<uint8_t, siginfo::kSize> out{};
  put_at<int32_t>(out.data(), siginfo::kSigno, info.signo);
  put_at<int32_t>(out.data(), siginfo::kCode, info.code);
  if (!(kOfFaults & sig::bit(info.signo))) put_at<uint64_t>(out.data(), siginfo::kPid, info.words[0]);  // and uid
  const bool has_address = info.signo == sig::SEGV || info.signo == sig::BUS;
  put_at<uint64_t>(out.data(), siginfo::kAddr, has_address ? info.words[1] : pc);
  return out;
}

bool push_frame(Memory& memory, isa::CpuState& cpu, const FrameContext& f, FrameKind kind) {
  const Parts& parts = parts_of(kind);
  const bool amd64 = kind != FrameKind::arm64;
  const uint64_t frame = (f.stack - kRedZone - parts.size) & ~uint64_t{15};
  std::array<uint8_t, kMaxFrame + 8> bytes{};  // the return address in front
  put_at<uint64_t>(bytes.data(), 0, f.returns_to);
  uint8_t* at = bytes.data() + 8;
  switch (kind) {
    case FrameKind::amd64: put_mcontext<Amd64Mcontext>(at + parts.mcontext, cpu, f); break;
    case FrameKind::amd64_avx: put_mcontext<Amd64AvxMcontext>(at + parts.mcontext, cpu, f); break;
    case FrameKind::arm64: put_mcontext<Arm64Mcontext>(at + parts.mcontext, cpu, f); break;
  }
  const auto info = siginfo_bytes(f.info, cpu.pc);
  std::memcpy(at + parts.siginfo, info.data(), info.size());
  put_ucontext(at + parts.ucontext, f, frame, parts);
  const size_t skipped = amd64 ? 0 : 8;
  if (!memory.write(frame - 8 + skipped, bytes.data() + skipped, parts.size + 8 - skipped)) return false;
  enter_handler(cpu, f, frame, parts, amd64);
  return true;
}

bool pop_frame(Memory& memory, isa::CpuState& cpu, FrameReturn& out, FrameKind kind) {
  const Parts& parts = parts_of(kind);
  const uint64_t frame = cpu.r[kind == FrameKind::arm64 ? isa::kSp : isa::kRsp];
  std::array<uint8_t, ucontext::kSize> uc;
  if (!memory.read(frame + parts.ucontext, uc.data(), uc.size())) return false;
  const auto mcontext = get_at<uint64_t>(uc.data(), ucontext::kMcontext);
  out.onstack = get_at<int32_t>(uc.data(), ucontext::kOnstack) & 1;
  out.mask = get_at<uint32_t>(uc.data(), ucontext::kMask);
  switch (kind) {
    case FrameKind::amd64: return take_mcontext<Amd64Mcontext>(memory, cpu, mcontext);
    case FrameKind::amd64_avx: return take_mcontext<Amd64AvxMcontext>(memory, cpu, mcontext);
    default: return take_mcontext<Arm64Mcontext>(memory, cpu, mcontext);
  }
}

}  // namespace deferscope::emu::darwin
