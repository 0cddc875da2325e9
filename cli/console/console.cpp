// Reading commands, help, scripts; what belongs to no subject.
#include "cli/console/console.h"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>

#include "cli/console/source.h"
#include "cli/console/verbs.h"

namespace deferscope::cli {
namespace {

constexpr int kMostNested = 8;  // scripts within scripts

std::string trimmed(const std::string& s) {
  const size_t a = s.find_first_not_of(" \t\r\n"), b = s.find_last_not_of(" \t\r\n");
  return a == std::string::npos ? "" : s.substr(a, b - a + 1);
}

}  // namespace

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

namespace {

void help(Console& c, const std::string& args) { show_help(c, args); }
void leave(Console&, const std::string&) {}
void source(Console&, const std::string&) {}  // done by Console, which runs the lines
void where(Console& c, const std::string&) {
  c.show_stop(c.session.time().state().exited ? Halt::of(Reason::exited) : Halt{});
}
// One command with nothing shortened or cut; none: where it stands.
void whole(Console& c, const std::string& args) {
  const size_t end = std::min(args.find(' '), args.size());
  const Command* v = find_command(args.empty() ? "position" : args.substr(0, end));
  if (!v) throw session::Error(fmt::format("no command '{}'", args));
  c.whole = true;
  v->run(c, end < args.size() ? args.substr(end + 1) : "");
}
void syntax(Console& c, const std::string& args) {
  if (args != "go" && args != "gnu" && args != "asm") throw session::Error("syntax go, asm or gnu");
  c.session.reader().syntax = args;
}

constexpr Command kOwn[] = {
    {"help h", "[TOPIC|CMD|all]", "Topics, the commands of one, or more about one command", "help break", help},
    {"position pos", "", "Shows again where it stands", "position", where},
    {"whole", "[CMD]", "A command with whole names and nothing cut; without CMD: where it stands", "whole bt", whole},
    {"source", "FILE", "Runs the commands in FILE", "source walk.ds", source},
    {"syntax", "go|asm|gnu", "How instructions are written", "syntax gnu", syntax},
    {"quit q exit", "", "Ends the session", "quit", leave},
};

}  // namespace

const std::vector<VerbGroup>& verb_groups() {
  static const std::vector<VerbGroup> kGroups = {{"moving", "Moving", motion_verbs()},
                                                 {"time", "Time", time_verbs()},
                                                 {"stopping", "Breakpoints and watchpoints", breakpoint_verbs()},
                                                 {"values", "Registers, memory, variables", data_verbs()},
                                                 {"stacks", "Stacks, defers and code", stack_verbs()},
                                                 {"session", "The session", kOwn}};
  return kGroups;
}

const Command* find_command(const std::string& name) {
  const Command* beginning = nullptr;
  int fitting = 0;
  for (const VerbGroup& g : verb_groups())
    for (const Command& v : g.verbs)
      for (const std::string& n : split_words(v.names)) {
        if (n == name) return &v;
        if (name.size() >= 2 && n.compare(0, name.size(), name) == 0 && beginning != &v) beginning = &v, ++fitting;
      }
  return fitting == 1 ? beginning : nullptr;
}

namespace {

// Letters to be inserted, taken out, changed or swapped with their neighbour, to make one word of the other.
size_t distance(const std::string& a, const std::string& b) {
  std::vector<std::vector<size_t>> d(a.size() + 1, std::vector<size_t>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); ++i) {
    for (size_t j = 0; j <= b.size(); ++j) {
      if (i == 0 || j == 0) {
        d[i][j] = i + j;
        continue;
      }
      d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + (a[i - 1] != b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
    }
  }
  return d[a.size()][b.size()];
}

// What somebody who typed `name` may have meant.
std::string instead_of(const std::string& name) {
  constexpr size_t kLongest = 32;
  std::string best;
  size_t least = name.size() > kLongest ? 0 : std::min<size_t>(3, name.size());
  for (const VerbGroup& g : verb_groups())
    for (const Command& v : g.verbs)
      for (const std::string& n : split_words(v.names))
        if (const size_t d = n.size() > 2 ? distance(name, n) : least; d < least) best = n, least = d;
  return best.empty() ? "help lists them" : fmt::format("did you mean {}? (help lists all)", best);
}

}  // namespace

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

Console::Console(std::unique_ptr<emu::Machine> machine, ConsoleOptions o)
    : session(std::move(machine), {o.syntax, o.snapshot_budget, {}}), options(std::move(o)) {
  session.motion().before_step = [this] { remember_step(); };
  session.time().on_dropped.push_back([this](emu::Position p) { trail_.erase(trail_.lower_bound(p), trail_.end()); });
  if (options.progress)
    session.time().on_progress = [this](const session::Progress& p) {
      options.progress(fmt::format("{}@{}", p.backwards ? "looking before " : "", grouped(p.at)));
    };
}

Console::~Console() = default;

Reply Console::greeting() {
  Reply r;
  output_.clear();
  show_stop(session.time().state().exited ? Halt::of(Reason::exited) : Halt{});
  r.text = std::move(output_);
  return r;
}

static std::string script_text(const std::string& file) {
  if (file.empty()) throw session::Error("cannot read source FILE");
  try {
    return text_of(file);
  } catch (const std::runtime_error& e) {
    throw session::Error(fmt::format("cannot read {}", e.what()));
  }
}

Reply Console::run_script(const std::string& file) {
  static thread_local int nested = 0;
  std::istringstream f(script_text(file));
  if (nested >= kMostNested) throw session::Error("scripts are nested too deep");
  struct Deeper {
    Deeper() { ++nested; }
    ~Deeper() { --nested; }
  } deeper;
  Reply all;
  int number = 0;
  for (std::string line; std::getline(f, line);) {
    ++number;
    const Reply part = execute(trimmed(line).empty() ? "#" : line);
    all.text += part.text;
    if (!part.ok) throw session::Error(fmt::format("{}:{}: {}", file, number, trimmed(part.plain())));
    if (part.quit) break;
  }
  return all;
}

Reply Console::one(const std::string& command) {
  Reply r;
  output_.clear();
  whole = false;
  const emu::Position before = session.time().position();
  try {
    const size_t end = command.find_first_of(" \t/");
    const std::string name = command.substr(0, end);
    const std::string args = end == std::string::npos ? "" : trimmed(command.substr(end));
    const Command* v = find_command(name);
    if (!v) throw session::Error(fmt::format("no such command: {}", instead_of(name)));
    if (v->run == source) return run_script(args);
    r.quit = v->run == leave;
    v->run(*this, args);
  } catch (const session::Interrupted& e) {
    r.ok = false;
    say(mark('e', e.what()));
    if (session.time().position() != before && !(options.ending && options.ending())) {
      take_interrupt();
      try {
        show_stop({});
      } catch (const session::Interrupted&) {  // again
      }
    }
  } catch (const emu::Unsupported& e) {
    r.ok = false;
    say(mark('e', fmt::format("deferscope cannot go on: {}", e.what())));
  } catch (const std::exception& e) {
    r.ok = false;
    say(mark('e', e.what()));
  }
  r.text = std::move(output_);
  return r;
}

Reply Console::execute(const std::string& line) {
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
  take_interrupt();
  return all;
}

std::vector<std::string> Console::complete(const std::string& line) const { return completions(*this, line); }

}  // namespace deferscope::cli
