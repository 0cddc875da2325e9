// The machine beside us as the oracle: scratch memory that both sides see, and one instruction run natively in it.
#pragma once
#include <cstdint>
#include <vector>

#include "isa/evaluate.h"

namespace deferscope::isa::test {

// Scratch memory, below 2 GiB so that 32-bit addresses reach it
//   code  RWX, filled with INT3        8 KiB
//   hole  nothing                      4 KiB
//   data  RW RW, then read-only, hole  4 × 4 KiB
constexpr uint64_t kPage = 4096, kCodeBytes = 2 * kPage, kData = kCodeBytes + kPage, kReadOnly = kData + 2 * kPage,
                   kEnd = kReadOnly + kPage, kAll = kEnd + kPage;

struct Scratch {
  uint8_t* base;
  uint64_t address(uint64_t offset) const { return reinterpret_cast<uint64_t>(base) + offset; }
};
const Scratch& scratch();

constexpr uint64_t kGsBaseValue = 0x12340;

// In: the state to start from. Out: that after one signal, which ends the guest's instruction.
struct Native {
  CpuState state;
  int signal = 0;
  uint64_t fault_address = 0;
  bool general_protection = false;
};

// Whether states have upper halves of YMM.
bool host_has_avx();
// Takes the signals and sets GS; once, before run_native.
void install();
void run_native(Native& n);

// The emulated side's copy of the scratch memory, with the same permissions.
class ScratchBus : public Bus {
 public:
  std::vector<uint8_t> bytes = std::vector<uint8_t>(kAll, 0);
  bool read(uint64_t a, void* out, unsigned n) override;
  bool write(uint64_t a, const void* in, unsigned n) override;
  bool check_write(uint64_t a, unsigned n) override { return reachable(a, n, kReadOnly); }

 private:
  bool reachable(uint64_t a, unsigned n, uint64_t end);
};

}  // namespace deferscope::isa::test
