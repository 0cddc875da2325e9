// Blocks: what a straight run of guest code became, entered through one pointer whichever backend made it. Made when
// first executed, thrown away at any time.
#pragma once
#include <cstdint>

namespace deferscope::emu {

struct Block;
struct Slot;

// The way from a block to the one behind it, once it was gone.
struct Link {
  Block* to = nullptr;
  Link* next = nullptr;  // among the links to the same block
  // Of a block with host code: where it jumps to, and where that leads while nothing is linked.
  const void** cell = nullptr;
  const void* stub = nullptr;
};

// Blocks, their slots and what these point to lie in their cache's arena (cache.h): nothing is freed alone. A block
// that was dropped stays where it is, and nothing leads to it.
struct alignas(32) Block {
  uint64_t pc = 0;
  uint32_t count = 0;   // instructions
  uint32_t bytes = 0;   // of guest code
  uint32_t span = 1;    // bytes from pc on, mapped or not, on which it depends
  bool hooked = false;  // slots[0] is the stop before the first instruction; resuming there starts at slots[1]
  bool dropped = false;
  bool host = false;                     // has host code
  uint16_t heat = 0;                     // times that it is entered before host code is made of it; 0: never
  const void* code = nullptr;            // where host code enters it: its own, or the way back to the interpreter
  const void* code_past_hook = nullptr;  // its own, for who has passed its hook
  Slot* slots = nullptr;                 // entered here
  Link link[2];                          // [0] not taken or fallen through, [1] taken
  uint16_t* offsets = nullptr;           // of the instructions from pc, if an observer is to be told
  Block* next = nullptr;                 // in its bucket of the cache
  Link* in = nullptr;                    // links that lead here
  Block* on_page[2] = {};                // the next one of its first page, and of its last if that is another
};

}  // namespace deferscope::emu
