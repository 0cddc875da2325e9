// Guest memory: the interval map, the copy-on-write radix table of frames, checked access.
#include "emu/memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

#include "emu/error.h"
#include "emu/hash.h"

namespace deferscope::emu {
namespace detail {

// What one of each takes, the allocator's share included.
constexpr uint64_t kFrameCost = kPage + 64, kBackedFrameCost = 48, kNodeCost = 8256, kMappingCost = 208;

uint64_t live_bytes = 0;

// Pages that frames own, in large pieces of memory of their own: what a frame says lies close together, and a guest's
// large heap, walked in any order, takes few entries of the host's TLB. They are never given back, but used again.
class Pages {
 public:
  uint8_t* take() {
#ifdef __SANITIZE_ADDRESS__
    return new uint8_t[kPage];
#else
    if (Free* const page = free_) return free_ = page->next, reinterpret_cast<uint8_t*>(page);
    if (fresh_ == end_) grow();
    return std::exchange(fresh_, fresh_ + kPage);
#endif
  }
  void give(uint8_t* page) {
#ifdef __SANITIZE_ADDRESS__
    delete[] page;
#else
    free_ = new (page) Free{free_};
#endif
  }

 private:
  struct Free {
    Free* next;
  };
  static constexpr size_t kSmall = 64 << 10, kLarge = 2 << 20;  // bytes at once; kLarge: as x86-64 and arm64 have it
  static constexpr unsigned kSmallOnes = 128;                   // a small guest takes no huge page

  void grow() {
    const bool large = pieces_ >= kSmallOnes;
    const size_t size = large ? kLarge : kSmall, room = large ? 2 * kLarge : kSmall;
    void* const at = mmap(nullptr, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED) throw std::bad_alloc();
    auto begin = reinterpret_cast<uintptr_t>(at);
    if (large) {
      const uintptr_t aligned = (begin + kLarge - 1) & ~(kLarge - 1);
      if (aligned != begin) munmap(at, aligned - begin);
      if (begin != aligned || room > size)
        munmap(reinterpret_cast<void*>(aligned + kLarge), begin + room - aligned - kLarge);
      begin = aligned;
      madvise(reinterpret_cast<void*>(begin), kLarge, MADV_HUGEPAGE);
    }
    ++pieces_;
    fresh_ = reinterpret_cast<uint8_t*>(begin), end_ = fresh_ + size;
  }

  Free* free_ = nullptr;
  uint8_t *fresh_ = nullptr, *end_ = nullptr;  // never used so far
  unsigned pieces_ = 0;
};
Pages pages;

// A page's bytes: those of the mapping's backing as long as nobody writes to it, else its own.
struct Frame {
  const uint8_t* const bytes;
  uint32_t refs = 1;
  const bool own;
  explicit Frame(const uint8_t* backing) : bytes(backing), own(false) { live_bytes += cost(); }
  Frame() : bytes(pages.take()), own(true) { live_bytes += cost(); }
  ~Frame() {
    live_bytes -= cost();
    if (own) pages.give(page());
  }
  Frame(const Frame&) = delete;
  uint8_t* page() { return const_cast<uint8_t*>(bytes); }  // own
  uint64_t cost() const { return own ? kFrameCost : kBackedFrameCost; }
};

// Four levels of 512 entries translate address bits 47…12. The lowest level holds Frames, and beside each where its
// bytes are, so that what lies scattered is found without a look at its frame; kOnly: nobody shares it, and it may be
// written.
struct Node {
  static constexpr uintptr_t kOnly = 1;
  uint32_t refs = 1;
  uint32_t used = 0;  // entries that are not null
  void* child[512] = {};
  uintptr_t bytes[512] = {};
  void put(unsigned slot, Frame* f) {
    child[slot] = f;
    bytes[slot] = reinterpret_cast<uintptr_t>(f->bytes) | (f->own && f->refs == 1 ? kOnly : 0);
  }
  Node() { live_bytes += kNodeCost; }
  ~Node() { live_bytes -= kNodeCost; }
};

}  // namespace detail

namespace {

using detail::Frame;
using detail::kBackedFrameCost;
using detail::kFrameCost;
using detail::kMappingCost;
using detail::kNodeCost;
using detail::Node;

constexpr int kTop = 3;  // level of the root; level 0 holds frames
constexpr uint64_t kSpan = uint64_t{1} << 48;

unsigned slot_of(uint64_t address, int level) { return (address >> (12 + 9 * level)) & 511; }

alignas(64) const uint8_t kZeroPage[kPage] = {};

void release(void* entry, int level);

void release_node(Node* n, int level) {
  if (--n->refs != 0) return;
  for (void* c : n->child)
    if (c) release(c, level - 1);
  delete n;
}

// Releases an entry: a frame if `level` is -1, else a node of that level.
void release(void* entry, int level) {
  if (level >= 0) return release_node(static_cast<Node*>(entry), level);
  auto* f = static_cast<Frame*>(entry);
  if (--f->refs != 0) return;
  delete f;
}

// Makes `n` this value's own. The children become shared.
Node* own(Node*& n, int level) {
  if (n->refs == 1) return n;
  auto* copy = new Node;
  copy->used = n->used;
  std::memcpy(copy->child, n->child, sizeof(copy->child));
  if (level == 0) {
    for (uintptr_t& b : n->bytes) b &= ~Node::kOnly;
    std::memcpy(copy->bytes, n->bytes, sizeof(copy->bytes));
  }
  for (void* c : copy->child) {
    if (!c) continue;
    if (level == 0)
      ++static_cast<Frame*>(c)->refs;
    else
      ++static_cast<Node*>(c)->refs;
  }
  --n->refs;
  return n = copy;
}

const Frame* find_frame(const Node* root, uint64_t address) {
  if (address >= kSpan) return nullptr;
  const Node* n = root;
  for (int level = kTop; level > 0 && n; --level) n = static_cast<const Node*>(n->child[slot_of(address, level)]);
  return n ? static_cast<const Frame*>(n->child[slot_of(address, 0)]) : nullptr;
}

// Calls f(page, frame) for every frame below, in address order.
template <class F>
void walk(const Node* n, int level, uint64_t base, const F& f) {
  for (unsigned i = 0; i < 512; ++i) {
    if (!n->child[i]) continue;
    const uint64_t at = base | uint64_t{i} << (12 + 9 * level);
    if (level == 0)
      f(at, *static_cast<const Frame*>(n->child[i]));
    else
      walk(static_cast<const Node*>(n->child[i]), level - 1, at, f);
  }
}

struct Dropped {
  uint64_t frames = 0, written = 0, nodes = 0;
};

// Removes the frames of [begin, end) below `n`, which this value owns. Looks only at entries that are there.
void prune(Node* n, int level, uint64_t base, uint64_t begin, uint64_t end, Dropped& dropped) {
  const uint64_t span = uint64_t{1} << (12 + 9 * level);
  const unsigned first = begin > base ? static_cast<unsigned>(std::min<uint64_t>((begin - base) / span, 512)) : 0;
  for (unsigned i = first; i < 512 && n->used != 0; ++i) {
    const uint64_t at = base | uint64_t{i} * span;
    if (at >= end) break;
    if (!n->child[i]) continue;
    if (level == 0) {
      ++dropped.frames;
      dropped.written += static_cast<Frame*>(n->child[i])->own;
      release(n->child[i], -1);
    } else {
      Node* child = static_cast<Node*>(n->child[i]);
      own(child, level - 1);
      n->child[i] = child;
      prune(child, level - 1, at, begin, end, dropped);
      if (child->used != 0) continue;
      delete child;
      ++dropped.nodes;
    }
    n->child[i] = nullptr;
    n->bytes[i] = 0;
    --n->used;
  }
}

// Calls f(page, frame) for every frame in [begin, end), in address order.
template <class F>
void walk_range(const Node* n, int level, uint64_t base, uint64_t begin, uint64_t end, const F& f) {
  const uint64_t span = uint64_t{1} << (12 + 9 * level);
  for (unsigned i = begin > base ? static_cast<unsigned>(std::min<uint64_t>((begin - base) / span, 512)) : 0; i < 512;
       ++i) {
    const uint64_t at = base | uint64_t{i} * span;
    if (at >= end) break;
    if (!n->child[i]) continue;
    if (level == 0)
      f(at, static_cast<Frame*>(n->child[i]));
    else
      walk_range(static_cast<const Node*>(n->child[i]), level - 1, at, begin, end, f);
  }
}

}  // namespace

Memory::Memory() : last_(maps_.end()), root_(new Node) {}

Memory::Memory(const Memory& o)
    : byte_limit(o.byte_limit),
      maps_(o.maps_),
      last_(maps_.end()),
      root_(o.root_),
      frames_(o.frames_),
      written_frames_(o.written_frames_),
      nodes_(o.nodes_),
      others_(o.others_),
      stored_(o.stored_),
      own_pages_(o.own_pages_) {
  ++root_->refs;
  // The other's frames are shared from now on: its writes must copy first.
  const_cast<Memory&>(o).tlb_write.fill({});
}

Memory::Memory(Memory&& o) noexcept : Memory() { *this = std::move(o); }

Memory& Memory::operator=(const Memory& o) {
  if (this == &o) return *this;
  keep_equal_code(o);
  ++o.root_->refs;
  release_node(root_, kTop);
  root_ = o.root_;
  maps_ = o.maps_;
  stored_ = o.stored_;
  own_pages_ = o.own_pages_;
  last_ = maps_.end();
  frames_ = o.frames_;
  written_frames_ = o.written_frames_;
  nodes_ = o.nodes_;
  others_ = o.others_;
  gap_ = {};
  const_cast<Memory&>(o).tlb_write.fill({});
  flush_tlb();
  return *this;
}

// Blocks made from pages that are the same in both values stay good.
void Memory::keep_equal_code(const Memory& o) {
  for (auto it = code_pages_.begin(); it != code_pages_.end();) {
    const Mapping* there = o.find(*it);
    bool equal = there && (there->prot & kExec);
    if (equal && !same_frame(*this, o, *it)) {
      uint8_t mine[kPage], theirs[kPage];
      equal = peek(*it, mine, kPage) && o.peek(*it, theirs, kPage) && std::memcmp(mine, theirs, kPage) == 0;
    }
    if (equal) {
      ++it;
      continue;
    }
    dirty_code_.push_back(*it);
    it = code_pages_.erase(it);
  }
}

Memory& Memory::operator=(Memory&& o) noexcept {
  std::swap(root_, o.root_);
  std::swap(maps_, o.maps_);
  std::swap(frames_, o.frames_);
  std::swap(stored_, o.stored_);
  std::swap(own_pages_, o.own_pages_);
  std::swap(written_frames_, o.written_frames_);
  std::swap(nodes_, o.nodes_);
  std::swap(others_, o.others_);
  std::swap(gap_, o.gap_);
  std::swap(byte_limit, o.byte_limit);
  std::swap(code_pages_, o.code_pages_);
  std::swap(code_filter_, o.code_filter_);
  std::swap(dirty_code_, o.dirty_code_);
  std::swap(watched_, o.watched_);
  last_ = maps_.end();
  o.last_ = o.maps_.end();
  flush_tlb();
  o.flush_tlb();
  return *this;
}

Memory::~Memory() { release_node(root_, kTop); }

void Memory::flush_tlb() {
  tlb_read.fill({});
  tlb_write.fill({});
}

// --- the interval map ---

const Mapping* Memory::find(uint64_t address) const {
  if (last_ != maps_.end() && address >= last_->first && address < last_->second.end) return &last_->second;
  auto it = maps_.upper_bound(address);
  if (it == maps_.begin()) return nullptr;
  --it;
  if (address >= it->second.end) return nullptr;
  last_ = it;
  return &it->second;
}

void Memory::split_at(uint64_t address) {
  auto it = maps_.upper_bound(address);
  if (it == maps_.begin()) return;
  --it;
  if (it->first == address || address >= it->second.end) return;
  Mapping tail = it->second;
  const uint64_t skip = address - it->first;
  tail.backing.bytes = skip < tail.backing.bytes.size() ? tail.backing.bytes.subspan(skip) : std::span<const uint8_t>{};
  if (tail.backing.bytes.empty()) tail.backing.owner.reset();
  tail.view.offset += skip;
  tail.view.bytes -= std::min(skip, tail.view.bytes);
  it->second.end = address;
  maps_.emplace(address, std::move(tail));
}

void Memory::note_code(uint64_t begin, uint64_t end) {
  for (auto it = code_pages_.begin(); it != code_pages_.end();) {
    if (*it >= begin && *it < end) {
      dirty_code_.push_back(*it);
      it = code_pages_.erase(it);
    } else {
      ++it;
    }
  }
}

void Memory::drop_frames(uint64_t begin, uint64_t end) {
  if (witness_) witness_->replaced(begin, end);
  for (std::set<uint64_t>* pages : {&stored_, &own_pages_})
    pages->erase(pages->lower_bound(begin), pages->lower_bound(end));
  if (frames_ == 0 || begin >= kSpan) return;
  own(root_, kTop);
  Dropped dropped;
  prune(root_, kTop, 0, begin, end, dropped);
  frames_ -= dropped.frames;
  written_frames_ -= dropped.written;
  nodes_ -= dropped.nodes;
}

void Memory::unmap(uint64_t address, uint64_t length) {
  const uint64_t begin = page_of(address), end = page_up(address + length);
  if (begin >= end) return;
  split_at(begin);
  split_at(end);
  const auto first = maps_.lower_bound(begin), last = maps_.lower_bound(end);
  const bool any = first != last;
  maps_.erase(first, last);
  last_ = maps_.end();
  if (!any) return;
  if (end > gap_.from) gap_ = {};
  drop_frames(begin, end);
  note_code(begin, end);
  flush_tlb();
}

void Memory::map(uint64_t address, uint64_t length, uint8_t prot, Backing backing, MappingName name, FileView view) {
  const uint64_t begin = page_of(address), end = page_up(address + length);
  if (begin >= end) return;
  unmap(begin, end - begin);
  Mapping m;
  m.end = end;
  m.prot = prot;
  m.backing = std::move(backing);
  m.name = std::move(name);
  m.view = view;
  maps_.emplace(begin, std::move(m));
  join(begin, end);
  note_code(begin, end);  // the engine remembers where nothing could be fetched, too
}

// Neighbours that differ in nothing become one, so that a heap that grows in steps, up or down, stays one interval.
void Memory::join(uint64_t begin, uint64_t end) {
  auto it = maps_.lower_bound(begin);
  if (it != maps_.begin()) --it;
  while (it != maps_.end()) {
    const auto next = std::next(it);
    if (next == maps_.end() || next->first > end) return;
    const Mapping &a = it->second, &b = next->second;
    if (a.end == next->first && a.prot == b.prot && a.shared_anon == b.shared_anon && !a.view.file && !b.view.file &&
        a.backing.bytes.empty() && b.backing.bytes.empty() && a.name == b.name) {
      it->second.end = b.end;
      maps_.erase(next);
      last_ = maps_.end();
    } else {
      it = next;
    }
  }
}

bool Memory::protect(uint64_t address, uint64_t length, uint8_t prot) {
  const uint64_t begin = page_of(address), end = page_up(address + length);
  if (!is_mapped(begin, end - begin)) return false;
  split_at(begin);
  split_at(end);
  for (auto it = maps_.lower_bound(begin); it != maps_.end() && it->first < end; ++it) it->second.prot = prot;
  join(begin, end);
  note_code(begin, end);
  flush_tlb();
  return true;
}

void Memory::discard(uint64_t address, uint64_t length) {
  const uint64_t begin = page_of(address), end = page_up(address + length);
  drop_frames(begin, end);
  note_code(begin, end);
  flush_tlb();
}

void Memory::move(uint64_t address, uint64_t length, uint64_t to, uint64_t new_length) {
  split_at(address);
  split_at(address + length);
  const Mapping* from = find(address);
  Backing backing = from->backing;
  const uint8_t prot = from->prot;
  const bool shared = from->shared_anon;
  const MappingName name = from->name;
  FileView view = from->view;
  const std::set<uint64_t> own_pages(own_pages_.lower_bound(address), own_pages_.lower_bound(address + length));
  if (backing.bytes.size() > length) backing.bytes = backing.bytes.first(length);
  std::vector<std::pair<uint64_t, Frame*>> frames;
  walk_range(root_, kTop, 0, address, address + std::min(length, new_length), [&](uint64_t page, Frame* f) {
    ++f->refs;
    frames.emplace_back(page, f);
  });
  unmap(address, length);
  map(to, new_length, prot, std::move(backing), name, view);
  for (uint64_t page : own_pages) own_pages_.insert(to + (page - address));
  if (shared) maps_.at(to).shared_anon = true;
  for (const auto& [page, f] : frames) {
    Node* n = node_of(to + (page - address));
    n->put(slot_of(to + (page - address), 0), f);
    ++n->used;
    ++frames_;
    written_frames_ += f->own;
  }
}

bool Memory::is_mapped(uint64_t address, uint64_t length) const {
  uint64_t at = page_of(address);
  const uint64_t end = page_up(address + length);
  if (end < at) return false;  // beyond the end of all addresses
  while (at < end) {
    const Mapping* m = find(at);
    if (!m) return false;
    at = m->end;
  }
  return true;
}

bool Memory::any_mapped(uint64_t address, uint64_t length) const {
  if (find(page_of(address))) return true;
  const auto it = maps_.lower_bound(page_of(address));
  return it != maps_.end() && it->first < page_up(address + length);
}

uint64_t Memory::find_free(uint64_t length, uint64_t from, uint64_t limit, uint64_t align) const {
  const auto up = [align](uint64_t a) { return (a + align - 1) & ~(align - 1); };
  uint64_t at = up(from);
  auto it = maps_.upper_bound(at);
  if (it != maps_.begin() && std::prev(it)->second.end > at) at = up(std::prev(it)->second.end);
  for (; it != maps_.end() && it->first < at + length; ++it) at = std::max(at, up(it->second.end));
  return at + length <= limit && at + length > at ? at : 0;
}

uint64_t Memory::find_free_down(uint64_t length, uint64_t from, uint64_t limit, uint64_t align) const {
  if (length > limit) return 0;
  const bool known = gap_.limit == limit && align == kPage && length >= gap_.length && gap_.length != 0;
  uint64_t at = ((known ? gap_.from : limit) - std::min(length, known ? gap_.from : limit)) & ~(align - 1);
  if (known && gap_.from < length) return 0;
  for (auto it = maps_.lower_bound(known ? gap_.from : limit); it != maps_.begin();) {
    --it;
    if (it->second.end <= at) break;
    if (it->first < length) return 0;
    at = std::min(at, (it->first - length) & ~(align - 1));
  }
  if (align == kPage) gap_ = {length, at + length, limit};  // else what lies behind an aligned end may fit another
  return at >= from ? at : 0;
}

uint64_t Memory::mapped_bytes() const {
  uint64_t sum = 0;
  for (const auto& [start, m] : maps_) sum += m.end - start;
  return sum;
}

// --- frames ---

void Memory::initial_page(const Mapping& m, uint64_t start, uint64_t page, uint8_t* out) const {
  const uint64_t skip = page - start, size = m.backing.bytes.size();
  const uint64_t n = skip < size ? std::min(kPage, size - skip) : 0;
  if (n) std::memcpy(out, m.backing.bytes.data() + skip, n);
  std::memset(out + n, 0, kPage - n);
}

const uint8_t* Memory::frame_for_read(uint64_t page) const {
  if (page >= kSpan) return nullptr;
  const Node* n = root_;
  for (int level = kTop; level > 0 && n; --level) n = static_cast<const Node*>(n->child[slot_of(page, level)]);
  return n ? reinterpret_cast<const uint8_t*>(n->bytes[slot_of(page, 0)] & ~Node::kOnly) : nullptr;
}

// The lowest node above a page, this value's own. Only [0, 2^48) can be mapped; the interval map never holds more.
detail::Node* Memory::node_of(uint64_t page) {
  Node* n = own(root_, kTop);
  for (int level = kTop; level > 0; --level) {
    void*& entry = n->child[slot_of(page, level)];
    if (!entry) {
      entry = new Node;
      ++n->used;
      ++nodes_;
    }
    Node* child = static_cast<Node*>(entry);
    own(child, level - 1);
    entry = child;
    n = child;
  }
  return n;
}

uint64_t Memory::frame_bytes() const {
  return written_frames_ * kFrameCost + (frames_ - written_frames_) * kBackedFrameCost + nodes_ * kNodeCost;
}

uint64_t Memory::mapping_bytes() const { return maps_.size() * kMappingCost; }

uint64_t Memory::own_bytes() const { return frame_bytes() + mapping_bytes(); }

void Memory::count_frame(uint64_t cost) {
  const uint64_t held = held_bytes();
  if (held > byte_limit || cost > byte_limit - held) throw Error("the guest needs more memory than --memory allows");
}

uint8_t* Memory::frame_for_write(uint64_t page, const Mapping& m) {
  Node* n = node_of(page);
  const unsigned slot = slot_of(page, 0);
  if (n->bytes[slot] & Node::kOnly) return reinterpret_cast<uint8_t*>(n->bytes[slot] & ~Node::kOnly);
  auto* f = static_cast<Frame*>(n->child[slot]);
  if (f && f->refs == 1 && f->own) return n->put(slot, f), f->page();
  if (!f || !f->own) count_frame(kFrameCost);
  auto* made = new Frame;
  if (!f) {
    initial_page(m, last_->first, page, made->page());
    ++n->used;
    ++frames_;
    ++written_frames_;
  } else {
    std::memcpy(made->page(), f->bytes, kPage);
    written_frames_ += !f->own;
    release(f, -1);
    // A reader may hold the old frame in its TLB.
    tlb_read[tlb_index(page)] = {};
  }
  n->put(slot, made);
  return made->page();
}

// Of a page that is not resident, in a mapping with backing.
const uint8_t* Memory::frame_of_backing(uint64_t page, const Mapping& m) {
  const uint64_t skip = page - last_->first;
  if (skip + kPage > m.backing.bytes.size()) return frame_for_write(page, m);
  count_frame(kBackedFrameCost);
  Node* n = node_of(page);
  auto* f = new Frame(m.backing.bytes.data() + skip);
  n->put(slot_of(page, 0), f);
  ++n->used;
  ++frames_;
  return f->bytes;
}

// --- files that are mapped ---

bool Memory::is_behind_file(uint64_t address) const {
  const Mapping* m = find(address);
  return m && m->view.file && page_of(address) - last_->first >= page_up(m->view.bytes);
}

// The bytes in every view of the file but at the address `except`. Nothing is gathered first: there may be as many
// views as mappings, each with all of the bytes.
void Memory::show(uint64_t object, uint64_t offset, std::span<const uint8_t> bytes, uint64_t except) {
  bool any = false;
  for (const auto& [start, m] : maps_) {
    const FileView& v = m.view;
    if (!v.file || v.object != object) continue;
    const uint64_t from = std::max(offset, v.offset), to = std::min(offset + bytes.size(), v.offset + (m.end - start));
    if (from >= to || start + (from - v.offset) == except) continue;
    for (uint64_t at = from; at < to;) {
      const uint64_t address = start + (at - v.offset), page = page_of(address);
      const uint64_t n = std::min(to - at, kPage - address % kPage);
      if (!own_pages_.contains(page)) {
        find(address);  // frame_for_write looks at the mapping found last
        std::memcpy(frame_for_write(page, m) + address % kPage, bytes.data() + (at - offset), n);
        if (is_code(page)) note_code(page, page + kPage);
        if (witness_) witness_->replaced(page, page + kPage);
        any = true;
      }
      at += n;
    }
  }
  if (any) flush_tlb();
}

void Memory::file_written(uint64_t object, uint64_t offset, std::span<const uint8_t> bytes) {
  const uint64_t end = offset + bytes.size();
  for (auto& [start, m] : maps_)
    if (m.view.file && m.view.object == object && end > m.view.offset)
      m.view.bytes = std::max(m.view.bytes, end - m.view.offset);
  show(object, offset, bytes, UINT64_MAX);
}

void Memory::file_resized(uint64_t object, uint64_t size) {
  struct Tail {
    uint64_t address, n;
  };
  std::vector<Tail> tails;
  for (auto& [start, m] : maps_) {
    FileView& v = m.view;
    if (!v.file || v.object != object) continue;
    const uint64_t before = std::exchange(v.bytes, size - std::min(size, v.offset));
    if (v.bytes >= before) continue;
    m.backing.bytes = m.backing.bytes.first(std::min<uint64_t>(m.backing.bytes.size(), v.bytes));
    const uint64_t behind = start + page_up(v.bytes), last = page_of(start + v.bytes);
    if (behind < m.end) drop_frames(behind, m.end);  // private ones too: the kernel takes them away
    if (v.bytes % kPage && last < m.end && !own_pages_.contains(last))
      tails.push_back({start + v.bytes, kPage - v.bytes % kPage});
  }
  const uint8_t zeros[kPage] = {};
  for (const Tail& t : tails) poke(t.address, zeros, t.n);
  flush_tlb();
}

// The guest has stored to [address, address + n), which may lie in views of files.
void Memory::note_file_store(uint64_t address, uint64_t n) {
  for (uint64_t done = 0; done < n;) {
    const uint64_t at = address + done, k = std::min(n - done, kPage - at % kPage);
    done += k;
    const Mapping* m = find(at);
    if (!m || !m->view.file) continue;
    if (!m->view.shared) {
      own_pages_.insert(page_of(at));
      continue;
    }
    stored_.insert(page_of(at));
    uint8_t bytes[kPage];
    const FileView v = m->view;
    const uint64_t offset = v.offset + (at - last_->first);
    if (peek_slowly(at, bytes, k)) show(v.object, offset, {bytes, k}, at);
  }
}

// --- checked access ---

bool Memory::fail(uint64_t address, isa::Fault f) {
  fault_address = address;
  fault = f;
  return false;
}

// Both pages of an access are checked before the first byte moves. `step(page, offset_in_access, offset_in_page, n,
// mapping)`.
template <class Step>
bool Memory::each_page(uint64_t address, uint64_t n, uint8_t prot, Step step) {
  if (n == 0) return true;
  const uint64_t last = address + n - 1;
  if (last < address) return fail(address, isa::Fault::Page);
  for (int pass = 0; pass < 2; ++pass) {
    uint64_t done = 0;
    while (done < n) {
      const uint64_t at = address + done;
      const uint64_t in_page = at & (kPage - 1);
      const uint64_t k = std::min(n - done, kPage - in_page);
      const Mapping* m = find(at);
      if (pass == 0) {
        if (!m || (m->prot & prot) != prot || (m->view.file && is_behind_file(at))) {
          const bool canonical = at < (uint64_t{1} << 47) || at >= ~uint64_t{0} << 47;
          return fail(at, canonical ? isa::Fault::Page : isa::Fault::NonCanonical);
        }
      } else {
        step(page_of(at), done, in_page, k, *m);
      }
      done += k;
    }
  }
  return true;
}

// The short way to what lies within one page, which is there, in the mapping found last: scattered accesses come here
// whenever the TLB misses. nullptr: it takes the long one.
const uint8_t* Memory::resident(uint64_t address, uint64_t n) const {
  const uint64_t page = page_of(address);
  if (last_ == maps_.end() || address < last_->first || page_of(address + n - 1) != page) return nullptr;
  const Mapping& m = last_->second;
  return address < m.end && (m.prot & kRead) && !m.view.file ? frame_for_read(page) : nullptr;
}

bool Memory::read(uint64_t address, void* out, uint64_t n) {
  auto* to = static_cast<uint8_t*>(out);
  if (const uint8_t* from = n ? resident(address, n) : nullptr) {
    const uint64_t page = page_of(address);
    if (witness_) witness_->reached(page, from);
    std::memcpy(to, from + address % kPage, n);
    if (!is_watched(page)) tlb_read[tlb_index(page)] = {page, reinterpret_cast<uintptr_t>(from) - page};
    return true;
  }
  return each_page(address, n, kRead, [&](uint64_t page, uint64_t done, uint64_t at, uint64_t k, const Mapping& m) {
    const uint8_t* from = frame_for_read(page);
    if (!from && !m.backing.bytes.empty()) from = frame_of_backing(page, m);
    if (!from) from = kZeroPage;
    if (witness_) witness_->reached(page, from);
    std::memcpy(to + done, from + at, k);
    if (!is_watched(page)) tlb_read[tlb_index(page)] = {page, reinterpret_cast<uintptr_t>(from) - page};
  });
}

bool Memory::write(uint64_t address, const void* in, uint64_t n) {
  const auto* from = static_cast<const uint8_t*>(in);
  bool view = false;
  const auto store = [&](uint64_t page, uint64_t done, uint64_t at, uint64_t k, const Mapping& m) {
    uint8_t* to = frame_for_write(page, m);
    if (witness_) witness_->reached(page, to);
    std::memcpy(to + at, from + done, k);
    if (witness_) witness_->stored(page + at, to + at, k);
    view = view || m.view.file;
    if (is_code(page)) {
      dirty_code_.push_back(page);
      code_pages_.erase(page);
    } else if (!is_watched(page) && !m.view.shared) {  // of a file that is shared every store counts
      tlb_write[tlb_index(page)] = {page, reinterpret_cast<uintptr_t>(to) - page};
    }
    if (tlb_read[tlb_index(page)].tag == page)
      tlb_read[tlb_index(page)].addend = reinterpret_cast<uintptr_t>(to) - page;
  };
  if (!each_page(address, n, kWrite, store)) return false;
  if (view) note_file_store(address, n);
  return true;
}

bool Memory::check_write(uint64_t address, uint64_t n) {
  return each_page(address, n, kWrite, [](uint64_t, uint64_t, uint64_t, uint64_t, const Mapping&) {});
}

bool Memory::check_read(uint64_t address, uint64_t n) {
  return each_page(address, n, kRead, [](uint64_t, uint64_t, uint64_t, uint64_t, const Mapping&) {});
}

unsigned Memory::fetch(uint64_t address, void* out, unsigned n) {
  auto* to = static_cast<uint8_t*>(out);
  unsigned done = 0;
  while (done < n) {
    const uint64_t at = address + done;
    const Mapping* m = find(at);
    if (!m || !(m->prot & kExec) || (m->view.file && is_behind_file(at))) break;
    const unsigned k = static_cast<unsigned>(std::min<uint64_t>(n - done, kPage - (at & (kPage - 1))));
    const uint8_t* from = frame_for_read(page_of(at));
    if (!from && !m->backing.bytes.empty()) from = frame_of_backing(page_of(at), *m);
    if (!from) from = kZeroPage;
    if (witness_) witness_->reached(page_of(at), from);
    std::memcpy(to + done, from + (at & (kPage - 1)), k);
    done += k;
  }
  return done;
}

bool Memory::read_string(uint64_t address, std::string& out, uint64_t limit) {
  out.clear();
  for (uint64_t i = 0; i < limit; ++i) {
    char c = 0;
    if (!read(address + i, &c, 1)) return false;
    if (c == 0) return true;
    out.push_back(c);
  }
  return fail(address, isa::Fault::None);
}

bool Memory::peek_slowly(uint64_t address, void* out, uint64_t n) const {
  auto* to = static_cast<uint8_t*>(out);
  for (uint64_t done = 0; done < n;) {
    const uint64_t at = address + done;
    const Mapping* m = find(at);
    if (!m) return false;
    const uint64_t k = std::min(n - done, kPage - (at & (kPage - 1)));
    if (const uint8_t* from = frame_for_read(page_of(at))) {
      std::memcpy(to + done, from + (at & (kPage - 1)), k);
    } else {
      uint8_t page[kPage];
      initial_page(*m, last_->first, page_of(at), page);
      std::memcpy(to + done, page + (at & (kPage - 1)), k);
    }
    done += k;
  }
  return true;
}

bool Memory::poke(uint64_t address, const void* in, uint64_t n) {
  const auto* from = static_cast<const uint8_t*>(in);
  if (!is_mapped(address, n)) return false;
  for (uint64_t done = 0; done < n;) {
    const uint64_t at = address + done, page = page_of(at);
    const uint64_t k = std::min(n - done, kPage - (at & (kPage - 1)));
    const Mapping* m = find(at);
    std::memcpy(frame_for_write(page, *m) + (at & (kPage - 1)), from + done, k);
    note_code(page, page + kPage);
    if (witness_) witness_->replaced(page, page + kPage);
    done += k;
  }
  flush_tlb();
  return true;
}

// --- for the engine and for comparisons ---

void Memory::mark_code(uint64_t page) {
  const uint64_t bit = page / kPage % kCodeFilter;
  code_filter_[bit / 64] |= uint64_t{1} << bit % 64;
  if (code_pages_.insert(page).second) tlb_write[tlb_index(page)] = {};
}

std::vector<uint64_t> Memory::take_dirty_code() { return std::exchange(dirty_code_, {}); }

void Memory::set_watched_pages(std::unordered_set<uint64_t> pages) {
  if (pages == watched_) return;
  watched_ = std::move(pages);
  flush_tlb();
}

bool Memory::same_frame(const Memory& a, const Memory& b, uint64_t page) {
  return find_frame(a.root_, page) == find_frame(b.root_, page);
}

std::vector<uint64_t> Memory::resident_pages() const {
  std::vector<uint64_t> pages;
  walk(root_, kTop, 0, [&](uint64_t page, const Frame&) { pages.push_back(page); });
  return pages;
}

uint64_t Memory::digest() const {
  uint64_t h = 0;
  for (const auto& [start, m] : maps_) {
    h = mix(h, start);
    h = mix(h, m.end);
    h = mix(h, m.prot);
    if (m.view.file) h = mix(mix(mix(mix(h, m.view.object), m.view.offset), m.view.bytes), m.view.shared);
  }
  for (uint64_t page : stored_) h = mix(h, page);
  for (uint64_t page : own_pages_) h = mix(h, page + 1);
  // A page that was touched but holds what it held at first counts as untouched.
  walk(root_, kTop, 0, [&](uint64_t page, const Frame& f) {
    const Mapping* m = find(page);
    if (!m) return;
    uint8_t initial[kPage];
    initial_page(*m, last_->first, page, initial);
    if (std::memcmp(initial, f.bytes, kPage) == 0) return;
    h = hash_bytes(mix(h, page), f.bytes, kPage);
  });
  return h;
}

namespace {
uint64_t other_shared = 0;
}

uint64_t live_frame_bytes() { return detail::live_bytes; }
uint64_t live_shared_bytes() { return detail::live_bytes + other_shared; }
void count_shared_bytes(int64_t more) { other_shared += static_cast<uint64_t>(more); }

}  // namespace deferscope::emu
