// `si` and its reverse stop exactly at the positions at which the followed goroutine executes next, on whichever
// thread, whatever runs between.
#include "tests/unit/cli_guests.h"

namespace deferscope::test {
namespace {

// Guests of the releases whose schedulers differ most; DEFERSCOPE_ALL: of all.
std::vector<std::string> sampled() {
  const bool all = std::getenv("DEFERSCOPE_ALL") != nullptr;
  std::vector<std::string> out;
  for (const int minor : {12, 13, 16, 20, 22, 25, 27})
    for (const std::string& path : step_guests(minor, minor))
      if (has(path, "_opt_") || all) out.push_back(path);
  return out;
}

uint64_t other_goroutine(Stepped& s) {
  // A goroutine of main's own that waits or is runnable: not the one that executes.
  const std::string text = s("goroutines");
  const uint64_t mine = s.reader().who().goid;
  uint64_t found = 0;
  for (size_t at = text.find(" g"); at != std::string::npos; at = text.find("\n  g", at + 1)) {
    const uint64_t id = std::strtoull(text.c_str() + text.find('g', at) + 1, nullptr, 10);
    const size_t end = text.find('\n', at + 1);
    if (id && id != mine && has(text.substr(at, end - at), "main.")) found = id;
  }
  return found;
}

TEST(Follow, AChosenGoroutineIsSteppedWhereverItRuns) {
  const auto guests = sampled();
  if (guests.empty()) GTEST_SKIP() << "no guests: set DEFERSCOPE_GUESTS";
  for (const std::string& path : guests) {
    SCOPED_TRACE(path);
    Stepped s(path, {"go-pingpong"});
    s.console->quiet = true;
    s("c main.goPingPong");
    // On to where both goroutines live.
    uint64_t id = 0;
    for (int i = 0; i < 40 && id == 0; ++i) {
      s("si -any 2000");
      if (s.state().exited) break;
      id = other_goroutine(s);
    }
    ASSERT_NE(id, 0u);
    const uint64_t from = s.position();
    // What is shown is the chosen one's.
    const std::string frames = s(fmt::format("goroutine {}; bt", id));
    EXPECT_TRUE(has(frames, "follow g")) << frames;
    EXPECT_EQ(s.position(), from) << "choosing moves nothing";
    EXPECT_EQ(s(fmt::format("print goid")).substr(0, std::to_string(id).size()), std::to_string(id));
    // Forwards by si, and by hand.
    std::vector<uint64_t> stepped, expected;
    for (int i = 0; i < 150; ++i) {
      s("si");
      if (s.state().exited) break;
      ASSERT_EQ(s.reader().who().goid, id) << i;
      stepped.push_back(s.position());
    }
    ASSERT_FALSE(stepped.empty());
    s(fmt::format("goto {}", from));
    while (s.position() < stepped.back()) {
      s("si -any");
      if (s.reader().who().goid == id) expected.push_back(s.position());
    }
    EXPECT_EQ(stepped, expected);
    for (size_t i = stepped.size(); i-- > 1;) {
      s("rsi");
      ASSERT_EQ(s.position(), stepped[i - 1]) << i;
    }
  }
}

// Where main's goroutine waits for others: the positions of `si N` and `rsi N` are those found by looking at each.
TEST(Follow, WaitsAreSkippedToTheVeryPosition) {
  const auto guests = sampled();
  if (guests.empty()) GTEST_SKIP() << "no guests: set DEFERSCOPE_GUESTS";
  constexpr const char* kBusy[] = {"go-select",  "go-mutex",  "go-fanin", "gc-parallel",
                                   "go-preempt", "go-timers", "go-pool",  "go-many"};
  for (size_t n = 0; n < guests.size(); ++n) {
    const char* const argument = kBusy[n % std::size(kBusy)];
    SCOPED_TRACE(guests[n] + " " + argument);
    Stepped s(guests[n], {argument});
    s.console->quiet = true;
    const model::Who me = s.reader().who();
    const uint64_t from = s.position();
    std::vector<uint64_t> mine;  // where it executes next
    uint64_t waited = 0;
    while (mine.size() < 60'000 / kSanitized && waited < 4'000'000 / kSanitized && !s.state().exited) {
      if (s.reader().who().same(me))
        mine.push_back(s.position());
      else
        ++waited;
      s.console->session.time().run(s.position() + 1);
    }
    if (!s.state().exited) {
      while (!mine.empty() && mine.size() % 700 != 1) mine.pop_back();
    }
    s(fmt::format("goto {}", from));
    for (size_t i = 700; i < mine.size(); i += 700) {
      s("si 700");
      ASSERT_EQ(s.position(), mine[i]) << i;
    }
    const size_t last = (mine.size() - 1) / 700 * 700;
    ASSERT_EQ(s.position(), mine[last]);
    for (size_t i = last; i >= 1900; i -= 1900) {
      s("rsi 1900");
      ASSERT_EQ(s.position(), mine[i - 1900]) << i;
    }
  }
}

// A goroutine that ends: the step says so and stops where another goes on.
TEST(Follow, TheEndOfAGoroutineIsSaid) {
  const auto guests = sampled();
  if (guests.empty()) GTEST_SKIP() << "no guests: set DEFERSCOPE_GUESTS";
  for (const std::string& path : guests) {
    SCOPED_TRACE(path);
    Stepped s(path, {"defer-goroutine"});
    s.console->quiet = true;
    s("c main.deferGoroutine.func1");
    if (s.state().exited) continue;
    const uint64_t id = s.reader().who().goid;
    ASSERT_NE(id, 1u);
    s.console->quiet = false;
    std::string text = s("finish");  // of the goroutine's function: into goexit
    EXPECT_TRUE(has(text, "main.deferGoroutine.func1 returned")) << text;
    // Over goexit's call: the frames are gone.
    for (int i = 0; i < 10 && !has(text, "ends here"); ++i) text = s("ni");
    EXPECT_TRUE(has(text, fmt::format("g{} ends here", id))) << text;
    // Stepping on until the goroutine is no more.
    for (int i = 0; i < 20'000 && s.reader().who().goid == id; ++i) text = s("si");
    EXPECT_TRUE(has(text, fmt::format("g{} has ended", id))) << text;
  }
}

// Goexit cuts all frames: the call of it does not return, and nothing of its callers does.
TEST(Follow, GoexitIsWhereTheGoroutineEnds) {
  const auto guests = sampled();
  if (guests.empty()) GTEST_SKIP() << "no guests: set DEFERSCOPE_GUESTS";
  for (size_t n = 0; n < guests.size(); n += kSanitized) {
    const std::string& path = guests[n];
    SCOPED_TRACE(path);
    Stepped s(path, {"goexit-defers"});
    s("break goexit; c");
    ASSERT_FALSE(s.state().exited);
    const uint64_t id = s.reader().who().goid, at = s.position();
    for (const char* way : {"finish", "rsi; ni"}) {
      s(fmt::format("clear all; goto {}", at));
      const std::string text = s(way);
      EXPECT_TRUE(has(text, fmt::format("g{} ends here", id))) << way << ": " << text;
    }
  }
}

}  // namespace
}  // namespace deferscope::test
