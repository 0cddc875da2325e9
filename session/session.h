// A debugging session over one run of a guest, as typed values: where it stands and why, frames, variables, chains,
// breakpoints, motion both ways, time, edits. No sentence, no file, no terminal: front ends (a prompt, a full screen, a
// server) sit on this and nothing else. Each subject has a header of its own; this one puts them together.
//
//     session::Session s(std::move(machine), {});
//     s.breakpoints().add(s.breakpoints().at_event(session::EventPoint::jmpdefer, "main.main"));
//     const session::Stop stop = s.look(s.motion().run());   // reason, position, who, frames, changes, why
//
// Whatever is asked throws session::Error, one line, if it cannot be done.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime_model/c_frames.h"
#include "session/breakpoints.h"
#include "session/chains.h"
#include "session/expressions.h"
#include "session/focus.h"
#include "session/halt.h"
#include "session/last_write.h"
#include "session/motion.h"
#include "session/places.h"
#include "session/reader.h"
#include "session/timeline.h"
#include "session/variables.h"

namespace deferscope::model {
class RoleFinder;
struct Roles;
}  // namespace deferscope::model

namespace deferscope::session {

struct Options {
  std::string syntax = "go";                            // of instructions: go, asm, gnu
  uint64_t snapshot_budget = uint64_t{512} << 20;       // bytes
  std::function<void(const Progress&)> progress;        // told now and then while something takes long; may be empty
  std::function<void(const model::Event&)> event = {};  // told of each event when it is first found; may be empty
};

struct RegisterChange {
  isa::Reg reg = 0;
  uint64_t before = 0, after = 0;
};

// A frame with its names.
struct FrameSeen {
  Frame frame;
  std::string place;  // "main.main+73"
  std::string line;   // "hello.go:7": of the innermost inlined function; empty if it is not known
  // Its logical frames, innermost first, each with the line it stands at: inlined functions, then its own. Empty if
  // its function is not known.
  std::vector<loader::InlineFrame> calls;
};
struct Trace {
  std::vector<FrameSeen> frames;  // innermost first
  bool complete = false;
  std::string stopped;                  // else: where and why it was cut
  std::vector<model::CFrame> c_frames;  // of C code, between those and before them
};

// Where the session stands, and why.
struct Stop {
  Halt halt;
  emu::Position position = 0;
  Who who;
  bool exited = false;
  int exit_status = 0;
  // These are empty where the guest has ended.
  Trace frames;
  std::vector<RegisterChange> changes;  // since the last look
  std::vector<std::string> why;         // what the instruction that is next means
  std::optional<Chains> chains;
};

class Session {
 public:
  // Takes a freshly booted machine, turns recording on and runs to main.main (or stays at the first instruction of a
  // program without one).
  Session(std::unique_ptr<emu::Machine> machine, Options options);
  ~Session();
  Session(const Session&) = delete;

  // --- what there is to see; everything but look() leaves all as it is ---
  // The answer after a motion, or at any time. The focus is whoever executes.
  Stop look(const Halt& halt = {});
  Trace frames(unsigned limit = 64) const;  // of the focus
  std::vector<Variable> variables(Variables::Set set, const std::string& filter = "") const {
    return variables_.of_frame(set, filter);
  }
  std::optional<Chains> chains() const { return chains(focus_.who().g); }
  std::optional<Chains> chains(uint64_t g) const { return read_chains(reader_, tracker_.get(), g); }
  std::vector<GoroutineSeen> goroutines() const { return session::goroutines(reader_, focus_); }
  std::vector<ThreadSeen> threads() const { return session::threads(reader_); }
  // What the instruction that is next does and means; one string a line.
  std::vector<std::string> explain() const;
  // What the words of a stack are for, of `frames` frames; nothing where nothing is known of it.
  model::Roles roles(const Standing& standing, size_t frames) const;
  std::string snapshot(bool raw) const;  // deferscope.snapshot/1; throws Error if the program is no Go program

  // --- what to stop at; add() gives it to the breakpoints ---
  Breakpoint breakpoint_at(const std::string& where);  // a place or a moment; empty: where the focus stands
  // What an expression occupies; `size` 0: all of it.
  Breakpoint watchpoint_on(const std::string& expression, bool read, bool write, uint64_t size = 0) const;

  // --- changes ---
  // REG, *ADDRESS, *(*TYPE)(ADDRESS) or a variable gets a value from here on; what it held is returned.
  struct Set {
    uint64_t before = 0, after = 0;
  };
  Set set(const std::string& what, uint64_t value);
  LastWrite last_write(uint64_t address, unsigned size) { return session::last_write(time_, reader_, address, size); }
  // A temporary breakpoint goes where it has stopped.
  void after_stop(const Halt& h);

  // --- the parts ---
  Timeline& time() { return time_; }
  const Timeline& time() const { return time_; }
  Motion& motion() { return motion_; }
  Breakpoints& breakpoints() { return breakpoints_; }
  const Breakpoints& breakpoints() const { return breakpoints_; }
  Places& places() { return places_; }
  const Places& places() const { return places_; }
  const Expressions& expressions() const { return expressions_; }
  const Variables& all_variables() const { return variables_; }
  Focus& focus() { return focus_; }
  const Focus& focus() const { return focus_; }
  Reader& reader() { return reader_; }
  const Reader& reader() const { return reader_; }
  const model::Program* program() const { return program_.get(); }  // nullptr: not a Go program that the model reads
  const model::Tracker* tracker() const { return tracker_.get(); }  // nullptr as program

 private:
  std::optional<Frame> frame_holding(const std::string& variable, uint64_t address) const;
  static std::unique_ptr<model::Program> program_of(const emu::Machine& machine);

  Timeline time_;
  std::unique_ptr<model::Program> program_;
  std::unique_ptr<model::Tracker> tracker_;
  Reader reader_;
  Focus focus_;
  Variables variables_;
  Expressions expressions_;
  Places places_;
  Breakpoints breakpoints_;
  Motion motion_;
  std::unique_ptr<model::RoleFinder> role_finder_;
  std::optional<isa::CpuState> looked_at_;  // registers at the last look
  struct Explained {
    emu::Position position = 0;
    std::string syntax;
    std::vector<std::string> words;
  };
  mutable std::optional<Explained>
      explained_;  // the last time, which is asked for twice: behind a step, before the next
};

}  // namespace deferscope::session
