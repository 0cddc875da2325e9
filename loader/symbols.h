// The file's own symbol table (ELF .symtab, Mach-O LC_SYMTAB), as names and addresses.
#pragma once
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace deferscope::loader {

enum class SymbolKind : uint8_t { function, data };

struct Symbol {
  std::string_view name;  // as in the file; owned by the Image
  uint64_t address = 0;   // relocated
  uint64_t size = 0;      // bytes; 0 for markers such as runtime.etext
  SymbolKind kind = SymbolKind::data;
};

// The same as `go tool nm` lists it: as it stands in the file, undefined ones included.
struct ListedSymbol {
  std::string_view name;  // owned by the Image; may be empty
  uint64_t address = 0;   // as in the file, not relocated
  uint64_t size = 0;      // bytes; Mach-O has none: to the next address that any symbol has
  bool code = false;      // nm's T
};

// Names are the linker's: `.abi0` behind assembly functions (1.17+), `F.dwrap.1` where pclntab writes `F·dwrap·1`, full
// type arguments where pclntab writes `F[...]`. Mach-O: as debug/macho has them, so without the underscore that Go's
// linker puts before names with a dot. An empty table means a stripped file.
class SymbolTable {
 public:
  SymbolTable() = default;
  // Takes symbols in any order and sorts them. O(n log n).
  explicit SymbolTable(std::vector<Symbol> symbols);

  bool empty() const { return by_address_.empty(); }
  // Sorted by address; symbols of equal address: sized ones first.
  const std::vector<Symbol>& all() const { return by_address_; }
  // The symbol whose [address, address+size) holds `address`, else a size-0 symbol exactly there. O(log n); a carrier
  // (runtime.rodata, type:*) may be missed behind more than 16 smaller symbols that it holds.
  std::optional<Symbol> at(uint64_t address) const;
  // The first symbol with this exact name. O(log n).
  std::optional<Symbol> find(std::string_view name) const;

 private:
  std::vector<Symbol> by_address_;
  std::vector<std::pair<uint64_t, uint32_t>> by_hash_;  // (hash of name, index), sorted
};

}  // namespace deferscope::loader
