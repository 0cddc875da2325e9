// Flags: what an op leaves of them in CpuState, and conditions on them by the host's own.
#include "emu/engine/host/compiler.h"

namespace deferscope::emu::host {

using isa::Cond;
using isa::FlagKind;
using isa::Uop;

namespace {

constexpr uint8_t log2_of(unsigned width) {
  return static_cast<uint8_t>(width == 8 ? 3 : width == 4 ? 2 : width == 2 ? 1 : 0);
}

}  // namespace

void Compiler::note_flags(FlagKind kind, unsigned width) {
  const uint8_t log = log2_of(width);
  if (!known_.known || known_.kind != kind || known_.width != log)
    mov(word[rbp + kLazyKind], static_cast<uint16_t>(static_cast<uint8_t>(kind) | log << 8));
  known_ = {.known = true, .kind = kind, .width = log};
}

// Before an op whose flags follow from its operands.
void Compiler::keep_operands(const Uop& u, FlagKind kind) {
  mov(ptr[rbp + kLazyA], in(u.a, rcx));
  if (u.b_imm)
    mov_imm(qword[rbp + kLazyB], static_cast<uint64_t>(u.imm));
  else
    mov(ptr[rbp + kLazyB], in(u.b, rcx));
  note_flags(kind, u.width);
}

void Compiler::keep_result(const Reg64& r, FlagKind kind, unsigned width) {
  mov(ptr[rbp + kLazyA], r);
  note_flags(kind, width);
}

// An op wrote r: a compare of it can't be made again.
void Compiler::written(isa::Reg r) {
  if (known_.fresh && (known_.a == r || (!known_.b_imm && known_.b == r))) known_.fresh = false;
}

// The host's flags as after the op that left the known ones.
void Compiler::remake_flags() {
  const unsigned width = 1u << known_.width;
  if (known_.fresh) {
    const bool wide = known_.b_imm && known_.imm != static_cast<int32_t>(known_.imm);
    if (!wide) {
      const auto compare = [&](const Xbyak::Operand& a, auto b) {
        if (known_.test)
          test(a, b);
        else
          cmp(a, b);
      };
      const Xbyak::Reg a = sized(in(known_.a, rdx), width);
      if (known_.b_imm)
        compare(a, static_cast<uint32_t>(known_.imm));
      else if (known_.b == isa::kZero)
        known_.test ? test(a, 0) : cmp(a, 0);
      else if (pinned(known_.b))
        compare(a, sized(host(known_.b), width));
      else if (known_.test)
        test(Address(static_cast<uint32_t>(width * 8), false, memory(known_.b).getRegExp()), a);
      else
        cmp(a, memory(known_.b));
      return;
    }
  }
  const Xbyak::Reg a = sized(rdx, width);
  mov(rdx, ptr[rbp + kLazyA]);
  switch (known_.kind) {
    case FlagKind::Sub:
    case FlagKind::SubArm: cmp(a, ptr[rbp + kLazyB]); break;
    case FlagKind::Add:
    case FlagKind::AddArm: add(a, ptr[rbp + kLazyB]); break;
    case FlagKind::Inc:
      dec(a);
      inc(a);
      break;
    case FlagKind::Dec:
      inc(a);
      dec(a);
      break;
    case FlagKind::Shl: shl(a, known_.count); break;
    case FlagKind::Shr: shr(a, known_.count); break;
    case FlagKind::Sar: sar(a, known_.count); break;
    default: test(a, a); break;
  }
}

// Flags that lie as bits in the first operand: those that one test answers.
std::optional<Compiler::Cc> Compiler::explicit_condition(Cond c) {
  using namespace isa::flag;
  const auto bits = [&](uint32_t mask, Cc cc) {
    test(dword[rbp + kLazyA], mask);
    return cc;
  };
  const auto signs = [&](Cc cc) {  // SF against OF
    mov(edx, dword[rbp + kLazyA]);
    shl(edx, 4);
    xor_(edx, dword[rbp + kLazyA]);
    test(edx, OF);
    return cc;
  };
  switch (c) {
    case Cond::E: return bits(ZF, Cc::NE);
    case Cond::NE: return bits(ZF, Cc::E);
    case Cond::B: return bits(CF, Cc::NE);
    case Cond::AE: return bits(CF, Cc::E);
    case Cond::BE: return bits(CF | ZF, Cc::NE);
    case Cond::A: return bits(CF | ZF, Cc::E);
    case Cond::S: return bits(SF, Cc::NE);
    case Cond::NS: return bits(SF, Cc::E);
    case Cond::P: return bits(PF, Cc::NE);
    case Cond::NP: return bits(PF, Cc::E);
    case Cond::O: return bits(OF, Cc::NE);
    case Cond::NO: return bits(OF, Cc::E);
    case Cond::L: return signs(Cc::NE);
    case Cond::GE: return signs(Cc::E);
    case Cond::ArmHi:
    case Cond::ArmLs:
      mov(edx, dword[rbp + kLazyA]);
      and_(edx, CF | ZF);
      cmp(edx, CF);
      return c == Cond::ArmHi ? Cc::E : Cc::NE;
    default: return std::nullopt;
  }
}

std::optional<Compiler::Cc> Compiler::known_condition(Cond c) {
  if (!known_.known || c == Cond::Always) return std::nullopt;
  const bool carries = c == Cond::B || c == Cond::AE || c == Cond::BE || c == Cond::A;
  const bool overflows =
      c == Cond::O || c == Cond::NO || c == Cond::L || c == Cond::GE || c == Cond::LE || c == Cond::G;
  const bool arm_only = c == Cond::ArmHi || c == Cond::ArmLs;
  Cc cc = arm_only ? Cc::E : static_cast<Cc>(c);
  switch (known_.kind) {
    case FlagKind::Explicit: return explicit_condition(c);
    case FlagKind::Sub:
    case FlagKind::Add:
    case FlagKind::Logic:
      if (arm_only) return std::nullopt;
      break;
    case FlagKind::SubArm: {  // its C is the host's, inverted
      const Relation r = relation_of(c, true);
      static constexpr Cc kOf[] = {Cc::E, Cc::NE, Cc::B,  Cc::AE, Cc::BE, Cc::A,
                                   Cc::L, Cc::GE, Cc::LE, Cc::G,  Cc::S,  Cc::NS};
      if (c == Cond::O || c == Cond::NO) break;
      if (r == kNoRelation) return std::nullopt;
      cc = kOf[r];
      break;
    }
    case FlagKind::AddArm:
    case FlagKind::LogicArm:
      if (arm_only || c == Cond::BE || c == Cond::A || c == Cond::P || c == Cond::NP) return std::nullopt;
      break;
    case FlagKind::Inc:
    case FlagKind::Dec:
      if (carries || arm_only) return std::nullopt;
      break;
    case FlagKind::Shl:
    case FlagKind::Shr:
    case FlagKind::Sar:
      if (arm_only || (overflows && known_.count != 1)) return std::nullopt;
      break;
    default: return std::nullopt;
  }
  remake_flags();
  return cc;
}

Compiler::Cc Compiler::condition(Cond c) {
  if (const auto cc = known_condition(c)) return *cc;
  Label other;
  if (const auto cc = guessed_condition(c, other)) return *cc;
  L(other);
  ask(c);
  test(edx, edx);
  return Cc::NE;
}

// edx = whether it holds.
void Compiler::ask(Cond c) {
  mov(dl, static_cast<uint8_t>(c));
  call_code(thunks_.holds);
}

// Flags that were there when the block began: most often they are of the kind that they were when it became hot. Goes
// to `other`, which is bound if there is no answer, where they are not.
std::optional<Compiler::Cc> Compiler::guessed_condition(Cond c, Label& other) {
  if (known_.known || !guess_.known || c == Cond::Always || c == Cond::O || c == Cond::NO) return std::nullopt;
  movzx(edx, word[rbp + kLazyKind]);
  cmp(edx, static_cast<uint32_t>(guess_.kind) | uint32_t{guess_.width} << 8);
  jne(other, T_NEAR);
  known_ = guess_;
  const auto cc = known_condition(c);
  known_ = {};
  if (!cc) return cc;
  Label answered;
  L(answered);
  later([=, this, how = *cc]() mutable {
    L(other);
    ask(c);
    answer(how);
    jmp(answered);
  });
  return cc;
}

// The host's flags so that `cc` says edx, which is 0 or 1.
void Compiler::answer(Cc cc) {
  switch (cc) {
    case Cc::E:
    case Cc::BE:
    case Cc::LE:
    case Cc::P:
      xor_(edx, 1);
      test(edx, edx);
      break;
    case Cc::B: neg(edx); break;
    case Cc::AE: cmp(edx, 1); break;
    case Cc::S:
    case Cc::L:
      neg(edx);
      test(edx, edx);
      break;
    case Cc::NS:
    case Cc::GE:
      sub(edx, 1);
      test(edx, edx);
      break;
    default: test(edx, edx); break;  // NE, A, G, NP
  }
}

// The host's CF = the guest's, or its inverse. rax, rcx may change.
void Compiler::carry_to_cf(bool inverted) {
  const FlagKind kind = known_.known ? known_.kind : FlagKind::Explicit;
  switch (kind) {
    case FlagKind::Sub:
    case FlagKind::SubArm:
    case FlagKind::Add:
    case FlagKind::AddArm:
      known_.fresh = false;
      remake_flags();
      if (kind == FlagKind::SubArm) inverted = !inverted;
      break;
    case FlagKind::Logic:
    case FlagKind::LogicArm: clc(); break;
    case FlagKind::Inc:
    case FlagKind::Dec: bt(qword[rbp + kLazyB], 0); break;
    default:
      if (known_.known && known_.kind == FlagKind::Explicit) {
        bt(qword[rbp + kLazyA], 0);
      } else {
        call_code(thunks_.bits);
        bt(eax, 0);
      }
      break;
  }
  if (inverted) cmc();
}

void Compiler::jump_if(Cc cc, const Label& to) {
  using Jump = void (CodeGenerator::*)(const Label&, LabelType);
  static constexpr Jump kJumps[] = {&CodeGenerator::jo, &CodeGenerator::jno, &CodeGenerator::jb,  &CodeGenerator::jae,
                                    &CodeGenerator::je, &CodeGenerator::jne, &CodeGenerator::jbe, &CodeGenerator::ja,
                                    &CodeGenerator::js, &CodeGenerator::jns, &CodeGenerator::jp,  &CodeGenerator::jnp,
                                    &CodeGenerator::jl, &CodeGenerator::jge, &CodeGenerator::jle, &CodeGenerator::jg};
  (this->*kJumps[static_cast<int>(cc)])(to, T_NEAR);
}

void Compiler::set_if(Cc cc, const Xbyak::Reg8& r) {
  using Set = void (CodeGenerator::*)(const Xbyak::Operand&);
  static constexpr Set kSets[] = {
      &CodeGenerator::seto, &CodeGenerator::setno, &CodeGenerator::setb,  &CodeGenerator::setae,
      &CodeGenerator::sete, &CodeGenerator::setne, &CodeGenerator::setbe, &CodeGenerator::seta,
      &CodeGenerator::sets, &CodeGenerator::setns, &CodeGenerator::setp,  &CodeGenerator::setnp,
      &CodeGenerator::setl, &CodeGenerator::setge, &CodeGenerator::setle, &CodeGenerator::setg};
  (this->*kSets[static_cast<int>(cc)])(r);
}

void Compiler::move_if(Cc cc, const Reg64& to, const Reg64& from) {
  using Move = void (CodeGenerator::*)(const Xbyak::Reg&, const Xbyak::Operand&);
  static constexpr Move kMoves[] = {
      &CodeGenerator::cmovo, &CodeGenerator::cmovno, &CodeGenerator::cmovb,  &CodeGenerator::cmovae,
      &CodeGenerator::cmove, &CodeGenerator::cmovne, &CodeGenerator::cmovbe, &CodeGenerator::cmova,
      &CodeGenerator::cmovs, &CodeGenerator::cmovns, &CodeGenerator::cmovp,  &CodeGenerator::cmovnp,
      &CodeGenerator::cmovl, &CodeGenerator::cmovge, &CodeGenerator::cmovle, &CodeGenerator::cmovg};
  (this->*kMoves[static_cast<int>(cc)])(to, from);
}

}  // namespace deferscope::emu::host
