#include "session/reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "isa/lift.h"
#include "isa/text/text.h"
#include "loader/listing.h"
#include "loader/printable.h"

namespace deferscope::session {
namespace {

std::string base_name(std::string_view path) { return std::string(path.substr(path.find_last_of('/') + 1)); }

// The linker keeps no symbols of function values: they are told by what they hold.
class CodeSymbols final : public isa::Symbols {
 public:
  explicit CodeSymbols(const Reader& reader) : reader_(reader) {}
  isa::SymbolAt at(uint64_t a) const override {
    const auto s = reader_.machine().image().symbol_at(a, loader::SymbolSource::symtab);
    if (s && (s->kind == loader::SymbolKind::function || (s->offset == 0 && !is_heap_of_funcvals(s->name))))
      return {s->name, s->address};
    name_ = reader_.data_name(a);
    if (!name_.empty()) return {name_, a};
    if (const auto c = s ? std::nullopt : reader_.in_c(a); c && !c->function.empty())
      return {name_ = loader::printable(c->function), a - c->offset};
    return s ? isa::SymbolAt{s->name, s->address} : isa::SymbolAt{};
  }
  static bool is_heap_of_funcvals(std::string_view name) { return name == "go.func.*" || name == "go:func.*"; }

 private:
  const Reader& reader_;
  mutable std::string name_;
};

}  // namespace

Reader::Reader(const emu::Machine& machine, const model::Program* program) : machine_(machine), program_(program) {
  if (program) guest_.emplace(*program, machine.state());
}

std::optional<uint64_t> Reader::value(uint64_t address, unsigned bytes) const {
  uint64_t v = 0;
  if (!state().memory.peek(address, &v, bytes)) return std::nullopt;
  return v;
}

std::optional<uint64_t> Reader::word(uint64_t address) const { return value(address, 8); }

Standing Reader::standing(const Who& who) const {
  if (guest_) return guest_->standing(who);
  Standing s;
  s.who = who;
  for (const emu::Thread& t : state().threads) {
    if (t.tid != who.tid) continue;
    const isa::CpuState& c = t.cpu;
    s.thread = &t, s.pc = c.pc, s.sp = c.r[sp_register()], s.fp = c.r[amd64() ? isa::kRbp : isa::Reg{29}];
  }
  return s;
}

// --- frames ---

model::Unwound Reader::trace(const Standing& s, unsigned limit) const {
  model::Unwound u;
  if (guest_) u = guest_->unwind(s, limit);
  if (!u.frames.empty() || limit == 0) return u;
  Frame bare;
  bare.pc = bare.lookup = s.pc, bare.sp = s.sp, bare.innermost = true;
  u.frames.push_back(bare);
  return u;
}

std::optional<Frame> Reader::frame0() const {
  if (!guest_) return std::nullopt;
  const auto u = guest_->unwind(guest_->standing(state().thread()), 1);
  return u.frames.empty() ? std::nullopt : std::optional(u.frames[0]);
}

// --- names ---

std::string Reader::place(uint64_t at) const {
  const auto s = machine_.image().symbol_at(at);
  if (!s) {
    const std::string name = state().os->host_call_name(at);
    if (!name.empty()) return name;
    const auto c = in_c(at);
    return c ? loader::printable(c->text()) : fmt::format("{:#x}", at);
  }
  const std::string name = model::readable(s->name);
  return s->offset ? fmt::format("{}+{}", name, s->offset) : name;
}

std::optional<model::CPlace> Reader::in_c(uint64_t at) const {
  if (!guest_ || !program_->in_c(at)) return std::nullopt;
  const auto& maps = state().memory.mappings();
  const auto it = maps.upper_bound(at);
  if (it == maps.begin() || std::prev(it)->second.end <= at || !(std::prev(it)->second.prot & emu::kExec))
    return std::nullopt;
  if (!machine_.image().uses_cgo()) return std::nullopt;
  const model::CPlace p = model::c_place(*guest_, at);
  return p.known ? std::optional(p) : std::nullopt;
}

std::string Reader::line(uint64_t at) const {
  const model::Function* f = function(at);
  if (!f) return {};
  const loader::SourceLine l = program_->go().funcs.line(f->f, at);
  return l.line > 0 ? fmt::format("{}:{}", base_name(l.file), l.line) : std::string();
}

std::string Reader::inlined(uint64_t at) const {
  const model::Function* f = function(at);
  if (!f) return {};
  const auto stack = program_->go().funcs.inline_stack(f->f, at);
  return stack.size() > 1 ? model::readable(stack[0].function) : std::string();
}

int32_t Reader::inline_node(uint64_t at) const {
  const model::Function* f = function(at);
  return f ? program_->go().funcs.inline_index(f->f, at) : -1;
}

bool Reader::inlined_within(const model::Function& f, int32_t node, int32_t outer) const {
  constexpr int kDeepest = 1000;  // a damaged tree may go round
  const loader::FuncTable& funcs = program_->go().funcs;
  for (int i = 0; i < kDeepest && node != outer && node >= 0; ++i)
    node = funcs.inline_parent(f.f, funcs.inline_node(f.f, node));
  return node == outer;
}

std::string Reader::funcval(uint64_t v) const {
  const auto code = v % 8 == 0 ? word(v) : std::nullopt;
  const model::Function* f = code ? function(*code) : nullptr;
  return f && f->f.entry == *code ? fmt::format("funcval of {}", model::readable(f->name())) : std::string();
}

std::string Reader::data_name(uint64_t at) const {
  const auto s = machine_.image().symbol_at(at, loader::SymbolSource::symtab);
  if (s && s->kind == loader::SymbolKind::function) return {};
  if (s && s->offset == 0 && s->size != 0 && !CodeSymbols::is_heap_of_funcvals(s->name)) return std::string(s->name);
  const auto code = at % 8 == 0 ? word(at) : std::nullopt;
  const model::Function* f = code ? function(*code) : nullptr;
  return f && f->f.entry == *code ? model::readable(f->name()) + "·f" : std::string();
}

std::string Reader::of(uint64_t v) const {
  if (v < 0x1000) return {};
  if (std::string name = state().os->host_call_name(v); !name.empty()) return name;
  if (const auto s = machine_.image().symbol_at(v)) {
    if (s->kind == loader::SymbolKind::function || s->size == 0 || v - s->address < s->size) {
      if (s->kind == loader::SymbolKind::data)
        if (std::string name = funcval(v); !name.empty()) return name;
      if (s->kind == loader::SymbolKind::function || s->size != 0) return place(v);
    }
  }
  if (const auto c = in_c(v); c && !c->function.empty()) return loader::printable(c->text());
  const Who w = who();
  if (w.g) {
    const uint64_t lo = guest_->stack_lo(w.g), hi = guest_->stack_hi(w.g);
    if (v >= lo && v < hi) {
      const uint64_t base = w.system ? guest_->parked(w).sp : sp();
      if (base < lo || base > hi) return "its stack";
      const auto off = static_cast<int64_t>(v - base);
      if (!w.system && off > 0)
        for (const Frame& f : frames(6))
          if (!f.innermost && f.sp == v && f.function)
            return fmt::format("{}'s SP at its call", model::readable(f.function->name()));
      const std::string closure = funcval(v);  // from 1.17 on they lie on the stack too
      const std::string where = w.system   ? std::string("its stack")
                                : off == 0 ? "SP"
                                           : fmt::format("SP{}{}", off < 0 ? "" : "+", traces::say_number(off));
      return closure.empty() ? where : closure + ", " + where;
    }
    if (v == w.g) return fmt::format("g{}", w.goid);
  }
  return funcval(v);
}

std::string Reader::instruction_text(uint64_t at, unsigned* size) const {
  uint8_t bytes[16];
  unsigned n = amd64() ? 15 : 4;
  while (n > 0 && !state().memory.peek(at, bytes, n)) --n;
  std::string out;
  if (n == 0) {
    if (size) *size = amd64() ? 1 : 4;
    const std::string name = state().os->host_call_name(at);
    return name.empty() ? "not mapped" : "(" + name + " of the system)";
  }
  constexpr size_t kMostTexts = 1 << 16;
  std::fill(bytes + n, bytes + sizeof bytes, uint8_t{0});
  if (texts_.size() > kMostTexts) texts_.clear();
  Text& kept = texts_[at];
  if (kept.size && kept.syntax == syntax && std::equal(bytes, bytes + sizeof bytes, kept.bytes.begin())) {
    if (size) *size = kept.size;
    return kept.text;
  }
  const isa::Isa isa = state().isa;
  isa::TextSize t;
  if (syntax == "gnu") {
    t = isa::append_gnu(isa, {bytes, n}, at, out);
  } else {
    isa::TextOptions options;
    options.asm_names = syntax == "asm";
    t = isa::append_go(isa, {bytes, n}, at, CodeSymbols(*this), options, out);
    if (std::string listed = loader::listed_text(machine_.image().listing(), at); !listed.empty())
      out = std::move(listed);
  }
  kept.size = std::max(t.size, 1u), kept.syntax = syntax, kept.text = out;
  std::copy_n(bytes, sizeof bytes, kept.bytes.begin());
  if (size) *size = kept.size;
  return out;
}

isa::Lifted Reader::lift(uint64_t at) const {
  isa::Lifted in;
  uint8_t bytes[16];
  unsigned n = isa::longest(state().isa);
  while (n > 0 && !state().memory.peek(at, bytes, n)) --n;
  isa::lift(state().isa, {bytes, n}, at, in, state().level);
  return in;
}

}  // namespace deferscope::session
