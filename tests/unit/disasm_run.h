// Runs commands, `deferscope disasm` of this build above all.
#pragma once
#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <string>

namespace deferscope::test {

struct Output {
  std::string text;
  int status = -1;
};

// A shell's command line; what it prints to stdout.
inline Output run_command(const std::string& command) {
  Output o;
  FILE* pipe = popen(command.c_str(), "r");
  if (!pipe) return o;
  std::array<char, 65536> part;
  for (std::size_t n; (n = std::fread(part.data(), 1, part.size(), pipe)) > 0;) o.text.append(part.data(), n);
  const int status = pclose(pipe);
  o.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return o;
}

inline Output run(const std::string& arguments) {
  return run_command(std::string(DEFERSCOPE_BINARY) + " disasm " + arguments + " 2>&1");
}

}  // namespace deferscope::test
