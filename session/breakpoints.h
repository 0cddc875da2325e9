// Breakpoints at places, moments and events; watchpoints. Where they are, whether they hold, how often they were hit.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "runtime_model/tracker.h"
#include "session/expressions.h"
#include "session/frame_life.h"
#include "session/halt.h"
#include "session/timeline.h"

namespace deferscope::session {

// "== 3", "% 2", "5": at which hits a breakpoint stops.
struct HitCondition {
  std::string text;  // empty: at every one
  std::string op;
  uint64_t count = 0;
  static HitCondition parse(const std::string& text);  // throws Error
  bool holds(uint64_t hits) const;
};

// Where a breakpoint was reached, numbered in the order in which that was found out. A position keeps its number, so
// that going back and forth counts nothing twice and a hit condition holds at the same positions in both directions.
class Hits {
 public:
  uint64_t number(emu::Position p);  // of the hit at p; a new one gets the next
  uint64_t count() const { return seen_.size(); }
  void drop_after(emu::Position p);

 private:
  struct Hit {
    emu::Position position;
    uint64_t number;
  };
  std::vector<Hit> seen_;  // by position
};

inline constexpr const char* kEverybody = "all";

struct Breakpoint {
  enum Kind : uint8_t { code, event, watch } kind = code;
  int id = 0;
  std::string spec;                      // as asked for, without the condition
  std::vector<uint64_t> pcs;             // code, event: hooked addresses
  std::optional<emu::Position> moment;   // code: only there
  EventPoint point = EventPoint::defer;  // event
  // event: only for this function; empty: defers of the user's functions, panics of all; kEverybody: all.
  std::string function;
  emu::Watch watched;  // watch: its address is where it was when that was last looked at (Breakpoints::settle)
  // watch: it lies on a goroutine's stack, that far below the upper end, and follows it when it moves.
  struct OnStack {
    uint64_t g = 0, goid = 0, below = 0;
  };
  std::optional<OnStack> on_stack;
  std::optional<FrameLife> life;  // watch of a variable of a frame: it is watched as long as that lives
  std::string condition;          // an expression; empty: always
  HitCondition hit_condition;
  Hits hits;
  bool temporary = false, enabled = true;
};

class Breakpoints {
 public:
  Breakpoints(Timeline& time, const Reader& reader, Focus& focus, const Expressions& expressions,
              const model::Tracker* tracker);

  // --- the list ---
  const std::map<int, Breakpoint>& all() const { return all_; }
  Breakpoint& add(Breakpoint b);  // gives it its number
  Breakpoint* find(int id);       // nullptr: none
  void remove(int id) { all_.erase(id); }
  void clear() { all_.clear(); }
  // A breakpoint at an event, of `function` if it is named. Throws Error where this program has no such event.
  Breakpoint at_event(EventPoint e, const std::string& function) const;
  // Throws Error if it cannot be read; what it names may exist at the breakpoint only.
  void check_condition(const std::string& condition) const;
  void drop_after(emu::Position p);

  void set_all_events();  // nothing else; their numbers are no user's

  // While one lives, its own list holds instead.
  class Instead {
   public:
    explicit Instead(Breakpoints& b) : b_(b), kept_(std::move(b.all_)) { b_.all_.clear(); }
    ~Instead() { b_.all_ = std::move(kept_); }
    Instead(const Instead&) = delete;

   private:
    Breakpoints& b_;
    std::map<int, Breakpoint> kept_;
  };

  // --- for motions ---
  // Sets the machine's hooks and watchpoints; `more` are hooked beside them.
  void apply(const std::unordered_set<uint64_t>& more = {});
  bool watches() const;  // variables of frames, or words of stacks
  // Makes true for this position what is said of watched variables: where they lie, whether their frame lives. May run
  // again what lies between; stands where it stood afterwards.
  void settle();
  // As settle, for all positions before this one too.
  void settle_beginnings();
  // After a run from there to here with what apply() set: a stack may have moved, a watched frame begun or ended.
  void ran(emu::Position from);
  // Sets the machine's watchpoints for the position at hand.
  void arm();
  bool any_hooked() const { return !hooked_.empty(); }
  bool any_enabled() const;
  // Those whose place, event and condition hold at this position; a hit condition is another matter.
  std::vector<Breakpoint*> reached();
  std::vector<Breakpoint*> touched(const emu::Stop& watchpoint);
  // The first of them that stops at position p; all of them count the hit.
  std::optional<Halt> count_hits(const std::vector<Breakpoint*>& there, emu::Position p, Reason reason);
  // The watchpoint whose frame is gone from here on.
  std::optional<Halt> ended_here() const;
  std::optional<Halt> hit_here();
  // The deferred function that the runtime calls here.
  std::optional<model::Running> called_here() const;

 private:
  std::optional<uint64_t> address_now(const Breakpoint& b) const;
  bool stack_is_copied() const;
  bool condition_holds(const Breakpoint& b) const;
  bool event_holds(const Breakpoint& b) const;
  bool bit_appears(const Frame& f) const;
  bool inline_call_runs(const Frame& f) const;
  std::vector<model::Running> running() const;
  std::vector<const model::Function*> concerned(EventPoint e) const;
  std::vector<uint64_t> addresses(EventPoint e) const;

  Timeline& time_;
  const Reader& reader_;
  Focus& focus_;
  const Expressions& expressions_;
  const model::Tracker* tracker_;
  std::unordered_set<uint64_t> moved_;  // where copystack returns: a stack has moved
  std::map<int, Breakpoint> all_;
  int next_id_ = 1;
  std::unordered_set<uint64_t> hooked_, more_;  // by breakpoints; by the motion at work
};

}  // namespace deferscope::session
