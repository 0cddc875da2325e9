// Private to the engine: one block in the making. translate.cpp reads the instructions and drops dead flags, fuse.cpp
// makes one slot of neighbours, slots.cpp one slot of one micro-op.
#pragma once
#include <new>
#include <vector>

#include "emu/engine/cache.h"
#include "emu/engine/handlers.h"

namespace deferscope::emu {

// One for all blocks of an engine, so that its vectors are made once.
struct Translator {
  explicit Translator(Engine& e) : engine(e) {}
  // The block at `start`, in the cache's arena; not yet known to it.
  Block* run(uint64_t start, Memory& from, Engine::Cache& to);

  Engine& engine;
  Memory* memory = nullptr;
  Engine::Cache* cache = nullptr;
  uint64_t pc = 0;
  Block* block = nullptr;

  struct Item {  // a micro-op with the instruction it came from
    isa::Uop u;
    uint16_t offset;
    uint8_t index, length;
    bool first;                      // of its instruction
    bool stops = false;              // its instruction may end the run
    const uint64_t* mark = nullptr;  // the tag of what is to be told before it
  };
  isa::Lifted in;
  std::vector<Item> items;
  std::vector<Slot> slots;
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

  void emit_rare(const isa::Uop& u, bool end = false) {
    Slot& s = emit(end ? H::RareEnd : H::Rare);
    s.uop = stored(u);
    s.aux = at->length;
  }
  const isa::Uop* stored(const isa::Uop& u) { return new (cache->room<isa::Uop>()) isa::Uop(u); }

  bool gather();
  void drop_dead_flags();
  void classify();
  void observe(size_t i);
  void find_marks();
  void mark(size_t i);
  void observe_access(const Item& it);
  size_t one(size_t i);
  size_t fuse(size_t i);
  size_t fuse_moves(size_t i, size_t left);
  size_t fuse_constant(size_t i, size_t left);
  size_t fuse_loads(size_t i, size_t left);
  size_t fuse_stores(size_t i, size_t left);
  size_t fuse_frame(size_t i, size_t left);
  bool compare_memory_and_branch(const isa::Uop& load, const isa::Uop& compare, const isa::Uop& jump);
  bool compare_and_branch(const isa::Uop& u, const isa::Uop& j);
  bool alu(const isa::Uop& u);
  bool shift(const isa::Uop& u);
  bool conditional(const isa::Uop& u);
  bool bit_tests(const isa::Uop& u);
  bool bits(const isa::Uop& u);
  bool multiply(const isa::Uop& u);
  bool memory_op(const isa::Uop& u);
  bool vector(const isa::Uop& u);
  bool control(const isa::Uop& u);
  bool address(const isa::Uop& u, Slot& s) const;
  void bad_fetch(uint16_t offset, uint8_t index, isa::Fault fault, uint64_t ahead);
  bool arm() const { return engine.isa_ == isa::Isa::arm64; }
};

}  // namespace deferscope::emu
