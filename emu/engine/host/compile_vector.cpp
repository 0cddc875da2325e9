// Vectors and floating point. The host's rounding mode is the guest's and its sticky flags collect the guest's
// (isa/fp_env.h), so that the host's own instructions give the guest's results but for NaNs, DAZ and FTZ.
#include "emu/engine/host/compiler.h"

namespace deferscope::emu::host {

using isa::FlagKind;
using isa::helper_id;
using isa::Op;
using isa::Uop;

namespace {

constexpr int kMxcsr = static_cast<int>(offsetof(isa::CpuState, mxcsr)) - kBias;
constexpr int kFpcr = static_cast<int>(offsetof(isa::CpuState, fpcr)) - kBias;
constexpr uint32_t kDazOrFtz = 0x8040, kDaz = 0x40, kFz = 1u << 24;

// Integer SSE2 instructions (66 0F xx) that do to two vectors what their namesake helper does.
struct Simd {
  isa::HelperId id;
  uint8_t opcode;
};
constexpr Simd kSimd[] = {
    {helper_id("pxor"), 0xef},       {helper_id("por"), 0xeb},       {helper_id("pand"), 0xdb},
    {helper_id("pandn"), 0xdf},      {helper_id("paddb"), 0xfc},     {helper_id("paddw"), 0xfd},
    {helper_id("paddd"), 0xfe},      {helper_id("paddq"), 0xd4},     {helper_id("psubb"), 0xf8},
    {helper_id("psubw"), 0xf9},      {helper_id("psubd"), 0xfa},     {helper_id("psubq"), 0xfb},
    {helper_id("pcmpeqb"), 0x74},    {helper_id("pcmpeqw"), 0x75},   {helper_id("pcmpeqd"), 0x76},
    {helper_id("pminub"), 0xda},     {helper_id("pmaxub"), 0xde},    {helper_id("punpcklbw"), 0x60},
    {helper_id("punpcklwd"), 0x61},  {helper_id("punpckldq"), 0x62}, {helper_id("punpcklqdq"), 0x6c},
    {helper_id("punpckhbw"), 0x68},  {helper_id("punpckhwd"), 0x69}, {helper_id("punpckhdq"), 0x6a},
    {helper_id("punpckhqdq"), 0x6d}, {helper_id("pmuludq"), 0xf4},
};

// Scalar arithmetic: dst's lowest lane = a OP b.
struct Scalar {
  isa::HelperId id;
  uint8_t opcode;
  bool is_double, arm;
};
constexpr Scalar kScalars[] = {
    {helper_id("addsd"), 0x58, true, false},  {helper_id("subsd"), 0x5c, true, false},
    {helper_id("mulsd"), 0x59, true, false},  {helper_id("divsd"), 0x5e, true, false},
    {helper_id("addss"), 0x58, false, false}, {helper_id("subss"), 0x5c, false, false},
    {helper_id("mulss"), 0x59, false, false}, {helper_id("divss"), 0x5e, false, false},
    {helper_id("fadd.d"), 0x58, true, true},  {helper_id("fsub.d"), 0x5c, true, true},
    {helper_id("fmul.d"), 0x59, true, true},  {helper_id("fdiv.d"), 0x5e, true, true},
};

}  // namespace

// The helper's five arguments are in their registers when it is called; the first is rdi.
void Compiler::call_helper(const void* f, const std::function<void()>& arguments) {
  save_for_call();
  arguments();
  call_function(f);
}

void Compiler::call_vector_helper(const Uop& u) {
  const auto vector = [&](const Reg64& to, isa::VReg v) { lea(to, ptr[rbp + offset_of_v(v)]); };
  const auto imm = static_cast<uint64_t>(u.imm);
  switch (u.op) {
    case Op::VecOp:
      call_helper(reinterpret_cast<const void*>(u.helper->vec), [&] {
        vector(rdi, u.dst), vector(rsi, u.a), vector(rdx, u.b);
        constant(rcx, imm);
      });
      break;
    case Op::VecFp:
      call_helper(reinterpret_cast<const void*>(u.helper->fp), [&] {
        lea(rdi, ptr[rbp - kBias]);
        vector(rsi, u.dst), vector(rdx, u.a), vector(rcx, u.b);
        constant(r8, imm);
      });
      break;
    case Op::FpCompare:
      call_helper(reinterpret_cast<const void*>(u.helper->compare), [&] {
        lea(rdi, ptr[rbp - kBias]);
        vector(rsi, u.a), vector(rdx, u.b);
        constant(rcx, imm);
      });
      and_(eax, isa::flag::kArith);
      break;
    case Op::VecGet:
      call_helper(reinterpret_cast<const void*>(u.helper->get), [&] {
        vector(rdi, u.a);
        constant(rsi, imm);
      });
      break;
    default:
      call_helper(reinterpret_cast<const void*>(u.helper->put), [&] {
        copy(rax, u.b);
        vector(rdi, u.dst);
        mov(rsi, rax);
        constant(rdx, imm);
      });
      break;
  }
  restore_after_call();
}

bool Compiler::vectors(const Uop& u) {
  if (u.op == Op::VecOp) {
    if (!vector_integers(u)) call_vector_helper(u);
    return true;
  }
  return (u.op == Op::VecGet || u.op == Op::VecPut) && vector_lanes(u);
}

bool Compiler::vector_integers(const Uop& u) {
  const int dst = offset_of_v(u.dst), a = offset_of_v(u.a), b = offset_of_v(u.b);
  const auto move = [&](int from) {
    movaps(xmm0, ptr[rbp + from]);
    movaps(ptr[rbp + dst], xmm0);
    return true;
  };
  switch (u.helper->id) {
    case helper_id("mov128"): return move(b);
    case helper_id("mov.v"): return move(a);
    case helper_id("movsd"):
    case helper_id("movlps"):
      mov(rax, ptr[rbp + b]);
      mov(ptr[rbp + dst], rax);
      return true;
    case helper_id("movq"):
      movq(xmm0, qword[rbp + b]);
      movaps(ptr[rbp + dst], xmm0);
      return true;
    default: break;
  }
  if (arm() || u.a != u.dst) return false;
  if (u.helper->id == helper_id("pxor") && u.a == u.b) {
    xorps(xmm0, xmm0);
    movaps(ptr[rbp + dst], xmm0);
    return true;
  }
  for (const Simd& s : kSimd) {
    if (s.id != u.helper->id) continue;
    movaps(xmm0, ptr[rbp + a]);
    movaps(xmm1, ptr[rbp + b]);
    db(0x66), db(0x0f), db(s.opcode), db(0xc1);  // op xmm0, xmm1
    movaps(ptr[rbp + dst], xmm0);
    return true;
  }
  return false;
}

bool Compiler::vector_lanes(const Uop& u) {
  if (u.op == Op::VecGet) {
    if (u.width < 4) return false;
    const auto from = [&] { return rbp + offset_of_v(u.a); };
    switch (u.helper->id) {
      case helper_id("get"): mov(rax, ptr[from()]); break;
      case helper_id("cvttsd2si64"): cvttsd2si(rax, qword[from()]); break;
      case helper_id("cvttsd2si32"): cvttsd2si(eax, qword[from()]); break;
      case helper_id("pmovmskb"):
        movaps(xmm0, ptr[from()]);
        pmovmskb(eax, xmm0);
        break;
      default: call_vector_helper(u); break;
    }
    written(u.dst);
    put(u.dst, rax, u.width);
    return true;
  }
  if (u.b_imm) return false;
  const int dst = offset_of_v(u.dst);
  switch (u.helper->id) {
    case helper_id("put64"):
      movq(xmm0, in(u.b, rax));
      movaps(ptr[rbp + dst], xmm0);
      return true;
    case helper_id("put32"):
      movd(xmm0, in(u.b, rax).cvt32());
      movaps(ptr[rbp + dst], xmm0);
      return true;
    case helper_id("cvtsi2sd64"):
      cvtsi2sd(xmm0, in(u.b, rax));
      movsd(ptr[rbp + dst], xmm0);
      return true;
    case helper_id("cvtsi2sd32"):
      cvtsi2sd(xmm0, in(u.b, rax).cvt32());
      movsd(ptr[rbp + dst], xmm0);
      return true;
    default: call_vector_helper(u); return true;
  }
}

bool Compiler::floats(const Uop& u) {
  if (u.op != Op::VecFp) return false;
  const Scalar* s = nullptr;
  for (const Scalar& row : kScalars)
    if (row.id == u.helper->id && row.arm == arm() && (arm() ? u.imm == 0 : u.dst == u.a)) s = &row;
  if (!s) {
    call_vector_helper(u);
    return true;
  }
  Label helper, done;
  const int a = offset_of_v(u.a), b = offset_of_v(u.b), dst = offset_of_v(u.dst);
  test(dword[rbp + (s->arm ? kFpcr : kMxcsr)], s->arm ? kFz : kDazOrFtz);
  jnz(helper);
  movaps(xmm0, ptr[rbp + a]);
  movaps(xmm1, ptr[rbp + b]);
  db(s->is_double ? 0xf2 : 0xf3), db(0x0f), db(s->opcode), db(0xc1);  // op xmm0, xmm1
  if (s->is_double)
    ucomisd(xmm0, xmm0);
  else
    ucomiss(xmm0, xmm0);
  jp(helper);
  if (s->arm) {  // the least normal number may come from a tiny result: the helper knows
    movq(rax, xmm0);
    add(rax, rax);
    mov(rcx, uint64_t{1} << 53);
    cmp(rax, rcx);
    je(helper);
    movq(xmm0, xmm0);
    movaps(ptr[rbp + dst], xmm0);
  } else if (s->is_double) {
    movsd(ptr[rbp + dst], xmm0);
  } else {
    movss(ptr[rbp + dst], xmm0);
  }
  L(done);
  later([=, this]() mutable {
    L(helper);
    call_vector_helper(u);
    jmp(done);
  });
  return true;
}

bool Compiler::float_compares(const Uop& u) {
  if (u.op != Op::FpCompare) return false;
  const bool x86_double = u.helper->id == helper_id("ucomisd") || u.helper->id == helper_id("comisd");
  const bool arm_double = u.helper->id == helper_id("fcmp.d");
  if (!x86_double && !arm_double) {
    call_vector_helper(u);
    keep_result(rax, FlagKind::Explicit, 8);
    return true;
  }
  Label helper, done;
  test(dword[rbp + (arm_double ? kFpcr : kMxcsr)], arm_double ? kFz : kDaz);
  jnz(helper);
  movsd(xmm0, ptr[rbp + offset_of_v(u.a)]);
  if (arm_double && (u.imm & 1))
    xorps(xmm1, xmm1);
  else
    movsd(xmm1, ptr[rbp + offset_of_v(u.b)]);
  ucomisd(xmm0, xmm1);
  jp(helper);
  if (arm_double) {  // less N, equal Z and C, greater C
    setb(al);
    sete(cl);
    movzx(eax, al);
    movzx(ecx, cl);
    imul(eax, eax, 127);
    inc(eax);
    shl(ecx, 6);
    or_(eax, ecx);
  } else {
    lahf();
    movzx(eax, ah);
    and_(eax, isa::flag::ZF | isa::flag::CF);
  }
  L(done);
  keep_result(rax, FlagKind::Explicit, 8);
  later([=, this]() mutable {
    L(helper);
    call_vector_helper(u);
    jmp(done);
  });
  return true;
}

}  // namespace deferscope::emu::host
