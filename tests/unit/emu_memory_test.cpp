// Guest memory against a plain model: maps, permissions, copy-on-write between values, straddling accesses, digests.
#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <random>

#include "emu/memory.h"

namespace deferscope::emu {
namespace {

TEST(Memory, WritesAreSeenAndCopiesAreIndependent) {
  Memory a;
  a.map(0x10000, 0x4000, kRead | kWrite);
  uint64_t x = 0x1122334455667788;
  ASSERT_TRUE(a.write(0x10ffc, &x, 8));  // across two pages
  Memory b = a;
  EXPECT_TRUE(Memory::same_frame(a, b, 0x10000));
  uint64_t y = 5;
  ASSERT_TRUE(b.write(0x10ffc, &y, 8));
  EXPECT_FALSE(Memory::same_frame(a, b, 0x10000));
  uint64_t got = 0;
  ASSERT_TRUE(a.read(0x10ffc, &got, 8));
  EXPECT_EQ(got, x);
  ASSERT_TRUE(b.read(0x10ffc, &got, 8));
  EXPECT_EQ(got, y);
}

TEST(Memory, AnAccessThatFaultsOnItsSecondPageChangesNothing) {
  Memory m;
  m.map(0x10000, 0x1000, kRead | kWrite);
  m.map(0x11000, 0x1000, kRead);
  uint64_t x = ~uint64_t{0};
  EXPECT_FALSE(m.write(0x10ffc, &x, 8));
  EXPECT_EQ(m.fault_address, 0x11000u);
  uint64_t got = 1;
  ASSERT_TRUE(m.read(0x10ffc, &got, 8));
  EXPECT_EQ(got, 0u);
}

TEST(Memory, NonCanonicalAddressesAreToldApart) {
  Memory m;
  uint8_t b;
  EXPECT_FALSE(m.read(0x0000900000000000, &b, 1));
  EXPECT_EQ(m.fault, isa::Fault::NonCanonical);
  EXPECT_FALSE(m.read(0x1000, &b, 1));
  EXPECT_EQ(m.fault, isa::Fault::Page);
  EXPECT_FALSE(m.read(~uint64_t{0}, &b, 1));
  EXPECT_FALSE(m.read(~uint64_t{0} - 3, &b, 8));
}

TEST(Memory, DigestForgetsWhatWasOnlyTouched) {
  Memory a, b;
  a.map(0x10000, 0x2000, kRead | kWrite);
  b.map(0x10000, 0x1000, kRead | kWrite);
  b.map(0x11000, 0x1000, kRead | kWrite);
  uint8_t zero = 0;
  ASSERT_TRUE(a.write(0x10800, &zero, 1));
  EXPECT_EQ(a.digest(), b.digest());
  uint8_t one = 1;
  ASSERT_TRUE(a.write(0x10800, &one, 1));
  EXPECT_NE(a.digest(), b.digest());
}

TEST(Memory, BackingIsReadUntilWritten) {
  auto bytes = std::make_shared<std::vector<uint8_t>>(5000, uint8_t{7});
  Memory m;
  m.map(0x20000, 0x3000, kRead | kWrite, Backing{bytes, *bytes});
  uint8_t b = 0;
  ASSERT_TRUE(m.read(0x20000 + 4999, &b, 1));
  EXPECT_EQ(b, 7);
  ASSERT_TRUE(m.read(0x20000 + 5000, &b, 1));
  EXPECT_EQ(b, 0);
  uint8_t x = 9;
  ASSERT_TRUE(m.write(0x20000, &x, 1));
  m.discard(0x20000, 0x1000);
  ASSERT_TRUE(m.read(0x20000, &b, 1));
  EXPECT_EQ(b, 7);
  ASSERT_TRUE(m.protect(0x21000, 0x1000, kRead));  // splits the backing
  ASSERT_TRUE(m.read(0x21000, &b, 1));
  EXPECT_EQ(b, 7);
}

// Whole pages of the backing are not copied to be read; whoever writes gets a page of his own, seen by nobody else.
TEST(Memory, PagesOfTheBackingAreCopiedWhenWritten) {
  const auto bytes = std::make_shared<std::vector<uint8_t>>(3 * kPage, uint8_t{7});
  Memory m;
  m.map(0x20000, 3 * kPage, kRead | kWrite | kExec, Backing{bytes, *bytes});
  const auto at = [](Memory& from, uint64_t address) {
    uint8_t read = 0, peeked = 0;
    EXPECT_TRUE(from.read(address, &read, 1) && from.peek(address, &peeked, 1));
    EXPECT_EQ(read, peeked);
    return read;
  };
  EXPECT_EQ(at(m, 0x20010), 7);
  uint8_t code[2];
  EXPECT_EQ(m.fetch(0x21010, code, 2), 2u);
  EXPECT_EQ(m.resident_bytes(), 2 * kPage);
  Memory before = m;
  EXPECT_TRUE(Memory::same_frame(m, before, 0x20000));
  const uint8_t nine = 9;
  for (uint64_t page = 0x20000; page < 0x23000; page += kPage) {  // shared with `before`, alone, never read
    if (page == 0x21000) before = Memory();
    ASSERT_TRUE(m.write(page + 0x10, &nine, 1));
    EXPECT_EQ(at(m, page + 0x10), 9);
    EXPECT_EQ(at(m, page + 0x11), 7);
    if (page == 0x20000) {
      EXPECT_EQ(at(before, 0x20010), 7);
      EXPECT_FALSE(Memory::same_frame(m, before, 0x20000));
    }
  }
  EXPECT_EQ(m.resident_bytes(), 3 * kPage);
  EXPECT_EQ(*bytes, std::vector<uint8_t>(3 * kPage, 7));
}

TEST(Memory, FreeRangesUpAndDown) {
  Memory m;
  m.map(0x20000, 0x1000, kRead);
  EXPECT_EQ(m.find_free(0x1000, 0x20000, 0x40000), 0x21000u);
  EXPECT_EQ(m.find_free(0x1000, 0x1f000, 0x40000), 0x1f000u);
  EXPECT_EQ(m.find_free(0x2000, 0x1f000, 0x40000), 0x21000u);
  EXPECT_EQ(m.find_free_down(0x1000, 0x10000, 0x21000), 0x1f000u);
  EXPECT_EQ(m.find_free_down(0x1000, 0x20000, 0x21000), 0u);
  EXPECT_EQ(m.find_free(0x1000, 0x20000, 0x21000), 0u);
}

// Random operations on a Memory, its copies and a byte map; every observation must agree.
TEST(Memory, NeighboursThatDifferInNothingAreOneMapping) {
  constexpr uint64_t kBase = 0x7000'0000'0000;
  Memory m;
  m.map(kBase + 2 * kPage, kPage, kRead);
  m.map(kBase + kPage, kPage, kRead);      // below it, as mmap grows
  m.map(kBase + 3 * kPage, kPage, kRead);  // above it, as brk does
  m.map(kBase, kPage, kWrite);
  EXPECT_EQ(m.mappings().size(), 2u);
  EXPECT_TRUE(m.protect(kBase + 2 * kPage, kPage, kRead | kWrite));
  EXPECT_EQ(m.mappings().size(), 4u);
  EXPECT_TRUE(m.protect(kBase, 4 * kPage, kRead));
  ASSERT_EQ(m.mappings().size(), 1u);
  EXPECT_EQ(m.mappings().begin()->first, kBase);
  EXPECT_EQ(m.mappings().begin()->second.end, kBase + 4 * kPage);
}

TEST(Memory, RandomOperationsAgreeWithAModel) {
  constexpr uint64_t kBase = 0x100000;
  constexpr unsigned kPages = 12;
  struct Model {
    std::map<uint64_t, int> prot;       // by page
    std::map<uint64_t, uint8_t> bytes;  // by address; absent = 0
  };
  std::mt19937_64 rng(1);
  std::vector<std::pair<Memory, Model>> values(1);
  for (int step = 0; step < 20000; ++step) {
    auto& [m, model] = values[rng() % values.size()];
    const uint64_t page = kBase + (rng() % kPages) * kPage;
    const uint64_t n = (1 + rng() % 3) * kPage;
    const int op = static_cast<int>(rng() % 10);
    const auto each = [&](auto f) {
      for (uint64_t p = page; p < page + n; p += kPage) f(p);
    };
    const auto clear = [&](uint64_t p) {
      model.bytes.erase(model.bytes.lower_bound(p), model.bytes.lower_bound(p + kPage));
    };
    if (op == 0) {
      const uint8_t prot = static_cast<uint8_t>(rng() % 4);
      m.map(page, n, prot);
      each([&](uint64_t p) { model.prot[p] = prot, clear(p); });
    } else if (op == 1) {
      m.unmap(page, n);
      each([&](uint64_t p) { model.prot.erase(p), clear(p); });
    } else if (op == 2) {
      const uint8_t prot = static_cast<uint8_t>(rng() % 4);
      bool all = true;
      each([&](uint64_t p) { all = all && model.prot.count(p); });
      ASSERT_EQ(m.protect(page, n, prot), all);
      if (all) each([&](uint64_t p) { model.prot[p] = prot; });
    } else if (op == 3 && values.size() < 6) {
      values.push_back(values[rng() % values.size()]);
    } else if (op == 4 && values.size() > 1) {
      const size_t to = rng() % values.size(), from = rng() % values.size();
      values[to] = values[from];
    } else {
      const uint64_t at = page + rng() % (2 * kPage);
      const unsigned size = 1u << rng() % 5;
      const bool write = rng() & 1;
      bool ok = true;
      for (uint64_t a = at; a < at + size; ++a) {
        const auto it = model.prot.find(page_of(a));
        ok = ok && it != model.prot.end() && (it->second & (write ? kWrite : kRead));
      }
      uint8_t buffer[16];
      for (uint8_t& b : buffer) b = static_cast<uint8_t>(rng());
      if (write) {
        ASSERT_EQ(m.write(at, buffer, size), ok);
        if (ok)
          for (unsigned i = 0; i < size; ++i) model.bytes[at + i] = buffer[i];
      } else {
        ASSERT_EQ(m.read(at, buffer, size), ok);
        for (unsigned i = 0; ok && i < size; ++i) {
          const auto it = model.bytes.find(at + i);
          ASSERT_EQ(buffer[i], it == model.bytes.end() ? 0 : it->second);
        }
      }
    }
  }
}

}  // namespace
}  // namespace deferscope::emu
