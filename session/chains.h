// Goroutines and threads, and the chains of a goroutine: what is running, what is pending, which panics are at work.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "runtime_model/chain.h"
#include "runtime_model/tracker.h"
#include "session/focus.h"

namespace deferscope::session {

// A deferred call that is running.
struct RunningDefer {
  model::Running run;
  const model::Function* function = nullptr;
  bool linked = false;  // its record is still in g's list
};

struct Chains {
  uint64_t goid = 0;
  model::Chain chain;
  std::vector<RunningDefer> running;  // outermost first
};

// Of the goroutine whose g is given; nothing where there is none.
std::optional<Chains> read_chains(const Reader& reader, const model::Tracker* tracker, uint64_t g);

// What a pending defer's closure captured and, to Go 1.17, what its function is called with.
struct DeferredValues {
  std::vector<model::TypedValue> captured, arguments;
  bool all_captured = true;
};
DeferredValues deferred_values(const Reader& reader, uint64_t g, const model::ChainEntry& entry);

struct GoroutineSeen {
  model::Goroutine goroutine;
  uint64_t pc = 0, sp = 0;
  int tid = 0;  // of the thread that works for it; 0: none
  bool in_focus = false;
  std::string waits_for;  // Go's own words; empty if it does not wait
};
// Throws Error if the program is no Go program.
std::vector<GoroutineSeen> goroutines(const Reader& reader, const Focus& focus);

struct ThreadSeen {
  const emu::Thread* thread = nullptr;
  Who who;
  bool current = false;
  std::string waits_in;  // of a blocked one, as its system says it
};
std::vector<ThreadSeen> threads(const Reader& reader);

}  // namespace deferscope::session
