// The walks of the articles as golden files (data/walks/): made from live state on the committed guests, so that a
// changed explanation is a reviewable diff. DEFERSCOPE_UPDATE_WALKS=1 writes them anew.
//
// What may differ between two builds of deferscope without anybody being wrong is normalised: addresses of the
// goroutine's stack are told from SP at the walk's start, other addresses of the heap by their order of appearance.
#include <re2/re2.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>

#include "tests/unit/cli_guests.h"
#include "tests/unit/model_run.h"
#include "traces/explain.h"

namespace deferscope::test {
namespace {

// A command, done `times` times; after each the next instruction is written with its reasons: all of them, or
// (`meaning`) only those of which more is known than what the instruction does.
struct Leg {
  const char* command;
  int times = 1;
  enum Show { all, meaning, nothing } show = all;
  const char* until = nullptr;  // the last thing to be written has this in its reasons
};

struct Walk {
  const char* name;
  const char* guest;  // the file's name begins so
  const char* arch;
  const char* argument;
  std::vector<Leg> legs;
};

// Go ≤ 1.17: the register of a defer, and the whole of jmpdefer until the deferred function returns onto the CALL.
std::vector<Leg> jmpdefer_walk(const char* function, int instructions) {
  static std::vector<std::string> kept;
  const auto keep = [](std::string s) {
    kept.push_back(std::move(s));
    return kept.back().c_str();
  };
  kept.reserve(64);
  return {{keep(fmt::format("c {}", function)), 1, Leg::all},
          {"ni", 60, Leg::meaning, "one now; jmpdefer"},
          {keep(fmt::format("r; break jmpdefer {}; c", function)), 1, Leg::all},
          {"si", instructions},
          {"clear all; finish; rsi"},
          {"si"}};
}

const std::vector<Walk>& walks() {
  static const std::vector<Walk> kWalks = {
      {"jmpdefer_1.12", "casessmall_1.12.17_linux_", "amd64", "defer-args8", jmpdefer_walk("main.deferArgs8", 7)},
      {"jmpdefer_1.12", "casessmall_1.12.17_linux_", "arm64", "defer-args8", jmpdefer_walk("main.deferArgs8", 9)},
      {"jmpdefer_1.13", "cases_1.13.15_linux_", "amd64", "defer-args8", jmpdefer_walk("main.deferArgs8", 7)},
      {"jmpdefer_1.13", "cases_1.13.15_linux_", "arm64", "defer-args8", jmpdefer_walk("main.deferArgs8", 9)},
      // siz 16: two words of arguments in the record.
      {"siz16_1.12",
       "casessmall_1.12.17_linux_",
       "amd64",
       "defer-args16",
       {{"c main.deferArgs16", 1, Leg::nothing}, {"ni", 40, Leg::meaning}}},
      // 1.14–1.21: bits on the way down, inline calls on the way out.
      {"open_coded_1.16",
       "casessmall_1.16.15_linux_",
       "amd64",
       "defer-noargs",
       {{"c main.deferNoArgs"}, {"ni", 60, Leg::meaning}}},
      {"open_coded_1.16",
       "casessmall_1.16.15_linux_",
       "arm64",
       "defer-noargs",
       {{"c main.deferNoArgs"}, {"ni", 60, Leg::meaning}}},
      // 1.18–1.21: deferreturn's own loop.
      {"loop_1.20",
       "casessmall_1.20.7_linux_",
       "amd64",
       "defer-loop",
       {{"c main.deferLoop; c deferreturn; rsi"}, {"si"}, {"ni", 40, Leg::meaning}}},
      {"loop_1.20",
       "casessmall_1.20.7_linux_",
       "arm64",
       "defer-loop",
       {{"c main.deferLoop; c deferreturn; rsi"}, {"si"}, {"ni", 40, Leg::meaning}}},
      // 1.22: deferreturn builds a _panic and lets it walk.
      {"machine_1.22",
       "casessmall_1.22.12_linux_",
       "amd64",
       "defer-loop",
       {{"c main.deferLoop; c deferreturn; rsi"}, {"si"}, {"ni", 24, Leg::meaning}}},
      {"machine_1.22",
       "casessmall_1.22.12_linux_",
       "arm64",
       "defer-loop",
       {{"c main.deferLoop; c deferreturn; rsi"}, {"si"}, {"ni", 24, Leg::meaning}}},
      {"panic_1.22",
       "casessmall_1.22.12_linux_",
       "amd64",
       "panic-order",
       {{"c main.panicOrder; c gopanic; rsi"}, {"si", 1500, Leg::meaning, "the panic runs"}}},
  };
  return kWalks;
}

// Walks of a recovery: from the panic to where the recovered function's caller goes on.
std::vector<Walk> recovery_walks() {
  std::vector<Walk> out;
  for (const auto& [name, guest] : std::map<const char*, const char*>{{"recovery_1.13", "cases_1.13.15_linux_"},
                                                                      {"recovery_1.21", "casessmall_1.21.13_linux_"},
                                                                      {"recovery_1.22", "casessmall_1.22.12_linux_"},
                                                                      {"recovery_1.25", "casessmall_1.25.14_linux_"},
                                                                      {"recovery_1.27", "cases_1.27.4_linux_"}})
    for (const char* arch : {"amd64", "arm64"})
      out.push_back({name,
                     guest,
                     arch,
                     "panic-order",
                     {{"c main.panicOrder; c gopanic; rsi"},
                      {"c main.recovered", 1, Leg::nothing},
                      {"c recovery"},
                      {"si", 400, Leg::meaning, "recovery's end"},
                      {"si", 3}}});
  return out;
}

std::string guest_of(const Walk& w) {
  for (const std::string& path : all_guest_files()) {
    const std::string name = std::filesystem::path(path).filename().string();
    if (name.compare(0, std::strlen(w.guest), w.guest) == 0 && has(name, w.arch) && has(name, "_opt_")) return path;
  }
  return {};
}

// Addresses as text that the next build of deferscope will give too.
class Normalised {
 public:
  explicit Normalised(const Stepped& s) : s_(s), sp_(s.sp()) {}

  std::string operator()(const std::string& text) {
    static const RE2 kNumber("(0x[0-9a-f]{9,})");
    std::string out;
    re2::StringPiece number, rest(text);
    for (const char* from = text.data();; from = rest.data()) {
      if (!RE2::FindAndConsume(&rest, kNumber, &number)) return out.append(from);
      out.append(from, number.data());
      out += number.size() > 18 ? "wide" : name(std::stoull(std::string(number.data(), number.size()), nullptr, 16));
    }
  }

 private:
  std::string name(uint64_t v) {
    const auto off = static_cast<int64_t>(v - sp_);
    if (off > -0x10000 && off < 0x10000) return off == 0 ? "stack" : fmt::format("stack{:+}", off);
    const auto [it, fresh] = seen_.try_emplace(v, seen_.size() + 1);
    return fmt::format("heap{}", it->second);
  }

  const Stepped& s_;
  uint64_t sp_;
  std::map<uint64_t, size_t> seen_;
};

// What the instruction does, without what Go means by it.
std::vector<std::string> plain(const Stepped& s) {
  const session::Reader& v = s.reader();
  return traces::plain_words(traces::predict(s.state(), *s.console->session.time().machine().options().cpu, v), v);
}

std::string walk_text(const Walk& w, const std::string& path) {
  Stepped s(path, {w.argument});
  std::string out = fmt::format("# {} {}\n", std::filesystem::path(path).filename().string(), w.argument);
  std::optional<Normalised> normal;
  std::string chain;
  for (const Leg& leg : w.legs) {
    out += fmt::format("(ds) {}{}\n", leg.command, leg.times > 1 ? fmt::format("   {} times", leg.times) : "");
    for (int i = 0; i < leg.times && !s.state().exited; ++i) {
      s.console->quiet = true;
      s(leg.command);
      s.console->quiet = false;
      if (!normal) normal.emplace(s);
      if (leg.show == Leg::nothing || s.state().exited) continue;
      const auto words = s.console->session.explain();
      const std::string chain_now = cli::Reply{true, false, s.console->chain_line()}.plain();
      if (leg.show == Leg::meaning && words == plain(s) && chain_now == chain) continue;
      const uint64_t pc = s.state().thread().cpu.pc;
      out += (*normal)(fmt::format("{:<34} {}\n", s.reader().place(pc), s.reader().instruction_text(pc)));
      for (const std::string& line : words) out += (*normal)(fmt::format("        {}\n", line));
      if (chain_now != chain && !chain_now.empty()) out += (*normal)(fmt::format("    {}\n", chain_now));
      chain = chain_now;
      if (leg.until && std::any_of(words.begin(), words.end(), [&](const auto& l) { return has(l, leg.until); })) break;
    }
  }
  return out;
}

void check(const Walk& w) {
  SCOPED_TRACE(fmt::format("{} {}", w.name, w.arch));
  const std::string path = guest_of(w);
  ASSERT_FALSE(path.empty()) << "the core set has no " << w.guest << w.arch;
  const std::string file = fmt::format("tests/unit/data/walks/{}_{}.txt", w.name, w.arch);
  const std::string now = walk_text(w, path);
  if (std::getenv("DEFERSCOPE_UPDATE_WALKS")) {
    std::ofstream(file) << now;
    return;
  }
  std::stringstream kept;
  kept << std::ifstream(file).rdbuf();
  EXPECT_EQ(kept.str(), now) << file << ": DEFERSCOPE_UPDATE_WALKS=1 writes it anew";
}

TEST(Golden, WalksOfDefers) {
  if (guest_files().empty()) GTEST_SKIP() << "no guests: set DEFERSCOPE_GUESTS";
  for (const Walk& w : walks()) check(w);
}

TEST(Golden, WalksOfRecoveries) {
  if (guest_files().empty()) GTEST_SKIP() << "no guests: set DEFERSCOPE_GUESTS";
  for (const Walk& w : recovery_walks()) check(w);
}

// At every CALL deferreturn: "no defer is left" where the next thing that happens is its return, and nowhere else.
TEST(Golden, CallsOfDeferreturnSayWhatTheyWillDo) {
  size_t runs = 0, returns = 0, skipped = 0;
  for (const std::string& path : case_guests("_opt_"))
    for (const char* argument : {"defer-loop", "defer-args8"}) {
      SCOPED_TRACE(path + " " + argument);
      const model::Program p(loader::Image::load(path));
      const ModelRun run = run_model(p, {argument});
      Stepped s(path, {argument});
      for (size_t i = 0; i + 1 < run.events.size(); ++i) {
        const model::Event &e = run.events[i], &next = run.events[i + 1];
        if (e.kind() != model::EventKind::deferreturn_enter || e.shown.none() || next.goid != e.goid) continue;
        const model::Function* f = p.function_at(e.shown.place);
        if (e.origin != model::Origin::user || !f || p.open_coded(*f)) continue;
        const bool none = next.kind() == model::EventKind::deferreturn_leave;
        if (!none && ++skipped % kSanitized) continue;
        ++(none ? returns : runs);
        s(fmt::format("goto {}", e.shown.position));
        std::string words;
        for (const std::string& line : s.console->session.explain()) words += line + "\n";
        EXPECT_EQ(has(words, "is left: it returns at once"), none) << e.shown.position << "\n" << words;
        EXPECT_EQ(has(words, "runs the defers that"), !none) << e.shown.position << "\n" << words;
      }
    }
  if (guest_files().empty()) GTEST_SKIP() << "no guests: set DEFERSCOPE_GUESTS";
  EXPECT_GT(runs, 0u);
  EXPECT_GT(returns, 0u);
}

}  // namespace
}  // namespace deferscope::test
