#include "emu/posix/error.h"

#include <cerrno>

namespace deferscope::emu::posix {

Error error_of_host(int host_errno) {
  static const struct {
    int host;
    Error error;
  } kTable[] = {
      {EPERM, Error::PERM},           {ENOENT, Error::NOENT},
      {EINTR, Error::INTR},           {EIO, Error::IO},
      {ENXIO, Error::NXIO},           {EBADF, Error::BADF},
      {EAGAIN, Error::AGAIN},         {ENOMEM, Error::NOMEM},
      {EACCES, Error::ACCES},         {EBUSY, Error::BUSY},
      {EEXIST, Error::EXIST},         {EXDEV, Error::XDEV},
      {ENODEV, Error::NODEV},         {ENOTDIR, Error::NOTDIR},
      {EISDIR, Error::ISDIR},         {EINVAL, Error::INVAL},
      {ENFILE, Error::NFILE},         {EMFILE, Error::MFILE},
      {ENOTTY, Error::NOTTY},         {ETXTBSY, Error::TXTBSY},
      {EFBIG, Error::FBIG},           {ENOSPC, Error::NOSPC},
      {ESPIPE, Error::SPIPE},         {EROFS, Error::ROFS},
      {EMLINK, Error::MLINK},         {EPIPE, Error::PIPE},
      {ERANGE, Error::RANGE},         {ENAMETOOLONG, Error::NAMETOOLONG},
      {ENOSYS, Error::NOSYS},         {ENOTEMPTY, Error::NOTEMPTY},
      {ELOOP, Error::LOOP},           {EOVERFLOW, Error::OVERFLOW},
      {EOPNOTSUPP, Error::OPNOTSUPP}, {EDQUOT, Error::DQUOT},
  };
  for (const auto& row : kTable)
    if (row.host == host_errno) return row.error;
  return Error::IO;
}

}  // namespace deferscope::emu::posix
