// The dynamic part of an ELF program: interpreter, needed libraries, relocation of position-independent files. Internal
// to the room.
#pragma once
#include <elf.h>

#include "loader/parts.h"

namespace deferscope::loader {

// Fills elf.interpreter, elf.interpreted, elf.needed, elf.search and not_runnable, and applies relative relocations to
// private copies of the segments.
void read_dynamic(Parts* parts, Bytes file, const std::vector<Elf64_Phdr>& headers, const std::string& name);

}  // namespace deferscope::loader
