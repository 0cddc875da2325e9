// See listing_data.h. Types are abi.Type (src/internal/abi/type.go; the same fields from Go 1.11 on).
#include "loader/listing_data.h"

#include <cstring>

namespace deferscope::loader {
namespace {

constexpr size_t kTypeSize = 48, kTflag = 20, kAlign = 21, kKind = 23, kName = 40, kElement = 48;
constexpr uint8_t kExtraStar = 2, kNamed = 4, kDirect = 32;
constexpr uint8_t kPointer = 22, kSlice = 23, kInterface = 20;

struct BasicRow {
  std::string_view name;
  uint8_t kind;
  uint32_t size, align, pointers;
};
constexpr BasicRow kBasics[] = {
    {"bool", 1, 1, 1, 0},
    {"int", 2, 8, 8, 0},
    {"int8", 3, 1, 1, 0},
    {"int16", 4, 2, 2, 0},
    {"int32", 5, 4, 4, 0},
    {"int64", 6, 8, 8, 0},
    {"uint", 7, 8, 8, 0},
    {"uint8", 8, 1, 1, 0},
    {"uint16", 9, 2, 2, 0},
    {"uint32", 10, 4, 4, 0},
    {"uint64", 11, 8, 8, 0},
    {"uintptr", 12, 8, 8, 0},
    {"float32", 13, 4, 4, 0},
    {"float64", 14, 8, 8, 0},
    {"complex64", 15, 8, 4, 0},
    {"complex128", 16, 16, 8, 0},
    {"string", 24, 16, 8, 8},
    {"unsafe.Pointer", 26, 8, 8, 8},
    {"error", 20, 16, 8, 16},
    // Of the runtime (src/runtime/error.go).
    {"runtime.errorString", 24, 16, 8, 8},
    {"runtime.plainError", 24, 16, 8, 8},
    {"runtime.boundsError", 25, 24, 8, 0},
    {"runtime.TypeAssertionError", 25, 40, 8, 32},
    {"runtime.PanicNilError", 25, 8, 8, 0},
};

struct VariableRow {
  std::string_view name;  // a trailing * stands for anything
  uint32_t size;
  bool writable;
};
constexpr VariableRow kVariables[] = {
    {"runtime.writeBarrier", 16, true},  {"runtime.zerobase", 8, true},
    {"runtime.zeroVal", 1024, true},     {"runtime.x86HasPOPCNT", 1, true},
    {"runtime.x86HasSSE41", 1, true},    {"runtime.x86HasFMA", 1, true},
    {"runtime.support_popcnt", 1, true}, {"runtime.arm64HasATOMICS", 1, true},
    {"runtime.algarray", 1024, false},   {"runtime.gcbits.*", 64, false},
    {"internal/cpu.*", 256, true},       {"runtime.arm64HasATOMICS", 1, true},
    {"runtime.asyncPreempt", 8, false},  {"runtime.defaultGOROOT.str", 16, false},
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
  uint32_t hash = 2166136261u;  // only to be different
  for (char c : name) hash = (hash ^ static_cast<uint8_t>(c)) * 16777619u;
  put(16, hash);
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
    if (b.name == name) return describe(name, kind, b.size, b.align, b.pointers, true, minor);
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

std::optional<SuppliedData> supplied_data(std::string_view name, int minor) {
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
