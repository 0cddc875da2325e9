// What ends a run from outside: SIGHUP, SIGINT, SIGTERM and --timeout. The first interrupts the machine, so that what
// was written is completed; a second signal, or a second without an answer (a reader that never reads, a call of the
// host that never ends), ends the process at once. Signals are the main thread's: others block them all.
#pragma once
#include <cstdint>
#include <string>

#include "emu/machine.h"

namespace deferscope::cli {

struct EndingOptions {
  uint64_t timeout = 0;      // seconds of host time, which the guest never sees; 0: none
  int timeout_status = 2;    // exit status if the run does not even answer to it
  bool ctrl_c = true;        // SIGINT ends too
  void (*also)() = nullptr;  // called beside Machine::interrupt, in a signal handler
};

// One at a time, while the machine may run.
class Ending {
 public:
  Ending(emu::Machine& machine, const EndingOptions& options);
  ~Ending();
  Ending(const Ending&) = delete;
  Ending& operator=(const Ending&) = delete;

  // The machine is about to go.
  static void let_go();

  static bool came();
  static int signal();  // the one that came; 0: none, or --timeout
  // "--timeout 10 reached at position 123"
  static std::string timeout_line(emu::Position at);
  // The process ends by the signal that came, as if nobody had caught it. Returns if there is none, or if it does not
  // take it (the first process of a container): the status to exit with.
  static int die();
};

}  // namespace deferscope::cli
