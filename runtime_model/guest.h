// Reading a Go program's state from guest memory at any position: goroutines, frames, records. Nothing here changes the
// guest, and nothing is believed: every pointer may be wild, every list may be endless.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "emu/machine_state.h"
#include "runtime_model/program.h"

namespace deferscope::model {

// Which stack of a thread a frame lies on.
enum class StackKind : uint8_t { goroutine, system, signal };  // g's, g0's, gsignal's
const char* to_string(StackKind k);

// One physical frame. `sp` is SP inside it (between prologue and epilogue), `caller_sp` SP of its caller at the call.
struct Frame {
  const Function* function = nullptr;
  uint64_t pc = 0;      // where it stands: the next instruction, or the return address of its callee
  uint64_t lookup = 0;  // pc for tables: pc - 1 behind a call
  uint64_t sp = 0, caller_sp = 0;
  uint64_t varp = 0;
  uint64_t return_address = 0;  // 0: none (the outermost)
  uint64_t return_slot = 0;     // where that lies; 0: in LR, or none
  StackKind stack = StackKind::goroutine;
  bool entered = false;    // its frame is set up (not in prologue or epilogue)
  bool innermost = false;  // it executes: registers are its own
};

struct Unwound {
  std::vector<Frame> frames;  // innermost first
  bool complete = false;      // reached the outermost frame; else `stopped` says why not
  std::string stopped;
};

// Whose instruction executes next. A goroutine also while its thread works for it on the system stack (systemstack,
// mcall before the goroutine is let go); without a goroutine, the thread.
struct Who {
  uint64_t goid = 0;    // 0: no goroutine
  uint64_t g = 0;       // address of that goroutine's g
  int tid = 0;          // of the thread that executes
  bool system = false;  // on g0 or the signal stack
  bool same(const Who& o) const { return goid || o.goid ? goid == o.goid : tid == o.tid; }
};

// Where a goroutine (or thread) stands: the registers of the thread that works for it, or those saved when the
// goroutine was parked.
struct Standing {
  Who who;
  const emu::Thread* thread = nullptr;  // nullptr: parked
  uint64_t pc = 0, sp = 0, fp = 0, lr = 0;
  bool at_call = false;  // pc is a return address
};

// A goroutine, read from its g.
struct Goroutine {
  uint64_t g = 0;
  uint64_t id = 0;
  uint64_t parent = 0;  // 1.21+
  uint32_t status = 0;  // g.atomicstatus
  uint8_t wait_reason = 0;
  uint64_t lo = 0, hi = 0;
  uint64_t defer = 0, panic = 0, m = 0;
  uint64_t go_pc = 0, start_pc = 0;
  int thread = -1;  // index of the machine's thread that runs it, -1: none
};

class Guest {
 public:
  Guest(const Program& program, const emu::MachineState& state) : p_(program), s_(state) {}

  const Program& program() const { return p_; }
  const emu::MachineState& state() const { return s_; }

  // --- memory ---
  bool read(uint64_t address, void* out, uint64_t n) const { return address && s_.memory.peek(address, out, n); }
  uint64_t word(uint64_t address) const {  // 0 if unreadable
    uint64_t v = 0;
    return read(address, &v, 8) ? v : 0;
  }
  std::optional<uint64_t> try_word(uint64_t address) const {
    uint64_t v = 0;
    return read(address, &v, 8) ? std::optional<uint64_t>(v) : std::nullopt;
  }
  // A field of a record; 0 if this version has none or memory is unreadable.
  // Of fields longer than 8 bytes: the first word.
  uint64_t field(uint64_t record, F f) const {
    const FieldAt at = p_.layouts()[f];
    if (!at || !record) return 0;
    if (at.size >= 8) return word(record + static_cast<uint64_t>(at.offset));
    uint64_t v = 0;
    return read(record + static_cast<uint64_t>(at.offset), &v, at.size) ? v : 0;
  }
  uint64_t address_of(uint64_t record, F f) const {
    const FieldAt at = p_.layouts()[f];
    return at ? record + static_cast<uint64_t>(at.offset) : 0;
  }

  // A list of records: `head` in `owner` is the first, `link` of each the next. Ends at what is no record.
  struct Linked {
    std::vector<uint64_t> records;
    const char* torn = "";  // why the list does not end as it should
  };
  Linked linked(uint64_t owner, F head, F link, size_t limit) const;

  // --- the current thread's registers ---
  const isa::CpuState& cpu() const { return s_.thread().cpu; }
  uint64_t pc() const { return cpu().pc; }
  uint64_t sp() const { return cpu().r[p_.amd64() ? isa::kRsp : isa::kSp]; }
  uint64_t argument(Arg a) const;
  // At a function's first instruction: where it will return, and SP of its caller's frame.
  uint64_t return_address() const { return p_.amd64() ? word(sp()) : cpu().r[isa::kX30]; }
  uint64_t caller_sp() const { return p_.amd64() ? sp() + 8 : sp(); }

  // The closure that jmpdefer (≤ 1.17), in which the current thread stands, is about to enter: an argument first, then
  // in the context register. 0 outside of it.
  uint64_t jmpdefer_closure() const;
  // At a RET of gorecover: the type word of the interface that it returns, 0 if that is nil.
  uint64_t recovered_type() const;

  // --- goroutines ---
  // g of a thread as its registers have it: a user goroutine, g0 or gsignal; 0 before the runtime has set it.
  uint64_t g_of(const emu::Thread& t) const;
  // Cheap enough to be asked at every instruction.
  Who who(const emu::Thread& t) const;
  Who who() const { return who(s_.thread()); }
  // The user goroutine of the current thread: curg if it is on g0 or gsignal; 0 if there is none.
  uint64_t current_g() const { return who().g; }
  // How deep on its stacks `sp` is: bytes from the upper end of the one that holds it; the system stack is deeper than
  // the goroutine's. Of the current thread. As cheap.
  static constexpr uint64_t kSystemDepth = uint64_t{1} << 40;  // of the system stack's upper end
  uint64_t depth(const Who& who, uint64_t sp) const;
  std::optional<Goroutine> goroutine(uint64_t g) const;  // nothing if it does not look like one
  uint64_t goid(uint64_t g) const { return field(g, F::g_goid); }
  uint64_t stack_lo(uint64_t g) const { return word(address_of(g, F::g_stack)); }
  uint64_t stack_hi(uint64_t g) const { return field(g, F::g_stack) ? word(address_of(g, F::g_stack) + 8) : 0; }
  // Whether that goroutine is no more.
  bool ended(const Who& who) const;
  // Where the goroutine goes on once recovery has cut its frames: the panic's, or as recovery is called with it.
  uint64_t recovery_pc(uint64_t g) const;
  bool on_stack(uint64_t g, uint64_t address) const { return g && address > stack_lo(g) && address <= stack_hi(g); }
  // Every goroutine that the guest lists (runtime.allgs), dead ones left out; without that list those that run.
  // At most kMaxGoroutines; `more` is set if the list claims others.
  std::vector<Goroutine> goroutines(bool* more = nullptr) const;
  static constexpr size_t kMaxGoroutines = 100'000;
  std::string wait_reason(const Goroutine& g) const;

  // --- frames ---
  Standing standing(const emu::Thread& t) const;
  // Of the one meant, on whichever thread; else as it was parked.
  Standing standing(const Who& who) const;
  // What is kept of a goroutine that does not execute, in g.sched: where it will go on.
  Standing parked(const Who& who) const;
  // Of somebody wherever it stands. From the signal stack it goes on where the signal came, from the system stack with
  // the goroutine's own. At most `limit` frames.
  Unwound unwind(const Standing& standing, size_t limit = 1000) const;
  Unwound unwind(const Goroutine& g, size_t limit = 1000) const;
  // From any pc and SP of a goroutine's stack; `lr` is LR for a leaf (arm64). `at_call`: pc is a return address.
  Unwound unwind(uint64_t pc, uint64_t sp, uint64_t lr, bool at_call, uint64_t stack_hi, size_t limit = 1000) const;
  // The logical frames of a physical one, innermost first, each with the line it stands at: inlined functions, then the
  // frame's own. Only the last where the tables are damaged.
  std::vector<loader::InlineFrame> calls_of(const Frame& f) const;

 private:
  const Program& p_;
  const emu::MachineState& s_;
};

}  // namespace deferscope::model
