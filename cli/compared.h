// What `diff` and `check` compare: trace files and programs, which run, each in a process of its own that is confined like
// that of `run`.
#pragma once
#include <string>
#include <vector>

#include "cli/guest.h"
#include "traces/compare.h"

namespace deferscope::cli {

// Whether it is a trace, by its first bytes. "-": standard input, always one.
bool is_trace(const std::string& path);

// A column for each trace, program, and release that Go source is built with, in order. Programs get flags.command as
// arguments, and all else alike: --stdin, which is read once, --argv0 (without it the name of the first), seed and clock.
// What cannot be had is said in its column (Column::trouble). As many run at once as there are CPUs.
std::vector<traces::Column> columns_of(const std::vector<std::string>& inputs, const GuestFlags& flags,
                                       const traces::StoryOptions& options, traces::SharedTexts& texts);

}  // namespace deferscope::cli
