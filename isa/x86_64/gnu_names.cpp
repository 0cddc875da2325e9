// See gnu_names.h.
#include "isa/x86_64/gnu_names.h"

#include <iterator>

#include "isa/x86_64/plan9_names.h"

namespace deferscope::isa::x86_64::gnu {
namespace {

struct Rename {
  ZydisMnemonic mnemonic;
  std::string_view name;
};
constexpr Rename kNames[] = {
    {ZYDIS_MNEMONIC_CBW, "cbtw"},    {ZYDIS_MNEMONIC_CDQ, "cltd"},   {ZYDIS_MNEMONIC_CWD, "cwtd"},
    {ZYDIS_MNEMONIC_CWDE, "cwtl"},   {ZYDIS_MNEMONIC_CQO, "cqto"},   {ZYDIS_MNEMONIC_INSD, "insl"},
    {ZYDIS_MNEMONIC_IRET, "iretw"},  {ZYDIS_MNEMONIC_IRETD, "iret"}, {ZYDIS_MNEMONIC_LODSB, "lods"},
    {ZYDIS_MNEMONIC_LODSD, "lods"},  {ZYDIS_MNEMONIC_LODSQ, "lods"}, {ZYDIS_MNEMONIC_LODSW, "lods"},
    {ZYDIS_MNEMONIC_OUTSD, "outsl"}, {ZYDIS_MNEMONIC_POPF, "popfw"}, {ZYDIS_MNEMONIC_PUSHF, "pushfw"},
    {ZYDIS_MNEMONIC_SCASB, "scas"},  {ZYDIS_MNEMONIC_SCASD, "scas"}, {ZYDIS_MNEMONIC_SCASQ, "scas"},
    {ZYDIS_MNEMONIC_SCASW, "scas"},  {ZYDIS_MNEMONIC_STOSB, "stos"}, {ZYDIS_MNEMONIC_STOSD, "stos"},
    {ZYDIS_MNEMONIC_STOSQ, "stos"},  {ZYDIS_MNEMONIC_STOSW, "stos"}, {ZYDIS_MNEMONIC_XLAT, "xlat"},
    {ZYDIS_MNEMONIC_INT3, "int3"},
};

// DC and DE: the assembler AT&T syntax comes from confused FSUB with FSUBR, and it stayed so.
ZydisMnemonic swapped(const Insn& in) {
  const bool registers = in.z.operand_count_visible == 2 && is_register(in.op[0]) && is_register(in.op[1]);
  if (!registers || (in.z.opcode != 0xdc && in.z.opcode != 0xde)) return in.z.mnemonic;
  switch (in.z.mnemonic) {
    case ZYDIS_MNEMONIC_FDIV: return ZYDIS_MNEMONIC_FDIVR;
    case ZYDIS_MNEMONIC_FDIVR: return ZYDIS_MNEMONIC_FDIV;
    case ZYDIS_MNEMONIC_FSUB: return ZYDIS_MNEMONIC_FSUBR;
    case ZYDIS_MNEMONIC_FSUBR: return ZYDIS_MNEMONIC_FSUB;
    case ZYDIS_MNEMONIC_FDIVP: return ZYDIS_MNEMONIC_FDIVRP;
    case ZYDIS_MNEMONIC_FDIVRP: return ZYDIS_MNEMONIC_FDIVP;
    case ZYDIS_MNEMONIC_FSUBP: return ZYDIS_MNEMONIC_FSUBRP;
    case ZYDIS_MNEMONIC_FSUBRP: return ZYDIS_MNEMONIC_FSUBP;
    default: return in.z.mnemonic;
  }
}

void put_name(const Insn& in, std::string& out) {
  const ZydisMnemonic m = swapped(in);
  if (is_string(in.z) && m == ZYDIS_MNEMONIC_MOVSD) {
    out += "movsl";
    return;
  }
  if (is_string(in.z) && m == ZYDIS_MNEMONIC_CMPSD) {
    out += "cmpsl";
    return;
  }
  for (const Rename& r : kNames)
    if (r.mnemonic == m) {
      out += r.name;
      return;
    }
  if (is_far(in.z)) out += 'l';
  for (const char c : facts_of(m).name) out += static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  if (in.evex() && m == ZYDIS_MNEMONIC_VPEXTRW && in.z.opcode == 0xc5 && in.compat) out += "_c5";
}

std::string_view size_suffix(int bytes) {
  switch (bytes) {
    case 1: return "b";
    case 2: return "w";
    case 4: return "l";
    case 8: return "q";
    default: return "";
  }
}

bool is_general(const ZydisDecodedOperand& o) {
  return in_class(o, ZYDIS_REGCLASS_GPR8) || in_class(o, ZYDIS_REGCLASS_GPR16) || in_class(o, ZYDIS_REGCLASS_GPR32) ||
         in_class(o, ZYDIS_REGCLASS_GPR64);
}

// Does a register tell the size of the operation?
bool register_tells_size(const Insn& in, const Operands& args) {
  for (int i = 0; i < args.count; ++i) {
    const ZydisDecodedOperand& o = *args.list[i];
    if (!is_register(o)) continue;
    switch (in.z.mnemonic) {
      case ZYDIS_MNEMONIC_MOVSX:
      case ZYDIS_MNEMONIC_MOVZX:
      case ZYDIS_MNEMONIC_CRC32: continue;
      case ZYDIS_MNEMONIC_SHL:
      case ZYDIS_MNEMONIC_SHR:
      case ZYDIS_MNEMONIC_RCL:
      case ZYDIS_MNEMONIC_RCR:
      case ZYDIS_MNEMONIC_ROL:
      case ZYDIS_MNEMONIC_ROR:
      case ZYDIS_MNEMONIC_SAR:
        if (i == 1) continue;
        break;
      case ZYDIS_MNEMONIC_PUSH:
      case ZYDIS_MNEMONIC_POP:
        if (in_class(o, ZYDIS_REGCLASS_SEGMENT)) continue;
        break;
      case ZYDIS_MNEMONIC_CVTSI2SD:
      case ZYDIS_MNEMONIC_CVTSI2SS:
        if (in_class(o, ZYDIS_REGCLASS_XMM)) continue;
        break;
      default: break;
    }
    if (is_general(o) || is_vector(o) || in_class(o, ZYDIS_REGCLASS_SEGMENT) || in_class(o, ZYDIS_REGCLASS_MMX) ||
        in_class(o, ZYDIS_REGCLASS_MASK))
      return true;
  }
  return false;
}

// Bytes of the memory operand; 0 where the decoder keeps no size.
int memory_bytes(const Insn& in) {
  const ZydisDecodedOperand* m = in.memory();
  if (!m || is_string(in.z)) return 0;
  if (in.z.mnemonic == ZYDIS_MNEMONIC_NOP) return data_bits(in) / 8;
  if (in.z.meta.category == ZYDIS_CATEGORY_PREFETCH || in.z.mnemonic == ZYDIS_MNEMONIC_INVLPG) return 0;
  if (m->mem.type == ZYDIS_MEMOP_TYPE_AGEN) return 0;
  return m->size / 8;
}

enum class X87 : std::uint8_t { none, real, integer };
X87 x87_memory_kind(ZydisMnemonic m) {
  switch (m) {
    case ZYDIS_MNEMONIC_FADD:
    case ZYDIS_MNEMONIC_FCOM:
    case ZYDIS_MNEMONIC_FCOMP:
    case ZYDIS_MNEMONIC_FDIV:
    case ZYDIS_MNEMONIC_FDIVR:
    case ZYDIS_MNEMONIC_FLD:
    case ZYDIS_MNEMONIC_FMUL:
    case ZYDIS_MNEMONIC_FST:
    case ZYDIS_MNEMONIC_FSTP:
    case ZYDIS_MNEMONIC_FSUB:
    case ZYDIS_MNEMONIC_FSUBR: return X87::real;
    case ZYDIS_MNEMONIC_FIADD:
    case ZYDIS_MNEMONIC_FICOM:
    case ZYDIS_MNEMONIC_FICOMP:
    case ZYDIS_MNEMONIC_FIDIV:
    case ZYDIS_MNEMONIC_FIDIVR:
    case ZYDIS_MNEMONIC_FILD:
    case ZYDIS_MNEMONIC_FIMUL:
    case ZYDIS_MNEMONIC_FIST:
    case ZYDIS_MNEMONIC_FISTP:
    case ZYDIS_MNEMONIC_FISTTP:
    case ZYDIS_MNEMONIC_FISUB:
    case ZYDIS_MNEMONIC_FISUBR: return X87::integer;
    default: return X87::none;
  }
}

std::string_view x87_suffix(const Insn& in, X87 kind) {
  switch (memory_bytes(in)) {
    case 4: return kind == X87::integer ? "l" : "s";
    case 8: return kind == X87::integer ? "ll" : "l";
    default:
      return in.memory() && memory_bytes(in) == 10 && any_of(in.z.mnemonic, ZYDIS_MNEMONIC_FLD, ZYDIS_MNEMONIC_FSTP)
                 ? "t"
                 : "";
  }
}

bool never_sized(ZydisMnemonic m) {
  static constexpr ZydisMnemonic kNever[] = {
      ZYDIS_MNEMONIC_CMPXCHG8B, ZYDIS_MNEMONIC_FLDCW,  ZYDIS_MNEMONIC_FNSTCW, ZYDIS_MNEMONIC_FNSTSW,
      ZYDIS_MNEMONIC_LDMXCSR,   ZYDIS_MNEMONIC_LLDT,   ZYDIS_MNEMONIC_LMSW,   ZYDIS_MNEMONIC_LTR,
      ZYDIS_MNEMONIC_PCLMULQDQ, ZYDIS_MNEMONIC_SETNBE, ZYDIS_MNEMONIC_SETNB,  ZYDIS_MNEMONIC_SETB,
      ZYDIS_MNEMONIC_SETBE,     ZYDIS_MNEMONIC_SETZ,   ZYDIS_MNEMONIC_SETNLE, ZYDIS_MNEMONIC_SETNL,
      ZYDIS_MNEMONIC_SETL,      ZYDIS_MNEMONIC_SETLE,  ZYDIS_MNEMONIC_SETNZ,  ZYDIS_MNEMONIC_SETNO,
      ZYDIS_MNEMONIC_SETNP,     ZYDIS_MNEMONIC_SETNS,  ZYDIS_MNEMONIC_SETO,   ZYDIS_MNEMONIC_SETP,
      ZYDIS_MNEMONIC_SETS,      ZYDIS_MNEMONIC_SLDT,   ZYDIS_MNEMONIC_SMSW,   ZYDIS_MNEMONIC_STMXCSR,
      ZYDIS_MNEMONIC_STR,       ZYDIS_MNEMONIC_VERR,   ZYDIS_MNEMONIC_VERW,   ZYDIS_MNEMONIC_VLDMXCSR,
      ZYDIS_MNEMONIC_VSTMXCSR};
  return std::find(std::begin(kNever), std::end(kNever), m) != std::end(kNever);
}

void put_size_suffix(const Insn& in, Prefixes& p, std::string& out) {
  const ZydisMnemonic m = in.z.mnemonic;
  if (never_sized(m)) return;
  switch (m) {
    case ZYDIS_MNEMONIC_CRC32: out += size_suffix(in.op[1].size / 8); return;
    case ZYDIS_MNEMONIC_LGDT:
    case ZYDIS_MNEMONIC_LIDT:
    case ZYDIS_MNEMONIC_SGDT:
    case ZYDIS_MNEMONIC_SIDT: out += size_suffix(data_bits(in) / 8); return;
    case ZYDIS_MNEMONIC_MOVZX:
    case ZYDIS_MNEMONIC_MOVSX:
      out.pop_back();
      out += size_suffix(in.op[1].size / 8);
      out += size_suffix(in.op[0].size / 8);
      return;
    case ZYDIS_MNEMONIC_LOOP:
    case ZYDIS_MNEMONIC_LOOPE:
    case ZYDIS_MNEMONIC_LOOPNE: return;
    case ZYDIS_MNEMONIC_CALL:
    case ZYDIS_MNEMONIC_ENTER:
    case ZYDIS_MNEMONIC_JMP:
    case ZYDIS_MNEMONIC_LEAVE:
    case ZYDIS_MNEMONIC_RET:
    case ZYDIS_MNEMONIC_SYSRET:
    case ZYDIS_MNEMONIC_XBEGIN:
      if (in.z.opcode == 0xeb) return;
      if (data_bits(in) == 16) p.imply_last(0x66);
      out += data_bits(in) == 16 ? 'w' : 'q';
      return;
    case ZYDIS_MNEMONIC_FRSTOR:
    case ZYDIS_MNEMONIC_FNSAVE:
    case ZYDIS_MNEMONIC_FNSTENV:
    case ZYDIS_MNEMONIC_FLDENV:
      if (data_bits(in) == 16) out += 's';
      return;
    case ZYDIS_MNEMONIC_PUSH:
    case ZYDIS_MNEMONIC_POP: out += p.imply_last(0x66) ? size_suffix(data_bits(in) / 8) : "q"; return;
    default: break;
  }
  if (const X87 kind = x87_memory_kind(m); kind != X87::none)
    out += x87_suffix(in, kind);
  else
    out += size_suffix(memory_bytes(in));
}

// X, Y or Z after conversions whose memory form would not tell the width of the source.
void put_vector_width(const Insn& in, std::string& out) {
  if (in.vector() && in.z.raw.vex.W &&
      any_of(in.z.mnemonic, ZYDIS_MNEMONIC_VPCMPESTRM, ZYDIS_MNEMONIC_VPCMPESTRI, ZYDIS_MNEMONIC_VPCMPISTRI))
    out += "64";
  if (!in.vector() || !in.memory()) return;
  const ZydisMnemonic m = in.z.mnemonic;
  if (any_of(m, ZYDIS_MNEMONIC_VCVTSI2SD, ZYDIS_MNEMONIC_VCVTSI2SS)) {
    out += memory_bytes(in) == 8 ? 'q' : 'l';
    return;
  }
  const bool always = any_of(m, ZYDIS_MNEMONIC_VFPCLASSPD, ZYDIS_MNEMONIC_VFPCLASSPS, ZYDIS_MNEMONIC_VCVTPD2DQ);
  const bool legacy = any_of(m, ZYDIS_MNEMONIC_VCVTTPD2DQ, ZYDIS_MNEMONIC_VCVTPD2PS);
  if (!always && !(legacy && !in.evex())) return;
  const int ll = in.evex() ? in.z.raw.evex.L2 * 2 + in.z.raw.evex.L : in.z.raw.vex.L;
  if (ll < 3) out += "xyz"[ll];
}

// Comparisons whose predicate is part of the name; the immediate goes.
void fold_predicate(const Insn& in, Operands& args, std::string& out) {
  static constexpr std::string_view kPredicate[] = {"eq", "lt", "le", "unord", "neq", "nlt", "nle", "ord"};
  const ZydisMnemonic m = in.z.mnemonic;
  if (args.count == 0 || is_string(in.z)) return;
  const ZydisDecodedOperand& last = *args.list[args.count - 1];
  if (last.type != ZYDIS_OPERAND_TYPE_IMMEDIATE) return;
  const std::int64_t v = immediate(in, last);
  if (m == ZYDIS_MNEMONIC_PCLMULQDQ && (v & ~0x11) == 0) {
    static constexpr std::string_view kHalves[] = {"pclmullqlqdq", "pclmulhqlqdq", "pclmullqhqdq", "pclmulhqhqdq"};
    out = kHalves[(v & 0x10) >> 3 | (v & 1)];
    --args.count;
    return;
  }
  const bool vector =
      any_of(m, ZYDIS_MNEMONIC_VCMPPD, ZYDIS_MNEMONIC_VCMPPS, ZYDIS_MNEMONIC_VCMPSD, ZYDIS_MNEMONIC_VCMPSS);
  const bool sse = any_of(m, ZYDIS_MNEMONIC_CMPPS, ZYDIS_MNEMONIC_CMPPD, ZYDIS_MNEMONIC_CMPSD, ZYDIS_MNEMONIC_CMPSS);
  if ((!vector && !sse) || v < 0 || v > 7) return;
  out.insert(vector ? 4 : 3, kPredicate[v]);
  --args.count;
}

}  // namespace

bool is_vector(const ZydisDecodedOperand& o) {
  return in_class(o, ZYDIS_REGCLASS_XMM) || in_class(o, ZYDIS_REGCLASS_YMM) || in_class(o, ZYDIS_REGCLASS_ZMM);
}

std::string mnemonic(const Insn& in, Operands& args, Prefixes& p) {
  std::string name;
  put_name(in, name);
  if (!register_tells_size(in, args)) put_size_suffix(in, p, name);
  put_vector_width(in, name);
  fold_predicate(in, args, name);
  put_hints(p, name);
  return name;
}

}  // namespace deferscope::isa::x86_64::gnu
