// What the runtime model throws: one clear line.
#pragma once
#include <stdexcept>

namespace deferscope::model {

class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace deferscope::model
