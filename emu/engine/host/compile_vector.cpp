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

// Integer SSE instructions that do to two vectors what their namesake helper does: 66 0F xx, or 66 0F 38 xx, which a
// host need not have.
enum class Map : uint8_t { Sse2, Ssse3, Sse41, Aes };
struct Simd {
  isa::HelperId id;
  uint8_t opcode;
  Map map = Map::Sse2;
};
constexpr Simd kSimd[] = {
    {helper_id("pxor"), 0xef},
    {helper_id("por"), 0xeb},
    {helper_id("pand"), 0xdb},
    {helper_id("pandn"), 0xdf},
    {helper_id("paddb"), 0xfc},
    {helper_id("paddw"), 0xfd},
    {helper_id("paddd"), 0xfe},
    {helper_id("paddq"), 0xd4},
    {helper_id("psubb"), 0xf8},
    {helper_id("psubw"), 0xf9},
    {helper_id("psubd"), 0xfa},
    {helper_id("psubq"), 0xfb},
    {helper_id("paddsb"), 0xec},
    {helper_id("paddsw"), 0xed},
    {helper_id("paddusb"), 0xdc},
    {helper_id("paddusw"), 0xdd},
    {helper_id("psubsb"), 0xe8},
    {helper_id("psubsw"), 0xe9},
    {helper_id("psubusb"), 0xd8},
    {helper_id("psubusw"), 0xd9},
    {helper_id("pcmpeqb"), 0x74},
    {helper_id("pcmpeqw"), 0x75},
    {helper_id("pcmpeqd"), 0x76},
    {helper_id("pcmpgtb"), 0x64},
    {helper_id("pcmpgtw"), 0x65},
    {helper_id("pcmpgtd"), 0x66},
    {helper_id("pminub"), 0xda},
    {helper_id("pmaxub"), 0xde},
    {helper_id("pminsw"), 0xea},
    {helper_id("pmaxsw"), 0xee},
    {helper_id("pavgb"), 0xe0},
    {helper_id("pavgw"), 0xe3},
    {helper_id("pmullw"), 0xd5},
    {helper_id("pmulhw"), 0xe5},
    {helper_id("pmulhuw"), 0xe4},
    {helper_id("pmaddwd"), 0xf5},
    {helper_id("psadbw"), 0xf6},
    {helper_id("pmuludq"), 0xf4},
    {helper_id("packsswb"), 0x63},
    {helper_id("packuswb"), 0x67},
    {helper_id("packssdw"), 0x6b},
    {helper_id("punpcklbw"), 0x60},
    {helper_id("punpcklwd"), 0x61},
    {helper_id("punpckldq"), 0x62},
    {helper_id("punpcklqdq"), 0x6c},
    {helper_id("punpckhbw"), 0x68},
    {helper_id("punpckhwd"), 0x69},
    {helper_id("punpckhdq"), 0x6a},
    {helper_id("punpckhqdq"), 0x6d},
    {helper_id("psllw"), 0xf1},
    {helper_id("pslld"), 0xf2},
    {helper_id("psllq"), 0xf3},
    {helper_id("psrlw"), 0xd1},
    {helper_id("psrld"), 0xd2},
    {helper_id("psrlq"), 0xd3},
    {helper_id("psraw"), 0xe1},
    {helper_id("psrad"), 0xe2},
    {helper_id("pshufb"), 0x00, Map::Ssse3},
    {helper_id("pcmpeqq"), 0x29, Map::Sse41},
    {helper_id("pmuldq"), 0x28, Map::Sse41},
    {helper_id("packusdw"), 0x2b, Map::Sse41},
    {helper_id("pminsd"), 0x39, Map::Sse41},
    {helper_id("pminud"), 0x3b, Map::Sse41},
    {helper_id("pmaxsd"), 0x3d, Map::Sse41},
    {helper_id("pmaxud"), 0x3f, Map::Sse41},
    {helper_id("pmulld"), 0x40, Map::Sse41},
    {helper_id("aesenc"), 0xdc, Map::Aes},
    {helper_id("aesenclast"), 0xdd, Map::Aes},
    {helper_id("aesdec"), 0xde, Map::Aes},
    {helper_id("aesdeclast"), 0xdf, Map::Aes},
};

// Shifts by an immediate: 66 0F xx /digit ib.
struct ShiftByImm {
  isa::HelperId id;
  uint8_t opcode, digit;
};
constexpr ShiftByImm kShiftsByImm[] = {
    {helper_id("psrlw_imm"), 0x71, 2}, {helper_id("psraw_imm"), 0x71, 4}, {helper_id("psllw_imm"), 0x71, 6},
    {helper_id("psrld_imm"), 0x72, 2}, {helper_id("psrad_imm"), 0x72, 4}, {helper_id("pslld_imm"), 0x72, 6},
    {helper_id("psrlq_imm"), 0x73, 2}, {helper_id("psrldq"), 0x73, 3},    {helper_id("psllq_imm"), 0x73, 6},
    {helper_id("pslldq"), 0x73, 7},
};
// The second operand's lanes in an order that an immediate says: prefix 0F 70 /r ib.
struct Shuffle {
  isa::HelperId id;
  uint8_t prefix;
};
constexpr Shuffle kShuffles[] = {
    {helper_id("pshufd"), 0x66}, {helper_id("pshuflw"), 0xf2}, {helper_id("pshufhw"), 0xf3}};

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
  if (arm()) return arm_aes(u);
  const auto store = [&] { return movaps(ptr[rbp + dst], xmm0), true; };
  for (const Shuffle& f : kShuffles) {
    if (f.id != u.helper->id) continue;
    movaps(xmm1, ptr[rbp + b]);
    db(f.prefix), db(0x0f), db(0x70), db(0xc1), db(static_cast<uint8_t>(u.imm));  // op xmm0, xmm1, imm
    return store();
  }
  if (u.helper->id == helper_id("pxor") && u.a == u.b) {
    xorps(xmm0, xmm0);
    return store();
  }
  for (const Simd& s : kSimd) {
    if (s.id != u.helper->id) continue;
    if ((s.map == Map::Ssse3 && !has_ssse3_) || (s.map == Map::Sse41 && !has_sse41_) ||
        (s.map == Map::Aes && !has_aes_))
      return false;
    movaps(xmm0, ptr[rbp + a]);
    movaps(xmm1, ptr[rbp + b]);
    db(0x66), db(0x0f);
    if (s.map != Map::Sse2) db(0x38);
    db(s.opcode), db(0xc1);  // op xmm0, xmm1
    return store();
  }
  for (const ShiftByImm& s : kShiftsByImm) {
    if (s.id != u.helper->id) continue;
    movaps(xmm0, ptr[rbp + a]);
    db(0x66), db(0x0f), db(s.opcode), db(0xc0 | s.digit << 3), db(static_cast<uint8_t>(u.imm));
    return store();
  }
  return false;
}

// AES rounds: x86-64's do the same steps in another order.
bool Compiler::arm_aes(const Uop& u) {
  if (!has_aes_) return false;
  const int dst = offset_of_v(u.dst), a = offset_of_v(u.a);
  const bool enc = u.helper->id == helper_id("aese"), dec = u.helper->id == helper_id("aesd");
  const bool mix = u.helper->id == helper_id("aesmc"), unmix = u.helper->id == helper_id("aesimc");
  if (enc || dec) {
    movaps(xmm0, ptr[rbp + dst]);
    pxor(xmm0, ptr[rbp + a]);
    pxor(xmm1, xmm1);
    enc ? aesenclast(xmm0, xmm1) : aesdeclast(xmm0, xmm1);
  } else if (mix) {
    movaps(xmm0, ptr[rbp + a]);
    pxor(xmm1, xmm1);
    aesdeclast(xmm0, xmm1);  // undone by the next, which then mixes the columns
    aesenc(xmm0, xmm1);
  } else if (unmix) {
    movaps(xmm0, ptr[rbp + a]);
    aesimc(xmm0, xmm0);
  } else {
    return false;
  }
  movaps(ptr[rbp + dst], xmm0);
  return true;
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
  if (u.helper->id == helper_id("vptest")) {  // ZF, CF: the one vector is zero, the other
    const auto is_zero = [&](isa::VReg v, const Xbyak::Reg8& r) {
      pxor(xmm0, xmm0);
      pcmpeqb(xmm0, ptr[rbp + offset_of_v(v)]);
      pmovmskb(edx, xmm0);
      cmp(edx, 0xffff);
      sete(r);
    };
    is_zero(u.a, al), is_zero(u.b, cl);
    movzx(eax, al);
    movzx(ecx, cl);
    shl(eax, 6);
    or_(eax, ecx);
    keep_result(rax, FlagKind::Explicit, 8);
    return true;
  }
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
