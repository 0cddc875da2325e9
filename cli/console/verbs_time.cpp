// Positions: going to them, naming them, who wrote a word last.
#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <utility>

#include "cli/console/verbs.h"

namespace deferscope::cli {
namespace {

constexpr size_t kHistory = 200;

void remember(Console& c, emu::Position from) {
  c.back_stack.push_back(from);
  if (c.back_stack.size() > kHistory) c.back_stack.pop_front();
  c.forward_stack.clear();
}

void go(Console& c, emu::Position from, emu::Position p) {
  const Halt h = c.session.motion().go(p);
  remember(c, from);
  if (const emu::Position end = c.session.time().position();
      end < p && p != emu::kNever && c.session.time().state().exited)
    c.say(fmt::format("@{} is never reached: the guest ends at @{}", grouped(p), grouped(end)));
  c.show_stop(h);
}

void goto_(Console& c, const std::string& a) {
  const emu::Position from = c.session.time().position();
  if (a.empty()) throw session::Error("goto WHERE: a position (61,431), +N, -N, 50%, start, end, event:12, FUNC#2");
  const model::Where where = c.session.places().where(a, model::Bare::moment);
  if (where.kind == model::Where::share && !c.session.time().known_end()) {
    c.session.motion().go(emu::kNever);
    c.say(fmt::format("ran to the end first: @{}", grouped(c.session.time().position())));
  }
  go(c, from, c.session.places().position_of(where));
}

void restart(Console& c, const std::string&) { go(c, c.session.time().position(), c.session.time().start()); }

void when(Console& c, const std::string&) {
  const auto& s = c.session.time().state();
  const emu::Position whole = c.session.time().known_end().value_or(c.session.time().machine().horizon());
  const double share =
      whole ? 100.0 * static_cast<double>(c.session.time().position()) / static_cast<double>(whole) : 100;
  c.say(fmt::format("@{}  ({:.1f}% of {})  {}  guest clock {} ns, {} snapshots", grouped(c.session.time().position()),
                    share, grouped(whole) + (c.session.time().known_end() ? ", the whole run" : " seen so far"),
                    who_text(c.session.reader().who()), grouped(s.now_ns()), c.session.time().machine().snapshots()));
}

void back(Console& c, const std::string&) {
  if (c.back_stack.empty())
    throw session::Error("nowhere to go back to: goto, r, nextdefer and lastwrite -g make entries");
  const emu::Position p = c.back_stack.back();
  c.back_stack.pop_back();
  c.forward_stack.push_back(c.session.time().position());
  c.session.time().seek(p);
  c.show_stop({});
}
void forward(Console& c, const std::string&) {
  if (c.forward_stack.empty()) throw session::Error("nowhere to go forward to");
  const emu::Position p = c.forward_stack.back();
  c.forward_stack.pop_back();
  c.back_stack.push_back(c.session.time().position());
  c.session.time().seek(p);
  c.show_stop({});
}

// --- lastwrite ---

void lastwrite(Console& c, const std::string& args) {
  auto words = split_words(args);
  bool go_there = false;
  unsigned size = 0;
  std::string expression;
  for (size_t i = 0; i < words.size(); ++i) {
    if (words[i] == "-g")
      go_there = true;
    else if (words[i] == "-size" && i + 1 < words.size())
      size = static_cast<unsigned>(std::clamp<uint64_t>(parse_count(words[++i]), 1, 8));
    else
      expression += (expression.empty() ? "" : " ") + words[i];
  }
  if (expression.empty()) throw session::Error("lastwrite ADDRESS: of which word?");
  const auto [address, bytes] = c.session.expressions().memory_place(expression);
  if (size == 0) size = static_cast<unsigned>(std::clamp<uint64_t>(bytes, 1, 8));
  session::Timeline& time = c.session.time();
  const session::Reader& reader = c.session.reader();
  const emu::Position from = time.position();
  const session::LastWrite found = c.session.last_write(address, size);
  const auto value = [&](uint64_t v) { return traces::say_value(v, size, reader); };
  const auto now = [&] { return fmt::format("[{:#x}] = {}", address, value(found.value)); };
  if (found.kind == session::LastWrite::nobody) return c.say(now() + ": nothing wrote it before here (as mapped)");
  if (found.kind == session::LastWrite::edit) {
    if (go_there) time.seek(found.position);
    c.say(fmt::format("{}, changed at @{} by your set", now(), grouped(found.position)));
  } else {
    time.seek(found.position);
    c.say(fmt::format("{}, written at @{} by {}{}", now(), grouped(found.position), who_text(reader.who()),
                      found.address == address ? "" : fmt::format(", then at {:#x}: the stack moved", found.address)));
    c.say(fmt::format("  {:#x} {}   {}  {}", reader.pc(), reader.instruction_text(reader.pc()),
                      reader.place(reader.pc()), reader.line(reader.pc())));
    c.say(fmt::format("  before: {}", found.before ? value(*found.before) : "not mapped"));
    for (const std::string& l : c.session.explain()) c.say("  " + mark('w', l));
  }
  if (!go_there) return time.seek(from);
  remember(c, from);
  c.show_stop({});
}

void note(Console& c, const std::string& a) {
  if (a.empty()) {
    for (const auto& [p, text] : c.notes) c.say(fmt::format("@{}  {}", grouped(p), text));
    return;
  }
  c.notes[c.session.time().position()] = a;
}

constexpr Command kTimeVerbs[] = {
    {"goto seek", "WHERE",
     "To a position: a number of instructions, +N, -N, start, end, 50% of the run (which goes to its end first if that "
     "was not reached yet); to event:N; to the first or N-th time of a place: main.f, main.go:12#3",
     "goto 61,431", goto_},
    {"when", "", "Which position this is", "when", when},
    {"back", "", "To where the last jump in time came from", "back", back},
    {"forward", "", "Undoes back", "forward", forward},
    {"r restart run", "", "Back to the start (main.main)", "r", restart},
    {"lastwrite", "[-g] [-size N] ADDRESS", "Which instruction wrote this word; -g: go there", "lastwrite $sp",
     lastwrite},
    {"note check", "[TEXT]", "Writes a note at this position; without TEXT lists all", "note the trick", note},
};

}  // namespace

std::span<const Command> time_verbs() { return kTimeVerbs; }

}  // namespace deferscope::cli
