// `deferscope check GOLDEN BIN [ARGS]`: a run against the golden text that is kept beside the program; a folder of
// both. Exit status as of diff: 0 same, 1 different, 2 trouble.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <sstream>

#include "cli/command_line.h"
#include "cli/compared.h"
#include "cli/show_insn.h"
#include "cli/verbs.h"
#include "emu/error.h"
#include "traces/compare_reports.h"
#include "traces/golden.h"
#include "traces/insn_reader.h"

namespace deferscope::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* kSuffix = ".golden";

struct CheckFlags {
  GuestFlags guest;
  CompareFlags compare;
  std::vector<std::string> words;  // GOLDEN BIN ARGS
  bool update = false;
};

// A golden and its program.
struct Check {
  std::string golden, program;
  std::vector<std::string> arguments;
};

std::string read_text(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream all;
  all << in.rdbuf();
  if (!in) throw emu::Error(fmt::format("{}: it cannot be read", path));
  return all.str();
}

// Beside NAME.golden: NAME, a program or a folder of Go source, or NAME.go.
std::string program_of(const fs::path& golden) {
  fs::path stem = golden;
  stem.replace_extension();
  for (const fs::path& p : {stem, fs::path(stem.string() + ".go")})
    if (fs::exists(p)) return p;
  throw emu::Error(fmt::format("{}: neither {} nor {}.go is there", golden.string(), stem.string(), stem.string()));
}

std::vector<Check> checks_of(const std::vector<std::string>& words) {
  std::vector<Check> out;
  if (!fs::is_directory(words[0])) {
    if (words.size() < 2)
      throw emu::Error("check GOLDEN BIN [ARGS]: BIN is missing; of a folder goldens find their programs");
    return {{words[0], words[1], {words.begin() + 2, words.end()}}};
  }
  if (words.size() > 1)
    throw emu::Error(fmt::format("{} is a folder: its goldens say which programs and arguments", words[0]));
  for (const auto& e : fs::directory_iterator(words[0]))
    if (e.path().extension() == kSuffix) out.push_back({e.path(), "", {}});
  if (out.empty()) throw emu::Error(fmt::format("{}: no {} in this folder", words[0], kSuffix));
  std::sort(out.begin(), out.end(), [](const Check& a, const Check& b) { return a.golden < b.golden; });
  return out;
}

class Checker {
 public:
  explicit Checker(const CheckFlags& flags) : flags_(flags) {}

  int run() {
    for (Check& check : checks_of(flags_.words)) {
      try {
        one(check);
      } catch (const std::exception& e) {
        complain(e.what());
        suites_ += traces::junit_trouble(check.golden, e.what());
        status_ = 2;
      }
    }
    if (!flags_.compare.junit.empty()) write_file(flags_.compare.junit, traces::junit_document(suites_));
    return status_;
  }

 private:
  void one(Check& check) {
    if (traces::InsnTrace::is_one(check.golden)) return of_instructions(check);
    traces::SharedTexts texts;
    if (check.program.empty()) check.program = program_of(check.golden);
    std::optional<traces::Golden> golden;
    if (fs::exists(check.golden))
      golden = traces::read_golden(check.golden, read_text(check.golden), texts);
    else if (!flags_.update)
      throw emu::Error(fmt::format("{}: there is none yet; this makes it: deferscope check --update {} {}{}",
                                   check.golden, check.golden, check.program, joined(check.arguments)));
    if (golden && check.arguments.empty()) check.arguments = golden->arguments;
    traces::Column column = run_of(check, texts);
    if (flags_.update) return update(check, column, texts);
    compare(check, *std::move(golden), std::move(column), texts);
  }

  // The golden is a trace of instructions: one of the run is made and compared with it.
  void of_instructions(const Check& check) {
    if (flags_.update) throw emu::Error(fmt::format("{}: trace --level insn makes such a trace", check.golden));
    if (check.program.empty() || !is_program(check.program))
      throw emu::Error(fmt::format("{}: a trace of instructions is compared with a program: name it", check.golden));
    GuestFlags guest = flags_.guest;
    guest.command = {check.program};
    guest.command.insert(guest.command.end(), check.arguments.begin(), check.arguments.end());
    status_ = std::max(status_, check_instructions(check.golden, guest));
  }
  static bool is_program(const std::string& path) { return fs::is_regular_file(path) && !path.ends_with(".go"); }

  traces::Column run_of(const Check& check, traces::SharedTexts& texts) const {
    GuestFlags guest = flags_.guest;
    guest.command = check.arguments;
    // The same for all, whatever the program is called and wherever it lies.
    if (guest.argv0.empty()) guest.argv0 = fs::path(check.golden).stem();
    std::vector<traces::Column> columns = columns_of({check.program}, guest, story_options(flags_.compare), texts);
    if (columns.size() != 1) throw emu::Error("check: one release is wanted here (--go)");
    if (!columns[0].usable()) throw emu::Error(columns[0].trouble);
    if (!columns[0].complete())
      throw emu::Error(fmt::format("{}: the run did not end: {}", check.program,
                                   columns[0].story.end ? columns[0].story.end->why : columns[0].story.damage));
    return std::move(columns[0]);
  }

  void update(const Check& check, const traces::Column& column, const traces::SharedTexts& texts) const {
    const std::string text = golden_text(column.story, texts.texts, check.arguments, flags_.compare.mechanism);
    const bool fresh = !fs::exists(check.golden), same = !fresh && read_text(check.golden) == text;
    if (!same) write_file(check.golden, text);
    fmt::print("{}: {}\n", check.golden, same ? "as it was" : fresh ? "written" : "rewritten");
  }

  void compare(const Check& check, traces::Golden golden, traces::Column column, traces::SharedTexts& texts) {
    const bool mechanism = flags_.compare.mechanism;
    if (mechanism && !golden.with_mechanism)
      throw emu::Error(fmt::format("{}: it has no mechanism; check --update --mechanism adds it", check.golden));
    if (!mechanism) golden.story.mechanism.clear();
    std::vector<traces::Column> columns(2);
    columns[0].label = "golden", columns[0].source = check.golden;
    columns[0].story = std::move(golden.story);
    columns[1].label = column.label, columns[1].source = column.source;
    columns[1].story = told_as_golden(column.story, texts, mechanism);
    const traces::Comparison comparison(columns, texts.texts);
    const traces::CompareTextOptions text = text_options(flags_.compare);
    const bool different = comparison.semantic_differences() || comparison.mechanism_differences();
    if (flags_.compare.github)
      print(comparison_annotations(comparison, text, path_in_repository));
    else if (different)
      write_comparison(print, comparison, text);
    else
      fmt::print("same: {}\n", check.golden);
    suites_ += comparison_junit(comparison, text, check.golden);
    if (different) status_ = std::max(status_, 1);
  }

  static void print(std::string_view text) { std::fwrite(text.data(), 1, text.size(), stdout); }
  static std::string joined(const std::vector<std::string>& words) {
    std::string out;
    for (const std::string& w : words) out += " " + w;
    return out;
  }

  const CheckFlags& flags_;
  std::string suites_;
  int status_ = 0;
};

}  // namespace

void add_check(CLI::App& app, Action& action) {
  Verb verb(app, action, "check", "Compare a run with a golden text (0 same, 1 different, 2 trouble)");
  auto flags = std::make_shared<CheckFlags>();
  verb.flag("--update", flags->update, "Write the golden text anew");
  add_compare_flags(verb, flags->compare);
  add_world_flags(verb, flags->guest, false);
  add_source_flags(verb, flags->guest.source);
  verb.program("GOLDEN", flags->words,
               "The golden text, then the program or Go source and its arguments (none: the golden's); or a folder: "
               "each NAME.golden with the program NAME or the source NAME.go in it")
      .required();
  verb.statuses("0 same or written, 1 different, 2 trouble: a usage error, or a golden or program that cannot be had");
  verb.example("deferscope check --update hello.golden ./hello-defer && deferscope check hello.golden ./hello-defer");
  verb.does([flags] { return Checker(*flags).run(); });
}

}  // namespace deferscope::cli
