// Printing what a panic carries, from the type's own description in memory.
#include <fmt/format.h>

#include <array>
#include <bit>
#include <charconv>
#include <cmath>

#include "loader/printable.h"
#include "runtime_model/abi_type.h"
#include "runtime_model/chain.h"
#include "runtime_model/printed.h"

namespace deferscope::model {
namespace {

using namespace abi;
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

std::string printed_float(const Guest& g, double v) { return runtime_float(g, v); }
std::string printed_float(const Guest& g, float v) { return runtime_float(g, v); }

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

// Values by the types' own descriptions: abi.ArrayType {Type; Elem, Slice, Len}, PtrType {Type; Elem}, SliceType {Type;
// Elem}, InterfaceType {Type; PkgPath; Methods []}, StructType {Type; PkgPath; Fields []{Name, Typ, Offset}}
// (src/internal/abi/type.go; up to 1.18 a field's offset is shifted by one).
class ByType {
 public:
  explicit ByType(const Guest& g) : g_(g) {}

  uint8_t kind(uint64_t type) const { return static_cast<uint8_t>(value<uint8_t>(g_, type + kKind) & kKindMask); }

  // The value of that type at `at`, without its type's name.
  std::string text(uint64_t type, uint64_t at, int depth) {
    uint8_t first;
    if (g_.word(type) && !g_.read(at, &first, 1)) return "(not readable)";  // the first word of a type is its size
    const uint8_t k = kind(type);
    switch (k) {
      case kString: return string(at);
      case kStruct: return structure(type, at, depth);
      case kArray:
        return fmt::format("[{}]", items(g_.word(type + kTypeSize), at, g_.word(type + kTypeSize + 16), depth));
      case kSlice: return slice(type, at, depth);
      case kInterface: return interface(type, at, depth);
      case kPointer:
      case kChan:
      case kMap: return reference(type, g_.word(at));
      case kFunc: return function(g_.word(at));
      case kUnsafePointer: return fmt::format("{:#x}", g_.word(at));
      default: return basic(g_, k, at);
    }
  }

 private:
  static constexpr uint64_t kTypeSize = 48, kMaxItems = 16, kMaxFields = 32, kMaxString = 256;
  static constexpr int kMaxDepth = 4;
  static constexpr size_t kMaxWhole = 4096;

  std::string string(uint64_t at) const {
    const uint64_t n = g_.word(at + 8);
    return fmt::format("\"{}{}\"", text_at(g_, g_.word(at), std::min(n, kMaxString)), n > kMaxString ? "…" : "");
  }

  std::string reference(uint64_t type, uint64_t to) const {
    return to ? fmt::format("({}) {:#x}", type_name(g_, type), to) : "nil";
  }

  std::string function(uint64_t closure) const {
    if (!closure) return "nil";
    const Location& l = g_.program().location(g_.word(closure));
    return l.function && !l.offset ? fmt::format("func {}", readable(l.function->name()))
                                   : fmt::format("{:#x}", closure);
  }

  // Without methods its first word is the type, with methods an itab, whose second word is.
  std::string interface(uint64_t type, uint64_t at, int depth) {
    const uint64_t tab = g_.word(at);
    if (!tab) return "nil";
    if (depth >= kMaxDepth) return "…";
    return of_interface(g_.word(type + kTypeSize + 16) ? g_.word(tab + 8) : tab, g_.word(at + 8), depth + 1);
  }

  std::string items(uint64_t of, uint64_t at, uint64_t n, int depth) {
    if (depth >= kMaxDepth) return "…";
    std::string out;
    for (uint64_t i = 0; i < std::min(n, kMaxItems) && out.size() < kMaxWhole; ++i)
      out += fmt::format("{}{}", i ? ", " : "", text(of, at + i * g_.word(of), depth + 1));
    return n > kMaxItems ? out + fmt::format(", … {} more", n - kMaxItems) : out;
  }

  std::string slice(uint64_t type, uint64_t at, int depth) {
    const uint64_t to = g_.word(at), n = g_.word(at + 8);
    if (!to) return "nil";
    return fmt::format("len {} cap {} [{}]", n, g_.word(at + 16), items(g_.word(type + kTypeSize), to, n, depth));
  }

  std::string structure(uint64_t type, uint64_t at, int depth) {
    if (depth >= kMaxDepth) return "{…}";
    const uint64_t fields = g_.word(type + kTypeSize + 8), n = g_.word(type + kTypeSize + 16);
    const bool shifted = g_.program().mech().struct_offset_shifted;
    std::string out = "{";
    for (uint64_t i = 0; i < std::min(n, kMaxFields) && out.size() < kMaxWhole; ++i) {
      const uint64_t f = fields + 24 * i;
      out += fmt::format("{}{}: {}", i ? ", " : "", name_text(g_, g_.word(f)),
                         text(g_.word(f + 8), at + (g_.word(f + 16) >> (shifted ? 1 : 0)), depth + 1));
    }
    return out + (n > kMaxFields ? ", …}" : "}");
  }

 public:
  // What an interface holds: as a panic prints it where that is by value, else "TYPE VALUE".
  std::string of_interface(uint64_t type, uint64_t data, int depth);
  // A struct, an array or a slice with its type's name, also behind a pointer; empty for others.
  std::string composite(uint64_t type, uint64_t data, int depth) {
    const std::string name = type_name(g_, type);
    // Up to 1.25 a bit of the kind says it, from 1.26 on the same bit of tflag.
    const bool direct = (value<uint8_t>(g_, type + kKind) | value<uint8_t>(g_, type + kTflag)) & kKindDirect;
    uint64_t of = type;
    if (kind(type) == kPointer) {
      of = g_.word(type + kTypeSize);
      if (!of || kind(of) != kStruct) return {};
      return data ? fmt::format("{}{}", name, text(of, data, depth)) : fmt::format("({}) nil", name);
    }
    if (direct) return direct_composite(type, name, data);
    switch (kind(of)) {
      case kStruct: return fmt::format("{}{}", name, text(of, data, depth));
      case kArray:
      case kSlice: return fmt::format("{} {}", name, text(of, data, depth));
      default: return {};
    }
  }

 private:
  // A struct or array of one pointer lies in the interface's word itself.
  std::string direct_composite(uint64_t type, const std::string& name, uint64_t word) const {
    const bool structure = kind(type) == kStruct;
    if (!structure && kind(type) != kArray) return {};
    const uint64_t field = g_.word(type + kTypeSize + 8);
    const uint64_t of = structure ? g_.word(field + 8) : g_.word(type + kTypeSize);
    const uint8_t k = kind(of);
    const std::string inner = k == kStruct || k == kArray ? fmt::format("{:#x}", word) : reference(of, word);
    return structure ? fmt::format("{}{{{}: {}}}", name, name_text(g_, g_.word(field)), inner)
                     : fmt::format("{} [{}]", name, inner);
  }

  const Guest& g_;
};

}  // namespace

std::string nil_panic_value() {
  return std::string(kPanicNil) + "(\"panic called with nil argument (use GODEBUG=panicnil=1 to disable)\")";
}

namespace {

std::string value_of(const Guest& g, uint64_t type, uint64_t data, int depth) {
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
  if (std::string whole = ByType(g).composite(type, data, depth); !whole.empty()) return whole;
  return data ? fmt::format("({}) {:#x}", name.empty() ? "?" : name, data) : fmt::format("({}) nil", name);
}

std::string ByType::of_interface(uint64_t type, uint64_t data, int depth) {
  std::string out = value_of(g_, type, data, depth);
  return kind(type) == kString && out.find('(') == std::string::npos ? fmt::format("\"{}\"", out) : out;
}

}  // namespace

std::string panic_value(const Guest& g, uint64_t type, uint64_t data) { return value_of(g, type, data, 0); }

}  // namespace deferscope::model
