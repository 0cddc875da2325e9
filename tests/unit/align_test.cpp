// Sequences beside each other: what is paired is equal and in order; a longest common subsequence as long as they are
// not far apart; time bounded where they are.
#include "traces/align.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "traces/texts.h"

namespace deferscope::traces {
namespace {

using Sequence = std::vector<uint64_t>;

size_t longest(const Sequence& a, const Sequence& b) {
  std::vector<size_t> row(b.size() + 1);
  for (const uint64_t x : a) {
    size_t corner = 0;
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t above = row[j + 1];
      row[j + 1] = x == b[j] ? corner + 1 : std::max(above, row[j]);
      corner = above;
    }
  }
  return row.back();
}

void check(const Sequence& a, const Sequence& b, bool is_longest) {
  const auto pairs = align(a, b);
  for (size_t i = 0; i < pairs.size(); ++i) {
    const auto [x, y] = pairs[i];
    ASSERT_LT(x, a.size());
    ASSERT_LT(y, b.size());
    ASSERT_EQ(a[x], b[y]);
    if (i) {
      ASSERT_GT(x, pairs[i - 1].first);
      ASSERT_GT(y, pairs[i - 1].second);
    }
  }
  if (is_longest) {
    ASSERT_EQ(pairs.size(), longest(a, b));
  }
}

Sequence random(std::mt19937& engine, size_t most, unsigned letters) {
  Sequence s(engine() % (most + 1));
  for (uint64_t& v : s) v = engine() % letters;
  return s;
}

TEST(Align, FindsALongestCommonSubsequence) {
  std::mt19937 engine(7);
  for (int i = 0; i < 4000; ++i) {
    const unsigned letters = 1 + engine() % 6;
    const Sequence a = random(engine, 40, letters), b = random(engine, 40, letters);
    ASSERT_NO_FATAL_FAILURE(check(a, b, true));
  }
}

TEST(Align, EditsOfALongSequenceAreFound) {
  std::mt19937 engine(8);
  Sequence a(3000), b;
  for (uint64_t& v : a) v = engine() % 50;
  for (const uint64_t v : a) {
    const unsigned edit = engine() % 40;
    if (edit) b.push_back(v);
    if (edit == 1) b.push_back(engine() % 50);
  }
  check(a, b, true);
}

TEST(Align, WhatIsFarApartTakesBoundedTime) {
  std::mt19937 engine(9);
  Sequence a(300'000), b(300'000);
  for (Sequence* s : {&a, &b})
    for (uint64_t& v : *s) v = engine() % 1000;
  check(a, b, false);
  EXPECT_GT(align(a, b).size(), 1000U);
}

TEST(Texts, EqualTextsHaveEqualNumbers) {
  Texts texts;
  std::vector<uint32_t> ids;
  for (int i = 0; i < 5000; ++i)
    ids.push_back(texts.id(std::string(static_cast<size_t>(i % 300), 'x') + std::to_string(i)));
  const std::string longer(1 << 20, 'y');
  const uint32_t big = texts.id(longer);
  for (int i = 0; i < 5000; ++i) {
    const std::string text = std::string(static_cast<size_t>(i % 300), 'x') + std::to_string(i);
    ASSERT_EQ(texts.id(text), ids[static_cast<size_t>(i)]);
    ASSERT_EQ(texts[ids[static_cast<size_t>(i)]], text);
  }
  EXPECT_EQ(texts[big], longer);
  EXPECT_EQ(texts[0], "");
  EXPECT_EQ(texts.id(""), 0U);
}

}  // namespace
}  // namespace deferscope::traces
