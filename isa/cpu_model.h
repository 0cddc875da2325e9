// The virtual CPU as the guest sees it: what CPUID and the ID registers report. That is exactly what is implemented, or
// less (--cpu). What an operating system sets of a CPU it tells the model (emu/machine.cpp).
#pragma once
#include <cstdint>
#include <string_view>

#include "isa/uop.h"

namespace deferscope::isa {

struct CpuidResult {
  uint32_t eax, ebx, ecx, edx;
};

struct CpuModel {
  const char* name;
  Isa isa;
  CpuidResult (*cpuid)(uint32_t leaf, uint32_t subleaf);  // x86-64
  uint32_t features;                                      // arm64: Feature bits; systems tell programs in their own way
  uint64_t (*sysreg)(SysReg reg, uint32_t number);        // arm64: constant registers
  Level level = Level::v2;                                // what the bytes mean: the instructions that it reports
  uint16_t cs = 0, ss = 0;                                // x86-64: the selectors that the system gives its programs
};

// arm64's optional instructions, as CpuModel::features says which there are.
namespace feature {
inline constexpr uint32_t FP = 1, ASIMD = 2, AES = 4, PMULL = 8, SHA1 = 16, SHA2 = 32, CRC32 = 64, ATOMICS = 128,
                          CPUID = 256,  // the ID registers may be read
    SHA512 = 512, SHA3 = 1024;
}

// x86-64: "v2" (default: level v2 + AES + PCLMUL), "v1" (SSE2 only), "v3" (AVX2, BMI2, FMA, F16C, LZCNT, MOVBE too).
// arm64: "v8.1" (default: + LSE, CRC32, AES, SHA1, SHA2, PMULL), "v8.0" (FP and ASIMD), "v8.2" (+ SHA512, SHA3).
// nullptr if there is no such model.
const CpuModel* find_cpu_model(Isa isa, std::string_view name);
const CpuModel& default_cpu_model(Isa isa);

// Ticks of the virtual clock: one instruction is one nanosecond.
inline constexpr uint64_t kCounterFrequency = 1'000'000'000;  // CNTFRQ, TSC

}  // namespace deferscope::isa
