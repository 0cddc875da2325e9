#include "isa/arm64/lift.h"

namespace deferscope::isa::arm64 {
void lift(uint32_t, uint64_t, Lifted& out) {
  out = Lifted{};
  out.fault = Fault::Unimplemented;
  out.length = 4;
}
}  // namespace deferscope::isa::arm64
