// The Go (Plan 9) and the GNU syntax of one arm64 instruction, printed from the table in plan9_table.inc. See
// isa/text/text.h for the meaning of the arguments.
#pragma once
#include "isa/text/text.h"

namespace deferscope::isa::arm64 {

TextSize append_go(std::span<const std::uint8_t> code, std::uint64_t pc, const Symbols& symbols,
                   const TextOptions& options, std::string& out);
TextSize append_gnu(std::span<const std::uint8_t> code, std::uint64_t pc, const TextOptions& options, std::string& out);

}  // namespace deferscope::isa::arm64
