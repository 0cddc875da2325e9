#include "cli/session/variables.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/session/core.h"
#include "loader/dwarf.h"

namespace deferscope::cli {
namespace {

constexpr size_t kMostLines = 500;

// DWARF's numbers of the first eight amd64 registers.
constexpr isa::Reg kX86Dwarf[] = {isa::kRax, isa::kRdx, isa::kRcx, isa::kRbx,
                                  isa::kRsi, isa::kRdi, isa::kRbp, isa::kRsp};

loader::Dwarf* dwarf_of(const Core& core) { return core.program ? core.program->dwarf() : nullptr; }

loader::Dwarf& need_dwarf(const Core& core) {
  loader::Dwarf* d = dwarf_of(core);
  if (!d) throw CommandError("the program has no DWARF (built with -w or stripped): no variables are known");
  return *d;
}

loader::FrameAccess access_to(const Core& core, const Frame& f) {
  loader::FrameAccess a;
  a.cfa = f.caller_sp;
  const GuestView* v = core.view.get();
  const emu::Thread* thread = core.standing().thread;
  const bool innermost = f.innermost && thread;
  const uint64_t sp = f.sp;
  a.reg = [v, thread, innermost, sp](unsigned n) -> std::optional<uint64_t> {
    const bool is_sp = v->amd64() ? n == 7 : n == 31;
    if (is_sp) return sp;
    if (!innermost) return std::nullopt;  // registers of callers are not kept by Go
    const isa::CpuState& c = thread->cpu;
    if (!v->amd64())
      return n < 31 ? std::optional(c.r[n]) : n >= 64 && n < 96 ? std::optional(c.v[n - 64].lo) : std::nullopt;
    if (n < 8) return c.r[kX86Dwarf[n]];
    if (n < 16) return c.r[n];
    return n >= 17 && n < 33 ? std::optional(c.v[n - 17].lo) : std::nullopt;
  };
  a.read = [v](uint64_t at, std::span<uint8_t> out) { return v->state().memory.peek(at, out.data(), out.size()); };
  return a;
}

std::optional<Frame> chosen_frame(const Core& core) {
  const auto frames = core.frames(core.frame + 1);
  if (core.frame >= frames.size() || !frames[core.frame].function) return std::nullopt;
  return frames[core.frame];
}

// `at_call`: the frame is a caller's, and pc its return address.
Value fetch(loader::Dwarf& d, const loader::Variable& var, uint64_t pc, bool at_call, const loader::FrameAccess& a) {
  Value v;
  v.type = var.type;
  const loader::Location l = at_call ? d.locate_in_caller(var, pc, a) : d.locate(var, pc, a);
  if (l.pieces.size() == 1 && l.pieces[0].kind == loader::Piece::Kind::memory) v.address = l.pieces[0].value;
  const auto bytes = loader::read_location(l, var.size, a);
  if (bytes)
    v.bytes = *bytes;
  else
    v.gone = true;
  return v;
}

// The variable's value in the frame. If it moved to the heap, the variable is a pointer to it.
Value value_of(const Values& values, loader::Dwarf& d, const loader::Variable& var, const Frame& f,
               const loader::FrameAccess& a) {
  Value v = fetch(d, var, f.pc, f.lookup != f.pc, a);
  if (var.name[0] != '&') return v;
  if (!v.gone && v.word() != 0) return values.pointed_at(v);
  if (var.before_heap) return fetch(d, *var.before_heap, f.pc, f.lookup != f.pc, a);  // not made yet
  v.gone = true;
  return v;
}

// Whether the frame's line lies behind its declaration: before that it holds what was in its place.
bool declared(const loader::Variable& v, int line) {
  return v.role != loader::VariableRole::local || !v.inlined_from.empty() || v.line == 0 || v.line < line;
}

int line_of(const Core& core, const Frame& f) { return core.program->go().funcs.line(f.function->f, f.lookup).line; }

// "golang.org/x/text/language.(*T).f" → "golang.org/x/text/language".
std::string package_of(const std::string& function) {
  const size_t slash = function.find_last_of('/');
  return function.substr(0, function.find('.', slash == std::string::npos ? 0 : slash));
}

}  // namespace

std::vector<std::string> variable_lines(const Core& core, VariableSet set, const std::string& filter) {
  loader::Dwarf& d = need_dwarf(core);
  const auto f = chosen_frame(core);
  const auto info = f ? d.function_at(f->lookup) : std::nullopt;
  if (!info) throw CommandError("no function with variables is known here");
  const loader::FrameAccess a = access_to(core, *f);
  const Values values(core);
  const int line = line_of(core, *f);
  std::vector<std::string> out;
  for (const loader::Variable& v : info->variables) {
    const bool is_local = v.role == loader::VariableRole::local;
    if (is_local != (set == VariableSet::locals) || !v.visible_at(f->lookup) || !declared(v, line)) continue;
    const bool of_compiler = v.name.starts_with(".");  // ".autotmp_9"
    if (of_compiler || (!filter.empty() && v.name.find(filter) == std::string::npos)) continue;
    const bool on_heap = v.name.starts_with("&");
    out.push_back(fmt::format("{} = {}{}", v.name.substr(on_heap ? 1 : 0), values.print(value_of(values, d, v, *f, a)),
                              v.inlined_from.empty() ? "" : fmt::format("  (of inlined {})", v.inlined_from)));
  }
  return out;
}

std::optional<Value> local_variable(const Core& core, const std::string& name) {
  loader::Dwarf* d = dwarf_of(core);
  const auto f = d ? chosen_frame(core) : std::nullopt;
  const auto info = f ? d->function_at(f->lookup) : std::nullopt;
  if (!info) return std::nullopt;
  const loader::FrameAccess a = access_to(core, *f);
  const int line = line_of(core, *f);
  const loader::Variable* best = nullptr;
  for (const loader::Variable& v : info->variables) {
    if ((v.name != name && v.name != "&" + name) || !v.visible_at(f->lookup)) continue;
    const bool better = !best || (v.inlined_from.empty() && (declared(v, line) || !declared(*best, line)));
    if (better) best = &v;
  }
  if (!best) return std::nullopt;
  return value_of(Values(core), *d, *best, *f, a);
}

std::optional<Value> global_variable(const Core& core, const std::string& name) {
  loader::Dwarf* d = dwarf_of(core);
  if (!d || name.empty()) return std::nullopt;
  auto found = d->global(name);
  if (!found && name.find('.') == std::string::npos) {
    const auto f = chosen_frame(core);
    if (f) found = d->global(package_of(std::string(f->function->name())) + "." + name);
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
  const GuestView* view = core.view.get();
  a.reg = [](unsigned) { return std::nullopt; };
  a.read = [view](uint64_t at, std::span<uint8_t> out) {
    return view->state().memory.peek(at, out.data(), out.size());
  };
  return fetch(*d, *found, 0, false, a);
}

std::vector<std::string> global_names(const Core& core) {
  std::vector<std::string> out;
  if (const loader::Dwarf* d = dwarf_of(core))
    for (const std::string_view g : d->globals()) out.emplace_back(g);
  return out;
}

std::vector<std::string> global_lines(const Core& core, const std::string& filter) {
  need_dwarf(core);
  const Values values(core);
  std::vector<std::string> out;
  for (const std::string& name : global_names(core)) {
    if (name.find(filter) == std::string::npos) continue;
    if (out.size() == kMostLines)
      throw CommandError(fmt::format("more than {} variables: give a longer part of their names", kMostLines));
    if (const auto v = global_variable(core, name)) out.push_back(fmt::format("{} = {}", name, values.print(*v)));
  }
  return out;
}

}  // namespace deferscope::cli
