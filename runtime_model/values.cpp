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

constexpr std::string_view kPanicNil = "*runtime.PanicNilError";

// runtime.boundsError {x int64; y int; signed bool; code uint8} by code (src/runtime/error.go, boundsErrorFmts and
// boundsNegErrorFmts; 1.13+).
struct BoundsText {
  const char *text, *negative;
};
constexpr BoundsText kBounds[] = {
    {"index out of range [%x] with length %y", "index out of range [%x]"},
    {"slice bounds out of range [:%x] with length %y", "slice bounds out of range [:%x]"},
    {"slice bounds out of range [:%x] with capacity %y", "slice bounds out of range [:%x]"},
    {"slice bounds out of range [%x:%y]", "slice bounds out of range [%x:]"},
    {"slice bounds out of range [::%x] with length %y", "slice bounds out of range [::%x]"},
    {"slice bounds out of range [::%x] with capacity %y", "slice bounds out of range [::%x]"},
    {"slice bounds out of range [:%x:%y]", "slice bounds out of range [:%x:]"},
    {"slice bounds out of range [%x:%y:]", "slice bounds out of range [%x::]"},
    {"cannot convert slice with length %x to array or pointer to array with length %y", ""},
};

std::string bounds_error(const Guest& g, uint64_t data) {
  const auto x = value<int64_t>(g, data), y = value<int64_t>(g, data + 8);
  const bool is_signed = value<uint8_t>(g, data + 16) != 0;
  const auto code = value<uint8_t>(g, data + 17);
  if (code >= std::size(kBounds)) return fmt::format("bounds error {}", code);
  std::string out;
  for (const char* p = is_signed && x < 0 ? kBounds[code].negative : kBounds[code].text; *p; ++p) {
    if (*p != '%') {
      out += *p;
      continue;
    }
    if (*++p == 'y')
      out += fmt::format("{}", y);
    else
      out += is_signed ? fmt::format("{}", x) : fmt::format("{}", static_cast<uint64_t>(x));
  }
  return out;
}

// *runtime.TypeAssertionError {_interface, concrete, asserted *_type; missingMethod string}.
std::string assertion_error(const Guest& g, uint64_t data) {
  const uint64_t on = g.word(data), concrete = g.word(data + 8);
  const std::string inter = on ? type_name(g, on) : "interface", as = type_name(g, g.word(data + 16));
  const std::string method = text_at(g, g.word(data + 24), g.word(data + 32));
  if (!concrete) return fmt::format("interface conversion: {} is nil, not {}", inter, as);
  const std::string is = type_name(g, concrete);
  if (method.empty()) return fmt::format("interface conversion: {} is {}, not {}", inter, is, as);
  return fmt::format("interface conversion: {} is not {}: missing method {}", is, as, method);
}

// Errors of the library whose text is a string that lies in the value (pointer types; the string's offset).
struct ErrorText {
  std::string_view type;
  uint64_t offset;
};
constexpr ErrorText kErrorTexts[] = {{"*errors.errorString", 0}, {"*fmt.wrapError", 0}, {"*fmt.wrapErrors", 0}};

const ErrorText* error_text(std::string_view type) {
  for (const ErrorText& e : kErrorTexts)
    if (e.type == type) return &e;
  return nullptr;
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

namespace {

// A name in the type tables: flags, its length, its bytes.
std::string name_text(const Guest& g, uint64_t name) {
  uint8_t head[4];
  if (!g.read(name, head, 4)) return {};
  uint64_t n = 0, at = 0;
  if (g.program().mech().type_name_varint)
    n = loader::uvarint(loader::Bytes(head + 1, 3), &at).value_or(0);
  else
    n = uint64_t{head[1]} << 8 | head[2], at = 2;
  return loader::printable(text_at(g, name + 1 + at, n));
}

// The fields of a struct, or of what a pointer to a struct points at: "{code: 42, text: \"no\"}"; empty for others.
// abi.PtrType {Type; Elem}, abi.StructType {Type; PkgPath; Fields []{Name, Typ, Offset}} (src/internal/abi/type.go; up
// to 1.18 the offset is shifted by one).
std::string struct_fields(const Guest& g, uint64_t type, uint64_t data) {
  constexpr uint64_t kTypeSize = 48, kMaxFields = 6;
  constexpr uint8_t kPointer = 22, kStruct = 25;
  const auto kind_of = [&](uint64_t t) { return static_cast<uint8_t>(value<uint8_t>(g, t + kKind) & kKindMask); };
  if (kind_of(type) == kPointer)
    type = g.word(type + kTypeSize);
  else if (value<uint8_t>(g, type + kKind) & kKindDirect)
    return {};
  if (!type || !data || kind_of(type) != kStruct) return {};
  const uint64_t fields = g.word(type + kTypeSize + 8), n = g.word(type + kTypeSize + 16);
  const bool shifted = g.program().mech().struct_offset_shifted;
  std::string out = "{";
  for (uint64_t i = 0; i < std::min(n, kMaxFields); ++i) {
    const uint64_t f = fields + 24 * i, of = g.word(f + 8), at = data + (g.word(f + 16) >> (shifted ? 1 : 0));
    const uint8_t kind = kind_of(of);
    std::string v = kind <= kComplex128 || kind == kString ? basic(g, kind, at) : type_name(g, of);
    if (kind == kString) v = fmt::format("\"{}\"", v);
    out += fmt::format("{}{}: {}", i ? ", " : "", name_text(g, g.word(f)), v);
  }
  return out + (n > kMaxFields ? ", …}" : "}");
}

}  // namespace

std::string nil_panic_value() {
  return std::string(kPanicNil) + "(\"panic called with nil argument (use GODEBUG=panicnil=1 to disable)\")";
}

std::string panic_value(const Guest& g, uint64_t type, uint64_t data) {
  if (!type) return "nil";
  uint8_t kind = 0, tflag = 0;
  if (!g.read(type + kKind, &kind, 1) || !g.read(type + kTflag, &tflag, 1)) return "(unreadable)";
  const std::string name = type_name(g, type);
  if (const RuntimeError* e = runtime_error(name))
    return std::string(e->before) + text_at(g, g.word(data), g.word(data + 8));
  if (name == "runtime.boundsError") return "runtime error: " + bounds_error(g, data);
  if (name == "*runtime.TypeAssertionError") return assertion_error(g, data);
  if (name == kPanicNil) return nil_panic_value();
  if (const ErrorText* e = error_text(name))
    return fmt::format("{}(\"{}\")", name, text_at(g, g.word(data + e->offset), g.word(data + e->offset + 8)));
  const bool basic_kind = (kind & kKindMask) <= kComplex128 || (kind & kKindMask) == kString;
  const std::string text = basic_kind && !(kind & kKindDirect) ? basic(g, kind & kKindMask, data) : std::string();
  if (basic_kind && !(kind & kKindDirect)) {
    const bool named = name.find('.') != std::string::npos;
    const bool quoted = named && (kind & kKindMask) == kString;
    if (named && !text.empty() && text[0] == '(') return name + text;  // complex
    return !named ? text : quoted ? fmt::format("{}(\"{}\")", name, text) : fmt::format("{}({})", name, text);
  }
  const std::string fields = struct_fields(g, type, data);
  if (!fields.empty()) return name + fields;
  return fmt::format("({}) {:#x}", name.empty() ? "?" : name, data);
}

}  // namespace deferscope::model
