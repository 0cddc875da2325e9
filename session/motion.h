// Moving, forwards and backwards. A motion follows whom the focus chose (else whoever executes next), stops at
// breakpoints and watchpoints in both directions, and says why it ended.
// Everything throws Interrupted after Timeline::interrupt().
#pragma once
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "session/breakpoints.h"
#include "session/focus.h"
#include "session/halt.h"
#include "session/timeline.h"

namespace deferscope::session {

class Motion {
 public:
  // `tracker` nullptr: no Go program that the model reads.
  Motion(Timeline& time, const Reader& reader, Focus& focus, Breakpoints& breakpoints, const model::Tracker* tracker);

  // --- forwards ---
  // N instructions of the one followed, on whichever thread; `any`: of whoever is next.
  Halt instructions(uint64_t n, bool any = false);
  Halt over_call() { return over_call(nullptr); }  // one instruction, over a call
  // To another source line of the same logical frame (inlined functions are calls like others), or out of it; `into`
  // calls, but not of the runtime's functions. Over a call that panics: into the deferred function of this frame that
  // the panic runs, else to where the panic is recovered.
  Halt line(bool into);
  Halt line_below();                // to a line further down in the same function
  Halt finish(unsigned frame = 0);  // until that frame's function has returned
  Halt run();                       // to the next breakpoint
  Halt run_to(const std::vector<uint64_t>& places);
  Halt run_to(emu::Position p);
  Halt run_to_hint(isa::Hint hint);  // until such an instruction stands next
  // --- backwards ---
  Halt back_instructions(uint64_t n, bool any = false);
  Halt back_over_call();
  Halt back_line(bool into);
  Halt back_finish();  // to where this function was entered
  Halt back();         // to the last stop before here
  // --- to the next or last event of defers and panics, whichever it is ---
  Halt to_event();
  Halt back_to_event();
  // --- in time ---
  // Silently; beyond what was seen by running.
  Halt go(emu::Position p);

  // Called before an instruction runs that a front end may want to explain.
  std::function<void()> before_step;

 private:
  // What a line step compares: source line and frame, and which inlined call in that frame it is.
  struct LineAt {
    const model::Function* function = nullptr;
    std::string line;
    uint64_t depth = 0;
    int32_t node = -1;
    bool same_frame(const LineAt& o) const { return function == o.function && depth == o.depth; }
    bool same_line(const LineAt& o) const { return same_frame(o) && node == o.node && line == o.line; }
  };
  struct Passed {
    emu::Position position;
    uint64_t pc, depth;
  };

  Halt halt_of(const emu::Stop& s);
  Halt over_call(const LineAt* stops_in_deferred_of);
  emu::Stop run_watching(emu::Position target);
  Halt step(const Who& who, bool any);
  Halt run_until(const std::unordered_set<uint64_t>& temps, const std::function<bool(Halt&)>& done,
                 emu::Position limit = emu::kNever);
  Halt arrive(const Who& who);
  Halt step_into(const Who& who, uint64_t back);
  bool executes(const Who& who) const { return reader_.who().same(who); }
  std::optional<Halt> skip_others(const Who& who, emu::Position limit, bool stops);
  std::unordered_set<int> threads_taking_up() const;
  std::unordered_set<uint64_t> entries_of(std::initializer_list<const char*> functions) const;
  std::unordered_set<uint64_t> cut_hooks() const;
  std::optional<Halt> cut_at_gogo(const Who& who, uint64_t depth, uint64_t expected_pc);
  LineAt line_here() const;
  bool inlined_in(const LineAt& inner, const LineAt& outer) const;
  bool stays_on(const LineAt& now, const LineAt& from, bool into) const;
  bool calls_deferred_of(const LineAt& frame) const;
  Halt into_deferred(const Who& who);
  std::optional<size_t> behind_runtime(const std::vector<Frame>& frames) const;
  Halt through_runtime(const Who& who, const Halt& h);
  void back_through_runtime(const Who& who);
  Halt finish_inlined();

  Halt stopped_on_the_way(Halt h, emu::Position before);
  std::optional<Halt> last_stop(emu::Position from, emu::Position before);
  std::optional<Halt> last_stop_of_stretch(emu::Position from, emu::Position before, bool whole);
  std::vector<Passed> passed(const Who& who, emu::Position from, emu::Position to, bool any);
  std::optional<Passed> last_before(emu::Position p, const Who& who, const std::function<bool(const Passed&)>& want);
  std::optional<emu::Position> last_in_frame(const Who& who, const LineAt& that,
                                             const std::unordered_set<uint64_t>& pcs, emu::Position p);
  std::unordered_set<uint64_t> instructions_of(const model::Function* f) const;
  Halt step_back(const Who& who, uint64_t n, bool any);
  Halt next_back();
  Halt finish_back();
  Halt step_line_back(bool into);
  Halt leave_line_back(const Who& who, bool into, bool in_runtime);
  Halt to_beginning();
  Halt with_events(Halt (Motion::*move)());

  emu::Position position() const { return time_.position(); }

  Timeline& time_;
  const Reader& reader_;
  Focus& focus_;
  Breakpoints& breakpoints_;
  // Entries of the functions in which a thread takes up another goroutine, and of what they end with.
  std::unordered_set<uint64_t> take_up_, taken_up_;
  std::vector<uint64_t> deferred_calls_;
};

}  // namespace deferscope::session
