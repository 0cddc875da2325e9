// Guest code → BlockIr.
#include <algorithm>

#include "emu/engine/translator.h"
#include "isa/lift.h"
#include "isa/op_traits.h"

namespace deferscope::emu {

using isa::FlagRule;
using isa::Op;
using isa::Uop;

namespace {

// Writes all six, whatever they were.
bool replaces_flags(const Uop& u) {
  switch (u.flags) {
    case FlagRule::None: return isa::traits(u.op).replaces_flags();
    case FlagRule::Inc:
    case FlagRule::Dec:
    case FlagRule::Bit: return false;
    case FlagRule::Shift:
      return (u.op == Op::Shl || u.op == Op::Shr || u.op == Op::Sar) && u.b_imm &&
             (u.imm & (u.width == 8 ? 63 : 31)) != 0;
    default: return true;
  }
}

bool reads_flags(const Uop& u) {
  return isa::traits(u.op).reads_flags() || u.flags == FlagRule::Inc || u.flags == FlagRule::Dec ||
         u.flags == FlagRule::Bit || (u.flags == FlagRule::Shift && !replaces_flags(u));
}

// Instructions are read from a piece of their page that is fetched once; where a whole one may not be left of it, from
// a fetch of their own.
class Fetcher {
 public:
  explicit Fetcher(Memory& memory) : memory_(memory) {}
  // Up to `want` (≤ 15) bytes at `address`: how many there are, at bytes().
  unsigned fetch(uint64_t address, unsigned want) {
    if (address < at_ || address + want > at_ + have_) {
      const uint64_t room = page_of(address) + kPage - address;
      at_ = address;
      have_ =
          memory_.fetch(address, piece_, room < want ? want : static_cast<unsigned>(std::min<uint64_t>(room, kPiece)));
    }
    offset_ = address - at_;
    return std::min<unsigned>(want, have_ - static_cast<unsigned>(offset_));
  }
  const uint8_t* bytes() const { return piece_ + offset_; }

 private:
  static constexpr unsigned kPiece = 128;
  Memory& memory_;
  uint64_t at_ = 0, offset_ = 0;
  unsigned have_ = 0;
  uint8_t piece_[kPiece];
};

}  // namespace

void Translator::add_op(const Uop& u, uint16_t offset, bool first) {
  IrItem& it = ir_.items.emplace_back();
  it.op = u;
  it.offset = offset;
  it.index = static_cast<uint8_t>(ir_.count);
  it.length = in_.length;
  it.first = first;
}

// The bad instruction gets a block of its own, so that what stands before it runs.
void Translator::bad_fetch(isa::Fault fault, uint64_t ahead) {
  IrItem& it = ir_.items.emplace_back();
  it.kind = IrItem::BadFetch;
  it.first = true;
  it.fault = fault;
  it.value = fault == isa::Fault::Page ? ahead : 0;
  ir_.count = 1;
  ir_.span = static_cast<uint32_t>(std::max<uint64_t>(ahead, 1) + (fault == isa::Fault::Page && ahead > 0));
}

// LDMXCSR, FXRSTOR, XRSTOR: which exceptions are signals may be another matter behind it.
static bool loads_mxcsr(const isa::Lifted& in) {
  return std::any_of(in.uops, in.uops + in.count,
                     [](const Uop& u) { return u.op == Op::LoadMxcsr || u.op == Op::LoadArea; });
}

// Lifts up to `limit` instructions. False: there is none, and the block is a bad fetch.
bool Translator::gather(Memory& memory, unsigned limit, const Interests& interests) {
  uint64_t here = ir_.pc, marked = 1;
  const unsigned want = isa::longest(ir_.isa);
  Fetcher fetcher(memory);
  while (ir_.count < limit) {
    const auto offset = static_cast<uint16_t>(here - ir_.pc);
    if (ir_.count > 0 && (interests.hooks.count(here) || offset > 2000)) break;
    if (ir_.count > 0 && interests.host_calls && interests.host_calls(here)) break;
    const unsigned have = fetcher.fetch(here, want);
    isa::lift(ir_.isa, {fetcher.bytes(), have}, here, in_, level_);
    if (in_.fault != isa::Fault::None) {
      if (ir_.count > 0) break;
      bad_fetch(in_.fault, have);
      memory.mark_code(page_of(here));
      memory.mark_code(page_of(here + ir_.span - 1));
      return false;
    }
    const uint64_t end_page = page_of(here + in_.length - 1);
    if (marked != end_page) {
      memory.mark_code(page_of(here));
      memory.mark_code(end_page);
      marked = end_page;
    }
    if (in_.count == 0) add_op(Uop{}, offset, true);
    for (int i = 0; i < in_.count; ++i) add_op(in_.uops[i], offset, i == 0);
    here += in_.length;
    ++ir_.count;
    ir_.bytes = ir_.span = static_cast<uint32_t>(here - ir_.pc);
    if (in_.ends_block() || loads_mxcsr(in_)) break;
  }
  return true;
}

// Backwards: a flag write that is overwritten before anybody could look is dropped.
void Translator::drop_dead_flags() {
  bool live = true;
  for (size_t i = ir_.items.size(); i-- > 0;) {
    Uop& u = ir_.items[i].op;
    if (!live && u.op != Op::Bsf && u.op != Op::Bsr) u.flags = FlagRule::None;
    if (replaces_flags(u)) live = false;
    if (reads_flags(u) || isa::traits(u.op).faults()) live = true;  // a fault or a system would show them
  }
}

BlockIr& Translator::run(uint64_t pc, Memory& memory, unsigned limit, const Interests& interests) {
  ir_.pc = pc, ir_.count = 0, ir_.bytes = 0, ir_.span = 1;
  ir_.hooked = interests.hooks.count(pc) != 0, ir_.observed = false;
  ir_.items.clear(), ir_.offsets.clear();
  if (interests.host_calls && interests.host_calls(pc)) {
    ir_.items.emplace_back().kind = IrItem::HostCall;
    ir_.count = 1;
  } else if (gather(memory, limit, interests)) {
    drop_dead_flags();
    const IrItem& last = ir_.items.back();
    if (!isa::traits(last.op.op).ends()) {
      IrItem fall = last;
      fall.kind = IrItem::Fall, fall.first = false, fall.value = loads_mxcsr(in_);
      ir_.items.push_back(fall);
    }
  }
  if (ir_.hooked || interests.observe || !interests.marks.empty()) weave(interests);
  find_patterns(ir_);
  return ir_;
}

namespace {

// Ops that may end the run, or whose accesses are shown.
bool may_stop(const Uop& u) {
  const isa::OpTraits& t = isa::traits(u.op);
  return t.faults() || t.group == isa::OpGroup::Machine;
}

}  // namespace

IrItem& Translator::insert(IrItem::Kind kind, const IrItem& before) {
  IrItem& it = ir_.items.emplace_back();
  it.kind = kind;
  it.offset = before.offset;
  it.index = before.index;
  it.length = before.length;
  return it;
}

// Puts hooks, observers and marks between the ops. A bad instruction is still one that an observer is shown.
void Translator::weave(const Interests& interests) {
  ops_.swap(ir_.items);
  ir_.items.clear();
  const bool runs = ops_[0].kind == IrItem::Op || ops_[0].kind == IrItem::BadFetch;
  const bool bad = ops_[0].kind == IrItem::BadFetch;
  if (ir_.hooked) insert(IrItem::Hook, ops_[0]);
  ir_.observed = interests.observe && runs && !(bad && ir_.hooked);
  if (ir_.observed)
    for (const IrItem& it : ops_)
      if (it.first) ir_.offsets.push_back(it.offset);
  for (size_t i = 0; i < ops_.size(); ++i) {
    const IrItem& it = ops_[i];
    if (ir_.observed && it.first) observe_run(i);
    if (ir_.observed && interests.observe_memory && it.kind == IrItem::Op) observe_access(it);
    if (it.kind == IrItem::Op && it.first)
      if (const auto mark = interests.marks.find(ir_.pc + it.offset); mark != interests.marks.end())
        insert(IrItem::Mark, it).value = mark->second;
    ir_.items.push_back(it);
  }
}

// Before the first instruction and behind each that may end the run: tells of the instructions up to the next such one.
void Translator::observe_run(size_t i) {
  const auto stops = [&](size_t of) {  // the instruction that op `of` belongs to may end the run
    size_t k = of;
    while (k > 0 && ops_[k - 1].index == ops_[of].index) --k;
    bool any = false;
    for (; k < ops_.size() && ops_[k].index == ops_[of].index; ++k)
      any |= ops_[k].kind == IrItem::Op && may_stop(ops_[k].op);
    return any;
  };
  if (i > 0 && !stops(i - 1)) return;
  size_t end = i;
  while (end < ops_.size() && !stops(end)) ++end;
  const uint8_t last = ops_[std::min(end, ops_.size() - 1)].index;
  insert(IrItem::Observe, ops_[i]).value = static_cast<uint64_t>(last - ops_[i].index + 1);
}

void Translator::observe_access(const IrItem& it) {
  const Uop& u = it.op;
  const isa::OpTraits& t = isa::traits(u.op);
  const auto show = [&](const Uop& where, unsigned bytes, bool write) {
    IrItem& shown = insert(IrItem::ObserveAccess, it);
    shown.op = where, shown.value = bytes, shown.write = write;
  };
  if (t.group == isa::OpGroup::String) {  // source and destination are two accesses
    Uop a = u;
    a.mem = {};
    a.mem.base = isa::kRsi, a.mem.seg = u.mem.seg;
    if (u.op != Op::Stos && u.op != Op::Scas) show(a, u.width, false);
    a.mem = {};
    a.mem.base = isa::kRdi;
    if (u.op != Op::Lods) show(a, u.width, u.op == Op::Movs || u.op == Op::Stos);
  } else if (t.group == isa::OpGroup::Masked || u.op == Op::ZeroLine || u.op == Op::StoreEx ||
             u.op == Op::StoreExPair) {
    show(u, 0, t.touch == isa::Touch::Write);
  } else if (t.touch == isa::Touch::Read || t.touch == isa::Touch::Write) {
    show(u, t.bytes(u), t.touch == isa::Touch::Write);
  }
}

}  // namespace deferscope::emu
