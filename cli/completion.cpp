// `deferscope completion bash|zsh|fish`: a completion script made from the command line's own description, so that it
// never lags behind.
#include <fmt/format.h>

#include "cli/command_line.h"
#include "cli/verbs.h"

namespace deferscope::cli {
namespace {

std::string words_of(const std::vector<Described::Flag>& flags) {
  std::string words;
  for (const auto& f : flags) words += fmt::format("{}--{}", words.empty() ? "" : " ", f.name);
  return words;
}

void print_bash(const std::vector<Described>& all) {
  std::string verbs, cases;
  for (const Described& d : all) {
    verbs += " " + d.verb;
    cases += fmt::format("    {}) words=\"{}\" ;;\n", d.verb, words_of(d.flags));
  }
  fmt::print(
      "_deferscope() {{\n"
      "  local cur=${{COMP_WORDS[COMP_CWORD]}} words\n"
      "  if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
      "    COMPREPLY=($(compgen -W \"{} --help --version\" -- \"$cur\"))\n"
      "    return\n"
      "  fi\n"
      "  case ${{COMP_WORDS[1]}} in\n{}  esac\n"
      "  case $cur in\n"
      "    -*) COMPREPLY=($(compgen -W \"$words\" -- \"$cur\")) ;;\n"
      "    *) COMPREPLY=($(compgen -f -- \"$cur\")) ;;\n"
      "  esac\n"
      "}}\n"
      "complete -o filenames -F _deferscope deferscope\n",
      verbs.substr(verbs.empty() ? 0 : 1), cases);
}

// Within fish's single quotes.
std::string quoted(const std::string& text) {
  std::string out;
  for (const char c : text) out += c == '\'' || c == '\\' ? std::string{'\\', c} : std::string{c};
  return out;
}

void print_fish(const std::vector<Described>& all) {
  for (const Described& d : all) {
    fmt::print("complete -c deferscope -n __fish_use_subcommand -f -a {} -d '{}'\n", d.verb, quoted(d.help));
    for (const auto& f : d.flags)
      fmt::print("complete -c deferscope -n '__fish_seen_subcommand_from {}' -l {} -d '{}'\n", d.verb, f.name,
                 quoted(f.help));
  }
}

int completion(const std::vector<Described>& all, const std::string& shell) {
  if (shell == "fish") {
    print_fish(all);
    return 0;
  }
  if (shell == "zsh") fmt::print("autoload -U +X bashcompinit && bashcompinit\n");
  print_bash(all);
  return 0;
}

}  // namespace

void add_completion(CLI::App& app, Action& action) {
  Verb verb(app, action, "completion", "Print a completion script for a shell");
  auto shell = std::make_shared<std::string>();
  verb.option("shell", *shell, "bash, zsh or fish").required().one_of({"bash", "zsh", "fish"});
  verb.does([&app, shell] { return completion(described(app), *shell); });
}

}  // namespace deferscope::cli
