// The laws that make time travel possible, on the core guest of every release and instruction set: neither the length
// of blocks, nor the engine, nor hooks, nor seeks may change what the guest does. Compared are state digests at the
// same positions, the output, the exit status; standard input is a pipe, which gives its bytes once.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <unordered_set>
#include <vector>

#include "emu/machine.h"
#include "loader/image.h"

namespace deferscope {
namespace {

using emu::Position;

// Short cases (0.6 to 2 M instructions) of each kind: records of every form, panics, signals, threads and select,
// input.
const char* const kCases[] = {"defer-mixed", "panic-nested", "fault-nil", "go-select",
                              "go-timers",   "gc-list",      "os-stdin"};

std::string guest_path(const std::string& release, const std::string& arch) {
  const char* named = std::getenv("DEFERSCOPE_GUESTS");
  const std::string folder = named ? named : DEFERSCOPE_GUESTS_DEFAULT;
  for (const char* program : {"casessmall_", "cases_"}) {
    const std::string path = folder + "/" + program + release + "_linux_" + arch + "_opt_syms";
    if (std::filesystem::exists(path)) return path;
  }
  return folder + "/casessmall_" + release + "_linux_" + arch + "_opt_syms";
}

// Our standard input becomes a pipe that holds `text` once.
void give_input(const std::string& text) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  ASSERT_EQ(write(ends[1], text.data(), text.size()), static_cast<ssize_t>(text.size()));
  close(ends[1]);
  ASSERT_EQ(dup2(ends[0], 0), 0);
  close(ends[0]);
}

// One machine and everything it wrote.
struct Guest {
  std::string out[2];
  std::unique_ptr<emu::Machine> machine;

  Guest(const loader::Image& image, const std::string& path, const std::string& name, unsigned max_block = 64) {
    give_input("first line\nsecond\nno newline at the end");
    emu::GuestOptions options;
    options.argv = {path, name};
    options.exe_path = path;
    options.stdin_path = "-";
    machine = std::make_unique<emu::Machine>(image, options, max_block);
    machine->recording().set_sink([this](int fd, const uint8_t* bytes, size_t n) {
      out[fd == 2 ? 1 : 0].append(reinterpret_cast<const char*>(bytes), n);
    });
  }
  emu::Machine* operator->() { return machine.get(); }
  Position position() const { return machine->state().position; }
  uint64_t digest() const { return machine->state().digest(); }

  // Runs on through all hooks.
  void pass_to(Position target) {
    while (machine->run_to(target).kind == emu::Stop::Hook) {
    }
  }
};

// What the guest does when nobody disturbs it: the digest at some positions, the end, the output.
struct Truth {
  std::map<Position, uint64_t> digests;
  Position end = 0;
  int status = 0;
  std::string out[2];
};

void expect_end(const Truth& truth, Guest& run, const std::string& what) {
  EXPECT_TRUE(run->state().exited) << what;
  EXPECT_EQ(run.position(), truth.end) << what;
  EXPECT_EQ(run->state().exit_status, truth.status) << what;
  EXPECT_EQ(run.out[0], truth.out[0]) << what;
  EXPECT_EQ(run.out[1], truth.out[1]) << what;
}

class Laws : public ::testing::TestWithParam<std::tuple<const char*, const char*>> {
 protected:
  void SetUp() override {
    path = guest_path(std::get<0>(GetParam()), std::get<1>(GetParam()));
    image.emplace(loader::Image::load(path));
    // Each release and instruction set begins at another case, so that together they have them all.
    std::seed_seq seed{std::hash<std::string>{}(std::get<0>(GetParam())), size_t{std::get<1>(GetParam())[1] == 'm'}};
    random.seed(seed);
    first = random() % std::size(kCases);
  }

  std::string name(size_t i) const { return kCases[(first + i) % std::size(kCases)]; }

  Truth undisturbed(const std::string& name, size_t positions) {
    Truth truth;
    Guest whole(*image, path, name);
    whole.pass_to(emu::kNever);
    truth.end = whole.position();
    truth.status = whole->state().exit_status;
    truth.out[0] = whole.out[0], truth.out[1] = whole.out[1];
    for (size_t i = 0; i < positions; ++i) truth.digests[random() % truth.end];
    truth.digests[0];
    truth.digests[truth.end - 1];
    Guest again(*image, path, name);
    for (auto& [position, digest] : truth.digests) {
      again.pass_to(position);
      EXPECT_EQ(again.position(), position);
      digest = again.digest();
    }
    again.pass_to(emu::kNever);
    expect_end(truth, again, "the second run of " + name);
    EXPECT_EQ(again.digest(), whole.digest()) << name;
    truth.digests[truth.end] = whole.digest();
    return truth;
  }

  // Runs through the truth's positions and compares.
  void follow(const Truth& truth, Guest& run, const std::string& what) {
    for (const auto& [position, digest] : truth.digests) {
      run.pass_to(position);
      ASSERT_EQ(run.position(), position) << what;
      ASSERT_EQ(run.digest(), digest) << what << " at position " << position;
    }
    run.pass_to(emu::kNever);
    expect_end(truth, run, what);
  }

  std::string path;
  std::optional<loader::Image> image;
  std::mt19937_64 random;
  size_t first = 0;
};

TEST_P(Laws, BlocksOfAnyLength) {
  for (size_t i = 0; i < 3; ++i) {
    const Truth truth = undisturbed(name(i), 24);
    for (const unsigned length : {1u, 7u}) {
      Guest run(*image, path, name(i), length);
      follow(truth, run, name(i) + " with blocks of " + std::to_string(length));
    }
  }
}

TEST_P(Laws, TheReferenceEvaluator) {
  const Truth truth = undisturbed(name(3), 24);
  Guest run(*image, path, name(3), 0);
  follow(truth, run, name(3) + " with the reference evaluator");
}

TEST_P(Laws, Hooks) {
  const Truth truth = undisturbed(name(4), 24);
  std::vector<uint64_t> functions;
  const loader::FuncTable& funcs = image->go()->funcs;
  for (size_t i = 0; i < funcs.size(); ++i) functions.push_back(funcs.func(i).entry);
  ASSERT_GT(functions.size(), 100u);
  std::unordered_set<uint64_t> hooks;
  for (size_t i = 0; i < functions.size() / 20; ++i) hooks.insert(functions[random() % functions.size()]);
  Guest run(*image, path, name(4));
  size_t stops = 0;
  for (const auto& [position, digest] : truth.digests) {
    run->set_hooks(hooks);
    while (run->run_to(position).kind == emu::Stop::Hook) {
      ++stops;
      ASSERT_TRUE(hooks.count(run->state().cpu().pc)) << "stopped at no hook, position " << run.position();
      ASSERT_LE(run.position(), position);
    }
    ASSERT_EQ(run.position(), position);
    ASSERT_EQ(run.digest(), digest) << name(4) << " with hooks at position " << position;
    hooks.insert(functions[random() % functions.size()]);
    hooks.erase(hooks.begin());
  }
  run.pass_to(emu::kNever);
  expect_end(truth, run, name(4) + " with hooks");
  EXPECT_GT(stops, 0u);
}

TEST_P(Laws, SeeksBackAndForth) {
  for (const std::string& name : {this->name(5), std::string("os-stdin")}) {
    const Truth truth = undisturbed(name, 24);
    std::vector<Position> places;
    for (const auto& [position, digest] : truth.digests) places.push_back(position);
    Guest run(*image, path, name);
    run->set_recording(true);
    // In the middle of the run, and again with everything known.
    for (const Position horizon : {truth.end / 3, truth.end}) {
      ASSERT_TRUE(run->seek(horizon));
      std::shuffle(places.begin(), places.end(), random);
      for (const Position place : places) {
        if (place > horizon) continue;
        ASSERT_TRUE(run->seek(place)) << name;
        ASSERT_EQ(run.position(), place) << name;
        ASSERT_EQ(run.digest(), truth.digests.at(place)) << name << " after a seek to " << place;
        // Forward N, back N.
        const Position n = 1 + random() % 3000;
        if (place + n > horizon) continue;
        for (Position i = 0; i < std::min<Position>(n, 50); ++i) run->step();
        run.pass_to(place + n);
        ASSERT_TRUE(run->seek(place)) << name;
        ASSERT_EQ(run.digest(), truth.digests.at(place)) << name << ": forward and back " << n << " at " << place;
      }
    }
    ASSERT_TRUE(run->seek(truth.end)) << name;
    expect_end(truth, run, name + " after seeks");
  }
}

INSTANTIATE_TEST_SUITE_P(Guests, Laws,
                         ::testing::Combine(::testing::Values("1.12.17", "1.13.15", "1.14.15", "1.15.15", "1.16.15",
                                                              "1.17.13", "1.18.10", "1.19.13", "1.20.7", "1.21.13",
                                                              "1.22.12", "1.23.12", "1.24.13", "1.25.14", "1.26.11",
                                                              "1.27.4"),
                                            ::testing::Values("amd64", "arm64")),
                         [](const auto& p) {
                           std::string name = std::string(std::get<0>(p.param)) + "_" + std::get<1>(p.param);
                           std::replace(name.begin(), name.end(), '.', '_');
                           return name;
                         });

}  // namespace
}  // namespace deferscope
