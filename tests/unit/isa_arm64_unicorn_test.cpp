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

unsigned trials() {
  const char* n = std::getenv("DEFERSCOPE_ARM64_TRIALS");
  return n ? static_cast<unsigned>(std::atoi(n)) : 40;
}
const char* only() { return std::getenv("DEFERSCOPE_ARM64_ROW"); }

void compare_rows(Class cls) {
  UnicornMachine unicorn;
  std::mt19937_64 rng(static_cast<uint64_t>(cls) + 1);
  for (const Row& row : rows()) {
    if (row.cls != cls || excluded(row)) continue;
    if (only() && !std::string_view(row.name).starts_with(only())) continue;
    unsigned failures = 0;
    for (unsigned k = 0; k < trials() && failures < 3; ++k) {
      const uint32_t word = random_word(row, rng);
      World before = random_world(rng);
      Lifted l;
      lift(word, 0, l);
      if (l.fault != Fault::None) continue;  // the decoder's test says whether that is right
      before.state.pc = unicorn.place(word);
      World ours = before, theirs = before;
      run_ours(word, ours);
      unicorn.run(theirs);
      const std::string d = difference(before, ours, theirs);
      if (d.empty()) continue;
      ++failures;
      ADD_FAILURE() << fmt::format("{}  {:08x}  (second page {})\n{}", row.name, word, static_cast<int>(before.second), d);
    }
  }
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
