// Data processing on registers (C4.1, "Data Processing -- Register").
#include <array>

#include "isa/arm64/lifts.h"

namespace deferscope::isa::arm64 {
namespace {

constexpr Op kShifts[4] = {Op::Shl, Op::Shr, Op::Sar, Op::Ror};

// The shifted-register operand: itself, or a temporary.
Reg shifted(Emit& e, unsigned w, B2 type, B5 m, B6 amount) {
  if (amount == 0 || m == 31) return src(m);
  e.rri(kShifts[type], w, kT0, src(m), amount);
  return kT0;
}

void logical(Emit& e, Op op, FlagRule flags, Bit z, B2 type, B5 m, B6 amount, B5 n, B5 d) {
  if (!z && amount >= 32) return e.undefined();
  const unsigned w = width_of(z);
  const Reg b = shifted(e, w, type, m, amount);
  if (op == Op::Or && n == 31) return e.mov(w, dest(d), b);
  e.rrr(op, w, dest(d), src(n), b).flags = flags;
}

void add_sub(Emit& e, Op op, FlagRule flags, Bit z, B2 type, B5 m, B6 amount, B5 n, B5 d) {
  if (type == 3 || (!z && amount >= 32)) return e.undefined();
  const unsigned w = width_of(z);
  if (op == Op::Add && flags == FlagRule::None && type == 0 && amount > 0 && amount <= 4)
    return e.lea(w, dest(d), Mem{src(n), src(m), kZero, static_cast<uint8_t>(amount.value), 0});
  e.rrr(op, w, dest(d), src(n), shifted(e, w, type, m, amount)).flags = flags;
}

// The extended-register operand without its shift.
Reg extended(Emit& e, unsigned w, B3 option, B5 m) {
  const unsigned bytes = 1u << (option & 3);
  if (bytes >= w) return src(m);
  e.extract(option & 4 ? Op::Sbfx : Op::Ubfx, w, kT0, src(m), 0, bytes * 8);
  return kT0;
}

void add_sub_extended(Emit& e, Op op, FlagRule flags, Bit z, B5 m, B3 option, B3 amount, B5 n, B5 d) {
  if (amount > 4) return e.undefined();
  const unsigned w = width_of(z);
  const Reg to = flags == FlagRule::None ? sp(d) : dest(d);
  Reg b = extended(e, w, option, m);
  if (op == Op::Add && flags == FlagRule::None && amount != 0)
    return e.lea(w, to, Mem{sp(n), b, kZero, static_cast<uint8_t>(amount.value), 0});
  if (amount != 0) {
    e.rri(Op::Shl, w, kT0, b, amount);
    b = kT0;
  }
  e.rrr(op, w, to, sp(n), b).flags = flags;
}

void with_carry(Emit& e, Op op, FlagRule flags, Bit z, B5 m, B5 n, B5 d) {
  e.rrr(op, width_of(z), dest(d), src(n), src(m)).flags = flags;
}

void compare_if(Emit& e, Op op, Bit z, B4 cond, B5 n, B4 nzcv, Reg m, int64_t imm, bool is_imm) {
  Uop& u = e.rrr(op, width_of(z), kSink, src(n), m);
  u.b_imm = is_imm, u.imm = imm, u.cond = condition(cond), u.imm2 = flag_bits(nzcv);
  u.flags = op == Op::Ccmp ? FlagRule::SubArm : FlagRule::AddArm;
}

void select(Emit& e, Op op, Bit z, B5 m, B4 cond, B5 n, B5 d) {
  e.rrr(op, width_of(z), dest(d), src(n), src(m)).cond = condition(cond);
}

void binary(Emit& e, Op op, Bit z, B5 m, B5 n, B5 d) { e.rrr(op, width_of(z), dest(d), src(n), src(m)); }
void unary(Emit& e, Op op, Bit z, B5 n, B5 d) { e.rrr(op, width_of(z), dest(d), kZero, src(n)); }

// MADD and its kin; with XZR as addend it is a plain product.
void multiply_add(Emit& e, Op op, unsigned w, Reg m, B5 a, Reg n, B5 d) {
  if (op == Op::Madd && a == 31) {
    e.rrr(Op::Mul, w, dest(d), n, m);
    return;
  }
  e.rrr(op, w, dest(d), n, m).c = src(a);
}

void multiply_add_long(Emit& e, Op op, Op extend, B5 m, B5 a, B5 n, B5 d) {
  e.extract(extend, 8, kT0, src(n), 0, 32);
  e.extract(extend, 8, kT0 + 1, src(m), 0, 32);
  multiply_add(e, op, 8, kT0 + 1, a, kT0, d);
}

// CRC-32 by bytes, with the polynomial reflected.
constexpr std::array<uint32_t, 256> crc_table(uint32_t polynomial) {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    table[i] = i;
    for (int bit = 0; bit < 8; ++bit) table[i] = table[i] >> 1 ^ (table[i] & 1 ? polynomial : 0);
  }
  return table;
}
template <uint32_t kPolynomial>
uint32_t crc(uint32_t acc, uint64_t x, unsigned bytes) {
  static constexpr auto kTable = crc_table(kPolynomial);
  for (; bytes > 0; --bytes, x >>= 8) acc = acc >> 8 ^ kTable[(acc ^ x) & 255];
  return acc;
}
template <uint32_t kPolynomial>
Fault crc_step(CpuState& s, const Uop& u) {
  const uint32_t x = crc<kPolynomial>(static_cast<uint32_t>(reg(s, u.a)), reg(s, u.b), static_cast<unsigned>(u.imm));
  if (u.dst != kSink) s.r[u.dst] = x;
  return Fault::None;
}
const Helper kCrc32{.name = "crc32", .any = crc_step<0xedb88320>};
const Helper kCrc32c{.name = "crc32c", .any = crc_step<0x82f63b78>};

void crc32(Emit& e, const Helper& h, Bit z, B5 m, B2 size, B5 n, B5 d) {
  if ((size == 3) != (z == 1)) return e.undefined();
  e.call(h, 4, dest(d), src(n), src(m), 1u << size);
}

}  // namespace

void AND_reg(Emit& e, Bit z, B2 t, B5 m, B6 i, B5 n, B5 d) { logical(e, Op::And, FlagRule::None, z, t, m, i, n, d); }
void BIC_reg(Emit& e, Bit z, B2 t, B5 m, B6 i, B5 n, B5 d) { logical(e, Op::Bic, FlagRule::None, z, t, m, i, n, d); }
void ORR_reg(Emit& e, Bit z, B2 t, B5 m, B6 i, B5 n, B5 d) { logical(e, Op::Or, FlagRule::None, z, t, m, i, n, d); }
void ORN_reg(Emit& e, Bit z, B2 t, B5 m, B6 i, B5 n, B5 d) { logical(e, Op::Orn, FlagRule::None, z, t, m, i, n, d); }
void EOR_reg(Emit& e, Bit z, B2 t, B5 m, B6 i, B5 n, B5 d) { logical(e, Op::Xor, FlagRule::None, z, t, m, i, n, d); }
void EON_reg(Emit& e, Bit z, B2 t, B5 m, B6 i, B5 n, B5 d) { logical(e, Op::Eon, FlagRule::None, z, t, m, i, n, d); }
void ANDS_reg(Emit& e, Bit z, B2 t, B5 m, B6 i, B5 n, B5 d) {
  logical(e, Op::And, FlagRule::LogicArm, z, t, m, i, n, d);
}
void BICS_reg(Emit& e, Bit z, B2 t, B5 m, B6 i, B5 n, B5 d) {
  logical(e, Op::Bic, FlagRule::LogicArm, z, t, m, i, n, d);
}

void ADD_reg(Emit& e, Bit z, B2 t, B5 m, B6 i, B5 n, B5 d) { add_sub(e, Op::Add, FlagRule::None, z, t, m, i, n, d); }
void ADDS_reg(Emit& e, Bit z, B2 t, B5 m, B6 i, B5 n, B5 d) { add_sub(e, Op::Add, FlagRule::AddArm, z, t, m, i, n, d); }
void SUB_reg(Emit& e, Bit z, B2 t, B5 m, B6 i, B5 n, B5 d) { add_sub(e, Op::Sub, FlagRule::None, z, t, m, i, n, d); }
void SUBS_reg(Emit& e, Bit z, B2 t, B5 m, B6 i, B5 n, B5 d) { add_sub(e, Op::Sub, FlagRule::SubArm, z, t, m, i, n, d); }

void ADD_ext(Emit& e, Bit z, B5 m, B3 o, B3 i, B5 n, B5 d) {
  add_sub_extended(e, Op::Add, FlagRule::None, z, m, o, i, n, d);
}
void ADDS_ext(Emit& e, Bit z, B5 m, B3 o, B3 i, B5 n, B5 d) {
  add_sub_extended(e, Op::Add, FlagRule::AddArm, z, m, o, i, n, d);
}
void SUB_ext(Emit& e, Bit z, B5 m, B3 o, B3 i, B5 n, B5 d) {
  add_sub_extended(e, Op::Sub, FlagRule::None, z, m, o, i, n, d);
}
void SUBS_ext(Emit& e, Bit z, B5 m, B3 o, B3 i, B5 n, B5 d) {
  add_sub_extended(e, Op::Sub, FlagRule::SubArm, z, m, o, i, n, d);
}

void ADC(Emit& e, Bit z, B5 m, B5 n, B5 d) { with_carry(e, Op::Adc, FlagRule::None, z, m, n, d); }
void ADCS(Emit& e, Bit z, B5 m, B5 n, B5 d) { with_carry(e, Op::Adc, FlagRule::AddArm, z, m, n, d); }
void SBC(Emit& e, Bit z, B5 m, B5 n, B5 d) { with_carry(e, Op::Sbc, FlagRule::None, z, m, n, d); }
void SBCS(Emit& e, Bit z, B5 m, B5 n, B5 d) { with_carry(e, Op::Sbc, FlagRule::SubArm, z, m, n, d); }

void CCMN_reg(Emit& e, Bit z, B5 m, B4 c, B5 n, B4 f) { compare_if(e, Op::Ccmn, z, c, n, f, src(m), 0, false); }
void CCMP_reg(Emit& e, Bit z, B5 m, B4 c, B5 n, B4 f) { compare_if(e, Op::Ccmp, z, c, n, f, src(m), 0, false); }
void CCMN_imm(Emit& e, Bit z, B5 i, B4 c, B5 n, B4 f) { compare_if(e, Op::Ccmn, z, c, n, f, kZero, i, true); }
void CCMP_imm(Emit& e, Bit z, B5 i, B4 c, B5 n, B4 f) { compare_if(e, Op::Ccmp, z, c, n, f, kZero, i, true); }

void CSEL(Emit& e, Bit z, B5 m, B4 c, B5 n, B5 d) { select(e, Op::Select, z, m, c, n, d); }
void CSINC(Emit& e, Bit z, B5 m, B4 c, B5 n, B5 d) { select(e, Op::Csinc, z, m, c, n, d); }
void CSINV(Emit& e, Bit z, B5 m, B4 c, B5 n, B5 d) { select(e, Op::Csinv, z, m, c, n, d); }
void CSNEG(Emit& e, Bit z, B5 m, B4 c, B5 n, B5 d) { select(e, Op::Csneg, z, m, c, n, d); }

void RBIT(Emit& e, Bit z, B5 n, B5 d) { unary(e, Op::Rbit, z, n, d); }
void REV16(Emit& e, Bit z, B5 n, B5 d) { unary(e, Op::Rev16, z, n, d); }
void REV_32(Emit& e, B5 n, B5 d) { e.rrr(Op::Bswap, 4, dest(d), kZero, src(n)); }
void REV32(Emit& e, B5 n, B5 d) { e.rrr(Op::Rev32, 8, dest(d), kZero, src(n)); }
void REV_64(Emit& e, B5 n, B5 d) { e.rrr(Op::Bswap, 8, dest(d), kZero, src(n)); }
void CLZ(Emit& e, Bit z, B5 n, B5 d) { unary(e, Op::Clz, z, n, d); }
void CLS(Emit& e, Bit z, B5 n, B5 d) { unary(e, Op::Cls, z, n, d); }

void UDIV(Emit& e, Bit z, B5 m, B5 n, B5 d) { binary(e, Op::DivU, z, m, n, d); }
void SDIV(Emit& e, Bit z, B5 m, B5 n, B5 d) { binary(e, Op::DivS, z, m, n, d); }
void LSLV(Emit& e, Bit z, B5 m, B5 n, B5 d) { binary(e, Op::Shl, z, m, n, d); }
void LSRV(Emit& e, Bit z, B5 m, B5 n, B5 d) { binary(e, Op::Shr, z, m, n, d); }
void ASRV(Emit& e, Bit z, B5 m, B5 n, B5 d) { binary(e, Op::Sar, z, m, n, d); }
void RORV(Emit& e, Bit z, B5 m, B5 n, B5 d) { binary(e, Op::Ror, z, m, n, d); }
void CRC32(Emit& e, Bit z, B5 m, B2 s, B5 n, B5 d) { crc32(e, kCrc32, z, m, s, n, d); }
void CRC32C(Emit& e, Bit z, B5 m, B2 s, B5 n, B5 d) { crc32(e, kCrc32c, z, m, s, n, d); }

void MADD(Emit& e, Bit z, B5 m, B5 a, B5 n, B5 d) { multiply_add(e, Op::Madd, width_of(z), src(m), a, src(n), d); }
void MSUB(Emit& e, Bit z, B5 m, B5 a, B5 n, B5 d) { multiply_add(e, Op::Msub, width_of(z), src(m), a, src(n), d); }
void SMADDL(Emit& e, B5 m, B5 a, B5 n, B5 d) { multiply_add_long(e, Op::Madd, Op::Sbfx, m, a, n, d); }
void SMSUBL(Emit& e, B5 m, B5 a, B5 n, B5 d) { multiply_add_long(e, Op::Msub, Op::Sbfx, m, a, n, d); }
void UMADDL(Emit& e, B5 m, B5 a, B5 n, B5 d) { multiply_add_long(e, Op::Madd, Op::Ubfx, m, a, n, d); }
void UMSUBL(Emit& e, B5 m, B5 a, B5 n, B5 d) { multiply_add_long(e, Op::Msub, Op::Ubfx, m, a, n, d); }
void SMULH(Emit& e, B5 m, B5 n, B5 d) { e.rrr(Op::MulHiS, 8, dest(d), src(n), src(m)); }
void UMULH(Emit& e, B5 m, B5 n, B5 d) { e.rrr(Op::MulHiU, 8, dest(d), src(n), src(m)); }

}  // namespace deferscope::isa::arm64
