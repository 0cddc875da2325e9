// A trace's first and last line, made of the run that it tells of.
#pragma once
#include <array>
#include <string>

#include "emu/machine.h"
#include "runtime_model/program.h"
#include "traces/trace_lines.h"

namespace deferscope::traces {

using EventCounts = std::array<uint64_t, static_cast<size_t>(model::EventKind::count)>;

// `version`: deferscope's. Reads the program's file.
// What was chosen of the run is for the caller to say (level, filter).
TraceHeader header_of(const emu::Machine& machine, const model::Program& program, const std::string& version);
// `why`: what ended the run before the guest ended.
TraceEnd end_of(const emu::MachineState& state, const EventCounts& counts, const std::string& why);

}  // namespace deferscope::traces
