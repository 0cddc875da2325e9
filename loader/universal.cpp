// See universal.h. Source: Apple's <mach-o/fat.h>; all numbers are big-endian.
#include "loader/universal.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "loader/error.h"
#include "loader/macho_format.h"

namespace deferscope::loader {
namespace {

constexpr uint32_t kMagic = 0xcafebabe, kMagic64 = 0xcafebabf;
// A Java class file begins with the same magic and its version, which is 45 or more.
constexpr uint64_t kJava = 45;

#if defined(__aarch64__)
constexpr isa::Isa kHost = isa::Isa::arm64;
#else
constexpr isa::Isa kHost = isa::Isa::x86_64;
#endif

struct Slice {
  std::string architecture;
  std::optional<isa::Isa> isa;  // nothing: of a kind that is not read
  Bytes bytes;
};

std::optional<uint64_t> big32(Bytes bytes, uint64_t at) {
  auto n = get<uint32_t>(bytes, at);
  return n ? std::optional<uint64_t>(__builtin_bswap32(*n)) : std::nullopt;
}
std::optional<uint64_t> big64(Bytes bytes, uint64_t at) {
  auto n = get<uint64_t>(bytes, at);
  return n ? std::optional<uint64_t>(__builtin_bswap64(*n)) : std::nullopt;
}

// By CPU type and subtype.
Slice slice_of(uint64_t cpu, uint64_t subtype) {
  if (cpu == mach::kCpuX86_64) return {"amd64", isa::Isa::x86_64, {}};
  if (cpu == mach::kCpuArm64 && (subtype & mach::kSubtypeMask) != mach::kSubtypeArm64e)
    return {"arm64", isa::Isa::arm64, {}};
  if (cpu == mach::kCpuArm64) return {"arm64e", std::nullopt, {}};
  return {fmt::format("cpu {:#x}", cpu), std::nullopt, {}};
}

std::vector<Slice> slices_of(Bytes file, const std::string& name) {
  const bool wide = *big32(file, 0) == kMagic64;
  const auto count = big32(file, 4);
  if (count && !wide && *count >= kJava) throw Error(name + ": a Java class file, not a program");
  if (!count) throw Error(name + ": truncated: only the first bytes of a universal Mach-O header");
  if (*count == 0 || *count >= kJava)
    throw Error(fmt::format("{}: corrupt: a universal file of {} programs", name, *count));
  std::vector<Slice> slices;
  for (uint64_t i = 0; i < *count; i++) {
    const uint64_t at = 8 + i * (wide ? 32 : 20);
    const auto cpu = big32(file, at), subtype = big32(file, at + 4);
    const auto offset = wide ? big64(file, at + 8) : big32(file, at + 8);
    const auto size = wide ? big64(file, at + 16) : big32(file, at + 12);
    if (!cpu || !subtype || !offset || !size)
      throw Error(
          fmt::format("{}: truncated: a universal file of {} programs, whose list is not all there", name, *count));
    Slice s = slice_of(*cpu, *subtype);
    const auto bytes = slice(file, *offset, *size);
    if (!bytes)
      throw Error(fmt::format("{}: truncated: its program for {} lies at {:#x} to {:#x}, the file has {:#x} bytes",
                              name, s.architecture, *offset, *offset + *size, file.size()));
    s.bytes = *bytes;
    slices.push_back(std::move(s));
  }
  return slices;
}

}  // namespace

Chosen choose_program(Bytes file, const std::string& name, std::optional<isa::Isa> isa) {
  const auto magic = big32(file, 0);
  if (magic != kMagic && magic != kMagic64) return {file, {}};
  const std::vector<Slice> slices = slices_of(file, name);
  Chosen chosen;
  for (const Slice& s : slices) chosen.architectures.push_back(s.architecture);
  const auto find = [&](auto fits) { return std::find_if(slices.begin(), slices.end(), fits); };
  auto found = find([&](const Slice& s) { return s.isa == isa.value_or(kHost); });
  if (!isa && found == slices.end()) found = find([](const Slice& s) { return s.isa.has_value(); });
  if (found == slices.end())
    throw Error(fmt::format("{}: a universal file without a program for {}; it has {}", name,
                            isa ? isa::to_string(*isa) : "amd64 or arm64", fmt::join(chosen.architectures, ", ")));
  chosen.bytes = found->bytes;
  return chosen;
}

}  // namespace deferscope::loader
