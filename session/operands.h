// What instructions name by address: the variables of a function that lie on its frame, in operands based on SP; data
// that an arm64 instruction reaches in two steps (ADRP and its second half). From DWARF, symbols and the code alone:
// nothing of the moment.
#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "loader/dwarf.h"
#include "session/reader.h"

namespace deferscope::session {

class Operands {
 public:
  Operands(const Reader& reader, const model::Function* function);
  // "t", "b+8", "main.f.func1·f(SB)"; empty if there is nothing to say. A variable is named only where its location
  // holds at that instruction (what the instruction writes: behind it).
  std::string of(uint64_t pc) const;

 private:
  std::string variable(uint64_t pc, int64_t disp, bool written, uint64_t next) const;
  std::string variable_at(uint64_t pc, uint64_t at_pc, int64_t disp) const;
  std::string second_half(uint64_t pc, const isa::Lifted& in) const;

  const Reader& reader_;
  const model::Function* function_;
  std::optional<loader::FunctionInfo> info_;
};

}  // namespace deferscope::session
