// Data processing with an immediate (C4.1, "Data Processing -- Immediate").
#include "isa/arm64/lifts.h"

namespace deferscope::isa::arm64 {
namespace {

// ADD, SUB: SP on both sides. ADDS, SUBS: SP as source, XZR as destination.
void add_sub(Emit& e, Op op, FlagRule flags, Bit z, Bit sh, Bits<12> imm12, Reg n, Reg d) {
  const int64_t imm = static_cast<int64_t>(imm12) << (sh ? 12 : 0);
  if (imm == 0 && flags == FlagRule::None) return e.mov(width_of(z), d, n);
  e.rri(op, width_of(z), d, n, imm).flags = flags;
}

void logical(Emit& e, Op op, FlagRule flags, Bit z, Bit N, B6 immr, B6 imms, B5 n, Reg d) {
  uint64_t imm = 0;
  if (!bit_mask(z, N, imms, immr, imm)) return e.undefined();
  if (op == Op::Or && n == 31) return e.mov_imm(width_of(z), d, static_cast<int64_t>(imm));
  e.rri(op, width_of(z), d, src(n), static_cast<int64_t>(imm)).flags = flags;
}

bool bitfield_ok(Bit z, Bit N, B6 immr, B6 imms) { return N == z && (z || (immr < 32 && imms < 32)); }

}  // namespace

// DecodeBitMasks for logical immediates: a run of ones, rotated, repeated to 64 bits.
bool bit_mask(uint32_t z, uint32_t N, uint32_t imms, uint32_t immr, uint64_t& mask) {
  if (!z && N) return false;
  const uint32_t sizes = N << 6 | (~imms & 63);
  if (sizes < 2) return false;
  unsigned len = 6;
  while (!(sizes >> len & 1)) --len;
  const unsigned size = 1u << len, levels = size - 1;
  const unsigned ones = (imms & levels) + 1, rotate = immr & levels;
  if (ones == size) return false;
  const uint64_t element = (uint64_t{1} << ones) - 1;
  uint64_t x = rotate == 0 ? element : element >> rotate | element << (size - rotate);
  if (size < 64) x &= (uint64_t{1} << size) - 1;
  for (unsigned s = size; s < 64; s *= 2) x |= x << s;
  mask = z ? x : static_cast<uint32_t>(x);
  return true;
}

void ADR(Emit& e, B2 lo, Bits<19> hi, B5 d) { e.mov_imm(8, dest(d), e.relative(hi.sign_extended() * 4 + lo)); }
void ADRP(Emit& e, B2 lo, Bits<19> hi, B5 d) {
  const uint64_t page = (e.pc & ~uint64_t{4095}) + static_cast<uint64_t>((hi.sign_extended() * 4 + lo) * 4096);
  e.mov_imm(8, dest(d), static_cast<int64_t>(page));
}

void ADD_imm(Emit& e, Bit z, Bit sh, Bits<12> i, B5 n, B5 d) {
  add_sub(e, Op::Add, FlagRule::None, z, sh, i, sp(n), sp(d));
}
void ADDS_imm(Emit& e, Bit z, Bit sh, Bits<12> i, B5 n, B5 d) {
  add_sub(e, Op::Add, FlagRule::AddArm, z, sh, i, sp(n), dest(d));
}
void SUB_imm(Emit& e, Bit z, Bit sh, Bits<12> i, B5 n, B5 d) {
  add_sub(e, Op::Sub, FlagRule::None, z, sh, i, sp(n), sp(d));
}
void SUBS_imm(Emit& e, Bit z, Bit sh, Bits<12> i, B5 n, B5 d) {
  add_sub(e, Op::Sub, FlagRule::SubArm, z, sh, i, sp(n), dest(d));
}

void AND_imm(Emit& e, Bit z, Bit N, B6 r, B6 s, B5 n, B5 d) {
  logical(e, Op::And, FlagRule::None, z, N, r, s, n, sp(d));
}
void ORR_imm(Emit& e, Bit z, Bit N, B6 r, B6 s, B5 n, B5 d) {
  logical(e, Op::Or, FlagRule::None, z, N, r, s, n, sp(d));
}
void EOR_imm(Emit& e, Bit z, Bit N, B6 r, B6 s, B5 n, B5 d) {
  logical(e, Op::Xor, FlagRule::None, z, N, r, s, n, sp(d));
}
void ANDS_imm(Emit& e, Bit z, Bit N, B6 r, B6 s, B5 n, B5 d) {
  logical(e, Op::And, FlagRule::LogicArm, z, N, r, s, n, dest(d));
}

void MOVN(Emit& e, Bit z, B2 hw, Bits<16> i, B5 d) {
  if (!z && hw > 1) return e.undefined();
  const uint64_t x = ~(uint64_t{i} << (16 * hw));
  e.mov_imm(z ? 8 : 4, dest(d), static_cast<int64_t>(z ? x : static_cast<uint32_t>(x)));
}
void MOVZ(Emit& e, Bit z, B2 hw, Bits<16> i, B5 d) {
  if (!z && hw > 1) return e.undefined();
  e.mov_imm(z ? 8 : 4, dest(d), static_cast<int64_t>(uint64_t{i} << (16 * hw)));
}
void MOVK(Emit& e, Bit z, B2 hw, Bits<16> i, B5 d) {
  if (!z && hw > 1) return e.undefined();
  e.mov_imm(8, kT0, i);
  e.bfi(z ? 8 : 4, dest(d), src(d), kT0, 16 * hw, 16);
}

// SBFM, UBFM: extract [immr, imms] or, if imms < immr, insert into zeros (or signs) at the top.
void SBFM(Emit& e, Bit z, Bit N, B6 immr, B6 imms, B5 n, B5 d) {
  if (!bitfield_ok(z, N, immr, imms)) return e.undefined();
  const unsigned w = width_of(z), size = w * 8;
  if (imms == size - 1) {
    e.rri(Op::Sar, w, dest(d), src(n), immr);
  } else if (imms >= immr) {
    e.extract(Op::Sbfx, w, dest(d), src(n), immr, imms - immr + 1);
  } else {
    e.extract(Op::Sbfx, w, kT0, src(n), 0, imms + 1);
    e.rri(Op::Shl, w, dest(d), kT0, size - immr);
  }
}
void UBFM(Emit& e, Bit z, Bit N, B6 immr, B6 imms, B5 n, B5 d) {
  if (!bitfield_ok(z, N, immr, imms)) return e.undefined();
  const unsigned w = width_of(z), size = w * 8;
  if (imms == size - 1) {
    e.rri(Op::Shr, w, dest(d), src(n), immr);
  } else if (imms + 1 == immr) {
    e.rri(Op::Shl, w, dest(d), src(n), size - immr);
  } else if (imms >= immr) {
    e.extract(Op::Ubfx, w, dest(d), src(n), immr, imms - immr + 1);
  } else {
    e.extract(Op::Ubfx, w, kT0, src(n), 0, imms + 1);
    e.rri(Op::Shl, w, dest(d), kT0, size - immr);
  }
}
void BFM(Emit& e, Bit z, Bit N, B6 immr, B6 imms, B5 n, B5 d) {
  if (!bitfield_ok(z, N, immr, imms)) return e.undefined();
  const unsigned w = width_of(z), size = w * 8;
  if (imms < immr) return e.bfi(w, dest(d), src(d), src(n), size - immr, imms + 1);
  const unsigned len = imms - immr + 1;
  if (immr == 0) return e.bfi(w, dest(d), src(d), src(n), 0, len);
  e.extract(Op::Ubfx, w, kT0, src(n), immr, len);
  e.bfi(w, dest(d), src(d), kT0, 0, len);
}

void EXTR(Emit& e, Bit z, Bit N, B5 m, B6 lsb, B5 n, B5 d) {
  if (N != z || (!z && lsb >= 32)) return e.undefined();
  const unsigned w = width_of(z);
  if (lsb == 0) return e.mov(w, dest(d), src(m));
  if (n == m) {
    e.rri(Op::Ror, w, dest(d), src(n), lsb);
    return;
  }
  e.rri(Op::Shrd, w, dest(d), src(m), lsb).c = src(n);
}

}  // namespace deferscope::isa::arm64
