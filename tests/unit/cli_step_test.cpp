// `deferscope step` as a user has it: scripts, exit statuses, and a terminal.
#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>

#include "tests/unit/loader_guests.h"

namespace deferscope::test {
namespace {

std::string a_guest() {
  for (const std::string& path : guest_files()) {
    const std::string name = std::filesystem::path(path).filename().string();
    if (name.find("linux") != std::string::npos && name.compare(0, 6, "cases_") == 0) return path;
  }
  return {};
}

// Guests of the releases at which mechanisms change, both instruction sets: of all with DEFERSCOPE_ALL, else `few`.
std::vector<std::string> guests_of_each_kind(bool few) {
  constexpr const char* kAll[] = {"_1.12.", "_1.13.", "_1.16.", "_1.17.", "_1.20.", "_1.22.", "_1.27."};
  constexpr const char* kFew[] = {"_1.13.15_linux_amd64_opt", "_1.17.13_linux_arm64_opt", "_1.27.4_linux_amd64_opt"};
  std::vector<std::string> out;
  const auto add = [&](const char* part) {
    for (const std::string& path : guest_files()) {
      const std::string name = std::filesystem::path(path).filename().string();
      if (name.find("linux") != std::string::npos && name.find(part) != std::string::npos && name.find("cases") == 0)
        out.push_back(path);
    }
  };
  if (few && !std::getenv("DEFERSCOPE_ALL"))
    for (const char* part : kFew) add(part);
  else
    for (const char* part : kAll) add(part);
  return out;
}

#define NEED_GUEST(guest)              \
  const std::string guest = a_guest(); \
  if (guest.empty()) GTEST_SKIP() << "no guests: set DEFERSCOPE_GUESTS"

struct Ended {
  int status;
  std::string output;
};

Ended run_step(const std::string& command) {
  FILE* p = popen((command + " 2>&1").c_str(), "r");
  std::string out;
  std::array<char, 4096> buffer;
  while (size_t n = fread(buffer.data(), 1, buffer.size(), p)) out.append(buffer.data(), n);
  const int status = pclose(p);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, out};
}

std::string script(const std::string& text) {
  const std::string path = testing::TempDir() + "/step_script_" + std::to_string(getpid()) + ".ds";
  std::ofstream(path) << text;
  return path;
}

TEST(Step, ScriptsStopAtTheFirstFailureWithItsLine) {
  NEED_GUEST(guest);
  const std::string file = script("# a comment\nsi\n\nwhen\nfrobnicate\nwhen\n");
  const Ended e = run_step(std::string(DEFERSCOPE_PROGRAM) + " step -x " + file + " " + guest);
  EXPECT_EQ(e.status, 1) << e.output;
  EXPECT_NE(e.output.find(file + ":5: 'frobnicate': no such command: help lists them"), std::string::npos) << e.output;
  const Ended good =
      run_step(std::string(DEFERSCOPE_PROGRAM) + " step -x " + script("si 3\nrsi 3\nwhen\n") + " " + guest);
  EXPECT_EQ(good.status, 0) << good.output;
  EXPECT_EQ(good.output.find('\x1b'), std::string::npos) << "colours in a pipe";
}

// One walk as a script: into the registered defers, to the panic, over its recovery, and back to the beginning.
TEST(Step, AScriptRunsOnEveryKindOfGuest) {
  const auto guests = guests_of_each_kind(false);
  if (guests.empty()) GTEST_SKIP() << "no guests: set DEFERSCOPE_GUESTS";
  const std::string file = script(
      "break defer main.panicNested\nc\nc\nclear all\nc gopanic\nrsi\nni\nbt\ndefers\nrni\nlastwrite $sp\ndraw\n"
      "n\nrn\ngoto end\nrc main.main\ngoto start\nwhen\n");
  for (const std::string& guest : guests) {
    const Ended e = run_step(std::string(DEFERSCOPE_PROGRAM) + " step -x " + file + " " + guest + " panic-nested");
    EXPECT_EQ(e.status, 0) << guest << "\n" << e.output;
    EXPECT_NE(e.output.find("did not return: runtime.recovery cut the frames"), std::string::npos) << guest << e.output;
    EXPECT_NE(e.output.find("the guest has ended, exit status 0"), std::string::npos) << guest << e.output;
  }
}

TEST(Step, WithoutAProgramTheDemoIsStepped) {
  const Ended e = run_step(std::string(DEFERSCOPE_PROGRAM) + " step -c 'break jmpdefer main.main; c; si 4; rsi 4; c'");
  EXPECT_EQ(e.status, 0) << e.output;
  EXPECT_NE(e.output.find("⇒ when main.main.func1 returns, deferreturn is called AGAIN"), std::string::npos)
      << e.output;
}

TEST(Step, CommandsOnTheCommandLine) {
  NEED_GUEST(guest);
  const Ended e = run_step(std::string(DEFERSCOPE_PROGRAM) + " step -c 'si 2; when; frame 99; when' " + guest);
  EXPECT_EQ(e.status, 1) << e.output;
  EXPECT_NE(e.output.find("'frame 99': there are only"), std::string::npos) << e.output;
}

// A session in a pseudo-terminal.
class Terminal {
 public:
  explicit Terminal(const std::vector<std::string>& command) {
    struct winsize size = {40, 160, 0, 0};
    pid_ = forkpty(&fd_, nullptr, nullptr, &size);
    if (pid_ != 0) return;
    setenv("TERM", "xterm", 1);
    setenv("ASAN_OPTIONS", "detect_leaks=0", 1);  // libedit does not free the names of EL_ADDFN
    setenv("XDG_STATE_HOME", testing::TempDir().c_str(), 1);
    std::vector<char*> argv;
    for (const std::string& a : command) argv.push_back(const_cast<char*>(a.c_str()));
    argv.push_back(nullptr);
    execv(argv[0], argv.data());
    _exit(127);
  }
  ~Terminal() {
    if (pid_ > 0 && !ended_) {
      kill(pid_, SIGKILL);
      waitpid(pid_, nullptr, 0);
    }
    close(fd_);
  }
  void type(const std::string& text) {
    ASSERT_EQ(write(fd_, text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  // Reads until `text` came behind what was seen before; false: it did not within a minute.
  bool sees(const std::string& text) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    while (std::chrono::steady_clock::now() < end) {
      const size_t at = all_.find(text, seen_);
      if (at != std::string::npos) {
        seen_ = at + text.size();
        return true;
      }
      if (!read_some()) break;
    }
    const size_t at = all_.find(text, seen_);
    if (at != std::string::npos) seen_ = at + text.size();
    return at != std::string::npos;
  }
  int wait() {
    const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    int status = 0;
    while (waitpid(pid_, &status, WNOHANG) == 0) {
      if (std::chrono::steady_clock::now() > end) return -1;  // the destructor ends it
      read_some(1);
    }
    ended_ = true;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  const std::string& all() const { return all_; }

 private:
  bool read_some(int seconds = 60) {
    struct timeval patience = {seconds, 0};
    fd_set set;
    FD_ZERO(&set);
    FD_SET(fd_, &set);
    if (select(fd_ + 1, &set, nullptr, nullptr, &patience) <= 0) return false;
    char buffer[4096];
    const ssize_t n = read(fd_, buffer, sizeof buffer);
    if (n <= 0) return false;
    all_.append(buffer, static_cast<size_t>(n));
    return true;
  }
  int fd_ = -1;
  pid_t pid_ = -1;
  std::string all_;
  size_t seen_ = 0;
  bool ended_ = false;
};

void a_terminal_session(const std::vector<std::string>& command) {
  Terminal t(command);
  ASSERT_TRUE(t.sees("main.main")) << t.all();
  ASSERT_TRUE(t.sees("(ds) ")) << t.all();
  EXPECT_NE(t.all().find("\x1b["), std::string::npos) << "no colours on a terminal";
  t.type("si\n");
  ASSERT_TRUE(t.sees("main.main+")) << t.all();
  ASSERT_TRUE(t.sees("(ds) "));
  t.type("\x1b[A\n");  // history: the same again
  ASSERT_TRUE(t.sees("main.main+")) << t.all();
  ASSERT_TRUE(t.sees("(ds) "));
  t.type("lastwr\t");  // completion
  ASSERT_TRUE(t.sees("ite ")) << t.all();
  t.type("\x03");  // Ctrl-C gives the line up
  ASSERT_TRUE(t.sees("^C")) << t.all();
  t.type("nonsense\n");
  ASSERT_TRUE(t.sees("no such command")) << t.all();
  t.type("when\n");
  ASSERT_TRUE(t.sees("seen so far")) << t.all();
  ASSERT_TRUE(t.sees("(ds) "));
  // Ctrl-C stops a command that would never end, and comes back to the prompt.
  t.type("goto 0; si 4000000000\n");
  ASSERT_TRUE(t.sees("si 4000000000\r\n")) << t.all();  // the line is taken: Ctrl-C is the command's now, begun or not
  t.type("\x03");
  ASSERT_TRUE(t.sees("(ds) ")) << t.all();
  t.type("when\n");
  ASSERT_TRUE(t.sees("seen so far")) << t.all();
  ASSERT_TRUE(t.sees("(ds) "));
  t.type("\x04");  // Ctrl-D
  EXPECT_EQ(t.wait(), 0) << t.all();
}

TEST(Step, TerminalSessions) {
  const auto guests = guests_of_each_kind(true);
  if (guests.empty()) GTEST_SKIP() << "no guests: set DEFERSCOPE_GUESTS";
  for (const std::string& guest : guests) {
    SCOPED_TRACE(guest);
    a_terminal_session({DEFERSCOPE_PROGRAM, "step", guest});
    if (HasFatalFailure()) return;
  }
  a_terminal_session({DEFERSCOPE_PROGRAM, "step"});  // the demo
}

// Ctrl-C stops a command at work; the session goes on from there.
TEST(Step, CtrlCInterruptsARunningCommand) {
  std::string guest;
  for (const std::string& path : guest_files()) {
    const std::string name = std::filesystem::path(path).filename().string();
    if (name.find("linux_amd64") != std::string::npos && name.find("cases") == 0) guest = path;
  }
  if (guest.empty()) GTEST_SKIP() << "no guest with a long case: set DEFERSCOPE_GUESTS";
  Terminal t({DEFERSCOPE_PROGRAM, "step", guest, "bench-all"});
  ASSERT_TRUE(t.sees("(ds) ")) << t.all();
  t.type("c\n");
  ASSERT_TRUE(t.sees("c\r\n")) << t.all();
  t.type("\x03");
  ASSERT_TRUE(t.sees("interrupted")) << t.all();
  ASSERT_TRUE(t.sees("(ds) ")) << t.all();
  t.type("rsi 100000000000\n");
  ASSERT_TRUE(t.sees("(ds) ")) << t.all();
  t.type("when\n");
  ASSERT_TRUE(t.sees("seen so far")) << t.all();
  t.type("quit\n");
  EXPECT_EQ(t.wait(), 0) << t.all();
}

}  // namespace
}  // namespace deferscope::test
