// Instructions against the host's processor: a table of forms, random cases of each, every case run natively and by
// lift + evaluate from the same state; both ends compared, memory and faults included.
//
// A form is a line of tokens, in the order of the bytes:
//   66 F2 F3 … first: mandatory prefixes; then opcode bytes in hex
//   v      operand size 16, 32 or 64 at random       q   32 or 64          W   always REX.W
//   b      byte registers: with or without REX, so AH…BH occur
//   /r /0…/7  ModRM: register or memory at random    m   only memory       r   only registers
//   +r     register in the last opcode byte          i0 ib iw id iz iq     immediates (i0: a zero)
//   lock   with LOCK prefix (only memory)            rel8 rel32   jump distance within the code page
// and what the case needs:
//   stack  RSP in the scratch area                   str  RSI, RDI in the scratch area, RCX small
//   bit    bit offset in a register stays near       cmpx the accumulator often equals the operand
//   rbx rdi  that register in the scratch area       go   a jump target in registers and memory
//   popf mxcsr  memory holds a harmless EFLAGS/MXCSR div  RDX often small
//   len    RAX and RDX often near a vector's length   daz  PE under DAZ is not compared
//   frame  RBP in the scratch area                    either  of two faults either may be reported
//   below  memory may differ after a fault
//   shift shiftd  flags defined by the count         estimate  results within 1.5·2^-12, not equal
//   intel the manuals leave it open: compared on Intel's processors only
//   nans  which of several NaNs a lane keeps differs by processor: compared on Intel's only
#pragma once
#include <cstdint>
#include <span>

namespace deferscope::isa::test {

struct Form {
  const char* name;
  const char* encoding;
  uint32_t undefined = 0;  // flags that the manuals leave undefined
};

// Runs the cases of all forms and reports differences as test failures. DEFERSCOPE_CASES sets the cases a form, default
// 1000; DEFERSCOPE_SEED the seed.
void check_against_host(std::span<const Form> forms);

// Random byte strings: those that the lift takes for an instruction run on the host too (100 times the cases of a
// form).
void check_random_bytes();

}  // namespace deferscope::isa::test
