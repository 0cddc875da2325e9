// Events against what the guest prints by itself: tests/guests/src/cases has functions that print a line when they run
// ("markers"), lines that say what was recovered, where locals lie and who the callers are. Each run is checked by all
// the properties below; the default run takes a sample of builds and cases, `./dev test --all` every one.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "runtime_model/inventory.h"
#include "tests/unit/model_run.h"

namespace deferscope::test {
namespace {

using model::Event;
using model::EventKind;
using model::Program;
using model::RunBy;

// Functions that are only ever called by being deferred, and how the line begins that each prints.
struct Marker {
  std::string_view function, line;
};
constexpr Marker kMarkers[] = {{"main.mark", "mark\n"},
                               {"main.mark8", "mark8 "},
                               {"main.mark16", "mark16 "},
                               {"main.markString", "string inside"},
                               {"main.markString", "string not four"},
                               {"main.markString", "string sixteen"},
                               {"main.mark24", "mark24 "},
                               {"main.markSlice", "slice "},
                               {"main.mark40", "mark40 "},
                               {"main.markMany", "many "},
                               {"main.markBulk", "bulk "},
                               {"main.markFloats", "floats "},
                               {"main.(*counter).bump", "bumped to "},
                               {"main.(*counter).plain", "plain "},
                               {"main.recovered", "recovered "},
                               {"main.gives", "gives "},
                               {"main.variadic", "variadic "}};

bool starts_with(std::string_view s, std::string_view with) { return s.substr(0, with.size()) == with; }

const Marker* marker_of_line(std::string_view line) {
  for (const Marker& m : kMarkers)
    if (starts_with(line, m.line)) return &m;
  return nullptr;
}

const Marker* marker_of_function(std::string_view function) {
  for (const Marker& m : kMarkers)
    if (function == m.function) return &m;
  return nullptr;
}

// What a deferred call calls, through its wrapper; empty: a wrapper that calls through a pointer.
std::string called(const model::DeferredFunction& d) {
  if (!d.symbol) return "nil";
  return std::string((d.wrapper ? d.wraps : d.symbol).text());
}

// An error is told by type and text, where its fields hold one; Go prints the text.
std::string as_reported(const std::string& value) {
  const size_t from = value.find("(\"");
  const bool error = !value.empty() && value[0] == '*' && from != std::string::npos && value.ends_with("\")");
  return error ? value.substr(from + 2, value.size() - from - 4) : value;
}

// Values that are told by type ("(*errors.errorString) 0x…", "time.Duration(5)") print otherwise: their text is made by
// the guest's code.
bool by_value(std::string_view value) {
  return !value.empty() && value[0] != '(' && value[0] != '*' && value.find('\n') == std::string_view::npos &&
         value != "nil" && !starts_with(value, "main.") && !starts_with(value, "time.");
}

struct CaseRun {
  const Program& p;
  std::string name;  // build and case
  std::string guest_case;
  ModelRun r;
  std::vector<std::string> at_writes;  // what the properties that look at the stack found
  void fail(const std::string& why) const { ADD_FAILURE() << name << ": " << why; }
};

// --- the sequence of deferred functions, per goroutine ---

struct Open {
  const Event* start;
  std::string what;
  bool printed = false;
};

class Sequence {
 public:
  explicit Sequence(const CaseRun& run) : run_(run) {}

  void check() {
    size_t w = 0;
    const auto& writes = run_.r.writes;
    for (size_t i = 0; i <= run_.r.events.size(); ++i) {
      for (; w < writes.size() && writes[w].events == i; ++w)
        if (writes[w].fd == 1) line(writes[w]);
      if (i < run_.r.events.size()) event(run_.r.events[i]);
    }
  }

 private:
  struct G {
    std::vector<Open> open;
    std::string recovered;  // by the call that runs now
    bool any_recovered = false;
    bool goexit = false;
  };

  void event(const Event& e) {
    G& g = of_[e.goid];
    switch (e.kind()) {
      case EventKind::goexit: g.goexit = true; return;
      case EventKind::panic_recovered: g.recovered = e.panic()->value, g.any_recovered = true; return;
      case EventKind::recovery_jump:
        while (!g.open.empty() && call_depth(*g.open.back().start) >= e.frame.depth) g.open.pop_back();
        return;
      case EventKind::defer_start:
        if (e.origin != model::Origin::user) return;
        g.open.push_back({&e, called(e.defer()->function)});
        g.any_recovered = false;
        return;
      case EventKind::defer_end:
        if (e.origin != model::Origin::user) return;
        while (!g.open.empty() && g.open.back().start->id != e.as<model::DeferEnd>().start)
          g.open.pop_back();  // panicked, then its frame returned
        if (g.open.empty()) return run_.fail(fmt::format("event {} ends what does not run", e.id));
        close(g);
        return;
      default: return;
    }
  }

  // Distances from the stack's upper end stay the same when the stack moves.
  static uint64_t call_depth(const Event& start) { return start.frame.depth + start.frame.sp - start.sp; }

  // A marker that ran to its end has printed its line.
  void close(G& g) {
    const Open o = g.open.back();
    g.open.pop_back();
    const bool marker = marker_of_function(o.what) != nullptr && o.start->defer()->function.funcval != 0;
    if (marker && !o.printed) run_.fail(fmt::format("event {}: {} ran and printed nothing", o.start->id, o.what));
  }

  void line(const Written& w) {
    G& g = of_[w.goid];
    // To 1.13 a recovery among the defers that Goexit runs ends the Goexit.
    if (w.text == "goroutine returns\n" && g.goexit && run_.p.minor() >= 14)
      run_.fail("a goroutine returns though it called Goexit");
    const Marker* m = marker_of_line(w.text);
    if (!m) return;
    if (g.open.empty()) return run_.fail("no deferred call runs at: " + w.text);
    Open& o = g.open.back();
    if (m->function == "main.recovered") recovered(g, w.text.substr(m->line.size()));
    if (!o.what.empty() && o.what != m->function) {
      // Closures print such lines too; functions that are no markers are none of ours.
      if (marker_of_function(o.what)) run_.fail(fmt::format("{} runs at: {}", o.what, w.text));
      return;
    }
    if (o.printed) run_.fail("a second line of one call: " + w.text);
    o.printed = true;
    if (m->function == "main.mark8") argument(*o.start, w.text.substr(m->line.size()));
  }

  // "recovered V": V is what the event said, where both print it alike (basic types); nil if nothing was recovered.
  void recovered(G& g, std::string text) {
    text.pop_back();
    if (!g.any_recovered) {
      if (text != "<nil>") run_.fail("no panic.recovered before: recovered " + text);
      return;
    }
    if (starts_with(text, "runtime error \"")) text = text.substr(15);
    if (by_value(g.recovered) && !starts_with(text, g.recovered))
      run_.fail(fmt::format("recovered {}, the event says {}", text, g.recovered));
  }

  // mark8's number is its argument (≤ 1.16) or a word of its wrapper's closure, unless the wrapper has it as a
  // constant.
  void argument(const Event& start, const std::string& text) {
    for (const Event& e : run_.r.events) {
      if (e.id != start.defer()->id || e.kind() != EventKind::defer_push) continue;
      const auto number = static_cast<uint64_t>(std::stoll(text));
      uint64_t v = 0;
      const model::Defer& d = *e.defer();
      if (d.argument_bytes.size() >= 8) {
        std::memcpy(&v, d.argument_bytes.data(), 8);
        if (v != number) run_.fail(fmt::format("event {}: argument {}, printed {}", e.id, v, number));
      } else if (d.function.captured.size() == 1 && d.function.captured[0].size == 8 &&
                 run_.p.function_at(start.defer()->function.entry)->wrapper) {
        v = d.function.captured[0].value;
        if (v != number) run_.fail(fmt::format("event {}: captured {}, printed {}", e.id, v, number));
      }
      return;
    }
  }

  const CaseRun& run_;
  std::map<uint64_t, G> of_;
};

// --- at every line: the deferred calls that run are frames of the stack ---

// runtime.call16 …: what reflectcall jumps to; the runtime's own use of it runs defers, package reflect's does not.
bool is_call_n(std::string_view name) {
  return starts_with(name, "runtime.call") && name.size() > 12 && name[12] >= '0' && name[12] <= '9';
}

bool runs_defers(const std::vector<model::Frame>& frames, size_t i) {
  while (i < frames.size() && is_call_n(frames[i].function->name())) ++i;
  for (const char* f : {"runtime.gopanic", "runtime.Goexit", "runtime.deferreturn", "runtime.deferCallSave",
                        "runtime.runOpenDeferFrame", "runtime.reflectcallSave"})
    if (i < frames.size() && frames[i].function->name() == f) return true;
  return false;
}

struct StackLook {
  CaseRun& run;
  mutable std::vector<Event> moves;  // since the line before
  void operator()(const emu::Machine& m, const model::Tracker& t, const Written& w) const {
    if (w.fd != 1) return;
    const model::Guest guest(run.p, m.state());
    const auto g = guest.goroutine(guest.current_g());
    if (!g) return;
    const model::Unwound u = guest.unwind(*g, 100'000);
    if (!u.complete) return note("the stack ends early: " + u.stopped);
    running(t.running(g->id), u.frames, w.text);
    if (starts_with(w.text, "addr callers of ")) callers(u.frames, w.text);
    if (starts_with(w.text, "addr local ") || starts_with(w.text, "addr deferred ")) address(u.frames, w.text);
    moves.clear();
  }
  void note(const std::string& s) const { run.at_writes.push_back(s); }

  // Outermost first, each running call's function is a frame, and the runtime called as many as it says.
  void running(const std::vector<model::Running>& calls, const std::vector<model::Frame>& frames,
               const std::string& at) const {
    size_t i = frames.size(), by_runtime = 0, expected = 0, wrappers = 0;
    for (const model::Running& r : calls) {
      const model::Function* f = run.p.function_at(r.entry);
      if (!f) continue;  // nil
      if (f->wrapper || run.p.location(r.entry).file ==
                            "<autogenerated>") {  // may leave by a jump: then the runtime calls what it stands for
        ++wrappers;
        continue;
      }
      if (f->origin != model::Origin::runtime)
        expected += r.by == RunBy::panic || r.by == RunBy::goexit || r.by == RunBy::deferreturn;
      while (i > 0 && frames[i - 1].function->f.entry != r.entry) --i;
      if (i == 0) return note(fmt::format("{} runs but is not on the stack at: {}", run.p.describe(r.entry), at));
      --i;
    }
    for (size_t n = 0; n + 1 < frames.size(); ++n)
      by_runtime += frames[n].function->origin != model::Origin::runtime && !is_call_n(frames[n].function->name()) &&
                    runs_defers(frames, n + 1);
    if (by_runtime < expected || by_runtime > expected + wrappers)
      note(fmt::format("{} calls by the runtime are on the stack, {} known at: {}", by_runtime, expected, at));
  }

  // runtime.Callers' names from the caller of main.callers on, its wrappers left out as CallersFrames does.
  void callers(const std::vector<model::Frame>& frames, const std::string& at) const {
    std::vector<std::string> ours;
    bool seen = false;
    for (const model::Frame& f : frames)
      for (const loader::InlineFrame& l : run.p.go().funcs.inline_stack(f.function->f, f.lookup)) {
        const std::string name = model::readable(l.function);
        if (seen && l.func_id != run.p.mech().id_wrapper && ours.size() < 24) ours.push_back(name);
        seen = seen || name == "main.callers";
      }
    std::string text;
    for (std::string& n : ours) {
      const size_t main = n.find("main.");
      if (main != std::string::npos) n.erase(main, 5);
      text += (text.empty() ? "" : " < ") + n;
    }
    const std::string said = at.substr(0, at.size() - 1);
    if (said.size() < text.size() || said.compare(said.size() - text.size(), text.size(), text) != 0)
      note(fmt::format("callers: {}, ours {}", said, text));
  }

  // "addr local N 0x…": inside a frame of main.address.
  void address(const std::vector<model::Frame>& frames, const std::string& at) const {
    uint64_t a = std::stoull(at.substr(at.rfind(' ') + 1), nullptr, 16);
    for (const Event& e : moves)  // it was taken before the line was written
      if (const auto* move = std::get_if<model::StackMove>(&e.body);
          move && a >= move->before.lo && a < move->before.hi)
        a += move->after.hi - move->before.hi;
    for (const model::Frame& f : frames)
      if (f.function->name() == "main.address" && a >= f.sp && a < f.caller_sp) return;
    note("no frame of main.address holds " + at);
  }
};

// --- every defer is registered once, at a site that the static inventory has, starts at most once, as registered ---

void check_consistent(const CaseRun& run) {
  std::map<uint64_t, const Event*> pushed;
  std::set<uint64_t> started;
  for (const Event& e : run.r.events) {
    if (e.kind() == EventKind::defer_push) pushed[e.id] = &e;
    if (e.frame.sp && e.frame.depth >> 40) run.fail(fmt::format("event {}: frame depth {}", e.id, e.frame.depth));
    if (e.kind() != EventKind::defer_start) continue;
    const auto it = pushed.find(e.defer()->id);
    if (it == pushed.end()) {
      run.fail(fmt::format("event {} starts what was not registered", e.id));
      continue;
    }
    if (!started.insert(e.defer()->id).second) run.fail(fmt::format("event {} starts twice", e.id));
    if (it->second->defer()->function.entry != e.defer()->function.entry)
      run.fail(fmt::format("event {}: another function", e.id));
    if (!(it->second->frame.function == e.frame.function)) run.fail(fmt::format("event {}: another owner", e.id));
  }
}

using Sites = std::map<uint64_t, std::set<model::Storage>>;

Sites sites_of(const Program& p) {
  Sites out;
  for (const model::FunctionDefers& d : model::inventory(p))
    for (const model::DeferSite& s : d.sites) out[s.pc].insert(s.storage);
  return out;
}

void check_sites(const CaseRun& run, const Sites& sites) {
  for (const Event& e : run.r.events) {
    if (e.kind() != EventKind::defer_push) continue;
    const auto it = sites.find(e.defer()->site);
    if (it == sites.end()) {
      run.fail(fmt::format("event {}: {} is not in the inventory", e.id, run.p.describe(e.defer()->site)));
    } else if (!it->second.count(e.defer()->storage)) {
      run.fail(fmt::format("event {}: {} is of another kind", e.id, run.p.describe(e.defer()->site)));
    }
  }
}

// --- an uncaught panic: the runtime's report lists the panics that were not over ---

void check_report(const CaseRun& run) {
  if (!starts_with(run.guest_case, "crash-")) return;
  std::vector<std::string> said;  // "V" or "V [recovered…]"
  std::string err;
  for (const Written& w : run.r.writes)
    if (w.fd == 2) err += w.text;
  size_t at = starts_with(err, "panic: ") ? 0 : err.find("\npanic: ");
  if (at == std::string::npos) return;
  const std::string head = err.substr(at, err.find("\ngoroutine ", at) - at) + "\n";
  for (size_t from = 0; (from = head.find("panic: ", from)) != std::string::npos;) {
    from += 7;
    said.push_back(head.substr(from, head.find('\n', from) - from));
  }
  uint64_t goid = 0;
  for (const Event& e : run.r.events)
    if (e.kind() == EventKind::panic_start) goid = e.goid;
  std::vector<const Event*> alive;
  for (const Event& e : run.r.events) {
    if (e.goid != goid) continue;
    if (e.kind() == EventKind::panic_start) alive.push_back(&e);
    const bool aborted =
        e.kind() == EventKind::panic_aborted && e.as<model::PanicAborted>().why == model::Why::recovery;
    if (e.kind() == EventKind::recovery_jump || aborted)
      std::erase_if(alive, [&](const Event* p) { return p->id == e.panic()->id; });
  }
  // 1.25+: a panic that was recovered and thrown again with its value is one line.
  for (size_t i = 0; i < said.size(); ++i)
    if (said[i].find("[recovered, repanicked]") != std::string::npos)
      said.insert(said.begin() + static_cast<long>(i), std::string(said[i])), ++i;
  size_t n = 0;
  for (const Event* p : alive) {
    if (n >= said.size()) return run.fail("a panic that the report does not name: " + p->panic()->value + "\n" + head);
    if (by_value(as_reported(p->panic()->value)) && !starts_with(said[n], as_reported(p->panic()->value)))
      run.fail(fmt::format("panic {}, reported {}", p->panic()->value, said[n]));
    ++n;
  }
  if (n != said.size()) run.fail(fmt::format("{} panics reported, {} known\n{}", said.size(), n, head));
}

constexpr const char* kGroups[] = {"defer-", "panic-", "recover-", "goexit-", "rangefunc-",
                                   "stack-", "crash-", "go-once",  "fault-"};

bool wanted(const std::string& guest, const std::string& c) {
  if (guest.find("tricky_") != std::string::npos) return true;
  for (const char* g : kGroups)
    if (starts_with(c, g)) return true;
  return false;
}

constexpr unsigned kShards = 8;
constexpr unsigned kOneIn = 24;

class Markers : public testing::TestWithParam<unsigned> {};

TEST_P(Markers, EveryCase) {
  std::vector<std::string> guests = case_guests();
  for (const std::string& g : tricky_guests()) guests.push_back(g);
  if (guests.empty()) GTEST_SKIP() << "no guests";
  const char* only = std::getenv("DEFERSCOPE_CASE");  // part of "BUILD CASE", for work on one of them
  for (size_t i = 0; i < guests.size(); ++i) {
    if (i % kShards != GetParam()) continue;
    const Program p(loader::Image::load(guests[i]));
    const Sites sites = sites_of(p);
    for (const std::string& c : listed_cases(p)) {
      const std::string name = std::string(std::filesystem::path(guests[i]).filename()) + " " + c;
      if (!wanted(guests[i], c) || (only ? name.find(only) == std::string::npos : !in_sample(name, kOneIn))) continue;
      CaseRun run{p, name, c, {}, {}};
      StackLook look{run, {}};
      const auto moved = [&](const auto&, const auto&, const Event& e) {
        if (e.kind() == EventKind::stack_move) look.moves.push_back(e);
      };
      run.r = run_model(p, {c}, true, {moved, [&](const auto& m, const auto& t, const Written& w) { look(m, t, w); }});
      for (const std::string& s : run.at_writes) run.fail(s);
      Sequence(run).check();
      check_consistent(run);
      check_sites(run, sites);
      check_report(run);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Shard, Markers, testing::Range(0u, kShards));

}  // namespace
}  // namespace deferscope::test
