// Time: forward and back give the same states, reverse searches find what forward runs pass.
#include "tests/unit/cli_guests.h"

namespace deferscope::test {
namespace {

// What a step back must restore.
uint64_t digest(const Stepped& s) { return s.state().digest(); }

TEST(Time, ForwardAndBackGiveTheSameStates) {
  const auto guests = step_guests();
  if (guests.empty()) GTEST_SKIP() << "no guests: set DEFERSCOPE_GUESTS";
  for (const std::string& path : guests) {
    SCOPED_TRACE(path);
    Stepped s(path, {"panic-nested"});
    s.console->quiet = true;
    s("c main.panicNested");
    const int steps = std::getenv("DEFERSCOPE_ALL") ? 4000 : 200;  // of each guest
    std::vector<std::pair<uint64_t, uint64_t>> seen;
    for (int i = 0; i < steps && !s.state().exited; ++i) {
      seen.emplace_back(s.position(), digest(s));
      s(i % 3 == 0 ? "si -any" : "si");
    }
    for (size_t i = seen.size(); i-- > 0;) {
      if (i % 3 == 0)
        s("rsi -any");
      else
        s("rsi");
      ASSERT_EQ(s.position(), seen[i].first);
      ASSERT_EQ(digest(s), seen[i].second) << "at @" << s.position();
    }
  }
}

TEST(Time, ReverseContinueFindsTheForwardHitsInReverse) {
  const auto guests = step_guests();
  if (guests.empty()) GTEST_SKIP() << "no guests: set DEFERSCOPE_GUESTS";
  for (const std::string& path : guests) {
    SCOPED_TRACE(path);
    Stepped s(path);
    s.console->quiet = true;
    s("break runtime.mallocgc");
    s("break deferreturn if $sp % 16 == 0 || $sp % 16 == 8");
    std::vector<uint64_t> hits;
    for (int i = 0; i < 300; ++i) {
      s("c");
      if (s.state().exited) break;
      hits.push_back(s.position());
    }
    ASSERT_FALSE(hits.empty());
    if (!s.state().exited) hits.pop_back();
    for (size_t i = hits.size(); i-- > 0;) {
      s("rc");
      ASSERT_EQ(s.position(), hits[i]) << "hit " << i;
    }
  }
}

// A breakpoint is the same hit however it is reached: by running, by steps, by steps over calls, backwards.
TEST(Time, HitsAreNumberedByWhereTheyAre) {
  const auto guests = sampled_guests();
  if (guests.empty()) GTEST_SKIP() << "no guests: set DEFERSCOPE_GUESTS";
  for (const std::string& path : guests) {
    SCOPED_TRACE(path);
    Stepped s(path, {"panic-order"});
    s("c main.panicOrder; break main.say");
    const uint64_t start = s.position();
    std::vector<uint64_t> hits;
    for (s("c"); !s.state().exited; s("c")) hits.push_back(s.position());
    ASSERT_GT(hits.size(), 3u);
    EXPECT_TRUE(has(s("bp"), fmt::format("hits {}\n", hits.size())));
    const auto hit = [](size_t i) { return fmt::format("breakpoint 1: main.say  (hit {})", i + 1); };
    for (size_t i = hits.size(); i-- > 0;) EXPECT_TRUE(has(s("rc"), hit(i))) << i;
    for (size_t i = 0; i < hits.size(); ++i) {
      for (const char* reached :
           {"-1; si", "-1; ni", "-1; si 5", "+1; rsi", "+1; rni", "+2; rsi 5", "+3; rsi 2; rsi"}) {
        const std::string text = s(fmt::format("goto {}; goto {}", hits[i], reached));
        EXPECT_TRUE(has(text, hit(i))) << reached << ": " << text;
        EXPECT_EQ(s.position(), hits[i]) << reached;
      }
      s("finish; rfinish");  // back at the call, past the breakpoint on the way?
      EXPECT_EQ(s.position(), hits[i]) << "it holds on the way back too";
    }
    EXPECT_TRUE(has(s("bp"), fmt::format("hits {}\n", hits.size()))) << "nothing was counted twice";

    // A condition on the count holds at the same positions in both directions.
    s(fmt::format("condition -hitcount 1 % 2; goto {}", start));
    for (size_t i = 1; i < hits.size(); i += 2) {
      s("c");
      EXPECT_EQ(s.position(), hits[i]);
    }
    s("c");
    ASSERT_TRUE(s.state().exited);
    for (size_t i = hits.size() / 2 * 2; i > 0; i -= 2) {
      s("rc");
      EXPECT_EQ(s.position(), hits[i - 1]);
    }
    EXPECT_TRUE(has(s("rc"), "this is the beginning"));
    s(fmt::format("goto {}; si 2; set *($sp-512) 1", start));
    EXPECT_TRUE(has(s("bp"), "hits 0\n")) << "what lay ahead is dropped";
  }
}

// Line steps stop at breakpoints in what they step over, backwards as forwards; a temporary one goes, and is named.
TEST(Time, BreakpointsHoldInWhatIsSteppedOver) {
  const auto guests = sampled_guests();
  if (guests.empty()) GTEST_SKIP() << "no guests: set DEFERSCOPE_GUESTS";
  for (const std::string& path : guests) {
    SCOPED_TRACE(path);
    Stepped s(path, {"panic-order"});
    s("c main.panicOrder; break main.say; c");
    const uint64_t inside = s.position();
    s("finish");
    const uint64_t behind = s.position();
    for (const char* back : {"rn 3", "rs 90", "rni 3", "rev next 3", "rfinish"}) {
      const std::string text = s(fmt::format("goto {}; {}", behind, back));
      EXPECT_TRUE(has(text, "breakpoint 1")) << back << ": " << text;
      EXPECT_EQ(s.position(), inside) << back;
    }
    s("clear all; finish; tbreak main.say; goto -1; si");
    s(fmt::format("goto {}; clear all; tbreak main.say", inside - 1));
    const std::string text = s("ni");
    EXPECT_TRUE(has(text, "main.say  (hit 1)")) << text;
    EXPECT_TRUE(has(s("bp"), "no breakpoints"));
  }
}

// Watchpoints hold in reverse at the same positions, and conditions and breakpoints beside them.
TEST(Time, ReverseContinueFindsTheWatchedWritesInReverse) {
  const auto guests = sampled_guests();
  if (guests.empty()) GTEST_SKIP() << "no guests: set DEFERSCOPE_GUESTS";
  for (const std::string& path : guests) {
    SCOPED_TRACE(path);
    Stepped s(path, {"panic-order"});
    s.console->quiet = true;
    s("c main.panicOrder; watch -rw $sp-8; watch -w -size 2 $sp-40 if $sp > 4096; break main.say");
    std::vector<uint64_t> hits;
    for (int i = 0; i < 60; ++i) {
      s("c");
      if (s.state().exited) break;
      hits.push_back(s.position());
    }
    ASSERT_GT(hits.size(), 4u);
    if (!s.state().exited) hits.pop_back();
    for (size_t i = hits.size(); i-- > 0;) {
      s("rc");
      ASSERT_EQ(s.position(), hits[i]) << "hit " << i;
    }
  }
}

TEST(Time, LastwriteIsWhatAForwardWatchpointFinds) {
  const auto guests = sampled_guests();
  if (guests.empty()) GTEST_SKIP() << "no guests: set DEFERSCOPE_GUESTS";
  for (const std::string& path : guests) {
    SCOPED_TRACE(path);
    Stepped s(path, {"panic-order"});
    s.console->quiet = true;
    s("c main.panicOrder");
    const uint64_t start = s.position();
    s("si 900");
    if (s.state().exited) continue;
    const uint64_t end = s.position(), sp = s.sp();
    std::vector<uint64_t> addresses = {s.reader().who().g + 40};  // g._defer
    for (uint64_t a = sp - 16; a < sp + (std::getenv("DEFERSCOPE_ALL") ? 512 : 64); a += 8) addresses.push_back(a);
    for (const uint64_t a : addresses) {
      const std::string said = s(fmt::format("lastwrite {:#x}", a));
      ASSERT_EQ(s.position(), end);
      // Forward with a watchpoint from the start.
      s(fmt::format("goto {}; watch -w {:#x}", start, a));
      uint64_t last = 0;
      while (true) {
        s("c");
        if (s.position() > end || s.state().exited) break;
        last = s.position();
      }
      s("clear all");
      s(fmt::format("goto {}", end));
      if (last == 0) continue;  // written before main.main: not on this walk
      EXPECT_TRUE(has(said, fmt::format("written at @{} by", cli::grouped(last - 1)))) << said << " last " << last;
    }
  }
}

TEST(Time, AnEditSurvivesSeeks) {
  for (const std::string& path : step_guests(17, 17)) {
    SCOPED_TRACE(path);
    Stepped s(path);
    s.console->quiet = true;
    s("si 10");
    const uint64_t p = s.position(), sp = s.sp();
    const uint64_t old = s.word(sp - 512);
    s(fmt::format("set *{:#x} 0x1234567890", sp - 512));
    EXPECT_EQ(s.word(sp - 512), 0x1234567890u);
    s("rsi 5");
    EXPECT_EQ(s.word(sp - 512), old);
    s("goto 0");
    s(fmt::format("goto {}", p));
    EXPECT_EQ(s.word(sp - 512), 0x1234567890u);
    s("rsi 3; si 3");
    EXPECT_EQ(s.position(), p);
    EXPECT_EQ(s.word(sp - 512), 0x1234567890u);
    // A second one further on, and a register: each holds from its own position on.
    s("si 20");
    const uint64_t q = s.position();
    s(fmt::format("set *(*uint16)({:#x}) 0xffff", sp - 512));
    const bool x86 = s.state().isa == isa::Isa::x86_64;
    s(x86 ? "set $r12 77" : "set R20 77");
    EXPECT_EQ(s.word(sp - 512), 0x123456ffffu);
    s(fmt::format("goto {}", p + 1));
    EXPECT_EQ(s.word(sp - 512), 0x1234567890u);
    s(fmt::format("goto 0; goto {}", q));
    EXPECT_EQ(s.word(sp - 512), 0x123456ffffu);
    EXPECT_EQ(s.reg(x86 ? isa::Reg{12} : isa::Reg{20}), 77u);
  }
}

TEST(Time, TheEndIsAPosition) {
  for (const std::string& path : step_guests(20, 20)) {
    SCOPED_TRACE(path);
    Stepped s(path);
    s.console->quiet = true;
    s("break main.main");
    s("c");
    EXPECT_TRUE(s.state().exited);
    const std::string written = s.output;
    const uint64_t end = s.position();
    s("rsi");
    EXPECT_EQ(s.position(), end - 1);
    s("si");
    EXPECT_TRUE(s.state().exited);
    s("rc");
    EXPECT_EQ(s.place(s.state().thread().cpu.pc), "main.main");
    s("c");
    EXPECT_TRUE(s.state().exited);
    EXPECT_EQ(s.position(), end);
    EXPECT_EQ(s.output, written) << "output must happen once";
    // A share is one of the whole run, which is run first if need be; output still happens once.
    for (const bool known : {true, false}) {
      Stepped t(path);
      if (known) t("c");
      EXPECT_EQ(has(t("goto 25%"), fmt::format("ran to the end first: @{}", cli::grouped(end))), !known);
      EXPECT_EQ(t.position(), end / 4);
      EXPECT_TRUE(has(t("when"), fmt::format("(25.0% of {}, the whole run)", cli::grouped(end))));
      t("goto 100%");
      EXPECT_TRUE(t.state().exited);
      EXPECT_EQ(t.output, written);
      t("back; back");
      t("goto start; set *($sp-512) 1");
      EXPECT_TRUE(has(t("when"), "seen so far")) << "a changed guest may end elsewhere";
    }
  }
}

}  // namespace
}  // namespace deferscope::test
