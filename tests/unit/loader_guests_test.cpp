// Go metadata of real programs, checked against what the same file says elsewhere: symbol table against pclntab and
// moduledata, the runtime's own symbols, stripped against unstripped reading.
#include "tests/unit/loader_guests.h"

#include <fmt/format.h>

#include <map>
#include <set>

#include "loader/image.h"

namespace deferscope::test {
namespace {

using namespace loader;

// A file's bytes with its section headers made unreachable: only segments and the bytes themselves are left.
std::vector<uint8_t> without_sections(const std::string& path) {
  std::vector<uint8_t> bytes = read_guest(path);
  if (bytes[0] == 0xcf) {  // Mach-O: each LC_SEGMENT_64 (0x19) has none
    const auto u32 = [&](size_t at) {
      uint32_t n;
      std::memcpy(&n, &bytes[at], 4);
      return n;
    };
    for (size_t at = 32; at < 32 + u32(20); at += u32(at + 4))
      if (u32(at) == 0x19) std::fill_n(bytes.begin() + static_cast<ptrdiff_t>(at) + 64, 4, uint8_t{0});  // nsects
    return bytes;
  }
  for (size_t at : {0x28, 0x29, 0x2a, 0x2b, 0x2c, 0x2d, 0x2e, 0x2f, 0x3c, 0x3d}) bytes[at] = 0;  // e_shoff, e_shnum
  return bytes;
}

TEST(LoaderGuests, EveryGuestIsRecognised) {
  DEFERSCOPE_NEED_PROGRAMS(files);
  for (const std::string& file : files) {
    SCOPED_TRACE(file);
    Image image = Image::load(file);
    const GoProgram* go = image.go();
    ASSERT_TRUE(go) << image.not_go();
    EXPECT_NE(go->version.source, VersionSource::pclntab_magic);
    EXPECT_GE(go->version.minor, go->pclntab.oldest_minor());
    EXPECT_LE(go->version.minor, go->pclntab.newest_minor());
    ASSERT_TRUE(go->moduledata);
    EXPECT_GE(go->version.minor, go->moduledata->oldest_minor);
    EXPECT_LE(go->version.minor, go->moduledata->newest_minor);
    EXPECT_EQ(go->goarch, to_string(image.isa()));
    EXPECT_EQ(go->goos, to_string(image.os()));
    EXPECT_TRUE(go->funcs.find_first("main.main"));
    EXPECT_FALSE(go->build.path.empty());
  }
}

TEST(LoaderGuests, SectionHeadersMakeNoDifference) {
  DEFERSCOPE_NEED_PROGRAMS(files);
  for (const std::string& file : files) {
    SCOPED_TRACE(file);
    Image with = Image::load(file), without = Image::parse(without_sections(file), file);
    EXPECT_TRUE(without.sections().empty());
    const GoProgram *a = with.go(), *b = without.go();
    ASSERT_TRUE(a && b) << without.not_go();
    EXPECT_EQ(a->version.text, b->version.text);
    EXPECT_EQ(a->pclntab.address, b->pclntab.address);
    ASSERT_TRUE(a->moduledata && b->moduledata);
    EXPECT_EQ(a->moduledata->address, b->moduledata->address);
    EXPECT_EQ(a->build.path, b->build.path);
    EXPECT_EQ(a->build.settings, b->build.settings);
    EXPECT_EQ(a->funcs.size(), b->funcs.size());
    EXPECT_EQ(a->funcs.first_pc(), b->funcs.first_pc());
    auto f = b->funcs.find_first("main.main");
    ASSERT_TRUE(f);
    EXPECT_EQ(b->funcs.at(f->entry + 1)->name, "main.main");
  }
}

TEST(LoaderGuests, ModuledataAgreesWithTheRuntimesSymbols) {
  DEFERSCOPE_NEED_PROGRAMS(files);
  for (const std::string& file : files) {
    SCOPED_TRACE(file);
    Image image = Image::load(file);
    if (image.symbols().empty() || !image.go() || image.uses_cgo()) continue;
    const ModuleData& m = image.go()->moduledata.value();
    const std::pair<const char*, uint64_t> expected[] = {
        {"runtime.firstmoduledata", m.address},
        {"runtime.text", m.text},
        {"runtime.etext", m.etext},
        {"runtime.noptrdata", m.noptrdata},
        {"runtime.enoptrdata", m.enoptrdata},
        {"runtime.data", m.data},
        {"runtime.edata", m.edata},
        {"runtime.bss", m.bss},
        {"runtime.ebss", m.ebss},
        {"runtime.noptrbss", m.noptrbss},
        {"runtime.enoptrbss", m.enoptrbss},
        {"runtime.end", m.end},
        {"runtime.types", m.types},
        {"runtime.etypes", m.etypes},
        {"runtime.pclntab", m.pclntab},
        {"runtime.findfunctab", m.findfunctab},
        {"runtime.epclntab", m.epclntab},
        {"go.func.*", m.gofunc},
        {"go:func.*", m.gofunc},
        {"runtime.rodata", m.rodata},
    };
    for (const auto& [name, address] : expected)
      if (auto symbol = image.symbols().find(name); symbol && address != 0) {
        EXPECT_EQ(symbol->address, address) << name;
      }
    auto first = image.symbols().find("runtime.firstmoduledata");
    ASSERT_TRUE(first);
    if (image.os() == Os::linux_) {
      EXPECT_EQ(first->size, m.size);
    } else {
      EXPECT_GE(first->size, m.size) << "Mach-O: up to the next symbol";
    }
  }
}

// The linker's spelling of a function name made the runtime's: ABI suffixes go, · stands for the dot, and 1.18 to 1.20
// elide type arguments.
std::string runtime_spelling(std::string name, int minor) {
  for (const char* suffix : {".abi0", ".abiinternal"})
    if (name.ends_with(suffix)) name.resize(name.size() - std::string(suffix).size());
  size_t open = name.find('['), close = name.rfind(']');
  if (minor >= 18 && minor <= 20 && open != std::string::npos && close != std::string::npos)
    name.replace(open, close + 1 - open, "[...]");
  return name;
}

std::string plain_dots(std::string_view name) {
  constexpr std::string_view kMiddleDot = "·";
  std::string plain;
  for (size_t i = 0; i < name.size(); i++) {
    bool dot = name.substr(i).starts_with(kMiddleDot);
    plain += dot ? '.' : name[i];
    i += dot ? kMiddleDot.size() - 1 : 0;
  }
  return plain;
}

TEST(LoaderGuests, PclntabAndSymbolTableNameTheSameFunctions) {
  DEFERSCOPE_NEED_PROGRAMS(files);
  for (const std::string& file : files) {
    SCOPED_TRACE(file);
    Image image = Image::load(file);
    if (image.symbols().empty() || !image.go() || image.uses_cgo()) continue;
    const FuncTable& funcs = image.go()->funcs;
    size_t checked = 0, different = 0;
    for (const Symbol& s : image.symbols().all()) {
      if (s.kind != SymbolKind::function || s.size == 0) continue;
      auto f = funcs.at(s.address);
      if (!f || f->entry != s.address) continue;
      checked++;
      std::string expected = runtime_spelling(std::string(s.name), image.go()->version.minor);
      if (image.os() == Os::darwin && expected.find('.') == std::string::npos) expected.erase(0, 1);  // "_cmpbody"
      if (plain_dots(f->name) != plain_dots(expected) && different++ < 5)
        ADD_FAILURE() << f->name << " in pclntab, " << s.name << " in the symbol table";
      const bool marker = image.os() == Os::darwin && expected.find('.') == std::string::npos;  // go:textfipsend
      if (f->end < s.address + s.size && !marker) ADD_FAILURE() << s.name << " ends too early";
    }
    EXPECT_GT(checked, funcs.size() / 2);
    EXPECT_EQ(different, 0u);
  }
}

TEST(LoaderGuests, EveryFunctionDecodesAndIsFoundByItsAddressAndName) {
  DEFERSCOPE_NEED_PROGRAMS(files);
  for (const std::string& file : files) {
    SCOPED_TRACE(file);
    Image image = Image::load(file);
    const FuncTable& funcs = image.go()->funcs;
    size_t with_inlining = 0;
    for (size_t i = 0; i < funcs.size(); i++) {
      Func f = funcs.func(i);
      ASSERT_LE(f.entry, f.end) << f.name;
      if (f.entry == f.end) continue;
      EXPECT_EQ(funcs.at(f.entry)->index, i) << f.name;
      EXPECT_EQ(funcs.at(f.end - 1)->index, i) << f.name;
      EXPECT_LT(f.deferreturn, f.end - f.entry) << f.name;
      EXPECT_TRUE(f.pcln == 0 || funcs.line(f, f.entry).line > 0) << f.name;
      uint64_t middle = f.entry + (f.end - f.entry) / 8 * 4;
      auto stack = funcs.inline_stack(f, middle);
      EXPECT_EQ(stack.back().function, f.name);
      with_inlining += stack.size() > 1;
      EXPECT_TRUE(f.pcsp == 0 || funcs.sp_delta(f, f.entry)) << f.name;
      for (uint32_t d = 0; d < f.nfuncdata; d++)
        if (auto address = funcs.funcdata(f, d)) {
          ASSERT_TRUE(image.memory().segment_at(*address)) << f.name << " funcdata " << d;
        }
      for (uint32_t d = 0; d < f.npcdata; d++)
        for (auto [end, value] : funcs.pcdata_runs(f, d)) ASSERT_LE(end, f.end) << f.name << " value " << value;
    }
    EXPECT_GT(with_inlining, 10u);
    for (const char* name : {"runtime.gopanic", "runtime.deferreturn", "main.main"}) {
      auto f = funcs.find_first(name);
      ASSERT_TRUE(f) << name;
      EXPECT_EQ(f->name, name);
      EXPECT_EQ(image.symbol_at(f->entry + 2)->name, name);
      EXPECT_EQ(image.symbol_at(f->entry + 2)->offset, 2u);
    }
    EXPECT_TRUE(funcs.find("no.such.function").empty());
    EXPECT_FALSE(funcs.at(funcs.first_pc() - 1));
    EXPECT_FALSE(funcs.at(funcs.end_pc()));
  }
}

// funcID numbers by version of functions that every program has.
struct FuncIdRow {
  int oldest, newest, goexit, gopanic, sigpanic;
};
constexpr FuncIdRow kFuncIds[] = {
    {12, 16, 2, 18, 9}, {17, 17, 7, 9, 19}, {18, 21, 7, 9, 18}, {22, 24, 8, 10, 19}, {25, 27, 8, 10, 20}};

TEST(LoaderGuests, FuncIdsAreTheVersions) {
  DEFERSCOPE_NEED_PROGRAMS(files);
  for (const std::string& file : files) {
    SCOPED_TRACE(file);
    Image image = Image::load(file);
    const GoProgram* go = image.go();
    for (const FuncIdRow& row : kFuncIds) {
      if (go->version.minor < row.oldest || go->version.minor > row.newest) continue;
      EXPECT_EQ(go->funcs.find_first("runtime.goexit")->func_id, row.goexit);
      EXPECT_EQ(go->funcs.find_first("runtime.gopanic")->func_id, row.gopanic);
      EXPECT_EQ(go->funcs.find_first("runtime.sigpanic")->func_id, row.sigpanic);
    }
  }
}

TEST(LoaderGuests, DataSymbolsAreNamed) {
  DEFERSCOPE_NEED_PROGRAMS(files);
  for (const std::string& file : files) {
    SCOPED_TRACE(file);
    Image image = Image::load(file);
    if (image.symbols().empty()) continue;
    auto m0 = image.find_symbol("runtime.m0");
    ASSERT_TRUE(m0);
    EXPECT_EQ(m0->kind, SymbolKind::data);
    auto inside = image.symbol_at(m0->address + 16);
    ASSERT_TRUE(inside);
    EXPECT_EQ(inside->name, "runtime.m0");
    EXPECT_EQ(inside->offset, 16u);
  }
}

}  // namespace
}  // namespace deferscope::test
