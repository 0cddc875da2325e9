// The door's answers as journal entries.
#include "emu/posix/host_files.h"

#include <sys/stat.h>

#include <algorithm>
#include <cstring>

namespace deferscope::emu::posix {
namespace {

constexpr uint64_t kMaxTransfer = 16 << 20;  // bytes a single read or write moves; short counts are legal

// The door's result as an entry: a host's errno becomes an error.
JournalEntry entry_of(int64_t result) {
  JournalEntry e;
  e.result = result < 0 ? Result(error_of_host(static_cast<int>(-result))) : Result(result);
  return e;
}

uint32_t guest_type(uint32_t m) {
  if (S_ISDIR(m)) return mode::DIR;
  if (S_ISLNK(m)) return mode::LNK;
  if (S_ISREG(m)) return mode::REG;
  if (S_ISFIFO(m)) return mode::FIFO;
  return mode::CHR;
}

// Status and path in an entry's bytes.
JournalEntry entry_of(int64_t result, const HostFiles::Status& host, const std::string& path) {
  JournalEntry e = entry_of(result);
  if (result < 0) return e;
  const HostStatus s{guest_type(host.mode) | (host.mode & 07777), host.writable, host.size};
  e.bytes.resize(sizeof s + path.size());
  std::memcpy(e.bytes.data(), &s, sizeof s);
  path.copy(reinterpret_cast<char*>(e.bytes.data()) + sizeof s, path.size());
  return e;
}

void read_entry(const JournalEntry& e, HostStatus& s, std::string& path) {
  if (e.bytes.size() < sizeof s) return;
  std::memcpy(&s, e.bytes.data(), sizeof s);
  path.assign(e.bytes.begin() + sizeof s, e.bytes.end());
}

JournalEntry entry_of(int64_t result, const std::string& text) {
  JournalEntry e = entry_of(result);
  if (result >= 0) e.bytes.assign(text.begin(), text.end());
  return e;
}

std::string text_of(const JournalEntry& e) {
  return !e.result ? std::string() : std::string(e.bytes.begin(), e.bytes.end());
}

// Asks the door once, at the horizon.
template <class Ask>
const JournalEntry& asked(Context& c, const char* verb, const std::string& what, Ask ask) {
  return c.host.input(c.m, (std::string(verb) + " " + what).c_str(), [&] { return ask(c.host.files()); });
}

// The number of the journal's next entry, from 1.
FileHandle next_handle(const Context& c) { return c.m.journal_cursor + 1; }

Result opened(const JournalEntry& e, FileHandle handle, OpenFile& f) {
  HostStatus st;
  if (!e.result) return e.result;
  read_entry(e, st, f.path);
  if ((st.mode & mode::FMT) == mode::DIR)
    f.kind.emplace<Directory>().handle = handle;
  else
    f.kind.emplace<HostFile>().handle = handle;
  return 0;
}

Result open_as(Context& c, const HostPath& path, const HostFiles::Open& how, OpenFile& f) {
  const FileHandle handle = next_handle(c);
  const JournalEntry& e = asked(c, "open", path.text, [&](HostFiles& door) {
    HostFiles::Status st;
    std::string real;
    const int64_t result = door.open(handle, path, how, st, real);
    return entry_of(result, st, real);
  });
  return opened(e, handle, f);
}

}  // namespace

Result host_open(Context& c, const HostPath& path, const OpenHow& how, OpenFile& f) {
  HostFiles::Open o;
  o.read = how.access != Access::Write;
  o.write = how.access != Access::Read;
  o.create = how.create;
  o.exclusive = how.create && how.exclusive;
  o.truncate = how.truncate;
  o.follow = !how.keep_link && !o.exclusive;
  o.directory = how.directory;
  o.look = how.name_only;
  o.perm = how.perm;
  return open_as(c, path, o, f);
}

Result host_enter(Context& c, const HostPath& path, OpenFile& f) {
  HostFiles::Open o;
  o.directory = o.look = o.search = true;
  return open_as(c, path, o, f);
}

Result host_open_executable(Context& c, const OpenHow& how, OpenFile& f) {
  if (how.directory) return Error::NOTDIR;
  if (how.create && how.exclusive) return Error::EXIST;
  if (how.access != Access::Read || how.truncate) return Error::ACCES;
  const FileHandle handle = next_handle(c);
  const JournalEntry& e = asked(c, "open", c.s.exe, [&](HostFiles& door) {
    HostFiles::Status st;
    std::string real;
    const int64_t result = door.open_executable(handle, st, real);
    return entry_of(result, st, real);
  });
  return opened(e, handle, f);
}

void host_close(Context& c) {
  for (const FileHandle handle : c.s.closed) c.host.output(c.m, [&] { c.host.files().close(handle); });
  c.s.closed.clear();
}

Result host_stat(Context& c, const HostPath& path, bool follow, HostStatus& status, std::string& canonical) {
  const JournalEntry& e = asked(c, "stat", path.text, [&](HostFiles& door) {
    HostFiles::Status st;
    std::string real;
    const int64_t result = door.stat(path, follow, st, real);
    return entry_of(result, st, real);
  });
  read_entry(e, status, canonical);
  return e.result;
}

Result host_stat_executable(Context& c, HostStatus& status, std::string& canonical) {
  const JournalEntry& e = asked(c, "stat", c.s.exe, [&](HostFiles& door) {
    HostFiles::Status st;
    std::string real;
    const int64_t result = door.stat_executable(st, real);
    return entry_of(result, st, real);
  });
  read_entry(e, status, canonical);
  return e.result;
}

Result host_stat(Context& c, const OpenFile& f, HostStatus& status) {
  const JournalEntry& e = asked(c, "stat", f.path, [&](HostFiles& door) {
    HostFiles::Status st;
    const int64_t result = door.stat(f.handle(), st);
    return entry_of(result, st, "");
  });
  std::string none;
  read_entry(e, status, none);
  return e.result;
}

bool host_same_file(Context& c, const OpenFile& f, const OpenFile& other) {
  const JournalEntry& e = asked(c, "same file", f.path, [&](HostFiles& door) {
    return entry_of(door.are_same(f.handle(), other.handle()) ? 1 : 0);
  });
  return e.result == 1;
}

Result host_read(Context& c, const OpenFile& f, uint64_t offset, uint64_t n, std::string& out) {
  n = std::min(n, kMaxTransfer);
  const JournalEntry& e = asked(c, "read", f.path, [&](HostFiles& door) {
    JournalEntry entry;
    entry.result = entry_of(door.read(f.handle(), offset, n, entry.bytes)).result;
    entry.source = f.handle();
    entry.source_offset = offset;
    return entry;
  });
  out = text_of(e);
  return e.result;
}

Result host_read_all(Context& c, const OpenFile& f, uint64_t offset, uint64_t n, std::string& out) {
  out.clear();
  while (n > 0) {
    std::string part;
    const Result got = host_read(c, f, offset + out.size(), n, part);
    if (!got) return got;
    if (got == kOk) break;
    out += part;
    n -= std::min<uint64_t>(n, part.size());
  }
  return static_cast<int64_t>(out.size());
}

Result host_read_stdin(Context& c, uint64_t offset, uint64_t n, std::string& out) {
  n = std::min(n, kMaxTransfer);
  const JournalEntry& e = c.host.input(c.m, "read stdin", [&] {
    JournalEntry entry;
    int64_t result = -EINTR;
    while (result == -EINTR) {
      if (c.host.interrupted()) throw Interrupted();
      result = c.host.files().read_stdin(offset, n, entry.bytes);
    }
    entry.result = entry_of(result).result;
    return entry;
  });
  out = text_of(e);
  return e.result;
}

Result host_write(Context& c, const OpenFile& f, uint64_t offset, bool append, const std::string& bytes,
                  uint64_t& end) {
  const JournalEntry& e = asked(c, "write", f.path, [&](HostFiles& door) {
    uint64_t behind = offset;
    JournalEntry entry =
        entry_of(c.host.write_file(c.m, std::min<uint64_t>(bytes.size(), kMaxTransfer), [&](uint64_t room) {
          return room == bytes.size() ? door.write(f.handle(), offset, append, bytes, behind)
                                      : door.write(f.handle(), offset, append, bytes.substr(0, room), behind);
        }));
    entry.bytes.resize(sizeof behind);
    std::memcpy(entry.bytes.data(), &behind, sizeof behind);
    return entry;
  });
  if (e.bytes.size() == sizeof end) std::memcpy(&end, e.bytes.data(), sizeof end);
  return e.result;
}

Result host_readlink(Context& c, const HostPath& path, std::string& out) {
  const JournalEntry& e = asked(c, "readlink", path.text, [&](HostFiles& door) {
    std::string target;
    const int64_t result = door.readlink(path, target);
    return entry_of(result, target);
  });
  out = text_of(e);
  return e.result;
}

Result host_list(Context& c, const OpenFile& f, std::vector<DirEntry>& out) {
  const JournalEntry& e = asked(c, "list", f.path, [&](HostFiles& door) {
    std::vector<HostFiles::Entry> names;
    JournalEntry entry = entry_of(f.handle() ? door.list(f.handle(), names) : door.list(f.path, names));
    for (const auto& d : names) {
      entry.bytes.push_back(d.type);
      entry.bytes.insert(entry.bytes.end(), d.name.begin(), d.name.end());
      entry.bytes.push_back(0);
    }
    return entry;
  });
  for (size_t at = 0; at < e.bytes.size();) {
    const char* name = reinterpret_cast<const char*>(e.bytes.data()) + at + 1;
    out.push_back({name, e.bytes[at]});
    at += out.back().name.size() + 2;
  }
  return e.result;
}

// --- changes ---

Result host_mkdir(Context& c, const HostPath& path, uint32_t perm) {
  return asked(c, "mkdir", path.text, [&](HostFiles& door) { return entry_of(door.mkdir(path, perm)); }).result;
}

Result host_remove(Context& c, const HostPath& path, bool directory, std::string& canonical) {
  const JournalEntry& e = asked(c, directory ? "rmdir" : "unlink", path.text, [&](HostFiles& door) {
    std::string real;
    const int64_t result = door.remove(path, directory, real);
    return entry_of(result, real);
  });
  canonical = text_of(e);
  return e.result;
}

Result host_rename(Context& c, const HostPath& from, const HostPath& to, bool no_replace, std::string& canonical_from,
                   std::string& canonical_to) {
  const JournalEntry& e = asked(c, "rename", from.text, [&](HostFiles& door) {
    std::string a, b;
    const int64_t result = door.rename(from, to, no_replace, a, b);
    return entry_of(result, a + '\0' + b);
  });
  const std::string both = text_of(e);
  const size_t zero = std::min(both.find('\0'), both.size());
  canonical_from = both.substr(0, zero);
  canonical_to = zero < both.size() ? both.substr(zero + 1) : "";
  return e.result;
}

Result host_truncate(Context& c, const HostPath& path, uint64_t size) {
  return asked(c, "truncate", path.text, [&](HostFiles& door) { return entry_of(door.truncate(path, size)); }).result;
}

Result host_truncate(Context& c, const OpenFile& f, uint64_t size) {
  return asked(c, "truncate", f.path, [&](HostFiles& door) { return entry_of(door.truncate(f.handle(), size)); })
      .result;
}

Result host_chmod(Context& c, const HostPath& path, uint32_t perm) {
  return asked(c, "chmod", path.text, [&](HostFiles& door) { return entry_of(door.chmod(path, perm)); }).result;
}

Result host_chmod(Context& c, const OpenFile& f, uint32_t perm) {
  return asked(c, "chmod", f.path, [&](HostFiles& door) { return entry_of(door.chmod(f.handle(), perm)); }).result;
}

Result host_symlink(Context& c, const std::string& target, const HostPath& path) {
  return asked(c, "symlink", path.text, [&](HostFiles& door) { return entry_of(door.symlink(target, path)); }).result;
}

Result host_link(Context& c, const HostPath& from, bool follow, const HostPath& to) {
  return asked(c, "link", to.text, [&](HostFiles& door) { return entry_of(door.link(from, follow, to)); }).result;
}

}  // namespace deferscope::emu::posix
