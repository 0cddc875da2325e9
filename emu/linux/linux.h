// Linux as the guest believes in it, for x86-64 and arm64: a copyable value behind emu::Os.
//
//     MachineState m;  m.isa = …;  m.os = linux_::make_linux();
//     m.os->boot(m, host, image, options);        // throws emu::Error
//
// What it needs of the run loop, beyond Os' comments:
//  - deliver_signals is called whenever a thread was chosen, and after system_call, fault and wake_due, before the
//    thread executes. It may end the guest (m.exited) or send the thread back into a wait: look at both afterwards.
//  - Entries of m.threads are never moved; a thread that ended stays there as Exited until a new one takes its place.
//  - fault() with a fault that is not the guest's (isa::Fault::Unimplemented) throws emu::Unsupported.
// Reading stdin from the host blocks the whole machine (inside HostPort::input): no input comes while all threads wait.
#pragma once
#include <memory>

#include "emu/machine_state.h"

namespace deferscope::emu::linux_ {

std::unique_ptr<Os> make_linux(isa::Isa isa = isa::Isa::x86_64);
// The CPU as Linux has set it up.
isa::CpuModel linux_cpu(isa::CpuModel model);

}  // namespace deferscope::emu::linux_
