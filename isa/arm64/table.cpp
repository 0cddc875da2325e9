// The rows, checked at compile time, and the index by which a word finds its row.
#include "isa/arm64/table.h"

#include <algorithm>
#include <bit>
#include <vector>

#include "isa/arm64/lifts.h"
#include "isa/arm64/loads_stores.h"
#include "isa/arm64/simd.h"

namespace deferscope::isa::arm64 {

namespace {

// What version 8.0 lacks, by how its rows' names begin, or in full.
struct Later {
  std::string_view name;
  uint8_t first;
  bool whole = false;
};
constexpr auto kV81 = static_cast<uint8_t>(Level::v8_1), kV82 = static_cast<uint8_t>(Level::v8_2);
constexpr Later kLater[] = {{"CRC32", kV81},
                            {"LDLAR", kV81},
                            {"STLLR", kV81},
                            {"CAS", kV81},
                            {"SWP", kV81},
                            {"LDADD", kV81},
                            {"LDCLR", kV81},
                            {"LDEOR", kV81},
                            {"LDSET", kV81},
                            {"LDSMAX", kV81},
                            {"LDSMIN", kV81},
                            {"LDUMAX", kV81},
                            {"LDUMIN", kV81},
                            {"AES", kV81},
                            {"SHA1", kV81},
                            {"SHA256", kV81},
                            {"SHA512", kV82},
                            {"EOR3", kV82},
                            {"BCAX", kV82},
                            {"RAX1", kV82},
                            {"XAR", kV82},
                            {"SB", kNoModel, true},
                            {"MSR DIT, #imm", kNoModel, true}};

consteval uint8_t first_level(std::string_view name) {
  for (const Later& l : kLater)
    if (l.whole ? name == l.name : name.starts_with(l.name)) return l.first;
  return 0;
}

template <Pattern P, Signature<P>* F>
consteval Row row(const char* name, const char* bits, Class cls) {
  return Row{name, bits, kFields<P>.mask, kFields<P>.value, &CallLift<P, F>::call, cls, first_level(name)};
}

#define INSN(name, bits, cls, fn) row<bits, fn>(name, bits, Class::cls),
#define INST(name, bits, cls, ...) row<bits, __VA_ARGS__>(name, bits, Class::cls),
constexpr Row kRows[] = {
#include "isa/arm64/table.inc"
};
#undef INSN
#undef INST

// Of two rows that can match one word, one is a special case of the other.
consteval bool no_ambiguity() {
  for (size_t i = 0; i < std::size(kRows); ++i)
    for (size_t j = i + 1; j < std::size(kRows); ++j) {
      const Row &a = kRows[i], &b = kRows[j];
      if ((a.value ^ b.value) & a.mask & b.mask) continue;
      const uint32_t common = a.mask & b.mask;
      if (a.mask == b.mask || (common != a.mask && common != b.mask)) throw "two rows overlap";
    }
  return true;
}
static_assert(no_ambiguity());

// Words are sorted by the bits that tell most classes apart: 29…21, 15…14, 11…10.
constexpr uint32_t kKeyMask = 0x3fe0cc00;
constexpr uint32_t key(uint32_t word) { return (word >> 21 & 0x1ff) << 4 | (word >> 14 & 3) << 2 | (word >> 10 & 3); }

struct Index {
  std::vector<uint16_t> order;  // rows of bucket 0, of bucket 1, …, the most special first
  std::vector<uint32_t> first;  // of a bucket in `order`; one more at the end
  static constexpr size_t kBuckets = 1 << 13;

  Index() {
    std::vector<std::vector<uint16_t>> buckets(kBuckets);
    for (size_t i = 0; i < std::size(kRows); ++i) {
      const uint32_t open = kKeyMask & ~kRows[i].mask;  // every value of the key's bits that the row leaves open
      for (uint32_t v = open;; v = (v - 1) & open) {
        buckets[key(kRows[i].value | v)].push_back(static_cast<uint16_t>(i));
        if (v == 0) break;
      }
    }
    first.push_back(0);
    for (auto& b : buckets) {
      std::stable_sort(b.begin(), b.end(), [](uint16_t x, uint16_t y) {
        return std::popcount(kRows[x].mask) > std::popcount(kRows[y].mask);
      });
      order.insert(order.end(), b.begin(), b.end());
      first.push_back(static_cast<uint32_t>(order.size()));
    }
  }
};

}  // namespace

std::span<const Row> rows() { return kRows; }

const Row* find(uint32_t word) {
  static const Index index;
  const uint32_t k = key(word);
  for (uint32_t i = index.first[k]; i < index.first[k + 1]; ++i) {
    const Row& r = kRows[index.order[i]];
    if ((word & r.mask) == r.value) return &r;
  }
  return nullptr;
}

}  // namespace deferscope::isa::arm64
