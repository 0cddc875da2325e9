// Expressions: numbers, registers, memory, symbols, variables and their parts.
//
//   or  = and { "||" and }          cmp = sum [ (==|!=|<|<=|>|>=) sum ]
//   and = bit { "&&" bit }          sum = term { (+|-) term }
//   bit = cmp { (&|'|') cmp }       term = unary { (*|/|%) unary }
//   unary = ("*" | "&" | "-" | "!") unary | primary { "." FIELD | "[" or "]" }
//   primary = "(" or ")" | "(*TYPE)(" or ")" | (TYPE|len|cap) "(" or ")" | NUMBER | "STRING" | NAME
#include "session/expressions.h"

#include <fmt/format.h>

#include <cctype>

#include "runtime_model/where.h"
#include "session/error.h"

namespace deferscope::session {
namespace {

struct X86Name {
  const char* name;
  isa::Reg reg;
};
constexpr X86Name kX86[] = {{"ax", 0}, {"cx", 1}, {"dx", 2}, {"bx", 3}, {"sp", 4}, {"bp", 5}, {"si", 6}, {"di", 7}};

constexpr std::string_view kConversions[] = {"int",    "int8",   "int16",  "int32",   "int64", "uint", "uint8",
                                             "uint16", "uint32", "uint64", "uintptr", "byte",  "rune"};

class Parser {
 public:
  Parser(const Expressions& all, const Reader& reader, const Focus& focus, std::string_view text)
      : all_(all), reader_(reader), focus_(focus), variables_(reader, focus), values_(reader), t_(text) {}
  Value all() {
    Value v = either();
    space();
    if (i_ != t_.size()) wrong();
    return v;
  }

 private:
  [[noreturn]] void wrong() const { throw Error(fmt::format("cannot read '{}' (at '{}')", t_, t_.substr(i_))); }
  void space() {
    while (i_ < t_.size() && std::isspace(static_cast<unsigned char>(t_[i_]))) ++i_;
  }
  bool next_is(std::string_view token) const { return t_.substr(i_, token.size()) == token; }
  bool eat(std::string_view token) {
    space();
    if (!next_is(token)) return false;
    i_ += token.size();
    return true;
  }
  int64_t number(const Value& v) const { return values_.as_number(v); }
  static Value truth(bool b) { return Value::number(b, "bool"); }
  static Value wrap(uint64_t x) { return Value::number(x); }

  Value either() {
    Value v = both();
    while (eat("||")) {
      const Value w = both();
      v = truth(number(v) != 0 || number(w) != 0);
    }
    return v;
  }
  Value both() {
    Value v = bits();
    while (eat("&&")) {
      const Value w = bits();
      v = truth(number(v) != 0 && number(w) != 0);
    }
    return v;
  }
  Value bits() {
    Value v = compare();
    while (true) {
      space();
      if (next_is("&&") || next_is("||")) return v;
      if (eat("&"))
        v = wrap(static_cast<uint64_t>(number(v) & number(compare())));
      else if (eat("|"))
        v = wrap(static_cast<uint64_t>(number(v) | number(compare())));
      else
        return v;
    }
  }
  Value compare() {
    const Value v = sum();
    for (const std::string_view op : {"==", "!=", "<=", ">=", "<", ">"})
      if (eat(op)) return truth(holds(op, v, sum()));
    return v;
  }
  bool holds(std::string_view op, const Value& v, const Value& w) const {
    const bool text = values_.is_string(v) && values_.is_string(w);
    const int64_t a = text ? values_.text_of(v).compare(values_.text_of(w)) : number(v), b = text ? 0 : number(w);
    if (op == "==") return a == b;
    if (op == "!=") return a != b;
    if (op == "<=") return a <= b;
    if (op == ">=") return a >= b;
    return op == "<" ? a < b : a > b;
  }
  Value sum() {
    Value v = term();
    while (true) {
      if (eat("+"))
        v = wrap(static_cast<uint64_t>(number(v)) + static_cast<uint64_t>(number(term())));
      else if (eat("-"))
        v = wrap(static_cast<uint64_t>(number(v)) - static_cast<uint64_t>(number(term())));
      else
        return v;
    }
  }
  Value term() {
    Value v = unary();
    while (true) {
      if (eat("*"))
        v = wrap(static_cast<uint64_t>(number(v)) * static_cast<uint64_t>(number(unary())));
      else if (eat("/"))
        v = divided(number(v), number(unary()), false);
      else if (eat("%"))
        v = divided(number(v), number(unary()), true);
      else
        return v;
    }
  }
  static Value divided(int64_t a, int64_t b, bool rest) {
    if (b == 0) throw Error("division by zero");
    if (b == -1) return wrap(rest ? 0 : uint64_t{0} - static_cast<uint64_t>(a));
    return wrap(static_cast<uint64_t>(rest ? a % b : a / b));
  }
  Value unary() {
    if (++nesting_ > 200) wrong();
    Value v;
    if (eat("*")) {
      v = values_.pointed_at(unary());
    } else if (eat("&")) {
      v = address_of(unary());
    } else if (eat("-")) {
      v = wrap(uint64_t{0} - static_cast<uint64_t>(number(unary())));
    } else if (eat("!")) {
      v = truth(number(unary()) == 0);
    } else {
      v = parts(primary());
    }
    --nesting_;
    return v;
  }
  static Value address_of(const Value& v) {
    if (v.gone) throw Error("it is optimised away here");
    if (!v.address)
      throw Error(v.type.empty() || v.literal ? "a number or literal has no address"
                                              : "it has no address: it lies in registers, or is computed");
    return Value::number(*v.address, v.type.empty() ? "" : "*" + v.type);
  }
  Value parts(Value v) {
    while (i_ < t_.size() && (t_[i_] == '.' || t_[i_] == '[')) {
      if (t_[i_++] == '[') {
        const int64_t index = number(either());
        if (!eat("]")) throw Error("']' is missing");
        v = values_.element(v, index);
      } else {
        const size_t begin = i_;
        while (i_ < t_.size() && is_word(t_[i_])) ++i_;
        v = values_.field(v, std::string(t_.substr(begin, i_ - begin)));
      }
    }
    return v;
  }
  static bool is_word(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || static_cast<unsigned char>(c) >= 0x80;
  }
  // The text up to the parenthesis that closes the one before i_; i_ goes behind it.
  std::string enclosed() {
    const size_t begin = i_;
    for (int open = 1; i_ < t_.size(); ++i_) {
      open += t_[i_] == '(' ? 1 : t_[i_] == ')' ? -1 : 0;
      if (open == 0) return std::string(t_.substr(begin, i_++ - begin));
    }
    wrong();
  }
  Value primary() {
    space();
    if (i_ < t_.size() && t_[i_] == '"') return literal();
    if (eat("(")) {
      const size_t begin = i_;
      const std::string type = t_.substr(i_, 1) == "*" ? enclosed() : "";
      if (!type.empty() && eat("(")) return Value::number(values_.as_address(argument()), type);  // (*T)(address)
      i_ = begin;
      return argument();
    }
    return name();
  }
  Value argument() {
    Value v = either();
    if (!eat(")")) wrong();
    return v;
  }
  Value literal() {
    const size_t end = t_.find('"', ++i_);
    if (end == std::string_view::npos) throw Error("the closing '\"' is missing");
    Value v;
    v.type = "string", v.literal = true;
    v.bytes.assign(t_.begin() + static_cast<ptrdiff_t>(i_), t_.begin() + static_cast<ptrdiff_t>(end));
    i_ = end + 1;
    return v;
  }
  Value name() {
    const size_t begin = i_;
    int open = 0;
    while (i_ < t_.size()) {
      const char c = t_[i_];
      const bool in_path = c == '/' && i_ > begin && std::isalpha(static_cast<unsigned char>(t_[begin])) != 0 &&
                           t_.find('.', i_) != std::string_view::npos;
      const bool result = c == '~' && i_ == begin;  // "~r0": a result without a name
      const bool part = is_word(c) || c == '.' || c == '$' || c == '@' || result || in_path;
      if (c == '(' && i_ > begin && t_[i_ - 1] == '.' && t_.substr(i_ + 1, 1) == "*")
        ++open;  // pkg.(*T).f
      else if (c == ')' && open > 0)
        --open;
      else if (!(part || (c == '*' && open > 0)))
        break;
      ++i_;
    }
    const std::string word(t_.substr(begin, i_ - begin));
    if (word.empty()) wrong();
    if (std::isdigit(static_cast<unsigned char>(word[0]))) {
      try {
        size_t used = 0;
        const uint64_t v = std::stoull(word, &used, 0);
        if (used == word.size()) return wrap(v);
      } catch (const std::exception&) {
      }
      wrong();
    }
    if (next_is("(")) {
      if (word == "len" || word == "cap") return ++i_, values_.length(argument(), word == "cap");
      for (const std::string_view type : kConversions)
        if (word == type) return ++i_, converted(number(argument()), word);
    }
    return value_of(word);
  }
  Value converted(int64_t n, const std::string& type) const {
    Value v = Value::number(static_cast<uint64_t>(n), type);
    v.bytes.resize(values_.size_of(type));
    return v;
  }

  // --- names ---

  Value fields(Value v, const std::string& path) const {  // ".f.g", or nothing
    for (size_t at = 0; at < path.size();) {
      const size_t end = std::min(path.find('.', at + 1), path.size());
      v = values_.field(v, path.substr(at + 1, end - at - 1));
      at = end;
    }
    return v;
  }
  std::optional<Value> variable(const std::string& word) const {
    const size_t dot = std::min(word.find('.'), word.size());
    if (auto v = variables_.local(word.substr(0, dot))) return fields(std::move(*v), word.substr(dot));
    for (size_t cut = word.size(); cut != std::string::npos && cut > 0; cut = word.rfind('.', cut - 1))
      if (auto v = variables_.global(word.substr(0, cut))) return fields(std::move(*v), word.substr(cut));
    return std::nullopt;
  }
  uint64_t running_g() const {  // g0's too
    const model::Guest* guest = reader_.guest();
    return guest ? guest->g_of(reader_.state().thread()) : 0;
  }
  std::optional<uint64_t> special(const std::string& word) const {
    std::string low;
    for (char c : word) low += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    if (low == "$pc" || low == "pc" || low == "$rip" || low == "rip") return focus_.standing().pc;
    if (low == "goid" || low == "$goid") return focus_.who().goid;
    if (low == "thread" || low == "$thread") return static_cast<uint64_t>(focus_.who().tid);
    if (low == "pos" || low == "$pos" || low == "@") return reader_.position();
    if (low == "g" || low == "$g") return focus_.chosen() ? focus_.who().g : running_g();
    if (const auto r = all_.register_named(word)) return all_.register_value(*r);
    return std::nullopt;
  }
  // A symbol without a type stands for its address.
  std::optional<Value> symbol(const std::string& word) const {
    if (const auto s = reader_.machine().image().find_symbol(word)) {
      Value v = wrap(s->address);
      v.address = s->address;
      if (s->kind == loader::SymbolKind::data) v.symbol = word;
      return v;
    }
    if (word[0] == '$' || !reader_.program()) return std::nullopt;
    try {
      auto at = model::parse_where(reader_.program(), word, model::Bare::line).targets;
      std::erase_if(at, [&](uint64_t pc) {  // inlined copies begin no function
        const model::Function* f = reader_.function(pc);
        return at.size() > 1 && (!f || f->f.entry != pc);
      });
      if (at.size() == 1) return wrap(at[0]);
    } catch (const model::Error&) {
    }
    return std::nullopt;
  }
  // Variables come before registers: "$sp" is always the register.
  Value value_of(const std::string& word) const {
    if (word == "true" || word == "false") return truth(word == "true");
    if (word == "nil") return wrap(0);
    if (word[0] != '$')
      if (auto v = variable(word)) return *v;
    if (const auto v = special(word)) return wrap(*v);
    if (auto v = symbol(word)) return *v;
    const bool nameless = reader_.program() && !reader_.program()->dwarf();
    throw Error(fmt::format("'{}' is no register, variable, symbol or number here{}", word,
                            nameless ? " (the program has no DWARF: its variables have no names)" : ""));
  }

  const Expressions& all_;
  const Reader& reader_;
  const Focus& focus_;
  const Variables variables_;
  const Values values_;
  std::string_view t_;
  size_t i_ = 0;
  int nesting_ = 0;
};

}  // namespace

Value Expressions::value_of(const std::string& expression) const {
  return Parser(*this, reader_, focus_, expression).all();
}

uint64_t Expressions::evaluate(const std::string& expression) const {
  return static_cast<uint64_t>(Values(reader_).as_number(value_of(expression)));
}

uint64_t Expressions::address(const std::string& expression) const {
  return Values(reader_).as_address(value_of(expression));
}

std::pair<uint64_t, uint64_t> Expressions::memory_place(const std::string& expression) const {
  const Value v = value_of(expression);
  if (v.gone) throw Error(fmt::format("{} is optimised away here", expression));
  if (v.type.empty()) return {v.address.value_or(v.word()), 8};
  if (!v.address) throw Error(fmt::format("{} lies in a register, or in pieces: it has no address", expression));
  return {*v.address, v.bytes.size()};
}

uint64_t Expressions::register_value(isa::Reg r) const {
  const Standing s = focus_.standing();
  if (s.thread) return s.thread->cpu.r[r];
  if (r == reader_.sp_register()) return s.sp;
  if (r == (reader_.amd64() ? isa::kRbp : isa::Reg{29})) return s.fp;
  throw Error(fmt::format("g{} is parked: of its registers only PC, SP and the frame pointer are kept", s.who.goid));
}

std::optional<isa::Reg> Expressions::register_named(std::string n) const {
  if (!n.empty() && n[0] == '$') n.erase(0, 1);
  for (char& c : n) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  const auto numbered = [&](char letter, unsigned limit) -> std::optional<isa::Reg> {
    if (n.size() < 2 || n.size() > 3 || n[0] != letter) return std::nullopt;
    unsigned v = 0;
    for (char c : n.substr(1)) {
      if (!std::isdigit(static_cast<unsigned char>(c))) return std::nullopt;
      v = v * 10 + static_cast<unsigned>(c - '0');
    }
    return v < limit ? std::optional(static_cast<isa::Reg>(v)) : std::nullopt;
  };
  if (reader_.amd64()) {
    for (const X86Name& r : kX86)
      if (n == r.name || (n.size() == 3 && n[0] == 'r' && n.substr(1) == r.name)) return r.reg;
    if (n == "fs" || n == "fs_base") return isa::kFsBase;
    if (n == "gs" || n == "gs_base") return isa::kGsBase;
    const auto r = numbered('r', 16);
    return r && *r >= 8 ? r : std::nullopt;
  }
  if (n == "sp" || n == "rsp") return isa::kSp;
  if (n == "lr") return isa::kX30;
  if (n == "fp") return isa::Reg{29};
  if (const auto r = numbered('r', 31)) return r;
  return numbered('x', 31);
}

}  // namespace deferscope::session
