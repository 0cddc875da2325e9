// Containers whose copies share: they behave as vector and map do, and a copy costs little.
#include <gtest/gtest.h>

#include <random>

#include "runtime_model/shared.h"

namespace deferscope::test {
namespace {

using model::SharedMap;
using model::SharedStack;

struct Both {
  SharedStack<int> shared;
  std::vector<int> plain;

  void same() const {
    ASSERT_EQ(shared.size(), plain.size());
    for (size_t i = 0; i < plain.size(); ++i) ASSERT_EQ(shared[i], plain[i]) << i;
  }
  void change(std::mt19937& random) {
    const size_t n = plain.size(), near = n - std::min<size_t>(n, random() % 8);
    const int v = static_cast<int>(random());
    switch (n ? random() % 6 : 0) {
      case 0: shared.insert(near, v), plain.insert(plain.begin() + static_cast<ptrdiff_t>(near), v); return;
      case 1:
        shared.erase(std::min(near, n - 1)), plain.erase(plain.begin() + static_cast<ptrdiff_t>(std::min(near, n - 1)));
        return;
      case 2: shared.pop_back(), plain.pop_back(); return;
      case 3: shared.edit(n / 2) = v, plain[n / 2] = v; return;
      default: shared.push_back(v), plain.push_back(v); return;
    }
  }
};

TEST(Shared, AStackIsAVector) {
  std::mt19937 random(1);
  std::vector<Both> copies(1);
  for (int i = 0; i < 2'500; ++i) copies[0].shared.push_back(i), copies[0].plain.push_back(i);
  for (int round = 0; round < 40; ++round) {
    copies.push_back(copies[random() % copies.size()]);
    for (int i = 0; i < 100; ++i) copies[random() % copies.size()].change(random);
    for (const Both& b : copies) b.same();
  }
  Both& b = copies.back();
  const size_t before = b.shared.size(), gone = b.shared.forget_older_half();
  ASSERT_GE(gone, before / 3);
  b.plain.erase(b.plain.begin(), b.plain.begin() + static_cast<ptrdiff_t>(gone));
  b.same();
  b.change(random);
  b.same();
  while (!b.shared.empty()) b.shared.forget_older_half();
  EXPECT_EQ(b.shared.size(), 0u);
}

struct Counted {
  inline static int copies = 0;
  Counted() = default;
  Counted(const Counted&) { ++copies; }
  Counted(Counted&&) noexcept {}
  Counted& operator=(const Counted&) { return ++copies, *this; }
  Counted& operator=(Counted&&) noexcept { return *this; }
};

TEST(Shared, ACopyOfAMillionCopiesNothing) {
  SharedStack<Counted> stack;
  for (int i = 0; i < 1'000'000; ++i) stack.push_back({});
  Counted::copies = 0;
  std::vector<SharedStack<Counted>> snapshots;
  for (int i = 0; i < 20; ++i) {
    snapshots.push_back(stack);
    stack.pop_back();
    stack.push_back({});
  }
  EXPECT_LE(Counted::copies, 20 * 1'100) << "a chunk each, where the stack changed";
}

TEST(Shared, AMapIsAMap) {
  std::mt19937 random(2);
  SharedMap<int> shared;
  std::map<uint64_t, int> plain;
  for (int i = 0; i < 3'000; ++i) {
    const SharedMap<int> copy = shared;
    const uint64_t key = random() % 500;
    const int* before = copy.find(key);
    const int was = before ? *before : -1;
    if (random() % 3)
      shared[key] = plain[key] = i;
    else
      shared.erase(key), plain.erase(key);
    EXPECT_EQ(copy.find(key) ? *copy.find(key) : -1, was);
  }
  std::map<uint64_t, int> seen;
  shared.each([&](uint64_t k, int v) { seen[k] = v; });
  EXPECT_EQ(seen, plain);
}

}  // namespace
}  // namespace deferscope::test
