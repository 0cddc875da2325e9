// Stepping and running, forwards and backwards.
#include <fmt/format.h>

#include "cli/session/verbs.h"

namespace deferscope::cli {
namespace {

void show(Core& core, const Halt& h) {
  core.show_stop(h);
  core.after_stop(h);
}

enum class Way : uint8_t { forwards, back };

// Does `once` n times, silently but for the last; stops early for anything but an ordinary end. On the way back too
// breakpoints and watchpoints hold.
void repeat(Core& core, const std::string& args, Halt (*once)(Core&), Way way = Way::forwards) {
  const uint64_t n = parse_count(args);
  Halt h;
  for (uint64_t i = 0; i < n && h.kind == Halt::Done; ++i) {
    core.check_interrupt();
    const emu::Position from = core.position();
    h = once(core);
    if (way == Way::back) h = core.stopped_on_the_way(h, from);
  }
  show(core, h);
}

void si(Core& c, const std::string& args) {
  std::string a = args;
  const bool any = a.compare(0, 4, "-any") == 0;
  if (any) a = a.size() > 4 ? a.substr(5) : "";
  show(c, c.step_many(parse_count(a), any));
}
void ni(Core& c, const std::string& a) {
  repeat(c, a, [](Core& k) { return k.next_instruction(); });
}
void s(Core& c, const std::string& a) {
  repeat(c, a, [](Core& k) { return k.step_line(true); });
}
void n(Core& c, const std::string& a) {
  repeat(c, a, [](Core& k) { return k.step_line(false); });
}
void finish(Core& c, const std::string& a) {
  if (c.frame) return show(c, c.finish(c.frame));
  repeat(c, a, [](Core& k) { return k.finish(); });
}

// A code place: stops there; a position in time: goes there.
Halt run_to(Core& c, const std::string& spec) {
  const model::Where where = c.where(spec, model::Bare::line);
  if (!where.is_moment()) return c.run_until({where.targets.begin(), where.targets.end()}, [](Halt&) { return true; });
  const emu::Position p = c.position_of(where);
  if (p < c.position()) throw CommandError(fmt::format("{} lies behind, at @{}: goto goes there", spec, grouped(p)));
  return c.run_until(
      {}, [](Halt&) { return false; }, p);
}

void go_on(Core& c, const std::string& a) {
  if (a.empty()) return show(c, c.continue_to_stop());
  show(c, run_to(c, a));
}
void advance(Core& c, const std::string& a) {
  if (a.empty()) throw CommandError("advance WHERE: which place?");
  show(c, run_to(c, a));
}
// until: the next line that lies further down in the same frame; with WHERE: there, or out of the frame.
void until(Core& c, const std::string& a) {
  if (!a.empty()) return advance(c, a);
  const auto from = c.view->frame0();
  const uint64_t pc = c.view->pc();
  Halt h;
  do {
    h = c.step_line(false);
    const auto now = c.view->frame0();
    if (!from || !now || now->function != from->function) break;
  } while (h.kind == Halt::Done && c.view->pc() <= pc);
  show(c, h);
}

void rsi(Core& c, const std::string& args) {
  std::string a = args;
  const bool any = a.compare(0, 4, "-any") == 0;
  if (any) a = a.size() > 4 ? a.substr(5) : "";
  const emu::Position from = c.position();
  show(c, c.stopped_on_the_way(c.step_back(c.follow(), parse_count(a), any), from));
}
void rni(Core& c, const std::string& a) {
  repeat(
      c, a, [](Core& k) { return k.next_back(); }, Way::back);
}
void rs(Core& c, const std::string& a) {
  repeat(
      c, a, [](Core& k) { return k.step_line_back(true); }, Way::back);
}
void rn(Core& c, const std::string& a) {
  repeat(
      c, a, [](Core& k) { return k.step_line_back(false); }, Way::back);
}
void rfinish(Core& c, const std::string& a) {
  repeat(
      c, a, [](Core& k) { return k.finish_back(); }, Way::back);
}
void rc(Core& c, const std::string&) { show(c, c.continue_back()); }

struct Pair {
  const char* forward;
  const char* back;
};
constexpr Pair kReverse[] = {{"si", "rsi"},
                             {"ni", "rni"},
                             {"s", "rs"},
                             {"n", "rn"},
                             {"c", "rc"},
                             {"finish", "rfinish"},
                             {"nextdefer", "prevdefer"}};

void rev(Core& c, const std::string& args) {
  const auto words = split_words(args);
  const SessionVerb* v = words.empty() ? nullptr : find_session_verb(words[0]);
  if (!v) throw CommandError("rev VERB: si, ni, s, n, c or finish");
  const std::string first = split_words(v->names)[0];
  for (const Pair& p : kReverse)
    if (first == p.forward)
      return find_session_verb(p.back)->run(c, args.size() > words[0].size() ? args.substr(words[0].size() + 1) : "");
  throw CommandError(fmt::format("{} has no reverse", words[0]));
}

// Steps until an instruction of a kind stands next.
void step_to(Core& c, isa::Hint hint) {
  const Who who = c.follow();
  c.apply_hooks();
  Halt h;
  for (unsigned i = 0; h.kind == Halt::Done; ++i) {
    if ((i & 0xfff) == 0) c.check_interrupt();
    h = c.step(who, false);
    const isa::Lifted in = c.view->lift(c.view->pc());
    if (in.count > 0 && in.uops[in.count - 1].hint == hint) break;
  }
  show(c, h);
}
void nextcall(Core& c, const std::string&) { step_to(c, isa::Hint::Call); }
void nextret(Core& c, const std::string&) { step_to(c, isa::Hint::Return); }

constexpr SessionVerb kMotionVerbs[] = {
    {"si stepi step-instruction", "[-any] [N]",
     "One instruction of this goroutine, N times; -any: of whatever runs next", "si 3", si},
    {"ni nexti next-instruction", "[N]", "One instruction, over calls", "ni", ni},
    {"s step", "[N]",
     "To another source line, into calls (not into the runtime's, but into deferred functions that it calls)", "s", s},
    {"n next", "[N]", "To another source line, over calls", "n 2", n},
    {"finish so stepout step-out", "", "Runs until this function has returned", "finish", finish},
    {"c continue", "[WHERE]", "Runs to the next breakpoint, or to WHERE", "c main.main", go_on},
    {"until", "[WHERE]", "To a line further down (out of a loop), or to WHERE", "until", until},
    {"advance", "WHERE", "Runs to WHERE", "advance runtime.deferreturn", advance},
    {"nextcall", "", "Steps until a call stands next", "nextcall", nextcall},
    {"nextret", "", "Steps until a return stands next", "nextret", nextret},
    {"rsi reverse-stepi", "[-any] [N]", "Undoes one instruction", "rsi", rsi},
    {"rni reverse-nexti", "[N]", "Back one instruction, over calls", "rni", rni},
    {"rs reverse-step", "[N]", "Back to the line before, into calls", "rs", rs},
    {"rn reverse-next", "[N]", "Back to the line before, over calls", "rn", rn},
    {"rfinish reverse-finish", "", "Back to where this function was entered", "rfinish", rfinish},
    {"rc reverse-continue rewind rw", "", "Back to the last breakpoint or watchpoint hit before here", "rc", rc},
    {"rev reverse", "VERB", "The reverse of a verb", "rev next", rev},
};

}  // namespace

std::span<const SessionVerb> motion_verbs() { return kMotionVerbs; }

}  // namespace deferscope::cli
