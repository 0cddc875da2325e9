// Go variables by name, from DWARF: those of a frame, those of packages.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "cli/session/values.h"

namespace deferscope::cli {

enum class VariableSet : uint8_t { locals, arguments };

// "name = value" lines of the chosen frame. Throws CommandError if the program has no DWARF or the frame no function.
std::vector<std::string> variable_lines(const Core& core, VariableSet set, const std::string& filter);
// "name = value" lines of packages' variables whose name contains `filter`. Throws CommandError as above, and if there
// are more than can be read.
std::vector<std::string> global_lines(const Core& core, const std::string& filter);

// The variable of the chosen frame, the innermost one of that name. Nothing if there is none, or no DWARF.
std::optional<Value> local_variable(const Core& core, const std::string& name);
// "main.counter", "counter" (of the chosen frame's package), "language.und" (of whatever path).
std::optional<Value> global_variable(const Core& core, const std::string& name);
std::vector<std::string> global_names(const Core& core);

}  // namespace deferscope::cli
