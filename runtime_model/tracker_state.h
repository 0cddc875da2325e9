// What the tracker remembers: a value that the machine's snapshots copy.
#pragma once
#include <map>

#include "runtime_model/tracker.h"

namespace deferscope::model {

// A registered defer that has not started.
struct PendingPush {
  uint64_t event = 0;
  Storage storage = Storage::heap;
  uint64_t depth = 0;  // of the owner frame
  const Function* owner = nullptr;
  uint64_t funcval = 0;  // address, or distance from stack.hi if it lies on the stack
  bool on_stack = false;
  int slot = -1;
  uint64_t site = 0;
  uint64_t record = 0;  // address; of a stack record the distance from stack.hi
};

struct PendingPanic {
  uint64_t event = 0;
  uint64_t depth = 0;  // of the caller of gopanic
  bool goexit = false, recovered = false;
  std::string value;
  FrameId frame;
};

struct Tracker::G {
  uint64_t g = 0, id = 0, hi = 0;
  std::vector<PendingPush> pushed;
  std::vector<Running> running;
  std::vector<PendingPanic> panics;
  uint64_t head = 0, head_site = 0;  // of a deferprocat that is running
  uint64_t again = 0;                // entry of a hooked function that its stack check will begin anew; 0: none
};

// What is in work on a thread between two hooks.
struct ThreadWork {
  uint64_t gp = 0, old_lo = 0, old_hi = 0;
  std::vector<Frame> frames;  // of the goroutine that recovers
  std::vector<JmpStep> steps;
};

struct Tracker::State {
  uint64_t next = 0;                 // id of the next event
  std::map<uint64_t, G> goroutines;  // by goid
  std::map<int, ThreadWork> work;    // by tid
  uint64_t beginning_anew = 0;       // goroutines whose `again` is set
};

}  // namespace deferscope::model
