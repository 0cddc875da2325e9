// What is shown after a stop: position, goroutine, the instructions around PC with their reasons, what changed, the
// chain.
#include <fmt/format.h>

#include <algorithm>

#include "cli/session/chain_view.h"
#include "cli/session/core.h"
#include "cli/session/source.h"

namespace deferscope::cli {
namespace {

constexpr int kBefore = 5, kAfter = 5;  // instructions around PC
constexpr size_t kTextWidth = 34;       // of an instruction before its reason begins
constexpr size_t kTrail = 64;           // explained instructions kept
constexpr int kMostRegisters = 8;

// Bytes that take room on a terminal: not UTF-8 continuation, not style marks.
size_t columns(const std::string& s) {
  size_t n = 0;
  for (size_t i = 0; i < s.size(); ++i) {
    const unsigned char c = static_cast<unsigned char>(s[i]);
    if (c == 1)
      ++i;
    else if (c != 2 && (c & 0xc0) != 0x80)
      ++n;
  }
  return n;
}

std::string padded(std::string s, size_t width) {
  const size_t n = columns(s);
  return n < width ? s + std::string(width - n, ' ') : s;
}

// What the linker fills up with behind a function's end.
bool is_padding(const GuestView& v, uint64_t pc) {
  return v.amd64() ? v.value(pc, 1) == uint64_t{0xcc} : v.value(pc, 4) == uint64_t{0};
}

std::string instructions_text(const Core& core, uint64_t pc) { return core.view->instruction_text(pc); }

}  // namespace

std::string grouped(uint64_t n) {
  std::string t = fmt::format("{}", n), out;
  for (size_t i = 0; i < t.size(); ++i) {
    if (i && (t.size() - i) % 3 == 0) out += ',';
    out += t[i];
  }
  return out;
}

std::string mark(char style, const std::string& text) { return fmt::format("\x01{}{}\x02", style, text); }

std::vector<std::string> Core::explain_here() {
  const traces::Effect e = traces::predict(machine->state(), *machine->options().cpu, *view);
  traces::Scene s;
  s.program = program.get();
  s.names = view.get();
  s.state = &machine->state();
  s.cpu = machine->options().cpu;
  s.who = view->who();
  if (view->guest()) s.running_g = view->guest()->g_of(machine->state().thread());
  if (tracker)
    if (const auto running = tracker->running(s.who.goid);
        !running.empty() && running.back().by == model::RunBy::inline_exit)
      s.inline_slot = running.back().slot;
  s.frames = view->frames(12);
  s.text = [this](uint64_t pc) { return instructions_text(*this, pc); };
  s.place = [this](uint64_t pc) { return view->place(pc); };
  return traces::explain(e, s);
}

void Core::remember_step() {
  if (quiet || machine->state().exited) return;
  if (trail.count(position())) return;
  trail[position()] = TrailItem{view->pc(), view->who(), explain_here()};
  while (trail.size() > kTrail)
    trail.erase(position() - trail.begin()->first > trail.rbegin()->first - position() ? trail.begin()
                                                                                       : std::prev(trail.end()));
}

std::string Core::pane() {
  const emu::Position p = position();
  const uint64_t pc = view->pc();
  const model::Function* f = view->function(pc);
  // The last instruction's reason: known if it was stepped over, else looked up by going back once.
  if (p > 0 && !trail.count(p - 1)) {
    seek(p - 1);
    remember_step();
    seek(p);
  }
  std::vector<uint64_t> rows;
  if (f) {
    unsigned size = 0;
    for (uint64_t a = f->f.entry; a < f->f.end && a <= pc; a += size) {
      rows.push_back(a);
      view->instruction_text(a, &size);
    }
  }
  if (rows.empty() || rows.back() != pc) rows = {pc};
  if (rows.size() > kBefore + 1) rows.erase(rows.begin(), rows.end() - kBefore - 1);
  uint64_t next = pc;
  for (int i = 0; i < kAfter; ++i) {
    unsigned size = 0;
    view->instruction_text(next, &size);
    next += size;
    if ((f && next >= f->f.end) || is_padding(*view, next)) break;
    rows.push_back(next);
  }
  // Reasons of the instructions executed just before, as far back as the steps are known without a gap.
  std::map<uint64_t, const TrailItem*> reasons;
  for (emu::Position q = p; q > 0 && reasons.size() < kBefore; --q) {
    const auto it = trail.find(q - 1);
    if (it == trail.end() || !it->second.who.same(view->who())) break;
    reasons.try_emplace(it->second.pc, &it->second);
  }
  const std::vector<std::string> here = machine->state().exited ? std::vector<std::string>{} : explain_here();
  const TrailItem* last = p > 0 && trail.count(p - 1) ? &trail[p - 1] : nullptr;
  std::string text;
  const Who w = view->who();
  const std::string inlined = view->inlined(pc);
  std::string head = fmt::format("{}  {}", mark('b', view->place(pc)),
                                 mark('d', view->line(pc) + (inlined.empty() ? "" : " in inlined " + inlined)));
  text += padded(std::move(head), 60) + fmt::format("  @{}  {}\n", grouped(p), view->who_text(w));
  const auto print = [&](const std::string& left, const std::vector<std::string>& words) {
    const size_t width = std::max(kTextWidth + 13, columns(left) + 2);
    if (words.empty()) {
      text += left + "\n";
      return;
    }
    for (size_t i = 0; i < words.size(); ++i) text += padded(i == 0 ? left : "", width) + mark('w', words[i]) + "\n";
  };
  const bool others = last && !last->who.same(w);
  const bool last_shown = last && !others && std::find(rows.begin(), rows.end(), last->pc) != rows.end();
  if (last && !last_shown) {
    const std::string from =
        fmt::format("  {:#x} {}  {}", last->pc, view->instruction_text(last->pc),
                    mark('d', view->place(last->pc) + (others ? "  " + view->who_text(last->who) : "")));
    print(from, last->words);
  }
  for (uint64_t a : rows) {
    const bool now = a == pc;
    std::string left = fmt::format("{} {:#x} {}", now ? "▶" : " ", a, view->instruction_text(a));
    if (now) left = mark('b', left);
    const auto it = reasons.find(a);
    print(left, now ? here : it != reasons.end() ? it->second->words : std::vector<std::string>{});
  }
  return text;
}

void Core::show_stop(const Halt& h) {
  follow();  // what is shown is who executes
  if (quiet) return;
  const emu::MachineState& s = machine->state();
  switch (h.kind) {
    case Halt::Breakpoint:
    case Halt::Watchpoint: {
      const auto it = breakpoints.find(h.id);
      if (it != breakpoints.end())
        say(mark('b', fmt::format("{} {}: {}{}  (hit {})", h.kind == Halt::Watchpoint ? "watchpoint" : "breakpoint",
                                  h.id, it->second.spec, h.note.empty() ? "" : ", " + h.note, h.hit)));
      break;
    }
    case Halt::Exited:
      say(fmt::format(
          "@{}  the guest has ended, exit status {}. This is a position too: rsi, rc and goto go back from here.",
          grouped(position()), s.exit_status));
      return;
    case Halt::Deadlock:
      say(mark('e', fmt::format("@{}  all threads wait and nothing can wake them", grouped(position()))));
      for (const emu::Thread& t : s.threads)
        if (t.status != emu::ThreadStatus::Exited) say("  " + s.os->describe_thread(s, t));
      return;
    case Halt::Limit:
      say(mark('e', fmt::format("--max-instructions {} reached", machine->options().max_instructions)));
      break;
    case Halt::Beginning: say("this is the beginning: nothing lies before it"); break;
    case Halt::Cut:
    case Halt::Done:
      if (!h.note.empty()) say(mark('w', h.note));
      break;
  }
  if (s.exited) {
    say(fmt::format("@{}  the guest has ended, exit status {}", grouped(position()), s.exit_status));
    return;
  }
  output += pane();
  // Registers that differ from the last stop that was shown.
  const isa::CpuState& c = view->cpu();
  if (shown_valid) {
    std::string t;
    int n = 0;
    for (isa::Reg r = 0; r < isa::kZero; ++r) {
      if (c.r[r] == shown.r[r] || (view->amd64() && r >= 16)) continue;
      if (++n <= kMostRegisters)
        t += fmt::format("  {} {}", traces::register_name(s.isa, r),
                         r == view->sp_register() ? fmt::format("{:#x}", c.r[r]) : traces::say_value(c.r[r], 8, *view));
    }
    if (n)
      say(mark('c', fmt::format("changed:{}{}", t,
                                n > kMostRegisters ? fmt::format("  and {} more", n - kMostRegisters) : "")));
  }
  shown = c, shown_valid = true;
  if (std::string chain = chain_line(); !chain.empty()) say(chain);
  for (const std::string& d : displays) {
    try {
      const Value v = value_of(d);
      say(fmt::format("{} = {}", d, v.type.empty() ? traces::say_value(v.word(), 8, *view) : text_of(v)));
    } catch (const CommandError& e) {
      say(fmt::format("{}: {}", d, e.what()));
    }
  }
  if (const auto it = notes.find(position()); it != notes.end()) say("note: " + it->second);
}

}  // namespace deferscope::cli
