// Reading commands, help, scripts; what belongs to no subject.
#include "cli/session/session.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "cli/session/chain_view.h"
#include "cli/session/core.h"
#include "cli/session/verbs.h"
#include "loader/error.h"

namespace deferscope::cli {
namespace {

constexpr int kMostNested = 8;  // scripts within scripts

std::string trimmed(const std::string& s) {
  const size_t a = s.find_first_not_of(" \t\r\n"), b = s.find_last_not_of(" \t\r\n");
  return a == std::string::npos ? "" : s.substr(a, b - a + 1);
}

// "a; b" → a, b; a ';' inside quotes or slashes stays.
std::vector<std::string> commands_of(const std::string& line) {
  std::vector<std::string> out;
  std::string one;
  char quote = 0;
  for (char c : line) {
    if (quote ? c == quote : c == '"' || c == '\'') quote = quote ? 0 : c;
    if (c == ';' && !quote) {
      out.push_back(trimmed(one));
      one.clear();
    } else {
      one += c;
    }
  }
  out.push_back(trimmed(one));
  return out;
}

void show_help(Core& core, const std::string& args) {
  if (args.empty()) {
    for (const VerbGroup& g : verb_groups()) {
      core.say(mark('b', g.title));
      for (const SessionVerb& v : g.verbs)
        core.say(fmt::format("  {:<28} {}", fmt::format("{} {}", split_words(v.names)[0], v.usage), v.help));
    }
    core.say(
        "WHERE: FUNC, FUNC+OFFSET, FILE:LINE, LINE, +N, -N, /REGEX/, *ADDRESS; with #N its N-th time in the run; or a "
        "moment: @POSITION, @+N, @-N, event:N, 50%, start, end. Positions count executed instructions (goto's number, "
        "+N "
        "and -N are positions without the @). An empty line repeats.");
    core.say("help CMD tells more. quit or Ctrl-D ends, Ctrl-C stops a command that takes long.");
    return;
  }
  const SessionVerb* v = find_session_verb(split_words(args)[0]);
  if (!v) throw CommandError(fmt::format("no command '{}'", args));
  const auto names = split_words(v->names);
  core.say(fmt::format("{} {}", names[0], v->usage));
  core.say(v->help);
  if (names.size() > 1) {
    std::string also;
    for (size_t i = 1; i < names.size(); ++i) also += (i > 1 ? ", " : "") + names[i];
    core.say("also: " + also);
  }
  core.say(fmt::format("example: {}", v->example));
}

void help(Core& core, const std::string& args) { show_help(core, args); }
void leave(Core&, const std::string&) {}
void source(Core&, const std::string&) {}  // done by Session, which runs the lines
void where(Core& core, const std::string&) {
  core.show_stop(core.machine->state().exited ? Halt{Halt::Exited, 0, 0, ""} : Halt{});
}
void syntax(Core& core, const std::string& args) {
  if (args != "go" && args != "gnu" && args != "asm") throw CommandError("syntax go, asm or gnu");
  core.view->syntax = args;
}

constexpr SessionVerb kOwn[] = {
    {"help h", "[CMD]", "This list, or more about one command", "help break", help},
    {"position pos", "", "Shows again where it stands", "position", where},
    {"source", "FILE", "Runs the commands in FILE", "source walk.ds", source},
    {"syntax", "go|asm|gnu", "How instructions are written", "syntax gnu", syntax},
    {"quit q exit", "", "Ends the session", "quit", leave},
};

}  // namespace

std::vector<std::string> split_words(const std::string& line) {
  std::vector<std::string> out;
  std::istringstream in(line);
  for (std::string w; in >> w;) out.push_back(w);
  return out;
}

uint64_t parse_count(const std::string& args) {
  std::string t = trimmed(args);
  if (t.empty()) return 1;
  t.erase(std::remove_if(t.begin(), t.end(), [](char c) { return c == ',' || c == '_'; }), t.end());
  if (t.empty() || t.size() > 18 || !std::all_of(t.begin(), t.end(), [](unsigned char c) { return std::isdigit(c); }))
    throw CommandError(fmt::format("'{}' is no number", args));
  return std::stoull(t);
}

const std::vector<VerbGroup>& verb_groups() {
  static const std::vector<VerbGroup> kGroups = {
      {"Moving", motion_verbs()},          {"Time", time_verbs()},
      {"Breakpoints", breakpoint_verbs()}, {"Registers, memory, variables", data_verbs()},
      {"Stacks and code", stack_verbs()},  {"The session", kOwn}};
  return kGroups;
}

const SessionVerb* find_session_verb(const std::string& name) {
  const SessionVerb* beginning = nullptr;
  int fitting = 0;
  for (const VerbGroup& g : verb_groups())
    for (const SessionVerb& v : g.verbs)
      for (const std::string& n : split_words(v.names)) {
        if (n == name) return &v;
        if (name.size() >= 2 && n.compare(0, name.size(), name) == 0 && beginning != &v) beginning = &v, ++fitting;
      }
  return fitting == 1 ? beginning : nullptr;
}

std::string Reply::plain() const {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\x01')
      ++i;
    else if (text[i] != '\x02')
      out += text[i];
  }
  return out;
}

Core::Core(std::unique_ptr<emu::Machine> m, SessionOptions o) : machine(std::move(m)), options(std::move(o)) {
  try {
    program = std::make_unique<model::Program>(machine->image());
    tracker = std::make_unique<model::Tracker>(*program, *machine, model::TrackerOptions{});
  } catch (const std::exception&) {
    tracker = nullptr;
    program = nullptr;  // no Go program: instructions, registers and memory can be stepped all the same
  }
  view = std::make_unique<GuestView>(*machine, program.get());
  view->syntax = options.syntax;
  take_up_ = entries_of({"runtime.execute", "runtime.coroswitch_m"});
  taken_up_ = entries_of({"runtime.gogo"});
}

std::string Core::chain_line() { return chain_summary(*this); }

Session::Session(std::unique_ptr<emu::Machine> machine, SessionOptions options)
    : core_(std::make_unique<Core>(std::move(machine), std::move(options))) {
  Core& c = *core_;
  if (!c.options.spill.empty()) c.machine->recording().journal().spill_to(c.options.spill);
  c.machine->set_recording(true, c.options.snapshot_budget);
  std::unordered_set<uint64_t> main;
  if (c.program)
    for (const loader::Func& f : c.program->go().funcs.find("main.main")) main.insert(f.entry);
  if (!main.empty()) c.run_until(main, [](Halt&) { return true; });
  c.start = c.position();
}

Session::~Session() = default;

const emu::Machine& Session::machine() const { return *core_->machine; }
uint64_t Session::position() const { return core_->position(); }
bool Session::take_interrupt() { return core_->interrupted.exchange(false); }
void Session::interrupt() { core_->interrupted.store(true, std::memory_order_relaxed); }

std::vector<std::string> Session::notes() const {
  return core_->program ? core_->program->notes() : std::vector<std::string>{};
}

Reply Session::greeting() {
  Reply r;
  core_->output.clear();
  core_->show_stop(core_->machine->state().exited ? Halt{Halt::Exited, 0, 0, ""} : Halt{});
  r.text = std::move(core_->output);
  return r;
}

Reply Session::one(const std::string& command) {
  Reply r;
  Core& c = *core_;
  c.output.clear();
  const emu::Position before = c.position();
  try {
    size_t end = command.find_first_of(" \t/");
    std::string name = command.substr(0, end);
    std::string args = end == std::string::npos ? "" : trimmed(command.substr(end));
    const SessionVerb* v = find_session_verb(name);
    if (!v) throw CommandError(fmt::format("'{}' is no command: help lists them", name));
    if (v->run == leave) {
      r.quit = true;
    } else if (v->run == source) {
      static thread_local int nested = 0;
      std::ifstream f(args);
      if (!f) throw CommandError(fmt::format("cannot read {}", args.empty() ? "source FILE" : args));
      if (nested >= kMostNested) throw CommandError("scripts are nested too deep");
      struct Deeper {
        Deeper() { ++nested; }
        ~Deeper() { --nested; }
      } deeper;
      std::string all;
      int number = 0;
      for (std::string line; std::getline(f, line);) {
        ++number;
        const Reply part = execute(trimmed(line).empty() ? "#" : line);
        all += part.text;
        if (!part.ok) throw CommandError(fmt::format("{}:{}: {}", args, number, trimmed(part.plain())));
        if (part.quit) break;
      }
      r.text = all;
      return r;
    } else {
      v->run(c, args);
    }
  } catch (const CommandError& e) {
    r.ok = false;
    const bool stopped = std::string(e.what()) == "interrupted";
    c.say(mark('e', e.what()));
    if (stopped && c.position() != before) {
      c.interrupted = false;
      c.show_stop({});
    }
  } catch (const emu::Unsupported& e) {
    r.ok = false;
    c.say(mark('e', fmt::format("deferscope cannot go on: {}", e.what())));
  } catch (const std::exception& e) {
    r.ok = false;
    c.say(mark('e', e.what()));
  }
  r.text = std::move(c.output);
  return r;
}

Reply Session::execute(const std::string& line) {
  std::string text = trimmed(line);
  if (text.empty()) text = last_;
  if (text.empty() || text[0] == '#') return {};
  last_ = text;
  Reply all;
  const auto commands = commands_of(text);
  for (const std::string& command : commands) {
    if (command.empty() || command[0] == '#') continue;
    const Reply r = one(command);
    all.text += r.text;
    all.ok = r.ok, all.quit = r.quit;
    if (!r.ok || r.quit) break;
  }
  core_->interrupted = false;
  return all;
}

std::vector<std::string> Session::complete(const std::string& line) const { return completions(*core_, line); }

}  // namespace deferscope::cli
