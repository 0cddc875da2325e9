// `--selfcheck`: whatever the engine executes is executed a second time by the reference evaluator, on a copy of what
// it started from, and compared: registers, and each page that either stored to.
#pragma once
#include <unordered_set>

#include "emu/machine.h"

namespace deferscope::emu {

class SelfCheck final : public Witness {
 public:
  explicit SelfCheck(const isa::CpuModel& model) : model_(model) {}
  static constexpr Position kLongest = 2000;  // instructions at once: host code runs only where a block fits

 private:
  void resumes(const MachineState& state) override;
  // Throws Error: where, what, and both values.
  void pauses(const MachineState& state, bool faulted) override;
  void reached(uint64_t, const uint8_t*) override {}
  void stored(uint64_t address, const uint8_t*, uint64_t n) override;
  void replaced(uint64_t, uint64_t) override {}

  void evaluate(const MachineState& state, bool faulted);
  void compare(const MachineState& state) const;
  [[noreturn]] void differ(const MachineState& state, const std::string& what, uint64_t engine,
                           uint64_t evaluator) const;

  const isa::CpuModel& model_;
  bool executing_ = false;
  Position began_ = 0;
  isa::CpuState cpu_;
  uint64_t pc_ = 0;
  Memory memory_;
  std::unordered_set<uint64_t> pages_;
};

}  // namespace deferscope::emu
