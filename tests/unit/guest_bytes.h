// Changed copies of guests: without symbols and DWARF, or with another version in their build info.
#pragma once
#include <cstring>
#include <string>
#include <vector>

#include "loader/image.h"
#include "tests/unit/loader_guests.h"

namespace deferscope::test {

template <class T>
T& at(std::vector<uint8_t>& bytes, uint64_t offset) {
  return *reinterpret_cast<T*>(bytes.data() + offset);
}

// Calls `visit(header offset, name)` for each section of an ELF64 file.
template <class Visit>
void each_section(std::vector<uint8_t>& b, Visit visit) {
  const uint64_t table = at<uint64_t>(b, 0x28);
  const unsigned size = at<uint16_t>(b, 0x3a), n = at<uint16_t>(b, 0x3c), names = at<uint16_t>(b, 0x3e);
  const uint64_t strings = at<uint64_t>(b, table + uint64_t{names} * size + 24);
  for (unsigned i = 0; i < n; ++i) {
    const uint64_t header = table + uint64_t{i} * size;
    visit(header, std::string(reinterpret_cast<const char*>(b.data() + strings + at<uint32_t>(b, header))));
  }
}

// As the linker's -s -w leave it: the sections of symbols and DWARF are no more. What is loaded stays as it is.
inline std::vector<uint8_t> stripped(std::vector<uint8_t> bytes) {
  each_section(bytes, [&](uint64_t header, const std::string& name) {
    if (name == ".symtab" || name == ".strtab" || name.find("debug") != std::string::npos)
      at<uint64_t>(bytes, header) = 0;  // no name, SHT_NULL
  });
  return bytes;
}

// go1.18+ (version inline in the build info): with `version` in its place, and no module info.
inline std::vector<uint8_t> with_version(std::vector<uint8_t> bytes, const std::string& version) {
  each_section(bytes, [&](uint64_t header, const std::string& name) {
    if (name != ".go.buildinfo") return;
    const uint64_t text = at<uint64_t>(bytes, header + 24) + 32;
    bytes[text] = static_cast<uint8_t>(version.size());
    std::memcpy(bytes.data() + text + 1, version.data(), version.size());
    bytes[text + 1 + version.size()] = 0;
  });
  return bytes;
}

}  // namespace deferscope::test
