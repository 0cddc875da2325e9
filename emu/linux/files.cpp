// Descriptors and what is done to them: open, read, write, seek, dup, fcntl, directory lists.
#include <algorithm>
#include <cstring>

#include "emu/hash.h"
#include "emu/linux/call.h"
#include "emu/linux/file_maps.h"
#include "emu/linux/host_files.h"
#include "emu/linux/scratch.h"
#include "emu/linux/sockets.h"
#include "emu/linux/stat.h"

namespace deferscope::emu::linux_ {
namespace {

constexpr uint64_t kMaxCount = 0x7ffff000;   // what one read or write may move
constexpr uint64_t kChunk = 1 << 20;         // what we move at once
constexpr uint64_t kMaxWrite = 16 * kChunk;  // what one call takes from the guest, however many parts it names

bool readable(const OpenFile& f) { return (f.flags & open_flag::ACCMODE) != open_flag::WRONLY; }
bool writable(const OpenFile& f) { return (f.flags & open_flag::ACCMODE) != open_flag::RDONLY; }

bool seekable(const State& s, const OpenFile& f) {
  switch (f.kind) {
    case FileKind::Stdin: return *s.options->stdin_path != "-";
    case FileKind::Stdout:
    case FileKind::PipeRead:
    case FileKind::PipeWrite:
    case FileKind::Event:
    case FileKind::Epoll:
    case FileKind::Socket: return false;
    default: return true;
  }
}

}  // namespace

OpenFile* file_of(State& s, int fd) {
  const auto it = s.fds.find(fd);
  return it == s.fds.end() ? nullptr : &s.files.at(it->second.file);
}

namespace {

// The last descriptor of an open file is gone, or it never got one.
void let_go(State& s, const OpenFile& f, int file) {
  close_pipe_end(s, f);
  if (f.node) scratch_close(s, f.node);
  if (f.socket) close_socket(s, f.socket, file);
  if (f.handle) s.closed.push_back(f.handle);
}

void release(State& s, int file) {
  const OpenFile& f = s.files.at(file);
  if (f.kind == FileKind::Epoll) empty_epoll(s, file);
  let_go(s, f, file);
  s.holdings.give_back(f.held);
  s.files.erase(file);
}

}  // namespace

Result new_file(State& s, OpenFile f) {
  const uint64_t held = cost::kFile + f.path.size() + f.content.size();
  if (!s.holdings.take(held)) return let_go(s, f, 0), Error::NOMEM;
  f.held = held;
  const int id = s.next_file++;
  s.files.emplace(id, std::move(f));
  return id;
}

bool hold_content(State& s, OpenFile& f, uint64_t bytes) {
  const uint64_t held = cost::kFile + f.path.size() + bytes;
  if (held > f.held && !s.holdings.take(held - f.held)) return false;
  if (held < f.held) s.holdings.give_back(f.held - held);
  f.held = held;
  return true;
}

namespace {
int free_fd(const State& s, int lowest) {
  int fd = lowest;
  for (auto it = s.fds.lower_bound(lowest); it != s.fds.end() && it->first == fd; ++it) ++fd;
  return fd;
}
}  // namespace

void drop_file(State& s, int file) {
  if (--s.files.at(file).refs == 0) release(s, file);
}

bool has_free_fd(const State& s, int lowest) {
  return static_cast<uint64_t>(free_fd(s, lowest)) < s.rlimits[rlimit::NoFile].soft;
}

Result new_fd(State& s, Result number, bool cloexec, int lowest) {
  if (!number) return number;
  const int file = static_cast<int>(number.value()), fd = free_fd(s, lowest);
  if (static_cast<uint64_t>(fd) >= s.rlimits[rlimit::NoFile].soft) {
    if (s.files.at(file).refs == 0) release(s, file);
    return Error::MFILE;
  }
  s.fds[fd] = Descriptor{file, cloexec};
  ++s.files.at(file).refs;
  return fd;
}

void drop_fd(State& s, int fd) {
  const auto it = s.fds.find(fd);
  const int file = it->second.file;
  s.fds.erase(it);
  OpenFile& f = s.files.at(file);
  forget_in_epolls(s, fd, file);
  if (--f.refs == 0) release(s, file);
}

void change_directory(State& s, const std::string& path, int file) {
  if (file) ++s.files.at(file).refs;
  const int old = std::exchange(s.cwd_file, file);
  if (old && --s.files.at(old).refs == 0) release(s, old);
  s.cwd = path;
}

void set_up_standard_files(State& s) {
  OpenFile in;
  in.kind = s.options->stdin_path ? FileKind::Stdin : FileKind::Null;
  in.path = s.options->stdin_path ? "/dev/stdin" : "/dev/null";
  new_fd(s, new_file(s, in), false);
  for (int stream : {1, 2}) {
    OpenFile out;
    out.kind = FileKind::Stdout;
    out.flags = open_flag::WRONLY;
    out.stream = stream;
    out.path = stream == 1 ? "/dev/stdout" : "/dev/stderr";
    new_fd(s, new_file(s, out), false);
  }
}

// --- open ---

namespace {

// Devices and files of /proc and /sys.
std::optional<OpenFile> open_synthetic(Call& c, const std::string& path) {
  OpenFile f;
  f.path = path;
  if (path == "/dev/null")
    f.kind = FileKind::Null;
  else if (path == "/dev/zero")
    f.kind = FileKind::Zero;
  else if (path == "/dev/urandom" || path == "/dev/random")
    f.kind = FileKind::Random;
  else if (auto text = synthetic_file(c.s, c.m, c.thread().tid, path)) {
    f.kind = FileKind::Text;
    f.content = std::move(*text);
  } else {
    return std::nullopt;
  }
  return f;
}

// O_CREAT without a file, O_TRUNC, O_DIRECTORY…: what Linux refuses for a synthetic file.
Result check_synthetic(const State& s, const OpenFile& f, uint32_t flags) {
  if (flags & open_flag::DIRECTORY[s.column()]) return Error::NOTDIR;
  if ((flags & open_flag::CREAT) && (flags & open_flag::EXCL)) return Error::EXIST;
  if (f.kind == FileKind::Text && (flags & open_flag::ACCMODE) != open_flag::RDONLY) return Error::ACCES;
  return 0;
}

constexpr uint32_t kKeptFlags = open_flag::ACCMODE | open_flag::APPEND | open_flag::NONBLOCK | open_flag::PATH;

Result open_host(Call& c, const HostPath& path, uint32_t flags, uint32_t perm, OpenFile& f) {
  if ((flags & open_flag::TMPFILE) == open_flag::TMPFILE) return Error::OPNOTSUPP;
  return host_open(c, path, flags, perm & ~c.s.umask, f);
}

// A file of the guest's own /tmp or of the host.
Result open_named(Call& c, const HostPath& path, uint32_t flags, uint32_t perm, OpenFile& f) {
  const bool follow =
      !(flags & open_flag::NOFOLLOW[c.s.column()]) && !((flags & open_flag::CREAT) && (flags & open_flag::EXCL));
  const bool makes_directory = (flags & open_flag::CREAT) && path.text.back() == '/';  // which open does not
  const ResolvedPath p = locate(c, path, makes_directory ? Last::Parent : follow ? Last::Follow : Last::Keep);
  if (p.error != Error::None) return p.error;
  return p.scratch ? scratch_open(c, p, flags, perm & ~c.s.umask, f) : open_host(c, p.host, flags, perm, f);
}

Result reopen_standard(Call& c, int fd, bool cloexec) {
  const auto it = c.s.fds.find(fd);
  return it == c.s.fds.end() ? Error::NOENT : new_fd(c.s, it->second.file, cloexec);
}

}  // namespace

Result open_path(Call& c, int dirfd, const std::string& raw, uint32_t flags, uint32_t perm) {
  HostPath path;
  if (const Result e = full_path(c, dirfd, raw, path); !e) return e;
  if (flags & open_flag::PATH)  // the others mean nothing then
    flags &=
        open_flag::PATH | open_flag::CLOEXEC | open_flag::DIRECTORY[c.s.column()] | open_flag::NOFOLLOW[c.s.column()];
  const std::string clean = clean_path(path.text);
  const bool cloexec = flags & open_flag::CLOEXEC;
  if (clean == "/dev/stdin" || clean == "/dev/stdout" || clean == "/dev/stderr")
    return reopen_standard(c, clean[8] == 'i' ? 0 : clean[8] == 'o' ? 1 : 2, cloexec);
  OpenFile f;
  if (auto synthetic = open_synthetic(c, clean)) {
    f = std::move(*synthetic);
    if (const Result e = check_synthetic(c.s, f, flags); !e) return e;
  } else {
    const bool exe = clean == c.s.exe_link();
    const Result e = exe ? host_open_executable(c, flags, f) : open_named(c, path, flags, perm, f);
    if (!e) return e;
  }
  f.flags = flags & kKeptFlags;
  if (flags & open_flag::TRUNC) view_resized(c, f, 0);
  return new_fd(c.s, new_file(c.s, std::move(f)), cloexec);
}

Result sys_openat(Call& c) {
  std::string path;
  if (const Result e = c.get_path(c.a[1], path); !e) return e;
  return open_path(c, c.fd(0), path, static_cast<uint32_t>(c.a[2]), static_cast<uint32_t>(c.a[3]) & 07777);
}

Result sys_open(Call& c) {
  std::string path;
  if (const Result e = c.get_path(c.a[0], path); !e) return e;
  return open_path(c, at::FDCWD, path, static_cast<uint32_t>(c.a[1]), static_cast<uint32_t>(c.a[2]) & 07777);
}

Result sys_creat(Call& c) {
  std::string path;
  if (const Result e = c.get_path(c.a[0], path); !e) return e;
  return open_path(c, at::FDCWD, path, open_flag::CREAT | open_flag::WRONLY | open_flag::TRUNC,
                   static_cast<uint32_t>(c.a[1]) & 07777);
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

// --- read ---

namespace {

Result copy_out(Call& c, uint64_t address, const std::string& bytes) {
  return c.memory().write(address, bytes.data(), bytes.size()) ? Result(static_cast<int64_t>(bytes.size()))
                                                               : Error::FAULT;
}

// Files that have their bytes at once. `offset` is where to read.
Result read_bytes(Call& c, OpenFile& f, uint64_t offset, uint64_t n, std::string& out) {
  switch (f.kind) {
    case FileKind::Null: return 0;
    case FileKind::Zero: return out.assign(n, '\0'), 0;
    case FileKind::Random:
      out.resize(n);
      c.s.random.fill(reinterpret_cast<uint8_t*>(out.data()), n);
      return 0;
    case FileKind::Text: return out = f.content.substr(std::min<uint64_t>(offset, f.content.size()), n), 0;
    case FileKind::Host: return host_read(c, f, offset, n, out).without_value();
    case FileKind::Scratch: return scratch_read(c.s, f.node, offset, n, out);
    case FileKind::Stdin: return host_read_stdin(c, offset, n, out).without_value();
    case FileKind::Directory: return Error::ISDIR;
    default: return Error::INVAL;
  }
}

Result read_file(Call& c, int fd, uint64_t address, uint64_t n, std::optional<uint64_t> position) {
  OpenFile* f = file_of(c.s, fd);
  if (!f || !readable(*f) || (f->flags & open_flag::PATH)) return Error::BADF;
  if (position && !seekable(c.s, *f)) return Error::SPIPE;
  n = std::min(n, kMaxCount);
  if (f->kind == FileKind::PipeRead) return pipe_read(c, *f, address, n);
  if (f->kind == FileKind::Event) return event_read(c, *f, address, n);
  if (f->kind == FileKind::Socket) return socket_read(c, *f, address, n);
  n = std::min(n, kChunk);
  if (n > 0 && !c.memory().check_write(address, n)) return Error::FAULT;
  std::string bytes;
  if (const Result e = read_bytes(c, *f, position.value_or(f->offset), n, bytes); !e) return e;
  const Result done = copy_out(c, address, bytes);
  if (done && !position) f->offset += static_cast<uint64_t>(done.value());
  return done;
}

// --- write ---

// What the guest writes is as old as its clock says.
void touch(Call& c, const std::string& path) {
  const uint64_t now = clock_now(c.s, c.m, clock_id::REALTIME, 0);
  const TimeSpec time{static_cast<int64_t>(now / kSecond), static_cast<int64_t>(now % kSecond)};
  const auto it = c.s.times.find(path);
  if (it != c.s.times.end())
    it->second = FileTimes{time, time};
  else if (c.s.holdings.take(cost::kTimes + path.size()))
    c.s.times.emplace(path, FileTimes{time, time});
}

// `done` bytes of these are in the file, up to its `end`.
Result note_written(Call& c, OpenFile& f, Result done, uint64_t end, const std::string& bytes, bool moves) {
  if (!done) return done;
  const auto n = static_cast<uint64_t>(done.value());
  view_written(c, f, end - n, bytes.substr(0, n));
  if (moves) f.offset = end;
  return done;
}

// Bytes to stdout and stderr, to the host's file, to nowhere.
Result write_bytes(Call& c, OpenFile& f, const std::string& bytes, std::optional<uint64_t> position) {
  const auto n = static_cast<int64_t>(bytes.size());
  switch (f.kind) {
    case FileKind::Null:
    case FileKind::Zero:
    case FileKind::Random: return n;
    case FileKind::Stdout:
      c.host.write_stream(c.m, f.stream, reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
      return n;
    case FileKind::Host: {
      uint64_t end = 0;
      const bool append = f.flags & open_flag::APPEND;
      const Result done = host_write(c, f, position.value_or(f.offset), append, bytes, end);
      if (done) touch(c, f.path);
      return note_written(c, f, done, end, bytes, !position);
    }
    case FileKind::Scratch: {
      uint64_t end = 0;
      const bool append = f.flags & open_flag::APPEND;
      const Result done = scratch_write(c, f.node, position.value_or(f.offset), append, bytes, end);
      return note_written(c, f, done, end, bytes, !position);
    }
    default: return Error::INVAL;
  }
}

}  // namespace

Result raise_sigpipe(Call& c) {
  send_to_thread(c.s, c.m, c.thread().tid,
                 SigInfo{sig::PIPE, sig::kSiUser, static_cast<uint32_t>(c.s.pid) | uint64_t{kGuestUid} << 32, 0});
  return Error::PIPE;
}

namespace {

Result write_file(Call& c, int fd, const std::string& bytes, std::optional<uint64_t> position) {
  OpenFile* f = file_of(c.s, fd);
  if (!f || !writable(*f)) return Error::BADF;
  if (position && !seekable(c.s, *f)) return Error::SPIPE;
  if (f->kind == FileKind::PipeWrite) {
    const Result done = pipe_write(c, *f, bytes);
    return done == Error::PIPE ? raise_sigpipe(c) : done;
  }
  if (f->kind == FileKind::Event) return event_write(c, *f, bytes);
  if (f->kind == FileKind::Socket) return socket_write(c, *f, bytes);
  return write_bytes(c, *f, bytes, position);
}

Result copy_in(Call& c, uint64_t address, uint64_t n, std::string& out) {
  n = std::min(n, kMaxWrite);
  if (n > 0 && !c.memory().check_read(address, n)) return Error::FAULT;
  out.resize(n);
  return c.memory().read(address, out.data(), n) ? kOk : Error::FAULT;
}

Result write_from(Call& c, int fd, uint64_t address, uint64_t n, std::optional<uint64_t> position) {
  const OpenFile* f = file_of(c.s, fd);
  if (!f || !writable(*f)) return Error::BADF;
  std::string bytes;
  if (const Result e = copy_in(c, address, n, bytes); !e) return e;
  return write_file(c, fd, bytes, position);
}

Result get_vectors(Call& c, std::vector<IoVec>& out) {
  constexpr uint64_t kMaxVectors = 1024;
  if (c.a[2] > kMaxVectors) return Error::INVAL;
  out.resize(c.a[2]);
  return c.memory().read(c.a[1], out.data(), out.size() * sizeof(IoVec)) ? kOk : Error::FAULT;
}

// Each part in turn, until one is short. Only the first can block: a pipe then has room or bytes for it.
Result read_vectors(Call& c, std::optional<uint64_t> position) {
  std::vector<IoVec> parts;
  if (const Result e = get_vectors(c, parts); !e) return e;
  int64_t total = 0;
  for (const IoVec& p : parts) {
    if (p.len == 0) continue;
    if (total > 0) {
      const OpenFile* f = file_of(c.s, c.fd());
      if (f->kind != FileKind::Host && f->kind != FileKind::Scratch && f->kind != FileKind::Text &&
          f->kind != FileKind::Zero && !(readiness(c.s, *f) & poll_bit::IN))
        break;
      if (f->kind == FileKind::Stdin) break;
    }
    const Result part = read_file(c, c.fd(), p.base, p.len, position);
    if (!part) return total > 0 && part != kBlocked ? Result(total) : part;
    const int64_t n = part.value();
    total += n;
    if (position) *position += static_cast<uint64_t>(n);
    if (static_cast<uint64_t>(n) < p.len || static_cast<uint64_t>(total) >= kMaxWrite) break;
  }
  return total;
}

Result write_vectors(Call& c, std::optional<uint64_t> position) {
  std::vector<IoVec> parts;
  if (const Result e = get_vectors(c, parts); !e) return e;
  std::string all;
  for (const IoVec& p : parts) {
    std::string bytes;
    if (const Result e = copy_in(c, p.base, std::min(p.len, kMaxWrite - all.size()), bytes); !e) return e;
    all += bytes;
  }
  return write_file(c, c.fd(), all, position);
}

}  // namespace

Result sys_read(Call& c) { return read_file(c, c.fd(), c.a[1], c.a[2], std::nullopt); }
Result sys_write(Call& c) { return write_from(c, c.fd(), c.a[1], c.a[2], std::nullopt); }
Result sys_pread64(Call& c) {
  return static_cast<int64_t>(c.a[3]) < 0 ? Error::INVAL : read_file(c, c.fd(), c.a[1], c.a[2], c.a[3]);
}
Result sys_pwrite64(Call& c) {
  return static_cast<int64_t>(c.a[3]) < 0 ? Error::INVAL : write_from(c, c.fd(), c.a[1], c.a[2], c.a[3]);
}
Result sys_readv(Call& c) { return read_vectors(c, std::nullopt); }
Result sys_writev(Call& c) { return write_vectors(c, std::nullopt); }
Result sys_preadv(Call& c) { return static_cast<int64_t>(c.a[3]) < 0 ? Error::INVAL : read_vectors(c, c.a[3]); }
Result sys_pwritev(Call& c) { return static_cast<int64_t>(c.a[3]) < 0 ? Error::INVAL : write_vectors(c, c.a[3]); }

// --- position, duplicates, flags ---

namespace {

// The call's descriptor, if it is more than a name (O_PATH).
OpenFile* opened_file(Call& c) {
  OpenFile* f = file_of(c.s, c.fd());
  return f && !(f->flags & open_flag::PATH) ? f : nullptr;
}

Result size_of(Call& c, const OpenFile& f) {
  if (f.kind == FileKind::Text) return static_cast<int64_t>(f.content.size());
  if (f.kind == FileKind::Scratch) return static_cast<int64_t>(c.s.scratch.nodes.at(f.node).bytes.size());
  HostStatus st;
  if (f.kind == FileKind::Host) {
    const Result e = host_stat(c, f, st);
    return !e ? e : Result(static_cast<int64_t>(st.size));
  }
  return 0;
}

}  // namespace

Result sys_lseek(Call& c) {
  constexpr uint64_t kSet = 0, kCur = 1, kEnd = 2;
  OpenFile* f = opened_file(c);
  if (!f) return Error::BADF;
  if (!seekable(c.s, *f)) return Error::SPIPE;
  if (f->kind == FileKind::Null || f->kind == FileKind::Zero || f->kind == FileKind::Random) return 0;
  int64_t base = 0;
  switch (c.a[2]) {
    case kSet: break;
    case kCur: base = static_cast<int64_t>(f->offset); break;
    case kEnd:
      if (const Result size = size_of(c, *f); !size)
        return size;
      else
        base = size.value();
      break;
    default: return Error::INVAL;
  }
  int64_t to = 0;
  if (__builtin_add_overflow(base, static_cast<int64_t>(c.a[1]), &to)) return Error::OVERFLOW;
  if (to < 0) return Error::INVAL;
  f->offset = static_cast<uint64_t>(to);
  if (f->kind == FileKind::Directory) {
    f->sought = true;
    if (to == 0) f->listed = false;
  }
  return to;
}

Result sys_dup(Call& c) { return file_of(c.s, c.fd()) ? new_fd(c.s, c.s.fds.at(c.fd()).file, false) : Error::BADF; }

namespace {

Result dup_to(Call& c, int from, int to, bool cloexec) {
  if (!file_of(c.s, from) || static_cast<uint32_t>(to) >= c.s.rlimits[rlimit::NoFile].soft) return Error::BADF;
  const int file = c.s.fds.at(from).file;
  ++c.s.files.at(file).refs;
  if (file_of(c.s, to)) drop_fd(c.s, to);
  c.s.fds[to] = Descriptor{file, cloexec};
  return to;
}

}  // namespace

Result sys_dup2(Call& c) {
  if (c.fd(0) == c.fd(1)) return file_of(c.s, c.fd()) ? Result(c.fd()) : Error::BADF;
  return dup_to(c, c.fd(0), c.fd(1), false);
}

Result sys_dup3(Call& c) {
  if (c.fd(0) == c.fd(1)) return Error::INVAL;
  return dup_to(c, c.fd(0), c.fd(1), c.a[2] & open_flag::CLOEXEC);
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
  constexpr uint32_t kSettable = open_flag::APPEND | open_flag::NONBLOCK;
  OpenFile* f = file_of(c.s, c.fd());
  if (!f) return Error::BADF;
  Descriptor& d = c.s.fds.at(c.fd());
  switch (c.a[1]) {
    case DupFd:
    case DupCloexec:
      if ((c.a[2] & 0xffffffff) >= c.s.rlimits[rlimit::NoFile].soft) return Error::INVAL;
      return new_fd(c.s, d.file, c.a[1] == DupCloexec, static_cast<int>(c.a[2]));
    case GetFd: return d.cloexec;
    case SetFd: return d.cloexec = c.a[2] & 1, 0;
    case GetFl:
      return f->flags |
             (f->kind == FileKind::Host || f->kind == FileKind::Scratch ? open_flag::LARGEFILE[c.s.column()] : 0);
    case SetFl: return f->flags = (f->flags & ~kSettable) | (static_cast<uint32_t>(c.a[2]) & kSettable), 0;
    case GetLk:
    case OfdGetLk: return c.put(c.a[2], uint16_t{2}) ? kOk : Error::FAULT;  // F_UNLCK: one process, no conflicts
    case SetLk:
    case SetLkW:
    case OfdSetLk:
    case OfdSetLkW: return 0;
    case SetPipe:
    case GetPipe:
      return f->kind == FileKind::PipeRead || f->kind == FileKind::PipeWrite
                 ? Result(static_cast<int64_t>(c.s.pipes.at(f->pipe).capacity))
                 : Error::BADF;
    default: return Error::INVAL;
  }
}

Result sys_ioctl(Call& c) {
  constexpr uint64_t kNonBlock = 0x5421, kCloexec = 0x5451, kAvailable = 0x541b;
  OpenFile* f = opened_file(c);
  if (!f) return Error::BADF;
  int32_t on = 0;
  switch (c.a[1] & 0xffffffff) {
    case kNonBlock:
      if (!c.get(c.a[2], on)) return Error::FAULT;
      f->flags = on ? f->flags | open_flag::NONBLOCK : f->flags & ~open_flag::NONBLOCK;
      return 0;
    case kCloexec: return c.s.fds.at(c.fd()).cloexec = true, 0;
    case kAvailable:
      if (f->kind != FileKind::PipeRead) return Error::NOTTY;
      return c.put(c.a[2], static_cast<int32_t>(c.s.pipes.at(f->pipe).bytes.size())) ? kOk : Error::FAULT;
    default: return Error::NOTTY;  // nothing here is a terminal
  }
}

Result sys_ftruncate(Call& c) {
  OpenFile* f = opened_file(c);
  if (!f) return Error::BADF;
  const bool regular = f->kind == FileKind::Host || f->kind == FileKind::Scratch;
  if (!regular || !writable(*f) || static_cast<int64_t>(c.a[1]) < 0) return Error::INVAL;
  const Result e = f->node ? scratch_truncate(c, f->node, c.a[1]) : host_truncate(c, *f, c.a[1]);
  if (e) view_resized(c, *f, c.a[1]);
  return e;
}

Result sys_fallocate(Call& c) { return opened_file(c) ? Error::OPNOTSUPP : Error::BADF; }

Result sys_fsync(Call& c) {
  const OpenFile* f = opened_file(c);
  if (!f) return Error::BADF;
  return f->kind == FileKind::Host || f->kind == FileKind::Scratch || f->kind == FileKind::Directory ? kOk
                                                                                                     : Error::INVAL;
}

Result sys_fchmod(Call& c) {
  const OpenFile* f = opened_file(c);
  if (!f) return Error::BADF;
  if (f->node) return scratch_chmod(c, f->node, static_cast<uint32_t>(c.a[1]));
  if (f->kind != FileKind::Host && f->kind != FileKind::Directory) return Error::PERM;
  return host_chmod(c, *f, static_cast<uint32_t>(c.a[1]));
}

Result sys_fchdir(Call& c) {
  const OpenFile* f = file_of(c.s, c.fd());
  if (!f) return Error::BADF;
  if (f->kind != FileKind::Directory) return Error::NOTDIR;
  change_directory(c.s, f->path, f->handle ? c.s.fds.at(c.fd()).file : 0);
  return 0;
}

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

Result list_directory(Call& c, OpenFile& f) {
  constexpr uint8_t kDirectory = 4;
  std::vector<DirEntry> entries;
  const Result e = f.node == 0 || is_scratch_root(f) ? host_list(c, f, entries) : kOk;
  if (!e && f.node == 0) return e;
  if (f.node) scratch_list(c.s, f.node, entries);
  const auto is_tmp = [](const DirEntry& d) { return d.name == "tmp"; };
  if (f.path == "/" && c.s.scratch.mounted && std::none_of(entries.begin(), entries.end(), is_tmp))
    entries.push_back({"tmp", kDirectory, scratch_inode(1)});
  std::sort(entries.begin(), entries.end(), [](const DirEntry& a, const DirEntry& b) { return a.name < b.name; });
  entries.insert(entries.begin(), {DirEntry{".", kDirectory, 0}, DirEntry{"..", kDirectory, 0}});
  f.content.clear();
  uint64_t size = 0;
  for (const DirEntry& d : entries) size += record_size(d.name);
  if (!hold_content(c.s, f, size)) return Error::NOMEM;
  c.host.work(entries.size());
  for (const DirEntry& d : entries) {
    const std::string path = clean_path(f.path + "/" + d.name);
    add_record(f.content, d.inode ? d.inode : inode_of(path), f.content.size() + record_size(d.name), d.type, d.name);
  }
  f.listed = true;
  return 0;
}

uint16_t record_length(const std::string& records, uint64_t at) {
  uint16_t length = 0;
  std::memcpy(&length, records.data() + at + 16, 2);
  return length;
}

// An offset is a cookie that only getdents64 gives; lseek may set any. The list goes on at the next record.
void to_record(OpenFile& f) {
  uint64_t at = 0;
  while (at < f.content.size() && at < f.offset) at += record_length(f.content, at);
  f.offset = at;
  f.sought = false;
}

}  // namespace

Result sys_getdents64(Call& c) {
  OpenFile* f = opened_file(c);
  if (!f) return Error::BADF;
  if (f->kind != FileKind::Directory) return Error::NOTDIR;
  if (!f->listed)
    if (const Result e = list_directory(c, *f); !e) return e;
  if (f->sought) to_record(*f);
  const uint64_t room = std::min<uint64_t>(c.a[2] & 0xffffffff, kChunk);
  uint64_t end = f->offset;
  while (end < f->content.size()) {
    const uint16_t length = record_length(f->content, end);
    if (end + length - f->offset > room) break;
    end += length;
  }
  if (end == f->offset) return end < f->content.size() ? Error::INVAL : kOk;
  const std::string part = f->content.substr(f->offset, end - f->offset);
  const Result done = copy_out(c, c.a[1], part);
  if (done) f->offset = end;
  return done;
}

}  // namespace deferscope::emu::linux_
