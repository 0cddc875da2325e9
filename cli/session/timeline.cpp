// Going through time with the changes of the guest that `set` made.
#include <fmt/format.h>

#include <algorithm>

#include "cli/session/core.h"

namespace deferscope::cli {

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
  known_end.reset();
  trail.erase(trail.lower_bound(p), trail.end());
  for (auto& [id, b] : breakpoints) b.hits.drop_after(p);
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
    if (s.kind == emu::Stop::Exited || s.kind == emu::Stop::Deadlock || s.kind == emu::Stop::Limit)
      known_end = position();
    if (s.kind != emu::Stop::Reached) return s;
    if (next != edits.end() && position() == next->first) apply_edits_here();
    if (position() >= target) return s;
  }
}

}  // namespace deferscope::cli
