// What execve does: the image, the stack with argv, env and auxv, the first thread.
#pragma once
#include "emu/linux/state.h"
#include "loader/image.h"

namespace deferscope::emu::linux_ {

void boot_process(State& s, MachineState& m, HostPort& host, const loader::Image& image, const GuestOptions& options);

}  // namespace deferscope::emu::linux_
