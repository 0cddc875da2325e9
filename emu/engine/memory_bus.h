// The reference evaluator's view of Memory.
#pragma once
#include "emu/memory.h"
#include "isa/evaluate.h"

namespace deferscope::emu {

class MemoryBus final : public isa::Bus {
 public:
  explicit MemoryBus(Memory& m) : m_(m) {}
  bool read(uint64_t a, void* out, unsigned n) override { return m_.read(a, out, n) || fail(); }
  bool write(uint64_t a, const void* in, unsigned n) override { return m_.write(a, in, n) || fail(); }
  bool check_write(uint64_t a, unsigned n) override { return m_.check_write(a, n) || fail(); }

 private:
  bool fail() {
    fault_address = m_.fault_address;
    fault = m_.fault;
    return false;
  }
  Memory& m_;
};

}  // namespace deferscope::emu
