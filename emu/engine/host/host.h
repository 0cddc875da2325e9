// The second backend: blocks that are hot become x86-64 host code (xbyak), with the guest's hottest registers in the
// host's across blocks and links. What host code cannot do it leaves to the interpreter (slots/).
#pragma once
#include <cstdint>
#include <memory>

#include "emu/engine/block_ir.h"
#include "emu/engine/cache.h"
#include "isa/evaluate.h"

namespace deferscope::emu::host {

// Why host code came back, and where.
struct Exit {
  enum Kind : uint8_t {
    Jump,     // to `pc`
    Link,     // to `pc`, from `block` by its side `side`, which is not connected yet
    Budget,   // does not cover the block at `pc`
    Syscall,  // `pc` stands behind it
    Fault,    // of the instruction `order`, `offset` of `block`: `outcome`
    Watch,    // the same instruction must be stepped exactly
    Hook,     // before the first instruction of `block`
    Again,    // the budget ends between two iterations of the string instruction `order`, `offset` of `block`
  };
  Kind kind = Jump;
  uint8_t side = 0, order = 0;
  uint16_t offset = 0;
  uint64_t pc = 0;
  Block* block = nullptr;
  int64_t budget = 0;  // left; as the interpreter has it while in `block`
  isa::Outcome outcome;
};

class Backend {
 public:
  // nullptr: this host is not x86-64, or it refuses memory for code.
  static std::unique_ptr<Backend> make(isa::Isa isa);
  virtual ~Backend() = default;
  // Host code of `ir` for the block, which was made of it. False: it has something that stays with the interpreter.
  virtual bool compile(const BlockIr& ir, Block& block, Engine::Cache& cache) = 0;
  // Runs from `block`, which has code, on; it must be covered by the budget, of which nothing was taken for it.
  virtual Exit run(Engine::Context& ctx, Block& block, int64_t budget) = 0;
  // Forgets all code.
  virtual void clear() = 0;
  virtual bool full() const = 0;
  // Where indirect jumps to blocks without code lead (Block::code).
  virtual const void* bounce() const = 0;
};

// May a block become host code at all?
bool compilable(const BlockIr& ir);

}  // namespace deferscope::emu::host
