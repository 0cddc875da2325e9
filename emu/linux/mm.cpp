// mmap and its relatives.
#include <algorithm>
#include <set>

#include "emu/linux/call.h"
#include "emu/linux/loaded.h"
#include "emu/posix/file_maps.h"
#include "emu/posix/files.h"
#include "emu/posix/mappings.h"

namespace deferscope::emu::linux_ {
namespace {

constexpr uint64_t kShared = 1, kPrivate = 2, kTypeMask = 0xf, kFixed = 0x10, kAnonymous = 0x20, kNoReserve = 0x4000,
                   kFixedNoReplace = 0x100000;
constexpr uint64_t kMinAddress = 0x10000;  // vm.mmap_min_addr
constexpr size_t kMaxMappings = 65530;     // vm.max_map_count

uint64_t task_size(const State& s) { return s.stack_high; }

bool in_user_space(const State& s, uint64_t address, uint64_t length) {
  return length <= task_size(s) && address <= task_size(s) - length;
}

// Linux refuses "obvious overcommits" (vm.overcommit_memory 0): one private writable range larger than the machine.
// Ours has --memory.
bool overcommits(const State& s, uint64_t prot, uint64_t length) {
  return (prot & kWrite) && length > s.options->max_memory;
}

uint8_t guest_prot(uint64_t prot) { return static_cast<uint8_t>(prot & (kRead | kWrite | kExec)); }

// Whether a change of [begin, begin + length), which adds at most `more` mappings, leaves few enough of them.
bool may_split(const Memory& memory, uint64_t begin, uint64_t length, size_t more) {
  return posix::may_split(memory, begin, length, more, kMaxMappings);
}

// The hint if the place is free, else the highest free place below the stack.
uint64_t choose_place(State& s, const Memory& memory, uint64_t hint, uint64_t length) {
  hint = page_of(hint);
  if (hint >= kMinAddress && in_user_space(s, hint, length) && !memory.any_mapped(hint, length)) return hint;
  const uint64_t at = memory.find_free_down(length, kMinAddress, s.mmap_top);
  return at ? at : memory.find_free(length, kMinAddress, task_size(s));
}

}  // namespace

Result sys_mmap(Call& c) {
  const auto [address, raw_length, prot, flags, fd, offset] = c.a;
  const uint64_t length = page_up(raw_length), type = flags & kTypeMask;
  if (raw_length == 0 || offset % kPage != 0 || type == 0 || type > 3) return Error::INVAL;
  if (length < raw_length || length > task_size(c.s)) return Error::NOMEM;
  if (type == kPrivate && !(flags & kNoReserve) && overcommits(c.s, prot, length)) return Error::NOMEM;
  Backing backing;
  MappingName name;
  FileView view;
  const OpenFile* f = nullptr;
  if (!may_split(c.memory(), address, flags & (kFixed | kFixedNoReplace) ? length : 0, 1)) return Error::NOMEM;
  if (!(flags & kAnonymous)) {
    f = file_of(c.s, static_cast<int>(fd));
    if (!f || f->name_only) return Error::BADF;
    if (f->access == Access::Write) return Error::ACCES;
    if (type != kPrivate && (prot & kWrite) && f->access != Access::ReadWrite) return Error::ACCES;
  }
  uint64_t at = address;
  if (flags & (kFixed | kFixedNoReplace)) {
    if (address % kPage != 0) return Error::INVAL;
    if (!in_user_space(c.s, address, length)) return Error::NOMEM;
    if (address < kMinAddress) return Error::PERM;
    if ((flags & kFixedNoReplace) && c.memory().any_mapped(address, length)) return Error::EXIST;
  } else {
    at = choose_place(c.s, c.memory(), address, length);
    if (at == 0) return Error::NOMEM;
  }
  if (f)
    if (const Result e =
            map_file(c, c.s.fds.at(static_cast<int>(fd)).file, offset, length, type != kPrivate, backing, name, view);
        !e)
      return e;
  if (f && (prot & kExec))
    if (const Result e = note_code(c, *f, at, offset); !e) return e;
  c.memory().map(at, length, guest_prot(prot), std::move(backing), std::move(name), view);
  settle_views(c);
  return static_cast<int64_t>(at);
}

Result sys_munmap(Call& c) {
  const uint64_t length = page_up(c.a[1]);
  if (c.a[0] % kPage != 0 || length == 0 || !in_user_space(c.s, c.a[0], length)) return Error::INVAL;
  if (!may_split(c.memory(), c.a[0], length, 0)) return Error::NOMEM;
  c.memory().unmap(c.a[0], length);
  // A look at all mappings now and then, not each time.
  if (!c.s.mapped_files.empty() && ++c.s.unmaps > c.memory().mappings().size() / 64)
    drop_unmapped_files(c.s, c.memory());
  settle_views(c);
  return 0;
}

Result sys_mprotect(Call& c) {
  const uint64_t length = page_up(c.a[1]);
  if (c.a[0] % kPage != 0) return Error::INVAL;
  if (length == 0) return c.a[1] == 0 ? kOk : Error::NOMEM;
  if (!in_user_space(c.s, c.a[0], length)) return Error::NOMEM;
  if (overcommits(c.s, c.a[2], length)) return Error::NOMEM;
  if (!may_split(c.memory(), c.a[0], length, 0)) return Error::NOMEM;
  if ((c.a[2] & kWrite) && shows_read_only(c.memory(), c.a[0], length)) return Error::ACCES;
  return c.memory().protect(c.a[0], length, guest_prot(c.a[2])) ? kOk : Error::NOMEM;
}

namespace {

// MADV_… that Linux 6.1 knows. All but DONTNEED are hints that change nothing a program could see here.
constexpr uint64_t kDontNeed = 4;
bool known_advice(uint64_t advice) {
  constexpr std::pair<uint64_t, uint64_t> kRanges[] = {{0, 4}, {8, 23}, {25, 25}};
  return std::any_of(std::begin(kRanges), std::end(kRanges),
                     [&](const auto& r) { return advice >= r.first && advice <= r.second; });
}

}  // namespace

Result sys_madvise(Call& c) {
  const uint64_t advice = c.a[2], length = page_up(c.a[1]);
  if (c.a[0] % kPage != 0 || length < c.a[1] || !known_advice(advice)) return Error::INVAL;
  if (length == 0) return 0;
  if (!c.memory().is_mapped(c.a[0], length)) return Error::NOMEM;
  return advice == kDontNeed ? dont_need(c, c.a[0], length) : 0;
}

namespace {

// Maps [address, address + length) as the mapping that ends there goes on: of a file its further part, else zeros.
Result extend(Call& c, uint64_t address, uint64_t length) {
  const auto it = std::prev(c.memory().mappings().upper_bound(address - 1));
  const Mapping like = it->second;
  Backing backing;
  MappingName name = like.name;
  FileView view;
  if (like.view.file)
    if (const Result e = map_file(c, like.view.file, like.view.offset + (address - it->first), length, like.view.shared,
                                  backing, name, view);
        !e)
      return e;
  c.memory().map(address, length, like.prot, std::move(backing), std::move(name), view);
  return 0;
}

}  // namespace

Result sys_mremap(Call& c) {
  constexpr uint64_t kMayMove = 1, kFixedPlace = 2;
  const uint64_t old = c.a[0], old_length = page_up(c.a[1]), length = page_up(c.a[2]), flags = c.a[3];
  if (old % kPage != 0 || length == 0 || (flags & ~uint64_t{3}) || ((flags & kFixedPlace) && !(flags & kMayMove)))
    return Error::INVAL;
  if (old_length < c.a[1] || length < c.a[2]) return Error::INVAL;
  if (old_length == 0 || !c.memory().is_mapped(old, old_length)) return Error::FAULT;
  const auto one_mapping = [&](uint64_t n) {
    return std::prev(c.memory().mappings().upper_bound(old))->second.end >= old + n;
  };
  uint64_t to = c.a[4];
  if (!(flags & kFixedPlace)) {
    if (length <= old_length) {
      if (!may_split(c.memory(), old + length, old_length - length, 0)) return Error::NOMEM;
      c.memory().unmap(old + length, old_length - length);
      settle_views(c);
      return static_cast<int64_t>(old);
    }
    if (!one_mapping(old_length)) return Error::FAULT;
    if (!may_split(c.memory(), old, old_length, 1)) return Error::NOMEM;
    if (!c.memory().any_mapped(old + old_length, length - old_length) && in_user_space(c.s, old, length)) {
      const Result e = extend(c, old + old_length, length - old_length);
      return !e ? e : Result(static_cast<int64_t>(old));
    }
    if (!(flags & kMayMove)) return Error::NOMEM;
    to = choose_place(c.s, c.memory(), 0, length);
    if (to == 0) return Error::NOMEM;
  } else if (to % kPage != 0 || !in_user_space(c.s, to, length) || (to < old + old_length && old < to + length)) {
    return Error::INVAL;
  }
  if (!one_mapping(std::min(old_length, length))) return Error::FAULT;
  if (!may_split(c.memory(), old, old_length, 2)) return Error::NOMEM;
  if (length < old_length) c.memory().unmap(old + length, old_length - length);
  const uint64_t kept = std::min(old_length, length);
  c.memory().move(old, kept, to, kept);
  settle_views(c);
  if (length == kept) return static_cast<int64_t>(to);
  c.memory().unmap(to + kept, length - kept);
  const Result e = extend(c, to + kept, length - kept);
  return !e ? e : Result(static_cast<int64_t>(to));
}

Result sys_brk(Call& c) {
  State& s = c.s;
  const uint64_t want = c.a[0];
  const uint64_t now = page_up(s.brk_end), then = page_up(want);
  if (want < s.brk_start || want > s.stack_low) return static_cast<int64_t>(s.brk_end);
  if (then > now) {
    if (c.memory().any_mapped(now, then - now) || !may_split(c.memory(), now, 0, 1))
      return static_cast<int64_t>(s.brk_end);
    c.memory().map(now, then - now, kRead | kWrite, {}, "[heap]");
  } else if (then < now) {
    c.memory().unmap(then, now - then);
  }
  s.brk_end = want;
  return static_cast<int64_t>(want);
}

Result sys_mincore(Call& c) {
  const uint64_t length = page_up(c.a[1]);
  if (c.a[0] % kPage != 0) return Error::INVAL;
  if (!in_user_space(c.s, c.a[0], length) || !c.memory().is_mapped(c.a[0], length)) return Error::NOMEM;
  const std::vector<uint8_t> present(kPage, 1);  // nothing is ever swapped out
  for (uint64_t done = 0, all = length / kPage; done < all; done += kPage) {
    c.host.work(1);
    if (!c.memory().write(c.a[2] + done, present.data(), std::min(kPage, all - done))) return Error::FAULT;
  }
  return 0;
}

Result sys_mlock(Call& c) { return c.memory().is_mapped(c.a[0], c.a[1]) ? kOk : Error::NOMEM; }

// The stores have gone to the file already, as at every call (write_back).
Result sys_msync(Call& c) {
  constexpr uint64_t kAsync = 1, kInvalidate = 2, kSync = 4;
  if (c.a[0] % kPage != 0 || (c.a[2] & ~(kAsync | kInvalidate | kSync))) return Error::INVAL;
  if ((c.a[2] & kAsync) && (c.a[2] & kSync)) return Error::INVAL;
  return c.memory().is_mapped(c.a[0], c.a[1]) ? kOk : Error::NOMEM;
}

}  // namespace deferscope::emu::linux_
