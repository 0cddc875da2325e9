// The arm64 CPU models.
#pragma once
#include <span>

#include "isa/cpu_model.h"

namespace deferscope::isa::arm64 {

std::span<const CpuModel> models();  // the default first

// A system register's number, as ReadSys has it in imm2 for SysReg::IdAa64: op0 CRn CRm… in the order of MRS's fields.
constexpr uint32_t sysreg_number(uint32_t op0, uint32_t op1, uint32_t n, uint32_t m, uint32_t op2) {
  return op0 << 14 | op1 << 11 | n << 7 | m << 3 | op2;
}

}  // namespace deferscope::isa::arm64
