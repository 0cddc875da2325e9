// `deferscope report -o FILE.html [FLAGS] BIN [ARGS]`: a whole run as one page, to look at without deferscope.
#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <optional>

#include "cli/command_line.h"
#include "cli/console/source.h"
#include "cli/ending.h"
#include "cli/guest.h"
#include "cli/report/moments.h"
#include "cli/report/page.h"
#include "cli/shell_words.h"
#include "cli/verbs.h"
#include "runtime_model/tracker.h"

namespace deferscope::cli {
namespace {

struct ReportFlags {
  GuestFlags guest;
  std::string out;
  std::vector<std::string> source_dirs, shown_command, beside;
  std::vector<BuiltColumn> releases;  // of --go, behind the first
  MomentsOptions moments;
};

// What makes `step` run the same: the flags that the guest can see, BIN and its arguments.
std::string command_of(const ReportFlags& flags) {
  const GuestFlags& f = flags.guest;
  const GuestFlags usual;
  std::string out;
  const auto add = [&](const char* flag, const std::string& value, const std::string& otherwise = "") {
    if (value != otherwise) out += fmt::format("{} {} ", flag, shell_quoted(value));
  };
  const auto number = [&](const char* flag, uint64_t value, uint64_t otherwise) {
    if (value != otherwise) out += fmt::format("{} {} ", flag, value);
  };
  for (const std::string& dir : f.allow_read) add("--allow-read", dir);
  for (const std::string& dir : f.allow_write) add("--allow-write", dir);
  for (const std::string& pair : f.env) add("--env", pair);
  add("--cwd", f.cwd), add("--stdin", f.stdin_path), add("--cpu", f.cpu);
  add("--go", f.source.go), add("--target", f.source.target), add("--gcflags", f.source.gcflags);
  add("--arch", f.source.arch);
  if (f.source.test) out += "--test ";
  number("--cpus", f.cpus, usual.cpus), number("--seed", f.seed, usual.seed), number("--clock", f.clock, usual.clock);
  number("--memory", f.memory_mib, usual.memory_mib), number("--max-threads", f.max_threads, usual.max_threads);
  if (f.argv0 != f.command.at(0) && f.source_dir.empty()) add("--argv0", f.argv0);
  for (const std::string& word : flags.shown_command) out += shell_quoted(word) + " ";
  out.pop_back();
  return out;
}

// A program whose defers stand beside the page's own, before its first instruction.
struct Other {
  std::string name;
  std::unique_ptr<emu::Machine> machine;
  std::string error;  // why it cannot be had
};

Other other_program(const ReportFlags& flags, const std::string& path, std::string name) {
  GuestFlags guest = flags.guest;
  if (guest.argv0.empty()) guest.argv0 = guest.command[0];  // the same for all
  guest.command[0] = path;
  Other out{std::move(name), nullptr, ""};
  try {
    const loader::Image image = load_program(path, guest.source);
    out.machine = make_machine(image, guest, guest_options(guest, image));
  } catch (const std::runtime_error& e) {
    out.error = e.what();
  }
  return out;
}

// Everything that is read from files, before the process confines itself.
std::vector<Other> other_programs(const ReportFlags& flags) {
  std::vector<Other> out;
  for (const BuiltColumn& c : flags.releases) {
    if (c.error.empty())
      out.push_back(other_program(flags, c.built.path, c.release));
    else
      out.push_back({c.release, nullptr, c.error});
  }
  for (const std::string& path : flags.beside)
    out.push_back(other_program(flags, path, std::filesystem::path(path).filename()));
  return out;
}

OtherRun run_of(Other other, const ReportFlags& flags) {
  OtherRun out{std::move(other.name), std::move(other.error), {}};
  if (!other.machine) return out;
  emu::Machine& m = *other.machine;
  try {
    const Ending ending(m, {.timeout = flags.guest.timeout});
    const model::Program program(m.image());
    const loader::GoProgram& go = program.go();
    const std::string release = fmt::format("{} {}/{}", go.version.text, go.goos, go.goarch);
    out.name = release;
    uint64_t events = 0;
    bool enough = false;
    model::TrackerOptions tracking;
    tracking.sink = [&](model::Event& e) {
      out.fates.see(e);
      enough = ++events >= flags.moments.events;
    };
    const model::Tracker tracker(program, m, std::move(tracking));
    constexpr emu::Position kStretch = 1'000'000;
    while (!enough && m.run_to(m.state().position + kStretch).kind == emu::Stop::Reached) continue;
    Ending::let_go();
  } catch (const std::runtime_error& e) {
    out.error = e.what();
  }
  return out;
}

std::string page(const ReportFlags& flags) {
  const loader::Image image = load_program(flags.guest.command.at(0), flags.guest.source);
  auto machine = make_machine(image, flags.guest, guest_options(flags.guest, image));
  const emu::Machine& m = *machine;
  Grants grants = grants_of(flags.guest, m);
  if (flags.out != "-") grants.save.push_back(std::filesystem::path(flags.out).parent_path() / ".");
  grants.read.insert(grants.read.end(), flags.source_dirs.begin(), flags.source_dirs.end());
  std::vector<Other> others = other_programs(flags);
  for (const Other& o : others)
    if (o.machine) grant_libraries(grants, *o.machine);
  confine_unless_told(flags.guest, grants);
  std::vector<OtherRun> runs;
  for (Other& o : others) runs.push_back(run_of(std::move(o), flags));
  const Ending ending(*machine, {.timeout = flags.guest.timeout});
  MomentsOptions options = flags.moments;
  if (ConsoleOptions source; !flags.source_dirs.empty()) {
    source.source_dirs = flags.source_dirs;
    options.source = [source](const std::string& path) { return source_lines(source, path); };
  }
  Moments moments(options);
  machine->engine().set_observer(&moments.observer(), true);
  session::Options session_options;
  session_options.event = [&](const model::Event& e) { moments.see(e); };
  session::Session session(std::move(machine), session_options);
  try {
    moments.begin(session);
    moments.run();
  } catch (const session::Interrupted&) {
    Ending::die();
    throw emu::Error(Ending::timeout_line(m.state().position));
  }
  moments.beside(std::move(runs));
  const std::string name = std::filesystem::path(flags.shown_command.at(0)).filename();
  std::string out = page_of(name, moments.json(name, command_of(flags)));
  Ending::let_go();
  return out;
}

// Of several releases the first is the page's own.
void take_releases(ReportFlags& flags) {
  SourceFlags& source = flags.guest.source;
  const std::vector<GoRelease> releases = source.go.empty() ? std::vector<GoRelease>{} : parse_releases(source.go);
  if (releases.size() < 2) return;
  flags.releases = programs_at(flags.guest.command.at(0), source);
  flags.releases.erase(flags.releases.begin());
  source.go = releases[0].text();
}

int report(const ReportFlags& flags) {
  const std::string html = page(flags);
  std::FILE* f = flags.out == "-" ? stdout : std::fopen(flags.out.c_str(), "wbe");
  const bool ok = f && std::fwrite(html.data(), 1, html.size(), f) == html.size();
  const bool closed = f && (f == stdout ? std::fflush(f) : std::fclose(f)) == 0;
  if (!ok || !closed) throw emu::Error(fmt::format("-o {}: {}", flags.out, std::strerror(errno)));
  return 0;
}

}  // namespace

void add_report(CLI::App& app, Action& action) {
  Verb verb(app, action, "report", "Write a whole run as one HTML page: timeline, code, stack drawings, defer chains");
  auto flags = std::make_shared<ReportFlags>();
  verb.option("-o,--output", flags->out, "Where the page goes (-: standard output)").unit("FILE").required();
  verb.option("--max-events", flags->moments.events, "Most events that the page has").unit("N").show_default();
  verb.option("--windows", flags->moments.windows, "Around how many of the user's events single instructions are kept")
      .unit("N")
      .show_default();
  verb.option("--source", flags->source_dirs, "Source files may be read below DIR and shown (repeatable)")
      .unit("DIR")
      .repeatable();
  verb.option("--beside", flags->beside,
              "Another build of the program: how it keeps and runs the same defers stands in the page (repeatable); "
              "with --go each release behind the first")
      .unit("BIN")
      .repeatable();
  add_guest_flags(verb, flags->guest, false);
  verb.example("deferscope report -o hello-defer.html ./hello-defer");
  verb.example("deferscope report --go 1.13,1.17,1.27 -o f.html f.go");
  verb.does([flags] {
    flags->shown_command = flags->guest.command;
    take_releases(*flags);
    build_source(flags->guest);
    if (!flags->guest.source_dir.empty()) flags->source_dirs.push_back(flags->guest.source_dir);
    return report(*flags);
  });
}

}  // namespace deferscope::cli
