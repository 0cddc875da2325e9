// Why an instruction does what it does, in Go's terms: what only functions' names, frame tables and the runtime's structures can tell. Nothing
// here knows an address; everything is recognised by name, by frame size and by what the words in memory mean.
#pragma once
#include <string>
#include <vector>

#include "runtime_model/program.h"
#include "traces/effect.h"

namespace deferscope::traces {

// One frame of the stack that the instruction runs on; innermost first.
struct FrameSeen {
  const model::Function* function = nullptr;
  uint64_t pc = 0, sp = 0, cfa = 0, ret = 0, ret_slot = 0;  // ret_slot 0: in LR
};

// What the explainer may ask about the moment before the instruction.
struct Scene {
  const model::Program* program = nullptr;
  const Namer* names = nullptr;
  const emu::MachineState* state = nullptr;
  std::vector<FrameSeen> frames;  // may be empty
  uint64_t g = 0;                 // the goroutine's g; 0: none
  std::string instruction_at_target;  // filled by the caller's text function through `text`
  std::string (*text)(const Scene&, uint64_t pc) = nullptr;
  const void* text_owner = nullptr;
};

// Plain words first, sharpened or replaced by what Go's runtime means by it. One string a line; never empty.
std::vector<std::string> explain(const Effect& e, const Scene& scene);

}  // namespace deferscope::traces
