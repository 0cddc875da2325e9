// The guest's own /tmp: a small file system inside the machine's value. It starts empty, is writable without any flag,
// and vanishes with the guest; no byte of it reaches the host. What the host shows below /tmp (an allowed directory,
// the executable) keeps its name there and is the host's; below --allow-write /tmp all of it is.
#pragma once
#include <string>
#include <vector>

#include "emu/host_files.h"
#include "emu/posix/context.h"

namespace deferscope::emu::posix {

// What a path names, symbolic links followed as asked.
struct ResolvedPath {
  Error error = Error::None;  // the rest then means nothing
  bool scratch = false;       // else `host` is for the host_… functions (host_files.h)
  std::string path;           // scratch: without links
  HostPath host;              // not scratch: for the host_… functions
  int node = 0;               // scratch: what stands there; 0: nothing yet
  int parent = 0;             // scratch: the directory of `name`; 0 for /tmp itself
  std::string name;           // or . or .., then without parent
  bool as_directory = false;  // the path ended in a slash
};
// What is done with a path's last name if it is a link. Parent is for calls that make or take away a name: the link is
// kept, even before a slash.
enum class Last : uint8_t { Follow, Keep, Parent };
ResolvedPath locate(Context& c, const HostPath& path, Last last);

void set_up_scratch(State& s);
bool is_scratch_root(const OpenFile& f);  // /tmp itself: what the host shows there is listed too
constexpr uint64_t scratch_inode(int node) { return (uint64_t{1} << 50) + static_cast<uint64_t>(node); }

// `p` is a scratch place. As the owner of everything the guest is bound by permission bits.
Result scratch_open(Context& c, const ResolvedPath& p, const OpenHow& how, OpenFile& f);
void scratch_close(State& s, int node);
Result scratch_read(const State& s, int node, uint64_t offset, uint64_t n, std::string& out);
// At `offset`, or at the end (append); `end` is the offset behind what was written.
Result scratch_write(Context& c, int node, uint64_t offset, bool append, const std::string& bytes, uint64_t& end);
Result scratch_truncate(Context& c, int node, uint64_t size);
Result scratch_mkdir(Context& c, const ResolvedPath& p, uint32_t perm);
Result scratch_socket(Context& c, const ResolvedPath& p, uint32_t perm, int& node);
Result scratch_symlink(Context& c, const ResolvedPath& p, const std::string& target);
Result scratch_link(Context& c, const ResolvedPath& from, const ResolvedPath& to);
Result scratch_remove(Context& c, const ResolvedPath& p, bool directory);
Result scratch_rename(Context& c, const ResolvedPath& from, const ResolvedPath& to, bool no_replace);
Result scratch_chmod(Context& c, int node, uint32_t perm);

struct DirEntry;
void scratch_list(const State& s, int node, std::vector<DirEntry>& out);  // sorted; without . and ..

}  // namespace deferscope::emu::posix
