// At every event of the guests: the stepper's frames (`bt`) are the snapshot's, and each registered defer is in one
// place: pending until it starts, running until it has returned or is given up, and by the guest's end it has one of
// these ends.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "session/reader.h"
#include "tests/unit/model_run.h"

namespace deferscope::test {
namespace {

using model::Event;
using model::EventKind;
using model::Storage;

// What the events have said so far of one goroutine's defers.
struct Told {
  uint64_t hi = 0;
  std::vector<Event> pending;     // oldest first
  std::vector<uint64_t> running;  // ids of their starts, outermost first
};

class EveryEvent {
 public:
  explicit EveryEvent(std::string name) : name_(std::move(name)) {}

  void operator()(const emu::Machine& m, const model::Tracker& t, const Event& e, const model::Program& p) {
    const session::Reader reader(m, &p);
    const model::Guest& guest = *reader.guest();
    const auto g = guest.goroutine(reader.who().g);
    if (g && g->id == e.goid) told_[e.goid].hi = g->hi;
    take(e);
    if (e.kind() == EventKind::transfer || !g || g->id != e.goid) return;
    const model::Unwound frames = guest.unwind(*g, kFrames);
    same_frames(reader, frames, e);
    // What is given up is still in memory, and a recovery tells of all that it throws away before it is done.
    // To 1.13 newdefer links what is no defer yet.
    const bool steady =
        e.kind() != EventKind::defer_left && e.kind() != EventKind::exit && e.kind() != EventKind::record_take;
    if (steady && frames.complete) one_place(guest, t, *g, frames, e);
    ++events_;
  }

  void at_end(bool exited) {
    for (const auto& [goid, told] : told_)
      if (exited && !(told.pending.empty() && told.running.empty()))
        fail(fmt::format("goroutine {}: {} pending and {} running have no end", goid, told.pending.size(),
                         told.running.size()));
  }

  size_t events() const { return events_; }
  const std::string& failed() const { return failed_; }

 private:
  static constexpr size_t kFrames = 1000;

  void fail(const std::string& what) {
    if (failed_.size() < 2000) failed_ += name_ + ": " + what + "\n";
  }
  void fail(const Event& e, const std::string& what) {
    fail(fmt::format("event {} at @{} ({}): {}", e.id, e.position, to_string(e.kind()), what));
  }

  void take(const Event& e) {
    Told& g = told_[e.goid];
    if (e.kind() == EventKind::defer_push) {
      auto at = g.pending.end();  // the list of a range-over-func loop belongs to a frame that others stand on
      while (e.defer()->storage == Storage::rangefunc && at != g.pending.begin() &&
             (at - 1)->frame.depth > e.frame.depth)
        --at;
      g.pending.insert(at, e);
    }
    if (e.kind() == EventKind::defer_start) {
      std::erase_if(g.pending, [&](const Event& p) { return p.id == e.defer()->id; });
      g.running.push_back(e.id);
    }
    if (const auto* end = std::get_if<model::DeferEnd>(&e.body)) std::erase(g.running, end->start);
    if (const auto* left = std::get_if<model::DeferLeft>(&e.body)) {
      if (left->started)
        std::erase(g.running, left->start);
      else
        std::erase_if(g.pending, [&](const Event& p) { return p.id == left->defer.id; });
    }
  }

  void same_frames(const session::Reader& reader, const model::Unwound& snapshot, const Event& e) {
    const model::Unwound bt = reader.trace(reader.standing(reader.who()), kFrames);
    const auto same = [](const model::Frame& a, const model::Frame& b) {
      return a.pc == b.pc && a.sp == b.sp && a.function == b.function;
    };
    if (!std::equal(bt.frames.begin(), bt.frames.end(), snapshot.frames.begin(), snapshot.frames.end(), same))
      fail(e, fmt::format("bt has {} frames, the snapshot {}, or others", bt.frames.size(), snapshot.frames.size()));
  }

  // Open-coded: frame and slot; else the record, wherever the stack is now.
  static std::string place(Storage s, int slot, uint64_t record, uint64_t depth) {
    return s == Storage::open_coded ? fmt::format("slot {} at depth {}", slot, depth) : fmt::format("{:#x}", record);
  }

  void one_place(const model::Guest& guest, const model::Tracker& t, const model::Goroutine& g,
                 const model::Unwound& frames, const Event& e) {
    const Told& told = told_[e.goid];
    if (t.forgotten(g.id)) return;
    std::vector<std::string> known, read;
    for (size_t i = told.pending.size(); i-- > 0;) {
      const Event& p = told.pending[i];
      const model::Defer& d = *p.defer();
      const uint64_t moved = d.storage == Storage::stack ? g.hi - (p.frame.sp + p.frame.depth) : 0;
      known.push_back(place(d.storage, d.slot, d.record + moved, p.frame.depth));
    }
    model::ReadBudget budget;
    for (const model::ChainEntry& c : t.chain(guest, g, frames, budget).entries)
      if (!c.list_head && !c.stale) read.push_back(place(c.storage, c.slot, c.record, g.hi - c.sp));
    if (known != read) fail(e, fmt::format("pending are {}; the events say {}", read, known));
    std::vector<uint64_t> runs;
    for (const model::Running& r : t.running(g.id)) runs.push_back(r.start);
    if (runs != told.running) fail(e, fmt::format("{} run; the events say {}", runs.size(), told.running.size()));
  }

  std::string name_, failed_;
  std::map<uint64_t, Told> told_;
  size_t events_ = 0;
};

constexpr unsigned kShards = 4;
// All of them are two minutes of CPU, instrumented ten times as long.
#ifdef __SANITIZE_ADDRESS__
constexpr unsigned kOneIn = 40, kStoriesOneIn = 10;
constexpr size_t kEnough = 100;
#else
constexpr unsigned kOneIn = 5, kStoriesOneIn = 3;
constexpr size_t kEnough = 10'000;
#endif

std::vector<std::string> watched_guests() {
  std::vector<std::string> out = case_guests();
  for (const std::string& f : elf_files(DEFERSCOPE_STORIES))
    if (in_sanitizers_sample(base(f))) out.push_back(f);
  return out;
}

class Events : public testing::TestWithParam<unsigned> {};

TEST_P(Events, FramesAndPlaces) {
  const auto guests = watched_guests();
  if (guests.empty()) GTEST_SKIP() << "no guests: set DEFERSCOPE_GUESTS";
  const char* only = std::getenv("DEFERSCOPE_CASE");  // part of "BUILD CASE", for work on one of them
  size_t events = 0;
  for (size_t i = GetParam(); i < guests.size(); i += kShards) {
    const model::Program p(loader::Image::load(guests[i]));
    for (const std::string& c : listed_cases(p)) {
      const std::string name = base(guests[i]) + " " + c;
      const bool story = name.rfind("stories", 0) == 0;
      if (only ? name.find(only) == std::string::npos
               : !in_sample(name, story ? kStoriesOneIn : kOneIn) || c.rfind("bench", 0) == 0)
        continue;
      EveryEvent every(name);
      bool exited = false;
      const auto on = [&](const emu::Machine& m, const model::Tracker& t, const Event& e) {
        every(m, t, e, p);
        exited = exited || e.kind() == EventKind::exit;
      };
      run_model(p, {c}, true, {on, {}});
      every.at_end(exited);
      EXPECT_EQ(every.failed(), "");
      events += every.events();
      if (std::getenv("DEFERSCOPE_COUNT")) fmt::print("{} {}\n", every.events(), name);
    }
  }
  EXPECT_GT(events, only ? 0u : kEnough);
}

INSTANTIATE_TEST_SUITE_P(Shard, Events, testing::Range(0u, kShards));

}  // namespace
}  // namespace deferscope::test
