// print, set, watch and conditions over variables: of frames and of packages, in DWARF 4 and 5, plain and compressed.
#include "loader/dwarf.h"
#include "tests/unit/cli_guests.h"
#include "tests/unit/loader_compressed.h"

namespace deferscope::test {
namespace {

std::vector<std::string> guests_with_dwarf() {
  std::vector<std::string> out = step_guests();
  std::erase_if(out, [](const std::string& path) { return !has(path, "_dwarf"); });
  return out;
}

// Arguments as the source has them (tests/guests/src/cases/forms.go), in DWARF 4 and 5, on both instruction sets.
struct Printed {
  const char* argument;
  const char* where;
  const char* expression;
  const char* value;
};
constexpr Printed kPrinted[] = {
    {"defer-args24", "main.mark24", "b", "2"},
    {"defer-args16", "main.markString", "s", "\"sixteen\""},
    {"defer-args24", "main.markSlice", "s", "[]int len 3 cap 3 [4, 5, 6]"},
    {"defer-args24", "main.markSlice", "s[2]", "6"},
    {"defer-argsbig", "main.markBulk", "b.name", "\"before\""},
    {"defer-argsmany", "main.markMany", "b", "1099511627776"},
    {"defer-argsmany", "main.markMany", "c", "true"},
    {"defer-argsmany", "main.markMany", "f", "1.25"},
    {"defer-argsmany", "main.markMany", "h", "nil"},
    {"defer-argsmany", "main.markMany", "e", "[]uint8 len 3 cap"},
    {"defer-argsmany", "main.markMany", "g", "map[string]int at 0x"},
    {"defer-argsmany", "main.markMany", "g", ", len 1"},
};

TEST(Values, PrintSaysWhatTheSourceHas) {
  int seen = 0;
  for (const std::string& path : step_guests()) {
    if (!has(path, "_dwarf")) continue;
    SCOPED_TRACE(path);
    std::unique_ptr<Stepped> kept;
    std::string there;
    for (const Printed& p : kPrinted) {
      if (const std::string place = std::string(p.argument) + p.where; place != there) {
        kept = std::make_unique<Stepped>(path, std::vector<std::string>{p.argument});
        (*kept)(fmt::format("c {}; nextcall", p.where));
        there = place;
      }
      Stepped& s = *kept;
      ASSERT_FALSE(s.state().exited) << p.where;
      const std::string text = s(fmt::format("print {}", p.expression));
      EXPECT_TRUE(has(text, p.value)) << p.where << " " << p.expression << ": " << text;
      const std::string all = s("args");
      const std::string name = std::string(p.expression).substr(0, 1);
      EXPECT_TRUE(has(all, name + " = ")) << all;
    }
    ++seen;
  }
  if (seen == 0) GTEST_SKIP() << "no guests with DWARF: set DEFERSCOPE_GUESTS";
}

// A variable is set as the source types it; the guest goes on with it.
TEST(Values, SetChangesAVariable) {
  int seen = 0;
  for (const std::string& path : step_guests()) {
    if (!has(path, "_dwarf")) continue;
    SCOPED_TRACE(path);
    Stepped s(path, {"defer-args24"});
    s("c main.mark24; nextcall");
    s("set b 77");
    EXPECT_TRUE(has(s("print b"), "77"));
    s("c");
    EXPECT_TRUE(has(s.output, "mark24 1 77 3")) << s.output;
    ++seen;
  }
  if (seen == 0) GTEST_SKIP() << "no guests with DWARF: set DEFERSCOPE_GUESTS";
}

// What packages' variables hold, against the file, the arguments and what the guest writes.
TEST(Values, OfPackages) {
  const auto guests = guests_with_dwarf();
  if (guests.empty()) GTEST_SKIP() << "no guests with DWARF: set DEFERSCOPE_GUESTS";
  for (const std::string& path : guests) {
    SCOPED_TRACE(path);
    Stepped lists(path, {"list"});
    lists("c");
    Stepped s(path, {"defer-args24"});
    const loader::Image& image = s.console->session.time().machine().image();
    const uint64_t five = image.find_symbol("main.five")->address;
    const auto print = [&](const std::string& expression) {
      const std::string text = s("print " + expression);
      return text.substr(0, text.size() - 1);
    };
    EXPECT_EQ(print("runtime.buildVersion"), "\"" + image.go()->version.text + "\"");
    EXPECT_EQ(print("len(runtime.buildVersion)"), fmt::format("{}", image.go()->version.text.size()));
    EXPECT_EQ(print("runtime.buildVersion[0]"), "103");  // 'g'
    EXPECT_TRUE(has(print("os.Args"), "[]string len 2 cap 2 [")) << print("os.Args");
    EXPECT_EQ(print("os.Args[1]"), "\"defer-args24\"");
    EXPECT_EQ(print("os.Args[1] == \"defer-args24\""), "true");
    EXPECT_EQ(print("len(os.Args)"), "2");
    EXPECT_EQ(print("len(main.table)"), fmt::format("{}", std::count(lists.output.begin(), lists.output.end(), '\n')));
    EXPECT_EQ(print("five"), "5") << "of this package";
    EXPECT_EQ(print("main.five * 2 + main.zero"), "10 = 0xa");
    EXPECT_EQ(print("main.nilPoint"), "nil");
    EXPECT_EQ(print("main.nilPoint == nil"), "true");
    EXPECT_EQ(print("main.nilSlice"), "[]int len 0 cap 0");
    EXPECT_EQ(print("main.nilMap"), "map[string]int nil");
    EXPECT_TRUE(has(print("&main.five"), fmt::format("{:#x}", five)));
    EXPECT_EQ(print("*&main.five"), "5");
    EXPECT_EQ(print(fmt::format("*(*int)({})", five)), "5");
    EXPECT_TRUE(has(print("*os.Stdout"), "file: 0x"));
    EXPECT_EQ(print("os.Stdout.file.name"), "\"/dev/stdout\"");
    EXPECT_EQ(print("os.Stdout.name"), "\"/dev/stdout\"") << "a field of an embedded struct";
    EXPECT_TRUE(has(s("vars main.fiv"), "main.five = 5\n"));
    EXPECT_TRUE(has(s("x/1gd main.five"), fmt::format("{:#x}:  5", five)));
    for (const char* bad : {"main.five.x", "main.five[1]", "os.Args[2]", "os.Args[-1]", "main.nilPoint.x", "*main.five",
                            "main.table[\"x\"]", "&5", "len(5)", "cap(main.table)", "main.nothing"})
      EXPECT_TRUE(has(s.fails(std::string("print ") + bad), "\n")) << bad;

    s("display main.five");
    s("set main.five 7");
    EXPECT_TRUE(has(s("si"), "main.five = 7\n"));
    EXPECT_TRUE(has(s("rsi"), "main.five = 7\n")) << "behind the change";
    EXPECT_TRUE(has(s("lastwrite main.five"), fmt::format("changed at @{} by your set", cli::grouped(s.position()))));
    s("break main.mark24 if five == 7 && len(os.Args) == 2");
    EXPECT_TRUE(has(s("c"), "breakpoint 1"));
  }
}

// Every write of a variable, as its name tells it: the watchpoint stops where lastwrite looks.
TEST(Values, AWatchedVariable) {
  for (const std::string& path : guests_with_dwarf()) {
    SCOPED_TRACE(path);
    Stepped s(path, {"list"});
    s("goto 0; watch main.table");
    EXPECT_TRUE(has(s("c"), "watchpoint 1: main.table"));
    const uint64_t written = s.position();
    EXPECT_TRUE(has(s("print len(main.table)"), "0\n"));
    s("c main.main");
    EXPECT_TRUE(has(s("lastwrite main.table"), fmt::format("@{} ", cli::grouped(written - 1))));
  }
}

// Without DWARF a variable's symbol is its address, and that is said.
TEST(Values, WithoutDwarf) {
  int seen = 0;
  for (const std::string& path : step_guests()) {
    if (!has(path, "_syms")) continue;
    SCOPED_TRACE(path);
    Stepped s(path, {"defer-args24"});
    const auto table = s.console->session.time().machine().image().find_symbol("main.table");
    ASSERT_TRUE(table);
    const std::string text = s("print main.table");
    EXPECT_TRUE(has(text, fmt::format("{:#x}", table->address))) << text;
    EXPECT_TRUE(has(text, "the address: the program has no DWARF")) << text;
    EXPECT_EQ(s("print *(*uintptr)(main.table)"), fmt::format("{:#x}\n", s.word(table->address)));
    EXPECT_TRUE(has(s("watch main.table"), fmt::format("{:#x}, 8 bytes", table->address)));
    EXPECT_TRUE(has(s.fails("locals"), "no DWARF"));
    EXPECT_TRUE(has(s.fails("vars main"), "no DWARF"));
    EXPECT_TRUE(has(s.fails("print nothing"), "no DWARF"));
    ++seen;
  }
  if (seen == 0) GTEST_SKIP() << "no guests without DWARF: set DEFERSCOPE_GUESTS";
}

// The library's functions are optimised: their arguments are there at the entry and gone later.
TEST(Values, OptimisedAway) {
  int seen = 0;
  for (const std::string& path : guests_with_dwarf()) {
    SCOPED_TRACE(path);
    Stepped s(path, {"panic-nested"});
    const loader::Dwarf* dwarf = s.console->session.program()->dwarf();
    s("c runtime.printpanics");
    if (s.state().exited) s("goto start; c runtime.gopanic");
    loader::FrameAccess access;
    access.reg = [](unsigned) { return std::optional<uint64_t>(0); };
    access.read = [](uint64_t, std::span<uint8_t>) { return false; };
    int gone = 0, kept = 0;
    for (int i = 0; i < 3000 && gone < 20 && !s.state().exited; ++i, s("si")) {
      const uint64_t pc = s.state().thread().cpu.pc;
      const auto info = dwarf->function_at(pc);
      if (!info) continue;
      for (const loader::Variable& v : info->variables) {
        if (!v.visible_at(pc) || v.name[0] == '.' || v.name[0] == '&' || !v.inlined_from.empty()) continue;
        const auto namesakes = std::count_if(info->variables.begin(), info->variables.end(),
                                             [&](const auto& w) { return w.name == v.name; });
        if (namesakes > 1) continue;
        const bool nowhere = dwarf->locate(v, pc, access).optimised_away();
        const std::string text = s(v.role == loader::VariableRole::local ? "locals " + v.name : "args " + v.name);
        const bool says = has("\n" + text, "\n" + v.name + " = (optimised away)\n");
        const bool undeclared = v.role == loader::VariableRole::local && !has("\n" + text, "\n" + v.name + " = ");
        ASSERT_TRUE(says || !nowhere || undeclared) << v.name << ": " << text;
        if (!nowhere) {
          ++kept;
          continue;
        }
        ++gone;
        EXPECT_EQ(s("print " + v.name), "(optimised away)\n");
        for (const std::string& bad :
             {"print 1 + " + v.name, "watch " + v.name, "lastwrite " + v.name, "set " + v.name + " 1"})
          EXPECT_TRUE(has(s.fails(bad), "optimised away")) << bad;
      }
    }
    EXPECT_GT(kept, 0);
    seen += gone;
  }
  if (guests_with_dwarf().empty()) GTEST_SKIP() << "no guests with DWARF: set DEFERSCOPE_GUESTS";
  EXPECT_GT(seen, 0);
}

// The stepper prints the same from compressed DWARF.
TEST(Values, OfCompressedDwarf) {
  for (const std::string& path : guests_with_dwarf()) {
    SCOPED_TRACE(path);
    const auto said = [&](const std::string& file) {
      Stepped s(file, {"defer-argsmany"});
      s("c main.markMany; nextcall");
      std::string text = s("args; locals; vars main.nil; up; args; locals");
      return text;
    };
    const std::string plain = said(path);
    ASSERT_TRUE(has(plain, "b = 1099511627776")) << plain;
    for (const Packing packing : {Packing::flagged, Packing::renamed}) {
      const std::string file = testing::TempDir() + "/compressed_" + std::filesystem::path(path).filename().string();
      const ByteVector bytes = with_compressed_dwarf(read_guest(path), packing);
      std::ofstream(file, std::ios::binary)
          .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
      EXPECT_EQ(said(file), plain);
      std::filesystem::remove(file);
    }
  }
}

}  // namespace
}  // namespace deferscope::test
