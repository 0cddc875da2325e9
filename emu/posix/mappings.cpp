// Private mappings of files, and changes to mappings: what is the same whatever the system's flags are called.
#include "emu/posix/mappings.h"

#include <algorithm>
#include <set>

#include "emu/posix/file_maps.h"

namespace deferscope::emu::posix {
namespace {

Result read_part(Context& c, const OpenFile& f, uint64_t offset, uint64_t n, std::string& out) {
  if (const auto* t = f.as<TextFile>())
    return out = t->content.substr(std::min<uint64_t>(offset, t->content.size()), n), 0;
  return file_bytes(c, f, offset, n, out);
}

constexpr uint64_t file_cost(const std::string& path) { return 256 + 2 * path.size(); }

}  // namespace

void drop_unmapped_files(State& s, const Memory& memory) {
  std::set<const void*> used;
  for (const auto& [start, m] : memory.mappings())
    if (m.backing.owner) used.insert(m.backing.owner.get());
  std::erase_if(s.mapped_files, [&](const MappedFile& f) {
    const bool unused = used.count(f.bytes.get()) == 0;
    if (unused) s.holdings.give_back(f.bytes->size() + file_cost(f.path));
    return unused;
  });
  s.unmaps = 0;
}

namespace {

// Room for file bytes; what is not mapped any more gives up its own.
bool take_for_file(Context& c, uint64_t bytes) {
  if (c.s.holdings.take(bytes)) return true;
  drop_unmapped_files(c.s, c.memory());
  return c.s.holdings.take(bytes);
}

// As much as is there of [offset, offset + n) of a file, whose first bytes are known already. Takes room for it piece
// by piece: a file larger than --memory is refused before it is read whole.
Result read_whole(Context& c, const OpenFile& f, uint64_t offset, uint64_t n, std::vector<uint8_t>& bytes) {
  constexpr uint64_t kPart = 1 << 20;
  while (bytes.size() < n) {
    std::string part;
    const uint64_t ask = std::min(n - bytes.size(), kPart);
    if (!take_for_file(c, ask)) return Error::NOMEM;
    c.host.work(ask / kPage);
    const Result e = read_part(c, f, offset + bytes.size(), ask, part);
    c.s.holdings.give_back(ask - part.size());
    if (!e) return e;
    if (part.empty()) break;
    bytes.insert(bytes.end(), part.begin(), part.end());
  }
  return 0;
}

// The mapped bytes that the file still has: none of them is copied again.
Result find_mapped(Context& c, const OpenFile& f, uint64_t offset, uint64_t n, const MappedFile*& found) {
  constexpr uint64_t kPart = 1 << 20;
  found = nullptr;
  for (const MappedFile& have : c.s.mapped_files) {
    if (have.node != f.node() || have.offset != offset || have.asked != n || have.path != f.path) continue;
    uint64_t same = 0;
    while (same <= have.bytes->size()) {
      std::string part;
      const uint64_t ask = std::min(n - same, kPart);
      c.host.work(ask / kPage);
      if (ask > 0)
        if (const Result e = read_part(c, f, offset + same, ask, part); !e) return e;
      if (part.size() > have.bytes->size() - same ||
          !std::equal(part.begin(), part.end(), have.bytes->begin() + static_cast<std::ptrdiff_t>(same)))
        break;
      same += part.size();
      if (part.empty()) {
        if (same == have.bytes->size()) found = &have;
        break;
      }
    }
    if (found) return 0;
  }
  return 0;
}

// Snapshots share them: the budget of going back sees them as long as one does.
std::shared_ptr<const std::vector<uint8_t>> counted(std::shared_ptr<std::vector<uint8_t>> bytes) {
  count_shared_bytes(static_cast<int64_t>(bytes->size()));
  const std::vector<uint8_t>* view = bytes.get();
  return {view, [bytes](const std::vector<uint8_t>* v) { count_shared_bytes(-static_cast<int64_t>(v->size())); }};
}

// What stands behind a private mapping of a file: its bytes, taken once, and once for all mappings that see the same.
Result file_backing(Context& c, const OpenFile& f, uint64_t offset, uint64_t length, Backing& out, MappingName& name) {
  if (f.is<ZeroDevice>()) return name = f.path, 0;
  if (!f.is<TextFile, ScratchFile, HostFile>()) return Error::NODEV;
  const MappedFile* have = nullptr;
  if (const Result e = find_mapped(c, f, offset, length, have); !e) return e;
  if (!have) {
    if (!take_for_file(c, file_cost(f.path))) return Error::NOMEM;
    auto bytes = std::make_shared<std::vector<uint8_t>>();
    if (const Result e = read_whole(c, f, offset, length, *bytes); !e) {
      c.s.holdings.give_back(bytes->size() + file_cost(f.path));
      return e;
    }
    bytes->shrink_to_fit();
    have =
        &c.s.mapped_files.emplace_back(MappedFile{f.path, f.node(), offset, length, counted(std::move(bytes)), f.path});
  }
  name = have->name;
  out = Backing{have->bytes, *have->bytes};
  return 0;
}

}  // namespace

Result whole_file(Context& c, const OpenFile& f, uint64_t most, std::vector<uint8_t>& bytes) {
  if (!f.is<TextFile, ScratchFile, HostFile>()) return Error::NODEV;
  return read_whole(c, f, 0, most, bytes);
}

Result map_file(Context& c, int file, uint64_t offset, uint64_t length, bool shared, Backing& out, MappingName& name,
                FileView& view) {
  const OpenFile& f = c.s.files.at(file);
  if (const Result e = file_backing(c, f, offset, length, out, name); !e) return e;
  return f.is<ScratchFile, HostFile>() ? view_of(c, file, offset, shared, view) : kOk;
}

bool shows_read_only(const Memory& memory, uint64_t address, uint64_t length) {
  const auto& maps = memory.mappings();
  auto it = maps.upper_bound(address);
  if (it != maps.begin() && std::prev(it)->second.end > address) --it;
  for (; it != maps.end() && it->first < address + length; ++it)
    if (it->second.view.shared && !it->second.view.may_write) return true;
  return false;
}

Result dont_need(Context& c, uint64_t address, uint64_t length) {
  struct Part {
    uint64_t address, length;
    FileView view;
  };
  std::vector<Part> parts;
  const auto& maps = c.memory().mappings();
  for (auto it = std::prev(maps.upper_bound(address)); it != maps.end() && it->first < address + length; ++it) {
    const uint64_t from = std::max(address, it->first), to = std::min(address + length, it->second.end);
    parts.push_back({from, to - from, it->second.view});
    parts.back().view.offset += from - it->first;
  }
  for (const Part& p : parts) {
    if (p.view.shared) continue;
    c.memory().discard(p.address, p.length);
    if (!p.view.file) continue;
    std::string bytes;
    for (uint64_t done = 0; done < p.length; done += bytes.size()) {
      const uint64_t n = std::min<uint64_t>(p.length - done, 1 << 20);
      c.host.work(n / kPage);
      if (!file_bytes(c, c.s.files.at(p.view.file), p.view.offset + done, n, bytes)) return Error::IO;
      if (bytes.empty()) break;
      c.memory().poke(p.address + done, bytes.data(), bytes.size());
    }
  }
  return 0;
}

bool may_split(const Memory& memory, uint64_t begin, uint64_t length, size_t more, size_t most) {
  const auto& maps = memory.mappings();
  if (maps.size() + more + 2 <= most) return true;
  const auto cuts = [&](uint64_t at) {
    auto it = maps.upper_bound(at);
    return it != maps.begin() && std::prev(it)->first != at && std::prev(it)->second.end > at;
  };
  return maps.size() + more + cuts(begin) + cuts(begin + length) <= most;
}

}  // namespace deferscope::emu::posix
