// The Go (Plan 9) and the GNU syntax of one x86-64 instruction. Zydis decodes; this prints. See isa/text/text.h for the
// meaning of the arguments.
#pragma once
#include "isa/text/text.h"

namespace deferscope::isa::x86_64 {

TextSize append_go(std::span<const std::uint8_t> code, std::uint64_t pc, const Symbols& symbols,
                   const TextOptions& options, std::string& out);
TextSize append_gnu(std::span<const std::uint8_t> code, std::uint64_t pc, const TextOptions& options, std::string& out);

}  // namespace deferscope::isa::x86_64
