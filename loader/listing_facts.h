// What a listing's shape says of the Go version that wrote it, and what its relocations mean. Internal to the room.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "isa/isa.h"
#include "loader/bytes.h"
#include "loader/listing_text.h"

namespace deferscope::loader {

constexpr int kOldestListed = 11;

struct ListedVersion {
  int oldest = 0, newest = 0;  // minors that the shape allows
  std::string contradiction;   // shapes that do not go together; ""
};
ListedVersion version_of_shape(const std::map<std::string, int>& hints, isa::Isa isa);

// "1.13", "go1.13.15"; nothing if it is no version of a listing.
std::optional<int> listed_minor(std::string_view text);

enum class RelocKind : uint8_t {
  unknown,
  none,     // marks for the linker's reachability
  addr,     // 8 bytes: the address
  addroff,  // 4 bytes: from the section's start
  textoff,  // 4 bytes: from the code's start
  pcrel,    // 4 bytes: from behind the field; also calls and jumps of amd64
  tls,      // 4 bytes: g's place from the thread pointer
  branch,   // arm64: BL, B
  pair,     // arm64: ADRP with an ADD, load or store
  got,      // through a table of addresses that only a linker makes (-dynlink, -shared)
};
const char* to_string(RelocKind kind);

// By the table of numbers and names; unknown if it has none.
RelocKind reloc_by_table(std::string_view type, int minor, isa::Isa isa);
// As the bytes at and around the field say.
RelocKind reloc_by_bytes(const ListedReloc& r, const TextSymbol& in, isa::Isa isa);

// funcIDs that the compiler of that version gives to a wrapper, and the linker to sigpanic (internal/abi/symtab.go).
struct FuncIds {
  uint8_t wrapper, sigpanic;
};
FuncIds func_ids(int minor);

}  // namespace deferscope::loader
