// Frames of C code, in the program and in its libraries: by .eh_frame, as far as it tells. Go code is not unwound here:
// a walk ends where Go called C, and those of a callback begin where C called Go.
//
//   goroutine: f ◀─ cgocall         g0: asmcgocall ◀─ _cgo_… ◀─ C … ◀─ crosscall2 ◀─ cgocallback
//                                   goroutine:  cgocallbackg ◀─ … ◀─ the exported function
#pragma once
#include <array>
#include <optional>
#include <string>
#include <vector>

#include "loader/eh_frame.h"
#include "runtime_model/guest.h"

namespace deferscope::model {

// What an address of C code is called.
struct CPlace {
  std::string function;  // empty: no symbol
  uint64_t offset = 0;   // behind it; without a symbol, the address in the file
  std::string file;      // the library, "libc.so.6"; empty: the program's own
  bool known = false;    // it lies in the program or a library
  bool plt = false;      // in a table of jumps to other files' functions
  // "puts+12 (libc.so.6)", "0x1040 (libc.so.6)", "add+4".
  std::string text() const;
};
CPlace c_place(const Guest& guest, uint64_t address);

struct CFrame : CPlace {
  uint64_t pc = 0, sp = 0;  // as Frame's
  uint64_t caller_sp = 0;   // the CFA; 0: nothing says where that is
  struct Saved {
    std::string reg;  // of the caller: "RBP", "X19"; "": the return address
    uint64_t address = 0;
  };
  std::vector<Saved> saved;  // in memory, as far as .eh_frame says
  uint64_t return_to = 0;    // 0: not known
  size_t before = 0;         // of a list beside Go's frames: it lies before this one of them
};

// A walk over the C frames of a thread.
class CStack {
 public:
  using Registers = std::array<std::optional<uint64_t>, loader::FrameRow::kRegisters>;  // by DWARF's numbers
  CStack(const Guest& guest, const emu::Thread& thread);                                // from its registers
  // Of a caller, with what is known of its registers.
  CStack(const Guest& guest, uint64_t return_address, uint64_t sp, const Registers& known);

  uint64_t pc() const { return pc_; }
  uint64_t sp() const { return sp_; }
  bool in_go() const;
  CFrame frame() const;
  bool leave();  // to the caller; false: nothing says where that is

 private:
  struct Caller {
    uint64_t pc = 0, sp = 0;
    bool at_call = true;
    Registers registers;
    std::vector<CFrame::Saved> saved;
  };
  std::optional<Caller> caller() const;
  uint64_t lookup() const { return at_call_ ? pc_ - 1 : pc_; }

  const Guest& g_;
  Registers registers_;
  uint64_t pc_, sp_;
  bool at_call_;
};

// Where Go code called the C code that the thread stands in: nothing if it does not stand in C, or it cannot be told.
struct GoCaller {
  uint64_t pc = 0, sp = 0;
};
std::optional<GoCaller> go_caller(const Guest& guest, const emu::Thread& thread);

// The C code that a Go frame of the system stack returns to, with what that keeps of its registers: nothing if it
// returns to Go. C calls crosscall2, and leaves such as _cgo_topofstack.
std::optional<CStack> caller_in_c(const Guest& guest, const Standing& standing, const Frame& go);

// The C frames between those of `unwound`, and before the first.
std::vector<CFrame> c_frames(const Guest& guest, const Standing& standing, const Unwound& unwound);

}  // namespace deferscope::model
