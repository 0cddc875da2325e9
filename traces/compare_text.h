// A comparison for people: two columns as a diff of sentences, more as a matrix.
#pragma once
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "traces/compare.h"

namespace deferscope::traces {

struct CompareTextOptions {
  size_t context = 3;      // rows that are the same around a difference
  size_t width = 120;      // of the matrix, in characters
  bool mechanism = false;  // shown, not only counted
  bool semantics = false;  // mechanism is no difference
};

using TextSink = std::function<void(std::string_view)>;

// The whole text: header, differences, what proves why, the last line.
void write_comparison(const TextSink& to, const Comparison& c, const CompareTextOptions& options);
// The differences of one strand alone, as a diff of its first two usable columns that differ; empty: there are none.
std::string strand_text(const Comparison& c, const ComparedStrand& s, size_t a, size_t b,
                        const CompareTextOptions& options);
// "different: 2 in semantics", "same: …": what the last line says.
std::string verdict(const Comparison& c, const CompareTextOptions& options);
// What the events of a row prove of why its columns differ; empty: nothing. A line each, without its end.
std::vector<std::string> why(const Comparison& c, const ComparedStrand& s, size_t row);

}  // namespace deferscope::traces
