// Calls that name files: status, access, links, the current directory, changes below --allow-write.
#include <algorithm>
#include <cstring>

#include "emu/hash.h"
#include "emu/linux/call.h"
#include "emu/linux/file_maps.h"
#include "emu/linux/host_files.h"
#include "emu/linux/scratch.h"
#include "emu/linux/stat.h"

namespace deferscope::emu::linux_ {

uint64_t inode_of(const std::string& canonical) {
  return (hash_bytes(0x696e6f6465, canonical.data(), canonical.size()) >> 16) + 2;
}

namespace {
constexpr size_t kLongestPath = 1 << 16;  // with the directory that it starts in: a walk costs what the path is long
}

Result full_path(Call& c, int dirfd, const std::string& raw, HostPath& out) {
  if (raw.empty()) return Error::NOENT;
  if (raw[0] == '/') return out = raw, 0;
  const bool here = dirfd == at::FDCWD;
  const OpenFile* f = !here ? file_of(c.s, dirfd) : c.s.cwd_file ? &c.s.files.at(c.s.cwd_file) : nullptr;
  if (!here && !f) return Error::BADF;
  if (f && f->kind != FileKind::Directory) return Error::NOTDIR;
  const std::string& from = here ? c.s.cwd : f->path;
  out = from + "/" + raw;
  out.base = f ? f->handle : 0;
  out.base_length = from.size();
  return out.text.size() > kLongestPath ? Error::NAMETOOLONG : kOk;
}

namespace {

struct Status {
  uint32_t mode = 0;
  uint64_t inode = 0, size = 0, rdev = 0;
  uint32_t nlink = 1;
  std::string path;  // of a host file, without links
  int node = 0;      // in the guest's own /tmp
};

constexpr uint64_t kDevice = 1, kBlock = 4096;

uint64_t device_number(FileKind k) {
  constexpr uint64_t kMem = 1 << 8;  // major 1
  return k == FileKind::Null ? kMem | 3 : k == FileKind::Zero ? kMem | 5 : k == FileKind::Random ? kMem | 9 : 0;
}

Status device_status(FileKind kind, const std::string& path) {
  Status st;
  st.mode = mode::CHR | 0666;
  st.rdev = device_number(kind);
  st.inode = inode_of(path);
  return st;
}

// Of a synthetic file: those of /proc and /sys have no size until they are read, those of /etc are files as others.
Status text_status(const std::string& path, const std::string& content) {
  Status st;
  st.mode = mode::REG | 0444;
  if (path.starts_with("/etc/")) st.size = content.size();
  st.inode = inode_of(path);
  return st;
}

Status host_status(const HostStatus& h, const std::string& canonical) {
  Status st;
  st.mode = h.mode;
  st.size = h.size;
  st.inode = inode_of(canonical);
  st.path = canonical;
  if ((h.mode & mode::FMT) == mode::DIR) st.nlink = 2;
  return st;
}

Status scratch_status(const State& s, int node) {
  const ScratchNode& n = s.scratch.nodes.at(node);
  Status st;
  st.mode = n.mode;
  st.inode = scratch_inode(node);
  st.size = !n.target.empty() ? n.target.size() : n.bytes.size();
  st.nlink = static_cast<uint32_t>(n.links);
  st.node = node;
  if ((n.mode & mode::FMT) == mode::DIR) {
    st.size = kBlock;
    st.nlink = 2;
    for (const auto& [name, id] : n.entries) st.nlink += (s.scratch.nodes.at(id).mode & mode::FMT) == mode::DIR;
  }
  return st;
}

Result stat_path(Call& c, const HostPath& path, bool follow, Status& st, bool* can_write = nullptr) {
  const std::string clean = clean_path(path.text);
  if (can_write) *can_write = false;
  if (clean == "/dev/null" || clean == "/dev/zero" || clean == "/dev/urandom" || clean == "/dev/random") {
    const FileKind kind = clean == "/dev/null"   ? FileKind::Null
                          : clean == "/dev/zero" ? FileKind::Zero
                                                 : FileKind::Random;
    if (can_write) *can_write = true;
    return st = device_status(kind, clean), 0;
  }
  if (clean == c.s.exe_link() && !follow) return st = Status{mode::LNK | 0777, inode_of(clean), 0, 0, 1, {}}, 0;
  if (const auto text = synthetic_file(c.s, c.m, c.thread().tid, clean)) return st = text_status(clean, *text), 0;
  HostStatus h;
  std::string canonical;
  if (clean == c.s.exe_link()) {
    const Result e = host_stat_executable(c, h, canonical);
    return !e ? e : (st = host_status(h, canonical), 0);
  }
  const ResolvedPath p = locate(c, path, follow ? Last::Follow : Last::Keep);
  if (p.error != Error::None) return p.error;
  if (p.scratch) {
    if (p.node == 0) return Error::NOENT;
    st = scratch_status(c.s, p.node);
    if (can_write) *can_write = st.mode & 0200;
    return 0;
  }
  const Result e = host_stat(c, p.host, follow, h, canonical);
  if (!e) return e;
  if (can_write) *can_write = h.writable;
  return st = host_status(h, canonical), 0;
}

Result stat_file(Call& c, const OpenFile& f, Status& st) {
  if (f.node) return st = scratch_status(c.s, f.node), 0;
  const auto fifo = [&](uint64_t id) { return st = Status{mode::FIFO | 0600, id + 2, 0, 0, 1, {}}, kOk; };
  switch (f.kind) {
    case FileKind::Null:
    case FileKind::Zero:
    case FileKind::Random: return st = device_status(f.kind, f.path), 0;
    case FileKind::Text: return st = text_status(f.path, f.content), 0;
    case FileKind::Stdout: return fifo(1'000'000 + static_cast<uint64_t>(f.stream));
    case FileKind::Stdin:
      if (*c.s.options->stdin_path == "-") return fifo(1'000'000);
      return st = Status{mode::REG | 0444, inode_of("stdin"), 0, 0, 1, {}}, 0;
    case FileKind::PipeRead:
    case FileKind::PipeWrite: return fifo(static_cast<uint64_t>(f.pipe));
    case FileKind::Socket:
      return st = Status{mode::SOCK | 0777, static_cast<uint64_t>(f.socket) + 2, 0, 0, 1, {}, 0}, 0;
    case FileKind::Event:
    case FileKind::Epoll: return st = Status{0600, 9, 0, 0, 1, {}}, 0;
    case FileKind::Host:
    case FileKind::Scratch:
    case FileKind::Directory: {
      HostStatus h;
      if (const Result e = host_stat(c, f, h); !e) return e;
      st = host_status(h, f.path);
      if (f.unnamed) st.nlink = 0;
      return 0;
    }
  }
  return Error::BADF;
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

// The clock's start, unless the guest set others.
FileTimes times_of(const State& s, const Status& st) {
  if (st.node) return s.scratch.nodes.at(st.node).times;
  const auto it = s.times.find(st.path);
  const TimeSpec start{static_cast<int64_t>(s.options->clock_start), 0};
  return it == s.times.end() ? FileTimes{start, start} : it->second;
}

template <class T>
void fill_stat(Call& c, const Status& st, T& out) {
  out.dev = kDevice;
  out.ino = st.inode;
  out.nlink = st.nlink;
  out.mode = st.mode;
  out.uid = out.gid = kGuestUid;
  out.rdev = st.rdev;
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
  if (const Result e = full_path(c, dirfd, raw, path); !e) return e;
  return stat_path(c, path, !(flags & at::SYMLINK_NOFOLLOW), st, can_write);
}

Result stat_call(Call& c, int dirfd, uint64_t path_at, uint64_t flags, uint64_t out) {
  Status st;
  const Result e = stat_at(c, dirfd, path_at, flags, st);
  return !e ? e : put_stat(c, out, st);
}

// A path argument relative to a directory, complete.
Result path_at(Call& c, int dirfd, uint64_t address, HostPath& out) {
  std::string raw;
  if (const Result e = c.get_path(address, raw); !e) return e;
  return full_path(c, dirfd, raw, out);
}

}  // namespace

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
  out.rdev_major = static_cast<uint32_t>(st.rdev >> 8);
  out.rdev_minor = static_cast<uint32_t>(st.rdev & 255);
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

Result access_path(Call& c, const HostPath& path, uint64_t how, bool follow) {
  constexpr uint64_t kReadable = 4, kWritable = 2, kExecutable = 1;
  Status st;
  bool can_write = false;
  if (how & ~uint64_t{7}) return Error::INVAL;
  if (const Result e = stat_path(c, path, follow, st, &can_write); !e) return e;
  if ((how & kWritable) && !can_write) return Error::ACCES;
  const uint64_t owner = st.mode >> 6 & 7;  // the guest owns everything
  if (how & ~owner & (kWritable | kReadable)) return Error::ACCES;
  if ((how & kExecutable) && !(st.mode & 0111)) return Error::ACCES;
  return 0;
}

Result link_target(Call& c, const HostPath& path, std::string& target) {
  const ResolvedPath p = locate(c, path, Last::Keep);
  if (p.error != Error::None) return p.error;
  if (!p.scratch) return host_readlink(c, p.host, target);
  if (p.node == 0) return Error::NOENT;
  target = c.s.scratch.nodes.at(p.node).target;
  return target.empty() ? Error::INVAL : kOk;
}

Result readlink_path(Call& c, const HostPath& path, uint64_t out, uint64_t size) {
  if (static_cast<int64_t>(size) <= 0) return Error::INVAL;
  std::string target;
  const std::string clean = clean_path(path.text);
  if (clean == c.s.exe_link())
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

Result sys_statfs(Call& c) {
  HostPath path;
  Status st;
  if (const Result e = path_at(c, at::FDCWD, c.a[0], path); !e) return e;
  const Result e = stat_path(c, path, true, st);
  return !e ? e : put_statfs(c, c.a[1]);
}

Result sys_fstatfs(Call& c) { return file_of(c.s, c.fd()) ? put_statfs(c, c.a[1]) : Error::BADF; }

Result sys_access(Call& c) {
  HostPath path;
  const Result e = path_at(c, at::FDCWD, c.a[0], path);
  return !e ? e : access_path(c, path, c.a[1], true);
}

// Also faccessat2, which has flags; the older call's fourth argument means nothing.
Result sys_faccessat(Call& c) {
  constexpr uint64_t kEffective = 0x200;
  const bool has_flags = std::strcmp(syscall_row(c.row).name, "faccessat2") == 0;
  const uint64_t flags = has_flags ? c.a[3] & 0xffffffff : 0;
  if (flags & ~(kEffective | at::SYMLINK_NOFOLLOW | at::EMPTY_PATH)) return Error::INVAL;
  HostPath path;
  const Result e = path_at(c, c.fd(), c.a[1], path);
  return !e ? e : access_path(c, path, c.a[2] & 0xffffffff, !(flags & at::SYMLINK_NOFOLLOW));
}

Result sys_readlink(Call& c) {
  HostPath path;
  const Result e = path_at(c, at::FDCWD, c.a[0], path);
  return !e ? e : readlink_path(c, path, c.a[1], static_cast<uint64_t>(static_cast<int>(c.a[2])));
}

Result sys_readlinkat(Call& c) {
  HostPath path;
  const Result e = path_at(c, c.fd(), c.a[1], path);
  return !e ? e : readlink_path(c, path, c.a[2], static_cast<uint64_t>(static_cast<int>(c.a[3])));
}

Result sys_getcwd(Call& c) {
  if (c.s.cwd_file && c.s.files.at(c.s.cwd_file).unnamed) return Error::NOENT;
  const uint64_t n = c.s.cwd.size() + 1;
  if (n > 4096) return Error::NAMETOOLONG;
  if (c.a[1] < n) return Error::RANGE;
  return c.memory().write(c.a[0], c.s.cwd.c_str(), n) ? Result(static_cast<int64_t>(n)) : Error::FAULT;
}

namespace {
// A device, or a file of /proc, /sys and /etc that we make up.
bool own_file(Call& c, const std::string& clean) {
  return clean == "/dev/null" || clean == "/dev/zero" || clean == "/dev/urandom" || clean == "/dev/random" ||
         clean == c.s.exe_link() || synthetic_file(c.s, c.m, c.thread().tid, clean);
}
}  // namespace

Result sys_chdir(Call& c) {
  HostPath path;
  if (const Result e = path_at(c, at::FDCWD, c.a[0], path); !e) return e;
  if (own_file(c, clean_path(path.text))) return Error::NOTDIR;
  const ResolvedPath p = locate(c, path, Last::Follow);
  if (p.error != Error::None) return p.error;
  if (!p.scratch) {
    OpenFile f;
    if (const Result e = host_enter(c, p.host, f); !e) return e;
    const Result file = new_file(c.s, f);
    if (!file) return file;
    change_directory(c.s, f.path, static_cast<int>(file.value()));
    return 0;
  }
  if (p.node == 0) return Error::NOENT;
  const uint32_t m = c.s.scratch.nodes.at(p.node).mode;
  if ((m & mode::FMT) != mode::DIR) return Error::NOTDIR;
  if (!(m & 0100)) return Error::ACCES;
  change_directory(c.s, p.path, 0);
  return 0;
}

// --- changes ---

Result sys_umask(Call& c) { return std::exchange(c.s.umask, static_cast<uint32_t>(c.a[0]) & 0777); }

namespace {

// A path argument that is to be changed, and where it lies: 0 or -errno.
Result place_at(Call& c, int dirfd, uint64_t address, Last last, ResolvedPath& out) {
  HostPath path;
  if (const Result e = path_at(c, dirfd, address, path); !e) return e;
  out = locate(c, path, last);
  return out.error == Error::None ? kOk : out.error;
}

// The same, for something that must be there.
Result existing_at(Call& c, int dirfd, uint64_t address, bool follow, ResolvedPath& out) {
  const Result e = place_at(c, dirfd, address, follow ? Last::Follow : Last::Keep, out);
  return !e ? e : out.scratch && out.node == 0 ? Error::NOENT : kOk;
}

uint64_t times_cost(const std::map<std::string, FileTimes>& times) {
  uint64_t n = 0;
  for (const auto& [path, t] : times) n += cost::kTimes + path.size();
  return n;
}

// Whether the paths that follow stay as short as full_path wants them, and there is room for what they grow.
bool may_rename_open(const State& s, const std::string& from, const std::string& to) {
  Holdings room = s.holdings;
  const uint64_t more = to.size() - std::min(to.size(), from.size());
  const auto fits = [&](const std::string& path) {
    return !path_below(path, from) || (path.size() + more <= kLongestPath && room.take(more));
  };
  return fits(s.cwd) && std::all_of(s.times.begin(), s.times.end(), [&](const auto& t) { return fits(t.first); }) &&
         std::all_of(s.files.begin(), s.files.end(), [&](const auto& f) { return fits(f.second.path); });
}

// Open files, the current directory and times follow what is renamed.
void rename_open(State& s, const std::string& from, const std::string& to) {
  const auto follow = [&](std::string& path) {
    if (path_below(path, from)) path = to + path.substr(from.size());
  };
  for (auto& [id, f] : s.files) {
    follow(f.path);
    hold_content(s, f, f.content.size());
  }
  follow(s.cwd);
  std::map<std::string, FileTimes> times;
  const uint64_t before = times_cost(s.times);
  for (auto& [path, t] : s.times) {
    std::string now = path;
    follow(now);
    times[now] = t;
  }
  s.times = std::move(times);
  s.holdings.held += times_cost(s.times) - before;  // may_rename_open saw room for it
}

// A file lost its name; where it is open it goes on without one. What gets the name later is another.
void forget_name(State& s, const std::string& path) {
  const auto times = s.times.extract(path);
  if (times) s.holdings.give_back(cost::kTimes + path.size());
  for (auto& [id, f] : s.files) {
    if (f.path != path || (f.kind != FileKind::Host && f.kind != FileKind::Directory)) continue;
    f.path += " (deleted)";  // as /proc/self/fd has it
    f.unnamed = true;
    if (times && (s.times.count(f.path) || s.holdings.take(cost::kTimes + f.path.size())))
      s.times[f.path] = times.mapped();
  }
}

}  // namespace

Result sys_mkdirat(Call& c) {
  ResolvedPath p;
  const uint32_t perm = static_cast<uint32_t>(c.a[2]) & 01777 & ~c.s.umask;
  if (const Result e = place_at(c, c.fd(), c.a[1], Last::Parent, p); !e) return e;
  return p.scratch ? scratch_mkdir(c, p, perm) : host_mkdir(c, p.host, perm);
}

Result sys_unlinkat(Call& c) {
  ResolvedPath p;
  const bool directory = c.a[2] & at::REMOVEDIR;
  if (c.a[2] & 0xffffffff & ~at::REMOVEDIR) return Error::INVAL;
  if (const Result e = place_at(c, c.fd(), c.a[1], Last::Parent, p); !e) return e;
  if (p.scratch) return scratch_remove(c, p, directory);
  std::string canonical;
  const Result result = host_remove(c, p.host, directory, canonical);
  if (result) forget_name(c.s, canonical);
  return result;
}

Result sys_renameat(Call& c) {
  constexpr uint64_t kNoReplace = 1;
  const bool has_flags = std::strcmp(syscall_row(c.row).name, "renameat2") == 0;
  const uint64_t flags = has_flags ? c.a[4] & 0xffffffff : 0;
  if (flags & ~kNoReplace) return Error::INVAL;
  ResolvedPath from, to;
  if (const Result e = place_at(c, c.fd(0), c.a[1], Last::Parent, from); !e) return e;
  if (const Result e = place_at(c, c.fd(2), c.a[3], Last::Parent, to); !e) return e;
  if (from.scratch != to.scratch) return Error::XDEV;
  if (!may_rename_open(c.s, from.path, to.path)) return Error::NAMETOOLONG;
  std::string old_path = from.path, new_path = to.path;
  const Result result = from.scratch ? scratch_rename(c, from, to, flags & kNoReplace)
                                     : host_rename(c, from.host, to.host, flags & kNoReplace, old_path, new_path);
  if (!result || old_path == new_path) return result;
  if (!to.scratch) forget_name(c.s, new_path);
  rename_open(c.s, old_path, new_path);
  return result;
}

Result sys_symlinkat(Call& c) {
  std::string target;
  ResolvedPath p;
  if (const Result e = c.get_path(c.a[0], target); !e) return e;
  if (const Result e = place_at(c, c.fd(1), c.a[2], Last::Parent, p); !e) return e;
  return p.scratch ? scratch_symlink(c, p, target) : host_symlink(c, target, p.host);
}

Result sys_linkat(Call& c) {
  constexpr uint64_t kFollow = 0x400;
  const bool has_flags = std::strcmp(syscall_row(c.row).name, "linkat") == 0;
  const uint64_t flags = has_flags ? c.a[4] & 0xffffffff : 0;
  const bool follow = flags & kFollow;
  if (flags & ~(kFollow | at::EMPTY_PATH)) return Error::INVAL;
  ResolvedPath from, to;
  if (const Result e = existing_at(c, c.fd(0), c.a[1], follow, from); !e) return e;
  if (const Result e = place_at(c, c.fd(2), c.a[3], Last::Parent, to); !e) return e;
  if (from.scratch != to.scratch) return Error::XDEV;
  return from.scratch ? scratch_link(c, from, to) : host_link(c, from.host, follow, to.host);
}

// Also fchmodat2, which has flags.
Result sys_fchmodat(Call& c) {
  const bool has_flags = std::strcmp(syscall_row(c.row).name, "fchmodat2") == 0;
  const uint64_t flags = has_flags ? c.a[3] & 0xffffffff : 0;
  if (flags & ~at::SYMLINK_NOFOLLOW) return Error::INVAL;
  ResolvedPath p;
  if (const Result e = existing_at(c, c.fd(), c.a[1], !flags, p); !e) return e;
  const auto perm = static_cast<uint32_t>(c.a[2]);
  if (flags) {  // a link has no permissions of its own
    std::string target;
    if (link_target(c, p.scratch ? HostPath(p.path) : p.host, target)) return Error::OPNOTSUPP;
  }
  return p.scratch ? scratch_chmod(c, p.node, perm) : host_chmod(c, p.host, perm);
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
  ResolvedPath p;
  if (const Result e = existing_at(c, at::FDCWD, c.a[0], true, p); !e) return e;
  if (static_cast<int64_t>(c.a[1]) < 0) return Error::INVAL;
  if (!p.scratch) {
    const Result e = host_truncate(c, p.host, c.a[1]);
    if (e) refresh_view_sizes(c);
    return e;
  }
  Status st = scratch_status(c.s, p.node);
  const Result e = st.mode & 0200 ? scratch_truncate(c, p.node, c.a[1]) : Error::ACCES;
  if (e) scratch_resized(c, p.node, c.a[1]);
  return e;
}

// Kept in the value: the host's file keeps its own times.
Result sys_utimensat(Call& c) {
  constexpr int64_t kNow = 0x3fffffff, kOmit = 0x3ffffffe;
  Status st;
  bool can_write = true;
  const OpenFile* f = c.a[1] == 0 ? file_of(c.s, c.fd()) : nullptr;
  if (c.a[1] == 0 && !f) return Error::BADF;
  if (const Result e = f ? stat_file(c, *f, st) : stat_at(c, c.fd(), c.a[1], c.a[3], st, &can_write); !e) return e;
  if (!can_write) return Error::ACCES;
  const uint64_t now = clock_now(c.s, c.m, clock_id::REALTIME, 0);
  TimeSpec given[2] = {{0, kNow}, {0, kNow}};
  if (c.a[2] != 0 && !c.memory().read(c.a[2], given, sizeof given)) return Error::FAULT;
  FileTimes times = times_of(c.s, st);
  TimeSpec* const targets[2] = {&times.access, &times.change};
  for (int i = 0; i < 2; ++i) {
    if (given[i].nsec == kOmit) continue;
    if (given[i].nsec == kNow) given[i] = {static_cast<int64_t>(now / kSecond), static_cast<int64_t>(now % kSecond)};
    if (given[i].nsec < 0 || given[i].nsec >= kSecond) return Error::INVAL;
    *targets[i] = given[i];
  }
  if (st.node) c.s.scratch.nodes.at(st.node).times = times;
  if (st.path.empty()) return 0;
  if (!c.s.times.count(st.path) && !c.s.holdings.take(cost::kTimes + st.path.size())) return Error::NOSPC;
  c.s.times[st.path] = times;
  return 0;
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
