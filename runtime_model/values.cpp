// Printing what a panic carries, from the type's own description in memory.
#include <fmt/format.h>

#include <array>
#include <bit>
#include <charconv>
#include <cmath>

#include "loader/printable.h"
#include "runtime_model/chain.h"

namespace deferscope::model {
namespace {

// abi.Type (runtime._type) and abi.Kind: the same in 1.12–1.27 (facts: layouts.json; src/internal/abi/type.go).
constexpr uint64_t kTflag = 20, kKind = 23, kStr = 40;
constexpr uint8_t kTflagExtraStar = 2, kTflagNamed = 4;
constexpr uint8_t kKindMask = 31, kKindDirect = 32;
enum Kind : uint8_t {
  kBool = 1,
  kInt,
  kInt8,
  kInt16,
  kInt32,
  kInt64,
  kUint,
  kUint8,
  kUint16,
  kUint32,
  kUint64,
  kUintptr,
  kFloat32,
  kFloat64,
  kComplex64,
  kComplex128,
  kString = 24
};
constexpr uint64_t kMaxText = 4096;

std::string text_at(const Guest& g, uint64_t address, uint64_t n) {
  std::string s(std::min(n, kMaxText), '\0');
  if (!g.read(address, s.data(), s.size())) return {};
  return n > kMaxText ? s + "…" : s;
}

// strconv.AppendFloat(v, 'g', -1): the shortest digits that give v back, with an exponent below 1e-4 and from 1e6 on.
template <class T>
std::string shortest_float(T v) {
  std::array<char, 64> text;
  const char* end = std::to_chars(text.data(), text.data() + text.size(), v, std::chars_format::scientific).ptr;
  const std::string s(std::string_view(text.data(), static_cast<size_t>(end - text.data())));
  const int exponent = std::stoi(s.substr(s.find('e') + 1));
  if (exponent < -4 || exponent >= 6) return s;
  end = std::to_chars(text.data(), text.data() + text.size(), v, std::chars_format::fixed).ptr;
  return {text.data(), static_cast<size_t>(end - text.data())};
}

// print(float64) and print(float32) of the runtime.
template <class T>
std::string runtime_float(const Guest& g, T v) {
  if (std::isnan(v)) return "NaN";
  if (std::isinf(v)) return v > 0 ? "+Inf" : "-Inf";
  if (g.program().mech().prints_shortest) return shortest_float(v);
  std::string s = fmt::format("{:+.6e}", v);
  const size_t e = s.find('e');
  if (e != std::string::npos && s.size() - e == 4) s.insert(e + 2, 1, '0');  // three digits of exponent
  return s;
}

template <class T>
T value(const Guest& g, uint64_t data) {
  T v{};
  g.read(data, &v, sizeof v);
  return v;
}

template <class T>
std::string runtime_complex(const Guest& g, T re, T im) {
  const std::string second = runtime_float(g, im);
  const char* sign = second[0] == '+' || second[0] == '-' ? "" : "+";
  return fmt::format("({}{}{}i)", runtime_float(g, re), sign, second);
}

// Nothing for kinds that are not basic.
std::string basic(const Guest& g, uint8_t kind, uint64_t data) {
  switch (kind) {
    case kBool: return value<uint8_t>(g, data) ? "true" : "false";
    case kInt:
    case kInt64: return fmt::format("{}", value<int64_t>(g, data));
    case kInt8: return fmt::format("{}", value<int8_t>(g, data));
    case kInt16: return fmt::format("{}", value<int16_t>(g, data));
    case kInt32: return fmt::format("{}", value<int32_t>(g, data));
    case kUint:
    case kUint64:
    case kUintptr: return fmt::format("{}", value<uint64_t>(g, data));
    case kUint8: return fmt::format("{}", value<uint8_t>(g, data));
    case kUint16: return fmt::format("{}", value<uint16_t>(g, data));
    case kUint32: return fmt::format("{}", value<uint32_t>(g, data));
    case kFloat32: return runtime_float(g, value<float>(g, data));
    case kFloat64: return runtime_float(g, value<double>(g, data));
    case kComplex64: return runtime_complex(g, value<float>(g, data), value<float>(g, data + 4));
    case kComplex128: return runtime_complex(g, value<double>(g, data), value<double>(g, data + 8));
    case kString: return text_at(g, g.word(data), g.word(data + 8));
    default: return {};
  }
}

// Error types of the runtime whose text is a string in the value itself (src/runtime/error.go): printed as Go does.
struct RuntimeError {
  std::string_view type, before;
};
constexpr RuntimeError kRuntimeErrors[] = {{"runtime.errorString", "runtime error: "},
                                           {"runtime.plainError", ""},
                                           {"runtime.errorAddressString", "runtime error: "},
                                           {"runtime.plainErrorString", ""}};

const RuntimeError* runtime_error(std::string_view type) {
  for (const RuntimeError& e : kRuntimeErrors)
    if (e.type == type) return &e;
  return nullptr;
}

}  // namespace

std::string type_name(const Guest& g, uint64_t type) {
  const auto& module = g.program().go().moduledata;
  if (!type || !module) return {};
  int32_t offset = 0;
  uint8_t tflag = 0;
  if (!g.read(type + kStr, &offset, 4) || !g.read(type + kTflag, &tflag, 1) || offset <= 0) return {};
  const uint64_t name = module->types + static_cast<uint64_t>(offset);
  uint8_t head[4];
  if (!g.read(name, head, 4)) return {};
  uint64_t n = 0, at = 0;
  if (g.program().mech().type_name_varint) {
    const auto v = loader::uvarint(loader::Bytes(head + 1, 3), &at);
    n = v.value_or(0);
  } else {
    n = uint64_t{head[1]} << 8 | head[2], at = 2;
  }
  std::string s = text_at(g, name + 1 + at, n);
  if ((tflag & kTflagExtraStar) && !s.empty() && s[0] == '*') s.erase(0, 1);
  return loader::printable(s);
}

std::string panic_value(const Guest& g, uint64_t type, uint64_t data) {
  if (!type) return "nil";
  uint8_t kind = 0, tflag = 0;
  if (!g.read(type + kKind, &kind, 1) || !g.read(type + kTflag, &tflag, 1)) return "(unreadable)";
  const std::string name = type_name(g, type);
  if (const RuntimeError* e = runtime_error(name))
    return std::string(e->before) + text_at(g, g.word(data), g.word(data + 8));
  const bool basic_kind = (kind & kKindMask) <= kComplex128 || (kind & kKindMask) == kString;
  const std::string text = basic_kind && !(kind & kKindDirect) ? basic(g, kind & kKindMask, data) : std::string();
  if (basic_kind && !(kind & kKindDirect)) {
    const bool named = name.find('.') != std::string::npos;
    const bool quoted = named && (kind & kKindMask) == kString;
    if (named && !text.empty() && text[0] == '(') return name + text;  // complex
    return !named ? text : quoted ? fmt::format("{}(\"{}\")", name, text) : fmt::format("{}({})", name, text);
  }
  return fmt::format("({}) {:#x}", name.empty() ? "?" : name, data);
}

}  // namespace deferscope::model
