// The GNU (AT&T) syntax of one x86-64 instruction, as `go tool objdump -gnu` of Go 1.27 prints it.
//
// The rules: operands last to first; a size suffix only where no register tells the size; a prefix is printed in front
// unless the instruction makes use of it. "Makes use" is what takes most of this file.
#include <algorithm>
#include <iterator>

#include "isa/text/append.h"
#include "isa/x86_64/plan9.h"
#include "isa/x86_64/plan9_gaps.h"
#include "isa/x86_64/plan9_names.h"
#include "isa/x86_64/text_insn.h"

namespace deferscope::isa::x86_64 {
namespace {

using text::dec;
using text::hex;
using text::signed_hex;

template <class... M>
constexpr bool any_of(ZydisMnemonic m, M... names) {
  return ((m == names) || ...);
}

bool is_memory(const ZydisDecodedOperand& o) { return o.type == ZYDIS_OPERAND_TYPE_MEMORY; }
bool is_register(const ZydisDecodedOperand& o) { return o.type == ZYDIS_OPERAND_TYPE_REGISTER; }
bool in_class(const ZydisDecodedOperand& o, ZydisRegisterClass c) {
  return is_register(o) && ZydisRegisterGetClass(o.reg.value) == c;
}
bool is_jump_with_hint(const ZydisDecodedInstruction& z) { return z.meta.category == ZYDIS_CATEGORY_COND_BR; }
bool is_far(const ZydisDecodedInstruction& z) { return z.meta.branch_type == ZYDIS_BRANCH_TYPE_FAR; }
bool has_modrm_memory(const Insn& in) {
  return (in.z.attributes & ZYDIS_ATTRIB_HAS_MODRM) && in.z.raw.modrm.mod != 3 &&
         !(in.z.opcode_map == ZYDIS_OPCODE_MAP_0F && in.z.opcode >= 0x20 && in.z.opcode <= 0x23);
}

// ---- the operands in Intel's order, as objdump's decoder lists them

struct Operands {
  const ZydisDecodedOperand* list[ZYDIS_MAX_OPERAND_COUNT];
  int count = 0;
  void add(const ZydisDecodedOperand& o) { list[count++] = &o; }
  const ZydisDecodedOperand* begin_or_null() const { return count ? list[0] : nullptr; }
  bool first_is_memory() const { return count && is_memory(*list[0]); }
};

Operands operands_of(const Insn& in) {
  Operands made;
  switch (in.z.mnemonic) {
    case ZYDIS_MNEMONIC_INT3: return made;
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

// ---- prefixes

enum class Meaning : std::uint8_t { plain, hint_not_taken, hint_taken, bound, acquire, release };

struct Prefix {
  std::uint8_t byte = 0;
  bool implied = false;  // by the rest of the text
  Meaning meaning = Meaning::plain;
};

struct Prefixes {
  std::array<Prefix, ZYDIS_MAX_INSTRUCTION_LENGTH> list;
  int count = 0;

  int times(std::uint8_t byte) const {
    return static_cast<int>(std::count_if(list.begin(), list.begin() + count, [&](auto& p) { return p.byte == byte; }));
  }
  Prefix* last(std::uint8_t byte) {
    for (int i = count; i-- > 0;)
      if (list[static_cast<std::size_t>(i)].byte == byte) return &list[static_cast<std::size_t>(i)];
    return nullptr;
  }
  Prefix* last_of(std::uint8_t a, std::uint8_t b) {
    for (int i = count; i-- > 0;)
      if (Prefix& p = list[static_cast<std::size_t>(i)]; p.byte == a || p.byte == b) return &p;
    return nullptr;
  }
  bool imply_last(std::uint8_t byte) {
    Prefix* p = last(byte);
    if (p) p->implied = true;
    return p != nullptr;
  }
  void show_all(std::uint8_t byte) {
    for (int i = 0; i < count; ++i)
      if (list[static_cast<std::size_t>(i)].byte == byte) list[static_cast<std::size_t>(i)].implied = false;
  }
};

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
    case ZYDIS_MNEMONIC_SYSEXIT:
    case ZYDIS_MNEMONIC_XLAT: return true;
    case ZYDIS_MNEMONIC_PUSH: return z.opcode != 0x6a && z.opcode_map == ZYDIS_OPCODE_MAP_DEFAULT;
    case ZYDIS_MNEMONIC_IN:
    case ZYDIS_MNEMONIC_OUT: return (z.opcode & 1) != 0;
    case ZYDIS_MNEMONIC_CALL:
    case ZYDIS_MNEMONIC_JMP: return z.opcode == 0xe8 || z.opcode == 0xe9;
    case ZYDIS_MNEMONIC_MOV: return z.opcode_map == ZYDIS_OPCODE_MAP_DEFAULT && z.opcode >= 0xa0 && z.opcode <= 0xa3;
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

// Is every bit of the REX prefix put to use?
bool rex_used(const Insn& in, std::uint8_t rex) {
  const auto& z = in.z;
  const bool modrm = z.attributes & ZYDIS_ATTRIB_HAS_MODRM;
  std::uint8_t used = 0;
  if (modrm) used |= 4;
  if (modrm && (z.attributes & ZYDIS_ATTRIB_HAS_SIB)) used |= 2;
  if (modrm) used |= 1;
  for (std::size_t i = 0; i < z.operand_count_visible; ++i)
    if (in.op[i].encoding == ZYDIS_OPERAND_ENCODING_OPCODE && !in_class(in.op[i], ZYDIS_REGCLASS_X87)) used |= 1;
  if ((rex & 8) && chooses_size(in, rex)) used |= 8;
  used &= rex;
  if (used == rex - 0x40 && used) return true;
  return (rex & 0x0f & ~used) == 0 && uses_byte_register_of_rex(in);
}

void imply_what_the_instruction_uses(const Insn& in, Prefixes& p) {
  const bool memory = has_modrm_memory(in);
  const bool string = is_string(in.z) || in.z.mnemonic == ZYDIS_MNEMONIC_XLAT;
  for (const std::uint8_t rep : {0xf2, 0xf3})
    if (mandatory(in, rep)) p.imply_last(rep);
  if (p.times(0x66) && (mandatory(in, 0x66) || (data_bits(in) == 16 && chooses_size(in, 0x66)))) p.imply_last(0x66);
  if (memory || string || is_jump_with_hint(in.z)) {
    if (memory || string || any_of(in.z.mnemonic, ZYDIS_MNEMONIC_JCXZ, ZYDIS_MNEMONIC_JECXZ, ZYDIS_MNEMONIC_JRCXZ))
      p.imply_last(0x67);
  }
  const bool absolute = in.memory() && !memory && !string;
  if (memory || absolute || reads_overridable_segment(in.z))
    if (Prefix* s = p.last_of(0x64, 0x65)) s->implied = true;
  if (in.z.mnemonic == ZYDIS_MNEMONIC_NOP && in.z.opcode_map == ZYDIS_OPCODE_MAP_DEFAULT) p.show_all(0x66);
  if (in.z.mnemonic == ZYDIS_MNEMONIC_PAUSE) p.imply_last(0xf3);
  if (p.count && is_rex(p.list[static_cast<std::size_t>(p.count) - 1].byte)) {
    Prefix& rex = p.list[static_cast<std::size_t>(p.count) - 1];
    rex.implied = rex_used(in, rex.byte);
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
  if (is_jump_with_hint(z) && !(p.times(0x2e) && p.times(0x3e)))
    if (Prefix* hint = p.last_of(0x2e, 0x3e))
      hint->meaning = hint->byte == 0x2e ? Meaning::hint_not_taken : Meaning::hint_taken;
  const bool loop = any_of(z.mnemonic, ZYDIS_MNEMONIC_LOOP, ZYDIS_MNEMONIC_LOOPE, ZYDIS_MNEMONIC_LOOPNE,
                           ZYDIS_MNEMONIC_JCXZ, ZYDIS_MNEMONIC_JECXZ, ZYDIS_MNEMONIC_JRCXZ);
  if ((is_jump_with_hint(z) && !loop) ||
      (any_of(z.mnemonic, ZYDIS_MNEMONIC_JMP, ZYDIS_MNEMONIC_CALL, ZYDIS_MNEMONIC_RET) && !is_far(z)))
    if (Prefix* bound = p.last(0xf2)) bound->meaning = Meaning::bound;
  if (!args.first_is_memory()) return;
  const bool locked = z.mnemonic == ZYDIS_MNEMONIC_XCHG || (p.times(0xf0) && may_be_locked(in, args));
  const std::uint8_t op = z.opcode & 0xfe;
  const bool store =
      z.mnemonic == ZYDIS_MNEMONIC_MOV && z.opcode_map == ZYDIS_OPCODE_MAP_DEFAULT && (op == 0x88 || op == 0xc6);
  bool acquired = false, released = false, repn = false;
  for (int i = p.count; i-- > 0;) {
    Prefix& q = p.list[static_cast<std::size_t>(i)];
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
    case ZYDIS_MNEMONIC_CVTSI2SD:
    case ZYDIS_MNEMONIC_CVTSI2SS:
      if (!in.memory()) p.imply_last(0x66);
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

Prefixes prefixes_of(const Insn& in, const Operands& args) {
  Prefixes p;
  std::size_t i = 0;
  for (; i < in.z.length && is_prefix(in.code[i]); ++i) p.list[static_cast<std::size_t>(p.count++)].byte = in.code[i];
  if (i < in.z.length && is_rex(in.code[i])) p.list[static_cast<std::size_t>(p.count++)].byte = in.code[i];
  if (p.count == 0) return p;
  imply_what_the_instruction_uses(in, p);
  adjust(in, args, p);
  give_meaning(in, args, p);
  return p;
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

// Of repeated size prefixes all but the last are called by the other size.
void put_prefixes(const Prefixes& p, std::string& out) {
  int data = 0, address = 0;
  bool data_implied = false;
  for (int i = 0; i < p.count; ++i)
    data_implied = data_implied ||
                   (p.list[static_cast<std::size_t>(i)].byte == 0x66 && p.list[static_cast<std::size_t>(i)].implied);
  for (int i = 0; i < p.count; ++i) {
    const Prefix& q = p.list[static_cast<std::size_t>(i)];
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
  for (int i = 0; i < p.count; ++i) {
    const Prefix& q = p.list[static_cast<std::size_t>(i)];
    if (q.meaning == Meaning::hint_not_taken) out += ",pn";
    if (q.meaning == Meaning::hint_taken) out += ",pt";
  }
}

// ---- mnemonic

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

bool is_vector(const ZydisDecodedOperand& o) {
  return in_class(o, ZYDIS_REGCLASS_XMM) || in_class(o, ZYDIS_REGCLASS_YMM) || in_class(o, ZYDIS_REGCLASS_ZMM);
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
void fold_predicate(const Insn& in, Operands& args, std::string& out, std::size_t name_at) {
  static constexpr std::string_view kPredicate[] = {"eq", "lt", "le", "unord", "neq", "nlt", "nle", "ord"};
  const ZydisMnemonic m = in.z.mnemonic;
  if (args.count == 0 || is_string(in.z)) return;
  const ZydisDecodedOperand& last = *args.list[args.count - 1];
  if (last.type != ZYDIS_OPERAND_TYPE_IMMEDIATE) return;
  const std::int64_t v = immediate(in, last);
  if (m == ZYDIS_MNEMONIC_PCLMULQDQ && (v & ~0x11) == 0) {
    static constexpr std::string_view kHalves[] = {"pclmullqlqdq", "pclmulhqlqdq", "pclmullqhqdq", "pclmulhqhqdq"};
    out.resize(name_at);
    out += kHalves[(v & 0x10) >> 3 | (v & 1)];
    --args.count;
    return;
  }
  const bool vector =
      any_of(m, ZYDIS_MNEMONIC_VCMPPD, ZYDIS_MNEMONIC_VCMPPS, ZYDIS_MNEMONIC_VCMPSD, ZYDIS_MNEMONIC_VCMPSS);
  const bool sse = any_of(m, ZYDIS_MNEMONIC_CMPPS, ZYDIS_MNEMONIC_CMPPD, ZYDIS_MNEMONIC_CMPSD, ZYDIS_MNEMONIC_CMPSS);
  if ((!vector && !sse) || v < 0 || v > 7) return;
  out.insert(name_at + (vector ? 4 : 3), kPredicate[v]);
  --args.count;
}

// ---- operands

void put_register(const Insn& in, ZydisRegister r, std::string& out) {
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
  const bool converts = any_of(in.z.mnemonic, ZYDIS_MNEMONIC_CVTSI2SS, ZYDIS_MNEMONIC_CVTSI2SD, ZYDIS_MNEMONIC_CVTSS2SI,
                               ZYDIS_MNEMONIC_CVTSD2SI, ZYDIS_MNEMONIC_CVTTSD2SI, ZYDIS_MNEMONIC_CVTTSS2SI);
  if (converts && c == ZYDIS_REGCLASS_GPR32 && data_bits(in) == 16)
    r = ZydisRegisterEncode(ZYDIS_REGCLASS_GPR16, static_cast<ZyanU8>(ZydisRegisterGetId(r)));
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
    for (int i = p.count; i-- > 0;)
      for (int s = 0; s < 6; ++s) {
        Prefix& q = p.list[static_cast<std::size_t>(i)];
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
    put_register(in, m.base, out);
    out += ')';
    return;
  }
  out += '(';
  if (base) put_register(in, m.base, out);
  out += ',';
  if (index)
    put_register(in, m.index, out);
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
      return put_register(in, cs ? ZYDIS_REGISTER_CS : o.reg.value, out);
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
  if (line.count == 0 && implicit.empty() && in.z.mnemonic != ZYDIS_MNEMONIC_XLAT) return;
  out += ' ';
  if (any_of(in.z.mnemonic, ZYDIS_MNEMONIC_CALL, ZYDIS_MNEMONIC_JMP) &&
      (is_memory(*args.list[0]) || is_register(*args.list[0])))
    out += '*';
  out += implicit;
  if (in.z.mnemonic == ZYDIS_MNEMONIC_XLAT) {
    const std::uint8_t segment = segment_prefix(in);
    out += segment == 0x64 ? "%fs:" : segment ? "%gs:" : "%ds:";
    out += in.z.address_width == 64 ? "(%rbx)" : "(%ebx)";
    return;
  }
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
  std::string name;
  put_name(in, name);
  if (!register_tells_size(in, args)) put_size_suffix(in, p, name);
  put_vector_width(in, name);
  fold_predicate(in, args, name, 0);
  put_hints(p, name);
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
  out += buffer;
}

}  // namespace

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
    put_zydis(in, out);
  else
    put(in, out);
  return {size, true};
}

}  // namespace deferscope::isa::x86_64
