// Instructions of a trace as people and programs read them: a line each, or one with all that is known of it.
#pragma once
#include <functional>
#include <string>

#include "runtime_model/guest.h"
#include "traces/insn_reader.h"
#include "traces/prediction.h"

namespace deferscope::traces {

class InsnText final : public Namer {
 public:
  // `program`: whose names, lines and goroutines are told; nullptr: there is none at hand, and addresses are.
  InsnText(const InsnTrace& trace, const model::Program* program);

  // Of the instruction at which the trace stands:
  std::string function() const;  // "": it has no name
  uint64_t goroutine() const;    // 0: none, or nobody knows it
  // "@1234  g1  main.f+12  hello.go:9  MOVQ AX, 0x8(SP)  [SP+8] ← AX = 5", and a line break.
  void append_line(std::string& out) const;
  // That, what it means, and the registers before it.
  void append_whole(std::string& out) const;
  // One line of JSON (docs/trace-format.md).
  void append_json(std::string& out) const;
  // All integer registers, pc, flags and SP, four in a line; those for which `marked` says so have a '*'.
  void append_registers(std::string& out, const std::function<bool(uint8_t)>& marked) const;

  std::string of(uint64_t value) const override;

 private:
  std::string place() const;
  std::string line() const;
  std::string instruction(const Prediction& e) const;
  Prediction next() const;
  std::string doing(const Prediction& e) const;

  const InsnTrace& t_;
  const model::Program* p_;
};

// The first instruction at which two traces are not the same.
struct InsnDifference {
  emu::Position position = 0;
  // Which of them have an instruction there.
  bool there[2] = {true, true};
};
// Both stand there afterwards. Only what both have is compared: from the later begin to the earlier end; where one ends
// before the other that is the difference. Throws TraceError.
std::optional<InsnDifference> first_difference(InsnTrace& a, InsnTrace& b);

// A register's name: "AX", "PC", "X0.lo".
std::string insn_register_name(isa::Isa isa, uint8_t number);

}  // namespace deferscope::traces
