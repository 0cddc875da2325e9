// What both printers ask of a decoded instruction; the decoding itself.
#include "isa/x86_64/text_insn.h"

#include <algorithm>

#include "isa/x86_64/plan9_names.h"

namespace deferscope::isa::x86_64 {
namespace {

const ZydisDecoder& decoder() {
  static const ZydisDecoder d = [] {
    ZydisDecoder made;
    ZydisDecoderInit(&made, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
    return made;
  }();
  return d;
}

ZyanStatus decode_as_given(std::span<const std::uint8_t> code, Insn& in) {
  ZydisDecoderContext context;
  const ZyanStatus status = ZydisDecoderDecodeInstruction(&decoder(), &context, code.data(), code.size(), &in.z);
  return ZYAN_SUCCESS(status)
             ? ZydisDecoderDecodeOperands(&decoder(), &context, &in.z, in.op.data(), in.z.operand_count)
             : status;
}

// objdump's decoder does not mind what makes Zydis (and the processor) refuse an instruction:
//  - LOCK where it is forbidden. Zydis is shown DS in its place, a prefix that means nothing in 64-bit mode;
//  - a third register in a VEX encoding of an instruction that has none (vvvv). It is blanked;
//  - a move to CS. It is shown as one to ES, and named CS when printed.
bool decode_leniently(std::span<const std::uint8_t> code, Insn& in) {
  std::uint8_t b[ZYDIS_MAX_INSTRUCTION_LENGTH];
  const std::size_t n = std::min(code.size(), std::size(b));
  std::copy_n(code.begin(), n, b);
  std::size_t i = 0;
  for (; i < n && is_prefix(b[i]); ++i)
    if (b[i] == 0xf0) b[i] = 0x3e;
  if (i == 0 && n > 2 && (b[0] == 0xc5 || b[0] == 0xc4)) b[b[0] == 0xc5 ? 1 : 2] |= 0x78;
  if (i < n && (b[i] & 0xf0) == 0x40) ++i;
  if (i + 1 < n && b[i] == 0x8e && (b[i + 1] >> 3 & 7) == 1) {
    b[i + 1] &= 0xc7;
    in.to_cs = true;
  }
  return ZYAN_SUCCESS(decode_as_given({b, n}, in));
}

// objdump's decoder believes that every vector instruction has a ModRM byte. VZEROUPPER and VZEROALL have none, so it
// swallows the byte after them and what that byte would call for: SIB and displacement. The number of bytes swallowed;
// 0 if the decoder runs out of bytes.
std::uint32_t swallowed(std::span<const std::uint8_t> rest) {
  if (rest.empty()) return 0;
  const int mod = rest[0] >> 6, rm = rest[0] & 7;
  std::uint32_t n = 1;
  bool wide = mod == 2 || (mod == 0 && rm == 5);
  if (mod != 3 && rm == 4) {
    if (rest.size() < 2) return 0;
    wide = wide || (mod == 0 && (rest[1] & 7) == 5);
    n = 2;
  }
  n += wide ? 4 : mod == 1 ? 1 : 0;
  return n <= rest.size() ? n : 0;
}

// Without displacement (mod 0) base 5 of a SIB byte is no register, whatever REX.B says. Zydis 3 and 4.0 forget this
// where the address is 32 bits wide, and give R13D.
void drop_base_that_is_none(Insn& in) {
  const bool none = in.z.address_width == 32 && (in.z.attributes & ZYDIS_ATTRIB_HAS_SIB) && in.z.raw.modrm.mod == 0 &&
                    in.z.raw.sib.base == 5;
  if (!none) return;
  for (int i = 0; i < in.z.operand_count; ++i) {  // behind them nothing is set
    ZydisDecodedOperand& o = in.op[static_cast<size_t>(i)];
    if (o.type == ZYDIS_OPERAND_TYPE_MEMORY && o.mem.base == ZYDIS_REGISTER_R13D) o.mem.base = ZYDIS_REGISTER_NONE;
  }
}

}  // namespace

bool decode(std::span<const std::uint8_t> code, Insn& in) {
  in.code = code;
  if (!ZYAN_SUCCESS(decode_as_given(code, in)) && !(in.compat && decode_leniently(code, in))) return false;
  drop_base_that_is_none(in);
  return true;
}

bool relative_to_ip(const ZydisDecodedOperandMem& m) {
  return m.base == ZYDIS_REGISTER_RIP || m.base == ZYDIS_REGISTER_EIP;
}

bool is_string(const ZydisDecodedInstruction& z) {
  return z.meta.category == ZYDIS_CATEGORY_STRINGOP || z.meta.category == ZYDIS_CATEGORY_IOSTRINGOP;
}

bool reads_overridable_segment(const ZydisDecodedInstruction& z) {
  if (z.mnemonic == ZYDIS_MNEMONIC_XLAT) return true;
  if (!is_string(z)) return false;
  const std::uint8_t op = z.opcode & 0xfe;  // MOVS, CMPS, LODS, OUTS
  return op == 0xa4 || op == 0xa6 || op == 0xac || op == 0x6e;
}

std::uint8_t segment_prefix(const Insn& in) {
  std::uint8_t last = 0;
  for (int i = 0; i < in.z.raw.prefix_count; ++i) {
    const std::uint8_t b = in.code[static_cast<std::size_t>(i)];
    if (b == 0x64 || b == 0x65) last = b;
  }
  return last;
}

std::int64_t displacement(const Insn& in, const ZydisDecodedOperand& o) {
  if (!in.vector() && in.z.raw.disp.size == 32) return static_cast<std::uint32_t>(in.z.raw.disp.value);
  return o.mem.disp.value;
}

int data_bits(const Insn& in) {
  if (in.z.attributes & ZYDIS_ATTRIB_HAS_REX && in.z.raw.rex.W) return 64;
  for (int i = 0; i < in.z.raw.prefix_count; ++i)
    if (in.z.raw.prefixes[i].value == 0x66) return 16;
  return 32;
}

bool is_prefix(std::uint8_t b) {
  switch (b) {
    case 0x26:
    case 0x2e:
    case 0x36:
    case 0x3e:
    case 0x64:
    case 0x65:
    case 0x66:
    case 0x67:
    case 0xf0:
    case 0xf2:
    case 0xf3: return true;
    default: return false;
  }
}

bool takes_hint(const ZydisDecodedInstruction& z) {
  return z.meta.category == ZYDIS_CATEGORY_COND_BR && z.mnemonic != ZYDIS_MNEMONIC_XBEGIN;
}

bool scalar_double(const Insn& in) {
  return !in.vector() && (in.z.mnemonic == ZYDIS_MNEMONIC_MOVSD || in.z.mnemonic == ZYDIS_MNEMONIC_CMPSD) &&
         !is_string(in.z);
}

std::int64_t immediate(const Insn& in, const ZydisDecodedOperand& o) {
  std::int64_t v = o.imm.value.s;
  if (!in.vector()) {
    // A 32-bit or 16-bit immediate is shown signed, whatever the instruction makes of it; a byte is signed where Zydis
    // says so.
    const int bits = in.z.raw.imm[0].size;
    if (bits == 32) v = static_cast<std::int32_t>(v);
    if (bits == 16 && facts_of(in.z.mnemonic).sized) v = static_cast<std::int16_t>(v);
    if (bits == 8)
      v = o.imm.is_signed && in.z.operand_width != 8 ? static_cast<std::int8_t>(v) : static_cast<std::uint8_t>(v);
  }
  return v;
}

int half_called_ymm(const Insn& in) {
  if (!in.compat || !in.evex() || in.memory() || in.z.avx.vector_length != 128) return -1;
  const int last = in.z.operand_count_visible - 1;
  switch (in.z.mnemonic) {
    case ZYDIS_MNEMONIC_VCVTPH2PS:
    case ZYDIS_MNEMONIC_VCVTPS2PD:
    case ZYDIS_MNEMONIC_VCVTDQ2PD:
    case ZYDIS_MNEMONIC_VCVTUDQ2PD: return last;
    case ZYDIS_MNEMONIC_VCVTPS2PH:
    case ZYDIS_MNEMONIC_VCVTPD2PS:
    case ZYDIS_MNEMONIC_VCVTPD2DQ:
    case ZYDIS_MNEMONIC_VCVTTPD2DQ:
    case ZYDIS_MNEMONIC_VCVTPD2UDQ:
    case ZYDIS_MNEMONIC_VCVTTPD2UDQ: return 0;
    default: return -1;
  }
}

bool loses_operand(const Insn& in) {
  return in.compat && in.z.mnemonic == ZYDIS_MNEMONIC_RDRAND && data_bits(in) == 64;
}

bool names_rounding(const Insn& in) {
  switch (in.z.mnemonic) {  // objdump's slips: these do not round
    case ZYDIS_MNEMONIC_VCVTPS2PD:
    case ZYDIS_MNEMONIC_VCVTSS2SD:
    case ZYDIS_MNEMONIC_VCVTDQ2PD:
    case ZYDIS_MNEMONIC_VCVTUDQ2PD: return in.compat;
    case ZYDIS_MNEMONIC_VCVTSI2SD:
    case ZYDIS_MNEMONIC_VCVTUSI2SD:
      if (in.compat) return true;
      break;
    default: break;
  }
  return in.z.avx.rounding.mode != ZYDIS_ROUNDING_MODE_INVALID;
}

bool has_no_modrm(const Insn& in) {
  return in.z.mnemonic == ZYDIS_MNEMONIC_VZEROUPPER || in.z.mnemonic == ZYDIS_MNEMONIC_VZEROALL;
}

std::uint32_t objdump_size(const Insn& in, std::span<const std::uint8_t> code) {
  if (!has_no_modrm(in)) return in.z.length;
  const std::size_t limit = std::min<std::size_t>(code.size(), ZYDIS_MAX_INSTRUCTION_LENGTH);
  const std::span<const std::uint8_t> rest = code.subspan(in.z.length, limit - in.z.length);
  const std::uint32_t extra = swallowed(rest);
  return extra == 0 && !rest.empty() ? 0 : in.z.length + extra;
}

}  // namespace deferscope::isa::x86_64
