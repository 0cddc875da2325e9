// Running a guest to its end, as `run` and `trace` do.
#pragma once
#include "cli/guest.h"
#include "cli/trace.h"

namespace deferscope::cli {

struct RunFlags {
  GuestFlags guest;
  TraceFlags trace;
  bool stats = false;
};

// The guest gets our standard streams; its exit status, which is to be ours. Throws what ends a run before its guest.
int run(const RunFlags& flags);

}  // namespace deferscope::cli
