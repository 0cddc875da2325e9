// Calls that name files: status, access, links, the current directory, changes below --allow-write.
#include "emu/posix/paths.h"

#include <algorithm>
#include <cstring>

#include "emu/linux/call.h"
#include "emu/posix/files.h"

namespace deferscope::emu::linux_ {

// --- status ---

namespace {

constexpr uint64_t kDevice = 1, kBlock = 4096;

int directory_of(int dirfd) { return dirfd == at::FDCWD ? kHere : std::max(dirfd, -1); }

uint64_t device_number(const Status& st) {
  constexpr uint64_t kMem = 1 << 8;  // major 1
  if (!st.device) return 0;
  if (std::holds_alternative<NullDevice>(*st.device)) return kMem | 3;
  return std::holds_alternative<ZeroDevice>(*st.device) ? kMem | 5 : kMem | 9;
}

// struct stat of the two instruction sets.
struct StatAmd64 {
  uint64_t dev, ino, nlink;
  uint32_t mode, uid, gid, pad;
  uint64_t rdev;
  int64_t size, blksize, blocks;
  TimeSpec atime, mtime, ctime;
  int64_t unused[3];
};
struct StatArm64 {
  uint64_t dev, ino;
  uint32_t mode, nlink, uid, gid;
  uint64_t rdev, pad1;
  int64_t size;
  int32_t blksize, pad2;
  int64_t blocks;
  TimeSpec atime, mtime, ctime;
  uint32_t unused[2];
};
static_assert(sizeof(StatAmd64) == 144 && sizeof(StatArm64) == 128);

template <class T>
void fill_stat(Call& c, const Status& st, T& out) {
  out.dev = kDevice;
  out.ino = st.inode;
  out.nlink = st.nlink;
  out.mode = st.mode;
  out.uid = out.gid = kGuestUid;
  out.rdev = device_number(st);
  out.size = static_cast<int64_t>(st.size);
  out.blksize = kBlock;
  out.blocks = static_cast<int64_t>((st.size + 511) / 512);
  const FileTimes times = times_of(c.s, st);
  out.atime = times.access;
  out.mtime = out.ctime = times.change;
}

Result put_stat(Call& c, uint64_t address, const Status& st) {
  StatAmd64 amd64{};
  StatArm64 arm64{};
  fill_stat(c, st, amd64);
  fill_stat(c, st, arm64);
  return (c.s.amd64() ? c.put(address, amd64) : c.put(address, arm64)) ? kOk : Error::FAULT;
}

// The …at calls' way to name a file: a path, or with AT_EMPTY_PATH the descriptor itself.
Result stat_at(Call& c, int dirfd, uint64_t path_at, uint64_t flags, Status& st, bool* can_write = nullptr) {
  std::string raw;
  HostPath path;
  if (path_at == 0 && !(flags & at::EMPTY_PATH)) return Error::FAULT;
  if (path_at != 0)
    if (const Result e = c.get_path(path_at, raw); !e) return e;
  if (raw.empty() && (flags & at::EMPTY_PATH)) {
    if (dirfd == at::FDCWD) return stat_path(c, c.s.cwd, true, st, can_write);
    const OpenFile* f = file_of(c.s, dirfd);
    return f ? stat_file(c, *f, st) : Error::BADF;
  }
  if (const Result e = full_path(c, directory_of(dirfd), raw, path); !e) return e;
  return stat_path(c, path, !(flags & at::SYMLINK_NOFOLLOW), st, can_write);
}

Result stat_call(Call& c, int dirfd, uint64_t path_at, uint64_t flags, uint64_t out) {
  Status st;
  const Result e = stat_at(c, dirfd, path_at, flags, st);
  return !e ? e : put_stat(c, out, st);
}

}  // namespace

Result Call::get_path(uint64_t address, std::string& out) {
  if (memory().read_string(address, out, 4096)) return 0;
  return memory().fault == isa::Fault::None ? Error::NAMETOOLONG : Error::FAULT;
}

Result Call::get_path(int dirfd, uint64_t address, HostPath& out) {
  std::string raw;
  if (const Result e = get_path(address, raw); !e) return e;
  return full_path(*this, directory_of(dirfd), raw, out);
}

Result sys_stat(Call& c) { return stat_call(c, at::FDCWD, c.a[0], 0, c.a[1]); }
Result sys_lstat(Call& c) { return stat_call(c, at::FDCWD, c.a[0], at::SYMLINK_NOFOLLOW, c.a[1]); }
Result sys_newfstatat(Call& c) { return stat_call(c, c.fd(), c.a[1], c.a[3], c.a[2]); }

Result sys_fstat(Call& c) {
  const OpenFile* f = file_of(c.s, c.fd());
  if (!f) return Error::BADF;
  Status st;
  const Result e = stat_file(c, *f, st);
  return !e ? e : put_stat(c, c.a[1], st);
}

Result sys_statx(Call& c) {
  struct StatxTime {
    int64_t sec;
    uint32_t nsec, pad;
  };
  struct Statx {
    uint32_t mask, blksize;
    uint64_t attributes;
    uint32_t nlink, uid, gid;
    uint16_t mode, pad;
    uint64_t ino, size, blocks, attributes_mask;
    StatxTime atime, btime, ctime, mtime;
    uint32_t rdev_major, rdev_minor, dev_major, dev_minor;
    uint64_t unused[14];
  } out{};
  static_assert(sizeof(Statx) == 256);
  constexpr uint32_t kBasic = 0x7ff;
  Status st;
  if (const Result e = stat_at(c, c.fd(), c.a[1], c.a[2], st); !e) return e;
  out.mask = kBasic;
  out.blksize = kBlock;
  out.nlink = st.nlink;
  out.uid = out.gid = kGuestUid;
  out.mode = static_cast<uint16_t>(st.mode);
  out.ino = st.inode;
  out.size = st.size;
  out.blocks = (st.size + 511) / 512;
  const FileTimes times = times_of(c.s, st);
  out.atime.sec = times.access.sec;
  out.atime.nsec = static_cast<uint32_t>(times.access.nsec);
  out.mtime.sec = out.ctime.sec = times.change.sec;
  out.mtime.nsec = out.ctime.nsec = static_cast<uint32_t>(times.change.nsec);
  out.rdev_major = static_cast<uint32_t>(device_number(st) >> 8);
  out.rdev_minor = static_cast<uint32_t>(device_number(st) & 255);
  out.dev_minor = kDevice;
  return c.put(c.a[4], out) ? kOk : Error::FAULT;
}

namespace {

Result put_statfs(Call& c, uint64_t address) {
  struct {
    int64_t type, bsize;
    uint64_t blocks, bfree, bavail, files, ffree;
    int32_t fsid[2];
    int64_t namelen, frsize, flags, spare[4];
  } out{};
  out.type = 0x01021994;  // tmpfs
  out.bsize = out.frsize = kBlock;
  out.blocks = out.bfree = out.bavail = 1 << 20;
  out.files = out.ffree = 1 << 20;
  out.namelen = 255;
  return c.put(address, out) ? kOk : Error::FAULT;
}

}  // namespace

Result sys_statfs(Call& c) {
  HostPath path;
  Status st;
  if (const Result e = c.get_path(at::FDCWD, c.a[0], path); !e) return e;
  const Result e = stat_path(c, path, true, st);
  return !e ? e : put_statfs(c, c.a[1]);
}

Result sys_fstatfs(Call& c) { return file_of(c.s, c.fd()) ? put_statfs(c, c.a[1]) : Error::BADF; }

// --- access and links ---

namespace {

// Some calls have a younger form with flags in the same row's function; the older one's argument there means nothing.
uint64_t flags_of(const Call& c, const char* younger, int argument) {
  return std::strcmp(syscall_row(c.op.call).name, younger) == 0 ? c.a[argument] & 0xffffffff : 0;
}

Result access_path(Call& c, int dirfd, uint64_t path_at, uint64_t how, bool follow) {
  constexpr uint64_t kReadable = 4, kWritable = 2, kExecutable = 1;
  HostPath path;
  if (const Result e = c.get_path(dirfd, path_at, path); !e) return e;
  if (how & ~uint64_t{7}) return Error::INVAL;
  return may_access(c, path, {(how & kReadable) != 0, (how & kWritable) != 0, (how & kExecutable) != 0}, follow);
}

Result readlink_path(Call& c, const HostPath& path, uint64_t out, uint64_t size) {
  if (static_cast<int64_t>(size) <= 0) return Error::INVAL;
  std::string target;
  const std::string clean = clean_path(path.text);
  if (clean == kSystem.exe_link)
    target = c.s.exe;
  else if (clean.starts_with("/proc/self/fd/")) {
    const OpenFile* f = file_of(c.s, std::atoi(clean.c_str() + 14));
    if (!f) return Error::NOENT;
    target = f->path.empty() ? "anon_inode:[eventpoll]" : f->path;
  } else if (clean == "/proc/self/cwd")
    target = c.s.cwd;
  else if (synthetic_file(c.s, c.m, c.thread().tid, clean))
    return Error::INVAL;
  else if (const Result e = link_target(c, path, target); !e)
    return e;
  const uint64_t n = std::min<uint64_t>(size, target.size());
  return c.memory().write(out, target.data(), n) ? Result(static_cast<int64_t>(n)) : Error::FAULT;
}

}  // namespace

Result sys_access(Call& c) { return access_path(c, at::FDCWD, c.a[0], c.a[1], true); }

Result sys_faccessat(Call& c) {
  constexpr uint64_t kEffective = 0x200;
  const uint64_t flags = flags_of(c, "faccessat2", 3);
  if (flags & ~(kEffective | at::SYMLINK_NOFOLLOW | at::EMPTY_PATH)) return Error::INVAL;
  return access_path(c, c.fd(), c.a[1], c.a[2] & 0xffffffff, !(flags & at::SYMLINK_NOFOLLOW));
}

Result sys_readlink(Call& c) {
  HostPath path;
  const Result e = c.get_path(at::FDCWD, c.a[0], path);
  return !e ? e : readlink_path(c, path, c.a[1], static_cast<uint64_t>(static_cast<int>(c.a[2])));
}

Result sys_readlinkat(Call& c) {
  HostPath path;
  const Result e = c.get_path(c.fd(), c.a[1], path);
  return !e ? e : readlink_path(c, path, c.a[2], static_cast<uint64_t>(static_cast<int>(c.a[3])));
}

// --- the current directory ---

Result sys_getcwd(Call& c) {
  const auto* here = c.s.cwd_file ? c.s.files.at(c.s.cwd_file).as<Directory>() : nullptr;
  if (here && here->unnamed) return Error::NOENT;
  const uint64_t n = c.s.cwd.size() + 1;
  if (n > 4096) return Error::NAMETOOLONG;
  if (c.a[1] < n) return Error::RANGE;
  return c.memory().write(c.a[0], c.s.cwd.c_str(), n) ? Result(static_cast<int64_t>(n)) : Error::FAULT;
}

Result sys_chdir(Call& c) {
  HostPath path;
  const Result e = c.get_path(at::FDCWD, c.a[0], path);
  return !e ? e : change_directory_to(c, path);
}

// --- changes ---

Result sys_umask(Call& c) { return std::exchange(c.s.umask, static_cast<uint32_t>(c.a[0]) & 0777); }

Result sys_mkdirat(Call& c) {
  HostPath path;
  const Result e = c.get_path(c.fd(), c.a[1], path);
  return !e ? e : make_directory(c, path, static_cast<uint32_t>(c.a[2]));
}

Result sys_unlinkat(Call& c) {
  HostPath path;
  if (c.a[2] & 0xffffffff & ~at::REMOVEDIR) return Error::INVAL;
  const Result e = c.get_path(c.fd(), c.a[1], path);
  return !e ? e : remove_name(c, path, c.a[2] & at::REMOVEDIR);
}

Result sys_renameat(Call& c) {
  constexpr uint64_t kNoReplace = 1;
  const uint64_t flags = flags_of(c, "renameat2", 4);
  if (flags & ~kNoReplace) return Error::INVAL;
  HostPath path;
  ResolvedPath from;
  if (const Result e = c.get_path(c.fd(0), c.a[1], path); !e) return e;
  if (const Result e = locate_name(c, path, from); !e) return e;
  if (const Result e = c.get_path(c.fd(2), c.a[3], path); !e) return e;
  return rename_path(c, from, path, flags & kNoReplace);
}

Result sys_symlinkat(Call& c) {
  std::string target;
  HostPath path;
  if (const Result e = c.get_path(c.a[0], target); !e) return e;
  if (const Result e = c.get_path(c.fd(1), c.a[2], path); !e) return e;
  return make_symlink(c, target, path);
}

Result sys_linkat(Call& c) {
  constexpr uint64_t kFollow = 0x400;
  const uint64_t flags = flags_of(c, "linkat", 4);
  if (flags & ~(kFollow | at::EMPTY_PATH)) return Error::INVAL;
  HostPath path;
  ResolvedPath from;
  if (const Result e = c.get_path(c.fd(0), c.a[1], path); !e) return e;
  if (const Result e = locate_existing(c, path, flags & kFollow, from); !e) return e;
  if (const Result e = c.get_path(c.fd(2), c.a[3], path); !e) return e;
  return make_link(c, from, flags & kFollow, path);
}

Result sys_fchmodat(Call& c) {
  const uint64_t flags = flags_of(c, "fchmodat2", 3);
  if (flags & ~at::SYMLINK_NOFOLLOW) return Error::INVAL;
  HostPath path;
  ResolvedPath p;
  if (const Result e = c.get_path(c.fd(), c.a[1], path); !e) return e;
  if (const Result e = locate_existing(c, path, !flags, p); !e) return e;
  std::string target;
  if (flags && link_target(c, p.scratch ? HostPath(p.path) : p.host, target))
    return Error::OPNOTSUPP;  // a link has no permissions of its own
  return chmod_path(c, p, static_cast<uint32_t>(c.a[2]));
}

// The guest owns every file and is in one group: it may only give them what they have.
namespace {
Result chown_to(uint64_t uid, uint64_t gid) {
  const auto same = [](uint64_t id) {
    return static_cast<uint32_t>(id) == UINT32_MAX || static_cast<uint32_t>(id) == kGuestUid;
  };
  return same(uid) && same(gid) ? kOk : Error::PERM;
}
}  // namespace

Result sys_fchownat(Call& c) {
  Status st;
  const Result e = stat_at(c, c.fd(), c.a[1], c.a[4], st);
  return !e ? e : chown_to(c.a[2], c.a[3]);
}

Result sys_fchown(Call& c) { return file_of(c.s, c.fd()) ? chown_to(c.a[1], c.a[2]) : Error::BADF; }

Result sys_truncate(Call& c) {
  HostPath path;
  ResolvedPath p;
  if (const Result e = c.get_path(at::FDCWD, c.a[0], path); !e) return e;
  if (const Result e = locate_existing(c, path, true, p); !e) return e;
  return truncate_path(c, p, static_cast<int64_t>(c.a[1]));
}

Result sys_utimensat(Call& c) {
  constexpr int64_t kNow = 0x3fffffff, kOmit = 0x3ffffffe;
  Status st;
  bool can_write = true;
  const OpenFile* f = c.a[1] == 0 ? file_of(c.s, c.fd()) : nullptr;
  if (c.a[1] == 0 && !f) return Error::BADF;
  if (const Result e = f ? stat_file(c, *f, st) : stat_at(c, c.fd(), c.a[1], c.a[3], st, &can_write); !e) return e;
  if (!can_write) return Error::ACCES;
  TimeSpec given[2] = {{0, kNow}, {0, kNow}};
  if (c.a[2] != 0 && !c.memory().read(c.a[2], given, sizeof given)) return Error::FAULT;
  FileTimes times = times_of(c.s, st);
  TimeSpec* const targets[2] = {&times.access, &times.change};
  for (int i = 0; i < 2; ++i) {
    if (given[i].nsec == kOmit) continue;
    if (given[i].nsec == kNow) given[i] = wall_time(c);
    if (given[i].nsec < 0 || given[i].nsec >= kSecond) return Error::INVAL;
    *targets[i] = given[i];
  }
  return set_times(c, st, times);
}

// The forms without a directory are the …at forms at the current one.
namespace {
Result shifted(Call& c, Handler h, std::array<uint64_t, 6> args) {
  c.a = args;
  return h(c);
}
constexpr auto kHere = static_cast<uint64_t>(at::FDCWD);
}  // namespace
Result sys_mkdir(Call& c) { return shifted(c, sys_mkdirat, {kHere, c.a[0], c.a[1]}); }
Result sys_rmdir(Call& c) { return shifted(c, sys_unlinkat, {kHere, c.a[0], at::REMOVEDIR}); }
Result sys_unlink(Call& c) { return shifted(c, sys_unlinkat, {kHere, c.a[0], 0}); }
Result sys_rename(Call& c) { return shifted(c, sys_renameat, {kHere, c.a[0], kHere, c.a[1], 0}); }
Result sys_symlink(Call& c) { return shifted(c, sys_symlinkat, {c.a[0], kHere, c.a[1]}); }
Result sys_link(Call& c) { return shifted(c, sys_linkat, {kHere, c.a[0], kHere, c.a[1]}); }
Result sys_chown(Call& c) { return shifted(c, sys_fchownat, {kHere, c.a[0], c.a[1], c.a[2], 0}); }
Result sys_lchown(Call& c) { return shifted(c, sys_fchownat, {kHere, c.a[0], c.a[1], c.a[2], at::SYMLINK_NOFOLLOW}); }
Result sys_chmod(Call& c) { return shifted(c, sys_fchmodat, {kHere, c.a[0], c.a[1]}); }

}  // namespace deferscope::emu::linux_
