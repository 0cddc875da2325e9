// WHERE: how a user names a moment of a run.
//
//   61204, 61,204, @61204    a position
//   event:12                 the position of event 12
//   main.f                   its first instruction
//   main.f+0x1c, main.f+28   that instruction
//   *0x452e80                that address
//   main.go:12               the first instruction of that line (in each function that has it)
//
// with #N: the N-th time, the first if not said.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "emu/machine.h"
#include "runtime_model/tracker.h"

namespace deferscope::model {

struct Where {
  enum Kind : uint8_t { position, event, addresses } kind = position;
  uint64_t number = 0;            // position, event
  std::vector<uint64_t> targets;  // any of them
  uint64_t nth = 1;
  std::string text;
  std::string doubt;  // why it may never come, as a clause; empty mostly
};

// Throws Error where the text is malformed or names nothing in this program.
Where parse_where(const Program& program, std::string_view text);

// Runs (or seeks) until the moment. The machine must be recording for events, which may lie behind it. Sets and clears
// the machine's hooks. Throws Error if the guest ends before; it then stands at the exit.
void go_to(emu::Machine& machine, const Tracker& tracker, const Where& where);

}  // namespace deferscope::model
