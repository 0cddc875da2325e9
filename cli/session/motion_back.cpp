// Moving backwards: by running again from an earlier snapshot and looking.
#include <fmt/format.h>

#include <algorithm>

#include "cli/session/core.h"

namespace deferscope::cli {
namespace {

constexpr emu::Position kFirstLook = 400;  // how far a search backwards looks at first
constexpr emu::Position kWidestLook = 2'000'000;

}  // namespace

// What `me` executed in [from, to), by running through it.
std::vector<Core::Passed> Core::passed(const Who& me, emu::Position from, emu::Position to, bool any) {
  std::vector<Passed> out;
  apply_hooks();
  seek(from);
  for (unsigned i = 0; position() < to; ++i) {
    if ((i & 0xffff) == 0) check_interrupt();
    const Who w = view->who();
    if (!any && !w.same(me)) {
      if (skip_others(me, to, false)) break;
      continue;
    }
    out.push_back({position(), view->pc(), view->depth(w, view->sp())});
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

Halt Core::step_back(const Who& who, uint64_t n, bool any) {
  emu::Position end = position();
  // One back is mostly the neighbour.
  if (n == 1 && end > 0) {
    seek(end - 1);
    if (any || view->who().same(who)) return {};
    --end;
  }
  if (any && n <= end) {
    seek(end - n);
    return {};
  }
  if (n > end) end = 0;  // nobody has executed that many
  uint64_t left = n;
  emu::Position look = std::clamp<emu::Position>(n, kFirstLook, kWidestLook);
  while (end > 0) {
    const emu::Position begin = end > look ? end - look : 0;
    const auto there = passed(who, begin, end, any);
    if (there.size() >= left) {
      seek(there[there.size() - left].position);
      return {};
    }
    left -= there.size();
    end = begin;
    look = std::min(look * 4, kWidestLook);
  }
  return to_beginning();
}

Halt Core::to_beginning() {
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
  const Who who = follow();
  if (!view->who().same(who)) return step_back(who, 1, false);
  const LineAt here = line_here();
  const uint64_t depth = view->depth(), pc = view->pc();
  Halt h = step_back(who, 1, false);
  if (h.kind != Halt::Done) return h;
  if (view->pc() == pc) {  // an iteration of a string instruction: back to its first
    while (position() > 0 && view->pc() == pc && h.kind == Halt::Done) h = step_back(who, 1, false);
    if (view->pc() != pc && h.kind == Halt::Done) h = step_many(1, false);
  }
  const LineAt there = line_here();
  if (there.same_frame(here) || !here.function || !there.function) return h;
  const bool left_a_callee = view->depth() > depth && view->lift(view->pc()).count > 0;
  const bool jumped_here = there.function != here.function && pc != here.function->f.entry;
  if (!left_a_callee && !jumped_here) return h;
  // A callee executed last: find the last instruction of this very frame.
  const emu::Position q = position();
  const auto found = last_in_frame(who, here, instructions_of(here.function), q);
  apply_hooks();
  seek(found.value_or(q));
  return {};
}

std::unordered_set<uint64_t> Core::instructions_of(const model::Function* f) const {
  std::unordered_set<uint64_t> out;
  unsigned size = 0;
  for (uint64_t a = f->f.entry; a < f->f.end; a += size) {
    view->instruction_text(a, &size);
    out.insert(a);
  }
  return out;
}

// The last time before p at which `who` stood at one of `pcs` in that frame.
std::optional<emu::Position> Core::last_in_frame(const Who& who, const LineAt& that,
                                                 const std::unordered_set<uint64_t>& pcs, emu::Position p) {
  return last_hook_before(p, pcs, [&] { return view->who().same(who) && line_here().depth == that.depth; });
}

// Back to the instruction that entered this function's frame.
Halt Core::finish_back() {
  const Who who = follow();
  if (!view->who().same(who))
    if (const Halt h = step_back(who, 1, false); h.kind != Halt::Done) return h;
  const LineAt here = line_here();
  if (!here.function) throw CommandError("no function is known here");
  const emu::Position p = position();
  const uint64_t entry = here.function->f.entry;
  if (view->pc() != entry) {
    const auto found = last_in_frame(who, here, {entry}, p);
    apply_hooks();
    seek(found.value_or(p));
    if (!found) throw CommandError("the beginning of this function's frame was not found before here");
  }
  return step_back(who, 1, false);
}

// One line step back: over calls, or into them (but not into the runtime's functions).
Halt Core::leave_line_back(const Who& who, bool into, bool in_runtime) {
  if (!into) return next_back();
  if (in_runtime) return step_back(who, 1, false);
  const auto found = last_before(position(), who, [&](const Passed& q) { return !of_runtime(view->function(q.pc)); });
  if (!found) return to_beginning();
  seek(found->position);
  return {};
}

Halt Core::step_line_back(bool into) {
  const Who who = follow();
  if (!view->who().same(who))
    if (const Halt h = step_back(who, 1, false); h.kind != Halt::Done) return h;
  // First leave the line backwards, then go to the beginning of the one before.
  const LineAt from = line_here();
  const bool in_runtime = of_runtime(from.function);
  LineAt target;
  do {
    if (const Halt h = leave_line_back(who, into, in_runtime); h.kind != Halt::Done) return h;
    target = line_here();
  } while (target.same_frame(from) && target.line == from.line);
  while (true) {
    const emu::Position here = position();
    if (target.function && view->pc() == target.function->f.entry) return {};
    if (const Halt h = next_back(); h.kind != Halt::Done) return h;
    const LineAt now = line_here();
    if (now.same_frame(target) && now.line == target.line) continue;
    seek(here);
    return {};
  }
}

Halt Core::continue_back() {
  follow();
  if (auto stop = last_stop(0, position())) return *stop;
  return to_beginning();
}

Halt Core::stopped_on_the_way(Halt h, emu::Position before) {
  const bool any = std::any_of(breakpoints.begin(), breakpoints.end(), [](const auto& b) { return b.second.enabled; });
  if (!any || position() >= before) return h;
  const emu::Position reached = position();
  if (auto stop = last_stop(reached, before)) return *stop;
  seek(reached);
  return h;
}

std::optional<Halt> Core::last_stop(emu::Position from, emu::Position before) {
  apply_hooks();
  const std::vector<emu::Position> marks = machine->snapshot_positions();
  for (auto it = marks.rbegin(); it != marks.rend() && before > from; ++it) {
    if (*it >= before) continue;
    check_interrupt();
    if (auto stop = last_stop_of_stretch(std::max(*it, from), before)) return stop;
    if (options.progress) options.progress(fmt::format("looking before @{}", grouped(*it)));
    before = *it;
  }
  return std::nullopt;
}

// All that is reached in between counts, last first: that is the order of a motion back.
std::optional<Halt> Core::last_stop_of_stretch(emu::Position from, emu::Position before) {
  struct Arrival {
    emu::Position position;
    std::vector<Breakpoint*> there;
    std::string note;  // of a watchpoint
  };
  std::vector<Arrival> arrivals;
  seek(from);
  while (position() < before) {
    const emu::Stop s = run(before);
    if (position() >= before || (s.kind != emu::Stop::Hook && s.kind != emu::Stop::Watchpoint)) break;
    const bool watch = s.kind == emu::Stop::Watchpoint;
    if (!watch && !arrivals.empty() && arrivals.back().position == position() && arrivals.back().note.empty()) continue;
    Arrival a{position(), watch ? touched(s) : reached(), ""};
    if (a.there.empty()) continue;
    if (watch) a.note = fmt::format("{} at {:#x}", s.write ? "written" : "read", s.address);
    // It stops there for sure: what comes before does not matter.
    if (std::any_of(a.there.begin(), a.there.end(), [](const Breakpoint* b) { return b->hit_condition.text.empty(); }))
      arrivals.clear();
    arrivals.push_back(std::move(a));
  }
  for (auto it = arrivals.rbegin(); it != arrivals.rend(); ++it) {
    auto stop = count_hits(it->there, it->position, it->note.empty() ? Halt::Breakpoint : Halt::Watchpoint);
    if (!stop) continue;
    stop->note = it->note;
    seek(it->position);
    return stop;
  }
  return std::nullopt;
}

}  // namespace deferscope::cli
