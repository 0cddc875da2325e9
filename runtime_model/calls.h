// Calls and returns as events: call.enter at a function's first instruction, call.leave at its RET and wherever else a
// call ends. For runs that only go forward: nothing of it is kept in snapshots.
//
// Which calls are open is kept for each stack, by distance from the stack's upper end, and what lies deeper than the
// place at hand is over: so frames that nobody returns from are found by the next call or return on their stack. Work
// at a call: a mark (emu/engine/engine.h), two reads of guest memory, an event.
#pragma once
#include <functional>
#include <vector>

#include "emu/machine.h"
#include "runtime_model/events.h"
#include "runtime_model/naming.h"

namespace deferscope::model {

struct CallOptions {
  std::function<bool(const Function&)> chooses;  // whose calls are told
  std::function<void(Event&)> sink;
  std::function<uint64_t()> next_id;  // of the stream
};

class CallTracer final : public emu::MarkListener {
 public:
  // Marks the machine's engine; both must outlive it.
  CallTracer(const Program& program, emu::Machine& machine, CallOptions options);
  ~CallTracer() override;
  CallTracer(const CallTracer&) = delete;

  // An event of the tracker's, when it comes: which call is a deferred one, which frames a recovery throws away.
  void hear(const Event& e);
  // The run is over: so are the calls that are open.
  void finish();
  void marked(uint64_t pc, uint64_t count, uint64_t tag) override;

 private:
  // What a mark means: bits of its tag, below the index of its function.
  enum What : uint64_t { kEntry = 1, kReturn = 2, kTail = 4, kSpecial = 8, kIndex = 16 };
  enum class Special : uint8_t { none, copystack, gogo, goroutine_ends, morestack };
  struct Place {
    const Function* function = nullptr;
    Name name;
    bool by_signal = false;
    Special special = Special::none;
  };
  struct Open {
    uint64_t id = 0, below = 0;  // below: SP's distance from the stack's upper end, at its first instruction
    uint32_t place = 0;
  };
  struct Stack {
    uint64_t g = 0, goid = 0, lo = 0, hi = 0;
    OnStack kind = OnStack::goroutine;
    uint64_t moves = 0;          // as of which lo and hi are
    uint64_t tid = 0;            // of the thread that ran on it last
    uint64_t works_for = 0;      // a thread's: goid of the goroutine whose work it did last
    std::vector<Open> open;      // outermost first
    uint64_t jumped = kNowhere;  // `below` of the call that just ended by a jump
    bool again = false;          // the innermost is about to begin anew
  };
  // What a return address says of the call.
  struct From {
    Name caller;
    uint64_t line = 0;
    CallBy by = CallBy::call;
  };
  static constexpr uint64_t kNowhere = UINT64_MAX;

  static Special special_of(const Function& f);
  void add(const Function& f, emu::Marks& marks);
  Stack* stack_at(uint64_t sp);
  Stack* find_stack(uint64_t g, uint64_t sp);
  void stand(EventHead& e, const Stack& s);
  void happens(Special what, Stack& s);
  void enter(Stack& s, uint32_t place, uint64_t below);
  void leave(Stack& s, CallEnd how);
  void leave_deeper(Stack& s, uint64_t below, CallEnd how);
  const From& from(uint64_t return_address);
  bool begins_within(const Open& caller, uint64_t return_address) const;

  const Program& p_;
  emu::Machine& m_;
  CallOptions options_;
  Guest guest_;
  Naming naming_;
  std::vector<Place> places_;
  Kept<Stack> stacks_;         // by g
  std::vector<Stack*> order_;  // the same, oldest first
  Kept<From> from_;            // by return address
  Stack* current_ = nullptr;
  uint64_t moves_ = 0;                              // how often a stack was copied
  uint64_t deferred_ = kNoEvent, deferred_at_ = 0;  // a defer.start whose function is about to begin, and where
  bool deferred_by_jump_ = false;
  uint64_t pc_ = 0, position_ = 0, last_ = kNowhere, sp_ = 0;  // of the mark at hand
  Event enter_{CallEnter()}, leave_{CallLeave()};              // reused
};

}  // namespace deferscope::model
