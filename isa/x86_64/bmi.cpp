// Level v3 in general registers: BMI1, BMI2, LZCNT, MOVBE.
#include <bit>

#include "isa/x86_64/rows.h"

namespace deferscope::isa::x86_64 {
namespace {

// op0 = OP of op1: LZCNT, TZCNT, BLSI, BLSMSK, BLSR
void of_one(Builder& b) {
  const Source s = b.source(1);
  b.alu(b.row.op, b.width(0), b.reg(0), kZero, s, b.row.flags);
}

// op0 = op2 & ~op1
void andn(Builder& b) {
  const Source s = b.source(2);
  const Reg t = b.temp();
  b.mov(t, from(b.reg(1)), 8);
  b.alu(Op::Bic, b.width(0), b.reg(0), s.reg, from(t), FlagRule::Logic);
}

// SARX, SHLX, SHRX: op0 = op1 shifted by op2; RORX: by an immediate. No flags.
void shift(Builder& b) {
  const Source s = b.source(1);
  const Source by = b.is_imm(2) ? constant(b.imm(2) & 0xff) : from(b.reg(2));
  b.alu(b.row.op, b.width(0), b.reg(0), s.reg, by);
}

// MULX: op0:op1 = RDX * op2; if both are one register it holds the high half.
void mulx(Builder& b) {
  const Source s = b.source(2);
  b.alu(Op::MulWideU, b.width(0), b.reg(1), kRdx, s).dst2 = b.reg(0);
}

void movbe(Builder& b) {
  const unsigned w = b.width(0);
  const Reg t = b.temp();
  if (b.is_mem(1)) {
    b.load(t, b.mem(1), w);
    b.alu(Op::Bswap, w, b.reg(0), kZero, from(t));
  } else {
    const Mem m = b.mem(0);
    b.alu(Op::Bswap, w, t, kZero, from(b.reg(1)));
    b.store(m, from(t), w);
  }
}

// ---- the others: op0 = helper(op1, op2)

void binary(Builder& b) {
  const Source s = b.source(1), by = b.source(2);
  Uop& u = b.alu(Op::Helper, b.width(0), b.reg(0), s.reg, by);
  u.helper = b.helper;
}

// PDEP, PEXT: the mask may be memory
void by_mask(Builder& b) {
  const Source mask = b.source(2);
  Uop& u = b.alu(Op::Helper, b.width(0), b.reg(0), b.reg(1), mask);
  u.helper = b.helper;
}

uint64_t cut(uint64_t x, const Uop& u) { return u.width == 8 ? x : static_cast<uint32_t>(x); }

void put_with_flags(CpuState& s, const Uop& u, uint64_t x, bool carry, uint32_t sign) {
  s.r[u.dst] = x;
  const bool negative = x >> (u.width * 8 - 1) & 1;
  s.set_flags((carry ? flag::CF : 0) | (x == 0 ? flag::ZF : 0) | (negative ? sign : 0));
}

// BEXTR: start in bits 0…7 of b, length in 8…15
Fault bextr(CpuState& s, const Uop& u) {
  const uint64_t start = s.r[u.b] & 0xff, length = s.r[u.b] >> 8 & 0xff;
  uint64_t x = start >= 64 ? 0 : cut(s.r[u.a], u) >> start;
  if (length < 64) x &= (uint64_t{1} << length) - 1;
  put_with_flags(s, u, x, false, 0);
  return Fault::None;
}

// BZHI: a without the bits from b's low byte on
Fault bzhi(CpuState& s, const Uop& u) {
  const uint64_t n = s.r[u.b] & 0xff, bits = u.width * 8u;
  uint64_t x = cut(s.r[u.a], u);
  if (n < bits) x &= (uint64_t{1} << n) - 1;
  put_with_flags(s, u, x, n >= bits, flag::SF);
  return Fault::None;
}

Fault pdep(CpuState& s, const Uop& u) {
  uint64_t x = 0, from = s.r[u.a];
  for (uint64_t left = cut(s.r[u.b], u); left != 0; left &= left - 1, from >>= 1)
    if (from & 1) x |= left & (0 - left);
  s.r[u.dst] = x;
  return Fault::None;
}

Fault pext(CpuState& s, const Uop& u) {
  uint64_t x = 0;
  unsigned to = 0;
  for (uint64_t left = cut(s.r[u.b], u); left != 0; left &= left - 1)
    x |= (s.r[u.a] >> std::countr_zero(left) & 1) << to++;
  s.r[u.dst] = x;
  return Fault::None;
}

constexpr Cond kNone = Cond::Always;

const Row kBmiRows[] = {
    {ZYDIS_MNEMONIC_LZCNT, of_one, Op::Clz, FlagRule::Zeros},
    {ZYDIS_MNEMONIC_TZCNT, of_one, Op::Ctz, FlagRule::Zeros},
    {ZYDIS_MNEMONIC_BLSI, of_one, Op::Blsi, FlagRule::Lowest},
    {ZYDIS_MNEMONIC_BLSMSK, of_one, Op::Blsmsk, FlagRule::Lowest},
    {ZYDIS_MNEMONIC_BLSR, of_one, Op::Blsr, FlagRule::Lowest},
    {ZYDIS_MNEMONIC_ANDN, andn},
    {ZYDIS_MNEMONIC_SARX, shift, Op::Sar},
    {ZYDIS_MNEMONIC_SHLX, shift, Op::Shl},
    {ZYDIS_MNEMONIC_SHRX, shift, Op::Shr},
    {ZYDIS_MNEMONIC_RORX, shift, Op::Ror},
    {ZYDIS_MNEMONIC_MULX, mulx},
    {ZYDIS_MNEMONIC_MOVBE, movbe},
    {ZYDIS_MNEMONIC_BEXTR, binary, Op::Helper, kKeep, 0, kNone, {.name = "bextr", .any = bextr, .writes_flags = true}},
    {ZYDIS_MNEMONIC_BZHI, binary, Op::Helper, kKeep, 0, kNone, {.name = "bzhi", .any = bzhi, .writes_flags = true}},
    {ZYDIS_MNEMONIC_PDEP, by_mask, Op::Helper, kKeep, 0, kNone, {.name = "pdep", .any = pdep}},
    {ZYDIS_MNEMONIC_PEXT, by_mask, Op::Helper, kKeep, 0, kNone, {.name = "pext", .any = pext}},
};

}  // namespace

std::span<const Row> bmi_rows() { return kBmiRows; }

}  // namespace deferscope::isa::x86_64
