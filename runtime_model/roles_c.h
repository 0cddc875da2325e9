// Private to roles: the words of C frames. Only .eh_frame tells of them: where the frame ends, where the return address
// and the caller's registers are kept.
#pragma once
#include <vector>

#include "runtime_model/roles.h"

namespace deferscope::model {

// Those that lie before one of the first `frames` of `all`.
std::vector<CFrameRoles> roles_of_c(const Guest& guest, const Standing& standing, const Unwound& all, size_t frames);

}  // namespace deferscope::model
