// The command line itself: what is printed where, and the exit status, for each verb.
#include <gtest/gtest.h>

#include <algorithm>

#include "unit/disasm_run.h"

namespace deferscope::test {
namespace {

struct Wrong {
  const char* arguments;
  int status;
  const char* says;  // part of the one line
};

TEST(Usage, WrongWordsGiveOneLineThatSaysWhereHelpIs) {
  constexpr Wrong kWrong[] = {
      {"", 2, "see deferscope --help"},
      {"bogus", 2, "no verb 'bogus'"},
      {"--bogus", 2, "see deferscope --help"},
      {"info", 2, "see deferscope info --help"},
      {"disasm --bogus x", 2, "see deferscope disasm --help"},
      {"snap x", 2, "--at"},
      {"completion tcsh", 2, "see deferscope completion --help"},
      {"run", 125, "see deferscope run --help"},
      {"run --clock soon x", 125, "--clock"},
      {"run --cpus 0 x", 125, "--cpus"},
      {"run --cpu z80 " DEFERSCOPE_BINARY, 125, ""},
  };
  for (const Wrong& w : kWrong) {
    const Output o = run_command(std::string(DEFERSCOPE_BINARY " ") + w.arguments + " 2>&1 >/dev/null </dev/null");
    EXPECT_EQ(o.status, w.status) << w.arguments;
    EXPECT_EQ(std::count(o.text.begin(), o.text.end(), '\n'), 1) << w.arguments << ": " << o.text;
    EXPECT_TRUE(o.text.starts_with("deferscope: ")) << o.text;
    EXPECT_NE(o.text.find(w.says), std::string::npos) << w.arguments << ": " << o.text;
  }
}

TEST(Usage, HelpOfEveryVerbGoesToStdout) {
  for (const char* verb : {"", "check", "completion", "defers", "demo", "diff", "disasm", "draw", "info", "report",
                           "run", "show", "snap", "step", "trace"}) {
    const Output o = run_command(std::string(DEFERSCOPE_BINARY " ") + verb + " --help 2>&-");
    EXPECT_EQ(o.status, 0) << verb;
    EXPECT_NE(o.text.find(std::string("Usage: deferscope ") + verb), std::string::npos) << o.text;
  }
}

TEST(Usage, CompletionScriptsLoadInTheirShell) {
  const Output o =
      run_command("bash -c 'eval \"$(" DEFERSCOPE_BINARY
                  " completion bash)\"; COMP_WORDS=(deferscope ru); COMP_CWORD=1; _deferscope; echo ${COMPREPLY[@]}'");
  EXPECT_EQ(o.status, 0);
  EXPECT_EQ(o.text, "run\n");
}

// What is kept, shown and compared: an example and the exit statuses, and each flag of --help is completed.
TEST(Usage, VerbsOfTracesSayHowTheyEndAndAreCompleted) {
  const Output completion = run_command(DEFERSCOPE_BINARY " completion bash");
  for (const std::string verb : {"check", "diff", "show", "trace"}) {
    const std::string help = run_command(DEFERSCOPE_BINARY " " + verb + " --help").text;
    EXPECT_NE(help.find("Exit status:\n  "), std::string::npos) << help;
    EXPECT_NE(help.find("Example:\n  deferscope "), std::string::npos) << help;
    const size_t begin = completion.text.find(" " + verb + ") words=\"");
    ASSERT_NE(begin, std::string::npos) << completion.text;
    const std::string words = completion.text.substr(begin, completion.text.find('\n', begin) - begin);
    size_t flags = 0;
    for (size_t at = 0; (at = help.find("--", at)) != std::string::npos;) {
      const size_t end = help.find_first_not_of("abcdefghijklmnopqrstuvwxyz-0123456789", at);
      const std::string flag = help.substr(at, end - at);
      if (flag.size() > 2) {
        ++flags;
        EXPECT_NE(words.find(flag), std::string::npos) << verb << ": " << flag;
      }
      at = end;
    }
    EXPECT_GE(flags, 7U) << help;
  }
}

}  // namespace
}  // namespace deferscope::test
