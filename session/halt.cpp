#include "session/halt.h"

#include <iterator>

namespace deferscope::session {

const char* to_string(Reason r) {
  static constexpr const char* names[] = {"done",       "breakpoint",     "watchpoint",     "watch_ended",
                                          "exited",     "deadlock",       "limit",          "beginning",
                                          "frames_cut", "goroutine_ends", "goroutine_ended"};
  static_assert(std::size(names) == static_cast<size_t>(Reason::goroutine_ended) + 1);
  return names[static_cast<size_t>(r)];
}

const char* to_string(EventPoint e) {
  static constexpr const char* names[] = {"defer", "run", "jmpdefer", "panic", "recover", "recovery", "goexit"};
  static_assert(std::size(names) == static_cast<size_t>(EventPoint::goexit) + 1);
  return names[static_cast<size_t>(e)];
}

}  // namespace deferscope::session
