// `deferscope diff A B [C…] [-- ARGS]`: runs beside each other. Exit status as diff(1): 0 same, 1 different, 2 trouble.
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "cli/command_line.h"
#include "cli/compared.h"
#include "cli/trace.h"
#include "cli/verbs.h"
#include "emu/error.h"
#include "traces/compare_text.h"

namespace deferscope::cli {
namespace {

struct DiffFlags {
  GuestFlags guest;
  std::vector<std::string> inputs, ignore;
  std::string scope = "user";
  traces::CompareTextOptions text;
  uint64_t context = 3, width = 0;
  bool total_order = false;
};

size_t terminal_width() {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col) return size.ws_col;
  const char* columns = std::getenv("COLUMNS");
  const long n = columns ? std::strtol(columns, nullptr, 10) : 0;
  return n > 0 ? static_cast<size_t>(n) : 120;
}

int diff(DiffFlags& flags) {
  traces::StoryOptions options;
  options.scope = scope_of(flags.scope);
  options.total_order = flags.total_order;
  options.ignore = {flags.ignore.begin(), flags.ignore.end()};
  traces::SharedTexts texts;
  const std::vector<traces::Column> columns = columns_of(flags.inputs, flags.guest, options, texts);
  if (columns.size() < 2) throw emu::Error("nothing to compare with: two inputs are wanted, or Go source and --go with several releases");
  const traces::Comparison comparison(columns, texts.texts);
  flags.text.context = flags.context;
  flags.text.width = flags.width ? flags.width : terminal_width();
  write_comparison([](std::string_view text) { std::fwrite(text.data(), 1, text.size(), stdout); }, comparison, flags.text);
  if (comparison.usable() < 2) return 2;
  const bool mechanism = comparison.mechanism_differences() && !flags.text.semantics;
  return comparison.semantic_differences() || mechanism ? 1 : 0;
}

}  // namespace

void add_diff(CLI::App& app, Action& action) {
  Verb verb(app, action, "diff", "Compare runs: what their defers, panics and recoveries did (0 same, 1 different, 2 trouble)");
  auto flags = std::make_shared<DiffFlags>();
  verb.flag("--semantics", flags->text.semantics, "What differs in mechanism alone is no difference");
  verb.flag("--mechanism", flags->text.mechanism, "Show what differs in mechanism, not only how much");
  verb.flag("--total-order", flags->total_order, "Compare the order of all goroutines' events, not each goroutine's alone");
  verb.option("--scope", flags->scope, "Whose defers are compared").one_of({"user", "std", "all"});
  verb.option("--ignore", flags->ignore, "Leave out a kind of event, a field, stdout, stderr or values (repeatable)").unit("WORD").repeatable();
  verb.option("--context", flags->context, "What is the same around a difference").unit("LINES").show_default();
  verb.option("--width", flags->width, "Of a matrix (0: the terminal's, or 120)").unit("COLUMNS");
  add_world_flags(verb, flags->guest, false);
  add_source_flags(verb, flags->guest.source);
  verb.option("INPUT", flags->inputs, "Traces (-: standard input), programs, Go source; behind -- the programs' arguments").required().values(1, 1000);
  verb.behind_dashes(flags->guest.command);
  verb.example("deferscope diff --go 1.21,1.25,1.26 prog.go");
  verb.does([flags] { return diff(*flags); });
}

}  // namespace deferscope::cli
