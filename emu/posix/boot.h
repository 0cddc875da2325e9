// What starting a program has in common: its segments, its first stack, its directory.
#pragma once
#include <string>
#include <vector>

#include "emu/posix/context.h"

namespace deferscope::emu::posix {

// Maps all segments; the first page behind them. Throws emu::Error: a segment reaches beyond `limit`.
uint64_t map_image(State& s, MachineState& m, const loader::Image& image, uint64_t limit);

// The first thread's stack, from its upper end down.
class StackBuilder {
 public:
  StackBuilder(MachineState& m, uint64_t top) : m_(m), sp_(top) {}
  uint64_t bytes(const void* data, size_t n) {
    sp_ -= n;
    m_.memory.write(sp_, data, n);
    return sp_;
  }
  uint64_t string(const std::string& s) { return bytes(s.c_str(), s.size() + 1); }
  void align() { sp_ &= ~uint64_t{15}; }
  uint64_t sp() const { return sp_; }

 private:
  MachineState& m_;
  uint64_t sp_;
};

// What every guest gets, and what --env adds to it or replaces.
std::vector<std::string> environment(const GuestOptions& options);
std::string last_of_path(const GuestOptions& options);  // the last folder of its PATH
// The working directory stays the one that it was, whatever becomes of its name.
void hold_start_directory(State& s, MachineState& m, HostPort& host);

}  // namespace deferscope::emu::posix
