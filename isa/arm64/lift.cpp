#include "isa/arm64/lift.h"

#include "isa/arm64/table.h"

namespace deferscope::isa::arm64 {

namespace {

// What parts of a row need: PMULL of 64 bits (FEAT_PMULL), the ID registers, which Linux emulates where it says so,
// DIT.
bool part_is_absent(uint32_t word, const Lifted& lifted, Level level) {
  constexpr uint32_t kPmull = 0x0ee0e000, kPmullMask = 0xbfe0fc00;
  if ((word & kPmullMask) == kPmull) return level < Level::v8_1;
  if (lifted.count == 0) return false;
  const Uop& last = lifted.uops[lifted.count - 1];
  if (last.op != Op::ReadSys && last.op != Op::WriteSys) return false;
  const auto reg = static_cast<SysReg>(last.imm);
  return reg == SysReg::Dit || (level < Level::v8_1 && (reg == SysReg::IdAa64 || reg == SysReg::Midr));
}

}  // namespace

void lift(uint32_t word, uint64_t pc, Lifted& out, Level level) {
  out.count = 0;
  out.length = 4;
  out.fault = Fault::None;
  Emit e{pc, out};
  const Row* row = find(word);
  if (!row || static_cast<uint8_t>(level) < row->first) return e.undefined();
  row->lift(e, word);
  if (part_is_absent(word, out, level)) e.undefined();
}

}  // namespace deferscope::isa::arm64
