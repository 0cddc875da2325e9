// The text of `run --events` as golden files (data/events/): every kind of event, every storage, all mechanisms.
// DEFERSCOPE_UPDATE_WALKS=1 writes them anew: read the diff.
//
// What may differ between two builds of deferscope without anybody being wrong is normalised: positions are told from
// the first line's (positions_test.cpp goes to each), addresses of stacks and heap by their order of appearance.
#include "traces/event_text.h"

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "tests/unit/model_run.h"

namespace deferscope::test {
namespace {

using model::EventKind;

struct Stream {
  const char* guest;  // its file's name begins so
  const char* argument;
  traces::Scope scope = traces::Scope::user;
};

constexpr Stream kStreams[] = {{"casessmall_1.12.17_linux_arm64_opt", "defer-args8"},
                               {"casessmall_1.12.17_linux_amd64_opt", "goexit-recovered"},
                               {"cases_1.13.15_linux_amd64_opt", "goexit-recovered"},
                               {"cases_1.13.15_linux_amd64_opt", "crash-repanic"},
                               {"cases_1.13.15_linux_arm64_opt", "recover-helper"},
                               {"stories_1.14.15_linux_amd64", "missed"},
                               {"casessmall_1.17.13_linux_arm64_opt", "panic-nested"},
                               {"casessmall_1.17.13_linux_amd64_opt", "exit-deferred"},
                               {"casessmall_1.18.10_linux_amd64_opt", "defer-mixed"},
                               {"casessmall_1.21.13_linux_arm64_opt", "goexit-recovered"},
                               {"casessmall_1.22.12_linux_amd64_opt", "goexit-inpanic"},
                               {"casessmall_1.22.12_linux_arm64_opt", "panic-nested"},
                               {"cases_1.27.4_linux_amd64_opt", "rangefunc-defer"},
                               {"cases_1.27.4_linux_arm64_opt", "recover-helper"},
                               {"cases_1.13.15_linux_amd64_opt", "exit-seven", traces::Scope::all},
                               {"casessmall_1.16.15_linux_arm64_opt", "go-preempt", traces::Scope::all},
                               {"casessmall_1.17.13_linux_amd64_opt", "defer-loop", traces::Scope::all},
                               {"casessmall_1.22.12_linux_amd64_opt", "panic-openframes", traces::Scope::all},
                               {"casessmall_1.21.13_linux_amd64_opt", "defer-nilfunc"}};

// Those of the core set, and the stories where they are unpacked beside it.
std::string file_of(const Stream& s) {
  const std::filesystem::path stories =
      std::filesystem::path(DEFERSCOPE_GUESTS_DEFAULT).parent_path() / "guests-stories";
  for (const auto& files : {all_guest_files(), elf_files(stories)})
    for (const std::string& path : files)
      if (base(path).starts_with(s.guest)) return path;
  return {};
}

class Normalised {
 public:
  std::string operator()(const std::string& text) {
    std::string out;
    for (size_t i = 0; i < text.size();) {
      if (text[i] == '@' && out.find_last_not_of(' ') + 1 == out.rfind('\n') + 1) {
        i = position(text, i + 1, out);
      } else if (text.compare(i, 2, "0x") == 0) {
        size_t n = i + 2;
        while (n < text.size() && std::isxdigit(static_cast<unsigned char>(text[n]))) ++n;
        const std::string address = text.substr(i, n - i);
        out += address.size() > 10 ? name(address) : address;
        i = n;
      } else {
        out += text[i++];
      }
    }
    return out;
  }

 private:
  size_t position(const std::string& text, size_t i, std::string& out) {
    emu::Position p = 0;
    for (; std::isdigit(static_cast<unsigned char>(text[i])) || text[i] == ','; ++i)
      if (text[i] != ',') p = p * 10 + static_cast<emu::Position>(text[i] - '0');
    if (!first_) first_ = p;
    while (!out.empty() && out.back() == ' ') out.pop_back();
    out += p >= first_ ? "  @+" + std::to_string(p - first_) : "  @-" + std::to_string(first_ - p);
    return i;
  }
  std::string name(const std::string& address) {
    return "address" + std::to_string(seen_.try_emplace(address, seen_.size() + 1).first->second);
  }

  emu::Position first_ = 0;
  std::map<std::string, size_t> seen_;
};

// The text, and of a scope that has all the first of each way to transfer control only.
std::string text_of(const Stream& s, const std::string& path, std::set<EventKind>& kinds,
                    std::set<model::Storage>& storages) {
  const model::Program p(loader::Image::load(path));
  traces::ProgramNames names(p);
  traces::EventText text(names, s.scope);
  std::string out;
  std::map<std::string, int> transfers;
  // What it sees of paths is the same everywhere: their length would move its positions.
  emu::GuestOptions guest = guest_options("/guest", {s.argument});
  guest.cwd = "/";
  emu::Machine m(p.image(), guest);
  m.recording().set_sink([](int, const uint8_t*, size_t) {});
  model::TrackerOptions o;
  o.sink = [&](const model::Event& e) {
    if (e.kind() == EventKind::transfer && ++transfers[to_string(e.as<model::Transfer>().what)] > 3) return;
    const size_t before = out.size();
    text.append(out, e);
    if (out.size() == before) return;
    kinds.insert(e.kind());
    if (e.kind() == EventKind::defer_push) storages.insert(e.defer()->storage);
  };
  const model::Tracker tracker(p, m, std::move(o));
  m.run_to(emu::kNever);
  text.append_summary(out);
  return "# " + base(path) + " " + s.argument + (s.scope == traces::Scope::all ? " --scope all\n" : "\n") +
         Normalised()(out);
}

TEST(EventText, GoldenStreams) {
  if (all_guest_files().empty()) GTEST_SKIP() << "no guests: set DEFERSCOPE_GUESTS";
  std::set<EventKind> kinds;
  std::set<model::Storage> storages;
  bool all = true;
  for (const Stream& s : kStreams) {
    SCOPED_TRACE(std::string(s.guest) + " " + s.argument);
    const std::string path = file_of(s);
    all = all && !path.empty();
    if (path.empty()) continue;
    const std::string file = "tests/unit/data/events/" + std::string(s.guest) + "_" + s.argument + ".txt";
    const std::string now = text_of(s, path, kinds, storages);
    if (std::getenv("DEFERSCOPE_UPDATE_WALKS")) {
      std::ofstream(file) << now;
      continue;
    }
    std::stringstream kept;
    kept << std::ifstream(file).rdbuf();
    EXPECT_EQ(kept.str(), now) << file << ": DEFERSCOPE_UPDATE_WALKS=1 writes it anew";
  }
  // Calls are told at level call only (EventTable.CallsAreTheSame, tests/trace.py); they are the last kinds.
  // What is refused or loaded later, no core guest asks for (tests/dynamic.py).
  kinds.insert(EventKind::refused);
  kinds.insert(EventKind::library_load);
  for (int k = 0; k < static_cast<int>(EventKind::call_enter) && all; ++k)
    EXPECT_TRUE(kinds.count(static_cast<EventKind>(k))) << to_string(static_cast<EventKind>(k)) << " is in no stream";
  EXPECT_EQ(storages.size(), 4u);
}

}  // namespace
}  // namespace deferscope::test
