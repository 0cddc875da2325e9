// What is said of values: results and variables that deferred functions change, arguments and captured words, what a
// panic carries. The oracles: what the guest prints, its source, DWARF's own locations, Go's crash report.
#include <gtest/gtest.h>

#include <algorithm>
#include <regex>

#include "runtime_model/sources.h"
#include "runtime_model/typed.h"
#include "tests/unit/model_run.h"

namespace deferscope::test {
namespace {

using model::Effect;
using model::Event;
using model::EventKind;
using model::Program;
using Values = std::vector<std::pair<std::string, std::string>>;

bool has_dwarf(const std::string& path) { return path.find("_dwarf") != std::string::npos; }

// The changes of one kind, before and after; of several words those that are one value's.
Values changes(const Event& e, model::EffectKind k) {
  Values out;
  for (const Effect& f : e.as<model::DeferEnd>().effects)
    if (f.kind == k) out.emplace_back(f.before, f.after);
  return out;
}

std::vector<std::string> unchanged(const Event& e) {
  std::vector<std::string> out;
  for (const model::TypedValue& v : e.as<model::DeferEnd>().unchanged_results) out.push_back(v.value);
  return out;
}

// tests/guests/src/cases/forms.go, deferResults, which prints "4 1 3 80" and "-1 value out of range": named 1 → 4, set
// 2 → 3, twice 4 → 8 → 80 are results; resultLocal's t is a variable, its result stays 1. In every build, with DWARF
// and without, optimised and not.
TEST(Effects, OnResultsInEveryBuild) {
  size_t n = 0;
  for (const std::string& path : case_guests()) {
    SCOPED_TRACE(base(path));
    const Program p(loader::Image::load(path));
    const ModelRun r = run_model(p, {"defer-results"});
    ASSERT_NE(r.out.find("4 1 3 80\n"), std::string::npos) << r.out;
    const auto named = of(r, EventKind::defer_end, "main.resultNamed"),
               local = of(r, EventKind::defer_end, "main.resultLocal"),
               set = of(r, EventKind::defer_end, "main.resultSet"),
               twice = of(r, EventKind::defer_end, "main.resultTwice"),
               panic = of(r, EventKind::defer_end, "main.resultPanic");
    ASSERT_TRUE(named.size() == 1 && local.size() == 1 && set.size() == 1 && twice.size() == 2 && panic.size() == 1);
    const auto result = model::EffectKind::result, variable = model::EffectKind::variable;
    EXPECT_EQ(changes(*named[0], result), (Values{{"1", "4"}}));
    EXPECT_EQ(changes(*local[0], result), Values{});
    EXPECT_EQ(changes(*local[0], variable), (Values{{"1", "4"}}));
    EXPECT_EQ(unchanged(*local[0]), std::vector<std::string>{"1"});
    EXPECT_EQ(changes(*set[0], result), (Values{{"2", "3"}}));
    EXPECT_EQ(changes(*twice[0], result), (Values{{"4", "8"}}));
    EXPECT_EQ(changes(*twice[1], result), (Values{{"8", "80"}}));
    const Values of_panic = changes(*panic[0], result);
    ASSERT_EQ(of_panic.size(), has_dwarf(path) ? 2u : 3u);  // an error is two words
    EXPECT_EQ(of_panic[0].first, "5");
    EXPECT_TRUE(of_panic[0].second == "-1" || of_panic[0].second == "0xffffffffffffffff") << of_panic[0].second;
    if (has_dwarf(path)) {
      EXPECT_EQ(of_panic[1].second, "*errors.errorString(\"value out of range\")");
      EXPECT_EQ(named[0]->as<model::DeferEnd>().effects[0].name, "t");
      EXPECT_EQ(named[0]->as<model::DeferEnd>().effects[0].type, "int");
    }
    for (const auto* all : {&named, &local, &set, &twice, &panic})
      for (const Event* e : *all) EXPECT_TRUE(e->as<model::DeferEnd>().effects_complete);
    ++n;
  }
  EXPECT_GT(n, 0u) << "no guests";
}

// resultsMulti: string, slice, float and error results; the values are those that the guest then prints.
TEST(Effects, OnResultsOfSeveralWords) {
  for (const std::string& path : case_guests("_dwarf")) {
    SCOPED_TRACE(base(path));
    const Program p(loader::Image::load(path));
    const ModelRun r = run_model(p, {"defer-resultsmulti"});
    const auto ends = of(r, EventKind::defer_end, "main.resultsMulti");
    if (ends.empty()) continue;  // not of the small set
    for (const Event* e : ends)
      for (const Effect& f : e->as<model::DeferEnd>().effects) {
        EXPECT_EQ(f.kind, model::EffectKind::result);
        EXPECT_TRUE(f.name != "b" || f.after == f.before.substr(0, f.before.size() - 1) + "!\"") << f.after;
        EXPECT_TRUE(f.name != "d" || std::stod(f.after) == 2 * std::stod(f.before)) << f.after;
        EXPECT_TRUE(f.name != "c" || f.after.starts_with("len ")) << f.after;
      }
  }
}

// Where the code that returns them says that results lie is where DWARF locates them, in every function that defers and
// whose results DWARF locates in the frame.
TEST(Effects, CodeAndDwarfAgree) {
  size_t compared = 0;
  for (const std::string& path : case_guests("_dwarf")) {
    const Program p(loader::Image::load(path));
    loader::Dwarf* dwarf = p.dwarf();
    ASSERT_NE(dwarf, nullptr);
    loader::FrameAccess frame;
    frame.cfa = uint64_t{1} << 40;
    frame.reg = [](unsigned) { return std::nullopt; };
    frame.read = [](uint64_t, std::span<uint8_t>) { return false; };
    for (size_t i = 0; i < p.go().funcs.size(); ++i) {
      const loader::Func known = p.go().funcs.func(i);
      const model::Function* f = known.deferreturn ? p.function_at(known.entry) : nullptr;
      if (!f || f->origin != model::Origin::user) continue;
      const model::ResultPlaces places = result_places(p, *f);
      const model::Signature& s = p.signature(*f);
      const auto info = dwarf->function_at(known.entry);
      if (!p.register_abi() || !places.read || !s.whole || !info) continue;
      // The body of a range-over-func loop ("f-range1") returns a bool that DWARF leaves out.
      const size_t range = f->name().rfind("-range");
      const bool body = range != std::string_view::npos && f->name().find('.', range) == std::string_view::npos;
      EXPECT_EQ(s.integers + (body ? 1 : 0), places.integers.size()) << base(path) << " " << f->name();
      EXPECT_EQ(s.floats, places.floats.size()) << base(path) << " " << f->name();
      const uint64_t pc = known.entry + known.deferreturn;
      for (const model::Parameter& x : s.all) {
        const auto v = std::find_if(info->variables.begin(), info->variables.end(), [&](const loader::Variable& y) {
          return y.name == x.name && y.role == loader::VariableRole::result && y.inlined_from.empty();
        });
        if (!x.result || x.place.parts.empty() || v == info->variables.end()) continue;
        const loader::Location at = dwarf->locate(*v, pc, frame);
        if (at.pieces.size() != 1 || at.pieces[0].kind != loader::Piece::Kind::memory) continue;
        const auto& first = x.place.parts[0];
        const auto& in = first.floating ? places.floats : places.integers;
        if (first.index >= in.size() || in[first.index].kind != model::Source::frame) continue;
        const int64_t cfa = *p.sp_delta(*f, pc) + (p.amd64() ? 8 : 0);
        EXPECT_EQ(in[first.index].offset - static_cast<int64_t>(first.offset),
                  static_cast<int64_t>(at.pieces[0].value - frame.cfa) + cfa)
            << base(path) << " " << f->name() << " " << x.name;
        ++compared;
      }
    }
  }
  EXPECT_GT(compared, 10u) << "no guests";
}

// No event of the user's says a stack address by its number alone.
TEST(Arguments, StackAddressesHaveAPlace) {
  static constexpr const char* kCases[] = {"defer-results", "defer-loop", "panic-nested", "stack-growloop"};
  const std::regex place("[^ ]+\\.SP\\+[0-9]+|stack\\.hi-[0-9]+");
  size_t next = 0, seen = 0;
  for (const std::string& path : case_guests()) {
    const Program p(loader::Image::load(path));
    const char* name = kCases[next++ % std::size(kCases)];
    run_model(p, {name}, true,
              {[&](const emu::Machine& m, const model::Tracker&, const Event& e) {
                 if (e.kind() != EventKind::defer_push && e.kind() != EventKind::defer_start) return;
                 const model::Defer& d = *e.defer();
                 const model::Guest g(p, m.state());
                 const auto in_stack = [&](uint64_t v) { return v >= g.sp() && v < e.frame.sp + e.frame.depth; };
                 for (const auto& c : d.function.captured) {
                   if (c.size != 8 || !in_stack(c.value) || (!c.type && c.name)) continue;
                   EXPECT_TRUE(std::regex_match(captured_text(p, c), place))
                       << base(path) << " " << captured_text(p, c);
                   ++seen;
                 }
                 for (size_t i = 0; i < d.arguments.size() && d.argument_bytes.size() == 8 * d.arguments.size(); ++i) {
                   uint64_t v = 0;
                   std::memcpy(&v, d.argument_bytes.data() + 8 * i, 8);
                   if (!in_stack(v)) continue;
                   EXPECT_TRUE(std::regex_match(d.arguments[i].value, place)) << d.arguments[i].value;
                   ++seen;
                 }
               },
               {}});
  }
  EXPECT_GT(seen, 0u) << "no guests";
}

// Arguments as the source has them (forms.go): by the callee's parameters where they follow the record (to 1.16; arm64
// to 1.17), else by the words that the wrapper captured.
TEST(Arguments, AreWhatTheSourcePasses) {
  struct Passed {
    const char* guest;
    const char* function;
    Values values;
  };
  const Passed passed[] = {
      {"defer-args16", "main.mark16", {{"a", "1"}, {"b", "2"}}},
      {"defer-args16", "main.markString", {{"s", "\"sixteen\""}}},
      {"defer-args24", "main.mark24", {{"a", "1"}, {"b", "2"}, {"c", "3"}}},
      {"defer-args24", "main.markSlice", {{"s", "len 3 cap 3 [4, 5, 6]"}}},
      {"defer-argsmany",
       "main.markMany",
       {{"a", "-1"},
        {"b", "1099511627776"},
        {"c", "true"},
        {"d", "\"d\""},
        {"f", "1.25"},
        {"h", "nil"},
        {"i", "65535"}}},
  };
  size_t by_stack = 0, by_wrapper = 0;
  for (const std::string& path : case_guests("_dwarf")) {
    const Program p(loader::Image::load(path));
    for (const Passed& x : passed) {
      SCOPED_TRACE(base(path) + " " + x.function);
      const ModelRun r = run_model(p, {x.guest});
      const Event* push = nullptr;
      for (const Event* e : of(r, EventKind::defer_push)) {
        const model::Function* f = p.function_at(e->defer()->function.entry);
        if (f && (f->name() == x.function || p.wrapped(*f).function == x.function)) push = e;
      }
      ASSERT_NE(push, nullptr);
      Values said;
      for (const model::TypedValue& v : push->defer()->arguments) said.emplace_back(v.name, v.value);
      for (const auto& c : push->defer()->function.captured) said.emplace_back(c.name.text(), captured_text(p, c));
      if (!push->defer()->arguments.empty()) {
        for (const auto& v : x.values) EXPECT_NE(std::find(said.begin(), said.end(), v), said.end()) << v.first;
        ++by_stack;
      } else {
        for (const auto& [name, value] : said)  // the compiler passes constants without capturing them
          for (const auto& v : x.values) EXPECT_TRUE(v.first != name || v.second == value) << name << " " << value;
        ++by_wrapper;
      }
    }
  }
  EXPECT_GT(by_stack, 0u) << "no guests";
  EXPECT_GT(by_wrapper, 0u) << "no guests";
}

// markBulk's argument is a struct of a string and many words: one value, by its fields, and whole.
TEST(Arguments, ALargeStructIsOneValue) {
  size_t seen = 0;
  for (const std::string& path : case_guests("_dwarf")) {
    const Program p(loader::Image::load(path));
    const ModelRun r = run_model(p, {"defer-argsbig"});
    for (const Event* e : of(r, EventKind::defer_push)) {
      if (e->defer()->arguments.empty()) continue;
      ASSERT_EQ(e->defer()->arguments.size(), 2u) << base(path);
      EXPECT_EQ(e->defer()->arguments[0].name, "b");
      EXPECT_NE(e->defer()->arguments[0].value.find("name: \"before\""), std::string::npos)
          << e->defer()->arguments[0].value;
      EXPECT_NE(e->defer()->arguments[0].value.find("[0, 1, 2, 3, "), std::string::npos)
          << e->defer()->arguments[0].value;
      ++seen;
    }
  }
  EXPECT_GT(seen, 0u) << "no guests";
}

// A panic's value begins as the crash report that the guest itself writes: "panic: …". Error methods and Stringers are
// guest code; there the report has what they return, and values their type and fields.
TEST(Panics, ValuesAreThoseOfTheCrashReport) {
  static constexpr const char* kCases[] = {"crash-string", "crash-int",      "crash-bool",     "crash-float",
                                           "crash-named",  "crash-nil",      "crash-nilmap",   "crash-closed",
                                           "crash-index",  "crash-division", "crash-assertion"};
  size_t compared = 0;
  for (const std::string& path : case_guests()) {
    if (!in_sample(base(path), 3)) continue;
    const Program p(loader::Image::load(path));
    for (const char* name : kCases) {
      const ModelRun r = run_model(p, {name});
      const size_t at = r.out.find("panic: ");
      const auto panics = of(r, EventKind::panic_start);
      if (at == std::string::npos || panics.empty()) continue;
      std::string report = r.out.substr(at + 7, r.out.find('\n', at) - at - 7);
      if (report.find(" [recovered") != std::string::npos) report = report.substr(0, report.find(" [recovered"));
      if (report.empty() || report[0] == '(') continue;  // "(main.T) 0x…"
      if (panics[0]->panic()->value.find('{') != std::string::npos ||
          panics[0]->panic()->value.find("Error") != std::string::npos ||
          panics[0]->panic()->value.find("errorString") != std::string::npos)
        continue;
      EXPECT_EQ(panics[0]->panic()->value.substr(0, panics[0]->panic()->value.find('\n')), report)
          << base(path) << " " << name;
      ++compared;
    }
  }
  EXPECT_GT(compared, 0u) << "no guests";
}

}  // namespace
}  // namespace deferscope::test
