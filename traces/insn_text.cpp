#include "traces/insn_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "isa/text/text.h"
#include "traces/explain.h"
#include "traces/json_writer.h"

namespace deferscope::traces {
namespace {

struct ProgramSymbols final : isa::Symbols {
  explicit ProgramSymbols(const model::Program* program) : p(program) {}
  isa::SymbolAt at(uint64_t address) const override {
    const auto s = p ? p->image().symbol_at(address) : std::nullopt;
    return s ? isa::SymbolAt{s->name, s->address} : isa::SymbolAt{};
  }
  const model::Program* p;
};

std::string joined(const std::vector<std::string>& clauses) {
  std::string out;
  for (const std::string& c : clauses) out += (out.empty() ? "" : "; ") + c;
  return out;
}

constexpr unsigned kAcross = 4;  // registers in a line

unsigned integers(isa::Isa isa) { return isa == isa::Isa::arm64 ? 32 : 16; }

}  // namespace

std::string insn_register_name(isa::Isa isa, uint8_t n) {
  const bool arm = isa == isa::Isa::arm64;
  if (n < insn::kPc) return register_name(isa, n);
  if (n == insn::kX87Words) return "x87 words";
  if (n >= insn::kX87Exponents) return fmt::format("x87 exponents {}", n - insn::kX87Exponents);
  if (n >= insn::kX87) return fmt::format("x87 R{}", n - insn::kX87);
  if (n >= insn::kVector)
    return fmt::format("{}.{}", vector_name(isa, (n - insn::kVector) / 2), (n - insn::kVector) % 2 ? "hi" : "lo");
  static constexpr const char* kNames[][2] = {
      {"PC", "PC"},      {"FLAGS", "NZCV"}, {"FS", "TPIDR_EL0"},    {"GS", "TPIDRRO_EL0"},
      {"MXCSR", "FPCR"}, {"FPSR", "FPSR"},  {"monitor", "monitor"}, {"monitor bytes", "monitor bytes"},
  };
  return kNames[n - insn::kPc][arm];
}

InsnText::InsnText(const InsnTrace& trace, const model::Program* program) : t_(trace), p_(program) {}

std::string InsnText::of(uint64_t value) const {
  if (!p_) return {};
  const auto s = p_->image().symbol_at(value);
  if (!s) return {};
  return s->offset ? fmt::format("{}+{}", s->name, s->offset) : std::string(s->name);
}

std::string InsnText::function() const {
  const model::Function* f = p_ ? p_->function_at(t_.state().cpu().pc) : nullptr;
  return f ? std::string(f->name()) : std::string();
}

uint64_t InsnText::goroutine() const { return p_ ? model::Guest(*p_, t_.state()).who(t_.state().thread()).goid : 0; }

std::string InsnText::place() const {
  const uint64_t pc = t_.state().cpu().pc;
  if (const std::string* name = t_.host_call(); name && !name->empty()) return *name;
  const std::string known = of(pc);
  return known.empty() ? fmt::format("{:#x}", pc) : known;
}

std::string InsnText::line() const {
  if (!p_) return {};
  const model::Location& l = p_->location(t_.state().cpu().pc);
  if (!l.function || l.line <= 0) return {};
  return fmt::format("{}:{}", l.file.substr(l.file.rfind('/') + 1), l.line);
}

Prediction InsnText::next() const {
  Prediction e;
  if (!t_.host_call()) return predict(t_.state(), t_.cpu_model(), *this);
  e.isa = t_.state().isa, e.before = e.after = t_.state().cpu(), e.pc = e.before.pc;
  return e;
}

std::string InsnText::instruction(const Prediction& e) const {
  if (t_.host_call()) return "(a function of the system)";
  std::string out;
  isa::append_go(e.isa, {e.bytes, std::max<size_t>(e.in.length, 1)}, e.pc, ProgramSymbols(p_), {}, out);
  return out;
}

std::string InsnText::doing(const Prediction& e) const {
  if (t_.host_call()) return "the system does it, and returns";
  return joined(plain_words(e, *this)) + (t_.at_fault() ? "; here it raises a fault" : "");
}

void InsnText::append_line(std::string& out) const {
  const Prediction e = next();
  const uint64_t goid = goroutine();
  const std::string who = goid ? fmt::format("g{}", goid) : fmt::format("t{}", t_.state().thread().tid);
  fmt::format_to(std::back_inserter(out), "@{:<10} {:<5} {:<28} {:<14} {:<32} {}\n", t_.state().position, who, place(),
                 line(), instruction(e), doing(e));
}

void InsnText::append_registers(std::string& out, const std::function<bool(uint8_t)>& marked) const {
  const emu::MachineState& s = t_.state();
  const insn::Registers r = insn::registers_of(s.isa, s.cpu());
  std::string text;
  unsigned n = 0;
  for (uint8_t i = 0; i <= insn::kFlags; ++i) {
    if (i >= integers(s.isa) && i < insn::kPc) continue;
    fmt::format_to(std::back_inserter(text), "{}{:>5} {:<18}", marked(i) ? '*' : ' ', insn_register_name(s.isa, i),
                   fmt::format("{:#x}", r[i]));
    if (++n % kAcross == 0) text += '\n';
  }
  if (n % kAcross) text += '\n';
  for (uint8_t i = insn::kFlags + 1; i < insn::kRegisters; ++i)  // of the others those that differ
    if (marked(i)) text += fmt::format("*{} {:#x}\n", insn_register_name(s.isa, i), r[i]);
  for (size_t at = 0; (at = text.find(" \n", at)) != std::string::npos;) text.erase(at, 1), at = at ? at - 1 : 0;
  out += text;
}

void InsnText::append_whole(std::string& out) const {
  append_line(out);
  const Prediction e = next();
  if (!t_.host_call()) {
    Scene scene;
    scene.program = p_, scene.names = this, scene.state = &t_.state(), scene.cpu = &t_.cpu_model();
    if (p_) {
      const model::Guest guest(*p_, t_.state());
      scene.who = guest.who(t_.state().thread()), scene.running_g = guest.g_of(t_.state().thread());
    }
    scene.text = [&](uint64_t) { return instruction(e); };
    scene.place = [&](uint64_t pc) {
      const std::string known = of(pc);
      return known.empty() ? fmt::format("{:#x}", pc) : known;
    };
    for (const std::string& l : explain(e, scene)) out += "  " + l + "\n";
  }
  append_registers(out, [](uint8_t) { return false; });
}

void InsnText::append_json(std::string& out) const {
  const emu::MachineState& s = t_.state();
  const Prediction e = next();
  JsonWriter w(out);
  w.open().number("position", s.position).number("thread", static_cast<uint64_t>(s.thread().tid));
  if (const uint64_t goid = goroutine())
    w.number("goroutine", goid);
  else
    w.null("goroutine");
  w.hex("pc", e.pc).text_or_null("function", function()).text("instruction", instruction(e));
  w.boolean("host_call", t_.host_call() != nullptr).boolean("fault", t_.at_fault());
  const bool shows = !t_.host_call() && !t_.at_fault();
  w.open("registers");  // those that it changes
  const insn::Registers before = insn::registers_of(e.isa, e.before), after = insn::registers_of(e.isa, e.after);
  for (uint8_t i = 0; i < insn::kRegisters && shows; ++i)
    if (before[i] != after[i]) w.hex(insn_register_name(e.isa, i), after[i]);
  w.close();
  w.list("reads");
  for (const MemoryRead& r : e.reads)
    if (shows) w.open().hex("address", r.address).number("bytes", r.bytes).hex("value", r.value).close();
  w.end_list().list("writes");
  for (const Change& c : e.changes)
    if (shows && c.kind == Change::Memory)
      w.open()
          .hex("address", c.address)
          .number("bytes", c.bytes)
          .hex("value", c.bytes > 8 ? c.vec_after.lo : c.after)
          .close();
  w.end_list().close().end_line();
}

// --- comparing ---

namespace {

bool same_state(const InsnTrace& a, const InsnTrace& b) {
  const emu::MachineState &x = a.state(), &y = b.state();
  return x.position == y.position && x.thread().tid == y.thread().tid &&
         (a.host_call() != nullptr) == (b.host_call() != nullptr) && a.at_fault() == b.at_fault() &&
         insn::registers_of(x.isa, x.cpu()) == insn::registers_of(y.isa, y.cpu());
}

// Chunks that say the same at the traces' begins: what is executed there is the same.
size_t equal_chunks(InsnTrace& a, InsnTrace& b) {
  size_t n = 0;
  while (n < a.chunks() && n < b.chunks() && a.chunk_begin(n) == b.chunk_begin(n) &&
         a.chunk_bytes(n) == b.chunk_bytes(n))
    ++n;
  return n;
}

}  // namespace

std::optional<InsnDifference> first_difference(InsnTrace& a, InsnTrace& b) {
  const size_t equal = equal_chunks(a, b);
  if (equal == a.chunks() && equal == b.chunks()) return std::nullopt;
  emu::Position p = std::max(a.first(), b.first());
  if (equal) p = equal < a.chunks() ? a.chunk_begin(equal) : equal < b.chunks() ? b.chunk_begin(equal) : p;
  const emu::Position ends[] = {a.last(), b.last()}, end = std::min(ends[0], ends[1]);
  if (p > end) {  // one is the other's begin
    a.seek(end), b.seek(end);
    return InsnDifference{end, {ends[0] > end, ends[1] > end}};
  }
  if (!a.seek(p) || !b.seek(p)) return InsnDifference{p, {a.seek(p), b.seek(p)}};
  while (same_state(a, b)) {
    const bool more[] = {a.state().position < ends[0] && a.step(), b.state().position < ends[1] && b.step()};
    if (!more[0] && !more[1]) return std::nullopt;
    if (!more[0] || !more[1]) return InsnDifference{a.state().position, {more[0], more[1]}};
  }
  return InsnDifference{a.state().position, {true, true}};
}

}  // namespace deferscope::traces
