// What the virtual arm64 CPUs report. The ID registers are as Linux shows them to EL0 (Documentation/arm64/
// cpu-feature-registers.rst): features that we do not have read as 0.
#include "isa/arm64/cpu_model.h"

namespace deferscope::isa::arm64 {
namespace {

// DCZID_EL0: DC ZVA permitted (DZP 0), 2^4 words.
constexpr uint64_t kDczid = 4;
// CTR_EL0: lines of 64 bytes, PIPT; no maintenance needed after writing code (DIC, IDC).
constexpr uint64_t kCtr = uint64_t{1} << 31 | 1u << 29 | 1u << 28 | 4u << 24 | 4u << 20 | 4u << 16 | 3u << 14 | 4;
// MIDR_EL1: implementer 0 ("reserved for software use"), architecture 15 (see the ID registers).
constexpr uint64_t kMidr = 15u << 16;
constexpr uint64_t kMpidr = uint64_t{1} << 31;  // bit 31 is RES1
constexpr uint64_t kPfr0 = 0x11;                // EL0 and EL1: AArch64 only; FP and AdvSIMD without halves
// ID_AA64ISAR0_EL1: AES and PMULL 2, SHA1 1, SHA2 1 (SHA256), CRC32 1, Atomic 2.
constexpr uint64_t kIsar0 = 2u << 4 | 1u << 8 | 1u << 12 | 1u << 16 | 2u << 20;

// And SHA2 2 (SHA512), SHA3 1.
constexpr uint64_t kIsar0V82 = kIsar0 + (1u << 12) + (uint64_t{1} << 32);

uint64_t common(SysReg reg, uint32_t number, uint64_t isar0) {
  switch (reg) {
    case SysReg::Dczid: return kDczid;
    case SysReg::Ctr: return kCtr;
    case SysReg::Midr: return kMidr;
    case SysReg::IdAa64: break;
    default: return 0;
  }
  switch (number) {
    case sysreg_number(3, 0, 0, 0, 5): return kMpidr;
    case sysreg_number(3, 0, 0, 4, 0): return kPfr0;
    case sysreg_number(3, 0, 0, 6, 0): return isar0;
    default: return 0;
  }
}
uint64_t sysreg_v82(SysReg reg, uint32_t number) { return common(reg, number, kIsar0V82); }
uint64_t sysreg_v81(SysReg reg, uint32_t number) { return common(reg, number, kIsar0); }
uint64_t sysreg_v80(SysReg reg, uint32_t number) { return common(reg, number, 0); }

constexpr uint32_t kV80 = feature::FP | feature::ASIMD;
constexpr uint32_t kV81 = kV80 | feature::AES | feature::PMULL | feature::SHA1 | feature::SHA2 | feature::CRC32 |
                          feature::ATOMICS | feature::CPUID;
constexpr uint32_t kV82 = kV81 | feature::SHA512 | feature::SHA3;
constexpr CpuModel kModels[] = {{"v8.1", Isa::arm64, nullptr, kV81, sysreg_v81, Level::v8_1},
                                {"v8.0", Isa::arm64, nullptr, kV80, sysreg_v80, Level::v8_0},
                                {"v8.2", Isa::arm64, nullptr, kV82, sysreg_v82, Level::v8_2}};

}  // namespace

std::span<const CpuModel> models() { return kModels; }

}  // namespace deferscope::isa::arm64
