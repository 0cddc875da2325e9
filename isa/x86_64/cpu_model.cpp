// The virtual x86-64 processors: what CPUID says. Feature bits are those of instructions that isa/x86_64 lifts at the
// model's level (lift.cpp has the same list). Bits of system features (paging, MSRs, APIC) mean nothing to a program
// and stay clear, but NX, which a kernel would show.
#include "isa/x86_64/cpu_model.h"

#include <cstring>

namespace deferscope::isa::x86_64 {
namespace {

// Leaf 1, EDX
constexpr uint32_t kFpu = 1u << 0, kTsc = 1u << 4, kCx8 = 1u << 8, kCmov = 1u << 15, kClfsh = 1u << 19, kMmx = 1u << 23,
                   kFxsr = 1u << 24, kSse = 1u << 25, kSse2 = 1u << 26;
// Leaf 1, ECX
constexpr uint32_t kSse3 = 1u << 0, kPclmul = 1u << 1, kSsse3 = 1u << 9, kCx16 = 1u << 13, kSse41 = 1u << 19,
                   kSse42 = 1u << 20, kPopcnt = 1u << 23, kAes = 1u << 25, kFma = 1u << 12, kMovbe = 1u << 22,
                   kXsave = 1u << 26, kOsxsave = 1u << 27, kAvx = 1u << 28, kF16c = 1u << 29;
// Leaf 7, EBX
constexpr uint32_t kBmi1 = 1u << 3, kAvx2 = 1u << 5, kBmi2 = 1u << 8;
// Leaf 0x80000001, ECX and EDX
constexpr uint32_t kLahf = 1u << 0, kLzcnt = 1u << 5;
constexpr uint32_t kSyscall = 1u << 11, kNx = 1u << 20, kRdtscp = 1u << 27, kLongMode = 1u << 29;
// Leaf 0x80000007, EDX: the TSC runs at one rate
constexpr uint32_t kInvariantTsc = 1u << 8;

struct Features {
  uint32_t signature;  // family, model, stepping as leaf 1 has them
  uint32_t ecx1, edx1, ecx_ext, edx_ext;
  uint32_t ebx7;
  char brand[48];
};

constexpr uint32_t kBaseline = kFpu | kTsc | kCx8 | kCmov | kClfsh | kMmx | kFxsr | kSse | kSse2;

constexpr uint32_t kLevel2 = kSse3 | kPclmul | kSsse3 | kCx16 | kSse41 | kSse42 | kPopcnt | kAes;

// The signatures of the first Intel processors with these features: Haswell, Westmere, and Prescott with 64 bits.
constexpr Features kV3 = {0x000306c3,
                          kLevel2 | kFma | kMovbe | kXsave | kOsxsave | kAvx | kF16c,
                          kBaseline,
                          kLahf | kLzcnt,
                          kSyscall | kNx | kRdtscp | kLongMode,
                          kBmi1 | kAvx2 | kBmi2,
                          "deferscope x86-64-v3"};
constexpr Features kV2 = {
    0x000206c2, kLevel2, kBaseline, kLahf, kSyscall | kNx | kRdtscp | kLongMode, 0, "deferscope x86-64-v2"};
constexpr Features kV1 = {0x00000f41, 0, kBaseline, 0, kSyscall | kNx | kLongMode, 0, "deferscope x86-64-v1"};

// Leaf 4: EAX type (1 data, 2 code, 3 unified), level, self-initialising; EBX line - 1, partitions - 1, ways - 1;
// ECX sets - 1.
constexpr CpuidResult cache(uint32_t type, uint32_t level, uint32_t ways, uint32_t sets) {
  return {type | level << 5 | 1u << 8, 63 | (ways - 1) << 22, sets - 1, 0};
}
constexpr CpuidResult kCaches[] = {cache(1, 1, 8, 64), cache(2, 1, 8, 64), cache(3, 2, 8, 512), cache(3, 3, 16, 8192)};

constexpr uint32_t kMaxBasic = 7, kXsaveLeaf = 0xd, kMaxExtended = 0x80000008;

CpuidResult brand(const Features& f, uint32_t part) {
  uint32_t w[4];
  std::memcpy(w, f.brand + part * 16, 16);
  return {w[0], w[1], w[2], w[3]};
}

CpuidResult extended(const Features& f, uint32_t leaf) {
  switch (leaf) {
    case 0x80000000: return {kMaxExtended, 0, 0, 0};
    case 0x80000001: return {0, 0, f.ecx_ext, f.edx_ext};
    case 0x80000002:
    case 0x80000003:
    case 0x80000004: return brand(f, leaf - 0x80000002);
    case 0x80000006: return {0, 0, 256u << 16 | 6u << 12 | 64, 0};  // L2: 256 KiB, 8 ways, 64-byte lines
    case 0x80000007: return {0, 0, 0, kInvariantTsc};
    case 0x80000008: return {48u << 8 | 40, 0, 0, 0};  // virtual and physical address bits
    default: return {0, 0, 0, 0};
  }
}

// Leaf 0xd: what XSAVE keeps (XCR0: x87, SSE, the upper halves of YMM) and where.
CpuidResult xsave_area(uint32_t subleaf) {
  constexpr uint32_t kSize = 832, kYmmSize = 256, kYmmOffset = 576;
  if (subleaf == 0) return {7, kSize, kSize, 0};
  return subleaf == 2 ? CpuidResult{kYmmSize, kYmmOffset, 0, 0} : CpuidResult{0, 0, 0, 0};
}

// Leaves that are not here (5, 6: no feature; above the maximum: the highest leaf's, so nothing) are zero.
CpuidResult cpuid(const Features& f, uint32_t leaf, uint32_t subleaf) {
  const bool xsave = f.ecx1 & kXsave;
  switch (leaf) {
    case 0:
      return {xsave ? kXsaveLeaf : kMaxBasic, 0x756e6547, 0x6c65746e, 0x49656e69};  // "Genu" "ntel" "ineI": EBX ECX EDX
    case 1: return {f.signature, 8u << 8 | 1u << 16, f.ecx1, f.edx1};  // CLFLUSH of 8·8 bytes, one logical processor
    case 2: return {1, 0, 0, 0};
    case 4: return subleaf < std::size(kCaches) ? kCaches[subleaf] : CpuidResult{0, 0, 0, 0};
    case 7: return subleaf == 0 ? CpuidResult{0, f.ebx7, 0, 0} : CpuidResult{0, 0, 0, 0};
    case kXsaveLeaf: return xsave ? xsave_area(subleaf) : CpuidResult{0, 0, 0, 0};
    default: return leaf >= 0x80000000 ? extended(f, leaf) : CpuidResult{0, 0, 0, 0};
  }
}

template <const Features& f>
CpuidResult cpuid_of(uint32_t leaf, uint32_t subleaf) {
  return cpuid(f, leaf, subleaf);
}

}  // namespace

std::span<const CpuModel> models() {
  static const CpuModel all[] = {{"v2", Isa::x86_64, cpuid_of<kV2>, 0, nullptr},
                                 {"v1", Isa::x86_64, cpuid_of<kV1>, 0, nullptr, Level::v1},
                                 {"v3", Isa::x86_64, cpuid_of<kV3>, 0, nullptr, Level::v3}};
  return all;
}

}  // namespace deferscope::isa::x86_64
