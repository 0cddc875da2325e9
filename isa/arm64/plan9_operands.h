// Operands of arm64 instructions as Go's assembler writes them. A row of plan9_table.inc names its operands in the
// order in which they are printed; each name is one function here.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "isa/text/text.h"

namespace deferscope::isa::arm64 {

// The instruction word with what its operands need to be printed.
struct Word {
  std::uint32_t x;
  std::uint64_t pc;
  const Symbols* symbols;

  std::uint32_t bits(int high, int low) const { return x >> low & ((1u << (high - low + 1)) - 1); }
  std::uint32_t bit(int n) const { return x >> n & 1; }
  std::int64_t sbits(int high, int low) const {
    const int n = high - low + 1;
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(bits(high, low)) << (64 - n)) >> (64 - n);
  }
};

// One operand of a row, resolved from its name once.
struct Operand {
  // Appends the text; false: the word is a reserved encoding, so the row does not match.
  bool (*put)(const Word& w, const Operand& o, std::string& out) = nullptr;
  std::uint8_t low = 0;   // lowest bit of the register field
  std::uint8_t rule = 0;  // arrangement rule, register count or width, as `put` understands it
  std::uint8_t count = 0;
  bool keep_case = false;  // in the GNU form, which is else all small letters
};

// ---- fields that the Go and the GNU form both read

int highest_bit(std::uint32_t v);  // -1 for 0
int lowest_bit(std::uint32_t v);

// "B16", "S4", … by the rule a row names; empty: a reserved combination.
std::string_view arrangement(std::uint8_t rule, const Word& w);

struct Lane {
  char size;  // B H S D
  std::uint32_t index;
};
// The lane that LDn and STn (single structure) move: the size is in opcode<2:1> and size, the index in Q:S:size.
std::optional<Lane> lane_of_list(const Word& w);

// What an access to `count` structures adds to its base: whole registers, lanes, one element to all lanes.
std::uint32_t bytes_of_registers(const Word& w, std::uint32_t count);
std::uint32_t bytes_of_lanes(const Word& w, std::uint32_t count);
std::uint32_t bytes_of_replicated(const Word& w, std::uint32_t count);

std::optional<std::uint64_t> bitmask_immediate(const Word& w);  // of AND, ORR, …; nothing: reserved
bool bitmask_of_ones(const Word& w);                            // reserved, though objdump computes a value
std::uint32_t abcdefgh(const Word& w);                          // the 8-bit immediate of vector instructions
double float8(std::uint32_t imm8);                              // VFPExpandImm
std::uint64_t byte_mask(std::uint32_t imm8);                    // each bit a byte of ones

// A cache or TLB maintenance operation. `bare`: takes no register.
struct SystemOp {
  std::uint8_t op1, crn, crm, op2;
  std::string_view name;
  bool bare = false;
};
const SystemOp* find_system_op(const Word& w, std::uint32_t crn);  // nullptr: none, or a stray register

// ---- rows

// Throws std::logic_error for a name that does not exist: a slip in the table.
Operand operand_named(std::string_view name);

// The words that rows test beyond their fixed bits ("?move_wide"); nullptr for an unknown name.
using Condition = bool (*)(const Word&);
Condition condition_named(std::string_view name);

// EQ, NE, HS, LO, … ; in branches CS and CC keep their architectural names.
std::string_view condition_code(std::uint32_t code, bool branch);

}  // namespace deferscope::isa::arm64
