// From a path to a descriptor of the host, beneath what the flags grant and nowhere else.
//
// The granted directories ("roots") and the executable are opened once, at the start. From then on a path is looked up
// beneath one root's descriptor: by openat2 where the kernel has it and the path holds no link, else name by name
// without following; links are followed here, by their text, and never by the kernel. What lies above a root was seen
// at the start and is not looked at again. What does not end beneath a root does not exist, but for libraries beneath
// --sysroot (host_sysroot.h), which come before what a root has under their names.
#pragma once
#include <sys/stat.h>

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "emu/host_fd.h"

namespace deferscope::emu {

struct GuestOptions;

std::string absolute_path(const std::string& path);  // lexically clean; relative to the host's current directory
std::string clean_path(const std::string& path);     // absolute path without `.`, `..` and doubled slashes, lexically
std::deque<std::string> path_components(const std::string& path);   // the names between the slashes
bool path_below(const std::string& path, const std::string& root);  // or the root itself

// A granted directory as it was spelled and without links: the guest may use either.
struct GrantedRoot {
  std::string spelled, real;
  bool writable = false;
};
// An absolute path lies below one of them (for writing), by its text.
bool is_granted(const std::vector<GrantedRoot>& roots, const std::string& path, bool writing);

// What a path led to. Descriptors are O_PATH; they are what later calls act on, whatever the path leads to by then.
struct Found {
  int error = 0;        // errno of the host; the rest then means nothing, but for `hidden`
  bool hidden = false;  // ENOENT: a name that the guest may not see, in a directory that it sees
  bool exists = false;
  bool above = false;                 // a directory above a root: it shows only the way there
  bool executable = false;            // the guest's executable, outside all roots
  bool slash = false;                 // the path asked for a directory
  bool dot = false, dot_dot = false;  // it ended in `.` or `..`, which name no entry
  bool held = false;  // its own entry is a root's or lies above one: it is neither removed, renamed nor replaced
  std::string path;   // without links
  bool writable = false;
  bool library = false;  // beneath --sysroot
  int parent = -1;       // the directory that holds `name`; -1: a root, above one, the executable, `.` or `..`
  std::string name;      // the entry
  int node = -1;         // what is there; -1: nothing, or `above`
  struct stat st {};
  std::string target;  // of a link above a root
  HostFd parent_owner, node_owner;
  bool is(mode_t type) const { return exists && (st.st_mode & S_IFMT) == type; }
};

class HostSysroot;

class HostPaths {
 public:
  enum class Lookup : uint8_t { Best, ByName };  // ByName: as on a kernel without openat2
  // Throws emu::Error if a granted directory cannot be opened.
  HostPaths(const GuestOptions& options, Lookup lookup);
  ~HostPaths();

  // An absolute path. Or, from a directory held open: the path's first `base_length` characters are that directory's
  // own path and `base` is its descriptor.
  Found find(const std::string& path, bool follow, int base = -1, size_t base_length = 0) const;
  // Names of a directory above a root: the way there.
  std::set<std::string> list_above(const std::string& path) const;
  const std::vector<GrantedRoot>& roots() const { return names_; }
  int executable() const { return exe_.get(); }  // readable; -1: none
  const std::string& executable_path() const { return exe_path_; }

 private:
  friend class PathWalk;
  using Identity = std::pair<dev_t, ino_t>;
  // What was above a root, or was the executable, at the start.
  struct Above {
    enum Kind : uint8_t { Directory, Link, Executable } kind = Directory;
    std::string target;
  };
  struct Traced;

  void add_root(const char* flag, const std::string& path, bool writable);
  void add_executable(const std::string& path);
  Traced trace(const std::string& path, bool root);
  int root_at(const std::string& path) const;       // exactly; -1
  int deepest_root(const std::string& path) const;  // that holds the path; -1
  bool find_quickly(const std::string& path, bool follow, int base, size_t base_length, Found& f) const;
  void finish(Found& f) const;
  void fill_root(Found& f, int root) const;
  Found find_granted(const std::string& path, bool follow, int base, size_t base_length) const;

  std::vector<GrantedRoot> names_;
  std::vector<HostFd> fds_;                     // beside names_
  std::set<Identity> held_;                     // roots and the directories above them
  std::map<std::string, Above> above_;          // by path
  std::vector<dev_t> reserved_devices_;         // of /proc, /sys and /dev
  std::unique_ptr<const HostSysroot> sysroot_;  // nullptr: none
  HostFd exe_;
  std::string exe_path_;
  bool quick_ = false;  // the kernel has openat2
};

}  // namespace deferscope::emu
