// The signal frames' layout against the system's headers (the host's instruction set), and that a frame pushed and
// popped is the same state.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/ucontext.h>

#include <cstddef>
#include <cstring>

#include "emu/linux/frame.h"

namespace deferscope::emu::linux_ {
namespace {

#ifdef __x86_64__
static_assert(offsetof(ucontext_t, uc_flags) == amd64_frame::kUcFlags);
static_assert(offsetof(ucontext_t, uc_stack) == amd64_frame::kUcStack);
static_assert(offsetof(ucontext_t, uc_mcontext) == amd64_frame::kMcontext);
static_assert(offsetof(ucontext_t, uc_sigmask) == amd64_frame::kSigmask);
static_assert(offsetof(mcontext_t, gregs) == amd64_frame::kGregs);
static_assert(REG_EFL * 8 == amd64_frame::kEflags && REG_CSGSFS * 8 == amd64_frame::kSelectors);
static_assert(REG_ERR * 8 == amd64_frame::kErr && REG_TRAPNO * 8 == amd64_frame::kTrapno);
static_assert(REG_OLDMASK * 8 == amd64_frame::kOldmask && REG_CR2 * 8 == amd64_frame::kCr2);
static_assert(offsetof(mcontext_t, fpregs) == amd64_frame::kFpstate);
static_assert(sizeof(_libc_fpstate) == amd64_frame::kFxsave);
static_assert(offsetof(_libc_fpstate, mxcsr) == amd64_frame::kMxcsr);
static_assert(offsetof(_libc_fpstate, _xmm) == amd64_frame::kXmm);
#endif
#ifdef __aarch64__
static_assert(offsetof(ucontext_t, uc_stack) == arm64_frame::kUcStack);
static_assert(offsetof(ucontext_t, uc_sigmask) == arm64_frame::kSigmask);
static_assert(offsetof(ucontext_t, uc_mcontext) == arm64_frame::kMcontext);
static_assert(offsetof(mcontext_t, fault_address) == arm64_frame::kFaultAddress);
static_assert(offsetof(mcontext_t, regs) == arm64_frame::kRegs && offsetof(mcontext_t, sp) == arm64_frame::kSp);
static_assert(offsetof(mcontext_t, pc) == arm64_frame::kPc && offsetof(mcontext_t, pstate) == arm64_frame::kPstate);
static_assert(offsetof(mcontext_t, __reserved) == arm64_frame::kReserved);
#endif

// arm64's frame from the sizes of its parts, as arch/arm64's headers declare them.
static_assert(arm64_frame::kSize == kSigInfoSize + arm64_frame::kMcontext + arm64_frame::kReserved + 4096);
static_assert(arm64_frame::kReserved % 16 == 0 && arm64_frame::kFpsimdSize == 16 + 32 * 16);
static_assert(amd64_frame::kSize == 8 + 304 + 128 && amd64_frame::kSiginfo == 8 + 304);

constexpr uint64_t kStack = 0x700000, kStackSize = 0x10000, kHandler = 0x401000, kRestorer = 0x402000;

isa::CpuState some_state(bool amd64) {
  isa::CpuState cpu;
  for (unsigned i = 0; i < (amd64 ? 16 : 31); ++i) cpu.r[i] = 0x1111111111111111u * (i + 1);
  for (unsigned i = 0; i < (amd64 ? 16 : 32); ++i) cpu.v[i] = isa::Vec{i * 3 + 1, ~uint64_t{i}};
  cpu.r[amd64 ? isa::kRsp : isa::kSp] = kStack + kStackSize - 0x100;
  cpu.pc = 0x400123;
  cpu.set_flags(isa::flag::CF | isa::flag::ZF);
  if (amd64) {
    cpu.df = true;
    cpu.mxcsr = 0x1fa1;
  } else {
    cpu.fpcr = 1 << 22;
    cpu.fpsr = 0x11;
  }
  return cpu;
}

FrameContext some_context() {
  FrameContext f;
  f.info = Signal{sig::SEGV, sig::kSegvMaperr, {0xdead0, 0}};
  f.action = SigAction{kHandler, sig::kSaSiginfo | sig::kSaRestorer | sig::kSaOnstack, kRestorer, 0};
  f.altstack.flags = sig::kSsDisable;
  f.mask = 0x5555;
  f.trapno = 14;
  f.error_code = 6;
  f.fault_address = 0xdead0;
  f.trampoline = 0x403000;
  return f;
}

void expect_same(const isa::CpuState& a, const isa::CpuState& b) {
  EXPECT_EQ(a.pc, b.pc);
  for (int i = 0; i < 32; ++i) EXPECT_EQ(a.r[i], b.r[i]) << i;
  for (int i = 0; i < 32; ++i) EXPECT_EQ(a.v[i], b.v[i]) << i;
  EXPECT_EQ(a.eflags(), b.eflags());
  EXPECT_EQ(a.mxcsr, b.mxcsr);
  EXPECT_EQ(a.fpcr, b.fpcr);
  EXPECT_EQ(a.fpsr, b.fpsr);
}

class Frames : public testing::TestWithParam<bool> {
 protected:
  bool amd64() const { return GetParam(); }
  bool push(isa::CpuState& cpu, const FrameContext& f) {
    return amd64() ? push_frame_amd64(memory_, cpu, f) : push_frame_arm64(memory_, cpu, f);
  }
  bool pop(isa::CpuState& cpu, FrameReturn& out) {
    return amd64() ? pop_frame_amd64(memory_, cpu, false, out) : pop_frame_arm64(memory_, cpu, out);
  }
  // What the handler's `ret` does before rt_sigreturn.
  void leave_handler(isa::CpuState& cpu) {
    if (amd64()) cpu.r[isa::kRsp] += 8;
  }
  uint64_t& sp(isa::CpuState& cpu) { return cpu.r[amd64() ? isa::kRsp : isa::kSp]; }
  void SetUp() override { memory_.map(kStack, kStackSize, kRead | kWrite); }
  Memory memory_;
};

TEST_P(Frames, PopRestoresWhatPushSaved) {
  const isa::CpuState before = some_state(amd64());
  isa::CpuState cpu = before;
  FrameReturn out;
  ASSERT_TRUE(push(cpu, some_context()));
  EXPECT_EQ(cpu.pc, kHandler);
  leave_handler(cpu);
  ASSERT_TRUE(pop(cpu, out));
  expect_same(before, cpu);
  EXPECT_EQ(out.mask, 0x5555u);
  EXPECT_EQ(out.altstack.flags, sig::kSsDisable);
}

TEST_P(Frames, HandlerEntryIsAligned) {
  for (uint64_t shift = 0; shift < 32; shift += 8) {
    isa::CpuState cpu = some_state(amd64());
    sp(cpu) -= shift;
    if (!amd64()) sp(cpu) &= ~uint64_t{15};
    const uint64_t interrupted = sp(cpu);
    ASSERT_TRUE(push(cpu, some_context()));
    EXPECT_EQ(sp(cpu) % 16, amd64() ? 8u : 0u);
    EXPECT_LE(sp(cpu) + (amd64() ? amd64_frame::kSize + amd64_frame::kFxsave + 128 : arm64_frame::kSize + 16),
              interrupted);
  }
}

TEST_P(Frames, RedZoneStaysUntouched) {
  if (!amd64()) GTEST_SKIP() << "arm64 has no red zone";
  isa::CpuState cpu = some_state(true);
  uint8_t zone[128], after[128];
  std::memset(zone, 0xa5, sizeof zone);
  const uint64_t at = cpu.r[isa::kRsp] - 128;
  memory_.write(at, zone, sizeof zone);
  ASSERT_TRUE(push(cpu, some_context()));
  memory_.read(at, after, sizeof after);
  EXPECT_EQ(std::memcmp(zone, after, sizeof zone), 0);
}

TEST_P(Frames, HandlerEditsTakeEffect) {
  isa::CpuState cpu = some_state(amd64());
  ASSERT_TRUE(push(cpu, some_context()));
  const uint64_t uc = amd64() ? cpu.r[isa::kRdx] : cpu.r[2];
  const uint64_t mcontext = uc + (amd64() ? amd64_frame::kMcontext : arm64_frame::kMcontext);
  memory_.write_value(mcontext + (amd64() ? 128 : arm64_frame::kPc), uint64_t{0x499999});
  memory_.write_value(mcontext + (amd64() ? 120 : arm64_frame::kSp), kStack + 0x800);
  FrameReturn out;
  leave_handler(cpu);
  ASSERT_TRUE(pop(cpu, out));
  EXPECT_EQ(cpu.pc, 0x499999u);
  EXPECT_EQ(sp(cpu), kStack + 0x800);
}

TEST_P(Frames, AlternateStackIsUsedOnce) {
  constexpr uint64_t kAlt = 0x900000, kAltSize = 0x8000;
  memory_.map(kAlt, kAltSize, kRead | kWrite);
  isa::CpuState cpu = some_state(amd64());
  FrameContext f = some_context();
  f.altstack = AltStack{kAlt, 0, kAltSize};
  ASSERT_TRUE(push(cpu, f));
  EXPECT_TRUE(sp(cpu) > kAlt && sp(cpu) <= kAlt + kAltSize);
  const uint64_t first = sp(cpu);
  f.altstack.flags = sig::kSsOnstack;
  ASSERT_TRUE(push(cpu, f));  // nested: goes on where it is
  EXPECT_LT(sp(cpu), first);
  EXPECT_GT(sp(cpu), kAlt);
}

TEST_P(Frames, NoRoomChangesNothing) {
  const isa::CpuState before = some_state(amd64());
  isa::CpuState cpu = before;
  sp(cpu) = kStack + 16;
  const isa::CpuState at_edge = cpu;
  EXPECT_FALSE(push(cpu, some_context()));
  expect_same(at_edge, cpu);
}

TEST_P(Frames, MalformedFramesAreRefused) {
  isa::CpuState cpu = some_state(amd64());
  FrameReturn out;
  sp(cpu) = 0x10;  // not mapped
  EXPECT_FALSE(pop(cpu, out));
  if (amd64()) return;
  sp(cpu) = kStack;  // no FPSIMD record
  EXPECT_FALSE(pop(cpu, out));
}

isa::CpuState state_with_avx() {
  isa::CpuState cpu = some_state(true);
  for (unsigned i = 0; i < 16; ++i) cpu.v[isa::kUpper + i] = isa::Vec{i * 5 + 2, ~uint64_t{i} << 8};
  cpu.x87.control = 0x27f, cpu.x87.full = 0xc0, cpu.x87.set_top(6);
  cpu.x87.significand[6] = uint64_t{1} << 63, cpu.x87.exponent[6] = 0x4001;
  cpu.x87.significand[7] = uint64_t{5} << 61, cpu.x87.exponent[7] = 0xbfff;
  return cpu;
}

// With AVX the frame holds the XSAVE area between the two magic numbers that programs look for, and the handler starts
// with an x87 and upper halves as at reset.
TEST(FramesWithAvx, HoldTheXsaveArea) {
  Memory memory;
  memory.map(kStack, kStackSize, kRead | kWrite);
  const isa::CpuState before = state_with_avx();
  isa::CpuState cpu = before;
  FrameContext f = some_context();
  f.avx = true;
  ASSERT_TRUE(push_frame_amd64(memory, cpu, f));
  EXPECT_EQ(cpu.x87, isa::X87{});
  EXPECT_EQ(cpu.v[isa::kUpper + 3], isa::Vec{});
  uint64_t flags = 0, fp = 0;
  memory.read_value(cpu.r[isa::kRdx], flags);
  memory.read_value(cpu.r[isa::kRdx] + amd64_frame::kMcontext + amd64_frame::kFpstate, fp);
  EXPECT_EQ(flags & 1, 1u);  // UC_FP_XSTATE
  EXPECT_EQ(fp % 64, 0u);
  struct Reserved {
    uint32_t magic1, extended_size;
    uint64_t features;
    uint32_t xstate_size;
  } reserved{};
  uint32_t magic2 = 0;
  uint64_t used = 0;
  memory.read_value(fp + 464, reserved), memory.read_value(fp + 832, magic2), memory.read_value(fp + 512, used);
  EXPECT_EQ(reserved.magic1, 0x46505853u);
  EXPECT_EQ(reserved.extended_size, 836u);
  EXPECT_EQ(reserved.features, 7u);
  EXPECT_EQ(reserved.xstate_size, 832u);
  EXPECT_EQ(magic2, 0x46505845u);
  EXPECT_EQ(used, 7u);
  isa::Vec third;
  memory.read_value(fp + 576 + 3 * 16, third);
  EXPECT_EQ(third, before.v[isa::kUpper + 3]);

  cpu.v[isa::kUpper + 3] = {1, 2}, cpu.x87.status = 0x1234;
  cpu.r[isa::kRsp] += 8;
  FrameReturn out;
  isa::CpuState back = cpu, without = cpu;
  ASSERT_TRUE(pop_frame_amd64(memory, back, true, out));
  expect_same(before, back);
  EXPECT_EQ(before.x87, back.x87);
  memory.write_value(fp + 832, uint32_t{0});  // as from before XSAVE: no upper halves
  ASSERT_TRUE(pop_frame_amd64(memory, without, true, out));
  EXPECT_EQ(without.v[3], before.v[3]);
  EXPECT_EQ(without.v[isa::kUpper + 3], isa::Vec{});
}

INSTANTIATE_TEST_SUITE_P(BothIsas, Frames, testing::Values(true, false),
                         [](const auto& i) { return i.param ? "amd64" : "arm64"; });

}  // namespace
}  // namespace deferscope::emu::linux_
