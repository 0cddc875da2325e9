// setjmp and longjmp: the registers that a function keeps for its caller, put away and put back. The buffer is as large
// as <setjmp.h> says; what lies where in it is libSystem's own business.
#include <span>

#include "emu/darwin/call.h"

namespace deferscope::emu::darwin {
namespace {

constexpr isa::Reg kKeptAmd64[] = {isa::kRbx, isa::kRbp, 12, 13, 14, 15};
constexpr isa::Reg kKeptArm64[] = {19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, isa::kX30};
std::span<const isa::Reg> kept(const State& s) {
  return s.amd64() ? std::span<const isa::Reg>(kKeptAmd64) : std::span<const isa::Reg>(kKeptArm64);
}
constexpr size_t kFirstVector = 8, kVectors = 8;  // arm64: the lower halves of v8 to v15

// Used are 72 of amd64's 148 bytes, 184 of arm64's 192.
struct JumpBuffer {
  uint64_t pc, sp;
  uint32_t mask, has_mask;
  uint64_t words[20];
};

size_t size_of_buffer(const State& s) { return 24 + 8 * (kept(s).size() + (s.amd64() ? 0 : kVectors)); }

isa::Reg stack_register(const State& s) { return s.amd64() ? isa::kRsp : isa::kSp; }

Result put_away(Call& c, bool with_mask) {
  const isa::CpuState& cpu = c.cpu();
  JumpBuffer b{};
  b.pc = cpu.r[isa::kX30];
  b.sp = cpu.r[stack_register(c.s)];
  if (c.s.amd64()) {
    c.memory().peek(b.sp, &b.pc, 8);
    b.sp += 8;
  }
  b.has_mask = with_mask;
  b.mask = static_cast<uint32_t>(c.info().mask);
  size_t i = 0;
  for (const isa::Reg r : kept(c.s)) b.words[i++] = cpu.r[r];
  for (size_t v = 0; !c.s.amd64() && v < kVectors; ++v) b.words[i++] = cpu.v[kFirstVector + v].lo;
  if (!c.memory().write(c.a[0], &b, size_of_buffer(c.s))) return c.fault(isa::Access::Write);
  return c.give(0);
}

// setjmp returns once more, with this value.
Result put_back(Call& c) {
  JumpBuffer b{};
  if (!c.memory().read(c.a[0], &b, size_of_buffer(c.s))) return c.fault(isa::Access::Read);
  isa::CpuState& cpu = c.cpu();
  size_t i = 0;
  for (const isa::Reg r : kept(c.s)) cpu.r[r] = b.words[i++];
  for (size_t v = 0; !c.s.amd64() && v < kVectors; ++v) cpu.v[kFirstVector + v].lo = b.words[i++];
  if (b.has_mask) c.info().mask = b.mask & ~kSignalRules.unblockable;
  cpu.r[stack_register(c.s)] = b.sp;
  cpu.r[c.s.amd64() ? isa::kRax : isa::Reg{0}] = c.u32(1) ? c.u32(1) : 1;
  cpu.pc = b.pc;
  return kNoResult;
}

}  // namespace

Result imp_setjmp(Call& c) { return put_away(c, true); }
Result imp_plain_setjmp(Call& c) { return put_away(c, false); }
Result imp_sigsetjmp(Call& c) { return put_away(c, c.i32(1) != 0); }
Result imp_longjmp(Call& c) { return put_back(c); }

}  // namespace deferscope::emu::darwin
