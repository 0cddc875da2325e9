// One instruction in a small world: two pages of data, of which the second may be missing or read-only. Run by our
// evaluator and by Unicorn, then compared.
#pragma once
#include <unicorn/unicorn.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <random>
#include <string>

#include "isa/arm64/lift.h"
#include "isa/arm64/table.h"
#include "isa/evaluate.h"
#include "isa/fp_env.h"

namespace deferscope::isa::arm64::test {

// The data lie where a literal load reaches them.
inline constexpr uint64_t kCode = 0x4000'0000, kCodeSize = 512 << 10;
inline constexpr uint64_t kData = kCode + (600 << 10), kPage = 4096;
enum class SecondPage : uint8_t { Writable, ReadOnly, Missing };

// What an instruction is given and what it leaves.
struct World {
  CpuState state;
  std::array<uint8_t, 2 * kPage> data{};
  SecondPage second = SecondPage::Writable;
  std::string end = "next";  // how it ended: next, syscall, page read, page write, breakpoint, undefined, …
  uint64_t fault_address = 0;
  bool faulted() const { return end == "page read" || end == "page write"; }
};

void run_ours(uint32_t word, World& w);

class UnicornMachine {
 public:
  UnicornMachine();
  ~UnicornMachine();
  UnicornMachine(const UnicornMachine&) = delete;
  UnicornMachine& operator=(const UnicornMachine&) = delete;
  // Places the word at the next unused code address, which it returns.
  uint64_t place(uint32_t word);
  uint64_t next();  // where place() will put it
  // Runs one instruction at w.state.pc.
  void run(World& w);

 private:
  void open();
  static void on_interrupt(uc_engine*, uint32_t number, void* self);
  void prepare_second_page(SecondPage second);
  void write_registers(const CpuState& s);
  void read_registers(CpuState& s);
  uc_engine* uc_ = nullptr;
  uint64_t next_ = kCode;
  SecondPage second_ = SecondPage::Writable;
  uint32_t interrupt_ = 0;
};

// Whether registers, flags and memory are as they were (pc too).
bool untouched(const World& before, const World& after);

// The states before and after side by side, `*` where ours and theirs differ; empty if they agree.
std::string difference(const World& before, const World& ours, const World& theirs);

// A random word of a row, and a random world.
uint32_t random_word(const Row& row, std::mt19937_64& rng);
World random_world(std::mt19937_64& rng);

}  // namespace deferscope::isa::arm64::test
