// What is shown after a stop: position, goroutine, the instructions around PC with their reasons, what changed, the
// chain.
#include <fmt/format.h>

#include <algorithm>

#include "cli/console/chain_view.h"
#include "cli/console/console.h"
#include "cli/console/value_text.h"

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
bool is_padding(const session::Reader& v, uint64_t pc) {
  return v.amd64() ? v.value(pc, 1) == uint64_t{0xcc} : v.value(pc, 4) == uint64_t{0};
}

}  // namespace

void Console::remember_step() {
  const session::Timeline& time = session.time();
  if (quiet || time.state().exited || trail_.count(time.position())) return;
  const emu::Position p = time.position();
  trail_[p] = {session.reader().pc(), session.reader().who(), session.explain()};
  while (trail_.size() > kTrail)
    trail_.erase(p - trail_.begin()->first > trail_.rbegin()->first - p ? trail_.begin() : std::prev(trail_.end()));
}

// The last instruction's reason: known if it was stepped over, else looked up by going back once.
void Console::look_back() {
  const emu::Position p = session.time().position();
  if (p == 0 || trail_.count(p - 1)) return;
  session.time().seek(p - 1);
  remember_step();
  session.time().seek(p);
}

std::vector<uint64_t> Console::rows_around(uint64_t pc) const {
  const session::Reader& reader = session.reader();
  const model::Function* f = reader.function(pc);
  std::vector<uint64_t> rows;
  if (f) {
    unsigned size = 0;
    for (uint64_t a = f->f.entry; a < f->f.end && a <= pc; a += size) {
      rows.push_back(a);
      reader.instruction_text(a, &size);
    }
  }
  if (rows.empty() || rows.back() != pc) rows = {pc};
  if (rows.size() > kBefore + 1) rows.erase(rows.begin(), rows.end() - kBefore - 1);
  uint64_t next = pc;
  for (int i = 0; i < kAfter; ++i) {
    unsigned size = 0;
    reader.instruction_text(next, &size);
    next += size;
    if ((f && next >= f->f.end) || is_padding(reader, next)) break;
    rows.push_back(next);
  }
  return rows;
}

std::string Console::pane(const Stop& stop) {
  const session::Reader& reader = session.reader();
  const emu::Position p = stop.position;
  const uint64_t pc = reader.pc();
  const std::vector<uint64_t> rows = rows_around(pc);
  // Reasons of the instructions executed just before, as far back as the steps are known without a gap.
  std::map<uint64_t, const Explained*> reasons;
  for (emu::Position q = p; q > 0 && reasons.size() < kBefore; --q) {
    const auto it = trail_.find(q - 1);
    if (it == trail_.end() || !it->second.who.same(stop.who)) break;
    reasons.try_emplace(it->second.pc, &it->second);
  }
  const Explained* last = p > 0 && trail_.count(p - 1) ? &trail_[p - 1] : nullptr;
  std::string text;
  const std::string inlined = reader.inlined(pc);
  std::string head = fmt::format("{}  {}", mark('b', reader.place(pc)),
                                 mark('d', reader.line(pc) + (inlined.empty() ? "" : " in inlined " + inlined)));
  text += padded(std::move(head), 60) + fmt::format("  @{}  {}\n", grouped(p), who_text(stop.who));
  const auto print_row = [&](const std::string& left, const std::vector<std::string>& words) {
    const size_t width = std::max(kTextWidth + 13, columns(left) + 2);
    if (words.empty()) {
      text += left + "\n";
      return;
    }
    for (size_t i = 0; i < words.size(); ++i) text += padded(i == 0 ? left : "", width) + mark('w', words[i]) + "\n";
  };
  const bool others = last && !last->who.same(stop.who);
  const bool last_shown = last && !others && std::find(rows.begin(), rows.end(), last->pc) != rows.end();
  if (last && !last_shown) {
    const std::string from =
        fmt::format("  {:#x} {}  {}", last->pc, reader.instruction_text(last->pc),
                    mark('d', reader.place(last->pc) + (others ? "  " + who_text(last->who) : "")));
    print_row(from, last->words);
  }
  for (uint64_t a : rows) {
    const bool now = a == pc;
    std::string left = fmt::format("{} {:#x} {}", now ? "▶" : " ", a, reader.instruction_text(a));
    if (now) left = mark('b', left);
    const auto it = reasons.find(a);
    print_row(left, now ? stop.why : it != reasons.end() ? it->second->words : std::vector<std::string>{});
  }
  return text;
}

// Why it stopped. False: that is all there is to show.
bool Console::show_reason(const Halt& h, const Stop& stop) {
  const std::string what = halt_text(session.reader(), h);
  switch (h.reason) {
    case Reason::breakpoint:
    case Reason::watchpoint:
      if (const Breakpoint* b = session.breakpoints().find(h.breakpoint))
        say(mark('b', fmt::format("{} {}: {}{}  (hit {})", to_string(h.reason), h.breakpoint, b->spec,
                                  what.empty() ? "" : ", " + what, h.hit)));
      break;
    case Reason::watch_ended:
      if (const Breakpoint* b = session.breakpoints().find(h.breakpoint))
        say(mark('b', fmt::format("watchpoint {} ends: {}: {}", h.breakpoint, b->spec,
                                  end_text(session.reader(), *b->life))));
      break;
    case Reason::exited:
      say(fmt::format(
          "@{}  the guest has ended, exit status {}. This is a position too: rsi, rc and goto go back from here.",
          grouped(stop.position), stop.exit_status));
      return false;
    case Reason::deadlock:
      say(mark('e', fmt::format("@{}  all threads wait and nothing can wake them", grouped(stop.position))));
      for (const session::ThreadSeen& t : session.threads())
        if (t.thread->status != emu::ThreadStatus::Exited) say("  " + t.waits_in);
      return false;
    case Reason::limit:
      say(mark('e', fmt::format("--max-instructions {} reached", session.time().machine().options().max_instructions)));
      break;
    case Reason::beginning: say("this is the beginning: nothing lies before it"); break;
    default:
      if (!what.empty()) say(mark('w', what));
      break;
  }
  if (!stop.exited) return true;
  say(fmt::format("@{}  the guest has ended, exit status {}", grouped(stop.position), stop.exit_status));
  return false;
}

void Console::say_changes(const Stop& stop) {
  const session::Reader& reader = session.reader();
  std::string t;
  int n = 0;
  for (const session::RegisterChange& r : stop.changes)
    if (++n <= kMostRegisters)
      t += fmt::format(
          "  {} {}", traces::register_name(reader.state().isa, r.reg),
          r.reg == reader.sp_register() ? fmt::format("{:#x}", r.after) : traces::say_value(r.after, 8, reader));
  if (n)
    say(mark('c', fmt::format("changed:{}{}", t,
                              n > kMostRegisters ? fmt::format("  and {} more", n - kMostRegisters) : "")));
}

void Console::show_stop(const Halt& h) {
  if (quiet) {
    session.focus().follow();  // what is shown is who executes
    return;
  }
  if (!session.time().state().exited && h.reason != Reason::deadlock) look_back();
  const Stop stop = session.look(h);
  if (!show_reason(h, stop)) return;
  print(pane(stop));
  say_changes(stop);
  if (const std::string chain = chain_summary(stop.chains, session.reader()); !chain.empty()) say(chain);
  for (const std::string& d : displays) {
    try {
      const Value v = session.expressions().value_of(d);
      say(fmt::format("{} = {}", d, v.type.empty() ? traces::say_value(v.word(), 8, session.reader()) : value_text(v)));
    } catch (const session::Error& e) {
      say(fmt::format("{}: {}", d, e.what()));
    }
  }
  if (const auto it = notes.find(stop.position); it != notes.end()) say("note: " + it->second);
}

void Console::show_motion(const Halt& h) {
  show_stop(h);
  session.after_stop(h);
}

std::string Console::chain_line() const {
  return chain_summary(session.chains(session.reader().who().g), session.reader());
}

std::string Console::value_text(const Value& v) const {
  std::string text = cli::value_text(session.reader(), v);
  if (v.type.empty()) {
    const std::string name = session.reader().of(v.word());
    text = fmt::format("{} = {:#x}{}", static_cast<int64_t>(v.word()), v.word(), name.empty() ? "" : "  " + name);
  }
  if (v.symbol.empty()) return text;
  const bool dwarf = session.program() && session.program()->dwarf();
  const std::string note = fmt::format("the address: {} says its type; *(*TYPE)({}) reads it",
                                       dwarf ? "no DWARF entry" : "the program has no DWARF that", v.symbol);
  return text + "  " + mark('d', "(" + note + ")");
}

}  // namespace deferscope::cli
