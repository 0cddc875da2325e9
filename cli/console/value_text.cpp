#include "cli/console/value_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "session/reader.h"

namespace deferscope::cli {
namespace {

using session::Value;
using session::ValueKind;
using session::Values;

constexpr int kDepth = 2;           // of structs, pointers, interfaces
constexpr uint64_t kElements = 16;  // of a slice or array
constexpr uint64_t kStringBytes = 64;

std::string quoted(const std::string& s) {
  std::string out = "\"";
  for (unsigned char c : s) {
    if (c == '"' || c == '\\')
      out += fmt::format("\\{}", static_cast<char>(c));
    else if (c == '\n')
      out += "\\n";
    else if (c == '\t')
      out += "\\t";
    else if (c < 0x20 || c == 0x7f)
      out += fmt::format("\\x{:02x}", c);
    else
      out += static_cast<char>(c);
  }
  return out + "\"";
}

template <class T>
std::string decimal(const Value& v, size_t offset) {
  T x = 0;
  if (offset + sizeof x <= v.bytes.size()) std::memcpy(&x, v.bytes.data() + offset, sizeof x);
  return fmt::format("{}", x);
}

std::string floating(const Value& v, size_t size, size_t offset = 0) {
  return size == 4 ? decimal<float>(v, offset) : decimal<double>(v, offset);
}

class Writer {
 public:
  explicit Writer(const session::Reader& reader) : reader_(reader), values_(reader) {}

  std::string text(const Value& v, int depth) const {
    if (v.gone) return "(optimised away)";
    const ValueKind kind = values_.kind(v);
    const bool basic = kind >= ValueKind::boolean && kind <= ValueKind::complex;
    if (basic && v.bytes.size() < values_.size_of(v.type)) return "(not readable)";
    switch (kind) {
      case ValueKind::boolean: return v.bytes[0] ? "true" : "false";
      case ValueKind::integer:
      case ValueKind::natural: return number(v, kind == ValueKind::integer);
      case ValueKind::floating: return floating(v, v.bytes.size());
      case ValueKind::complex: {
        const size_t half = v.bytes.size() / 2;
        const std::string im = floating(v, half, half);
        return fmt::format("({}{}{}i)", floating(v, half), im[0] == '-' ? "" : "+", im);
      }
      case ValueKind::string: return string(v);
      case ValueKind::pointer: return pointer(v, depth);
      case ValueKind::slice: return slice(v, depth);
      case ValueKind::array: return fmt::format("[{}]", elements(v, depth));
      case ValueKind::function: return function(v);
      case ValueKind::map:
      case ValueKind::channel: return header(v);
      case ValueKind::structure: return structure(v, depth);
      case ValueKind::interface: return interface(v, depth);
      case ValueKind::address:
      case ValueKind::unknown: break;
    }
    return fmt::format("{:#x}", v.word());
  }

 private:
  std::string number(const Value& v, bool is_signed) const {
    if (!is_signed) return fmt::format("{}", v.word());
    return fmt::format("{}", values_.as_number(v));
  }

  std::string string(const Value& v) const {
    if (v.literal) return quoted(values_.characters(v, UINT64_MAX));
    const uint64_t at = v.word(), n = v.word(8);
    const std::string s = values_.characters(v, kStringBytes);
    if (n != 0 && s.empty()) return fmt::format("string at {:#x}, length {}, not readable", at, n);
    return quoted(s) + (n > kStringBytes ? fmt::format("… ({} bytes)", n) : "");
  }

  std::string pointer(const Value& v, int depth) const {
    if (v.word() == 0) return "nil";
    const auto to = depth >= kDepth ? std::nullopt : values_.target(v);
    return to ? fmt::format("{:#x} → {}", v.word(), text(*to, depth + 1)) : fmt::format("{:#x}", v.word());
  }

  std::string elements(const Value& v, int depth) const {
    const uint64_t n = values_.count(v);
    std::string out;
    for (uint64_t i = 0; i < n && i < kElements; ++i) {
      const Value e = values_.element_at(v, i);
      if (e.bytes.empty() && values_.size_of(e.type) != 0) return out + " (not readable)";
      out += (i ? ", " : "") + text(e, depth + 1);
    }
    return out + (n > kElements ? fmt::format(", … ({} more)", n - kElements) : "");
  }

  std::string slice(const Value& v, int depth) const {
    const uint64_t n = v.word(8);
    const std::string head = fmt::format("[]{} len {} cap {}", values_.element_type(v), n, v.word(16));
    return depth >= kDepth || n == 0 ? head : fmt::format("{} [{}]", head, elements(v, depth));
  }

  // Maps and channels: header and length. The first word of both kinds of header is the count.
  std::string header(const Value& v) const {
    const std::string type = values_.made_of(v.type);
    if (v.word() == 0) return fmt::format("{} nil", type);
    const auto n = reader_.word(v.word());
    return fmt::format("{} at {:#x}, len {}", type, v.word(), n ? fmt::format("{}", *n) : "?");
  }

  std::string function(const Value& v) const {
    if (v.word() == 0) return "nil";
    const auto code = reader_.word(v.word());
    return code ? fmt::format("func {} ({:#x})", reader_.place(*code), v.word())
                : fmt::format("func at {:#x}", v.word());
  }

  std::string structure(const Value& v, int depth) const {
    if (depth >= kDepth) return "{…}";
    std::string out;
    for (const session::Part& f : values_.fields(v))
      out += fmt::format("{}{}: {}", out.empty() ? "" : ", ", f.name, text(f.value, depth + 1));
    return fmt::format("{{{}}}", out);
  }

  // The dynamic type and its value, which counts as deep as the interface.
  std::string interface(const Value& v, int depth) const {
    const Values::Dynamic d = values_.dynamic(v);
    if (d.type_word == 0) return "nil";
    if (d.type.empty()) return fmt::format("interface of type {:#x}, data {:#x}", d.type_word, d.data);
    if (depth < kDepth && !d.sized) return fmt::format("({}) at {:#x}", d.type, d.data);
    if (depth >= kDepth || !d.value) return fmt::format("({}) {:#x}", d.type, d.data);
    return fmt::format("({}) {}", d.type, text(*d.value, depth));
  }

  const session::Reader& reader_;
  const Values values_;
};

}  // namespace

std::string value_text(const session::Reader& reader, const Value& v) { return Writer(reader).text(v, 0); }

}  // namespace deferscope::cli
