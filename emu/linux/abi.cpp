// errno of the host → errno of the guest.
#include "emu/linux/abi.h"

#include <cerrno>

namespace deferscope::emu::linux_ {

int guest_errno(int host) {
  static const struct {
    int host, guest;
  } kTable[] = {
      {EPERM, err::PERM},           {ENOENT, err::NOENT},       {EINTR, err::INTR},   {EIO, err::IO},
      {ENXIO, err::NXIO},           {EBADF, err::BADF},         {EAGAIN, err::AGAIN}, {ENOMEM, err::NOMEM},
      {EACCES, err::ACCES},         {EBUSY, err::BUSY},         {EEXIST, err::EXIST}, {EXDEV, err::XDEV},
      {ENODEV, err::NODEV},         {ENOTDIR, err::NOTDIR},     {EISDIR, err::ISDIR}, {EINVAL, err::INVAL},
      {ENFILE, err::NFILE},         {EMFILE, err::MFILE},       {ENOTTY, err::NOTTY}, {ETXTBSY, err::TXTBSY},
      {EFBIG, err::FBIG},           {ENOSPC, err::NOSPC},       {ESPIPE, err::SPIPE}, {EROFS, err::ROFS},
      {EMLINK, err::MLINK},         {EPIPE, err::PIPE},         {ERANGE, err::RANGE}, {ENAMETOOLONG, err::NAMETOOLONG},
      {ENOSYS, err::NOSYS},         {ENOTEMPTY, err::NOTEMPTY}, {ELOOP, err::LOOP},   {EOVERFLOW, err::OVERFLOW},
      {EOPNOTSUPP, err::OPNOTSUPP}, {EDQUOT, err::DQUOT},
  };
  for (const auto& row : kTable)
    if (row.host == host) return row.guest;
  return err::IO;
}

}  // namespace deferscope::emu::linux_
