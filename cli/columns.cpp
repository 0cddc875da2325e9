// See columns.h. The numbers are objdump's: NewWriter(w, 18, 8, 1, '\t', StripEscape).
#include "cli/columns.h"

#include <algorithm>

namespace deferscope::cli {
namespace {

constexpr std::uint32_t kLeast = 18, kTab = 8, kPadding = 1;

// Characters, not bytes: every byte that does not continue a UTF-8 sequence starts one.
std::uint32_t characters(std::string_view s) {
  return static_cast<std::uint32_t>(std::count_if(s.begin(), s.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

}  // namespace

void Columns::cell(std::string_view text) {
  text_ += text;
  const std::uint32_t width = characters(text);
  cells_.emplace_back(static_cast<std::uint32_t>(text_.size()), width);
  widest_[in_line_] = std::max(widest_[in_line_], width);
  ++in_line_;
}

void Columns::end_line() {
  per_line_ = in_line_;
  in_line_ = 0;
}

void Columns::whole_line(std::string_view text) {
  flush();
  out_ += text;
  out_ += '\n';
}

void Columns::flush() {
  std::array<std::uint32_t, kMost> width{};
  for (std::size_t i = 0; i < per_line_; ++i)
    width[i] = (std::max(widest_[i] + kPadding, kLeast) + kTab - 1) / kTab * kTab;
  std::uint32_t start = 0;
  for (std::size_t i = 0; i < cells_.size(); ++i) {
    const auto [end, characters_in] = cells_[i];
    const std::size_t column = i % per_line_;
    out_.append(text_, start, end - start);
    out_.append((width[column] - characters_in + kTab - 1) / kTab, '\t');
    if (column + 1 == per_line_) out_ += '\n';
    start = end;
  }
  text_.clear();
  cells_.clear();
  widest_ = {};
  per_line_ = 0;
}

}  // namespace deferscope::cli
