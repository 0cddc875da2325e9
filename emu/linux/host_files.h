// The only door to the host's files. Guest paths are host paths; they are resolved component by component, symbolic
// links and `..` included, and what does not end below an allowed directory does not exist (ENOENT). Directories above
// an allowed one exist, but show only the way to it. Every function asks through HostPort::input, so the host is
// touched once and replays answer from the journal. No host descriptor outlives a call: files are opened for each
// operation, without following links.
#pragma once
#include <deque>
#include <string>
#include <vector>

#include "emu/linux/call.h"

namespace deferscope::emu::linux_ {

std::string absolute_path(const std::string& path);  // lexically clean; relative to the host's current directory
std::string clean_path(const std::string& path);     // absolute path without `.`, `..` and doubled slashes, lexically
// --cwd (throws if the guest sees no such directory), or the host's if it is allowed, else "/"
std::string start_directory(const GuestOptions& options);

std::deque<std::string> path_components(const std::string& path);  // the names between the slashes
// An absolute path lies in an allowed directory (for writing).
bool is_allowed(const GuestOptions& options, const std::string& path, bool writing);

struct HostStatus {
  uint32_t mode = 0;      // type and permissions
  uint32_t writable = 0;  // lies below an --allow-write directory
  uint64_t size = 0;
};

// All return ≥ 0 or -errno in the guest's numbering. `canonical` is the path without symbolic links.
int64_t host_open(Call& c, const std::string& path, uint32_t flags, uint32_t perm, HostStatus& status,
                  std::string& canonical);
int64_t host_stat(Call& c, const std::string& path, bool follow, HostStatus& status, std::string& canonical);
int64_t host_read(Call& c, const std::string& canonical, uint64_t offset, uint64_t n, std::string& out);
int64_t host_read_all(Call& c, const std::string& canonical, uint64_t offset, uint64_t n, std::string& out);
int64_t host_read_stdin(Call& c, uint64_t offset, uint64_t n, std::string& out);
// At `offset`, or at the end (append); `end` is the offset behind what was written.
int64_t host_write(Call& c, const std::string& canonical, uint64_t offset, bool append, const std::string& bytes,
                   uint64_t& end);
int64_t host_readlink(Call& c, const std::string& path, std::string& out);

struct DirEntry {
  std::string name;
  uint8_t type = 0;    // DT_…
  uint64_t inode = 0;  // 0: inode_of its path
};
int64_t host_list(Call& c, const std::string& canonical, std::vector<DirEntry>& out);  // sorted; without . and ..

// Changes; each needs --allow-write.
int64_t host_mkdir(Call& c, const std::string& path, uint32_t perm);
int64_t host_remove(Call& c, const std::string& path, bool directory);
int64_t host_rename(Call& c, const std::string& from, const std::string& to, bool no_replace,
                    std::string& canonical_from, std::string& canonical_to);
int64_t host_truncate(Call& c, const std::string& path, uint64_t size);
int64_t host_chmod(Call& c, const std::string& path, uint32_t perm);
int64_t host_symlink(Call& c, const std::string& target, const std::string& path);
int64_t host_link(Call& c, const std::string& from, const std::string& to);

}  // namespace deferscope::emu::linux_
