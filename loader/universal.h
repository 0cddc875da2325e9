// Universal (fat) Mach-O files: several programs in one file, one for each instruction set. Internal to the room.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "isa/isa.h"
#include "loader/bytes.h"

namespace deferscope::loader {

struct Chosen {
  Bytes bytes;                             // of the program
  std::vector<std::string> architectures;  // of all that the file holds, in its order; empty: it is not universal
};

// The file's program for `isa`; without one that for this machine's instruction set, else the first that can be read.
// A file that is not universal is returned as it is. Throws Error, one line: nothing for that instruction set, a list
// of programs that is damaged.
Chosen choose_program(Bytes file, const std::string& name, std::optional<isa::Isa> isa);

}  // namespace deferscope::loader
