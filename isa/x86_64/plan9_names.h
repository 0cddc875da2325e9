// What Go's x86 syntax calls things: mnemonics where it and Zydis differ and which mnemonics carry a size
// suffix. One row a fact, one table a question; each is laid out
// once, at start-up, as an array indexed by Zydis's mnemonic.
#pragma once
#include <Zydis/Zydis.h>

#include <string_view>

namespace deferscope::isa::x86_64 {

struct MnemonicFacts {
  std::string_view name;      // what objdump prints, suffix not included
  std::string_view asm_name;  // what Go's assembler calls it, where that is another word; else empty
  bool sized = false;         // takes B, W, L, Q
};

const MnemonicFacts& facts_of(ZydisMnemonic mnemonic);

}  // namespace deferscope::isa::x86_64
