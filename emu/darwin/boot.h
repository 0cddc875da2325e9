// What the kernel and dyld do before a program's first instruction: the image, its imports, the stack with argv, env
// and apple, the first thread.
#pragma once
#include "emu/darwin/state.h"
#include "loader/image.h"

namespace deferscope::emu::darwin {

// Places in the area of host calls that are no imports.
enum SpecialCall : uint64_t {
  kMainReturned,
  kThreadReturned,
  kHandlerReturned,
  kInitialiserReturned,
  kOnceReturned,
  kAtExitReturned,
  kSpecialCalls
};

uint64_t special_address(const State& s, SpecialCall which);

// The first thread goes on with the next initialiser, or with main.
void enter_program(State& s, MachineState& m, isa::CpuState& cpu);

void boot_process(State& s, MachineState& m, HostPort& host, const loader::Image& image, const GuestOptions& options);

}  // namespace deferscope::emu::darwin
