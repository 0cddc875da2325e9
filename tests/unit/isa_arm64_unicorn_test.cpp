// Every row of the table against Unicorn (QEMU's Arm as a library): random words of the row, random registers, vectors,
// flags and FPCR, memory with a bad second page. The whole state must be the same afterwards.
// DEFERSCOPE_ARM64_TRIALS=n: words per row.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string_view>

#include "isa_arm64_guest.h"

namespace deferscope::isa::arm64::test {
namespace {

// Rows that are not compared, by how the name begins, and why.
struct Exclusion {
  std::string_view row, reason;
};
constexpr Exclusion kExcluded[] = {
    {"MRS", "the values are our own CPU model's"},
    {"MSR", "Unicorn is at EL1 and may write more"},
    {"DC ", "Unicorn is at EL1 with its MMU off"},
    {"IC IVAU", "the same"},
    {"HVC", "Unicorn has an EL2"},
    {"SMC", "Unicorn has an EL3"},
    {"HLT", "semihosting in Unicorn"},
    {"HINT", "WFI and WFE stop Unicorn, and its CPU has pointer authentication"},
};

bool excluded(const Row& row) {
  for (const Exclusion& x : kExcluded)
    if (std::string_view(row.name).starts_with(x.row)) return true;
  return false;
}

// What the manual calls constrained unpredictable: a base that is written back and also a loaded or stored register, a
// pair loaded into one register, an exclusive store's status in one of its operands.
bool unpredictable(const Row& row, uint32_t word) {
  const std::string_view name = row.name;
  const uint32_t t = word & 31, n = word >> 5 & 31, u = word >> 10 & 31, w = word >> 16 & 31;
  const bool pair = name.starts_with("LDP") || name.starts_with("LDNP") || name.starts_with("STP") ||
                    name.starts_with("LDXP") || name.starts_with("LDAXP");
  if (pair && !name.starts_with("STP") && t == u) return true;
  const bool base_first = name.find("-index)") != name.npos && row.cls == Class::LoadStore && n != 31;
  if (base_first && (n == t || (pair && n == u))) return true;
  const bool status =
      name.starts_with("STXR") || name.starts_with("STLXR") || name.starts_with("STXP") || name.starts_with("STLXP");
  return status && (w == t || w == n || (name.find("XP") != name.npos && w == u));
}

// Unicorn gives misaligned exclusives and atomics no alignment fault (and restarts those that straddle pages).
void align_base(World& w, uint32_t word) { w.state.r[word >> 5 & 31] &= ~uint64_t{15}; }

// Unicorn forgets to check that the page of an atomic is writable, and that of an exclusive store without monitor
// (there the architecture leaves it open; ours checks).
bool unicorn_does_not_fault(const Row& row, const World& ours) {
  const bool code = ours.fault_address >= kCode && ours.fault_address < kCode + kCodeSize;  // mapped there only
  return code || (row.cls == Class::Atomic && ours.end == "page write");
}

// Unicorn 2.0.1 compares LDSMAX and its kin's operands without cutting or extending them to their size: the small sizes
// are tested by SmallExtremes.
bool unicorn_bug(const Row& row, uint32_t word) {
  const std::string_view name = row.name;
  return word >> 30 != 3 && (name.starts_with("LDSM") || name.starts_with("LDUM"));
}

// A literal load that reaches the data.
uint32_t aimed(const Row& row, uint32_t word, uint64_t pc, std::mt19937_64& rng) {
  if (std::string_view(row.name).find("(literal)") == std::string_view::npos) return word;
  const uint64_t target = kData + kPage - 64 + 4 * (rng() & 31);
  return (word & 0xff00001f) | static_cast<uint32_t>((target - pc) / 4) << 5;
}

unsigned trials() {
  const char* n = std::getenv("DEFERSCOPE_ARM64_TRIALS");
  return n ? static_cast<unsigned>(std::atoi(n)) : 30;
}
const char* only() { return std::getenv("DEFERSCOPE_ARM64_ROW"); }

// One trial; what differs, or nothing.
std::string compare(UnicornMachine& unicorn, const Row& row, std::mt19937_64& rng) {
  const uint32_t word = aimed(row, random_word(row, rng), unicorn.next(), rng);
  World before = random_world(rng);
  Lifted l;
  lift(word, 0, l);
  if (l.fault != Fault::None || unpredictable(row, word) || unicorn_bug(row, word))
    return "";  // the decoder's test says whether that is right
  before.state.pc = unicorn.place(word);
  if (row.cls == Class::Atomic) align_base(before, word);
  if (row.cls == Class::Branch)  // BR, BLR and RET to code
    before.state.r[word >> 5 & 31] = kCode + (rng() & (kCodeSize - 4));
  World ours = before, theirs = before;
  run_ours(word, ours);
  const std::string title =
      fmt::format("{}  {:08x}  (second page {})\n", row.name, word, static_cast<int>(before.second));
  if (ours.faulted()) {
    if (!untouched(before, ours)) return title + "a fault left a trace";
    if (unicorn_does_not_fault(row, ours)) return "";
  }
  unicorn.run(theirs);
  // Unicorn leaves half a transfer behind; what ours leaves was checked.
  if (ours.faulted() && theirs.end == ours.end) return "";
  const std::string d = difference(before, ours, theirs);
  return d.empty() ? "" : title + d;
}

void compare_rows(Class cls) {
  UnicornMachine unicorn;
  std::mt19937_64 rng(static_cast<uint64_t>(cls) + 1);
  for (const Row& row : rows()) {
    if (row.cls != cls || excluded(row)) continue;
    if (only() && !std::string_view(row.name).starts_with(only())) continue;
    unsigned failures = 0;
    for (unsigned k = 0; k < trials() && failures < 3; ++k) {
      const std::string d = compare(unicorn, row, rng);
      if (d.empty()) continue;
      ++failures;
      ADD_FAILURE() << d;
    }
  }
}

// Load and store exclusive of the same size to the same place (another size is constrained unpredictable).
TEST(Arm64Unicorn, ExclusivePairs) {
  UnicornMachine unicorn;
  std::mt19937_64 rng(99);
  for (unsigned k = 0; k < 400; ++k) {
    const auto bits = static_cast<uint32_t>(rng());
    const bool pair = bits & 1;
    const uint32_t size = pair ? 2 | (bits >> 1 & 1) : bits >> 1 & 3;
    const uint32_t base = 5;
    const auto exclusive = [&](uint32_t sz, uint32_t load, uint32_t status, uint32_t t, uint32_t t2) {
      return 0x08000000 | sz << 30 | load << 22 | (pair ? 1u : 0u) << 21 | status << 16 | (pair ? t2 : 31) << 10 |
             base << 5 | t;
    };
    const uint32_t load_word = exclusive(size, 1, 31, 6, 7), store_word = exclusive(size, 0, 8, 9, 10);
    World w = random_world(rng);
    w.second = SecondPage::Writable;
    w.state.r[base] = kData + (rng() & 0xff0);
    World before = w, theirs = w;
    for (uint32_t word : {load_word, store_word}) {
      w.state.pc = theirs.state.pc = unicorn.place(word);
      before = w;
      run_ours(word, w);
      unicorn.run(theirs);
      const std::string d = difference(before, w, theirs);
      EXPECT_EQ(d, "") << fmt::format("{:08x}", word);
      if (!d.empty()) return;
    }
  }
}

// LDSMAX, LDSMIN, LDUMAX, LDUMIN of T against C++'s own comparison.
template <class T>
void small_extremes(uint32_t opcode, bool max) {
  std::mt19937_64 rng(opcode);
  for (unsigned k = 0; k < 200; ++k) {
    World w = random_world(rng);
    w.second = SecondPage::Writable;
    w.state.pc = kCode;
    w.state.r[1] = kData + 64;
    T old, operand = static_cast<T>(w.state.r[2]);
    std::memcpy(&old, &w.data[64], sizeof(T));
    run_ours(
        0x38200000 | static_cast<uint32_t>(std::countr_zero(sizeof(T))) << 30 | 2 << 16 | opcode << 12 | 1 << 5 | 3, w);
    T now;
    std::memcpy(&now, &w.data[64], sizeof(T));
    EXPECT_EQ(now, max ? std::max(old, operand) : std::min(old, operand));
    EXPECT_EQ(w.state.r[3], static_cast<std::make_unsigned_t<T>>(old));
  }
}

TEST(Arm64Unicorn, SmallExtremes) {
  small_extremes<int8_t>(4, true), small_extremes<int16_t>(4, true), small_extremes<int32_t>(4, true);
  small_extremes<int8_t>(5, false), small_extremes<int16_t>(5, false), small_extremes<int32_t>(5, false);
  small_extremes<uint8_t>(6, true), small_extremes<uint16_t>(6, true), small_extremes<uint32_t>(6, true);
  small_extremes<uint8_t>(7, false), small_extremes<uint16_t>(7, false), small_extremes<uint32_t>(7, false);
}

TEST(Arm64Unicorn, DataProcessingImm) { compare_rows(Class::DataProcessingImm); }
TEST(Arm64Unicorn, DataProcessingReg) { compare_rows(Class::DataProcessingReg); }
TEST(Arm64Unicorn, Branch) { compare_rows(Class::Branch); }
TEST(Arm64Unicorn, System) { compare_rows(Class::System); }
TEST(Arm64Unicorn, LoadStore) { compare_rows(Class::LoadStore); }
TEST(Arm64Unicorn, Atomic) { compare_rows(Class::Atomic); }
TEST(Arm64Unicorn, FpScalar) { compare_rows(Class::FpScalar); }
TEST(Arm64Unicorn, Simd) { compare_rows(Class::Simd); }
TEST(Arm64Unicorn, SimdFp) { compare_rows(Class::SimdFp); }
TEST(Arm64Unicorn, SimdLoadStore) { compare_rows(Class::SimdLoadStore); }
TEST(Arm64Unicorn, Crypto) { compare_rows(Class::Crypto); }

}  // namespace
}  // namespace deferscope::isa::arm64::test
