#include "emu/posix/files.h"

#include <algorithm>
#include <utility>

#include "emu/posix/file_maps.h"
#include "emu/posix/paths.h"
#include "emu/posix/pipes.h"
#include "emu/posix/readiness.h"
#include "emu/posix/scratch.h"
#include "emu/posix/sockets.h"

namespace deferscope::emu::posix {
namespace {

constexpr uint64_t kMaxCount = 0x7ffff000;   // what one read or write may move
constexpr uint64_t kChunk = 1 << 20;         // what we move at once
constexpr uint64_t kMaxWrite = 16 * kChunk;  // what one call takes from the guest, however many parts it names

}  // namespace

// --- the tables ---

OpenFile* file_of(State& s, int fd) {
  const auto it = s.fds.find(fd);
  return it == s.fds.end() ? nullptr : &s.files.at(it->second.file);
}

OpenFile* opened_file(State& s, int fd) {
  OpenFile* f = file_of(s, fd);
  return f && !f->name_only ? f : nullptr;
}

namespace {

// The last descriptor of an open file is gone, or it never got one.
void let_go(State& s, const OpenFile& f, int file) {
  if (const auto* end = f.as<PipeEnd>()) close_pipe_end(s, *end);
  if (f.node()) scratch_close(s, f.node());
  if (f.socket()) close_socket(s, f.socket(), file);
  if (f.handle()) s.closed.push_back(f.handle());
}

void release(State& s, int file) {
  const OpenFile& f = s.files.at(file);
  if (f.is<WatchSet>()) empty_set(s, file);
  let_go(s, f, file);
  s.holdings.give_back(f.held);
  s.files.erase(file);
}

}  // namespace

Result new_file(State& s, OpenFile f) {
  const auto* text = f.as<TextFile>();
  const uint64_t held = cost::kFile + f.path.size() + (text ? text->content.size() : 0);
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
  int fd = std::max(lowest, s.fds_full_to);
  for (auto it = s.fds.lower_bound(fd); it != s.fds.end() && it->first == fd; ++it) ++fd;
  return fd;
}
}  // namespace

void drop_file(State& s, int file) {
  if (--s.files.at(file).refs == 0) release(s, file);
}

bool has_free_fd(const State& s, int lowest) { return static_cast<uint64_t>(free_fd(s, lowest)) < s.open_files.soft; }

Result new_fd(State& s, Result number, bool cloexec, int lowest) {
  if (!number) return number;
  const int file = static_cast<int>(number.value()), fd = free_fd(s, lowest);
  if (static_cast<uint64_t>(fd) >= s.open_files.soft) {
    if (s.files.at(file).refs == 0) release(s, file);
    return Error::MFILE;
  }
  s.fds[fd] = Descriptor{file, cloexec};
  if (lowest <= s.fds_full_to) s.fds_full_to = fd + 1;
  ++s.files.at(file).refs;
  return fd;
}

void drop_fd(State& s, int fd) {
  const auto it = s.fds.find(fd);
  const int file = it->second.file;
  s.fds.erase(it);
  s.fds_full_to = std::min(s.fds_full_to, fd);
  OpenFile& f = s.files.at(file);
  forget_in_sets(s, fd, file);
  if (--f.refs == 0) release(s, file);
}

void change_directory(State& s, const std::string& path, int file) {
  if (file) ++s.files.at(file).refs;
  const int old = std::exchange(s.cwd_file, file);
  if (old && --s.files.at(old).refs == 0) release(s, old);
  s.cwd = path;
}

Result dup_to(State& s, int from, int to, bool cloexec) {
  if (!file_of(s, from) || static_cast<uint32_t>(to) >= s.open_files.soft) return Error::BADF;
  const int file = s.fds.at(from).file;
  ++s.files.at(file).refs;
  if (file_of(s, to)) drop_fd(s, to);
  s.fds[to] = Descriptor{file, cloexec};
  return to;
}

void set_up_standard_files(State& s) {
  OpenFile in;
  in.path = s.options->stdin_path ? "/dev/stdin" : "/dev/null";
  if (s.options->stdin_path) in.kind = StandardInput{};
  new_fd(s, new_file(s, in), false);
  for (int stream : {1, 2}) {
    OpenFile out;
    out.kind = StandardOutput{stream};
    out.access = Access::Write;
    out.path = stream == 1 ? "/dev/stdout" : "/dev/stderr";
    new_fd(s, new_file(s, out), false);
  }
}

// --- open ---

namespace {

// Devices, and files that the system makes up.
std::optional<OpenFile> open_synthetic(Context& c, const std::string& path) {
  OpenFile f;
  f.path = path;
  if (const auto device = device_at(path))
    f.kind = *device;
  else if (auto text = c.s.system->synthetic_file(c.s, c.m, c.thread().tid, path))
    f.kind = TextFile{std::move(*text)};
  else
    return std::nullopt;
  return f;
}

// What is refused for such a file.
Result check_synthetic(const OpenFile& f, const OpenHow& how) {
  if (how.directory) return Error::NOTDIR;
  if (how.create && how.exclusive) return Error::EXIST;
  if (f.is<TextFile>() && how.access != Access::Read) return Error::ACCES;
  return 0;
}

// A file of the guest's own /tmp or of the host.
Result open_named(Context& c, const HostPath& path, OpenHow how, OpenFile& f) {
  const bool follow = !how.keep_link && !(how.create && how.exclusive);
  const bool makes_directory = how.create && path.text.back() == '/';  // which open does not
  const ResolvedPath p = locate(c, path, makes_directory ? Last::Parent : follow ? Last::Follow : Last::Keep);
  if (p.error != Error::None) return p.error;
  how.perm &= ~c.s.umask;
  if (p.scratch) return scratch_open(c, p, how, f);
  return how.temporary ? Error::OPNOTSUPP : host_open(c, p.host, how, f);
}

Result reopen_standard(Context& c, int fd, bool cloexec) {
  const auto it = c.s.fds.find(fd);
  return it == c.s.fds.end() ? Error::NOENT : new_fd(c.s, it->second.file, cloexec);
}

}  // namespace

Result open_path(Context& c, const HostPath& path, OpenHow how) {
  const std::string clean = clean_path(path.text);
  if (clean == "/dev/stdin" || clean == "/dev/stdout" || clean == "/dev/stderr")
    return reopen_standard(c, clean[8] == 'i' ? 0 : clean[8] == 'o' ? 1 : 2, how.close_on_exec);
  OpenFile f;
  if (auto synthetic = open_synthetic(c, clean)) {
    f = std::move(*synthetic);
    if (const Result e = check_synthetic(f, how); !e) return e;
  } else {
    const bool exe = clean == c.s.system->exe_link;
    const Result e = exe ? host_open_executable(c, how, f) : open_named(c, path, how, f);
    if (!e) return e;
  }
  f.access = how.access;
  f.append = how.append;
  f.nonblocking = how.nonblocking;
  f.name_only = how.name_only;
  if (how.truncate) view_resized(c, f, 0);
  return new_fd(c.s, new_file(c.s, std::move(f)), how.close_on_exec);
}

// --- read ---

bool seekable(const State& s, const OpenFile& f) {
  if (f.is<StandardInput>()) return *s.options->stdin_path != "-";
  return !f.is<StandardOutput, PipeEnd, EventCounter, WatchSet, SocketFile>();
}

Result copy_out(Context& c, uint64_t address, const std::string& bytes) {
  if (!c.memory().write(address, bytes.data(), bytes.size())) return Error::FAULT;
  return static_cast<int64_t>(bytes.size());
}

namespace {

// Files that have their bytes at once. `offset` is where to read.
struct ReadBytes {
  Context& c;
  const OpenFile& f;
  uint64_t offset, n;
  std::string& out;

  Result operator()(const NullDevice&) { return 0; }
  Result operator()(const ZeroDevice&) { return out.assign(n, '\0'), 0; }
  Result operator()(const RandomDevice&) {
    out.resize(n);
    c.s.random.fill(reinterpret_cast<uint8_t*>(out.data()), n);
    return 0;
  }
  Result operator()(const TextFile& t) {
    return out = t.content.substr(std::min<uint64_t>(offset, t.content.size()), n), 0;
  }
  Result operator()(const HostFile&) { return host_read(c, f, offset, n, out).without_value(); }
  Result operator()(const ScratchFile& x) { return scratch_read(c.s, x.node, offset, n, out); }
  Result operator()(const StandardInput&) { return host_read_stdin(c, offset, n, out).without_value(); }
  Result operator()(const Directory&) { return Error::ISDIR; }
  template <class Other>
  Result operator()(const Other&) {
    return Error::INVAL;
  }
};

}  // namespace

Result read_file(Context& c, int fd, uint64_t address, uint64_t n, std::optional<uint64_t> position) {
  OpenFile* f = file_of(c.s, fd);
  if (!f || !f->readable() || f->name_only) return Error::BADF;
  if (position && !seekable(c.s, *f)) return Error::SPIPE;
  n = std::min(n, kMaxCount);
  if (const auto* end = f->as<PipeEnd>(); end && !end->writes) return read_pipe(c, *f, address, n);
  if (f->is<EventCounter>()) return read_counter(c, *f, address, n);
  if (f->is<SocketFile>()) return read_socket(c, fd, address, n);
  n = std::min(n, kChunk);
  if (n > 0 && !c.memory().check_write(address, n)) return Error::FAULT;
  std::string bytes;
  if (const Result e = std::visit(ReadBytes{c, *f, position.value_or(f->offset), n, bytes}, f->kind); !e) return e;
  const Result done = copy_out(c, address, bytes);
  if (done && !position) f->offset += static_cast<uint64_t>(done.value());
  return done;
}

// Each part in turn, until one is short. Only the first can block: a pipe then has room or bytes for it.
Result read_parts(Context& c, int fd, const std::vector<Part>& parts, std::optional<uint64_t> position) {
  int64_t total = 0;
  for (const Part& p : parts) {
    if (p.size == 0) continue;
    if (total > 0) {
      const OpenFile& f = *file_of(c.s, fd);
      if (!f.is<HostFile, ScratchFile, TextFile, ZeroDevice>() && !(readiness(c.s, f) & ready::kRead)) break;
      if (f.is<StandardInput>()) break;
    }
    const Result part = read_file(c, fd, p.address, p.size, position);
    if (!part) return total > 0 && part != kBlocked ? Result(total) : part;
    const int64_t n = part.value();
    total += n;
    if (position) *position += static_cast<uint64_t>(n);
    if (static_cast<uint64_t>(n) < p.size || static_cast<uint64_t>(total) >= kMaxWrite) break;
  }
  return total;
}

// --- write ---

namespace {

// What the guest writes is as old as its clock says.
void touch(Context& c, const std::string& path) {
  const TimeSpec time = wall_time(c);
  const auto it = c.s.times.find(path);
  if (it != c.s.times.end())
    it->second = FileTimes{time, time};
  else if (c.s.holdings.take(cost::kTimes + path.size()))
    c.s.times.emplace(path, FileTimes{time, time});
}

// Bytes to stdout and stderr, to a file, to nowhere.
struct WriteBytes {
  Context& c;
  OpenFile& f;
  const std::string& bytes;
  std::optional<uint64_t> position;

  Result all() const { return static_cast<int64_t>(bytes.size()); }
  Result operator()(const NullDevice&) { return all(); }
  Result operator()(const ZeroDevice&) { return all(); }
  Result operator()(const RandomDevice&) { return all(); }
  Result operator()(const StandardOutput& out) {
    c.host.write_stream(c.m, out.stream, reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
    return all();
  }
  Result operator()(const HostFile&) {
    uint64_t end = 0;
    const Result done = host_write(c, f, position.value_or(f.offset), f.append, bytes, end);
    if (done) touch(c, f.path);
    return written(done, end);
  }
  Result operator()(const ScratchFile& x) {
    uint64_t end = 0;
    const Result done = scratch_write(c, x.node, position.value_or(f.offset), f.append, bytes, end);
    return written(done, end);
  }
  template <class Other>
  Result operator()(const Other&) {
    return Error::INVAL;
  }
  // So many are in the file now, up to `end`.
  Result written(Result done, uint64_t end) {
    if (!done) return done;
    const auto n = static_cast<uint64_t>(done.value());
    view_written(c, f, end - n, bytes.substr(0, n));
    if (!position) f.offset = end;
    return done;
  }
};

Result write_all(Context& c, int fd, const std::string& bytes, std::optional<uint64_t> position) {
  OpenFile* f = file_of(c.s, fd);
  if (!f || !f->writable()) return Error::BADF;
  if (position && !seekable(c.s, *f)) return Error::SPIPE;
  if (const auto* end = f->as<PipeEnd>(); end && end->writes) {
    const Result done = write_pipe(c, *f, bytes);
    return done == Error::PIPE ? broken_pipe(c) : done;
  }
  if (f->is<EventCounter>()) return write_counter(c, *f, bytes);
  if (f->is<SocketFile>()) {
    const Result done = send_bytes(c, fd, bytes, {}, nullptr);
    return done == Error::PIPE ? broken_pipe(c) : done;
  }
  return std::visit(WriteBytes{c, *f, bytes, position}, f->kind);
}

Result copy_in(Context& c, uint64_t address, uint64_t n, std::string& out) {
  n = std::min(n, kMaxWrite);
  if (n > 0 && !c.memory().check_read(address, n)) return Error::FAULT;
  out.resize(n);
  return c.memory().read(address, out.data(), n) ? kOk : Error::FAULT;
}

}  // namespace

Result broken_pipe(Context& c) {
  send_to_thread(c.s, c.m, c.thread().tid, c.s.system->signals.from_self(c.s, c.s.system->signals.broken_pipe));
  return Error::PIPE;
}

Result write_file(Context& c, int fd, uint64_t address, uint64_t n, std::optional<uint64_t> position) {
  const OpenFile* f = file_of(c.s, fd);
  if (!f || !f->writable()) return Error::BADF;
  std::string bytes;
  if (const Result e = copy_in(c, address, n, bytes); !e) return e;
  return write_all(c, fd, bytes, position);
}

Result write_bytes(Context& c, int fd, const std::string& bytes) { return write_all(c, fd, bytes, std::nullopt); }

Result write_parts(Context& c, int fd, const std::vector<Part>& parts, std::optional<uint64_t> position) {
  std::string all;
  for (const Part& p : parts) {
    std::string bytes;
    if (const Result e = copy_in(c, p.address, std::min(p.size, kMaxWrite - all.size()), bytes); !e) return e;
    all += bytes;
  }
  return write_all(c, fd, all, position);
}

// --- position, size, mode ---

namespace {

Result size_of(Context& c, const OpenFile& f) {
  if (const auto* t = f.as<TextFile>()) return static_cast<int64_t>(t->content.size());
  if (const auto* x = f.as<ScratchFile>()) return static_cast<int64_t>(c.s.scratch.nodes.at(x->node).bytes.size());
  if (!f.is<HostFile>()) return 0;
  HostStatus st;
  const Result e = host_stat(c, f, st);
  return !e ? e : Result(static_cast<int64_t>(st.size));
}

}  // namespace

Result seek_file(Context& c, int fd, int64_t offset, std::optional<Whence> whence) {
  OpenFile* f = opened_file(c.s, fd);
  if (!f) return Error::BADF;
  if (!seekable(c.s, *f)) return Error::SPIPE;
  if (f->is<NullDevice, ZeroDevice, RandomDevice>()) return 0;
  if (!whence) return Error::INVAL;
  Result base = 0;
  if (whence == Whence::Current) base = static_cast<int64_t>(f->offset);
  if (whence == Whence::End) base = size_of(c, *f);
  if (!base) return base;
  int64_t to = 0;
  if (__builtin_add_overflow(base.value(), offset, &to)) return Error::OVERFLOW;
  if (to < 0) return Error::INVAL;
  f->offset = static_cast<uint64_t>(to);
  if (auto* d = f->as<Directory>()) {
    d->sought = true;
    if (to == 0) d->listed = false;
  }
  return to;
}

Result truncate_file(Context& c, OpenFile& f, int64_t size) {
  if (!f.is<HostFile, ScratchFile>() || !f.writable() || size < 0) return Error::INVAL;
  const auto bytes = static_cast<uint64_t>(size);
  const Result e = f.node() ? scratch_truncate(c, f.node(), bytes) : host_truncate(c, f, bytes);
  if (e) view_resized(c, f, bytes);
  return e;
}

Result chmod_file(Context& c, const OpenFile& f, uint32_t perm) {
  if (f.node()) return scratch_chmod(c, f.node(), perm);
  return f.is<HostFile, Directory>() ? host_chmod(c, f, perm) : Error::PERM;
}

// --- directories ---

Result list_directory(Context& c, const OpenFile& f, std::vector<DirEntry>& out) {
  constexpr uint8_t kDirectory = mode::DIR >> 12;
  const int node = f.node();
  const Result e = node == 0 || is_scratch_root(f) ? host_list(c, f, out) : kOk;
  if (!e && node == 0) return e;
  if (node) scratch_list(c.s, node, out);
  const auto is_tmp = [](const DirEntry& d) { return d.name == "tmp"; };
  if (f.path == "/" && c.s.scratch.mounted && std::none_of(out.begin(), out.end(), is_tmp))
    out.push_back({"tmp", kDirectory, scratch_inode(1)});
  std::sort(out.begin(), out.end(), [](const DirEntry& a, const DirEntry& b) { return a.name < b.name; });
  out.insert(out.begin(), {DirEntry{".", kDirectory, 0}, DirEntry{"..", kDirectory, 0}});
  return 0;
}

}  // namespace deferscope::emu::posix
