// What is shown beside a position is what executes there next: a second machine goes to every position that the text
// and the JSON of a run name, and compares.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>

#include "tests/unit/model_run.h"
#include "traces/event_json.h"
#include "traces/event_text.h"
#include "traces/instruction_text.h"

namespace deferscope::test {
namespace {

// What is said to execute next at a position.
struct Said {
  std::string where;        // the line, for the message
  std::string place;        // of text: "main.f+12 …", what follows included
  uint64_t pc = 0;          // of JSON; 0: somewhere in `function`
  std::string function;     // of JSON
  std::string instruction;  // how its text begins, and must hold behind that; empty: nothing is said
  std::string operand;
};
using Claims = std::multimap<emu::Position, Said>;

// The position and the place of a line "  @61,204  main.f+12   CALL runtime.deferproc".
void read_line(const std::string& line, Claims& out) {
  const size_t at = line.find('@');
  if (at == line.npos || line.find_first_not_of(' ') != at) return;
  size_t i = at + 1;
  emu::Position p = 0;
  for (; i < line.size() && (std::isdigit(line[i]) || line[i] == ','); ++i)
    if (line[i] != ',') p = p * 10 + static_cast<emu::Position>(line[i] - '0');
  Said s{line, line.substr(i + 2), 0, {}, {}, {}};
  for (const char* call : {" CALL ", " BL "})
    if (const size_t c = s.place.find(call);
        c != s.place.npos && s.place.find("RET") > c && s.place.find("resume") > c) {
      s.instruction = "CALL";
      s.operand = s.place.substr(c + std::strlen(call));
      s.operand = s.operand.substr(0, s.operand.find(' '));
    }
  if (s.place.find(" RET ") != s.place.npos) s.instruction = "RET";
  out.emplace(p, s);
}

void read_text(const std::string& text, Claims& out) {
  for (size_t from = 0, to; (to = text.find('\n', from)) != text.npos; from = to + 1)
    read_line(text.substr(from, to - from), out);
}

uint64_t number(const nlohmann::json& hex) { return std::stoull(hex.get<std::string>(), nullptr, 16); }

void read_json(const std::string& line, Claims& out) {
  const auto j = nlohmann::json::parse(line);
  out.emplace(j["position"], Said{line, {}, number(j["pc"]), {}, {}, {}});
  if (const auto& s = j["shown"]; !s.is_null()) {
    const uint64_t pc = s["place"].is_null() ? 0 : number(s["place"]["pc"]);
    const bool ret = j["event"] == "defer.end";
    const bool store = j["event"] == "defer.push" && !j["defer"]["slot"].is_null();
    const bool call = j["event"] != "jmpdefer" && !ret && !store;
    out.emplace(s["position"], Said{line, {}, pc, s["function"], ret ? "RET" : call ? "CALL" : "", {}});
  }
  if (j.contains("steps"))
    for (const auto& s : j["steps"]) out.emplace(s["position"], Said{line, {}, number(s["pc"]), {}, s["text"], {}});
}

// Empty: what is said is so.
std::string wrong(const model::Program& p, uint64_t pc, const Said& s) {
  const model::Function* f = p.function_at(pc);
  const std::string name = f ? model::readable(f->name()) : "";
  const std::string text = traces::instruction_text(p, pc);
  if (s.pc && s.pc != pc) return fmt::format("{} executes, not {:#x}", p.describe(pc), s.pc);
  if (!s.function.empty() && s.function != name) return name + " executes, not " + s.function;
  // Of a RET only the function may be known.
  if (!s.place.empty() && !(s.place + " ").starts_with(p.describe(pc) + " ") &&
      !(s.instruction == "RET" && s.place.starts_with(name + " ")))
    return p.describe(pc) + " executes";
  if (!text.starts_with(s.instruction) || text.find(s.operand) == text.npos) return "the instruction is " + text;
  return {};
}

struct Counts {
  size_t claims = 0, shown = 0, uncertain = 0;
};

void check(const std::string& path, const std::string& argument, Counts& counts) {
  SCOPED_TRACE(path + " " + argument);
  const model::Program p(loader::Image::load(path));
  traces::ProgramNames names(p);
  traces::EventText text(names, traces::Scope::all);
  Claims claims;
  std::string out;
  run_model(p, {argument}, true,
            {[&](const emu::Machine&, const model::Tracker&, const model::Event& e) {
               out.clear();
               text.append(out, e);
               read_text(out, claims);
               out.clear();
               append_event_json(out, names, e);
               read_json(out, claims);
               const bool another = e.kind() == model::EventKind::defer_end ||
                                    e.kind() == model::EventKind::panic_start ||
                                    e.kind() == model::EventKind::deferreturn_enter ||
                                    (e.kind() == model::EventKind::defer_push && e.defer()->slot < 0);
               counts.shown += another && !e.shown.none(), counts.uncertain += another && e.shown.none();
             },
             {}});
  emu::Machine m(p.image(), guest_options(path, {argument}));
  m.recording().set_sink([](int, const uint8_t*, size_t) {});
  size_t failures = 0;
  for (const auto& [position, said] : claims) {
    m.run_to(position);
    ASSERT_EQ(m.state().position, position) << said.where;
    const std::string why = wrong(p, m.state().cpu().pc, said);
    if (!why.empty() && ++failures <= 5) ADD_FAILURE() << said.where << "\n  at " << position << ": " << why;
  }
  counts.claims += claims.size();
}

// All mechanisms, both instruction sets; turns of threads, signals and moving stacks come between.
TEST(Positions, AreWhereTextAndJsonSay) {
  static constexpr const char* kCases[] = {
      "panic-nested",     "goexit-recovered", "go-preempt",      "defer-argsmany", "recover-methodvalue",
      "stack-growpanic",  "defer-embedded",   "rangefunc-defer", "defer-pool",     "crash-repanic",
      "panic-goroutines", "recover-promoted", "defer-builtin",   "fault-defers",   "gc-parallel",
      "recover-inlined",  "panic-openframes", "defer-mixed",     "exit-deferred",  "defer-nilfunc",
      "go-oncepanic",     "defer-loop",       "recover-reflect"};
  size_t next = 0;
  Counts counts;
  for (const std::string& path : case_guests()) {
    ++next;
    std::vector<std::string> all;
    if (whole()) all = listed_cases(model::Program(loader::Image::load(path)));
    for (size_t i = 0; !whole() && i < std::size(kCases); ++i)
      if (i % (8 * kSanitized) == next % (8 * kSanitized)) all.push_back(kCases[i]);
    for (const std::string& c : all)
      if (!c.starts_with("bench-")) check(path, c, counts);
  }
  fmt::print("{} claims, {} events shown by another instruction, {} not\n", counts.claims, counts.shown,
             counts.uncertain);
  EXPECT_GT(counts.claims, 1000 / kSanitized) << "no guests";
  EXPECT_GT(counts.shown, 50 * counts.uncertain) << "most events are shown by the instruction that caused them";
}

}  // namespace
}  // namespace deferscope::test
