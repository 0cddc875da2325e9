// See listing_data.h. Types are abi.Type (src/internal/abi/type.go; the same fields from Go 1.11 on).
#include "loader/listing_data.h"

#include <charconv>
#include <cstring>
#include <utility>

namespace deferscope::loader {
namespace {

constexpr size_t kTypeSize = 48, kHash = 16, kTflag = 20, kAlign = 21, kKind = 23, kName = 40, kElement = 48;
constexpr uint8_t kExtraStar = 2, kNamed = 4, kDirect = 32;
constexpr uint8_t kPointer = 22, kSlice = 23, kInterface = 20;

// `md5`, `sha`, `sha_8`: words of hashes of the name, of which a type's hash is made (type_hash).
struct BasicRow {
  std::string_view name;
  uint8_t kind;
  uint32_t size, align, pointers, md5, sha, sha_8;
};
// clang-format off
constexpr BasicRow kBasics[] = {
    {"bool", 1, 1, 1, 0, 0x13ff06c5, 0x4ff460b7, 0x71b4a374},
    {"int", 2, 8, 8, 0, 0xf75371fa, 0x348ca86d, 0x66db77f9},
    {"int8", 3, 1, 1, 0, 0xcc06c027, 0xbc2515cb, 0xe12fc403},
    {"int16", 4, 2, 2, 0, 0xecd580ce, 0xc1dcf82b, 0x87106456},
    {"int32", 5, 4, 4, 0, 0xbbad4102, 0x9412c305, 0x13b6cc10},
    {"int64", 6, 8, 8, 0, 0x963f9bff, 0x662922bc, 0x625f5c87},
    {"uint", 7, 8, 8, 0, 0xd5b87712, 0x9b02f2c3, 0xdf136f9a},
    {"uint8", 8, 1, 1, 0, 0x663e425f, 0x6a8c7686, 0x651d6272},
    {"uint16", 9, 2, 2, 0, 0xeff20ea0, 0x269cd76c, 0xa08ba67d},
    {"uint32", 10, 4, 4, 0, 0xd04ae83d, 0x16d8061c, 0x0294554e},
    {"uint64", 11, 8, 8, 0, 0x86318d2e, 0x703ad224, 0x4d160681},
    {"uintptr", 12, 8, 8, 0, 0xbd4ad792, 0xad8d07a3, 0x68f35f3f},
    {"float32", 13, 4, 4, 0, 0xb0c23ed3, 0x727d936a, 0xa1718dd4},
    {"float64", 14, 8, 8, 0, 0x2ea27ffb, 0x6ca6d26b, 0x111ed29f},
    {"complex64", 15, 8, 4, 0, 0x7925028c, 0x3e101c5d, 0xb6882940},
    {"complex128", 16, 16, 8, 0, 0xb31a546d, 0x89770df3, 0x2fbedfcd},
    {"string", 24, 16, 8, 8, 0xe0ff5cb4, 0xf8873247, 0x9097a863},
    {"unsafe.Pointer", 26, 8, 8, 8, 0x1b5cc4cd, 0x05a6d5b9, 0x3f6ccafb},
    {"error", 20, 16, 8, 16, 0x0e105ecb, 0xcffc00ca, 0x0601c4dd},
    // Of the runtime (src/runtime/error.go).
    {"runtime.errorString", 24, 16, 8, 8, 0x4c0c5f99, 0xbce917fc, 0x3ce3cf32},
    {"runtime.plainError", 24, 16, 8, 8, 0xf5449f11, 0x77971d84, 0x78a512e8},
    {"runtime.boundsError", 25, 24, 8, 0, 0xd50518f9, 0xd45b2019, 0x849cab7b},
    {"runtime.TypeAssertionError", 25, 40, 8, 32, 0x04f31495, 0xef75922e, 0x4b0ae61e},
    {"runtime.PanicNilError", 25, 8, 8, 0, 0xfb3b6cc0, 0xbfc756e1, 0xd67c6467},
};
// clang-format on

// cmd/compile/internal/types/fmt.go, TypeHash: compiled code compares it before it compares a type's address.
uint32_t type_hash(const BasicRow& b, int minor) {
  if (minor <= 18) return b.md5;
  if (minor <= 23) return ~b.sha;
  return minor == 24 ? b.sha_8 : b.sha ^ 0xff;
}

struct VariableRow {
  std::string_view name;  // a trailing * stands for anything
  uint32_t size;
  bool writable;
};
constexpr VariableRow kVariables[] = {
    {"runtime.writeBarrier", 16, true},
    {"runtime.zerobase", 8, true},
    {"runtime.zeroVal", 1024, true},
    {"runtime.x86HasPOPCNT", 1, true},
    {"runtime.x86HasSSE41", 1, true},
    {"runtime.x86HasFMA", 1, true},
    {"runtime.support_popcnt", 1, true},
    {"runtime.arm64HasATOMICS", 1, true},
    {"runtime.algarray", 1024, false},
    {"runtime.gcbits.*", 64, false},
    {"internal/cpu.*", 256, true},
    {"runtime.arm64HasATOMICS", 1, true},
    {"runtime.emptyInterfaceSwitchCache", 64, false},
    {"runtime.emptyTypeAssertCache", 64, false},
    {"os.Stdout", 8, true},
    {"os.Stderr", 8, true},
    {"go.itab.*os.File,io.Writer", 64, false},
    {"go:itab.*os.File,io.Writer", 64, false},
    {"runtime.asyncPreempt", 8, false},
    {"runtime.defaultGOROOT.str", 16, false},
};

bool matches(std::string_view pattern, std::string_view name) {
  if (!pattern.ends_with('*')) return pattern == name;
  return name.starts_with(pattern.substr(0, pattern.size() - 1));
}

// A name's data: flags, then the length as a varint (1.17+) or 16 bits, then the text.
std::string name_data(std::string_view text, int minor) {
  std::string out(1, '\0');
  if (minor <= 16) out += static_cast<char>(text.size() >> 8);
  out += static_cast<char>(text.size() & 0x7f);
  return out + std::string(text);
}

SuppliedData describe(std::string_view name, uint8_t kind, uint32_t size, uint32_t align, uint32_t pointers, bool named,
                      int minor) {
  SuppliedData d;
  d.bytes.resize(kTypeSize + 16 + (kind == kSlice || (kind & 31) == kPointer ? 8 : 16));
  const auto put = [&](size_t at, auto v) { std::memcpy(d.bytes.data() + at, &v, sizeof v); };
  put(0, uint64_t{size});
  put(8, uint64_t{pointers});
  put(kTflag, static_cast<uint8_t>(kExtraStar | (named ? kNamed : 0)));
  put(kAlign, static_cast<uint8_t>(align));
  put(kAlign + 1, static_cast<uint8_t>(align));
  put(kKind, kind);
  d.name_at = kName;
  d.type_name = name_data("*" + std::string(name), minor);
  return d;
}

std::optional<SuppliedData> basic_type(std::string_view name, int minor) {
  for (const BasicRow& b : kBasics) {
    const uint8_t kind = static_cast<uint8_t>(b.kind | (b.kind == 26 && minor <= 25 ? kDirect : 0));
    if (b.name != name) continue;
    SuppliedData d = describe(name, kind, b.size, b.align, b.pointers, true, minor);
    const uint32_t hash = type_hash(b, minor);
    std::memcpy(d.bytes.data() + kHash, &hash, sizeof hash);
    return d;
  }
  return std::nullopt;
}

std::optional<SuppliedData> type(std::string_view name, std::string_view prefix, int minor) {
  if (auto basic = basic_type(name, minor)) return basic;
  const bool pointer = name.starts_with("*"), slice = name.starts_with("[]");
  if (name == "interface {}") return describe(name, kInterface, 16, 8, 16, false, minor);
  if (!pointer && !slice) return std::nullopt;
  const std::string_view element = name.substr(pointer ? 1 : 2);
  if (!basic_type(element, minor)) return std::nullopt;
  SuppliedData d = pointer ? describe(name, kPointer | kDirect, 8, 8, 8, false, minor)
                           : describe(name, kSlice, 24, 8, 8, false, minor);
  d.pointer_at = kElement;
  d.pointer = std::string(prefix) + std::string(element);
  return d;
}

// The tables of small integers that interfaces point into: 8 bytes each (1.15+), one before.
SuppliedData small_integers(uint32_t each) {
  SuppliedData d;
  d.bytes.resize(256 * each);
  for (uint32_t i = 0; i < 256; ++i) d.bytes[i * each] = static_cast<uint8_t>(i);
  return d;
}

}  // namespace

// $f64.400a000000000000: a constant whose bits are its name.
static std::optional<SuppliedData> float_constant(std::string_view name) {
  for (const auto& [prefix, size] : {std::pair<std::string_view, size_t>{"$f64.", 8}, {"$f32.", 4}}) {
    if (!name.starts_with(prefix) || name.size() != prefix.size() + 2 * size) continue;
    uint64_t bits = 0;
    const auto end = std::from_chars(name.data() + prefix.size(), name.data() + name.size(), bits, 16).ptr;
    if (end != name.data() + name.size()) continue;
    SuppliedData d;
    d.bytes.resize(size);
    std::memcpy(d.bytes.data(), &bits, size);
    return d;
  }
  return std::nullopt;
}

std::optional<SuppliedData> supplied_data(std::string_view name, int minor) {
  if (auto constant = float_constant(name)) return constant;
  for (std::string_view prefix : {"type.", "type:"})
    if (name.starts_with(prefix)) return type(name.substr(prefix.size()), prefix, minor);
  if (name == "runtime.staticuint64s") return small_integers(8);
  if (name == "runtime.staticbytes") return small_integers(1);
  for (const VariableRow& v : kVariables)
    if (matches(v.name, name)) {
      SuppliedData d;
      d.bytes.resize(v.size);
      d.writable = v.writable;
      return d;
    }
  constexpr std::string_view closure = "·f";
  if (name.ends_with(closure)) {
    SuppliedData d;
    d.bytes.resize(8);
    d.pointer_at = 0;
    d.pointer = std::string(name.substr(0, name.size() - closure.size()));
    return d;
  }
  return std::nullopt;
}

std::vector<std::string> error_types(int minor) {
  const std::string prefix = minor >= 20 ? "type:" : "type.";
  std::vector<std::string> out;
  for (const char* name : {"runtime.errorString", "runtime.plainError", "runtime.boundsError", "string",
                           "*runtime.TypeAssertionError", "*runtime.PanicNilError"})
    out.push_back(prefix + name);
  return out;
}

}  // namespace deferscope::loader
