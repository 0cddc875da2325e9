// Stepping and running, forwards and backwards.
#include <fmt/format.h>

#include "cli/console/verbs.h"

namespace deferscope::cli {
namespace {

// Does `once` n times, silently but for the last; stops early for anything but an ordinary end.
void repeat(Console& c, const std::string& args, Halt (*once)(session::Motion&)) {
  const uint64_t n = parse_count(args);
  Halt h;
  for (uint64_t i = 0; i < n && h.is_done(); ++i) {
    c.session.time().check_interrupt();
    h = once(c.session.motion());
  }
  c.show_motion(h);
}

// "-any 3": the count, and whether it counts whatever runs.
uint64_t take_any(const std::string& args, bool& any) {
  any = args.compare(0, 4, "-any") == 0;
  return parse_count(!any ? args : args.size() > 4 ? args.substr(5) : "");
}

void si(Console& c, const std::string& args) {
  bool any = false;
  const uint64_t n = take_any(args, any);
  c.show_motion(c.session.motion().instructions(n, any));
}
void ni(Console& c, const std::string& a) {
  repeat(c, a, [](session::Motion& m) { return m.over_call(); });
}
void s(Console& c, const std::string& a) {
  repeat(c, a, [](session::Motion& m) { return m.line(true); });
}
void n(Console& c, const std::string& a) {
  repeat(c, a, [](session::Motion& m) { return m.line(false); });
}
void finish(Console& c, const std::string& a) {
  const unsigned frame = c.session.focus().frame_number();
  if (frame) return c.show_motion(c.session.motion().finish(frame));
  repeat(c, a, [](session::Motion& m) { return m.finish(); });
}

// To a place in the code, or to a moment.
Halt run_to(Console& c, const std::string& spec) {
  const model::Where where = c.session.places().where(spec, model::Bare::line);
  if (!where.is_moment()) return c.session.motion().run_to(where.targets);
  const emu::Position p = c.session.places().position_of(where);
  if (p < c.session.time().position())
    throw session::Error(fmt::format("{} lies behind, at @{}: goto goes there", spec, grouped(p)));
  return c.session.motion().run_to(p);
}

void go_on(Console& c, const std::string& a) { c.show_motion(a.empty() ? c.session.motion().run() : run_to(c, a)); }
void advance(Console& c, const std::string& a) {
  if (a.empty()) throw session::Error("advance WHERE: which place?");
  c.show_motion(run_to(c, a));
}
// until: the next line that lies further down in the same frame; with WHERE: there, or out of the frame.
void until(Console& c, const std::string& a) {
  c.show_motion(a.empty() ? c.session.motion().line_below() : run_to(c, a));
}

void rsi(Console& c, const std::string& args) {
  bool any = false;
  const uint64_t n = take_any(args, any);
  c.show_motion(c.session.motion().back_instructions(n, any));
}
void rni(Console& c, const std::string& a) {
  repeat(c, a, [](session::Motion& m) { return m.back_over_call(); });
}
void rs(Console& c, const std::string& a) {
  repeat(c, a, [](session::Motion& m) { return m.back_line(true); });
}
void rn(Console& c, const std::string& a) {
  repeat(c, a, [](session::Motion& m) { return m.back_line(false); });
}
void rfinish(Console& c, const std::string& a) {
  repeat(c, a, [](session::Motion& m) { return m.back_finish(); });
}
void rc(Console& c, const std::string&) { c.show_motion(c.session.motion().back()); }

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

void rev(Console& c, const std::string& args) {
  const auto words = split_words(args);
  const Command* v = words.empty() ? nullptr : find_command(words[0]);
  if (!v) throw session::Error("rev VERB: si, ni, s, n, c or finish");
  const std::string first = split_words(v->names)[0];
  for (const Pair& p : kReverse)
    if (first == p.forward)
      return find_command(p.back)->run(c, args.size() > words[0].size() ? args.substr(words[0].size() + 1) : "");
  throw session::Error(fmt::format("{} has no reverse", words[0]));
}

void nextcall(Console& c, const std::string&) { c.show_motion(c.session.motion().run_to_hint(isa::Hint::Call)); }
void nextret(Console& c, const std::string&) { c.show_motion(c.session.motion().run_to_hint(isa::Hint::Return)); }

constexpr Command kMotionVerbs[] = {
    {"si stepi step-instruction", "[-any] [N]",
     "One instruction of this goroutine, N times; -any: of whatever runs next", "si 3", si},
    {"ni nexti next-instruction", "[N]", "One instruction, over calls", "ni", ni},
    {"s step", "[N]",
     "To another source line, into calls (not into the runtime's, but into deferred functions that it calls)", "s", s},
    {"n next", "[N]", "To another source line, over calls", "n 2", n,
     "Inlined functions are calls like others. Over a call that panics it stops in the deferred function of this frame "
     "that the panic runs, else where the panic is recovered (help unwinding)."},
    {"finish so stepout step-out", "", "Runs until this function has returned", "finish", finish,
     "An inlined function is left where its code ends. Where frames are cut (recovery, Goexit) it stops and says so."},
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

std::span<const Command> motion_verbs() { return kMotionVerbs; }

}  // namespace deferscope::cli
