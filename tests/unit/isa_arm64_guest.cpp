#include "isa_arm64_guest.h"

#include <fmt/format.h>

#include <cmath>
#include <iterator>
#include <stdexcept>
#include <vector>

namespace deferscope::isa::arm64::test {
namespace {

const char* name_of(Fault f) {
  switch (f) {
    case Fault::Undefined: return "undefined";
    case Fault::Breakpoint: return "breakpoint";
    case Fault::Alignment: return "alignment";
    case Fault::Unimplemented: return "unimplemented";
    default: return "fault";
  }
}

// The evaluator's view of a World's memory.
class OurBus : public Bus {
 public:
  explicit OurBus(World& w) : w_(w) {}
  bool read(uint64_t a, void* out, unsigned n) override {
    if (!allowed(a, n, false)) return false;
    std::memcpy(out, &w_.data[a - kData], n);
    return true;
  }
  bool write(uint64_t a, const void* in, unsigned n) override {
    if (!allowed(a, n, true)) return false;
    std::memcpy(&w_.data[a - kData], in, n);
    return true;
  }
  bool check_write(uint64_t a, unsigned n) override { return allowed(a, n, true); }

 private:
  bool allowed(uint64_t a, unsigned n, bool write) {
    for (unsigned i = 0; i < n; ++i) {
      const uint64_t o = a + i - kData;
      const bool second = w_.second == SecondPage::Writable || (w_.second == SecondPage::ReadOnly && !write);
      if (o < kPage || (o < 2 * kPage && second)) continue;
      fault_address = a + i, fault = Fault::Page;
      return false;
    }
    return true;
  }
  World& w_;
};

void check(uc_err err, const char* what) {
  if (err != UC_ERR_OK) throw std::runtime_error(std::string(what) + ": " + uc_strerror(err));
}

int x_reg(size_t i) {
  if (i < 29) return UC_ARM64_REG_X0 + static_cast<int>(i);
  return i == 29 ? UC_ARM64_REG_X29 : i == 30 ? UC_ARM64_REG_X30 : UC_ARM64_REG_SP;
}
int v_reg(size_t i) { return UC_ARM64_REG_V0 + static_cast<int>(i); }
size_t mapped(SecondPage p) { return p == SecondPage::Missing ? kPage : 2 * kPage; }

std::string end_of(uc_err err) {
  switch (err) {
    case UC_ERR_OK:
    case UC_ERR_FETCH_UNMAPPED:  // it is the next instruction that cannot be fetched
    case UC_ERR_FETCH_PROT: return "next";
    case UC_ERR_READ_UNMAPPED:
    case UC_ERR_READ_PROT: return "page read";
    case UC_ERR_WRITE_UNMAPPED:
    case UC_ERR_WRITE_PROT: return "page write";
    default: return uc_strerror(err);
  }
}

}  // namespace

void run_ours(uint32_t word, World& w) {
  Lifted l;
  lift(word, w.state.pc, l);
  OurBus bus(w);
  fp_enter(w.state, Isa::arm64);
  const Outcome o = evaluate(l, w.state, bus, default_cpu_model(Isa::arm64), 0);
  w.fault_address = o.address;
  fp_fold(w.state, Isa::arm64);
  fp_leave();
  if (o.kind == Outcome::Next)
    w.end = "next";
  else if (o.kind == Outcome::Syscall)
    w.end = "syscall";
  else if (o.fault == Fault::Page)
    w.end = o.access == Access::Write ? "page write" : "page read";
  else
    w.end = name_of(o.fault);
}

UnicornMachine::UnicornMachine() { open(); }

void UnicornMachine::open() {
  check(uc_open(UC_ARCH_ARM64, UC_MODE_ARM, &uc_), "uc_open");
  check(uc_ctl_set_cpu_model(uc_, UC_CPU_ARM64_MAX), "cpu model");
  check(uc_mem_map(uc_, kCode, kCodeSize, UC_PROT_READ | UC_PROT_EXEC), "map code");
  check(uc_mem_map(uc_, kData, kPage, UC_PROT_READ | UC_PROT_WRITE), "map data");
  check(uc_mem_map(uc_, kData + kPage, kPage, UC_PROT_READ | UC_PROT_WRITE), "map data");
  const std::vector<uint32_t> nops(kCodeSize / 4, 0xd503201f);  // what branches reach must not end in an exception
  check(uc_mem_write(uc_, kCode, nops.data(), kCodeSize), "write code");
  const uint64_t fpen = 3 << 20;
  check(uc_reg_write(uc_, UC_ARM64_REG_CPACR_EL1, &fpen), "CPACR");
  uc_hook hook;
  check(uc_hook_add(uc_, &hook, UC_HOOK_INTR, reinterpret_cast<void*>(&UnicornMachine::on_interrupt), this, 1, 0),
        "hook");
}

UnicornMachine::~UnicornMachine() { uc_close(uc_); }

void UnicornMachine::on_interrupt(uc_engine* uc, uint32_t number, void* self) {
  static_cast<UnicornMachine*>(self)->interrupt_ = number;
  uc_emu_stop(uc);
}

uint64_t UnicornMachine::next() {
  if (next_ + 64 > kCode + kCodeSize) {  // Unicorn keeps what it translated: start anew
    uc_close(uc_);
    next_ = kCode, second_ = SecondPage::Writable;
    open();
  }
  return next_;
}

uint64_t UnicornMachine::place(uint32_t word) {
  const uint64_t at = next();
  next_ += 8;
  check(uc_mem_write(uc_, at, &word, 4), "write code");
  check(uc_ctl_remove_cache(uc_, at, at + 4), "forget code");  // an earlier branch may have come here
  return at;
}

void UnicornMachine::prepare_second_page(SecondPage second) {
  if (second == second_) return;
  const uint32_t prot = second == SecondPage::ReadOnly ? UC_PROT_READ : UC_PROT_READ | UC_PROT_WRITE;
  if (second == SecondPage::Missing)
    check(uc_mem_unmap(uc_, kData + kPage, kPage), "unmap");
  else if (second_ == SecondPage::Missing)
    check(uc_mem_map(uc_, kData + kPage, kPage, prot), "map");
  else
    check(uc_mem_protect(uc_, kData + kPage, kPage, prot), "protect");
  second_ = second;
}

void UnicornMachine::write_registers(const CpuState& s) {
  for (size_t i = 0; i < 32; ++i) {
    uc_reg_write(uc_, x_reg(i), &s.r[i]);
    uc_reg_write(uc_, v_reg(i), &s.v[i]);
  }
  const uint64_t nzcv = s.nzcv(), fpcr = s.fpcr, fpsr = s.fpsr;
  uc_reg_write(uc_, UC_ARM64_REG_NZCV, &nzcv);
  uc_reg_write(uc_, UC_ARM64_REG_FPCR, &fpcr);
  uc_reg_write(uc_, UC_ARM64_REG_FPSR, &fpsr);
  uc_reg_write(uc_, UC_ARM64_REG_TPIDR_EL0, &s.r[kTpidr]);
}

void UnicornMachine::read_registers(CpuState& s) {
  for (size_t i = 0; i < 32; ++i) {
    uc_reg_read(uc_, x_reg(i), &s.r[i]);
    uc_reg_read(uc_, v_reg(i), &s.v[i]);
  }
  uint64_t nzcv = 0, fpcr = 0, fpsr = 0;
  uc_reg_read(uc_, UC_ARM64_REG_PC, &s.pc);
  uc_reg_read(uc_, UC_ARM64_REG_NZCV, &nzcv);
  uc_reg_read(uc_, UC_ARM64_REG_FPCR, &fpcr);
  uc_reg_read(uc_, UC_ARM64_REG_FPSR, &fpsr);
  uc_reg_read(uc_, UC_ARM64_REG_TPIDR_EL0, &s.r[kTpidr]);
  s.set_nzcv(nzcv);
  s.fpcr = static_cast<uint32_t>(fpcr), s.fpsr = static_cast<uint32_t>(fpsr);
}

void UnicornMachine::run(World& w) {
  prepare_second_page(w.second);
  check(uc_mem_write(uc_, kData, w.data.data(), mapped(w.second)), "write data");
  write_registers(w.state);
  interrupt_ = 0;
  const uint64_t start = w.state.pc;
  w.end = end_of(uc_emu_start(uc_, start, ~uint64_t{0}, 0, 1));
  read_registers(w.state);
  check(uc_mem_read(uc_, kData, w.data.data(), mapped(w.second)), "read data");
  constexpr uint32_t kUndefined = 1, kSyscall = 2, kBreakpoint = 7;  // QEMU's EXCP_…
  if (interrupt_ == kUndefined) w.end = "undefined", w.state.pc = start;
  if (interrupt_ == kSyscall) w.end = "syscall";
  if (interrupt_ == kBreakpoint) w.end = "breakpoint", w.state.pc = start;
}

bool untouched(const World& before, const World& after) {
  for (size_t i = 0; i < 32; ++i)
    if (before.state.r[i] != after.state.r[i] || before.state.v[i] != after.state.v[i]) return false;
  return before.state.pc == after.state.pc && before.state.nzcv() == after.state.nzcv() &&
         before.state.fpsr == after.state.fpsr && before.state.monitor == after.state.monitor &&
         before.data == after.data;
}

std::string difference(const World& before, const World& ours, const World& theirs) {
  std::string out;
  bool differs = false;
  const auto line = [&](const std::string& what, const std::string& b, const std::string& o, const std::string& t) {
    if (o == t && b == o) return;
    differs |= o != t;
    out += fmt::format("  {} {:<7} {:<34} {:<34} {:<34}\n", o == t ? ' ' : '*', what, b, o, t);
  };
  const auto hex = [](uint64_t x) { return fmt::format("{:016x}", x); };
  line("end", "", ours.end, theirs.end);
  line("pc", hex(before.state.pc), hex(ours.state.pc), hex(theirs.state.pc));
  for (size_t i = 0; i < 32; ++i)
    line(i == 31 ? "sp" : fmt::format("x{}", i), hex(before.state.r[i]), hex(ours.state.r[i]), hex(theirs.state.r[i]));
  line("tpidr", hex(before.state.r[kTpidr]), hex(ours.state.r[kTpidr]), hex(theirs.state.r[kTpidr]));
  for (size_t i = 0; i < 32; ++i) {
    const auto text = [&](const World& w) { return hex(w.state.v[i].hi) + "_" + hex(w.state.v[i].lo); };
    line(fmt::format("v{}", i), text(before), text(ours), text(theirs));
  }
  line("nzcv", hex(before.state.nzcv()), hex(ours.state.nzcv()), hex(theirs.state.nzcv()));
  out += fmt::format("    fpcr    {:08x}\n", before.state.fpcr);
  line("fpcr", hex(before.state.fpcr), hex(ours.state.fpcr), hex(theirs.state.fpcr));
  line("fpsr", hex(before.state.fpsr), hex(ours.state.fpsr), hex(theirs.state.fpsr));
  for (size_t i = 0; i < mapped(before.second); ++i) {
    const auto byte = [&](const World& w) { return fmt::format("{:02x}", w.data[i]); };
    if (ours.data[i] != theirs.data[i] || ours.data[i] != before.data[i])
      line(fmt::format("[{:x}]", kData + i), byte(before), byte(ours), byte(theirs));
  }
  if (!differs) return "";
  return fmt::format("    {:<7} {:<34} {:<34} {:<34}\n", "", "before", "ours", "theirs") + out;
}

uint32_t random_word(const Row& row, std::mt19937_64& rng) {
  uint32_t w = static_cast<uint32_t>(rng());
  for (unsigned i = 0; i < 32; ++i)  // "should be" bits are ones, as they should
    if (row.bits[i] == '-') w |= 1u << (31 - i);
  return (w & ~row.mask) | row.value;
}

namespace {

// Edges of the sizes and floating point's special values, doubles and pairs of singles.
constexpr uint64_t kEdges[] = {0,
                               1,
                               ~uint64_t{0},
                               0x7fffffffffffffff,
                               0x8000000000000000,
                               0x7fffffff,
                               0x80000000,
                               0xffffffff,
                               0x7ff0000000000000,
                               0xfff8000000000000,
                               0x7ff0000000000001,
                               0x7ff8000000001234,
                               0x3ff0000000000000,
                               0xbff8000000000000,
                               0x0010000000000000,
                               0x000fffffffffffff,
                               0x7fefffffffffffff,
                               0x7f8000007f800001,
                               0x7fc00000ffc00001,
                               0x3f800000bf800000,
                               0x00800000007fffff,
                               0x4f0000005f000000,
                               0x8000000080000000,
                               0x41dfffffffc00000,
                               0x43e0000000000000,
                               0x7c007e0103ff0400,
                               0x3c0038007bfffc01};

uint64_t interesting(std::mt19937_64& rng) {
  const uint64_t r = rng();
  switch (r & 7) {
    case 0:
    case 1: return kEdges[(r >> 8) % std::size(kEdges)];
    case 2: return static_cast<uint64_t>(static_cast<int64_t>(rng()) >> (r >> 8 & 63));
    case 3: {  // numbers about one: sums and products that stay in range
      const double d =
          std::ldexp(static_cast<double>(static_cast<int64_t>(rng()) >> 11), static_cast<int>(r >> 8 & 15) - 60);
      const uint32_t single = std::bit_cast<uint32_t>(static_cast<float>(d));
      return r >> 16 & 1 ? std::bit_cast<uint64_t>(d) : uint64_t{single} << 32 | single;
    }
    case 4: return (r >> 8 & 255) * 0x0101010101010101;
    default: return rng();
  }
}

}  // namespace

World random_world(std::mt19937_64& rng) {
  World w;
  w.second = static_cast<SecondPage>(rng() % 3);
  // Half the registers point into the data, often just before the second page; the others hold numbers, some small.
  for (size_t i = 0; i < 31; ++i) {
    const uint64_t r = rng();
    if (r & 1) {
      w.state.r[i] = (r & 0x30) == 0x30 ? r >> 8 & 63 : interesting(rng);
    } else {
      const uint64_t near = r & 2 ? kPage - 1024 + (r >> 8 & 2047) : kPage - 16 + (r >> 8 & 31);
      w.state.r[i] = kData + (r & 4 ? near & ~uint64_t{15} : near);
    }
  }
  w.state.r[kSp] = kData + kPage - 512 + (rng() & 0x3f0);
  w.state.r[kTpidr] = rng();
  for (size_t i = 0; i < 32; ++i) w.state.v[i] = Vec{interesting(rng), interesting(rng)};
  for (size_t i = 0; i < w.data.size(); i += 8) {
    const uint64_t x = rng();
    std::memcpy(&w.data[i], &x, 8);
  }
  w.state.set_nzcv(rng() << 28 & 0xf0000000);
  const uint64_t r = rng();
  if (r & 1) w.state.fpcr = static_cast<uint32_t>(r >> 8 & 3) << 22;  // rounding
  if ((r & 0x70) == 0) w.state.fpcr |= 1u << 25;                      // DN
  if ((r & 0x3000000) == 0) w.state.fpcr |= 1u << 24;                 // FZ
  if ((r & 0x70000000) == 0) w.state.fpcr |= 1u << 26;                // AHP
  return w;
}

}  // namespace deferscope::isa::arm64::test
