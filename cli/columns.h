// Text in columns as Go's text/tabwriter lays it out for objdump: cells end in tabs, a column is as wide as its widest
// cell, at least 18, rounded up to a multiple of 8, and filled with tabs. Lines of one block line up; a whole line of
// text between them ends the block.
#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace deferscope::cli {

class Columns {
 public:
  static constexpr std::size_t kMost = 4;  // cells a line

  // Where finished text goes; not owned.
  explicit Columns(std::string& out) : out_(out) {}

  // Adds a cell to the current line. All lines of a block must have the same number of cells.
  void cell(std::string_view text);
  void end_line();
  // A line of text outside the columns; ends the block.
  void whole_line(std::string_view text);
  // Lays out and appends what has been collected.
  void flush();

 private:
  std::string& out_;
  std::string text_;                                            // all cells, one behind the other
  std::vector<std::pair<std::uint32_t, std::uint32_t>> cells_;  // end in text_, width in characters
  std::array<std::uint32_t, kMost> widest_{};
  std::size_t in_line_ = 0, per_line_ = 0;
};

}  // namespace deferscope::cli
