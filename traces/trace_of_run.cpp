#include "traces/trace_of_run.h"

#include "loader/sha256.h"
#include "traces/names.h"
#include "traces/snapshot.h"

namespace deferscope::traces {

TraceHeader header_of(const emu::Machine& m, const model::Program& p, const std::string& version) {
  const BinaryId id = BinaryId::of(p);
  const emu::GuestOptions& o = m.options();
  const ProgramNames names(p);
  TraceHeader h;
  h.deferscope = version;
  h.sha256 = id.sha256;
  h.go = id.go;
  h.goos = id.goos;
  h.goarch = id.goarch;
  h.stripped = id.stripped;
  h.package = p.go().build.path;
  for (const emu::Library& l : m.state().os->libraries())
    h.libraries.push_back({l.path, loader::sha256_hex(l.image->file())});
  for (const auto& [key, value] : p.go().build.settings) h.settings.push_back({key, value});
  h.default_godebug = std::string(p.go().build.setting("DefaultGODEBUG").value_or(""));
  h.defer_fn_offset = names.fn_offset().value_or(0);
  h.jmpdefer = names.jmpdefer();
  h.arguments = o.argv;
  h.environment = m.state().os->environment(o);
  h.seed = o.seed;
  h.clock = o.clock_start;
  h.cpus = o.cpus;
  h.cpu = o.cpu ? o.cpu->name : isa::default_cpu_model(m.state().isa).name;
  h.memory = o.max_memory;
  h.max_threads = o.max_threads;
  return h;
}

TraceEnd end_of(const emu::MachineState& state, const EventCounts& counts, const std::string& why) {
  TraceEnd end;
  end.line = TraceLine::end;
  end.complete = state.exited;
  if (!state.exited) end.why = why.empty() ? "the run was stopped" : why;
  if (state.exited) end.status = state.exit_status;
  end.signal = static_cast<uint64_t>(state.kill_signal);
  end.instructions = state.position;
  for (size_t i = 0; i < counts.size(); ++i)
    if (counts[i]) end.counts.push_back({static_cast<model::EventKind>(i), counts[i]});
  return end;
}

}  // namespace deferscope::traces
