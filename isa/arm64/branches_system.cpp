// Branches, exceptions, hints, barriers and system registers (C4.1, "Branches, Exception Generating and System").
#include "isa/arm64/cpu_model.h"
#include "isa/arm64/lifts.h"

namespace deferscope::isa::arm64 {
namespace {

void compare_and_branch(Emit& e, Op op, unsigned width, B5 t, int64_t offset, uint32_t bit) {
  Uop& u = e.op(op, width);
  u.a = src(t), u.imm = e.relative(offset), u.imm2 = bit;
}

void link(Emit& e) { e.mov_imm(8, kX30, e.relative(4)); }

// The EL0 registers that we have, by op0 op1 CRn CRm op2. MIDR and the ID registers are what Linux emulates for EL0.
struct SysRow {
  uint32_t number;
  SysReg reg;
  bool writable;
};
constexpr uint32_t kNzcv = sysreg_number(3, 3, 4, 2, 0);
constexpr SysRow kSysRows[] = {
    {sysreg_number(3, 3, 4, 4, 0), SysReg::Fpcr, true},     {sysreg_number(3, 3, 4, 4, 1), SysReg::Fpsr, true},
    {sysreg_number(3, 3, 13, 0, 2), SysReg::Tpidr, true},   {sysreg_number(3, 3, 13, 0, 3), SysReg::Tpidrro, false},
    {sysreg_number(3, 3, 0, 0, 7), SysReg::Dczid, false},   {sysreg_number(3, 3, 0, 0, 1), SysReg::Ctr, false},
    {sysreg_number(3, 3, 14, 0, 2), SysReg::Cntvct, false}, {sysreg_number(3, 3, 14, 0, 0), SysReg::Cntfrq, false},
    {sysreg_number(3, 0, 0, 0, 0), SysReg::Midr, false},    {sysreg_number(3, 3, 4, 2, 5), SysReg::Dit, true},
};
// MPIDR_EL1, REVIDR_EL1 and the feature registers (CRm 4…7) have no name in SysReg: their number goes along.
bool is_id(uint32_t n) {
  return n == sysreg_number(3, 0, 0, 0, 5) || n == sysreg_number(3, 0, 0, 0, 6) ||
         (n >= sysreg_number(3, 0, 0, 4, 0) && n <= sysreg_number(3, 0, 0, 7, 7));
}

void system_register(Emit& e, bool read, uint32_t n, B5 t) {
  Uop& u = e.op(read ? Op::ReadSys : Op::WriteSys, 8);
  u.dst = read ? dest(t) : kSink, u.b = read ? kZero : src(t);
  if (n == kNzcv) {
    u.op = read ? Op::ReadNzcv : Op::WriteNzcv;
    return;
  }
  for (const SysRow& row : kSysRows)
    if (row.number == n && (read || row.writable)) {
      u.imm = static_cast<int64_t>(row.reg);
      return;
    }
  if (!read || !is_id(n)) return e.undefined();  // EL0 may not, or there is none
  u.imm = static_cast<int64_t>(SysReg::IdAa64), u.imm2 = n;
}

}  // namespace

void B(Emit& e, Bits<26> i) { e.jump(e.relative(i.sign_extended() * 4)); }
void BL(Emit& e, Bits<26> i) {
  link(e);
  e.jump(e.relative(i.sign_extended() * 4), Hint::Call);
}
void B_cond(Emit& e, Bits<19> i, B4 cond) {
  const int64_t target = e.relative(i.sign_extended() * 4);
  if (condition(cond) == Cond::Always) return e.jump(target);
  Uop& u = e.op(Op::JumpCond, 8);
  u.imm = target, u.cond = condition(cond);
}
void CBZ(Emit& e, Bit z, Bits<19> i, B5 t) { compare_and_branch(e, Op::Cbz, z ? 8 : 4, t, i.sign_extended() * 4, 0); }
void CBNZ(Emit& e, Bit z, Bits<19> i, B5 t) { compare_and_branch(e, Op::Cbnz, z ? 8 : 4, t, i.sign_extended() * 4, 0); }
void TBZ(Emit& e, Bit high, B5 bit, Bits<14> i, B5 t) {
  compare_and_branch(e, Op::Tbz, 8, t, i.sign_extended() * 4, high << 5 | bit);
}
void TBNZ(Emit& e, Bit high, B5 bit, Bits<14> i, B5 t) {
  compare_and_branch(e, Op::Tbnz, 8, t, i.sign_extended() * 4, high << 5 | bit);
}
void BR(Emit& e, B5 n) { e.op(Op::JumpReg, 8).a = src(n); }
void BLR(Emit& e, B5 n) {
  Reg to = src(n);
  if (n == kX30) e.mov(8, to = kT0, kX30);
  link(e);
  Uop& u = e.op(Op::JumpReg, 8);
  u.a = to, u.hint = Hint::Call;
}
void RET(Emit& e, B5 n) {
  Uop& u = e.op(Op::JumpReg, 8);
  u.a = src(n), u.hint = Hint::Return;
}

void SVC(Emit& e, Bits<16> i) { e.op(Op::Syscall, 8).imm = i; }
void BRK(Emit& e, Bits<16> i) {
  Uop& u = e.op(Op::Trap, 8);
  u.fault = Fault::Breakpoint, u.imm = i;
}
// At EL0 under an operating system without a hypervisor call of its own these all end as SIGILL.
void UDF(Emit& e, Bits<16>) { e.undefined(); }
void HLT(Emit& e, Bits<16>) { e.undefined(); }
void HVC(Emit& e, Bits<16>) { e.undefined(); }
void SMC(Emit& e, Bits<16>) { e.undefined(); }

// NOP, YIELD, WFE, WFI, SEV, SEVL, and the numbers that later versions gave a meaning and older ones execute as NOP.
void HINT(Emit& e, B4, B3) { e.op(Op::Nop, 8); }
void CLREX(Emit& e, B4) { e.op(Op::ClrEx, 8); }
// One guest instruction at a time, in order: a barrier has nothing to do.
void DSB(Emit& e, B4) { e.op(Op::Nop, 8); }
void DMB(Emit& e, B4) { e.op(Op::Nop, 8); }
void ISB(Emit& e, B4) { e.op(Op::Nop, 8); }
void SB(Emit& e) { e.op(Op::Nop, 8); }
void MSR_DIT(Emit& e, B4 i) {
  e.mov_imm(8, kT0, static_cast<int64_t>(i & 1) << 24);
  Uop& u = e.op(Op::WriteSys, 8);
  u.b = kT0, u.imm = static_cast<int64_t>(SysReg::Dit);
}
void MRS(Emit& e, Bit o, B3 op1, B4 n, B4 m, B3 op2, B5 t) {
  system_register(e, true, sysreg_number(2 + o, op1, n, m, op2), t);
}
void MSR_reg(Emit& e, Bit o, B3 op1, B4 n, B4 m, B3 op2, B5 t) {
  system_register(e, false, sysreg_number(2 + o, op1, n, m, op2), t);
}
void DC_ZVA(Emit& e, B5 t) {
  Uop& u = e.op(Op::ZeroLine, 8);
  u.mem.base = src(t), u.imm2 = 64;
}
// Maintenance to the point where instructions and data meet: memory here is coherent.
void CACHE_maintenance(Emit& e, B5) { e.op(Op::Nop, 8); }

}  // namespace deferscope::isa::arm64
