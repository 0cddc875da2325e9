// Which file a view shows, and the way of stores to it.
#include "emu/posix/file_maps.h"

#include <algorithm>
#include <set>

#include "emu/posix/files.h"
#include "emu/posix/host_files.h"
#include "emu/posix/scratch.h"

namespace deferscope::emu::posix {
namespace {

constexpr uint64_t kScratchObject = uint64_t{1} << 62;

// Of a host file the handle of the open file that was mapped first, if the file is mapped at all; asked once for each
// open file and each file that was mapped since.
uint64_t object_of(Context& c, OpenFile& file) {
  if (const auto* f = file.as<ScratchFile>()) return kScratchObject | static_cast<uint64_t>(f->node);
  auto* f = file.as<HostFile>();
  if (!f) return 0;
  const auto shown_by = [&](int id) { return c.s.files.at(id).as<HostFile>(); };
  const auto shows_it = [&](int id) { return shown_by(id) && shown_by(id)->object == f->object; };
  if (f->object && std::any_of(c.s.mapped.begin(), c.s.mapped.end(), shows_it)) return f->object;
  if (f->object_as_of == c.s.mapped_count) return 0;
  f->object_as_of = c.s.mapped_count;
  f->object = 0;
  for (int id : c.s.mapped) {
    const HostFile* other = shown_by(id);
    if (!other || !host_same_file(c, file, c.s.files.at(id))) continue;
    f->object = other->object;
    break;
  }
  return f->object;
}

Result file_size(Context& c, const OpenFile& f, uint64_t& size) {
  if (f.is<ScratchFile>()) return size = c.s.scratch.nodes.at(f.node()).bytes.size(), 0;
  HostStatus st;
  const Result e = host_stat(c, f, st);
  size = st.size;
  return e;
}

}  // namespace

Result view_of(Context& c, int file, uint64_t offset, bool shared, FileView& view) {
  OpenFile& f = c.s.files.at(file);
  uint64_t size = 0;
  if (const Result e = file_size(c, f, size); !e) return e;
  view.object = object_of(c, f);
  if (!view.object) {
    auto& host = *f.as<HostFile>();
    host.object_as_of = ++c.s.mapped_count;
    view.object = host.object = host.handle;
  }
  view.file = file;
  view.offset = offset;
  view.bytes = size - std::min(size, offset);
  view.shared = shared;
  view.may_write = f.access == Access::ReadWrite;
  if (c.s.mapped.insert(file).second) ++f.refs;
  return 0;
}

void settle_views(Context& c) {
  if (c.s.mapped.empty()) return;
  std::set<int> shown;
  c.host.work(c.memory().mappings().size());
  for (const auto& [start, m] : c.memory().mappings())
    if (m.view.file) shown.insert(m.view.file);
  for (auto it = c.s.mapped.begin(); it != c.s.mapped.end();) {
    const int file = *it;
    if (shown.contains(file)) {
      ++it;
      continue;
    }
    it = c.s.mapped.erase(it);
    drop_file(c.s, file);
  }
}

void view_written(Context& c, OpenFile& f, uint64_t offset, const std::string& bytes) {
  if (c.s.mapped.empty() || bytes.empty()) return;
  c.host.work(c.memory().mappings().size());
  if (const uint64_t object = object_of(c, f))
    c.memory().file_written(object, offset, {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
}

void view_resized(Context& c, OpenFile& f, uint64_t size) {
  if (c.s.mapped.empty()) return;
  if (const uint64_t object = object_of(c, f)) c.memory().file_resized(object, size);
}

void scratch_resized(Context& c, int node, uint64_t size) {
  if (!c.s.mapped.empty()) c.memory().file_resized(kScratchObject | static_cast<uint64_t>(node), size);
}

void refresh_view_sizes(Context& c) {
  std::set<uint64_t> seen;
  for (int id : c.s.mapped) {
    const OpenFile& f = c.s.files.at(id);
    uint64_t size = 0;
    const auto* host = f.as<HostFile>();
    if (host && seen.insert(host->object).second && file_size(c, f, size)) c.memory().file_resized(host->object, size);
  }
}

Result file_bytes(Context& c, const OpenFile& f, uint64_t offset, uint64_t n, std::string& out) {
  return f.is<ScratchFile>() ? scratch_read(c.s, f.node(), offset, n, out) : host_read_all(c, f, offset, n, out);
}

void write_back(Context& c) {
  for (uint64_t page : c.memory().take_stored_pages()) {
    const auto it = std::prev(c.memory().mappings().upper_bound(page));
    const FileView v = it->second.view;
    const uint64_t at = page - it->first;
    std::string bytes(at < v.bytes ? std::min(kPage, v.bytes - at) : 0, '\0');
    uint64_t end = 0;
    if (bytes.empty() || !c.memory().peek(page, bytes.data(), bytes.size())) continue;
    const OpenFile& f = c.s.files.at(v.file);
    if (f.is<ScratchFile>()) {
      scratch_write(c, f.node(), v.offset + at, false, bytes, end);
      continue;
    }
    // What --max-file-output cuts is tried again, and then ends the run with its line.
    for (uint64_t done = 0; done < bytes.size();) {
      const Result n = host_write(c, f, v.offset + at + done, false, bytes.substr(done), end);
      if (!n || n == kOk) break;
      done += static_cast<uint64_t>(n.value());
    }
  }
}

}  // namespace deferscope::emu::posix
