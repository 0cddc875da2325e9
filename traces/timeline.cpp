#include "traces/timeline.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace deferscope::traces {
namespace {

using model::Event;
using model::EventKind;
using model::OnStack;
using model::RunBy;

// Tracks' numbers are those of goroutines; others stand behind them, and all fit 31 bits: viewers take them for
// threads.
constexpr uint64_t kNobody = 1 << 29, kSystem = 1 << 30, kSignal = kSystem + kNobody;

// The number of the flow that begins at an event.
uint64_t flow(uint64_t id) { return id == model::kNoEvent ? 0 : id + 1; }

// What the source defers.
std::string_view name_of(const model::DeferredFunction& d) {
  const model::Name n = d.wraps ? static_cast<model::Name>(d.wraps) : static_cast<model::Name>(d.symbol);
  return n ? n.text() : d.funcval ? "?" : "nil func";
}

// Not so where the guest ends: all is drawn to the end then.
bool frames_go(model::Why w) { return w == model::Why::frame || w == model::Why::recovery || w == model::Why::goexit; }

std::string_view name_of(model::Name n) { return n ? n.text() : "?"; }

}  // namespace

void TimelineWriter::begin(std::string& out, const TraceHeader& header) {
  out_ = &out;
  calls_ = header.level == model::TraceLevel::call;
  put_begin(header);
}

void TimelineWriter::end(std::string& out, const TraceEnd& end) {
  out_ = &out;
  last_ = std::max(last_, end.instructions);
  for (const uint64_t key : order_) close_to(tracks_[key], last_, 0);
  put_end(end);
}

// --- tracks ---

TimelineWriter::Track& TimelineWriter::track(uint64_t key, std::string_view name) {
  const auto [at, fresh] = tracks_.try_emplace(key);
  if (fresh) {
    at->second.id = key;
    order_.push_back(key);
    put_track(key, name);
  }
  return at->second;
}

TimelineWriter::Track& TimelineWriter::track_of(const Event& e) {
  const OnStack* stack = e.kind() == EventKind::call_enter   ? &e.as<model::CallEnter>().stack
                         : e.kind() == EventKind::call_leave ? &e.as<model::CallLeave>().stack
                                                             : nullptr;
  if (stack && *stack != OnStack::goroutine) {
    const bool signal = *stack == OnStack::signal;
    return track((signal ? kSignal : kSystem) + e.tid, fmt::format("thread {}: {} stack", e.tid, to_string(*stack)));
  }
  if (e.goid == 0) return track(kNobody, "before the first goroutine");
  const auto known = tracks_.find(e.goid);
  if (known != tracks_.end()) return known->second;
  const auto named = goroutines_.find(e.goid);
  std::string name = named != goroutines_.end() ? named->second : fmt::format("goroutine {}", e.goid);
  if (named != goroutines_.end()) goroutines_.erase(named);
  return track(e.goid, name);
}

// As it is named in every run: by what made it.
void TimelineWriter::name_goroutine(const Event& e) {
  const auto& g = e.as<model::GoroutineStart>();
  std::string& name = goroutines_[g.started];
  name = fmt::format("goroutine {}", g.started);
  if (g.function) name += fmt::format(": {}", g.function.text());
  if (e.frame.function) name += fmt::format(", made by {}", e.frame.function.text());
  if (e.frame.function && g.line) name += fmt::format(":{}", g.line.value);
}

// --- slices ---

void TimelineWriter::open(Track& t, const Event& e, Kind kind, uint64_t key, Item item) {
  t.open.push_back({kind, key, e.frame.depth});
  put_slice(item);
}

void TimelineWriter::close_to(Track& t, uint64_t time, size_t size) {
  while (t.open.size() > size) t.open.pop_back(), put_slice_end(time, t.id);
}

// The innermost that is meant, and what lies in it. False: there is none.
bool TimelineWriter::close(Track& t, uint64_t time, Kind kind, uint64_t key) {
  for (size_t i = t.open.size(); i-- > 0;)
    if (t.open[i].kind == kind && t.open[i].key == key) return close_to(t, time, i), true;
  return false;
}

// The function of the frame executes, or will: frames below it are gone. `also_this`: it too.
void TimelineWriter::leave_frames(Track& t, const Event& e, bool also_this) {
  for (size_t i = 0; i < t.open.size(); ++i) {
    const Slice& s = t.open[i];
    if (s.kind != Kind::frame) continue;
    if (s.depth > e.frame.depth || (also_this && s.depth == e.frame.depth && s.pending == 0))
      return close_to(t, last_, i);
  }
}

TimelineWriter::Item TimelineWriter::item(const Track& t, const Event&, std::string_view category,
                                          std::string_view name) const {
  Item i;
  i.time = last_, i.track = t.id, i.category = category, i.name = name;
  return i;
}

void TimelineWriter::point(Track& t, const Event& e, std::string_view category, std::string_view name,
                           uint64_t flow_to) {
  Item i = item(t, e, category, name);
  if (const model::Defer* d = e.defer()) i.arguments.push_back({"defer", {}, d->number});
  if (const model::Panic* p = e.panic()) i.arguments.push_back({"value", p->value, p->number});
  i.flow_to = flow_to;
  put_point(i);
}

// --- the kinds ---

void TimelineWriter::push(Track& t, const Event& e) {
  const model::Defer& d = *e.defer();
  if (!calls_) {
    leave_frames(t, e, false);
    const auto mine = std::find_if(t.open.begin(), t.open.end(),
                                   [&](const Slice& s) { return s.kind == Kind::frame && s.depth == e.frame.depth; });
    if (mine == t.open.end()) {
      Item frame = item(t, e, "frame", name_of(e.frame.function));
      open(t, e, Kind::frame, e.id, std::move(frame));
      t.open.back().pending = 1;
    } else {
      ++mine->pending;
    }
  }
  text_ = fmt::format("defer {}", name_of(d.function));
  Item i = item(t, e, "defer", text_);
  i.arguments = {{"defer", {}, d.number}, {"line", {}, d.line}, {"storage", to_string(d.storage), 0}};
  i.flow_from = flow(e.id);
  put_point(i);
}

void TimelineWriter::run(Track& t, const Event& e) {
  const model::Defer& d = *e.defer();
  const bool exits = d.run_by != RunBy::panic && d.run_by != RunBy::goexit;
  if (exits && !calls_) leave_frames(t, e, false);
  if (d.run_by == RunBy::jmpdefer)
    while (!t.open.empty() && t.open.back().gives_way) close_to(t, last_, t.open.size() - 1);
  text_ = fmt::format("{} (deferred)", name_of(d.function));
  Item i = item(t, e, "defer", text_);
  i.arguments = {{"defer", {}, d.number}, {"owner", name_of(e.frame.function), 0}, {"run_by", to_string(d.run_by), 0}};
  i.flow_to = flow(d.id);
  open(t, e, Kind::defer, e.id, std::move(i));
}

// A run is over, or cut off: then its frame's function is too, or goes on without it.
void TimelineWriter::ran(Track& t, const Event& e, uint64_t start) {
  close(t, last_, Kind::defer, start);
  for (Slice& s : t.open)
    if (s.kind == Kind::frame && s.depth == e.frame.depth && s.pending) --s.pending;
  const RunBy by = e.defer()->run_by;
  if (!calls_ && by != RunBy::panic) leave_frames(t, e, by != RunBy::deferreturn);
}

void TimelineWriter::panics(Track& t, const Event& e, std::string_view name) {
  const model::Panic& p = *e.panic();
  Item i = item(t, e, "panic", name);
  i.arguments = {{"panic", {}, p.number}, {"value", p.value, 0}};
  i.flow_from = flow(e.id);
  open(t, e, Kind::panic, e.id, std::move(i));
}

void TimelineWriter::call(Track& t, const Event& e) {
  if (e.kind() == EventKind::call_leave) {
    close(t, last_, Kind::call, e.as<model::CallLeave>().enter);
    return;
  }
  const auto& c = e.as<model::CallEnter>();
  Item i = item(t, e, "call", name_of(c.function));
  if (c.by != model::CallBy::call) i.arguments.push_back({"by", to_string(c.by), 0});
  open(t, e, Kind::call, e.id, std::move(i));
  t.open.back().gives_way = c.function == "runtime.deferreturn" || c.function == "runtime.jmpdefer";
}

void TimelineWriter::output(Track& t, const Event& e) {
  const auto& o = e.as<model::Output>();
  Item i = item(t, e, "output", o.descriptor == 2 ? "standard error" : "standard output");
  i.arguments.push_back({"text", o.text.empty() ? std::string_view("(not UTF-8)") : o.text, 0});
  put_point(i);
}

void TimelineWriter::event(std::string& out, const Event& e) {
  out_ = &out;
  last_ = std::max(last_, e.position);
  const EventKind kind = e.kind();
  if (kind == EventKind::goroutine_start) return name_goroutine(e);
  if (kind != EventKind::output && !in_scope(scope_, e.origin)) return;
  switch (kind) {
    case EventKind::defer_push: return push(track_of(e), e);
    case EventKind::defer_start: return run(track_of(e), e);
    case EventKind::defer_end: return ran(track_of(e), e, e.as<model::DeferEnd>().start);
    case EventKind::defer_left: {
      const auto& l = e.as<model::DeferLeft>();
      Track& t = track_of(e);
      text_ = fmt::format("{}: {}", l.started ? "never returns" : "never runs", name_of(l.defer.function));
      point(t, e, "defer", text_);
      if (l.started && frames_go(l.why)) close(t, last_, Kind::defer, l.start);
      return;
    }
    case EventKind::deferreturn_leave: return calls_ ? void() : leave_frames(track_of(e), e, true);
    case EventKind::panic_start: return panics(track_of(e), e, "panic");
    case EventKind::goexit: return point(track_of(e), e, "panic", "Goexit");
    case EventKind::panic_recovered: return point(track_of(e), e, "panic", "recovered", flow(e.panic()->id));
    case EventKind::recover_refused: return point(track_of(e), e, "panic", "recover refused");
    case EventKind::panic_fatal: return point(track_of(e), e, "panic", "nobody recovers");
    case EventKind::panic_aborted: {
      Track& t = track_of(e);
      point(t, e, "panic", "aborted");
      if (frames_go(e.as<model::PanicAborted>().why)) close(t, last_, Kind::panic, e.panic()->id);
      return;
    }
    case EventKind::recovery_jump: {
      Track& t = track_of(e);
      close(t, last_, Kind::panic, e.panic()->id);
      if (!calls_) leave_frames(t, e, false);
      return;
    }
    case EventKind::call_enter:
    case EventKind::call_leave: return call(track_of(e), e);
    case EventKind::output: return output(track_of(e), e);
    case EventKind::exit: return point(track_of(e), e, "exit", to_string(e.as<model::Exit>().why));
    default: return;
  }
}

}  // namespace deferscope::traces
