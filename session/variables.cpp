#include "session/variables.h"

#include <fmt/format.h>

#include <algorithm>

#include "runtime_model/located.h"
#include "session/error.h"

namespace deferscope::session {
namespace {

constexpr size_t kMost = 500;

// DWARF's numbers of the first eight amd64 registers.
constexpr isa::Reg kX86Dwarf[] = {isa::kRax, isa::kRdx, isa::kRcx, isa::kRbx,
                                  isa::kRsi, isa::kRdi, isa::kRbp, isa::kRsp};

Value fetch(const loader::Variable& var, const loader::Location& l, const loader::FrameAccess& a) {
  Value v;
  v.type = var.type;
  if (l.pieces.size() == 1 && l.pieces[0].kind == loader::Piece::Kind::memory) v.address = l.pieces[0].value;
  const auto bytes = loader::read_location(l, var.size, a);
  if (bytes)
    v.bytes = *bytes;
  else
    v.gone = true;
  return v;
}

// Whether the frame's line lies behind its declaration: before that it holds what was in its place.
bool declared(const loader::Variable& v, int line) {
  return v.role != loader::VariableRole::local || !v.inlined_from.empty() || v.line == 0 || v.line < line;
}

// "golang.org/x/text/language.(*T).f" → "golang.org/x/text/language".
std::string package_of(const std::string& function) {
  const size_t slash = function.find_last_of('/');
  return function.substr(0, function.find('.', slash == std::string::npos ? 0 : slash));
}

}  // namespace

loader::Dwarf& Variables::need_dwarf() const {
  loader::Dwarf* d = dwarf();
  if (!d) throw Error("the program has no DWARF (built with -w or stripped): no variables are known");
  return *d;
}

loader::FrameAccess Variables::access_to(const Frame& f) const {
  loader::FrameAccess a;
  a.cfa = f.caller_sp;
  const Reader* r = &reader_;
  const emu::Thread* thread = focus_.standing().thread;
  const bool innermost = f.innermost && thread;
  const uint64_t sp = f.sp;
  a.reg = [r, thread, innermost, sp](unsigned n) -> std::optional<uint64_t> {
    const bool is_sp = r->amd64() ? n == 7 : n == 31;
    if (is_sp) return sp;
    if (!innermost) return std::nullopt;  // registers of callers are not kept by Go
    const isa::CpuState& c = thread->cpu;
    if (!r->amd64())
      return n < 31 ? std::optional(c.r[n]) : n >= 64 && n < 96 ? std::optional(c.v[n - 64].lo) : std::nullopt;
    if (n < 8) return c.r[kX86Dwarf[n]];
    if (n < 16) return c.r[n];
    return n >= 17 && n < 33 ? std::optional(c.v[n - 17].lo) : std::nullopt;
  };
  a.read = [r](uint64_t at, std::span<uint8_t> out) { return r->state().memory.peek(at, out.data(), out.size()); };
  return a;
}

// If it moved to the heap, the variable is a pointer to it.
Value Variables::value_of(loader::Dwarf& d, const loader::Variable& var, const Frame& f,
                          const loader::FrameAccess& a) const {
  const auto of = [&](const loader::Variable& x) {
    return fetch(x, model::located(*reader_.program(), d, *f.function, x, f.pc, f.lookup != f.pc, a), a);
  };
  Value v = of(var);
  if (var.name[0] != '&') return v;
  if (!v.gone && v.word() != 0) return Values(reader_).pointed_at(v);
  if (var.before_heap) return of(*var.before_heap);  // not made yet
  v.gone = true;
  return v;
}

int Variables::line_of(const Frame& f) const { return reader_.program()->location(f.lookup).line; }

std::vector<Variable> Variables::of_frame(Set set, const std::string& filter) const {
  loader::Dwarf& d = need_dwarf();
  const auto f = focus_.frame();
  const auto info = f ? d.function_at(f->lookup) : std::nullopt;
  if (!info) throw Error("no function with variables is known here");
  const loader::FrameAccess a = access_to(*f);
  const int line = line_of(*f);
  std::vector<Variable> out;
  for (const loader::Variable& v : info->variables) {
    const bool is_local = v.role == loader::VariableRole::local;
    if (is_local != (set == Set::locals) || !v.visible_at(f->lookup) || !declared(v, line)) continue;
    const bool of_compiler = v.name.starts_with(".");  // ".autotmp_9"
    if (of_compiler || (!filter.empty() && v.name.find(filter) == std::string::npos)) continue;
    const bool on_heap = v.name.starts_with("&");
    out.push_back({v.name.substr(on_heap ? 1 : 0), v.role, value_of(d, v, *f, a), v.inlined_from});
  }
  return out;
}

std::optional<loader::Variable> Variables::innermost(const Frame& f, const std::string& name) const {
  loader::Dwarf* d = dwarf();
  const auto info = d ? d->function_at(f.lookup) : std::nullopt;
  if (!info) return std::nullopt;
  const int line = line_of(f);
  const loader::Variable* best = nullptr;
  for (const loader::Variable& v : info->variables) {
    if ((v.name != name && v.name != "&" + name) || !v.visible_at(f.lookup)) continue;
    const bool better = !best || (v.inlined_from.empty() && (declared(v, line) || !declared(*best, line)));
    if (better) best = &v;
  }
  return best ? std::optional(*best) : std::nullopt;
}

std::optional<Value> Variables::local(const std::string& name) const {
  const auto f = dwarf() ? focus_.frame() : std::nullopt;
  const auto variable = f ? innermost(*f, name) : std::nullopt;
  if (!variable) return std::nullopt;
  return value_of(*dwarf(), *variable, *f, access_to(*f));
}

bool Variables::by_pointer(const std::string& name) const {
  const auto f = dwarf() ? focus_.frame() : std::nullopt;
  const auto variable = f ? innermost(*f, name) : std::nullopt;
  return variable && variable->name[0] == '&';
}

bool Variables::moves_later(const std::string& name) const {
  const auto f = dwarf() ? focus_.frame() : std::nullopt;
  const auto variable = f ? innermost(*f, name) : std::nullopt;
  if (!variable || variable->name[0] != '&' || !variable->before_heap) return false;
  const loader::FrameAccess a = access_to(*f);
  const Value pointer =
      fetch(*variable,
            model::located(*reader_.program(), *dwarf(), *f->function, *variable, f->pc, f->lookup != f->pc, a), a);
  return pointer.gone || pointer.word() == 0;
}

std::optional<Value> Variables::global(const std::string& name) const {
  loader::Dwarf* d = dwarf();
  if (!d || name.empty()) return std::nullopt;
  auto found = d->global(name);
  if (!found && name.find('.') == std::string::npos) {
    if (const auto f = focus_.frame()) found = d->global(package_of(std::string(f->function->name())) + "." + name);
  } else if (!found && name.find('/') == std::string::npos) {
    const std::string tail = "/" + name;
    for (const std::string_view g : d->globals())
      if (g.ends_with(tail)) {
        found = d->global(g);
        break;
      }
  }
  if (!found) return std::nullopt;
  loader::FrameAccess a;
  const Reader* r = &reader_;
  a.reg = [](unsigned) { return std::nullopt; };
  a.read = [r](uint64_t at, std::span<uint8_t> out) { return r->state().memory.peek(at, out.data(), out.size()); };
  return fetch(*found, d->locate(*found, 0, a), a);
}

std::vector<Variable> Variables::of_packages(const std::string& filter) const {
  std::vector<Variable> out;
  for (const std::string_view g : need_dwarf().globals()) {
    const std::string name(g);
    if (name.find(filter) == std::string::npos) continue;
    if (out.size() == kMost)
      throw Error(fmt::format("more than {} variables: give a longer part of their names", kMost));
    if (auto v = global(name)) out.push_back({name, loader::VariableRole::local, std::move(*v), ""});
  }
  return out;
}

}  // namespace deferscope::session
