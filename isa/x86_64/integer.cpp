// Integer arithmetic, moves, exchanges and conversions of general registers.
#include "isa/x86_64/rows.h"

namespace deferscope::isa::x86_64 {
namespace {

void nop(Builder&) {}

// op0 = op0 OP op1
void alu2(Builder& b) {
  const Source s = b.source(1, b.width(0));
  const Destination p = b.open(0, true);
  b.alu(b.row.op, p.width, p.value, p.value, s, b.row.flags);
  b.close(p);
}

// CMP and TEST: flags only
void compare(Builder& b) {
  const Source left = b.source(0), right = b.source(1, b.width(0));
  b.alu(b.row.op, b.width(0), kSink, left.reg, right, b.row.flags);
}

// INC, DEC: OP 1. NOT: XOR -1.
void unary(Builder& b) {
  const Destination p = b.open(0, true);
  b.alu(b.row.op, p.width, p.value, p.value, constant(b.row.param), b.row.flags);
  b.close(p);
}

void neg(Builder& b) {
  const Destination p = b.open(0, true);
  b.alu(Op::Sub, p.width, p.value, kZero, from(p.value), FlagRule::Sub);
  b.close(p);
}

// ---- moves

void mov_load(Builder& b) {
  const unsigned w = b.width(0);
  if (b.is_high(0)) {
    const Source s = b.source(1);
    return b.insert(b.reg(0), s.reg, 8, 8);
  }
  b.load(b.reg(0), b.mem(1), w, w < 4 ? Ext::Merge : Ext::Zero);
}

// The system says which selectors its programs have; FS and GS are used through their bases and are null.
Source selector(Builder& b, ZydisRegister r) {
  if (r != ZYDIS_REGISTER_CS && r != ZYDIS_REGISTER_SS) return constant(0);
  const Reg t = b.temp();
  Uop& u = b.emit(Op::ReadSys, 8);
  u.dst = t;
  u.imm = static_cast<int64_t>(r == ZYDIS_REGISTER_CS ? SysReg::Cs : SysReg::Ss);
  return from(t);
}

bool is_segment(const Builder& b, int i) {
  return b.is_reg(i) && b.op[i].reg.value >= ZYDIS_REGISTER_ES && b.op[i].reg.value <= ZYDIS_REGISTER_GS;
}

void mov(Builder& b) {
  if (is_segment(b, 0)) return b.fail(Fault::Unimplemented);
  const unsigned w = b.width(0);
  Source s;
  if (is_segment(b, 1)) {
    s = selector(b, b.op[1].reg.value);
  } else {
    if (b.is_mem(1)) return mov_load(b);
    s = b.source(1, w);
  }
  if (s.is_imm && w == 4) s.imm = static_cast<uint32_t>(s.imm);
  if (b.is_mem(0)) return b.store(b.mem(0), s, w);
  if (!b.is_high(0)) return b.mov(b.reg(0), s, w);
  if (s.is_imm) {
    const Reg t = b.temp();
    b.mov(t, s, 8);
    s = from(t);
  }
  b.insert(b.reg(0), s.reg, 8, 8);
}

// MOVZX, MOVSX, MOVSXD (param 1: signed)
void extend(Builder& b) {
  const unsigned to = b.width(0), of = b.width(1);
  const bool is_signed = b.row.param != 0;
  if (!b.is_mem(1)) return b.extract(b.reg(0), b.reg(1), b.is_high(1) ? 8 : 0, of * 8, to, is_signed);
  const Ext ext = !is_signed ? Ext::Zero : to == 8 ? Ext::Sign64 : Ext::Sign32;
  const Mem m = b.mem(1);
  if (to > 2) return b.load(b.reg(0), m, of, ext);
  const Reg t = b.temp();
  b.load(t, m, of, ext);
  b.mov(b.reg(0), from(t), to);
}

void lea(Builder& b) {
  const Mem m = b.mem(1);
  Uop& u = b.emit(Op::Lea, b.width(0));
  u.dst = b.reg(0), u.mem = m;
  u.mem.seg = kZero;
}

void cmov(Builder& b) {
  const Source s = b.source(1);
  const Reg d = b.reg(0);
  b.select(b.row.cond, b.width(0), d, s.reg, d);
}

void setcc(Builder& b) {
  const Destination p = b.open(0, false);
  Uop& u = b.emit(Op::Set, 1);
  u.cond = b.row.cond, u.dst = p.value;
  b.close(p);
}

void xchg_memory(Builder& b, int memory, int other) {
  const Source s = b.source(other);
  const Destination p = b.open(memory, true);
  b.store(p.mem, s, p.width);
  if (b.is_high(other)) return b.insert(b.reg(other), p.value, 8, 8);
  b.mov(b.reg(other), from(p.value), p.width);
}

void xchg(Builder& b) {
  if (b.is_mem(0)) return xchg_memory(b, 0, 1);
  if (b.is_mem(1)) return xchg_memory(b, 1, 0);
  const unsigned w = b.width(0);
  if (b.op[0].reg.value == b.op[1].reg.value && w != 4) return;
  const Source left = b.source(0), right = b.source(1);
  const Reg t = b.temp();
  b.mov(t, left, 8);
  const auto set = [&](int i, Reg r) { b.is_high(i) ? b.insert(b.reg(i), r, 8, 8) : b.mov(b.reg(i), from(r), w); };
  set(0, right.reg);
  set(1, t);
}

void xadd(Builder& b) {
  const unsigned w = b.width(0);
  const Source s = b.source(1);
  const Destination p = b.open(0, true);
  const Reg sum = b.temp(), old = b.temp();
  b.alu(Op::Add, w, sum, p.value, s, FlagRule::Add);
  Reg before = p.value;
  if (p.kind == Destination::Memory) {
    b.store(p.mem, from(sum), w);
  } else {
    b.mov(old, from(p.value), 8);
    before = old;
  }
  b.is_high(1) ? b.insert(b.reg(1), before, 8, 8) : b.mov(b.reg(1), from(before), w);
  if (p.kind == Destination::Memory) return;
  b.mov(p.value, from(sum), w);
  b.close(p);
}

// If the comparison succeeds only the operand is written, if it fails only the accumulator (and the operand if it is
// memory, with itself): visible in the upper halves of registers for width 4.
void cmpxchg(Builder& b) {
  const unsigned w = b.width(0), kept = w < 4 ? w : 8;
  const Source s = b.source(1);
  const Destination p = b.open(0, true);
  const Reg before = b.temp(), after = b.temp();
  b.mov(before, from(p.value), w < 4 ? 8 : w);
  b.alu(Op::Sub, w, kSink, kRax, from(before), FlagRule::Sub);
  b.mov(after, s, w < 4 ? 8 : w);
  b.select(Cond::E, kept, p.value, after, p.value);
  b.close(p);
  b.select(Cond::E, kept, kRax, kRax, before);
}

// The same on memory, as short as it goes: LOCK CMPXCHG is in every mutex.
void cmpxchg_memory(Builder& b) {
  const unsigned w = b.width(0);
  const Source s = b.source(1);
  const Destination p = b.open(0, true);
  const Reg after = b.temp();
  b.alu(Op::Sub, w, kSink, kRax, from(p.value), FlagRule::Sub);
  b.select(Cond::E, 8, after, s.reg, p.value);
  b.store(p.mem, from(after), w);
  b.select(Cond::E, w < 4 ? w : 8, kRax, kRax, p.value);
}

void lift_cmpxchg(Builder& b) { b.is_mem(0) ? cmpxchg_memory(b) : cmpxchg(b); }

// ZF = (x == 0), the other flags kept; x in a register.
Reg flags_with_zf(Builder& b, Reg x) {
  const Reg image = b.temp(), zf = b.temp();
  b.emit(Op::ReadFlags, 8).dst = image;
  b.alu(Op::Sub, 8, kSink, x, constant(0), FlagRule::Sub);
  Uop& set = b.emit(Op::Set, 1);
  set.cond = Cond::E, set.dst = zf;
  b.insert(image, zf, 6, 1);
  return image;
}

// CMPXCHG8B, CMPXCHG16B: RDX:RAX against memory, RCX:RBX into it.
void cmpxchg_pair(Builder& b) {
  const unsigned w = b.width(0) / 2;
  const Mem low = b.mem(0);
  Mem high = low;
  high.disp += w;
  if (w == 8) {  // misaligned: #GP before any #PF
    Uop& check = b.emit(Op::LoadV, 16);
    check.dst = b.vtemp(), check.mem = low, check.aligned = true;
  }
  const Reg t0 = b.temp(), t1 = b.temp(), d0 = b.temp(), d1 = b.temp();
  Uop& load0 = b.emit(Op::LoadRmw, w);
  load0.dst = t0, load0.mem = low;
  Uop& load1 = b.emit(Op::LoadRmw, w);
  load1.dst = t1, load1.mem = high;
  b.alu(Op::Xor, w, d0, t0, from(kRax));
  b.alu(Op::Xor, w, d1, t1, from(kRdx));
  b.alu(Op::Or, 8, d0, d0, from(d1));
  const Reg image = flags_with_zf(b, d0);
  b.select(Cond::E, 8, d0, kRbx, t0);
  b.select(Cond::E, 8, d1, kRcx, t1);
  b.store(low, from(d0), w);
  b.store(high, from(d1), w);
  b.select(Cond::E, 8, kRax, kRax, t0);
  b.select(Cond::E, 8, kRdx, kRdx, t1);
  b.emit(Op::WriteFlags, 8).b = image;
}

// ---- multiplication and division

// AX = AL * b (width 1)
template <bool is_signed>
Fault mul8(CpuState& s, const Uop& u) {
  const uint8_t a = static_cast<uint8_t>(s.r[kRax]), x = static_cast<uint8_t>(s.r[u.b]);
  const uint16_t product =
      is_signed ? static_cast<uint16_t>(static_cast<int8_t>(a) * static_cast<int8_t>(x)) : static_cast<uint16_t>(a * x);
  const uint8_t low = static_cast<uint8_t>(product), high = static_cast<uint8_t>(product >> 8);
  const uint8_t plain = is_signed && (low & 0x80) ? 0xff : 0;
  s.r[kRax] = (s.r[kRax] & ~uint64_t{0xffff}) | product;
  s.set_flags((low & 0x80 ? flag::SF : 0) | (__builtin_parity(low) ? 0 : flag::PF) |
              (high != plain ? flag::CF | flag::OF : 0));
  return Fault::None;
}

void mul_wide(Builder& b) {
  const Source s = b.source(0);
  const unsigned w = b.width(0);
  if (w == 1) {
    Uop& u = b.emit(Op::Helper, 1);
    u.helper = b.helper, u.b = s.reg;
    return;
  }
  Uop& u = b.alu(b.row.op, w, kRax, kRax, s, FlagRule::Mul);
  u.dst2 = kRdx;
}

void imul(Builder& b) {
  if (b.in.operand_count_visible == 1) return mul_wide(b);
  const unsigned w = b.width(0);
  if (b.in.operand_count_visible == 2) {
    const Source s = b.source(1);
    b.alu(Op::Mul, w, b.reg(0), b.reg(0), s, FlagRule::Mul);
    return;
  }
  const Source s = b.source(1);
  b.alu(Op::Mul, w, b.reg(0), s.reg, b.source(2, w), FlagRule::Mul);
}

void divide(Builder& b) {
  const Source s = b.source(0);
  const unsigned w = b.width(0);
  const Reg quotient = w == 1 ? b.temp() : kRax, remainder = w == 1 ? b.temp() : kRdx;
  Uop& u = b.alu(b.row.op, w, quotient, kRax, s);
  u.dst2 = remainder, u.c = w == 1 ? kZero : kRdx;
  if (w != 1) return;
  b.mov(kRax, from(quotient), 1);
  b.insert(kRax, remainder, 8, 8);
}

// CBW CWDE CDQE: param = bytes of the result
void widen_rax(Builder& b) {
  const auto w = static_cast<unsigned>(b.row.param);
  b.extract(kRax, kRax, 0, w * 4, w, true);
}

// CWD CDQ CQO
void sign_to_rdx(Builder& b) {
  const auto w = static_cast<unsigned>(b.row.param);
  b.alu(Op::Sar, w, kRdx, kRax, constant(w * 8 - 1));
}

constexpr FlagRule kAdd = FlagRule::Add, kSub = FlagRule::Sub, kLogic = FlagRule::Logic;

// clang-format off
const Row kIntegerRows[] = {
    {ZYDIS_MNEMONIC_ADD, alu2, Op::Add, kAdd},
    {ZYDIS_MNEMONIC_ADC, alu2, Op::Adc, kAdd},
    {ZYDIS_MNEMONIC_SUB, alu2, Op::Sub, kSub},
    {ZYDIS_MNEMONIC_SBB, alu2, Op::Sbb, kSub},
    {ZYDIS_MNEMONIC_AND, alu2, Op::And, kLogic},
    {ZYDIS_MNEMONIC_OR, alu2, Op::Or, kLogic},
    {ZYDIS_MNEMONIC_XOR, alu2, Op::Xor, kLogic},
    {ZYDIS_MNEMONIC_CMP, compare, Op::Sub, kSub},
    {ZYDIS_MNEMONIC_TEST, compare, Op::And, kLogic},
    {ZYDIS_MNEMONIC_INC, unary, Op::Add, FlagRule::Inc, 1},
    {ZYDIS_MNEMONIC_DEC, unary, Op::Sub, FlagRule::Dec, 1},
    {ZYDIS_MNEMONIC_NOT, unary, Op::Xor, kKeep, -1},
    {ZYDIS_MNEMONIC_NEG, neg},

    {ZYDIS_MNEMONIC_MOV, mov},
    {ZYDIS_MNEMONIC_MOVNTI, mov},
    {ZYDIS_MNEMONIC_MOVZX, extend},
    {ZYDIS_MNEMONIC_MOVSX, extend, Op::Nop, kKeep, 1},
    {ZYDIS_MNEMONIC_MOVSXD, extend, Op::Nop, kKeep, 1},
    {ZYDIS_MNEMONIC_LEA, lea},
    {ZYDIS_MNEMONIC_XCHG, xchg},
    {ZYDIS_MNEMONIC_XADD, xadd},
    {ZYDIS_MNEMONIC_CMPXCHG, lift_cmpxchg},
    {ZYDIS_MNEMONIC_CMPXCHG8B, cmpxchg_pair},
    {ZYDIS_MNEMONIC_CMPXCHG16B, cmpxchg_pair},

    {ZYDIS_MNEMONIC_MUL, mul_wide, Op::MulWideU, kKeep, 0, Cond::Always,
     {.name = "mul8", .any = mul8<false>, .reads = 1u << kRax, .writes = 1u << kRax, .writes_flags = true}},
    {ZYDIS_MNEMONIC_IMUL, imul, Op::MulWideS, kKeep, 0, Cond::Always,
     {.name = "imul8", .any = mul8<true>, .reads = 1u << kRax, .writes = 1u << kRax, .writes_flags = true}},
    {ZYDIS_MNEMONIC_DIV, divide, Op::DivWideU},
    {ZYDIS_MNEMONIC_IDIV, divide, Op::DivWideS},
    {ZYDIS_MNEMONIC_CBW, widen_rax, Op::Nop, kKeep, 2},
    {ZYDIS_MNEMONIC_CWDE, widen_rax, Op::Nop, kKeep, 4},
    {ZYDIS_MNEMONIC_CDQE, widen_rax, Op::Nop, kKeep, 8},
    {ZYDIS_MNEMONIC_CWD, sign_to_rdx, Op::Nop, kKeep, 2},
    {ZYDIS_MNEMONIC_CDQ, sign_to_rdx, Op::Nop, kKeep, 4},
    {ZYDIS_MNEMONIC_CQO, sign_to_rdx, Op::Nop, kKeep, 8},

    {ZYDIS_MNEMONIC_NOP, nop},
    {ZYDIS_MNEMONIC_PAUSE, nop},  // with REX.B too, as on Intel's processors (AMD's exchange R8 and RAX)

    {ZYDIS_MNEMONIC_CMOVO, cmov, Op::Nop, kKeep, 0, Cond::O},
    {ZYDIS_MNEMONIC_CMOVNO, cmov, Op::Nop, kKeep, 0, Cond::NO},
    {ZYDIS_MNEMONIC_CMOVB, cmov, Op::Nop, kKeep, 0, Cond::B},
    {ZYDIS_MNEMONIC_CMOVNB, cmov, Op::Nop, kKeep, 0, Cond::AE},
    {ZYDIS_MNEMONIC_CMOVZ, cmov, Op::Nop, kKeep, 0, Cond::E},
    {ZYDIS_MNEMONIC_CMOVNZ, cmov, Op::Nop, kKeep, 0, Cond::NE},
    {ZYDIS_MNEMONIC_CMOVBE, cmov, Op::Nop, kKeep, 0, Cond::BE},
    {ZYDIS_MNEMONIC_CMOVNBE, cmov, Op::Nop, kKeep, 0, Cond::A},
    {ZYDIS_MNEMONIC_CMOVS, cmov, Op::Nop, kKeep, 0, Cond::S},
    {ZYDIS_MNEMONIC_CMOVNS, cmov, Op::Nop, kKeep, 0, Cond::NS},
    {ZYDIS_MNEMONIC_CMOVP, cmov, Op::Nop, kKeep, 0, Cond::P},
    {ZYDIS_MNEMONIC_CMOVNP, cmov, Op::Nop, kKeep, 0, Cond::NP},
    {ZYDIS_MNEMONIC_CMOVL, cmov, Op::Nop, kKeep, 0, Cond::L},
    {ZYDIS_MNEMONIC_CMOVNL, cmov, Op::Nop, kKeep, 0, Cond::GE},
    {ZYDIS_MNEMONIC_CMOVLE, cmov, Op::Nop, kKeep, 0, Cond::LE},
    {ZYDIS_MNEMONIC_CMOVNLE, cmov, Op::Nop, kKeep, 0, Cond::G},

    {ZYDIS_MNEMONIC_SETO, setcc, Op::Nop, kKeep, 0, Cond::O},
    {ZYDIS_MNEMONIC_SETNO, setcc, Op::Nop, kKeep, 0, Cond::NO},
    {ZYDIS_MNEMONIC_SETB, setcc, Op::Nop, kKeep, 0, Cond::B},
    {ZYDIS_MNEMONIC_SETNB, setcc, Op::Nop, kKeep, 0, Cond::AE},
    {ZYDIS_MNEMONIC_SETZ, setcc, Op::Nop, kKeep, 0, Cond::E},
    {ZYDIS_MNEMONIC_SETNZ, setcc, Op::Nop, kKeep, 0, Cond::NE},
    {ZYDIS_MNEMONIC_SETBE, setcc, Op::Nop, kKeep, 0, Cond::BE},
    {ZYDIS_MNEMONIC_SETNBE, setcc, Op::Nop, kKeep, 0, Cond::A},
    {ZYDIS_MNEMONIC_SETS, setcc, Op::Nop, kKeep, 0, Cond::S},
    {ZYDIS_MNEMONIC_SETNS, setcc, Op::Nop, kKeep, 0, Cond::NS},
    {ZYDIS_MNEMONIC_SETP, setcc, Op::Nop, kKeep, 0, Cond::P},
    {ZYDIS_MNEMONIC_SETNP, setcc, Op::Nop, kKeep, 0, Cond::NP},
    {ZYDIS_MNEMONIC_SETL, setcc, Op::Nop, kKeep, 0, Cond::L},
    {ZYDIS_MNEMONIC_SETNL, setcc, Op::Nop, kKeep, 0, Cond::GE},
    {ZYDIS_MNEMONIC_SETLE, setcc, Op::Nop, kKeep, 0, Cond::LE},
    {ZYDIS_MNEMONIC_SETNLE, setcc, Op::Nop, kKeep, 0, Cond::G},
};
// clang-format on

}  // namespace

std::span<const Row> integer_rows() { return kIntegerRows; }

}  // namespace deferscope::isa::x86_64
