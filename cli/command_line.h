// What the verbs say of their command lines. CLI11 stands behind it in command_line.cpp alone: its headers cost
// seconds in every file that includes them.
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/verbs.h"

namespace CLI {
class Option;
}

namespace deferscope::cli {

// A flag with a value, or an argument. Each function returns *this, so that they can be written in a row.
class Option {
 public:
  explicit Option(CLI::Option* option) : option_(option) {}
  Option& unit(const char* name);  // how --help calls the value: FILE
  Option& required(bool yes = true);
  Option& one_of(std::vector<std::string> words);
  Option& between(int first, int last);
  Option& values(int least, int most);  // how many it takes
  Option& repeatable();                 // each time one value; the words behind it belong to others
  Option& show_default();               // --help shows what the variable holds now

 private:
  CLI::Option* option_;
};

// A verb's command line. Variables must live as long as the action does (the verbs keep theirs in a shared_ptr).
class Verb {
 public:
  Verb(CLI::App& app, Action& action, const char* name, const char* help);

  // "--json", "-g,--gnu"; a name without dashes is an argument by place.
  Option option(const char* names, std::string& to, const char* help);
  Option option(const char* names, std::vector<std::string>& to, const char* help);
  Option option(const char* names, uint64_t& to, const char* help);
  Option option(const char* names, unsigned& to, const char* help);
  void flag(const char* names, bool& to, const char* help);
  // --events or --events=TEXT; "--events{-}" says what the first of them stores.
  void flag(const char* names, std::string& to, const char* help);
  // PROGRAM [ARGS…]: everything from the first word that is no flag belongs to the program.
  Option program(const char* name, std::vector<std::string>& to, const char* help);
  // What stands behind a "--" is not read as words of ours.
  void behind_dashes(std::vector<std::string>& to);
  // The end of --help: what the verb's exit status means, then a command line that does something.
  void statuses(const char* text);
  void example(const char* line);
  // What the verb does if it is chosen; returns the exit status.
  void does(std::function<int()> what);

 private:
  CLI::App& app_;
  Action& action_;
};

// Reads the command line and leaves what its verb does in `action`. An exit status instead if nothing is left to do:
// --help and --version were printed, or what is wrong was said.
std::optional<int> parse(int argc, char** argv, const char* version, std::span<const AddVerb> verbs, Action& action);

// The command line as completion scripts want it.
struct Described {
  struct Flag {
    std::string name, help;  // without the dashes; long names only
  };
  std::string verb, help;
  std::vector<Flag> flags;
};
// One line on standard error, whatever the text holds.
void complain(std::string_view what);

std::vector<Described> described(const CLI::App& app);

}  // namespace deferscope::cli
