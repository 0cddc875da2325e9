// What the compiler wrote down beside a function's code: FUNCDATA, PCDATA, frame size, deferreturn, open-coded defers;
// as lines of text for the listing.
#pragma once
#include <string>
#include <vector>

#include "cli/listing.h"

namespace deferscope::cli {

// The lines under a function's header: argument bytes, where deferreturn is called, each FUNCDATA with its address and,
// for open-coded defers, where deferBits and the closures lie (relative to varp: the caller's SP less 16 on x86-64,
// less 8 on arm64).
std::string function_notes(const Listing& listing, const loader::Func& f);

// Lines for the PCDATA values and the frame size that start to hold at an address. Ask in order of address.
class PcNotes {
 public:
  PcNotes(const Listing& listing, const loader::Func& f);
  std::vector<std::string> at(std::uint64_t pc);

 private:
  const Listing& listing_;
  const loader::Func& f_;
  std::vector<std::int64_t> values_;  // PCDATA tables, then the frame size
};

}  // namespace deferscope::cli
