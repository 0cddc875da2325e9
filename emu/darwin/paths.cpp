// Calls that name files: status, access, links, the current directory, changes below --allow-write.
#include "emu/posix/paths.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "emu/darwin/call.h"
#include "emu/posix/files.h"

namespace deferscope::emu::darwin {

int directory_of(int dirfd) { return dirfd == at::FDCWD ? kHere : std::max(dirfd, -1); }

Result Call::get_path(uint64_t address, std::string& out) {
  constexpr uint64_t kLongest = 1024;  // PATH_MAX
  if (memory().read_string(address, out, kLongest)) return 0;
  return memory().fault == isa::Fault::None ? Error::NAMETOOLONG : Error::FAULT;
}

Result Call::get_path(int dirfd, uint64_t address, HostPath& out) {
  std::string raw;
  if (const Result e = get_path(address, raw); !e) return e;
  return full_path(*this, directory_of(dirfd), raw, out);
}

// --- status ---

namespace {

constexpr int32_t kDevice = 0x1000004;
constexpr uint64_t kBlock = 4096;

int32_t device_number(const Status& st) {
  constexpr int32_t kMem = 3 << 24;  // major 3
  if (!st.device) return 0;
  if (std::holds_alternative<NullDevice>(*st.device)) return kMem | 2;
  return std::holds_alternative<ZeroDevice>(*st.device) ? kMem | 3 : 14 << 24 | 1;
}

Result put_stat(Call& c, uint64_t address, const Status& st) {
  Stat64 out{};
  out.dev = kDevice;
  out.mode = static_cast<uint16_t>(st.mode);
  out.nlink = static_cast<uint16_t>(st.nlink);
  out.ino = st.inode;
  out.uid = out.gid = kGuestUid;
  out.rdev = device_number(st);
  const FileTimes times = times_of(c.s, st);
  out.atime = times.access;
  out.mtime = out.ctime = times.change;
  out.birthtime = {static_cast<int64_t>(c.s.options->clock_start), 0};
  out.size = static_cast<int64_t>(st.size);
  out.blocks = static_cast<int64_t>((st.size + 511) / 512);
  out.blksize = kBlock;
  return c.put(address, out) ? kOk : Error::FAULT;
}

Result stat_at(Call& c, int dirfd, uint64_t path_at, bool follow, Status& st, bool* can_write = nullptr) {
  HostPath path;
  if (const Result e = c.get_path(dirfd, path_at, path); !e) return e;
  return stat_path(c, path, follow, st, can_write);
}

Result stat_call(Call& c, int dirfd, uint64_t path_at, bool follow, uint64_t out) {
  Status st;
  const Result e = stat_at(c, dirfd, path_at, follow, st);
  return !e ? e : put_stat(c, out, st);
}

bool follows(uint32_t flags) { return !(flags & at::SYMLINK_NOFOLLOW); }

}  // namespace

Result imp_stat(Call& c) { return stat_call(c, at::FDCWD, c.a[0], true, c.a[1]); }
Result imp_lstat(Call& c) { return stat_call(c, at::FDCWD, c.a[0], false, c.a[1]); }
Result imp_fstatat(Call& c) { return stat_call(c, c.i32(), c.a[1], follows(c.u32(3)), c.a[2]); }

Result imp_fstat(Call& c) {
  const OpenFile* f = file_of(c.s, c.i32());
  if (!f) return Error::BADF;
  Status st;
  const Result e = stat_file(c, *f, st);
  return !e ? e : put_stat(c, c.a[1], st);
}

namespace {

Result put_statfs(Call& c, uint64_t address) {
  StatFs64 out{};
  out.bsize = kBlock;
  out.iosize = 1 << 20;
  out.blocks = out.bfree = out.bavail = 1 << 20;
  out.files = out.ffree = 1 << 20;
  out.fsid[0] = kDevice;
  out.type = 0x1a;
  std::strcpy(out.fstypename, "apfs");
  std::strcpy(out.mntonname, "/");
  std::strcpy(out.mntfromname, "/dev/disk1s1");
  return c.put(address, out) ? kOk : Error::FAULT;
}

}  // namespace

Result imp_statfs(Call& c) {
  Status st;
  const Result e = stat_at(c, at::FDCWD, c.a[0], true, st);
  return !e ? e : put_statfs(c, c.a[1]);
}

Result imp_fstatfs(Call& c) { return file_of(c.s, c.i32()) ? put_statfs(c, c.a[1]) : Error::BADF; }

// One file system is all there is.
Result imp_getfsstat(Call& c) {
  if (c.a[0] == 0) return 1;
  if (c.u32(1) < sizeof(StatFs64)) return 0;
  const Result e = put_statfs(c, c.a[0]);
  return !e ? e : Result(1);
}

namespace {

Result path_limit(int name) {
  constexpr std::pair<int, int64_t> kLimits[] = {{1, 32767}, {4, 255}, {5, 1024}, {6, 512}, {7, 1}, {8, 1}};
  for (const auto& [which, value] : kLimits)  // _PC_LINK_MAX, NAME_MAX, PATH_MAX, PIPE_BUF, CHOWN_RESTRICTED, NO_TRUNC
    if (which == name) return value;
  return Error::INVAL;
}

}  // namespace

Result imp_fpathconf(Call& c) { return file_of(c.s, c.i32()) ? path_limit(c.i32(1)) : Error::BADF; }

Result imp_pathconf(Call& c) {
  Status st;
  const Result e = stat_at(c, at::FDCWD, c.a[0], true, st);
  return !e ? e : path_limit(c.i32(1));
}

// --- access and links ---

namespace {

Result access_path(Call& c, int dirfd, uint64_t path_at, uint32_t how, bool follow) {
  constexpr uint32_t kReadable = 4, kWritable = 2, kExecutable = 1;
  HostPath path;
  if (const Result e = c.get_path(dirfd, path_at, path); !e) return e;
  if (how & ~7u) return Error::INVAL;
  return may_access(c, path, {(how & kReadable) != 0, (how & kWritable) != 0, (how & kExecutable) != 0}, follow);
}

Result readlink_path(Call& c, int dirfd, uint64_t path_at, uint64_t out, uint64_t size) {
  HostPath path;
  std::string target;
  if (const Result e = c.get_path(dirfd, path_at, path); !e) return e;
  if (synthetic_file(c.s, c.m, c.thread().tid, clean_path(path.text))) return Error::INVAL;
  if (const Result e = link_target(c, path, target); !e) return e;
  const uint64_t n = std::min<uint64_t>(size, target.size());
  return c.memory().write(out, target.data(), n) ? Result(static_cast<int64_t>(n)) : Error::FAULT;
}

}  // namespace

Result imp_access(Call& c) { return access_path(c, at::FDCWD, c.a[0], c.u32(1), true); }
Result imp_faccessat(Call& c) { return access_path(c, c.i32(), c.a[1], c.u32(2), follows(c.u32(3))); }
Result imp_readlink(Call& c) { return readlink_path(c, at::FDCWD, c.a[0], c.a[1], c.a[2]); }
Result imp_readlinkat(Call& c) { return readlink_path(c, c.i32(), c.a[1], c.a[2], c.a[3]); }

// realpath(path, buffer): without a buffer in memory of libSystem's.
Result imp_realpath(Call& c) {
  HostPath path;
  Status st;
  if (const Result e = c.get_path(at::FDCWD, c.a[0], path); !e) return e;
  if (const Result e = stat_path(c, path, true, st); !e) return e;
  std::string out = st.path;
  if (out.empty()) {  // not the host's: as far as links of the guest's own lead
    const ResolvedPath p = locate(c, path, Last::Follow);
    out = p.scratch ? p.path : clean_path(path.text);
  }
  const uint64_t at = c.a[1] ? c.a[1] : heap_allocate(c.s, c.memory(), out.size() + 1);
  if (at == 0) return Error::NOMEM;
  return c.memory().write(at, out.c_str(), out.size() + 1) ? Result(static_cast<int64_t>(at)) : Error::FAULT;
}

// --- the current directory ---

Result imp_getcwd(Call& c) {
  const auto* here = c.s.cwd_file ? c.s.files.at(c.s.cwd_file).as<Directory>() : nullptr;
  if (here && here->unnamed) return Error::NOENT;
  const uint64_t n = c.s.cwd.size() + 1, at = c.a[0] ? c.a[0] : heap_allocate(c.s, c.memory(), n);
  if (at == 0) return Error::NOMEM;
  if (c.a[0] != 0 && c.a[1] == 0) return Error::INVAL;
  if (c.a[0] != 0 && c.a[1] < n) return Error::RANGE;
  return c.memory().write(at, c.s.cwd.c_str(), n) ? Result(static_cast<int64_t>(at)) : Error::FAULT;
}

Result imp_chdir(Call& c) {
  HostPath path;
  const Result e = c.get_path(at::FDCWD, c.a[0], path);
  return !e ? e : change_directory_to(c, path);
}

// --- changes ---

Result imp_umask(Call& c) { return std::exchange(c.s.umask, c.u32() & 0777); }

namespace {

Result mkdir_at(Call& c, int dirfd, uint64_t path_at, uint32_t perm) {
  HostPath path;
  const Result e = c.get_path(dirfd, path_at, path);
  return !e ? e : make_directory(c, path, perm);
}

Result unlink_at(Call& c, int dirfd, uint64_t path_at, bool directory) {
  HostPath path;
  if (const Result e = c.get_path(dirfd, path_at, path); !e) return e;
  const Result e = remove_name(c, path, directory);
  return e == Error::ISDIR ? Error::PERM : e;  // unlink of a directory
}

Result rename_at(Call& c, int from_fd, uint64_t from_at, int to_fd, uint64_t to_at, bool no_replace) {
  HostPath path;
  ResolvedPath from;
  if (const Result e = c.get_path(from_fd, from_at, path); !e) return e;
  if (const Result e = locate_name(c, path, from); !e) return e;
  if (const Result e = c.get_path(to_fd, to_at, path); !e) return e;
  return rename_path(c, from, path, no_replace);
}

// Of the flags only RENAME_EXCL; RENAME_SWAP is for file systems that can.
Result rename_with_flags(Call& c, int from_fd, uint64_t from_at, int to_fd, uint64_t to_at, uint32_t flags) {
  constexpr uint32_t kExclusive = 4;
  if (flags & ~kExclusive) return Error::NOTSUP;
  return rename_at(c, from_fd, from_at, to_fd, to_at, flags & kExclusive);
}

Result symlink_at(Call& c, uint64_t target_at, int dirfd, uint64_t path_at) {
  std::string target;
  HostPath path;
  if (const Result e = c.get_path(target_at, target); !e) return e;
  if (const Result e = c.get_path(dirfd, path_at, path); !e) return e;
  return make_symlink(c, target, path);
}

// Darwin's link follows a link at the path's end.
Result link_at(Call& c, int from_fd, uint64_t from_at, int to_fd, uint64_t to_at, bool follow) {
  HostPath path;
  ResolvedPath from;
  if (const Result e = c.get_path(from_fd, from_at, path); !e) return e;
  if (const Result e = locate_existing(c, path, follow, from); !e) return e;
  if (const Result e = c.get_path(to_fd, to_at, path); !e) return e;
  return make_link(c, from, follow, path);
}

Result chmod_at(Call& c, int dirfd, uint64_t path_at, uint32_t perm, bool follow) {
  HostPath path;
  ResolvedPath p;
  std::string target;
  if (const Result e = c.get_path(dirfd, path_at, path); !e) return e;
  if (const Result e = locate_existing(c, path, follow, p); !e) return e;
  // A link's permissions decide nothing and are not kept.
  if (!follow && link_target(c, p.scratch ? HostPath(p.path) : p.host, target)) return 0;
  return chmod_path(c, p, perm);
}

// The guest owns every file and is in one group: it may only give them what they have.
Result chown_to(uint32_t uid, uint32_t gid) {
  const auto same = [](uint32_t id) { return id == UINT32_MAX || id == kGuestUid; };
  return same(uid) && same(gid) ? kOk : Error::PERM;
}

Result chown_at(Call& c, int dirfd, uint64_t path_at, bool follow, uint32_t uid, uint32_t gid) {
  Status st;
  const Result e = stat_at(c, dirfd, path_at, follow, st);
  return !e ? e : chown_to(uid, gid);
}

}  // namespace

Result imp_mkdir(Call& c) { return mkdir_at(c, at::FDCWD, c.a[0], c.u32(1)); }
Result imp_mkdirat(Call& c) { return mkdir_at(c, c.i32(), c.a[1], c.u32(2)); }
Result imp_rmdir(Call& c) { return unlink_at(c, at::FDCWD, c.a[0], true); }
Result imp_unlink(Call& c) { return unlink_at(c, at::FDCWD, c.a[0], false); }
Result imp_unlinkat(Call& c) { return unlink_at(c, c.i32(), c.a[1], c.u32(2) & at::REMOVEDIR); }
Result imp_rename(Call& c) { return rename_at(c, at::FDCWD, c.a[0], at::FDCWD, c.a[1], false); }
Result imp_renameat(Call& c) { return rename_at(c, c.i32(), c.a[1], c.i32(2), c.a[3], false); }
Result imp_renamex_np(Call& c) { return rename_with_flags(c, at::FDCWD, c.a[0], at::FDCWD, c.a[1], c.u32(2)); }
Result imp_renameatx_np(Call& c) { return rename_with_flags(c, c.i32(), c.a[1], c.i32(2), c.a[3], c.u32(4)); }
Result imp_symlink(Call& c) { return symlink_at(c, c.a[0], at::FDCWD, c.a[1]); }
Result imp_symlinkat(Call& c) { return symlink_at(c, c.a[0], c.i32(1), c.a[2]); }
Result imp_link(Call& c) { return link_at(c, at::FDCWD, c.a[0], at::FDCWD, c.a[1], true); }
Result imp_linkat(Call& c) { return link_at(c, c.i32(), c.a[1], c.i32(2), c.a[3], c.u32(4) & at::SYMLINK_FOLLOW); }
Result imp_chmod(Call& c) { return chmod_at(c, at::FDCWD, c.a[0], c.u32(1), true); }
Result imp_lchmod(Call& c) { return chmod_at(c, at::FDCWD, c.a[0], c.u32(1), false); }
Result imp_fchmodat(Call& c) { return chmod_at(c, c.i32(), c.a[1], c.u32(2), follows(c.u32(3))); }
Result imp_chown(Call& c) { return chown_at(c, at::FDCWD, c.a[0], true, c.u32(1), c.u32(2)); }
Result imp_lchown(Call& c) { return chown_at(c, at::FDCWD, c.a[0], false, c.u32(1), c.u32(2)); }
Result imp_fchownat(Call& c) { return chown_at(c, c.i32(), c.a[1], follows(c.u32(4)), c.u32(2), c.u32(3)); }
Result imp_fchown(Call& c) { return file_of(c.s, c.i32()) ? chown_to(c.u32(1), c.u32(2)) : Error::BADF; }

Result imp_truncate(Call& c) {
  HostPath path;
  ResolvedPath p;
  if (const Result e = c.get_path(at::FDCWD, c.a[0], path); !e) return e;
  if (const Result e = locate_existing(c, path, true, p); !e) return e;
  return truncate_path(c, p, static_cast<int64_t>(c.a[1]));
}

// --- times ---

namespace {

constexpr int64_t kNow = -1, kOmit = -2;  // UTIME_NOW, UTIME_OMIT

Result put_times(Call& c, const Status& st, const TimeSpec (&given)[2]) {
  FileTimes times = times_of(c.s, st);
  TimeSpec* const targets[2] = {&times.access, &times.change};
  for (int i = 0; i < 2; ++i) {
    if (given[i].nsec == kOmit) continue;
    const TimeSpec t = given[i].nsec == kNow ? wall_time(c) : given[i];
    if (t.nsec < 0 || t.nsec >= kSecond) return Error::INVAL;
    *targets[i] = t;
  }
  return set_times(c, st, times);
}

// struct timeval[2], or none: now.
Result get_timevals(Call& c, uint64_t at, TimeSpec (&out)[2]) {
  out[0] = out[1] = {0, kNow};
  TimeVal given[2];
  if (at == 0) return 0;
  if (!c.memory().read(at, given, sizeof given)) return Error::FAULT;
  for (int i = 0; i < 2; ++i) {
    if (given[i].usec < 0 || given[i].usec >= 1'000'000) return Error::INVAL;
    out[i] = {given[i].sec, int64_t{given[i].usec} * 1000};
  }
  return 0;
}

Result times_of_path(Call& c, int dirfd, uint64_t path_at, bool follow, const TimeSpec (&given)[2]) {
  Status st;
  bool can_write = false;
  if (const Result e = stat_at(c, dirfd, path_at, follow, st, &can_write); !e) return e;
  return can_write ? put_times(c, st, given) : Error::ACCES;
}

Result times_of_file(Call& c, const TimeSpec (&given)[2]) {
  Status st;
  const OpenFile* f = file_of(c.s, c.i32());
  if (!f) return Error::BADF;
  const Result e = stat_file(c, *f, st);
  return !e ? e : put_times(c, st, given);
}

}  // namespace

Result imp_utimes(Call& c) {
  TimeSpec given[2];
  const Result e = get_timevals(c, c.a[1], given);
  return !e ? e : times_of_path(c, at::FDCWD, c.a[0], true, given);
}

Result imp_futimes(Call& c) {
  TimeSpec given[2];
  if (!file_of(c.s, c.i32())) return Error::BADF;
  if (const Result e = get_timevals(c, c.a[1], given); !e) return e;
  return times_of_file(c, given);
}

Result imp_futimens(Call& c) {
  TimeSpec given[2] = {{0, kNow}, {0, kNow}};
  if (c.a[1] != 0 && !c.memory().read(c.a[1], given, sizeof given)) return Error::FAULT;
  return times_of_file(c, given);
}

Result imp_utimensat(Call& c) {
  TimeSpec given[2] = {{0, kNow}, {0, kNow}};
  if (c.a[2] != 0 && !c.memory().read(c.a[2], given, sizeof given)) return Error::FAULT;
  return times_of_path(c, c.i32(), c.a[1], follows(c.u32(3)), given);
}

namespace {

// struct attrlist: times are what programs ask or set in this way (Go 1.12's Utimensat).
struct AttrList {
  uint16_t count, reserved;
  uint32_t common, volume, directory, file, fork;
};
constexpr uint32_t kModified = 0x400, kAccessed = 0x1000, kAttrNoFollow = 1;

}  // namespace

// setattrlist(path, list, buffer, size, options): the two times, in the order of their bits.
Result imp_setattrlist(Call& c) {
  AttrList list;
  TimeSpec given[2] = {{0, kOmit}, {0, kOmit}};  // access, change
  if (!c.get(c.a[1], list)) return Error::FAULT;
  if (list.common & ~(kModified | kAccessed) || list.volume || list.directory || list.file || list.fork)
    return Error::INVAL;
  uint64_t at = c.a[2];
  for (const auto& [bit, i] : {std::pair{kModified, 1}, std::pair{kAccessed, 0}}) {
    if (!(list.common & bit)) continue;
    if (at + 16 > c.a[2] + c.a[3]) return Error::INVAL;
    if (!c.get(at, given[i])) return Error::FAULT;
    at += 16;
  }
  return times_of_path(c, at::FDCWD, c.a[0], !(c.u32(4) & kAttrNoFollow), given);
}

}  // namespace deferscope::emu::darwin
