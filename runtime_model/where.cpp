// Reading a WHERE and going there.
#include "runtime_model/where.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "runtime_model/lines.h"

namespace deferscope::model {
namespace {

constexpr emu::Position kStride = 1'000'000;  // between looks at the number of events
constexpr int kNoLine = 100'000'000;          // a number that no file has lines for

// Decimal with ',' or '_' between digits, or hexadecimal.
std::optional<uint64_t> number(std::string_view s) {
  std::string digits;
  for (char c : s)
    if (c != ',' && c != '_') digits += c;
  const bool hex = digits.rfind("0x", 0) == 0 || digits.rfind("0X", 0) == 0;
  const char* from = digits.data() + (hex ? 2 : 0);
  const char* to = digits.data() + digits.size();
  uint64_t v = 0;
  const auto r = std::from_chars(from, to, v, hex ? 16 : 10);
  return r.ec == std::errc() && r.ptr == to && from != to ? std::optional<uint64_t>(v) : std::nullopt;
}

bool all_digits(std::string_view t) {
  return !t.empty() && std::all_of(t.begin(), t.end(), [](unsigned char c) { return c >= '0' && c <= '9'; });
}

int line_number(std::string_view digits) {
  return digits.size() > 8 ? kNoLine : static_cast<int>(number(digits).value_or(kNoLine));
}

// "50%" → 0.5
std::optional<double> share_of(std::string_view text) {
  if (text.empty() || text.back() != '%') return std::nullopt;
  double part = 0;
  const char* end = text.data() + text.size() - 1;
  const auto r = std::from_chars(text.data(), end, part);
  return r.ec == std::errc() && r.ptr == end && part >= 0 && part <= 100 ? std::optional(part / 100) : std::nullopt;
}

// `typed` names the function: all of it, or its tail behind a dot or slash.
bool named(std::string_view function, std::string_view typed) {
  if (function == typed) return true;
  if (typed.empty() || !function.ends_with(typed)) return false;
  const char before = function[function.size() - typed.size() - 1];
  return before == '.' || before == '/';
}

std::vector<loader::Func> functions_named(const Program& p, const std::string& typed) {
  const loader::FuncTable& funcs = p.go().funcs;
  if (auto exact = funcs.find(typed); !exact.empty()) return exact;
  std::vector<loader::Func> out;
  for (size_t i = 0; i < funcs.size(); ++i) {
    const loader::Func f = funcs.func(i);
    const std::string name = readable(f.name);
    if (name == typed) return {f};
    if (named(name, typed)) out.push_back(f);
  }
  if (out.size() < 2) return out;
  // main's own first, then the runtime's.
  for (const char* package : {"main.", "runtime."}) {
    std::vector<loader::Func> some;
    for (const loader::Func& f : out)
      if (readable(f.name) == fmt::format("{}{}", package, typed)) some.push_back(f);
    if (!some.empty()) return some;
  }
  return out;
}

// Entries of the inlined copies of one function: of this one, else of the one that `typed` names (of main's own where
// it fits several).
std::vector<uint64_t> copies_of(const Program& p, std::string_view function, std::string_view typed) {
  auto copies = inlined_copies(
      p, [&](std::string_view f) { return function.empty() ? named(readable(f), typed) : f == function; });
  const auto is_main = [](const InlinedCopy& c) { return c.function.starts_with("main."); };
  if (std::any_of(copies.begin(), copies.end(), is_main))
    std::erase_if(copies, [&](const InlinedCopy& c) { return !is_main(c); });
  std::vector<uint64_t> out;
  for (const InlinedCopy& c : copies)
    if (c.function == copies[0].function) out.push_back(c.entry);
  return out;
}

// A target within an instruction is not refused, since a jump may lead there; but it is told if nothing ever comes.
std::string doubt(const Program& p, const std::vector<uint64_t>& targets) {
  for (uint64_t target : targets) {
    const auto f = p.go().funcs.at(target);
    if (!f) continue;
    Insn last;
    each_instruction(p.image(), f->entry, target + 1, [&](const Insn& insn) { return last = insn, true; });
    if (last.pc < target && target < last.next())
      return fmt::format("; {:#x} lies within the instruction at {:#x}", target, last.pc);
  }
  return {};
}

class Reader {
 public:
  Reader(const Program* program, std::string_view text, Bare bare, const Here* here)
      : p_(program), text_(text), bare_(bare), here_(here) {}

  Where read() {
    const size_t hash = text_.rfind('#');
    if (hash != std::string_view::npos && hash > 0) {
      const auto n = number(text_.substr(hash + 1));
      if (!n || *n == 0) throw Error(fmt::format("{}: # needs a number from 1", text_));
      w_.nth = *n;
      text_ = text_.substr(0, hash);
    }
    w_.text = text_;
    if (moment()) {
      if (w_.nth) throw Error(fmt::format("{}#{}: only a place is reached several times", text_, w_.nth));
      return w_;
    }
    w_.kind = Where::addresses;
    w_.targets = place();
    if (w_.nth) w_.text += fmt::format("#{}", w_.nth);
    if (p_) w_.doubt = doubt(*p_, w_.targets);
    return w_;
  }

 private:
  bool take(Where::Kind kind, uint64_t value = 0) { return w_.kind = kind, w_.number = value, true; }

  bool moment() {
    if (text_.starts_with("event:")) {
      const auto n = number(text_.substr(6));
      if (!n) throw Error(fmt::format("{}: event: needs a number", text_));
      return take(Where::event, *n);
    }
    const bool marked = text_.starts_with("@");
    const std::string_view t = marked ? text_.substr(1) : text_;
    if (t == "start") return take(Where::start);
    if (t == "end") return take(Where::end);
    if (const auto part = share_of(t)) return w_.part = *part, take(Where::share);
    if (!marked && bare_ == Bare::line) return false;
    if (here_ && !t.empty() && (t[0] == '+' || t[0] == '-')) {
      const auto n = number(t.substr(1));
      return n && take(Where::position, t[0] == '+' ? here_->at + *n : here_->at - std::min(*n, here_->at));
    }
    const auto n = number(t);
    return n && take(Where::position, *n);
  }

  std::vector<uint64_t> place() const {
    if (text_.starts_with("*")) return {address(std::string(text_.substr(1)))};
    if (!p_) throw Error(fmt::format("'{}': this program has no Go function table; use *ADDRESS", text_));
    if (text_.size() > 2 && text_[0] == '/' && text_.back() == '/') return matching();
    const bool relative = text_.starts_with("+") || text_.starts_with("-");
    if (here_ && all_digits(relative ? text_.substr(1) : text_)) return line_of_this_file(relative);
    const size_t colon = text_.rfind(':');
    if (colon != std::string_view::npos && all_digits(text_.substr(colon + 1))) return line_at(colon);
    return function();
  }

  uint64_t address(const std::string& expression) const {
    if (here_ && here_->address) return here_->address(expression);
    const auto a = number(expression);
    if (!a) throw Error(fmt::format("{}: * needs an address", text_));
    return *a;
  }

  // RE2's syntax is that of Go's regexp, and so of delve's /REGEX/.
  std::vector<uint64_t> matching() const {
    const RE2 pattern(std::string(text_.substr(1, text_.size() - 2)), RE2::Quiet);
    if (!pattern.ok()) throw Error(fmt::format("'{}' is no regular expression: {}", text_, pattern.error()));
    std::vector<uint64_t> out;
    const loader::FuncTable& funcs = p_->go().funcs;
    for (size_t i = 0; i < funcs.size(); ++i) {
      const loader::Func f = funcs.func(i);
      if (RE2::PartialMatch(readable(f.name), pattern)) out.push_back(f.entry);
    }
    const auto wanted = [&](std::string_view f) { return RE2::PartialMatch(readable(f), pattern); };
    for (const InlinedCopy& c : inlined_copies(*p_, wanted)) out.push_back(c.entry);
    if (out.empty()) throw Error(fmt::format("no function matches {}", text_));
    return out;
  }

  std::vector<uint64_t> line_of_this_file(bool relative) const {
    const Location& l = p_->location(here_->pc);
    if (l.line <= 0) throw Error("no source line is known here: write FILE:LINE");
    const int n = line_number(relative ? text_.substr(1) : text_);
    const int line = text_[0] == '+' ? l.line + n : text_[0] == '-' ? l.line - n : n;
    const auto out = line_addresses(*p_, l.file, line);
    if (out.empty()) throw Error(fmt::format("line {} has no code", line));
    return out;
  }

  // FILE:LINE, or FUNC:N as in delve.
  std::vector<uint64_t> line_at(size_t colon) const {
    const std::string left(text_.substr(0, colon));
    int line = line_number(text_.substr(colon + 1));
    std::string file = left;
    if (!left.ends_with(".go") && !left.ends_with(".s")) {
      const auto fs = functions_named(*p_, left);
      if (fs.empty()) throw Error(fmt::format("no function or file '{}'", left));
      const loader::SourceLine first = p_->go().funcs.line(fs[0], fs[0].entry);
      file = std::string(first.file);
      line += first.line;
    }
    const auto out = line_addresses(*p_, file, line);
    if (out.empty()) throw Error(fmt::format("{} has no code at line {}", left, line));
    return out;
  }

  std::vector<uint64_t> function() const {
    std::string name(text_);
    uint64_t offset = 0;
    if (const size_t plus = name.rfind('+'); plus != std::string::npos && plus > 0)
      if (const auto n = number(std::string_view(name).substr(plus + 1))) offset = *n, name.resize(plus);
    const auto found = functions_named(*p_, name);
    std::vector<uint64_t> copies;  // of the function alone; an instruction of it is only its own
    if (name == text_) copies = copies_of(*p_, found.empty() ? std::string_view() : found[0].name, name);
    if (found.empty()) {
      if (!copies.empty()) return copies;
      if (const auto s = p_->image().find_symbol(name)) return {s->address + offset};
      throw Error(
          fmt::format("'{}' not found: give FUNC, FUNC+OFFSET, FILE:LINE, LINE, +N, -N, /REGEX/ or *ADDRESS", text_));
    }
    if (std::any_of(found.begin(), found.end(), [&](const loader::Func& f) { return f.name != found[0].name; })) {
      std::string list;
      for (size_t i = 0; i < found.size() && i < 6; ++i) list += fmt::format(" {}", readable(found[i].name));
      throw Error(fmt::format("'{}' is ambiguous:{}{}", name, list, found.size() > 6 ? " …" : ""));
    }
    std::vector<uint64_t> out;
    for (const loader::Func& f : found)
      if (offset < f.end - f.entry) out.push_back(f.entry + offset);
    if (out.empty()) throw Error(fmt::format("{} is shorter than {} bytes", name, offset));
    out.insert(out.end(), copies.begin(), copies.end());
    return out;
  }

  const Program* p_;
  std::string_view text_;
  Bare bare_;
  const Here* here_;
  Where w_;
};

[[noreturn]] void ended(const emu::Machine& m, const Where& w) {
  const emu::Position at = m.state().position;
  const char* how = m.state().exited                     ? "ended"
                    : at >= m.options().max_instructions ? "reached --max-instructions"
                                                         : "came to a deadlock";
  throw Error(fmt::format("{}: the guest {} at position {} before that{}", w.text, how, at, w.doubt));
}

void go_to_position(emu::Machine& m, const Where& w, emu::Position p, const Travel& travel) {
  if (p < m.state().position) return travel.seek(p);
  if (travel.run(p).kind != emu::Stop::Reached && m.state().position != p) ended(m, w);
}

void go_to_event(emu::Machine& m, const Tracker& t, const Where& w, const Travel& travel) {
  while (t.events() <= w.number) {
    const emu::Stop stop = travel.run(m.state().position + kStride);
    if (t.events() > w.number) break;
    if (stop.kind != emu::Stop::Reached) ended(m, w);
  }
  travel.seek(t.position_of(w.number));
}

// From the beginning of the run.
void go_to_address(emu::Machine& m, const Where& w, const std::vector<uint64_t>& targets, const Travel& travel) {
  if (m.state().position) travel.seek(0);
  m.set_hooks({targets.begin(), targets.end()});
  emu::Stop stop;
  for (uint64_t n = 0; n < std::max<uint64_t>(w.nth, 1); ++n) {
    stop = travel.run(emu::kNever);
    if (stop.kind != emu::Stop::Hook) break;
  }
  m.set_hooks({});
  if (stop.kind != emu::Stop::Hook) ended(m, w);
}

}  // namespace

Where parse_where(const Program* p, std::string_view text, Bare bare, const Here* here) {
  return Reader(p, text, bare, here).read();
}

Travel travel_of(emu::Machine& m) {
  const auto run = [&m](emu::Position p) {
    const emu::Stop stop = m.run_to(p);
    if (stop.kind == emu::Stop::Interrupted) throw emu::Interrupted();
    return stop;
  };
  return {run, [&m](emu::Position p) { m.seek(p); }};
}

void go_to(emu::Machine& m, const Program* p, const Tracker* t, const Where& w, const Travel& travel) {
  switch (w.kind) {
    case Where::position: return go_to_position(m, w, w.number, travel);
    case Where::event:
      if (!t) throw Error(fmt::format("{}: events of Go programs only", w.text));
      return go_to_event(m, *t, w, travel);
    case Where::addresses: return go_to_address(m, w, w.targets, travel);
    case Where::start: {
      const Function* main = p ? p->function_named("main.main") : nullptr;
      return main ? go_to_address(m, w, {main->f.entry}, travel) : go_to_position(m, w, 0, travel);
    }
    case Where::end:
    case Where::share:
      travel.run(emu::kNever);
      if (w.kind == Where::share)
        travel.seek(static_cast<emu::Position>(static_cast<double>(m.state().position) * w.part));
  }
}

}  // namespace deferscope::model
