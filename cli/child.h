// Another program, run to its end. For the time before a guest runs: afterwards deferscope is confined.
#pragma once
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace deferscope::cli {

struct Child {
  std::vector<std::string> command;                                   // [0] is looked up on PATH
  std::vector<std::pair<std::string, std::string>> environment = {};  // set beside ours
  std::string directory = {};                                         // "": ours
};

struct ChildEnd {
  int status = 0;  // as exit(3); 128 + the signal
  std::string out, err;
};

// Its standard input is empty. nullopt if there is no such program; throws emu::Error if it cannot be run.
std::optional<ChildEnd> run_child(const Child& child);

}  // namespace deferscope::cli
