#include "cli/compared.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <sstream>
#include <thread>

#include "cli/command_line.h"
#include "cli/ending.h"
#include "cli/trace.h"
#include "emu/error.h"
#include "loader/printable.h"
#include "traces/event_schema.h"
#include "traces/trace_reader.h"
#include "traces/zstd_stream.h"

namespace deferscope::cli {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor() { close(); }
  operator int() const { return fd_; }
  void close() {
    if (fd_ > 2) ::close(fd_);
    fd_ = -1;
  }

 private:
  int fd_;
};

size_t read_some(int fd, char* to, size_t n, const std::string& name) {
  ssize_t got = 0;
  do {
    got = ::read(fd, to, n);
  } while (got < 0 && errno == EINTR);
  if (got < 0) throw emu::Error(fmt::format("{}: {}", name, std::strerror(errno)));
  return static_cast<size_t>(got);
}

std::string read_all(int fd, const std::string& name) {
  std::string out;
  char piece[1 << 14];
  while (const size_t n = read_some(fd, piece, sizeof piece, name)) out.append(piece, n);
  return out;
}

// What all guests read: a file, or what comes from elsewhere, kept so that each reads it from its begin. Empty:
// nothing.
Descriptor guests_stdin(const std::string& path) {
  if (path.empty()) return Descriptor();
  Descriptor in(path == "-" ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat st {};
  if (in < 0 || fstat(in, &st) != 0) throw emu::Error(fmt::format("--stdin {}: {}", path, std::strerror(errno)));
  if (S_ISDIR(st.st_mode)) throw emu::Error(fmt::format("--stdin {}: {}", path, std::strerror(EISDIR)));
  if (S_ISREG(st.st_mode) && in > 2) return in;
  Descriptor kept(memfd_create("stdin", MFD_CLOEXEC));
  if (kept < 0) throw emu::Error(fmt::format("--stdin {}: {}", path, std::strerror(errno)));
  char piece[1 << 14];
  while (const size_t n = read_some(in, piece, sizeof piece, path))
    for (size_t done = 0; done < n;) {
      const ssize_t k = ::write(kept, piece + done, n - done);
      if (k < 0 && errno != EINTR) throw emu::Error(fmt::format("--stdin {}: {}", path, std::strerror(errno)));
      if (k > 0) done += static_cast<size_t>(k);
    }
  return kept;
}

// A program that runs in a process of its own, from start() on.
class Run {
 public:
  Run(const GuestFlags& flags, int guests_stdin) {
    int start[2], trace[2], words[2];
    if (pipe2(start, O_CLOEXEC) || pipe2(trace, O_CLOEXEC) || pipe2(words, O_CLOEXEC))
      throw emu::Error(fmt::format("no pipe: {}", std::strerror(errno)));
    std::fflush(stdout), std::fflush(stderr);
    child_ = ::fork();
    if (child_ < 0) throw emu::Error(fmt::format("no process: {}", std::strerror(errno)));
    if (child_ == 0) {
      for (int fd : {start[1], trace[0], words[0]}) ::close(fd);
      be_child(flags, guests_stdin, start[0], trace[1], words[1]);
    }
    for (int fd : {start[0], trace[1], words[1]}) ::close(fd);
    start_ = Descriptor(start[1]), trace_ = Descriptor(trace[0]), words_ = Descriptor(words[0]);
  }
  ~Run() {
    if (child_ <= 0) return;
    start_.close(), trace_.close(), words_.close();
    wait();
  }
  Run(const Run&) = delete;

  void start() {
    [[maybe_unused]] const ssize_t n = ::write(start_, "!", 1);
    start_.close();
  }
  int trace() const { return trace_; }
  // What the process said, a line each. Behind the trace's end.
  std::string words() {
    trace_.close();
    std::string all = read_all(words_, "a run");
    wait();
    return all;
  }

 private:
  [[noreturn]] static void be_child(const GuestFlags& flags, int guests_stdin, int start, int trace, int words) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    char go = 0;
    if (::read(start, &go, 1) != 1) _exit(0);  // nobody waits for us any more
    ::close(start);
    const int in = guests_stdin < 0 ? ::open("/dev/null", O_RDONLY)
                                    : ::open(fmt::format("/proc/self/fd/{}", guests_stdin).c_str(), O_RDONLY);
    if (in > 0) dup2(in, STDIN_FILENO), ::close(in);
    dup2(words, STDERR_FILENO);
    const int status = own_failures_are_125([&] { return run(flags, trace); });
    std::fflush(stderr);
    _exit(status);
  }

  static int run(const GuestFlags& flags, int pipe) {
    std::signal(SIGPIPE, SIG_IGN);
    static emu::Machine* const m = boot(flags).release();
    m->recording().set_sink([](int, const uint8_t*, size_t) {});  // the trace tells what it writes
    TraceFlags wanted;
    wanted.pipe = pipe;
    wanted.max_trace_mib = UINT64_MAX;
    TraceSession trace(*m, wanted);
    confine_unless_told(flags, grants_of(flags, *m));
    const Ending ending(*m, {.timeout = flags.timeout, .timeout_status = 125});
    try {
      run_to_end(*m);
    } catch (const std::exception& e) {
      trace.cut_short(e.what());
      return 0;  // its end says it
    }
    trace.finish(Ending::signal() ? fmt::format("SIG{}", sigabbrev_np(Ending::signal())) : "");
    return 0;
  }

  void wait() {
    while (::waitpid(child_, nullptr, 0) < 0 && errno == EINTR) {
    }
    child_ = 0;
  }

  pid_t child_ = 0;
  Descriptor start_, trace_, words_;
};

// A column on its way.
struct Pending {
  std::string path;  // of a trace
  std::unique_ptr<Run> run;
  std::string words;
};

void read(traces::Column& column, Pending& pending, const traces::StoryOptions& options, traces::SharedTexts& texts) {
  try {
    Descriptor file;
    int from = STDIN_FILENO;
    if (pending.run) {
      pending.run->start();
      from = pending.run->trace();
    } else if (pending.path != "-") {
      file = Descriptor(::open(pending.path.c_str(), O_RDONLY | O_CLOEXEC));
      if (file < 0) throw emu::Error(fmt::format("{}: {}", pending.path, std::strerror(errno)));
      from = file;
    }
    traces::TraceReader reader(column.source,
                               [&](char* to, size_t n) { return read_some(from, to, n, column.source); });
    column.story = read_story(reader, texts, options);
  } catch (const std::exception& e) {
    column.trouble = e.what();
  }
  if (pending.run) pending.words = pending.run->words();
}

// The line that says why there is no trace; the other lines are notes.
void take_words(traces::Column& column, const std::string& words, std::set<std::string>& notes) {
  constexpr std::string_view kName = "deferscope: ";
  std::istringstream lines(words);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(kName)) line.erase(0, kName.size());
    if (!column.usable() && !line.starts_with("note: "))
      column.trouble = line;
    else
      notes.insert(line);
  }
}

void read_all_columns(std::vector<traces::Column>& columns, std::vector<Pending>& pending,
                      const traces::StoryOptions& options, traces::SharedTexts& texts) {
  std::atomic<size_t> next{0};
  const auto work = [&] {
    for (size_t i; (i = next++) < columns.size();)
      if (columns[i].usable()) read(columns[i], pending[i], options, texts);
  };
  std::vector<std::thread> workers;
  for (size_t n = std::min<size_t>(columns.size(), std::max(1u, std::thread::hardware_concurrency())); n > 1; --n)
    workers.emplace_back(work);
  work();
  for (std::thread& t : workers) t.join();
}

std::string base_name(const std::string& path) { return std::filesystem::path(path).filename(); }

// Short names: the release; where that is not enough, with the instruction set; where that neither, with the source.
void name_columns(std::vector<traces::Column>& columns) {
  using Naming = std::string (*)(const traces::Column&);
  constexpr Naming kWays[] = {
      [](const traces::Column& c) { return c.label.empty() ? c.story.header.go : c.label; },
      [](const traces::Column& c) { return fmt::format("{}/{}", c.story.header.go, c.story.header.goarch); },
      [](const traces::Column& c) { return base_name(c.source); },
      [](const traces::Column& c) { return c.source; },
  };
  for (const Naming way : kWays) {
    std::map<std::string, size_t> count;
    for (const traces::Column& c : columns) ++count[c.usable() ? way(c) : c.label];
    const bool own = std::all_of(count.begin(), count.end(), [](const auto& n) { return n.second == 1; });
    if (!own && way != kWays[std::size(kWays) - 1]) continue;
    for (traces::Column& c : columns) {
      if (c.usable()) c.label = way(c);
      if (c.label.empty()) c.label = base_name(c.source);
      c.label = loader::printable(c.label);
    }
    return;
  }
}

}  // namespace

bool is_trace(const std::string& path) {
  if (path == "-") return true;
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat st {};
  if (file < 0 || fstat(file, &st) != 0 || !S_ISREG(st.st_mode)) return false;
  char first[4];
  const size_t n = read_some(file, first, sizeof first, path);
  return n > 0 && (first[0] == '{' || traces::is_zstd({first, n}));
}

std::vector<traces::Column> columns_of(const std::vector<std::string>& inputs, const GuestFlags& flags,
                                       const traces::StoryOptions& options, traces::SharedTexts& texts) {
  std::vector<traces::Column> columns;
  std::vector<Pending> pending;
  std::vector<GuestFlags> guests;
  std::string argv0 = flags.argv0;
  const auto add = [&](std::string source, std::string trouble = "") -> traces::Column& {
    columns.emplace_back();
    columns.back().source = std::move(source);
    columns.back().trouble = std::move(trouble);
    pending.emplace_back();
    guests.emplace_back();
    return columns.back();
  };
  for (const std::string& input : inputs) {
    if (is_trace(input)) {
      add(input == "-" ? "standard input" : input);
      pending.back().path = input;
      continue;
    }
    std::vector<BuiltColumn> built;
    try {
      built = programs_at(input, flags.source);
    } catch (const std::exception& e) {
      add(input, e.what());
      continue;
    }
    for (const BuiltColumn& b : built) {
      add(input, b.error).label = b.release;
      if (!b.error.empty()) continue;
      GuestFlags& g = guests.back() = flags;
      if (argv0.empty()) argv0 = b.built.name.empty() ? base_name(b.built.path) : b.built.name;
      g.argv0 = argv0;
      g.stdin_path = "-";
      g.command.insert(g.command.begin(), b.built.path);
      g.source_dir = b.built.directory;
    }
  }
  const bool trace_from_stdin = std::find(inputs.begin(), inputs.end(), "-") != inputs.end();
  if (trace_from_stdin && flags.stdin_path == "-")
    throw emu::Error("standard input is a trace, and --stdin wants it too");
  // All processes are made before the first thread.
  const Descriptor in = guests_stdin(flags.stdin_path);
  for (size_t i = 0; i < columns.size(); ++i)
    if (columns[i].usable() && pending[i].path.empty()) pending[i].run = std::make_unique<Run>(guests[i], in);
  read_all_columns(columns, pending, options, texts);
  std::set<std::string> notes;
  for (size_t i = 0; i < columns.size(); ++i) take_words(columns[i], pending[i].words, notes);
  for (const std::string& note : notes) complain(note);
  name_columns(columns);
  return columns;
}

void add_compare_flags(Verb& verb, CompareFlags& f) {
  verb.flag("--mechanism", f.mechanism, "Show what differs in mechanism, not only how much");
  verb.flag("--total-order", f.total_order, "Compare the order of all goroutines' events, not each goroutine's alone");
  verb.option("--scope", f.scope, "Whose defers are compared").one_of({"user", "std", "all"});
  verb.option("--ignore", f.ignore,
              "Leave out a kind of event (defer.left), a field (defer.line, panic.value, values), a stream (stdout, "
              "stderr), or goroutines (goroutine=TEXT: all whose name has it); repeatable")
      .unit("WORD")
      .repeatable();
  verb.option("--context", f.context, "Lines that are the same around a difference").unit("LINES").show_default();
  verb.option("--junit", f.junit, "Write the result to FILE, as JUnit's XML").unit("FILE");
  verb.flag("--github", f.github,
            "Print annotations of a GitHub workflow, at the lines of the source, instead of text");
}

traces::StoryOptions story_options(const CompareFlags& f) {
  std::set<std::string> known{"stdout", "stderr", "values", "order", "why", "message", "status", "signal"};
  for (size_t kind = 0; kind < static_cast<size_t>(model::EventKind::count); ++kind) {
    known.insert(to_string(static_cast<model::EventKind>(kind)));
    for (const traces::EventField& field : traces::event_fields(static_cast<model::EventKind>(kind))) {
      known.insert(field.path);
      known.insert(field.path.substr(field.path.rfind('.') + 1));
    }
  }
  traces::StoryOptions o;
  o.scope = scope_of(f.scope);
  o.total_order = f.total_order;
  constexpr std::string_view kGoroutine = "goroutine=";
  for (const std::string& word : f.ignore) {
    if (word.starts_with(kGoroutine))
      o.ignore_goroutines.push_back(word.substr(kGoroutine.size()));
    else if (known.count(word))
      o.ignore.insert(word);
    else
      throw emu::Error(fmt::format("--ignore {}: no kind of event, field (docs/events.md) or stream", word));
  }
  return o;
}

traces::CompareTextOptions text_options(const CompareFlags& f) {
  traces::CompareTextOptions o;
  o.context = f.context;
  o.mechanism = f.mechanism;
  return o;
}

void write_file(const std::string& path, const std::string& text) {
  std::FILE* const file = std::fopen(path.c_str(), "we");
  bool whole = file && std::fwrite(text.data(), 1, text.size(), file) == text.size();
  if (file) whole = std::fclose(file) == 0 && whole;
  if (!whole) throw emu::Error(fmt::format("{}: {}", path, std::strerror(errno)));
}

std::string path_in_repository(const std::string& file) {
  std::error_code none;
  for (size_t at = 0; at < file.size();) {
    const std::string rest = file.substr(at);
    if (rest[0] != '/' && std::filesystem::exists(rest, none)) return rest;
    const size_t slash = file.find('/', at);
    if (slash == file.npos) break;
    at = slash + 1;
  }
  return file;
}

}  // namespace deferscope::cli
