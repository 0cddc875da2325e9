// The conventions of host code, and the pieces of which every block's code is made.
//
//   rbp  CpuState + kBias          r15  instructions left (Frame::budget)      [rsp]  Frame
//   r14  Memory::tlb_read          rax, rcx, rdx  free within an item
//   the nine others                guest registers (Pins), in CpuState only while a function is called
#pragma once
#include <xbyak/xbyak.h>

#include <array>
#include <cstddef>
#include <functional>
#include <vector>

#include "emu/engine/host/code_area.h"
#include "emu/engine/host/frame.h"
#include "emu/memory.h"

namespace deferscope::emu::host {

inline constexpr int kBias = 128;  // so that all integer registers are a byte's displacement away

constexpr bool fits(int64_t imm) { return imm == static_cast<int32_t>(imm); }
// An immediate as the assembler wants it for an operand of that width.
constexpr int32_t narrowed(int64_t imm, unsigned width) {
  return width == 1 ? static_cast<int8_t>(imm) : width == 2 ? static_cast<int16_t>(imm) : static_cast<int32_t>(imm);
}

// Which guest registers live in host registers.
struct Pins {
  struct Pin {
    isa::Reg guest;
    int host;
  };
  std::array<Pin, 9> all;
  std::array<int8_t, isa::kRegs> host_of;  // -1: in memory
  explicit Pins(isa::Isa isa);
};

class Assembler : public Xbyak::CodeGenerator {
 public:
  Assembler(isa::Isa isa, CodeArea& area);

 protected:
  using Reg64 = Xbyak::Reg64;
  using Address = Xbyak::Address;
  using Label = Xbyak::Label;

  static int offset_of(isa::Reg r) { return static_cast<int>(offsetof(isa::CpuState, r) + 8 * size_t{r}) - kBias; }
  static int offset_of_v(isa::VReg v) {
    return static_cast<int>(offsetof(isa::CpuState, v) + sizeof(isa::Vec) * size_t{v}) - kBias;
  }
  static constexpr int kLazy = static_cast<int>(offsetof(isa::CpuState, lazy)) - kBias;
  static constexpr int kLazyA = kLazy + static_cast<int>(offsetof(isa::LazyFlags, a));
  static constexpr int kLazyB = kLazy + static_cast<int>(offsetof(isa::LazyFlags, b));
  static constexpr int kMonitorAddress =
      static_cast<int>(offsetof(isa::CpuState, monitor) + offsetof(isa::Monitor, address)) - kBias;
  static constexpr int kMonitorSize =
      static_cast<int>(offsetof(isa::CpuState, monitor) + offsetof(isa::Monitor, size)) - kBias;
  static constexpr int kLazyKind = kLazy + static_cast<int>(offsetof(isa::LazyFlags, kind));

  bool pinned(isa::Reg r) const { return pins_.host_of[r] >= 0; }
  Reg64 host(isa::Reg r) const { return Reg64(pins_.host_of[r]); }
  Address memory(isa::Reg r) const { return ptr[rbp + offset_of(r)]; }
  // A host register that holds r: its own, or `scratch`. Leaves the host's flags as they are.
  Reg64 in(isa::Reg r, const Reg64& scratch);
  // scratch = r.
  void copy(const Reg64& scratch, isa::Reg r);
  // r's low `width` bytes = from; 4 clears the upper half, 1 and 2 leave the rest.
  void put(isa::Reg r, const Reg64& from, unsigned width);
  void constant(const Reg64& to, uint64_t value);
  // `r` as wide as said.
  static Xbyak::Reg sized(const Reg64& r, unsigned width);
  // Calls code of the area, whose place is known.
  void call_code(const uint8_t* to);
  void jump_code(const uint8_t* to);
  void jump_cell(const void* const* cell);
  void call_function(const void* f);
  void save_for_call();
  void restore_after_call();
  void mov_imm(const Address& to, uint64_t value);  // a quadword
  // Cold code of the block, put behind all of it.
  void later(std::function<void()> emit) { cold_.push_back(std::move(emit)); }
  void emit_cold();

  // Shared code, at the area's start.
  struct Thunks {
    const uint8_t *enter, *exit, *bounce, *evaluate, *string, *hook, *mark, *show, *holds, *bits;
    const uint8_t* access[3][6];   // read, read to modify, write; 1…32 bytes
    const uint8_t* misaligned[2];  // read, write
  };
  void make_thunks();
  // Moves what was assembled into the area: where it runs, nullptr: no room.
  const uint8_t* finish();
  void give_up();  // what was assembled is forgotten
  const uint8_t* here() const { return start_ + getSize(); }

  Pins pins_;
  CodeArea& area_;
  Thunks thunks_{};
  const uint8_t* start_ = nullptr;  // where the code being assembled will run

 private:
  void spill(bool callee_saved_only = false);
  void reload();
  const uint8_t* thunk(const std::function<void()>& emit);
  void leave();
  void fail_from_thunk();

  std::vector<std::function<void()>> cold_;
};

}  // namespace deferscope::emu::host
