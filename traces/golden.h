// A story as a small text to keep beside a program: a line a happening, readable in a pull request, equal across patch
// releases, hosts, instruction sets, folders and -trimpath.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "traces/story.h"

namespace deferscope::traces {

struct Golden {
  std::vector<std::string> arguments;  // of the program, without its own name
  Story story;                         // of lines; its mechanism may be empty
  bool with_mechanism = false;
};

std::string golden_text(const Story& story, const Texts& texts, const std::vector<std::string>& arguments,
                        bool mechanism);
// Throws TraceError: one line with the file's name, for what golden_text() does not write.
Golden read_golden(const std::string& name, std::string_view text, SharedTexts& texts);

// The story told as a golden of it would be: what is compared with one.
Story told_as_golden(const Story& story, SharedTexts& texts, bool mechanism);

}  // namespace deferscope::traces
