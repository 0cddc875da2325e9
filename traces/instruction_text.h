// One instruction of a program as text, in Go's syntax.
#pragma once
#include <string>

#include "runtime_model/program.h"

namespace deferscope::traces {

// "SUBQ $0x5, 0(SP)"; "?" for bytes that are no instruction.
std::string instruction_text(const model::Program& program, uint64_t pc);

}  // namespace deferscope::traces
