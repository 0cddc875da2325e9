// A block's items → slots. One slot of one micro-op: which handler, and where its operands go; false: no handler does
// it, the reference evaluator will.
#include <algorithm>
#include <memory>

#include "emu/engine/slots/maker.h"
#include "isa/op_traits.h"

namespace deferscope::emu {

using isa::FlagRule;
using isa::Op;
using isa::Reg;
using isa::Uop;

// What may raise an exception of SSE.
static bool computes_by_sse(const IrItem& it) {
  const Op op = it.op.op;
  return it.kind == IrItem::Op && (op == Op::VecFp || op == Op::FpCompare || op == Op::VecGet || op == Op::VecPut);
}

void SlotMaker::make(const BlockIr& from, Engine::Cache& to, Block& block) {
  ir = &from, cache = &to, at = nullptr;
  items = from.items;
  slots.clear();
  at = &items[0];
  size_t first = 0;
  if (block.hooked) beside(items[first++]);
  if (block.heat) emit(H::Warm);
  const bool steps = to.traps && std::ranges::any_of(items, computes_by_sse);
  for (size_t i = first; i < items.size();) {
    at = &items[i];
    if (steps && (at->kind == IrItem::Op || at->kind == IrItem::Fall))
      ++i;
    else if (at->kind == IrItem::Op)
      i = fuse(i);
    else
      beside(items[i++]);
  }
  if (steps) emit(H::Step);
  block.slots = cache->room<Slot>(slots.size());
  std::uninitialized_copy(slots.begin(), slots.end(), block.slots);
}

void SlotMaker::enter_host_code(Engine::Cache& to, Block& block) {
  block.slots = to.room<Slot>(2);
  block.slots[0] = block.slots[1] = {};
  block.slots[0].handler = labels[static_cast<int>(H::Host)];
  block.slots[1].handler = labels[static_cast<int>(H::HostPastHook)];
}

void SlotMaker::stop_counting(Block& block) { block.slots[block.hooked].handler = labels[static_cast<int>(H::Nop)]; }

// What is not the guest's, and the ways out that no micro-op is.
void SlotMaker::beside(const IrItem& it) {
  switch (it.kind) {
    case IrItem::Op: break;
    case IrItem::Hook: emit(H::Hook); break;
    case IrItem::HostCall: emit(H::HostCall); break;
    case IrItem::Fall:
      if (it.value != 0)
        emit(H::FallOut).length = it.length;
      else
        emit(H::Fall);
      break;
    case IrItem::Mark: emit(H::Mark).imm = static_cast<int64_t>(it.value); break;
    case IrItem::Observe: emit(H::Observe).imm = static_cast<int64_t>(it.value); break;
    case IrItem::BadFetch: {
      Slot& s = emit(H::BadFetch);
      s.fault = static_cast<uint8_t>(it.fault), s.ahead = static_cast<int64_t>(it.value);
      break;
    }
    case IrItem::ObserveAccess: {
      Slot& s = emit(H::ObserveAccess);
      s.uop = stored(it.op), s.imm = static_cast<int64_t>(it.value), s.write = it.write;
      break;
    }
  }
}

size_t SlotMaker::one(size_t i) {
  const Uop& u = items[i].op;
  const bool made = alu(u) || shift(u) || conditional(u) || bit_tests(u) || bits(u) || multiply(u) || memory_op(u) ||
                    vector(u) || control(u);
  if (!made) emit_rare(u);
  return i + 1;
}

bool SlotMaker::alu(const Uop& u) {
  const auto set = [&](H h) {
    Slot& s = emit(h);
    s.dst = u.dst, s.a = u.a, s.b = u.b, s.imm = u.imm;
    return true;
  };
  if (u.op == Op::Nop) return true;  // costs nothing: the block counts it
  if (u.op == Op::Mov) {
    if (u.dst == isa::kSink) return true;
    if (u.width == 8) return set(u.b_imm ? H::MovI : H::MovR8);
    if (u.width == 4 && u.b_imm) {
      set(H::MovI);
      slots.back().imm = static_cast<uint32_t>(u.imm);
      return true;
    }
    if (u.width == 4) return set(H::MovR4);
    return !u.b_imm && set(u.width == 1 ? H::MovM1 : H::MovM2);
  }
  H base;
  switch (u.op) {
    case Op::Add: base = H::Add_r8n; break;
    case Op::Sub: base = H::Sub_r8n; break;
    case Op::And: base = H::And_r8n; break;
    case Op::Or: base = H::Or_r8n; break;
    case Op::Xor: base = H::Xor_r8n; break;
    case Op::Bic: base = H::Bic_r8n; break;
    case Op::Orn: base = H::Orn_r8n; break;
    case Op::Eon: base = H::Eon_r8n; break;
    case Op::Adc:
    case Op::Sbb:
    case Op::Sbc: {
      if (u.width < 4) return false;
      H h;
      if (u.op == Op::Adc)
        h = u.flags == FlagRule::None ? H::Adc_r8 : u.flags == FlagRule::AddArm ? H::AdcM_r8 : H::AdcX_r8;
      else if (u.op == Op::Sbb)
        h = u.flags == FlagRule::None ? H::Sbb_r8 : H::SbbX_r8;
      else if (u.flags != FlagRule::None)
        h = H::SbcM_r8;
      else
        return false;
      return set(h + ((u.b_imm ? 2 : 0) + (u.width == 4 ? 1 : 0)));
    }
    default: return false;
  }
  int kind;
  switch (u.flags) {
    case FlagRule::None: kind = 0; break;
    case FlagRule::Add:
    case FlagRule::Sub:
    case FlagRule::Logic: kind = 1; break;
    case FlagRule::AddArm:
    case FlagRule::SubArm:
    case FlagRule::LogicArm: kind = 2; break;
    case FlagRule::Inc: return u.width >= 4 && set(u.width == 8 ? H::Inc8 : H::Inc4);
    case FlagRule::Dec: return u.width >= 4 && set(u.width == 8 ? H::Dec8 : H::Dec4);
    default: return false;
  }
  if (u.width >= 4) return set(base + ((u.b_imm ? 6 : 0) + (u.width == 4 ? 3 : 0) + kind));
  if (u.dst == isa::kSink && kind == 1 && (u.op == Op::Sub || u.op == Op::And)) {
    const H narrow = u.op == Op::Sub ? H::Cmp_r1x : H::Tst_r1x;
    return set(narrow + ((u.width == 2 ? 2 : 0) + (u.b_imm ? 1 : 0)));
  }
  if (u.width != 1 || u.dst == isa::kSink || kind == 2) return false;
  switch (u.op) {
    case Op::Add: base = H::Add_r1n; break;
    case Op::Sub: base = H::Sub_r1n; break;
    case Op::And: base = H::And_r1n; break;
    case Op::Or: base = H::Or_r1n; break;
    case Op::Xor: base = H::Xor_r1n; break;
    default: return false;
  }
  return set(base + ((u.b_imm ? 2 : 0) + kind));
}

bool SlotMaker::shift(const Uop& u) {
  H base, flagged = H::kCount;
  switch (u.op) {
    case Op::Shl: base = H::Shl_r8, flagged = H::ShlX_i8; break;
    case Op::Shr: base = H::Shr_r8, flagged = H::ShrX_i8; break;
    case Op::Sar: base = H::Sar_r8, flagged = H::SarX_i8; break;
    case Op::Ror: base = H::Ror_r8; break;
    case Op::Rol: base = H::Ror_r8; break;
    default: return false;
  }
  if (u.width < 4 || (u.op == Op::Rol && !u.b_imm)) return false;
  H h;
  if (u.flags == FlagRule::None) {
    h = base + ((u.b_imm ? 2 : 0) + (u.width == 4 ? 1 : 0));
  } else {
    const unsigned count = static_cast<unsigned>(u.imm) & (u.width == 8 ? 63 : 31);
    if (!u.b_imm || count == 0 || flagged == H::kCount || u.flags != FlagRule::Shift) return false;
    h = flagged + (u.width == 4 ? 1 : 0);
  }
  Slot& s = emit(h);
  s.dst = u.dst, s.a = u.a, s.b = u.b, s.imm = u.op == Op::Rol ? -u.imm : u.imm;
  return true;
}

bool SlotMaker::conditional(const Uop& u) {
  H base;
  switch (u.op) {
    case Op::Select: base = H::Select8; break;
    case Op::Csinc: base = H::Csinc8; break;
    case Op::Csinv: base = H::Csinv8; break;
    case Op::Csneg: base = H::Csneg8; break;
    case Op::Set: {
      Slot& s = emit(H::Set);
      s.dst = u.dst, s.cond = static_cast<uint8_t>(u.cond);
      return true;
    }
    default: return false;
  }
  if (u.width < 4) return false;
  Slot& s = emit(base + (u.width == 4 ? 1 : 0));
  s.dst = u.dst, s.a = u.a, s.b = u.b, s.cond = static_cast<uint8_t>(u.cond);
  return true;
}

// BSF, BSR, BT and its kin: the bit's number is a register or an immediate.
bool SlotMaker::bit_tests(const Uop& u) {
  if (u.width < 4) return false;
  const bool four = u.width == 4, test = u.op == Op::Bt;
  if (u.op == Op::Bsf || u.op == Op::Bsr) {
    if (u.b_imm || u.flags == FlagRule::None || u.dst != u.a) return false;
    Slot& s = emit(four ? H::Bsx4 : H::Bsx8);
    s.dst = u.dst, s.b = u.b, s.form = u.op == Op::Bsr;
    return true;
  }
  if (!test && u.op != Op::Bts && u.op != Op::Btr && u.op != Op::Btc) return false;
  if (test && u.flags == FlagRule::None) return true;
  Slot& s = emit(test ? (four ? H::Bt4 : H::Bt8) : (four ? H::BitOp4 : H::BitOp8));
  s.dst = u.dst, s.a = u.a, s.b = u.b_imm ? isa::kZero : u.b, s.imm = u.b_imm ? u.imm : 0;
  s.form = u.op == Op::Btr ? 1 : u.op == Op::Btc ? 2 : 0, s.flagged = u.flags != FlagRule::None;
  return true;
}

bool SlotMaker::bits(const Uop& u) {
  if (u.width < 4 || u.b_imm || u.flags != FlagRule::None) return false;
  const unsigned lsb = static_cast<unsigned>(u.imm) & 255, len = static_cast<unsigned>(u.imm >> 8) & 255;
  const uint64_t field = len >= 64 ? ~uint64_t{0} : (uint64_t{1} << len) - 1;
  const bool four = u.width == 4;
  H h;
  Slot places{};
  switch (u.op) {
    case Op::Ubfx:
      h = H::Ubfx, places.lsb = static_cast<uint8_t>(lsb);
      places.mask = static_cast<int64_t>(four ? field & 0xffffffff : field);
      break;
    case Op::Sbfx:
      if (len == 0 || lsb + len > 64) return false;
      h = four ? H::Sbfx4 : H::Sbfx8, places.lsb = static_cast<uint8_t>(64 - lsb - len);
      places.right = 64 - static_cast<int>(len);
      break;
    case Op::Bfi:
      h = four ? H::Bfi4 : H::Bfi8, places.lsb = static_cast<uint8_t>(lsb);
      places.mask = static_cast<int64_t>(field << lsb);
      break;
    case Op::Clz: h = four ? H::Clz4 : H::Clz8; break;
    case Op::Bswap: h = four ? H::Bswap4 : H::Bswap8; break;
    case Op::Popcnt: h = four ? H::Popcnt4 : H::Popcnt8; break;
    case Op::Rbit:
      if (four) return false;
      h = H::Rbit8;
      break;
    default: return false;
  }
  Slot& s = emit(h);
  s.dst = u.dst, s.a = u.a, s.b = u.b, s.lsb = places.lsb, s.mask = places.mask;
  return true;
}

bool SlotMaker::multiply(const Uop& u) {
  if (u.width < 4) return false;
  const bool four = u.width == 4;
  H h;
  bool wide = false;
  switch (u.op) {
    case Op::Mul:
      if (u.flags != FlagRule::None && u.flags != FlagRule::Mul) return false;
      h = (u.flags == FlagRule::None ? H::Mul_r8 : H::MulX_r8) + ((u.b_imm ? 2 : 0) + (four ? 1 : 0));
      break;
    case Op::MulHiU: h = H::MulHiU; break;
    case Op::MulHiS: h = H::MulHiS; break;
    case Op::MulWideU:
      if (four || u.b_imm) return false;
      h = H::MulWideU8, wide = true;
      break;
    case Op::MulWideS:
      if (four || u.b_imm) return false;
      h = H::MulWideS8, wide = true;
      break;
    case Op::DivWideU:
      if (four || u.b_imm) return false;
      emit_rare(u);
      slots.back().handler = labels[static_cast<int>(H::DivWideU8)];
      return true;
    case Op::Madd: h = four ? H::Madd4 : H::Madd8; break;
    case Op::Msub: h = four ? H::Msub4 : H::Msub8; break;
    case Op::DivU: h = four ? H::DivU4 : H::DivU8; break;
    case Op::DivS: h = four ? H::DivS4 : H::DivS8; break;
    default: return false;
  }
  if (u.b_imm && u.op != Op::Mul) return false;
  Slot& s = emit(h);
  s.dst = u.dst, s.a = u.a, s.b = u.b;
  if (wide)
    s.dst2 = u.dst2, s.with_flags = u.flags != FlagRule::None;
  else
    s.c = u.c, s.imm = u.imm;
  return true;
}

// Base, index, shift and displacement; a segment base takes a free place. False: three registers are needed.
bool SlotMaker::address(const Uop& u, Slot& s) const {
  Reg base = u.mem.base, index = u.mem.index;
  uint8_t shift = u.mem.shift;
  if (u.mem.seg != isa::kZero) {
    if (base == isa::kZero)
      base = u.mem.seg;
    else if (index == isa::kZero)
      index = u.mem.seg, shift = 0;
    else
      return false;
  }
  s.base = base, s.index = index, s.shift = shift, s.disp = u.mem.disp;
  return true;
}

bool SlotMaker::memory_op(const Uop& u) {
  Slot probe{};
  if (u.op == Op::Lea) {
    address(u, probe);
    Slot& s = emit(u.width == 8 ? (probe.index == isa::kZero ? H::LeaB8 : H::LeaI8) : H::LeaI4);
    s.base = u.mem.base, s.index = u.mem.index, s.shift = u.mem.shift, s.disp = u.mem.disp, s.dst = u.dst;
    return u.width >= 4 || (slots.pop_back(), false);
  }
  if (!address(u, probe)) return false;
  const bool indexed = probe.index != isa::kZero;
  const auto with = [&](H h) -> Slot& {
    Slot& s = emit(h);
    s.base = probe.base, s.index = probe.index, s.shift = probe.shift, s.disp = probe.disp, s.dst = u.dst;
    s.width = u.width;
    return s;
  };
  switch (u.op) {
    case Op::Load: {
      int k = -1;  // the place in DS_LOAD_VARIANTS
      switch (u.ext) {
        case isa::Ext::Zero: k = u.width == 1 ? 0 : u.width == 2 ? 1 : u.width == 4 ? 2 : 3; break;
        case isa::Ext::Sign64: k = u.width == 1 ? 4 : u.width == 2 ? 6 : u.width == 4 ? 8 : 3; break;
        case isa::Ext::Sign32: k = u.width == 1 ? 5 : u.width == 2 ? 7 : 2; break;
        case isa::Ext::Merge: k = u.width == 1 ? 9 : u.width == 2 ? 10 : u.width == 4 ? 2 : 3; break;
      }
      with((indexed ? H::LoadU8_i : H::LoadU8_b) + k);
      return true;
    }
    case Op::LoadRmw: {
      if (u.ext != isa::Ext::Zero) return false;
      with(u.width == 8 ? H::LoadRmw8 : u.width == 4 ? H::LoadRmw4 : u.width == 2 ? H::LoadRmw2 : H::LoadRmw1);
      return true;
    }
    case Op::Store: {
      const int w = u.width == 1 ? 0 : u.width == 2 ? 1 : u.width == 4 ? 2 : 3;
      const H base = indexed ? (u.b_imm ? H::Store1i_i : H::Store1r_i) : (u.b_imm ? H::Store1i_b : H::Store1r_b);
      Slot& s = with(base + w);
      s.src = u.b;
      s.value = u.imm;
      return true;
    }
    case Op::LoadPair:
    case Op::StorePair: {
      if (indexed || u.width < 4 || (u.op == Op::LoadPair && u.ext != isa::Ext::Zero)) return false;
      const bool load = u.op == Op::LoadPair;
      Slot& s =
          with(load ? (u.width == 8 ? H::LoadPair8 : H::LoadPair4) : (u.width == 8 ? H::StorePair8 : H::StorePair4));
      if (load)
        s.dst = u.dst, s.dst2 = u.dst2;
      else
        s.src = u.a, s.src2 = u.b;
      return true;
    }
    case Op::LoadV:
    case Op::StoreV: {
      const bool load = u.op == Op::LoadV;
      H h;
      if (u.width == 16)
        h = u.aligned ? (load ? H::LoadV16a : H::StoreV16a) : (load ? H::LoadV16 : H::StoreV16);
      else if (u.width == 8)
        h = load ? H::LoadV8 : H::StoreV8;
      else if (u.width == 4)
        h = load ? H::LoadV4 : H::StoreV4;
      else
        return false;
      with(h).dst = load ? u.dst : u.a;
      return true;
    }
    case Op::LoadVPair:
    case Op::StoreVPair: {
      if (indexed || u.width != 16 || u.aligned) return false;
      const bool load = u.op == Op::LoadVPair;
      Slot& s = with(load ? H::LoadVPair16 : H::StoreVPair16);
      if (load)
        s.dst = u.dst, s.dst2 = u.dst2;
      else
        s.src = u.a, s.src2 = u.b;
      return true;
    }
    default: return false;
  }
}

// Helpers that have a handler of their own. arm64's vectors bear the names of its scalars, with a form in imm.
H SlotMaker::hot_float(const Uop& u) const {
  if (arm() ? u.imm != 0 : u.dst != u.a) return H::VecFp;
  switch (u.helper->id) {
    case isa::helper_id("addsd"): return H::AddSd;
    case isa::helper_id("subsd"): return H::SubSd;
    case isa::helper_id("mulsd"): return H::MulSd;
    case isa::helper_id("divsd"): return H::DivSd;
    case isa::helper_id("fadd.d"): return H::FAddD;
    case isa::helper_id("fsub.d"): return H::FSubD;
    case isa::helper_id("fmul.d"): return H::FMulD;
    case isa::helper_id("fdiv.d"): return H::FDivD;
    default: return H::VecFp;
  }
}

bool SlotMaker::vector(const Uop& u) {
  H h;
  bool keep = true;  // the handler wants the micro-op
  switch (u.op) {
    case Op::VecOp:
      keep = false;
      h = H::VecOp;
      if (u.helper->id == isa::helper_id("mov128")) h = H::VecMov;
      if (u.helper->id == isa::helper_id("pxor") && u.a == u.b) h = H::VecZero;
      break;
    case Op::VecGet:
      if (u.width < 4) return false;
      h = u.width == 8 ? H::VecGet8 : H::VecGet4;
      break;
    case Op::VecPut:
      if (u.b_imm) return false;
      h = H::VecPut;
      break;
    case Op::VecFp: h = hot_float(u); break;
    case Op::FpCompare:
      h = u.helper->id == isa::helper_id("ucomisd")  ? H::UComiSd
          : u.helper->id == isa::helper_id("fcmp.d") ? H::FCmpD
                                                     : H::FpCompare;
      break;
    default: return false;
  }
  Slot& s = emit(h);
  s.dst = u.dst, s.a = u.a, s.b = u.b, s.imm = u.imm;
  if (keep) {
    s.uop = stored(u);
  } else {
    s.vec = u.helper->vec;
  }
  return true;
}

bool SlotMaker::control(const Uop& u) {
  H h;
  switch (u.op) {
    case Op::Jump: h = H::Jump; break;
    case Op::JumpReg: h = H::JumpReg; break;
    case Op::JumpCond: h = H::Jcc; break;
    case Op::Cbz: h = u.width == 8 ? H::Cbz8 : H::Cbz4; break;
    case Op::Cbnz: h = u.width == 8 ? H::Cbnz8 : H::Cbnz4; break;
    case Op::Tbz: h = H::Tbz; break;
    case Op::Tbnz: h = H::Tbnz; break;
    case Op::Syscall: emit(H::Syscall).length = at->length; return true;
    case Op::Trap:
    case Op::Lods:
    case Op::Scas:
    case Op::Cmps: emit_rare(u, true); return true;
    case Op::Movs:
    case Op::Stos: {
      emit_rare(u, true);
      if (u.rep && !ir->observed)
        slots.back().handler = labels[static_cast<int>(u.op == Op::Movs ? H::RepMovs : H::RepStos)];
      return true;
    }
    default: return false;
  }
  Slot& s = emit(h);
  s.a = u.a, s.taken = u.imm;
  if (u.op == Op::JumpCond)
    s.cond = static_cast<uint8_t>(u.cond);
  else
    s.number = static_cast<uint8_t>(u.imm2);
  return true;
}

}  // namespace deferscope::emu
