// `deferscope run [FLAGS] BIN [ARGS]`: the guest gets everything behind BIN and our standard streams; its exit status
// is ours.
#include "cli/run.h"

#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <optional>

#include "cli/command_line.h"
#include "cli/ending.h"
#include "cli/insn_session.h"
#include "cli/verbs.h"
#include "emu/machine.h"
#include "runtime_model/modelled.h"

namespace deferscope::cli {
namespace {

void print_stats(emu::Machine& m, const Walls& walls, double seconds) {
  const auto n = static_cast<double>(m.state().position);
  fmt::print(stderr,
             "deferscope: {} instructions, {:.3f} s, {:.1f} M instructions/s, {:.1f} MiB guest memory, {} threads; "
             "confined: {}\n",
             m.state().position, seconds, n / seconds / 1e6,
             static_cast<double>(m.state().memory.resident_bytes()) / (1 << 20), m.state().threads.size(),
             walls.text());
  if (const emu::Refusals& refused = m.recording().refusals(); !refused.empty()) complain(refused.text());
}

// Of a listing's --call.
void print_called_result(const emu::Machine& m) {
  if (!m.image().listing()) return;
  const std::string result = model::called_result(model::Program(m.image(), false), m.state());
  if (!result.empty()) fmt::print("{}\n", result);
}

}  // namespace

int run(const RunFlags& flags) {
  const auto start = std::chrono::steady_clock::now();
  std::signal(SIGPIPE, SIG_IGN);  // a reader that is gone is an error of write: what the flags write is still completed
  // Never torn down: the process ends with the run, and its memory with it at once. What is to be written is written
  // when it happens, or by finish().
  static emu::Machine* const m = boot(flags.guest).release();
  std::optional<TraceSession> trace;
  std::optional<InsnSession> instructions;
  if (flags.trace.instructions)
    instructions.emplace(*m, flags.trace, flags.guest.command[0]);
  else if (flags.trace.wanted())
    trace.emplace(*m, flags.trace);
  const Walls walls = confine_unless_told(flags.guest, grants_of(flags.guest, *m));
  const Ending ending(*m, {.timeout = flags.guest.timeout, .timeout_status = 125});
  int status = 0;
  try {
    status = run_to_end(*m);
  } catch (const std::exception& e) {
    if (trace) trace->cut_short(e.what());
    if (instructions) instructions->cut_short(e.what());
    throw;
  }
  const std::string ended_by = Ending::signal() ? fmt::format("SIG{}", sigabbrev_np(Ending::signal())) : "";
  if (trace) trace->finish(ended_by);
  if (instructions) instructions->finish(ended_by);
  if (flags.stats)
    print_stats(*m, walls, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  print_called_result(*m);
  if (status != 0 && !m->beyond_cpu().empty()) complain(m->beyond_cpu());
  Ending::die();
  return status;
}

void add_run(CLI::App& app, Action& action) {
  Verb verb(app, action, "run", "Run a Go program; exit with its status (125: deferscope's own failure)");
  auto flags = std::make_shared<RunFlags>();
  add_guest_flags(verb, flags->guest);
  add_trace_flags(verb, flags->trace);
  verb.flag("--stats", flags->stats, "Print instructions, wall time and memory to stderr");
  verb.does([flags] {
    return own_failures_are_125([&] {
      build_source(flags->guest);
      return run(*flags);
    });
  });
}

}  // namespace deferscope::cli
