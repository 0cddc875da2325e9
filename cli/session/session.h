// The stepper behind the prompt: commands in, text out. It knows no terminal: `deferscope step` (cli/step.cpp) puts a
// prompt in front, tests and later front ends talk to it directly.
//
//     Session s(std::move(machine), options);
//     Reply r = s.execute("break jmpdefer main.main");
//     r = s.execute("c");      // r.text: where it stands and why
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "emu/machine.h"

namespace deferscope::cli {

struct SessionOptions {
  std::string syntax = "go";                                    // go, asm, gnu
  std::vector<std::string> source_dirs;                         // source files are read only below these …
  std::vector<std::pair<std::string, std::string>> source_map;  // … and where these prefixes lead (OLD, NEW)
  uint64_t snapshot_budget = uint64_t{512} << 20;               // bytes
  std::string spill;                                            // a directory for the guest's input; empty: memory
  std::function<void(const std::string&)> progress;  // told now and then while a command takes long; may be empty
};

struct Reply {
  bool ok = true;     // false: the text says what was wrong; the session goes on
  bool quit = false;  // the user wants to leave
  // Lines with style marks: \x01 and a letter begin a style (b bold, d dim, c changed, w why, e error), \x02 ends it.
  // plain() drops them.
  std::string text;
  std::string plain() const;
};

class Core;

class Session {
 public:
  // Takes a freshly booted machine, turns recording on and runs to main.main (or stays at the first instruction of a
  // program without one).
  Session(std::unique_ptr<emu::Machine> machine, SessionOptions options);
  ~Session();

  // One line: a command, or several with `;` between them (the first that fails ends the line). Never throws for what
  // is typed.
  Reply execute(const std::string& line);
  // Where it stands now, as after a stop.
  std::vector<std::string> notes() const;  // what the model does not know of this program; one line each
  Reply greeting();
  // Safe from a signal handler: the command at work (else the next one) ends at its next check and says so.
  void interrupt();
  // Whether one is waiting; it is taken back.
  bool take_interrupt();
  // What the last word of `line` could become.
  std::vector<std::string> complete(const std::string& line) const;

  const emu::Machine& machine() const;
  uint64_t position() const;
  Core& core() { return *core_; }

 private:
  Reply one(const std::string& command);
  std::unique_ptr<Core> core_;
  std::string last_;  // repeated by an empty line
};

}  // namespace deferscope::cli
