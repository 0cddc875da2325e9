// Shifts, rotates, bit tests and bit scans.
#include "isa/x86_64/rows.h"

namespace deferscope::isa::x86_64 {
namespace {

// op0 shifted by op1 (an immediate or CL)
void shift(Builder& b) {
  const Source by = b.is_imm(1) ? constant(b.imm(1) & 0xff) : from(kRcx);
  const Destination p = b.open(0, true);
  b.alu(b.row.op, p.width, p.value, p.value, by, FlagRule::Shift);
  b.close(p);
}

void double_shift(Builder& b) {
  const Source by = b.is_imm(2) ? constant(b.imm(2) & 0xff) : from(kRcx);
  const Destination p = b.open(0, true);
  b.alu(b.row.op, p.width, p.value, p.value, by, FlagRule::Shift).c = b.reg(1);
  b.close(p);
}

// The memory form with a register counts bits from the operand's address on, in both directions: the element is
// address + (offset >> log2(bits)) * bytes with a signed offset.
Mem bit_element(Builder& b, unsigned w) {
  const Mem m = b.mem(0);
  const Reg where = b.temp(), base = b.temp();
  b.extract(where, b.reg(1), 0, w * 8, 8, true);
  b.alu(Op::Sar, 8, where, where, constant(w == 8 ? 6 : w == 4 ? 5 : 4));
  b.alu(Op::Shl, 8, where, where, constant(w == 8 ? 3 : w == 4 ? 2 : 1));
  Uop& lea = b.emit(Op::Lea, 8);
  lea.dst = base, lea.mem = m, lea.mem.seg = kZero;
  Uop& sum = b.emit(Op::Lea, b.in.address_width / 8u);
  sum.dst = base, sum.mem = Mem{base, where, kZero, 0, 0};
  return Mem{base, kZero, m.seg, 0, 0};
}

// BT BTS BTR BTC; BT only reads.
void bit_test(Builder& b) {
  const unsigned w = b.width(0);
  const bool reads_only = b.row.op == Op::Bt;
  const Source bit = b.is_imm(1) ? constant(b.imm(1) & (w * 8 - 1)) : from(b.reg(1));
  if (!b.is_mem(0)) {
    b.alu(b.row.op, w, reads_only ? kSink : b.reg(0), b.reg(0), bit, FlagRule::Bit);
    return;
  }
  const Mem m = b.is_imm(1) ? b.mem(0) : bit_element(b, w);
  const Reg t = b.temp();
  Uop& load = b.emit(reads_only ? Op::Load : Op::LoadRmw, w);
  load.dst = t, load.mem = m;
  b.alu(b.row.op, w, reads_only ? kSink : t, t, bit, FlagRule::Bit);
  if (!reads_only) b.store(m, from(t), w);
}

void scan(Builder& b) {
  const Source s = b.source(1);
  b.alu(b.row.op, b.width(0), b.reg(0), b.reg(0), s, FlagRule::Bit);
}

void popcnt(Builder& b) {
  const Source s = b.source(1);
  b.alu(Op::Popcnt, b.width(0), b.reg(0), kZero, s, FlagRule::Logic);
}

// A 16-bit BSWAP is undefined; processors give 0.
void bswap(Builder& b) {
  const unsigned w = b.width(0);
  if (w == 2) return b.mov(b.reg(0), constant(0), 2);
  b.alu(Op::Bswap, w, b.reg(0), kZero, from(b.reg(0)));
}

// CRC-32C, bit-reflected 0x1EDC6F41; op1's bytes from the low end on.
Fault crc32(CpuState& s, const Uop& u) {
  auto crc = static_cast<uint32_t>(s.r[u.a]);
  for (unsigned i = 0; i < u.width; ++i) {
    crc ^= static_cast<uint8_t>(s.r[u.b] >> (8 * i));
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ (crc & 1 ? 0x82f63b78u : 0);
  }
  s.r[u.dst] = crc;
  return Fault::None;
}

void lift_crc32(Builder& b) {
  const Source s = b.source(1);
  Uop& u = b.alu(Op::Helper, b.width(1), b.reg(0), b.reg(0), s);
  u.helper = b.helper;
}

const Row kBitRows[] = {
    {ZYDIS_MNEMONIC_SHL, shift, Op::Shl},
    {ZYDIS_MNEMONIC_SHR, shift, Op::Shr},
    {ZYDIS_MNEMONIC_SAR, shift, Op::Sar},
    {ZYDIS_MNEMONIC_ROL, shift, Op::Rol},
    {ZYDIS_MNEMONIC_ROR, shift, Op::Ror},
    {ZYDIS_MNEMONIC_RCL, shift, Op::Rcl},
    {ZYDIS_MNEMONIC_RCR, shift, Op::Rcr},
    {ZYDIS_MNEMONIC_SHLD, double_shift, Op::Shld},
    {ZYDIS_MNEMONIC_SHRD, double_shift, Op::Shrd},
    {ZYDIS_MNEMONIC_BT, bit_test, Op::Bt},
    {ZYDIS_MNEMONIC_BTS, bit_test, Op::Bts},
    {ZYDIS_MNEMONIC_BTR, bit_test, Op::Btr},
    {ZYDIS_MNEMONIC_BTC, bit_test, Op::Btc},
    {ZYDIS_MNEMONIC_BSF, scan, Op::Bsf},
    {ZYDIS_MNEMONIC_BSR, scan, Op::Bsr},
    {ZYDIS_MNEMONIC_POPCNT, popcnt},
    {ZYDIS_MNEMONIC_BSWAP, bswap},
    {ZYDIS_MNEMONIC_CRC32, lift_crc32, Op::Helper, FlagRule::None, 0, Cond::Always, {.name = "crc32", .any = crc32}},
};

}  // namespace

std::span<const Row> bit_rows() { return kBitRows; }

}  // namespace deferscope::isa::x86_64
