// What every word of a stack is for: each byte of the frames asked for has one role and a name, and the records and
// closures that they hold or point to are opened into fields. Drawings, the stepper and explanations take them from
// here.
//
//     const Roles r = roles_of(guest, &tracker, guest.standing(thread), 3);
//     for (const FrameRoles& f : r.frames) for (const Slot& s : f.slots) … s.role, s.name, s.value
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime_model/c_frames.h"
#include "runtime_model/chain.h"
#include "runtime_model/guest.h"
#include "runtime_model/tracker.h"

namespace deferscope::model {

enum class Role : uint8_t {
  result,
  argument,
  spill,     // where a callee may keep an argument that it got in a register
  outgoing,  // argument of the call at hand, or space for such
  local,
  autotmp,   // of the compiler
  saved_fp,  // the caller's frame pointer
  return_address,
  link_register,  // arm64: the return address while it is in LR
  defer_record,   // a field of a runtime._defer
  panic_record,
  defer_bits,    // which open-coded defers are pending
  closure_slot,  // of an open-coded defer: its closure, or an argument
  closure,       // a word of a closure: code, captured words
  padding,       // between fields
  unknown,       // spilled or temporary: nothing tells
  count
};
const char* to_string(Role r);  // "return address"

// At most a word; but of a frame that is larger than kMaxFrame the middle is one slot, of which nothing is told.
struct Slot {
  uint64_t address = 0;
  uint32_t size = 0;
  Role role = Role::unknown;
  std::string name;   // "t", "s.len", "siz"; empty: nothing beside its role is known
  std::string of;     // the function whose argument, result or inlined variable it is; empty: the frame's own
  std::string type;   // Go's spelling; empty: not known
  std::string value;  // in text; a place is "main.f+12", "main.f.SP+8"
  uint64_t word = 0;  // its bytes
  bool readable = true;
  bool pointer = false;  // its word may be an address of data
  bool stale = false;    // not written since its frame was opened, as far as that is known
  bool live = true;      // false: a variable's place at other points of its function
  bool c = false;        // of C code: nothing is said of it but where registers and return addresses are kept
  int object = -1;       // whose field it is: of Roles::objects
  uint64_t end() const { return address + size; }
  bool untold() const { return size > 8; }
};

// A record or closure, on the stack or elsewhere.
struct Object {
  enum Kind : uint8_t { defer_, panic, closure } kind = defer_;
  uint64_t address = 0, size = 0;
  std::string title;                // "_defer #1", "closure main.f.func1"
  std::string state;                // "pending", "running, unlinked", …; of closures empty
  const Function* owner = nullptr;  // whose frame registered it
  bool in_frame = false;            // its fields are slots of a frame that was asked for
  std::vector<Slot> fields;
};

inline constexpr uint64_t kMaxFrame = 1 << 16;  // bytes of a frame that are given roles, half from each end

struct FrameRoles {
  Frame frame;
  uint64_t lo = 0, hi = 0;  // what its slots cover: [SP, caller's SP); of the last its callee's arguments only
  bool whole = true;        // false: that last
  std::vector<Slot> slots;  // by address, without gaps
  // It has executed nothing yet.
  bool entering() const { return frame.innermost && frame.pc == frame.function->f.entry; }
  uint64_t passed = 0;  // bytes from lo on: its callee's arguments, results and spill places, on arm64 LR
  // Results and spill places are the callee's to write: they are as old as its frame.
  bool callee_writes(const Slot& s) const {
    return (s.role == Role::result || s.role == Role::spill) && s.address - lo < passed;
  }
};

// A frame of C code, on a stack of its own.
struct CFrameRoles {
  CFrame frame;
  std::vector<Slot> slots;  // by address, without gaps; none where its bounds are not known
};

// A value that is in a register.
struct RegisterRole {
  std::string reg, name, of, type, value;
  Role role = Role::unknown;
  uint64_t word = 0;
  bool pointer = false;
};

struct Roles {
  Standing standing;
  uint64_t stack_hi = 0;              // upper end of the goroutine's stack; 0: there is none
  std::vector<FrameRoles> frames;     // innermost first; the last is not whole
  std::vector<CFrameRoles> c_frames;  // of C code, innermost first: CFrame::before says before which of `frames`
  std::vector<Slot> below;            // arm64: what the innermost frame keeps below SP
  std::vector<Object> objects;
  std::vector<RegisterRole> registers;
  std::vector<std::string> notes;

  // The slot that holds that address, in a frame or in a record or closure elsewhere; nullptr: none.
  const Slot* at(uint64_t address) const;
};

// Finds the roles of one program's stacks, and keeps what code and DWARF say of functions. Cost of find(): some tens of
// microseconds a frame; the first time that a function is seen some milliseconds, DWARF's opening (15 ms) not counted.
class FrameFacts;
class RoleFinder {
 public:
  explicit RoleFinder(const Program& program);
  ~RoleFinder();
  // Of `frames` frames; what is on the stack above them is known to their arguments only. `tracker` nullptr: nothing is
  // known of calls that run. `guest`: of that program.
  Roles find(const Guest& guest, const Tracker* tracker, const Standing& standing, size_t frames);

 private:
  std::unique_ptr<FrameFacts> facts_;
};

// The same, once.
Roles roles_of(const Guest& guest, const Tracker* tracker, const Standing& standing, size_t frames);

}  // namespace deferscope::model
