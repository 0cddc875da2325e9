// What execve maps (fs/binfmt_elf.c): the program, and the interpreter that it names.
#pragma once
#include "emu/linux/state.h"
#include "loader/image.h"

namespace deferscope::emu::linux_ {

struct Program {
  uint64_t entry = 0;  // of the first instruction: the interpreter's if there is one
  uint64_t base = 0;   // where the interpreter lies (AT_BASE); 0: none
  uint64_t end = 0;    // the first page behind the program: its heap
};

// Throws emu::Error: one line that names the program, the interpreter and what can be done.
Program map_program(State& s, MachineState& m, HostPort& host, const loader::Image& image, uint64_t limit);

}  // namespace deferscope::emu::linux_
