#include "emu/host_sysroot.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstring>
#include <filesystem>

#include "emu/error.h"

namespace deferscope::emu {
namespace {

constexpr int kMaxLinks = 40;      // as Linux
constexpr size_t kMaxLevels = 64;  // no library lies deeper
constexpr int kLook = O_PATH | O_NOFOLLOW | O_CLOEXEC;

// Where libraries lie: ld.so(8), and musl's default path.
constexpr const char* kFolders[] = {"/lib",       "/lib32",     "/lib64",      "/libx32",        "/usr/lib",
                                    "/usr/lib32", "/usr/lib64", "/usr/libx32", "/usr/local/lib", "/usr/local/lib64"};
// What loaders and C libraries read beside them, wherever the libraries lie.
constexpr const char* kFiles[] = {"/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/nsswitch.conf",
                                  "/etc/ld-musl-x86_64.path", "/etc/ld-musl-aarch64.path"};
constexpr const char* kTrees[] = {"/usr/lib/locale", "/usr/share/locale"};
constexpr const char* kConfigurations = "/etc/ld.so.conf.d";

template <class List>
bool below_any(const std::string& path, const List& list) {
  return std::any_of(std::begin(list), std::end(list), [&](const char* t) { return path_below(path, t); });
}

// "libc.so.6", "ld-musl-x86_64.so.1"; of character sets' tables, "gconv-modules.cache".
bool is_library(std::string_view name) {
  return name.ends_with(".so") || name.find(".so.") != name.npos || name.starts_with("gconv-modules");
}

std::optional<std::string> link_text(int link) {
  char text[PATH_MAX];
  const ssize_t n = ::readlinkat(link, "", text, sizeof text);
  if (n <= 0) return std::nullopt;
  return std::string(text, static_cast<size_t>(n));
}

// One directory of a walk, held open.
struct Level {
  HostFd fd;
  std::string path;  // without links; empty: the top
};

}  // namespace

HostSysroot::HostSysroot(const std::string& directory)
    : top_(::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)), own_(absolute_path(directory) == "/") {
  struct stat st {};
  if (!top_ || ::fstat(top_.get(), &st) != 0)
    throw Error(fmt::format("--sysroot {}: {}", directory, std::strerror(errno)));
  device_ = st.st_dev;
  for (const char* tree : {"/proc", "/sys", "/dev"})
    if (::lstat(tree, &st) == 0 && st.st_dev != device_) reserved_.push_back(st.st_dev);
}

// Before anything is looked up on the host: a path that only another one's links could make visible is not one.
bool HostSysroot::may_hold(const std::string& path) const {
  if (!own_ || shows_file(path) || below_any(path, kFolders) || below_any(path, kTrees)) return true;
  return std::any_of(std::begin(kFolders), std::end(kFolders), [&](const char* f) { return path_below(f, path); });
}

bool HostSysroot::shows_file(const std::string& path) const {
  const std::string name = path.substr(path.rfind('/') + 1);
  if (std::find(std::begin(kFiles), std::end(kFiles), path) != std::end(kFiles) || below_any(path, kTrees)) return true;
  if (path_below(path, kConfigurations)) return name.ends_with(".conf");
  return is_library(name) && (!own_ || below_any(path, kFolders));
}

std::optional<Found> HostSysroot::find(const std::string& path, bool follow) const {
  const bool slash = path.size() > 1 && path.back() == '/';
  if (!may_hold(clean_path(path))) return std::nullopt;
  std::deque<std::string> todo = path_components(path);
  std::vector<Level> levels;
  levels.push_back({HostFd(::fcntl(top_.get(), F_DUPFD_CLOEXEC, 0)), ""});
  Found f;
  f.held = f.exists = true;
  f.slash = slash;
  for (int links = 0; !todo.empty();) {
    const std::string name = todo.front();
    todo.pop_front();
    if (name == ".") continue;
    if (name == "..") {
      if (levels.size() > 1) levels.pop_back();
      continue;
    }
    Level next{HostFd(::openat(levels.back().fd.get(), name.c_str(), kLook)), levels.back().path + "/" + name};
    if (!next.fd || ::fstat(next.fd.get(), &f.st) != 0) return std::nullopt;
    if (std::find(reserved_.begin(), reserved_.end(), f.st.st_dev) != reserved_.end()) return std::nullopt;
    if (f.is(S_IFDIR)) {
      if (levels.size() >= kMaxLevels) return std::nullopt;
      levels.push_back(std::move(next));
    } else if (f.is(S_IFLNK) && todo.empty() && !follow && !slash) {
      // What it is for is what it leads to.
      const auto text = link_text(next.fd.get());
      if (!text || !find(path, true)) return std::nullopt;
      f.path = next.path;
      f.target = *text;
      return f;
    } else if (f.is(S_IFLNK)) {
      const auto text = link_text(next.fd.get());
      if (!text || ++links > kMaxLinks) return std::nullopt;
      const std::deque<std::string> more = path_components(*text);
      todo.insert(todo.begin(), more.begin(), more.end());
      if ((*text)[0] == '/') levels.resize(1);
    } else {
      if (!todo.empty() || slash || !f.is(S_IFREG) || !shows_file(next.path)) return std::nullopt;
      f.path = next.path;
      f.library = true;
      f.name = name;
      f.node = next.fd.get();
      f.node_owner = std::move(next.fd);
      f.parent = levels.back().fd.get();
      f.parent_owner = std::move(levels.back().fd);
      return f;
    }
  }
  f.path = levels.back().path.empty() ? "/" : levels.back().path;
  if (!may_hold(f.path)) return std::nullopt;
  f.above = true;
  f.st.st_mode = S_IFDIR | 0555;
  return f;
}

std::vector<std::string> HostSysroot::readable(const std::string& directory) {
  if (directory.empty()) return {};
  if (absolute_path(directory) != "/") return {directory};
  std::vector<std::string> out;
  const auto add = [&](const char* path) {
    std::error_code none;
    if (std::filesystem::exists(path, none)) out.emplace_back(path);
  };
  for (const char* path : kFolders) add(path);
  for (const char* path : kFiles) add(path);
  for (const char* path : kTrees) add(path);
  add(kConfigurations);
  return out;
}

}  // namespace deferscope::emu
