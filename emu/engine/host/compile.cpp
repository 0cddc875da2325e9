// A block's host code: entry, items, ways out.
#include <xbyak/xbyak_util.h>

#include "emu/engine/host/compiler.h"
#include "isa/op_traits.h"

namespace deferscope::emu::host {

using isa::Op;
using isa::Uop;

namespace {

constexpr size_t kMostNoted = 512;  // by a block for its observer
constexpr size_t kCodeBytes = size_t{64} << 20, kCells = size_t{1} << 20;

}  // namespace

bool compilable(const BlockIr& ir) {
  if (ir.observed && ir.items.size() > kMostNoted) return false;
  const IrItem* mark = nullptr;
  for (const IrItem& it : ir.items) {
    if (it.kind == IrItem::HostCall || it.kind == IrItem::BadFetch) return false;
    if (it.kind == IrItem::ObserveAccess && it.value == 0) return false;
    if (it.kind == IrItem::Fall && it.value != 0) return false;
    if (it.kind == IrItem::Mark) mark = &it;
    if (it.kind != IrItem::Op) continue;
    const isa::OpGroup g = isa::traits(it.op.op).group;
    if (g == isa::OpGroup::Trap) return false;
    // Of a string instruction each iteration is shown, and told at its mark.
    if (g == isa::OpGroup::String && (ir.observed || (mark && mark->index == it.index))) return false;
  }
  return true;
}

std::unique_ptr<Backend> Backend::make(isa::Isa isa) {
  std::unique_ptr<CodeArea> area = CodeArea::make(kCodeBytes, kCells);
  if (!area) return nullptr;
  return std::make_unique<Compiler>(isa, std::move(area));
}

Compiler::Compiler(isa::Isa isa, std::unique_ptr<CodeArea> area) : Assembler(isa, *area), owner_(std::move(area)) {
  const Xbyak::util::Cpu cpu;
  has_bmi2_ = cpu.has(Xbyak::util::Cpu::tBMI2);
  has_lzcnt_ = cpu.has(Xbyak::util::Cpu::tLZCNT);
  has_popcnt_ = cpu.has(Xbyak::util::Cpu::tPOPCNT);
  has_ssse3_ = cpu.has(Xbyak::util::Cpu::tSSSE3);
  has_sse41_ = cpu.has(Xbyak::util::Cpu::tSSE41);
  has_aes_ = cpu.has(Xbyak::util::Cpu::tAESNI);
  make_thunks();
  thunk_bytes_ = area_.used();
}

// Of a shift the count is not kept.
Compiler::Known Compiler::guess(const isa::LazyFlags& now) {
  using isa::FlagKind;
  const bool shift = now.kind == FlagKind::Shl || now.kind == FlagKind::Shr || now.kind == FlagKind::Sar;
  return {.known = !shift, .kind = now.kind, .width = now.width};
}

// No room for the code or its ways out, in the middle of a run: the block stays with the interpreter, and the next run
// begins anew (CodeArea::full).
bool Compiler::compile(const BlockIr& ir, Block& block, Engine::Cache& cache) {
  guess_ = guess(cache.now);
  try {
    return make_code(ir, block, cache);
  } catch (const Xbyak::Error&) {
    give_up();
    return false;
  }
}

bool Compiler::make_code(const BlockIr& ir, Block& block, Engine::Cache& cache) {
  ir_ = &ir, block_ = &block, cache_ = &cache, at_ = nullptr, shown_ = 0;
  known_ = {};
  ways_[0] = ways_[1] = {};
  past_hook_ = 0;
  start_ = area_.next();
  Label uncovered;
  sub(r15, static_cast<uint32_t>(ir.count));
  jl(uncovered);  // a label is known when it is first used: copies share it from then on
  later([this, uncovered, count = ir.count, pc = ir.pc]() mutable {
    L(uncovered);
    add(r15, count);
    constant(rdx, pc);
    mov(ecx, Site{.kind = Exit::Budget}.packed());
    jump_code(thunks_.exit);
  });
  noted_ = 0;
  if (ir.observed) make_room();
  for (const IrItem& it : ir.items) item(it);
  emit_cold();
  const uint8_t* const code = finish();
  if (!code) return false;
  for (int side = 0; side < 2; ++side) {
    Link& l = block.link[side];
    if (!ways_[side].cell) continue;
    l.cell = ways_[side].cell;
    l.stub = code + ways_[side].stub;
    *l.cell = l.to && l.to->host ? l.to->code : l.stub;
  }
  block.code = code;
  block.code_past_hook = code + past_hook_;
  block.host = true;
  for (Link* l = block.in; l; l = l->next)
    if (l->cell) *l->cell = code;
  return true;
}

void Compiler::item(const IrItem& it) {
  if (at_ && at_->index != it.index) shown_ = 0;
  at_ = &it;
  switch (it.kind) {
    case IrItem::Fall: return commit(), leave_by(0, ir_->end());
    case IrItem::Mark: return tell(thunks_.mark, it.value);
    case IrItem::Hook: return hook();
    case IrItem::Observe: return observe();
    case IrItem::ObserveAccess: return observe_access();
    default: op(it.op);
  }
}

void Compiler::hook() {
  Label passed;
  tell(thunks_.hook, 0);
  L(passed);
  later([this, passed, count = ir_->count]() mutable {
    past_hook_ = getSize();
    sub(r15, count);
    jmp(passed);
  });
}

// Room in the log for all that the block may note.
void Compiler::make_room() {
  Label full, room;
  noted_ = 0;
  mov(rdx, ptr[rsp]);
  mov(rcx, ptr[rdx + offsetof(Frame, log)]);
  cmp(rcx, ptr[rdx + offsetof(Frame, log_limit)]);
  ja(full);
  L(room);
  later([=, this]() mutable {
    L(full);
    constant(rdx, reinterpret_cast<size_t>(block_));
    call_code(thunks_.show);
    jmp(room);
  });
}

void Compiler::observe() {
  auto* run =
      new (cache_->room<ShownRun>()) ShownRun{ir_->pc, block_->offsets + at_->index, static_cast<uint32_t>(at_->value)};
  constant(rax, reinterpret_cast<size_t>(run));
  mov(ptr[next_noted() + offsetof(Shown, what)], rax);
}

void Compiler::observe_access() {
  address(at_->op.mem);
  const Xbyak::RegExp to = next_noted();
  mov(ptr[to + offsetof(Shown, address)], rax);
  mov(qword[to + offsetof(Shown, what)], Shown::access(static_cast<unsigned>(at_->value), at_->write));
  ++shown_;
}

// Where the next entry goes. What was noted counts from commit() on: a store each would wait for the last.
Xbyak::RegExp Compiler::next_noted() {
  mov(rdx, ptr[rsp]);
  mov(rcx, ptr[rdx + offsetof(Frame, log)]);
  return rcx + static_cast<int>(sizeof(Shown) * noted_++);
}

void Compiler::commit() {
  if (!noted_) return;
  mov(rdx, ptr[rsp]);
  add(qword[rdx + offsetof(Frame, log)], static_cast<uint32_t>(sizeof(Shown) * std::exchange(noted_, 0)));
}

// Calls who is told; all registers are theirs to read.
void Compiler::tell(const uint8_t* thunk, uint64_t tag) {
  commit();
  constant(rax, tag);
  load_site(site(), noted_);
  call_code(thunk);
}

void Compiler::op(const Uop& u) {
  if (u.op == Op::Nop) return;
  if (isa::traits(u.op).ends()) commit();
  for (const auto f : {&Compiler::moves,         &Compiler::arithmetic,       &Compiler::steps,    &Compiler::loads,
                       &Compiler::stores,        &Compiler::exclusives,       &Compiler::atomics,  &Compiler::strings,
                       &Compiler::addresses,     &Compiler::branches,         &Compiler::shifts,   &Compiler::pairs,
                       &Compiler::selections,    &Compiler::with_carry,       &Compiler::products, &Compiler::divisions,
                       &Compiler::fields,        &Compiler::counts,           &Compiler::scans,    &Compiler::bit_tests,
                       &Compiler::double_shifts, &Compiler::vector_transfers, &Compiler::vectors,  &Compiler::floats,
                       &Compiler::float_compares})
    if ((this->*f)(u)) return;
  rare(u);
}

void Compiler::rare(const Uop& u) {
  commit();
  constant(rax, reinterpret_cast<size_t>(new (cache_->room<Uop>()) Uop(u)));
  load_site(site(), noted_);
  call_code(thunks_.evaluate);
  known_ = {};
}

void Compiler::load_site(Site s, unsigned noted) {
  if (ir_->observed) {
    mov(rdx, ptr[rsp]);
    mov(dword[rdx + offsetof(Frame, pending)], noted);
  }
  mov(ecx, s.packed());
  constant(rdx, reinterpret_cast<size_t>(block_));
}

void Compiler::leave_by(int side, uint64_t pc) {
  Way& way = ways_[side];
  if (!way.cell) way.cell = area_.cell();
  if (!way.cell) throw Xbyak::Error(Xbyak::ERR_CODE_IS_TOO_BIG);
  jump_cell(way.cell);
  later([this, side, pc] {
    ways_[side].stub = getSize();
    mov(ecx, Site{.side = static_cast<uint8_t>(side), .kind = Exit::Link}.packed());
    constant(rdx, pc);
    constant(rax, reinterpret_cast<size_t>(block_));
    jump_code(thunks_.exit);
  });
}

// rax: where to
void Compiler::leave_indirect() {
  Label unknown;
  mov(rdx, ptr[rsp]);
  mov(rdx, ptr[rdx + offsetof(Frame, jumps)]);
  mov(rcx, rax);
  shr(rcx, 12);
  xor_(rcx, rax);
  and_(ecx, Engine::Cache::kJumps - 1);
  shl(ecx, 4);
  static_assert(sizeof(Engine::Cache::Jump) == 16 && offsetof(Engine::Cache::Jump, pc) == 0);
  cmp(rax, ptr[rdx + rcx]);
  jne(unknown);
  mov(rdx, ptr[rdx + rcx + 8]);
  jmp(ptr[rdx + offsetof(Block, code)]);
  later([this, unknown]() mutable {
    L(unknown);
    jump_code(thunks_.bounce);
  });
}

bool Compiler::strings(const Uop& u) {
  if (isa::traits(u.op).group != isa::OpGroup::String) return false;
  constant(rax, reinterpret_cast<size_t>(new (cache_->room<Uop>()) Uop(u)));
  load_site(site(), noted_);
  call_code(thunks_.string);
  known_ = {};
  leave_by(0, ir_->end());
  return true;
}

bool Compiler::branches(const Uop& u) {
  const auto taken_if = [&](Cc cc) {
    Label taken;
    jump_if(cc, taken);
    leave_by(0, ir_->end());
    L(taken);
    leave_by(1, static_cast<uint64_t>(u.imm));
  };
  switch (u.op) {
    case Op::Jump: leave_by(1, static_cast<uint64_t>(u.imm)); return true;
    case Op::JumpReg:
      copy(rax, u.a);
      leave_indirect();
      return true;
    case Op::JumpCond:
      if (u.cond == isa::Cond::Always)
        leave_by(1, static_cast<uint64_t>(u.imm));
      else
        taken_if(condition(u.cond));
      return true;
    case Op::Cbz:
    case Op::Cbnz: {
      const Reg64 r = in(u.a, rax);
      test(sized(r, u.width), sized(r, u.width));
      taken_if(u.op == Op::Cbz ? Cc::E : Cc::NE);
      return true;
    }
    case Op::Tbz:
    case Op::Tbnz:
      bt(in(u.a, rax), static_cast<uint8_t>(u.imm2));
      taken_if(u.op == Op::Tbz ? Cc::AE : Cc::B);
      return true;
    case Op::Syscall:
      constant(rdx, ir_->pc + at_->offset + at_->length);
      constant(rax, reinterpret_cast<size_t>(block_));
      mov(ecx, Site{.kind = Exit::Syscall}.packed());
      jump_code(thunks_.exit);
      return true;
    default: return false;
  }
}

Exit Compiler::run(Engine::Context& ctx, Block& block, int64_t budget) {
  Frame f;
  f.ctx = &ctx;
  f.jumps = ctx.cache->jump;
  f.budget = budget;
  f.block = &block;
  f.log = f.log_begin = log_.data(), f.log_limit = log_.data() + log_.size() - kMostNoted;
  using Enter = void (*)(Frame*, const void*, isa::CpuState*, Memory::TlbEntry*);
  const Enter go = reinterpret_cast<Enter>(reinterpret_cast<uintptr_t>(thunks_.enter));
  go(&f, ctx.past_hook ? block.code_past_hook : block.code, ctx.cpu, ctx.memory->tlb_read.data());
  show(&f);
  if (f.thrown) std::rethrow_exception(f.thrown);
  Exit e;
  e.kind = f.kind;
  e.side = static_cast<uint8_t>(f.site >> 24 & 15), e.order = static_cast<uint8_t>(f.site >> 16);
  e.offset = static_cast<uint16_t>(f.site);
  e.pc = f.pc;
  e.block = f.block;
  e.budget = f.budget;
  e.outcome = f.outcome;
  return e;
}

}  // namespace deferscope::emu::host
