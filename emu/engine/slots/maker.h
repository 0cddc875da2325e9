// Private to the interpreter's backend: the slots of one block in the making. emit.cpp goes through the items and makes
// one slot of one micro-op, fuse.cpp one slot of neighbours.
#pragma once
#include <new>
#include <span>
#include <vector>

#include "emu/engine/block_ir.h"
#include "emu/engine/cache.h"
#include "emu/engine/slots/handlers.h"
#include "emu/engine/slots/slot.h"

namespace deferscope::emu {

// One for all blocks of an engine, so that its vector is made once.
class SlotMaker {
 public:
  // The block's slots, in the cache's arena.
  void make(const BlockIr& from, Engine::Cache& to, Block& block);
  // The slots of a block that has host code: through its hook, if it has one, and past it.
  void enter_host_code(Engine::Cache& to, Block& block);
  // It is not asked again whether the block is hot.
  void stop_counting(Block& block);

 private:
  Slot& emit(H h) {
    Slot s{};
    s.handler = labels[static_cast<int>(h)];
    s.offset = at->offset, s.order = at->index;
    slots.push_back(s);
    return slots.back();
  }
  // The slots of items i…i+n-1 behind a fused one.
  size_t parts(size_t i, size_t n) {
    for (size_t k = 0; k < n; ++k) at = &items[i + k], one(i + k);
    return i + n;
  }
  void emit_rare(const isa::Uop& u, bool end = false) {
    Slot& s = emit(end ? H::RareEnd : H::Rare);
    s.uop = stored(u);
    s.length = at->length;
  }
  const isa::Uop* stored(const isa::Uop& u) { return new (cache->room<isa::Uop>()) isa::Uop(u); }
  bool arm() const { return ir->arm(); }
  // Micro-ops from item i on that nothing stands between.
  size_t ops_from(size_t i) const {
    size_t n = i;
    while (n < items.size() && items[n].kind == IrItem::Op) ++n;
    return n - i;
  }

  void beside(const IrItem& it);
  size_t one(size_t i);
  size_t fuse(size_t i);
  size_t fuse_call(size_t i);
  size_t fuse_moves(size_t i, size_t left);
  size_t fuse_constant(size_t i, size_t left);
  size_t fuse_loads(size_t i, size_t left);
  size_t fuse_stores(size_t i, size_t left);
  size_t fuse_frame(size_t i, size_t left);
  size_t fuse_operation(size_t i, size_t left);
  bool compare_with_memory(const isa::Uop& load, const isa::Uop& compare);
  bool operate_with_memory(const isa::Uop& load, const isa::Uop& operation);
  bool compare_memory_and_branch(const isa::Uop& load, const isa::Uop& compare, const isa::Uop& jump);
  bool compare_and_branch(const IrItem& it, const isa::Uop& jump);
  bool alu(const isa::Uop& u);
  bool shift(const isa::Uop& u);
  bool conditional(const isa::Uop& u);
  bool bit_tests(const isa::Uop& u);
  bool bits(const isa::Uop& u);
  bool multiply(const isa::Uop& u);
  bool memory_op(const isa::Uop& u);
  bool vector(const isa::Uop& u);
  H hot_float(const isa::Uop& u) const;
  bool control(const isa::Uop& u);
  bool address(const isa::Uop& u, Slot& s) const;

  const BlockIr* ir = nullptr;
  Engine::Cache* cache = nullptr;
  std::span<const IrItem> items;
  std::vector<Slot> slots;
  const void* const* labels = handler_labels();
  const IrItem* at = nullptr;  // the item at hand
};

}  // namespace deferscope::emu
