// `deferscope snap BIN --at WHERE`: the state of all defers at a moment, as JSON.
#include <fmt/format.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/command_line.h"
#include "cli/ending.h"
#include "cli/guest.h"
#include "cli/verbs.h"
#include "runtime_model/where.h"
#include "traces/snapshot.h"

namespace deferscope::cli {
namespace {

struct SnapFlags {
  GuestFlags guest;
  std::string at;
  bool raw = false;
  uint64_t words = 0;
};

int snap(const SnapFlags& flags) {
  const loader::Image image = load_program(flags.guest.command.at(0), flags.guest.source);
  const auto machine = make_machine(image, flags.guest, guest_options(flags.guest, image));
  emu::Machine& m = *machine;
  const model::Program program(image);
  const auto id = traces::BinaryId::of(program);
  confine_unless_told(flags.guest, grants_of(flags.guest, *machine));
  const Ending ending(m, {.timeout = flags.guest.timeout});
  const model::Tracker tracker(program, m, {});
  m.set_recording(true);  // behind the tracker: its state is part of every snapshot
  try {
    model::go_to(m, &program, &tracker, model::parse_where(&program, flags.at), model::travel_of(m));
  } catch (const emu::Interrupted&) {
    if (const int status = Ending::die()) return status;
    throw emu::Error(Ending::timeout_line(m.state().position));
  }
  std::string line;
  traces::SnapshotOptions options;
  options.raw = flags.raw;
  options.words = flags.words;
  traces::ProgramNames names(program);
  traces::append_snapshot_json(line, names, m.state(), &tracker, id, options);
  const auto j = nlohmann::ordered_json::parse(line);
  for (const std::string& note : program.notes()) complain("note: " + note);
  fmt::print("{}\n", j.dump(1, ' ', true, nlohmann::ordered_json::error_handler_t::replace));
  return 0;
}

}  // namespace

void add_snap(CLI::App& app, Action& action) {
  Verb verb(app, action, "snap", "Print the defers, frames and panics of all goroutines at a moment");
  auto flags = std::make_shared<SnapFlags>();
  verb.option("--at", flags->at,
              "Position, event:N, 50%, start, end, FUNC, FUNC+OFF, *ADDR, FILE:LINE, FUNC:LINE or /REGEX/; with #N the "
              "n-th time (goes before "
              "BIN)")
      .unit("WHERE")
      .required();
  verb.flag("--raw", flags->raw, "With the bytes of each record");
  verb.option("--words", flags->words, "With each word of N frames of the current goroutine: role, name, type, value")
      .unit("N");
  add_guest_flags(verb, flags->guest, false);
  verb.does([flags] {
    build_source(flags->guest);
    return snap(*flags);
  });
}

}  // namespace deferscope::cli
