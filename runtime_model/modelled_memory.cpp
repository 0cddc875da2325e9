// Memory, strings, slices, interfaces: as much of the runtime as compiled code calls everywhere. Nothing is ever freed.
#include <fmt/format.h>

#include <algorithm>

#include "runtime_model/abi_type.h"
#include "runtime_model/chain.h"
#include "runtime_model/modelled.h"

namespace deferscope::model {
namespace {

// Sizes that the allocator rounds to (src/runtime/sizeclasses.go): they decide a slice's capacity.
constexpr uint16_t kSizes[] = {
    8,    16,   24,   32,    48,    64,    80,    96,    112,   128,   144,   160,   176,   192,   208,   224,   240,
    256,  288,  320,  352,   384,   416,   448,   480,   512,   576,   640,   704,   768,   896,   1024,  1152,  1280,
    1408, 1536, 1792, 2048,  2304,  2688,  3072,  3200,  3456,  4096,  4864,  5120,  5376,  6144,  6528,  6784,  6912,
    8192, 9472, 9728, 10240, 10880, 12288, 13568, 14336, 16384, 18432, 19072, 20480, 21760, 24576, 27264, 28672, 32768};
constexpr uint64_t kPage = 8192;

uint64_t rounded(uint64_t size, int minor) {
  for (uint16_t s : kSizes)
    if (s >= size && !(s == 24 && minor < 15)) return s;
  return (size + kPage - 1) / kPage * kPage;
}

uint64_t size_of(const ModelledCall& c, uint64_t type) { return c.word_at(type); }

void copy(ModelledCall& c, uint64_t to, uint64_t from, uint64_t n) {
  if (n) c.put_bytes(to, c.bytes_at(from, n));
}

void newobject(ModelledCall& c) { c.result(c.allocate(size_of(c, c.word()))); }

void mallocgc(ModelledCall& c) {
  const uint64_t size = c.word();
  c.word();  // its type
  c.byte();  // whether to be zeroed
  c.result(c.allocate(size));
}

// --- values in interfaces ---

void conv(ModelledCall& c) {
  const uint64_t type = c.word(), from = c.word(), n = size_of(c, type), at = c.allocate(n);
  copy(c, at, from, n);
  c.result(at);
}

// To 1.12 and of some types later: the interface, not only its word.
void conv_whole(ModelledCall& c) {
  const uint64_t type = c.word(), from = c.word(), n = size_of(c, type), at = c.allocate(n);
  copy(c, at, from, n);
  c.result(type);
  c.result(at);
}

void conv16(ModelledCall& c) {
  const uint64_t v = c.quarter(), at = c.allocate(8);
  c.put(at, v);
  c.result(at);
}
void conv32(ModelledCall& c) {
  const uint64_t v = c.half(), at = c.allocate(8);
  c.put(at, v);
  c.result(at);
}
void conv64(ModelledCall& c) {
  const uint64_t v = c.word(), at = c.allocate(8);
  c.put(at, v);
  c.result(at);
}
template <unsigned words>
void conv_words(ModelledCall& c) {
  uint64_t v[words];
  for (uint64_t& w : v) w = c.word();
  const uint64_t at = c.allocate(8 * words);
  for (unsigned i = 0; i < words; ++i) c.put(at + 8 * i, v[i]);
  c.result(at);
}

// 1.11: convT2Exx(type, value) and convT2Ixx(itab, value) give an interface; of strings and slices, and of all types
// that have no function of their own, the value's address is passed (runtime/iface.go, cmd/compile's convFuncName).
template <unsigned size>
void conv_to_interface(ModelledCall& c) {
  const uint64_t type = c.word(), v = size == 2 ? c.quarter() : size == 4 ? c.half() : c.word(), at = c.allocate(8);
  c.put(at, v, size);
  c.result(type);
  c.result(at);
}
template <unsigned size>
void conv_from(ModelledCall& c) {
  const uint64_t type = c.word(), from = c.word(), at = c.allocate(size);
  copy(c, at, from, size);
  c.result(type);
  c.result(at);
}
void conv_of_itab(ModelledCall& c) {
  constexpr uint64_t kType = 8;  // runtime.itab's _type
  const uint64_t itab = c.word(), from = c.word(), n = size_of(c, c.word_at(itab + kType)), at = c.allocate(n);
  copy(c, at, from, n);
  c.result(itab);
  c.result(at);
}

// --- which interfaces a type has ---

// The types of errors that the modelled runtime makes have methods that nobody can call; all others say how many.
bool without_methods(const ModelledCall& c, uint64_t type) {
  using namespace abi;
  constexpr uint64_t kMethods = 4;  // abi.UncommonType.Mcount
  uint8_t flags = 0, kind = 0;
  uint16_t methods = 0;
  c.guest().read(type + kTflag, &flags, 1);
  c.guest().read(type + kKind, &kind, 1);
  const std::string name = type_name(c.guest(), type);
  if (name.starts_with("runtime.") || name.starts_with("*runtime.")) return false;
  if (!(flags & kTflagUncommon)) return true;
  // The methods' table lies behind the type's own description, which is as long as its kind wants (abi.Type).
  uint64_t size = 48;
  switch (kind & kKindMask) {
    case kArray: size = 72; break;
    case kChan: size = 64; break;
    case kFunc:
    case kPointer:
    case kSlice: size = 56; break;
    case kInterface:
    case kStruct: size = 80; break;
    case kMap: return false;
    default: break;
  }
  return c.guest().read(type + size + kMethods, &methods, 2) && methods == 0;
}

void need_no_methods(const ModelledCall& c, uint64_t type) {
  if (type && !without_methods(c, type))
    c.unsupported(fmt::format("whether {} has an interface's methods is not modelled", type_name(c.guest(), type)));
}

// x.(interface), ok: to 1.16 with an ok of its own.
void assert_e2i2(ModelledCall& c) {
  c.word();
  const uint64_t type = c.word();
  c.word();
  need_no_methods(c, type);
  c.result(0);
  c.result(0);
  if (c.minor() <= 16) c.result(0, 1);
}

// 1.22+: abi.InterfaceSwitch {Cache; NCases; Cases} and abi.TypeAssert {Cache, Inter; CanFail}.
void interface_switch(ModelledCall& c) {
  const uint64_t cases = c.word_at(c.word() + 8);
  need_no_methods(c, c.word());
  c.result(cases);
  c.result(0);
}

void type_assert(ModelledCall& c) {
  const uint64_t assertion = c.word(), type = c.word();
  need_no_methods(c, type);
  if (!(c.word_at(assertion + 16) & 0xff)) c.unsupported("an assertion that fails");
  c.result(0);
}

// --- slices ---

void makeslice(ModelledCall& c) {
  const uint64_t type = c.word(), n = c.word(), cap = c.word(), size = size_of(c, type);
  if (size && cap > (uint64_t{1} << 40) / size)
    c.unsupported(fmt::format("a slice of {} elements", static_cast<int64_t>(cap)));
  const uint64_t at = c.allocate(size * cap);
  c.result(at);
  if (c.info().version.text == "go1.11") {  // gives the slice
    c.result(n);
    c.result(cap);
  }
}

void makeslicecopy(ModelledCall& c) {
  const uint64_t type = c.word(), n = c.word(), from_n = c.word(), from = c.word(), size = size_of(c, type);
  const uint64_t at = c.allocate(size * n);
  copy(c, at, from, size * std::min(n, from_n));
  c.result(at);
}

uint64_t grown(uint64_t cap, uint64_t needed, int minor) {
  const uint64_t twice = 2 * cap;
  if (needed > twice) return needed;
  const uint64_t small = minor >= 18 ? 256 : 1024;
  if (cap < small) return std::max<uint64_t>(twice, needed);
  while (cap < needed) cap += minor >= 18 ? (cap + 3 * small) / 4 : cap / 4;
  return cap;
}

void grow(ModelledCall& c, uint64_t type, uint64_t from, uint64_t n, uint64_t cap, uint64_t needed, uint64_t length) {
  const uint64_t size = size_of(c, type);
  uint64_t to = grown(cap, needed, c.minor());
  if (size && to > (uint64_t{1} << 40) / size)
    c.unsupported(fmt::format("a slice of {} elements", static_cast<int64_t>(to)));
  if (size) to = rounded(to * size, c.minor()) / size;
  const uint64_t at = c.allocate(to * size);
  copy(c, at, from, n * size);
  c.result(at);
  c.result(length);
  c.result(to);
}

// To 1.19 (type, old, cap) with the old length, from 1.20 on (pointer, length, cap, added, type).
void growslice(ModelledCall& c) {
  if (c.minor() <= 19) {
    const uint64_t type = c.word(), from = c.word(), n = c.word(), cap = c.word(), needed = c.word();
    return grow(c, type, from, n, cap, needed, n);
  }
  const uint64_t from = c.word(), length = c.word(), cap = c.word(), added = c.word(), type = c.word();
  grow(c, type, from, length - added, cap, length, length);
}

// --- bytes ---

void memmove(ModelledCall& c) {
  const uint64_t to = c.word(), from = c.word(), n = c.word();
  copy(c, to, from, n);
}

void clear(ModelledCall& c) {
  const uint64_t at = c.word(), n = c.word();
  c.bytes_at(at, n);
  c.put_bytes(at, std::string(n, '\0'));
}

void typedmemmove(ModelledCall& c) {
  const uint64_t type = c.word(), to = c.word(), from = c.word();
  copy(c, to, from, size_of(c, type));
}

void typedmemclr(ModelledCall& c) {
  const uint64_t type = c.word(), at = c.word();
  c.put_bytes(at, std::string(size_of(c, type), '\0'));
}

void memequal(ModelledCall& c) {
  const uint64_t a = c.word(), b = c.word(), n = c.word();
  c.result(a == b || c.bytes_at(a, n) == c.bytes_at(b, n), 1);
}
template <unsigned size>
void memequal_sized(ModelledCall& c) {
  const uint64_t a = c.word(), b = c.word();
  c.result(a == b || c.bytes_at(a, size) == c.bytes_at(b, size), 1);
}

void strequal(ModelledCall& c) {
  const uint64_t a = c.word(), b = c.word();
  c.result(c.bytes_at(c.word_at(a), c.word_at(a + 8)) == c.bytes_at(c.word_at(b), c.word_at(b + 8)), 1);
}

void cmpstring(ModelledCall& c) {
  const std::string a = c.string(), b = c.string();
  const int order = a.compare(b);
  c.result(static_cast<uint64_t>(int64_t{order < 0 ? -1 : order > 0}));
}

// --- strings ---

void text_result(ModelledCall& c, std::string_view text) {
  const uint64_t at = c.allocate(text.size());
  c.put_bytes(at, text);
  c.result(at);
  c.result(text.size());
}

template <unsigned n>
void concat(ModelledCall& c) {
  c.word();  // room of the caller's
  std::string out;
  for (unsigned i = 0; i < n; ++i) out += c.string();
  text_result(c, out);
}

void concatstrings(ModelledCall& c) {
  c.word();
  const uint64_t at = c.word(), n = c.word();
  c.word();
  std::string out;
  for (uint64_t i = 0; i < std::min<uint64_t>(n, 1 << 20); ++i)
    out += c.bytes_at(c.word_at(at + 16 * i), c.word_at(at + 16 * i + 8));
  text_result(c, out);
}

// To 1.14 (room, slice), then (room, pointer, length).
void slicebytetostring(ModelledCall& c) {
  c.word();
  const uint64_t at = c.word(), n = c.word();
  if (c.minor() <= 14) c.word();
  text_result(c, c.bytes_at(at, n));
}

void stringtoslicebyte(ModelledCall& c) {
  c.word();
  const std::string text = c.string();
  text_result(c, text);
  c.result(text.size());
}

void intstring(ModelledCall& c) {
  c.word();
  uint64_t v = c.word();
  if (v > 0x10ffff || (v >= 0xd800 && v < 0xe000)) v = 0xfffd;
  std::string out;
  if (v < 0x80)
    out = static_cast<char>(v);
  else if (v < 0x800)
    out = {static_cast<char>(0xc0 | v >> 6), static_cast<char>(0x80 | (v & 0x3f))};
  else if (v < 0x10000)
    out = {static_cast<char>(0xe0 | v >> 12), static_cast<char>(0x80 | (v >> 6 & 0x3f)),
           static_cast<char>(0x80 | (v & 0x3f))};
  else
    out = {static_cast<char>(0xf0 | v >> 18), static_cast<char>(0x80 | (v >> 12 & 0x3f)),
           static_cast<char>(0x80 | (v >> 6 & 0x3f)), static_cast<char>(0x80 | (v & 0x3f))};
  text_result(c, out);
}

// --- write barriers: the collector never runs, so its flag is never set; they store all the same ---

void write_barrier(ModelledCall& c) {
  const bool amd64 = c.amd64();
  c.put(c.cpu().r[amd64 ? isa::kRdi : isa::Reg{2}], c.cpu().r[amd64 ? isa::kRax : isa::Reg{3}]);
}

void nothing(ModelledCall&) {}

constexpr ModelledRow kRows[] = {
    {"runtime.newobject", newobject},
    {"runtime.mallocgc*", mallocgc},
    {"runtime.convT", conv},
    {"runtime.convTnoptr", conv},
    {"runtime.convT2E", conv_whole},
    {"runtime.convT2Enoptr", conv_whole},
    {"runtime.convT16", conv16},
    {"runtime.convT32", conv32},
    {"runtime.convT64", conv64},
    {"runtime.convTstring", conv_words<2>},
    {"runtime.convTslice", conv_words<3>},
    {"runtime.convT2E16", conv_to_interface<2>},
    {"runtime.convT2E32", conv_to_interface<4>},
    {"runtime.convT2E64", conv_to_interface<8>},
    {"runtime.convT2Estring", conv_from<16>},
    {"runtime.convT2Eslice", conv_from<24>},
    {"runtime.convT2I", conv_of_itab},
    {"runtime.convT2Inoptr", conv_of_itab},
    {"runtime.convT2I16", conv_to_interface<2>},
    {"runtime.convT2I32", conv_to_interface<4>},
    {"runtime.convT2I64", conv_to_interface<8>},
    {"runtime.convT2Istring", conv_from<16>},
    {"runtime.convT2Islice", conv_from<24>},
    {"runtime.assertE2I2", assert_e2i2},
    {"runtime.interfaceSwitch", interface_switch},
    {"runtime.typeAssert", type_assert},
    {"runtime.makeslice", makeslice},
    {"runtime.makeslice64", makeslice},
    {"runtime.makeslicecopy", makeslicecopy},
    {"runtime.growslice", growslice},
    {"runtime.memmove", memmove},
    {"runtime.memclrNoHeapPointers", clear},
    {"runtime.memclrHasPointers", clear},
    {"runtime.typedmemmove", typedmemmove},
    {"runtime.wbMove", typedmemmove},
    {"runtime.typedmemclr", typedmemclr},
    {"runtime.wbZero", typedmemclr},
    {"runtime.memequal", memequal},
    {"runtime.memequal8", memequal_sized<1>},
    {"runtime.memequal16", memequal_sized<2>},
    {"runtime.memequal32", memequal_sized<4>},
    {"runtime.memequal64", memequal_sized<8>},
    {"runtime.memequal128", memequal_sized<16>},
    {"runtime.strequal", strequal},
    {"runtime.cmpstring", cmpstring},
    {"runtime.concatstring2", concat<2>},
    {"runtime.concatstring3", concat<3>},
    {"runtime.concatstring4", concat<4>},
    {"runtime.concatstring5", concat<5>},
    {"runtime.concatstrings", concatstrings},
    {"runtime.slicebytetostring", slicebytetostring},
    {"runtime.stringtoslicebyte", stringtoslicebyte},
    {"runtime.intstring", intstring},
    {"runtime.gcWriteBarrier", write_barrier},
    {"runtime.KeepAlive", nothing},
    {"runtime.GC", nothing},
    {"runtime.Gosched", nothing},
    {"*.init", nothing},  // of packages that are not in the listing
};

}  // namespace

std::span<const ModelledRow> modelled_memory() { return kRows; }

}  // namespace deferscope::model
