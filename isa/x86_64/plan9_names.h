// What Go's x86 syntax calls things: mnemonics where it and Zydis differ, and which mnemonics carry a size suffix. One
// row a fact, one table a question; each is laid out once, at start-up, as an array indexed by Zydis's mnemonic.
#pragma once
#include <Zydis/Zydis.h>

#include <string_view>

namespace deferscope::isa::x86_64 {

// In a name, %0 and %1 stand for the size letter (B W L Q) of the first and second operand in Intel's order.
struct MnemonicFacts {
  std::string_view name;      // what objdump prints, size suffix not included
  std::string_view asm_name;  // what Go's assembler calls it, where that is another word; else empty
  bool sized = false;         // the size suffix follows the name
};

const MnemonicFacts& facts_of(ZydisMnemonic mnemonic);

}  // namespace deferscope::isa::x86_64
