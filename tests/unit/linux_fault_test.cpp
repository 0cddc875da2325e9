// The fault table's x86-64 rows against the host: each fault is raised in a native process, and what its handler sees
// must be the row.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "emu/linux/faults.h"

namespace deferscope::emu::linux_ {
namespace {

TEST(FaultTable, EveryFaultOfEachIsaOnce) {
  for (const FaultRow& row : fault_rows()) {
    EXPECT_EQ(find_fault(fault_rows(), row.isa, row.fault, row.mapped), &row);
    EXPECT_GT(row.signal, 0);
  }
}

// Half of arm64's user space lies above what x86-64 calls canonical.
TEST(FaultTable, Arm64FaultsAbove47Bits) {
  constexpr uint64_t kHigh = 0xffffb1380000;
  for (const bool mapped : {true, false}) {
    MachineState m;
    State s;
    s.isa = isa::Isa::arm64;
    if (mapped) m.memory.map(kHigh, kPage, kRead);
    EXPECT_FALSE(m.memory.write_value(kHigh + 8, uint8_t{1}));
    Thread t;
    t.tid = s.pid;
    m.threads.push_back(t);
    s.threads[t.tid];
    s.extras[t.tid];
    isa::Outcome o;
    o.kind = isa::Outcome::Fault;
    o.fault = m.memory.fault;
    o.access = isa::Access::Write;
    o.address = m.memory.fault_address;
    raise_fault(s, m, o);
    const ThreadInfo& info = s.threads.at(t.tid);
    EXPECT_EQ(info.pending.front().signo, sig::SEGV);
    EXPECT_EQ(info.pending.front().code, mapped ? sig::kSegvAccerr : sig::kSegvMaperr);
    EXPECT_EQ(info.pending.front().words[0], kHigh + 8);
    EXPECT_EQ(s.extras.at(t.tid).fault_address, kHigh + 8);
  }
}

#if defined(__x86_64__) && defined(__linux__)

struct Seen {
  int signal, code;
  uint64_t address, pc, trapno, error, cr2;
};
int pipe_fds[2];

void handler(int signo, siginfo_t* info, void* context) {
  const auto* uc = static_cast<const ucontext_t*>(context);
  const auto& g = uc->uc_mcontext.gregs;
  const Seen seen{signo,
                  info->si_code,
                  reinterpret_cast<uint64_t>(info->si_addr),
                  static_cast<uint64_t>(g[REG_RIP]),
                  static_cast<uint64_t>(g[REG_TRAPNO]),
                  static_cast<uint64_t>(g[REG_ERR]),
                  static_cast<uint64_t>(g[REG_CR2])};
  if (write(pipe_fds[1], &seen, sizeof seen) != sizeof seen) _exit(3);
  _exit(0);
}

constexpr uint64_t kCode = 0x10000000, kData = 0x20000000, kUnmapped = 0x30000000;

// Runs `code` natively with RDI = RBP = RSP = `argument`, in a child; kData is a read-only page. The fault's
// instruction is at kCode.
Seen run_native(const std::vector<uint8_t>& code, uint64_t argument) {
  EXPECT_EQ(pipe(pipe_fds), 0);
  const pid_t child = fork();
  if (child == 0) {
    void* at = mmap(reinterpret_cast<void*>(kCode), 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    void* data = mmap(reinterpret_cast<void*>(kData), 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    if (at == MAP_FAILED || data == MAP_FAILED) _exit(2);
    std::copy(code.begin(), code.end(), static_cast<uint8_t*>(at));
    struct sigaction sa {};
    sa.sa_sigaction = handler;
    sa.sa_flags = SA_SIGINFO | SA_ONSTACK;
    static uint8_t alternate[1 << 16];
    const stack_t stack{alternate, 0, sizeof alternate};
    sigaltstack(&stack, nullptr);
    for (int s : {SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGFPE}) sigaction(s, &sa, nullptr);
    const volatile auto touched = *static_cast<volatile char*>(data);  // present, so that the error code is certain
    (void)touched;
    asm volatile("xor %%edx, %%edx; mov $7, %%eax; xor %%ecx, %%ecx; mov %%rdi, %%rbp; mov %%rdi, %%rsp; jmp *%%rbx"
                 :
                 : "b"(kCode), "D"(argument)
                 : "rax", "rcx", "rdx");
    _exit(4);
  }
  Seen seen{};
  const bool got = read(pipe_fds[0], &seen, sizeof seen) == sizeof seen;
  int status = 0;
  waitpid(child, &status, 0);
  close(pipe_fds[0]);
  close(pipe_fds[1]);
  EXPECT_TRUE(got) << "child status " << status;
  return seen;
}

struct Case {
  const char* name;
  std::vector<uint8_t> code;
  uint64_t argument;
  isa::Outcome outcome;
};

isa::Outcome outcome(isa::Fault f, uint64_t address = 0, isa::Access access = isa::Access::Read) {
  isa::Outcome o;
  o.kind = isa::Outcome::Fault;
  o.fault = f;
  o.address = address;
  o.access = access;
  return o;
}

const std::vector<Case>& cases() {
  using isa::Fault;
  static const std::vector<uint8_t> load = {0x8a, 0x07}, store = {0x88, 0x07};  // mov al, [rdi]; mov [rdi], al
  static const std::vector<Case> all = {
      {"LoadUnmapped", load, kUnmapped, outcome(Fault::Page, kUnmapped)},
      {"StoreUnmapped", store, kUnmapped, outcome(Fault::Page, kUnmapped, isa::Access::Write)},
      {"LoadNull", load, 0, outcome(Fault::Page, 0)},
      {"StoreReadOnly", store, kData, outcome(Fault::Page, kData, isa::Access::Write)},
      {"FetchNoExec", {0xff, 0xe7}, kData, outcome(Fault::Page, kData, isa::Access::Execute)},  // jmp rdi
      {"FetchUnmapped", {0xff, 0xe7}, kUnmapped, outcome(Fault::Page, kUnmapped, isa::Access::Execute)},
      {"NonCanonical", load, 0x8000000000000000, outcome(Fault::NonCanonical, 0x8000000000000000)},
      {"NonCanonicalByRbp", {0x8a, 0x45, 0x00}, 0x8000000000000000, outcome(Fault::NonCanonical, 0x8000000000000000)},
      {"NonCanonicalByRbpIndex",
       {0x8a, 0x44, 0x3d, 0x01},
       0x4000000000000000,
       outcome(Fault::NonCanonical, 0x8000000000000001)},
      {"NonCanonicalPush",
       {0x50},
       0x8000000000000008,
       outcome(Fault::NonCanonical, 0x8000000000000000, isa::Access::Write)},
      {"NonCanonicalPop", {0x58}, 0x8000000000000000, outcome(Fault::NonCanonical, 0x8000000000000000)},
      {"NonCanonicalFs",
       {0x64, 0x8a, 0x45, 0x00},
       0x8000000000000000,
       outcome(Fault::NonCanonical, 0x8000000000000000)},
      {"LoadKernel", load, 0xffffffff80000000, outcome(Fault::Page, 0xffffffff80000000)},
      {"MisalignedSse", {0x0f, 0x28, 0x07}, kData + 8, outcome(Fault::Alignment, kData + 8)},  // movaps xmm0, [rdi]
      {"Int3", {0xcc}, 0, outcome(Fault::Breakpoint)},
      {"Int3InTwoBytes", {0xcd, 0x03}, 0, outcome(Fault::Breakpoint)},  // runtime.abort
      {"Int3WithPrefixes", {0x66, 0x48, 0xcc}, 0, outcome(Fault::Breakpoint)},
      {"Ud2", {0x0f, 0x0b}, 0, outcome(Fault::Undefined)},
      {"Hlt", {0xf4}, 0, outcome(Fault::Privileged)},
      {"Cli", {0xfa}, 0, outcome(Fault::Privileged)},
      {"DivideByZero", {0xf7, 0xf1}, 0, outcome(Fault::Divide)},  // div ecx
  };
  return all;
}

// The same fault in a bare machine; what the frame would say.
Seen run_emulated(const Case& c) {
  MachineState m;
  State s;
  m.memory.map(kCode, kPage, kRead | kWrite | kExec);
  m.memory.map(kData, kPage, kRead);
  Thread t;
  t.tid = s.pid;
  const bool fetch = c.outcome.fault == isa::Fault::Page && c.outcome.access == isa::Access::Execute;
  t.cpu.pc = fetch ? c.outcome.address : kCode;
  t.cpu.r[isa::kRdi] = t.cpu.r[isa::kRbp] = t.cpu.r[isa::kRsp] = c.argument;
  m.memory.write(kCode, c.code.data(), c.code.size());
  m.threads.push_back(t);
  s.threads[t.tid];
  s.extras[t.tid];
  raise_fault(s, m, c.outcome);
  const ThreadInfo& info = s.threads.at(t.tid);
  const Signal& q = info.pending.front();
  const ThreadExtra& x = s.extras.at(t.tid);
  return {q.signo, q.code, q.words[0], m.cpu().pc, x.trapno, x.error_code, x.fault_address};
}

TEST(FaultTable, AgreesWithTheHost) {
  for (const Case& c : cases()) {
    SCOPED_TRACE(c.name);
    const Seen native = run_native(c.code, c.argument), ours = run_emulated(c);
    EXPECT_EQ(ours.signal, native.signal);
    EXPECT_EQ(ours.code, native.code);
    EXPECT_EQ(ours.address, native.address);
    EXPECT_EQ(ours.pc, native.pc);
    EXPECT_EQ(ours.trapno, native.trapno);
    EXPECT_EQ(ours.error, native.error);
    EXPECT_EQ(ours.cr2, native.cr2);
  }
}

#endif

}  // namespace
}  // namespace deferscope::emu::linux_
