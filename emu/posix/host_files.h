// The host's files as the guest's calls see them: each function asks the door (emu/host_files.h) through
// HostPort::input, so the host is touched once and replays answer from the journal. An open file's handle is the number
// of the journal entry that opened it.
#pragma once
#include <string>
#include <vector>

#include "emu/host_files.h"
#include "emu/posix/context.h"

namespace deferscope::emu::posix {

struct HostStatus {
  uint32_t mode = 0;      // type and permissions
  uint32_t writable = 0;  // lies below an --allow-write directory
  uint64_t size = 0;
};

// `canonical` is the path without symbolic links.
// Opens; `f` gets its kind and path.
Result host_open(Context& c, const HostPath& path, const OpenHow& how, OpenFile& f);
Result host_enter(Context& c, const HostPath& path, OpenFile& f);  // a directory, as chdir
Result host_open_executable(Context& c, const OpenHow& how, OpenFile& f);
void host_close(Context& c);  // what the call at hand let go of (State::closed)
Result host_stat(Context& c, const HostPath& path, bool follow, HostStatus& status, std::string& canonical);
Result host_stat_executable(Context& c, HostStatus& status, std::string& canonical);
Result host_stat(Context& c, const OpenFile& f, HostStatus& status);
bool host_same_file(Context& c, const OpenFile& f, const OpenFile& other);
Result host_read(Context& c, const OpenFile& f, uint64_t offset, uint64_t n, std::string& out);
Result host_read_all(Context& c, const OpenFile& f, uint64_t offset, uint64_t n, std::string& out);
Result host_read_stdin(Context& c, uint64_t offset, uint64_t n, std::string& out);
// At `offset`, or at the end (append); `end` is the offset behind what was written.
Result host_write(Context& c, const OpenFile& f, uint64_t offset, bool append, const std::string& bytes, uint64_t& end);
Result host_readlink(Context& c, const HostPath& path, std::string& out);

struct DirEntry {
  std::string name;
  uint8_t type = 0;    // its mode's type, shifted to the right (DT_…)
  uint64_t inode = 0;  // 0: inode_of its path
};
// Sorted; without . and .. . Of a directory that the host holds, else by its path.
Result host_list(Context& c, const OpenFile& f, std::vector<DirEntry>& out);

// Changes; each needs --allow-write.
Result host_mkdir(Context& c, const HostPath& path, uint32_t perm);
Result host_remove(Context& c, const HostPath& path, bool directory, std::string& canonical);
Result host_rename(Context& c, const HostPath& from, const HostPath& to, bool no_replace, std::string& canonical_from,
                   std::string& canonical_to);
Result host_truncate(Context& c, const HostPath& path, uint64_t size);
Result host_truncate(Context& c, const OpenFile& f, uint64_t size);
Result host_chmod(Context& c, const HostPath& path, uint32_t perm);
Result host_chmod(Context& c, const OpenFile& f, uint32_t perm);
Result host_symlink(Context& c, const std::string& target, const HostPath& path);
Result host_link(Context& c, const HostPath& from, bool follow, const HostPath& to);

}  // namespace deferscope::emu::posix
