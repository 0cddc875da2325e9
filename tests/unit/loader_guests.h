// The real Go programs that loader tests run over.
#pragma once
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace deferscope::test {

// All ELF files below a folder, sorted; empty if there is no such folder.
inline std::vector<std::string> elf_files(const std::filesystem::path& root) {
  namespace fs = std::filesystem;
  std::vector<std::string> files;
  std::error_code none;
  for (auto i = fs::recursive_directory_iterator(root, none); i != fs::recursive_directory_iterator();
       i.increment(none)) {
    if (!i->is_regular_file(none)) continue;
    char magic[4] = {};
    std::ifstream(i->path(), std::ios::binary).read(magic, 4);
    if (std::string(magic, 4) ==
        "\x7f"
        "ELF")
      files.push_back(i->path().string());
  }
  std::sort(files.begin(), files.end());
  return files;
}

// Those below DEFERSCOPE_GUESTS (environment, else CMake's variable).
inline std::vector<std::string> guest_files() {
  const char* from_environment = std::getenv("DEFERSCOPE_GUESTS");
  return elf_files(from_environment ? from_environment : DEFERSCOPE_GUESTS_DEFAULT);
}

inline std::vector<uint8_t> read_guest(const std::string& path) {
  std::vector<uint8_t> bytes(std::filesystem::file_size(path));
  std::ifstream(path, std::ios::binary)
      .read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  return bytes;
}

}  // namespace deferscope::test

// Binds `files` to the guests, or skips the test visibly.
#define DEFERSCOPE_NEED_GUESTS(files)                               \
  std::vector<std::string> files = deferscope::test::guest_files(); \
  if (files.empty()) GTEST_SKIP() << "no guests: set DEFERSCOPE_GUESTS to a folder of Go programs"
