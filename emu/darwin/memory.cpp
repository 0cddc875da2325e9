// mmap and its relatives. Pages are 16 KiB on arm64.
#include <algorithm>
#include <string>

#include "emu/darwin/call.h"
#include "emu/posix/file_maps.h"
#include "emu/posix/files.h"
#include "emu/posix/mappings.h"

namespace deferscope::emu::darwin {
namespace {

constexpr size_t kMaxMappings = 65530;

uint8_t guest_prot(uint32_t prot) { return static_cast<uint8_t>(prot & (kRead | kWrite | kExec)); }

// Programs may map there: not in the area of host calls.
bool usable(const State& s, uint64_t address, uint64_t length) {
  const Layout& l = layout_of(s);
  if (length > l.highest || address > l.highest - length) return false;
  return address + length <= l.calls || address >= l.calls_end;
}

bool may_split(const Memory& memory, uint64_t begin, uint64_t length, size_t more) {
  return posix::may_split(memory, begin, length, more, kMaxMappings);
}

}  // namespace

// The kernel looks upwards from the hint, then from the lowest place (osfmk/vm/vm_map.c).
uint64_t choose_place(State& s, const Memory& memory, uint64_t hint, uint64_t length) {
  const Layout& l = layout_of(s);
  hint = s.page_of(hint);
  for (uint64_t from : {std::max(hint, s.mmap_base), s.mmap_base}) {
    const FreeSearch& k = s.searched;
    const uint64_t begin = k.from == from && length >= k.length ? std::max(from, k.at) : from;
    uint64_t at = begin < l.calls ? memory.find_free(length, begin, l.calls, s.page()) : 0;
    if (at == 0) at = memory.find_free(length, std::max(begin, l.calls_end), l.highest, s.page());
    if (at == 0) continue;
    s.searched = {from, length, at};
    return at;
  }
  return 0;
}

void unmap_place(State& s, Memory& memory, uint64_t address, uint64_t length) {
  memory.unmap(address, length);
  s.searched = {};
}

namespace {

struct MapArgs {
  uint64_t address, length;
  uint32_t prot, flags;
  int fd;
  uint64_t offset;
  bool shared() const { return (flags & map_flag::SHARED) != 0; }
  bool anonymous() const { return (flags & map_flag::ANON) != 0; }
};

Result check_map(Call& c, const MapArgs& m, uint64_t raw_length) {
  State& s = c.s;
  if (raw_length == 0 || m.offset % s.page() != 0) return Error::INVAL;
  if (m.shared() == ((m.flags & map_flag::PRIVATE) != 0)) return Error::INVAL;
  if (m.length < raw_length || m.length > layout_of(s).highest) return Error::NOMEM;
  if ((m.prot & kWrite) && !m.shared() && m.anonymous() && m.length > s.options->max_memory) return Error::NOMEM;
  const bool fixed = m.flags & map_flag::FIXED;
  if (fixed && m.address % s.page() != 0) return Error::INVAL;
  if (fixed && (m.address == 0 || !usable(s, m.address, m.length))) return Error::NOMEM;
  if (!may_split(c.memory(), m.address, fixed ? m.length : 0, 1)) return Error::NOMEM;
  if (m.anonymous()) return 0;
  const OpenFile* f = file_of(s, m.fd);
  if (!f || f->name_only) return Error::BADF;
  if (f->access == Access::Write) return Error::ACCES;
  return m.shared() && (m.prot & kWrite) && f->access != Access::ReadWrite ? Error::ACCES : kOk;
}

}  // namespace

Result imp_mmap(Call& c) {
  State& s = c.s;
  const MapArgs m{c.a[0], s.page_up(c.a[1]), c.u32(2), c.u32(3), c.i32(4), c.u32(3) & map_flag::ANON ? 0 : c.a[5]};
  if (const Result e = check_map(c, m, c.a[1]); !e) return e;
  uint64_t at = m.address;
  if (!(m.flags & map_flag::FIXED)) at = choose_place(s, c.memory(), m.address, m.length);
  if (at == 0) return Error::NOMEM;
  Backing backing;
  MappingName name;
  FileView view;
  if (!m.anonymous())
    if (const Result e = map_file(c, s.fds.at(m.fd).file, m.offset, m.length, m.shared(), backing, name, view); !e)
      return e;
  c.memory().map(at, m.length, guest_prot(m.prot), std::move(backing), std::move(name), view);
  settle_views(c);
  return static_cast<int64_t>(at);
}

Result imp_munmap(Call& c) {
  const uint64_t length = c.s.page_up(c.a[1]);
  if (c.a[0] % c.s.page() != 0 || length == 0 || !usable(c.s, c.a[0], length)) return Error::INVAL;
  if (!may_split(c.memory(), c.a[0], length, 0)) return Error::NOMEM;
  unmap_place(c.s, c.memory(), c.a[0], length);
  // A look at all mappings now and then, not each time.
  if (!c.s.mapped_files.empty() && ++c.s.unmaps > c.memory().mappings().size() / 64)
    drop_unmapped_files(c.s, c.memory());
  settle_views(c);
  return 0;
}

Result imp_mprotect(Call& c) {
  const uint64_t length = c.s.page_up(c.a[1]);
  if (c.a[0] % c.s.page() != 0) return Error::INVAL;
  if (length == 0) return 0;
  if (!usable(c.s, c.a[0], length) || !may_split(c.memory(), c.a[0], length, 0)) return Error::NOMEM;
  if ((c.u32(2) & kWrite) && shows_read_only(c.memory(), c.a[0], length)) return Error::ACCES;
  return c.memory().protect(c.a[0], length, guest_prot(c.u32(2))) ? kOk : Error::NOMEM;
}

// Darwin's DONTNEED is a hint that keeps what is in the pages; what FREE and FREE_REUSABLE give back reads as zeros.
Result imp_madvise(Call& c) {
  constexpr uint32_t kFree = 5, kFreeReusable = 7, kHighest = 12;  // MADV_…
  const uint32_t advice = c.u32(2);
  const uint64_t length = c.s.page_up(c.a[1]);
  if (c.a[0] % c.s.page() != 0 || length < c.a[1] || advice > kHighest) return Error::INVAL;
  if (length == 0) return 0;
  if (!c.memory().is_mapped(c.a[0], length)) return Error::NOMEM;
  return advice == kFree || advice == kFreeReusable ? dont_need(c, c.a[0], length) : kOk;
}

Result imp_mlock(Call& c) { return c.memory().is_mapped(c.a[0], c.a[1]) ? kOk : Error::NOMEM; }

// The stores have gone to the file already, as at every call (write_back).
Result imp_msync(Call& c) { return c.memory().is_mapped(c.a[0], c.a[1]) ? kOk : Error::NOMEM; }

Result imp_mincore(Call& c) {
  constexpr uint8_t kInCore = 1;
  const uint64_t length = c.s.page_up(c.a[1]);
  if (c.a[0] % c.s.page() != 0) return Error::INVAL;
  if (!usable(c.s, c.a[0], length) || !c.memory().is_mapped(c.a[0], length)) return Error::NOMEM;
  for (uint64_t i = 0; i < length / c.s.page(); ++i) {
    if (i % 4096 == 0) c.host.work(1);
    if (!c.put(c.a[2] + i, kInCore)) return Error::FAULT;
  }
  return 0;
}

// --- the Mach view of it, for profiles ---

namespace {

// The mapping at or above an address; nullptr: none.
const std::pair<const uint64_t, Mapping>* mapping_from(const Memory& memory, uint64_t address) {
  const auto& maps = memory.mappings();
  auto it = maps.upper_bound(address);
  if (it != maps.begin() && std::prev(it)->second.end > address) --it;
  return it == maps.end() ? nullptr : &*it;
}

}  // namespace

// mach_vm_region(task, &address, &size, VM_REGION_BASIC_INFO_64, info, &count, &object): a kern_return_t.
Result imp_mach_vm_region(Call& c) {
  constexpr int64_t kInvalidAddress = 1, kInvalidArgument = 4;
  constexpr int kBasicInfo64 = 9;
  struct BasicInfo64 {  // struct vm_region_basic_info_64, packed to 4
    int32_t protection, max_protection;
    uint32_t inheritance;
    int32_t shared, reserved;
    uint32_t offset[2];
    int32_t behavior;
    uint16_t wired, pad;
  } info{};
  uint64_t address = 0;
  if (c.i32(3) != kBasicInfo64 || !c.get(c.a[1], address)) return kInvalidArgument;
  const auto* found = mapping_from(c.memory(), address);
  if (!found) return kInvalidAddress;
  const Mapping& m = found->second;
  info.protection = m.prot & (kRead | kWrite | kExec);
  info.max_protection = kRead | kWrite | kExec;
  info.inheritance = 1;
  info.shared = m.view.shared;
  info.offset[0] = static_cast<uint32_t>(m.view.offset);
  info.offset[1] = static_cast<uint32_t>(m.view.offset >> 32);
  const uint32_t count = sizeof info / 4;
  const bool ok = c.put(c.a[1], found->first) && c.put(c.a[2], m.end - found->first) && c.put(c.a[4], info) &&
                  c.put(c.a[5], count) && c.put(c.seventh(), uint32_t{0});
  return ok ? 0 : kInvalidArgument;
}

// proc_regionfilename(pid, address, buffer, size): how long the name is.
Result imp_proc_regionfilename(Call& c) {
  const auto* found = mapping_from(c.memory(), c.a[1]);
  if (!found || found->second.name.empty() || found->second.name.text()[0] != '/') return 0;
  const std::string& name = found->second.name.text();
  const uint64_t n = std::min<uint64_t>(name.size() + 1, c.u32(3));
  return c.memory().write(c.a[2], name.c_str(), n) ? Result(static_cast<int64_t>(name.size())) : Error::FAULT;
}

}  // namespace deferscope::emu::darwin
