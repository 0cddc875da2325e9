// `deferscope trace -o FILE [FLAGS] BIN [ARGS]`: as `run`, and what happens is kept.
#include <fmt/format.h>

#include "cli/command_line.h"
#include "cli/run.h"
#include "cli/trace_file.h"
#include "cli/verbs.h"
#include "emu/error.h"

namespace deferscope::cli {
namespace {

struct VerbFlags {
  RunFlags run;
  std::string file = "", level = "defer";
};

constexpr const char* kInstructions = ".insn";

// It has everything from one position to another: what follows from the registers before costs nothing. --function and
// --goroutine are what show chooses of it if it is told nothing else.
std::string instructions_of(const std::string& file, const TraceFlags& trace) {
  if (!file.ends_with(kInstructions))
    throw emu::Error(fmt::format("--level insn: -o FILE{} says where instructions go", kInstructions));
  if (!trace.filter.kinds.empty() || !trace.scope.empty())
    throw emu::Error("--level insn: instructions have no --kind and no --scope");
  const Filter is_one(trace.filter);  // before anything runs
  return file;
}

// Without a file: text on standard error, as of `run --events`.
std::string events_of(const std::string& file) {
  if (file.empty()) return "-";
  if (file == "-")
    throw emu::Error("-o -: standard output is the guest's; name a file, or leave -o out for text on standard error");
  if (file.ends_with(kInstructions)) throw emu::Error(fmt::format("-o {}: {} is of --level insn", file, kInstructions));
  if (format_of(file).kind == TraceFormat::text)
    throw emu::Error(fmt::format("-o {}: the name says the format, and ends in one of: {}", file, known_suffixes()));
  return file;
}

}  // namespace

void add_trace(CLI::App& app, Action& action) {
  Verb verb(app, action, "trace", "Run a Go program and keep what happens: defers, panics, recoveries, calls");
  auto flags = std::make_shared<VerbFlags>();
  TraceFlags& trace = flags->run.trace;
  verb.option("-o,--output", flags->file,
              "Where it goes; the name says the format: .jsonl (JSON Lines), .jsonl.zst (compressed), .pftrace (for "
              "ui.perfetto.dev), .json (for chrome://tracing), .insn (of --level insn); without it, text on standard "
              "error")
      .unit("FILE");
  verb.option("--level", flags->level,
              "defer: what belongs to defers; call: calls and returns too; insn: every instruction, with registers and "
              "memory")
      .one_of({"defer", "call", "insn"})
      .show_default();
  verb.option("--scope", trace.scope,
              "Whose calls are told (default: user), and whose defers; without it JSON Lines have everybody's defers")
      .one_of({"user", "std", "all"});
  add_filter_flags(verb, trace.filter);
  verb.option("--max-trace", trace.max_trace_mib, "Most that may be written").unit("MIB").show_default();
  add_guest_flags(verb, flags->run.guest);
  verb.flag("--stats", flags->run.stats, "Print instructions, wall time and memory to stderr");
  verb.statuses("the guest's; 125 with one line for deferscope's own failures");
  verb.example("deferscope trace -o out.pftrace --level call ./hello-defer");
  verb.does([flags] {
    return own_failures_are_125([&] {
      TraceFlags& t = flags->run.trace;
      t.instructions = flags->level == "insn";
      t.events = t.instructions ? instructions_of(flags->file, t) : events_of(flags->file);
      t.calls = flags->level == "call";
      t.scope_chooses = true;
      build_source(flags->run.guest);
      return run(flags->run);
    });
  });
}

}  // namespace deferscope::cli
