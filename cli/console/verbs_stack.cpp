// Frames, goroutines, threads, chains, code and source.
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <utility>

#include "cli/console/chain_view.h"
#include "cli/console/source.h"
#include "cli/console/verbs.h"
#include "loader/printable.h"
#include "session/drawings.h"
#include "session/operands.h"

namespace deferscope::cli {
namespace {

std::string frame_line(const Console& c, size_t i, const session::FrameSeen& f) {
  std::string inlined;
  for (size_t k = 0; k + 1 < f.calls.size(); ++k) {
    const loader::SourceLine& by = f.calls[k + 1].at;
    inlined += fmt::format("  (in inlined {}, called at {}:{})", model::readable(f.calls[k].function),
                           by.file.substr(by.file.find_last_of('/') + 1), by.line);
  }
  return fmt::format("{} {:2}  {:#x}  {}  {}{}", i == c.session.focus().frame_number() ? "▶" : " ", i, f.frame.pc,
                     mark('b', f.place), mark('d', f.line), inlined);
}

// Of C code: they have no numbers, since nothing can be asked of them.
void say_c_frames(Console& c, const session::Trace& trace, size_t before) {
  for (const model::CFrame& f : trace.c_frames) {
    if (f.before != before) continue;
    model::CPlace place = f;
    place.file.clear();
    c.say(fmt::format("   C  {:#x}  {}{}", f.pc, loader::printable(place.text()),
                      f.file.empty() ? "" : mark('d', "  " + loader::printable(f.file))));
  }
}

void bt(Console& c, const std::string& a) {
  auto words = split_words(a);
  bool full = false;
  unsigned limit = 50;
  for (const std::string& w : words) {
    if (w == "-full" || w == "full")
      full = true;
    else
      limit = static_cast<unsigned>(std::min<uint64_t>(parse_count(w), 10'000));
  }
  const session::Trace trace = c.session.frames(limit);
  say_c_frames(c, trace, 0);
  const bool only_c = !trace.c_frames.empty() && !trace.frames.empty() && !trace.frames[0].frame.function;
  for (size_t i = 0; i < trace.frames.size() && !only_c; ++i) {
    const model::Frame& f = trace.frames[i].frame;
    if (i > 0) say_c_frames(c, trace, i);
    c.say(frame_line(c, i, trace.frames[i]));
    if (full)
      c.say(fmt::format("        SP {:#x}  caller's SP {:#x}  return address {}", f.sp, f.caller_sp,
                        f.return_address ? c.session.reader().place(f.return_address) : "none"));
  }
  if (!trace.complete && trace.frames.size() < limit && c.session.program() &&
      (!only_c || c.session.focus().who().goid))
    c.say(mark('d', fmt::format("    cut here: {}", trace.stopped)));
}

void show_frame(Console& c) {
  const unsigned n = c.session.focus().frame_number();
  const session::Trace trace = c.session.frames(n + 1);
  if (n < trace.frames.size()) c.say(frame_line(c, n, trace.frames[n]));
}
void choose(Console& c, uint64_t n) {
  const auto frames = c.session.focus().frames(static_cast<unsigned>(std::min<uint64_t>(n, 10'000)) + 1);
  if (n >= frames.size()) throw session::Error(fmt::format("there are only {} frames", frames.size()));
  c.session.focus().choose_frame(static_cast<unsigned>(n));
  show_frame(c);
}
void frame(Console& c, const std::string& a) { a.empty() ? show_frame(c) : choose(c, parse_count(a)); }
void up(Console& c, const std::string& a) { choose(c, c.session.focus().frame_number() + parse_count(a)); }
void down(Console& c, const std::string& a) {
  const uint64_t n = parse_count(a), now = c.session.focus().frame_number();
  if (n > now) throw session::Error("this is the innermost frame");
  choose(c, now - n);
}

uint64_t goroutine_g(const Console& c, const std::string& a) {
  if (a.empty()) return c.session.focus().who().g;
  const uint64_t id = parse_count(a);
  for (const session::GoroutineSeen& g : c.session.goroutines())
    if (g.goroutine.id == id) return g.goroutine.g;
  throw session::Error(fmt::format("no goroutine {}", id));
}

std::string goroutine_line(const Console& c, const session::GoroutineSeen& g) {
  const session::Reader& reader = c.session.reader();
  const std::string doing = g.tid ? fmt::format("on thread {}", g.tid)
                                  : fmt::format("{}{}{}", model::status_name(g.goroutine.status),
                                                g.waits_for.empty() ? "" : ": ", g.waits_for);
  return fmt::format("{} g{}  {}  {}  {}  {}", g.in_focus ? "▶" : " ", g.goroutine.id, reader.place(g.pc),
                     mark('d', reader.line(g.pc)), doing,
                     g.goroutine.go_pc ? mark('d', "started at " + reader.place(g.goroutine.go_pc)) : "");
}

void goroutines(Console& c, const std::string&) {
  const auto all = c.session.goroutines();
  for (const session::GoroutineSeen& g : all) c.say(goroutine_line(c, g));
  c.say(fmt::format("{} goroutines", all.size()));
}
// Chooses whom the verbs speak of and the next motion follows; with a command behind the number: for that one only.
void choose_who(Console& c, const model::Who& who, const std::string& command) {
  session::Focus& focus = c.session.focus();
  const session::Focus::Choice kept = focus.choice();
  focus.choose(who);
  if (command.empty()) return;
  const auto words = split_words(command);
  const Command* v = find_command(words[0]);
  if (!v) throw session::Error(fmt::format("no such command: {}: help lists them", words[0]));
  v->run(c, words.size() > 1 ? command.substr(command.find(words[1], words[0].size())) : "");
  if (focus.chosen()) focus.restore(kept);  // a motion has ended the choice itself
}

// "7 bt" → "bt".
std::string behind_number(const std::string& a) {
  const auto words = split_words(a);
  return words.size() > 1 ? a.substr(a.find(words[1], words[0].size())) : "";
}

void goroutine(Console& c, const std::string& a) {
  const auto words = split_words(a);
  const uint64_t wanted = goroutine_g(c, words.empty() ? "" : words[0]);
  for (const session::GoroutineSeen& g : c.session.goroutines()) {
    if (g.goroutine.g != wanted) continue;
    const model::Who who{g.goroutine.id, g.goroutine.g, g.tid, false};
    const std::string command = behind_number(a);
    if (!words.empty()) choose_who(c, who, command);
    if (!command.empty()) return;
    c.say(goroutine_line(c, g));
    bt(c, "");
    if (c.session.focus().chosen())
      c.say(fmt::format("si, ni, s, n, finish and their reverses follow g{} now", who.goid));
    return;
  }
  throw session::Error("no goroutine here");
}

void threads(Console& c, const std::string&) {
  for (const session::ThreadSeen& t : c.session.threads()) {
    const emu::ThreadStatus is = t.thread->status;
    const char* status = is == emu::ThreadStatus::Runnable ? "runnable"
                         : is == emu::ThreadStatus::Exited ? "ended"
                                                           : "waits";
    const bool works = is != emu::ThreadStatus::Exited && t.who.goid != 0;
    const uint64_t pc = t.thread->cpu.pc;
    c.say(fmt::format("{} thread {}  {}  {:#x}  {}{}", t.current ? "▶" : " ", t.thread->tid, status, pc,
                      is == emu::ThreadStatus::Blocked ? t.waits_in : c.session.reader().place(pc),
                      works ? "  " + who_text(t.who) : ""));
  }
}
void thread(Console& c, const std::string& a) {
  const auto words = split_words(a);
  if (words.empty()) return threads(c, "");
  const uint64_t tid = parse_count(words[0]);
  for (const session::ThreadSeen& t : c.session.threads()) {
    if (static_cast<uint64_t>(t.thread->tid) != tid) continue;
    if (t.thread->status == emu::ThreadStatus::Exited) throw session::Error(fmt::format("thread {} has ended", tid));
    const std::string command = behind_number(a);
    choose_who(c, t.who, command);
    if (command.empty()) bt(c, "");
    return;
  }
  throw session::Error(fmt::format("no thread {}: threads lists them", tid));
}

void defers(Console& c, const std::string& a) {
  for (const std::string& l : defer_lines(c, goroutine_g(c, a))) c.say(l);
}
void panics(Console& c, const std::string& a) {
  for (const std::string& l : panic_lines(c, goroutine_g(c, a))) c.say(l);
}

void deferred(Console& c, const std::string& a) {
  for (const std::string& l : deferred_lines(c, parse_count(a))) c.say(l);
}

void dis(Console& c, const std::string& a) {
  uint64_t begin, end;
  auto words = split_words(a);
  if (words.size() >= 3 && words[0] == "-a") {
    begin = c.session.expressions().address(words[1]), end = c.session.expressions().address(words[2]);
  } else {
    if (!words.empty() && words[0] == "-l") words.erase(words.begin());
    uint64_t at = c.session.focus().standing().pc;
    if (!words.empty())
      at = c.session.places().locate(words[0]).front();
    else if (c.session.focus().frame_number()) {
      const auto frames = c.session.focus().frames(c.session.focus().frame_number() + 1);
      if (c.session.focus().frame_number() < frames.size()) at = frames[c.session.focus().frame_number()].pc;
    }
    const model::Function* f = c.session.reader().function(at);
    begin = f ? f->f.entry : at, end = f ? f->f.end : at + 64;
  }
  if (end < begin || end - begin > 1 << 20) throw session::Error("that is no range of code");
  unsigned n = 0;
  const model::Function* shown = nullptr;
  std::optional<session::Operands> operands;
  for (uint64_t pc = begin; pc < end; pc += n) {
    const std::string text = c.session.reader().instruction_text(pc, &n);
    const model::Function* f = c.session.reader().function(pc);
    if (!operands || f != shown) operands.emplace(c.session.reader(), shown = f);
    const std::string offset = f ? fmt::format("+{}", pc - f->f.entry) : "";
    const std::string name = operands->of(pc);
    std::string left = fmt::format("{} {:#x} {:<5} {}{}", pc == c.session.reader().pc() ? "▶" : " ", pc, offset, text,
                                   name.empty() ? "" : "  " + name);
    bool broken = false;
    for (const auto& [id, b] : c.session.breakpoints().all())
      broken = broken || (b.kind != Breakpoint::watch && std::count(b.pcs.begin(), b.pcs.end(), pc));
    if (broken) left[0] = left[0] == ' ' ? '*' : left[0];
    c.say(fmt::format("{}  {}", pc == c.session.reader().pc() ? mark('b', left) : left,
                      mark('d', c.session.reader().line(pc))));
  }
}

void list(Console& c, const std::string& a) {
  uint64_t at = c.session.focus().standing().pc;
  if (!a.empty())
    at = c.session.places().locate(a).front();
  else if (c.session.focus().frame_number()) {
    const auto frames = c.session.focus().frames(c.session.focus().frame_number() + 1);
    if (c.session.focus().frame_number() < frames.size()) at = frames[c.session.focus().frame_number()].lookup;
  }
  const model::Function* f = c.session.reader().function(at);
  if (!f) throw session::Error("no source line is known here");
  const loader::SourceLine l = c.session.program()->go().funcs.line(f->f, at);
  const std::string path(l.file);
  c.say(fmt::format("{}:{}  ({})", path, l.line, c.session.reader().place(at)));
  const auto found = source_lines(c.options, path);
  if (!found) {
    c.say("the source is read only below --source DIR or a --source-map OLD=NEW target; it was not found there");
    return;
  }
  const std::vector<std::string>& lines = *found;
  const int from = std::max(1, l.line - 5), to = std::min<int>(static_cast<int>(lines.size()), l.line + 5);
  for (int i = from; i <= to; ++i) {
    std::string text =
        fmt::format("{} {:5}  {}", i == l.line ? "▶" : " ", i, shown_line(lines[static_cast<size_t>(i - 1)]));
    c.say(i == l.line ? mark('b', text) : text);
  }
}

void write_drawing(const std::string& path, const traces::Drawing& d) {
  std::string text;
  if (path.ends_with(".json"))
    traces::append_drawings_json(text, {d});
  else if (path.ends_with(".svg"))
    traces::append_drawings_svg(text, {d});
  else
    traces::append_drawing_text(text, d, {});
  std::ofstream f(path, std::ios::binary);
  f << text;
  f.flush();
  if (!f)
    throw session::Error(
        fmt::format("{}: {}{}", path, std::strerror(errno), errno == EACCES ? " (step --save DIR allows it)" : ""));
}

// draw [FRAMES] [-o FILE]
void draw(Console& c, const std::string& a) {
  session::DrawnView view;
  std::string file;
  const auto words = split_words(a);
  for (size_t i = 0; i < words.size(); ++i) {
    if (words[i] != "-o")
      view.frames = parse_count(words[i]);
    else if (++i < words.size())
      file = words[i];
    else
      throw session::Error("draw -o FILE: .svg, .json, or text");
  }
  view.relative = file.ends_with(".svg");
  const traces::Drawing d = session::draw_here(c.session, view);
  if (!file.empty()) {
    write_drawing(file, d);
    return c.say("drawn to " + file);
  }
  std::string text;
  traces::append_drawing_text(text, d, {c.options.width ? std::min<size_t>(c.options.width, 100) : 100, false});
  c.print(text);
}

void stack(Console& c, const std::string& a) { bt(c, a.empty() ? "-full" : a); }

void info(Console& c, const std::string& a) {
  const loader::Image& im = c.session.time().machine().image();
  if (a == "regs" || a == "registers") return find_command("regs")->run(c, "");
  if (a == "break" || a == "breakpoints" || a == "b") return find_command("bp")->run(c, "");
  if (a == "threads") return threads(c, "");
  if (a == "goroutines") return goroutines(c, "");
  if (a == "locals") return find_command("locals")->run(c, "");
  if (a == "args") return find_command("args")->run(c, "");
  if (a == "frame") return show_frame(c);
  if (a == "proc" || a == "mappings" || a == "mem") {
    for (const auto& [start, m] : c.session.time().state().memory.mappings())
      c.say(fmt::format("  {:#x}-{:#x} {}{}{} {}", start, m.end, m.prot & emu::kRead ? 'r' : '-',
                        m.prot & emu::kWrite ? 'w' : '-', m.prot & emu::kExec ? 'x' : '-',
                        loader::printable(m.name.text())));
    return;
  }
  if (a.compare(0, 7, "symbol ") == 0 || a.compare(0, 5, "line ") == 0) {
    const uint64_t at =
        a[0] == 's' ? c.session.expressions().address(a.substr(7)) : c.session.places().locate(a.substr(5)).front();
    c.say(fmt::format("{:#x}  {}  {}", at, c.session.reader().place(at), c.session.reader().line(at)));
    return;
  }
  if (!a.empty())
    throw session::Error("info [regs|break|threads|goroutines|locals|args|frame|mem|symbol ADDRESS|line WHERE]");
  c.say(fmt::format("{}: {}/{}, {}", loader::printable(im.path()), loader::to_string(im.os()), isa::to_string(im.isa()),
                    im.go() ? im.go()->version.text : "not Go: " + im.not_go()));
  if (c.session.program())
    for (const std::string& n : c.session.program()->layouts().notes()) c.say("  " + n);
  find_command("when")->run(c, "");
}

void snap(Console& c, const std::string& a) { c.print(c.session.snapshot(a == "-raw")); }

constexpr Command kStackVerbs[] = {
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
    {"draw", "[FRAMES] [-o FILE]", "The stack, word by word with roles and names; FILE: .svg, .json or text", "draw 2",
     draw},
    {"dis disassemble disass", "[-a BEGIN END | WHERE]", "Instructions of this function, or of another",
     "dis runtime.gopanic", dis},
    {"list ls l", "[WHERE]", "Source lines (below --source or --source-map)", "list main.main", list},
    {"info i", "[WHAT]", "About the program, or regs, break, threads, mem, symbol ADDRESS, line WHERE",
     "info symbol $pc", info},
    {"snap", "[-raw]", "All of this as JSON, deferscope.snapshot/1; -raw: with the records' bytes", "snap", snap},
};

}  // namespace

std::span<const Command> stack_verbs() { return kStackVerbs; }

}  // namespace deferscope::cli
