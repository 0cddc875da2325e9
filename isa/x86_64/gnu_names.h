// The mnemonics of the GNU (AT&T) syntax: names, size suffixes, predicates.
#pragma once
#include <string>

#include "isa/x86_64/gnu_prefixes.h"

namespace deferscope::isa::x86_64::gnu {

bool is_vector(const ZydisDecodedOperand& o);  // XMM, YMM, ZMM

// The whole mnemonic. A suffix may imply a prefix ("callw"), a predicate take the last operand ("cmplesd").
std::string mnemonic(const Insn& in, Operands& args, Prefixes& p);

}  // namespace deferscope::isa::x86_64::gnu
