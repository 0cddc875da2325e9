// .eh_frame: rows of a section made here, of this program's own against what its frames show, and damage.
#include <dlfcn.h>
#include <gtest/gtest.h>

#include <random>

#include "loader/eh_frame.h"
#include "loader/image.h"

namespace deferscope::test {
namespace {

using loader::EhFrame;
using loader::FrameRow;
using loader::SavedRegister;
using Bytes = std::vector<uint8_t>;

void put32(Bytes& out, uint32_t v) {
  for (int i = 0; i < 4; ++i) out.push_back(static_cast<uint8_t>(v >> 8 * i));
}

// A record with its length, filled up with nops.
void add_record(Bytes& out, Bytes record) {
  while (record.size() % 4 != 0) record.push_back(0);
  put32(out, static_cast<uint32_t>(record.size()));
  out.insert(out.end(), record.begin(), record.end());
}

constexpr uint64_t kAt = 0x10000, kFunction = 0x20000;

// One function of 64 bytes as gcc writes it for x86-64: push rbp at +1, sub rsp at +8, epilogue in the middle at +20,
// whose state is left again at +21.
Bytes section() {
  Bytes out, common, entry;
  put32(common, 0);
  for (const char c : std::string("\1zR")) common.push_back(static_cast<uint8_t>(c));
  for (const int b : {0, 1, 0x78, 16, 1, 0x1b})
    common.push_back(static_cast<uint8_t>(b));  // align 1, -8; RA 16; pcrel sdata4
  for (const int b : {0x0c, 7, 8, 0x90, 1}) common.push_back(static_cast<uint8_t>(b));  // CFA rsp+8, RA at CFA-8
  add_record(out, common);
  put32(entry, static_cast<uint32_t>(out.size() + 4));  // back to the first
  put32(entry, static_cast<uint32_t>(kFunction - (kAt + out.size() + 8)));
  put32(entry, 64);
  entry.push_back(0);
  for (const int b : {0x41, 0x0e, 16, 0x86, 2,    // +1: CFA rsp+16, rbp at CFA-16
                      0x47, 0x0e, 0x90, 0x01,     // +8: CFA rsp+144
                      0x4c, 0x0a, 0x0e, 8, 0xc6,  // +20: remember; CFA rsp+8, rbp as at the beginning
                      0x41, 0x0b})                // +21: as before
    entry.push_back(static_cast<uint8_t>(b));
  add_record(out, entry);
  put32(out, 0);
  return out;
}

TEST(EhFrame, SaysWhereEachInstructionHasItsCaller) {
  const Bytes bytes = section();
  const EhFrame frames(bytes, kAt);
  ASSERT_EQ(frames.size(), 1u);
  const struct {
    uint64_t offset;
    int64_t cfa;
    bool saves_rbp;
  } kRows[] = {{0, 8, false},   {1, 16, true},  {7, 16, true},   {8, 144, true},
               {19, 144, true}, {20, 8, false}, {21, 144, true}, {63, 144, true}};
  for (const auto& want : kRows) {
    SCOPED_TRACE(want.offset);
    const std::optional<FrameRow> row = frames.at(kFunction + want.offset);
    ASSERT_TRUE(row && row->cfa_known);
    EXPECT_EQ(row->cfa_register, 7u);
    EXPECT_EQ(row->cfa_offset, want.cfa);
    EXPECT_EQ(row->return_register, 16u);
    EXPECT_EQ(row->registers[16].kind, SavedRegister::at_cfa);
    EXPECT_EQ(row->registers[16].value, -8);
    EXPECT_EQ(row->registers[6].kind, want.saves_rbp ? SavedRegister::at_cfa : SavedRegister::same);
    EXPECT_EQ(row->registers[6].value, want.saves_rbp ? -16 : 0);
  }
  EXPECT_FALSE(frames.at(kFunction - 1));
  EXPECT_FALSE(frames.at(kFunction + 64));
}

TEST(EhFrame, DamageIsNoRowOrAnotherOne) {
  const Bytes whole = section();
  for (size_t bit = 0; bit < 8 * whole.size(); ++bit) {
    Bytes damaged = whole;
    damaged[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    const EhFrame frames(damaged, kAt);
    for (uint64_t at = 0; at < 64; at += 3) (void)frames.at(kFunction + at);
  }
  for (size_t size = 0; size < whole.size(); ++size) {
    const EhFrame frames(loader::Bytes(whole).first(size), kAt);
    (void)frames.at(kFunction + 30);
  }
  std::mt19937_64 random(1);
  for (int i = 0; i < 2000; ++i) {
    Bytes noise = whole;
    for (int n = 0; n < 8; ++n) noise[random() % noise.size()] = static_cast<uint8_t>(random());
    const EhFrame frames(noise, kAt);
    (void)frames.at(kFunction + random() % 64);
  }
}

// Nearly every function of the C library on this machine has a row at its first instruction: nothing is saved yet.
TEST(EhFrame, TheCLibrarysFunctionsBeginWithTheirCallersFrame) {
  Dl_info info{};
  ASSERT_NE(dladdr(reinterpret_cast<void*>(&std::abort), &info), 0);
  const loader::Image image = loader::Image::load(info.dli_fname);
  size_t functions = 0, rows = 0;
  for (const loader::Symbol& s : image.exports().all()) {
    if (s.kind != loader::SymbolKind::function || s.size < 16) continue;
    ++functions;
    const auto row = image.eh_frame().at(s.address);
    if (!row) continue;
    ++rows;
    EXPECT_TRUE(row->cfa_known) << s.name;
    if (image.isa() == isa::Isa::x86_64) {
      EXPECT_EQ(row->cfa_register, 7u) << s.name;
      EXPECT_EQ(row->cfa_offset, 8) << s.name;
    }
  }
  EXPECT_GT(functions, 500u);
  EXPECT_GT(rows, functions * 9 / 10);
}

}  // namespace
}  // namespace deferscope::test
