// `deferscope show FILE`: a trace as the text that `run --events` prints of the same run.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "cli/command_line.h"
#include "cli/event_filter.h"
#include "cli/show_insn.h"
#include "cli/trace.h"
#include "cli/verbs.h"
#include "emu/machine_state.h"
#include "loader/printable.h"
#include "traces/event_text.h"
#include "traces/insn_reader.h"
#include "traces/trace_reader.h"

namespace deferscope::cli {
namespace {

struct ShowFlags {
  std::string scope;
  InsnShowFlags insn;  // with what all traces have: file, filter
};

// Bytes of a file, or of standard input, as they come.
class Input {
 public:
  explicit Input(const std::string& path)
      : path_(path), fd_(path == "-" ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (fd_ < 0) fail();
  }
  ~Input() {
    if (fd_ != STDIN_FILENO) ::close(fd_);
  }
  Input(const Input&) = delete;
  std::string name() const { return fd_ == STDIN_FILENO ? "standard input" : path_; }
  size_t read(char* to, size_t n) {
    ssize_t got = 0;
    do {
      got = ::read(fd_, to, n);
    } while (got < 0 && errno == EINTR);
    if (got < 0) fail();
    return static_cast<size_t>(got);
  }

 private:
  [[noreturn]] void fail() const { throw emu::Error(fmt::format("{}: {}", name(), std::strerror(errno))); }
  std::string path_;
  int fd_;
};

// What is of the other kind of traces is refused.
void check_kind(const ShowFlags& flags, bool instructions) {
  const InsnShowFlags& i = flags.insn;
  if (instructions && (!i.filter.kinds.empty() || !flags.scope.empty()))
    throw emu::Error(fmt::format("{}: instructions have no --kind and no --scope", i.file));
  if (!instructions && (i.at != UINT64_MAX || i.json || i.all || !i.binary.empty()))
    throw emu::Error(
        fmt::format("{}: --at, --all, --json and --binary are for traces of instructions (.insn)", i.file));
}

int show(const ShowFlags& flags) {
  const bool instructions = flags.insn.file != "-" && traces::InsnTrace::is_one(flags.insn.file);
  check_kind(flags, instructions);
  if (instructions) return show_instructions(flags.insn);
  const Filter filter(flags.insn.filter);
  Input input(flags.insn.file);
  std::string out;
  const auto flush = [&] {
    // A trace may come from anybody.
    const std::string text = loader::printable_lines(out);
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
    out.clear();
  };
  traces::TraceReader trace(loader::printable(input.name()), [&](char* to, size_t n) {
    flush();  // before it waits for whoever writes the trace
    return input.read(to, n);
  });
  traces::EventText text(trace.names(), scope_of(flags.scope));
  try {
    while (const model::Event* e = trace.next()) filter.takes(*e) ? text.append(out, *e) : text.pass_over(*e);
  } catch (...) {
    flush();  // what came before the damage
    throw;
  }
  if (trace.end() && trace.end()->complete && !flags.insn.filter.chooses()) text.append_summary(out);
  flush();
  if (!trace.end())
    complain(fmt::format("note: {}: a prefix: the trace has no end", input.name()));
  else if (!trace.end()->complete)
    complain(fmt::format("note: {}: the guest did not end: {}", input.name(), trace.end()->why));
  return 0;
}

}  // namespace

void add_show(CLI::App& app, Action& action) {
  Verb verb(app, action, "show", "Print a trace that trace -o FILE.jsonl, FILE.jsonl.zst or FILE.insn wrote, as text");
  auto flags = std::make_shared<ShowFlags>();
  verb.option("--scope", flags->scope, "Whose defers are shown").one_of({"user", "std", "all"});
  add_filter_flags(verb, flags->insn.filter);
  verb.option("--at", flags->insn.at, "Of instructions: the one at this position, with all that is known of it")
      .unit("POSITION");
  verb.flag("--all", flags->insn.all,
            "Of instructions: also those that trace's own --function or --goroutine left out");
  verb.flag("--json", flags->insn.json, "Of instructions: a line of JSON each (docs/trace-format.md)");
  verb.option("--binary", flags->insn.binary, "Of instructions: where the program is now, for names").unit("FILE");
  verb.option("FILE", flags->insn.file, "The trace; -: standard input").required();
  verb.statuses("0, also for a prefix (a line says that it is one); 2 for what is no trace, or is damaged");
  verb.example("deferscope trace -o out.jsonl.zst ./hello-defer && deferscope show --kind defer.start out.jsonl.zst");
  verb.does([flags] { return show(*flags); });
}

}  // namespace deferscope::cli
