// Reading a WHERE and going there.
#include "runtime_model/where.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

namespace deferscope::model {
namespace {

constexpr emu::Position kStride = 1'000'000;  // between looks at the number of events

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

bool file_matches(std::string_view path, std::string_view wanted) {
  if (path.size() < wanted.size() || path.substr(path.size() - wanted.size()) != wanted) return false;
  return path.size() == wanted.size() || wanted[0] == '/' || path[path.size() - wanted.size() - 1] == '/';
}

std::vector<uint64_t> line_addresses(const Program& p, std::string_view file, int32_t line) {
  std::vector<uint64_t> out;
  const loader::FuncTable& funcs = p.go().funcs;
  for (size_t i = 0; i < funcs.size(); ++i) {
    const loader::Func f = funcs.func(i);
    if (!file_matches(p.location(f.entry).file, file)) continue;
    each_instruction(p.image(), f.entry, f.end, [&](const Insn& insn) {
      const loader::SourceLine at = funcs.line(f, insn.pc);
      if (at.line != line || !file_matches(at.file, file)) return true;
      out.push_back(insn.pc);
      return false;
    });
  }
  return out;
}

// FUNC or FUNC+OFF in either spelling.
std::vector<uint64_t> function_addresses(const Program& p, std::string_view text) {
  std::vector<uint64_t> out;
  const size_t plus = text.rfind('+');
  const auto offset = plus == std::string_view::npos ? std::optional<uint64_t>(0) : number(text.substr(plus + 1));
  const std::string_view name = offset && plus != std::string_view::npos ? text.substr(0, plus) : text;
  for (const loader::Func& f : p.go().funcs.find(name)) out.push_back(f.entry + offset.value_or(0));
  if (out.empty())
    if (const auto s = p.image().find_symbol(name); s && s->kind == loader::SymbolKind::function)
      out.push_back(s->address + offset.value_or(0));
  if (out.empty())
    for (size_t i = 0; i < p.go().funcs.size(); ++i)
      if (const loader::Func f = p.go().funcs.func(i); readable(f.name) == name)
        out.push_back(f.entry + offset.value_or(0));
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

Where parse(const Program& p, std::string_view text) {
  Where w;
  if (text.rfind("event:", 0) == 0) {
    const auto n = number(text.substr(6));
    if (!n) throw Error(fmt::format("{}: event: needs a number", text));
    w.kind = Where::event;
    w.number = *n;
    return w;
  }
  const std::string_view plain = !text.empty() && text[0] == '@' ? text.substr(1) : text;
  if (const auto n = number(plain)) {
    w.number = *n;
    return w;
  }
  w.kind = Where::addresses;
  if (!text.empty() && text[0] == '*') {
    const auto a = number(text.substr(1));
    if (!a) throw Error(fmt::format("{}: * needs an address", text));
    w.targets.push_back(*a);
    return w;
  }
  const size_t colon = text.rfind(':');
  const auto line = colon == std::string_view::npos ? std::nullopt : number(text.substr(colon + 1));
  if (line && *line <= INT32_MAX)
    w.targets = line_addresses(p, text.substr(0, colon), static_cast<int32_t>(*line));
  else
    w.targets = function_addresses(p, text);
  if (w.targets.empty())
    throw Error(line
                    ? fmt::format("{}: no function of {} has code of its own on that line", text, text.substr(0, colon))
                    : fmt::format("{}: no such function", text));
  return w;
}

[[noreturn]] void ended(const emu::Machine& m, const Where& w) {
  const emu::Position at = m.state().position;
  const char* how = m.state().exited                     ? "ended"
                    : at >= m.options().max_instructions ? "reached --max-instructions"
                                                         : "came to a deadlock";
  throw Error(fmt::format("{}: the guest {} at position {} before that{}", w.text, how, at, w.doubt));
}

void go_to_event(emu::Machine& m, const Tracker& t, const Where& w) {
  while (t.events() <= w.number) {
    const emu::Stop stop = m.run_to(m.state().position + kStride);
    if (t.events() > w.number) break;
    if (stop.kind != emu::Stop::Reached) ended(m, w);
  }
  m.seek(t.position_of(w.number));
}

}  // namespace

Where parse_where(const Program& p, std::string_view text) {
  std::string_view body = text;
  uint64_t nth = 1;
  const size_t hash = text.rfind('#');
  if (hash != std::string_view::npos && hash > 0) {
    const auto n = number(text.substr(hash + 1));
    if (!n || *n == 0) throw Error(fmt::format("{}: # needs a number from 1", text));
    nth = *n;
    body = text.substr(0, hash);
  }
  Where w = parse(p, body);
  w.nth = nth;
  w.text = text;
  w.doubt = doubt(p, w.targets);
  return w;
}

void go_to(emu::Machine& m, const Tracker& t, const Where& w) {
  if (w.kind == Where::event) return go_to_event(m, t, w);
  if (w.kind == Where::position) {
    if (w.number < m.state().position) {
      m.seek(w.number);
    } else if (m.run_to(w.number).kind != emu::Stop::Reached && m.state().position != w.number) {
      ended(m, w);
    }
    return;
  }
  m.set_hooks({w.targets.begin(), w.targets.end()});
  emu::Stop stop;
  for (uint64_t n = 0; n < w.nth; ++n) {
    stop = m.run_to(emu::kNever);
    if (stop.kind != emu::Stop::Hook) break;
  }
  m.set_hooks({});
  if (stop.kind != emu::Stop::Hook) ended(m, w);
}

}  // namespace deferscope::model
