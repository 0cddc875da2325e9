// The disasm verb on whole guests: plain and --gnu listings against the digests of what Go 1.27.4's objdump prints
// (made by tests/oracle/objdump.py).
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <vector>

#include "unit/disasm_run.h"

namespace deferscope::test {
namespace {

namespace fs = std::filesystem;

std::string guests_folder() {
  const char* named = std::getenv("DEFERSCOPE_GUESTS");
  return named ? named : DEFERSCOPE_GUESTS_DEFAULT;
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

std::uint32_t fnv32(std::string_view s) {
  std::uint32_t h = 0x811c9dc5;
  for (const char c : s) h = (h ^ static_cast<std::uint8_t>(c)) * 0x01000193;
  return h;
}

std::uint64_t fnv64(std::string_view s) {
  std::uint64_t h = 0xcbf29ce484222325;
  for (const char c : s) h = (h ^ static_cast<std::uint8_t>(c)) * 0x100000001b3;
  return h;
}

struct Digests {
  std::uint64_t plain = 0, gnu = 0;
  std::vector<std::uint16_t> functions;  // the low half of each one's fnv32
};

Digests digests_in(const fs::path& path) {
  Digests d;
  std::ifstream in(path);
  for (std::string l; std::getline(in, l);) {
    if (l.starts_with("plain ")) d.plain = std::stoull(l.substr(6), nullptr, 16);
    if (l.starts_with("gnu ")) d.gnu = std::stoull(l.substr(4), nullptr, 16);
    if (l.empty() || l[0] == '#' || l.find(' ') != l.npos) continue;
    for (std::size_t i = 0; i + 4 <= l.size(); i += 4)
      d.functions.push_back(static_cast<std::uint16_t>(std::stoul(l.substr(i, 4), nullptr, 16)));
  }
  return d;
}

std::string_view name_of(std::string_view function) { return function.substr(0, function.find('\n')); }

void expect_objdumps_text(const fs::path& guest, const Digests& want) {
  const Output ours = run("--objdump-compat " + guest.string());
  ASSERT_EQ(ours.status, 0) << ours.text.substr(0, 300);
  if (fnv64(ours.text) != want.plain) {
    ADD_FAILURE() << guest << " is listed otherwise than by objdump";
    const auto list = functions(ours.text);
    EXPECT_EQ(list.size(), want.functions.size());
    int named = 0;
    for (std::size_t i = 0; i < std::min(list.size(), want.functions.size()) && named < 5; ++i)
      if ((fnv32(list[i]) & 0xffff) != want.functions[i]) ADD_FAILURE() << name_of(list[i]) << (++named, "");
  }
  EXPECT_EQ(fnv64(run("--objdump-compat --gnu " + guest.string()).text), want.gnu) << guest << " with --gnu";
}

TEST(DisasmGuests, EveryFunctionAsObjdump) {
  std::size_t compared = 0, missing = 0;
  const fs::path digests = "tests/digests/objdump";
  if (fs::is_directory(digests))
    for (const auto& file : fs::directory_iterator(digests)) {
      const fs::path guest = fs::path(guests_folder()) / file.path().stem();
      if (!fs::exists(guest)) {
        ++missing;
        continue;
      }
      expect_objdumps_text(guest, digests_in(file.path()));
      ++compared;
    }
  if (compared == 0)
    GTEST_SKIP() << "no guest with digests in " << guests_folder() << " (" << missing
                 << " digest files; DEFERSCOPE_GUESTS names the folder)";
  EXPECT_EQ(missing, 0u) << "of the guests with digests, in " << guests_folder();
  std::printf("%zu guests compared\n", compared);
}

}  // namespace
}  // namespace deferscope::test
