// What the disasm verb says to bad input, and its -s patterns.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "unit/disasm_run.h"

namespace deferscope::test {
namespace {

namespace fs = std::filesystem;

TEST(Disasm, BadInputGivesOneLineAndStatus2) {
  const fs::path bad = fs::path(testing::TempDir()) / "disasm_bad_input";
  std::ofstream(bad) << "not a program";
  const std::string arguments[] = {"/nonexistent",
                                   bad.string(),
                                   "-s '(' " DEFERSCOPE_BINARY,
                                   DEFERSCOPE_BINARY " 10",
                                   DEFERSCOPE_BINARY " xyz 20",
                                   DEFERSCOPE_BINARY " 10 ''",
                                   DEFERSCOPE_BINARY " 10000000000000000 0",
                                   DEFERSCOPE_BINARY " 20 10",
                                   DEFERSCOPE_BINARY " 1 2 3",
                                   "--source /nonexistent " DEFERSCOPE_BINARY,
                                   "--nonesuch " DEFERSCOPE_BINARY,
                                   ""};
  for (const std::string& a : arguments) {
    const Output o = run(a);
    EXPECT_EQ(o.status, 2) << a;
    EXPECT_EQ(std::count(o.text.begin(), o.text.end(), '\n'), 1) << a << ": " << o.text;
    EXPECT_TRUE(o.text.starts_with("deferscope: ")) << o.text;
  }
  fs::remove(bad);
}

// As objdump: nothing is printed, and nothing is wrong.
TEST(Disasm, NothingToList) {
  for (const char* arguments : {"-s '^no such function$' " DEFERSCOPE_BINARY, DEFERSCOPE_BINARY " 1 2"}) {
    const Output o = run(arguments);
    EXPECT_EQ(o.status, 0) << arguments;
    EXPECT_EQ(o.text, "") << arguments;
  }
}

// A C++ program is no Go program, but its functions have names: the verb lists them.
TEST(Disasm, ProgramThatIsNotGo) {
  const Output o = run("-s '^main$' " DEFERSCOPE_BINARY);
  EXPECT_EQ(o.status, 0);
  EXPECT_TRUE(o.text.starts_with("TEXT main(SB) \n  :0\t")) << o.text.substr(0, 200);
}

// Go's syntax of patterns (RE2's): flags inside, Unicode classes, no look-ahead.
TEST(Disasm, PatternsAreGos) {
  for (const char* pattern : {"^main$", "(?i)^MAIN$", "^\\pL{4}$", "^[[:alpha:]]ain\\z"}) {
    const Output o = run("-s '" + std::string(pattern) + "' " DEFERSCOPE_BINARY);
    EXPECT_EQ(o.status, 0) << o.text;
    EXPECT_NE(o.text.find("TEXT main(SB)"), o.text.npos) << pattern;
  }
  for (const char* pattern : {"(?=main)", "(a", "a**", "\\8", "[z-a]", "(a\nb"}) {
    const Output o = run("-s '" + std::string(pattern) + "' " DEFERSCOPE_BINARY);
    EXPECT_EQ(o.status, 2) << pattern;
    EXPECT_EQ(std::count(o.text.begin(), o.text.end(), '\n'), 1) << o.text;
  }
}

}  // namespace
}  // namespace deferscope::test
