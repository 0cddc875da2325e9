// The GNU (AT&T) syntax of one x86-64 instruction, as `go tool objdump -gnu` of Go 1.27 prints it.
//
// The rules: operands last to first; a size suffix only where no register tells the size (gnu_names.cpp); a prefix is
// printed in front unless the instruction makes use of it (gnu_prefixes.cpp).
#include <algorithm>

#include "isa/text/append.h"
#include "isa/x86_64/gnu_names.h"
#include "isa/x86_64/plan9.h"
#include "isa/x86_64/plan9_gaps.h"

namespace deferscope::isa::x86_64 {
namespace gnu {

using text::dec;
using text::hex;
using text::signed_hex;

Operands operands_of(const Insn& in) {
  Operands made;
  switch (in.z.mnemonic) {
    case ZYDIS_MNEMONIC_INT3: return made;
    case ZYDIS_MNEMONIC_RDRAND:
      if (!loses_operand(in)) made.add(in.op[0]);
      return made;
    case ZYDIS_MNEMONIC_NOP:
      if (in.z.operand_count_visible) made.add(in.op[0]);
      return made;
    case ZYDIS_MNEMONIC_FUCOMP: made.add(in.op[1]); return made;
    default: break;
  }
  const int shown = is_string(in.z) ? 2 : in.z.operand_count_visible;
  for (int i = 0; i < shown; ++i) {
    const ZydisDecodedOperand& o = in.op[static_cast<std::size_t>(i)];
    const bool shift_by_one = o.type == ZYDIS_OPERAND_TYPE_IMMEDIATE && o.imm.value.u == 1 &&
                              in.z.opcode_map == ZYDIS_OPCODE_MAP_DEFAULT && (in.z.opcode & 0xfe) == 0xd0;
    if (!shift_by_one) made.add(o);
  }
  return made;
}

namespace {

// The register's name by objdump's idea of its width, where that is another than the processor's.
ZydisRegister as_wide_as_objdump_says(const Insn& in, const ZydisDecodedOperand& o) {
  const ZydisRegister r = o.reg.value;
  const ZydisRegisterClass c = ZydisRegisterGetClass(r);
  if (c != ZYDIS_REGCLASS_GPR16 && c != ZYDIS_REGCLASS_GPR32 && c != ZYDIS_REGCLASS_GPR64) return r;
  const auto as = [r](ZydisRegisterClass wanted) {
    return ZydisRegisterEncode(wanted, static_cast<ZyanU8>(ZydisRegisterGetId(r)));
  };
  switch (in.z.mnemonic) {
    case ZYDIS_MNEMONIC_CVTSI2SS:
    case ZYDIS_MNEMONIC_CVTSI2SD:
    case ZYDIS_MNEMONIC_CVTSS2SI:
    case ZYDIS_MNEMONIC_CVTSD2SI:
    case ZYDIS_MNEMONIC_CVTTSD2SI:
    case ZYDIS_MNEMONIC_CVTTSS2SI:
      return c == ZYDIS_REGCLASS_GPR32 && data_bits(in) == 16 ? as(ZYDIS_REGCLASS_GPR16) : r;
    case ZYDIS_MNEMONIC_MOVMSKPD:
    case ZYDIS_MNEMONIC_MOVMSKPS: return as(ZYDIS_REGCLASS_GPR32);
    case ZYDIS_MNEMONIC_MOVSXD: return &o == &in.op[1] && data_bits(in) == 16 ? as(ZYDIS_REGCLASS_GPR32) : r;
    case ZYDIS_MNEMONIC_MOV:
      if (in.z.opcode != 0x8e) return r;
      return as(data_bits(in) == 16   ? ZYDIS_REGCLASS_GPR16
                : data_bits(in) == 64 ? ZYDIS_REGCLASS_GPR64
                                      : ZYDIS_REGCLASS_GPR32);
    default: return r;
  }
}

void put_register(ZydisRegister r, std::string& out) {
  const ZydisRegisterClass c = ZydisRegisterGetClass(r);
  out += '%';
  if (c == ZYDIS_REGCLASS_X87) {
    out += "st";
    if (r == ZYDIS_REGISTER_ST0) return;
    out += '(';
    dec(out, r - ZYDIS_REGISTER_ST0);
    out += ')';
    return;
  }
  if (c == ZYDIS_REGCLASS_DEBUG) {
    out += "db";
    dec(out, ZydisRegisterGetId(r));
    return;
  }
  const char* name = ZydisRegisterGetString(r);
  out += name ? name : "?";
}

bool is_gather(const Insn& in) { return in.memory() && in.memory()->mem.type == ZYDIS_MEMOP_TYPE_VSIB; }

bool takes_no_segment(const Insn& in) {
  if (!is_string(in.z)) return is_gather(in);
  const std::uint8_t op = in.z.opcode & 0xfe;
  return op == 0x6c || op == 0xaa || op == 0xae;  // INS, STOS, SCAS
}

constexpr std::uint8_t kSegmentPrefix[] = {0x2e, 0x3e, 0x36, 0x26, 0x64, 0x65};
constexpr std::string_view kSegmentName[] = {"%cs:", "%ds:", "%ss:", "%es:", "%fs:", "%gs:"};

// The segments named before a memory operand: the one in force, and then every segment prefix that stands there, each
// once. `free`: prefixes may still be shown here (the first memory operand takes them).
void put_segments(const Insn& in, ZydisRegister own, Prefixes& p, bool& free, std::string& out) {
  bool have[6] = {};
  static constexpr ZydisRegister kRegister[] = {ZYDIS_REGISTER_CS, ZYDIS_REGISTER_DS, ZYDIS_REGISTER_SS,
                                                ZYDIS_REGISTER_ES, ZYDIS_REGISTER_FS, ZYDIS_REGISTER_GS};
  for (int s = 0; s < 6; ++s) have[s] = own == kRegister[s];
  if (free && !takes_no_segment(in)) {
    for (std::size_t i = p.count; i-- > 0;)
      for (int s = 0; s < 6; ++s) {
        Prefix& q = p.list[i];
        if (q.byte != kSegmentPrefix[s] || have[s] || q.implied) continue;
        have[s] = q.implied = true;
      }
    // objdump's slip: bytes of the VEX or EVEX prefix that look like segment prefixes are taken for such.
    if (in.vector() && in.compat) {
      const std::size_t n = in.evex() ? 4 : in.code[0] == 0xc4 ? 3 : 2;
      for (std::size_t i = 1; i < n; ++i)
        for (int s = 0; s < 6; ++s) have[s] = have[s] || in.code[i] == kSegmentPrefix[s];
    }
    free = false;
  }
  for (int s = 0; s < 6; ++s)
    if (have[s]) out += kSegmentName[s];
}

void put_address(const Insn& in, const ZydisDecodedOperand& o, std::string& out) {
  const ZydisDecodedOperandMem& m = o.mem;
  const bool base_lost = relative_to_ip(m) && in.vector() && in.compat;
  const bool base = m.base != ZYDIS_REGISTER_NONE && !base_lost;
  const bool sib = !is_string(in.z) && in.z.raw.modrm.rm == 4 && (in.z.attributes & ZYDIS_ATTRIB_HAS_SIB);
  if (const std::int64_t disp = is_string(in.z) ? 0 : displacement(in, o); disp != 0) signed_hex(out, disp);
  const bool index = m.index != ZYDIS_REGISTER_NONE;
  const int scale = sib ? 1 << in.z.raw.sib.scale : 0;
  const bool bare_sp = !base || m.base == ZYDIS_REGISTER_RSP || m.base == ZYDIS_REGISTER_ESP;
  if (!sib || (!index && scale == 1 && bare_sp)) {
    if (!base) return;
    out += '(';
    put_register(m.base, out);
    out += ')';
    return;
  }
  out += '(';
  if (base) put_register(m.base, out);
  out += ',';
  if (index)
    put_register(m.index, out);
  else
    out += in.z.address_width == 64 && !(in.vector() && in.compat) ? "%riz" : "%eiz";  // objdump's slip
  if (scale != 1 || in.z.mnemonic == ZYDIS_MNEMONIC_VMOVNTDQA) {
    out += ',';
    dec(out, scale);
  }
  out += ')';
}

ZydisRegister segment_of(const Insn& in, const ZydisDecodedOperand& o) {
  if (is_string(in.z)) return o.mem.segment;
  if (in.vector()) return ZYDIS_REGISTER_NONE;
  const std::uint8_t s = segment_prefix(in);
  return s == 0x64 ? ZYDIS_REGISTER_FS : s == 0x65 ? ZYDIS_REGISTER_GS : ZYDIS_REGISTER_NONE;
}

void put_immediate(const Insn& in, const ZydisDecodedOperand& o, std::string& out) {
  if (o.imm.is_relative) return hex(out, in.next() + o.imm.value.u);
  out += '$';
  signed_hex(out, immediate(in, o));
}

// {1to8}: how often the element is repeated to fill the destination.
void put_broadcast(const Insn& in, const Operands& args, std::string& out) {
  const ZydisDecodedOperand& to = *args.list[0];
  const int element = in.memory()->element_size;
  if (!is_vector(to) || element == 0) return;
  const int bits = in_class(to, ZYDIS_REGCLASS_XMM) ? 128 : in_class(to, ZYDIS_REGCLASS_YMM) ? 256 : 512;
  out += "{1to";
  dec(out, bits / element);
  out += '}';
}

struct Line {
  std::string text[ZYDIS_MAX_OPERAND_COUNT + 1];
  int count = 0;
};

void put_operand(const Insn& in, const Operands& args, int i, Prefixes& p, bool& free, std::string& out) {
  const ZydisDecodedOperand& o = *args.list[i];
  switch (o.type) {
    case ZYDIS_OPERAND_TYPE_REGISTER: {
      const bool port =
          o.reg.value == ZYDIS_REGISTER_DX && (any_of(in.z.mnemonic, ZYDIS_MNEMONIC_IN, ZYDIS_MNEMONIC_OUT) ||
                                               in.z.meta.category == ZYDIS_CATEGORY_IOSTRINGOP);
      if (port) {
        out += "(%dx)";
        return;
      }
      const bool cs = in.to_cs && o.reg.value == ZYDIS_REGISTER_ES;
      return put_register(cs ? ZYDIS_REGISTER_CS : as_wide_as_objdump_says(in, o), out);
    }
    case ZYDIS_OPERAND_TYPE_MEMORY:
      put_segments(in, segment_of(in, o), p, free, out);
      put_address(in, o, out);
      if (in.evex() && in.z.raw.evex.b && i > 0) put_broadcast(in, args, out);
      return;
    case ZYDIS_OPERAND_TYPE_IMMEDIATE: return put_immediate(in, o, out);
    default: return;
  }
}

// The mask register stands second; it is written behind the destination, {%k1} and {z}.
bool fold_mask(const Insn& in, const ZydisDecodedOperand& o, int i, std::string& destination) {
  if (i != 1 || !in_class(o, ZYDIS_REGCLASS_MASK)) return false;
  const char* name = ZydisMnemonicGetString(in.z.mnemonic);
  if (name && name[0] == 'k') return false;
  const bool none = o.reg.value == ZYDIS_REGISTER_K0;
  const bool zeroing = in.evex() && in.z.raw.evex.z;
  if (!none) {
    destination += " {%";
    destination += ZydisRegisterGetString(o.reg.value);
    destination += '}';
  }
  if (zeroing) destination += none ? "{z}" : " {z}";
  return true;
}

Line operand_texts(const Insn& in, const Operands& args, Prefixes& p) {
  static constexpr std::string_view kRound[] = {"{rn-sae}", "{rd-sae}", "{ru-sae}", "{rz-sae}"};
  Line line;
  bool free = true;
  if (in.z.mnemonic == ZYDIS_MNEMONIC_XLAT) {
    const std::uint8_t segment = segment_prefix(in);
    const ZydisRegister own = segment == 0x64 ? ZYDIS_REGISTER_FS : segment ? ZYDIS_REGISTER_GS : ZYDIS_REGISTER_DS;
    put_segments(in, own, p, free, line.text[line.count++]);
    line.text[0] += in.z.address_width == 64 ? "(%rbx)" : "(%ebx)";
    return line;
  }
  const int ymm = half_called_ymm(in);
  const bool two_segments = is_string(in.z) && ((in.z.opcode & 0xfe) == 0xa4 || (in.z.opcode & 0xfe) == 0x6e);
  for (int i = 0; i < args.count; ++i) {
    if (two_segments) free = i == 1;
    const ZydisDecodedOperand& o = *args.list[i];
    if (line.count > 0 && fold_mask(in, o, i, line.text[0])) continue;
    std::string& text = line.text[line.count++];
    put_operand(in, args, i, p, free, text);
    if (ymm >= 0 && &o == &in.op[static_cast<std::size_t>(ymm)] && text.starts_with("%x")) text[1] = 'y';
  }
  if (in.evex() && in.z.raw.evex.b && !in.memory())
    line.text[line.count++] =
        names_rounding(in) ? kRound[in.z.raw.evex.L2 * 2 + in.z.raw.evex.L] : std::string_view("{sae}");
  return line;
}

// Registers that the instruction reads without an operand saying so, printed all the same (first or alone).
std::string_view implicit_registers(const Insn& in) {
  switch (in.z.mnemonic) {
    case ZYDIS_MNEMONIC_MONITOR: return "%eax,%ecx,%edx";
    case ZYDIS_MNEMONIC_MWAIT: return "%rax,%rcx";
    case ZYDIS_MNEMONIC_SHA256RNDS2:
    case ZYDIS_MNEMONIC_PBLENDVB:
    case ZYDIS_MNEMONIC_BLENDVPS:
    case ZYDIS_MNEMONIC_BLENDVPD: return "%xmm0";
    default: return "";
  }
}

void put_operands(const Insn& in, const Operands& args, Line& line, std::string& out) {
  const std::string_view implicit = implicit_registers(in);
  if (line.count == 0 && implicit.empty()) return;
  out += ' ';
  if (any_of(in.z.mnemonic, ZYDIS_MNEMONIC_CALL, ZYDIS_MNEMONIC_JMP) &&
      (is_memory(*args.list[0]) || is_register(*args.list[0])))
    out += '*';
  out += implicit;
  const bool as_intel = in.z.mnemonic == ZYDIS_MNEMONIC_ENTER ||
                        (is_far(in.z) && any_of(in.z.mnemonic, ZYDIS_MNEMONIC_CALL, ZYDIS_MNEMONIC_JMP));
  if (!as_intel) std::reverse(line.text, line.text + line.count);
  for (int i = 0; i < line.count; ++i) {
    if (i > 0 || !implicit.empty()) out += ',';
    out += line.text[i];
  }
}

void put(const Insn& in, std::string& out) {
  Operands args = operands_of(in);
  Prefixes p = in.vector() ? Prefixes{} : prefixes_of(in, args);
  const std::string name = mnemonic(in, args, p);
  Line line = operand_texts(in, args, p);
  put_prefixes(p, out);
  out += name;
  put_operands(in, args, line, out);
}

// ---- what objdump does not know

void put_zydis(const Insn& in, std::string& out) {
  static const ZydisFormatter formatter = [] {
    ZydisFormatter made;
    ZydisFormatterInit(&made, ZYDIS_FORMATTER_STYLE_ATT);
    ZydisFormatterSetProperty(&made, ZYDIS_FORMATTER_PROP_HEX_UPPERCASE, ZYAN_FALSE);
    ZydisFormatterSetProperty(&made, ZYDIS_FORMATTER_PROP_DISP_PADDING, ZYDIS_PADDING_DISABLED);
    ZydisFormatterSetProperty(&made, ZYDIS_FORMATTER_PROP_IMM_PADDING, ZYDIS_PADDING_DISABLED);
    ZydisFormatterSetProperty(&made, ZYDIS_FORMATTER_PROP_ADDR_PADDING_ABSOLUTE, ZYDIS_PADDING_DISABLED);
    return made;
  }();
  char buffer[256];
  ZydisFormatterFormatInstruction(&formatter, &in.z, in.op.data(), in.z.operand_count_visible, buffer, sizeof buffer,
                                  in.pc, nullptr);
  for (const char* c = buffer; *c; ++c)  // "a, b" as objdump's "a,b"
    if (*c != ' ' || c == buffer || c[-1] != ',') out += *c;
}

}  // namespace
}  // namespace gnu

TextSize append_gnu(std::span<const std::uint8_t> code, std::uint64_t pc, const TextOptions& options,
                    std::string& out) {
  Insn in;
  in.pc = pc;
  in.compat = options.objdump_compat;
  const bool decoded = decode(code, in);
  const bool unknown = decoded && unknown_to_objdump(in.z, code);
  const std::uint32_t size = !decoded || (unknown && in.compat) ? 0 : in.compat ? objdump_size(in, code) : in.z.length;
  if (size == 0) {
    out += '?';
    return {1, false};
  }
  if (unknown)
    gnu::put_zydis(in, out);
  else
    gnu::put(in, out);
  return {size, true};
}

}  // namespace deferscope::isa::x86_64
