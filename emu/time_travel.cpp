// Going back: snapshots at growing distance, and running forward from them.
#include <fmt/format.h>

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
  recording_.set_keep(on || !marks_.empty(), state_.journal_cursor);
  if (on) recording_.files().remember_closed();
  if (on && marks_.empty()) take_mark();
}

void Machine::take_mark() {
  insert_mark();
  hold_budget();
}

void Machine::insert_mark() {
  auto mark = std::make_unique<Mark>();
  mark->state = state_;
  if (companion_) mark->companion = companion_->save();
  mark->companion_seen = companion_seen_;
  mark->bytes = sizeof(Mark) + state_.memory.mapping_bytes() + state_.threads.size() * sizeof(Thread) +
                state_.os->copy_bytes() + (mark->companion ? companion_->bytes(mark->companion) : 0);
  if (const auto old = marks_.find(state_.position); old != marks_.end()) drop_mark(old);
  marks_bytes_ += mark->bytes;
  heard_ = 0;
  marks_[state_.position] = std::move(mark);
}

// See set_recording.
uint64_t Machine::going_back_bytes() const {
  const uint64_t now = state_.memory.frame_bytes() + state_.os->shared_bytes(), all = live_shared_bytes();
  return marks_bytes_ + recording_.bytes() + (all > now ? all - now : 0);
}

void Machine::hold_budget() {
  while (budget_ && going_back_bytes() > budget_) {
    const bool input = recording_.bytes() > budget_ / 2;
    if (input && marks_.size() > 1) {
      drop_mark(marks_.begin());
      recording_.journal().start_at(marks_.begin()->second->state.journal_cursor);
    } else if (marks_.size() > 1) {
      thin_out();
    } else if (input && recording_on_ && state_.position >= horizon_ && state_.position > marks_.begin()->first) {
      insert_mark();
    } else {
      return;
    }
  }
}

Machine::Marks::iterator Machine::drop_mark(Marks::iterator it) {
  marks_bytes_ -= it->second->bytes;
  return marks_.erase(it);
}

// Every second snapshot goes, and from now on they stand twice as far apart.
void Machine::thin_out() {
  for (Position p : near_)
    if (const auto it = marks_.find(p); it != marks_.end()) drop_mark(it);
  near_.clear();
  bool drop = false;
  for (auto it = marks_.begin(); it != marks_.end();) {
    const bool first = it == marks_.begin();
    it = drop && !first ? drop_mark(it) : std::next(it);
    drop = !drop;
  }
  spacing_ *= 2;
}

void Machine::restore(const Mark& mark) {
  state_ = mark.state;
  if (companion_ && mark.companion) companion_->restore(mark.companion);
  passed_at_ = kNever;
  companion_seen_ = mark.companion_seen;
}

bool Machine::seek(Position p) {
  run_back_to(p);
  return state_.position == p;
}

void Machine::run_back_to(Position p) {
  const auto forward = [this](Position to) {
    if (advance(to, false).kind != Stop::Interrupted) return;
    passed_at_ = kNever;
    throw Interrupted();
  };
  const auto after = marks_.upper_bound(p);
  const bool have = after != marks_.begin();
  const Mark* nearest = have ? std::prev(after)->second.get() : nullptr;
  if (state_.position > p && !nearest)
    throw Error(marks_.empty()
                    ? "there is no snapshot before that position: recording was off"
                    : fmt::format("the recording begins at position {}: the input before it was more than --snapshots "
                                  "holds (--spill DIR keeps input in a file)",
                                  marks_.begin()->first));
  if (state_.position > p || (nearest && nearest->state.position > state_.position)) restore(*nearest);
  if (near_.size() > kNearMarks) {
    for (Position q : near_)
      if (const auto it = marks_.find(q); it != marks_.end()) drop_mark(it);
    near_.clear();
  }
  if (recording_on_ && p <= horizon_) {
    for (Position d : kNear) {
      if (p < d || p - d <= state_.position) continue;
      forward(p - d);
      if (state_.position == p - d && !marks_.count(p - d) && !state_.exited) {
        near_.insert(p - d);
        take_mark();
      }
    }
  }
  forward(p);
  passed_at_ = kNever;
  tell_companion();
}

void Machine::drop_future() {
  for (auto it = marks_.lower_bound(state_.position); it != marks_.end();)
    it = drop_mark(it);  // the one here is changed
  for (auto it = near_.begin(); it != near_.end();) it = *it >= state_.position ? near_.erase(it) : std::next(it);
  horizon_ = state_.position;
  state_.resumed_at = state_.position;  // it may stand elsewhere now
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
