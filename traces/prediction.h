// What one instruction does, worked out before it runs: the canonical micro-ops are evaluated on a copy of the
// registers, writes to memory are kept aside. Explanations are made from this; the machine is never touched.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "emu/machine_state.h"
#include "isa/evaluate.h"
#include "isa/uop.h"

namespace deferscope::traces {

// Says what an address or a value is, in a few words: "main.main+73", "funcval of main.main.func1".
// Empty: nothing is known.
class Namer {
 public:
  virtual ~Namer() = default;
  virtual std::string of(uint64_t value) const {
    (void)value;
    return {};
  }
};

// How a value came about, as text: a place with an offset ("BX" − 8), a constant, or anything else.
struct Expr {
  enum Kind : uint8_t { Constant, Place, Other } kind = Other;
  std::string text;  // Place: without `add`
  int64_t add = 0;
  std::string str() const;    // "BX − 8"
  std::string inner() const;  // the same, in parentheses if it has parts
  static Expr place(std::string t) { return {Place, std::move(t), 0}; }
  static Expr constant(int64_t value, std::string t) { return {Constant, std::move(t), value}; }
  static Expr other(std::string t) { return {Other, std::move(t), 0}; }
};

struct Change {
  enum Kind : uint8_t { Register, Vector, Memory, Compare, Note } kind = Note;
  isa::Reg reg = 0;      // Register, Vector
  uint64_t address = 0;  // Memory
  unsigned bytes = 8;
  uint64_t before = 0, after = 0;  // Register, Memory: up to 8 bytes
  isa::Vec vec_before, vec_after;  // Vector, and Memory of 16 bytes
  std::string place;               // "SP", "[SP+8]"; Compare, Note: the whole text
  Expr how;
};

struct MemoryRead {
  uint64_t address = 0;
  unsigned bytes = 0;
  uint64_t value = 0;  // its low 8 bytes
};

// Where execution goes on.
struct Flow {
  enum Kind : uint8_t { Next, Jump, Branch, Call, Return, Syscall, HostCall, Fault, Again } kind = Next;
  bool taken = true;      // Branch
  uint64_t target = 0;    // if taken (Branch: also if not)
  std::string condition;  // Branch: "equal (ZF = 1)", with the live flags
  std::string through;    // Jump, Call: the register or word that held the target; HostCall: the function's name
  emu::CallId call;       // Syscall
};

struct Prediction {
  isa::Isa isa = isa::Isa::x86_64;
  uint64_t pc = 0;
  isa::Lifted in;
  uint8_t bytes[16] = {};
  isa::CpuState before, after;
  isa::Outcome outcome;
  std::vector<MemoryRead> reads;
  std::vector<Change> changes;  // in the order in which they happen; temporaries are folded into `how`
  Flow flow;

  uint64_t sp_before() const { return before.r[isa == isa::Isa::x86_64 ? isa::kRsp : isa::kSp]; }
  uint64_t sp_after() const { return after.r[isa == isa::Isa::x86_64 ? isa::kRsp : isa::kSp]; }
  uint64_t next_pc() const { return pc + in.length; }
  const Change* memory_change() const;  // the first, or nullptr
};

// The instruction that the current thread executes next. Cost: some microseconds.
Prediction predict(const emu::MachineState& state, const isa::CpuModel& model, const Namer& names);

// "SP", "R12", "LR" (arm64's R30), "R28".
std::string register_name(isa::Isa isa, isa::Reg reg);
std::string vector_name(isa::Isa isa, isa::VReg reg);
// A number as explanations write it: small ones signed and decimal, others hexadecimal with their name behind them.
std::string say_value(uint64_t value, unsigned bytes, const Namer& names);
std::string say_number(int64_t value);  // "72", "−8", "0x1234567"
std::string say_vector(const isa::Vec& v);

// The plain wording: every form of micro-op has one. One clause a change, then where execution goes.
std::vector<std::string> plain_words(const Prediction& e, const Namer& names);
std::string say_change(const Prediction& e, const Change& c, const Namer& names);
std::string say_flow(const Prediction& e, const Namer& names);

}  // namespace deferscope::traces
