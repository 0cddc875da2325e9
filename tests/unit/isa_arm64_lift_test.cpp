// What the other oracles do not show: how many micro-ops the common instructions take, system registers, DC ZVA, what
// EL0 may not do, and which words of real programs have no row.
#include <elf.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>

#include "isa_arm64_guest.h"

namespace deferscope::isa::arm64::test {
namespace {

Lifted lifted(uint32_t word, uint64_t pc = kCode) {
  Lifted l;
  lift(word, pc, l);
  return l;
}

struct Common {
  uint32_t word;
  const char* text;
  int uops;
};

// The encodings are GNU as's; Go's programs consist of these.
constexpr Common kCommon[] = {
    {0x8b020020, "add x0, x1, x2", 1},
    {0x91004020, "add x0, x1, #16", 1},
    {0x8b020c20, "add x0, x1, x2, lsl #3", 1},
    {0xcb020c20, "sub x0, x1, x2, lsl #3", 2},
    {0xeb01001f, "cmp x0, x1", 1},
    {0xf100041f, "cmp x0, #1", 1},
    {0xeb2063ff, "cmp sp, x0", 1},
    {0x8b2363e0, "add x0, sp, x3", 1},
    {0x910003fd, "mov x29, sp", 1},
    {0xaa0103e0, "mov x0, x1", 1},
    {0xd2800020, "mov x0, #1", 1},
    {0xb24003e0, "mov x0, #1 (orr)", 1},
    {0xd37df020, "lsl x0, x1, #3", 1},
    {0xd343fc20, "lsr x0, x1, #3", 1},
    {0x9343fc20, "asr x0, x1, #3", 1},
    {0x53001c20, "uxtb w0, w1", 1},
    {0x93407c20, "sxtw x0, w1", 1},
    {0x9ac22020, "lsl x0, x1, x2", 1},
    {0x9a9f17e0, "cset x0, eq", 1},
    {0x9b027c20, "mul x0, x1, x2", 1},
    {0x9ac20820, "udiv x0, x1, x2", 1},
    {0xf9400420, "ldr x0, [x1, #8]", 1},
    {0xf8627820, "ldr x0, [x1, x2, lsl #3]", 1},
    {0x38626820, "ldrb w0, [x1, x2]", 1},
    {0xf8408420, "ldr x0, [x1], #8", 2},
    {0xf81f0ffe, "str x30, [sp, #-16]!", 2},
    {0xa9bf7bfd, "stp x29, x30, [sp, #-16]!", 2},
    {0xa94007e0, "ldp x0, x1, [sp]", 1},
    {0x3dc00020, "ldr q0, [x1]", 1},
    {0xad000420, "stp q0, q1, [x1]", 1},
    {0x90000000, "adrp x0, .", 1},
    {0x54000040, "b.eq .+8", 1},
    {0xb4000040, "cbz x0, .+8", 1},
    {0x37000040, "tbnz w0, #0, .+8", 1},
    {0x14000002, "b .+8", 1},
    {0x94000002, "bl .+8", 2},
    {0xd65f03c0, "ret", 1},
    {0xd63f0020, "blr x1", 2},
    {0x1e622820, "fadd d0, d1, d2", 1},
    {0x1e612000, "fcmp d0, d1", 1},
    {0xc85ffc20, "ldaxr x0, [x1]", 1},
    {0xc802fc20, "stlxr w2, x0, [x1]", 1},
    {0xf8e10022, "ldaddal x1, x2, [x1]", 5},
};

TEST(Arm64Lift, CommonInstructionsTakeFewMicroOps) {
  for (const Common& c : kCommon) EXPECT_EQ(lifted(c.word).count, c.uops) << c.text;
}

TEST(Arm64Lift, EveryRowFitsAndSaysItsEnd) {
  std::mt19937_64 rng(7);
  for (const Row& row : rows())
    for (int k = 0; k < 100; ++k) {
      const Lifted l = lifted(test::random_word(row, rng));
      ASSERT_EQ(l.length, 4) << row.name;
      ASSERT_LE(l.count, Lifted::kMax) << row.name;
      ASSERT_TRUE(l.fault == Fault::None ? l.count > 0 : l.count == 0) << row.name;
      for (int i = 0; i + 1 < l.count; ++i) {  // a control op is the last
        Lifted prefix = l;
        prefix.count = static_cast<uint8_t>(i + 1);
        ASSERT_FALSE(prefix.ends_block()) << row.name;
      }
    }
}

TEST(Arm64Lift, NamesAreUnique) {
  std::map<std::string, const Row*> seen;
  for (const Row& row : rows()) EXPECT_TRUE(seen.emplace(row.name, &row).second) << row.name;
}

TEST(Arm64Lift, WhatEl0MayNotDoIsUndefined) {
  for (uint32_t word : {0x00000000u, 0x00001234u, 0xd4000002u /* hvc */, 0xd4000003u /* smc */, 0xd4400000u /* hlt */,
                        0xd4a00001u /* dcps1 */, 0xd69f03e0u /* eret */, 0xd50342dfu /* msr daifset */,
                        0xd5381000u /* mrs x0, sctlr_el1 */, 0xd51bd060u /* msr tpidrro_el0, x0 */,
                        0xbea71700u /* Go's UNDEF */, 0x1ee22820u /* fadd h0, h1, h2: v8.2 */})
    EXPECT_EQ(lifted(word).fault, Fault::Undefined) << fmt::format("{:08x}", word);
}

TEST(Arm64Lift, ExceptionsCarryTheirNumber) {
  const Lifted brk = lifted(0xd4207d00);  // brk #1000
  ASSERT_EQ(brk.count, 1);
  EXPECT_EQ(brk.uops[0].op, Op::Trap);
  EXPECT_EQ(brk.uops[0].fault, Fault::Breakpoint);
  EXPECT_EQ(brk.uops[0].imm, 1000);
  EXPECT_EQ(lifted(0xd4001001).uops[0].op, Op::Syscall);  // svc #0x80
  EXPECT_EQ(lifted(0xd4001001).uops[0].imm, 0x80);
}

World after(uint32_t word, World w) {
  w.state.pc = kCode;
  run_ours(word, w);
  return w;
}

TEST(Arm64System, RegistersReadAndWrite) {
  World w;
  w.state.r[kTpidr] = 0x1234;
  w.state.r[kTpidrro] = 0x5678;
  w.state.set_nzcv(0xa0000000);
  w.state.fpcr = 0x00c00000, w.state.fpsr = 0x08000001;
  EXPECT_EQ(after(0xd53bd040, w).state.r[0], 0x1234u);         // mrs x0, tpidr_el0
  EXPECT_EQ(after(0xd53bd060, w).state.r[0], 0x5678u);         // mrs x0, tpidrro_el0
  EXPECT_EQ(after(0xd53b4200, w).state.r[0], 0xa0000000u);     // mrs x0, nzcv
  EXPECT_EQ(after(0xd53b4400, w).state.r[0], 0x00c00000u);     // mrs x0, fpcr
  EXPECT_EQ(after(0xd53b4420, w).state.r[0], 0x08000001u);     // mrs x0, fpsr
  EXPECT_EQ(after(0xd53b00e0, w).state.r[0], 4u);              // mrs x0, dczid_el0: 64 bytes
  EXPECT_EQ(after(0xd53be000, w).state.r[0], 1'000'000'000u);  // mrs x0, cntfrq_el0
  EXPECT_EQ(after(0xd5380600, w).state.r[0] >> 20 & 15, 2u);   // mrs x0, id_aa64isar0_el1: Atomic
  w.state.r[0] = 0x50000000;
  EXPECT_EQ(after(0xd51b4200, w).state.nzcv(), 0x50000000u);  // msr nzcv, x0
  EXPECT_EQ(after(0xd51bd040, w).state.r[kTpidr], 0x50000000u);
  w.state.r[0] = 0x02400000;
  EXPECT_EQ(after(0xd51b4400, w).state.fpcr, 0x02400000u);  // msr fpcr, x0
  w.state.r[0] = ~uint64_t{0};
  EXPECT_EQ(after(0xd51b4400, w).state.fpcr, 0x07c00000u);  // what there is
  w.state.r[0] = 0x1f;
  EXPECT_EQ(after(0xd51b4420, w).state.fpsr, 0x1fu);  // msr fpsr, x0
}

TEST(Arm64System, ZeroLineClearsTheWholeLineOrFaults) {
  World w;
  w.data.fill(0xff);
  w.state.r[3] = kData + 64 + 17;
  const World z = after(0xd50b7423, w);  // dc zva, x3
  for (size_t i = 0; i < 256; ++i) EXPECT_EQ(z.data[i], i >= 64 && i < 128 ? 0 : 0xff) << i;
  w.second = SecondPage::ReadOnly;
  w.state.r[3] = kData + kPage + 5;
  const World f = after(0xd50b7423, w);
  EXPECT_EQ(f.end, "page write");
  w.state.pc = kCode;
  EXPECT_TRUE(untouched(w, f));
}

// As hardware without LSE2 (Arm ARM, B2.5.2 "Alignment of data accesses"; Linux: SIGBUS, BUS_ADRALN).
TEST(Arm64Memory, AcquiresReleasesAndAtomicsAreAligned) {
  struct {
    uint32_t word;
    unsigned bytes;
  } const kCases[] = {{0x08dffc20, 1},  {0x48dffc20, 2}, {0x88dffc20, 4}, {0xc8dffc20, 8},  // ldarb…ldar x0, [x1]
                      {0x489ffc20, 2},  {0x889ffc20, 4}, {0xc89ffc20, 8},                   // stlrh…stlr x0, [x1]
                      {0x48a2fc20, 2},  {0x88e2fc20, 4}, {0xc8a27c20, 8},                   // cas x2, x0, [x1]
                      {0x78e20020, 2},  {0xb8220020, 4}, {0xf8e20020, 8},                   // ldadd x2, x0, [x1]
                      {0x78e28020, 2},  {0xb8a28020, 4}, {0xf8628020, 8},                   // swp x2, x0, [x1]
                      {0x48227c20, 16}, {0x08227c20, 8}};                                   // casp x2, x3, x0, x1, [x1]
  for (const auto& c : kCases)
    for (unsigned offset = 0; offset < 16; ++offset) {
      World w;
      w.state.r[1] = kData + 32 + offset;
      const World a = after(c.word, w);
      const bool fits = offset % c.bytes == 0;
      EXPECT_EQ(a.end, fits ? "next" : "alignment") << fmt::format("{:08x} at {}", c.word, offset);
      if (fits) continue;
      EXPECT_EQ(a.fault_address, kData + 32 + offset);
      w.state.pc = kCode;
      EXPECT_TRUE(untouched(w, a));
    }
}

TEST(Arm64System, HintsBarriersAndCacheMaintenanceDoNothing) {
  std::mt19937_64 rng(3);
  for (uint32_t word : {0xd503201fu /* nop */, 0xd503203fu /* yield */, 0xd503205fu /* wfe */,
                        0xd503233fu /* paciasp */, 0xd5033bbfu /* dmb ish */, 0xd5033b9fu /* dsb ish */,
                        0xd5033fdfu /* isb */, 0xd50b7b20u /* dc cvau, x0 */, 0xd50b7520u /* ic ivau, x0 */}) {
    World w = random_world(rng);
    w.state.pc = kCode;
    World a = after(word, w);
    EXPECT_EQ(a.state.pc, kCode + 4);
    a.state.pc = kCode;
    EXPECT_TRUE(untouched(w, a)) << fmt::format("{:08x}", word);
  }
}

TEST(Arm64Model, ModelsReportWhatTheyHave) {
  const CpuModel* v80 = find_cpu_model(Isa::arm64, "v8.0");
  const CpuModel* v81 = find_cpu_model(Isa::arm64, "v8.1");
  ASSERT_TRUE(v80 && v81);
  EXPECT_EQ(v81, &default_cpu_model(Isa::arm64));
  EXPECT_EQ(v80->features, feature::FP | feature::ASIMD);
  using namespace feature;
  EXPECT_EQ(v81->features, FP | ASIMD | AES | PMULL | SHA1 | SHA2 | CRC32 | ATOMICS | CPUID);
  const CpuModel* v82 = find_cpu_model(Isa::arm64, "v8.2");
  ASSERT_TRUE(v82);
  EXPECT_EQ(v82->features, v81->features | SHA512 | SHA3);
  EXPECT_EQ(find_cpu_model(Isa::arm64, "v9"), nullptr);
}

// The .text words of one little-endian ELF64 file.
std::vector<uint32_t> text_words(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  const std::string s((std::istreambuf_iterator<char>(in)), {});
  Elf64_Ehdr eh{};
  if (s.size() < sizeof eh) return {};
  std::memcpy(&eh, s.data(), sizeof eh);
  if (std::memcmp(eh.e_ident, ELFMAG, SELFMAG) != 0 || eh.e_machine != EM_AARCH64) return {};
  const auto section = [&](size_t i) {
    Elf64_Shdr sh{};
    if (eh.e_shoff + (i + 1) * sizeof sh <= s.size())
      std::memcpy(&sh, s.data() + eh.e_shoff + i * sizeof sh, sizeof sh);
    return sh;
  };
  const Elf64_Shdr names = section(eh.e_shstrndx);
  for (size_t i = 0; i < eh.e_shnum; ++i) {
    const Elf64_Shdr sh = section(i);
    const size_t name = names.sh_offset + sh.sh_name;
    if (name + 6 > s.size() || std::memcmp(s.data() + name, ".text", 6) != 0) continue;
    if (sh.sh_offset > s.size() || sh.sh_size > s.size() - sh.sh_offset) return {};
    std::vector<uint32_t> words(sh.sh_size / 4);
    std::memcpy(words.data(), s.data() + sh.sh_offset, words.size() * 4);
    return words;
  }
  return {};
}

// The coverage report: DEFERSCOPE_ARM64_BINARIES=<folder of ELF files>. Go keeps constants between its functions, so
// words without a row are listed, not failed; an Unimplemented one fails.
TEST(Arm64Coverage, RealPrograms) {
  const char* folder = std::getenv("DEFERSCOPE_ARM64_BINARIES");
  if (!folder) GTEST_SKIP() << "DEFERSCOPE_ARM64_BINARIES is not set";
  std::map<uint32_t, int> undefined;
  std::map<std::string, long> used;
  long total = 0, uops = 0;
  for (const auto& file : std::filesystem::directory_iterator(folder))
    for (uint32_t word : file.is_regular_file() ? text_words(file.path()) : std::vector<uint32_t>{}) {
      const Lifted l = lifted(word);
      ++total, uops += l.count;
      EXPECT_NE(l.fault, Fault::Unimplemented) << fmt::format("{:08x}", word);
      if (l.fault != Fault::None)
        ++undefined[word];
      else
        ++used[find(word)->name];
    }
  fmt::print("{} words, {:.3f} micro-ops each, {} of {} rows used\n", total,
             static_cast<double>(uops) / static_cast<double>(total), used.size(), rows().size());
  for (const auto& [word, n] : undefined) fmt::print("undefined {:08x} {}\n", word, n);
}

}  // namespace
}  // namespace deferscope::isa::arm64::test
