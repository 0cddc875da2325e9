// A program's file with its DWARF compressed as Go's linker does it since 1.19 (SHF_COMPRESSED) and before
// (.zdebug_*).
#pragma once
#include <elf.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <string>

#include "tests/unit/loader_elf_builder.h"

namespace deferscope::test {

enum class Packing : uint8_t { flagged, renamed };

inline ByteVector deflated(const uint8_t* bytes, size_t size) {
  uLongf n = compressBound(static_cast<uLong>(size));
  ByteVector out(n);
  EXPECT_EQ(compress2(out.data(), &n, bytes, static_cast<uLong>(size), Z_BEST_SPEED), Z_OK);
  out.resize(n);
  return out;
}

// What was compressed stands behind the old end of the file; the headers say so.
inline ByteVector with_compressed_dwarf(ByteVector file, Packing packing) {
  Elf64_Ehdr header;
  std::memcpy(&header, file.data(), sizeof header);
  std::vector<Elf64_Shdr> sections(header.e_shnum);
  std::memcpy(sections.data(), file.data() + header.e_shoff, header.e_shnum * sizeof(Elf64_Shdr));
  const Elf64_Shdr& old_names = sections[header.e_shstrndx];
  std::string names(reinterpret_cast<const char*>(file.data() + old_names.sh_offset), old_names.sh_size);
  for (Elf64_Shdr& s : sections) {
    const std::string name = names.c_str() + s.sh_name;
    if (name.rfind(".debug_", 0) != 0 || s.sh_size == 0) continue;
    const ByteVector packed = deflated(file.data() + s.sh_offset, s.sh_size);
    ByteVector head;
    if (packing == Packing::flagged) {
      put(&head, 0, Elf64_Chdr{ELFCOMPRESS_ZLIB, 0, s.sh_size, s.sh_addralign});
      s.sh_flags |= SHF_COMPRESSED;
    } else {
      put_text(&head, 0, "ZLIB");
      put(&head, 4, __builtin_bswap64(s.sh_size));
      s.sh_name = static_cast<Elf64_Word>(names.size());
      names += ".z" + name.substr(1) + '\0';
    }
    s.sh_offset = file.size(), s.sh_size = head.size() + packed.size();
    file.insert(file.end(), head.begin(), head.end());
    file.insert(file.end(), packed.begin(), packed.end());
  }
  sections[header.e_shstrndx].sh_offset = file.size(), sections[header.e_shstrndx].sh_size = names.size();
  file.insert(file.end(), names.begin(), names.end());
  header.e_shoff = file.size();
  put(&file, 0, header);
  for (const Elf64_Shdr& s : sections) put(&file, file.size(), s);
  return file;
}

}  // namespace deferscope::test
