// Darwin's signal frames: offsets against the structs of Go's runtime/defs_darwin_amd64.go and defs_darwin_arm64.go
// (the same from 1.12 and 1.16 to 1.27), and registers that come back from a frame as they went in.
#include <gtest/gtest.h>

#include <cstddef>

#include "emu/darwin/faults.h"
#include "emu/darwin/frame.h"

namespace deferscope::test {
namespace {

using namespace emu;
using namespace emu::darwin;

// As the files have them: order and widths; names without si_, which the host's headers define.
struct GoSiginfo {
  int32_t signo, error, code, pid;
  uint32_t uid;
  int32_t status;
  uint64_t addr;
  uint8_t value[8];
  int64_t band;
  uint64_t pad[7];
};
struct GoStack {
  uint64_t ss_sp, ss_size;
  int32_t ss_flags, pad;
};
struct GoUcontext {
  int32_t uc_onstack;
  uint32_t uc_sigmask;
  GoStack uc_stack;
  uint64_t uc_link, uc_mcsize, uc_mcontext;
};
struct GoAmd64Mcontext {
  struct {
    uint16_t trapno, cpu;
    uint32_t err;
    uint64_t faultvaddr;
  } es;
  struct {
    uint64_t rax, rbx, rcx, rdx, rdi, rsi, rbp, rsp, r8, r9, r10, r11, r12, r13, r14, r15, rip, rflags, cs, fs, gs;
  } ss;
  struct {
    int32_t fpu_reserved[2];
    uint16_t fpu_fcw, fpu_fsw;
    uint8_t fpu_ftw, fpu_rsrv1;
    uint16_t fpu_fop;
    uint32_t fpu_ip;
    uint16_t fpu_cs, fpu_rsrv2;
    uint32_t fpu_dp;
    uint16_t fpu_ds, fpu_rsrv3;
    uint32_t fpu_mxcsr, fpu_mxcsrmask;
    uint8_t fpu_stmm[8][16], fpu_xmm[16][16], fpu_rsrv4[96];
    int32_t fpu_reserved1;
  } fs;
  uint8_t pad_cgo_0[4];
};
struct GoArm64Mcontext {
  struct {
    uint64_t far;
    uint32_t esr, exc;
  } es;
  struct {
    uint64_t x[29], fp, lr, sp, pc;
    uint32_t cpsr, pad;
  } ss;
  struct {
    uint64_t v[64];
    uint32_t fpsr, fpcr;
  } ns;
};

TEST(DarwinFrame, OffsetsAreGos) {
  EXPECT_EQ(siginfo::kCode, offsetof(GoSiginfo, code));
  EXPECT_EQ(siginfo::kPid, offsetof(GoSiginfo, pid));
  EXPECT_EQ(siginfo::kUid, offsetof(GoSiginfo, uid));
  EXPECT_EQ(siginfo::kAddr, offsetof(GoSiginfo, addr));
  EXPECT_EQ(siginfo::kSize, sizeof(GoSiginfo));
  EXPECT_EQ(ucontext::kMask, offsetof(GoUcontext, uc_sigmask));
  EXPECT_EQ(ucontext::kStackSp, offsetof(GoUcontext, uc_stack.ss_sp));
  EXPECT_EQ(ucontext::kStackSize, offsetof(GoUcontext, uc_stack.ss_size));
  EXPECT_EQ(ucontext::kStackFlags, offsetof(GoUcontext, uc_stack.ss_flags));
  EXPECT_EQ(ucontext::kLink, offsetof(GoUcontext, uc_link));
  EXPECT_EQ(ucontext::kMcsize, offsetof(GoUcontext, uc_mcsize));
  EXPECT_EQ(ucontext::kMcontext, offsetof(GoUcontext, uc_mcontext));
  EXPECT_EQ(ucontext::kSize, sizeof(GoUcontext));
  using A = GoAmd64Mcontext;
  EXPECT_EQ(amd64_mcontext::kErr, offsetof(A, es.err));
  EXPECT_EQ(amd64_mcontext::kFaultvaddr, offsetof(A, es.faultvaddr));
  EXPECT_EQ(amd64_mcontext::kRegs, offsetof(A, ss.rax));
  EXPECT_EQ(amd64_mcontext::kRip, offsetof(A, ss.rip));
  EXPECT_EQ(amd64_mcontext::kRflags, offsetof(A, ss.rflags));
  EXPECT_EQ(amd64_mcontext::kCs, offsetof(A, ss.cs));
  EXPECT_EQ(amd64_mcontext::kFcw, offsetof(A, fs.fpu_fcw));
  EXPECT_EQ(amd64_mcontext::kMxcsr, offsetof(A, fs.fpu_mxcsr));
  EXPECT_EQ(amd64_mcontext::kXmm, offsetof(A, fs.fpu_xmm));
  EXPECT_EQ(amd64_mcontext::kSize, sizeof(A));
  using B = GoArm64Mcontext;
  EXPECT_EQ(arm64_mcontext::kEsr, offsetof(B, es.esr));
  EXPECT_EQ(arm64_mcontext::kX, offsetof(B, ss.x));
  EXPECT_EQ(arm64_mcontext::kSp, offsetof(B, ss.sp));
  EXPECT_EQ(arm64_mcontext::kPc, offsetof(B, ss.pc));
  EXPECT_EQ(arm64_mcontext::kCpsr, offsetof(B, ss.cpsr));
  EXPECT_EQ(arm64_mcontext::kV, offsetof(B, ns.v));
  EXPECT_EQ(arm64_mcontext::kFpsr, offsetof(B, ns.fpsr));
  EXPECT_EQ(arm64_mcontext::kFpcr, offsetof(B, ns.fpcr));
  EXPECT_EQ(arm64_mcontext::kSize, sizeof(B) + 8) << "XNU's vectors are 16-aligned";
}

constexpr uint64_t kStack = 0x70000, kStackSize = 0x4000, kHandler = 0x1234, kBack = 0x5678;

isa::CpuState busy_cpu(uint64_t sp, bool amd64) {
  isa::CpuState cpu;
  for (unsigned i = 0; i < (amd64 ? 16u : 31u); ++i) cpu.r[i] = 0x1000'0000 + i;
  for (unsigned i = 0; i < (amd64 ? 16u : 32u); ++i) cpu.v[i] = isa::Vec{0x2000 + i, 0x3000 + i};
  cpu.r[amd64 ? isa::kRsp : isa::kSp] = sp;
  cpu.pc = 0x401234;
  if (amd64)
    cpu.mxcsr = 0x1fa0;
  else
    cpu.fpsr = 0x10, cpu.fpcr = 0x400000;
  return cpu;
}

class DarwinFrameOf : public testing::TestWithParam<bool> {};

// The handler finds its arguments where the ABI has them, and the structs say what they should; when it has returned
// all registers are as before.
TEST_P(DarwinFrameOf, IsWhatAHandlerSeesAndComesBack) {
  const bool amd64 = GetParam();
  Memory memory;
  memory.map(kStack, kStackSize, kRead | kWrite, {}, "stack");
  for (uint64_t sp = kStack + kStackSize - 64; sp > kStack + kStackSize - 80; --sp) {
    isa::CpuState cpu = busy_cpu(sp, amd64);
    const isa::CpuState before = cpu;
    FrameContext f;
    f.info = Signal{sig::SEGV, sig::kSegvMaperr, {0, 0x18}};
    f.handler = kHandler, f.returns_to = kBack, f.stack = sp, f.mask = 0x8000'0001, f.onstack = true;
    f.trapno = 14, f.error_code = 6, f.fault_address = 0x18;
    ASSERT_TRUE(push_frame(memory, cpu, f, amd64 ? FrameKind::amd64 : FrameKind::arm64));
    const uint64_t now = cpu.r[amd64 ? isa::kRsp : isa::kSp];
    EXPECT_EQ(cpu.pc, kHandler);
    EXPECT_EQ(now % 16, amd64 ? 8u : 0u);
    EXPECT_LE(now + sizeof(GoSiginfo) + sizeof(GoUcontext), sp - 128) << "the red zone stays";
    uint64_t back = cpu.r[isa::kX30];
    if (amd64) {
      ASSERT_TRUE(memory.read_value(now, back));
    }
    EXPECT_EQ(back, kBack);
    const uint64_t info_at = cpu.r[amd64 ? isa::Reg{isa::kRsi} : isa::Reg{1}],
                   uc_at = cpu.r[amd64 ? isa::Reg{isa::kRdx} : isa::Reg{2}];
    EXPECT_EQ(cpu.r[amd64 ? isa::Reg{isa::kRdi} : isa::Reg{0}], static_cast<uint64_t>(sig::SEGV));
    GoSiginfo info;
    GoUcontext uc;
    ASSERT_TRUE(memory.read_value(info_at, info) && memory.read_value(uc_at, uc));
    EXPECT_EQ(info.signo, sig::SEGV);
    EXPECT_EQ(info.code, 1);
    EXPECT_EQ(info.addr, 0x18u);
    EXPECT_EQ(uc.uc_sigmask, 0x8000'0001u);
    EXPECT_EQ(uc.uc_onstack, 1);
    if (amd64) {
      GoAmd64Mcontext mc;
      ASSERT_TRUE(memory.read_value(uc.uc_mcontext, mc));
      EXPECT_EQ(uc.uc_mcsize, sizeof mc);
      EXPECT_EQ(mc.es.trapno, 14);
      EXPECT_EQ(mc.es.faultvaddr, 0x18u);
      EXPECT_EQ(mc.ss.rip, before.pc);
      EXPECT_EQ(mc.ss.rsp, sp);
      EXPECT_EQ(mc.ss.r14, before.r[14]);
    } else {
      GoArm64Mcontext mc;
      ASSERT_TRUE(memory.read_value(uc.uc_mcontext, mc));
      EXPECT_EQ(mc.es.far, 0x18u);
      EXPECT_EQ(mc.ss.pc, before.pc);
      EXPECT_EQ(mc.ss.sp, sp);
      EXPECT_EQ(mc.ss.x[28], before.r[28]);
      EXPECT_EQ(mc.ss.lr, before.r[30]);
    }
    cpu.r[amd64 ? isa::kRsp : isa::kSp] = amd64 ? now + 8 : now;  // the handler's return
    cpu.r[3] = 0, cpu.v[7] = {}, cpu.pc = kBack;
    FrameReturn r;
    ASSERT_TRUE(pop_frame(memory, cpu, r, amd64 ? FrameKind::amd64 : FrameKind::arm64));
    EXPECT_TRUE(r.onstack);
    EXPECT_EQ(r.mask, 0x8000'0001u);
    EXPECT_EQ(cpu.pc, before.pc);
    EXPECT_EQ(cpu.r, before.r);
    EXPECT_EQ(cpu.mxcsr, before.mxcsr);
    EXPECT_EQ(cpu.fpcr, before.fpcr);
    EXPECT_EQ(cpu.fpsr, before.fpsr);
    for (unsigned i = 0; i < (amd64 ? 16u : 32u); ++i) {
      EXPECT_EQ(cpu.v[i].lo, before.v[i].lo);
      EXPECT_EQ(cpu.v[i].hi, before.v[i].hi);
    }
  }
}

TEST_P(DarwinFrameOf, WithoutRoomIsNone) {
  const bool amd64 = GetParam();
  Memory memory;
  memory.map(kStack, kStackSize, kRead | kWrite, {}, "stack");
  for (uint64_t sp : {kStack + 200, uint64_t{64}, uint64_t{0}, UINT64_MAX}) {
    isa::CpuState cpu = busy_cpu(sp, amd64);
    FrameContext f;
    f.info = Signal{sig::URG};
    f.stack = sp;
    EXPECT_FALSE(push_frame(memory, cpu, f, amd64 ? FrameKind::amd64 : FrameKind::arm64));
    EXPECT_EQ(cpu.pc, 0x401234u);
    FrameReturn r;
    EXPECT_FALSE(pop_frame(memory, cpu, r, amd64 ? FrameKind::amd64 : FrameKind::arm64));
  }
}

TEST(DarwinFrame, WithAvxKeepsTheUpperHalves) {
  Memory memory;
  memory.map(kStack, kStackSize, kRead | kWrite, {}, "stack");
  const uint64_t sp = kStack + kStackSize - 64;
  isa::CpuState cpu = busy_cpu(sp, true);
  for (unsigned i = 0; i < 16; ++i) cpu.v[isa::kUpper + i] = isa::Vec{0x4000 + i, 0x5000 + i};
  cpu.x87.full = 1, cpu.x87.significand[0] = uint64_t{1} << 63, cpu.x87.exponent[0] = 0x3fff;
  const isa::CpuState before = cpu;
  FrameContext f;
  f.info = Signal{sig::URG};
  f.handler = kHandler, f.returns_to = kBack, f.stack = sp;
  ASSERT_TRUE(push_frame(memory, cpu, f, FrameKind::amd64_avx));
  GoUcontext uc;
  ASSERT_TRUE(memory.read_value(cpu.r[isa::kRdx], uc));
  EXPECT_EQ(uc.uc_mcsize, amd64_mcontext::kAvxSize);
  cpu.r[isa::kRsp] += 8;
  for (unsigned i = 0; i < 32; ++i) cpu.v[i] = {};
  cpu.x87 = {};
  FrameReturn r;
  ASSERT_TRUE(pop_frame(memory, cpu, r, FrameKind::amd64_avx));
  EXPECT_EQ(cpu.v, before.v);
  EXPECT_EQ(cpu.x87, before.x87);
}

INSTANTIATE_TEST_SUITE_P(BothIsas, DarwinFrameOf, testing::Bool());

// A sent signal says who, not where; that of a fault where, not who.
TEST(DarwinFrame, SiginfoSaysWhatItsKindHas) {
  const uint64_t who = 1000 | uint64_t{501} << 32;
  GoSiginfo info;
  const auto read = [&](const Signal& s) {
    const auto bytes = siginfo_bytes(s, 0x4000);
    std::memcpy(&info, bytes.data(), sizeof info);
  };
  read(Signal{sig::URG, 0, {who, 0}});
  EXPECT_EQ(info.pid, 1000);
  EXPECT_EQ(info.uid, 501u);
  EXPECT_EQ(info.addr, 0x4000u);
  read(Signal{sig::BUS, sig::kBusAdrerr, {0, 0x8}});
  EXPECT_EQ(info.pid, 0);
  EXPECT_EQ(info.code, 2);
  EXPECT_EQ(info.addr, 8u);
  read(Signal{sig::FPE, sig::kFpeIntdiv, {0, 0x4000}});
  EXPECT_EQ(info.code, 7);
  EXPECT_EQ(info.addr, 0x4000u);
}

// x86-64: Go's sigpanic makes a panic of these (src/runtime/os_darwin.go, defs_darwin_*.go): _SEGV_MAPERR 1,
// _BUS_ADRERR 2, _FPE_INTDIV 7. arm64: XNU says one code a signal (sendsig() of bsd/dev/arm/unix_signal.c), so that
// programs print "SIGSEGV: segmentation violation code=0x2 addr=0x0" there.
TEST(DarwinFaults, AreWhatSendsigSays) {
  using isa::Fault;
  constexpr auto kAmd64 = isa::Isa::x86_64, kArm64 = isa::Isa::arm64;
  const auto of = [](isa::Isa isa, Fault fault, bool mapped = false) {
    const FaultRow* row = find_fault(fault_rows(), isa, fault, mapped);
    return row ? std::pair(row->signal, row->code) : std::pair(0, 0);
  };
  EXPECT_EQ(of(kAmd64, Fault::Page), std::pair(sig::SEGV, 1));
  EXPECT_EQ(of(kAmd64, Fault::Page, true), std::pair(sig::BUS, 2));
  EXPECT_EQ(of(kAmd64, Fault::Divide), std::pair(sig::FPE, 7));
  EXPECT_EQ(of(kArm64, Fault::Page), std::pair(sig::SEGV, 2));
  EXPECT_EQ(of(kArm64, Fault::Page, true), std::pair(sig::BUS, 1));
  EXPECT_EQ(of(kArm64, Fault::Undefined), std::pair(sig::ILL, 2));
  EXPECT_EQ(of(kArm64, Fault::Breakpoint), std::pair(sig::TRAP, 0));
  for (const FaultRow& row : fault_rows())
    EXPECT_EQ(find_fault(fault_rows(), row.isa, row.fault, row.mapped), &row) << "one each";
}

}  // namespace
}  // namespace deferscope::test
