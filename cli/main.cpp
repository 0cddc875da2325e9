// The deferscope command: reads the command line, runs the verb, turns what was thrown into one line and an exit
// status.
#include <fcntl.h>
#include <fmt/format.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>

#include "cli/command_line.h"
#include "cli/confine.h"
#include "cli/guest.h"
#include "cli/verbs.h"

namespace deferscope::cli {

namespace {

// A row a verb.
constexpr AddVerb kVerbs[] = {
    // one a line, in alphabetical order
    add_check,       //
    add_completion,  //
    add_defers,      //
    add_demo,        //
    add_diff,        //
    add_disasm,      //
    add_draw,        //
    add_info,        //
    add_report,      //
    add_run,         //
    add_show,        //
    add_snap,        //
    add_step,        //
    add_trace,       //
};

// A standard stream that is closed would give its number to the first file that we open. It becomes one that fails
// when it is used: EBADF, as before.
void hold_standard_streams() {
  for (int fd = 0; fd <= 2; ++fd)
    if (fcntl(fd, F_GETFD) < 0) open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
}

int failed(std::string_view what, int status) {
  complain(what);
  return status;
}

}  // namespace
}  // namespace deferscope::cli

int main(int argc, char** argv) {
  using namespace deferscope::cli;
  hold_standard_streams();
  note_inherited_descriptors();
  std::signal(SIGXFSZ, SIG_IGN);  // past the host's limit of a file's size writing fails, for the guest too (EFBIG)
  Action action;
  if (const auto status = parse(argc, argv, "deferscope " DEFERSCOPE_VERSION, kVerbs, action)) return *status;
  try {
    const int status = action();
    if (std::fflush(stdout) == 0 && !std::ferror(stdout)) return status;
    return failed(fmt::format("standard output: {}", std::strerror(errno)), 2);
  } catch (const std::bad_alloc&) {
    return failed(kOutOfMemory, 2);
  } catch (const std::exception& e) {
    return failed(e.what(), 2);
  }
}
