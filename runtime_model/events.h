// What happens to defers, as events: the same names for every Go version (design.md).
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "emu/machine_state.h"
#include "runtime_model/chain.h"

namespace deferscope::model {

enum class EventKind : uint8_t {
  defer_push,         // a defer was registered; its record is complete
  defer_start,        // the deferred function is about to be called
  defer_end,          // it returned
  deferreturn_enter,  // first instruction of runtime.deferreturn
  deferreturn_leave,  // its RET: no defer of this frame is left
  jmpdefer,           // ≤ 1.17: at its last instruction, the jump into the deferred function
  panic_start,        // first instruction of runtime.gopanic
  panic_recovered,    // recover() took effect: RET of runtime.gorecover
  panic_aborted,      // a recovery of another panic passes the frames in which this one was running
  recover_refused,    // recover() returned nil though a panic is running: RET of runtime.gorecover
  goexit,             // first instruction of runtime.Goexit
  recovery_jump,      // runtime.recovery is about to jump to where execution resumes
  stack_move,         // a goroutine's stack was copied: RET of runtime.copystack
  transfer,           // another rewriting of SP and PC: Event::what says which
  panic_fatal,        // nobody recovered it: first instruction of runtime.fatalpanic
  defer_left,         // a registered defer that will never run, or a running one that will never return
  exit,               // the guest ends: first instruction of runtime.exit
  defer_stale,        // 1.14–1.21: a frame is gone and its openDefer record still linked (golang/go#48898)
  count
};
const char* to_string(EventKind k);  // "defer.push"

// Why a defer never ran or never returned, why a panic ended without recover, why the guest ends.
enum class Why : uint8_t {
  none,
  frame,     // its frame is gone
  recovery,  // a recovery threw its frames away
  goexit,    // its goroutine ended by Goexit
  main_returned,
  os_exit,
  panic,        // the guest ends by a panic
  deadlock,     // all goroutines are asleep
  fatal_error,  // another error of the runtime that nothing recovers
  count
};
const char* to_string(Why w);  // "os.Exit"

// Who calls a deferred function.
enum class RunBy : uint8_t { none, jmpdefer, deferreturn, inline_exit, panic, goexit };
const char* to_string(RunBy b);

inline constexpr uint64_t kNoEvent = UINT64_MAX;

// A frame, known by its distance from the upper end of the stack that it lies on (the goroutine's; for `transfer` also
// a thread's g0 or gsignal): the same wherever the stack is moved to.
struct FrameId {
  const Function* function = nullptr;
  uint64_t sp = 0;     // SP inside the frame
  uint64_t depth = 0;  // that stack's hi - sp
  uint64_t pc = 0;     // where the frame stands (a return address, or the instruction itself)
};

// An instruction by which an event is shown, and the position before it ran.
struct Instruction {
  emu::Position position = 0;
  uint64_t pc = 0;  // 0: not known which of the function's (a RET of several)
  const Function* function = nullptr;
};

// jmpdefer, one instruction: what it is and the state before it.
struct JmpStep {
  emu::Position position = 0;
  uint64_t pc = 0;
  uint64_t sp = 0;
  uint64_t frame_pointer = 0;  // RBP; R29
  uint64_t link = 0;           // arm64: LR
  uint64_t scratch = 0;        // arm64: R0
  uint64_t return_word = 0;    // amd64: the word that becomes the return address
};

// Where a recovery lets execution go on.
enum class Resume : uint8_t {
  none,
  deferreturn,  // at the CALL deferreturn of the function whose defer recovered
  deferproc,    // where the CALL deferproc returned to, a second time, with result 1
  goexit,       // in the Goexit that was running
  count
};
const char* to_string(Resume r);

// A logical frame between recover and the panic.
struct CallerFrame {
  std::string function;
  bool wrapper = false, inlined = false;
  bool runs_defers = false;  // gopanic and what it calls deferred functions by
  uint64_t sp = 0;
};

// What changed while the deferred function ran.
struct Effect {
  enum class Kind : uint8_t {
    result,    // of the owner; without DWARF named by the register that it returns in, or its place among the arguments
    variable,  // a local or parameter of the owner; without DWARF named by its place in the frame
    captured   // memory elsewhere that a captured word or argument points at
  } kind = Kind::variable;
  std::string name, type;  // type empty: not known, the values are words
  std::string before, after;
};
const char* to_string(Effect::Kind k);

struct MovedRecord {
  uint64_t before = 0, after = 0;
};

struct Event {
  bool shown_elsewhere() const { return at.position != position; }

  uint64_t id = 0;
  EventKind kind = EventKind::defer_push;
  Origin origin = Origin::user;
  // The state before the instruction at pc; that instruction, or those just before it, did it.
  emu::Position position = 0;
  uint64_t goid = 0;
  int tid = 0;
  uint64_t pc = 0, sp = 0;
  // What texts show it by: the CALL that registers, enters or panics, the RET that ends, jmpdefer's first instruction.
  // Where that one's position is not certain (another thread's turn came between): position and pc.
  Instruction at;
  FrameId frame;  // of the function that owns the defer, panics or is left

  // defer.push, defer.start, defer.end, jmpdefer
  uint64_t push = kNoEvent;   // id of the defer.push this is about; kNoEvent: it was not seen
  uint64_t start = kNoEvent;  // defer.end: id of its defer.start
  Storage storage = Storage::heap;
  RunBy by = RunBy::none;
  const char* call = "";  // defer.push: "runtime.deferproc", "deferBits"
  uint64_t record = 0;    // address; 0: open-coded
  uint64_t link = 0;      // the next record
  uint64_t site = 0;      // pc of the registering CALL's return address, or of the store
  int slot = -1;          // open-coded
  uint64_t bits_address = 0;
  uint8_t bits_before = 0, bits_after = 0;
  Deferred deferred;
  std::vector<TypedValue> arguments;       // defer.push, ≤ 1.17
  bool arguments_known = true;
  std::vector<uint8_t> argument_bytes;     // the same as they lie in memory
  std::vector<Effect> effects;             // defer.end
  bool effects_known = false;              // defer.end: what is not in `effects` did not change
  std::vector<TypedValue> unchanged;       // defer.end: results that did not change

  // deferreturn.*, jmpdefer: where it will return to
  uint64_t return_address = 0, return_after = 0;  // jmpdefer: before and after the rewriting
  uint64_t sp_after = 0;
  std::vector<JmpStep> steps;

  // defer.start, defer.end, defer.left: by an openDefer record whose frame is gone: it calls what lies there now
  bool stale = false;

  // defer.left
  bool started = false;  // it runs and will not return

  // defer.left, panic.aborted, exit
  Why why = Why::none;
  uint64_t status = 0;  // exit

  // panic.*, recover.refused, recovery.jump, exit
  uint64_t panic = kNoEvent;  // id of the panic.start (or goexit)
  uint64_t nested_in = kNoEvent;
  uint64_t panic_number = 0, nested_number = 0;  // of all panics, in order; 0: none, or a Goexit
  std::string value;                 // of the panic; exit: the runtime's message; defer.left: what its goroutine does
  std::vector<CallerFrame> callers;  // of recover, up to the panic
  int decided_by = -1;  // which of them decided: what the runtime takes for the deferred function; -1: none is
  uint64_t to_pc = 0, to_sp = 0;
  bool returns_one = false;            // recovery.jump: result register 1
  Resume resumes = Resume::none;       // recovery.jump
  std::vector<std::string> discarded;  // frames thrown away, innermost first
  uint64_t discarded_count = 0;

  // stack.move
  uint64_t old_lo = 0, old_hi = 0, new_lo = 0, new_hi = 0;
  std::vector<MovedRecord> moved;

  // transfer
  const char* what = "";
};

}  // namespace deferscope::model
