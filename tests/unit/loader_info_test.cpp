// `deferscope info` as a user calls it: output, exit status, one line for a bad file.
#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "tests/unit/loader_guests.h"

namespace deferscope::test {
namespace {

struct Result {
  std::string output;  // stdout and stderr
  int status = -1;
};

Result info(const std::string& arguments) {
  Result result;
  FILE* pipe = popen((std::string(DEFERSCOPE_PROGRAM) + " info " + arguments + " 2>&1").c_str(), "r");
  if (!pipe) return result;
  std::array<char, 65536> buffer;
  while (size_t n = std::fread(buffer.data(), 1, buffer.size(), pipe)) result.output.append(buffer.data(), n);
  result.status = WEXITSTATUS(pclose(pipe));
  return result;
}

TEST(Info, BadFilesGiveOneLineAndStatus2) {
  Result missing = info("/no/such/file");
  EXPECT_EQ(missing.status, 2);
  EXPECT_EQ(missing.output, "deferscope: /no/such/file: No such file or directory\n");
  Result text = info("LICENSE");
  EXPECT_EQ(text.status, 2);
  EXPECT_EQ(text.output,
            "deferscope: LICENSE: neither an ELF nor a Mach-O file, nor a listing of go tool compile -S\n");
  EXPECT_EQ(info("").status, 2);
}

TEST(Info, AnElfFileThatIsNotGoIsDescribed) {
  Result result = info(DEFERSCOPE_PROGRAM);
  EXPECT_EQ(result.status, 0);
  EXPECT_NE(result.output.find("no: not a Go program: it has no pclntab"), std::string::npos) << result.output;
  EXPECT_NE(result.output.find("  run         yes\n"), std::string::npos) << result.output;
  EXPECT_NE(result.output.find("  needs       libc.so.6 → /"), std::string::npos) << result.output;
  const Result elsewhere = info("--sysroot tests " DEFERSCOPE_PROGRAM);
  EXPECT_EQ(elsewhere.status, 0);
  EXPECT_NE(elsewhere.output.find("  run         no: its interpreter "), std::string::npos) << elsewhere.output;
  EXPECT_NE(elsewhere.output.find(" is missing\n"), std::string::npos) << elsewhere.output;
}

TEST(Info, JsonSaysTheSameAsTextAndIsStable) {
  DEFERSCOPE_NEED_PROGRAMS(files);
  for (const std::string& file : files) {
    SCOPED_TRACE(file);
    Result text = info("'" + file + "'"), json = info("--json '" + file + "'");
    EXPECT_EQ(text.status, 0);
    EXPECT_EQ(json.status, 0);
    EXPECT_EQ(json.output, info("--json '" + file + "'").output);
    auto j = nlohmann::json::parse(json.output, nullptr, false);
    ASSERT_TRUE(j.is_object()) << json.output;
    EXPECT_EQ(j["schema"], "deferscope.info/1");
    const std::string os = j["os"].get<std::string>();
    std::string target = j["go"]["version"]["text"].get<std::string>() + " " + os + "/" + j["arch"].get<std::string>();
    EXPECT_EQ(j["format"], os == "darwin" ? "macho" : "elf");
    EXPECT_EQ(j.contains("imports"), os == "darwin");
    if (os == "darwin") {
      EXPECT_NE(text.output.find(" _write"), std::string::npos) << text.output;
      EXPECT_EQ(j["needed"][0], "/usr/lib/libSystem.B.dylib");
      EXPECT_GT(j["imports"].size(), 40u);
    }
    EXPECT_NE(text.output.find(target), std::string::npos) << text.output;
    EXPECT_NE(text.output.find(j["entry"]["address"].get<std::string>()), std::string::npos) << text.output;
    EXPECT_NE(text.output.find(std::to_string(j["go"]["pclntab"]["functions"].get<int>()) + ", pclntab"),
              std::string::npos);
  }
}

}  // namespace
}  // namespace deferscope::test
