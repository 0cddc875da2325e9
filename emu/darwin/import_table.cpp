#include "emu/darwin/import_table.h"

#include <unordered_map>

namespace deferscope::emu::darwin {

#define DEFERSCOPE_IMPORT(symbol, tells, function, ...) Result imp_##function(Call& c);
#include "emu/darwin/imports.def"
#undef DEFERSCOPE_IMPORT

namespace {

constexpr ImportRow kRows[] = {
#define DEFERSCOPE_IMPORT(symbol, how, function, ...) \
  {.name = symbol, .tells = Tells::how, .handler = imp_##function __VA_OPT__(, ) __VA_ARGS__},
#include "emu/darwin/imports.def"
#undef DEFERSCOPE_IMPORT
};

using Index = std::unordered_map<std::string_view, int>;

Index make_index(const char* isa) {
  Index index;
  int i = 0;
  for (const ImportRow& row : kRows) {
    if (row.isa[0] == '\0' || std::string_view(row.isa) == isa) index.emplace(row.name, i);
    ++i;
  }
  return index;
}

}  // namespace

std::span<const ImportRow> import_rows() { return kRows; }

int find_import(isa::Isa isa, std::string_view symbol) {
  static const Index index[2] = {make_index("amd64"), make_index("arm64")};
  if (!symbol.starts_with('_')) return -1;
  const Index& own = index[isa == isa::Isa::x86_64 ? 0 : 1];
  const auto it = own.find(symbol.substr(1));
  return it == own.end() ? -1 : it->second;
}

int find_bsd_call(uint64_t number) {
  int i = 0;
  for (const ImportRow& row : kRows) {
    if (row.bsd >= 0 && static_cast<uint64_t>(row.bsd) == number) return i;
    ++i;
  }
  return -1;
}

}  // namespace deferscope::emu::darwin
