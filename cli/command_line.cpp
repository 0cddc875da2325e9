#include "cli/command_line.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <map>
#include <string_view>

#include "loader/printable.h"

namespace deferscope::cli {

namespace {

// Where the words behind a "--" go, by verb.
std::map<std::string, std::vector<std::string>*> verbs_with_dashes;

// argc without them.
int take_behind_dashes(int argc, char** argv) {
  const auto verb = argc > 1 ? verbs_with_dashes.find(argv[1]) : verbs_with_dashes.end();
  if (verb == verbs_with_dashes.end()) return argc;
  const auto end = argv + argc, dashes = std::find(argv + 2, end, std::string_view("--"));
  if (dashes == end) return argc;
  verb->second->assign(dashes + 1, end);
  return static_cast<int>(dashes - argv);
}

// What CLI11 says of a wrong command line, with the verb at hand; a verb that does not exist is named.
std::string usage_error(const CLI::App& app, const CLI::ParseError& error, std::string_view first) {
  const bool is_word = !first.empty() && first[0] != '-';
  const auto named =
      app.get_subcommands([&](const CLI::App* sub) { return is_word && sub->check_name(std::string(first)); });
  const CLI::App* verb = named.empty() ? nullptr : named.front();
  if (is_word && !verb) return fmt::format("there is no verb '{}' (see deferscope --help)", first);
  if (!verb) return fmt::format("{} (see deferscope --help)", error.what());
  return fmt::format("{} (see deferscope {} --help)", error.what(), verb->get_name());
}

}  // namespace

Option& Option::unit(const char* name) { return option_->type_name(name), *this; }
Option& Option::required(bool yes) { return option_->required(yes), *this; }
Option& Option::one_of(std::vector<std::string> words) {
  return option_->check(CLI::IsMember(std::move(words))), *this;
}
Option& Option::between(int first, int last) { return option_->check(CLI::Range(first, last).description("")), *this; }
Option& Option::values(int least, int most) { return option_->expected(least, most), *this; }
Option& Option::repeatable() { return option_->allow_extra_args(false), *this; }
Option& Option::show_default() { return option_->capture_default_str(), *this; }

Verb::Verb(CLI::App& app, Action& action, const char* name, const char* help)
    : app_(*app.add_subcommand(name, help)), action_(action) {}

Option Verb::option(const char* names, std::string& to, const char* help) {
  return Option(app_.add_option(names, to, help));
}
Option Verb::option(const char* names, std::vector<std::string>& to, const char* help) {
  return Option(app_.add_option(names, to, help));
}
Option Verb::option(const char* names, uint64_t& to, const char* help) {
  return Option(app_.add_option(names, to, help));
}
Option Verb::option(const char* names, unsigned& to, const char* help) {
  return Option(app_.add_option(names, to, help));
}
void Verb::flag(const char* names, bool& to, const char* help) { app_.add_flag(names, to, help); }
void Verb::flag(const char* names, std::string& to, const char* help) { app_.add_flag(names, to, help); }

Option Verb::program(const char* name, std::vector<std::string>& to, const char* help) {
  CLI::Option* o = app_.add_option(name, to, help)->type_name("[ARGS]");
  app_.prefix_command();
  app_.positionals_at_end();
  // With prefix_command an unknown flag before the program would be left over without a word.
  app_.parse_complete_callback([&app = app_] {
    if (const auto left = app.remaining(); !left.empty())
      throw CLI::ExtrasError("no such flag: " + left.front(), CLI::ExitCodes::ExtrasError);
  });
  return Option(o);
}

void Verb::behind_dashes(std::vector<std::string>& to) { verbs_with_dashes[app_.get_name()] = &to; }

void Verb::statuses(const char* text) { app_.footer(std::string("Exit status:\n  ") + text); }

void Verb::example(const char* line) {
  const std::string before = app_.get_footer();
  app_.footer(before + (before.empty() ? "" : "\n\n") + "Example:\n  " + line);
}

void Verb::does(std::function<int()> what) {
  app_.callback([&action = action_, what = std::move(what)] { action = what; });
}

std::optional<int> parse(int argc, char** argv, const char* version, std::span<const AddVerb> verbs, Action& action) {
  // It lives as long as the action does: completion's looks at it.
  const auto owned =
      std::make_shared<CLI::App>("deferscope: step through the defer paths of real Go programs", "deferscope");
  CLI::App& app = *owned;
  app.set_version_flag("--version", version, "Print the version and exit");
  app.set_help_flag("-h,--help", "Print this help and exit");
  app.require_subcommand(1);
  for (AddVerb add : verbs) add(app, action);
  try {
    app.parse(take_behind_dashes(argc, argv), argv);
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() == 0) return app.exit(e);  // --help, --version
    const std::string_view first = argc > 1 ? argv[1] : "";
    complain(usage_error(app, e, first));
    return first == "run" ? 125 : 2;
  }
  action = [owned, chosen = std::move(action)] { return chosen(); };
  return std::nullopt;
}

void complain(std::string_view what) {
  // fmt's print throws where standard error fails too.
  std::fprintf(stderr, "deferscope: %s\n", loader::printable(what).c_str());
}

std::vector<Described> described(const CLI::App& app) {
  std::vector<Described> out;
  for (const CLI::App* verb : app.get_subcommands([](const CLI::App*) { return true; })) {
    Described& d = out.emplace_back(Described{verb->get_name(), verb->get_description(), {}});
    for (const CLI::Option* o : verb->get_options())
      for (const std::string& name : o->get_lnames()) d.flags.push_back({name, o->get_description()});
  }
  return out;
}

}  // namespace deferscope::cli
