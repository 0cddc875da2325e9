// The golden cases of golang.org/x/arch v0.32.0, the decoder behind objdump: every case gives the text of the case, or
// falls under a rule. The folder is named by DEFERSCOPE_XARCH or, in the full run (DEFERSCOPE_ALL) and where there is
// Go, is taken from the module cache.
#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "tests/unit/isa_text_lines.h"
#include "tests/unit/isa_zydis.h"

namespace deferscope::isa {
namespace {

std::string xarch_folder() {
  if (const char* named = std::getenv("DEFERSCOPE_XARCH")) return named;
  if (!std::getenv("DEFERSCOPE_ALL")) return "";
  FILE* told = popen("GOENV=off GOFLAGS= go mod download -json golang.org/x/arch@v0.32.0 2>/dev/null", "r");
  if (!told) return "";
  std::string json;
  for (int c; (c = std::fgetc(told)) != EOF;) json += static_cast<char>(c);
  pclose(told);
  const std::string_view key = "\"Dir\": \"";
  const std::size_t at = json.find(key);
  return at == json.npos ? "" : json.substr(at + key.size(), json.find('"', at + key.size()) - at - key.size());
}

class XArch : public testing::Test {
 protected:
  void SetUp() override {
    if (folder_.empty()) GTEST_SKIP() << "neither DEFERSCOPE_XARCH nor DEFERSCOPE_ALL with Go: no golang.org/x/arch";
  }
  const std::string folder_ = xarch_folder();
};

std::string without(std::string_view s, bool all_blanks) {
  std::string out;
  for (const char c : s) {
    const bool blank = c == ' ' || c == '\t';
    if (!blank || (!all_blanks && !out.empty() && out.back() != ' ')) out += blank ? ' ' : c;
  }
  while (out.ends_with(' ')) out.pop_back();
  return out;
}

// "CODE|<blank>TEXT"; the code of one word.
std::vector<Line> arm64_cases(const std::string& path) {
  std::ifstream in(path);
  std::vector<Line> cases;
  for (std::string l; std::getline(in, l);)
    if (l.find('|') == 8) cases.push_back({l.substr(0, 8), l.substr(9), "", 4});
  return cases;
}

TEST_F(XArch, Arm64Plan9) {
  const auto cases = arm64_cases(folder_ + "/arm64/arm64asm/testdata/plan9cases.txt");
  for (const Line& l : cases) EXPECT_EQ(go(Isa::arm64, from_hex(l.hex), kCompat).text, without(l.text, false)) << l.hex;
  EXPECT_GT(cases.size(), 900u);
}

// What x/arch's own test leaves out: system instructions that its decoder does not do, a condition that binutils calls
// nv, and MSR, where binutils is wrong.
bool left_out_by_xarch(std::string_view text) {
  for (const std::string_view s : {"sys", "at", "ic", "hvc", "smc", "msr"})
    if (text.starts_with(s)) return true;
  return text.ends_with(" nv");
}

TEST_F(XArch, Arm64Gnu) {
  const auto cases = arm64_cases(folder_ + "/arm64/arm64asm/testdata/gnucases.txt");
  std::size_t compared = 0;
  for (const Line& l : cases) {
    if (left_out_by_xarch(without(l.text, false))) continue;
    ++compared;
    EXPECT_EQ(without(gnu(Isa::arm64, from_hex(l.hex), kCompat).text, true), without(l.text, true)) << l.hex;
  }
  EXPECT_GT(compared, 4000u);
}

// ---- x86: "CODE|REST <tab> 64 <tab> SYNTAX <tab> TEXT"; branch targets are distances

std::vector<Line> x86_cases(const std::string& folder, const std::string& syntax) {
  std::ifstream in(folder + "/x86/x86asm/testdata/decode.txt");
  std::vector<Line> cases;
  std::string mark = "\t64\t";
  mark.append(syntax).append("\t");
  for (std::string l; std::getline(in, l);) {
    const std::size_t at = l.find(mark);
    if (at == l.npos) continue;
    const std::size_t bar = l.find('|');
    Line made{l.substr(0, at), l.substr(at + mark.size()), "", static_cast<std::uint32_t>(std::min(bar, at)) / 2};
    std::erase(made.hex, '|');
    if (made.text.starts_with("error")) made.text.assign(1, '?');
    if (const std::size_t distance = made.text.find(" .+"); distance != made.text.npos) {
      char target[32];
      std::snprintf(target, sizeof target, " %#llx",
                    kPc + made.size + std::stoull(made.text.substr(distance + 3), nullptr, 0));
      made.text.replace(distance, std::string::npos, target);
    }
    cases.push_back(made);
  }
  return cases;
}

// Memory forms that processors have since given to other instructions (CLWB, VMPTRLD), and two prefixes of which the
// processor heeds the last (MOVNTSD).
bool given_to_others(const std::vector<std::uint8_t>& code) {
  static constexpr std::string_view kPrefixes[] = {"660fae30", "480fc730", "f3f20f2b"};
  return std::any_of(std::begin(kPrefixes), std::end(kPrefixes), [&](std::string_view p) {
    const auto head = from_hex(p);
    return std::equal(head.begin(), head.end(), code.begin());
  });
}

// In GNU syntax v0.32.0 gives BMI a size suffix, where binutils, Zydis and we have none: andnl, andn.
bool of_bmi(const std::vector<std::uint8_t>& code, const std::string& theirs, std::string ours) {
  if (code[0] != 0xc4) return false;
  const std::size_t blank = std::min(ours.find(' '), ours.size());
  return theirs == std::string(ours).insert(blank, 1, 'l') || theirs == ours.insert(blank, 1, 'q');
}

void expect_cases(const std::vector<Line>& cases, Text (*text)(const std::vector<std::uint8_t>&, const TextOptions&)) {
  std::size_t same = 0;
  for (const Line& l : cases) {
    const std::vector<std::uint8_t> code = from_hex(l.hex);
    const std::string ours = text(code, kCompat).text;
    if (ours == l.text) {
      ++same;
      continue;
    }
    // v0.32.0 is newer than what Go 1.27.4 carries: BMI and ADX it knows as we do.
    const bool as_newer = text(code, {}).text == l.text;
    // Code that is no instruction of any processor may be shown as `?`.
    const bool nothing = ours == "?" && !zydis_knows(code);
    EXPECT_TRUE(as_newer || nothing || given_to_others(code) || of_bmi(code, l.text, text(code, {}).text))
        << l.hex << ": " << l.text << " | " << ours;
  }
  EXPECT_GT(same, 5000u);
}

TEST_F(XArch, X86Plan9) {
  expect_cases(x86_cases(folder_, "plan9"), [](const std::vector<std::uint8_t>& code, const TextOptions& options) {
    return go(Isa::x86_64, code, options);
  });
}

TEST_F(XArch, X86Gnu) {
  expect_cases(x86_cases(folder_, "gnu"), [](const std::vector<std::uint8_t>& code, const TextOptions& options) {
    return gnu(Isa::x86_64, code, options);
  });
}

}  // namespace
}  // namespace deferscope::isa
