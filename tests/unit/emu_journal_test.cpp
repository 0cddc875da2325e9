// The journal of a recording: what was put in comes out again, files of the host are referred to and checked, and
// memory follows what is kept.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <random>

#include "emu/host_files.h"
#include "emu/journal.h"
#include "emu/recording.h"

namespace deferscope::emu {
namespace {

namespace fs = std::filesystem;
constexpr uint64_t kMiB = 1 << 20;

class JournalTest : public testing::Test {
 protected:
  JournalTest() : root_(fs::temp_directory_path() / ("deferscope-journal-" + std::to_string(getpid()))) {
    fs::create_directories(root_ / "read");
    fs::create_directories(root_ / "write");
    options_.allow_read = {(root_ / "read").string()};
    options_.allow_write = {(root_ / "write").string()};
  }
  ~JournalTest() override { fs::remove_all(root_); }
  static void fill(const fs::path& path, uint64_t size, unsigned seed) {
    std::mt19937_64 random(seed);
    std::string bytes(size, '\0');
    for (uint64_t i = 0; i + 8 <= size; i += 8) {
      const uint64_t x = random();
      std::memcpy(bytes.data() + i, &x, 8);
    }
    std::ofstream(path, std::ios::binary) << bytes;
  }
  static FileHandle open(HostFiles& files, FileHandle handle, const fs::path& path) {
    HostFiles::Open how;
    how.read = true;
    HostFiles::Status status;
    std::string real;
    EXPECT_EQ(files.open(handle, HostPath(path.string()), how, status, real), 0);
    return handle;
  }
  static JournalEntry read(HostFiles& files, FileHandle handle, uint64_t offset, uint64_t n) {
    JournalEntry e;
    e.what = "read";
    e.result = files.read(handle, offset, n, e.bytes);
    e.source = handle;
    e.source_offset = offset;
    return e;
  }

  fs::path root_;
  GuestOptions options_;
};

JournalEntry made(std::mt19937& random) {
  JournalEntry e;
  e.what = "open /some/where/" + std::to_string(random() % 100);
  e.result = static_cast<int64_t>(random() % 1000) - 500;
  e.bytes.resize(random() % 20 == 0 ? random() % 600'000 : random() % 200);
  const auto first = static_cast<uint8_t>(random());
  for (size_t i = 0; i < e.bytes.size(); ++i) e.bytes[i] = static_cast<uint8_t>(first + i / 64);
  return e;
}

void expect_same(const JournalEntry& a, const JournalEntry& b) {
  EXPECT_EQ(a.what, b.what);
  EXPECT_EQ(a.result, b.result);
  EXPECT_EQ(a.bytes, b.bytes);
}

TEST_F(JournalTest, GivesBackWhatWasPutIn) {
  HostFiles files(options_);
  for (const bool spill : {false, true}) {
    Journal journal;
    if (spill) journal.spill_to(root_.string());
    std::mt19937 random(7);
    std::vector<JournalEntry> kept;
    uint64_t first = 0, bytes = 0;
    for (int step = 0; step < 600; ++step) {
      const unsigned what = random() % 40;
      if (what == 0 && kept.size() > 1) {
        const uint64_t end = first + random() % kept.size();
        journal.truncate(end);
        kept.resize(end - first);
      } else if (what == 1) {
        const uint64_t begin = first + random() % (kept.size() + 1);
        journal.start_at(begin);
        kept.erase(kept.begin(), kept.begin() + static_cast<std::ptrdiff_t>(begin - first));
        first = begin;
      } else {
        kept.push_back(made(random));
        journal.append(kept.back(), static_cast<Position>(step), files);
      }
      ASSERT_EQ(journal.begin(), first);
      ASSERT_EQ(journal.end(), first + kept.size());
      for (int look = 0; look < 2 && !kept.empty(); ++look) {
        const uint64_t at = random() % kept.size();
        expect_same(journal.entry(first + at, files), kept[at]);
      }
    }
    for (const JournalEntry& e : kept) bytes += e.bytes.size();
    EXPECT_LT(journal.bytes(), bytes / 3 + 2 * kMiB) << spill;  // the chunk at hand and the last
    EXPECT_EQ(fs::directory_iterator(root_)->is_directory(), true) << "the file has no name";
  }
}

// Files that the guest cannot change are not copied; that they are as they were is checked.
TEST_F(JournalTest, RefersToUnchangedFiles) {
  const fs::path constant = root_ / "read" / "constant", own = root_ / "write" / "own";
  fill(constant, 8 * kMiB, 1);
  fill(own, 2 * kMiB, 2);
  HostFiles files(options_);
  files.remember_closed();
  const FileHandle a = open(files, 1, constant), b = open(files, 2, own);
  Journal journal;
  std::vector<JournalEntry> kept;
  for (uint64_t at = 0; at < 8 * kMiB; at += kMiB / 2) kept.push_back(read(files, a, at, kMiB / 2));
  for (const JournalEntry& e : kept) journal.append(e, 100, files);
  EXPECT_LT(journal.bytes(), kMiB);
  kept.push_back(read(files, b, 0, 2 * kMiB));
  journal.append(kept.back(), 200, files);
  EXPECT_GT(journal.bytes(), 2 * kMiB);
  fill(own, 2 * kMiB, 3);  // a copy: what it is now does not matter
  files.close(a);
  for (size_t i = 0; i < kept.size(); ++i) expect_same(journal.entry(i, files), kept[i]);

  fill(constant, 8 * kMiB, 4);
  expect_same(journal.entry(kept.size() - 1, files), kept.back());
  try {
    journal.entry(0, files);
    ADD_FAILURE() << "the file has changed";
  } catch (const InputLost& e) {
    EXPECT_NE(std::string(e.what()).find("position 100"), std::string::npos) << e.what();
    EXPECT_EQ(std::string(e.what()).find('\n'), std::string::npos);
  }
}

// Twice as much to keep is twice as much memory; a run that nobody goes back in keeps nothing.
TEST_F(JournalTest, MemoryFollowsWhatIsKept) {
  const auto after = [&](bool keep, uint64_t reads) {
    Recording recording(options_);
    MachineState m;
    recording.set_keep(keep, 0);
    std::mt19937_64 random(1);
    for (uint64_t i = 0; i < reads; ++i)
      recording.input(m, "read stdin", [&] {
        JournalEntry e;
        e.bytes.resize(kMiB / 16);
        for (size_t k = 0; k + 8 <= e.bytes.size(); k += 8) {
          const uint64_t x = random();
          std::memcpy(e.bytes.data() + k, &x, 8);
        }
        e.result = static_cast<int64_t>(e.bytes.size());
        return e;
      });
    EXPECT_EQ(m.journal_cursor, reads);
    return recording.journal().bytes();
  };
  EXPECT_LT(after(false, 200), kMiB / 16);
  const uint64_t once = after(true, 100), twice = after(true, 200);
  EXPECT_GT(once, 6 * kMiB);
  EXPECT_LT(once, 8 * kMiB);
  EXPECT_NEAR(static_cast<double>(twice), 2.0 * static_cast<double>(once), static_cast<double>(kMiB));
}

}  // namespace
}  // namespace deferscope::emu
