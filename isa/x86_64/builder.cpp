// Builder: operands of a decoded instruction, and the micro-ops that every subject writes.
#include <bit>

#include "isa/x86_64/rows.h"

namespace deferscope::isa::x86_64 {
namespace {

struct Gpr {
  Reg reg = kZero;
  bool known = false;
};

// Zydis lists the registers of a class one after the other: 8-bit AL CL DL BL AH CH DH BH SPL BPL SIL DIL R8B…
Gpr gpr(ZydisRegister r) {
  const auto in = [&](ZydisRegister first, ZydisRegister last) { return r >= first && r <= last; };
  if (in(ZYDIS_REGISTER_RAX, ZYDIS_REGISTER_R15)) return {static_cast<Reg>(r - ZYDIS_REGISTER_RAX), true};
  if (in(ZYDIS_REGISTER_EAX, ZYDIS_REGISTER_R15D)) return {static_cast<Reg>(r - ZYDIS_REGISTER_EAX), true};
  if (in(ZYDIS_REGISTER_AX, ZYDIS_REGISTER_R15W)) return {static_cast<Reg>(r - ZYDIS_REGISTER_AX), true};
  if (in(ZYDIS_REGISTER_AL, ZYDIS_REGISTER_BL)) return {static_cast<Reg>(r - ZYDIS_REGISTER_AL), true};
  if (in(ZYDIS_REGISTER_AH, ZYDIS_REGISTER_BH)) return {static_cast<Reg>(r - ZYDIS_REGISTER_AH), true};
  if (in(ZYDIS_REGISTER_SPL, ZYDIS_REGISTER_R15B)) return {static_cast<Reg>(r - ZYDIS_REGISTER_SPL + kRsp), true};
  return {};
}

int64_t sign_extend(int64_t x, unsigned width) {
  const unsigned s = width >= 8 ? 0 : 64 - width * 8;
  return static_cast<int64_t>(static_cast<uint64_t>(x) << s) >> s;
}

}  // namespace

Uop& Builder::emit(Op o, unsigned width) {
  // More than kMax cannot happen (the longest lift has 16); if a row is wrong, it is said and not hidden.
  if (out.count == Lifted::kMax) {
    fail(Fault::Unimplemented);
    out.count = Lifted::kMax - 1;
  }
  Uop& u = out.uops[out.count++];
  u = Uop{};
  u.op = o;
  u.width = static_cast<uint8_t>(width);
  return u;
}

Reg Builder::reg(int i) const { return gpr(op[i].reg.value).reg; }

Reg Builder::segment(int i) const {
  if (op[i].mem.segment == ZYDIS_REGISTER_FS) return kFsBase;
  if (op[i].mem.segment == ZYDIS_REGISTER_GS) return kGsBase;
  return kZero;
}

Mem Builder::mem(int i, int64_t more) {
  const ZydisDecodedOperandMem& from_zydis = op[i].mem;
  Mem m;
  // [index + disp32] has no base, whatever REX.B says; with REX.B the decoder's operand may lose the displacement or
  // name R13, so both are taken from the encoding.
  const auto& raw = in.raw;
  const bool baseless = (in.attributes & ZYDIS_ATTRIB_HAS_SIB) && raw.modrm.mod == 0 && (raw.sib.base & 7) == 5;
  m.disp = (raw.disp.size != 0 ? raw.disp.value : 0) + more;
  if (from_zydis.base == ZYDIS_REGISTER_RIP || from_zydis.base == ZYDIS_REGISTER_EIP)
    m.disp = static_cast<int64_t>(static_cast<uint64_t>(m.disp) + next);
  else if (!baseless)
    m.base = gpr(from_zydis.base).reg;
  m.index = gpr(from_zydis.index).reg;
  if (from_zydis.index != ZYDIS_REGISTER_NONE && from_zydis.scale > 1)
    m.shift = static_cast<uint8_t>(std::countr_zero(static_cast<unsigned>(from_zydis.scale)));
  if (in.address_width == 32) {
    const Reg t = temp();
    Uop& u = emit(Op::Lea, 4);
    u.dst = t, u.mem = m;
    m = at(t);
  }
  m.seg = segment(i);
  return m;
}

Reg Builder::prefix_segment() const {
  if (in.attributes & ZYDIS_ATTRIB_HAS_SEGMENT_FS) return kFsBase;
  return in.attributes & ZYDIS_ATTRIB_HAS_SEGMENT_GS ? kGsBase : kZero;
}

Mem Builder::implicit_mem(Reg base, Reg index) {
  Mem m{base, index, kZero, 0, 0};
  if (in.address_width == 32) {
    const Reg t = temp();
    Uop& u = emit(Op::Lea, 4);
    u.dst = t, u.mem = m;
    m = at(t);
  }
  m.seg = prefix_segment();
  return m;
}

Source Builder::source(int i, unsigned as_width) {
  const unsigned w = as_width ? as_width : width(i);
  if (is_imm(i)) return constant(sign_extend(imm(i), w));
  if (is_mem(i)) {
    const Mem m = mem(i);
    const Reg t = temp();
    load(t, m, width(i));
    return from(t);
  }
  if (is_high(i)) {
    const Reg t = temp();
    extract(t, reg(i), 8, 8, 8);
    return from(t);
  }
  return from(reg(i));
}

Reg Builder::source_reg(int i) {
  const Source s = source(i);
  if (!s.is_imm) return s.reg;
  const Reg t = temp();
  mov(t, s, 8);
  return t;
}

Destination Builder::open(int i, bool read) {
  Destination p;
  p.width = width(i);
  if (is_mem(i)) {
    p.kind = Destination::Memory;
    p.mem = mem(i);
    p.value = temp();
    if (read) {
      Uop& u = emit(Op::LoadRmw, p.width);
      u.dst = p.value, u.mem = p.mem;
    }
  } else if (is_high(i)) {
    p.kind = Destination::HighByte;
    p.home = reg(i);
    p.value = temp();
    if (read) extract(p.value, p.home, 8, 8, 8);
  } else {
    p.value = reg(i);
  }
  return p;
}

void Builder::close(const Destination& p) {
  if (p.kind == Destination::Memory) store(p.mem, from(p.value), p.width);
  if (p.kind == Destination::HighByte) insert(p.home, p.value, 8, 8);
}

VReg Builder::source_v(int i, unsigned bytes, bool align) {
  if (is_xmm(i)) return xmm(i);
  const Mem m = mem(i);
  const VReg t = vtemp();
  Uop& u = emit(Op::LoadV, bytes);
  u.dst = t, u.mem = m, u.aligned = align && bytes == 16;
  return t;
}

void Builder::mov(Reg dst, Source s, unsigned width) { alu(Op::Mov, width, dst, kZero, s); }

void Builder::load(Reg dst, const Mem& m, unsigned width, Ext ext) {
  Uop& u = emit(Op::Load, width);
  u.dst = dst, u.mem = m, u.ext = ext;
}

void Builder::store(const Mem& m, Source s, unsigned width) {
  Uop& u = emit(Op::Store, width);
  u.b = s.reg, u.b_imm = s.is_imm, u.imm = s.imm, u.mem = m;
}

void Builder::extract(Reg dst, Reg src, unsigned lsb, unsigned len, unsigned width, bool is_signed) {
  Uop& u = emit(is_signed ? Op::Sbfx : Op::Ubfx, width);
  u.dst = dst, u.a = src, u.imm = lsb | len << 8;
}

void Builder::insert(Reg dst, Reg src, unsigned lsb, unsigned len) {
  Uop& u = emit(Op::Bfi, 8);
  u.dst = dst, u.a = dst, u.b = src, u.imm = lsb | len << 8;
}

void Builder::add_imm(Reg dst, Reg base, int64_t disp, unsigned width) {
  Uop& u = emit(Op::Lea, width);
  u.dst = dst, u.mem = at(base, disp);
}

Uop& Builder::alu(Op o, unsigned width, Reg dst, Reg a, Source b, FlagRule f) {
  Uop& u = emit(o, width);
  u.dst = dst, u.a = a, u.b = b.reg, u.b_imm = b.is_imm, u.imm = b.imm, u.flags = f;
  return u;
}

void Builder::select(Cond c, unsigned width, Reg dst, Reg yes, Reg no) {
  Uop& u = emit(Op::Select, width);
  u.cond = c, u.dst = dst, u.a = yes, u.b = no;
}

void Builder::jump_reg(Reg target, Hint hint) {
  Uop& u = emit(Op::JumpReg, 8);
  u.a = target, u.hint = hint;
}

void Builder::trap(Fault f, int64_t number) {
  Uop& u = emit(Op::Trap, 8);
  u.fault = f, u.imm = number;
}

}  // namespace deferscope::isa::x86_64
