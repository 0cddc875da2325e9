// A client of session/ that has no words but JSON: requests in, answers out. What it drives here (breakpoints, motion
// both ways, frames, variables, chains, explanations, edits, time) is all that a front end needs, so all of it is there
// without a text to read. Linked with session/ and nothing right of it.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "session/session.h"
#include "tests/unit/loader_guests.h"

namespace deferscope::test {
namespace {

using nlohmann::json;
using namespace session;

json function_name(const model::Function* f) { return f ? json(model::readable(f->name())) : json(nullptr); }

class Client {
 public:
  Client(const std::string& path, const std::string& argument) {
    emu::GuestOptions o;
    o.argv = {path, argument};
    o.exe_path = path;
    auto m = std::make_unique<emu::Machine>(loader::Image::load(path), o);
    m->recording().set_sink(
        [this](int, const uint8_t* bytes, size_t n) { output_.append(reinterpret_cast<const char*>(bytes), n); });
    session_ = std::make_unique<Session>(std::move(m), Options{});
  }

  // {"do": …} → an answer; {"error": one line} where it cannot be done.
  json operator()(const json& request) {
    try {
      return answer(request);
    } catch (const Error& e) {
      return {{"error", e.what()}};
    }
  }
  const std::string& output() const { return output_; }

 private:
  json answer(const json& r) {
    Session& s = *session_;
    const std::string what = r.at("do");
    const auto text = [&](const char* key) { return r.value(key, std::string()); };
    if (what == "break") return breakpoint(s.breakpoints().add(s.breakpoint_at(text("where"))));
    if (what == "break event") {
      for (const EventPoint e : kEventPoints)
        if (text("event") == to_string(e))
          return breakpoint(s.breakpoints().add(s.breakpoints().at_event(e, text("function"))));
    }
    if (what == "watch") return breakpoint(s.breakpoints().add(s.watchpoint_on(text("expression"), false, true)));
    if (what == "breakpoints") {
      json all = json::array();
      for (const auto& [id, b] : s.breakpoints().all()) all.push_back(breakpoint(b));
      return all;
    }
    if (what == "clear") return s.breakpoints().clear(), json::object();
    if (what == "where") return stop({});
    if (what == "frames") return frames(s.frames());
    if (what == "choose frame") return s.focus().choose_frame(r.at("frame")), json::object();
    if (what == "variables") return variables();
    if (what == "evaluate") return value(s.expressions().value_of(r.at("expression")));
    if (what == "defers") return chains(s.chains());
    if (what == "explain") return s.explain();
    if (what == "goroutines") return goroutines();
    if (what == "snapshot") return json::parse(s.snapshot(false));
    if (what == "set") {
      const Session::Set done = s.set(r.at("what"), r.at("value"));
      return {{"before", done.before}, {"after", done.after}};
    }
    if (what == "last write") {
      const auto [address, bytes] = s.expressions().memory_place(r.at("expression"));
      const LastWrite w = s.last_write(address, static_cast<unsigned>(std::min<uint64_t>(bytes, 8)));
      return {{"kind", w.kind}, {"position", w.position}, {"value", w.value}, {"before", w.before.value_or(0)}};
    }
    return stop(motion(what, r));
  }

  Halt motion(const std::string& what, const json& r) {
    Motion& m = session_->motion();
    const uint64_t n = r.value("count", uint64_t{1});
    if (what == "continue") return m.run();
    if (what == "instructions") return m.instructions(n);
    if (what == "over call") return m.over_call();
    if (what == "line") return m.line(r.value("into", false));
    if (what == "finish") return m.finish();
    if (what == "to event") return m.to_event();
    if (what == "back") return m.back();
    if (what == "back instructions") return m.back_instructions(n);
    if (what == "back over call") return m.back_over_call();
    if (what == "back line") return m.back_line(r.value("into", false));
    if (what == "back finish") return m.back_finish();
    if (what == "back to event") return m.back_to_event();
    const model::Where where = session_->places().where(r.at("where"), model::Bare::moment);
    if (what == "go") return m.go(session_->places().position_of(where));
    throw Error("no such request: " + what);
  }

  json stop(const Halt& halt) {
    const Stop s = session_->look(halt);
    json j = {{"reason", to_string(s.halt.reason)},
              {"position", s.position},
              {"goroutine", s.who.goid},
              {"thread", s.who.tid},
              {"exited", s.exited},
              {"status", s.exit_status}};
    if (s.halt.breakpoint) j["breakpoint"] = s.halt.breakpoint, j["hit"] = s.halt.hit;
    if (s.halt.access) j["access"] = {{"address", s.halt.access->address}, {"write", s.halt.access->write}};
    if (s.halt.event) j["event"] = to_string(*s.halt.event);
    if (s.halt.returned) j["returned"] = function_name(s.halt.returned);
    if (s.halt.resumes_at) j["resumes_at"] = s.halt.resumes_at, j["cut_by"] = function_name(s.halt.by);
    j["frames"] = frames(s.frames);
    j["changes"] = json::array();
    for (const RegisterChange& c : s.changes)
      j["changes"].push_back({{"register", c.reg}, {"before", c.before}, {"after", c.after}});
    j["why"] = s.why;
    j["defers"] = chains(s.chains);
    return j;
  }

  static json frames(const Trace& t) {
    json all = json::array();
    for (const FrameSeen& f : t.frames) {
      json calls = json::array();
      for (const loader::InlineFrame& i : f.calls)
        calls.push_back({{"function", model::readable(i.function)}, {"line", i.at.line}, {"inlined", i.inlined}});
      all.push_back({{"function", function_name(f.frame.function)},
                     {"place", f.place},
                     {"line", f.line},
                     {"pc", f.frame.pc},
                     {"sp", f.frame.sp},
                     {"stack", to_string(f.frame.stack)},
                     {"calls", calls}});
    }
    return {{"frames", all}, {"complete", t.complete}, {"stopped", t.stopped}};
  }

  // What a value is in JSON: a number, a string, a list, an object of its fields; three deep.
  json content(const Value& v, int depth = 0) const {
    const Values values(session_->reader());
    if (v.gone || depth > 3) return nullptr;
    switch (values.kind(v)) {
      case ValueKind::boolean: return v.word() != 0;
      case ValueKind::integer: return values.as_number(v);
      case ValueKind::string: return values.characters(v, 1000);
      case ValueKind::slice:
      case ValueKind::array: {
        json all = json::array();
        for (uint64_t i = 0; i < std::min<uint64_t>(values.count(v), 100); ++i)
          all.push_back(content(values.element_at(v, i), depth + 1));
        return all;
      }
      case ValueKind::structure: {
        json all = json::object();
        for (const Part& p : values.fields(v)) all[p.name] = content(p.value, depth + 1);
        return all;
      }
      case ValueKind::pointer: {
        const auto to = values.target(v);
        return to ? content(*to, depth + 1) : json(nullptr);
      }
      case ValueKind::interface: {
        const Values::Dynamic d = values.dynamic(v);
        return {{"type", d.type}, {"value", d.value ? content(*d.value, depth + 1) : json(nullptr)}};
      }
      default: return v.word();
    }
  }

  json value(const Value& v) const {
    json j = {{"type", v.type}, {"value", content(v)}, {"gone", v.gone}};
    if (v.address) j["address"] = *v.address;
    return j;
  }

  json variables() const {
    json all = json::object();
    for (const auto set : {Variables::Set::locals, Variables::Set::arguments})
      for (const Variable& v : session_->variables(set)) all[v.name] = value(v.value);
    return all;
  }

  static json chains(const std::optional<Chains>& c) {
    if (!c) return nullptr;
    json j = {
        {"goroutine", c->goid}, {"pending", json::array()}, {"running", json::array()}, {"panics", json::array()}};
    for (const model::ChainEntry& e : c->chain.entries)
      j["pending"].push_back({{"function", function_name(e.deferred.function)},
                              {"owner", function_name(e.owner)},
                              {"storage", model::to_string(e.storage)},
                              {"record", e.record}});
    for (const RunningDefer& r : c->running)
      j["running"].push_back({{"function", function_name(r.function)}, {"by", model::to_string(r.run.by)}});
    for (const model::PanicEntry& p : c->chain.panics)
      j["panics"].push_back({{"value", p.value}, {"recovered", p.recovered}});
    return j;
  }

  json goroutines() const {
    json all = json::array();
    for (const GoroutineSeen& g : session_->goroutines())
      all.push_back({{"id", g.goroutine.id}, {"pc", g.pc}, {"thread", g.tid}, {"waits_for", g.waits_for}});
    return all;
  }

  json breakpoint(const Breakpoint& b) const {
    json j = {{"id", b.id}, {"where", b.spec}, {"places", b.pcs}, {"hits", b.hits.count()}, {"enabled", b.enabled}};
    if (b.kind != Breakpoint::watch) return j;
    j["watched"] = {{"address", b.watched.address}, {"size", b.watched.size}, {"on_stack", b.on_stack.has_value()}};
    if (!b.life) return j;
    j["frame"] = {{"function", function_name(b.life->function())},
                  {"goroutine", b.life->who().goid},
                  {"alive", b.life->alive_at(session_->time().position())},
                  {"cut", b.life->cut()},
                  {"end", b.life->end() ? json(*b.life->end()) : json(nullptr)}};
    return j;
  }

  std::string output_;
  std::unique_ptr<Session> session_;
};

json top(const json& stop) { return stop.at("frames").at("frames").at(0); }

// The core guests with DWARF, of both instruction sets.
std::vector<std::string> guests() {
  std::vector<std::string> out;
  for (const std::string& path : guest_files())
    if (path.find("_nopt_dwarf") != std::string::npos && path.find("linux") != std::string::npos) out.push_back(path);
  return out;
}

// resultNamed(1) is 4: `t = i; defer func() { t += 3 }(); return t`.
TEST(SessionJson, AWalkThroughADeferredCall) {
  const auto all = guests();
  if (all.empty()) GTEST_SKIP() << "no guests: set DEFERSCOPE_GUESTS";
  for (const std::string& path : all) {
    SCOPED_TRACE(path);
    Client client(path, "defer-results");
    const json start = client({{"do", "where"}});
    EXPECT_EQ(top(start)["function"], "main.main");
    const json b = client({{"do", "break"}, {"where", "main.resultNamed"}});
    ASSERT_EQ(b["places"].size(), 1u) << b;

    const json entry = client({{"do", "continue"}});
    EXPECT_EQ(entry["reason"], "breakpoint");
    EXPECT_EQ(entry["breakpoint"], b["id"]);
    EXPECT_EQ(entry["hit"], 1);
    EXPECT_EQ(top(entry)["pc"], b["places"][0]);
    EXPECT_EQ(entry["frames"]["frames"][1]["function"], "main.deferResults");
    EXPECT_TRUE(entry["frames"]["complete"]);
    EXPECT_FALSE(entry["why"].empty());

    // Forwards by lines until the defer is pending.
    json at = entry;
    const auto registered = [](const json& stop) {
      const json& pending = stop["defers"]["pending"];
      return !pending.empty() && pending[0]["owner"] == "main.resultNamed";
    };
    for (int i = 0; i < 5 && !registered(at); ++i) {
      const json next = client({{"do", "line"}});
      EXPECT_EQ(next["reason"], "done");
      EXPECT_NE(top(next)["line"], top(at)["line"]);
      EXPECT_GT(next["position"], at["position"]);
      at = next;
    }
    EXPECT_EQ(top(at)["function"], "main.resultNamed");
    EXPECT_FALSE(at["changes"].empty());
    ASSERT_FALSE(at["defers"]["pending"].empty()) << at;
    EXPECT_EQ(at["defers"]["pending"][0]["function"], "main.resultNamed.func1");
    EXPECT_EQ(at["defers"]["pending"][0]["owner"], "main.resultNamed");
    const json variables = client({{"do", "variables"}});
    EXPECT_EQ(variables["t"]["value"], 1) << variables;
    EXPECT_EQ(variables["i"]["value"], 1) << variables;
    EXPECT_EQ(variables["t"]["type"], "int");
    EXPECT_EQ(client({{"do", "evaluate"}, {"expression", "i + 2 == 3"}})["value"], true);
    EXPECT_EQ(client({{"do", "evaluate"}, {"expression", "os.Args"}})["value"], (json{path, "defer-results"}));
    const json wrote = client({{"do", "last write"}, {"expression", "t"}});
    EXPECT_EQ(wrote["kind"], LastWrite::instruction);
    EXPECT_EQ(wrote["value"], 1);
    EXPECT_LT(wrote["position"], at["position"]);
    EXPECT_EQ(client({{"do", "where"}})["position"], at["position"]) << "looking moves nothing";

    // Into the deferred call and out of it.
    ASSERT_TRUE(client({{"do", "break"}, {"where", "main.resultNamed.func1"}}).contains("id"));
    const json deferred = client({{"do", "continue"}});
    EXPECT_EQ(top(deferred)["function"], "main.resultNamed.func1");
    ASSERT_FALSE(deferred["defers"]["running"].empty()) << deferred;
    EXPECT_EQ(deferred["defers"]["running"].back()["function"], "main.resultNamed.func1");
    const json finished = client({{"do", "finish"}});
    EXPECT_EQ(finished["returned"], "main.resultNamed.func1");

    // Backwards to the same places.
    EXPECT_EQ(client({{"do", "back"}})["position"], deferred["position"]);
    EXPECT_EQ(client({{"do", "back"}})["position"], entry["position"]);
    EXPECT_EQ(client({{"do", "back"}})["reason"], "beginning");
    const json again = client({{"do", "go"}, {"where", std::to_string(entry["position"].get<uint64_t>())}});
    EXPECT_EQ(top(again), top(entry));
    EXPECT_EQ(again["position"], entry["position"]);
    const json three = client({{"do", "instructions"}, {"count", 3}});
    EXPECT_EQ(client({{"do", "back instructions"}, {"count", 3}})["position"], entry["position"]);
    EXPECT_GE(three["position"], entry["position"].get<uint64_t>() + 3);
    EXPECT_EQ(client({{"do", "breakpoints"}}).size(), 2u);
    EXPECT_EQ(client({{"do", "breakpoints"}})[0]["hits"], 1);
  }
}

// An edit is part of the time line: the guest prints what it led to, and going back before it undoes it.
TEST(SessionJson, AnEditChangesWhatTheGuestPrints) {
  const auto all = guests();
  if (all.empty()) GTEST_SKIP() << "no guests: set DEFERSCOPE_GUESTS";
  for (const std::string& path : all) {
    SCOPED_TRACE(path);
    Client client(path, "defer-results");
    client({{"do", "break"}, {"where", "main.resultNamed"}});
    client({{"do", "continue"}});
    json before;
    do before = client({{"do", "line"}});
    while (top(before)["line"] == "forms.go:433");  // t = i
    EXPECT_EQ(client({{"do", "set"}, {"what", "t"}, {"value", 10}})["before"], 1);
    EXPECT_EQ(client({{"do", "variables"}})["t"]["value"], 10);
    client({{"do", "back instructions"}});
    EXPECT_NE(client({{"do", "variables"}})["t"]["value"], 10);
    client({{"do", "instructions"}});
    EXPECT_EQ(client({{"do", "where"}})["position"], before["position"]);
    EXPECT_EQ(client({{"do", "variables"}})["t"]["value"], 10) << "it holds wherever one comes from";
    const json end = client({{"do", "continue"}});
    EXPECT_EQ(end["reason"], "exited");
    EXPECT_TRUE(end["exited"]);
    EXPECT_EQ(end["status"], 0);
    EXPECT_NE(client.output().find("13 1 3 80\n"), std::string::npos) << client.output();
  }
}

// Panics, recovery, events: what happened is told by values.
TEST(SessionJson, APanicAndItsRecovery) {
  const auto all = guests();
  if (all.empty()) GTEST_SKIP() << "no guests: set DEFERSCOPE_GUESTS";
  for (const std::string& path : all) {
    SCOPED_TRACE(path);
    Client client(path, "panic-nested");
    EXPECT_TRUE(client({{"do", "break event"}, {"event", "panic"}}).contains("id"));
    json at = client({{"do", "continue"}});
    EXPECT_EQ(top(at)["function"], "runtime.gopanic");
    EXPECT_EQ(at["frames"]["frames"][1]["function"], "main.panicNested");
    client({{"do", "clear"}});
    const uint64_t call = at["position"];
    at = client({{"do", "back over call"}});
    const json cut = client({{"do", "over call"}});
    EXPECT_EQ(cut["reason"], "frames_cut");
    EXPECT_EQ(cut["cut_by"], "runtime.recovery");
    EXPECT_EQ(top(cut)["pc"], cut["resumes_at"]);
    EXPECT_EQ(top(cut)["function"], "main.panicNested");
    const json event = client({{"do", "back to event"}});
    EXPECT_EQ(event["event"], "recovery");
    EXPECT_GT(event["position"], call);
    EXPECT_EQ(client({{"do", "to event"}})["reason"].is_string(), true);
    EXPECT_EQ(client({{"do", "snapshot"}})["schema"], "deferscope.snapshot/1");
    EXPECT_FALSE(client({{"do", "goroutines"}}).empty());
    EXPECT_FALSE(client({{"do", "explain"}}).empty());
    // What cannot be done is one line, and nothing has moved.
    const json here = client({{"do", "where"}});
    for (const json& bad :
         {json{{"do", "break"}, {"where", "no.such.function"}}, json{{"do", "set"}, {"what", "x y"}, {"value", 1}},
          json{{"do", "evaluate"}, {"expression", "1 +"}}, json{{"do", "go"}, {"where", "main.main#9"}},
          json{{"do", "watch"}, {"expression", "0"}}}) {
      const json answer = client(bad);
      ASSERT_TRUE(answer.contains("error")) << bad << answer;
      EXPECT_EQ(answer["error"].get<std::string>().find('\n'), std::string::npos) << answer;
      EXPECT_EQ(client({{"do", "where"}})["position"], here["position"]) << bad;
    }
  }
}

// A watchpoint on a variable tells where it lies, whose it is and when that ends, as values.
TEST(SessionJson, AWatchedVariableEndsWithItsFrame) {
  const auto all = guests();
  if (all.empty()) GTEST_SKIP() << "no guests: set DEFERSCOPE_GUESTS";
  for (const std::string& path : all) {
    SCOPED_TRACE(path);
    Client client(path, "stack-grow");
    client({{"do", "break"}, {"where", "stacks.go:50"}});
    client({{"do", "continue"}});
    client({{"do", "clear"}});
    const json set = client({{"do", "watch"}, {"expression", "local"}});
    EXPECT_EQ(set["frame"]["function"], "main.stackGrow.func1") << set;
    EXPECT_EQ(set["frame"]["alive"], true);
    EXPECT_EQ(set["frame"]["end"], nullptr);
    EXPECT_EQ(set["watched"]["size"], 8);
    EXPECT_EQ(client({{"do", "continue"}})["reason"], "watchpoint");  // local++
    const json moved = client({{"do", "breakpoints"}})[0];
    EXPECT_TRUE(moved["watched"]["on_stack"] == false || moved["watched"]["address"] != set["watched"]["address"]);
    EXPECT_EQ(client({{"do", "continue"}})["reason"], "watchpoint");  // *q += 10
    const json end = client({{"do", "continue"}});
    EXPECT_EQ(end["reason"], "watch_ended");
    EXPECT_EQ(end["breakpoint"], set["id"]);
    const json ended = client({{"do", "breakpoints"}})[0];
    EXPECT_EQ(ended["frame"]["alive"], false);
    EXPECT_EQ(ended["frame"]["end"], end["position"]);
    EXPECT_EQ(ended["frame"]["cut"], false);
    EXPECT_EQ(client({{"do", "back"}})["reason"], "watchpoint");
    EXPECT_EQ(client({{"do", "breakpoints"}})[0]["frame"]["alive"], true);
  }
}

// The room knows no file, no terminal, no colour and nothing right of it.
TEST(SessionJson, TheRoomWritesNothing) {
  constexpr const char* kForbidden[] = {"\"cli/", "<fstream>", "<iostream>", "<cstdio>", "<filesystem>", "<unistd.h>",
                                        "printf", "std::cout", "std::cerr",  "\\x1b",    "\\x01"};
  size_t files = 0;
  for (const auto& f : std::filesystem::directory_iterator("session")) {
    std::stringstream text;
    text << std::ifstream(f.path()).rdbuf();
    for (const char* word : kForbidden) EXPECT_EQ(text.str().find(word), std::string::npos) << f.path() << ": " << word;
    ++files;
  }
  EXPECT_GT(files, 10u);
}

}  // namespace
}  // namespace deferscope::test
