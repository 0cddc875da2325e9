// What host code calls: accesses beyond the TLB, and micro-ops that it has no code for.
#include <utility>

#include "emu/engine/host/frame.h"
#include "emu/engine/memory_bus.h"
#include "emu/engine/strings.h"

namespace deferscope::emu::host {
namespace {

bool fail(Frame* f, Exit::Kind kind) {
  f->kind = kind;
  f->log += std::exchange(f->pending, 0);
  return false;
}

bool fault(Frame* f, isa::Access access) {
  const Memory& m = *f->ctx->memory;
  f->outcome = {isa::Outcome::Fault, m.fault, access, m.fault_address, 0};
  return fail(f, Exit::Fault);
}

uint64_t pc_of(const Frame& f) { return f.block->pc + (f.site & 0xffff); }
// Instructions executed before the one that it stands at.
uint64_t count_before(const Frame& f) {
  const Engine::Context& c = *f.ctx;
  return c.count + static_cast<uint64_t>(c.budget - f.budget) - (f.block->count - (f.site >> 16 & 0xff));
}

// What Memory throws where the guest may have no more of it waits in the frame until host code is left.
template <class Work>
bool guarded(Frame* f, Work work) {
  try {
    return work();
  } catch (...) {
    f->thrown = std::current_exception();
    return fail(f, Exit::Watch);
  }
}

}  // namespace

bool read_slowly(Frame* f, uint64_t bytes) {
  if (f->ctx->careful(f->address, static_cast<unsigned>(bytes))) return fail(f, Exit::Watch);
  return guarded(f, [&] { return f->ctx->memory->read(f->address, f->data, bytes) || fault(f, isa::Access::Read); });
}

bool read_to_modify_slowly(Frame* f, uint64_t bytes) {
  Memory& m = *f->ctx->memory;
  if (f->ctx->careful(f->address, static_cast<unsigned>(bytes))) return fail(f, Exit::Watch);
  return guarded(f, [&] {
    if (!m.check_write(f->address, bytes)) return fault(f, isa::Access::Write);
    return m.read(f->address, f->data, bytes) || fault(f, isa::Access::Read);
  });
}

bool write_slowly(Frame* f, uint64_t bytes) {
  if (f->ctx->careful(f->address, static_cast<unsigned>(bytes))) return fail(f, Exit::Watch);
  return guarded(f, [&] { return f->ctx->memory->write(f->address, f->data, bytes) || fault(f, isa::Access::Write); });
}

namespace {

// One micro-op of the instruction at hand. `next` as evaluate_one has it.
bool evaluate_here(Frame* f, const isa::Uop& op, uint64_t& next) {
  Engine::Context& c = *f->ctx;
  if (c.careful_uop(op)) return fail(f, Exit::Watch);
  MemoryBus bus(*c.memory);
  const uint64_t keep = c.cpu->pc;
  c.cpu->pc = pc_of(*f);
  isa::Outcome o;
  const bool evaluated = guarded(f, [&] {
    o = isa::evaluate_one(op, *c.cpu, bus, *c.model, count_before(*f), next);
    return true;
  });
  c.cpu->pc = keep;
  if (!evaluated) return false;
  if (o.kind != isa::Outcome::Fault) return true;
  f->outcome = o;
  return fail(f, Exit::Fault);
}

}  // namespace

bool evaluate_slowly(Frame* f, const isa::Uop* op) {
  uint64_t next = pc_of(*f);
  return evaluate_here(f, *op, next);
}

bool run_string_slowly(Frame* f, const isa::Uop* op) {
  Engine::Context& c = *f->ctx;
  const bool in_runs = op->rep && (op->op == isa::Op::Movs || op->op == isa::Op::Stos);
  const uint64_t here = pc_of(*f), behind = here + 1;  // any place but here
  while (true) {
    uint64_t next = behind;
    const uint64_t n =
        in_runs && c.cpu->r[isa::kRcx] ? run_string(*op, *c.cpu, *c.memory, static_cast<uint64_t>(f->budget) + 1) : 0;
    if (n) {
      f->budget -= static_cast<int64_t>(n - 1);
      if (c.cpu->r[isa::kRcx]) next = here;
    } else if (!evaluate_here(f, *op, next)) {
      return false;
    }
    if (next != here) return true;
    if (f->budget == 0) return fail(f, Exit::Again);
    --f->budget;
  }
}

bool pass_hook(Frame* f, uint64_t) {
  Engine::Context& c = *f->ctx;
  c.cpu->pc = f->block->pc;
  if (!show(f)) return false;
  return guarded(f, [&] { return (c.hooks && !c.hooks->stops_at_hook(count_before(*f))) || fail(f, Exit::Hook); });
}

bool tell_mark(Frame* f, uint64_t tag) {
  if (!show(f)) return false;
  return guarded(f, [&] {
    f->ctx->marks->marked(pc_of(*f), count_before(*f), tag);
    return true;
  });
}

bool show(Frame* f) {
  if (f->log == f->log_begin) return true;
  return guarded(f, [&] {
    Observer* const to = f->ctx->observer;
    for (const Shown *s = std::exchange(f->log, f->log_begin), *it = f->log_begin; it != s; ++it) {
      if (it->what & 1) {
        to->access(it->address, static_cast<unsigned>(it->what >> 2), it->what & 2);
      } else {
        const auto* run = reinterpret_cast<const ShownRun*>(it->what);
        to->instructions(run->pc, run->offsets, run->n);
      }
    }
    return true;
  });
}

bool misaligned(Frame* f, uint64_t write) {
  f->outcome = {isa::Outcome::Fault, isa::Fault::Alignment, write ? isa::Access::Write : isa::Access::Read, f->address,
                0};
  return fail(f, Exit::Fault);
}

bool condition_holds(const isa::LazyFlags* flags, uint64_t cond) {
  return isa::holds(static_cast<isa::Cond>(cond), flags->bits());
}

uint64_t flag_bits(const isa::LazyFlags* flags) { return flags->bits(); }

}  // namespace deferscope::emu::host
