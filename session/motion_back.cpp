// Moving backwards: by running again from an earlier snapshot and looking.
#include <algorithm>

#include "session/motion.h"

namespace deferscope::session {
namespace {

constexpr emu::Position kFirstLook = 400;  // how far a search backwards looks at first
constexpr emu::Position kWidestLook = 2'000'000;

}  // namespace

// What `me` executed in [from, to), by running through it.
std::vector<Motion::Passed> Motion::passed(const Who& me, emu::Position from, emu::Position to, bool any) {
  std::vector<Passed> out;
  breakpoints_.apply();
  time_.seek(from);
  for (unsigned i = 0; position() < to; ++i) {
    if ((i & 0xffff) == 0) time_.check_interrupt();
    const Who w = reader_.who();
    if (!any && !w.same(me)) {
      if (skip_others(me, to, false)) break;
      continue;
    }
    out.push_back({position(), reader_.pc(), reader_.depth(w, reader_.sp())});
    const emu::Position at = position();
    emu::Stop s = run_watching(at + 1);
    if (position() == at && s.kind == emu::Stop::Hook) s = run_watching(at + 1);
    if (position() == at) break;
  }
  return out;
}

std::optional<Motion::Passed> Motion::last_before(emu::Position p, const Who& me,
                                                  const std::function<bool(const Passed&)>& want) {
  emu::Position look = kFirstLook;
  for (emu::Position end = p; end > 0;) {
    const emu::Position begin = end > look ? end - look : 0;
    const auto trail_there = passed(me, begin, end, false);
    for (auto it = trail_there.rbegin(); it != trail_there.rend(); ++it)
      if (want(*it)) return *it;
    if (look == kWidestLook) time_.tell({begin, true});
    end = begin;
    look = std::min(look * 6, kWidestLook);
  }
  return std::nullopt;
}

Halt Motion::step_back(const Who& who, uint64_t n, bool any) {
  emu::Position end = position();
  // One back is mostly the neighbour.
  if (n == 1 && end > 0) {
    time_.seek(end - 1);
    if (any || executes(who)) return {};
    --end;
  }
  if (any && n <= end) {
    time_.seek(end - n);
    return {};
  }
  if (n > end) end = 0;  // nobody has executed that many
  uint64_t left = n;
  emu::Position look = std::clamp<emu::Position>(n, kFirstLook, kWidestLook);
  while (end > 0) {
    const emu::Position begin = end > look ? end - look : 0;
    const auto there = passed(who, begin, end, any);
    if (there.size() >= left) {
      time_.seek(there[there.size() - left].position);
      return {};
    }
    left -= there.size();
    end = begin;
    look = std::min(look * 4, kWidestLook);
  }
  return to_beginning();
}

Halt Motion::to_beginning() {
  time_.seek(0);
  return Halt::of(Reason::beginning);
}

// Back over a call: the instruction of the same frame that was executed before.
Halt Motion::next_back() {
  const Who who = focus_.follow();
  if (!executes(who)) return step_back(who, 1, false);
  const LineAt here = line_here();
  const uint64_t depth = reader_.depth(), pc = reader_.pc();
  Halt h = step_back(who, 1, false);
  if (h.reason != Reason::done) return h;
  if (reader_.pc() == pc) {  // an iteration of a string instruction: back to its first
    while (position() > 0 && reader_.pc() == pc && h.reason == Reason::done) h = step_back(who, 1, false);
    if (reader_.pc() != pc && h.reason == Reason::done) h = instructions(1);
  }
  const LineAt there = line_here();
  if (there.same_frame(here) || !here.function || !there.function) return h;
  const bool left_a_callee = reader_.depth() > depth && reader_.lift(reader_.pc()).count > 0;
  const bool jumped_here = there.function != here.function && pc != here.function->f.entry;
  if (!left_a_callee && !jumped_here) return h;
  // A callee executed last: find the last instruction of this very frame.
  const emu::Position q = position();
  const auto found = last_in_frame(who, here, instructions_of(here.function), q);
  breakpoints_.apply();
  time_.seek(found.value_or(q));
  return {};
}

std::unordered_set<uint64_t> Motion::instructions_of(const model::Function* f) const {
  std::unordered_set<uint64_t> out;
  unsigned size = 0;
  for (uint64_t a = f->f.entry; a < f->f.end; a += size) {
    reader_.instruction_text(a, &size);
    out.insert(a);
  }
  return out;
}

// The last time before p at which `who` stood at one of `pcs` in that frame.
std::optional<emu::Position> Motion::last_in_frame(const Who& who, const LineAt& that,
                                                   const std::unordered_set<uint64_t>& pcs, emu::Position p) {
  return last_hook_before(time_, p, pcs, [&] { return executes(who) && line_here().depth == that.depth; });
}

// Back to the instruction that entered this function's frame.
Halt Motion::finish_back() {
  const Who who = focus_.follow();
  if (!executes(who))
    if (const Halt h = step_back(who, 1, false); h.reason != Reason::done) return h;
  const LineAt here = line_here();
  if (!here.function) throw Error("no function is known here");
  if (here.node >= 0) {  // inlined: to before its first instruction
    for (LineAt now = here; inlined_in(now, here); now = line_here())
      if (const Halt h = next_back(); h.reason != Reason::done) return h;
    return {};
  }
  const emu::Position p = position();
  const uint64_t entry = here.function->f.entry;
  if (reader_.pc() != entry) {
    const auto found = last_in_frame(who, here, {entry}, p);
    breakpoints_.apply();
    time_.seek(found.value_or(p));
    if (!found) throw Error("the beginning of this function's frame was not found before here");
  }
  return step_back(who, 1, false);
}

// One line step back: over calls, or into them (but not into the runtime's functions).
Halt Motion::leave_line_back(const Who& who, bool into, bool in_runtime) {
  if (!into) return next_back();
  if (in_runtime) return step_back(who, 1, false);
  const auto found = last_before(position(), who, [&](const Passed& q) { return !of_runtime(reader_.function(q.pc)); });
  if (!found) return to_beginning();
  time_.seek(found->position);
  return {};
}

// The runtime called this function for somebody else's: back to that one's call.
void Motion::back_through_runtime(const Who& who) {
  const auto frames = reader_.frames();
  const auto behind = behind_runtime(frames);
  if (!behind || !executes(who)) return;
  LineAt caller;
  caller.function = frames[*behind].function;
  caller.depth = reader_.depth(who, frames[*behind].caller_sp);
  const emu::Position here = position();
  const auto found = last_in_frame(who, caller, instructions_of(caller.function), here);
  breakpoints_.apply();
  time_.seek(found.value_or(here));
}

Halt Motion::step_line_back(bool into) {
  const Who who = focus_.follow();
  if (!executes(who))
    if (const Halt h = step_back(who, 1, false); h.reason != Reason::done) return h;
  // First leave the line backwards, then go to the beginning of the one before.
  const LineAt from = line_here();
  const bool in_runtime = of_runtime(from.function);
  LineAt target;
  do {
    if (const Halt h = leave_line_back(who, into, in_runtime); h.reason != Reason::done) return h;
    target = line_here();
  } while (stays_on(target, from, into));
  if (!into && !in_runtime && of_runtime(target.function)) {
    back_through_runtime(who);
    target = line_here();
  }
  // What is inlined in that line, or in one before it, is passed; only the line's own instructions count.
  for (emu::Position here = position();;) {
    if (target.function && reader_.pc() == target.function->f.entry) return {};
    if (const Halt h = next_back(); h.reason != Reason::done) return h;
    const LineAt now = line_here();
    if (now.same_line(target)) here = position();
    if (stays_on(now, target, false)) continue;
    time_.seek(here);
    return {};
  }
}

Halt Motion::stopped_on_the_way(Halt h, emu::Position before) {
  if (!breakpoints_.any_enabled() || position() >= before) return h;
  const emu::Position reached = position();
  if (auto stop = last_stop(reached, before)) return *stop;
  time_.seek(reached);
  return h;
}

// Breakpoints hold in what is stepped over on the way back too.
Halt Motion::back_instructions(uint64_t n, bool any) {
  const emu::Position from = position();
  return stopped_on_the_way(step_back(focus_.follow(), n, any), from);
}
Halt Motion::back_over_call() {
  const emu::Position from = position();
  return stopped_on_the_way(next_back(), from);
}
Halt Motion::back_line(bool into) {
  const emu::Position from = position();
  return stopped_on_the_way(step_line_back(into), from);
}
Halt Motion::back_finish() {
  const emu::Position from = position();
  return stopped_on_the_way(finish_back(), from);
}
Halt Motion::back() {
  focus_.follow();
  if (auto stop = last_stop(0, position())) return *stop;
  return to_beginning();
}

std::optional<Halt> Motion::last_stop(emu::Position from, emu::Position before) {
  if (breakpoints_.watches()) {
    time_.seek(before);
    breakpoints_.settle();
    breakpoints_.settle_beginnings();
  }
  breakpoints_.apply();
  const std::vector<emu::Position> marks = time_.machine().snapshot_positions();
  emu::Position end = before;
  for (auto it = marks.rbegin(); it != marks.rend() && end > from; ++it) {
    if (*it >= end) continue;
    time_.check_interrupt();
    if (auto stop = last_stop_of_stretch(std::max(*it, from), end, end < before)) return stop;
    time_.tell({*it, true});
    end = *it;
  }
  return std::nullopt;
}

// All that is reached in between counts, last first: that is the order of a motion back. A place at `before` belongs to
// the next stretch, a write by the instruction in front of it to this one: it counts if `whole`.
std::optional<Halt> Motion::last_stop_of_stretch(emu::Position from, emu::Position before, bool whole) {
  struct Arrival {
    emu::Position position;
    std::vector<Breakpoint*> there;
    std::optional<Access> access;  // of a watchpoint
    std::optional<Halt> ended;     // of a watched frame
  };
  std::vector<Arrival> arrivals;
  time_.seek(from);
  breakpoints_.arm();
  while (position() < before) {
    const emu::Stop s = run_watching(before);
    const bool watch = s.kind == emu::Stop::Watchpoint;
    if ((!watch && s.kind != emu::Stop::Hook) || (position() >= before && !(watch && whole))) break;
    if (!watch && !arrivals.empty() && arrivals.back().position == position() && !arrivals.back().access) continue;
    Arrival a{position(), watch ? breakpoints_.touched(s) : breakpoints_.reached(), std::nullopt, std::nullopt};
    if (!watch) a.ended = breakpoints_.ended_here();
    if (a.there.empty() && !a.ended) continue;
    if (watch) a.access = Access{s.address, s.write};
    // It stops there for sure: what comes before does not matter.
    if (a.ended ||
        std::any_of(a.there.begin(), a.there.end(), [](const Breakpoint* b) { return b->hit_condition.text.empty(); }))
      arrivals.clear();
    arrivals.push_back(std::move(a));
  }
  for (auto it = arrivals.rbegin(); it != arrivals.rend(); ++it) {
    auto stop = it->ended ? it->ended
                          : breakpoints_.count_hits(it->there, it->position,
                                                    it->access ? Reason::watchpoint : Reason::breakpoint);
    if (!stop) continue;
    if (it->access) stop->access = it->access;
    time_.seek(it->position);
    return stop;
  }
  return std::nullopt;
}

}  // namespace deferscope::session
