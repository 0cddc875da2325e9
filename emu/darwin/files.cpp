// Calls on descriptors: open, read, write, seek, dup, fcntl, pipes.
#include "emu/posix/files.h"

#include <algorithm>

#include "emu/darwin/call.h"
#include "emu/posix/paths.h"
#include "emu/posix/pipes.h"

namespace deferscope::emu::darwin {

// --- open ---

namespace {

constexpr Access kAccess[4] = {Access::Read, Access::Write, Access::ReadWrite, Access::Other};

OpenHow open_how(uint32_t flags) {
  using namespace open_flag;
  OpenHow how;
  how.access = kAccess[flags & ACCMODE];
  how.create = flags & CREAT;
  how.exclusive = flags & EXCL;
  how.truncate = flags & TRUNC;
  how.append = flags & APPEND;
  how.nonblocking = flags & NONBLOCK;
  how.close_on_exec = flags & CLOEXEC;
  how.directory = flags & DIRECTORY;
  return how;
}

uint32_t open_flags(const OpenFile& f) {
  using namespace open_flag;
  return static_cast<uint32_t>(f.access) | (f.append ? APPEND : 0) | (f.nonblocking ? NONBLOCK : 0);
}

Result open_at(Call& c, int dirfd, uint64_t path_at, uint32_t flags, uint32_t perm) {
  using namespace open_flag;
  HostPath path;
  if ((flags & ACCMODE) == ACCMODE) return Error::INVAL;
  if (const Result e = c.get_path(dirfd, path_at, path); !e) return e;
  OpenHow how = open_how(flags);
  how.perm = perm & 07777;
  std::string target;
  if ((flags & NOFOLLOW) && link_target(c, path, target)) return Error::LOOP;
  if (flags & SYMLINK) how.keep_link = how.name_only = static_cast<bool>(link_target(c, path, target));
  return open_path(c, path, how);
}

}  // namespace

Result imp_open(Call& c) { return open_at(c, at::FDCWD, c.a[0], c.u32(1), c.u32(2)); }
Result imp_openat(Call& c) { return open_at(c, c.i32(), c.a[1], c.u32(2), c.u32(3)); }
Result imp_creat(Call& c) { return open_at(c, at::FDCWD, c.a[0], open_flag::CREAT | open_flag::TRUNC | 1, c.u32(1)); }

Result imp_close(Call& c) {
  if (!file_of(c.s, c.i32())) return Error::BADF;
  drop_fd(c.s, c.i32());
  return 0;
}

// --- read and write ---

namespace {

constexpr uint64_t kMostAtOnce = INT32_MAX;  // more is INVAL (bsd/kern/sys_generic.c)

// struct iovec
Result get_parts(Call& c, std::vector<Part>& out) {
  constexpr int kMaxVectors = 1024;
  if (c.i32(2) < 1 || c.i32(2) > kMaxVectors) return Error::INVAL;
  out.resize(c.u32(2));
  return c.memory().read(c.a[1], out.data(), out.size() * sizeof(Part)) ? kOk : Error::FAULT;
}

template <class Move>
Result at_position(Call& c, Move move) {
  if (static_cast<int64_t>(c.a[3]) < 0 || c.a[2] > kMostAtOnce) return Error::INVAL;
  return move(c, c.i32(), c.a[1], c.a[2], std::optional<uint64_t>(c.a[3]));
}

template <class Move>
Result in_parts(Call& c, Move move, std::optional<uint64_t> at) {
  std::vector<Part> parts;
  if (at && static_cast<int64_t>(*at) < 0) return Error::INVAL;
  if (const Result e = get_parts(c, parts); !e) return e;
  return move(c, c.i32(), parts, at);
}

}  // namespace

Result imp_read(Call& c) {
  return c.a[2] > kMostAtOnce ? Error::INVAL : read_file(c, c.i32(), c.a[1], c.a[2], std::nullopt);
}
Result imp_write(Call& c) {
  return c.a[2] > kMostAtOnce ? Error::INVAL : write_file(c, c.i32(), c.a[1], c.a[2], std::nullopt);
}
Result imp_pread(Call& c) { return at_position(c, read_file); }
Result imp_pwrite(Call& c) { return at_position(c, write_file); }

Result imp_readv(Call& c) { return in_parts(c, read_parts, std::nullopt); }
Result imp_writev(Call& c) { return in_parts(c, write_parts, std::nullopt); }
Result imp_preadv(Call& c) { return in_parts(c, read_parts, c.a[3]); }
Result imp_pwritev(Call& c) { return in_parts(c, write_parts, c.a[3]); }

// --- position, duplicates, flags ---

Result imp_lseek(Call& c) {
  std::optional<Whence> whence;
  if (c.u32(2) <= 2) whence = static_cast<Whence>(c.u32(2));  // SEEK_SET, SEEK_CUR, SEEK_END
  return seek_file(c, c.i32(), static_cast<int64_t>(c.a[1]), whence);
}

Result imp_dup(Call& c) { return file_of(c.s, c.i32()) ? new_fd(c.s, c.s.fds.at(c.i32()).file, false) : Error::BADF; }

Result imp_dup2(Call& c) {
  if (c.i32(0) == c.i32(1)) return file_of(c.s, c.i32()) ? Result(c.i32()) : Error::BADF;
  return dup_to(c.s, c.i32(0), c.i32(1), false);
}

namespace {

// F_GETPATH: the file's own path, links resolved.
Result get_path_of(Call& c, const OpenFile& f, uint64_t out) {
  if (f.path.empty() || f.path.size() >= 1024) return Error::NOENT;
  return c.memory().write(out, f.path.c_str(), f.path.size() + 1) ? kOk : Error::FAULT;
}

// One process: no lock is ever in the way.
Result get_lock(Call& c, uint64_t at) {
  constexpr uint64_t kTypeOffset = 20;
  constexpr int16_t kUnlocked = 2;
  return c.put(at + kTypeOffset, kUnlocked) ? kOk : Error::FAULT;
}

}  // namespace

Result imp_fcntl(Call& c) {
  enum : uint32_t {
    DupFd = 0,
    GetFd,
    SetFd,
    GetFl,
    SetFl,
    GetOwn,
    SetOwn,
    GetLk,
    SetLk,
    SetLkW,
    PreAllocate = 42,
    ReadAdvise = 44,
    ReadAhead = 45,
    NoCache = 48,
    GetPath = 50,
    FullFsync = 51,
    DupCloexec = 67,
    SetNoSigPipe = 73,
    GetNoSigPipe = 74,
    BarrierFsync = 85
  };
  OpenFile* f = file_of(c.s, c.i32());
  if (!f) return Error::BADF;
  Descriptor& d = c.s.fds.at(c.i32());
  switch (c.u32(1)) {
    case DupFd:
    case DupCloexec:
      if (c.u32(2) >= c.s.open_files.soft) return Error::INVAL;
      return new_fd(c.s, d.file, c.u32(1) == DupCloexec, c.i32(2));
    case GetFd: return d.cloexec;
    case SetFd: return d.cloexec = c.a[2] & 1, 0;
    case GetFl: return open_flags(*f);
    case SetFl:
      f->append = c.a[2] & open_flag::APPEND;
      f->nonblocking = c.a[2] & open_flag::NONBLOCK;
      return 0;
    case GetLk: return get_lock(c, c.a[2]);
    case GetPath: return get_path_of(c, *f, c.a[2]);
    case FullFsync:
    case BarrierFsync: return f->is<HostFile, ScratchFile, Directory>() ? kOk : Error::INVAL;
    case SetLk:
    case SetLkW:
    case PreAllocate:
    case ReadAdvise:
    case ReadAhead:
    case NoCache:
    case SetNoSigPipe:
    case GetNoSigPipe: return 0;
    default: return Error::INVAL;
  }
}

Result imp_ioctl(Call& c) {
  constexpr uint32_t kNonBlock = 0x8004667e, kCloexec = 0x20006601, kNoCloexec = 0x20006602, kAvailable = 0x4004667f;
  OpenFile* f = opened_file(c.s, c.i32());
  if (!f) return Error::BADF;
  int32_t on = 0;
  switch (c.u32(1)) {
    case kNonBlock:
      if (!c.get(c.a[2], on)) return Error::FAULT;
      f->nonblocking = on != 0;
      return 0;
    case kCloexec:
    case kNoCloexec: return c.s.fds.at(c.i32()).cloexec = c.u32(1) == kCloexec, 0;
    case kAvailable: {
      const auto* end = f->as<PipeEnd>();
      if (!end || end->writes) return Error::NOTTY;
      return c.put(c.a[2], static_cast<int32_t>(c.s.pipes.at(end->pipe).bytes.size())) ? kOk : Error::FAULT;
    }
    default: return Error::NOTTY;  // nothing here is a terminal
  }
}

Result imp_isatty(Call& c) { return file_of(c.s, c.i32()) ? Error::NOTTY : Error::BADF; }

Result imp_ftruncate(Call& c) {
  OpenFile* f = opened_file(c.s, c.i32());
  return f ? truncate_file(c, *f, static_cast<int64_t>(c.a[1])) : Error::BADF;
}

Result imp_fsync(Call& c) {
  const OpenFile* f = opened_file(c.s, c.i32());
  if (!f) return Error::BADF;
  return f->is<HostFile, ScratchFile, Directory>() ? kOk : Error::INVAL;
}

Result imp_flock(Call& c) { return opened_file(c.s, c.i32()) ? kOk : Error::BADF; }

Result imp_fchmod(Call& c) {
  const OpenFile* f = opened_file(c.s, c.i32());
  return f ? chmod_file(c, *f, c.u32(1)) : Error::BADF;
}

Result imp_fchdir(Call& c) {
  const OpenFile* f = file_of(c.s, c.i32());
  if (!f) return Error::BADF;
  if (!f->is<Directory>()) return Error::NOTDIR;
  change_directory(c.s, f->path, f->handle() ? c.s.fds.at(c.i32()).file : 0);
  return 0;
}

Result imp_pipe(Call& c) {
  int32_t fds[2];
  if (const Result e = make_pipe(c, false, false, fds); !e) return e;
  if (c.memory().write(c.a[0], fds, sizeof fds)) return 0;
  for (int fd : fds) drop_fd(c.s, fd);
  return Error::FAULT;
}

}  // namespace deferscope::emu::darwin
