// Micro-ops that belong together: what every backend does in one piece.
#include "emu/engine/block_ir.h"

namespace deferscope::emu {

using isa::FlagRule;
using isa::Op;
using isa::Uop;

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

namespace {

bool at_stack_pointer(const isa::Mem& m, int64_t disp) {
  return m.base == isa::kRsp && m.index == isa::kZero && m.seg == isa::kZero && m.disp == disp;
}

bool moves_stack_pointer(const Uop& u) {
  return u.op == Op::Lea && u.dst == isa::kRsp && u.width == 8 && u.mem.base == isa::kRsp && u.mem.index == isa::kZero;
}

// The relation that the branch asks; logic leaves C = V = 0, so that only Z and N are asked.
Relation branch_relation(const Uop& u, const Uop& jump) {
  if (jump.op != Op::JumpCond || u.dst != isa::kSink) return kNoRelation;
  if (u.op == Op::Sub && (u.flags == FlagRule::Sub || u.flags == FlagRule::SubArm))
    return relation_of(jump.cond, u.flags == FlagRule::SubArm);
  if (u.op != Op::And || (u.flags != FlagRule::Logic && u.flags != FlagRule::LogicArm)) return kNoRelation;
  switch (jump.cond) {
    case isa::Cond::E: return EQ;
    case isa::Cond::NE: return NE;
    case isa::Cond::S:
    case isa::Cond::L: return NEG;
    case isa::Cond::NS:
    case isa::Cond::GE: return POS;
    case isa::Cond::G: return SGT;
    case isa::Cond::LE: return SLE;
    default: return kNoRelation;
  }
}

// The pattern that begins at items[0].
void find(std::span<IrItem> items, bool arm) {
  IrItem& first = items[0];
  const auto is_op = [&](size_t i) { return i < items.size() && items[i].kind == IrItem::Op; };
  const auto is_same = [&](size_t i) { return is_op(i) && items[i].index == first.index; };
  const auto set = [&](IrItem::Pattern p, uint8_t n) { first.pattern = p, first.covers = n; };
  const Uop& u = first.op;
  if (!arm && is_same(1) && is_same(2) && moves_stack_pointer(items[1].op)) {
    const Uop &l = items[1].op, &j = items[2].op;
    if (u.op == Op::Store && u.b_imm && u.width == 8 && at_stack_pointer(u.mem, -8) && l.mem.disp == -8 &&
        (j.op == Op::Jump || (j.op == Op::JumpReg && j.a != isa::kRsp)))
      return set(IrItem::Call, 3);
    if (u.op == Op::Load && u.width == 8 && at_stack_pointer(u.mem, 0) && l.mem.disp >= 8 && j.op == Op::JumpReg &&
        j.a == u.dst && u.dst >= isa::kT0)
      return set(IrItem::Return, 3);
  }
  if (arm && is_same(1) && u.op == Op::Mov && u.b_imm && items[1].op.op == Op::Jump &&
      items[1].op.hint == isa::Hint::Call)
    return set(IrItem::Link, 2);
  if (!is_op(1)) return;
  first.relation = branch_relation(u, items[1].op);
  if (first.relation != kNoRelation) set(IrItem::CompareBranch, 2);
}

}  // namespace

void find_patterns(BlockIr& ir) {
  for (size_t i = 0; i < ir.items.size(); ++i)
    if (ir.items[i].kind == IrItem::Op) find(std::span(ir.items).subspan(i), ir.arm());
}

}  // namespace deferscope::emu
