// What the session sees of a stopped guest: who executes, its registers by name, memory, frames, names of addresses.
// Reads only; nothing is cached across positions but what the file itself says.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "emu/machine.h"
#include "runtime_model/c_frames.h"
#include "runtime_model/guest.h"
#include "traces/prediction.h"

namespace deferscope::session {

using model::Frame;
using model::Standing;
using model::Who;

class Reader final : public traces::Namer {
 public:
  // `program` nullptr: not a Go program that the model reads.
  Reader(const emu::Machine& machine, const model::Program* program);

  const emu::Machine& machine() const { return machine_; }
  const emu::MachineState& state() const { return machine_.state(); }
  const isa::CpuState& cpu() const { return state().thread().cpu; }
  const model::Program* program() const { return program_; }
  bool amd64() const { return state().isa == isa::Isa::x86_64; }
  emu::Position position() const { return state().position; }
  uint64_t pc() const { return cpu().pc; }
  isa::Reg sp_register() const { return amd64() ? isa::kRsp : isa::kSp; }
  uint64_t sp() const { return cpu().r[sp_register()]; }

  std::optional<uint64_t> word(uint64_t address) const;
  std::optional<uint64_t> value(uint64_t address, unsigned bytes) const;

  // The Go program's state; nullptr as program.
  const model::Guest* guest() const { return guest_ ? &*guest_ : nullptr; }
  // Cheap enough to be asked at every instruction.
  Who who() const { return who(state().thread()); }
  Who who(const emu::Thread& thread) const { return guest_ ? guest_->who(thread) : Who{0, 0, thread.tid, false}; }
  Standing standing(const Who& who) const;
  uint64_t depth(const Who& who, uint64_t sp) const { return guest_ ? guest_->depth(who, sp) : 0 - sp; }
  uint64_t depth() const { return depth(who(), sp()); }

  const model::Function* function(uint64_t pc) const { return program_ ? program_->function_at(pc) : nullptr; }
  // Frames of the current thread, or of somebody; where none is known, pc and SP alone.
  std::vector<Frame> frames(unsigned limit = 64) const { return trace(standing(who()), limit).frames; }
  model::Unwound trace(const Standing& standing, unsigned limit) const;
  std::optional<Frame> frame0() const;

  // "main.main+73"; the bare address where nothing is known.
  std::string place(uint64_t pc) const;
  // Of a library's code, "puts+12 (libc.so.6)", or of C code in the program; nothing: it is none, or the program is not
  // linked with C.
  std::optional<model::CPlace> in_c(uint64_t pc) const;
  // "hello.go:7", or empty.
  std::string line(uint64_t pc) const;
  // "fmt.Println": the inlined function that the instruction belongs to; empty if it is the function's own.
  std::string inlined(uint64_t pc) const;
  // Inlined calls: the node of the function's inline tree that the instruction belongs to, -1 for its own code, and
  // whether such a node lies in another (or is it).
  int32_t inline_node(uint64_t pc) const;
  bool inlined_within(const model::Function& f, int32_t node, int32_t outer) const;
  // The data symbol that begins there, or the function value: "main.f.func1·f". Empty if there is none.
  std::string data_name(uint64_t address) const;
  // Namer: functions, data symbols, funcvals, words of the goroutine's own stack.
  std::string of(uint64_t value) const override;

  std::string instruction_text(uint64_t pc, unsigned* size = nullptr) const;
  isa::Lifted lift(uint64_t pc) const;
  // Syntax of instruction_text: "go", "asm" or "gnu".
  std::string syntax = "go";

 private:
  std::string funcval(uint64_t address) const;  // "funcval of main.f", or empty

  struct Text {  // of an instruction, as long as its bytes are these
    std::array<uint8_t, 16> bytes{};
    unsigned size = 0;
    std::string syntax, text;
  };
  mutable std::unordered_map<uint64_t, Text> texts_;

  const emu::Machine& machine_;
  const model::Program* program_;
  std::optional<model::Guest> guest_;
};

inline bool of_runtime(const model::Function* f) { return !f || f->origin == model::Origin::runtime; }

}  // namespace deferscope::session
