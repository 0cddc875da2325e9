// What was asked cannot be done: one line that says why. The session goes on where it stands.
#pragma once
#include <stdexcept>

namespace deferscope::session {

class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// interrupt() ended it; the session stands where it came to.
class Interrupted : public Error {
 public:
  Interrupted() : Error("interrupted") {}
};

}  // namespace deferscope::session
