// Turns a running machine into events: hooks at the runtime's functions and at the stores to deferBits, and the little
// that cannot be read back from guest memory (which defer is running, which panic a recovery belongs to).
//
//     model::Program program(image);
//     model::Tracker tracker(program, machine, {.sink = [](model::Event& e) { … }});
//     machine.run_to(emu::kNever);
//
// Its state travels with the machine's snapshots; an event found again behind the horizon has the same id and is
// not given to the sink again. It never changes the guest.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "emu/machine.h"
#include "runtime_model/effects.h"
#include "runtime_model/events.h"
#include "runtime_model/naming.h"

namespace deferscope::model {

struct TrackerOptions {
  std::function<void(Event&)> sink;  // may take the event's vectors and strings
  bool effects = true;               // results and locals that a deferred function changes (needs DWARF)
  bool positions = true;             // keep every event's position (position_of): 8 bytes an event
  std::function<void(const std::string&)> note = {};  // what the tracker could not keep, once
};

// Where something lies that may lie on the goroutine's stack, which moves.
struct Anchored {
  uint64_t address = 0;  // elsewhere; 0: nowhere, or on the stack
  uint64_t depth = 0;    // on the stack: its distance from the upper end
  static Anchored on_stack(uint64_t at, uint64_t hi) { return {0, hi - at}; }
  uint64_t at(uint64_t hi) const { return depth ? hi - depth : address; }
  explicit operator bool() const { return address || depth; }
};

// A deferred call that is running.
struct Running {
  uint64_t push = kNoEvent, start = kNoEvent;
  uint64_t number = 0;  // Defer::number
  uint64_t line = 0, ordinal = 0;
  RunBy by = RunBy::none;
  Storage storage = Storage::heap;
  Anchored record;
  int slot = -1;
  FrameId owner;
  uint64_t call_depth = 0;  // stack.hi - SP at the call
  uint64_t return_pc = 0;   // where it returns to; 0: jmpdefer (onto the CALL deferreturn)
  uint64_t panic = kNoEvent;
  uint64_t funcval = 0, entry = 0;
  const Function* target = nullptr;  // Deferred::target
  bool stale = false;                // Defer::stale
  EffectProbe probe;
};

struct PendingPush;
enum class Counted : uint8_t { calls, defers, goroutines, panics, other_panics };

class Tracker final : public emu::Machine::Companion {
 public:
  // Sets the machine's companion; both must outlive it. Before set_recording: snapshots taken without it hold nothing
  // of its state.
  Tracker(const Program& program, emu::Machine& machine, TrackerOptions options);
  ~Tracker() override;

  // Events found so far on the whole recording, and where: the n-th was found at position_of(n).
  uint64_t events() const { return found_; }
  emu::Position position_of(uint64_t event) const { return positions_.at(event); }
  // At the current position: how many events lie behind it, and the deferred calls that are running, outermost first.
  uint64_t events_before() const;
  // The number of an event that somebody else adds to the stream; for runs that only go forward.
  uint64_t take_id();
  std::vector<Running> running(uint64_t goid) const;
  // The merged chain of a goroutine as the guest's memory and what was seen of the run say it together: a defer that
  // runs is not pending, one between its unlinking and its call is, records of frames that are gone are stale.
  Chain chain(const Guest& guest, const Goroutine& g, const Unwound& frames, ReadBudget& budget) const;
  // Pending defers of it that were forgotten because there were too many: their runs are "registered unseen".
  uint64_t forgotten(uint64_t goid) const;
  size_t hooks() const { return hooks_.size(); }
  // Where the runtime calls (or, in jmpdefer, jumps to) deferred functions, in order of address. What a function's own
  // exit calls is not among them.
  std::vector<uint64_t> deferred_calls() const;
  // What the tracker holds at once: pending defers, running ones and panics, of all goroutines. A guest that registers
  // more than half of it (in a loop that unlinks what it registered, say) makes it forget the older half.
  static constexpr size_t kMaxHeld = size_t{1} << 21;
  // Statements and functions that it counts at once, of all goroutines that live. Beyond it no ordinal is known.
  static constexpr size_t kMaxCounted = size_t{1} << 20;

  std::shared_ptr<const void> save() const override;
  void restore(const std::shared_ptr<const void>& saved) override;
  uint64_t bytes(const std::shared_ptr<const void>& saved) const override;
  void reached(uint64_t pc) override;
  void wrote(int stream, const uint8_t* bytes, size_t n) override;
  void refused(emu::Refused what, const std::string& name) override;
  void loaded(const emu::LoadedLibrary& library) override;

 private:
  struct State;
  struct G;
  struct PoolList {  // of records, in a P's pool
    bool there = false;
    uint64_t length = 0, capacity = 0;
  };
  struct Hook {
    void (Tracker::*handler)(const Hook&);
    uint64_t pc = 0;
    const void* data = nullptr;  // what the handler expects: BitStore…
    const Function* function = nullptr;
    uint64_t number = 0;
    bool entry = false;  // a function's first instruction
  };
  using Handler = void (Tracker::*)(const Hook&);

  template <class Enum>
  static constexpr uint64_t number_of(Enum e) {
    return static_cast<uint64_t>(e);
  }
  void add(uint64_t pc, Handler h, const Function* f = nullptr, const void* data = nullptr, uint64_t number = 0);
  template <class Each>
  void each_function(std::string_view name, Each each);
  void add_entry(std::string_view name, Handler h, uint64_t number = 0);
  void add_returns(std::string_view name, Handler h, uint64_t number = 0);
  void add_deferred_calls(std::string_view name);
  void add_calls(std::string_view in, std::string_view of, Handler h, bool behind);
  void add_begin(std::string_view name, Handler h);
  void add_registration();
  void add_returning();
  void add_panics();
  void add_open_coded();
  void add_goroutines();
  void add_transfers();
  void add_walks();
  void add_pools();

  void on_registering(const Hook&);
  void on_pushed(const Hook&);
  void on_deferprocat(const Hook&);
  void on_listed(const Hook&);
  void on_bit_store(const Hook&);
  void on_slot_store(const Hook&);
  void on_inline_end(const Hook&);
  void on_deferreturn_enter(const Hook&);
  void on_deferreturn_leave(const Hook&);
  void on_jmpdefer(const Hook&);
  void on_deferred_call(const Hook&);
  void on_call_end(const Hook&);
  void on_reflected(const Hook&);
  void on_gopanic(const Hook&);
  void on_goexit(const Hook&);
  void on_gorecover_return(const Hook&);
  void on_recovery(const Hook&);
  void on_recovery_jump(const Hook&);
  void on_copystack(const Hook&);
  void on_copystack_return(const Hook&);
  void on_transfer(const Hook&);
  void on_goroutine_made(const Hook&);
  void on_goroutine_end(const Hook&);
  void on_fatalpanic(const Hook&);
  void on_throw(const Hook&);
  void on_exit(const Hook&);
  void on_morestack(const Hook&);
  void on_walking(const Hook&);
  void on_walk_start(const Hook&);
  void on_walk_frame(const Hook&);
  void on_walk_defer(const Hook&);
  void on_taking(const Hook&);
  void on_fresh(const Hook&);
  void on_taken(const Hook&);
  void on_giving(const Hook&);
  void on_given(const Hook&);

  bool entered_again(uint64_t entry);
  G* current();
  void tidy();
  Event make(EventBody body, const G& g);
  template <class Kind>
  Event make(const G& g) {  // made in place: events are large
    Event e(std::in_place_type<Kind>);
    stand(e, g);
    return e;
  }
  void stand(Event& e, const G& g);
  Origin origin_of(const FrameId& f) const;
  void own(Event& e, const FrameId& f);
  void emit(Event& e);
  FrameId frame_id(const G& g, uint64_t pc, uint64_t sp);
  FrameId panicking(const G& g);
  uint64_t since(emu::Position begin) const;
  void registered(Event& push, const G& g);
  FrameId innermost(const G& g, const Unwound& u, Origin at_most);
  FrameId creator(const G& g, uint64_t return_address);
  FrameId writer(const G& g);
  void at_call(Event& e) const;
  template <class Body>
  Event asked();
  uint64_t call_of(const G& g, const FrameId& f);
  uint64_t count_call(G& g, const FrameId& f, bool ends);
  void exits(G& g, const FrameId& f);
  uint64_t count(G& g, Counted what, Name function, uint64_t line);
  uint64_t count_panic(G& g, const Event& e);
  void count_defer(G& g, const FrameId& owner, Defer& d, PendingPush& p, uint64_t stated = 0);
  uint64_t depth_of(const G& g, uint64_t sp) const;
  uint64_t number_of(const Event& push);
  uint64_t registered_at(const PendingPush& p) const;
  void push(G& g, Event& e, FrameId owner, Deferred what, uint64_t stated = 0);
  // `arguments`: ≤ 1.17, what it is called with.
  void start(G& g, Event& e, const FrameId& owner, uint64_t funcval, uint64_t return_pc,
             std::vector<uint8_t> arguments = {});
  void describe(const G& g, Defer& d, const FrameId& owner, Deferred& what);
  void end(G& g, size_t index, emu::Position ret);
  emu::Position before(unsigned instructions) const;
  void show(Event& e, emu::Position position, uint64_t pc, const Function* f);
  void show_call(Event& e, emu::Position call, uint64_t return_address);
  void show_return(Event& e, emu::Position ret, const Function* f);
  void add_reflected();
  Defer defer_of(const G& g, const Running& r);
  void bit_registered(G& g, const Hook& h, int slot, uint8_t before, uint8_t after, uint64_t bits_address, Registrar by,
                      uint64_t funcval, const SlotStore* store = nullptr, uint64_t stated = 0);
  int register_pending(G& g, const Hook& h, uint8_t before, uint8_t after, uint64_t bits_address);
  void bit_started(G& g, const Hook& h, int slot, uint8_t before, uint8_t after, uint64_t bits_address);
  uint64_t slot_word(const Function& f, uint64_t varp, int slot) const;
  std::vector<uint8_t> slot_arguments(const Function& f, uint64_t varp, int slot) const;
  std::vector<uint8_t> record_arguments(uint64_t record) const;
  size_t find_push(const G& g, Defer& d, FrameId& owner, uint64_t funcval, bool same_frame);
  void take_push(G& g, Defer& d, FrameId& owner, uint64_t funcval, bool same_frame);
  uint64_t open_record_that_runs(const G& g, const Unwound& u, FrameId& owner) const;
  void run_of_stale(Defer& d, const FrameId& owner, uint64_t record, uint64_t funcval) const;
  RunBy who_calls(const Hook& h, RunBy said) const;
  uint64_t owner_pc(const G& g, const FrameId& owner) const;
  bool nil_called(G& g, const Unwound& frames);
  void nil_jump(const G& g, const Defer& defer, const FrameId& owner);
  void add_unlinked(const G& known, const Guest& guest, const Goroutine& g, const Unwound& frames, Chain& out) const;
  void never_runs(const G& g, const PendingPush& p, Why why, const std::string& doing);
  void never_returns(const G& g, const Running& r, Why why, const std::string& doing);
  bool has_open_record(const G& g, uint64_t sp, const Function* owner) const;
  void find_stale(G& g);
  void drop_deeper(G& g, uint64_t depth, Why why);
  void drop_running(G& g, uint64_t depth, Why why);
  void leave_all(G& g, Why why, const std::string& doing);
  void drop_panics(G& g, uint64_t depth, Why why);
  void discard(G& g, Event& jump, uint64_t depth);
  Resume resume_at(uint64_t pc) const;
  Walk read_walk(const G& g, uint64_t record);
  FrameId walked_frame(G& g, const Walk& w);
  void tell_of_runtime(Event& e, const FrameId& frame);
  SavedWalk read_saved(uint64_t gp) const;
  PoolList pool_list(const G& g, int size_class) const;
  int size_class(uint64_t siz) const;
  std::vector<CallerFrame> recover_callers(const G& g) const;
  int deciding_frame(const std::vector<CallerFrame>& callers) const;

  const Program& p_;
  emu::Machine& m_;
  TrackerOptions options_;
  Guest guest_;
  Effects effects_;
  Naming naming_;
  Kept<std::vector<Hook>> hooks_;  // by pc
  std::unique_ptr<State> state_;
  uint64_t found_ = 0;                    // events, on the whole recording; never rewound
  std::vector<emu::Position> positions_;  // of each, if wanted
  bool forgot_ = false;                   // and the note was given
};

}  // namespace deferscope::model
