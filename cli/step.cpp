// `deferscope step [FLAGS] [BIN [ARGS]]`: the prompt in front of a session. All that knows a terminal is here: line
// editing, history, completion, colours, Ctrl-C, Ctrl-D.
#include <fcntl.h>
#include <fmt/format.h>
#include <histedit.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <clocale>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <cwchar>
#include <filesystem>
#include <iostream>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string_view>

#include "cli/command_line.h"
#include "cli/console/console.h"
#include "cli/console/source.h"
#include "cli/demo/demo.h"
#include "cli/ending.h"
#include "cli/guest.h"
#include "cli/verbs.h"
#include "loader/printable.h"

namespace deferscope::cli {
namespace {

constexpr const char* kPrompt = "(ds) ";
constexpr int kHistory = 1000;

struct StepFlags {
  GuestFlags guest;
  std::vector<std::string> scripts, commands, source_dirs, source_maps, save_dirs;
  std::string syntax = "go";
  uint64_t snapshot_mib = 512;
  std::string spill;
};

// For the signal handler: Ctrl-C stops the command at work, or gives up the line that is being typed. It is a signal in
// both cases, so that none is lost between a line's end and its command's beginning.
Console* g_console = nullptr;
int g_wake[2] = {-1, -1};  // a pipe: wakes the prompt

void interrupt_console() {
  if (g_console) g_console->interrupt();
  [[maybe_unused]] const ssize_t woken = write(g_wake[1], "", 1);  // if the pipe is full it is awake
}

void on_interrupt(int) {
  const int saved = errno;
  interrupt_console();
  errno = saved;
}

// The prompt's next character for libedit: a typed one, or Ctrl-C's number after a signal. -1, 0: no more input.
int next_character(EditLine*, wchar_t* out) {
  constexpr wchar_t kCtrlC = 3, kCtrlD = 4;
  std::mbstate_t shift{};
  while (true) {
    struct pollfd fds[] = {{STDIN_FILENO, POLLIN, 0}, {g_wake[0], POLLIN, 0}};
    if (poll(fds, 2, -1) < 0 && errno != EINTR) return -1;
    char bytes[64];
    if (fds[1].revents && read(g_wake[0], bytes, sizeof bytes) < 0) continue;
    if (Ending::came()) return -1;
    if (g_console && g_console->take_interrupt()) {
      *out = kCtrlC;
      return 1;
    }
    if (!fds[0].revents) continue;
    char byte;
    const ssize_t n = read(STDIN_FILENO, &byte, 1);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return static_cast<int>(n);
    if (byte == 0) {  // what a terminal keeps of a Ctrl-D that came before libedit had set it up
      *out = kCtrlD;
      return 1;
    }
    const size_t used = std::mbrtowc(out, &byte, 1, &shift);
    if (used == static_cast<size_t>(-2)) continue;  // a part of a character
    if (used == static_cast<size_t>(-1)) *out = static_cast<unsigned char>(byte), shift = {};
    return 1;
  }
}

// A letter of Reply's style marks as a terminal's colours.
const char* ansi(char style) {
  switch (style) {
    case 'b': return "\x1b[1m";
    case 'd': return "\x1b[2m";
    case 'c': return "\x1b[33m";
    case 'w': return "\x1b[36m";
    case 'e': return "\x1b[31m";
    default: return "";
  }
}

// Style marks become colours; nothing else of a text acts on the terminal.
std::string coloured(std::string_view marked) {
  std::string out;
  while (!marked.empty()) {
    const size_t n = std::min(marked.find_first_of("\x01\x02"), marked.size());
    out += loader::printable_lines(marked.substr(0, n));
    marked.remove_prefix(n);
    if (marked.empty()) break;
    const bool begins = marked[0] == '\x01' && marked.size() > 1;
    out += begins ? ansi(marked[1]) : "\x1b[0m";
    marked.remove_prefix(begins ? 2 : 1);
  }
  return out;
}

// A line of progress that the next reply wipes away.
class Progress {
 public:
  void say(const std::string& text) {
    const auto now = std::chrono::steady_clock::now();
    if (now - last_ < std::chrono::milliseconds(300)) return;
    last_ = now, shown_ = true;
    fmt::print(stderr, "\r\x1b[K… {}\r", text);
  }
  void wipe() {
    if (shown_) std::fputs("\r\x1b[K", stderr);
    shown_ = false, last_ = std::chrono::steady_clock::now();
  }

 private:
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
  bool shown_ = false;
};
Progress g_progress;

// To standard output, where the guest writes too. Signals do not cut it.
void write_out(std::string_view text) {
  std::fflush(stdout);
  while (!text.empty()) {
    const ssize_t n = write(STDOUT_FILENO, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw std::runtime_error(fmt::format("standard output: {}", std::strerror(errno)));
    text.remove_prefix(static_cast<size_t>(n));
  }
}

class Front {
 public:
  Front(Console& console, bool colours) : console_(console), colours_(colours) {}

  // Prints a reply; false ends the loop.
  bool show(const Reply& r) {
    g_progress.wipe();
    write_out(colours_ ? coloured(r.text) : loader::printable_lines(r.plain()));
    return !r.quit && !Ending::came();
  }

  Console& console() { return console_; }

  // Runs the lines of a script; the status to end with, or -1 to go on.
  int run_script(std::istream& in, const std::string& name) {
    int number = 0;
    for (std::string line; std::getline(in, line);) {
      ++number;
      const std::string where = name == "-c" ? "" : fmt::format("{}:{}: ", name, number);
      for (const std::string& command : commands_of(line))
        if (const int status = run_command(command, where); status >= 0) return status;
    }
    return -1;
  }

 private:
  // As at the prompt: the command, what the guest prints meanwhile, the answer.
  int run_command(const std::string& command, const std::string& where) {
    if (command.empty() || command[0] == '#') return -1;
    write_out(loader::printable_lines("(ds) " + command + "\n"));
    const Reply r = console_.execute(command);
    if (Ending::came()) return 0;  // step() says so
    if (r.ok) return show(r) ? -1 : 0;
    std::string why = r.plain();
    while (!why.empty() && why.back() == '\n') why.pop_back();
    const size_t last = why.rfind('\n');
    if (last != std::string::npos) {
      Reply before = r;
      before.text = why.substr(0, last + 1);
      show(before);
      why = why.substr(last + 1);
    }
    complain(fmt::format("{}'{}': {}", where, command, why));
    return 1;
  }

  Console& console_;
  bool colours_;
};

// --- the prompt ---

char* prompt(EditLine*) {
  static char text[] = "(ds) ";
  return text;
}

Front* front_of(EditLine* el) {
  void* data = nullptr;
  el_get(el, EL_CLIENTDATA, &data);
  return static_cast<Front*>(data);
}

// Tab: what all candidates share is inserted; if that is nothing, they are listed.
unsigned char complete(EditLine* el, int) {
  const LineInfo* info = el_line(el);
  const std::string line(info->buffer, static_cast<size_t>(info->cursor - info->buffer));
  const auto candidates = front_of(el)->console().complete(line);
  if (candidates.empty()) return CC_REFRESH_BEEP;
  const size_t space = line.find_last_of(" \t;");
  const std::string word = space == std::string::npos ? line : line.substr(space + 1);
  std::string common = candidates[0];
  for (const std::string& c : candidates) {
    size_t n = 0;
    while (n < common.size() && n < c.size() && common[n] == c[n]) ++n;
    common.resize(n);
  }
  std::string insert = common.size() > word.size() ? common.substr(word.size()) : "";
  if (candidates.size() == 1 && common.find_last_of("/:") != common.size() - 1) insert += " ";
  if (!insert.empty()) return el_insertstr(el, insert.c_str()) == 0 ? CC_REFRESH : CC_ERROR;
  std::string list = "\n";
  for (size_t i = 0; i < candidates.size() && i < 60; ++i) list += candidates[i] + (i % 4 == 3 ? "\n" : "  ");
  std::fputs((list + "\n").c_str(), stdout);
  std::fflush(stdout);
  return CC_REDISPLAY;
}

// Ctrl-C at the prompt: the line is given up.
unsigned char cancel(EditLine* el, int) {
  const LineInfo* info = el_line(el);
  el_cursor(el, static_cast<int>(info->lastchar - info->cursor));
  info = el_line(el);
  el_deletestr(el, static_cast<int>(info->cursor - info->buffer));
  std::fputs("^C\n", stdout);
  std::fflush(stdout);
  return CC_REDISPLAY;
}

std::string history_file() {
  const char* home = std::getenv("XDG_STATE_HOME");
  const char* user = std::getenv("HOME");
  if (home && *home) return std::string(home) + "/deferscope_history";
  return user && *user ? std::string(user) + "/.deferscope_history" : "";
}

// Everything it reads is read, and the history file opened, when it is made.
class Editor {
 public:
  Editor() : el_(el_init("deferscope", stdin, stdout, stderr)), history_(history_init()) {
    HistEvent event;
    history(history_, &event, H_SETSIZE, kHistory);
    history(history_, &event, H_SETUNIQUE, 1);
    if (const std::string f = history_file(); !f.empty()) {
      history(history_, &event, H_LOAD, f.c_str());
      const int fd = open(f.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
      if (fd >= 0) kept_ = fdopen(fd, "r+");
    }
    el_set(el_, EL_PROMPT, prompt);
    el_set(el_, EL_EDITOR, "emacs");
    el_set(el_, EL_HIST, history, history_);
    el_set(el_, EL_ADDFN, "ds-complete", "complete", complete);
    el_set(el_, EL_ADDFN, "ds-cancel", "cancel", cancel);
    el_set(el_, EL_BIND, "^I", "ds-complete", nullptr);
    el_set(el_, EL_BIND, "^R", "em-inc-search-prev", nullptr);
    el_set(el_, EL_GETCFN, next_character);
    el_set(el_, EL_BIND, "^C", "ds-cancel", nullptr);
    el_source(el_, nullptr);
  }
  ~Editor() {
    HistEvent event;
    if (kept_) {
      history(history_, &event, H_SAVE_FP, kept_);
      std::fflush(kept_);
      [[maybe_unused]] const int cut = ftruncate(fileno(kept_), std::ftell(kept_));
      std::fclose(kept_);
    }
    history_end(history_);
    el_end(el_);
  }
  Editor(const Editor&) = delete;
  Editor& operator=(const Editor&) = delete;

  void serve(Front& front) { el_set(el_, EL_CLIENTDATA, &front); }

  // False: the end of input.
  bool line(std::string& out) {
    int n = 0;
    el_set(el_, EL_PREP_TERM, 1);  // before the prompt shows: what is typed at it is libedit's, not the terminal's
    const char* text = el_gets(el_, &n);
    if (!text || n <= 0) return false;
    out.assign(text, static_cast<size_t>(n));
    while (!out.empty() && (out.back() == '\n' || out.back() == '\r')) out.pop_back();
    if (!out.empty()) {
      HistEvent event;
      history(history_, &event, H_ENTER, out.c_str());
    }
    return true;
  }

 private:
  EditLine* el_;
  History* history_;
  std::FILE* kept_ = nullptr;  // the history's file
};

// Columns of the terminal; else COLUMNS; else, into a pipe or file, always the same.
size_t screen_width() {
  constexpr size_t kPipe = 120, kLeast = 40;
  struct winsize size = {};
  size_t width = kPipe;
  if (isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col != 0)
    width = size.ws_col;
  else if (const char* columns = std::getenv("COLUMNS"); columns && std::atoi(columns) > 0)
    width = static_cast<size_t>(std::atoi(columns));
  return std::max(width, kLeast);
}

// `editor`: nullptr if standard input is no terminal.
int prompt_loop(Front& front, Editor* editor) {
  if (!editor) {
    for (std::string line; !Ending::came() && std::getline(std::cin, line);)
      if (!front.show(front.console().execute(line.empty() ? "#" : line))) break;
    return 0;
  }
  editor->serve(front);
  size_t width = screen_width();
  for (std::string line; editor->line(line);) {
    if (const size_t now = screen_width(); now != width) front.console().options.width = width = now;
    if (!front.show(front.console().execute(line))) return 0;
  }
  write_out("\n");
  return 0;
}

ConsoleOptions console_options(const StepFlags& f) {
  ConsoleOptions o;
  o.syntax = f.syntax;
  o.source_dirs = f.source_dirs;
  for (const std::string& m : f.source_maps) {
    const size_t eq = m.find('=');
    if (eq == std::string::npos) throw std::runtime_error("--source-map OLD=NEW: the '=' is missing");
    o.source_map.emplace_back(m.substr(0, eq), m.substr(eq + 1));
  }
  if (f.guest.command.empty()) o.carried.push_back(demo_source());
  o.snapshot_budget = f.snapshot_mib << 20;
  o.width = screen_width();
  o.ending = &Ending::came;
  if (isatty(STDERR_FILENO) && isatty(STDOUT_FILENO))
    o.progress = [](const std::string& text) { g_progress.say(text); };
  return o;
}

// Without BIN the program that deferscope carries.
std::unique_ptr<emu::Machine> machine_for(const GuestFlags& f) {
  if (!f.command.empty()) return boot(f);
  const loader::Image image = loader::Image::parse(demo_program(), "demo");
  emu::GuestOptions o = guest_options(f, image);
  o.argv = {"demo"};
  auto m = make_machine(image, f, o);
  m->recording().set_sink(to_host(*m));
  return m;
}

// What the commands may reach: files below where we were started (`source`, completion) and below --source; scripts
// named on the command line are read by now.
Grants step_grants(const StepFlags& f, const emu::Machine& m, const ConsoleOptions& o) {
  Grants g = grants_of(f.guest, m);
  g.read.push_back(".");
  for (const std::string& script : f.scripts) g.read.push_back(std::filesystem::path(script).parent_path() / ".");
  g.read.insert(g.read.end(), o.source_dirs.begin(), o.source_dirs.end());
  for (const auto& [from, to] : o.source_map) g.read.push_back(to);
  std::erase_if(g.read, [](const std::string& path) { return access(path.c_str(), F_OK) != 0; });
  g.save = f.save_dirs;
  return g;
}

struct Script {
  std::string name, text;
};

std::vector<Script> scripts_of(const StepFlags& f) {
  std::vector<Script> out;
  for (const std::string& name : f.scripts) {
    try {
      out.push_back({name, text_of(name)});
    } catch (const std::runtime_error& e) {
      throw std::runtime_error(fmt::format("-x {}", e.what()));
    }
  }
  for (const std::string& commands : f.commands) out.push_back({"-c", commands});
  return out;
}

int converse(Front& front, const std::vector<Script>& scripts, Editor* editor) {
  for (const Script& script : scripts) {
    std::istringstream in(script.text);
    if (Ending::came()) return 0;  // step() says so
    if (const int status = front.run_script(in, script.name); status >= 0) return status;
  }
  if (!scripts.empty() || Ending::came()) return 0;
  front.show(front.console().greeting());
  return prompt_loop(front, editor);
}

int step(const StepFlags& flags) {
  const std::vector<Script> scripts = scripts_of(flags);
  if (flags.guest.timeout && scripts.empty()) throw std::runtime_error("--timeout needs -c or -x: a prompt has no end");
  const ConsoleOptions options = console_options(flags);
  std::unique_ptr<emu::Machine> machine = machine_for(flags.guest);
  if (!flags.spill.empty()) machine->recording().journal().spill_to(flags.spill);
  emu::Machine& m = *machine;
  std::optional<Editor> editor;
  if (scripts.empty() && isatty(STDIN_FILENO)) {
    std::setlocale(LC_CTYPE, "");  // libedit counts columns by it
    editor.emplace();
  }
  if (pipe2(g_wake, O_CLOEXEC | O_NONBLOCK) != 0) throw std::runtime_error("no pipe for Ctrl-C");
  confine_unless_told(flags.guest, step_grants(flags, m, options));
  const bool colours = isatty(STDOUT_FILENO) && !std::getenv("NO_COLOR") &&
                       !(std::getenv("TERM") && !std::strcmp(std::getenv("TERM"), "dumb"));
  int status = 0;
  {
    const Ending ending(m, {.timeout = flags.guest.timeout, .ctrl_c = false, .also = interrupt_console});
    try {
      Console console(std::move(machine), options);
      struct LetGo {  // before the console goes
        ~LetGo() {
          Ending::let_go();
          g_console = nullptr;
        }
      } const let_go;
      Front front(console, colours);
      g_console = &console;
      if (const model::Program* program = console.session.program())
        for (const std::string& note : program->notes()) complain("note: " + note);
      struct sigaction act = {};
      act.sa_handler = on_interrupt;
      sigaction(SIGINT, &act, nullptr);
      status = converse(front, scripts, editor ? &*editor : nullptr);
      if (Ending::came() && !Ending::signal())
        throw emu::Error(Ending::timeout_line(console.session.time().position()));
    } catch (...) {
      if (!Ending::signal()) throw;
    }
  }
  editor.reset();  // the terminal is as it was
  Ending::die();
  return status;
}

}  // namespace

void add_step(CLI::App& app, Action& action) {
  Verb verb(app, action, "step", "Step through a Go program at a prompt, forwards and backwards");
  auto flags = std::make_shared<StepFlags>();
  add_guest_flags(verb, flags->guest, false).required(false);
  verb.option("-x", flags->scripts, "Run the commands in FILE, then end (status 1 at the first that fails)")
      .unit("FILE")
      .repeatable();
  verb.option("-c", flags->commands, "Run commands (separated by ;), then end").unit("CMDS").repeatable();
  verb.option("--save", flags->save_dirs, "The commands may write files below DIR (repeatable)")
      .unit("DIR")
      .repeatable();
  verb.option("--syntax", flags->syntax, "How instructions are written: go, asm (assembler's mnemonics), gnu")
      .one_of({"go", "asm", "gnu"});
  verb.option("--source", flags->source_dirs,
              "Files may be read below DIR, as below the directory where step is started (repeatable)")
      .unit("DIR")
      .repeatable();
  verb.option("--source-map", flags->source_maps, "Paths that begin with OLD are read below NEW (repeatable)")
      .unit("OLD=NEW")
      .repeatable();
  verb.option("--snapshots", flags->snapshot_mib,
              "Most memory for going back: snapshots beside the guest's own memory, and its input")
      .unit("MIB")
      .show_default();
  verb.option("--spill", flags->spill, "Keep the guest's input in an unnamed file in DIR, not in memory").unit("DIR");
  verb.does([flags] {
    build_source(flags->guest);
    if (!flags->guest.source_dir.empty()) flags->source_dirs.push_back(flags->guest.source_dir);
    return step(*flags);
  });
}

}  // namespace deferscope::cli
