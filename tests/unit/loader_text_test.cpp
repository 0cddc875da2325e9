// The loader's small parsers: version texts, module texts, varints, symbol lookups.
#include <gtest/gtest.h>

#include "loader/build_info.h"
#include "loader/bytes.h"
#include "loader/printable.h"
#include "loader/symbols.h"
#include "loader/version.h"

namespace deferscope::test {
namespace {

using namespace loader;

struct VersionCase {
  const char* text;
  int minor, patch;
};

const VersionCase kVersions[] = {
    {"go1.12", 12, -1},
    {"go1.13.15", 13, 15},
    {"go1.22.5 X:rangefunc,aliastypeparams", 22, 5},
    {"go1.20rc1", 20, -1},
    {"go1.21.0-fips", 21, 0},
    {"devel go1.23-1a2b3c4d5e Tue Apr 2 10:00:00 2024", 23, -1},
    {"devel +6f3a9b1", 0, -1},
    {"go1.27.4 (boringcrypto)", 27, 4},
    {"go1.", 0, -1},
    {"", 0, -1},
    {"go2.1", 0, -1},
};

TEST(LoaderText, VersionsGiveMinorAndPatch) {
  for (const VersionCase& c : kVersions) {
    GoVersion v = parse_go_version(c.text);
    EXPECT_EQ(v.text, c.text);
    EXPECT_EQ(v.minor, c.minor) << c.text;
    EXPECT_EQ(v.patch, c.patch) << c.text;
  }
}

TEST(LoaderText, ModuleTexts) {
  BuildInfo info = parse_modinfo(
      "path\texample.com/cmd\nmod\texample.com/m\t(devel)\t\ndep\tgolang.org/x/sys\tv0.1.0\th1:abc=\n"
      "=>\t../sys\tv9\t\nbuild\t-ldflags=\"-X a.b=c d\"\nbuild\tGOOS=linux\nbuild\t\"odd=key\"=v\nbuild\tempty=\n");
  EXPECT_EQ(info.path, "example.com/cmd");
  ASSERT_TRUE(info.main);
  EXPECT_EQ(info.main->path, "example.com/m");
  EXPECT_EQ(info.main->version, "(devel)");
  ASSERT_EQ(info.deps.size(), 1u);
  EXPECT_EQ(info.deps[0].sum, "h1:abc=");
  EXPECT_EQ(info.deps[0].replaced_by, "../sys v9 ");
  EXPECT_EQ(info.setting("-ldflags"), "-X a.b=c d");
  EXPECT_EQ(info.setting("GOOS"), "linux");
  EXPECT_EQ(info.setting("odd=key"), "v");
  EXPECT_EQ(info.setting("empty"), "");
  EXPECT_FALSE(info.setting("GOARCH"));
  EXPECT_TRUE(parse_modinfo("").path.empty());
}

TEST(LoaderText, VarintsStopAtTheEnd) {
  const uint8_t bytes[] = {0x7f, 0x80, 0x01, 0xff, 0xff};
  uint64_t at = 0;
  EXPECT_EQ(uvarint(bytes, &at), 0x7fu);
  EXPECT_EQ(uvarint(bytes, &at), 0x80u);
  EXPECT_EQ(at, 3u);
  EXPECT_FALSE(uvarint(bytes, &at)) << "cut off";
  const uint8_t endless[12] = {0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1};
  EXPECT_FALSE(uvarint(endless, &(at = 0)));
}

TEST(LoaderText, SymbolsByAddressAndName) {
  SymbolTable table({{"end", 0x130, 0, SymbolKind::data},
                     {"b", 0x120, 0x10, SymbolKind::data},
                     {"marker", 0x100, 0, SymbolKind::data},
                     {"a", 0x100, 0x10, SymbolKind::function},
                     {"whole", 0x80, 0x100, SymbolKind::data}});
  EXPECT_EQ(table.at(0x10f)->name, "a");
  EXPECT_EQ(table.at(0x110)->name, "whole") << "carriers hold smaller symbols";
  EXPECT_EQ(table.at(0x12f)->name, "b");
  EXPECT_EQ(table.at(0x130)->name, "whole");
  EXPECT_FALSE(table.at(0x180));
  EXPECT_FALSE(table.at(0x7f));
  EXPECT_EQ(table.find("marker")->address, 0x100u);
  EXPECT_FALSE(table.find("c"));
}

TEST(Printable, WhatATerminalActsOnIsEscaped) {
  const std::pair<std::string, std::string> cases[] = {
      {"main.(*T).f[go.shape.int]", "main.(*T).f[go.shape.int]"},
      {"main.f·dwrap·1 → 日本 é 😀", "main.f·dwrap·1 → 日本 é 😀"},
      {"\x1b[31m\a\b\n\r\t\x7f", "\\x1b[31m\\x07\\x08\\n\\r\\t\\x7f"},
      {"\u0085\u009b", "\\u0085\\u009b"},   // C1 in two bytes
      {"\x85\x9b\xff", "\\x85\\x9b\\xff"},  // and as they are: no UTF-8
      {"\u202e\u2066\u200f\ufeff", "\\u202e\\u2066\\u200f\\ufeff"},
      {"\xf3\xa0\x81\x81", "\\U000e0041"},  // a tag
      {"\xc0\xaf|\xed\xa0\x80|\xf4\x90\x80\x80|\xe2\x80", "\\xc0\\xaf|\\xed\\xa0\\x80|\\xf4\\x90\\x80\\x80|\\xe2\\x80"},
      {std::string("a\0b", 3), "a\\x00b"},
  };
  for (const auto& [raw, shown] : cases) {
    EXPECT_EQ(printable(raw), shown);
    EXPECT_EQ(printable_name(raw), shown);
    EXPECT_EQ(printable(shown), shown) << "once is enough";
  }
  EXPECT_EQ(printable_lines("a\n\tb\x1b"), "a\n\tb\\x1b");
  EXPECT_EQ(printable_name("\x1b").data(), printable_name("\x1b").data()) << "kept";
}

}  // namespace
}  // namespace deferscope::test
