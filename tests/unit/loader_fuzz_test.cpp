// Damaged files: whatever is flipped or cut off, loading and every lookup end with a value or with loader::Error, under
// the sanitizers too. The random numbers have a fixed seed: each run tests the same files.
#include <random>

#include "loader/dwarf.h"
#include "loader/image.h"
#include "tests/unit/loader_guests.h"
#include "tests/unit/loader_macho_builder.h"

namespace deferscope::test {
namespace {

using namespace loader;

// Asks for everything that an image can tell, ignoring the answers.
void look_at_everything(const Image& image) {
  (void)image.symbols().at(image.entry());
  (void)image.not_runnable();
  (void)image.listed_symbols();
  (void)image.exports().at(image.entry());
  (void)image.eh_frame().at(image.entry());
  const GoProgram* go = image.go();
  if (!go) return;
  (void)image.uses_cgo();
  size_t step = std::max<size_t>(1, go->funcs.size() / 64);
  for (size_t i = 0; i < go->funcs.size(); i += step) {
    Func f = go->funcs.func(i);
    uint64_t pc = f.entry + (f.end - f.entry) / 2;
    (void)go->funcs.at(pc);
    (void)go->funcs.sp_delta(f, pc);
    (void)go->funcs.inline_stack(f, pc);
    for (uint32_t d = 0; d < std::min(f.npcdata, 8u); d++) (void)go->funcs.pcdata(f, d, pc);
    for (uint32_t d = 0; d < std::min<uint32_t>(f.nfuncdata, 8u); d++) (void)go->funcs.funcdata(f, d);
  }
  (void)go->funcs.find("main.main");
}

void survive(ByteVector file) {
  try {
    look_at_everything(Image::parse(std::move(file), "damaged"));
  } catch (const Error& e) {
    EXPECT_EQ(std::string(e.what()).find('\n'), std::string::npos) << "one line";
  }
}

TEST(LoaderFuzz, FlippedBitsOfASmallFile) {
  ByteVector whole = small_elf().build();
  for (size_t bit = 0; bit < 8 * 0xb0; bit++) {  // the ELF header and both program headers
    ByteVector file = whole;
    file[bit / 8] ^= static_cast<uint8_t>(1 << (bit % 8));
    survive(std::move(file));
  }
}

TEST(LoaderFuzz, FlippedBitsOfASmallMachO) {
  const ByteVector whole = chained_macho().build();
  uint32_t commands;
  std::memcpy(&commands, &whole[20], 4);
  const std::pair<size_t, size_t> parts[] = {{0, 32 + commands}, {0x1000, 0x40}, {kSmallLinkedit, 0xc0}};
  for (auto [start, size] : parts)
    for (size_t bit = 8 * start; bit < 8 * (start + size); bit++) {
      ByteVector file = whole;
      file[bit / 8] ^= static_cast<uint8_t>(1 << (bit % 8));
      survive(std::move(file));
    }
}

TEST(LoaderFuzz, EveryTruncationOfASmallFile) {
  for (const ByteVector& whole : {small_elf().build(), chained_macho().build()})
    for (size_t size = 0; size < whole.size(); size += size < 0x100 ? 1 : 61)
      survive({whole.begin(), whole.begin() + static_cast<ptrdiff_t>(size)});
}

// Counts that no file has: nothing is allocated by them, and no time is lost.
TEST(LoaderFuzz, CountsOfAMachOThatLie) {
  const ByteVector whole = chained_macho().build();
  for (size_t at = 0; at + 4 <= 0x300; at += 4)
    for (uint32_t value : {0u, 1u, 0x7fffffffu, 0x80000000u, 0xffffffffu, 0xfffffff8u}) {
      ByteVector file = whole;
      put(&file, at, value);
      survive(std::move(file));
      put(&(file = whole), kSmallLinkedit + at, value);
      survive(std::move(file));
    }
}

// Where damage hurts most: file offsets of the headers, pclntab, moduledata, build info, symbol table and section
// headers.
std::vector<std::pair<size_t, size_t>> sore_spots(const Image& image, size_t file_size) {
  std::vector<std::pair<size_t, size_t>> spots = {{0, 0x40 + 56 * 8}, {file_size > 4096 ? file_size - 4096 : 0, 4096}};
  if (image.os() == Os::darwin) {
    spots[0].second = 0x1000;  // the load commands; then opcodes, symbols, indirect symbols
    for (const Segment& s : image.segments())
      if (s.name == "__LINKEDIT") spots.emplace_back(s.fileoff, s.filesz), spots.emplace_back(s.fileoff, 64);
  }
  auto add = [&](uint64_t address, uint64_t size) {
    if (const Segment* s = image.memory().segment_at(address))
      if (address - s->vaddr < s->filesz) spots.emplace_back(s->fileoff + (address - s->vaddr), size);
  };
  const GoProgram* go = image.go();
  add(go->pclntab.address, 128);
  add(go->pclntab.functab, go->pclntab.nfunc * 16);
  add(go->pclntab.address, go->pclntab.table.size());
  add(go->moduledata->address, go->moduledata->size);
  for (const char* name : {".go.buildinfo", ".text", "__go_buildinfo", "__text", "__nl_symbol_ptr"})
    if (const Section* s = image.section(name)) add(s->address, s->size);
  return spots;
}

TEST(LoaderFuzz, DamagedGuests) {
  DEFERSCOPE_NEED_PROGRAMS(files);
  std::mt19937 random(20261121);
  auto below = [&](size_t n) { return std::uniform_int_distribution<size_t>(0, n - 1)(random); };
  for (size_t round = 0; round < 160; round++) {
    const std::string& path = files[below(files.size())];
    SCOPED_TRACE(path);
    ByteVector file = read_guest(path);
    auto spots = sore_spots(Image::parse(file, path), file.size());
    for (size_t n = 1 + below(16); n > 0; n--) {
      auto [start, size] = spots[below(spots.size())];
      size_t at = std::min(file.size() - 1, start + below(std::max<size_t>(size, 1)));
      file[at] =
          below(3) == 0 ? static_cast<uint8_t>(0xff * below(2)) : static_cast<uint8_t>(file[at] ^ (1 << below(8)));
    }
    if (below(8) == 0) file.resize(below(file.size()));
    survive(std::move(file));
  }
}

// Asks for layouts, and for the variables of some functions and their places.
void look_at_dwarf(const Image& image) {
  auto dwarf = Dwarf::open(image);
  if (!dwarf || !image.go()) return;
  (void)dwarf_version(image);
  for (const char* type : {"runtime.g", "runtime._defer", "string"}) (void)dwarf->struct_layout(type);
  try {
    dwarf->each_line_row([](const LineRow&) {});
  } catch (const Error&) {
  }
  FrameAccess frame;
  frame.reg = [](unsigned r) { return std::optional<uint64_t>(r); };
  const FuncTable& funcs = image.go()->funcs;
  for (size_t i = 0; i < funcs.size(); i += std::max<size_t>(1, funcs.size() / 32)) {
    uint64_t pc = funcs.func(i).entry;
    if (auto info = dwarf->function_at(pc))
      for (const Variable& v : info->variables) (void)dwarf->locate(v, pc + 8, frame);
  }
}

TEST(LoaderFuzz, DamagedDwarf) {
  DEFERSCOPE_NEED_PROGRAMS(files);
  std::mt19937 random(20261122);
  auto below = [&](size_t n) { return std::uniform_int_distribution<size_t>(0, n - 1)(random); };
  size_t tested = 0;
  for (size_t round = 0; round < 60; round++) {
    const std::string& path = files[below(files.size())];
    SCOPED_TRACE(path);
    ByteVector file = read_guest(path);
    Image whole = Image::parse(file, path);
    std::vector<std::pair<uint64_t, uint64_t>> spots;
    for (const Section& s : whole.sections())
      if (s.size > 0 && s.bytes.size() == s.size && s.name.find("debug_") != s.name.npos)
        spots.emplace_back(s.fileoff, s.size);
    if (spots.empty()) continue;
    tested++;
    for (size_t n = 1 + below(8); n > 0; n--) {
      auto [start, size] = spots[below(spots.size())];
      file[start + below(below(2) ? size : std::min<uint64_t>(size, 256))] ^= static_cast<uint8_t>(1 << below(8));
    }
    try {
      look_at_dwarf(Image::parse(std::move(file), "damaged"));
    } catch (const Error& e) {
      EXPECT_EQ(std::string(e.what()).find('\n'), std::string::npos) << "one line";
    }
  }
  if (tested == 0) GTEST_SKIP() << "no guest with DWARF";
}

}  // namespace
}  // namespace deferscope::test
