// One slot of several micro-ops: what real Go code was measured to do often (docs/performance.md).
#include "emu/engine/translator.h"

namespace deferscope::emu {

using isa::FlagRule;
using isa::Op;
using isa::Reg;
using isa::Uop;

namespace {

Relation relation_of(isa::Cond c, bool arm) {
  using isa::Cond;
  switch (c) {
    case Cond::E: return EQ;
    case Cond::NE: return NE;
    case Cond::B: return arm ? UGE : ULT;
    case Cond::AE: return arm ? ULT : UGE;
    case Cond::BE: return arm ? kNoRelation : ULE;
    case Cond::A: return arm ? kNoRelation : UGT;
    case Cond::ArmHi: return UGT;
    case Cond::ArmLs: return ULE;
    case Cond::L: return SLT;
    case Cond::GE: return SGE;
    case Cond::LE: return SLE;
    case Cond::G: return SGT;
    case Cond::S: return NEG;
    case Cond::NS: return POS;
    default: return kNoRelation;
  }
}

}  // namespace

bool Translator::compare_and_branch(const Uop& u, const Uop& j) {
  const bool is_arm = u.flags == FlagRule::SubArm || u.flags == FlagRule::LogicArm;
  const bool sub = u.op == Op::Sub && (u.flags == FlagRule::Sub || u.flags == FlagRule::SubArm);
  const bool test = u.op == Op::And && (u.flags == FlagRule::Logic || u.flags == FlagRule::LogicArm);
  if ((!sub && !test) || u.dst != isa::kSink || j.op != Op::JumpCond) return false;
  H h;
  isa::FlagKind kind;
  if (sub) {
    if (u.width == 2) return false;
    const Relation r = relation_of(j.cond, is_arm);
    if (r == kNoRelation) return false;
    const H base = u.width == 1 ? (u.b_imm ? H::CmpI1_EQ : H::CmpR1_EQ)
                   : u.b_imm    ? (u.width == 8 ? H::CmpI8_EQ : H::CmpI4_EQ)
                                : (u.width == 8 ? H::CmpR8_EQ : H::CmpR4_EQ);
    h = base + r;
    kind = is_arm ? isa::FlagKind::SubArm : isa::FlagKind::Sub;
  } else {
    // Logic leaves CF = OF = 0: only conditions on ZF and SF are fused.
    int k = -1;
    switch (j.cond) {
      case isa::Cond::E: k = 0; break;
      case isa::Cond::NE: k = 1; break;
      case isa::Cond::S:
      case isa::Cond::L: k = 2; break;
      case isa::Cond::NS:
      case isa::Cond::GE: k = 3; break;
      case isa::Cond::G: k = 4; break;
      case isa::Cond::LE: k = 5; break;
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
  s.a = u.a, s.b = u.b, s.imm = u.imm, s.imm2 = j.imm;
  s.aux = static_cast<uint8_t>(kind);
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

size_t Translator::fuse_moves(size_t i, size_t left) {
  const Uop& u = items[i].u;
  if (left < 2 || !move8(u) || !move8(items[i + 1].u)) return i;
  Slot& s = emit(H::Mov2);
  s.dst = u.dst, s.b = u.b, s.aux = items[i + 1].u.dst, s.a = items[i + 1].u.b;
  return i + 2;
}

// arm64's constants: MOVZ or ADRP, then MOVK or ADD to the same register, are one number; a MOVK alone is one slot.
size_t Translator::fuse_constant(size_t i, size_t left) {
  const Uop& u = items[i].u;
  if (!arm() || u.op != Op::Mov || !u.b_imm || u.width < 4 || u.dst == isa::kSink) return i;
  const auto insert = [&](size_t k, Reg from, uint64_t& mask, uint64_t& bits) {  // items k, k + 1: MOVK from `from`
    const Uop &m = items[k].u, &b = items[k + 1].u;
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
    if (left < 2 || !insert(i, items[i + 1].u.a, mask, bits)) return i;
    Slot& s = emit(H::InsertI);
    s.dst = items[i + 1].u.dst, s.a = items[i + 1].u.a;
    s.imm = static_cast<int64_t>(mask), s.imm2 = static_cast<int64_t>(bits);
    return i + 2;
  }
  uint64_t value = u.width == 4 ? static_cast<uint32_t>(u.imm) : static_cast<uint64_t>(u.imm);
  size_t k = i + 1;
  while (k < i + left) {
    Reg from;
    int64_t amount;
    if (k + 1 < i + left && insert(k, u.dst, mask, bits) && items[k + 1].u.dst == u.dst) {
      value = (value & mask) | bits;
      k += 2;
    } else if (adds_constant(items[k].u, from, amount) && from == u.dst && items[k].u.dst == u.dst) {
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

size_t Translator::fuse_loads(size_t i, size_t left) {
  if (left < 2) return i;
  const Uop &u = items[i].u, &n = items[i + 1].u;
  if (u.op == Op::LoadPair && u.width == 8 && u.mem.index == isa::kZero && u.mem.seg == isa::kZero &&
      u.ext == isa::Ext::Zero) {
    Reg from;
    int64_t amount;
    if (!adds_constant(n, from, amount) || from != n.dst) return i;
    const bool ret = left >= 3 && items[i + 2].u.op == Op::JumpReg;
    Slot& s = emit(ret ? H::LoadPair8AddRet : H::LoadPair8Add);
    s.a = u.mem.base, s.imm = u.mem.disp, s.dst = u.dst, s.aux = u.dst2, s.b = n.dst, s.imm2 = amount;
    if (ret) s.width = items[i + 2].u.a;
    return i + (ret ? 3 : 2);
  }
  if (u.op == Op::Load && u.width == 1 && u.ext == isa::Ext::Zero && u.mem.index == isa::kZero &&
      u.mem.seg == isa::kZero && u.dst < isa::kZero && (n.op == Op::Tbz || n.op == Op::Tbnz) && n.a == u.dst) {
    Slot& s = emit(n.op == Op::Tbz ? H::LoadU8Tbz : H::LoadU8Tbnz);
    s.a = u.mem.base, s.imm = u.mem.disp, s.dst = u.dst, s.b = static_cast<uint8_t>(n.imm2), s.imm2 = n.imm;
    return n.imm2 < 8 ? i + 2 : (slots.pop_back(), i);
  }
  if (!plain(u, Op::Load)) return i;
  const bool compare = n.op == Op::Sub && n.dst == isa::kSink && n.width == 8 && !n.b_imm &&
                       (n.flags == FlagRule::Sub || n.flags == FlagRule::SubArm);
  if (left >= 3 && compare && items[i + 2].u.op == Op::JumpCond) {
    const Relation r = relation_of(items[i + 2].u.cond, n.flags == FlagRule::SubArm);
    if (r == kNoRelation) return i;
    Slot& s = emit(H::LoadCmp_EQ + r);
    s.a = u.mem.base, s.imm = u.mem.disp, s.dst = u.dst, s.b = n.a, s.aux = n.b, s.imm2 = items[i + 2].u.imm;
    s.width = static_cast<uint8_t>(n.flags == FlagRule::SubArm ? isa::FlagKind::SubArm : isa::FlagKind::Sub);
    return i + 3;
  }
  if (!plain(n, Op::Load) || items[i + 1].index == items[i].index) return i;
  Slot& s = emit(H::Load2);
  s.a = u.mem.base, s.imm = u.mem.disp, s.dst = u.dst;
  s.b = n.mem.base, s.imm2 = n.mem.disp, s.aux = n.dst;
  return parts(i, 2);
}

size_t Translator::fuse_stores(size_t i, size_t left) {
  if (left < 2) return i;
  const Uop &u = items[i].u, &n = items[i + 1].u;
  if (!plain(u, Op::Store)) return i;
  Reg from;
  int64_t amount;
  if (adds_constant(n, from, amount)) {
    Slot& s = emit(H::Store8Add);
    s.a = u.mem.base, s.imm = u.mem.disp, s.dst = u.b, s.aux = n.dst, s.b = from, s.imm2 = amount;
    return i + 2;
  }
  if (!plain(n, Op::Store) || items[i + 1].index == items[i].index) return i;
  Slot& s = emit(H::Store2);
  s.a = u.mem.base, s.imm = u.mem.disp, s.dst = u.b;
  s.b = n.mem.base, s.imm2 = n.mem.disp, s.aux = n.b;
  return parts(i, 2);
}

// x86-64: SUB RSP, n; MOV [RSP+d], RBP; LEA RBP, [RSP+e] and MOV RBP, [RSP+d]; ADD RSP, n; RET.
size_t Translator::fuse_frame(size_t i, size_t left) {
  if (arm() || left < 3) return i;
  const Uop &u = items[i].u, &v = items[i + 1].u, &w = items[i + 2].u;
  const auto adjusts = [](const Uop& x, Op op, FlagRule f) {
    return x.op == op && x.width == 8 && x.dst == isa::kRsp && x.a == isa::kRsp && x.b_imm && x.flags == f;
  };
  if (adjusts(u, Op::Sub, FlagRule::Sub) && plain(v, Op::Store) && v.mem.base == isa::kRsp && v.b != isa::kRsp &&
      w.op == Op::Lea && w.width == 8 && w.mem.base == isa::kRsp && w.mem.index == isa::kZero && w.dst < isa::kT0 &&
      w.dst != isa::kRsp) {
    Slot& s = emit(H::Prologue);
    s.a = isa::kRsp, s.imm = u.imm, s.dst = v.b, s.imm2 = v.mem.disp, s.aux = w.dst;
    return parts(i, 3);
  }
  if (left >= 5 && plain(u, Op::Load) && u.mem.base == isa::kRsp && u.dst != isa::kRsp &&
      adjusts(v, Op::Add, FlagRule::Add) && w.op == Op::Load && w.width == 8 && w.mem.base == isa::kRsp &&
      w.mem.disp == 0 && w.mem.index == isa::kZero && w.mem.seg == isa::kZero && w.dst >= isa::kT0) {
    Slot& s = emit(H::Epilogue);
    const size_t mark = slots.size() - 1;
    s.a = isa::kRsp, s.imm = u.mem.disp, s.dst = u.dst, s.imm2 = v.imm;
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
bool Translator::compare_memory_and_branch(const Uop& u, const Uop& o, const Uop& j) {
  const Relation r = relation_of(j.cond, false);
  Slot probe{};
  if (j.op != Op::JumpCond || r == kNoRelation || !address(u, probe)) return false;
  const int row = u.width == 8 ? 0 : u.width == 4 ? 1 : 2;
  if (o.b_imm) {
    if (o.a != u.dst || probe.imm != static_cast<int32_t>(probe.imm) || o.imm != static_cast<int32_t>(o.imm))
      return false;
    Slot& s = emit(H::CmpMemI8_EQ + (row * kNoRelation + r));
    address(u, s);
    s.imm = static_cast<int64_t>(static_cast<uint64_t>(o.imm) << 32 | static_cast<uint32_t>(probe.imm));
    s.imm2 = j.imm;
    return true;
  }
  if ((o.a == u.dst) == (o.b == u.dst)) return false;
  Slot& s = emit(H::CmpMemR8_EQ + (row * kNoRelation + r));
  address(u, s);
  s.dst = o.a == u.dst ? o.b : o.a, s.width = o.a == u.dst, s.imm2 = j.imm;
  return true;
}

size_t Translator::fuse(size_t i) {
  const Uop& u = items[i].u;
  const size_t left = fence - i;
  const bool same2 = left >= 2 && items[i + 1].index == items[i].index;
  // CALL: Store [rsp-8] ← next; Lea rsp; Jump. RET: Load t; Lea rsp; JumpReg t.
  if (left >= 3 && same2 && items[i + 2].index == items[i].index && !arm()) {
    const Uop &l = items[i + 1].u, &j = items[i + 2].u;
    const bool lea_sp =
        l.op == Op::Lea && l.dst == isa::kRsp && l.width == 8 && l.mem.base == isa::kRsp && l.mem.index == isa::kZero;
    const bool at_sp = u.mem.base == isa::kRsp && u.mem.index == isa::kZero && u.mem.seg == isa::kZero;
    if (u.op == Op::Store && u.b_imm && u.width == 8 && at_sp && u.mem.disp == -8 && lea_sp && l.mem.disp == -8 &&
        (j.op == Op::Jump || (j.op == Op::JumpReg && j.a != isa::kRsp))) {
      Slot& s = emit(j.op == Op::Jump ? H::Call : H::CallReg);
      s.imm = u.imm, s.imm2 = j.imm, s.a = j.a;
      return i + 3;
    }
    if (u.op == Op::Load && u.width == 8 && at_sp && u.mem.disp == 0 && lea_sp && l.mem.disp >= 8 &&
        j.op == Op::JumpReg && j.a == u.dst && u.dst >= isa::kT0) {
      emit(H::Ret).imm = l.mem.disp;
      return i + 3;
    }
  }
  if (left >= 2 && items[i + 1].u.op == Op::Jump && items[i + 1].u.hint == isa::Hint::Call && same2 &&
      u.op == Op::Mov && u.b_imm && arm()) {
    Slot& s = emit(H::JumpLink);
    s.dst = u.dst, s.imm = u.imm, s.imm2 = items[i + 1].u.imm;
    return i + 2;
  }
  if (left >= 2 && compare_and_branch(u, items[i + 1].u)) return i + 2;
  for (const auto f : {&Translator::fuse_frame, &Translator::fuse_constant, &Translator::fuse_moves,
                       &Translator::fuse_loads, &Translator::fuse_stores})
    if (const size_t end = (this->*f)(i, left); end != i) return end;
  // Load t; op r, t: the temporary dies here.
  if (left >= 2 && same2 && u.op == Op::Load && u.dst >= isa::kT0 && u.dst < isa::kRegs) {
    const Uop& o = items[i + 1].u;
    const bool last = i + 2 >= items.size() || items[i + 2].index != items[i].index;
    const bool compare = o.op == Op::Sub && o.dst == isa::kSink && o.flags == FlagRule::Sub && o.width == u.width &&
                         u.ext == isa::Ext::Zero;
    Slot probe{};
    if (last && compare && !o.b_imm && o.b == u.dst && o.a < isa::kT0 && u.width == 8 && left >= 3 &&
        items[i + 2].u.op == Op::JumpCond && items[i + 2].u.cond == isa::Cond::BE && u.mem.index == isa::kZero &&
        u.mem.seg == isa::kZero) {
      Slot& s = emit(H::StackCheck);
      s.a = u.mem.base, s.imm = u.mem.disp, s.dst = o.a, s.imm2 = items[i + 2].u.imm;
      return i + 3;
    }
    const bool width_ok = u.width == 8 || u.width == 4 || u.width == 1;
    if (left >= 3 && last && compare && width_ok && compare_memory_and_branch(u, o, items[i + 2].u)) return i + 3;
    if (last && compare && address(u, probe) && (u.width == 8 || u.width == 4 || u.width == 1)) {
      const bool imm = o.b_imm && o.a == u.dst;
      const bool reg = !o.b_imm && (o.a == u.dst) != (o.b == u.dst);
      if (imm || reg) {
        const H h = imm ? (u.width == 8   ? H::CmpLoadI8x
                           : u.width == 4 ? H::CmpLoadI4x
                                          : H::CmpLoadI1x)
                        : (u.width == 8   ? H::CmpLoad8x
                           : u.width == 4 ? H::CmpLoad4x
                                          : H::CmpLoad1x);
        Slot& s = emit(h);
        address(u, s);
        if (imm)
          s.imm2 = o.imm;
        else
          s.width = o.a == u.dst ? o.b : o.a, s.imm2 = o.a == u.dst;
        return i + 2;
      }
    }
    if (last && u.width == 8 && o.width == 8 && !o.b_imm && o.b == u.dst && o.a != u.dst && o.dst != isa::kSink &&
        address(u, probe) &&
        (o.flags == FlagRule::None || o.flags == FlagRule::Add || o.flags == FlagRule::Sub ||
         o.flags == FlagRule::Logic)) {
      H h = H::kCount;
      switch (o.op) {
        case Op::Add: h = H::AddLoad8; break;
        case Op::Sub: h = H::SubLoad8; break;
        case Op::And: h = H::AndLoad8; break;
        case Op::Or: h = H::OrLoad8; break;
        case Op::Xor: h = H::XorLoad8; break;
        default: break;
      }
      if (h != H::kCount) {
        Slot& s = emit(h);
        address(u, s);
        s.width = o.a, s.dst = o.dst, s.imm2 = o.flags != FlagRule::None;
        return i + 2;
      }
    }
  }
  return one(i);
}

}  // namespace deferscope::emu
