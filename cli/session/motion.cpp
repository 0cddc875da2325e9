// Moving through time: forwards by running, backwards by running again from an earlier snapshot and looking.
#include <fmt/format.h>

#include <algorithm>

#include "cli/session/core.h"

namespace deferscope::cli {
namespace {

constexpr emu::Position kChunk = 20'000'000;  // instructions between two looks at an interrupt
constexpr emu::Position kFirstLook = 400;     // how far a search backwards looks at first
constexpr emu::Position kWidestLook = 2'000'000;

bool is_rep(const isa::Lifted& in) { return in.count > 0 && in.uops[in.count - 1].rep != 0; }

}  // namespace

void Core::check_interrupt() const {
  if (interrupted.load(std::memory_order_relaxed)) throw CommandError("interrupted");
}

// --- edits: what `set` changed is part of the time line ---

bool Core::edit_between(emu::Position after, emu::Position upto) const {
  const auto it = edits.upper_bound(after);
  return it != edits.end() && it->first <= upto;
}

void Core::apply_edits_here() {
  const auto it = edits.find(position());
  if (it == edits.end()) return;
  emu::MachineState& s = machine->mutable_state();
  for (const Edit& e : it->second) {
    if (!e.is_register) {
      s.memory.poke(e.address, &e.value, e.bytes);
      continue;
    }
    for (emu::Thread& t : s.threads)
      if (t.tid == e.tid) (e.is_pc ? t.cpu.pc : t.cpu.r[e.reg]) = e.value;
  }
  machine->engine().drop_blocks();
}

void Core::edit(const Edit& e) {
  const emu::Position p = position();
  edits[p].push_back(e);
  edits.erase(edits.upper_bound(p), edits.end());
  apply_edits_here();
  machine->drop_future();
  trail.erase(trail.lower_bound(p), trail.end());
}

void Core::seek(emu::Position p) {
  const auto next = edits.upper_bound(p);
  if (!edits.empty() && next != edits.begin()) {
    const emu::Position e = std::prev(next)->first;
    const auto marks = machine->snapshot_positions();
    const auto nearest = std::upper_bound(marks.begin(), marks.end(), p);
    const bool edited = (nearest != marks.begin() && *std::prev(nearest) >= e) || (position() >= e && position() <= p);
    if (!edited) {
      if (e == 0) throw CommandError("the changed state at position 0 is no longer kept");
      seek(e - 1);
      machine->seek(e);
      apply_edits_here();
    }
  }
  if (!machine->seek(p)) throw CommandError(fmt::format("the guest ends at position {}", grouped(position())));
}

// Forward; an edit that lies ahead takes effect on the way.
emu::Stop Core::run(emu::Position target) {
  while (true) {
    const auto next = edits.upper_bound(position());
    const emu::Position until = next == edits.end() ? target : std::min(target, next->first);
    const emu::Stop s = machine->run_to(until);
    if (s.kind != emu::Stop::Reached) return s;
    if (next != edits.end() && position() == next->first) apply_edits_here();
    if (position() >= target) return s;
  }
}

Halt Core::halt_of(const emu::Stop& s) {
  Halt h;
  switch (s.kind) {
    case emu::Stop::Exited: h.kind = Halt::Exited; break;
    case emu::Stop::Deadlock: h.kind = Halt::Deadlock; break;
    case emu::Stop::Limit: h.kind = Halt::Limit; break;
    case emu::Stop::Watchpoint:
      if (Breakpoint* b = watch_hit(s.address, s.write, true)) {
        h.kind = Halt::Watchpoint, h.id = b->id;
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
      Halt h;
      if (Breakpoint* b = hit_here(true)) {
        h.kind = Halt::Breakpoint, h.id = b->id;
        return h;
      }
      if (temps.count(view->pc()) && done(h)) return h;
      continue;
    }
    const Halt h = halt_of(s);
    if (h.kind != Halt::Done) return h;  // a watchpoint whose condition does not hold goes on
  }
}

// A hook at the present position reports itself once; the second call executes.
Halt Core::step(const Who& me, bool any) {
  while (true) {
    emu::Stop s = run(position() + 1);
    if (s.kind == emu::Stop::Hook) s = run(position() + 1);
    if (s.kind != emu::Stop::Reached) {
      const Halt h = halt_of(s);
      if (h.kind != Halt::Done) return h;
    }
    if (any || view->who().same(me)) return {};
    // Somebody else executes: look for us, and for breakpoints in the others.
    for (unsigned i = 0;; ++i) {
      if ((i & 0xffff) == 0) check_interrupt();
      s = run(position() + 1);
      if (s.kind == emu::Stop::Hook) {
        if (Breakpoint* b = hit_here(true)) {
          Halt h;
          h.kind = Halt::Breakpoint, h.id = b->id;
          return h;
        }
        s = run(position() + 1);
      }
      if (s.kind != emu::Stop::Reached) {
        const Halt h = halt_of(s);
        if (h.kind != Halt::Done) return h;
      }
      if (view->who().same(me)) return {};
    }
  }
}

Halt Core::step_many(uint64_t n, bool any) {
  apply_hooks();
  const Who me = view->who();
  for (uint64_t i = 0; i < n; ++i) {
    if ((i & 0xffff) == 0) check_interrupt();
    if (i + 1 == n) remember_step();
    Halt h = step(me, any);
    if (h.kind != Halt::Done) return h;
    if (i + 1 == n || breakpoints.empty()) continue;
    if (Breakpoint* b = hit_here(true)) {
      h.kind = Halt::Breakpoint, h.id = b->id;
      return h;
    }
  }
  return {};
}

// Where a goroutine can leave frames without returning from them: every resumption passes gogo; a goroutine that ends,
// goexit0.
std::unordered_set<uint64_t> Core::cut_hooks() const {
  std::unordered_set<uint64_t> out;
  if (!program) return out;
  for (const char* name : {"runtime.gogo", "runtime.goexit0"})
    if (const auto s = machine->image().find_symbol(name)) out.insert(s->address);
  for (const char* name : {"runtime.gogo", "runtime.goexit0"})
    for (const loader::Func& f : program->go().funcs.find(name)) out.insert(f.entry);
  return out;
}

// At gogo or goexit0, which the goroutine `me` reached: does it leave the frame of that depth? Then goes to where it
// resumes.
std::optional<Halt> Core::cut_at_gogo(const Who& me, uint64_t depth, uint64_t expected_pc) {
  if (!view->who().same(me)) return std::nullopt;
  const model::Function* f = view->function(view->pc());
  if (!f) return std::nullopt;
  Halt h;
  if (f->name() == "runtime.goexit0") {
    h.note = fmt::format("g{} ends here: its frames are gone (Goexit, or its function returned)", me.goid);
    return h;
  }
  const uint64_t g = view->who().g;
  const uint64_t sched = g + static_cast<uint64_t>(program->layouts()[model::F::g_sched].offset);
  const uint64_t sp = view->field(sched, model::F::gobuf_sp), pc = view->field(sched, model::F::gobuf_pc);
  if (view->stack_hi(g) - sp > depth || pc == expected_pc) return std::nullopt;
  const uint64_t caller = view->amd64() ? view->word(view->sp()).value_or(0) : view->cpu().r[isa::kX30];
  const model::Function* by = view->function(caller);
  const std::string who = by ? model::readable(by->name()) : "gogo";
  for (int i = 0; i < 1000 && !(view->pc() == pc && !view->who().system); ++i) {
    const Halt stop = step(me, false);
    if (stop.kind != Halt::Done) return stop;
  }
  h.note = fmt::format("did not return: {} cut the frames above; execution goes on at {}", who, view->place(pc));
  return h;
}

Halt Core::next_instruction() {
  const isa::Lifted in = view->lift(view->pc());
  const bool call = in.count > 0 && in.uops[in.count - 1].hint == isa::Hint::Call;
  const Who me = view->who();
  if (!call) {
    remember_step();
    const uint64_t pc = view->pc();
    apply_hooks();
    while (true) {
      const Halt h = step(me, false);
      if (h.kind != Halt::Done || !is_rep(in) || view->pc() != pc) return h;
    }
  }
  const uint64_t back = view->pc() + in.length, depth = view->depth();
  std::unordered_set<uint64_t> temps = cut_hooks();
  const std::unordered_set<uint64_t> cuts = temps;
  temps.insert(back);
  return run_until(temps, [&](Halt& h) {
    if (cuts.count(view->pc())) {
      if (auto cut = cut_at_gogo(me, depth, back)) {
        h = *cut;
        return true;
      }
      return false;
    }
    return view->who().same(me) && view->depth() <= depth;
  });
}

Halt Core::finish(unsigned of) {
  const auto frames = view->frames(of + 2);
  if (of >= frames.size() || frames[of].ret == 0) throw CommandError("this function has no caller to return to");
  const Who me = view->who();
  const bool own = !me.system || frames[of].sp < view->sp();
  const uint64_t depth = own && me.system ? view->depth(me, frames[of].cfa) : view->depth(me, frames[of].cfa);
  const uint64_t back = frames[of].ret;
  std::unordered_set<uint64_t> temps = cut_hooks();
  const std::unordered_set<uint64_t> cuts = temps;
  temps.insert(back);
  const model::Function* left = frames[of].function;
  return run_until(temps, [&](Halt& h) {
    if (cuts.count(view->pc())) {
      if (auto cut = cut_at_gogo(me, depth, back)) {
        h = *cut;
        return true;
      }
      return false;
    }
    if (!view->who().same(me) || view->depth() > depth) return false;
    if (left) h.note = fmt::format("{} returned", model::readable(left->name()));
    return true;
  });
}

namespace {

// What a line step compares: source line and frame.
struct LineAt {
  const model::Function* function = nullptr;
  std::string line;
  uint64_t depth = 0;
};

LineAt line_at(const GuestView& v) {
  LineAt l;
  const auto f = v.frame0();
  if (!f) return l;
  l.function = f->function;
  l.line = v.line(v.pc());
  l.depth = v.depth(v.who(), f->cfa);
  return l;
}

bool of_runtime(const model::Function* f) { return !f || f->origin == model::Origin::runtime; }

}  // namespace

Halt Core::step_line(bool into) {
  const LineAt from = line_at(*view);
  if (from.line.empty()) return next_instruction();
  const Who me = view->who();
  const bool in_runtime = of_runtime(from.function);
  while (true) {
    check_interrupt();
    const isa::Lifted in = view->lift(view->pc());
    const bool call = in.count > 0 && in.uops[in.count - 1].hint == isa::Hint::Call;
    Halt h;
    if (into && call && !in_runtime) {
      // Into functions, but not into the runtime's: it is passed through, until a function of somebody else begins.
      const uint64_t depth = view->depth(), back = view->pc() + in.length;
      apply_hooks();
      for (unsigned i = 0;; ++i) {
        if ((i & 0xfff) == 0) check_interrupt();
        h = step(me, false);
        if (h.kind != Halt::Done) return h;
        if (view->pc() == back && view->depth() <= depth) break;
        const model::Function* f = view->function(view->pc());
        if (!of_runtime(f) && !view->who().system) {
          if (f->f.entry == view->pc() || view->depth() <= depth) return h;
        }
      }
    } else if (into && in_runtime) {
      h = step(me, false);
    } else {
      h = next_instruction();
    }
    if (h.kind != Halt::Done || !h.note.empty()) return h;
    const LineAt now = line_at(*view);
    if (now.function != from.function || now.depth != from.depth || (!now.line.empty() && now.line != from.line))
      return h;
  }
}

// --- backwards ---

// What `me` executed in [from, to), by running through it.
std::vector<Core::Passed> Core::passed(const Who& me, emu::Position from, emu::Position to, bool any) {
  std::vector<Passed> out;
  apply_hooks();
  seek(from);
  for (unsigned i = 0; position() < to; ++i) {
    if ((i & 0xffff) == 0) check_interrupt();
    const Who w = view->who();
    if (any || w.same(me)) out.push_back({position(), view->pc(), view->depth(w, view->sp())});
    const emu::Position at = position();
    emu::Stop s = run(at + 1);
    if (position() == at && s.kind == emu::Stop::Hook) s = run(at + 1);
    if (position() == at) break;
  }
  return out;
}

std::optional<Core::Passed> Core::last_before(emu::Position p, const Who& me,
                                              const std::function<bool(const Passed&)>& want) {
  emu::Position look = kFirstLook;
  for (emu::Position end = p; end > 0;) {
    const emu::Position begin = end > look ? end - look : 0;
    const auto trail_there = passed(me, begin, end, false);
    for (auto it = trail_there.rbegin(); it != trail_there.rend(); ++it)
      if (want(*it)) return *it;
    if (options.progress && look == kWidestLook) options.progress(fmt::format("looking before @{}", grouped(begin)));
    end = begin;
    look = std::min(look * 6, kWidestLook);
  }
  return std::nullopt;
}

Halt Core::step_back(uint64_t n, bool any) {
  const Who me = view->who();
  emu::Position end = position();
  // One back is mostly the neighbour.
  if (n == 1 && end > 0) {
    seek(end - 1);
    if (any || view->who().same(me)) return {};
    --end;
  }
  if (any && n <= end) {
    seek(end - n);
    return {};
  }
  if (n > end) end = 0;  // no goroutine has executed that many
  uint64_t left = n;
  emu::Position look = std::clamp<emu::Position>(n, kFirstLook, kWidestLook);
  while (end > 0) {
    const emu::Position begin = end > look ? end - look : 0;
    const auto there = passed(me, begin, end, any);
    if (there.size() >= left) {
      seek(there[there.size() - left].position);
      return {};
    }
    left -= there.size();
    end = begin;
    look = std::min(look * 4, kWidestLook);
  }
  seek(0);
  Halt h;
  h.kind = Halt::Beginning;
  return h;
}

// The last position before p at which a hook of `pcs` is reached and `want` holds there.
std::optional<emu::Position> Core::last_hook_before(emu::Position p, const std::unordered_set<uint64_t>& pcs,
                                                    const std::function<bool()>& want) {
  std::vector<emu::Position> marks = machine->snapshot_positions();
  if (marks.empty() || marks.front() != 0) marks.insert(marks.begin(), 0);
  machine->set_hooks(pcs);
  machine->set_watches({});
  emu::Position end = p;
  for (auto it = marks.rbegin(); it != marks.rend(); ++it) {
    if (*it >= end) continue;
    check_interrupt();
    std::optional<emu::Position> found;
    seek(*it);
    emu::Position seen = emu::kNever;
    while (position() < end) {
      const emu::Stop s = run(end);
      if (s.kind != emu::Stop::Hook) break;
      if (position() >= end) break;
      if (position() != seen && want()) found = position();
      seen = position();
    }
    if (found) return found;
    if (options.progress) options.progress(fmt::format("looking before @{}", grouped(*it)));
    end = *it;
  }
  return std::nullopt;
}

// Back over a call: the instruction of the same frame that was executed before.
Halt Core::next_back() {
  const Who me = view->who();
  const emu::Position p = position();
  const auto here = view->frame0();
  const uint64_t depth = view->depth(), pc = view->pc();
  Halt h = step_back(1, false);
  if (h.kind != Halt::Done) return h;
  if (view->pc() == pc) {  // an iteration of a string instruction
    while (position() > 0 && view->pc() == pc && h.kind == Halt::Done) h = step_back(1, false);
    if (view->pc() != pc && h.kind == Halt::Done) h = step_many(1, false);
  }
  const bool deeper = view->depth() > depth && view->lift(view->pc()).count > 0;
  const auto there = view->frame0();
  const bool same_frame = here && there && there->function == here->function &&
                          view->depth(view->who(), there->cfa) == view->depth(me, here->cfa);
  if (same_frame || !here || !there) return h;
  if (!deeper && !(there->function != here->function && pc != here->function->f.entry)) return h;
  // A callee executed last: find the last instruction of this very frame.
  std::unordered_set<uint64_t> inside;
  unsigned size = 0;
  for (uint64_t a = here->function->f.entry; a < here->function->f.end; a += size) {
    view->instruction_text(a, &size);
    inside.insert(a);
  }
  const uint64_t cfa_depth = view->depth(me, here->cfa);
  const uint64_t entry = here->function->f.entry;
  const emu::Position q = position();
  const auto found = last_hook_before(q, inside, [&] {
    if (!view->who().same(me)) return false;
    const auto f = view->frame0();
    return f && view->depth(view->who(), f->cfa) == cfa_depth;
  });
  apply_hooks();
  (void)entry;
  (void)p;
  seek(found ? *found : q);
  return {};
}

// Back to the instruction that entered this function's frame.
Halt Core::finish_back() {
  const Who me = view->who();
  const auto here = view->frame0();
  if (!here) throw CommandError("no function is known here");
  const uint64_t cfa_depth = view->depth(me, here->cfa), entry = here->function->f.entry;
  const emu::Position p = position();
  if (view->pc() == entry) return step_back(1, false);
  const auto found = last_hook_before(p, {entry}, [&] {
    if (!view->who().same(me)) return false;
    const auto f = view->frame0();
    return f && view->depth(view->who(), f->cfa) == cfa_depth;
  });
  apply_hooks();
  if (!found) {
    seek(p);
    throw CommandError("the beginning of this function's frame was not found before here");
  }
  seek(*found);
  return step_back(1, false);
}

Halt Core::step_line_back(bool into) {
  const LineAt from = line_at(*view);
  const Who me = view->who();
  const bool in_runtime = of_runtime(from.function);
  // First leave the line backwards, then go to the beginning of the one before.
  LineAt target;
  const auto back = [&]() -> Halt {
    if (!into) return next_back();
    if (in_runtime) return step_back(1, false);
    const auto found = last_before(position(), me, [&](const Passed& q) { return !of_runtime(view->function(q.pc)); });
    if (!found) {
      seek(0);
      Halt h;
      h.kind = Halt::Beginning;
      return h;
    }
    seek(found->position);
    return {};
  };
  while (true) {
    const Halt h = back();
    if (h.kind != Halt::Done) return h;
    target = line_at(*view);
    if (target.function != from.function || target.depth != from.depth || target.line != from.line) break;
  }
  while (true) {
    const emu::Position here = position();
    if (target.function && view->pc() == target.function->f.entry) return {};
    const Halt h = next_back();
    if (h.kind != Halt::Done) return h;
    const LineAt now = line_at(*view);
    if (now.function == target.function && now.depth == target.depth && now.line == target.line) continue;
    seek(here);
    return {};
  }
}

Halt Core::continue_back() {
  const emu::Position p = position();
  apply_hooks();
  std::vector<emu::Position> marks = machine->snapshot_positions();
  emu::Position end = p;
  for (auto it = marks.rbegin(); it != marks.rend(); ++it) {
    if (*it >= end) continue;
    check_interrupt();
    seek(*it);
    std::optional<emu::Position> found;
    Halt last;
    while (position() < end) {
      const emu::Stop s = run(end);
      if (s.kind == emu::Stop::Hook) {
        if (found == position()) continue;
        if (const Breakpoint* b = hit_here(false)) {
          found = position();
          last.kind = Halt::Breakpoint, last.id = b->id;
        }
      } else if (s.kind == emu::Stop::Watchpoint) {
        const Breakpoint* b = position() < end ? watch_hit(s.address, s.write, false) : nullptr;
        if (!b) continue;
        found = position();
        last.kind = Halt::Watchpoint, last.id = b->id;
        last.note = fmt::format("{} at {:#x}", s.write ? "written" : "read", s.address);
      } else {
        break;
      }
    }
    if (found) {
      seek(*found);
      return last;
    }
    if (options.progress) options.progress(fmt::format("looking before @{}", grouped(*it)));
    end = *it;
  }
  seek(0);
  Halt h;
  h.kind = Halt::Beginning;
  return h;
}

}  // namespace deferscope::cli
