// One unwinder: at every event the stepper's frames are the snapshot's, and at a crash both are those that the guest
// prints itself.
#include <re2/re2.h>

#include <nlohmann/json.hpp>

#include "runtime_model/guest.h"
#include "tests/unit/cli_guests.h"
#include "tests/unit/model_run.h"
#include "traces/snapshot.h"

namespace deferscope::test {
namespace {

using Addresses = std::vector<uint64_t>;

// "▶  0  0x48cfa4  main.main+73 …", a row a frame.
Addresses rows_of(const std::string& bt) {
  static const RE2 kRow("(?m)^(?:▶| ) +[0-9]+  0x([0-9a-f]+)  ");
  Addresses out;
  re2::StringPiece rest(bt);
  for (std::string pc; RE2::FindAndConsume(&rest, kRow, &pc);) out.push_back(std::stoull(pc, nullptr, 16));
  return out;
}

// Of the current thread's goroutine; nothing if it has none.
std::optional<Addresses> snapshot_frames(const model::Program& p, const emu::MachineState& s) {
  std::string line;
  traces::ProgramNames names(p);
  traces::SnapshotOptions options;
  options.only_current = true;
  traces::append_snapshot_json(line, names, s, nullptr, {}, options);
  const auto j = nlohmann::json::parse(line);
  if (j["goroutines"].empty()) return std::nullopt;
  Addresses out;
  for (const auto& f : j["goroutines"][0]["frames"])
    out.push_back(std::stoull(f["at"]["pc"].get<std::string>(), nullptr, 16));
  return out;
}

// Cases of every kind of event; each guest takes its turn.
constexpr const char* kCases[] = {"fault-nil",   "panic-nested",    "defer-mixed", "goexit-defers",
                                  "go-pingpong", "stack-growpanic", "go-preempt",  "recover-indefer"};

TEST(Frames, OfTheStepperAreTheSnapshots) {
  const auto guests = sampled_guests();
  if (guests.empty()) GTEST_SKIP() << "no guests: set DEFERSCOPE_GUESTS";
  size_t compared = 0, inlined = 0;
  for (size_t n = 0; n < guests.size(); ++n)
    for (const size_t turn : {n, n + 3}) {
      const std::string argument = kCases[turn % std::size(kCases)];
      SCOPED_TRACE(guests[n] + " " + argument);
      const model::Program p(loader::Image::load(guests[n]));
      std::vector<emu::Position> positions;
      for (const model::Event& e : run_model(p, {argument}).events)
        if (positions.empty() || e.position > positions.back()) positions.push_back(e.position);
      Stepped s(guests[n], {argument});
      s.console->quiet = true;
      const size_t most = 400 / kSanitized, stride = positions.size() / most + 1;
      for (size_t i = 0; i < positions.size(); i += std::getenv("DEFERSCOPE_ALL") ? 1 : stride) {
        s(fmt::format("goto {}", positions[i]));
        const auto expected = snapshot_frames(p, s.state());
        if (!expected) continue;
        const std::string bt = s("whole bt 1000");
        ASSERT_EQ(rows_of(bt), *expected) << "at @" << positions[i];
        // Each inlined function with the line that calls it: the lines are what a crash prints (below).
        const model::Guest& guest = *s.reader().guest();
        for (const model::Frame& f : guest.unwind(guest.standing(s.state().thread())).frames) {
          const auto calls = guest.calls_of(f);
          for (size_t k = 0; k + 1 < calls.size(); ++k) {
            const std::string file(calls[k + 1].at.file);
            ASSERT_TRUE(has(bt, fmt::format("(in inlined {}, called at {}:{})", model::readable(calls[k].function),
                                            file.substr(file.find_last_of('/') + 1), calls[k + 1].at.line)))
                << bt;
            ++inlined;
          }
        }
        ++compared;
      }
    }
  EXPECT_GT(compared, 1000 / kSanitized);
  EXPECT_GT(inlined, 10u);
}

// A frame as a traceback prints it. Inlined ones have no addresses.
struct Printed {
  std::string function;
  int line = 0;
  uint64_t fp = 0, sp = 0, pc = 0;
};
struct PrintedGoroutine {
  uint64_t id = 0;
  bool elided = false;
  std::vector<Printed> frames;
};

std::string without_types(std::string name) {
  RE2::GlobalReplace(&name, "\\[.*\\]", "[...]");
  return name == "panic" ? "runtime.gopanic" : name;
}

// What GOTRACEBACK=system prints: "main.f(0x1)\n\tmain.go:7 +0x1c fp=0x… sp=0x… pc=0x…".
std::vector<PrintedGoroutine> tracebacks(const std::string& text) {
  static const RE2 kHead("^goroutine ([0-9]+) .*\\[.*\\]:$"), kCall("^([^\\t].*)\\(.*\\)$"),
      kPlace("^\\t.*:([0-9]+)(?: \\+0x[0-9a-f]+)?(?: fp=0x([0-9a-f]+) sp=0x([0-9a-f]+) pc=0x([0-9a-f]+))?$");
  std::vector<PrintedGoroutine> out;
  bool inside = false, created = false;
  for (size_t from = 0, to; (to = text.find('\n', from)) != std::string::npos; from = to + 1) {
    const std::string line = text.substr(from, to - from);
    uint64_t id = 0;
    int number = 0;
    std::string a, b, c;
    if (RE2::FullMatch(line, kHead, &id)) {
      out.push_back({id, false, {}});
      inside = true, created = false;
    } else if (line.empty() || !inside) {
      inside = false;
    } else if (line.rfind("created by", 0) == 0) {
      created = true;
    } else if (RE2::FullMatch(line, kPlace, &number, &a, &b, &c)) {
      if (created || out.back().frames.empty()) continue;
      Printed& f = out.back().frames.back();
      f.line = number;
      if (!a.empty())
        f.fp = std::stoull(a, nullptr, 16), f.sp = std::stoull(b, nullptr, 16), f.pc = std::stoull(c, nullptr, 16);
    } else if (line.find("frames elided") != std::string::npos) {
      out.back().elided = true;
      inside = false;
    } else {
      // The name ends at the parenthesis that the last one closes.
      size_t at = line.size() - 1;
      for (int open = 0; at > 0; --at) {
        open += line[at] == ')' ? 1 : line[at] == '(' ? -1 : 0;
        if (open == 0) break;
      }
      out.back().frames.push_back({without_types(line.substr(0, at)), 0, 0, 0, 0});
    }
  }
  return out;
}

// The logical frames of a trace, in that form.
std::vector<std::pair<Printed, bool>> logical(const model::Guest& g, const model::Unwound& u) {
  std::vector<std::pair<Printed, bool>> out;
  for (const model::Frame& f : u.frames)
    for (const loader::InlineFrame& c : g.calls_of(f)) {
      Printed p{without_types(std::string(c.function)), c.at.line, 0, 0, 0};
      if (!c.inlined) p.fp = f.caller_sp, p.sp = f.sp, p.pc = f.pc;
      out.emplace_back(p, c.func_id == g.program().mech().id_wrapper);
    }
  return out;
}

void compare(const PrintedGoroutine& printed, const std::vector<std::pair<Printed, bool>>& found) {
  SCOPED_TRACE(fmt::format("goroutine {}", printed.id));
  ASSERT_FALSE(printed.frames.empty());
  // A goroutine that crashes prints from where it called for that.
  size_t at = 0;
  const auto first = std::find_if(printed.frames.begin(), printed.frames.end(), [](const Printed& f) { return f.pc; });
  ASSERT_NE(first, printed.frames.end());
  while (at < found.size() && !(found[at].first.pc == first->pc && found[at].first.sp == first->sp)) ++at;
  ASSERT_LT(at, found.size()) << "its first frame is not found: " << first->function;
  at -= std::min(at, static_cast<size_t>(first - printed.frames.begin()));
  for (const Printed& f : printed.frames) {
    while (at < found.size() && found[at].second && found[at].first.function != f.function) ++at;  // hidden wrappers
    ASSERT_LT(at, found.size()) << "cut before " << f.function;
    const Printed& ours = found[at++].first;
    EXPECT_EQ(ours.function, f.function);
    EXPECT_EQ(ours.line, f.line) << f.function;
    // Go takes arm64's jmpdefer, which moves SP by hand, for a function with a frame, and is lost.
    if (f.function == "runtime.jmpdefer") return;
    if (!f.pc) continue;
    EXPECT_EQ(ours.pc, f.pc) << f.function;
    EXPECT_EQ(ours.sp, f.sp) << f.function;
    EXPECT_EQ(ours.fp, f.fp) << f.function;
  }
  EXPECT_TRUE(printed.elided || at == found.size()) << "frames behind the last that the guest prints";
}

TEST(Frames, AreThoseThatACrashPrints) {
  const auto guests = step_guests();
  if (guests.empty()) GTEST_SKIP() << "no guests: set DEFERSCOPE_GUESTS";
  constexpr const char* kCrashes[] = {"crash-nil",   "crash-nested",   "crash-goroutine", "crash-nilfunc",
                                      "crash-deep",  "crash-stringer", "crash-unlock",    "crash-deferfunc",
                                      "crash-index", "crash-again",    "crash-goexit"};
  size_t goroutines = 0;
  for (size_t n = 0; n < guests.size(); ++n)
    for (const size_t turn : {n, n + 4, n + 7}) {
      const std::string argument = kCrashes[turn % std::size(kCrashes)];
      SCOPED_TRACE(guests[n] + " " + argument);
      const model::Program p(loader::Image::load(guests[n]));
      emu::GuestOptions options = guest_options(guests[n], {argument});
      options.env = {"GOTRACEBACK=system"};
      emu::Machine m(p.image(), options);
      const model::Guest guest(p, m.state());
      std::string text;
      std::map<uint64_t, std::vector<std::pair<Printed, bool>>> found;
      m.recording().set_sink([&](int, const uint8_t* bytes, size_t size) {
        const std::string piece(reinterpret_cast<const char*>(bytes), size);
        text += piece;
        if (piece.rfind("goroutine ", 0) == 0)  // as they stand when they are printed
          for (const model::Goroutine& g : guest.goroutines()) found[g.id] = logical(guest, guest.unwind(g));
      });
      m.run_to(emu::kNever);
      const auto printed = tracebacks(text);
      ASSERT_FALSE(printed.empty()) << text;
      for (const PrintedGoroutine& g : printed) {
        ASSERT_TRUE(found.count(g.id)) << g.id;
        compare(g, found[g.id]);
        ++goroutines;
      }
      if (testing::Test::HasFailure()) {
        std::cerr << text.substr(0, 3000);
        return;
      }
    }
  EXPECT_GT(goroutines, 100u);
}

}  // namespace
}  // namespace deferscope::test
