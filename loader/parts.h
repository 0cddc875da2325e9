// What a file-format reader (elf.cpp, macho.cpp) hands to Image. Internal to the room.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "loader/image.h"
#include "loader/listing.h"

namespace deferscope::loader {

// Mach-O's symbol table, which is in no section: read when first asked for.
struct SymbolBytes {
  Bytes entries, names;
  struct Range {
    uint64_t start, end;  // relocated
    bool code;            // has instructions
    bool text;            // __text of __TEXT
  };
  std::vector<Range> sections;  // as symbols count them
};

struct Parts {
  isa::Isa isa = isa::Isa::x86_64;
  Os os = Os::linux_;
  uint64_t entry = 0;
  std::vector<Segment> segments;  // bytes point into the file or into `relocated`
  std::vector<std::vector<uint8_t>> relocated;
  std::vector<Section> sections;
  uint64_t bias = 0;
  ProgramHeaders headers;
  ElfInfo elf;
  MachOInfo macho;
  SymbolBytes symbols;
  std::shared_ptr<const ListingInfo> listing;  // nullptr: a linked program
  std::optional<std::string> not_runnable;
};

// What a reader is given beside the file: of listings only.
struct Beside {
  ListingOptions listing;
  std::vector<std::pair<std::string, Bytes>> more;  // further texts of it with their paths; they outlive the parts
};

// A file format: how its files begin, and who reads them. `file` must outlive the parts; `name` is for messages.
// Symbols are read when first asked for; a missing or unusable table gives none. All throw Error.
struct Format {
  std::string_view magic;
  const char* article;  // "an ELF", for messages
  Parts (*read)(Bytes file, const std::string& name, const Beside& beside);
  std::vector<Symbol> (*symbols)(const Parts& parts);
  std::vector<ListedSymbol> (*listed)(const Parts& parts);
};
// By the file's first bytes; throws a line that says what the file is instead.
const Format& format_of(Bytes file, const std::string& name);

Parts read_elf(Bytes file, const std::string& name);
std::vector<Symbol> read_elf_symbols(const Parts& parts);
std::vector<Symbol> read_elf_exports(const Parts& parts);  // none of other formats
std::vector<ListedSymbol> list_elf_symbols(const Parts& parts);

Parts read_macho(Bytes file, const std::string& name);
std::vector<Symbol> read_macho_symbols(const Parts& parts);
std::vector<ListedSymbol> list_macho_symbols(const Parts& parts);

// A listing has no magic: it is what is of no other format and has a line of one.
bool looks_like_listing(Bytes file);
Parts read_listing(Bytes file, const std::string& name, const Beside& beside);
std::vector<Symbol> read_listing_symbols(const Parts& parts);
std::vector<ListedSymbol> list_listing_symbols(const Parts& parts);

// Finds what makes a program Go's; nullptr and a reason if it is not.
std::unique_ptr<const GoProgram> find_go(const Image& image, std::string* reason);

}  // namespace deferscope::loader
