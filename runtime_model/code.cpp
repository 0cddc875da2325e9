// What single instructions mean to the runtime model, told from their micro-ops.
#include "runtime_model/code.h"

#include <algorithm>
#include <unordered_set>

#include "isa/lift.h"

namespace deferscope::model {
namespace {

constexpr uint64_t kMaxCode = 4 << 20;  // of one function

using isa::Hint;
using isa::Lifted;
using isa::Op;
using isa::Reg;
using isa::Uop;
using Known = Registers;

unsigned lift_at(const loader::Image& image, loader::Bytes code, uint64_t pc, Lifted& out) {
  isa::lift(image.isa(), code, pc, out, isa::Level::v3);
  if (image.isa() == isa::Isa::x86_64) return std::max<unsigned>(1, out.length);
  return static_cast<unsigned>(std::min<size_t>(code.size(), 4));
}

std::optional<uint64_t> value_of(const Known& k, Reg r) {
  if (r == isa::kZero) return 0;
  return r < isa::kRegs ? k.constant[r] : std::nullopt;
}

std::optional<uint64_t> address_of(const Known& k, const isa::Mem& m) {
  const auto base = value_of(k, m.base), index = value_of(k, m.index);
  if (!base || !index || m.seg != isa::kZero) return std::nullopt;
  return *base + (*index << m.shift) + static_cast<uint64_t>(m.disp);
}

std::optional<uint64_t> second(const Known& k, const Uop& u) {
  return u.b_imm ? std::optional<uint64_t>(static_cast<uint64_t>(u.imm)) : value_of(k, u.b);
}

// The constant that u computes, where its inputs are constants.
std::optional<uint64_t> result_of(const Known& k, const Uop& u) {
  if (u.width < 4) return std::nullopt;
  std::optional<uint64_t> r;
  const auto a = value_of(k, u.a), b = second(k, u);
  switch (u.op) {
    case Op::Mov: r = b; break;
    case Op::Lea: r = address_of(k, u.mem); break;
    case Op::Add:
      if (a && b) r = *a + *b;
      break;
    case Op::Sub:
      if (a && b) r = *a - *b;
      break;
    case Op::Or:
      if (a && b) r = *a | *b;
      break;
    default: break;
  }
  if (r && u.width == 4) *r &= 0xffffffff;
  return r;
}

// The distance from SP of the address that u computes.
std::optional<int64_t> frame_address(const Known& k, const Uop& u, Reg sp) {
  const auto of = [&](Reg r) { return r == sp ? 0 : r < isa::kRegs ? k.from_sp[r] : std::nullopt; };
  if (u.width != 8) return std::nullopt;
  const auto b = second(k, u);
  std::optional<int64_t> at;
  if (u.op == Op::Lea && u.mem.index == isa::kZero && u.mem.seg == isa::kZero) {
    if ((at = of(u.mem.base))) *at += u.mem.disp;
  } else if ((u.op == Op::Add || u.op == Op::Sub) && b) {
    if ((at = of(u.a))) *at += u.op == Op::Add ? static_cast<int64_t>(*b) : -static_cast<int64_t>(*b);
  } else if (u.op == Op::Mov && !u.b_imm) {
    at = of(u.b);
  }
  return at;
}

void forget(Known& k, Reg r) {
  if (r < isa::kRegs) k.constant[r].reset(), k.from_sp[r].reset();
}

void learn(Known& k, const Lifted& in, Reg sp) {
  for (unsigned i = 0; i < in.count; ++i) {
    const Uop& u = in.uops[i];
    const auto r = result_of(k, u);
    const auto at = frame_address(k, u, sp);
    const bool vector = u.op == Op::LoadV || u.op == Op::LoadVPair || u.op == Op::VecOp || u.op == Op::VecPut ||
                        u.op == Op::VecFp || u.op == Op::StoreV || u.op == Op::StoreVPair;
    if (vector) continue;
    if (u.op == Op::Helper) {
      k = {};
      continue;
    }
    forget(k, u.dst2);
    forget(k, u.dst);
    if (u.dst == sp || u.dst2 == sp) k.from_sp = {};  // the distances were from what SP was
    if (u.dst < isa::kRegs) k.constant[u.dst] = r;
    if (u.dst < isa::kRegs && u.dst != sp) k.from_sp[u.dst] = at;
  }
  for (Reg t = isa::kT0; t < isa::kRegs; ++t) forget(k, t);
}

const Uop* last(const Insn& i) { return i.in->count ? &i.in->uops[i.in->count - 1] : nullptr; }

bool is_memory(Op op) {
  switch (op) {
    case Op::Load:
    case Op::LoadRmw:
    case Op::Store:
    case Op::LoadPair:
    case Op::StorePair:
    case Op::LoadV:
    case Op::StoreV:
    case Op::LoadVPair:
    case Op::StoreVPair:
    case Op::LoadEx:
    case Op::StoreEx: return true;
    default: return false;
  }
}

bool writes(const Uop& u, Reg r) {
  const bool vector_dst =
      u.op == Op::LoadV || u.op == Op::LoadVPair || u.op == Op::VecOp || u.op == Op::VecPut || u.op == Op::VecFp;
  return !vector_dst && (u.dst == r || u.dst2 == r);
}

bool is_jump(Op op) {
  return op == Op::Jump || op == Op::JumpCond || op == Op::Cbz || op == Op::Cbnz || op == Op::Tbz || op == Op::Tbnz;
}

// Addresses that jumps inside the range lead to.
std::unordered_set<uint64_t> jump_targets(const loader::Image& image, loader::Bytes code, uint64_t begin) {
  std::unordered_set<uint64_t> out;
  Lifted lifted;
  for (uint64_t off = 0; off < code.size();) {
    lifted = Lifted{};
    off += std::max(1u, lift_at(image, code.subspan(off), begin + off, lifted));
    const Uop* u = lifted.count ? &lifted.uops[lifted.count - 1] : nullptr;
    if (u && is_jump(u->op) && u->hint == Hint::None) out.insert(static_cast<uint64_t>(u->imm));
  }
  return out;
}

}  // namespace

void each_instruction(const loader::Image& image, uint64_t begin, uint64_t end,
                      const std::function<bool(const Insn&)>& visit) {
  if (end <= begin) return;
  loader::Bytes code = image.memory().bytes_from(begin);
  code = code.first(std::min<uint64_t>({code.size(), end - begin, kMaxCode}));
  const std::unordered_set<uint64_t> targets = jump_targets(image, code, begin);
  Known known{};
  Lifted lifted;
  for (uint64_t off = 0; off < code.size();) {
    lifted = Lifted{};
    const unsigned size = lift_at(image, code.subspan(off), begin + off, lifted);
    const bool joined = targets.count(begin + off) != 0;
    if (joined) known = {};
    const Insn insn{begin + off, size, &lifted, &known, image.isa() == isa::Isa::x86_64, joined};
    if (!visit(insn)) return;
    if (lifted.ends_block())
      known = {};  // whatever comes next can be reached from elsewhere
    else
      learn(known, lifted, image.isa() == isa::Isa::x86_64 ? isa::kRsp : isa::kSp);
    off += std::max(1u, size);
  }
}

std::optional<Call> as_call(const Insn& i) {
  const Uop* u = last(i);
  if (!u || u->hint != Hint::Call) return std::nullopt;
  return Call{i.pc, i.next(), u->op == Op::Jump ? static_cast<uint64_t>(u->imm) : 0};
}

bool is_return(const Insn& i) {
  const Uop* u = last(i);
  return u && u->hint == Hint::Return;
}

std::optional<uint64_t> as_jump(const Insn& i) {
  const Uop* u = last(i);
  if (!u || u->op != Op::Jump || u->hint != Hint::None) return std::nullopt;
  return static_cast<uint64_t>(u->imm);
}

std::optional<uint64_t> jump_target(const Insn& i) {
  const Uop* u = last(i);
  if (!u || !is_jump(u->op) || u->hint != Hint::None) return std::nullopt;
  return static_cast<uint64_t>(u->imm);
}

bool is_indirect_jump(const Insn& i) {
  const Uop* u = last(i);
  return u && u->op == Op::JumpReg && u->hint == Hint::None;
}

namespace {

std::optional<int64_t> frame_offset(const Insn& i, const Uop& u) {
  if (u.mem.seg != isa::kZero) return std::nullopt;
  const auto base = u.mem.base == (i.x86 ? isa::kRsp : isa::kSp) ? std::optional<int64_t>(0)
                    : u.mem.base < isa::kRegs                    ? i.known->from_sp[u.mem.base]
                                                                 : std::nullopt;
  const auto index = value_of(*i.known, u.mem.index);
  if (!base || !index) return std::nullopt;
  return *base + u.mem.disp + static_cast<int64_t>(*index << u.mem.shift);
}

}  // namespace

std::vector<FrameStore> frame_stores(const Insn& i, unsigned width) {
  std::vector<FrameStore> out;
  const auto add = [&](int64_t offset, Reg from, std::optional<uint64_t> value) {
    if (!value && from >= isa::kT0) return;  // computed within the instruction: nobody can read it before
    out.push_back({offset, value.has_value(), value.value_or(0), from});
  };
  for (unsigned n = 0; n < i.in->count; ++n) {
    const Uop& u = i.in->uops[n];
    if ((u.op != Op::Store && u.op != Op::StorePair) || u.width != width) continue;
    const auto offset = frame_offset(i, u);
    if (!offset) continue;
    if (u.op == Op::Store) {
      add(*offset, u.b, second(*i.known, u));
    } else {
      add(*offset, u.a, value_of(*i.known, u.a));
      add(*offset + static_cast<int64_t>(width), u.b, value_of(*i.known, u.b));
    }
  }
  return out;
}

std::vector<int64_t> frame_stored(const Insn& i) {
  std::vector<int64_t> out;
  for (unsigned n = 0; n < i.in->count; ++n) {
    const Uop& u = i.in->uops[n];
    const bool pair = u.op == Op::StorePair || u.op == Op::StoreVPair;
    if (u.op != Op::Store && u.op != Op::StoreV && !pair) continue;
    const auto offset = frame_offset(i, u);
    if (offset) out.push_back(*offset);
    if (offset && pair) out.push_back(*offset + static_cast<int64_t>(u.width));
  }
  return out;
}

std::optional<uint64_t> global_read(const loader::Image& image, const Insn& i, unsigned width) {
  for (unsigned n = 0; n < i.in->count; ++n) {
    const Uop& u = i.in->uops[n];
    if (!is_memory(u.op) || u.op == Op::Store || u.op == Op::StorePair || u.width != width) continue;
    const auto a = address_of(*i.known, u.mem);
    const loader::Segment* s = a ? image.memory().segment_at(*a) : nullptr;
    if (s && s->write) return a;
  }
  return std::nullopt;
}

bool is_control(const Insn& i) { return i.in->ends_block(); }

namespace {

constexpr size_t kMaxPaths = 64;

// Reads the words that one instruction takes through the context register. True: it keeps the register elsewhere.
bool read_words(const Insn& i, Reg context, std::vector<ContextWords::Word>& words) {
  bool copied = false;
  for (unsigned n = 0; n < i.in->count; ++n) {
    const Uop& u = i.in->uops[n];
    const bool through = (is_memory(u.op) || u.op == Op::Lea) && u.mem.base == context && u.mem.index == isa::kZero;
    if (through && u.mem.disp >= 0) {
      const bool lea = u.op == Op::Lea;
      const auto offset = static_cast<uint32_t>(u.mem.disp);
      if (offset) words.push_back({offset, lea ? 8u : u.width, lea, u.dst, i.next(), {}});
      if (u.op == Op::LoadPair) words.push_back({offset + u.width, u.width, false, u.dst2, i.next(), {}});
    } else if (u.a == context || u.b == context || u.c == context) {
      copied = copied || u.op == Op::Mov || u.op == Op::Store || u.op == Op::StorePair || u.op == Op::Add;
    }
    if (writes(u, context)) break;
  }
  return copied;
}

bool writes(const Insn& i, Reg r) {
  for (unsigned n = 0; n < i.in->count; ++n)
    if (writes(i.in->uops[n], r)) return true;
  return false;
}

}  // namespace

// Follows every way from the entry until the register is written or a call may have changed it (behind the stack
// check's call of morestack the function starts over).
ContextWords context_words(const loader::Image& image, uint64_t begin, uint64_t end, Reg context) {
  ContextWords out;
  std::vector<uint64_t> ways{begin};
  std::unordered_set<uint64_t> seen{begin};
  const auto also = [&](uint64_t pc) {
    if (pc < begin || pc >= end || !seen.insert(pc).second) return;
    if (seen.size() <= kMaxPaths)
      ways.push_back(pc);
    else
      out.complete = false;
  };
  while (!ways.empty()) {
    const uint64_t from = ways.back();
    ways.pop_back();
    each_instruction(image, from, end, [&](const Insn& i) {
      if (i.joined && i.pc != from && !seen.insert(i.pc).second) return false;  // read from here on already
      if (read_words(i, context, out.words)) out.complete = false;
      if (writes(i, context) || as_call(i) || is_return(i) || is_indirect_jump(i)) return false;
      const Uop* u = last(i);
      if (u && is_jump(u->op)) also(static_cast<uint64_t>(u->imm));
      return !as_jump(i);
    });
  }
  std::sort(out.words.begin(), out.words.end(), [](const auto& a, const auto& b) { return a.offset < b.offset; });
  const auto same = [](const auto& a, const auto& b) { return a.offset == b.offset; };
  out.words.erase(std::unique(out.words.begin(), out.words.end(), same), out.words.end());
  return out;
}

std::vector<int64_t> thread_pointer_offsets(const loader::Image& image, uint64_t begin, uint64_t end) {
  std::vector<int64_t> out;
  each_instruction(image, begin, end, [&](const Insn& i) {
    for (unsigned n = 0; n < i.in->count; ++n) {
      const Uop& u = i.in->uops[n];
      if (!is_memory(u.op) || u.mem.seg != isa::kFsBase || u.width != 8) continue;
      isa::Mem in_block = u.mem;
      in_block.seg = isa::kZero;
      const auto at = address_of(*i.known, in_block);
      if (at && std::find(out.begin(), out.end(), static_cast<int64_t>(*at)) == out.end())
        out.push_back(static_cast<int64_t>(*at));
    }
    return true;
  });
  return out;
}

std::optional<uint64_t> constant_at_load(const loader::Image& image, uint64_t begin, uint64_t end, isa::Reg loaded,
                                         isa::Reg reg) {
  std::optional<uint64_t> out;
  each_instruction(image, begin, end, [&](const Insn& i) {
    for (unsigned n = 0; n < i.in->count; ++n) {
      const Uop& u = i.in->uops[n];
      if (!is_memory(u.op) || u.width != 8 || u.dst != loaded) continue;
      out = i.known->constant[reg];
      return false;
    }
    return true;
  });
  return out;
}

std::optional<int64_t> saved_at(const loader::Image& image, uint64_t begin, uint64_t end, isa::Reg reg) {
  const isa::Reg sp = image.isa() == isa::Isa::x86_64 ? isa::kRsp : isa::kSp;
  std::optional<int64_t> out;
  each_instruction(image, begin, end, [&](const Insn& i) {
    for (unsigned n = 0; n < i.in->count && !out; ++n) {
      const Uop& u = i.in->uops[n];
      if (u.mem.base != sp || u.mem.index != isa::kZero) continue;
      if (u.op == Op::Store && u.b == reg) out = u.mem.disp;
      if (u.op == Op::StorePair && (u.a == reg || u.b == reg)) out = u.mem.disp + (u.b == reg ? u.width : 0);
    }
    return !out;
  });
  return out;
}

std::vector<uint64_t> global_addresses(const loader::Image& image, uint64_t begin, uint64_t end) {
  std::vector<uint64_t> out;
  const auto add = [&](std::optional<uint64_t> a) {
    if (!a || std::find(out.begin(), out.end(), *a) != out.end()) return;
    const loader::Segment* s = image.memory().segment_at(*a);
    if (s && s->write) out.push_back(*a);
  };
  each_instruction(image, begin, end, [&](const Insn& i) {
    auto known = *i.known;
    for (unsigned n = 0; n < i.in->count; ++n) {
      const Uop& u = i.in->uops[n];
      if (is_memory(u.op) || u.op == Op::Lea) add(address_of(known, u.mem));
      const auto r = result_of(known, u);
      if (u.op != Op::Lea) add(r);
      if (u.dst < isa::kRegs) known.constant[u.dst] = r;
    }
    return true;
  });
  return out;
}

}  // namespace deferscope::model
