// The real Go programs that tests run over.
#pragma once
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
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

// Those below DEFERSCOPE_GUESTS (environment, else CMake's variable). For tests that look for a certain guest.
inline std::vector<std::string> all_guest_files() {
  const char* from_environment = std::getenv("DEFERSCOPE_GUESTS");
  return elf_files(from_environment ? from_environment : DEFERSCOPE_GUESTS_DEFAULT);
}

// Instrumented code is ten times as slow: under the sanitizers tests take the core guests of one release for each
// mechanism of defer and release ABI, by turns for both instruction sets. In Release they take all.
inline bool in_sanitizers_sample([[maybe_unused]] const std::string& name) {
#ifdef __SANITIZE_ADDRESS__
  constexpr std::array<std::string_view, 6> kSample = {"_1.12.17_linux_amd64_", "_1.13.15_linux_amd64_",
                                                       "_1.13.15_linux_arm64_", "_1.17.13_linux_amd64_",
                                                       "_1.20.7_linux_arm64_",  "_1.27.4_linux_amd64_"};
  return std::any_of(kSample.begin(), kSample.end(), [&](auto part) { return name.find(part) != std::string::npos; });
#else
  return true;
#endif
}

// For tests that run over all of them.
inline std::vector<std::string> guest_files() {
  std::vector<std::string> files = all_guest_files();
  if (!std::getenv("DEFERSCOPE_GUESTS"))
    std::erase_if(files, [](const std::string& path) {
      return !in_sanitizers_sample(std::filesystem::path(path).filename().string());
    });
  return files;
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
