// Execution slots and blocks: what the canonical micro-ops of a straight run of guest code become. Made when first
// executed, thrown away at any time.
#pragma once
#include <cstdint>

#include "isa/uop.h"

namespace deferscope::emu {

// One dispatch of the interpreter. 32 bytes, two a cache line.
struct alignas(32) Slot {
  const void* handler;  // a label of execute()
  uint8_t dst, a, b, aux;
  uint16_t offset;  // of the instruction that this slot belongs to, from the block's pc
  uint8_t index;    // its number in the block
  uint8_t width;    // bytes (kept for observers and rare handlers)
  int64_t imm;
  union {
    int64_t imm2;
    const isa::Uop* uop;
    void (*vec)(isa::Vec&, const isa::Vec&, const isa::Vec&, uint64_t);
  };
};
static_assert(sizeof(Slot) == 32);

// Blocks, their slots and what these point to lie in their cache's arena (cache.h): nothing is freed alone.
struct alignas(32) Block {
  uint64_t pc = 0;
  uint32_t count = 0;   // instructions
  uint32_t bytes = 0;   // of guest code
  bool hooked = false;  // slots[0] is the stop before the first instruction; resuming there starts at slots[1]
  Slot* slots = nullptr;
  Block* link[2] = {};          // blocks behind it: [0] not taken or fallen through, [1] taken
  uint16_t* offsets = nullptr;  // of the instructions from pc, if an observer is to be told
  Block* next = nullptr;        // in its bucket of the cache
};

}  // namespace deferscope::emu
