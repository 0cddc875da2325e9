// What an Os does around its calls, whatever system it is: the budget, what is due, threads' places, descriptions.
#pragma once
#include <string>

#include "emu/posix/context.h"

namespace deferscope::emu::posix {

// Around whatever may change what the process holds: the machine's budget and ours know of each other.
class Budget {
 public:
  Budget(State& s, MachineState& m) : s_(s), m_(m) { s.holdings.pages = m.memory.own_bytes(); }
  ~Budget() { m_.memory.set_other_bytes(s_.holdings.held); }
  Budget(const Budget&) = delete;
  Budget& operator=(const Budget&) = delete;

 private:
  State& s_;
  MachineState& m_;
};

uint64_t shared_bytes(const State& s);  // what copies share: pieces of files in /tmp, and what stands behind mappings
void wake_due(State& s, MachineState& m, HostPort& host);
uint64_t next_ns(const State& s, const MachineState& m, bool only_wakers);
// Behind each call: what it let go of is closed, and those that wait for what it changed go on.
void settle_call(Context& c);
void write_back_all(State& s, MachineState& m, HostPort& host);  // the process ended without a call
// Of a thread, in a few words; `call`: what it waits in.
std::string describe_thread(const State& s, const Thread& t, const std::string& call);

size_t live_threads(const MachineState& m);
// A new thread takes the place of one that ended, or a new one; where it is.
size_t place_thread(MachineState& m, const Thread& thread);

}  // namespace deferscope::emu::posix
