// The wording of every canonical micro-op, with the values that its operands hold: the vocabulary of explanations.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "traces/prediction.h"

namespace deferscope::traces {

class OpWords {
 public:
  OpWords(isa::Isa isa, const Namer& names) : isa_(isa), names_(names) {}

  // What an op is about to do, told from the registers before it.
  struct Spoken {
    Expr how, how2;                        // of dst (or the stored value) and dst2
    bool integer_result = false;           // dst, dst2 are registers that get how, how2
    bool vector_result = false;            // the same for vectors
    std::vector<isa::Reg> more_registers;  // fixed registers that the op changes too; how2
    bool writes = false;                   // memory at `address`
    uint64_t address = 0;
    unsigned bytes = 0;
    std::string place;  // "[SP+8]"
    std::string note;   // a clause of its own: compare, or what is neither register nor memory
    bool compare = false;
  };
  Spoken say(const isa::Uop& u, const isa::CpuState& s) const;

  // A branch's condition with what decides it now: "below or equal (CF = 0, ZF = 0)".
  std::string condition(const isa::Uop& u, const isa::CpuState& s) const;
  // A register or temporary as text.
  std::string operand(isa::Reg r, const isa::CpuState& s) const;

  void name_temp(isa::Reg r, Expr e) { temps_[r] = std::move(e); }
  void name_vector_temp(isa::VReg v, Expr e) { vector_temps_[v] = std::move(e); }

 private:
  Expr expr(isa::Reg r) const;
  Expr vexpr(isa::VReg v) const;
  Expr rhs(const isa::Uop& u) const;
  Expr added(Expr a, const Expr& b, int sign) const;
  std::string memory_place(const isa::Mem& m) const;
  uint64_t address(const isa::Mem& m, const isa::CpuState& s) const;
  Expr loaded(const isa::Uop& u, uint64_t more = 0) const;
  void arithmetic(const isa::Uop& u, const isa::CpuState& s, Spoken& out) const;
  void wide(const isa::Uop& u, Spoken& out) const;
  void lea(const isa::Uop& u, Spoken& out) const;
  void bits(const isa::Uop& u, Spoken& out) const;
  void select(const isa::Uop& u, const isa::CpuState& s, Spoken& out) const;
  void memory(const isa::Uop& u, const isa::CpuState& s, Spoken& out) const;
  void masked(const isa::Uop& u, const isa::CpuState& s, Spoken& out) const;
  void area(const isa::Uop& u, const isa::CpuState& s, Spoken& out) const;
  void strings(const isa::Uop& u, const isa::CpuState& s, Spoken& out) const;
  void machine(const isa::Uop& u, const isa::CpuState& s, Spoken& out) const;
  void vectors(const isa::Uop& u, Spoken& out) const;
  std::string comparison(const isa::Uop& u, const isa::CpuState& s) const;

  isa::Isa isa_;
  const Namer& names_;
  std::map<isa::Reg, Expr> temps_;
  std::map<isa::VReg, Expr> vector_temps_;
};

const char* say_condition(isa::Cond c);  // "below or equal"

}  // namespace deferscope::traces
