// WHERE: how a user names a moment of a run, or a place in its code. One grammar for every command.
//
//   61,204  @61204    that position        main.f              its first instruction, and those of its inlined copies
//   @+100  @-100      so far from here     main.f+0x1c  +28    that instruction
//   start             main.main's first    main.go:12          that line's first, in each function that has it
//   end  50%          of the whole run     main.f:3            the line 3 below the function's first
//   event:12          where it happens     /re/                functions whose name matches
//                                          *0x452e80           that address
//   12  +3  -3: positions for commands that want a moment (snap --at, goto); for those that want a place (break, until,
//   list), lines of the file at hand. A function may be named by its tail behind a dot or slash: "(*T).Close",
//   "jmpdefer".
//
// A place with #N is the moment at which it is reached the N-th time in the run.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "emu/machine.h"
#include "runtime_model/tracker.h"

namespace deferscope::model {

struct Where {
  enum Kind : uint8_t { position, share, start, end, event, addresses } kind = position;
  uint64_t number = 0;            // position, event
  double part = 0;                // share: 0 to 1
  std::vector<uint64_t> targets;  // addresses: any of them
  uint64_t nth = 0;               // addresses: which time; 0: not said
  std::string text;
  std::string doubt;  // why it may never come, as a clause; empty mostly
  bool is_moment() const { return kind != addresses || nth; }
};

// What relative forms start from.
struct Here {
  uint64_t pc = 0;
  emu::Position at = 0;
  std::function<uint64_t(const std::string&)> address;  // of an expression behind '*'; empty: numbers only
};
enum class Bare : uint8_t { moment, line };  // what a number alone is

// Throws Error where the text is malformed or names nothing in this program; nullptr: no Go program, which has moments
// and addresses only. `here` nullptr: relative forms are refused.
Where parse_where(const Program* program, std::string_view text, Bare bare = Bare::moment, const Here* here = nullptr);

// How time is moved. `run` goes forwards and ends at hooks too.
struct Travel {
  std::function<emu::Stop(emu::Position)> run;
  std::function<void(emu::Position)> seek;
};
Travel travel_of(emu::Machine& machine);

// Goes to the moment; of a place without #N: to the first time. The machine must have been recording from position 0;
// `tracker` is needed for events. Sets and clears the machine's hooks. Throws Error if the guest ends before; it then
// stands at the exit.
void go_to(emu::Machine& machine, const Program* program, const Tracker* tracker, const Where& where,
           const Travel& travel);

}  // namespace deferscope::model
