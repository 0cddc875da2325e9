// Paths and file status as the guest sees them.
#pragma once
#include <string>

#include "emu/host_files.h"
#include "emu/linux/call.h"

namespace deferscope::emu::linux_ {

uint64_t inode_of(const std::string& canonical);  // normalised: the same for the same path on every host
// `raw` relative to the descriptor's directory or the current one. -ENOENT for "", -EBADF, -ENOTDIR.
Result full_path(Call& c, int dirfd, const std::string& raw, HostPath& out);

}  // namespace deferscope::emu::linux_
