#include "isa/x86_64/lift.h"

namespace deferscope::isa::x86_64 {
void lift(const uint8_t*, size_t, uint64_t, Lifted& out) {
  out = Lifted{};
  out.fault = Fault::Unimplemented;
  out.length = 1;
}
}  // namespace deferscope::isa::x86_64
