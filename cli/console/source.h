// Source lines, read only where the user allowed it: paths in a binary are not to be trusted.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "cli/console/console.h"

namespace deferscope::cli {

// The host file that stands for `path`, if it lies below a --source directory or a --source-map target.
std::optional<std::string> source_file(const ConsoleOptions& options, const std::string& path);
// Its lines; empty if it cannot be read.
std::vector<std::string> source_lines(const std::string& file);
// The lines of `path`: of that file, else of one that deferscope carries. None if there is neither; empty if it cannot
// be read.
std::optional<std::vector<std::string>> source_lines(const ConsoleOptions& options, const std::string& path);
// A source line as it is shown: tabs as four columns, nothing that acts on a terminal.
std::string shown_line(const std::string& line);
// All of a script: a file, or what a pipe gives. Throws a line for what cannot be read or does not end (16 MiB).
std::string text_of(const std::string& path);

}  // namespace deferscope::cli
