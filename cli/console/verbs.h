// The verbs of the console: one table row each, with help and an example. verbs_*.cpp implement them by subject.
#pragma once
#include <span>
#include <string>
#include <vector>

#include "cli/console/console.h"

namespace deferscope::cli {

struct Command {
  const char* names;  // separated by spaces; the first is the one that help shows
  const char* usage;  // behind the name
  const char* help;   // one line
  const char* example;
  void (*run)(Console& c, const std::string& args);
  const char* more = nullptr;  // what `help CMD` says beside that
};

std::span<const Command> motion_verbs();
std::span<const Command> time_verbs();
std::span<const Command> breakpoint_verbs();
std::span<const Command> data_verbs();
std::span<const Command> stack_verbs();

struct VerbGroup {
  const char* topic;  // a word, for `help TOPIC`
  const char* title;
  std::span<const Command> verbs;
};
const std::vector<VerbGroup>& verb_groups();
// By any of its names, or by an unambiguous beginning; nullptr if there is none.
const Command* find_command(const std::string& name);

// `help`, `help TOPIC`, `help CMD`.
void show_help(Console& c, const std::string& args);
std::vector<std::string> help_topics();

// What the last word of `line` could become, sorted; at most 200.
std::vector<std::string> completions(const Console& c, const std::string& line);

}  // namespace deferscope::cli
