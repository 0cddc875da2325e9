// What drawings, pages and reports of text share: its width, and its characters in XML and HTML.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

namespace deferscope::traces {

size_t columns_of(std::string_view s);  // one a character
// At most `width` columns; what is too long ends in "…".
std::string cut(const std::string& s, size_t width);
// As text or as an attribute's value.
std::string markup(std::string_view s);

}  // namespace deferscope::traces
