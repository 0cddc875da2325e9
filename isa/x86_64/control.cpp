// Jumps, calls, the stack, and instructions that trap.
#include "isa/x86_64/rows.h"

namespace deferscope::isa::x86_64 {
namespace {

void jump_to(Builder& b, uint64_t where, Hint hint) {
  Uop& u = b.emit(Op::Jump, 8);
  u.imm = static_cast<int64_t>(where), u.hint = hint;
}

bool far(const Builder& b) { return b.in.meta.branch_type == ZYDIS_BRANCH_TYPE_FAR; }

void push(Builder& b, Source s, unsigned w) {
  b.store(at(kRsp, -static_cast<int64_t>(w)), s, w);
  b.add_imm(kRsp, kRsp, -static_cast<int64_t>(w));
}

void jmp(Builder& b) {
  if (far(b)) return b.fail(Fault::Unimplemented);
  if (b.is_imm(0)) return jump_to(b, b.target(0), Hint::None);
  b.jump_reg(b.source(0).reg, Hint::None);
}

void call(Builder& b) {
  if (far(b)) return b.fail(Fault::Unimplemented);
  const Source back = constant(static_cast<int64_t>(b.next));
  if (b.is_imm(0)) {
    push(b, back, 8);
    return jump_to(b, b.target(0), Hint::Call);
  }
  Reg target = b.source(0).reg;
  if (target == kRsp) {
    target = b.temp();
    b.mov(target, from(kRsp), 8);
  }
  push(b, back, 8);
  b.jump_reg(target, Hint::Call);
}

void ret(Builder& b) {
  if (far(b)) return b.fail(Fault::Unimplemented);
  const Reg t = b.temp();
  b.load(t, at(kRsp), 8);
  const int64_t more = b.in.operand_count_visible ? b.imm(0) & 0xffff : 0;
  b.add_imm(kRsp, kRsp, 8 + more);
  b.jump_reg(t, Hint::Return);
}

void jcc(Builder& b) {
  Uop& u = b.emit(Op::JumpCond, 8);
  u.cond = b.row.cond, u.imm = static_cast<int64_t>(b.target(0));
}

void jump_if_not_zero(Builder& b, Op op, Reg r, unsigned w) {
  Uop& u = b.emit(op, w);
  u.a = r, u.imm = static_cast<int64_t>(b.target(0));
}

// JRCXZ, JECXZ: param = bytes
void jrcxz(Builder& b) { jump_if_not_zero(b, Op::Cbz, kRcx, static_cast<unsigned>(b.row.param)); }

// LOOP E2, LOOPE E1, LOOPNE E0. The manuals leave a REP prefix before them open: Intel's processors ignore it, AMD's
// let it decide (F3 E0 is a LOOPE).
void loop(Builder& b) {
  const unsigned w = b.in.address_width / 8;
  b.add_imm(kRcx, kRcx, -1, w);
  if (b.in.opcode == 0xe2) return jump_if_not_zero(b, Op::Cbnz, kRcx, w);
  const Reg t = b.temp();
  b.select(b.in.opcode == 0xe1 ? Cond::E : Cond::NE, 8, t, kRcx, kZero);
  jump_if_not_zero(b, Op::Cbnz, t, w);
}

void lift_push(Builder& b) {
  const unsigned w = b.operand_width();
  if (b.is_reg(0) && b.op[0].reg.value >= ZYDIS_REGISTER_ES && b.op[0].reg.value <= ZYDIS_REGISTER_GS)
    return push(b, constant(0), w);  // FS, GS: null selectors
  push(b, b.source(0), w);
}

void pop(Builder& b) {
  const unsigned w = b.operand_width();
  if (b.is_mem(0)) {  // its address is computed with RSP behind the pop
    const Reg t = b.temp();
    b.load(t, at(kRsp), w);
    const ZydisRegister base = b.op[0].mem.base;
    const Mem m = b.mem(0, base == ZYDIS_REGISTER_RSP || base == ZYDIS_REGISTER_ESP ? w : 0);
    b.store(m, from(t), w);
    return b.add_imm(kRsp, kRsp, w);
  }
  if (b.is_reg(0) && b.op[0].reg.value >= ZYDIS_REGISTER_ES && b.op[0].reg.value <= ZYDIS_REGISTER_GS)
    return b.fail(Fault::Unimplemented);
  const Reg r = b.reg(0);
  if (r == kRsp) {  // the loaded value wins
    if (w == 8) return b.load(kRsp, at(kRsp), 8);
    const Reg t = b.temp();
    b.load(t, at(kRsp), w);
    b.add_imm(kRsp, kRsp, w);
    return b.mov(kRsp, from(t), w);
  }
  b.load(r, at(kRsp), w, w == 2 ? Ext::Merge : Ext::Zero);
  b.add_imm(kRsp, kRsp, w);
}

void pushf(Builder& b) {
  const Reg t = b.temp();
  b.emit(Op::ReadFlags, 8).dst = t;
  push(b, from(t), b.operand_width());
}

// The other bits of EFLAGS (AC, ID, NT, TF) are not kept.
void popf(Builder& b) {
  const unsigned w = b.operand_width();
  const Reg t = b.temp();
  b.load(t, at(kRsp), w);
  b.emit(Op::WriteFlags, 8).b = t;
  b.add_imm(kRsp, kRsp, w);
}

void check_store(Builder& b, const Mem& m) { b.emit(Op::StoreCheck, 8).mem = m; }

// Nesting levels above 0 are not lifted: no compiler makes them. The new stack top must be writable too.
void enter(Builder& b) {
  if ((b.imm(1) & 31) != 0 || b.operand_width() != 8) return b.fail(Fault::Unimplemented);
  const int64_t frame = b.imm(0) & 0xffff;
  check_store(b, at(kRsp, -8));
  check_store(b, at(kRsp, -8 - frame));
  b.store(at(kRsp, -8), from(kRbp), 8);
  b.add_imm(kRbp, kRsp, -8);
  b.add_imm(kRsp, kRsp, -8 - frame);
}

void leave(Builder& b) {
  const unsigned w = b.operand_width();
  const Reg t = b.temp();
  b.load(t, at(kRbp), w);
  b.add_imm(kRsp, kRbp, w);
  b.mov(kRbp, from(t), w);
}

// SYSCALL leaves its return address in RCX and EFLAGS in R11.
void syscall(Builder& b) {
  b.mov(kRcx, constant(static_cast<int64_t>(b.next)), 8);
  b.emit(Op::ReadFlags, 8).dst = 11;
  b.emit(Op::Syscall, 8);
}

void undefined(Builder& b) { b.trap(Fault::Undefined, 0); }
void int3(Builder& b) { b.trap(Fault::Breakpoint, 3); }
// INT 3 in two bytes is a breakpoint too; the other gates are closed to user mode.
void int_n(Builder& b) { (b.imm(0) & 0xff) == 3 ? int3(b) : b.fail(Fault::Privileged); }
void privileged(Builder& b) { b.fail(Fault::Privileged); }

constexpr Op kNo = Op::Nop;

const Row kControlRows[] = {
    {ZYDIS_MNEMONIC_JMP, jmp},
    {ZYDIS_MNEMONIC_CALL, call},
    {ZYDIS_MNEMONIC_RET, ret},
    {ZYDIS_MNEMONIC_JO, jcc, kNo, kKeep, 0, Cond::O},
    {ZYDIS_MNEMONIC_JNO, jcc, kNo, kKeep, 0, Cond::NO},
    {ZYDIS_MNEMONIC_JB, jcc, kNo, kKeep, 0, Cond::B},
    {ZYDIS_MNEMONIC_JNB, jcc, kNo, kKeep, 0, Cond::AE},
    {ZYDIS_MNEMONIC_JZ, jcc, kNo, kKeep, 0, Cond::E},
    {ZYDIS_MNEMONIC_JNZ, jcc, kNo, kKeep, 0, Cond::NE},
    {ZYDIS_MNEMONIC_JBE, jcc, kNo, kKeep, 0, Cond::BE},
    {ZYDIS_MNEMONIC_JNBE, jcc, kNo, kKeep, 0, Cond::A},
    {ZYDIS_MNEMONIC_JS, jcc, kNo, kKeep, 0, Cond::S},
    {ZYDIS_MNEMONIC_JNS, jcc, kNo, kKeep, 0, Cond::NS},
    {ZYDIS_MNEMONIC_JP, jcc, kNo, kKeep, 0, Cond::P},
    {ZYDIS_MNEMONIC_JNP, jcc, kNo, kKeep, 0, Cond::NP},
    {ZYDIS_MNEMONIC_JL, jcc, kNo, kKeep, 0, Cond::L},
    {ZYDIS_MNEMONIC_JNL, jcc, kNo, kKeep, 0, Cond::GE},
    {ZYDIS_MNEMONIC_JLE, jcc, kNo, kKeep, 0, Cond::LE},
    {ZYDIS_MNEMONIC_JNLE, jcc, kNo, kKeep, 0, Cond::G},
    {ZYDIS_MNEMONIC_JRCXZ, jrcxz, kNo, kKeep, 8},
    {ZYDIS_MNEMONIC_JECXZ, jrcxz, kNo, kKeep, 4},
    {ZYDIS_MNEMONIC_LOOP, loop},
    {ZYDIS_MNEMONIC_LOOPE, loop},
    {ZYDIS_MNEMONIC_LOOPNE, loop},
    {ZYDIS_MNEMONIC_PUSH, lift_push},
    {ZYDIS_MNEMONIC_POP, pop},
    {ZYDIS_MNEMONIC_PUSHFQ, pushf},
    {ZYDIS_MNEMONIC_PUSHF, pushf},
    {ZYDIS_MNEMONIC_POPFQ, popf},
    {ZYDIS_MNEMONIC_POPF, popf},
    {ZYDIS_MNEMONIC_ENTER, enter},
    {ZYDIS_MNEMONIC_LEAVE, leave},
    {ZYDIS_MNEMONIC_SYSCALL, syscall},
    {ZYDIS_MNEMONIC_UD0, undefined},
    {ZYDIS_MNEMONIC_UD1, undefined},
    {ZYDIS_MNEMONIC_UD2, undefined},
    {ZYDIS_MNEMONIC_INT3, int3},
    {ZYDIS_MNEMONIC_INT, int_n},
    {ZYDIS_MNEMONIC_INT1, privileged},
    {ZYDIS_MNEMONIC_IRET, privileged},
    {ZYDIS_MNEMONIC_IRETD, privileged},
    {ZYDIS_MNEMONIC_IRETQ, privileged},
    {ZYDIS_MNEMONIC_IN, privileged},
    {ZYDIS_MNEMONIC_OUT, privileged},
    {ZYDIS_MNEMONIC_INSB, privileged},
    {ZYDIS_MNEMONIC_INSW, privileged},
    {ZYDIS_MNEMONIC_INSD, privileged},
    {ZYDIS_MNEMONIC_OUTSB, privileged},
    {ZYDIS_MNEMONIC_OUTSW, privileged},
    {ZYDIS_MNEMONIC_OUTSD, privileged},
    {ZYDIS_MNEMONIC_CLI, privileged},
    {ZYDIS_MNEMONIC_STI, privileged},
    {ZYDIS_MNEMONIC_HLT, privileged},
};

}  // namespace

std::span<const Row> control_rows() { return kControlRows; }

}  // namespace deferscope::isa::x86_64
