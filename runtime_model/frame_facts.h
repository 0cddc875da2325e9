// Private to the roles: what the code and DWARF alone say of a function's frame, whatever runs; found once a function.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "loader/dwarf.h"
#include "runtime_model/kept.h"
#include "runtime_model/program.h"

namespace deferscope::model {

class FrameFacts {
 public:
  explicit FrameFacts(const Program& program) : p_(program) {}
  FrameFacts(const FrameFacts&) = delete;
  const Program& program() const { return p_; }

  // Behind the instruction of the prologue that stores the caller's frame pointer; 0: none does.
  uint64_t saves_frame_pointer(const Function& f);
  // Where the function has the records that it gives to deferprocStack: distances from SP.
  const std::vector<int64_t>& stack_records(const Function& f);
  // The most bytes that a function that it calls has for arguments and results.
  uint64_t space_for_calls(const Function& f);
  // Its variables, those of the functions inlined into it too; nullptr: not known. Throws loader::Error if DWARF is
  // damaged.
  const loader::FunctionInfo* variables(const Function& f);
  // Where its own variables are in the frame behind one of its calls, in order of the calls.
  struct Place {
    const loader::Variable* variable;
    int64_t from_caller_sp;
  };
  const std::vector<Place>& places(const Function& f);
  // Words in which the function keeps one register for a while: all that is stored there is its, and it is loaded
  // again. In order of address.
  struct Spill {
    int64_t from_caller_sp;
    std::string reg;  // "AX", "X0", "V3"
  };
  const std::vector<Spill>& spills(const Function& f);

 private:
  struct Facts {
    std::optional<uint64_t> saves_frame_pointer, space_for_calls;
    std::optional<std::vector<int64_t>> stack_records;
    std::optional<std::vector<Place>> places;
    std::optional<std::vector<Spill>> spills;
    bool has_variables = false;
    std::optional<loader::FunctionInfo> variables;
  };
  Facts& of(const Function& f) { return *kept_.of(&f).first; }
  uint64_t find_frame_pointer(const Function& f) const;
  std::vector<int64_t> find_stack_records(const Function& f) const;
  uint64_t find_space(const Function& f) const;
  std::vector<Place> find_places(const Function& f);
  std::vector<Spill> find_spills(const Function& f) const;

  const Program& p_;
  Kept<Facts> kept_;
};

// As Go's assembler names it: "AX", "R7", "LR".
std::string register_name(isa::Reg r, bool amd64);

}  // namespace deferscope::model
