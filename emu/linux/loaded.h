// Code that the guest maps when its loader has done with what it starts with: kept with its file, so that its frames
// and symbols are known, and told (HostPort::loaded).
#pragma once
#include "emu/linux/call.h"

namespace deferscope::emu::linux_ {

// `file` is about to be mapped at `address` from `offset` on, to be executed. NOMEM, or what reading it gives.
Result note_code(Call& c, const OpenFile& file, uint64_t address, uint64_t offset);

}  // namespace deferscope::emu::linux_
