// `deferscope completion bash|zsh|fish`: a completion script made from the command line's own description, so that it
// never lags behind.
#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "cli/verbs.h"

namespace deferscope::cli {
namespace {

std::string flags_of(const CLI::App& app) {
  std::string words;
  for (const CLI::Option* o : app.get_options())
    for (const std::string& name : o->get_lnames()) words += fmt::format("{}--{}", words.empty() ? "" : " ", name);
  return words;
}

std::vector<const CLI::App*> verbs_of(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App*) { return true; });
}

void print_bash(const CLI::App& app) {
  std::string verbs, cases;
  for (const CLI::App* v : verbs_of(app)) {
    verbs += " " + v->get_name();
    cases += fmt::format("    {}) words=\"{}\" ;;\n", v->get_name(), flags_of(*v));
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

void print_fish(const CLI::App& app) {
  for (const CLI::App* v : verbs_of(app)) {
    fmt::print("complete -c deferscope -n __fish_use_subcommand -f -a {} -d '{}'\n", v->get_name(),
               v->get_description());
    for (const CLI::Option* o : v->get_options())
      for (const std::string& name : o->get_lnames())
        fmt::print("complete -c deferscope -n '__fish_seen_subcommand_from {}' -l {} -d '{}'\n", v->get_name(), name,
                   o->get_description());
  }
}

int completion(const CLI::App& app, const std::string& shell) {
  if (shell == "fish") {
    print_fish(app);
    return 0;
  }
  if (shell == "zsh") fmt::print("autoload -U +X bashcompinit && bashcompinit\n");
  print_bash(app);
  return 0;
}

}  // namespace

void add_completion(CLI::App& app, Action& action) {
  CLI::App* sub = app.add_subcommand("completion", "Print a completion script for a shell");
  auto shell = std::make_shared<std::string>();
  sub->add_option("shell", *shell, "bash, zsh or fish")->required()->check(CLI::IsMember({"bash", "zsh", "fish"}));
  sub->callback([&app, shell, &action] { action = [&app, shell] { return completion(app, *shell); }; });
}

}  // namespace deferscope::cli
