// The interpreter: one label a handler, direct-threaded. Fast paths are inline; whatever is rare goes through the
// reference evaluator.
#include <bit>
#include <cstring>

#include "emu/engine/block_ir.h"
#include "emu/engine/cache.h"
#include "emu/engine/engine.h"
#include "emu/engine/host/host.h"
#include "emu/engine/memory_bus.h"
#include "emu/engine/slots/handlers.h"
#include "emu/engine/strings.h"

namespace deferscope::emu {
namespace {

using isa::CpuState;
using isa::FlagKind;
using isa::LazyFlags;
using isa::Vec;
using u128 = unsigned __int128;
using i128 = __int128;
namespace flag = isa::flag;

[[gnu::always_inline]] inline void lazy(LazyFlags& f, FlagKind kind, uint8_t log_width, uint64_t a, uint64_t b) {
  f.a = a;
  f.b = b;
  const uint16_t both = static_cast<uint16_t>(static_cast<uint8_t>(kind) | log_width << 8);
  std::memcpy(&f.kind, &both, 2);
}

// Carry without computing the other flags.
[[gnu::always_inline]] inline bool carry(const LazyFlags& f) {
  if (f.width == 3) {
    switch (f.kind) {
      case FlagKind::Sub: return f.a < f.b;
      case FlagKind::SubArm: return f.a >= f.b;
      case FlagKind::Add:
      case FlagKind::AddArm: return f.a + f.b < f.a;
      case FlagKind::Logic: return false;
      default: break;
    }
  }
  return f.bits() & flag::CF;
}

// A condition on flags of unknown origin; the common kinds are answered without making the bits.
[[gnu::noinline]] bool holds_slow(isa::Cond c, const LazyFlags& f) { return isa::holds(c, f.bits()); }

template <class U>
[[gnu::always_inline]] inline bool relates(Relation r, U a, U b) {
  using S = std::make_signed_t<U>;
  switch (r) {
    case EQ: return a == b;
    case NE: return a != b;
    case ULT: return a < b;
    case UGE: return a >= b;
    case ULE: return a <= b;
    case UGT: return a > b;
    case SLT: return static_cast<S>(a) < static_cast<S>(b);
    case SGE: return static_cast<S>(a) >= static_cast<S>(b);
    case SLE: return static_cast<S>(a) <= static_cast<S>(b);
    case SGT: return static_cast<S>(a) > static_cast<S>(b);
    case NEG: return static_cast<S>(static_cast<U>(a - b)) < 0;
    default: return static_cast<S>(static_cast<U>(a - b)) >= 0;
  }
}

// Conditions as relations of Sub's operands (x86-64: CF = borrow).
constexpr Relation kSubRelation[] = {kNoRelation, kNoRelation, ULT,         UGE,         EQ,          NE,  ULE,
                                     UGT,         NEG,         POS,         kNoRelation, kNoRelation, SLT, SGE,
                                     SLE,         SGT,         kNoRelation, kNoRelation, kNoRelation};

[[gnu::always_inline]] inline bool holds_lazy(isa::Cond c, const LazyFlags& f) {
  const Relation r = kSubRelation[static_cast<int>(c)];
  if (r == kNoRelation) return holds_slow(c, f);
  if (f.kind == FlagKind::Sub) {
    if (f.width == 3) return relates<uint64_t>(r, f.a, f.b);
    if (f.width == 2) return relates<uint32_t>(r, static_cast<uint32_t>(f.a), static_cast<uint32_t>(f.b));
  } else if (f.kind == FlagKind::SubArm && r != ULT && r != UGE && r != ULE && r != UGT) {
    if (f.width == 3) return relates<uint64_t>(r, f.a, f.b);
    if (f.width == 2) return relates<uint32_t>(r, static_cast<uint32_t>(f.a), static_cast<uint32_t>(f.b));
  } else if (f.kind == FlagKind::Logic) {
    if (f.width == 3) return relates<uint64_t>(r, f.a, 0);
    if (f.width == 2) return relates<uint32_t>(r, static_cast<uint32_t>(f.a), 0);
  }
  return holds_slow(c, f);
}

uint32_t parity_zero_sign(uint64_t r, unsigned bits) {
  uint32_t f = (std::popcount(static_cast<uint8_t>(r)) & 1) == 0 ? flag::PF : 0;
  if ((r << (64 - bits)) == 0) f |= flag::ZF;
  if (r >> (bits - 1) & 1) f |= flag::SF;
  return f;
}

}  // namespace

#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

// With labels_out set: only hands out the labels.
static RunExit interpret(Engine::Context* ctx, const void* const** labels_out);

const void* const* handler_labels() {
  static const void* const* labels = [] {
    const void* const* l = nullptr;
    interpret(nullptr, &l);
    return l;
  }();
  return labels;
}

static RunExit interpret(Engine::Context* ctx, const void* const** labels_out) {
  static const void* const kLabels[] = {
#define X(name) &&L_##name,
      DS_HANDLERS(X)
#undef X
  };
  if (labels_out) {
    *labels_out = kLabels;
    return {};
  }

  CpuState& cpu = *ctx->cpu;
  Memory& memory = *ctx->memory;
  uint64_t* const R = cpu.r.data();
  auto& V = cpu.v;
  LazyFlags& F = cpu.lazy;
  Memory::TlbEntry* const tr = memory.tlb_read.data();
  Memory::TlbEntry* const tw = memory.tlb_write.data();
  int64_t budget = ctx->budget;
  Block* block = ctx->block;
  const Slot* s = block->slots;
  uint64_t pc = 0;       // where a control transfer goes
  uint64_t address = 0;  // of the access at hand
  RunExit out;

#define DISPATCH() goto * s->handler
#define NEXT()  \
  do {          \
    ++s;        \
    DISPATCH(); \
  } while (0)
// Host address of an access of n bytes, or the slow path.
#define TLB_HIT(tlb, n) (tlb[(address >> 12) % Memory::kTlbEntries].tag == ((address + (n)-1) & ~uint64_t{4095}))
#define TLB_HOST(tlb) (reinterpret_cast<uint8_t*>(tlb[(address >> 12) % Memory::kTlbEntries].addend + address))
#define READ(n, to)                                                   \
  do {                                                                \
    if (LIKELY(TLB_HIT(tr, n)))                                       \
      std::memcpy(static_cast<void*>(&(to)), TLB_HOST(tr), n);        \
    else {                                                            \
      if (UNLIKELY(ctx->careful(address, n))) goto watch;             \
      if (UNLIKELY(!memory.read(address, &(to), n))) goto fault_read; \
    }                                                                 \
  } while (0)
#define WRITE(n, from)                                                    \
  do {                                                                    \
    if (LIKELY(TLB_HIT(tw, n)))                                           \
      std::memcpy(TLB_HOST(tw), &(from), n);                              \
    else {                                                                \
      if (UNLIKELY(ctx->careful(address, n))) goto watch;                 \
      if (UNLIKELY(!memory.write(address, &(from), n))) goto fault_write; \
    }                                                                     \
  } while (0)
#define ADDR_b() (R[s->base] + static_cast<uint64_t>(s->disp))
#define ADDR_i() (R[s->base] + (R[s->index] << s->shift) + static_cast<uint64_t>(s->disp))
// Ends the block on the side `n` (0 fall through, 1 taken) at guest address `target`.
#define LEAVE(n, target)                                        \
  do {                                                          \
    Block* const nb = block->link[n].to;                        \
    if (LIKELY(nb != nullptr) && LIKELY(budget >= nb->count)) { \
      budget -= nb->count;                                      \
      block = nb;                                               \
      s = nb->slots;                                            \
      DISPATCH();                                               \
    }                                                           \
    pc = (target);                                              \
    side = n;                                                   \
    goto leave;                                                 \
  } while (0)
#define LEAVE_INDIRECT()                                                             \
  do {                                                                               \
    const auto& guess = ctx->cache->jump[(pc ^ (pc >> 12)) % Engine::Cache::kJumps]; \
    if (LIKELY(guess.pc == pc) && LIKELY(budget >= guess.block->count)) {            \
      block = guess.block;                                                           \
      budget -= block->count;                                                        \
      s = block->slots;                                                              \
      DISPATCH();                                                                    \
    }                                                                                \
    goto leave_indirect;                                                             \
  } while (0)
#define TAKEN() static_cast<uint64_t>(s->taken)
#define FALL() (block->pc + block->bytes)

  int side = 0;
  Slot where{};  // of host code that came back
  budget -= block->count;
  if (ctx->skip_first) ++s;
  DISPATCH();

#include "emu/engine/slots/execute_alu.inc"
#include "emu/engine/slots/execute_control.inc"
#include "emu/engine/slots/execute_memory.inc"
#include "emu/engine/slots/execute_vector.inc"

  // --- rare: through the reference evaluator ---
L_Rare : {
  MemoryBus bus(memory);
  uint64_t next = block->pc + s->offset;
  const uint64_t keep = cpu.pc;
  cpu.pc = next;
  if (ctx->careful_uop(*s->uop)) {
    cpu.pc = keep;
    goto watch;
  }
  const isa::Outcome o = isa::evaluate_one(*s->uop, cpu, bus, *ctx->model, ctx->count_at(budget, *block, *s), next);
  if (UNLIKELY(o.kind == isa::Outcome::Fault)) {
    out.outcome = o;
    goto fault;
  }
  NEXT();
}
L_RareEnd : {  // the last micro-op of a string instruction or a trap
  MemoryBus bus(memory);
  const uint64_t here = block->pc + s->offset;
  uint64_t next = here + s->length;
  cpu.pc = here;
  if (ctx->careful_uop(*s->uop)) goto watch;
  const isa::Outcome o = isa::evaluate_one(*s->uop, cpu, bus, *ctx->model, ctx->count_at(budget, *block, *s), next);
  if (UNLIKELY(o.kind == isa::Outcome::Fault)) {
    out.outcome = o;
    goto fault;
  }
  pc = next;
  if (pc == here) goto leave_again;
  LEAVE_INDIRECT();
}
L_Step:
  goto watch;
L_FallOut:
  cpu.pc = block->pc + s->offset + s->length;
  goto finish;
L_Syscall:
  cpu.pc = block->pc + s->offset + s->length;
  out.kind = RunExit::Syscall;
  goto done;

// REP MOVS and STOS: the block counted the first iteration; the others are taken from the budget here, as far as it and
// the pages reach.
L_RepMovs:
L_RepStos : {
  uint64_t n = 0;
  if (R[isa::kRcx] != 0) {
    n = run_string(*s->uop, cpu, memory, static_cast<uint64_t>(budget) + 1);
    if (n == 0) goto L_RareEnd;
    budget -= static_cast<int64_t>(n - 1);
  }
  pc = block->pc + s->offset;
  if (R[isa::kRcx] != 0) goto leave_again;
  pc += s->length;
  LEAVE_INDIRECT();
}

  // --- host code ---
L_Warm:
  if (UNLIKELY(--block->heat == 0)) {
    ctx->cache->now = cpu.lazy;
    ctx->engine->make_host_code(*block, memory);
    s = block->slots + block->hooked;  // its hook was asked
    DISPATCH();
  }
  NEXT();
L_Host:
L_HostPastHook : {  // takes the block's instructions from the budget itself
  ctx->past_hook = s != block->slots;
  const host::Exit e = ctx->engine->run_host_code(*ctx, *block, budget + block->count);
  budget = e.budget;
  pc = e.pc;
  switch (e.kind) {
    case host::Exit::Jump: goto leave_indirect;
    case host::Exit::Link:
      block = e.block;
      side = e.side;
      goto leave;
    case host::Exit::Budget: cpu.pc = pc; goto finish;
    case host::Exit::Again:
      cpu.pc = e.block->pc + e.offset;
      out.again = true;
      goto finish;
    case host::Exit::Syscall:
      cpu.pc = pc;
      out.kind = RunExit::Syscall;
      goto finish;
    case host::Exit::Hook:
      block = e.block;
      budget += block->count;
      out.kind = RunExit::Hook;
      goto finish;
    case host::Exit::Fault:
    case host::Exit::Watch: break;
  }
  block = e.block;
  where.offset = e.offset, where.order = e.order;
  s = &where;
  if (e.kind == host::Exit::Watch) {
    if (ctx->observer) out.shown = 1u + e.side;
    goto watch_here;
  }
  out.outcome = e.outcome;
  goto fault;
}

  // --- stops and observers ---
L_Hook:  // the first slot of its block
  cpu.pc = block->pc;
  if (ctx->hooks && !ctx->hooks->stops_at_hook(ctx->count_at(budget, *block, *s))) NEXT();
  budget += block->count;
  out.kind = RunExit::Hook;
  goto finish;
L_Mark:  // imm: its tag
  ctx->marks->marked(block->pc + s->offset, ctx->count_at(budget, *block, *s), static_cast<uint64_t>(s->imm));
  NEXT();
L_Observe:  // imm instructions from this one on
  if (UNLIKELY(ctx->shown != 0))
    --ctx->shown;
  else
    ctx->observer->instructions(block->pc, block->offsets + s->order, static_cast<unsigned>(s->imm));
  NEXT();
L_ObserveAccess : {
  if (UNLIKELY(ctx->shown != 0)) {
    --ctx->shown;
    NEXT();
  }
  const isa::Uop& u = *s->uop;
  if (s->imm == 0) {
    ctx->tell_accesses(u);
    NEXT();
  }
  const uint64_t at =
      R[u.mem.base] + (R[u.mem.index] << u.mem.shift) + static_cast<uint64_t>(u.mem.disp) + R[u.mem.seg];
  ctx->observer->access(at, static_cast<unsigned>(s->imm), s->write);
  NEXT();
}
L_HostCall:
  budget += block->count;
  cpu.pc = block->pc;
  out.kind = RunExit::HostCall;
  goto finish;
L_BadFetch:  // this address has no instruction that could be executed
  out.outcome = ctx->bad_fetch(block->pc + s->offset, s);
  goto fault;

  // --- ways out ---
leave : {
  Block* const nb = ctx->look_up(pc);
  Engine::Cache::connect(*block, side, *nb);
  if (budget >= nb->count) {
    budget -= nb->count;
    block = nb;
    s = nb->slots;
    DISPATCH();
  }
  cpu.pc = pc;
  goto finish;
}
leave_indirect : {
  Block* const nb = ctx->look_up(pc);
  if (nb && budget >= nb->count) {
    budget -= nb->count;
    block = nb;
    s = nb->slots;
    DISPATCH();
  }
  cpu.pc = pc;
  goto finish;
}
leave_again : {  // the next iteration of a string instruction: not an arrival, its hook stays silent
  Block* const nb = ctx->look_up(pc);
  cpu.pc = pc;
  if (budget < nb->count) {
    out.again = true;
    goto finish;
  }
  budget -= nb->count;
  block = nb;
  s = nb->slots + (nb->hooked ? 1 : 0);
  DISPATCH();
}
fault_align_read:
  out.outcome = {isa::Outcome::Fault, isa::Fault::Alignment, isa::Access::Read, address, 0};
  goto fault;
fault_align_write:
  out.outcome = {isa::Outcome::Fault, isa::Fault::Alignment, isa::Access::Write, address, 0};
  goto fault;
fault_read:
  out.outcome = {isa::Outcome::Fault, memory.fault, isa::Access::Read, memory.fault_address, 0};
  goto fault;
fault_write:
  out.outcome = {isa::Outcome::Fault, memory.fault, isa::Access::Write, memory.fault_address, 0};
  goto fault;
fault:  // the faulting instruction counts one; those behind it in the block do not
  budget += block->count - s->order - 1;
  cpu.pc = block->pc + s->offset;
  out.kind = RunExit::Fault;
  goto finish;
watch:
  if (ctx->observer) {  // the instruction that is stepped alone now was shown already, with its accesses up to here
    out.shown = 1;
    for (const Slot* t = block->slots; t != s; ++t)
      out.shown += t->order == s->order && t->handler == kLabels[static_cast<int>(H::ObserveAccess)];
  }
watch_here:
  budget += block->count - s->order;
  cpu.pc = block->pc + s->offset;
  out.kind = RunExit::Watch;
  goto finish;
done:
finish:
  out.executed = static_cast<uint64_t>(ctx->budget - budget);
  return out;
}

RunExit run_slots(Engine::Context& ctx) { return interpret(&ctx, nullptr); }

}  // namespace deferscope::emu
