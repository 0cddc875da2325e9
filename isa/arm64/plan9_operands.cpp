// How each kind of operand is written, and the conditions under which an alias is preferred (Arm ARM, C6.2, "Alias
// Conditions").
#include "isa/arm64/plan9_operands.h"

#include <cstdio>
#include <iterator>
#include <stdexcept>

#include "isa/text/append.h"

namespace deferscope::isa::arm64 {
namespace {

using text::dec;

// ---- registers

void put_gpr(std::uint32_t r, std::string& out) {
  if (r == 31) {
    out += "ZR";
  } else {
    out += 'R';
    dec(out, r);
  }
}

void put_gpr_or_sp(std::uint32_t r, std::string& out) {
  if (r == 31)
    out += "RSP";
  else
    put_gpr(r, out);
}

bool gpr(const Word& w, const Operand& o, std::string& out) {
  put_gpr(w.bits(o.low + 4, o.low), out);
  return true;
}

bool gpr_or_sp(const Word& w, const Operand& o, std::string& out) {
  put_gpr_or_sp(w.bits(o.low + 4, o.low), out);
  return true;
}

bool gpr_target(const Word& w, const Operand& o, std::string& out) {  // (R27); objdump says R31 for the zero register
  out += "(R";
  dec(out, w.bits(o.low + 4, o.low));
  out += ')';
  return true;
}

bool gpr_pair(const Word& w, const Operand&, std::string& out) {  // (R0, R1)
  out += '(';
  put_gpr(w.bits(4, 0), out);
  out += ", ";
  put_gpr(w.bits(14, 10), out);
  out += ')';
  return true;
}

bool gpr_even_pair(const Word& w, const Operand& o, std::string& out) {  // CASP: (R2, R3)
  const std::uint32_t r = w.bits(o.low + 4, o.low);
  if (r & 1) return false;
  out += '(';
  put_gpr(r, out);
  out += ", ";
  put_gpr(r + 1, out);
  out += ')';
  return true;
}

bool fp_pair(const Word& w, const Operand&, std::string& out) {  // (F0, F1)
  out += "(F";
  dec(out, w.bits(4, 0));
  out += ", F";
  dec(out, w.bits(14, 10));
  out += ')';
  return true;
}

bool scalar_f(const Word& w, const Operand& o, std::string& out) {
  out += 'F';
  dec(out, w.bits(o.low + 4, o.low));
  return true;
}

bool scalar_v(const Word& w, const Operand& o, std::string& out) {
  out += 'V';
  dec(out, w.bits(o.low + 4, o.low));
  return true;
}

// ---- vector arrangements
//
// A rule says which field of the word chooses the arrangement. An empty answer is a reserved combination.

constexpr std::string_view kBySize[] = {"B8", "B16", "H4", "H8", "S2", "S4", "D1", "D2"};  // size:Q

}  // namespace

int highest_bit(std::uint32_t v) {  // -1 for 0
  int n = -1;
  for (; v; v >>= 1) ++n;
  return n;
}

int lowest_bit(std::uint32_t v) {  // -1 for 0
  for (int n = 0; n < 32; ++n)
    if (v >> n & 1) return n;
  return -1;
}

namespace {

// Arrangement from element size 0..3 and Q, limited to sizes in `allowed` (a bit each); D1 only where `one` says so.
std::string_view by_size(int size, std::uint32_t q, unsigned allowed, bool one = false) {
  if (size < 0 || size > 3 || !(allowed >> size & 1)) return {};
  if (size == 3 && !q && !one) return {};
  return kBySize[size * 2 + q];
}

}  // namespace

std::string_view arrangement(std::uint8_t rule, const Word& w) {
  const int size = static_cast<int>(w.bits(23, 22));
  const std::uint32_t q = w.bit(30), sz = w.bit(22);
  switch (rule) {
    case 'A': return by_size(size, q, 0b1111);                                    // all
    case 'N': return by_size(size, q, 0b0111);                                    // no doublewords
    case 'S': return by_size(size, q, 0b0110);                                    // halfwords, words
    case 'B': return by_size(size, q, 0b0001);                                    // bytes
    case 'H': return by_size(size, q, 0b0011);                                    // bytes, halfwords
    case 'v': return size == 2 && !q ? "" : by_size(size, q, 0b0111);             // across lanes
    case 'X': return by_size(static_cast<int>(w.bits(11, 10)), q, 0b1111, true);  // LD1, ST1
    case 'Y': return by_size(static_cast<int>(w.bits(11, 10)), q, 0b1111);        // LD2 and more
    case 'W': return size == 3 ? "" : by_size(size + 1, 1, 0b1110);               // twice as wide
    case 'w': return size == 3 ? "" : by_size(size + 1, 1, 0b1100);               //
    case 'P': return size == 3 ? "" : by_size(size + 1, q, 0b1110, true);         // pairwise sums
    case 'p': return size == 0 ? "H8" : size == 3 ? "Q1" : "";                    // polynomial product
    case 'i': return size == 0 || size == 3 ? by_size(size, q, 0b1001, true) : "";
    case 'Q': return q ? "B16" : "B8";
    case 'q': return q ? "H8" : "H4";
    case 's': return q ? "S4" : "S2";
    case 'F': return by_size(sz ? 3 : 2, q, 0b1100);  // floating point
    case 'f': return sz ? "D2" : "S4";
    case 'h': return sz ? (q ? "S4" : "S2") : (q ? "H8" : "H4");
    case 'u': return sz ? "" : (q ? "S4" : "S2");
    case 'x': return !sz ? "" : (q ? "S4" : "S2");
    case 'y': return sz ? "D2" : "";
    case 'c': return sz ? "D2" : "S2";  // scalar pairwise
    case 'I': return by_size(lowest_bit(w.bits(19, 16)), q, 0b1111);
    case 'J': return by_size(highest_bit(w.bits(22, 19)), q, 0b0111);
    case 'K': return by_size(highest_bit(w.bits(22, 19)), q, 0b1111);
    case 'G': return by_size(highest_bit(w.bits(22, 19)), q, 0b1100);
    case 'L': {
      const int s = highest_bit(w.bits(22, 19));
      return s < 0 || s > 2 ? "" : by_size(s + 1, 1, 0b1110);
    }
    case '1': return "B16";
    case '4': return "S4";
    case '2': return "D2";
    default: return {};
  }
}

namespace {

bool vector(const Word& w, const Operand& o, std::string& out) {
  const std::string_view a = arrangement(o.rule, w);
  if (a.empty()) return false;
  out += 'V';
  dec(out, w.bits(o.low + 4, o.low));
  out += '.';
  out += a;
  return true;
}

bool vector_list(const Word& w, const Operand& o, std::string& out) {  // [V0.B16, V1.B16]
  const std::string_view a = arrangement(o.rule, w);
  if (a.empty()) return false;
  const std::uint32_t first = w.bits(o.low + 4, o.low);
  for (std::uint32_t i = 0; i < o.count; ++i) {
    out += i == 0 ? "[V" : ", V";
    dec(out, (first + i) & 31);
    out += '.';
    out += a;
  }
  out += ']';
  return true;
}

void put_lane(char letter, std::uint32_t index, std::string& out) {
  out += '.';
  out += letter;
  out += '[';
  dec(out, index);
  out += ']';
}

}  // namespace

std::optional<Lane> lane_of_list(const Word& w) {
  const std::uint32_t all = w.bit(30) << 3 | w.bits(12, 10);
  const std::uint32_t kind = w.bits(15, 14);
  if (kind == 3 || (kind == 1 && w.bit(10)) || (kind == 2 && w.bit(11)) || (kind == 2 && w.bit(10) && w.bit(12)))
    return std::nullopt;
  if (kind == 2 && w.bit(10)) return Lane{'D', all >> 3};
  return Lane{"BHS"[kind], all >> kind};
}

namespace {

bool lane_list(const Word& w, const Operand& o, std::string& out) {
  const auto lane = lane_of_list(w);
  if (!lane) return false;
  const std::uint32_t first = w.bits(4, 0);
  if (o.count == 1) {
    scalar_v(w, o, out);
    put_lane(lane->size, lane->index, out);
    return true;
  }
  for (std::uint32_t i = 0; i < o.count; ++i) {
    out += i == 0 ? "[V" : ", V";
    dec(out, (first + i) & 31);
    out += '.';
    out += lane->size;
  }
  out += "][";
  dec(out, lane->index);
  out += ']';
  return true;
}

// A lane whose element size and index are in imm5; `rule` holds the sizes allowed, a bit each.
bool lane_imm5(const Word& w, const Operand& o, std::string& out) {
  const std::uint32_t imm5 = w.bits(20, 16);
  const int size = lowest_bit(imm5 & 15);
  if (size < 0 || !(o.rule >> size & 1)) return false;
  scalar_v(w, o, out);
  put_lane("BHSD"[size], imm5 >> (size + 1), out);
  return true;
}

bool lane_imm4(const Word& w, const Operand& o, std::string& out) {  // the source of INS (element)
  const int size = lowest_bit(w.bits(19, 16));
  if (size < 0) return false;
  scalar_v(w, o, out);
  put_lane("BHSD"[size], w.bits(14, 11) >> size, out);
  return true;
}

bool lane_top(const Word& w, const Operand& o, std::string& out) {  // Vd.D[1]
  scalar_v(w, o, out);
  put_lane('D', 1, out);
  return true;
}

bool lane_hs(const Word& w, const Operand&, std::string& out) {  // Vm.H[H:L:M] or Vm.S[H:L]
  const std::uint32_t h = w.bit(11), l = w.bit(21), m = w.bit(20);
  const std::uint32_t size = w.bits(23, 22);
  if (size != 1 && size != 2) return false;
  out += 'V';
  dec(out, size == 1 ? w.bits(19, 16) : w.bits(20, 16));
  put_lane(size == 1 ? 'H' : 'S', size == 1 ? h << 2 | l << 1 | m : h << 1 | l, out);
  return true;
}

bool lane_sd(const Word& w, const Operand&, std::string& out) {  // Vm.S[H:L] or Vm.D[H]
  const std::uint32_t h = w.bit(11), l = w.bit(21), d = w.bit(22);
  if (d && l) return false;
  out += 'V';
  dec(out, w.bits(20, 16));
  put_lane(d ? 'D' : 'S', d ? h : h << 1 | l, out);
  return true;
}

// ---- register with shift or extension

void put_shift(std::string_view op, std::uint32_t amount, std::string& out) {
  out += op;
  dec(out, amount);
}

bool shifted(const Word& w, const Operand& o, std::string& out) {
  static constexpr std::string_view kOp[] = {"<<", ">>", "->", "@>"};
  const std::uint32_t kind = w.bits(23, 22), amount = w.bits(15, 10);
  if (kind == 3 && !o.rule) return false;
  const bool none = kind == 0 && amount == 0;
  if (!none && !w.bit(31) && amount > 31) return false;
  put_gpr(w.bits(20, 16), out);
  if (!none) put_shift(kOp[kind], amount, out);
  return true;
}

constexpr std::string_view kExtension[] = {".UXTB", ".UXTH", ".UXTW", ".UXTX", ".SXTB", ".SXTH", ".SXTW", ".SXTX"};

bool extended(const Word& w, const Operand&, std::string& out) {
  const std::uint32_t option = w.bits(15, 13), amount = w.bits(12, 10), rn = w.bits(9, 5), rd = w.bits(4, 0);
  const bool touches_sp = rn == 31 || (!w.bit(29) && rd == 31);
  put_gpr(w.bits(20, 16), out);
  if (option == (w.bit(31) ? 3u : 2u) && touches_sp) {  // the form that is plain LSL
    if (amount) put_shift("<<", amount, out);
    return true;
  }
  out += kExtension[option];
  if (amount) put_shift("<<", amount, out);
  return true;
}

// ---- memory

void put_base(const Word& w, std::string& out) {
  out += '(';
  put_gpr_or_sp(w.bits(9, 5), out);
  out += ')';
}

void put_offset_base(const Word& w, std::int64_t offset, std::string& out) {
  if (offset != 0) dec(out, offset);
  put_base(w, out);
}

bool mem_base(const Word& w, const Operand&, std::string& out) {
  put_base(w, out);
  return true;
}

bool mem_imm12(const Word& w, const Operand& o, std::string& out) {
  put_offset_base(w, static_cast<std::int64_t>(w.bits(21, 10)) << o.rule, out);
  return true;
}

bool mem_imm9(const Word& w, const Operand&, std::string& out) {
  put_offset_base(w, w.sbits(20, 12), out);
  return true;
}

bool mem_imm7(const Word& w, const Operand& o, std::string& out) {
  put_offset_base(w, w.sbits(21, 15) * (1 << o.rule), out);
  return true;
}

// (Rn)(Rm.SXTW<<3). A byte access cannot shift; its S bit shows as `<<0`.
bool mem_register(const Word& w, const Operand& o, std::string& out) {
  const std::uint32_t option = w.bits(15, 13), s = w.bit(12);
  if (!(option & 2)) return false;
  put_base(w, out);
  out += '(';
  put_gpr(w.bits(20, 16), out);
  if (option != 3) out += kExtension[option];
  if (s && o.rule) put_shift("<<", o.rule, out);
  if (s && !o.rule && option == 3) out += "<<0";
  out += ')';
  return true;
}

// After-access increments of vector loads and stores: by a register, or (Rm = 31) by the bytes moved.
bool mem_post(const Word& w, std::uint32_t bytes, std::string& out) {
  const std::uint32_t rm = w.bits(20, 16);
  if (rm == 31) {
    put_offset_base(w, bytes, out);
    return true;
  }
  put_base(w, out);
  out += "(R";
  dec(out, rm);
  out += ')';
  return true;
}

}  // namespace

std::uint32_t bytes_of_registers(const Word& w, std::uint32_t count) { return count * (w.bit(30) ? 16 : 8); }
std::uint32_t bytes_of_lanes(const Word& w, std::uint32_t count) {
  const std::uint32_t kind = w.bits(15, 14);
  return count << (kind == 2 && w.bit(10) ? 3 : kind);
}
std::uint32_t bytes_of_replicated(const Word& w, std::uint32_t count) { return count << w.bits(11, 10); }

namespace {

bool mem_post_registers(const Word& w, const Operand& o, std::string& out) {
  return mem_post(w, bytes_of_registers(w, o.count), out);
}
bool mem_post_lanes(const Word& w, const Operand& o, std::string& out) {
  return mem_post(w, bytes_of_lanes(w, o.count), out);
}
bool mem_post_replicate(const Word& w, const Operand& o, std::string& out) {
  return mem_post(w, bytes_of_replicated(w, o.count), out);
}

// ---- labels

void put_label(const Word& w, std::int64_t offset, std::string_view prefix, std::string& out) {
  const std::uint64_t target = w.pc + static_cast<std::uint64_t>(offset);
  if (const SymbolAt s = w.symbols->at(target); !s.name.empty() && s.base == target) {
    out += prefix;
    out += s.name;
    out += "(SB)";
    return;
  }
  dec(out, offset / 4);
  out += "(PC)";
}

bool label26(const Word& w, const Operand&, std::string& out) {
  put_label(w, w.sbits(25, 0) * 4, "", out);
  return true;
}
bool label19(const Word& w, const Operand&, std::string& out) {
  put_label(w, w.sbits(23, 5) * 4, "", out);
  return true;
}
bool label14(const Word& w, const Operand&, std::string& out) {
  put_label(w, w.sbits(18, 5) * 4, "", out);
  return true;
}
bool literal(const Word& w, const Operand&, std::string& out) {  // $sym(SB): the address of what is loaded
  put_label(w, w.sbits(23, 5) * 4, "$", out);
  return true;
}

bool page(const Word& w, const Operand& o, std::string& out) {
  const std::int64_t v = w.sbits(23, 5) * 4 + w.bits(30, 29);
  dec(out, o.rule ? v * 4096 : v);
  out += "(PC)";
  return true;
}

// ---- immediates

bool put_imm(std::int64_t v, std::string& out) {
  out += '$';
  dec(out, v);
  return true;
}

bool put_imm_shift(std::uint32_t v, std::uint32_t shift, std::string& out) {
  if (shift == 0) return put_imm(v, out);
  out += "$(";
  dec(out, v);
  out += "<<";
  dec(out, shift);
  out += ')';
  return true;
}

bool imm_add(const Word& w, const Operand&, std::string& out) {
  return w.bits(23, 22) <= 1 && put_imm_shift(w.bits(21, 10), w.bits(23, 22) * 12, out);
}

bool imm_wide(const Word& w, const Operand&, std::string& out) {
  return (w.bit(31) || w.bits(22, 21) <= 1) && put_imm_shift(w.bits(20, 5), w.bits(22, 21) * 16, out);
}

bool imm_wide_value(const Word& w, const Operand& o, std::string& out) {  // rule: inverted
  const std::uint64_t v = static_cast<std::uint64_t>(w.bits(20, 5)) << (w.bits(22, 21) * 16);
  if (w.bit(31)) return put_imm(static_cast<std::int64_t>(o.rule ? ~v : v), out);
  if (w.bits(22, 21) > 1) return false;
  return put_imm(static_cast<std::uint32_t>(o.rule ? ~v : v), out);
}

}  // namespace

std::optional<std::uint64_t> bitmask_immediate(const Word& w) {
  const std::uint32_t imms = w.bits(15, 10), immr = w.bits(21, 16);
  const int length = w.bit(22) ? 6 : highest_bit(~imms & 63);
  if (length < 1 || (length == 6 && !w.bit(31))) return std::nullopt;
  const int size = 1 << length, ones = static_cast<int>(imms & (size - 1)) + 1, r = static_cast<int>(immr & (size - 1));
  const std::uint64_t all = size == 64 ? ~0ull : (1ull << size) - 1;
  const std::uint64_t element = ones == 64 ? ~0ull : (1ull << ones) - 1;
  std::uint64_t v = r == 0 ? element : (element >> r | element << (size - r)) & all;
  for (int i = size; i < 64; i *= 2) v |= v << i;
  return w.bit(31) ? v : v & 0xffffffff;
}

bool bitmask_of_ones(const Word& w) {
  const std::uint32_t imms = w.bits(15, 10);
  const int length = w.bit(22) ? 6 : highest_bit(~imms & 63);
  return length >= 1 && (imms + 1) % (1u << length) == 0;
}

// (-1)^s * (16+frac)/16 * 2^exp
double float8(std::uint32_t imm8) {
  const int exponent = static_cast<int>((imm8 >> 4 & 7) ^ 4) - 3;
  double v = (16 + (imm8 & 15)) / 16.0;
  v = exponent >= 0 ? v * (1 << exponent) : v / (1 << -exponent);
  return imm8 & 128 ? -v : v;
}

std::uint32_t abcdefgh(const Word& w) { return w.bits(18, 16) << 5 | w.bits(9, 5); }

std::uint64_t byte_mask(std::uint32_t imm8) {
  std::uint64_t v = 0;
  for (int i = 0; i < 8; ++i)
    if (imm8 >> i & 1) v |= 0xffull << (8 * i);
  return v;
}

namespace {

bool imm_bitmask(const Word& w, const Operand&, std::string& out) {
  const auto v = bitmask_immediate(w);
  return v && put_imm(static_cast<std::int64_t>(*v), out);
}

// Bit-field immediates; 32-bit forms reject positions above 31.
bool field_ok(const Word& w, std::uint32_t v) { return w.bit(31) || v < 32; }
bool imm_r(const Word& w, const Operand&, std::string& out) {
  return field_ok(w, w.bits(21, 16)) && put_imm(w.bits(21, 16), out);
}
bool imm_s(const Word& w, const Operand&, std::string& out) {
  return field_ok(w, w.bits(15, 10)) && put_imm(w.bits(15, 10), out);
}
bool imm_lsb(const Word& w, const Operand&, std::string& out) {  // of an insert
  return field_ok(w, w.bits(21, 16)) && put_imm((w.bit(31) ? 64 : 32) - w.bits(21, 16), out);
}
bool imm_width(const Word& w, const Operand&, std::string& out) {
  return field_ok(w, w.bits(15, 10)) && put_imm(w.bits(15, 10) + 1, out);
}
bool imm_span(const Word& w, const Operand&, std::string& out) {  // width of an extract
  const std::uint32_t r = w.bits(21, 16), width = w.bits(15, 10) - r + 1, size = w.bit(31) ? 64 : 32;
  return width >= 1 && width <= size - r && put_imm(width, out);
}
bool imm_lsl(const Word& w, const Operand&, std::string& out) {
  const std::uint32_t shift = (w.bit(31) ? 63 : 31) - w.bits(15, 10);
  return shift <= 63 && put_imm(shift, out);
}

bool imm_field(const Word& w, const Operand& o, std::string& out) { return put_imm(w.bits(o.rule, o.low), out); }
bool imm_bit_number(const Word& w, const Operand&, std::string& out) {
  return put_imm(w.bit(31) << 5 | w.bits(23, 19), out);
}
bool imm_zero(const Word&, const Operand&, std::string& out) { return put_imm(0, out); }
bool imm_float_zero(const Word&, const Operand&, std::string& out) {
  out += "$(0.0)";
  return true;
}

// Six decimals, trailing zeros cut ("$1." is what objdump prints).
bool put_float8(std::uint32_t imm8, std::string& out) {
  char buffer[32];
  int n = std::snprintf(buffer, sizeof buffer, "$%f", float8(imm8));
  while (n > 0 && buffer[n - 1] == '0') --n;
  out.append(buffer, static_cast<std::size_t>(n));
  return true;
}

bool imm_fmov(const Word& w, const Operand&, std::string& out) { return put_float8(w.bits(20, 13), out); }
bool imm_fmov_vector(const Word& w, const Operand&, std::string& out) { return put_float8(abcdefgh(w), out); }

bool imm8(const Word& w, const Operand&, std::string& out) { return put_imm(abcdefgh(w), out); }
bool imm8_h(const Word& w, const Operand&, std::string& out) { return put_imm_shift(abcdefgh(w), w.bit(13) * 8, out); }
bool imm8_s(const Word& w, const Operand&, std::string& out) {
  return put_imm_shift(abcdefgh(w), w.bits(14, 13) * 8, out);
}
// MSL shifts ones in; objdump shows it as a shift of 128 more.
bool imm8_msl(const Word& w, const Operand&, std::string& out) {
  return put_imm_shift(abcdefgh(w), 128 + (w.bit(12) ? 16 : 8), out);
}
bool imm8_mask(const Word& w, const Operand&, std::string& out) {
  return put_imm(static_cast<std::int64_t>(byte_mask(abcdefgh(w))), out);
}

bool imm_ext(const Word& w, const Operand&, std::string& out) {
  return (w.bit(30) || !w.bit(14)) && put_imm(w.bits(14, 11), out);
}
bool imm_shll(const Word& w, const Operand&, std::string& out) {
  return w.bits(23, 22) != 3 && put_imm(8 << w.bits(23, 22), out);
}

// Vector shift amounts from immh:immb; `rule` holds the element sizes allowed, a bit each.
bool imm_left(const Word& w, const Operand& o, std::string& out) {
  const int size = highest_bit(w.bits(22, 19));
  return size >= 0 && (o.rule >> size & 1) && put_imm(static_cast<int>(w.bits(22, 16)) - (8 << size), out);
}
bool imm_right(const Word& w, const Operand& o, std::string& out) {
  const int size = highest_bit(w.bits(22, 19));
  return size >= 0 && (o.rule >> size & 1) && put_imm((16 << size) - static_cast<int>(w.bits(22, 16)), out);
}
bool imm_fbits(const Word& w, const Operand&, std::string& out) {
  const std::uint32_t n = 64 - w.bits(15, 10);
  return (w.bit(31) || n <= 32) && put_imm(n, out);
}

// ---- conditions, system operands

bool cond(const Word& w, const Operand&, std::string& out) {
  out += condition_code(w.bits(15, 12), false);
  return true;
}
bool cond_inverted(const Word& w, const Operand&, std::string& out) {
  if (w.bits(15, 13) == 7) return false;
  out += condition_code(w.bits(15, 12) ^ 1, false);
  return true;
}

bool prefetch(const Word& w, const Operand&, std::string& out) {
  static constexpr std::string_view kType[] = {"PLD", "PLI", "PST"}, kTarget[] = {"L1", "L2", "L3"};
  const std::uint32_t type = w.bits(4, 3), target = w.bits(2, 1);
  if (type == 3 || target == 3) return put_imm(w.bits(4, 0), out);
  out += kType[type];
  out += kTarget[target];
  out += w.bit(0) ? "STRM" : "KEEP";
  return true;
}

bool register_number(const Word& w, const Operand&, std::string& out) { return put_imm(w.bits(19, 5) & 0x7fff, out); }

bool sysreg_name(const Word& w, const Operand&, std::string& out) {
  char buffer[40];
  std::snprintf(buffer, sizeof buffer, "S%u_%u_C%u_C%u_%u", w.bits(20, 19), w.bits(18, 16), w.bits(15, 12),
                w.bits(11, 8), w.bits(7, 5));
  out += buffer;
  return true;
}

bool pstate_field(const Word& w, const Operand&, std::string& out) {
  const std::uint32_t field = w.bits(18, 16) << 3 | w.bits(7, 5);
  if (field != 5 && field != 036 && field != 037) return false;
  out += field == 5 ? "SPSel" : field == 036 ? "DAIFSet" : "DAIFClr";
  return true;
}

// Those that objdump does not know.
bool pstate_field_beyond(const Word& w, const Operand&, std::string& out) {
  struct Field {
    std::uint8_t op1, op2;
    std::string_view name;
  };
  static constexpr Field kFields[] = {{0, 3, "UAO"}, {0, 4, "PAN"}, {3, 1, "SSBS"}, {3, 2, "DIT"}, {3, 4, "TCO"}};
  for (const Field& f : kFields)
    if (w.bits(18, 16) == f.op1 && w.bits(7, 5) == f.op2) return out += f.name, true;
  return false;
}

bool sysl_number(const Word& w, const Operand&, std::string& out) {
  return put_imm(w.bits(18, 16) << 16 | w.bits(15, 12) << 12 | w.bits(11, 8) << 8 | w.bits(7, 5) << 5, out);
}

// Cache and TLB maintenance operations.
constexpr SystemOp kSystemOps[] = {
#include "isa/arm64/plan9_sysops.inc"
};

}  // namespace

const SystemOp* find_system_op(const Word& w, std::uint32_t crn) {
  for (const SystemOp& s : kSystemOps) {
    if (s.crn != crn || s.crn != w.bits(15, 12) || s.op1 != w.bits(18, 16) || s.crm != w.bits(11, 8) ||
        s.op2 != w.bits(7, 5))
      continue;
    return s.bare && w.bits(4, 0) != 31 ? nullptr : &s;
  }
  return nullptr;
}

namespace {

bool system_op(const Word& w, const Operand& o, std::string& out) {  // rule: the CRn wanted
  const SystemOp* s = find_system_op(w, o.rule);
  if (!s) return false;
  out += s->name;
  if (!s->bare) {
    out += ", ";
    put_gpr(w.bits(4, 0), out);
  }
  return true;
}

// ---- names

struct NamedPrinter {
  std::string_view name;
  Operand operand;
};

constexpr NamedPrinter kNamed[] = {
    // registers: d n m a by field; capitals: 31 is the stack pointer
    {"d", {gpr, 0}},
    {"n", {gpr, 5}},
    {"m", {gpr, 16}},
    {"a", {gpr, 10}},
    {"D", {gpr_or_sp, 0}},
    {"N", {gpr_or_sp, 5}},
    {"(n)", {gpr_target, 5}},
    {"(d,a)", {gpr_pair}},
    {"(d+1)", {gpr_even_pair, 0}},
    {"(m+1)", {gpr_even_pair, 16}},
    {"(Fd,Fa)", {fp_pair}},
    {"m<<", {shifted, 16, 0}},
    {"m<<@", {shifted, 16, 1}},  // ROR too
    {"m.ext", {extended}},
    // memory
    {"(N)", {mem_base}},
    {"i9(N)", {mem_imm9}},
    {"u0(N)", {mem_imm12, 0, 0}},
    {"u1(N)", {mem_imm12, 0, 1}},
    {"u2(N)", {mem_imm12, 0, 2}},
    {"u3(N)", {mem_imm12, 0, 3}},
    {"u4(N)", {mem_imm12, 0, 4}},
    {"p2(N)", {mem_imm7, 0, 2}},
    {"p3(N)", {mem_imm7, 0, 3}},
    {"p4(N)", {mem_imm7, 0, 4}},
    {"(N)(m0)", {mem_register, 0, 0}},
    {"(N)(m1)", {mem_register, 0, 1}},
    {"(N)(m2)", {mem_register, 0, 2}},
    {"(N)(m3)", {mem_register, 0, 3}},
    {"(N)(m4)", {mem_register, 0, 4}},
    // labels
    {"label26", {label26}},
    {"label19", {label19}},
    {"label14", {label14}},
    {"literal", {literal}},
    {"rel", {page, 0, 0}},
    {"page", {page, 0, 1}},
    // immediates
    {"$add", {imm_add}},
    {"$wide", {imm_wide}},
    {"$movz", {imm_wide_value, 0, 0}},
    {"$movn", {imm_wide_value, 0, 1}},
    {"$mask", {imm_bitmask}},
    {"$immr", {imm_r}},
    {"$imms", {imm_s}},
    {"$lsb", {imm_lsb}},
    {"$width", {imm_width}},
    {"$span", {imm_span}},
    {"$lsl", {imm_lsl}},
    {"$imm5", {imm_field, 16, 20}},
    {"$nzcv", {imm_field, 0, 3}},
    {"$imm16", {imm_field, 5, 20}},
    {"$crm", {imm_field, 8, 11}},
    {"$hint", {imm_field, 5, 11}},
    {"$bit", {imm_bit_number}},
    {"$0", {imm_zero}},
    {"$0.0", {imm_float_zero}},
    {"$fmov", {imm_fmov}},
    {"$fmovv", {imm_fmov_vector}},
    {"$imm8", {imm8}},
    {"$imm8h", {imm8_h}},
    {"$imm8s", {imm8_s}},
    {"$imm8msl", {imm8_msl}},
    {"$imm8mask", {imm8_mask}},
    {"$ext", {imm_ext}},
    {"$shll", {imm_shll}},
    {"$left", {imm_left, 0, 0b1111}},
    {"$leftD", {imm_left, 0, 0b1000}},
    {"$left3", {imm_left, 0, 0b0111}},
    {"$right", {imm_right, 0, 0b1111}},
    {"$rightD", {imm_right, 0, 0b1000}},
    {"$right3", {imm_right, 0, 0b0111}},
    {"$rightF", {imm_right, 0, 0b1100}},
    {"$fbits", {imm_fbits}},
    {"$imm6", {imm_field, 10, 15}},
    // others
    {"cond", {cond}},
    {"!cond", {cond_inverted}},
    {"prfop", {prefetch}},
    {"$sysreg", {register_number}},
    {"sysreg", {sysreg_name}},
    {"pstate", {pstate_field}},
    {"pstate+", {pstate_field_beyond}},
    {"$sysl", {sysl_number}},
    {"dc", {system_op, 0, 7}},
    {"tlbi", {system_op, 0, 8}},
    // lanes
    {"Vn[]", {lane_imm5, 5, 0b1111}},
    {"Vn[bh]", {lane_imm5, 5, 0b0011}},
    {"Vn[bhs]", {lane_imm5, 5, 0b0111}},
    {"Vn[s]", {lane_imm5, 5, 0b0100}},
    {"Vn[d]", {lane_imm5, 5, 0b1000}},
    {"Vd[]", {lane_imm5, 0, 0b1111}},
    {"Vn[imm4]", {lane_imm4, 5}},
    {"Vd.D[1]", {lane_top, 0}},
    {"Vn.D[1]", {lane_top, 5}},
    {"Vm[hs]", {lane_hs}},
    {"Vm[sd]", {lane_sd}},
};

int field_of(char c) { return c == 'd' ? 0 : c == 'n' ? 5 : c == 'm' ? 16 : c == 'a' ? 10 : -1; }

// Names built from parts: Fd, Vd, Vd.A (arrangement rule A), L2d.X (list of two), I2d (lanes of two), post2, lane2,
// rep2.
bool composed(std::string_view s, Operand& o) {
  const auto digit = [](char c) { return static_cast<std::uint8_t>(c - '0'); };
  const auto ends_in_count = [&](std::string_view head) { return s.size() == head.size() + 1 && s.starts_with(head); };
  if (ends_in_count("post")) return o = {mem_post_registers, 0, 0, digit(s.back())}, true;
  if (ends_in_count("lane")) return o = {mem_post_lanes, 0, 0, digit(s.back())}, true;
  if (ends_in_count("rep")) return o = {mem_post_replicate, 0, 0, digit(s.back())}, true;
  if (s.size() == 2 && s[0] == 'F' && field_of(s[1]) >= 0)
    return o = {scalar_f, static_cast<std::uint8_t>(field_of(s[1]))}, true;
  if (s.size() == 2 && s[0] == 'V' && field_of(s[1]) >= 0)
    return o = {scalar_v, static_cast<std::uint8_t>(field_of(s[1]))}, true;
  if (s.size() == 3 && s[0] == 'I') return o = {lane_list, 0, 0, digit(s[1])}, true;
  if (s.size() == 4 && s[0] == 'V' && s[2] == '.' && field_of(s[1]) >= 0)
    return o = {vector, static_cast<std::uint8_t>(field_of(s[1])), static_cast<std::uint8_t>(s[3])}, true;
  if (s.size() == 5 && s[0] == 'L' && s[3] == '.' && field_of(s[2]) >= 0)
    return o = {vector_list, static_cast<std::uint8_t>(field_of(s[2])), static_cast<std::uint8_t>(s[4]), digit(s[1])},
           true;
  return false;
}

// ---- conditions on rows

std::uint32_t immr(const Word& w) { return w.bits(21, 16); }
std::uint32_t imms(const Word& w) { return w.bits(15, 10); }

bool rd_or_rn_is_sp(const Word& w) { return w.bits(4, 0) == 31 || w.bits(9, 5) == 31; }
bool rn_is_rm(const Word& w) { return w.bits(9, 5) == w.bits(20, 16); }
bool cond_not_al(const Word& w) { return w.bits(15, 13) != 7; }
bool rn_is_rm_not_al(const Word& w) { return rn_is_rm(w) && cond_not_al(w); }
bool rn_is_rm_not_al_not_zr(const Word& w) { return rn_is_rm_not_al(w) && w.bits(9, 5) != 31; }
bool inserts(const Word& w) { return imms(w) < immr(w); }
bool inserts_not_zr(const Word& w) { return inserts(w) && w.bits(9, 5) != 31; }
bool extracts(const Word& w) { return imms(w) >= immr(w); }
bool shifts_left(const Word& w) { return imms(w) != (w.bit(31) ? 63u : 31u) && imms(w) + 1 == immr(w); }
bool shift_amount(const Word& w) { return w.bits(22, 19) != 0; }
bool is_extension(const Word& w) {  // SXTL, UXTL: a shift by 0
  const std::uint32_t immh = w.bits(22, 19);
  return immh != 0 && (immh & (immh - 1)) == 0;
}
bool movz_alias(const Word& w) { return !(w.bits(20, 5) == 0 && w.bits(22, 21) != 0); }
bool movn_alias(const Word& w) { return movz_alias(w) && (w.bit(31) || w.bits(20, 5) != 0xffff); }
bool umov_s(const Word& w) { return w.bits(18, 16) == 4; }
bool umov_d(const Word& w) { return w.bits(19, 16) == 8; }

// A bit-field move that no other alias (extension, plain shift) describes better.
bool bfx_preferred(const Word& w) {
  const std::uint32_t s = imms(w), sf = w.bit(31);
  if (s < immr(w)) return false;
  if (s >> 5 == sf && (s & 31) == 31) return false;
  if (immr(w) != 0) return true;
  if (s == 7 || s == 15) return sf == 1 && w.bit(30);
  return !(sf == 1 && !w.bit(30) && s == 31);
}

// A bitmask immediate that MOVZ or MOVN could also make is not shown as MOV.
bool mask_not_movewide(const Word& w) {
  const std::uint32_t sf = w.bit(31), s = imms(w), width = sf ? 64 : 32;
  if (sf ? !w.bit(22) : (w.bit(22) || s >> 5)) return true;
  if (s < 16) return ((0u - immr(w)) % 16) > 15 - s;
  if (s >= width - 15) return immr(w) % 16 > s - (width - 15);
  return true;
}

struct NamedCondition {
  std::string_view name;
  Condition condition;
};
constexpr NamedCondition kConditions[] = {
    {"sp", rd_or_rn_is_sp},
    {"n=m", rn_is_rm},
    {"!al", cond_not_al},
    {"n=m,!al", rn_is_rm_not_al},
    {"n=m,!al,!zr", rn_is_rm_not_al_not_zr},
    {"insert", inserts},
    {"insert,!zr", inserts_not_zr},
    {"extract", extracts},
    {"lsl", shifts_left},
    {"immh", shift_amount},
    {"xtl", is_extension},
    {"movz", movz_alias},
    {"movn", movn_alias},
    {"umovs", umov_s},
    {"umovd", umov_d},
    {"bfx", bfx_preferred},
    {"mask", mask_not_movewide},
};

}  // namespace

std::string_view condition_code(std::uint32_t code, bool branch) {
  static constexpr std::string_view kName[] = {"EQ", "NE", "HS", "LO", "MI", "PL", "VS", "VC",
                                               "HI", "LS", "GE", "LT", "GT", "LE", "AL", "AL"};
  if (branch && code == 2) return "CS";
  if (branch && code == 3) return "CC";
  return kName[code & 15];
}

Operand operand_named(std::string_view name) {
  for (const NamedPrinter& n : kNamed)
    if (n.name == name) return n.operand;
  Operand o;
  if (composed(name, o)) return o;
  throw std::logic_error("arm64 text table: no operand is called " + std::string(name));
}

Condition condition_named(std::string_view name) {
  for (const NamedCondition& c : kConditions)
    if (c.name == name) return c.condition;
  throw std::logic_error("arm64 text table: no condition is called " + std::string(name));
}

}  // namespace deferscope::isa::arm64
