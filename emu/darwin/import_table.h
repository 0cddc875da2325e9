// The table of imports: one row each, in imports.def.
#pragma once
#include <span>
#include <string_view>

#include "emu/darwin/call.h"

namespace deferscope::emu::darwin {

std::span<const ImportRow> import_rows();
// The row of a symbol as a program has it ("_open", "_stat$INODE64"); -1: not modelled.
int find_import(isa::Isa isa, std::string_view symbol);
// The row of a system call made directly, by its number without the class; -1: none.
int find_bsd_call(uint64_t number);

}  // namespace deferscope::emu::darwin
