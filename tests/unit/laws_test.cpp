// The laws that make time travel possible, on the core guests of every release and instruction set: neither the length
// of blocks, nor the engine, nor hooks, nor seeks, nor the tracker that watches may change what the guest does or which
// events are found. Compared are state digests at the same positions, the events as JSON, the output, the exit status;
// standard input is a pipe, which gives its bytes once. `./dev test --all` (DEFERSCOPE_ALL) takes more cases.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <sstream>
#include <string>
#include <unordered_set>
#include <vector>

#include "emu/machine.h"
#include "loader/image.h"
#include "runtime_model/tracker.h"
#include "traces/event_json.h"

namespace deferscope {
namespace {

using emu::Position;

// Short cases (0.6 to 2 M instructions) of each kind: records of every form, panics, signals, threads and select,
// input.
const std::vector<std::string> kCases = {"defer-mixed", "panic-nested", "fault-nil", "go-select",
                                         "go-timers",   "gc-list",      "os-stdin"};
// Too long for a run instruction by instruction, or an end that is the host's business.
const std::vector<std::string> kLong = {"bench-", "crash-memory", "crash-overflow", "stack-deep", "go-many", "gc-big"};

bool everything() { return std::getenv("DEFERSCOPE_ALL") != nullptr; }

// The guests of a release: the optimised one, and the one with -N -l where the core set has it.
// `target`: the instruction set, of Linux, or "darwin_" and the instruction set; with "+cgo" or "+pie" behind it of a
// dynamically linked one, which lie beside the core guests.
std::vector<std::string> guest_paths(const std::string& release, const std::string& target) {
  const char* named = std::getenv("DEFERSCOPE_GUESTS");
  std::string folder = named ? named : DEFERSCOPE_GUESTS_DEFAULT;
  if (target.find('+') != target.npos)
    folder = std::filesystem::path(folder + "/..").lexically_normal().string() + "guests-dynamic";
  std::vector<std::string> paths;
  for (const char* mode : {"_opt_syms", "_nopt_dwarf"})
    for (const char* program : {"/casessmall_", "/cases_"})
      if (const std::string path =
              folder + program + release + (target.starts_with("darwin") ? "_" : "_linux_") + target + mode;
          std::filesystem::exists(path)) {
        paths.push_back(path);
        break;
      }
  return paths;
}

// Where a dynamically linked guest's libraries come from: this machine's own, or those of Debian's libc6-arm64-cross.
std::string sysroot_of(const loader::Image& image) {
  if (!image.elf().interpreted) return "";
  return image.isa() == isa::Isa::x86_64 ? "/" : "/usr/aarch64-linux-gnu";
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

// A program and what is known of it before it runs.
struct Loaded {
  std::string path;
  loader::Image image;
  model::Program program;
  explicit Loaded(const std::string& p) : path(p), image(loader::Image::load(p)), program(image) {}
};

// One machine, everything it wrote and all events that were found.
struct Guest {
  std::string out[2];
  std::string events;  // JSON lines
  std::unique_ptr<emu::Machine> machine;
  std::unique_ptr<traces::ProgramNames> names;
  std::unique_ptr<model::Tracker> tracker;

  // `engine`: as --engine; all say the same, so that a run is under "jit" where nothing else is said.
  Guest(const Loaded& l, const std::string& name, bool watched = true, unsigned max_block = 64,
        const char* engine = "jit") {
    give_input("first line\nsecond\nno newline at the end");
    emu::GuestOptions options;
    options.argv = {l.path, name};
    options.exe_path = l.path;
    options.stdin_path = "-";
    options.sysroot = sysroot_of(l.image);
    machine = std::make_unique<emu::Machine>(l.image, options, max_block);
    if (!std::getenv("DEFERSCOPE_ENGINE")) machine->engine().use_host_code(engine);
    machine->recording().set_sink([this](int fd, const uint8_t* bytes, size_t n) {
      out[fd == 2 ? 1 : 0].append(reinterpret_cast<const char*>(bytes), n);
    });
    if (!watched) return;
    names = std::make_unique<traces::ProgramNames>(l.program);
    model::TrackerOptions tracking;
    tracking.sink = [this](const model::Event& e) { traces::append_event_json(events, *names, e); };
    tracker = std::make_unique<model::Tracker>(l.program, *machine, std::move(tracking));
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

// What there is to compare at a position.
struct Moment {
  uint64_t digest = 0, events = 0;  // events: how many lie before it
  bool operator==(const Moment&) const = default;
};
std::ostream& operator<<(std::ostream& s, const Moment& m) {
  return s << "digest " << std::hex << m.digest << std::dec << ", " << m.events << " events before";
}

Moment moment(const Guest& run) { return {run.digest(), run.tracker->events_before()}; }

// What the guest does when nobody disturbs it.
struct Truth {
  std::map<Position, Moment> moments;
  Position end = 0;
  int status = 0;
  std::string out[2];
  std::string events;
};

// Where two streams part, with the lines there.
std::string parting(const std::string& want, const std::string& got) {
  const size_t at =
      static_cast<size_t>(std::mismatch(want.begin(), want.end(), got.begin(), got.end()).first - want.begin());
  const auto line = [at](const std::string& s) {
    const size_t from = s.rfind('\n', at == 0 ? 0 : at - 1);
    return s.substr(from == std::string::npos ? 0 : from + 1, 600);
  };
  return "event " + std::to_string(std::count(want.begin(), want.begin() + static_cast<ptrdiff_t>(at), '\n')) +
         "\nundisturbed: " + line(want) + "\nnow: " + line(got);
}

void expect_end(const Truth& truth, Guest& run, const std::string& what) {
  EXPECT_TRUE(run->state().exited) << what;
  EXPECT_EQ(run.position(), truth.end) << what;
  EXPECT_EQ(run->state().exit_status, truth.status) << what;
  EXPECT_EQ(run.out[0], truth.out[0]) << what;
  EXPECT_EQ(run.out[1], truth.out[1]) << what;
  const bool same = !run.tracker || run.events == truth.events;
  EXPECT_TRUE(same) << what << ": " << parting(truth.events, run.events);
}

class Laws : public ::testing::TestWithParam<std::tuple<const char*, const char*>> {
 protected:
  void SetUp() override {
    for (const std::string& path : guest_paths(std::get<0>(GetParam()), std::get<1>(GetParam())))
      guests.push_back(std::make_unique<Loaded>(path));
    ASSERT_FALSE(guests.empty()) << "no core guest of this release";
    for (const auto& guest : guests)
      if (const std::string libraries = sysroot_of(guest->image);
          !libraries.empty() && !std::filesystem::exists(libraries + guest->image.elf().interpreter))
        GTEST_SKIP() << "no " << guest->image.elf().interpreter << " below " << libraries << " (libc6-arm64-cross)";
    // Each release and instruction set begins at another case, so that together they have them all.
    std::seed_seq seed{std::hash<std::string>{}(std::get<0>(GetParam())), size_t{std::get<1>(GetParam())[1] == 'm'}};
    random.seed(seed);
    first = random() % kCases.size();
  }

  // `count` cases from the `from`-th on; with DEFERSCOPE_ALL all of them and some that the guest lists.
  std::vector<std::string> cases(const Loaded& guest, size_t from, size_t count) {
    std::vector<std::string> names;
    for (size_t i = 0; i < (everything() ? kCases.size() : count); ++i)
      names.push_back(kCases[(first + from + i) % kCases.size()]);
    if (!everything()) return names;
    Guest list(guest, "list", false);
    list.pass_to(emu::kNever);
    std::istringstream lines(list.out[0]);
    std::vector<std::string> more;
    for (std::string line; lines >> line;)
      if (line != "end" &&
          std::none_of(kLong.begin(), kLong.end(), [&](const std::string& l) { return line.rfind(l, 0) == 0; }))
        more.push_back(line);
    std::shuffle(more.begin(), more.end(), random);
    names.insert(names.end(), more.begin(), more.begin() + static_cast<ptrdiff_t>(std::min<size_t>(more.size(), 8)));
    return names;
  }

  // Two runs that nobody watches and one with a tracker: the same states.
  Truth undisturbed(const Loaded& guest, const std::string& name, size_t positions) {
    Truth truth;
    Guest whole(guest, name, false, 64, "interp");
    whole.pass_to(emu::kNever);
    truth.end = whole.position();
    truth.status = whole->state().exit_status;
    truth.out[0] = whole.out[0], truth.out[1] = whole.out[1];
    for (size_t i = 0; i < positions; ++i) truth.moments[random() % truth.end];
    truth.moments[0];
    truth.moments[truth.end - 1];
    Guest again(guest, name, false);  // one after the other: they share our standard input
    for (auto& [position, m] : truth.moments) {
      again.pass_to(position);
      EXPECT_EQ(again.position(), position);
      m.digest = again.digest();
    }
    again.pass_to(emu::kNever);
    expect_end(truth, again, "the second run of " + name);
    Guest watched(guest, name);
    for (auto& [position, m] : truth.moments) {
      watched.pass_to(position);
      EXPECT_EQ(watched.digest(), m.digest) << name << ", watched, at position " << position;
      m.events = watched.tracker->events_before();
    }
    watched.pass_to(emu::kNever);
    truth.events = watched.events;
    expect_end(truth, watched, "the watched run of " + name);
    EXPECT_EQ(again.digest(), whole.digest()) << name;
    truth.moments[truth.end] = moment(watched);
    EXPECT_EQ(truth.moments[truth.end].digest, whole.digest()) << name << ", watched, at the end";
    EXPECT_FALSE(truth.events.empty()) << name;
    return truth;
  }

  // Runs through the truth's positions and compares.
  void follow(const Truth& truth, Guest& run, const std::string& what) {
    for (const auto& [position, m] : truth.moments) {
      run.pass_to(position);
      ASSERT_EQ(run.position(), position) << what;
      ASSERT_EQ(moment(run), m) << what << " at position " << position;
    }
    run.pass_to(emu::kNever);
    expect_end(truth, run, what);
  }

  std::vector<std::unique_ptr<Loaded>> guests;
  std::mt19937_64 random;
  size_t first = 0;
};

TEST_P(Laws, BlocksOfAnyLength) {
  for (const auto& guest : guests)
    for (const std::string& name : cases(*guest, 0, 2)) {
      const Truth truth = undisturbed(*guest, name, 16);
      for (const unsigned length : {1u, 7u}) {
        Guest run(*guest, name, true, length);
        follow(truth, run, guest->path + " " + name + " with blocks of " + std::to_string(length));
      }
    }
}

TEST_P(Laws, TheReferenceEvaluator) {
  for (const auto& guest : guests)
    for (const std::string& name : cases(*guest, 3, 1)) {
      const Truth truth = undisturbed(*guest, name, 16);
      Guest run(*guest, name, true, 0);
      follow(truth, run, guest->path + " " + name + " with the reference evaluator");
    }
}

TEST_P(Laws, Hooks) {
  for (const auto& guest : guests)
    for (const std::string& name : cases(*guest, 4, 1)) {
      const Truth truth = undisturbed(*guest, name, 16);
      std::vector<uint64_t> functions;
      const loader::FuncTable& funcs = guest->image.go()->funcs;
      for (size_t i = 0; i < funcs.size(); ++i) functions.push_back(funcs.func(i).entry);
      ASSERT_GT(functions.size(), 100u);
      // The tracker's own places among them: both must hear of them, each once.
      std::unordered_set<uint64_t> hooks;
      for (const char* own : {"runtime.deferreturn", "runtime.gopanic", "runtime.deferproc"})
        if (auto f = funcs.find_first(own)) hooks.insert(f->entry);
      for (size_t i = 0; i < functions.size() / 20; ++i) hooks.insert(functions[random() % functions.size()]);
      Guest run(*guest, name);
      size_t stops = 0;
      for (const auto& [position, m] : truth.moments) {
        run->set_hooks(hooks);
        while (run->run_to(position).kind == emu::Stop::Hook) {
          ++stops;
          ASSERT_TRUE(hooks.count(run->state().cpu().pc)) << "stopped at no hook, position " << run.position();
          ASSERT_LE(run.position(), position);
        }
        ASSERT_EQ(run.position(), position);
        ASSERT_EQ(moment(run), m) << guest->path << " " << name << " with hooks at position " << position;
        hooks.insert(functions[random() % functions.size()]);
        hooks.erase(hooks.begin());
      }
      run.pass_to(emu::kNever);
      expect_end(truth, run, guest->path + " " + name + " with hooks");
      EXPECT_GT(stops, 0u);
    }
}

TEST_P(Laws, SeeksBackAndForth) {
  for (const auto& guest : guests) {
    std::vector<std::string> names = cases(*guest, 5, 1);
    names.push_back("os-stdin");
    for (const std::string& name : names) {
      const std::string what = guest->path + " " + name;
      const Truth truth = undisturbed(*guest, name, 16);
      std::vector<Position> places;
      for (const auto& [position, m] : truth.moments) places.push_back(position);
      Guest run(*guest, name);
      run->set_recording(true);
      // In the middle of the run, and again with everything known.
      for (const Position horizon : {truth.end / 3, truth.end}) {
        ASSERT_TRUE(run->seek(horizon));
        std::shuffle(places.begin(), places.end(), random);
        for (const Position place : places) {
          if (place > horizon) continue;
          ASSERT_TRUE(run->seek(place)) << what;
          ASSERT_EQ(run.position(), place) << what;
          ASSERT_EQ(moment(run), truth.moments.at(place)) << what << " after a seek to " << place;
          // Forward N, back N.
          const Position n = 1 + random() % 3000;
          if (place + n > horizon) continue;
          for (Position i = 0; i < std::min<Position>(n, 50); ++i) run->step();
          run.pass_to(place + n);
          ASSERT_TRUE(run->seek(place)) << what;
          ASSERT_EQ(moment(run), truth.moments.at(place)) << what << ": forward and back " << n << " at " << place;
        }
      }
      ASSERT_TRUE(run->seek(truth.end)) << what;
      expect_end(truth, run, what + " after seeks");
    }
  }
}

const auto test_name = [](const auto& p) {
  std::string name = std::string(std::get<0>(p.param)) + "_" + std::get<1>(p.param);
  for (char& c : name)
    if (c == '.' || c == '+') c = '_';
  return name;
};

// Of macOS a sample: the system is the same for all releases, its calls differ.
INSTANTIATE_TEST_SUITE_P(DarwinAmd64, Laws,
                         ::testing::Combine(::testing::Values("1.12.17", "1.22.12", "1.26.11"),
                                            ::testing::Values("darwin_amd64")),
                         test_name);
INSTANTIATE_TEST_SUITE_P(DarwinArm64, Laws,
                         ::testing::Combine(::testing::Values("1.16.15", "1.20.7", "1.27.4"),
                                            ::testing::Values("darwin_arm64")),
                         test_name);

// With an interpreter, libraries and threads that C makes.
INSTANTIATE_TEST_SUITE_P(Dynamic, Laws,
                         ::testing::Values(std::tuple("1.13.15", "amd64+cgo"), std::tuple("1.20.7", "arm64+pie"),
                                           std::tuple("1.27.4", "amd64+pie"), std::tuple("1.27.4", "arm64+cgo")),
                         test_name);

INSTANTIATE_TEST_SUITE_P(Guests, Laws,
                         ::testing::Combine(::testing::Values("1.12.17", "1.13.15", "1.14.15", "1.15.15", "1.16.15",
                                                              "1.17.13", "1.18.10", "1.19.13", "1.20.7", "1.21.13",
                                                              "1.22.12", "1.23.12", "1.24.13", "1.25.14", "1.26.11",
                                                              "1.27.4"),
                                            ::testing::Values("amd64", "arm64")),
                         test_name);

}  // namespace
}  // namespace deferscope
