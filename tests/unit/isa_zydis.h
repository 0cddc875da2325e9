// Zydis as the oracle of what is an x86-64 instruction.
#pragma once
#include <Zydis/Zydis.h>

#include <cstdint>
#include <span>

namespace deferscope::isa {

inline bool zydis_knows(std::span<const std::uint8_t> code, std::uint32_t* length = nullptr) {
  ZydisDecoder decoder;
  ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
  ZydisDecodedInstruction z;
  if (!ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(&decoder, nullptr, code.data(), code.size(), &z))) return false;
  if (length) *length = z.length;
  return true;
}

}  // namespace deferscope::isa
