// Going back: snapshots at growing distance, and running forward from them (law 6).
#include <algorithm>

#include "emu/machine.h"

namespace deferscope::emu {
namespace {

// Distances before a seek's target at which it leaves snapshots, so that the next steps back are short.
constexpr Position kNear[] = {1'000'000, 200'000, 40'000, 8'000, 1'600, 320};
constexpr size_t kNearMarks = 64;  // kept at most

}  // namespace

void Machine::set_recording(bool on, uint64_t budget_bytes) {
  recording_on_ = on;
  budget_ = budget_bytes;
  if (on) recording_.files().remember_closed();
  if (on && marks_.empty()) take_mark();
}

void Machine::take_mark() {
  auto mark = std::make_unique<Mark>();
  mark->state = state_;
  if (companion_) mark->companion = companion_->save();
  marks_[state_.position] = std::move(mark);
  if (budget_ && live_frame_bytes() > budget_ + state_.memory.resident_bytes()) thin_out();
}

// The budget is full: every second snapshot goes, and from now on they stand twice as far apart.
void Machine::thin_out() {
  for (Position p : near_) marks_.erase(p);
  near_.clear();
  bool drop = false;
  for (auto it = marks_.begin(); it != marks_.end();) {
    const bool first = it == marks_.begin();
    it = drop && !first ? marks_.erase(it) : std::next(it);
    drop = !drop;
  }
  spacing_ *= 2;
}

void Machine::restore(const Mark& mark) {
  state_ = mark.state;
  if (companion_ && mark.companion) companion_->restore(mark.companion);
  passed_at_ = kNever;
  companion_seen_ = kNever;
}

bool Machine::seek(Position p) {
  const auto after = marks_.upper_bound(p);
  const bool have = after != marks_.begin();
  const Mark* nearest = have ? std::prev(after)->second.get() : nullptr;
  if (state_.position > p && !nearest) throw Error("there is no snapshot before that position: recording was off");
  if (state_.position > p || (nearest && nearest->state.position > state_.position)) restore(*nearest);
  if (near_.size() > kNearMarks) {
    for (Position q : near_) marks_.erase(q);
    near_.clear();
  }
  if (recording_on_ && p <= horizon_) {
    for (Position d : kNear) {
      if (p < d || p - d <= state_.position) continue;
      advance(p - d, false);
      if (state_.position == p - d && !marks_.count(p - d) && !state_.exited) {
        take_mark();
        near_.insert(p - d);
      }
    }
  }
  advance(p, false);
  passed_at_ = kNever;
  return state_.position == p;
}

void Machine::drop_future() {
  marks_.erase(marks_.upper_bound(state_.position), marks_.end());
  marks_.erase(state_.position);  // the state there was changed
  for (auto it = near_.begin(); it != near_.end();) it = *it >= state_.position ? near_.erase(it) : std::next(it);
  horizon_ = state_.position;
  ended_ = false;
  recording_.forget(state_.journal_cursor, state_.outputs);
  if (recording_on_) take_mark();
}

std::vector<Position> Machine::snapshot_positions() const {
  std::vector<Position> out;
  for (const auto& [p, mark] : marks_) out.push_back(p);
  return out;
}

const MachineState* Machine::snapshot_at(Position p) const {
  const auto it = marks_.find(p);
  return it == marks_.end() ? nullptr : &it->second->state;
}

}  // namespace deferscope::emu
