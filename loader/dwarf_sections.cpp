// Decompression of DWARF: `.zdebug_*` (Go to 1.18), `__zdebug_*` (Darwin, always) and SHF_COMPRESSED (Go 1.19+), all
// zlib.
#include "loader/dwarf_sections.h"

#include <elf.h>
#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>

namespace deferscope::loader {
namespace {

constexpr std::string_view kWanted[] = {"info", "abbrev", "str",      "line_str", "str_offsets", "addr",
                                        "loc",  "ranges", "loclists", "rnglists", "line"};
// All sections of a file together may become so large: a little for anybody, else so many times what they take. Go's
// DWARF becomes three times as large, deflate could do a thousand.
constexpr uint64_t kFree = 64 << 20, kRatio = 32;

// A part as ELF and Mach-O spell it; names of Mach-O have room for 16 bytes.
const Section* section_of(const Image& image, const char* prefix, std::string_view part) {
  return image.section_of({fmt::format(".{}_{}", prefix, part), fmt::format("__{}_{}", prefix, part).substr(0, 16)});
}
const Section* plain_section(const Image& image, std::string_view part) { return section_of(image, "debug", part); }
const Section* packed_section(const Image& image, std::string_view part) { return section_of(image, "zdebug", part); }

// libdwarf reads a little beyond strings that do not end; these zeros stop it.
constexpr size_t kPadding = 64;

void inflate_into(DwarfSection* section, Bytes packed, uint64_t size, uint64_t* room) {
  *room += kRatio * packed.size();
  if (size > *room)
    throw Error(
        fmt::format("corrupt DWARF: {} claims {} bytes from {} compressed ones; {} times as many are read, and {} MiB",
                    section->name, size, packed.size(), kRatio, kFree >> 20));
  *room -= size;
  section->decompressed = std::make_unique<uint8_t[]>(static_cast<size_t>(size) + kPadding);
  uLongf done = static_cast<uLongf>(size);
  int result = uncompress(section->decompressed.get(), &done, packed.data(), static_cast<uLong>(packed.size()));
  if (result != Z_OK || done != size) throw Error(fmt::format("corrupt DWARF: {} does not decompress", section->name));
  section->bytes = {section->decompressed.get(), static_cast<size_t>(size)};
}

// "ZLIB", the size as 8 bytes big-endian, the stream.
void read_zdebug(DwarfSection* section, Bytes bytes, uint64_t* room) {
  auto size = get<uint64_t>(bytes, 4);
  if (!size || std::memcmp(bytes.data(), "ZLIB", 4) != 0)
    throw Error(fmt::format("corrupt DWARF: {} has no compression header", section->name));
  inflate_into(section, bytes.subspan(12), __builtin_bswap64(*size), room);
}

void read_compressed(DwarfSection* section, Bytes bytes, uint64_t* room) {
  auto header = get<Elf64_Chdr>(bytes, 0);
  if (!header) throw Error(fmt::format("corrupt DWARF: {} has no compression header", section->name));
  if (header->ch_type != ELFCOMPRESS_ZLIB)
    throw Error(fmt::format("DWARF section {} has compression type {}; only zlib is supported", section->name,
                            header->ch_type));
  inflate_into(section, bytes.subspan(sizeof *header), header->ch_size, room);
}

std::vector<uint8_t> inflate_start(Bytes packed, size_t size) {
  std::vector<uint8_t> out(size);
  z_stream stream{};
  if (inflateInit(&stream) != Z_OK) return {};
  stream.next_in = const_cast<Bytef*>(packed.data());
  stream.avail_in = static_cast<uInt>(std::min<size_t>(packed.size(), 1 << 16));
  stream.next_out = out.data();
  stream.avail_out = static_cast<uInt>(out.size());
  inflate(&stream, Z_SYNC_FLUSH);  // a bad stream gives fewer bytes
  out.resize(size - stream.avail_out);
  inflateEnd(&stream);
  return out;
}

}  // namespace

bool has_dwarf(const Image& image) { return plain_section(image, "info") || packed_section(image, "info"); }

std::vector<uint8_t> start_of_debug_info(const Image& image) {
  constexpr size_t kSize = 16;
  if (const Section* s = plain_section(image, "info")) {
    size_t header = s->compressed ? sizeof(Elf64_Chdr) : 0;
    if (s->bytes.size() < header) return {};
    Bytes rest = s->bytes.subspan(header);
    if (header) return inflate_start(rest, kSize);
    return {rest.begin(), rest.begin() + static_cast<ptrdiff_t>(std::min(kSize, rest.size()))};
  }
  const Section* s = packed_section(image, "info");
  return s && s->bytes.size() > 12 ? inflate_start(s->bytes.subspan(12), kSize) : std::vector<uint8_t>{};
}

DwarfSections::DwarfSections(const Image& image) {
  uint64_t room = kFree;
  for (std::string_view part : kWanted) {
    DwarfSection section{fmt::format(".debug_{}", part), {}, nullptr};
    if (const Section* plain = plain_section(image, part)) {
      if (plain->compressed)
        read_compressed(&section, plain->bytes, &room);
      else
        section.bytes = plain->bytes;
    } else if (const Section* packed = packed_section(image, part)) {
      read_zdebug(&section, packed->bytes, &room);
    } else {
      continue;
    }
    sections_.push_back(std::move(section));
  }
}

Bytes DwarfSections::get(std::string_view name) const {
  for (const DwarfSection& s : sections_)
    if (s.name == name) return s.bytes;
  return {};
}

}  // namespace deferscope::loader
