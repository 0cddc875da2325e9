// What the parts of the GNU printer (gnu.cpp, gnu_prefixes.cpp, gnu_names.cpp) share: questions to an operand, and the
// operands that are printed.
#pragma once
#include "isa/x86_64/text_insn.h"

namespace deferscope::isa::x86_64::gnu {

template <class... M>
constexpr bool any_of(ZydisMnemonic m, M... names) {
  return ((m == names) || ...);
}

inline bool is_memory(const ZydisDecodedOperand& o) { return o.type == ZYDIS_OPERAND_TYPE_MEMORY; }
inline bool is_register(const ZydisDecodedOperand& o) { return o.type == ZYDIS_OPERAND_TYPE_REGISTER; }
inline bool in_class(const ZydisDecodedOperand& o, ZydisRegisterClass c) {
  return is_register(o) && ZydisRegisterGetClass(o.reg.value) == c;
}
inline bool is_far(const ZydisDecodedInstruction& z) { return z.meta.branch_type == ZYDIS_BRANCH_TYPE_FAR; }

// The operands in Intel's order, as objdump's decoder lists them.
struct Operands {
  const ZydisDecodedOperand* list[ZYDIS_MAX_OPERAND_COUNT];
  int count = 0;
  void add(const ZydisDecodedOperand& o) { list[count++] = &o; }
  bool first_is_memory() const { return count && is_memory(*list[0]); }
};
Operands operands_of(const Insn& in);

}  // namespace deferscope::isa::x86_64::gnu
