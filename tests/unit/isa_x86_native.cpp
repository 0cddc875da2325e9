// The native side of isa_x86_native.h.
#include "isa_x86_native.h"

#include <asm/prctl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace deferscope::isa::test {
namespace {

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

// An INT3 of ours enters the handler, which returns into the guest's state; the guest's next signal (the INT3 behind
// its instruction, or a fault) enters it again, and it returns into ours.
Native* g_native = nullptr;
bool g_inside = false;
gregset_t g_host_registers;
// The kernel's XSAVE area: FXSAVE's image, which ends in its size, a header, the upper halves of YMM.
constexpr size_t kExtendedSize = 468, kXstateBv = 512, kYmm = 576, kMostArea = 1 << 14;
uint8_t g_host_fp[kMostArea];

size_t area_size(const void* fp) {
  uint32_t size;
  std::memcpy(&size, static_cast<const uint8_t*>(fp) + kExtendedSize, sizeof size);
  return size < 512 || size > kMostArea ? 512 : size;
}

void put_x87(struct _libc_fpstate& fp, const X87& x) {
  fp.cwd = x.control, fp.swd = x.status, fp.ftw = x.full;
  for (unsigned i = 0; i < 8; ++i) {
    const unsigned r = (x.top() + i) % 8;
    std::memcpy(fp._st[i].significand, &x.significand[r], 8);
    fp._st[i].exponent = x.exponent[r];
  }
}
X87 get_x87(const struct _libc_fpstate& fp) {
  X87 x;
  x.control = fp.cwd, x.status = fp.swd, x.full = static_cast<uint8_t>(fp.ftw);
  for (unsigned i = 0; i < 8; ++i) {
    const unsigned r = (x.top() + i) % 8;
    std::memcpy(&x.significand[r], fp._st[i].significand, 8);
    x.exponent[r] = fp._st[i].exponent;
  }
  return x;
}

constexpr int kGreg[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                           REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};

void enter_guest(ucontext_t* uc) {
  std::memcpy(&g_host_registers, &uc->uc_mcontext.gregs, sizeof g_host_registers);
  std::memcpy(g_host_fp, uc->uc_mcontext.fpregs, area_size(uc->uc_mcontext.fpregs));
  const CpuState& s = g_native->state;
  auto& g = uc->uc_mcontext.gregs;
  for (int i = 0; i < 16; ++i) g[kGreg[i]] = static_cast<greg_t>(s.r[static_cast<size_t>(i)]);
  g[REG_RIP] = static_cast<greg_t>(s.pc);
  g[REG_EFL] = static_cast<greg_t>(s.eflags());
  auto* fp = uc->uc_mcontext.fpregs;
  for (int i = 0; i < 16; ++i) std::memcpy(&fp->_xmm[i], &s.v[static_cast<size_t>(i)], 16);
  fp->mxcsr = s.mxcsr;
  put_x87(*fp, s.x87);
  auto* area = reinterpret_cast<uint8_t*>(fp);
  if (host_has_avx()) std::memcpy(area + kYmm, &s.v[kUpper], 256);
  // None of the states is the initial one.
  if (area_size(fp) > 512) area[kXstateBv] |= host_has_avx() ? 7 : 3;
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
  n.state.x87 = get_x87(*fp);
  const auto* area = reinterpret_cast<const uint8_t*>(fp);
  const bool upper = host_has_avx() && area[kXstateBv] & 4;  // else they are zeros
  for (size_t i = 0; i < 16; ++i) {
    n.state.v[kUpper + i] = Vec{};
    if (upper) std::memcpy(static_cast<void*>(&n.state.v[kUpper + i]), area + kYmm + 16 * i, 16);
  }
  n.signal = number;
  n.fault_address = reinterpret_cast<uint64_t>(info->si_addr);
  n.general_protection = number == SIGBUS || (number == SIGSEGV && info->si_code == SI_KERNEL);
  std::memcpy(&g, &g_host_registers, sizeof g_host_registers);
  std::memcpy(uc->uc_mcontext.fpregs, g_host_fp, area_size(g_host_fp));
  g_inside = false;
}

void on_signal(int number, siginfo_t* info, void* context) {
  auto* uc = static_cast<ucontext_t*>(context);
  if (g_inside) return leave_guest(number, info, uc);
  if (number == SIGTRAP && g_native) return enter_guest(uc);
  signal(number, SIG_DFL);  // not ours: let it end the process
}
}  // namespace

bool host_has_avx() {
  static const bool has = __builtin_cpu_supports("avx");
  return has;
}

const Scratch& scratch() {
  static const Scratch s = make_scratch();
  return s;
}
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

bool ScratchBus::read(uint64_t a, void* out, unsigned n) {
  if (!reachable(a, n, kEnd)) return false;
  std::memcpy(out, &bytes[a - scratch().address(0)], n);
  return true;
}

bool ScratchBus::write(uint64_t a, const void* in, unsigned n) {
  if (!reachable(a, n, kReadOnly)) return false;
  std::memcpy(&bytes[a - scratch().address(0)], in, n);
  return true;
}

bool ScratchBus::reachable(uint64_t a, unsigned n, uint64_t end) {
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

}  // namespace deferscope::isa::test
