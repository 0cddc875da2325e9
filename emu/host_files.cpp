// Operations on what a path or a handle names.
#include "emu/host_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "emu/error.h"
#include "emu/machine_state.h"

namespace deferscope::emu {
namespace {

constexpr int kTries = 8;  // an entry that somebody swaps each time is given up
constexpr int kSafely = O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
constexpr uint32_t kSpecial = S_ISUID | S_ISGID;

int64_t outcome(int64_t result) { return result < 0 ? -errno : result; }

// What the guest may make or leave: never set-user-ID, set-group-ID, or a sticky file. A sticky directory only forbids.
mode_t plain(uint32_t perm, bool directory = false) { return perm & (directory ? 01777 : 0777); }

// The guest owns every file it sees, so the owner's permission bits bind it, also where the host would let us (root).
bool owner_may(mode_t m, mode_t bits) { return (m & bits) == bits; }

bool openable(const struct stat& st) { return S_ISREG(st.st_mode) || S_ISDIR(st.st_mode); }

bool same_file(int fd, dev_t device, ino_t inode) {
  struct stat st {};
  return ::fstat(fd, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

// The file behind an O_PATH descriptor, whatever its name leads to by now.
std::string proc_path(int fd) { return fmt::format("/proc/self/fd/{}", fd); }

// Opens what was found there, or nothing: -1 and EAGAIN if the entry is another by now.
HostFd open_node(const Found& f, int flags) {
  if (f.executable) return HostFd(::fcntl(f.node, F_DUPFD_CLOEXEC, 0));
  if (f.is(S_IFDIR)) return HostFd(::openat(f.node, ".", flags | O_DIRECTORY | kSafely));
  if (f.parent < 0) return HostFd(::open(proc_path(f.node).c_str(), flags | (kSafely & ~O_NOFOLLOW)));
  HostFd fd(::openat(f.parent, f.name.c_str(), flags | kSafely));
  const bool gone = !fd && (errno == ENOENT || errno == ELOOP || errno == ENXIO);
  if (gone || (fd && !same_file(fd.get(), f.st.st_dev, f.st.st_ino))) {
    fd.reset();
    errno = EAGAIN;
  }
  return fd;
}

int change_mode(int node, mode_t mode) {
#if defined(SYS_fchmodat2)
  constexpr long kFchmodat2 = SYS_fchmodat2;
#else
  constexpr long kFchmodat2 = 452;
#endif
  if (::syscall(kFchmodat2, node, "", mode, AT_EMPTY_PATH) == 0) return 0;
  return errno == ENOSYS ? ::fchmodat(AT_FDCWD, proc_path(node).c_str(), mode, 0) : -1;
}

// As a write by another user than root does.
void drop_special_bits(int fd) {
  struct stat st {};
  if (::fstat(fd, &st) == 0 && (st.st_mode & kSpecial)) ::fchmod(fd, st.st_mode & 07777 & ~kSpecial);
}

HostFiles::Status status_of(const struct stat& st, bool writable) {
  HostFiles::Status s;
  s.mode = st.st_mode & (S_IFMT | 07777);
  s.size = S_ISDIR(st.st_mode) ? 4096 : static_cast<uint64_t>(st.st_size);
  s.writable = writable;
  return s;
}

int64_t list_names(const HostPaths& paths, int dir, const std::string& path, std::vector<HostFiles::Entry>& out) {
  if (dir < 0) {
    for (const std::string& name : paths.list_above(path)) out.push_back({name, DT_DIR});
    return 0;
  }
  HostFd fd(::openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return -errno;
  DIR* const stream = ::fdopendir(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 0));
  if (!stream) return -errno;
  while (const dirent* d = ::readdir(stream))
    if (std::strcmp(d->d_name, ".") != 0 && std::strcmp(d->d_name, "..") != 0) out.push_back({d->d_name, d->d_type});
  ::closedir(stream);
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return 0;
}

// Each file that the guest holds open is one of ours.
void raise_descriptor_limit() {
  constexpr rlim_t kEnough = 16384;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= kEnough) return;
  limit.rlim_cur = std::min(limit.rlim_max, kEnough);
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

HostPath without_slash(HostPath path) {
  while (path.text.size() > 1 && path.text.back() == '/') path.text.pop_back();
  path.base_length = std::min(path.base_length, path.text.size());
  return path;
}

// For tests: as on a kernel without openat2.
bool wants_plain_lookup() {
  const char* value = std::getenv("DEFERSCOPE_NO_OPENAT2");
  return value && *value;
}

// As much of it as there is; false: an error, before which `out` came.
bool read_all(int fd, uint64_t offset, uint64_t n, std::vector<uint8_t>& out) {
  out.resize(n);
  uint64_t done = 0;
  ssize_t k = 0;
  while (done < n && (k = ::pread(fd, out.data() + done, n - done, static_cast<off_t>(offset + done))) > 0)
    done += static_cast<uint64_t>(k);
  out.resize(done);
  return k >= 0;
}

bool ends_in_slash(const HostPath& path) { return path.text.size() > 1 && path.text.back() == '/'; }

}  // namespace

HostFiles::HostFiles(const GuestOptions& options)
    : HostFiles(options, wants_plain_lookup() ? HostPaths::Lookup::ByName : HostPaths::Lookup::Best) {}

HostFiles::HostFiles(const GuestOptions& options, HostPaths::Lookup lookup) : paths_(options, lookup) {
  if (!paths_.roots().empty()) raise_descriptor_limit();
  if (!options.stdin_path || *options.stdin_path == "-") return;
  stdin_ = HostFd(::open(options.stdin_path->c_str(), O_RDONLY | O_NOCTTY | O_CLOEXEC));
  if (!stdin_) throw Error(fmt::format("--stdin {}: {}", *options.stdin_path, std::strerror(errno)));
}

std::string HostFiles::start_directory(const std::string& cwd) const {
  if (!cwd.empty()) {
    const std::string path = absolute_path(cwd);
    const Found f = paths_.find(path + "/", true);
    if (f.error == 0 && f.exists) return f.path;
    if (path == "/tmp") return path;  // the guest's own
    throw Error("--cwd " + cwd + ": the guest sees no such directory (--allow-read DIR, --allow-write DIR)");
  }
  const std::string here = absolute_path(".");
  const Found f = paths_.find(here, true);
  return f.error == 0 && f.is(S_IFDIR) && !f.above ? here : "/";
}

Found HostFiles::find(const HostPath& path, bool follow) {
  if (path.base == 0) return paths_.find(path.text, follow);
  const Held* base = held(path.base);
  if (base) return paths_.find(path.text, follow, base->fd.get(), path.base_length);
  Found f;
  f.error = EIO;
  return f;
}

// --- what is held open ---

void HostFiles::keep(FileHandle handle, Held h, const struct stat& st) {
  h.special = S_ISREG(st.st_mode) && (st.st_mode & kSpecial);
  h.device = st.st_dev;
  h.inode = st.st_ino;
  held_[handle] = std::move(h);
}

HostFiles::Held* HostFiles::held(FileHandle handle) {
  const auto it = held_.find(handle);
  return it == held_.end() ? open_again(handle) : &it->second;
}

// A rewound guest goes on another way and needs what it had closed: the same file, or none.
HostFiles::Held* HostFiles::open_again(FileHandle handle) {
  const auto it = closed_.find(handle);
  if (it == closed_.end()) return nullptr;
  const Found f = paths_.find(it->second.path, false);
  Held h = std::move(it->second);
  if (h.flags == O_RDONLY && same_file(paths_.executable(), h.device, h.inode))
    h.fd = HostFd(::fcntl(paths_.executable(), F_DUPFD_CLOEXEC, 0));
  else if (!f.error && f.exists && f.st.st_dev == h.device && f.st.st_ino == h.inode)
    h.fd = open_node(f, h.flags);
  const bool above = !f.error && f.above && h.inode == 0;
  if (!h.fd && !above) {
    if (trouble_)
      trouble_(h.path +
               ": the guest had closed this file on the way taken before; it is not there any more, so using it fails "
               "with EIO");
    it->second = std::move(h);
    return nullptr;
  }
  h.appends = false;
  closed_.erase(it);
  return &(held_[handle] = std::move(h));
}

void HostFiles::close(FileHandle handle) {
  const auto it = held_.find(handle);
  if (it == held_.end()) return;
  it->second.fd.reset();
  if (remember_) closed_[handle] = std::move(it->second);
  held_.erase(it);
}

void HostFiles::forget(FileHandle first) {
  for (auto* files : {&held_, &closed_}) {
    const auto begin = files->lower_bound(first);
    for (auto it = begin; it != files->end(); ++it) kept_ -= it->second.kept ? it->second.kept->size() : 0;
    files->erase(begin, files->end());
  }
}

bool HostFiles::is_constant(FileHandle handle) const {
  for (const auto* files : {&held_, &closed_})
    if (const auto it = files->find(handle); it != files->end()) return !it->second.writable && it->second.inode != 0;
  return false;
}

void HostFiles::note_rename(const std::string& from, const std::string& to) {
  for (auto* files : {&held_, &closed_})
    for (auto& [handle, h] : *files)
      if (path_below(h.path, from)) h.path = to + h.path.substr(from.size());
}

// --- opening ---

int64_t HostFiles::open_found(FileHandle handle, const Found& f, const Open& how) {
  if (f.error) return how.create && f.hidden ? -EACCES : -f.error;
  const bool writes = how.write || how.truncate, directory = f.is(S_IFDIR);
  if (f.exists && how.create && how.exclusive) return -EEXIST;
  if (!f.exists && !how.create) return -ENOENT;
  if (how.create && f.slash) return -EISDIR;
  if (directory && (writes || how.create)) return -EISDIR;
  if ((!f.exists || writes) && !f.writable) return -EACCES;
  if (f.is(S_IFLNK)) return -ELOOP;
  if (f.exists && how.directory && !directory) return -ENOTDIR;
  if (f.exists && !openable(f.st)) return -EACCES;  // devices, sockets and pipes of the host stay outside
  if (f.exists && !f.above && !how.look && !owner_may(f.st.st_mode, (writes ? S_IWUSR : 0) | (how.read ? S_IRUSR : 0)))
    return -EACCES;
  if (how.search && !owner_may(f.st.st_mode, S_IXUSR)) return -EACCES;
  Held h;
  h.path = f.path;
  h.writable = f.writable;
  h.library = f.library;
  h.flags = how.look ? O_PATH : !writes ? O_RDONLY : how.read ? O_RDWR : O_WRONLY;
  struct stat st = f.st;
  if (f.above) {
    keep(handle, std::move(h), {});
    return 0;
  }
  if (f.exists) {
    h.fd = open_node(f, h.flags);
  } else {
    struct stat dir {};
    if (f.held || ::fstat(f.parent, &dir) != 0) return -EBUSY;
    if (!owner_may(dir.st_mode, S_IWUSR | S_IXUSR)) return -EACCES;
    h.fd = HostFd(::openat(f.parent, f.name.c_str(), h.flags | O_CREAT | O_EXCL | kSafely, plain(how.perm)));
    if (!h.fd && errno == EEXIST && !how.exclusive) return -EAGAIN;
  }
  if (!h.fd || ::fstat(h.fd.get(), &st) != 0) return -errno;
  const int fd = h.fd.get();
  keep(handle, std::move(h), st);
  if (!f.exists || !how.truncate) return 0;
  drop_special_bits(fd);
  const int64_t cut = outcome(::ftruncate(fd, 0));
  if (cut < 0) held_.erase(handle);
  return cut;
}

int64_t HostFiles::open(FileHandle handle, const HostPath& path, const Open& how, Status& status, std::string& real) {
  for (int i = 0; i < kTries; ++i) {
    const Found f = find(path, how.follow);
    const int64_t result = open_found(handle, f, how);
    if (result == -EAGAIN) continue;
    if (result < 0) return result;
    real = f.path;
    const bool now = !f.above && !how.look;  // also what was made or cut
    return now ? stat(handle, status) : (status = status_of(f.st, f.writable), 0);
  }
  return -EIO;
}

int64_t HostFiles::open_executable(FileHandle handle, Status& status, std::string& real) {
  if (const int64_t e = stat_executable(status, real); e < 0) return e;
  Held h;
  h.fd = HostFd(::fcntl(paths_.executable(), F_DUPFD_CLOEXEC, 0));
  h.path = real;
  struct stat st {};
  if (!h.fd || ::fstat(h.fd.get(), &st) != 0) return -errno;
  keep(handle, std::move(h), st);
  return 0;
}

int64_t HostFiles::stat_executable(Status& status, std::string& real) const {
  struct stat st {};
  if (paths_.executable() < 0) return -ENOENT;
  if (::fstat(paths_.executable(), &st) != 0) return -errno;
  status = status_of(st, false);
  real = paths_.executable_path();
  return 0;
}

// --- asking ---

int64_t HostFiles::stat(const HostPath& path, bool follow, Status& status, std::string& real) {
  const Found f = find(path, follow);
  if (f.error) return -f.error;
  if (!f.exists) return -ENOENT;
  status = status_of(f.st, f.writable);
  real = f.path;
  return 0;
}

int64_t HostFiles::stat(FileHandle handle, Status& status) {
  const Held* h = held(handle);
  struct stat st {};
  if (!h) return -EIO;
  if (!h->fd)
    st.st_mode = S_IFDIR | 0555;
  else if (::fstat(h->fd.get(), &st) != 0)
    return -errno;
  status = status_of(st, h->writable);
  return 0;
}

bool HostFiles::are_same(FileHandle a, FileHandle b) {
  const Held *x = held(a), *y = held(b);
  return x && y && x->device == y->device && x->inode == y->inode;
}

int64_t HostFiles::readlink(const HostPath& path, std::string& out) {
  const Found f = find(path, false);
  if (f.error) return -f.error;
  if (!f.exists) return -ENOENT;
  if (!f.is(S_IFLNK)) return -EINVAL;
  if (!f.target.empty()) return out = f.target, static_cast<int64_t>(out.size());
  char target[4096];
  const ssize_t n = ::readlinkat(f.node, "", target, sizeof target);
  if (n < 0) return -errno;
  out.assign(target, static_cast<size_t>(n));
  return n;
}

int64_t HostFiles::list(const HostPath& path, std::vector<Entry>& out) {
  const Found f = find(path, false);
  if (f.error) return -f.error;
  if (!f.exists) return -ENOENT;
  return f.is(S_IFDIR) ? list_names(paths_, f.node, f.path, out) : -ENOTDIR;
}

int64_t HostFiles::list(FileHandle handle, std::vector<Entry>& out) {
  const Held* h = held(handle);
  return h ? list_names(paths_, h->fd.get(), h->path, out) : -EIO;
}

// --- bytes ---

// Of a library in a recording: all of it, read when it is first asked for. nullptr: it is none, or they are too many.
const std::vector<uint8_t>* HostFiles::kept_bytes(FileHandle handle) {
  Held* h = nullptr;
  for (auto* files : {&held_, &closed_})
    if (const auto it = files->find(handle); it != files->end()) h = &it->second;
  struct stat st {};
  if (!h || !h->library || !remember_) return nullptr;
  if (h->kept) return h->kept.get();
  if (!h->fd || ::fstat(h->fd.get(), &st) != 0 || static_cast<uint64_t>(st.st_size) > kMostKept - kept_) return nullptr;
  std::vector<uint8_t> bytes;
  if (!read_all(h->fd.get(), 0, static_cast<uint64_t>(st.st_size), bytes)) return nullptr;
  kept_ += bytes.size();
  h->kept = std::make_shared<const std::vector<uint8_t>>(std::move(bytes));
  return h->kept.get();
}

int64_t HostFiles::read(FileHandle handle, uint64_t offset, uint64_t n, std::vector<uint8_t>& out) {
  if (const std::vector<uint8_t>* all = kept_bytes(handle)) {
    const uint64_t begin = std::min<uint64_t>(offset, all->size()), end = begin + std::min(n, all->size() - begin);
    out.assign(all->begin() + static_cast<ptrdiff_t>(begin), all->begin() + static_cast<ptrdiff_t>(end));
    return static_cast<int64_t>(out.size());
  }
  const Held* h = held(handle);
  if (!h) return -EIO;
  const int error = read_all(h->fd.get(), offset, n, out) ? 0 : errno;
  return error && out.empty() ? -error : static_cast<int64_t>(out.size());
}

int64_t HostFiles::write(FileHandle handle, uint64_t offset, bool append, const std::string& bytes, uint64_t& end) {
  Held* h = held(handle);
  if (!h) return -EIO;
  const int fd = h->fd.get();
  if (std::exchange(h->special, false)) drop_special_bits(fd);
  if (append != h->appends && ::fcntl(fd, F_SETFL, append ? O_APPEND | O_NONBLOCK : O_NONBLOCK) != 0) return -errno;
  h->appends = append;
  const ssize_t k = append ? ::write(fd, bytes.data(), bytes.size())
                           : ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
  if (k < 0) return -errno;
  end = append ? static_cast<uint64_t>(::lseek(fd, 0, SEEK_CUR)) : offset + static_cast<uint64_t>(k);
  return k;
}

int64_t HostFiles::truncate(FileHandle handle, uint64_t size) {
  Held* h = held(handle);
  if (!h) return -EIO;
  if (std::exchange(h->special, false)) drop_special_bits(h->fd.get());
  return outcome(::ftruncate(h->fd.get(), static_cast<off_t>(size)));
}

int64_t HostFiles::chmod(FileHandle handle, uint32_t perm) {
  const Held* h = held(handle);
  if (!h) return -EIO;
  struct stat st {};
  if (!h->writable) return -EACCES;
  if (::fstat(h->fd.get(), &st) != 0) return -errno;
  return outcome(::fchmod(h->fd.get(), plain(perm, S_ISDIR(st.st_mode))));
}

int64_t HostFiles::read_stdin(uint64_t offset, uint64_t n, std::vector<uint8_t>& out) {
  out.resize(n);
  ssize_t k = stdin_ ? ::pread(stdin_.get(), out.data(), n, static_cast<off_t>(offset)) : ::read(0, out.data(), n);
  if (k < 0 && stdin_ && errno == ESPIPE) k = ::read(stdin_.get(), out.data(), n);
  const int error = errno;
  out.resize(static_cast<size_t>(std::max<ssize_t>(k, 0)));
  return k < 0 ? -error : k;
}

// --- changes ---

// An entry is to be made or taken away.
int64_t HostFiles::may_change(const Found& f) const {
  struct stat dir {};
  if (f.held || f.parent < 0) return -EBUSY;
  if (::fstat(f.parent, &dir) != 0) return -errno;
  return owner_may(dir.st_mode, S_IWUSR | S_IXUSR) ? 0 : -EACCES;
}

namespace {
// A new entry: where it may not be.
int64_t refuse_new(const Found& f) {
  if (f.error) return f.hidden ? -EACCES : -f.error;
  if (f.exists) return -EEXIST;
  return f.writable ? 0 : -EACCES;
}
}  // namespace

int64_t HostFiles::mkdir(const HostPath& path, uint32_t perm) {
  const Found f = find(without_slash(path), false);
  if (const int64_t e = refuse_new(f); e < 0) return e;
  if (const int64_t e = may_change(f); e < 0) return e;
  return outcome(::mkdirat(f.parent, f.name.c_str(), plain(perm, true)));
}

int64_t HostFiles::remove(const HostPath& path, bool directory, std::string& real) {
  const Found f = find(without_slash(path), false);
  if (f.error) return -f.error;
  if (!f.exists) return -ENOENT;
  if (!f.writable) return -EACCES;
  if (!f.is(S_IFDIR) && (directory || ends_in_slash(path))) return -ENOTDIR;
  if (f.is(S_IFDIR) && !directory) return -EISDIR;
  if (f.dot) return -EINVAL;
  if (f.dot_dot) return -ENOTEMPTY;
  if (const int64_t e = may_change(f); e < 0) return e;
  real = f.path;
  return outcome(::unlinkat(f.parent, f.name.c_str(), directory ? AT_REMOVEDIR : 0));
}

int64_t HostFiles::rename(const HostPath& from, const HostPath& to, bool no_replace, std::string& real_from,
                          std::string& real_to) {
  constexpr unsigned kNoReplace = 1;
  const Found a = find(without_slash(from), false), b = find(without_slash(to), false);
  if (a.error) return -a.error;
  if (!a.exists) return -ENOENT;
  if (b.error) return -b.error;
  if (!a.writable || !b.writable) return -EACCES;
  if (a.dot || a.dot_dot) return -EBUSY;
  if (b.dot || b.dot_dot) return no_replace ? -EEXIST : -EBUSY;
  if (no_replace && b.exists) return -EEXIST;
  const bool directory = a.is(S_IFDIR);
  if (!directory && (ends_in_slash(from) || ends_in_slash(to))) return -ENOTDIR;
  if (b.exists && directory != b.is(S_IFDIR)) return directory ? -ENOTDIR : -EISDIR;
  if (const int64_t e = may_change(a); e < 0) return e;
  if (const int64_t e = may_change(b); e < 0) return e;
  int64_t result =
      ::syscall(SYS_renameat2, a.parent, a.name.c_str(), b.parent, b.name.c_str(), no_replace ? kNoReplace : 0);
  if (result < 0 && (errno == ENOSYS || (no_replace && errno == EINVAL)))  // a file system without the flag
    result = ::renameat(a.parent, a.name.c_str(), b.parent, b.name.c_str());
  if (result < 0) return -errno;
  real_from = a.path;
  real_to = b.path;
  note_rename(a.path, b.path);
  return 0;
}

int64_t HostFiles::truncate(const HostPath& path, uint64_t size) {
  for (int i = 0; i < kTries; ++i) {
    const Found f = find(path, true);
    if (f.error) return -f.error;
    if (!f.exists) return -ENOENT;
    if (f.is(S_IFDIR)) return -EISDIR;
    if (!f.writable || !f.is(S_IFREG) || !owner_may(f.st.st_mode, S_IWUSR)) return -EACCES;
    const HostFd fd = open_node(f, O_WRONLY);
    if (!fd && errno == EAGAIN) continue;
    if (!fd) return -errno;
    drop_special_bits(fd.get());
    return outcome(::ftruncate(fd.get(), static_cast<off_t>(size)));
  }
  return -EIO;
}

int64_t HostFiles::chmod(const HostPath& path, uint32_t perm) {
  const Found f = find(path, true);
  if (f.error) return -f.error;
  if (!f.exists) return -ENOENT;
  if (!f.writable || !openable(f.st)) return -EACCES;
  return outcome(change_mode(f.node, plain(perm, f.is(S_IFDIR))));
}

int64_t HostFiles::symlink(const std::string& target, const HostPath& path) {
  const Found f = find(path, false);
  if (const int64_t e = refuse_new(f); e < 0) return e;
  if (f.slash) return -ENOENT;
  if (const int64_t e = may_change(f); e < 0) return e;
  return outcome(::symlinkat(target.c_str(), f.parent, f.name.c_str()));
}

int64_t HostFiles::link(const HostPath& from, bool follow, const HostPath& to) {
  const Found b = find(to, false);
  if (const int64_t e = refuse_new(b); e < 0) return e;
  if (b.slash) return -ENOENT;
  if (const int64_t e = may_change(b); e < 0) return e;
  const Found a = find(from, follow);
  if (a.error) return -a.error;
  if (!a.exists) return -ENOENT;
  if (a.is(S_IFDIR)) return -EPERM;
  if (!a.writable || !(a.is(S_IFREG) || a.is(S_IFLNK))) return -EACCES;
  if (a.parent < 0) return -EXDEV;
  return outcome(::linkat(a.parent, a.name.c_str(), b.parent, b.name.c_str(), 0));
}

}  // namespace deferscope::emu
