#include "cli/ending.h"

#include <fmt/format.h>
#include <sys/time.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>

namespace deferscope::cli {
namespace {

constexpr int kSignals[] = {SIGHUP, SIGINT, SIGTERM};
// Once the end has come a tick wakes every call that waits for the host, also one that was about to begin.
constexpr suseconds_t kTick = 50'000;  // microseconds
constexpr int kPatience = 16;          // ticks

std::atomic<emu::Machine*> machine{nullptr};
std::atomic<void (*)()> also{nullptr};
std::atomic<int> came_by{0};  // a signal; SIGALRM: --timeout
std::atomic<int> ticks{0};
uint64_t timeout = 0;
int timeout_status = 2;

void set_timer(uint64_t seconds, suseconds_t microseconds) {
  const itimerval timer{{0, seconds || microseconds ? kTick : 0}, {static_cast<time_t>(seconds), microseconds}};
  setitimer(ITIMER_REAL, &timer, nullptr);
}

void set_handler(int signal, void (*handler)(int)) {
  struct sigaction act {};
  act.sa_handler = handler;  // without SA_RESTART: what waits for the host is to wake up
  sigaction(signal, &act, nullptr);
}

void interrupt() {
  if (emu::Machine* const m = machine.load()) m->interrupt();
  if (void (*const f)() = also.load()) f();
}

void give_up(int signal) {
  if (signal != SIGALRM) {
    set_handler(signal, SIG_DFL);
    raise(signal);
    _exit(128 + signal);
  }
  constexpr char kLine[] = "deferscope: --timeout reached, and what was at work did not end\n";
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, kLine, sizeof kLine - 1);
  _exit(timeout_status);
}

void on_signal(int signal) {
  const int saved = errno;
  int before = 0;
  if (!came_by.compare_exchange_strong(before, signal) && before != SIGALRM) give_up(signal);
  came_by = signal;
  interrupt();
  set_timer(0, kTick);
  errno = saved;
}

void on_tick(int) {
  const int saved = errno;
  int before = 0;
  came_by.compare_exchange_strong(before, SIGALRM);
  interrupt();
  if (++ticks > kPatience) give_up(came_by);
  errno = saved;
}

}  // namespace

Ending::Ending(emu::Machine& m, const EndingOptions& o) {
  machine = &m;
  also = o.also;
  timeout = o.timeout;
  timeout_status = o.timeout_status;
  for (int s : kSignals) {
    if (s == SIGINT && !o.ctrl_c) continue;
    struct sigaction before {};
    sigaction(s, nullptr, &before);
    if (before.sa_handler != SIG_IGN) set_handler(s, on_signal);  // nohup
  }
  set_handler(SIGALRM, on_tick);
  sigset_t alarm;  // whoever started us may have blocked it
  sigemptyset(&alarm);
  sigaddset(&alarm, SIGALRM);
  sigprocmask(SIG_UNBLOCK, &alarm, nullptr);
  if (timeout) set_timer(timeout, 0);
}

Ending::~Ending() {
  if (timeout && !came()) set_timer(0, 0);
  let_go();
}

void Ending::let_go() {
  machine = nullptr;
  also = nullptr;
}

bool Ending::came() { return came_by != 0; }

int Ending::signal() { return came_by == SIGALRM ? 0 : came_by.load(); }

std::string Ending::timeout_line(emu::Position at) {
  return fmt::format("--timeout {} reached at position {}", timeout, at);
}

int Ending::die() {
  const int s = signal();
  if (s == 0) return 0;
  set_handler(s, SIG_DFL);
  raise(s);
  return 128 + s;
}

}  // namespace deferscope::cli
