// The deferscope command: reads the command line, runs the verb, turns what was thrown into one line and an exit
// status.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <string_view>

#include "cli/verbs.h"

namespace deferscope::cli {

namespace {

// A row a verb.
constexpr AddVerb kVerbs[] = {
    // one a line, in alphabetical order
    add_completion,  //
    add_defers,      //
    add_demo,        //
    add_disasm,      //
    add_info,        //
    add_run,         //
    add_snap,        //
    add_step,        //
};

}  // namespace
}  // namespace deferscope::cli

int main(int argc, char** argv) {
  using namespace deferscope::cli;
  CLI::App app{"deferscope: step through the defer paths of real Go programs"};
  app.set_version_flag("--version", "deferscope 0.1.0");
  app.require_subcommand(1);
  Action action;
  for (AddVerb add : kVerbs) add(app, action);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() == 0) return app.exit(e);  // --help, --version
    const bool run = argc > 1 && std::string_view(argv[1]) == "run";
    std::fprintf(stderr, "deferscope: %s (see deferscope %s--help)\n", e.what(), run ? "run " : "");
    return run ? 125 : 2;
  }
  try {
    return action ? action() : 2;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "deferscope: %s\n", e.what());
    return 2;
  }
}
