// runtime.firstmoduledata: the linker's record of where everything of a Go program lies.
// Layouts: one row of a table per run of versions (measured from DWARF; src/runtime/symtab.go).
#pragma once
#include <cstdint>
#include <optional>

#include "loader/memory.h"
#include "loader/pclntab.h"

namespace deferscope::loader {

// All are guest addresses. Ranges are [start, end). 0 where this version has no such field.
struct ModuleData {
  uint64_t address = 0;  // of the moduledata itself
  uint64_t size = 0;
  int oldest_minor = 0, newest_minor = 0;  // of the layout row that fits
  uint64_t pclntab = 0;                    // 1.16+: pcHeader
  uint64_t findfunctab = 0, minpc = 0, maxpc = 0, text = 0, etext = 0;
  uint64_t noptrdata = 0, enoptrdata = 0, data = 0, edata = 0, bss = 0, ebss = 0, noptrbss = 0, enoptrbss = 0;
  uint64_t end = 0, gcdata = 0, gcbss = 0, types = 0, etypes = 0;
  uint64_t rodata = 0, gofunc = 0;                // 1.18+
  uint64_t epclntab = 0;                          // 1.26+
  uint64_t textsectmap = 0, textsectmap_len = 0;  // array of {offset, end (1.12–1.17: length), address}, 24 bytes each
  bool has_main = false;
};

// Reads and checks the moduledata at `address` that must belong to `header`; tries the layout of `minor` (0: unknown)
// first, then all that go with the header's magic, newest first.
std::optional<ModuleData> read_moduledata(const Memory& memory, uint64_t address, const PclnHeader& header, int minor);

// Looks for it in the writable segments: its first word points at pclntab in every version.
std::optional<ModuleData> scan_for_moduledata(const Memory& memory, const PclnHeader& header, int minor);

}  // namespace deferscope::loader
