#include "runtime_model/shapes.h"

#include <algorithm>
#include <cstdlib>

#include "loader/dwarf.h"
#include "runtime_model/located.h"
#include "runtime_model/program.h"

namespace deferscope::model {
namespace {

using Kind = ShapeKind;

struct Basic {
  std::string_view name;
  uint8_t size, align;
  Kind kind;
};
constexpr Basic kBasic[] = {
    {"bool", 1, 1, Kind::boolean},     {"int", 8, 8, Kind::integer},           {"int8", 1, 1, Kind::integer},
    {"int16", 2, 2, Kind::integer},    {"int32", 4, 4, Kind::integer},         {"int64", 8, 8, Kind::integer},
    {"uint", 8, 8, Kind::natural},     {"uint8", 1, 1, Kind::natural},         {"uint16", 2, 2, Kind::natural},
    {"uint32", 4, 4, Kind::natural},   {"uint64", 8, 8, Kind::natural},        {"uintptr", 8, 8, Kind::address},
    {"rune", 4, 4, Kind::integer},     {"byte", 1, 1, Kind::natural},          {"float32", 4, 4, Kind::floating},
    {"float64", 8, 8, Kind::floating}, {"complex64", 8, 4, Kind::complex},     {"complex128", 16, 8, Kind::complex},
    {"string", 16, 8, Kind::string},   {"unsafe.Pointer", 8, 8, Kind::address}};

bool starts(std::string_view s, std::string_view with) { return s.substr(0, with.size()) == with; }

// Kinds that the spelling alone shows; false: it does not.
bool spelled(Shape& s, std::string_view type) {
  for (const Basic& b : kBasic)
    if (b.name == type) return s.kind = b.kind, s.size = b.size, s.align = b.align, true;
  s.align = s.size = 8;
  if (starts(type, "*")) return s.kind = Kind::pointer, s.element = type.substr(1), true;
  if (starts(type, "map[")) return s.kind = Kind::map, true;
  if (starts(type, "chan ") || starts(type, "<-chan ") || starts(type, "chan<- ")) return s.kind = Kind::channel, true;
  if (starts(type, "func(")) return s.kind = Kind::function, true;
  if (starts(type, "[]")) return s.kind = Kind::slice, s.size = 24, true;
  return false;
}

}  // namespace

const Shape& Types::shape(std::string_view type) const {
  const auto [at, fresh] = shapes_.try_emplace(std::string(type));
  if (fresh) try {
      at->second.name = at->first;
      fill(at->second);
    } catch (const loader::Error&) {  // the type's DWARF is damaged
      at->second = {};
    }
  return at->second;
}

void Types::fill(Shape& s) const {
  loader::Dwarf* d = dwarf_;
  s.made_of = d ? d->underlying(s.name) : s.name;
  const std::string& under = s.made_of;
  if (spelled(s, under)) {
    if (s.kind == Kind::slice) s.items = &shape(under.substr(2));
    return;
  }
  if (starts(under, "[")) {
    const size_t close = under.find(']');
    if (close == std::string::npos) return;
    s.kind = Kind::array;
    s.count = std::strtoull(under.c_str() + 1, nullptr, 10);
    s.items = &shape(under.substr(close + 1));
    s.size = s.count * s.items->size, s.align = s.items->align;
    return;
  }
  s.size = 0, s.align = 1;
  const auto layout = d ? d->struct_layout(under) : std::nullopt;
  if (!layout) {
    s.size = d ? d->type_size(s.name).value_or(0) : 0;
    return;
  }
  s.size = layout->size;
  const auto& f = layout->fields;
  if (f.size() == 2 && f[1].name == "data" && (f[0].name == "tab" || f[0].name == "_type")) {
    s.kind = Kind::interface, s.align = 8, s.methods = f[0].name == "tab";
    return;
  }
  s.kind = Kind::structure;
  for (const loader::Field& x : f) {
    const Shape& of = shape(x.type);
    s.align = std::max(s.align, of.align);
    s.fields.push_back({x.name, x.offset, &of});
  }
}

const Shape& Program::shape(std::string_view type) const {
  if (!types_) types_.emplace(dwarf());
  return types_->shape(type);
}

namespace {

// Where the dictionary of a generic function stands among its parameters, of which DWARF says nothing: behind a
// method's receiver, else first. nullopt: there is none, or a literal has it in its closure.
std::optional<size_t> dictionary_of(std::string_view name) {
  size_t at = name.find("[go.shape.");
  if (at == std::string_view::npos) return std::nullopt;
  for (int depth = 0; at < name.size(); ++at) {
    depth += name[at] == '[' ? 1 : name[at] == ']' ? -1 : 0;
    if (depth == 0) break;
  }
  std::string_view rest = name.substr(std::min(at + 1, name.size()));
  if (rest.empty()) return 0;
  const bool pointer = rest.starts_with(").");
  if (!pointer && !rest.starts_with(".")) return std::nullopt;
  rest.remove_prefix(pointer ? 2 : 1);
  if (rest.find_first_of(".-") != std::string_view::npos) return std::nullopt;
  for (const std::string_view literal : {"func", "gowrap", "deferwrap"})
    if (!pointer && rest.starts_with(literal) && rest.size() > literal.size() && isdigit(rest[literal.size()]))
      return std::nullopt;
  return 1;
}

}  // namespace

const Signature& Program::signature(const Function& f) const {
  const auto [kept, fresh] = signatures_.of(&f);
  loader::Dwarf* d = fresh ? dwarf() : nullptr;
  if (d) try {
      read_signature(*kept, f, *d);
    } catch (const loader::Error&) {  // this function's DWARF is damaged
      *kept = {};
    }
  return *kept;
}

namespace {

// From the first byte of the arguments on; none: it came in a register, is no argument, or nobody knows.
std::optional<uint64_t> stack_place(const Program& p, const Function& f, const loader::Variable& v) {
  if (v.role == loader::VariableRole::local || !v.inlined_from.empty() || p.register_abi()) return std::nullopt;
  const Signature& sig = p.signature(f);
  const Parameter* found = nullptr;
  for (const Parameter& x : sig.all) {
    if (x.name != v.name || x.result != (v.role == loader::VariableRole::result)) continue;
    if (found) return std::nullopt;  // several of that name: "_"
    found = &x;
  }
  return sig.whole && found && found->shape->size == v.size ? std::optional(found->place.stack) : std::nullopt;
}

}  // namespace

loader::Location located(const Program& p, const loader::Dwarf& dwarf, const Function& f, const loader::Variable& v,
                         uint64_t pc, bool at_call, const loader::FrameAccess& access) {
  if (const auto at = stack_place(p, f, v)) {
    loader::Location l;
    l.pieces.push_back({loader::Piece::Kind::memory, access.cfa + (p.amd64() ? 0 : 8) + *at, v.size, 0});
    return l;
  }
  return at_call ? dwarf.locate_in_caller(v, pc, access) : dwarf.locate(v, pc, access);
}

void Program::read_signature(Signature& out, const Function& f, loader::Dwarf& dwarf) const {
  const auto info = dwarf.function_at(f.f.entry);
  if (!info || info->entry != f.f.entry) return;
  AbiWalk walk(register_abi(), amd64());
  out.whole = true;
  std::optional<size_t> dictionary = dictionary_of(f.name());
  const auto add_dictionary = [&](bool here) {
    if (!here || !dictionary) return;
    dictionary.reset();
    Parameter x{".dict", "uintptr", &shape("uintptr"), false, {}};
    x.place = walk.next(*x.shape);
    out.all.push_back(std::move(x));
  };
  for (const bool results : {false, true}) {
    if (results) add_dictionary(true), walk.results();
    for (const loader::Variable& v : info->variables) {
      using Role = loader::VariableRole;
      if (!v.inlined_from.empty() || v.role != (results ? Role::result : Role::parameter)) continue;
      if (!results) add_dictionary(out.all.size() == dictionary);
      // A parameter that moved to the heap is passed as ever; a result "&r" is one whose own entry is missing.
      const bool moved = v.before_heap || (results && starts(v.name, "&") && starts(v.type, "*"));
      const std::string type = v.before_heap ? v.before_heap->type : moved ? v.type.substr(1) : v.type;
      Parameter x{moved ? v.name.substr(1) : v.name, type, &shape(type), results, {}};
      if (x.shape->kind == Kind::unknown) {  // a type parameter's, say: where the next ones are is not known either
        out.whole = false;
        return;
      }
      x.place = walk.next(*x.shape);
      out.all.push_back(std::move(x));
    }
  }
  out.integers = walk.used(false), out.floats = walk.used(true);
  // The stack ABI's arguments and results are all that _func.args counts.
  const uint64_t bytes = (walk.stack_used() + 7) / 8 * 8;
  if (!register_abi() && f.f.args >= 0) out.whole = out.whole && bytes == static_cast<uint64_t>(f.f.args);
}

// --- the register ABI ---

bool AbiWalk::assign(const Shape& s, uint64_t offset, std::vector<AbiPart>& parts) {
  const auto integer = [&](uint64_t at) {
    parts.push_back({false, next_integer_++, at});
    return next_integer_ <= integers_;
  };
  const auto floating = [&](uint64_t at) {
    parts.push_back({true, next_float_++, at});
    return next_float_ <= floats_;
  };
  switch (s.kind) {
    case Kind::unknown: return s.size == 0;
    case Kind::floating: return floating(offset);
    case Kind::complex: return floating(offset) && floating(offset + s.size / 2);
    case Kind::string:
    case Kind::interface: return integer(offset) && integer(offset + 8);
    case Kind::slice: return integer(offset) && integer(offset + 8) && integer(offset + 16);
    case Kind::array: return s.count == 0 || (s.count == 1 && assign(*s.items, offset, parts));
    case Kind::structure:
      return std::all_of(s.fields.begin(), s.fields.end(),
                         [&](const Shape::Field& f) { return assign(*f.shape, offset + f.offset, parts); });
    default: return integer(offset);
  }
}

AbiPlace AbiWalk::next(const Shape& s) {
  AbiPlace out;
  const unsigned integers = next_integer_, floats = next_float_;
  if (integers_ && assign(s, 0, out.parts)) return out;
  next_integer_ = integers, next_float_ = floats;  // all of it or nothing goes in registers
  out.parts.clear();
  stack_ = (stack_ + s.align - 1) / s.align * s.align;
  out.stack = stack_;
  stack_ += s.size;
  return out;
}

void AbiWalk::results() {
  next_integer_ = next_float_ = 0;
  stack_ = (stack_ + 7) / 8 * 8;
}

}  // namespace deferscope::model
