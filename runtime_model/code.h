// Reading a function's instructions without running them: calls, returns, stores to the frame, reads through the
// context register, addresses of globals. Everything comes from the canonical micro-ops, so both instruction sets are
// read in the same way.
#pragma once
#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "isa/uop.h"
#include "loader/image.h"

namespace deferscope::model {

struct Shape;

// What a straight run says of the registers: constants, and addresses in the frame (distances from SP).
struct Registers {
  std::array<std::optional<uint64_t>, isa::kRegs> constant;
  std::array<std::optional<int64_t>, isa::kRegs> from_sp;
};

// One instruction at hand, with what is known of the registers before it.
struct Insn {
  uint64_t pc = 0;
  unsigned size = 0;  // bytes
  const isa::Lifted* in = nullptr;
  const Registers* known = nullptr;
  bool x86 = true;
  bool joined = false;  // a jump of the range leads here: nothing is known of the registers
  uint64_t next() const { return pc + size; }
};

// Calls `visit` for each instruction in [begin, end) in order of address; false ends it. Bytes that do not decode are
// stepped over. Never throws for what the file holds.
void each_instruction(const loader::Image& image, uint64_t begin, uint64_t end,
                      const std::function<bool(const Insn&)>& visit);

struct Call {
  uint64_t pc = 0, next = 0;
  uint64_t target = 0;  // 0: through a register or memory
};

std::optional<Call> as_call(const Insn& i);
bool is_return(const Insn& i);
// A jump that always goes to one place; nothing for conditional and indirect ones.
std::optional<uint64_t> as_jump(const Insn& i);
// Where a jump leads, conditional or not; nothing for calls, returns and indirect ones.
std::optional<uint64_t> jump_target(const Insn& i);
// An indirect jump that is neither call nor return: the tail of jmpdefer.
bool is_indirect_jump(const Insn& i);

// A store of `width` bytes to SP + offset.
struct FrameStore {
  int64_t offset = 0;
  bool constant = false;
  uint64_t value = 0;          // if constant
  isa::Reg from = isa::kZero;  // otherwise the register that is stored
};
// The instruction's stores of that width: none, one, or a pair.
std::vector<FrameStore> frame_stores(const Insn& i, unsigned width);
// Where in the frame the instruction stores anything, of whatever width: distances from SP.
std::vector<int64_t> frame_stored(const Insn& i);
// The address of the variable of that width that the instruction reads, where the code says it.
std::optional<uint64_t> global_read(const loader::Image& image, const Insn& i, unsigned width);
// True if execution may come from elsewhere or go elsewhere here: a jump, call or return.
bool is_control(const Insn& i);

// Words that a closure reads through its context register: (offset, bytes) in order of offset. `complete` is false
// where the register is kept beyond what a straight reading of the entry sees.
struct ContextWords {
  struct Word {
    uint32_t offset = 0, size = 0;
    bool address = false;        // LEA: the word's address is taken (captured by value and kept in the closure)
    isa::Reg into = isa::kZero;  // where the word, or its address, goes
    uint64_t next = 0;           // pc behind that instruction
    // Of the captured variable, where DWARF says it. Name "&x": the word is its address; type: of all of it, nullptr
    // for its later words.
    std::string name;
    const Shape* type = nullptr;
  };
  std::vector<Word> words;
  bool complete = true;
};
ContextWords context_words(const loader::Image& image, uint64_t begin, uint64_t end, isa::Reg context);

// Displacements from the thread pointer (x86: FS) that the code uses for words, where they are known, without repeats.
std::vector<int64_t> thread_pointer_offsets(const loader::Image& image, uint64_t begin, uint64_t end);

// What `reg` holds, where it is known, at the first load of a word into `loaded`.
std::optional<uint64_t> constant_at_load(const loader::Image& image, uint64_t begin, uint64_t end, isa::Reg loaded,
                                         isa::Reg reg);

// Where the code first stores `reg`, from SP.
std::optional<int64_t> saved_at(const loader::Image& image, uint64_t begin, uint64_t end, isa::Reg reg);

// Addresses of data that the code loads from, stores to or takes, in order of appearance, without repeats.
std::vector<uint64_t> global_addresses(const loader::Image& image, uint64_t begin, uint64_t end);

}  // namespace deferscope::model
