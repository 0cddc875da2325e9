#include "cli/trace.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <optional>

#include "cli/command_line.h"
#include "cli/guest.h"
#include "runtime_model/tracker.h"
#include "traces/event_json.h"
#include "traces/event_queue.h"
#include "traces/event_text.h"
#include "traces/snapshot.h"

namespace deferscope::cli {
namespace {

constexpr size_t kBuffer = 1 << 16;

// A file, or stderr for "-". Nothing goes to the guest's stdout.
class Output {
 public:
  explicit Output(const std::string& path) : path_(path), file_(path == "-" ? stderr : std::fopen(path.c_str(), "wb")) {
    if (!file_) throw emu::Error(fmt::format("{}: {}", path, std::strerror(errno)));
  }
  ~Output() {
    flush();
    if (file_ != stderr) std::fclose(file_);
  }
  Output(const Output&) = delete;
  bool is_stderr() const { return file_ == stderr; }
  std::string text;  // appended to by writers
  void written() {   // stderr is read beside the guest's output, so nothing is held back there
    if (text.size() >= kBuffer || file_ == stderr) flush();
  }
  void flush() {
    const bool whole = std::fwrite(text.data(), 1, text.size(), file_) == text.size() && std::fflush(file_) == 0;
    if (!whole && error_ == 0) error_ = errno;
    text.clear();
  }
  void finish() {
    flush();
    if (error_) throw emu::Error(fmt::format("{}: not everything was written: {}", path_, std::strerror(error_)));
  }

 private:
  std::string path_;
  std::FILE* file_;
  int error_ = 0;  // errno of the first write that failed
};

traces::Scope scope_of(const std::string& s) {
  return s == "all" ? traces::Scope::all : s == "std" ? traces::Scope::std_ : traces::Scope::user;
}

bool is_json(const std::string& path) { return path.size() > 6 && path.compare(path.size() - 6, 6, ".jsonl") == 0; }

}  // namespace

void add_trace_flags(Verb& verb, TraceFlags& f) {
  verb.flag(
      "--events{-}", f.events,
      "Show every defer, panic and recovery: as text on stderr, or --events=FILE; JSON lines if FILE ends in .jsonl");
  verb.option("--snapshots", f.snapshots, "Write the defer chains at every event to FILE, as JSON lines").unit("FILE");
  verb.option("--scope", f.scope, "Whose defers the text shows; JSON always has all").one_of({"user", "std", "all"});
}

struct TraceSession::Body {
  Body(emu::Machine& m, const TraceFlags& flags)
      : program(m.image()),
        writers(program.for_another_thread()),
        json(is_json(flags.events)),
        names(*writers),
        snapshot_names(program),
        text(*writers, scope_of(flags.scope)) {
    if (!flags.events.empty()) events = std::make_unique<Output>(flags.events);
    if (events && !events->is_stderr()) queue.emplace([this](const model::Event& e) { write(e); });
    if (!flags.snapshots.empty()) {
      snapshots = std::make_unique<Output>(flags.snapshots);
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
    if (snapshots && e.kind != model::EventKind::transfer) {
      traces::SnapshotOptions o;
      o.only_current = true;
      traces::append_snapshot_json(snapshots->text, snapshot_names, m.state(), tracker.get(), id, o, e.id);
      snapshots->written();
    }
  }

  // In the queue's thread, if there is one.
  void write(const model::Event& e) {
    json ? traces::append_event_json(events->text, names, e) : text.append(events->text, e);
    events->written();
  }

  model::Program program;
  std::unique_ptr<model::Program> writers;
  bool json;
  traces::Names names, snapshot_names;
  traces::EventText text;
  traces::BinaryId id;
  std::unique_ptr<Output> events, snapshots;
  std::optional<traces::EventQueue> queue;
  std::unique_ptr<model::Tracker> tracker;
};

TraceSession::TraceSession(emu::Machine& machine, const TraceFlags& flags)
    : body_(std::make_unique<Body>(machine, flags)) {}

TraceSession::~TraceSession() = default;

void TraceSession::finish() {
  Body& b = *body_;
  if (b.queue) b.queue->finish();
  if (b.events && !b.json) b.text.append_summary(b.events->text);
  if (b.events) b.events->finish();
  if (b.snapshots) b.snapshots->finish();
}

}  // namespace deferscope::cli
