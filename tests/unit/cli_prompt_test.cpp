// Everything that can be typed: every verb in every spelling on guests of all kinds, and nonsense.
#include <re2/re2.h>

#include <random>

#include "cli/console/verbs.h"
#include "tests/unit/cli_guests.h"

namespace deferscope::test {
namespace {

bool all_guests() { return std::getenv("DEFERSCOPE_ALL") != nullptr; }

// Both instruction sets of the releases at which mechanisms change.
std::vector<std::string> guests_of_each_kind() {
  std::vector<std::string> out;
  for (const int minor : {12, 13, 16, 17, 20, 22, 27})
    for (const std::string& path : step_guests(minor, minor)) out.push_back(path);
  return all_guests() ? step_guests() : out;
}

// Where a verb may say no, and why.
struct Excuse {
  const char* verb;
  const char* reason;
};
constexpr Excuse kExcuses[] = {
    {"locals", "the program has no DWARF"},
    {"args", "the program has no DWARF"},
    {"vars", "the program has no DWARF"},
    {"break", "has no jmpdefer (gone in 1.18)"},
    {"down", "this is the innermost frame"},
    {"back", "nowhere to go back to"},
    {"forward", "nowhere to go forward to"},
    {"list", "the source is read only"},
    {"deferred", "defers are pending"},
    {"clear", "no breakpoint"},
    {"condition", "no breakpoint"},
    {"disable", "no breakpoint"},
    {"enable", "no breakpoint"},
    {"toggle", "no breakpoint"},
    {"source", "cannot read"},
    {"tbreak", "not found"},
    {"thread", "no thread"},
};

bool excused(const std::string& verb, const std::string& why) {
  for (const Excuse& e : kExcuses)
    if (verb == e.verb && has(why, e.reason)) return true;
  return false;
}

TEST(Prompt, EveryVerbInEverySpelling) {
  const auto guests = guests_of_each_kind();
  if (guests.empty()) GTEST_SKIP() << "no guests: set DEFERSCOPE_GUESTS";
  for (const std::string& path : guests) {
    SCOPED_TRACE(path);
    Stepped s(path, {"panic-nested"});
    s("c main.panicNested; si 20; break main.panicNested");
    const uint64_t home = s.position();
    for (const cli::VerbGroup& g : cli::verb_groups())
      for (const cli::Command& v : g.verbs) {
        const auto names = cli::split_words(v.names);
        if (names[0] == "quit" || names[0] == "save") continue;
        const std::string example = v.example;
        const size_t space = example.find_first_of(" /");
        const std::string args = space == std::string::npos ? "" : example.substr(space);
        for (const std::string& name : names) {
          const cli::Reply r = s.console->execute(name + args);
          EXPECT_TRUE(r.ok || excused(names[0], r.plain())) << name << args << ": " << r.plain();
          EXPECT_FALSE(r.quit);
          if (s.position() != home) s(fmt::format("goto {}", home));
        }
      }
  }
}

// What `save` writes, `source` makes again.
TEST(Prompt, SavedBreakpointsComeBack) {
  const auto guests = step_guests(20, 20);
  if (guests.empty()) GTEST_SKIP() << "no guests: set DEFERSCOPE_GUESTS";
  Stepped s(guests[0], {"panic-nested"});
  s("c main.panicNested; break defer main.panicNested; break +1; tbreak main.main if $sp > 4096; watch -rw -size 4 "
    "$sp-64");
  s("condition -hitcount 1 % 2; disable 2; note the beginning");
  const std::string file = testing::TempDir() + "/saved_breakpoints.ds";
  s("save " + file);
  std::string before = s("bp");
  s("clear all; source " + file);
  std::string after = s("bp");
  // Numbers go on, and a place told from another place is told absolutely.
  for (std::string* text : {&before, &after})
    RE2::GlobalReplace(text, "(breakpoint|watchpoint) [0-9]+|: [*+0-9a-fx]+ |: [$]sp-64 ", "\\1");
  EXPECT_EQ(before, after);
  EXPECT_TRUE(has(s("note"), "the beginning"));
}

TEST(Prompt, Completion) {
  const auto guests = step_guests(22, 22);
  if (guests.empty()) GTEST_SKIP() << "no guests: set DEFERSCOPE_GUESTS";
  Stepped s(guests[0]);
  using Words = std::vector<std::string>;
  const auto all = [&](const std::string& line) { return s.console->complete(line); };
  EXPECT_EQ(all("lastw"), Words{"lastwrite"});
  EXPECT_EQ(all("si; nextd"), Words{"nextdefer"});
  EXPECT_EQ(all("help lastw"), Words{"lastwrite"});
  EXPECT_EQ(all("help unw"), Words{"unwinding"});
  EXPECT_EQ(all("whole deferr"), Words{"deferred"});
  EXPECT_EQ(all("break jm"), Words{"jmpdefer"});
  EXPECT_EQ(all("c main.deferNoA"), Words{"main.deferNoArgs"});
  EXPECT_EQ(all("list panics.g"), Words{"panics.go:"});
  EXPECT_EQ(all("syntax g"), (Words{"gnu", "go"}));
  const std::string file = testing::TempDir() + "/completed_name.ds";
  std::ofstream(file) << "si\n";
  EXPECT_EQ(all("source " + file.substr(0, file.size() - 4)), Words{file});
  EXPECT_TRUE(all("break nothing.like.this").empty());
}

// An interrupt stops the command at work, or the next if it came between two; then it is over.
TEST(Prompt, AnInterruptStopsOneCommand) {
  const auto guests = step_guests(22, 22);
  if (guests.empty()) GTEST_SKIP() << "no guests: set DEFERSCOPE_GUESTS";
  Stepped s(guests[0], {"panic-nested"});
  for (const char* command : {"c", "si 1000000", "rsi 100000", "rc", "finish"}) {
    s.console->interrupt();
    EXPECT_TRUE(has(s.fails(command), "interrupted")) << command;
    s("si");
  }
  s.console->interrupt();
  EXPECT_TRUE(s.console->take_interrupt());
  s("c");
  EXPECT_TRUE(s.state().exited);
}

// Delve's locspecs.
TEST(Prompt, PlacesAreDelves) {
  for (const std::string& path : step_guests(22, 22)) {
    SCOPED_TRACE(path);
    Stepped s(path, {"panic-nested"});
    s("c main.panicNested");
    const auto at = [&](const std::string& spec) { return s.console->session.places().locate(spec); };
    const uint64_t entry = s.state().thread().cpu.pc;
    const std::string line = s.reader().line(entry);
    const int first = std::atoi(line.c_str() + line.find(':') + 1);
    const std::string file = line.substr(0, line.find(':'));
    EXPECT_EQ(at("main.panicNested"), at(fmt::format("*{:#x}", entry)));
    EXPECT_EQ(at("panicNested"), at("main.panicNested"));
    EXPECT_EQ(at("main.panicNested:1"), at(fmt::format("{}:{}", file, first + 1)));
    EXPECT_EQ(at("+1"), at(fmt::format("{}", first + 1)));
    EXPECT_EQ(at("/^main.panicNested$/"), at("main.panicNested"));
    EXPECT_EQ(at("main.panicNested+8")[0], entry + 8);
    EXPECT_EQ(at("(*_panic).nextDefer"), at("runtime.(*_panic).nextDefer"));
    EXPECT_THROW(at("/(/"), session::Error);
    EXPECT_THROW(at("main.panicNested:99999999999"), session::Error);
  }
}

// One grammar: what names a moment names the same one after goto, until, c and break, whichever way it is written.
TEST(Prompt, WhereMeansTheSameToAllCommands) {
  for (const std::string& path : step_guests(22, 22)) {
    SCOPED_TRACE(path);
    Stepped s(path, {"defer-mixed"});
    const auto at = [&](const std::string& command) {
      s("clear all; goto start");
      s(command);
      return s.position();
    };
    const emu::Position second = at("c main.mark16; c main.mark16");
    const uint64_t entry = s.state().thread().cpu.pc;
    s("c");
    const emu::Position end = s.position();
    const std::vector<std::string> spellings = {"main.mark16#2",
                                                "mark16#2",
                                                fmt::format("*{:#x}#2", entry),
                                                "/^main.mark16$/#2",
                                                fmt::format("@{}", second),
                                                fmt::format("@{}", cli::grouped(second)),
                                                fmt::format("@+{}", second - at("when"))};
    for (const std::string& where : spellings)
      for (const char* command : {"goto {}", "until {}", "c {}", "advance {}", "break {}; c", "tbreak {}; c"})
        EXPECT_EQ(at(fmt::format(fmt::runtime(command), where)), second) << command << " " << where;
    EXPECT_EQ(at("goto 75%"), static_cast<emu::Position>(static_cast<double>(end) * 0.75));
    EXPECT_EQ(at(fmt::format("goto {}", second)), second);
    for (const char* command : {"until 100%", "c end", "goto end"}) EXPECT_EQ(at(command), end) << command;
    const uint64_t event = s.console->session.tracker()->events() - 1;
    const emu::Position last = s.console->session.tracker()->position_of(event);
    ASSERT_GT(last, at("when"));
    for (const char* command : {"goto event:{}", "until event:{}", "break event:{}; c"})
      EXPECT_EQ(at(fmt::format(fmt::runtime(command), event)), last) << command;
    // A breakpoint at a moment is met on the way back too.
    s(fmt::format("clear all; break @{}; goto end; rc", second));
    EXPECT_EQ(s.position(), second);
    EXPECT_TRUE(has(s.fails("until start"), "lies behind"));
    EXPECT_TRUE(has(s.fails("list @5"), "is a moment"));
    EXPECT_TRUE(has(s.fails("goto main.mark16#99"), "before that"));
    EXPECT_EQ(s.position(), second) << "what was not found moves nothing";
    EXPECT_TRUE(has(s.fails("break 50%#2"), "several times"));
  }
}

// Words that commands are made of, and others; put together at random they must give a line, never an end.
constexpr const char* kWords[] = {
    "si",          "ni",        "s",
    "n",           "finish",    "c",
    "rsi",         "rni",       "rs",
    "rn",          "rc",        "rev",
    "r",           "break",     "tbreak",
    "condition",   "clear",     "bp",
    "watch",       "lastwrite", "goto",
    "when",        "back",      "forward",
    "nextcall",    "nextret",   "nextdefer",
    "prevdefer",   "regs",      "set",
    "x",           "print",     "locals",
    "args",        "bt",        "goroutines",
    "goroutine",   "threads",   "defers",
    "panics",      "frame",     "dis",
    "list",        "info",      "up",
    "down",        "stack",     "deferred",
    "display",     "until",     "advance",
    "draw",        "snap",      "note",
    "note-at",     "whole",     "width",
    "syntax",      "help",      "position",
    "thread",      "rfinish",   "if",
    "defer",       "panic",     "recover",
    "goexit",      "jmpdefer",  "recovery",
    "run",         "main.main", "runtime.gopanic",
    "gogo",        "*",         "*$sp",
    "$sp",         "$pc",       "$bp+8",
    "0",           "1",         "2",
    "-1",          "7",         "100",
    "1000",        "0x10",      "50%",
    "start",       "-any",      "-r",
    "-w",          "-rw",       "-size",
    "-hitcount",   "-d",        "-a",
    "-fmt",        "/4gx",      "/i",
    "hex",         "==",        ">",
    "%",           "(",         ")",
    "((",          "&x",        "x.y",
    "main.go:31",  "+1",        "/main/",
    "/(/",         "\"",        ";",
    "#",           "\x80\xff",  "99999999999999999999",
    "all",         "go",        "event:3",
    "main.main#2", "@+7",       "end",
    "@50%",        "#1",
};

TEST(Prompt, NonsenseNeverEndsASession) {
  const auto guests = step_guests();
  if (guests.empty()) GTEST_SKIP() << "no guests: set DEFERSCOPE_GUESTS";
  std::mt19937 random(20260117);
  const auto pick = [&](size_t n) { return std::uniform_int_distribution<size_t>(0, n - 1)(random); };
  const size_t sessions = all_guests() ? guests.size() : 4;
  const int lines = all_guests() ? 2000 : 400;
  for (size_t i = 0; i < sessions; ++i) {
    const std::string& path = guests[guests.size() * i / sessions];
    SCOPED_TRACE(path);
    Stepped s(path, {"panic-nested"});
    for (int n = 0; n < lines; ++n) {
      std::string line;
      for (size_t w = pick(5) + 1; w-- > 0;)
        line += std::string(line.empty() ? "" : " ") + kWords[pick(std::size(kWords))];
      SCOPED_TRACE(line);
      const cli::Reply r = s.console->execute(line);
      ASSERT_FALSE(r.quit);
      ASSERT_TRUE(r.ok || !r.plain().empty());
      if (n % 50 == 0) s.console->execute("clear all");
    }
    s("clear all; goto start");
    s("si");
  }
}

// help lists topics, each topic's page its commands, and every command has a page with an example.
TEST(Prompt, HelpHasTopicsAndPages) {
  const auto guests = step_guests();
  if (guests.empty()) GTEST_SKIP() << "no guests: set DEFERSCOPE_GUESTS";
  Stepped s(guests[0]);
  const std::string list = s("help"), all = s("help all");
  for (const cli::VerbGroup& g : cli::verb_groups()) {
    EXPECT_TRUE(has(list, std::string("  ") + g.topic + " ")) << list;
    const std::string page = s(std::string("help ") + g.topic);
    EXPECT_TRUE(has(all, page)) << page;
    for (const cli::Command& v : g.verbs) {
      const std::string name = cli::split_words(v.names)[0];
      EXPECT_TRUE(has(page, "\n  " + name + " ")) << page;
      const std::string help = s("help " + name);
      EXPECT_EQ(help.compare(0, name.size() + 1, name + " "), 0) << help;
      EXPECT_TRUE(has(help, "\nexample: ")) << help;
    }
  }
  for (const char* page : {"places", "unwinding", "screen"}) {
    EXPECT_TRUE(has(list, std::string("  ") + page)) << list;
    EXPECT_TRUE(has(s(std::string("help ") + page), "  example: "));
  }
  EXPECT_TRUE(has(s.fails("help frobnicate"), "no command or topic"));
}

}  // namespace
}  // namespace deferscope::test
