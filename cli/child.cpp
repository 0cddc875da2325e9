#include "cli/child.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <map>

#include "emu/error.h"

extern char** environ;

namespace deferscope::cli {
namespace {

struct Pipe {
  int read = -1, write = -1;
  Pipe() {
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) != 0) throw emu::Error(fmt::format("no pipe: {}", std::strerror(errno)));
    read = fds[0], write = fds[1];
  }
  Pipe(const Pipe&) = delete;
  ~Pipe() { close_end(read), close_end(write); }
  static void close_end(int& fd) {
    if (fd >= 0) ::close(fd);
    fd = -1;
  }
};

std::vector<std::string> environment(const Child& child) {
  std::map<std::string, std::string> values;
  for (char** e = environ; *e; ++e)
    if (const char* eq = std::strchr(*e, '=')) values[std::string(*e, static_cast<size_t>(eq - *e))] = eq + 1;
  for (const auto& [name, value] : child.environment) values[name] = value;
  std::vector<std::string> out;
  for (const auto& [name, value] : values) out.push_back(name + "=" + value);
  return out;
}

std::vector<char*> pointers(const std::vector<std::string>& words) {
  std::vector<char*> out;
  for (const std::string& w : words) out.push_back(const_cast<char*>(w.c_str()));
  out.push_back(nullptr);
  return out;
}

// Reads both until both are closed: a child that fills one of them must not wait for us.
void read_both(Pipe& out, Pipe& err, ChildEnd& end) {
  std::array<pollfd, 2> polled{{{out.read, POLLIN, 0}, {err.read, POLLIN, 0}}};
  const std::array<std::string*, 2> texts{&end.out, &end.err};
  char bytes[1 << 14];
  for (size_t open = 2; open;) {
    if (::poll(polled.data(), polled.size(), -1) < 0) {
      if (errno == EINTR) continue;
      return;
    }
    for (size_t i = 0; i < polled.size(); ++i) {
      if (polled[i].fd < 0 || !polled[i].revents) continue;
      const ssize_t n = ::read(polled[i].fd, bytes, sizeof bytes);
      if (n > 0)
        texts[i]->append(bytes, static_cast<size_t>(n));
      else if (n == 0 || errno != EINTR)
        polled[i].fd = -1, --open;  // poll passes it over
    }
  }
}

int status_of(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace

std::optional<ChildEnd> run_child(const Child& child) {
  Pipe out, err;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, out.write, 1);
  posix_spawn_file_actions_adddup2(&actions, err.write, 2);
  if (!child.directory.empty()) posix_spawn_file_actions_addchdir_np(&actions, child.directory.c_str());
  const std::vector<std::string> env = environment(child);
  pid_t pid = 0;
  const int error = posix_spawnp(&pid, child.command.at(0).c_str(), &actions, nullptr, pointers(child.command).data(),
                                 pointers(env).data());
  posix_spawn_file_actions_destroy(&actions);
  if (error == ENOENT) return std::nullopt;
  if (error) throw emu::Error(fmt::format("{}: {}", child.command[0], std::strerror(error)));
  Pipe::close_end(out.write), Pipe::close_end(err.write);
  ChildEnd end;
  read_both(out, err, end);
  end.status = status_of(pid);
  return end;
}

}  // namespace deferscope::cli
