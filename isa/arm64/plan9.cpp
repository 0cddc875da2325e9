// One arm64 instruction as text: finds the word's row in the table and prints the row's operands, in Go's (Plan 9) or
// in GNU syntax.
#include "isa/arm64/plan9.h"

#include <algorithm>
#include <array>
#include <vector>

#include "isa/arm64/gnu_operands.h"

namespace deferscope::isa::arm64 {
namespace {

// ---- the table, checked when it is compiled

// Which text a row is for: objdump's and ours; ours only (objdump prints `?`); the assembler's names.
enum class Use : std::uint8_t { always, beyond, assembler };

struct FormRow {
  Use use;
  std::string_view mnemonic, encoding, operands, condition, gnu;
};

constexpr FormRow kRows[] = {
#define ROW(...) FormRow{Use::always, __VA_ARGS__},
#define BEYOND(...) FormRow{Use::beyond, __VA_ARGS__},
#define ASSEMBLER(mnemonic, encoding, operands) FormRow{Use::assembler, mnemonic, encoding, operands, "", ""},
#include "isa/arm64/plan9_table.inc"
#undef ROW
#undef BEYOND
#undef ASSEMBLER
};

// A register field is all five bits of its place or absent; the pattern has 32 places.
consteval bool well_formed(std::string_view e) {
  if (e.size() != 32) return false;
  const auto whole = [&](char letter, std::size_t high) {
    for (std::size_t i = 0; i < 32; ++i) {
      const std::size_t bit = 31 - i;
      if (e[i] == letter && (bit > high || bit + 4 < high)) return false;
    }
    return true;
  };
  return whole('d', 4) && whole('n', 9) && whole('m', 20) && whole('a', 14);
}

consteval bool all_well_formed() {
  for (const FormRow& r : kRows)
    if (!well_formed(r.encoding)) return false;
  return true;
}
static_assert(all_well_formed(),
              "plan9_table.inc: an encoding is not 32 places, or a register letter stands outside its field");

// Where Go's assembler has another word than objdump: it knows no separate mnemonics for unscaled loads, and vector
// structures all begin with V.
struct AsmName {
  std::string_view objdump, assembler;
};
constexpr AsmName kAsmNames[] = {
    {"LDURBW", "MOVBU"},  {"LDURHW", "MOVHU"}, {"LDURSB", "MOVB"},  {"LDURSBW", "MOVBW"}, {"LDURSH", "MOVH"},
    {"LDURSHW", "MOVHW"}, {"LDURSW", "MOVW"},  {"LD2", "VLD2"},     {"LD3", "VLD3"},      {"LD4", "VLD4"},
    {"LD2.P", "VLD2.P"},  {"LD3.P", "VLD3.P"}, {"LD4.P", "VLD4.P"}, {"ST2", "VST2"},      {"ST3", "VST3"},
    {"ST4", "VST4"},      {"ST2.P", "VST2.P"}, {"ST3.P", "VST3.P"}, {"ST4.P", "VST4.P"},  {"B%c", "B%a"},
};

std::string_view assembler_name(std::string_view mnemonic) {
  for (const AsmName& n : kAsmNames)
    if (n.objdump == mnemonic) return n.assembler;
  return mnemonic;
}

// ---- the table, made ready for matching

struct Operands {
  std::array<Operand, 5> list;
  int count = 0;
};

struct Entry {
  std::uint32_t mask = 0, value = 0;
  std::string_view mnemonic, assembler, gnu_mnemonic;
  Operands operands, gnu;
  Condition condition = nullptr;
  Use use = Use::always;

  bool fits(const Word& w, const TextOptions& options) const {
    const bool wanted = use == Use::beyond ? !options.objdump_compat : use == Use::always || options.asm_names;
    return wanted && (w.x & mask) == value && (!condition || condition(w));
  }
};

Operands operands_named(std::string_view names, Operand (*find)(std::string_view)) {
  Operands made;
  for (std::size_t at = 0; at < names.size();) {
    const std::size_t end = std::min(names.find(' ', at), names.size());
    made.list.at(static_cast<std::size_t>(made.count++)) = find(names.substr(at, end - at));
    at = end + 1;
  }
  return made;
}

Entry compile(const FormRow& r) {
  Entry e;
  for (std::size_t i = 0; i < 32; ++i) {
    const std::uint32_t bit = 1u << (31 - i);
    if (r.encoding[i] == '0' || r.encoding[i] == '1') e.mask |= bit;
    if (r.encoding[i] == '1') e.value |= bit;
  }
  e.mnemonic = r.mnemonic;
  e.assembler = assembler_name(r.mnemonic);
  e.use = r.use;
  if (!r.condition.empty()) e.condition = condition_named(r.condition);
  e.operands = operands_named(r.operands, operand_named);
  const std::size_t blank = std::min(r.gnu.find(' '), r.gnu.size());
  e.gnu_mnemonic = r.gnu.substr(0, blank);
  e.gnu = operands_named(r.gnu.substr(std::min(blank + 1, r.gnu.size())), gnu_operand_named);
  return e;
}

// Rows by the top eleven bits of the word, in table order.
class Table {
 public:
  Table() {
    for (const FormRow& r : kRows) entries_.push_back(compile(r));
    for (std::uint32_t top = 0; top < kBuckets; ++top)
      for (const Entry& e : entries_)
        if (((top << kShift ^ e.value) & e.mask & kTopMask) == 0) buckets_[top].push_back(&e);
  }
  const std::vector<const Entry*>& candidates(std::uint32_t word) const { return buckets_[word >> kShift]; }

 private:
  static constexpr int kShift = 21;
  static constexpr std::uint32_t kBuckets = 1u << 11, kTopMask = ~0u << kShift;
  std::vector<Entry> entries_;
  std::array<std::vector<const Entry*>, kBuckets> buckets_;
};

const Table& table() {
  static const Table t;
  return t;
}

void put_mnemonic(std::string_view m, const Word& w, std::string& out) {
  for (std::size_t i = 0; i < m.size(); ++i) {
    if (m[i] != '%') {
      out += m[i];
      continue;
    }
    switch (m[++i]) {
      case 'w':
        if (!w.bit(31)) out += 'W';
        break;
      case 'x': out += "WD"[w.bit(31)]; break;
      case 'e':
        if (!w.bit(30)) out += 'W';
        break;
      case 'f': out += "SD"[w.bit(22)]; break;
      case 'u': out += "SU"[w.bit(29)]; break;
      case '2':
        if (w.bit(30)) out += '2';
        break;
      case 'c': out += condition_code(w.bits(3, 0), true); break;
      case 'a': out += condition_code(w.bits(3, 0), false); break;
      default: break;
    }
  }
}

// False, and `out` as it was, if an operand is reserved.
bool put(const Entry& e, const Word& w, const TextOptions& options, std::string& out) {
  const std::size_t start = out.size();
  put_mnemonic(options.asm_names ? e.assembler : e.mnemonic, w, out);
  for (int i = 0; i < e.operands.count; ++i) {
    out += i == 0 ? " " : ", ";
    const Operand& o = e.operands.list[static_cast<std::size_t>(i)];
    if (o.put(w, o, out)) continue;
    out.resize(start);
    return false;
  }
  return true;
}

void make_small(std::string& text, std::size_t from) {
  for (std::size_t i = from; i < text.size(); ++i)
    if (text[i] >= 'A' && text[i] <= 'Z') text[i] = static_cast<char>(text[i] + 32);
}

// The mnemonic is followed by a blank even where no operand follows; a few rows cut it.
bool put_gnu(const Entry& e, const Word& w, std::string& out) {
  const std::size_t start = out.size();
  put_mnemonic(e.gnu_mnemonic, w, out);
  make_small(out, start);
  out += ' ';
  for (int i = 0; i < e.gnu.count; ++i) {
    if (i != 0) out += ", ";
    const Operand& o = e.gnu.list[static_cast<std::size_t>(i)];
    const std::size_t at = out.size();
    if (!o.put(w, o, out)) {
      out.resize(start);
      return false;
    }
    if (!o.keep_case) make_small(out, at);
  }
  if (e.gnu_mnemonic.ends_with("%.") && out.back() == ' ') out.pop_back();
  return true;
}

std::uint32_t word_at(std::span<const std::uint8_t> code) {
  return code[0] | code[1] << 8 | code[2] << 16 | static_cast<std::uint32_t>(code[3]) << 24;
}

// Encodings that objdump's decoder takes for the instructions beside them, though they are reserved: no processor
// executes them as such.
bool reserved(const Word& w) {
  struct Form {
    std::uint32_t mask, value;
    bool (*reserved)(const Word&);
  };
  static constexpr Form kForms[] = {
      {0x1f800000, 0x11800000, [](const Word&) { return true; }},  // ADD, SUB of an immediate: shift 1x
      {0x1fe00000, 0x0b200000,
       [](const Word& x) { return x.bits(12, 10) > 4; }},  // of an extended register: LSL 5 to 7
      {0x1f800000, 0x12000000, [](const Word& x) { return bitmask_of_ones(x); }},  // AND, ORR, …: all ones
  };
  return std::any_of(std::begin(kForms), std::end(kForms),
                     [&](const Form& f) { return (w.x & f.mask) == f.value && f.reserved(w); });
}

// The row of the word, its Go text appended to `out`; nullptr if there is none.
const Entry* find_printer(const Word& w, const TextOptions& options, std::string& out) {
  if (!options.objdump_compat && reserved(w)) return nullptr;
  for (const Entry* e : table().candidates(w.x))
    if (e->fits(w, options) && put(*e, w, options, out)) return e;
  return nullptr;
}

}  // namespace

TextSize append_go(std::span<const std::uint8_t> code, std::uint64_t pc, const Symbols& symbols,
                   const TextOptions& options, std::string& out) {
  if (code.size() >= 4 && find_printer(Word{word_at(code), pc, &symbols}, options, out)) return {4, true};
  out += '?';
  return {4, false};
}

TextSize append_gnu(std::span<const std::uint8_t> code, std::uint64_t pc, const TextOptions& options,
                    std::string& out) {
  static const Symbols kNone;
  std::string go;
  if (code.size() >= 4) {
    const Word w{word_at(code), pc, &kNone};
    const Entry* e = find_printer(w, {.objdump_compat = options.objdump_compat}, go);
    if (e && put_gnu(*e, w, out)) return {4, true};
  }
  out += '?';
  return {4, false};
}

}  // namespace deferscope::isa::arm64
