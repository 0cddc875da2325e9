// What is done to what a path names: status, access, links, the current directory, changes below --allow-write.
#pragma once
#include <climits>
#include <optional>
#include <string>

#include "emu/host_files.h"
#include "emu/posix/context.h"
#include "emu/posix/scratch.h"

namespace deferscope::emu::posix {

inline constexpr int kHere = INT_MIN;  // for a descriptor: the current directory

uint64_t inode_of(const std::string& canonical);  // normalised: the same for the same path on every host
// `raw` relative to the descriptor's directory or the current one. NOENT for "", BADF, NOTDIR.
Result full_path(Context& c, int dirfd, const std::string& raw, HostPath& out);
std::optional<FileKind> device_at(const std::string& path);

// --- status ---

struct Status {
  uint32_t mode = 0;
  uint64_t inode = 0, size = 0;
  uint32_t nlink = 1;
  std::string path;  // of a host file, without links
  int node = 0;      // in the guest's own /tmp
  std::optional<FileKind> device;
};

Result stat_path(Context& c, const HostPath& path, bool follow, Status& st, bool* can_write = nullptr);
Result stat_file(Context& c, const OpenFile& f, Status& st);
FileTimes times_of(const State& s, const Status& st);  // the clock's start, unless the guest set others
Result set_times(Context& c, const Status& st, const FileTimes& times);

struct AccessMode {
  bool read = false, write = false, execute = false;
};
Result may_access(Context& c, const HostPath& path, AccessMode how, bool follow);
Result link_target(Context& c, const HostPath& path, std::string& target);  // INVAL: it is no link

// --- changes ---

// Where a name lies that is to be made or taken away.
Result locate_name(Context& c, const HostPath& path, ResolvedPath& out);
// Where something lies that must be there.
Result locate_existing(Context& c, const HostPath& path, bool follow, ResolvedPath& out);
Result change_directory_to(Context& c, const HostPath& path);
Result make_directory(Context& c, const HostPath& path, uint32_t perm);
Result remove_name(Context& c, const HostPath& path, bool directory);
Result rename_path(Context& c, const ResolvedPath& from, const HostPath& to, bool no_replace);
Result make_symlink(Context& c, const std::string& target, const HostPath& path);
Result make_link(Context& c, const ResolvedPath& from, bool follow, const HostPath& to);
Result chmod_path(Context& c, const ResolvedPath& p, uint32_t perm);
Result truncate_path(Context& c, const ResolvedPath& p, int64_t size);

}  // namespace deferscope::emu::posix
