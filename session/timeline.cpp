// Going through time with the changes of the guest that an edit made.
#include "session/timeline.h"

#include <fmt/format.h>

#include <algorithm>

#include "session/grouped.h"

namespace deferscope::session {

// --- edits: what `set` changed is part of the time line ---

void Timeline::apply_edits_here() {
  const auto it = edits_.find(position());
  if (it == edits_.end()) return;
  emu::MachineState& s = machine_->mutable_state();
  for (const Edit& e : it->second) {
    if (!e.is_register) {
      s.memory.poke(e.address, &e.value, e.bytes);
      continue;
    }
    for (emu::Thread& t : s.threads)
      if (t.tid == e.tid) (e.is_pc ? t.cpu.pc : t.cpu.r[e.reg]) = e.value;
  }
  machine_->engine().drop_blocks();
}

void Timeline::edit(const Edit& e) {
  const emu::Position p = position();
  edits_[p].push_back(e);
  edits_.erase(edits_.upper_bound(p), edits_.end());
  apply_edits_here();
  machine_->drop_future();
  known_end_.reset();
  for (const auto& tell : on_dropped) tell(p);
}

void Timeline::seek(emu::Position p) {
  const auto next = edits_.upper_bound(p);
  if (!edits_.empty() && next != edits_.begin()) {
    const emu::Position e = std::prev(next)->first;
    const auto marks = machine_->snapshot_positions();
    const auto nearest = std::upper_bound(marks.begin(), marks.end(), p);
    const bool edited = (nearest != marks.begin() && *std::prev(nearest) >= e) || (position() >= e && position() <= p);
    if (!edited) {
      if (e == 0) throw Error("the changed state at position 0 is no longer kept");
      seek(e - 1);
      machine_->seek(e);
      apply_edits_here();
    }
  }
  try {
    if (machine_->seek(p)) return;
  } catch (const emu::Interrupted&) {
    throw Interrupted();
  }
  throw Error(fmt::format("the guest ends at position {}", grouped(position())));
}

// Forward; an edit that lies ahead takes effect on the way.
emu::Stop Timeline::run(emu::Position target) {
  while (true) {
    const auto next = edits_.upper_bound(position());
    const emu::Position until = next == edits_.end() ? target : std::min(target, next->first);
    const emu::Stop s = machine_->run_to(until);
    if (s.kind == emu::Stop::Interrupted) throw Interrupted();
    if (s.kind == emu::Stop::Exited || s.kind == emu::Stop::Deadlock || s.kind == emu::Stop::Limit)
      known_end_ = position();
    if (s.kind != emu::Stop::Reached) return s;
    if (next != edits_.end() && position() == next->first) apply_edits_here();
    if (position() >= target) return s;
  }
}

}  // namespace deferscope::session
