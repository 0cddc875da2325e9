// Breakpoints, watchpoints, events.
#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <tuple>

#include "cli/session/variables.h"
#include "cli/session/verbs.h"

namespace deferscope::cli {
namespace {

struct EventName {
  const char* name;
  Event event;
};
constexpr EventName kEvents[] = {{"defer", Event::defer},  {"run", Event::run},         {"jmpdefer", Event::jmpdefer},
                                 {"panic", Event::panic},  {"recover", Event::recover}, {"recovery", Event::recovery},
                                 {"goexit", Event::goexit}};

// "SPEC if COND" → SPEC, COND.
std::string take_condition(std::string& spec) {
  const size_t at = spec.find(" if ");
  if (at == std::string::npos) return {};
  const std::string condition = spec.substr(at + 4);
  spec.resize(at);
  while (!spec.empty() && spec.back() == ' ') spec.pop_back();
  return condition;
}

std::string describe(const Core& c, const Breakpoint& b) {
  std::string where;
  if (b.kind == Breakpoint::Watch) {
    where = fmt::format("{}{} [{:#x}, {} bytes]", b.watch.read ? "r" : "", b.watch.write ? "w" : "", b.watch.address,
                        b.watch.size);
  } else if (b.pcs.size() == 1) {
    where = fmt::format("{:#x} {} {}", b.pcs[0], c.view->place(b.pcs[0]), c.view->line(b.pcs[0]));
  } else {
    where = fmt::format("{} places", b.pcs.size());
  }
  if (b.moment) where = fmt::format("@{} {}", grouped(*b.moment), where);
  const bool narrowed = b.kind == Breakpoint::EventPoint && b.function.empty() &&
                        (b.event == Event::defer || b.event == Event::run || b.event == Event::jmpdefer);
  if (narrowed) where += fmt::format(", of the user's functions; break {} all: of libraries too", b.spec);
  std::string t = fmt::format("{} {}{}: {}  ({})", b.kind == Breakpoint::Watch ? "watchpoint" : "breakpoint", b.id,
                              b.temporary ? " (once)" : "", b.spec, where);
  if (!b.condition.empty()) t += " if " + b.condition;
  if (!b.hit_condition.text.empty()) t += ", hit count " + b.hit_condition.text;
  if (!b.enabled) t += ", disabled";
  return t;
}

Breakpoint& add(Core& c, Breakpoint b) {
  b.id = c.next_id++;
  const int id = b.id;
  Breakpoint& kept = c.breakpoints[id] = std::move(b);
  c.say(describe(c, kept));
  return kept;
}

// break defer, break jmpdefer main.main …
std::optional<Breakpoint> as_event(Core& c, const std::string& spec) {
  const auto words = split_words(spec);
  if (words.empty() || words.size() > 2) return std::nullopt;
  for (const EventName& e : kEvents) {
    if (words[0] != e.name) continue;
    Breakpoint b;
    b.kind = Breakpoint::EventPoint;
    b.event = e.event;
    b.spec = spec;
    if (words.size() == 2) {
      b.function = words[1];
      if (words[1] != kEverybody) c.locate(words[1]);  // it must exist
    }
    if (!c.program) throw CommandError("this program is no Go program that the model reads: events are not known");
    b.pcs = c.event_addresses(e.event);
    if (b.pcs.empty() && e.event == Event::jmpdefer)
      throw CommandError(
          fmt::format("{} has no jmpdefer (gone in 1.18): deferreturn loops itself. Try: break deferreturn",
                      c.program->go().version.text));
    if (b.pcs.empty()) throw CommandError(fmt::format("this program has no code for '{}'", e.name));
    return b;
  }
  return std::nullopt;
}

// It must be readable; what it names may exist at the breakpoint only.
void check_condition(const Core& c, const std::string& condition) {
  try {
    if (!condition.empty()) c.evaluate(condition);
  } catch (const CommandError& e) {
    if (std::string(e.what()).compare(0, 11, "cannot read") == 0) throw;
  }
}

void set_place(Core& c, Breakpoint& b, const std::string& spec) {
  b.spec = spec;
  if (spec.empty()) {
    b.pcs = c.locate(spec);
    b.spec = c.view->place(b.pcs[0]);
    return;
  }
  const model::Where where = c.where(spec, model::Bare::line);
  b.pcs = where.targets;
  if (!where.is_moment()) return;
  if (where.kind == model::Where::end) throw CommandError("the run stops at its end by itself");
  const emu::Position from = c.position();
  b.moment = c.position_of(where);
  c.seek(*b.moment);
  b.pcs = {c.view->pc()};
  c.seek(from);
}

void set_break(Core& c, const std::string& args, bool temporary) {
  std::string spec = args;
  Breakpoint b;
  const std::string condition = take_condition(spec);
  if (auto event = as_event(c, spec)) {
    b = std::move(*event);
  } else {
    set_place(c, b, spec);
  }
  check_condition(c, condition);
  b.condition = condition, b.temporary = temporary;
  add(c, std::move(b));
}
void break_(Core& c, const std::string& a) { set_break(c, a, false); }
void tbreak(Core& c, const std::string& a) { set_break(c, a, true); }

Breakpoint& of_number(Core& c, const std::string& word) {
  if (word == "." && !c.breakpoints.empty()) return c.breakpoints.rbegin()->second;  // the newest
  const uint64_t n = word.empty() ? 0 : parse_count(word);
  const auto it = n > 1'000'000 ? c.breakpoints.end() : c.breakpoints.find(static_cast<int>(n));
  if (it == c.breakpoints.end()) throw CommandError(fmt::format("no breakpoint '{}': bp lists them", word));
  return it->second;
}

// condition N EXPR; condition -hitcount N OP COUNT
void condition(Core& c, const std::string& a) {
  auto words = split_words(a);
  const bool hits = !words.empty() && words[0] == "-hitcount";
  if (hits) words.erase(words.begin());
  if (words.empty()) throw CommandError("condition N EXPRESSION, or condition -hitcount N == 3");
  Breakpoint& b = of_number(c, words[0]);
  std::string rest;
  for (size_t i = 1; i < words.size(); ++i) rest += (rest.empty() ? "" : " ") + words[i];
  if (hits)
    b.hit_condition = rest.empty() ? HitCondition{} : HitCondition::parse(rest);
  else
    check_condition(c, b.condition = rest);
  c.say(describe(c, b));
}

void clear(Core& c, const std::string& a) {
  if (a.empty() || a == "all") {
    c.say(fmt::format("{} cleared", c.breakpoints.size()));
    c.breakpoints.clear();
    return;
  }
  for (const std::string& w : split_words(a)) {
    if (!w.empty() && std::all_of(w.begin(), w.end(), ::isdigit)) {
      const int id = of_number(c, w).id;
      c.breakpoints.erase(id);
      c.say(fmt::format("breakpoint {} cleared", id));
      continue;
    }
    const auto at = c.locate(w);
    size_t n = 0;
    for (auto it = c.breakpoints.begin(); it != c.breakpoints.end();) {
      const bool here = it->second.kind == Breakpoint::Code && it->second.pcs == at;
      n += here;
      it = here ? c.breakpoints.erase(it) : std::next(it);
    }
    if (n == 0) throw CommandError(fmt::format("no breakpoint at {}", w));
    c.say(fmt::format("{} cleared", n));
  }
}

void list_breakpoints(Core& c, const std::string&) {
  if (c.breakpoints.empty()) c.say("no breakpoints");
  for (const auto& [id, b] : c.breakpoints) c.say(fmt::format("{}  hits {}", describe(c, b), b.hits.count()));
}
void disable(Core& c, const std::string& a) { of_number(c, a).enabled = false; }
void enable(Core& c, const std::string& a) { of_number(c, a).enabled = true; }
void toggle(Core& c, const std::string& a) {
  Breakpoint& b = of_number(c, a);
  b.enabled = !b.enabled;
  c.say(describe(c, b));
}

void set_watch(Core& c, const std::string& args, bool read, bool write) {
  std::string spec = args;
  Breakpoint b;
  b.kind = Breakpoint::Watch;
  b.watch.read = read, b.watch.write = write;
  auto words = split_words(spec);
  const auto drop_first = [&] {
    spec = spec.size() > words[0].size() ? spec.substr(words[0].size() + 1) : "";
    words = split_words(spec);
  };
  if (!words.empty() && (words[0] == "-r" || words[0] == "-w" || words[0] == "-rw")) {
    b.watch.read = words[0] != "-w", b.watch.write = words[0] != "-r";
    drop_first();
  }
  const bool sized = words.size() > 1 && words[0] == "-size";
  if (sized) {
    drop_first();
    b.watch.size = std::clamp<uint64_t>(parse_count(words[0]), 1, 4096);
    drop_first();
  }
  b.condition = take_condition(spec);
  if (spec.empty()) throw CommandError("watch [-r|-w|-rw] [-size N] ADDRESS: which word?");
  uint64_t size = 8;
  std::tie(b.watch.address, size) = c.memory_place(spec);
  if (!sized) b.watch.size = std::clamp<uint64_t>(size, 1, 4096);
  if (!c.view->value(b.watch.address, 1)) throw CommandError(fmt::format("{:#x} is not mapped", b.watch.address));
  b.spec = spec;
  add(c, std::move(b));
}
void watch(Core& c, const std::string& a) { set_watch(c, a, false, true); }
void rwatch(Core& c, const std::string& a) { set_watch(c, a, true, false); }
void awatch(Core& c, const std::string& a) { set_watch(c, a, true, true); }

// The events that concern defers, as one motion.
constexpr Event kDeferEvents[] = {Event::defer,   Event::run,      Event::jmpdefer, Event::panic,
                                  Event::recover, Event::recovery, Event::goexit};

void with_defer_events(Core& c, Halt (*move)(Core&)) {
  if (!c.program) throw CommandError("this program is no Go program that the model reads");
  auto kept = std::move(c.breakpoints);
  c.breakpoints.clear();
  for (const Event e : kDeferEvents) {
    Breakpoint b;
    b.kind = Breakpoint::EventPoint, b.event = e;
    b.id = static_cast<int>(e) + 1;
    for (const EventName& n : kEvents)
      if (n.event == e) b.spec = n.name;
    b.pcs = c.event_addresses(e);
    c.breakpoints[b.id] = std::move(b);
  }
  Halt h;
  try {
    h = move(c);
  } catch (...) {
    c.breakpoints = std::move(kept);
    throw;
  }
  if (h.kind == Halt::Breakpoint) {
    h.note = "event: " + c.breakpoints[h.id].spec;
    h.kind = Halt::Done;
  }
  c.breakpoints = std::move(kept);
  c.show_stop(h);
}
void nextdefer(Core& c, const std::string&) {
  with_defer_events(c, [](Core& k) { return k.continue_to_stop(); });
}
void prevdefer(Core& c, const std::string&) {
  with_defer_events(c, [](Core& k) { return k.continue_back(); });
}

// What names the place from anywhere: a line number alone, +N and -N are told from where they were typed.
std::string lasting_spec(const Breakpoint& b) {
  const bool relative = b.kind == Breakpoint::Code && b.spec.find_first_not_of("0123456789+-") == std::string::npos;
  if (b.moment) return fmt::format("@{}", *b.moment);
  return relative && !b.pcs.empty() ? fmt::format("*{:#x}", b.pcs[0]) : b.spec;
}

void save(Core& c, const std::string& a) {
  if (a.empty()) throw CommandError("save FILE");
  std::ofstream f(a);
  for (const auto& [id, b] : c.breakpoints) {
    const std::string condition = b.condition.empty() ? "" : " if " + b.condition;
    if (b.kind == Breakpoint::Watch)
      f << "watch "
        << (b.watch.read && b.watch.write ? "-rw "
            : b.watch.read                ? "-r "
                                          : "-w ")
        << "-size " << b.watch.size << fmt::format(" {:#x}", b.watch.address) << condition << "\n";
    else
      f << (b.temporary ? "tbreak " : "break ") << lasting_spec(b) << condition << "\n";
    if (!b.hit_condition.text.empty()) f << "condition -hitcount . " << b.hit_condition.text << "\n";
    if (!b.enabled) f << "disable .\n";
  }
  for (const auto& [p, text] : c.notes) f << "note-at " << p << " " << text << "\n";
  f.close();
  if (!f) throw CommandError(fmt::format("cannot write {}", a));
  c.say(fmt::format("{} breakpoints and {} notes saved to {}", c.breakpoints.size(), c.notes.size(), a));
}

void note_at(Core& c, const std::string& a) {
  const auto words = split_words(a);
  if (words.size() < 2) throw CommandError("note-at WHERE TEXT");
  c.notes[c.position_of(c.where(words[0], model::Bare::moment))] = a.substr(words[0].size() + 1);
}

constexpr SessionVerb kBreakpointVerbs[] = {
    {"break b breakpoint", "WHERE|EVENT [FUNC] [if COND]",
     "Stops at a place, or at defer, run, jmpdefer (of the user's functions, of FUNC, of all), panic, recover, "
     "recovery, "
     "goexit (of FUNC)",
     "break jmpdefer main.main", break_},
    {"tbreak", "WHERE [if COND]", "A breakpoint that stops once", "tbreak main.main", tbreak},
    {"condition cond", "[-hitcount] N EXPR", "A condition for breakpoint N", "condition 1 $sp > 0xc000000000",
     condition},
    {"clear delete d clearall", "[N|WHERE|all]", "Removes breakpoints", "clear 1", clear},
    {"bp breakpoints", "", "Lists breakpoints and watchpoints with their hits", "bp", list_breakpoints},
    {"disable", "N", "Keeps breakpoint N but does not stop there", "disable 1", disable},
    {"enable", "N", "Undoes disable", "enable 1", enable},
    {"toggle", "N", "Disable or enable", "toggle 1", toggle},
    {"watch", "[-r|-w|-rw] [-size N] ADDRESS", "Stops behind the instruction that touches memory", "watch -w $sp+8",
     watch},
    {"rwatch", "ADDRESS", "watch -r", "rwatch $sp", rwatch},
    {"awatch", "ADDRESS", "watch -rw", "awatch $sp", awatch},
    {"nextdefer", "",
     "To the next event: defer, run, jmpdefer (of the user's functions), panic, recover, recovery, goexit", "nextdefer",
     nextdefer},
    {"prevdefer", "", "To the event before", "prevdefer", prevdefer},
    {"save", "FILE", "Writes breakpoints and notes as commands; `source FILE` reads them", "save walk.ds", save},
    {"note-at", "WHERE TEXT", "A note at another position", "note-at 61,431 the trick", note_at},
};

}  // namespace

std::span<const SessionVerb> breakpoint_verbs() { return kBreakpointVerbs; }

}  // namespace deferscope::cli
