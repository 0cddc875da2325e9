// Picks the printer of the instruction set.
#include "isa/text/text.h"

#include "isa/arm64/plan9.h"
#include "isa/x86_64/plan9.h"

namespace deferscope::isa {

TextSize append_go(Isa isa, std::span<const std::uint8_t> code, std::uint64_t pc, const Symbols& symbols,
                   const TextOptions& options, std::string& out) {
  return isa == Isa::arm64 ? arm64::append_go(code, pc, symbols, options, out)
                           : x86_64::append_go(code, pc, symbols, options, out);
}

TextSize append_gnu(Isa isa, std::span<const std::uint8_t> code, std::uint64_t pc, std::string& out,
                    const TextOptions& options) {
  return isa == Isa::arm64 ? arm64::append_gnu(code, pc, options, out) : x86_64::append_gnu(code, pc, options, out);
}

}  // namespace deferscope::isa
