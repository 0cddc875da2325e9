// The engine's outer loop: whole blocks while the budget covers them, then one instruction a block to the exact count.
#include "emu/engine/engine.h"

#include <algorithm>
#include <cstring>

#include "emu/engine/cache.h"
#include "emu/engine/host/host.h"
#include "emu/engine/slots/maker.h"
#include "emu/engine/translator.h"
#include "isa/fp_env.h"
#include "isa/op_traits.h"

namespace deferscope::emu {

namespace {
// Times that a block is entered before host code pays.
constexpr unsigned kHeat = 64;
// Code that is all entry points, or new for ever, makes blocks without end.
constexpr size_t kBlockBytes = size_t{64} << 20, kSingleBytes = size_t{16} << 20;
}  // namespace

Engine::Engine(isa::Isa isa, const isa::CpuModel& model, unsigned max_block)
    : isa_(isa),
      model_(model),
      max_block_(std::clamp(max_block, 1u, 64u)),
      blocks_(std::make_unique<Cache>(max_block_, kBlockBytes)),
      single_(std::make_unique<Cache>(1, kSingleBytes)),
      trapping_(std::make_unique<Cache>(1, kSingleBytes)),
      translator_(std::make_unique<Translator>(isa, model.level)),
      slots_(std::make_unique<SlotMaker>()) {
  trapping_->traps = true;
}

Engine::~Engine() = default;

void Engine::drop_blocks() {
  for (Cache* c : {blocks_.get(), single_.get(), trapping_.get()}) c->clear();
  if (host_) host_->clear();
}

bool Engine::use_host_code(std::string_view which) {
  drop_blocks();
  heat_ = which == "jit" ? 1 : which == "auto" ? kHeat : 0;
  if (heat_ == 0)
    host_.reset();
  else if (!host_)
    host_ = host::Backend::make(isa_);
  return host_ != nullptr || heat_ == 0;
}

Interests Engine::interests() const { return {hooks_, marks_, is_host_call_, observer_ != nullptr, observe_memory_}; }

void Engine::make_host_code(Block& block, Memory& memory) {
  slots_->stop_counting(block);
  const BlockIr& ir = translator_->run(block.pc, memory, block.count, interests());
  if (ir.count != block.count || !host::compilable(ir) || !host_->compile(ir, block, *blocks_)) return;
  slots_->enter_host_code(*blocks_, block);
  ++host_blocks_made_;
}

host::Exit Engine::run_host_code(Context& ctx, Block& block, int64_t budget) { return host_->run(ctx, block, budget); }

void Engine::drop_at(uint64_t pc) {
  for (Cache* c : {blocks_.get(), single_.get(), trapping_.get()}) c->drop_at(pc);
}

// Blocks of pages that were written, unmapped, mapped or re-protected.
void Engine::drop_dirty(Memory& memory) {
  if (!memory.code_dirty()) return;
  for (const uint64_t page : memory.take_dirty_code())
    for (Cache* c : {blocks_.get(), single_.get(), trapping_.get()}) c->drop_page(page);
}

void Engine::set_hooks(std::unordered_set<uint64_t> hooks) {
  std::swap(hooks_, hooks);
  for (const uint64_t pc : hooks)
    if (!hooks_.count(pc)) drop_at(pc);
  for (const uint64_t pc : hooks_)
    if (!hooks.count(pc)) drop_at(pc);
}

void Engine::set_observer(Observer* o, bool memory) {
  const bool had = observer_ != nullptr, had_memory = observe_memory_;
  observer_ = o;
  observe_memory_ = o != nullptr && memory;
  if (had != (o != nullptr) || had_memory != observe_memory_) drop_blocks();
}

void Engine::set_marks(MarkListener* l, Marks marks) {
  mark_listener_ = l;
  std::swap(marks_, marks);
  const auto differs = [](const Marks& in, const auto& mark) {
    const auto there = in.find(mark.first);
    return there == in.end() || there->second != mark.second;
  };
  for (const auto& mark : marks)
    if (differs(marks_, mark)) drop_at(mark.first);
  for (const auto& mark : marks_)
    if (differs(marks, mark)) drop_at(mark.first);
}

void Engine::tell_mark(uint64_t pc, uint64_t count) const {
  if (marks_.empty()) return;
  if (const auto mark = marks_.find(pc); mark != marks_.end()) mark_listener_->marked(pc, count, mark->second);
}

Block* Engine::find(uint64_t pc, Memory& memory, Cache& cache) {
  Cache::Jump& guess = cache.jump[(pc ^ (pc >> 12)) % Cache::kJumps];
  if (guess.pc == pc) return guess.block;
  Block* b = cache.known(pc);
  if (!b) cache.keep(b = make(pc, memory, cache));
  guess = {pc, b};
  return b;
}

Block* Engine::make(uint64_t pc, Memory& memory, Cache& cache) {
  const BlockIr& ir = translator_->run(pc, memory, cache.limit, interests());
  Block* b = new (cache.room<Block>()) Block;
  b->pc = pc, b->count = ir.count, b->bytes = ir.bytes, b->span = ir.span, b->hooked = ir.hooked;
  if (ir.observed) {
    b->offsets = cache.room<uint16_t>(ir.offsets.size());
    std::ranges::copy(ir.offsets, b->offsets);
  }
  if (host_) {
    b->code = host_->bounce();
    if (&cache == blocks_.get() && host::compilable(ir)) b->heat = static_cast<uint16_t>(heat_);
  }
  slots_->make(ir, cache, *b);
  ++blocks_made_;
  return b;
}

bool Engine::Context::careful_uop(const isa::Uop& u) const {
  const auto& r = cpu->r;
  const isa::OpTraits& t = isa::traits(u.op);
  if (t.group == isa::OpGroup::String)
    return careful(r[isa::kRdi], u.width) || careful(r[isa::kRsi] + r[u.mem.seg], u.width);
  if (u.op == isa::Op::Gather) return memory->any_watched();
  if (t.touch == isa::Touch::None) return false;
  const uint64_t at =
      r[u.mem.base] + (r[u.mem.index] << u.mem.shift) + static_cast<uint64_t>(u.mem.disp) + r[u.mem.seg];
  const unsigned bytes = t.bytes(u);
  return careful(u.op == isa::Op::ZeroLine ? at & ~uint64_t{63} : at, bytes);
}

void Engine::Context::tell_accesses(const isa::Uop& u) const {
  struct Teller final : isa::Bus {
    const Context& c;
    explicit Teller(const Context& context) : c(context) {}
    bool read(uint64_t a, void* out, unsigned n) override {
      c.observer->access(a, n, false);
      std::memset(out, 0, n);
      return true;
    }
    bool write(uint64_t a, const void*, unsigned n) override { return c.observer->access(a, n, true), true; }
    bool check_write(uint64_t, unsigned) override { return true; }
  } bus(*this);
  isa::CpuState as_if = *cpu;
  uint64_t next = 0;
  isa::evaluate_one(u, as_if, bus, *model, count, next);
}

isa::Outcome Engine::Context::bad_fetch(uint64_t pc, const Slot* s) const {
  const auto fault = static_cast<isa::Fault>(s->fault);
  return {isa::Outcome::Fault, fault, isa::Access::Execute, pc + static_cast<uint64_t>(s->ahead), 0};
}

RunExit Engine::run(isa::CpuState& cpu, Memory& memory, uint64_t budget, uint64_t count, bool pass_hook) {
  RunExit exit;
  uint64_t done = 0;
  unsigned shown = 0;
  bool exact = budget == 1;  // the next instruction must be stepped alone
  while (done < budget) {
    drop_dirty(memory);
    if (blocks_->full() || single_->full() || trapping_->full() || (host_ && host_->full())) {
      drop_blocks();
      memory.forget_code();  // else pages that never had a frame would be remembered for ever
    }
    const bool traps = !isa::masks_all(cpu);  // until an instruction loads MXCSR, which ends this round
    Cache* cache = traps ? trapping_.get() : exact ? single_.get() : blocks_.get();
    Block* block = find(cpu.pc, memory, *cache);
    if (!exact && block->count > budget - done) {
      exact = true;
      cache = single_.get();
      block = find(cpu.pc, memory, *cache);
    }
    const uint64_t left = exact ? 1 : budget - done;
    Context ctx{this,           &cpu,
                &memory,        &model_,
                observer_,      cache,
                block,          static_cast<int64_t>(std::min<uint64_t>(left, INT64_MAX)),
                count + done,   pass_hook && block->hooked,
                hook_listener_, exact,
                shown,          mark_listener_};
    exit = run_slots(ctx);
    shown = exit.shown;
    done += exit.executed;
    pass_hook = exit.again;
    if (exit.kind == RunExit::Watch && !exact && !traps && !memory.any_watched()) {
      exact = true;
      pass_hook = true;  // it was passed already
      continue;
    }
    if (exit.kind != RunExit::Budget) break;
    exact = false;
  }
  drop_dirty(memory);
  exit.executed = done;
  if (done >= budget && exit.kind == RunExit::Watch) exit.kind = RunExit::Budget;
  return exit;
}

}  // namespace deferscope::emu
