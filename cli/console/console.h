// The stepper behind the prompt: commands in, text out, on a session. It knows no terminal: `deferscope step`
// (cli/step.cpp) puts a prompt in front, tests talk to it directly.
//
//     Console c(std::move(machine), options);
//     Reply r = c.execute("break jmpdefer main.main");
//     r = c.execute("c");      // r.text: where it stands and why
#pragma once
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/console/text.h"
#include "session/grouped.h"
#include "session/operands.h"
#include "session/session.h"

namespace deferscope::cli {

using session::Breakpoint;
using session::EventPoint;
using session::grouped;
using session::Halt;
using session::Reason;
using session::Session;
using session::Stop;
using session::Value;
using session::Values;
using session::Variables;

struct ConsoleOptions {
  std::string syntax = "go";                                    // go, asm, gnu
  std::vector<std::string> source_dirs;                         // source files are read only below these …
  std::vector<std::pair<std::string, std::string>> source_map;  // … and where these prefixes lead (OLD, NEW)
  std::vector<std::pair<std::string, std::string>> carried;     // source files that deferscope has: path, text
  uint64_t snapshot_budget = uint64_t{512} << 20;               // bytes
  size_t width = 0;            // columns that lines are broken to fit; 0: they are left as they are
  bool (*ending)() = nullptr;  // whether all is about to end: what is interrupted then shows nothing more
  std::function<void(const std::string&)> progress;  // told now and then while a command takes long; may be empty
};

struct Reply {
  bool ok = true;     // false: the text says what was wrong; the console goes on
  bool quit = false;  // the user wants to leave
  // Lines with style marks: \x01 and a letter begin a style (b bold, d dim, c changed, w why, e error), \x02 ends it.
  // plain() drops them.
  std::string text;
  std::string plain() const;
};

// The commands of a line: `;` parts them, quotes hold them together.
std::vector<std::string> commands_of(const std::string& line);

class Console {
 public:
  Console(std::unique_ptr<emu::Machine> machine, ConsoleOptions options);
  ~Console();

  // One line: a command, or several with `;` between them (the first that fails ends the line). Never throws for what
  // is typed.
  Reply execute(const std::string& line);
  // Where it stands now, as after a stop.
  Reply greeting();
  // Safe from a signal handler: the command at work (else the next one) ends at its next check and says so.
  void interrupt() { session.time().interrupt(); }
  // Whether one is waiting; it is taken back.
  bool take_interrupt() { return session.time().take_interrupt(); }
  // What the last word of `line` could become.
  std::vector<std::string> complete(const std::string& line) const;

  // --- for the verbs (verbs_*.cpp) ---
  Session session;
  ConsoleOptions options;
  // A line, made to fit: long names shortened, broken between words, its other rows `hanging` spaces in (nothing: four
  // more than it begins with).
  void say(const std::string& line, std::optional<size_t> hanging = std::nullopt, size_t most_rows = 0);
  void print(const std::string& text) { output_ += text; }  // as it is
  bool whole = false;                                       // of the command at hand: nothing is shortened or cut
  void show_stop(const Halt& h);
  void show_motion(const Halt& h);  // and a temporary breakpoint goes
  std::string value_text(const Value& v) const;
  std::string chain_line() const;  // one line for the pane; empty where there is no goroutine
  std::vector<std::string> displays;
  std::map<emu::Position, std::string> notes;
  std::deque<emu::Position> back_stack, forward_stack;  // of jumps
  bool quiet = false;                                   // show_stop says nothing

 private:
  // One executed instruction that the pane explains.
  struct Explained {
    uint64_t pc = 0;
    model::Who who;
    std::vector<std::string> words;
  };

  Reply one(const std::string& command);
  Reply run_script(const std::string& file);
  bool show_reason(const Halt& h, const Stop& stop);
  void remember_step();  // before an instruction runs that the pane may show
  void look_back();
  bool narrow() const { return options.width != 0 && options.width < kNarrow && !whole; }
  std::string name_text(const std::string& text) const;
  std::string head(const Stop& stop) const;
  std::string source_line(uint64_t pc) const;
  struct Row;
  std::vector<Row> pane_rows(const Stop& stop, uint64_t before, uint64_t after);
  void say_pane(const Stop& stop);
  void say_narrow(const Stop& stop, const std::vector<std::string>& below);
  std::vector<uint64_t> rows_around(uint64_t pc, size_t before, size_t after) const;
  std::string changes(const Stop& stop) const;

  static constexpr size_t kNarrow = 100;  // columns: below, reasons stand under their instructions
  std::string output_;                    // of the command at hand
  std::string last_;                      // repeated by an empty line
  std::map<emu::Position, Explained> trail_;
  // Of the functions shown last: what depends on the program alone.
  mutable const model::Function* walked_ = nullptr;
  mutable std::vector<uint64_t> begins_;  // of its instructions, as far as they were asked for
  const model::Function* operands_of_ = nullptr;
  std::optional<session::Operands> operands_;
};

}  // namespace deferscope::cli
