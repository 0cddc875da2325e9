// The native side of isa_x86_host.h, the case generator and the comparison.
#include "isa_x86_host.h"

#include <gtest/gtest.h>

#ifndef __x86_64__

namespace deferscope::isa::test {
void check_against_host(std::span<const Form>) { GTEST_SKIP() << "the host is not x86-64"; }
void check_random_bytes() { GTEST_SKIP() << "the host is not x86-64"; }
}  // namespace deferscope::isa::test

#else

#include <asm/prctl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <sstream>
#include <string>
#include <vector>

#include "isa/evaluate.h"
#include "isa/fp_env.h"
#include "isa/x86_64/lift.h"

namespace deferscope::isa::test {
namespace {

// ---- scratch memory, below 2 GiB so that 32-bit addresses reach it
//   code  RWX, filled with INT3        8 KiB
//   hole  nothing                      4 KiB
//   data  RW RW, then read-only, hole  4 × 4 KiB
constexpr uint64_t kPage = 4096, kCodeBytes = 2 * kPage, kData = kCodeBytes + kPage, kReadOnly = kData + 2 * kPage,
                   kEnd = kReadOnly + kPage, kAll = kEnd + kPage;

struct Scratch {
  uint8_t* base;
  uint64_t address(uint64_t offset) const { return reinterpret_cast<uint64_t>(base) + offset; }
};

Scratch make_scratch() {
  void* p = mmap(nullptr, kAll, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
  if (p == MAP_FAILED) std::perror("mmap"), std::abort();
  auto* base = static_cast<uint8_t*>(p);
  mprotect(base, kCodeBytes, PROT_READ | PROT_WRITE | PROT_EXEC);
  std::memset(base, 0xcc, kCodeBytes);
  mprotect(base + kData, 3 * kPage, PROT_READ | PROT_WRITE);
  mprotect(base + kReadOnly, kPage, PROT_READ);
  return {base};
}

const Scratch& scratch() {
  static const Scratch s = make_scratch();
  return s;
}

// ---- native execution: an INT3 of ours enters the handler, which returns into the guest's state; the guest's next
// signal (the INT3 behind its instruction, or a fault) enters it again, and it returns into ours.
struct Native {
  CpuState state;
  int signal = 0;
  uint64_t fault_address = 0;
  bool general_protection = false;
};
Native* g_native = nullptr;
bool g_inside = false;
gregset_t g_host_registers;
struct _libc_fpstate g_host_fp;

constexpr int kGreg[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                           REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};

void enter_guest(ucontext_t* uc) {
  std::memcpy(&g_host_registers, &uc->uc_mcontext.gregs, sizeof g_host_registers);
  std::memcpy(&g_host_fp, uc->uc_mcontext.fpregs, sizeof g_host_fp);
  const CpuState& s = g_native->state;
  auto& g = uc->uc_mcontext.gregs;
  for (int i = 0; i < 16; ++i) g[kGreg[i]] = static_cast<greg_t>(s.r[static_cast<size_t>(i)]);
  g[REG_RIP] = static_cast<greg_t>(s.pc);
  g[REG_EFL] = static_cast<greg_t>(s.eflags());
  auto* fp = uc->uc_mcontext.fpregs;
  for (int i = 0; i < 16; ++i) std::memcpy(&fp->_xmm[i], &s.v[static_cast<size_t>(i)], 16);
  fp->mxcsr = s.mxcsr;
  reinterpret_cast<uint64_t*>(fp)[512 / 8] |= 2;  // XSTATE_BV: the SSE state is not the initial one
  g_inside = true;
}

void leave_guest(int number, const siginfo_t* info, ucontext_t* uc) {
  Native& n = *g_native;
  auto& g = uc->uc_mcontext.gregs;
  for (int i = 0; i < 16; ++i) n.state.r[static_cast<size_t>(i)] = static_cast<uint64_t>(g[kGreg[i]]);
  n.state.pc = static_cast<uint64_t>(g[REG_RIP]);
  n.state.set_eflags(static_cast<uint64_t>(g[REG_EFL]));
  const auto* fp = uc->uc_mcontext.fpregs;
  for (int i = 0; i < 16; ++i) std::memcpy(static_cast<void*>(&n.state.v[static_cast<size_t>(i)]), &fp->_xmm[i], 16);
  n.state.mxcsr = fp->mxcsr;
  n.signal = number;
  n.fault_address = reinterpret_cast<uint64_t>(info->si_addr);
  n.general_protection = number == SIGBUS || (number == SIGSEGV && info->si_code == SI_KERNEL);
  std::memcpy(&g, &g_host_registers, sizeof g_host_registers);
  std::memcpy(uc->uc_mcontext.fpregs, &g_host_fp, sizeof g_host_fp);
  g_inside = false;
}

void on_signal(int number, siginfo_t* info, void* context) {
  auto* uc = static_cast<ucontext_t*>(context);
  if (g_inside) return leave_guest(number, info, uc);
  if (number == SIGTRAP && g_native) return enter_guest(uc);
  signal(number, SIG_DFL);  // not ours: let it end the process
}

constexpr uint64_t kGsBaseValue = 0x12340;

void install() {
  static bool done = false;
  if (done) return;
  done = true;
  static uint8_t alternate[1 << 17];
  stack_t stack{};
  stack.ss_sp = alternate, stack.ss_size = sizeof alternate;
  sigaltstack(&stack, nullptr);
  struct sigaction act {};
  act.sa_sigaction = on_signal;
  act.sa_flags = SA_SIGINFO | SA_ONSTACK;
  for (const int s : {SIGTRAP, SIGSEGV, SIGBUS, SIGILL, SIGFPE}) sigaction(s, &act, nullptr);
  syscall(SYS_arch_prctl, ARCH_SET_GS, kGsBaseValue);
}

void run_native(Native& n) {
  g_native = &n;
  asm volatile("int3" ::: "memory");
  g_native = nullptr;
}

// ---- the emulated side
class ScratchBus : public Bus {
 public:
  std::vector<uint8_t> bytes = std::vector<uint8_t>(kAll, 0);
  bool read(uint64_t a, void* out, unsigned n) override {
    if (!reachable(a, n, kEnd)) return false;
    std::memcpy(out, &bytes[a - scratch().address(0)], n);
    return true;
  }
  bool write(uint64_t a, const void* in, unsigned n) override {
    if (!reachable(a, n, kReadOnly)) return false;
    std::memcpy(&bytes[a - scratch().address(0)], in, n);
    return true;
  }
  bool check_write(uint64_t a, unsigned n) override { return reachable(a, n, kReadOnly); }

 private:
  bool reachable(uint64_t a, unsigned n, uint64_t end) {
    for (unsigned i = 0; i < n; ++i) {
      const uint64_t x = a + i, offset = x - scratch().address(0);
      const bool canonical = static_cast<uint64_t>(static_cast<int64_t>(x << 16) >> 16) == x;
      if (canonical && offset >= kData && offset < end) continue;
      fault = canonical ? Fault::Page : Fault::NonCanonical;
      fault_address = x;
      return false;
    }
    return true;
  }
};

// ---- random cases
struct Random {
  uint64_t s;
  uint64_t next() {
    uint64_t z = (s += 0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
  }
  unsigned below(unsigned n) { return static_cast<unsigned>(next() % n); }
  bool one_in(unsigned n) { return below(n) == 0; }
};

constexpr uint64_t kIntegers[] = {0,           1,
                                  2,           7,
                                  8,           15,
                                  16,          31,
                                  32,          63,
                                  64,          0x7f,
                                  0x80,        0xff,
                                  0x7fff,      0x8000,
                                  0xffff,      0x7fffffff,
                                  0x80000000,  0xffffffff,
                                  0x100000000, ~0ull >> 1,
                                  1ull << 63,  ~0ull,
                                  ~1ull,       0xffffffff80000000};
constexpr uint32_t kFloats[] = {0,          0x80000000, 0x3f800000, 0xbf800000, 0x7f800000, 0xff800000, 0x7fc00000,
                                0xffc00001, 0x7f800001, 0xffa00000, 1,          0x807fffff, 0x00800000, 0x7f7fffff,
                                0x3f000000, 0x3fc00000, 0x40200000, 0x4f000000, 0xcf000000, 0x5f000000, 0xdf000000,
                                0x4b000001, 0x3eaaaaab, 0xbf000000, 0x4effffff, 0x34000000};
constexpr uint64_t kDoubles[] = {0,
                                 0x8000000000000000,
                                 0x3ff0000000000000,
                                 0xbff0000000000000,
                                 0x7ff0000000000000,
                                 0xfff0000000000000,
                                 0x7ff8000000000000,
                                 0xfff8000000000001,
                                 0x7ff0000000000001,
                                 0xfff4000000000000,
                                 1,
                                 0x800fffffffffffff,
                                 0x0010000000000000,
                                 0x7fefffffffffffff,
                                 0x3fe0000000000000,
                                 0x3ff8000000000000,
                                 0x4004000000000000,
                                 0x41e0000000000000,
                                 0xc1e0000000000000,
                                 0xc1e0000000200000,
                                 0x41dfffffffc00000,
                                 0x43e0000000000000,
                                 0xc3e0000000000000,
                                 0x43dfffffffffffff,
                                 0x4330000000000001,
                                 0x36a0000000000000,
                                 0x47efffffe0000000,
                                 0x47effffff0000000,
                                 0x3810000000000000,
                                 0x380fffffffffffff,
                                 0xbfe0000000000000,
                                 0x3fd5555555555555};

template <class T, size_t n>
T pick(Random& r, const T (&from)[n]) {
  return from[r.below(n)];
}

uint64_t random_integer(Random& r) {
  switch (r.below(4)) {
    case 0: return pick(r, kIntegers);
    case 1: return pick(r, kIntegers) + pick(r, kIntegers);
    case 2: return r.next() >> r.below(64);
    default: return r.next();
  }
}

uint32_t random_float(Random& r) {
  switch (r.below(4)) {
    case 0: return static_cast<uint32_t>(r.next());
    case 1: return static_cast<uint32_t>(r.next() & 0x807fffff) | (110u + r.below(40)) << 23;
    case 2: return static_cast<uint32_t>(r.next() & 0x80700000) | (124u + r.below(12)) << 23;
    default: return pick(r, kFloats);
  }
}

uint64_t random_double(Random& r) {
  switch (r.below(4)) {
    case 0: return r.next();
    case 1: return (r.next() & 0x800fffffffffffff) | (1000ull + r.below(90)) << 52;
    case 2: return (r.next() & 0x800e000000000000) | (1020ull + r.below(12)) << 52;
    default: return pick(r, kDoubles);
  }
}

Vec random_vec(Random& r) {
  Vec v{r.next(), r.next()};
  switch (r.below(6)) {
    case 0: break;
    case 1: v = Vec{random_integer(r), random_integer(r)}; break;
    case 2:
      for (unsigned i = 0; i < 16; ++i) v.set(i, static_cast<uint8_t>(random_integer(r)));
      if (r.one_in(2)) v.set(r.below(16), uint8_t{0});
      break;
    case 3:
      for (unsigned i = 0; i < 4; ++i) v.set(i, random_float(r));
      break;
    default: v = Vec{random_double(r), random_double(r)}; break;
  }
  return v;
}

CpuState random_state(Random& r) {
  CpuState s;
  for (size_t i = 0; i < 16; ++i) s.r[i] = random_integer(r);
  for (size_t i = 0; i < 16; ++i) s.v[i] = random_vec(r);
  s.set_flags(static_cast<uint32_t>(r.next()));
  s.df = r.one_in(2);
  s.mxcsr = 0x1f80 | static_cast<uint32_t>(r.next() & 0x3f);
  if (r.one_in(2)) s.mxcsr |= static_cast<uint32_t>(r.next() & 0x6000);
  if (r.one_in(8)) s.mxcsr |= static_cast<uint32_t>(r.next() & 0x8040);
  s.r[kGsBase] = kGsBaseValue;
  return s;
}

// An address for an operand: mostly inside, often aligned, and at every edge.
uint64_t random_address(Random& r) {
  const auto near = [&](uint64_t offset) { return scratch().address(offset) - 16 + r.below(20); };
  switch (r.below(12)) {
    case 0: return near(kData);
    case 1: return near(kData + kPage);
    case 2: return near(kReadOnly);
    case 3: return near(kEnd);
    case 4: return scratch().address(kReadOnly) + 16 * r.below(100);
    case 5: return r.one_in(4) ? 0x123400000000aaaa + (r.next() & 0xff00) : scratch().address(kData) + 99;
    case 6:
    case 7: return scratch().address(kData) + 64 + r.below(7000);
    default: return scratch().address(kData) + 64 + 16 * r.below(400);
  }
}

struct Parsed {
  std::vector<uint8_t> prefixes, opcode;
  char size = 0;  // v q W b
  bool modrm = false, memory_only = false, register_only = false, plus_r = false, lock = false;
  int digit = -1;
  std::vector<std::string> immediates, needs;
};

Parsed parse(const char* text) {
  Parsed p;
  std::istringstream in(text);
  for (std::string t; in >> t;) {
    if (t == "v" || t == "q" || t == "W" || t == "b")
      p.size = t[0];
    else if (t == "m")
      p.memory_only = true;
    else if (t == "r")
      p.register_only = true;
    else if (t == "+r")
      p.plus_r = true;
    else if (t == "lock")
      p.lock = p.memory_only = true;
    else if (t[0] == '/')
      p.modrm = true, p.digit = t[1] == 'r' ? -1 : t[1] - '0';
    else if (t == "i0" || t == "ib" || t == "iw" || t == "id" || t == "iz" || t == "iq" || t == "rel8" || t == "rel32")
      p.immediates.push_back(t);
    else if (t.size() == 2 && std::isxdigit(t[0]) && std::isxdigit(t[1])) {
      const auto byte = static_cast<uint8_t>(std::stoul(t, nullptr, 16));
      const bool prefix = p.opcode.empty() && (byte == 0x66 || byte == 0xf2 || byte == 0xf3);
      (prefix ? p.prefixes : p.opcode).push_back(byte);
    } else
      p.needs.push_back(t);
  }
  return p;
}

struct Case {
  CpuState state;
  std::vector<uint8_t> code;
  uint64_t operand = 0;  // address of the memory operand
  bool memory = false;
  unsigned count = 1000;  // shifts: the count as given
  unsigned bytes = 4;     // operand size
  uint8_t digit = 0, rm = 0;
};

class Generator {
 public:
  Generator(const Parsed& p, Random& r, ScratchBus& bus) : p_(p), r_(r), bus_(bus) {}
  Case make();

 private:
  const Parsed& p_;
  Random& r_;
  ScratchBus& bus_;
  Case c_;
  bool narrow_ = false;  // address-size prefix

  bool needs(const char* what) const {
    for (const std::string& n : p_.needs)
      if (n == what) return true;
    return false;
  }
  void poke(uint64_t address, const void* p, size_t n);
  void modrm(uint8_t& rex, std::vector<uint8_t>& tail, size_t after);
  void place(unsigned base, int index, unsigned scale, int64_t disp);
  void immediates(std::vector<uint8_t>& tail);
  void adjust();
};

// Writes to both sides' data pages.
void Generator::poke(uint64_t address, const void* p, size_t n) {
  const uint64_t offset = address - scratch().address(0);
  if (offset < kData || offset + n > kReadOnly || offset + n < offset) return;
  std::memcpy(scratch().base + offset, p, n);
  std::memcpy(&bus_.bytes[offset], p, n);
}

// Sets registers so that the operand lies at c_.operand.
void Generator::place(unsigned base, int index, unsigned scale, int64_t disp) {
  uint64_t rest = c_.operand - static_cast<uint64_t>(disp);
  if (index >= 0) {
    if (r_.one_in(2))
      c_.state.r[static_cast<unsigned>(index)] = static_cast<uint64_t>(static_cast<int64_t>(r_.below(200)) - 100);
    rest -= c_.state.r[static_cast<unsigned>(index)] << scale;
  }
  c_.state.r[base] = rest;
  if (narrow_ && r_.one_in(2)) c_.state.r[base] ^= r_.next() << 32;
}

void Generator::modrm(uint8_t& rex, std::vector<uint8_t>& tail, size_t after) {
  const unsigned reg = p_.digit >= 0 ? static_cast<unsigned>(p_.digit) : r_.below(rex ? 16 : 8);
  if (reg & 8) rex |= 4;
  c_.digit = static_cast<uint8_t>(reg);
  if (needs("bit")) {  // near, or so far that the address is not canonical: never in the test's own memory
    c_.state.r[reg] = static_cast<uint64_t>(static_cast<int64_t>(r_.below(2000)) - 1000);
    if (!narrow_ && r_.one_in(4)) c_.state.r[reg] ^= uint64_t{1} << 62;
  }
  c_.memory = p_.memory_only || (!p_.register_only && r_.one_in(2));
  const auto put = [&](unsigned mod, unsigned rm) {
    tail.push_back(static_cast<uint8_t>(mod << 6 | (reg & 7) << 3 | (rm & 7)));
  };
  const auto put_disp = [&](int64_t d, unsigned bytes) {
    for (unsigned i = 0; i < bytes; ++i) tail.push_back(static_cast<uint8_t>(d >> (8 * i)));
  };
  if (!c_.memory) {
    const unsigned rm = r_.below(rex ? 16 : 8);
    if (rm & 8) rex |= 1;
    c_.rm = static_cast<uint8_t>(rm);
    return put(3, rm);
  }
  c_.operand = random_address(r_);
  if (narrow_) c_.operand &= 0xffffffff;
  if (r_.one_in(10) && !narrow_ && c_.operand < 1u << 31) {  // RIP-relative; the length is known up to the immediates
    put(0, 5);
    return put_disp(static_cast<int64_t>(c_.operand - (c_.state.pc + after + 5)), 4);
  }
  const unsigned mod = 1 + r_.below(2), bytes = mod == 1 ? 1 : 4;
  const int64_t disp = mod == 1 ? static_cast<int8_t>(r_.next()) : static_cast<int32_t>(r_.next()) >> 8;
  // A bit offset is not an address register too.
  const auto address_register = [&] {
    const unsigned n = r_.below(rex ? 16 : 8);
    return needs("bit") && n == reg ? (n ^ 1) : n;
  };
  unsigned base = address_register();
  if (base & 8) rex |= 1;
  const bool sib = (base & 7) == 4 || r_.one_in(2);
  if (!sib) {
    put(mod, base);
    put_disp(disp, bytes);
    return place(base, -1, 0, disp);
  }
  unsigned index = address_register();
  const unsigned scale = r_.below(4);
  if (index == base) index = 4;
  if (index & 8) rex |= 2;
  put(mod, 4);
  tail.push_back(static_cast<uint8_t>(scale << 6 | (index & 7) << 3 | (base & 7)));
  put_disp(disp, bytes);
  place(base, index == 4 ? -1 : static_cast<int>(index), scale, disp);
}

void Generator::immediates(std::vector<uint8_t>& tail) {
  for (const std::string& kind : p_.immediates) {
    uint64_t x = random_integer(r_);
    unsigned n = kind == "ib" || kind == "i0" ? 1 : kind == "iw" ? 2 : kind == "iq" ? 8 : 4;
    if (kind == "i0") x = 0;
    if (kind == "iz") n = c_.bytes == 2 ? 2 : 4;
    if (kind[0] == 'r') n = kind == "rel8" ? 1 : 4, x = 16 + r_.below(100);
    if (kind == "ib") c_.count = static_cast<unsigned>(x & 0xff);
    for (unsigned i = 0; i < n; ++i) tail.push_back(static_cast<uint8_t>(x >> (8 * i)));
  }
}

// What the form's words ask for.
void Generator::adjust() {
  CpuState& s = c_.state;
  const auto near = [&] { return scratch().address(kData) + 300 + 8 * r_.below(600); };
  if (needs("stack")) s.r[kRsp] = r_.one_in(4) ? random_address(r_) : near();
  if (needs("frame")) s.r[kRbp] = r_.one_in(4) ? random_address(r_) : near();
  if (needs("str")) {
    s.r[kRsi] = r_.one_in(3) ? random_address(r_) : near(), s.r[kRdi] = r_.one_in(3) ? random_address(r_) : near();
    s.r[kRcx] = r_.below(12);
    const Vec same = random_vec(r_);
    if (r_.one_in(2)) poke(s.r[kRsi], &same, 16), poke(s.r[kRdi], &same, 16);
    if (r_.one_in(2)) s.r[kRax] = same.lo;
  }
  if (needs("rbx")) s.r[kRbx] = random_address(r_);
  if (needs("rdi")) s.r[kRdi] = random_address(r_);
  if (needs("div") && r_.one_in(2)) s.r[kRdx] = r_.one_in(2) ? 0 : r_.below(100);
  if (needs("len") && r_.one_in(2)) s.r[kRax] = r_.below(18) - 1, s.r[kRdx] = r_.below(18) - 1;
}

Case Generator::make() {
  c_ = Case{};
  c_.state = random_state(r_);
  c_.state.pc = scratch().address(64);
  uint8_t rex = r_.one_in(3) ? 0 : 0x40;
  bool word = false;
  if (p_.size == 'v') {
    const unsigned which = r_.below(3);
    word = which == 0, c_.bytes = which == 0 ? 2 : which == 1 ? 4 : 8;
  }
  if (p_.size == 'q') c_.bytes = r_.one_in(2) ? 4 : 8;
  if (p_.size == 'W') c_.bytes = 8;
  if (p_.size == 'b') c_.bytes = 1;
  if (c_.bytes == 8) rex |= 0x48;
  adjust();
  std::vector<uint8_t> head;
  if (p_.lock) head.push_back(0xf0);
  if (p_.modrm && r_.one_in(16)) narrow_ = true, head.push_back(0x67);
  const bool gs = p_.modrm && r_.one_in(16) && !narrow_;
  if (gs) head.push_back(0x65);
  if (word) head.push_back(0x66);
  head.insert(head.end(), p_.prefixes.begin(), p_.prefixes.end());
  std::vector<uint8_t> opcode = p_.opcode, tail;
  if (p_.plus_r) {
    const unsigned reg = r_.below(rex ? 16 : 8);
    if (reg & 8) rex |= 1;
    opcode.back() = static_cast<uint8_t>(opcode.back() + (reg & 7));
  }
  if (p_.modrm) modrm(rex, tail, head.size() + (rex ? 1 : 0) + opcode.size());
  if (gs && c_.memory) c_.operand += kGsBaseValue;
  if (c_.memory) {
    const Vec v = random_vec(r_), w = random_vec(r_);
    poke(c_.operand, &v, 16), poke(c_.operand + 16, &w, 16);
  }
  immediates(tail);
  c_.code = head;
  if (rex) c_.code.push_back(rex);
  c_.code.insert(c_.code.end(), opcode.begin(), opcode.end());
  c_.code.insert(c_.code.end(), tail.begin(), tail.end());
  CpuState& s = c_.state;
  if (needs("shift") || needs("shiftd"))
    if (p_.immediates.empty())
      c_.count = p_.opcode[0] == 0xd0 || p_.opcode[0] == 0xd1 ? 1 : static_cast<unsigned>(s.r[kRcx] & 0xff);
  if (needs("cmpx") && r_.one_in(2)) {
    if (c_.memory) {
      const unsigned half = p_.opcode[1] == 0xc7 && c_.bytes == 4 ? 4 : 8;
      poke(c_.operand, &s.r[kRax], half), poke(c_.operand + half, &s.r[kRdx], half);
    } else {
      s.r[c_.rm] = s.r[kRax];
    }
  }
  if (needs("go")) {
    const uint64_t target = scratch().address(1024 + r_.below(1000));
    if (c_.memory)
      poke(c_.operand, &target, 8);
    else if (p_.modrm && c_.rm != kRsp)
      s.r[c_.rm] = target;  // (RSP points at the stack)
    else if (p_.modrm)
      return c_;
    else
      poke(s.r[kRsp], &target, 8);
  }
  if (needs("popf")) {
    const uint64_t image = r_.next() & 0xcd5;
    for (unsigned i = 0; i < 8; ++i)
      poke(s.r[kRsp] + i, reinterpret_cast<const char*>(&image) + i, 1);  // whatever is writable
  }
  if (needs("mxcsr") && !r_.one_in(8)) {
    const uint32_t image = static_cast<uint32_t>(r_.next()) & 0xffff;
    poke(c_.operand, &image, 4);
  }
  return c_;
}

// ---- comparison
struct Result {
  CpuState state;
  enum Kind { Next, PageFault, Protection, Undefined, Divide, Other } kind = Next;
  uint64_t page = 0;  // of PageFault
};
const char* const kKinds[] = {"next", "page fault", "protection", "undefined", "divide", "other"};

Result native_result(const Case& c) {
  Native n;
  n.state = c.state;
  uint8_t* code = scratch().base + 64;
  std::memcpy(code, c.code.data(), c.code.size());
  run_native(n);
  std::memset(code, 0xcc, c.code.size());
  Result r;
  r.state = n.state;
  switch (n.signal) {
    case SIGTRAP: r.state.pc -= 1; break;
    case SIGFPE: r.kind = Result::Divide; break;
    case SIGILL: r.kind = Result::Undefined; break;
    default:
      r.kind = n.general_protection ? Result::Protection : Result::PageFault;
      if (r.kind == Result::PageFault) r.page = n.fault_address & ~(kPage - 1);
      // A jump that went through and finds no code there
      if (n.state.pc != c.state.pc) r.kind = Result::Next, r.page = 0;
  }
  return r;
}

Result emulated_result(const Case& c, ScratchBus& bus, Lifted& lifted) {
  Result r;
  r.state = c.state;
  uint8_t padded[16];
  std::memset(padded, 0xcc, sizeof padded);
  std::memcpy(padded, c.code.data(), std::min<size_t>(c.code.size(), 15));
  x86_64::lift(padded, 15, c.state.pc, lifted);
  fp_enter(r.state, Isa::x86_64);
  Outcome o;
  do o = evaluate(lifted, r.state, bus, default_cpu_model(Isa::x86_64), 0);
  while (o.kind == Outcome::Next && r.state.pc == c.state.pc && lifted.uops[0].rep != 0);
  fp_fold(r.state, Isa::x86_64);
  fp_leave();
  if (o.kind == Outcome::Next) return r;
  switch (o.fault) {
    case Fault::Page: r.kind = Result::PageFault, r.page = o.address & ~(kPage - 1); break;
    case Fault::NonCanonical:
    case Fault::Privileged:
    case Fault::Alignment: r.kind = Result::Protection; break;
    case Fault::Divide: r.kind = Result::Divide; break;
    case Fault::Undefined: r.kind = Result::Undefined; break;
    default: r.kind = Result::Other; break;
  }
  return r;
}

constexpr const char* kNames[16] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
                                    "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};

// One thing compared; formatted only if a case fails.
struct Line {
  enum Kind : uint8_t { End, Word, Vector } kind;
  const char* name;
  int number;  // of XMM registers, -1
  Vec before, native, emulated;
  bool same;
};

std::string hex(uint64_t x) {
  char b[20];
  std::snprintf(b, sizeof b, "%016llx", static_cast<unsigned long long>(x));
  return b;
}
std::string text(Line::Kind kind, const Vec& v) {
  if (kind == Line::End) return kKinds[v.lo];
  return kind == Line::Vector ? hex(v.hi) + "_" + hex(v.lo) : hex(v.lo);
}

bool close_enough(const Vec& a, const Vec& b) {
  for (unsigned i = 0; i < 4; ++i) {
    const float x = a.lane<float>(i), y = b.lane<float>(i);
    if (a.lane<uint32_t>(i) == b.lane<uint32_t>(i) || (std::isnan(x) && std::isnan(y))) continue;
    if (std::abs(x - y) > 0x1.8p-11f * std::abs(x) + 0x1p-125f) return false;
  }
  return true;
}

template <class T>
bool equal_but_for_nans(const Vec& a, const Vec& b) {
  for (unsigned i = 0; i < sizeof(Vec) / sizeof(T); ++i) {
    const T x = a.lane<T>(i), y = b.lane<T>(i);
    if (std::memcmp(&x, &y, sizeof x) != 0 && !(std::isnan(x) && std::isnan(y))) return false;
  }
  return true;
}

bool host_is_intels() { return __builtin_cpu_is("intel"); }

// How vectors are compared.
enum class Vectors : uint8_t { Exactly, Estimate, AnyNan };  // Estimate: within the error of RCPPS

bool same_vector(const Vec& a, const Vec& b, Vectors how) {
  if (a == b) return true;
  if (how == Vectors::Estimate) return close_enough(a, b);
  return how == Vectors::AnyNan && (equal_but_for_nans<float>(a, b) || equal_but_for_nans<double>(a, b));
}

using Lines = std::array<Line, 37>;

Lines lines_of(const Case& c, const Result& n, const Result& e, uint32_t flag_mask, uint32_t mxcsr_mask,
               Vectors vectors) {
  Lines out{};
  size_t at = 0;
  const auto word = [&](const char* name, uint64_t before, uint64_t x, uint64_t y, uint64_t mask,
                        Line::Kind kind = Line::Word) {
    out[at++] = {kind, name, -1, Vec{before, 0}, Vec{x, 0}, Vec{y, 0}, ((x ^ y) & mask) == 0};
  };
  constexpr uint64_t all = ~uint64_t{0};
  word("end", 0, n.kind, e.kind, all, Line::End);
  word("page", c.operand, n.page, e.page, all);
  word("pc", c.state.pc, n.state.pc, e.state.pc, all);
  for (size_t i = 0; i < 16; ++i) word(kNames[i], c.state.r[i], n.state.r[i], e.state.r[i], all);
  word("flags", c.state.eflags(), n.state.eflags(), e.state.eflags(), flag_mask);
  word("mxcsr", c.state.mxcsr, n.state.mxcsr, e.state.mxcsr, mxcsr_mask);
  for (size_t i = 0; i < 16; ++i) {
    const Vec &x = n.state.v[i], &y = e.state.v[i];
    out[at++] = {Line::Vector, "xmm", static_cast<int>(i), c.state.v[i], x, y, same_vector(x, y, vectors)};
  }
  return out;
}

std::string report(const std::string& title, const Case& c, const Lines& lines) {
  std::ostringstream o;
  o << title << ", bytes";
  for (const uint8_t b : c.code) o << " " << hex(b).substr(14);
  o << "\n  before, host, ours:\n";
  for (const Line& l : lines) {
    if (l.same && l.before == l.native) continue;
    o << "  " << (l.same ? " " : "*") << " " << l.name << (l.number < 0 ? "" : std::to_string(l.number)) << "\t"
      << text(l.kind, l.before) << "  " << text(l.kind, l.native) << "  " << text(l.kind, l.emulated) << "\n";
  }
  return o.str();
}

bool has(const Parsed& p, const char* what) {
  for (const std::string& n : p.needs)
    if (n == what) return true;
  return false;
}

// The flags that the manuals define for this case
uint32_t defined_flags(const Form& f, const Parsed& p, const Case& c) {
  uint32_t mask = (flag::kArith | flag::DF) & ~f.undefined;
  if (!has(p, "shift") && !has(p, "shiftd")) return mask;
  const unsigned bits = c.bytes * 8, count = c.count & (c.bytes == 8 ? 63 : 31);
  if (count != 1 && count != 0) mask &= ~flag::OF;
  if (count > bits) mask &= ~flag::CF;
  if (count != 0 && (f.undefined & flag::AF) == 0 && has(p, "shiftd")) mask &= ~flag::AF;
  return mask;
}

void copy_memory(ScratchBus& bus) { std::memcpy(&bus.bytes[kData], scratch().base + kData, 3 * kPage); }

// What a comparison leaves out
struct Leniency {
  uint32_t flags, mxcsr;  // compared bits
  Vectors vectors = Vectors::Exactly;
};

// A fault in a repeated SCAS or CMPS: AMD's processors and we leave the flags of the iterations done, Intel's put back
// those from before the instruction (design: a REP instruction is as after its completed iterations).
uint32_t flags_after_fault(const Lifted& l, const Result& n) {
  const bool repeated = l.count != 0 && l.uops[l.count - 1].rep != 0;
  return repeated && n.kind != Result::Next ? ~static_cast<uint32_t>(flag::kArith) : ~0u;
}

// DE is not modelled, UE under FTZ only nearly.
uint32_t defined_mxcsr(const Case& c) { return ~2u & ~(c.state.mxcsr & 0x8000 ? 0x10u : 0u); }

// Compares registers and memory; true if equal.
bool same_end(const std::string& title, const Case& c, const Result& n, const Result& e, const Leniency& l,
              ScratchBus& bus) {
  const auto lines = lines_of(c, n, e, l.flags, l.mxcsr, l.vectors);
  bool same = true;
  for (const Line& line : lines) same = same && line.same;
  const bool memory_same = std::memcmp(scratch().base + kData, &bus.bytes[kData], 3 * kPage) == 0;
  if (!memory_same) {
    uint64_t at = kData;
    while (scratch().base[at] == bus.bytes[at]) ++at;
    ADD_FAILURE() << "memory differs from " << hex(scratch().address(at)) << ": host "
                  << hex(scratch().base[at]).substr(14) << " ours " << hex(bus.bytes[at]).substr(14) << "\n"
                  << report(title, c, lines);
    copy_memory(bus);
  } else if (!same) {
    ADD_FAILURE() << report(title, c, lines);
  }
  return same && memory_same;
}

// Ends that differ by design; the two memories are made equal again.
bool excused(const Result& n, const Result& e, ScratchBus& bus) {
  // A jump to a non-canonical address: the host faults before it (and before CALL's push), we behind it.
  const bool wild_jump =
      n.kind == Result::Protection && e.kind == Result::Next && (e.state.pc + (uint64_t{1} << 47)) >> 48 != 0;
  // An operand that by chance lies in the code: it is memory for the host only.
  const bool in_code = e.kind == Result::PageFault && e.page - scratch().address(0) < kCodeBytes;
  if (in_code) std::memset(scratch().base, 0xcc, kCodeBytes);
  if (wild_jump || in_code) copy_memory(bus);
  return wild_jump || in_code;
}

// true if equal
bool check_case(const Form& f, const Parsed& p, const Case& c, ScratchBus& bus) {
  // A 16-bit SHLD by more than 16 leaves everything undefined.
  if (has(p, "shiftd") && c.bytes == 2 && (c.count & 31) > 16) return true;
  Lifted lifted;
  const Result n = native_result(c), e = emulated_result(c, bus, lifted);
  if (excused(n, e, bus)) return true;
  // ENTER may have stored below RSP when its last check faults; we change nothing.
  if (has(p, "below") && n.kind != Result::Next) copy_memory(bus);
  // Two operands, both bad: either may be named.
  if (has(p, "either") && n.kind != Result::Next && e.kind != Result::Next) return true;
  const uint32_t daz = c.state.mxcsr & 0x40 && has(p, "daz") ? 0x20u : 0u;
  const Vectors vectors = has(p, "estimate")                    ? Vectors::Estimate
                          : has(p, "nans") && !host_is_intels() ? Vectors::AnyNan
                                                                : Vectors::Exactly;
  const Leniency l{defined_flags(f, p, c) & flags_after_fault(lifted, n), defined_mxcsr(c) & ~daz, vectors};
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
      case Op::Cmps: return true;
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

// We do what Intel's processors do. AMD's take 66 before a jump for a 16-bit address, PREFETCHW of a register for
// undefined, let REP before LOOPE and LOOPNE decide, and exchange R8 and RAX at F3 REX.B 90. LZCNT and TZCNT, which the
// host may have and level v2 has not, differ too.
bool differs_by_processor(const std::vector<uint8_t>& code, const Lifted& l) {
  const auto has_byte = [&](uint8_t b) { return std::find(code.begin(), code.end(), b) != code.end(); };
  const bool jumps = l.count != 0 && l.uops[l.count - 1].op >= Op::Jump && l.uops[l.count - 1].op <= Op::Cbnz;
  const Op last = l.count != 0 ? l.uops[l.count - 1].op : Op::Nop;
  const bool counts_zeros = (last == Op::Bsf || last == Op::Bsr) && has_byte(0xf3);
  const bool loop_if = jumps && (has_byte(0xe0) || has_byte(0xe1)) && (has_byte(0xf2) || has_byte(0xf3));
  const bool pause = !code.empty() && code.back() == 0x90 && has_byte(0xf3) && !host_is_intels();
  return pause || (jumps && has_byte(0x66)) || loop_if || (l.count == 0 && has_byte(0x0d)) || counts_zeros;
}

Leniency leniency(const Lifted& l, const Case& c) {
  Leniency r{flag::kArith | flag::DF, defined_mxcsr(c)};
  for (int i = 0; i < l.count; ++i) {
    const Uop& u = l.uops[i];
    if (u.flags == FlagRule::Logic && u.op != Op::Popcnt) r.flags &= ~flag::AF;
    if (u.flags == FlagRule::Shift) r.flags &= ~(flag::AF | flag::OF | (u.width < 4 ? flag::CF : 0));
    if (u.flags == FlagRule::Mul) r.flags &= ~(flag::SF | flag::ZF | flag::AF | flag::PF);
    if (u.flags == FlagRule::Bit) r.flags &= u.op == Op::Bsf || u.op == Op::Bsr ? flag::ZF : flag::CF | flag::ZF;
    if (u.op == Op::DivWideU || u.op == Op::DivWideS) r.flags = 0;
    if (!u.helper) continue;
    const std::string name = u.helper->name;
    if (name == "mul8" || name == "imul8") r.flags &= ~(flag::SF | flag::ZF | flag::AF | flag::PF);
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

bool check_random(Random& r, ScratchBus& bus, unsigned& executed) {
  Case c;
  c.code = random_code(r);
  Lifted lifted;
  const uint64_t pc = scratch().address(64);
  x86_64::lift(c.code.data(), c.code.size(), pc, lifted);
  c.code.resize(lifted.length);
  if (left_out(lifted, pc) || differs_by_processor(c.code, lifted)) return true;
  c.state = random_pointers(r, lifted.count != 0 && lifted.uops[0].rep != 0);
  c.state.pc = pc;
  const Result e = emulated_result(c, bus, lifted);
  if (e.kind == Result::PageFault && is_host_memory(e.page)) {
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

#define SKIP_BELOW_V2()                                                                                         \
  if (!__builtin_cpu_supports("sse4.2") || !__builtin_cpu_supports("aes") || !__builtin_cpu_supports("pclmul")) \
  GTEST_SKIP() << "the host is below level v2 + AES + PCLMUL"

void check_random_bytes() {
  SKIP_BELOW_V2();
  install();
  Random r{number_from("DEFERSCOPE_SEED", 1)};
  ScratchBus bus;
  copy_memory(bus);
  unsigned executed = 0, failures = 0;
  const unsigned cases = 100 * number_from("DEFERSCOPE_CASES", 1000);
  for (unsigned i = 0; i < cases && failures < 10; ++i)
    if (!check_random(r, bus, executed)) ++failures;
  EXPECT_GT(executed, cases / 20);
}

void check_against_host(std::span<const Form> forms) {
  SKIP_BELOW_V2();
  install();
  const unsigned cases = number_from("DEFERSCOPE_CASES", 1000);
  Random r{number_from("DEFERSCOPE_SEED", 1)};
  ScratchBus bus;
  copy_memory(bus);
  for (const Form& f : forms) {
    const Parsed p = parse(f.encoding);
    unsigned failures = 0, i = 0;
    for (; i < cases && failures < 2; ++i)
      if (!check_case(f, p, Generator(p, r, bus).make(), bus)) ++failures;
    if (failures) ADD_FAILURE() << f.name << " (" << f.encoding << "): " << failures << " of " << i << " cases differ";
  }
}

}  // namespace deferscope::isa::test

#endif
