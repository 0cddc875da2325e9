// Breakpoints, watchpoints, events.
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <tuple>

#include "cli/console/verbs.h"

namespace deferscope::cli {
namespace {

// "SPEC if COND" → SPEC, COND.
std::string take_condition(std::string& spec) {
  const size_t at = spec.find(" if ");
  if (at == std::string::npos) return {};
  const std::string condition = spec.substr(at + 4);
  spec.resize(at);
  while (!spec.empty() && spec.back() == ' ') spec.pop_back();
  return condition;
}

// Where it lies now, and whose variable it is.
std::string watched_text(const Console& c, const Breakpoint& b) {
  const bool here = !b.life || b.life->alive_at(c.session.time().position());
  std::string t = fmt::format("{}{} [{}{} bytes]", b.watched.read ? "r" : "", b.watched.write ? "w" : "",
                              here ? fmt::format("{:#x}, ", b.watched.address) : "", b.watched.size);
  if (!b.life) return b.on_stack ? t + fmt::format(", on g{}'s stack", b.on_stack->goid) : t;
  const session::FrameLife& life = *b.life;
  t += fmt::format(", of {}'s frame on g{}", life.function() ? model::readable(life.function()->name()) : "?",
                   life.who().goid);
  if (life.dropped()) return t + ", which is no more: the guest was changed before it";
  if (life.end()) t += fmt::format(", which ends @{}", grouped(*life.end()));
  return here ? t : t + "; not here";
}

std::string describe(const Console& c, const Breakpoint& b) {
  std::string where;
  if (b.kind == Breakpoint::watch) {
    where = watched_text(c, b);
  } else if (b.pcs.size() == 1) {
    where = fmt::format("{:#x} {} {}", b.pcs[0], c.session.reader().place(b.pcs[0]), c.session.reader().line(b.pcs[0]));
  } else {
    const auto inlined = std::count_if(b.pcs.begin(), b.pcs.end(), [&](uint64_t pc) {
      return b.kind == Breakpoint::code && !c.session.reader().inlined(pc).empty();
    });
    where =
        fmt::format("{} places{}", b.pcs.size(), inlined ? fmt::format(", {} of them inlined copies", inlined) : "");
  }
  if (b.moment) where = fmt::format("@{} {}", grouped(*b.moment), where);
  const bool narrowed = b.kind == Breakpoint::event && b.function.empty() &&
                        (b.point == EventPoint::defer || b.point == EventPoint::run || b.point == EventPoint::jmpdefer);
  if (narrowed) where += fmt::format(", of the user's functions; break {} all: of libraries too", b.spec);
  std::string t = fmt::format("{} {}{}: {}  ({})", b.kind == Breakpoint::watch ? "watchpoint" : "breakpoint", b.id,
                              b.temporary ? " (once)" : "", b.spec, where);
  if (!b.condition.empty()) t += " if " + b.condition;
  if (!b.hit_condition.text.empty()) t += ", hit count " + b.hit_condition.text;
  if (!b.enabled) t += ", disabled";
  return t;
}

void add(Console& c, Breakpoint b) {
  const bool here = b.kind == Breakpoint::code && std::count(b.pcs.begin(), b.pcs.end(), c.session.reader().pc());
  c.say(describe(c, c.session.breakpoints().add(std::move(b))));
  if (here && !c.session.time().state().exited) c.say("it stands there now: c goes on from here");
}

// break defer, break jmpdefer main.main …
std::optional<Breakpoint> as_event(Console& c, const std::string& spec) {
  const auto words = split_words(spec);
  if (words.empty() || words.size() > 2) return std::nullopt;
  for (const EventPoint e : session::kEventPoints) {
    if (words[0] != to_string(e)) continue;
    const std::string function = words.size() == 2 ? words[1] : "";
    if (!function.empty() && function != session::kEverybody) c.session.places().locate(function);  // it must exist
    Breakpoint b = c.session.breakpoints().at_event(e, function);
    b.spec = spec;
    return b;
  }
  return std::nullopt;
}

void set_break(Console& c, const std::string& args, bool temporary) {
  std::string spec = args;
  Breakpoint b;
  const std::string condition = take_condition(spec);
  if (auto event = as_event(c, spec))
    b = std::move(*event);
  else
    b = c.session.breakpoint_at(spec);
  c.session.breakpoints().check_condition(condition);
  b.condition = condition, b.temporary = temporary;
  add(c, std::move(b));
}
void break_(Console& c, const std::string& a) { set_break(c, a, false); }
void tbreak(Console& c, const std::string& a) { set_break(c, a, true); }

Breakpoint& of_number(Console& c, const std::string& word) {
  session::Breakpoints& all = c.session.breakpoints();
  if (word == "." && !all.all().empty()) return *all.find(all.all().rbegin()->first);  // the newest
  const uint64_t n = word.empty() ? 0 : parse_count(word);
  Breakpoint* b = n > 1'000'000 ? nullptr : all.find(static_cast<int>(n));
  if (!b) throw session::Error(fmt::format("no breakpoint '{}': bp lists them", word));
  return *b;
}

// condition N EXPR; condition -hitcount N OP COUNT
void condition(Console& c, const std::string& a) {
  auto words = split_words(a);
  const bool hits = !words.empty() && words[0] == "-hitcount";
  if (hits) words.erase(words.begin());
  if (words.empty()) throw session::Error("condition N EXPRESSION, or condition -hitcount N == 3");
  Breakpoint& b = of_number(c, words[0]);
  std::string rest;
  for (size_t i = 1; i < words.size(); ++i) rest += (rest.empty() ? "" : " ") + words[i];
  if (hits)
    b.hit_condition = rest.empty() ? session::HitCondition{} : session::HitCondition::parse(rest);
  else
    c.session.breakpoints().check_condition(b.condition = rest);
  c.say(describe(c, b));
}

void clear(Console& c, const std::string& a) {
  session::Breakpoints& breakpoints = c.session.breakpoints();
  if (a.empty() || a == "all") {
    c.say(fmt::format("{} cleared", breakpoints.all().size()));
    return breakpoints.clear();
  }
  for (const std::string& w : split_words(a)) {
    if (!w.empty() && std::all_of(w.begin(), w.end(), ::isdigit)) {
      const int id = of_number(c, w).id;
      breakpoints.remove(id);
      c.say(fmt::format("breakpoint {} cleared", id));
      continue;
    }
    const auto at = c.session.places().locate(w);
    std::vector<int> here;
    for (const auto& [id, b] : breakpoints.all())
      if (b.kind == Breakpoint::code && b.pcs == at) here.push_back(id);
    if (here.empty()) throw session::Error(fmt::format("no breakpoint at {}", w));
    for (const int id : here) breakpoints.remove(id);
    c.say(fmt::format("{} cleared", here.size()));
  }
}

void list_breakpoints(Console& c, const std::string&) {
  if (c.session.breakpoints().all().empty()) c.say("no breakpoints");
  c.session.breakpoints().settle();
  for (const auto& [id, b] : c.session.breakpoints().all())
    c.say(fmt::format("{}  hits {}", describe(c, b), b.hits.count()));
}
void disable(Console& c, const std::string& a) { of_number(c, a).enabled = false; }
void enable(Console& c, const std::string& a) { of_number(c, a).enabled = true; }
void toggle(Console& c, const std::string& a) {
  Breakpoint& b = of_number(c, a);
  b.enabled = !b.enabled;
  c.say(describe(c, b));
}

void set_watch(Console& c, const std::string& args, bool read, bool write) {
  std::string spec = args;
  uint64_t size = 0;
  auto words = split_words(spec);
  const auto drop_first = [&] {
    spec = spec.size() > words[0].size() ? spec.substr(words[0].size() + 1) : "";
    words = split_words(spec);
  };
  if (!words.empty() && (words[0] == "-r" || words[0] == "-w" || words[0] == "-rw")) {
    read = words[0] != "-w", write = words[0] != "-r";
    drop_first();
  }
  if (words.size() > 1 && words[0] == "-size") {
    drop_first();
    size = std::max<uint64_t>(parse_count(words[0]), 1);
    drop_first();
  }
  const std::string condition = take_condition(spec);
  if (spec.empty()) throw session::Error("watch [-r|-w|-rw] [-size N] ADDRESS: which word?");
  Breakpoint b = c.session.watchpoint_on(spec, read, write, size);
  b.condition = condition;
  add(c, std::move(b));
}
void watch(Console& c, const std::string& a) { set_watch(c, a, false, true); }
void rwatch(Console& c, const std::string& a) { set_watch(c, a, true, false); }
void awatch(Console& c, const std::string& a) { set_watch(c, a, true, true); }

// The events that concern defers, as one motion.
void nextdefer(Console& c, const std::string&) { c.show_stop(c.session.motion().to_event()); }
void prevdefer(Console& c, const std::string&) { c.show_stop(c.session.motion().back_to_event()); }

// What names the place from anywhere: a line number alone, +N and -N are told from where they were typed.
std::string lasting_spec(const Breakpoint& b) {
  const bool relative = b.kind == Breakpoint::code && b.spec.find_first_not_of("0123456789+-") == std::string::npos;
  if (b.moment) return fmt::format("@{}", *b.moment);
  return relative && !b.pcs.empty() ? fmt::format("*{:#x}", b.pcs[0]) : b.spec;
}

void save(Console& c, const std::string& a) {
  if (a.empty()) throw session::Error("save FILE");
  std::ofstream f(a);
  for (const auto& [id, b] : c.session.breakpoints().all()) {
    const std::string condition = b.condition.empty() ? "" : " if " + b.condition;
    if (b.kind == Breakpoint::watch)
      f << "watch "
        << (b.watched.read && b.watched.write ? "-rw "
            : b.watched.read                  ? "-r "
                                              : "-w ")
        << "-size " << b.watched.size << fmt::format(" {:#x}", b.watched.address) << condition << "\n";
    else
      f << (b.temporary ? "tbreak " : "break ") << lasting_spec(b) << condition << "\n";
    if (!b.hit_condition.text.empty()) f << "condition -hitcount . " << b.hit_condition.text << "\n";
    if (!b.enabled) f << "disable .\n";
  }
  for (const auto& [p, text] : c.notes) f << "note-at " << p << " " << text << "\n";
  f.close();
  if (!f)
    throw session::Error(fmt::format("cannot write {}: {}{}", a, std::strerror(errno),
                                     errno == EACCES ? " (step --save DIR allows it)" : ""));
  c.say(
      fmt::format("{} breakpoints and {} notes saved to {}", c.session.breakpoints().all().size(), c.notes.size(), a));
}

void note_at(Console& c, const std::string& a) {
  const auto words = split_words(a);
  if (words.size() < 2) throw session::Error("note-at WHERE TEXT");
  c.notes[c.session.places().position_of(c.session.places().where(words[0], model::Bare::moment))] =
      a.substr(words[0].size() + 1);
}

constexpr Command kBreakpointVerbs[] = {
    {"break b breakpoint", "WHERE|EVENT [FUNC] [if COND]",
     "Stops at a place, or at defer, run, jmpdefer (of the user's functions, of FUNC, of all), panic, recover, "
     "recovery, "
     "goexit (of FUNC)",
     "break jmpdefer main.main", break_,
     "A function's breakpoint stands on its first instruction and in every inlined copy of it; a line's where its "
     "statement begins, in each function and inlined copy that has it. help places tells how places are written."},
    {"tbreak", "WHERE [if COND]", "A breakpoint that stops once", "tbreak main.main", tbreak},
    {"condition cond", "[-hitcount] N EXPR", "A condition for breakpoint N", "condition 1 $sp > 0xc000000000",
     condition},
    {"clear delete d clearall", "[N|WHERE|all]", "Removes breakpoints", "clear 1", clear},
    {"bp breakpoints", "", "Lists breakpoints and watchpoints with their hits", "bp", list_breakpoints},
    {"disable", "N", "Keeps breakpoint N but does not stop there", "disable 1", disable},
    {"enable", "N", "Undoes disable", "enable 1", enable},
    {"toggle", "N", "Disable or enable", "toggle 1", toggle},
    {"watch", "[-r|-w|-rw] [-size N] ADDRESS|VARIABLE [if COND]", "Stops behind the instruction that touches memory",
     "watch -w $sp+8", watch,
     "A variable is watched as long as its frame lives: it is followed when the stack moves (the copying itself is no "
     "hit), and the watch says when the frame has returned or was cut. COND is told in that frame. Going back before "
     "the "
     "end, it holds again. Words of a goroutine's stack are followed too."},
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

std::span<const Command> breakpoint_verbs() { return kBreakpointVerbs; }

}  // namespace deferscope::cli
