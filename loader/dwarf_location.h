// Where a variable is at a pc: DWARF location expressions evaluated against a frame (DWARF 5 §2.5, §2.6).
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "loader/bytes.h"

namespace deferscope::loader {

// The machine as an expression sees it. DWARF register numbers: amd64 0 RAX, 1 RDX, 2 RCX, 3 RBX, 4 RSI, 5 RDI, 6 RBP,
// 7 RSP, 8–15 R8–R15, 17–32 XMM0–15; arm64 0–30 X0–X30, 31 SP, 64–95 V0–V31. A callback gives nothing (false) where it
// does not know.
struct FrameAccess {
  uint64_t cfa = 0;  // the caller's SP before its call (amd64: before the return address was pushed)
  std::function<std::optional<uint64_t>(unsigned dwarf_register)> reg;
  std::function<bool(uint64_t address, std::span<uint8_t> out)> read;
};

// Part of a variable. A Go string in registers has two.
struct Piece {
  enum class Kind : uint8_t { memory, reg, constant, optimised_away };
  Kind kind = Kind::optimised_away;
  uint64_t value = 0;   // address, DWARF register number, or the constant itself
  uint64_t size = 0;    // bytes; 0: the whole variable
  uint64_t offset = 0;  // in the variable
};

// The parts in order; none at all is "optimised away" too.
struct Location {
  std::vector<Piece> pieces;
  bool optimised_away() const;
};

// Evaluates an expression. `bias` is added to addresses that the expression names; `address_at` resolves DW_OP_addrx.
// Throws Error for an operation that is corrupt or not supported, naming it; a register or memory word that `access`
// does not know is optimised_away.
Location evaluate_location(Bytes expression, const FrameAccess& access, uint64_t bias,
                           const std::function<uint64_t(uint64_t)>& address_at);

// The variable's bytes (size of the variable) read from its location; nothing if any part of it is unavailable.
std::optional<std::vector<uint8_t>> read_location(const Location& location, uint64_t size, const FrameAccess& access);

}  // namespace deferscope::loader
