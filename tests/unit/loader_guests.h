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

// How files of programs begin.
inline constexpr std::string_view kElf(
    "\x7f"
    "ELF",
    4),
    kMachO("\xcf\xfa\xed\xfe", 4);

// All files below a folder that begin so, sorted; empty if there is no such folder.
inline std::vector<std::string> files_with(std::string_view magic, const std::filesystem::path& root) {
  namespace fs = std::filesystem;
  std::vector<std::string> files;
  std::error_code none;
  for (auto i = fs::recursive_directory_iterator(root, none); i != fs::recursive_directory_iterator();
       i.increment(none)) {
    if (!i->is_regular_file(none)) continue;
    char start[4] = {};
    std::ifstream(i->path(), std::ios::binary).read(start, 4);
    if (std::string_view(start, 4) == magic) files.push_back(i->path().string());
  }
  std::sort(files.begin(), files.end());
  return files;
}

inline std::vector<std::string> elf_files(const std::filesystem::path& root) { return files_with(kElf, root); }

// Those below DEFERSCOPE_GUESTS (environment, else CMake's variable). For tests that look for a certain guest.
inline std::vector<std::string> all_guest_files(std::string_view magic = kElf) {
  const char* from_environment = std::getenv("DEFERSCOPE_GUESTS");
  return files_with(magic, from_environment ? from_environment : DEFERSCOPE_GUESTS_DEFAULT);
}

#ifdef __SANITIZE_ADDRESS__
inline constexpr size_t kSanitized = 4;  // by how much less of what takes long is done
#else
inline constexpr size_t kSanitized = 1;
#endif

// Instrumented code is ten times as slow: under the sanitizers tests take the core guests of one release for each
// mechanism of defer and release ABI, by turns for both instruction sets. In Release they take all.
inline bool in_sanitizers_sample([[maybe_unused]] const std::string& name) {
#ifdef __SANITIZE_ADDRESS__
  constexpr std::array<std::string_view, 9> kSample = {
      "_1.12.17_linux_amd64_",  "_1.13.15_linux_amd64_", "_1.13.15_linux_arm64_",
      "_1.17.13_linux_amd64_",  "_1.20.7_linux_arm64_",  "_1.27.4_linux_amd64_",
      "_1.12.17_darwin_amd64_", "_1.20.7_darwin_arm64_", "_1.27.4_darwin_amd64_"};
  return std::any_of(kSample.begin(), kSample.end(), [&](auto part) { return name.find(part) != std::string::npos; });
#else
  return true;
#endif
}

// For tests that run over all of them.
inline std::vector<std::string> guest_files(std::string_view magic = kElf) {
  std::vector<std::string> files = all_guest_files(magic);
  if (!std::getenv("DEFERSCOPE_GUESTS"))
    std::erase_if(files, [](const std::string& path) {
      return !in_sanitizers_sample(std::filesystem::path(path).filename().string());
    });
  return files;
}

// Both formats.
inline std::vector<std::string> program_files() {
  std::vector<std::string> files = guest_files(), mach = guest_files(kMachO);
  files.insert(files.end(), mach.begin(), mach.end());
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
// The same with those for macOS.
#define DEFERSCOPE_NEED_PROGRAMS(files)                               \
  std::vector<std::string> files = deferscope::test::program_files(); \
  if (files.empty()) GTEST_SKIP() << "no guests: set DEFERSCOPE_GUESTS to a folder of Go programs"
