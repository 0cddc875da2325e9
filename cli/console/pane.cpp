// What is shown after a stop: position, goroutine, the instructions around PC with their reasons, what changed, the
// chain.
#include <fmt/format.h>

#include <algorithm>

#include "cli/console/chain_view.h"
#include "cli/console/console.h"
#include "cli/console/layout.h"
#include "cli/console/source.h"
#include "cli/console/value_text.h"
#include "session/operands.h"

namespace deferscope::cli {
namespace {

constexpr size_t kBefore = 5, kAfter = 5;  // instructions around PC
constexpr size_t kTextWidth = 34;          // of an instruction before its reason begins
constexpr size_t kTrail = 64;              // explained instructions kept
constexpr int kMostRegisters = 8;
constexpr size_t kNarrowRows = 15;  // of a stop on a narrow screen

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

std::vector<uint64_t> Console::rows_around(uint64_t pc, size_t before, size_t after) const {
  const session::Reader& reader = session.reader();
  const model::Function* f = reader.function(pc);
  std::vector<uint64_t> rows;
  if (f) {
    if (walked_ != f) begins_.clear(), walked_ = f;
    unsigned size = 0;
    for (uint64_t a = begins_.empty() ? f->f.entry : begins_.back(); a < f->f.end && a <= pc; a += size) {
      if (begins_.empty() || begins_.back() != a) begins_.push_back(a);
      reader.instruction_text(a, &size);
    }
    rows.assign(begins_.begin(), std::upper_bound(begins_.begin(), begins_.end(), pc));
  }
  if (rows.empty() || rows.back() != pc) rows = {pc};
  if (rows.size() > before + 1) rows.erase(rows.begin(), rows.end() - static_cast<ptrdiff_t>(before) - 1);
  uint64_t next = pc;
  for (size_t i = 0; i < after; ++i) {
    unsigned size = 0;
    reader.instruction_text(next, &size);
    next += size;
    if ((f && next >= f->f.end) || is_padding(reader, next)) break;
    rows.push_back(next);
  }
  return rows;
}

std::string Console::name_text(const std::string& text) const { return whole ? text : shortened(text); }

void Console::say(const std::string& line, std::optional<size_t> hanging, size_t most) {
  const std::string text = name_text(line);
  const size_t begins = text.find_first_not_of(' ');
  const size_t in = hanging.value_or((begins == std::string::npos ? 0 : begins) + 4);
  for (const std::string& row : rows_of(text, options.width, in, whole ? 0 : most)) output_ += row + "\n";
}

std::string Console::head(const Stop& stop) const {
  const session::Reader& reader = session.reader();
  const uint64_t pc = reader.pc();
  const std::string inlined = reader.inlined(pc);
  const std::string left = fmt::format("{}  {}", mark('b', reader.place(pc)),
                                       mark('d', reader.line(pc) + (inlined.empty() ? "" : " in inlined " + inlined)));
  return padded(name_text(left), narrow() ? 0 : 60) +
         fmt::format("  @{}  {}", grouped(stop.position), who_text(stop.who));
}

// The line that the instruction belongs to, where its file may be read; else empty.
std::string Console::source_line(uint64_t pc) const {
  const model::Function* f = session.reader().function(pc);
  if (!f) return {};
  const loader::SourceLine l = session.program()->go().funcs.line(f->f, pc);
  const auto lines = source_lines(options, std::string(l.file)).value_or(std::vector<std::string>{});
  const auto n = static_cast<size_t>(std::max(l.line, 0));
  return n == 0 || n > lines.size() ? "" : fmt::format("  {:5}  {}", n, shown_line(lines[n - 1]));
}

// A row of the pane: an instruction and what it is about to do, or has just done.
struct Console::Row {
  std::string left;
  std::vector<std::string> words;
  bool now = false;
};

std::vector<Console::Row> Console::pane_rows(const Stop& stop, uint64_t before, uint64_t after) {
  const session::Reader& reader = session.reader();
  const emu::Position p = stop.position;
  const uint64_t pc = reader.pc();
  const std::vector<uint64_t> addresses = rows_around(pc, before, after);
  // Reasons of the instructions executed just before, as far back as the steps are known without a gap.
  std::map<uint64_t, const Explained*> reasons;
  for (emu::Position q = p; q > 0 && reasons.size() < before; --q) {
    const auto it = trail_.find(q - 1);
    if (it == trail_.end() || !it->second.who.same(stop.who)) break;
    reasons.try_emplace(it->second.pc, &it->second);
  }
  std::vector<Row> rows;
  const Explained* last = p > 0 && trail_.count(p - 1) ? &trail_[p - 1] : nullptr;
  const bool others = last && !last->who.same(stop.who);
  const bool last_shown = last && !others && std::find(addresses.begin(), addresses.end(), last->pc) != addresses.end();
  if (last && !last_shown)
    rows.push_back({fmt::format("  {:#x} {}  {}", last->pc, reader.instruction_text(last->pc),
                                mark('d', reader.place(last->pc) + (others ? "  " + who_text(last->who) : ""))),
                    last->words, false});
  const model::Function* f = reader.function(pc);
  if (!operands_ || operands_of_ != f) operands_.emplace(reader, operands_of_ = f);
  const session::Operands& operands = *operands_;
  const auto offset = [&](uint64_t a) { return f ? fmt::format("+{}", a - f->f.entry) : std::string(); };
  const size_t offset_width = offset(addresses.back()).size();
  for (uint64_t a : addresses) {
    const bool now = a == pc;
    std::string left =
        fmt::format("{} {:#x} {} {}", now ? "▶" : " ", a, padded(offset(a), offset_width), reader.instruction_text(a));
    if (now) left = mark('b', left);
    if (const std::string name = operands.of(a); !name.empty()) left += "  " + mark('d', name);
    const auto it = reasons.find(a);
    rows.push_back({left, now ? stop.why : it != reasons.end() ? it->second->words : std::vector<std::string>{}, now});
  }
  return rows;
}

// Reasons beside their instructions.
void Console::say_pane(const Stop& stop) {
  say(head(stop));
  if (const std::string line = source_line(session.reader().pc()); !line.empty()) say(mark('d', line));
  constexpr size_t kLeast = 30;  // columns for reasons; below them they stand under the instruction
  for (const Row& row : pane_rows(stop, kBefore, kAfter)) {
    const std::string left = name_text(row.left);
    const size_t column = std::max(kTextWidth + 18, columns(left) + 2);
    if (row.words.empty()) {
      say(left);
      continue;
    }
    const bool under = options.width != 0 && column + kLeast > options.width;
    if (under) say(left);
    const size_t at = under ? 8 : column;
    for (size_t i = 0; i < row.words.size(); ++i)
      say(padded(i == 0 && !under ? left : "", at) + mark('w', row.words[i]), at);
  }
}

// On a narrow screen: fewer instructions, reasons under them, all of it on 15 rows.
void Console::say_narrow(const Stop& stop, const std::vector<std::string>& below) {
  constexpr size_t kIndent = 4;
  struct Block {
    std::vector<std::string> rows;
    size_t least;  // rows that it keeps when there is not enough room
  };
  std::vector<Block> blocks;
  const auto block = [&](const std::string& text, size_t hanging, size_t least) {
    blocks.push_back({rows_of(name_text(text), options.width, hanging), least});
  };
  block(head(stop), kIndent, 2);
  if (const std::string line = source_line(session.reader().pc()); !line.empty()) block(mark('d', line), kIndent, 1);
  for (const Row& row : pane_rows(stop, 2, 2)) {
    block(row.left, kIndent, 1);
    for (size_t i = 0; i < row.words.size(); ++i)
      block(std::string(kIndent, ' ') + mark('w', row.words[i]), kIndent + 2, row.now ? (i == 0 ? 2 : 1) : i == 0);
  }
  for (const std::string& line : below) block(line, kIndent, 1);
  const auto total = [&] {
    size_t n = std::count(output_.begin(), output_.end(), '\n');
    for (const Block& b : blocks) n += b.rows.size();
    return n;
  };
  // What lies further down, and then further from the instruction at hand, gives way first.
  for (size_t i = blocks.size(); i-- > 0 && total() > kNarrowRows;)
    while (blocks[i].rows.size() > blocks[i].least && total() > kNarrowRows) {
      blocks[i].rows.pop_back();
      if (!blocks[i].rows.empty()) cut(blocks[i].rows.back(), options.width);
    }
  for (const Block& b : blocks)
    for (const std::string& row : b.rows) output_ += row + "\n";
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

std::string Console::changes(const Stop& stop) const {
  const session::Reader& reader = session.reader();
  std::string t;
  int n = 0;
  for (const session::RegisterChange& r : stop.changes)
    if (++n <= kMostRegisters || whole)
      t += fmt::format(
          "  {} {}", traces::register_name(reader.state().isa, r.reg),
          r.reg == reader.sp_register() ? fmt::format("{:#x}", r.after) : traces::say_value(r.after, 8, reader));
  if (n == 0) return {};
  return mark('c', fmt::format("changed:{}{}", t,
                               n > kMostRegisters && !whole ? fmt::format("  and {} more", n - kMostRegisters) : ""));
}

void Console::show_stop(const Halt& h) {
  if (quiet) {
    session.focus().follow();  // what is shown is who executes
    return;
  }
  if (!session.time().state().exited && h.reason != Reason::deadlock) look_back();
  const Stop stop = session.look(h);
  if (!show_reason(h, stop)) return;
  std::vector<std::string> below;
  if (std::string changed = changes(stop); !changed.empty()) below.push_back(std::move(changed));
  if (std::string chain = chain_summary(stop.chains, session.reader()); !chain.empty())
    below.push_back(std::move(chain));
  if (narrow()) {
    say_narrow(stop, below);
  } else {
    say_pane(stop);
    for (const std::string& line : below) say(line);
  }
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
