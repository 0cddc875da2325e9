// Expressions in conditions and addresses: numbers, registers, memory, symbols, variables.
//
//   or  = and { "||" and }          cmp = sum [ (==|!=|<|<=|>|>=) sum ]
//   and = bit { "&&" bit }          sum = term { (+|-) term }
//   bit = cmp { (&|'|') cmp }       term = unary { (*|/|%) unary }
//   unary = "*" unary | "-" unary | "!" unary | "(" or ")" | "*(*TYPE)(" or ")" | NUMBER | NAME
#include <fmt/format.h>

#include <cctype>

#include "cli/session/core.h"
#include "cli/session/variables.h"

namespace deferscope::cli {
namespace {

struct X86Name {
  const char* name;
  isa::Reg reg;
};
constexpr X86Name kX86[] = {{"ax", 0}, {"cx", 1}, {"dx", 2}, {"bx", 3}, {"sp", 4}, {"bp", 5}, {"si", 6}, {"di", 7}};

unsigned type_bytes(const std::string& type) {
  if (type == "byte" || type == "uint8" || type == "int8" || type == "bool") return 1;
  if (type == "uint16" || type == "int16") return 2;
  if (type == "uint32" || type == "int32" || type == "rune") return 4;
  return 8;
}

class Parser {
 public:
  Parser(const Core& core, std::string_view text) : core_(core), t_(text) {}
  int64_t all() {
    const int64_t v = either();
    space();
    if (i_ != t_.size()) wrong();
    return v;
  }

 private:
  [[noreturn]] void wrong() const { throw CommandError(fmt::format("cannot read '{}' (at '{}')", t_, t_.substr(i_))); }
  void space() {
    while (i_ < t_.size() && std::isspace(static_cast<unsigned char>(t_[i_]))) ++i_;
  }
  bool eat(std::string_view token) {
    space();
    if (t_.substr(i_, token.size()) != token) return false;
    i_ += token.size();
    return true;
  }
  int64_t either() {
    int64_t v = both();
    while (eat("||")) {
      const int64_t w = both();
      v = v || w;
    }
    return v;
  }
  int64_t both() {
    int64_t v = bits();
    while (eat("&&")) {
      const int64_t w = bits();
      v = v && w;
    }
    return v;
  }
  int64_t bits() {
    int64_t v = compare();
    while (true) {
      space();
      const std::string_view two = t_.substr(i_, 2);
      if (two == "&&" || two == "||") return v;
      if (eat("&"))
        v &= compare();
      else if (eat("|"))
        v |= compare();
      else
        return v;
    }
  }
  int64_t compare() {
    const int64_t v = sum();
    if (eat("==")) return v == sum();
    if (eat("!=")) return v != sum();
    if (eat("<=")) return v <= sum();
    if (eat(">=")) return v >= sum();
    if (eat("<")) return v < sum();
    if (eat(">")) return v > sum();
    return v;
  }
  static int64_t wrap(uint64_t x) { return static_cast<int64_t>(x); }
  int64_t sum() {
    int64_t v = term();
    while (true) {
      if (eat("+"))
        v = wrap(static_cast<uint64_t>(v) + static_cast<uint64_t>(term()));
      else if (eat("-"))
        v = wrap(static_cast<uint64_t>(v) - static_cast<uint64_t>(term()));
      else
        return v;
    }
  }
  int64_t term() {
    int64_t v = unary();
    while (true) {
      if (eat("*"))
        v = wrap(static_cast<uint64_t>(v) * static_cast<uint64_t>(unary()));
      else if (eat("/"))
        v = divided(v, unary(), false);
      else if (eat("%"))
        v = divided(v, unary(), true);
      else
        return v;
    }
  }
  int64_t divided(int64_t a, int64_t b, bool rest) const {
    if (b == 0) throw CommandError("division by zero");
    if (b == -1) return rest ? 0 : wrap(uint64_t{0} - static_cast<uint64_t>(a));
    return rest ? a % b : a / b;
  }
  int64_t memory(int64_t address, unsigned bytes) const {
    const auto v = core_.view->value(static_cast<uint64_t>(address), bytes);
    if (!v) throw CommandError(fmt::format("{:#x} is not mapped", static_cast<uint64_t>(address)));
    return static_cast<int64_t>(*v);
  }
  int64_t unary() {
    if (++nesting_ > 200) wrong();
    space();
    int64_t v = 0;
    if (eat("*(*")) {
      const size_t close = t_.find(')', i_);
      if (close == std::string_view::npos) wrong();
      const std::string type(t_.substr(i_, close - i_));
      i_ = close + 1;
      if (!eat("(")) wrong();
      v = either();
      if (!eat(")")) wrong();
      v = memory(v, type_bytes(type));
    } else if (eat("*")) {
      v = memory(unary(), 8);
    } else if (eat("-")) {
      v = wrap(uint64_t{0} - static_cast<uint64_t>(unary()));
    } else if (eat("!")) {
      v = !unary();
    } else if (eat("(")) {
      v = either();
      if (!eat(")")) wrong();
    } else {
      v = name();
    }
    --nesting_;
    return v;
  }
  int64_t name() {
    space();
    const size_t begin = i_;
    int open = 0;
    while (i_ < t_.size()) {
      const unsigned char c = static_cast<unsigned char>(t_[i_]);
      const bool in_path = c == '/' && i_ > begin && std::isalpha(static_cast<unsigned char>(t_[begin])) != 0 &&
                           t_.find('.', i_) != std::string_view::npos;
      const bool part = std::isalnum(c) || c == '_' || c == '.' || c == '$' || c == '@' || c >= 0x80 || in_path;
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
    return value_of(word);
  }
  int64_t value_of(const std::string& word) const {
    if (word == "true") return 1;
    if (word == "false" || word == "nil") return 0;
    std::string low;
    for (char c : word) low += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    if (low == "$pc" || low == "pc" || low == "$rip" || low == "rip") return wrap(core_.standing().pc);
    if (low == "goid" || low == "$goid") return wrap(core_.me().goid);
    if (low == "thread" || low == "$thread") return core_.me().tid;
    if (low == "pos" || low == "$pos" || low == "@") return wrap(core_.position());
    if (low == "g" || low == "$g")
      return wrap(core_.chosen ? core_.chosen->g : core_.view->current_g(core_.view->cpu()));
    if (const auto v = scalar_variable(core_, word)) return *v;
    if (const auto r = core_.register_named(word)) return wrap(core_.register_value(*r));
    if (const auto s = core_.machine->image().find_symbol(word)) return wrap(s->address);
    if (word[0] != '$' && core_.program) {
      try {
        const auto at = core_.locate(word);
        if (at.size() == 1) return wrap(at[0]);
      } catch (const CommandError&) {
      }
    }
    throw CommandError(fmt::format("'{}' is no register, variable, symbol or number here", word));
  }

  const Core& core_;
  std::string_view t_;
  size_t i_ = 0;
  int nesting_ = 0;
};

}  // namespace

uint64_t Core::evaluate(const std::string& expression) const {
  return static_cast<uint64_t>(Parser(*this, expression).all());
}

std::pair<uint64_t, unsigned> Core::memory_place(const std::string& text) const {
  const size_t close = text.find(')');
  if (text.compare(0, 3, "*(*") == 0 && close != std::string::npos)
    return {evaluate(text.substr(close + 1)), type_bytes(text.substr(3, close - 3))};
  return {evaluate(text[0] == '*' ? text.substr(1) : text), 8};
}

uint64_t Core::register_value(isa::Reg r) const {
  const Standing s = standing();
  if (s.thread) return s.thread->cpu.r[r];
  if (r == view->sp_register()) return s.sp;
  if (r == (view->amd64() ? isa::kRbp : isa::Reg{29})) return s.fp;
  throw CommandError(
      fmt::format("g{} is parked: of its registers only PC, SP and the frame pointer are kept", s.who.goid));
}

std::optional<isa::Reg> Core::register_named(std::string n) const {
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
  if (view->amd64()) {
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

}  // namespace deferscope::cli
