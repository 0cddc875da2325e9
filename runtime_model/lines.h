// Source lines and inlined functions as places in code: where a breakpoint on them belongs.
#pragma once
#include <cstdint>
#include <string_view>
#include <vector>

#include "runtime_model/program.h"

namespace deferscope::model {

// `wanted` is the path or its tail behind a slash: "main.go", "cmd/main.go".
bool file_matches(std::string_view path, std::string_view wanted);

// Where execution stands on FILE:LINE, as delve chooses it: of each function that has the line, and of each inlined
// copy in it, the first instruction that begins a statement (DWARF's is_stmt; else the first at all); behind the
// prologue where that would be the function's entry, since the stack check may run twice; never in a wrapper that the
// compiler made. Without DWARF the first
// stretch of the line that is more than a jump. In order of address.
std::vector<uint64_t> line_addresses(const Program& program, std::string_view file, int32_t line);

// First instructions of the inlined copies of the functions that `wanted` accepts (names as pclntab spells them).
struct InlinedCopy {
  std::string_view function;
  uint64_t entry = 0;
  const Function* in = nullptr;
};
std::vector<InlinedCopy> inlined_copies(const Program& program, const std::function<bool(std::string_view)>& wanted);

// The first instruction behind the stack check and the opening of the frame, still on the function's first line; the
// entry if there is none.
uint64_t behind_prologue(const Program& program, const Function& f);

}  // namespace deferscope::model
