// Guest memory: an interval map says what is mapped, 4 KiB frames appear on first touch in a radix table. Copying a
// Memory shares all frames copy-on-write, so a snapshot costs what changes afterwards. The guest reaches no page of the
// host.
#pragma once
#include <array>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "isa/evaluate.h"

namespace deferscope::emu {

inline constexpr uint64_t kPage = 4096;
inline constexpr uint64_t page_of(uint64_t a) { return a & ~(kPage - 1); }
inline constexpr uint64_t page_up(uint64_t a) { return (a + kPage - 1) & ~(kPage - 1); }

enum Prot : uint8_t { kNoAccess = 0, kRead = 1, kWrite = 2, kExec = 4 };

// Bytes that stand behind a mapping until a page is written: an image's segment, a file.
struct Backing {
  std::shared_ptr<const void> owner;  // keeps `bytes` alive and unchanged (a loader::Image, a journaled file)
  std::span<const uint8_t> bytes;     // from the mapping's first byte on; behind them it reads as 0
};

// A mapping's name, shared by all parts that it is split into.
class MappingName {
 public:
  MappingName() = default;
  MappingName(const char* s) : MappingName(std::string(s)) {}
  MappingName(std::string s) : text_(s.empty() ? nullptr : std::make_shared<const std::string>(std::move(s))) {}
  const std::string& text() const {
    static const std::string none;
    return text_ ? *text_ : none;
  }
  bool empty() const { return !text_; }
  size_t size() const { return text_ ? text_->size() : 0; }
  friend bool operator==(const MappingName& a, const MappingName& b) {
    return a.text_ == b.text_ || (a.text_ && b.text_ && *a.text_ == *b.text_);
  }

 private:
  std::shared_ptr<const std::string> text_;
};

// The part of a file that a mapping shows. Memory keeps the mappings of one file coherent; what a store to a shared one
// means for the file is the OS's matter (take_stored_pages).
struct FileView {
  int file = 0;         // the OS's open file; 0: none
  uint64_t object = 0;  // which file it is: views of the same one share its bytes
  uint64_t offset = 0;  // of the mapping's first byte
  uint64_t bytes = 0;   // that the file has from there on; pages wholly behind them cannot be accessed
  bool shared = false, may_write = false;
};

struct Mapping {
  uint64_t end = 0;
  uint8_t prot = 0;
  bool shared_anon = false;
  Backing backing;
  FileView view;
  MappingName name;  // as /proc/self/maps shows it; "[heap]", "[stack]", a path, or empty
};

namespace detail {
struct Frame;
struct Node;
}  // namespace detail

// Sees what a memory is to its guest, page by page, so that it can be kept (Machine::set_witness). Called in the middle
// of things: nothing may be changed.
class MemoryWitness {
 public:
  virtual ~MemoryWitness() = default;
  // The page is read, fetched from or about to be stored to: told at least once after flush_tlb, before the access.
  // `bytes`: all of it as it is.
  virtual void reached(uint64_t page, const uint8_t* bytes) = 0;
  // n bytes within one page were stored: at least all that is stored while no instruction executes, and all that goes
  // to pages of code.
  virtual void stored(uint64_t address, const uint8_t* bytes, uint64_t n) = 0;
  // These pages hold something else now, or are no more.
  virtual void replaced(uint64_t begin, uint64_t end) = 0;
};

class Memory {
 public:
  Memory();
  Memory(const Memory&);  // O(mappings); shares every frame
  Memory(Memory&&) noexcept;
  Memory& operator=(const Memory&);  // the same; keeps this object's code page set and byte limit
  Memory& operator=(Memory&&) noexcept;
  ~Memory();

  // All addresses and lengths are rounded outwards to kPage (darwin/arm64's OS rounds to 16 KiB before).
  void map(uint64_t address, uint64_t length, uint8_t prot, Backing backing = {}, MappingName name = {},
           FileView view = {});  // replaces what was there
  void unmap(uint64_t address, uint64_t length);
  bool protect(uint64_t address, uint64_t length,
               uint8_t prot);                       // false, and nothing changed, if some page is not mapped
  void discard(uint64_t address, uint64_t length);  // MADV_DONTNEED: back to zeros or the backing
  // Moves a range of one mapping, bytes and all, to `to`, where it becomes `new_length` long; the two do not overlap.
  // Costs what is resident in it, as unmap and discard do.
  void move(uint64_t address, uint64_t length, uint64_t to, uint64_t new_length);
  bool is_mapped(uint64_t address, uint64_t length) const;  // every page of it
  bool any_mapped(uint64_t address, uint64_t length) const;
  const std::map<uint64_t, Mapping>& mappings() const { return maps_; }
  // Lowest free range of `length` bytes at or above `from`, below `limit`; 0 if none.
  uint64_t find_free(uint64_t length, uint64_t from, uint64_t limit, uint64_t align = kPage) const;
  // Highest free range below `limit`, at or above `from`; 0 if none.
  uint64_t find_free_down(uint64_t length, uint64_t from, uint64_t limit, uint64_t align = kPage) const;

  // --- files that are mapped ---
  // The file has these bytes now, or this size: its views show it, as far as the guest has not made a private page its
  // own by writing to it. O(mappings).
  void file_written(uint64_t object, uint64_t offset, std::span<const uint8_t> bytes);
  void file_resized(uint64_t object, uint64_t size);
  // Pages of shared views that the guest stored to since the last call, in order of address.
  std::set<uint64_t> take_stored_pages() { return std::exchange(stored_, {}); }
  bool any_stored_page() const { return !stored_.empty(); }
  // Mapped, but the file ends before this page (SIGBUS).
  bool is_behind_file(uint64_t address) const;

  // Checked access, for the guest's instructions, system calls, host calls and signal frames alike: all n bytes or
  // none; permissions, copy-on-write and code invalidation apply. False: where and why in fault_address / fault.
  bool read(uint64_t address, void* out, uint64_t n);
  bool write(uint64_t address, const void* in, uint64_t n);
  bool check_write(uint64_t address, uint64_t n);
  bool check_read(uint64_t address, uint64_t n);
  // Instruction fetch: up to n bytes, stops at the first page that may not be executed; returns how many.
  unsigned fetch(uint64_t address, void* out, unsigned n);
  template <class T>
  bool read_value(uint64_t address, T& out) {
    return read(address, &out, sizeof(T));
  }
  template <class T>
  bool write_value(uint64_t address, const T& in) {
    return write(address, &in, sizeof(T));
  }
  // A NUL-terminated string of at most `limit` bytes. False: fault, or longer.
  bool read_string(uint64_t address, std::string& out, uint64_t limit = 4096);

  // Unchecked access for observers (debuggers, the runtime model): permissions ignored, mapped or not decides. Never
  // changes guest state (peek).
  bool peek(uint64_t address, void* out, uint64_t n) const {
    if (n == 0) return true;                           // `out` may be null
    const TlbEntry& e = tlb_read[tlb_index(address)];  // observers mostly look where the guest has just been
    if (e.tag != page_of(address + n - 1) || n > kPage) return peek_slowly(address, out, n);
    std::memcpy(out, reinterpret_cast<const void*>(e.addend + address), n);
    return true;
  }
  bool poke(uint64_t address, const void* in, uint64_t n);

  uint64_t fault_address = 0;
  isa::Fault fault = isa::Fault::None;

  uint64_t resident_bytes() const { return frames_ * kPage; }  // frames this value reaches (shared ones included)
  // What this value makes the host hold: frames, nodes of the table, mappings; and, as the OS says, everything else
  // that the guest made it hold. A page beyond `byte_limit` (--memory) throws emu::Error.
  uint64_t own_bytes() const;
  void set_other_bytes(uint64_t n) { others_ = n; }
  uint64_t frame_bytes() const;    // frames and nodes, which copies share
  uint64_t mapping_bytes() const;  // mappings, which they do not
  uint64_t held_bytes() const { return own_bytes() + others_; }
  uint64_t byte_limit = UINT64_MAX;
  uint64_t mapped_bytes() const;
  uint64_t digest() const;  // of what the guest can see; equal however the pages came to be. O(resident)

  // --- for the engine ---
  // Direct-mapped translation caches. An entry fits an access of n bytes at a if tag == page_of(a + n - 1); the host
  // address is a + addend.
  struct TlbEntry {
    uint64_t tag = 1;
    uintptr_t addend = 0;
  };
  static constexpr unsigned kTlbEntries = 4096;  // 16 MiB: a Go heap is walked in any order
  static unsigned tlb_index(uint64_t a) { return (a / kPage) % kTlbEntries; }
  std::array<TlbEntry, kTlbEntries> tlb_read, tlb_write;
  void flush_tlb();
  // Pages from which code was translated: stores to them are not entered into the write TLB and are reported.
  void mark_code(uint64_t page);
  bool is_code(uint64_t page) const {
    const uint64_t bit = page / kPage % kCodeFilter;
    return (code_filter_[bit / 64] >> bit % 64 & 1) && code_pages_.count(page) != 0;
  }
  const std::unordered_set<uint64_t>& code_pages() const { return code_pages_; }
  std::vector<uint64_t>
  take_dirty_code();  // pages of code written, unmapped or re-protected since the last call; they are unmarked
  bool code_dirty() const { return !dirty_code_.empty(); }
  void forget_code() { code_pages_.clear(); }  // nothing translated is kept
  // Pages whose accesses an observer must see (watchpoints): never in a TLB.
  void set_watched_pages(std::unordered_set<uint64_t> pages);
  bool any_watched() const { return !watched_.empty(); }
  bool is_watched(uint64_t page) const { return !watched_.empty() && watched_.count(page) != 0; }
  // nullptr: none. A setting of this object: copies have none, assignment keeps it.
  void set_witness(MemoryWitness* w) { witness_ = w; }
  // True iff the page holds the very same frame in both values: it was not written in between.
  static bool same_frame(const Memory& a, const Memory& b, uint64_t page);
  // Every resident page, in address order.
  std::vector<uint64_t> resident_pages() const;

 private:
  bool peek_slowly(uint64_t address, void* out, uint64_t n) const;
  const Mapping* find(uint64_t address) const;
  const uint8_t* frame_for_read(uint64_t page) const;  // nullptr: not resident
  detail::Node* node_of(uint64_t page);
  void count_frame(uint64_t cost);
  uint8_t* frame_for_write(uint64_t page, const Mapping& m);
  const uint8_t* frame_of_backing(uint64_t page, const Mapping& m);
  void drop_frames(uint64_t begin, uint64_t end);
  void split_at(uint64_t address);
  void join(uint64_t begin, uint64_t end);
  bool fail(uint64_t address, isa::Fault f);
  const uint8_t* resident(uint64_t address, uint64_t n) const;
  void note_file_store(uint64_t address, uint64_t n);
  void show(uint64_t object, uint64_t offset, std::span<const uint8_t> bytes, uint64_t except);
  template <class Step>
  bool each_page(uint64_t address, uint64_t n, uint8_t prot, Step step);
  void initial_page(const Mapping& m, uint64_t start, uint64_t page, uint8_t* out) const;
  void note_code(uint64_t begin, uint64_t end);
  void keep_equal_code(const Memory& o);

  std::map<uint64_t, Mapping> maps_;  // by start; never overlapping
  mutable std::map<uint64_t, Mapping>::const_iterator last_;
  detail::Node* root_ = nullptr;
  uint64_t frames_ = 0, written_frames_ = 0, nodes_ = 0, others_ = 0;
  struct Gap {  // no free range of `length` bytes ends above `from`, below `limit`: where a search may begin
    uint64_t length = 0, from = 0, limit = 0;
  };
  mutable Gap gap_;
  std::set<uint64_t> stored_, own_pages_;  // pages of views: shared ones stored to, private ones written to
  std::unordered_set<uint64_t> code_pages_;
  static constexpr uint64_t kCodeFilter = 1 << 14;
  std::array<uint64_t, kCodeFilter / 64> code_filter_{};  // a bit for the low bits of each number that was ever in it
  std::vector<uint64_t> dirty_code_;
  std::unordered_set<uint64_t> watched_;
  MemoryWitness* witness_ = nullptr;
};

// Frames and nodes alive in the process, in bytes: what all Memory values together hold.
uint64_t live_frame_bytes();
// The same for everything that copies of a machine share: frames, nodes and what else is counted here.
uint64_t live_shared_bytes();
void count_shared_bytes(int64_t more);

}  // namespace deferscope::emu
