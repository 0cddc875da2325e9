// See gnu_prefixes.h. What makes use of a prefix was measured with objdump's own decoder: tests/oracle/go_text.py.
#include "isa/x86_64/gnu_prefixes.h"

#include <iterator>

namespace deferscope::isa::x86_64::gnu {
namespace {

bool is_rex(std::uint8_t b) { return (b & 0xf0) == 0x40; }

// The same instruction with another byte sequence in front: true if it is another instruction or has other operands.
bool differs(const Insn& in, std::span<const std::uint8_t> code) {
  Insn other;
  other.compat = in.compat;
  if (!decode(code, other) || other.z.mnemonic != in.z.mnemonic ||
      other.z.operand_count_visible != in.z.operand_count_visible)
    return true;
  for (std::size_t i = 0; i < in.z.operand_count_visible; ++i) {
    const ZydisDecodedOperand &a = in.op[i], &b = other.op[i];
    if (a.type != b.type || a.size != b.size) return true;
    if (is_register(a) && a.reg.value != b.reg.value) return true;
  }
  return false;
}

// Instructions whose operand size does not show in their operands, or that objdump's decoder believes to have one.
bool sized_silently(const ZydisDecodedInstruction& z) {
  if (is_string(z)) return (z.opcode & 1) != 0;
  switch (z.mnemonic) {
    case ZYDIS_MNEMONIC_CBW:
    case ZYDIS_MNEMONIC_CWDE:
    case ZYDIS_MNEMONIC_CDQE:
    case ZYDIS_MNEMONIC_CWD:
    case ZYDIS_MNEMONIC_CDQ:
    case ZYDIS_MNEMONIC_CQO:
    case ZYDIS_MNEMONIC_IRET:
    case ZYDIS_MNEMONIC_IRETD:
    case ZYDIS_MNEMONIC_IRETQ:
    case ZYDIS_MNEMONIC_PUSHF:
    case ZYDIS_MNEMONIC_PUSHFQ:
    case ZYDIS_MNEMONIC_POPF:
    case ZYDIS_MNEMONIC_POPFQ:
    case ZYDIS_MNEMONIC_POP:
    case ZYDIS_MNEMONIC_LEAVE:
    case ZYDIS_MNEMONIC_NOP:
    case ZYDIS_MNEMONIC_SLDT:
    case ZYDIS_MNEMONIC_SMSW:
    case ZYDIS_MNEMONIC_STR:
    case ZYDIS_MNEMONIC_SYSEXIT:
    case ZYDIS_MNEMONIC_XBEGIN:
    case ZYDIS_MNEMONIC_XLAT: return true;
    case ZYDIS_MNEMONIC_PUSH: return z.opcode != 0x6a && z.opcode_map == ZYDIS_OPCODE_MAP_DEFAULT;
    case ZYDIS_MNEMONIC_IN:
    case ZYDIS_MNEMONIC_OUT: return (z.opcode & 1) != 0;
    case ZYDIS_MNEMONIC_CALL:
    case ZYDIS_MNEMONIC_JMP: return z.opcode == 0xe8 || z.opcode == 0xe9;
    case ZYDIS_MNEMONIC_MOV:  // absolute addresses, segment registers
      return z.opcode_map == ZYDIS_OPCODE_MAP_DEFAULT &&
             ((z.opcode >= 0xa0 && z.opcode <= 0xa3) || z.opcode == 0x8c || z.opcode == 0x8e);
    default: return z.opcode_map == ZYDIS_OPCODE_MAP_0F && z.opcode >= 0x80 && z.opcode <= 0x8f;  // Jcc rel32
  }
}

// Does the prefix (0x66 or REX.W) choose among the operand sizes of the instruction? Asked of the instruction without
// it.
bool chooses_size(const Insn& in, std::uint8_t prefix) {
  if (sized_silently(in.z)) return true;
  std::uint8_t b[ZYDIS_MAX_INSTRUCTION_LENGTH];
  std::size_t n = 0;
  bool in_front = true;
  for (std::size_t i = 0; i < in.z.length; ++i) {
    const std::uint8_t v = in.code[i];
    const bool rex = in_front && is_rex(v);
    in_front = in_front && is_prefix(v);
    if (in_front && v == prefix) continue;
    b[n++] = rex && prefix != 0x66 ? v & 0xf7 : v;
  }
  while (n < std::size(b)) b[n++] = 0;  // an immediate may grow
  return differs(in, {b, n});
}

bool mandatory(const Insn& in, std::uint8_t byte) {
  if (is_string(in.z)) return false;
  for (int i = 0; i < in.z.raw.prefix_count; ++i)
    if (in.z.raw.prefixes[i].value == byte && in.z.raw.prefixes[i].type == ZYDIS_PREFIX_TYPE_MANDATORY) return true;
  return false;
}

bool uses_byte_register_of_rex(const Insn& in) {
  for (std::size_t i = 0; i < in.z.operand_count_visible; ++i)
    if (in_class(in.op[i], ZYDIS_REGCLASS_GPR8) && in.op[i].reg.value >= ZYDIS_REGISTER_SPL &&
        in.op[i].encoding != ZYDIS_OPERAND_ENCODING_NONE)
      return true;
  return false;
}

// objdump's decoder gives these one size only, whatever REX.W says.
bool ignores_w(const Insn& in, const Prefixes& p) {
  switch (in.z.mnemonic) {
    case ZYDIS_MNEMONIC_MOVMSKPD:
    case ZYDIS_MNEMONIC_MOVMSKPS: return true;
    case ZYDIS_MNEMONIC_FLDENV:
    case ZYDIS_MNEMONIC_FNSTENV:
    case ZYDIS_MNEMONIC_FRSTOR:
    case ZYDIS_MNEMONIC_FNSAVE: return p.times(0x66) != 0;
    default: return false;
  }
}

bool names_modrm(const Insn& in) {
  return std::any_of(in.op.begin(), in.op.begin() + in.z.operand_count_visible, [](const ZydisDecodedOperand& o) {
    return o.encoding == ZYDIS_OPERAND_ENCODING_MODRM_REG || o.encoding == ZYDIS_OPERAND_ENCODING_MODRM_RM;
  });
}

// Is every bit of the REX prefix put to use?
bool rex_used(const Insn& in, std::uint8_t rex, const Prefixes& prefixes) {
  const auto& z = in.z;
  if (z.mnemonic == ZYDIS_MNEMONIC_PAUSE) return (rex & 6) == 0;
  const bool x87 = z.opcode_map == ZYDIS_OPCODE_MAP_DEFAULT && (z.opcode & 0xf8) == 0xd8;
  const bool part_of_opcode = z.raw.modrm.mod == 3 && (x87 || !names_modrm(in));
  const bool modrm = (z.attributes & ZYDIS_ATTRIB_HAS_MODRM) && !part_of_opcode;
  std::uint8_t used = 0;
  if (modrm) used |= 4;
  if (modrm && (z.attributes & ZYDIS_ATTRIB_HAS_SIB)) used |= 2;
  if (modrm) used |= 1;
  for (std::size_t i = 0; i < z.operand_count_visible; ++i)
    if (in.op[i].encoding == ZYDIS_OPERAND_ENCODING_OPCODE && !in_class(in.op[i], ZYDIS_REGCLASS_X87)) used |= 1;
  if ((rex & 8) && !ignores_w(in, prefixes) && chooses_size(in, rex)) used |= 8;
  used = static_cast<std::uint8_t>(used & rex);
  if (used == rex - 0x40 && used) return true;
  return (rex & 0x0f & ~used) == 0 && uses_byte_register_of_rex(in);
}

void imply_what_the_instruction_uses(const Insn& in, Prefixes& p) {
  const bool memory = (in.z.attributes & ZYDIS_ATTRIB_HAS_MODRM) && in.z.raw.modrm.mod != 3;  // CR, DR: objdump's slip
  const bool string = is_string(in.z) || in.z.mnemonic == ZYDIS_MNEMONIC_XLAT;
  for (const std::uint8_t rep : {std::uint8_t{0xf2}, std::uint8_t{0xf3}})
    if (mandatory(in, rep)) p.imply_last(rep);
  if (p.times(0x66) && (mandatory(in, 0x66) || (data_bits(in) == 16 && chooses_size(in, 0x66)))) p.imply_last(0x66);
  if (memory || string || takes_hint(in.z)) {
    if (memory || string || any_of(in.z.mnemonic, ZYDIS_MNEMONIC_JCXZ, ZYDIS_MNEMONIC_JECXZ, ZYDIS_MNEMONIC_JRCXZ))
      p.imply_last(0x67);
  }
  const bool absolute = in.memory() && !memory && !string;
  if (memory || absolute || reads_overridable_segment(in.z))
    if (Prefix* s = p.last_of(0x64, 0x65)) s->implied = true;
  if (in.z.mnemonic == ZYDIS_MNEMONIC_NOP && in.z.opcode_map == ZYDIS_OPCODE_MAP_DEFAULT) p.show_all(0x66);
  if (in.z.mnemonic == ZYDIS_MNEMONIC_PAUSE) p.imply_last(0xf3);
  if (p.count && is_rex(p.list[p.count - 1].byte)) {
    Prefix& rex = p.list[p.count - 1];
    rex.implied = rex_used(in, rex.byte, p);
  }
}

bool may_be_locked(const Insn& in, const Operands& args) {
  static constexpr ZydisMnemonic kLockable[] = {
      ZYDIS_MNEMONIC_ADD,        ZYDIS_MNEMONIC_ADC,  ZYDIS_MNEMONIC_AND,     ZYDIS_MNEMONIC_BTC,
      ZYDIS_MNEMONIC_BTR,        ZYDIS_MNEMONIC_BTS,  ZYDIS_MNEMONIC_CMPXCHG, ZYDIS_MNEMONIC_CMPXCHG8B,
      ZYDIS_MNEMONIC_CMPXCHG16B, ZYDIS_MNEMONIC_DEC,  ZYDIS_MNEMONIC_INC,     ZYDIS_MNEMONIC_NEG,
      ZYDIS_MNEMONIC_NOT,        ZYDIS_MNEMONIC_OR,   ZYDIS_MNEMONIC_SBB,     ZYDIS_MNEMONIC_SUB,
      ZYDIS_MNEMONIC_XOR,        ZYDIS_MNEMONIC_XADD, ZYDIS_MNEMONIC_XCHG};
  return args.first_is_memory() &&
         std::find(std::begin(kLockable), std::end(kLockable), in.z.mnemonic) != std::end(kLockable);
}

// F2 and F3 that mean something else than repetition: transactions, bounds; CS and DS that are hints.
void give_meaning(const Insn& in, const Operands& args, Prefixes& p) {
  const auto& z = in.z;
  if (takes_hint(z) && !(p.times(0x2e) && p.times(0x3e)))
    if (Prefix* hint = p.last_of(0x2e, 0x3e))
      hint->meaning = hint->byte == 0x2e ? Meaning::hint_not_taken : Meaning::hint_taken;
  const bool loop = any_of(z.mnemonic, ZYDIS_MNEMONIC_LOOP, ZYDIS_MNEMONIC_LOOPE, ZYDIS_MNEMONIC_LOOPNE,
                           ZYDIS_MNEMONIC_JCXZ, ZYDIS_MNEMONIC_JECXZ, ZYDIS_MNEMONIC_JRCXZ);
  if ((takes_hint(z) && !loop) ||
      (any_of(z.mnemonic, ZYDIS_MNEMONIC_JMP, ZYDIS_MNEMONIC_CALL, ZYDIS_MNEMONIC_RET) && !is_far(z)))
    if (Prefix* bound = p.last(0xf2)) bound->meaning = Meaning::bound;
  if (!args.first_is_memory()) return;
  const bool locked = z.mnemonic == ZYDIS_MNEMONIC_XCHG || (p.times(0xf0) && may_be_locked(in, args));
  const std::uint8_t op = z.opcode & 0xfe;
  const bool store =
      z.mnemonic == ZYDIS_MNEMONIC_MOV && z.opcode_map == ZYDIS_OPCODE_MAP_DEFAULT && (op == 0x88 || op == 0xc6);
  bool acquired = false, released = false, repn = false;
  for (std::size_t i = p.count; i-- > 0;) {
    Prefix& q = p.list[i];
    if (q.implied) continue;
    if (q.byte == 0xf2) {
      if (locked && !acquired) q.meaning = Meaning::acquire;
      acquired = acquired || locked;
      repn = true;
    }
    if (q.byte == 0xf3) {
      const bool may = locked || (store && !repn);
      if (may && !released) q.meaning = Meaning::release;
      released = released || may;
    }
  }
}

// Where the usual rule is not followed.
void adjust(const Insn& in, const Operands& args, Prefixes& p) {
  const bool memory = args.first_is_memory();
  switch (in.z.mnemonic) {
    case ZYDIS_MNEMONIC_CRC32:
      if (p.times(0xf2) > 1) {
        p.show_all(0xf2);
        p.imply_last(0xf2);
      }
      p.show_all(0x66);
      p.imply_last(0x66);
      break;
    case ZYDIS_MNEMONIC_PAUSE:
      if (p.count && (p.list[p.count - 1].byte & 0xf9) == 0x41) p.imply_last(0x66);
      break;
    case ZYDIS_MNEMONIC_CVTSI2SD:
    case ZYDIS_MNEMONIC_CVTSI2SS:
      if (!in.memory() || data_bits(in) == 16) p.imply_last(0x66);
      break;
    case ZYDIS_MNEMONIC_RDFSBASE:
    case ZYDIS_MNEMONIC_RDGSBASE:
    case ZYDIS_MNEMONIC_WRFSBASE:
    case ZYDIS_MNEMONIC_WRGSBASE:
      if (data_bits(in) == 16) p.imply_last(0x66);
      break;
    case ZYDIS_MNEMONIC_CVTSD2SI:
    case ZYDIS_MNEMONIC_CVTSS2SI:
    case ZYDIS_MNEMONIC_CVTTSD2SI:
    case ZYDIS_MNEMONIC_CVTTSS2SI:
    case ZYDIS_MNEMONIC_ENTER:
    case ZYDIS_MNEMONIC_FLDENV:
    case ZYDIS_MNEMONIC_FNSAVE:
    case ZYDIS_MNEMONIC_FNSTENV:
    case ZYDIS_MNEMONIC_FRSTOR:
    case ZYDIS_MNEMONIC_LGDT:
    case ZYDIS_MNEMONIC_LIDT:
    case ZYDIS_MNEMONIC_POP:
    case ZYDIS_MNEMONIC_PUSH:
    case ZYDIS_MNEMONIC_RET:
    case ZYDIS_MNEMONIC_SGDT:
    case ZYDIS_MNEMONIC_SIDT:
    case ZYDIS_MNEMONIC_SYSRET:
    case ZYDIS_MNEMONIC_XBEGIN:
    case ZYDIS_MNEMONIC_MOVQ2DQ: p.imply_last(0x66); break;
    case ZYDIS_MNEMONIC_LOOP:
    case ZYDIS_MNEMONIC_LOOPE:
    case ZYDIS_MNEMONIC_LOOPNE:
    case ZYDIS_MNEMONIC_MONITOR: p.imply_last(0x67); break;
    case ZYDIS_MNEMONIC_MOV:
      if (in.memory() && (in_class(in.op[0], ZYDIS_REGCLASS_SEGMENT) || in_class(in.op[1], ZYDIS_REGCLASS_SEGMENT)))
        p.show_all(0x66);
      break;
    case ZYDIS_MNEMONIC_MOVDQU:
      if (p.times(0xf3) > 1) {
        p.show_all(0xf3);
        p.imply_last(0xf3);
      }
      break;
    case ZYDIS_MNEMONIC_SLDT:
    case ZYDIS_MNEMONIC_SMSW:
    case ZYDIS_MNEMONIC_STR:
    case ZYDIS_MNEMONIC_FXRSTOR:
    case ZYDIS_MNEMONIC_XRSTOR:
    case ZYDIS_MNEMONIC_XSAVE:
    case ZYDIS_MNEMONIC_XSAVEOPT:
    case ZYDIS_MNEMONIC_CMPXCHG8B:
      if (memory) p.show_all(0x66);
      break;
    case ZYDIS_MNEMONIC_SYSEXIT: p.show_all(0x66); break;
    default: break;
  }
}

std::string_view prefix_name(const Prefix& p) {
  switch (p.byte) {
    case 0x26: return "es ";
    case 0x2e: return "cs ";
    case 0x36: return "ss ";
    case 0x3e: return "ds ";
    case 0x64: return "fs ";
    case 0x65: return "gs ";
    case 0xf0: return "lock ";
    case 0xf2: return p.meaning == Meaning::bound ? "bnd " : p.meaning == Meaning::acquire ? "xacquire " : "repn ";
    case 0xf3: return p.meaning == Meaning::release ? "xrelease " : "rep ";
    default: return "";
  }
}

void put_rex(std::uint8_t rex, std::string& out) {
  out += rex == 0x40 ? "rex" : "rex.";
  for (int i = 0; i < 4; ++i)
    if (rex >> (3 - i) & 1) out += "WRXB"[i];
  out += ' ';
}

}  // namespace

Prefixes prefixes_of(const Insn& in, const Operands& args) {
  Prefixes p;
  std::size_t i = 0;
  for (; i < in.z.length && is_prefix(in.code[i]); ++i) p.list[p.count++].byte = in.code[i];
  if (i < in.z.length && is_rex(in.code[i])) p.list[p.count++].byte = in.code[i];
  if (p.count == 0) return p;
  imply_what_the_instruction_uses(in, p);
  adjust(in, args, p);
  give_meaning(in, args, p);
  return p;
}

// Of repeated size prefixes all but the last are called by the other size.
void put_prefixes(const Prefixes& p, std::string& out) {
  int data = 0, address = 0;
  bool data_implied = false;
  for (const Prefix& q : p.all()) data_implied = data_implied || (q.byte == 0x66 && q.implied);
  for (const Prefix& q : p.all()) {
    if (q.implied || q.meaning == Meaning::hint_not_taken || q.meaning == Meaning::hint_taken) continue;
    if (is_rex(q.byte))
      put_rex(q.byte, out);
    else if (q.byte == 0x67)
      out += p.times(0x67) > ++address ? "addr64 " : "addr32 ";
    else if (q.byte == 0x66)
      out += data_implied && p.times(0x66) > 1 && p.times(0x66) > ++data ? "data32 " : "data16 ";
    else
      out += prefix_name(q);
  }
}

void put_hints(const Prefixes& p, std::string& out) {
  for (const Prefix& q : p.all()) {
    if (q.meaning == Meaning::hint_not_taken) out += ",pn";
    if (q.meaning == Meaning::hint_taken) out += ",pt";
  }
}

}  // namespace deferscope::isa::x86_64::gnu
