// Watchpoints on variables: they follow a stack that moves and end with their frame, in both directions. What is
// expected is the source's (tests/guests/src/cases/stacks.go, forms.go).
#include "tests/unit/cli_guests.h"

namespace deferscope::test {
namespace {

std::vector<std::string> unoptimised_guests() {
  std::vector<std::string> out = step_guests();
  std::erase_if(out, [](const std::string& path) { return !has(path, "_nopt_dwarf"); });
  return out;
}

struct Seen {
  uint64_t position = 0, address = 0;
  std::string text;
};

// The stops of the newest watchpoint as `command` goes on to them, until the run or its beginning ends.
std::vector<Seen> stops(Stepped& s, const char* command, int most = 20) {
  std::vector<Seen> out;
  for (int i = 0; i < most; ++i) {
    const std::string text = s(command);
    if (!has(text, "watchpoint")) break;
    out.push_back({s.position(), s.console->session.breakpoints().all().rbegin()->second.watched.address, text});
  }
  return out;
}

// local is 1; descend moves the stack (but where it lies on the heap: Go 1.12); local++ makes it 2, *q += 10 makes
// it 12.
TEST(Watch, AVariableIsFollowedWhenItsStackMoves) {
  const auto guests = unoptimised_guests();
  if (guests.empty()) GTEST_SKIP() << "no guests: set DEFERSCOPE_GUESTS";
  for (const std::string& path : guests) {
    SCOPED_TRACE(path);
    Stepped s(path, {"stack-grow"});
    s("tbreak stacks.go:50; c");
    const uint64_t set_at = s.position();
    EXPECT_TRUE(has(s("watch local"), "of main.stackGrow.func1's frame on g"));
    const int id = s.console->session.breakpoints().all().begin()->first;
    const std::string number = fmt::format("watchpoint {}", id);
    const uint64_t first = s.console->session.breakpoints().find(id)->watched.address;
    std::vector<uint64_t> positions, values, addresses;
    std::string last;
    for (int i = 0; i < 10 && has(last = s("c"), number); ++i) {
      positions.push_back(s.position());
      addresses.push_back(s.console->session.breakpoints().find(id)->watched.address);
      values.push_back(s.word(addresses.back()));
      if (has(last, "ends")) break;
    }
    ASSERT_EQ(positions.size(), 3u) << last;
    EXPECT_EQ(values[0], 2u);
    EXPECT_EQ(values[1], 12u);
    EXPECT_TRUE(has(last, number + " ends: local: main.stackGrow.func1 has returned to main.grows.func1+")) << last;
    EXPECT_EQ(addresses[0], addresses[1]);
    EXPECT_TRUE(has(path, "_1.12.") || first != addresses[0]) << "the stack did not move: nothing is shown";
    EXPECT_TRUE(has(s("bp"), fmt::format("which ends @{}", cli::grouped(positions[2]))));
    EXPECT_FALSE(has(s("c"), number)) << "nothing is watched behind the frame's end";
    // Back: the same, last first, and then the write of 1, before which the variable was not there.
    for (size_t i = positions.size(); i-- > 0;) {
      EXPECT_TRUE(has(s("rc"), number));
      EXPECT_EQ(s.position(), positions[i]);
    }
    EXPECT_TRUE(has(s("rc"), number)) << "local := 1";
    const uint64_t declared = s.position();
    EXPECT_LE(declared, set_at);
    const uint64_t at = s.console->session.breakpoints().find(id)->watched.address;
    EXPECT_EQ(at, first) << "it is where it was";
    EXPECT_EQ(s.word(at), 1u);
    while (has(s("rc"), number)) EXPECT_LT(s.position(), declared);  // what made room for it
    EXPECT_TRUE(has(s("bp"), "; not here"));
    // And forwards from before the frame, through what is known.
    s(fmt::format("goto {}", declared - 1));
    for (const uint64_t p : {declared, positions[0], positions[1], positions[2]}) {
      EXPECT_TRUE(has(s("c"), number));
      EXPECT_EQ(s.position(), p);
    }
    // From beyond the end, silently gone over.
    s(fmt::format("clear all; goto {}; watch local; goto 100%; ", positions[0]));
    EXPECT_TRUE(has(s("bp"), fmt::format("which ends @{}", cli::grouped(positions[2]))));
    EXPECT_TRUE(has(s("rc"), "ends"));
    EXPECT_EQ(s.position(), positions[2]);
    s("rc");
    EXPECT_EQ(s.position(), positions[1]);
    // Its condition speaks of the variable wherever it is written: *q += 10 is another function's.
    s(fmt::format("clear all; goto {}; watch local if local > 5; c", set_at));
    EXPECT_EQ(s.position(), positions[1]);
    // lastwrite says the same, over the move.
    s(fmt::format("goto {}; frame 0", positions[0] - 1));
    if (has(s("bt 1"), "main.stackGrow.func1+")) {
      const std::string said = s("lastwrite local");
      EXPECT_TRUE(has(said, fmt::format("written at @{} by", cli::grouped(declared - 1)))) << said;
    }
  }
}

// t is a named result that a closure changes; the watch is the frame's, and says that it is gone.
TEST(Watch, AResultIsWatchedAsLongAsItsFrame) {
  const auto guests = unoptimised_guests();
  if (guests.empty()) GTEST_SKIP() << "no guests: set DEFERSCOPE_GUESTS";
  for (const std::string& path : guests) {
    SCOPED_TRACE(path);
    Stepped s(path, {"defer-results"});
    s("tbreak forms.go:433; c; watch t");  // t = i
    const auto seen = stops(s, "c");
    ASSERT_GE(seen.size(), 3u);
    EXPECT_TRUE(has(seen.back().text, "ends: t: main.resultNamed has returned to main.deferResults+"))
        << seen.back().text;
    for (size_t i = 0; i + 1 < seen.size(); ++i) EXPECT_TRUE(has(seen[i].text, "written at")) << seen[i].text;
  }
}

// A panic goes through 400 frames and is recovered above: the watched one is cut.
TEST(Watch, AFrameThatIsCutEndsItsWatch) {
  const auto guests = unoptimised_guests();
  if (guests.empty()) GTEST_SKIP() << "no guests: set DEFERSCOPE_GUESTS";
  for (const std::string& path : guests) {
    SCOPED_TRACE(path);
    Stepped s(path, {"stack-growpanic"});
    s("tbreak main.descendAndPanic if n == 399; c; nextcall; watch n");
    const auto seen = stops(s, "c");
    ASSERT_FALSE(seen.empty());
    EXPECT_TRUE(has(seen.back().text, "ends: n: the frame of main.descendAndPanic was cut without returning"))
        << seen.back().text;
    EXPECT_TRUE(has(seen.back().text, "main.stackGrowPanic.func1+")) << "where execution goes on: " << seen.back().text;
  }
}

}  // namespace
}  // namespace deferscope::test
