// Myers, "An O(ND) difference algorithm and its variations" (1986), in linear space. A search from both ends that takes
// too many steps is cut where it came furthest.
#include "traces/align.h"

#include <algorithm>
#include <cstdlib>
#include <unordered_map>

namespace deferscope::traces {
namespace {

using Place = int64_t;
constexpr Place kMostSteps = 256, kNowhere = INT32_MIN;

class Aligner {
 public:
  Aligner(std::vector<uint32_t> a, std::vector<uint32_t> b)
      : a_(std::move(a)), b_(std::move(b)), forward_(2 * kMostSteps + 5), backward_(forward_) {}

  template <class Pair>
  void run(Pair pair) {
    match(0, static_cast<Place>(a_.size()), 0, static_cast<Place>(b_.size()), pair);
  }

 private:
  bool same(Place x, Place y) const { return a_[static_cast<size_t>(x)] == b_[static_cast<size_t>(y)]; }

  template <class Pair>
  void match(Place a0, Place a1, Place b0, Place b1, Pair pair) {
    for (;;) {
      while (a0 < a1 && b0 < b1 && same(a0, b0)) pair(a0++, b0++);
      Place tail = 0;
      while (a0 < a1 && b0 < b1 && same(a1 - 1, b1 - 1)) --a1, --b1, ++tail;
      if (a0 < a1 && b0 < b1) {
        const auto [x, y] = split(a0, a1, b0, b1);
        match(a0, x, b0, y, pair);
        if (tail == 0) {
          a0 = x, b0 = y;
          continue;
        }
        match(x, a1, y, b1, pair);
      }
      for (Place i = 0; i < tail; ++i) pair(a1 + i, b1 + i);
      return;
    }
  }

  // A place on a shortest way from (a0, b0) to (a1, b1), neither of the two. Both begin and end with a difference.
  std::pair<Place, Place> split(Place a0, Place a1, Place b0, Place b1) {
    const Place n = a1 - a0, m = b1 - b0, delta = n - m;
    const auto f = [&](Place k) -> Place& { return forward_[static_cast<size_t>(k + kMostSteps + 2)]; };
    const auto r = [&](Place k) -> Place& { return backward_[static_cast<size_t>(k + kMostSteps + 2)]; };
    // How far along diagonal k = x - y one gets with d differences: a step from a neighbour, then all that is the same.
    const auto advance = [n, m](auto& v, Place k, Place d, auto same_at) {
      const Place right = k > -d ? v(k - 1) + 1 : kNowhere, down = k < d ? v(k + 1) : kNowhere;
      Place x = d == 0 ? 0 : std::max(right <= n ? right : kNowhere, down - k <= m ? down : kNowhere);
      while (x >= 0 && x < n && x - k < m && same_at(x, x - k)) ++x;
      return v(k) = x;
    };
    const bool odd = delta & 1;
    for (Place d = 0; d <= kMostSteps; ++d) {
      for (Place k = -d; k <= d; k += 2) {
        const Place x = advance(f, k, d, [&](Place i, Place j) { return same(a0 + i, b0 + j); });
        if (odd && std::abs(delta - k) < d && x >= 0 && x + r(delta - k) >= n) return {a0 + x, b0 + x - k};
      }
      for (Place k = -d; k <= d; k += 2) {
        const Place x = advance(r, k, d, [&](Place i, Place j) { return same(a1 - 1 - i, b1 - 1 - j); });
        if (!odd && std::abs(delta - k) <= d && x >= 0 && x + f(delta - k) >= n) return {a1 - x, b1 - (x - k)};
      }
    }
    // Too far apart: where either end came furthest.
    Place best = 0, x = 0, y = 0;
    for (Place k = -kMostSteps; k <= kMostSteps; k += 2) {
      if (2 * f(k) - k > best) best = 2 * f(k) - k, x = a0 + f(k), y = b0 + f(k) - k;
      if (2 * r(k) - k > best) best = 2 * r(k) - k, x = a1 - r(k), y = b1 - (r(k) - k);
    }
    return {x, y};
  }

  std::vector<uint32_t> a_, b_;
  std::vector<Place> forward_, backward_;
};

}  // namespace

std::vector<std::pair<uint32_t, uint32_t>> align(std::span<const uint64_t> a, std::span<const uint64_t> b) {
  std::vector<std::pair<uint32_t, uint32_t>> out;
  size_t begin = 0, end = 0;
  const size_t shorter = std::min(a.size(), b.size());
  while (begin < shorter && a[begin] == b[begin]) ++begin;
  while (end < shorter - begin && a[a.size() - 1 - end] == b[b.size() - 1 - end]) ++end;
  out.reserve(begin + end);
  for (size_t i = 0; i < begin; ++i) out.emplace_back(i, i);

  // Between them: small numbers for what both have; the rest cannot be the same as anything.
  enum : uint32_t { kInA = 1, kInB = 2 };
  std::unordered_map<uint64_t, std::pair<uint32_t, uint32_t>> known;  // number, where it is
  const auto meet = [&](std::span<const uint64_t> s, uint32_t where) {
    for (const uint64_t v : s)
      known.try_emplace(v, static_cast<uint32_t>(known.size()), 0u).first->second.second |= where;
  };
  const auto middle = [&](std::span<const uint64_t> s) { return s.subspan(begin, s.size() - begin - end); };
  meet(middle(a), kInA), meet(middle(b), kInB);
  std::vector<uint32_t> places[2], numbers[2];
  const auto take = [&](std::span<const uint64_t> s, size_t of) {
    for (size_t i = begin; i < s.size() - end; ++i) {
      const auto [number, where] = known.find(s[i])->second;
      if (where != (kInA | kInB)) continue;
      places[of].push_back(static_cast<uint32_t>(i));
      numbers[of].push_back(number);
    }
  };
  take(a, 0), take(b, 1);
  known.clear();
  Aligner(std::move(numbers[0]), std::move(numbers[1])).run([&](Place x, Place y) {
    out.emplace_back(places[0][static_cast<size_t>(x)], places[1][static_cast<size_t>(y)]);
  });
  for (size_t i = end; i > 0; --i) out.emplace_back(a.size() - i, b.size() - i);
  return out;
}

}  // namespace deferscope::traces
