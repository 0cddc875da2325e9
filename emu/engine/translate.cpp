// Canonical micro-ops → execution slots: a straight run is read, flags are dropped where nobody can see them, observers
// are told of what comes.
#include <algorithm>
#include <cstring>
#include <memory>

#include "emu/engine/translator.h"
#include "isa/arm64/lift.h"
#include "isa/op_traits.h"
#include "isa/x86_64/lift.h"

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

void Translator::bad_fetch(uint16_t offset, uint8_t index, isa::Fault fault, uint64_t ahead) {
  at = nullptr;
  Slot& s = emit(H::BadFetch);
  s.offset = offset;
  s.index = index;
  s.aux = static_cast<uint8_t>(fault);
  s.imm = static_cast<int64_t>(ahead);
}

// Lifts up to the cache's limit of instructions. False: the run ends with a bad fetch (already counted).
bool Translator::gather() {
  uint64_t here = pc, marked = 1;
  Fetcher fetcher(*memory);
  for (unsigned n = 0; n < cache->limit; ++n) {
    const auto offset = static_cast<uint16_t>(here - pc);
    if (n > 0 && (engine.hooks_.count(here) || offset > 2000)) break;
    if (n > 0 && engine.is_host_call_ && engine.is_host_call_(here)) break;
    const unsigned want = arm() ? 4 : 15;
    in.count = 0, in.length = 0, in.fault = isa::Fault::None;
    unsigned have = 0;
    if (arm() && here % 4 != 0) {
      in.fault = isa::Fault::PcAlignment;
    } else {
      have = fetcher.fetch(here, want);
      if (have == 0 || (arm() && have < 4)) {
        in.fault = isa::Fault::Page;
      } else if (arm()) {
        uint32_t word;
        std::memcpy(&word, fetcher.bytes(), 4);
        isa::arm64::lift(word, here, in);
      } else {
        isa::x86_64::lift(fetcher.bytes(), have, here, in);
      }
    }
    if (in.fault != isa::Fault::None) {
      if (n > 0) break;  // the bad instruction gets a block of its own, so that what stands before it runs
      block->count = 1;
      if (have) memory->mark_code(page_of(here));
      bad_fetch(0, 0, in.fault, in.fault == isa::Fault::Page ? have : 0);
      return false;
    }
    const uint64_t end_page = page_of(here + in.length - 1);
    if (marked != end_page) {
      memory->mark_code(page_of(here));
      memory->mark_code(end_page);
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
    if (!live && u.op != Op::Bsf && u.op != Op::Bsr) u.flags = FlagRule::None;
    if (replaces_flags(u)) live = false;
    if (reads_flags(u) || isa::traits(u.op).faults()) live = true;  // a fault or a system would show them
  }
}

Block* Translator::run(uint64_t start, Memory& from, Engine::Cache& to) {
  memory = &from, cache = &to, pc = start, at = nullptr, fence = 0;
  items.clear(), slots.clear();
  block = new (cache->room<Block>()) Block;
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
    if (!engine.marks_.empty()) find_marks();
    for (size_t i = 0; i < items.size();) {
      at = &items[i];
      if (engine.observer_) observe(i);
      if (!engine.marks_.empty()) mark(i);
      i = fuse(i);
    }
    at = &items.back();
    if (!isa::traits(at->u.op).ends()) emit(H::Fall);
  } else if (engine.observer_ && !block->hooked) {
    // A bad instruction is still an instruction that an observer is shown.
    block->offsets = cache->room<uint16_t>();
    block->offsets[0] = 0;
    Slot s{};
    s.handler = labels[static_cast<int>(H::Observe)];
    s.imm = 1;
    slots.insert(slots.begin(), s);
  }
  block->slots = cache->room<Slot>(slots.size());
  std::uninitialized_copy(slots.begin(), slots.end(), block->slots);
  ++engine.blocks_made_;
  return block;
}

// Ops that may end the run, or whose accesses are shown.
bool may_stop(const Uop& u) {
  const isa::OpTraits& t = isa::traits(u.op);
  return t.faults() || t.group == isa::OpGroup::Machine;
}

void Translator::classify() {
  block->offsets = cache->room<uint16_t>(block->count);
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

// What is told before item i, if its instruction is marked. The fence stands at the next mark, so that what comes
// before it is done.
void Translator::mark(size_t i) {
  if (items[i].mark) emit(H::Mark).imm = static_cast<int64_t>(*items[i].mark);
  if (!engine.observer_) fence = items.size();
  for (size_t k = i + 1; k < fence; ++k)
    if (items[k].mark) fence = k;
}

void Translator::find_marks() {
  for (Item& it : items)
    if (it.first)
      if (const auto mark = engine.marks_.find(pc + it.offset); mark != engine.marks_.end()) it.mark = &mark->second;
}

void Translator::observe_access(const Item& it) {
  const Uop& u = it.u;
  const isa::OpTraits& t = isa::traits(u.op);
  const auto show = [&](const Uop& where, unsigned bytes, bool write) {
    Slot& s = emit(H::ObserveAccess);
    s.uop = stored(where), s.width = static_cast<uint8_t>(bytes), s.aux = write;
  };
  if (t.group == isa::OpGroup::String) {  // source and destination are two accesses
    Uop a = u;
    a.mem = {};
    a.mem.base = isa::kRsi, a.mem.seg = u.mem.seg;
    if (u.op != Op::Stos && u.op != Op::Scas) show(a, u.width, false);
    a.mem = {};
    a.mem.base = isa::kRdi;
    if (u.op != Op::Lods) show(a, u.width, u.op == Op::Movs || u.op == Op::Stos);
  } else if (t.touch == isa::Touch::Read || t.touch == isa::Touch::Write) {
    show(u, t.bytes(u), t.touch == isa::Touch::Write);
  }
}

}  // namespace deferscope::emu
