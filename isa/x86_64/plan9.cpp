// The Go (Plan 9) syntax of one x86-64 instruction.
//
// The rules (measured against `go tool objdump` of Go 1.27.4): operands are printed last to first, except those of CMP;
// the size suffix comes from the memory operand, else from the operand-size prefixes; a 32-bit displacement of a legacy
// instruction is printed as it is encoded, unsigned; a prefix that the text does not imply is printed in front, the
// last one only.
#include "isa/x86_64/plan9.h"

#include <algorithm>

#include "isa/text/append.h"
#include "isa/x86_64/plan9_gaps.h"
#include "isa/x86_64/plan9_names.h"
#include "isa/x86_64/text_insn.h"

namespace deferscope::isa::x86_64 {
namespace {

using text::dec;
using text::hex;
using text::signed_hex;

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
  const std::int64_t v = immediate(in, o);
  out += '$';
  if (taken_for_address(in))
    if (const SymbolAt s = in.symbols->at(static_cast<std::uint64_t>(v)); !s.name.empty())
      return put_symbol(s, static_cast<std::uint64_t>(v), out);
  if (v == static_cast<std::int32_t>(v))
    signed_hex(out, v);
  else
    hex(out, static_cast<std::uint64_t>(v));
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
  const bool hinted = takes_hint(in.z);
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
  if (in.asm_names && in.op[0].size == 8) bits = 8;  // objdump calls byte registers L
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

bool is_one_byte_nop(const Insn& in) { return in.z.mnemonic == ZYDIS_MNEMONIC_NOP && in.z.length == 1; }

void put_mnemonic(const Insn& in, const MnemonicFacts& f, std::string& out) {
  if (in.z.meta.branch_type == ZYDIS_BRANCH_TYPE_FAR) out += 'L';
  if (in.asm_names && is_one_byte_nop(in)) {
    out += "XCHGL";
    return;
  }
  if (in.asm_names && !f.asm_name.empty()) {
    put_name(in, f.asm_name, out);
    return put_evex_suffixes(in, out);
  }
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
      if (in.asm_names && is_one_byte_nop(in)) out += " AX, AX";
      if (in.z.operand_count_visible == 0) return true;
      out += ' ';
      put_operand(in, in.op[0], out);
      return true;
    case ZYDIS_MNEMONIC_FUCOMP:
      out += ' ';
      put_operand(in, in.op[1], out);
      return true;
    case ZYDIS_MNEMONIC_RDRAND: return loses_operand(in);
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

}  // namespace

TextSize append_go(std::span<const std::uint8_t> code, std::uint64_t pc, const Symbols& symbols,
                   const TextOptions& options, std::string& out) {
  Insn in;
  in.pc = pc;
  in.symbols = &symbols;
  in.compat = options.objdump_compat;
  in.asm_names = options.asm_names;
  const bool known = decode(code, in) && !(in.compat && unknown_to_objdump(in.z, code));
  const std::uint32_t size = !known ? 0 : in.compat ? objdump_size(in, code) : in.z.length;
  if (size == 0) {
    out += '?';
    return {1, false};
  }
  put_prefixes(in, out);
  put_mnemonic(in, facts_of(in.z.mnemonic), out);
  if (is_string(in.z))
    put_string_operands(in, out);
  else
    put_operands(in, out);
  return {size, true};
}

}  // namespace deferscope::isa::x86_64
