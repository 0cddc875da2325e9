// Where variables are, by DWARF and by what it gets wrong.
#pragma once
#include "loader/dwarf.h"
#include "runtime_model/program.h"

namespace deferscope::model {

// Dwarf::locate, or with `at_call` Dwarf::locate_in_caller. To Go 1.16 the place of an argument or result follows from
// the function's signature: of a string of which only the length is used, Go 1.12 and 1.13 say where the length lies.
loader::Location located(const Program& p, const loader::Dwarf& dwarf, const Function& f, const loader::Variable& v,
                         uint64_t pc, bool at_call, const loader::FrameAccess& access);

}  // namespace deferscope::model
