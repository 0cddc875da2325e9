// The verbs of a session: one table row each, with help and an example. verbs_*.cpp implement them by subject.
#pragma once
#include <span>
#include <string>
#include <vector>

#include "cli/session/core.h"

namespace deferscope::cli {

struct SessionVerb {
  const char* names;  // separated by spaces; the first is the one that help shows
  const char* usage;  // behind the name
  const char* help;   // one line
  const char* example;
  void (*run)(Core& core, const std::string& args);
};

std::span<const SessionVerb> motion_verbs();
std::span<const SessionVerb> time_verbs();
std::span<const SessionVerb> breakpoint_verbs();
std::span<const SessionVerb> data_verbs();
std::span<const SessionVerb> stack_verbs();

struct VerbGroup {
  const char* title;
  std::span<const SessionVerb> verbs;
};
const std::vector<VerbGroup>& verb_groups();
// By any of its names, or by an unambiguous beginning; nullptr if there is none.
const SessionVerb* find_session_verb(const std::string& name);

// What the last word of `line` could become, sorted; at most 200.
std::vector<std::string> completions(const Core& core, const std::string& line);

uint64_t parse_count(const std::string& args);  // empty: 1

}  // namespace deferscope::cli
