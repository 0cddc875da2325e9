// arm64's exclusives, and the helpers of which its atomics are made (isa/arm64/atomics.cpp).
#include "emu/engine/host/compiler.h"

namespace deferscope::emu::host {

using isa::helper_id;
using isa::Op;
using isa::Uop;

// By the evaluator, behind `from`, out of line; what follows goes on where it is called.
void Compiler::evaluate_later(const Uop& u, Label from) {
  Label done;
  L(done);
  later([=, this, site = site(), noted = noted_]() mutable {
    L(from);
    constant(rax, reinterpret_cast<size_t>(new (cache_->room<Uop>()) Uop(u)));
    load_site(site, noted);
    call_code(thunks_.evaluate);
    jmp(done);
  });
}

// The monitor is part of CpuState. Pairs are left to the evaluator.
bool Compiler::exclusives(const Uop& u) {
  if (u.op == Op::StoreEx) return store_exclusive(u), true;
  if (u.op != Op::LoadEx || u.ext != isa::Ext::Zero) return false;
  read_access(u.mem, u.width, Reach::Read, u.width);
  const Address from(u.width * 8u, false, Xbyak::RegExp(rax));
  if (u.width <= 2)
    movzx(edx, from);
  else
    mov(sized(rdx, u.width), from);
  address(u.mem);
  mov(ptr[rbp + kMonitorAddress], rax);
  mov(byte[rbp + kMonitorSize], u.width);
  written(u.dst);
  put(u.dst, rdx, 8);
  return true;
}

void Compiler::store_exclusive(const Uop& u) {
  Label lost;
  address(u.mem);
  check_alignment(u.width, true);
  cmp(byte[rbp + kMonitorSize], u.width);
  jne(lost);
  cmp(rax, ptr[rbp + kMonitorAddress]);
  jne(lost);
  write_access(u.mem, u.width, 1, [this, u](const Reg64& to) {
    mov(Address(u.width * 8u, false, Xbyak::RegExp(to)), sized(in(u.a, rcx), u.width));
  });
  mov_imm(ptr[rbp + kMonitorAddress], 0);
  mov(byte[rbp + kMonitorSize], 0);
  xor_(eax, eax);
  put(u.dst, rax, 4);
  evaluate_later(u, lost);
  known_ = {};
}

bool Compiler::atomics(const Uop& u) {
  if (u.op != Op::Helper || !arm()) return false;
  const auto width = static_cast<unsigned>(u.imm);
  switch (u.helper->id) {
    case helper_id("aligned"): {
      Label bad;
      test(sized(in(u.a, rax), 1), width - 1);
      jnz(bad);
      evaluate_later(u, bad);  // it faults: nothing goes on here
      return true;
    }
    case helper_id("swap_if_equal"):
      copy(rax, u.a);
      copy(rcx, u.c);
      cmp(sized(rax, width), sized(in(u.b, rdx), width));
      cmove(rax, rcx);
      break;
    case helper_id("choose_if_zero"):
      copy(rax, u.c);
      copy(rcx, u.b);
      copy(rdx, u.a);
      test(rdx, rdx);
      cmovz(rax, rcx);
      break;
    case helper_id("smax"): extreme(u, Cc::L); break;
    case helper_id("smin"): extreme(u, Cc::GE); break;
    case helper_id("umax"): extreme(u, Cc::B); break;
    case helper_id("umin"): extreme(u, Cc::AE); break;
    default: return false;
  }
  written(u.dst);
  put(u.dst, rax, 8);
  return true;
}

// rax = `a` compares with `b` as `other` says ? b : a, in the low imm bytes of both.
void Compiler::extreme(const Uop& u, Cc other) {
  const auto unused = static_cast<uint8_t>(64 - 8 * u.imm);
  copy(rax, u.a);
  copy(rcx, u.b);
  if (unused) shl(rax, unused), shl(rcx, unused);
  cmp(rax, rcx);
  move_if(other, rax, rcx);
  if (unused) shr(rax, unused);
}

}  // namespace deferscope::emu::host
