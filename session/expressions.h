// What can be asked for by an expression: numbers, registers, memory, variables and their parts, and what is computed
// from them (its grammar stands in expressions.cpp). Everything speaks of the focus and throws Error.
#pragma once
#include <optional>
#include <string>
#include <utility>

#include "session/focus.h"
#include "session/values.h"
#include "session/variables.h"

namespace deferscope::session {

class Expressions {
 public:
  Expressions(const Reader& reader, const Focus& focus) : reader_(reader), focus_(focus) {}

  Value value_of(const std::string& expression) const;
  uint64_t evaluate(const std::string& expression) const;  // as a number
  uint64_t address(const std::string& expression) const;   // of "$sp+8", of a pointer: its value; else where it lies
  // What a variable, "*ADDRESS", "*(*TYPE)(ADDRESS)" or "ADDRESS" occupies: the address and how many bytes.
  std::pair<uint64_t, uint64_t> memory_place(const std::string& expression) const;
  // "$sp", "SP", "R14", "rax", "lr": the register, or nothing.
  std::optional<isa::Reg> register_named(std::string name) const;
  // Throws for a register that is not kept while the one in focus is parked.
  uint64_t register_value(isa::Reg r) const;

 private:
  const Reader& reader_;
  const Focus& focus_;
};

}  // namespace deferscope::session
