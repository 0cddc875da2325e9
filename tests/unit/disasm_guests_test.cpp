// The disasm verb on whole guests: plain and --gnu listings against the digests of what Go 1.27.4's objdump prints
// (made by tests/oracle/objdump.py).
#include <gtest/gtest.h>
#include <zlib.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
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

std::uint32_t crc(std::string_view s) {
  return static_cast<std::uint32_t>(crc32_z(0, reinterpret_cast<const Bytef*>(s.data()), s.size()));
}

struct Whole {
  std::uint32_t crc = 0;
  std::size_t size = 0;
  bool operator==(const Whole&) const = default;
};
Whole whole(std::string_view s) { return {crc(s), s.size()}; }

struct Digests {
  Whole plain, gnu;
  std::vector<std::uint16_t> functions;  // the low half of each one's CRC
};

Digests digests_in(const fs::path& path) {
  Digests d;
  std::ifstream in(path);
  for (std::string l; std::getline(in, l);) {
    std::istringstream words(l);
    std::string name;
    Whole listing;
    words >> name >> std::hex >> listing.crc >> std::dec >> listing.size;
    if (name == "plain") d.plain = listing;
    if (name == "gnu") d.gnu = listing;
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
  if (whole(ours.text) != want.plain) {
    ADD_FAILURE() << guest << " is listed otherwise than by objdump";
    const auto list = functions(ours.text);
    EXPECT_EQ(list.size(), want.functions.size());
    int named = 0;
    for (std::size_t i = 0; i < std::min(list.size(), want.functions.size()) && named < 5; ++i)
      if ((crc(list[i]) & 0xffff) != want.functions[i]) ADD_FAILURE() << name_of(list[i]) << (++named, "");
  }
  EXPECT_TRUE(whole(run("--objdump-compat --gnu " + guest.string()).text) == want.gnu) << guest << " with --gnu";
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
