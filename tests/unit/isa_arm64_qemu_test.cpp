// A second oracle: qemu-aarch64, newer than Unicorn's QEMU and with LSE at EL0. One static program is made of all
// trials: each loads a random state, executes its instruction and stores the state; the program writes all of them to
// its output.
#include <elf.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string_view>
#include <vector>

#include "isa_arm64_guest.h"

namespace deferscope::isa::arm64::test {
namespace {

// A state as the program loads and stores it, and the memory of atomics behind it.
struct Block {
  Vec v[32];
  uint64_t x[31], sp, nzcv, fpcr, fpsr, unused;
  uint8_t memory[32];
};
static_assert(sizeof(Block) == 832);
constexpr uint32_t kXOffset = 512, kSpOffset = 760, kNzcvOffset = 768, kFpcrOffset = 776, kFpsrOffset = 784,
                   kMemoryOffset = 800;
constexpr uint64_t kProgram = 0x400000;

// The few encodings that the program is made of.
struct Assembler {
  std::vector<uint32_t> code;
  void word(uint32_t w) { code.push_back(w); }
  void constant(uint32_t d, uint64_t x) {
    word(0xd2800000 | static_cast<uint32_t>(x & 0xffff) << 5 | d);
    word(0xf2a00000 | static_cast<uint32_t>(x >> 16 & 0xffff) << 5 | d);
  }
  void vectors(bool load, uint32_t base) {
    for (uint32_t i = 0; i < 32; i += 2)
      word((load ? 0xad400000 : 0xad000000) | i << 15 | (i + 1) << 10 | base << 5 | i);
  }
  void integer(bool load, uint32_t t, uint32_t base, uint32_t offset) {
    word((load ? 0xf9400000 : 0xf9000000) | offset / 8 << 10 | base << 5 | t);
  }
  void system(bool read, uint32_t reg, uint32_t t) { word((read ? 0xd5300000 : 0xd5100000) | reg << 5 | t); }
};
constexpr uint32_t kNzcv = 0x5a10, kFpcr = 0x5a20, kFpsr = 0x5a21, kTpidrEl0 = 0x5e82;

constexpr uint32_t kPointer = 30;  // the register that finds the block; TPIDR_EL0 keeps its value meanwhile

void trial(Assembler& a, uint32_t word, uint64_t in, uint64_t out) {
  a.constant(kPointer, in);
  a.vectors(true, kPointer);
  for (const auto& [reg, offset] : {std::pair{kNzcv, kNzcvOffset}, {kFpcr, kFpcrOffset}, {kFpsr, kFpsrOffset}}) {
    a.integer(true, 0, kPointer, offset);
    a.system(false, reg, 0);
  }
  a.integer(true, 0, kPointer, kSpOffset);
  a.word(0x9100001f);  // mov sp, x0
  for (uint32_t i = 0; i < 31; ++i) a.integer(true, i, kPointer, kXOffset + 8 * i);
  a.word(word);
  a.system(false, kTpidrEl0, kPointer);
  a.constant(kPointer, out);
  a.vectors(false, kPointer);
  for (uint32_t i = 0; i < 30; ++i) a.integer(false, i, kPointer, kXOffset + 8 * i);
  a.system(true, kTpidrEl0, 0);
  a.integer(false, 0, kPointer, kXOffset + 8 * 30);
  a.word(0x910003e0);  // mov x0, sp
  a.integer(false, 0, kPointer, kSpOffset);
  for (const auto& [reg, offset] : {std::pair{kNzcv, kNzcvOffset}, {kFpcr, kFpcrOffset}, {kFpsr, kFpsrOffset}}) {
    a.system(true, reg, 0);
    a.integer(false, 0, kPointer, offset);
  }
}

constexpr size_t kTrialWords = 2 + 16 + 6 + 2 + 31 + 1 + 1 + 2 + 16 + 30 + 2 + 2 + 6;

struct Trial {
  const Row* row;
  uint32_t word;
  World before;
};

constexpr uint64_t kAtomicPlace = kData + 256;
bool compared(const Row& row) {
  return row.cls != Class::Branch && row.cls != Class::System && row.cls != Class::LoadStore &&
         row.cls != Class::SimdLoadStore && !std::string_view(row.name).starts_with("ADR");
}
// Atomics only with a base that is no other operand: its value differs between the two worlds.
bool base_is_operand(uint32_t w) {
  const uint32_t n = w >> 5 & 31;
  for (uint32_t f : {w & 31, w >> 10 & 31, w >> 16 & 31})
    if (f == n || f + 1 == n) return true;
  return n == 31;
}

std::vector<Trial> trials() {
  std::vector<Trial> out;
  std::mt19937_64 rng(2024);
  for (const Row& row : rows())
    for (int k = 0; compared(row) && k < 12; ++k) {
      Trial t{&row, random_word(row, rng), random_world(rng)};
      Lifted l;
      lift(t.word, 0, l);
      if (l.fault != Fault::None) continue;
      if (row.cls == Class::Atomic) {
        if (base_is_operand(t.word)) continue;
        t.before.state.r[t.word >> 5 & 31] = kAtomicPlace;
      }
      t.before.state.pc = kCode;
      out.push_back(t);
    }
  return out;
}

Block block_of(const World& w, uint64_t memory_at) {
  Block b{};
  for (size_t i = 0; i < 32; ++i) b.v[i] = w.state.v[i];
  for (size_t i = 0; i < 31; ++i) b.x[i] = w.state.r[i] == kAtomicPlace ? memory_at : w.state.r[i];
  b.sp = w.state.r[kSp], b.nzcv = w.state.nzcv(), b.fpcr = w.state.fpcr, b.fpsr = w.state.fpsr;
  std::memcpy(b.memory, &w.data[kAtomicPlace - kData], sizeof b.memory);
  return b;
}

World world_of(const Block& b, const World& before, uint64_t memory_at) {
  World w = before;
  for (size_t i = 0; i < 32; ++i) w.state.v[i] = b.v[i];
  for (size_t i = 0; i < 31; ++i) w.state.r[i] = b.x[i] == memory_at ? kAtomicPlace : b.x[i];
  w.state.r[kSp] = b.sp, w.state.set_nzcv(b.nzcv);
  w.state.fpcr = static_cast<uint32_t>(b.fpcr), w.state.fpsr = static_cast<uint32_t>(b.fpsr);
  std::memcpy(&w.data[kAtomicPlace - kData], b.memory, sizeof b.memory);
  w.state.pc += 4;
  return w;
}

// The program: header, code, the blocks that go in, the blocks that come out.
std::string program(const std::vector<Trial>& all, uint64_t& out_base) {
  constexpr size_t kHeader = 4096;
  const size_t code_size = ((all.size() * kTrialWords + 16) * 4 + 15) / 16 * 16;
  const uint64_t in_base = kProgram + kHeader + code_size;
  out_base = in_base + all.size() * sizeof(Block);
  Assembler a;
  std::string blocks_in, blocks_out;
  for (size_t i = 0; i < all.size(); ++i) {
    const uint64_t out = out_base + i * sizeof(Block);
    trial(a, all[i].word, in_base + i * sizeof(Block), out);
    const Block b = block_of(all[i].before, out + kMemoryOffset);
    blocks_in.append(reinterpret_cast<const char*>(&b), sizeof b);
    blocks_out.append(reinterpret_cast<const char*>(&b), sizeof b);
  }
  a.constant(0, 1), a.constant(1, out_base), a.constant(2, blocks_out.size()), a.constant(8, 64);  // write
  a.word(0xd4000001);
  a.constant(0, 0), a.constant(8, 94);  // exit_group
  a.word(0xd4000001);
  const uint64_t size = kHeader + code_size + blocks_in.size() + blocks_out.size();
  Elf64_Ehdr eh{};
  std::memcpy(eh.e_ident, "\177ELF\2\1\1", 7);
  eh.e_type = ET_EXEC, eh.e_machine = EM_AARCH64, eh.e_version = 1, eh.e_entry = kProgram + kHeader;
  eh.e_phoff = sizeof eh, eh.e_ehsize = sizeof eh, eh.e_phentsize = sizeof(Elf64_Phdr), eh.e_phnum = 1;
  const Elf64_Phdr ph{PT_LOAD, PF_R | PF_W | PF_X, 0, kProgram, kProgram, size, size, 4096};
  std::string file(kHeader + code_size, '\0');
  std::memcpy(file.data(), &eh, sizeof eh);
  std::memcpy(file.data() + sizeof eh, &ph, sizeof ph);
  std::memcpy(file.data() + kHeader, a.code.data(), a.code.size() * 4);
  return file + blocks_in + blocks_out;
}

TEST(Arm64Qemu, EveryRowWithoutBranchesAndPlainLoads) {
  if (std::system("qemu-aarch64 --version > /dev/null 2>&1") != 0) GTEST_SKIP() << "no qemu-aarch64";
  const std::vector<Trial> all = trials();
  uint64_t out_base = 0;
  const std::string path = testing::TempDir() + fmt::format("isa_arm64_qemu.{}", getpid());
  std::ofstream(path, std::ios::binary) << program(all, out_base);
  ASSERT_EQ(std::system(fmt::format("chmod +x {0} && qemu-aarch64 -cpu max {0} > {0}.out", path).c_str()), 0);
  std::ifstream in(path + ".out", std::ios::binary);
  const std::string out((std::istreambuf_iterator<char>(in)), {});
  std::remove(path.c_str()), std::remove((path + ".out").c_str());
  ASSERT_EQ(out.size(), all.size() * sizeof(Block));
  EXPECT_GT(all.size(), 5000u);
  for (size_t i = 0; i < all.size(); ++i) {
    Block b;
    std::memcpy(&b, out.data() + i * sizeof b, sizeof b);
    World ours = all[i].before;
    run_ours(all[i].word, ours);
    const World theirs = world_of(b, all[i].before, out_base + i * sizeof b + kMemoryOffset);
    const std::string d = difference(all[i].before, ours, theirs);
    EXPECT_EQ(d, "") << fmt::format("{}  {:08x}  (second page 0)\n{}", all[i].row->name, all[i].word, d);
  }
}

}  // namespace
}  // namespace deferscope::isa::arm64::test
