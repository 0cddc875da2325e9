// Calls on descriptors: open, read, write, seek, dup, fcntl, pipes, lists of names.
#include "emu/posix/files.h"

#include <algorithm>
#include <cstring>

#include "emu/linux/call.h"
#include "emu/posix/directories.h"
#include "emu/posix/paths.h"
#include "emu/posix/pipes.h"

namespace deferscope::emu::linux_ {

// --- open ---

namespace {

constexpr Access kAccess[4] = {Access::Read, Access::Write, Access::ReadWrite, Access::Other};

// Opens a path argument as the flags say.
Result open_at(Call& c, int dirfd, uint64_t path_at, uint64_t flags, uint64_t perm) {
  HostPath path;
  if (const Result e = c.get_path(dirfd, path_at, path); !e) return e;
  OpenHow how = open_how(static_cast<uint32_t>(flags), c.s.column());
  how.perm = static_cast<uint32_t>(perm) & 07777;
  return open_path(c, path, how);
}

}  // namespace

OpenHow open_how(uint32_t flags, int column) {
  using namespace open_flag;
  if (flags & PATH) flags &= PATH | CLOEXEC | DIRECTORY[column] | NOFOLLOW[column];  // the others mean nothing then
  OpenHow how;
  how.access = kAccess[flags & ACCMODE];
  how.create = flags & CREAT;
  how.exclusive = flags & EXCL;
  how.truncate = flags & TRUNC;
  how.append = flags & APPEND;
  how.nonblocking = flags & NONBLOCK;
  how.close_on_exec = flags & CLOEXEC;
  how.name_only = flags & PATH;
  how.directory = flags & DIRECTORY[column];
  how.keep_link = flags & NOFOLLOW[column];
  how.temporary = flags & TMPFILE;
  return how;
}

uint32_t open_flags(const OpenFile& f) {
  using namespace open_flag;
  return static_cast<uint32_t>(f.access) | (f.append ? APPEND : 0) | (f.nonblocking ? NONBLOCK : 0) |
         (f.name_only ? PATH : 0);
}

Result sys_openat(Call& c) { return open_at(c, c.fd(0), c.a[1], c.a[2], c.a[3]); }
Result sys_open(Call& c) { return open_at(c, at::FDCWD, c.a[0], c.a[1], c.a[2]); }
Result sys_creat(Call& c) {
  return open_at(c, at::FDCWD, c.a[0], open_flag::CREAT | open_flag::WRONLY | open_flag::TRUNC, c.a[1]);
}

Result sys_close(Call& c) {
  if (!file_of(c.s, c.fd())) return Error::BADF;
  drop_fd(c.s, c.fd());
  return 0;
}

Result sys_close_range(Call& c) {
  constexpr uint64_t kCloexec = 4;
  const auto first = static_cast<uint32_t>(c.a[0]), last = static_cast<uint32_t>(c.a[1]);
  if (first > last) return Error::INVAL;
  std::vector<int> hit;
  for (const auto& [fd, d] : c.s.fds)
    if (static_cast<uint32_t>(fd) >= first && static_cast<uint32_t>(fd) <= last) hit.push_back(fd);
  for (int fd : hit) {
    if (c.a[2] & kCloexec)
      c.s.fds[fd].cloexec = true;
    else
      drop_fd(c.s, fd);
  }
  return 0;
}

// --- read and write ---

namespace {

// struct iovec
Result get_parts(Call& c, std::vector<Part>& out) {
  constexpr uint64_t kMaxVectors = 1024;
  if (c.a[2] > kMaxVectors) return Error::INVAL;
  out.resize(c.a[2]);
  return c.memory().read(c.a[1], out.data(), out.size() * sizeof(Part)) ? kOk : Error::FAULT;
}

Result read_vectors(Call& c, std::optional<uint64_t> position) {
  std::vector<Part> parts;
  if (const Result e = get_parts(c, parts); !e) return e;
  return read_parts(c, c.fd(), parts, position);
}

Result write_vectors(Call& c, std::optional<uint64_t> position) {
  std::vector<Part> parts;
  if (const Result e = get_parts(c, parts); !e) return e;
  return write_parts(c, c.fd(), parts, position);
}

bool negative(uint64_t offset) { return static_cast<int64_t>(offset) < 0; }

}  // namespace

Result sys_read(Call& c) { return read_file(c, c.fd(), c.a[1], c.a[2], std::nullopt); }
Result sys_write(Call& c) { return write_file(c, c.fd(), c.a[1], c.a[2], std::nullopt); }
Result sys_pread64(Call& c) { return negative(c.a[3]) ? Error::INVAL : read_file(c, c.fd(), c.a[1], c.a[2], c.a[3]); }
Result sys_pwrite64(Call& c) { return negative(c.a[3]) ? Error::INVAL : write_file(c, c.fd(), c.a[1], c.a[2], c.a[3]); }
Result sys_readv(Call& c) { return read_vectors(c, std::nullopt); }
Result sys_writev(Call& c) { return write_vectors(c, std::nullopt); }
Result sys_preadv(Call& c) { return negative(c.a[3]) ? Error::INVAL : read_vectors(c, c.a[3]); }
Result sys_pwritev(Call& c) { return negative(c.a[3]) ? Error::INVAL : write_vectors(c, c.a[3]); }

// --- position, duplicates, flags ---

Result sys_lseek(Call& c) {
  std::optional<Whence> whence;
  if (c.a[2] <= 2) whence = static_cast<Whence>(c.a[2]);  // SEEK_SET, SEEK_CUR, SEEK_END
  return seek_file(c, c.fd(), static_cast<int64_t>(c.a[1]), whence);
}

Result sys_dup(Call& c) { return file_of(c.s, c.fd()) ? new_fd(c.s, c.s.fds.at(c.fd()).file, false) : Error::BADF; }

Result sys_dup2(Call& c) {
  if (c.fd(0) == c.fd(1)) return file_of(c.s, c.fd()) ? Result(c.fd()) : Error::BADF;
  return dup_to(c.s, c.fd(0), c.fd(1), false);
}

Result sys_dup3(Call& c) {
  if (c.fd(0) == c.fd(1)) return Error::INVAL;
  return dup_to(c.s, c.fd(0), c.fd(1), c.a[2] & open_flag::CLOEXEC);
}

Result sys_fcntl(Call& c) {
  enum : uint64_t {
    DupFd = 0,
    GetFd,
    SetFd,
    GetFl,
    SetFl,
    GetLk,
    SetLk,
    SetLkW,
    OfdGetLk = 36,
    OfdSetLk,
    OfdSetLkW,
    DupCloexec = 1030,
    SetPipe = 1031,
    GetPipe = 1032
  };
  OpenFile* f = file_of(c.s, c.fd());
  if (!f) return Error::BADF;
  Descriptor& d = c.s.fds.at(c.fd());
  switch (c.a[1]) {
    case DupFd:
    case DupCloexec:
      if ((c.a[2] & 0xffffffff) >= c.s.open_files.soft) return Error::INVAL;
      return new_fd(c.s, d.file, c.a[1] == DupCloexec, static_cast<int>(c.a[2]));
    case GetFd: return d.cloexec;
    case SetFd: return d.cloexec = c.a[2] & 1, 0;
    case GetFl: return open_flags(*f) | (f->is<HostFile, ScratchFile>() ? open_flag::LARGEFILE[c.s.column()] : 0);
    case SetFl:
      f->append = c.a[2] & open_flag::APPEND;
      f->nonblocking = c.a[2] & open_flag::NONBLOCK;
      return 0;
    case GetLk:
    case OfdGetLk: return c.put(c.a[2], uint16_t{2}) ? kOk : Error::FAULT;  // F_UNLCK: one process, no conflicts
    case SetLk:
    case SetLkW:
    case OfdSetLk:
    case OfdSetLkW: return 0;
    case SetPipe:
    case GetPipe: {
      const auto* end = f->as<PipeEnd>();
      return end ? Result(static_cast<int64_t>(c.s.pipes.at(end->pipe).capacity)) : Error::BADF;
    }
    default: return Error::INVAL;
  }
}

Result sys_ioctl(Call& c) {
  constexpr uint64_t kNonBlock = 0x5421, kCloexec = 0x5451, kAvailable = 0x541b;
  OpenFile* f = opened_file(c.s, c.fd());
  if (!f) return Error::BADF;
  int32_t on = 0;
  switch (c.a[1] & 0xffffffff) {
    case kNonBlock:
      if (!c.get(c.a[2], on)) return Error::FAULT;
      f->nonblocking = on != 0;
      return 0;
    case kCloexec: return c.s.fds.at(c.fd()).cloexec = true, 0;
    case kAvailable: {
      const auto* end = f->as<PipeEnd>();
      if (!end || end->writes) return Error::NOTTY;
      return c.put(c.a[2], static_cast<int32_t>(c.s.pipes.at(end->pipe).bytes.size())) ? kOk : Error::FAULT;
    }
    default: return Error::NOTTY;  // nothing here is a terminal
  }
}

Result sys_ftruncate(Call& c) {
  OpenFile* f = opened_file(c.s, c.fd());
  return f ? truncate_file(c, *f, static_cast<int64_t>(c.a[1])) : Error::BADF;
}

Result sys_fallocate(Call& c) { return opened_file(c.s, c.fd()) ? Error::OPNOTSUPP : Error::BADF; }

Result sys_fsync(Call& c) {
  const OpenFile* f = opened_file(c.s, c.fd());
  if (!f) return Error::BADF;
  return f->is<HostFile, ScratchFile, Directory>() ? kOk : Error::INVAL;
}

Result sys_fchmod(Call& c) {
  const OpenFile* f = opened_file(c.s, c.fd());
  return f ? chmod_file(c, *f, static_cast<uint32_t>(c.a[1])) : Error::BADF;
}

Result sys_fchdir(Call& c) {
  const OpenFile* f = file_of(c.s, c.fd());
  if (!f) return Error::BADF;
  if (!f->is<Directory>()) return Error::NOTDIR;
  change_directory(c.s, f->path, f->handle() ? c.s.fds.at(c.fd()).file : 0);
  return 0;
}

// --- pipes and eventfds ---

namespace {

constexpr uint32_t kNew = open_flag::CLOEXEC | open_flag::NONBLOCK;

Result pipe_with(Call& c, uint32_t flags) {
  constexpr uint32_t kDirect = 0x4000, kNotify = 0x10000;
  int32_t fds[2];
  if (flags & ~(kNew | kDirect | kNotify)) return Error::INVAL;
  if (const Result e = make_pipe(c, flags & open_flag::NONBLOCK, flags & open_flag::CLOEXEC, fds); !e) return e;
  if (c.memory().write(c.a[0], fds, sizeof fds)) return 0;
  for (int fd : fds) drop_fd(c.s, fd);
  return Error::FAULT;
}

Result eventfd_with(Call& c, uint32_t flags) {
  constexpr uint32_t kSemaphore = 1;
  if (flags & ~(kNew | kSemaphore)) return Error::INVAL;
  OpenFile f;
  f.kind = EventCounter{static_cast<uint32_t>(c.a[0]), (flags & kSemaphore) != 0};
  f.access = Access::ReadWrite;
  f.nonblocking = flags & open_flag::NONBLOCK;
  f.path = "anon_inode:[eventfd]";
  return new_fd(c.s, new_file(c.s, f), flags & open_flag::CLOEXEC);
}

}  // namespace

Result sys_pipe(Call& c) { return pipe_with(c, 0); }
Result sys_pipe2(Call& c) { return pipe_with(c, static_cast<uint32_t>(c.a[1])); }
Result sys_eventfd(Call& c) { return eventfd_with(c, 0); }
Result sys_eventfd2(Call& c) { return eventfd_with(c, static_cast<uint32_t>(c.a[1])); }

// --- directories ---

namespace {

// One struct linux_dirent64: ino, off, reclen, type, name; padded to 8.
size_t record_size(const std::string& name) { return (19 + name.size() + 1 + 7) & ~size_t{7}; }

void add_record(std::string& out, uint64_t inode, uint64_t next, uint8_t type, const std::string& name) {
  const size_t size = record_size(name);
  std::string record(size, '\0');
  const auto length = static_cast<uint16_t>(size);
  std::memcpy(record.data(), &inode, 8);
  std::memcpy(record.data() + 8, &next, 8);
  std::memcpy(record.data() + 16, &length, 2);
  record[18] = static_cast<char>(type);
  name.copy(record.data() + 19, name.size());
  out += record;
}

constexpr RecordForm kRecords = {record_size, add_record, 16};

}  // namespace

Result sys_getdents64(Call& c) {
  constexpr uint64_t kMost = 1 << 20;
  OpenFile* f = opened_file(c.s, c.fd());
  if (!f) return Error::BADF;
  std::string records;
  if (const Result e = next_records(c, *f, kRecords, std::min<uint64_t>(c.a[2] & 0xffffffff, kMost), records); !e)
    return e;
  const Result done = copy_out(c, c.a[1], records);
  if (done) f->offset += records.size();
  return done;
}

}  // namespace deferscope::emu::linux_
