// Stories beside each other: what is the same happening, and which columns differ.
#pragma once
#include <array>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "traces/story.h"

namespace deferscope::traces {

// A story to compare, or why there is none.
struct Column {
  std::string label;    // "go1.21.13": short, its own among all columns
  std::string source;   // the file or command line
  std::string trouble;  // "": there is a story
  Story story;

  bool usable() const { return trouble.empty(); }
  // What it has is all there was: where it ends, the others are not compared further.
  bool complete() const { return story.damage.empty() && story.end && story.end->complete; }
};

// What happened in one goroutine in all columns, row by row.
struct ComparedStrand {
  std::string name;
  Strand::Kind kind;
  std::vector<const Strand*> of;    // by column; nullptr: it has no such goroutine
  std::vector<uint32_t> cells;      // row by row, a column each: number of the happening, from 1; 0: none
  std::vector<size_t> ends;         // by column: the row behind its last
  std::vector<uint32_t> different;  // rows
};

// How a field of the mechanism is in all columns.
struct ComparedMechanism {
  std::string subject;  // for fields_of()
  std::string field;
  std::vector<std::string> values;  // by column: "stack", "heap ×3, stack", "45 (38 to 61)"; empty: nothing of it
  bool different = false;
  bool measured = false;  // shown beside others; no difference by itself
};

class Comparison {
 public:
  // Columns must stay.
  Comparison(const std::vector<Column>& columns, const Texts& texts);

  const std::vector<Column>& columns() const { return columns_; }
  const Texts& texts() const { return texts_; }
  const std::vector<ComparedStrand>& strands() const { return strands_; }
  const std::vector<ComparedMechanism>& mechanism() const { return mechanism_; }
  size_t rows(const ComparedStrand& s) const { return s.cells.size() / columns_.size(); }
  // nullptr: nothing there.
  const Happening* at(const ComparedStrand& s, size_t row, size_t column) const;
  // Of a row which columns are the same: equal numbers; -1: not compared (no story, or it ends before).
  std::vector<int> classes(const ComparedStrand& s, size_t row) const;
  size_t semantic_differences() const { return semantic_; }
  size_t mechanism_differences() const { return mechanic_; }
  // Rows that are alike, one of a statement, though a variable is captured by its address in one column and by its
  // value in another.
  using Row = std::pair<const ComparedStrand*, size_t>;
  const std::vector<Row>& recaptured() const { return recaptured_; }
  // Columns that differ in semantics from the comparable one before.
  const std::vector<bool>& changed() const { return changed_; }
  // How many stories there are to compare.
  size_t usable() const;

 private:
  void unite_strands();
  void fill(ComparedStrand& s);
  void compare(ComparedStrand& s);
  bool alike(const ComparedStrand& s, size_t row) const;
  void note_captures(const ComparedStrand& s, size_t row);
  void compare_mechanism();

  const std::vector<Column>& columns_;
  const Texts& texts_;
  std::vector<ComparedStrand> strands_;
  std::vector<ComparedMechanism> mechanism_;
  std::vector<bool> changed_;
  std::vector<Row> recaptured_;
  std::set<std::array<uint32_t, 3>> looked_at_;  // subjects, with evidence of neighbours
  size_t semantic_ = 0, mechanic_ = 0;
};

}  // namespace deferscope::traces
