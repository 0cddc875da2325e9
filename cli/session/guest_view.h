// What the session sees of a stopped guest: who executes, its registers by name, memory, frames, names of addresses.
// Reads only; nothing is cached across positions but what the file itself says.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "emu/machine.h"
#include "runtime_model/program.h"
#include "traces/effect.h"

namespace deferscope::cli {

// Whose instruction executes next. A goroutine also while its thread works for it on the system stack (systemstack,
// mcall before the goroutine is let go); without a goroutine, the thread.
struct Who {
  uint64_t goid = 0;    // 0: no goroutine
  uint64_t g = 0;       // address of that goroutine's g
  int tid = 0;          // of the thread that executes
  bool system = false;  // on g0 or the signal stack
  bool same(const Who& o) const { return goid || o.goid ? goid == o.goid : tid == o.tid; }
};

struct Frame {
  uint64_t pc = 0, sp = 0;
  uint64_t cfa = 0;       // SP of the caller behind the call's return
  uint64_t ret = 0;       // return address; 0: unknown or none
  uint64_t ret_slot = 0;  // where it lies; 0: in LR
  bool innermost = false;
  const model::Function* function = nullptr;
  // The address to look lines up for: a return address stands behind its call.
  uint64_t lookup_pc() const { return innermost ? pc : pc - 1; }
};

// Where a goroutine (or thread) stands: the registers of the thread that works for it, or those saved when it was
// parked.
struct Standing {
  Who who;
  const emu::Thread* thread = nullptr;  // nullptr: parked
  uint64_t pc = 0, sp = 0, fp = 0, lr = 0;
};

class GuestView final : public traces::Namer {
 public:
  // `program` nullptr: not a Go program that the model reads.
  GuestView(const emu::Machine& machine, const model::Program* program);

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
  uint64_t field(uint64_t base, model::F f) const;  // 0 if not readable

  // Cheap enough to be asked at every instruction.
  Who who() const { return who(state().thread()); }
  Who who(const emu::Thread& thread) const;
  Standing standing(const Who& who) const;
  uint64_t current_g(const isa::CpuState& cpu) const;
  // How deep on its stacks: bytes from the upper end of the one that holds `sp`; the system stack is deeper than the
  // goroutine's.
  static constexpr uint64_t kSystemDepth = uint64_t{1} << 40;  // of the system stack's upper end
  uint64_t depth(const Who& who, uint64_t sp) const;
  uint64_t depth() const { return depth(who(), sp()); }
  uint64_t stack_hi(uint64_t g) const { return word(g + 8).value_or(0); }

  const model::Function* function(uint64_t pc) const { return program_ ? program_->function_at(pc) : nullptr; }
  // Of the current thread; on the system stack it goes on with the goroutine's own. Stops at `limit`.
  std::vector<Frame> frames(unsigned limit = 64) const { return frames(standing_of(state().thread()), limit); }
  std::vector<Frame> frames(const Standing& standing, unsigned limit) const;
  std::vector<Frame> frames_from(uint64_t pc, uint64_t sp, uint64_t lr, unsigned limit) const;
  std::optional<Frame> frame0() const;

  // "main.main+73"; the bare address where nothing is known.
  std::string place(uint64_t pc) const;
  // "hello.go:7", or empty.
  std::string line(uint64_t pc) const;
  // "fmt.Println": the inlined function that the instruction belongs to; empty if it is the function's own.
  std::string inlined(uint64_t pc) const;
  // Namer: functions, data symbols, funcvals, words of the goroutine's own stack.
  std::string of(uint64_t value) const override;
  std::string system_call(uint64_t number) const override;
  std::string who_text(const Who& who) const;  // "g1", "g1 on the system stack", "thread 3"

  std::string instruction_text(uint64_t pc, unsigned* size = nullptr) const;
  isa::Lifted lift(uint64_t pc) const;
  // Syntax of instruction_text: "go", "asm" or "gnu".
  std::string syntax = "go";

 private:
  std::string funcval(uint64_t address) const;  // "funcval of main.f", or empty
  Standing standing_of(const emu::Thread& thread) const;

  const emu::Machine& machine_;
  const model::Program* program_;
  model::FieldAt goid_, m_, curg_;
};

}  // namespace deferscope::cli
