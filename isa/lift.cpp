#include "isa/lift.h"

#include <cstring>

#include "isa/arm64/lift.h"
#include "isa/x86_64/lift.h"

namespace deferscope::isa {
namespace {

void none(Fault f, Lifted& out) {
  out.count = 0;
  out.length = 0;
  out.fault = f;
}

}  // namespace

void lift(Isa isa, std::span<const uint8_t> bytes, uint64_t pc, Lifted& out, Level level) {
  const bool arm = isa == Isa::arm64;
  if (arm && pc % 4 != 0) return none(Fault::PcAlignment, out);
  if (bytes.size() < (arm ? 4 : 1)) return none(Fault::Page, out);
  if (!arm) return x86_64::lift(bytes.data(), bytes.size() < 15 ? bytes.size() : 15, pc, out, level);
  uint32_t word;
  std::memcpy(&word, bytes.data(), 4);
  arm64::lift(word, pc, out, level);
}

}  // namespace deferscope::isa
