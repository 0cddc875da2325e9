// What names goroutines, calls, defers and panics is the same in every release of Go, on both instruction sets, and
// optimised or not; what the guest wrote is in its events.
#include <gtest/gtest.h>

#include <map>

#include "tests/unit/model_run.h"

namespace deferscope::test {
namespace {

using model::Event;
using model::EventKind;

std::string deferred(const model::Defer& d) {
  return std::string((d.function.wraps ? d.function.wraps : d.function.symbol).text());
}

// The user's events, each by names alone. Goroutines by who made them, and where.
std::string told(const ModelRun& r) {
  std::map<uint64_t, std::string> goroutines;
  std::map<std::string, std::string> by_goroutine;
  for (const Event& e : r.events) {
    if (e.kind() == EventKind::goroutine_start && e.goid) {  // the first has no go statement
      const auto& s = e.as<model::GoroutineStart>();
      goroutines[s.started] = goroutines[e.goid] + "/" + std::string(e.frame.function.text()) + ":" +
                              std::to_string(s.line) + "#" + std::to_string(s.ordinal) + " " +
                              std::string(s.function.text());
    }
    if (e.origin != model::Origin::user) continue;
    const model::Defer* d = e.defer();
    const model::Panic* p = e.panic();
    if (e.kind() == EventKind::jmpdefer || e.kind() == EventKind::recovery_jump || (!d && !p)) continue;
    std::string& out = by_goroutine[goroutines[e.goid]];
    out += std::string(to_string(e.kind())) + " " + std::string(e.frame.function.text()) + "@" +
           std::to_string(e.frame.call);
    if (d) out += " " + std::to_string(d->line) + "#" + std::to_string(d->ordinal) + " " + deferred(*d);
    if (p) out += " p" + std::to_string(p->ordinal);
    out += "\n";
  }
  std::string all;
  for (const auto& [goroutine, events] : by_goroutine) all += goroutine + "\n" + events;
  return all;
}

// Of the releases between which most changed.
std::vector<std::string> releases() {
  std::vector<std::string> out;
  for (const char* release : {"_1.12.", "_1.13.", "_1.17.", "_1.22.", "_1.27."})
    for (const std::string& f : guests_named("casessmall", release)) out.push_back(f);
  return out;
}

class Identity : public testing::TestWithParam<const char*> {};

TEST_P(Identity, IsTheSameEverywhere) {
  std::string first, where;
  for (const std::string& path : releases()) {
    const model::Program program(loader::Image::load(path));
    const std::string now = told(run_model(program, {GetParam()}));
    EXPECT_NE(now, "") << path;
    if (where.empty()) first = now, where = path;
    EXPECT_EQ(now, first) << base(path) << " and " << base(where);
  }
}

// (Not goexit-recovered: to 1.13 recover ended a Goexit.)
INSTANTIATE_TEST_SUITE_P(Cases, Identity,
                         testing::Values("defer-mixed", "panic-nested", "panic-repanic", "recover-depths",
                                         "panic-loopframes", "stack-growloop"),
                         [](const auto& test) {
                           std::string name = test.param;
                           for (char& c : name)
                             if (c == '-') c = '_';
                           return name;
                         });

// Each write is an event, by the goroutine that wrote, in its order among the others.
TEST(Output, IsWhatTheGuestWrote) {
  for (const std::string& path : releases()) {
    const model::Program program(loader::Image::load(path));
    const ModelRun r = run_model(program, {"defer-mixed"});
    std::string out;
    size_t n = 0;
    for (const Event& e : r.events) {
      if (e.kind() != EventKind::output) continue;
      const auto& o = e.as<model::Output>();
      ASSERT_LT(n, r.writes.size());
      const Written& w = r.writes[n++];
      EXPECT_EQ(o.text, w.text) << base(path);
      EXPECT_EQ(o.descriptor, static_cast<uint64_t>(w.fd));
      EXPECT_EQ(e.goid, w.goid);
      EXPECT_EQ(e.id, w.events);
      EXPECT_EQ(e.frame.function.text().substr(0, 5), "main.") << base(path);
      out += o.text;
    }
    EXPECT_EQ(n, r.writes.size());
    EXPECT_EQ(out, r.out) << base(path);
  }
}

// Gone through again from anywhere, the events are the same ones: nothing is counted twice.
TEST(Identity, SurvivesSeeks) {
  const std::vector<std::string> paths = releases();
  if (paths.empty()) GTEST_SKIP() << "no guests";
  const std::string& path = paths.back();
  const model::Program program(loader::Image::load(path));
  emu::Machine m(program.image(), guest_options(path, {"defer-mixed"}));
  std::vector<Event> events;
  model::TrackerOptions o;
  o.sink = [&](const Event& e) { events.push_back(e); };
  model::Tracker t(program, m, o);
  m.recording().set_sink([](int, const uint8_t*, size_t) {});
  m.set_recording(true);
  const ModelRun whole = run_model(program, {"defer-mixed"});
  const emu::Position end = whole.instructions;
  for (const emu::Position p : {end / 3, end / 5, end * 2 / 3, end / 2, end}) m.seek(p);
  ASSERT_EQ(events.size(), whole.events.size());
  ModelRun again;
  again.events = events;
  EXPECT_EQ(told(again), told(whole));
  EXPECT_EQ(t.events_before(), events.size());
}

}  // namespace
}  // namespace deferscope::test
