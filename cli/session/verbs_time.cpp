// Positions: going to them, naming them, who wrote a word last.
#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <utility>

#include "cli/session/verbs.h"

namespace deferscope::cli {
namespace {

constexpr size_t kHistory = 200;

void remember(Core& c, emu::Position from) {
  c.back_stack.push_back(from);
  if (c.back_stack.size() > kHistory) c.back_stack.pop_front();
  c.forward_stack.clear();
}

// Forwards with breakpoints silent, also beyond what was seen.
Halt run_silently(Core& c, emu::Position p) {
  const auto kept = std::exchange(c.breakpoints, {});
  try {
    const Halt h = c.run_until(
        {}, [](Halt&) { return false; }, p);
    c.breakpoints = kept;
    return h;
  } catch (...) {
    c.breakpoints = kept;
    throw;
  }
}

void go(Core& c, emu::Position from, emu::Position p) {
  Halt h;
  if (p > c.machine->horizon()) {
    h = run_silently(c, p);
    if (h.kind == Halt::Exited && p != emu::kNever) h.note = "the guest ends before that position";
  } else {
    c.seek(p);
    if (c.machine->state().exited) h.kind = Halt::Exited;
  }
  remember(c, from);
  c.show_stop(h);
}

void goto_(Core& c, const std::string& a) {
  const emu::Position from = c.position();
  if (a.empty()) throw CommandError("goto WHERE: a position (61,431), +N, -N, 50%, start, end, event:12, FUNC#2");
  const model::Where where = c.where(a, model::Bare::moment);
  if (where.kind == model::Where::share && !c.known_end) {
    run_silently(c, emu::kNever);
    c.say(fmt::format("ran to the end first: @{}", grouped(c.position())));
  }
  go(c, from, c.position_of(where));
}

void restart(Core& c, const std::string&) { go(c, c.position(), c.start); }

void when(Core& c, const std::string&) {
  const auto& s = c.machine->state();
  const emu::Position whole = c.known_end.value_or(c.machine->horizon());
  const double share = whole ? 100.0 * static_cast<double>(c.position()) / static_cast<double>(whole) : 100;
  c.say(fmt::format("@{}  ({:.1f}% of {})  {}  guest clock {} ns, {} snapshots", grouped(c.position()), share,
                    grouped(whole) + (c.known_end ? ", the whole run" : " seen so far"),
                    c.view->who_text(c.view->who()), grouped(s.now_ns()), c.machine->snapshots()));
}

void back(Core& c, const std::string&) {
  if (c.back_stack.empty())
    throw CommandError("nowhere to go back to: goto, r, nextdefer and lastwrite -g make entries");
  const emu::Position p = c.back_stack.back();
  c.back_stack.pop_back();
  c.forward_stack.push_back(c.position());
  c.seek(p);
  c.show_stop({});
}
void forward(Core& c, const std::string&) {
  if (c.forward_stack.empty()) throw CommandError("nowhere to go forward to");
  const emu::Position p = c.forward_stack.back();
  c.forward_stack.pop_back();
  c.back_stack.push_back(c.position());
  c.seek(p);
  c.show_stop({});
}

// --- lastwrite ---

// Behind the last instruction before `end` that wrote [address, address + size), as watchpoints see it.
std::optional<emu::Position> last_write_seen(Core& c, emu::Position begin, emu::Position end, uint64_t address,
                                             unsigned size) {
  c.machine->set_hooks({});
  c.seek(begin);
  emu::Watch w;
  w.address = address, w.size = size;
  c.machine->set_watches({w});
  std::optional<emu::Position> found;
  while (c.position() < end) {
    const emu::Stop s = c.run(end);
    if (s.kind == emu::Stop::Watchpoint)
      found = c.position();
    else if (s.kind != emu::Stop::Reached)
      break;
  }
  c.machine->set_watches({});
  return found;
}

// The kernel writes without an instruction: the last change of the value in (begin, end], by halving.
emu::Position last_change(Core& c, emu::Position begin, emu::Position end, uint64_t address, unsigned size) {
  c.seek(end);
  const auto now = c.view->value(address, size);
  while (end - begin > 1) {
    c.check_interrupt();
    const emu::Position middle = begin + (end - begin) / 2;
    c.seek(middle);
    (c.view->value(address, size) == now ? end : begin) = middle;
  }
  return end;
}

std::optional<emu::Position> find_last_write(Core& c, uint64_t address, unsigned size) {
  const emu::Position from = c.position();
  std::vector<emu::Position> marks = c.machine->snapshot_positions();
  std::vector<uint64_t> pages;
  for (uint64_t p = emu::page_of(address); p < address + size; p += emu::kPage) pages.push_back(p);
  emu::Position end = from;
  bool first = true;
  for (auto it = marks.rbegin(); it != marks.rend(); ++it) {
    if (*it >= end) continue;
    c.check_interrupt();
    const emu::MachineState* a = c.machine->snapshot_at(*it);
    const emu::MachineState* b = first ? nullptr : c.machine->snapshot_at(end);
    const bool untouched = a && b && std::all_of(pages.begin(), pages.end(), [&](uint64_t p) {
                             return emu::Memory::same_frame(a->memory, b->memory, p);
                           });
    if (!untouched) {
      if (const auto found = last_write_seen(c, *it, end, address, size)) return found;
      c.seek(*it);
      const auto before = c.view->value(address, size);
      c.seek(end);
      if (before != c.view->value(address, size)) return last_change(c, *it, end, address, size);
    }
    if (c.options.progress) c.options.progress(fmt::format("looking before @{}", grouped(*it)));
    end = *it, first = false;
  }
  return std::nullopt;
}

// Where `set` last changed a word in [address, address + size), up to position p.
std::optional<emu::Position> last_edit(const Core& c, emu::Position p, uint64_t address, unsigned size) {
  for (auto it = c.edits.upper_bound(p); it != c.edits.begin();) {
    --it;
    for (const Edit& e : it->second)
      if (!e.is_register && e.address < address + size && address < e.address + e.bytes) return it->first;
  }
  return std::nullopt;
}

void lastwrite(Core& c, const std::string& args) {
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
  if (expression.empty()) throw CommandError("lastwrite ADDRESS: of which word?");
  const auto [address, bytes] = c.memory_place(expression);
  if (size == 0) size = static_cast<unsigned>(std::clamp<uint64_t>(bytes, 1, 8));
  const emu::Position from = c.position();
  const auto value = c.view->value(address, size);
  if (!value) throw CommandError(fmt::format("{:#x} is not mapped", address));
  std::optional<emu::Position> found;
  try {
    found = find_last_write(c, address, size);
  } catch (...) {
    c.seek(from);
    throw;
  }
  if (const auto by_hand = last_edit(c, from, address, size); by_hand && by_hand >= found) {
    c.seek(go_there ? *by_hand : from);
    c.say(fmt::format("[{:#x}] = {}, changed at @{} by your set", address, traces::say_value(*value, size, *c.view),
                      grouped(*by_hand)));
    if (go_there) remember(c, from), c.show_stop({});
    return;
  }
  if (!found) {
    c.seek(from);
    c.say(fmt::format("[{:#x}] = {}: nothing wrote it before here (as mapped)", address,
                      traces::say_value(*value, size, *c.view)));
    return;
  }
  c.seek(*found - 1);
  const auto old = c.view->value(address, size);
  c.say(fmt::format("[{:#x}] = {}, written at @{} by {}", address, traces::say_value(*value, size, *c.view),
                    grouped(*found - 1), c.view->who_text(c.view->who())));
  c.say(fmt::format("  {:#x} {}   {}  {}", c.view->pc(), c.view->instruction_text(c.view->pc()),
                    c.view->place(c.view->pc()), c.view->line(c.view->pc())));
  c.say(fmt::format("  before: {}", old ? traces::say_value(*old, size, *c.view) : "not mapped"));
  for (const std::string& l : c.explain_here()) c.say("  " + mark('w', l));
  if (go_there) {
    remember(c, from);
    c.show_stop({});
  } else {
    c.seek(from);
  }
}

void note(Core& c, const std::string& a) {
  if (a.empty()) {
    for (const auto& [p, text] : c.notes) c.say(fmt::format("@{}  {}", grouped(p), text));
    return;
  }
  c.notes[c.position()] = a;
}

constexpr SessionVerb kTimeVerbs[] = {
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

std::span<const SessionVerb> time_verbs() { return kTimeVerbs; }

}  // namespace deferscope::cli
