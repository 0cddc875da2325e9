// What a guest asked for and no guest gets: other processes, the network, programs in folders that it does not see.
// Told as it happens (HostPort::refused), and counted for a closing line.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <utility>

namespace deferscope::emu {

enum class Refused : uint8_t {
  process,  // fork in any form, or exec; the name is the program's where the call has it
  connect,  // to an address that nobody here listens at
  look_up,  // of a program in the folders of PATH
  count
};
const char* to_string(Refused r);  // "process"

// "exec of /usr/bin/git", "connect to 10.0.0.1:443", "look-up of git in PATH".
std::string describe(Refused what, const std::string& name);

class Refusals {
 public:
  void add(Refused what, const std::string& name);
  bool empty() const { return counts_.empty(); }
  // "refused: exec of /usr/bin/git (2 times), look-up of git in PATH"; names as the guest made them.
  std::string text() const;

 private:
  std::map<std::pair<Refused, std::string>, uint64_t> counts_;  // a bounded number of names
  uint64_t others_ = 0;
};

}  // namespace deferscope::emu
