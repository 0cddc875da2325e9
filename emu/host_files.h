// The only door to the host's files. What the guest holds open is a descriptor of the host held here, under a number
// that the guest's state keeps (the machine is a value without host handles). Every function acts on the host
// when it is called: callers ask once, at the horizon, and answer replays from the journal.
//
// An operation on a path finds its entry once (host_paths.h) and then acts on descriptors: files and links may be
// swapped meanwhile by anybody, what is read, changed or opened is what was found, or nothing.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "emu/host_paths.h"

namespace deferscope::emu {

using FileHandle = uint64_t;  // 0: none

// A path of the guest. Relative to a directory held open its first `base_length` characters are that directory's path.
struct HostPath {
  HostPath() = default;
  HostPath(std::string t) : text(std::move(t)) {}  // NOLINT: a plain path is one
  std::string text;
  FileHandle base = 0;
  size_t base_length = 0;
};

class HostFiles {
 public:
  struct Status {
    uint32_t mode = 0;      // type and permissions, as the host's <sys/stat.h> has them
    uint32_t writable = 0;  // lies below an --allow-write directory
    uint64_t size = 0;
  };
  struct Entry {
    std::string name;
    uint8_t type = 0;  // DT_…
  };
  struct Open {
    bool read = false, write = false, create = false, exclusive = false, truncate = false, follow = true;
    bool directory = false;  // nothing else
    bool look = false;       // O_PATH
    bool search = false;     // names in it are to be looked up
    uint32_t perm = 0;
  };

  // Opens what the flags name. Throws emu::Error. The environment's DEFERSCOPE_NO_OPENAT2 does without openat2.
  explicit HostFiles(const GuestOptions& options);
  HostFiles(const GuestOptions& options, HostPaths::Lookup lookup);

  const HostPaths& paths() const { return paths_; }
  // --cwd (throws if the guest sees no such directory), or the host's if it is granted, else "/".
  std::string start_directory(const std::string& cwd) const;

  // All return ≥ 0 or -errno of the host. `real` is the path without links.
  int64_t open(FileHandle handle, const HostPath& path, const Open& how, Status& status, std::string& real);
  int64_t open_executable(FileHandle handle, Status& status, std::string& real);
  int64_t stat(const HostPath& path, bool follow, Status& status, std::string& real);
  int64_t stat_executable(Status& status, std::string& real) const;
  int64_t readlink(const HostPath& path, std::string& out);
  int64_t list(const HostPath& path, std::vector<Entry>& out);  // sorted; without . and ..

  int64_t stat(FileHandle handle, Status& status);
  bool are_same(FileHandle a, FileHandle b);
  int64_t read(FileHandle handle, uint64_t offset, uint64_t n, std::vector<uint8_t>& out);
  // At `offset`, or at the end (append); `end` is the offset behind what was written.
  int64_t write(FileHandle handle, uint64_t offset, bool append, const std::string& bytes, uint64_t& end);
  int64_t truncate(FileHandle handle, uint64_t size);
  int64_t chmod(FileHandle handle, uint32_t perm);
  int64_t list(FileHandle handle, std::vector<Entry>& out);
  // Waits for input; -EINTR if a signal ended that.
  int64_t read_stdin(uint64_t offset, uint64_t n, std::vector<uint8_t>& out);

  // Changes; each needs --allow-write.
  int64_t mkdir(const HostPath& path, uint32_t perm);
  int64_t remove(const HostPath& path, bool directory, std::string& real);
  int64_t rename(const HostPath& from, const HostPath& to, bool no_replace, std::string& real_from,
                 std::string& real_to);
  int64_t truncate(const HostPath& path, uint64_t size);
  int64_t chmod(const HostPath& path, uint32_t perm);
  int64_t symlink(const std::string& target, const HostPath& path);
  int64_t link(const HostPath& from, bool follow, const HostPath& to);

  void close(FileHandle handle);
  // The handles from `first` on were never opened: what lay ahead is dropped.
  void forget(FileHandle first);
  // Remember what is closed, so that it can be opened again where a rewound guest goes on another way.
  void remember_closed() { remember_ = true; }
  // Told in one line what of that failed; the guest gets EIO.
  void set_trouble(std::function<void(const std::string&)> told) { trouble_ = std::move(told); }
  // An open file, or one that was, that the guest cannot change.
  bool is_constant(FileHandle handle) const;
  uint64_t bytes() const { return (held_.size() + closed_.size()) * 256 + kept_; }  // of memory, about
  size_t open_handles() const { return held_.size(); }

 private:
  // Libraries are read once: a recording that is gone through again finds them as they were, whatever has become of the
  // folder since.
  using Kept = std::shared_ptr<const std::vector<uint8_t>>;
  static constexpr uint64_t kMostKept = 256 << 20;  // bytes, of all
  struct Held {
    HostFd fd;         // -1: a directory above a root
    std::string path;  // without links; where it is now, as far as the guest moved it
    bool writable = false;
    bool special = false;  // set-user-ID or set-group-ID, which go when it is written
    bool appends = false;  // O_APPEND is set
    int flags = 0;         // it was opened with
    dev_t device = 0;
    ino_t inode = 0;
    bool library = false;  // beneath --sysroot
    Kept kept;             // its bytes, once it was read in a recording
  };
  const std::vector<uint8_t>* kept_bytes(FileHandle handle);
  Found find(const HostPath& path, bool follow);
  Held* held(FileHandle handle);
  Held* open_again(FileHandle handle);
  void keep(FileHandle handle, Held held, const struct stat& st);
  int64_t open_found(FileHandle handle, const Found& f, const Open& how);
  int64_t may_change(const Found& f) const;
  void note_rename(const std::string& from, const std::string& to);

  HostPaths paths_;
  std::map<FileHandle, Held> held_, closed_;
  uint64_t kept_ = 0;  // bytes of libraries
  bool remember_ = false;
  std::function<void(const std::string&)> trouble_;
  HostFd stdin_;  // --stdin FILE; else descriptor 0
};

}  // namespace deferscope::emu
