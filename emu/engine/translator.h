// Guest code → BlockIr: a straight run is read, flags are dropped where nobody can see them, hooks, marks and observers
// find their places. Private to the engine.
#pragma once
#include <functional>
#include <unordered_map>
#include <unordered_set>

#include "emu/engine/block_ir.h"
#include "emu/memory.h"
#include "isa/isa.h"

namespace deferscope::emu {

// What of a block is not the guest's. All by reference to the engine's own.
struct Interests {
  const std::unordered_set<uint64_t>& hooks;
  const std::unordered_map<uint64_t, uint64_t>& marks;  // tags by pc
  const std::function<bool(uint64_t)>& host_calls;      // may be empty
  bool observe = false, observe_memory = false;
};

// One for all blocks of an engine, so that its vectors are made once.
class Translator {
 public:
  Translator(isa::Isa isa, isa::Level level) : level_(level) { ir_.isa = isa; }
  // The run at `pc`, at most `limit` instructions of it. Valid until the next call. Its pages are marked as code, also
  // one from which nothing could be fetched.
  BlockIr& run(uint64_t pc, Memory& memory, unsigned limit, const Interests& interests);

 private:
  bool gather(Memory& memory, unsigned limit, const Interests& interests);
  void add_op(const isa::Uop& u, uint16_t offset, bool first);
  void bad_fetch(isa::Fault fault, uint64_t ahead);
  void drop_dead_flags();
  void weave(const Interests& interests);
  void observe_run(size_t i);
  void observe_access(const IrItem& it);
  IrItem& insert(IrItem::Kind kind, const IrItem& before);

  isa::Level level_;
  BlockIr ir_;
  isa::Lifted in_;
  std::vector<IrItem> ops_;  // while observers and marks are woven in: the block without them
};

}  // namespace deferscope::emu
