// Command lines as a shell reads them.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace deferscope::cli {

// The word, in single quotes where anything in it means something to a shell.
std::string shell_quoted(std::string_view word);
// The words of a line that is made of such.
std::vector<std::string> shell_words(std::string_view line);

}  // namespace deferscope::cli
