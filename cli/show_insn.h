// `show` and `diff` of instruction traces.
#pragma once
#include <cstdint>
#include <string>

#include "cli/event_filter.h"
#include "cli/guest.h"

namespace deferscope::cli {

struct InsnShowFlags {
  std::string file;
  std::string binary;        // "": where the trace says that it was
  uint64_t at = UINT64_MAX;  // if given: this one alone, with all that is known of it
  bool json = false;
  bool all = false;  // also what --function and --goroutine of `trace` left out
  FilterFlags filter;
};

int show_instructions(const InsnShowFlags& flags);

// A run of the program against the trace of another one: as diff_instructions; 2: it could not run. Before anything
// else runs.
int check_instructions(const std::string& golden, const GuestFlags& guest);

// The first instruction at which two traces differ, as text. 0: none; 1: there is one.
int diff_instructions(const std::string& a, const std::string& b, const std::string& binary_a = "",
                      const std::string& binary_b = "");

}  // namespace deferscope::cli
