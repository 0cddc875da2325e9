// The runtime model's tables against DWARF, what it reads from code, and the laws that its events obey. The sequences
// of events against what guests print: runtime_markers_test.cpp.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <set>

#include "runtime_model/inventory.h"
#include "runtime_model/where.h"
#include "tests/unit/guest_bytes.h"
#include "tests/unit/model_run.h"

namespace deferscope::test {
namespace {

using model::EventKind;
using model::Program;

// --- tables ---

TEST(Layouts, EveryRowAgreesWithDwarf) {
  DEFERSCOPE_NEED_GUESTS(guests);
  size_t checked = 0;
  std::set<std::string> seen;
  for (const std::string& path : guests) {
    const auto image = loader::Image::load(path);
    if (!image.go()) continue;
    const std::string key = image.go()->version.text + image.go()->goarch;
    if (seen.count(key)) continue;
    const auto dwarf = loader::Dwarf::open(image);
    if (!dwarf) continue;
    seen.insert(key);
    const int minor = image.go()->version.minor;
    const model::Layouts table = model::Layouts::of_table(minor);
    for (size_t i = 0; i < static_cast<size_t>(model::S::count); ++i) {
      const auto s = static_cast<model::S>(i);
      const auto layout = dwarf->struct_layout(go_name(s));
      if (!layout || !table.size(s)) continue;
      EXPECT_EQ(table.size(s), layout->size) << key << " " << go_name(s);
    }
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
  EXPECT_GT(checked, 0u) << "no guest has DWARF";
}

// A version that the tables do not know yet: layouts from DWARF, and a note that says so.
TEST(Layouts, NewerVersion) {
  for (const std::string& path : case_guests("_1.27.4_linux_amd64_nopt_dwarf")) {
    const std::vector<uint8_t> bytes = read_guest(path);
    for (const char* version : {"go1.28.1", "devel go1.28-abcdef0", "go1.28.1 X:something", "go1.28.1-vendor.3"}) {
      const Program p(loader::Image::parse(with_version(bytes, version), path));
      EXPECT_EQ(p.go().version.text, version);
      EXPECT_EQ(p.minor(), 28);
      ASSERT_EQ(p.layouts().notes().size(), 1u);
      EXPECT_EQ(p.layouts().notes()[0], "go1.28 is newer than the built-in tables (go1.27): layouts from DWARF");
      const ModelRun r = run_model(p, {"panic-nested"}),
                     known = run_model(Program(loader::Image::load(path)), {"panic-nested"});
      EXPECT_EQ(r.events.size(), known.events.size()) << version;
      const Program bare(loader::Image::parse(stripped(with_version(bytes, version)), path));
      ASSERT_EQ(bare.layouts().notes().size(), 1u);
      EXPECT_NE(bare.layouts().notes()[0].find("which may be wrong"), std::string::npos);
    }
    return;
  }
  FAIL() << "no guest";
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
      EXPECT_FALSE(rows[i].arg == rows[j].arg && rows[i].isa == rows[j].isa && rows[i].oldest <= rows[j].newest &&
                   rows[j].oldest <= rows[i].newest)
          << i << " " << j;
}

// funcIDs, against functions whose name says what they are.
TEST(Facts, FuncIds) {
  for (const std::string& path : case_guests()) {
    const Program p(loader::Image::load(path));
    const model::Mechanism& m = p.mech();
    const auto id = [&](const char* name) { return p.function_named(name) ? p.function_named(name)->f.func_id : -1; };
    EXPECT_EQ(id("runtime.sigpanic"), m.id_sigpanic) << base(path);
    EXPECT_TRUE(!m.id_async_preempt || id("runtime.asyncPreempt") == m.id_async_preempt) << base(path);
    for (const char* debug : {"runtime.debugCallV1", "runtime.debugCallV2"})  // amd64; arm64 from 1.18
      EXPECT_TRUE(id(debug) < 0 || id(debug) == m.id_debug_call) << base(path);
    EXPECT_EQ(id("main.(*tiny).plain"), m.id_wrapper) << base(path);  // made by the compiler for the pointer
  }
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
  for (const std::string& path : case_guests()) {
    const Program p(loader::Image::load(path));
    for (const model::Function* f : p.open_coded_functions()) {
      const model::OpenCoded& o = *p.open_coded(*f);
      ASSERT_FALSE(o.stores.empty()) << base(path) << " " << f->name();
      EXPECT_TRUE(o.stores[0].initial) << base(path) << " " << f->name();
      ++functions;
    }
  }
  EXPECT_GT(functions, 0u) << "no guests";
}

TEST(Inventory, DeferreturnOffsetIsTheFirstCall) {
  size_t checked = 0;
  for (const std::string& path : case_guests()) {
    const Program p(loader::Image::load(path));
    const int off = p.amd64() ? p.mech().deferreturn_call_off : 0;
    for (const auto& d : model::inventory(p)) {
      if (d.deferreturns.empty()) continue;
      const auto said = d.function->f.entry + d.deferreturn_offset - static_cast<uint64_t>(off);
      EXPECT_EQ(d.deferreturns[0], said) << base(path) << " " << d.function->name();
      ++checked;
    }
  }
  EXPECT_GT(checked, 0u) << "no guests";
}

// Every function that pclntab marks registers something, and of an open-coded one as many as the compiler's table says
// (to 1.21; from 1.22 the table does not say how many).
TEST(Inventory, FindsAllThatTheTablesSay) {
  size_t marked = 0, counted = 0;
  for (const std::string& path : case_guests()) {
    const Program p(loader::Image::load(path));
    for (const auto& d : model::inventory(p)) {
      if (d.deferreturns.empty()) continue;
      EXPECT_FALSE(d.sites.empty()) << base(path) << " " << d.function->name();
      ++marked;
      if (!d.open || !d.open->count_known) continue;
      std::set<int> slots;
      for (const auto& s : d.sites)
        if (s.storage == model::Storage::open_coded) slots.insert(s.slot);
      EXPECT_EQ(slots.size(), d.open->slots.size()) << base(path) << " " << d.function->name();
      ++counted;
    }
  }
  EXPECT_GT(marked, 0u) << "no guests";
  EXPECT_GT(counted, 0u);
}

// Entries that a damaged table puts at one address are one function, read once: each was read again, the whole text.
TEST(Inventory, ListsAFunctionOnceThoughATableNamesItManyTimes) {
  const auto paths = all_guest_files();
  const auto path = std::find_if(paths.begin(), paths.end(), [](const std::string& p) {
    return p.find("_1.13.15_linux_amd64_nopt_dwarf") != std::string::npos;
  });
  if (path == paths.end()) GTEST_SKIP() << "no guest of Go 1.13";
  std::ifstream file(*path, std::ios::binary);
  std::vector<uint8_t> bytes{std::istreambuf_iterator<char>(file), {}};
  each_section(bytes, [&](uint64_t header, const std::string& name) {
    if (name != ".gopclntab") return;
    const uint64_t table = at<uint64_t>(bytes, header + 24), count = at<uint64_t>(bytes, table + 8);
    for (uint64_t i = 1; i + 1 < count; ++i) at<uint64_t>(bytes, table + 16 + 16 * i) = at<uint64_t>(bytes, table + 16);
  });
  const Program p(loader::Image::parse(std::move(bytes), "liar"));
  std::map<const model::Function*, int> seen;
  for (const auto& d : model::inventory(p)) EXPECT_EQ(++seen[d.function], 1) << d.function->name();
  EXPECT_GT(seen.size(), 0u);
}

// --- laws ---

// One build of each mechanism and instruction set, and cases that use all kinds of events.
std::vector<std::string> few_guests() {
  std::vector<std::string> out;
  for (const char* part :
       {"_1.12.17_linux_amd64_opt", "_1.13.15_linux_arm64_opt", "_1.16.15_linux_amd64_opt", "_1.17.13_linux_amd64_nopt",
        "_1.20.7_linux_arm64_opt", "_1.22.12_linux_amd64_opt", "_1.27.4_linux_arm64_nopt"})
    for (const std::string& g : case_guests(part)) out.push_back(g);
  return whole() ? case_guests() : out;
}

constexpr const char* kFewCases[] = {"defer-mixed", "panic-openframes", "goexit-recovered", "stack-growloop"};

TEST(Events, NobodyNoticesTheHooks) {
  const std::vector<std::string> guests = few_guests();
  ASSERT_FALSE(guests.empty());
  for (const std::string& path : guests) {
    const Program p(loader::Image::load(path));
    for (const char* c : kFewCases) {
      const ModelRun with = run_model(p, {c}, true, {}, true), without = run_model(p, {c}, false, {}, true);
      EXPECT_EQ(with.instructions, without.instructions) << base(path) << " " << c;
      EXPECT_EQ(with.digest, without.digest) << base(path) << " " << c;
      EXPECT_EQ(with.out, without.out) << base(path) << " " << c;
      EXPECT_FALSE(with.events.empty());
    }
  }
}

// Replaying behind the horizon finds the same events and gives none out again.
TEST(Events, OnceThoughReplayed) {
  for (const std::string& path : few_guests()) {
    const Program p(loader::Image::load(path));
    emu::Machine m(p.image(), guest_options(path, {"panic-openframes"}));
    std::vector<std::pair<uint64_t, emu::Position>> seen;
    model::TrackerOptions o;
    // What happens at a position belongs to the state there, but for output: that is the next instruction's doing.
    o.sink = [&](const model::Event& e) {
      seen.push_back({e.id, e.position + (e.kind() == model::EventKind::output)});
    };
    model::Tracker t(p, m, o);
    m.set_recording(true);
    m.run_to(emu::kNever);
    const auto first = seen;
    const uint64_t total = t.events();
    for (uint64_t id : {total / 2, uint64_t{0}, total - 1}) {
      ASSERT_TRUE(m.seek(t.position_of(id)));
      const emu::Position there = t.position_of(id);
      const auto upto = [&](const auto& e) { return e.second <= there; };
      EXPECT_EQ(t.events_before(), static_cast<uint64_t>(std::count_if(first.begin(), first.end(), upto)));
    }
    m.run_to(emu::kNever);
    EXPECT_EQ(seen, first) << base(path);
    EXPECT_EQ(t.events(), total);
    EXPECT_EQ(t.events_before(), total);
  }
}

// The same events are found however the run is cut into pieces, and when the tracker comes late it finds the rest.
TEST(Events, SameWheneverHooksAreSet) {
  for (const std::string& path : few_guests()) {
    const Program p(loader::Image::load(path));
    const ModelRun whole_run = run_model(p, {"defer-mixed"});
    const auto from = of(whole_run, EventKind::defer_push).at(0)->position;
    for (const emu::Position late : {from - 3, from - 1, from}) {
      emu::Machine m(p.image(), guest_options(path, {"defer-mixed"}));
      m.run_to(late);
      std::vector<std::pair<EventKind, emu::Position>> seen, expected;
      model::TrackerOptions o;
      o.sink = [&](const model::Event& e) {  // what is left at the end was registered before
        if (e.kind() != EventKind::defer_left) seen.push_back({e.kind(), e.position});
      };
      const model::Tracker t(p, m, o);
      while (m.run_to(m.state().position + 777).kind == emu::Stop::Reached) {
      }
      for (const model::Event& e : whole_run.events)
        if (e.position >= late && e.kind() != EventKind::defer_left) expected.push_back({e.kind(), e.position});
      // transfer and jmpdefer say what lies between two hooks; from the first push on nothing is cut.
      EXPECT_EQ(seen, expected) << base(path) << " from " << late;
    }
  }
}

// --- where ---

TEST(Where, Grammar) {
  const auto guests = case_guests("_1.13.15_linux_amd64_opt");
  ASSERT_FALSE(guests.empty());
  const Program p(loader::Image::load(guests[0]));
  EXPECT_EQ(model::parse_where(&p, "61,204").number, 61204u);
  EXPECT_EQ(model::parse_where(&p, "@61204").number, 61204u);
  EXPECT_EQ(model::parse_where(&p, "event:3").kind, model::Where::event);
  EXPECT_EQ(model::parse_where(&p, "main.main#2").nth, 2u);
  EXPECT_EQ(model::parse_where(&p, "main.main+0x4").targets[0], model::parse_where(&p, "main.main").targets[0] + 4);
  EXPECT_EQ(model::parse_where(&p, "main.(*counter).bump+12").targets[0],
            model::parse_where(&p, "main.(*counter).bump").targets[0] + 12);
  EXPECT_EQ(model::parse_where(&p, "*0x1234").targets[0], 0x1234u);
  EXPECT_FALSE(model::parse_where(&p, "main.go:46").targets.empty());
  EXPECT_FALSE(model::parse_where(&p, "cases/main.go:46").targets.empty());
  EXPECT_EQ(model::parse_where(&p, "main.main").doubt, "");
  EXPECT_EQ(model::parse_where(&p, "main.main").nth, 0u);
  EXPECT_FALSE(model::parse_where(&p, "main.main").is_moment());
  EXPECT_TRUE(model::parse_where(&p, "main.main#1").is_moment());
  EXPECT_EQ(model::parse_where(&p, "25%").part, 0.25);
  EXPECT_EQ(model::parse_where(&p, "@end").kind, model::Where::end);
  EXPECT_EQ(model::parse_where(&p, "main").targets, model::parse_where(&p, "main.main").targets);
  EXPECT_GT(model::parse_where(&p, "/^main\\.mark/").targets.size(), 1u);
  EXPECT_EQ(model::parse_where(&p, "main.main:1").targets.size(), 1u);
  // What is relative needs somebody who stands somewhere.
  const model::Here here{model::parse_where(&p, "main.main").targets[0], 500, {}};
  EXPECT_EQ(model::parse_where(&p, "+7", model::Bare::moment, &here).number, 507u);
  EXPECT_EQ(model::parse_where(&p, "@-501", model::Bare::line, &here).number, 0u);
  EXPECT_EQ(model::parse_where(&p, "+1", model::Bare::line, &here).targets,
            model::parse_where(&p, "main.main:1").targets);
  EXPECT_EQ(model::parse_where(nullptr, "*0x10").targets[0], 0x10u);
  EXPECT_THROW(model::parse_where(nullptr, "main.main"), model::Error);
  // Its prologue's first instruction, the load of g, has nine bytes.
  EXPECT_NE(model::parse_where(&p, "main.main+0x4").doubt, "");
  EXPECT_EQ(model::parse_where(&p, "main.main+0x9").doubt, "");
  for (const char* bad : {"", "nosuch.function", "main.main#", "main.main#0", "*zz", "event:x", "main.go:99999", "101%",
                          "5#2", "+5", "/(/"})
    EXPECT_THROW(model::parse_where(&p, bad), model::Error) << bad;
}

TEST(Where, GoesThere) {
  for (const std::string& path : few_guests()) {
    const Program p(loader::Image::load(path));
    const ModelRun r = run_model(p, {"defer-mixed"});
    const auto starts = of(r, EventKind::defer_start);
    const model::Event& second = *starts.at(1);
    const auto goes = [&](const std::string& where) {
      emu::Machine m(p.image(), guest_options(path, {"defer-mixed"}));
      const model::Tracker t(p, m, {});
      m.set_recording(true);
      model::go_to(m, &p, &t, model::parse_where(&p, where), model::travel_of(m));
      return m.state().position;
    };
    EXPECT_EQ(goes(std::to_string(second.position)), second.position) << base(path);
    EXPECT_EQ(goes("event:" + std::to_string(second.id)), second.position) << base(path);
    EXPECT_EQ(goes("end"), r.instructions) << base(path);
    EXPECT_EQ(goes("50%"), r.instructions / 2) << base(path);
    EXPECT_EQ(goes("start"), goes("main.main")) << base(path);
    EXPECT_EQ(goes("main.mark16#1"), goes("/^main.mark16$/")) << base(path);
    // mark16 runs twice: each time at its first instruction.
    const auto first = goes("main.mark16"), again = goes("main.mark16#2");
    EXPECT_LT(first, again) << base(path);
    EXPECT_THROW(goes("main.mark16#3"), model::Error) << base(path);
    EXPECT_THROW(goes("event:100000"), model::Error) << base(path);
    EXPECT_THROW(goes("900000000000"), model::Error) << base(path);
  }
}

}  // namespace
}  // namespace deferscope::test
