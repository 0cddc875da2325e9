// The state behind a session and the motions on it; the verbs (verbs_*.cpp) are made from these. No terminal code here.
#pragma once
#include <atomic>
#include <deque>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <unordered_set>
#include <vector>

#include "cli/session/guest_view.h"
#include "cli/session/session.h"
#include "cli/session/values.h"
#include "emu/machine.h"
#include "runtime_model/program.h"
#include "runtime_model/tracker.h"
#include "runtime_model/where.h"
#include "traces/explain.h"

namespace deferscope::cli {

// A verb that cannot do what was asked: one line; the session goes on.
class CommandError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Why a motion ended. Cut: frames were left without returning (recovery, Goexit), or the goroutine has ended.
struct Halt {
  enum Kind : uint8_t { Done, Breakpoint, Watchpoint, Exited, Deadlock, Limit, Beginning, Cut } kind = Done;
  int id = 0;        // of the breakpoint
  uint64_t hit = 0;  // its how manieth
  std::string note;  // what should be said beside the position
};

enum class Event : uint8_t { defer, run, jmpdefer, panic, recover, recovery, goexit };

// "== 3", "% 2", "5": at which hits a breakpoint stops.
struct HitCondition {
  std::string text;  // empty: at every one
  std::string op;
  uint64_t count = 0;
  static HitCondition parse(const std::string& text);  // throws CommandError
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
  enum Kind : uint8_t { Code, EventPoint, Watch } kind = Code;
  int id = 0;
  std::string spec;            // as typed, without the condition
  std::vector<uint64_t> pcs;   // Code, EventPoint: hooked addresses
  Event event = Event::defer;  // EventPoint
  // EventPoint: only for this function; empty: defers of the user's functions, panics of all; kEverybody: all.
  std::string function;
  emu::Watch watch;       // Watch
  std::string condition;  // empty: always
  HitCondition hit_condition;
  Hits hits;
  bool temporary = false, enabled = true;
  std::optional<emu::Position> moment;  // Code: only there
};

// A change of the guest by `set`: applied whenever time passes this position.
struct Edit {
  bool is_register = false;
  isa::Reg reg = 0;
  int tid = 0;
  bool is_pc = false;
  uint64_t address = 0;
  unsigned bytes = 8;
  uint64_t value = 0;
};

// One executed instruction that the pane explains.
struct TrailItem {
  uint64_t pc = 0;
  Who who;
  std::vector<std::string> words;
};

// What a line step compares: source line and frame.
struct LineAt {
  const model::Function* function = nullptr;
  std::string line;
  uint64_t depth = 0;
  bool same_frame(const LineAt& o) const { return function == o.function && depth == o.depth; }
};

class Core {
 public:
  Core(std::unique_ptr<emu::Machine> m, SessionOptions o);

  std::unique_ptr<emu::Machine> machine;
  SessionOptions options;
  std::unique_ptr<model::Program> program;  // nullptr: not a Go program that the model reads
  std::unique_ptr<model::Tracker> tracker;  // which deferred calls are running; nullptr as program
  std::unique_ptr<GuestView> view;
  std::atomic<bool> interrupted{false};

  // --- output of the command at hand ---
  std::string output;
  void say(const std::string& line) { output += line + "\n"; }

  // --- time: all movement goes through these two, so that edits hold ---
  emu::Position position() const { return machine->state().position; }
  // Throws CommandError if the guest ends before p.
  void seek(emu::Position p);
  emu::Stop run(emu::Position target);
  void edit(const Edit& e);  // from here on
  emu::Position start = 0;   // main.main's first instruction
  // Where the run ends (exit, deadlock, limit), once that was reached.
  std::optional<emu::Position> known_end;
  std::map<emu::Position, std::vector<Edit>> edits;
  std::deque<emu::Position> back_stack, forward_stack;  // of jumps

  // --- whom the verbs speak of ---
  // Whoever executes next, or whom `goroutine N` chose; a motion follows that one and ends the choice.
  std::optional<Who> chosen;
  Who me() const { return chosen.value_or(view->who()); }
  Who follow();
  Standing standing() const { return view->standing(me()); }
  std::vector<Frame> frames(unsigned limit) const { return view->trace(standing(), limit).frames; }
  // Of the chosen one; throws CommandError for a register that is not kept while it is parked.
  uint64_t register_value(isa::Reg r) const;

  // --- motion ---
  // One instruction of `me` (of whoever is next if `any`), and on until `me` is the next to execute: those positions
  // are all that `si` and `rsi` stop at.
  Halt step(const Who& me, bool any);
  Halt step_many(uint64_t n, bool any);
  // Runs until a breakpoint, or until `done` says so at one of the addresses `temps`.
  Halt run_until(const std::unordered_set<uint64_t>& temps, const std::function<bool(Halt&)>& done,
                 emu::Position limit = emu::kNever);
  Halt next_instruction();
  Halt finish(unsigned frame = 0);
  Halt step_line(bool into);
  Halt continue_to_stop() {
    return run_until({}, [](Halt&) { return false; });
  }
  // Back: the n-th instruction of the same goroutine before this position.
  Halt step_back(const Who& me, uint64_t n, bool any);
  Halt next_back();
  Halt finish_back();
  Halt step_line_back(bool into);
  Halt continue_back();
  // The end of a motion back from `before`: the last breakpoint or watchpoint on the way, else where it is.
  Halt stopped_on_the_way(Halt h, emu::Position before);
  void check_interrupt() const;

  // --- breakpoints ---
  std::map<int, Breakpoint> breakpoints;
  int next_id = 1;
  void apply_hooks(const std::unordered_set<uint64_t>& more = {});
  // Those whose place, event and condition hold at this position; a hit condition is another matter.
  std::vector<Breakpoint*> reached();
  std::vector<Breakpoint*> touched(const emu::Stop& watchpoint);
  // The first of them that stops at position p; all of them count the hit.
  std::optional<Halt> count_hits(const std::vector<Breakpoint*>& there, emu::Position p, Halt::Kind kind);
  std::optional<Halt> hit_here() { return count_hits(reached(), position(), Halt::Breakpoint); }
  bool event_holds(const Breakpoint& b) const;
  std::vector<uint64_t> event_addresses(Event e) const;
  void after_stop(const Halt& h);  // temporary breakpoints go

  // --- places and values ---
  model::Where where(const std::string& spec, model::Bare bare) const;  // throws CommandError
  std::vector<uint64_t> locate(const std::string& spec) const;          // of a place in code; empty: where it stands
  // Of a moment: what can be said without running; nothing if it cannot.
  std::optional<emu::Position> known_position(const model::Where& w) const;
  // The same by running there and back, silently.
  emu::Position position_of(const model::Where& w);
  // Expressions (expressions.cpp); all of these throw CommandError.
  Value value_of(const std::string& expression) const;
  uint64_t evaluate(const std::string& expression) const;  // as a number
  uint64_t address(const std::string& expression) const;   // of "$sp+8", of a pointer: its value; else where it lies
  // What a variable, "*ADDRESS", "*(*TYPE)(ADDRESS)" or "ADDRESS" occupies: the address and how many bytes.
  std::pair<uint64_t, uint64_t> memory_place(const std::string& expression) const;
  std::string text_of(const Value& v) const;
  // "$sp", "SP", "R14", "rax", "lr", "pc": the register, or nothing.
  std::optional<isa::Reg> register_named(std::string name) const;

  // --- what is shown ---
  void show_stop(const Halt& h);
  std::string pane();
  std::string chain_line();
  void remember_step();  // before an instruction runs that the pane may show
  std::map<emu::Position, TrailItem> trail;
  isa::CpuState shown;  // registers at the last stop that was shown
  bool shown_valid = false;
  unsigned frame = 0;  // chosen by frame, up, down
  std::vector<std::string> displays;
  std::map<emu::Position, std::string> notes;
  std::vector<std::string> explain_here();
  bool quiet = false;  // between two commands of one line only the last one shows its stop

 private:
  bool bit_appears(const Frame& f) const;
  bool inline_call_runs(const Frame& f) const;
  std::vector<const model::Function*> concerned(Event e) const;
  Halt halt_of(const emu::Stop& s);
  bool edit_between(emu::Position after, emu::Position upto) const;
  void apply_edits_here();
  Halt arrive(const Who& me);
  bool condition_holds(const Breakpoint& b) const;
  // The last stop of a breakpoint or watchpoint in [from, before), and goes there.
  std::optional<Halt> last_stop(emu::Position from, emu::Position before);
  std::optional<Halt> last_stop_of_stretch(emu::Position from, emu::Position before);
  std::unordered_set<uint64_t> hooked_;  // by breakpoints
  bool ended(const Who& me) const;
  // While others execute: to where `who` is next, or to `limit`; whatever else ended it is returned. Breakpoints and
  // watchpoints of the others hold if `stops`.
  std::optional<Halt> skip_others(const Who& who, emu::Position limit, bool stops);
  std::unordered_set<int> threads_taking_up() const;
  std::unordered_set<uint64_t> entries_of(std::initializer_list<const char*> functions) const;
  // Entries of the functions in which a thread takes up another goroutine, and of what they end with.
  std::unordered_set<uint64_t> take_up_, taken_up_;
  LineAt line_here() const;
  Halt step_into(const Who& who, uint64_t back);
  struct Passed {
    emu::Position position;
    uint64_t pc, depth;
  };
  std::vector<Passed> passed(const Who& me, emu::Position from, emu::Position to, bool any);
  std::optional<Passed> last_before(emu::Position p, const Who& me, const std::function<bool(const Passed&)>& want);
  std::optional<emu::Position> last_hook_before(emu::Position p, const std::unordered_set<uint64_t>& pcs,
                                                const std::function<bool()>& want);
  std::optional<emu::Position> last_in_frame(const Who& who, const LineAt& that,
                                             const std::unordered_set<uint64_t>& pcs, emu::Position p);
  std::unordered_set<uint64_t> instructions_of(const model::Function* f) const;
  Halt leave_line_back(const Who& who, bool into, bool in_runtime);
  Halt to_beginning();
  std::optional<Halt> cut_at_gogo(const Who& me, uint64_t depth, uint64_t expected_pc);
  std::unordered_set<uint64_t> cut_hooks() const;
};

inline bool of_runtime(const model::Function* f) { return !f || f->origin == model::Origin::runtime; }
std::string grouped(uint64_t n);                        // 61431 → "61,431"
std::string mark(char style, const std::string& text);  // see session.h
std::vector<std::string> split_words(const std::string& line);

}  // namespace deferscope::cli
