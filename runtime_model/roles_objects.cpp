// Records by the program's own layouts, closures by what their code reads through the context register.
#include "runtime_model/roles_objects.h"

#include <fmt/format.h>

#include <algorithm>

namespace deferscope::model {
namespace {

constexpr uint64_t kMaxArguments = 1024;  // bytes that are drawn of a record's arguments
constexpr size_t kMaxObjects = 64;        // beside those that lie in the drawn frames

struct FieldKind {
  std::string_view name;
  enum Kind : uint8_t { code, funcval, pointer } kind;
};
// Words of _defer and _panic that are neither numbers nor stack addresses.
constexpr FieldKind kFieldKinds[] = {
    {"pc", FieldKind::code},         {"framepc", FieldKind::code},   {"retpc", FieldKind::code},
    {"startPC", FieldKind::code},    {"lr", FieldKind::code},        {"fn", FieldKind::funcval},
    {"link", FieldKind::pointer},    {"_panic", FieldKind::pointer}, {"fd", FieldKind::pointer},
    {"head", FieldKind::pointer},    {"argp", FieldKind::pointer},   {"deferBitsPtr", FieldKind::pointer},
    {"slotsPtr", FieldKind::pointer}};

const FieldKind* kind_of(std::string_view name) {
  const auto* k = std::find_if(std::begin(kFieldKinds), std::end(kFieldKinds), [&](auto& x) { return x.name == name; });
  return k == std::end(kFieldKinds) ? nullptr : k;
}

}  // namespace

int Objects::find(uint64_t address) const {
  for (size_t i = 0; i < all_.size(); ++i)
    if (all_[i].address == address) return static_cast<int>(i);
  return -1;
}

int Objects::add(Object o) {
  if (all_.size() >= kMaxObjects && !claims_.holds(o.address)) return -1;
  const auto index = static_cast<int>(all_.size());
  // Between fields, and up to the record's end.
  std::vector<Slot> whole;
  uint64_t at = o.address;
  const auto pad = [&](uint64_t to) {
    while (at < to) {
      Slot s;
      s.address = at, s.role = Role::padding, s.name = "padding";
      s.size = static_cast<uint32_t>(std::min(to, at / 8 * 8 + 8) - at);
      claims_.fill(s);
      at += s.size;
      whole.push_back(std::move(s));
    }
  };
  std::sort(o.fields.begin(), o.fields.end(), [](const Slot& a, const Slot& b) { return a.address < b.address; });
  for (Slot& s : o.fields) {
    pad(s.address);
    if (s.address < at) continue;
    at = s.end();
    whole.push_back(std::move(s));
  }
  pad(o.address + o.size);
  for (Slot& s : whole) s.object = index;
  o.fields = std::move(whole);
  o.in_frame = claims_.holds(o.address);
  all_.push_back(std::move(o));
  return index;
}

std::string Objects::funcval_name(uint64_t funcval) const {
  const uint64_t code = g_.word(funcval);
  const Location& l = g_.program().location(code);
  return code && l.function && l.offset == 0 ? readable(l.function->name()) + "·f" : std::string();
}

std::string Objects::field_text(const RawField& f) const {
  if (f.size == 1 && f.value < 2) return f.value ? "true" : "false";
  if (f.size < 8) return fmt::format("{}", static_cast<int32_t>(f.value));
  const FieldKind* k = kind_of(f.name);
  if (!k) return {};
  if (k->kind == FieldKind::code) return f.value ? g_.program().describe(f.value) : "0";
  if (!f.value) return "nil";
  return k->kind == FieldKind::funcval ? funcval_name(f.value) : std::string();
}

void Objects::add_fields(Object& o, S of, Role role) {
  for (const RawField& f : raw_fields(g_, of, o.address)) {
    Slot s;
    s.address = o.address + f.offset, s.size = f.size, s.role = role, s.name = f.name;
    s.value = field_text(f);
    const FieldKind* k = kind_of(f.name);
    s.pointer = f.size == 8 && !(k && k->kind == FieldKind::code);
    if (s.name == "arg") s.name = o.fields.empty() || o.fields.back().name != "arg.type" ? "arg.type" : "arg.data";
    claims_.fill(s);
    o.fields.push_back(std::move(s));
  }
}

void Objects::add_arguments(Object& o, uint64_t siz, const Function* deferred) {
  const uint64_t begin = o.address + g_.program().layouts().size(S::defer_);
  const Signature* sig = deferred ? &g_.program().signature(*deferred) : nullptr;
  const auto put = [&](Slot s) {
    s.of = deferred ? readable(deferred->name()) : std::string();
    o.fields.push_back(std::move(s));
  };
  uint64_t at = 0;
  if (sig && sig->whole)
    for (const Parameter& x : sig->all) {
      if (x.result || !x.place.parts.empty() || x.place.stack + x.shape->size > siz) break;
      for (Slot& s : claims_.words_of(begin + x.place.stack, *x.shape, Role::defer_record, x.name)) put(std::move(s));
      at = (x.place.stack + x.shape->size + 7) / 8 * 8;
    }
  for (; at < siz; at += 8) {
    Slot s;
    s.address = begin + at, s.size = static_cast<uint32_t>(std::min<uint64_t>(8, siz - at));
    s.role = Role::defer_record, s.name = fmt::format("argument +{}", at), s.pointer = s.size == 8;
    claims_.fill(s);
    put(std::move(s));
  }
}

int Objects::defer_record(uint64_t address, uint64_t number, const Function* owner, const std::string& state,
                          const Function* deferred) {
  if (const int known = find(address); known >= 0) return known;
  const uint64_t size = g_.program().layouts().size(S::defer_);
  std::vector<uint8_t> bytes(size);
  if (!size || !g_.read(address, bytes.data(), size)) return -1;
  Object o;
  o.kind = Object::defer_, o.address = address, o.owner = owner, o.state = state;
  o.title = number ? fmt::format("_defer #{}{}", owner && owner->origin != Origin::user ? "L" : "", number) : "_defer";
  const uint64_t siz = g_.field(address, F::defer_siz);
  const bool arguments = siz && siz <= kMaxArguments && !state.empty();
  o.size = size + (arguments ? (siz + 7) / 8 * 8 : 0);
  add_fields(o, S::defer_, Role::defer_record);
  if (arguments) {
    const uint64_t fn = g_.field(address, F::defer_fn);
    add_arguments(o, siz, fn ? g_.program().location(g_.word(fn)).function : deferred);
  }
  return add(std::move(o));
}

int Objects::panic_record(uint64_t address, const std::string& title, const std::string& value) {
  if (const int known = find(address); known >= 0) return known;
  Object o;
  o.kind = Object::panic, o.address = address, o.title = title;
  o.size = g_.program().layouts().size(S::panic);
  std::vector<uint8_t> bytes(o.size);
  if (!o.size || !g_.read(address, bytes.data(), o.size)) return -1;
  add_fields(o, S::panic, Role::panic_record);
  uint64_t type = 0;
  for (Slot& s : o.fields) {
    if (s.name == "arg.type" && (type = s.word)) s.value = type_name(g_, type);
    if (s.name == "arg.data" && type) s.value = value;
  }
  return add(std::move(o));
}

int Objects::closure(uint64_t funcval) {
  if (const int known = find(funcval); known >= 0)
    return all_[static_cast<size_t>(known)].kind == Object::closure ? known : -1;
  const Deferred d = read_deferred(g_, funcval);
  if (!d.function || d.function->f.entry != d.entry || d.captured.empty()) return -1;
  Object o;
  o.kind = Object::closure, o.address = funcval, o.size = 8;
  o.title = "closure " + readable(d.function->name());
  Slot code;
  code.address = funcval, code.size = 8, code.role = Role::closure, code.name = "F";
  code.value = readable(d.function->name());
  claims_.fill(code);
  o.fields.push_back(std::move(code));
  for (const Deferred::Captured& c : d.captured) {
    if (c.part()) continue;
    const std::string name = c.name.empty() ? fmt::format("captured +{}", c.offset) : std::string(c.name);
    if (c.type && c.type->size > 8) {
      for (Slot& s : claims_.words_of(funcval + c.offset, *c.type, Role::closure, name))
        o.fields.push_back(std::move(s));
    } else {
      Slot s;
      s.address = funcval + c.offset, s.size = c.size, s.role = Role::closure, s.name = name;
      s.pointer = c.size == 8 && !c.address;
      if (c.type) {
        auto words = claims_.words_of(s.address, *c.type, Role::closure, name);
        if (words.size() == 1 && words[0].size == s.size) s = std::move(words[0]);
      }
      claims_.fill(s);
      o.fields.push_back(std::move(s));
    }
    o.size = std::max<uint64_t>(o.size, (o.fields.back().end() - funcval + 7) / 8 * 8);
  }
  return add(std::move(o));
}

}  // namespace deferscope::model
