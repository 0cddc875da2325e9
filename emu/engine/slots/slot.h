// One dispatch of the interpreter. 32 bytes, two a cache line: a place holds what its handler calls it by, so places
// have several names.
#pragma once
#include <cstdint>

#include "isa/uop.h"

namespace deferscope::emu {

struct alignas(32) Slot {
  const void* handler;  // a label of the interpreter
  union {
    isa::Reg dst;  // register or vector written
    isa::Reg src;  // stored, or compared with memory
  };
  union {
    isa::Reg a;
    isa::Reg base;
  };
  union {
    isa::Reg b;
    isa::Reg index;  // of the address
    isa::Reg base2;  // of the pair's second address, or the register to which an amount is added
    uint8_t bit;     // tested in the byte that was loaded
  };
  union {
    uint8_t aux = 0;
    uint8_t shift;   // of `index`
    isa::Reg dst2;   // of pairs
    isa::Reg src2;   // of pairs
    isa::Reg c;      // the addend
    uint8_t lsb;     // of a bit field; of Sbfx: how far it is shifted left
    uint8_t cond;    // isa::Cond
    uint8_t kind;    // isa::FlagKind that a compare leaves
    uint8_t number;  // of the bit tested
    uint8_t form;    // BSF, BSR; which bit operation
    uint8_t length;  // of the instruction, bytes
    uint8_t fault;   // isa::Fault of a bad fetch
    bool write;      // the access that is shown
  };
  uint16_t offset;  // of the instruction that this slot belongs to, from the block's pc
  uint8_t order;    // its number in the block
  union {
    uint8_t width;       // bytes
    isa::Reg operand;    // the other operand of an operation with memory
    isa::Reg target;     // where a fused return goes
    bool memory_first;   // of a compare with memory
    uint8_t flags_kind;  // isa::FlagKind, where `kind`'s place is taken
  };
  union {
    int64_t imm = 0;
    int64_t disp;
    int64_t mask;
    int64_t right;       // of Sbfx: how far it is shifted right
    int64_t with_flags;  // of wide products
    int64_t ahead;       // bytes before the missing one
  };
  union {
    int64_t imm2;
    int64_t disp2;    // of the pair's second address
    int64_t amount;   // added to a register beside
    int64_t value;    // stored
    int64_t taken;    // where a branch goes
    int64_t flagged;  // an operation with memory leaves flags
    int64_t swapped;  // a compare has memory first
    const isa::Uop* uop;
    void (*vec)(isa::Vec&, const isa::Vec&, const isa::Vec&, uint64_t);
  };
};
static_assert(sizeof(Slot) == 32);

}  // namespace deferscope::emu
