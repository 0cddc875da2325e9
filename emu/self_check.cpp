#include "emu/self_check.h"

#include <fmt/format.h>

#include <cstring>

#include "emu/engine/memory_bus.h"
#include "isa/fp_env.h"
#include "isa/lift.h"

namespace deferscope::emu {
namespace {

// The evaluator's stores name their pages too.
class NotingBus final : public isa::Bus {
 public:
  NotingBus(Memory& m, std::unordered_set<uint64_t>& pages) : bus_(m), pages_(pages) {}
  bool read(uint64_t a, void* out, unsigned n) override { return done(bus_.read(a, out, n)); }
  bool write(uint64_t a, const void* in, unsigned n) override {
    pages_.insert(page_of(a)), pages_.insert(page_of(a + n - 1));
    return done(bus_.write(a, in, n));
  }
  bool check_write(uint64_t a, unsigned n) override { return done(bus_.check_write(a, n)); }

 private:
  bool done(bool ok) {
    fault_address = bus_.fault_address, fault = bus_.fault;
    return ok;
  }
  MemoryBus bus_;
  std::unordered_set<uint64_t>& pages_;
};

}  // namespace

void SelfCheck::resumes(const MachineState& s) {
  executing_ = true;
  began_ = s.position, cpu_ = s.cpu(), pc_ = cpu_.pc;
  memory_ = s.memory;  // its stores go slowly at first, page by page, and are told
  pages_.clear();
}

void SelfCheck::stored(uint64_t address, const uint8_t*, uint64_t) {
  if (executing_) pages_.insert(page_of(address));
}

void SelfCheck::pauses(const MachineState& s, bool faulted) {
  executing_ = false;
  if (s.position == began_) return;
  evaluate(s, faulted);
  compare(s);
}

void SelfCheck::evaluate(const MachineState& s, bool faulted) {
  NotingBus bus(memory_, pages_);
  for (Position p = began_; p < s.position; ++p) {
    uint8_t bytes[16] = {};
    const unsigned n = memory_.fetch(cpu_.pc, bytes, isa::longest(s.isa));
    isa::Lifted in;
    isa::lift(s.isa, {bytes, n}, cpu_.pc, in, s.level);
    isa::fp_enter(cpu_, s.isa);
    const isa::Outcome outcome = isa::evaluate(in, cpu_, bus, model_, p);
    isa::fp_fold(cpu_, s.isa);
    isa::fp_leave();
    const bool last = p + 1 == s.position, faults = outcome.kind == isa::Outcome::Fault;
    if (faults != (last && faulted))
      differ(s, fmt::format("whether {:#x} faults, position {}", cpu_.pc, p), last && faulted, faults);
  }
}

void SelfCheck::compare(const MachineState& s) const {
  const isa::CpuState &a = s.cpu(), &b = cpu_;
  const auto same = [&](const std::string& what, uint64_t x, uint64_t y) {
    if (x != y) differ(s, what, x, y);
  };
  same("pc", a.pc, b.pc);
  for (size_t i = 0; i < isa::kT0; ++i)
    if (i != isa::kZero && i != isa::kSink && a.r[i] != b.r[i])
      same(fmt::format("integer register {}", i), a.r[i], b.r[i]);
  same("flags", a.flags() | (a.df ? isa::flag::DF : 0), b.flags() | (b.df ? isa::flag::DF : 0));
  for (size_t i = 0; i < isa::kVT0; ++i) {
    if (a.v[i] == b.v[i]) continue;
    same(fmt::format("vector register {}, low half", i), a.v[i].lo, b.v[i].lo);
    same(fmt::format("vector register {}, high half", i), a.v[i].hi, b.v[i].hi);
  }
  for (size_t i = 0; i < 8; ++i) {
    same(fmt::format("x87 register {}, significand", i), a.x87.significand[i], b.x87.significand[i]);
    same(fmt::format("x87 register {}, exponent", i), a.x87.exponent[i], b.x87.exponent[i]);
  }
  same("x87 control word", a.x87.control, b.x87.control), same("x87 status word", a.x87.status, b.x87.status);
  same("x87 tags", a.x87.full, b.x87.full);
  same("MXCSR", a.mxcsr, b.mxcsr), same("FPCR", a.fpcr, b.fpcr), same("FPSR", a.fpsr, b.fpsr);
  same("the exclusive monitor", a.monitor.address, b.monitor.address);
  uint8_t x[kPage], y[kPage];
  for (const uint64_t page : pages_) {
    if (!s.memory.peek(page, x, kPage) || !memory_.peek(page, y, kPage) || std::memcmp(x, y, kPage) == 0) continue;
    for (uint64_t i = 0; i < kPage; ++i) same(fmt::format("the byte at {:#x}", page + i), x[i], y[i]);
  }
}

void SelfCheck::differ(const MachineState& s, const std::string& what, uint64_t engine, uint64_t evaluator) const {
  throw Error(
      fmt::format("self-check: between positions {} and {} (from pc {:#x}, thread {}) the engine and the reference "
                  "evaluator differ in {}: "
                  "{:#x} and {:#x}. This is a fault of deferscope: --engine interp may do without it; please report it",
                  began_, s.position, pc_, s.thread().tid, what, engine, evaluator));
}

}  // namespace deferscope::emu
