// Symbols of equal address in the order in which objdump happens to have them.
//
// objdump sorts symbols by address with Go's slices.SortFunc, which is not stable: which of several symbols at one
// address comes last, and so gives the address its name, follows from the steps of that sort. This is the same
// pattern-defeating quicksort (O. Peters, arXiv:2106.05123) with the choices Go 1.19 to 1.27 make: insertion sort up to
// 12 elements, pivots by ninther from 50, xorshift seeded with the length to break patterns. It needs no more than O(n
// log n) steps on any input.
#pragma once
#include <algorithm>
#include <bit>
#include <cstdint>
#include <utility>
#include <vector>

namespace deferscope::cli {

// `less(a, b)` is the order. Same result as slices.SortFunc on the same elements.
template <class T, class Less>
class GoOrder {
 public:
  GoOrder(std::vector<T>& elements, Less less) : e_(elements), less_(less) {}

  void sort() { sort_range(0, size(), std::bit_width(e_.size())); }

 private:
  using Index = std::int64_t;
  enum class Hint { none, rising, falling };
  struct Pivot {
    Index at;
    Hint hint;
  };

  Index size() const { return static_cast<Index>(e_.size()); }
  bool less(Index a, Index b) const { return less_(e_[static_cast<std::size_t>(a)], e_[static_cast<std::size_t>(b)]); }
  void swap(Index a, Index b) { std::swap(e_[static_cast<std::size_t>(a)], e_[static_cast<std::size_t>(b)]); }

  void sort_range(Index from, Index to, int bad_pivots_left) {
    bool balanced = true, partitioned = true;
    while (to - from > kInsertion) {
      const Index length = to - from;
      if (bad_pivots_left == 0) return heap_sort(from, to);
      if (!balanced) {
        break_patterns(from, to);
        --bad_pivots_left;
      }
      Pivot pivot = choose_pivot(from, to);
      if (pivot.hint == Hint::falling) {
        for (Index i = from, j = to - 1; i < j; ++i, --j) swap(i, j);
        pivot = {to - 1 - (pivot.at - from), Hint::rising};
      }
      if (balanced && partitioned && pivot.hint == Hint::rising && nearly_sorted(from, to)) return;
      if (from > 0 && !less(from - 1, pivot.at)) {  // nothing smaller than the pivot: set its equals aside
        from = partition_equal(from, to, pivot.at);
        continue;
      }
      const auto [middle, was_partitioned] = partition(from, to, pivot.at);
      partitioned = was_partitioned;
      const Index left = middle - from, right = to - middle;
      balanced = std::min(left, right) >= length / 8;
      if (left < right) {
        sort_range(from, middle, bad_pivots_left);
        from = middle + 1;
      } else {
        sort_range(middle + 1, to, bad_pivots_left);
        to = middle;
      }
    }
    for (Index i = from + 1; i < to; ++i) sink_left(i, from);
  }

  // Moves element i down while it is smaller than its left neighbour, as far as `floor`.
  void sink_left(Index i, Index floor) {
    for (; i > floor && less(i, i - 1); --i) swap(i, i - 1);
  }

  // Repairs at most five misplaced elements; true if the range is then sorted.
  bool nearly_sorted(Index from, Index to) {
    Index i = from + 1;
    for (int step = 0; step < 5; ++step) {
      while (i < to && !less(i, i - 1)) ++i;
      if (i == to) return true;
      if (to - from < kNinther) return false;
      swap(i, i - 1);
      if (i - from >= 2) sink_left(i - 1, 0);
      if (to - i >= 2)
        for (Index j = i + 1; j < to && less(j, j - 1); ++j) swap(j, j - 1);
    }
    return false;
  }

  // Advances i and retreats j over elements already on their side.
  template <class Left, class Right>
  static void close_in(Index& i, Index& j, Left stays_left, Right stays_right) {
    while (i <= j && stays_left(i)) ++i;
    while (i <= j && stays_right(j)) --j;
  }

  std::pair<Index, bool> partition(Index from, Index to, Index pivot) {
    swap(from, pivot);
    Index i = from + 1, j = to - 1;
    bool untouched = true;
    for (;;) {
      close_in(
          i, j, [&](Index x) { return less(x, from); }, [&](Index x) { return !less(x, from); });
      if (i > j) break;
      swap(i++, j--);
      untouched = false;
    }
    swap(j, from);
    return {j, untouched};
  }

  Index partition_equal(Index from, Index to, Index pivot) {
    swap(from, pivot);
    Index i = from + 1, j = to - 1;
    for (;;) {
      close_in(
          i, j, [&](Index x) { return !less(from, x); }, [&](Index x) { return less(from, x); });
      if (i > j) return i;
      swap(i++, j--);
    }
  }

  void break_patterns(Index from, Index to) {
    const Index length = to - from;
    std::uint64_t random = static_cast<std::uint64_t>(length);
    const std::uint64_t mask = (1ull << std::bit_width(static_cast<std::uint64_t>(length))) - 1;
    const Index middle = from + length / 4 * 2;
    for (Index i = middle - 1; i <= middle + 1; ++i) {
      random ^= random << 13;
      random ^= random >> 7;
      random ^= random << 17;
      Index other = static_cast<Index>(random & mask);
      if (other >= length) other -= length;
      swap(i, from + other);
    }
  }

  Index median(Index a, Index b, Index c, int& swaps) const {
    const auto order = [&](Index& x, Index& y) {
      if (!less(y, x)) return;
      std::swap(x, y);
      ++swaps;
    };
    order(a, b);
    order(b, c);
    order(a, b);
    return b;
  }

  Pivot choose_pivot(Index from, Index to) const {  // called with more than kInsertion elements
    const Index quarter = (to - from) / 4;
    Index i = from + quarter, j = from + 2 * quarter, k = from + 3 * quarter;
    int swaps = 0;
    if (to - from >= kNinther) {
      i = median(i - 1, i, i + 1, swaps);
      j = median(j - 1, j, j + 1, swaps);
      k = median(k - 1, k, k + 1, swaps);
    }
    j = median(i, j, k, swaps);
    return {j, swaps == 0 ? Hint::rising : swaps == 12 ? Hint::falling : Hint::none};
  }

  void sift_down(Index root, Index count, Index first) {
    for (Index child; (child = 2 * root + 1) < count; root = child) {
      if (child + 1 < count && less(first + child, first + child + 1)) ++child;
      if (!less(first + root, first + child)) return;
      swap(first + root, first + child);
    }
  }

  void heap_sort(Index from, Index to) {
    const Index count = to - from;
    for (Index i = (count - 1) / 2; i >= 0; --i) sift_down(i, count, from);
    for (Index i = count - 1; i >= 0; --i) {
      swap(from, from + i);
      sift_down(0, i, from);
    }
  }

  static constexpr Index kInsertion = 12, kNinther = 50;
  std::vector<T>& e_;
  Less less_;
};

}  // namespace deferscope::cli
