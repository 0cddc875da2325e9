// What is true of every micro-op, as one table: its group, what it does to memory and flags, whether it ends its
// instruction. The evaluator, the translation to slots and the explanations all ask here; uop.h says what the ops mean.
#pragma once
#include <cstddef>
#include <cstdint>
#include <iterator>

#include "isa/uop.h"

namespace deferscope::isa {

enum class OpGroup : uint8_t {
  Nop,
  Alu,
  Shift,
  DoubleShift,
  Mul,
  MulWide,
  Madd,
  Div,
  DivWide,
  Count,  // of zeros and ones; bits and bytes reversed
  BitTest,
  Field,
  Select,
  CondCompare,
  Lea,
  Memory,
  Masked,  // lane by lane
  Area,
  Exclusive,
  Jump,
  Syscall,
  Trap,
  String,
  Flags,    // reads and writes them as a word
  Machine,  // asks or sets what the processor is or counts
  Vector,   // vectors, floating point, helpers
};

// How an op touches the memory at its `mem` (string ops have addresses of their own and are not told here).
enum class Touch : uint8_t { None, Read, Write, Check };

struct OpTraits {
  Op op;
  OpGroup group;
  Touch touch = Touch::None;
  uint8_t times = 0;  // bytes touched in units of the width; 0 with a touch: imm2 bytes
  uint8_t bits = 0;

  static constexpr uint8_t kReadsFlags = 1;     // whatever its FlagRule
  static constexpr uint8_t kReplacesFlags = 2;  // writes all six without one
  static constexpr uint8_t kFaults = 4;         // may raise one (beside those that touch memory)
  static constexpr uint8_t kEnds = 8;           // the last op of its instruction, and of a block

  constexpr bool reads_flags() const { return bits & kReadsFlags; }
  constexpr bool replaces_flags() const { return bits & kReplacesFlags; }
  constexpr bool faults() const { return touch != Touch::None || bits & kFaults; }
  constexpr bool ends() const { return bits & kEnds; }
  constexpr unsigned bytes(const Uop& u) const { return times ? times * u.width : u.imm2; }
};

namespace detail {

using enum OpGroup;
using enum Touch;
inline constexpr uint8_t kReads = OpTraits::kReadsFlags, kAll = OpTraits::kReplacesFlags, kFaults = OpTraits::kFaults,
                         kEnds = OpTraits::kEnds;

// In the order of Op.
inline constexpr OpTraits kOps[] = {
    {Op::Nop, OpGroup::Nop},
    {Op::Mov, Alu},
    {Op::Add, Alu},
    {Op::Sub, Alu},
    {Op::And, Alu},
    {Op::Or, Alu},
    {Op::Xor, Alu},
    {Op::Bic, Alu},
    {Op::Orn, Alu},
    {Op::Eon, Alu},
    {Op::Adc, Alu, None, 0, kReads},
    {Op::Sbb, Alu, None, 0, kReads},
    {Op::Sbc, Alu, None, 0, kReads},
    {Op::Shl, Shift},
    {Op::Shr, Shift},
    {Op::Sar, Shift},
    {Op::Ror, Shift},
    {Op::Rol, Shift},
    {Op::Rcl, Shift, None, 0, kReads},
    {Op::Rcr, Shift, None, 0, kReads},
    {Op::Shld, DoubleShift},
    {Op::Shrd, DoubleShift},
    {Op::Mul, Mul},
    {Op::MulHiU, Mul},
    {Op::MulHiS, Mul},
    {Op::MulWideU, MulWide},
    {Op::MulWideS, MulWide},
    {Op::DivU, Div},
    {Op::DivS, Div},
    {Op::DivWideU, DivWide, None, 0, kFaults},
    {Op::DivWideS, DivWide, None, 0, kFaults},
    {Op::Madd, Madd},
    {Op::Msub, Madd},
    {Op::Clz, Count},
    {Op::Ctz, Count},
    {Op::Cls, Count},
    {Op::Rbit, Count},
    {Op::Bswap, Count},
    {Op::Rev16, Count},
    {Op::Rev32, Count},
    {Op::Popcnt, Count},
    {Op::Blsi, Count},
    {Op::Blsmsk, Count},
    {Op::Blsr, Count},
    {Op::Bsf, Count},
    {Op::Bsr, Count},
    {Op::Bt, BitTest},
    {Op::Bts, BitTest},
    {Op::Btr, BitTest},
    {Op::Btc, BitTest},
    {Op::Ubfx, Field},
    {Op::Sbfx, Field},
    {Op::Bfi, Field},
    {Op::Select, Select, None, 0, kReads},
    {Op::Csinc, Select, None, 0, kReads},
    {Op::Csinv, Select, None, 0, kReads},
    {Op::Csneg, Select, None, 0, kReads},
    {Op::Set, Select, None, 0, kReads},
    {Op::Ccmp, CondCompare, None, 0, kReads},
    {Op::Ccmn, CondCompare, None, 0, kReads},
    {Op::Lea, Lea},
    {Op::ReadFlags, Flags, None, 0, kReads},
    {Op::WriteFlags, Flags, None, 0, kAll},
    {Op::ReadNzcv, Flags, None, 0, kReads},
    {Op::WriteNzcv, Flags, None, 0, kAll},
    {Op::FlagBits, Flags, None, 0, kReads},
    {Op::Load, Memory, Read, 1},
    {Op::LoadRmw, Memory, Read, 1},
    {Op::Store, Memory, Write, 1},
    {Op::StoreCheck, Memory, Check, 1},
    {Op::LoadPair, Memory, Read, 2},
    {Op::StorePair, Memory, Write, 2},
    {Op::LoadV, Memory, Read, 1},
    {Op::StoreV, Memory, Write, 1},
    {Op::LoadVPair, Memory, Read, 2},
    {Op::StoreVPair, Memory, Write, 2},
    {Op::LoadMasked, Masked, Read, 1},
    {Op::StoreMasked, Masked, Write, 1},
    {Op::Gather, Masked, None, 0, kFaults},
    {Op::LoadArea, Area, Read, 0},
    {Op::StoreArea, Area, Write, 0},
    {Op::LoadEx, Exclusive, Read, 1},
    {Op::LoadExPair, Exclusive, Read, 2},
    {Op::StoreEx, Exclusive, Write, 1},
    {Op::StoreExPair, Exclusive, Write, 2},
    {Op::ClrEx, Exclusive},
    {Op::ZeroLine, Memory, Write, 0},
    {Op::Jump, Jump, None, 0, kEnds},
    {Op::JumpReg, Jump, None, 0, kEnds},
    {Op::JumpCond, Jump, None, 0, kEnds | kReads},
    {Op::Cbz, Jump, None, 0, kEnds},
    {Op::Cbnz, Jump, None, 0, kEnds},
    {Op::Tbz, Jump, None, 0, kEnds},
    {Op::Tbnz, Jump, None, 0, kEnds},
    {Op::Syscall, OpGroup::Syscall, None, 0, kEnds | kFaults},
    {Op::Trap, Trap, None, 0, kEnds | kFaults},
    {Op::Movs, String, None, 0, kEnds | kFaults},
    {Op::Stos, String, None, 0, kEnds | kFaults},
    {Op::Lods, String, None, 0, kEnds | kFaults},
    {Op::Scas, String, None, 0, kEnds | kFaults},
    {Op::Cmps, String, None, 0, kEnds | kFaults},
    {Op::Cpuid, Machine},
    {Op::Xgetbv, Machine, None, 0, kFaults},
    {Op::Rdtsc, Machine},
    {Op::Rdtscp, Machine},
    {Op::ReadSys, Machine},
    {Op::WriteSys, Machine},
    {Op::LoadMxcsr, Machine, None, 0, kFaults},
    {Op::StoreMxcsr, Machine},
    {Op::VecOp, Vector},
    {Op::VecGet, Vector},
    {Op::VecPut, Vector},
    {Op::VecFp, Vector},
    {Op::FpCompare, Vector, None, 0, kAll},
    {Op::Helper, Vector, None, 0, kReads | kFaults},
};

consteval bool in_order() {
  for (size_t i = 0; i < std::size(kOps); ++i)
    if (static_cast<size_t>(kOps[i].op) != i) return false;
  return std::size(kOps) == static_cast<size_t>(Op::kCount);
}
static_assert(in_order(), "a row an op, in the order of Op");

}  // namespace detail

constexpr const OpTraits& traits(Op op) { return detail::kOps[static_cast<size_t>(op)]; }

}  // namespace deferscope::isa
