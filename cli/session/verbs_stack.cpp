// Frames, goroutines, threads, chains, code and source.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "cli/session/chain_view.h"
#include "cli/session/source.h"
#include "cli/session/verbs.h"
#include "loader/printable.h"
#include "runtime_model/guest.h"
#include "traces/snapshot.h"

namespace deferscope::cli {
namespace {

std::string frame_line(const Core& c, size_t i, const Frame& f, bool chosen) {
  std::string inlined;
  if (f.function)
    for (const auto& in : c.program->go().funcs.inline_stack(f.function->f, f.lookup))
      if (in.inlined) inlined += fmt::format("  (in inlined {})", model::readable(in.function));
  return fmt::format("{} {:2}  {:#x}  {}  {}{}", chosen ? "▶" : " ", i, f.pc, mark('b', c.view->place(f.pc)),
                     mark('d', c.view->line(f.lookup)), inlined);
}

void bt(Core& c, const std::string& a) {
  auto words = split_words(a);
  bool full = false;
  unsigned limit = 50;
  for (const std::string& w : words) {
    if (w == "-full" || w == "full")
      full = true;
    else
      limit = static_cast<unsigned>(std::min<uint64_t>(parse_count(w), 10'000));
  }
  const auto frames = c.frames(limit);
  for (size_t i = 0; i < frames.size(); ++i) {
    c.say(frame_line(c, i, frames[i], i == c.frame));
    if (full)
      c.say(fmt::format("        SP {:#x}  caller's SP {:#x}  return address {}", frames[i].sp, frames[i].caller_sp,
                        frames[i].return_address ? c.view->place(frames[i].return_address) : "none"));
  }
}

void show_frame(Core& c) {
  const auto frames = c.frames(c.frame + 1);
  if (c.frame < frames.size()) c.say(frame_line(c, c.frame, frames[c.frame], true));
}
void choose(Core& c, uint64_t n) {
  const auto frames = c.frames(static_cast<unsigned>(std::min<uint64_t>(n, 10'000)) + 1);
  if (n >= frames.size()) throw CommandError(fmt::format("there are only {} frames", frames.size()));
  c.frame = static_cast<unsigned>(n);
  show_frame(c);
}
void frame(Core& c, const std::string& a) { a.empty() ? show_frame(c) : choose(c, parse_count(a)); }
void up(Core& c, const std::string& a) { choose(c, c.frame + parse_count(a)); }
void down(Core& c, const std::string& a) {
  const uint64_t n = parse_count(a);
  if (n > c.frame) throw CommandError("this is the innermost frame");
  choose(c, c.frame - n);
}

uint64_t goroutine_g(const Core& c, const std::string& a) {
  if (a.empty()) return c.me().g;
  const uint64_t id = parse_count(a);
  for (const GoroutineSeen& g : goroutines_seen(c))
    if (g.g.id == id) return g.g.g;
  throw CommandError(fmt::format("no goroutine {}", id));
}

std::string goroutine_line(const Core& c, const GoroutineSeen& g) {
  return fmt::format("{} g{}  {}  {}  {}  {}", g.current ? "▶" : " ", g.g.id, c.view->place(g.pc),
                     mark('d', c.view->line(g.pc)), g.doing,
                     g.g.go_pc ? mark('d', "started at " + c.view->place(g.g.go_pc)) : "");
}

void goroutines(Core& c, const std::string&) {
  const auto all = goroutines_seen(c);
  for (const GoroutineSeen& g : all) c.say(goroutine_line(c, g));
  c.say(fmt::format("{} goroutines", all.size()));
}
// Chooses whom the verbs speak of and the next motion follows; with a command behind the number: for that one only.
void choose_who(Core& c, const Who& who, const std::string& command) {
  const auto kept = std::exchange(c.chosen, who.same(c.view->who()) ? std::nullopt : std::optional(who));
  const unsigned frame = std::exchange(c.frame, 0u);
  if (command.empty()) return;
  const auto words = split_words(command);
  const SessionVerb* v = find_session_verb(words[0]);
  if (!v) throw CommandError(fmt::format("'{}' is no command: help lists them", words[0]));
  v->run(c, words.size() > 1 ? command.substr(command.find(words[1], words[0].size())) : "");
  if (c.chosen) c.chosen = kept, c.frame = frame;  // a motion has ended the choice itself
}

// "7 bt" → "bt".
std::string behind_number(const std::string& a) {
  const auto words = split_words(a);
  return words.size() > 1 ? a.substr(a.find(words[1], words[0].size())) : "";
}

void goroutine(Core& c, const std::string& a) {
  const auto words = split_words(a);
  const uint64_t wanted = goroutine_g(c, words.empty() ? "" : words[0]);
  for (const GoroutineSeen& g : goroutines_seen(c)) {
    if (g.g.g != wanted) continue;
    Who who;
    who.goid = g.g.id, who.g = g.g.g, who.tid = g.tid;
    const std::string command = behind_number(a);
    if (!words.empty()) choose_who(c, who, command);
    if (!command.empty()) return;
    c.say(goroutine_line(c, g));
    bt(c, "");
    if (c.chosen) c.say(fmt::format("si, ni, s, n, finish and their reverses follow g{} now", who.goid));
    return;
  }
  throw CommandError("no goroutine here");
}

void threads(Core& c, const std::string&) {
  const auto& s = c.machine->state();
  for (size_t i = 0; i < s.threads.size(); ++i) {
    const emu::Thread& t = s.threads[i];
    const char* status = t.status == emu::ThreadStatus::Runnable ? "runnable"
                         : t.status == emu::ThreadStatus::Exited ? "ended"
                                                                 : "waits";
    const Who who = c.view->who(t);
    const bool works = t.status != emu::ThreadStatus::Exited && who.goid != 0;
    std::string what = t.status == emu::ThreadStatus::Blocked ? s.os->describe_thread(s, t) : c.view->place(t.cpu.pc);
    c.say(fmt::format("{} thread {}  {}  {:#x}  {}{}", i == s.current ? "▶" : " ", t.tid, status, t.cpu.pc, what,
                      works ? "  " + c.view->who_text(who) : ""));
  }
}
void thread(Core& c, const std::string& a) {
  const auto words = split_words(a);
  if (words.empty()) return threads(c, "");
  const uint64_t tid = parse_count(words[0]);
  for (const emu::Thread& t : c.machine->state().threads) {
    if (static_cast<uint64_t>(t.tid) != tid) continue;
    if (t.status == emu::ThreadStatus::Exited) throw CommandError(fmt::format("thread {} has ended", tid));
    const std::string command = behind_number(a);
    choose_who(c, c.view->who(t), command);
    if (command.empty()) bt(c, "");
    return;
  }
  throw CommandError(fmt::format("no thread {}: threads lists them", tid));
}

void defers(Core& c, const std::string& a) {
  for (const std::string& l : defer_lines(c, goroutine_g(c, a))) c.say(l);
}
void panics(Core& c, const std::string& a) {
  for (const std::string& l : panic_lines(c, goroutine_g(c, a))) c.say(l);
}

void deferred(Core& c, const std::string& a) {
  for (const std::string& l : deferred_lines(c, parse_count(a))) c.say(l);
}

void dis(Core& c, const std::string& a) {
  uint64_t begin, end;
  auto words = split_words(a);
  if (words.size() >= 3 && words[0] == "-a") {
    begin = c.address(words[1]), end = c.address(words[2]);
  } else {
    if (!words.empty() && words[0] == "-l") words.erase(words.begin());
    uint64_t at = c.standing().pc;
    if (!words.empty())
      at = c.locate(words[0]).front();
    else if (c.frame) {
      const auto frames = c.frames(c.frame + 1);
      if (c.frame < frames.size()) at = frames[c.frame].pc;
    }
    const model::Function* f = c.view->function(at);
    begin = f ? f->f.entry : at, end = f ? f->f.end : at + 64;
  }
  if (end < begin || end - begin > 1 << 20) throw CommandError("that is no range of code");
  unsigned n = 0;
  for (uint64_t pc = begin; pc < end; pc += n) {
    const std::string text = c.view->instruction_text(pc, &n);
    std::string left = fmt::format("{} {:#x}  {}", pc == c.view->pc() ? "▶" : " ", pc, text);
    bool broken = false;
    for (const auto& [id, b] : c.breakpoints)
      broken = broken || (b.kind != Breakpoint::Watch && std::count(b.pcs.begin(), b.pcs.end(), pc));
    if (broken) left[0] = left[0] == ' ' ? '*' : left[0];
    c.say(fmt::format("{}  {}", pc == c.view->pc() ? mark('b', left) : left, mark('d', c.view->line(pc))));
  }
}

void list(Core& c, const std::string& a) {
  uint64_t at = c.standing().pc;
  if (!a.empty())
    at = c.locate(a).front();
  else if (c.frame) {
    const auto frames = c.frames(c.frame + 1);
    if (c.frame < frames.size()) at = frames[c.frame].lookup;
  }
  const model::Function* f = c.view->function(at);
  if (!f) throw CommandError("no source line is known here");
  const loader::SourceLine l = c.program->go().funcs.line(f->f, at);
  const std::string path(l.file);
  c.say(fmt::format("{}:{}  ({})", path, l.line, c.view->place(at)));
  const auto file = source_file(c.options, path);
  if (!file) {
    c.say("the source is read only below --source DIR or a --source-map OLD=NEW target; it was not found there");
    return;
  }
  const auto lines = source_lines(*file);
  const int from = std::max(1, l.line - 5), to = std::min<int>(static_cast<int>(lines.size()), l.line + 5);
  for (int i = from; i <= to; ++i) {
    std::string text = fmt::format("{} {:5}  {}", i == l.line ? "▶" : " ", i, lines[static_cast<size_t>(i - 1)]);
    c.say(i == l.line ? mark('b', text) : text);
  }
}

// --- draw: the stack around SP, a word a row, high addresses above ---

struct StackName {
  uint64_t address;
  std::string text;
};

std::vector<StackName> stack_names(const Core& c, const std::vector<Frame>& frames) {
  std::vector<StackName> out;
  for (size_t i = 0; i < frames.size(); ++i) {
    const Frame& f = frames[i];
    if (!f.function) continue;
    const std::string name = model::readable(f.function->name());
    out.push_back({f.sp, i == 0 ? "◀ SP" : fmt::format("◀ SP of {} at its call", name)});
    if (f.return_slot) out.push_back({f.return_slot, fmt::format("{} returns here", name)});
  }
  out.push_back({c.standing().fp, c.view->amd64() ? "◀ BP" : "◀ R29"});
  for (const auto& [address, text] : record_names(c)) out.push_back({address, text});
  return out;
}

void draw(Core& c, const std::string& a) {
  const uint64_t rows = a.empty() ? 24 : std::min<uint64_t>(parse_count(a), 4096);
  const auto frames = c.frames(8);
  const auto names = stack_names(c, frames);
  const uint64_t sp = c.standing().sp, low = (sp & ~uint64_t{7}) - 32;
  std::string owner;
  for (uint64_t i = rows; i-- > 0;) {
    const uint64_t at = low + i * 8;
    const auto v = c.view->word(at);
    if (!v) continue;
    // A line between two frames.
    for (const Frame& f : frames)
      if (f.function && f.caller_sp == at + 8 && i + 1 < rows)
        c.say(mark('d', fmt::format("  ──────────────────────────────────── {}", model::readable(f.function->name()))));
    std::string text;
    for (const StackName& n : names)
      if (n.address == at) text += "  " + n.text;
    const std::string value = c.view->of(*v);
    const std::string left =
        fmt::format("  {:#x}  SP{:<+6} {:#018x}  {}", at, static_cast<int64_t>(at - sp), *v, value);
    c.say(at == sp ? mark('b', left) + mark('w', text) : (at < sp ? mark('d', left) : left) + mark('w', text));
  }
}

void stack(Core& c, const std::string& a) { bt(c, a.empty() ? "-full" : a); }

void info(Core& c, const std::string& a) {
  const loader::Image& im = c.machine->image();
  if (a == "regs" || a == "registers") return find_session_verb("regs")->run(c, "");
  if (a == "break" || a == "breakpoints" || a == "b") return find_session_verb("bp")->run(c, "");
  if (a == "threads") return threads(c, "");
  if (a == "goroutines") return goroutines(c, "");
  if (a == "locals") return find_session_verb("locals")->run(c, "");
  if (a == "args") return find_session_verb("args")->run(c, "");
  if (a == "frame") return show_frame(c);
  if (a == "proc" || a == "mappings" || a == "mem") {
    for (const auto& [start, m] : c.machine->state().memory.mappings())
      c.say(fmt::format("  {:#x}-{:#x} {}{}{} {}", start, m.end, m.prot & emu::kRead ? 'r' : '-',
                        m.prot & emu::kWrite ? 'w' : '-', m.prot & emu::kExec ? 'x' : '-', m.name.text()));
    return;
  }
  if (a.compare(0, 7, "symbol ") == 0 || a.compare(0, 5, "line ") == 0) {
    const uint64_t at = a[0] == 's' ? c.address(a.substr(7)) : c.locate(a.substr(5)).front();
    c.say(fmt::format("{:#x}  {}  {}", at, c.view->place(at), c.view->line(at)));
    return;
  }
  if (!a.empty())
    throw CommandError("info [regs|break|threads|goroutines|locals|args|frame|mem|symbol ADDRESS|line WHERE]");
  c.say(fmt::format("{}: {}/{}, {}", loader::printable(im.path()), loader::to_string(im.os()),
                    loader::to_string(im.arch()), im.go() ? im.go()->version.text : "not Go: " + im.not_go()));
  if (c.program)
    for (const std::string& n : c.program->layouts().notes()) c.say("  " + n);
  find_session_verb("when")->run(c, "");
}

void snap(Core& c, const std::string& a) {
  if (!c.program) throw CommandError("this program is no Go program that the model reads");
  std::string json;
  traces::Names names(*c.program);
  traces::SnapshotOptions options;
  options.raw = a == "-raw";
  traces::append_snapshot_json(json, names, c.machine->state(), c.tracker.get(), traces::BinaryId::of(*c.program),
                               options);
  c.output += json;
}

constexpr SessionVerb kStackVerbs[] = {
    {"bt backtrace where", "[N] [-full]", "The frames", "bt", bt},
    {"stack", "[N]", "The frames with SP and return addresses", "stack", stack},
    {"frame", "[N]", "Chooses frame N for print, locals, list, dis, finish", "frame 1", frame},
    {"up", "[N]", "The caller's frame", "up", up},
    {"down", "[N]", "The callee's frame", "down", down},
    {"goroutines grs", "", "All goroutines", "goroutines", goroutines},
    {"goroutine gr", "[N [CMD]]",
     "Chooses goroutine N: what is shown is its, si, ni, s, n, finish follow it; CMD: once", "goroutine 1 bt",
     goroutine},
    {"threads", "", "The guest's threads", "threads", threads},
    {"thread tr", "[N [CMD]]", "Chooses what thread N works for", "thread 1002 bt", thread},
    {"deferred", "N", "Pending defer N with its captured words and fields", "deferred 1", deferred},
    {"defers", "[GOROUTINE]", "What is pending, in the order in which it will run, and what is running", "defers",
     defers},
    {"panics", "[GOROUTINE]", "The panics at work", "panics", panics},
    {"draw", "[ROWS]", "The stack around SP, one word a row", "draw 16", draw},
    {"dis disassemble disass", "[-a BEGIN END | WHERE]", "Instructions of this function, or of another",
     "dis runtime.gopanic", dis},
    {"list ls l", "[WHERE]", "Source lines (below --source or --source-map)", "list main.main", list},
    {"info i", "[WHAT]", "About the program, or regs, break, threads, mem, symbol ADDRESS, line WHERE",
     "info symbol $pc", info},
    {"snap", "[-raw]", "All of this as JSON, deferscope.snapshot/1; -raw: with the records' bytes", "snap", snap},
};

}  // namespace

std::span<const SessionVerb> stack_verbs() { return kStackVerbs; }

}  // namespace deferscope::cli
