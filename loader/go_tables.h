// Which PCDATA and FUNCDATA indices hold the inline tree, by Go version (cmd/internal/objabi/funcdata.go).
#pragma once
#include "loader/version.h"

namespace deferscope::loader {

struct GoTables {
  int oldest_minor, newest_minor;
  uint32_t pcdata_inline;    // PCDATA_InlTreeIndex
  uint32_t funcdata_inline;  // FUNCDATA_InlTree
};

constexpr GoTables kGoTables[] = {
    {kOldestMinor, 12, 1, 2},
    {13, 15, 2, 4},
    {16, kNewestMinor, 2, 3},
};

// The row of a minor version; the newest for versions that are newer than the table.
constexpr const GoTables& go_tables(int minor) {
  for (const GoTables& row : kGoTables)
    if (minor >= row.oldest_minor && minor <= row.newest_minor) return row;
  return kGoTables[sizeof kGoTables / sizeof kGoTables[0] - 1];
}

}  // namespace deferscope::loader
