// The lines of a listing and what articles do to them.
//
//   "".f STEXT size=125 args=0x10 locals=0x20                      head
//   	0x0030 00048 (main.go:17)	LEAQ	"".t+48(SP), AX        instruction
//   	0x0010 83 ec 20 48 89 6c 24 18 48 8d 6c 24 18 48 c7 44  ..   bytes
//   	rel 68+4 t=15 "".f.func1·f+0                                  relocation
//
// Each line is read by itself, wherever it begins; all others are prose.
#include "loader/listing_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <set>

#include "loader/listing.h"
#include "loader/parts.h"
#include "loader/printable.h"

namespace deferscope::loader {
namespace {

constexpr uint64_t kMaxBss = uint64_t{1} << 26;
constexpr size_t kMaxNotes = 20;
constexpr uint64_t kMostData = uint64_t{256} << 20;
constexpr size_t kMostSearched = size_t{64} << 20;  // of a file that may be a listing

struct Replacement {
  std::string_view from, to;
};
// What pages make of the listing's characters: entities, typographic quotation marks, spaces that do not break, and the
// middle dot's two bytes read as Latin-1, as GBK or as nothing.
constexpr Replacement kReplacements[] = {
    {"&lt;", "<"},         {"&gt;", ">"},     {"&quot;", "\""},      {"&#34;", "\""},  {"&#39;", "'"},
    {"&middot;", "·"},     {"&#183;", "·"},   {"&nbsp;", " "},       {"&#160;", " "},  {"&#43;", "+"},
    {"&ldquo;", "\""},     {"&rdquo;", "\""}, {"&amp;", "&"},        {"\u201c", "\""}, {"\u201d", "\""},
    {"\u201e", "\""},      {"\u2018", "'"},   {"\u2019", "'"},       {"\u00a0", " "},  {"\u3000", " "},
    {"\u00c2\u00b7", "·"}, {"\u8def", "·"},   {"\ufffd\ufffd", "·"}, {"\ufffd", "·"},  {"\u2022", "·"},
    {"\u30fb", "·"},       {"\u2011", "-"},   {"\u2212", "-"},       {"\u200b", ""},   {"\ufeff", ""},
};

bool is_space(char c) { return c == ' ' || c == '\t'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

// The line as the compiler wrote it, as far as that can be told.
std::string mended(std::string_view line) {
  while (!line.empty() && (line.back() == '\r' || line.back() == '\n')) line.remove_suffix(1);
  const bool plain = std::none_of(line.begin(), line.end(), [](char c) { return c == '&' || (c & 0x80); });
  if (plain) return std::string(line);
  std::string out;
  out.reserve(line.size());
  for (size_t i = 0; i < line.size();) {
    const Replacement* hit = nullptr;
    if (line[i] == '&' || (line[i] & 0x80))
      for (const Replacement& r : kReplacements)
        if (line.substr(i).starts_with(r.from)) {
          hit = &r;
          break;
        }
    if (hit) {
      out += hit->to;
      i += hit->from.size();
      continue;
    }
    const Character c = character_at(line, i);
    if (c.valid)
      out += line.substr(i, c.size);
    else if (line[i] == '\xb7')  // Latin-1
      out += "·";
    i += c.size;
  }
  return out;
}

template <class T>
bool number(std::string_view s, T* out, int base = 10) {
  const auto r = std::from_chars(s.data(), s.data() + s.size(), *out, base);
  return r.ec == std::errc() && r.ptr == s.data() + s.size() && !s.empty();
}

std::string_view trim(std::string_view s) {
  while (!s.empty() && is_space(s.front())) s.remove_prefix(1);
  while (!s.empty() && is_space(s.back())) s.remove_suffix(1);
  return s;
}

std::string_view next_word(std::string_view* s) {
  *s = trim(*s);
  size_t n = 0;
  while (n < s->size() && !is_space((*s)[n])) ++n;
  const std::string_view word = s->substr(0, n);
  s->remove_prefix(n);
  return word;
}

// --- heads ---

struct KindRow {
  std::string_view word;
  ListedKind kind;
};
constexpr KindRow kKinds[] = {
    {"STEXT", ListedKind::text},         {"STEXTFIPS", ListedKind::text},  {"SRODATA", ListedKind::rodata},
    {"SRODATAFIPS", ListedKind::rodata}, {"SNOPTRDATA", ListedKind::data}, {"SNOPTRDATAFIPS", ListedKind::data},
    {"SDATA", ListedKind::data},         {"SDATAFIPS", ListedKind::data},  {"SBSS", ListedKind::bss},
    {"SNOPTRBSS", ListedKind::bss},      {"STYPE", ListedKind::rodata},    {"SGOFUNC", ListedKind::rodata},
    {"SGCMASK", ListedKind::rodata},     {"SPCDATA", ListedKind::rodata},  {"SITAB", ListedKind::rodata},
    {"SFUNCDATA", ListedKind::rodata},
};

// A line number or `grep -n`'s, and what marks quotations and differences.
std::string_view without_prefix(std::string_view s) {
  while (!s.empty() && (is_space(s.front()) || s.front() == '>' || s.front() == '|')) s.remove_prefix(1);
  size_t n = 0;
  while (n < s.size() && is_digit(s[n])) ++n;
  if (n && n < s.size() && (s[n] == ':' || s[n] == '-' || s[n] == '|' || is_space(s[n]))) {
    s.remove_prefix(n + 1);
    while (!s.empty() && (is_space(s.front()) || s.front() == '|')) s.remove_prefix(1);
  }
  return s;
}

struct Head {
  std::string_view name;
  std::optional<ListedKind> kind;  // nothing: DWARF and what else no program needs
  std::string_view attributes;
};

std::optional<Head> as_head(std::string_view line) {
  if (line.find("size=") == line.npos) return std::nullopt;
  for (size_t at = line.rfind(" S"); at != line.npos && at > 0; at = line.rfind(" S", at - 1)) {
    std::string_view rest = line.substr(at);
    const std::string_view word = next_word(&rest);
    if (word.size() < 4 || word[0] != 'S' ||
        !std::all_of(word.begin(), word.end(), [](char c) { return c >= 'A' && c <= 'Z'; }))
      continue;
    if (rest.find("size=") == rest.npos) continue;
    Head h{trim(without_prefix(line.substr(0, at))), std::nullopt, rest};
    for (const KindRow& k : kKinds)
      if (k.word == word) h.kind = k.kind;
    if (h.name.empty()) return std::nullopt;
    return h;
  }
  return std::nullopt;
}

// --- the parts of a line ---

// 0x0030 at s: its digits' value, and s behind it.
bool take_offset(std::string_view* s, uint32_t* out) {
  if (!s->starts_with("0x")) return false;
  size_t n = 2;
  while (n < s->size() && is_hex((*s)[n])) ++n;
  if (n < 6 || n > 10 || !number(s->substr(2, n - 2), out, 16)) return false;
  s->remove_prefix(n);
  return true;
}

// Where a line of the function's body may begin: behind spaces and what articles put before.
std::string_view body_of(std::string_view line) {
  const size_t at = line.find("0x");
  if (at == line.npos) return {};
  const std::string_view before = line.substr(0, at);
  const bool marks = std::all_of(before.begin(), before.end(), [](char c) {
    return is_space(c) || is_digit(c) || c == ':' || c == '-' || c == '|' || c == '>' || c == '+' || c == '*';
  });
  if (marks) return line.substr(at);
  // grep's with the file's name: "test.S:15:"
  size_t end = before.size();
  while (end && is_space(before[end - 1])) --end;
  if (end < 2 || (before[end - 1] != ':' && before[end - 1] != '-') || !is_digit(before[end - 2])) return {};
  return line.substr(at);
}

// Without a comment of the article's: behind ; or //, where that is not part of a name.
std::string_view without_comment(std::string_view s) {
  int braces = 0;
  bool quoted = false;
  for (size_t i = 0; i < s.size(); ++i) {
    if (s[i] == '"' && (i == 0 || s[i - 1] != '\\')) quoted = !quoted;
    if (quoted) continue;
    braces += s[i] == '{' ? 1 : s[i] == '}' ? -1 : 0;
    const bool slashes = s[i] == '/' && i + 1 < s.size() && s[i + 1] == '/';
    if (braces <= 0 && (s[i] == ';' || slashes)) return trim(s.substr(0, i));
  }
  return trim(s);
}

std::optional<ListedInsn> as_insn(std::string_view s) {
  ListedInsn out;
  if (!take_offset(&s, &out.offset)) return std::nullopt;
  const std::string_view decimal = next_word(&s);
  uint32_t again = 0;
  if (decimal.size() < 5 || !number(decimal, &again)) return std::nullopt;
  s = trim(s);
  if (again != out.offset || !s.starts_with('(')) return std::nullopt;
  size_t end = s.find(")\t");
  if (end == s.npos) end = s.find(") ");
  if (end == s.npos) return std::nullopt;
  std::string_view at = s.substr(1, end - 1);
  const size_t colon = at.rfind(':');
  if (colon != at.npos && number(at.substr(colon + 1), &out.source_line)) at = at.substr(0, colon);
  out.file = std::string(at);
  out.text = std::string(without_comment(s.substr(end + 1)));
  if (out.text.empty()) return std::nullopt;
  return out;
}

bool is_insn(const std::string& line) { return as_insn(body_of(line)).has_value(); }

struct Row {
  uint32_t offset = 0;
  std::vector<uint8_t> bytes;
};

// At most `most` of them: the column of characters may look like more.
std::optional<Row> as_row(std::string_view s) {
  Row out;
  if (!take_offset(&s, &out.offset)) return std::nullopt;
  while (s.size() >= 3 && out.bytes.size() < 16 && is_space(s[0]) && is_hex(s[1]) && is_hex(s[2]) &&
         (s.size() == 3 || is_space(s[3]))) {
    uint8_t byte = 0;
    if (!number(s.substr(1, 2), &byte, 16)) return std::nullopt;
    out.bytes.push_back(byte);
    s.remove_prefix(3);
  }
  if (out.bytes.empty()) return std::nullopt;
  return out;
}

// Without the ABI that some releases put behind a name.
std::string_view without_abi(std::string_view name) {
  if (name.size() > 3 && name.back() == '>' && name[name.size() - 3] == '<' && is_digit(name[name.size() - 2]))
    name.remove_suffix(3);
  return name;
}

std::optional<ListedReloc> as_reloc(std::string_view line) {
  const size_t at = line.find("rel ");
  if (at == line.npos || (at > 0 && !is_space(line[at - 1]) && line[at - 1] != '-' && line[at - 1] != ':'))
    return std::nullopt;
  std::string_view s = line.substr(at + 4);
  ListedReloc out;
  const std::string_view place = next_word(&s), type = next_word(&s);
  const size_t plus = place.find('+');
  if (plus == place.npos || !number(place.substr(0, plus), &out.offset) || !number(place.substr(plus + 1), &out.size))
    return std::nullopt;
  if (!type.starts_with("t=") || type.size() < 3) return std::nullopt;
  out.type = std::string(type.substr(2));
  s = trim(s);
  for (size_t p = s.rfind('+'); p != s.npos; p = p ? s.rfind('+', p - 1) : s.npos) {
    size_t end = p + 1;
    while (end < s.size() && (is_digit(s[end]) || (end == p + 1 && s[end] == '-'))) ++end;
    const std::string_view behind = trim(s.substr(end));
    if (!behind.empty() && behind[0] != ';' && behind[0] != '/') continue;
    if (!number(s.substr(p + 1, end - p - 1), &out.addend)) continue;
    out.symbol = linked_name(without_abi(trim(s.substr(0, p))));
    return out;
  }
  return std::nullopt;
}

// --- reading ---

class Reader {
 public:
  Reader(const std::string& name, ListedText* out) : name_(name), out_(*out) {
    for (const TextSymbol& s : out_.symbols) seen_.insert(s.name);
  }

  void read(std::string_view text) {
    most_ = text.size();
    while (!text.empty()) {
      const size_t end = std::min(text.find('\n'), text.size());
      ++line_;
      if (end <= kMaxLine) one(mended(text.substr(0, end)));
      text.remove_prefix(std::min(end + 1, text.size()));
    }
    close();
    finish();
  }

 private:
  static constexpr size_t kMaxLine = 1 << 16;

  void note(uint32_t line, std::string what) {
    if (++notes_ <= kMaxNotes) out_.notes.push_back(fmt::format("{}:{}: {}", name_, line, what));
  }
  void hint(std::string_view what) { ++out_.hints[std::string(what)]; }

  void one(const std::string& line) {
    if (const auto head = as_head(line)) return begin(*head);
    const std::string_view body = body_of(line);
    if (auto insn = as_insn(body)) return add(std::move(*insn));
    if (auto row = as_row(body)) return add(*row);
    if (auto reloc = as_reloc(line)) return add(std::move(*reloc));
    // Prose behind a complete symbol ends it: what comes next may be a piece of another.
    if (open_ && !trim(line).empty() && complete()) close();
  }

  bool complete() const { return at_.missing == 0 && at_.kind != ListedKind::bss && at_.sized; }

  void begin(const Head& h) {
    close();
    if (!h.kind) {
      skipping_ = true;
      return;
    }
    at_ = TextSymbol{};
    at_.kind = *h.kind;
    at_.listed = printable(h.name);
    at_.name = linked_name(without_abi(printable(h.name)));
    at_.line = line_;
    open_ = true;
    std::string_view rest = h.attributes;
    while (!trim(rest).empty()) attribute(next_word(&rest));
    const uint64_t bound = at_.kind == ListedKind::bss ? kMaxBss : most_;
    if (!at_.sized || at_.size > bound) {
      at_.damage = at_.sized ? fmt::format("size={} is more than the text can hold", at_.size) : "no size";
      at_.size = 0;
    }
    if (at_.kind != ListedKind::bss) at_.missing = at_.size;  // room is made for what comes
    if (h.name.starts_with("\"\".")) hint("name \"\".");
    if (h.name.starts_with("main.")) hint("name main.");
    if (at_.name.starts_with("go:") || at_.name.starts_with("type:")) hint("colon");
    if (at_.name.starts_with("go.") || at_.name.starts_with("type.")) hint("dot");
    if (at_.name == "main.initdone·") hint("initdone");
    if (at_.name == "main..inittask") hint("inittask");
    gclocals(at_.name);
  }

  void gclocals(std::string_view name) {
    constexpr std::string_view prefix = "gclocals·";
    if (!name.starts_with(prefix)) return;
    name.remove_prefix(prefix.size());
    const bool hex = name.size() == 32 && std::all_of(name.begin(), name.end(), is_hex);
    hint(hex ? "gclocals hex" : "gclocals base64");
    if (!hex) hint(fmt::format("gclocals {}", name.substr(0, 4)));
  }

  void attribute(std::string_view a) {
    const size_t equals = a.find('=');
    if (equals == a.npos) return;
    const std::string_view key = a.substr(0, equals), value = a.substr(equals + 1);
    const bool hex = value.starts_with("0x");
    int64_t n = 0;
    if (!number(hex ? value.substr(2) : value, &n, hex ? 16 : 10)) return;
    if (key == "size" && n >= 0 && n <= INT32_MAX) at_.size = static_cast<uint32_t>(n), at_.sized = true;
    if (key == "args") at_.arguments = static_cast<int32_t>(n);
    if (key == "locals") at_.locals = static_cast<int32_t>(n);
    if (key == "funcid") at_.func_id = static_cast<int>(n & 0xff), hint("funcid");
    if (key == "args" && aligned_) hint("align first");
    if (key == "align") hint("align");
    aligned_ = key == "align" && at_.kind == ListedKind::text;
  }

  void add(ListedInsn insn) {
    if (!open_ || at_.kind != ListedKind::text) {
      if (!skipping_) ++fragments_;
      return;
    }
    insn.line = line_;
    std::string_view rest = insn.text;
    const std::string_view op = next_word(&rest);
    if (op == "TEXT") text_line(rest);
    if (!at_.insns.empty() && insn.offset < at_.insns.back().offset) {
      if (complete()) {  // a piece that is quoted again
        ++fragments_;
        return;
      }
      damage(fmt::format("line {}: offset {:#x} comes behind {:#x}", line_, insn.offset, at_.insns.back().offset));
    }
    if (insn.offset > at_.size) damage(fmt::format("line {}: offset {:#x} lies behind its end", line_, insn.offset));
    instruction_hints(op, rest, insn);
    if (insn.source_line && insn.file.find('<') == insn.file.npos && out_.source.empty()) out_.source = insn.file;
    at_.insns.push_back(std::move(insn));
  }

  void text_line(std::string_view rest) {
    if (rest.find("ABIInternal") != rest.npos) hint("ABIInternal");
    hint("TEXT");
    at_.wrapper = rest.find("WRAPPER") != rest.npos;
    const size_t dollar = rest.rfind('$');
    if (dollar == rest.npos) return;
    std::string_view sizes = trim(rest.substr(dollar + 1));
    const size_t dash = sizes.find('-', 1);
    int32_t n = 0;
    if (number(sizes.substr(0, dash), &n)) at_.frame = n;
    if (dash != sizes.npos && number(sizes.substr(dash + 1), &n) && !at_.arguments) at_.arguments = n;
  }

  void instruction_hints(std::string_view op, std::string_view rest, const ListedInsn&) {
    rest = trim(rest);
    const bool amd64 = op == "MOVQ" || op == "LEAQ" || op == "SUBQ" || op == "CMPQ" || op == "PUSHQ" || op == "ADDQ";
    const bool arm64 = rest.find("RSP") != rest.npos || op == "MOVD" || op.starts_with("MOVD.");
    const bool x86 = op == "MOVL" && rest.find("(TLS)") != rest.npos;
    if (amd64) hint("amd64");
    if (arm64) hint("arm64");
    if (x86) hint("386");
    if (rest == "SP, 16(R14)") hint("g in R14");
    if (rest.starts_with("(TLS), ") || rest.starts_with("TLS, ")) hint("g in TLS");
    if (op == "PUSHQ" && rest == "BP") hint("PUSHQ BP");
    if (op == "LEAQ" && rest.ends_with("(SP), BP")) hint("LEAQ BP");
    if (op == "FUNCDATA" && rest.find(".opendefer(SB)") != rest.npos)
      hint(rest.starts_with("$5") ? "opendefer 5" : rest.starts_with("$4") ? "opendefer 4" : "opendefer");
    if (op == "FUNCDATA" && rest.starts_with("$3, gclocals")) hint("FUNCDATA 3");
    if (op == "FUNCDATA" && rest.starts_with("$2, gclocals")) hint("FUNCDATA 2");
    if (op == "PCDATA" && rest.starts_with("$2,")) hint("PCDATA 2");
    if (rest.find(".arginfo1(SB)") != rest.npos) hint("arginfo1");
    if (rest.find(".argliveinfo(SB)") != rest.npos) hint("argliveinfo");
    if (op == "CALL" && rest.starts_with("runtime.panicBounds(SB)")) hint("panicBounds");
    if (op == "CALL" && rest.starts_with("runtime.panicIndex(SB)")) hint("panicIndex");
    if (op == "CALL" && rest.starts_with("runtime.panicindex(SB)")) hint("panicindex");
    if (op == "CALL" && rest.starts_with("runtime.deferprocStack(SB)")) hint("deferprocStack");
    if (after_deferproc_ && op != "PCDATA" && op != "NOP")
      hint(op == "TESTL" || op == "CBNZ" || op == "CMP" || op == "CBZ" ? "deferproc tested" : "deferproc not tested");
    if (op != "PCDATA" && op != "NOP")
      after_deferproc_ =
          op == "CALL" && (rest.starts_with("runtime.deferproc(SB)") || rest.starts_with("runtime.deferprocStack(SB)"));
    if (after_morestack_ && op == "PCDATA") hint("PCDATA behind morestack");
    if (after_morestack_ && op == "JMP") hint("no PCDATA behind morestack");
    after_morestack_ = op == "CALL" && rest.starts_with("runtime.morestack");
    if (op == "CALL" && rest.starts_with("runtime.gorecover(SB)"))
      hint(argument_set_ ? "gorecover argument" : "gorecover no argument");
    // gorecover's argument is the address of the caller's arguments; from 1.26 on there is none.
    const bool address = (op == "LEAQ" && rest.ends_with(", AX")) ||
                         (rest.ends_with(", R0") && (op == "ADD" || (op == "MOVD" && rest.starts_with("$"))));
    if (address || rest.ends_with(", (SP)") || rest.ends_with(", 8(RSP)")) argument_set_ = true;
    if (op == "CALL" || op == "TEXT") argument_set_ = false;
  }

  void add(const Row& row) {
    if (!open_) {
      if (!skipping_) ++fragments_;
      return;
    }
    if (at_.kind == ListedKind::bss) return;
    const size_t end = std::min<size_t>(at_.size, size_t{row.offset} + row.bytes.size());
    if (end > at_.bytes.size()) at_.bytes.resize(end), at_.covered.resize(end);
    for (size_t i = 0; i < row.bytes.size(); ++i) {
      const uint64_t to = uint64_t{row.offset} + i;
      if (to >= at_.size) {
        if (i == 0) damage(fmt::format("line {}: bytes at {:#x} lie behind its end", line_, row.offset));
        return;  // the column of characters
      }
      if (at_.covered[to] && at_.bytes[to] != row.bytes[i])
        damage(fmt::format("line {}: the byte at {:#x} is said to be {:02x} and {:02x}", line_, to, at_.bytes[to],
                           row.bytes[i]));
      if (!at_.covered[to]) --at_.missing;
      at_.covered[to] = true;
      at_.bytes[to] = row.bytes[i];
    }
  }

  void add(ListedReloc r) {
    if (!open_) {
      if (!skipping_) ++fragments_;
      return;
    }
    r.line = line_;
    if (uint64_t{r.offset} + r.size > at_.size)
      return damage(fmt::format("line {}: a relocation at {} lies behind its end", line_, r.offset));
    if (at_.kind == ListedKind::text && !is_digit(r.type[0]) && r.type.starts_with("R_")) hint("named relocations");
    if (at_.kind == ListedKind::text && is_digit(r.type[0])) hint(fmt::format("rel {}:{}", r.size, reloc_role(r)));
    at_.relocs.push_back(std::move(r));
  }

  // A number with what the bytes around it say it is: "call 8", "tls 16", "pcrel 15".
  std::string reloc_role(const ListedReloc& r) const {
    if (r.symbol == "TLS") return "tls " + r.type;
    if (r.size == 8) return "pair " + r.type;
    if (r.size != 4 || r.offset < 1) return "other " + r.type;
    const uint8_t before = r.offset <= at_.bytes.size() ? at_.bytes[r.offset - 1] : 0;
    return (before == 0xe8 ? "call " : "pcrel ") + r.type;
  }

  void damage(std::string what) {
    if (at_.damage.empty()) at_.damage = std::move(what);
  }

  // The compiler prints data up to the last byte that it set; zeros follow.
  void zero_tail() {
    constexpr size_t kMostZeros = 1 << 16;
    const size_t tail = at_.size - std::min<size_t>(at_.size, at_.covered.size());
    if (tail > kMostZeros || tail > at_.missing) return;
    at_.missing -= static_cast<uint32_t>(tail);
    at_.bytes.resize(at_.size);
    at_.covered.resize(at_.size, true);
  }

  void close() {
    skipping_ = false;
    if (!open_) return;
    open_ = false;
    const bool bare = at_.kind == ListedKind::text && at_.missing == at_.size && at_.size && !at_.insns.empty();
    if (bare) {
      if (out_.without_bytes++ == 0) out_.first_bare = at_.name;
      if (bare_at_ == 0) bare_at_ = at_.line;
      return;
    }
    if (at_.kind == ListedKind::rodata || at_.kind == ListedKind::data) zero_tail();
    total_ += at_.size;
    if (total_ > kMostData && at_.damage.empty()) at_.damage = "all together are larger than 256 MiB";
    if (at_.damage.empty() && at_.missing) {
      const auto first = std::find(at_.covered.begin(), at_.covered.end(), false) - at_.covered.begin();  // or behind
      at_.damage = fmt::format("{} of its {} bytes are missing, the first at {:#x}", at_.missing, at_.size, first);
    }
    if (!at_.damage.empty()) return note(at_.line, fmt::format("{} is passed over: {}", at_.name, at_.damage));
    if (!seen_.insert(at_.name).second) {
      ++again_;
      return;
    }
    out_.symbols.push_back(std::move(at_));
  }

  void finish() {
    if (notes_ > kMaxNotes) out_.notes.push_back(fmt::format("{}: … and {} more", name_, notes_ - kMaxNotes));
    if (fragments_)
      out_.notes.push_back(
          fmt::format("{}: {} lines of pieces of listings without a head are passed over", name_, fragments_));
    if (again_)
      out_.notes.push_back(fmt::format("{}: {} symbols that stand there again are passed over", name_, again_));
    if (out_.without_bytes && !out_.symbols.empty())
      out_.notes.push_back(fmt::format("{}:{}: {} functions without bytes are passed over ({} …)", name_, bare_at_,
                                       out_.without_bytes, out_.first_bare));
  }

  const std::string& name_;
  ListedText& out_;
  std::set<std::string> seen_;
  TextSymbol at_;
  bool open_ = false, skipping_ = false, aligned_ = false, after_deferproc_ = false, argument_set_ = false,
       after_morestack_ = false;
  uint64_t most_ = 0, total_ = 0;
  uint32_t line_ = 0, bare_at_ = 0;
  size_t notes_ = 0, fragments_ = 0, again_ = 0;
};

}  // namespace

std::string linked_name(std::string_view listed) {
  std::string out;
  for (size_t i = 0; i < listed.size();) {
    constexpr std::string_view kUnlinkable = "<unlinkable>.";  // what 1.20+ writes without -p
    if (listed.substr(i).starts_with("\"\".")) {
      out += "main.";
      i += 3;
    } else if (listed.substr(i).starts_with(kUnlinkable)) {
      out += "main.";
      i += kUnlinkable.size();
    } else {
      out += listed[i++];
    }
  }
  return out;
}

void read_listing_text(std::string_view text, const std::string& name, ListedText* out) {
  Reader(name, out).read(text);
  if (!out->isa && (out->hints.count("amd64") || out->hints.count("arm64")))
    out->isa = out->hints["arm64"] > out->hints["amd64"] ? isa::Isa::arm64 : isa::Isa::x86_64;
}

ListingGlance glance_at_listing(const std::string& path) {
  ListingGlance out;
  if (path == "-") return out.listing = true, out;
  std::error_code none;
  if (path.ends_with(".go") || !std::filesystem::is_regular_file(path, none)) return out;
  std::ifstream in(path, std::ios::binary);
  char first[4] = {};
  in.read(first, sizeof first);
  const std::string_view magic(first, static_cast<size_t>(in.gcount()));
  for (std::string_view program : {"\x7f"
                                   "ELF",
                                   "\xcf\xfa\xed\xfe", "\xca\xfe\xba\xbe"})
    if (magic == program) return out;
  in.clear();
  in.seekg(0);
  std::vector<char> piece(4096);  // of a line; longer ones are none of a listing
  for (size_t done = 0; out.source.empty() && done < kMostSearched; done += static_cast<size_t>(in.gcount())) {
    in.getline(piece.data(), static_cast<std::streamsize>(piece.size()));
    if (in.gcount() == 0) break;
    if (in.fail() && !in.eof()) in.clear();
    const std::string_view line(piece.data());
    const bool head = line.find(" STEXT ") != line.npos, insn = line.find("0x0") != line.npos;
    if (!head && !insn) continue;
    const std::string whole = mended(line);
    if (head && as_head(whole)) out.listing = true;
    if (const auto i = insn ? as_insn(body_of(whole)) : std::nullopt) {
      out.listing = true;
      if (i->source_line && i->file.find('<') == i->file.npos) out.source = i->file;
    }
  }
  return out;
}

bool looks_like_listing(Bytes file) {
  std::string_view text(reinterpret_cast<const char*>(file.data()), file.size());
  text = text.substr(0, kMostSearched);
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, std::min<size_t>(end, 4096));
    if (line.find(" STEXT ") != line.npos && as_head(mended(line))) return true;
    if (line.find("0x0") != line.npos && line.find('(') != line.npos && is_insn(mended(line))) return true;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return false;
}

}  // namespace deferscope::loader
