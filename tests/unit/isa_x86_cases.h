// Random cases of a form (isa_x86_host.h): an instruction's bytes, the state before it, and operands in the scratch
// memory, at its edges, and out of it.
#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "isa_x86_native.h"

namespace deferscope::isa::test {

struct Random {
  uint64_t s;
  uint64_t next() {
    uint64_t z = (s += 0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
  }
  unsigned below(unsigned n) { return static_cast<unsigned>(next() % n); }
  bool one_in(unsigned n) { return below(n) == 0; }
};

template <class T, size_t n>
T pick(Random& r, const T (&from)[n]) {
  return from[r.below(n)];
}

CpuState random_state(Random& r);

// What a form's encoding says.
struct Parsed {
  std::vector<uint8_t> prefixes, opcode;
  char size = 0;  // v q W b
  bool modrm = false, memory_only = false, register_only = false, plus_r = false, lock = false;
  int digit = -1;
  std::vector<std::string> immediates, words;
  // VEX: 'any' where the form leaves it to chance
  static constexpr int kAny = -1;
  struct Vex {
    bool used = false;
    int length = 0, w = 0;  // 0 128 bits, 1 256
    uint8_t prefix = 0, map = 1;
  } vex;

  bool has(const char* word) const;
};
Parsed parse(const char* text);

struct Case {
  CpuState state;
  std::vector<uint8_t> code;
  uint64_t operand = 0;  // address of the memory operand
  bool memory = false;
  unsigned count = 1000;  // shifts: the count as given
  unsigned bytes = 4;     // operand size
  uint8_t digit = 0, rm = 0;
  Level level = Level::v2;
};
// A random case; its operands are written to both sides' memory.
Case make_case(const Parsed& p, Random& r, ScratchBus& bus);

}  // namespace deferscope::isa::test
