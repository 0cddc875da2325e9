// Places as people write them: delve's locspecs, positions in time.
#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <cctype>

#include "cli/session/core.h"
#include "runtime_model/code.h"

namespace deferscope::cli {
namespace {

bool all_digits(const std::string& t) {
  return !t.empty() && std::all_of(t.begin(), t.end(), [](unsigned char c) { return std::isdigit(c); });
}

std::optional<uint64_t> number(std::string t) {
  t.erase(std::remove_if(t.begin(), t.end(), [](char c) { return c == ',' || c == '_'; }), t.end());
  if (t.empty() || !std::isdigit(static_cast<unsigned char>(t[0]))) return std::nullopt;
  try {
    size_t used = 0;
    const uint64_t v = std::stoull(t, &used, 0);
    return used == t.size() ? std::optional(v) : std::nullopt;
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

// Digits only; a number that no file has lines for stays harmless.
int line_number(const std::string& digits) { return digits.size() > 8 ? 100'000'000 : std::stoi(digits); }

bool ends_with(std::string_view s, std::string_view tail) {
  return s.size() >= tail.size() && s.substr(s.size() - tail.size()) == tail;
}

// `typed` names the function: all of it, or its tail behind a dot or slash ("jmpdefer", "main", "(*T).Close").
bool named(std::string_view function, const std::string& typed) {
  if (function == typed) return true;
  if (!ends_with(function, typed) || function.size() <= typed.size()) return false;
  const char before = function[function.size() - typed.size() - 1];
  return before == '.' || before == '/';
}

std::vector<loader::Func> functions_named(const model::Program& p, const std::string& typed) {
  std::vector<loader::Func> exact = p.go().funcs.find(typed);
  if (!exact.empty()) return exact;
  std::vector<loader::Func> out;
  for (size_t i = 0; i < p.go().funcs.size(); ++i) {
    const loader::Func f = p.go().funcs.func(i);
    const std::string name = model::readable(f.name);
    if (name == typed) return {f};
    if (named(name, typed)) out.push_back(f);
  }
  if (out.size() < 2) return out;
  // main's own first, then the runtime's.
  for (const char* package : {"main.", "runtime."}) {
    std::vector<loader::Func> some;
    for (const loader::Func& f : out)
      if (model::readable(f.name) == fmt::format("{}{}", package, typed)) some.push_back(f);
    if (!some.empty()) return some;
  }
  return out;
}

// First instruction of each stretch of code that belongs to FILE:LINE.
std::vector<uint64_t> line_addresses(const loader::Image& image, const model::Program& p, const std::string& file,
                                     int line) {
  std::vector<uint64_t> out;
  for (size_t i = 0; i < p.go().funcs.size(); ++i) {
    const loader::Func f = p.go().funcs.func(i);
    const loader::SourceLine at = p.go().funcs.line(f, f.entry);
    if (!ends_with(at.file, file) || (at.file.size() > file.size() && at.file[at.file.size() - file.size() - 1] != '/'))
      continue;
    bool inside = false;
    model::each_instruction(image, f.entry, f.end, [&](const model::Insn& in) {
      const loader::SourceLine l = p.go().funcs.line(f, in.pc);
      const bool is = l.line == line && ends_with(l.file, file);
      if (is && !inside) out.push_back(in.pc);
      inside = is;
      return true;
    });
  }
  // One stop for each function is enough: its lowest address.
  std::vector<uint64_t> firsts;
  std::vector<uint64_t> entries;
  for (uint64_t a : out) {
    const uint64_t entry = p.go().funcs.at(a)->entry;
    if (std::count(entries.begin(), entries.end(), entry)) continue;
    entries.push_back(entry);
    firsts.push_back(a);
  }
  return firsts;
}

}  // namespace

// "50%" → 0.5
std::optional<double> Core::as_share(const std::string& text) {
  if (text.empty() || text.back() != '%') return std::nullopt;
  try {
    size_t used = 0;
    const double part = std::stod(text, &used);
    return used + 1 == text.size() && part >= 0 && part <= 100 ? std::optional(part / 100) : std::nullopt;
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

std::optional<emu::Position> Core::as_position(const std::string& text) const {
  std::string t = text;
  if (!t.empty() && t[0] == '@') t.erase(0, 1);
  if (t == "start") return start;
  if (t == "end") return emu::kNever;
  if (const auto share = as_share(t)) {
    if (!known_end) throw CommandError("a share of the run: its end is not known yet (goto end runs there)");
    return static_cast<emu::Position>(static_cast<double>(*known_end) * *share);
  }
  if (!t.empty() && (t[0] == '+' || t[0] == '-')) {
    const auto n = number(t.substr(1));
    if (!n) return std::nullopt;
    return t[0] == '+' ? position() + *n : position() - std::min(*n, position());
  }
  return number(t);
}

std::vector<uint64_t> Core::locate(const std::string& spec) const {
  if (spec.empty()) return {standing().pc};
  if (spec[0] == '*') return {address(spec.substr(1))};
  if (!program) throw CommandError(fmt::format("'{}': this program has no Go function table; use *ADDRESS", spec));
  const auto& funcs = program->go().funcs;
  if (spec[0] == '/' && spec.size() > 2 && spec.back() == '/') {
    // RE2's syntax is that of Go's regexp, and so of delve's /REGEX/.
    const RE2 pattern(spec.substr(1, spec.size() - 2), RE2::Quiet);
    if (!pattern.ok()) throw CommandError(fmt::format("'{}' is no regular expression: {}", spec, pattern.error()));
    std::vector<uint64_t> out;
    for (size_t i = 0; i < funcs.size(); ++i) {
      const loader::Func f = funcs.func(i);
      if (RE2::PartialMatch(model::readable(f.name), pattern)) out.push_back(f.entry);
    }
    if (out.empty()) throw CommandError(fmt::format("no function matches {}", spec));
    return out;
  }
  const loader::SourceLine here = [&] {
    const auto f = funcs.at(standing().pc);
    return f ? funcs.line(*f, standing().pc) : loader::SourceLine{};
  }();
  if (all_digits(spec) || ((spec[0] == '+' || spec[0] == '-') && all_digits(spec.substr(1)))) {
    if (here.line <= 0) throw CommandError("no source line is known here: write FILE:LINE");
    const int n = line_number(spec[0] == '+' || spec[0] == '-' ? spec.substr(1) : spec);
    const int line = spec[0] == '+' ? here.line + n : spec[0] == '-' ? here.line - n : n;
    const auto out = line_addresses(machine->image(), *program, std::string(here.file), line);
    if (out.empty()) throw CommandError(fmt::format("line {} has no code", line));
    return out;
  }
  if (const size_t colon = spec.rfind(':'); colon != std::string::npos && all_digits(spec.substr(colon + 1))) {
    const std::string left = spec.substr(0, colon);
    int line = line_number(spec.substr(colon + 1));
    std::string file = left;
    if (!ends_with(left, ".go") && !ends_with(left, ".s")) {  // FUNC:N: N lines below the function's first, as delve
      const auto fs = functions_named(*program, left);
      if (fs.empty()) throw CommandError(fmt::format("no function or file '{}'", left));
      const loader::SourceLine first = funcs.line(fs[0], fs[0].entry);
      file = std::string(first.file);
      line += first.line;
    }
    const auto out = line_addresses(machine->image(), *program, file, line);
    if (out.empty()) throw CommandError(fmt::format("{} has no code at line {}", left, line));
    return out;
  }
  std::string name = spec;
  uint64_t offset = 0;
  if (const size_t plus = spec.rfind('+'); plus != std::string::npos && plus > 0)
    if (const auto n = number(spec.substr(plus + 1))) name = spec.substr(0, plus), offset = *n;
  const auto found = functions_named(*program, name);
  if (found.empty()) {
    if (const auto s = machine->image().find_symbol(name)) return {s->address + offset};
    throw CommandError(
        fmt::format("'{}' not found: give FUNC, FUNC+OFFSET, FILE:LINE, LINE, +N, -N, /REGEX/ or *ADDRESS", spec));
  }
  if (found.size() > 1 &&
      std::any_of(found.begin(), found.end(), [&](const loader::Func& f) { return f.name != found[0].name; })) {
    std::string list;
    for (size_t i = 0; i < found.size() && i < 6; ++i) list += fmt::format(" {}", model::readable(found[i].name));
    throw CommandError(fmt::format("'{}' is ambiguous:{}{}", name, list, found.size() > 6 ? " …" : ""));
  }
  std::vector<uint64_t> out;
  for (const loader::Func& f : found)
    if (offset < f.end - f.entry) out.push_back(f.entry + offset);
  if (out.empty()) throw CommandError(fmt::format("{} is shorter than {} bytes", name, offset));
  return out;
}

}  // namespace deferscope::cli
