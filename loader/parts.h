// What a file-format reader (elf.cpp) hands to Image. Internal to the room.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "loader/image.h"

namespace deferscope::loader {

struct Parts {
  isa::Isa isa = isa::Isa::x86_64;
  Os os = Os::linux_;
  uint64_t entry = 0;
  std::vector<Segment> segments;  // bytes point into the file or into `relocated`
  std::vector<std::vector<uint8_t>> relocated;
  std::vector<Section> sections;
  ElfInfo elf;
  std::optional<std::string> not_runnable;
};

// `file` must outlive the parts. `name` for messages. Throws Error.
Parts read_elf(Bytes file, const std::string& name);
// Reads .symtab; called when first asked for. A missing or unusable table gives an empty one.
std::vector<Symbol> read_elf_symbols(const std::vector<Section>& sections, const ElfInfo& elf);

// Finds what makes a program Go's; nullptr and a reason if it is not.
std::unique_ptr<const GoProgram> find_go(const Image& image, std::string* reason);

}  // namespace deferscope::loader
