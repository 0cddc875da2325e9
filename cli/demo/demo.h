// The demo program that deferscope carries: a small Go program, compressed inside this executable.
#pragma once
#include <cstdint>
#include <vector>

namespace deferscope::cli {

// Its file, decompressed. Throws std::runtime_error if the carried bytes are damaged.
std::vector<uint8_t> demo_program();

}  // namespace deferscope::cli
