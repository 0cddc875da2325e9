// The demo program that deferscope carries: a small Go program, compressed inside this executable.
#pragma once
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace deferscope::cli {

// Its file, decompressed. Throws std::runtime_error if the carried bytes are damaged.
std::vector<uint8_t> demo_program();
// Its source file: the path that the program's tables have for it, and its text.
std::pair<std::string, std::string> demo_source();

}  // namespace deferscope::cli
