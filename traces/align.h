// Which elements of two sequences are the same: a longest common subsequence, or, where that would cost too much, a
// long one.
#pragma once
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace deferscope::traces {

// Pairs of places, both ascending, of equal elements. Cost: O(n + d²) for d differences as long as d is some hundreds,
// from there on O(n) with a factor of that; memory O(n).
std::vector<std::pair<uint32_t, uint32_t>> align(std::span<const uint64_t> a, std::span<const uint64_t> b);

}  // namespace deferscope::traces
