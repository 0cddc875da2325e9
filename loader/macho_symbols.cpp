// LC_SYMTAB: names and addresses; sizes are not in the file and follow from the next symbol, as `go tool nm` does it.
#include <fmt/format.h>

#include <algorithm>

#include "loader/macho_format.h"
#include "loader/parts.h"
#include "loader/printable.h"

namespace deferscope::loader {
namespace {

constexpr size_t kMaxSymbols = 8'000'000;

// Names of the linker for places, not for things (cmd/link/internal/ld/data.go, `xdefine`): they get no size where
// something else begins at the same address.
constexpr std::string_view kMarkers[] = {
    "runtime.text",    "runtime.etext",     "runtime.rodata",     "runtime.erodata",     "runtime.types",
    "runtime.etypes",  "runtime.noptrdata", "runtime.enoptrdata", "runtime.data",        "runtime.edata",
    "runtime.bss",     "runtime.ebss",      "runtime.noptrbss",   "runtime.enoptrbss",   "runtime.end",
    "runtime.covctrs", "runtime.ecovctrs",  "runtime.itablink",   "runtime.eitablink",   "runtime.symtab",
    "runtime.esymtab", "runtime.pclntab",   "runtime.epclntab",   "__mh_execute_header",
};

bool is_marker(std::string_view name) {
  return std::find(std::begin(kMarkers), std::end(kMarkers), name) != std::end(kMarkers);
}

// Go's linker puts an underscore before Go's names, which are those with a dot (debug/macho, Go issue 33808).
std::string_view without_underscore(std::string_view name) {
  return name.starts_with('_') && name.find('.') != std::string_view::npos ? name.substr(1) : name;
}

void give_sizes(std::vector<Symbol>* symbols, const std::vector<uint64_t>& ends) {
  std::vector<uint64_t> starts;
  starts.reserve(symbols->size());
  for (const Symbol& s : *symbols) starts.push_back(s.address);
  std::sort(starts.begin(), starts.end());
  const auto at = [&](uint64_t a) { return std::upper_bound(starts.begin(), starts.end(), a); };
  for (size_t i = 0; i < symbols->size(); i++) {
    Symbol& s = (*symbols)[i];
    const auto next = at(s.address);
    const uint64_t end = next == starts.end() ? ends[i] : std::min(*next, ends[i]);
    const bool alone = next - std::lower_bound(starts.begin(), next, s.address) == 1;
    if (end > s.address && (alone || !is_marker(s.name))) s.size = end - s.address;
  }
}

}  // namespace

std::vector<Symbol> read_macho_symbols(const Parts& parts) {
  const SymbolBytes& table = parts.symbols;
  const size_t count = table.entries.size() / sizeof(mach::Nlist);
  if (count > kMaxSymbols)
    throw Error(fmt::format("corrupt: {} symbols; no program has more than {}", count, kMaxSymbols));
  std::vector<Symbol> symbols;
  std::vector<uint64_t> ends;  // of the symbols' sections
  symbols.reserve(count);
  uint64_t name_bytes = 0;  // names may share theirs, but not all one endless text
  for (size_t i = 0; i < count; i++) {
    const auto s = *get<mach::Nlist>(table.entries, i * sizeof(mach::Nlist));
    const bool defined = (s.type & mach::kStab) == 0 && (s.type & mach::kSymbolType) == mach::kInSection;
    if (!defined || s.sect == 0 || s.sect > table.sections.size()) continue;
    auto name = c_string(table.names, s.strx);
    if (!name || name->empty()) continue;
    name_bytes += name->size();
    if (name_bytes > 16 * table.names.size() + (1 << 20))
      throw Error("corrupt: its symbols' names overlap without end");
    const SymbolBytes::Range& in = table.sections[s.sect - 1];
    symbols.push_back({printable_name(without_underscore(*name)), s.value + parts.bias, 0,
                       in.code ? SymbolKind::function : SymbolKind::data});
    ends.push_back(in.end);
  }
  give_sizes(&symbols, ends);
  return symbols;
}

// What objdump does with symbols is in Go's src/cmd/internal/objfile/macho.go.
std::vector<ListedSymbol> list_macho_symbols(const Parts& parts) {
  const SymbolBytes& table = parts.symbols;
  std::vector<ListedSymbol> symbols;
  std::vector<uint64_t> starts;
  for (uint64_t at = 0; at + sizeof(mach::Nlist) <= table.entries.size(); at += sizeof(mach::Nlist)) {
    const auto s = *get<mach::Nlist>(table.entries, at);
    if (s.type & mach::kStab) continue;
    const bool text = s.sect != 0 && s.sect <= table.sections.size() && table.sections[s.sect - 1].text;
    symbols.push_back(
        {printable_name(without_underscore(c_string(table.names, s.strx).value_or(""))), s.value, 0, text});
    starts.push_back(s.value);
  }
  std::sort(starts.begin(), starts.end());
  for (ListedSymbol& s : symbols)
    if (auto next = std::upper_bound(starts.begin(), starts.end(), s.address); next != starts.end())
      s.size = *next - s.address;
  return symbols;
}

}  // namespace deferscope::loader
