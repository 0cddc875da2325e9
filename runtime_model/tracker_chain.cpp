// What is pending and what runs, from the guest's memory and from what was seen of the run: each defer in one place.
#include <algorithm>
#include <optional>
#include <unordered_map>

#include "runtime_model/tracker_state.h"

namespace deferscope::model {
namespace {

// What is registered where: records by their address, open-coded defers by frame and slot.
class ChainIndex {
 public:
  explicit ChainIndex(const std::vector<ChainEntry>& entries) {
    for (size_t i = 0; i < entries.size(); ++i) {
      const ChainEntry& e = entries[i];
      if (e.slot < 0) records_.emplace(e.record, i);
      if (e.storage == Storage::open_coded && !e.stale) slots_.emplace(e.sp + static_cast<uint64_t>(e.slot), i);
    }
  }
  // Its entry; nullopt: it is in no list.
  std::optional<size_t> of(const PendingPush& p, uint64_t sp, uint64_t record) const {
    const bool open = p.storage == Storage::open_coded;
    const auto& all = open ? slots_ : records_;
    const auto it = all.find(open ? sp + static_cast<uint64_t>(p.slot) : record);
    return it == all.end() ? std::nullopt : std::optional(it->second);
  }

 private:
  std::unordered_map<uint64_t, size_t> records_, slots_;  // SPs are multiples of 8, slots fewer than 8
};

// A defer's place: its frame and slot, or its record.
bool same_place(const ChainEntry& e, Storage storage, int slot, uint64_t record, uint64_t sp) {
  if (storage == Storage::open_coded) return e.slot == slot && e.sp == sp && !e.stale;
  return e.slot < 0 && e.record == record;
}

}  // namespace

Chain Tracker::chain(const Guest& guest, const Goroutine& g, const Unwound& frames, ReadBudget& budget) const {
  Chain out = read_chain(guest, g, frames, budget);
  const G* known = state_->goroutines.find(g.id);
  if (!known || known->g != g.g) return out;
  for (size_t i = 0; i < known->running.size(); ++i) {
    const Running& r = known->running[i];
    // A record that was taken off the list may be in use again: one that is on it and runs says so itself.
    if (r.storage != Storage::open_coded || r.stale) continue;
    std::erase_if(out.entries,
                  [&](const ChainEntry& e) { return same_place(e, r.storage, r.slot, 0, g.hi - r.owner.depth); });
  }
  // Those that a panic started and left on the list (≤ 1.21): they run, or have run.
  std::erase_if(out.entries, [](const ChainEntry& e) { return e.running; });
  add_unlinked(*known, guest, g, frames, out);
  return out;
}

// Registered, not started, and in nobody's list: it was taken off to be called next, or its bit was never stored.
void Tracker::add_unlinked(const G& known, const Guest& guest, const Goroutine& g, const Unwound& frames,
                           Chain& out) const {
  // So far above its frame arm64's jmpdefer stands for an instruction; frames are larger.
  constexpr uint64_t kAbove = 8;
  const auto own = std::find_if(frames.frames.begin(), frames.frames.end(),
                                [&](const Frame& f) { return f.sp >= g.lo && f.sp < g.hi; });  // else the runtime's own
  const uint64_t here = own == frames.frames.end() ? 0 : own->sp;
  const ChainIndex index(out.entries);
  for (size_t i = known.pushed.size(); i-- > 0;) {
    const PendingPush& p = known.pushed[i];
    const uint64_t sp = g.hi - p.depth, record = p.record.at(g.hi);
    if (p.stale || sp + kAbove < here) continue;
    if (const auto listed = index.of(p, sp, record)) {
      if (!out.entries[*listed].number) out.entries[*listed].number = p.number;  // newest first: a record lives again
      continue;
    }
    ChainEntry e;
    e.storage = p.storage;
    e.unlinked = true;
    e.number = p.number;
    e.sp = sp, e.owner = p.owner, e.pc = p.slot < 0 ? p.site : 0;
    e.record = record;
    e.slot = p.slot;
    e.deferred = read_deferred(guest, p.funcval.at(g.hi));
    out.entries.push_back(std::move(e));
  }
  std::stable_sort(out.entries.begin(), out.entries.end(), [](const ChainEntry& a, const ChainEntry& b) {
    return a.sp != b.sp ? a.sp < b.sp : a.unlinked > b.unlinked;
  });
}

}  // namespace deferscope::model
