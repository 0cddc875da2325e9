// mmap and its relatives.
#include <algorithm>

#include "emu/linux/call.h"
#include "emu/linux/host_files.h"
#include "emu/linux/scratch.h"

namespace deferscope::emu::linux_ {
namespace {

constexpr uint64_t kShared = 1, kPrivate = 2, kTypeMask = 0xf, kFixed = 0x10, kAnonymous = 0x20, kNoReserve = 0x4000,
                   kFixedNoReplace = 0x100000;
constexpr uint64_t kMinAddress = 0x10000;  // vm.mmap_min_addr

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

// The hint if the place is free, else the highest free place below the stack.
uint64_t choose_place(State& s, const Memory& memory, uint64_t hint, uint64_t length) {
  hint = page_of(hint);
  if (hint >= kMinAddress && in_user_space(s, hint, length) && !memory.any_mapped(hint, length)) return hint;
  const uint64_t at = memory.find_free_down(length, kMinAddress, s.mmap_top);
  return at ? at : memory.find_free(length, kMinAddress, task_size(s));
}

// What stands behind a private mapping of a file: its bytes, taken once.
int64_t file_backing(Call& c, OpenFile& f, uint64_t offset, uint64_t length, Backing& out) {
  std::string bytes;
  if (f.kind == FileKind::Zero) return 0;
  if (f.kind == FileKind::Text) {
    bytes = f.content.substr(std::min<uint64_t>(offset, f.content.size()), length);
  } else if (f.kind == FileKind::Scratch) {
    scratch_read(c.s, f.node, offset, length, bytes);
  } else if (f.kind == FileKind::Host) {
    if (const int64_t e = host_read_all(c, f, offset, length, bytes); e < 0) return e;
  } else {
    return -err::NODEV;
  }
  auto owner = std::make_shared<std::vector<uint8_t>>(bytes.begin(), bytes.end());
  out = Backing{owner, *owner};
  return 0;
}

}  // namespace

int64_t sys_mmap(Call& c) {
  const auto [address, raw_length, prot, flags, fd, offset] = c.a;
  const uint64_t length = page_up(raw_length), type = flags & kTypeMask;
  if (raw_length == 0 || offset % kPage != 0 || type == 0 || type > 3) return -err::INVAL;
  if (length < raw_length || length > task_size(c.s)) return -err::NOMEM;
  if (type == kPrivate && !(flags & kNoReserve) && overcommits(c.s, prot, length)) return -err::NOMEM;
  Backing backing;
  std::string name;
  if (!(flags & kAnonymous)) {
    OpenFile* f = file_of(c.s, static_cast<int>(fd));
    if (!f || (f->flags & open_flag::PATH)) return -err::BADF;
    if ((f->flags & open_flag::ACCMODE) == open_flag::WRONLY) return -err::ACCES;
    if (type == kShared && (prot & kWrite) && f->kind != FileKind::Zero) return -err::NODEV;  // nothing writes back
    name = f->path;
    if (const int64_t e = file_backing(c, *f, offset, raw_length, backing); e < 0) return e;
  }
  uint64_t at = address;
  if (flags & (kFixed | kFixedNoReplace)) {
    if (address % kPage != 0) return -err::INVAL;
    if (!in_user_space(c.s, address, length)) return -err::NOMEM;
    if (address < kMinAddress) return -err::PERM;
    if ((flags & kFixedNoReplace) && c.memory().any_mapped(address, length)) return -err::EXIST;
  } else {
    at = choose_place(c.s, c.memory(), address, length);
    if (at == 0) return -err::NOMEM;
  }
  c.memory().map(at, length, guest_prot(prot), std::move(backing), std::move(name));
  return static_cast<int64_t>(at);
}

int64_t sys_munmap(Call& c) {
  const uint64_t length = page_up(c.a[1]);
  if (c.a[0] % kPage != 0 || length == 0 || !in_user_space(c.s, c.a[0], length)) return -err::INVAL;
  c.memory().unmap(c.a[0], length);
  return 0;
}

int64_t sys_mprotect(Call& c) {
  const uint64_t length = page_up(c.a[1]);
  if (c.a[0] % kPage != 0) return -err::INVAL;
  if (length == 0) return c.a[1] == 0 ? 0 : -err::NOMEM;
  if (!in_user_space(c.s, c.a[0], length)) return -err::NOMEM;
  if (overcommits(c.s, c.a[2], length)) return -err::NOMEM;
  return c.memory().protect(c.a[0], length, guest_prot(c.a[2])) ? 0 : -err::NOMEM;
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

int64_t sys_madvise(Call& c) {
  const uint64_t advice = c.a[2], length = page_up(c.a[1]);
  if (c.a[0] % kPage != 0 || length < c.a[1] || !known_advice(advice)) return -err::INVAL;
  if (length == 0) return 0;
  if (!c.memory().is_mapped(c.a[0], length)) return -err::NOMEM;
  if (advice == kDontNeed) c.memory().discard(c.a[0], length);
  return 0;
}

namespace {

// Moves [old, old+n) to `to`: bytes, permissions and names; page by page, so that untouched pages stay untouched.
void move_pages(Memory& memory, uint64_t old, uint64_t n, uint64_t to, uint64_t new_length) {
  auto it = std::prev(memory.mappings().upper_bound(old));
  const uint8_t prot = it->second.prot;
  const std::string name = it->second.name;
  memory.map(to, new_length, prot, {}, name);
  std::vector<uint8_t> page(kPage);
  for (uint64_t done = 0; done < n; done += kPage) {
    memory.peek(old + done, page.data(), kPage);
    if (std::any_of(page.begin(), page.end(), [](uint8_t b) { return b != 0; }))
      memory.poke(to + done, page.data(), kPage);
  }
  memory.unmap(old, n);
}

}  // namespace

int64_t sys_mremap(Call& c) {
  constexpr uint64_t kMayMove = 1, kFixedPlace = 2;
  const uint64_t old = c.a[0], old_length = page_up(c.a[1]), length = page_up(c.a[2]), flags = c.a[3];
  if (old % kPage != 0 || length == 0 || (flags & ~uint64_t{3}) || ((flags & kFixedPlace) && !(flags & kMayMove)))
    return -err::INVAL;
  if (old_length == 0 || !c.memory().is_mapped(old, old_length)) return -err::FAULT;
  uint64_t to = c.a[4];
  if (!(flags & kFixedPlace)) {
    if (length <= old_length) {
      c.memory().unmap(old + length, old_length - length);
      return static_cast<int64_t>(old);
    }
    if (!c.memory().any_mapped(old + old_length, length - old_length) && in_user_space(c.s, old, length)) {
      auto it = std::prev(c.memory().mappings().upper_bound(old + old_length - 1));
      const uint8_t prot = it->second.prot;
      const std::string name = it->second.name;
      c.memory().map(old + old_length, length - old_length, prot, {}, name);
      return static_cast<int64_t>(old);
    }
    if (!(flags & kMayMove)) return -err::NOMEM;
    to = choose_place(c.s, c.memory(), 0, length);
    if (to == 0) return -err::NOMEM;
  } else if (to % kPage != 0 || !in_user_space(c.s, to, length) || (to < old + old_length && old < to + length)) {
    return -err::INVAL;
  }
  move_pages(c.memory(), old, std::min(old_length, length), to, length);
  if (length < old_length) c.memory().unmap(old + length, old_length - length);
  return static_cast<int64_t>(to);
}

int64_t sys_brk(Call& c) {
  State& s = c.s;
  const uint64_t want = c.a[0];
  const uint64_t now = page_up(s.brk_end), then = page_up(want);
  if (want < s.brk_start || want > s.stack_low) return static_cast<int64_t>(s.brk_end);
  if (then > now) {
    if (c.memory().any_mapped(now, then - now)) return static_cast<int64_t>(s.brk_end);
    c.memory().map(now, then - now, kRead | kWrite, {}, "[heap]");
  } else if (then < now) {
    c.memory().unmap(then, now - then);
  }
  s.brk_end = want;
  return static_cast<int64_t>(want);
}

int64_t sys_mincore(Call& c) {
  const uint64_t length = page_up(c.a[1]);
  if (c.a[0] % kPage != 0) return -err::INVAL;
  if (!in_user_space(c.s, c.a[0], length) || !c.memory().is_mapped(c.a[0], length)) return -err::NOMEM;
  const std::vector<uint8_t> all(std::min<uint64_t>(length / kPage, 1 << 20), 1);  // nothing is ever swapped out
  return c.memory().write(c.a[2], all.data(), all.size()) ? 0 : -err::FAULT;
}

int64_t sys_mlock(Call& c) { return c.memory().is_mapped(c.a[0], c.a[1]) ? 0 : -err::NOMEM; }

int64_t sys_msync(Call& c) {
  if (c.a[0] % kPage != 0) return -err::INVAL;
  return c.memory().is_mapped(c.a[0], c.a[1]) ? 0 : -err::NOMEM;
}

}  // namespace deferscope::emu::linux_
