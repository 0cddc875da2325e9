// The execution engine: runs one guest thread's instructions from blocks. It knows nothing of operating
// systems, threads or time travel; it holds caches only, never state (docs/HACKING.md: how the engine runs a block).
#pragma once
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "emu/memory.h"
#include "isa/cpu_model.h"
#include "isa/evaluate.h"

namespace deferscope::emu {

struct Block;      // block.h
struct Interests;  // translator.h
class Translator;  // translator.h
namespace host {
class Backend;
struct Exit;
}  // namespace host
class SlotMaker;  // slots/maker.h

// Sees every instruction, and with `memory` every access, before it happens. Called from inside the run: it must not
// touch the machine, nor read registers and flags (they may still be those of some instructions before).
class Observer {
 public:
  virtual ~Observer() = default;
  virtual void instruction(uint64_t pc) = 0;
  // The next n instructions, at base + offsets[0…n-1]: a straight run that certainly executes, of which only the last
  // accesses memory or may fault. For observers that want fewer calls.
  virtual void instructions(uint64_t base, const uint16_t* offsets, unsigned n) {
    for (unsigned i = 0; i < n; ++i) instruction(base + offsets[i]);
  }
  virtual void access(uint64_t address, unsigned bytes, bool write) { (void)address, (void)bytes, (void)write; }
};

// Asked at each arrival at a hook, before its instruction runs: true stops the run (RunExit::Hook), false goes on
// without leaving it, which costs a few nanoseconds. Called from inside the run with pc, registers, flags and memory
// exact; `count`: instructions executed by all threads before. It may read everything; it must not change anything,
// not even the hooks.
class HookListener {
 public:
  virtual ~HookListener() = default;
  virtual bool stops_at_hook(uint64_t count) = 0;
};

// Told of each arrival at a mark, before its instruction runs: some nanoseconds. Called from inside the run: registers
// (but not pc), and memory are exact, flags and floating-point state are not. It may read those; it must compute
// nothing in floating point, and change nothing. `count`: instructions executed by all threads before: an instruction
// that is begun twice is told twice, with the same. `tag`: the mark's.
class MarkListener {
 public:
  virtual ~MarkListener() = default;
  virtual void marked(uint64_t pc, uint64_t count, uint64_t tag) = 0;
};
using Marks = std::unordered_map<uint64_t, uint64_t>;  // tags by pc

struct RunExit {
  enum Kind : uint8_t {
    Budget,    // all of it is used
    Syscall,   // the instruction is counted; pc stands behind it
    Fault,     // the instruction is counted; state as before it
    Hook,      // pc is hooked; nothing of it executed
    HostCall,  // pc is outside memory and the OS's own; nothing executed
    Watch,     // the next instruction touches a watched page or code in a way that needs care: step it exactly
  } kind = Budget;
  isa::Outcome outcome;   // of Fault
  uint64_t executed = 0;  // instructions
  unsigned shown = 0;     // of Watch: calls of the observer for the instruction that was not executed
  bool again = false;  // stopped between two iterations of a string instruction: going on is no new arrival at its hook
};

class Engine {
 public:
  // `max_block` bounds a block's instructions (1…64); it changes speed only.
  Engine(isa::Isa isa, const isa::CpuModel& model, unsigned max_block = 64);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Runs at most `budget` instructions of the thread; `count` = instructions executed by all threads before (for
  // RDTSC). With `pass_hook` a hook at the first pc does not stop. Cost of a call: some tens of nanoseconds.
  RunExit run(isa::CpuState& cpu, Memory& memory, uint64_t budget, uint64_t count, bool pass_hook = false);

  // Stops before these addresses, each arrival once. Changing the set drops the blocks that cover what changed; so does
  // changing the marks. Cost: what changed, and the blocks on its pages.
  void set_hooks(std::unordered_set<uint64_t> hooks);
  const std::unordered_set<uint64_t>& hooks() const { return hooks_; }
  // Without a listener (nullptr) every hook stops.
  void set_hook_listener(HookListener* l) { hook_listener_ = l; }
  // Every instruction is shown to `o` (and accesses if `memory`); nullptr: nobody looks, and nothing is called.
  void set_observer(Observer* o, bool memory = false);
  // Instructions that `l` is told of, unlike a hook without a stop. nullptr: none.
  void set_marks(MarkListener* l, Marks marks);
  // The mark at pc, if there is one, is told.
  void tell_mark(uint64_t pc, uint64_t count) const;
  // Addresses the OS answers itself (nullptr: none).
  void set_host_calls(std::function<bool(uint64_t)> is_host_call) { is_host_call_ = std::move(is_host_call); }
  // Drops every block: after the memory under it was replaced by another value.
  void drop_blocks();

  // What may become host code: "interp" nothing, "auto" blocks that are hot, "jit" each block when it is entered first.
  // It changes speed only. False, and all stays interpreted: not on this host.
  bool use_host_code(std::string_view which);
  uint64_t host_blocks_made() const { return host_blocks_made_; }

  unsigned max_block() const { return max_block_; }
  uint64_t blocks_made() const { return blocks_made_; }

  struct Cache;    // blocks by pc (cache.h)
  struct Context;  // one call of run (cache.h)

  // For the interpreter: the block is hot; it has host code.
  void make_host_code(Block& block, Memory& memory);
  host::Exit run_host_code(Context& ctx, Block& block, int64_t budget);

 private:
  Block* find(uint64_t pc, Memory& memory, Cache& cache);
  Block* make(uint64_t pc, Memory& memory, Cache& cache);
  void drop_at(uint64_t pc);
  Interests interests() const;
  void drop_dirty(Memory& memory);

  isa::Isa isa_;
  const isa::CpuModel& model_;
  unsigned max_block_;
  // Normal; one instruction a block (exact steps); while MXCSR leaves an exception unmasked
  std::unique_ptr<Cache> blocks_, single_, trapping_;
  std::unique_ptr<Translator> translator_;
  std::unique_ptr<SlotMaker> slots_;
  std::unique_ptr<host::Backend> host_;  // nullptr: interpreted only
  unsigned heat_ = 0;
  std::unordered_set<uint64_t> hooks_;
  HookListener* hook_listener_ = nullptr;
  Observer* observer_ = nullptr;
  bool observe_memory_ = false;
  MarkListener* mark_listener_ = nullptr;
  Marks marks_;
  std::function<bool(uint64_t)> is_host_call_;
  uint64_t blocks_made_ = 0, host_blocks_made_ = 0;
};

}  // namespace deferscope::emu
