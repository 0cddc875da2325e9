// What host code and the functions that it calls share for one stay in host code; [rsp] points to it.
#pragma once
#include <cstdint>
#include <exception>

#include "emu/engine/cache.h"
#include "emu/engine/host/host.h"

namespace deferscope::emu::host {

// Where host code stands, in one register: an instruction of the block, or a way out of it.
struct Site {
  uint16_t offset = 0;
  uint8_t order = 0, side = 0;  // side: of a way out; at an instruction, how many of its accesses were shown
  Exit::Kind kind = Exit::Jump;
  constexpr uint32_t packed() const {
    return offset | uint32_t{order} << 16 | uint32_t{side} << 24 | uint32_t{kind} << 28;
  }
};

// What an observer is shown, in order. It may not look at the machine, so it need not be told at once: host code notes
// it, and the observer gets it when the log is full, and before anybody else is told something or the stay ends.
struct ShownRun {
  uint64_t pc;  // of the block
  const uint16_t* offsets;
  uint32_t n;
};
struct Shown {
  uint64_t what;  // a ShownRun, or access()
  uint64_t address;
  static constexpr uint32_t access(unsigned bytes, bool write) { return bytes << 2 | (write ? 2u : 0u) | 1u; }
};

struct Frame {
  alignas(16) uint8_t data[32];  // of an access that the TLB does not cover
  Engine::Context* ctx;
  const Engine::Cache::Jump* jumps;
  uint64_t address;  // of that access
  uint64_t pc;
  Block* block;
  int64_t budget;
  Shown *log, *log_begin, *log_limit;  // where the next entry goes, once those that are pending count
  uint32_t pending = 0;                // entries behind it, if the stay ends at `site`
  uint32_t site;                       // packed
  Exit::Kind kind;
  isa::Outcome outcome;
  std::exception_ptr thrown;  // by what host code called: nothing can be thrown through it
};

// Called from host code with the guest's registers in CpuState; none throws. False: the stay ends, and frame.kind or
// frame.thrown says why.
// Reads into frame.data what lies at frame.address.
bool read_slowly(Frame* f, uint64_t bytes);
// The same, and it must be writable.
bool read_to_modify_slowly(Frame* f, uint64_t bytes);
// Writes it from frame.data.
bool write_slowly(Frame* f, uint64_t bytes);
// A micro-op through the reference evaluator.
bool evaluate_slowly(Frame* f, const isa::Uop* op);
// A string instruction, all of its iterations that the budget covers: those behind the first are taken from it here.
bool run_string_slowly(Frame* f, const isa::Uop* op);
// At a hook: does the run go on?
bool pass_hook(Frame* f, uint64_t);
// At a mark.
bool tell_mark(Frame* f, uint64_t tag);
// Empties the log.
bool show(Frame* f);
// An access that is not aligned as it must be.
bool misaligned(Frame* f, uint64_t write);
// What the flags say, of whatever origin.
bool condition_holds(const isa::LazyFlags* flags, uint64_t cond);
uint64_t flag_bits(const isa::LazyFlags* flags);

}  // namespace deferscope::emu::host
