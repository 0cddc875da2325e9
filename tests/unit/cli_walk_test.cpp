// The article's walk: jmpdefer, instruction by instruction. What the pane says is held against registers and memory
// read here.
#include "tests/unit/cli_guests.h"

namespace deferscope::test {
namespace {

bool is_cases(const std::string& path) { return has(path, "/cases_") || has(path, "/casessmall_"); }

std::string explanation(const std::string& pane) {
  // The lines from ▶ to the next instruction.
  const size_t at = pane.rfind("▶");
  EXPECT_NE(at, std::string::npos) << pane;
  if (at == std::string::npos) return {};
  size_t end = pane.find("\n  0x", at);
  return pane.substr(at, end == std::string::npos ? end : end - at);
}

TEST(Walk, JmpdeferOnAmd64) {
  int walked = 0;
  for (const std::string& path : step_guests(12, 17)) {
    if (!has(path, "_amd64") || !is_cases(path)) continue;
    SCOPED_TRACE(path);
    Stepped s(path, {"defer-args8"});
    s("break jmpdefer main.deferArgs8");
    std::string pane = s("c");
    ASSERT_FALSE(s.state().exited);
    ++walked;
    ASSERT_TRUE(has(pane, "runtime.jmpdefer")) << pane;
    const uint64_t sp = s.sp(), funcval = s.word(sp + 8), argp = s.word(sp + 16), fn = s.word(funcval),
                   back = s.word(argp - 8);
    EXPECT_TRUE(has(explanation(pane), fmt::format("DX ← [SP+8] = {:#x} (funcval of {}", funcval, s.place(fn))))
        << pane;
    pane = s("si 2");
    EXPECT_TRUE(has(explanation(pane), fmt::format("SP {:#x} → {:#x}: deferreturn's frame dropped;", sp, argp - 8)))
        << pane;
    EXPECT_TRUE(
        has(explanation(pane), fmt::format("[SP] = {:#x} ({}), where deferreturn would return", back, s.place(back))))
        << pane;
    pane = s("si 2");
    EXPECT_EQ(s.sp(), argp - 8);
    EXPECT_EQ(s.word(s.sp()), back);
    EXPECT_TRUE(has(explanation(pane), fmt::format("return address {:#x} → {:#x} (−5)", back, back - 5))) << pane;
    EXPECT_TRUE(has(explanation(pane),
                    fmt::format("{} → {} = CALL runtime.deferreturn(SB) (5 bytes)", s.place(back), s.place(back - 5))))
        << pane;
    EXPECT_TRUE(has(explanation(pane), fmt::format("⇒ when {} returns, deferreturn is called AGAIN", s.place(fn))))
        << pane;
    pane = s("si");
    EXPECT_EQ(s.word(s.sp()), back - 5);
    pane = s("si");
    EXPECT_TRUE(has(explanation(pane),
                    fmt::format("jump, not call: {} inherits that return address, {}", s.place(fn), s.place(back - 5))))
        << pane;
    pane = s("si");
    EXPECT_EQ(s.state().thread().cpu.pc, fn);
    pane = s("finish");
    EXPECT_EQ(s.state().thread().cpu.pc, back - 5) << pane;
    // Backwards to the same places.
    s("rsi");
    s("rc");
    EXPECT_EQ(s.sp(), sp);
    EXPECT_EQ(s.place(s.state().thread().cpu.pc), "runtime.jmpdefer");
  }
  if (walked == 0) GTEST_SKIP() << "no guest with jmpdefer: set DEFERSCOPE_GUESTS";
}

TEST(Walk, JmpdeferOnArm64) {
  int walked = 0;
  for (const std::string& path : step_guests(12, 17)) {
    if (!has(path, "_arm64") || !is_cases(path)) continue;
    SCOPED_TRACE(path);
    Stepped s(path, {"defer-args8"});
    s("break jmpdefer main.deferArgs8");
    std::string pane = s("c");
    ASSERT_FALSE(s.state().exited);
    ++walked;
    const uint64_t sp = s.sp(), back = s.word(sp), funcval = s.word(sp + 8), argp = s.word(sp + 16),
                   fn = s.word(funcval);
    EXPECT_TRUE(has(explanation(pane), fmt::format("R0 ← [SP] = {:#x} ({})", back, s.place(back)))) << pane;
    EXPECT_TRUE(has(explanation(pane), "the LR that deferreturn saved")) << pane;
    pane = s("si");
    EXPECT_TRUE(has(explanation(pane), fmt::format("R0 ← R0 − 4 = {:#x} ({})", back - 4, s.place(back - 4)))) << pane;
    pane = s("si");
    EXPECT_TRUE(has(explanation(pane),
                    fmt::format("LR ← R0 = {:#x} ({}) = CALL runtime.deferreturn(SB)", back - 4, s.place(back - 4))))
        << pane;
    EXPECT_TRUE(has(explanation(pane), fmt::format("⇒ when {} returns, deferreturn is called AGAIN", s.place(fn))))
        << pane;
    EXPECT_TRUE(has(explanation(pane), "no memory changes")) << pane;
    pane = s("si 3");
    EXPECT_TRUE(has(explanation(pane), "deferreturn's frame dropped")) << pane;
    s("si 2");
    EXPECT_EQ(s.sp(), argp - 8);
    s("si 2");
    EXPECT_EQ(s.state().thread().cpu.pc, fn);
    EXPECT_EQ(s.reg(isa::kX30), back - 4);
    s("finish");
    EXPECT_EQ(s.state().thread().cpu.pc, back - 4);
  }
  if (walked == 0) GTEST_SKIP() << "no guest with jmpdefer: set DEFERSCOPE_GUESTS";
}

TEST(Walk, LaterVersionsSayThatJmpdeferIsGone) {
  int seen = 0;
  for (const std::string& path : step_guests(18, 27)) {
    if (!is_cases(path)) continue;
    SCOPED_TRACE(path);
    Stepped s(path);
    const std::string text = s.fails("break jmpdefer");
    EXPECT_TRUE(has(text, "has no jmpdefer (gone in 1.18): deferreturn loops itself. Try: break deferreturn")) << text;
    ++seen;
  }
  if (seen == 0) GTEST_SKIP() << "no guests: set DEFERSCOPE_GUESTS";
}

// Go 1.14 and later: a store to deferBits registers; the pane says which bit appears.
TEST(Walk, OpenCodedDefersAppearAsBits) {
  int walked = 0;
  for (const std::string& path : step_guests(14, 27)) {
    if (!is_cases(path) || has(path, "_nopt_")) continue;
    SCOPED_TRACE(path);
    Stepped s(path, {"panic-nested"});
    s("break defer main.panicNested");
    for (unsigned i = 1; i <= 2; ++i) {
      const std::string pane = s("c");
      ASSERT_FALSE(s.state().exited) << pane;
      const std::string why = explanation(pane);
      const unsigned before = (1u << (i - 1)) - 1, after = (1u << i) - 1;
      EXPECT_TRUE(has(why, fmt::format("deferBits of main.panicNested: {:08b} → {:08b}", before, after))) << pane;
      EXPECT_TRUE(has(why, fmt::format("⇒ the defer in slot {} of main.panicNested is now pending", i - 1))) << pane;
    }
    ++walked;
  }
  if (walked == 0) GTEST_SKIP() << "no such guest: set DEFERSCOPE_GUESTS";
}

// A recovery cuts frames: the call of gopanic does not return, `ni` and `finish` stop where execution goes on and say
// why.
TEST(Walk, RecoveryIsWhereTheCallOfGopanicGoesOn) {
  int walked = 0;
  for (const std::string& path : step_guests(12, 27)) {
    if (!is_cases(path)) continue;
    SCOPED_TRACE(path);
    Stepped s(path, {"panic-nested"});
    s("tbreak main.panicNested; c; tbreak gopanic; c; rsi");
    ASSERT_TRUE(has(s.place(s.state().thread().cpu.pc), "main.panicNested+"));
    const uint64_t sp = s.sp(), call = s.state().thread().cpu.pc, p = s.position();
    const std::string pane = s("ni");
    EXPECT_TRUE(has(pane, "did not return: runtime.recovery cut the frames above")) << pane;
    const uint64_t pc = s.state().thread().cpu.pc;
    EXPECT_EQ(s.sp(), sp) << pane;
    EXPECT_TRUE(has(s.place(pc), "main.panicNested+")) << pane;
    const auto* go = s.console->session.time().machine().image().go();
    const auto f = go->funcs.at(pc);
    const bool at_deferreturn = go->version.minor >= 25 || (go->version.minor >= 14 && !has(path, "_nopt_"));
    if (at_deferreturn) {
      EXPECT_EQ(pc, f->entry + f->deferreturn) << pane;
    }
    // And back over it.
    s("rni");
    EXPECT_EQ(s.position(), p);
    EXPECT_EQ(s.state().thread().cpu.pc, call);
    // From within gopanic, `finish` ends there too.
    s("si");
    const std::string finished = s("finish");
    EXPECT_TRUE(has(finished, "did not return: runtime.recovery cut the frames above")) << finished;
    EXPECT_EQ(s.state().thread().cpu.pc, pc);
    ++walked;
  }
  if (walked == 0) GTEST_SKIP() << "no such guest: set DEFERSCOPE_GUESTS";
}

// Who calls a deferred function: each stop of `break run` is a call or jump to a function, entered by one step.
TEST(Walk, BreakRunStopsBeforeEachDeferredCall) {
  int walked = 0;
  for (const std::string& path : step_guests(12, 27)) {
    if (!is_cases(path)) continue;
    SCOPED_TRACE(path);
    Stepped s(path, {"defer-loop"});
    s("break run main.deferLoop");
    int calls = 0;
    while (calls < 100) {
      const std::string pane = s("c");
      if (s.state().exited) break;
      const std::string why = explanation(pane);
      EXPECT_TRUE(has(why, "calls ") || has(why, "goes to ")) << pane;
      const int minor = s.console->session.time().machine().image().go()->version.minor;
      const std::string expected = minor >= 18 ? "deferreturn's loop runs main.deferLoop." : "jump, not call: main.";
      EXPECT_TRUE(has(why, expected)) << pane;
      ++calls;
    }
    EXPECT_GT(calls, 1);
    std::vector<uint64_t> back;
    for (int i = 0; i < calls; ++i) {
      s("rc");
      back.push_back(s.position());
    }
    EXPECT_TRUE(std::is_sorted(back.rbegin(), back.rend()));
    ++walked;
  }
  if (walked == 0) GTEST_SKIP() << "no such guest: set DEFERSCOPE_GUESTS";
}

// Line steps there and back end on the same lines.
TEST(Walk, LineStepsAreUndone) {
  int walked = 0;
  for (const std::string& path : step_guests(12, 27)) {
    if (!is_cases(path)) continue;
    SCOPED_TRACE(path);
    Stepped s(path, {"panic-nested"});
    s.console->quiet = true;
    s("tbreak main.panicNested; c");
    const auto line = [&] { return s.reader().line(s.state().thread().cpu.pc); };
    std::vector<std::string> lines;
    std::vector<uint64_t> positions;
    lines.push_back(line());
    positions.push_back(s.position());
    while (lines.size() < 6) {
      s("n");
      if (line() == lines.back()) break;                                         // a recovery went on within the line
      if (!has(s.place(s.state().thread().cpu.pc), "main.panicNested+")) break;  // back in the caller
      lines.push_back(line());
      positions.push_back(s.position());
    }
    ASSERT_GT(lines.size(), 2u);
    s(fmt::format("goto {}", positions.back()));
    for (size_t i = lines.size() - 1; i-- > 0;) {
      s("rn");
      EXPECT_EQ(line(), lines[i]) << i;
      EXPECT_LE(s.position(), positions[i]);
    }
    ++walked;
  }
  if (walked == 0) GTEST_SKIP() << "no such guest: set DEFERSCOPE_GUESTS";
}

// say calls small functions of strconv that the compiler inlines: n goes over them, rn too, s goes in, finish out.
TEST(Walk, LineStepsTakeInlinedFunctionsForCalls) {
  int inlined = 0, entered = 0;
  for (const std::string& path : sampled_guests()) {
    if (!has(path, "_opt_")) continue;
    SCOPED_TRACE(path);
    Stepped s(path, {"defer-results"});
    s("c main.deferResults; c main.say; si 3");
    const model::Function* say = s.reader().function(s.reader().pc());
    const uint64_t depth = s.reader().depth();
    const uint64_t first = s.position();
    const auto here = [&] { return s.reader().function(s.reader().pc()) == say && s.reader().depth() <= depth + 1024; };
    if (!s.reader().program()->go().funcs.inline_runs(say->f).empty()) ++inlined;
    std::vector<uint64_t> stops;
    for (int i = 0; i < 100; ++i) {
      s("n");
      if (!here()) break;
      stops.push_back(s.position());
      EXPECT_EQ(s.reader().inlined(s.reader().pc()), "") << s("position");
    }
    EXPECT_FALSE(here()) << "it never returned";
    ASSERT_FALSE(stops.empty());
    s(fmt::format("goto {}", stops.back()));
    for (int i = 0; i < 100 && s.position() > first; ++i) {
      s("rn");
      EXPECT_TRUE(!here() || s.reader().inlined(s.reader().pc()).empty()) << s("position");
    }
    // Into one, and out of it.
    s(fmt::format("goto {}", first));
    for (int i = 0; i < 100 && here(); ++i) {
      s("s");
      const std::string name = s.reader().inlined(s.reader().pc());
      if (!here() || name.empty()) continue;
      const uint64_t inside = s.position();
      const std::string out = s("finish");
      EXPECT_TRUE(has(out, "out of inlined " + name)) << out;
      EXPECT_NE(s.reader().inlined(s.reader().pc()), name) << out;
      s(fmt::format("goto {}; rfinish", inside));
      EXPECT_LT(s.position(), inside);
      EXPECT_NE(s.reader().inlined(s.reader().pc()), name);
      ++entered;
      break;
    }
  }
  if (inlined == 0) GTEST_SKIP() << "no guests: set DEFERSCOPE_GUESTS";
#ifndef __SANITIZE_ADDRESS__  // of the few guests there none need have a line that steps into one
  EXPECT_GT(entered, 0);
#endif
}

// n over a call that panics stops in the deferred function of this very frame, and over its end where it is recovered
// (delve: NextDeferBreak); in a frame without one it goes to the next line.
TEST(Walk, LineStepsOverAPanicStopInTheDeferredFunction) {
  const auto guests = sampled_guests();
  if (guests.empty()) GTEST_SKIP() << "no guests: set DEFERSCOPE_GUESTS";
  for (const std::string& path : guests) {
    SCOPED_TRACE(path);
    Stepped s(path, {"panic-through"});
    s("c main.panicThrough");
    std::string text;
    for (int i = 0; i < 5 && !has(text, "runs this deferred function"); ++i) text = s("n");
    EXPECT_TRUE(has(text, "a panic or Goexit runs this deferred function")) << text;
    EXPECT_EQ(s.place(s.reader().pc()), "main.recovered") << text;
    const uint64_t begun = s.position();
    for (int i = 0; i < 20 && has(s.place(s.reader().pc()), "main.recovered"); ++i) text = s("n");
    EXPECT_TRUE(has(text, "execution goes on at main.panicThrough+")) << text;
    s(fmt::format("goto {}; rn", begun));
    EXPECT_FALSE(has(s.place(s.reader().pc()), "runtime.")) << "back to the call that panicked: " << s("position");
    // main.main has no defer of its own.
    s("goto main.main");
    for (int i = 0; i < 20; ++i) {
      text = s("n");
      EXPECT_FALSE(has(text, "deferred function")) << text;
      if (!has(s.place(s.reader().pc()), "main.main")) break;
    }
  }
}

}  // namespace
}  // namespace deferscope::test
