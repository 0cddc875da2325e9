// Moving forwards: by running, with hooks where something may have to be looked at.
#include <fmt/format.h>

#include <algorithm>

#include "cli/session/core.h"

namespace deferscope::cli {
namespace {

constexpr emu::Position kChunk = 20'000'000;  // instructions between two looks at an interrupt

bool is_rep(const isa::Lifted& in) { return in.count > 0 && in.uops[in.count - 1].rep != 0; }

}  // namespace

void Core::check_interrupt() const {
  if (interrupted.load(std::memory_order_relaxed)) throw CommandError("interrupted");
}

Halt Core::halt_of(const emu::Stop& s) {
  Halt h;
  switch (s.kind) {
    case emu::Stop::Exited: h.kind = Halt::Exited; break;
    case emu::Stop::Deadlock: h.kind = Halt::Deadlock; break;
    case emu::Stop::Limit: h.kind = Halt::Limit; break;
    case emu::Stop::Watchpoint:
      if (const auto stop = count_hits(touched(s), position(), Halt::Watchpoint)) {
        h = *stop;
        h.note = fmt::format("{} at {:#x}", s.write ? "written" : "read", s.address);
      }
      break;
    default: break;
  }
  return h;
}

// --- forwards ---

Halt Core::run_until(const std::unordered_set<uint64_t>& temps, const std::function<bool(Halt&)>& done,
                     emu::Position limit) {
  follow();
  apply_hooks(temps);
  const emu::Position from = position();
  while (true) {
    check_interrupt();
    const emu::Position target = limit - position() > kChunk ? position() + kChunk : limit;
    const emu::Stop s = run(target);
    if (s.kind == emu::Stop::Reached) {
      if (position() >= limit) return {};
      if (options.progress) options.progress(fmt::format("@{}", grouped(position())));
      continue;
    }
    if (s.kind == emu::Stop::Hook) {
      if (position() == from) continue;  // it stood here already
      if (const auto stop = hit_here()) return *stop;
      Halt h;
      if (temps.count(view->pc()) && done(h)) return h;
      continue;
    }
    const Halt h = halt_of(s);
    if (h.kind != Halt::Done) return h;  // a watchpoint whose condition does not hold goes on
  }
}

// --- whom a motion follows ---

Who Core::follow() {
  const Who w = me();
  chosen.reset();
  frame = 0;
  return w;
}

bool Core::ended(const Who& who) const { return view->guest() && view->guest()->ended(who); }

// To where somebody who does not execute goes on. If that one is parked: behind what the scheduler and gogo do to
// resume it.
Halt Core::arrive(const Who& who) {
  const bool parked = view->standing(who).thread == nullptr;
  Halt h = step(who, false);
  const auto being_resumed = [&] {
    const model::Function* f = view->function(view->pc());
    return view->who().system || (f && (f->name() == "runtime.gogo" || f->name() == "gogo"));
  };
  while (parked && h.kind == Halt::Done && being_resumed()) h = step(who, false);
  return h;
}

std::unordered_set<uint64_t> Core::entries_of(std::initializer_list<const char*> functions) const {
  std::unordered_set<uint64_t> out;
  if (!program) return out;
  for (const char* name : functions) {
    if (const auto s = machine->image().find_symbol(name)) out.insert(s->address);
    for (const loader::Func& f : program->go().funcs.find(name)) out.insert(f.entry);
  }
  return out;
}

// Threads in the middle of it.
std::unordered_set<int> Core::threads_taking_up() const {
  std::unordered_set<int> out;
  for (const emu::Thread& t : machine->state().threads) {
    if (t.status == emu::ThreadStatus::Exited) continue;
    for (const Frame& f : view->trace(view->guest()->standing(t), 8).frames)
      if (f.function && take_up_.count(f.function->f.entry)) out.insert(t.tid);
  }
  return out;
}

// A thread begins to execute for a goroutine where its turn comes and where it takes one up; between these it is run
// without looking. `who` without a goroutine is a thread that has let go of one: that is looked for at each
// instruction.
std::optional<Halt> Core::skip_others(const Who& who, emu::Position limit, bool stops) {
  const bool looks = who.goid == 0 || take_up_.empty() || taken_up_.empty();
  std::unordered_set<int> taking = looks ? std::unordered_set<int>{} : threads_taking_up();
  std::unordered_set<uint64_t> hooks = take_up_;
  hooks.insert(taken_up_.begin(), taken_up_.end());
  apply_hooks(looks ? std::unordered_set<uint64_t>{} : hooks);
  struct ThreadStops {
    emu::Machine& m;
    explicit ThreadStops(emu::Machine& machine) : m(machine) { m.set_thread_stops(true); }
    ~ThreadStops() { m.set_thread_stops(false); }
  } stops_at_turns(*machine);
  for (unsigned i = 0; !view->who().same(who) && position() < limit; ++i) {
    if ((i & 0xfff) == 0) check_interrupt();
    const int tid = machine->state().thread().tid;
    const bool closely = looks || taking.count(tid) != 0;
    const emu::Stop s = run(closely ? position() + 1 : std::min(limit, position() + kChunk));
    if (s.kind == emu::Stop::Hook) {
      const auto stop = stops ? hit_here() : std::nullopt;
      if (stop) return stop;
      if (take_up_.count(view->pc())) taking.insert(machine->state().thread().tid);
      if (taken_up_.count(view->pc())) taking.erase(machine->state().thread().tid);
      continue;
    }
    if (s.kind == emu::Stop::Reached || s.kind == emu::Stop::Thread) {
      if (options.progress && !closely) options.progress(fmt::format("@{}", grouped(position())));
      continue;
    }
    if (s.kind == emu::Stop::Watchpoint && !stops) continue;
    const Halt h = halt_of(s);
    if (h.kind != Halt::Done) return h;
  }
  return std::nullopt;
}

// A hook at the present position reports itself once; the second call executes. A breakpoint where it arrives is hit.
Halt Core::step(const Who& who, bool any) {
  emu::Stop s = run(position() + 1);
  if (s.kind == emu::Stop::Hook) s = run(position() + 1);
  if (s.kind != emu::Stop::Reached) {
    const Halt h = halt_of(s);
    if (h.kind != Halt::Done) return h;
  }
  if (any || view->who().same(who)) return hooked_.empty() ? Halt{} : hit_here().value_or(Halt{});
  if (ended(who)) {
    Halt h;
    h.kind = Halt::Cut;
    h.note = fmt::format("g{} has ended; {} goes on", who.goid, view->who_text(view->who()));
    return h;
  }
  if (const auto stop = skip_others(who, emu::kNever, true)) return *stop;
  return hit_here().value_or(Halt{});
}

Halt Core::step_many(uint64_t n, bool any) {
  const Who who = follow();
  apply_hooks();
  for (uint64_t i = 0; i < n; ++i) {
    if ((i & 0xffff) == 0) check_interrupt();
    if (i + 1 == n) remember_step();
    const Halt h = step(who, any);
    if (h.kind != Halt::Done) return h;
  }
  return {};
}

// Where a goroutine can leave frames without returning from them: every resumption passes gogo; a goroutine that ends,
// goexit0.
std::unordered_set<uint64_t> Core::cut_hooks() const { return entries_of({"runtime.gogo", "runtime.goexit0"}); }

// At gogo or goexit0, which the goroutine `me` reached: does it leave the frame of that depth? Then goes to where it
// resumes.
std::optional<Halt> Core::cut_at_gogo(const Who& me, uint64_t depth, uint64_t expected_pc) {
  if (!view->who().same(me)) return std::nullopt;
  const model::Function* f = view->function(view->pc());
  if (!f) return std::nullopt;
  Halt h;
  h.kind = Halt::Cut;
  if (f->name() == "runtime.goexit0") {
    h.note = fmt::format("g{} ends here: its frames are gone (Goexit, or its function returned)", me.goid);
    return h;
  }
  const bool from_system = depth >= model::Guest::kSystemDepth;
  const Standing resumed = view->guest()->parked(view->who());
  const uint64_t pc = resumed.pc;
  if (view->guest()->stack_hi(resumed.who.g) - resumed.sp > depth || pc == expected_pc) return std::nullopt;
  const uint64_t caller = view->amd64() ? view->word(view->sp()).value_or(0) : view->cpu().r[isa::kX30];
  const model::Function* by = view->function(caller);
  const std::string name = by ? model::readable(by->name()) : "gogo";
  for (int i = 0; i < 1000 && !(view->pc() == pc && !view->who().system); ++i) {
    const Halt stop = step(me, false);
    if (stop.kind != Halt::Done) return stop;
  }
  h.note = from_system
               ? fmt::format("does not return: {} leaves the system stack; g{} goes on at {}", name, me.goid,
                             view->place(pc))
               : fmt::format("did not return: {} cut the frames above; execution goes on at {}", name, view->place(pc));
  return h;
}

Halt Core::next_instruction() {
  const Who who = follow();
  apply_hooks();
  if (!view->who().same(who)) return arrive(who);
  const isa::Lifted in = view->lift(view->pc());
  const bool call = in.count > 0 && in.uops[in.count - 1].hint == isa::Hint::Call;
  if (!call) {
    remember_step();
    const uint64_t pc = view->pc();
    while (true) {
      const Halt h = step(who, false);
      if (h.kind != Halt::Done || !is_rep(in) || view->pc() != pc) return h;
    }
  }
  const uint64_t back = view->pc() + in.length, depth = view->depth();
  std::unordered_set<uint64_t> temps = cut_hooks();
  const std::unordered_set<uint64_t> cuts = temps;
  temps.insert(back);
  return run_until(temps, [&](Halt& h) {
    if (cuts.count(view->pc())) {
      if (auto cut = cut_at_gogo(who, depth, back)) {
        h = *cut;
        return true;
      }
      return false;
    }
    return view->who().same(who) && view->depth() <= depth;
  });
}

Halt Core::finish(unsigned of) {
  const Who who = follow();
  apply_hooks();
  if (!view->who().same(who))
    if (const Halt h = arrive(who); h.kind != Halt::Done) return h;
  const auto seen = view->frames(of + 2);
  if (of >= seen.size() || seen[of].return_address == 0) throw CommandError("this function has no caller to return to");
  const uint64_t depth = view->depth(view->who(), seen[of].caller_sp), back = seen[of].return_address;
  std::unordered_set<uint64_t> temps = cut_hooks();
  const std::unordered_set<uint64_t> cuts = temps;
  temps.insert(back);
  const model::Function* left = seen[of].function;
  return run_until(temps, [&](Halt& h) {
    if (cuts.count(view->pc())) {
      if (auto cut = cut_at_gogo(who, depth, back)) {
        h = *cut;
        return true;
      }
      return false;
    }
    if (!view->who().same(who) || view->depth() > depth) return false;
    if (left) h.note = fmt::format("{} returned", model::readable(left->name()));
    return true;
  });
}

LineAt Core::line_here() const {
  LineAt l;
  const auto f = view->frame0();
  if (!f) return l;
  l.function = f->function;
  l.line = view->line(view->pc());
  l.depth = view->depth(view->who(), f->caller_sp);
  return l;
}

// Into a call, but not into the runtime's functions: those are passed through, until a function of somebody else
// begins.
Halt Core::step_into(const Who& who, uint64_t back) {
  const uint64_t depth = view->depth();
  for (unsigned i = 0;; ++i) {
    if ((i & 0xfff) == 0) check_interrupt();
    const Halt h = step(who, false);
    if (h.kind != Halt::Done) return h;
    if (view->pc() == back && view->depth() <= depth) return h;
    const model::Function* f = view->function(view->pc());
    if (of_runtime(f) || view->who().system) continue;
    if (f->f.entry == view->pc() || view->depth() <= depth) return h;
  }
}

Halt Core::step_line(bool into) {
  const Who who = follow();
  apply_hooks();
  if (!view->who().same(who))
    if (const Halt h = arrive(who); h.kind != Halt::Done) return h;
  const LineAt from = line_here();
  if (from.line.empty()) return next_instruction();
  const bool in_runtime = of_runtime(from.function);
  while (true) {
    check_interrupt();
    const isa::Lifted in = view->lift(view->pc());
    const bool call = in.count > 0 && in.uops[in.count - 1].hint == isa::Hint::Call;
    apply_hooks();
    const Halt h = into && call && !in_runtime ? step_into(who, view->pc() + in.length)
                   : into && in_runtime        ? step(who, false)
                                               : next_instruction();
    if (h.kind != Halt::Done) return h;
    const LineAt now = line_here();
    if (!now.same_frame(from) || (!now.line.empty() && now.line != from.line)) return h;
  }
}

}  // namespace deferscope::cli
