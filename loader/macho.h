// What the load commands of a Mach-O file say, for the readers of what they point at. Internal to the room.
#pragma once
#include <fmt/format.h>

#include "loader/macho_format.h"
#include "loader/parts.h"
#include "loader/printable.h"

namespace deferscope::loader {

// A name of a segment or section: 16 bytes, not terminated where it fills them.
inline std::string fixed_name(const char (&name)[16]) { return printable({name, strnlen(name, sizeof name)}); }

struct MachO {
  // A segment as the tables count them: all, with those that take no memory.
  struct Seg {
    std::string name;
    uint64_t vmaddr = 0, vmsize = 0;  // vmaddr: relocated
    bool write = false;
  };

  MachO(Parts* p, Bytes f, const std::string& n, const mach::Header& h) : parts(p), file(f), name(n), header(h) {}

  Parts* parts;
  Bytes file;
  const std::string& name;  // of the file, for messages
  mach::Header header;
  std::vector<Seg> segments;
  std::vector<mach::SectionHeader> sections;
  std::optional<mach::SymtabCommand> symtab;
  std::optional<mach::DysymtabCommand> dysymtab;
  std::optional<mach::DyldInfoCommand> dyld_info;
  std::optional<mach::LinkeditDataCommand> chained;
  uint64_t base = 0;  // where the header is in memory, relocated

  [[noreturn]] void corrupt(const std::string& what) const { throw Error(name + ": corrupt: " + what); }
  // File bytes that a load command names; throws where they end behind the file.
  Bytes table(uint64_t offset, uint64_t size, const char* what) const {
    auto bytes = slice(file, offset, size);
    if (!bytes)
      throw Error(fmt::format("{}: truncated: its {} needs file bytes {:#x} to {:#x}, the file has {:#x}", name, what,
                              offset, offset + size, file.size()));
    return *bytes;
  }
  // As a linker's tables name it: from 1 on, or one of the special numbers; "" where that names none.
  std::string library(int ordinal) const {
    const auto& all = parts->macho.libraries;
    return ordinal > 0 && static_cast<size_t>(ordinal) <= all.size() ? all[static_cast<size_t>(ordinal) - 1] : "";
  }
};

// Fills macho.imports and applies rebases, from whichever of the three forms the file has: opcodes (LC_DYLD_INFO),
// chains (LC_DYLD_CHAINED_FIXUPS), or the indirect symbol table alone. parts.segments must be in order.
void read_fixups(MachO& m);

}  // namespace deferscope::loader
