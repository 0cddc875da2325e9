#include "cli/trace.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "cli/command_line.h"
#include "cli/guest.h"
#include "runtime_model/tracker.h"
#include "traces/event_json.h"
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
      : program(m.image()), json(is_json(flags.events)), names(program), text(program, scope_of(flags.scope)) {
    if (!flags.events.empty()) events = std::make_unique<Output>(flags.events);
    if (!flags.snapshots.empty()) {
      snapshots = std::make_unique<Output>(flags.snapshots);
      id = traces::BinaryId::of(program);
    }
    for (const std::string& n : program.layouts().notes()) fmt::print(stderr, "deferscope: note: {}\n", n);
    model::TrackerOptions options;
    options.sink = [this, &m](const model::Event& e) { event(m, e); };
    tracker = std::make_unique<model::Tracker>(program, m, std::move(options));
  }

  void event(const emu::Machine& m, const model::Event& e) {
    if (events) {
      json ? traces::append_event_json(events->text, names, e) : text.append(events->text, e);
      events->written();
    }
    if (snapshots && e.kind != model::EventKind::transfer) {
      traces::SnapshotOptions o;
      o.only_current = true;
      traces::append_snapshot_json(snapshots->text, names, m.state(), tracker.get(), id, o, e.id);
      snapshots->written();
    }
  }

  model::Program program;
  bool json;
  traces::Names names;
  traces::EventText text;
  traces::BinaryId id;
  std::unique_ptr<Output> events, snapshots;
  std::unique_ptr<model::Tracker> tracker;
};

TraceSession::TraceSession(emu::Machine& machine, const TraceFlags& flags)
    : body_(std::make_unique<Body>(machine, flags)) {}

TraceSession::~TraceSession() = default;

void TraceSession::finish() {
  Body& b = *body_;
  if (b.events && !b.json) b.text.append_summary(b.events->text);
  if (b.events) b.events->finish();
  if (b.snapshots) b.snapshots->finish();
}

}  // namespace deferscope::cli
