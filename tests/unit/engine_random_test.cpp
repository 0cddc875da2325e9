// The engine against the reference evaluator on random straight code of both instruction sets, run several times over
// so that blocks are chained, operands fused, flags dropped and translations at hand: same registers, flags, memory,
// count and fault. DEFERSCOPE_CASES sets the programs (default 300), DEFERSCOPE_SEED the seed.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "emu/engine/engine.h"
#include "isa/arm64/lift.h"
#include "isa/arm64/table.h"
#include "isa/fp_env.h"
#include "isa/lift.h"
#include "isa/x86_64/lift.h"

using namespace deferscope;
using emu::kExec;
using emu::kRead;
using emu::kWrite;

namespace {

// Code; two pages of data, one that cannot be written, nothing.
constexpr uint64_t kCode = 0x401000, kData = 0x600000, kReadOnly = kData + 0x2000, kHole = kData + 0x3000;

unsigned number_from(const char* variable, unsigned otherwise) {
  const char* text = std::getenv(variable);
  return text ? static_cast<unsigned>(std::strtoul(text, nullptr, 0)) : otherwise;
}

class Random {
 public:
  explicit Random(unsigned seed) : bits_(seed) {}
  uint64_t next() { return bits_(); }
  unsigned below(unsigned n) { return static_cast<unsigned>(bits_() % n); }
  bool one_in(unsigned n) { return below(n) == 0; }

 private:
  std::mt19937_64 bits_;
};

// What compilers write most of the time.
constexpr uint8_t kOften[] = {0x89, 0x8b, 0x8a, 0x88, 0x8d, 0x63, 0x01, 0x03, 0x29, 0x2b, 0x39, 0x3b, 0x38, 0x3a,
                              0x21, 0x23, 0x09, 0x0b, 0x31, 0x33, 0x11, 0x13, 0x19, 0x1b, 0x85, 0x84, 0x81, 0x83,
                              0x80, 0xc1, 0xd1, 0xd3, 0xf7, 0xf6, 0xff, 0xfe, 0xc7, 0xc6, 0x87, 0x86, 0x50, 0x58,
                              0x72, 0x74, 0x75, 0x77, 0x7c, 0x7f, 0xa4, 0xa5, 0xaa, 0xab, 0xb8, 0x98, 0x99};

// VEX, x87, LZCNT and TZCNT
void begin_v3(Random& r, std::vector<uint8_t>& code) {
  if (r.one_in(8)) {
    const uint8_t rex = static_cast<uint8_t>(0x40 | r.below(16)), opcode = static_cast<uint8_t>(0xbc | r.below(2));
    code.insert(code.end(), {0xf3, rex, 0x0f, opcode});
    return;
  }
  if (r.one_in(6)) return code.push_back(static_cast<uint8_t>(0xd8 | r.below(8)));
  if (r.one_in(3)) {
    code.push_back(0xc5);
  } else {
    code.push_back(0xc4);
    code.push_back(static_cast<uint8_t>((r.next() & 0xe0) | (1 + r.below(3))));
  }
  code.push_back(static_cast<uint8_t>(r.next()));
}

std::vector<uint8_t> x86_instruction(Random& r, isa::Level level) {
  for (;;) {
    std::vector<uint8_t> code;
    const bool v3 = level == isa::Level::v3 && r.one_in(2);
    if (v3) begin_v3(r, code);
    constexpr uint8_t kPrefixes[] = {0x66, 0xf2, 0xf3, 0x67, 0xf0};
    while (!v3 && r.one_in(3) && code.size() < 3) code.push_back(kPrefixes[r.below(5)]);
    if (!v3 && !r.one_in(3)) code.push_back(static_cast<uint8_t>(0x40 | r.below(16)));
    if (v3) {
    } else if (r.one_in(2)) {
      code.push_back(kOften[r.below(std::size(kOften))]);
    } else {
      code.push_back(0x0f);
      if (r.one_in(4)) code.push_back(r.one_in(2) ? 0x38 : 0x3a);
    }
    while (code.size() < 15) code.push_back(static_cast<uint8_t>(r.one_in(3) ? r.below(16) : r.next()));
    isa::Lifted l;
    isa::x86_64::lift(code.data(), code.size(), kCode, l, level);
    if (l.fault != isa::Fault::None) continue;
    const isa::Op last = l.count ? l.uops[l.count - 1].op : isa::Op::Nop;
    if (last == isa::Op::Syscall || last == isa::Op::Trap || last == isa::Op::LoadMxcsr) continue;
    code.resize(l.length);
    return code;
  }
}

std::vector<uint8_t> arm64_instruction(Random& r, isa::Level level) {
  const auto rows = isa::arm64::rows();
  for (;;) {
    const isa::arm64::Row& row = rows[r.below(static_cast<unsigned>(rows.size()))];
    const uint32_t word = (static_cast<uint32_t>(r.next()) & ~row.mask) | row.value;
    isa::Lifted l;
    isa::arm64::lift(word, kCode, l, level);
    if (l.fault != isa::Fault::None) continue;
    const isa::Op last = l.count ? l.uops[l.count - 1].op : isa::Op::Nop;
    if (last == isa::Op::Syscall || last == isa::Op::Trap) continue;
    std::vector<uint8_t> code(4);
    std::memcpy(code.data(), &word, 4);
    return code;
  }
}

// Some instructions and a jump back to the first.
std::vector<uint8_t> program(Random& r, const isa::CpuModel& model) {
  const bool x86 = model.isa == isa::Isa::x86_64;
  std::vector<uint8_t> code;
  for (unsigned n = 2 + r.below(7); n > 0; --n) {
    const std::vector<uint8_t> one = x86 ? x86_instruction(r, model.level) : arm64_instruction(r, model.level);
    code.insert(code.end(), one.begin(), one.end());
  }
  const auto size = static_cast<int32_t>(code.size());
  const uint32_t back =
      x86 ? static_cast<uint32_t>(-size - 5) : 0x14000000 | (static_cast<uint32_t>(-size / 4) & 0x3ffffff);
  if (x86) code.push_back(0xe9);
  for (unsigned i = 0; i < 32; i += 8) code.push_back(static_cast<uint8_t>(back >> i));
  return code;
}

struct Side {
  emu::Memory memory;
  isa::CpuState cpu;
};

// Half of the registers point into the data, often at an edge; the others are small, or anything.
void randomise(Random& r, isa::Isa isa, isa::CpuState& s) {
  constexpr uint64_t kEdges[] = {kData, kData + 0x1000, kReadOnly, kHole};
  for (unsigned i = 0; i < 32; ++i) {
    uint64_t& x = s.r[i];
    switch (r.below(8)) {
      case 0:
      case 1: x = kEdges[r.below(4)] + r.below(48) - 24; break;
      case 2:
      case 3: x = kData + 64 + 8 * r.below(900); break;
      case 4: x = kData + 64 + 16 * r.below(450); break;
      case 5: x = r.below(64); break;
      default: x = r.next() >> r.below(64);
    }
  }
  for (auto& v : s.v) v = isa::Vec{r.next() >> r.below(64), r.one_in(2) ? r.next() : 0};
  for (unsigned i = 0; i < 8; ++i) s.v[r.below(16)].set<double>(0, static_cast<double>(r.below(100)) / 4);
  for (unsigned i = 0; i < 8; ++i) {
    s.x87.significand[i] = r.next() | uint64_t{1} << 63;
    s.x87.exponent[i] = static_cast<uint16_t>(0x3fff - 30 + r.below(60));
  }
  s.x87.full = static_cast<uint8_t>(r.one_in(2) ? 0xff : r.next()), s.x87.set_top(r.below(8));
  if (r.one_in(16)) s.x87.control &= static_cast<uint16_t>(~(r.next() & 0x3f));
  s.set_flags(static_cast<uint32_t>(r.next()));
  if (isa == isa::Isa::x86_64) s.df = r.one_in(4);
  if (r.one_in(3)) s.mxcsr = 0x1f80 | (r.next() & 0xe040);  // rounding, flush to zero, denormals are zeros
  if (r.one_in(3)) s.fpcr = static_cast<uint32_t>(r.next()) & 0x3c00000;  // the same, and default NaN
  s.pc = kCode;
}

class Log final : public isa::Bus {
 public:
  explicit Log(emu::Memory& m) : m_(m) {}
  bool read(uint64_t a, void* out, unsigned n) override { return m_.read(a, out, n) || fail(); }
  bool write(uint64_t a, const void* in, unsigned n) override { return m_.write(a, in, n) || fail(); }
  bool check_write(uint64_t a, unsigned n) override { return m_.check_write(a, n) || fail(); }

 private:
  bool fail() {
    fault_address = m_.fault_address, fault = m_.fault;
    return false;
  }
  emu::Memory& m_;
};

// What an observer is shown.
struct Watcher final : emu::Observer {
  void instruction(uint64_t pc) override { pcs += fmt::format(" {:x}", pc), all += fmt::format(" {:x}", pc); }
  void access(uint64_t a, unsigned n, bool write) override {
    all += fmt::format(" {}{:x}/{}", write ? 'w' : 'r', a, n);
  }
  std::string pcs, all;
};

// At most `budget` instructions by lift and evaluate; `pcs`: theirs.
emu::RunExit evaluated(const isa::CpuModel& model, Side& side, uint64_t budget, std::string& pcs) {
  const isa::Isa isa = model.isa;
  emu::RunExit e;
  Log bus(side.memory);
  for (; e.executed < budget && e.kind == emu::RunExit::Budget; ++e.executed) {
    uint8_t bytes[16] = {};
    const uint64_t pc = side.cpu.pc;
    pcs += fmt::format(" {:x}", pc);
    const unsigned n = side.memory.fetch(pc, bytes, isa::longest(isa));
    isa::Lifted in;
    isa::lift(isa, {bytes, n}, pc, in, model.level);
    e.outcome = isa::evaluate(in, side.cpu, bus, model, e.executed);
    if (in.fault == isa::Fault::Page) e.outcome.address = pc + n;
    if (e.outcome.kind == isa::Outcome::Fault) e.kind = emu::RunExit::Fault;
    if (e.outcome.kind == isa::Outcome::Syscall) e.kind = emu::RunExit::Syscall;
  }
  return e;
}

std::string describe(const Side& s, const emu::RunExit& e) {
  const bool faulted = e.kind == emu::RunExit::Fault;
  std::string out = fmt::format(
      "exit {} after {} fault {} at {:x} pc {:x} flags {:x} df {} mxcsr {:x} fpsr {:x} memory {:x}\n",
      static_cast<int>(e.kind), e.executed, faulted ? static_cast<int>(e.outcome.fault) : 0,
      faulted ? e.outcome.address : 0, s.cpu.pc, s.cpu.flags(), s.cpu.df, s.cpu.mxcsr, s.cpu.fpsr, s.memory.digest());
  for (unsigned r = 0; r < 36; ++r)
    if (r != isa::kSink) out += fmt::format("  r{} {:x}\n", r, s.cpu.r[r]);
  for (unsigned v = 0; v < 32; ++v) out += fmt::format("  v{} {:x}_{:x}\n", v, s.cpu.v[v].hi, s.cpu.v[v].lo);
  for (unsigned i = 0; i < 8; ++i)
    out += fmt::format("  x87 r{} {:x} {:x}\n", i, s.cpu.x87.exponent[i], s.cpu.x87.significand[i]);
  out += fmt::format("  x87 {:x} {:x} {:x}\n", s.cpu.x87.control, s.cpu.x87.status, s.cpu.x87.full);
  return out;
}

// The lines that differ.
std::string difference(const std::string& a, const std::string& b) {
  std::string out;
  for (size_t i = 0, j = 0; i < a.size() && j < b.size();) {
    const size_t p = a.find('\n', i), q = b.find('\n', j);
    const std::string x = a.substr(i, p - i), y = b.substr(j, q - j);
    if (x != y) out += "  evaluator: " + x + "\n  engine:    " + y + "\n";
    i = p + 1, j = q + 1;
  }
  return out;
}

// With host code every block becomes it when it is entered first.
struct Processor {
  isa::Isa isa;
  const char* model;
};
class EngineRandom : public testing::TestWithParam<std::tuple<Processor, bool>> {};
INSTANTIATE_TEST_SUITE_P(BothIsas, EngineRandom,
                         testing::Combine(testing::Values(Processor{isa::Isa::x86_64, "v2"},
                                                          Processor{isa::Isa::arm64, "v8.1"},
                                                          Processor{isa::Isa::x86_64, "v3"}),
                                          testing::Bool()),
                         [](const auto& i) {
                           const Processor& p = std::get<0>(i.param);
                           return std::string(isa::to_string(p.isa)) + (p.model == std::string("v3") ? "_v3" : "") +
                                  (std::get<1>(i.param) ? "_host" : "_slots");
                         });

TEST_P(EngineRandom, CodeAsTheEvaluatorDoes) {
  const auto [processor, host_code] = GetParam();
  const isa::Isa isa = processor.isa;
  const isa::CpuModel& model = *isa::find_cpu_model(isa, processor.model);
  Random r(number_from("DEFERSCOPE_SEED", 1));
  unsigned failures = 0;
  for (unsigned i = number_from("DEFERSCOPE_CASES", 300); i > 0 && failures < 5; --i) {
    const std::vector<uint8_t> code = program(r, model);
    emu::Engine engine(isa, model, 1 + r.below(64));
    if (host_code && !engine.use_host_code("jit")) GTEST_SKIP() << "no host code on this host";
    Side slow, fast, other;  // other: interpreted, watched too
    emu::Engine interpreter(isa, model, 1 + r.below(64));
    const bool watched = r.one_in(3);
    for (Side* s : {&slow, &fast, &other}) {
      s->memory.map(kCode, 0x1000, kRead | kExec);
      s->memory.map(kData, 0x2000, kRead | kWrite);
      s->memory.map(kReadOnly, 0x1000, kRead);
      s->memory.poke(kCode, code.data(), code.size());
      for (uint64_t a = kData; a < kHole; a += 8) {
        const uint64_t word = a * 0x9e3779b97f4a7c15;
        s->memory.poke(a, &word, 8);
      }
    }
    for (unsigned pass = 0; pass < 20 && failures < 5; ++pass) {
      randomise(r, isa, slow.cpu);
      fast.cpu = other.cpu = slow.cpu;
      const uint64_t budget = 1 + r.below(60);
      Watcher seen, there;
      std::string pcs;
      if (watched) engine.set_observer(&seen, pass % 2), interpreter.set_observer(&there, pass % 2);
      isa::fp_enter(slow.cpu, isa);
      const std::string want = describe(slow, [&] {
        const emu::RunExit e = evaluated(model, slow, budget, pcs);
        isa::fp_fold(slow.cpu, isa);
        isa::fp_leave();
        return e;
      }());
      isa::fp_enter(fast.cpu, isa);
      const emu::RunExit e = engine.run(fast.cpu, fast.memory, budget, 0);
      isa::fp_fold(fast.cpu, isa);
      isa::fp_leave();
      const std::string got = describe(fast, e);
      if (watched) {
        isa::fp_enter(other.cpu, isa);
        interpreter.run(other.cpu, other.memory, budget, 0);
        isa::fp_fold(other.cpu, isa);
        isa::fp_leave();
        EXPECT_EQ(seen.pcs, pcs) << (failures += 1);
        EXPECT_EQ(seen.all, there.all) << (failures += 1);
      }
      if (want == got) continue;
      ++failures;
      std::string bytes;
      for (const uint8_t b : code) bytes += fmt::format("{:02x}", b);
      ADD_FAILURE() << fmt::format("code {}, pass {}, budget {}, block {}\n", bytes, pass, budget, engine.max_block())
                    << difference(want, got);
      break;
    }
  }
}

}  // namespace
