// What libSystem allocates for its callers: malloc itself, directory streams, lists of addresses. First fit in a region
// of its own; who is where is part of the value.
#include <algorithm>

#include "emu/darwin/call.h"

namespace deferscope::emu::darwin {
namespace {

constexpr uint64_t kUnit = 16, kGrow = 1 << 20;

// The first free place; behind all blocks there is one. `steps`: the blocks that were looked at.
uint64_t free_place(State& s, uint64_t size, uint64_t& steps) {
  uint64_t at = s.heap_full_to;
  for (auto it = s.heap.lower_bound(at); it != s.heap.end() && it->first - at < size; ++it, ++steps) {
    const bool gap = it->first != at;
    const bool full = at == s.heap_full_to && !gap;
    at = it->first + it->second;
    if (full) s.heap_full_to = at;
  }
  return at;
}

}  // namespace

uint64_t heap_allocate(State& s, Memory& memory, uint64_t size, HostPort* host) {
  size = (std::max<uint64_t>(size, 1) + kUnit - 1) & ~(kUnit - 1);
  if (size > kHeapLimit || size == 0) return 0;
  uint64_t steps = 0;
  const uint64_t at = free_place(s, size, steps);
  if (host) host->work(steps);
  if (at + size > kHeapBase + kHeapLimit || !s.holdings.take(cost::kDescriptor)) return 0;
  if (at + size > s.heap_end) {
    const uint64_t end = (at + size + kGrow - 1) & ~(kGrow - 1);
    memory.map(s.heap_end, end - s.heap_end, kRead | kWrite, {}, "[malloc]");
    s.heap_end = end;
  }
  s.heap[at] = size;
  return at;
}

bool heap_free(State& s, uint64_t address) {
  if (!s.heap.erase(address)) return false;
  s.heap_full_to = std::min(s.heap_full_to, address);
  s.holdings.give_back(cost::kDescriptor);
  return true;
}

namespace {

Result allocate(Call& c, uint64_t size) {
  const uint64_t at = heap_allocate(c.s, c.memory(), size, &c.host);
  return at ? Result(static_cast<int64_t>(at)) : Error::NOMEM;
}

uint64_t size_of(const State& s, uint64_t address) {
  const auto it = s.heap.find(address);
  return it == s.heap.end() ? 0 : it->second;
}

Result reallocate(Call& c, uint64_t address, uint64_t size) {
  const uint64_t old = size_of(c.s, address);
  if (old >= size && size != 0) return static_cast<int64_t>(address);
  const Result at = allocate(c, size);
  if (!at || old == 0) return at;
  std::string bytes(std::min(old, size), '\0');
  c.host.work(bytes.size() / kPage);
  c.memory().peek(address, bytes.data(), bytes.size());
  c.memory().poke(static_cast<uint64_t>(at.value()), bytes.data(), bytes.size());
  heap_free(c.s, address);
  return at;
}

Result allocate_zeros(Call& c, uint64_t count, uint64_t each) {
  uint64_t size = 0;
  if (__builtin_mul_overflow(count, each, &size)) return Error::NOMEM;
  const Result at = allocate(c, size);
  if (at) c.host.work(size / kPage), heap_clear(c.memory(), static_cast<uint64_t>(at.value()), size);
  return at;
}

Result release(Call& c, uint64_t address) {
  if (address != 0 && !heap_free(c.s, address))
    throw Unsupported("libSystem's _free was given an address that no _malloc gave: the call");
  return 0;
}

}  // namespace

// They are zero, as far as the guest could ever have written there.
void heap_clear(Memory& memory, uint64_t at, uint64_t n) {
  const std::vector<uint8_t> zeros(std::min<uint64_t>(n, kPage));
  for (uint64_t done = 0; done < n; done += zeros.size())
    memory.poke(at + done, zeros.data(), std::min<uint64_t>(zeros.size(), n - done));
}

Result imp_malloc(Call& c) { return allocate(c, c.a[0]); }

// C++ throws where there is no memory; nobody here could.
Result imp_operator_new(Call& c) {
  const Result at = allocate(c, c.a[0]);
  if (!at) throw Unsupported("no memory for C++'s new: the call");
  return at;
}

Result imp_calloc(Call& c) { return allocate_zeros(c, c.a[0], c.a[1]); }

Result imp_realloc(Call& c) { return reallocate(c, c.a[0], c.a[1]); }
Result imp_free(Call& c) { return release(c, c.a[0]); }
Result imp_malloc_size(Call& c) { return c.give(size_of(c.s, c.a[0])); }

// There is one zone, whatever it is asked for by.
Result imp_malloc_default_zone(Call& c) { return c.give(c.s.zone); }
Result imp_malloc_zone_size(Call& c) { return c.give(size_of(c.s, c.a[1])); }
Result imp_malloc_zone_malloc(Call& c) { return allocate(c, c.a[1]); }
Result imp_malloc_zone_calloc(Call& c) { return allocate_zeros(c, c.a[1], c.a[2]); }
Result imp_malloc_zone_realloc(Call& c) { return reallocate(c, c.a[1], c.a[2]); }
Result imp_malloc_zone_free(Call& c) { return release(c, c.a[1]); }

}  // namespace deferscope::emu::darwin
