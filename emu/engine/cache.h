// Private to the engine: the block cache and what one call of Engine::run hands the interpreter.
#pragma once
#include "emu/engine/engine.h"

namespace deferscope::emu {

struct Engine::Cache {
  static constexpr unsigned kJumps = 4096;
  struct Jump {
    uint64_t pc = 1;
    Block* block = nullptr;
  };
  Jump jump[kJumps];  // the last block found by address, for indirect jumps and returns
  // An empty entry holds an address that is never looked for there: 1, but 0 in the entry that 1 would fall into.
  Cache() { jump[1].pc = 0; }
  std::unordered_map<uint64_t, std::unique_ptr<Block>> blocks;
  unsigned limit = 64;  // instructions a block

  void clear() {
    for (Jump& j : jump) j = {};
    jump[1].pc = 0;
    blocks.clear();
  }
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

  // Instructions executed before the one that slot `s` belongs to.
  uint64_t count_at(int64_t left, const Block& b, const Slot& s) const {
    return count + static_cast<uint64_t>(budget - left) - (b.count - s.index);
  }
  // Must this access be left to an exact step (watched, or code behind it)? Only asked when the TLB missed.
  bool careful(uint64_t address, unsigned n) const {
    const uint64_t first = page_of(address), last = page_of(address + n - 1);
    if (exact) return memory->is_watched(first) || memory->is_watched(last);
    return memory->is_watched(first) || memory->is_watched(last) || memory->is_code(first) || memory->is_code(last);
  }
  bool careful_uop(const isa::Uop& u) const;
  // The next block; hooks and host calls included. Never null.
  Block* look_up(uint64_t pc) { return engine->find(pc, *memory, *cache, cache->limit); }
  isa::Outcome bad_fetch(uint64_t pc, const Slot* s) const;
};

}  // namespace deferscope::emu
