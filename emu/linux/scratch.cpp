// The guest's own /tmp. Nodes are files, directories and links by number; a node lives while a name or an open file
// holds it.
#include "emu/linux/scratch.h"

#include <algorithm>
#include <deque>

#include "emu/linux/host_files.h"

namespace deferscope::emu::linux_ {
namespace {

constexpr int kRoot = 1, kMaxLinks = 40;
constexpr uint64_t kMaxBytes = uint64_t{256} << 20;  // all files together
constexpr size_t kMaxNodes = 1 << 16, kMaxName = 255;
constexpr uint32_t kMayRead = 0400, kMayWrite = 0200, kMaySearch = 0100;

ScratchNode& node_of(State& s, int node) { return s.scratch.nodes.at(node); }
const ScratchNode& node_of(const State& s, int node) { return s.scratch.nodes.at(node); }
bool is_dir(const ScratchNode& n) { return (n.mode & mode::FMT) == mode::DIR; }
bool is_link(const ScratchNode& n) { return (n.mode & mode::FMT) == mode::LNK; }
bool may(const ScratchNode& n, uint32_t bits) { return (n.mode & bits) == bits; }

void touch(Call& c, int node) {
  const uint64_t now = clock_now(c.s, c.m, clock_id::REALTIME, 0);
  const TimeSpec time{static_cast<int64_t>(now / kSecond), static_cast<int64_t>(now % kSecond)};
  node_of(c.s, node).times.change = time;
}

// The path's names, if it leads below /tmp.
bool below_tmp(const std::string& path, std::deque<std::string>& parts) {
  parts = path_components(path);
  if (parts.empty() || parts.front() != "tmp") parts = path_components(clean_path(path));
  if (parts.empty() || parts.front() != "tmp") return false;
  parts.pop_front();
  return true;
}

std::string joined(std::string path, const std::deque<std::string>& rest, bool slash) {
  for (const std::string& name : rest) path += "/" + name;
  return slash ? path + "/" : path;
}

Place failed(int error) {
  Place p;
  p.error = -error;
  return p;
}

Place on_host(std::string path) {
  Place p;
  p.path = std::move(path);
  return p;
}

class Walk {
 public:
  Walk(Call& c, Last last) : c_(c), last_(last) {}
  Place find(const std::string& path);

 private:
  Place here(std::string name = "", int parent = 0) const;
  Place missing(const std::string& name);
  bool step_into(const std::string& name, int child);

  Call& c_;
  Last last_;
  bool slash_ = false;
  int links_ = 0, node_ = kRoot;
  std::string path_ = "/tmp";
  std::deque<std::string> todo_;
};

Place Walk::here(std::string name, int parent) const {
  Place p;
  p.scratch = true;
  p.path = path_;
  p.node = node_;
  p.parent = parent;
  p.name = std::move(name);
  p.as_directory = slash_;
  return p;
}

// A name that the directory does not hold: the host's at the top, else one that could be made.
Place Walk::missing(const std::string& name) {
  const std::string full = path_ + "/" + name;
  HostStatus st;
  std::string canonical;
  if (node_ == kRoot && host_stat(c_, full, false, st, canonical) >= 0) return on_host(joined(full, todo_, slash_));
  if (!todo_.empty()) return failed(err::NOENT);
  Place p = here(name, node_);
  p.node = 0;
  p.path = full;
  return p;
}

Place Walk::find(const std::string& path) {
  if (!below_tmp(path, todo_)) return on_host(path);
  slash_ = path.back() == '/';
  std::string name;
  int parent = 0;
  while (!todo_.empty()) {
    const ScratchNode& dir = node_of(c_.s, node_);
    if (!is_dir(dir)) return failed(err::NOTDIR);
    if (!may(dir, kMaySearch)) return failed(err::ACCES);
    name = todo_.front();
    todo_.pop_front();
    if (name == ".") {
      parent = 0;
      continue;
    }
    if (name == "..") {
      if (node_ == kRoot) return Walk(*this).find(joined("", todo_, slash_ || todo_.empty()));
      node_ = dir.parent;
      path_.erase(path_.rfind('/'));
      parent = 0;
      continue;
    }
    if (name.size() > kMaxName) return failed(err::NAMETOOLONG);
    const auto it = dir.entries.find(name);
    if (it == dir.entries.end()) return missing(name);
    const ScratchNode& child = node_of(c_.s, it->second);
    if (is_link(child) && (last_ == Last::Follow || !todo_.empty() || (slash_ && last_ == Last::Keep))) {
      if (++links_ > kMaxLinks) return failed(err::LOOP);
      if (child.target[0] == '/') {
        const std::string next = joined(child.target, todo_, slash_);
        node_ = kRoot;
        path_ = "/tmp";
        return find(next);
      }
      std::deque<std::string> more = path_components(child.target);
      slash_ = slash_ || (todo_.empty() && child.target.back() == '/');
      todo_.insert(todo_.begin(), more.begin(), more.end());
      continue;
    }
    parent = node_;
    node_ = it->second;
    path_ += "/" + name;
  }
  if (slash_ && last_ != Last::Parent && !is_dir(node_of(c_.s, node_))) return failed(err::NOTDIR);
  return here(name, parent);
}

// Makes a node under a name, if the directory lets us.
int64_t create(Call& c, const Place& p, uint32_t mode, int& node) {
  Scratch& scratch = c.s.scratch;
  if (!may(node_of(c.s, p.parent), kMayWrite | kMaySearch)) return -err::ACCES;
  if (scratch.nodes.size() >= kMaxNodes) return -err::NOSPC;
  node = scratch.next++;
  ScratchNode& n = scratch.nodes[node];
  n.mode = mode;
  n.bytes = std::make_shared<std::string>();
  n.parent = p.parent;
  n.links = 1;
  touch(c, node);
  n.times.access = n.times.change;
  node_of(c.s, p.parent).entries[p.name] = node;
  touch(c, p.parent);
  return 0;
}

void drop_if_unused(State& s, int node) {
  const ScratchNode& n = node_of(s, node);
  if (n.links > 0 || n.opens > 0) return;
  s.scratch.used -= n.bytes->size();
  s.scratch.nodes.erase(node);
}

// Takes a name away; the node goes with its last name and its last open file.
void unname(Call& c, int parent, const std::string& name) {
  ScratchNode& dir = node_of(c.s, parent);
  const int node = dir.entries.at(name);
  dir.entries.erase(name);
  touch(c, parent);
  --node_of(c.s, node).links;
  drop_if_unused(c.s, node);
}

// The bytes for writing: our own, if a snapshot shares them.
std::string& own_bytes(ScratchNode& n) {
  if (n.bytes.use_count() > 1) n.bytes = std::make_shared<std::string>(*n.bytes);
  return *n.bytes;
}

int64_t resize(State& s, ScratchNode& n, uint64_t size) {
  const uint64_t others = s.scratch.used - n.bytes->size();
  if (size > kMaxBytes || others + size > kMaxBytes) return -err::NOSPC;
  own_bytes(n).resize(size);
  s.scratch.used = others + size;
  return 0;
}

bool is_ancestor(const State& s, int node, int of) {
  for (; of != kRoot; of = node_of(s, of).parent)
    if (of == node) return true;
  return node == kRoot;
}

}  // namespace

Place locate(Call& c, const HostPath& path, Last last) {
  Place p = c.s.scratch.mounted ? Walk(c, last).find(path.text) : on_host(path.text);
  if (!p.error && !p.scratch) p.host = p.path == path.text ? path : HostPath(p.path);
  return p;
}

void set_up_scratch(State& s) {
  s.scratch.next = kRoot + 1;
  if (is_granted(*s.roots, "/tmp", true)) return;
  s.scratch.mounted = true;
  ScratchNode& root = s.scratch.nodes[kRoot];
  root.mode = mode::DIR | 01777;
  root.bytes = std::make_shared<std::string>();
  root.parent = kRoot;
  root.links = 1;
  root.times.access = root.times.change = {static_cast<int64_t>(s.options->clock_start), 0};
}

bool is_scratch_root(const OpenFile& f) { return f.node == kRoot; }

int64_t scratch_open(Call& c, const Place& p, uint32_t flags, uint32_t perm, OpenFile& f) {
  const bool creates = flags & open_flag::CREAT;
  const uint32_t how = flags & open_flag::ACCMODE;
  const bool writes = how != open_flag::RDONLY || (flags & open_flag::TRUNC);
  int node = p.node;
  if (creates && p.as_directory) return -err::ISDIR;
  if (node == 0) {
    if (!creates) return -err::NOENT;
    if (const int64_t e = create(c, p, mode::REG | perm, node); e < 0) return e;
  } else {
    const ScratchNode& n = node_of(c.s, node);
    if (creates && (flags & open_flag::EXCL)) return -err::EXIST;
    if ((flags & open_flag::DIRECTORY[c.s.column()]) && !is_dir(n)) return -err::NOTDIR;
    if (is_link(n) && !(flags & open_flag::PATH)) return -err::LOOP;
    if (is_dir(n) && (writes || creates)) return -err::ISDIR;
    if ((n.mode & mode::FMT) == mode::SOCK && !(flags & open_flag::PATH)) return -err::NXIO;
    const uint32_t needs = (how != open_flag::WRONLY ? kMayRead : 0) | (writes ? kMayWrite : 0);
    if (!(flags & open_flag::PATH) && !may(n, needs)) return -err::ACCES;
    if (flags & open_flag::TRUNC) scratch_truncate(c, node, 0);
  }
  ScratchNode& n = node_of(c.s, node);
  f.kind = is_dir(n) ? FileKind::Directory : FileKind::Scratch;
  f.path = p.path;
  f.node = node;
  ++n.opens;
  return 0;
}

void scratch_close(State& s, int node) {
  --node_of(s, node).opens;
  drop_if_unused(s, node);
}

int64_t scratch_read(const State& s, int node, uint64_t offset, uint64_t n, std::string& out) {
  const std::string& bytes = *node_of(s, node).bytes;
  out = bytes.substr(std::min<uint64_t>(offset, bytes.size()), n);
  return 0;
}

int64_t scratch_write(Call& c, int node, uint64_t offset, bool append, const std::string& bytes, uint64_t& end) {
  ScratchNode& n = node_of(c.s, node);
  if (append) offset = n.bytes->size();
  if (offset > kMaxBytes) return -err::FBIG;
  end = offset + bytes.size();
  if (bytes.empty()) return 0;
  if (end > n.bytes->size())
    if (const int64_t e = resize(c.s, n, end); e < 0) return e;
  bytes.copy(own_bytes(n).data() + offset, bytes.size());
  touch(c, node);
  return static_cast<int64_t>(bytes.size());
}

int64_t scratch_truncate(Call& c, int node, uint64_t size) {
  ScratchNode& n = node_of(c.s, node);
  if (is_dir(n)) return -err::ISDIR;
  touch(c, node);
  return resize(c.s, n, size);
}

int64_t scratch_mkdir(Call& c, const Place& p, uint32_t perm) {
  int node = 0;
  return p.node ? -err::EXIST : create(c, p, mode::DIR | perm, node);
}

int64_t scratch_socket(Call& c, const Place& p, uint32_t perm, int& node) {
  return p.node ? -err::ADDRINUSE : create(c, p, mode::SOCK | perm, node);
}

int64_t scratch_symlink(Call& c, const Place& p, const std::string& target) {
  int node = 0;
  if (p.node) return -err::EXIST;
  if (target.empty() || p.as_directory) return -err::NOENT;
  const int64_t e = create(c, p, mode::LNK | 0777, node);
  if (e >= 0) node_of(c.s, node).target = target;
  return e;
}

int64_t scratch_link(Call& c, const Place& from, const Place& to) {
  if (from.node == 0) return -err::NOENT;
  if (to.node != 0) return -err::EXIST;
  if (to.as_directory) return -err::NOENT;
  if (is_dir(node_of(c.s, from.node))) return -err::PERM;
  if (!may(node_of(c.s, to.parent), kMayWrite | kMaySearch)) return -err::ACCES;
  node_of(c.s, to.parent).entries[to.name] = from.node;
  ++node_of(c.s, from.node).links;
  touch(c, to.parent);
  return 0;
}

int64_t scratch_remove(Call& c, const Place& p, bool directory) {
  if (p.node == 0) return -err::NOENT;
  if (p.parent == 0 && !directory) return -err::ISDIR;
  if (p.parent == 0) return p.name == "." ? -err::INVAL : p.name == ".." ? -err::NOTEMPTY : -err::BUSY;
  if (!may(node_of(c.s, p.parent), kMayWrite | kMaySearch)) return -err::ACCES;
  const ScratchNode& n = node_of(c.s, p.node);
  if (p.as_directory && !is_dir(n)) return -err::NOTDIR;
  if (directory != is_dir(n)) return directory ? -err::NOTDIR : -err::ISDIR;
  if (!n.entries.empty()) return -err::NOTEMPTY;
  unname(c, p.parent, p.name);
  return 0;
}

// The checks in the kernel's order (fs/namei.c, do_renameat2 and vfs_rename).
int64_t scratch_rename(Call& c, const Place& from, const Place& to, bool no_replace) {
  const auto has_no_name = [](const Place& p) { return p.node != 0 && p.parent == 0; };  // /tmp, . and ..
  if (has_no_name(from)) return -err::BUSY;
  if (has_no_name(to)) return no_replace ? -err::EXIST : -err::BUSY;
  if (from.node == 0) return -err::NOENT;
  if (no_replace && to.node != 0) return -err::EXIST;
  const bool directory = is_dir(node_of(c.s, from.node));
  if (!directory && (from.as_directory || to.as_directory)) return -err::NOTDIR;
  if (directory && is_ancestor(c.s, from.node, to.parent)) return -err::INVAL;
  if (to.node != 0 && is_dir(node_of(c.s, to.node)) && is_ancestor(c.s, to.node, from.parent)) return -err::NOTEMPTY;
  if (from.node == to.node) return 0;
  if (!may(node_of(c.s, from.parent), kMayWrite | kMaySearch)) return -err::ACCES;
  if (!may(node_of(c.s, to.parent), kMayWrite | kMaySearch)) return -err::ACCES;
  if (to.node != 0) {
    const ScratchNode& there = node_of(c.s, to.node);
    if (directory != is_dir(there)) return directory ? -err::NOTDIR : -err::ISDIR;
    if (!there.entries.empty()) return -err::NOTEMPTY;
    unname(c, to.parent, to.name);
  }
  node_of(c.s, from.parent).entries.erase(from.name);
  node_of(c.s, to.parent).entries[to.name] = from.node;
  node_of(c.s, from.node).parent = to.parent;
  touch(c, from.parent);
  touch(c, to.parent);
  return 0;
}

int64_t scratch_chmod(Call& c, int node, uint32_t perm) {
  ScratchNode& n = node_of(c.s, node);
  n.mode = (n.mode & mode::FMT) | (perm & 07777);
  return 0;
}

void scratch_list(const State& s, int node, std::vector<DirEntry>& out) {
  for (const auto& [name, id] : node_of(s, node).entries)
    out.push_back({name, static_cast<uint8_t>((node_of(s, id).mode & mode::FMT) >> 12),
                   scratch_inode(id)});  // DT_… are the mode's bits
}

}  // namespace deferscope::emu::linux_
