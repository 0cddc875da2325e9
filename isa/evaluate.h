// The reference evaluator: executes one lifted instruction the plain way (eager flags, no cache, no TLB). It defines
// what the micro-ops mean; the engine is tested against it, and it against real hardware.
#pragma once
#include <cstdint>

#include "isa/cpu_model.h"
#include "isa/uop.h"

namespace deferscope::isa {

enum class Access : uint8_t { Read, Write, Execute };

// What the evaluator sees of memory. A call transfers all n bytes, or nothing: then it returns false, and
// `fault_address` and `fault` say why.
class Bus {
 public:
  virtual ~Bus() = default;
  virtual bool read(uint64_t address, void* out, unsigned n) = 0;
  virtual bool write(uint64_t address, const void* in, unsigned n) = 0;
  virtual bool check_write(uint64_t address, unsigned n) = 0;
  uint64_t fault_address = 0;
  Fault fault = Fault::Page;
};

// How an instruction ended.
struct Outcome {
  enum Kind : uint8_t { Next, Syscall, Fault } kind = Next;
  isa::Fault fault = isa::Fault::None;
  Access access = Access::Read;  // of Fault::Page
  uint64_t address = 0;          // of the fault
  int64_t number = 0;            // Trap's imm
};

// Executes `in` at state.pc. On Next and Syscall the state is the one after the instruction (pc included); on a fault
// it is as before. A string instruction does one iteration; while more are due, pc stays. `count` = instructions
// executed before this one (RDTSC, CNTVCT).
Outcome evaluate(const Lifted& in, CpuState& state, Bus& bus, const CpuModel& model, uint64_t count);

// Executes one micro-op of the instruction at state.pc in the same way, for the engine's rare ops. `next` is the pc
// afterwards; a control op changes it.
Outcome evaluate_one(const Uop& u, CpuState& state, Bus& bus, const CpuModel& model, uint64_t count, uint64_t& next);

bool holds(Cond c, uint32_t flags);

}  // namespace deferscope::isa
