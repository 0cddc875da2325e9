// Copying and digesting the machine.
#include "emu/machine_state.h"

#include "emu/hash.h"

namespace deferscope::emu {

MachineState::MachineState(const MachineState& o)
    : isa(o.isa),
      level(o.level),
      memory(o.memory),
      threads(o.threads),
      current(o.current),
      position(o.position),
      slice_end(o.slice_end),
      resumed_at(o.resumed_at),
      clock_skew(o.clock_skew),
      journal_cursor(o.journal_cursor),
      outputs(o.outputs),
      os(o.os ? o.os->clone() : nullptr),
      exited(o.exited),
      exit_status(o.exit_status),
      kill_signal(o.kill_signal) {}

MachineState& MachineState::operator=(const MachineState& o) {
  if (this == &o) return *this;
  isa = o.isa;
  level = o.level;
  memory = o.memory;
  threads = o.threads;
  current = o.current;
  position = o.position;
  slice_end = o.slice_end;
  resumed_at = o.resumed_at;
  clock_skew = o.clock_skew;
  journal_cursor = o.journal_cursor;
  outputs = o.outputs;
  os = o.os ? o.os->clone() : nullptr;
  exited = o.exited;
  exit_status = o.exit_status;
  kill_signal = o.kill_signal;
  return *this;
}

MachineState::MachineState(MachineState&&) noexcept = default;
MachineState& MachineState::operator=(MachineState&&) noexcept = default;
MachineState::~MachineState() = default;

static uint64_t with_x87(uint64_t h, const isa::X87& x) {
  for (size_t i = 0; i < 8; ++i) h = mix(mix(h, x.significand[i]), x.exponent[i]);
  return mix(h, uint64_t{x.control} << 32 | uint64_t{x.status} << 16 | x.full);
}

uint64_t MachineState::digest() const {
  uint64_t h = mix(position, current);
  h = mix(h, slice_end);
  h = mix(h, clock_skew);
  h = mix(h, journal_cursor);
  h = mix(h, outputs);
  h = mix(h, static_cast<uint64_t>(exit_status) << 1 | exited);
  for (const Thread& t : threads) {
    h = mix(h, static_cast<uint64_t>(t.tid) << 8 | static_cast<uint64_t>(t.status));
    h = mix(h, t.wake_at);
    const isa::CpuState& c = t.cpu;
    for (int i = 0; i < isa::kT0; ++i)
      if (i != isa::kSink) h = mix(h, c.r[i]);
    h = hash_bytes(h, c.v.data(), isa::kVT0 * sizeof(isa::Vec));
    h = mix(h, c.eflags());
    h = mix(h, c.pc);
    h = mix(h, static_cast<uint64_t>(c.mxcsr) << 32 | c.fpcr);
    h = mix(h, c.fpsr);
    h = mix(h, c.monitor.address ^ static_cast<uint64_t>(c.monitor.size) << 56);
    if (c.x87 != isa::X87{}) h = with_x87(h, c.x87);
  }
  h = mix(h, memory.digest());
  if (os) os->digest(h);
  return h;
}

}  // namespace deferscope::emu
