// The forms' cases of isa_x86_host.h, and random bytes.
#include "isa_x86_host.h"

#include <gtest/gtest.h>

#ifndef __x86_64__

namespace deferscope::isa::test {
void check_against_host(std::span<const Form>, Level) { GTEST_SKIP() << "the host is not x86-64"; }
void check_random_bytes(Level) { GTEST_SKIP() << "the host is not x86-64"; }
}  // namespace deferscope::isa::test

#else
#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "isa/x86_64/lift.h"
#include "isa_x86_compare.h"

namespace deferscope::isa::test {
namespace {

// The flags that the manuals define for this case
uint32_t defined_flags(const Form& f, const Parsed& p, const Case& c) {
  uint32_t mask = (flag::kArith | flag::DF) & ~f.undefined;
  if (!p.has("shift") && !p.has("shiftd")) return mask;
  const unsigned bits = c.bytes * 8, count = c.count & (c.bytes == 8 ? 63 : 31);
  if (count != 1 && count != 0) mask &= ~flag::OF;
  if (count > bits) mask &= ~flag::CF;
  if (count != 0 && (f.undefined & flag::AF) == 0 && p.has("shiftd")) mask &= ~flag::AF;
  return mask;
}

// Where two pages fault the processors differ in which they name (Intel's take the second of MASKMOVDQU's); it must be
// one that does fault.
void take_the_hosts_fault(const Result& n, Result& e, bool reads, ScratchBus& bus) {
  if (n.kind == Result::Next || e.kind == Result::Next) return;
  uint8_t byte;
  if (n.kind == Result::PageFault && (reads ? bus.read(n.page, &byte, 1) : bus.check_write(n.page, 1))) return;
  e.kind = n.kind, e.page = n.page;
}

// MXCSR's mask has the bit of misaligned SSE on AMD's processors.
void take_the_hosts_mask(const Parsed& p, const Case& c, const Result& n, ScratchBus& bus) {
  const uint64_t at = c.operand + 28;
  uint32_t host, ours;
  if (n.kind != Result::Next || !bus.read(at, &ours, 4)) return;
  std::memcpy(&host, reinterpret_cast<const void*>(at), 4);
  if (host == (ours | 0x20000)) bus.write(at, &host, 4);
  // A part may count as in use although it is as at reset.
  if (!p.has("parts")) return;
  uint8_t used, known;
  std::memcpy(&used, reinterpret_cast<const void*>(c.operand + 512), 1);
  if (bus.read(c.operand + 512, &known, 1) && (used & known) == known) bus.write(c.operand + 512, &used, 1);
}

// true if equal
bool check_case(const Form& f, const Parsed& p, const Case& c, ScratchBus& bus) {
  // A 16-bit SHLD by more than 16 leaves everything undefined.
  if (p.has("shiftd") && c.bytes == 2 && (c.count & 31) > 16) return true;
  Lifted lifted;
  const Result n = native_result(c);
  Result e = emulated_result(c, bus, lifted);
  if (excused(n, e, bus)) return true;
  // ENTER may have stored below RSP when its last check faults; we change nothing.
  if (p.has("below") && n.kind != Result::Next) copy_memory(bus);
  if (p.has("either")) take_the_hosts_fault(n, e, p.has("str"), bus);
  if (p.has("enters") && n.kind != Result::Next)
    e.state.x87.status = n.state.x87.status, e.state.x87.full = n.state.x87.full;
  if (p.has("area")) take_the_hosts_mask(p, c, n, bus);
  const uint32_t daz = c.state.mxcsr & 0x40 && p.has("daz") ? 0x20u : 0u;
  const Vectors vectors = p.has("estimate")                    ? Vectors::Estimate
                          : p.has("nans") && !host_is_intels() ? Vectors::AnyNan
                                                               : Vectors::Exactly;
  const uint32_t x87_status = p.has("keepsc1") && !host_is_intels() ? ~0x200u : ~0u;
  // An overflow that is not masked is inexact, or not, as a number of another exponent.
  const uint32_t inexact = p.has("traps") && n.kind == Result::Divide ? 0x20u : 0u;
  const Leniency l{defined_flags(f, p, c) & flags_after_fault(lifted, n), defined_mxcsr(c) & ~daz & ~inexact, vectors,
                   x87_status, p.has("ulp")};
  return same_end(std::string(f.name) + " (" + f.encoding + ")", c, n, e, l, bus);
}

// ---- random bytes: whatever the lift accepts, the host must take for the same instruction.

bool left_out(const Lifted& l, uint64_t pc) {
  if (l.fault != Fault::None) return true;
  bool bit_test = false, computed = false, checked = false;
  for (int i = 0; i < l.count; ++i) {
    const Uop& u = l.uops[i];
    switch (u.op) {
      case Op::Syscall:
      case Op::Trap:
      case Op::Cpuid:
      case Op::Rdtsc:
      case Op::Rdtscp:
      case Op::Xgetbv:
      case Op::LoadMxcsr:
      case Op::WriteFlags:  // POPF may set TF
      case Op::Cmps:
      case Op::Gather:
      case Op::LoadArea:
      case Op::StoreArea: return true;
      case Op::Shld:
      case Op::Shrd: return u.width == 2;
      case Op::Bt:
      case Op::Bts:
      case Op::Btr:
      case Op::Btc: bit_test = true; break;
      case Op::Lea: computed = true; break;
      case Op::StoreCheck: checked = true; break;
      default: break;
    }
    // A jump into its own bytes may never end.
    if (u.op >= Op::Jump && u.op <= Op::Cbnz && static_cast<uint64_t>(u.imm) - pc < l.length) return true;
    if (u.mem.seg == kFsBase) return true;  // the test's own thread-local storage
  }
  return (bit_test && computed) || checked;
}

// LZCNT and TZCNT, which the host may have and level v2 has not, are other instructions.
bool beyond_v2(const std::vector<uint8_t>& code, const Lifted& l) {
  const Op last = l.count != 0 ? l.uops[l.count - 1].op : Op::Nop;
  return (last == Op::Bsf || last == Op::Bsr) && std::find(code.begin(), code.end(), 0xf3) != code.end();
}

// We do what Intel's processors do. AMD's take 66 before a jump for a 16-bit address, PREFETCHW of a register for
// undefined, let REP before LOOPE and LOOPNE decide, and exchange R8 and RAX at F3 REX.B 90.
bool amd_differs(const std::vector<uint8_t>& code, const Lifted& l) {
  const auto has_byte = [&](uint8_t b) { return std::find(code.begin(), code.end(), b) != code.end(); };
  const bool jumps = l.count != 0 && l.uops[l.count - 1].op >= Op::Jump && l.uops[l.count - 1].op <= Op::Cbnz;
  const bool loop_if = jumps && (has_byte(0xe0) || has_byte(0xe1)) && (has_byte(0xf2) || has_byte(0xf3));
  const bool pause = !code.empty() && code.back() == 0x90 && has_byte(0xf3);
  return pause || (jumps && has_byte(0x66)) || loop_if || (l.count == 0 && has_byte(0x0d));
}

Leniency leniency(const Lifted& l, const Case& c) {
  Leniency r{flag::kArith | flag::DF, defined_mxcsr(c)};
  for (int i = 0; i < l.count; ++i) {
    const Uop& u = l.uops[i];
    if (u.flags == FlagRule::Logic && u.op != Op::Popcnt) r.flags &= ~flag::AF;
    if (u.flags == FlagRule::Shift) r.flags &= ~(flag::AF | flag::OF | (u.width < 4 ? flag::CF : 0));
    if (u.flags == FlagRule::Mul) r.flags &= ~(flag::SF | flag::ZF | flag::AF | flag::PF);
    if (u.flags == FlagRule::Bit) r.flags &= u.op == Op::Bsf || u.op == Op::Bsr ? flag::ZF : flag::CF | flag::ZF;
    if (u.op == Op::Bic) r.flags &= ~flag::PF;
    if (u.flags == FlagRule::Lowest) r.flags &= ~(flag::AF | flag::PF);
    if (u.op == Op::DivWideU || u.op == Op::DivWideS) r.flags = 0;
    if (!u.helper) continue;
    const std::string name = u.helper->name;
    if (name == "mul8" || name == "imul8") r.flags &= ~(flag::SF | flag::ZF | flag::AF | flag::PF);
    if (u.op == Op::Helper && (name == "bextr" || name == "bzhi")) r.flags &= ~(flag::AF | flag::PF | flag::SF);
    if (name.starts_with("rcp") || name.starts_with("rsqrt")) r.vectors = Vectors::Estimate;
    if (name.starts_with("dpp") && !host_is_intels()) r.vectors = Vectors::AnyNan;
    if (name.starts_with("cvtt") && c.state.mxcsr & 0x40) r.mxcsr &= ~0x20u;
  }
  return r;
}

std::vector<uint8_t> random_code(Random& r) {
  constexpr uint8_t kPrefixes[] = {0x66, 0xf2, 0xf3, 0x67, 0x65, 0x2e, 0x3e, 0xf0};
  std::vector<uint8_t> code;
  while (r.one_in(2) && code.size() < 4) code.push_back(pick(r, kPrefixes));
  if (r.one_in(2)) code.push_back(static_cast<uint8_t>(0x40 | r.below(16)));
  if (!r.one_in(3)) {
    code.push_back(0x0f);
    if (r.one_in(3)) code.push_back(r.one_in(2) ? 0x38 : 0x3a);
  }
  while (code.size() < 15) code.push_back(static_cast<uint8_t>(r.next()));
  return code;
}

// VEX, mostly of a kind that there is
std::vector<uint8_t> random_vex(Random& r) {
  std::vector<uint8_t> code;
  if (r.one_in(16)) code.push_back(0x67);
  if (r.one_in(3)) {
    code.push_back(0xc5);
    code.push_back(static_cast<uint8_t>(r.next()));
  } else {
    code.push_back(0xc4);
    code.push_back(static_cast<uint8_t>((r.next() & 0xe0) | (r.one_in(30) ? r.below(32) : 1 + r.below(3))));
    code.push_back(static_cast<uint8_t>(r.next()));
  }
  while (code.size() < 15) code.push_back(static_cast<uint8_t>(r.next()));
  return code;
}

// Half of the registers point into the data, so that operands are often there.
CpuState random_pointers(Random& r, bool repeats) {
  CpuState s = random_state(r);
  for (size_t i = 0; i < 16; ++i)
    if (r.one_in(2)) s.r[i] = scratch().address(kData) + 3000 + 8 * r.below(200);
  if (repeats) s.r[kRcx] = r.below(12);
  return s;
}

// Something of this process lies there: the code, or what a random address meets by chance (AddressSanitizer's shadow
// begins at 2 GiB). It is memory for the host only, and not to be written.
bool is_host_memory(uint64_t page) {
  const uint64_t offset = page - scratch().address(0);
  if (offset < kAll) return offset < kCodeBytes;
  return msync(reinterpret_cast<void*>(page), kPage, MS_ASYNC) == 0;
}

bool check_random(Random& r, ScratchBus& bus, Level level, unsigned& executed) {
  Case c;
  c.level = level;
  c.code = level == Level::v3 ? random_vex(r) : random_code(r);
  Lifted lifted;
  const uint64_t pc = scratch().address(64);
  x86_64::lift(c.code.data(), c.code.size(), pc, lifted, level);
  c.code.resize(lifted.length);
  if (left_out(lifted, pc) || (level == Level::v2 && beyond_v2(c.code, lifted))) return true;
  if (!host_is_intels() && amd_differs(c.code, lifted)) return true;
  c.state = random_pointers(r, lifted.count != 0 && lifted.uops[0].rep != 0);
  c.state.pc = pc;
  const Result e = emulated_result(c, bus, lifted);
  // What the host's memory decides, and a return into its own bytes, which runs on there.
  const bool own_bytes = e.kind == Result::Next && e.state.pc - pc < c.code.size();
  if (own_bytes || (e.kind == Result::PageFault && is_host_memory(e.page))) {
    copy_memory(bus);  // a string instruction may have begun
    return true;
  }
  ++executed;
  const Result n = native_result(c);
  if (excused(n, e, bus)) return true;
  Leniency l = leniency(lifted, c);
  l.flags &= flags_after_fault(lifted, n);
  return same_end("random bytes", c, n, e, l, bus);
}

unsigned number_from(const char* variable, unsigned otherwise) {
  const char* text = std::getenv(variable);
  return text ? static_cast<unsigned>(std::strtoul(text, nullptr, 0)) : otherwise;
}

}  // namespace

#define SKIP_BELOW(level)                                                                                       \
  if (!__builtin_cpu_supports("sse4.2") || !__builtin_cpu_supports("aes") || !__builtin_cpu_supports("pclmul")) \
    GTEST_SKIP() << "the host is below level v2 + AES + PCLMUL";                                                \
  if ((level) == Level::v3 &&                                                                                   \
      !(__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("fma")))     \
  GTEST_SKIP() << "the host is below level v3"

void check_random_bytes(Level level) {
  SKIP_BELOW(level);
  install();
  Random r{number_from("DEFERSCOPE_SEED", 1)};
  ScratchBus bus;
  copy_memory(bus);
  unsigned executed = 0, failures = 0;
  const unsigned cases = 100 * number_from("DEFERSCOPE_CASES", 1000);
  for (unsigned i = 0; i < cases && failures < 10; ++i)
    if (!check_random(r, bus, level, executed)) ++failures;
  EXPECT_GT(executed, cases / 20);
}

void check_against_host(std::span<const Form> forms, Level level) {
  SKIP_BELOW(level);
  install();
  const unsigned cases = number_from("DEFERSCOPE_CASES", 1000);
  Random r{number_from("DEFERSCOPE_SEED", 1)};
  ScratchBus bus;
  copy_memory(bus);
  for (const Form& f : forms) {
    const Parsed p = parse(f.encoding);
    if (p.has("intel") && !host_is_intels()) continue;
    unsigned failures = 0, i = 0;
    for (; i < cases && failures < 2; ++i)
      if (!check_case(f, p, make_case(p, r, bus), bus)) ++failures;
    if (failures) ADD_FAILURE() << f.name << " (" << f.encoding << "): " << failures << " of " << i << " cases differ";
  }
}

}  // namespace deferscope::isa::test

#endif
