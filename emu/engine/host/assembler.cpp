#include "emu/engine/host/assembler.h"

#include <bit>

namespace deferscope::emu::host {
namespace {

constexpr int kRax = Xbyak::Operand::RAX, kRbx = Xbyak::Operand::RBX, kRsi = Xbyak::Operand::RSI,
              kRdi = Xbyak::Operand::RDI;
// Host registers for guest registers; calls keep the first three.
constexpr int kHosts[9] = {kRbx, 12, 13, kRsi, kRdi, 8, 9, 10, 11};
constexpr bool survives_calls(int host) { return host == kRbx || host == 12 || host == 13; }
// What Go's compiler uses most, whichever its calling convention; x86-64: also the first temporary, by which operands
// in memory go.
constexpr isa::Reg kX86[9] = {isa::kRax, isa::kRsp, isa::kRbx, isa::kRcx, isa::kRdx, isa::kRsi, isa::kRdi, 8, isa::kT0};
constexpr isa::Reg kArm[9] = {0, isa::kSp, 7, 1, 2, 3, 4, 5, 6};
constexpr size_t kBuffer = size_t{256} << 10;

}  // namespace

Pins::Pins(isa::Isa isa) {
  host_of.fill(-1);
  for (size_t i = 0; i < all.size(); ++i) {
    all[i] = {isa == isa::Isa::arm64 ? kArm[i] : kX86[i], kHosts[i]};
    host_of[all[i].guest] = static_cast<int8_t>(kHosts[i]);
  }
}

Assembler::Assembler(isa::Isa isa, CodeArea& area) : CodeGenerator(kBuffer), pins_(isa), area_(area) {
  setDefaultJmpNEAR(true);
}

Assembler::Reg64 Assembler::in(isa::Reg r, const Reg64& scratch) {
  if (r != isa::kZero && pinned(r)) return host(r);
  copy(scratch, r);
  return scratch;
}

void Assembler::copy(const Reg64& scratch, isa::Reg r) {
  if (r == isa::kZero)
    mov(scratch.cvt32(), 0);
  else if (pinned(r))
    mov(scratch, host(r));
  else
    mov(scratch, memory(r));
}

Xbyak::Reg Assembler::sized(const Reg64& r, unsigned width) { return r.changeBit(static_cast<int>(width) * 8); }

void Assembler::put(isa::Reg r, const Reg64& from, unsigned width) {
  if (r == isa::kSink) return;
  if (pinned(r)) {
    if (host(r).getIdx() != from.getIdx() || width == 4) mov(sized(host(r), width), sized(from, width));
  } else if (width == 4) {
    const Reg64 scratch = from.getIdx() <= Xbyak::Operand::RDX ? from : rcx;
    mov(scratch.cvt32(), from.cvt32());
    mov(memory(r), scratch);
  } else {
    mov(memory(r), sized(from, width));
  }
}

void Assembler::constant(const Reg64& to, uint64_t value) {
  if (value == static_cast<uint32_t>(value))
    mov(to.cvt32(), static_cast<uint32_t>(value));
  else
    mov(to, value);
}

void Assembler::mov_imm(const Address& to, uint64_t value) {
  if (static_cast<int64_t>(value) == static_cast<int32_t>(value)) {
    mov(Address(64, false, to.getRegExp()), value);
  } else {
    mov(rcx, value);
    mov(to, rcx);
  }
}

void Assembler::call_code(const uint8_t* to) {
  const int64_t distance = to - (here() + 5);
  db(0xe8);
  dd(static_cast<uint32_t>(distance));
}

void Assembler::jump_code(const uint8_t* to) {
  const int64_t distance = to - (here() + 5);
  db(0xe9);
  dd(static_cast<uint32_t>(distance));
}

void Assembler::jump_cell(const void* const* cell) {
  const int64_t distance = reinterpret_cast<const uint8_t*>(cell) - (here() + 6);
  db(0xff), db(0x25);
  dd(static_cast<uint32_t>(distance));
}

void Assembler::call_function(const void* f) {
  mov(rax, reinterpret_cast<size_t>(f));
  call(rax);
}

void Assembler::save_for_call() {
  for (const Pins::Pin& p : pins_.all)
    if (!survives_calls(p.host)) mov(memory(p.guest), Reg64(p.host));
}

void Assembler::restore_after_call() {
  for (const Pins::Pin& p : pins_.all)
    if (!survives_calls(p.host)) mov(Reg64(p.host), memory(p.guest));
}

void Assembler::spill(bool callee_saved_only) {
  for (const Pins::Pin& p : pins_.all)
    if (!callee_saved_only || survives_calls(p.host)) mov(memory(p.guest), Reg64(p.host));
}

void Assembler::reload() {
  for (const Pins::Pin& p : pins_.all) mov(Reg64(p.host), memory(p.guest));
}

void Assembler::emit_cold() {
  for (size_t i = 0; i < cold_.size(); ++i) cold_[i]();
  cold_.clear();
}

void Assembler::give_up() {
  cold_.clear();
  reset();
}

const uint8_t* Assembler::finish() {
  ready();
  const uint8_t* const at = start_;
  const bool added = area_.add({getCode(), getSize()});
  reset();
  start_ = area_.next();
  return added ? at : nullptr;
}

const uint8_t* Assembler::thunk(const std::function<void()>& emit) {
  start_ = area_.next();
  emit();
  return finish();
}

// Back to whoever entered. rdx: the frame.
void Assembler::leave() {
  mov(ptr[rdx + offsetof(Frame, budget)], r15);
  add(rsp, 8);
  for (const Reg64& r : {r15, r14, r13, r12, rbp, rbx}) pop(r);
  ret();
}

// A function that was called by a thunk said that the stay ends: guest registers that calls keep are not in CpuState
// yet.
void Assembler::fail_from_thunk() {
  spill(true);
  add(rsp, 8);
  mov(rdx, ptr[rsp]);
  leave();
}

void Assembler::make_thunks() {
  // enter(frame, code, cpu, tlb)
  thunks_.enter = thunk([&] {
    for (const Reg64& r : {rbx, rbp, r12, r13, r14, r15}) push(r);
    push(rdi);
    mov(rax, rsi);
    mov(r15, ptr[rdi + offsetof(Frame, budget)]);
    mov(r14, rcx);
    lea(rbp, ptr[rdx + kBias]);
    reload();
    jmp(rax);
  });
  // ecx: the site, its kind included; rdx: pc; rax: block
  thunks_.exit = thunk([&] {
    spill();
    mov(rbx, ptr[rsp]);
    mov(ptr[rbx + offsetof(Frame, block)], rax);
    mov(ptr[rbx + offsetof(Frame, pc)], rdx);
    mov(ptr[rbx + offsetof(Frame, site)], ecx);
    mov(rdx, rbx);
    shr(ecx, 28);
    mov(byte[rdx + offsetof(Frame, kind)], cl);
    leave();
  });
  // rax: the pc of a block that has no code
  thunks_.bounce = thunk([&] {
    mov(rdx, rax);
    mov(ecx, Site{.kind = Exit::Jump}.packed());
    jump_code(thunks_.exit);
  });
  // rax: the argument; ecx: the site; rdx: block. All guest registers are there to be read and, if it `changes` them,
  // written; so is the budget if it `spends`.
  const auto look = [&](const void* f, bool changes, bool spends = false) {
    return thunk([&, f, changes, spends] {
      Label failed;
      spill();
      mov(rdi, ptr[rsp + 8]);
      mov(ptr[rdi + offsetof(Frame, block)], rdx);
      mov(ptr[rdi + offsetof(Frame, site)], ecx);
      mov(ptr[rdi + offsetof(Frame, budget)], r15);
      mov(rsi, rax);
      sub(rsp, 8);
      call_function(f);
      add(rsp, 8);
      if (spends) {
        mov(rdx, ptr[rsp + 8]);
        mov(r15, ptr[rdx + offsetof(Frame, budget)]);
      }
      test(al, al);
      jz(failed);
      if (changes)
        reload();
      else
        restore_after_call();
      ret();
      L(failed);
      if (changes) reload();
      fail_from_thunk();
    });
  };
  thunks_.evaluate = look(reinterpret_cast<const void*>(&evaluate_slowly), true);
  thunks_.string = look(reinterpret_cast<const void*>(&run_string_slowly), true, true);
  thunks_.hook = look(reinterpret_cast<const void*>(&pass_hook), false);
  thunks_.mark = look(reinterpret_cast<const void*>(&tell_mark), false);
  // rdx: block
  thunks_.show = thunk([&] {
    Label failed;
    save_for_call();
    mov(rdi, ptr[rsp + 8]);
    mov(ptr[rdi + offsetof(Frame, block)], rdx);
    mov(dword[rdi + offsetof(Frame, pending)], 0);
    sub(rsp, 8);
    call_function(reinterpret_cast<const void*>(&show));
    add(rsp, 8);
    test(al, al);
    jz(failed);
    restore_after_call();
    ret();
    L(failed);
    fail_from_thunk();
  });
  // dl: the condition → whether it holds; rax and rcx are kept
  thunks_.holds = thunk([&] {
    push(rax);
    push(rcx);
    save_for_call();
    lea(rdi, ptr[rbp + kLazy]);
    movzx(esi, dl);
    sub(rsp, 8);
    call_function(reinterpret_cast<const void*>(&condition_holds));
    add(rsp, 8);
    restore_after_call();
    movzx(edx, al);
    pop(rcx);
    pop(rax);
    ret();
  });
  // → eax: the flags
  thunks_.bits = thunk([&] {
    save_for_call();
    lea(rdi, ptr[rbp + kLazy]);
    sub(rsp, 8);
    call_function(reinterpret_cast<const void*>(&flag_bits));
    add(rsp, 8);
    restore_after_call();
    ret();
  });
  // rax: the address; ecx: the site; rdx: block → rax: the bytes
  const auto access = [&](bool (*f)(Frame*, uint64_t), uint64_t argument) {
    return thunk([&, f, argument] {
      Label failed;
      save_for_call();
      mov(rdi, ptr[rsp + 8]);
      mov(ptr[rdi + offsetof(Frame, address)], rax);
      mov(ptr[rdi + offsetof(Frame, block)], rdx);
      mov(ptr[rdi + offsetof(Frame, site)], ecx);
      mov(esi, static_cast<uint32_t>(argument));
      sub(rsp, 8);
      call_function(reinterpret_cast<const void*>(f));
      add(rsp, 8);
      test(al, al);
      jz(failed);
      restore_after_call();
      mov(rax, ptr[rsp + 8]);
      ret();
      L(failed);
      fail_from_thunk();
    });
  };
  for (size_t i = 0; i < 6; ++i) {
    thunks_.access[0][i] = access(read_slowly, uint64_t{1} << i);
    thunks_.access[1][i] = access(read_to_modify_slowly, uint64_t{1} << i);
    thunks_.access[2][i] = access(write_slowly, uint64_t{1} << i);
  }
  thunks_.misaligned[0] = access(misaligned, 0);
  thunks_.misaligned[1] = access(misaligned, 1);
}

}  // namespace deferscope::emu::host
