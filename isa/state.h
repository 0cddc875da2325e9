// The register state of one guest thread, the same for both instruction sets: a plain value without host pointers.
#pragma once
#include <array>
#include <cstdint>
#include <cstring>

#include "isa/isa.h"

namespace deferscope::isa {

// A number in the unified integer register file.
//   x86-64: 0 RAX, 1 RCX, 2 RDX, 3 RBX, 4 RSP, 5 RBP, 6 RSI, 7 RDI, 8…15 R8…R15 (the order of the encodings).
//   arm64:  0…30 X0…X30, 31 SP.
using Reg = uint8_t;
inline constexpr Reg kRax = 0, kRcx = 1, kRdx = 2, kRbx = 3, kRsp = 4, kRbp = 5, kRsi = 6, kRdi = 7;
inline constexpr Reg kX30 = 30, kSp = 31;
inline constexpr Reg kZero = 32;    // reads as 0; never a destination
inline constexpr Reg kSink = 33;    // writes vanish; never read
inline constexpr Reg kFsBase = 34;  // arm64: TPIDR_EL0
inline constexpr Reg kGsBase = 35;  // arm64: TPIDRRO_EL0
inline constexpr Reg kTpidr = 34, kTpidrro = 35;
inline constexpr Reg kT0 = 36;  // 36…47: temporaries, dead at every instruction boundary (always 0 in digests)
inline constexpr int kTemps = 12;
inline constexpr int kRegs = 48;

// A number in the vector register file: V0…V31, 32…39 temporaries, dead at instruction boundaries. x86-64: XMM0…XMM15,
// and kUpper behind each the upper half of its YMM: what is 256 bits wide is done in two halves.
using VReg = uint8_t;
inline constexpr VReg kUpper = 16;
inline constexpr VReg kVT0 = 32;
inline constexpr int kVRegs = 40;

// 128 bits, little-endian lanes.
struct alignas(16) Vec {
  uint64_t lo = 0, hi = 0;
  bool operator==(const Vec&) const = default;
  template <class T>
  T lane(unsigned i) const {
    T t;
    std::memcpy(&t, reinterpret_cast<const char*>(this) + i * sizeof(T), sizeof(T));
    return t;
  }
  template <class T>
  void set(unsigned i, T t) {
    std::memcpy(reinterpret_cast<char*>(this) + i * sizeof(T), &t, sizeof(T));
  }
};

// Flag bits, at EFLAGS' places for both instruction sets. arm64's N Z C V live in SF ZF CF OF; C is Arm's carry, set
// where x86-64's would be clear after a subtraction.
namespace flag {
inline constexpr uint32_t CF = 1, PF = 4, AF = 16, ZF = 64, SF = 128, DF = 1024, OF = 2048;
inline constexpr uint32_t kArith = CF | PF | AF | ZF | SF | OF;  // the six that instructions compute
inline constexpr uint32_t N = SF, Z = ZF, C = CF, V = OF;
}  // namespace flag

// How the six arithmetic flags follow from `a` and `b` (see LazyFlags). `width` counts in log2 bytes.
enum class FlagKind : uint8_t {
  Explicit,  // a = the flag bits themselves
  Add,       // a + b; CF the carry out, OF the signed overflow, AF the carry out of bit 3
  Sub,       // a - b; CF the borrow (x86-64)
  SubArm,    // a - b; C = no borrow; PF and AF 0
  AddArm,    // a + b; PF and AF 0
  Logic,     // result a; CF = OF = AF = 0
  LogicArm,  // result a; C = V = 0
  Inc,       // result a; b = CF as it was
  Dec,       // result a; b = CF as it was
  Shl,       // x86-64: a shifted by b, 1 to its bits - 1; FlagRule::Shift
  Shr,
  Sar,
  MulU,  // x86-64: a * b, unsigned; FlagRule::Mul
  MulS,
};

// The arithmetic flags, computed when somebody asks. Two LazyFlags that mean the same bits are the same state: compare
// flags(), never fields.
struct LazyFlags {
  uint64_t a = 0, b = 0;
  FlagKind kind = FlagKind::Explicit;
  uint8_t width = 3;      // log2 bytes of the operation
  uint32_t bits() const;  // the six flags as bits of `flag`
};

// arm64's exclusive monitor. Never decided by comparing values: set by LDXR/LDAXR, cleared by STXR, CLREX, thread
// switch and signals.
struct Monitor {
  uint64_t address = 0;
  uint8_t size = 0;  // bytes; 0 = open
  bool operator==(const Monitor&) const = default;
};

// x86-64's x87: registers R0…R7 as they lie (ST(i) is R[top + i mod 8]), 80 bits each; MM0…MM7 are the significands.
// The addresses of the last instruction and operand are not kept: they read as 0.
struct X87 {
  std::array<uint64_t, 8> significand{};
  std::array<uint16_t, 8> exponent{};  // and the sign, bit 15
  uint16_t control = 0x37f, status = 0;
  uint8_t full = 0;  // a bit a register: it is not empty
  bool operator==(const X87&) const = default;

  unsigned top() const { return status >> 11 & 7; }
  void set_top(unsigned t) { status = static_cast<uint16_t>((status & ~0x3800u) | (t & 7) << 11); }
};

struct CpuState {
  std::array<uint64_t, kRegs> r{};
  std::array<Vec, kVRegs> v{};
  LazyFlags lazy;
  uint64_t pc = 0;
  bool df = false;              // x86-64 direction flag
  uint32_t mxcsr = 0x1f80;      // x86-64; control and sticky bits
  uint32_t fpcr = 0, fpsr = 0;  // arm64
  Monitor monitor;
  X87 x87;

  uint32_t flags() const { return lazy.bits(); }
  void set_flags(uint32_t bits) { lazy = LazyFlags{bits & flag::kArith, 0, FlagKind::Explicit, 3}; }
  // EFLAGS as PUSHFQ stores it (IF and the reserved bit 1 read as 1).
  uint64_t eflags() const { return flags() | (df ? flag::DF : 0) | 0x202; }
  void set_eflags(uint64_t f) {
    set_flags(static_cast<uint32_t>(f));
    df = (f & flag::DF) != 0;
  }
  // N Z C V in bits 31…28, as MRS NZCV and PSTATE in signal frames have them.
  uint64_t nzcv() const;
  void set_nzcv(uint64_t nzcv);
};

}  // namespace deferscope::isa
