// Moving forwards: by running, with hooks where something may have to be looked at.
#include "session/motion.h"

#include <algorithm>

namespace deferscope::session {
namespace {

constexpr emu::Position kChunk = 20'000'000;  // instructions between two looks at an interrupt

bool is_rep(const isa::Lifted& in) { return in.count > 0 && in.uops[in.count - 1].rep != 0; }

}  // namespace

Halt Motion::halt_of(const emu::Stop& s) {
  Halt h;
  switch (s.kind) {
    case emu::Stop::Exited: h.reason = Reason::exited; break;
    case emu::Stop::Deadlock: h.reason = Reason::deadlock; break;
    case emu::Stop::Limit: h.reason = Reason::limit; break;
    case emu::Stop::Watchpoint:
      if (const auto stop = breakpoints_.count_hits(breakpoints_.touched(s), position(), Reason::watchpoint)) {
        h = *stop;
        h.access = Access{s.address, s.write};
      }
      break;
    default: break;
  }
  return h;
}

// With what Breakpoints::apply() has set.
emu::Stop Motion::run_watching(emu::Position target) {
  const emu::Position from = position();
  const emu::Stop s = time_.run(target);
  breakpoints_.ran(from);
  return s;
}

Motion::Motion(Timeline& time, const Reader& reader, Focus& focus, Breakpoints& breakpoints,
               const model::Tracker* tracker)
    : time_(time), reader_(reader), focus_(focus), breakpoints_(breakpoints) {
  take_up_ = entries_of({"runtime.execute", "runtime.coroswitch_m"});
  taken_up_ = entries_of({"runtime.gogo"});
  if (tracker) deferred_calls_ = tracker->deferred_calls();
}

// --- forwards ---

Halt Motion::run_until(const std::unordered_set<uint64_t>& temps, const std::function<bool(Halt&)>& done,
                       emu::Position limit) {
  focus_.follow();
  breakpoints_.settle();
  breakpoints_.apply(temps);
  const emu::Position from = position();
  while (true) {
    time_.check_interrupt();
    const emu::Position target = limit - position() > kChunk ? position() + kChunk : limit;
    const emu::Stop s = run_watching(target);
    if (s.kind == emu::Stop::Reached) {
      if (position() >= limit) return {};
      time_.tell({position(), false});
      continue;
    }
    if (s.kind == emu::Stop::Hook) {
      if (position() == from) continue;  // it stood here already
      if (const auto stop = breakpoints_.hit_here()) return *stop;
      Halt h;
      if (temps.count(reader_.pc()) && done(h)) return h;
      continue;
    }
    const Halt h = halt_of(s);
    if (h.reason != Reason::done) return h;  // a watchpoint whose condition does not hold goes on
  }
}

// --- whom a motion follows ---

// To where somebody who does not execute goes on. If that one is parked: behind what the scheduler and gogo do to
// resume it.
Halt Motion::arrive(const Who& who) {
  const bool parked = reader_.standing(who).thread == nullptr;
  Halt h = step(who, false);
  const auto being_resumed = [&] {
    const model::Function* f = reader_.function(reader_.pc());
    return reader_.who().system || (f && (f->name() == "runtime.gogo" || f->name() == "gogo"));
  };
  while (parked && h.reason == Reason::done && being_resumed()) h = step(who, false);
  return h;
}

std::unordered_set<uint64_t> Motion::entries_of(std::initializer_list<const char*> functions) const {
  std::unordered_set<uint64_t> out;
  const model::Program* program = reader_.program();
  if (!program) return out;
  for (const char* name : functions) {
    if (const auto s = time_.machine().image().find_symbol(name)) out.insert(s->address);
    for (const loader::Func& f : program->go().funcs.find(name)) out.insert(f.entry);
  }
  return out;
}

// Threads in the middle of it.
std::unordered_set<int> Motion::threads_taking_up() const {
  std::unordered_set<int> out;
  for (const emu::Thread& t : time_.state().threads) {
    if (t.status == emu::ThreadStatus::Exited) continue;
    for (const Frame& f : reader_.trace(reader_.guest()->standing(t), 8).frames)
      if (f.function && take_up_.count(f.function->f.entry)) out.insert(t.tid);
  }
  return out;
}

// A thread begins to execute for a goroutine where its turn comes and where it takes one up; between these it is run
// without looking. `who` without a goroutine is a thread that has let go of one: that is looked for at each
// instruction.
std::optional<Halt> Motion::skip_others(const Who& who, emu::Position limit, bool stops) {
  const bool looks = who.goid == 0 || take_up_.empty() || taken_up_.empty();
  std::unordered_set<int> taking = looks ? std::unordered_set<int>{} : threads_taking_up();
  std::unordered_set<uint64_t> hooks = take_up_;
  hooks.insert(taken_up_.begin(), taken_up_.end());
  breakpoints_.apply(looks ? std::unordered_set<uint64_t>{} : hooks);
  struct ThreadStops {
    emu::Machine& m;
    explicit ThreadStops(emu::Machine& machine) : m(machine) { m.set_thread_stops(true); }
    ~ThreadStops() { m.set_thread_stops(false); }
  } stops_at_turns(time_.machine());
  for (unsigned i = 0; !executes(who) && position() < limit; ++i) {
    if ((i & 0xfff) == 0) time_.check_interrupt();
    const int tid = time_.state().thread().tid;
    const bool closely = looks || taking.count(tid) != 0;
    const emu::Stop s = run_watching(closely ? position() + 1 : std::min(limit, position() + kChunk));
    if (s.kind == emu::Stop::Hook) {
      const auto stop = stops ? breakpoints_.hit_here() : std::nullopt;
      if (stop) return stop;
      if (take_up_.count(reader_.pc())) taking.insert(time_.state().thread().tid);
      if (taken_up_.count(reader_.pc())) taking.erase(time_.state().thread().tid);
      continue;
    }
    if (s.kind == emu::Stop::Reached || s.kind == emu::Stop::Thread) {
      if (!closely) time_.tell({position(), false});
      continue;
    }
    if (s.kind == emu::Stop::Watchpoint && !stops) continue;
    const Halt h = halt_of(s);
    if (h.reason != Reason::done) return h;
  }
  return std::nullopt;
}

// A hook at the present position reports itself once; the second call executes. A breakpoint where it arrives is hit.
Halt Motion::step(const Who& who, bool any) {
  emu::Stop s = run_watching(position() + 1);
  if (s.kind == emu::Stop::Hook) s = run_watching(position() + 1);
  if (s.kind != emu::Stop::Reached) {
    const Halt h = halt_of(s);
    if (h.reason != Reason::done) return h;
  }
  if (any || executes(who)) return breakpoints_.any_hooked() ? breakpoints_.hit_here().value_or(Halt{}) : Halt{};
  if (reader_.guest() && reader_.guest()->ended(who)) {
    Halt h = Halt::of(Reason::goroutine_ended);
    h.goid = who.goid;
    return h;
  }
  if (const auto stop = skip_others(who, emu::kNever, true)) return *stop;
  return breakpoints_.hit_here().value_or(Halt{});
}

Halt Motion::instructions(uint64_t n, bool any) {
  const Who who = focus_.follow();
  breakpoints_.settle();
  breakpoints_.apply();
  for (uint64_t i = 0; i < n; ++i) {
    if ((i & 0xffff) == 0) time_.check_interrupt();
    if (i + 1 == n && before_step) before_step();
    const Halt h = step(who, any);
    if (!h.is_done()) return h;
  }
  return {};
}

// Where a goroutine can leave frames without returning from them: every resumption passes gogo; a goroutine that ends,
// goexit0.
std::unordered_set<uint64_t> Motion::cut_hooks() const { return entries_of({"runtime.gogo", "runtime.goexit0"}); }

// At gogo or goexit0, which the goroutine `me` reached: does it leave the frame of that depth? Then goes to where it
// resumes.
std::optional<Halt> Motion::cut_at_gogo(const Who& me, uint64_t depth, uint64_t expected_pc) {
  if (!executes(me)) return std::nullopt;
  const model::Function* f = reader_.function(reader_.pc());
  if (!f) return std::nullopt;
  if (f->name() == "runtime.goexit0") {
    Halt h = Halt::of(Reason::goroutine_ends);
    h.goid = me.goid;
    return h;
  }
  const bool from_system = depth >= model::Guest::kSystemDepth;
  const Standing resumed = reader_.guest()->parked(reader_.who());
  const uint64_t pc = resumed.pc;
  if (reader_.guest()->stack_hi(resumed.who.g) - resumed.sp > depth || pc == expected_pc) return std::nullopt;
  const uint64_t caller = reader_.amd64() ? reader_.word(reader_.sp()).value_or(0) : reader_.cpu().r[isa::kX30];
  const model::Function* by = reader_.function(caller);
  for (int i = 0; i < 1000 && !(reader_.pc() == pc && !reader_.who().system); ++i) {
    const Halt stop = step(me, false);
    if (!stop.is_done()) return stop;
  }
  Halt h = Halt::of(Reason::frames_cut);
  h.goid = me.goid, h.by = by, h.left_system_stack = from_system, h.resumes_at = pc;
  return h;
}

Halt Motion::over_call(const LineAt* of) {
  const Who who = focus_.follow();
  breakpoints_.settle();
  breakpoints_.apply();
  if (!executes(who)) return arrive(who);
  const isa::Lifted in = reader_.lift(reader_.pc());
  const bool call = in.count > 0 && in.uops[in.count - 1].hint == isa::Hint::Call;
  if (!call) {
    if (before_step) before_step();
    const uint64_t pc = reader_.pc();
    while (true) {
      const Halt h = step(who, false);
      if (h.reason != Reason::done || !is_rep(in) || reader_.pc() != pc) return h;
    }
  }
  const uint64_t back = reader_.pc() + in.length, depth = reader_.depth();
  std::unordered_set<uint64_t> temps = cut_hooks();
  const std::unordered_set<uint64_t> cuts = temps;
  temps.insert(back);
  if (of) temps.insert(deferred_calls_.begin(), deferred_calls_.end());
  const Halt h = run_until(temps, [&](Halt& at) {
    if (cuts.count(reader_.pc())) {
      if (auto cut = cut_at_gogo(who, depth, back)) {
        at = *cut;
        return true;
      }
      return false;
    }
    if (!executes(who)) return false;
    if (of && calls_deferred_of(*of)) return at.deferred = true;
    return reader_.pc() == back && reader_.depth() <= depth;
  });
  return h.deferred ? into_deferred(who) : h;
}

// Whether a deferred function of that frame is called here because it panics (or ends by Goexit).
bool Motion::calls_deferred_of(const LineAt& frame) const {
  const auto called = breakpoints_.called_here();
  if (!called || (called->by != model::RunBy::panic && called->by != model::RunBy::goexit)) return false;
  if (called->owner.function != frame.function) return false;
  for (const Frame& f : reader_.frames())
    if (f.function == frame.function && reader_.depth(reader_.who(), f.caller_sp) == frame.depth)
      return called->owner.depth == reader_.depth(reader_.who(), f.sp);
  return false;
}

// If the runtime executes for somebody else's function: which of the frames is that.
std::optional<size_t> Motion::behind_runtime(const std::vector<Frame>& frames) const {
  const auto it = std::find_if(frames.begin(), frames.end(), [](const Frame& f) { return !of_runtime(f.function); });
  if (it == frames.begin() || it == frames.end()) return std::nullopt;
  return static_cast<size_t>(it - frames.begin());
}

// A function has returned into the runtime, which ran it for a panic, say: to where other code goes on.
Halt Motion::through_runtime(const Who& who, const Halt& arrived) {
  const auto frames = reader_.frames();
  const auto behind = behind_runtime(frames);
  if (!behind || !executes(who)) return arrived;
  const uint64_t back = frames[*behind].pc, depth = reader_.depth(who, frames[*behind - 1].caller_sp);
  const std::unordered_set<uint64_t> cuts = cut_hooks();
  std::unordered_set<uint64_t> temps = cuts;
  temps.insert(back);
  temps.insert(deferred_calls_.begin(), deferred_calls_.end());
  const Halt h = run_until(temps, [&](Halt& at) {
    if (cuts.count(reader_.pc())) {
      const auto cut = cut_at_gogo(who, depth, back);
      if (cut) at = *cut;
      return cut.has_value();
    }
    if (!executes(who)) return false;
    if (reader_.pc() == back && reader_.depth() <= depth) return true;
    const auto called = breakpoints_.called_here();
    return at.deferred = called && !of_runtime(called->owner.function) && called->by != model::RunBy::inline_exit;
  });
  return h.deferred ? into_deferred(who) : h;
}

// From the runtime's call of a deferred function to its first instruction, through what the compiler wraps it in.
Halt Motion::into_deferred(const Who& who) {
  constexpr int kMost = 10'000;  // instructions of reflectcall and wrappers
  for (int i = 0; i < kMost; ++i) {
    Halt h = step(who, false);
    h.deferred = true;
    if (!h.is_done()) return h;
    const model::Function* f = reader_.function(reader_.pc());
    if (f && f->f.entry == reader_.pc() && !of_runtime(f) && !f->wrapper) return h;
  }
  return {};
}

// An inlined function has no frame to return from: to where execution leaves its code.
Halt Motion::finish_inlined() {
  const LineAt from = line_here();
  Halt h;
  h.left_inlined = reader_.program()->go().funcs.inline_node(from.function->f, from.node).function;
  while (true) {
    time_.check_interrupt();
    const Halt step = over_call();
    if (!step.is_done()) return step;
    const LineAt now = line_here();
    if (!now.same_frame(from) || !inlined_in(now, from)) return h;
  }
}

Halt Motion::finish(unsigned of) {
  const Who who = focus_.follow();
  breakpoints_.settle();
  breakpoints_.apply();
  if (!executes(who))
    if (const Halt h = arrive(who); h.reason != Reason::done) return h;
  if (of == 0 && reader_.inline_node(reader_.pc()) >= 0) return finish_inlined();
  const auto seen = reader_.frames(of + 2);
  if (of >= seen.size() || seen[of].return_address == 0) throw Error("this function has no caller to return to");
  const uint64_t depth = reader_.depth(reader_.who(), seen[of].caller_sp), back = seen[of].return_address;
  std::unordered_set<uint64_t> temps = cut_hooks();
  const std::unordered_set<uint64_t> cuts = temps;
  temps.insert(back);
  const model::Function* left = seen[of].function;
  return run_until(temps, [&](Halt& h) {
    if (cuts.count(reader_.pc())) {
      if (auto cut = cut_at_gogo(who, depth, back)) {
        h = *cut;
        return true;
      }
      return false;
    }
    if (!executes(who) || reader_.depth() > depth) return false;
    h.returned = left;
    return true;
  });
}

Motion::LineAt Motion::line_here() const {
  LineAt l;
  const auto f = reader_.frame0();
  if (!f) return l;
  l.function = f->function;
  l.line = reader_.line(reader_.pc());
  l.depth = reader_.depth(reader_.who(), f->caller_sp);
  l.node = reader_.inline_node(reader_.pc());
  return l;
}

bool Motion::inlined_in(const LineAt& inner, const LineAt& outer) const {
  return inner.same_frame(outer) && inner.function && reader_.inlined_within(*inner.function, inner.node, outer.node);
}

// Whether a step by lines goes on: the same line, or what is inlined there and is stepped over.
bool Motion::stays_on(const LineAt& now, const LineAt& from, bool into) const {
  if (!now.same_frame(from)) return false;
  if (now.node == from.node) {
    if (now.line.empty() || now.line == from.line) return true;
    // Behind inlined code go1.12 and 1.13 leave its file and line to instructions of the function itself.
    const auto file = [](const std::string& line) { return line.substr(0, line.rfind(':')); };
    return file(now.line) != file(from.line) && !reader_.program()->go().funcs.inline_runs(now.function->f).empty();
  }
  if (!inlined_in(now, from)) return false;
  if (!into) return true;
  const std::string_view name = reader_.program()->go().funcs.inline_node(now.function->f, now.node).function;
  return !of_runtime(from.function) && reader_.program()->origin_of(name) == model::Origin::runtime;
}

// Into a call, but not into the runtime's functions: those are passed through, until a function of somebody else
// begins.
Halt Motion::step_into(const Who& who, uint64_t back) {
  const uint64_t depth = reader_.depth();
  for (unsigned i = 0;; ++i) {
    if ((i & 0xfff) == 0) time_.check_interrupt();
    const Halt h = step(who, false);
    if (h.reason != Reason::done) return h;
    if (reader_.pc() == back && reader_.depth() <= depth) return h;
    const model::Function* f = reader_.function(reader_.pc());
    if (of_runtime(f) || reader_.who().system) continue;
    if (f->f.entry == reader_.pc() || reader_.depth() <= depth) return h;
  }
}

Halt Motion::line(bool into) {
  const Who who = focus_.follow();
  breakpoints_.settle();
  breakpoints_.apply();
  if (!executes(who))
    if (const Halt h = arrive(who); h.reason != Reason::done) return h;
  const LineAt from = line_here();
  if (from.line.empty()) return over_call();
  const bool in_runtime = of_runtime(from.function);
  while (true) {
    time_.check_interrupt();
    const isa::Lifted in = reader_.lift(reader_.pc());
    const bool call = in.count > 0 && in.uops[in.count - 1].hint == isa::Hint::Call;
    breakpoints_.apply();
    const Halt h = into && call && !in_runtime ? step_into(who, reader_.pc() + in.length)
                   : into && in_runtime        ? step(who, false)
                                               : over_call(&from);
    if (h.reason != Reason::done || h.deferred) return h;
    const LineAt now = line_here();
    if (stays_on(now, from, into)) continue;
    const bool left_for_runtime = !into && !in_runtime && !now.same_frame(from) && of_runtime(now.function);
    return left_for_runtime ? through_runtime(who, h) : h;
  }
}

// Out of a loop.
Halt Motion::line_below() {
  const auto from = reader_.frame0();
  const uint64_t pc = reader_.pc();
  Halt h;
  do {
    h = line(false);
    const auto now = reader_.frame0();
    if (!from || !now || now->function != from->function) break;
  } while (h.is_done() && reader_.pc() <= pc);
  return h;
}

Halt Motion::run() {
  return run_until({}, [](Halt&) { return false; });
}

Halt Motion::run_to(const std::vector<uint64_t>& places) {
  return run_until({places.begin(), places.end()}, [](Halt&) { return true; });
}

Halt Motion::run_to(emu::Position p) {
  return run_until(
      {}, [](Halt&) { return false; }, p);
}

Halt Motion::run_to_hint(isa::Hint hint) {
  const Who who = focus_.follow();
  breakpoints_.settle();
  breakpoints_.apply();
  Halt h;
  for (unsigned i = 0; h.is_done(); ++i) {
    if ((i & 0xfff) == 0) time_.check_interrupt();
    h = step(who, false);
    const isa::Lifted in = reader_.lift(reader_.pc());
    if (in.count > 0 && in.uops[in.count - 1].hint == hint) break;
  }
  return h;
}

Halt Motion::go(emu::Position p) {
  if (p > time_.machine().horizon()) {
    const Breakpoints::Instead none(breakpoints_);
    return run_to(p);
  }
  time_.seek(p);
  return time_.state().exited ? Halt::of(Reason::exited) : Halt{};
}

Halt Motion::with_events(Halt (Motion::*move)()) {
  if (!reader_.program()) throw Error("this program is no Go program that the model reads");
  const Breakpoints::Instead events(breakpoints_);
  breakpoints_.set_all_events();
  Halt h = (this->*move)();
  if (h.reason != Reason::breakpoint) return h;
  h.reason = Reason::done;
  h.event = breakpoints_.find(h.breakpoint)->point;
  return h;
}

Halt Motion::to_event() { return with_events(&Motion::run); }
Halt Motion::back_to_event() { return with_events(&Motion::back); }

}  // namespace deferscope::session
