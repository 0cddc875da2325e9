// One slot of several micro-ops: what real Go code was measured to do often (docs/performance.md).
#include "emu/engine/slots/maker.h"

namespace deferscope::emu {

using isa::FlagRule;
using isa::Op;
using isa::Reg;
using isa::Uop;

// Compare and branch (IrItem::CompareBranch).
bool SlotMaker::compare_and_branch(const IrItem& it, const Uop& j) {
  const Uop& u = it.op;
  const bool is_arm = u.flags == FlagRule::SubArm || u.flags == FlagRule::LogicArm;
  H h;
  isa::FlagKind kind;
  if (u.op == Op::Sub) {
    if (u.width == 2) return false;
    const H base = u.width == 1 ? (u.b_imm ? H::CmpI1_EQ : H::CmpR1_EQ)
                   : u.b_imm    ? (u.width == 8 ? H::CmpI8_EQ : H::CmpI4_EQ)
                                : (u.width == 8 ? H::CmpR8_EQ : H::CmpR4_EQ);
    h = base + it.relation;
    kind = is_arm ? isa::FlagKind::SubArm : isa::FlagKind::Sub;
  } else {
    int k = -1;
    switch (it.relation) {
      case EQ: k = 0; break;
      case NE: k = 1; break;
      case NEG: k = 2; break;
      case POS: k = 3; break;
      case SGT: k = 4; break;
      case SLE: k = 5; break;
      default: return false;
    }
    if (u.width == 8 && !u.b_imm)
      h = H::TestR8_EQ + k;
    else if (u.width == 4 && !u.b_imm)
      h = H::TestR4_EQ + k;
    else if (k > 1)
      return false;
    else if (u.width == 8)
      h = H::TestI8_EQ + k;
    else if (u.width == 4)
      h = H::TestI4_EQ + k;
    else if (u.width == 1)
      h = (u.b_imm ? H::TestI1_EQ : H::TestR1_EQ) + k;
    else
      return false;
    kind = is_arm ? isa::FlagKind::LogicArm : isa::FlagKind::Logic;
  }
  Slot& s = emit(h);
  s.a = u.a, s.b = u.b, s.imm = u.imm, s.taken = j.imm;
  s.kind = static_cast<uint8_t>(kind);
  return true;
}

namespace {

bool move8(const Uop& u) { return u.op == Op::Mov && u.width == 8 && !u.b_imm && u.dst != isa::kSink; }

// 64-bit load or store of an integer register at [base + displacement].
bool plain(const Uop& u, Op op) {
  return u.op == op && u.width == 8 && u.mem.index == isa::kZero && u.mem.seg == isa::kZero &&
         (op == Op::Store ? !u.b_imm : u.dst < isa::kT0);
}

// dst = a + amount, without flags: Add, Sub with an immediate, Lea.
bool adds_constant(const Uop& u, Reg& from, int64_t& amount) {
  if (u.width != 8 || u.dst == isa::kSink) return false;
  if (u.op == Op::Lea && u.mem.index == isa::kZero) {
    from = u.mem.base, amount = u.mem.disp;
    return true;
  }
  if ((u.op != Op::Add && u.op != Op::Sub) || !u.b_imm || u.flags != FlagRule::None) return false;
  from = u.a, amount = u.op == Op::Add ? u.imm : -u.imm;
  return true;
}

}  // namespace

// Each of these returns the item behind what it made, or i if it made nothing.

size_t SlotMaker::fuse_moves(size_t i, size_t left) {
  const Uop& u = items[i].op;
  if (left < 2 || !move8(u) || !move8(items[i + 1].op)) return i;
  Slot& s = emit(H::Mov2);
  s.dst = u.dst, s.b = u.b, s.dst2 = items[i + 1].op.dst, s.a = items[i + 1].op.b;
  return i + 2;
}

// arm64's constants: MOVZ or ADRP, then MOVK or ADD to the same register, are one number; a MOVK alone is one slot.
size_t SlotMaker::fuse_constant(size_t i, size_t left) {
  const Uop& u = items[i].op;
  if (!arm() || u.op != Op::Mov || !u.b_imm || u.width < 4 || u.dst == isa::kSink) return i;
  const auto insert = [&](size_t k, Reg from, uint64_t& mask, uint64_t& bits) {  // items k, k + 1: MOVK from `from`
    const Uop &m = items[k].op, &b = items[k + 1].op;
    if (m.op != Op::Mov || !m.b_imm || m.dst < isa::kT0 || b.op != Op::Bfi || b.b != m.dst || b.a != from ||
        b.width < 4)
      return false;
    const unsigned lsb = static_cast<unsigned>(b.imm) & 255, len = static_cast<unsigned>(b.imm >> 8) & 255;
    const uint64_t field = ((uint64_t{1} << len) - 1) << lsb;
    if (len > 32) return false;
    mask = ~field, bits = (static_cast<uint64_t>(m.imm) << lsb) & field;
    if (b.width == 4) mask &= 0xffffffff, bits &= 0xffffffff;
    return true;
  };
  uint64_t mask = 0, bits = 0;
  if (u.dst >= isa::kT0) {
    if (left < 2 || !insert(i, items[i + 1].op.a, mask, bits)) return i;
    Slot& s = emit(H::InsertI);
    s.dst = items[i + 1].op.dst, s.a = items[i + 1].op.a;
    s.mask = static_cast<int64_t>(mask), s.value = static_cast<int64_t>(bits);
    return i + 2;
  }
  uint64_t value = u.width == 4 ? static_cast<uint32_t>(u.imm) : static_cast<uint64_t>(u.imm);
  size_t k = i + 1;
  while (k < i + left) {
    Reg from;
    int64_t amount;
    if (k + 1 < i + left && insert(k, u.dst, mask, bits) && items[k + 1].op.dst == u.dst) {
      value = (value & mask) | bits;
      k += 2;
    } else if (adds_constant(items[k].op, from, amount) && from == u.dst && items[k].op.dst == u.dst) {
      value += static_cast<uint64_t>(amount);
      k += 1;
    } else {
      break;
    }
  }
  if (k == i + 1) return i;
  Slot& s = emit(H::MovI);
  s.dst = u.dst, s.imm = static_cast<int64_t>(value);
  return k;
}

size_t SlotMaker::fuse_loads(size_t i, size_t left) {
  if (left < 2) return i;
  const Uop &u = items[i].op, &n = items[i + 1].op;
  if (u.op == Op::LoadPair && u.width == 8 && u.mem.index == isa::kZero && u.mem.seg == isa::kZero &&
      u.ext == isa::Ext::Zero) {
    Reg from;
    int64_t amount;
    if (!adds_constant(n, from, amount) || from != n.dst) return i;
    const bool ret = left >= 3 && items[i + 2].op.op == Op::JumpReg;
    Slot& s = emit(ret ? H::LoadPair8AddRet : H::LoadPair8Add);
    s.base = u.mem.base, s.disp = u.mem.disp, s.dst = u.dst, s.dst2 = u.dst2, s.base2 = n.dst, s.amount = amount;
    if (ret) s.target = items[i + 2].op.a;
    return i + (ret ? 3 : 2);
  }
  if (u.op == Op::Load && u.width == 1 && u.ext == isa::Ext::Zero && u.mem.index == isa::kZero &&
      u.mem.seg == isa::kZero && u.dst < isa::kZero && (n.op == Op::Tbz || n.op == Op::Tbnz) && n.a == u.dst) {
    Slot& s = emit(n.op == Op::Tbz ? H::LoadU8Tbz : H::LoadU8Tbnz);
    s.base = u.mem.base, s.disp = u.mem.disp, s.dst = u.dst, s.bit = static_cast<uint8_t>(n.imm2), s.taken = n.imm;
    return n.imm2 < 8 ? i + 2 : (slots.pop_back(), i);
  }
  if (!plain(u, Op::Load)) return i;
  const bool compare = n.op == Op::Sub && n.dst == isa::kSink && n.width == 8 && !n.b_imm &&
                       (n.flags == FlagRule::Sub || n.flags == FlagRule::SubArm);
  if (left >= 3 && compare && items[i + 2].op.op == Op::JumpCond) {
    const Relation r = relation_of(items[i + 2].op.cond, n.flags == FlagRule::SubArm);
    if (r == kNoRelation) return i;
    Slot& s = emit(H::LoadCmp_EQ + r);
    s.base = u.mem.base, s.disp = u.mem.disp, s.dst = u.dst, s.b = n.a, s.c = n.b, s.taken = items[i + 2].op.imm;
    s.flags_kind = static_cast<uint8_t>(n.flags == FlagRule::SubArm ? isa::FlagKind::SubArm : isa::FlagKind::Sub);
    return i + 3;
  }
  if (!plain(n, Op::Load) || items[i + 1].index == items[i].index) return i;
  Slot& s = emit(H::Load2);
  s.base = u.mem.base, s.disp = u.mem.disp, s.dst = u.dst;
  s.base2 = n.mem.base, s.disp2 = n.mem.disp, s.dst2 = n.dst;
  return parts(i, 2);
}

size_t SlotMaker::fuse_stores(size_t i, size_t left) {
  if (left < 2) return i;
  const Uop &u = items[i].op, &n = items[i + 1].op;
  if (!plain(u, Op::Store)) return i;
  Reg from;
  int64_t amount;
  if (adds_constant(n, from, amount)) {
    Slot& s = emit(H::Store8Add);
    s.base = u.mem.base, s.disp = u.mem.disp, s.src = u.b, s.dst2 = n.dst, s.base2 = from, s.amount = amount;
    return i + 2;
  }
  if (!plain(n, Op::Store) || items[i + 1].index == items[i].index) return i;
  Slot& s = emit(H::Store2);
  s.base = u.mem.base, s.disp = u.mem.disp, s.src = u.b;
  s.base2 = n.mem.base, s.disp2 = n.mem.disp, s.src2 = n.b;
  return parts(i, 2);
}

// x86-64: SUB RSP, n; MOV [RSP+d], RBP; LEA RBP, [RSP+e] and MOV RBP, [RSP+d]; ADD RSP, n; RET.
size_t SlotMaker::fuse_frame(size_t i, size_t left) {
  if (arm() || left < 3) return i;
  const Uop &u = items[i].op, &v = items[i + 1].op, &w = items[i + 2].op;
  const auto adjusts = [](const Uop& x, Op op, FlagRule f) {
    return x.op == op && x.width == 8 && x.dst == isa::kRsp && x.a == isa::kRsp && x.b_imm && x.flags == f;
  };
  if (adjusts(u, Op::Sub, FlagRule::Sub) && plain(v, Op::Store) && v.mem.base == isa::kRsp && v.b != isa::kRsp &&
      w.op == Op::Lea && w.width == 8 && w.mem.base == isa::kRsp && w.mem.index == isa::kZero && w.dst < isa::kT0 &&
      w.dst != isa::kRsp) {
    Slot& s = emit(H::Prologue);
    s.a = isa::kRsp, s.imm = u.imm, s.src = v.b, s.disp2 = v.mem.disp, s.dst2 = w.dst;
    return parts(i, 3);
  }
  if (left >= 5 && plain(u, Op::Load) && u.mem.base == isa::kRsp && u.dst != isa::kRsp &&
      adjusts(v, Op::Add, FlagRule::Add) && w.op == Op::Load && w.width == 8 && w.mem.base == isa::kRsp &&
      w.mem.disp == 0 && w.mem.index == isa::kZero && w.mem.seg == isa::kZero && w.dst >= isa::kT0) {
    Slot& s = emit(H::Epilogue);
    const size_t mark = slots.size() - 1;
    s.base = isa::kRsp, s.disp = u.mem.disp, s.dst = u.dst, s.amount = v.imm;
    parts(i, 2);
    at = &items[i + 2];
    const size_t end = fuse(i + 2);
    if (slots.back().handler == labels[static_cast<int>(H::Ret)] && slots.size() == mark + 4) return end;
    slots.erase(slots.begin() + static_cast<std::ptrdiff_t>(mark));
    return end;
  }
  return i;
}

// Load t; Sub sink, …; JumpCond.
bool SlotMaker::compare_memory_and_branch(const Uop& u, const Uop& o, const Uop& j) {
  const Relation r = relation_of(j.cond, false);
  Slot probe{};
  if (j.op != Op::JumpCond || r == kNoRelation || !address(u, probe)) return false;
  const int row = u.width == 8 ? 0 : u.width == 4 ? 1 : 2;
  if (o.b_imm) {
    if (o.a != u.dst || probe.disp != static_cast<int32_t>(probe.disp) || o.imm != static_cast<int32_t>(o.imm))
      return false;
    Slot& s = emit(H::CmpMemI8_EQ + (row * kNoRelation + r));
    address(u, s);
    s.imm = static_cast<int64_t>(static_cast<uint64_t>(o.imm) << 32 | static_cast<uint32_t>(probe.disp));
    s.taken = j.imm;
    return true;
  }
  if ((o.a == u.dst) == (o.b == u.dst)) return false;
  Slot& s = emit(H::CmpMemR8_EQ + (row * kNoRelation + r));
  address(u, s);
  s.src = o.a == u.dst ? o.b : o.a, s.memory_first = o.a == u.dst, s.taken = j.imm;
  return true;
}

// CALL and RET (IrItem::Call, Return), BL (Link).
size_t SlotMaker::fuse_call(size_t i) {
  const IrItem& it = items[i];
  const Uop &u = it.op, &j = items[i + it.covers - 1].op;
  switch (it.pattern) {
    case IrItem::Call: {
      Slot& s = emit(j.op == Op::Jump ? H::Call : H::CallReg);
      s.imm = u.imm, s.taken = j.imm, s.a = j.a;
      break;
    }
    case IrItem::Return: emit(H::Ret).imm = items[i + 1].op.mem.disp; break;
    case IrItem::Link: {
      Slot& s = emit(H::JumpLink);
      s.dst = u.dst, s.imm = u.imm, s.taken = j.imm;
      break;
    }
    case IrItem::CompareBranch:
      if (compare_and_branch(it, j)) break;
      return i;
    case IrItem::Alone: return i;
  }
  return i + it.covers;
}

bool SlotMaker::compare_with_memory(const Uop& u, const Uop& o) {
  const bool imm = o.b_imm && o.a == u.dst, reg = !o.b_imm && (o.a == u.dst) != (o.b == u.dst);
  Slot probe{};
  if ((!imm && !reg) || !address(u, probe)) return false;
  const H eight = imm ? H::CmpLoadI8x : H::CmpLoad8x, four = imm ? H::CmpLoadI4x : H::CmpLoad4x,
          one = imm ? H::CmpLoadI1x : H::CmpLoad1x;
  Slot& s = emit(u.width == 8 ? eight : u.width == 4 ? four : one);
  address(u, s);
  if (imm)
    s.value = o.imm;
  else
    s.operand = o.a == u.dst ? o.b : o.a, s.swapped = o.a == u.dst;
  return true;
}

bool SlotMaker::operate_with_memory(const Uop& u, const Uop& o) {
  const bool flags_ok =
      o.flags == FlagRule::None || o.flags == FlagRule::Add || o.flags == FlagRule::Sub || o.flags == FlagRule::Logic;
  Slot probe{};
  if (u.width != 8 || o.width != 8 || o.b_imm || o.b != u.dst || o.a == u.dst || o.dst == isa::kSink || !flags_ok ||
      !address(u, probe))
    return false;
  H h;
  switch (o.op) {
    case Op::Add: h = H::AddLoad8; break;
    case Op::Sub: h = H::SubLoad8; break;
    case Op::And: h = H::AndLoad8; break;
    case Op::Or: h = H::OrLoad8; break;
    case Op::Xor: h = H::XorLoad8; break;
    default: return false;
  }
  Slot& s = emit(h);
  address(u, s);
  s.operand = o.a, s.dst = o.dst, s.flagged = o.flags != FlagRule::None;
  return true;
}

// x86-64: Load t; op r, t, where the temporary dies; and the branch on it.
size_t SlotMaker::fuse_operation(size_t i, size_t left) {
  const Uop& u = items[i].op;
  if (left < 2 || items[i + 1].index != items[i].index || u.op != Op::Load || u.dst < isa::kT0 || u.dst >= isa::kRegs)
    return i;
  const Uop& o = items[i + 1].op;
  const bool last = i + 2 >= items.size() || items[i + 2].kind == IrItem::Fall || items[i + 2].index != items[i].index;
  if (!last) return i;
  const bool compare = o.op == Op::Sub && o.dst == isa::kSink && o.flags == FlagRule::Sub && o.width == u.width &&
                       u.ext == isa::Ext::Zero && u.width != 2;
  if (!compare) return operate_with_memory(u, o) ? i + 2 : i;
  if (left >= 3) {
    const Uop& j = items[i + 2].op;
    if (!o.b_imm && o.b == u.dst && o.a < isa::kT0 && u.width == 8 && j.op == Op::JumpCond && j.cond == isa::Cond::BE &&
        u.mem.index == isa::kZero && u.mem.seg == isa::kZero) {
      Slot& s = emit(H::StackCheck);
      s.base = u.mem.base, s.disp = u.mem.disp, s.src = o.a, s.taken = j.imm;
      return i + 3;
    }
    if (compare_memory_and_branch(u, o, j)) return i + 3;
  }
  return compare_with_memory(u, o) ? i + 2 : i;
}

size_t SlotMaker::fuse(size_t i) {
  if (const size_t end = fuse_call(i); end != i) return end;
  const size_t left = ops_from(i);
  for (const auto f : {&SlotMaker::fuse_frame, &SlotMaker::fuse_constant, &SlotMaker::fuse_moves,
                       &SlotMaker::fuse_loads, &SlotMaker::fuse_stores, &SlotMaker::fuse_operation})
    if (const size_t end = (this->*f)(i, left); end != i) return end;
  return one(i);
}

}  // namespace deferscope::emu
