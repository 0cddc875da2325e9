// `help`: topics, the commands of each, and pages on what concerns several of them. `help CMD` has more on one.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "cli/console/verbs.h"

namespace deferscope::cli {
namespace {

constexpr size_t kVerbColumn = 31;

// A page without commands of its own.
struct Page {
  const char* name;
  const char* title;
  std::initializer_list<const char*> lines;
};

const Page kPages[] = {
    {"places",
     "WHERE: places and moments, the same after every command and after `snap --at`",
     {"Places: main.f, (*T).f, main.f+0x1c, main.f:3 (3 lines below its first), main.go:12, 12 (of the file at hand), "
      "+1, "
      "-1, /regex/, *0x452e80, main.f#2 (its second time in the run).",
      "Moments: @61,431, @+100, @-100, 50%, start, end, event:12 (as run --events numbers them).",
      "A position is the number of instructions executed before it. After goto a number alone, +N and -N are "
      "positions, "
      "after other commands lines.",
      "example: break main.go:12#3"}},
    {"unwinding",
     "Steps and panics",
     {"n over a call that panics stops in the deferred function of the frame that is stepped in, when the panic (or "
      "Goexit) runs it. If that frame has none, it stops where the panic is recovered; if nobody recovers, at the end.",
      "n at the end of that deferred function goes over the runtime, to the next one or to where execution goes on "
      "after "
      "the recovery. What deferreturn or a function's own exit runs is stepped over as other calls are: s goes in.",
      "finish and ni stop where frames are cut and say so; rn goes back over the runtime to the call that panicked.",
      "example: break panic; c; bt"}},
    {"screen",
     "Narrow screens and long names",
     {"Lines are broken between words to the terminal's columns, else to COLUMNS, else to 120 (into a pipe or file). "
      "set "
      "width N changes that, set width 0 leaves lines whole. Below 100 columns reasons stand under their instructions "
      "and "
      "a stop takes 15 rows; … says that something was left out.",
      "Type arguments longer than 16 characters are […]. whole shows the stop again with nothing shortened or left "
      "out, "
      "whole CMD any command.",
      "example: whole bt"}},
};

std::string lower(std::string s) {
  for (char& c : s) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return s;
}

void say_verbs(Console& c, const VerbGroup& g) {
  c.say(mark('b', g.title));
  for (const Command& v : g.verbs)
    c.say(fmt::format("  {:<28} {}", fmt::format("{} {}", split_words(v.names)[0], v.usage), v.help), kVerbColumn);
}

void say_page(Console& c, const Page& p) {
  c.say(mark('b', p.title));
  for (const char* line : p.lines) c.say(fmt::format("  {}", line), 2);
}

void say_command(Console& c, const Command& v) {
  const auto names = split_words(v.names);
  c.say(mark('b', fmt::format("{} {}", names[0], v.usage)));
  c.say(v.help);
  if (v.more) c.say(v.more);
  std::string also;
  for (size_t i = 1; i < names.size(); ++i) also += (i > 1 ? ", " : "") + names[i];
  if (!also.empty()) c.say("also: " + also);
  c.say(fmt::format("example: {}", v.example));
}

void say_topics(Console& c) {
  for (const VerbGroup& g : verb_groups()) {
    std::string names;
    for (const Command& v : g.verbs) names += (names.empty() ? "" : " ") + split_words(v.names)[0];
    c.say(fmt::format("  {} {}", mark('b', fmt::format("{:<12}", g.topic)), names), 15);
  }
  for (const Page& p : kPages) c.say(fmt::format("  {} {}", mark('b', fmt::format("{:<12}", p.name)), p.title), 15);
  c.say("help TOPIC has the commands of a topic, help CMD an example of one, help all everything.");
  c.say("An empty line repeats, Tab completes, Ctrl-C stops a command that takes long, quit or Ctrl-D ends.");
}

}  // namespace

std::vector<std::string> help_topics() {
  std::vector<std::string> out{"all"};
  for (const VerbGroup& g : verb_groups()) out.emplace_back(g.topic);
  for (const Page& p : kPages) out.emplace_back(p.name);
  return out;
}

void show_help(Console& c, const std::string& args) {
  if (args.empty()) return say_topics(c);
  const std::string wanted = split_words(args)[0], topic = lower(wanted);
  if (topic == "all") {
    for (const VerbGroup& g : verb_groups()) say_verbs(c, g);
    for (const Page& p : kPages) say_page(c, p);
    return;
  }
  for (const VerbGroup& g : verb_groups())
    if (topic == g.topic) return say_verbs(c, g);
  for (const Page& p : kPages)
    if (topic == p.name) return say_page(c, p);
  const Command* v = find_command(wanted);
  if (!v) throw session::Error(fmt::format("no command or topic '{}': help lists them", args));
  say_command(c, *v);
}

}  // namespace deferscope::cli
