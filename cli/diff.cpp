// `deferscope diff A B [C…] [-- ARGS]`: runs beside each other. Exit status as diff(1): 0 same, 1 different, 2 trouble.
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>

#include "cli/command_line.h"
#include "cli/compared.h"
#include "cli/show_insn.h"
#include "cli/verbs.h"
#include "emu/error.h"
#include "traces/compare_reports.h"
#include "traces/compare_text.h"
#include "traces/insn_reader.h"

namespace deferscope::cli {
namespace {

struct DiffFlags {
  GuestFlags guest;
  CompareFlags compare;
  std::vector<std::string> inputs;
  uint64_t width = 0;
  bool json = false, semantics = false;
};

size_t terminal_width() {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col) return size.ws_col;
  const char* columns = std::getenv("COLUMNS");
  const long n = columns ? std::strtol(columns, nullptr, 10) : 0;
  return n > 0 ? static_cast<size_t>(n) : 120;
}

void print(std::string_view text) { std::fwrite(text.data(), 1, text.size(), stdout); }

// Traces of instructions are compared with each other only.
std::optional<int> of_instructions(const DiffFlags& flags) {
  size_t n = 0;
  for (const std::string& i : flags.inputs) n += i != "-" && traces::InsnTrace::is_one(i);
  if (n == 0) return std::nullopt;
  if (n != 2 || flags.inputs.size() != 2)
    throw emu::Error("a trace of instructions is compared with another one: name two (check compares one with a run)");
  if (flags.json || flags.semantics || flags.compare.github || !flags.compare.junit.empty() ||
      !flags.compare.ignore.empty())
    throw emu::Error(
        "of instructions the first difference is told, as text: --json, --semantics, --ignore, --github and --junit "
        "are of events");
  return diff_instructions(flags.inputs[0], flags.inputs[1]);
}

int diff(const DiffFlags& flags) {
  if (const auto status = of_instructions(flags)) return *status;
  const traces::StoryOptions options = story_options(flags.compare);
  traces::CompareTextOptions text = text_options(flags.compare);
  text.semantics = flags.semantics;
  text.width = flags.width ? flags.width : terminal_width();
  traces::SharedTexts texts;
  const std::vector<traces::Column> columns = columns_of(flags.inputs, flags.guest, options, texts);
  if (columns.size() < 2)
    throw emu::Error("nothing to compare with: name two inputs, or Go source and several releases (--go)");
  const traces::Comparison comparison(columns, texts.texts);
  if (flags.json)
    print(comparison_json(comparison, text));
  else if (flags.compare.github)
    print(comparison_annotations(comparison, text, path_in_repository));
  else
    write_comparison(print, comparison, text);
  if (!flags.compare.junit.empty())
    write_file(flags.compare.junit, traces::junit_document(comparison_junit(comparison, text, "deferscope diff")));
  if (comparison.usable() < 2) return 2;
  const bool mechanism = comparison.mechanism_differences() && !flags.semantics;
  return comparison.semantic_differences() || mechanism ? 1 : 0;
}

}  // namespace

void add_diff(CLI::App& app, Action& action) {
  Verb verb(app, action, "diff",
            "Compare runs: what their defers, panics and recoveries did (0 same, 1 different, 2 trouble)");
  auto flags = std::make_shared<DiffFlags>();
  verb.flag("--semantics", flags->semantics, "What differs in mechanism alone is no difference");
  add_compare_flags(verb, flags->compare);
  verb.flag("--json", flags->json, "Print JSON (deferscope.diff/1) instead of text");
  verb.option("--width", flags->width, "Of a matrix (0: the terminal's, or 120)").unit("COLUMNS");
  add_world_flags(verb, flags->guest, false);
  add_source_flags(verb, flags->guest.source);
  verb.option("INPUT", flags->inputs,
              "Traces (-: standard input), programs, Go source; behind -- the programs' arguments")
      .required()
      .values(1, 1000);
  verb.behind_dashes(flags->guest.command);
  verb.statuses("0 same, 1 different, 2 trouble: a usage error, or fewer than two runs to compare");
  verb.example("deferscope diff --go 1.21,1.25,1.26 prog.go");
  verb.does([flags] { return diff(*flags); });
}

}  // namespace deferscope::cli
