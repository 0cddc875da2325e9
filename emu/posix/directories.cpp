#include "emu/posix/directories.h"

#include <algorithm>
#include <cstring>

#include "emu/posix/files.h"
#include "emu/posix/paths.h"

namespace deferscope::emu::posix {
namespace {

Result list(Context& c, OpenFile& f, Directory& d, const RecordForm& form) {
  std::vector<DirEntry> entries;
  if (const Result e = list_directory(c, f, entries); !e) return e;
  d.records.clear();
  uint64_t size = 0;
  for (const DirEntry& x : entries) size += form.size(x.name);
  if (!hold_content(c.s, f, size)) return Error::NOMEM;
  c.host.work(entries.size());
  for (const DirEntry& x : entries) {
    const uint64_t inode = x.inode ? x.inode : inode_of(clean_path(f.path + "/" + x.name));
    form.add(d.records, inode, d.records.size() + form.size(x.name), x.type, x.name);
  }
  d.listed = true;
  return 0;
}

uint16_t record_length(const RecordForm& form, const std::string& records, uint64_t at) {
  uint16_t length = 0;
  std::memcpy(&length, records.data() + at + form.length_at, 2);
  return length;
}

// An offset is a cookie that only a list of records gives; a seek may set any. The list goes on at the next record.
void to_record(OpenFile& f, Directory& d, const RecordForm& form) {
  uint64_t at = 0;
  while (at < d.records.size() && at < f.offset) at += record_length(form, d.records, at);
  f.offset = at;
  d.sought = false;
}

}  // namespace

Result next_records(Context& c, OpenFile& f, const RecordForm& form, uint64_t room, std::string& out) {
  auto* d = f.as<Directory>();
  if (!d) return Error::NOTDIR;
  if (!d->listed)
    if (const Result e = list(c, f, *d, form); !e) return e;
  if (d->sought) to_record(f, *d, form);
  uint64_t end = f.offset;
  while (end < d->records.size()) {
    const uint16_t length = record_length(form, d->records, end);
    if (end + length - f.offset > room) break;
    end += length;
  }
  if (end == f.offset && end < d->records.size()) return Error::INVAL;
  out = d->records.substr(f.offset, end - f.offset);
  return 0;
}

}  // namespace deferscope::emu::posix
