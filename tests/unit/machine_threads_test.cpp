// How threads take turns: what only works where several run at the same time must work here too.
#include <gtest/gtest.h>

#include "emu/machine.h"
#include "loader_elf_builder.h"

namespace deferscope::emu {
namespace {

#if defined(__x86_64__) && defined(__linux__)

// One thread stops the other in a loop, as runtime.ReadMemStats does: it lets it go and, 20,000 instructions later at
// most, stops it again and waits until it has seen that. The other ends the process with status 7 when it runs and is
// not stopped. [rbp] is "stopped", [rbp+4] is whose turn it is.
asm(R"(
  .pushsection .rodata
  lockstep_begin:
    mov %rsp, %rbp
    sub $256, %rbp
    mov $56, %eax             # clone: VM, FS, FILES, SIGHAND, THREAD, SYSVSEM
    mov $0x50f00, %edi
    lea -4096(%rbp), %rsi
    xor %edx, %edx
    xor %r10d, %r10d
    xor %r8d, %r8d
    syscall
    test %eax, %eax
    jz 5f
  1:
    movl $0, (%rbp)
    movl $1, 4(%rbp)
    call 9f
    mov $2500, %ecx
  2:
    dec %ecx
    jnz 2b
    movl $1, (%rbp)
  3:
    cmpl $1, 4(%rbp)
    jne 1b
    mov $1, %edx
    call 8f
    jmp 3b
  5:                          # the other thread
    cmpl $1, 4(%rbp)
    je 6f
    xor %edx, %edx
    call 8f
    jmp 5b
  6:
    cmpl $0, (%rbp)
    je 7f
    movl $0, 4(%rbp)
    call 9f
    jmp 5b
  7:
    mov $231, %eax            # exit_group(7)
    mov $7, %edi
    syscall
  8:                          # futex wait while 4(%rbp) is %edx
    xor %esi, %esi
    jmp 4f
  9:                          # futex wake
    mov $1, %esi
    mov $1, %edx
  4:
    mov $202, %eax
    lea 4(%rbp), %rdi
    xor %r10d, %r10d
    syscall
    ret
  lockstep_end:
  .popsection
)");
extern "C" const uint8_t lockstep_begin[], lockstep_end[];

loader::Image lockstep() {
  test::ElfBuilder b;
  constexpr uint64_t kBase = 0x400000, kCode = 0x1000;
  const auto size = static_cast<size_t>(lockstep_end - lockstep_begin);
  b.contents.resize(kCode + size);
  std::memcpy(b.contents.data() + kCode, lockstep_begin, size);
  b.header.e_entry = kBase + kCode;
  b.segment(PT_LOAD, PF_R | PF_X, 0, kBase, kCode + size, kCode + size);
  return loader::Image::parse(b.build(), "lockstep");
}

TEST(Turns, ThreadsDoNotStayInStepForEver) {
  const loader::Image image = lockstep();
  uint64_t digest = 0;
  for (const unsigned block : {64u, 7u}) {
    Machine m(image, {}, block);
    EXPECT_EQ(m.run_to(300'000'000).kind, Stop::Exited);
    EXPECT_EQ(m.state().exit_status, 7);
    // A short run has even slices: in these the threads are in step.
    EXPECT_GT(m.state().position, 100'000'000u);
    if (block == 64) digest = m.state().digest();
    EXPECT_EQ(m.state().digest(), digest);
  }
}

#endif

}  // namespace
}  // namespace deferscope::emu
