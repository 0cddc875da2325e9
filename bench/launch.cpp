// launch FILE COMMAND [ARG…]: runs the command with our standard streams and writes what it took to FILE: seconds of
// wall time, seconds of CPU, peak KiB, exit status (128 + signal if killed). A small process does this because Linux
// counts what the parent had resident before exec into the child's peak, and the bench itself is large.
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <ctime>

namespace {

double seconds(const timeval& t) { return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec); }

double now() {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

}  // namespace

int main(int argc, char** argv) {
  std::FILE* out = argc > 2 ? std::fopen(argv[1], "w") : nullptr;
  if (!out) {
    std::perror("launch FILE COMMAND");
    return 2;
  }
  const double start = now();
  const pid_t child = fork();
  if (child == 0) {
    execvp(argv[2], argv + 2);
    std::perror(argv[2]);
    _exit(127);
  }
  int status = 0;
  rusage u{};
  if (child < 0 || wait4(child, &status, 0, &u) < 0) {
    std::perror("launch");
    return 2;
  }
  std::fprintf(out, "%.6f %.6f %ld %d\n", now() - start, seconds(u.ru_utime) + seconds(u.ru_stime), u.ru_maxrss,
               WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
  return std::fclose(out) == 0 ? 0 : 2;
}
