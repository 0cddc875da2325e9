// The walk that keeps guest paths inside their roots, and the operations on what it finds.
#include "emu/linux/host_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <deque>
#include <filesystem>

namespace deferscope::emu::linux_ {
namespace {

constexpr int kMaxLinks = 40;
constexpr uint64_t kMaxTransfer = 16 << 20;  // bytes a single read or write moves; short counts are legal

bool below(const std::string& path, const std::string& root) {
  if (root == "/") return true;
  return path == root ||
         (path.size() > root.size() && path.compare(0, root.size(), root) == 0 && path[root.size()] == '/');
}

// An allowed directory as it was spelled and without links: the guest may use either.
struct Root {
  std::string spelled, real;
  bool writable;
};

std::string real_path(const std::string& path) {
  char buffer[PATH_MAX];
  return ::realpath(path.c_str(), buffer) ? buffer : path;
}

std::vector<Root> roots_of(const GuestOptions& o) {
  std::vector<Root> roots;
  for (const std::string& d : o.allow_read) roots.push_back({absolute_path(d), real_path(absolute_path(d)), false});
  for (const std::string& d : o.allow_write) roots.push_back({absolute_path(d), real_path(absolute_path(d)), true});
  return roots;
}

// The systems' own trees are never the host's, even below --allow-read /.
bool reserved(const std::string& path, const std::vector<Root>& roots) {
  for (const char* tree : {"/proc", "/sys", "/dev"}) {
    if (!below(path, tree)) continue;
    return std::none_of(roots.begin(), roots.end(),
                        [&](const Root& r) { return below(r.real, tree) && below(path, r.real); });
  }
  return false;
}

// What the walk found: a path without links, inside a root, above one, or the executable.
struct Found {
  int error = 0;  // host errno
  std::string path;
  bool inside = false, writable = false, above = false, exists = false;
  bool hidden = false;  // with ENOENT: a name that the guest may not see, in a directory that it sees
  struct stat st {};
};

class Walk {
 public:
  Walk(const GuestOptions& o, const std::string& exe)
      : roots_(roots_of(o)), exe_(exe.empty() ? exe : real_path(exe)), exe_spelled_(exe) {}
  Found find(const std::string& path, bool follow);
  const std::vector<Root>& roots() const { return roots_; }

 private:
  bool leads_to_root(const std::string& path) const {
    return std::any_of(roots_.begin(), roots_.end(),
                       [&](const Root& r) { return below(r.spelled, path) || below(r.real, path); }) ||
           below(exe_, path) || below(exe_spelled_, path);
  }
  bool inside(const std::string& path) const {
    return !reserved(path, roots_) &&
           std::any_of(roots_.begin(), roots_.end(), [&](const Root& r) { return below(path, r.real); });
  }
  void classify(Found& f) const;

  std::vector<Root> roots_;
  std::string exe_, exe_spelled_;
};

void Walk::classify(Found& f) const {
  f.inside = inside(f.path) || (!exe_.empty() && f.path == exe_);
  f.writable = inside(f.path) && std::any_of(roots_.begin(), roots_.end(),
                                             [&](const Root& r) { return r.writable && below(f.path, r.real); });
  f.above = !f.inside && leads_to_root(f.path);
  if (!f.inside && !f.above) f.error = ENOENT;
  if (f.above && !f.exists) f.error = ENOENT;
}

Found Walk::find(const std::string& path, bool follow) {
  Found f;
  std::deque<std::string> todo = path_components(path);
  const bool must_be_directory = path.size() > 1 && path.back() == '/';
  std::string at;  // "" is the root directory
  int links = 0;
  f.exists = true;
  ::stat("/", &f.st);
  while (!todo.empty()) {
    const std::string name = todo.front();
    todo.pop_front();
    if (name == ".") continue;
    if (name == "..") {
      at.erase(std::min(at.rfind('/'), at.size()));
      ::lstat(at.empty() ? "/" : at.c_str(), &f.st);
      continue;
    }
    const std::string next = at + "/" + name;
    if (!inside(next) && !leads_to_root(next)) return f.error = ENOENT, f.hidden = todo.empty(), f;
    if (::lstat(next.c_str(), &f.st) != 0) {
      f.exists = false;
      f.error = errno;
      f.path = next;
      if (errno != ENOENT || !todo.empty()) return f;
      f.error = 0;
      return classify(f), f;
    }
    const bool last = todo.empty();
    if (S_ISLNK(f.st.st_mode) && (!last || follow || must_be_directory)) {
      char target[PATH_MAX];
      const ssize_t n = ::readlink(next.c_str(), target, sizeof target - 1);
      if (n < 0) return f.error = errno, f;
      if (++links > kMaxLinks) return f.error = ELOOP, f;
      std::deque<std::string> more = path_components(std::string(target, static_cast<size_t>(n)));
      todo.insert(todo.begin(), more.begin(), more.end());
      if (target[0] == '/') at.clear();
      ::lstat(at.empty() ? "/" : at.c_str(), &f.st);
      continue;
    }
    if (!S_ISDIR(f.st.st_mode) && (!last || must_be_directory)) return f.error = ENOTDIR, f;
    at = next;
  }
  f.path = at.empty() ? "/" : at;
  return classify(f), f;
}

// Opens a path without links: a component that has become a link since the walk fails.
int open_exact(const std::string& path, int flags, mode_t perm = 0) {
  int dir = ::open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  std::deque<std::string> todo = path_components(path);
  if (todo.empty()) return dir;
  while (dir >= 0 && todo.size() > 1) {
    const int next = ::openat(dir, todo.front().c_str(), O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_PATH);
    const int e = errno;
    ::close(dir);
    errno = e;
    dir = next;
    todo.pop_front();
  }
  if (dir < 0) return -1;
  const int fd = ::openat(dir, todo.front().c_str(), flags | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, perm);
  const int e = errno;
  ::close(dir);
  errno = e;
  return fd;
}

// The directory of a path without links, for the …at functions. Closes itself.
class ParentDir {
 public:
  explicit ParentDir(const std::string& path) {
    const size_t slash = path.rfind('/');
    name_ = path.substr(slash + 1);
    fd_ = open_exact(slash == 0 ? "/" : path.substr(0, slash), O_RDONLY | O_DIRECTORY);
  }
  ~ParentDir() {
    if (fd_ >= 0) ::close(fd_);
  }
  ParentDir(const ParentDir&) = delete;
  ParentDir& operator=(const ParentDir&) = delete;
  int fd() const { return fd_; }
  const char* name() const { return name_.c_str(); }

 private:
  int fd_;
  std::string name_;
};

// The guest owns every file it sees, so the owner's permission bits bind it, also where the host would let us (root).
bool owner_may(mode_t m, mode_t bits) { return (m & bits) == bits; }
bool may_change_entries(const std::string& path) {
  struct stat st {};
  const size_t slash = path.rfind('/');
  return ::lstat(slash == 0 ? "/" : path.substr(0, slash).c_str(), &st) == 0 &&
         owner_may(st.st_mode, S_IWUSR | S_IXUSR);
}

JournalEntry failed(int host_errno) { return {.what = {}, .result = -guest_errno(host_errno), .bytes = {}}; }
JournalEntry worked(int64_t result = 0) { return {.what = {}, .result = result, .bytes = {}}; }
JournalEntry outcome_of(int64_t result) { return result < 0 ? failed(errno) : worked(result); }

uint32_t guest_type(mode_t m) {
  if (S_ISDIR(m)) return mode::DIR;
  if (S_ISLNK(m)) return mode::LNK;
  if (S_ISREG(m)) return mode::REG;
  if (S_ISFIFO(m)) return mode::FIFO;
  return mode::CHR;
}

HostStatus status_of(const Found& f) {
  HostStatus s;
  s.mode = guest_type(f.st.st_mode) | (static_cast<uint32_t>(f.st.st_mode) & 07777);
  s.size = S_ISDIR(f.st.st_mode) ? 4096 : static_cast<uint64_t>(f.st.st_size);
  s.writable = f.writable;
  if (f.above) s.mode = mode::DIR | 0555;
  return s;
}

// Status and path in an entry's bytes.
JournalEntry entry_of(const HostStatus& s, const std::string& path) {
  JournalEntry e = worked();
  e.bytes.resize(sizeof s + path.size());
  std::memcpy(e.bytes.data(), &s, sizeof s);
  path.copy(reinterpret_cast<char*>(e.bytes.data()) + sizeof s, path.size());
  return e;
}

void read_entry(const JournalEntry& e, HostStatus& s, std::string& path) {
  if (e.bytes.size() < sizeof s) return;
  std::memcpy(&s, e.bytes.data(), sizeof s);
  path.assign(e.bytes.begin() + sizeof s, e.bytes.end());
}

Walk walk_of(Call& c) { return Walk(*c.s.options, c.s.exe); }

JournalEntry open_at_host(Walk walk, const std::string& path, uint32_t flags, uint32_t perm, bool follow) {
  Found f = walk.find(path, follow);
  const bool create = flags & open_flag::CREAT,
             writes = (flags & open_flag::ACCMODE) != open_flag::RDONLY || (flags & open_flag::TRUNC);
  if (f.error) return failed(create && f.hidden ? EACCES : f.error);
  if (f.exists && create && (flags & open_flag::EXCL)) return failed(EEXIST);
  if (!f.exists && !create) return failed(ENOENT);
  if ((!f.exists || writes) && !f.writable) return failed(f.exists && S_ISDIR(f.st.st_mode) ? EISDIR : EACCES);
  if (f.exists && S_ISLNK(f.st.st_mode)) return failed(ELOOP);
  if (f.above) return entry_of(status_of(f), f.path);
  const bool reads = (flags & open_flag::ACCMODE) != open_flag::WRONLY;
  if (f.exists && !owner_may(f.st.st_mode, (writes ? S_IWUSR : 0) | (reads ? S_IRUSR : 0))) return failed(EACCES);
  if (!f.exists && !may_change_entries(f.path)) return failed(EACCES);
  int host_flags = writes ? (flags & open_flag::ACCMODE) == open_flag::WRONLY ? O_WRONLY : O_RDWR : O_RDONLY;
  if (!f.exists) host_flags |= O_CREAT | O_EXCL;
  if (flags & open_flag::TRUNC) host_flags |= O_TRUNC;
  const int fd = open_exact(f.path, host_flags, perm);
  if (fd < 0) return failed(errno);
  ::fstat(fd, &f.st);
  ::close(fd);
  if (!S_ISREG(f.st.st_mode) && !S_ISDIR(f.st.st_mode))
    return failed(EACCES);  // devices, sockets and pipes of the host stay outside
  return entry_of(status_of(f), f.path);
}

JournalEntry read_at_host(const std::string& canonical, uint64_t offset, uint64_t n) {
  const int fd = open_exact(canonical, O_RDONLY);
  if (fd < 0) return failed(errno);
  JournalEntry e;
  e.bytes.resize(n);
  uint64_t done = 0;
  ssize_t k = 0;
  while (done < n && (k = ::pread(fd, e.bytes.data() + done, n - done, static_cast<off_t>(offset + done))) > 0)
    done += static_cast<uint64_t>(k);
  const int error = errno;
  ::close(fd);
  if (k < 0 && done == 0) return failed(error);
  e.bytes.resize(done);
  e.result = static_cast<int64_t>(done);
  return e;
}

int64_t take_bytes(const JournalEntry& e, std::string& out) {
  if (e.result >= 0) out.assign(e.bytes.begin(), e.bytes.end());
  return e.result;
}

}  // namespace

std::deque<std::string> path_components(const std::string& path) {
  std::deque<std::string> out;
  size_t at = 0;
  while (at < path.size()) {
    const size_t slash = std::min(path.find('/', at), path.size());
    if (slash > at) out.push_back(path.substr(at, slash - at));
    at = slash + 1;
  }
  return out;
}

bool is_allowed(const GuestOptions& options, const std::string& path, bool writing) {
  const std::vector<Root> roots = roots_of(options);
  return std::any_of(roots.begin(), roots.end(), [&](const Root& r) {
    return (r.writable || !writing) && (below(path, r.spelled) || below(path, r.real));
  });
}

std::string clean_path(const std::string& path) {
  std::string out;
  for (const std::string& name : path_components(path)) {
    if (name == ".") continue;
    if (name == "..")
      out.erase(std::min(out.rfind('/'), out.size()));
    else
      out += "/" + name;
  }
  return out.empty() ? "/" : out;
}

std::string absolute_path(const std::string& path) {
  if (path.empty() || path[0] == '/') return clean_path(path);
  std::error_code ignored;
  return clean_path(std::filesystem::current_path(ignored).string() + "/" + path);
}

std::string start_directory(const GuestOptions& options) {
  if (!options.cwd.empty()) {
    std::string path = absolute_path(options.cwd);
    const Found f = Walk(options, absolute_path(options.exe_path)).find(path + "/", true);
    if (f.error == 0 && f.exists) return f.path;
    if (path == "/tmp") return path;  // the guest's own
    throw Error("--cwd " + options.cwd + ": the guest sees no such directory (--allow-read DIR, --allow-write DIR)");
  }
  const std::string here = absolute_path(".");
  Walk walk(options, "");
  const Found f = walk.find(here, true);
  return f.error == 0 && f.inside ? here : "/";
}

int64_t host_open(Call& c, const std::string& path, uint32_t flags, uint32_t perm, HostStatus& status,
                  std::string& canonical) {
  const bool follow =
      !(flags & open_flag::NOFOLLOW[c.s.column()]) && !((flags & open_flag::CREAT) && (flags & open_flag::EXCL));
  const JournalEntry& e =
      c.host.input(c.m, ("open " + path).c_str(), [&] { return open_at_host(walk_of(c), path, flags, perm, follow); });
  read_entry(e, status, canonical);
  return e.result;
}

int64_t host_stat(Call& c, const std::string& path, bool follow, HostStatus& status, std::string& canonical) {
  const JournalEntry& e = c.host.input(c.m, ("stat " + path).c_str(), [&] {
    const Found f = walk_of(c).find(path, follow);
    if (f.error) return failed(f.error);
    return f.exists ? entry_of(status_of(f), f.path) : failed(ENOENT);
  });
  read_entry(e, status, canonical);
  return e.result;
}

int64_t host_read(Call& c, const std::string& canonical, uint64_t offset, uint64_t n, std::string& out) {
  n = std::min(n, kMaxTransfer);
  return take_bytes(
      c.host.input(c.m, ("read " + canonical).c_str(), [&] { return read_at_host(canonical, offset, n); }), out);
}

int64_t host_read_all(Call& c, const std::string& canonical, uint64_t offset, uint64_t n, std::string& out) {
  out.clear();
  while (n > 0) {
    std::string part;
    const int64_t got = host_read(c, canonical, offset + out.size(), n, part);
    if (got < 0) return got;
    if (got == 0) break;
    out += part;
    n -= std::min<uint64_t>(n, part.size());
  }
  return static_cast<int64_t>(out.size());
}

int64_t host_read_stdin(Call& c, uint64_t offset, uint64_t n, std::string& out) {
  n = std::min(n, kMaxTransfer);
  const JournalEntry& e = c.host.input(c.m, "read stdin", [&] {
    const std::string& path = *c.s.options->stdin_path;
    const int fd = path == "-" ? 0 : ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return failed(errno);
    JournalEntry entry;
    entry.bytes.resize(n);
    do {
      entry.result = path == "-" ? ::read(fd, entry.bytes.data(), n)
                                 : ::pread(fd, entry.bytes.data(), n, static_cast<off_t>(offset));
    } while (entry.result < 0 && errno == EINTR);
    const int error = errno;
    if (fd != 0) ::close(fd);
    if (entry.result < 0) return failed(error);
    entry.bytes.resize(static_cast<size_t>(entry.result));
    return entry;
  });
  return take_bytes(e, out);
}

int64_t host_write(Call& c, const std::string& canonical, uint64_t offset, bool append, const std::string& bytes,
                   uint64_t& end) {
  const JournalEntry& e = c.host.input(c.m, ("write " + canonical).c_str(), [&] {
    const int fd = open_exact(canonical, append ? O_WRONLY | O_APPEND : O_WRONLY);
    if (fd < 0) return failed(errno);
    const size_t n = std::min<size_t>(bytes.size(), kMaxTransfer);
    const ssize_t k = append ? ::write(fd, bytes.data(), n) : ::pwrite(fd, bytes.data(), n, static_cast<off_t>(offset));
    JournalEntry entry = outcome_of(k);
    const auto behind = append ? static_cast<uint64_t>(::lseek(fd, 0, SEEK_CUR))
                               : offset + static_cast<uint64_t>(std::max<ssize_t>(k, 0));
    ::close(fd);
    entry.bytes.resize(sizeof behind);
    std::memcpy(entry.bytes.data(), &behind, sizeof behind);
    return entry;
  });
  if (e.bytes.size() == sizeof end) std::memcpy(&end, e.bytes.data(), sizeof end);
  return e.result;
}

int64_t host_readlink(Call& c, const std::string& path, std::string& out) {
  const JournalEntry& e = c.host.input(c.m, ("readlink " + path).c_str(), [&] {
    const Found f = walk_of(c).find(path, false);
    if (f.error || !f.exists) return failed(f.error ? f.error : ENOENT);
    if (!S_ISLNK(f.st.st_mode)) return failed(EINVAL);
    char target[PATH_MAX];
    const ssize_t n = ::readlink(f.path.c_str(), target, sizeof target);
    if (n < 0) return failed(errno);
    JournalEntry entry = worked(n);
    entry.bytes.assign(target, target + n);
    return entry;
  });
  return take_bytes(e, out);
}

namespace {

// Names in a real directory, or the way to the roots in one above them.
std::vector<DirEntry> list_at_host(const Walk& walk, const std::string& canonical, bool above) {
  std::vector<DirEntry> out;
  if (above) {
    const std::string prefix = canonical == "/" ? "/" : canonical + "/";
    for (const Root& r : walk.roots())
      for (const std::string& path : {r.spelled, r.real})
        if (path.size() > prefix.size() && path.starts_with(prefix))
          out.push_back({path_components(path.substr(prefix.size())).front(), DT_DIR});
  } else if (const int fd = open_exact(canonical, O_RDONLY | O_DIRECTORY); fd >= 0) {
    if (DIR* dir = ::fdopendir(fd)) {
      while (const dirent* d = ::readdir(dir))
        if (std::strcmp(d->d_name, ".") != 0 && std::strcmp(d->d_name, "..") != 0)
          out.push_back({d->d_name, d->d_type});
      ::closedir(dir);
    }
  }
  std::sort(out.begin(), out.end(), [](const DirEntry& a, const DirEntry& b) { return a.name < b.name; });
  out.erase(std::unique(out.begin(), out.end(), [](const DirEntry& a, const DirEntry& b) { return a.name == b.name; }),
            out.end());
  return out;
}

}  // namespace

int64_t host_list(Call& c, const std::string& canonical, std::vector<DirEntry>& out) {
  const JournalEntry& e = c.host.input(c.m, ("list " + canonical).c_str(), [&] {
    Walk walk = walk_of(c);
    const Found f = walk.find(canonical, false);
    if (f.error || !f.exists) return failed(f.error ? f.error : ENOENT);
    JournalEntry entry = worked();
    for (const DirEntry& d : list_at_host(walk, canonical, f.above)) {
      entry.bytes.push_back(d.type);
      entry.bytes.insert(entry.bytes.end(), d.name.begin(), d.name.end());
      entry.bytes.push_back(0);
    }
    return entry;
  });
  for (size_t at = 0; at < e.bytes.size();) {
    const char* name = reinterpret_cast<const char*>(e.bytes.data()) + at + 1;
    out.push_back({name, e.bytes[at]});
    at += out.back().name.size() + 2;
  }
  return e.result;
}

// --- changes ---

namespace {

// Runs `change` on a path that lies below --allow-write. `must_exist`: 1 yes, 0 no (EEXIST). `entries`: it adds to or
// takes from the directory.
template <class Change>
int64_t change_path(Call& c, const char* verb, const std::string& path, bool follow, int must_exist, bool entries,
                    Change change) {
  return c.host
      .input(c.m, (std::string(verb) + " " + path).c_str(),
             [&] {
               const Found f = walk_of(c).find(path, follow);
               if (f.error) return failed(must_exist == 0 && f.hidden ? EACCES : f.error);
               if (f.exists && must_exist == 0) return failed(EEXIST);
               if (!f.exists && must_exist == 1) return failed(ENOENT);
               if (!f.writable) return failed(EACCES);
               if (entries && !may_change_entries(f.path)) return failed(EACCES);
               return change(f);
             })
      .result;
}

}  // namespace

int64_t host_mkdir(Call& c, const std::string& path, uint32_t perm) {
  std::string trimmed = path;
  while (trimmed.size() > 1 && trimmed.back() == '/') trimmed.pop_back();
  return change_path(c, "mkdir", trimmed, false, 0, true, [&](const Found& f) {
    const ParentDir dir(f.path);
    return outcome_of(::mkdirat(dir.fd(), dir.name(), perm));
  });
}

int64_t host_remove(Call& c, const std::string& path, bool directory) {
  return change_path(c, directory ? "rmdir" : "unlink", path, false, 1, true, [&](const Found& f) {
    const ParentDir dir(f.path);
    return outcome_of(::unlinkat(dir.fd(), dir.name(), directory ? AT_REMOVEDIR : 0));
  });
}

int64_t host_rename(Call& c, const std::string& from, const std::string& to, bool no_replace,
                    std::string& canonical_from, std::string& canonical_to) {
  const JournalEntry& e = c.host.input(c.m, ("rename " + from).c_str(), [&] {
    const Found a = walk_of(c).find(from, false), b = walk_of(c).find(to, false);
    if (a.error || !a.exists) return failed(a.error ? a.error : ENOENT);
    if (b.error) return failed(b.error);
    if (!a.writable || !b.writable) return failed(EACCES);
    if (no_replace && b.exists) return failed(EEXIST);
    if (!may_change_entries(a.path) || !may_change_entries(b.path)) return failed(EACCES);
    const ParentDir da(a.path), db(b.path);
    JournalEntry entry = outcome_of(::renameat(da.fd(), da.name(), db.fd(), db.name()));
    const std::string both = a.path + '\0' + b.path;
    entry.bytes.assign(both.begin(), both.end());
    return entry;
  });
  const std::string both(e.bytes.begin(), e.bytes.end());
  const size_t zero = std::min(both.find('\0'), both.size());
  canonical_from = both.substr(0, zero);
  canonical_to = zero < both.size() ? both.substr(zero + 1) : "";
  return e.result;
}

int64_t host_truncate(Call& c, const std::string& path, uint64_t size) {
  return change_path(c, "truncate", path, true, 1, false, [&](const Found& f) {
    const int fd = open_exact(f.path, O_WRONLY);
    if (fd < 0) return failed(errno);
    JournalEntry e = outcome_of(::ftruncate(fd, static_cast<off_t>(size)));
    ::close(fd);
    return e;
  });
}

int64_t host_chmod(Call& c, const std::string& path, uint32_t perm) {
  return change_path(c, "chmod", path, true, 1, false, [&](const Found& f) {
    const ParentDir dir(f.path);
    return outcome_of(::fchmodat(dir.fd(), dir.name(), perm & 0777, 0));  // never set-uid
  });
}

int64_t host_symlink(Call& c, const std::string& target, const std::string& path) {
  return change_path(c, "symlink", path, false, 0, true, [&](const Found& f) {
    const ParentDir dir(f.path);
    return outcome_of(::symlinkat(target.c_str(), dir.fd(), dir.name()));
  });
}

int64_t host_link(Call& c, const std::string& from, const std::string& to) {
  return change_path(c, "link", to, false, 0, true, [&](const Found& b) {
    const Found a = walk_of(c).find(from, false);
    if (a.error || !a.exists) return failed(a.error ? a.error : ENOENT);
    if (!a.writable) return failed(EACCES);
    const ParentDir da(a.path), db(b.path);
    return outcome_of(::linkat(da.fd(), da.name(), db.fd(), db.name(), 0));
  });
}

}  // namespace deferscope::emu::linux_
