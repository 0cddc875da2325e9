#include "emu/engine/cache.h"

namespace deferscope::emu {
namespace {

uint64_t first_page(const Block& b) { return page_of(b.pc); }
uint64_t last_page(const Block& b) { return page_of(b.pc + b.span - 1); }
// Its place in the list of that page.
Block*& next_on(Block& b, uint64_t page) { return b.on_page[first_page(b) == page ? 0 : 1]; }

}  // namespace

Engine::Cache::Cache(unsigned most, size_t bytes) : limit(most), bytes_(bytes) {
  for (size_t i = 0; i < kJumps; ++i) jump[i] = no_jump(i);
}

void Engine::Cache::keep(Block* b) {
  if (count_++ == buckets_.size()) grow();
  link(b);
  Block*& list = on_page_[first_page(*b)];
  b->on_page[0] = std::exchange(list, b);
  if (last_page(*b) == first_page(*b)) return;
  Block*& other = on_page_[last_page(*b)];
  b->on_page[1] = std::exchange(other, b);
}

void Engine::Cache::grow() {
  const std::vector<Block*> old = std::exchange(buckets_, std::vector<Block*>(buckets_.size() * 2));
  for (Block* b : old)
    while (b) link(std::exchange(b, b->next));
}

// All but its places in the lists of pages.
void Engine::Cache::drop(Block& b) {
  b.dropped = true;
  --count_;
  Block** at = &buckets_[hash(b.pc) % buckets_.size()];
  while (*at != &b) at = &(*at)->next;
  *at = b.next;
  const size_t guess = hash(b.pc) % kJumps;
  if (jump[guess].block == &b) jump[guess] = no_jump(guess);
  for (Link* l = std::exchange(b.in, nullptr); l;) {
    l->to = nullptr;
    if (l->cell) *l->cell = l->stub;
    l = std::exchange(l->next, nullptr);
  }
}

// The list of a page is gone through once; what was dropped by way of its other page leaves it too.
template <class Which>
void Engine::Cache::drop_if(uint64_t page, Which which) {
  const auto list = on_page_.find(page);
  if (list == on_page_.end()) return;
  for (Block** at = &list->second; *at;) {
    Block& b = **at;
    if (!b.dropped && which(b)) drop(b);
    if (b.dropped)
      *at = next_on(b, page);
    else
      at = &next_on(b, page);
  }
  if (!list->second) on_page_.erase(list);
}

void Engine::Cache::drop_page(uint64_t page) {
  drop_if(page, [](const Block&) { return true; });
}

void Engine::Cache::drop_at(uint64_t pc) {
  drop_if(page_of(pc), [pc](const Block& b) { return pc - b.pc < b.span; });
}

void Engine::Cache::clear() {
  for (size_t i = 0; i < kJumps; ++i) jump[i] = no_jump(i);
  buckets_.assign(kBuckets, nullptr);
  on_page_.clear();
  count_ = used_ = 0;
  arena_.release();
}

}  // namespace deferscope::emu
