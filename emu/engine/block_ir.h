// A straight run of guest code as one list, made once by the translator (translator.h) and turned into something that
// runs by a backend (slots/, host/): canonical micro-ops of which nobody needs a flag that is dead, and between them
// what is not the guest's: hooks, marks, observers.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "isa/uop.h"

namespace deferscope::emu {

// What a compare and the branch on it ask of a - b.
enum Relation : uint8_t { EQ, NE, ULT, UGE, ULE, UGT, SLT, SGE, SLE, SGT, NEG, POS, kNoRelation };

struct IrItem {
  enum Kind : uint8_t {
    Op,             // `op`
    Hook,           // the stop before the block's first instruction; always the first item
    Mark,           // tell of a mark (`value`: its tag)
    Observe,        // show `value` instructions, this one and those that certainly follow
    ObserveAccess,  // show the access that `op` is about to make: `value` bytes; 0: the state decides what it touches
    HostCall,       // the address is the system's own
    BadFetch,       // no instruction that could be executed stands here: `fault`, `value` bytes before the missing one
    Fall,           // on to the block behind; `value`: by way of the engine, which looks at MXCSR
  };
  // Items that are one thing to the machine: the first carries the pattern and how many there are. No item that is not
  // an Op stands between.
  enum Pattern : uint8_t {
    Alone,
    Call,           // x86-64: Store [rsp-8] ← next, Lea rsp, Jump or JumpReg
    Return,         // x86-64: Load [rsp], Lea rsp, JumpReg
    Link,           // arm64 BL: Mov x30 ← next, Jump
    CompareBranch,  // Sub or And without a destination, JumpCond that `relation` answers
  };

  Kind kind = Op;
  Pattern pattern = Alone;
  uint8_t covers = 1;  // items of the pattern
  Relation relation = kNoRelation;
  uint16_t offset = 0;  // of its instruction from the block's pc
  uint8_t index = 0;    // of its instruction in the block
  uint8_t length = 0;   // of its instruction, bytes
  bool first = false;   // of its instruction's
  bool write = false;   // ObserveAccess
  isa::Fault fault = isa::Fault::None;
  uint64_t value = 0;
  // Op: flags == None where nobody can see what it writes there. Op and ObserveAccess may end the run here
  // (isa::traits().faults()): then all before is done and nothing behind is.
  isa::Uop op;
};

struct BlockIr {
  isa::Isa isa{};
  uint64_t pc = 0;
  uint32_t count = 0;  // instructions
  uint32_t bytes = 0;  // of guest code
  uint32_t span = 1;   // bytes from pc on that it depends on; with the missing one of a bad fetch
  bool hooked = false;
  bool observed = false;  // `offsets` are wanted when it runs
  std::vector<IrItem> items;
  std::vector<uint16_t> offsets;  // of the instructions from pc

  uint64_t end() const { return pc + bytes; }
  bool arm() const { return isa == isa::Isa::arm64; }
};

// Finds the patterns (patterns.cpp).
void find_patterns(BlockIr& ir);
// What condition `c` asks of the operands of the subtraction before it.
Relation relation_of(isa::Cond c, bool arm);

}  // namespace deferscope::emu
