// What a lift function writes with: appends micro-ops to one Lifted. Private to isa/arm64.
#pragma once
#include <cstdint>

#include "isa/uop.h"

namespace deferscope::isa::arm64 {

// A field of an instruction word, W bits wide, in the order of the row's letters (isa/arm64/table.h).
template <unsigned W>
struct Bits {
  static constexpr unsigned width = W;
  uint32_t value;
  constexpr operator uint32_t() const { return value; }
  constexpr int64_t sign_extended() const {
    return static_cast<int64_t>(static_cast<uint64_t>(value) << (64 - W)) >> (64 - W);
  }
};
using Bit = Bits<1>;
using B2 = Bits<2>;
using B3 = Bits<3>;
using B4 = Bits<4>;
using B5 = Bits<5>;
using B6 = Bits<6>;

// Register 31 is XZR (reads 0, writes vanish) or SP: the manual says which for each operand.
constexpr Reg src(uint32_t n) { return n == 31 ? kZero : static_cast<Reg>(n); }
constexpr Reg dest(uint32_t n) { return n == 31 ? kSink : static_cast<Reg>(n); }
constexpr Reg sp(uint32_t n) { return static_cast<Reg>(n); }
constexpr VReg vec(uint32_t n) { return static_cast<VReg>(n & 31); }

// The condition field; 14 and 15 are both AL.
constexpr Cond condition(uint32_t c) {
  constexpr Cond kConds[16] = {Cond::E, Cond::NE, Cond::B,      Cond::AE,    Cond::S,  Cond::NS,
                               Cond::O, Cond::NO, Cond::ArmHi,  Cond::ArmLs, Cond::GE, Cond::L,
                               Cond::G, Cond::LE, Cond::Always, Cond::Always};
  return kConds[c];
}

// The nzcv field of CCMP and its kin as bits of isa::flag.
constexpr uint32_t flag_bits(uint32_t nzcv) {
  return (nzcv & 8 ? flag::N : 0) | (nzcv & 4 ? flag::Z : 0) | (nzcv & 2 ? flag::C : 0) | (nzcv & 1 ? flag::V : 0);
}

struct Emit {
  uint64_t pc;
  Lifted& out;

  void undefined() { out.count = 0, out.fault = Fault::Undefined; }

  Uop& op(Op o, unsigned width) {
    Uop& u = out.uops[out.count++];
    u = Uop{};
    u.op = o, u.width = static_cast<uint8_t>(width);
    return u;
  }
  Uop& rrr(Op o, unsigned width, Reg dst, Reg a, Reg b) {
    Uop& u = op(o, width);
    u.dst = dst, u.a = a, u.b = b;
    return u;
  }
  Uop& rri(Op o, unsigned width, Reg dst, Reg a, int64_t imm) {
    Uop& u = op(o, width);
    u.dst = dst, u.a = a, u.b_imm = true, u.imm = imm;
    return u;
  }
  void mov(unsigned width, Reg dst, Reg from) { rrr(Op::Mov, width, dst, kZero, from); }
  void mov_imm(unsigned width, Reg dst, int64_t imm) { rri(Op::Mov, width, dst, kZero, imm); }
  // Ubfx and Sbfx.
  void extract(Op o, unsigned width, Reg dst, Reg a, unsigned lsb, unsigned len) {
    Uop& u = op(o, width);
    u.dst = dst, u.a = a, u.imm = lsb | len << 8;
  }
  void bfi(unsigned width, Reg dst, Reg a, Reg b, unsigned lsb, unsigned len) {
    Uop& u = rrr(Op::Bfi, width, dst, a, b);
    u.imm = lsb | len << 8;
  }
  void lea(unsigned width, Reg dst, Mem mem) {
    Uop& u = op(Op::Lea, width);
    u.dst = dst, u.mem = mem;
  }
  Uop& load(Op o, unsigned width, Reg dst, Mem mem, Ext ext = Ext::Zero) {
    Uop& u = op(o, width);
    u.dst = dst, u.mem = mem, u.ext = ext;
    return u;
  }
  void store(unsigned width, Reg from, Mem mem) {
    Uop& u = op(Op::Store, width);
    u.b = from, u.mem = mem;
  }
  void store_check(unsigned width, Mem mem) { op(Op::StoreCheck, width).mem = mem; }
  void load_v(unsigned width, VReg dst, Mem mem) {
    Uop& u = op(Op::LoadV, width);
    u.dst = dst, u.mem = mem;
  }
  void store_v(unsigned width, VReg from, Mem mem) {
    Uop& u = op(Op::StoreV, width);
    u.a = from, u.mem = mem;
  }
  // v[d] = h(v[a], v[b]), by what the helper is.
  void vec_op(const Helper& h, VReg d, VReg a, VReg b, uint64_t imm) {
    Uop& u = rrr(h.fp ? Op::VecFp : Op::VecOp, 16, d, a, b);
    u.helper = &h, u.imm = static_cast<int64_t>(imm);
  }
  void vec_get(const Helper& h, unsigned width, Reg d, VReg a, uint64_t imm) {
    Uop& u = rrr(Op::VecGet, width, d, a, kZero);
    u.helper = &h, u.imm = static_cast<int64_t>(imm);
  }
  void vec_put(const Helper& h, VReg d, Reg b, uint64_t imm) {
    Uop& u = rrr(Op::VecPut, 8, d, kZero, b);
    u.helper = &h, u.imm = static_cast<int64_t>(imm);
  }
  Uop& call(const Helper& h, unsigned width, Reg d, Reg a, Reg b, uint64_t imm) {
    Uop& u = rrr(Op::Helper, width, d, a, b);
    u.helper = &h, u.imm = static_cast<int64_t>(imm);
    return u;
  }
  void jump(int64_t target, Hint hint = Hint::None) {
    Uop& u = op(Op::Jump, 8);
    u.imm = target, u.hint = hint;
  }
  int64_t relative(int64_t offset) const { return static_cast<int64_t>(pc + static_cast<uint64_t>(offset)); }
};

}  // namespace deferscope::isa::arm64
