// The text of one instruction: the one text library that every verb of deferscope prints with.
//
// Two syntaxes. *Go* is the Plan 9 form that `go tool objdump` of Go 1.27 prints (operands reversed, `MOVQ 0x8(SP),
// AX`, targets named when they are the start of a symbol). *GNU* is what `go tool objdump -gnu` prints beside it: AT&T
// syntax for x86-64, the Arm ARM's for arm64.
//
// Functions here are pure: bytes, an address and a symbol source in, text out; nothing is kept between calls, any
// number of threads may call them. They never fail: bytes that are no instruction come back as `?` with the size a
// disassembler steps over them (1 byte on x86-64, 4 on arm64) and `known == false`. No byte outside `code` is read.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "isa/state.h"

namespace deferscope::isa {

// A symbol that covers an address. An empty name means that none does.
struct SymbolAt {
  std::string_view name;
  std::uint64_t base = 0;  // the symbol's first address
};

// Who names addresses. The default names nothing, so targets are printed as numbers.
class Symbols {
 public:
  virtual ~Symbols() = default;
  // The symbol with base <= addr < base + size. The name must outlive the call that asked.
  virtual SymbolAt at(std::uint64_t) const { return {}; }
};

struct TextOptions {
  // Print exactly what `go tool objdump` of Go 1.27.4 prints, its gaps and its slips included. Without it:
  //  - what objdump prints as `?` though it is an instruction is decoded, in the spelling of Go's assembler
  //    (arm64: LSE atomics, …; x86-64: SHA, BMI forms, ENDBR64, …);
  //  - x86-64: an AVX operand relative to the instruction pointer is symbolised like any other (objdump forgets the
  //    base register).
  bool objdump_compat = false;
  // The mnemonics that Go's assembler accepts and `go tool compile -S` prints (JLS, SETEQ, MOVBLZX) in place of the
  // decoder's own.
  bool asm_names = false;
};

struct TextSize {
  std::uint32_t size = 0;  // bytes of the instruction
  bool known = false;      // false: the text is `?`
};

// Appends the Go syntax of the instruction at the start of `code` to `out`. `pc` is its address. `code` must not be
// empty.
TextSize append_go(Isa isa, std::span<const std::uint8_t> code, std::uint64_t pc, const Symbols& symbols,
                   const TextOptions& options, std::string& out);

// The same in GNU syntax. Branch targets are absolute addresses on x86-64, distances on arm64. What objdump does not
// know is printed as Zydis prints it on x86-64, and in the same form on arm64.
TextSize append_gnu(Isa isa, std::span<const std::uint8_t> code, std::uint64_t pc, std::string& out,
                    const TextOptions& options = {});

}  // namespace deferscope::isa
