// Darwin as Go programs for macOS believe in it, for x86-64 and arm64: a copyable value behind emu::Os. Programs reach
// it by calling libSystem: each import's word holds an address in an area that is not memory, and what is executed
// there is a function of ours over the machine value (Os::host_call).
#pragma once
#include <memory>

#include "emu/machine_state.h"

namespace deferscope::emu::darwin {

std::unique_ptr<Os> make_darwin(isa::Isa isa = isa::Isa::x86_64);
// The CPU as Darwin has set it up.
isa::CpuModel darwin_cpu(isa::CpuModel model);

}  // namespace deferscope::emu::darwin
