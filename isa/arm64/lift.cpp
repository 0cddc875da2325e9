#include "isa/arm64/lift.h"

#include "isa/arm64/table.h"

namespace deferscope::isa::arm64 {

void lift(uint32_t word, uint64_t pc, Lifted& out) {
  out.count = 0;
  out.length = 4;
  out.fault = Fault::None;
  Emit e{pc, out};
  if (const Row* row = find(word))
    row->lift(e, word);
  else
    e.undefined();
}

}  // namespace deferscope::isa::arm64
