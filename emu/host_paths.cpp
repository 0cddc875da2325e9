// The walk that keeps paths beneath their roots.
#include "emu/host_paths.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/syscall.h>

#include <algorithm>
#include <climits>
#include <cstring>
#include <filesystem>
#include <optional>

#include "emu/error.h"
#include "emu/host_sysroot.h"
#include "emu/machine_state.h"

namespace deferscope::emu {
namespace {

constexpr int kMaxLinks = 40;       // as Linux
constexpr size_t kOpenLevels = 64;  // directories of one walk that are held open; a path has up to 2,000
constexpr int kLook = O_PATH | O_NOFOLLOW | O_CLOEXEC;
constexpr const char* kReserved[] = {"/proc", "/sys", "/dev"};

#if defined(SYS_openat2)
// linux/openat2.h, which older systems' headers lack.
int open_beneath(int dir, const char* path) {
  struct {
    uint64_t flags, mode, resolve;
  } how{O_PATH | O_DIRECTORY | O_CLOEXEC, 0, 0x02 | 0x04 | 0x08};  // NO_MAGICLINKS, NO_SYMLINKS, BENEATH
  return static_cast<int>(::syscall(SYS_openat2, dir, path, &how, sizeof how));
}
#else
int open_beneath(int, const char*) { return errno = ENOSYS, -1; }
#endif

std::string parent_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

std::optional<std::string> link_text(int link) {
  char text[PATH_MAX];
  const ssize_t n = ::readlinkat(link, "", text, sizeof text);
  if (n < 0) return std::nullopt;
  return std::string(text, static_cast<size_t>(n));
}

}  // namespace

// --- texts ---

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

bool path_below(const std::string& path, const std::string& root) {
  if (root == "/") return true;
  return path == root ||
         (path.size() > root.size() && path.compare(0, root.size(), root) == 0 && path[root.size()] == '/');
}

bool is_granted(const std::vector<GrantedRoot>& roots, const std::string& path, bool writing) {
  return std::any_of(roots.begin(), roots.end(), [&](const GrantedRoot& r) {
    return (r.writable || !writing) && (path_below(path, r.spelled) || path_below(path, r.real));
  });
}

// --- the start: roots and what lies above them ---

struct HostPaths::Traced {
  int error = 0;
  HostFd node, parent;  // O_PATH; no parent: "/"
  std::string path, name;
};

// Goes to a path that a flag names, links followed wherever they lead, and notes the way.
HostPaths::Traced HostPaths::trace(const std::string& path, bool root) {
  Traced t;
  std::deque<std::string> todo = path_components(path);
  int links = 0;
  t.node = HostFd(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
  const auto fail = [&](int e) { return t.error = e, std::move(t); };
  while (true) {
    struct stat st {};
    if (!t.node || ::fstat(t.node.get(), &st) != 0) return fail(errno);
    if (S_ISDIR(st.st_mode) && root) held_.insert({st.st_dev, st.st_ino});
    if (todo.empty()) break;
    if (!S_ISDIR(st.st_mode)) return fail(ENOTDIR);
    if (!t.path.empty()) above_.insert({t.path, {}});
    t.name = todo.front();
    todo.pop_front();
    if (t.name == "..") {
      t.path.erase(std::min(t.path.rfind('/'), t.path.size()));
      t.node = HostFd(::openat(t.node.get(), "..", O_PATH | O_DIRECTORY | O_CLOEXEC));
      continue;
    }
    if (t.name == ".") continue;
    t.parent = std::move(t.node);
    t.node = HostFd(::openat(t.parent.get(), t.name.c_str(), kLook));
    if (!t.node || ::fstat(t.node.get(), &st) != 0) return fail(errno);
    if (!S_ISLNK(st.st_mode)) {
      t.path += "/" + t.name;
      continue;
    }
    const std::optional<std::string> text = link_text(t.node.get());
    if (!text) return fail(errno);
    if (++links > kMaxLinks) return fail(ELOOP);
    above_[t.path + "/" + t.name] = {Above::Link, *text};
    const std::deque<std::string> more = path_components(*text);
    todo.insert(todo.begin(), more.begin(), more.end());
    if ((*text)[0] == '/') {
      t.path.clear();
      t.node = HostFd(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
    } else {
      t.node = std::move(t.parent);
    }
  }
  if (t.path.empty()) t.path.assign(1, '/');
  return t;
}

void HostPaths::add_root(const char* flag, const std::string& path, bool writable) {
  Traced t = trace(absolute_path(path), true);
  struct stat st {};
  if (t.error || ::fstat(t.node.get(), &st) != 0)
    throw Error(fmt::format("{} {}: {}", flag, path, std::strerror(t.error ? t.error : errno)));
  if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
    throw Error(fmt::format("{} {}: neither a directory nor a file", flag, path));
  names_.push_back({absolute_path(path), t.path, writable});
  fds_.push_back(std::move(t.node));
}

void HostPaths::add_executable(const std::string& path) {
  Traced t = trace(absolute_path(path), false);
  if (t.error || !t.parent) return;
  HostFd fd(::openat(t.parent.get(), t.name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  struct stat st {};
  if (!fd || ::fstat(fd.get(), &st) != 0 || !S_ISREG(st.st_mode)) return;
  exe_ = std::move(fd);
  exe_path_ = t.path;
  above_.insert({t.path, {Above::Executable, {}}});
}

HostPaths::HostPaths(const GuestOptions& options, Lookup lookup) {
  for (const std::string& d : options.allow_read) add_root("--allow-read", d, false);
  for (const std::string& d : options.allow_write) add_root("--allow-write", d, true);
  for (GrantedRoot& r : names_)
    r.writable = std::any_of(names_.begin(), names_.end(),
                             [&](const GrantedRoot& w) { return w.writable && path_below(r.real, w.real); });
  if (!options.exe_path.empty()) add_executable(options.exe_path);
  if (!options.sysroot.empty()) sysroot_ = std::make_unique<const HostSysroot>(options.sysroot);
  struct stat top {
  }, st{};
  ::stat("/", &top);
  for (const char* tree : kReserved)
    if (::lstat(tree, &st) == 0 && st.st_dev != top.st_dev) reserved_devices_.push_back(st.st_dev);
  if (lookup == Lookup::Best && !fds_.empty())
    quick_ = bool(HostFd(open_beneath(fds_[0].get(), "."))) || errno == ENOTDIR;
}

HostPaths::~HostPaths() = default;

int HostPaths::root_at(const std::string& path) const {
  for (size_t i = 0; i < names_.size(); ++i)
    if (names_[i].real == path) return static_cast<int>(i);
  return -1;
}

// The systems' own trees are never the host's, even below --allow-read /.
int HostPaths::deepest_root(const std::string& path) const {
  int best = -1;
  for (size_t i = 0; i < names_.size(); ++i)
    if (path_below(path, names_[i].real) &&
        (best < 0 || names_[i].real.size() > names_[static_cast<size_t>(best)].real.size()))
      best = static_cast<int>(i);
  if (best < 0) return best;
  for (const char* tree : kReserved)
    if (path_below(path, tree) && !path_below(names_[static_cast<size_t>(best)].real, tree)) return -1;
  return best;
}

std::set<std::string> HostPaths::list_above(const std::string& path) const {
  const std::string prefix = path == "/" ? "/" : path + "/";
  std::set<std::string> out;
  for (const GrantedRoot& r : names_)
    for (const std::string& way : {r.spelled, r.real})
      if (way.size() > prefix.size() && way.starts_with(prefix))
        out.insert(path_components(way.substr(prefix.size())).front());
  return out;
}

// --- the walk ---

// What holds for all that was found: which root it lies beneath, and whether its entry may go.
void HostPaths::finish(Found& f) const {
  if (f.error || f.above || f.executable || !f.target.empty()) return;
  const int root = deepest_root(f.path);
  struct stat st = f.st, top{};
  if (root < 0) {
    f.error = ENOENT;
    return;
  }
  if (!f.exists) ::fstat(f.parent, &st);
  const auto reserved = std::find(reserved_devices_.begin(), reserved_devices_.end(), st.st_dev);
  if (reserved != reserved_devices_.end() && ::fstat(fds_[static_cast<size_t>(root)].get(), &top) == 0 &&
      top.st_dev != st.st_dev) {
    f.error = ENOENT;
    f.hidden = true;
    return;
  }
  f.writable = names_[static_cast<size_t>(root)].writable;
  f.held = f.held || (f.is(S_IFDIR) && held_.count({st.st_dev, st.st_ino})) ||
           std::any_of(names_.begin(), names_.end(), [&](const GrantedRoot& r) { return path_below(r.real, f.path); });
}

void HostPaths::fill_root(Found& f, int root) const {
  const auto i = static_cast<size_t>(root);
  f.path = names_[i].real;
  f.node = fds_[i].get();
  f.exists = true;
  f.held = true;
  ::fstat(f.node, &f.st);
  if (f.slash && !f.is(S_IFDIR)) f.error = ENOTDIR;
}

// Two calls, where the kernel looks up all but the last name. False: a link or `..` is on the way.
bool HostPaths::find_quickly(const std::string& path, bool follow, int base, size_t base_length, Found& f) const {
  const std::deque<std::string> names = path_components(path);
  const auto dotted = [](const std::string& n) { return n == "." || n == ".."; };
  if (!quick_ || names.empty() || std::any_of(names.begin(), names.end(), dotted)) return false;
  std::string up;
  for (size_t i = 0; i + 1 < names.size(); ++i) up.append(1, '/').append(names[i]);
  f.path = up + "/" + names.back();
  if (const int root = root_at(f.path); root >= 0) return fill_root(f, root), true;
  if (up.empty()) up.assign(1, '/');  // g++ 12 warns of ghosts in = "/"
  const int root = deepest_root(up);
  if (root < 0 || deepest_root(f.path) != root) return false;
  const auto i = static_cast<size_t>(root);
  const std::string base_path = base < 0 ? "" : clean_path(path.substr(0, base_length));
  const bool from_base = base >= 0 && path_below(base_path, names_[i].real);
  const std::string& from = from_base ? base_path : names_[i].real;
  f.parent = from_base ? base : fds_[i].get();
  if (up != from) {
    const std::string rest = up.substr(from == "/" ? 1 : from.size() + 1);
    f.parent_owner = HostFd(open_beneath(f.parent, rest.c_str()));
    f.parent = f.parent_owner.get();
    if (f.parent < 0 && (errno == ELOOP || errno == EXDEV || errno == EAGAIN || errno == ENOSYS)) return false;
    if (f.parent < 0) return f.error = errno, true;
  }
  f.name = names.back();
  f.node_owner = HostFd(::openat(f.parent, f.name.c_str(), kLook));
  f.node = f.node_owner.get();
  if (f.node < 0) return f.error = errno == ENOENT ? 0 : errno, true;
  f.exists = true;
  if (::fstat(f.node, &f.st) != 0) return f.error = errno, true;
  if (f.is(S_IFLNK) && (follow || f.slash)) return false;
  if (f.slash && !f.is(S_IFDIR)) f.error = ENOTDIR;
  return true;
}

// Name by name. The directories that led here are held, so `..` is the one we came through.
class PathWalk {
 public:
  PathWalk(const HostPaths& paths, bool follow) : h_(paths), follow_(follow) {}
  Found run(const std::string& path, int base, size_t base_length);

 private:
  struct Level {
    size_t length = 0;  // of at_
    int fd = -1;        // -1: above all roots
    HostFd owner;
    bool dropped = false;  // opened again when the walk comes back
  };
  void start_at_top();
  void enter(const std::string& path, int fd, HostFd owner = {});
  void leave();
  void reopen();
  void step(const std::string& name);
  void step_on_host(const std::string& path, const std::string& name);
  void step_above(const std::string& path);
  void step_into_root(int root);
  void follow(const std::string& text);
  void end_here();
  void fail(int e) { f_.error = e, done_ = true; }
  bool last() const { return todo_.empty(); }

  const HostPaths& h_;
  const bool follow_;
  Found f_;
  bool done_ = false;
  int links_ = 0;
  std::deque<std::string> todo_;
  std::string at_;             // without links; empty: "/"
  std::vector<Level> levels_;  // the directories of at_; of a walk from a base only those below it
};

void PathWalk::start_at_top() {
  at_.clear();
  levels_.clear();
  const int top = h_.root_at("/");
  levels_.push_back({0, top < 0 ? -1 : h_.fds_[static_cast<size_t>(top)].get(), {}, false});
}

void PathWalk::enter(const std::string& path, int fd, HostFd owner) {
  at_ = path;
  levels_.push_back({path.size(), fd, std::move(owner), false});
  if (levels_.size() <= kOpenLevels) return;
  Level& old = levels_[levels_.size() - 1 - kOpenLevels];
  old.dropped = bool(old.owner);
  old.owner.reset();
}

// To the directory above.
void PathWalk::leave() {
  if (levels_.size() > 1) {
    levels_.pop_back();
    at_.resize(levels_.back().length);
    if (levels_.back().dropped) reopen();
  } else if (!at_.empty()) {  // above the base: from the top, by its path
    const std::deque<std::string> up = path_components(parent_of(at_));
    todo_.insert(todo_.begin(), up.begin(), up.end());
    start_at_top();
  }
}

// The directories that were let go of, from the nearest that is still held.
void PathWalk::reopen() {
  size_t i = levels_.size() - 1;
  while (levels_[i].dropped) --i;
  for (int fd = levels_[i].fd; ++i < levels_.size(); fd = levels_[i].fd) {
    const size_t from = levels_[i - 1].length + 1;
    const std::string name = at_.substr(from, levels_[i].length - from);
    HostFd next(::openat(fd, name.c_str(), kLook | O_DIRECTORY));
    if (!next) return fail(errno);
    levels_[i] = {levels_[i].length, next.get(), std::move(next), false};
    if (i < kOpenLevels) continue;
    Level& old = levels_[i - kOpenLevels];
    old.dropped = old.dropped || bool(old.owner);
    old.owner.reset();
  }
}

void PathWalk::follow(const std::string& text) {
  if (++links_ > kMaxLinks) return fail(ELOOP);
  if (text.empty()) return fail(ENOENT);
  if (last() && text.back() == '/') f_.slash = true;
  const std::deque<std::string> more = path_components(text);
  todo_.insert(todo_.begin(), more.begin(), more.end());
  if (text[0] == '/') start_at_top();
}

void PathWalk::step_into_root(int root) {
  h_.fill_root(f_, root);
  if (!last() && !f_.is(S_IFDIR)) return fail(ENOTDIR);
  if (f_.error || last()) {
    done_ = true;
    return;
  }
  enter(f_.path, f_.node);
  f_.exists = f_.held = false;
  f_.node = -1;
}

// A name that is not on the host beneath a root, but perhaps on the way to one.
void PathWalk::step_above(const std::string& path) {
  const auto it = h_.above_.find(path);
  f_.hidden = last();
  if (it == h_.above_.end()) return fail(ENOENT);
  f_.hidden = false;
  const HostPaths::Above& above = it->second;
  if (above.kind == HostPaths::Above::Link && (!last() || follow_ || f_.slash)) return follow(above.target);
  if (above.kind == HostPaths::Above::Directory && !last()) return enter(path, -1);
  if (above.kind != HostPaths::Above::Directory && (!last() || f_.slash)) return fail(ENOTDIR);
  done_ = f_.exists = true;
  f_.path = path;
  f_.above = above.kind == HostPaths::Above::Directory;
  f_.target = above.target;
  f_.st.st_mode = f_.above ? S_IFDIR | 0555 : S_IFLNK | 0777;
  f_.st.st_size = static_cast<off_t>(f_.target.size());
  if (above.kind != HostPaths::Above::Executable) return;
  f_.executable = true;
  f_.node = h_.executable();
  ::fstat(f_.node, &f_.st);
}

void PathWalk::step_on_host(const std::string& path, const std::string& name) {
  const int dir = levels_.back().fd;
  HostFd fd;
  if (!last()) {
    fd = HostFd(::openat(dir, name.c_str(), kLook | O_DIRECTORY));
    if (const int raw = fd.get(); raw >= 0) return enter(path, raw, std::move(fd));
    if (errno != ENOTDIR && errno != ELOOP) return fail(errno);
  }
  fd = HostFd(::openat(dir, name.c_str(), kLook));
  f_.path = path;
  if (!fd && (errno != ENOENT || !last())) return fail(errno);
  struct stat st {};
  if (fd && ::fstat(fd.get(), &st) != 0) return fail(errno);
  if (fd && S_ISLNK(st.st_mode) && (!last() || follow_ || f_.slash)) {
    const std::optional<std::string> text = link_text(fd.get());
    return text ? follow(*text) : fail(errno);
  }
  if (fd && !S_ISDIR(st.st_mode) && (!last() || f_.slash)) return fail(ENOTDIR);
  if (!last()) return fail(EAGAIN);  // it became a directory while we looked
  done_ = true;
  f_.exists = bool(fd);
  f_.st = st;
  f_.name = name;
  f_.node = fd.get();
  f_.node_owner = std::move(fd);
  f_.parent = dir;
  f_.parent_owner = std::move(levels_.back().owner);
}

void PathWalk::step(const std::string& name) {
  const std::string path = at_ + "/" + name;
  const bool on_host = levels_.back().fd >= 0 && h_.deepest_root(path) >= 0;
  if (const int root = h_.root_at(path); root >= 0)
    step_into_root(root);
  else if (on_host)
    step_on_host(path, name);
  else
    step_above(path);
}

// The path ended in a directory that has no name here: `.`, `..`, or "/".
void PathWalk::end_here() {
  f_.exists = true;
  f_.path = at_.empty() ? "/" : at_;
  f_.node = levels_.back().fd;
  f_.node_owner = std::move(levels_.back().owner);
  f_.above = f_.node < 0;
  f_.held = at_.empty();
  f_.st.st_mode = S_IFDIR | 0555;
  if (!f_.above && ::fstat(f_.node, &f_.st) != 0) f_.error = errno;
}

Found PathWalk::run(const std::string& path, int base, size_t base_length) {
  f_.slash = path.size() > 1 && path.back() == '/';
  start_at_top();
  if (base >= 0) {
    at_ = clean_path(path.substr(0, base_length));
    if (at_ == "/") at_.clear();
    levels_.clear();
    levels_.push_back({at_.size(), base, {}, false});
    todo_ = path_components(path.substr(base_length));
  } else {
    todo_ = path_components(path);
  }
  while (!done_ && !todo_.empty()) {
    const std::string name = todo_.front();
    todo_.pop_front();
    f_.dot = name == ".";
    f_.dot_dot = name == "..";
    if (f_.dot) continue;
    f_.dot_dot ? leave() : step(name);
  }
  if (!done_) end_here();
  return std::move(f_);
}

Found HostPaths::find(const std::string& path, bool follow, int base, size_t base_length) const {
  auto library = sysroot_ && base < 0 ? sysroot_->find(path, follow) : std::nullopt;
  if (library && !library->above) return std::move(*library);
  Found f = find_granted(path, follow, base, base_length);
  // A directory that a root has too is the root's.
  return library && f.error == ENOENT ? std::move(*library) : std::move(f);
}

Found HostPaths::find_granted(const std::string& path, bool follow, int base, size_t base_length) const {
  Found f;
  f.slash = path.size() > 1 && path.back() == '/';
  if (!find_quickly(path, follow, base, base_length, f)) f = PathWalk(*this, follow).run(path, base, base_length);
  finish(f);
  return f;
}

}  // namespace deferscope::emu
