#include "session/values.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "runtime_model/chain.h"
#include "session/error.h"
#include "session/reader.h"

namespace deferscope::session {
namespace {

constexpr int kEmbedded = 8;  // structs within structs that a field is looked for in

uint64_t low(const std::vector<uint8_t>& b, size_t at = 0) {
  uint64_t v = 0;
  if (at < b.size()) std::memcpy(&v, b.data() + at, std::min(b.size() - at, size_t{8}));
  return v;
}

int64_t extended(uint64_t v, size_t bytes) {
  const unsigned s = bytes >= 8 ? 0 : 64 - static_cast<unsigned>(bytes) * 8;
  return static_cast<int64_t>(v << s) >> s;
}

// Its first word can be computed with.
bool is_word(const model::Shape& s) {
  using enum ValueKind;
  return is_reference(s.kind) || s.kind == boolean || s.kind == integer || s.kind == natural || s.kind == address ||
         s.kind == slice || s.kind == interface;
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

Values::Values(const Reader& reader) : reader_(reader), spelled_(nullptr) {}

// --- types and memory ---

const model::Shape& Values::shape(const std::string& type) const {
  return reader_.program() ? reader_.program()->shape(type) : spelled_.shape(type);
}

const std::string& Values::made_of(const std::string& type) const { return shape(type).made_of; }

uint64_t Values::size_of(const std::string& type) const {
  const model::Shape& s = shape(type);
  return s.size || s.kind != ValueKind::unknown ? s.size : 8;
}

std::vector<uint8_t> Values::bytes_at(uint64_t address, uint64_t n) const {
  std::vector<uint8_t> b(std::min<uint64_t>(n, 1 << 20));
  if (!reader_.state().memory.peek(address, b.data(), b.size())) b.clear();
  return b;
}

// Without bytes where those of the whole do not reach.
Value Values::part(const Value& of, uint64_t offset, const model::Shape& shape) const {
  Value out;
  out.type = shape.name;
  if (of.address) out.address = *of.address + offset;
  if (offset > of.bytes.size() || shape.size > of.bytes.size() - offset) return out;
  const auto begin = of.bytes.begin() + static_cast<ptrdiff_t>(offset);
  out.bytes.assign(begin, begin + static_cast<ptrdiff_t>(shape.size));
  return out;
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
  const model::Shape& s = shape(v);
  if (s.kind == ValueKind::address) return pointed_at(Value::number(v.word()));
  if (s.kind != ValueKind::pointer) throw Error(fmt::format("it is no pointer but {}", v.type));
  if (v.word() == 0) throw Error("it is a nil pointer");
  return read(s.element, v.word());
}

std::optional<Value> Values::field_within(const Value& v, const std::string& name, int depth) const {
  const model::Shape& s = shape(v);
  if (s.kind == ValueKind::pointer) return field_within(pointed_at(v), name, depth);
  for (const model::Shape::Field& f : s.fields)
    if (f.name == name) return part(v, f.offset, *f.shape);
  if (depth == 0) return std::nullopt;
  // An embedded struct is named as its type.
  for (const model::Shape::Field& f : s.fields) {
    const bool pointer = f.shape->kind == ValueKind::pointer;
    const std::string& type = pointer ? f.shape->element : f.shape->name;
    if (type.substr(type.find_last_of('.') + 1) != f.name) continue;
    const Value embedded = part(v, f.offset, *f.shape);
    if (pointer && embedded.word() == 0) continue;
    if (auto found = field_within(embedded, name, depth - 1)) return found;
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
  const model::Shape& s = shape(v);
  if (s.kind == ValueKind::pointer && s.element.starts_with("[")) return element(pointed_at(v), index);
  if (s.kind == ValueKind::map) throw Error("a map's elements are not looked up: only its header and length are known");
  const bool string = is_string(v);
  if (!s.items && !string) throw Error(fmt::format("{} has no elements", v.type.empty() ? "a number" : v.type));
  const uint64_t n = s.kind == ValueKind::array ? s.count : v.word(8), i = static_cast<uint64_t>(index);
  if (i >= n) throw Error(fmt::format("index {} is out of range: {} elements", index, n));
  if (string) return read("uint8", v.word() + i);
  return s.kind == ValueKind::array ? part(v, i * s.items->size, *s.items)
                                    : read(s.items->name, v.word() + i * size_of(s.items->name));
}

Value Values::length(const Value& v, bool capacity) const {
  if (v.gone) throw Error("it is optimised away here");
  const model::Shape& s = shape(v);
  switch (s.kind) {
    case ValueKind::array: return Value::number(s.count, "int");
    case ValueKind::slice: return Value::number(v.word(capacity ? 16 : 8), "int");
    case ValueKind::string:
      if (capacity) break;
      return Value::number(v.literal ? v.bytes.size() : v.word(8), "int");
    case ValueKind::map:
      if (capacity) break;
      [[fallthrough]];
    case ValueKind::channel: {
      // The first word of both kinds of header is the count; the second of a channel's, its capacity.
      const uint64_t at = v.word();
      return at == 0 ? Value::number(0, "int") : Value::number(read("uint64", at + (capacity ? 8 : 0)).word(), "int");
    }
    default: break;
  }
  throw Error(fmt::format("{} has no {}", v.type.empty() ? "a number" : v.type, capacity ? "capacity" : "length"));
}

bool Values::is_string(const Value& v) const { return kind(v) == ValueKind::string; }

std::string Values::text_of(const Value& v) const {
  if (v.literal) return {v.bytes.begin(), v.bytes.end()};
  const auto b = bytes_at(v.word(), v.word(8));
  return {b.begin(), b.end()};
}

int64_t Values::as_number(const Value& v) const {
  if (v.gone) throw Error("it is optimised away here");
  if (v.type.empty()) return static_cast<int64_t>(v.word());
  const model::Shape& s = shape(v);
  if (s.kind == ValueKind::floating || s.kind == ValueKind::complex)
    throw Error(fmt::format("{} cannot be computed with: print shows it", v.type));
  if (!is_word(s)) throw Error(fmt::format("{} is no number", v.type));
  return s.kind == ValueKind::integer ? extended(v.word(), v.bytes.size()) : static_cast<int64_t>(v.word());
}

uint64_t Values::as_address(const Value& v) const {
  if (v.gone) throw Error("it is optimised away here");
  const ValueKind k = kind(v);
  const bool says_it = k == ValueKind::address || is_reference(k);
  if (!says_it && !v.address) return static_cast<uint64_t>(as_number(v));
  return says_it ? v.word() : *v.address;
}

// --- what it is and consists of ---

ValueKind Values::kind(const Value& v) const {
  if (v.literal) return ValueKind::string;
  return v.type.empty() ? ValueKind::address : shape(v).kind;
}

std::vector<Part> Values::fields(const Value& v) const {
  std::vector<Part> out;
  for (const model::Shape::Field& f : shape(v).fields) {
    if (f.name == "_") continue;
    if (f.offset + f.shape->size > v.bytes.size()) break;
    out.push_back({f.name, part(v, f.offset, *f.shape)});
  }
  return out;
}

std::string Values::element_type(const Value& v) const { return shape(v).items ? shape(v).items->name : ""; }

uint64_t Values::count(const Value& v) const {
  const model::Shape& s = shape(v);
  return s.kind == ValueKind::array ? s.count : s.kind == ValueKind::slice ? v.word(8) : 0;
}

Value Values::element_at(const Value& v, uint64_t index) const {
  const model::Shape& s = shape(v);
  if (s.kind == ValueKind::array) return part(v, index * s.items->size, *s.items);
  Value out;
  out.type = s.items->name;
  out.address = v.word() + index * s.items->size;
  out.bytes = bytes_at(*out.address, s.items->size);
  return out;
}

std::optional<Value> Values::target(const Value& v) const {
  const model::Shape& s = shape(v);
  if (s.kind != ValueKind::pointer || v.word() == 0) return std::nullopt;
  Value out;
  out.type = s.element, out.address = v.word();
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
  const model::Shape& s = shape(v);
  const uint64_t first = v.word();
  out.data = v.word(8);
  if (s.kind != ValueKind::interface || first == 0) return out;
  out.type_word = s.methods ? reader_.word(first + 8).value_or(0) : first;
  out.type = model::type_name(*reader_.guest(), out.type_word);
  out.type_word = out.type_word ? out.type_word : first;
  if (out.type.empty()) return out;
  Value value;
  value.type = out.type;
  const model::Shape& held = shape(out.type);
  out.sized = held.size || held.kind != ValueKind::unknown;
  if (is_reference(held.kind)) {
    value.bytes.resize(8);
    std::memcpy(value.bytes.data(), &out.data, 8);
  } else if (out.sized) {
    value.address = out.data;
    value.bytes = bytes_at(out.data, held.size);
  }
  if (!value.bytes.empty()) out.value = std::move(value);
  return out;
}

}  // namespace deferscope::session
