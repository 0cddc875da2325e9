// How text fits a screen: columns, lines broken between words, names shortened.
#pragma once
#include <cstddef>
#include <string>
#include <vector>

namespace deferscope::cli {

// Columns that marked text takes: not its style marks, not the rest of a UTF-8 character.
size_t columns(const std::string& marked);
std::string padded(std::string marked, size_t width);

// A line as rows of at most `width` columns (0: as it is), broken at spaces only: a longer word has a row of its own.
// All rows but the first begin with `hanging` spaces. More than `most` rows (0: all) are cut, which "…" says. A style
// that goes over a break ends before it and begins again behind it.
std::vector<std::string> rows_of(const std::string& marked, size_t width, size_t hanging, size_t most = 0);

// Says with "…" at a row's end that it does not go on; the last words give way.
void cut(std::string& row, size_t width);

// Type arguments longer than 16 characters become […]: "main.Map[go.shape.int,go.shape.string]" → "main.Map[…]". What
// stands between quotes is left alone.
std::string shortened(const std::string& text);

}  // namespace deferscope::cli
