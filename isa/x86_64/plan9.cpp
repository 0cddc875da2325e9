// The Go (Plan 9) syntax of one x86-64 instruction.
//
// The rules (measured against `go tool objdump` of Go 1.27.4): operands are printed last to first, except those of CMP;
// the size suffix comes from the memory operand, else from the operand-size prefixes; a 32-bit displacement of a legacy
// instruction is printed as it is encoded, unsigned; a prefix that the text does not imply is printed in front, the
// last one only.
#include "isa/x86_64/plan9.h"

#include <Zydis/Zydis.h>

#include <algorithm>
#include <array>

#include "isa/text/append.h"
#include "isa/x86_64/plan9_gaps.h"
#include "isa/x86_64/plan9_names.h"

namespace deferscope::isa::x86_64 {
namespace {

using text::dec;
using text::hex;
using text::signed_hex;

// One decoded instruction with what the printer asks of it again and again.
struct Insn {
  ZydisDecodedInstruction z;
  std::array<ZydisDecodedOperand, ZYDIS_MAX_OPERAND_COUNT> op;
  std::span<const std::uint8_t> code;  // from its first byte
  std::uint64_t pc = 0;
  const Symbols* symbols = nullptr;
  bool compat = false;
  bool asm_names = false;
  bool to_cs = false;  // a move to CS, which Zydis was shown as one to ES

  bool vector() const {
    return z.encoding == ZYDIS_INSTRUCTION_ENCODING_VEX || z.encoding == ZYDIS_INSTRUCTION_ENCODING_EVEX;
  }
  bool evex() const { return z.encoding == ZYDIS_INSTRUCTION_ENCODING_EVEX; }
  std::uint64_t next() const { return pc + z.length; }
  const ZydisDecodedOperand* memory() const {
    for (int i = 0; i < z.operand_count_visible; ++i)
      if (op[i].type == ZYDIS_OPERAND_TYPE_MEMORY) return &op[i];
    return nullptr;
  }
};

const ZydisDecoder& decoder() {
  static const ZydisDecoder d = [] {
    ZydisDecoder made;
    ZydisDecoderInit(&made, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
    return made;
  }();
  return d;
}

// Register names know no size: AL, AX, EAX and RAX are all AX but for the four high bytes and, as a byte, the low ones.
void put_register(ZydisRegister r, std::string& out) {
  static constexpr std::string_view kWord[] = {"AX", "CX", "DX", "BX", "SP", "BP", "SI", "DI"};
  static constexpr std::string_view kByte[] = {"AL", "CL", "DL", "BL", "AH", "CH", "DH", "BH"};
  const int id = ZydisRegisterGetId(r);
  switch (ZydisRegisterGetClass(r)) {
    case ZYDIS_REGCLASS_GPR8:
      if (r >= ZYDIS_REGISTER_AL && r <= ZYDIS_REGISTER_BH) {
        out += kByte[r - ZYDIS_REGISTER_AL];
      } else if (r >= ZYDIS_REGISTER_SPL && r <= ZYDIS_REGISTER_DIL) {
        out += kWord[r - ZYDIS_REGISTER_SPL + 4];
      } else {
        out += 'R';
        dec(out, r - ZYDIS_REGISTER_R8B + 8);
      }
      return;
    case ZYDIS_REGCLASS_GPR16:
    case ZYDIS_REGCLASS_GPR32:
    case ZYDIS_REGCLASS_GPR64:
      if (id < 8) {
        out += kWord[id];
        return;
      }
      out += 'R';
      break;
    case ZYDIS_REGCLASS_X87: out += 'F'; break;
    case ZYDIS_REGCLASS_MMX: out += 'M'; break;
    case ZYDIS_REGCLASS_XMM: out += 'X'; break;
    case ZYDIS_REGCLASS_YMM: out += 'Y'; break;
    case ZYDIS_REGCLASS_ZMM: out += 'Z'; break;
    case ZYDIS_REGCLASS_MASK: out += 'K'; break;
    case ZYDIS_REGCLASS_CONTROL: out += "CR"; break;
    case ZYDIS_REGCLASS_DEBUG: out += "DR"; break;
    case ZYDIS_REGCLASS_SEGMENT: {
      static constexpr std::string_view kSegment[] = {"ES", "CS", "SS", "DS", "FS", "GS"};
      out += kSegment[id];
      return;
    }
    case ZYDIS_REGCLASS_IP: out += "IP"; return;
    default: {
      const char* name = ZydisRegisterGetString(r);
      for (const char* c = name ? name : "?"; *c; ++c) out += static_cast<char>(*c >= 'a' && *c <= 'z' ? *c - 32 : *c);
      return;
    }
  }
  dec(out, id);
}

void put_symbol(const SymbolAt& s, std::uint64_t address, std::string& out) {
  out += s.name;
  if (const auto off = static_cast<std::int64_t>(address - s.base); off != 0) {
    if (off > 0) out += '+';
    dec(out, off);
  }
  out += "(SB)";
}

bool relative_to_ip(const ZydisDecodedOperandMem& m) {
  return m.base == ZYDIS_REGISTER_RIP || m.base == ZYDIS_REGISTER_EIP;
}

bool is_string(const ZydisDecodedInstruction& z) {
  return z.meta.category == ZYDIS_CATEGORY_STRINGOP || z.meta.category == ZYDIS_CATEGORY_IOSTRINGOP;
}

// String instructions whose source is in DS unless a prefix says otherwise, and XLATB. (Their destination is always in
// ES.)
bool reads_overridable_segment(const ZydisDecodedInstruction& z) {
  if (z.mnemonic == ZYDIS_MNEMONIC_XLAT) return true;
  if (!is_string(z)) return false;
  const std::uint8_t op = z.opcode & 0xfe;  // MOVS, CMPS, LODS, OUTS
  return op == 0xa4 || op == 0xa6 || op == 0xac || op == 0x6e;
}

// The last FS or GS prefix; 0 if there is none. (CS, DS, ES, SS mean nothing in 64-bit mode.)
std::uint8_t segment_prefix(const Insn& in) {
  std::uint8_t last = 0;
  for (int i = 0; i < in.z.raw.prefix_count; ++i) {
    const std::uint8_t b = in.code[static_cast<std::size_t>(i)];
    if (b == 0x64 || b == 0x65) last = b;
  }
  return last;
}

// The displacement as the decoder of objdump understands it: 32-bit ones of legacy instructions are not sign-extended.
std::int64_t displacement(const Insn& in, const ZydisDecodedOperand& o) {
  if (!in.vector() && in.z.raw.disp.size == 32) return static_cast<std::uint32_t>(in.z.raw.disp.value);
  return o.mem.disp.value;
}

void put_memory(const Insn& in, const ZydisDecodedOperand& o, std::string& out) {
  const ZydisDecodedOperandMem& m = o.mem;
  const std::int64_t disp = displacement(in, o);
  // objdump overrides a segment only where a prefix says so, and not at all in vector instructions.
  const std::uint8_t segment = in.vector() ? 0 : segment_prefix(in);
  const bool has_sib = in.z.raw.modrm.rm == 4 && (in.z.attributes & ZYDIS_ATTRIB_HAS_SIB);
  const bool base_lost = relative_to_ip(m) && in.vector() && in.compat;
  const bool ip = relative_to_ip(m) && !base_lost;
  if (!segment && disp != 0 && !has_sib && (ip || base_lost || m.base == ZYDIS_REGISTER_NONE)) {
    const std::uint64_t address = static_cast<std::uint64_t>(disp) + (ip ? in.next() : 0);
    if (const SymbolAt s = in.symbols->at(address); !s.name.empty()) return put_symbol(s, address, out);
  }
  if (segment) {
    put_register(segment == 0x64 ? ZYDIS_REGISTER_FS : ZYDIS_REGISTER_GS, out);
    out += ':';
  }
  if (disp != 0)
    signed_hex(out, disp);
  else
    out += '0';
  if (m.base != ZYDIS_REGISTER_NONE && !base_lost) {
    out += '(';
    put_register(m.base, out);
    out += ')';
  }
  if (m.index != ZYDIS_REGISTER_NONE) {
    out += '(';
    put_register(m.index, out);
    out += '*';
    dec(out, m.scale);
    out += ')';
  }
}

// The operand size that prefixes ask for; 8-bit instructions count as 32.
int data_bits(const Insn& in) {
  if (in.z.attributes & ZYDIS_ATTRIB_HAS_REX && in.z.raw.rex.W) return 64;
  for (int i = 0; i < in.z.raw.prefix_count; ++i)
    if (in.z.raw.prefixes[i].value == 0x66) return 16;
  return 32;
}

// objdump's slip: what MOVL and PUSHL move may be an address on 386, so it names constants that happen to lie in the
// program.
bool taken_for_address(const Insn& in) {
  return in.compat && (in.z.mnemonic == ZYDIS_MNEMONIC_MOV || in.z.mnemonic == ZYDIS_MNEMONIC_PUSH) &&
         data_bits(in) == 32;
}

void put_immediate(const Insn& in, const ZydisDecodedOperand& o, std::string& out) {
  if (o.imm.is_relative) {
    const std::uint64_t target = in.next() + o.imm.value.u;
    if (const SymbolAt s = in.symbols->at(target); !s.name.empty() && s.base == target)
      return put_symbol(s, target, out);
    return hex(out, target);
  }
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
  out += '$';
  if (taken_for_address(in))
    if (const SymbolAt s = in.symbols->at(static_cast<std::uint64_t>(v)); !s.name.empty())
      return put_symbol(s, static_cast<std::uint64_t>(v), out);
  if (v == static_cast<std::int32_t>(v))
    signed_hex(out, v);
  else
    hex(out, static_cast<std::uint64_t>(v));
}

// objdump's slip: the half-width side of these conversions is called Y in the 128-bit form too. The index of that
// operand, -1: none.
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

void put_operand(const Insn& in, const ZydisDecodedOperand& o, std::string& out) {
  switch (o.type) {
    case ZYDIS_OPERAND_TYPE_REGISTER:
      return put_register(in.to_cs && o.reg.value == ZYDIS_REGISTER_ES ? ZYDIS_REGISTER_CS : o.reg.value, out);
    case ZYDIS_OPERAND_TYPE_MEMORY: return put_memory(in, o, out);
    case ZYDIS_OPERAND_TYPE_IMMEDIATE: return put_immediate(in, o, out);
    case ZYDIS_OPERAND_TYPE_POINTER: hex(out, o.ptr.segment); return;
    default: return;
  }
}

// ---- prefixes

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

// "REP; ", "LOCK ", … in front of the mnemonic: what the bytes say and the text does not.
void put_prefixes(const Insn& in, std::string& out) {
  if (in.vector()) return;
  const auto& raw = in.z.raw;
  std::uint8_t last = 0, rep = 0;
  int mandatory_rep = -1, last_segment = -1;
  for (int i = 0; i < raw.prefix_count; ++i) {
    const auto& p = raw.prefixes[i];
    if (p.type == ZYDIS_PREFIX_TYPE_MANDATORY && !is_string(in.z) && (p.value == 0xf2 || p.value == 0xf3))
      mandatory_rep = i;
    if (p.value == 0x64 || p.value == 0x65) last_segment = i;
  }
  const bool hinted = in.z.meta.category == ZYDIS_CATEGORY_COND_BR;
  const bool segment_shown = in.memory() || reads_overridable_segment(in.z);
  for (int i = 0; i < raw.prefix_count; ++i) {
    const std::uint8_t v = in.code[static_cast<std::size_t>(i)];  // prefixes are the first bytes
    if (v >= 0x40 && v <= 0x4f) break;
    if (v == 0xf2 || v == 0xf3) {
      if (i != mandatory_rep) rep = v;
      continue;
    }
    if ((v == 0x64 || v == 0x65) && segment_shown && i == last_segment) continue;
    last = v;
  }
  if (rep != 0) out += rep == 0xf3 ? "REP; " : "REPNE; ";
  switch (last) {
    case 0x26: out += "ES "; break;
    case 0x2e: out += hinted ? "PN " : "CS "; break;
    case 0x36: out += "SS "; break;
    case 0x3e: out += hinted ? "PT " : "DS "; break;
    case 0x64: out += "FS "; break;
    case 0x65: out += "GS "; break;
    case 0xf0: out += "LOCK "; break;
    default: break;
  }
}

// ---- mnemonic

bool is_gpr64(const ZydisDecodedOperand& o) {
  return o.type == ZYDIS_OPERAND_TYPE_REGISTER && ZydisRegisterGetClass(o.reg.value) == ZYDIS_REGCLASS_GPR64;
}

char size_letter(int bits) { return bits == 8 ? 'B' : bits == 16 ? 'W' : bits == 32 ? 'L' : bits == 64 ? 'Q' : '\0'; }

void put_size_suffix(const Insn& in, std::string& out) {
  int bits = data_bits(in);
  if (const ZydisDecodedOperand* m = in.memory(); m && m->mem.type != ZYDIS_MEMOP_TYPE_AGEN && size_letter(m->size))
    bits = m->size;
  else if (in.z.operand_count_visible == 1 && is_gpr64(in.op[0]))
    bits = 64;
  if (const char c = size_letter(bits)) out += c;
}

// The vector conversions whose memory form would not tell the width of the source: X, Y or Z after the name.
void put_vector_width(const Insn& in, std::string& out) {
  switch (in.z.mnemonic) {
    case ZYDIS_MNEMONIC_VFPCLASSPD:
    case ZYDIS_MNEMONIC_VFPCLASSPS:
    case ZYDIS_MNEMONIC_VCVTPD2DQ: break;
    case ZYDIS_MNEMONIC_VCVTTPD2DQ:
    case ZYDIS_MNEMONIC_VCVTPD2PS:
      if (in.evex()) return;
      break;
    case ZYDIS_MNEMONIC_VCVTTSD2SI:
    case ZYDIS_MNEMONIC_VCVTTSS2SI:
    case ZYDIS_MNEMONIC_VCVTSD2SI:
    case ZYDIS_MNEMONIC_VCVTSS2SI:
      if (is_gpr64(in.op[0]) || (in.memory() && (is_gpr64({in.op[1]})))) out += 'Q';
      return;
    case ZYDIS_MNEMONIC_VCVTSI2SD:
    case ZYDIS_MNEMONIC_VCVTSI2SS:
      out += is_gpr64(in.op[2]) || (in.memory() && in.memory()->size == 64) ? 'Q' : 'L';
      return;
    case ZYDIS_MNEMONIC_VPCMPESTRM:
    case ZYDIS_MNEMONIC_VPCMPESTRI:
    case ZYDIS_MNEMONIC_VPCMPISTRI:
      if (in.z.raw.vex.W) out += "64";
      return;
    default: return;
  }
  const int ll = in.evex() ? in.z.raw.evex.L2 * 2 + in.z.raw.evex.L : in.z.raw.vex.L;
  if (ll < 3) out += "XYZ"[ll];
}

// Whether an embedded rounding mode is named; else only `.SAE` is printed.
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

void put_evex_suffixes(const Insn& in, std::string& out) {
  if (!in.evex()) return;
  const bool memory = in.memory() != nullptr;
  if (in.z.raw.evex.b && memory) out += ".BCST";
  if (in.z.raw.evex.b && !memory) {
    static constexpr std::string_view kRound[] = {".RN_SAE", ".RD_SAE", ".RU_SAE", ".RZ_SAE"};
    out += names_rounding(in) ? kRound[in.z.raw.evex.L2 * 2 + in.z.raw.evex.L] : std::string_view(".SAE");
  }
  if (in.z.raw.evex.z) out += ".Z";
}

// A name with %0 and %1 replaced by the size letters of operands.
void put_name(const Insn& in, std::string_view name, std::string& out) {
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (name[i] != '%') {
      out += name[i];
    } else if (const char c = size_letter(in.op[static_cast<std::size_t>(name[++i] - '0')].size)) {
      out += c;
    }
  }
}

// The string instructions own the bare names MOVSD and CMPSD; the assembler calls those MOVSL and CMPSL.
bool scalar_double(const Insn& in) {
  return !in.vector() && (in.z.mnemonic == ZYDIS_MNEMONIC_MOVSD || in.z.mnemonic == ZYDIS_MNEMONIC_CMPSD) &&
         !is_string(in.z);
}

void put_mnemonic(const Insn& in, const MnemonicFacts& f, std::string& out) {
  if (in.z.meta.branch_type == ZYDIS_BRANCH_TYPE_FAR) out += 'L';
  if (in.asm_names && !f.asm_name.empty()) return put_name(in, f.asm_name, out);
  put_name(in, f.name, out);
  if (in.asm_names && in.z.mnemonic == ZYDIS_MNEMONIC_IMUL && in.z.operand_count_visible == 3) out += '3';
  if (scalar_double(in) && !in.asm_names) out += "_XMM";
  if (in.evex() && in.z.mnemonic == ZYDIS_MNEMONIC_VPEXTRW && in.z.opcode == 0xc5 && in.compat) out += "_C5";
  if (in.vector()) {
    put_vector_width(in, out);
    put_evex_suffixes(in, out);
  } else if (f.sized) {
    put_size_suffix(in, out);
  }
}

// ---- operands

// String instructions name no operand in the encoding; the text shows the memory they touch.
void put_string_operands(const Insn& in, std::string& out) {
  bool first = true;
  const auto put = [&](const ZydisDecodedOperand& o) {
    out += first ? " " : ", ";
    first = false;
    if (o.type != ZYDIS_OPERAND_TYPE_MEMORY) return put_register(o.reg.value, out);
    put_register(o.mem.segment, out);
    out += ":0(";
    put_register(o.mem.base, out);
    out += ')';
  };
  // Operand 0 and 1 are the explicit pair, in Intel's order.
  put(in.op[1]);
  put(in.op[0]);
}

// Instructions whose text is not their operand list turned round. True: the operands are printed.
bool put_special_operands(const Insn& in, std::string& out) {
  switch (in.z.mnemonic) {
    case ZYDIS_MNEMONIC_INT3: out += " $0x3"; return true;
    case ZYDIS_MNEMONIC_XLAT:
      out += ' ';
      put_register(segment_prefix(in) == 0x64 ? ZYDIS_REGISTER_FS
                   : segment_prefix(in)       ? ZYDIS_REGISTER_GS
                                              : ZYDIS_REGISTER_DS,
                   out);
      out += ":0(BX)";
      return true;
    case ZYDIS_MNEMONIC_NOP:  // the register field of the long form is no operand
      if (in.z.operand_count_visible == 0) return true;
      out += ' ';
      put_operand(in, in.op[0], out);
      return true;
    case ZYDIS_MNEMONIC_FUCOMP:
      out += ' ';
      put_operand(in, in.op[1], out);
      return true;
    case ZYDIS_MNEMONIC_SHA256RNDS2:
    case ZYDIS_MNEMONIC_PBLENDVB:
    case ZYDIS_MNEMONIC_BLENDVPS:
    case ZYDIS_MNEMONIC_BLENDVPD: out += " X0,"; return false;
    default: return false;
  }
}

void put_operands(const Insn& in, std::string& out) {
  if (put_special_operands(in, out)) return;
  int order[ZYDIS_MAX_OPERAND_COUNT], n = 0;
  for (int i = in.z.operand_count_visible - 1; i >= 0; --i) {
    if (in.op[i].encoding == ZYDIS_OPERAND_ENCODING_MASK && in.op[i].reg.value == ZYDIS_REGISTER_K0) continue;
    order[n++] = i;
  }
  if (in.z.mnemonic == ZYDIS_MNEMONIC_CMP && n == 2) std::swap(order[0], order[1]);
  const int ymm = half_called_ymm(in);
  for (int i = 0; i < n; ++i) {
    out += i == 0 ? " " : ", ";
    const std::size_t start = out.size();
    put_operand(in, in.op[order[i]], out);
    if (order[i] == ymm && out[start] == 'X') out[start] = 'Y';
  }
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

bool decode(std::span<const std::uint8_t> code, Insn& in) {
  in.code = code;
  if (ZYAN_SUCCESS(decode_as_given(code, in))) return true;
  return in.compat && decode_leniently(code, in);
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

bool has_no_modrm(const Insn& in) {
  return in.z.mnemonic == ZYDIS_MNEMONIC_VZEROUPPER || in.z.mnemonic == ZYDIS_MNEMONIC_VZEROALL;
}
TextSize append_swallowing(const Insn& in, const MnemonicFacts& f, std::span<const std::uint8_t> code,
                           std::string& out) {
  const std::size_t limit = std::min<std::size_t>(code.size(), ZYDIS_MAX_INSTRUCTION_LENGTH);
  const std::span<const std::uint8_t> rest = code.subspan(in.z.length, limit - in.z.length);
  const std::uint32_t extra = swallowed(rest);
  if (extra == 0 && !rest.empty()) {
    out += '?';
    return {1, false};
  }
  out += f.name;
  return {in.z.length + extra, true};
}

}  // namespace

TextSize append_go(std::span<const std::uint8_t> code, std::uint64_t pc, const Symbols& symbols,
                   const TextOptions& options, std::string& out) {
  Insn in;
  in.pc = pc;
  in.symbols = &symbols;
  in.compat = options.objdump_compat;
  in.asm_names = options.asm_names;
  if (!decode(code, in)) {
    out += '?';
    return {1, false};
  }
  const MnemonicFacts& f = facts_of(in.z.mnemonic);
  if (options.objdump_compat && unknown_to_objdump(in.z, code)) {
    out += '?';
    return {1, false};
  }
  if (options.objdump_compat && has_no_modrm(in)) return append_swallowing(in, f, code, out);
  put_prefixes(in, out);
  put_mnemonic(in, f, out);
  if (is_string(in.z))
    put_string_operands(in, out);
  else
    put_operands(in, out);
  return {in.z.length, true};
}

TextSize append_gnu(std::span<const std::uint8_t> code, std::uint64_t pc, std::string& out) {
  static const ZydisFormatter formatter = [] {
    ZydisFormatter made;
    ZydisFormatterInit(&made, ZYDIS_FORMATTER_STYLE_ATT);
    ZydisFormatterSetProperty(&made, ZYDIS_FORMATTER_PROP_HEX_UPPERCASE, ZYAN_FALSE);
    ZydisFormatterSetProperty(&made, ZYDIS_FORMATTER_PROP_DISP_PADDING, ZYDIS_PADDING_DISABLED);
    ZydisFormatterSetProperty(&made, ZYDIS_FORMATTER_PROP_IMM_PADDING, ZYDIS_PADDING_DISABLED);
    ZydisFormatterSetProperty(&made, ZYDIS_FORMATTER_PROP_ADDR_PADDING_ABSOLUTE, ZYDIS_PADDING_DISABLED);
    return made;
  }();
  Insn in;
  if (!decode(code, in)) {
    out += '?';
    return {1, false};
  }
  char buffer[256];
  ZydisFormatterFormatInstruction(&formatter, &in.z, in.op.data(), in.z.operand_count_visible, buffer, sizeof buffer,
                                  pc, nullptr);
  out += buffer;
  return {in.z.length, true};
}

}  // namespace deferscope::isa::x86_64
