// What the tracker remembers: a value that the machine's snapshots copy.
#pragma once
#include <map>
#include <tuple>

#include "runtime_model/shared.h"
#include "runtime_model/tracker.h"

namespace deferscope::model {

// A registered defer that has not started. A program may have a million of them.
struct PendingPush {
  uint64_t event = 0, number = 0, ordinal = 0;  // as in Defer
  uint64_t depth = 0, call = 0;                 // of the owner frame
  const Function* owner = nullptr;
  Anchored funcval;
  uint64_t site = 0;
  Anchored record;
  Storage storage = Storage::heap;
  bool stale = false;  // 1.14–1.21: its frame is gone, its openDefer record is still linked
  int8_t slot = -1;
  uint32_t line = 0;
  FrameId frame(uint64_t hi) const { return {owner, hi - depth, depth, 0, call}; }
};

struct PendingPanic {
  uint64_t event = 0, number = 0, ordinal = 0;
  uint64_t depth = 0;  // of the caller of gopanic
  bool goexit = false, recovered = false;
  std::string value;
  FrameId frame;
};

constexpr emu::Position kUncertain = emu::kNever;

// A call at its function's first instruction.
struct Entered {
  emu::Position call = kUncertain;  // position of the CALL
  uint64_t return_address = 0;
  uint64_t depth = 0;  // of the caller's frame
};

inline Panic panic_of(const PendingPanic& p) {
  Panic out;
  out.id = p.event, out.number = p.number, out.ordinal = p.ordinal, out.value = p.value;
  return out;
}

inline void tell(Defer& d, const PendingPush& p) {
  d.id = p.event, d.number = p.number, d.line = p.line, d.ordinal = p.ordinal, d.storage = p.storage, d.slot = p.slot;
}

// How often a goroutine did what is counted by function and line. Copies share it.
class Counts {
 public:
  // The number of one more; `total` counts what is counted.
  uint64_t next(Counted what, Name function, uint64_t line, size_t& total) {
    if (!counts_) counts_ = std::make_shared<Map>();
    const auto [count, fresh] = detail::own(counts_).try_emplace({function.id(), line, what}, 0);
    total += fresh;
    return ++count->second;
  }
  size_t size() const { return counts_ ? counts_->size() : 0; }

 private:
  using Map = std::map<std::tuple<uintptr_t, uint64_t, Counted>, uint64_t>;
  std::shared_ptr<Map> counts_;
};

// Where a goroutine last was on its way to a deferred function.
struct Station {
  emu::Position at = kUncertain;
  uint64_t depth = 0;         // of the frame whose defers run
  uint64_t panic = kNoEvent;  // or of what runs them, wherever they are
};

// A call of which events tell. Once it runs its defers, or panics, nothing is registered or panics in it any more.
struct KnownFrame {
  uint64_t depth = 0;
  Name function;
  uint64_t call = 0;
  bool exits = false;
};

// A record on its way from a pool, or back.
struct Moving {
  bool under_way = false;
  uint64_t record = 0;
  int size_class = -1;
  bool there = false;                 // the P has a pool for it
  uint64_t length = 0, capacity = 0;  // of that pool when the runtime began
  bool fresh = false;                 // it was allocated
  FrameId owner;
};

struct Tracker::G {
  uint64_t g = 0, id = 0, hi = 0;
  SharedStack<PendingPush> pushed;
  SharedStack<Running> running;
  SharedStack<PendingPanic> panics;
  SharedStack<KnownFrame> frames;  // by depth: those that have pending defers, and some that are gone
  Counts counts;
  bool walked = false;          // a panic or Goexit may have left openDefer records on the list
  std::vector<uint64_t> stale;  // those whose frames are gone
  uint64_t head = 0;            // of a deferprocat that is running
  Station station;
  Entered registering;                   // the newest call of a function that registers, or of newproc
  emu::Position reflected = kUncertain;  // of the RET of the last call that reflectcall made
  Anchored walk;                         // _panic of the walk that goes a step, 1.22+
  FrameId walks_in;                      // the frame in which the last step ended
  uint64_t returning = 0;                // where the last deferreturn returns to
  Moving taking, giving;
  uint64_t preempted = 0;  // where the last asyncPreempt goes back to
  uint64_t again = 0;      // entry of a hooked function that its stack check will begin anew; 0: none
  uint64_t forgotten = 0;  // pushes that the bound took away

  bool empty() const {
    return held() == 1 && !head && !again && !forgotten && !counts.size() && !walk && !taking.under_way &&
           !giving.under_way;
  }
  // In units of a push; a panic has its text, a run the variables that it may change.
  size_t held() const { return 1 + pushed.size() + 8 * running.size() + 32 * panics.size(); }
  void forget_older_half() {
    forgotten += pushed.forget_older_half();
    running.forget_older_half();
    panics.forget_older_half();
    frames.forget_older_half();
  }
};

// What is in work on a thread between two hooks.
struct ThreadWork {
  uint64_t gp = 0, old_lo = 0, old_hi = 0;
  std::vector<Frame> frames;  // of the goroutine that recovers
  Walk walk;                  // and what its _panic says
  std::vector<JmpStep> steps;
};

struct Tracker::State {
  uint64_t next = 0;                            // id of the next event
  SharedMap<G> goroutines;                      // by goid
  size_t known = 0, known_bound = 1024;         // of them, at most; empty ones are dropped when there are many
  size_t held = 0;                              // what they hold, at most
  size_t counted = 0;                           // entries of their Counts
  bool uncounted = false;                       // there were too many
  std::map<int, ThreadWork> work;               // by tid
  uint64_t beginning_anew = 0;                  // goroutines whose `again` is set
  uint64_t panics = 0;                          // so far
  uint64_t user_defers = 0, other_defers = 0;   // so far registered
  Why ending = Why::none;                       // what the runtime has said of the guest's end
  std::string message;                          // and its words
  uint64_t fatal = kNoEvent, fatal_number = 0;  // panic.start of the panic that ends it
};

}  // namespace deferscope::model
