// Builds small Mach-O files byte by byte, so that tests say exactly what is in them.
#pragma once
#include "loader/macho_format.h"
#include "tests/unit/loader_elf_builder.h"

namespace deferscope::test {

namespace mach = loader::mach;

inline void name16(char (&to)[16], const char* name) { std::strncpy(to, name, sizeof to); }

// A file with the load commands given; the caller puts the contents behind them.
struct MachOBuilder {
  mach::Header header{0xfeedfacf, mach::kCpuX86_64, 3, mach::kExecute, 0, 0, 0x85, 0};
  std::vector<ByteVector> commands;
  ByteVector contents;  // the whole file; header and commands are written over its beginning

  // Adds a command; its size is that of `value` and what stands behind it.
  template <class T>
  MachOBuilder& command(uint32_t cmd, T value, const ByteVector& behind = {}) {
    value.cmd = cmd;
    value.cmdsize = static_cast<uint32_t>(sizeof value + behind.size());
    ByteVector bytes;
    put(&bytes, 0, value);
    bytes.insert(bytes.end(), behind.begin(), behind.end());
    commands.push_back(bytes);
    return *this;
  }
  MachOBuilder& segment(const char* name, uint64_t vmaddr, uint64_t vmsize, uint64_t fileoff, uint64_t filesize,
                        uint32_t prot, const std::vector<mach::SectionHeader>& sections = {}, uint32_t flags = 0) {
    mach::SegmentCommand s{};
    name16(s.segname, name);
    s.vmaddr = vmaddr, s.vmsize = vmsize, s.fileoff = fileoff, s.filesize = filesize;
    s.maxprot = s.initprot = prot;
    s.nsects = static_cast<uint32_t>(sections.size());
    s.flags = flags;
    ByteVector behind;
    for (size_t i = 0; i < sections.size(); i++) put(&behind, i * sizeof sections[i], sections[i]);
    return command(0x19, s, behind);
  }
  MachOBuilder& library(const std::string& name, uint32_t cmd = 0x0c) {
    mach::DylibCommand d{};
    d.name_offset = sizeof d;
    ByteVector text(name.begin(), name.end());
    text.resize((text.size() + 8) / 8 * 8);
    return command(cmd, d, text);
  }
  MachOBuilder& main(uint64_t entry, uint64_t stack = 0) {
    return command(0x80000028, mach::EntryPointCommand{0, 0, entry, stack});
  }

  ByteVector build() const {
    ByteVector file = contents;
    mach::Header h = header;
    size_t at = sizeof h;
    for (const ByteVector& c : commands) {
      if (file.size() < at + c.size()) file.resize(at + c.size());
      std::copy(c.begin(), c.end(), file.begin() + static_cast<ptrdiff_t>(at));
      at += c.size();
    }
    if (h.ncmds == 0) h.ncmds = static_cast<uint32_t>(commands.size());
    if (h.sizeofcmds == 0) h.sizeofcmds = static_cast<uint32_t>(at - sizeof h);
    put(&file, 0, h);
    return file;
  }
};

inline mach::SectionHeader section(const char* name, const char* segment, uint64_t addr, uint64_t size, uint32_t offset,
                                   uint32_t flags = 0, uint32_t reserved1 = 0) {
  mach::SectionHeader s{};
  name16(s.sectname, name), name16(s.segname, segment);
  s.addr = addr, s.size = size, s.offset = offset, s.flags = flags, s.reserved1 = reserved1;
  return s;
}

constexpr uint64_t kText = 0x100000000, kData = 0x100004000;  // of small_macho
constexpr uint32_t kSmallLinkedit = 0x1100;                   // file offset of what __LINKEDIT holds

// Code at 0x100000000 with the entry at +0x800, data at 0x100004000 of 0x100 file bytes and 0x300 in memory, and a
// __LINKEDIT of 0x400 bytes. Segments as bind opcodes count them: 0 __PAGEZERO, 1 __TEXT, 2 __DATA, 3 __LINKEDIT.
inline MachOBuilder small_macho(uint32_t cpu = mach::kCpuX86_64, const std::vector<mach::SectionHeader>& data = {}) {
  MachOBuilder b;
  b.header.cputype = cpu;
  if (cpu == mach::kCpuArm64) b.header.cpusubtype = 0;
  b.contents.resize(0x1500);
  for (size_t i = 0x1000; i < 0x1100; i++) b.contents[i] = static_cast<uint8_t>(i);
  b.segment("__PAGEZERO", 0, kText, 0, 0, 0);
  b.segment("__TEXT", kText, 0x4000, 0, 0x1000, 5,
            {section("__text", "__TEXT", kText + 0x800, 0x800, 0x800, 0x80000400)});
  b.segment("__DATA", kData, 0x300, 0x1000, 0x100, 3, data);
  b.segment("__LINKEDIT", 0x100008000, 0x4000, kSmallLinkedit, 0x400, 1);
  b.main(0x800);
  return b;
}

// Puts a table into __LINKEDIT and says where.
inline uint32_t place(MachOBuilder* b, uint32_t at, const ByteVector& bytes) {
  std::copy(bytes.begin(), bytes.end(), b->contents.begin() + kSmallLinkedit + at);
  return kSmallLinkedit + at;
}

// Chained fixups: one page of __DATA (segment 2 of 4) with a chain of three words from +0x10 on.
struct ChainFile {
  uint16_t format = mach::kPointer64Offset, page_size = 0x4000, start = 0x10;
  uint64_t segment_offset = kData - kText;
  uint32_t imports_format = 1, names_format = 0;
  uint64_t first = 0x900 | uint64_t{0x12} << 36 | uint64_t{2} << 51;                // rebase; next 8 bytes on
  uint64_t second = uint64_t{1} << 63 | uint64_t{4} << 51 | uint64_t{7} << 24 | 1;  // bind 1, addend 7; next 16 on
  uint64_t third = uint64_t{1} << 63;                                               // bind 0; the end
  MachOBuilder builder() const {
    MachOBuilder b = small_macho(mach::kCpuArm64);
    b.header.flags |= mach::kPie;
    b.library("/usr/lib/libSystem.B.dylib");
    put(&b.contents, 0x1010, first), put(&b.contents, 0x1018, second), put(&b.contents, 0x1028, third);
    ByteVector t;
    put(&t, 0, mach::ChainedHeader{0, 0x20, 0x60, 0xa0, 2, imports_format, names_format});
    put(&t, 0x20, uint32_t{4});          // segments
    put(&t, 0x20 + 12, uint32_t{0x18});  // of the third
    mach::ChainedStarts starts{24, page_size, format, segment_offset, 0, 1};
    put(&t, 0x38, starts), put(&t, 0x38 + sizeof starts, start);
    const uint64_t libraries[] = {1, 0xfe | 0x100};  // the first; −2, weak
    for (size_t i = 0; i < 2; i++) {
      const uint64_t name = i == 0 ? 1 : 8;
      if (imports_format == 3) {
        put(&t, 0x60 + 16 * i, (i ? uint64_t{0x1fffe} : uint64_t{1}) | name << 32),
            put(&t, 0x68 + 16 * i, int64_t{-40});
      } else {
        const size_t width = imports_format == 2 ? 8 : 4;
        put(&t, 0x60 + width * i, static_cast<uint32_t>(libraries[i] | name << 9));
        if (width == 8) put(&t, 0x64 + width * i, int32_t{-3});
      }
    }
    put_text(&t, 0xa1, "_write"), put_text(&t, 0xa8, "_perhaps");
    mach::LinkeditDataCommand c{0, 0, place(&b, 0, t), static_cast<uint32_t>(t.size())};
    return b.command(0x80000034, c);
  }
};

inline MachOBuilder chained_macho() { return ChainFile().builder(); }

}  // namespace deferscope::test
