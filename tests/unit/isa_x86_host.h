// Instructions against the host's processor: a table of forms, random cases of each, every case run natively and by
// lift + evaluate from the same state; both ends compared, memory and faults included.
//
// A form is a line of tokens, in the order of the bytes:
//   66 F2 F3 … first: mandatory prefixes; then opcode bytes in hex
//   v      operand size 16, 32 or 64 at random       q   32 or 64          W   always REX.W
//   b      byte registers: with or without REX, so AH…BH occur
//   /r /0…/7  ModRM: register or memory at random    m   only memory       r   only registers
//   +r     register in the last opcode byte          i0 ib iw id iz iq is4 immediates (i0: a zero; is4: a register)
//   vex.LENGTH.PREFIX.MAP.W  VEX with a second source at random: 128 256 any, np 66 f2 f3, 0f 0f38 0f3a, w0 w1 wany
//   lock   with LOCK prefix (only memory)            rel8 rel32   jump distance within the code page
// and what the case needs:
//   stack  RSP in the scratch area                   str  RSI, RDI in the scratch area, RCX small
//   bit    bit offset in a register stays near       cmpx the accumulator often equals the operand
//   rbx rdi  that register in the scratch area       go   a jump target in registers and memory
//   popf mxcsr  memory holds a harmless EFLAGS/MXCSR div  RDX often small
//   len    RAX and RDX often near a vector's length   daz  PE under DAZ is not compared
//   frame  RBP in the scratch area                    either  of two faults either may be reported
//   below  memory may differ after a fault            enters  AMD's processors enter MMX before the fault
//   two    VEX without the second source              vsib qidx  the operand is indexed by a vector, of quadwords
//   ulp    registers of the x87 may differ by one in the last place, and C1; bcd  memory holds decimal digits
//   ext    memory holds an 80-bit number             keepsc1  AMD's processors keep C1, Intel's clear it
//   traps  MXCSR leaves exceptions unmasked           unmasked  the x87's control word does
//   area   memory gets an image of FXSAVE, of which AMD's processors have one bit more
//   env env16 image  memory holds an environment of the x87, an image of FXSAVE or XSAVE    parts  EAX chooses parts
//   v3     is another instruction on older processors x87  the x87 has something in it
//   shift shiftd  flags defined by the count         estimate  results within 1.5·2^-12, not equal
//   intel the manuals leave it open: compared on Intel's processors only
//   nans  which of several NaNs a lane keeps differs by processor: compared on Intel's only
#pragma once
#include <cstdint>
#include <span>

#include "isa/isa.h"

namespace deferscope::isa::test {

struct Form {
  const char* name;
  const char* encoding;
  uint32_t undefined = 0;  // flags that the manuals leave undefined
};

// Runs the cases of all forms and reports differences as test failures. DEFERSCOPE_CASES sets the cases a form, default
// 1000; DEFERSCOPE_SEED the seed.
void check_against_host(std::span<const Form> forms, Level level = Level::v2);

// Random byte strings: those that the lift takes for an instruction run on the host too (100 times the cases of a
// form).
void check_random_bytes(Level level = Level::v2);

}  // namespace deferscope::isa::test
