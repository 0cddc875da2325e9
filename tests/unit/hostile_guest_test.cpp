// A guest that lies about its own state: lists that end nowhere, goroutines by the thousand that share a chain, wild
// lengths. A real program is run to a defer, then its memory is rewritten (the machine is a value) and read. What comes
// back is bounded, and says what is missing.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/unit/model_run.h"
#include "traces/snapshot.h"

namespace deferscope::test {
namespace {

using model::F;

constexpr uint64_t kArena = 0x7000'0000'0000;  // where the lies lie
constexpr uint64_t kArenaSize = 64 << 20;

// A guest that stands at a push of main.main, with room for lies.
class Liar {
 public:
  explicit Liar(const std::string& path) : program_(loader::Image::load(path)), guest_(program_, state_) {
    emu::Machine m(program_.image(), guest_options(path, {"defer-loop"}));
    model::TrackerOptions o;
    o.sink = [&](const model::Event& e) {
      if (e.kind() != model::EventKind::defer_push || e.origin != model::Origin::user || g_) return;
      state_ = m.state();
      g_ = guest_.current_g();
    };
    const model::Tracker t(program_, m, o);
    m.run_to(emu::kNever);
    if (!g_) return;
    state_.memory.map(kArena, kArenaSize, emu::kRead | emu::kWrite);
    next_ = kArena;
  }
  bool stands() const { return g_ != 0; }
  uint64_t g() const { return g_; }
  bool has(F f) const { return static_cast<bool>(program_.layouts()[f]); }

  uint64_t room(uint64_t n) { return std::exchange(next_, next_ + (n + 15) / 16 * 16); }
  void word(uint64_t address, uint64_t v) { ASSERT_TRUE(state_.memory.poke(address, &v, 8)) << std::hex << address; }
  void set(uint64_t record, F f, uint64_t v) {
    const model::FieldAt at = program_.layouts()[f];
    if (!at) return;  // this version has no such field
    ASSERT_TRUE(state_.memory.poke(record + static_cast<uint64_t>(at.offset), &v, std::min(8u, at.size)));
  }
  uint64_t defer(uint64_t sp) {
    const uint64_t d = room(program_.layouts().size(model::S::defer_));
    set(d, F::defer_sp, sp), set(d, F::defer_pc, state_.cpu().pc);
    return d;
  }
  // A list of n records whose last one leads back to the first.
  uint64_t circle(size_t n) {
    const uint64_t first = defer(guest_.sp());
    uint64_t last = first;
    for (size_t i = 1; i < n; ++i) {
      const uint64_t d = defer(guest_.sp());
      set(last, F::defer_link, d);
      last = d;
    }
    set(last, F::defer_link, first);
    return first;
  }
  // A copy of the current goroutine under another number.
  uint64_t goroutine(uint64_t id) {
    const uint64_t g = room(1024);
    uint8_t bytes[512];
    EXPECT_TRUE(state_.memory.peek(g_, bytes, sizeof bytes) && state_.memory.poke(g, bytes, sizeof bytes));
    set(g, F::g_goid, id);
    return g;
  }
  model::Chain chain() const {
    const auto g = guest_.goroutine(g_);
    EXPECT_TRUE(g);
    return model::read_chain(guest_, *g, guest_.unwind(*g));
  }
  nlohmann::json snapshot(size_t* bytes) const {
    std::string out;
    traces::ProgramNames names(program_);
    traces::append_snapshot_json(out, names, state_, nullptr, {}, {.raw = true});
    *bytes = out.size();
    return nlohmann::json::parse(out);
  }
  uint64_t allgs() const {
    const auto s = program_.image().find_symbol("runtime.allgs");
    return s ? s->address : 0;
  }
  const model::Guest& guest() const { return guest_; }

 private:
  model::Program program_;
  emu::MachineState state_;
  model::Guest guest_;
  uint64_t g_ = 0, next_ = 0;
};

bool says(const std::vector<std::string>& notes, std::string_view what) {
  return std::any_of(notes.begin(), notes.end(), [&](const auto& n) { return n.find(what) != std::string::npos; });
}

std::vector<std::string> liars() {  // one of each layout of _defer, and both instruction sets
  std::vector<std::string> out;
  for (const char* release : {"1.12.17_linux_amd64_opt_syms", "1.17.13_linux_arm64_opt_syms", "1.22.12_linux_amd64_opt",
                              "1.26.11_linux_arm64_opt_syms"})
    for (const std::string& f : all_guest_files())
      if (f.find(std::string("casessmall_") + release) != std::string::npos) out.push_back(f);
  return out;
}

TEST(HostileGuest, ListsThatGoInCircles) {
  for (const std::string& path : liars()) {
    SCOPED_TRACE(path);
    Liar liar(path);
    ASSERT_TRUE(liar.stands());
    liar.set(liar.g(), F::g_defer, liar.circle(100));
    const uint64_t a = liar.room(256), b = liar.room(256);
    liar.set(a, F::panic_link, b), liar.set(b, F::panic_link, a);
    liar.set(liar.g(), F::g_panic, a);
    const model::Chain c = liar.chain();
    EXPECT_GE(c.entries.size(), 100u);
    EXPECT_LE(c.entries.size(), 108u);  // and what the frames themselves hold
    EXPECT_EQ(c.panics.size(), 2u);
    EXPECT_TRUE(says(c.notes, "the list of records has a loop"));
    EXPECT_TRUE(says(c.notes, "the list of panics has a loop"));
  }
}

TEST(HostileGuest, ManyHeadsOnOneCircle) {
  size_t tried = 0;
  for (const std::string& path : liars()) {
    SCOPED_TRACE(path);
    Liar liar(path);
    ASSERT_TRUE(liar.stands());
    if (!liar.has(F::defer_rangefunc)) continue;
    ++tried;
    const uint64_t shared = liar.room(8);
    liar.word(shared, liar.circle(10'000));
    uint64_t first = 0;
    for (int i = 0; i < 300; ++i) {
      const uint64_t head = liar.defer(liar.guest().sp());
      liar.set(head, F::defer_rangefunc, 1), liar.set(head, F::defer_head, shared),
          liar.set(head, F::defer_link, first);
      first = head;
    }
    liar.set(liar.g(), F::g_defer, first);
    const model::Chain c = liar.chain();
    EXPECT_GE(c.entries.size(), 10'300u);  // each record once
    EXPECT_LE(c.entries.size(), 10'308u);
    EXPECT_TRUE(says(c.notes, "a rangefunc list has a loop"));
    EXPECT_LE(c.notes.size(), 4u);
    size_t bytes = 0;
    liar.snapshot(&bytes);
    EXPECT_LE(bytes, 32u << 20);
  }
  EXPECT_GE(tried, 1u);
}

TEST(HostileGuest, GoroutinesThatShareAChain) {
  const auto paths = liars();
  for (size_t n = 0; n < paths.size(); n += kSanitized) {
    const std::string& path = paths[n];
    SCOPED_TRACE(path);
    Liar liar(path);
    ASSERT_TRUE(liar.stands());
    ASSERT_NE(liar.allgs(), 0u);
    const uint64_t chain = liar.circle(5'000), list = liar.room(8 * 2'002);
    liar.word(list, liar.g());
    for (uint64_t i = 0; i < 2'000; ++i) {
      const uint64_t g = liar.goroutine(1'000 + i);
      liar.set(g, F::g_defer, chain);
      liar.word(list + 8 + 8 * i, g);
    }
    liar.word(liar.allgs(), list), liar.word(liar.allgs() + 8, 2'001), liar.word(liar.allgs() + 16, 2'001);
    ASSERT_EQ(liar.guest().goroutines().size(), 2'001u);
    size_t bytes = 0;
    const auto j = liar.snapshot(&bytes);
    EXPECT_LE(bytes, 96u << 20);
    ASSERT_EQ(j["goroutines"].size(), 2'001u);
    size_t entries = 0, frames = 0, cut = 0;
    for (const auto& g : j["goroutines"]) {
      entries += g["chain"].size(), frames += g["frames"].size();
      cut += g["notes"].dump().find("records in all: the others are not read") != std::string::npos;
    }
    EXPECT_LE(entries, model::ReadBudget::kRecords);
    EXPECT_LE(frames, model::ReadBudget::kFrames);
    EXPECT_GE(cut, 1'900u) << "each goroutine says what is missing";
    EXPECT_TRUE(j["goroutines"][0]["notes"].empty()) << "the current one was read first";
  }
}

TEST(HostileGuest, AListOfGoroutinesOfAnyLength) {
  for (const std::string& path : liars()) {
    SCOPED_TRACE(path);
    Liar liar(path);
    ASSERT_TRUE(liar.stands());
    const uint64_t list = liar.room(16);
    liar.word(list, liar.g()), liar.word(list + 8, 0x123456789abcdef0);
    for (const uint64_t n : {uint64_t{3'000'000}, uint64_t{1} << 60, ~uint64_t{0}}) {
      liar.word(liar.allgs(), list), liar.word(liar.allgs() + 8, n), liar.word(liar.allgs() + 16, n);
      size_t bytes = 0;
      const auto j = liar.snapshot(&bytes);
      EXPECT_EQ(j["goroutines"].size(), 1u);
      EXPECT_EQ(j["notes"].size(), 1u) << "says that the list claims more";
    }
  }
}

}  // namespace
}  // namespace deferscope::test
