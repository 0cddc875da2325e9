// The runtime model against what guests say of themselves, their DWARF, and runs without anybody looking.
#include <gtest/gtest.h>

#include <set>

#include "runtime_model/inventory.h"
#include "runtime_model/where.h"
#include "tests/unit/model_run.h"

namespace deferscope::test {
namespace {

using model::EventKind;
using model::Program;

std::string base(const std::string& path) { return std::filesystem::path(path).filename(); }

std::vector<const model::Event*> of(const ModelRun& r, EventKind k, model::Origin origin = model::Origin::user) {
  std::vector<const model::Event*> out;
  for (const model::Event& e : r.events)
    if (e.kind == k && e.origin == origin) out.push_back(&e);
  return out;
}

// --- tables ---

TEST(Layouts, EveryRowAgreesWithDwarf) {
  size_t checked = 0;
  std::set<std::string> seen;
  for (const std::string& path : guest_files()) {
    const auto image = loader::Image::load(path);
    if (!image.go()) continue;
    const std::string key = image.go()->version.text + image.go()->goarch;
    if (seen.count(key)) continue;
    const auto dwarf = loader::Dwarf::open(image);
    if (!dwarf) continue;
    seen.insert(key);
    const int minor = image.go()->version.minor;
    const model::Layouts table = model::Layouts::of_table(minor);
    for (const model::FieldName& n : model::field_names()) {
      const auto layout = dwarf->struct_layout(go_name(n.owner));
      if (!layout) continue;  // the type is not used in this program
      const loader::Field* f = layout->field(n.name);
      const model::FieldAt row = table[n.field];
      ASSERT_EQ(f != nullptr, static_cast<bool>(row)) << key << " " << go_name(n.owner) << "." << n.name;
      if (!f) continue;
      EXPECT_EQ(static_cast<uint64_t>(row.offset), f->offset) << key << " " << go_name(n.owner) << "." << n.name;
      EXPECT_EQ(row.size, f->size) << key << " " << go_name(n.owner) << "." << n.name;
      ++checked;
    }
  }
  if (!checked) GTEST_SKIP() << "no guests with DWARF";
}

TEST(Facts, RowsCoverEveryVersionOnce) {
  for (int minor = loader::kOldestMinor; minor <= loader::kNewestMinor; ++minor) {
    int n = 0;
    for (const auto& m : model::mechanisms()) n += minor >= m.oldest && minor <= m.newest;
    EXPECT_EQ(n, 1) << minor;
  }
  const std::vector<model::ArgRow>& rows = model::arg_rows();
  for (size_t i = 0; i < rows.size(); ++i)
    for (size_t j = i + 1; j < rows.size(); ++j)
      EXPECT_FALSE(rows[i].arg == rows[j].arg && rows[i].arch == rows[j].arch && rows[i].oldest <= rows[j].newest &&
                   rows[j].oldest <= rows[i].newest)
          << i << " " << j;
}

TEST(Facts, PackageOf) {
  EXPECT_EQ(model::package_of("main.f"), "main");
  EXPECT_EQ(model::package_of("encoding/json.(*Decoder).Decode"), "encoding/json");
  EXPECT_EQ(model::package_of("github.com/a/b.F.func1"), "github.com/a/b");
  EXPECT_EQ(model::package_of("main.F[github.com/a/b.T]"), "main");
  EXPECT_EQ(model::package_of("nodot"), "");
}

// --- static ---

TEST(OpenCoded, EveryFunctionHasAnInitialStore) {
  size_t functions = 0;
  for (const std::string& path : guests_named("defer1")) {
    const Program p(loader::Image::load(path));
    for (const model::Function* f : p.open_coded_functions()) {
      const model::OpenCoded& o = *p.open_coded(*f);
      ASSERT_FALSE(o.stores.empty()) << base(path) << " " << f->name();
      EXPECT_TRUE(o.stores[0].initial) << base(path) << " " << f->name();
      ++functions;
    }
  }
  if (!functions) GTEST_SKIP() << "no guests";
}

TEST(Inventory, DeferreturnOffsetIsTheFirstCall) {
  size_t checked = 0;
  for (const std::string& path : guests_named("defer1")) {
    const Program p(loader::Image::load(path));
    const int off = p.amd64() ? p.mech().deferreturn_call_off : 0;
    for (const auto& d : model::inventory(p)) {
      if (d.deferreturns.empty()) continue;
      const auto said = d.function->f.entry + d.deferreturn_offset - static_cast<uint64_t>(off);
      EXPECT_EQ(d.deferreturns[0], said) << base(path) << " " << d.function->name();
      ++checked;
    }
  }
  if (!checked) GTEST_SKIP() << "no guests";
}

// --- events ---

// Every defer of a run is registered once, starts at most once, with the function that was registered.
void expect_consistent(const ModelRun& r, const std::string& what) {
  std::map<uint64_t, const model::Event*> pushed;
  std::set<uint64_t> started;
  for (const model::Event& e : r.events) {
    if (e.kind == EventKind::defer_push) pushed[e.id] = &e;
    if (e.kind != EventKind::defer_start) continue;
    ASSERT_TRUE(pushed.count(e.push)) << what << ": event " << e.id << " starts what was not registered";
    EXPECT_TRUE(started.insert(e.push).second) << what << ": event " << e.id << " starts twice";
    EXPECT_EQ(pushed[e.push]->deferred.entry, e.deferred.entry) << what << ": event " << e.id;
    EXPECT_EQ(pushed[e.push]->frame.function, e.frame.function) << what << ": event " << e.id;
  }
}

TEST(Events, OneDeferInEveryVersion) {
  const auto guests = guests_named("defer1");
  if (guests.empty()) GTEST_SKIP() << "no guests";
  for (const std::string& path : guests) {
    const Program p(loader::Image::load(path));
    const ModelRun r = run_model(p, {});
    expect_consistent(r, base(path));
    EXPECT_EQ(r.out, "defer\n") << base(path);
    ASSERT_EQ(of(r, EventKind::defer_push).size(), 1u) << base(path);
    ASSERT_EQ(of(r, EventKind::defer_start).size(), 1u) << base(path);
    ASSERT_EQ(of(r, EventKind::defer_end).size(), 1u) << base(path);
    EXPECT_EQ(of(r, EventKind::defer_start)[0]->deferred.function->name(), "main.main.func1") << base(path);
  }
}

// Article (seed 001): the record is at SP+8, fn at SP+32 on amd64, SP+16 and SP+40 on arm64; the return address moves
// back onto the CALL.
TEST(Events, Go113RecordAndReturnAddress) {
  size_t n = 0;
  for (const std::string& path : guests_named("defer1_1.13")) {
    const Program p(loader::Image::load(path));
    const ModelRun r = run_model(p, {});
    const auto push = of(r, EventKind::defer_push);
    const auto jump = of(r, EventKind::jmpdefer);
    ASSERT_EQ(push.size(), 1u);
    ASSERT_EQ(jump.size(), 1u);
    EXPECT_EQ(push[0]->storage, model::Storage::stack);
    EXPECT_EQ(push[0]->record - push[0]->frame.sp, p.amd64() ? 8u : 16u);
    EXPECT_EQ(jump[0]->return_address - jump[0]->return_after, p.amd64() ? 5u : 4u);
    bool is_call = false;
    for (const model::Call& c : p.calls_in(*push[0]->frame.function))
      is_call = is_call || (c.pc == jump[0]->return_after && p.describe(c.target) == "runtime.deferreturn");
    EXPECT_TRUE(is_call) << p.describe(jump[0]->return_after);
    ++n;
  }
  if (!n) GTEST_SKIP() << "no guests";
}

TEST(Events, ConsistentInEveryCase) {
  static const char* const kCases[] = {"defer-many",     "defer-loop",    "panic-nested", "recover-depths",
                                       "goexit-recover", "panic-repanic", "stack-grow"};
  size_t n = 0;
  for (const std::string& path : guests_named("cases")) {
    const Program p(loader::Image::load(path));
    for (const char* c : kCases) {
      const ModelRun r = run_model(p, {c});
      expect_consistent(r, base(path) + " " + c);
      ++n;
    }
  }
  if (!n) GTEST_SKIP() << "no guests";
}

TEST(Events, NobodyNoticesTheHooks) {
  size_t n = 0;
  for (const std::string& path : guests_named("defer1")) {
    const Program p(loader::Image::load(path));
    const ModelRun with = run_model(p, {}), without = run_model(p, {}, false);
    EXPECT_EQ(with.instructions, without.instructions) << base(path);
    EXPECT_EQ(with.digest, without.digest) << base(path);
    EXPECT_EQ(with.out, without.out) << base(path);
    ++n;
  }
  if (!n) GTEST_SKIP() << "no guests";
}

// Law 5: replaying behind the horizon finds the same events and gives none out again.
TEST(Events, OnceThoughReplayed) {
  const auto guests = guests_named("defer1_1.13");
  if (guests.empty()) GTEST_SKIP() << "no guests";
  const Program p(loader::Image::load(guests[0]));
  emu::Machine m(p.image(), guest_options(guests[0], {}));
  std::vector<std::pair<uint64_t, emu::Position>> seen;
  model::TrackerOptions o;
  o.sink = [&](const model::Event& e) { seen.push_back({e.id, e.position}); };
  model::Tracker t(p, m, o);
  m.set_recording(true);
  m.run_to(emu::kNever);
  const auto first = seen;
  const uint64_t total = t.events();
  for (uint64_t id : {total / 2, uint64_t{0}, total - 1}) {
    ASSERT_TRUE(m.seek(t.position_of(id)));
    EXPECT_LE(t.events_before(), id + 1);
  }
  m.run_to(emu::kNever);
  EXPECT_EQ(seen, first);
  EXPECT_EQ(t.events(), total);
  EXPECT_EQ(t.events_before(), total);
}

// Stripped: names from pclntab and layouts from the table give the same events.
TEST(Events, SameWithoutDwarf) {
  size_t n = 0;
  for (const std::string& path : guests_named("defer1")) {
    const auto image = loader::Image::load(path);
    const Program with(image), without(image, false);
    const ModelRun a = run_model(with, {}), b = run_model(without, {});
    ASSERT_EQ(a.events.size(), b.events.size()) << base(path);
    for (size_t i = 0; i < a.events.size(); ++i) {
      EXPECT_EQ(a.events[i].kind, b.events[i].kind);
      EXPECT_EQ(a.events[i].position, b.events[i].position);
      EXPECT_EQ(a.events[i].record, b.events[i].record);
    }
    ++n;
  }
  if (!n) GTEST_SKIP() << "no guests";
}

TEST(Where, Grammar) {
  const auto guests = guests_named("defer1_1.13");
  if (guests.empty()) GTEST_SKIP() << "no guests";
  const Program p(loader::Image::load(guests[0]));
  EXPECT_EQ(model::parse_where(p, "61,204").number, 61204u);
  EXPECT_EQ(model::parse_where(p, "event:3").kind, model::Where::event);
  EXPECT_EQ(model::parse_where(p, "main.main#2").nth, 2u);
  EXPECT_EQ(model::parse_where(p, "main.main+0x4").targets[0], model::parse_where(p, "main.main").targets[0] + 4);
  EXPECT_EQ(model::parse_where(p, "*0x1234").targets[0], 0x1234u);
  EXPECT_FALSE(model::parse_where(p, "main.go:6").targets.empty());
  for (const char* bad : {"", "nosuch.function", "main.main#", "main.main#0", "*zz", "event:x", "main.go:99999"})
    EXPECT_THROW(model::parse_where(p, bad), model::Error) << bad;
}

}  // namespace
}  // namespace deferscope::test
