// How the stepper fits a screen: rows of 60, 80 and 120 columns on guests with generic functions, long names shortened
// once, whole on request.
#include <set>
#include <sstream>

#include "cli/console/layout.h"
#include "tests/unit/cli_guests.h"

namespace deferscope::test {
namespace {

using cli::columns;
using cli::rows_of;
using cli::shortened;

std::vector<std::string> lines(const std::string& text) {
  std::vector<std::string> out;
  std::istringstream in(text);
  for (std::string l; std::getline(in, l);) out.push_back(l);
  return out;
}

std::set<std::string> words(const std::string& text) {
  std::set<std::string> out;
  std::istringstream in(text);
  for (std::string w; in >> w;) out.insert(w);
  return out;
}

TEST(Layout, RowsBreakBetweenWords) {
  EXPECT_EQ(rows_of("short", 20, 4), (std::vector<std::string>{"short"}));
  EXPECT_EQ(rows_of("one two three four", 9, 2), (std::vector<std::string>{"one two", "  three", "  four"}));
  EXPECT_EQ(rows_of("a loooooooooooong word", 8, 2), (std::vector<std::string>{"a", "  loooooooooooong", "  word"}));
  EXPECT_EQ(rows_of("    in front of it", 12, 6), (std::vector<std::string>{"    in front", "      of it"}));
  EXPECT_EQ(rows_of("no limit at all", 0, 2).size(), 1u);
  EXPECT_EQ(rows_of("→ ← ▶ ö two", 8, 0), (std::vector<std::string>{"→ ← ▶ ö", "two"})) << "columns, not bytes";
  EXPECT_EQ(rows_of("one two three four", 9, 0, 2), (std::vector<std::string>{"one two", "three …"}));
  // Styles do not count, end with their row and go on in the next.
  EXPECT_EQ(rows_of("\x01"
                    "bone two\x02 x",
                    5, 1),
            (std::vector<std::string>{"\x01"
                                      "bone\x02",
                                      " \x01"
                                      "btwo\x02",
                                      " x"}));
  EXPECT_EQ(columns("\x01"
                    "b→ x\x02"),
            3u);
}

TEST(Layout, LongTypeArgumentsAreShortened) {
  EXPECT_EQ(shortened("main.Map[go.shape.int,go.shape.string].func1+12"), "main.Map[…].func1+12");
  EXPECT_EQ(shortened("main.deferAll[go.shape.struct { main.x [4]int; main.y int }] x"), "main.deferAll[…] x");
  EXPECT_EQ(shortened("main.F[int]"), "main.F[int]");
  EXPECT_EQ(shortened("x[2] a[i] map[string]int [1, 2, 3, 4, 5, 6, 7, 8, 9]"),
            "x[2] a[i] map[string]int [1, 2, 3, 4, 5, 6, 7, 8, 9]");
  EXPECT_EQ(shortened("\"f[aaaaaaaaaaaaaaaaaaaaaaaa]\""), "\"f[aaaaaaaaaaaaaaaaaaaaaaaa]\"") << "a string's text";
  EXPECT_EQ(shortened("f[aaaaaaaaaaaaaaaaaaaaaaaa"), "f[aaaaaaaaaaaaaaaaaaaaaaaa") << "never closed";
}

std::vector<std::string> generic_guests() {
  std::vector<std::string> out;
  for (const std::string& path : step_guests(21))
    if (has(path, "_1.21.") || has(path, "_1.27.")) out.push_back(path);
  return out;
}

// A walk through generic code and a panic: its stops fit, at every width, and say the same words as without a limit.
TEST(Layout, StopsFitTheScreen) {
  const auto guests = generic_guests();
  if (guests.empty()) GTEST_SKIP() << "no guests: set DEFERSCOPE_GUESTS";
  for (const std::string& path : guests)
    for (const size_t width : {60u, 80u, 120u}) {
      SCOPED_TRACE(fmt::format("{} at {}", path, width));
      Stepped s(path, {"go121-generic"}), free(path, {"go121-generic"});
      s.console->options.width = width;
      int stops = 0;
      std::vector<std::string> commands = {
          "break /go.shape/", "bt", "dis", "defers", "break panic", "help", "regs", "help c", "help all"};
      commands.insert(commands.begin() + 1, 6, "c");
      commands.insert(commands.end(), 5, "si");
      commands.insert(commands.end(), {"n", "s", "rc", "rsi"});
      for (const std::string& command : commands) {
        const std::string text = s(command), all = free(command);
        for (const std::string& l : lines(text)) {
          const size_t begins = l.find_first_not_of(' ');
          const bool one_word = begins != std::string::npos && l.find(' ', begins) == std::string::npos;
          EXPECT_TRUE(columns(l) <= width || one_word) << command << ": " << columns(l) << ": " << l;
        }
        if (width >= 100) continue;
        if (has(text, "▶ 0x") && command != "dis" && command != "bt") {
          EXPECT_LE(lines(text).size(), width >= 80 ? 15u : 17u) << command << "\n" << text;
          ++stops;
        }
        // No word is broken: all of them are words of the text without a limit.
        const auto known = words(all);
        for (const std::string& w : words(text))
          EXPECT_TRUE(known.contains(w) || w == "…") << command << ": '" << w << "'\n" << text;
      }
      EXPECT_TRUE(width >= 100 || stops > 5);
    }
}

TEST(Layout, NamesAreWholeOnRequest) {
  const auto guests = generic_guests();
  if (guests.empty()) GTEST_SKIP() << "no guests: set DEFERSCOPE_GUESTS";
  for (const std::string& path : guests) {
    SCOPED_TRACE(path);
    Stepped s(path, {"go121-generic"});
    s("break /deferAll.*struct/; c");
    const std::string text = s("bt"), whole = s("whole bt");
    EXPECT_TRUE(has(text, "main.deferAll[…]")) << text;
    EXPECT_FALSE(has(text, "go.shape.struct")) << text;
    EXPECT_TRUE(has(whole, "main.deferAll[go.shape.struct { main.x int; main.y int }]")) << whole;
    EXPECT_TRUE(has(s("bt"), "main.deferAll[…]")) << "of that one command";
  }
}

TEST(Layout, TheWidthIsSet) {
  const auto guests = generic_guests();
  if (guests.empty()) GTEST_SKIP() << "no guests: set DEFERSCOPE_GUESTS";
  Stepped s(guests[0]);
  s("set width 60");
  for (const std::string& l : lines(s("help"))) EXPECT_LE(columns(l), 60u) << l;
  EXPECT_TRUE(has(s.fails("set width 7"), "at least 40"));
  s("set width 0");
  EXPECT_EQ(s.console->options.width, 0u);
}

}  // namespace
}  // namespace deferscope::test
