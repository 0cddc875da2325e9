// CPU fault → signal.
#include <fmt/format.h>

#include "emu/darwin/call.h"

namespace deferscope::emu::darwin {

void raise_fault(State& s, MachineState& m, const isa::Outcome& outcome) {
  (void)s;
  int signo = sig::SEGV;
  switch (outcome.fault) {
    case isa::Fault::Divide: signo = sig::FPE; break;
    case isa::Fault::Undefined:
    case isa::Fault::Privileged: signo = sig::ILL; break;
    case isa::Fault::Breakpoint: signo = sig::TRAP; break;
    case isa::Fault::Alignment:
    case isa::Fault::PcAlignment: signo = sig::BUS; break;
    default: break;
  }
  end_process(m, 0, signo);
}

}  // namespace deferscope::emu::darwin
