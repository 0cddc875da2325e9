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

struct CFrame {
  uint64_t pc = 0, sp = 0;  // as Frame's
  std::string function;     // empty: no symbol
  uint64_t offset = 0;      // behind it; without a symbol, the address in the file
  std::string file;         // the library, "libc.so.6"; empty: the program's own
  size_t before = 0;        // of a list beside Go's frames: it lies before this one of them
};

// A walk over the C frames of a thread.
class CStack {
 public:
  CStack(const Guest& guest, const emu::Thread& thread);             // from its registers
  CStack(const Guest& guest, uint64_t return_address, uint64_t sp);  // of a caller: no other register is known

  uint64_t pc() const { return pc_; }
  uint64_t sp() const { return sp_; }
  bool in_go() const;
  CFrame frame() const;
  bool leave();  // to the caller; false: nothing says where that is

 private:
  // A file in memory: its image, and what is added to the image's addresses.
  struct Module {
    const loader::Image* image = nullptr;
    uint64_t slide = 0;
    std::string file;
  };
  Module module_at(uint64_t address) const;
  uint64_t lookup() const { return at_call_ ? pc_ - 1 : pc_; }

  const Guest& g_;
  std::array<std::optional<uint64_t>, loader::FrameRow::kRegisters> registers_;
  uint64_t pc_, sp_;
  bool at_call_;
};

// Where Go code called the C code that the thread stands in: nothing if it does not stand in C, or it cannot be told.
struct GoCaller {
  uint64_t pc = 0, sp = 0;
};
std::optional<GoCaller> go_caller(const Guest& guest, const emu::Thread& thread);

// The C frames between those of `unwound`, and before the first.
std::vector<CFrame> c_frames(const Guest& guest, const Standing& standing, const Unwound& unwound);

}  // namespace deferscope::model
