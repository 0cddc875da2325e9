// The formats that are read, and what is said of files of others.
#include <elf.h>
#include <fmt/format.h>

#include <algorithm>

#include "loader/parts.h"

namespace deferscope::loader {
namespace {

constexpr Format kFormats[] = {
    {{ELFMAG, SELFMAG},
     "an ELF",
     [](Bytes file, const std::string& name, const Beside&) { return read_elf(file, name); },
     read_elf_symbols,
     list_elf_symbols},
    {"\xcf\xfa\xed\xfe", "a Mach-O",
     [](Bytes file, const std::string& name, const Beside&) { return read_macho(file, name); }, read_macho_symbols,
     list_macho_symbols},
};
constexpr Format kListing = {"", "a listing", read_listing, read_listing_symbols, list_listing_symbols};

// Files that are something else get a line that says what.
struct Stranger {
  std::string_view magic;
  const char* what;
};
constexpr Stranger kStrangers[] = {
    {"MZ", "Windows PE files are not supported; build with GOOS=linux"},
    {"\xca\xfe\xba\xbe", "a universal Mach-O file in a universal Mach-O file"},
    {"\xce\xfa\xed\xfe", "a 32-bit Mach-O file; only amd64 and arm64 are supported (GOARCH=amd64 or arm64)"},
    {"\xfe\xed\xfa\xcf", "a big-endian Mach-O file; only amd64 and arm64 are supported"},
    {"\xfe\xed\xfa\xce", "a big-endian Mach-O file; only amd64 and arm64 are supported"},
    {std::string_view("\0asm", 4), "WebAssembly files are not supported; build with GOOS=linux"},
    {"!<arch>\n", "an archive, not a program; link it first (go build)"},
    {"go object ", "a Go object file, not a program; link it first (go build)"},
    {"#!", "a script, not a program"},
};

}  // namespace

const Format& format_of(Bytes file, const std::string& name) {
  const std::string_view text(reinterpret_cast<const char*>(file.data()), std::min<size_t>(file.size(), 64));
  if (text.empty()) throw Error(name + ": the file is empty");
  for (const Format& f : kFormats)
    if (text.starts_with(f.magic)) return f;
  for (const Stranger& s : kStrangers)
    if (text.starts_with(s.magic)) throw Error(name + ": " + s.what);
  for (const Format& f : kFormats)
    if (f.magic.starts_with(text))
      throw Error(fmt::format("{}: truncated: only the first bytes of {} header", name, f.article));
  if (looks_like_listing(file)) return kListing;
  throw Error(name + ": neither an ELF nor a Mach-O file, nor a listing of go tool compile -S");
}

}  // namespace deferscope::loader
