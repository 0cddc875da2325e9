#include "emu/posix/paths.h"

#include <algorithm>

#include "emu/hash.h"
#include "emu/posix/boot.h"
#include "emu/posix/file_maps.h"
#include "emu/posix/files.h"
#include "emu/posix/host_files.h"

namespace deferscope::emu::posix {

uint64_t inode_of(const std::string& canonical) {
  return (hash_bytes(0x696e6f6465, canonical.data(), canonical.size()) >> 16) + 2;
}

namespace {
constexpr size_t kLongestPath = 1 << 16;  // with the directory that it starts in: a walk costs what the path is long
}

Result full_path(Context& c, int dirfd, const std::string& raw, HostPath& out) {
  if (raw.empty()) return Error::NOENT;
  if (raw[0] == '/') return out = raw, 0;
  const bool here = dirfd == kHere;
  const OpenFile* f = !here ? file_of(c.s, dirfd) : c.s.cwd_file ? &c.s.files.at(c.s.cwd_file) : nullptr;
  if (!here && !f) return Error::BADF;
  if (f && !f->is<Directory>()) return Error::NOTDIR;
  const std::string& from = here ? c.s.cwd : f->path;
  out = from + "/" + raw;
  out.base = f ? f->handle() : 0;
  out.base_length = from.size();
  return out.text.size() > kLongestPath ? Error::NAMETOOLONG : kOk;
}

std::optional<FileKind> device_at(const std::string& path) {
  if (path == "/dev/null") return NullDevice{};
  if (path == "/dev/zero") return ZeroDevice{};
  if (path == "/dev/urandom" || path == "/dev/random") return RandomDevice{};
  return std::nullopt;
}

// --- status ---

namespace {

bool is_directory(uint32_t m) { return (m & mode::FMT) == mode::DIR; }

Status plain_status(uint32_t mode, uint64_t inode) {
  Status st;
  st.mode = mode;
  st.inode = inode;
  return st;
}

Status device_status(const FileKind& device, const std::string& path) {
  Status st = plain_status(mode::CHR | 0666, inode_of(path));
  st.device = device;
  return st;
}

// Of a synthetic file: those of /proc and /sys have no size until they are read, those of /etc are files as others.
Status text_status(const std::string& path, const std::string& content) {
  Status st = plain_status(mode::REG | 0444, inode_of(path));
  if (path.starts_with("/etc/")) st.size = content.size();
  return st;
}

Status host_status(const HostStatus& h, const std::string& canonical) {
  Status st = plain_status(h.mode, inode_of(canonical));
  st.size = h.size;
  st.path = canonical;
  if (is_directory(h.mode)) st.nlink = 2;
  return st;
}

Status scratch_status(const State& s, int node) {
  constexpr uint64_t kBlock = 4096;
  const ScratchNode& n = s.scratch.nodes.at(node);
  Status st = plain_status(n.mode, scratch_inode(node));
  st.size = !n.target.empty() ? n.target.size() : n.bytes.size();
  st.nlink = static_cast<uint32_t>(n.links);
  st.node = node;
  if (is_directory(n.mode)) {
    st.size = kBlock;
    st.nlink = 2;
    for (const auto& [name, id] : n.entries) st.nlink += is_directory(s.scratch.nodes.at(id).mode);
  }
  return st;
}

}  // namespace

namespace {

Result find_status(Context& c, const HostPath& path, bool follow, Status& st, bool* can_write) {
  const std::string clean = clean_path(path.text);
  if (can_write) *can_write = false;
  if (const auto device = device_at(clean)) {
    if (can_write) *can_write = true;
    return st = device_status(*device, clean), 0;
  }
  const bool exe = clean == c.s.system->exe_link;
  if (exe && !follow) return st = plain_status(mode::LNK | 0777, inode_of(clean)), 0;
  if (const auto text = c.s.system->synthetic_file(c.s, c.m, c.thread().tid, clean))
    return st = text_status(clean, *text), 0;
  HostStatus h;
  std::string canonical;
  if (exe) {
    const Result e = host_stat_executable(c, h, canonical);
    return !e ? e : (st = host_status(h, canonical), kOk);
  }
  const ResolvedPath p = locate(c, path, follow ? Last::Follow : Last::Keep);
  if (p.error != Error::None) return p.error;
  if (p.scratch) {
    if (p.node == 0) return Error::NOENT;
    st = scratch_status(c.s, p.node);
    if (can_write) *can_write = st.mode & 0200;
    return 0;
  }
  if (const Result e = host_stat(c, p.host, follow, h, canonical); !e) return e;
  if (can_write) *can_write = h.writable;
  return st = host_status(h, canonical), 0;
}

// A program that is in none of the folders of PATH: those who look for one come to the last. Folders that the guest
// sees are as they are.
void note_look_up(Context& c, const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == path.npos || slash + 1 == path.size() || is_granted(*c.s.roots, path, false)) return;
  if (path.substr(0, slash) == last_of_path(*c.s.options))
    c.host.refused(c.m, Refused::look_up, path.substr(slash + 1));
}

}  // namespace

Result stat_path(Context& c, const HostPath& path, bool follow, Status& st, bool* can_write) {
  const Result e = find_status(c, path, follow, st, can_write);
  if (e == Error::NOENT && follow) note_look_up(c, path.text);
  return e;
}

namespace {

struct StatOpen {
  Context& c;
  const OpenFile& f;
  Status& st;

  Result fifo(uint64_t inode) { return st = plain_status(mode::FIFO | 0600, inode), 0; }
  Result device() { return st = device_status(f.kind, f.path), 0; }
  Result host(bool unnamed) {
    HostStatus h;
    if (const Result e = host_stat(c, f, h); !e) return e;
    st = host_status(h, f.path);
    if (unnamed) st.nlink = 0;
    return 0;
  }
  Result scratch(int node) { return st = scratch_status(c.s, node), 0; }

  Result operator()(const NullDevice&) { return device(); }
  Result operator()(const ZeroDevice&) { return device(); }
  Result operator()(const RandomDevice&) { return device(); }
  Result operator()(const TextFile& t) { return st = text_status(f.path, t.content), 0; }
  Result operator()(const StandardOutput& out) { return fifo(1'000'002 + static_cast<uint64_t>(out.stream)); }
  Result operator()(const StandardInput&) {
    if (*c.s.options->stdin_path == "-") return fifo(1'000'002);
    return st = plain_status(mode::REG | 0444, inode_of("stdin")), 0;
  }
  Result operator()(const PipeEnd& end) { return fifo(static_cast<uint64_t>(end.pipe) + 2); }
  Result operator()(const SocketFile& x) {
    return st = plain_status(mode::SOCK | 0777, static_cast<uint64_t>(x.socket) + 2), 0;
  }
  Result operator()(const EventCounter&) { return st = plain_status(0600, 9), 0; }
  Result operator()(const WatchSet&) { return st = plain_status(0600, 9), 0; }
  Result operator()(const HostFile& h) { return host(h.unnamed); }
  Result operator()(const ScratchFile& x) { return scratch(x.node); }
  Result operator()(const Directory& d) { return d.node ? scratch(d.node) : host(d.unnamed); }
};

}  // namespace

Result stat_file(Context& c, const OpenFile& f, Status& st) { return std::visit(StatOpen{c, f, st}, f.kind); }

FileTimes times_of(const State& s, const Status& st) {
  if (st.node) return s.scratch.nodes.at(st.node).times;
  const auto it = s.times.find(st.path);
  const TimeSpec start{static_cast<int64_t>(s.options->clock_start), 0};
  return it == s.times.end() ? FileTimes{start, start} : it->second;
}

// Kept in the value: the host's file keeps its own times.
Result set_times(Context& c, const Status& st, const FileTimes& times) {
  if (st.node) c.s.scratch.nodes.at(st.node).times = times;
  if (st.path.empty()) return 0;
  if (!c.s.times.count(st.path) && !c.s.holdings.take(cost::kTimes + st.path.size())) return Error::NOSPC;
  c.s.times[st.path] = times;
  return 0;
}

Result may_access(Context& c, const HostPath& path, AccessMode how, bool follow) {
  Status st;
  bool can_write = false;
  if (const Result e = stat_path(c, path, follow, st, &can_write); !e) return e;
  if (how.write && !can_write) return Error::ACCES;
  if (how.write && !(st.mode & 0200)) return Error::ACCES;  // the guest owns everything
  if (how.read && !(st.mode & 0400)) return Error::ACCES;
  return how.execute && !(st.mode & 0111) ? Error::ACCES : kOk;
}

Result link_target(Context& c, const HostPath& path, std::string& target) {
  const ResolvedPath p = locate(c, path, Last::Keep);
  if (p.error != Error::None) return p.error;
  if (!p.scratch) return host_readlink(c, p.host, target);
  if (p.node == 0) return Error::NOENT;
  target = c.s.scratch.nodes.at(p.node).target;
  return target.empty() ? Error::INVAL : kOk;
}

// --- changes ---

Result locate_name(Context& c, const HostPath& path, ResolvedPath& out) {
  out = locate(c, path, Last::Parent);
  return out.error == Error::None ? kOk : out.error;
}

Result locate_existing(Context& c, const HostPath& path, bool follow, ResolvedPath& out) {
  out = locate(c, path, follow ? Last::Follow : Last::Keep);
  if (out.error != Error::None) return out.error;
  return out.scratch && out.node == 0 ? Error::NOENT : kOk;
}

Result change_directory_to(Context& c, const HostPath& path) {
  const std::string clean = clean_path(path.text);
  if (device_at(clean) || clean == c.s.system->exe_link || c.s.system->synthetic_file(c.s, c.m, c.thread().tid, clean))
    return Error::NOTDIR;
  const ResolvedPath p = locate(c, path, Last::Follow);
  if (p.error != Error::None) return p.error;
  if (!p.scratch) {
    OpenFile f;
    if (const Result e = host_enter(c, p.host, f); !e) return e;
    const Result file = new_file(c.s, f);
    if (!file) return file;
    change_directory(c.s, f.path, static_cast<int>(file.value()));
    return 0;
  }
  if (p.node == 0) return Error::NOENT;
  const uint32_t m = c.s.scratch.nodes.at(p.node).mode;
  if (!is_directory(m)) return Error::NOTDIR;
  if (!(m & 0100)) return Error::ACCES;
  change_directory(c.s, p.path, 0);
  return 0;
}

namespace {

size_t content_size(const OpenFile& f) {
  if (const auto* t = f.as<TextFile>()) return t->content.size();
  const auto* d = f.as<Directory>();
  return d ? d->records.size() : 0;
}

uint64_t times_cost(const std::map<std::string, FileTimes>& times) {
  uint64_t n = 0;
  for (const auto& [path, t] : times) n += cost::kTimes + path.size();
  return n;
}

// Whether the paths that follow stay as short as full_path wants them, and there is room for what they grow.
bool may_rename_open(const State& s, const std::string& from, const std::string& to) {
  Holdings room = s.holdings;
  const uint64_t more = to.size() - std::min(to.size(), from.size());
  const auto fits = [&](const std::string& path) {
    return !path_below(path, from) || (path.size() + more <= kLongestPath && room.take(more));
  };
  return fits(s.cwd) && std::all_of(s.times.begin(), s.times.end(), [&](const auto& t) { return fits(t.first); }) &&
         std::all_of(s.files.begin(), s.files.end(), [&](const auto& f) { return fits(f.second.path); });
}

// Open files, the current directory and times follow what is renamed.
void rename_open(State& s, const std::string& from, const std::string& to) {
  const auto follow = [&](std::string& path) {
    if (path_below(path, from)) path = to + path.substr(from.size());
  };
  for (auto& [id, f] : s.files) {
    follow(f.path);
    hold_content(s, f, content_size(f));
  }
  follow(s.cwd);
  std::map<std::string, FileTimes> times;
  const uint64_t before = times_cost(s.times);
  for (auto& [path, t] : s.times) {
    std::string now = path;
    follow(now);
    times[now] = t;
  }
  s.times = std::move(times);
  s.holdings.held += times_cost(s.times) - before;  // may_rename_open saw room for it
}

// A file lost its name; where it is open it goes on without one. What gets the name later is another.
void forget_name(State& s, const std::string& path) {
  const auto times = s.times.extract(path);
  if (times) s.holdings.give_back(cost::kTimes + path.size());
  for (auto& [id, f] : s.files) {
    auto* file = f.as<HostFile>();
    auto* directory = f.as<Directory>();
    if (f.path != path || (!file && !directory)) continue;
    f.path += " (deleted)";  // as /proc/self/fd has it
    (file ? file->unnamed : directory->unnamed) = true;
    if (times && (s.times.count(f.path) || s.holdings.take(cost::kTimes + f.path.size())))
      s.times[f.path] = times.mapped();
  }
}

}  // namespace

Result make_directory(Context& c, const HostPath& path, uint32_t perm) {
  perm &= 01777 & ~c.s.umask;
  ResolvedPath p;
  if (const Result e = locate_name(c, path, p); !e) return e;
  return p.scratch ? scratch_mkdir(c, p, perm) : host_mkdir(c, p.host, perm);
}

Result remove_name(Context& c, const HostPath& path, bool directory) {
  ResolvedPath p;
  if (const Result e = locate_name(c, path, p); !e) return e;
  if (p.scratch) return scratch_remove(c, p, directory);
  std::string canonical;
  const Result result = host_remove(c, p.host, directory, canonical);
  if (result) forget_name(c.s, canonical);
  return result;
}

Result rename_path(Context& c, const ResolvedPath& from, const HostPath& new_name, bool no_replace) {
  ResolvedPath to;
  if (const Result e = locate_name(c, new_name, to); !e) return e;
  if (from.scratch != to.scratch) return Error::XDEV;
  if (!may_rename_open(c.s, from.path, to.path)) return Error::NAMETOOLONG;
  std::string old_path = from.path, new_path = to.path;
  const Result result = from.scratch ? scratch_rename(c, from, to, no_replace)
                                     : host_rename(c, from.host, to.host, no_replace, old_path, new_path);
  if (!result || old_path == new_path) return result;
  if (!to.scratch) forget_name(c.s, new_path);
  rename_open(c.s, old_path, new_path);
  return result;
}

Result make_symlink(Context& c, const std::string& target, const HostPath& path) {
  ResolvedPath p;
  if (const Result e = locate_name(c, path, p); !e) return e;
  return p.scratch ? scratch_symlink(c, p, target) : host_symlink(c, target, p.host);
}

Result make_link(Context& c, const ResolvedPath& from, bool follow, const HostPath& path) {
  ResolvedPath to;
  if (const Result e = locate_name(c, path, to); !e) return e;
  if (from.scratch != to.scratch) return Error::XDEV;
  return from.scratch ? scratch_link(c, from, to) : host_link(c, from.host, follow, to.host);
}

Result chmod_path(Context& c, const ResolvedPath& p, uint32_t perm) {
  return p.scratch ? scratch_chmod(c, p.node, perm) : host_chmod(c, p.host, perm);
}

Result truncate_path(Context& c, const ResolvedPath& p, int64_t size) {
  if (size < 0) return Error::INVAL;
  const auto bytes = static_cast<uint64_t>(size);
  if (!p.scratch) {
    const Result e = host_truncate(c, p.host, bytes);
    if (e) refresh_view_sizes(c);
    return e;
  }
  const bool writable = c.s.scratch.nodes.at(p.node).mode & 0200;
  const Result e = writable ? scratch_truncate(c, p.node, bytes) : Error::ACCES;
  if (e) scratch_resized(c, p.node, bytes);
  return e;
}

}  // namespace deferscope::emu::posix
