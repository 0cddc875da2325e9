// What the loader throws.
#pragma once
#include <stdexcept>

namespace deferscope::loader {

// A file that cannot be used. what() is one line that names the file, says what is wrong and, where there is a way,
// what to do.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace deferscope::loader
