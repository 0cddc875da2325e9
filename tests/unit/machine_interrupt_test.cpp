// Machine::interrupt: a run that is ended anywhere, from a signal handler or another thread, goes on as if nothing had
// been. The oracle is the same run without interrupts.
#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/time.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstring>
#include <thread>

#include "emu/machine.h"
#include "loader_elf_builder.h"

namespace deferscope::emu {
namespace {

#if defined(__x86_64__) && defined(__linux__)

// Reads standard input to its end and counts; exits with the number of bytes, 1 million loop rounds after each.
asm(R"(
  .pushsection .rodata
  reader_begin:
    xor %ebx, %ebx
    mov $0x1234, %ecx
    mov $0x5678, %r11d
  1:
    xor %eax, %eax
    xor %edi, %edi
    lea -64(%rsp), %rsi
    mov $1, %edx
    syscall
    test %eax, %eax
    jle 3f
    inc %ebx
    mov $300000, %ecx
  2:
    dec %ecx
    jnz 2b
    jmp 1b
  3:
    mov $231, %eax
    mov %ebx, %edi
    syscall
  reader_end:
  # Sleeps for ever beside an interval timer whose signal is ignored: time passes, no instruction is executed.
  sleeper_begin:
    mov $13, %eax             # rt_sigaction(SIGALRM, SIG_IGN)
    mov $14, %edi
    movq $1, -64(%rsp)
    movq $0, -56(%rsp)
    movq $0, -48(%rsp)
    movq $0, -40(%rsp)
    lea -64(%rsp), %rsi
    xor %edx, %edx
    mov $8, %r10d
    syscall
    mov $38, %eax             # setitimer(REAL, 1 us)
    xor %edi, %edi
    movq $0, -64(%rsp)
    movq $1, -56(%rsp)
    movq $0, -48(%rsp)
    movq $1, -40(%rsp)
    lea -64(%rsp), %rsi
    xor %edx, %edx
    syscall
    mov $34, %eax             # pause()
    syscall
  sleeper_end:
  .popsection
)");
extern "C" const uint8_t reader_begin[], reader_end[], sleeper_begin[], sleeper_end[];

loader::Image image_of(const uint8_t* begin, const uint8_t* end) {
  test::ElfBuilder b;
  constexpr uint64_t kBase = 0x400000, kCode = 0x1000;
  const auto size = static_cast<size_t>(end - begin);
  b.contents.resize(kCode + size);
  std::memcpy(b.contents.data() + kCode, begin, size);
  b.header.e_entry = kBase + kCode;
  b.segment(PT_LOAD, PF_R | PF_X, 0, kBase, kCode + size, kCode + size);
  return loader::Image::parse(b.build(), "guest");
}

class Interrupt : public testing::Test {
 protected:
  // Standard input is a pipe that holds nothing yet.
  void SetUp() override {
    ASSERT_EQ(pipe(pipe_), 0);
    before_ = dup(0);
    dup2(pipe_[0], 0);
    close(pipe_[0]);
    struct sigaction act {};
    act.sa_handler = [](int) {
      if (Machine* const m = at_work.load()) m->interrupt();
    };
    sigaction(SIGUSR1, &act, nullptr);
  }
  void TearDown() override {
    at_work = nullptr;
    if (pipe_[1] >= 0) close(pipe_[1]);
    dup2(before_, 0);
    close(before_);
  }
  void feed(const char* text, size_t n) { ASSERT_EQ(write(pipe_[1], text, n), static_cast<ssize_t>(n)); }
  void end_of_input() {
    close(pipe_[1]);
    pipe_[1] = -1;
  }
  static GuestOptions options() {
    GuestOptions o;
    o.argv = {"guest"};
    o.stdin_path = "-";
    return o;
  }
  static std::atomic<Machine*> at_work;
  int pipe_[2] = {-1, -1}, before_ = -1;
};
std::atomic<Machine*> Interrupt::at_work{nullptr};

TEST_F(Interrupt, ARunThatIsInterruptedAnywhereGoesOnUnchanged) {
  feed("0123456789", 10);
  end_of_input();
  Machine plain(image_of(reader_begin, reader_end), options());
  ASSERT_EQ(plain.run_to(kNever).kind, Stop::Exited);
  const Position end = plain.state().position;
  TearDown();
  SetUp();
  feed("0123456789", 10);
  end_of_input();
  Machine m(image_of(reader_begin, reader_end), options());
  at_work = &m;
  std::atomic<bool> over{false};
  const pthread_t runner = pthread_self();
  std::thread pest([&] {
    while (!over) {
      pthread_kill(runner, SIGUSR1);
      usleep(100);
    }
  });
  unsigned interrupted = 0;
  Position last = 0;
  Stop stop;
  while ((stop = m.run_to(kNever)).kind == Stop::Interrupted) {
    ++interrupted;
    EXPECT_GE(m.state().position, last);
    last = m.state().position;
  }
  over = true;
  pest.join();
  EXPECT_EQ(stop.kind, Stop::Exited);
  EXPECT_GT(interrupted, 0u);
  EXPECT_EQ(m.state().position, end);
  EXPECT_EQ(m.state().exit_status, 10);
  EXPECT_EQ(m.state().digest(), plain.state().digest());
}

// The call that waits for input ends as if not yet made: registers, position and digest are those before it.
TEST_F(Interrupt, ACallThatWaitsForInputIsNotYetMade) {
  Machine other(image_of(reader_begin, reader_end), options());
  constexpr Position kBeforeRead = 7;
  ASSERT_EQ(other.run_to(kBeforeRead).kind, Stop::Reached);
  Machine m(image_of(reader_begin, reader_end), options());
  m.set_recording(true);
  at_work = &m;
  const pthread_t runner = pthread_self();
  std::atomic<bool> over{false};
  std::thread pest([&] {
    while (!over) {
      usleep(20'000);
      pthread_kill(runner, SIGUSR1);
    }
  });
  ASSERT_EQ(m.run_to(kNever).kind, Stop::Interrupted);
  over = true;
  pest.join();
  m.take_interrupt();
  EXPECT_EQ(m.state().position, kBeforeRead);
  EXPECT_EQ(m.state().digest(), other.state().digest());
  feed("ab", 2);
  end_of_input();
  EXPECT_EQ(m.run_to(kNever).kind, Stop::Exited);
  EXPECT_EQ(m.state().exit_status, 2);
}

// Where time passes without instructions both an interrupt and --max-instructions end the run.
TEST_F(Interrupt, SleepingForEverIsEnded) {
  GuestOptions o = options();
  Machine m(image_of(sleeper_begin, sleeper_end), o);
  m.interrupt();
  EXPECT_EQ(m.run_to(kNever).kind, Stop::Interrupted);
  at_work = &m;
  const pthread_t runner = pthread_self();
  std::atomic<bool> over{false};
  std::thread pest([&] {
    while (!over) {
      usleep(20'000);
      pthread_kill(runner, SIGUSR1);
    }
  });
  const Stop stop = m.run_to(kNever);
  over = true;
  pest.join();
  EXPECT_TRUE(stop.kind == Stop::Interrupted || stop.kind == Stop::Deadlock);
  o.max_instructions = 1000;
  Machine limited(image_of(sleeper_begin, sleeper_end), o);
  const Stop::Kind end = limited.run_to(kNever).kind;
  EXPECT_TRUE(end == Stop::Limit || end == Stop::Deadlock);
}

TEST_F(Interrupt, AHookIsNotMissed) {
  feed("0123456789", 10);
  end_of_input();
  Machine m(image_of(reader_begin, reader_end), options());
  constexpr uint64_t kLoop = 0x401000 + 13;  // label 1
  m.set_hooks({kLoop});
  at_work = &m;
  const pthread_t runner = pthread_self();
  std::atomic<bool> over{false};
  std::thread pest([&] {
    while (!over) {
      pthread_kill(runner, SIGUSR1);
      usleep(50);
    }
  });
  unsigned hooks = 0;
  Stop stop;
  while ((stop = m.run_to(kNever)).kind == Stop::Interrupted || stop.kind == Stop::Hook)
    hooks += stop.kind == Stop::Hook;
  over = true;
  pest.join();
  EXPECT_EQ(stop.kind, Stop::Exited);
  EXPECT_EQ(hooks, 11u);
}

TEST_F(Interrupt, ASeekSaysThatItWasInterrupted) {
  feed("0123456789", 10);
  end_of_input();
  Machine m(image_of(reader_begin, reader_end), options());
  m.set_recording(true);
  ASSERT_EQ(m.run_to(kNever).kind, Stop::Exited);
  const Position end = m.state().position;
  const uint64_t digest = m.state().digest();
  m.interrupt();
  EXPECT_THROW(m.seek(end / 2), Interrupted);
  EXPECT_TRUE(m.seek(end));
  EXPECT_EQ(m.state().digest(), digest);
}

#endif

}  // namespace
}  // namespace deferscope::emu
