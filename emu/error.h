// What emu throws: one clear line (what, where, what to do).
#pragma once
#include <stdexcept>
#include <string>

namespace deferscope::emu {

class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace deferscope::emu
