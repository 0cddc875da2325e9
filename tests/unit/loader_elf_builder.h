// Builds small ELF files byte by byte, so that tests say exactly what is in them.
#pragma once
#include <elf.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace deferscope::test {

using ByteVector = std::vector<uint8_t>;

template <class T>
void put(ByteVector* bytes, size_t offset, const T& value) {
  if (bytes->size() < offset + sizeof value) bytes->resize(offset + sizeof value);
  std::memcpy(bytes->data() + offset, &value, sizeof value);
}

inline void put_text(ByteVector* bytes, size_t offset, const std::string& text) {
  if (bytes->size() < offset + text.size() + 1) bytes->resize(offset + text.size() + 1);
  std::memcpy(bytes->data() + offset, text.c_str(), text.size() + 1);
}

// A file with the program headers given; the caller puts the contents behind them.
struct ElfBuilder {
  Elf64_Ehdr header{};
  std::vector<Elf64_Phdr> segments;
  ByteVector contents;  // the whole file; the headers are written over its beginning

  explicit ElfBuilder(uint16_t machine = EM_X86_64, uint16_t type = ET_EXEC) {
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_ident[EI_VERSION] = EV_CURRENT;
    header.e_type = type;
    header.e_machine = machine;
    header.e_version = EV_CURRENT;
    header.e_phoff = sizeof header;
    header.e_ehsize = sizeof header;
    header.e_phentsize = sizeof(Elf64_Phdr);
  }

  ElfBuilder& segment(uint32_t type, uint32_t flags, uint64_t offset, uint64_t vaddr, uint64_t filesz, uint64_t memsz) {
    segments.push_back({type, flags, offset, vaddr, vaddr, filesz, memsz, 4096});
    return *this;
  }

  ByteVector build() const {
    ByteVector file = contents;
    Elf64_Ehdr h = header;
    if (h.e_phnum == 0) h.e_phnum = static_cast<uint16_t>(segments.size());
    put(&file, 0, h);
    for (size_t i = 0; i < segments.size(); i++) put(&file, sizeof h + i * sizeof(Elf64_Phdr), segments[i]);
    return file;
  }
};

// One executable segment at 0x400000 of 4 KiB whose entry is at +0x100, one writable one at 0x500000 with a .bss.
inline ElfBuilder small_elf(uint16_t machine = EM_X86_64) {
  ElfBuilder b(machine);
  b.contents.resize(0x1100);
  for (size_t i = 0x1000; i < 0x1100; i++) b.contents[i] = static_cast<uint8_t>(i);
  b.header.e_entry = 0x400100;
  b.segment(PT_LOAD, PF_R | PF_X, 0, 0x400000, 0x1000, 0x1000);
  b.segment(PT_LOAD, PF_R | PF_W, 0x1000, 0x500000, 0x100, 0x300);
  return b;
}

}  // namespace deferscope::test
