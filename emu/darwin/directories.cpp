// Directory streams, and the call below them.
#include "emu/posix/directories.h"

#include <cstring>

#include "emu/darwin/call.h"
#include "emu/posix/files.h"

namespace deferscope::emu::darwin {
namespace {

// struct dirent: the name ends in a zero, the record at a multiple of 4.
size_t record_size(const std::string& name) { return (kDirentName + name.size() + 1 + 3) & ~size_t{3}; }

void add_record(std::string& out, uint64_t inode, uint64_t next, uint8_t type, const std::string& name) {
  std::string record(record_size(name), '\0');
  Dirent64 head{inode, next, static_cast<uint16_t>(record.size()), static_cast<uint16_t>(name.size()), type, {}};
  std::memcpy(record.data(), &head, kDirentName);
  name.copy(record.data() + kDirentName, name.size());
  out += record;
}

constexpr RecordForm kRecords = {record_size, add_record, kDirentReclen};

// A DIR: its descriptor, in memory of libSystem's that the program holds the address of. `entry` is what readdir gives.
struct Stream {
  uint64_t signature;
  int32_t fd, pad;
  char entry[kDirentSize];
};
constexpr uint64_t kSignature = 0x4449525f;

OpenFile* stream_file(Call& c, uint64_t at, int32_t& fd) {
  uint64_t signature = 0;
  if (!c.get(at, signature) || signature != kSignature || !c.get(at + 8, fd)) return nullptr;
  return opened_file(c.s, fd);
}

// The next record, as long as it is; empty behind the last.
Result next_entry(Call& c, uint64_t stream, std::string& record) {
  int32_t fd = -1;
  OpenFile* f = stream_file(c, stream, fd);
  if (!f) return Error::BADF;
  std::string all;
  if (const Result e = next_records(c, *f, kRecords, kDirentSize, all); !e) return e;
  uint16_t length = 0;
  if (!all.empty()) std::memcpy(&length, all.data() + kDirentReclen, 2);
  record = all.substr(0, length);
  f->offset += length;
  return 0;
}

Result open_stream(Call& c, int fd) {
  const OpenFile* f = opened_file(c.s, fd);
  if (!f) return Error::BADF;
  if (!f->is<Directory>()) return Error::NOTDIR;
  const uint64_t at = heap_allocate(c.s, c.memory(), sizeof(Stream));
  if (at == 0) return Error::NOMEM;
  c.put(at, kSignature);
  c.put(at + 8, int64_t{fd});
  return static_cast<int64_t>(at);
}

}  // namespace

Result imp_fdopendir(Call& c) { return open_stream(c, c.i32()); }

Result imp_opendir(Call& c) {
  HostPath path;
  OpenHow how;
  how.directory = how.close_on_exec = true;
  if (const Result e = c.get_path(at::FDCWD, c.a[0], path); !e) return e;
  const Result fd = open_path(c, path, how);
  if (!fd) return fd;
  const Result stream = open_stream(c, static_cast<int>(fd.value()));
  if (!stream) drop_fd(c.s, static_cast<int>(fd.value()));
  return stream;
}

Result imp_closedir(Call& c) {
  int32_t fd = -1;
  if (!stream_file(c, c.a[0], fd)) return Error::BADF;
  drop_fd(c.s, fd);
  c.put(c.a[0], uint64_t{0});
  heap_free(c.s, c.a[0]);
  return 0;
}

Result imp_dirfd(Call& c) {
  int32_t fd = -1;
  return stream_file(c, c.a[0], fd) ? Result(fd) : Error::INVAL;
}

// readdir_r(stream, entry, &result)
Result imp_readdir_r(Call& c) {
  std::string record;
  if (const Result e = next_entry(c, c.a[0], record); !e) return e;
  if (!c.memory().write(c.a[1], record.data(), record.size())) return Error::FAULT;
  return c.put(c.a[2], record.empty() ? uint64_t{0} : c.a[1]) ? kOk : Error::FAULT;
}

Result imp_readdir(Call& c) {
  std::string record;
  if (const Result e = next_entry(c, c.a[0], record); !e) return e;
  if (record.empty()) return 0;
  const uint64_t at = c.a[0] + offsetof(Stream, entry);
  return c.memory().write(at, record.data(), record.size()) ? Result(static_cast<int64_t>(at)) : Error::FAULT;
}

Result imp_rewinddir(Call& c) {
  int32_t fd = -1;
  OpenFile* f = stream_file(c, c.a[0], fd);
  if (f) f->offset = 0, f->as<Directory>()->listed = false;
  return 0;
}

// __getdirentries64(fd, buffer, size, &base)
Result imp_getdirentries64(Call& c) {
  constexpr uint64_t kMost = 1 << 20;
  OpenFile* f = opened_file(c.s, c.i32());
  if (!f) return Error::BADF;
  std::string records;
  if (const Result e = next_records(c, *f, kRecords, std::min(c.a[2], kMost), records); !e) return e;
  if (!c.put(c.a[3], f->offset)) return Error::FAULT;
  const Result done = copy_out(c, c.a[1], records);
  if (done) f->offset += records.size();
  return done;
}

}  // namespace deferscope::emu::darwin
