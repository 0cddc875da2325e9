// The gaps as tables: whole instruction sets, single mnemonics, single encodings. Measured by comparing with the
// decoder over every opcode of every map, prefix and ModRM shape (tests/oracle); the list is short because its authors
// stopped at SSE4.2, SHA and XSAVES for legacy encodings.
#include "isa/x86_64/plan9_gaps.h"

#include <algorithm>
#include <iterator>
#include <string_view>

namespace deferscope::isa::x86_64 {
namespace {

constexpr ZydisISASet kUnknownSets[] = {
    ZYDIS_ISA_SET_ADOX_ADCX, ZYDIS_ISA_SET_AMD3DNOW, ZYDIS_ISA_SET_CET,         ZYDIS_ISA_SET_CLDEMOTE,
    ZYDIS_ISA_SET_ENQCMD,    ZYDIS_ISA_SET_GFNI,     ZYDIS_ISA_SET_KEYLOCKER,   ZYDIS_ISA_SET_KEYLOCKER_WIDE,
    ZYDIS_ISA_SET_MOVDIR,    ZYDIS_ISA_SET_MPX,      ZYDIS_ISA_SET_PREFETCHWT1, ZYDIS_ISA_SET_RDPID,
    ZYDIS_ISA_SET_RDSEED,    ZYDIS_ISA_SET_SMX,      ZYDIS_ISA_SET_SVM,         ZYDIS_ISA_SET_TSX_LDTRK,
    ZYDIS_ISA_SET_VTX,       ZYDIS_ISA_SET_WAITPKG,  ZYDIS_ISA_SET_PT,          ZYDIS_ISA_SET_UINTR,
    ZYDIS_ISA_SET_SMAP,
};

constexpr ZydisMnemonic kUnknownMnemonics[] = {
    ZYDIS_MNEMONIC_EXTRQ,         ZYDIS_MNEMONIC_INSERTQ,      ZYDIS_MNEMONIC_PREFETCH,
    ZYDIS_MNEMONIC_FSTPNCE,       ZYDIS_MNEMONIC_FENI8087_NOP, ZYDIS_MNEMONIC_FDISI8087_NOP,
    ZYDIS_MNEMONIC_FSETPM287_NOP, ZYDIS_MNEMONIC_CLWB,         ZYDIS_MNEMONIC_CLFLUSHOPT,
};

// Undocumented or aliasing encodings of instructions that are known otherwise. `digit` is ModRM.reg, -1 any; `rm_other`
// asks for a ModRM.rm that is not 0.
struct Encoding {
  ZydisOpcodeMap map;
  std::uint8_t first, last;
  int digit;
  bool rm_other = false;
};
constexpr Encoding kUnknownEncodings[] = {
    {ZYDIS_OPCODE_MAP_DEFAULT, 0xc0, 0xc1, 6},   // SHL, second spelling
    {ZYDIS_OPCODE_MAP_DEFAULT, 0xd0, 0xd3, 6},   //
    {ZYDIS_OPCODE_MAP_DEFAULT, 0xf6, 0xf7, 1},   // TEST, second spelling
    {ZYDIS_OPCODE_MAP_0F, 0x0d, 0x0d, 0},        // 3DNow PREFETCH
    {ZYDIS_OPCODE_MAP_0F, 0xae, 0xae, 5, true},  // fences with a stray r/m
    {ZYDIS_OPCODE_MAP_0F, 0xae, 0xae, 6, true},  //
    {ZYDIS_OPCODE_MAP_0F, 0xae, 0xae, 7, true},  //
};

bool is_fence(const ZydisDecodedInstruction& z) {
  return z.mnemonic == ZYDIS_MNEMONIC_LFENCE || z.mnemonic == ZYDIS_MNEMONIC_MFENCE ||
         z.mnemonic == ZYDIS_MNEMONIC_SFENCE;
}

bool matches(const Encoding& e, const ZydisDecodedInstruction& z) {
  if (z.opcode_map != e.map || z.opcode < e.first || z.opcode > e.last || z.raw.modrm.reg != e.digit) return false;
  return !e.rm_other || (is_fence(z) && z.raw.modrm.rm != 0);
}

// x87 register forms that alias another encoding: DC D0, DC D8, DD C8, DE D0, DF C8, DF D0, DF D8.
bool is_x87_alias(const ZydisDecodedInstruction& z) {
  if (z.opcode_map != ZYDIS_OPCODE_MAP_DEFAULT || z.raw.modrm.mod != 3) return false;
  const int digit = z.raw.modrm.reg;
  switch (z.opcode) {
    case 0xdc: return digit == 2 || digit == 3;
    case 0xdd: return digit == 1;
    case 0xde: return digit == 2;
    case 0xdf: return digit >= 1 && digit <= 3;
    default: return false;
  }
}

bool unknown_nop(const ZydisDecodedInstruction& z) {
  if (z.mnemonic != ZYDIS_MNEMONIC_NOP || z.opcode_map == ZYDIS_OPCODE_MAP_DEFAULT) return false;
  return z.opcode != 0x1f || z.raw.modrm.reg != 0 || z.operand_width == 64;
}

// MONITORX, RDPRU and what else has been given the rest of 0F 01 /7; VIA's PadLock; ENCLU.
bool younger_0f(const ZydisDecodedInstruction& z) {
  if (z.opcode_map != ZYDIS_OPCODE_MAP_0F) return false;
  if (z.opcode == 0xa6 || z.opcode == 0xa7) return true;
  const int reg = z.raw.modrm.reg, rm = z.raw.modrm.rm;
  return z.opcode == 0x01 && z.raw.modrm.mod == 3 && ((reg == 7 && rm >= 2) || (reg == 2 && rm == 7));
}

bool unknown_ud(const ZydisDecodedInstruction& z) {
  return (z.mnemonic == ZYDIS_MNEMONIC_UD0 || z.mnemonic == ZYDIS_MNEMONIC_UD1) && z.operand_width != 32;
}

// ---- vector encodings
//
// Its AVX table has one row for each W and L that an instruction is *usually* encoded with. Where the processor ignores
// W (or, for scalars, L) only the value 0 is known.

constexpr ZydisISAExt kUnknownExtensions[] = {
    ZYDIS_ISA_EXT_BMI1,     ZYDIS_ISA_EXT_BMI2, ZYDIS_ISA_EXT_FMA4, ZYDIS_ISA_EXT_AMX_BF16, ZYDIS_ISA_EXT_AMX_INT8,
    ZYDIS_ISA_EXT_AMX_TILE, ZYDIS_ISA_EXT_KNC,  ZYDIS_ISA_EXT_KNCE, ZYDIS_ISA_EXT_KNCV,     ZYDIS_ISA_EXT_XOP,
};

// Instructions with rows for both values of W.
constexpr ZydisMnemonic kBothW[] = {
    ZYDIS_MNEMONIC_VCVTSI2SS,   ZYDIS_MNEMONIC_VCVTSI2SD,   ZYDIS_MNEMONIC_VCVTTSS2SI, ZYDIS_MNEMONIC_VCVTTSD2SI,
    ZYDIS_MNEMONIC_VCVTSS2SI,   ZYDIS_MNEMONIC_VCVTSD2SI,   ZYDIS_MNEMONIC_VPCMPESTRM, ZYDIS_MNEMONIC_VPCMPESTRI,
    ZYDIS_MNEMONIC_VPCMPISTRI,  ZYDIS_MNEMONIC_KMOVD,       ZYDIS_MNEMONIC_VCVTUSI2SS, ZYDIS_MNEMONIC_VCVTUSI2SD,
    ZYDIS_MNEMONIC_VCVTTSS2USI, ZYDIS_MNEMONIC_VCVTTSD2USI, ZYDIS_MNEMONIC_VCVTSS2USI, ZYDIS_MNEMONIC_VCVTSD2USI,
};

constexpr ZydisMnemonic kIgnoreL[] = {
    ZYDIS_MNEMONIC_VMOVSS,     ZYDIS_MNEMONIC_VMOVSD,     ZYDIS_MNEMONIC_VUCOMISS,  ZYDIS_MNEMONIC_VUCOMISD,
    ZYDIS_MNEMONIC_VCOMISS,    ZYDIS_MNEMONIC_VCOMISD,    ZYDIS_MNEMONIC_VSQRTSS,   ZYDIS_MNEMONIC_VSQRTSD,
    ZYDIS_MNEMONIC_VRSQRTSS,   ZYDIS_MNEMONIC_VRCPSS,     ZYDIS_MNEMONIC_VADDSS,    ZYDIS_MNEMONIC_VADDSD,
    ZYDIS_MNEMONIC_VMULSS,     ZYDIS_MNEMONIC_VMULSD,     ZYDIS_MNEMONIC_VCVTSS2SD, ZYDIS_MNEMONIC_VCVTSD2SS,
    ZYDIS_MNEMONIC_VSUBSS,     ZYDIS_MNEMONIC_VSUBSD,     ZYDIS_MNEMONIC_VMINSS,    ZYDIS_MNEMONIC_VMINSD,
    ZYDIS_MNEMONIC_VDIVSS,     ZYDIS_MNEMONIC_VDIVSD,     ZYDIS_MNEMONIC_VMAXSS,    ZYDIS_MNEMONIC_VMAXSD,
    ZYDIS_MNEMONIC_VCMPSS,     ZYDIS_MNEMONIC_VCMPSD,     ZYDIS_MNEMONIC_VCVTSI2SS, ZYDIS_MNEMONIC_VCVTSI2SD,
    ZYDIS_MNEMONIC_VCVTTSS2SI, ZYDIS_MNEMONIC_VCVTTSD2SI, ZYDIS_MNEMONIC_VCVTSS2SI, ZYDIS_MNEMONIC_VCVTSD2SI,
    ZYDIS_MNEMONIC_VROUNDSS,   ZYDIS_MNEMONIC_VROUNDSD,
};

// A REX that is not the last prefix: the processor ignores it, the decoder takes what follows for an opcode.
bool rex_too_early(const ZydisDecodedInstruction& z, std::span<const std::uint8_t> code) {
  for (int i = 0; i + 1 < z.raw.prefix_count; ++i)
    if ((code[static_cast<std::size_t>(i)] & 0xf0) == 0x40) return true;
  return false;
}

template <class Table, class Value>
bool fits(const Table& table, Value v) {
  return std::find(std::begin(table), std::end(table), v) != std::end(table);
}

bool unknown_legacy(const ZydisDecodedInstruction& z, std::span<const std::uint8_t> code) {
  if (fits(kUnknownSets, z.meta.isa_set) || fits(kUnknownMnemonics, z.mnemonic)) return true;
  if (rex_too_early(z, code) || unknown_nop(z) || younger_0f(z) || unknown_ud(z) || is_x87_alias(z)) return true;
  return std::any_of(std::begin(kUnknownEncodings), std::end(kUnknownEncodings),
                     [&](const Encoding& e) { return matches(e, z); });
}

bool scalar_fma(ZydisMnemonic m) {
  const char* name = ZydisMnemonicGetString(m);  // vfmadd132sd, vfnmsub231ss, …
  const std::string_view s(name ? name : "");
  return s.starts_with("vf") && (s.ends_with("ss") || s.ends_with("sd")) && s.find_first_of("123") != s.npos;
}

// True if the same bytes with W = 0 are the same instruction. (A stray vvvv does not matter to objdump's decoder, but
// would to Zydis.)
bool ignores_w(const ZydisDecodedInstruction& z, std::span<const std::uint8_t> code, std::size_t w_byte) {
  std::uint8_t bytes[ZYDIS_MAX_INSTRUCTION_LENGTH];
  std::copy_n(code.begin(), z.length, bytes);
  bytes[w_byte] = (bytes[w_byte] & 0x7f) | 0x78;
  ZydisDecoder decoder;
  ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
  ZydisDecodedInstruction other;
  return ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(&decoder, nullptr, bytes, z.length, &other)) &&
         other.mnemonic == z.mnemonic;
}

bool unknown_vex(const ZydisDecodedInstruction& z, std::span<const std::uint8_t> code) {
  if (fits(kUnknownExtensions, z.meta.isa_ext)) return true;
  if (z.raw.vex.L && (fits(kIgnoreL, z.mnemonic) || scalar_fma(z.mnemonic))) return true;
  return z.raw.vex.W && z.raw.vex.size == 3 && !fits(kBothW, z.mnemonic) && ignores_w(z, code, z.raw.vex.offset + 2);
}

// Scalars of AVX-512: L'L is ignored, or holds the rounding mode.
constexpr ZydisISASet kEvexScalar[] = {ZYDIS_ISA_SET_AVX512F_SCALAR, ZYDIS_ISA_SET_AVX512DQ_SCALAR,
                                       ZYDIS_ISA_SET_AVX512ER_SCALAR, ZYDIS_ISA_SET_AVX512_4FMAPS_SCALAR,
                                       ZYDIS_ISA_SET_AVX512_FP16_SCALAR};

bool unknown_evex(const ZydisDecodedInstruction& z, std::span<const std::uint8_t> code) {
  const auto& e = z.raw.evex;
  const bool rounds = e.b && z.raw.modrm.mod == 3;
  if ((e.L || e.L2) && !rounds && fits(kEvexScalar, z.meta.isa_set)) return true;
  return e.W && !fits(kBothW, z.mnemonic) && ignores_w(z, code, e.offset + 2);
}

}  // namespace

bool unknown_to_objdump(const ZydisDecodedInstruction& z, std::span<const std::uint8_t> code) {
  // A vector instruction must begin with its VEX or EVEX prefix, though the processor allows others before it.
  if (z.encoding != ZYDIS_INSTRUCTION_ENCODING_LEGACY && z.raw.prefix_count > 0 && code[0] != 0xc4 && code[0] != 0xc5 &&
      code[0] != 0x62)
    return true;
  switch (z.encoding) {
    case ZYDIS_INSTRUCTION_ENCODING_LEGACY: return unknown_legacy(z, code);
    case ZYDIS_INSTRUCTION_ENCODING_VEX: return unknown_vex(z, code);
    case ZYDIS_INSTRUCTION_ENCODING_EVEX: return unknown_evex(z, code);
    default: return true;  // 3DNow!, XOP, MVEX
  }
}

}  // namespace deferscope::isa::x86_64
