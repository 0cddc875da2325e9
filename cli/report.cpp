// `deferscope report -o FILE.html [FLAGS] BIN [ARGS]`: a whole run as one page, to look at without deferscope.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
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
#include "cli/verbs.h"

namespace deferscope::cli {
namespace {

struct ReportFlags {
  GuestFlags guest;
  std::string out;
  std::vector<std::string> source_dirs, shown_command;
  MomentsOptions moments;
};

// As a shell reads it back.
std::string quoted(const std::string& word) {
  const auto plain = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || std::strchr("-_./=:,@%+", c) != nullptr;
  };
  if (!word.empty() && std::all_of(word.begin(), word.end(), plain)) return word;
  std::string out = "'";
  for (const char c : word) c == '\'' ? out += "'\\''" : out += c;
  return out + "'";
}

// What makes `step` run the same: the flags that the guest can see, BIN and its arguments.
std::string command_of(const ReportFlags& flags) {
  const GuestFlags& f = flags.guest;
  const GuestFlags usual;
  std::string out;
  const auto add = [&](const char* flag, const std::string& value, const std::string& otherwise = "") {
    if (value != otherwise) out += fmt::format("{} {} ", flag, quoted(value));
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
  for (const std::string& word : flags.shown_command) out += quoted(word) + " ";
  out.pop_back();
  return out;
}

std::string page(const ReportFlags& flags) {
  const loader::Image image = load_program(flags.guest.command.at(0), flags.guest.source);
  auto machine = make_machine(image, flags.guest, guest_options(flags.guest, image));
  const emu::Machine& m = *machine;
  Grants grants = grants_of(flags.guest);
  if (flags.out != "-") grants.save.push_back(std::filesystem::path(flags.out).parent_path() / ".");
  grants.read.insert(grants.read.end(), flags.source_dirs.begin(), flags.source_dirs.end());
  confine_unless_told(flags.guest, grants);
  const Ending ending(*machine, {.timeout = flags.guest.timeout});
  MomentsOptions options = flags.moments;
  if (ConsoleOptions source; !flags.source_dirs.empty()) {
    source.source_dirs = flags.source_dirs;
    options.source = [source](const std::string& path) { return source_lines(source, path); };
  }
  Moments moments(options);
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
  const std::string name = std::filesystem::path(flags.shown_command.at(0)).filename();
  std::string out = page_of(name, moments.json(name, command_of(flags)));
  Ending::let_go();
  return out;
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
  add_guest_flags(verb, flags->guest, false);
  verb.example("deferscope report -o hello-defer.html ./hello-defer");
  verb.does([flags] {
    flags->shown_command = flags->guest.command;
    build_source(flags->guest);
    if (!flags->guest.source_dir.empty()) flags->source_dirs.push_back(flags->guest.source_dir);
    return report(*flags);
  });
}

}  // namespace deferscope::cli
