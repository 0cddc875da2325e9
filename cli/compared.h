// What `diff` and `check` compare: trace files and programs, which run, each in a process of its own that is confined
// like that of `run`.
#pragma once
#include <string>
#include <vector>

#include "cli/guest.h"
#include "traces/compare_text.h"

namespace deferscope::cli {

// Whether it is a trace, by its first bytes. "-": standard input, always one.
bool is_trace(const std::string& path);

// A column for each trace, program, and release that Go source is built with, in order. Programs get flags.command as
// arguments, and all else alike: --stdin, which is read once, --argv0 (without it the name of the first), seed and
// clock. What cannot be had is said in its column (Column::trouble). As many run at once as there are CPUs.
std::vector<traces::Column> columns_of(const std::vector<std::string>& inputs, const GuestFlags& flags,
                                       const traces::StoryOptions& options, traces::SharedTexts& texts);

// What both verbs take beside a guest's flags.
struct CompareFlags {
  std::vector<std::string> ignore;
  std::string scope = "user", junit;
  uint64_t context = 3;
  bool mechanism = false, total_order = false, github = false;
};
void add_compare_flags(Verb& verb, CompareFlags& flags);
// Throws emu::Error for a word that --ignore does not know.
traces::StoryOptions story_options(const CompareFlags& flags);
traces::CompareTextOptions text_options(const CompareFlags& flags);

void write_file(const std::string& path, const std::string& text);
// A source file as the program names it, as one from here: where its end names a file, else as it is.
std::string path_in_repository(const std::string& file);

}  // namespace deferscope::cli
