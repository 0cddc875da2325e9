// How each kind of operand is written in the GNU form. It is close to the Arm ARM's, and to binutils' but for labels,
// which objdump shows as distances (`.+0x10`), and system registers, which it shows by number.
#include "isa/arm64/gnu_operands.h"

#include <cstdio>
#include <stdexcept>

#include "isa/text/append.h"

namespace deferscope::isa::arm64 {
namespace {

using text::dec;
using text::hex;

// ---- registers
//
// Operand::low is the field's lowest bit, Operand::rule the letter of the register file. Files that the word chooses:
// 'R' W or X by bit 31, 'E' by bit 30, 'F' S or D by bit 22, 'z' B to D by bits 23:22, 'Z' twice that, 'i' and 'I' the
// same by the highest bit of immh, 'j' by the lowest of imm5, '5' W or X by imm5.

char file_at(int size) { return size < 0 || size > 3 ? '\0' : "BHSD"[size]; }

char register_file(const Word& w, std::uint8_t rule) {
  switch (rule) {
    case 'R': return "WX"[w.bit(31)];
    case 'E': return "WX"[w.bit(30)];
    case 'F': return "SD"[w.bit(22)];
    case 'z': return file_at(static_cast<int>(w.bits(23, 22)));
    case 'Z': return file_at(static_cast<int>(w.bits(23, 22)) + 1);
    case 'i': return file_at(highest_bit(w.bits(22, 19)));
    case 'I': return w.bits(22, 19) == 0 ? '\0' : file_at(highest_bit(w.bits(22, 19)) + 1);
    case 'j': return file_at(lowest_bit(w.bits(20, 16)));
    case '5': return w.bits(19, 16) == 0 ? '\0' : "WX"[(w.bits(18, 16) == 0)];
    default: return static_cast<char>(rule);
  }
}

void put_register(char file, std::uint32_t r, bool stack_pointer, std::string& out) {
  const bool general = file == 'W' || file == 'X';
  if (general && r == 31) {
    out += stack_pointer ? (file == 'W' ? "WSP" : "SP") : (file == 'W' ? "WZR" : "XZR");
    return;
  }
  out += file;
  dec(out, r);
}

bool general_register(const Word& w, const Operand& o, std::string& out) {
  const char file = register_file(w, o.rule);
  if (!file) return false;
  put_register(file, w.bits(o.low + 4, o.low) + o.count, false, out);  // count 1: the second of a pair
  return true;
}

bool reg_or_sp(const Word& w, const Operand& o, std::string& out) {
  put_register(register_file(w, o.rule), w.bits(o.low + 4, o.low), true, out);
  return true;
}

// ---- vectors

void put_vector(std::uint32_t r, std::string_view a, std::string& out) {  // V0.16B
  out += 'V';
  dec(out, r);
  out += '.';
  out += a.substr(1);
  out += a[0];
}

bool vector(const Word& w, const Operand& o, std::string& out) {
  const std::string_view a = arrangement(o.rule, w);
  if (a.empty()) return false;
  put_vector(w.bits(o.low + 4, o.low), a, out);
  return true;
}

// {V0.16B}, {V0.16B, V1.16B}, {V0.16B-V2.16B}; longer lists that wrap round at V31 are written out.
template <class Put>
void put_list(std::uint32_t first, std::uint32_t count, Put put, std::string& out) {
  const bool range = count > 2 && first + count <= 32;
  out += '{';
  put(first);
  for (std::uint32_t i = range ? count - 1 : 1; i < count; ++i) {
    out += range ? "-" : ", ";
    put((first + i) & 31);
  }
  out += '}';
}

bool vector_list(const Word& w, const Operand& o, std::string& out) {
  const std::string_view a = arrangement(o.rule, w);
  if (a.empty()) return false;
  put_list(
      w.bits(o.low + 4, o.low), o.count, [&](std::uint32_t r) { put_vector(r, a, out); }, out);
  return true;
}

bool lane_list(const Word& w, const Operand& o, std::string& out) {
  const auto lane = lane_of_list(w);
  if (!lane) return false;
  const auto put = [&](std::uint32_t r) {
    out += 'V';
    dec(out, r);
    out += '.';
    out += lane->size;
  };
  put_list(w.bits(4, 0), o.count, put, out);
  out += '[';
  dec(out, lane->index);
  out += ']';
  return true;
}

// ---- register with shift or extension

void put_amount(std::uint32_t n, std::string& out) {
  out += " #";
  dec(out, n);
}

bool shifted(const Word& w, const Operand& o, std::string& out) {
  static constexpr std::string_view kOp[] = {", LSL", ", LSR", ", ASR", ", ROR"};
  const std::uint32_t kind = w.bits(23, 22), amount = w.bits(15, 10);
  if (kind == 3 && !o.rule) return false;
  put_register("WX"[w.bit(31)], w.bits(20, 16), false, out);
  if (kind == 0 && amount == 0) return true;
  out += kOp[kind];
  put_amount(amount, out);
  return true;
}

constexpr std::string_view kExtension[] = {"UXTB", "UXTH", "UXTW", "UXTX", "SXTB", "SXTH", "SXTW", "SXTX"};

bool extended(const Word& w, const Operand&, std::string& out) {
  const std::uint32_t option = w.bits(15, 13), amount = w.bits(12, 10), rn = w.bits(9, 5), rd = w.bits(4, 0);
  put_register("WX"[w.bit(31) && (option & 3) == 3], w.bits(20, 16), false, out);
  const bool touches_sp = rn == 31 || (!w.bit(29) && rd == 31);
  const bool plain = option == (w.bit(31) ? 3u : 2u) && touches_sp;
  if (plain && amount == 0) return true;
  out += ", ";
  out += plain ? "LSL" : kExtension[option];
  if (amount) put_amount(amount, out);
  return true;
}

// ---- memory

void put_base(const Word& w, std::string& out) {
  out += '[';
  put_register('X', w.bits(9, 5), true, out);
}

// Operand::low says when the base changes: 0 never, 1 after the access, 2 before it.
enum : std::uint8_t { kOffset, kPost, kPre };

bool put_offset(const Word& w, const Operand& o, std::int64_t offset, std::string& out) {
  put_base(w, out);
  if (o.low == kPost) out += ']';
  if (o.low != kOffset || offset != 0) {
    out += ",#";
    dec(out, offset);
  }
  if (o.low != kPost) out += ']';
  if (o.low == kPre) out += '!';
  return true;
}

bool mem_base(const Word& w, const Operand& o, std::string& out) { return put_offset(w, o, 0, out); }
bool mem_imm9(const Word& w, const Operand& o, std::string& out) { return put_offset(w, o, w.sbits(20, 12), out); }
bool mem_imm7(const Word& w, const Operand& o, std::string& out) {
  return put_offset(w, o, w.sbits(21, 15) * (1 << o.rule), out);
}
bool mem_imm12(const Word& w, const Operand& o, std::string& out) {
  return put_offset(w, o, static_cast<std::int64_t>(w.bits(21, 10)) << o.rule, out);
}

bool mem_register(const Word& w, const Operand& o, std::string& out) {
  const std::uint32_t option = w.bits(15, 13), s = w.bit(12);
  if (!(option & 2)) return false;
  put_base(w, out);
  out += ',';
  put_register("WX"[option & 1], w.bits(20, 16), false, out);
  if (option != 3 || s) {
    out += ',';
    out += option == 3 ? "LSL" : kExtension[option];
    if (s) put_amount(o.rule, out);
  }
  out += ']';
  return true;
}

bool put_post(const Word& w, std::uint32_t bytes, std::string& out) {
  if (w.bits(20, 16) == 31) return put_offset(w, {nullptr, kPost}, bytes, out);
  put_base(w, out);
  out += "], ";
  put_register('X', w.bits(20, 16), false, out);
  return true;
}
bool mem_post_registers(const Word& w, const Operand& o, std::string& out) {
  return put_post(w, bytes_of_registers(w, o.count), out);
}
bool mem_post_lanes(const Word& w, const Operand& o, std::string& out) {
  return put_post(w, bytes_of_lanes(w, o.count), out);
}
bool mem_post_replicate(const Word& w, const Operand& o, std::string& out) {
  return put_post(w, bytes_of_replicated(w, o.count), out);
}

// ---- labels: the distance, as an unsigned number

bool put_distance(std::int64_t v, std::string& out) {
  out += ".+";
  hex(out, static_cast<std::uint64_t>(v));
  return true;
}
bool label26(const Word& w, const Operand&, std::string& out) { return put_distance(w.sbits(25, 0) * 4, out); }
bool label19(const Word& w, const Operand&, std::string& out) { return put_distance(w.sbits(23, 5) * 4, out); }
bool label14(const Word& w, const Operand&, std::string& out) { return put_distance(w.sbits(18, 5) * 4, out); }
bool page(const Word& w, const Operand& o, std::string& out) {
  const std::int64_t v = w.sbits(23, 5) * 4 + w.bits(30, 29);
  return put_distance(o.rule ? v * 4096 : v, out);
}

// ---- immediates

bool put_dec(std::int64_t v, std::string& out) {
  out += '#';
  dec(out, v);
  return true;
}
bool put_hex(std::uint64_t v, std::string& out) {
  out += '#';
  hex(out, v);
  return true;
}
bool put_hex_shifted(std::uint32_t v, std::string_view op, std::uint32_t shift, std::string& out) {
  put_hex(v, out);
  if (shift == 0) return true;
  out += op;
  dec(out, shift);
  return true;
}
void put_two_digits(std::uint32_t v, std::string& out) {
  char buffer[16];
  std::snprintf(buffer, sizeof buffer, "#0x%02x", v);
  out += buffer;
}

bool imm_add(const Word& w, const Operand&, std::string& out) {
  return w.bits(23, 22) <= 1 && put_hex_shifted(w.bits(21, 10), ", LSL #", w.bits(23, 22) * 12, out);
}
bool imm_wide(const Word& w, const Operand&, std::string& out) {
  return (w.bit(31) || w.bits(22, 21) <= 1) && put_hex_shifted(w.bits(20, 5), ", LSL #", w.bits(22, 21) * 16, out);
}
bool imm_wide_value(const Word& w, const Operand& o, std::string& out) {  // rule: inverted
  const std::uint64_t v = static_cast<std::uint64_t>(w.bits(20, 5)) << (w.bits(22, 21) * 16);
  const std::uint64_t shown = o.rule ? ~v : v;
  return put_hex(w.bit(31) ? shown : shown & 0xffffffff, out);
}
bool imm_bitmask(const Word& w, const Operand&, std::string& out) {
  const auto v = bitmask_immediate(w);
  return v && put_hex(*v, out);
}

bool field_hex(const Word& w, const Operand& o, std::string& out) { return put_hex(w.bits(o.rule, o.low), out); }
bool field_dec(const Word& w, const Operand& o, std::string& out) { return put_dec(w.bits(o.rule, o.low), out); }
bool field_c(const Word& w, const Operand& o, std::string& out) {  // C7
  out += 'C';
  dec(out, w.bits(o.rule, o.low));
  return true;
}
// CLREX, DCPSn, ISB: the usual value (`count`) goes without saying.
bool field_optional(const Word& w, const Operand& o, std::string& out) {
  return w.bits(o.rule, o.low) == o.count || put_hex(w.bits(o.rule, o.low), out);
}
bool bit_number(const Word& w, const Operand&, std::string& out) {
  return put_dec(w.bit(31) << 5 | w.bits(23, 19), out);
}
bool imm_zero(const Word&, const Operand&, std::string& out) { return put_dec(0, out); }

bool imm_lsb(const Word& w, const Operand&, std::string& out) {
  return put_dec((w.bit(31) ? 64 : 32) - w.bits(21, 16), out);
}
bool imm_width(const Word& w, const Operand&, std::string& out) { return put_dec(w.bits(15, 10) + 1, out); }
bool imm_span(const Word& w, const Operand&, std::string& out) {
  return put_dec(w.bits(15, 10) - w.bits(21, 16) + 1, out);
}
bool imm_lsl(const Word& w, const Operand&, std::string& out) {
  return put_dec((w.bit(31) ? 63 : 31) - w.bits(15, 10), out);
}
bool imm_fbits(const Word& w, const Operand&, std::string& out) { return put_dec(64 - w.bits(15, 10), out); }
bool imm_shll(const Word& w, const Operand&, std::string& out) { return put_dec(8 << w.bits(23, 22), out); }

// Vector shift amounts from immh:immb.
bool imm_left(const Word& w, const Operand&, std::string& out) {
  return put_dec(static_cast<int>(w.bits(22, 16)) - (8 << highest_bit(w.bits(22, 19))), out);
}
bool imm_right(const Word& w, const Operand&, std::string& out) {
  return put_dec((16 << highest_bit(w.bits(22, 19))) - static_cast<int>(w.bits(22, 16)), out);
}

bool imm8(const Word& w, const Operand&, std::string& out) { return put_hex(abcdefgh(w), out); }
bool imm8_h(const Word& w, const Operand&, std::string& out) {
  return put_hex_shifted(abcdefgh(w), ", LSL #", w.bit(13) * 8, out);
}
bool imm8_s(const Word& w, const Operand&, std::string& out) {
  return put_hex_shifted(abcdefgh(w), ", LSL #", w.bits(14, 13) * 8, out);
}
bool imm8_msl(const Word& w, const Operand&, std::string& out) {
  return put_hex_shifted(abcdefgh(w), ", MSL #", w.bit(12) ? 16 : 8, out);
}
bool imm8_mask(const Word& w, const Operand&, std::string& out) { return put_hex(byte_mask(abcdefgh(w)), out); }

bool put_float(double v, std::string& out) {
  char buffer[40];
  std::snprintf(buffer, sizeof buffer, "#%.18e", v);
  out += buffer;
  return true;
}
bool imm_fmov(const Word& w, const Operand&, std::string& out) { return put_float(float8(w.bits(20, 13)), out); }
bool imm_fmov_vector(const Word& w, const Operand&, std::string& out) { return put_float(float8(abcdefgh(w)), out); }

// ---- conditions, system operands

// CS and CC keep their architectural names; bit 0 inverts, in AL and NV too.
bool cond(const Word& w, const Operand&, std::string& out) {
  out += condition_code(w.bits(15, 12), true);
  return true;
}
bool cond_inverted(const Word& w, const Operand&, std::string& out) {
  out += condition_code(w.bits(15, 12) ^ 1, true);
  return true;
}

bool barrier(const Word& w, const Operand&, std::string& out) {
  static constexpr std::string_view kDomain[] = {"OSH", "NSH", "ISH", ""}, kKind[] = {"", "LD", "ST", ""};
  const std::uint32_t domain = w.bits(11, 10), kind = w.bits(9, 8);
  if (kind == 0) {
    put_two_digits(w.bits(11, 8), out);
  } else if (domain == 3 && kind == 3) {
    out += "SY";
  } else {
    out += kDomain[domain];
    out += kKind[kind];
  }
  return true;
}

bool prefetch(const Word& w, const Operand&, std::string& out) {
  static constexpr std::string_view kType[] = {"PLD", "PLI", "PST"}, kTarget[] = {"L1", "L2", "L3"};
  const std::uint32_t type = w.bits(4, 3), target = w.bits(2, 1);
  if (type == 3 || target == 3) {
    put_two_digits(w.bits(4, 0), out);
    return true;
  }
  out += kType[type];
  out += kTarget[target];
  out += w.bit(0) ? "STRM" : "KEEP";
  return true;
}

bool system_op(const Word& w, const Operand& o, std::string& out) {
  const SystemOp* s = find_system_op(w, o.rule);
  if (!s) return false;
  out += s->name;
  if (!s->bare) {
    out += ", ";
    put_register('X', w.bits(4, 0), false, out);
  }
  return true;
}

// ---- names

struct NamedOperand {
  std::string_view name;
  Operand operand;
};

constexpr NamedOperand kNamed[] = {
    {"Rm<<", {shifted, 0, 0}},
    {"Rm<<@", {shifted, 0, 1}},  // ROR too
    {"Rm.ext", {extended}},
    {"R5n", {general_register, 5, '5'}},
    // memory: ! before, + after
    {"[]", {mem_base}},
    {"[i9]", {mem_imm9}},
    {"[i9]+", {mem_imm9, kPost}},
    {"[i9]!", {mem_imm9, kPre}},
    // labels
    {"label26", {label26}},
    {"label19", {label19}},
    {"label14", {label14}},
    {"rel", {page, 0, 0}},
    {"page", {page, 0, 1}},
    // immediates
    {"#add", {imm_add}},
    {"#wide", {imm_wide}},
    {"#movz", {imm_wide_value, 0, 0}},
    {"#movn", {imm_wide_value, 0, 1}},
    {"#mask", {imm_bitmask}},
    {"#immr", {field_hex, 16, 21}},
    {"#imms", {field_dec, 10, 15}},
    {"#rot", {field_dec, 16, 21}},
    {"#lsb", {imm_lsb}},
    {"#width", {imm_width}},
    {"#span", {imm_span}},
    {"#lsl", {imm_lsl}},
    {"#imm6", {field_dec, 10, 15}},
    {"#imm5", {field_hex, 16, 20}},
    {"#nzcv", {field_hex, 0, 3}},
    {"#imm16", {field_hex, 5, 20}},
    {"#crm", {field_hex, 8, 11}},
    {"#hint", {field_hex, 5, 11}},
    {"#op1", {field_dec, 16, 18}},
    {"#op2", {field_dec, 5, 7}},
    {"#crm?", {field_optional, 8, 11, 15}},
    {"#imm16?", {field_optional, 5, 20, 0}},
    {"#bit", {bit_number}},
    {"#0", {imm_zero}},
    {"#fbits", {imm_fbits}},
    {"#fmov", {imm_fmov}},
    {"#vfmov", {imm_fmov_vector}},
    {"#imm8", {imm8}},
    {"#imm8h", {imm8_h}},
    {"#imm8s", {imm8_s}},
    {"#imm8m", {imm8_msl}},
    {"#imm8mask", {imm8_mask}},
    {"#ext", {field_dec, 11, 14}},
    {"#shll", {imm_shll}},
    {"#left", {imm_left}},
    {"#right", {imm_right}},
    // others
    {"cond", {cond}},
    {"!cond", {cond_inverted}},
    {"barrier", {barrier}},
    {"prfop", {prefetch}},
    {"Cn", {field_c, 12, 15, 0, true}},
    {"Cm", {field_c, 8, 11, 0, true}},
    {"dc", {system_op, 0, 7}},
    {"tlbi", {system_op, 0, 8}},
};

int field_of(char c) { return c == 'd' ? 0 : c == 'n' ? 5 : c == 'm' ? 16 : c == 'a' ? 10 : -1; }
std::uint8_t digit(char c) { return static_cast<std::uint8_t>(c - '0'); }

// [u3], [p2], [p2]+, [p2]!, [m3]
bool memory_name(std::string_view s, Operand& o) {
  if (s.size() < 4 || s[0] != '[' || s[3] != ']') return false;
  const std::uint8_t change = s.ends_with('+') ? kPost : s.ends_with('!') ? kPre : kOffset;
  if (s[1] == 'u') return o = {mem_imm12, change, digit(s[2])}, true;
  if (s[1] == 'p') return o = {mem_imm7, change, digit(s[2])}, true;
  if (s[1] == 'm') return o = {mem_register, 0, digit(s[2])}, true;
  return false;
}

// post2, lane2, rep2
bool post_name(std::string_view s, Operand& o) {
  const auto counted = [&](std::string_view head) { return s.size() == head.size() + 1 && s.starts_with(head); };
  if (counted("post")) return o = {mem_post_registers, 0, 0, digit(s.back())}, true;
  if (counted("lane")) return o = {mem_post_lanes, 0, 0, digit(s.back())}, true;
  if (counted("rep")) return o = {mem_post_replicate, 0, 0, digit(s.back())}, true;
  return false;
}

// Wd, Xns (31 is the stack pointer), Xm+ (the next one), Fm, zd; Vd.A, L2d.X, I2d
bool register_name(std::string_view s, Operand& o) {
  const auto at = [&](std::size_t i) { return static_cast<std::uint8_t>(field_of(s[i])); };
  constexpr std::string_view kFiles = "WXBHSDQREFzZiIj";
  if (s.size() == 2 && kFiles.find(s[0]) != s.npos && field_of(s[1]) >= 0)
    return o = {general_register, at(1), static_cast<std::uint8_t>(s[0])}, true;
  if (s.size() == 3 && s[2] == '+' && field_of(s[1]) >= 0)
    return o = {general_register, at(1), static_cast<std::uint8_t>(s[0]), 1}, true;
  if (s.size() == 3 && s[2] == 's' && field_of(s[1]) >= 0)
    return o = {reg_or_sp, at(1), static_cast<std::uint8_t>(s[0])}, true;
  if (s.size() == 3 && s[0] == 'I') return o = {lane_list, 0, 0, digit(s[1])}, true;
  if (s.size() == 4 && s[0] == 'V' && s[2] == '.' && field_of(s[1]) >= 0)
    return o = {vector, at(1), static_cast<std::uint8_t>(s[3])}, true;
  if (s.size() == 5 && s[0] == 'L' && s[3] == '.')
    return o = {vector_list, at(2), static_cast<std::uint8_t>(s[4]), digit(s[1])}, true;
  return false;
}

}  // namespace

Operand gnu_operand_named(std::string_view name) {
  for (const NamedOperand& n : kNamed)
    if (n.name == name) return n.operand;
  Operand o;
  if (memory_name(name, o) || post_name(name, o) || register_name(name, o)) return o;
  return operand_named(name);  // lanes (Vn[bhs]), sysreg, pstate: as in the Go form
}

}  // namespace deferscope::isa::arm64
