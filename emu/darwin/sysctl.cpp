// sysctl: one row a value, by name and, where it has one, by number.
#include <algorithm>
#include <cstring>

#include "emu/darwin/call.h"

namespace deferscope::emu::darwin {
namespace {

// What a row gives: the bytes that a caller finds.
using Value = std::string (*)(const State& s);

template <class T>
std::string word(T x) {
  return {reinterpret_cast<const char*>(&x), sizeof x};
}
std::string text(const char* s) { return {s, std::strlen(s) + 1}; }

template <uint32_t bit>
std::string feature(const State& s) {
  return word<int32_t>((s.options->cpu->features & bit) != 0);
}
template <int32_t value>
std::string constant(const State&) {
  return word<int32_t>(value);
}
std::string cpus(const State& s) { return word<int32_t>(static_cast<int32_t>(s.options->cpus)); }

// x86-64's CPUID leaf 7, EBX.
bool leaf7(const State& s, unsigned bit) { return s.options->cpu->cpuid(7, 0).ebx >> bit & 1; }
bool leaf1(const State& s, unsigned bit) { return s.options->cpu->cpuid(1, 0).ecx >> bit & 1; }

struct Row {
  const char* name;
  int top, second;  // the number; -1: by name only
  Value value;
  const char* isa = "";
};

constexpr int kKern = 1, kHw = 6;

// clang-format off
constexpr Row kRows[] = {
    {"kern.ostype", kKern, 1, [](const State&) { return text("Darwin"); }},
    {"kern.osrelease", kKern, 2, [](const State&) { return text("23.6.0"); }},  // macOS 14.6
    {"kern.version", kKern, 4, [](const State&) { return text("Darwin Kernel Version 23.6.0"); }},
    {"kern.maxfiles", kKern, 7, constant<122880>},
    {"kern.argmax", kKern, 8, constant<1 << 20>},
    {"kern.hostname", kKern, 10, [](const State&) { return text("deferscope"); }},
    {"kern.ngroups", kKern, 18, constant<16>},
    {"kern.maxfilesperproc", kKern, 29, constant<61440>},
    {"kern.osversion", kKern, 65, [](const State&) { return text("23G80"); }},
    {"kern.osproductversion", kKern, -1, [](const State&) { return text("14.6"); }},
    {"kern.ipc.somaxconn", kKern, -1, constant<128>},
    {"hw.machine", kHw, 1, [](const State& s) { return text(s.amd64() ? "x86_64" : "arm64"); }},
    {"hw.model", kHw, 2, [](const State&) { return text("deferscope"); }},
    {"hw.ncpu", kHw, 3, cpus},
    {"hw.byteorder", kHw, 4, constant<1234>},
    {"hw.pagesize", kHw, 7, [](const State& s) { return word(static_cast<int32_t>(s.page())); }},
    {"hw.memsize", kHw, 24, [](const State& s) { return word(s.options->max_memory); }},
    {"hw.availcpu", kHw, 25, cpus},
    {"hw.activecpu", kHw, -1, cpus},
    {"hw.logicalcpu", kHw, -1, cpus},
    {"hw.logicalcpu_max", kHw, -1, cpus},
    {"hw.physicalcpu", kHw, -1, cpus},
    {"hw.physicalcpu_max", kHw, -1, cpus},
    {"hw.cachelinesize", kHw, -1, [](const State& s) { return word(int64_t{s.amd64() ? 64 : 128}); }},
    {"hw.cpufrequency", kHw, -1, [](const State&) { return word(int64_t{isa::kCounterFrequency}); }},
    {"hw.tbfrequency", kHw, -1, [](const State&) { return word(int64_t{isa::kCounterFrequency}); }},
    {"hw.optional.arm64", kHw, -1, constant<1>, "arm64"},
    {"hw.optional.floatingpoint", kHw, -1, constant<1>},
    {"hw.optional.neon", kHw, -1, constant<1>, "arm64"},
    {"hw.optional.AdvSIMD", kHw, -1, constant<1>, "arm64"},
    {"hw.optional.armv8_crc32", kHw, -1, feature<isa::feature::CRC32>, "arm64"},
    {"hw.optional.armv8_1_atomics", kHw, -1, feature<isa::feature::ATOMICS>, "arm64"},
    {"hw.optional.arm.FEAT_LSE", kHw, -1, feature<isa::feature::ATOMICS>, "arm64"},
    {"hw.optional.arm.FEAT_CRC32", kHw, -1, feature<isa::feature::CRC32>, "arm64"},
    {"hw.optional.arm.FEAT_AES", kHw, -1, feature<isa::feature::AES>, "arm64"},
    {"hw.optional.arm.FEAT_PMULL", kHw, -1, feature<isa::feature::PMULL>, "arm64"},
    {"hw.optional.arm.FEAT_SHA1", kHw, -1, feature<isa::feature::SHA1>, "arm64"},
    {"hw.optional.arm.FEAT_SHA256", kHw, -1, feature<isa::feature::SHA2>, "arm64"},
    {"hw.optional.armv8_2_sha512", kHw, -1, feature<isa::feature::SHA512>, "arm64"},
    {"hw.optional.armv8_2_sha3", kHw, -1, feature<isa::feature::SHA3>, "arm64"},
    {"hw.optional.arm.FEAT_SHA512", kHw, -1, feature<isa::feature::SHA512>, "arm64"},
    {"hw.optional.arm.FEAT_SHA3", kHw, -1, feature<isa::feature::SHA3>, "arm64"},
    {"hw.optional.arm.FEAT_DIT", kHw, -1, constant<0>, "arm64"},
    {"hw.optional.arm.FEAT_SB", kHw, -1, constant<0>, "arm64"},
    {"hw.optional.sse4_2", kHw, -1, [](const State& s) { return word<int32_t>(leaf1(s, 20)); }, "amd64"},
    {"hw.optional.aes", kHw, -1, [](const State& s) { return word<int32_t>(leaf1(s, 25)); }, "amd64"},
    {"hw.optional.avx1_0", kHw, -1, [](const State& s) { return word<int32_t>(leaf1(s, 28)); }, "amd64"},
    {"hw.optional.avx2_0", kHw, -1, [](const State& s) { return word<int32_t>(leaf7(s, 5)); }, "amd64"},
    {"hw.optional.avx512f", kHw, -1, [](const State& s) { return word<int32_t>(leaf7(s, 16)); }, "amd64"},
    {"hw.optional.x86_64", kHw, -1, constant<1>, "amd64"},
};
// clang-format on

// Numbers of rows that have none of their own: what name-to-number translation gives, and takes back.
constexpr int kFirstOwnNumber = 1000;

bool has(const State& s, const Row& row) {
  return row.isa[0] == '\0' || std::string_view(row.isa) == (s.amd64() ? "amd64" : "arm64");
}

int second_of(const Row& row) {
  return row.second >= 0 ? row.second : kFirstOwnNumber + static_cast<int>(&row - kRows);
}

template <class Is>
const Row* find_row(const State& s, Is is) {
  for (const Row& row : kRows)
    if (has(s, row) && is(row)) return &row;
  return nullptr;
}

// Gives `value` as sysctl does: NOMEM and as much as fits where there is too little room.
Result put_value(Call& c, const std::string& value, uint64_t at, uint64_t size_at) {
  uint64_t room = 0;
  if (size_at == 0) return at == 0 ? kOk : Error::FAULT;
  if (!c.get(size_at, room)) return Error::FAULT;
  const uint64_t n = at == 0 ? value.size() : std::min<uint64_t>(room, value.size());
  if (at != 0 && !c.memory().write(at, value.data(), n)) return Error::FAULT;
  if (!c.put(size_at, n)) return Error::FAULT;
  return n < value.size() ? Error::NOMEM : kOk;
}

Result give_row(Call& c, const Row* row, uint64_t at, uint64_t size_at, uint64_t new_value) {
  if (!row) return Error::NOENT;
  if (new_value != 0) return Error::PERM;
  return put_value(c, row->value(c.s), at, size_at);
}

// The number of the value whose name is "written" to 0.3.
Result translate_name(Call& c, uint64_t name_at, uint64_t size) {
  std::string name(std::min<uint64_t>(size, 256), '\0');
  if (!c.memory().read(name_at, name.data(), name.size())) return Error::FAULT;
  name = name.c_str();
  const Row* row = find_row(c.s, [&](const Row& r) { return name == r.name; });
  if (!row) return Error::NOENT;
  const int32_t number[2] = {row->top, second_of(*row)};
  return put_value(c, {reinterpret_cast<const char*>(number), sizeof number}, c.a[2], c.a[3]);
}

}  // namespace

// sysctl(mib, count, old, &oldlen, new, newlen)
Result imp_sysctl(Call& c) {
  constexpr uint32_t kMaxName = 12;
  int32_t mib[kMaxName] = {};
  const uint32_t count = c.u32(1);
  if (count < 2 || count > kMaxName) return Error::INVAL;
  if (!c.memory().read(c.a[0], mib, count * 4)) return Error::FAULT;
  if (mib[0] == 0 && mib[1] == 3) return translate_name(c, c.a[4], c.a[5]);
  const Row* row =
      count == 2 ? find_row(c.s, [&](const Row& r) { return r.top == mib[0] && second_of(r) == mib[1]; }) : nullptr;
  return give_row(c, row, c.a[2], c.a[3], c.a[4]);
}

Result imp_sysctlbyname(Call& c) {
  std::string name;
  if (!c.memory().read_string(c.a[0], name, 256)) return Error::FAULT;
  const Row* row = find_row(c.s, [&](const Row& r) { return name == r.name; });
  return give_row(c, row, c.a[1], c.a[2], c.a[3]);
}

Result imp_sysctlnametomib(Call& c) {
  std::string name;
  uint64_t room = 0;
  if (!c.memory().read_string(c.a[0], name, 256) || !c.get(c.a[2], room)) return Error::FAULT;
  const Row* row = find_row(c.s, [&](const Row& r) { return name == r.name; });
  if (!row) return Error::NOENT;
  if (room < 2) return Error::NOMEM;
  const int32_t number[2] = {row->top, second_of(*row)};
  return c.memory().write(c.a[1], number, sizeof number) && c.put(c.a[2], uint64_t{2}) ? kOk : Error::FAULT;
}

}  // namespace deferscope::emu::darwin
