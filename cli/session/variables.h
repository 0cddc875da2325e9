// Go variables of a frame, from DWARF: printed as Go writes them.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace deferscope::cli {

class Core;

enum class VariableSet : uint8_t { locals, arguments };

// "name = value" lines of the chosen frame. Throws CommandError if the program has no DWARF or the frame no function.
std::vector<std::string> variable_lines(const Core& core, VariableSet set, const std::string& filter);
// One variable, with fields, elements and pointers: "x", "x.f[2]", "*p", "&x". Nothing if there is none of that name.
std::optional<std::string> print_variable(const Core& core, const std::string& expression);
// Where it lies; nothing if there is none of that name. Throws CommandError if it cannot be written as a word.
struct VariablePlace {
  uint64_t address = 0;
  unsigned bytes = 8;
};
std::optional<VariablePlace> variable_place(const Core& core, const std::string& path);
// Its value where it is a number, a bool or a pointer.
std::optional<int64_t> scalar_variable(const Core& core, const std::string& name);
// The value of a type at an address, to the depth that print shows.
std::string print_at(const Core& core, const std::string& type, uint64_t address);

}  // namespace deferscope::cli
