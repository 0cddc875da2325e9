// Why an instruction does what it does, in Go's terms: what only functions' names, frame tables and the runtime's
// structures can tell. Nothing here knows an address; everything is recognised by name, by frame size and by what the
// words in memory mean.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "runtime_model/guest.h"
#include "runtime_model/roles.h"
#include "traces/prediction.h"

namespace deferscope::traces {

// The moment before the instruction, as the explainer sees it.
struct Scene {
  const model::Program* program = nullptr;  // nullptr: plain words only
  const Namer* names = nullptr;
  const emu::MachineState* state = nullptr;
  const isa::CpuModel* cpu = nullptr;
  std::vector<model::Frame> frames;  // of the stack that the instruction runs on, innermost first; may be empty
  model::Who who;
  uint64_t running_g = 0;  // the g that the thread has at hand: g0 on the system stack
  int inline_slot = -1;    // of the open-coded defer that its function's exit is running; -1: none
  std::function<std::string(uint64_t pc)> text;   // of an instruction, as the pane prints it
  std::function<std::string(uint64_t pc)> place;  // "main.main+73"
  // What the words of the stack around an address are for, and the records and closures there; may be empty.
  std::function<model::Roles(uint64_t address)> roles;
};

// One string a line; never empty.
std::vector<std::string> explain(const Prediction& e, const Scene& scene);

}  // namespace deferscope::traces
