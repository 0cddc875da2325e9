#include "isa/x86_64/cpu_model.h"

namespace deferscope::isa::x86_64 {
std::span<const CpuModel> models() {
  static const CpuModel none[] = {{"none", Isa::x86_64, nullptr, 0, 0, nullptr}};
  return none;
}
}  // namespace deferscope::isa::x86_64
