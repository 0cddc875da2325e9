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
  uint8_t order = 0, side = 0;
  Exit::Kind kind = Exit::Jump;
  constexpr uint32_t packed() const {
    return offset | uint32_t{order} << 16 | uint32_t{side} << 24 | uint32_t{kind} << 28;
  }
};

struct Frame {
  alignas(16) uint8_t data[32];  // of an access that the TLB does not cover
  Engine::Context* ctx;
  const Engine::Cache::Jump* jumps;
  uint64_t address;  // of that access
  uint64_t pc;
  Block* block;
  int64_t budget;
  uint32_t site;  // packed
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
// At a hook: does the run go on?
bool pass_hook(Frame* f, uint64_t);
// At a mark.
bool tell_mark(Frame* f, uint64_t tag);
// An access that is not aligned as it must be.
bool misaligned(Frame* f, uint64_t write);
// What the flags say, of whatever origin.
bool condition_holds(const isa::LazyFlags* flags, uint64_t cond);
uint64_t flag_bits(const isa::LazyFlags* flags);

}  // namespace deferscope::emu::host
