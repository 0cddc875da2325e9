// The guest's own /tmp. Nodes are files, directories and links by number; a node lives while a name or an open file
// holds it.
#include "emu/posix/scratch.h"

#include <algorithm>
#include <deque>

#include "emu/posix/host_files.h"

namespace deferscope::emu::posix {
namespace {

constexpr int kRoot = 1, kMaxLinks = 40;
constexpr uint64_t kMaxBytes = uint64_t{256} << 20;    // what is written of all files together
constexpr uint64_t kMaxSize = INT64_MAX;               // of one, holes included
constexpr size_t kMaxNames = 1 << 16, kMaxName = 255;  // as tmpfs, which counts a hard link as a file
constexpr uint32_t kMayRead = 0400, kMayWrite = 0200, kMaySearch = 0100;

ScratchNode& node_of(State& s, int node) { return s.scratch.nodes.at(node); }
const ScratchNode& node_of(const State& s, int node) { return s.scratch.nodes.at(node); }
bool is_dir(const ScratchNode& n) { return (n.mode & mode::FMT) == mode::DIR; }
bool is_link(const ScratchNode& n) { return (n.mode & mode::FMT) == mode::LNK; }
bool may(const ScratchNode& n, uint32_t bits) { return (n.mode & bits) == bits; }

void touch(Context& c, int node) { node_of(c.s, node).times.change = wall_time(c); }

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

ResolvedPath failed(Error error) {
  ResolvedPath p;
  p.error = error;
  return p;
}

ResolvedPath on_host(std::string path) {
  ResolvedPath p;
  p.path = std::move(path);
  return p;
}

class Walk {
 public:
  Walk(Context& c, Last last) : c_(c), last_(last) {}
  ResolvedPath find(const std::string& path);

 private:
  ResolvedPath here(std::string name = "", int parent = 0) const;
  ResolvedPath missing(const std::string& name);
  bool leave_root(std::string& outside);
  bool follow(const std::string& target, std::string& outside);

  Context& c_;
  Last last_;
  bool slash_ = false;
  int links_ = 0, node_ = kRoot;
  std::string path_ = "/tmp";
  std::deque<std::string> todo_;
};

ResolvedPath Walk::here(std::string name, int parent) const {
  ResolvedPath p;
  p.scratch = true;
  p.path = path_;
  p.node = node_;
  p.parent = parent;
  p.name = std::move(name);
  p.as_directory = slash_;
  return p;
}

// A name that the directory does not hold: the host's at the top, else one that could be made.
ResolvedPath Walk::missing(const std::string& name) {
  const std::string full = path_ + "/" + name;
  HostStatus st;
  std::string canonical;
  if (node_ == kRoot && host_stat(c_, full, false, st, canonical)) return on_host(joined(full, todo_, slash_));
  if (!todo_.empty()) return failed(Error::NOENT);
  ResolvedPath p = here(name, node_);
  p.node = 0;
  p.path = full;
  return p;
}

// `..` of /tmp itself: what is left leads back into /tmp, or is for the host (then in `outside`).
bool Walk::leave_root(std::string& outside) {
  while (!todo_.empty() && (todo_.front() == "." || todo_.front() == "..")) todo_.pop_front();
  if (!todo_.empty() && todo_.front() == "tmp") return todo_.pop_front(), true;
  outside = joined("", todo_, slash_ || todo_.empty());
  return below_tmp(outside, todo_);
}

// A link's target takes the place of its name. False: it leads out of /tmp, to `outside`.
bool Walk::follow(const std::string& target, std::string& outside) {
  if (target[0] == '/') {
    outside = joined(target, todo_, slash_);
    slash_ = outside.back() == '/';
    node_ = kRoot;
    path_ = "/tmp";
    return below_tmp(outside, todo_);
  }
  const std::deque<std::string> more = path_components(target);
  slash_ = slash_ || (todo_.empty() && target.back() == '/');
  todo_.insert(todo_.begin(), more.begin(), more.end());
  return true;
}

// A loop, never a recursion: names, links and `..` are the guest's, as many as 40 links can hold.
ResolvedPath Walk::find(const std::string& path) {
  std::string name, outside;
  int parent = 0;
  if (!below_tmp(path, todo_)) return on_host(path);
  slash_ = path.back() == '/';
  while (!todo_.empty()) {
    const ScratchNode& dir = node_of(c_.s, node_);
    if (!is_dir(dir)) return failed(Error::NOTDIR);
    if (!may(dir, kMaySearch)) return failed(Error::ACCES);
    name = todo_.front();
    todo_.pop_front();
    if (name == ".") {
      parent = 0;
      continue;
    }
    if (name == "..") {
      parent = 0;
      if (node_ == kRoot) {
        if (!leave_root(outside)) return on_host(outside);
        name.clear();
        continue;
      }
      node_ = dir.parent;
      path_.erase(path_.rfind('/'));
      continue;
    }
    if (name.size() > kMaxName) return failed(Error::NAMETOOLONG);
    const auto it = dir.entries.find(name);
    if (it == dir.entries.end()) return missing(name);
    const ScratchNode& child = node_of(c_.s, it->second);
    if (is_link(child) && (last_ == Last::Follow || !todo_.empty() || (slash_ && last_ == Last::Keep))) {
      if (++links_ > kMaxLinks) return failed(Error::LOOP);
      if (!follow(child.target, outside)) return on_host(outside);
      if (child.target[0] == '/') {
        name.clear();
        parent = 0;
      }
      continue;
    }
    parent = node_;
    node_ = it->second;
    path_ += "/" + name;
  }
  if (slash_ && last_ != Last::Parent && !is_dir(node_of(c_.s, node_))) return failed(Error::NOTDIR);
  return here(name, parent);
}

uint64_t name_cost(const std::string& name) { return cost::kName + name.size(); }

// A name in a directory that lets us, for a node of `more` bytes beside it.
Result add_name(Context& c, const ResolvedPath& p, int node, uint64_t more) {
  Scratch& scratch = c.s.scratch;
  if (scratch.names >= kMaxNames || !c.s.holdings.take(name_cost(p.name) + more)) return Error::NOSPC;
  ++scratch.names;
  node_of(c.s, p.parent).entries[p.name] = node;
  touch(c, p.parent);
  return 0;
}

void remove_name(Context& c, int parent, const std::string& name) {
  node_of(c.s, parent).entries.erase(name);
  touch(c, parent);
  --c.s.scratch.names;
  c.s.holdings.give_back(name_cost(name));
}

uint64_t node_cost(const std::string& target) { return cost::kNode + target.size(); }

// Makes a node under a name; a link's with its target.
Result create(Context& c, const ResolvedPath& p, uint32_t mode, int& node, const std::string& target = {}) {
  Scratch& scratch = c.s.scratch;
  if (!may(node_of(c.s, p.parent), kMayWrite | kMaySearch)) return Error::ACCES;
  if (const Result e = add_name(c, p, scratch.next, node_cost(target)); !e) return e;
  node = scratch.next++;
  ScratchNode& n = scratch.nodes[node];
  n.mode = mode;
  n.target = target;
  n.parent = p.parent;
  n.links = 1;
  touch(c, node);
  n.times.access = n.times.change;
  return 0;
}

void free_pieces(State& s, uint64_t n) {
  s.scratch.used -= n * Contents::kPiece;
  s.holdings.give_back(n * Contents::kPieceCost);
}

void drop_if_unused(State& s, int node) {
  const ScratchNode& n = node_of(s, node);
  if (n.links > 0 || n.opens > 0) return;
  free_pieces(s, n.bytes.pieces());
  s.holdings.give_back(node_cost(n.target));
  s.scratch.nodes.erase(node);
}

// Takes a name away; the node goes with its last name and its last open file.
void unname(Context& c, int parent, const std::string& name) {
  const int node = node_of(c.s, parent).entries.at(name);
  remove_name(c, parent, name);
  --node_of(c.s, node).links;
  drop_if_unused(c.s, node);
}

bool take_piece(State& s) {
  if (s.scratch.used + Contents::kPiece > kMaxBytes || !s.holdings.take(Contents::kPieceCost)) return false;
  s.scratch.used += Contents::kPiece;
  return true;
}

void resize(State& s, ScratchNode& n, uint64_t size) {
  const uint64_t before = n.bytes.pieces();
  n.bytes.resize(size);
  free_pieces(s, before - n.bytes.pieces());
}

bool is_ancestor(const State& s, int node, int of) {
  for (; of != kRoot; of = node_of(s, of).parent)
    if (of == node) return true;
  return node == kRoot;
}

}  // namespace

ResolvedPath locate(Context& c, const HostPath& path, Last last) {
  ResolvedPath p = c.s.scratch.mounted ? Walk(c, last).find(path.text) : on_host(path.text);
  if (p.error == Error::None && !p.scratch) p.host = p.path == path.text ? path : HostPath(p.path);
  return p;
}

void set_up_scratch(State& s) {
  s.scratch.next = kRoot + 1;
  if (is_granted(*s.roots, "/tmp", true)) return;
  s.scratch.mounted = true;
  ScratchNode& root = s.scratch.nodes[kRoot];
  root.mode = mode::DIR | 01777;
  root.parent = kRoot;
  root.links = 1;
  root.times.access = root.times.change = {static_cast<int64_t>(s.options->clock_start), 0};
}

bool is_scratch_root(const OpenFile& f) { return f.node() == kRoot; }

Result scratch_open(Context& c, const ResolvedPath& p, const OpenHow& how, OpenFile& f) {
  const bool writes = how.access != Access::Read || how.truncate;
  int node = p.node;
  if (how.create && p.as_directory) return Error::ISDIR;
  if (node == 0) {
    if (!how.create) return Error::NOENT;
    if (const Result e = create(c, p, mode::REG | how.perm, node); !e) return e;
  } else {
    const ScratchNode& n = node_of(c.s, node);
    if (how.create && how.exclusive) return Error::EXIST;
    if (how.directory && !is_dir(n)) return Error::NOTDIR;
    if (is_link(n) && !how.name_only) return Error::LOOP;
    if (is_dir(n) && (writes || how.create)) return Error::ISDIR;
    if ((n.mode & mode::FMT) == mode::SOCK && !how.name_only) return Error::NXIO;
    const uint32_t needs = (how.access != Access::Write ? kMayRead : 0) | (writes ? kMayWrite : 0);
    if (!how.name_only && !may(n, needs)) return Error::ACCES;
    if (how.truncate) scratch_truncate(c, node, 0);
  }
  ScratchNode& n = node_of(c.s, node);
  if (is_dir(n))
    f.kind.emplace<Directory>().node = node;
  else
    f.kind = ScratchFile{node};
  f.path = p.path;
  ++n.opens;
  return 0;
}

void scratch_close(State& s, int node) {
  --node_of(s, node).opens;
  drop_if_unused(s, node);
}

Result scratch_read(const State& s, int node, uint64_t offset, uint64_t n, std::string& out) {
  node_of(s, node).bytes.read(offset, n, out);
  return 0;
}

// As much as there is room for.
Result scratch_write(Context& c, int node, uint64_t offset, bool append, const std::string& bytes, uint64_t& end) {
  ScratchNode& n = node_of(c.s, node);
  if (append) offset = n.bytes.size();
  end = offset;
  if (bytes.empty()) return 0;
  if (offset >= kMaxSize) return Error::FBIG;
  std::string_view rest(bytes);
  rest = rest.substr(0, kMaxSize - offset);
  while (!rest.empty() && (n.bytes.has_piece(end) || take_piece(c.s))) {
    const std::string_view part = rest.substr(0, Contents::kPiece - end % Contents::kPiece);
    n.bytes.write(end, part);
    end += part.size();
    rest.remove_prefix(part.size());
  }
  if (end == offset) return Error::NOSPC;
  touch(c, node);
  return static_cast<int64_t>(end - offset);
}

Result scratch_truncate(Context& c, int node, uint64_t size) {
  ScratchNode& n = node_of(c.s, node);
  if (is_dir(n)) return Error::ISDIR;
  if (size > kMaxSize) return Error::FBIG;
  touch(c, node);
  resize(c.s, n, size);
  return 0;
}

Result scratch_mkdir(Context& c, const ResolvedPath& p, uint32_t perm) {
  int node = 0;
  return p.node ? Error::EXIST : create(c, p, mode::DIR | perm, node);
}

Result scratch_socket(Context& c, const ResolvedPath& p, uint32_t perm, int& node) {
  return p.node ? Error::ADDRINUSE : create(c, p, mode::SOCK | perm, node);
}

Result scratch_symlink(Context& c, const ResolvedPath& p, const std::string& target) {
  int node = 0;
  if (p.node) return Error::EXIST;
  if (target.empty() || p.as_directory) return Error::NOENT;
  return create(c, p, mode::LNK | 0777, node, target);
}

Result scratch_link(Context& c, const ResolvedPath& from, const ResolvedPath& to) {
  if (from.node == 0) return Error::NOENT;
  if (to.node != 0) return Error::EXIST;
  if (to.as_directory) return Error::NOENT;
  if (is_dir(node_of(c.s, from.node))) return Error::PERM;
  if (!may(node_of(c.s, to.parent), kMayWrite | kMaySearch)) return Error::ACCES;
  if (const Result e = add_name(c, to, from.node, 0); !e) return e;
  ++node_of(c.s, from.node).links;
  return 0;
}

Result scratch_remove(Context& c, const ResolvedPath& p, bool directory) {
  if (p.node == 0) return Error::NOENT;
  if (p.parent == 0 && !directory) return Error::ISDIR;
  if (p.parent == 0) return p.name == "." ? Error::INVAL : p.name == ".." ? Error::NOTEMPTY : Error::BUSY;
  if (!may(node_of(c.s, p.parent), kMayWrite | kMaySearch)) return Error::ACCES;
  const ScratchNode& n = node_of(c.s, p.node);
  if (p.as_directory && !is_dir(n)) return Error::NOTDIR;
  if (directory != is_dir(n)) return directory ? Error::NOTDIR : Error::ISDIR;
  if (!n.entries.empty()) return Error::NOTEMPTY;
  unname(c, p.parent, p.name);
  return 0;
}

// The checks in the kernel's order (fs/namei.c, do_renameat2 and vfs_rename).
Result scratch_rename(Context& c, const ResolvedPath& from, const ResolvedPath& to, bool no_replace) {
  const auto has_no_name = [](const ResolvedPath& p) { return p.node != 0 && p.parent == 0; };  // /tmp, . and ..
  if (has_no_name(from)) return Error::BUSY;
  if (has_no_name(to)) return no_replace ? Error::EXIST : Error::BUSY;
  if (from.node == 0) return Error::NOENT;
  if (no_replace && to.node != 0) return Error::EXIST;
  const bool directory = is_dir(node_of(c.s, from.node));
  if (!directory && (from.as_directory || to.as_directory)) return Error::NOTDIR;
  if (directory && is_ancestor(c.s, from.node, to.parent)) return Error::INVAL;
  if (to.node != 0 && is_dir(node_of(c.s, to.node)) && is_ancestor(c.s, to.node, from.parent)) return Error::NOTEMPTY;
  if (from.node == to.node) return 0;
  if (!may(node_of(c.s, from.parent), kMayWrite | kMaySearch)) return Error::ACCES;
  if (!may(node_of(c.s, to.parent), kMayWrite | kMaySearch)) return Error::ACCES;
  if (to.node != 0) {
    const ScratchNode& there = node_of(c.s, to.node);
    if (directory != is_dir(there)) return directory ? Error::NOTDIR : Error::ISDIR;
    if (!there.entries.empty()) return Error::NOTEMPTY;
    unname(c, to.parent, to.name);
  }
  remove_name(c, from.parent, from.name);
  if (const Result e = add_name(c, to, from.node, 0); !e) {
    add_name(c, from, from.node, 0);  // there was room for it
    return e;
  }
  node_of(c.s, from.node).parent = to.parent;
  return 0;
}

Result scratch_chmod(Context& c, int node, uint32_t perm) {
  ScratchNode& n = node_of(c.s, node);
  n.mode = (n.mode & mode::FMT) | (perm & 07777);
  return 0;
}

void scratch_list(const State& s, int node, std::vector<DirEntry>& out) {
  for (const auto& [name, id] : node_of(s, node).entries)
    out.push_back({name, static_cast<uint8_t>((node_of(s, id).mode & mode::FMT) >> 12),
                   scratch_inode(id)});  // DT_… are the mode's bits
}

}  // namespace deferscope::emu::posix
