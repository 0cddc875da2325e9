// Darwin's number for each error: the one place where errors become numbers.
#include "emu/darwin/abi.h"

namespace deferscope::emu::darwin {

int darwin_errno(posix::Error error) {
  switch (error) {
    case posix::Error::None: return 0;
#define DEFERSCOPE_DARWIN_ERRNO(name) \
  case posix::Error::name: return err::name;
      DEFERSCOPE_POSIX_ERRORS(DEFERSCOPE_DARWIN_ERRNO)
#undef DEFERSCOPE_DARWIN_ERRNO
  }
  return err::IO;
}

}  // namespace deferscope::emu::darwin
