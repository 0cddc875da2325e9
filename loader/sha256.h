// SHA-256 (FIPS 180-4), to name a binary.
#pragma once
#include <cstdint>
#include <span>
#include <string>

namespace deferscope::loader {

// 64 hex digits. `plain`: without the host's instructions for it.
std::string sha256_hex(std::span<const uint8_t> bytes, bool plain = false);
// Of a file's contents; empty if it cannot be read.
std::string sha256_of_file(const std::string& path);

}  // namespace deferscope::loader
