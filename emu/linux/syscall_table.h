// The table of system calls and how numbers find their rows.
#pragma once
#include <span>

#include "emu/linux/call.h"

namespace deferscope::emu::linux_ {

std::span<const SyscallRow> syscall_rows();
int find_syscall(int column, uint64_t number);  // row, or -1. Column 0 amd64, 1 arm64

}  // namespace deferscope::emu::linux_
