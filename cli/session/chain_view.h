// The chains of a goroutine as lines of text: what is running, what is pending, which panics are at work.
#pragma once
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "runtime_model/guest.h"

namespace deferscope::cli {

class Core;

// One line for the pane; empty where there is no goroutine.
std::string chain_summary(const Core& core);
// All of it, a record or slot a line, of the goroutine whose g is given.
std::vector<std::string> defer_lines(const Core& core, uint64_t g);
std::vector<std::string> panic_lines(const Core& core, uint64_t g);
// One deferred call of the current goroutine with its captured words: `deferred N`, counting from 1.
std::vector<std::string> deferred_lines(const Core& core, uint64_t number);

struct GoroutineSeen {
  model::Goroutine g;
  uint64_t pc = 0, sp = 0;
  bool current = false;
  int tid = 0;  // of the thread that it runs on; 0: none
  std::string doing;
};
std::vector<GoroutineSeen> goroutines_seen(const Core& core);

// Fields of the records that lie on the stack, for drawings: (address, "_defer.fn").
std::vector<std::pair<uint64_t, std::string>> record_names(const Core& core);

}  // namespace deferscope::cli
