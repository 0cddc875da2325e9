// .eh_frame: how each instruction of C code finds its caller's registers (Linux Standard Base Core, "Exception Frames";
// DWARF 5, 6.4, Call Frame Information). Addresses are relocated, as the image's are.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "loader/bytes.h"

namespace deferscope::loader {

// Where a caller's register is. Registers have DWARF's numbers of the instruction set.
struct SavedRegister {
  enum Kind : uint8_t {
    same,       // unchanged, or nobody says
    undefined,  // lost; of the return address: there is no caller
    at_cfa,     // in memory at CFA + value
    is_cfa,     // CFA + value itself
    other,      // in register `value`
    unknown     // by an expression, which is not evaluated
  } kind = same;
  int64_t value = 0;
};

struct FrameRow {
  static constexpr unsigned kRegisters = 33;  // arm64: X0 to X30, SP; x86-64: 16 and the return address
  unsigned cfa_register = 0;                  // the caller's SP is this register's value …
  int64_t cfa_offset = 0;                     // … plus this
  bool cfa_known = false;                     // false: by an expression
  unsigned return_register = 0;
  bool signal = false;  // the frame of a signal handler: the caller's pc was interrupted, it did not call
  std::array<SavedRegister, kRegisters> registers;
};

class EhFrame {
 public:
  EhFrame() = default;
  // `section` lies at `address` and must outlive this. Damaged entries are left out.
  EhFrame(Bytes section, uint64_t address);

  // Nothing: no entry covers pc, or what it says makes no sense.
  std::optional<FrameRow> at(uint64_t pc) const;
  size_t size() const { return entries_.size(); }

 private:
  struct Common {
    uint64_t code_align = 1;
    int64_t data_align = 1;
    unsigned return_register = 0;
    uint8_t encoding = 0;
    bool augmented = false, signal = false;
    Bytes program;
  };
  struct Entry {
    uint64_t begin, end;
    size_t common;
    Bytes program;
  };
  std::optional<size_t> common_at(uint64_t offset);
  void read_entry(uint64_t at, uint64_t end, uint64_t common_offset);
  std::optional<uint64_t> pointer(uint64_t* at, uint8_t encoding) const;

  Bytes section_;
  uint64_t address_ = 0;
  std::vector<Common> commons_;
  std::vector<std::pair<uint64_t, std::optional<size_t>>> known_;  // by offset: which of commons_
  std::vector<Entry> entries_;                                     // by address
};

}  // namespace deferscope::loader
