// The DWARF sections of a file under their standard names, bounded and decompressed. Internal to the room.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "loader/image.h"

namespace deferscope::loader {

// One section, ready to read. `name` is the standard one (".debug_info") also where the file says .zdebug_info or
// __debug_info.
struct DwarfSection {
  std::string name;
  Bytes bytes;
  std::unique_ptr<uint8_t[]> decompressed;  // what bytes points to, if it was compressed
};

class DwarfSections {
 public:
  // Takes the sections that this room reads. Throws Error where one cannot be decompressed.
  explicit DwarfSections(const Image& image);

  const std::vector<DwarfSection>& all() const { return sections_; }
  // Empty if the file has none.
  Bytes get(std::string_view name) const;

 private:
  std::vector<DwarfSection> sections_;
};

bool has_dwarf(const Image& image);
// The first bytes (at most 16) of .debug_info, decompressed; empty if there are none.
std::vector<uint8_t> start_of_debug_info(const Image& image);

}  // namespace deferscope::loader
