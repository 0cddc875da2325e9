// Registers, memory, variables.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <tuple>

#include "cli/console/value_text.h"
#include "cli/console/verbs.h"
#include "session/drawings.h"

namespace deferscope::cli {
namespace {

void say_x87(Console& c, const isa::X87& x) {
  if (x == isa::X87{}) return;
  c.say(fmt::format("  x87 control {:#06x} status {:#06x}", x.control, x.status));
  for (unsigned i = 0; i < 8; ++i)
    if (const unsigned r = (x.top() + i) % 8; x.full >> r & 1)
      c.say(fmt::format("  ST({}) 0x{:04x}{:016x}", i, x.exponent[r], x.significand[r]));
}

void regs(Console& c, const std::string& a) {
  const bool x86 = c.session.reader().amd64();
  const isa::Isa isa = c.session.time().state().isa;
  const model::Standing at = c.session.focus().standing();
  if (!at.thread) {
    c.say(fmt::format("{} is parked; kept of its registers:", who_text(at.who)));
    const isa::Reg fp = x86 ? isa::kRbp : isa::Reg{29};
    c.say(fmt::format("  {:>4} {:#018x}", traces::register_name(isa, c.session.reader().sp_register()), at.sp));
    c.say(fmt::format("  {:>4} {:#018x}", traces::register_name(isa, fp), at.fp));
    return c.say(fmt::format("  {:>4} {:#018x}  {}", "PC", at.pc, c.session.reader().place(at.pc)));
  }
  const isa::CpuState& cpu = at.thread->cpu;
  for (isa::Reg r = 0; r < (x86 ? 16 : 32); ++r) {
    const std::string name = c.session.reader().of(cpu.r[r]);
    c.say(fmt::format("  {:>4} {:#018x}{}", traces::register_name(isa, r), cpu.r[r], name.empty() ? "" : "  " + name));
  }
  c.say(fmt::format("  {:>4} {:#018x}  {}", "PC", cpu.pc, c.session.reader().place(cpu.pc)));
  const uint32_t f = cpu.flags();
  const auto bit = [&](uint32_t m) { return f & m ? 1 : 0; };
  if (x86)
    c.say(fmt::format("  flags CF {} PF {} AF {} ZF {} SF {} OF {} DF {}   FS {:#x}", bit(isa::flag::CF),
                      bit(isa::flag::PF), bit(isa::flag::AF), bit(isa::flag::ZF), bit(isa::flag::SF),
                      bit(isa::flag::OF), cpu.df ? 1 : 0, cpu.r[isa::kFsBase]));
  else
    c.say(fmt::format("  flags N {} Z {} C {} V {}", bit(isa::flag::N), bit(isa::flag::Z), bit(isa::flag::C),
                      bit(isa::flag::V)));
  if (a.empty()) return;
  const bool wide = x86 && c.session.reader().state().level == isa::Level::v3;
  for (isa::VReg v = 0; v < (x86 ? 16 : 32); ++v) {
    const isa::Vec &low = cpu.v[v], &high = cpu.v[v + (x86 ? isa::kUpper : 0)];
    if (wide)
      c.say(fmt::format("  {:>4} 0x{:016x}{:016x}{:016x}{:016x}", fmt::format("Y{}", v), high.hi, high.lo, low.hi,
                        low.lo));
    else
      c.say(fmt::format("  {:>4} 0x{:016x}{:016x}", traces::vector_name(isa, v), low.hi, low.lo));
  }
  say_x87(c, cpu.x87);
}

// set REG VALUE, set *ADDR VALUE, set *(*uint32)(ADDR) VALUE, set VARIABLE VALUE, with or without '='; gdb's "set var".
void set(Console& c, const std::string& args) {
  if (const auto words = split_words(args); words.size() == 2 && words[0] == "width") {
    constexpr uint64_t kLeast = 40;
    const uint64_t n = parse_count(words[1]);
    if (n != 0 && n < kLeast) throw session::Error(fmt::format("set width: 0 (no limit), or at least {}", kLeast));
    c.options.width = n;
    return;
  }
  std::string left, right;
  if (const size_t eq = args.find('='); eq != std::string::npos && args.compare(eq, 2, "==") != 0) {
    left = args.substr(0, eq), right = args.substr(eq + 1);
  } else {
    const auto words = split_words(args);
    if (words.size() >= 2) left = words[0], right = args.substr(words[0].size() + 1);
  }
  while (!left.empty() && left.back() == ' ') left.pop_back();
  for (const char* word : {"var ", "variable "})
    if (left.compare(0, std::strlen(word), word) == 0) left.erase(0, std::strlen(word));
  if (left.empty() || right.empty()) throw session::Error("set REG VALUE, or set *ADDRESS VALUE");
  if (c.session.time().state().exited) throw session::Error("the guest has ended: go back first");
  const session::Session::Set done = c.session.set(left, c.session.expressions().evaluate(right));
  c.say(fmt::format("{}: {:#x} → {:#x}; what lay ahead of @{} is dropped", left, done.before, done.after,
                    grouped(c.session.time().position())));
}

struct Format {
  char letter = 'x';
  unsigned size = 8;
  uint64_t count = 8;
};

std::string one_value(const Console& c, uint64_t v, const Format& f) {
  const unsigned s = 64 - f.size * 8;
  switch (f.letter) {
    case 'd': return fmt::format("{}", static_cast<int64_t>(v << s) >> s);
    case 'u': return fmt::format("{}", v);
    case 'o': return fmt::format("{:#o}", v);
    case 't': return fmt::format("{:0{}b}", v, f.size * 8);
    case 'c': return v >= 32 && v < 127 ? fmt::format("'{}'", static_cast<char>(v)) : fmt::format("{}", v);
    case 'a': {
      const std::string n = c.session.reader().of(v);
      return fmt::format("{:#018x}{}", v, n.empty() ? "" : " " + n);
    }
    default: return fmt::format("0x{:0{}x}", v, f.size * 2);
  }
}

char delve_format(const std::string& n) {
  if (n == "hex" || n == "hexadecimal") return 'x';
  if (n == "dec" || n == "decimal") return 'd';
  if (n == "oct" || n == "octal") return 'o';
  if (n == "bin" || n == "binary") return 't';
  if (n == "addr" || n == "address") return 'a';
  if (n == "raw") return 'x';
  return 0;
}

// gdb's x/20xb ADDR (arrives as "/20xb ADDR") and delve's x -fmt hex -count 20 -size 1 ADDR.
Format take_format(std::string& args) {
  Format f;
  if (!args.empty() && args[0] == '/') {
    size_t i = 1;
    uint64_t n = 0;
    while (i < args.size() && std::isdigit(static_cast<unsigned char>(args[i])))
      n = n * 10 + static_cast<unsigned>(args[i++] - '0');
    if (n)
      f.count = n;
    else
      f.count = 1;
    for (; i < args.size() && args[i] != ' '; ++i) {
      const char ch = args[i];
      if (ch == 'b')
        f.size = 1;
      else if (ch == 'h')
        f.size = 2;
      else if (ch == 'w')
        f.size = 4;
      else if (ch == 'g')
        f.size = 8;
      else
        f.letter = ch;
    }
    args = i < args.size() ? args.substr(i + 1) : "";
    return f;
  }
  auto words = split_words(args);
  while (words.size() >= 2 && words[0][0] == '-') {
    if (words[0] == "-fmt") {
      f.letter = delve_format(words[1]);
      if (!f.letter) throw session::Error(fmt::format("-fmt {}: hex, dec, oct, bin or addr", words[1]));
    } else if (words[0] == "-count" || words[0] == "-len") {
      f.count = parse_count(words[1]);
    } else if (words[0] == "-size") {
      f.size = static_cast<unsigned>(parse_count(words[1]));
    } else {
      break;
    }
    args = args.substr(args.find(words[1], words[0].size()) + words[1].size());
    while (!args.empty() && args[0] == ' ') args.erase(0, 1);
    words = split_words(args);
  }
  if (f.size != 1 && f.size != 2 && f.size != 4 && f.size != 8) throw session::Error("-size 1, 2, 4 or 8");
  return f;
}

// What these bytes of the stack are for; empty: not known.
std::string words_at(const model::Roles& roles, uint64_t at, unsigned size) {
  std::string out;
  for (uint64_t a = at; const model::Slot* s = a < at + size ? roles.at(a) : nullptr; a = s->end())
    if (const std::string words = traces::words_alone(*s, roles); !words.empty())
      out += (out.empty() ? "" : " · ") + words;
  return out;
}

void x(Console& c, const std::string& a) {
  std::string args = a;
  const Format f = take_format(args);
  if (args.empty()) throw session::Error("x ADDRESS: which memory?");
  if (f.count > 100'000) throw session::Error("too much at once: at most 100,000");
  uint64_t at = c.session.expressions().address(args);
  if (f.letter == 'i') {
    for (uint64_t i = 0; i < f.count; ++i) {
      unsigned n = 0;
      const std::string text = c.session.reader().instruction_text(at, &n);
      c.say(fmt::format("{} {:#x} {}  {}", at == c.session.reader().pc() ? "▶" : " ", at,
                        mark('d', c.session.reader().place(at)), text));
      at += n;
    }
    return;
  }
  if (f.letter == 's') {
    std::string text;
    for (uint64_t i = 0; i < 4096; ++i) {
      const auto b = c.session.reader().value(at + i, 1);
      if (!b || *b == 0) break;
      text += *b >= 32 && *b < 127 ? fmt::format("{}", static_cast<char>(*b)) : fmt::format("\\x{:02x}", *b);
    }
    c.say(fmt::format("{:#x} \"{}\"", at, text));
    return;
  }
  const model::Roles roles =
      f.letter == 'a' ? session::roles_around(c.session, c.session.focus().standing(), at) : model::Roles{};
  const uint64_t row = f.letter == 'a' ? 1 : f.letter == 't' ? 4 / std::min(f.size, 4u) : f.size == 8 ? 2 : 16 / f.size;
  for (uint64_t i = 0; i < f.count; i += row) {
    std::string line = fmt::format("{:#x}:", at + i * f.size);
    for (uint64_t k = i; k < i + row && k < f.count; ++k) {
      const auto v = c.session.reader().value(at + k * f.size, f.size);
      if (!v && i == 0 && k == 0) throw session::Error(fmt::format("{:#x} is not mapped", at));
      if (!v) {
        c.say(line + " not mapped");
        return;
      }
      line += "  " + one_value(c, *v, f);
    }
    if (const std::string what = words_at(roles, at + i * f.size, f.size); !what.empty())
      line += "   " + mark('d', what);
    c.say(line);
  }
}

void print(Console& c, const std::string& a) {
  std::string e = a;
  if (e.empty()) throw session::Error("print EXPRESSION");
  char letter = 'x';
  if (e[0] == '/' && e.size() > 2) letter = e[1], e = e.substr(3);
  const Value v = c.session.expressions().value_of(e);
  if (letter == 'x') return c.say(c.value_text(v));
  const uint64_t n = static_cast<uint64_t>(Values(c.session.reader()).as_number(v));
  c.say(one_value(c, n, {letter, v.type.empty() ? 8u : static_cast<unsigned>(std::min<size_t>(v.bytes.size(), 8)), 1}));
}

void say_variables(Console& c, Variables::Set set, const std::string& filter, const char* none) {
  const auto all = c.session.variables(set, filter);
  for (const session::Variable& v : all)
    c.say(fmt::format("{} = {}{}", v.name, value_text(c.session.reader(), v.value),
                      v.inlined_from.empty() ? "" : fmt::format("  (of inlined {})", v.inlined_from)));
  if (all.empty()) c.say(none);
}
void locals(Console& c, const std::string& a) { say_variables(c, Variables::Set::locals, a, "(no locals)"); }
void arguments(Console& c, const std::string& a) { say_variables(c, Variables::Set::arguments, a, "(no args)"); }

void globals(Console& c, const std::string& a) {
  for (const session::Variable& v : c.session.all_variables().of_packages(a))
    c.say(fmt::format("{} = {}", v.name, value_text(c.session.reader(), v.value)));
}

void display(Console& c, const std::string& a) {
  auto words = split_words(a);
  if (!words.empty() && (words[0] == "-d" || words[0] == "-a")) {
    if (words[0] == "-d") {
      const uint64_t n = words.size() > 1 ? parse_count(words[1]) : 0;
      if (n >= c.displays.size()) throw session::Error("display -d N: no such display");
      c.displays.erase(c.displays.begin() + static_cast<ptrdiff_t>(n));
      return;
    }
    c.displays.push_back(a.size() > 3 ? a.substr(3) : "");
    return;
  }
  if (a.empty()) {
    for (size_t i = 0; i < c.displays.size(); ++i) c.say(fmt::format("{}: {}", i, c.displays[i]));
    return;
  }
  c.session.expressions().value_of(a);
  c.displays.push_back(a);
}

constexpr Command kDataVerbs[] = {
    {"regs registers", "[-a]", "Registers with what they point at; -a: vectors too", "regs", regs},
    {"set", "REG|*ADDRESS|*(*TYPE)(ADDRESS)|VARIABLE VALUE",
     "Changes the guest from here on; what lay ahead is dropped, the change survives seeks. set width N: lines are "
     "broken to N columns, 0: never",
     "set *($sp-64) 1", set},
    {"x examinemem", "[/NFU | -fmt F -count N -size S] ADDRESS",
     "Memory: gdb's and delve's spelling; /a says what words of the stack are for", "x/4a $sp", x},
    {"print p inspect", "EXPRESSION",
     "A variable, x.f, x[2], *p, &x, len(x), (*T)(ADDRESS), a register, or what is computed from them",
     "print main.table", print},
    {"locals", "[FILTER]", "Local variables of the chosen frame", "locals", locals},
    {"args", "[FILTER]", "Arguments and results of the chosen frame", "args", arguments},
    {"vars", "FILTER", "Packages' variables whose name contains FILTER", "vars main.", globals},
    {"display", "[EXPRESSION | -d N]", "Prints an expression after each stop", "display *$sp", display},
};

}  // namespace

std::span<const Command> data_verbs() { return kDataVerbs; }

}  // namespace deferscope::cli
