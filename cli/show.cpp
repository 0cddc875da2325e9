// `deferscope show FILE`: a trace as the text that `run --events` prints of the same run.
#include <fcntl.h>
#include <fmt/format.h>
#include <re2/re2.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>

#include "cli/command_line.h"
#include "cli/trace.h"
#include "cli/verbs.h"
#include "emu/machine_state.h"
#include "loader/printable.h"
#include "traces/event_text.h"
#include "traces/trace_reader.h"

namespace deferscope::cli {
namespace {

using model::EventKind;

struct ShowFlags {
  std::string file, scope = "user", function;
  std::vector<std::string> kinds;
  uint64_t goroutine = 0;  // 0: all
  uint64_t from = 0, to = UINT64_MAX;
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

// Which events are shown.
class Filter {
 public:
  static bool chooses(const ShowFlags& f) {
    return f.goroutine || !f.function.empty() || !f.kinds.empty() || f.from || f.to != UINT64_MAX;
  }
  explicit Filter(const ShowFlags& f) : goroutine_(f.goroutine), from_(f.from), to_(f.to) {
    for (size_t i = 0; i < kKinds; ++i)
      kinds_[i] = f.kinds.empty() ||
                  std::find(f.kinds.begin(), f.kinds.end(), to_string(static_cast<EventKind>(i))) != f.kinds.end();
    // The text of a jmpdefer says which defer it starts, and that of the start nothing.
    kinds_[kind(EventKind::jmpdefer)] |= kinds_[kind(EventKind::defer_start)];
    if (f.function.empty()) return;
    RE2::Options syntax;
    syntax.set_log_errors(false);
    function_ = std::make_unique<RE2>(f.function, syntax);
    if (!function_->ok()) throw emu::Error(fmt::format("--function {}: {}", f.function, function_->error()));
  }

  bool takes(const model::Event& e) const {
    const uint64_t at = e.shown.none() ? e.position : e.shown.position;
    return kinds_[kind(e.kind())] && at >= from_ && at <= to_ && (goroutine_ == 0 || e.goid == goroutine_) &&
           (!function_ || of_function(e));
  }

 private:
  static constexpr size_t kKinds = static_cast<size_t>(EventKind::count);

  static constexpr size_t kind(EventKind k) { return static_cast<size_t>(k); }
  bool matches(model::Name n) const {
    return n && RE2::PartialMatch(re2::StringPiece(n.text().data(), n.text().size()), *function_);
  }
  // The one whose event it is, and the one that is deferred, by all its names.
  bool of_function(const model::Event& e) const {
    if (matches(e.frame.function) || matches(e.shown.function)) return true;
    const model::Defer* d = e.defer();
    return d && (matches(d->function.symbol) || matches(d->function.wraps));
  }

  std::array<bool, kKinds> kinds_{};
  uint64_t goroutine_, from_, to_;
  std::unique_ptr<RE2> function_;
};

int show(const ShowFlags& flags) {
  const Filter filter(flags);
  Input input(flags.file);
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
  if (trace.end() && trace.end()->complete && !Filter::chooses(flags)) text.append_summary(out);
  flush();
  if (!trace.end())
    complain(fmt::format("note: {}: a prefix: the trace has no end", input.name()));
  else if (!trace.end()->complete)
    complain(fmt::format("note: {}: the guest did not end: {}", input.name(), trace.end()->why));
  return 0;
}

}  // namespace

void add_show(CLI::App& app, Action& action) {
  Verb verb(app, action, "show", "Print a trace that run --events=FILE.jsonl wrote, as text");
  auto flags = std::make_shared<ShowFlags>();
  verb.option("--scope", flags->scope, "Whose defers are shown").one_of({"user", "std", "all"});
  verb.option("--goroutine", flags->goroutine, "Only what happens in goroutine N").unit("N");
  verb.option("--function", flags->function,
              "Only of functions whose name matches RE: the one that defers, panics or is left, or the one deferred")
      .unit("RE");
  std::vector<std::string> kinds;
  for (size_t i = 0; i < static_cast<size_t>(EventKind::count); ++i)
    kinds.emplace_back(to_string(static_cast<EventKind>(i)));
  verb.option("--kind", flags->kinds, "Only events of that kind (repeatable)").one_of(kinds).repeatable();
  verb.option("--from", flags->from, "Only from that position on").unit("POSITION");
  verb.option("--to", flags->to, "Only up to that position").unit("POSITION");
  verb.option("FILE", flags->file, "The trace; -: standard input").required();
  verb.example("deferscope run --events=out.jsonl ./hello-defer && deferscope show --kind defer.start out.jsonl");
  verb.does([flags] { return show(*flags); });
}

}  // namespace deferscope::cli
