// The article's walk: jmpdefer, instruction by instruction. What the pane says is held against registers and memory
// read here.
#include "tests/unit/cli_guests.h"

namespace deferscope::test {
namespace {

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
    if (!has(path, "_amd64") || !has(path, "defer1_")) continue;
    SCOPED_TRACE(path);
    Stepped s(path);
    s("break jmpdefer main.main");
    std::string pane = s("c");
    if (s.state().exited) continue;  // open-coded: no jmpdefer on the way
    ++walked;
    ASSERT_TRUE(has(pane, "runtime.jmpdefer")) << pane;
    const uint64_t sp = s.sp(), funcval = s.word(sp + 8), argp = s.word(sp + 16), fn = s.word(funcval),
                   back = s.word(argp - 8);
    EXPECT_TRUE(has(explanation(pane), fmt::format("DX ← [SP+8] = {:#x} (funcval of {})", funcval, s.place(fn))))
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
    if (!has(path, "_arm64") || !has(path, "defer1_")) continue;
    SCOPED_TRACE(path);
    Stepped s(path);
    s("break jmpdefer main.main");
    std::string pane = s("c");
    if (s.state().exited) continue;
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
    if (!has(path, "defer1_")) continue;
    SCOPED_TRACE(path);
    Stepped s(path);
    const std::string text = s.fails("break jmpdefer");
    EXPECT_TRUE(has(text, "has no jmpdefer (gone in 1.18): deferreturn loops itself. Try: break deferreturn")) << text;
    ++seen;
  }
  if (seen == 0) GTEST_SKIP() << "no guests: set DEFERSCOPE_GUESTS";
}

}  // namespace
}  // namespace deferscope::test
