// DWARF: location expressions and lists by hand; real programs against the runtime's layouts, pclntab and the
// moduledata in the same file.
#include <dwarf.h>

#include <map>
#include <set>

#include "loader/dwarf.h"
#include "loader/dwarf_lists.h"
#include "tests/unit/loader_guests.h"
#include "tests/unit/loader_macho_wrap.h"

namespace deferscope::test {
namespace {

using namespace loader;

uint64_t no_addresses(uint64_t index) { throw Error("no address " + std::to_string(index)); }

// CFA 0x1000; register n holds 100 + n except 5, which is unknown; memory at a holds the byte a & 0xff.
FrameAccess frame() {
  FrameAccess f;
  f.cfa = 0x1000;
  f.reg = [](unsigned r) { return r == 5 ? std::nullopt : std::optional<uint64_t>(100 + r); };
  f.read = [](uint64_t address, std::span<uint8_t> out) {
    for (size_t i = 0; i < out.size(); i++) out[i] = static_cast<uint8_t>(address + i);
    return address < 0x2000;
  };
  return f;
}

using Code = std::vector<uint8_t>;

struct LocationCase {
  const char* name;
  Code code;
  std::string expected;  // kind:value/size for each piece
};

std::string spell(const Location& location) {
  std::string text;
  for (const Piece& p : location.pieces) {
    const char* kinds[] = {"memory", "reg", "constant", "gone"};
    text += std::string(text.empty() ? "" : " ") + kinds[static_cast<int>(p.kind)] + ":" + std::to_string(p.value) +
            "/" + std::to_string(p.size);
  }
  return text;
}

const LocationCase kLocations[] = {
    {"nowhere", {}, ""},
    {"argument at 0", {DW_OP_call_frame_cfa}, "memory:4096/0"},
    {"argument at 8", {DW_OP_fbreg, 8}, "memory:4104/0"},
    {"local at -16", {DW_OP_fbreg, 0x70}, "memory:4080/0"},
    {"old Go: cfa consts plus", {DW_OP_call_frame_cfa, DW_OP_consts, 0x78, DW_OP_plus}, "memory:4088/0"},
    {"register", {DW_OP_reg3}, "reg:3/0"},
    {"register by number", {DW_OP_regx, 17}, "reg:17/0"},
    {"string in registers", {DW_OP_reg0, DW_OP_piece, 8, DW_OP_reg3, DW_OP_piece, 8}, "reg:0/8 reg:3/8"},
    {"half gone", {DW_OP_piece, 8, DW_OP_fbreg, 0x78, DW_OP_piece, 8}, "gone:0/8 memory:4088/8"},
    {"constant", {DW_OP_lit7, DW_OP_stack_value}, "constant:7/0"},
    {"global", {DW_OP_addr, 0, 2, 0, 0, 0, 0, 0, 0}, "memory:1536/0"},
    {"register and offset", {DW_OP_breg2, 4}, "memory:106/0"},
    {"unknown register", {DW_OP_breg5, 4}, "gone:0/0"},
    {"behind a pointer", {DW_OP_fbreg, 0, DW_OP_deref}, "memory:506097522914230528/0"},
    {"pointer unreadable", {DW_OP_const2u, 0, 0x20, DW_OP_deref}, "gone:0/0"},
};

TEST(LoaderDwarf, LocationExpressions) {
  for (const LocationCase& c : kLocations)
    EXPECT_EQ(spell(evaluate_location(c.code, frame(), 0x400, no_addresses)), c.expected) << c.name;
}

TEST(LoaderDwarf, DamagedExpressionsSayWhy) {
  auto line = [](const Code& code) -> std::string {
    try {
      return spell(evaluate_location(code, frame(), 0, no_addresses));
    } catch (const Error& e) {
      return e.what();
    }
  };
  EXPECT_EQ(line({DW_OP_plus}), "corrupt DWARF: a location expression takes from an empty stack");
  EXPECT_EQ(line({DW_OP_addr, 1, 2}), "corrupt DWARF: a location expression is cut off");
  EXPECT_EQ(line({DW_OP_fbreg, 0x80}), "corrupt DWARF: a location expression is cut off");
  EXPECT_EQ(line(Code(300, DW_OP_lit1)), "corrupt DWARF: a location expression needs too much stack");
  EXPECT_EQ(line({0xe0}), "DWARF operation 0xe0 in a location is not supported");
}

TEST(LoaderDwarf, ReadsValuesFromPieces) {
  Location split =
      evaluate_location(Code{DW_OP_reg0, DW_OP_piece, 2, DW_OP_fbreg, 0, DW_OP_piece, 2}, frame(), 0, no_addresses);
  EXPECT_EQ(read_location(split, 4, frame()), (Code{100, 0, 0, 1}));
  EXPECT_FALSE(read_location(split, 3, frame())) << "pieces larger than the variable";
  EXPECT_EQ(read_location(split, 2, frame()), (Code{100, 0})) << "a piece behind the variable";
  Location gone = evaluate_location(Code{DW_OP_piece, 2, DW_OP_reg0, DW_OP_piece, 2}, frame(), 0, no_addresses);
  EXPECT_FALSE(gone.optimised_away());
  EXPECT_FALSE(read_location(gone, 4, frame()));
  EXPECT_TRUE(evaluate_location(Code{}, frame(), 0, no_addresses).optimised_away());
}

template <class... T>
Code bytes_of(T... values) {
  Code out;
  (out.insert(out.end(), reinterpret_cast<const uint8_t*>(&values),
              reinterpret_cast<const uint8_t*>(&values) + sizeof values),
   ...);
  return out;
}

std::string spell_list(bool locations, Bytes section, const ListUnit& unit) {
  std::string text;
  auto visit = [&](uint64_t low, uint64_t high, Bytes expression) {
    text += std::to_string(low) + "-" + std::to_string(high) + ":" + std::to_string(expression.size()) + " ";
    return true;
  };
  (locations ? each_location : each_range)(section, 0, unit, visit);
  return text;
}

TEST(LoaderDwarf, ListsOfBothVersions) {
  ListUnit four;
  four.version = 4;
  four.base = 1000;
  Code pairs = bytes_of(uint64_t{1}, uint64_t{5}, ~uint64_t{0}, uint64_t{2000}, uint64_t{0}, uint64_t{3}, uint64_t{0},
                        uint64_t{0});
  EXPECT_EQ(spell_list(false, pairs, four), "1001-1005:0 2000-2003:0 ");
  Code locations = bytes_of(uint64_t{1}, uint64_t{5}, uint16_t{1}, uint8_t{DW_OP_reg0}, uint64_t{0}, uint64_t{0});
  EXPECT_EQ(spell_list(true, locations, four), "1001-1005:1 ");

  Code addresses = bytes_of(uint64_t{0}, uint64_t{100}, uint64_t{200});  // 8 bytes of header, then two entries
  ListUnit five;
  five.version = 5;
  five.base = 1000;
  five.addr_base = 8;
  five.debug_addr = addresses;
  EXPECT_EQ(spell_list(false,
                       Code{DW_RLE_offset_pair, 1, 2, DW_RLE_base_addressx, 1, DW_RLE_offset_pair, 3, 4,
                            DW_RLE_startx_endx, 0, 1, DW_RLE_startx_length, 0, 9, DW_RLE_end_of_list},
                       five),
            "1001-1002:0 203-204:0 100-200:0 100-109:0 ");
  EXPECT_EQ(
      spell_list(true, Code{DW_LLE_startx_length, 1, 2, 1, DW_OP_reg0, DW_LLE_default_location, 0, DW_LLE_end_of_list},
                 five),
      "200-202:1 0-18446744073709551615:0 ");
  Code with_addresses =
      bytes_of(uint8_t{DW_RLE_base_address}, uint64_t{50}, uint8_t{DW_RLE_start_length}, uint64_t{7}, uint8_t{1},
               uint8_t{DW_RLE_start_end}, uint64_t{8}, uint64_t{9}, uint8_t{DW_RLE_end_of_list});
  EXPECT_EQ(spell_list(false, with_addresses, five), "7-8:0 8-9:0 ");

  EXPECT_THROW(spell_list(false, Code{DW_RLE_offset_pair, 1}, five), Error) << "cut off";
  EXPECT_THROW(spell_list(false, Code{DW_RLE_base_addressx, 7}, five), Error) << "no such address";
  EXPECT_THROW(spell_list(false, Code{99}, five), Error) << "unknown kind";
}

// Facts §1, measured by another reader of DWARF: offset of link in _defer and goid in g, sizes.
struct LayoutRow {
  int oldest, newest;
  uint64_t defer_size, defer_link, goid, panic_size;
};
constexpr LayoutRow kLayouts[] = {
    {12, 13, 48, 40, 152, 40},  {14, 21, 72, 40, 152, 56},  {22, 22, 48, 32, 152, 104},
    {23, 24, 48, 32, 160, 104}, {25, 26, 48, 32, 152, 104}, {27, 27, 48, 32, 152, 96},
};

TEST(LoaderDwarf, LayoutsAreTheMeasuredOnes) {
  DEFERSCOPE_NEED_GUESTS(files);
  size_t tested = 0;
  for (const std::string& file : files) {
    SCOPED_TRACE(file);
    Image image = Image::load(file);
    auto dwarf = Dwarf::open(image);
    if (!dwarf) continue;
    tested++;
    int minor = image.go()->version.minor;
    EXPECT_EQ(dwarf->version(), minor >= 25 ? 5 : 4);
    EXPECT_EQ(dwarf_version(image), dwarf->version());
    for (const LayoutRow& row : kLayouts) {
      if (minor < row.oldest || minor > row.newest) continue;
      auto record = dwarf->struct_layout("runtime._defer"), g = dwarf->struct_layout("runtime.g");
      ASSERT_TRUE(record && g);
      EXPECT_EQ(record->size, row.defer_size);
      ASSERT_TRUE(record->field("link"));
      EXPECT_EQ(record->field("link")->offset, row.defer_link);
      EXPECT_EQ(record->field("link")->type, "*runtime._defer");
      EXPECT_EQ(g->field("goid")->offset, row.goid);
      EXPECT_EQ(g->field("goid")->size, 8u);
      EXPECT_EQ(dwarf->type_size("runtime._panic"), row.panic_size);
      EXPECT_EQ(dwarf->type_size("string"), 16u);
    }
    EXPECT_FALSE(dwarf->struct_layout("no.such.type"));
    EXPECT_FALSE(dwarf->struct_layout("uintptr")) << "not a struct";
  }
  if (tested == 0) GTEST_SKIP() << "no guest with DWARF";
}

// The table of moduledata offsets in this room against the file's own description of moduledata.
TEST(LoaderDwarf, ModuledataRowsAgreeWithDwarf) {
  DEFERSCOPE_NEED_GUESTS(files);
  for (const std::string& file : files) {
    SCOPED_TRACE(file);
    Image image = Image::load(file);
    auto dwarf = Dwarf::open(image);
    if (!dwarf) continue;
    const ModuleData& m = image.go()->moduledata.value();
    auto layout = dwarf->struct_layout("runtime.moduledata");
    ASSERT_TRUE(layout);
    EXPECT_EQ(layout->size, m.size);
    const std::pair<const char*, uint64_t> ours[] = {{"findfunctab", m.findfunctab},
                                                     {"minpc", m.minpc},
                                                     {"maxpc", m.maxpc},
                                                     {"text", m.text},
                                                     {"etext", m.etext},
                                                     {"noptrdata", m.noptrdata},
                                                     {"enoptrdata", m.enoptrdata},
                                                     {"data", m.data},
                                                     {"edata", m.edata},
                                                     {"bss", m.bss},
                                                     {"ebss", m.ebss},
                                                     {"noptrbss", m.noptrbss},
                                                     {"enoptrbss", m.enoptrbss},
                                                     {"end", m.end},
                                                     {"gcdata", m.gcdata},
                                                     {"gcbss", m.gcbss},
                                                     {"types", m.types},
                                                     {"etypes", m.etypes},
                                                     {"rodata", m.rodata},
                                                     {"gofunc", m.gofunc},
                                                     {"epclntab", m.epclntab},
                                                     {"textsectmap", m.textsectmap},
                                                     {"hasmain", m.has_main}};
    for (const auto& [name, value] : ours) {
      const Field* field = layout->field(name);
      if (!field) {
        EXPECT_EQ(value, 0u) << name;
        continue;
      }
      uint64_t stored = field->size == 1 ? image.memory().read_u8(m.address + field->offset).value()
                                         : image.read_u64(m.address + field->offset).value();
      EXPECT_EQ(stored, value) << name;
    }
  }
}

TEST(LoaderDwarf, FunctionsAreThoseOfPclntabAndEveryLocationDecodes) {
  DEFERSCOPE_NEED_GUESTS(files);
  for (const std::string& file : files) {
    SCOPED_TRACE(file);
    Image image = Image::load(file);
    auto dwarf = Dwarf::open(image);
    if (!dwarf || image.uses_cgo()) continue;
    const FuncTable& funcs = image.go()->funcs;
    size_t found = 0, variables = 0, placed = 0;
    for (size_t i = 0; i < funcs.size(); i += 7) {
      Func f = funcs.func(i);
      auto info = dwarf->function_at(f.entry);
      if (!info) continue;
      found++;
      EXPECT_EQ(info->entry, f.entry) << f.name;
      EXPECT_LE(info->end, f.end) << f.name;
      for (const Variable& v : info->variables) {
        variables++;
        bool anywhere = false;
        for (uint64_t pc = info->entry; pc < info->end; pc += 1 + (info->end - info->entry) / 8)
          anywhere = !dwarf->locate(v, pc, frame()).optimised_away() || anywhere;
        placed += anywhere;
      }
    }
    EXPECT_GT(found, funcs.size() / 7 / 2);
    EXPECT_GT(placed * 2, variables) << "most variables are somewhere";
    auto gopanic = dwarf->function_at(funcs.find_first("runtime.gopanic")->entry + 1);
    ASSERT_TRUE(gopanic);
    EXPECT_EQ(gopanic->name, "runtime.gopanic");
    ASSERT_FALSE(gopanic->variables.empty());
    EXPECT_EQ(gopanic->variables[0].name, "e");
    EXPECT_EQ(gopanic->variables[0].size, 16u);
    EXPECT_EQ(gopanic->variables[0].role, VariableRole::parameter);
    EXPECT_FALSE(dwarf->function_at(0));
    EXPECT_FALSE(dwarf->function_at(UINT64_MAX));
  }
}

// Each parameter and result once; what moved to the heap is what it was declared as.
TEST(LoaderDwarf, ParametersAndResultsOnce) {
  DEFERSCOPE_NEED_GUESTS(files);
  size_t results = 0, moved = 0;
  for (const std::string& file : files) {
    SCOPED_TRACE(file);
    Image image = Image::load(file);
    auto dwarf = Dwarf::open(image);
    if (!dwarf || image.uses_cgo()) continue;
    for (size_t i = 0; i < image.go()->funcs.size(); i += 3) {
      const auto info = dwarf->function_at(image.go()->funcs.func(i).entry);
      if (!info) continue;
      std::set<std::string> seen;
      for (const Variable& v : info->variables) {
        if (!v.inlined_from.empty() || v.role == VariableRole::local || v.name == "_") continue;
        const std::string name = v.name.substr(v.name[0] == '&');
        EXPECT_TRUE(seen.insert(name).second) << info->name << " has " << name << " twice";
        results += v.role == VariableRole::result;
        moved += v.before_heap != nullptr;
      }
    }
  }
  EXPECT_GT(results, 0u);
  EXPECT_GT(moved, 0u);
}

// A variable that a call finds in a register is, for whoever looks at the caller meanwhile, where the return finds it.
TEST(LoaderDwarf, CallersHaveTheirVariablesInMemory) {
  DEFERSCOPE_NEED_GUESTS(files);
  size_t in_registers = 0;
  const auto kind = [](const Location& l) { return l.pieces.size() == 1 ? l.pieces[0].kind : Piece::Kind::constant; };
  for (const std::string& file : files) {
    SCOPED_TRACE(file);
    Image image = Image::load(file);
    auto dwarf = Dwarf::open(image);
    if (!dwarf || image.uses_cgo()) continue;
    for (size_t i = 0; i < image.go()->funcs.size(); i += 29) {
      const auto info = dwarf->function_at(image.go()->funcs.func(i).entry);
      if (!info) continue;
      for (const Variable& v : info->variables) {
        if (!v.list || !v.inlined_from.empty()) continue;
        for (uint64_t pc = info->entry + 1; pc < info->end; ++pc) {
          const Location before = dwarf->locate(v, pc - 1, frame()), behind = dwarf->locate(v, pc, frame());
          const Location at = dwarf->locate_in_caller(v, pc, frame());
          if (before.pieces.size() > 1 || behind.pieces.size() > 1) continue;
          const bool unknown = before.optimised_away() || kind(before) == Piece::Kind::reg;
          const bool there = unknown && kind(behind) == Piece::Kind::memory;
          in_registers += there && !before.optimised_away();
          EXPECT_EQ(spell(at), spell(there ? behind : before)) << info->name << " " << v.name << " at " << pc;
        }
      }
    }
  }
  EXPECT_GT(in_registers, 0u);
}

// Calls `check` for each guest that has DWARF; gives how many there were.
template <typename Check>
size_t with_dwarf(const std::vector<std::string>& files, Check check) {
  size_t tested = 0;
  for (const std::string& file : files) {
    SCOPED_TRACE(file);
    Image image = Image::load(file);
    auto dwarf = Dwarf::open(image);
    if (!dwarf) continue;
    check(image, *dwarf);
    ++tested;
  }
  return tested;
}

// Packages' variables: each lies where the symbol table says.
TEST(LoaderDwarf, GlobalsLieAtTheirSymbols) {
  DEFERSCOPE_NEED_GUESTS(files);
  const size_t tested = with_dwarf(files, [](const Image& image, Dwarf& dwarf) {
    size_t found = 0;
    for (std::string_view name : dwarf.globals()) {
      auto variable = dwarf.global(name);
      ASSERT_TRUE(variable) << name;
      EXPECT_EQ(variable->name, name);
      auto symbol = image.find_symbol(std::string(name));
      if (!symbol) continue;
      Location location = dwarf.locate(*variable, 0, frame());
      ASSERT_EQ(location.pieces.size(), 1u) << name;
      EXPECT_EQ(location.pieces[0].value, symbol->address) << name;
      EXPECT_LE(variable->size, symbol->size) << name;
      ++found;
    }
    EXPECT_GT(found, 200u);
    EXPECT_EQ(dwarf.global("runtime.buildVersion")->type, "string");
    EXPECT_FALSE(dwarf.global("runtime.nothing_of_that_name"));
  });
  if (tested == 0) GTEST_SKIP() << "no guest with DWARF";
}

TEST(LoaderDwarf, DefinedTypesAreMadeOf) {
  DEFERSCOPE_NEED_GUESTS(files);
  struct Row {
    const char* type;
    const char* made_of;
  };
  constexpr Row kRows[] = {{"int", "int"},
                           {"string", "string"},
                           {"unsafe.Pointer", "unsafe.Pointer"},
                           {"[]string", "[]string"},
                           {"*runtime.g", "*runtime.g"},
                           {"runtime.waitReason", "uint8"},
                           {"runtime.g", "runtime.g"},
                           {"syscall.Errno", "uintptr"},
                           {"runtime.plainError", "string"},
                           {"main.method", "main.method"}};
  const size_t tested = with_dwarf(files, [&](const Image&, Dwarf& dwarf) {
    for (const Row& r : kRows) EXPECT_EQ(dwarf.underlying(r.type), r.made_of) << r.type;
  });
  if (tested == 0) GTEST_SKIP() << "no guest with DWARF";
}

// Types, variables and their places are those that `plain` has.
void expect_same_dwarf(const Image& image, const Image& plain, const Dwarf& expected) {
  auto dwarf = Dwarf::open(image);
  ASSERT_TRUE(dwarf);
  EXPECT_EQ(dwarf_version(image), expected.version());
  EXPECT_EQ(dwarf->globals(), expected.globals());
  for (const char* type : {"runtime.g", "runtime._defer", "runtime._panic"})
    EXPECT_EQ(dwarf->struct_layout(type)->fields.size(), expected.struct_layout(type)->fields.size());
  const FuncTable& funcs = plain.go()->funcs;
  for (size_t i = 0; i < funcs.size(); i += 41) {
    auto theirs = expected.function_at(funcs.func(i).entry), ours = dwarf->function_at(funcs.func(i).entry);
    ASSERT_EQ(theirs.has_value(), ours.has_value());
    if (!theirs) continue;
    ASSERT_EQ(theirs->variables.size(), ours->variables.size());
    for (size_t v = 0; v < theirs->variables.size(); v++)
      for (uint64_t pc = theirs->entry; pc < theirs->end; pc += 1 + (theirs->end - theirs->entry) / 4)
        EXPECT_EQ(spell(dwarf->locate(ours->variables[v], pc, frame())),
                  spell(expected.locate(theirs->variables[v], pc, frame())));
  }
}

// They are the same when the sections are compressed, in both ways, and in a Mach-O file; so is a program's version.
TEST(LoaderDwarf, CompressedSectionsReadTheSame) {
  DEFERSCOPE_NEED_GUESTS(files);
  size_t tested = 0;
  for (const std::string& file : files) {
    SCOPED_TRACE(file);
    Image plain = Image::load(file);
    auto expected = Dwarf::open(plain);
    if (!expected) continue;
    ASSERT_TRUE(plain.section(".debug_info"));
    for (Packing packing : {Packing::flagged, Packing::renamed}) {
      Image image = Image::parse(with_compressed_dwarf(read_guest(file), packing), "compressed");
      ASSERT_EQ(image.section(".zdebug_info") != nullptr, packing == Packing::renamed);
      expect_same_dwarf(image, plain, *expected);
    }
    for (bool compressed : {false, true}) {
      Image image = Image::parse(as_macho(read_guest(file), compressed), "Mach-O");
      ASSERT_TRUE(image.section(compressed ? "__zdebug_info" : "__debug_info"));
      ASSERT_EQ(image.os(), Os::darwin);
      expect_same_dwarf(image, plain, *expected);
    }
    tested++;
  }
  if (tested == 0) GTEST_SKIP() << "no guest with DWARF";
}

}  // namespace
}  // namespace deferscope::test
