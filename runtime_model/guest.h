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

// One physical frame. `sp` is SP inside it (between prologue and epilogue), `caller_sp` SP of its caller at the call.
struct Frame {
  const Function* function = nullptr;
  uint64_t pc = 0;      // where it stands: the next instruction, or the return address of its callee
  uint64_t lookup = 0;  // pc for tables: pc - 1 behind a call
  uint64_t sp = 0, caller_sp = 0;
  uint64_t varp = 0;
  uint64_t return_address = 0;  // 0: none (the outermost)
  bool entered = false;         // its frame is set up (not in prologue or epilogue)
};

struct Unwound {
  std::vector<Frame> frames;  // innermost first
  bool complete = false;      // reached the outermost frame; else `stopped` says why not
  std::string stopped;
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
  // A field of a record; 0 if this version has none or memory is unreadable. Fields longer than 8 bytes: the first
  // word.
  uint64_t field(uint64_t record, F f) const {
    const FieldAt at = p_.layouts()[f];
    uint64_t v = 0;
    return at && record && read(record + static_cast<uint64_t>(at.offset), &v, at.size < 8 ? at.size : 8) ? v : 0;
  }
  uint64_t address_of(uint64_t record, F f) const {
    const FieldAt at = p_.layouts()[f];
    return at ? record + static_cast<uint64_t>(at.offset) : 0;
  }

  // --- the current thread's registers ---
  const isa::CpuState& cpu() const { return s_.thread().cpu; }
  uint64_t pc() const { return cpu().pc; }
  uint64_t sp() const { return cpu().r[p_.amd64() ? isa::kRsp : isa::kSp]; }
  uint64_t argument(Arg a) const;
  // At a function's first instruction: where it will return, and SP of its caller's frame.
  uint64_t return_address() const { return p_.amd64() ? word(sp()) : cpu().r[isa::kX30]; }
  uint64_t caller_sp() const { return p_.amd64() ? sp() + 8 : sp(); }

  // --- goroutines ---
  // g of a thread as its registers have it: a user goroutine, g0 or gsignal; 0 before the runtime has set it.
  uint64_t g_of(const emu::Thread& t) const;
  // The user goroutine of the current thread: curg if it is on g0 or gsignal; 0 if there is none.
  uint64_t current_g() const;
  uint64_t user_g(const emu::Thread& t) const;
  std::optional<Goroutine> goroutine(uint64_t g) const;  // nothing if it does not look like one
  uint64_t goid(uint64_t g) const { return field(g, F::g_goid); }
  uint64_t stack_hi(uint64_t g) const { return field(g, F::g_stack) ? word(address_of(g, F::g_stack) + 8) : 0; }
  // Every goroutine that the guest lists (runtime.allgs), dead ones left out; without that list those that run.
  // At most kMaxGoroutines; `more` is set if the list claims others.
  std::vector<Goroutine> goroutines(bool* more = nullptr) const;
  static constexpr size_t kMaxGoroutines = 100'000;
  std::string wait_reason(const Goroutine& g) const;

  // --- frames ---
  // From any pc and SP; `lr` is LR for a leaf (arm64). `at_call`: pc is a return address. At most `limit` frames.
  Unwound unwind(uint64_t pc, uint64_t sp, uint64_t lr, bool at_call, uint64_t stack_hi, size_t limit = 1000) const;
  // Of a goroutine wherever it stands: running (registers), in a system call, or parked (sched).
  Unwound unwind(const Goroutine& g, size_t limit = 1000) const;

 private:
  const Program& p_;
  const emu::MachineState& s_;
};

}  // namespace deferscope::model
