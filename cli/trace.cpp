#include "cli/trace.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

#include "cli/command_line.h"
#include "cli/guest.h"
#include "runtime_model/tracker.h"
#include "traces/event_json.h"
#include "traces/event_queue.h"
#include "traces/event_text.h"
#include "traces/snapshot.h"
#include "traces/trace_of_run.h"

namespace deferscope::cli {
namespace {

constexpr size_t kBuffer = 1 << 16;

// A file, or stderr for "-". Nothing goes to the guest's stdout. Whenever the process or the disk ends, what is there
// ends at a line's end: whole lines go in one write, on a pipe as many of them as it takes at once.
class Output {
 public:
  Output(const std::string& path, uint64_t max_mib, int open = -1)
      : path_(path),
        fd_(open >= 0     ? open
            : path == "-" ? STDERR_FILENO
                          : ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)),
        max_mib_(max_mib),
        left_(max_mib > UINT64_MAX >> 20 ? UINT64_MAX : max_mib << 20) {
    struct stat st {};
    if (fd_ < 0 || ::fstat(fd_, &st) != 0) throw emu::Error(fmt::format("{}: {}", path, std::strerror(errno)));
    regular_ = S_ISREG(st.st_mode) && !is_stderr();
  }
  ~Output() {
    write_text();
    if (!is_stderr()) ::close(fd_);
  }
  Output(const Output&) = delete;
  bool failed() const { return error_ != 0; }  // what else is made of the guest would be thrown away
  bool is_stderr() const { return fd_ == STDERR_FILENO; }
  std::string text;  // whole lines, appended to by writers
  // What stands there from the start on. A pipe's reader may not be there yet.
  void begin() {
    if (regular_) flush();
  }
  void written() {  // stderr is read beside the guest's output, so nothing is held back there
    if (text.size() >= kBuffer || is_stderr()) flush();
  }
  void flush() {
    write_text();
    if (full_) throw emu::Error(fmt::format("--max-trace {} reached: {} ends there", max_mib_, name()));
  }
  void finish() {
    flush();
    if (error_) throw emu::Error(fmt::format("{}: not everything was written: {}", name(), std::strerror(error_)));
  }

 private:
  std::string name() const { return is_stderr() ? "standard error" : path_; }
  // After an error, or what the limit cut off, nothing more is written: what is there stays a beginning.
  void write_text() {
    std::string_view lines = full_ || error_ ? std::string_view() : text;
    if (lines.size() > left_) {
      full_ = true;
      lines = lines.substr(0, left_);
      lines = lines.substr(0, lines.rfind('\n') + 1);  // npos + 1 is 0
    }
    left_ -= lines.size();
    while (!lines.empty() && !error_) {
      const std::string_view part = regular_ ? lines : lines.substr(0, lines_for_a_pipe(lines));
      lines.remove_prefix(part.size());
      write_all(part);
    }
    text.clear();
  }
  // What a pipe takes whole or not at all; a longer line goes alone.
  static size_t lines_for_a_pipe(std::string_view lines) {
    if (lines.size() <= PIPE_BUF) return lines.size();
    const size_t end = lines.rfind('\n', PIPE_BUF - 1);
    return (end != lines.npos ? end : std::min(lines.find('\n'), lines.size() - 1)) + 1;
  }
  void write_all(std::string_view part) {
    for (size_t done = 0; done < part.size() && !error_;) {
      const ssize_t n = ::write(fd_, part.data() + done, part.size() - done);
      if (n >= 0)
        done += static_cast<size_t>(n);
      else if (errno != EINTR)
        give_up(errno, part.substr(0, done));
    }
  }
  // A full disk took a part of the lines: its last one goes again.
  void give_up(int error, std::string_view taken) {
    error_ = error;
    const off_t end = regular_ ? ::lseek(fd_, 0, SEEK_CUR) : -1;
    const size_t rest = taken.size() - (taken.rfind('\n') + 1);
    if (end >= 0 && rest && ::ftruncate(fd_, end - static_cast<off_t>(rest)) != 0) error_ = errno;
  }

  std::string path_;
  int fd_;
  uint64_t max_mib_, left_;  // left_: bytes
  bool regular_ = false, full_ = false;
  int error_ = 0;  // errno of the first write that failed
};

// Whether the chains may be others than at the event before.
bool of_defers(model::EventKind k) {
  using enum model::EventKind;
  return k != transfer && k != goroutine_start && k != output;
}

bool is_json(const std::string& path) { return path.size() > 6 && path.compare(path.size() - 6, 6, ".jsonl") == 0; }

}  // namespace

traces::Scope scope_of(const std::string& s) {
  return s == "all" ? traces::Scope::all : s == "std" ? traces::Scope::std_ : traces::Scope::user;
}

void add_trace_flags(Verb& verb, TraceFlags& f) {
  verb.flag(
      "--events{-}", f.events,
      "Show every defer, panic and recovery: as text on stderr, or --events=FILE; JSON lines if FILE ends in .jsonl");
  verb.option("--snapshots", f.snapshots, "Write the defer chains at every event to FILE, as JSON lines").unit("FILE");
  verb.option("--max-trace", f.max_trace_mib, "Most that --events and --snapshots may write, each")
      .unit("MIB")
      .show_default();
  verb.option("--scope", f.scope, "Whose defers the text shows; JSON always has all").one_of({"user", "std", "all"});
}

struct TraceSession::Body {
  Body(emu::Machine& m, const TraceFlags& flags)
      : machine(m),
        program(m.image()),
        writers(program.for_another_thread()),
        json(flags.pipe >= 0 || is_json(flags.events)),
        names(*writers),
        snapshot_names(program),
        text(names, scope_of(flags.scope), flags.events != "-") {
    if (flags.pipe >= 0 || !flags.events.empty())
      events = std::make_unique<Output>(flags.events, flags.max_trace_mib, flags.pipe);
    if (events && json) {
      traces::append_trace_json(events->text, traces::header_of(m, program, DEFERSCOPE_VERSION));
      events->begin();
    }
    if (events && !events->is_stderr()) queue.emplace([this](const model::Event& e) { write(e); });
    if (!flags.snapshots.empty()) {
      snapshots = std::make_unique<Output>(flags.snapshots, flags.max_trace_mib);
      id = traces::BinaryId::of(program);
    }
    for (const std::string& n : program.notes()) complain("note: " + n);
    model::TrackerOptions options;
    options.positions = false;
    options.note = [](const std::string& n) { complain("note: " + n); };
    options.sink = [this, &m](model::Event& e) { event(m, e); };
    tracker = std::make_unique<model::Tracker>(program, m, std::move(options));
  }

  void event(const emu::Machine& m, model::Event& e) {
    if (queue)
      queue->put(e);
    else if (events)
      write(e);
    if (snapshots && !snapshots->failed() && of_defers(e.kind())) {
      traces::SnapshotOptions o;
      o.only_current = true;
      traces::append_snapshot_json(snapshots->text, snapshot_names, m.state(), tracker.get(), id, o, e.id);
      snapshots->written();
    }
  }

  // In the queue's thread, if there is one.
  void write(const model::Event& e) {
    if (events->failed()) return;
    if (json) {
      traces::append_event_json(events->text, names, e);
      ++counts[static_cast<size_t>(e.kind())];
    } else {
      text.append(events->text, e);
    }
    events->written();
  }

  // Behind all events.
  void write_end(const std::string& why) {
    if (queue) queue->finish();
    if (!events) return;
    if (json)
      traces::append_trace_json(events->text, traces::end_of(machine.state(), counts, why));
    else if (machine.state().exited)
      text.append_summary(events->text);
  }

  const emu::Machine& machine;

  model::Program program;
  std::unique_ptr<model::Program> writers;
  bool json;
  traces::EventCounts counts{};  // of a JSON trace
  traces::ProgramNames names, snapshot_names;
  traces::EventText text;
  traces::BinaryId id;
  std::unique_ptr<Output> events, snapshots;
  std::optional<traces::EventQueue> queue;
  std::unique_ptr<model::Tracker> tracker;
};

TraceSession::TraceSession(emu::Machine& machine, const TraceFlags& flags)
    : body_(std::make_unique<Body>(machine, flags)) {}

TraceSession::~TraceSession() = default;

void TraceSession::finish(const std::string& why) {
  Body& b = *body_;
  b.write_end(why);
  if (b.events) b.events->finish();
  if (b.snapshots) b.snapshots->finish();
}

void TraceSession::cut_short(const std::string& why) {
  if (!body_->json) return;
  try {
    body_->write_end(why);
  } catch (const std::exception&) {  // what ended the run is what is said
  }
}

}  // namespace deferscope::cli
