// The chains of a goroutine as lines of text: what is running, what is pending, which panics are at work.
#pragma once
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace deferscope::cli {

class Core;

// One line for the pane; empty where there is no goroutine.
std::string chain_summary(const Core& core);
// All of it, a record or slot a line. `goid` 0: the current goroutine.
std::vector<std::string> defer_lines(const Core& core, uint64_t g);
std::vector<std::string> panic_lines(const Core& core, uint64_t g);

struct GoroutineSeen {
  uint64_t g = 0, goid = 0, status = 0, pc = 0, sp = 0, wait_reason = 0;
  bool current = false, running = false;
  int tid = 0;  // of the thread that it runs on; 0: none
};
std::vector<GoroutineSeen> goroutines_seen(const Core& core);

// Fields of the records that lie on the stack, for drawings: (address, "_defer.fn").
std::vector<std::pair<uint64_t, std::string>> record_names(const Core& core);

}  // namespace deferscope::cli
