#include "cli/trace.h"

#include <fmt/format.h>

#include <optional>

#include "cli/command_line.h"
#include "cli/trace_file.h"
#include "loader/printable.h"
#include "runtime_model/calls.h"
#include "runtime_model/tracker.h"
#include "traces/event_queue.h"
#include "traces/snapshot.h"
#include "traces/trace_of_run.h"
#include "traces/trace_writer.h"

namespace deferscope::cli {

// Whether the chains may be others than at the event before.
static bool of_defers(model::EventKind k) {
  using enum model::EventKind;
  return k != transfer && k != goroutine_start && k != output;
}

traces::Scope scope_of(const std::string& s) {
  return s == "all" ? traces::Scope::all : s == "std" ? traces::Scope::std_ : traces::Scope::user;
}

void add_trace_flags(Verb& verb, TraceFlags& f) {
  verb.flag(
      "--events{-}", f.events,
      "Show every defer, panic and recovery: as text on stderr, or --events=FILE, in the format that its name says, as "
      "for trace -o; else text");
  verb.option("--snapshots", f.snapshots, "Write the defer chains at every event to FILE, as JSON lines").unit("FILE");
  verb.option("--max-trace", f.max_trace_mib, "Most that --events and --snapshots may write, each")
      .unit("MIB")
      .show_default();
  verb.option("--scope", f.scope, "Whose defers the text shows; JSON always has all").one_of({"user", "std", "all"});
}

namespace {

// Libraries with Go code of their own, which the model does not see: c-shared ones that the program starts with.
std::vector<std::string> notes_on_libraries(const emu::Machine& m) {
  std::vector<std::string> out;
  for (const emu::Library& l : m.state().os->libraries())
    if (l.image && l.image->go())
      out.push_back(fmt::format("{} is built with {}: its Go code runs and is not told of", loader::printable(l.path),
                                l.image->go()->version.text));
  return out;
}

const loader::Image& told(const emu::Machine& m) {
  const std::vector<std::string> notes = notes_on_libraries(m);
  if (m.image().go() || notes.empty()) return m.image();
  throw emu::Error(fmt::format("{}: {}; {}", m.image().path(), m.image().not_go(), notes[0]));
}

}  // namespace

struct TraceSession::Body {
  Body(emu::Machine& m, const TraceFlags& f)
      : machine(m),
        program(told(m)),
        writers(program.for_another_thread()),
        flags(f),
        filter(f.filter),
        names(*writers),
        snapshot_names(program) {
    if (flags.pipe >= 0 || !flags.events.empty()) open_events();
    if (!flags.snapshots.empty()) {
      snapshots = std::make_unique<TraceFile>(flags.snapshots, flags.max_trace_mib);
      id = traces::BinaryId::of(program);
    }
    for (const std::string& n : program.notes()) complain("note: " + n);
    for (const std::string& n : notes_on_libraries(m)) complain("note: " + n);
    model::TrackerOptions options;
    options.positions = false;
    options.note = [](const std::string& n) { complain("note: " + n); };
    options.sink = [this](model::Event& e) { event(e); };
    tracker = std::make_unique<model::Tracker>(program, m, std::move(options));
    if (events && flags.calls) trace_calls(m);
  }
  ~Body() {
    queue.reset();
    if (writer) writer->flush();
  }

  void open_events() {
    const TraceFormat& format = format_of(flags.pipe >= 0 ? "pipe.jsonl" : flags.events);
    events = flags.pipe >= 0 ? std::make_unique<TraceFile>(flags.pipe, flags.max_trace_mib)
                             : std::make_unique<TraceFile>(flags.events, flags.max_trace_mib, format.compressed);
    writer = make_writer(format.kind);
    events->set_writer(writer.get());
    traces::TraceHeader header = traces::header_of(machine, program, DEFERSCOPE_VERSION);
    header.level = flags.calls ? model::TraceLevel::call : model::TraceLevel::defer;
    header.filter = flags.filter.text();
    if (!flags.scope.empty() && (flags.calls || flags.scope_chooses))
      header.filter += fmt::format("{}--scope {}", header.filter.empty() ? "" : " ", flags.scope);
    writer->begin(events->text, header);
    events->begin();
    events->write_behind();
    if (!events->is_stderr()) queue.emplace([this](const model::Event& e) { write(e); });
    all = format.kind != TraceFormat::json_lines || !flags.scope_chooses || flags.scope.empty();
  }

  std::unique_ptr<traces::TraceWriter> make_writer(TraceFormat::Kind kind) {
    const traces::Scope scope = scope_of(flags.scope);
    switch (kind) {
      case TraceFormat::json_lines: return traces::json_lines_writer(names);
      case TraceFormat::perfetto: return traces::perfetto_writer(scope);
      case TraceFormat::chrome: return traces::chrome_writer(scope);
      default: return traces::text_writer(names, scope, flags.events != "-", !flags.filter.chooses());
    }
  }

  void trace_calls(emu::Machine& m) {
    model::CallOptions options;
    const traces::Scope scope = scope_of(flags.scope);
    options.chooses = [this, scope](const model::Function& f) {
      return traces::in_scope(scope, f.origin) && filter.takes_function(f.name());
    };
    options.sink = [this](model::Event& e) { put(e); };
    options.next_id = [this] { return tracker->take_id(); };
    calls = std::make_unique<model::CallTracer>(program, m, std::move(options));
  }

  void event(model::Event& e) {
    if (events) put(e);
    if (calls) calls->hear(e);
    if (snapshots && !snapshots->failed() && of_defers(e.kind())) {
      traces::SnapshotOptions o;
      o.only_current = true;
      traces::append_snapshot_json(snapshots->text, snapshot_names, machine.state(), tracker.get(), id, o, e.id);
      snapshots->written();
    }
  }

  void put(const model::Event& e) { queue ? queue->put(e) : write(e); }

  // In the queue's thread, if there is one.
  void write(const model::Event& e) {
    if (events->failed() || !filter.takes(e) || !(all || traces::in_scope(scope_of(flags.scope), e.origin))) return;
    writer->event(events->text, e);
    ++counts[static_cast<size_t>(e.kind())];
    events->written();
  }

  // Behind all events.
  void write_end(const std::string& why) {
    if (calls) calls->finish();
    if (queue) queue->finish();
    if (events) writer->end(events->text, traces::end_of(machine.state(), counts, why));
  }

  const emu::Machine& machine;

  model::Program program;
  std::unique_ptr<model::Program> writers;
  const TraceFlags flags;
  const Filter filter;
  bool all = true;               // events of every scope
  traces::EventCounts counts{};  // of what was written
  traces::ProgramNames names, snapshot_names;
  traces::BinaryId id;
  std::unique_ptr<traces::TraceWriter> writer;
  std::unique_ptr<TraceFile> events, snapshots;
  std::optional<traces::EventQueue> queue;
  std::unique_ptr<model::Tracker> tracker;
  std::unique_ptr<model::CallTracer> calls;
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
  try {
    body_->write_end(why);
  } catch (const std::exception&) {  // what ended the run is what is said
  }
}

}  // namespace deferscope::cli
