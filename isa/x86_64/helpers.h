// The vector functions of x86-64 by name, for an engine that knows faster ways for the hot ones.
#pragma once
#include <string_view>

#include "isa/uop.h"

namespace deferscope::isa::x86_64 {

// The helper that lifted micro-ops carry under this name ("mov128", "pxor", "addsd", …: the mnemonic in lower case but
// for the moves); nullptr if there is none. The pointer is the one that Uop::helper holds: compare pointers, not names,
// when translating. Cost: a linear search; call it once a name.
const Helper* find_helper(std::string_view name);

}  // namespace deferscope::isa::x86_64
