// The instructions that stand where a listing calls what it does not hold. Each is a few instructions around a call of
// a gate (listing.h), so that calls, returns, jumps of SP and PC are real and everything that reads code finds its way.
// Internal to the room.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "isa/isa.h"

namespace deferscope::loader {

struct Stub {
  enum Target : uint8_t { gate, function };
  struct Call {  // the CALL or BL at `offset` leads to a gate, or to another stub
    uint32_t offset = 0;
    Target target = gate;
    std::string name;
  };
  std::string name;
  std::vector<uint8_t> code;
  std::vector<Call> calls;
  std::vector<std::pair<uint32_t, int32_t>> sp;  // from that offset on, so many bytes below the return address
  uint8_t flag = 0;                              // of _func
};

// The stub of a function of the runtime in the manner of Go 1.`minor`. Those that have no row get one that calls the
// gate of its name and returns.
Stub make_stub(std::string_view name, isa::Isa isa, int minor);

// What is there whether a listing calls it or not.
std::vector<std::string> always_there(int minor);

// What a stub calls, as names of functions.
std::vector<std::string> called_by(const Stub& stub);

}  // namespace deferscope::loader
