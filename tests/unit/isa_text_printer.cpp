// Prints what isa/text says, for the oracles in tests/oracle:
//   isa_text_printer amd64|arm64 [compat] [names] < LINES       a line: code in hex; out: size, Go syntax, GNU syntax
#include <iostream>

#include "tests/unit/isa_text_lines.h"

int main(int argc, char** argv) {
  using namespace deferscope::isa;
  Isa isa = Isa::x86_64;
  TextOptions options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "arm64") isa = Isa::arm64;
    if (word == "compat") options.objdump_compat = true;
    if (word == "names") options.asm_names = true;
  }
  for (std::string hex; std::getline(std::cin, hex);) {
    const std::vector<std::uint8_t> code = from_hex(hex);
    const Text go_text = go(isa, code, options), gnu_text = gnu(isa, code, options);
    std::cout << go_text.size.size << '\t' << go_text.text << '\t' << gnu_text.text << '\n';
  }
}
