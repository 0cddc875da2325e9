// Moves, arithmetic, shifts, products, bits.
#include "emu/engine/host/compiler.h"

namespace deferscope::emu::host {

using isa::FlagKind;
using isa::FlagRule;
using isa::Op;
using isa::Reg;
using isa::Uop;

namespace {

// What an op with this rule leaves; nullopt: not from two operands or a result alone.
std::optional<FlagKind> kind_of(FlagRule r) {
  switch (r) {
    case FlagRule::Add: return FlagKind::Add;
    case FlagRule::Sub: return FlagKind::Sub;
    case FlagRule::Logic: return FlagKind::Logic;
    case FlagRule::AddArm: return FlagKind::AddArm;
    case FlagRule::SubArm: return FlagKind::SubArm;
    case FlagRule::LogicArm: return FlagKind::LogicArm;
    default: return std::nullopt;
  }
}

}  // namespace

// f(register of that width) or f(address); rcx may be taken.
template <class F>
void Compiler::with_reg(Reg r, unsigned width, F f) {
  if (r == isa::kZero) {
    mov(ecx, 0);
    f(sized(rcx, width));
  } else if (pinned(r)) {
    f(sized(host(r), width));
  } else {
    f(Address(static_cast<uint32_t>(width * 8), false, memory(r).getRegExp()));
  }
}

template <class F>
void Compiler::with_rhs(const Uop& u, unsigned width, F f) {
  if (!u.b_imm) return with_reg(u.b, width, f);
  constant(rcx, static_cast<uint64_t>(u.imm));
  f(sized(rcx, width));
}

void Compiler::binary(Op op, const Xbyak::Operand& to, const Xbyak::Operand& from) {
  switch (op) {
    case Op::Add: add(to, from); break;
    case Op::Sub: sub(to, from); break;
    case Op::And:
    case Op::Bic: and_(to, from); break;
    case Op::Or:
    case Op::Orn: or_(to, from); break;
    default: xor_(to, from); break;
  }
}

void Compiler::binary(Op op, const Xbyak::Operand& to, int32_t imm) {
  const auto value = static_cast<uint32_t>(imm);
  switch (op) {
    case Op::Add: add(to, value); break;
    case Op::Sub: sub(to, value); break;
    case Op::And: and_(to, value); break;
    case Op::Or: or_(to, value); break;
    default: xor_(to, value); break;
  }
}

bool Compiler::moves(const Uop& u) {
  if (u.op != Op::Mov) return false;
  if (u.dst == isa::kSink) return true;
  written(u.dst);
  if (!u.b_imm) {
    if (pinned(u.dst) && u.width == 8)
      copy(host(u.dst), u.b);
    else
      put(u.dst, in(u.b, rcx), u.width);
    return true;
  }
  const uint64_t value = u.width == 4 ? static_cast<uint32_t>(u.imm) : static_cast<uint64_t>(u.imm);
  if (u.width >= 4 && pinned(u.dst)) {
    constant(host(u.dst), value);
  } else if (u.width >= 4) {
    mov_imm(memory(u.dst), value);
  } else {
    constant(rcx, value);
    put(u.dst, rcx, u.width);
  }
  return true;
}

bool Compiler::arithmetic(const Uop& u) {
  const bool sum = u.op == Op::Add || u.op == Op::Sub, inverts = u.op == Op::Bic || u.op == Op::Orn || u.op == Op::Eon;
  if (!sum && !inverts && u.op != Op::And && u.op != Op::Or && u.op != Op::Xor) return false;
  const auto kind = kind_of(u.flags);
  if (u.flags != FlagRule::None && !kind) return false;
  if (kind && sum) keep_operands(u, *kind);
  if (u.dst == isa::kSink && (sum || !kind)) {
    if (kind && u.op == Op::Sub)
      known_.fresh = true, known_.a = u.a, known_.b = u.b, known_.b_imm = u.b_imm,
      known_.imm = u.width < 8 ? narrowed(u.imm, u.width) : u.imm;
    return true;
  }
  const bool simple = u.width >= 4 && u.dst != isa::kSink && pinned(u.dst);
  const bool plain = simple && !kind && u.op == Op::Add && u.a != u.dst && pinned(u.a);
  if (plain && u.b_imm && fits(u.imm)) {
    lea(sized(host(u.dst), u.width), ptr[host(u.a) + static_cast<int>(u.imm)]);
    return written(u.dst), true;
  }
  if (plain && !u.b_imm && pinned(u.b)) {
    lea(sized(host(u.dst), u.width), ptr[host(u.a) + host(u.b)]);
    return written(u.dst), true;
  }
  const bool in_place = simple && (u.a == u.dst || u.b_imm || u.b != u.dst);
  const Reg64 to = in_place ? host(u.dst) : rax;
  if (!in_place || u.a != u.dst) copy(to, u.a);
  const Xbyak::Reg narrow = sized(to, u.width);
  if (inverts) {
    if (u.b_imm) {
      constant(rcx, ~static_cast<uint64_t>(u.imm));
    } else {
      copy(rcx, u.b);
      not_(rcx);
    }
    binary(u.op, narrow, sized(rcx, u.width));
  } else if (u.b_imm && (u.width <= 4 || fits(u.imm))) {
    binary(u.op, narrow, narrowed(u.imm, u.width));
  } else {
    with_rhs(u, u.width, [&](const auto& from) { binary(u.op, narrow, from); });
  }
  if (kind && !sum) keep_result(to, *kind, u.width);
  const bool conjunction = kind && u.op == Op::And;
  if (u.dst == isa::kSink) {
    if (conjunction)
      known_.fresh = known_.test = true, known_.a = u.a, known_.b = u.b, known_.b_imm = u.b_imm,
      known_.imm = u.width < 8 ? narrowed(u.imm, u.width) : u.imm;
    return true;
  }
  written(u.dst);
  if (!in_place) put(u.dst, to, u.width);
  return true;
}

// INC, DEC: CF stays.
bool Compiler::steps(const Uop& u) {
  if ((u.flags != FlagRule::Inc && u.flags != FlagRule::Dec) || u.width < 4) return false;
  carry_to_cf(false);
  mov(ecx, 0);
  adc(ecx, 0);
  mov(ptr[rbp + kLazyB], rcx);
  const bool in_place = pinned(u.dst) && u.dst == u.a;
  const Reg64 to = in_place ? host(u.dst) : rax;
  if (!in_place) copy(to, u.a);
  if (u.flags == FlagRule::Inc)
    inc(sized(to, u.width));
  else
    dec(sized(to, u.width));
  keep_result(to, u.flags == FlagRule::Inc ? FlagKind::Inc : FlagKind::Dec, u.width);
  if (!in_place) put(u.dst, to, u.width);
  return true;
}

bool Compiler::with_carry(const Uop& u) {
  if ((u.op != Op::Adc && u.op != Op::Sbb && u.op != Op::Sbc) || u.width < 4) return false;
  const bool arm_flags = u.flags == FlagRule::AddArm || u.flags == FlagRule::SubArm;
  if (u.flags != FlagRule::None && !arm_flags && u.flags != FlagRule::Add && u.flags != FlagRule::Sub) return false;
  carry_to_cf(u.op == Op::Sbc);
  copy(rax, u.a);
  const Xbyak::Reg to = sized(rax, u.width);
  with_rhs(u, u.width, [&](const auto& from) { u.op == Op::Adc ? adc(to, from) : sbb(to, from); });
  if (u.flags != FlagRule::None) {
    using namespace isa::flag;
    pushfq();
    pop(rcx);
    and_(ecx, arm_flags ? N | Z | C | V : kArith);
    if (u.flags == FlagRule::SubArm) xor_(ecx, C);
    keep_result(rcx, FlagKind::Explicit, 8);
  }
  written(u.dst);
  put(u.dst, rax, u.width);
  return true;
}

constexpr FlagKind shift_kind(isa::Op op) {
  return op == Op::Shl ? FlagKind::Shl : op == Op::Shr ? FlagKind::Shr : FlagKind::Sar;
}

// By a register: a count of 0 leaves the flags.
void Compiler::keep_shift(const Uop& u) {
  Label none;
  copy(rcx, u.b);
  and_(ecx, u.width == 8 ? 63 : 31);
  jz(none);
  mov(ptr[rbp + kLazyB], rcx);
  mov(ptr[rbp + kLazyA], in(u.a, rcx));
  known_ = {};
  note_flags(shift_kind(u.op), u.width);
  known_ = {}, guess_ = {};
  L(none);
}

bool Compiler::shifts(const Uop& u) {
  if (u.op != Op::Shl && u.op != Op::Shr && u.op != Op::Sar && u.op != Op::Ror && u.op != Op::Rol) return false;
  if (u.width < 4) return false;
  const bool rotates = u.op == Op::Ror || u.op == Op::Rol;
  const bool flags = u.flags != FlagRule::None;
  const unsigned count = static_cast<unsigned>(u.imm) & (u.width == 8 ? 63 : 31);
  if (flags && (rotates || u.flags != FlagRule::Shift)) return false;
  if (!u.b_imm) {
    if (flags) keep_shift(u);
    const Reg64 to = pinned(u.dst) && u.dst != isa::kSink ? host(u.dst) : rax;
    if (has_bmi2_ && !rotates) {
      const Reg64 by = in(u.b, rcx), from = in(u.a, rax);
      const auto r = [&](const Reg64& x) { return u.width == 8 ? Xbyak::Reg32e(x) : Xbyak::Reg32e(x.cvt32()); };
      if (u.op == Op::Shl) shlx(r(to), r(from), r(by));
      if (u.op == Op::Shr) shrx(r(to), r(from), r(by));
      if (u.op == Op::Sar) sarx(r(to), r(from), r(by));
      written(u.dst);
      if (to.getIdx() == rax.getIdx()) put(u.dst, rax, u.width);
      return true;
    }
    copy(rax, u.a);
    copy(rcx, u.b);
    const Xbyak::Reg x = sized(rax, u.width);
    if (u.op == Op::Shl) shl(x, cl);
    if (u.op == Op::Shr) shr(x, cl);
    if (u.op == Op::Sar) sar(x, cl);
    if (u.op == Op::Ror) ror(x, cl);
    if (u.op == Op::Rol) rol(x, cl);
    written(u.dst);
    put(u.dst, rax, u.width);
    return true;
  }
  if (flags && count != 0) {
    mov(ptr[rbp + kLazyA], in(u.a, rcx));
    mov_imm(qword[rbp + kLazyB], count);
    note_flags(shift_kind(u.op), u.width);
    known_.count = static_cast<uint8_t>(count);
  }
  const bool in_place = u.dst != isa::kSink && pinned(u.dst);
  const Reg64 to = in_place ? host(u.dst) : rax;
  if (!in_place || u.a != u.dst) copy(to, u.a);
  const Xbyak::Reg x = sized(to, u.width);
  const auto n = static_cast<int>(count);
  if (n != 0) {
    if (u.op == Op::Shl) shl(x, n);
    if (u.op == Op::Shr) shr(x, n);
    if (u.op == Op::Sar) sar(x, n);
    if (u.op == Op::Ror) ror(x, n);
    if (u.op == Op::Rol) rol(x, n);
  } else if (u.width == 4) {
    mov(x, x);
  }
  written(u.dst);
  if (!in_place) put(u.dst, to, u.width);
  return true;
}

bool Compiler::double_shifts(const Uop& u) {
  if ((u.op != Op::Shld && u.op != Op::Shrd) || u.width < 4 || u.flags != FlagRule::None || !u.b_imm) return false;
  copy(rax, u.a);
  const Xbyak::Reg to = sized(rax, u.width), from = sized(in(u.c, rcx), u.width);
  const auto n = static_cast<uint8_t>(u.imm & (u.width == 8 ? 63 : 31));
  if (u.op == Op::Shld)
    shld(to, from, n);
  else
    shrd(to, from, n);
  written(u.dst);
  put(u.dst, rax, u.width);
  return true;
}

bool Compiler::products(const Uop& u) {
  if (u.width < 4) return false;
  const auto done = [&](const Reg64& from) {
    written(u.dst);
    put(u.dst, from, u.width);
    return true;
  };
  switch (u.op) {
    case Op::Mul: {
      if (u.flags != FlagRule::None && u.flags != FlagRule::Mul) return false;
      if (u.flags == FlagRule::Mul) keep_operands(u, FlagKind::MulS);
      const Xbyak::Reg to = sized(rax, u.width);
      if (u.b_imm && fits(u.imm)) {
        with_reg(u.a, u.width, [&](const auto& from) { imul(to, from, static_cast<int>(u.imm)); });
      } else {
        copy(rax, u.a);
        with_rhs(u, u.width, [&](const auto& from) { imul(to, from); });
      }
      return done(rax);
    }
    case Op::MulHiU:
    case Op::MulHiS:
      if (u.b_imm || u.width != 8) return false;
      copy(rax, u.a);
      with_reg(u.b, 8, [&](const auto& by) { u.op == Op::MulHiU ? mul(by) : imul(by); });
      return done(rdx);
    case Op::MulWideU:
    case Op::MulWideS:
      if (u.b_imm || u.width != 8) return false;
      if (u.flags != FlagRule::None) keep_operands(u, u.op == Op::MulWideU ? FlagKind::MulU : FlagKind::MulS);
      copy(rax, u.a);
      with_reg(u.b, 8, [&](const auto& by) { u.op == Op::MulWideU ? mul(by) : imul(by); });
      done(rax);
      written(u.dst2);
      put(u.dst2, rdx, 8);
      return true;
    case Op::Madd:
    case Op::Msub: {
      if (u.b_imm) return false;
      copy(rax, u.a);
      const Xbyak::Reg to = sized(rax, u.width);
      with_reg(u.b, u.width, [&](const auto& by) { imul(to, by); });
      if (u.op == Op::Msub) neg(to);
      with_reg(u.c, u.width, [&](const auto& more) { add(to, more); });
      return done(rax);
    }
    default: return false;
  }
}

bool Compiler::divisions(const Uop& u) {
  if (u.width < 4 || u.b_imm) return false;
  const Xbyak::Reg d = sized(rdx, u.width), b = sized(rcx, u.width);
  const bool is_signed = u.op == Op::DivS || u.op == Op::DivWideS;
  Label special, done;
  const auto extend = [&] {
    if (!is_signed)
      xor_(edx, edx);
    else if (u.width == 8)
      cqo();
    else
      cdq();
  };
  const auto divide = [&] { is_signed ? idiv(b) : div(b); };
  switch (u.op) {
    case Op::DivU:
    case Op::DivS: {  // by 0 is 0, by -1 cannot overflow
      Label minus_one;
      copy(rax, u.a);
      copy(rcx, u.b);
      test(b, b);
      jz(special);
      if (is_signed) {
        cmp(b, -1);
        je(minus_one);
      }
      extend();
      divide();
      L(done);
      written(u.dst);
      put(u.dst, rax, u.width);
      later([=, this]() mutable {
        L(special);
        xor_(eax, eax);
        jmp(done);
        if (!is_signed) return;
        L(minus_one);
        neg(sized(rax, u.width));
        jmp(done);
      });
      return true;
    }
    case Op::DivWideU:
    case Op::DivWideS:  // the common case: the quotient surely fits
      copy(rax, u.a);
      extend();
      with_reg(u.c, u.width, [&](const auto& high) { cmp(d, high); });
      jne(special);
      copy(rcx, u.b);
      if (is_signed) {
        lea(rdx, ptr[rcx + 1]);
        cmp(d, 1);
        jbe(special);
        extend();
      } else {
        test(b, b);
        jz(special);
      }
      divide();
      written(u.dst), written(u.dst2);
      put(u.dst, rax, u.width);
      put(u.dst2, rdx, u.width);
      L(done);
      later([=, this, site = site(), noted = noted_]() mutable {
        L(special);
        constant(rax, reinterpret_cast<size_t>(new (cache_->room<Uop>()) Uop(u)));
        load_site(site, noted);
        call_code(thunks_.evaluate);
        jmp(done);
      });
      return true;
    default: return false;
  }
}

bool Compiler::counts(const Uop& u) {
  if (u.width < 4 || u.b_imm || u.flags != FlagRule::None) return false;
  const Xbyak::Reg to = sized(rax, u.width);
  switch (u.op) {
    case Op::Ctz:  // BSF leaves its destination where there is none
      mov(sized(rcx, u.width), u.width * 8u);
      with_reg(u.b, u.width, [&](const auto& from) { bsf(to, from); });
      cmovz(Xbyak::Reg64(rax), rcx);
      break;
    case Op::Blsi:
      copy(rax, u.b);
      mov(rcx, rax);
      neg(rcx);
      and_(rax, rcx);
      break;
    case Op::Blsmsk:
      copy(rax, u.b);
      lea(rcx, ptr[rax - 1]);
      xor_(rax, rcx);
      break;
    case Op::Blsr:
      copy(rax, u.b);
      lea(rcx, ptr[rax - 1]);
      and_(rax, rcx);
      break;
    case Op::Clz:
      if (!has_lzcnt_) return false;
      with_reg(u.b, u.width, [&](const auto& from) { lzcnt(to, from); });
      break;
    case Op::Popcnt:
      if (!has_popcnt_) return false;
      with_reg(u.b, u.width, [&](const auto& from) { popcnt(to, from); });
      break;
    case Op::Bswap:
      copy(rax, u.b);
      bswap(Xbyak::Reg32e(u.width == 8 ? Xbyak::Reg32e(rax) : Xbyak::Reg32e(eax)));
      break;
    case Op::Rbit: {
      if (u.width != 8) return false;
      copy(rax, u.b);
      bswap(rax);
      const auto swap_bits = [&](uint64_t mask, int n) {
        mov(rdx, mask);
        mov(rcx, rax);
        and_(rcx, rdx);
        shl(rcx, n);
        shr(rax, n);
        and_(rax, rdx);
        or_(rax, rcx);
      };
      swap_bits(0x0f0f0f0f0f0f0f0f, 4);
      swap_bits(0x3333333333333333, 2);
      swap_bits(0x5555555555555555, 1);
      break;
    }
    default: return false;
  }
  written(u.dst);
  put(u.dst, rax, u.width);
  return true;
}

// BSF, BSR: of 0 nothing is written but ZF.
bool Compiler::scans(const Uop& u) {
  if ((u.op != Op::Bsf && u.op != Op::Bsr) || u.width < 4 || u.b_imm || u.flags == FlagRule::None || u.dst != u.a)
    return false;
  Label zero, done;
  const Xbyak::Reg to = sized(rcx, u.width);
  with_reg(u.b, u.width, [&](const auto& from) { u.op == Op::Bsf ? bsf(to, from) : bsr(to, from); });
  jz(zero);
  xor_(eax, eax);
  test(cl, cl);
  setp(al);
  shl(eax, 2);
  written(u.dst);
  put(u.dst, rcx, u.width);
  L(done);
  keep_result(rax, FlagKind::Explicit, 8);
  later([=, this]() mutable {
    L(zero);
    mov(eax, isa::flag::ZF | isa::flag::PF);
    jmp(done);
  });
  return true;
}

bool Compiler::fields(const Uop& u) {
  if ((u.op != Op::Ubfx && u.op != Op::Sbfx && u.op != Op::Bfi) || u.width < 4 || u.b_imm) return false;
  const auto lsb = static_cast<int>(u.imm & 255), len = static_cast<int>(u.imm >> 8 & 255);
  if (len == 0 || lsb + len > 64) return false;
  if (u.op == Op::Bfi) {
    const uint64_t field = len == 64 ? ~uint64_t{0} : (uint64_t{1} << len) - 1;
    copy(rcx, u.b);
    constant(rdx, field << lsb);
    if (lsb) shl(rcx, lsb);
    and_(rcx, rdx);
    not_(rdx);
    copy(rax, u.a);
    and_(rax, rdx);
    or_(rax, rcx);
  } else {
    copy(rax, u.a);
    if (u.op == Op::Ubfx && lsb == 0 && len < 32) {
      and_(eax, static_cast<uint32_t>((uint64_t{1} << len) - 1));
    } else {
      if (lsb + len < 64) shl(rax, 64 - lsb - len);
      if (len < 64) u.op == Op::Sbfx ? sar(rax, 64 - len) : shr(rax, 64 - len);
    }
  }
  written(u.dst);
  put(u.dst, rax, u.width);
  return true;
}

bool Compiler::bit_tests(const Uop& u) {
  const bool tests = u.op == Op::Bt;
  if ((!tests && u.op != Op::Bts && u.op != Op::Btr && u.op != Op::Btc) || u.width < 4) return false;
  const bool flags = u.flags != FlagRule::None;
  if (tests && !flags) return true;
  if (flags && known_.known && known_.kind == FlagKind::Explicit)
    mov(eax, dword[rbp + kLazyA]);
  else if (flags)
    call_code(thunks_.bits);
  copy(rdx, u.a);
  const Xbyak::Reg x = sized(rdx, u.width);
  const auto by = [&](auto number) {
    switch (u.op) {
      case Op::Bt: bt(x, number); break;
      case Op::Bts: bts(x, number); break;
      case Op::Btr: btr(x, number); break;
      default: btc(x, number); break;
    }
  };
  if (u.b_imm)
    by(static_cast<uint8_t>(u.imm & (u.width * 8 - 1)));
  else
    by(sized(in(u.b, rcx), u.width));
  if (flags) {
    setc(cl);
    movzx(ecx, cl);
    and_(eax, ~isa::flag::CF);
    or_(eax, ecx);
    keep_result(rax, FlagKind::Explicit, 8);
  }
  if (tests) return true;
  written(u.dst);
  put(u.dst, rdx, u.width);
  return true;
}

bool Compiler::selections(const Uop& u) {
  if (u.op == Op::Set) {
    set_if(condition(u.cond), al);
    written(u.dst);
    put(u.dst, rax, 1);
    return true;
  }
  if ((u.op != Op::Select && u.op != Op::Csinc && u.op != Op::Csinv && u.op != Op::Csneg) || u.width < 4 || u.b_imm)
    return false;
  copy(rax, u.a);
  copy(rcx, u.b);
  if (u.op == Op::Csinc) inc(rcx);
  if (u.op == Op::Csinv) not_(rcx);
  if (u.op == Op::Csneg) neg(rcx);
  if (u.cond == isa::Cond::Always)
    mov(rcx, rax);
  else
    move_if(condition(u.cond), rcx, rax);
  written(u.dst);
  put(u.dst, rcx, u.width);
  return true;
}

}  // namespace deferscope::emu::host
