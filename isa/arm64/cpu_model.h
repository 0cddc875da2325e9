#pragma once
#include <span>

#include "isa/cpu_model.h"

namespace deferscope::isa::arm64 {

std::span<const CpuModel> models();  // the default first

}  // namespace deferscope::isa::arm64
