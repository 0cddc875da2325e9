// What the tests of isa/text share: text of code given as hex, and the lines of tests/unit/data/text_*.tsv.
#pragma once
#include <gtest/gtest.h>

#include <cstdint>
#include <fstream>
#include <span>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "isa/text/text.h"

namespace deferscope::isa {

constexpr std::uint64_t kPc = 0x401000;
constexpr TextOptions kCompat{.objdump_compat = true};

inline std::vector<std::uint8_t> from_hex(std::string_view hex) {
  std::vector<std::uint8_t> bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    bytes.push_back(static_cast<std::uint8_t>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
  return bytes;
}

struct Text {
  TextSize size;
  std::string text;
};

inline Text go(Isa isa, std::span<const std::uint8_t> code, const TextOptions& options,
               const Symbols& symbols = Symbols()) {
  Text t;
  t.size = append_go(isa, code, kPc, symbols, options, t.text);
  return t;
}

inline Text gnu(Isa isa, std::span<const std::uint8_t> code, const TextOptions& options) {
  Text t;
  t.size = append_gnu(isa, code, kPc, t.text, options);
  return t;
}

// One line: code, what Go's decoder says it is (in GNU syntax too), and how many bytes that takes.
struct Line {
  std::string hex, text, gnu;
  std::uint32_t size = 0;
};

inline std::vector<Line> lines_of(const std::string& path) {
  std::ifstream in(path);
  EXPECT_TRUE(in) << path;
  std::vector<Line> lines;
  for (std::string l; std::getline(in, l);) {
    if (l.starts_with('#')) continue;
    std::istringstream cells(l);
    Line made;
    std::string size;
    for (std::string* cell : {&made.hex, &size, &made.text, &made.gnu}) std::getline(cells, *cell, '\t');
    made.size = static_cast<std::uint32_t>(std::stoul(size));
    lines.push_back(made);
  }
  return lines;
}

}  // namespace deferscope::isa
