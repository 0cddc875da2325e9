// The disasm verb on whole guests: every function's lines against the digests of what Go 1.27.4's objdump prints (made
// by tests/oracle/objdump.py), and what the verb says to bad input.
#include <gtest/gtest.h>

#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace {

namespace fs = std::filesystem;

std::string guests_folder() {
  const char* named = std::getenv("DEFERSCOPE_GUESTS");
  return named ? named : DEFERSCOPE_GUESTS_DEFAULT;
}

struct Output {
  std::string text;
  int status = -1;
};

Output run(const std::string& arguments) {
  const std::string command = std::string(DEFERSCOPE_BINARY) + " disasm " + arguments + " 2>&1";
  Output o;
  FILE* pipe = popen(command.c_str(), "r");
  if (!pipe) return o;
  std::array<char, 65536> part;
  for (std::size_t n; (n = std::fread(part.data(), 1, part.size(), pipe)) > 0;) o.text.append(part.data(), n);
  const int status = pclose(pipe);
  o.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return o;
}

std::vector<std::string_view> functions(std::string_view listing) {
  std::vector<std::string_view> found;
  for (std::size_t at = 0; at < listing.size();) {
    const std::size_t end = listing.find("\n\nTEXT ", at);
    found.push_back(listing.substr(at, end == listing.npos ? listing.npos : end + 1 - at));
    if (end == listing.npos) break;
    at = end + 2;
  }
  return found;
}

std::uint32_t fnv(std::string_view s) {
  std::uint32_t h = 0x811c9dc5;
  for (const char c : s) h = (h ^ static_cast<std::uint8_t>(c)) * 0x01000193;
  return h;
}

std::vector<std::uint32_t> digests_in(const fs::path& path) {
  std::vector<std::uint32_t> found;
  std::ifstream in(path);
  for (std::string l; std::getline(in, l);)
    for (std::size_t i = 0; l[0] != '#' && i + 8 <= l.size(); i += 8)
      found.push_back(static_cast<std::uint32_t>(std::stoul(l.substr(i, 8), nullptr, 16)));
  return found;
}

std::string_view name_of(std::string_view function) { return function.substr(0, function.find('\n')); }

TEST(Disasm, EveryFunctionOfEveryGuestAsObjdump) {
  const fs::path digests = "tests/digests/objdump";
  std::size_t compared = 0, missing = 0;
  if (fs::is_directory(digests))
    for (const auto& file : fs::directory_iterator(digests)) {
      const fs::path guest = fs::path(guests_folder()) / file.path().stem();
      if (!fs::exists(guest)) {
        ++missing;
        continue;
      }
      const Output ours = run("--objdump-compat " + guest.string());
      ASSERT_EQ(ours.status, 0) << ours.text.substr(0, 300);
      const auto list = functions(ours.text);
      const auto want = digests_in(file.path());
      ASSERT_EQ(list.size(), want.size()) << guest;
      std::size_t different = 0;
      for (std::size_t i = 0; i < list.size(); ++i)
        if (fnv(list[i]) != want[i] && ++different <= 5) ADD_FAILURE() << guest << ": " << name_of(list[i]);
      EXPECT_EQ(different, 0u) << guest;
      ++compared;
    }
  if (compared == 0)
    GTEST_SKIP() << "no guest with digests in " << guests_folder() << " (" << missing
                 << " digest files; DEFERSCOPE_GUESTS names the folder)";
  std::printf("%zu guests compared, %zu not there\n", compared, missing);
}

TEST(Disasm, BadInputGivesOneLineAndStatus2) {
  const fs::path bad = fs::path(testing::TempDir()) / "disasm_bad_input";
  std::ofstream(bad) << "not a program";
  const std::string arguments[] = {"/nonexistent", bad.string(), "-s '(' " DEFERSCOPE_BINARY, DEFERSCOPE_BINARY " 10",
                                   DEFERSCOPE_BINARY " xyz 20"};
  for (const std::string& a : arguments) {
    const Output o = run(a);
    EXPECT_EQ(o.status, 2) << a;
    EXPECT_EQ(std::count(o.text.begin(), o.text.end(), '\n'), 1) << a << ": " << o.text;
    EXPECT_TRUE(o.text.starts_with("deferscope: ")) << o.text;
  }
  fs::remove(bad);
}

// A C++ program is no Go program, but its functions have names: the verb lists them.
TEST(Disasm, ProgramThatIsNotGo) {
  const Output o = run("-s '^main$' " DEFERSCOPE_BINARY);
  EXPECT_EQ(o.status, 0);
  EXPECT_TRUE(o.text.starts_with("TEXT main(SB) \n  :0\t")) << o.text.substr(0, 200);
}

}  // namespace
