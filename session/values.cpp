#include "session/values.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "loader/dwarf.h"
#include "runtime_model/chain.h"
#include "session/error.h"
#include "session/reader.h"

namespace deferscope::session {
namespace {

constexpr int kEmbedded = 8;  // structs within structs that a field is looked for in

struct Basic {
  std::string_view name;
  uint8_t size;
  char kind;  // i signed, u unsigned, b bool, f float, c complex, p address
};
constexpr Basic kBasic[] = {{"bool", 1, 'b'},    {"int", 8, 'i'},       {"int8", 1, 'i'},           {"int16", 2, 'i'},
                            {"int32", 4, 'i'},   {"int64", 8, 'i'},     {"rune", 4, 'i'},           {"uint", 8, 'u'},
                            {"uint8", 1, 'u'},   {"byte", 1, 'u'},      {"uint16", 2, 'u'},         {"uint32", 4, 'u'},
                            {"uint64", 8, 'u'},  {"uintptr", 8, 'p'},   {"unsafe.Pointer", 8, 'p'}, {"float32", 4, 'f'},
                            {"float64", 8, 'f'}, {"complex64", 8, 'c'}, {"complex128", 16, 'c'}};

const Basic* basic(std::string_view type) {
  for (const Basic& b : kBasic)
    if (b.name == type) return &b;
  return nullptr;
}

bool is_reference(std::string_view t) {
  return t.starts_with("*") || t.starts_with("map[") || t.starts_with("chan ") || t.starts_with("<-chan ") ||
         t.starts_with("chan<- ") || t.starts_with("func(");
}

uint64_t low(const std::vector<uint8_t>& b, size_t at = 0) {
  uint64_t v = 0;
  if (at < b.size()) std::memcpy(&v, b.data() + at, std::min(b.size() - at, size_t{8}));
  return v;
}

std::vector<uint8_t> part(const std::vector<uint8_t>& b, uint64_t offset, uint64_t size) {
  if (offset > b.size() || size > b.size() - offset) return {};
  return {b.begin() + static_cast<ptrdiff_t>(offset), b.begin() + static_cast<ptrdiff_t>(offset + size)};
}

int64_t extended(uint64_t v, size_t bytes) {
  const unsigned s = bytes >= 8 ? 0 : 64 - static_cast<unsigned>(bytes) * 8;
  return static_cast<int64_t>(v << s) >> s;
}

bool is_interface(const loader::StructLayout& l) {
  return l.fields.size() == 2 && l.fields[1].name == "data" &&
         (l.fields[0].name == "tab" || l.fields[0].name == "_type");
}

// "[4]int" → 4, "int"; "[]int" → nothing, "int".
struct Elements {
  std::optional<uint64_t> count;
  std::string type;
};
Elements elements_of(const std::string& type) {
  const size_t close = type.find(']');
  if (type.empty() || type[0] != '[' || close == std::string::npos) return {};
  Elements e;
  if (close > 1) e.count = std::strtoull(type.c_str() + 1, nullptr, 10);
  e.type = type.substr(close + 1);
  return e;
}

}  // namespace

Value Value::number(uint64_t v, std::string type) {
  Value out;
  out.type = std::move(type);
  out.bytes.resize(out.type == "bool" ? 1 : 8);
  std::memcpy(out.bytes.data(), &v, out.bytes.size());
  return out;
}

uint64_t Value::word(size_t offset) const { return low(bytes, offset); }

Values::Values(const Reader& reader)
    : reader_(reader), dwarf_(reader.program() ? reader.program()->dwarf() : nullptr) {}

// --- types and memory ---

std::string Values::underlying(const std::string& type) const {
  return basic(type) || !dwarf_ ? type : dwarf_->underlying(type);
}

uint64_t Values::size_of(const std::string& type) const {
  if (const Basic* b = basic(type)) return b->size;
  if (is_reference(type)) return 8;
  if (dwarf_)
    if (const auto size = dwarf_->type_size(type)) return *size;
  const Elements e = elements_of(type);
  return type == "string" ? 16 : e.count ? *e.count * size_of(e.type) : type.starts_with("[]") ? 24 : 8;
}

std::optional<loader::StructLayout> Values::layout(const std::string& type) const {
  return dwarf_ ? dwarf_->struct_layout(type) : std::nullopt;
}

std::vector<uint8_t> Values::bytes_at(uint64_t address, uint64_t n) const {
  std::vector<uint8_t> b(std::min<uint64_t>(n, 1 << 20));
  if (!reader_.state().memory.peek(address, b.data(), b.size())) b.clear();
  return b;
}

Value Values::read(const std::string& type, uint64_t address) const {
  Value v;
  v.type = type, v.address = address;
  const uint64_t size = size_of(type);
  v.bytes = bytes_at(address, size);
  if (v.bytes.empty() && size != 0) throw Error(fmt::format("{:#x} is not mapped", address));
  return v;
}

// --- parts ---

Value Values::pointed_at(const Value& v) const {
  if (v.gone) throw Error("it is optimised away here");
  if (v.type.empty()) {
    Value word = read("uint64", v.word());
    word.type.clear();
    return word;
  }
  const std::string type = underlying(v.type);
  if (type == "uintptr" || type == "unsafe.Pointer") return pointed_at(Value::number(v.word()));
  if (!type.starts_with("*")) throw Error(fmt::format("it is no pointer but {}", v.type));
  if (v.word() == 0) throw Error("it is a nil pointer");
  return read(type.substr(1), v.word());
}

std::optional<Value> Values::field_within(const Value& v, const std::string& name, int depth) const {
  if (underlying(v.type).starts_with("*")) return field_within(pointed_at(v), name, depth);
  const auto l = layout(v.type);
  if (!l) return std::nullopt;
  const auto get = [&](const loader::Field& f) {
    Value out;
    out.type = f.type, out.bytes = part(v.bytes, f.offset, f.size);
    if (v.address) out.address = *v.address + f.offset;
    return out;
  };
  if (const loader::Field* f = l->field(name)) return get(*f);
  if (depth == 0) return std::nullopt;
  // An embedded struct is named as its type.
  for (const loader::Field& f : l->fields) {
    const std::string type = f.type.substr(f.type.starts_with("*") ? 1 : 0);
    if (type.substr(type.find_last_of('.') + 1) != f.name) continue;
    if (f.type.starts_with("*") && get(f).word() == 0) continue;
    if (auto found = field_within(get(f), name, depth - 1)) return found;
  }
  return std::nullopt;
}

Value Values::field(const Value& v, const std::string& name) const {
  if (v.gone) return v;
  if (v.type.empty()) throw Error(fmt::format("a number has no field {}", name));
  if (auto found = field_within(v, name, kEmbedded)) return *found;
  throw Error(fmt::format("{} has no field {}", v.type, name));
}

Value Values::element(const Value& v, int64_t index) const {
  if (v.gone) return v;
  const std::string type = underlying(v.type);
  if (type.starts_with("*[")) return element(pointed_at(v), index);
  if (type.starts_with("map[")) throw Error("a map's elements are not looked up: only its header and length are known");
  const Elements of = elements_of(type);
  const bool string = is_string(v);
  if (of.type.empty() && !string) throw Error(fmt::format("{} has no elements", v.type.empty() ? "a number" : v.type));
  const uint64_t n = of.count ? *of.count : v.word(8), i = static_cast<uint64_t>(index);
  if (i >= n) throw Error(fmt::format("index {} is out of range: {} elements", index, n));
  if (!of.count) return string ? read("uint8", v.word() + i) : read(of.type, v.word() + i * size_of(of.type));
  const uint64_t size = size_of(of.type);
  Value out;
  out.type = of.type, out.bytes = part(v.bytes, i * size, size);
  if (v.address) out.address = *v.address + i * size;
  return out;
}

Value Values::length(const Value& v, bool capacity) const {
  const std::string type = underlying(v.type);
  const Elements of = elements_of(type);
  if (v.gone) throw Error("it is optimised away here");
  if (of.count) return Value::number(*of.count, "int");
  if (!of.type.empty()) return Value::number(v.word(capacity ? 16 : 8), "int");
  if (!capacity && is_string(v)) return Value::number(v.literal ? v.bytes.size() : v.word(8), "int");
  const bool channel = type.starts_with("chan ") || type.starts_with("<-chan ") || type.starts_with("chan<- ");
  if (!channel && (capacity || !type.starts_with("map[")))
    throw Error(fmt::format("{} has no {}", v.type.empty() ? "a number" : v.type, capacity ? "capacity" : "length"));
  // The first word of both kinds of header is the count; the second of a channel's, its capacity.
  const uint64_t at = v.word();
  return at == 0 ? Value::number(0, "int") : Value::number(read("uint64", at + (capacity ? 8 : 0)).word(), "int");
}

bool Values::is_string(const Value& v) const { return underlying(v.type) == "string"; }

std::string Values::text_of(const Value& v) const {
  if (v.literal) return {v.bytes.begin(), v.bytes.end()};
  const auto b = bytes_at(v.word(), v.word(8));
  return {b.begin(), b.end()};
}

int64_t Values::as_number(const Value& v) const {
  if (v.gone) throw Error("it is optimised away here");
  if (v.type.empty()) return static_cast<int64_t>(v.word());
  const std::string type = underlying(v.type);
  if (const Basic* b = basic(type)) {
    if (b->kind == 'f' || b->kind == 'c')
      throw Error(fmt::format("{} cannot be computed with: print shows it", v.type));
    return b->kind == 'i' ? extended(v.word(), v.bytes.size()) : static_cast<int64_t>(v.word());
  }
  const auto l = layout(type);
  if (is_reference(type) || type.starts_with("[]") || (l && is_interface(*l))) return static_cast<int64_t>(v.word());
  throw Error(fmt::format("{} is no number", v.type));
}

uint64_t Values::as_address(const Value& v) const {
  if (v.gone) throw Error("it is optimised away here");
  const std::string type = underlying(v.type);
  const bool says_it = type.empty() || type == "uintptr" || type == "unsafe.Pointer" || is_reference(type);
  if (!says_it && !v.address) return static_cast<uint64_t>(as_number(v));
  return says_it ? v.word() : *v.address;
}

// --- what it is and consists of ---

ValueKind Values::kind(const Value& v) const {
  if (v.literal) return ValueKind::string;
  if (v.type.empty()) return ValueKind::number;
  const std::string type = underlying(v.type);
  if (const Basic* b = basic(type)) switch (b->kind) {
      case 'b': return ValueKind::boolean;
      case 'f': return ValueKind::floating;
      case 'c': return ValueKind::complex;
      case 'p': return ValueKind::address;
      case 'u': return ValueKind::natural;
      default: return ValueKind::integer;
    }
  if (type == "string") return ValueKind::string;
  if (type.starts_with("*")) return ValueKind::pointer;
  if (type.starts_with("[]")) return ValueKind::slice;
  if (type.starts_with("[")) return ValueKind::array;
  if (type.starts_with("func")) return ValueKind::function;
  if (type.starts_with("map[")) return ValueKind::map;
  if (is_reference(type)) return ValueKind::channel;
  const auto l = layout(type);
  return !l ? ValueKind::unknown : is_interface(*l) ? ValueKind::interface : ValueKind::structure;
}

std::vector<Part> Values::fields(const Value& v) const {
  std::vector<Part> out;
  const auto l = layout(underlying(v.type));
  if (!l) return out;
  for (const loader::Field& f : l->fields) {
    if (f.name == "_") continue;
    if (f.offset + f.size > v.bytes.size()) break;
    Value value;
    value.type = f.type, value.bytes = part(v.bytes, f.offset, f.size);
    if (v.address) value.address = *v.address + f.offset;
    out.push_back({f.name, std::move(value)});
  }
  return out;
}

std::string Values::element_type(const Value& v) const { return elements_of(underlying(v.type)).type; }

uint64_t Values::count(const Value& v) const {
  const Elements of = elements_of(underlying(v.type));
  return of.count ? *of.count : of.type.empty() ? 0 : v.word(8);
}

Value Values::element_at(const Value& v, uint64_t index) const {
  const Elements of = elements_of(underlying(v.type));
  const uint64_t size = size_of(of.type);
  Value out;
  out.type = of.type;
  if (of.count) {
    out.bytes = part(v.bytes, index * size, size);
    if (v.address) out.address = *v.address + index * size;
  } else {
    out.address = v.word() + index * size;
    out.bytes = bytes_at(*out.address, size);
  }
  return out;
}

std::optional<Value> Values::target(const Value& v) const {
  const std::string type = underlying(v.type);
  if (!type.starts_with("*") || v.word() == 0) return std::nullopt;
  Value out;
  out.type = type.substr(1), out.address = v.word();
  out.bytes = bytes_at(v.word(), size_of(out.type));
  return out.bytes.empty() ? std::nullopt : std::optional(std::move(out));
}

std::string Values::characters(const Value& v, uint64_t most) const {
  if (v.literal) return {v.bytes.begin(), v.bytes.end()};
  const auto b = bytes_at(v.word(), std::min(v.word(8), most));
  return {b.begin(), b.end()};
}

// An interface with methods has its type in the second word of its itab.
Values::Dynamic Values::dynamic(const Value& v) const {
  Dynamic out;
  const auto l = layout(underlying(v.type));
  const uint64_t first = v.word();
  out.data = v.word(8);
  if (!l || first == 0) return out;
  out.type_word = l->fields[0].name == "tab" ? reader_.word(first + 8).value_or(0) : first;
  out.type = model::type_name(*reader_.guest(), out.type_word);
  out.type_word = out.type_word ? out.type_word : first;
  if (out.type.empty()) return out;
  Value value;
  value.type = out.type;
  if (is_reference(underlying(out.type))) {
    value.bytes.resize(8);
    std::memcpy(value.bytes.data(), &out.data, 8);
    out.sized = true;
  } else if (const auto size = dwarf_->type_size(out.type)) {
    value.address = out.data;
    value.bytes = bytes_at(out.data, *size);
    out.sized = true;
  }
  if (!value.bytes.empty()) out.value = std::move(value);
  return out;
}

}  // namespace deferscope::session
