// A Linux program's segments and DWARF in a Mach-O file, as Go's linker packs them for Darwin: __zdebug_* sections
// whose names have 16 bytes.
#pragma once
#include "tests/unit/loader_compressed.h"
#include "tests/unit/loader_macho_builder.h"

namespace deferscope::test {

// The ELF file stands whole behind the load commands; what is compressed stands behind it.
inline ByteVector as_macho(const ByteVector& elf, bool compressed) {
  constexpr size_t kRoom = 0x4000;  // for the load commands
  Elf64_Ehdr header;
  std::memcpy(&header, elf.data(), sizeof header);
  std::vector<Elf64_Phdr> segments(header.e_phnum);
  std::memcpy(segments.data(), elf.data() + header.e_phoff, header.e_phnum * sizeof(Elf64_Phdr));
  std::vector<Elf64_Shdr> sections(header.e_shnum);
  std::memcpy(sections.data(), elf.data() + header.e_shoff, header.e_shnum * sizeof(Elf64_Shdr));
  const char* names = reinterpret_cast<const char*>(elf.data() + sections[header.e_shstrndx].sh_offset);

  MachOBuilder b;
  b.header.cputype = header.e_machine == EM_AARCH64 ? mach::kCpuArm64 : mach::kCpuX86_64;
  b.contents.resize(kRoom);
  b.contents.insert(b.contents.end(), elf.begin(), elf.end());
  for (const Elf64_Phdr& p : segments)
    if (p.p_type == PT_LOAD)
      b.segment("__SEG", p.p_vaddr, p.p_memsz, kRoom + p.p_offset, p.p_filesz,
                (p.p_flags & PF_R ? 1u : 0u) | (p.p_flags & PF_W ? 2u : 0u) | (p.p_flags & PF_X ? 4u : 0u));
  std::vector<mach::SectionHeader> dwarf;
  for (const Elf64_Shdr& s : sections) {
    const std::string name = names + s.sh_name;
    if (name.rfind(".debug_", 0) != 0 || s.sh_size == 0) continue;
    uint64_t offset = kRoom + s.sh_offset, size = s.sh_size;
    if (compressed) {
      const ByteVector packed = deflated(elf.data() + s.sh_offset, s.sh_size);
      ByteVector head;
      put_text(&head, 0, "ZLIB");
      put(&head, 4, __builtin_bswap64(s.sh_size));
      offset = b.contents.size(), size = head.size() + packed.size();
      b.contents.insert(b.contents.end(), head.begin(), head.end());
      b.contents.insert(b.contents.end(), packed.begin(), packed.end());
    }
    const std::string short_name = (compressed ? "__z" : "__") + name.substr(1);
    dwarf.push_back(
        section(short_name.c_str(), "__DWARF", 0x70000000, size, static_cast<uint32_t>(offset), 0x02000000));
  }
  return b.segment("__DWARF", 0x70000000, 0, kRoom, 0, 0, dwarf).build();
}

}  // namespace deferscope::test
