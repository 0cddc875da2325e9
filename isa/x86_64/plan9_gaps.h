// What the decoder behind `go tool objdump` of Go 1.27.4 does not know: instructions it prints as `?`,
// one byte at a time.
#pragma once
#include <Zydis/Zydis.h>

#include <cstdint>
#include <span>

namespace deferscope::isa::x86_64 {

// True if objdump prints `?` where Zydis has decoded `z` from the start of `code`.
bool unknown_to_objdump(const ZydisDecodedInstruction& z, std::span<const std::uint8_t> code);

}  // namespace deferscope::isa::x86_64
