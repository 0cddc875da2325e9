// arm64's struct rt_sigframe (arch/arm64/kernel/signal.c):
//
//     sp →  siginfo | ucontext { flags link stack sigmask … mcontext { fault_address regs sp pc pstate reserved[4096] }
//     } above: a frame record (x29, x30) that x29 points at, so that unwinders pass through
// reserved holds the FPSIMD record and the empty record that ends the list.
#include <cstring>

#include "emu/linux/frame.h"

namespace deferscope::emu::linux_ {
namespace {

using namespace arm64_frame;
constexpr size_t kX29 = 29;

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

void fill_fpsimd(uint8_t* record, const isa::CpuState& cpu) {
  put<uint32_t>(record, 0, kFpsimdMagic);
  put<uint32_t>(record, 4, kFpsimdSize);
  put<uint32_t>(record, kFpsr, cpu.fpsr);
  put<uint32_t>(record, kFpcr, cpu.fpcr);
  for (unsigned i = 0; i < 32; ++i) {
    put<uint64_t>(record, kVregs + 16 * i, cpu.v[i].lo);
    put<uint64_t>(record, kVregs + 16 * i + 8, cpu.v[i].hi);
  }
}

void restore_fpsimd(isa::CpuState& cpu, const uint8_t* record) {
  cpu.fpsr = get<uint32_t>(record, kFpsr);
  cpu.fpcr = get<uint32_t>(record, kFpcr);
  for (unsigned i = 0; i < 32; ++i)
    cpu.v[i] = isa::Vec{get<uint64_t>(record, kVregs + 16 * i), get<uint64_t>(record, kVregs + 16 * i + 8)};
}

void fill_mcontext(uint8_t* mc, const isa::CpuState& cpu, const FrameContext& f) {
  put<uint64_t>(mc, kFaultAddress, f.fault_address);
  for (size_t i = 0; i < 31; ++i) put<uint64_t>(mc, kRegs + 8 * i, cpu.r[i]);
  put<uint64_t>(mc, kSp, cpu.r[isa::kSp]);
  put<uint64_t>(mc, kPc, cpu.pc);
  put<uint64_t>(mc, kPstate, cpu.nzcv());
  fill_fpsimd(mc + kReserved, cpu);
}

void enter_handler(isa::CpuState& cpu, const FrameContext& f, uint64_t frame, uint64_t record) {
  cpu.r[0] = static_cast<uint64_t>(f.info.signo);
  if (f.action.flags & sig::kSaSiginfo) {
    cpu.r[1] = frame + kSiginfo;
    cpu.r[2] = frame + kUcontext;
  }
  cpu.r[kX29] = record;
  cpu.r[isa::kX30] = f.action.flags & sig::kSaRestorer ? f.action.restorer : f.trampoline;
  cpu.r[isa::kSp] = frame;
  cpu.pc = f.action.handler;
  cpu.monitor = {};
}

// The FPSIMD record among the records of `reserved`; nullptr: malformed.
const uint8_t* find_fpsimd(const uint8_t* reserved) {
  constexpr size_t kReservedSize = 4096;
  for (size_t at = 0; at + 8 <= kReservedSize;) {
    const uint32_t magic = get<uint32_t>(reserved, at), size = get<uint32_t>(reserved, at + 4);
    if (magic == 0 || size < 16 || size % 16 != 0 || at + size > kReservedSize) return nullptr;
    if (magic == kFpsimdMagic) return size == kFpsimdSize ? reserved + at : nullptr;
    at += size;
  }
  return nullptr;
}

}  // namespace

bool push_frame_arm64(Memory& memory, isa::CpuState& cpu, const FrameContext& f) {
  uint64_t sp = cpu.r[isa::kSp];
  if ((f.action.flags & sig::kSaOnstack) && !on_altstack(f.altstack, sp) && !(f.altstack.flags & sig::kSsDisable))
    sp = f.altstack.sp + f.altstack.size;
  const uint64_t record = (sp - 16) & ~uint64_t{15};
  const uint64_t frame = record - kSize;

  uint8_t bytes[kSize + 16] = {};
  const auto info = siginfo_bytes(f.info);
  std::memcpy(bytes + kSiginfo, info.data(), info.size());
  uint8_t* uc = bytes + kUcontext;
  put<uint64_t>(uc, kUcStack, f.altstack.sp);
  put<uint32_t>(uc, kUcStack + 8, f.altstack.flags);
  put<uint64_t>(uc, kUcStack + 16, f.altstack.size);
  put<uint64_t>(uc, kSigmask, f.mask);
  fill_mcontext(uc + kMcontext, cpu, f);
  put<uint64_t>(bytes, kSize, cpu.r[kX29]);
  put<uint64_t>(bytes, kSize + 8, cpu.r[isa::kX30]);
  if (!memory.write(frame, bytes, sizeof bytes)) return false;
  enter_handler(cpu, f, frame, record);
  return true;
}

bool pop_frame_arm64(Memory& memory, isa::CpuState& cpu, FrameReturn& out) {
  const uint64_t frame = cpu.r[isa::kSp];
  uint8_t bytes[kSize];
  if (frame % 16 != 0 || !memory.read(frame, bytes, kSize)) return false;
  const uint8_t* uc = bytes + kUcontext;
  const uint8_t* mc = uc + kMcontext;
  const uint8_t* fpsimd = find_fpsimd(mc + kReserved);
  if (!fpsimd) return false;
  for (size_t i = 0; i < 31; ++i) cpu.r[i] = get<uint64_t>(mc, kRegs + 8 * i);
  cpu.r[isa::kSp] = get<uint64_t>(mc, kSp);
  cpu.pc = get<uint64_t>(mc, kPc);
  cpu.set_nzcv(get<uint64_t>(mc, kPstate));
  cpu.monitor = {};
  restore_fpsimd(cpu, fpsimd);
  out.mask = get<uint64_t>(uc, kSigmask);
  out.altstack = {get<uint64_t>(uc, kUcStack), get<uint32_t>(uc, kUcStack + 8), get<uint64_t>(uc, kUcStack + 16)};
  return true;
}

}  // namespace deferscope::emu::linux_
