// Linux' number for each error: the one place where errors become numbers.
#include "emu/linux/abi.h"

namespace deferscope::emu::linux_ {

int linux_errno(posix::Error error) {
  switch (error) {
    case posix::Error::None: return 0;
#define DEFERSCOPE_LINUX_ERRNO(name) \
  case posix::Error::name: return err::name;
      DEFERSCOPE_POSIX_ERRORS(DEFERSCOPE_LINUX_ERRNO)
#undef DEFERSCOPE_LINUX_ERRNO
  }
  return err::IO;
}

}  // namespace deferscope::emu::linux_
