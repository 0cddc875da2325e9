// Canonical micro-ops → execution slots: operands rewritten, pairs fused, flags dropped where nobody can see them.
#include <algorithm>
#include <cstring>

#include "emu/engine/cache.h"
#include "emu/engine/handlers.h"
#include "isa/arm64/lift.h"
#include "isa/x86_64/lift.h"

namespace deferscope::emu {

using isa::FlagRule;
using isa::Op;
using isa::Reg;
using isa::Uop;

namespace {

bool writes_flags(const Uop& u) {
  switch (u.op) {
    case Op::WriteFlags:
    case Op::WriteNzcv:
    case Op::FpCompare:
    case Op::Ccmp:
    case Op::Ccmn: return true;
    default: return u.flags != FlagRule::None;
  }
}

// Writes all six, whatever they were.
bool replaces_flags(const Uop& u) {
  switch (u.flags) {
    case FlagRule::None: return u.op == Op::WriteFlags || u.op == Op::WriteNzcv || u.op == Op::FpCompare;
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
  switch (u.op) {
    case Op::Adc:
    case Op::Sbb:
    case Op::Sbc:
    case Op::Rcl:
    case Op::Rcr:
    case Op::Select:
    case Op::Csinc:
    case Op::Csinv:
    case Op::Csneg:
    case Op::Set:
    case Op::Ccmp:
    case Op::Ccmn:
    case Op::ReadFlags:
    case Op::ReadNzcv:
    case Op::FlagBits:
    case Op::JumpCond: return true;
    case Op::Helper: return true;
    default:
      return u.flags == FlagRule::Inc || u.flags == FlagRule::Dec || u.flags == FlagRule::Bit ||
             (u.flags == FlagRule::Shift && !replaces_flags(u));
  }
}

// Could somebody see the flags here: a fault, a system, an observer?
bool shows_state(const Uop& u) {
  switch (u.op) {
    case Op::Load:
    case Op::LoadRmw:
    case Op::Store:
    case Op::StoreCheck:
    case Op::LoadPair:
    case Op::StorePair:
    case Op::LoadV:
    case Op::StoreV:
    case Op::LoadVPair:
    case Op::StoreVPair:
    case Op::LoadEx:
    case Op::LoadExPair:
    case Op::StoreEx:
    case Op::StoreExPair:
    case Op::ZeroLine:
    case Op::Syscall:
    case Op::Trap:
    case Op::Movs:
    case Op::Stos:
    case Op::Lods:
    case Op::Scas:
    case Op::Cmps:
    case Op::DivWideU:
    case Op::DivWideS:
    case Op::Helper:
    case Op::LoadMxcsr: return true;
    default: return false;
  }
}

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

struct Translator {
  Engine& engine;
  Memory& memory;
  uint64_t pc;
  unsigned limit;
  std::unique_ptr<Block> block = std::make_unique<Block>();

  struct Item {  // a micro-op with the instruction it came from
    Uop u;
    uint16_t offset;
    uint8_t index, length;
    bool first;          // of its instruction
    bool stops = false;  // its instruction may end the run
  };
  std::vector<Item> items{};
  std::vector<Slot> slots{};
  const void* const* labels = handler_labels();
  const Item* at = nullptr;
  size_t fence = 0;  // nothing is fused across this item

  Slot& emit(H h) {
    Slot s{};
    s.handler = labels[static_cast<int>(h)];
    if (at) s.offset = at->offset, s.index = at->index;
    slots.push_back(s);
    return slots.back();
  }

  // The slots of items i…i+n-1 behind a fused one.
  size_t parts(size_t i, size_t n) {
    for (size_t k = 0; k < n; ++k) at = &items[i + k], one(i + k);
    return i + n;
  }

  void emit_rare(const Uop& u, bool end = false) {
    Slot& s = emit(end ? H::RareEnd : H::Rare);
    block->rare.push_back(std::make_unique<Uop>(u));
    s.uop = block->rare.back().get();
    s.aux = at->length;
  }

  std::unique_ptr<Block> run();
  bool gather();
  void drop_dead_flags();
  void classify();
  void observe(size_t i);
  void observe_access(const Item& it);
  size_t one(size_t i);
  size_t fuse(size_t i);
  size_t fuse_moves(size_t i, size_t left);
  size_t fuse_constant(size_t i, size_t left);
  size_t fuse_loads(size_t i, size_t left);
  size_t fuse_stores(size_t i, size_t left);
  size_t fuse_frame(size_t i, size_t left);
  bool compare_memory_and_branch(const Uop& load, const Uop& compare, const Uop& jump);
  bool compare_and_branch(const Uop& u, const Uop& j);
  bool alu(const Uop& u);
  bool shift(const Uop& u);
  bool conditional(const Uop& u);
  bool bit_tests(const Uop& u);
  bool bits(const Uop& u);
  bool multiply(const Uop& u);
  bool memory_op(const Uop& u);
  bool vector(const Uop& u);
  bool control(const Uop& u);
  bool address(const Uop& u, Slot& s) const;
  void bad_fetch(uint16_t offset, uint8_t index, isa::Fault fault, uint64_t ahead);
  bool arm() const { return engine.isa_ == isa::Isa::arm64; }
};

void Translator::bad_fetch(uint16_t offset, uint8_t index, isa::Fault fault, uint64_t ahead) {
  at = nullptr;
  Slot& s = emit(H::BadFetch);
  s.offset = offset;
  s.index = index;
  s.aux = static_cast<uint8_t>(fault);
  s.imm = static_cast<int64_t>(ahead);
}

// Lifts up to `limit` instructions. False: the run ends with a bad fetch (already counted).
bool Translator::gather() {
  uint64_t here = pc, marked = 1;
  isa::Lifted in;  // 2 KiB: made fresh once, then only what was used
  items.reserve(limit * 2);
  for (unsigned n = 0; n < limit; ++n) {
    const auto offset = static_cast<uint16_t>(here - pc);
    if (n > 0 && (engine.hooks_.count(here) || offset > 2000)) break;
    if (n > 0 && engine.is_host_call_ && engine.is_host_call_(here)) break;
    uint8_t bytes[16];
    const unsigned want = arm() ? 4 : 15;
    for (int i = 0; i < in.count; ++i) in.uops[i] = Uop{};
    in.count = 0, in.length = 0, in.fault = isa::Fault::None;
    unsigned have = 0;
    if (arm() && here % 4 != 0) {
      in.fault = isa::Fault::PcAlignment;
    } else {
      have = memory.fetch(here, bytes, want);
      if (have == 0 || (arm() && have < 4)) {
        in.fault = isa::Fault::Page;
      } else if (arm()) {
        uint32_t word;
        std::memcpy(&word, bytes, 4);
        isa::arm64::lift(word, here, in);
      } else {
        isa::x86_64::lift(bytes, have, here, in);
      }
    }
    if (in.fault != isa::Fault::None) {
      if (n > 0) break;  // the bad instruction gets a block of its own, so that what stands before it runs
      block->count = 1;
      if (have) memory.mark_code(page_of(here));
      bad_fetch(0, 0, in.fault, in.fault == isa::Fault::Page ? have : 0);
      return false;
    }
    const uint64_t end_page = page_of(here + in.length - 1);
    if (marked != end_page) {
      memory.mark_code(page_of(here));
      memory.mark_code(end_page);
      marked = end_page;
    }
    if (in.count == 0) {
      Uop nop;
      items.push_back({nop, offset, static_cast<uint8_t>(n), in.length, true});
    }
    for (int i = 0; i < in.count; ++i)
      items.push_back({in.uops[i], offset, static_cast<uint8_t>(n), in.length, i == 0});
    here += in.length;
    ++block->count;
    block->bytes = static_cast<uint32_t>(here - pc);
    if (in.ends_block()) break;
  }
  return true;
}

// Backwards: a flag write that is overwritten before anybody could look is dropped.
void Translator::drop_dead_flags() {
  bool live = true;
  for (size_t i = items.size(); i-- > 0;) {
    Uop& u = items[i].u;
    if (writes_flags(u) && u.flags != FlagRule::None && !live && u.op != Op::Bsf && u.op != Op::Bsr)
      u.flags = FlagRule::None;
    if (replaces_flags(u)) live = false;
    if (reads_flags(u) || shows_state(u)) live = true;
  }
}

std::unique_ptr<Block> Translator::run() {
  block->pc = pc;
  if (engine.hooks_.count(pc)) {
    block->hooked = true;
    emit(H::Hook);
  }
  if (engine.is_host_call_ && engine.is_host_call_(pc)) {
    block->count = 1;
    emit(H::HostCall);
  } else if (gather()) {
    drop_dead_flags();
    fence = items.size();
    if (engine.observer_) classify();
    for (size_t i = 0; i < items.size();) {
      at = &items[i];
      if (engine.observer_) observe(i);
      i = fuse(i);
    }
    const Uop& last = items.back().u;
    switch (last.op) {
      case Op::Jump:
      case Op::JumpReg:
      case Op::JumpCond:
      case Op::Cbz:
      case Op::Cbnz:
      case Op::Tbz:
      case Op::Tbnz:
      case Op::Syscall:
      case Op::Trap:
      case Op::Movs:
      case Op::Stos:
      case Op::Lods:
      case Op::Scas:
      case Op::Cmps: break;
      default: at = &items.back(); emit(H::Fall);
    }
  } else if (engine.observer_ && !block->hooked) {
    // A bad instruction is still an instruction that an observer is shown.
    block->offsets = std::make_unique<uint16_t[]>(1);
    Slot s{};
    s.handler = labels[static_cast<int>(H::Observe)];
    s.imm = 1;
    slots.insert(slots.begin(), s);
  }
  block->storage = std::make_unique<Slot[]>(slots.size());
  std::copy(slots.begin(), slots.end(), block->storage.get());
  block->slots = block->storage.get();
  ++engine.blocks_made_;
  return std::move(block);
}

// Ops that may end the run, or whose accesses are shown.
bool may_stop(const Uop& u) { return shows_state(u) || (u.op >= Op::Cpuid && u.op <= Op::StoreMxcsr); }

void Translator::classify() {
  block->offsets = std::make_unique<uint16_t[]>(block->count);
  for (size_t i = 0; i < items.size();) {
    size_t end = i;
    bool stops = false;
    for (; end < items.size() && items[end].index == items[i].index; ++end) stops |= may_stop(items[end].u);
    block->offsets[items[i].index] = items[i].offset;
    for (; i < end; ++i) items[i].stops = stops;
  }
}

// Tells the observer of the instructions up to the next that may end the run; the fence moves behind it (or, if
// accesses are shown, before it: they come when its turn does).
void Translator::observe(size_t i) {
  const Item& it = items[i];
  size_t end = i;
  while (end < items.size() && !items[end].stops) ++end;
  fence = end;
  if (end < items.size()) {
    const uint8_t last = items[end].index;
    while (end < items.size() && items[end].index == last) ++end;
    if (!engine.observe_memory_ || it.stops) fence = end;
  }
  if (it.first && (i == 0 || items[i - 1].stops)) emit(H::Observe).imm = items[end - 1].index - it.index + 1;
  if (engine.observe_memory_) observe_access(it);
}

void Translator::observe_access(const Item& it) {
  const Uop& u = it.u;
  unsigned bytes = u.width;
  bool write = false;
  switch (u.op) {
    case Op::Load:
    case Op::LoadRmw:
    case Op::LoadV:
    case Op::LoadEx: break;
    case Op::Store:
    case Op::StoreV:
    case Op::StoreEx: write = true; break;
    case Op::LoadPair:
    case Op::LoadVPair:
    case Op::LoadExPair: bytes *= 2; break;
    case Op::StorePair:
    case Op::StoreVPair:
    case Op::StoreExPair: bytes *= 2, write = true; break;
    case Op::ZeroLine: bytes = 64, write = true; break;
    case Op::Movs:
    case Op::Stos:
    case Op::Lods:
    case Op::Scas:
    case Op::Cmps: {
      // Source and destination are two accesses.
      Uop a = u;
      a.mem = {};
      if (u.op != Op::Stos && u.op != Op::Scas) {
        a.mem.base = isa::kRsi, a.mem.seg = u.mem.seg;
        block->rare.push_back(std::make_unique<Uop>(a));
        Slot& s = emit(H::ObserveAccess);
        s.uop = block->rare.back().get(), s.width = static_cast<uint8_t>(bytes), s.aux = 0;
      }
      if (u.op == Op::Lods) return;
      a.mem = {};
      a.mem.base = isa::kRdi;
      block->rare.push_back(std::make_unique<Uop>(a));
      Slot& s = emit(H::ObserveAccess);
      s.uop = block->rare.back().get(), s.width = static_cast<uint8_t>(bytes),
      s.aux = u.op == Op::Movs || u.op == Op::Stos;
      return;
    }
    default: return;
  }
  block->rare.push_back(std::make_unique<Uop>(u));
  Slot& s = emit(H::ObserveAccess);
  s.uop = block->rare.back().get();
  s.width = static_cast<uint8_t>(bytes);
  s.aux = write;
}

// --- fusion of neighbours ---

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

// --- one micro-op, one slot ---

size_t Translator::one(size_t i) {
  const Uop& u = items[i].u;
  const bool made = alu(u) || shift(u) || conditional(u) || bit_tests(u) || bits(u) || multiply(u) || memory_op(u) ||
                    vector(u) || control(u);
  if (!made) emit_rare(u);
  return i + 1;
}

bool Translator::alu(const Uop& u) {
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

bool Translator::shift(const Uop& u) {
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

bool Translator::conditional(const Uop& u) {
  H base;
  switch (u.op) {
    case Op::Select: base = H::Select8; break;
    case Op::Csinc: base = H::Csinc8; break;
    case Op::Csinv: base = H::Csinv8; break;
    case Op::Csneg: base = H::Csneg8; break;
    case Op::Set: {
      Slot& s = emit(H::Set);
      s.dst = u.dst, s.aux = static_cast<uint8_t>(u.cond);
      return true;
    }
    default: return false;
  }
  if (u.width < 4) return false;
  Slot& s = emit(base + (u.width == 4 ? 1 : 0));
  s.dst = u.dst, s.a = u.a, s.b = u.b, s.aux = static_cast<uint8_t>(u.cond);
  return true;
}

// BSF, BSR, BT and its kin: the bit's number is a register or an immediate.
bool Translator::bit_tests(const Uop& u) {
  if (u.width < 4) return false;
  const bool four = u.width == 4, test = u.op == Op::Bt;
  if (u.op == Op::Bsf || u.op == Op::Bsr) {
    if (u.b_imm || u.flags == FlagRule::None || u.dst != u.a) return false;
    Slot& s = emit(four ? H::Bsx4 : H::Bsx8);
    s.dst = u.dst, s.b = u.b, s.aux = u.op == Op::Bsr;
    return true;
  }
  if (!test && u.op != Op::Bts && u.op != Op::Btr && u.op != Op::Btc) return false;
  if (test && u.flags == FlagRule::None) return true;
  Slot& s = emit(test ? (four ? H::Bt4 : H::Bt8) : (four ? H::BitOp4 : H::BitOp8));
  s.dst = u.dst, s.a = u.a, s.b = u.b_imm ? isa::kZero : u.b, s.imm = u.b_imm ? u.imm : 0;
  s.aux = u.op == Op::Btr ? 1 : u.op == Op::Btc ? 2 : 0, s.imm2 = u.flags != FlagRule::None;
  return true;
}

bool Translator::bits(const Uop& u) {
  if (u.width < 4 || u.b_imm) return false;
  const unsigned lsb = static_cast<unsigned>(u.imm) & 255, len = static_cast<unsigned>(u.imm >> 8) & 255;
  const uint64_t field = len >= 64 ? ~uint64_t{0} : (uint64_t{1} << len) - 1;
  const bool four = u.width == 4;
  H h;
  uint8_t aux = 0;
  int64_t imm = 0;
  switch (u.op) {
    case Op::Ubfx:
      h = H::Ubfx, aux = static_cast<uint8_t>(lsb), imm = static_cast<int64_t>(four ? field & 0xffffffff : field);
      break;
    case Op::Sbfx:
      if (len == 0 || lsb + len > 64) return false;
      h = four ? H::Sbfx4 : H::Sbfx8, aux = static_cast<uint8_t>(64 - lsb - len), imm = 64 - static_cast<int>(len);
      break;
    case Op::Bfi:
      h = four ? H::Bfi4 : H::Bfi8, aux = static_cast<uint8_t>(lsb), imm = static_cast<int64_t>(field << lsb);
      break;
    case Op::Clz: h = four ? H::Clz4 : H::Clz8; break;
    case Op::Bswap: h = four ? H::Bswap4 : H::Bswap8; break;
    case Op::Popcnt:
      if (u.flags != FlagRule::None) return false;
      h = four ? H::Popcnt4 : H::Popcnt8;
      break;
    case Op::Rbit:
      if (four) return false;
      h = H::Rbit8;
      break;
    default: return false;
  }
  Slot& s = emit(h);
  s.dst = u.dst, s.a = u.a, s.b = u.b, s.aux = aux, s.imm = imm;
  return true;
}

bool Translator::multiply(const Uop& u) {
  if (u.width < 4) return false;
  const bool four = u.width == 4;
  H h;
  uint8_t aux = u.c;
  switch (u.op) {
    case Op::Mul:
      if (u.flags != FlagRule::None && u.flags != FlagRule::Mul) return false;
      h = (u.flags == FlagRule::None ? H::Mul_r8 : H::MulX_r8) + ((u.b_imm ? 2 : 0) + (four ? 1 : 0));
      break;
    case Op::MulHiU: h = H::MulHiU; break;
    case Op::MulHiS: h = H::MulHiS; break;
    case Op::MulWideU:
      if (four || u.b_imm) return false;
      h = H::MulWideU8, aux = u.dst2;
      break;
    case Op::MulWideS:
      if (four || u.b_imm) return false;
      h = H::MulWideS8, aux = u.dst2;
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
  s.dst = u.dst, s.a = u.a, s.b = u.b, s.aux = aux,
  s.imm = u.op == Op::MulWideU || u.op == Op::MulWideS ? u.flags != FlagRule::None : u.imm;
  return true;
}

// Base, index, shift and displacement; a segment base takes a free place. False: three registers are needed.
bool Translator::address(const Uop& u, Slot& s) const {
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
  s.a = base, s.b = index, s.aux = shift, s.imm = u.mem.disp;
  return true;
}

bool Translator::memory_op(const Uop& u) {
  Slot probe{};
  if (u.op == Op::Lea) {
    address(u, probe);
    Slot& s = emit(u.width == 8 ? (probe.b == isa::kZero ? H::LeaB8 : H::LeaI8) : H::LeaI4);
    s.a = u.mem.base, s.b = u.mem.index, s.aux = u.mem.shift, s.imm = u.mem.disp, s.dst = u.dst;
    return u.width >= 4 || (slots.pop_back(), false);
  }
  if (!address(u, probe)) return false;
  const bool indexed = probe.b != isa::kZero;
  const auto with = [&](H h) -> Slot& {
    Slot& s = emit(h);
    s.a = probe.a, s.b = probe.b, s.aux = probe.aux, s.imm = probe.imm, s.dst = u.dst, s.width = u.width;
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
      s.dst = u.b;
      s.imm2 = u.imm;
      return true;
    }
    case Op::LoadPair:
    case Op::StorePair: {
      if (indexed || u.width < 4 || (u.op == Op::LoadPair && u.ext != isa::Ext::Zero)) return false;
      const bool load = u.op == Op::LoadPair;
      Slot& s =
          with(load ? (u.width == 8 ? H::LoadPair8 : H::LoadPair4) : (u.width == 8 ? H::StorePair8 : H::StorePair4));
      s.dst = load ? u.dst : u.a;
      s.aux = load ? u.dst2 : u.b;
      return true;
    }
    case Op::LoadV:
    case Op::StoreV: {
      const bool load = u.op == Op::LoadV;
      H h;
      if (u.width == 16)
        h = u.align16 ? (load ? H::LoadV16a : H::StoreV16a) : (load ? H::LoadV16 : H::StoreV16);
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
      if (indexed || u.width != 16) return false;
      const bool load = u.op == Op::LoadVPair;
      Slot& s = with(load ? H::LoadVPair16 : H::StoreVPair16);
      s.dst = load ? u.dst : u.a;
      s.aux = load ? u.dst2 : u.b;
      return true;
    }
    default: return false;
  }
}

bool Translator::vector(const Uop& u) {
  H h;
  bool keep = true;  // the handler wants the micro-op
  switch (u.op) {
    case Op::VecOp:
      keep = false;
      h = H::VecOp;
      if (!arm() && std::strcmp(u.helper->name, "mov128") == 0) h = H::VecMov;
      if (!arm() && u.a == u.b && u.dst == u.a &&
          (std::strcmp(u.helper->name, "pxor") == 0 || std::strcmp(u.helper->name, "xorps") == 0))
        h = H::VecZero;
      break;
    case Op::VecGet:
      if (u.width < 4) return false;
      h = u.width == 8 ? H::VecGet8 : H::VecGet4;
      break;
    case Op::VecPut:
      if (u.b_imm) return false;
      h = H::VecPut;
      break;
    case Op::VecFp: {
      struct Row {
        const char* name;
        H handler;
      };
      static constexpr Row kHot[] = {{"addsd", H::AddSd},  {"subsd", H::SubSd},  {"mulsd", H::MulSd},
                                     {"divsd", H::DivSd},  {"fadd.d", H::FAddD}, {"fsub.d", H::FSubD},
                                     {"fmul.d", H::FMulD}, {"fdiv.d", H::FDivD}};
      h = H::VecFp;
      for (const Row& r : kHot)
        if ((arm() || u.dst == u.a) && std::strcmp(u.helper->name, r.name) == 0) h = r.handler;
      break;
    }
    case Op::FpCompare:
      h = std::strcmp(u.helper->name, "ucomisd") == 0  ? H::UComiSd
          : std::strcmp(u.helper->name, "fcmp.d") == 0 ? H::FCmpD
                                                       : H::FpCompare;
      break;
    default: return false;
  }
  Slot& s = emit(h);
  s.dst = u.dst, s.a = u.a, s.b = u.b, s.imm = u.imm;
  if (keep) {
    block->rare.push_back(std::make_unique<Uop>(u));
    s.uop = block->rare.back().get();
  } else {
    s.vec = u.helper->vec;
  }
  return true;
}

bool Translator::control(const Uop& u) {
  H h;
  switch (u.op) {
    case Op::Jump: h = H::Jump; break;
    case Op::JumpReg: h = H::JumpReg; break;
    case Op::JumpCond: h = H::Jcc; break;
    case Op::Cbz: h = u.width == 8 ? H::Cbz8 : H::Cbz4; break;
    case Op::Cbnz: h = u.width == 8 ? H::Cbnz8 : H::Cbnz4; break;
    case Op::Tbz: h = H::Tbz; break;
    case Op::Tbnz: h = H::Tbnz; break;
    case Op::Syscall: emit(H::Syscall).aux = at->length; return true;
    case Op::Trap:
    case Op::Lods:
    case Op::Scas:
    case Op::Cmps: emit_rare(u, true); return true;
    case Op::Movs:
    case Op::Stos: {
      emit_rare(u, true);
      if (u.rep && !engine.observer_)
        slots.back().handler = labels[static_cast<int>(u.op == Op::Movs ? H::RepMovs : H::RepStos)];
      return true;
    }
    default: return false;
  }
  Slot& s = emit(h);
  s.a = u.a, s.imm2 = u.imm;
  s.aux = u.op == Op::JumpCond ? static_cast<uint8_t>(u.cond) : static_cast<uint8_t>(u.imm2);
  return true;
}

std::unique_ptr<Block> Engine::translate(uint64_t pc, Memory& memory, unsigned limit) {
  return Translator{*this, memory, pc, limit}.run();
}

}  // namespace deferscope::emu
