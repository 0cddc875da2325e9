// Private to the engine: the block cache and what one call of Engine::run hands the interpreter.
#pragma once
#include <memory_resource>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

#include "emu/engine/block.h"
#include "emu/engine/engine.h"
#include "emu/engine/slots/slot.h"

namespace deferscope::emu {

struct Engine::Cache {
  static constexpr unsigned kJumps = 16384;  // large programs return to more places than that
  struct Jump {
    uint64_t pc = 1;
    Block* block = nullptr;
  };
  Jump jump[kJumps];   // the last block found by address, for indirect jumps and returns
  unsigned limit;      // instructions a block
  bool traps = false;  // what computes by SSE is left to an exact step
  isa::LazyFlags now;  // when a block becomes host code: the flags at its begin, this time

  // `bytes`: when it holds more, everything is dropped between two runs and begun anew. A run makes what its
  // instructions need before the next look, some MiB at most.
  Cache(unsigned most, size_t bytes);

  Block* known(uint64_t pc) const {
    for (Block* b = buckets_[hash(pc) % buckets_.size()]; b; b = b->next)
      if (b->pc == pc) return b;
    return nullptr;
  }
  void keep(Block* b);
  // The block behind `from` on that side is `to`, until one of them is dropped.
  static void connect(Block& from, int side, Block& to) {
    Link& l = from.link[side];
    if (l.to == &to) return;
    l.to = &to;
    l.next = std::exchange(to.in, &l);
    if (l.cell && to.host) *l.cell = to.code;
  }
  // Room for n objects, until clear().
  template <class T>
  T* room(size_t n = 1) {
    static_assert(std::is_trivially_destructible_v<T>);
    used_ += n * sizeof(T);
    return static_cast<T*>(arena_.allocate(n * sizeof(T), alignof(T)));
  }
  // Between two runs only. Blocks that depend on a byte of the page, or on the byte at pc.
  void drop_page(uint64_t page);
  void drop_at(uint64_t pc);
  void clear();
  bool full() const { return used_ + buckets_.size() * sizeof(Block*) > bytes_; }

 private:
  static constexpr size_t kBuckets = 1024, kArena = 64 << 10;
  static uint64_t hash(uint64_t pc) { return pc ^ pc >> 12; }
  // An empty entry holds an address that is never looked for there: 1, but 0 in the entry that 1 would fall into.
  static Jump no_jump(size_t i) { return {i == 1 ? uint64_t{0} : 1, nullptr}; }
  void link(Block* b) {
    Block*& bucket = buckets_[hash(b->pc) % buckets_.size()];
    b->next = std::exchange(bucket, b);
  }
  void grow();
  void drop(Block& b);
  template <class Which>
  void drop_if(uint64_t page, Which which);

  std::vector<Block*> buckets_{kBuckets};         // a power of two of lists
  std::unordered_map<uint64_t, Block*> on_page_;  // lists
  size_t count_ = 0, used_ = 0, bytes_;
  std::pmr::monotonic_buffer_resource arena_{kArena};
};

struct Engine::Context {
  Engine* engine;
  isa::CpuState* cpu;
  Memory* memory;
  const isa::CpuModel* model;
  Observer* observer;
  Cache* cache;
  Block* block;
  int64_t budget;
  uint64_t count;   // instructions executed by all threads when this call began
  bool skip_first;  // do not stop at the first block's hook
  HookListener* hooks;
  bool exact;      // one instruction a block: stores to code are allowed
  unsigned shown;  // calls of the observer that the first instruction had already
  MarkListener* marks;
  bool past_hook = false;  // host code is entered past its first hook

  // Instructions executed before the one that slot `s` belongs to.
  uint64_t count_at(int64_t left, const Block& b, const Slot& s) const {
    return count + static_cast<uint64_t>(budget - left) - (b.count - s.order);
  }
  // Must this access be left to an exact step (watched, or code behind it)? Only asked when the TLB missed.
  bool careful(uint64_t address, unsigned n) const {
    const uint64_t first = page_of(address), last = page_of(address + n - 1);
    if (exact) return memory->is_watched(first) || memory->is_watched(last);
    return memory->is_watched(first) || memory->is_watched(last) || memory->is_code(first) || memory->is_code(last);
  }
  bool careful_uop(const isa::Uop& u) const;
  // To the observer: what `u` is about to read and write.
  void tell_accesses(const isa::Uop& u) const;
  // The next block; hooks and host calls included. Never null.
  Block* look_up(uint64_t pc) { return engine->find(pc, *memory, *cache); }
  isa::Outcome bad_fetch(uint64_t pc, const Slot* s) const;
};

// The interpreter (slots/execute.cpp): runs from ctx.block on until something stops it.
RunExit run_slots(Engine::Context& ctx);

}  // namespace deferscope::emu
