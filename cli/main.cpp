// The deferscope command: reads the command line, runs the verb, turns what was thrown into one line and an exit
// status.
#include <fcntl.h>
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>
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

// A standard stream that is closed would give its number to the first file that we open. It becomes one that fails
// when it is used: EBADF, as before.
void hold_standard_streams() {
  for (int fd = 0; fd <= 2; ++fd)
    if (fcntl(fd, F_GETFD) < 0) open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
}

int failed(const char* what, int status) {
  std::fprintf(stderr, "deferscope: %s\n", what);
  return status;
}

}  // namespace
}  // namespace deferscope::cli

int main(int argc, char** argv) {
  using namespace deferscope::cli;
  hold_standard_streams();
  CLI::App app{"deferscope: step through the defer paths of real Go programs", "deferscope"};
  app.set_version_flag("--version", "deferscope " DEFERSCOPE_VERSION, "Print the version and exit");
  app.set_help_flag("-h,--help", "Print this help and exit");
  app.require_subcommand(1);
  Action action;
  for (AddVerb add : kVerbs) add(app, action);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() == 0) return app.exit(e);  // --help, --version
    const std::string_view first = argc > 1 ? argv[1] : "";
    return failed(usage_error(app, e, first).c_str(), first == "run" ? 125 : 2);
  }
  try {
    const int status = action ? action() : 2;
    if (std::fflush(stdout) == 0 && !std::ferror(stdout)) return status;
    return failed(fmt::format("standard output: {}", std::strerror(errno)).c_str(), 2);
  } catch (const std::exception& e) {
    return failed(e.what(), 2);
  }
}
