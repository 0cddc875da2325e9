// Follows values through registers and the frame along a straight run of code: where what stands in a register was
// loaded from.
#pragma once
#include <array>
#include <cstdint>
#include <map>

#include "runtime_model/code.h"

namespace deferscope::model {

struct Source {
  enum Kind : uint8_t {
    none,
    frame,     // the frame's memory, `offset` from SP
    behind,    // where the word at `offset` in the frame points, plus `at`
    closure,   // the closure itself
    captured,  // the word at `offset` of it
  } kind = none;
  uint8_t width = 0;  // bytes
  int64_t offset = 0;
  int64_t at = 0;
  bool operator==(const Source&) const = default;
};

class Sources {
 public:
  Sources(bool amd64, isa::Reg context) : sp_(amd64 ? isa::kRsp : isa::kSp) { regs_[context].kind = Source::closure; }
  explicit Sources(bool amd64) : sp_(amd64 ? isa::kRsp : isa::kSp) {}

  // Takes the instruction in. After SP has moved, the frame is left: nothing is loaded from it any more.
  void see(const Insn& i);
  Source of(isa::Reg r) const { return r < isa::kRegs ? regs_[r] : Source{}; }
  Source of_vector(unsigned v) const { return v < vectors_.size() ? vectors_[v] : Source{}; }
  // What was stored to the frame, by offset from SP.
  const std::map<int64_t, Source>& stored() const { return stored_; }
  void called() { regs_ = {}, vectors_ = {}; }

 private:
  void load(const Insn& i, const isa::Uop& u);
  void store(const Insn& i, const isa::Uop& u);
  std::optional<int64_t> frame_offset(const Insn& i, const isa::Mem& m) const;
  Source loaded(const Insn& i, const isa::Mem& m, int64_t plus, uint8_t width) const;
  void set(isa::Reg r, Source s) {
    if (r < isa::kRegs) regs_[r] = s;
  }

  isa::Reg sp_;
  bool left_ = false;
  std::array<Source, isa::kRegs> regs_{};
  std::array<Source, 32> vectors_{};
  std::map<int64_t, Source> stored_;
};

// Where a function keeps its results while its defers run, as the code behind its CALL runtime.deferreturn shows: it
// loads them from there. In order of the ABI's registers; and what it copies to stack results.
struct ResultPlaces {
  bool read = false;  // that code was followed to its RET
  std::vector<Source> integers, floats;
  std::map<int64_t, Source> stack;  // by offset from SP
};
class Program;
struct Function;
ResultPlaces result_places(const Program& program, const Function& function);
// Stack ABI: offsets from SP (in the body) of result words, told by their zeroing at the entry, and their sizes.
std::map<int64_t, uint8_t> zeroed_results(const Program& program, const Function& function);

// The ABI's sequences of registers for arguments and results.
isa::Reg abi_register(bool amd64, unsigned index);
const char* abi_register_name(bool amd64, bool floating, unsigned index);
// First byte of stack arguments, from the caller's SP.
inline int64_t arguments_above(bool amd64) { return amd64 ? 0 : 8; }

}  // namespace deferscope::model
