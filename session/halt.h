// Why a motion ended.
#pragma once
#include <cstdint>
#include <optional>
#include <string_view>

#include "emu/machine.h"
#include "runtime_model/guest.h"

namespace deferscope::session {

enum class Reason : uint8_t {
  done,  // as far as was asked
  breakpoint,
  watchpoint,
  watch_ended,      // the frame of the variable that a watchpoint is on is gone
  exited,           // the guest; this is a position too
  deadlock,         // all threads wait and nothing can wake them
  limit,            // --max-instructions
  beginning,        // nothing lies before
  frames_cut,       // frames were left without returning: recovery, or the system stack was left
  goroutine_ends,   // its frames are gone: Goexit, or its function returned
  goroutine_ended,  // it is no more, and somebody else executes
};
const char* to_string(Reason r);

// What a breakpoint stops at beside places, watchpoints and moments.
enum class EventPoint : uint8_t { defer, run, jmpdefer, panic, recover, recovery, goexit };
inline constexpr EventPoint kEventPoints[] = {EventPoint::defer, EventPoint::run,     EventPoint::jmpdefer,
                                              EventPoint::panic, EventPoint::recover, EventPoint::recovery,
                                              EventPoint::goexit};
const char* to_string(EventPoint e);

struct Access {
  uint64_t address = 0;
  bool write = false;
};

struct Halt {
  Reason reason = Reason::done;
  int breakpoint = 0;                         // breakpoint, watchpoint, watch_ended: its number
  uint64_t hit = 0;                           // breakpoint, watchpoint: which of its hits this is
  std::optional<Access> access;               // watchpoint
  std::optional<EventPoint> event;            // of a motion to events
  const model::Function* returned = nullptr;  // the function whose frame a `finish` left
  std::string_view left_inlined;              // … or the inlined function, which has no frame of its own
  bool deferred = false;                      // a step over a call ended in a deferred function that a panic runs
  uint64_t goid = 0;                          // frames_cut, goroutine_*: whose
  const model::Function* by = nullptr;        // frames_cut: what cut them
  bool left_system_stack = false;             // frames_cut: those of the system stack
  uint64_t resumes_at = 0;                    // frames_cut: where execution goes on

  bool is_done() const { return reason == Reason::done; }
  static Halt of(Reason r) {
    Halt h;
    h.reason = r;
    return h;
  }
};

}  // namespace deferscope::session
